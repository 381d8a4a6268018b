/* addr.c: what people type as an address, taken apart (domain 3.2).
 *
 *   fields → one folded line of UTF-16 units → phones, names and labels blanked
 *          → divisions from the left, against the table → the tail, by its own words
 *
 * The tail is read by grammar, not by lists of names: a number belongs to the unit word behind it (号 栋
 * 单元 室 …), and where that is missing, to what was read last; a name belongs to the ending it has (路 街
 * 巷 …: a road, else a compound). What the rules do not know is kept in rest and decides nothing.
 * Everything is bounded: FIELD_MAX bytes of a field are looked at, each unit a fixed number of times. */
#include "base.h"
#include <stdio.h>
#include <stdlib.h>
#include <uchar.h>

#define FIELD_MAX 1024 /* bytes of one field that are read */
#define TEXT_MAX 4096  /* units of all fields together */
#define EXTRA_MAX 96   /* bytes of ADDR_STREET_EXTRA */
#define REST_MAX 256   /* bytes of rest */
#define MAYBE_MAX 40   /* districts that an unclear name may mean */
#define SEG_N 4        /* 5-2-12-1203 */
#define SEG_MAX 12
#define NAME_MAX_UNITS 40 /* of a road or a compound */

/* What was taken last: a bare number depends on it. */
enum last {
  LAST_NONE,
  LAST_ROAD,
  LAST_LANE,
  LAST_NUMBER,
  LAST_COMPOUND,
  LAST_GROUP,
  LAST_BUILDING,
  LAST_UNIT,
  LAST_FLOOR,
  LAST_ROOM
};

struct reader {
  struct arena *mem;
  struct addr *out;
  uint16_t s[TEXT_MAX];
  int n;
  int at[4]; /* ids of divisions, -1: not known */
  int maybe[MAYBE_MAX], maybes;
  enum last last;
  bool village;   /* the compound is a village: its numbers are house numbers */
  char16_t annex; /* 附 or 之 before a number: part of the house number */
  char16_t stem;  /* 甲 or 乙 before it */
  char extra[EXTRA_MAX], rest[REST_MAX];
};

static const char *const part_names[ADDR_N] = {
  "province", "city", "district", "town", "road",     "number",       "compound",
  "building", "unit", "floor",    "room", "postcode", "street_extra",
};

const char *addr_part_name(enum addr_part p)
{
  return (unsigned)p < ADDR_N ? part_names[p] : "none";
}

/* ---- units ---------------------------------------------------------------------------------- */
static bool is_digit(uint16_t c)
{
  return c >= '0' && c <= '9';
}
static bool is_letter(uint16_t c)
{
  return c >= 'a' && c <= 'z';
}
/* Blanks, commas (every other punctuation became one) and brackets part names. */
static bool is_gap(uint16_t c)
{
  return c == ' ' || c == ',' || c == '(' || c == ')';
}
static bool is_han(uint16_t c)
{
  return c >= 0x2E80 && !is_gap(c);
}
static bool is_one_of(uint16_t c, const char16_t *set)
{
  for (; c && *set; set++)
    if (*set == c) return true;
  return false;
}

static int begins(const uint16_t *s, int n, const char16_t *word)
{
  int i = 0;
  while (word[i] && i < n && s[i] == word[i]) i++;
  return word[i] ? 0 : i;
}

static bool ends(const uint16_t *s, int n, const char16_t *word)
{
  int len = 0;
  while (word[len]) len++;
  return n >= len && begins(s + n - len, len, word) == len;
}

static bool ends_in(const uint16_t *s, int n, const char16_t *const *words, size_t count)
{
  for (size_t i = 0; i < count; i++)
    if (ends(s, n, words[i])) return true;
  return false;
}

/* Where the first of the words begins, n when none of them is there; *len: its length. */
static int find_word(const uint16_t *s, int n, const char16_t *const *words, size_t count, int *len)
{
  for (int i = 0; i < n; i++)
    for (size_t w = 0; w < count; w++)
      if (s[i] == words[w][0] && (*len = begins(s + i, n - i, words[w]))) return i;
  return n;
}
#define HAS_WORD(s, n, words) (find_word((s), (n), (words), COUNT(words), &(int){ 0 }) < (n))

/* UTF-8 in the arena, gaps left out. */
static char *units_text(struct arena *a, const uint16_t *s, int n)
{
  char *out = arena_alloc(a, (size_t)n * 3 + 1), *p = out;
  for (int i = 0; i < n; i++) {
    uint32_t cp = s[i];
    if (is_gap(s[i])) continue;
    bool is_half = cp >= 0xD800 && cp < 0xE000;
    if (is_half && !(cp < 0xDC00 && i + 1 < n && s[i + 1] >= 0xDC00 && s[i + 1] < 0xE000))
      continue; /* cut in two */
    if (is_half) cp = 0x10000 + ((cp - 0xD800) << 10) + (s[++i] - 0xDC00u);
    if (cp < 0x80) {
      *p++ = (char)cp;
    } else if (cp < 0x800) {
      *p++ = (char)(0xC0 | cp >> 6), *p++ = (char)(0x80 | (cp & 63));
    } else if (cp < 0x10000) {
      *p++ = (char)(0xE0 | cp >> 12), *p++ = (char)(0x80 | (cp >> 6 & 63)), *p++ = (char)(0x80 | (cp & 63));
    } else {
      *p++ = (char)(0xF0 | cp >> 18), *p++ = (char)(0x80 | (cp >> 12 & 63));
      *p++ = (char)(0x80 | (cp >> 6 & 63)), *p++ = (char)(0x80 | (cp & 63));
    }
  }
  return out;
}

/* Appends a word to a list of words of bounded size; a word that does not fit is left out whole. */
static void list_add(char *list, size_t max, const char *word)
{
  size_t n = strlen(list), more = strlen(word);
  if (!more || n + more + 2 > max) return;
  if (n) list[n++] = ' ';
  memcpy(list + n, word, more + 1);
}

static void rest_add(struct reader *r, int from, int to)
{
  if (to - from > NAME_MAX_UNITS) to = from + NAME_MAX_UNITS;
  if (to > from) list_add(r->rest, sizeof r->rest, units_text(r->mem, r->s + from, to - from));
}

/* ---- from the fields to one line --------------------------------------------------------------- */
static uint16_t unit_plain(uint32_t cp)
{
  static const char16_t dashes[] = u"-‐‑‒–—―−﹣－~〜～_ー";
  static const char16_t open[] = u"([{<【〔〈《「『";
  static const char16_t close[] = u")]}>】〕〉》」』";
  static const char16_t commas[] = u",、;:。，；：!?|/\\…&=^$%@`";
  static const char16_t dropped[] = u"'\"“”‘’";
  if (cp > 0xFFFF) return 0;
  uint16_t c = (uint16_t)cp;
  if (c < 0x2E80) {
    if (is_digit(c) || is_letter(c) || c == ' ' || c == '#' || c == '*' || c == '+') return c;
    if (is_one_of(c, dashes)) return '-';
    if (is_one_of(c, commas)) return ',';
    if (is_one_of(c, open)) return '(';
    if (is_one_of(c, close)) return ')';
    if (is_one_of(c, dropped)) return 0;
    return c < 0xC0 || (c >= 0x2000 && c < 0x2E80) ? ' ' : c;
  }
  if (c >= 0x3000 && c < 0x3040) {
    if (c == u'〇') return u'零';
    return is_one_of(c, open) ? '(' : is_one_of(c, close) ? ')' : c == u'〜' ? '-' : ',';
  }
  return div_simple(c);
}

/* One field, cut to FIELD_MAX, folded and put behind what is there. Returns where it begins. */
static int line_add(struct reader *r, const char *field)
{
  int from = r->n;
  if (!field || !*field) return from;
  size_t n = strnlen(field, FIELD_MAX + 1);
  if (n > FIELD_MAX) {
    n = FIELD_MAX;
    while (n && ((unsigned char)field[n] & 0xC0) == 0x80) n--;
  }
  const char *p = text_fold(r->mem, arena_strn(r->mem, field, n));
  for (uint32_t cp; (cp = utf8_next(&p)) && r->n < TEXT_MAX - 2;) {
    uint16_t c = unit_plain(cp);
    if (cp > 0xFFFF && cp < 0x110000) {
      r->s[r->n++] = (uint16_t)(0xD800 + ((cp - 0x10000) >> 10));
      r->s[r->n++] = (uint16_t)(0xDC00 + ((cp - 0x10000) & 0x3FF));
    } else if (c == '*') {
      r->out->masked = true, r->s[r->n++] = c;
    } else if (c && !(c == ' ' && (r->n == from || r->s[r->n - 1] == ' '))) {
      r->s[r->n++] = c;
    }
  }
  return from;
}

/* 11一8一646: between digits 一 is a dash. */
static void mend_dashes(struct reader *r)
{
  for (int i = 1; i + 1 < r->n; i++)
    if (r->s[i] == u'一' && (is_digit(r->s[i - 1])) && (is_digit(r->s[i + 1]))) r->s[i] = '-';
}

/* ---- phones, names and labels that were pasted in ------------------------------------------------- */
/* A mobile number at s: "13800000000", "+86 138-0000-0000", "138****0000"; or a landline "0571-88880000". */
static int phone_at(const uint16_t *s, int n)
{
  int i = 0, digits = 0;
  if (n && s[0] == '+') i++;
  if (begins(s + i, n - i, u"0086")) i += 4;
  else if (begins(s + i, n - i, u"86")) i += 2;
  if (i && i < n && (s[i] == ' ' || s[i] == '-')) i++;
  if (i >= n) return 0;
  bool mobile = s[i] == '1' && i + 1 < n && s[i + 1] >= '3';
  if (!mobile && s[i] != '0') return 0;
  int hyphen = 0;
  for (; i < n; i++) {
    if (is_digit(s[i]) || (mobile && s[i] == '*' && digits >= 3 && digits < 7)) {
      if (++digits > 12) return 0;
    } else if (mobile && (s[i] == '-' || s[i] == ' ') && (digits == 3 || digits == 7)) {
      if (i + 1 >= n || !(is_digit(s[i + 1]) || s[i + 1] == '*')) break;
    } else if (!mobile && s[i] == '-' && (digits == 3 || digits == 4) && !hyphen) {
      hyphen = digits;
    } else {
      break;
    }
    if (mobile && digits == 11) {
      i++;
      break;
    }
  }
  if (mobile) return digits == 11 && (i == n || !is_digit(s[i])) ? i : 0;
  return hyphen && digits - hyphen >= 7 && digits - hyphen <= 8 ? i : 0;
}

/* Two to four characters between gaps, none of which belongs to addresses: a person, perhaps with a title. */
static bool is_person(const uint16_t *s, int n)
{
  static const char16_t *const titles[] = { u"先生", u"女士", u"小姐", u"老师", u"同学", u"收", u"(收)" };
  for (size_t i = 0; i < COUNT(titles); i++)
    if (ends(s, n, titles[i])) {
      n -= begins(s + n - 1, 1, u"收") ? 1 : 2;
      if (n >= 1 && n <= 4) return true;
    }
  if (n < 2 || n > 4) return false;
  for (int i = 0; i < n; i++)
    if (!is_han(s[i]) || is_one_of(s[i], u"省市区县镇乡村路街道巷弄号楼栋幢座室层园苑组期")) return false;
  return true;
}

static void blank(struct reader *r, int from, int to)
{
  for (; from < to; from++) r->s[from] = ',';
}

/* The word that ends before i, or begins at i, when it stands at the edge of the field. */
static void blank_person(struct reader *r, int from, int i, int step, int to)
{
  int a = i, b = i;
  if (step < 0) {
    while (b > from && is_gap(r->s[b - 1])) b--;
    for (a = b; a > from && !is_gap(r->s[a - 1]) && b - a < 8;) a--;
  } else {
    while (a < to && is_gap(r->s[a])) a++;
    for (b = a; b < to && !is_gap(r->s[b]) && b - a < 8;) b++;
  }
  struct div_hit hit[4];
  int n = is_person(r->s + a, b - a) ? div_find(r->s + a, b - a, -1, hit, (int)COUNT(hit)) : -1;
  bool is_place = n < 0;
  for (int h = 0; h < n; h++) is_place |= hit[h].len == b - a && hit[h].level < DIV_TOWN;
  if (!is_place) blank(r, a, b);
}

static void drop_phones(struct reader *r, int from)
{
  for (int i = from; i < r->n; i++) {
    if (i > from && (is_digit(r->s[i - 1]) || r->s[i - 1] == '-' || is_letter(r->s[i - 1]))) continue;
    if (!is_digit(r->s[i]) && r->s[i] != '+') continue;
    int len = phone_at(r->s + i, r->n - i);
    if (!len) continue;
    blank(r, i, i + len);
    blank_person(r, from, i, -1, r->n);
    blank_person(r, from, i + len, 1, r->n);
    i += len - 1;
  }
}

/* "收货人：", "地址：" */
static void drop_labels(struct reader *r, int from)
{
  static const char16_t *const labels[] = { u"收货人姓名", u"收货人",   u"收件人",   u"联系人",
                                            u"姓名",       u"联系电话", u"手机号码", u"手机号",
                                            u"手机",       u"电话",     u"收货地址", u"详细地址",
                                            u"收件地址",   u"地址",     u"所在地区", u"地区" };
  for (int i = from; i < r->n; i++) {
    if (r->s[i] != ',') continue;
    int a = i;
    while (a > from && !is_gap(r->s[a - 1]) && i - a < 6) a--;
    for (size_t l = 0; l < COUNT(labels); l++)
      if (begins(r->s + a, i - a, labels[l]) == i - a && i > a) {
        blank(r, a, i);
        if (l < 5) blank_person(r, from, i, 1, r->n);
      }
  }
}

/* ---- divisions -------------------------------------------------------------------------------------
 * A name without its suffix is taken only where the next words do not make it a road or a compound:
 * 杭州文三路, but not 南京路 and not 南京东路. */
static const char16_t *const road_ends[] = { u"路", u"街", u"道", u"巷", u"弄", u"胡同" };

static bool is_short_name_over(const uint16_t *s, int n)
{
  static const char16_t *const more[] = {
    u"路",   u"街",   u"大街", u"大道", u"道",   u"巷",   u"弄",   u"胡同", u"村",   u"镇",   u"乡",
    u"街道", u"花园", u"小区", u"新村", u"家园", u"广场", u"大厦", u"国际", u"公寓", u"苑",   u"园",
    u"府",   u"城",   u"湾",   u"湖",   u"山",   u"河",   u"江",   u"桥",   u"门",   u"大学", u"大酒店",
    u"酒店", u"宾馆", u"医院", u"站",   u"港",   u"银行", u"公司", u"商",   u"人家", u"名",   u"号",
    u"栋",   u"座",   u"楼",   u"新城", u"工业", u"科技", u"中心", u"高速", u"公路"
  };
  if (n == 0 || !is_han(s[0])) return true;
  for (size_t i = 0; i < COUNT(more); i++)
    if (begins(s, n, more[i])) return false;
  if (is_one_of(s[0], u"东西南北中新老前后上下一二三四五六七八九十") && n > 1 &&
      (is_one_of(s[1], u"路街道巷里村站门") || (s[1] == u'大' && !(n > 2 && s[2] == u'街'))))
    return false;
  return true;
}

static bool knows(const struct reader *r, int level)
{
  return r->at[level] >= 0;
}

static int deepest(const struct reader *r)
{
  for (int level = DIV_TOWN; level >= 0; level--)
    if (knows(r, level)) return r->at[level];
  return -1;
}

static bool is_among(const struct reader *r, int district)
{
  for (int i = 0; i < r->maybes; i++)
    if (r->maybe[i] == district) return true;
  return r->maybes == 0;
}

/* Sets a division and all that it lies in. */
static void division_set(struct reader *r, int id)
{
  r->maybes = div_level(id) >= DIV_DISTRICT ? 0 : r->maybes;
  for (; id >= 0; id = div_parent(id)) r->at[div_level(id)] = id;
}

/* 福建农林大学, 武汉民政学院: the name of a province or city belongs to an institution. */
static bool is_institution(const uint16_t *s, int n)
{
  static const char16_t *const institutions[] = { u"公司",   u"大学",     u"学院", u"医院", u"学校",
                                                  u"中学",   u"小学",     u"集团", u"厂",   u"研究所",
                                                  u"研究院", u"体育中心", u"银行", u"校区" };
  int i = 0;
  while (i < n && is_han(s[i])) i++;
  int len;
  return find_word(s, i, road_ends, COUNT(road_ends), &len) == i &&
         ends_in(s, i, institutions, COUNT(institutions));
}

static bool road_follows(const uint16_t *s, int n)
{
  int i = 0;
  while (i < n && is_han(s[i])) i++;
  int len, at = find_word(s, i, road_ends, COUNT(road_ends), &len);
  return at < i && at >= 2;
}

struct division_read {
  const uint16_t *s;
  int n, wanted;
  bool is_field; /* a field of its own: nothing but the name is expected */
  int after;     /* the level of the division right before, -1: none */
};

/* Does the full name of a division inside of this one follow, perhaps after a gap? */
static bool is_before_division(int id, const uint16_t *s, int n)
{
  struct div_hit hit[8];
  while (n && is_gap(*s)) s++, n--;
  int count = div_level(id) == DIV_TOWN ? 0 : div_find(s, n, id, hit, (int)COUNT(hit));
  for (int i = 0; i < count; i++)
    if (hit[i].form != DIV_SHORT) return true;
  return false;
}

/* May this hit be believed here? */
static bool hit_counts(const struct reader *r, const struct division_read *d, const struct div_hit *h)
{
  const uint16_t *after = d->s + h->len;
  int left = d->n - h->len;
  if (h->level == DIV_TOWN) {
    if (!is_among(r, div_parent(h->id))) return false;
    bool has_suffix = h->form == DIV_FULL && is_one_of(d->s[h->len - 1], u"道镇乡区木处");
    bool is_zone = h->form == DIV_FULL && h->len >= 4 && is_short_name_over(after, left);
    if (!knows(r, DIV_DISTRICT)) return has_suffix || is_zone;
    return d->is_field && left == 0 ? true
           : h->form == DIV_SHORT   ? false
                                    : has_suffix || is_short_name_over(after, left);
  }
  if (h->form != DIV_SHORT || is_before_division(h->id, after, left)) return true;
  if (left == 0) return d->is_field || h->level < DIV_DISTRICT;
  if (!is_short_name_over(after, left)) return false;
  if (h->level < DIV_DISTRICT) return !is_institution(after, left);
  return (knows(r, DIV_CITY) || knows(r, DIV_PROVINCE)) && !knows(r, DIV_DISTRICT) &&
         road_follows(after, left);
}

static bool is_better(const struct division_read *d, const struct div_hit *a, const struct div_hit *b)
{
  if (a->len != b->len) return a->len > b->len;
  if (a->form != b->form) return a->form > b->form;
  if ((a->level == d->wanted) != (b->level == d->wanted)) return a->level == d->wanted;
  return a->level < b->level;
}

/* The names of what is known already may come again. A short one only before another division. */
static int repeat_length(struct reader *r, const struct division_read *d, int *at_level,
                         enum div_form *of_form)
{
  const uint16_t *s = d->s;
  int best = 0, n = d->n;
  for (int level = 0; level <= DIV_TOWN; level++) {
    if (!knows(r, level)) continue;
    enum div_form form;
    int len = div_is(s, n, r->at[level], &form);
    if (len <= best) continue;
    int after = len;
    while (after < n && is_gap(s[after])) after++;
    bool goes_on =
      is_before_division(r->at[level], s + len, n - len) || (after > len && level < DIV_DISTRICT);
    for (int finer = level; finer <= DIV_TOWN && after < n; finer++)
      goes_on |= knows(r, finer) && div_is(s + after, n - after, r->at[finer], &(enum div_form){ 0 }) > 0;
    bool after_parent = level == DIV_CITY && d->after == DIV_PROVINCE && is_short_name_over(s + len, n - len);
    if (form != DIV_SHORT || (d->is_field && len == n) || (level < DIV_TOWN && (goes_on || after_parent)))
      best = len, *at_level = level, *of_form = form;
  }
  return best;
}

/* "街道" of the table is often written on: 街道办事处. */
static int office_length(const uint16_t *s, int n)
{
  static const char16_t *const offices[] = { u"办事处", u"人民政府", u"政府", u"办" };
  for (size_t i = 0; i < COUNT(offices); i++) {
    int len = begins(s, n, offices[i]);
    if (len && !begins(s, n, u"办公")) return len;
  }
  return 0;
}

#define HITS_MAX 96
/* One division at s. Returns its length, 0 when there is none. */
static int division_take(struct reader *r, struct division_read *d)
{
  struct div_hit hit[HITS_MAX], *best = NULL;
  int within = deepest(r), same = 0;
  int n = within >= 0 && div_level(within) == DIV_TOWN ? 0 : div_find(d->s, d->n, within, hit, HITS_MAX);
  for (int i = 0; i < n; i++) {
    if (!hit_counts(r, d, &hit[i])) continue;
    if (!best || is_better(d, &hit[i], best)) best = &hit[i], same = 1;
    else if (!is_better(d, best, &hit[i])) same++;
  }
  int level = -1;
  enum div_form form = DIV_SHORT;
  int again = repeat_length(r, d, &level, &form);
  bool is_again = !best || again > best->len || (again == best->len && form >= best->form);
  d->after = is_again ? level : best->level;
  if (is_again) return again;
  int len = best->len;
  if (same == 1) {
    division_set(r, best->id);
  } else if (best->level == DIV_DISTRICT && r->maybes == 0) {
    for (int i = 0; i < n && r->maybes < MAYBE_MAX; i++)
      if (hit[i].level == DIV_DISTRICT && hit[i].len == len && hit[i].form == best->form)
        r->maybe[r->maybes++] = hit[i].id;
  } else if (best->level != DIV_DISTRICT) {
    return 0;
  }
  if (best->level == DIV_TOWN) len += office_length(d->s + len, d->n - len);
  return len;
}

/* A word of Latin letters, perhaps with "province", "city", "sheng", "shi" behind it. */
static int division_take_latin(struct reader *r, const uint16_t *s, int n)
{
  char word[40];
  int len = 0, best = 0, id = -1, hits[4];
  for (int i = 0; i < n && i < (int)sizeof word - 1; i++) {
    if (!is_letter(s[i]) && s[i] != ' ') break;
    word[len++] = (char)s[i];
    if (i + 1 < n && is_letter(s[i + 1])) continue;
    word[len] = 0;
    int within = deepest(r);
    int count = div_find_latin(word, within, hits, (int)COUNT(hits));
    bool again =
      count == 0 && within >= 0 && div_find_latin(word, -1, hits, (int)COUNT(hits)) && hits[0] == within;
    if (count && (div_level(hits[0]) < DIV_DISTRICT || (within >= 0 && count == 1)))
      best = i + 1, id = hits[0];
    else if (again) best = i + 1, id = within;
  }
  if (!best) return 0;
  division_set(r, id);
  static const char16_t *const titles[] = {
    u" province", u" sheng", u" city", u" shi", u" district", u" qu", u" autonomous region"
  };
  for (size_t i = 0; i < COUNT(titles); i++) {
    int more = begins(s + best, n - best, titles[i]);
    if (more && (best + more == n || !is_letter(s[best + more]))) return best + more;
  }
  return best;
}

static int skip_gaps(const struct reader *r, int i)
{
  while (i < r->n && (is_gap(r->s[i]) || r->s[i] == '-')) i++;
  return i;
}

/* Reads divisions from i on; returns where they end. */
static int read_divisions(struct reader *r, int i, int wanted, bool is_field)
{
  struct division_read d = { .wanted = wanted, .is_field = is_field, .after = -1 };
  for (;;) {
    int at = is_field ? skip_gaps(r, i) : i;
    while (at < r->n && (r->s[at] == ' ' || r->s[at] == ',' || r->s[at] == ')' || r->s[at] == '-')) at++;
    if (at >= r->n) return r->n;
    d.s = r->s + at, d.n = r->n - at;
    int len = is_letter(r->s[at]) ? division_take_latin(r, d.s, d.n) : division_take(r, &d);
    if (!len) len = begins(d.s, d.n, u"中华人民共和国");
    if (!len && (is_field || at == i))
      len = begins(d.s, d.n, u"中国") && !is_field && d.n > 4 && is_one_of(d.s[2], u" ,") ? 2 : 0;
    if (!len) return is_field ? i : at;
    i = at + len;
  }
}

/* A field of the platform: what is not a division in it is kept in rest. */
static void read_field(struct reader *r, const char *field, int level)
{
  int from = line_add(r, field), end = read_divisions(r, from, level, true);
  static const char16_t *const fillers[] = { u"市辖区", u"直辖", u"其它", u"其他" };
  if (end < r->n && !HAS_WORD(r->s + from, r->n - from, fillers)) rest_add(r, end, r->n);
  r->n = from; /* the line is for the detail alone */
}

/* Nothing known at the very start: someone's name or a word of greeting may stand before it. */
static int find_start(struct reader *r, int from)
{
  if (deepest(r) >= 0 || r->maybes) return from;
  for (int i = from + 1; i < r->n && i < from + 12; i++) {
    struct div_hit hit[4];
    int n = div_find(r->s + i, r->n - i, -1, hit, (int)COUNT(hit));
    for (int h = 0; h < n; h++)
      if (hit[h].form == DIV_FULL && hit[h].level < DIV_DISTRICT &&
          (is_person(r->s + from, i - from) ||
           is_before_division(hit[h].id, r->s + i + hit[h].len, r->n - i - hit[h].len))) {
        bool is_code = i - from == 6;
        for (int k = from; k < i; k++) is_code &= is_digit(r->s[k]);
        if (is_code && !r->out->part[ADDR_POSTCODE])
          r->out->part[ADDR_POSTCODE] = units_text(r->mem, r->s + from, 6);
        else rest_add(r, from, i);
        return read_divisions(r, i, -1, false);
      }
  }
  return from;
}

/* A division that the table does not know, at the start of the tail: an abolished district, a new town. */
static int unknown_division(struct reader *r, int i)
{
  const uint16_t *s = r->s + i;
  int run = 0;
  while (i + run < r->n && is_han(s[run])) run++;
  for (int k = 1; k <= 5 && k < run - 2; k++) {
    int end = k + 1;
    bool is_town = s[k] == u'镇' || s[k] == u'乡' || (s[k] == u'街' && k + 1 < run && s[k + 1] == u'道');
    bool is_district =
      !knows(r, DIV_DISTRICT) && r->maybes == 0 && (s[k] == u'区' || s[k] == u'县' || s[k] == u'市');
    if (!is_town && !is_district) continue;
    if (is_one_of(s[k - 1], u"小古水城社园校厂院库片景矿工开发业新老技保街市区超门集夜菜故") ||
        k < (is_town ? 1 : 2))
      return i;
    if (s[k] == u'街') end++;
    end += office_length(s + end, run - end);
    bool is_road = is_one_of(s[end], u"东西南北中大") && is_one_of(s[end + 1], u"路街道巷大村");
    if (run - end < 2 || is_road || is_one_of(s[end], u"路街道巷村里中心府前")) return i;
    rest_add(r, i, i + end);
    return i + end;
  }
  return i;
}

/* ---- notes for the courier ----------------------------------------------------------------------- */
static const char16_t *const note_words[] = {
  u"放门",   u"放前台", u"放驿站", u"放快递", u"放丰巢", u"放菜鸟", u"放保安", u"放物业", u"放楼下", u"放柜",
  u"放代收", u"放传达", u"放收发", u"放到",   u"放在",   u"家里",   u"家中",   u"有人在", u"没人",   u"无人",
  u"驿站",   u"丰巢",   u"蜂巢",   u"菜鸟",   u"自提",   u"代收",   u"代签",   u"签收",   u"快递",   u"顺丰",
  u"发中通", u"发圆通", u"发申通", u"发韵达", u"发邮政", u"发京东", u"发ems",  u"发货",   u"打电话", u"电话",
  u"致电",   u"来电",   u"联系",   u"短信",   u"送货",   u"送到",   u"送上",   u"上门",   u"派送",   u"派件",
  u"配送",   u"周末",   u"周六",   u"周日",   u"工作日", u"节假日", u"上班",   u"下班",   u"点前",   u"点后",
  u"点之",   u"点以",   u"请",     u"不要",   u"勿",     u"别放",   u"谢谢",   u"尽快",   u"加急",   u"本人",
  u"前台",   u"门卫",   u"保安",   u"收发室", u"传达室", u"轻放",   u"易碎",   u"保密",   u"发票",   u"到付",
  u"备注",   u"白天",   u"晚上",   u"早上",   u"下午",   u"上午",   u"中午",   u"随时",   u"电联",   u"自取"
};

/* The words that make a segment a place even when a note is in it. */
static const char16_t *const place_words[] = { u"小区",   u"花园", u"大厦", u"广场", u"号楼", u"栋",
                                               u"幢",     u"单元", u"公寓", u"家园", u"中心", u"路",
                                               u"街",     u"巷",   u"弄",   u"苑",   u"新村", u"社区",
                                               u"写字楼", u"园区", u"公司", u"座",   u"室" };

/* A room's number, or a compact form: 1203, 5-2. */
static bool has_door(const uint16_t *s, int n)
{
  int digits = 0;
  for (int i = 0; i < n; i++) {
    digits = is_digit(s[i]) ? digits + 1 : 0;
    if (digits == 3 || (digits && i + 2 < n && s[i + 1] == '-' && is_digit(s[i + 2]))) return true;
  }
  return false;
}

/* "(家里有人)", "，2楼前台代收": all of it is a note. */
static bool is_note(const uint16_t *s, int n)
{
  return HAS_WORD(s, n, note_words) && !HAS_WORD(s, n, place_words) && !has_door(s, n);
}

static bool begins_note(const uint16_t *s, int n)
{
  for (size_t i = 0; i < COUNT(note_words); i++)
    if (begins(s, n, note_words[i])) return true;
  return false;
}

/* ---- numbers ---------------------------------------------------------------------------------- */
struct number {
  char seg[SEG_N][SEG_MAX];
  int k;   /* segments: "5-2-1203" has three */
  int end; /* where it ends */
  bool chinese;
};

static int numeral(uint16_t c)
{
  static const char16_t digits[] = u"零一二三四五六七八九";
  for (int i = 0; i < 10; i++)
    if (digits[i] == c) return i;
  return c == u'两' ? 2 : c == u'十' ? 10 : c == u'百' ? 100 : c == u'千' ? 1000 : -1;
}

/* 一二〇三 digit by digit, 一千二百零三 by value. Returns the length of the run, 0 when there is none. */
static int chinese_read(const uint16_t *s, int n, char out[SEG_MAX])
{
  int len = 0, value = 0, digit = 0;
  bool by_value = false;
  while (len < n && len < 9 && numeral(s[len]) >= 0) by_value |= numeral(s[len]) >= 10, len++;
  if (!len) return 0;
  char *p = out;
  for (int i = 0; i < len; i++) {
    int d = numeral(s[i]);
    if (!by_value) *p++ = (char)('0' + d);
    else if (d < 10) digit = d;
    else value += (digit || d > 10 || i ? (digit ? digit : 1) : 1) * d, digit = 0;
  }
  *p = 0;
  if (by_value) snprintf(out, SEG_MAX, "%d", value + digit);
  return len;
}

/* One segment: "12", "12a", "b2513", "e". Zeros in front are dropped. */
static int segment_read(const uint16_t *s, int n, char out[SEG_MAX])
{
  int i = 0, o = 0, letters = 0, digits = 0;
  while (i < n && is_letter(s[i]) && letters < 3) letters++, i++;
  if (letters > 2) return 0;
  for (int l = 0; l < letters; l++) out[o++] = (char)s[l];
  while (i < n && is_digit(s[i])) {
    if (digits == 8) return 0;
    if (s[i] != '0' || (o > letters) || i + 1 >= n || !is_digit(s[i + 1])) out[o++] = (char)s[i];
    i++, digits++;
  }
  if (!digits && letters != 1) return 0;
  if (digits && i < n && is_letter(s[i]) && !is_one_of(s[i], u"fmk") &&
      (i + 1 == n || (!is_letter(s[i + 1]) && !is_digit(s[i + 1]))))
    out[o++] = (char)s[i++];
  out[o] = 0;
  return i;
}

enum unit_word {
  U_NONE,
  U_NUMBER,
  U_BUILDING,
  U_HASH,
  U_UNIT,
  U_GATE,
  U_ENTRANCE,
  U_FLOOR,
  U_ROOM,
  U_LANE,
  U_ALLEY,
  U_GROUP,
  U_PHASE,
  U_ZONE,
  U_ROW,
  U_SECTION,
  U_DISTANCE,
  U_YARD,
  U_NAME
};

static const struct {
  char16_t word[6];
  uint8_t unit;
} unit_words[] = {
  /* longer ones before what they begin with */
  { u"号楼", U_BUILDING }, { u"号栋", U_BUILDING },  { u"号门", U_ENTRANCE }, { u"号房", U_ROOM },
  { u"号室", U_ROOM },     { u"号商铺", U_ROOM },    { u"号铺", U_ROOM },     { u"号店", U_ROOM },
  { u"号单元", U_UNIT },   { u"号院", U_YARD },      { u"号大院", U_YARD },   { u"号路", U_NAME },
  { u"号街", U_NAME },     { u"号大街", U_NAME },    { u"号桥", U_NAME },     { u"号线", U_NAME },
  { u"号公路", U_NAME },   { u"号码头", U_NAME },    { u"号地", U_NAME },     { u"号渠", U_NAME },
  { u"号巷", U_NAME },     { u"号工业", U_NAME },    { u"号小区", U_NAME },   { u"号", U_NUMBER },
  { u"栋楼", U_BUILDING }, { u"幢楼", U_BUILDING },  { u"栋", U_BUILDING },   { u"幢", U_BUILDING },
  { u"座", U_BUILDING },   { u"#", U_HASH },         { u"单元", U_UNIT },     { u"门", U_GATE },
  { u"层楼", U_FLOOR },    { u"层", U_FLOOR },       { u"楼层", U_FLOOR },    { u"楼", U_FLOOR },
  { u"f", U_FLOOR },       { u"室", U_ROOM },        { u"房间", U_ROOM },     { u"房", U_ROOM },
  { u"户", U_ROOM },       { u"支弄", U_LANE },      { u"弄", U_LANE },       { u"巷", U_ALLEY },
  { u"胡同", U_ALLEY },    { u"村民小组", U_GROUP }, { u"小组", U_GROUP },    { u"组团", U_ZONE },
  { u"组", U_GROUP },      { u"大队", U_NAME },      { u"队", U_GROUP },      { u"社区", U_NAME },
  { u"社", U_GROUP },      { u"期", U_PHASE },       { u"区", U_ZONE },       { u"排", U_ROW },
  { u"段", U_SECTION },    { u"米", U_DISTANCE },    { u"公里", U_DISTANCE }, { u"km", U_DISTANCE },
  { u"m", U_DISTANCE },    { u"路", U_NAME },        { u"街", U_NAME },       { u"大街", U_NAME },
  { u"大道", U_NAME },     { u"道", U_NAME },        { u"马路", U_NAME },     { u"环路", U_NAME },
  { u"线", U_NAME },       { u"国道", U_NAME },      { u"省道", U_NAME },     { u"县道", U_NAME },
  { u"乡道", U_NAME },     { u"高速", U_NAME },      { u"条", U_NAME },       { u"村", U_NAME },
  { u"中学", U_NAME },     { u"小学", U_NAME },
};

static enum unit_word unit_at(const uint16_t *s, int n, int *len)
{
  for (size_t i = 0; i < COUNT(unit_words); i++) {
    if (n < 1 || unit_words[i].word[0] != s[0]) continue;
    *len = begins(s, n, unit_words[i].word);
    if (!*len) continue;
    if (is_letter(s[0]) && *len < n && (is_letter(s[*len]) || is_digit(s[*len]))) continue;
    return (enum unit_word)unit_words[i].unit;
  }
  *len = 0;
  return U_NONE;
}

/* Chinese numerals are a number only before the words below; 文三路 and 三里屯 are names. */
static bool takes_chinese(enum unit_word u)
{
  return (u >= U_NUMBER && u <= U_ROOM && u != U_HASH && u != U_GATE && u != U_ENTRANCE) || u == U_LANE ||
         u == U_GROUP || u == U_PHASE || u == U_YARD;
}

static bool is_place_for_chinese(const struct reader *r, int i, int len)
{
  int unit_len, end = i + len;
  enum unit_word u = unit_at(r->s + end, r->n - end, &unit_len);
  uint16_t after = end + unit_len < r->n ? r->s[end + unit_len] : 0;
  if (u == U_SECTION) return i > 0 && is_one_of(r->s[i - 1], u"路街道");
  if (takes_chinese(u)) return !(r->s[end] == u'房' && is_han(after)); /* 三房村 */
  bool is_over = end >= r->n || is_gap(r->s[end]) || r->s[end] == '-';
  return len >= 3 && is_over && (r->last == LAST_BUILDING || r->last == LAST_UNIT || r->last == LAST_FLOOR);
}

/* A number at i: k = 0 when there is none. */
static struct number number_read(const struct reader *r, int i)
{
  struct number m = { .end = i };
  const uint16_t *s = r->s;
  int p = i, len;
  while (m.k < SEG_N && p < r->n) {
    bool chinese = numeral(s[p]) >= 0;
    len = chinese ? chinese_read(s + p, r->n - p, m.seg[m.k]) : segment_read(s + p, r->n - p, m.seg[m.k]);
    if (!len || (chinese && !is_place_for_chinese(r, p, len))) break;
    m.chinese |= chinese;
    p += len, m.k++, m.end = p;
    while (p < r->n && s[p] == '-') p++;
    if (p == m.end) break;
  }
  if (m.k != 1 || is_digit(s[i]) || numeral(s[i]) >= 0) return m;
  /* It begins with a letter: a name in Latin letters unless digits or a fitting word follow. */
  enum unit_word u = unit_at(s + m.end, r->n - m.end, &len);
  bool has_digit = m.end - i > 1;
  bool fits = u == U_BUILDING || u == U_ZONE || u == U_UNIT || u == U_FLOOR || u == U_ROOM || u == U_HASH;
  if (!has_digit && !fits) m.k = 0;
  return m;
}

static size_t digits_of(const char *seg)
{
  size_t n = 0;
  for (; *seg; seg++) n += is_digit((uint16_t)*seg);
  return n;
}

static const char *number_text(struct reader *r, const struct number *m, int from)
{
  char out[SEG_N * SEG_MAX] = "";
  for (int i = from; i < m->k; i++) {
    size_t n = strlen(out);
    snprintf(out + n, sizeof out - n, "%s%s", i > from ? "-" : "", m->seg[i]);
  }
  return arena_str(r->mem, out);
}

/* ---- taking numbers -------------------------------------------------------------------------------- */
static bool states(const struct reader *r, enum addr_part p)
{
  return r->out->part[p] != NULL;
}

/* A second value of a part goes to rest, where it still counts as a number that must not differ. */
static bool take(struct reader *r, enum addr_part p, const char *text, enum last last)
{
  if (!text[0]) return false;
  if (states(r, p)) {
    if (strcmp(r->out->part[p], text) != 0) list_add(r->rest, sizeof r->rest, text);
    return false;
  }
  if (p == ADDR_NUMBER && r->stem)
    text = arena_printf(r->mem, "%s%s", units_text(r->mem, &(uint16_t){ r->stem }, 1), text);
  r->out->part[p] = text, r->last = last;
  return true;
}

static void take_extra(struct reader *r, const char *kind, const char *value, enum last last)
{
  char word[EXTRA_MAX];
  snprintf(word, sizeof word, "%s%s", kind, value);
  const char *at = strstr(r->extra, kind);
  if (!at) list_add(r->extra, sizeof r->extra, word);
  r->last = last;
}

static bool is_tall(const struct reader *r)
{
  static const char *const ends_tall[] = { "大厦", "广场", "中心", "公寓", "写字楼",
                                           "酒店", "宾馆", "商城", "大楼", "楼" };
  const char *c = r->out->part[ADDR_COMPOUND];
  size_t n = c ? strlen(c) : 0;
  for (size_t i = 0; i < COUNT(ends_tall); i++) {
    size_t k = strlen(ends_tall[i]);
    if (n >= k && memcmp(c + n - k, ends_tall[i], k) == 0) return true;
  }
  return false;
}

/* "b2513" behind an office tower: building b, room 2513. */
static bool take_letter_room(struct reader *r, const char *seg)
{
  if (!is_letter((uint16_t)seg[0]) || is_letter((uint16_t)seg[1]) || digits_of(seg) < 3 ||
      states(r, ADDR_BUILDING))
    return false;
  take(r, ADDR_BUILDING, arena_strn(r->mem, seg, 1), LAST_BUILDING);
  return take(r, ADDR_ROOM, arena_str(r->mem, seg + 1), LAST_ROOM);
}

/* 5-2-1203 and its shorter forms, by what is known already. */
static void take_compact(struct reader *r, const struct number *m)
{
  static const struct {
    bool building, unit;
    int k;
    enum addr_part part[SEG_N];
  } forms[] = {
    { false, false, 4, { ADDR_BUILDING, ADDR_UNIT, ADDR_FLOOR, ADDR_ROOM } },
    { false, false, 3, { ADDR_BUILDING, ADDR_UNIT, ADDR_ROOM } },
    { false, true, 2, { ADDR_FLOOR, ADDR_ROOM } },
    { true, false, 3, { ADDR_UNIT, ADDR_FLOOR, ADDR_ROOM } },
    { true, false, 2, { ADDR_UNIT, ADDR_ROOM } },
    { true, false, 1, { ADDR_ROOM } },
    { true, true, 2, { ADDR_FLOOR, ADDR_ROOM } },
    { true, true, 1, { ADDR_ROOM } },
    { false, true, 1, { ADDR_ROOM } },
  };
  bool building = states(r, ADDR_BUILDING), unit = states(r, ADDR_UNIT);
  if (m->k == 1 && take_letter_room(r, m->seg[0])) return;
  if (m->k == 2 && !building && !unit) {
    bool is_room = digits_of(m->seg[1]) >= 3;
    take(r, ADDR_BUILDING, arena_str(r->mem, m->seg[0]), LAST_BUILDING);
    take(r, is_room ? ADDR_ROOM : ADDR_UNIT, arena_str(r->mem, m->seg[1]), is_room ? LAST_ROOM : LAST_UNIT);
    return;
  }
  if (m->k == 1 && !building && !unit) {
    bool is_room = digits_of(m->seg[0]) >= 3;
    take(r, is_room ? ADDR_ROOM : ADDR_BUILDING, arena_str(r->mem, m->seg[0]),
         is_room ? LAST_ROOM : LAST_BUILDING);
    return;
  }
  for (size_t f = 0; f < COUNT(forms); f++) {
    if (forms[f].building != building || forms[f].unit != unit || forms[f].k != m->k) continue;
    for (int i = 0; i < m->k; i++) take(r, forms[f].part[i], arena_str(r->mem, m->seg[i]), LAST_ROOM);
    return;
  }
}

static bool expects_number(const struct reader *r)
{
  return !states(r, ADDR_NUMBER) && (r->last == LAST_ROAD || (r->village && r->last < LAST_BUILDING));
}

/* 12号附5号, 100号之2, 5楼之1 */
static bool take_annex(struct reader *r, const char *text)
{
  if (r->last == LAST_FLOOR) return take(r, ADDR_ROOM, text, LAST_ROOM);
  enum addr_part p = r->last == LAST_ROOM ? ADDR_ROOM : ADDR_NUMBER;
  if (!states(r, p) || (r->last != LAST_ROOM && r->last != LAST_NUMBER)) return false;
  r->out->part[p] = arena_printf(r->mem, "%s-%s", r->out->part[p], text);
  return true;
}

/* 12栋6号302: a number follows at once, so that the one before it was the unit's. */
static bool goes_on_inside(const struct reader *r, int i)
{
  struct number next = i < r->n ? number_read(r, i) : (struct number){ 0 };
  return next.k == 1 && digits_of(next.seg[0]) >= 3;
}

/* A number with 号 behind it: of the house, of the building in a lane or compound, or of the room. */
static void take_hao(struct reader *r, const struct number *m)
{
  bool compound = states(r, ADDR_COMPOUND) && !r->village;
  bool building = states(r, ADDR_BUILDING);
  const char *all = number_text(r, m, 0);
  if (r->annex && take_annex(r, all)) return;
  if (r->last == LAST_LANE && !building) {
    if (m->k == 1) take(r, ADDR_BUILDING, all, LAST_BUILDING);
    else take_compact(r, m);
  } else if (expects_number(r) || (!states(r, ADDR_NUMBER) && !compound && !building)) {
    take(r, ADDR_NUMBER, all, LAST_NUMBER);
  } else if (m->k >= 2 && (!building || digits_of(m->seg[m->k - 1]) >= 3)) {
    take_compact(r, m);
  } else if (m->k >= 2) {
    list_add(r->rest, sizeof r->rest, all); /* 7-9号: the shops of a building */
  } else if (building) {
    bool is_unit = r->last == LAST_BUILDING && goes_on_inside(r, m->end + 1);
    if (is_unit) take(r, ADDR_UNIT, all, LAST_UNIT);
    else take(r, ADDR_ROOM, all, LAST_ROOM);
  } else if (digits_of(all) < 3) {
    take(r, ADDR_BUILDING, all, LAST_BUILDING);
  } else if (states(r, ADDR_NUMBER) || is_tall(r)) {
    if (!take_letter_room(r, all)) take(r, ADDR_ROOM, all, LAST_ROOM);
  } else {
    take(r, ADDR_NUMBER, all, LAST_NUMBER);
  }
}

static void take_bare(struct reader *r, const struct number *m)
{
  if (r->annex && m->k == 1 && take_annex(r, m->seg[0])) return;
  if (m->k == 1 && digits_of(m->seg[0]) == 6 && strlen(m->seg[0]) == 6 && !states(r, ADDR_POSTCODE)) {
    r->out->part[ADDR_POSTCODE] = arena_str(r->mem, m->seg[0]);
  } else if (r->last == LAST_LANE && !states(r, ADDR_BUILDING)) {
    take_compact(r, m);
  } else if (expects_number(r)) {
    bool has_room = m->k > 1 && digits_of(m->seg[m->k - 1]) >= 3;
    if (!has_room) {
      take(r, ADDR_NUMBER, number_text(r, m, 0), LAST_NUMBER);
      return;
    }
    take(r, ADDR_NUMBER, arena_str(r->mem, m->seg[0]), LAST_NUMBER);
    if (m->k > 2) take(r, ADDR_UNIT, arena_str(r->mem, m->seg[1]), LAST_UNIT);
    take(r, ADDR_ROOM, arena_str(r->mem, m->seg[m->k - 1]), LAST_ROOM);
  } else if (r->last != LAST_NONE) {
    take_compact(r, m);
  }
}

/* A unit word that has one place only: "3单元", and "5-3单元" with the building in front. */
static void take_in(struct reader *r, enum addr_part p, enum last last, const struct number *m)
{
  bool with_building = m->k == 2 && p != ADDR_BUILDING && !states(r, ADDR_BUILDING);
  if (with_building) take(r, ADDR_BUILDING, arena_str(r->mem, m->seg[0]), LAST_BUILDING);
  take(r, p, number_text(r, m, with_building ? 1 : 0), last);
}

static void take_floor(struct reader *r, const struct number *m)
{
  /* 5楼3单元: people call the building 楼. */
  int i = skip_gaps(r, m->end + 1), len;
  struct number next = i < r->n ? number_read(r, i) : (struct number){ 0 };
  bool is_building = m->k == 1 && !states(r, ADDR_BUILDING) && next.k == 1 &&
                     unit_at(r->s + next.end, r->n - next.end, &len) == U_UNIT;
  if (is_building) take(r, ADDR_BUILDING, number_text(r, m, 0), LAST_BUILDING);
  else take_in(r, ADDR_FLOOR, LAST_FLOOR, m);
}

static void take_number(struct reader *r, const struct number *m, enum unit_word u)
{
  const char *all = number_text(r, m, 0);
  switch (u) {
  case U_NUMBER: take_hao(r, m); break;
  case U_HASH:
    if (expects_number(r)) take(r, ADDR_NUMBER, all, LAST_NUMBER);
    else if (states(r, ADDR_BUILDING)) take(r, ADDR_ROOM, all, LAST_ROOM);
    else take(r, ADDR_BUILDING, all, LAST_BUILDING);
    break;
  case U_BUILDING: take(r, ADDR_BUILDING, all, LAST_BUILDING); break;
  case U_UNIT: take_in(r, ADDR_UNIT, LAST_UNIT, m); break;
  case U_GATE:
    if (states(r, ADDR_BUILDING) || r->last == LAST_NUMBER) take(r, ADDR_UNIT, all, LAST_UNIT);
    break;
  case U_ENTRANCE: list_add(r->rest, sizeof r->rest, all); break;
  case U_FLOOR: take_floor(r, m); break;
  case U_ROOM:
    if (m->k > 1 || (states(r, ADDR_COMPOUND) && is_letter((uint16_t)all[0]))) take_compact(r, m);
    else take(r, ADDR_ROOM, all, LAST_ROOM);
    break;
  case U_LANE: take_extra(r, "弄", all, LAST_LANE); break;
  case U_ALLEY: take_extra(r, "巷", all, LAST_ROAD); break;
  case U_GROUP: take_extra(r, "组", all, LAST_GROUP); break;
  case U_PHASE: take_extra(r, "期", all, LAST_COMPOUND); break;
  case U_ZONE: take_extra(r, "区", all, LAST_COMPOUND); break;
  case U_ROW: take_extra(r, "排", all, LAST_COMPOUND); break;
  case U_SECTION: take_extra(r, "段", all, LAST_ROAD); break;
  case U_YARD:
    if (expects_number(r)) take(r, ADDR_NUMBER, all, LAST_NUMBER);
    else take_extra(r, "院", all, LAST_COMPOUND);
    break;
  case U_DISTANCE: list_add(r->rest, sizeof r->rest, arena_printf(r->mem, "%sm", all)); break;
  case U_NAME: must(u != U_NAME); break;
  case U_NONE: take_bare(r, m); break;
  }
}

/* ---- names ---------------------------------------------------------------------------------------------- */
/* The length of a road's name that s begins with, 0 when it begins with none. */
static int road_length(const uint16_t *s, int n)
{
  for (int i = 1; i < n; i++) {
    uint16_t next = i + 1 < n ? s[i + 1] : 0;
    bool is_end = false;
    if (s[i] == u'路')
      is_end = s[i - 1] != u'铁' && !is_one_of(next, u"局桥口") &&
               !(next == u'街' && i + 2 < n && s[i + 2] == u'道');
    else if (s[i] == u'街') is_end = !is_one_of(next, u"道区坊心口");
    else if (s[i] == u'巷') is_end = true;
    else if (s[i] == u'弄') is_end = next == 0;
    else if (s[i] == u'道')
      is_end = s[i - 1] == u'大' || (next == 0 && !is_one_of(s[i - 1], u"街隧频渠铁跑栈"));
    else if (s[i] == u'同') is_end = s[i - 1] == u'胡' && i > 1;
    if (!is_end) continue;
    /* 新街三巷, 建国路东街: the name goes on. */
    int k = i + 1;
    while (k < n && k < i + 3 && is_one_of(s[k], u"一二三四五六七八九十东西南北中横支直后前新老")) k++;
    if (k > i + 1 && k < n && is_one_of(s[k], u"路街巷弄横")) return k + 1;
    return i + 1;
  }
  return 0;
}

/* How many units of a road's name are a village, a zone or a town before it: 碧岭村委|沙坑路. */
static int road_prefix(const uint16_t *s, int n)
{
  static const char16_t *const before[] = {
    u"社区",   u"居委会", u"村委会", u"居委",   u"村委",   u"村民委员会", u"新村",   u"村",     u"工业园区",
    u"工业园", u"工业区", u"开发区", u"高新区", u"保税区", u"园区",       u"管委会", u"管理区", u"产业园",
    u"科技园", u"农场",   u"林场",   u"渔场",   u"牧场",   u"茶场",       u"工业城", u"商业城", u"新区",
    u"镇",     u"乡",     u"街道",   u"县",     u"区",     u"市"
  };
  int cut = 0;
  for (int k = 2; k <= n - 3; k++)
    for (size_t w = 0; w < COUNT(before); w++)
      if (ends(s, k, before[w]) && !is_one_of(s[k], u"大东西南北中前后口委会路街道巷") &&
          !(s[k - 1] == u'街' && s[k] == u'道'))
        cut = k;
  return cut;
}

/* Digits in a road's name are written like the Chinese ones: 13街 is 十三街. */
static const char *road_text(struct reader *r, const uint16_t *s, int n)
{
  static const char16_t digits[] = u"零一二三四五六七八九";
  uint16_t out[NAME_MAX_UNITS * 2];
  int o = 0;
  for (int i = 0; i < n && o < (int)COUNT(out) - 4; i++) {
    int value = 0, k = i;
    while (k < n && is_digit(s[k]) && k < i + 3) value = value * 10 + (s[k++] - '0');
    bool is_small = k > i && k - i <= 2 && (k == n || !is_digit(s[k])) && (i == 0 || !is_letter(s[i - 1]));
    while (k < n && is_digit(s[k])) k++;
    if (!is_small || value == 0) {
      for (int end = k > i ? k : i + 1; i < end && o < (int)COUNT(out) - 4; i++) out[o++] = s[i];
      i--;
      continue;
    }
    if (value >= 20) out[o++] = digits[value / 10];
    if (value >= 10) out[o++] = u'十';
    if (value % 10) out[o++] = digits[value % 10];
    i = k - 1;
  }
  return units_text(r->mem, out, o);
}

static bool is_village(const uint16_t *s, int n)
{
  static const char16_t *const villages[] = { u"村",   u"社区", u"居委会", u"村委会", u"村委",
                                              u"居委", u"庄",   u"屯",     u"寨" };
  return ends_in(s, n, villages, COUNT(villages)) && !ends(s, n, u"新村") && !ends(s, n, u"山庄") &&
         !ends(s, n, u"度假村");
}

/* The village moves to rest when something finer takes its place. */
static void village_drop(struct reader *r)
{
  if (!r->village) return;
  if (states(r, ADDR_NUMBER) && !states(r, ADDR_ROAD)) r->out->part[ADDR_ROAD] = r->out->part[ADDR_COMPOUND];
  else list_add(r->rest, sizeof r->rest, r->out->part[ADDR_COMPOUND]);
  r->out->part[ADDR_COMPOUND] = NULL, r->village = false;
}

static void take_road(struct reader *r, int from, int to)
{
  int cut = road_prefix(r->s + from, to - from);
  rest_add(r, from, from + cut);
  from += cut;
  if (states(r, ADDR_ROAD)) {
    if (states(r, ADDR_NUMBER) || states(r, ADDR_BUILDING)) {
      rest_add(r, from, to);
      return;
    }
    list_add(r->rest, sizeof r->rest, r->out->part[ADDR_ROAD]);
    r->out->part[ADDR_ROAD] = NULL;
  }
  village_drop(r);
  take(r, ADDR_ROAD, road_text(r, r->s + from, to - from < NAME_MAX_UNITS ? to - from : NAME_MAX_UNITS),
       LAST_ROAD);
}

static const char16_t *const beside_words[] = { u"对面",   u"旁边",   u"附近", u"隔壁", u"斜对面",
                                                u"交叉口", u"交汇处", u"路口", u"门口", u"楼下",
                                                u"边上",   u"东侧",   u"西侧", u"南侧", u"北侧",
                                                u"东北",   u"西北",   u"东南", u"西南", u"旁" };

static void trim(const uint16_t *s, int *from, int *to)
{
  if (ends(s + *from, *to - *from, u"自编")) *to -= 2;
  while (*from < *to && (is_gap(s[*from]) || is_one_of(s[*from], u"-的在+"))) ++*from;
  while (*to > *from && (is_gap(s[*to - 1]) || is_one_of(s[*to - 1], u"-的+"))) --*to;
}

/* 东南, 西侧: a direction, but no place. */
static bool is_pointing(const uint16_t *s, int n)
{
  for (int i = 0; i < n; i++)
    if (!is_one_of(s[i], u"东西南北侧边面向往约角口内外")) return false;
  return true;
}

/* 丰盛园丰盛园: the length without what is only said again. */
static int unrepeated(const uint16_t *s, int n)
{
  for (int k = n / 2; k >= 2; k--)
    if (memcmp(s + n - k, s + n - 2 * k, (size_t)k * sizeof *s) == 0) return n - k;
  return n;
}

static void take_compound(struct reader *r, int from, int to)
{
  const uint16_t *s = r->s;
  int len = 0, at = find_word(s + from, to - from, beside_words, COUNT(beside_words), &len);
  if (at < to - from) { /* what stands beside it is no part of it */
    bool is_first = at + len >= to - from - 1;
    rest_add(r, is_first ? from + at : from, is_first ? to : from + at + len);
    if (is_first) to = from + at;
    else from += at + len;
  }
  trim(s, &from, &to);
  if (to - from > NAME_MAX_UNITS) to = from + NAME_MAX_UNITS;
  if (to - from < 2 || is_one_of(s[from], u"与口") || states(r, ADDR_BUILDING)) {
    if (to - from >= 2 && states(r, ADDR_BUILDING) && !states(r, ADDR_COMPOUND) && !states(r, ADDR_UNIT))
      take(r, ADDR_COMPOUND, units_text(r->mem, s + from, to - from), LAST_BUILDING);
    else rest_add(r, from, to);
    return;
  }
  static const char16_t *const no_names[] = { u"首层", u"底层", u"底楼",   u"临街", u"门面",
                                              u"商铺", u"门市", u"门市部", u"楼上" };
  for (size_t i = 0; i < COUNT(no_names); i++)
    if (begins(s + from, to - from, no_names[i]) == to - from) {
      rest_add(r, from, to);
      return;
    }
  if (is_pointing(s + from, to - from)) {
    rest_add(r, from, to);
    return;
  }
  to = from + unrepeated(s + from, to - from);
  village_drop(r);
  const char *text = units_text(r->mem, s + from, to - from), *have = r->out->part[ADDR_COMPOUND];
  if (!text[0] || (have && strlen(have) + strlen(text) > NAME_MAX_UNITS * 3)) return;
  if (have && (size_t)(strstr(have, text) ? 1 : 0)) return;
  r->out->part[ADDR_COMPOUND] = have ? arena_printf(r->mem, "%s%s", have, text) : text;
  r->last = LAST_COMPOUND;
  r->village = is_village(s + from, to - from) && !states(r, ADDR_ROAD);
}

/* 长腰岭村|翠湖花园: where a village ends inside of a name, 0 when it does not. */
static int village_end(const uint16_t *s, int n)
{
  for (int k = 2; k <= n - 3; k++) {
    bool is_end = (s[k - 1] == u'村' && !is_one_of(s[k - 2], u"新农度山") &&
                   !is_one_of(s[k], u"委民路街大东西南北口前后")) ||
                  ends(s, k, u"社区") || ends(s, k, u"村委会") || ends(s, k, u"居委会");
    if (is_end) return k;
  }
  return 0;
}

/* 高新技术开发区|佳兴花园: where a zone ends in front of a name. */
static int zone_end(const uint16_t *s, int n)
{
  static const char16_t *const zones[] = { u"工业园区", u"工业区", u"工业园", u"开发区", u"高新区",
                                           u"保税区",   u"经开区", u"管委会", u"产业园" };
  for (int k = n - 3; k >= 3; k--)
    if (ends_in(s, k, zones, COUNT(zones)) && !is_one_of(s[k], u"东西南北一二三四五六七八九十内第区"))
      return k;
  return 0;
}

/* A run of characters between numbers and gaps: perhaps a village, roads, a compound. */
static bool is_name(const uint16_t *s, int n)
{
  for (int i = 0; i < n; i++)
    if (is_han(s[i]) || is_letter(s[i])) return true;
  return false;
}

static void take_name(struct reader *r, int from, int to, bool before_number)
{
  const uint16_t *s = r->s;
  int len;
  r->annex = 0, r->stem = 0;
  to = from + find_word(s + from, to - from, note_words, COUNT(note_words), &len);
  trim(s, &from, &to);
  if (before_number && to > from && s[to - 1] == u'第') to--;
  if (to - from == 1 && before_number && is_one_of(s[from], u"附之")) r->annex = s[from];
  if (to - from < 2 || !is_name(s + from, to - from)) return;
  if (states(r, ADDR_ROOM) || states(r, ADDR_FLOOR)) {
    rest_add(r, from, to);
    return;
  }
  if (before_number && is_one_of(s[to - 1], u"甲乙丙") && is_one_of(s[to - 2], u"路街道巷号"))
    r->stem = s[--to];
  while (to - from >= 2 && (len = road_length(s + from, to - from))) {
    bool is_crossing = is_one_of(s[from], u"与和跟及") && states(r, ADDR_ROAD);
    if (is_crossing) rest_add(r, from, from + len);
    else take_road(r, from, from + len);
    from += len;
  }
  trim(s, &from, &to);
  if (to - from < 2) return;
  len = zone_end(s + from, to - from);
  rest_add(r, from, from + len);
  from += len;
  len = village_end(s + from, to - from);
  if (len) {
    take_compound(r, from, from + len);
    from += len;
  }
  take_compound(r, from, to);
}

/* ---- the tail ------------------------------------------------------------------------------------------- */
static bool ends_as_road(const uint16_t *s, int n)
{
  return n >= 2 && ends_in(s, n, road_ends, COUNT(road_ends)) && !ends(s, n, u"街道") && !ends(s, n, u"铁路");
}

/* Is the number rather a part of the name that is being read: 7天酒店, 321国道, 新龙3巷? */
static bool is_in_name(const struct reader *r, int run, int i, const struct number *m, enum unit_word u)
{
  bool has_run = i > run, is_road = ends_as_road(r->s + run, i - run);
  bool is_stuck =
    m->k == 1 && m->end < r->n && is_han(r->s[m->end]) && !begins_note(r->s + m->end, r->n - m->end);
  if (u == U_NAME) return true;
  if (u == U_ALLEY || u == U_LANE) return has_run && !is_road && digits_of(m->seg[0]) < 3 && m->k == 1;
  if (u == U_ZONE && has_run && !m->chinese) return false;
  if (u != U_NONE || !is_stuck || is_road || r->last >= LAST_BUILDING) return false;
  if (has_run) return !is_village(r->s + run, i - run);
  return r->last == LAST_NONE || (r->last == LAST_NUMBER && i > 0 && is_gap(r->s[i - 1]));
}

/* Where the segment that begins at i ends: at a comma or bracket, and at a blank when it began with one. */
static int segment_end(const struct reader *r, int i, uint16_t gap)
{
  while (i < r->n && r->s[i] != ',' && r->s[i] != '(' && r->s[i] != ')' && !(gap == ' ' && r->s[i] == ' '))
    i++;
  return i;
}

/* At a gap: skips it, and with it a note. Returns where reading goes on. */
static int skip_gap(struct reader *r, int i)
{
  uint16_t gap = r->s[i];
  int from = i + 1, end = segment_end(r, from, gap);
  if (gap == ')') return from;
  bool has_place = r->last != LAST_NONE;
  if ((gap == '(' || has_place) && is_note(r->s + from, end - from)) return end;
  if (gap != '(' || !has_place || end >= r->n || r->s[end] != ')' || end == from) return from;
  /* In brackets: a building's number, or the compound when there is none yet; else an aside. */
  static const char16_t *const finer[] = { u"栋", u"幢", u"号楼", u"单元", u"室", u"座" };
  static const char16_t *const estates[] = { u"小区", u"花园", u"家园", u"大厦",
                                             u"公寓", u"苑",   u"新村", u"广场" };
  bool is_part = (HAS_WORD(r->s + from, end - from, finer)) ||
                 (!states(r, ADDR_COMPOUND) && ends_in(r->s + from, end - from, estates, COUNT(estates)));
  if (is_part && !begins(r->s + from, end - from, u"近")) return from;
  rest_add(r, from, end);
  return end;
}

static void read_tail(struct reader *r, int i)
{
  int run = i, len;
  while (i < r->n) {
    uint16_t c = r->s[i];
    if (is_gap(c)) {
      take_name(r, run, i, false);
      run = i = skip_gap(r, i);
      continue;
    }
    bool inside_word = i > run && is_letter(c) && is_letter(r->s[i - 1]);
    struct number m = { 0 };
    if (!inside_word && (is_digit(c) || is_letter(c) || numeral(c) >= 0)) m = number_read(r, i);
    if (!m.k) {
      i++;
      if (!is_digit(c)) continue;
      take_name(r, run, i - 1, false); /* digits that are too many for a number */
      for (run = i - 1; i < r->n && is_digit(r->s[i]);) i++;
      rest_add(r, run, i), run = i;
      continue;
    }
    int after = m.end + (m.end + 1 < r->n && r->s[m.end] == ' ' ? 1 : 0);
    enum unit_word u = unit_at(r->s + after, r->n - after, &len);
    if (u == U_NONE || (after > m.end && u == U_NAME)) u = U_NONE, after = m.end, len = 0;
    if (is_in_name(r, run, i, &m, u)) {
      i = m.end;
      continue;
    }
    take_name(r, run, i, true);
    take_number(r, &m, u);
    run = i = after + len;
  }
  take_name(r, run, r->n, false);
}

/* ---- the whole ----------------------------------------------------------------------------------------- */
static void put_code(struct reader *r, enum addr_part p, uint32_t code)
{
  r->out->part[p] = arena_printf(r->mem, "%u", code);
}

/* Codes from the ids. The cities directly under the government count as one city, whatever the table
 * files their districts under. */
static void put_divisions(struct reader *r)
{
  static const enum addr_part part[] = { ADDR_PROVINCE, ADDR_CITY, ADDR_DISTRICT, ADDR_TOWN };
  for (int level = 0; level <= DIV_TOWN; level++)
    if (knows(r, level)) put_code(r, part[level], div_code(r->at[level]));
  if (knows(r, DIV_PROVINCE)) {
    uint32_t province = div_code(r->at[DIV_PROVINCE]) / 10000;
    if (province == 11 || province == 12 || province == 31 || province == 50)
      put_code(r, ADDR_CITY, province * 10000 + 100);
  }
  if (!r->maybes || knows(r, DIV_DISTRICT)) return;
  char list[MAYBE_MAX * 7 + 1] = "";
  for (int i = 0; i < r->maybes; i++)
    if (is_among(r, r->maybe[i]))
      list_add(list, sizeof list, arena_printf(r->mem, "%u", div_code(r->maybe[i])));
  r->out->maybe = arena_str(r->mem, list);
}

static bool is_latin(const struct reader *r, int from)
{
  int letters = 0;
  for (int i = from; i < r->n; i++) {
    if (is_han(r->s[i]) && r->s[i] < 0xD800) return false;
    letters += is_letter(r->s[i]) || (r->s[i] >= 0xC0 && r->s[i] < 0x2000);
  }
  return letters >= 3;
}

/* "E区505房" in an office tower: the zone is the building, unless one is stated. */
static void put_extra(struct reader *r)
{
  const char *zone = strstr(r->extra, "区");
  if (zone && states(r, ADDR_ROOM) && !states(r, ADDR_BUILDING)) {
    size_t kind = strlen("区"), len = strcspn(zone + kind, " ");
    r->out->part[ADDR_BUILDING] = arena_strn(r->mem, zone + kind, len);
    char *from = r->extra + (zone - r->extra);
    if (from > r->extra) from--;
    memmove(from, zone + kind + len, strlen(zone + kind + len) + 1);
    if (r->extra[0] == ' ') memmove(r->extra, r->extra + 1, strlen(r->extra));
  }
  if (r->extra[0]) r->out->part[ADDR_STREET_EXTRA] = arena_str(r->mem, r->extra);
}

static void put_postcode(struct reader *r, const char *zip)
{
  const char *p = zip ? text_fold(r->mem, arena_strn(r->mem, zip, strnlen(zip, 32))) : "";
  char out[16];
  size_t n = 0;
  bool is_zero = true;
  for (; *p && n < sizeof out - 1; p++)
    if (is_digit((uint16_t)*p) || is_letter((uint16_t)*p)) out[n++] = *p, is_zero &= *p == '0';
  out[n] = 0;
  if (strchr(zip ? zip : "", '*')) r->out->masked = true;
  if (n >= 3 && !is_zero) r->out->part[ADDR_POSTCODE] = arena_str(r->mem, out);
}

void addr_parse(struct arena *a, const struct addr_text *t, struct addr *out)
{
  must(a && t && out);
  struct reader r;
  memset(out, 0, sizeof *out);
  r.mem = a, r.out = out, r.n = 0, r.maybes = 0, r.last = LAST_NONE;
  r.village = false, r.annex = r.stem = 0;
  r.extra[0] = r.rest[0] = 0;
  for (int i = 0; i < 4; i++) r.at[i] = -1;
  read_field(&r, t->province, DIV_PROVINCE);
  read_field(&r, t->city, DIV_CITY);
  read_field(&r, t->district, DIV_DISTRICT);
  read_field(&r, t->town, DIV_TOWN);
  put_postcode(&r, t->zip);
  line_add(&r, t->detail);
  mend_dashes(&r);
  drop_labels(&r, 0);
  drop_phones(&r, 0);
  out->latin = is_latin(&r, 0);
  if (out->latin) {
    put_divisions(&r);
    out->rest = "";
    addr_parse_latin(a, t, out);
    return;
  }
  int i = read_divisions(&r, 0, -1, false);
  if (i == 0) i = find_start(&r, 0);
  for (int known = -1; known != i;) known = i, i = unknown_division(&r, i);
  read_tail(&r, i);
  put_divisions(&r);
  put_extra(&r);
  out->rest = arena_str(a, r.rest);
}
