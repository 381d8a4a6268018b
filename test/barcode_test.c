/* Code 128: widths of the standard's table, check digits worked out by hand, a decoder of the bars, and whether fewer code
 * words would do. */
#include "base.h"
#include "test.h"
#include <stdio.h>
#include <stdlib.h>

static void codes_are(const char *text, const char *want)
{
  unsigned char codes[CODE128_CODES_MAX];
  struct buf b = { 0 };
  size_t n = code128(text, codes);
  for (size_t i = 0; i < n; i++) buf_printf(&b, i ? " %d" : "%d", codes[i]);
  test_note("%s", text);
  CHECK_STR(b.data, want);
  buf_release(&b);
}

/* Start, data, check, stop. Checks: (start + sum of position times value) modulo 103. */
TEST(code128_knows_these)
{
  codes_are("PJJ123C",
            "104 48 42 42 17 18 19 35 55 106"); /* 104+48+84+126+68+90+114+245 = 879 = 8 * 103 + 55 */
  codes_are("123456", "105 12 34 56 44 106");   /* 105+12+68+168 = 353 = 3 * 103 + 44 */
  codes_are("12", "105 12 14 106");             /* 105+12 = 117 = 103 + 14 */
  codes_are("A", "104 33 34 106");
  codes_are("1", "104 17 18 106");
  codes_are("f_12", "104 70 63 17 18 11 106"); /* 104+70+126+51+72 = 423 = 4 * 103 + 11 */
  codes_are("\t", "103 73 73 106");            /* 103+73 = 176 = 103 + 73 */
}

TEST(code128_switches_where_it_is_shorter)
{
  codes_are("f_123456", "104 70 63 99 12 34 56 18 106");
  codes_are("1234ab", "105 12 34 100 65 66 45 106");
  codes_are("a\tb", "104 65 98 73 66 24 106"); /* a shift for one */
  codes_are("\t\t\ta", "103 73 73 73 98 65 22 106");
}

TEST(code128_refuses)
{
  unsigned char codes[CODE128_CODES_MAX];
  struct buf b = { 0 };
  char text[CODE128_MAX + 2];
  CHECK_INT(code128("", codes), 0);
  CHECK_INT(code128("\xc3\xa9", codes), 0);
  memset(text, 'a', sizeof text), text[CODE128_MAX] = 0;
  CHECK_INT(code128(text, codes), CODE128_MAX + 3);
  for (int i = 0; i < CODE128_MAX; i++) text[i] = i % 2 ? 'a' : '\t';
  CHECK(code128(text, codes) > CODE128_MAX);
  text[CODE128_MAX] = 'a', text[CODE128_MAX + 1] = 0;
  CHECK_INT(code128(text, codes), 0);
  CHECK(!code128_widths(&b, ""));
  CHECK(!code128_svg(&b, "\xe4\xb8\xad", 375, 14));
  CHECK_INT(b.len, 0);
  buf_release(&b);
}

/* ---- the bars, read as a scanner does ------------------------------------------------------------------------------------ */

/* The table of the standard follows a rule: each symbol is 11 modules, its bars an even number of them, and no two are
 * alike; so a damaged one is never another. */
static int values_seen[107];

static bool symbol_ok(const char *w, size_t n)
{
  int all = 0, bars = 0;
  for (size_t i = 0; i < n; i++) all += w[i] - '0', bars += i % 2 ? 0 : w[i] - '0';
  for (size_t i = 0; i < n; i++)
    if (w[i] < '1' || w[i] > '4') return false;
  return n == 6 ? all == 11 && bars % 2 == 0 : all == 13;
}

/* The value of a symbol by its widths, taken from symbols that were made for known texts. */
struct learnt {
  char width[107][8];
};

static void learn(struct learnt *l, const char *text)
{
  unsigned char codes[CODE128_CODES_MAX];
  struct buf b = { 0 };
  size_t n = code128(text, codes);
  if (!CHECK(n && code128_widths(&b, text)) || !CHECK_INT(b.len, 6 * n + 1)) return;
  for (size_t i = 0; i + 1 < n; i++) memcpy(l->width[codes[i]], b.data + 6 * i, 6);
  memcpy(l->width[106], b.data + 6 * (n - 1), 7);
  buf_release(&b);
}

TEST(code128_symbols_are_those_of_the_table)
{
  static const struct {
    int value;
    const char *width;
  } known[] = { /* some of ISO/IEC 15417, table 1 */
                { 0, "212222" },   { 1, "222122" },   { 12, "112232" },  { 33, "111323" },  { 48, "313121" },
                { 60, "314111" },  { 64, "111422" },  { 77, "413111" },  { 95, "114113" },  { 96, "114311" },
                { 98, "411311" },  { 99, "113141" },  { 100, "114131" }, { 101, "311141" }, { 103, "211412" },
                { 104, "211214" }, { 105, "211232" }, { 106, "2331112" }
  };
  static struct learnt l;
  char text[81];
  for (int v = 0; v < 100; v++) snprintf(text, sizeof text, "%02d", v), learn(&l, text);
  learn(&l, "a"), learn(&l, "\t"), learn(&l, "12aa\t\t\t\t\t"), learn(&l, "1234aaaa");
  for (int v = 0; v < 107; v++) {
    size_t n = strlen(l.width[v]);
    test_note("%d is %s", v, l.width[v]);
    if (!n && v == 102) continue; /* FNC1, which no text of ours asks for */
    CHECK(n && symbol_ok(l.width[v], n));
    for (int o = 0; o < v; o++) CHECK(strcmp(l.width[v], l.width[o]) != 0);
    values_seen[v]++;
  }
  for (size_t i = 0; i < COUNT(known); i++) {
    test_note("%d", known[i].value);
    CHECK_STR(l.width[known[i].value], known[i].width);
  }
}

/* Code words back into text, by the rules of the sets only. */
static bool decode(const unsigned char *codes, size_t n, char *text)
{
  unsigned sum = codes[0];
  int set = codes[0] - 103, shift = -1;
  size_t len = 0;
  if (n < 4 || set < 0 || set > 2 || codes[n - 1] != 106) return false;
  for (size_t i = 1; i + 2 < n; i++) sum += (unsigned)i * codes[i];
  if (sum % 103 != codes[n - 2]) return false;
  for (size_t i = 1; i + 2 < n; i++) {
    int v = codes[i], in = shift >= 0 ? shift : set;
    shift = -1;
    if (in == 2 && v < 100) text[len++] = (char)('0' + v / 10), text[len++] = (char)('0' + v % 10);
    else if (v == 99 && in != 2) set = 2;
    else if (v == 100 && in != 1) set = 1;
    else if (v == 101 && in != 0) set = 0;
    else if (v == 98 && in != 2) shift = in == 0 ? 1 : 0;
    else if (v < 96 && in == 0) text[len++] = (char)(v < 64 ? v + 32 : v - 64);
    else if (v < 96 && in == 1) text[len++] = (char)(v + 32);
    else return false;
  }
  text[len] = 0;
  return true;
}

/* The fewest code words of all ways, tried one by one. */
static int fewest(const char *p, int set, int switches)
{
  int best = 1000;
  if (!*p) return 0;
  if (set == 2 && p[0] >= '0' && p[0] <= '9' && p[1] >= '0' && p[1] <= '9') best = 1 + fewest(p + 2, 2, 0);
  if (set < 2) {
    bool here = set == 0 ? *p < 96 : *p >= 32;
    int n = (here ? 1 : 2) + fewest(p + 1, set, 0);
    if (n < best) best = n;
  }
  for (int t = 0; t < 3 && !switches; t++) {
    int n = t == set ? 1000 : 1 + fewest(p, t, 1);
    if (n < best) best = n;
  }
  return best;
}

TEST(code128_is_read_back_and_as_short_as_can_be)
{
  static const char letters[] = "0123456789012345678901234567890123456789abcXYZ_-\t\x1b \x7f";
  uint64_t seed = 20261123;
  for (int round = 0; round < 3000; round++) {
    unsigned char codes[CODE128_CODES_MAX];
    char text[20], back[200] = "";
    size_t n = 1 + test_random(&seed) % 9;
    for (size_t i = 0; i < n; i++) text[i] = letters[test_random(&seed) % (sizeof letters - 1)];
    text[n] = 0;
    size_t count = code128(text, codes);
    test_note("round %d", round);
    if (!CHECK(count && decode(codes, count, back))) return;
    CHECK_STR(back, text);
    int best = 1000;
    for (int s = 0; s < 3; s++) best = fewest(text, s, 0) < best ? fewest(text, s, 0) : best;
    CHECK_INT(count, best + 3);
  }
}

TEST(code128_svg_has_quiet_zones_and_whole_modules)
{
  struct buf b = { 0 }, w = { 0 };
  CHECK(code128_svg(&b, "f_12<&\"", 375, 14));
  CHECK(code128_widths(&w, "f_12<&\""));
  int wide = 20, x, bar, bars = 0, last = 0;
  for (size_t i = 0; i < w.len; i++) wide += w.data[i] - '0';
  char box[64];
  snprintf(box, sizeof box, "viewBox=\"0 0 %d 1\"", wide);
  CHECK(strstr(b.data, box));
  snprintf(box, sizeof box, "width=\"%d.%03dmm\" height=\"14mm\"", wide * 375 / 1000, wide * 375 % 1000);
  CHECK(strstr(b.data, box));
  CHECK(strstr(b.data, "aria-label=\"f_12&lt;&amp;&quot;\""));
  CHECK(!strstr(b.data, "style=") && !strstr(b.data, "<script"));
  for (const char *p = strstr(b.data, "fill=\"#000\""); (p = strchr(p, 'M')); p++, bars++) {
    x = (int)strtol(p + 1, NULL, 10), bar = (int)strtol(strchr(p, 'h') + 1, NULL, 10);
    CHECK(x >= 10 && bar >= 1 && bar <= 4 && x > last && x + bar <= wide - 10);
    if (!bars) CHECK_INT(x, 10);
    last = x + bar;
  }
  CHECK_INT(bars, (w.len + 1) / 2);
  CHECK_INT(last, wide - 10);
  buf_release(&b), buf_release(&w);
}

TEST(html_text_cannot_leave_its_place)
{
  struct buf b = { 0 };
  html_put(&b, "<script>alert('1')</script> & \"x\" \x01\n\xe4\xb8\xad");
  CHECK_STR(b.data,
            "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &amp; &quot;x&quot; \xef\xbf\xbd\n\xe4\xb8\xad");
  b.len = 0;
  html_put(&b, NULL);
  CHECK_INT(b.len, 0);
  buf_release(&b);
}
