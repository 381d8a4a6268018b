/* sandbox_func.c: the functions that connectors and rules have beside SQLite's own.
 *
 * What a platform sent never makes an error: an unreadable value is given back as it was, and the
 * validation of the order names its field. Errors are for mistakes of the text's author. */
#include "store.h"
#include <sqlite3.h>
#include <stdlib.h>

#define NFKC_MAX (1 << 20)        /* longer texts stay as they are: some characters become 18 */
#define MATCH_COST_MAX (64 << 20) /* length of the text times length of the pattern, of LIKE and GLOB */
#define TRIM_SET_MAX 32           /* bytes of the characters that trim() takes off */
#define ZONE_DEFAULT 480

/* ---- arguments and results ---------------------------------------------------------------------- */
struct text {
  const char *p;
  size_t n;
};

static bool is_null(sqlite3_value *v)
{
  return sqlite3_value_type(v) == SQLITE_NULL;
}

/* The bytes of a BLOB as they are, of anything else its text; .p is NULL when there is no memory. */
static struct text bytes_of(sqlite3_value *v)
{
  bool is_blob = sqlite3_value_type(v) == SQLITE_BLOB;
  const char *p = is_blob ? sqlite3_value_blob(v) : (const char *)sqlite3_value_text(v);
  struct text t = { p, (size_t)sqlite3_value_bytes(v) };
  if (!t.p && is_blob && !t.n) t.p = "";
  return t;
}

/* A text without NUL: what functions over C strings can take. */
static bool plain_of(sqlite3_value *v, const char **out)
{
  if (sqlite3_value_type(v) == SQLITE_BLOB) return false;
  *out = (const char *)sqlite3_value_text(v);
  return *out && strlen(*out) == (size_t)sqlite3_value_bytes(v);
}

static void give_text(sqlite3_context *c, const char *p, size_t n)
{
  sqlite3_result_text64(c, p, n, SQLITE_TRANSIENT, SQLITE_UTF8);
}

static void give_buf(sqlite3_context *c, struct buf *b)
{
  give_text(c, b->data ? b->data : "", b->len);
  buf_release(b);
}

static void give_blob(sqlite3_context *c, const void *p, size_t n)
{
  sqlite3_result_blob64(c, n ? p : "", n, SQLITE_TRANSIENT);
}

/* Long values are worked through in one go, between two looks of the engine at its clock. */
static bool is_over(sqlite3_context *c)
{
  bool late = sandbox_late(); /* asked once: it may become true between two */
  if (late) sqlite3_result_error_code(c, SQLITE_INTERRUPT);
  return late;
}

/* ---- secrets and settings -------------------------------------------------------------------------- */
static void give_named(sqlite3_context *c, sandbox_value_fn *fn, void *arg, sqlite3_value *name)
{
  const char *n, *v;
  if (!fn || !plain_of(name, &n) || !(v = fn(arg, n))) return;
  give_text(c, v, strlen(v));
}

static void fn_secret(sqlite3_context *c, int n, sqlite3_value **v)
{
  struct sandbox_source *from = sqlite3_user_data(c);
  (void)n;
  give_named(c, from->secret, from->arg, v[0]);
}

static void fn_setting(sqlite3_context *c, int n, sqlite3_value **v)
{
  struct sandbox_source *from = sqlite3_user_data(c);
  (void)n;
  give_named(c, from->setting, from->arg, v[0]);
}

/* ---- digests ------------------------------------------------------------------------------------------ */
static void digest(sqlite3_context *c, enum digest d, sqlite3_value *v)
{
  unsigned char out[DIGEST_MAX];
  if (is_null(v) || is_over(c)) return;
  struct text t = bytes_of(v);
  if (!t.p) sqlite3_result_error_nomem(c);
  else give_blob(c, out, digest_bytes(d, t.p, t.n, out));
}

static void mac(sqlite3_context *c, enum digest d, sqlite3_value **v)
{
  unsigned char out[DIGEST_MAX];
  if (is_null(v[0]) || is_null(v[1]) || is_over(c)) return;
  struct text key = bytes_of(v[0]), t = bytes_of(v[1]);
  if (!key.p || !t.p) sqlite3_result_error_nomem(c);
  else give_blob(c, out, digest_mac(d, key.p, key.n, t.p, t.n, out));
}

#define DIGEST_FUNCTIONS(name, id) \
  static void fn_##name(sqlite3_context *c, int n, sqlite3_value **v) \
  { \
    (void)n; \
    digest(c, id, v[0]); \
  } \
  static void fn_hmac_##name(sqlite3_context *c, int n, sqlite3_value **v) \
  { \
    (void)n; \
    mac(c, id, v); \
  }
DIGEST_FUNCTIONS(md5, DIGEST_MD5)
DIGEST_FUNCTIONS(sha1, DIGEST_SHA1)
DIGEST_FUNCTIONS(sha256, DIGEST_SHA256)

/* ---- encodings ------------------------------------------------------------------------------------------ */
static void fn_base64(sqlite3_context *c, int n, sqlite3_value **v)
{
  struct buf b = { 0 };
  (void)n;
  if (is_null(v[0]) || is_over(c)) return;
  struct text t = bytes_of(v[0]);
  if (!t.p) return;
  base64_put(&b, t.p, t.n);
  give_buf(c, &b);
}

static void fn_base64_decode(sqlite3_context *c, int n, sqlite3_value **v)
{
  struct buf b = { 0 };
  (void)n;
  if (is_null(v[0]) || is_over(c)) return;
  struct text t = bytes_of(v[0]);
  if (t.p && base64_get(&b, t.p, t.n)) give_blob(c, b.data, b.len);
  buf_release(&b);
}

/* same(a, b): equal bytes, in a time that does not tell how many of them are; NULL is the same as nothing. */
static void fn_same(sqlite3_context *c, int n, sqlite3_value **v)
{
  (void)n;
  if (is_over(c)) return;
  struct text x = bytes_of(v[0]), y = bytes_of(v[1]);
  bool known = !is_null(v[0]) && !is_null(v[1]) && x.n == y.n;
  sqlite3_result_int(c, known && (!x.n || (x.p && y.p && same_bytes(x.p, y.p, x.n))));
}

static void fn_urlencode(sqlite3_context *c, int n, sqlite3_value **v)
{
  struct buf b = { 0 };
  (void)n;
  if (is_null(v[0]) || is_over(c)) return;
  struct text t = bytes_of(v[0]);
  if (!t.p) return;
  sandbox_urlencode(&b, t.p, t.n);
  give_buf(c, &b);
}

/* ---- money ------------------------------------------------------------------------------------------------ */
#define MONEY_TEXT_MAX 64
#define MONEY_DECIMALS 2 /* noughts behind these say nothing */
#define MINOR_DIGITS_MAX 8
#define DOUBLE_DIGITS_MAX 15 /* a decimal of no more digits comes out of a double as it went in */

static bool is_digit(char c)
{
  return c >= '0' && c <= '9';
}

struct decimal {
  bool is_negative;
  char whole[MONEY_TEXT_MAX + 1], part[MONEY_TEXT_MAX + 1]; /* no leading noughts; behind the point */
};

/* Digits before the point: commas part groups of three, or there are none. */
static bool decimal_whole(const char **at, char *out)
{
  const char *p = *at;
  int group = 0, n = 0;
  bool has_comma = false;
  for (; is_digit(*p) || (*p == ',' && group && group <= 3 && (!has_comma || group == 3)); p++) {
    if (*p == ',') {
      has_comma = true, group = 0;
      continue;
    }
    group++;
    if (n || *p != '0') out[n++] = *p;
  }
  bool any = p != *at;
  out[n] = 0, *at = p;
  return any ? *p != ',' && (!has_comma || group == 3) : *p == '.';
}

static bool decimal_read(const char *p, struct decimal *d)
{
  int n = 0;
  *d = (struct decimal){ 0 };
  while (*p == ' ' || *p == '\t') p++;
  if (strlen(p) > MONEY_TEXT_MAX) return false;
  if (*p == '-' || *p == '+') d->is_negative = *p++ == '-';
  const char *first = p;
  if (!decimal_whole(&p, d->whole)) return false;
  if (*p == '.')
    for (p++; is_digit(*p); p++) d->part[n++] = *p;
  if (p - first == 1 && *first == '.') return false;
  while (*p == ' ' || *p == '\t') p++;
  return !*p;
}

static void decimal_give(sqlite3_context *c, const struct decimal *d)
{
  struct buf b = { 0 };
  size_t n = strlen(d->part);
  while (n > MONEY_DECIMALS && d->part[n - 1] == '0') n--;
  bool is_nought = !*d->whole && strspn(d->part, "0") == strlen(d->part);
  if (d->is_negative && !is_nought) buf_char(&b, '-');
  buf_str(&b, *d->whole ? d->whole : "0");
  if (n) buf_char(&b, '.'), buf_put(&b, d->part, n);
  give_buf(c, &b);
}

/* An integer of minor units moves its point to the left. */
static bool decimal_shift(struct decimal *d, int64_t digits)
{
  if (digits < 0 || digits > MINOR_DIGITS_MAX || strspn(d->part, "0") != strlen(d->part)) return false;
  size_t n = strlen(d->whole), move = (size_t)digits;
  if (n < move) { /* 5 with two digits is 0.05 */
    memmove(d->whole + (move - n), d->whole, n + 1);
    memset(d->whole, '0', move - n);
    n = move;
  }
  memcpy(d->part, d->whole + n - move, move + 1);
  d->whole[n - move] = 0;
  return true;
}

static int digits_in(const struct decimal *d)
{
  return (int)(strlen(d->whole) + strlen(d->part));
}

static void fn_money(sqlite3_context *c, int n, sqlite3_value **v)
{
  struct decimal d;
  const char *text;
  bool ok = plain_of(v[0], &text) && decimal_read(text, &d);
  if (ok && sqlite3_value_type(v[0]) == SQLITE_FLOAT) {
    if (!strcmp(d.part, "0")) *d.part = 0; /* the engine's own, not the platform's */
    ok = digits_in(&d) <= DOUBLE_DIGITS_MAX;
  }
  if (ok && n > 1)
    ok = sqlite3_value_type(v[1]) == SQLITE_INTEGER && decimal_shift(&d, sqlite3_value_int64(v[1]));
  if (ok) decimal_give(c, &d);
  else sqlite3_result_value(c, v[0]);
}

/* ---- times ---------------------------------------------------------------------------------------------------- */
#define ZONE_MIN_MAX (23 * 60 + 59)
#define SECONDS_MAX 253402300799

/* "+08:00", "+0800", "+08", "Z", or minutes. */
static bool zone_read(const char *p, int *min)
{
  char *end;
  if (!strcmp(p, "Z") || !strcmp(p, "z")) return *min = 0, true;
  size_t n = strlen(p);
  bool is_sign = *p == '+' || *p == '-';
  if (is_sign && (n == 6 || n == 5 || n == 3) && is_digit(p[1]) && is_digit(p[2])) {
    const char *m = n == 6 ? p + 4 : p + 3;
    if ((n == 6 && p[3] != ':') || (n > 3 && (!is_digit(m[0]) || !is_digit(m[1])))) return false;
    int hours = (p[1] - '0') * 10 + p[2] - '0', minutes = n > 3 ? (m[0] - '0') * 10 + m[1] - '0' : 0;
    *min = (hours * 60 + minutes) * (*p == '-' ? -1 : 1);
    return hours <= 23 && minutes <= 59;
  }
  long v = strtol(p, &end, 10);
  *min = (int)v;
  return n && n <= 5 && !*end && v >= -ZONE_MIN_MAX && v <= ZONE_MIN_MAX;
}

/* Without one it is the channel's. */
static bool zone_of(sqlite3_context *c, int n, sqlite3_value **v, int *min)
{
  struct sandbox_source *from = sqlite3_user_data(c);
  const char *text = NULL;
  *min = ZONE_DEFAULT;
  if (n > 1 && !is_null(v[1])) return plain_of(v[1], &text) && zone_read(text, min);
  if (from->setting) text = from->setting(from->arg, "zone");
  return !text || zone_read(text, min);
}

static void give_time(sqlite3_context *c, int64_t ms)
{
  char text[TIME_TEXT];
  time_text(ms, text);
  give_text(c, text, strlen(text));
}

/* What platforms write for "not yet". */
static bool is_no_time(const char *p)
{
  static const char *const none[] = { "0000-00-00", "0001-01-01", "1970-01-01 00:00:00",
                                      "1970-01-01T00:00:00", "1970/01/01 00:00:00" };
  p += strspn(p, " \t");
  for (size_t i = 0; i < COUNT(none); i++)
    if (!strncmp(p, none[i], strlen(none[i]))) return true;
  return !*p;
}

static void fn_ts(sqlite3_context *c, int n, sqlite3_value **v)
{
  const char *text;
  int zone;
  int64_t ms;
  bool is_plain = plain_of(v[0], &text);
  if (is_plain && is_no_time(text)) return;
  if (!is_plain || !zone_of(c, n, v, &zone) || !time_parse_loose(text, zone, &ms))
    sqlite3_result_value(c, v[0]);
  else if (ms) give_time(c, ms);
}

/* A count of seconds or milliseconds as text, with a fraction or without; the unit's ms. */
static bool count_read(sqlite3_value *v, int64_t unit, int64_t *ms)
{
  const char *p;
  int64_t whole = 0, part = 0;
  if (!plain_of(v, &p)) return false;
  p += strspn(p, " \t");
  bool is_negative = *p == '-', any = false;
  for (p += is_negative; is_digit(*p); p++, any = true)
    if ((whole = whole * 10 + (*p - '0')) > SECONDS_MAX * 1000) return false;
  if (*p == '.' && any)
    for (int64_t place = unit / 10, i = 0; is_digit(*++p); i++, place /= 10) part += (*p - '0') * place;
  p += strspn(p, " \t");
  if (!any || *p || whole > SECONDS_MAX * 1000 / unit) return false;
  *ms = (whole * unit + part) * (is_negative ? -1 : 1);
  return true;
}

static void time_of_count(sqlite3_context *c, sqlite3_value *v, int64_t unit)
{
  int64_t ms;
  const char *text;
  if (plain_of(v, &text) && !text[strspn(text, " \t")]) return;
  if (!count_read(v, unit, &ms)) sqlite3_result_value(c, v);
  else if (ms > 0) give_time(c, ms);
}

static void fn_ts_s(sqlite3_context *c, int n, sqlite3_value **v)
{
  (void)n;
  time_of_count(c, v[0], 1000);
}

static void fn_ts_ms(sqlite3_context *c, int n, sqlite3_value **v)
{
  (void)n;
  time_of_count(c, v[0], 1);
}

static void fn_ms(sqlite3_context *c, int n, sqlite3_value **v)
{
  const char *text;
  int64_t ms;
  (void)n;
  if (plain_of(v[0], &text) && time_parse(text, &ms)) sqlite3_result_int64(c, ms);
}

static void fn_ts_text(sqlite3_context *c, int n, sqlite3_value **v)
{
  const char *pattern = "";
  int64_t ms;
  int zone;
  if (n > 2 && !plain_of(v[2], &pattern)) pattern = "?";
  bool is_iso = !strcmp(pattern, "iso"), is_z = !strcmp(pattern, "iso_z");
  if (*pattern && !is_iso && !is_z) {
    sqlite3_result_error(c, "the pattern of ts_text() is '', 'iso' or 'iso_z'", -1);
    return;
  }
  if (!count_read(v[0], 1, &ms) || ms < 0 || !zone_of(c, n, v, &zone)) return;
  struct civil t = time_civil(ms, is_z ? 0 : zone);
  struct buf b = { 0 };
  buf_printf(&b, "%04d-%02d-%02d%c%02d:%02d:%02d", t.year, t.month, t.day, is_iso || is_z ? 'T' : ' ', t.hour,
             t.minute, t.second);
  if (is_z) buf_char(&b, 'Z');
  if (is_iso) buf_printf(&b, "%c%02d:%02d", zone < 0 ? '-' : '+', abs(zone) / 60, abs(zone) % 60);
  give_buf(c, &b);
}

/* ---- text ------------------------------------------------------------------------------------------------------- */
static void fn_nfkc(sqlite3_context *c, int n, sqlite3_value **v)
{
  const char *text;
  (void)n;
  if (is_over(c)) return;
  bool ok = plain_of(v[0], &text) && strlen(text) <= NFKC_MAX && utf8_valid(text, strlen(text));
  if (!ok) {
    sqlite3_result_value(c, v[0]);
    return;
  }
  struct arena a = { 0 };
  const char *out = text_nfkc(&a, text);
  give_text(c, out, strlen(out));
  arena_release(&a);
}

/* The entities that shops' texts are written with; any other character comes by its number. */
/* clang-format off */
static const struct {
  const char *name;
  uint32_t cp;
} entity_table[] = {
  { "amp", '&' }, { "lt", '<' }, { "gt", '>' }, { "quot", '"' }, { "apos", '\'' }, { "nbsp", 0xA0 },
  { "copy", 0xA9 }, { "reg", 0xAE }, { "deg", 0xB0 }, { "plusmn", 0xB1 }, { "middot", 0xB7 },
  { "times", 0xD7 }, { "divide", 0xF7 }, { "yen", 0xA5 }, { "pound", 0xA3 }, { "cent", 0xA2 },
  { "sect", 0xA7 }, { "laquo", 0xAB }, { "raquo", 0xBB }, { "frac12", 0xBD }, { "sup2", 0xB2 },
  { "sup3", 0xB3 }, { "ensp", 0x2002 }, { "emsp", 0x2003 }, { "thinsp", 0x2009 }, { "ndash", 0x2013 },
  { "mdash", 0x2014 }, { "lsquo", 0x2018 }, { "rsquo", 0x2019 }, { "ldquo", 0x201C }, { "rdquo", 0x201D },
  { "bull", 0x2022 }, { "hellip", 0x2026 }, { "euro", 0x20AC }, { "trade", 0x2122 }, { "agrave", 0xE0 },
  { "aacute", 0xE1 }, { "acirc", 0xE2 }, { "atilde", 0xE3 }, { "auml", 0xE4 }, { "aring", 0xE5 },
  { "aelig", 0xE6 }, { "ccedil", 0xE7 }, { "egrave", 0xE8 }, { "eacute", 0xE9 }, { "ecirc", 0xEA },
  { "euml", 0xEB }, { "igrave", 0xEC }, { "iacute", 0xED }, { "icirc", 0xEE }, { "iuml", 0xEF },
  { "ntilde", 0xF1 }, { "ograve", 0xF2 }, { "oacute", 0xF3 }, { "ocirc", 0xF4 }, { "otilde", 0xF5 },
  { "ouml", 0xF6 }, { "oslash", 0xF8 }, { "ugrave", 0xF9 }, { "uacute", 0xFA }, { "ucirc", 0xFB },
  { "uuml", 0xFC }, { "szlig", 0xDF }, { "Auml", 0xC4 }, { "Ouml", 0xD6 }, { "Uuml", 0xDC },
  { "Eacute", 0xC9 }, { "Ntilde", 0xD1 }, { "Ccedil", 0xC7 },
};
/* clang-format on */
#define ENTITY_MAX 10 /* letters between & and ; */

static uint32_t entity_number(const char *p, size_t n)
{
  bool is_hex = n > 1 && (p[0] == 'x' || p[0] == 'X');
  uint32_t cp = 0;
  if (is_hex) p++, n--;
  for (size_t i = 0; i < n; i++) {
    char low = (char)(p[i] | 0x20);
    uint32_t d = is_digit(p[i])             ? (uint32_t)(p[i] - '0')
                 : low >= 'a' && low <= 'f' ? (uint32_t)(low - 'a') + 10
                                            : 99;
    if (d >= (is_hex ? 16u : 10u)) return 0;
    cp = cp * (is_hex ? 16 : 10) + d;
    if (cp > 0x10FFFF) return 0;
  }
  bool is_control = (cp < 0x20 && cp != '\n' && cp != '\t' && cp != '\r') || cp == 0x7F;
  return is_control || (cp >= 0xD800 && cp <= 0xDFFF) ? 0 : cp;
}

/* The character of the entity at p (behind &), 0 when it is none; its letters in *n. */
static uint32_t entity_read(const char *p, size_t left, size_t *n)
{
  size_t len = 0;
  while (len < left && len < ENTITY_MAX && p[len] != ';' && p[len] != '&') len++;
  if (!len || len == left || p[len] != ';') return 0;
  *n = len + 1;
  if (*p == '#') return entity_number(p + 1, len - 1);
  for (size_t i = 0; i < COUNT(entity_table); i++)
    if (strlen(entity_table[i].name) == len && !memcmp(entity_table[i].name, p, len))
      return entity_table[i].cp;
  return 0;
}

static void fn_html_text(sqlite3_context *c, int n, sqlite3_value **v)
{
  (void)n;
  if (is_over(c)) return;
  struct text t = bytes_of(v[0]);
  if (sqlite3_value_type(v[0]) != SQLITE_TEXT || !t.p || !memchr(t.p, '&', t.n)) {
    sqlite3_result_value(c, v[0]);
    return;
  }
  struct buf b = { 0 };
  for (size_t i = 0, len; i < t.n; i++) {
    uint32_t cp = t.p[i] == '&' ? entity_read(t.p + i + 1, t.n - i - 1, &len) : 0;
    if (cp) utf8_put(&b, cp), i += len;
    else buf_char(&b, t.p[i]);
  }
  give_buf(c, &b);
}

/* ---- in place of the engine's own -------------------------------------------------------------------------------
 * These take, in the engine, as long as the product of their arguments' lengths, and nothing interrupts them. */
static size_t count_chars(const char *p, size_t n)
{
  size_t chars = 0;
  for (size_t i = 0; i < n; i++) chars += ((unsigned char)p[i] & 0xc0) != 0x80;
  return chars;
}

#define SHORT_NEEDLE 32
#define FINDS_PER_LOOK 64 /* at the clock */

/* A short one letter by letter; for a long one that would be a product, too. */
static const char *find(struct text t, struct text what)
{
  if (what.n > SHORT_NEEDLE) return memmem(t.p, t.n, what.p, what.n);
  const char *p = t.p, *end = t.p + t.n;
  for (; (size_t)(end - p) >= what.n && (p = memchr(p, *what.p, (size_t)(end - p) - what.n + 1)); p++)
    if (!memcmp(p, what.p, what.n)) return p;
  return NULL;
}

static void fn_instr(sqlite3_context *c, int n, sqlite3_value **v)
{
  (void)n;
  if (is_null(v[0]) || is_null(v[1]) || is_over(c)) return;
  bool are_blobs = sqlite3_value_type(v[0]) == SQLITE_BLOB && sqlite3_value_type(v[1]) == SQLITE_BLOB;
  struct text t = bytes_of(v[0]), what = bytes_of(v[1]);
  if (!t.p || !what.p) return;
  const char *at = what.n ? find(t, what) : t.p;
  size_t before = at ? (size_t)(at - t.p) : 0;
  sqlite3_result_int64(c, !at ? 0 : (int64_t)(are_blobs ? before : count_chars(t.p, before)) + 1);
}

static void fn_replace(sqlite3_context *c, int n, sqlite3_value **v)
{
  (void)n;
  if (is_null(v[0]) || is_null(v[1]) || is_null(v[2]) || is_over(c)) return;
  struct text t = bytes_of(v[0]), what = bytes_of(v[1]), with = bytes_of(v[2]);
  if (!t.p || !what.p || !with.p) return;
  struct buf b = { 0 };
  const char *at;
  for (int finds = 1; what.n && b.len <= SANDBOX_VALUE_MAX && (at = find(t, what)); finds++) {
    buf_put(&b, t.p, (size_t)(at - t.p));
    buf_put(&b, with.p, with.n);
    t.n -= (size_t)(at - t.p) + what.n, t.p = at + what.n;
    if (finds % FINDS_PER_LOOK == 0 && sandbox_late()) break;
  }
  buf_put(&b, t.p, t.n);
  if (!is_over(c)) give_text(c, b.data, b.len);
  buf_release(&b);
}

static bool is_in(struct text set, const char *p, size_t n)
{
  for (size_t i = 0, len; i < set.n; i += len) {
    for (len = 1; i + len < set.n && ((unsigned char)set.p[i + len] & 0xc0) == 0x80;) len++;
    if (len == n && !memcmp(set.p + i, p, n)) return true;
  }
  return false;
}

enum { TRIM_LEFT = 1, TRIM_RIGHT = 2 };

static void trim(sqlite3_context *c, sqlite3_value **v, int sides)
{
  if (is_null(v[0]) || is_null(v[1]) || is_over(c)) return;
  struct text t = bytes_of(v[0]), set = bytes_of(v[1]);
  if (!t.p || !set.p) return;
  if (set.n > TRIM_SET_MAX) {
    sqlite3_result_error(c, "trim() takes off at most 32 bytes of characters", -1);
    return;
  }
  for (size_t len; (sides & TRIM_LEFT) && t.n; t.p += len, t.n -= len) {
    for (len = 1; len < t.n && ((unsigned char)t.p[len] & 0xc0) == 0x80;) len++;
    if (!is_in(set, t.p, len)) break;
  }
  for (size_t at; (sides & TRIM_RIGHT) && t.n; t.n = at) {
    for (at = t.n - 1; at && ((unsigned char)t.p[at] & 0xc0) == 0x80;) at--;
    if (!is_in(set, t.p + at, t.n - at)) break;
  }
  give_text(c, t.p, t.n);
}

static void fn_trim(sqlite3_context *c, int n, sqlite3_value **v)
{
  (void)n;
  trim(c, v, TRIM_LEFT | TRIM_RIGHT);
}

static void fn_ltrim(sqlite3_context *c, int n, sqlite3_value **v)
{
  (void)n;
  trim(c, v, TRIM_LEFT);
}

static void fn_rtrim(sqlite3_context *c, int n, sqlite3_value **v)
{
  (void)n;
  trim(c, v, TRIM_RIGHT);
}

/* false: the result is set */
static bool match_ready(sqlite3_context *c, sqlite3_value **v, struct text *pattern, struct text *t)
{
  if (is_null(v[0]) || is_null(v[1]) || is_over(c)) return false;
  *pattern = bytes_of(v[0]), *t = bytes_of(v[1]);
  bool is_blob = sqlite3_value_type(v[0]) == SQLITE_BLOB || sqlite3_value_type(v[1]) == SQLITE_BLOB;
  if (is_blob || !pattern->p || !t->p) sqlite3_result_int(c, 0);
  else if (t->n && pattern->n > MATCH_COST_MAX / t->n)
    sqlite3_result_error(c, "LIKE or GLOB over texts so long", -1);
  else return true;
  return false;
}

static void fn_like(sqlite3_context *c, int n, sqlite3_value **v)
{
  struct text pattern, t;
  unsigned escape = 0;
  if (n > 2) {
    const char *e;
    if (is_null(v[2])) return;
    if (plain_of(v[2], &e) && utf8_valid(e, strlen(e))) escape = utf8_next(&e);
    else e = "?";
    if (!escape || *e) {
      sqlite3_result_error(c, "ESCAPE expression must be a single character", -1);
      return;
    }
  }
  if (match_ready(c, v, &pattern, &t)) sqlite3_result_int(c, !sqlite3_strlike(pattern.p, t.p, escape));
}

static void fn_glob(sqlite3_context *c, int n, sqlite3_value **v)
{
  struct text pattern, t;
  (void)n;
  if (match_ready(c, v, &pattern, &t)) sqlite3_result_int(c, !sqlite3_strglob(pattern.p, t.p));
}

static void fn_unhex_ignoring(sqlite3_context *c, int n, sqlite3_value **v)
{
  (void)n, (void)v;
  sqlite3_result_error(c, "unhex() takes one argument here", -1);
}

/* ---- all of them ---------------------------------------------------------------------------------------------------- */
/* clang-format off */
static const struct {
  const char *name;
  int args;
  void (*fn)(sqlite3_context *, int, sqlite3_value **);
} function_table[] = {
  { "secret", 1, fn_secret }, { "setting", 1, fn_setting }, { "md5", 1, fn_md5 }, { "sha1", 1, fn_sha1 },
  { "sha256", 1, fn_sha256 }, { "hmac_md5", 2, fn_hmac_md5 }, { "hmac_sha1", 2, fn_hmac_sha1 },
  { "hmac_sha256", 2, fn_hmac_sha256 }, { "base64", 1, fn_base64 },
  { "base64_decode", 1, fn_base64_decode }, { "urlencode", 1, fn_urlencode }, { "money", 1, fn_money },
  { "money", 2, fn_money }, { "ts", 1, fn_ts }, { "ts", 2, fn_ts }, { "ts_s", 1, fn_ts_s },
  { "ts_ms", 1, fn_ts_ms }, { "ms", 1, fn_ms }, { "ts_text", 1, fn_ts_text }, { "ts_text", 2, fn_ts_text },
  { "ts_text", 3, fn_ts_text }, { "nfkc", 1, fn_nfkc }, { "html_text", 1, fn_html_text },
  { "instr", 2, fn_instr }, { "replace", 3, fn_replace }, { "trim", 2, fn_trim }, { "ltrim", 2, fn_ltrim },
  { "rtrim", 2, fn_rtrim }, { "like", 2, fn_like }, { "like", 3, fn_like }, { "glob", 2, fn_glob },
  { "unhex", 2, fn_unhex_ignoring }, { "same", 2, fn_same },
};
/* clang-format on */

/* Not DETERMINISTIC: what secret() and setting() say changes between runs of a statement, and for the others
 * it would only let the engine work ahead. */
void sandbox_functions(struct sqlite3 *sql, struct sandbox_source *from)
{
  for (size_t i = 0; i < COUNT(function_table); i++)
    must(sqlite3_create_function_v2(sql, function_table[i].name, function_table[i].args, SQLITE_UTF8, from,
                                    function_table[i].fn, NULL, NULL, NULL) == SQLITE_OK);
}
