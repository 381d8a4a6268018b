/* env.c: clock, randomness, log lines; the real ones and those of a simulation. */
#include "plat.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

/* ---- the real world -------------------------------------------------------------------------- */
static int64_t clock_us(clockid_t id)
{
  struct timespec t;
  must(clock_gettime(id, &t) == 0);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t real_now_ms(struct env *e)
{
  (void)e;
  return clock_us(CLOCK_REALTIME) / 1000;
}

/* Waits, early after boot, until the kernel has gathered enough; never gives less. */
static void real_random(struct env *e, void *p, size_t n)
{
  (void)e;
  for (char *to = p; n;) {
    ssize_t got = getrandom(to, n, 0);
    must(got > 0 || errno == EINTR);
    if (got > 0) to += got, n -= (size_t)got;
  }
}

struct env *env_real(void)
{
  static struct env env = { real_now_ms, real_random };
  return &env;
}

int64_t mono_us(void)
{
  return clock_us(CLOCK_MONOTONIC);
}

void mono_after(struct timespec *until, int64_t ms)
{
  clock_gettime(CLOCK_MONOTONIC, until);
  until->tv_sec += ms / 1000;
  until->tv_nsec += ms % 1000 * 1000000;
  if (until->tv_nsec >= 1000000000) until->tv_nsec -= 1000000000, until->tv_sec++;
}

int64_t thread_us(void)
{
  return clock_us(CLOCK_THREAD_CPUTIME_ID);
}

int64_t mono_ms(void)
{
  return mono_us() / 1000;
}

/* ---- the simulated one ----------------------------------------------------------------------- */
static int64_t sim_now_ms(struct env *e)
{
  return ((struct env_sim *)e)->now_ms;
}

/* splitmix64, the low byte of each number first, so that it is the same on every machine. */
static void sim_random(struct env *e, void *p, size_t n)
{
  struct env_sim *s = (struct env_sim *)e;
  uint64_t z = 0;
  for (size_t i = 0; i < n; i++, z >>= 8) {
    if (i % 8 == 0) {
      z = s->seed += 0x9e3779b97f4a7c15;
      z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
      z = (z ^ z >> 27) * 0x94d049bb133111eb;
      z ^= z >> 31;
    }
    ((unsigned char *)p)[i] = (unsigned char)z;
  }
}

void env_sim_init(struct env_sim *s, int64_t now_ms, uint64_t seed)
{
  *s = (struct env_sim){ { sim_now_ms, sim_random }, now_ms, seed };
}

/* ---- log lines --------------------------------------------------------------------------------
 *   2026-11-11T00:03:21.000Z info  ready
 * A line is one write of at most LOG_LINE_MAX bytes: whole on a pipe, never mixed with another. When the
 * reader at the other end does not read, lines are dropped and counted; orders do not wait for it. */
#define LOG_LINE_MAX 4000 /* below PIPE_BUF, which poll() promises to take at once */
#define LOG_TEXT_MAX 2000

static enum log_level log_least = LOG_INFO;
static bool log_color;
static _Atomic uint64_t log_dropped;

static const struct {
  const char *name, *color;
} level_table[] = {
  [LOG_DEBUG] = { "debug", "\033[2m" },
  [LOG_INFO] = { "info ", "" },
  [LOG_WARN] = { "warn ", "\033[33m" },
  [LOG_ERROR] = { "error", "\033[31m" },
};

void log_open(enum log_level least, bool color)
{
  log_least = least;
  log_color = color;
}

/* What could move the cursor, end the line or turn the text around. */
static bool is_unsafe(uint32_t cp)
{
  return cp < 0x20 || (cp >= 0x7F && cp < 0xA0) || cp == 0xFFFD || cp == 0x61C ||
         (cp >= 0x200B && cp <= 0x200F) || (cp >= 0x2028 && cp <= 0x202E) || (cp >= 0x2060 && cp <= 0x206F) ||
         cp == 0xFEFF;
}

/* Unsafe code points byte by byte as \xNN. */
static void put_escaped(struct buf *out, const char *text)
{
  for (const char *p = text; *p;) {
    const char *from = p;
    if (!is_unsafe(utf8_next(&p))) {
      buf_put(out, from, (size_t)(p - from));
      continue;
    }
    for (; from < p; from++)
      if (*from == '\n') buf_str(out, "\\n");
      else buf_printf(out, "\\x%02x", (unsigned char)*from);
  }
}

static bool log_write(const char *line, size_t n)
{
  struct pollfd ready = { .fd = STDERR_FILENO, .events = POLLOUT };
  if (poll(&ready, 1, 0) != 1 || !(ready.revents & POLLOUT)) return false;
  return write(STDERR_FILENO, line, n) == (ssize_t)n;
}

static void log_emit(enum log_level level, const char *text)
{
  struct buf line = { 0 };
  char when[TIME_TEXT];
  bool is_colored = log_color && *level_table[level].color;
  time_text(real_now_ms(NULL), when);
  if (is_colored) buf_str(&line, level_table[level].color);
  buf_printf(&line, "%s %s ", when, level_table[level].name);
  put_escaped(&line, text);
  if (line.len > LOG_LINE_MAX) {
    line.len = LOG_LINE_MAX;
    while ((line.data[line.len] & 0xC0) == 0x80) line.len--;
    buf_str(&line, "…");
  }
  if (is_colored) buf_str(&line, "\033[0m");
  buf_char(&line, '\n');
  if (!log_write(line.data, line.len)) log_dropped++;
  buf_release(&line);
}

void log_line(enum log_level level, const char *fmt, ...)
{
  if (level < log_least) return;
  char text[LOG_TEXT_MAX];
  va_list ap;
  va_start(ap, fmt);
  int n = vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  must(n >= 0);
  uint64_t dropped = atomic_exchange(&log_dropped, 0);
  if (dropped) {
    char note[64];
    snprintf(note, sizeof note, "%llu log lines were dropped", (unsigned long long)dropped);
    uint64_t before = atomic_load(&log_dropped);
    log_emit(LOG_WARN, note);
    if (atomic_load(&log_dropped) > before) log_dropped += dropped - 1; /* the note itself was dropped */
  }
  log_emit(level, text);
}

#ifdef ORDERD_SANITIZE
void kill_point(const char *name)
{
  static atomic_int times;
  const char *at = getenv("ORDERD_KILL_AT");
  size_t n = at ? strcspn(at, ":") : 0;
  if (!at || strlen(name) != n || memcmp(at, name, n) != 0) return;
  int wanted = at[n] ? (int)strtol(at + n + 1, NULL, 10) : 1;
  if (atomic_fetch_add(&times, 1) + 1 == wanted) raise(SIGKILL);
}
#endif
