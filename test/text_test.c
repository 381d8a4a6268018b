#include "base.h"
#include "test.h"
#include <stdio.h>

/* ---- UTF-8 ------------------------------------------------------------------------------------ */
/* The model: encode every code point the long way, so that what is valid is a list, not a rule. */
static size_t model_encode(uint32_t cp, unsigned char out[4])
{
  if (cp < 0x80) return out[0] = (unsigned char)cp, 1;
  if (cp < 0x800) return out[0] = (unsigned char)(0xC0 | cp >> 6), out[1] = (unsigned char)(0x80 | (cp & 63)), 2;
  if (cp < 0x10000) {
    out[0] = (unsigned char)(0xE0 | cp >> 12);
    out[1] = (unsigned char)(0x80 | (cp >> 6 & 63)), out[2] = (unsigned char)(0x80 | (cp & 63));
    return 3;
  }
  out[0] = (unsigned char)(0xF0 | cp >> 18), out[1] = (unsigned char)(0x80 | (cp >> 12 & 63));
  out[2] = (unsigned char)(0x80 | (cp >> 6 & 63)), out[3] = (unsigned char)(0x80 | (cp & 63));
  return 4;
}

static bool is_scalar(uint32_t cp)
{
  return cp && cp <= 0x10FFFF && (cp < 0xD800 || cp > 0xDFFF);
}

TEST(utf8_every_code_point)
{
  struct buf b = { 0 };
  int wrong = 0;
  for (uint32_t cp = 1; cp < 0x110000; cp++) {
    char text[5] = { 0 };
    size_t n = model_encode(cp, (unsigned char *)text);
    if (utf8_valid(text, n) != is_scalar(cp)) wrong++;
    if (!is_scalar(cp)) continue;
    const char *p = text;
    if (utf8_next(&p) != cp || p != text + n || utf8_count(text) != 1) wrong++;
    b.len = 0, utf8_put(&b, cp);
    if (b.len != n || memcmp(b.data, text, n) != 0) wrong++;
    for (size_t cut = 1; cut < n; cut++)
      if (utf8_valid(text, cut)) wrong++;
  }
  CHECK_INT(wrong, 0);
  buf_release(&b);
}

/* All sequences of up to three bytes, and four bytes over the edges of every range. */
TEST(utf8_valid_against_a_list)
{
  static unsigned char known[1 << 24 >> 3]; /* one bit per three-byte sequence */
  unsigned char e[4];
  for (uint32_t cp = 0x800; cp < 0x10000; cp++) {
    if (!is_scalar(cp)) continue;
    model_encode(cp, e);
    uint32_t at = (uint32_t)e[0] << 16 | (uint32_t)e[1] << 8 | e[2];
    known[at >> 3] |= (unsigned char)(1u << (at & 7));
  }
  int wrong = 0;
  for (uint32_t at = 0x800000; at < 1u << 24; at++) { /* first byte ASCII: nothing new */
    char s[3] = { (char)(at >> 16), (char)(at >> 8), (char)at };
    bool two_one = s[2] > 0 && (at >> 16) >= 0xC2 && (at >> 16) < 0xE0 && (at >> 8 & 0xC0) == 0x80;
    bool want = two_one || (known[at >> 3] >> (at & 7) & 1);
    if (utf8_valid(s, 3) != want) wrong++;
  }
  CHECK_INT(wrong, 0);
  static const unsigned char edge[] = { 0,    1,    0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1,
                                        0xC2, 0xDF, 0xE0, 0xED, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF };
  for (unsigned first = 0xF0; first < 0x100; first++)
    for (size_t i = 0; i < COUNT(edge); i++)
      for (size_t k = 0; k < COUNT(edge); k++)
        for (size_t m = 0; m < COUNT(edge); m++) {
          char s[4] = { (char)first, (char)edge[i], (char)edge[k], (char)edge[m] };
          bool tail = (edge[i] & 0xC0) == 0x80 && (edge[k] & 0xC0) == 0x80 && (edge[m] & 0xC0) == 0x80;
          uint32_t cp = (first & 7u) << 18 | (edge[i] & 63u) << 12 | (edge[k] & 63u) << 6 | (edge[m] & 63u);
          bool want = tail && first <= 0xF7 && cp >= 0x10000 && cp <= 0x10FFFF;
          if (utf8_valid(s, 4) != want) wrong++;
        }
  CHECK_INT(wrong, 0);
}

TEST(utf8_long_runs)
{
  char s[64];
  memset(s, 'a', sizeof s);
  CHECK(utf8_valid(s, sizeof s));
  CHECK(utf8_valid("", 0));
  for (size_t i = 0; i < sizeof s; i++) { /* one wrong byte anywhere in a run of eight */
    s[i] = 0;
    CHECK(!utf8_valid(s, sizeof s));
    s[i] = (char)0x80;
    CHECK(!utf8_valid(s, sizeof s));
    s[i] = (char)0xFF;
    CHECK(!utf8_valid(s, sizeof s));
    s[i] = 'a';
  }
  const char *broken = "\xE6\x96"; /* utf8_next stays inside the text */
  CHECK_INT(utf8_next(&broken), 0xFFFD);
  CHECK_INT(utf8_next(&broken), 0xFFFD);
  CHECK_INT(utf8_next(&broken), 0);
  CHECK_INT(utf8_next(&broken), 0);
}

/* ---- normal forms ------------------------------------------------------------------------------ */
TEST(text_normal_forms)
{
  static const struct {
    const char *in, *nfkc, *fold;
  } cases[] = {
    { "", "", "" },
    { "Road 7 #A", "Road 7 #A", "road 7 #a" },
    { "文三路100号", "文三路100号", "文三路100号" },
    { "文三路１００号Ａ座", "文三路100号A座", "文三路100号a座" },
    { "（家里有人）", "(家里有人)", "(家里有人)" },
    { "张\u3000三", "张 三", "张 三" },
    { "①②㈱", "12(株)", "12(株)" },
    { "ｶﾞｷﾞ", "ガギ", "ガギ" },
    { "e\u0301cole", "\u00e9cole", "\u00e9cole" },
    { "ÉCOLE Straße", "ÉCOLE Straße", "école strasse" },
    { "ΌΣΟΣ", "ΌΣΟΣ", "όσοσ" },
    { "a\tb\nc\rd\x7f" "e", "a b c d e", "a b c d e" },
    { "a\xC2\x85" "b\u2028c", "a b c", "a b c" },
    { "13\u200b8\u200d0\ufeff", "1380", "1380" },           /* zero width */
    { "\u202e" "abc\u202c\u2066x\u2069", "abcx", "abcx" },  /* bidi */
    { "soft\u00adhyphen", "softhyphen", "softhyphen" },
    { "葛\U000E0100城", "葛城", "葛城" },                    /* variation selector */
    { "\u3164\uffa0\u115f", "", "" },                       /* fillers that look like nothing */
    { "\ufff9x\ufffb", "x", "x" },
    { "\U0001F600 ok", "\U0001F600 ok", "\U0001F600 ok" },
    { "\u1100\u1161\u11a8", "\uac01", "\uac01" },
    { "q\u0307\u0323", "q\u0323\u0307", "q\u0323\u0307" },  /* marks in canonical order */
    { "ﬁ ㎏ ℃", "fi kg °C", "fi kg °c" },
    { "\u2f00\u2f8f", "一行", "一行" },                      /* radicals that look like characters */
  };
  struct arena a = { 0 };
  for (size_t i = 0; i < COUNT(cases); i++) {
    test_note("%s", cases[i].in);
    CHECK_STR(text_nfkc(&a, cases[i].in), cases[i].nfkc);
    CHECK_STR(text_fold(&a, cases[i].in), cases[i].fold);
  }
  CHECK(!text_nfkc(&a, NULL) && !text_fold(&a, NULL));
  arena_release(&a);
}

/* Once normal, always normal: else a key made of stored text would differ from one made of fresh text. */
TEST(text_normal_forms_are_stable)
{
  struct arena a = { 0 };
  struct buf b = { 0 };
  for (uint32_t cp = 1; cp < 0x110000; cp++) {
    if (!is_scalar(cp)) continue;
    b.len = 0;
    utf8_put(&b, cp), utf8_put(&b, 0x301), buf_char(&b, 'A');
    const char *n = text_nfkc(&a, b.data), *f = text_fold(&a, b.data);
    if (strcmp(text_nfkc(&a, n), n) != 0 || strcmp(text_fold(&a, f), f) != 0) {
      test_note("U+%04X", (unsigned)cp);
      CHECK(!"stable");
    }
    if (a.used > 1 << 20) arena_reset(&a);
  }
  buf_release(&b);
  arena_release(&a);
}

TEST(text_long_and_strange)
{
  struct arena a = { 0 };
  struct buf b = { 0 };
  for (int i = 0; i < 5000; i++) /* marks without end must cost no more than their length */
    utf8_put(&b, i % 2 ? 0x301 : 0x323);
  CHECK(strlen(text_nfkc(&a, b.data)) > 0);
  b.len = 0;
  for (int i = 0; i < 300; i++)
    buf_str(&b, "\ufdfa"); /* one code point that becomes eighteen */
  CHECK_INT(utf8_count(text_nfkc(&a, b.data)), 300 * 18);
  CHECK_STR(text_nfkc(&a, "\xff\xfe" "a"), "\ufffd\ufffd" "a");
  buf_release(&b);
  arena_release(&a);
}

/* ---- likeness ------------------------------------------------------------------------------------ */
TEST(text_edit_distance)
{
  static const struct {
    const char *a, *b;
    int edits, likeness;
  } cases[] = {
    { "", "", 0, 1000 },          { "a", "", 1, 0 },
    { "文三路", "文三路", 0, 1000 }, { "文三路", "文二路", 1, 667 },
    { "文三路", "文三西路", 1, 750 }, { "kitten", "sitting", 3, 572 },
    { "abcdef", "fedcba", 6, 0 },  { "中山北路", "北中山路", 2, 500 },
    { "é", "è", 1, 0 },            { "aéb", "aèb", 1, 667 }, /* equal first bytes */
    { "阳光花园", "阳光花苑", 1, 750 },
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    test_note("%s, %s", cases[i].a, cases[i].b);
    CHECK_INT(text_edits(cases[i].a, cases[i].b), cases[i].edits);
    CHECK_INT(text_edits(cases[i].b, cases[i].a), cases[i].edits);
    CHECK_INT(text_likeness(cases[i].a, cases[i].b), cases[i].likeness);
  }
  CHECK_INT(text_edits(NULL, "ab"), 2);
}

/* Against the plainest recursion, over short texts of three letters. */
static int model_edits(const char *a, const char *b)
{
  if (!*a || !*b) return (int)(strlen(a) + strlen(b));
  int best = model_edits(a + 1, b + 1) + (*a != *b);
  int left = model_edits(a + 1, b) + 1, right = model_edits(a, b + 1) + 1;
  best = left < best ? left : best;
  return right < best ? right : best;
}

TEST(text_edit_distance_model)
{
  uint64_t seed = 3;
  for (int i = 0; i < 2000; i++) {
    char s[2][7] = { { 0 } };
    for (int k = 0; k < 2; k++)
      for (size_t n = test_random(&seed) % 7, j = 0; j < n; j++)
        s[k][j] = (char)('a' + test_random(&seed) % 3);
    test_note("%s, %s", s[0], s[1]);
    CHECK_INT(text_edits(s[0], s[1]), model_edits(s[0], s[1]));
  }
  char long_a[1000], long_b[1000];
  memset(long_a, 'a', 999), memset(long_b, 'b', 999);
  long_a[999] = long_b[999] = 0;
  CHECK_INT(text_edits(long_a, long_b), 999);
  long_b[998] = 'a', long_b[0] = 'a';
  CHECK_INT(text_edits(long_a, long_b), 997);
}

/* ---- GB18030 --------------------------------------------------------------------------------------- */
TEST(gb18030_cases)
{
  static const struct {
    const char *in, *out; /* out NULL: refused */
  } cases[] = {
    { "", "" },
    { "A1 ,\r\n", "A1 ,\r\n" },
    { "\xB6\xA9\xB5\xA5\xB1\xE0\xBA\xC5", "订单编号" },
    { "\xD5\xC5\xC8\xFD", "张三" },
    { "\x8E\x87", "巼" },                      /* GBK, not in GB2312 */
    { "\xA3\xB1", "１" },
    { "\xA2\xE3", "€" },
    { "\x81\x30\x81\x30", "\xC2\x80" },         /* the first four-byte code */
    { "\x81\x39\xEE\x39", "\u3400" },          /* extension A */
    { "\x82\x35\x8F\x33", "\u9fa6" },
    { "\x84\x31\xA4\x39", "\uffff" },          /* the last one below U+10000 */
    { "\x90\x30\x81\x30", "\U00010000" },
    { "\x95\x32\x82\x36", "\U00020000" },
    { "\x94\x39\xFC\x36", "\U0001F600" },
    { "\xE3\x32\x9A\x35", "\U0010FFFF" },
    { "\xE3\x32\x9A\x36", NULL },              /* one more */
    { "\xFE\x39\xFE\x39", NULL },
    { "\x84\x31\xA5\x30", NULL },              /* between the planes */
    { "\x80", NULL },
    { "\xFF", NULL },
    { "\xB6", NULL },
    { "\xB6\x7F", NULL },
    { "\xB6\xFF", NULL },
    { "\xB6\x20", NULL },
    { "\x81\x30\x81", NULL },
    { "\x81\x30\x20\x30", NULL },
    { "\x81\x30\x81\x40", NULL },
    { "ok\xB6\xA9\x80", NULL },
  };
  struct buf b = { 0 };
  for (size_t i = 0; i < COUNT(cases); i++) {
    test_note("row %zu", i);
    b.len = 0;
    bool ok = gb18030_to_utf8(&b, cases[i].in, strlen(cases[i].in));
    CHECK_INT(ok, cases[i].out != NULL);
    if (cases[i].out) CHECK_STR(b.data, cases[i].out);
  }
  b.len = 0;
  CHECK(!gb18030_to_utf8(&b, "a\0b", 3));
  buf_release(&b);
}

/* Every code point has at most one code (but for six newer ideographs, which have an old two-byte code
 * and the four-byte one that follows from arithmetic), and nearly all of them have one. */
TEST(gb18030_is_one_to_one)
{
  static unsigned char seen[0x110000];
  struct buf b = { 0 };
  unsigned known = 0, twice = 0;
  memset(seen, 0, sizeof seen);
  for (unsigned first = 0x81; first <= 0xFE; first++)
    for (unsigned second = 0x30; second <= 0xFE; second++)
      for (unsigned third = second < 0x40 ? 0x81 : 0; third <= (second < 0x40 ? 0xFE : 0); third++)
        for (unsigned fourth = 0x30; fourth <= (second < 0x40 ? 0x39 : 0x30); fourth++) {
          char s[4] = { (char)first, (char)second, (char)third, (char)fourth };
          b.len = 0;
          if (!gb18030_to_utf8(&b, s, second < 0x40 ? 4 : 2)) continue;
          const char *p = b.data;
          uint32_t cp = utf8_next(&p);
          if (*p || !utf8_valid(b.data, b.len) || seen[cp]++) twice++;
          known++;
        }
  CHECK(twice <= 6);
  CHECK(known > 0x100000 + 60000);
  buf_release(&b);
}
