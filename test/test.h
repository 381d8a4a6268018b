/* test.h: the small test runner.
 *
 *   TEST(money_knows_yen) { CHECK_INT(money_digits("JPY"), 0); }
 *
 * A test registers itself; all test/ *_test.c files are linked with run.c into one binary:
 *   tests [-l] [part-of-a-name-or-file]...
 * A failed CHECK is printed with its file and line, the test goes on, and counts as failed once.
 * REQUIRE leaves the test (void functions only). SKIP says why a test cannot run here and leaves it. */
#ifndef ORDERD_TEST_H
#define ORDERD_TEST_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct test_case {
  const char *name, *file;
  void (*run)(void);
  struct test_case *next;
};
void test_add(struct test_case *t);

bool test_check(bool ok, const char *file, int line, const char *what);
bool test_check_int(int64_t a, int64_t b, const char *file, int line, const char *what);
bool test_check_str(const char *a, const char *b, const char *file, int line, const char *what);
bool test_check_mem(const void *a, size_t a_n, const void *b, size_t b_n, const char *file, int line,
                    const char *what);
/* Printed with every failure until the next call: which row of a table is being tried. */
void test_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void test_skip(const char *why);
/* splitmix64: the same numbers for the same seed. */
uint64_t test_random(uint64_t *seed);
/* Called after every test; a file that leaves something behind for all may define it. */
void test_after(void);
/* An empty directory for this test; removed with its files when the test ends. */
const char *test_dir(void);

#define TEST(name)                                                                                   \
  static void test_##name(void);                                                                     \
  static struct test_case test_case_##name = { #name, __FILE__, test_##name, NULL };                 \
  __attribute__((constructor)) static void test_add_##name(void) { test_add(&test_case_##name); }    \
  static void test_##name(void)

#define CHECK(cond) test_check((cond), __FILE__, __LINE__, #cond)
#define CHECK_INT(a, b) test_check_int((int64_t)(a), (int64_t)(b), __FILE__, __LINE__, #a " == " #b)
#define CHECK_STR(a, b) test_check_str((a), (b), __FILE__, __LINE__, #a " == " #b)
#define CHECK_MEM(a, a_n, b, b_n) test_check_mem((a), (a_n), (b), (b_n), __FILE__, __LINE__, #a " == " #b)
#define REQUIRE(cond)                                                                                \
  do {                                                                                               \
    if (!CHECK(cond)) return;                                                                        \
  } while (0)
#define SKIP(why)                                                                                    \
  do {                                                                                               \
    test_skip(why);                                                                                  \
    return;                                                                                          \
  } while (0)

#endif
