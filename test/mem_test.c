#include "base.h"
#include "test.h"

TEST(err_table)
{
  CHECK_STR(err_code(ERR_OK), "ok");
  CHECK_STR(err_code(ERR_NOT_FOUND), "not_found");
  CHECK_STR(err_code(ERR_UNAUTHORIZED), "unauthorized");
  CHECK_INT(err_http(ERR_STALE), 412);
  CHECK(err_retry(ERR_BUSY) && !err_retry(ERR_INVALID));
  for (int e = 0; e < ERR_N; e++) {
    test_note("%s", err_code((enum err)e));
    CHECK(err_http((enum err)e) >= 200 && err_http((enum err)e) < 600);
    CHECK(*err_title((enum err)e));
    CHECK(err_http((enum err)e) < 500 || e == ERR_INTERNAL || e == ERR_DISK_FULL || err_retry((enum err)e));
  }
}

/* What disk files hold: these values may never change. */
TEST(hash64_vectors)
{
  static const struct {
    const char *text;
    uint64_t zero, answer; /* under the seeds 0 and 42 */
  } cases[] = {
    { "", 0xd1fba762150c532c, 0x18bfea12a7a05ba6 },
    { "a", 0x407448d2b89b1813, 0x2d9b3d45f8b933ea },
    { "abc", 0xc03bc3a0042630f2, 0xca4f839b21c13829 },
    { "abcdefg", 0x6db12aae9070f506, 0x79938fbe4e6e4c75 },
    { "abcdefgh", 0x3f7b849c0b8e35ea, 0xb878973d7aadc494 },
    { "13800138000", 0xf8815ac33acb4d41, 0x198315724b14abd6 },
    { "the quick brown fox jumps over", 0xad7dbf39b6f5e689, 0xdd2cb8e0a52a0751 },
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    test_note("\"%s\"", cases[i].text);
    CHECK_INT(hash64(cases[i].text, strlen(cases[i].text), 0), cases[i].zero);
    CHECK_INT(hash64(cases[i].text, strlen(cases[i].text), 42), cases[i].answer);
  }
  char odd[64] = "xabcdefgh"; /* not aligned */
  CHECK_INT(hash64(odd + 1, 8, 0), 0x3f7b849c0b8e35ea);
}

TEST(arena_hands_out_zeroed_aligned_memory)
{
  struct arena a = { 0 };
  uint64_t seed = 7;
  for (int round = 0; round < 3; round++) {
    size_t sum = 0;
    for (int i = 0; i < 2000; i++) {
      size_t n = test_random(&seed) % (i % 100 ? 200 : 20000);
      unsigned char *p = arena_alloc(&a, n);
      CHECK_INT((uintptr_t)p % 16, 0);
      for (size_t k = 0; k < n; k++)
        if (p[k]) CHECK(!"zeroed");
      memset(p, 0xa5, n);
      sum += n;
    }
    CHECK(a.used >= sum);
    arena_reset(&a);
    CHECK_INT(a.used, 0);
    CHECK(a.head != NULL); /* the first block waits for the next use */
  }
  arena_release(&a);
  CHECK(!a.head && !a.used);
  arena_release(&a);
}

TEST(arena_text)
{
  struct arena a = { 0 };
  CHECK_STR(arena_str(&a, NULL), NULL);
  CHECK_STR(arena_str(&a, ""), "");
  CHECK_STR(arena_strn(&a, "abcdef", 3), "abc");
  CHECK_STR(arena_strn(&a, NULL, 0), "");
  CHECK_STR(arena_printf(&a, "%d-%s", 7, "x"), "7-x");
  for (int width = 250; width < 260; width++) /* around the size of the small buffer inside */
    CHECK_INT(strlen(arena_printf(&a, "%*d", width, 1)), width);
  arena_release(&a);
}

TEST(buf_is_always_terminated)
{
  struct buf b = { 0 };
  buf_put(&b, NULL, 0);
  CHECK_STR(b.data, "");
  buf_str(&b, "ab");
  buf_char(&b, 'c');
  buf_int(&b, 0), buf_char(&b, ' ');
  buf_int(&b, INT64_MIN), buf_char(&b, ' ');
  buf_int(&b, INT64_MAX);
  CHECK_STR(b.data, "abc0 -9223372036854775808 9223372036854775807");
  CHECK_INT(b.len, strlen(b.data));
  b.len = 0;
  for (int i = 0; i < 300; i++) {
    buf_printf(&b, "%03d", i);
    CHECK_INT(b.len, 3 * (i + 1));
    CHECK_INT(b.data[b.len], 0);
    CHECK(b.cap > b.len);
  }
  CHECK(!strncmp(b.data, "000001002", 9));
  CHECK_STR(b.data + 299 * 3, "299");
  buf_release(&b);
  CHECK(!b.data && !b.len && !b.cap);
}
