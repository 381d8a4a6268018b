/* demo_market.c: the simulator beside the demo, and the channels that poll it.
 *
 *   fork ─► the simulator on free ports ─► its sections through a pipe ─► DATA/orderd.conf ─► serve, which polls them
 *
 * The world of a directory begins once: when is kept in DATA/demo.json, with its seed and its shops. A later demo makes
 * the same world anew and lets happen what has happened since, so that orders, secrets and tokens are those orderd knows,
 * and only what was sold in between is news: orderd was off, the shops were not. */
#include "edge.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <uv.h>

#define WORLD_SEED 20260115
#define WORLD_ORDERS 2000
#define WORLD_DAYS 2
#define NEW_MILLI 34 /* two new customers a minute, and as many changes */
#define PER_CENT (SIM_MILLION / 100)
#define TOKENS_LAST_MS (20LL * 365 * 24 * 3600 * 1000) /* a world made anew knows the first tokens only */
#define SECTIONS_MAX (64 << 10)
#define BLOCK_BEGIN \
  "# ---- The simulated platforms: written anew by each `orderd demo`, changes in here are lost\n"
#define BLOCK_END "# ---- The end of what `orderd demo` writes\n"

/* A demo is watched: it polls often, and does not wait long for answers that never come. */
static const char polled_often[] =
  "every = 20s\nstart = 2d\ntimeout = 2s\nbackoff = 200ms\nbackoff_most = 5s\n";

/* ---- in the simulator's process ------------------------------------------------------------------------------ */
struct market_clock {
  struct env env;
  int64_t fixed_ms; /* 0: it runs */
};

static int64_t clock_now(struct env *e)
{
  const struct market_clock *c = (struct market_clock *)e;
  return c->fixed_ms ? c->fixed_ms : env_real()->now_ms(env_real());
}

static void clock_random(struct env *e, void *p, size_t n)
{
  (void)e;
  env_real()->random(env_real(), p, n);
}

static struct sim *market_open(struct cli *c, uv_loop_t *loop, struct market_clock *clock,
                               const struct demo_memory *m)
{
  struct sim_options o;
  const char *why = NULL;
  sim_options_default(&o);
  o.listen = "127.0.0.1:0", o.platforms = m->shops, o.seed = WORLD_SEED, o.env = &clock->env;
  o.orders = WORLD_ORDERS, o.days = WORLD_DAYS, o.rate_milli = o.change_milli = NEW_MILLI;
  o.token_life_ms = TOKENS_LAST_MS;
  o.fault[SIM_FAULT_DUPLICATES] = o.fault[SIM_FAULT_REORDER] = 2 * PER_CENT;
  o.fault[SIM_FAULT_LATE_CANCEL] = PER_CENT;
  o.fault[SIM_FAULT_TIMEOUTS] = o.fault[SIM_FAULT_ERRORS] = PER_CENT / 2;
  struct sim *s = sim_start(loop, &o, &c->mem, &why);
  if (!s) cli_fail(c, "the simulator does not start: %s", why);
  return s;
}

static bool all_written(int fd, const char *p, size_t n)
{
  while (n) {
    ssize_t k = write(fd, p, n);
    if (k < 0 && errno != EINTR) return false;
    if (k > 0) p += k, n -= (size_t)k;
  }
  return true;
}

/* Ends with the parent, however that ends; Ctrl-C is meant for the parent, which still polls while it stops. */
static int market_run(struct cli *c, const struct demo_memory *m, int fd, pid_t parent)
{
  uv_loop_t loop;
  struct market_clock clock = { { clock_now, clock_random }, m->market_ms };
  struct buf sections = { 0 };
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) return EXIT_FAILED;
  signal(SIGINT, SIG_IGN), signal(SIGTERM, SIG_IGN), signal(SIGPIPE, SIG_IGN);
  uv_loop_init(&loop);
  struct sim *s = market_open(c, &loop, &clock, m);
  if (!s) return EXIT_FAILED;
  clock.fixed_ms = 0;
  sim_advance(s, 0); /* everything since */
  sim_config_put(s, &sections);
  bool told = all_written(fd, sections.data, sections.len);
  buf_release(&sections);
  close(fd);
  if (told) uv_run(&loop, UV_RUN_DEFAULT);
  return EXIT_FAILED;
}

/* ---- the configuration --------------------------------------------------------------------------------------- */
static void block_put(struct buf *out, const char *sections)
{
  buf_str(out, BLOCK_BEGIN);
  for (const char *p = sections; *p;) {
    size_t n = strcspn(p, "\n");
    if (*p != '#') buf_put(out, p, n), buf_char(out, '\n');
    if (*p == '[') buf_str(out, polled_often);
    p += n + (p[n] == '\n');
  }
  buf_str(out, BLOCK_END);
}

/* What is between the marks is ours, the rest is a person's. */
static bool conf_weave(struct buf *out, const char *old, const char *sections)
{
  const char *begin = strstr(old, BLOCK_BEGIN), *end = begin ? strstr(begin, BLOCK_END) : NULL;
  if (begin && !end) return false;
  buf_put(out, old, begin ? (size_t)(begin - old) : strlen(old));
  if (!begin) buf_char(out, '\n');
  block_put(out, sections);
  if (end) buf_str(out, end + strlen(BLOCK_END));
  return true;
}

static int conf_write(struct cli *c, const char *sections)
{
  const char *path = cli_path(c, "orderd.conf");
  struct buf fresh = { 0 }, out = { 0 };
  size_t n = 0;
  int status = EXIT_DONE;
  const char *old = file_read(&c->mem, path, CONF_FILE_MAX, &n);
  if (!old && errno != ENOENT) return cli_fail(c, "%s: %s", path, strerror(errno));
  if (!old) config_template(&c->mem, &fresh), old = fresh.data;
  if (!conf_weave(&out, old, sections))
    status = cli_fail(c, "%s: the line that ends the demo's part is missing:\n%s", path, BLOCK_END);
  else if (!file_write(path, out.data, out.len, 0600)) status = cli_fail(c, "%s: %s", path, strerror(errno));
  buf_release(&fresh), buf_release(&out);
  return status;
}

static const char *sections_read(struct cli *c, int fd)
{
  char *text = arena_alloc(&c->mem, SECTIONS_MAX + 1);
  size_t n = 0;
  ssize_t got;
  while (n < SECTIONS_MAX && (got = read(fd, text + n, SECTIONS_MAX - n)) != 0)
    if (got > 0) n += (size_t)got;
    else if (errno != EINTR) break;
  text[n] = 0;
  return n ? text : NULL;
}

/* ---- for demo.c ------------------------------------------------------------------------------------------------ */
const char *demo_shops(struct arena *a)
{
  struct buf b = { 0 };
  static const char *const names[] = {
#define X(name) #name,
    SIM_PLATFORM_MAP(X)
#undef X
  };
  for (size_t i = 0; i < COUNT(names); i++)
    if (sim_platform(names[i])) buf_printf(&b, "%s%s", b.len ? "," : "", names[i]);
  const char *list = arena_str(a, b.data ? b.data : "");
  buf_release(&b);
  return list;
}

int demo_market(struct cli *c, const struct demo_memory *m)
{
  int pipe_fd[2];
  if (pipe2(pipe_fd, O_CLOEXEC) != 0) return cli_fail(c, "no pipe: %s", strerror(errno));
  fflush(NULL);
  pid_t parent = getpid(), child = fork();
  if (!child) {
    close(pipe_fd[0]);
    _exit(market_run(c, m, pipe_fd[1], parent));
  }
  close(pipe_fd[1]);
  const char *sections = child < 0 ? NULL : sections_read(c, pipe_fd[0]);
  close(pipe_fd[0]);
  if (child < 0) return cli_fail(c, "no second process: %s", strerror(errno));
  return sections ? conf_write(c, sections) : EXIT_FAILED;
}
