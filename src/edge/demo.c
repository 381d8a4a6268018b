/* demo.c: orderd with all that can be tried: simulated platforms that it polls, and example orders of three more channels,
 * fed as a shop's own programs would: over HTTP, with a token.
 *
 *   demo_market(): the simulator        parent: serve_run()        child: waits for the URL ─► feeds the files
 *             ▲───────── polls ────────────────┘                          ─► waits for the polls ─► sums up ─► ends
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
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "demo_orders.h"

#define NEWEST "2026-01-15T12:00:00+08:00" /* of the files */
#define TOKEN_WAIT_MS 10000
#define FREE_PORT "127.0.0.1:0"
#define POLLS_WAIT_MS (3 * 60 * 1000) /* longer only after long pauses: then the summary does without */
#define POLLS_LOOK_MS 100
#define POLLS_TOLD_MS 1000
#define READINGS_MAX 64

static struct {
  const char *name, *channel;
  struct packed_text orders;
} files[] = {
  { "till.ndjson", NULL, { gz_till_ndjson, sizeof gz_till_ndjson, NULL, 0 } },
  { "shop-demo.ndjson", NULL, { gz_shop_demo_ndjson, sizeof gz_shop_demo_ndjson, NULL, 0 } },
  { "tmall-demo.ndjson", NULL, { gz_tmall_demo_ndjson, sizeof gz_tmall_demo_ndjson, NULL, 0 } },
  { "tmall-demo.csv", "tmall-demo", { gz_tmall_demo_csv, sizeof gz_tmall_demo_csv, NULL, 0 } },
};

/* How reading a channel went in this demo, until its first good run ended. */
struct reading {
  const char *name;
  bool done, slow;
  int64_t created, again, took_ms;
};

struct feeder {
  struct cli *c;
  const struct demo_memory *memory;
  int64_t since_ms; /* the start of this demo */
  const char *url, *token;
  struct import_counts sum;
  int64_t took_ms, told_ms;
  struct reading reading[READINGS_MAX];
  size_t readings;
  bool lost; /* the server is gone */
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
  if (status < 0 && !f->lost) cli_fail(f->c, "%s: %s", f->url, out->why);
  f->lost |= status < 0;
  return status;
}

static int import_call(void *arg, struct arena *a, const char *path, const void *body, size_t n,
                       const char *key, struct httpc_answer *out)
{
  return feeder_call(arg, a, "POST", path, body, n, key, out);
}

static const struct json *ask_in(struct feeder *f, struct arena *a, const char *path)
{
  struct faults faults = { .mem = a };
  struct httpc_answer answer;
  if (feeder_call(f, a, "GET", path, NULL, 0, NULL, &answer) != 200) return NULL;
  return json_parse(a, answer.body, answer.body_n, JSON_ELEMENTS_BATCH_MAX, &faults);
}

static const struct json *ask(struct feeder *f, const char *path)
{
  return ask_in(f, &f->c->mem, path);
}

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

static const struct json *first_of(const struct json *list)
{
  return json_type(list) == JSON_ARRAY ? json_first(list) : NULL;
}

/* fn with each row of all pages; path has a query already. */
static void ask_each(struct feeder *f, const char *path, void (*fn)(void *arg, const struct json *row),
                     void *arg)
{
  const char *next = "";
  struct arena a = { 0 };
  struct buf at = { 0 };
  while (next) {
    at.len = 0;
    buf_printf(&at, "%s&limit=500%s", path, *next ? "&cursor=" : "");
    cli_url_put(&at, next);
    arena_reset(&a);
    const struct json *page = ask_in(f, &a, at.data);
    for (const struct json *j = first_of(json_get(page, "data")); j; j = json_next(j)) fn(arg, j);
    next = json_string(json_get(page, "next"));
  }
  arena_release(&a), buf_release(&at);
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
  if (!files[i].orders.text) packed_text_open(&files[i].orders);
  struct text_at at = { files[i].orders.text };
  struct import_counts n;
  const char *why = NULL;
  o.call = import_call, o.arg = f;
  bool ok = import_run(&o, text_read, &at, &f->c->mem, &n, &why);
  counts_add(&f->sum, &n);
  if (!ok) cli_fail(f->c, "%s: %s", files[i].name, why ? why : "it was not taken to its end");
  return ok;
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

/* ---- waiting for the polls ---------------------------------------------------------------------------------------- */
/* Of these the documented limits let so few calls through that nobody would wait for them. */
static bool is_slow(const char *shop)
{
  return !strcmp(shop, "amazon");
}

static void readings_begin(struct feeder *f)
{
  for (const char *p = f->memory->shops; *p && f->readings < READINGS_MAX;) {
    size_t n = strcspn(p, ",");
    const char *name = arena_strn(&f->c->mem, p, n);
    f->reading[f->readings++] = (struct reading){ .name = name, .slow = is_slow(name) };
    p += n + (p[n] == ',');
  }
}

static int64_t time_of(const struct json *j, const char *key)
{
  int64_t ms = 0;
  const char *s = json_string(json_get(j, key));
  return s && time_parse(s, &ms) ? ms : 0;
}

/* Runs come newest first: the oldest good one of this demo, and what failed before it. */
static void reading_look(struct feeder *f, struct reading *r)
{
  struct arena a = { 0 };
  const struct json *ch = ask_in(f, &a, arena_printf(&a, "/v1/channels/%s", r->name)), *good = NULL;
  int64_t received = 0, taken = 0, began_ms = 0;
  const struct json *runs = first_of(json_get(ch, "runs"));
  for (const struct json *run = runs; run && time_of(run, "began_at") >= f->since_ms; run = json_next(run))
    if (json_type(json_get(run, "error")) == JSON_NULL && !strcmp(text_of(run, "kind"), "poll")) good = run;
  for (const struct json *run = good; run && time_of(run, "began_at") >= f->since_ms; run = json_next(run)) {
    began_ms = time_of(run, "began_at"), received += number_of(run, "received");
    r->created += number_of(run, "created");
    taken += number_of(run, "created") + number_of(run, "updated") + number_of(run, "failed");
  }
  if (good) {
    r->done = true, r->took_ms = time_of(good, "ended_at") - began_ms;
    r->again = received > taken ? received - taken : 0;
  }
  arena_release(&a);
}

static size_t readings_open(struct feeder *f)
{
  size_t open = 0;
  for (size_t i = 0; i < f->readings; i++) {
    struct reading *r = &f->reading[i];
    if (!r->done) reading_look(f, r);
    open += !r->done && !r->slow;
  }
  return open;
}

static void readings_wait(struct feeder *f)
{
  int64_t begun_ms = mono_ms(), now_ms = begun_ms;
  bool told = false;
  size_t open;
  while ((open = readings_open(f)) && !f->lost && now_ms - begun_ms < POLLS_WAIT_MS) {
    if (f->c->err_tty && !f->c->quiet && now_ms - begun_ms >= POLLS_TOLD_MS) {
      fprintf(stderr, "\r%zu of %zu platforms are still being read, %lld s ", open, f->readings,
              (long long)((now_ms - begun_ms) / 1000));
      told = true;
    }
    poll(NULL, 0, POLLS_LOOK_MS);
    now_ms = mono_ms();
  }
  if (told) fputs("\r\033[K", stderr);
}

/* ---- the summary ------------------------------------------------------------------------------------------------- */
struct grouped {
  const char *channel;
  int64_t n;
};

static void grouped_count(void *arg, const struct json *group)
{
  struct grouped *g = arg;
  bool here = false;
  for (const struct json *o = first_of(json_get(group, "orders")); o; o = json_next(o))
    here = here || !strcmp(text_of(o, "channel"), g->channel);
  g->n += here;
}

static int64_t groups_of(struct feeder *f, const char *channel)
{
  struct grouped g = { channel, 0 };
  ask_each(f, "/v1/groups?several=true", grouped_count, &g);
  return g.n;
}

static const struct reading *reading_of(const struct feeder *f, const char *channel)
{
  for (size_t i = 0; i < f->readings; i++)
    if (!strcmp(f->reading[i].name, channel)) return &f->reading[i];
  return NULL;
}

static void reading_print(struct feeder *f, const struct json *ch, const struct reading *r)
{
  const char *name = text_of(ch, "name"), *error = text_of(ch, "poll/error/code");
  int64_t misses = number_of(json_get(ch, "poll"), "misses"), orders = number_of(ch, "orders");
  if (r->done)
    printf("  %-12s %7lld %7lld %11lld %7lld %7lld %6.1f s\n", name, (long long)orders, (long long)r->created,
           (long long)r->again, (long long)groups_of(f, name), (long long)misses, (double)r->took_ms / 1000);
  else
    printf("  %-12s %7lld %7s %11s %7lld %7lld   %s%s\n", name, (long long)orders, "", "",
           (long long)groups_of(f, name), (long long)misses,
           r->slow  ? "reads on: few calls are allowed"
           : *error ? "fails: "
                    : "reads on",
           r->slow ? "" : error);
}

static const struct json *channel_named(const struct json *list, const char *name)
{
  const struct json *ch = first_of(list);
  while (ch && strcmp(text_of(ch, "name"), name) != 0) ch = json_next(ch);
  return ch;
}

static void polled_print(struct feeder *f, const struct json *list)
{
  printf("%zu simulated platforms, polled over HTTP with the signatures, pages and limits of each\n",
         f->readings);
  printf("  %-12s %7s %7s %11s %7s %7s %8s\n", "channel", "orders", "new", "came again", "groups", "missed",
         "read in");
  for (size_t i = 0; i < f->readings; i++) {
    const struct json *ch = channel_named(list, f->reading[i].name);
    if (ch) reading_print(f, ch, &f->reading[i]);
  }
}

static void others_print(struct feeder *f, const struct json *list)
{
  for (const struct json *ch = first_of(list); ch; ch = json_next(ch))
    if (!reading_of(f, text_of(ch, "name")) && number_of(ch, "orders"))
      printf("  %-12s %7lld orders\n", text_of(ch, "name"), (long long)number_of(ch, "orders"));
}

static void proposals_add(void *arg, const struct json *group)
{
  *(int64_t *)arg += (int64_t)json_count(json_get(group, "proposals"));
}

/* Each proposal stands with both of its orders. */
static int64_t proposals_count(struct feeder *f)
{
  int64_t n = 0;
  ask_each(f, "/v1/groups?proposed=true", proposals_add, &n);
  return n / 2;
}

/* A group across channels says most. */
static const struct json *group_pick(const struct json *list)
{
  const struct json *best = first_of(list);
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
  const struct json *counts = ask(f, "/v1/stats/counts"), *list = json_get(ask(f, "/v1/channels"), "data");
  polled_print(f, list);
  fed_print(f);
  others_print(f, list);
  printf("All together\n  %lld groups of several orders, %lld more pairs proposed for a person to decide\n",
         (long long)number_of(counts, "groups_several"), (long long)proposals_count(f));
  merge_print(f);
  printf("  %lld damaged rows wait as failed payloads, %lld exceptions are open\n",
         (long long)number_of(counts, "failed"), (long long)number_of(counts, "exceptions_open"));
  printf("  ready after %.1f s; the platforms go on selling, and are polled every 20 s\n\n",
         (double)(env_real()->now_ms(env_real()) - f->since_ms) / 1000);
  printf("The console is at %s: sign in as %s with the password %s\n\n", f->url, DEMO_USER, DEMO_PASSWORD);
  printf("The API is at %s, described by %s/openapi.json. Try:\n", f->url, f->url);
  printf("  curl -H 'Authorization: Bearer %s' '%s/v1/groups?several=true'\n", f->token, f->url);
  printf("  orderd --data %s channel list\n  orderd --data %s order find 示例\n\n", f->c->data, f->c->data);
  printf("Ctrl-C ends it; the data stay in %s\n", f->c->data);
  fflush(stdout);
}

static void channel_json(struct feeder *f, struct jw *w, const struct json *ch)
{
  const struct reading *r = reading_of(f, text_of(ch, "name"));
  jw_object(w);
  jw_kstring(w, "name", text_of(ch, "name")), jw_kint(w, "orders", number_of(ch, "orders"));
  jw_kint(w, "groups", groups_of(f, text_of(ch, "name")));
  if (r) {
    jw_kbool(w, "read", r->done), jw_kint(w, "created", r->created), jw_kint(w, "came_again", r->again);
    jw_kint(w, "misses", number_of(json_get(ch, "poll"), "misses")), jw_kint(w, "took_ms", r->took_ms);
  }
  jw_object_end(w);
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
  jw_key(&w, "channels"), jw_array(&w);
  for (const struct json *ch = first_of(json_get(ask(f, "/v1/channels"), "data")); ch; ch = json_next(ch))
    channel_json(f, &w, ch);
  jw_array_end(&w), jw_kint(&w, "proposals", proposals_count(f));
  if (counts) jw_key(&w, "counts"), jw_json(&w, counts);
  jw_object_end(&w);
  printf("%s\n", out.data);
  fflush(stdout);
  buf_release(&out);
}

/* ---- the child -------------------------------------------------------------------------------------------------------- */
static int feeder_run(struct feeder *f)
{
  int64_t begun_ms = mono_ms();
  if (!token_read(f)) return EXIT_FAILED;
  for (size_t i = 0; i < COUNT(files); i++)
    if (!file_feed(f, i, f->memory->shift_ms)) return EXIT_FAILED;
  f->took_ms = mono_ms() - begun_ms;
  readings_begin(f);
  readings_wait(f);
  if (f->lost) return EXIT_FAILED;
  if (!f->c->json) demo_shop(f->url, f->token, cli_option(f->c, "shop") != NULL); /* for people */
  (f->c->json ? summary_json : summary_print)(f);
  return EXIT_DONE;
}

/* The URL comes through the pipe when the server listens; its end without one means that it does not. */
static int feeder_child(struct feeder *f, int fd)
{
  char url[256];
  ssize_t n = 0, got;
  while ((size_t)n < sizeof url - 1 && (got = read(fd, url + n, sizeof url - 1 - (size_t)n)) != 0)
    if (got > 0) n += got;
    else if (errno != EINTR) break;
  url[n] = 0;
  f->url = url;
  return n ? feeder_run(f) : EXIT_FAILED;
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

/* Made by the first demo of a directory, the same for every later one. */
static bool memory_read(struct cli *c, struct demo_memory *m)
{
  struct faults faults = { .mem = &c->mem };
  size_t n = 0;
  char *text = file_read(&c->mem, cli_path(c, "demo.json"), 4096, &n);
  const struct json *j = text ? json_parse(&c->mem, text, n, 100, &faults) : NULL;
  bool fed = json_int(json_get(j, "shift_ms"), &m->shift_ms);
  m->shops = json_string(json_get(j, "shops"));
  return json_int(json_get(j, "market_ms"), &m->market_ms) && m->shops && fed;
}

static int memory_find(struct cli *c, struct demo_memory *m)
{
  struct buf out = { 0 };
  struct jw w;
  int64_t now_ms = env_real()->now_ms(env_real()), newest = 0;
  if (memory_read(c, m)) return EXIT_DONE;
  must(time_parse(NEWEST, &newest));
  if (!m->shift_ms) m->shift_ms = now_ms - newest;
  m->market_ms = now_ms / 1000 * 1000, m->shops = demo_shops(&c->mem);
  jw_init(&w, &out), jw_object(&w);
  jw_kint(&w, "shift_ms", m->shift_ms), jw_kint(&w, "market_ms", m->market_ms),
    jw_kstring(&w, "shops", m->shops);
  jw_object_end(&w), buf_char(&out, '\n');
  const char *path = cli_path(c, "demo.json");
  bool ok = file_write(path, out.data, out.len, 0600);
  buf_release(&out);
  return ok ? EXIT_DONE : cli_fail(c, "%s: %s", path, strerror(errno));
}

/* Before anything of a directory is touched that somebody serves. */
static int demo_prepare(struct cli *c, struct demo_memory *m)
{
  int holder = 0;
  if (c->config_path)
    return cli_wrong(c, "the demo writes a configuration of its own, %s; --config %s cannot stand in for it",
                     cli_path(c, "orderd.conf"), c->config_path);
  if (!dir_make(c->data, 0700)) return cli_fail(c, "%s: %s", c->data, strerror(errno));
  if (lock_is_held(cli_path(c, "orderd.lock"), &holder))
    return cli_fail(c, "process %d serves %s already", holder, c->data);
  int status = memory_find(c, m);
  return status ? status : demo_market(c, m);
}

int cli_demo(struct cli *c)
{
  struct config k;
  struct serve_options o = { 0 };
  struct demo_memory m = { 0 };
  struct feeder f = { .c = c, .memory = &m, .since_ms = env_real()->now_ms(env_real()) };
  int pipe_fd[2];
  pid_t parent = getpid();
  int status = demo_prepare(c, &m);
  if (!status) status = demo_options(c, &k, &o);
  if (status) return status;
  if (pipe2(pipe_fd, O_CLOEXEC) != 0) return cli_fail(c, "no pipe: %s", strerror(errno));
  signal(SIGCHLD, SIG_IGN); /* the feeder ends by itself */
  fflush(NULL);
  pid_t child = fork();
  if (!child) {
    close(pipe_fd[1]);
    bool orphan = prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent;
    _exit(orphan ? EXIT_FAILED : feeder_child(&f, pipe_fd[0]));
  }
  close(pipe_fd[0]);
  log_open(LOG_WARN, c->err_tty && c->color);
  o.started = on_started, o.arg = &pipe_fd[1], o.reload = NULL;
  return child < 0 ? cli_fail(c, "no second process: %s", strerror(errno)) : serve_run(&o);
}
