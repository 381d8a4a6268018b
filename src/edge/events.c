/* events.c: the journal, as a list and live.
 *
 * All watchers that have caught up share one read: a commit starts it (at most one at a time, a short pause
 * between two), and what it brings is written to each. A watcher that begins in the past, looks at one entity
 * only, or takes its bytes too slowly, reads pages on its own until it has caught up; what waits for a watcher
 * is therefore bounded, and nobody's slowness costs anybody else an event. */
#include "edge.h"
#include <stdio.h>
#include <strings.h>
#include <uv.h>

struct watcher {
  struct watcher *next;
  struct feed *feed;
  struct call *k;
  int64_t sent; /* the last seq that was written */
  int64_t token_id;
  struct event_filter only; /* kind 0: everything */
  bool live;                /* gets what the shared read brings */
  bool reading;             /* its own read is under way */
  bool full;                /* waits for its bytes to leave */
  bool wrote_wanted;        /* wrote() will come */
  bool news;                /* a commit since its last own read began */
  bool gone, ended;
};
struct feed {
  struct api *api;
  struct watcher *watchers;
  size_t n;
  int64_t head; /* what the live ones have got */
  bool reading, news, closing, pausing;
  uv_timer_t pause;
  int64_t beat_ms;
};

/* ---- "[{"seq":1,…},{…}]" into frames, pure ------------------------------------------------------------------------- */
/* The end of the JSON value that begins at s with '{'. */
static const char *object_end(const char *s, const char *end)
{
  int depth = 0;
  bool text = false;
  for (; s < end; s++) {
    if (text) {
      if (*s == '\\') s++;
      else if (*s == '"') text = false;
    } else if (*s == '"') {
      text = true;
    } else if (*s == '{' || *s == '[') {
      depth++;
    } else if ((*s == '}' || *s == ']') && --depth == 0) {
      return s + 1;
    }
  }
  return NULL;
}

static int64_t seq_of(const char *object, const char *end)
{
  static const char KEY[] = "\"seq\":";
  const char *p = memmem(object, (size_t)(end - object), KEY, sizeof KEY - 1);
  int64_t seq = 0;
  must(p);
  for (p += sizeof KEY - 1; p < end && *p >= '0' && *p <= '9'; p++) seq = seq * 10 + (*p - '0');
  return seq;
}

size_t frames_put(struct buf *out, const char *events, size_t n, struct frame *at, size_t max)
{
  const char *end = events + n, *p = memchr(events, '[', n), *stop;
  size_t count = 0;
  for (p = p ? p + 1 : end; p < end && *p == '{' && count < max; p = stop + (stop < end && *stop == ',')) {
    stop = object_end(p, end);
    if (!stop) break;
    at[count] = (struct frame){ seq_of(p, stop), out->len };
    buf_str(out, "id: ");
    buf_int(out, at[count].seq);
    buf_str(out, "\ndata: ");
    buf_put(out, p, (size_t)(stop - p));
    buf_str(out, "\n\n");
    count++;
  }
  return count;
}

/* ---- one page, on the pool --------------------------------------------------------------------------------------------- */
struct page {
  struct event_filter filter;
  bool from_head; /* only find out where the journal ends */
  struct frame at[FEED_PAGE];
  size_t n;
  int64_t last;
  struct watcher *w; /* NULL: the shared read */
};

static enum err page_run(struct read *rd, struct db *db)
{
  struct page *g = rd->args;
  if (g->from_head) {
    g->last = journal_head(db);
    return ERR_OK;
  }
  struct buf json = { 0 };
  g->last = g->filter.since;
  enum err e = view_events(db, &rd->mem, &g->filter, &json, &g->last);
  if (!e && json.len) g->n = frames_put(&rd->out, json.data, json.len, g->at, COUNT(g->at));
  buf_release(&json);
  return e;
}

static struct page *page_start(struct feed *f, const struct event_filter *filter, struct watcher *w,
                               bool from_head, void (*done)(struct read *))
{
  struct read *rd = read_new(f->api, NULL);
  struct page *g = rd->args = arena_new(&rd->mem, struct page);
  g->filter = *filter, g->filter.limit = FEED_PAGE;
  g->w = w, g->from_head = from_head;
  rd->run = page_run, rd->done = done;
  read_start_always(rd);
  return g;
}

/* ---- a watcher's life ------------------------------------------------------------------------------------------------------ */
static void watcher_read(struct watcher *w);

static void watcher_free(struct watcher *w)
{
  struct watcher **at = &w->feed->watchers;
  while (*at != w) at = &(*at)->next;
  *at = w->next;
  w->feed->n--;
  w->k->watcher = NULL;
  if (w->gone) http_drop(w->k->r);
  else http_stream_end(w->k->r);
  mem_free(w);
}

/* Ends when nothing of its own is under way any more. */
static bool watcher_over(struct watcher *w)
{
  if (!w->gone && !w->ended) return false;
  w->live = false;
  if (!w->reading) watcher_free(w);
  return true;
}

void feed_gone(struct call *k)
{
  k->watcher->gone = true;
  watcher_over(k->watcher);
}

static void watcher_wrote(struct http_request *r)
{
  struct call *k = r->user;
  struct watcher *w = k->watcher;
  w->wrote_wanted = w->full = false;
  if (!watcher_over(w) && !w->live) watcher_read(w);
}

/* Too far behind: no more until what waits has left. */
static void watcher_pace(struct watcher *w)
{
  if (w->wrote_wanted || http_stream_queued(w->k->r) <= LISTENER_QUEUE_MAX) return;
  w->live = false;
  w->full = w->wrote_wanted = true;
  http_stream_write(w->k->r, "", 0, watcher_wrote);
}

static void watcher_write(struct watcher *w, const struct page *g, const struct buf *frames)
{
  size_t i = 0;
  while (i < g->n && g->at[i].seq <= w->sent) i++;
  if (i == g->n) return;
  http_stream_write(w->k->r, frames->data + g->at[i].at, frames->len - g->at[i].at, NULL);
  w->sent = g->at[g->n - 1].seq;
  watcher_pace(w);
}

static void feed_read(struct feed *f);

/* The journal's end is reached: from here on with the others. The read that follows brings what was written
 * between this watcher's page and now. */
static void watcher_join(struct watcher *w)
{
  struct feed *f = w->feed;
  bool alone = true;
  for (struct watcher *o = f->watchers; o; o = o->next) alone &= !o->live;
  if (alone && !f->reading) f->head = w->sent;
  if (w->sent < f->head) {
    watcher_read(w);
    return;
  }
  w->live = true;
  f->news = true;
  feed_read(f);
}

static void watcher_page(struct read *rd)
{
  struct page *g = rd->args;
  struct watcher *w = g->w;
  bool failed = rd->err != ERR_OK, more = g->n == FEED_PAGE;
  w->reading = false;
  if (failed) w->ended = true; /* the client comes again and says where it was */
  if (!watcher_over(w)) {
    if (g->from_head) w->sent = g->last;
    watcher_write(w, g, &rd->out);
    if (g->last > w->sent) w->sent = g->last;
    if (w->full) w->news = true;
    else if (more || (w->only.kind && w->news)) watcher_read(w);
    else if (!w->only.kind) watcher_join(w);
  }
  read_free(rd);
}

static void watcher_read(struct watcher *w)
{
  if (w->reading || w->full) return;
  struct event_filter filter = w->only;
  filter.since = w->sent;
  w->reading = true;
  w->news = false;
  page_start(w->feed, &filter, w, w->sent < 0, watcher_page);
}

/* ---- the shared read -------------------------------------------------------------------------------------------------------- */
static void feed_page(struct read *rd)
{
  struct feed *f = rd->api->feed;
  struct page *g = rd->args;
  f->reading = false;
  if (!rd->err) {
    for (struct watcher *w = f->watchers; w; w = w->next)
      if (w->live) watcher_write(w, g, &rd->out);
    if (g->n) f->head = g->at[g->n - 1].seq;
  }
  if (rd->err || g->n == FEED_PAGE) f->news = true;
  read_free(rd);
  feed_read(f);
}

static void on_pause(uv_timer_t *t)
{
  struct feed *f = t->data;
  f->pausing = false;
  feed_read(f);
}

static void feed_read(struct feed *f)
{
  bool wanted = false;
  if (f->reading || f->pausing || !f->news || f->closing) return;
  for (struct watcher *w = f->watchers; w; w = w->next) wanted |= w->live;
  f->news = false;
  if (!wanted) return;
  struct event_filter all = { .since = f->head };
  f->reading = f->pausing = true;
  uv_timer_start(&f->pause, on_pause, FEED_PAUSE_MS, 0);
  page_start(f, &all, NULL, false, feed_page);
}

void feed_committed(struct feed *f)
{
  if (!f->watchers) return;
  f->news = true;
  feed_read(f);
  for (struct watcher *w = f->watchers; w; w = w->next) {
    w->news = true;
    if (w->only.kind) watcher_read(w);
  }
}

static void watchers_sweep(struct feed *f)
{
  for (struct watcher *w = f->watchers, *next; w; w = next) {
    next = w->next;
    watcher_over(w);
  }
}

void feed_tick(struct feed *f, int64_t now_ms)
{
  if (now_ms - f->beat_ms < HEARTBEAT_MS) return;
  f->beat_ms = now_ms;
  for (struct watcher *w = f->watchers; w; w = w->next) {
    if (!auth_alive(f->api->auth, w->token_id, now_ms)) w->ended = true;
    else if (!w->wrote_wanted && !http_stream_queued(w->k->r))
      http_stream_write(w->k->r, ": still here\n\n", 14, NULL);
  }
  watchers_sweep(f);
}

void feed_tokens_changed(struct feed *f)
{
  int64_t now_ms = f->api->env->now_ms(f->api->env);
  for (struct watcher *w = f->watchers; w; w = w->next)
    if (!auth_alive(f->api->auth, w->token_id, now_ms)) w->ended = true;
  watchers_sweep(f);
}

/* ---- GET /v1/events ------------------------------------------------------------------------------------------------------------ */
static bool wants_stream(const struct http_request *r)
{
  const char *accept = http_field(r, "accept");
  return !strcmp(r->method, "GET") && accept && strcasestr(accept, "text/event-stream");
}

/* Last-Event-ID is what a browser sends when it comes again; it is newer than the address it was opened with. */
static bool since_read(const char *text, int64_t *since)
{
  size_t n = strlen(text);
  if (!n || n > 18 || strspn(text, "0123456789") != n) return false;
  for (*since = 0; *text; text++) *since = *since * 10 + (*text - '0');
  return true;
}

static bool entity_read(const char *text, struct event_filter *f)
{
  if (!text || !strchr("ogpxcutsnhfkve", text[0])) return false;
  f->kind = text[0];
  return text[0] && id_parse(text, text[0], &f->entity);
}

static void watch(struct call *k, struct event_filter only, int64_t since)
{
  struct feed *f = k->api->feed;
  if (f->n >= LISTENERS_MAX || k->api->closing) {
    call_refuse(k, ERR_BUSY, "too_many_listeners", NULL, "At most %d may listen at once.", LISTENERS_MAX);
    return;
  }
  struct watcher *w = k->watcher = mem_new(sizeof *w);
  w->feed = f, w->k = k, w->only = only, w->sent = since, w->token_id = k->token_id;
  w->next = f->watchers, f->watchers = w;
  f->n++;
  k->api->answers[2]++;
  http_stream_begin(k->r, 200, "text/event-stream", "Cache-Control: no-store\r\nX-Accel-Buffering: no\r\n");
  http_stream_write(k->r, "retry: 2000\n\n", 13, NULL);
  watcher_read(w);
}

/* Where the page ends is the cursor of the next, if there is one. */
enum err events_page(struct read *rd, struct db *db, const struct event_filter *f)
{
  static const char END[] = "\"next\":null}";
  int64_t last = f->since;
  TRY(view_events(db, &rd->mem, f, &rd->out, &last));
  size_t n = sizeof END - 1, len = rd->out.len;
  bool whole = len >= n && !memcmp(rd->out.data + len - n, END, n);
  if (!whole) rd->cursor = arena_printf(&rd->mem, "%lld", (long long)last);
  return ERR_OK;
}

static enum err list_run(struct read *rd, struct db *db)
{
  struct event_filter f = *(struct event_filter *)rd->args;
  TRY(read_limit(rd, &f.limit));
  return events_page(rd, db, &f);
}

static void list(struct call *k, const struct event_filter *f)
{
  struct read *rd = read_new(k->api, k);
  rd->args = arena_new(&rd->mem, struct event_filter);
  *(struct event_filter *)rd->args = *f;
  rd->run = list_run, rd->done = read_reply, rd->heavy = true;
  read_or_refuse(rd);
}

void events_get(struct call *k)
{
  struct event_filter f = { 0 };
  const char *since = http_query(k->r, "since"), *entity = http_query(k->r, "entity");
  const char *last = http_field(k->r, "last-event-id"), *cursor = http_query(k->r, "cursor");
  bool live = wants_stream(k->r);
  int64_t from = live ? -1 : 0;
  if (cursor) since = cursor; /* the same thing: where a page ended */
  if (entity && !entity_read(entity, &f)) {
    call_refuse(k, ERR_BAD_REQUEST, "bad_entity", NULL, "entity is an id like o_1, g_1, p_1 or x_1");
  } else if ((since && !since_read(since, &from)) || (live && last && *last && !since_read(last, &from))) {
    call_refuse(k, ERR_BAD_REQUEST, "bad_since", NULL, "since and Last-Event-ID are numbers of events");
  } else if (live) {
    watch(k, f, from);
  } else {
    f.since = from;
    list(k, &f);
  }
}

/* ---- open and close -------------------------------------------------------------------------------------------------------------- */
struct feed *feed_open(struct api *api)
{
  struct feed *f = mem_new(sizeof *f);
  f->api = api;
  f->pause.data = f;
  f->beat_ms = api->env->now_ms(api->env);
  uv_timer_init(api->loop, &f->pause);
  return f;
}

size_t feed_listeners(const struct feed *f)
{
  return f->n;
}

void feed_end(struct feed *f)
{
  f->closing = true;
  for (struct watcher *w = f->watchers; w; w = w->next) w->ended = true;
  watchers_sweep(f);
}

static void pause_closed(uv_handle_t *h)
{
  mem_free(h->data);
}

void feed_close(struct feed *f)
{
  must(!f->watchers);
  uv_close((uv_handle_t *)&f->pause, pause_closed);
}
