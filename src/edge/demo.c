/* demo.c: orderd with example orders of three channels, fed as a shop's own programs would: over HTTP, with a token.
 *
 *   parent: serve_run()                child: waits for the URL ─► feeds the files ─► sums up ─► ends
 *
 * The files are those of examples/orders/, embedded. Their times are moved so that the newest is now; by how much is
 * kept in DATA/demo.json, so that a second demo brings the very same orders, which changes nothing. */
#include "edge.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define ASSET(sym, path) \
  __asm__(".pushsection .rodata\n.global " #sym "\n" #sym ":\n.incbin \"" path "\"\n.byte 0\n.popsection\n")
ASSET(asset_demo_till, "examples/orders/till.ndjson");
ASSET(asset_demo_shop, "examples/orders/shop-demo.ndjson");
ASSET(asset_demo_tmall, "examples/orders/tmall-demo.ndjson");
ASSET(asset_demo_sheet, "examples/orders/tmall-demo.csv");
extern const char asset_demo_till[], asset_demo_shop[], asset_demo_tmall[], asset_demo_sheet[];

#define NEWEST "2026-01-15T12:00:00+08:00" /* of the files */
#define TOKEN_WAIT_MS 10000
#define FREE_PORT "127.0.0.1:0"

static const struct {
  const char *name, *text, *channel;
} files[] = {
  { "till.ndjson", asset_demo_till, NULL },
  { "shop-demo.ndjson", asset_demo_shop, NULL },
  { "tmall-demo.ndjson", asset_demo_tmall, NULL },
  { "tmall-demo.csv", asset_demo_sheet, "tmall-demo" },
};

struct feeder {
  struct cli *c;
  const char *url, *token;
  struct import_counts sum;
  int64_t took_ms;
};

/* ---- calls over HTTP ---------------------------------------------------------------------------------------- */
static int feeder_call(struct feeder *f, struct arena *a, const char *method, const char *path,
                       const void *body, size_t n, const char *key, struct httpc_answer *out)
{
  struct http_field h[3] = { { "Authorization", arena_printf(a, "Bearer %s", f->token) },
                             { "Content-Type", "application/json" } };
  struct httpc_call call = {
    .base = f->url, .method = method, .path = path, .headers = h, .headers_n = 2, .body = body, .body_n = n
  };
  if (key) h[call.headers_n++] = (struct http_field){ "Idempotency-Key", key };
  int status = httpc_run(a, &call, out);
  if (status < 0) cli_fail(f->c, "%s: %s", f->url, out->why);
  return status;
}

static int import_call(void *arg, struct arena *a, const char *path, const void *body, size_t n,
                       const char *key, struct httpc_answer *out)
{
  return feeder_call(arg, a, "POST", path, body, n, key, out);
}

static const struct json *ask(struct feeder *f, const char *path)
{
  struct faults faults = { .mem = &f->c->mem };
  struct httpc_answer answer;
  if (feeder_call(f, &f->c->mem, "GET", path, NULL, 0, NULL, &answer) != 200) return NULL;
  return json_parse(&f->c->mem, answer.body, answer.body_n, JSON_ELEMENTS_BATCH_MAX, &faults);
}

/* ---- feeding -------------------------------------------------------------------------------------------------- */
struct text_at {
  const char *p;
};

static int64_t text_read(void *arg, char *p, size_t n)
{
  struct text_at *t = arg;
  size_t left = strlen(t->p), take = left < n ? left : n;
  memcpy(p, t->p, take);
  t->p += take;
  return (int64_t)take;
}

static void counts_add(struct import_counts *sum, const struct import_counts *n)
{
  sum->rows += n->rows, sum->created += n->created, sum->updated += n->updated,
    sum->unchanged += n->unchanged;
  sum->stale += n->stale, sum->taken += n->taken, sum->refused += n->refused;
}

static bool file_feed(struct feeder *f, size_t i, int64_t shift_ms)
{
  struct import o = {
    .name = files[i].name, .channel = files[i].channel, .auto_encoding = true, .shift_ms = shift_ms
  };
  struct text_at at = { files[i].text };
  struct import_counts n;
  const char *why = NULL;
  o.call = import_call, o.arg = f;
  bool ok = import_run(&o, text_read, &at, &f->c->mem, &n, &why);
  counts_add(&f->sum, &n);
  if (!ok) cli_fail(f->c, "%s: %s", files[i].name, why ? why : "it was not taken to its end");
  return ok;
}

/* By how much the times move: the same for every demo in this directory. */
static bool shift_find(struct cli *c, int64_t *shift_ms)
{
  const char *path = cli_path(c, "demo.json");
  struct faults faults = { .mem = &c->mem };
  int64_t newest = 0;
  size_t n = 0;
  char *text = file_read(&c->mem, path, 4096, &n);
  if (text && json_int(json_get(json_parse(&c->mem, text, n, 100, &faults), "shift_ms"), shift_ms))
    return true;
  must(time_parse(NEWEST, &newest));
  *shift_ms = env_real()->now_ms(env_real()) - newest;
  text = arena_printf(&c->mem, "{\"shift_ms\":%lld}\n", (long long)*shift_ms);
  if (file_write(path, text, strlen(text), 0600)) return true;
  cli_fail(c, "%s: %s", path, strerror(errno));
  return false;
}

static bool token_read(struct feeder *f)
{
  const char *path = cli_path(f->c, "admin.token");
  size_t n = 0;
  char *text = NULL;
  for (int64_t until_ms = mono_ms() + TOKEN_WAIT_MS; !text && mono_ms() < until_ms; poll(NULL, 0, 5))
    text = file_read(&f->c->mem, path, 4096, &n);
  if (!text) return cli_fail(f->c, "%s cannot be read", path), false;
  text[strcspn(text, "\r\n")] = 0;
  f->token = text;
  return true;
}

/* ---- the summary ------------------------------------------------------------------------------------------------- */
static int64_t number_of(const struct json *j, const char *key)
{
  int64_t n = 0;
  json_int(json_get(j, key), &n);
  return n;
}

static const char *text_of(const struct json *j, const char *path)
{
  const char *s = json_string(json_path(j, path));
  return s ? s : "";
}

static void channels_print(struct feeder *f)
{
  const struct json *list = json_get(ask(f, "/v1/channels"), "data");
  for (const struct json *ch = json_type(list) == JSON_ARRAY ? json_first(list) : NULL; ch;
       ch = json_next(ch))
    if (number_of(ch, "orders"))
      printf("  %-12s %6lld orders\n", text_of(ch, "name"), (long long)number_of(ch, "orders"));
}

/* Each proposal stands with both of its orders. */
static int64_t proposals_count(struct feeder *f)
{
  const struct json *list = json_get(ask(f, "/v1/groups?proposed=true&limit=500"), "data");
  int64_t n = 0;
  for (const struct json *g = json_type(list) == JSON_ARRAY ? json_first(list) : NULL; g; g = json_next(g))
    n += (int64_t)json_count(json_get(g, "proposals"));
  return n / 2;
}

/* A group across channels says most. */
static const struct json *group_pick(const struct json *list)
{
  const struct json *best = json_type(list) == JSON_ARRAY ? json_first(list) : NULL;
  for (const struct json *g = best; g; g = json_next(g)) {
    const struct json *first = json_first(json_get(g, "orders"));
    for (const struct json *o = json_next(first); o; o = json_next(o))
      if (strcmp(text_of(o, "channel"), text_of(first, "channel")) != 0) return g;
  }
  return best;
}

static const struct {
  const char *code, *text;
} reasons[] = {
  { "same_phone_address", "the same phone, and addresses that agree" },
  { "same_token", "the platform's token of the receiver is the same" },
  { "decided_together", "a person put them together" },
};

static void reason_print(const struct json *cond)
{
  const char *code = text_of(cond, "code"), *text = code, *part = text_of(cond, "part");
  int64_t gap = number_of(cond, "gap_ms");
  for (size_t i = 0; i < COUNT(reasons); i++)
    if (!strcmp(reasons[i].code, code)) text = reasons[i].text;
  printf("    with %s: %s%s%s, placed %lld h apart\n", text_of(cond, "order"), text, *part ? " by " : "",
         part, (long long)((gap < 0 ? -gap : gap) / 3600000));
}

static void merge_print(struct feeder *f)
{
  const struct json *g = group_pick(json_get(ask(f, "/v1/groups?several=true&limit=100"), "data")),
                    *last = NULL;
  if (!g) return;
  printf("  for instance %s:", text_of(g, "id"));
  for (const struct json *o = json_first(json_get(g, "orders")); o; o = json_next(o)) {
    printf("%s %s (%s)", o == json_first(json_get(g, "orders")) ? "" : ",", text_of(o, "id"),
           text_of(o, "channel"));
    last = o;
  }
  printf("; %s is there because of\n", text_of(last, "id"));
  const struct json *why = ask(f, arena_printf(&f->c->mem, "/v1/orders/%s/why", text_of(last, "id")));
  for (const struct json *cond = json_first(json_get(why, "conditions")); cond; cond = json_next(cond))
    if (json_bool(json_get(cond, "joined"))) reason_print(cond);
}

static void fed_print(const struct feeder *f)
{
  const struct import_counts *n = &f->sum;
  printf("%lld messages of three channels, fed over HTTP in %.1f s\n", (long long)n->rows,
         (double)f->took_ms / 1000);
  if (!n->created) printf("  all of them were known from the last time: nothing was added\n");
  else
    printf("  %lld new orders, %lld changed, %lld duplicates and %lld old messages dropped, %lld refused\n",
           (long long)n->created, (long long)n->updated, (long long)n->unchanged, (long long)n->stale,
           (long long)n->refused);
}

static void summary_print(struct feeder *f)
{
  const struct json *counts = ask(f, "/v1/stats/counts");
  fed_print(f);
  channels_print(f);
  printf("  %lld groups of several orders, %lld more pairs proposed for a person to decide\n",
         (long long)number_of(counts, "groups_several"), (long long)proposals_count(f));
  merge_print(f);
  printf("  %lld damaged rows wait as failed payloads, %lld exceptions are open\n\n",
         (long long)number_of(counts, "failed"), (long long)number_of(counts, "exceptions_open"));
  printf("The API is at %s, described by %s/openapi.json. Try:\n", f->url, f->url);
  printf("  curl -H 'Authorization: Bearer %s' '%s/v1/groups?several=true'\n", f->token, f->url);
  printf("  orderd --data %s order find 示例\n\n", f->c->data);
  printf("Ctrl-C ends it; the data stay in %s\n", f->c->data);
  fflush(stdout);
}

static void summary_json(struct feeder *f)
{
  struct buf out = { 0 };
  struct jw w;
  const struct json *counts = ask(f, "/v1/stats/counts");
  jw_init(&w, &out), jw_object(&w);
  jw_kstring(&w, "url", f->url), jw_kstring(&w, "token_file", cli_path(f->c, "admin.token")),
    jw_kint(&w, "took_ms", f->took_ms);
  jw_key(&w, "fed"), import_summary_json(&w, &f->sum);
  jw_kint(&w, "proposals", proposals_count(f));
  if (counts) jw_key(&w, "counts"), jw_json(&w, counts);
  jw_object_end(&w);
  printf("%s\n", out.data);
  fflush(stdout);
  buf_release(&out);
}

/* ---- the child -------------------------------------------------------------------------------------------------------- */
static int feeder_run(struct cli *c, const char *url)
{
  struct feeder f = { .c = c, .url = url };
  int64_t shift_ms, begun_ms = mono_ms();
  if (!token_read(&f) || !shift_find(c, &shift_ms)) return EXIT_FAILED;
  for (size_t i = 0; i < COUNT(files); i++)
    if (!file_feed(&f, i, shift_ms)) return EXIT_FAILED;
  f.took_ms = mono_ms() - begun_ms;
  (c->json ? summary_json : summary_print)(&f);
  return EXIT_DONE;
}

/* The URL comes through the pipe when the server listens; its end without one means that it does not. */
static int feeder_child(struct cli *c, int fd)
{
  char url[256];
  ssize_t n = 0, got;
  while ((size_t)n < sizeof url - 1 && (got = read(fd, url + n, sizeof url - 1 - (size_t)n)) != 0)
    if (got > 0) n += got;
    else if (errno != EINTR) break;
  url[n] = 0;
  return n ? feeder_run(c, url) : EXIT_FAILED;
}

/* ---- the command ------------------------------------------------------------------------------------------------------------ */
static void on_started(void *arg, const char *url)
{
  int *fd = arg;
  if (write(*fd, url, strlen(url)) < 0) log_line(LOG_WARN, "the examples are not fed: %s", strerror(errno));
  close(*fd);
}

/* Somebody may run an orderd of their own on the usual port. */
static bool port_taken(const char *listen_at)
{
  struct sockaddr_in in = { .sin_family = AF_INET,
                            .sin_port = htons(7700),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  int fd = strcmp(listen_at, "127.0.0.1:7700") ? -1 : socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
  if (fd < 0) return false;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  bool taken = bind(fd, (struct sockaddr *)&in, sizeof in) != 0 && errno == EADDRINUSE;
  close(fd);
  return taken;
}

static int demo_options(struct cli *c, struct config *k, struct serve_options *o)
{
  const char *why = NULL;
  if (!cli_config(c, &c->mem, k, &why)) return cli_fail(c, "%s", why);
  serve_options_fill(c, k, o);
  if (!cli_option(c, "listen") && port_taken(o->listen)) {
    cli_say(c, "Port 7700 is in use; another one is taken.");
    o->listen = FREE_PORT;
  }
  return EXIT_DONE;
}

int cli_demo(struct cli *c)
{
  struct config k;
  struct serve_options o = { 0 };
  int pipe_fd[2];
  int status = demo_options(c, &k, &o);
  if (status) return status;
  if (!dir_make(c->data, 0700)) return cli_fail(c, "%s: %s", c->data, strerror(errno));
  if (pipe2(pipe_fd, O_CLOEXEC) != 0) return cli_fail(c, "no pipe: %s", strerror(errno));
  signal(SIGCHLD, SIG_IGN); /* the feeder ends by itself */
  fflush(NULL);
  pid_t child = fork();
  if (!child) {
    close(pipe_fd[1]);
    _exit(feeder_child(c, pipe_fd[0]));
  }
  close(pipe_fd[0]);
  log_open(LOG_WARN, c->err_tty && c->color);
  o.started = on_started, o.arg = &pipe_fd[1], o.reload = NULL;
  return child < 0 ? cli_fail(c, "no second process: %s", strerror(errno)) : serve_run(&o);
}
