/* phone.c: what people and platforms type as a phone number, read as one.
 *
 * Two numbers get the same key only when they are surely the same line. Whatever is not understood gets no
 * key: the order is then merged by token or only proposed, which costs a glance and not a wrong parcel.
 *   - a word that the table below does not know: PHONE_NONE, except a note in parentheses without digits;
 *   - more than 15 digits: PHONE_NONE (an order number, not a phone);
 *   - fewer than 7 digits, or one digit repeated: PHONE_SHORT;
 *   - of two numbers in one cell ("13800138000/13900139000") the first counts.
 * Chinese landlines keep their area code with its 0; elsewhere the trunk prefix goes. */
#include "base.h"

#define PHONE_TEXT_MAX 200 /* bytes of a cell that is worth reading */
#define PLACES_MAX 23      /* digits[] of struct phone */
#define DIGITS_MIN 7
#define DIGITS_MAX 15 /* E.164 */
#define EXTENSION_DIGITS_MAX 6
#define COUNTRY_HOME "CN"

/* ---- countries -----------------------------------------------------------------------------------
 * trunk: what is dialled before a national number inside the country. longest: digits of the longest
 * national number without it. */
struct country {
  char iso[3], code[4], trunk[3];
  signed char longest;
};
static const struct country country_table[] = {
  { "CN", "86", "0", 11 },  { "HK", "852", "", 8 },   { "MO", "853", "", 8 },   { "TW", "886", "0", 9 },
  { "JP", "81", "0", 10 },  { "KR", "82", "0", 10 },  { "SG", "65", "", 8 },    { "MY", "60", "0", 10 },
  { "TH", "66", "0", 9 },   { "VN", "84", "0", 10 },  { "ID", "62", "0", 12 },  { "PH", "63", "0", 10 },
  { "IN", "91", "0", 10 },  { "PK", "92", "0", 10 },  { "BD", "880", "0", 10 }, { "LK", "94", "0", 9 },
  { "NP", "977", "0", 10 }, { "KH", "855", "0", 9 },  { "LA", "856", "0", 10 }, { "MM", "95", "0", 10 },
  { "MN", "976", "0", 8 },  { "BN", "673", "", 7 },   { "AE", "971", "0", 9 },  { "SA", "966", "0", 9 },
  { "QA", "974", "", 8 },   { "KW", "965", "", 8 },   { "BH", "973", "", 8 },   { "OM", "968", "", 8 },
  { "IL", "972", "0", 9 },  { "TR", "90", "0", 10 },  { "IQ", "964", "0", 10 }, { "JO", "962", "0", 9 },
  { "LB", "961", "0", 8 },  { "RU", "7", "8", 10 },   { "KZ", "7", "8", 10 },   { "UA", "380", "0", 9 },
  { "GB", "44", "0", 10 },  { "IE", "353", "0", 9 },  { "FR", "33", "0", 9 },   { "DE", "49", "0", 11 },
  { "NL", "31", "0", 9 },   { "BE", "32", "0", 9 },   { "LU", "352", "", 11 },  { "CH", "41", "0", 9 },
  { "AT", "43", "0", 13 },  { "IT", "39", "", 11 },   { "ES", "34", "", 9 },    { "PT", "351", "", 9 },
  { "GR", "30", "", 10 },   { "PL", "48", "", 9 },    { "CZ", "420", "", 9 },   { "SK", "421", "0", 9 },
  { "HU", "36", "06", 9 },  { "RO", "40", "0", 9 },   { "BG", "359", "0", 9 },  { "RS", "381", "0", 9 },
  { "HR", "385", "0", 9 },  { "SI", "386", "0", 8 },  { "DK", "45", "", 8 },    { "SE", "46", "0", 10 },
  { "NO", "47", "", 8 },    { "FI", "358", "0", 11 }, { "EE", "372", "", 8 },   { "LV", "371", "", 8 },
  { "US", "1", "1", 10 },   { "CA", "1", "1", 10 },   { "MX", "52", "", 10 },   { "BR", "55", "0", 11 },
  { "CL", "56", "", 9 },    { "CO", "57", "", 10 },   { "PE", "51", "0", 9 },   { "ZA", "27", "0", 9 },
  { "NG", "234", "0", 10 }, { "EG", "20", "0", 10 },  { "KE", "254", "0", 9 },  { "MA", "212", "0", 9 },
  { "AU", "61", "0", 9 },   { "NZ", "64", "0", 10 },
};

static char upper(char c)
{
  return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static const struct country *country_find(const char *iso)
{
  if (!iso || !*iso) iso = COUNTRY_HOME;
  for (size_t i = 0; i < COUNT(country_table); i++) {
    const char *row = country_table[i].iso;
    if (upper(iso[0]) == row[0] && upper(iso[1]) == row[1] && !iso[2]) return &country_table[i];
  }
  return NULL;
}

static bool starts_with(const char *s, const char *prefix)
{
  return !strncmp(s, prefix, strlen(prefix));
}

/* Whose calling code an international number starts with: the longest that fits. */
static const struct country *country_of(const char *digits)
{
  const struct country *best = NULL;
  for (size_t i = 0; i < COUNT(country_table); i++) {
    const struct country *c = &country_table[i];
    if (starts_with(digits, c->code) && (!best || strlen(c->code) > strlen(best->code))) best = c;
  }
  return best;
}

/* ---- to a national number ---------------------------------------------------------------------------
 * Digits here may hold '*' for a masked place. */
static bool is_home(const struct country *c)
{
  return c && !strcmp(c->iso, COUNTRY_HOME);
}

/* A Chinese mobile number: 11 places, 1 and then 3 to 9. */
static bool is_mobile(const char *d)
{
  return strlen(d) == 11 && d[0] == '1' && ((d[1] >= '3' && d[1] <= '9') || d[1] == '*');
}

static bool is_service_number(const char *d)
{
  return starts_with(d, "400") || starts_with(d, "800");
}

/* 010 and 02x have three digits and numbers of eight, the other area codes four and seven or eight. */
static bool is_landline(const char *d)
{
  size_t n = strlen(d);
  if (d[0] != '0' || d[1] < '1' || d[1] > '9') return is_service_number(d) && n == 10;
  return d[1] <= '2' ? n == 11 : n == 11 || n == 12;
}

/* Drops the first n digits. */
static void drop(char *d, size_t n)
{
  memmove(d, d + n, strlen(d + n) + 1);
}

static void trunk_drop(const struct country *c, char *d)
{
  size_t n = strlen(c->trunk);
  /* No national number starts with a 0 where 0 is the prefix; an 8 or 1 may belong to the number. */
  bool is_sure = c->trunk[0] == '0' || strlen(d) == (size_t)c->longest + n;
  if (n && starts_with(d, c->trunk) && is_sure) drop(d, n);
}

/* A Chinese number without its country prefix. */
static void home_tidy(char *d, bool was_international)
{
  if (d[0] == '0' && is_mobile(d + 1)) drop(d, 1); /* dialled with 0 from another province */
  bool lost_its_zero = was_international && *d != '0' && !is_mobile(d) && strlen(d) >= 10;
  if (!lost_its_zero || is_service_number(d) || strlen(d) >= PLACES_MAX) return;
  memmove(d + 1, d, strlen(d) + 1);
  d[0] = '0';
}

/* 00 and, in North America, 011 are what + stands for. */
static bool international_drop(const struct country *c, char *d, bool has_plus)
{
  bool is_north_american = c && !strcmp(c->code, "1");
  size_t n = starts_with(d, "00") ? 2 : is_north_american && starts_with(d, "011") ? 3 : 0;
  if (has_plus) n = 0;
  drop(d, n);
  return has_plus || n;
}

static void foreign_tidy(char *d)
{
  const struct country *c = country_of(d);
  if (c) trunk_drop(c, d + strlen(c->code));
}

static void nationalise(const struct country *c, char *d, bool has_plus)
{
  bool is_international = international_drop(c, d, has_plus);
  size_t code = c ? strlen(c->code) : 0;
  bool has_code = c && starts_with(d, c->code);
  if (is_international && !has_code) {
    foreign_tidy(d);
  } else if (is_home(c)) {
    bool is_bare = !is_international && has_code && is_mobile(d + code);
    if (is_international || is_bare) drop(d, code);
    home_tidy(d, is_international);
  } else if (c) {
    /* Many platforms send the calling code bare; a number that is too long without it must have it. */
    bool is_bare = has_code && strlen(d) > (size_t)c->longest && strlen(d + code) >= DIGITS_MIN;
    if (is_international || (is_bare && d[0] != c->trunk[0])) drop(d, code);
    trunk_drop(c, d);
  }
}

/* ---- words ---------------------------------------------------------------------------------------------- */
enum mark {
  MARK_END,
  MARK_DIGIT,
  MARK_STAR, /* a masked place */
  MARK_PLUS,
  MARK_GAP,     /* between groups of digits */
  MARK_DASH,    /* the same, and before an extension */
  MARK_EXT,     /* says that an extension follows */
  MARK_NEXT,    /* between two numbers */
  MARK_LABEL,   /* says that a number follows */
  MARK_VIRTUAL, /* says that the number is lent for a while */
  MARK_BRACKET, /* [1234] as platforms write the extension of a lent number; [..] with anything else too */
  MARK_OTHER,
};

/* Folded; the first that fits counts, so the longer stands before the shorter. */
static const struct {
  const char *text;
  enum mark mark;
} word_table[] = {
  { " ", MARK_GAP },           { ".", MARK_GAP },          { "(", MARK_GAP },
  { ")", MARK_GAP },           { "·", MARK_GAP },          { "_", MARK_GAP },
  { "-", MARK_DASH },          { "/", MARK_DASH },         { "‐", MARK_DASH },
  { "‒", MARK_DASH },          { "–", MARK_DASH },         { "—", MARK_DASH },
  { "―", MARK_DASH },          { "−", MARK_DASH },         { "+", MARK_PLUS },
  { "*", MARK_STAR },          { "•", MARK_STAR },         { "●", MARK_STAR },
  { "×", MARK_STAR },          { "∗", MARK_STAR },         { "※", MARK_STAR },
  { "★", MARK_STAR },          { "转接", MARK_EXT },       { "转", MARK_EXT },
  { "轉", MARK_EXT },          { "分机号", MARK_EXT },     { "分机", MARK_EXT },
  { "分機", MARK_EXT },        { "extension", MARK_EXT },  { "ext", MARK_EXT },
  { ",", MARK_NEXT },          { ";", MARK_NEXT },         { "、", MARK_NEXT },
  { "|", MARK_NEXT },          { "或", MARK_NEXT },        { ":", MARK_LABEL },
  { "联系电话", MARK_LABEL },  { "联系手机", MARK_LABEL }, { "手机号码", MARK_LABEL },
  { "手机号", MARK_LABEL },    { "手机", MARK_LABEL },     { "电话号码", MARK_LABEL },
  { "电话", MARK_LABEL },      { "手機", MARK_LABEL },     { "電話", MARK_LABEL },
  { "telephone", MARK_LABEL }, { "tel", MARK_LABEL },      { "mobile", MARK_LABEL },
  { "mob", MARK_LABEL },       { "cell", MARK_LABEL },     { "phone", MARK_LABEL },
  { "有效", MARK_VIRTUAL },    { "虚拟", MARK_VIRTUAL },   { "虛擬", MARK_VIRTUAL },
  { "隐私", MARK_VIRTUAL },    { "隱私", MARK_VIRTUAL },   { "失效", MARK_VIRTUAL },
  { "过期", MARK_VIRTUAL },    { "到期", MARK_VIRTUAL },   { "virtual", MARK_VIRTUAL },
  { "expire", MARK_VIRTUAL },  { "[", MARK_BRACKET },      { "【", MARK_BRACKET },
  { "〔", MARK_BRACKET },
};

static bool is_digit(char c)
{
  return c >= '0' && c <= '9';
}

/* A note in parentheses that holds no digit and no masked place: its length, else 0. It is left out unless
 * it says that the number is a lent one. */
static size_t note_at(const char *p)
{
  if (*p != '(') return 0;
  size_t n = strcspn(p, ")0123456789*");
  if (p[n] != ')') return 0;
  for (size_t i = 0; i < COUNT(word_table); i++) {
    const char *said = word_table[i].mark == MARK_VIRTUAL ? strstr(p, word_table[i].text) : NULL;
    if (said && said < p + n) return 0;
  }
  return n + 1;
}

/* ---- reading ---------------------------------------------------------------------------------------------- */
struct reading {
  const struct country *country;
  char places[PLACES_MAX + 1], extension[PLACES_MAX + 1];
  size_t n, extension_n;
  bool has_plus, is_masked, is_virtual, is_odd; /* odd: something that is not understood */
};

/* Whether the places so far are a Chinese number that nothing can be added to: what follows is another
 * thing. is_dash: a landline may be written in groups, so only a dash or a word ends it. */
static bool is_whole(const struct reading *r, bool is_dash)
{
  if (!is_home(r->country)) return false;
  char d[PLACES_MAX + 2];
  memcpy(d, r->places, r->n + 1);
  nationalise(r->country, d, r->has_plus);
  return is_mobile(d) || (is_dash && is_landline(d));
}

static bool can_extend(const struct reading *r)
{
  return is_home(r->country) ? is_whole(r, true) : r->n >= DIGITS_MIN;
}

/* x and # mask when several stand together or a digit is missing ("138xxxx1234", "1380013800x"); a single
 * one before digits announces an extension where there can be one. */
static enum mark cross_mark(const char **p, const struct reading *r)
{
  char c = *(*p)++;
  bool has_digits = r && r->n;
  bool is_run = **p == c || (has_digits && (*p)[-2] == c), digit_follows = is_digit(**p);
  if (!is_run && is_digit((*p)[strspn(*p, " ")]) && (!r || can_extend(r))) return MARK_EXT;
  if (is_run || c == 'x') return has_digits || digit_follows ? MARK_STAR : MARK_OTHER;
  return MARK_OTHER;
}

/* r: the number so far, NULL behind it. */
static enum mark mark_next(const char **p, const struct reading *r)
{
  for (size_t n; (n = note_at(*p));) *p += n;
  if (!**p) return MARK_END;
  if (is_digit(**p)) return MARK_DIGIT; /* the caller takes it */
  if (**p == 'x' || **p == '#') return cross_mark(p, r);
  for (size_t i = 0; i < COUNT(word_table); i++)
    if (starts_with(*p, word_table[i].text)) {
      *p += strlen(word_table[i].text);
      return word_table[i].mark;
    }
  utf8_next(p);
  return MARK_OTHER;
}

static void place_put(struct reading *r, char c)
{
  if (r->n < PLACES_MAX) r->places[r->n++] = c;
  else r->is_odd = true;
}

/* What stands in brackets, up to and with the closing one. */
static void read_bracket(struct reading *r, const char **p)
{
  r->is_virtual = true;
  for (; **p && **p != ']' && !starts_with(*p, "】") && !starts_with(*p, "〕"); utf8_next(p))
    if (is_digit(**p) && r->extension_n < EXTENSION_DIGITS_MAX) r->extension[r->extension_n++] = **p;
  if (**p) utf8_next(p);
}

/* Behind a whole number: an extension, another number, words. */
static void read_tail(struct reading *r, const char *p, enum mark why)
{
  bool is_announced = why == MARK_EXT;
  for (enum mark m; (m = mark_next(&p, NULL));) {
    if (m == MARK_VIRTUAL) {
      r->is_virtual = true;
      break;
    }
    if (m == MARK_DIGIT) {
      if (r->extension_n < PLACES_MAX) r->extension[r->extension_n++] = *p;
      p++;
    }
    if (m == MARK_STAR) r->is_masked = true;
    if (m == MARK_EXT) is_announced = true;
    if (m == MARK_BRACKET) read_bracket(r, &p);
    if (m == MARK_OTHER) r->is_odd = true;
  }
  if (r->extension_n > EXTENSION_DIGITS_MAX && !is_announced) r->extension_n = 0; /* a second number */
  r->extension[r->extension_n] = 0;
}

/* Ends where the number ends; returns what ended it. */
static enum mark read_number(struct reading *r, const char **p)
{
  for (;;) {
    enum mark m = mark_next(p, r);
    switch (m) {
    case MARK_END: return m;
    case MARK_DIGIT: place_put(r, *(*p)++); break;
    case MARK_STAR: r->is_masked = true, place_put(r, '*'); break;
    case MARK_BRACKET: read_bracket(r, p); break;
    case MARK_GAP:
    case MARK_DASH:
      if (is_whole(r, m == MARK_DASH)) return m;
      break;
    case MARK_VIRTUAL:
      r->is_virtual = true;
      if (r->n) return MARK_END; /* a date may follow */
      break;
    case MARK_EXT:
    case MARK_NEXT:
    case MARK_LABEL:
      if (r->n >= DIGITS_MIN) return m;
      r->is_odd |= r->n || m != MARK_LABEL;
      break;
    case MARK_PLUS:
      r->is_odd |= r->n > 0;
      r->has_plus = true;
      break;
    case MARK_OTHER: r->is_odd = true; break;
    }
  }
}

/* What spreadsheets put around a cell so that it stays text. */
static const char *sheet_marks_skip(const char *p)
{
  return p + strspn(p, "\t '`\"=");
}

static void read_text(struct reading *r, const char *text)
{
  struct arena mem = { 0 };
  char *folded = text_fold(&mem, text);
  size_t n = strlen(folded);
  while (n && strchr("\t '`\"", folded[n - 1])) folded[--n] = 0;
  const char *p = sheet_marks_skip(folded);
  enum mark why = read_number(r, &p);
  if (why) read_tail(r, p, why);
  arena_release(&mem);
}

/* ---- the answer ---------------------------------------------------------------------------------------------- */
/* On disk: neither the seeds nor the form may change. */
#define SEED_SHOWN 0x73686f776e
#define SEED_DIGITS 0x646967697473

static uint32_t shown_hash(const char *digits, size_t n)
{
  char shown[7];
  memcpy(shown, digits, 3), memcpy(shown + 3, digits + n - 4, 4);
  uint32_t h = (uint32_t)(hash64(shown, sizeof shown, SEED_SHOWN) >> 33);
  return h ? h : 1;
}

static uint32_t digits_hash(const char *digits, size_t n)
{
  uint32_t h = (uint32_t)hash64(digits, n, SEED_DIGITS);
  return h ? h : 1;
}

/* At least three places from the front and four from the back can be read. */
static bool shows_enough(const char *d, size_t n)
{
  return n >= DIGITS_MIN && strcspn(d, "*") >= 3 && !strchr(d + n - 4, '*');
}

static enum phone_kind kind_of(const struct reading *r, const char *digits)
{
  size_t n = strlen(digits);
  bool is_extended_mobile = r->extension_n && is_home(r->country) && is_mobile(digits);
  if (r->is_masked) return PHONE_MASKED;
  if (!n || n > DIGITS_MAX) return PHONE_NONE;
  if (r->is_virtual || is_extended_mobile) return PHONE_VIRTUAL;
  if (r->is_odd) return PHONE_NONE;
  return n < DIGITS_MIN || strspn(digits, (char[]){ *digits, 0 }) == n ? PHONE_SHORT : PHONE_FULL;
}

void phone_parse(const char *text, const char *country, struct phone *out)
{
  *out = (struct phone){ 0 };
  if (!text || !*text || strlen(text) > PHONE_TEXT_MAX) return;
  struct reading r = { .country = country_find(country) };
  read_text(&r, text);
  char digits[PLACES_MAX + 2]; /* a lost 0 may come back */
  memcpy(digits, r.places, sizeof r.places);
  nationalise(r.country, digits, r.has_plus);
  size_t n = strlen(digits);
  out->kind = kind_of(&r, digits);
  if (out->kind == PHONE_NONE) return;
  static_assert(sizeof out->digits == PLACES_MAX + 1, "all places fit");
  memcpy(out->digits, digits, n + 1);
  memcpy(out->extension, r.extension, strnlen(r.extension, sizeof out->extension - 1));
  bool is_full = out->kind == PHONE_FULL;
  if (is_full || (out->kind == PHONE_MASKED && !r.is_odd && shows_enough(digits, n)))
    out->shown = shown_hash(digits, n);
  if (is_full) out->key = (uint64_t)out->shown << 32 | digits_hash(digits, n);
}

/* ---- for people who may not see it --------------------------------------------------------------------- */
char *phone_mask(struct arena *a, const char *text)
{
  if (!text || !*text) return arena_str(a, text);
  struct phone p;
  phone_parse(text, NULL, &p);
  size_t n = strlen(p.digits);
  if (n >= 10) return arena_printf(a, "%.3s****%s", p.digits, p.digits + n - 4);
  if (n >= DIGITS_MIN)
    return arena_printf(a, "****%s", p.digits + n - 2); /* seven shown digits would be all */
  return arena_str(a, "****");
}

/* The first character; how many follow is not told. */
char *name_mask(struct arena *a, const char *text)
{
  if (!text || !*text) return arena_str(a, text);
  const char *name = text_nfkc(a, text);
  name += strspn(name, " ");
  const char *end = name;
  bool is_wide = utf8_next(&end) >= 0x2E80; /* Han and its neighbours: names of two or three */
  return arena_printf(a, "%.*s%s", (int)(end - name), name, is_wide ? "**" : "***");
}
