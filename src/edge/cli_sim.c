/* cli_sim.c: the command `orderd sim`. */
#include "edge.h"
#include <errno.h>
#include <stdio.h>
#include <uv.h>

struct play {
  struct cli *c;
  struct sim *sim;
  uv_loop_t loop;
  uv_signal_t term, interrupt;
  bool failed;
};

/* "20", "0.5" per second in thousandths */
static bool rate_read(struct cli *c, const char *name, int64_t *milli)
{
  const char *t = cli_option(c, name);
  if (!t) return true;
  size_t whole = strspn(t, "0123456789"), digits = 0;
  int64_t v = 0, unit = 1000;
  for (size_t i = 0; i < whole && whole <= 6; i++) v = v * 10 + (t[i] - '0') * 1000;
  const char *p = t + whole;
  if (*p == '.') {
    digits = strspn(++p, "0123456789");
    for (size_t i = 0; i < digits; i++) v += (p[i] - '0') * (unit /= 10);
    p += digits;
  }
  if (*p || !(whole + digits) || whole > 6) {
    cli_wrong(c, "--%s %s: a number per second, such as 20 or 0.5", name, t);
    return false;
  }
  *milli = v;
  return true;
}

static bool duration_read(struct cli *c, const char *name, int64_t *ms)
{
  const char *t = cli_option(c, name);
  if (!t || (duration_parse(t, ms) && *ms > 0)) return true;
  cli_wrong(c, "--%s %s: a duration, such as 1h or 90s", name, t);
  return false;
}

static bool skew_read(struct cli *c, int64_t *ms)
{
  const char *t = cli_option(c, "skew");
  bool minus = t && *t == '-';
  if (!t) return true;
  size_t n = strspn(t + minus, "0123456789");
  *ms = 0;
  for (size_t i = 0; i < n && n <= 9; i++) *ms = *ms * 10 + (t[minus + i] - '0');
  if (minus) *ms = -*ms;
  if (n && n <= 9 && !t[minus + n]) return true;
  cli_wrong(c, "--skew %s: milliseconds, such as 5000 or -5000", t);
  return false;
}

static bool shares_read(struct cli *c, struct sim_options *o)
{
  for (int f = 0; f < SIM_FAULT_N; f++) {
    const char *name = sim_fault_name((enum sim_fault)f), *t = cli_option(c, name);
    if (!t || sim_share_parse(t, &o->fault[f])) continue;
    cli_wrong(c, "--%s %s: a share, such as 0.02 or 2%%", name, t);
    return false;
  }
  return true;
}

/* Carriers' traces need a token of orderd's, which does not belong on a command line. */
static bool traces_read(struct cli *c, struct sim_options *o)
{
  const char *file = cli_option(c, "token-file");
  size_t n = 0;
  o->traces = cli_option(c, "traces");
  if (!o->traces != !file) return cli_wrong(c, "--traces and --token-file are given together"), false;
  if (!file) return true;
  char *token = file_read(&c->mem, file, 4096, &n);
  if (!token) return cli_wrong(c, "--token-file %s: %s", file, strerror(errno)), false;
  while (n && strchr(" \t\r\n", token[n - 1])) token[--n] = 0;
  o->token = token;
  return true;
}

static bool options_read(struct cli *c, struct sim_options *o)
{
  int64_t seed = 1;
  sim_options_default(o);
  if (cli_option(c, "listen")) o->listen = cli_option(c, "listen");
  o->platforms = cli_option(c, "platforms"), o->push = cli_option(c, "push");
  if (!cli_number(c, "orders", 0, 5000000, &o->orders) || !cli_number(c, "days", 1, 400, &o->days) ||
      !cli_number(c, "seed", 0, INT64_MAX, &seed) || !skew_read(c, &o->skew_ms))
    return false;
  o->seed = (uint64_t)seed, o->no_limits = cli_option(c, "no-limits") != NULL;
  o->factories = cli_option(c, "factories");
  o->carriers = cli_option(c, "carriers");
  return traces_read(c, o) && duration_read(c, "pickup", &o->pickup_ms) &&
         duration_read(c, "make-time", &o->make_ms) && rate_read(c, "rate", &o->rate_milli) &&
         rate_read(c, "changes", &o->change_milli) && duration_read(c, "token-life", &o->token_life_ms) &&
         duration_read(c, "refresh-grace", &o->refresh_grace_ms) && shares_read(c, o);
}

static bool file_put(struct play *p, const char *path, void (*fill)(struct sim *s, struct buf *out))
{
  struct buf b = { 0 };
  if (!path) return true;
  fill(p->sim, &b);
  bool ok = file_write(path, b.data, b.len, 0600);
  int why = errno;
  buf_release(&b);
  if (!ok) cli_fail(p->c, "%s: %s", path, strerror(why));
  return ok;
}

/* The file of --config; that of the environment is meant for other commands. */
static const char *config_named(const struct cli *c)
{
  for (char *const *e = c->environ; c->config_path && *e; e++)
    if (!strncmp(*e, "ORDERD_CONFIG=", 14) && !strcmp(*e + 14, c->config_path)) return NULL;
  return c->config_path;
}

/* Not over somebody's own configuration, which is named by the same option for other commands. */
static bool config_put(struct play *p)
{
  const char *path = config_named(p->c);
  size_t n = 0;
  const char *old = path ? file_read(&p->c->mem, path, CONF_FILE_MAX, &n) : NULL;
  if (old && n && strncmp(old, "# Channels of orderd sim.", 25) != 0)
    return cli_fail(p->c, "%s: is there and was not written by orderd sim", path), false;
  return file_put(p, path, sim_config_put);
}

/* One line of JSON, so that scripts know when and where to begin. */
static void told(struct play *p)
{
  struct buf b = { 0 };
  struct jw w;
  jw_init(&w, &b);
  jw_object(&w);
  jw_kstring(&w, "control", sim_control(p->sim));
  jw_key(&w, "shops"), jw_array(&w);
  for (size_t i = 0; i < sim_shops(p->sim); i++) {
    const struct sim_shop *s = sim_shop(p->sim, i);
    jw_object(&w);
    jw_kstring(&w, "name", s->name), jw_kstring(&w, "platform", s->row->name),
      jw_kstring(&w, "host", s->base);
    jw_object_end(&w);
  }
  jw_array_end(&w);
  if (p->sim->factories) jw_key(&w, "factories"), jw_array(&w);
  for (size_t i = 0; i < p->sim->factories; i++) {
    const struct sim_factory *f = &p->sim->factory[i];
    jw_object(&w), jw_kstring(&w, "name", f->name), jw_kstring(&w, "host", f->base), jw_object_end(&w);
  }
  if (p->sim->factories) jw_array_end(&w);
  if (p->sim->carriers) jw_key(&w, "carriers"), jw_array(&w);
  for (size_t i = 0; i < p->sim->carriers; i++) {
    const struct sim_carrier *k = &p->sim->carrier[i];
    jw_object(&w), jw_kstring(&w, "name", k->name), jw_kstring(&w, "host", k->base), jw_object_end(&w);
  }
  if (p->sim->carriers) jw_array_end(&w);
  jw_object_end(&w);
  puts(b.data);
  fflush(stdout);
  buf_release(&b);
}

static void on_signal(uv_signal_t *h, int number)
{
  struct play *p = h->data;
  (void)number;
  if (!p->sim) return;
  p->failed |= !file_put(p, cli_option(p->c, "truth"), sim_truth_put);
  sim_stop(p->sim, NULL, NULL);
  p->sim = NULL;
  uv_close((uv_handle_t *)&p->term, NULL);
  uv_close((uv_handle_t *)&p->interrupt, NULL);
}

static void signals_await(struct play *p)
{
  uv_signal_init(&p->loop, &p->term), uv_signal_init(&p->loop, &p->interrupt);
  p->term.data = p->interrupt.data = p;
  uv_signal_start(&p->term, on_signal, SIGTERM);
  uv_signal_start(&p->interrupt, on_signal, SIGINT);
}

int cli_sim(struct cli *c)
{
  struct sim_options o;
  struct play p = { .c = c };
  const char *why = NULL;
  if (!options_read(c, &o)) return EXIT_USAGE;
  uv_loop_init(&p.loop);
  p.sim = sim_start(&p.loop, &o, &c->mem, &why);
  if (!p.sim) {
    cli_fail(c, "%s", why);
    p.failed = true;
  } else if (!config_put(&p)) {
    p.failed = true;
    sim_stop(p.sim, NULL, NULL);
  } else {
    signals_await(&p);
    told(&p);
  }
  uv_run(&p.loop, UV_RUN_DEFAULT);
  uv_loop_close(&p.loop);
  return p.failed ? EXIT_FAILED : EXIT_DONE;
}
