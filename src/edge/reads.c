/* reads.c: reading, on the pool's threads, each with a read-only connection.
 *
 *   quick ──┐  what came in one turn of the loop goes together: one thread, one transaction
 *           ├─► at most READERS_OPEN at work ──► done() on the loop
 *   heavy ──┘  alone, and never on all of them: a quick one always finds a connection
 *
 * What was read may be a moment ahead of the disk: then the answer waits until it is durable (reads_durable), so that
 * nobody is told what a power cut could take back.
 * Memory of a read belongs to the thread while it runs, to the loop afterwards. */
#include "edge.h"
#include <stdio.h>
#include <uv.h>

struct read_list {
  struct read *head, *tail;
  size_t n;
};

struct reads {
  struct api *api;
  uv_check_t check;
  uv_prepare_t prepare;
  int handles;
  struct read_list quick, heavy;
  struct read_work *held, **held_end; /* read, not yet durable; in the order in which they came back */
  int working, heavy_working;
};

struct read_work {
  uv_work_t work;
  struct reads *s;
  struct read *list;
  struct read_work *next;
  int64_t upto; /* the batch that must be durable before anybody is told */
  bool heavy;
};

static void list_add(struct read_list *l, struct read *rd)
{
  rd->next = NULL;
  if (l->tail) l->tail->next = rd;
  else l->head = rd;
  l->tail = rd;
  l->n++;
}

static struct read *list_take(struct read_list *l, size_t most)
{
  struct read *first = l->head, *last = first;
  size_t n = 1;
  while (n < most && last->next) last = last->next, n++;
  l->head = last->next;
  if (!l->head) l->tail = NULL;
  l->n -= n;
  last->next = NULL;
  return first;
}

/* ---- on the pool ------------------------------------------------------------------------------------------- */
static void work_run(uv_work_t *w)
{
  struct read_work *work = w->data;
  struct db *db = readers_take(work->s->api->readers);
  work->upto = db ? db_batch(db) : 0;
  for (struct read *rd = work->list; rd; rd = rd->next) rd->err = db ? rd->run(rd, db) : ERR_BUSY;
  if (db) readers_give(work->s->api->readers, db);
}

/* ---- on the loop --------------------------------------------------------------------------------------------- */
static void dispatch(struct reads *s);

static void work_tell(struct read_work *work)
{
  for (struct read *rd = work->list, *next; rd; rd = next) {
    next = rd->next;
    rd->done(rd);
  }
  mem_free(work);
}

static void work_done(uv_work_t *w, int status)
{
  (void)status;
  struct read_work *work = w->data;
  struct reads *s = work->s;
  s->working--;
  if (work->heavy) s->heavy_working--;
  work->next = NULL;
  *s->held_end = work, s->held_end = &work->next;
  reads_durable(s);
  dispatch(s);
}

void reads_durable(struct reads *s)
{
  if (!s->held) return;
  int64_t upto = writer_durable(s->api->writer);
  for (struct read_work **at = &s->held, *work; (work = *at);) {
    if (work->upto > upto) {
      at = &work->next;
      continue;
    }
    *at = work->next;
    if (!*at) s->held_end = at;
    work_tell(work);
  }
}

static void work_start(struct reads *s, struct read_list *l, size_t most, bool heavy)
{
  struct read_work *work = mem_new(sizeof *work);
  work->work.data = work, work->s = s, work->heavy = heavy;
  work->list = list_take(l, most);
  s->working++;
  if (heavy) s->heavy_working++;
  must(!uv_queue_work(s->api->loop, &work->work, work_run, work_done));
}

static void dispatch(struct reads *s)
{
  while (s->quick.n && s->working < READERS_OPEN) work_start(s, &s->quick, READ_BATCH_MAX, false);
  while (s->heavy.n && s->working < READERS_OPEN && s->heavy_working < READERS_OPEN - 1)
    work_start(s, &s->heavy, 1, true);
}

/* Twice per turn of the loop: after its input, and before it sleeps (a timer may have asked). */
static void on_check(uv_check_t *c)
{
  dispatch(c->data);
}

static void on_prepare(uv_prepare_t *p)
{
  dispatch(p->data);
}

struct reads *reads_open(struct api *api)
{
  struct reads *s = mem_new(sizeof *s);
  s->api = api;
  s->held_end = &s->held;
  s->check.data = s->prepare.data = s;
  s->handles = 2;
  uv_check_init(api->loop, &s->check);
  uv_prepare_init(api->loop, &s->prepare);
  uv_check_start(&s->check, on_check);
  uv_prepare_start(&s->prepare, on_prepare);
  return s;
}

bool reads_idle(const struct reads *s)
{
  return !s->working && !s->quick.n && !s->heavy.n && !s->held;
}

static void handle_closed(uv_handle_t *h)
{
  struct reads *s = h->data;
  if (!--s->handles) mem_free(s);
}

void reads_close(struct reads *s)
{
  must(reads_idle(s));
  uv_close((uv_handle_t *)&s->check, handle_closed);
  uv_close((uv_handle_t *)&s->prepare, handle_closed);
}

struct read *read_new(struct api *api, struct call *k)
{
  struct read *rd = mem_new(sizeof *rd);
  rd->api = api, rd->call = k;
  rd->rules = rules_box_hold(api->rules);
  return rd;
}

void read_free(struct read *rd)
{
  rules_box_drop(rd->rules);
  buf_release(&rd->out);
  arena_release(&rd->mem);
  mem_free(rd);
}

static struct read_list *list_of(const struct read *rd)
{
  return rd->heavy ? &rd->api->reads->heavy : &rd->api->reads->quick;
}

void read_start_always(struct read *rd)
{
  list_add(list_of(rd), rd);
}

bool read_start(struct read *rd)
{
  if (list_of(rd)->n >= READ_QUEUE_MAX) return false;
  read_start_always(rd);
  return true;
}

/* ---- a call's read ------------------------------------------------------------------------------------------------ */
static void busy(struct call *k, const char *why)
{
  call_refuse(k, ERR_BUSY, "too_busy_to_read", NULL, "%s", why);
}

void read_or_refuse(struct read *rd)
{
  struct call *k = rd->call;
  if (read_start(rd)) return;
  read_free(rd);
  busy(k, "Too many reads wait already; try again.");
}

void read_call(struct call *k)
{
  struct read *rd = read_new(k->api, k);
  rd->run = k->route->read, rd->done = read_reply, rd->heavy = k->route->heavy;
  read_or_refuse(rd);
}

#define URL_PLAIN "-._~"
/* also: what may stand as it is besides letters and digits. */
static void url_put(struct buf *out, const char *s, const char *also)
{
  for (; *s; s++) {
    unsigned char c = (unsigned char)*s;
    bool plain =
      (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || strchr(also, c);
    if (plain) buf_char(out, (char)c);
    else buf_printf(out, "%%%02X", c);
  }
}

static void link_put(struct buf *out, const struct http_request *r, const char *cursor)
{
  buf_str(out, "Link: <");
  url_put(out, r->path, "/:-._~"); /* it was decoded */
  buf_char(out, '?');
  for (size_t i = 0; i < r->query_n; i++) {
    if (!strcmp(r->query[i].name, "cursor")) continue;
    url_put(out, r->query[i].name, URL_PLAIN);
    buf_char(out, '=');
    url_put(out, r->query[i].value, URL_PLAIN);
    buf_char(out, '&');
  }
  buf_str(out, "cursor=");
  url_put(out, cursor, URL_PLAIN);
  buf_str(out, ">; rel=\"next\"\r\n");
}

static void read_answer(struct read *rd)
{
  struct call *k = rd->call;
  struct buf headers = { 0 };
  if (rd->version) buf_printf(&headers, "ETag: \"%lld\"\r\n", (long long)rd->version);
  if (rd->cursor) link_put(&headers, k->r, rd->cursor);
  if (rd->headers) buf_str(&headers, rd->headers);
  const char *type = rd->type ? rd->type : "application/json";
  k->api->answers[2]++;
  http_reply(k->r, 200, type, headers.data, rd->out.data ? rd->out.data : "", rd->out.len);
  buf_release(&headers);
}

static void read_refuse(struct read *rd)
{
  struct call *k = rd->call;
  if (rd->err == ERR_BUSY) busy(k, "Reading took too long and was cut; ask for less, or try again.");
  else call_refuse(k, rd->err, NULL, NULL, "%s", rd->why ? rd->why : err_title(rd->err));
}

/* What was shown in full is noted before it is shown. */
void read_reply(struct read *rd)
{
  struct call *k = rd->call;
  if (!rd->err && rd->seen_n && !seen_room(k->api->seen, rd->seen_n))
    busy(k, "What was shown cannot be noted right now; try again.");
  else if (rd->err) read_refuse(rd);
  else {
    if (rd->seen_n) seen_add(k->api->seen, k->who.name, rd->what, rd->seen, rd->seen_n);
    read_answer(rd);
  }
  read_free(rd);
}

/* ---- query values ---------------------------------------------------------------------------------------------------- */
enum err read_bad(struct read *rd, const char *why)
{
  rd->why = why;
  return ERR_BAD_REQUEST;
}

const char *read_query(struct read *rd, const char *name)
{
  const char *v = http_query(rd->call->r, name);
  return v && *v ? v : NULL;
}

static bool number_read(const char *s, int64_t *out)
{
  size_t n = strlen(s);
  if (!n || n > 18 || strspn(s, "0123456789") != n) return false;
  *out = 0;
  for (; *s; s++) *out = *out * 10 + (*s - '0');
  return true;
}

enum err read_limit(struct read *rd, int *limit)
{
  const char *v = http_query(rd->call->r, "limit");
  int64_t n = 50;
  if (v && (!number_read(v, &n) || n < 1 || n > LIST_LIMIT_MAX))
    return read_bad(rd, arena_printf(&rd->mem, "limit is a number from 1 to %d", LIST_LIMIT_MAX));
  *limit = (int)n;
  return ERR_OK;
}

enum err read_number(struct read *rd, const char *name, int64_t *out)
{
  const char *v = http_query(rd->call->r, name);
  if (!v || number_read(v, out)) return ERR_OK;
  return read_bad(rd, arena_printf(&rd->mem, "%s is a whole number", name));
}

enum err read_time(struct read *rd, const char *name, int64_t *ms)
{
  const char *v = read_query(rd, name);
  if (!v || time_parse(v, ms)) return ERR_OK;
  return read_bad(rd, arena_printf(&rd->mem, "%s is a time with a zone, like 2026-11-11T00:00:00Z", name));
}

enum err read_flag(struct read *rd, const char *name, int *flag)
{
  const char *v = read_query(rd, name);
  *flag = !v ? 0 : !strcmp(v, "true") ? 1 : !strcmp(v, "false") ? -1 : 2;
  return *flag == 2 ? read_bad(rd, arena_printf(&rd->mem, "%s is true or false", name)) : ERR_OK;
}

enum err read_id(struct read *rd, const char *name, char kind, int64_t *id)
{
  const char *v = read_query(rd, name);
  if (!v || id_parse(v, kind, id)) return ERR_OK;
  return read_bad(rd, arena_printf(&rd->mem, "%s is an id like %c_1", name, kind));
}
