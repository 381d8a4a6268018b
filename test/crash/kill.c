/* kill.c: the real binary on a real directory, killed at random moments under load.
 *
 *   crash-kill [--slice] [--seconds N] [--kills N] [SEED]
 *
 * Several connections send single orders, batches, NDJSON streams, news of known orders, holds and moves with
 * keys, and some of it twice at once. Every 2xx that was read to its end is a promise; a line of a stream is one by
 * itself. The server is killed (SIGKILL, sometimes SIGTERM, sometimes again while it starts), started anew at the
 * same port, asked for what it promised last, and all that got no answer is sent again. In the end the file is
 * compared with the ledger row by row: every order there exactly once, with what was promised or newer. */
#include "live.h"
#include "crash.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS 8
#define ORDERS_MAX 4000000
#define ROWS_MAX 100
#define SAMPLE_MAX 12 /* orders asked for after each start */
#define READY_MAX_MS 2000
#define STOP_MAX_MS 15000
#define SETTLE_MS 120000
#define KILLS_MAX 100000
#define BORN_MS 1794300000000 /* 2026-11-10 */
#define SLICE_KILLS 25
#define FRESH_KILLS 20 /* of a first start, each in a directory of its own */
#define SHOWN_MAX 20

/* One thing with a key that a person does to an order. */
enum deed { DEED_NONE, DEED_HOLD, DEED_MOVE };
enum fate { FATE_NONE, FATE_SENT, FATE_DONE };
struct entry {
  int64_t id;           /* o_…, once it was told */
  int sent, told;       /* highest serials; told 0: nothing was promised */
  int shown;            /* highest serial that was promised to be applied, not only taken */
  unsigned char flying; /* requests under way that are about it */
  bool made;            /* somebody was told that it was created */
  unsigned char deed, fate;
};

struct row {
  int order, serial;
};
enum form { FORM_ONE, FORM_BATCH, FORM_LINES, FORM_DEED };
struct request {
  struct request *next;
  enum form form;
  struct buf text; /* the whole request */
  struct row row[ROWS_MAX];
  int rows, lines_told;
};
struct link {
  int fd;
  struct request *now;
  size_t sent;
  struct buf in;
};

static struct {
  struct live live;
  struct arena mem;
  struct entry *order;
  int orders;
  struct link link[CONNECTIONS];
  struct request *again, **again_end; /* without an answer: first in, first out */
  bool settling;                      /* nothing new is sent */
  int recent[256], recents;           /* promised since the last start */
  uint64_t seed;
  int64_t ready[KILLS_MAX];
  int readies, kills, terms, early, first;
  int64_t requests, promises, repeated, taken, busy, broken, stop_ms_max, samples;
} now;

static void broken(const char *fmt, ...) PRINTF(1, 2);
static void broken(const char *fmt, ...)
{
  va_list ap;
  if (++now.broken > SHOWN_MAX) return;
  va_start(ap, fmt);
  fprintf(stderr, "kill %d: ", now.kills);
  vfprintf(stderr, fmt, ap);
  fputc('\n', stderr);
  va_end(ap);
}

static int dice(int n)
{
  return (int)(crash_random(&now.seed) % (uint64_t)n);
}

/* ---- requests ---------------------------------------------------------------------------------------------- */
static void order_put(struct buf *out, int n, int serial)
{
  char placed[TIME_TEXT], updated[TIME_TEXT];
  int person = n / 3 * 7919 % 100000;
  time_text(BORN_MS + n * 1000ll, placed);
  time_text(BORN_MS + n * 1000ll + serial * 60000ll, updated);
  buf_printf(
    out,
    "{\"channel\":\"kill-%d\",\"external_id\":\"K%07d\",\"status\":\"paid\",\"placed_at\":\"%s\",\"updated_at\":\"%s\","
    "\"currency\":\"CNY\",\"total\":\"%d.00\",\"receiver\":{\"name\":\"示例%d\",\"phone\":\"139%08d\",\"country\":\"CN\","
    "\"province\":\"浙江省\",\"city\":\"杭州市\",\"district\":\"西湖区\",\"address\":\"文三路%d号 示例花园 2幢%d室\"},"
    "\"lines\":[{\"line_id\":\"1\",\"sku\":\"SKU-%d\",\"title\":\"杯子\",\"quantity\":1,\"price\":\"9.00\"}],"
    "\"remarks\":{\"seller\":\"s%d\"}}",
    n % 3, n, placed, updated, serial, person, person, person % 900 + 1, person % 30 * 100 + 101, n % 500,
    serial);
}

static struct request *request_new(enum form form)
{
  struct request *r = mem_new(sizeof *r);
  r->form = form;
  now.requests++;
  return r;
}

static void request_free(struct request *r)
{
  for (int i = 0; i < r->rows; i++) now.order[r->row[i].order].flying--;
  buf_release(&r->text);
  mem_free(r);
}

static void row_add(struct request *r, int n, int serial)
{
  struct entry *o = &now.order[n];
  r->row[r->rows++] = (struct row){ n, serial };
  o->flying++;
  if (serial > o->sent) o->sent = serial;
}

static void head_put(struct request *r, const char *path, const char *type, const char *key,
                     const struct buf *body, bool chunked)
{
  buf_printf(&r->text,
             "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\n",
             path, now.live.port, now.live.token, type);
  if (key) buf_printf(&r->text, "Idempotency-Key: %s\r\n", key);
  if (chunked)
    buf_printf(&r->text, "Transfer-Encoding: chunked\r\n\r\n%zx\r\n%s\r\n0\r\n\r\n", body->len, body->data);
  else buf_printf(&r->text, "Content-Length: %zu\r\n\r\n%s", body->len, body->data);
}

/* An order that nothing is under way for: a new one, or news of an old one. */
static bool order_pick(int *n, int *serial)
{
  *n = -1;
  for (int tries = 0; now.orders && dice(3) && tries < 4; tries++) {
    /* mostly young ones */
    int back = dice(2) ? dice(200) : dice(now.orders), at = now.orders - 1 - back;
    if (at < 0 || now.order[at].flying || !now.order[at].told) continue;
    *n = at, *serial = now.order[at].sent + (dice(4) != 0);
    return true;
  }
  if (now.orders == ORDERS_MAX) return false;
  *n = now.orders++, *serial = 1;
  return true;
}

static struct request *orders_new(enum form form)
{
  struct request *r = request_new(form);
  struct buf body = { 0 };
  int rows = form == FORM_ONE ? 1 : 1 + dice(form == FORM_BATCH ? 40 : ROWS_MAX);
  if (form == FORM_BATCH) buf_str(&body, "{\"orders\":[");
  for (int i = 0, n, serial; i < rows && order_pick(&n, &serial); i++) {
    if (i && form == FORM_BATCH) buf_char(&body, ',');
    order_put(&body, n, serial);
    if (form == FORM_LINES) buf_char(&body, '\n');
    row_add(r, n, serial);
  }
  if (form == FORM_BATCH) buf_str(&body, "]}");
  head_put(r, "/v1/orders", form == FORM_LINES ? "application/x-ndjson" : "application/json", NULL, &body,
           form == FORM_LINES && dice(2));
  buf_release(&body);
  return r;
}

/* A hold, or a move to split: done once however often its key comes. NULL: no order for it just now. */
static struct request *deed_new(void)
{
  int n = now.orders ? now.orders - 1 - dice(now.orders < 500 ? now.orders : 500) : 0;
  struct entry *o = &now.order[n];
  if (!now.orders || o->flying || !o->told || !o->id || o->deed) return NULL;
  struct request *r = request_new(FORM_DEED);
  struct buf body = { 0 };
  char path[80], key[32];
  o->deed = dice(2) ? DEED_HOLD : DEED_MOVE, o->fate = FATE_SENT;
  bool hold = o->deed == DEED_HOLD;
  snprintf(path, sizeof path, "/v1/orders/kill-%d:K%07d/%s", n % 3, n, hold ? "hold" : "transitions");
  snprintf(key, sizeof key, "deed-%d", n);
  buf_printf(&body, hold ? "{\"reason\":\"drill\"}" : "{\"to\":\"split\"}");
  row_add(r, n, o->sent);
  head_put(r, path, "application/json", key, &body, false);
  buf_release(&body);
  return r;
}

static struct request *request_copy(const struct request *r)
{
  struct request *c = request_new(r->form);
  buf_put(&c->text, r->text.data, r->text.len);
  for (int i = 0; i < r->rows; i++) row_add(c, r->row[i].order, r->row[i].serial);
  return c;
}

static void again_add(struct request *r)
{
  r->next = NULL, r->lines_told = 0;
  *now.again_end = r;
  now.again_end = &r->next;
}

static struct request *request_next(void)
{
  struct request *r = now.again;
  if (r) {
    now.again = r->next;
    if (!now.again) now.again_end = &now.again;
    now.repeated++;
    return r;
  }
  if (now.settling) return NULL;
  int what = dice(20);
  r = what < 4 ? deed_new() : NULL;
  if (!r) r = orders_new(what < 15 ? FORM_ONE : what < 18 ? FORM_BATCH : FORM_LINES);
  if (dice(10) == 0) again_add(request_copy(r)); /* a client that is not sure: twice at once */
  return r;
}

/* ---- promises ---------------------------------------------------------------------------------------------- */
static int64_t id_of(const struct json *j)
{
  int64_t id = 0;
  const char *text = json_string(json_get(j, "id"));
  return text && id_parse(text, 'o', &id) ? id : 0;
}

static void promised(const struct row *row, const struct json *answer)
{
  struct entry *o = &now.order[row->order];
  const char *result = json_string(json_get(answer, "result"));
  int64_t id = id_of(answer);
  now.promises++;
  bool taken = result && !strcmp(result, "taken"), made = result && !strcmp(result, "created");
  if (made && o->made) broken("order %d is made twice", row->order);
  o->made = o->made || made;
  if (id && o->id && id != o->id)
    broken("order %d was o_%lld, is o_%lld", row->order, (long long)o->id, (long long)id);
  if (id) o->id = id;
  now.taken += taken;
  if (row->serial > o->told) o->told = row->serial;
  if (!taken && row->serial > o->shown) o->shown = row->serial;
  now.recent[now.recents++ % (int)COUNT(now.recent)] = row->order;
}

/* Refused for now (507, 503): no promise. Any other refusal is wrong: all that is sent is right. */
static bool row_answered(const struct row *row, int status, const struct json *answer)
{
  if (status == 200 || status == 201 || status == 202) return promised(row, answer), true;
  if (status == 503 || status == 429) now.busy++;
  else broken("order %d serial %d is answered with %d", row->order, row->serial, status);
  return false;
}

static struct json *parsed(struct arena *a, const char *text, size_t n)
{
  struct faults f = { .mem = a };
  struct json *j = json_parse(a, text, n, JSON_ELEMENTS_BATCH_MAX, &f);
  if (!j) broken("an answer is not JSON: %.*s", n < 200 ? (int)n : 200, text);
  return j;
}

static bool result_answered(const struct request *r, const struct json *j)
{
  int64_t index = -1, status = 0;
  if (!json_int(json_get(j, "index"), &index) || !json_int(json_get(j, "status"), &status) || index < 0 ||
      index >= r->rows) {
    broken("a result without a place");
    return false;
  }
  return row_answered(&r->row[index], (int)status, j);
}

static bool batch_answered(const struct request *r, const char *body, size_t n)
{
  struct arena mem = { 0 };
  const struct json *j = parsed(&mem, body, n), *list = json_get(j, "results");
  bool all = json_type(list) == JSON_ARRAY && json_count(list) == (size_t)r->rows;
  if (j && !all) broken("a batch of %d is answered with %zu results", r->rows, list ? json_count(list) : 0);
  for (const struct json *x = all ? json_first(list) : NULL; x; x = json_next(x))
    all = result_answered(r, x) && all;
  arena_release(&mem);
  return all;
}

static bool one_answered(const struct request *r, int status, const char *body, size_t n)
{
  struct arena mem = { 0 };
  bool ok = row_answered(&r->row[0], status, parsed(&mem, body, n));
  arena_release(&mem);
  return ok;
}

static bool deed_answered(const struct request *r, int status, const char *body)
{
  struct entry *o = &now.order[r->row[0].order];
  if (status == 503 || status == 429) return now.busy++, false;
  if (status != 200)
    broken("order %d: its %s is answered with %d: %.200s", r->row[0].order,
           o->deed == DEED_HOLD ? "hold" : "move", status, body);
  o->fate = FATE_DONE;
  now.promises++;
  return true;
}

/* Lines that are there so far, each once. */
static void lines_answered(struct request *r, const char *body, size_t n, bool *all)
{
  const char *at = body, *end;
  for (int i = 0; (end = memchr(at, '\n', (size_t)(body + n - at))); at = end + 1, i++) {
    struct arena mem = { 0 };
    if (i < r->lines_told) continue;
    const struct json *j = parsed(&mem, at, (size_t)(end - at));
    if (!j || !result_answered(r, j)) *all = false;
    r->lines_told = i + 1;
    arena_release(&mem);
  }
}

/* ---- answers ------------------------------------------------------------------------------------------------- */
struct answer {
  int status;
  struct buf body; /* as far as it came */
  bool whole, closes;
};

/* Chunks that are there whole; true at the last one. */
static bool unchunk(const char *p, const char *end, struct buf *out)
{
  for (;;) {
    const char *line = memmem(p, (size_t)(end - p), "\r\n", 2);
    if (!line) return false;
    size_t n = strtoul(p, NULL, 16);
    p = line + 2;
    if ((size_t)(end - p) < n + 2) {
      buf_put(out, p, (size_t)(end - p) < n ? (size_t)(end - p) : n);
      return false;
    }
    if (!n) return true;
    buf_put(out, p, n);
    p += n + 2;
  }
}

/* False: not even the head is there. */
static bool answer_read(const struct buf *in, struct answer *a)
{
  const char *end = in->len ? in->data + in->len : NULL,
             *body = end ? memmem(in->data, in->len, "\r\n\r\n", 4) : NULL;
  if (!body) return false;
  size_t head_n = (size_t)(body - in->data);
  body += 4;
  a->status = in->len > 12 ? (int)strtol(in->data + 9, NULL, 10) : 0;
  char *head = mem_new(head_n + 1);
  memcpy(head, in->data, head_n);
  const char *length = strcasestr(head, "\r\ncontent-length:");
  a->closes = strcasestr(head, "\r\nconnection: close") != NULL;
  if (strcasestr(head, "\r\ntransfer-encoding: chunked")) {
    a->whole = unchunk(body, end, &a->body);
  } else {
    size_t n = length ? strtoul(length + 17, NULL, 10) : 0;
    a->whole = (size_t)(end - body) >= n;
    buf_put(&a->body, body, a->whole ? n : (size_t)(end - body));
  }
  mem_free(head);
  return true;
}

/* What came so far. True when the answer is complete; *done: nothing has to be sent again. */
static bool link_answered(struct link *l, bool *done, bool *closes)
{
  struct answer a = { 0 };
  struct request *r = l->now;
  *done = false;
  if (!answer_read(&l->in, &a)) return false;
  *closes = a.whole && a.closes; /* else the rest is still to come */
  bool all = true;
  const char *body = a.body.data ? a.body.data : "";
  if (r->form == FORM_LINES && a.status == 200) {
    lines_answered(r, body, a.body.len, &all);
    *done = a.whole && all && r->lines_told == r->rows;
    if (a.whole && all && r->lines_told < r->rows)
      broken("a stream of %d lines is answered with %d", r->rows, r->lines_told);
  } else if (a.whole && r->form == FORM_DEED) {
    *done = deed_answered(r, a.status, body);
  } else if (a.whole && (a.status == 503 || a.status == 429)) {
    now.busy++;
  } else if (a.whole && r->form == FORM_BATCH && a.status == 207) {
    *done = batch_answered(r, body, a.body.len);
  } else if (a.whole) {
    *done = one_answered(r, a.status, body, a.body.len);
  }
  buf_release(&a.body);
  return a.whole;
}

/* ---- connections --------------------------------------------------------------------------------------------- */
static void link_close(struct link *l)
{
  if (l->fd >= 0) close(l->fd);
  l->fd = -1, l->in.len = 0, l->sent = 0;
  if (l->now) again_add(l->now);
  l->now = NULL;
}

static bool link_open(struct link *l)
{
  struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)now.live.port) };
  int on = 1;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  l->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  must(l->fd >= 0);
  if (connect(l->fd, (struct sockaddr *)&to, sizeof to) != 0) return link_close(l), false;
  setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  must(fcntl(l->fd, F_SETFL, O_NONBLOCK) == 0);
  return true;
}

static void link_write(struct link *l)
{
  while (l->now && l->sent < l->now->text.len) {
    ssize_t n = send(l->fd, l->now->text.data + l->sent, l->now->text.len - l->sent, MSG_NOSIGNAL);
    if (n < 0) return;
    l->sent += (size_t)n;
  }
}

static void link_next(struct link *l)
{
  l->in.len = l->sent = 0;
  l->now = request_next();
  link_write(l); /* nothing, when there is none */
}

/* Reads what is there; true when the connection is over. */
static bool link_read(struct link *l)
{
  char piece[65536];
  bool over = false, done, closes = false;
  for (;;) {
    ssize_t n = recv(l->fd, piece, sizeof piece, 0);
    if (n > 0) buf_put(&l->in, piece, (size_t)n);
    if (n > 0) continue;
    over = n == 0 || (errno != EAGAIN && errno != EINTR);
    if (n == 0 || errno != EINTR) break;
  }
  if (l->now && link_answered(l, &done, &closes)) {
    if (done) request_free(l->now);
    else again_add(l->now);
    l->now = NULL;
    if (!over && !closes) link_next(l);
  }
  return over || closes;
}

static void links_turn(int timeout_ms)
{
  struct pollfd fds[CONNECTIONS];
  for (int i = 0; i < CONNECTIONS; i++) {
    struct link *l = &now.link[i];
    if (l->fd < 0) link_open(l);
    if (l->fd >= 0 && !l->now) link_next(l);
    bool writes = l->now && l->sent < l->now->text.len;
    fds[i] = (struct pollfd){ .fd = l->fd, .events = (short)(POLLIN | (writes ? POLLOUT : 0)) };
  }
  if (poll(fds, CONNECTIONS, timeout_ms) <= 0) return;
  for (int i = 0; i < CONNECTIONS; i++) {
    if (fds[i].revents & POLLOUT) link_write(&now.link[i]);
    if (fds[i].revents & (POLLIN | POLLHUP | POLLERR) && link_read(&now.link[i])) link_close(&now.link[i]);
  }
}

/* What had been sent before the end is read still: it is a promise. */
static void links_drain(void)
{
  for (int i = 0; i < CONNECTIONS; i++) {
    struct link *l = &now.link[i];
    if (l->fd < 0) continue;
    struct pollfd p = { .fd = l->fd, .events = POLLIN };
    int64_t until = mono_ms() + 2000;
    bool done, closes = false;
    while (mono_ms() < until && poll(&p, 1, 100) > 0) {
      char piece[65536];
      ssize_t n = recv(l->fd, piece, sizeof piece, 0);
      if (n > 0) buf_put(&l->in, piece, (size_t)n);
      else if (n == 0 || errno != EAGAIN) break;
    }
    if (l->now && link_answered(l, &done, &closes) && done) request_free(l->now), l->now = NULL;
    link_close(l);
  }
}

static void load(int64_t ms)
{
  int64_t until = mono_ms() + ms;
  while (mono_ms() < until) links_turn(2);
}

/* ---- lives ------------------------------------------------------------------------------------------------------ */
static void stop_hard(void)
{
  live_kill(&now.live);
  now.kills++;
  links_drain();
}

/* Asked to stop under load: what was begun is answered, and it says that all went well. */
static void stop_soft(void)
{
  int64_t from = mono_ms();
  live_signal(&now.live, SIGTERM);
  while (!live_ended(&now.live, 0) && mono_ms() - from < STOP_MAX_MS) {
    struct pollfd fds[CONNECTIONS];
    for (int i = 0; i < CONNECTIONS; i++) fds[i] = (struct pollfd){ .fd = now.link[i].fd, .events = POLLIN };
    poll(fds, CONNECTIONS, 2);
    for (int i = 0; i < CONNECTIONS; i++)
      if (fds[i].revents && now.link[i].fd >= 0 && link_read(&now.link[i])) link_close(&now.link[i]);
  }
  int64_t ms = mono_ms() - from;
  if (!live_ended(&now.live, 0)) broken("SIGTERM did not end it"), live_kill(&now.live);
  else if (live_exit(&now.live) != 0) broken("SIGTERM ended it with %d", live_exit(&now.live));
  if (ms > now.stop_ms_max) now.stop_ms_max = ms;
  now.terms++;
  links_drain();
}

static bool start(void)
{
  struct arena mem = { 0 };
  while (dice(6) == 0 && now.live.port) { /* not even up, and killed again */
    live_spawn(&now.live);
    usleep((useconds_t)dice(40000));
    bool ended = live_ended(&now.live, 0);
    if (ended) broken("it ended by itself with %d: %s", live_exit(&now.live), live_said(&now.live, &mem));
    live_kill(&now.live);
    now.early++, now.kills++;
  }
  bool ok = live_start(&now.live);
  if (!ok) broken("it does not start any more");
  if (ok && now.readies < KILLS_MAX) now.ready[now.readies++] = now.live.ready_ms;
  if (ok && now.live.ready_ms > READY_MAX_MS)
    broken("ready only after %lld ms", (long long)now.live.ready_ms);
  arena_release(&mem);
  return ok;
}

/* Orders promised in the last life are there, as promised or newer. */
static void sample(void)
{
  int have = now.recents < (int)COUNT(now.recent) ? now.recents : (int)COUNT(now.recent);
  for (int i = 0; i < SAMPLE_MAX && have; i++) {
    struct arena mem = { 0 };
    struct httpc_answer out;
    int n = now.recent[i < 6 ? (now.recents - 1 - i % have) % (int)COUNT(now.recent) : dice(have)];
    if (!now.order[n].shown) continue; /* only taken so far */
    int status =
      live_call(&now.live, &mem, "GET", arena_printf(&mem, "/v1/orders/kill-%d:K%07d", n % 3, n), NULL, &out);
    const struct json *j = status == 200 ? parsed(&mem, out.body, out.body_n) : NULL;
    const char *total = json_string(json_get(json_get(j, "total"), "amount"));
    int serial = total ? (int)strtol(total, NULL, 10) : -1;
    if (status != 200) broken("order %d was promised and is answered with %d", n, status);
    else if (serial < now.order[n].shown || serial > now.order[n].sent || id_of(j) != now.order[n].id)
      broken("order %d: serial %d was promised, %d is there", n, now.order[n].shown, serial);
    now.samples++;
    arena_release(&mem);
  }
  now.recents = 0;
}

/* ---- the end: row by row ------------------------------------------------------------------------------------------ */
static bool flying(void)
{
  for (int i = 0; i < CONNECTIONS; i++)
    if (now.link[i].now) return true;
  return now.again != NULL;
}

static bool payloads_wait(void)
{
  struct arena mem = { 0 };
  struct httpc_answer out;
  bool wait = live_call(&now.live, &mem, "GET", "/v1/payloads?state=pending&limit=1", NULL, &out) != 200 ||
              !strstr(out.body, "\"data\":[]");
  arena_release(&mem);
  return wait;
}

/* Nothing new; everything gets its answer, and what was only taken is applied. */
static void settle(void)
{
  int64_t until = mono_ms() + SETTLE_MS;
  now.settling = true;
  while (flying() && mono_ms() < until) links_turn(5);
  if (flying()) broken("requests without an answer");
  while (payloads_wait() && mono_ms() < until) poll(NULL, 0, 50);
  if (payloads_wait()) broken("taken payloads wait for ever");
}

static void must_be(struct db *db, const char *sql, int64_t want, const char *what)
{
  struct stmt *s = db_prepare(db, sql);
  int64_t v = stmt_row(s) ? stmt_col_int(s, 0) : -1;
  stmt_end(s), stmt_drop(s);
  if (v != want) broken("%s: %lld, not %lld", what, (long long)v, (long long)want);
}

static int order_number(const char *ext)
{
  long n = ext && ext[0] == 'K' ? strtol(ext + 1, NULL, 10) : -1;
  return n >= 0 && n < now.orders ? (int)n : -1;
}

static void rows_compare(struct db *db)
{
  unsigned char *seen = mem_new((size_t)now.orders + 1);
  struct stmt *s = db_prepare(db, "SELECT external_id, id, total / 100, remark_seller FROM orders");
  while (stmt_row(s)) {
    int n = order_number(stmt_col_text(s, 0)), serial = (int)stmt_col_int(s, 2);
    const char *seller = stmt_col_text(s, 3);
    if (n < 0 || seen[n]++) {
      broken("order %s is there twice, or was never sent", stmt_col_text(s, 0));
      continue;
    }
    const struct entry *o = &now.order[n];
    bool as_told = serial >= o->told && serial <= o->sent && seller && seller[0] == 's' &&
                   strtol(seller + 1, NULL, 10) == serial;
    if (!as_told || (o->id && o->id != stmt_col_int(s, 1)))
      broken("order %d: serial %d was promised, %d is there", n, o->told, serial);
  }
  stmt_end(s), stmt_drop(s);
  for (int n = 0; n < now.orders; n++)
    if (!seen[n] && now.order[n].told) broken("order %d was promised and is lost", n);
  mem_free(seen);
}

static void deeds_compare(struct db *db)
{
  static const char sql[] =
    "SELECT o.external_id, (SELECT count(*) FROM events e WHERE e.entity = o.id AND e.kind = 'o'"
    " AND e.type = 'order.hold'), (SELECT count(*) FROM events e WHERE e.entity = o.id AND e.kind = 'o'"
    " AND e.type = 'order.status'), (SELECT count(*) FROM holds h WHERE h.order_id = o.id), o.status FROM orders o";
  struct stmt *s = db_prepare(db, sql);
  while (stmt_row(s)) {
    int n = order_number(stmt_col_text(s, 0));
    if (n < 0) continue;
    const struct entry *o = &now.order[n];
    int64_t holds = stmt_col_int(s, 1), moves = stmt_col_int(s, 2), held = stmt_col_int(s, 3);
    bool split = !strcmp(stmt_col_text(s, 4), "split");
    bool right = o->deed == DEED_HOLD   ? holds == 1 && held == 1 && !moves
                 : o->deed == DEED_MOVE ? moves == 1 && split && !holds
                                        : !holds && !moves && !held;
    if (!right)
      broken("order %d: deed %d, but %lld holds, %lld moves, status %s", n, o->deed, (long long)holds,
             (long long)moves, stmt_col_text(s, 4));
  }
  stmt_end(s), stmt_drop(s);
}

static void file_compare(void)
{
  const char *why = "";
  char path[600];
  snprintf(path, sizeof path, "%s/orderd.db", now.live.data);
  struct db *db = db_open(&now.mem, path, DB_READ, &why);
  if (!db) {
    broken("%s: %s", path, why);
    return;
  }
  rows_compare(db);
  deeds_compare(db);
  must_be(db, "SELECT count(*) FROM payloads WHERE state <> 'applied'", 0, "payloads that were not applied");
  must_be(
    db,
    "SELECT count(*) FROM (SELECT entity FROM events WHERE type = 'order.created' GROUP BY entity HAVING count(*) > 1)",
    0, "orders that were created twice");
  db_close(db);
}

static void whole_check(const char *when)
{
  const char *said;
  int status = live_run(&now.live, &now.mem, &said, "check", NULL);
  if (status) broken("orderd check %s: exit %d: %s", when, status, said);
}

/* ---- first starts that are killed ---------------------------------------------------------------------------------- */
static void fresh(int kills)
{
  for (int i = 0; i < kills; i++) {
    struct arena mem = { 0 };
    const char *dir = live_scratch(&mem, "fresh");
    struct live l;
    live_init(&l, &mem, dir);
    for (int times = 1 + dice(3); times; times--) {
      live_spawn(&l);
      usleep((useconds_t)dice(30000));
      if (live_ended(&l, 0))
        broken("a first start ended by itself with %d: %s", live_exit(&l), live_said(&l, &mem));
      live_kill(&l);
      now.first++;
    }
    struct httpc_answer out;
    live_spawn(&l);
    if (!live_ready(&l, 10000))
      broken("after a first start that was killed it does not start: %s", live_said(&l, &mem));
    else if (!live_token(&l, 3000)) broken("after a first start that was killed there is no admin.token");
    else if (live_call(&l, &mem, "GET", "/v1/tokens", NULL, &out) != 200) broken("admin.token opens nothing");
    live_kill(&l);
    live_scratch_remove(dir);
    arena_release(&mem);
  }
}

/* ---- the program ------------------------------------------------------------------------------------------------------ */
static void conf_write(void)
{
  static const char text[] =
    "[intake]\nsurge_queue = 120\n[log]\nlevel = info\n[server]\nlisten = 127.0.0.1:0\n";
  char path[600];
  must(dir_make(now.live.data, 0700));
  snprintf(path, sizeof path, "%s/orderd.conf", now.live.data);
  must(file_write(path, text, strlen(text), 0600));
}

static int by_size(const void *a, const void *b)
{
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return x < y ? -1 : x > y;
}

static void report(int64_t ms)
{
  int n = now.readies;
  qsort(now.ready, (size_t)n, sizeof now.ready[0], by_size);
  printf(
    "kill: %d kills of a first start; %d kills (%d of them while starting), %d SIGTERM, %lld s: %d orders, %lld requests, %lld of them sent again, "
    "%lld promises, %lld only taken at first, %lld busy\n",
    now.first, now.kills, now.early, now.terms, (long long)(ms / 1000), now.orders, (long long)now.requests,
    (long long)now.repeated, (long long)now.promises, (long long)now.taken, (long long)now.busy);
  if (n)
    printf(
      "kill: ready after a start: median %lld ms, p99 %lld ms, at most %lld ms of %d; stopping took at most %lld ms; "
      "%lld orders asked for after a start\n",
      (long long)now.ready[n / 2], (long long)now.ready[n * 99 / 100], (long long)now.ready[n - 1], n,
      (long long)now.stop_ms_max, (long long)now.samples);
}

struct plan {
  int64_t kills, seconds;
};

static bool plan_read(int argc, char **argv, struct plan *p)
{
  for (int i = 1; i < argc; i++) {
    int64_t *to = !strcmp(argv[i], "--kills")     ? &p->kills
                  : !strcmp(argv[i], "--seconds") ? &p->seconds
                                                  : NULL;
    if (!strcmp(argv[i], "--slice")) continue;
    if (to && ++i == argc) return false;
    char *end;
    int64_t n = (int64_t)strtoull(argv[i], &end, 10);
    if (*end) return false;
    if (to) *to = n;
    else now.seed = (uint64_t)n;
  }
  if (p->seconds && !p->kills) p->kills = KILLS_MAX;
  if (!p->kills) p->kills = SLICE_KILLS;
  return true;
}

static void one_life(void)
{
  load(dice(8) ? dice(250) : 0);
  if (dice(10)) stop_hard();
  else stop_soft();
}

int main(int argc, char **argv)
{
  struct plan p = { 0 };
  int64_t from = mono_ms();
  now.seed = 1, now.again_end = &now.again;
  if (!plan_read(argc, argv, &p)) {
    fprintf(stderr, "usage: %s [--slice] [--seconds N] [--kills N] [SEED]\n", argv[0]);
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  log_open(LOG_ERROR, false);
  now.order = mem_new(sizeof *now.order * ORDERS_MAX);
  for (int i = 0; i < CONNECTIONS; i++) now.link[i].fd = -1;
  const char *dir = live_scratch(&now.mem, "kill");
  live_init(&now.live, &now.mem, dir);
  conf_write();
  fresh(FRESH_KILLS);
  bool on = start();
  while (on && now.kills < p.kills && (!p.seconds || mono_ms() - from < p.seconds * 1000)) {
    one_life();
    on = start();
    if (on) sample();
  }
  if (on) {
    settle();
    whole_check("of the live file");
    links_drain();
    stop_soft();
    whole_check("of the file");
    file_compare();
  }
  live_kill(&now.live);
  report(mono_ms() - from);
  if (now.broken) printf("kill: the directory stays: %s\n", dir);
  else live_scratch_remove(dir);
  printf("%d passed, %lld failed\n", now.first + now.kills + now.terms, (long long)now.broken);
  return now.broken != 0;
}
