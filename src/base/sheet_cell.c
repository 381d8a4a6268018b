/* sheet_cell.c: one cell of an export: what protects its text, and what a spreadsheet did to it.
 *
 * A spreadsheet keeps 15 digits of a number. 4610611175417320556 comes back as 4610611175417320000 or
 * as 4.61061E+18, 13812345678 as 1.38123E+10. What was written ="…", with a TAB, an apostrophe or a
 * backtick in front is text, and its trailing zeros are real. */
#include "base.h"

enum { DIGITS_KEPT = 15, FLOAT_DIGITS_MIN = 5, COUNT_MAX = 1000000 };

/* ---- reading ------------------------------------------------------------------------------------ */

static bool is_blank_at(const char *p, size_t *len)
{
  static const char *const blanks[] = { " ", "\t", "\n", "\r", "\u00a0", "\u3000", "\ufeff" };
  for (size_t i = 0; i < COUNT(blanks); i++)
    if (!strncmp(p, blanks[i], *len = strlen(blanks[i]))) return true;
  return false;
}

static char *trim(char *p)
{
  size_t len;
  while (is_blank_at(p, &len)) p += len;
  char *end = p;
  for (char *q = p; *q;) {
    if (is_blank_at(q, &len)) {
      q += len;
    } else {
      q++;
      while (((unsigned char)*q & 0xc0) == 0x80) q++;
      end = q;
    }
  }
  *end = 0;
  return p;
}

/* ="123" and ="12""3": the text between the quotes, in place; NULL when it is not of this form. */
static char *formula_text(char *p)
{
  size_t n = strlen(p);
  if (n < 3 || p[0] != '=' || p[1] != '"' || p[n - 1] != '"') return NULL;
  char *end = p + n - 1, *to = p;
  for (char *q = p + 2; q < end; q++)
    if (*q == '"' && (*++q != '"' || q == end)) return NULL; /* a formula that only begins like one */
  for (char *q = p + 2; q < end; *to++ = *q++)
    if (*q == '"') q++;
  *to = 0;
  return p;
}

/* An apostrophe or a backtick that makes a number or a formula into text. */
static bool is_text_mark(const char *p, bool is_number)
{
  if (*p != '\'' && *p != '`') return false;
  return is_number || (p[1] && strchr("=+-@0123456789", p[1]));
}

static bool means_nothing(const char *s)
{
  static const char *const nothing[] = { "-",    "--",   "—",
                                         "——",   "null", "NULL",
                                         "Null", "None", "0000-00-00 00:00:00" };
  for (size_t i = 0; i < COUNT(nothing); i++)
    if (!strcmp(s, nothing[i])) return true;
  return !*s;
}

struct sheet_cell sheet_cell_read(struct arena *a, const char *raw, bool is_number)
{
  struct sheet_cell c = { .is_marked = *raw == '\t', .is_inexact = *raw == SHEET_INEXACT };
  char *p = trim(arena_str(a, raw + c.is_inexact)), *inner = formula_text(p);
  if (inner) p = trim(inner), c.is_marked = true;
  if (is_text_mark(p, is_number)) p = trim(p + 1), c.is_marked = true;
  c.text = means_nothing(p) ? NULL : p;
  return c;
}

/* ---- damage ------------------------------------------------------------------------------------- */

static size_t digits_at(const char *p)
{
  return strspn(p, "0123456789");
}

/* 1.38123E+10, 4.6e18, 1E+12 */
static bool is_scientific(const char *p)
{
  p += *p == '-' || *p == '+';
  size_t whole = digits_at(p), point = p[whole] == '.' ? 1 + digits_at(p + whole + 1) : 0;
  p += whole + point;
  if (whole != 1 || (*p != 'e' && *p != 'E')) return false;
  bool sign = p[1] == '+' || p[1] == '-';
  p += 1 + sign;
  size_t exponent = digits_at(p);
  return exponent && !p[exponent] && (point || sign); /* 1E5 may well be somebody's number */
}

/* 13812345678.0: it went through a floating point number. */
static bool is_float(const char *p)
{
  size_t whole = digits_at(p);
  if (whole < FLOAT_DIGITS_MIN || p[whole] != '.') return false;
  size_t fraction = strspn(p + whole + 1, "0");
  return fraction && !p[whole + 1 + fraction];
}

/* Longer than a spreadsheet can keep, and nothing but zeros where it stops keeping. */
static bool is_rounded(const char *p)
{
  size_t n = digits_at(p);
  return !p[n] && n > DIGITS_KEPT && strspn(p + DIGITS_KEPT, "0") == n - DIGITS_KEPT;
}

bool sheet_cell_error(const struct sheet_cell *c)
{
  static const char *const errors[] = { "#REF!", "#N/A", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!" };
  for (size_t i = 0; c->text && i < COUNT(errors); i++)
    if (!strcmp(c->text, errors[i])) return true;
  return c->text && strspn(c->text, "#") >= 3 &&
         !c->text[strspn(c->text, "#")]; /* #####: too narrow a column */
}

bool sheet_cell_damaged(const struct sheet_cell *c)
{
  if (!c->text) return false;
  return c->is_inexact || *c->text == '=' || is_scientific(c->text) || is_float(c->text) ||
         (!c->is_marked && is_rounded(c->text));
}

/* ---- values ------------------------------------------------------------------------------------- */

static bool drop_word(char **p, const char *word)
{
  size_t n = strlen(word);
  if (strncmp(*p, word, n)) return false;
  *p = trim(*p + n);
  return true;
}

static void drop_ending(char *p, const char *word)
{
  size_t n = strlen(p), end = strlen(word);
  if (n > end && !strcmp(p + n - end, word)) p[n - end] = 0, trim(p);
}

/* 1,234.50: commas are taken away only where they stand before groups of three. */
static bool drop_thousands(char *p)
{
  if (!strchr(p, ',')) return true;
  char *to = p;
  size_t first = digits_at(p), n = first;
  if (!first || first > 3) return false;
  memmove(to, p, n), to += n, p += n;
  while (*p == ',') {
    if (digits_at(p + 1) != 3) return false;
    memmove(to, p + 1, 3), to += 3, p += 4;
  }
  memmove(to, p, strlen(p) + 1);
  return true;
}

/* 96.6500: zeros that the currency has no room for say nothing. */
static void drop_zeros(char *p, int digits)
{
  char *point = strchr(p, '.');
  if (!point || digits_at(point + 1) != strlen(point + 1)) return;
  size_t n = strlen(p);
  while (n > (size_t)(point - p) + 1 + (size_t)digits && p[n - 1] == '0') p[--n] = 0;
  if (p[n - 1] == '.') p[n - 1] = 0;
}

bool sheet_cell_money(struct arena *a, const struct sheet_cell *c, const char *currency, int64_t *minor)
{
  static const char *const before[] = { "¥", "$", "€", "£", "CNY", "RMB" };
  static const char *const after[] = { "元", "CNY", "RMB" };
  char *p = trim(text_nfkc(a, c->text));
  bool is_negative = *p == '-';
  if (is_negative || *p == '+') p = trim(p + 1);
  for (size_t i = 0; i < COUNT(before); i++)
    if (drop_word(&p, before[i])) break;
  if (!is_negative && *p == '-') is_negative = true, p = trim(p + 1);
  for (size_t i = 0; i < COUNT(after); i++) drop_ending(p, after[i]);
  if (!drop_thousands(p)) return false;
  drop_zeros(p, money_digits(currency));
  if (*p == '-' || !money_parse(p, currency, minor)) return false;
  if (is_negative) *minor = -*minor;
  return true;
}

/* A whole number from 1 on; 2.00 is 2. */
bool sheet_cell_count(struct arena *a, const struct sheet_cell *c, int64_t *out)
{
  char *p = text_nfkc(a, c->text);
  drop_zeros(p, 0);
  size_t n = digits_at(p);
  if (!n || n > 7 || p[n]) return false;
  *out = 0;
  for (size_t i = 0; i < n; i++) *out = *out * 10 + (p[i] - '0');
  return *out >= 1 && *out <= COUNT_MAX;
}
