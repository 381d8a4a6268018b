#include "base.h"
#include "test.h"
#include <stdio.h>

static void term_join(void *arg, const char *term, size_t n)
{
  struct buf *b = arg;
  if (b->len) buf_char(b, '|');
  buf_put(b, term, n);
}

TEST(terms_of_texts)
{
  static const struct {
    const char *text, *terms;
  } cases[] = {
    { "", "" },
    { " -,。/ ", "" },
    { "张三", "张三" },
    { "张", "张" },
    { "欧阳小明", "欧阳|阳小|小明" },
    { "浙江省杭州市", "浙江|江省|省杭|杭州|州市" },
    { "文三路100号2幢301室", "文三|三路|100|号|2|幢|301|室" },
    { "SOFA-3S-GREY", "sofa|3s|grey" },
    { "SF1234567890123", "sf1234567890123" },
    { "ＳＦ１２３４", "sf1234" },
    { "18400913965", "18400913965" },
    { "Straße 5", "strasse|5" },
    { "École d'été", "école|d|été" },
    { "e\u0301te\u0301", "été" },
    { "кирпич 12б", "кирпич|12б" },
    { "さくらソファ", "さく|くら|らソ|ソフ|ファ" },
    { "ｿﾌｧ", "ソフ|ファ" },
    { "서울시", "서울|울시" },
    { "三人沙发(灰色)", "三人|人沙|沙发|灰色" },
    { "三人沙发・灰", "三人|人沙|沙发|灰" },
    { "\U00020000\U00020001", "\U00020000\U00020001" },
    { "a\u200b" "b", "ab" },
    { "a\xff" "b", "a|b" },
    { "\U0001F600ok", "ok" },
    { "กข", "กข" },
  };
  struct buf b = { 0 };
  for (size_t i = 0; i < COUNT(cases); i++) {
    test_note("%s", cases[i].text);
    b.len = 0, buf_reserve(&b, 0), b.data[0] = 0;
    text_terms(cases[i].text, term_join, &b);
    CHECK_STR(b.data, cases[i].terms);
  }
  text_terms(NULL, term_join, &b);
  buf_release(&b);
}

static void term_bounds(void *arg, const char *term, size_t n)
{
  int *terms = arg;
  ++*terms;
  CHECK(n > 0 && n <= TERM_MAX);
  CHECK(utf8_valid(term, n));
  CHECK(!memchr(term, ' ', n));
}

TEST(terms_are_bounded)
{
  struct buf b = { 0 };
  int terms = 0;
  for (int i = 0; i < 100; i++)
    buf_str(&b, "é"); /* two bytes, but three for the first: the cut falls inside one of them */
  buf_str(&b, " ");
  for (int i = 0; i < 100; i++)
    buf_str(&b, "ab\u1e00");
  text_terms(b.data, term_bounds, &terms);
  CHECK_INT(terms, 2);
  uint64_t seed = 8;
  for (int i = 0; i < 2000; i++) {
    b.len = 0;
    for (size_t n = test_random(&seed) % 20; n > 0; n--)
      utf8_put(&b, (uint32_t)(test_random(&seed) % (test_random(&seed) % 2 ? 0x3500 : 0x110000)));
    buf_reserve(&b, 1), b.data[b.len] = 0;
    text_terms(b.data, term_bounds, &terms);
  }
  buf_release(&b);
}
