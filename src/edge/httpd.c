/* httpd.c: connections, their phases and clocks, answers on the wire.
 *
 *   IDLE ─first byte─► HEAD ─plan()─► BODY ─end─► HANDLE ─answer─► IDLE
 *     │                 │ 408, 4xx     │ 408, 4xx    │ answer that closes
 *     └─ idle_ms        └──────────────┴─────────────┴─────► LINGER ─► closed
 *
 * One request at a time: while the handler has one, what the client sends ahead waits as bytes, at most
 * INPUT_MAX of them, and then in the kernel. LINGER reads on for a moment without listening, because closing
 * with unread bytes would reset the connection and take the answer away from the client.
 *
 * Nothing of the handler's is called from inside an http_ function: what comes up there waits on the list of
 * later() connections for the next turn of the loop. It also bounds what one connection may do in one turn. */
#include "edge.h"
#include <arpa/inet.h>
#include <linux/sockios.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <uv.h>

#define INPUT_MAX (64 * 1024) /* bytes of one connection that wait unread; also the size of a read */
#define LOOPBACK_RESERVE 16   /* places that only loopback and the Unix socket may take */
#define LINGER_MS 2000
#define LINGER_MAX (32 << 20)  /* bytes dropped while lingering */
#define REFUSED_MAX 64         /* connections over a cap that are told so with patience */
#define RATE_MIN 1024          /* bytes per second, both ways */
#define BODIES_MAX (64 << 20)  /* all bodies in memory together */
#define KEEP_MAX (16 * 1024)   /* of a buffer that an idle connection may keep */
#define REST_MS 5000           /* idle for so long: keeps nothing */
#define DIRECT_MIN (16 * 1024) /* an answer of this size goes to the kernel without a copy */
#define BACKLOG 1024

enum phase { PHASE_IDLE, PHASE_HEAD, PHASE_BODY, PHASE_HANDLE, PHASE_LINGER, PHASE_CLOSED };

union handle {
  uv_handle_t handle;
  uv_stream_t stream;
  uv_tcp_t tcp;
  uv_pipe_t pipe;
};

struct listener {
  union handle u;
  struct http_server *s;
  struct listener *next;
  bool is_unix;
};

/* A request and its answer. Outlives its connection while the handler holds it. */
struct exchange {
  struct http_request r; /* first: what the handler has is this */
  struct http_server *s;
  struct conn *c; /* NULL: the client is gone */
  struct buf body;
  bool held;       /* the handler must answer or drop */
  bool begun;      /* http_stream_begin was called */
  bool streams_in; /* the body goes to stream_data */
  bool keep_alive, chunked, head_only;
  int minor;
  void (*wrote)(struct http_request *r);
  char peer[HTTP_PEER_TEXT];
};

struct conn {
  union handle u; /* first */
  struct http_server *s;
  struct conn *next, *prev, *later;
  struct http_parser *parser;
  struct exchange *x;
  enum phase phase;
  bool is_unix, over_cap, counted;
  bool reading, eof, running, paused, busy, broken, is_later, shut;
  bool closing; /* after the answer that is on its way */
  struct http_peer peer;
  struct buf in; /* arrived, not yet parsed */
  size_t in_at;
  struct buf out, sending; /* to be written; with the kernel (busy) */
  uv_write_t write;
  int64_t phase_ms;             /* when the phase began */
  int64_t mark_ms, mark_bytes;  /* rate window of the body */
  int64_t write_ms, write_mark; /* rate window of the answer */
  int64_t bytes_in, bytes_out;  /* bytes_out: ever handed over for writing */
};

struct http_server {
  uv_loop_t *loop;
  struct http_options o;
  struct http_handlers h;
  struct listener *listeners;
  size_t listeners_open, conns_n, refused_n, remote_n, orphans, bodies;
  struct conn *conns, *later, **later_end;
  uv_timer_t timer;
  uv_idle_t idle;
  size_t handles; /* of timer and idle, open */
  struct http_stats stats;
  int64_t date_s, closing_ms, ticked_ms;
  bool closing;
  void (*closed)(void *);
  void *closed_arg;
  char date[HTTP_DATE_TEXT];
  char scratch[INPUT_MAX]; /* one read at a time, of whoever reads */
};

static void conn_run(struct conn *c, const char *p, size_t n);
static void conn_flush(struct conn *c);
static void conn_close(struct conn *c);
static void server_end(struct http_server *s);

static int64_t now_ms(const struct http_server *s)
{
  return (int64_t)uv_now(s->loop);
}

static const char *date_text(struct http_server *s)
{
  struct env *env = s->o.clock ? s->o.clock : env_real();
  int64_t second = (s->o.clock ? env->now_ms(env) : now_ms(s)) / 1000;
  if (s->date_s != second) {
    s->date_s = second;
    http_date(env->now_ms(env), s->date);
  }
  return s->date;
}

static void phase_set(struct conn *c, enum phase phase)
{
  c->phase = phase;
  c->phase_ms = c->mark_ms = now_ms(c->s);
  c->mark_bytes = c->bytes_in;
}

/* ---- later ----------------------------------------------------------------------------------- */
static void later_run(uv_idle_t *idle);

static void conn_later(struct conn *c)
{
  struct http_server *s = c->s;
  if (c->is_later || c->phase == PHASE_CLOSED) return;
  if (!s->later) uv_idle_start(&s->idle, later_run);
  c->is_later = true;
  c->later = NULL;
  *s->later_end = c;
  s->later_end = &c->later;
}

static void later_remove(struct conn *c)
{
  struct http_server *s = c->s;
  if (!c->is_later) return;
  c->is_later = false;
  for (struct conn **at = &s->later; *at; at = &(*at)->later)
    if (*at == c) {
      *at = c->later;
      if (!*at) s->later_end = at;
      return;
    }
}

/* ---- bodies ---------------------------------------------------------------------------------- */
static void body_free(struct exchange *x)
{
  x->s->bodies -= x->body.cap;
  buf_release(&x->body);
}

/* false: too many bodies are in memory already. */
static bool body_put(struct exchange *x, const char *p, size_t n)
{
  if (x->body.len + n >= x->body.cap && x->s->bodies + n > BODIES_MAX) return false; /* it would grow */
  x->s->bodies -= x->body.cap;
  buf_put(&x->body, p, n);
  x->s->bodies += x->body.cap;
  return true;
}

/* ---- exchange -------------------------------------------------------------------------------- */
static struct exchange *exchange_new(struct conn *c)
{
  struct exchange *x = mem_new(sizeof *x);
  x->s = c->s, x->c = c;
  return x;
}

static void exchange_free(struct exchange *x)
{
  body_free(x);
  arena_release(&x->r.mem);
  mem_free(x);
}

/* The client went away while the handler holds the request. */
static void exchange_orphan(struct conn *c)
{
  struct exchange *x = c->x;
  x->c = NULL, c->x = NULL;
  x->wrote = NULL;
  x->s->orphans++;
  if (x->s->h.gone) x->s->h.gone(x->s->h.arg, &x->r);
}

static void orphan_drop(struct exchange *x)
{
  struct http_server *s = x->s;
  must(x->held && s->orphans > 0);
  s->orphans--;
  exchange_free(x);
  server_end(s);
}

/* ---- end of a connection --------------------------------------------------------------------- */
static void conn_on_close(uv_handle_t *h)
{
  struct conn *c = (struct conn *)h;
  struct http_server *s = c->s;
  later_remove(c);
  if (c->prev) c->prev->next = c->next;
  else s->conns = c->next;
  if (c->next) c->next->prev = c->prev;
  if (c->x) exchange_free(c->x);
  http_parser_free(c->parser);
  buf_release(&c->in);
  buf_release(&c->out);
  buf_release(&c->sending);
  mem_free(c);
  server_end(s);
}

static void conn_uncount(struct conn *c)
{
  struct http_server *s = c->s;
  if (c->over_cap) s->refused_n--;
  else if (c->counted) s->conns_n--, s->remote_n -= !c->peer.is_loopback;
  c->counted = false;
}

static void conn_close(struct conn *c)
{
  if (c->phase == PHASE_CLOSED) return;
  must(!c->x || !c->x->held);
  c->phase = PHASE_CLOSED;
  conn_uncount(c);
  uv_close(&c->u.handle, conn_on_close);
}

/* No answer can reach the client. Not from inside an http_ function: calls gone(). */
static void conn_dead(struct conn *c)
{
  if (c->phase == PHASE_CLOSED) return;
  if (c->x && c->x->held) exchange_orphan(c);
  conn_close(c);
}

/* The same, from anywhere. */
static void conn_break(struct conn *c)
{
  c->broken = true;
  conn_later(c);
}

/* ---- reading --------------------------------------------------------------------------------- */
static size_t in_left(const struct conn *c)
{
  return c->in.len - c->in_at;
}

static void on_alloc(uv_handle_t *h, size_t hint, uv_buf_t *buf)
{
  struct conn *c = (struct conn *)h;
  (void)hint;
  size_t room = c->phase == PHASE_LINGER ? INPUT_MAX : INPUT_MAX - in_left(c);
  *buf = uv_buf_init(c->s->scratch, (unsigned)room);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf);

static bool conn_wants_bytes(const struct conn *c)
{
  if (c->phase == PHASE_CLOSED || c->eof || c->broken) return false;
  if (c->phase == PHASE_LINGER) return true;
  return !c->paused && in_left(c) < INPUT_MAX;
}

static void conn_reading(struct conn *c)
{
  bool wants = conn_wants_bytes(c);
  if (wants == c->reading) return;
  c->reading = wants;
  if (wants) uv_read_start(&c->u.stream, on_alloc, on_read);
  else if (c->phase != PHASE_CLOSED) uv_read_stop(&c->u.stream);
}

/* ---- writing --------------------------------------------------------------------------------- */
static void on_written(uv_write_t *w, int status)
{
  struct conn *c = w->data;
  c->busy = false;
  c->sending.len = 0;
  if (c->sending.cap > KEEP_MAX) buf_release(&c->sending);
  if (c->phase == PHASE_CLOSED) return;
  if (status < 0) {
    conn_dead(c);
    return;
  }
  conn_flush(c);
  conn_later(c);
}

/* Bytes that the client's side has not acknowledged. */
static int64_t conn_unread(const struct conn *c)
{
  int fd, queued = 0;
  if (uv_fileno(&c->u.handle, &fd) == 0) ioctl(fd, SIOCOUTQ, &queued);
  return queued + (int64_t)c->out.len + (int64_t)uv_stream_get_write_queue_size(&c->u.stream);
}

/* Hands what waits in c->out over to libuv; one write at a time is on its way. */
static void conn_queue(struct conn *c)
{
  if (c->busy || !c->out.len) return;
  struct buf old = c->sending;
  c->sending = c->out, c->out = old;
  uv_buf_t buf = uv_buf_init(c->sending.data, (unsigned)c->sending.len);
  c->write.data = c;
  c->busy = true;
  c->write_ms = now_ms(c->s);
  if (uv_write(&c->write, &c->u.stream, &buf, 1, on_written)) {
    c->busy = false;
    conn_break(c);
    return;
  }
  c->write_mark = c->bytes_out - conn_unread(c);
}

/* Goes out with whatever is written next. */
static void conn_put(struct conn *c, const char *p, size_t n)
{
  if (c->broken) return;
  buf_put(&c->out, p, n);
  c->bytes_out += (int64_t)n;
  c->s->stats.bytes_out += (int64_t)n;
}

static void conn_put_head(struct conn *c, const struct http_head *h)
{
  size_t before = c->out.len;
  http_head_put(&c->out, h);
  c->bytes_out += (int64_t)(c->out.len - before);
  c->s->stats.bytes_out += (int64_t)(c->out.len - before);
}

/* Writes c->out and then p: straight to the kernel as far as it takes them, the rest is kept. */
static void conn_write(struct conn *c, const char *p, size_t n)
{
  if (c->broken || c->phase == PHASE_CLOSED) return;
  c->bytes_out += (int64_t)n;
  c->s->stats.bytes_out += (int64_t)n;
  if (c->busy || (c->running && n < DIRECT_MIN && c->out.len < DIRECT_MIN)) {
    buf_put(&c->out, p, n);
    return;
  }
  uv_buf_t bufs[2] = { uv_buf_init(c->out.data, (unsigned)c->out.len),
                       uv_buf_init((char *)(uintptr_t)p, (unsigned)n) };
  unsigned first = c->out.len ? 0 : 1, count = n ? 2 : 1;
  if (first == count) return;
  int done = uv_try_write(&c->u.stream, bufs + first, count - first);
  if (done < 0 && done != UV_EAGAIN) {
    conn_break(c);
    return;
  }
  size_t took = done > 0 ? (size_t)done : 0, old = c->out.len;
  if (took < old) {
    memmove(c->out.data, c->out.data + took, old - took);
    c->out.len = old - took, took = 0;
  } else {
    c->out.len = 0, took -= old;
  }
  if (took < n) buf_put(&c->out, p + took, n - took);
  conn_queue(c);
}

static void conn_flush(struct conn *c)
{
  if (c->out.len) conn_write(c, NULL, 0);
  if (!c->out.len && !c->busy && c->out.cap > KEEP_MAX) buf_release(&c->out);
}

static bool conn_is_written(const struct conn *c)
{
  return !c->busy && !c->out.len;
}

/* ---- answers --------------------------------------------------------------------------------- */
/* After the last byte of an answer. */
static void conn_answered(struct conn *c)
{
  bool is_whole = c->phase == PHASE_HANDLE; /* else the body was not read to its end */
  if (!c->x->keep_alive || !is_whole || c->s->closing) c->closing = true;
  c->x->held = false;
  c->x->wrote = NULL;
  c->paused = false;
  phase_set(c, c->closing ? PHASE_LINGER : PHASE_IDLE);
  if (c->running) return;
  conn_flush(c);
  if (c->closing || in_left(c) || c->eof) conn_later(c);
  else conn_reading(c);
}

static void put_answer(struct conn *c, const struct http_head *h, const void *body, size_t n, bool head_only)
{
  struct http_head head = *h;
  head.length = (int64_t)n, head.date = date_text(c->s);
  conn_put_head(c, &head);
  conn_write(c, body, head_only || http_status_bodyless(h->status) ? 0 : n);
}

static enum err status_err(int status)
{
  for (int e = ERR_BAD_REQUEST; e < ERR_N; e++)
    if (err_http((enum err)e) == status) return (enum err)e;
  return status < 500 ? ERR_BAD_REQUEST : ERR_INTERNAL;
}

/* What httpd answers by itself: the connection ends with it. */
static void conn_refuse(struct conn *c, int status, const char *code, const char *detail, const char *headers)
{
  if (c->x && c->x->held && c->x->begun) { /* an answer is under way: it can only be cut */
    conn_break(c);
    return;
  }
  struct buf body = { 0 };
  enum err e = status_err(status);
  struct http_head h = {
    .status = status, .type = "application/problem+json", .headers = headers, .close = true
  };
  if (status == 405 && !headers) h.headers = "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n";
  if (status == 503 && !headers) h.headers = "Retry-After: 5\r\n";
  if (c->s->h.problem)
    c->s->h.problem(c->s->h.arg, &body, e, status, code ? code : err_code(e), detail ? detail : "");
  bool head_only = http_parser_message(c->parser)->head_only;
  if (c->x && c->x->held) exchange_orphan(c);
  c->closing = true;
  phase_set(c, PHASE_LINGER);
  put_answer(c, &h, body.data, body.len, head_only);
  buf_release(&body);
}

static struct exchange *answering(struct http_request *r)
{
  struct exchange *x = (struct exchange *)r;
  must(x->held);
  return x;
}

static bool will_close(const struct exchange *x)
{
  return !x->keep_alive || x->c->phase != PHASE_HANDLE || x->s->closing;
}

/* A header that came to hold a line end would let its sender write our answer: better none. */
static void headers_check(int *status, const char **headers)
{
  if (!*headers || http_headers_ok(*headers)) return;
  log_line(LOG_ERROR, "an answer had malformed header lines; sent 500 instead");
  *status = 500, *headers = NULL;
}

void http_reply(struct http_request *r, int status, const char *type, const char *headers, const void *body,
                size_t n)
{
  struct exchange *x = answering(r);
  must(!x->begun);
  if (!x->c) {
    orphan_drop(x);
    return;
  }
  struct conn *c = x->c;
  headers_check(&status, &headers);
  struct http_head h = { .status = status, .type = type, .headers = headers, .close = will_close(x) };
  put_answer(c, &h, body, n, x->head_only);
  conn_answered(c);
}

void http_stream_begin(struct http_request *r, int status, const char *type, const char *headers)
{
  struct exchange *x = answering(r);
  must(!x->begun);
  x->begun = true;
  if (!x->c) return;
  struct conn *c = x->c;
  headers_check(&status, &headers);
  x->chunked = x->minor == 1;
  x->keep_alive = x->keep_alive && x->chunked;
  struct http_head h = { .status = status,
                         .type = type,
                         .headers = headers,
                         .date = date_text(x->s),
                         .length = -1,
                         .chunked = x->chunked,
                         .close = will_close(x) };
  x->keep_alive = !h.close;
  conn_put_head(c, &h);
  if (!c->running) conn_flush(c);
}

void http_stream_write(struct http_request *r, const void *p, size_t n, void (*wrote)(struct http_request *r))
{
  struct exchange *x = answering(r);
  must(x->begun && !(wrote && x->wrote));
  struct conn *c = x->c;
  if (!c) return; /* gone() has been called: no wrote() any more */
  if (http_stream_queued(r) > HTTP_QUEUE_MAX) conn_break(c);
  if (n && !x->head_only) {
    char size[24];
    if (x->chunked) conn_put(c, size, (size_t)snprintf(size, sizeof size, "%zx\r\n", n));
    if (n < DIRECT_MIN) conn_put(c, p, n);
    else conn_write(c, p, n);
    if (x->chunked) conn_put(c, "\r\n", 2);
    if (!c->running) conn_flush(c);
  }
  if (!wrote) return;
  x->wrote = wrote;
  conn_later(c);
}

size_t http_stream_queued(struct http_request *r)
{
  struct exchange *x = answering(r);
  return x->c ? x->c->out.len + uv_stream_get_write_queue_size(&x->c->u.stream) : 0;
}

void http_stream_end(struct http_request *r)
{
  struct exchange *x = answering(r);
  must(x->begun);
  if (!x->c) {
    orphan_drop(x);
    return;
  }
  if (x->chunked && !x->head_only) conn_put(x->c, "0\r\n\r\n", 5);
  conn_answered(x->c);
}

void http_drop(struct http_request *r)
{
  struct exchange *x = answering(r);
  struct conn *c = x->c;
  if (!c) {
    orphan_drop(x);
    return;
  }
  x->held = false, x->wrote = NULL; /* the handler gives up on a client that is still there */
  c->paused = false, c->closing = true;
  conn_break(c);
}

void http_pause(struct http_request *r)
{
  struct exchange *x = answering(r);
  if (!x->c || x->c->phase != PHASE_BODY) return;
  x->c->paused = true;
  conn_reading(x->c);
}

void http_resume(struct http_request *r)
{
  struct exchange *x = answering(r);
  if (!x->c || !x->c->paused) return;
  x->c->paused = false;
  x->c->mark_ms = now_ms(x->s), x->c->mark_bytes = x->c->bytes_in;
  conn_later(x->c);
}

/* ---- a request ------------------------------------------------------------------------------- */
static void peer_from_proxy(struct exchange *x)
{
  const char *list = http_field(&x->r, "x-forwarded-for"), *proto = http_field(&x->r, "x-forwarded-proto");
  unsigned char addr[16];
  x->r.secure = proto && !strcmp(proto, "https");
  if (!list) return;
  const char *last = strrchr(list, ',');
  last = last ? last + 1 + strspn(last + 1, " ") : list;
  bool is_addr = inet_pton(AF_INET, last, addr) == 1 || inet_pton(AF_INET6, last, addr) == 1;
  if (is_addr && strlen(last) < sizeof x->peer) memcpy(x->peer, last, strlen(last) + 1);
}

/* The head is read: what does the route say? */
static void request_begin(struct conn *c, bool body_is_here)
{
  struct http_server *s = c->s;
  struct exchange *x = c->x;
  const struct http_message *m = http_parser_message(c->parser);
  must(x); /* only a connection that is ending has none */
  struct http_request *r = &x->r;
  memcpy(x->peer, c->peer.text, sizeof x->peer);
  r->peer = x->peer;
  r->local_admin = c->is_unix, r->secure = false, r->user = NULL;
  if (s->o.trust_proxy && c->peer.is_loopback) peer_from_proxy(x);
  x->keep_alive = m->keep_alive, x->head_only = m->head_only, x->minor = m->minor;
  x->begun = x->chunked = x->streams_in = false;
  x->wrote = NULL;
  s->stats.requests++;
  struct http_plan plan = s->h.plan(s->h.arg, r);
  if (plan.refuse) {
    conn_refuse(c, plan.refuse, plan.refuse_code, plan.refuse_detail, plan.refuse_headers);
    return;
  }
  phase_set(c, PHASE_BODY);
  bool expects = m->expect_continue;
  if (!http_parser_limit(c->parser, plan.body_max)) return; /* the next step says so */
  x->streams_in = x->held = plan.stream;
  if (expects && !body_is_here) conn_write(c, "HTTP/1.1 100 Continue\r\n\r\n", 25);
}

static void request_data(struct conn *c)
{
  const struct http_message *m = http_parser_message(c->parser);
  struct exchange *x = c->x;
  if (x->streams_in) {
    if (!c->s->h.stream_data(c->s->h.arg, &x->r, m->data, m->data_n)) {
      if (c->phase == PHASE_BODY) c->paused = true; /* until the answer */
    }
  } else if (!body_put(x, m->data, m->data_n)) {
    conn_refuse(c, 503, "busy", "Too many request bodies are in memory.", NULL);
  }
}

static void request_end(struct conn *c)
{
  struct exchange *x = c->x;
  if (!x->streams_in) {
    if (!x->body.data) buf_reserve(&x->body, 0), c->s->bodies += x->body.cap;
    x->r.body = x->body.data, x->r.body_n = x->body.len;
  }
  phase_set(c, PHASE_HANDLE);
  x->held = true;
  c->s->h.handle(c->s->h.arg, &x->r);
}

/* Where a new request begins, what the one before left behind goes. */
static void exchange_reset(struct conn *c)
{
  struct exchange *x = c->x;
  arena_reset(&x->r.mem);
  if (x->body.cap > KEEP_MAX) body_free(x);
  x->body.len = 0;
  if (x->body.data) *x->body.data = 0;
  x->head_only = x->held = false;
}

static bool conn_may_parse(const struct conn *c)
{
  if (c->paused || c->broken) return false;
  if (c->phase == PHASE_BODY) return true;
  return (c->phase == PHASE_IDLE || c->phase == PHASE_HEAD) && !c->busy;
}

/* One step of the parser; false: no more can be done with the bytes at hand. */
static bool conn_step(struct conn *c, const char *p, size_t n, size_t *used)
{
  if (c->phase == PHASE_IDLE) {
    if (!n) return false;
    phase_set(c, PHASE_HEAD);
    exchange_reset(c);
  }
  enum http_step step = http_parse(c->parser, &c->x->r, p, n, used);
  const struct http_message *m = http_parser_message(c->parser);
  if (step == HTTP_STEP_HEAD) request_begin(c, *used < n);
  else if (step == HTTP_STEP_DATA) request_data(c);
  else if (step == HTTP_STEP_END) request_end(c);
  else if (step == HTTP_STEP_BAD) {
    c->s->stats.refused_framing++;
    conn_refuse(c, m->status, m->code, m->detail, NULL);
  }
  return step != HTTP_STEP_MORE;
}

/* The client sends no more: what it began cannot end. */
static void conn_at_eof(struct conn *c)
{
  if (c->phase == PHASE_IDLE) {
    c->closing = true;
    phase_set(c, PHASE_LINGER);
  } else if (c->phase == PHASE_HEAD || c->phase == PHASE_BODY) {
    c->s->stats.refused_framing++;
    conn_refuse(c, 400, "incomplete", "The request ends before its end.", NULL);
  }
}

/* After the last answer: says that no more comes, and waits a little for the client to hear it. */
static void conn_linger(struct conn *c)
{
  int fd;
  if (!conn_is_written(c)) return;
  c->in_at = c->in.len = 0;
  if (c->eof) {
    conn_close(c);
    return;
  }
  if (!c->shut && uv_fileno(&c->u.handle, &fd) == 0) shutdown(fd, SHUT_WR);
  c->shut = true;
}

/* What may follow from whatever has just happened, outside of all callbacks. */
static void conn_settle(struct conn *c)
{
  if (c->phase == PHASE_CLOSED) return;
  if (!c->broken) conn_flush(c);
  if (c->broken) {
    conn_dead(c);
    return;
  }
  if (c->phase == PHASE_LINGER) conn_linger(c);
  conn_reading(c);
}

/* Parses what waits, at most HTTP_PIPELINE_MAX requests of it; the rest has its turn later. */
static void conn_run(struct conn *c, const char *p, size_t n)
{
  bool is_direct = !in_left(c); /* nothing waited: the bytes of the read are parsed where they are */
  if (!is_direct && n) buf_put(&c->in, p, n);
  if (is_direct) c->in_at = c->in.len = 0;
  int budget = HTTP_PIPELINE_MAX;
  size_t at = 0;
  c->running = true;
  bool more = true;
  while (more && conn_may_parse(c)) {
    if (c->phase == PHASE_IDLE && !budget--) {
      conn_later(c);
      break;
    }
    size_t used = 0;
    more = is_direct ? conn_step(c, p + at, n - at, &used)
                     : conn_step(c, c->in.data + c->in_at, in_left(c), &used);
    if (is_direct) at += used;
    else c->in_at += used;
  }
  if (c->eof && !more && conn_may_parse(c)) conn_at_eof(c);
  c->running = false;
  if (is_direct && at < n && c->phase != PHASE_LINGER) buf_put(&c->in, p + at, n - at);
  if (!in_left(c)) {
    c->in_at = c->in.len = 0;
    if (c->in.cap > KEEP_MAX) buf_release(&c->in);
  } else if (c->in_at) {
    memmove(c->in.data, c->in.data + c->in_at, in_left(c));
    c->in.len -= c->in_at, c->in_at = 0;
  }
  conn_settle(c);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
  struct conn *c = (struct conn *)stream;
  if (n == 0) return;
  if (n < 0 && n != UV_EOF) {
    conn_dead(c);
    return;
  }
  if (n > 0) c->bytes_in += n, c->s->stats.bytes_in += n;
  if (n < 0) c->eof = true;
  if (c->phase == PHASE_LINGER) {
    if (c->bytes_in - c->mark_bytes > LINGER_MAX) conn_close(c);
    else conn_settle(c);
    return;
  }
  if (c->is_later && n > 0) { /* its turn comes; a read does not bring it forward */
    buf_put(&c->in, buf->base, (size_t)n);
    conn_reading(c);
  } else {
    conn_run(c, buf->base, n > 0 ? (size_t)n : 0);
  }
}

/* The producer of a long answer may go on once its piece is out. */
static void conn_wrote(struct conn *c)
{
  struct exchange *x = c->x;
  if (!x || !x->wrote || !conn_is_written(c)) return;
  void (*wrote)(struct http_request *) = x->wrote;
  x->wrote = NULL;
  c->running = true;
  wrote(&x->r);
  c->running = false;
}

static void later_run(uv_idle_t *idle)
{
  struct http_server *s = idle->data;
  struct conn *last = NULL;
  for (struct conn *c = s->later; c; c = c->later) last = c; /* who joins meanwhile waits for the next turn */
  for (struct conn *c = s->later; c;) {
    bool is_last = c == last;
    s->later = c->later;
    if (!s->later) s->later_end = &s->later;
    c->is_later = false;
    if (c->phase != PHASE_CLOSED && !c->broken) conn_wrote(c);
    if (c->phase != PHASE_CLOSED) conn_run(c, NULL, 0);
    c = is_last ? NULL : s->later;
  }
  if (!s->later) uv_idle_stop(idle);
}

/* ---- clocks ---------------------------------------------------------------------------------- */
static void conn_timeout(struct conn *c, const char *detail)
{
  c->s->stats.timeouts++;
  conn_refuse(c, 408, "timeout", detail, NULL);
  conn_settle(c);
}

/* Fewer than RATE_MIN bytes a second over a third of the time a body has. */
static bool body_is_slow(struct conn *c, int64_t now)
{
  int64_t window = c->s->o.body_ms / 3, moved = c->bytes_in - c->mark_bytes;
  if (now - c->mark_ms < window) return false;
  if (moved < (now - c->mark_ms) * RATE_MIN / 1000) return true;
  c->mark_ms = now, c->mark_bytes = c->bytes_in;
  return false;
}

static bool write_is_stalled(struct conn *c, int64_t now)
{
  int64_t window = c->s->o.write_ms;
  if (!c->busy || now - c->write_ms < window) return false;
  int64_t mark = c->bytes_out - conn_unread(c);
  if (mark - c->write_mark < window * RATE_MIN / 1000) return true;
  c->write_ms = now, c->write_mark = mark;
  return false;
}

static void conn_rest(struct conn *c)
{
  if (!conn_is_written(c) || in_left(c)) return;
  buf_release(&c->in);
  buf_release(&c->out);
  buf_release(&c->sending);
  body_free(c->x);
  arena_release(&c->x->r.mem);
}

static void conn_tick(struct conn *c, int64_t now)
{
  const struct http_options *o = &c->s->o;
  int64_t age = now - c->phase_ms;
  if (write_is_stalled(c, now)) {
    c->s->stats.timeouts++;
    conn_dead(c);
    return;
  }
  switch (c->phase) {
  case PHASE_IDLE:
    if (age >= o->idle_ms && conn_is_written(c)) conn_close(c);
    else if (age >= REST_MS) conn_rest(c);
    break;
  case PHASE_HEAD:
    if (age >= o->head_ms) conn_timeout(c, "The head of the request came too slowly.");
    break;
  case PHASE_BODY:
    if (c->paused) break;
    if ((!c->x->streams_in && age >= o->body_ms) || body_is_slow(c, now))
      conn_timeout(c, "The body of the request came too slowly.");
    break;
  case PHASE_LINGER:
    if (conn_is_written(c) && age >= LINGER_MS) conn_close(c);
    break;
  default: break;
  }
}

static void on_tick(uv_timer_t *timer)
{
  struct http_server *s = timer->data;
  int64_t now = now_ms(s), since = now - s->ticked_ms;
  s->ticked_ms = now;
  if (since > 2 * (int64_t)uv_timer_get_repeat(timer))
    return; /* we were late, not the clients: let them be heard */
  bool is_over = s->closing && now - s->closing_ms >= s->o.close_ms;
  for (struct conn *c = s->conns, *next; c; c = next) {
    next = c->next; /* connections are freed by the loop, not under our feet */
    if (c->phase == PHASE_CLOSED) continue;
    if (is_over) conn_dead(c);
    else conn_tick(c, now);
  }
}

/* ---- new connections ------------------------------------------------------------------------- */
static void peer_note(struct conn *c)
{
  struct sockaddr_storage a;
  int n = sizeof a;
  memset(&a, 0, sizeof a);
  uv_tcp_getpeername(&c->u.tcp, (struct sockaddr *)&a, &n);
  http_peer((struct sockaddr *)&a, &c->peer);
}

static size_t conns_of_address(const struct conn *one)
{
  size_t n = 0;
  for (const struct conn *c = one->s->conns; c; c = c->next)
    n += c != one && c->counted && !c->over_cap && !c->is_unix &&
         !memcmp(c->peer.key, one->peer.key, sizeof c->peer.key);
  return n;
}

static bool conn_fits(const struct conn *c)
{
  const struct http_server *s = c->s;
  size_t max = s->o.connections_max, reserve = max > 2 * LOOPBACK_RESERVE ? LOOPBACK_RESERVE : max / 4;
  if (s->conns_n >= max || (!c->peer.is_loopback && s->remote_n >= max - reserve)) return false;
  if (c->is_unix) return true;
  return conns_of_address(c) <
         (c->peer.is_loopback && s->o.per_address_max < max / 2 ? max / 2 : s->o.per_address_max);
}

static void conn_admit(struct conn *c)
{
  struct http_server *s = c->s;
  c->counted = true;
  if (conn_fits(c)) {
    s->conns_n++, s->remote_n += !c->peer.is_loopback;
    s->stats.connections++;
    conn_reading(c);
    return;
  }
  c->over_cap = true;
  s->refused_n++;
  s->stats.refused_cap++;
  conn_refuse(c, 503, "too_many_connections", "Too many connections are open.", NULL);
  conn_settle(c);
  if (s->refused_n > REFUSED_MAX && !c->broken) conn_close(c);
}

static void conn_link(struct conn *c)
{
  struct http_server *s = c->s;
  c->next = s->conns;
  if (s->conns) s->conns->prev = c;
  s->conns = c;
}

/* Out of file descriptors: libuv keeps one in reserve to accept and close with, so that the loop does not spin. */
static void on_connection(uv_stream_t *stream, int status)
{
  struct listener *l = (struct listener *)stream;
  struct http_server *s = l->s;
  if (status < 0) {
    log_line(LOG_WARN, "a connection could not be taken: %s", uv_strerror(status));
    return;
  }
  struct conn *c = mem_new(sizeof *c);
  c->s = s, c->is_unix = c->peer.is_loopback = l->is_unix;
  memcpy(c->peer.text, "unix", 5);
  c->parser = http_parser_new(s->o.hosts, s->o.hosts_n);
  c->x = exchange_new(c);
  if (l->is_unix) uv_pipe_init(s->loop, &c->u.pipe, 0);
  else uv_tcp_init(s->loop, &c->u.tcp);
  conn_link(c);
  phase_set(c, PHASE_IDLE);
  if (uv_accept(stream, &c->u.stream)) {
    conn_close(c);
    return;
  }
  if (!l->is_unix) {
    uv_tcp_nodelay(&c->u.tcp, 1);
    peer_note(c);
  }
  conn_admit(c);
}

/* ---- listening ------------------------------------------------------------------------------- */
static int unix_bind(struct listener *l, const char *path)
{
  mode_t old = umask(0177); /* the mode must be right from the first moment */
  int e = uv_pipe_bind(&l->u.pipe, path);
  umask(old);
  return e;
}

static int tcp_bind(struct listener *l, const char *where)
{
  struct sockaddr_storage addr;
  if (!http_addr_parse(where, &addr)) return UV_EINVAL;
  return uv_tcp_bind(&l->u.tcp, (struct sockaddr *)&addr, 0);
}

static void listener_on_close(uv_handle_t *h)
{
  struct listener *l = (struct listener *)h;
  struct http_server *s = l->s;
  for (struct listener **at = &s->listeners; *at; at = &(*at)->next)
    if (*at == l) {
      *at = l->next;
      break;
    }
  s->listeners_open--;
  mem_free(l);
  server_end(s);
}

static struct listener *listener_new(struct http_server *s, bool is_unix)
{
  struct listener *l = mem_new(sizeof *l), **at = &s->listeners;
  l->s = s, l->is_unix = is_unix;
  if (is_unix) uv_pipe_init(s->loop, &l->u.pipe, 0);
  else uv_tcp_init(s->loop, &l->u.tcp);
  while (*at) at = &(*at)->next;
  *at = l;
  s->listeners_open++;
  return l;
}

bool http_listen(struct http_server *s, struct arena *a, const char *where, const char **why)
{
  must(!s->closing);
  bool is_unix = !strncmp(where, "unix:", 5);
  if (is_unix && !http_unix_clear(a, where + 5, why)) return false;
  struct listener *l = listener_new(s, is_unix);
  int e = is_unix ? unix_bind(l, where + 5) : tcp_bind(l, where);
  if (!e) e = uv_listen(&l->u.stream, BACKLOG, on_connection);
  if (!e) return true;
  const char *reason = e == UV_EINVAL ? "want 127.0.0.1:7700, [::1]:7700 or unix:PATH" : uv_strerror(e);
  *why = arena_printf(a, "%s: %s", where, reason);
  uv_close(&l->u.handle, listener_on_close);
  return false;
}

int http_port(struct http_server *s)
{
  for (struct listener *l = s->listeners; l; l = l->next) {
    struct sockaddr_storage a;
    int n = sizeof a;
    if (l->is_unix || uv_is_closing(&l->u.handle)) continue;
    if (uv_tcp_getsockname(&l->u.tcp, (struct sockaddr *)&a, &n)) return 0;
    return ntohs(a.ss_family == AF_INET ? ((struct sockaddr_in *)&a)->sin_port
                                        : ((struct sockaddr_in6 *)&a)->sin6_port);
  }
  return 0;
}

/* ---- the server ------------------------------------------------------------------------------ */
static void options_default(struct http_options *o)
{
  if (!o->head_ms) o->head_ms = 10 * 1000;
  if (!o->body_ms) o->body_ms = 30 * 1000;
  if (!o->idle_ms) o->idle_ms = 60 * 1000;
  if (!o->write_ms) o->write_ms = 30 * 1000;
  if (!o->close_ms) o->close_ms = 5 * 1000;
  if (!o->connections_max) o->connections_max = HTTP_CONNECTIONS_MAX;
  if (!o->per_address_max) o->per_address_max = HTTP_PER_ADDRESS_MAX;
}

/* Often enough for the shortest of the times, and at least once a second. */
static uint64_t tick_ms(const struct http_options *o)
{
  int64_t t[] = { o->head_ms, o->body_ms, o->idle_ms, o->write_ms, o->close_ms }, least = 4000;
  for (size_t i = 0; i < COUNT(t); i++)
    if (t[i] < least) least = t[i];
  return (uint64_t)(least / 4 ? least / 4 : 1);
}

struct http_server *http_open(struct uv_loop_s *loop, const struct http_options *o,
                              const struct http_handlers *h)
{
  must(h->plan && h->handle);
  struct http_server *s = mem_new(sizeof *s);
  s->loop = loop, s->o = *o, s->h = *h;
  options_default(&s->o);
  s->later_end = &s->later;
  s->date_s = -1, s->ticked_ms = now_ms(s);
  uv_timer_init(loop, &s->timer);
  uv_idle_init(loop, &s->idle);
  s->timer.data = s->idle.data = s;
  s->handles = 2;
  signal(SIGPIPE, SIG_IGN); /* a client that left is an error of write(), no reason to die */
  uv_timer_start(&s->timer, on_tick, tick_ms(&s->o), tick_ms(&s->o));
  return s;
}

static void handle_on_close(uv_handle_t *h)
{
  struct http_server *s = h->data;
  if (--s->handles) return;
  void (*closed)(void *) = s->closed;
  void *arg = s->closed_arg;
  mem_free(s);
  if (closed) closed(arg);
}

/* When all that http_close waits for is over. */
static void server_end(struct http_server *s)
{
  if (!s->closing || s->conns || s->orphans || s->listeners_open || uv_is_closing((uv_handle_t *)&s->timer))
    return;
  uv_close((uv_handle_t *)&s->timer, handle_on_close);
  uv_close((uv_handle_t *)&s->idle, handle_on_close);
}

void http_close(struct http_server *s, void (*closed)(void *), void *arg)
{
  must(!s->closing);
  s->closing = true;
  s->closing_ms = now_ms(s);
  s->closed = closed, s->closed_arg = arg;
  for (struct listener *l = s->listeners; l; l = l->next)
    if (!uv_is_closing(&l->u.handle)) uv_close(&l->u.handle, listener_on_close);
  for (struct conn *c = s->conns; c; c = c->next)
    if ((c->phase == PHASE_IDLE || c->phase == PHASE_HEAD) && conn_is_written(c)) conn_close(c);
  server_end(s);
}

struct http_stats http_stats(struct http_server *s)
{
  return s->stats;
}
