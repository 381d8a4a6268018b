/* money.c: decimal text and integer minor units; no double anywhere. */
#include "base.h"
#include <stdlib.h>

/* ISO 4217, the codes in use that have a minor unit (metals, funds units and test codes without one are
 * left out). By name, for the binary search. */
static const struct {
  char code[4];
  signed char digits;
} currency_table[] = {
  { "AED", 2 }, { "AFN", 2 }, { "ALL", 2 }, { "AMD", 2 }, { "ANG", 2 }, { "AOA", 2 }, { "ARS", 2 },
  { "AUD", 2 }, { "AWG", 2 }, { "AZN", 2 }, { "BAM", 2 }, { "BBD", 2 }, { "BDT", 2 }, { "BGN", 2 },
  { "BHD", 3 }, { "BIF", 0 }, { "BMD", 2 }, { "BND", 2 }, { "BOB", 2 }, { "BOV", 2 }, { "BRL", 2 },
  { "BSD", 2 }, { "BTN", 2 }, { "BWP", 2 }, { "BYN", 2 }, { "BZD", 2 }, { "CAD", 2 }, { "CDF", 2 },
  { "CHE", 2 }, { "CHF", 2 }, { "CHW", 2 }, { "CLF", 4 }, { "CLP", 0 }, { "CNY", 2 }, { "COP", 2 },
  { "COU", 2 }, { "CRC", 2 }, { "CUC", 2 }, { "CUP", 2 }, { "CVE", 2 }, { "CZK", 2 }, { "DJF", 0 },
  { "DKK", 2 }, { "DOP", 2 }, { "DZD", 2 }, { "EGP", 2 }, { "ERN", 2 }, { "ETB", 2 }, { "EUR", 2 },
  { "FJD", 2 }, { "FKP", 2 }, { "GBP", 2 }, { "GEL", 2 }, { "GHS", 2 }, { "GIP", 2 }, { "GMD", 2 },
  { "GNF", 0 }, { "GTQ", 2 }, { "GYD", 2 }, { "HKD", 2 }, { "HNL", 2 }, { "HRK", 2 }, { "HTG", 2 },
  { "HUF", 2 }, { "IDR", 2 }, { "ILS", 2 }, { "INR", 2 }, { "IQD", 3 }, { "IRR", 2 }, { "ISK", 0 },
  { "JMD", 2 }, { "JOD", 3 }, { "JPY", 0 }, { "KES", 2 }, { "KGS", 2 }, { "KHR", 2 }, { "KMF", 0 },
  { "KPW", 2 }, { "KRW", 0 }, { "KWD", 3 }, { "KYD", 2 }, { "KZT", 2 }, { "LAK", 2 }, { "LBP", 2 },
  { "LKR", 2 }, { "LRD", 2 }, { "LSL", 2 }, { "LYD", 3 }, { "MAD", 2 }, { "MDL", 2 }, { "MGA", 2 },
  { "MKD", 2 }, { "MMK", 2 }, { "MNT", 2 }, { "MOP", 2 }, { "MRU", 2 }, { "MUR", 2 }, { "MVR", 2 },
  { "MWK", 2 }, { "MXN", 2 }, { "MXV", 2 }, { "MYR", 2 }, { "MZN", 2 }, { "NAD", 2 }, { "NGN", 2 },
  { "NIO", 2 }, { "NOK", 2 }, { "NPR", 2 }, { "NZD", 2 }, { "OMR", 3 }, { "PAB", 2 }, { "PEN", 2 },
  { "PGK", 2 }, { "PHP", 2 }, { "PKR", 2 }, { "PLN", 2 }, { "PYG", 0 }, { "QAR", 2 }, { "RON", 2 },
  { "RSD", 2 }, { "RUB", 2 }, { "RWF", 0 }, { "SAR", 2 }, { "SBD", 2 }, { "SCR", 2 }, { "SDG", 2 },
  { "SEK", 2 }, { "SGD", 2 }, { "SHP", 2 }, { "SLE", 2 }, { "SOS", 2 }, { "SRD", 2 }, { "SSP", 2 },
  { "STN", 2 }, { "SVC", 2 }, { "SYP", 2 }, { "SZL", 2 }, { "THB", 2 }, { "TJS", 2 }, { "TMT", 2 },
  { "TND", 3 }, { "TOP", 2 }, { "TRY", 2 }, { "TTD", 2 }, { "TWD", 2 }, { "TZS", 2 }, { "UAH", 2 },
  { "UGX", 0 }, { "USD", 2 }, { "USN", 2 }, { "UYI", 0 }, { "UYU", 2 }, { "UYW", 4 }, { "UZS", 2 },
  { "VED", 2 }, { "VES", 2 }, { "VND", 0 }, { "VUV", 0 }, { "WST", 2 }, { "XAF", 0 }, { "XCD", 2 },
  { "XCG", 2 }, { "XOF", 0 }, { "XPF", 0 }, { "YER", 2 }, { "ZAR", 2 }, { "ZMW", 2 }, { "ZWG", 2 },
};

static int currency_order(const void *code, const void *row)
{
  return strcmp(code, row); /* the code is the row's first member */
}

int money_digits(const char *currency)
{
  if (!currency || strlen(currency) != 3) return -1;
  if (!memcmp(currency, "CNY", 3)) return 2; /* nearly always */
  const char *row =
    bsearch(currency, currency_table, COUNT(currency_table), sizeof *currency_table, currency_order);
  return row ? ((const signed char *)row)[4] : -1;
}

#define MONEY_MAX 9000000000000000 /* inside what every JSON reader and every double counts exactly */

static bool is_digit(char c)
{
  return c >= '0' && c <= '9';
}

/* The form is -?(0|[1-9][0-9]*)(.[0-9]+)? and nothing else: no sign +, no blanks, no exponent, no
 * thousands marks, no leading zeros, digits on both sides of a point. "-0.00" is 0. */
bool money_parse(const char *text, const char *currency, int64_t *minor)
{
  int digits = money_digits(currency), after = 0;
  if (!text || digits < 0) return false;
  bool is_negative = *text == '-';
  const char *p = text + is_negative;
  if (!is_digit(*p) || (*p == '0' && is_digit(p[1]))) return false;
  int64_t v = 0;
  for (; is_digit(*p); p++)
    if ((v = v * 10 + (*p - '0')) > MONEY_MAX) return false;
  if (*p == '.') {
    for (p++; is_digit(*p) && after < digits; p++, after++)
      if ((v = v * 10 + (*p - '0')) > MONEY_MAX) return false;
    if (!after) return false;
  }
  if (*p) return false;
  for (; after < digits; after++)
    if ((v *= 10) > MONEY_MAX) return false;
  *minor = is_negative ? -v : v;
  return true;
}

void money_put(struct buf *b, int64_t minor, const char *currency)
{
  int digits = money_digits(currency);
  must(digits >= 0);
  uint64_t u = minor < 0 ? -(uint64_t)minor : (uint64_t)minor;
  char text[32], *p = text + sizeof text;
  for (int i = 0; u || i <= digits; i++) {
    if (i && i == digits) *--p = '.';
    *--p = (char)('0' + u % 10), u /= 10;
  }
  if (minor < 0) *--p = '-';
  buf_put(b, p, (size_t)(text + sizeof text - p));
}

char *money_text(struct arena *a, int64_t minor, const char *currency)
{
  struct buf b = { 0 };
  money_put(&b, minor, currency);
  char *text = arena_strn(a, b.data, b.len);
  buf_release(&b);
  return text;
}

/* ---- shares ------------------------------------------------------------------------------------ */
struct rest {
  uint64_t left; /* the remainder of a division by a sum below 2^64 */
  size_t i;
};

static int rest_order(const void *x, const void *y)
{
  const struct rest *a = x, *b = y;
  if (a->left != b->left) return a->left > b->left ? -1 : 1;
  return a->i < b->i ? -1 : 1;
}

void money_share(int64_t total, const int64_t *weight, int64_t *part, size_t n)
{
  if (!n) {
    must(total == 0);
    return;
  }
  uint64_t sum = 0, whole = total < 0 ? -(uint64_t)total : (uint64_t)total, given = 0;
  for (size_t i = 0; i < n; i++) {
    must(weight[i] >= 0);
    must(!__builtin_add_overflow(sum, (uint64_t)weight[i], &sum));
  }
  struct rest few[16], *rest = n <= COUNT(few) ? few : mem_new(n * sizeof *rest);
  for (size_t i = 0; i < n; i++) {
    unsigned __int128 x = (unsigned __int128)whole * (sum ? (uint64_t)weight[i] : 1);
    uint64_t quotient = (uint64_t)(x / (sum ? sum : n));
    rest[i] = (struct rest){ (uint64_t)(x % (sum ? sum : n)), i };
    part[i] = (int64_t)quotient, given += quotient;
  }
  if (given < whole) qsort(rest, n, sizeof *rest, rest_order);
  for (size_t i = 0; given < whole; i++, given++) part[rest[i].i]++;
  if (total < 0)
    for (size_t i = 0; i < n; i++) part[i] = (int64_t)(0 - (uint64_t)part[i]);
  if (rest != few) mem_free(rest);
}
