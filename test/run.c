/* run.c: runs the tests that registered themselves; see test.h. */
#include "test.h"
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FAILURES_SHOWN_MAX 20 /* per test; a broken loop must not fill the screen */
#define SHOWN_MAX 200         /* bytes of a value */

static struct test_case *first, **last = &first;
static const struct test_case *now;
static int failures;
static const char *skipped;
static char note[256], dir[64];

void test_add(struct test_case *t)
{
  *last = t;
  last = &t->next;
}

void test_note(const char *fmt, ...)
{
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(note, sizeof note, fmt, ap);
  va_end(ap);
}

void test_skip(const char *why)
{
  skipped = why;
}

uint64_t test_random(uint64_t *seed)
{
  uint64_t z = *seed += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

const char *test_dir(void)
{
  if (*dir) return dir;
  snprintf(dir, sizeof dir, "/tmp/orderd-test-XXXXXX");
  if (!mkdtemp(dir)) perror(dir), exit(2);
  return dir;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
  (void)st, (void)kind, (void)at;
  return remove(path);
}

static void dir_remove(void)
{
  if (*dir) nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
  *dir = 0;
}

static bool fail(const char *file, int line, const char *what)
{
  if (failures++ >= FAILURES_SHOWN_MAX) return false;
  printf("%s:%d: %s: %s\n", file, line, now->name, what);
  if (*note) printf("    at: %s\n", note);
  return true;
}

/* A value on one line, control bytes shown, quotes around it. */
static void show(const char *label, const char *s, size_t n)
{
  printf("    %s ", label);
  if (!s) {
    puts("NULL");
    return;
  }
  putchar('"');
  for (size_t i = 0; i < n && i < SHOWN_MAX; i++)
    if ((unsigned char)s[i] < ' ' || s[i] == 127) printf("\\x%02x", (unsigned char)s[i]);
    else putchar(s[i]);
  puts(n > SHOWN_MAX ? "\"…" : "\"");
}

bool test_check(bool ok, const char *file, int line, const char *what)
{
  if (!ok) fail(file, line, what);
  return ok;
}

bool test_check_int(int64_t a, int64_t b, const char *file, int line, const char *what)
{
  if (a != b && fail(file, line, what)) printf("    is   %lld\n    want %lld\n", (long long)a, (long long)b);
  return a == b;
}

bool test_check_str(const char *a, const char *b, const char *file, int line, const char *what)
{
  bool same = a && b ? !strcmp(a, b) : a == b;
  if (!same && fail(file, line, what)) show("is  ", a, a ? strlen(a) : 0), show("want", b, b ? strlen(b) : 0);
  return same;
}

bool test_check_mem(const void *a, size_t a_n, const void *b, size_t b_n, const char *file, int line,
                    const char *what)
{
  bool same = a_n == b_n && (!a_n || !memcmp(a, b, a_n));
  if (!same && fail(file, line, what)) {
    printf("    is %zu bytes, want %zu\n", a_n, b_n);
    show("is  ", a, a_n), show("want", b, b_n);
  }
  return same;
}

static bool wanted(const struct test_case *t, int n, char **part)
{
  for (int i = 0; i < n; i++)
    if (strstr(t->name, part[i]) || strstr(t->file, part[i])) return true;
  return n == 0;
}

__attribute__((weak)) void test_after(void)
{
}

/* True when it passed. */
static bool run_one(const struct test_case *t)
{
  now = t, failures = 0, skipped = NULL, *note = 0;
  t->run();
  test_after();
  dir_remove();
  if (failures > FAILURES_SHOWN_MAX) printf("    %s: %d failures in all\n", t->name, failures);
  if (skipped) printf("%s: skipped: %s\n", t->name, skipped);
  fflush(stdout);
  return !failures;
}

int main(int argc, char **argv)
{
  bool list = argc > 1 && !strcmp(argv[1], "-l");
  int passed = 0, failed = 0, left_out = 0;
  for (const struct test_case *t = first; t; t = t->next) {
    if (!wanted(t, argc - 1 - list, argv + 1 + list)) continue;
    if (list) printf("%s: %s\n", t->file, t->name);
    else if (!run_one(t)) failed++;
    else if (skipped) left_out++;
    else passed++;
  }
  if (list) return 0;
  if (left_out) printf("%d skipped\n", left_out);
  printf("%d passed, %d failed\n", passed, failed);
  return failed || passed + left_out == 0;
}
