/* addr_agree.c: are two addresses one place (domain 3.2)?
 *
 * Part by part, from the greatest to the finest. A part that one side leaves out says nothing. Numbers
 * are equal or they differ; names of roads and compounds have a measure of their own, because people type
 * by sound: see name_compare. At the end it is asked whether what both state pins a place down. */
#include "base.h"
#include <stdio.h>

#define NAME_MAX 64 /* code points of a name that are compared */

const char *addr_verdict_name(enum addr_verdict v)
{
  static const char *const names[] = { "differ", "probable", "agree" };
  return (unsigned)v < COUNT(names) ? names[v] : "none";
}

/* ---- names ------------------------------------------------------------------------------------
 * NAME_SAME    the same characters
 * NAME_ALIKE   the same length, one character in place of another that sounds (without the tone) or
 *              looks like it; two such from six characters on
 * NAME_PART    the one is a part of the other: 凉风垭佳兴花园 and 佳兴花园; or one character is more;
 *              or long names share four characters on end that make at least half of the shorter
 * NAME_OTHER   anything else; also 文三路 and 文二路, 江南大道 and 江北大道, 东苑 and 西苑: characters that
 *              count or point tell places apart, whatever they sound like */
enum name_verdict { NAME_UNKNOWN, NAME_OTHER, NAME_PART, NAME_ALIKE, NAME_SAME };

struct name {
  uint32_t cp[NAME_MAX];
  int n;
};

static void name_read(struct name *out, const char *s)
{
  out->n = 0;
  for (uint32_t cp; out->n < NAME_MAX && (cp = utf8_next(&s));) out->cp[out->n++] = cp;
}

static bool is_in(uint32_t cp, const char *set)
{
  for (uint32_t c; (c = utf8_next(&set));)
    if (c == cp) return true;
  return false;
}

/* Characters by which neighbouring places are told apart. */
static bool tells_apart(uint32_t cp)
{
  return cp < 0x2E80 ||
         is_in(cp, "零一二三四五六七八九十百千甲乙丙丁东西南北中上下左右内外前后大小老新古旧正反园苑");
}

static bool looks_like(uint32_t a, uint32_t b)
{
  static const char *const groups[] = {
    "己已巳",   "未末", "士土",   "日曰",   "人入", "候侯",     "茶荼",   "析折拆", "浙淅",   "鸟乌",
    "晴睛睛清", "洒酒", "拔拨",   "戊戌戍", "冶治", "场扬杨汤", "刺剌",   "栗粟",   "崇祟",   "辛幸",
    "坂板版",   "哀衷", "毫亳",   "湾弯",   "沂忻", "泽择译",   "环怀坏", "侨桥",   "荣莱菜", "暖暧",
    "岗冈",     "官宫", "锦绵棉", "竟竞",   "冒昌", "贝见",     "今令",   "干千于", "天夭"
  };
  for (size_t i = 0; i < COUNT(groups); i++)
    if (is_in(a, groups[i]) && is_in(b, groups[i])) return true;
  return false;
}

static bool is_typo(uint32_t a, uint32_t b)
{
  if (tells_apart(a) && tells_apart(b)) return false;
  int sound = div_sound(a);
  return (sound && sound == div_sound(b)) || looks_like(a, b);
}

static bool holds(const struct name *whole, const struct name *part)
{
  for (int i = 0; i + part->n <= whole->n; i++)
    if (memcmp(whole->cp + i, part->cp, sizeof part->cp[0] * (size_t)part->n) == 0) return true;
  return false;
}

/* One character more in the middle of the longer name, and it is none that tells places apart. */
static bool is_one_more(const struct name *longer, const struct name *shorter)
{
  int i = 0;
  while (i < shorter->n && longer->cp[i] == shorter->cp[i]) i++;
  return shorter->n >= 3 && longer->n == shorter->n + 1 && !tells_apart(longer->cp[i]) &&
         memcmp(longer->cp + i + 1, shorter->cp + i, sizeof longer->cp[0] * (size_t)(shorter->n - i)) == 0;
}

static int common_run(const struct name *x, const struct name *y)
{
  int longest = 0;
  for (int i = 0; i < x->n; i++)
    for (int j = 0; j < y->n; j++) {
      int k = 0;
      while (i + k < x->n && j + k < y->n && x->cp[i + k] == y->cp[j + k]) k++;
      if (k > longest) longest = k;
    }
  return longest;
}

static bool is_much_alike(const struct name *x, const struct name *y)
{
  int shorter = x->n < y->n ? x->n : y->n;
  if (shorter < 6) return false;
  int run = common_run(x, y);
  return run >= 4 && run * 2 >= shorter;
}

static enum name_verdict name_compare(const char *x, const char *y)
{
  if (!x || !y) return NAME_UNKNOWN;
  if (strcmp(x, y) == 0) return NAME_SAME;
  struct name a, b;
  name_read(&a, x), name_read(&b, y);
  if (a.n == b.n) {
    int typos = 0;
    for (int i = 0; i < a.n; i++) {
      if (a.cp[i] == b.cp[i]) continue;
      typos += is_typo(a.cp[i], b.cp[i]) ? 1 : NAME_MAX;
    }
    if (a.n >= 3 && typos <= (a.n >= 6 ? 2 : 1)) return NAME_ALIKE;
    return is_much_alike(&a, &b) ? NAME_PART : NAME_OTHER;
  }
  const struct name *longer = a.n > b.n ? &a : &b, *shorter = a.n > b.n ? &b : &a;
  if (shorter->n >= 2 && (holds(longer, shorter) || is_one_more(longer, shorter))) return NAME_PART;
  return is_much_alike(&a, &b) ? NAME_PART : NAME_OTHER;
}

/* Names in Latin letters go by words: one word of five letters and more may hold one typing error; a name
 * without its first or last word ("elmwood", "elmwood street") is a part of the longer. */
static enum name_verdict latin_compare(struct arena *a, const char *x, const char *y)
{
  if (!x || !y) return NAME_UNKNOWN;
  if (strcmp(x, y) == 0) return NAME_SAME;
  const char *shorter = strlen(x) < strlen(y) ? x : y, *longer = shorter == x ? y : x,
             *at = strstr(longer, shorter);
  size_t n = strlen(shorter);
  if (at && n >= 5 && (at == longer || at[-1] == ' ') && (at[n] == 0 || at[n] == ' ')) return NAME_PART;
  int alike = 0;
  while (*x && *y) {
    size_t wx = strcspn(x, " "), wy = strcspn(y, " ");
    const char *a_word = arena_strn(a, x, wx), *b_word = arena_strn(a, y, wy);
    if (strcmp(a_word, b_word) != 0) {
      bool is_word = wx >= 5 && wy >= 5 && !strpbrk(a_word, "0123456789") && !strpbrk(b_word, "0123456789");
      if (!is_word || text_edits(a_word, b_word) > 1 || ++alike > 1) return NAME_OTHER;
    }
    x += wx + (x[wx] == ' '), y += wy + (y[wy] == ' ');
  }
  return *x || *y ? NAME_OTHER : NAME_ALIKE;
}

/* ---- parts ------------------------------------------------------------------------------------ */
struct pair {
  struct arena *mem;
  const struct addr *x, *y;
  enum name_verdict road, compound;
  bool town_differs;
};

static bool both(const struct pair *p, enum addr_part part)
{
  return p->x->part[part] && p->y->part[part];
}

static bool same(const struct pair *p, enum addr_part part)
{
  return both(p, part) && strcmp(p->x->part[part], p->y->part[part]) == 0;
}

/* "组5 期2": does any kind that both hold have two values? */
static bool extras_differ(const char *x, const char *y)
{
  while (x && *x) {
    size_t word = strcspn(x, " "), kind = 0;
    while (kind < word && ((unsigned char)x[kind] & 0x80)) kind++;
    if (!kind) kind = strcspn(x, "0123456789 ");
    for (const char *o = y; o && *o; o += strcspn(o, " "), o += *o == ' ') {
      size_t other = strcspn(o, " ");
      bool is_kind = other > kind && memcmp(o, x, kind) == 0 && !((unsigned char)o[kind] & 0x80);
      if (is_kind && (other != word || memcmp(o, x, word) != 0)) return true;
    }
    x += word;
    x += *x == ' ';
  }
  return false;
}

static bool extras_unequal(const struct pair *p)
{
  const char *x = p->x->part[ADDR_STREET_EXTRA], *y = p->y->part[ADDR_STREET_EXTRA];
  return (x || y) && (!x || !y || strcmp(x, y) != 0);
}

/* A district that is stated against a name that may mean several. */
static bool maybe_differs(const struct addr *x, const struct addr *y)
{
  const char *district = x->part[ADDR_DISTRICT];
  if (!y->maybe) return false;
  if (district) return !strstr(y->maybe, district);
  return x->maybe && strcmp(x->maybe, y->maybe) != 0 && !strstr(x->maybe, y->maybe) &&
         !strstr(y->maybe, x->maybe);
}

/* The name without its city means among others the district of the other side. */
static bool maybe_same(const struct addr *x, const struct addr *y)
{
  return x->part[ADDR_DISTRICT] && y->maybe && strstr(y->maybe, x->part[ADDR_DISTRICT]);
}

static bool is_latin_pair(const struct pair *p)
{
  return p->x->latin && p->y->latin;
}

static enum name_verdict names(const struct pair *p, enum addr_part part)
{
  const char *x = p->x->part[part], *y = p->y->part[part];
  return is_latin_pair(p) ? latin_compare(p->mem, x, y) : name_compare(x, y);
}

/* Does this part tell the two apart? Towns are named wrongly too often to decide; they only doubt. */
static bool part_differs(const struct pair *p, enum addr_part part)
{
  switch (part) {
  case ADDR_TOWN: return false;
  case ADDR_ROAD: return p->road == NAME_OTHER;
  case ADDR_COMPOUND: return p->compound == NAME_OTHER;
  case ADDR_STREET_EXTRA: return extras_differ(p->x->part[part], p->y->part[part]);
  case ADDR_POSTCODE:
    return is_latin_pair(p) && both(p, part) && strncmp(p->x->part[part], p->y->part[part], 5) != 0;
  case ADDR_DISTRICT:
    if (maybe_differs(p->x, p->y) || maybe_differs(p->y, p->x)) return true;
    return both(p, part) && !same(p, part);
  default: return both(p, part) && !same(p, part);
  }
}

/* How firmly the greater divisions are known to be the same. */
enum area { AREA_NONE, AREA_CITY, AREA_DISTRICT };

static enum area area_of(const struct pair *p)
{
  if (same(p, ADDR_DISTRICT) || same(p, ADDR_TOWN)) return AREA_DISTRICT;
  if (maybe_same(p->x, p->y) || maybe_same(p->y, p->x)) return AREA_DISTRICT;
  if (is_latin_pair(p) && (same(p, ADDR_POSTCODE) || same(p, ADDR_CITY))) return AREA_DISTRICT;
  bool unclear = p->x->maybe && p->y->maybe; /* one name, else they would differ */
  return same(p, ADDR_CITY) || unclear ? AREA_CITY : AREA_NONE;
}

/* "C区" of a tower is what others call its C座: a zone counts as the building where the other side
 * states a building and no zone. */
static const char *zone_of(struct arena *a, const struct addr *x)
{
  const char *extra = x->part[ADDR_STREET_EXTRA], *zone = extra ? strstr(extra, "区") : NULL;
  return zone ? arena_strn(a, zone + strlen("区"), strcspn(zone + strlen("区"), " ")) : NULL;
}

static bool zone_is_building(struct arena *a, const struct addr *x, const struct addr *y)
{
  if (x->part[ADDR_BUILDING] || !y->part[ADDR_BUILDING] || zone_of(a, y)) return false;
  const char *zone = zone_of(a, x);
  return zone && strcmp(zone, y->part[ADDR_BUILDING]) == 0;
}

static bool has_inside(const struct addr *a)
{
  return a->part[ADDR_BUILDING] || a->part[ADDR_ROOM];
}

static enum addr_verdict say(struct pair *p, enum addr_verdict v, enum addr_part part, enum addr_part *by,
                             const char **note, const char *why)
{
  if (by) *by = part;
  if (note) *note = arena_str(p->mem, why);
  return v;
}

static const char *value_for_people(struct arena *a, const struct addr *x, enum addr_part part)
{
  const char *v = x->part[part] ? x->part[part] : x->maybe;
  bool is_code = part <= ADDR_TOWN && v && *v >= '0' && *v <= '9';
  return !v ? "-" : is_code && !strchr(v, ' ') ? div_name(a, v) : v;
}

static enum addr_verdict differ(struct pair *p, enum addr_part part, enum addr_part *by, const char **note)
{
  if (by) *by = part;
  if (note)
    *note = arena_printf(p->mem, "%s: %s / %s", addr_part_name(part), value_for_people(p->mem, p->x, part),
                         value_for_people(p->mem, p->y, part));
  return ADDR_DIFFER;
}

/* 上河村100号 on the one side, 上河村100号某某幼儿园 on the other: the village came to stand where the
 * road does, because a compound followed. */
static void village_against_road(struct pair *p, const struct addr *a, const struct addr *b)
{
  if (!a->part[ADDR_ROAD] || b->part[ADDR_ROAD] || !b->part[ADDR_COMPOUND] || !same(p, ADDR_NUMBER)) return;
  if (strcmp(a->part[ADDR_ROAD], b->part[ADDR_COMPOUND]) == 0)
    p->road = NAME_SAME, p->compound = NAME_UNKNOWN;
}

/* Numbers that no part took must be the same too: "3 B" of the one and "4 C" of the other. */
static bool rests_differ(const char *x, const char *y)
{
  static const char digits[] = "0123456789";
  x += strcspn(x, digits), y += strcspn(y, digits);
  if (!*x || !*y) return false;
  while (*x && *y) {
    size_t n = strspn(x, digits);
    if (n != strspn(y, digits) || memcmp(x, y, n) != 0) return true;
    x += n, y += n;
    x += strcspn(x, digits), y += strcspn(y, digits);
  }
  return *x || *y;
}

/* What stands behind a name that is only alike. */
static int backing(const struct pair *p)
{
  return same(p, ADDR_NUMBER) + same(p, ADDR_BUILDING) + same(p, ADDR_UNIT) + same(p, ADDR_ROOM) +
         (p->road == NAME_SAME) + (p->compound == NAME_SAME) + same(p, ADDR_STREET_EXTRA);
}

/* Street, compound and the door in it: two such places in one province are one place. */
static bool is_all_the_same(const struct pair *p)
{
  return p->road == NAME_SAME && same(p, ADDR_NUMBER) && p->compound == NAME_SAME && same(p, ADDR_BUILDING) &&
         same(p, ADDR_ROOM);
}

/* Both say a road and nothing finer. */
static bool is_bare_road(const struct pair *p)
{
  for (int part = ADDR_NUMBER; part <= ADDR_ROOM; part++)
    if (p->x->part[part] || p->y->part[part]) return false;
  return p->road == NAME_SAME && !p->town_differs;
}

static bool same_lane(const struct pair *p)
{
  const char *x = p->x->part[ADDR_STREET_EXTRA], *y = p->y->part[ADDR_STREET_EXTRA];
  return x && y && strstr(x, "弄") && strstr(y, "弄") && !extras_differ(x, y);
}

/* ---- the verdict ------------------------------------------------------------------------------ */
enum addr_verdict addr_agree(struct arena *a, const struct addr *x, const struct addr *y, enum addr_part *by,
                             const char **note)
{
  static const enum addr_part order[] = { ADDR_PROVINCE, ADDR_CITY,   ADDR_DISTRICT,     ADDR_POSTCODE,
                                          ADDR_ROAD,     ADDR_NUMBER, ADDR_STREET_EXTRA, ADDR_COMPOUND,
                                          ADDR_BUILDING, ADDR_UNIT,   ADDR_FLOOR,        ADDR_ROOM };
  must(a && x && y);
  struct pair p = { .mem = a, .x = x, .y = y };
  if (x->masked || y->masked) return say(&p, ADDR_DIFFER, ADDR_N, by, note, "an address is masked");
  if (x->latin != y->latin) return say(&p, ADDR_DIFFER, ADDR_N, by, note, "written in different scripts");
  p.road = names(&p, ADDR_ROAD), p.compound = names(&p, ADDR_COMPOUND);
  village_against_road(&p, x, y), village_against_road(&p, y, x);
  p.town_differs = both(&p, ADDR_TOWN) && !same(&p, ADDR_TOWN);
  for (size_t i = 0; i < COUNT(order); i++)
    if (part_differs(&p, order[i])) return differ(&p, order[i], by, note);

  bool street = p.road >= NAME_PART && (same(&p, ADDR_NUMBER) || same_lane(&p));
  bool village = p.compound >= NAME_PART && same(&p, ADDR_NUMBER);
  bool estate = p.compound >= NAME_PART;
  bool inside =
    same(&p, ADDR_BUILDING) || same(&p, ADDR_ROOM) || zone_is_building(a, x, y) || zone_is_building(a, y, x);
  bool inside_missing = (has_inside(x) || has_inside(y)) && !inside;
  enum area area = area_of(&p);
  int points = (p.road >= NAME_ALIKE) + street + (p.compound >= NAME_PART) + (p.compound >= NAME_ALIKE) +
               inside + (area == AREA_DISTRICT);
  if (!street && !estate && area == AREA_DISTRICT && is_bare_road(&p))
    return say(&p, ADDR_PROBABLE, ADDR_ROAD, by, note, "a road without a number");
  if ((!street && !estate) || points < 2)
    return say(&p, ADDR_DIFFER, ADDR_N, by, note, "too little is stated by both");

  enum addr_part last = inside              ? (same(&p, ADDR_ROOM) ? ADDR_ROOM : ADDR_BUILDING)
                        : street || village ? ADDR_NUMBER
                                            : ADDR_COMPOUND;
  const char *doubt = NULL;
  bool is_pinned = area == AREA_DISTRICT ||
                   (area == AREA_CITY && inside && street + estate + same(&p, ADDR_ROOM) >= 2) ||
                   (same(&p, ADDR_PROVINCE) && is_all_the_same(&p));
  if (!is_pinned) doubt = "no district that both state";
  else if (inside_missing) doubt = "a building or room is stated by one only";
  else if (p.town_differs) doubt = "the towns differ", last = ADDR_TOWN;
  else if (p.road == NAME_PART || p.compound == NAME_PART) doubt = "a name is a part of the other";
  else if (p.road == NAME_ALIKE && p.compound == NAME_ALIKE) doubt = "two names are only alike";
  else if ((p.road == NAME_ALIKE || p.compound == NAME_ALIKE) && backing(&p) < 2)
    doubt = "a name is only alike";
  else if (rests_differ(x->rest, y->rest)) doubt = "numbers that no rule knows";
  else if (!inside && extras_unequal(&p)) doubt = "a lane, group or phase is stated by one only";
  if (doubt) return say(&p, ADDR_PROBABLE, last, by, note, doubt);
  bool alike = p.road == NAME_ALIKE || p.compound == NAME_ALIKE;
  return say(&p, ADDR_AGREE, last, by, note,
             alike ? "the same but for one character of like sound or shape" : "the same place");
}
