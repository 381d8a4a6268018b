#include "base.h"
#include "test.h"
#include <stdio.h>

TEST(money_currencies)
{
  static const struct {
    const char *code;
    int digits;
  } cases[] = {
    { "CNY", 2 },  { "USD", 2 },  { "JPY", 0 },  { "KRW", 0 }, { "VND", 0 },  { "KWD", 3 }, { "BHD", 3 },
    { "CLF", 4 },  { "AED", 2 },  { "ZWG", 2 },  { "IDR", 2 }, { "XAU", -1 }, { "cny", -1 }, { "", -1 },
    { "CN", -1 },  { "CNYX", -1 }, { "AAA", -1 }, { "ZZZ", -1 }, { "RMB", -1 },
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    test_note("%s", cases[i].code);
    CHECK_INT(money_digits(cases[i].code), cases[i].digits);
  }
  CHECK_INT(money_digits(NULL), -1);
  int known = 0;
  for (int i = 0; i < 26 * 26 * 26; i++) {
    char code[4] = { (char)('A' + i / 676), (char)('A' + i / 26 % 26), (char)('A' + i % 26), 0 };
    known += money_digits(code) >= 0;
  }
  CHECK_INT(known, 168); /* every row of the table is found: it is in order */
}

TEST(money_texts)
{
  static const struct {
    const char *text, *currency;
    bool ok;
    int64_t minor;
    const char *back; /* NULL: the text itself */
  } cases[] = {
    { "199.00", "CNY", true, 19900, NULL },
    { "0.00", "CNY", true, 0, NULL },
    { "0", "CNY", true, 0, "0.00" },
    { "-3.5", "CNY", true, -350, "-3.50" },
    { "-0.05", "CNY", true, -5, NULL },
    { "-0.00", "CNY", true, 0, "0.00" },
    { "7", "CNY", true, 700, "7.00" },
    { "12.3", "CNY", true, 1230, "12.30" },
    { "1200", "JPY", true, 1200, NULL },
    { "0", "JPY", true, 0, NULL },
    { "-7", "JPY", true, -7, NULL },
    { "1.234", "KWD", true, 1234, NULL },
    { "0.001", "KWD", true, 1, NULL },
    { "0.0001", "CLF", true, 1, NULL },
    { "90000000000000.00", "CNY", true, 9000000000000000, NULL },
    { "-90000000000000.00", "CNY", true, -9000000000000000, NULL },
    { "90000000000000.01", "CNY", false, 0, NULL },
    { "900000000000000", "CNY", false, 0, NULL },
    { "9000000000000001", "JPY", false, 0, NULL },
    { "99999999999999999999999999", "CNY", false, 0, NULL },
    { "1.234", "CNY", false, 0, NULL },
    { "1.000", "CNY", false, 0, NULL },
    { "1.0", "JPY", false, 0, NULL },
    { "1.", "CNY", false, 0, NULL },
    { "1.", "JPY", false, 0, NULL },
    { ".5", "CNY", false, 0, NULL },
    { "", "CNY", false, 0, NULL },
    { "-", "CNY", false, 0, NULL },
    { "+1", "CNY", false, 0, NULL },
    { "--1", "CNY", false, 0, NULL },
    { " 1", "CNY", false, 0, NULL },
    { "1 ", "CNY", false, 0, NULL },
    { "007", "CNY", false, 0, NULL },
    { "00", "CNY", false, 0, NULL },
    { "1e3", "CNY", false, 0, NULL },
    { "1,000.00", "CNY", false, 0, NULL },
    { "0x10", "CNY", false, 0, NULL },
    { "NaN", "CNY", false, 0, NULL },
    { "\xEF\xBC\x91", "CNY", false, 0, NULL },
    { "1.00", "XXX", false, 0, NULL },
    { "1.00", NULL, false, 0, NULL },
  };
  struct arena a = { 0 };
  for (size_t i = 0; i < COUNT(cases); i++) {
    test_note("%s %s", cases[i].text, cases[i].currency ? cases[i].currency : "NULL");
    int64_t v = 77;
    CHECK_INT(money_parse(cases[i].text, cases[i].currency, &v), cases[i].ok);
    CHECK_INT(v, cases[i].ok ? cases[i].minor : 77); /* untouched when refused */
    if (cases[i].ok) CHECK_STR(money_text(&a, v, cases[i].currency), cases[i].back ? cases[i].back : cases[i].text);
  }
  int64_t v;
  CHECK(!money_parse(NULL, "CNY", &v));
  CHECK_STR(money_text(&a, INT64_MIN, "CNY"), "-92233720368547758.08");
  arena_release(&a);
}

TEST(money_round_trip)
{
  static const char *const currency[] = { "CNY", "JPY", "KWD", "CLF" };
  struct arena a = { 0 };
  uint64_t seed = 5;
  for (int i = 0; i < 20000; i++) {
    int64_t v = (int64_t)(test_random(&seed) % 9000000000000001) >> test_random(&seed) % 54, back = -1;
    if (test_random(&seed) % 2) v = -v;
    const char *c = currency[i % 4], *text = money_text(&a, v, c);
    test_note("%s %s", text, c);
    CHECK(money_parse(text, c, &back));
    CHECK_INT(back, v);
    arena_reset(&a);
  }
  arena_release(&a);
}

TEST(money_share_cases)
{
  static const struct {
    int64_t total, weight[4], part[4];
    size_t n;
  } cases[] = {
    { 100, { 1, 1, 1 }, { 34, 33, 33 }, 3 },         /* a tie goes to the earlier part */
    { 101, { 1, 1, 1 }, { 34, 34, 33 }, 3 },
    { 100, { 0, 0, 0 }, { 34, 33, 33 }, 3 },         /* no weights: all alike */
    { 100, { 0, 5, 0 }, { 0, 100, 0 }, 3 },
    { -100, { 1, 1, 1 }, { -34, -33, -33 }, 3 },
    { 0, { 3, 4 }, { 0, 0 }, 2 },
    { 10, { 19900, 1 }, { 10, 0 }, 2 },
    { 1, { 1, 2 }, { 0, 1 }, 2 },                    /* the largest remainder */
    { 7, { 9 }, { 7 }, 1 },
    { 9000000000000000, { 9000000000000000, 9000000000000000, 9000000000000000 },
      { 3000000000000000, 3000000000000000, 3000000000000000 }, 3 },
    { INT64_MIN, { 1, 1 }, { INT64_MIN / 2, INT64_MIN / 2 }, 2 },
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    int64_t part[4];
    money_share(cases[i].total, cases[i].weight, part, cases[i].n);
    for (size_t k = 0; k < cases[i].n; k++) {
      test_note("row %zu part %zu", i, k);
      CHECK_INT(part[k], cases[i].part[k]);
    }
  }
}

/* The parts sum to the total, none is a unit or more away from its exact share, more weight never gets less. */
TEST(money_share_properties)
{
  enum { N_MAX = 40 };
  uint64_t seed = 11;
  for (int round = 0; round < 5000; round++) {
    int64_t weight[N_MAX], part[N_MAX], sum = 0, all = 0;
    size_t n = 1 + test_random(&seed) % N_MAX;
    int64_t total = (int64_t)(test_random(&seed) % 1000000000) - 500000000;
    for (size_t i = 0; i < n; i++)
      all += weight[i] = (int64_t)(test_random(&seed) % 4 ? test_random(&seed) % 100000 : 0);
    money_share(total, weight, part, n);
    test_note("round %d", round);
    for (size_t i = 0; i < n; i++) {
      sum += part[i];
      __int128 miss = all ? (__int128)total * weight[i] - (__int128)part[i] * all : total - (__int128)part[i] * (int64_t)n;
      __int128 one = all ? all : (int64_t)n;
      CHECK(miss < one && miss > -one);
      for (size_t k = 0; k < i; k++)
        if (weight[k] > weight[i]) CHECK(total >= 0 ? part[k] >= part[i] : part[k] <= part[i]);
    }
    CHECK_INT(sum, total);
  }
}
