/* intake.c: orders as NDJSON, a stream of any length.
 *
 *   bytes ─► lines ─► commands, at most INTAKE_WINDOW or INTAKE_BYTES under way ─► result lines, in the order of
 *   the input
 *
 * Reading stops while the window is full, the writer has too much to do, or the client does not take its results;
 * so a stream costs the same memory whether it has ten lines or ten million. A client that goes away in the
 * middle leaves the complete lines it had sent applied, and the half one is not. */
#include "edge.h"

struct row {
  struct cmd *c; /* under way; NULL: the text is ready */
  struct buf text;
};
struct intake {
  struct intake *next;
  struct call *k;
  struct buf in;     /* bytes not yet taken; from at on */
  size_t at, looked; /* no line end before looked */
  bool skipping;     /* a line that is too long: until its end */
  bool ended;        /* the body is complete */
  bool gone;
  bool begun; /* the head of the answer is out */
  bool paused, wrote_wanted, working;
  int64_t index; /* of the next line */
  struct row ring[INTAKE_WINDOW];
  size_t first, n;
  size_t bytes; /* of the lines under way */
};

static void intake_work(struct intake *t);

/* ---- result lines -------------------------------------------------------------------------------------------------- */
static void row_problem(struct jw *w, const struct cmd *c, enum err e, const struct problem *p)
{
  struct buf text = { 0 };
  if (c && c->job.err) cmd_problem(c, &text);
  else problem_put(&text, e, err_http(e), p);
  jw_key(w, "problem");
  jw_raw(w, text.data, text.len);
  buf_release(&text);
}

static void row_put(struct buf *out, int64_t index, const struct cmd *c, enum err e, const struct problem *p)
{
  struct jw w;
  jw_init(&w, out), jw_object(&w);
  jw_kint(&w, "index", index);
  jw_kint(&w, "status", e ? err_http(e) : c->status);
  if (e) {
    row_problem(&w, c, e, p);
  } else {
    jw_kstring(&w, "result", ingest_result_name((enum ingest_result)c->numbers[2]));
    bool is_there = c->numbers[0] && !(c->dry_run && c->numbers[2] == INGEST_CREATED);
    if (is_there) jw_id(&w, "id", 'o', c->numbers[0]);
    if (c->status == 202) jw_id(&w, "payload", 'p', c->numbers[1]);
  }
  jw_object_end(&w);
}

void order_row_put(struct buf *out, int64_t index, const struct cmd *c, enum err e)
{
  row_put(out, index, c, e, &c->problem);
}

static void row_refuse(struct intake *t, struct row *row, enum err e, const char *code, const char *detail)
{
  struct problem p = { .code = code, .detail = detail };
  row_put(&row->text, t->index, NULL, e, &p);
  buf_char(&row->text, '\n');
}

/* ---- lines to commands ------------------------------------------------------------------------------------------------ */
/* One slot per line under way; which line it is, the command knows. */
struct line_owner {
  struct intake *t;
  struct row *row;
  int64_t index;
  size_t n;
};

static void line_done(struct cmd *c)
{
  struct line_owner *o = c->owner;
  struct row *row = o->row;
  struct intake *t = o->t;
  order_row_put(&row->text, o->index, c, cmd_err(c));
  buf_char(&row->text, '\n');
  row->c = NULL;
  t->bytes -= o->n;
  api_cmd_free(t->k->api, c); /* results go out together, at the end of api_collect */
}

static struct row *row_next(struct intake *t)
{
  must(t->n < INTAKE_WINDOW);
  struct row *row = &t->ring[(t->first + t->n++) % INTAKE_WINDOW];
  row->text.len = 0;
  return row;
}

static void line_start(struct intake *t, const char *line, size_t n)
{
  struct api *api = t->k->api;
  struct row *row = row_next(t);
  struct cmd *c = row->c = order_cmd(t->k, api_surge(api));
  enum err e = api->disk_full && !t->k->r->local_admin ? ERR_DISK_FULL : cmd_parse(c, line, n);
  struct line_owner *o = arena_new(&c->mem, struct line_owner);
  *o = (struct line_owner){ t, row, t->index, n };
  if (!e && !api_push(api, c, line_done, o)) e = ERR_BUSY;
  if (!e) t->bytes += n;
  if (e) {
    order_row_put(&row->text, t->index, c, e);
    buf_char(&row->text, '\n');
    row->c = NULL;
    api_cmd_free(api, c);
  }
  t->index++;
}

static bool line_blank(const char *s, size_t n)
{
  while (n && (*s == ' ' || *s == '\t' || *s == '\r')) s++, n--;
  return !n;
}

static void line_take(struct intake *t, const char *line, size_t n)
{
  if (t->skipping) {
    t->skipping = false; /* its row was written when it became too long */
  } else if (n > INTAKE_LINE_MAX) {
    row_refuse(t, row_next(t), ERR_TOO_LARGE, "line_too_long", "A line has at most 1 MiB.");
    t->index++;
  } else if (!line_blank(line, n)) {
    line_start(t, line, n);
  }
}

/* Room for one more line, here and at the writer. In a rush a stream waits for its turn, a line at a time, where
 * a single order would be taken and answered 202: who sends a stream can wait. */
static bool may_take(struct intake *t)
{
  const struct api *api = t->k->api;
  if (t->n >= INTAKE_WINDOW || t->bytes >= INTAKE_BYTES) return false;
  if (api->pending > api->rules->rules.surge_pending) return false;
  if (t->n && api_surge(api)) return false;
  return t->gone || http_stream_queued(t->k->r) <= INTAKE_ANSWER_AHEAD;
}

/* The bytes up to the next line end; at the end of the body, the rest. */
static bool line_next(struct intake *t, const char **line, size_t *n)
{
  size_t left = t->in.len - t->at;
  const char *from = t->in.data + t->at;
  const char *end = left > t->looked ? memchr(from + t->looked, '\n', left - t->looked) : NULL;
  t->looked = left;
  if (!end && !(t->ended && left)) return false;
  *line = from;
  *n = end ? (size_t)(end - from) : left;
  t->at += *n + (end != NULL);
  t->looked = 0;
  return true;
}

/* What is over the limit is not kept; its row is written at once. */
static void line_overlong(struct intake *t)
{
  size_t left = t->in.len - t->at;
  if (left <= INTAKE_LINE_MAX + 1 || t->n >= INTAKE_WINDOW) return;
  if (!t->skipping) {
    row_refuse(t, row_next(t), ERR_TOO_LARGE, "line_too_long", "A line has at most 1 MiB.");
    t->index++;
  }
  t->skipping = true;
  t->in.len = t->at = t->looked = 0;
}

static void in_compact(struct intake *t)
{
  if (t->at == t->in.len) {
    t->in.len = t->at = 0;
    if (t->in.cap > (256 << 10)) buf_release(&t->in);
  } else if (t->at > (64 << 10)) {
    memmove(t->in.data, t->in.data + t->at, t->in.len - t->at);
    t->in.len -= t->at, t->at = 0;
  }
}

static void lines_take(struct intake *t)
{
  const char *line;
  size_t n;
  while (may_take(t) && line_next(t, &line, &n)) line_take(t, line, n);
  line_overlong(t);
  in_compact(t);
}

/* ---- pace --------------------------------------------------------------------------------------------------------------------- */
static void on_wrote(struct http_request *r)
{
  struct call *k = r->user;
  if (!k->intake) return;
  k->intake->wrote_wanted = false;
  intake_work(k->intake);
}

static void rows_flush(struct intake *t)
{
  struct buf out = { 0 };
  while (t->n && !t->ring[t->first].c && out.len < INTAKE_ANSWER_AHEAD) {
    struct row *row = &t->ring[t->first];
    buf_put(&out, row->text.data, row->text.len);
    if (row->text.cap > 4096) buf_release(&row->text);
    t->first = (t->first + 1) % INTAKE_WINDOW;
    t->n--;
  }
  if (out.len && !t->gone) {
    if (!t->begun) http_stream_begin(t->k->r, 200, "application/x-ndjson", NULL);
    t->begun = true;
    bool behind = http_stream_queued(t->k->r) + out.len > INTAKE_ANSWER_AHEAD;
    http_stream_write(t->k->r, out.data, out.len, behind ? on_wrote : NULL);
    t->wrote_wanted = behind;
  }
  buf_release(&out);
}

static void reading_set(struct intake *t)
{
  bool pause = t->in.len > t->at && (t->in.len - t->at > t->looked || t->n >= INTAKE_WINDOW);
  pause = pause || t->wrote_wanted;
  if (pause == t->paused || t->gone || t->ended) return;
  t->paused = pause;
  if (pause) http_pause(t->k->r);
  else http_resume(t->k->r);
}

static void intake_free(struct intake *t)
{
  struct intake **at = &t->k->api->intakes;
  while (*at != t) at = &(*at)->next;
  *at = t->next;
  for (size_t i = 0; i < INTAKE_WINDOW; i++) buf_release(&t->ring[i].text);
  buf_release(&t->in);
  mem_free(t);
}

/* Everything is answered: let go of the request. */
static void intake_finish(struct intake *t)
{
  struct call *k = t->k;
  k->intake = NULL;
  bool gone = t->gone, begun = t->begun;
  intake_free(t);
  if (gone) {
    http_drop(k->r);
    return;
  }
  if (!begun) http_stream_begin(k->r, 200, "application/x-ndjson", NULL);
  k->api->answers[2]++;
  http_stream_end(k->r);
}

static bool lines_left(const struct intake *t)
{
  size_t left = t->in.len - t->at;
  return t->gone ? left && memchr(t->in.data + t->at, '\n', left) != NULL : left > 0;
}

static void intake_work(struct intake *t)
{
  if (t->working) return;
  t->working = true;
  size_t before;
  do {
    before = t->n;
    if (!t->wrote_wanted) rows_flush(t);
    if (!t->wrote_wanted) lines_take(t);
  } while (before == INTAKE_WINDOW && t->n < INTAKE_WINDOW);
  if (!t->wrote_wanted) rows_flush(t);
  t->working = false;
  reading_set(t);
  if ((t->ended || t->gone) && !t->n && !lines_left(t) && !t->wrote_wanted) intake_finish(t);
}

/* ---- from the request ------------------------------------------------------------------------------------------------------------- */
void intake_begin(struct call *k)
{
  struct intake *t = k->intake = mem_new(sizeof *t);
  t->k = k;
  t->next = k->api->intakes, k->api->intakes = t;
}

bool intake_data(struct call *k, const char *p, size_t n)
{
  buf_put(&k->intake->in, p, n);
  intake_work(k->intake);
  return true;
}

void intake_end(struct call *k)
{
  k->intake->ended = true;
  intake_work(k->intake);
}

void intake_gone(struct call *k)
{
  k->intake->gone = true;
  k->intake->wrote_wanted = false;
  intake_work(k->intake);
}

void intake_kick(struct api *api)
{
  for (struct intake *t = api->intakes, *next; t; t = next) {
    next = t->next;
    intake_work(t);
  }
}
