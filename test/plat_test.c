#include "plat.h"
#include "test.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- env ---------------------------------------------------------------------------------------- */
TEST(env_simulated_runs_repeat)
{
  struct env_sim s, t;
  env_sim_init(&s, 1794326601000, 42), env_sim_init(&t, 1794326601000, 42);
  unsigned char a[100], b[100];
  for (size_t n = 0; n < sizeof a; n += 7) {
    s.env.random(&s.env, a, n), t.env.random(&t.env, b, n);
    CHECK_MEM(a, n, b, n);
  }
  CHECK_INT(s.env.now_ms(&s.env), 1794326601000);
  s.now_ms += 72 * 3600 * 1000;
  CHECK_INT(s.env.now_ms(&s.env), 1794326601000 + 259200000);
  env_sim_init(&s, 0, 42), env_sim_init(&t, 0, 43);
  s.env.random(&s.env, a, 100), t.env.random(&t.env, b, 100);
  CHECK(memcmp(a, b, 100) != 0);
  static const unsigned char first[] = { 0x95, 0x6e, 0xeb, 0x2f, 0x26, 0x32, 0xd7, 0xbd }; /* the same everywhere */
  CHECK_MEM(a, 8, first, 8);
}

TEST(env_real_world)
{
  struct env *e = env_real();
  CHECK(e->now_ms(e) > 1700000000000);
  int64_t before = mono_us();
  CHECK(mono_us() >= before && mono_ms() >= before / 1000);
  unsigned char a[300] = { 0 }, b[300] = { 0 };
  e->random(e, a, sizeof a), e->random(e, b, sizeof b);
  CHECK(memcmp(a, b, sizeof a) != 0);
}

/* ---- log ----------------------------------------------------------------------------------------- */
/* Standard error becomes a pipe while fn runs; what it wrote comes back. */
static size_t captured(void (*fn)(void), char *out, size_t max)
{
  int ends[2], was = dup(STDERR_FILENO);
  if (pipe2(ends, O_NONBLOCK) != 0) return 0;
  dup2(ends[1], STDERR_FILENO);
  fn();
  dup2(was, STDERR_FILENO), close(was), close(ends[1]);
  size_t n = 0;
  for (ssize_t got; n < max - 1 && (got = read(ends[0], out + n, max - 1 - n)) > 0;)
    n += (size_t)got;
  close(ends[0]);
  out[n] = 0;
  return n;
}

static void some_lines(void)
{
  log_open(LOG_INFO, false);
  log_line(LOG_DEBUG, "not shown");
  log_line(LOG_INFO, "order %d of %s", 7, "张三");
  log_line(LOG_WARN, "a\nb\x1b[31m\t\x7f" "\xC2\x85" "\u202e" "\xff" "c");
  log_open(LOG_DEBUG, true);
  log_line(LOG_ERROR, "red");
  char large[5000];
  memset(large, '\n', sizeof large - 1), large[sizeof large - 1] = 0;
  log_open(LOG_DEBUG, false);
  log_line(LOG_DEBUG, "%s", large);
  log_open(LOG_INFO, false);
}

TEST(log_lines)
{
  static const char *const want[] = {
    " info  order 7 of 张三",
    " warn  a\\nb\\x1b[31m\\x09\\x7f\\xc2\\x85\\xe2\\x80\\xae\\xffc",
    " error red\033[0m",
  };
  char text[16384], *p = text;
  captured(some_lines, text, sizeof text);
  for (size_t i = 0; i < COUNT(want); i++) {
    char *end = strchr(p, '\n');
    REQUIRE(end != NULL);
    *end = 0;
    test_note("%s", p);
    if (i == 2) CHECK(!strncmp(p, "\033[31m", 5)), p += 5;
    p[19] = 0; /* the fraction follows */
    int64_t ms;
    CHECK(time_parse_loose(p, 0, &ms));
    CHECK_STR(p + 24, want[i]);
    p = end + 1;
  }
  CHECK(strlen(p) < 4096 && strlen(p) > 3000); /* cut, still one line */
  CHECK(strchr(p, '\n') == p + strlen(p) - 1);
}

static void too_many_lines(void)
{
  char text[1001];
  memset(text, 'x', 1000), text[1000] = 0;
  for (int i = 0; i < 200; i++) /* 200 KB into a pipe of 64 KB that nobody reads */
    log_line(LOG_INFO, "%s", text);
}

static void one_line(void)
{
  log_line(LOG_INFO, "again");
}

TEST(log_drops_instead_of_waiting)
{
  static char text[300000];
  size_t n = captured(too_many_lines, text, sizeof text);
  CHECK(n > 40000 && n < 150000 && text[n - 1] == '\n');
  size_t lines = 0;
  for (const char *p = text; (p = strchr(p, '\n')); p++)
    lines++;
  captured(one_line, text, sizeof text);
  char want[64];
  snprintf(want, sizeof want, "warn  %zu log lines were dropped\n", 200 - lines);
  test_note("%s", text);
  CHECK(strstr(text, want) != NULL);
  CHECK(strstr(text, "info  again\n") != NULL);
  captured(one_line, text, sizeof text);
  CHECK(!strstr(text, "dropped"));
}

/* ---- digests ---------------------------------------------------------------------------------------- */
static const char *hex(const void *p, size_t n)
{
  static struct buf b;
  static char text[200];
  b.len = 0;
  hex_put(&b, p, n);
  snprintf(text, sizeof text, "%s", b.data);
  buf_release(&b);
  return text;
}

TEST(sha256_vectors) /* of FIPS 180 */
{
  static const struct {
    const char *text, *digest;
  } cases[] = {
    { "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
    { "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
    { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
  };
  unsigned char out[SHA256_LEN];
  for (size_t i = 0; i < COUNT(cases); i++) {
    sha256(cases[i].text, strlen(cases[i].text), out);
    CHECK_STR(hex(out, sizeof out), cases[i].digest);
  }
  sha256_parts((struct sha256_part[]){ { "a", 1 }, { NULL, 0 }, { "bc", 2 } }, 3, out);
  CHECK_STR(hex(out, sizeof out), cases[1].digest);
}

TEST(hmac_vectors) /* of RFC 4231 */
{
  unsigned char out[SHA256_LEN], key[131];
  memset(key, 0x0b, 20);
  hmac_sha256(key, 20, "Hi There", 8, out);
  CHECK_STR(hex(out, sizeof out), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, out);
  CHECK_STR(hex(out, sizeof out), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  memset(key, 0xaa, sizeof key);
  hmac_sha256(key, sizeof key, "Test Using Larger Than Block-Size Key - Hash Key First", 54, out);
  CHECK_STR(hex(out, sizeof out), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(same_bytes_compares_all)
{
  char a[] = "abcdefgh", b[] = "abcdefgh";
  CHECK(same_bytes(a, b, 8) && same_bytes(a, b, 0));
  for (size_t i = 0; i < 8; i++) {
    b[i] ^= 1;
    CHECK(!same_bytes(a, b, 8));
    b[i] ^= 1;
  }
}

TEST(token_holds_all_bits)
{
  struct arena a = { 0 };
  struct env_sim s;
  env_sim_init(&s, 0, 1);
  const char *t = token_text(&a, &s.env, "ord_"), *u = token_text(&a, &s.env, "ord_");
  CHECK_INT(strlen(t), 4 + 43);
  CHECK(!strncmp(t, "ord_", 4) && strcmp(t, u) != 0);
  CHECK_INT(strspn(t + 4, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), 43);
  /* Back to the bytes that env gave. */
  unsigned char want[32], got[33] = { 0 };
  env_sim_init(&s, 0, 1);
  s.env.random(&s.env, want, 32);
  for (size_t i = 0; i < 43; i++) {
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    unsigned v = (unsigned)(strchr(digit, t[4 + i]) - digit);
    for (size_t bit = 0; bit < 6; bit++)
      if (v >> (5 - bit) & 1) got[(i * 6 + bit) / 8] |= (unsigned char)(0x80 >> (i * 6 + bit) % 8);
  }
  CHECK_MEM(got, 32, want, 32);
  arena_release(&a);
}

TEST(password_round_trip)
{
  struct arena a = { 0 };
  struct env_sim s;
  env_sim_init(&s, 0, 1);
  const char *h = password_hash(&a, &s.env, "correct horse"), *again = password_hash(&a, &s.env, "correct horse");
  CHECK(!strncmp(h, "$argon2id$v=19$m=19456,t=2,p=1$", 31));
  CHECK(strcmp(h, again) != 0); /* its own salt */
  CHECK(password_verify(h, "correct horse"));
  CHECK(!password_verify(h, "correct horsf") && !password_verify(h, "") && !password_verify(h, NULL));
  CHECK(!password_verify("", "x") && !password_verify("plain", "plain") && !password_verify(NULL, "x"));
  arena_release(&a);
}

/* ---- files ----------------------------------------------------------------------------------------------- */
TEST(file_round_trip)
{
  struct arena a = { 0 };
  char path[128], other[128], large[100000];
  size_t n = 77;
  snprintf(path, sizeof path, "%s/a", test_dir());
  snprintf(other, sizeof other, "%s/none/a", test_dir());
  CHECK(!file_read(&a, path, 100, &n) && errno == ENOENT);
  CHECK(file_write(path, "hello", 5, 0640));
  struct stat st;
  CHECK(stat(path, &st) == 0 && (st.st_mode & 07777) == 0640);
  CHECK_STR(file_read(&a, path, 5, &n), "hello");
  CHECK_INT(n, 5);
  CHECK(!file_read(&a, path, 4, &n) && errno == EFBIG);
  CHECK(file_write(path, "", 0, 0600));
  CHECK_STR(file_read(&a, path, 0, NULL), "");
  memset(large, 'z', sizeof large);
  large[70000] = 0;
  CHECK(file_write(path, large, sizeof large, 0600));
  char *back = file_read(&a, path, 1 << 20, &n);
  REQUIRE(back != NULL);
  CHECK_MEM(back, n, large, sizeof large);
  CHECK_INT(back[n], 0);
  CHECK(!file_write(other, "x", 1, 0600) && errno == ENOENT);
  CHECK(!file_write(test_dir(), "x", 1, 0600) && errno == EISDIR);
  snprintf(other, sizeof other, "ls -A %s | wc -l | grep -qx ' *1'", test_dir());
  CHECK_INT(system(other), 0); /* nothing is left beside */
  arena_release(&a);
}

TEST(dir_and_disk)
{
  char path[128];
  snprintf(path, sizeof path, "%s/d", test_dir());
  CHECK(dir_make(path, 0700) && dir_make(path, 0700));
  CHECK(disk_free(path) > 0);
  snprintf(path, sizeof path, "%s/f", test_dir());
  CHECK(file_write(path, "", 0, 0600) && !dir_make(path, 0700) && errno == ENOTDIR);
  snprintf(path, sizeof path, "%s/none/d", test_dir());
  CHECK(!dir_make(path, 0700) && disk_free(path) == -1);
}

TEST(lock_is_exclusive)
{
  char path[128];
  int holder = -1, second = -1;
  snprintf(path, sizeof path, "%s/lock", test_dir());
  int fd = lock_take(path, &holder);
  REQUIRE(fd >= 0);
  CHECK_INT(holder, 0);
  CHECK_INT(lock_take(path, &second), -1);
  CHECK_INT(second, getpid());
  pid_t child = fork();
  if (!child) { /* a process that dies lets go */
    close(fd);
    _exit(lock_take(path, &holder) >= 0 ? 1 : holder == getppid() ? 0 : 2);
  }
  int status = -1;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  close(fd);
  child = fork();
  if (!child) _exit(lock_take(path, &holder) < 0);
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  fd = lock_take(path, &holder);
  CHECK(fd >= 0);
  close(fd);
  snprintf(path, sizeof path, "%s/none/lock", test_dir());
  CHECK_INT(lock_take(path, &holder), -1);
  CHECK_INT(holder, 0);
}

TEST(process_hardened)
{
  pid_t child = fork();
  if (!child) {
    struct rlimit core;
    process_harden();
#ifdef ORDERD_SANITIZE
    bool is_hidden = true; /* the leak check has to trace the process, so it stays traceable */
#else
    bool is_hidden = prctl(PR_GET_DUMPABLE) == 0;
#endif
    _exit(!is_hidden || getrlimit(RLIMIT_CORE, &core) != 0 || core.rlim_cur || core.rlim_max);
  }
  int status = -1;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
}
