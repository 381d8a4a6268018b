/* http_test.c: the HTTP server over real sockets, in one process and one thread: a turn of the server's loop, a
 * look at the client's socket. Raw requests with their answers stand in test/http/. */
#include "edge.h"
#include "http_steps.h"
#include "test.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#define PATIENCE_MS 10000 /* a failing test ends; a passing one never comes near */
#define CLIENTS_MAX 128

/* ---- the server under test ------------------------------------------------------------------- */
struct world {
  uv_loop_t loop;
  struct http_server *server;
  struct arena mem;
  int port;
  int runs, gone, streams; /* answers given; gone() calls; pieces of streamed bodies */
  int64_t streamed;
  bool closed, drop_in_gone, saw_admin, saw_secure;
  char saw_peer[64];
  struct http_request *held; /* /hold and /pause: answered when the test says so */
};

struct out_job {
  struct world *w;
  int left;
  size_t size;
};

static struct http_plan on_plan(void *arg, struct http_request *r)
{
  struct world *w = arg;
  struct http_plan plan = { .body_max = HTTP_BODY_MAX };
  r->user = w;
  if (!strcmp(r->path, "/small")) plan.body_max = 16;
  if (!strcmp(r->path, "/none")) plan.body_max = 0;
  if (!strcmp(r->path, "/big")) plan.body_max = 128 << 20;
  if (!strcmp(r->path, "/refuse"))
    plan =
      (struct http_plan){ .refuse = 403, .refuse_code = "not_yours", .refuse_headers = "X-Why: plan\r\n" };
  if (!strcmp(r->path, "/stream") || !strcmp(r->path, "/enough") || !strcmp(r->path, "/pause") ||
      !strcmp(r->path, "/pipe"))
    plan.stream = true, plan.body_max = SIZE_MAX;
  return plan;
}

static void reply_text(struct http_request *r, int status, const char *headers, const char *text)
{
  struct world *w = r->user;
  w->runs++;
  http_reply(r, status, "text/plain", headers, text, strlen(text));
}

static void reply_echo(struct http_request *r)
{
  struct buf b = { 0 };
  const char *x = http_field(r, "x");
  buf_printf(&b, "%s %s\n", r->method, r->path);
  for (size_t i = 0; i < r->query_n; i++) buf_printf(&b, "?%s=%s\n", r->query[i].name, r->query[i].value);
  if (x) buf_printf(&b, "x=%s\n", x);
  if (r->method[0] == 'P') {
    CHECK(r->body && r->body[r->body_n] == 0);
    buf_str(&b, "body=");
    buf_put(&b, r->body, r->body_n);
    buf_char(&b, '\n');
  }
  reply_text(r, 200, NULL, b.data);
  buf_release(&b);
}

static void out_next(struct http_request *r)
{
  struct out_job *j = r->user;
  if (!j->left--) {
    http_stream_end(r);
    return;
  }
  char *piece = mem_new(j->size);
  memset(piece, 'o', j->size);
  http_stream_write(r, piece, j->size, out_next);
  mem_free(piece);
}

static void out_begin(struct http_request *r)
{
  struct world *w = r->user;
  struct out_job *j = arena_new(&r->mem, struct out_job);
  const char *n = http_query(r, "n"), *size = http_query(r, "size");
  j->w = w, j->left = n ? (int)strtol(n, NULL, 10) : 3, j->size = size ? (size_t)strtoul(size, NULL, 10) : 5;
  r->user = j;
  w->runs++;
  http_stream_begin(r, 200, "text/plain", NULL);
  out_next(r);
}

/* Writes without waiting for anything, more than a client may be behind. */
static void flood(struct http_request *r)
{
  static char piece[64 * 1024];
  struct world *w = r->user;
  w->held = r;
  http_stream_begin(r, 200, "text/plain", NULL);
  for (int i = 0; i < 400; i++) http_stream_write(r, piece, sizeof piece, NULL);
}

static void reply_huge(struct http_request *r)
{
  size_t n = 32 << 20;
  char *body = mem_new(n);
  memset(body, 'h', n);
  ((struct world *)r->user)->runs++;
  http_reply(r, 200, "text/plain", NULL, body, n);
  mem_free(body);
}

static void on_handle(void *arg, struct http_request *r)
{
  struct world *w = arg;
  w->saw_admin = r->local_admin, w->saw_secure = r->secure;
  snprintf(w->saw_peer, sizeof w->saw_peer, "%s", r->peer);
  if (!strcmp(r->path, "/hold")) w->held = r;
  else if (!strcmp(r->path, "/out")) out_begin(r);
  else if (!strcmp(r->path, "/flood")) flood(r);
  else if (!strcmp(r->path, "/huge")) reply_huge(r);
  else if (!strcmp(r->path, "/pipe")) http_stream_end(r);
  else if (!strcmp(r->path, "/204")) reply_text(r, 204, NULL, "");
  else if (!strcmp(r->path, "/cached")) reply_text(r, 200, "cache-control: max-age=60\r\nX-More: 1\r\n", "c");
  else if (!strcmp(r->path, "/malformed")) reply_text(r, 200, "X: a\r\n\r\n<script>", "m");
  else if (!strcmp(r->path, "/stream") || !strcmp(r->path, "/pause"))
    reply_text(r, 200, NULL, arena_printf(&r->mem, "streamed=%lld", (long long)w->streamed));
  else reply_echo(r);
}

static bool on_stream(void *arg, struct http_request *r, const char *p, size_t n)
{
  struct world *w = arg;
  w->streams++, w->streamed += (int64_t)n;
  if (!strcmp(r->path, "/enough")) {
    reply_text(r, 200, NULL, "enough");
    return false;
  }
  if (!strcmp(r->path, "/pause")) w->held = r, http_pause(r);
  if (!strcmp(r->path, "/pipe")) { /* up and down at the same time */
    if (w->streams == 1) http_stream_begin(r, 200, "text/plain", NULL), w->runs++;
    http_stream_write(r, p, n, NULL);
  }
  return true;
}

static void on_gone(void *arg, struct http_request *r)
{
  struct world *w = arg;
  w->gone++;
  if (w->drop_in_gone || r != w->held) http_drop(r);
}

static void on_problem(void *arg, struct buf *out, enum err e, int status, const char *code,
                       const char *detail)
{
  (void)arg;
  CHECK(status >= 400 && e != ERR_OK);
  buf_printf(out, "{\"status\":%d,\"code\":\"%s\",\"detail\":\"%s\"}", status, code, detail);
}

static void on_closed(void *arg)
{
  ((struct world *)arg)->closed = true;
}

static void world_open(struct world *w, const struct http_options *o)
{
  static const char *const hosts[] = { "orders.example.com" };
  struct http_options options = o ? *o : (struct http_options){ 0 };
  struct http_handlers h = {
    .plan = on_plan,
    .handle = on_handle,
    .stream_data = on_stream,
    .gone = on_gone,
    .problem = on_problem,
    .arg = w,
  };
  const char *why = "";
  options.hosts = hosts, options.hosts_n = COUNT(hosts);
  *w = (struct world){ 0 };
  must(uv_loop_init(&w->loop) == 0);
  w->server = http_open(&w->loop, &options, &h);
  CHECK(http_listen(w->server, &w->mem, "127.0.0.1:0", &why));
  CHECK_STR(why, "");
  w->port = http_port(w->server);
  CHECK(w->port > 0);
}

static bool late(int64_t since_ms)
{
  return mono_ms() - since_ms > PATIENCE_MS;
}

static void world_close(struct world *w)
{
  if (!w->closed) http_close(w->server, on_closed, w);
  for (int64_t t = mono_ms(); !w->closed && !late(t);) uv_run(&w->loop, UV_RUN_ONCE);
  CHECK(w->closed);
  uv_run(&w->loop, UV_RUN_DEFAULT);
  CHECK_INT(uv_loop_close(&w->loop), 0);
  arena_release(&w->mem);
}

/* ---- a client that can do everything wrong --------------------------------------------------- */
struct client {
  int fd;
  struct buf got;
  bool eof, reset;
};

static void client_socket(struct client *c, int family)
{
  *c = (struct client){ .fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0) };
  must(c->fd >= 0);
}

static void client_dial(struct client *c, const void *addr, socklen_t n)
{
  CHECK_INT(connect(c->fd, addr, n), 0);
  fcntl(c->fd, F_SETFL, O_NONBLOCK);
}

static void client_open_from(struct client *c, const struct world *w, const char *own, const char *to)
{
  struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)w->port) };
  client_socket(c, AF_INET);
  if (own) {
    struct sockaddr_in me = { .sin_family = AF_INET };
    inet_pton(AF_INET, own, &me.sin_addr);
    CHECK_INT(bind(c->fd, (struct sockaddr *)&me, sizeof me), 0);
  }
  inet_pton(AF_INET, to, &a.sin_addr);
  client_dial(c, &a, sizeof a);
}

static void client_open(struct client *c, const struct world *w)
{
  client_open_from(c, w, NULL, "127.0.0.1");
}

static void client_open_unix(struct client *c, const char *path)
{
  struct sockaddr_un a = { .sun_family = AF_UNIX };
  must(strlen(path) < sizeof a.sun_path);
  memcpy(a.sun_path, path, strlen(path) + 1);
  client_socket(c, AF_UNIX);
  client_dial(c, &a, sizeof a);
}

static void client_close(struct client *c)
{
  if (c->fd >= 0) close(c->fd);
  buf_release(&c->got);
  *c = (struct client){ .fd = -1 };
}

/* Goes away with a reset. */
static void client_abort(struct client *c)
{
  struct linger l = { .l_onoff = 1 };
  setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &l, sizeof l);
  client_close(c);
}

/* A turn of the server, then whatever has come. */
static bool client_turn(struct world *w, struct client *c)
{
  char piece[64 * 1024];
  uv_run(&w->loop, UV_RUN_NOWAIT);
  ssize_t n = recv(c->fd, piece, sizeof piece, 0);
  if (n > 0) buf_put(&c->got, piece, (size_t)n);
  else if (n == 0) c->eof = true;
  else if (errno != EAGAIN) c->eof = c->reset = true;
  return n > 0;
}

static bool turns_until_eof(struct world *w, struct client *c)
{
  for (int64_t t = mono_ms(); !c->eof && !late(t);)
    if (!client_turn(w, c)) usleep(50);
  return c->eof;
}

/* Hands in what the socket takes at once. */
static size_t client_push(struct client *c, const char *p, size_t n)
{
  ssize_t sent = send(c->fd, p, n, MSG_NOSIGNAL);
  return sent > 0 ? (size_t)sent : sent < 0 && errno == EAGAIN ? 0 : n; /* a broken pipe takes everything */
}

static void client_send(struct world *w, struct client *c, const char *p, size_t n)
{
  for (int64_t t = mono_ms(); n && !late(t);) {
    size_t sent = client_push(c, p, n);
    p += sent, n -= sent;
    client_turn(w, c);
  }
}

static void client_text(struct world *w, struct client *c, const char *text)
{
  client_send(w, c, text, strlen(text));
}

/* Sends one byte after the other, each after the server has seen the one before. */
static void client_drip(struct world *w, struct client *c, const char *p, size_t n)
{
  for (size_t i = 0; i < n && !c->eof; i++) {
    int64_t seen = http_stats(w->server).bytes_in;
    client_push(c, p + i, 1);
    for (int64_t t = mono_ms(); http_stats(w->server).bytes_in == seen && !c->eof && !late(t);)
      client_turn(w, c);
  }
}

/* ---- reading answers ------------------------------------------------------------------------- */
static int status_at(const char *s, size_t n)
{
  if (n < 12 || memcmp(s, "HTTP/1.1 ", 9)) return -1;
  return (s[9] - '0') * 100 + (s[10] - '0') * 10 + s[11] - '0';
}

/* Length of a chunked body; 0: not all here. */
static size_t chunked_n(const char *s, size_t n)
{
  for (size_t at = 0;;) {
    const char *line = memmem(s + at, n - at < 32 ? n - at : 32, "\r\n", 2);
    if (!line) return 0;
    size_t size = strtoul(s + at, NULL, 16);
    at = (size_t)(line - s) + 2 + size + 2;
    if (at > n) return 0;
    if (!size) return at;
  }
}

/* The first whole answer in s: its length, 0 when it is not all here. 1xx are passed over. */
static size_t answer_n(const char *s, size_t n, bool no_body, int *status)
{
  const char *end = n ? memmem(s, n < 4096 ? n : 4096, "\r\n\r\n", 4) : NULL;
  if (!end) return 0;
  size_t head = (size_t)(end - s) + 4;
  *status = status_at(s, n);
  if (*status / 100 == 1) {
    size_t rest = answer_n(s + head, n - head, no_body, status);
    return rest ? head + rest : 0;
  }
  if (no_body || *status == 204 || *status == 304) return head;
  if (memmem(s, head, "Transfer-Encoding: chunked", 26)) {
    size_t body = chunked_n(s + head, n - head);
    return body ? head + body : 0;
  }
  const char *length = memmem(s, head, "Content-Length: ", 16);
  size_t body = length ? strtoul(length + 16, NULL, 10) : 0;
  return head + body <= n ? head + body : 0;
}

/* Waits for one whole answer after *at, and moves on. -1: none came. */
static int client_answer(struct world *w, struct client *c, size_t *at, bool no_body)
{
  for (int64_t t = mono_ms(); !late(t);) {
    int status = -1;
    size_t n = answer_n(c->got.data + *at, c->got.len - *at, no_body, &status);
    *at += n;
    if (n) return status;
    if (c->eof) return -1;
    if (!client_turn(w, c)) usleep(20);
  }
  return -1;
}

static int ask(struct world *w, struct client *c, const char *text)
{
  size_t at = c->got.len;
  client_text(w, c, text);
  return client_answer(w, c, &at, false);
}

static bool got(const struct client *c, const char *text, size_t n)
{
  return c->got.len && memmem(c->got.data, c->got.len, text, n);
}

static bool got_text(const struct client *c, const char *text)
{
  return got(c, text, strlen(text));
}

/* ---- raw requests out of test/http/ ---------------------------------------------------------- */
#define EXPECT_MAX 1200
#define TEXTS_MAX 8
struct raw_case {
  char name[128];
  struct buf send;
  int status[EXPECT_MAX];
  bool no_body[EXPECT_MAX], keep;
  size_t n, texts;
  struct buf text[TEXTS_MAX];
  bool absent[TEXTS_MAX];
};

static void put_escaped(struct buf *b, const char *s)
{
  static const char letters[] = "rnt0\\s", bytes[] = "\r\n\t\0\\ ";
  for (; *s; s++) {
    const char *letter = *s == '\\' && s[1] ? strchr(letters, s[1]) : NULL;
    if (letter) {
      buf_char(b, bytes[letter - letters]), s++;
    } else if (*s == '\\' && s[1] == 'x') {
      char hex[3] = { s[2], s[3], 0 };
      buf_char(b, (char)strtoul(hex, NULL, 16)), s += 3;
    } else {
      buf_char(b, *s);
    }
  }
}

/* "200*3 400 close" */
static void raw_expect(struct raw_case *k, const char *s)
{
  char *end;
  k->n = 0;
  for (long status; (status = strtol(s, &end, 10)) > 0;) {
    bool no_body = *end == 'h';
    end += no_body;
    long times = *end == '*' ? strtol(end + 1, &end, 10) : 1;
    must(k->n + (size_t)times <= EXPECT_MAX);
    for (; times > 0; times--) k->no_body[k->n] = no_body, k->status[k->n++] = (int)status;
    s = end;
  }
  s += strspn(s, " ");
  CHECK(!strcmp(s, "keep") || !strcmp(s, "close"));
  k->keep = !strcmp(s, "keep");
}

static void raw_text(struct raw_case *k, const char *s, bool absent)
{
  must(k->texts < TEXTS_MAX);
  k->absent[k->texts] = absent;
  put_escaped(&k->text[k->texts++], s);
}

static void raw_release(struct raw_case *k)
{
  buf_release(&k->send);
  for (size_t i = 0; i < TEXTS_MAX; i++) buf_release(&k->text[i]);
  *k = (struct raw_case){ 0 };
}

static void raw_line(struct raw_case *k, char *s)
{
  char *rest = s[0] && s[1] == ' ' ? s + 2 : s + strlen(s);
  if (*s == '|') put_escaped(&k->send, rest), buf_put(&k->send, "\r\n", 2);
  else if (*s == '>') put_escaped(&k->send, rest);
  else if (*s == '*')
    for (long i = strtol(rest, &rest, 10); i > 0; i--) put_escaped(&k->send, rest + 1);
  else if (*s == '=') raw_expect(k, s + 2);
  else if (*s == '~') raw_text(k, rest, false);
  else if (*s == '!') raw_text(k, s + 3, true);
  else CHECK(!*s || *s == '#');
}

/* Calls run() for each case of a file; returns how many there were. */
static int raw_file(const char *path, void (*run)(void *arg, struct raw_case *k), void *arg)
{
  static struct raw_case k;
  char line[4096];
  int cases = 0;
  FILE *f = fopen(path, "r");
  if (!CHECK(f != NULL)) return 0;
  for (bool more = true; more;) {
    more = fgets(line, sizeof line, f) != NULL;
    if (more) line[strcspn(line, "\n")] = 0;
    if (!more || !strncmp(line, "== ", 3)) {
      test_note("%s: %s", path, k.name);
      if (*k.name) CHECK(k.n > 0), run(arg, &k), cases++;
      raw_release(&k);
      if (more) snprintf(k.name, sizeof k.name, "%.100s", line + 3);
    } else {
      raw_line(&k, line);
    }
  }
  fclose(f);
  test_note("%s", "");
  return cases;
}

static int raw_files(void (*run)(void *arg, struct raw_case *k), void *arg)
{
  return raw_file("test/http/head.http", run, arg) + raw_file("test/http/body.http", run, arg) +
         raw_file("test/http/target.http", run, arg);
}

/* The connection is where the server believes it is: a further request is answered as itself. */
static void check_probe(struct world *w, struct client *c, size_t at)
{
  size_t before = at;
  client_text(w, c, "GET /probe HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CHECK_INT(client_answer(w, c, &at, false), 200);
  CHECK_INT(c->got.len, at);
  CHECK(memmem(c->got.data + before, at - before, "\r\n\r\nGET /probe\n", 15) != NULL);
  CHECK(!c->eof);
}

static void raw_check(struct world *w, struct client *c, const struct raw_case *k, int runs)
{
  size_t at = 0;
  int answered = 0;
  for (size_t i = 0; i < k->n; i++) {
    CHECK_INT(client_answer(w, c, &at, k->no_body[i]), k->status[i]);
    answered += k->status[i] / 100 == 2;
  }
  if (k->keep) check_probe(w, c, at), answered++;
  else {
    CHECK(turns_until_eof(w, c));
    CHECK(!c->reset);
    CHECK_INT(c->got.len, at);
  }
  CHECK_INT(w->runs - runs, answered);
  for (size_t i = 0; i < k->texts; i++) {
    bool is_there = got(c, k->text[i].data, k->text[i].len);
    if (!CHECK(is_there != k->absent[i])) printf("    text: %s\n    got: %s\n", k->text[i].data, c->got.data);
  }
}

static void raw_over_socket(void *arg, struct raw_case *k)
{
  struct world *w = arg;
  struct client c;
  for (int drip = 0; drip < 2; drip++) {
    if (drip && k->send.len > 2000) break; /* long ones: raw_in_pieces */
    int runs = w->runs;
    w->streamed = 0;
    client_open(&c, w);
    if (drip) client_drip(w, &c, k->send.data, k->send.len);
    else client_send(w, &c, k->send.data, k->send.len);
    raw_check(w, &c, k, runs);
    client_close(&c);
  }
}

TEST(http_raw_requests)
{
  struct world w;
  world_open(&w, NULL);
  CHECK(raw_files(raw_over_socket, &w) >= 270);
  world_close(&w);
}

static void raw_in_pieces(void *arg, struct raw_case *k)
{
  struct buf whole = { 0 }, pieces = { 0 };
  (void)arg;
  http_steps(&whole, k->send.data, k->send.len, NULL, 0);
  CHECK(whole.len > 0);
  size_t step = k->send.len > 1000 ? k->send.len / 100 : 1;
  for (size_t cut = 1; cut < k->send.len; cut += step) {
    pieces.len = 0;
    http_steps(&pieces, k->send.data, k->send.len, &cut, 1);
    if (!CHECK_MEM(pieces.data, pieces.len, whole.data, whole.len)) break;
  }
  pieces.len = 0;
  if (k->send.len < 20000) http_steps_bytes(&pieces, k->send.data, k->send.len);
  if (pieces.len) CHECK_MEM(pieces.data, pieces.len, whole.data, whole.len);
  buf_release(&whole);
  buf_release(&pieces);
}

TEST(http_pieces_change_nothing)
{
  CHECK(raw_files(raw_in_pieces, NULL) >= 270);
}

/* ---- answers --------------------------------------------------------------------------------- */
#define GET(path) "GET " path " HTTP/1.1\r\nHost: localhost\r\n\r\n"

TEST(http_answers_have_their_headers)
{
  struct world w;
  struct client c;
  world_open(&w, NULL);
  client_open(&c, &w);
  CHECK_INT(ask(&w, &c, GET("/cached")), 200);
  CHECK(got_text(&c, "cache-control: max-age=60\r\nX-More: 1\r\n") && !got_text(&c, "no-store"));
  CHECK_INT(ask(&w, &c, GET("/204")), 204);
  CHECK(memmem(c.got.data, c.got.len, "204 No Content\r\nDate: ", 22) && !got_text(&c, "Content-Length: 0"));
  CHECK_INT(ask(&w, &c, GET("/malformed")), 500);
  CHECK(!got_text(&c, "<script>"));
  CHECK_INT(ask(&w, &c, GET("/out")), 200);
  CHECK(got_text(&c, "5\r\nooooo\r\n5\r\nooooo\r\n5\r\nooooo\r\n0\r\n\r\n"));
  size_t at = c.got.len;
  client_text(&w, &c, "HEAD /out HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CHECK_INT(client_answer(&w, &c, &at, true), 200);
  check_probe(&w, &c, at);
  client_close(&c);
  client_open(&c, &w);
  client_text(&w, &c, "GET /out HTTP/1.0\r\nHost: localhost\r\n\r\n");
  CHECK(turns_until_eof(&w, &c));
  CHECK(got_text(&c, "\r\n\r\nooooooooooooooo") && !got_text(&c, "chunked"));
  client_close(&c);
  world_close(&w);
}

TEST(http_date_is_right)
{
  char text[HTTP_DATE_TEXT];
  static const struct {
    int64_t ms;
    const char *want;
  } rows[] = {
    { 784111777000, "Sun, 06 Nov 1994 08:49:37 GMT" },
    { 0, "Thu, 01 Jan 1970 00:00:00 GMT" },
    { 951782400999, "Tue, 29 Feb 2000 00:00:00 GMT" },
    { 4102444799000, "Thu, 31 Dec 2099 23:59:59 GMT" },
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    http_date(rows[i].ms, text);
    CHECK_STR(text, rows[i].want);
  }
}

TEST(http_header_lines_are_checked)
{
  static const struct {
    const char *headers;
    bool ok;
  } rows[] = {
    { "", true },
    { "A: b\r\n", true },
    { "A: b\r\nC: d\r\n", true },
    { "A:\r\n", true },
    { "A: b", false },
    { "A: b\n", false },
    { "A: b\r\n\r\n", false },
    { "A: b\rC\r\n", false },
    { ": b\r\n", false },
    { "A b\r\n", false },
    { "A: b\r\n C: d\r\n", false },
    { "\r\n", false },
    { "A: \x01\r\n", false },
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    test_note("row %zu", i);
    CHECK_INT(http_headers_ok(rows[i].headers), rows[i].ok);
  }
}

TEST(http_continue_only_when_welcome)
{
  struct world w;
  struct client c;
  size_t at = 0;
  world_open(&w, NULL);
  client_open(&c, &w);
  client_text(&w, &c,
              "POST /a HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  for (int64_t t = mono_ms(); !got_text(&c, "\r\n\r\n") && !late(t);) client_turn(&w, &c);
  CHECK_STR(c.got.data, "HTTP/1.1 100 Continue\r\n\r\n");
  client_text(&w, &c, "hello");
  CHECK_INT(client_answer(&w, &c, &at, false), 200);
  CHECK(got_text(&c, "body=hello"));
  at = c.got.len; /* the body is here already: nobody waits for the word */
  CHECK_INT(
    ask(&w, &c,
        "POST /a HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello"),
    200);
  CHECK(!strstr(c.got.data + at, "100 Continue"));
  client_close(&c);
  world_close(&w);
}

/* ---- clocks ---------------------------------------------------------------------------------- */
static const struct http_options quick = { .head_ms = 80, .body_ms = 300, .idle_ms = 80, .write_ms = 200 };

TEST(http_slow_head_is_408)
{
  struct world w;
  struct client c;
  size_t at = 0;
  world_open(&w, &quick);
  client_open(&c, &w);
  client_text(&w, &c, "GET /a HTTP/1.1\r\nHost: ");
  for (int64_t t = mono_ms(); !c.got.len && !c.eof && !late(t); usleep(2000)) { /* a header that never ends */
    client_push(&c, "l", 1);
    client_turn(&w, &c);
  }
  CHECK_INT(client_answer(&w, &c, &at, false), 408);
  CHECK(turns_until_eof(&w, &c));
  CHECK_INT(w.runs, 0);
  CHECK_INT(http_stats(w.server).timeouts, 1);
  client_close(&c);
  world_close(&w);
}

/* piece bytes every 2 ms until there is an answer */
static int slow_body(struct world *w, const char *head, size_t piece)
{
  static const char bytes[4096] = "";
  struct client c;
  size_t at = 0;
  client_open(&c, w);
  client_text(w, &c, head);
  for (int64_t t = mono_ms(); !c.got.len && !c.eof && !late(t); usleep(2000)) {
    if (piece) client_push(&c, bytes, piece);
    client_turn(w, &c);
  }
  int status = client_answer(w, &c, &at, false);
  CHECK(turns_until_eof(w, &c));
  client_close(&c);
  return status;
}

TEST(http_slow_body_is_408)
{
  struct world w;
  world_open(&w, &quick);
  const char *post = "POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1048576\r\n\r\n";
  CHECK_INT(slow_body(&w, post, 0), 408);   /* nothing comes */
  CHECK_INT(slow_body(&w, post, 1), 408);   /* under 1 KiB a second */
  CHECK_INT(slow_body(&w, post, 200), 408); /* fast enough, but never done */
  const char *stream = "POST /stream HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1048576\r\n\r\n";
  CHECK_INT(slow_body(&w, stream, 1), 408);
  CHECK_INT(w.runs, 0);
  CHECK_INT(w.gone, 1); /* the stream was the handler's */
  CHECK_INT(http_stats(w.server).timeouts, 4);
  world_close(&w);
}

TEST(http_stream_may_take_its_time)
{
  struct world w;
  struct client c;
  static const char piece[4096] = "";
  size_t at = 0;
  char head[128];
  world_open(&w, &quick);
  client_open(&c, &w);
  client_text(&w, &c, "POST /stream HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
  int64_t begin = mono_ms();
  snprintf(head, sizeof head, "%zx\r\n", sizeof piece);
  while (mono_ms() - begin < 2 * quick.body_ms) { /* a plain body would be 408 by now */
    client_text(&w, &c, head);
    client_send(&w, &c, piece, sizeof piece);
    client_text(&w, &c, "\r\n");
    usleep(1000);
  }
  client_text(&w, &c, "0\r\n\r\n");
  CHECK_INT(client_answer(&w, &c, &at, false), 200);
  client_close(&c);
  world_close(&w);
}

TEST(http_idle_connection_is_closed_silently)
{
  struct world w;
  struct client c;
  world_open(&w, &quick);
  client_open(&c, &w);
  CHECK(turns_until_eof(&w, &c));
  CHECK_INT(c.got.len, 0);
  client_close(&c);
  client_open(&c, &w);
  CHECK_INT(ask(&w, &c, GET("/a")), 200);
  size_t n = c.got.len;
  CHECK(turns_until_eof(&w, &c));
  CHECK_INT(c.got.len, n);
  CHECK_INT(http_stats(w.server).timeouts, 0);
  client_close(&c);
  world_close(&w);
}

/* Turns without reading until *what is at least n. */
static bool turns_until(struct world *w, const int *what, int n)
{
  for (int64_t t = mono_ms(); *what < n && !late(t);) uv_run(&w->loop, UV_RUN_NOWAIT), usleep(50);
  return *what >= n;
}

static bool turns_until_timeouts(struct world *w, int64_t n)
{
  for (int64_t t = mono_ms(); http_stats(w->server).timeouts < n && !late(t);)
    uv_run(&w->loop, UV_RUN_NOWAIT), usleep(50);
  return http_stats(w->server).timeouts >= n;
}

TEST(http_client_that_never_reads_is_cut)
{
  struct world w;
  struct client c;
  world_open(&w, &quick);
  client_open(&c, &w);
  client_push(&c, GET("/huge"), strlen(GET("/huge")));
  CHECK(turns_until_timeouts(&w, 1));
  client_close(&c);
  client_open(&c, &w);
  client_push(&c, GET("/out?n=100000&size=10000"), strlen(GET("/out?n=100000&size=10000")));
  CHECK(turns_until_timeouts(&w, 2));
  CHECK_INT(w.gone, 1); /* the stream was still the handler's, the whole answer no more */
  client_close(&c);
  world_close(&w);
}

TEST(http_slow_reader_gets_all)
{
  struct world w;
  struct client c;
  size_t at = 0;
  world_open(&w, NULL);
  client_open(&c, &w);
  CHECK_INT(ask(&w, &c, GET("/huge")), 200);
  at = c.got.len;
  CHECK(at > 32 << 20);
  CHECK_INT(ask(&w, &c, GET("/out?n=1000&size=20000")), 200);
  CHECK(c.got.len - at > 1000 * 20000);
  check_probe(&w, &c, c.got.len);
  client_close(&c);
  world_close(&w);
}

TEST(http_producer_too_far_ahead_loses_the_client)
{
  struct world w;
  struct client c;
  world_open(&w, NULL);
  client_open(&c, &w);
  client_push(&c, GET("/flood"), strlen(GET("/flood")));
  CHECK(turns_until(&w, &w.gone, 1));
  http_stream_write(w.held, "x", 1, NULL); /* leads nowhere, harms nothing */
  http_drop(w.held);
  CHECK(turns_until_eof(&w, &c));
  client_close(&c);
  world_close(&w);
}

/* ---- bodies that flow ------------------------------------------------------------------------ */
TEST(http_paused_body_waits_in_the_kernel)
{
  struct world w;
  struct client c;
  static char piece[256 * 1024];
  size_t at = 0, n = 16 << 20, sent = 0;
  char head[128];
  world_open(&w, NULL);
  client_open(&c, &w);
  snprintf(head, sizeof head, "POST /pause HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n\r\n", n);
  client_text(&w, &c, head);
  int resumed = 0;
  for (int64_t t = mono_ms(); !c.got.len && !c.eof && !late(t);) {
    if (sent < n) sent += client_push(&c, piece, sizeof piece < n - sent ? sizeof piece : n - sent);
    int before = w.streams;
    for (int i = 0; i < 5; i++) client_turn(&w, &c);
    CHECK(w.streams - before <= 1); /* one piece, then not one more before http_resume */
    if (w.held && w.streams > resumed) resumed = w.streams, http_resume(w.held);
  }
  CHECK_INT(client_answer(&w, &c, &at, false), 200);
  CHECK_INT(w.streamed, n);
  check_probe(&w, &c, at);
  client_close(&c);
  world_close(&w);
}

TEST(http_up_and_down_at_once)
{
  struct world w;
  struct client c;
  world_open(&w, NULL);
  client_open(&c, &w);
  client_text(&w, &c, "POST /pipe HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhello");
  for (int64_t t = mono_ms(); !got_text(&c, "5\r\nhello\r\n") && !late(t);) client_turn(&w, &c);
  client_text(&w, &c, "world");
  CHECK(turns_until_eof(&w, &c));
  CHECK(got_text(&c, "5\r\nworld\r\n0\r\n\r\n"));
  client_close(&c);
  client_open(&c, &w); /* a fault after the answer began: it is cut, no second head in its middle */
  w.streams = 0;
  client_text(&w, &c,
              "POST /pipe HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nx");
  CHECK(turns_until_eof(&w, &c));
  CHECK(!got_text(&c, " 400 ") && !got_text(&c, "0\r\n\r\n"));
  CHECK_INT(w.gone, 1);
  client_close(&c);
  world_close(&w);
}

/* ---- pipelining ------------------------------------------------------------------------------ */
TEST(http_pipelining_starves_nobody)
{
  struct world w;
  struct client greedy, other;
  struct buf many = { 0 };
  size_t at = 0, sent = 0;
  world_open(&w, NULL);
  for (int i = 0; i < 20000; i++) buf_str(&many, GET("/a"));
  client_open(&greedy, &w);
  client_open(&other, &w);
  for (int i = 0; i < 10; i++) uv_run(&w.loop, UV_RUN_NOWAIT);
  sent = client_push(&greedy, many.data, many.len);
  client_push(&other, GET("/b"), strlen(GET("/b")));
  int turns = 0, before = w.runs;
  for (; !other.got.len && turns < 100; turns++) {
    client_turn(&w, &other);
    CHECK(w.runs - before <= HTTP_PIPELINE_MAX + 1 + HTTP_PIPELINE_MAX);
    before = w.runs;
  }
  CHECK_INT(client_answer(&w, &other, &at, false), 200);
  CHECK(turns <= 3);
  client_send(&w, &greedy, many.data + sent, many.len - sent);
  at = 0;
  int answers = 0;
  while (answers < 20000 && client_answer(&w, &greedy, &at, false) == 200) answers++;
  CHECK_INT(answers, 20000);
  buf_release(&many);
  client_close(&greedy);
  client_close(&other);
  world_close(&w);
}

TEST(http_reading_stops_while_a_request_is_held)
{
  struct world w;
  struct client c;
  struct buf many = { 0 };
  size_t at = 0, sent = 0;
  world_open(&w, NULL);
  client_open(&c, &w);
  buf_str(&many, GET("/hold"));
  for (int i = 0; i < 100000; i++) buf_str(&many, GET("/a"));
  for (int i = 0; i < 300; i++) {
    sent += client_push(&c, many.data + sent, many.len - sent);
    client_turn(&w, &c);
  }
  CHECK(w.held && !w.runs);
  CHECK(http_stats(w.server).bytes_in <= 2 * 64 * 1024);
  reply_text(w.held, 200, NULL, "held");
  client_send(&w, &c, many.data + sent, many.len - sent);
  int answers = 0;
  while (answers < 100001 && client_answer(&w, &c, &at, false) == 200) answers++;
  CHECK_INT(answers, 100001);
  buf_release(&many);
  client_close(&c);
  world_close(&w);
}

/* ---- clients that leave ---------------------------------------------------------------------- */
static void hold(struct world *w, struct client *c)
{
  w->held = NULL;
  client_open(c, w);
  client_text(w, c, GET("/hold"));
  for (int64_t t = mono_ms(); !w->held && !late(t);) client_turn(w, c);
  CHECK(w->held != NULL);
}

TEST(http_client_leaves_while_held)
{
  struct world w;
  struct client c;
  world_open(&w, NULL);
  hold(&w, &c);
  client_abort(&c);
  CHECK(turns_until(&w, &w.gone, 1));
  http_drop(w.held);
  hold(&w, &c);
  client_abort(&c);
  CHECK(turns_until(&w, &w.gone, 2));
  reply_text(w.held, 200, NULL, "to nobody"); /* lets go as well */
  hold(&w, &c);
  client_abort(&c);
  CHECK(turns_until(&w, &w.gone, 3));
  http_stream_begin(w.held, 200, "text/plain", NULL);
  http_stream_write(w.held, "x", 1, out_next);
  CHECK_INT(http_stream_queued(w.held), 0);
  http_stream_end(w.held);
  w.drop_in_gone = true;
  hold(&w, &c);
  client_abort(&c);
  CHECK(turns_until(&w, &w.gone, 4));
  hold(&w, &c); /* the handler lets go of a client that is there */
  http_drop(w.held);
  CHECK(turns_until_eof(&w, &c));
  CHECK_INT(c.got.len, 0);
  CHECK_INT(w.gone, 4);
  client_close(&c);
  world_close(&w);
}

TEST(http_half_closed_client_is_answered)
{
  struct world w;
  struct client c;
  size_t at = 0;
  world_open(&w, NULL);
  hold(&w, &c);
  shutdown(c.fd, SHUT_WR);
  for (int i = 0; i < 20; i++) client_turn(&w, &c);
  CHECK_INT(w.gone, 0);
  reply_text(w.held, 200, NULL, "still here");
  CHECK_INT(client_answer(&w, &c, &at, false), 200);
  CHECK(turns_until_eof(&w, &c));
  client_close(&c);
  static const struct {
    const char *send;
    int first, then;
  } rows[] = {
    { GET("/a") GET("/b"), 200, 200 },
    { GET("/a") "GET /b HT", 200, 400 },
    { "POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhell", 400, -1 },
    { "\r", 400, -1 },
    { "", -1, -1 },
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    test_note("row %zu", i);
    at = 0;
    client_open(&c, &w);
    client_push(&c, rows[i].send, strlen(rows[i].send));
    shutdown(c.fd, SHUT_WR);
    CHECK_INT(client_answer(&w, &c, &at, false), rows[i].first);
    CHECK_INT(client_answer(&w, &c, &at, false), rows[i].then);
    CHECK(turns_until_eof(&w, &c));
    client_close(&c);
  }
  world_close(&w);
}

/* Clients do random things and leave at random moments; the handler answers or drops at random. */
TEST(http_random_partings)
{
  struct world w;
  struct client c;
  uint64_t seed = 7;
  static const char *const texts[] = {
    GET("/hold"),
    GET("/out?n=50&size=3000"),
    GET("/huge"),
    GET("/flood"),
    "POST /stream HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    "POST /pause HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhello",
    "POST /pipe HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhello",
    "POST /enough HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhello",
    "POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhello",
    GET("/a") GET("/b") "bad\r\n\r\n",
  };
  world_open(&w, NULL);
  for (int round = 0; round < 400; round++) {
    const char *text = texts[test_random(&seed) % COUNT(texts)];
    w.held = NULL, w.streams = 0;
    client_open(&c, &w);
    client_push(&c, text, strlen(text) - test_random(&seed) % 3);
    for (uint64_t i = test_random(&seed) % 12; i > 0; i--) uv_run(&w.loop, UV_RUN_NOWAIT);
    if (test_random(&seed) % 2) client_turn(&w, &c);
    int gone = w.gone;
    bool first = test_random(&seed) % 2; /* the client leaves before the handler has done */
    if (first && test_random(&seed) % 4) client_abort(&c);
    else if (first) client_close(&c);
    for (uint64_t i = test_random(&seed) % 6; i > 0; i--) uv_run(&w.loop, UV_RUN_NOWAIT);
    struct http_request *r = w.held;
    if (r) http_drop(r), w.held = NULL;
    else if (w.gone == gone && first) CHECK(c.fd == -1);
    if (!first) client_abort(&c);
    for (int i = 0; i < 4; i++) uv_run(&w.loop, UV_RUN_NOWAIT);
    if (w.held) http_drop(w.held);
  }
  world_close(&w);
}

/* ---- caps ------------------------------------------------------------------------------------ */
static void clients_open(struct world *w, struct client *c, size_t n, const char *own, const char *to)
{
  for (size_t i = 0; i < n; i++) {
    client_open_from(&c[i], w, own, to);
    uv_run(&w->loop, UV_RUN_NOWAIT);
  }
}

static void clients_close(struct world *w, struct client *c, size_t n)
{
  for (size_t i = 0; i < n; i++) client_close(&c[i]);
  for (int i = 0; i < 10; i++) uv_run(&w->loop, UV_RUN_NOWAIT);
}

/* How the server takes one more connection. */
static int one_more(struct world *w, const char *own, const char *to)
{
  struct client c;
  size_t at = 0;
  client_open_from(&c, w, own, to);
  int64_t refused = http_stats(w->server).refused_cap;
  client_turn(w, &c);
  client_turn(w, &c);
  if (http_stats(w->server).refused_cap == refused) client_text(w, &c, GET("/a"));
  int status = client_answer(w, &c, &at, false);
  if (status == 503) CHECK(got_text(&c, "Retry-After: 5\r\n") && got_text(&c, "Connection: close\r\n"));
  client_close(&c);
  for (int i = 0; i < 5; i++) uv_run(&w->loop, UV_RUN_NOWAIT);
  return status;
}

TEST(http_caps_by_address_and_in_all)
{
  static struct client c[CLIENTS_MAX];
  struct http_options o = { .connections_max = 60, .per_address_max = 8 };
  struct world w;
  struct client admin;
  const char *why = "", *socket_path = NULL;
  world_open(&w, &o);
  socket_path = arena_printf(&w.mem, "%s/s", test_dir());
  CHECK(http_listen(w.server, &w.mem, arena_printf(&w.mem, "unix:%s", socket_path), &why));
  clients_open(&w, c, 30, NULL, "127.0.0.1"); /* one address of the loopback: half of all */
  CHECK_INT(one_more(&w, NULL, "127.0.0.1"), 503);
  CHECK_INT(one_more(&w, "127.0.0.2", "127.0.0.1"), 200);
  clients_open(&w, c + 30, 30, "127.0.0.3", "127.0.0.1");
  CHECK_INT(one_more(&w, "127.0.0.4", "127.0.0.1"), 503);
  CHECK_INT(http_stats(w.server).refused_cap, 2);
  client_close(&c[0]);
  for (int i = 0; i < 5; i++) uv_run(&w.loop, UV_RUN_NOWAIT);
  client_open_unix(&admin, socket_path);
  CHECK_INT(ask(&w, &admin, GET("/a")), 200);
  client_close(&admin);
  clients_close(&w, c + 1, 59);
  CHECK_INT(one_more(&w, NULL, "127.0.0.1"), 200);
  world_close(&w);
}

/* An address of this machine that is not the loopback. */
static bool own_address(char *out, size_t n)
{
  struct ifaddrs *all, *i;
  if (getifaddrs(&all)) return false;
  for (i = all; i; i = i->ifa_next) {
    if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET || (i->ifa_flags & IFF_LOOPBACK) ||
        !(i->ifa_flags & IFF_UP))
      continue;
    inet_ntop(AF_INET, &((struct sockaddr_in *)i->ifa_addr)->sin_addr, out, (socklen_t)n);
    break;
  }
  freeifaddrs(all);
  return i != NULL;
}

TEST(http_loopback_keeps_its_places)
{
  static struct client c[CLIENTS_MAX];
  struct http_options o = { .connections_max = 40, .per_address_max = 100 };
  struct world w;
  char own[64];
  const char *why = "";
  if (!own_address(own, sizeof own)) SKIP("this machine has only loopback addresses");
  world_open(&w, &o);
  CHECK(http_listen(w.server, &w.mem, "0.0.0.0:0", &why));
  struct world outside = w;
  struct sockaddr_in a;
  socklen_t n = sizeof a;
  for (int fd = 3; fd < 256; fd++) /* the second listener's port */
    if (!getsockname(fd, (struct sockaddr *)&a, &n) && a.sin_family == AF_INET &&
        a.sin_addr.s_addr == INADDR_ANY && a.sin_port)
      outside.port = ntohs(a.sin_port);
  for (size_t i = 0; i < 24; i++) {
    client_open_from(&c[i], &outside, NULL, own);
    uv_run(&w.loop, UV_RUN_NOWAIT);
  }
  struct client late_one;
  client_open_from(&late_one, &outside, NULL, own);
  size_t at = 0;
  CHECK_INT(client_answer(&w, &late_one, &at, false), 503);
  client_close(&late_one);
  CHECK_INT(one_more(&w, NULL, "127.0.0.1"), 200);
  clients_close(&w, c, 24);
  world_close(&w);
}

TEST(http_many_refused_at_once)
{
  static struct client c[CLIENTS_MAX];
  struct http_options o = { .connections_max = 8, .per_address_max = 4 };
  struct world w;
  world_open(&w, &o);
  clients_open(&w, c, CLIENTS_MAX, NULL, "127.0.0.1");
  CHECK_INT(http_stats(w.server).connections, 4);
  CHECK_INT(http_stats(w.server).refused_cap, CLIENTS_MAX - 4);
  CHECK_INT(ask(&w, &c[0], GET("/a")), 200); /* who is in is served */
  clients_close(&w, c, CLIENTS_MAX);
  CHECK_INT(one_more(&w, NULL, "127.0.0.1"), 200);
  world_close(&w);
}

TEST(http_out_of_descriptors)
{
  struct world w;
  struct client c;
  struct rlimit old, low;
  struct sockaddr_in a = { .sin_family = AF_INET };
  world_open(&w, NULL);
  CHECK_INT(one_more(&w, NULL, "127.0.0.1"), 200);
  client_socket(&c, AF_INET);
  int free_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  close(free_fd);
  getrlimit(RLIMIT_NOFILE, &old);
  low = old, low.rlim_cur = (rlim_t)free_fd;
  CHECK_INT(setrlimit(RLIMIT_NOFILE, &low), 0);
  a.sin_port = htons((uint16_t)w.port);
  inet_pton(AF_INET, "127.0.0.1", &a.sin_addr);
  client_dial(&c, &a, sizeof a);
  CHECK(turns_until_eof(&w, &c)); /* turned away, not left in the queue with the loop spinning */
  setrlimit(RLIMIT_NOFILE, &old);
  client_close(&c);
  CHECK_INT(one_more(&w, NULL, "127.0.0.1"), 200);
  world_close(&w);
}

/* ---- sockets --------------------------------------------------------------------------------- */
TEST(http_unix_socket)
{
  struct world w;
  struct client c;
  struct stat st;
  const char *why = "";
  world_open(&w, NULL);
  const char *path = arena_printf(&w.mem, "%s/s", test_dir()), *where = arena_printf(&w.mem, "unix:%s", path);
  int stale = socket(AF_UNIX, SOCK_STREAM, 0);
  struct sockaddr_un un = { .sun_family = AF_UNIX };
  memcpy(un.sun_path, path, strlen(path) + 1);
  CHECK_INT(bind(stale, (struct sockaddr *)&un, sizeof un), 0);
  close(stale); /* as after a kill */
  CHECK(http_listen(w.server, &w.mem, where, &why));
  CHECK_INT(stat(path, &st), 0);
  CHECK_INT(st.st_mode & 0777, 0600);
  client_open_unix(&c, path);
  CHECK_INT(ask(&w, &c, GET("/a")), 200);
  CHECK(w.saw_admin);
  CHECK_STR(w.saw_peer, "unix");
  client_close(&c);
  client_open(&c, &w);
  CHECK_INT(ask(&w, &c, GET("/a")), 200);
  CHECK(!w.saw_admin);
  CHECK_STR(w.saw_peer, "127.0.0.1");
  client_close(&c);
  CHECK(!http_listen(w.server, &w.mem, where, &why)); /* somebody answers there */
  CHECK(strstr(why, "another process") != NULL);
  file_write(arena_printf(&w.mem, "%s/f", test_dir()), "x", 1, 0600);
  CHECK(!http_listen(w.server, &w.mem, arena_printf(&w.mem, "unix:%s/f", test_dir()), &why));
  CHECK(strstr(why, "no socket") != NULL);
  CHECK_INT(stat(arena_printf(&w.mem, "%s/f", test_dir()), &st), 0);
  char longest[200];
  memset(longest, 'a', sizeof longest), memcpy(longest, "unix:/tmp/", 10), longest[199] = 0;
  CHECK(!http_listen(w.server, &w.mem, longest, &why));
  world_close(&w);
  CHECK(stat(path, &st) != 0); /* gone with the server */
}

TEST(http_listen_says_what_is_wrong)
{
  static const char *const rows[] = {
    "",
    "7700",
    ":7700",
    "127.0.0.1",
    "127.0.0.1:",
    "127.0.0.1:x",
    "127.0.0.1:65536",
    "127.0.0.1:1x",
    "localhost:1",
    "[::1]",
    "[::1:1",
    "[::1]1",
    "1.2.3.4.5:1",
    "[::g]:1",
    "unix:",
  };
  struct world w;
  struct stat st;
  world_open(&w, NULL);
  for (size_t i = 0; i < COUNT(rows); i++) {
    const char *why = NULL;
    test_note("%s", rows[i]);
    CHECK(!http_listen(w.server, &w.mem, rows[i], &why));
    CHECK(why && *why);
  }
  const char *why = NULL;
  CHECK(!http_listen(w.server, &w.mem, arena_printf(&w.mem, "127.0.0.1:%d", w.port), &why)); /* taken */
  CHECK(stat("127.0.0.1:1x", &st) != 0);
  world_close(&w);
}

TEST(http_peers_and_their_addresses)
{
  static const struct {
    const char *where, *text, *same; /* same: another one that counts as this */
    bool is_loopback;
  } rows[] = {
    { "127.0.0.1:1", "127.0.0.1", "127.0.0.1:2", true },
    { "127.9.9.9:1", "127.9.9.9", "[::ffff:127.9.9.9]:1", true },
    { "192.0.2.7:1", "192.0.2.7", "[::ffff:192.0.2.7]:1", false },
    { "[::1]:1", "::1", "[::1]:9", true },
    { "[2001:db8:1:2::7]:1", "2001:db8:1:2::7", "[2001:db8:1:2:ffff::]:1", false },
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct sockaddr_storage a, b;
    struct http_peer p, q;
    test_note("%s", rows[i].where);
    CHECK(http_addr_parse(rows[i].where, &a) && http_addr_parse(rows[i].same, &b));
    http_peer((struct sockaddr *)&a, &p), http_peer((struct sockaddr *)&b, &q);
    CHECK_STR(p.text, rows[i].text);
    CHECK_INT(p.is_loopback, rows[i].is_loopback);
    CHECK_MEM(p.key, sizeof p.key, q.key, sizeof q.key);
    for (size_t k = 0; k < i; k++) {
      http_addr_parse(rows[k].where, &b), http_peer((struct sockaddr *)&b, &q);
      CHECK(memcmp(p.key, q.key, sizeof p.key) != 0);
    }
  }
}

TEST(http_bodies_in_memory_have_a_limit)
{
  static char piece[1 << 20];
  struct world w;
  struct client c;
  size_t at = 0;
  world_open(&w, NULL);
  client_open(&c, &w);
  client_text(&w, &c, "POST /big HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n");
  for (int i = 0; i < 90 && !c.got.len; i++) client_send(&w, &c, piece, sizeof piece);
  CHECK_INT(client_answer(&w, &c, &at, false), 503);
  CHECK(turns_until_eof(&w, &c));
  client_close(&c);
  CHECK_INT(one_more(&w, NULL, "127.0.0.1"), 200);
  world_close(&w);
}

TEST(http_proxy_is_believed_only_when_trusted)
{
  static const char text[] =
    "GET /a HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 198.51.100.7, 203.0.113.9\r\n"
    "X-Forwarded-Proto: https\r\n\r\n";
  for (int trust = 0; trust < 2; trust++) {
    struct http_options o = { .trust_proxy = trust };
    struct world w;
    struct client c;
    world_open(&w, &o);
    client_open(&c, &w);
    CHECK_INT(ask(&w, &c, text), 200);
    CHECK_STR(w.saw_peer, trust ? "203.0.113.9" : "127.0.0.1");
    CHECK_INT(w.saw_secure, trust);
    CHECK_INT(ask(&w, &c, "GET /a HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: me\r\n\r\n"), 200);
    CHECK_STR(w.saw_peer, "127.0.0.1");
    CHECK(!w.saw_secure);
    client_close(&c);
    world_close(&w);
  }
}

TEST(http_close_finishes_what_runs)
{
  struct world w;
  struct client busy, idle;
  size_t at = 0;
  world_open(&w, NULL);
  client_open(&idle, &w);
  CHECK_INT(ask(&w, &idle, GET("/a")), 200);
  hold(&w, &busy);
  http_close(w.server, on_closed, &w);
  CHECK(turns_until_eof(&w, &idle));
  CHECK(!w.closed);
  reply_text(w.held, 200, NULL, "the last");
  CHECK_INT(client_answer(&w, &busy, &at, false), 200);
  CHECK(got_text(&busy, "Connection: close") && turns_until_eof(&w, &busy));
  client_close(&busy);
  client_close(&idle);
  for (int64_t t = mono_ms(); !w.closed && !late(t);) uv_run(&w.loop, UV_RUN_ONCE);
  CHECK(w.closed);
  CHECK_INT(uv_loop_close(&w.loop), 0);
  arena_release(&w.mem);
}

TEST(http_close_does_not_wait_for_ever)
{
  struct http_options o = { .close_ms = 50 };
  struct world w;
  struct client held, half;
  world_open(&w, &o);
  hold(&w, &held);
  client_open(&half, &w);
  client_text(&w, &half, "POST /stream HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhello");
  CHECK(turns_until(&w, &w.streams, 1));
  w.drop_in_gone = true;
  http_close(w.server, on_closed, &w);
  CHECK(turns_until(&w, &w.gone, 2));
  CHECK(turns_until_eof(&w, &held) && turns_until_eof(&w, &half));
  CHECK_INT(held.got.len + half.got.len, 0);
  client_close(&held);
  client_close(&half);
  for (int64_t t = mono_ms(); !w.closed && !late(t);) uv_run(&w.loop, UV_RUN_ONCE);
  CHECK(w.closed);
  CHECK_INT(uv_loop_close(&w.loop), 0);
  arena_release(&w.mem);
}

/* ---- the client of the command line ---------------------------------------------------------- */
struct one_call {
  struct httpc_call in;
  struct httpc_answer out;
  struct arena mem;
  int status;
  int64_t up, down;
  atomic_bool done;
};

static int64_t call_body(void *arg, char *p, size_t n)
{
  struct one_call *c = arg;
  if (c->up < 0) return -1;
  if (n > (size_t)c->up) n = (size_t)c->up;
  memset(p, 'u', n);
  c->up -= (int64_t)n;
  return (int64_t)n;
}

static bool call_answer(void *arg, const char *p, size_t n)
{
  struct one_call *c = arg;
  (void)p;
  c->down += (int64_t)n;
  return c->down < 1 << 24;
}

static void *call_thread(void *arg)
{
  struct one_call *c = arg;
  c->status = httpc_run(&c->mem, &c->in, &c->out);
  atomic_store(&c->done, true);
  return NULL;
}

static void call_run(struct world *w, struct one_call *c)
{
  pthread_t thread;
  atomic_store(&c->done, false);
  must(pthread_create(&thread, NULL, call_thread, c) == 0);
  for (int64_t t = mono_ms(); !atomic_load(&c->done) && !late(t);)
    uv_run(&w->loop, UV_RUN_NOWAIT), usleep(20);
  pthread_join(thread, NULL);
}

TEST(httpc_talks_over_the_socket)
{
  struct world w;
  const char *why = "";
  world_open(&w, NULL);
  const char *path = arena_printf(&w.mem, "%s/s", test_dir());
  CHECK(http_listen(w.server, &w.mem, arena_printf(&w.mem, "unix:%s", path), &why));
  struct http_field x = { "X", "1" };
  struct one_call c = { .in = { .socket_path = path,
                                .method = "PUT",
                                .path = "/a?b=c%20d",
                                .headers = &x,
                                .headers_n = 1,
                                .body = "hello",
                                .body_n = 5 } };
  call_run(&w, &c);
  CHECK_INT(c.status, 200);
  CHECK_STR(c.out.body, "PUT /a\n?b=c d\nx=1\nbody=hello\n");
  CHECK_STR(c.out.type, "text/plain");
  CHECK(w.saw_admin && c.out.field_n > 3);
  c.in = (struct httpc_call){ .socket_path = path, .method = "HEAD", .path = "/a" };
  call_run(&w, &c);
  CHECK_INT(c.status, 200);
  CHECK_INT(c.out.body_n, 0);
  c.in = (struct httpc_call){ .socket_path = path, .method = "DELETE", .path = "/a" };
  call_run(&w, &c);
  CHECK_STR(c.out.body, "DELETE /a\n");
  c.in =
    (struct httpc_call){ .socket_path = path, .method = "POST", .path = "/refuse", .body = "x", .body_n = 1 };
  call_run(&w, &c);
  CHECK_INT(c.status, 403);
  c.up = 5000000;
  c.in = (struct httpc_call){
    .socket_path = path, .method = "POST", .path = "/stream", .body_read = call_body, .arg = &c
  };
  call_run(&w, &c);
  CHECK_INT(c.status, 200);
  CHECK_STR(c.out.body, "streamed=5000000");
  c.up = -1;
  call_run(&w, &c);
  CHECK_INT(c.status, -1);
  CHECK_STR(c.out.why, "stopped");
  c.in = (struct httpc_call){ .socket_path = path,
                              .method = "GET",
                              .path = "/out?n=100&size=12345",
                              .answer_write = call_answer,
                              .arg = &c };
  call_run(&w, &c);
  CHECK_INT(c.status, 200);
  CHECK_INT(c.down, 100 * 12345);
  c.in.path = "/huge";
  call_run(&w, &c);
  CHECK_INT(c.status, -1);
  CHECK(!c.out.absent);
  c.in = (struct httpc_call){ .base = arena_printf(&w.mem, "http://127.0.0.1:%d", w.port),
                              .method = "GET",
                              .path = "/a" };
  call_run(&w, &c);
  CHECK_STR(c.out.body, "GET /a\n");
  c.in = (struct httpc_call){ .socket_path = "/nowhere/at/all", .method = "GET", .path = "/a" };
  call_run(&w, &c);
  CHECK_INT(c.status, -1);
  CHECK(c.out.absent && c.out.why);
  arena_release(&c.mem);
  world_close(&w);
}
