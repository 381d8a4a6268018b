/* gb18030.c: GB18030 (and with it GBK and GB2312) to UTF-8, by the table made at build time. */
#include "base.h"
#include "gb18030.h"

/* 81 30 81 30 is number 0; the last digit counts fastest. */
static uint32_t four_number(const unsigned char *p)
{
  return (((p[0] - 0x81u) * 10 + (p[1] - 0x30u)) * 126 + (p[2] - 0x81u)) * 10 + (p[3] - 0x30u);
}

#define ASTRAL_FIRST 189000u /* 90 30 81 30 is U+10000 */

static uint32_t four_code(const unsigned char *p)
{
  uint32_t n = four_number(p);
  if (n >= ASTRAL_FIRST) return n - ASTRAL_FIRST <= 0xFFFFF ? 0x10000 + (n - ASTRAL_FIRST) : 0;
  size_t low = 0, high = COUNT(gb_run);
  while (low < high) {
    size_t mid = (low + high) / 2;
    if (gb_run[mid].first + (uint32_t)gb_run[mid].n <= n) low = mid + 1;
    else high = mid;
  }
  if (low == COUNT(gb_run) || n < gb_run[low].first) return 0;
  return gb_run[low].code + (n - gb_run[low].first);
}

static uint32_t two_code(unsigned char lead, unsigned char trail)
{
  if (trail < 0x40 || trail == 0x7F || trail == 0xFF) return 0;
  uint32_t cp = gb_two[lead - 0x81][trail - 0x40 - (trail > 0x7F)];
  return cp >= 0xD800 && cp < 0xE000 ? gb_astral[cp - 0xD800] : cp;
}

static bool is_digit(unsigned char c)
{
  return c >= 0x30 && c <= 0x39;
}

static bool is_lead(unsigned char c)
{
  return c >= 0x81 && c <= 0xFE;
}

/* The length of the code at p, 0 when there is none; *cp never 0. */
static size_t code_at(const unsigned char *p, size_t left, uint32_t *cp)
{
  if (*p < 0x80) return *cp = *p, *p != 0;
  if (!is_lead(*p) || left < 2) return 0;
  if (!is_digit(p[1])) return (*cp = two_code(p[0], p[1])) ? 2 : 0;
  if (left < 4 || !is_lead(p[2]) || !is_digit(p[3])) return 0;
  return (*cp = four_code(p)) ? 4 : 0;
}

bool gb18030_to_utf8(struct buf *out, const char *s, size_t n)
{
  const unsigned char *p = (const unsigned char *)s;
  buf_reserve(out, n + n / 2);
  while (n) {
    uint32_t cp;
    size_t len = code_at(p, n, &cp);
    if (!len) return false;
    utf8_put(out, cp);
    p += len, n -= len;
  }
  return true;
}
