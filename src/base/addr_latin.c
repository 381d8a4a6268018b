/* addr_latin.c: addresses in Latin letters. Words are brought to one spelling (St, St., Street: street;
 * N: north; 21st: 21; É: e) and read by segments, which commas part:
 *
 *   designator value      Apt 4B, #4B, Building 5, Floor 3
 *   number name ending    120 West 21st Street
 *   name number           Hauptstraße 12
 *   the rest              estate, city, state, postcode
 *
 * An address of China in pinyin gets its codes from the table of divisions. */
#include "base.h"
#include <stdio.h>
#include <stdlib.h>

#define FIELD_MAX 1024
#define WORDS_MAX 96
#define WORD_MAX 32

struct word {
  char text[WORD_MAX];
  bool is_last; /* of its segment */
  bool taken;
};

struct reading {
  struct arena *mem;
  struct addr *out;
  struct word word[WORDS_MAX];
  int n;
  bool in_china;
};

/* ---- one spelling --------------------------------------------------------------------------------- */
static const struct {
  const char *from, *to;
} spellings[] = {
  { "rd", "road" },        { "ave", "avenue" },     { "av", "avenue" },       { "aven", "avenue" },
  { "blvd", "boulevard" }, { "boul", "boulevard" }, { "dr", "drive" },        { "ln", "lane" },
  { "ct", "court" },       { "pl", "place" },       { "sq", "square" },       { "hwy", "highway" },
  { "pkwy", "parkway" },   { "ter", "terrace" },    { "terr", "terrace" },    { "cir", "circle" },
  { "trl", "trail" },      { "cres", "crescent" },  { "str", "strasse" },     { "n", "north" },
  { "s", "south" },        { "e", "east" },         { "w", "west" },          { "ne", "northeast" },
  { "nw", "northwest" },   { "se", "southeast" },   { "sw", "southwest" },    { "apartment", "apt" },
  { "suite", "apt" },      { "ste", "apt" },        { "rm", "room" },         { "flat", "apt" },
  { "apto", "apt" },       { "appt", "apt" },       { "appartement", "apt" }, { "wohnung", "apt" },
  { "bldg", "building" },  { "fl", "floor" },       { "mt", "mount" },        { "ft", "fort" },
  { "no", "no" },          { "num", "no" },         { "number", "no" },       { "lu", "road" },
  { "dadao", "avenue" },   { "jie", "street" },     { "first", "1" },         { "second", "2" },
  { "third", "3" },        { "fourth", "4" },       { "fifth", "5" },         { "sixth", "6" },
  { "seventh", "7" },      { "eighth", "8" },       { "ninth", "9" },         { "tenth", "10" },
};

static const char *const street_ends[] = { "street", "road",    "avenue", "boulevard", "drive",   "lane",
                                           "court",  "place",   "square", "highway",   "parkway", "terrace",
                                           "circle", "trail",   "way",    "crescent",  "strasse", "weg",
                                           "platz",  "alley",   "row",    "loop",      "plaza",   "walk",
                                           "close",  "gardens", "grove",  "mews" };
static const char *const street_starts[] = { "rue",    "calle",     "via",    "rua",   "avenida",
                                             "avenue", "boulevard", "piazza", "place", "paseo",
                                             "corso",  "ulica",     "chemin", "quai" };
static const char *const directions[] = { "north",     "south",     "east",      "west",
                                          "northeast", "northwest", "southeast", "southwest" };
static const char *const estate_ends[] = { "garden", "gardens", "plaza",     "mansion",  "tower",
                                           "center", "centre",  "residence", "village",  "park",
                                           "court",  "house",   "estate",    "community" };

static bool is_in(const char *word, const char *const *list, size_t n)
{
  for (size_t i = 0; i < n; i++)
    if (strcmp(word, list[i]) == 0) return true;
  return false;
}
#define IS_IN(word, list) is_in((word), (list), COUNT(list))

static bool is_number(const char *s)
{
  return *s >= '0' && *s <= '9';
}

/* Latin letters without their marks, for U+00C0 to U+017F; the rest stays as it is. */
static void letter_put(char *out, size_t *n, uint32_t cp)
{
  static const char plain[] = "aaaaaaaceeeeiiiidnooooo*ouuuuyts" /* U+00C0 */
                              "aaaaaaaceeeeiiiidnooooo*ouuuuyty" /* U+00E0 */
                              "aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiiiiijjkkkllllllllll"
                              "nnnnnnnnnoooooooorrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs";
  static_assert(sizeof plain == 0x180 - 0xC0 + 1, "one for each");
  if (cp >= 0xC0 && cp < 0x180) {
    out[(*n)++] = plain[cp - 0xC0];
  } else if (cp < 0x80) {
    out[(*n)++] = (char)cp;
  } else if (cp < 0x800) {
    out[(*n)++] = (char)(0xC0 | cp >> 6), out[(*n)++] = (char)(0x80 | (cp & 63));
  }
}

static bool is_word_sign(uint32_t cp)
{
  return (cp >= '0' && cp <= '9') || (cp >= 'a' && cp <= 'z') || cp == '-' || cp == '\'' ||
         (cp >= 0xC0 && cp < 0x2000);
}

/* "21st" is 21, "Hauptstr" is hauptstrasse, "o'neil" is oneil, "0012" is 12. */
static void word_plain(char *w)
{
  static const char *const ordinals[] = { "st", "nd", "rd", "th" };
  size_t n = strlen(w), digits = strspn(w, "0123456789"), o = 0;
  if (digits && n - digits == 2 && IS_IN(w + digits, ordinals)) w[digits] = 0;
  for (size_t i = 0; w[i]; i++)
    if (w[i] != '\'') w[o++] = w[i];
  w[o] = 0;
  if (o > 5 && strcmp(w + o - 3, "str") == 0 && o + 5 < WORD_MAX) memcpy(w + o, "asse", 5);
  for (size_t i = 0; i < COUNT(spellings); i++)
    if (strcmp(w, spellings[i].from) == 0) {
      snprintf(w, WORD_MAX, "%s", spellings[i].to);
      return;
    }
}

static void words_add(struct reading *r, const char *field)
{
  if (!field || !*field) return;
  size_t cut = strnlen(field, FIELD_MAX + 1), n = 0;
  if (cut > FIELD_MAX)
    for (cut = FIELD_MAX; cut && ((unsigned char)field[cut] & 0xC0) == 0x80;) cut--;
  const char *p = text_fold(r->mem, arena_strn(r->mem, field, cut));
  char w[WORD_MAX + 8];
  for (uint32_t cp = 1; cp && r->n < WORDS_MAX;) {
    cp = utf8_next(&p);
    if (cp == '*') r->out->masked = true;
    if (is_word_sign(cp) && !(cp == '-' && n == 0)) {
      if (n + 6 < WORD_MAX) letter_put(w, &n, cp);
      continue;
    }
    w[n] = 0;
    if (n) {
      struct word *word = &r->word[r->n++];
      memcpy(word->text, w, n + 1);
      word->is_last = word->taken = false;
      word_plain(word->text);
      if (!word->text[0]) r->n--;
    }
    n = 0;
    if (cp == '#' && r->n < WORDS_MAX) {
      struct word *word = &r->word[r->n++];
      memcpy(word->text, "apt", 4);
      word->is_last = word->taken = false;
    }
    bool is_end =
      cp == 0 || cp == ',' || cp == ';' || cp == '|' || cp == '\n' || cp == '(' || cp == ')' || cp >= 0x3000;
    if (is_end && r->n) r->word[r->n - 1].is_last = true;
  }
}

/* "st" is a street at the end of a name and a saint before one. */
static void saints(struct reading *r)
{
  for (int i = 0; i < r->n; i++) {
    struct word *w = &r->word[i];
    if (strcmp(w->text, "st") != 0) continue;
    const char *next = w->is_last || i + 1 >= r->n ? NULL : r->word[i + 1].text;
    bool after_name = i > 0 && !r->word[i - 1].is_last && !is_number(r->word[i - 1].text);
    bool is_street =
      !next || after_name ||
      (i > 0 && !r->word[i - 1].is_last && (IS_IN(next, directions) || strcmp(next, "apt") == 0));
    snprintf(w->text, WORD_MAX, "%s", is_street ? "street" : "saint");
  }
}

/* ---- parts ----------------------------------------------------------------------------------------- */
static bool put(struct reading *r, enum addr_part p, const char *text)
{
  if (!text[0] || r->out->part[p]) return false;
  r->out->part[p] = arena_str(r->mem, text);
  return true;
}

static const char *join(struct reading *r, int from, int to)
{
  char *out = "";
  for (int i = from; i < to; i++)
    if (!r->word[i].taken) out = arena_printf(r->mem, "%s%s%s", out, *out ? " " : "", r->word[i].text);
  return out;
}

static int segment_end(const struct reading *r, int i)
{
  while (i < r->n && !r->word[i].is_last) i++;
  return i < r->n ? i + 1 : r->n;
}

static void take_words(struct reading *r, int from, int to)
{
  for (; from < to; from++) r->word[from].taken = true;
}

static const struct {
  const char *word;
  enum addr_part part;
} designators[] = {
  { "apt", ADDR_ROOM },       { "room", ADDR_ROOM },         { "building", ADDR_BUILDING },
  { "block", ADDR_BUILDING }, { "tower", ADDR_BUILDING },    { "floor", ADDR_FLOOR },
  { "f", ADDR_FLOOR },        { "unit", ADDR_UNIT },         { "no", ADDR_NUMBER },
  { "box", ADDR_NUMBER },     { "lane", ADDR_STREET_EXTRA },
};

/* A value: holds a digit, or is a single letter. */
static bool is_value(const char *w)
{
  return strpbrk(w, "0123456789") || strlen(w) == 1;
}

static const char *value_plain(const char *w)
{
  while (w[0] == '0' && is_number(w + 1)) w++;
  return w;
}

/* "Apt 4B", "Building 5", "3 floor"; the words are marked as taken. */
static void take_designators(struct reading *r)
{
  for (int i = 0; i < r->n; i++) {
    for (size_t d = 0; d < COUNT(designators); d++) {
      struct word *w = &r->word[i];
      if (w->taken || strcmp(w->text, designators[d].word) != 0) continue;
      enum addr_part p = designators[d].part;
      int v = i + 1 < r->n && !w->is_last && is_value(r->word[i + 1].text) ? i + 1 : -1;
      bool is_name = strcmp(w->text, "f") == 0 &&
                     (v >= 0 || (!w->is_last && i + 1 < r->n && IS_IN(r->word[i + 1].text, street_ends)));
      if (is_name) continue; /* F Street */
      if (v < 0 && p == ADDR_FLOOR && i > 0 && !r->word[i - 1].is_last && is_number(r->word[i - 1].text))
        v = i - 1;
      if (v < 0) {
        if (p == ADDR_ROOM || p == ADDR_NUMBER) w->taken = true;
        continue;
      }
      const char *value = value_plain(r->word[v].text);
      if (p == ADDR_STREET_EXTRA) value = arena_printf(r->mem, "%s%s", w->text, value);
      put(r, p, value);
      if (strcmp(w->text, "box") == 0) put(r, ADDR_ROAD, "po box");
      w->taken = r->word[v].taken = true;
      if (r->word[v].is_last && v > 0) w->is_last = true;
    }
  }
  /* A unit on its own is the room. */
  const char **part = r->out->part;
  if (part[ADDR_UNIT] && !part[ADDR_ROOM]) part[ADDR_ROOM] = part[ADDR_UNIT], part[ADDR_UNIT] = NULL;
}

/* "nw1" "6xe" */
static bool is_british(const char *out, const char *in)
{
  size_t letters = strspn(out, "abcdefghijklmnopqrstuvwxyz"), n = strlen(in);
  return letters >= 1 && letters <= 2 && is_number(out + letters) && strlen(out) <= letters + 2 && n == 3 &&
         is_number(in) && !is_number(in + 1) && !is_number(in + 2);
}

/* The last free word of digits is the postcode: "10011", "10011-1234". */
static void take_postcode(struct reading *r)
{
  for (int i = r->n - 1; i > 0 && i >= r->n - 2; i--) {
    struct word *a = &r->word[i - 1], *b = &r->word[i];
    if (a->taken || b->taken || !is_british(a->text, b->text)) continue;
    put(r, ADDR_POSTCODE, arena_printf(r->mem, "%s%s", a->text, b->text));
    a->taken = b->taken = true;
    return;
  }
  for (int i = r->n - 1; i > 0 && i >= r->n - 3; i--) {
    struct word *w = &r->word[i];
    size_t digits = strspn(w->text, "0123456789");
    bool is_code = (digits == 5 || digits == 6) && (w->text[digits] == 0 || w->text[digits] == '-');
    if (w->taken || !is_code) continue;
    put(r, ADDR_POSTCODE, arena_strn(r->mem, w->text, digits));
    w->taken = true;
    return;
  }
}

/* ---- the street ------------------------------------------------------------------------------------- */
struct street {
  int number, from, to; /* words; number -1: none */
};

static bool is_free(const struct reading *r, int i)
{
  return !r->word[i].taken;
}

/* Number in front: "120 west 21 street". The name ends with its ending and a direction behind it, or with
 * the segment. */
static bool street_after_number(const struct reading *r, int from, int to, struct street *s)
{
  *s = (struct street){ -1, 0, 0 };
  int i = from;
  while (i < to && !is_free(r, i)) i++;
  bool stated = r->out->part[ADDR_NUMBER] != NULL;
  if (i >= to || (!is_number(r->word[i].text) && !stated)) return false;
  if (is_number(r->word[i].text) && !stated) s->number = i++;
  s->from = i;
  for (; i < to && is_free(r, i); i++) {
    bool is_end = i > s->from && IS_IN(r->word[i].text, street_ends);
    if (!is_end) continue;
    if (i + 1 < to && is_free(r, i + 1) && IS_IN(r->word[i + 1].text, directions)) i++;
    s->to = i + 1;
    return true;
  }
  s->to = i;
  return s->number >= 0 && s->to > s->from && strlen(r->word[s->from].text) > 1;
}

/* Number behind: "hauptstrasse 12", "calle mayor 5". */
static bool street_before_number(const struct reading *r, int from, int to, struct street *s)
{
  while (from < to && !is_free(r, from)) from++;
  if (from >= to || is_number(r->word[from].text)) return false;
  for (int i = from + 1; i < to; i++) {
    if (!is_free(r, i)) break;
    if (!is_number(r->word[i].text)) continue;
    *s = (struct street){ i, from, i };
    return true;
  }
  return false;
}

/* No number in the segment, but a name that ends like a street's. */
static bool street_alone(const struct reading *r, int from, int to, struct street *s)
{
  for (int i = from; i < to; i++) {
    bool is_street = is_free(r, i) && ((i > from && IS_IN(r->word[i].text, street_ends)) ||
                                       (i == from && i + 1 < to && IS_IN(r->word[i].text, street_starts)));
    if (!is_street) continue;
    *s = (struct street){ -1, from, i == from ? to : i + 1 };
    return true;
  }
  return false;
}

static int take_street(struct reading *r)
{
  static bool (*const forms[])(const struct reading *, int, int, struct street *) = {
    street_after_number,
    street_before_number,
    street_alone,
  };
  for (size_t f = 0; f < COUNT(forms); f++)
    for (int from = 0, to; from < r->n; from = to) {
      struct street s;
      to = segment_end(r, from);
      if (!forms[f](r, from, to, &s)) continue;
      if (s.number >= 0) put(r, ADDR_NUMBER, value_plain(r->word[s.number].text));
      const char *name = join(r, s.from, s.to);
      put(r, ADDR_ROAD, name);
      take_words(r, s.from, s.to);
      if (s.number >= 0) r->word[s.number].taken = true;
      return to;
    }
  return 0;
}

/* ---- what is left: estate, city, state ------------------------------------------------------------------- */
static const struct {
  const char *code, *name;
} states[] = {
  { "al", "alabama" },        { "ak", "alaska" },         { "az", "arizona" },
  { "ar", "arkansas" },       { "ca", "california" },     { "co", "colorado" },
  { "ct", "connecticut" },    { "de", "delaware" },       { "dc", "district of columbia" },
  { "fl", "florida" },        { "ga", "georgia" },        { "hi", "hawaii" },
  { "id", "idaho" },          { "il", "illinois" },       { "in", "indiana" },
  { "ia", "iowa" },           { "ks", "kansas" },         { "ky", "kentucky" },
  { "la", "louisiana" },      { "me", "maine" },          { "md", "maryland" },
  { "ma", "massachusetts" },  { "mi", "michigan" },       { "mn", "minnesota" },
  { "ms", "mississippi" },    { "mo", "missouri" },       { "mt", "montana" },
  { "ne", "nebraska" },       { "nv", "nevada" },         { "nh", "new hampshire" },
  { "nj", "new jersey" },     { "nm", "new mexico" },     { "ny", "new york" },
  { "nc", "north carolina" }, { "nd", "north dakota" },   { "oh", "ohio" },
  { "ok", "oklahoma" },       { "or", "oregon" },         { "pa", "pennsylvania" },
  { "ri", "rhode island" },   { "sc", "south carolina" }, { "sd", "south dakota" },
  { "tn", "tennessee" },      { "tx", "texas" },          { "ut", "utah" },
  { "vt", "vermont" },        { "va", "virginia" },       { "wa", "washington" },
  { "wv", "west virginia" },  { "wi", "wisconsin" },      { "wy", "wyoming" },
};

static const char *plain_words(struct arena *a, const char *field, struct addr *out)
{
  struct reading *r = arena_new(a, struct reading);
  r->mem = a, r->out = out;
  words_add(r, field);
  return join(r, 0, r->n);
}

static const char *state_code(const char *text)
{
  for (size_t i = 0; i < COUNT(states); i++)
    if (strcmp(text, states[i].code) == 0 || strcmp(text, states[i].name) == 0) return states[i].code;
  return NULL;
}

static void put_state(struct reading *r, const char *field)
{
  if (!field || !*field) return;
  const char *code = state_code(text_fold(r->mem, arena_strn(r->mem, field, strnlen(field, 64))));
  put(r, ADDR_PROVINCE, code ? code : plain_words(r->mem, field, r->out));
}

/* "xihu district", "hangzhou", "zhejiang province": codes, inside of what is known. */
static bool take_division(struct reading *r, int from, int to)
{
  static const char *const titles[] = { "district", "qu",     "city", "shi",   "province",
                                        "sheng",    "county", "xian", "china", "prc" };
  static const enum addr_part parts[] = { ADDR_PROVINCE, ADDR_CITY, ADDR_DISTRICT };
  const char *known = NULL;
  int hits[8];
  while (to > from && IS_IN(r->word[to - 1].text, titles)) r->word[--to].taken = true;
  if (to == from) return true;
  for (int level = DIV_DISTRICT; level >= 0 && !known; level--) known = r->out->part[parts[level]];
  int within = -1;
  if (known && is_number(known) && strlen(known) == 6) {
    const char *name = join(r, from, to);
    int n = div_find_latin(name, -1, hits, (int)COUNT(hits));
    uint32_t code = (uint32_t)strtoul(known, NULL, 10), unit = code % 10000 == 0 ? 10000
                                                               : code % 100 == 0 ? 100
                                                                                 : 1;
    for (int i = 0; i < n && within < 0; i++)
      if (div_code(hits[i]) / unit == code / unit) within = hits[i];
  } else {
    int n = div_find_latin(join(r, from, to), -1, hits, (int)COUNT(hits));
    for (int i = 0; i < n && within < 0; i++)
      if (div_level(hits[i]) < DIV_DISTRICT) within = hits[i];
  }
  if (within < 0) return false;
  for (int id = within; id >= 0; id = div_parent(id))
    put(r, parts[div_level(id)], arena_printf(r->mem, "%u", div_code(id)));
  take_words(r, from, to);
  return true;
}

/* Does a free word stand between the two? */
static bool has_free(const struct reading *r, int from, int to)
{
  for (; from < to; from++)
    if (is_free(r, from)) return true;
  return false;
}

/* "springfield il": the state at the end of a city's segment. */
static int take_state(struct reading *r, int from, int to, int street_end)
{
  if (r->out->part[ADDR_PROVINCE]) return to;
  while (to > from && !is_free(r, to - 1)) to--;
  if (to == from) return to;
  const char *whole = join(r, from, to), *last = r->word[to - 1].text;
  if (state_code(whole) && (has_free(r, street_end, from) || strlen(whole) == 2)) {
    put(r, ADDR_PROVINCE, state_code(whole));
    return from;
  }
  if (to - from < 2 || strlen(last) != 2 || !state_code(last)) return to;
  put(r, ADDR_PROVINCE, state_code(last));
  return to - 1;
}

static void take_rest(struct reading *r, int street_end)
{
  static const char *const countries[] = { "china",   "usa",    "us", "united states", "uk", "deutschland",
                                           "germany", "france", "p o" };
  const char *rest = "";
  for (int from = r->n; from > 0;) { /* from the right: the greatest comes last */
    int to = from--;
    while (from > 0 && !r->word[from - 1].is_last) from--;
    const char *text = join(r, from, to);
    if (!*text || IS_IN(text, countries)) continue;
    if (r->in_china && take_division(r, from, to)) continue;
    bool is_behind = from >= street_end && !r->in_china && !strpbrk(text, "0123456789");
    int end = is_behind ? take_state(r, from, to, street_end) : to;
    text = join(r, from, end);
    if (!*text) continue;
    bool is_estate =
      !r->out->part[ADDR_COMPOUND] && is_in(r->word[to - 1].text, estate_ends, COUNT(estate_ends));
    if (is_estate && put(r, ADDR_COMPOUND, text)) continue;
    if (is_behind && put(r, ADDR_CITY, text)) continue;
    rest = arena_printf(r->mem, "%s%s%s", text, *rest ? " " : "", rest);
  }
  r->out->rest = rest;
}

/* Without a country: a segment that is the name of a province. */
static bool names_province(struct reading *r)
{
  int hit;
  for (int from = 0, to; from < r->n; from = to) {
    to = segment_end(r, from);
    int end = to - (to - from > 1 &&
                    (is_number(r->word[to - 1].text) || strcmp(r->word[to - 1].text, "province") == 0));
    if (div_find_latin(join(r, from, end), -1, &hit, 1) && div_level(hit) == DIV_PROVINCE) return true;
  }
  return false;
}

void addr_parse_latin(struct arena *a, const struct addr_text *t, struct addr *out)
{
  must(a && t && out);
  struct reading *r = arena_new(a, struct reading);
  r->mem = a, r->out = out;
  bool named = t->country && *t->country;
  words_add(r, t->detail);
  r->in_china = named ? strcmp(t->country, "CN") == 0 || strcmp(t->country, "cn") == 0
                      : out->part[ADDR_PROVINCE] || names_province(r);
  saints(r);
  if (!r->in_china) {
    put_state(r, t->province);
    if (t->city && *t->city) put(r, ADDR_CITY, plain_words(a, t->city, out));
    if (t->district && *t->district) put(r, ADDR_DISTRICT, plain_words(a, t->district, out));
  }
  take_designators(r);
  take_postcode(r);
  take_rest(r, take_street(r));
}
