/* xlsx_cell.c: what a cell of a workbook says: number formats, numbers, times, names of cells, escapes.
 *
 * A workbook keeps numbers as text of a binary number: 4610611175417320556 as 4.6106111754173205E+18, 199.99 maybe as
 * 199.99000000000001. Here they stay text all the way; nothing passes through a floating point number. */
#include "base.h"
#include <stdio.h>
#include <strings.h>

enum {
  DIGITS_KEPT = 15,
  DIGITS_MAX = 400,     /* of a number as text */
  EXPONENT_MAX = 400,   /* a binary number ends at 308 */
  FRACTION_DIGITS = 11, /* of a day: under a microsecond, and times a day's milliseconds in 63 bits */
  DAYS_MAX = 2958465,   /* 9999-12-31, counted from 1899-12-30 */
  DAYS_1904 = 1462,     /* between the two systems */
  DAYS_LEAP_1900 = 60,  /* 1900-02-29 has a number although it never was */
  DAYS_TO_1970 = 25569, /* from 1899-12-30 */
};
#define MS_DAY 86400000LL

/* ---- number formats ----------------------------------------------------------------------------------------- */

/* Those that every program knows; 27 to 36 and 50 to 58 are dates of East Asian ones. */
static const struct {
  int from, to;
  enum xlsx_format format;
} builtin[] = {
  { 11, 11, XLSX_SCIENTIFIC }, { 14, 22, XLSX_TIME }, { 27, 36, XLSX_TIME },       { 45, 45, XLSX_TIME },
  { 46, 46, XLSX_ELAPSED },    { 47, 47, XLSX_TIME }, { 48, 48, XLSX_SCIENTIFIC }, { 50, 58, XLSX_TIME },
};

enum xlsx_format xlsx_format_builtin(int id)
{
  for (size_t i = 0; i < COUNT(builtin); i++)
    if (id >= builtin[i].from && id <= builtin[i].to) return builtin[i].format;
  return XLSX_PLAIN;
}

/* Behind a literal that begins at p: "…", \x, _x (as wide as x), *x (filled with x); p itself when it is none. */
static const char *literal_skip(const char *p)
{
  if (*p == '"') {
    const char *end = strchr(p + 1, '"');
    return end ? end + 1 : p + strlen(p);
  }
  if (!strchr("\\_*", *p)) return p;
  p += 1 + (p[1] != 0);
  while (((unsigned char)*p & 0xc0) == 0x80) p++;
  return p;
}

static bool word_at(const char **p, const char *word)
{
  size_t n = strlen(word);
  if (strncasecmp(*p, word, n) != 0) return false;
  *p += n;
  return true;
}

/* [h] counts hours from the beginning; [Red], [$-804], [>100] say nothing of time. */
static bool bracket_counts(const char *p, size_t n)
{
  for (size_t i = 1; i < n; i++)
    if (!strchr("hHmMsS", p[i])) return false;
  return n > 1;
}

enum xlsx_format xlsx_format_read(const char *code)
{
  bool is_time = false;
  for (const char *p = code; *p;) {
    const char *after = literal_skip(p);
    if (after != p) {
      p = after;
    } else if (*p == '[') {
      size_t n = strcspn(p, "]");
      if (bracket_counts(p, n)) return XLSX_ELAPSED;
      p += n + (p[n] == ']');
    } else if (word_at(&p, "general") || word_at(&p, "g/")) {
      continue;
    } else if ((*p == 'E' || *p == 'e') && (p[1] == '+' || p[1] == '-')) {
      return XLSX_SCIENTIFIC;
    } else {
      is_time = is_time || strchr("yYmMdDhHsSeE", *p);
      p++;
    }
  }
  return is_time ? XLSX_TIME : XLSX_PLAIN;
}

/* ---- numbers --------------------------------------------------------------------------------------------------- */

/* 0.d1d2d3… times ten to the power of point, without zeros at either end; 0 has no digits. */
struct number {
  bool is_negative;
  int n, point;
  char digit[DIGITS_MAX];
};

static bool is_digit(char c)
{
  return c >= '0' && c <= '9';
}

static bool digits_read(const char **s, struct number *v, bool *any)
{
  bool behind_point = false;
  for (const char *p = *s;; p++) {
    if (*p == '.' && !behind_point) {
      behind_point = true;
      continue;
    }
    if (!is_digit(*p)) return *s = p, true;
    *any = true;
    if (v->n == DIGITS_MAX) return false;
    bool leading = !v->n && *p == '0';
    if (!leading) v->digit[v->n++] = *p;
    v->point += behind_point ? -leading : !leading;
  }
}

static bool exponent_read(const char **s, int *out)
{
  const char *p = *s;
  bool minus = false;
  *out = 0;
  if (*p != 'e' && *p != 'E') return true;
  p++;
  if (*p == '+' || *p == '-') minus = *p++ == '-';
  if (!is_digit(*p)) return false;
  for (; is_digit(*p); p++)
    if ((*out = *out * 10 + (*p - '0')) > EXPONENT_MAX) return false;
  if (minus) *out = -*out;
  *s = p;
  return true;
}

static void zeros_drop(struct number *v)
{
  while (v->n && v->digit[v->n - 1] == '0') v->n--;
  if (!v->n) v->point = 0, v->is_negative = false;
}

static bool number_read(const char *s, struct number *v)
{
  bool any = false;
  int exponent;
  *v = (struct number){ 0 };
  while (*s == ' ' || *s == '\t' || *s == '\n' || *s == '\r') s++;
  if (*s == '-' || *s == '+') v->is_negative = *s++ == '-';
  if (!digits_read(&s, v, &any) || !any || !exponent_read(&s, &exponent)) return false;
  while (*s == ' ' || *s == '\t' || *s == '\n' || *s == '\r') s++;
  v->point += exponent;
  zeros_drop(v);
  return !*s;
}

/* To the nearest of n digits, half up. */
static void number_round(struct number *v, int n)
{
  if (v->n <= n) return;
  bool up = v->digit[n] >= '5';
  v->n = n;
  for (int i = n - 1; up && i >= 0; i--) {
    up = v->digit[i] == '9';
    v->digit[i] = up ? '0' : (char)(v->digit[i] + 1);
  }
  if (up) v->digit[0] = '1', v->n = 1, v->point++;
  zeros_drop(v);
}

bool xlsx_number_put(struct buf *out, const char *text, bool *is_exact)
{
  struct number v;
  if (!number_read(text, &v)) return false;
  if (v.n > v.point && v.point <= DIGITS_KEPT) number_round(&v, DIGITS_KEPT);
  *is_exact = v.point < DIGITS_KEPT;
  if (v.is_negative) buf_char(out, '-');
  for (int i = 0; i < v.point; i++) buf_char(out, i < v.n ? v.digit[i] : '0');
  if (v.point <= 0) buf_char(out, '0');
  if (v.n > v.point) buf_char(out, '.');
  for (int i = v.point; i < 0; i++) buf_char(out, '0');
  if (v.n > v.point) {
    int from = v.point > 0 ? v.point : 0;
    buf_put(out, v.digit + from, (size_t)(v.n - from));
  }
  return true;
}

/* ---- times --------------------------------------------------------------------------------------------------------- */

/* Whole days and the milliseconds of the last one. */
static bool days_read(const struct number *v, int64_t *days, int64_t *ms)
{
  int64_t fraction = 0;
  *days = 0;
  if (v->is_negative || v->point > 7) return false;
  for (int i = 0; i < v->point; i++) *days = *days * 10 + (i < v->n ? v->digit[i] - '0' : 0);
  for (int i = 0; i < FRACTION_DIGITS; i++) {
    int at = v->point + i;
    fraction = fraction * 10 + (at >= 0 && at < v->n ? v->digit[at] - '0' : 0);
  }
  *ms = (fraction * MS_DAY + 50000000000) / 100000000000;
  if (*ms == MS_DAY) *ms = 0, ++*days;
  return true;
}

static void clock_put(struct buf *out, int64_t hours, int64_t ms)
{
  buf_printf(out, "%02lld:%02lld:%02lld", (long long)hours, (long long)(ms / 60000 % 60),
             (long long)(ms / 1000 % 60));
  if (ms % 1000) buf_printf(out, ".%03lld", (long long)(ms % 1000));
}

bool xlsx_time_put(struct buf *out, const char *text, enum xlsx_format f, bool from_1904)
{
  struct number v;
  int64_t days, ms;
  if (!number_read(text, &v) || !days_read(&v, &days, &ms) || days > DAYS_MAX) return false;
  if (f == XLSX_ELAPSED) return clock_put(out, days * 24 + ms / 3600000, ms), true;
  if (!days) return clock_put(out, ms / 3600000, ms), true; /* a time of day */
  if (from_1904) days += DAYS_1904;
  else if (days == DAYS_LEAP_1900) return false;
  else if (days < DAYS_LEAP_1900) days++;
  if (days > DAYS_MAX) return false;
  struct civil c = time_civil((days - DAYS_TO_1970) * MS_DAY, 0);
  buf_printf(out, "%04d-%02d-%02d", c.year, c.month, c.day);
  if (ms) buf_char(out, ' '), clock_put(out, ms / 3600000, ms);
  return true;
}

/* ---- names of cells -------------------------------------------------------------------------------------------------- */
bool xlsx_cell_parse(const char *ref, int *column, int *row)
{
  int c = 0, r = 0;
  const char *p = ref;
  for (; *p >= 'A' && *p <= 'Z'; p++)
    if ((c = c * 26 + (*p - 'A' + 1)) > XLSX_COLUMNS_MAX) return false;
  if (!c || *p == '0') return false;
  for (; is_digit(*p); p++)
    if ((r = r * 10 + (*p - '0')) > XLSX_ROWS_MAX) return false;
  *column = c - 1, *row = r;
  return r && !*p;
}

void xlsx_cell_name(char out[16], int column, int64_t row)
{
  char letters[8];
  int n = (int)sizeof letters - 1;
  letters[n] = 0;
  for (int c = column + 1; c > 0 && n > 0; c = (c - 1) / 26) letters[--n] = (char)('A' + (c - 1) % 26);
  snprintf(out, 16, "%s%lld", letters + n, (long long)row);
}

/* ---- escapes ------------------------------------------------------------------------------------------------------------ */

/* _x000D_ at p: its number; -1: no escape. */
static int escape_at(const char *p, const char *end)
{
  int v = 0;
  if (end - p < 7 || p[0] != '_' || p[1] != 'x' || p[6] != '_') return -1;
  for (int i = 2; i < 6; i++) {
    char c = p[i];
    int d = is_digit(c)            ? c - '0'
            : c >= 'a' && c <= 'f' ? c - 'a' + 10
            : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                   : -1;
    if (d < 0) return -1;
    v = v * 16 + d;
  }
  return v;
}

void xlsx_unescape(struct buf *out, const char *s, size_t n)
{
  const char *end = s + n;
  while (s < end) {
    const char *mark = memchr(s, '_', (size_t)(end - s));
    buf_put(out, s, (size_t)((mark ? mark : end) - s));
    if (!mark) return;
    int v = escape_at(mark, end), low = v >= 0xd800 && v < 0xdc00 ? escape_at(mark + 7, end) : -1;
    s = mark + 7;
    if (low >= 0xdc00 && low < 0xe000)
      utf8_put(out, 0x10000 + ((uint32_t)v - 0xd800) * 1024 + ((uint32_t)low - 0xdc00)), s += 7;
    else if (v > 0 && (v < 0xd800 || v >= 0xe000)) utf8_put(out, (uint32_t)v);
    else buf_char(out, '_'), s = mark + 1;
  }
}

static const char *entity_of(uint32_t cp)
{
  return cp == '&' ? "&amp;" : cp == '<' ? "&lt;" : cp == '>' ? "&gt;" : cp == '"' ? "&quot;" : NULL;
}

/* An element of XML 1.0 holds no controls, loses CR, and a program reads _xHHHH_ in it. */
bool xlsx_escape(struct buf *out, const char *s, size_t n, size_t units_max)
{
  const char *end = s + n;
  for (size_t units = 0; s < end;) {
    const char *from = s;
    uint32_t cp = utf8_next(&s);
    units += 1 + (cp > 0xffff);
    if (units > units_max) return false;
    if (entity_of(cp)) buf_str(out, entity_of(cp));
    else if ((cp < 0x20 && cp != '\t' && cp != '\n') || cp == 0xfffe || cp == 0xffff)
      buf_printf(out, "_x%04X_", (unsigned)cp);
    else if (cp == '_' && escape_at(from, end) >= 0) buf_str(out, "_x005F_");
    else buf_put(out, from, (size_t)(s - from));
  }
  return true;
}
