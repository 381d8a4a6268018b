/* poll_run.c: one run of one channel, from its first window to the note of how it ended. Everything it waits for, the
 * pool, the platform, the writer, a clock, is one phase; run_next() decides what comes after. */
#include "edge.h"
#include <uv.h>

enum phase {
  PHASE_THINK,
  PHASE_BUILD,
  PHASE_PACE,
  PHASE_CALL,
  PHASE_READ,
  PHASE_STORE,
  PHASE_WAIT,
  PHASE_NOTE
};
static const char *const phase_names[] = { "thinking", "building", "waiting for its turn",
                                           "asking",   "reading",  "storing",
                                           "waiting",  "ending" };
enum {
  SEEN_PAGES = 64,
  LIMITED_MOST = 50,
  SURGE_WAIT_MS = 500,
  ANSWER_SHOWN = 500,
  CLOCK_MOVED_MS = 30000,
  STORE_RETRY_MS = 5000
};

struct run {
  struct pollee *p;
  enum run_kind kind;
  enum phase phase;
  struct poll_run row;
  struct arena mem; /* of the run: what happened last */
  /* the window */
  bool in_window, list_done, window_sent;
  int64_t from, until, walked, end, missed_before;
  /* the walk through its pages */
  int64_t page, pages;
  bool probed;
  int pass;
  uint64_t pass_sum, pass_before;
  struct rows_seen seen, probe; /* rows of this walk; of the page that was asked how many there are */
  int64_t walked_pages;
  struct buf cursor;
  /* orders to be fetched one by one or in batches */
  struct arena ids_mem;
  struct connector_id *id;
  size_t ids, id_at, singles;
  struct arena sub_mem;
  struct connector_id *sub; /* rows of an order asked for alone, whose details come next */
  size_t subs, sub_at;
  /* what the platform is asked about who belongs together */
  bool merge_read;
  struct token_order *asked;
  size_t asked_n, asked_at;
  /* the call */
  struct work *work;
  struct fetch *fetch;
  uv_work_t job;
  bool job_ok;
  int failures, limited;
  bool refreshed, clock_retried;
  int64_t skew_built;
  /* on their way to the disk */
  int under_way;
  enum err stored;
  struct cmd *held;
  /* how it ends */
  bool stopping, ended, auth;
  bool in_job; /* the pool, a read or the writer holds something of this run */
  const char *error;
};

static void run_next(struct run *r);
static void run_fail(struct run *r, const char *kind, const char *code, const char *message);

const char *run_phase(const struct run *r)
{
  return phase_names[r->phase];
}

static struct api *api_of(const struct run *r)
{
  return r->p->poller->api;
}

static int64_t now_of(const struct run *r)
{
  struct env *e = api_of(r)->env;
  return e->now_ms(e);
}

static uint64_t random_of(const struct run *r)
{
  uint64_t v;
  struct env *e = api_of(r)->env;
  e->random(e, &v, sizeof v);
  return v;
}

static const struct connector_request *request_of(const struct run *r, enum call_kind k)
{
  return connector_request(r->p->connector, call_name(k));
}

static void run_wait(struct run *r, int64_t ms)
{
  r->phase = PHASE_WAIT;
  r->p->waits++;
  pollee_later(r->p, ms > 0 ? ms : 1);
}

/* ---- pool jobs -------------------------------------------------------------------------------------------------- */
static void work_drop(struct run *r)
{
  if (!r->work) return;
  if (r->work->page) api_cmd_free(api_of(r), r->work->page);
  arena_release(&r->work->mem);
  mem_free(r->work);
  r->work = NULL;
}

static void fetch_drop(struct run *r)
{
  if (!r->fetch) return;
  fetch_stop(r->p->poller->fetcher, r->fetch);
  arena_release(&r->fetch->mem);
  mem_free(r->fetch);
  r->fetch = NULL;
}

static void job_start(struct run *r, enum phase phase, uv_work_cb run, uv_after_work_cb after)
{
  r->phase = phase, r->in_job = true;
  r->job.data = r;
  r->p->poller->busy++;
  must(!uv_queue_work(api_of(r)->loop, &r->job, run, after));
}

/* false: the process stops; what was under way is dropped. */
static bool job_over(struct run *r)
{
  r->p->poller->busy--;
  r->in_job = false;
  if (!r->stopping) return true;
  run_next(r);
  return false;
}

/* ---- storing ---------------------------------------------------------------------------------------------------------- */
static struct cmd *page_new(struct run *r)
{
  struct cmd *c = api_own_cmd(api_of(r), CMD_POLL_PAGE);
  struct poll_page *page = arena_new(&c->mem, struct poll_page);
  c->actor.name = arena_printf(&c->mem, "channel:%s", r->p->set.name);
  page->channel = arena_str(&c->mem, r->p->set.name);
  page->source = r->kind == RUN_ASK ? "push" : "poll";
  page->missed_before = r->missed_before;
  c->args = page;
  return c;
}

static void page_push(struct run *r, struct cmd *c);

static void page_done(struct cmd *c)
{
  struct run *r = c->owner;
  const struct poll_page *page = c->args;
  r->under_way--;
  r->p->poller->busy--;
  if (c->job.err) r->stored = c->job.err;
  else {
    r->row.created += c->numbers[0], r->row.updated += c->numbers[1];
    r->row.failed += c->numbers[2], r->row.misses += c->numbers[3];
    r->p->state.misses += c->numbers[3];
    if (page->watermark > r->p->state.watermark) r->p->state.watermark = page->watermark;
  }
  api_cmd_free(api_of(r), c);
  if (r->held && !r->under_way) {
    struct cmd *held = r->held;
    r->held = NULL;
    if (r->stored || r->stopping) api_cmd_free(api_of(r), held);
    else page_push(r, held);
  }
  if ((r->phase == PHASE_STORE && !r->in_job) || r->stopping) run_next(r);
}

static void page_push(struct run *r, struct cmd *c)
{
  struct poll_page *page = (struct poll_page *)(uintptr_t)c->args;
  page->buckets = poll_buckets(r->p, &c->mem, &page->bucket);
  r->under_way++;
  r->p->poller->busy++;
  if (api_push(api_of(r), c, page_done, r)) return;
  r->under_way--;
  r->p->poller->busy--;
  r->stored = ERR_BUSY;
  api_cmd_free(api_of(r), c);
}

/* The last page of a window goes when all others of it are durable, and takes the watermark with it. */
static void page_send(struct run *r, struct cmd *c, bool is_last)
{
  struct poll_page *page = (struct poll_page *)(uintptr_t)c->args;
  if (is_last) {
    r->window_sent = true;
    if (r->kind == RUN_POLL) page->watermark = r->until;
  }
  if (!page->items && !page->watermark) {
    api_cmd_free(api_of(r), c);
    return;
  }
  if (page->watermark && r->under_way) r->held = c;
  else page_push(r, c);
}

/* ---- which orders are fetched next ---------------------------------------------------------------------------------- */
static bool in_subs(const struct run *r)
{
  return r->sub_at < r->subs;
}

static const struct connector_id *ids_next(const struct run *r)
{
  return in_subs(r) ? &r->sub[r->sub_at] : &r->id[r->id_at];
}

static void ids_done(struct run *r, size_t n)
{
  if (in_subs(r)) r->sub_at += n;
  else r->id_at += n;
  r->singles -= r->singles < n ? r->singles : n;
}

static bool ids_over(const struct run *r)
{
  return !in_subs(r) && r->id_at >= r->ids;
}

/* ---- a call ------------------------------------------------------------------------------------------------------------ */
static void ids_put(struct run *r, struct work *w, size_t n)
{
  struct buf ids = { 0 }, rows = { 0 };
  struct jw j;
  jw_init(&j, &ids), jw_array(&j);
  const struct connector_id *id = ids_next(r);
  for (size_t i = 0; i < n; i++) jw_string(&j, id[i].id);
  jw_array_end(&j);
  jw_init(&j, &rows), jw_array(&j);
  for (size_t i = 0; i < n; i++) {
    if (id[i].row) jw_raw(&j, id[i].row, strlen(id[i].row));
  }
  jw_array_end(&j);
  w->vars.ids = arena_strn(&w->mem, ids.data, ids.len);
  w->vars.rows = arena_strn(&w->mem, rows.data, rows.len);
  w->vars.id = arena_str(&w->mem, id->id);
  buf_release(&ids), buf_release(&rows);
}

static void merge_put(struct run *r, struct work *w, size_t n)
{
  struct buf ids = { 0 };
  struct jw j;
  jw_init(&j, &ids), jw_array(&j);
  for (size_t i = 0; i < n; i++) {
    const struct token_order *o = &r->asked[r->asked_at + i];
    jw_object(&j), jw_kstring(&j, "external_id", o->external_id), jw_kstring(&j, "token", o->token);
    jw_object_end(&j);
  }
  jw_array_end(&j);
  w->vars.ids = arena_strn(&w->mem, ids.data, ids.len);
  buf_release(&ids);
}

/* The platform takes what we send: the next trouble is a new one. */
static void call_good(struct run *r)
{
  r->failures = 0, r->limited = 0, r->p->state.failures = 0;
  r->refreshed = r->clock_retried = false;
}

static size_t batch_of(const struct run *r, enum call_kind kind)
{
  size_t left = kind == CALL_MERGE ? r->asked_n - r->asked_at
                : in_subs(r)       ? r->subs - r->sub_at
                                   : r->ids - r->id_at;
  size_t most = kind == CALL_ONE || r->singles ? 1 : (size_t)request_of(r, kind)->batch;
  return left < most ? left : most;
}

static void build_run(uv_work_t *job)
{
  struct run *r = job->data;
  r->job_ok = work_build(r->p, r->work);
}

static void call_go(struct run *r);

static void build_after(uv_work_t *job, int status)
{
  struct run *r = job->data;
  (void)status;
  if (!job_over(r)) return;
  if (!r->job_ok) run_fail(r, "connector", "request_not_built", r->work->why);
  else call_go(r);
}

static void nonce_put(struct run *r, struct work *w)
{
  struct buf b = { 0 };
  unsigned char bytes[16];
  struct env *e = api_of(r)->env;
  e->random(e, bytes, sizeof bytes);
  hex_put(&b, bytes, sizeof bytes);
  w->vars.nonce = arena_strn(&w->mem, b.data, b.len);
  buf_release(&b);
}

static void call_start(struct run *r, enum call_kind kind)
{
  work_drop(r);
  struct work *w = r->work = mem_new(sizeof *w);
  w->kind = kind;
  w->vars =
    (struct connector_vars){ .now_ms = poll_now(r->p),
                             .from_ms = r->from,
                             .to_ms = r->until,
                             .page = r->page,
                             .host = r->p->set.host,
                             .cursor =
                               r->cursor.len ? arena_strn(&w->mem, r->cursor.data, r->cursor.len) : "" };
  w->probe = kind == CALL_LIST && !r->probed;
  r->skew_built = r->p->state.skew_ms;
  nonce_put(r, w);
  if (kind == CALL_DETAIL || kind == CALL_ONE) ids_put(r, w, batch_of(r, kind));
  if (kind == CALL_MERGE) merge_put(r, w, batch_of(r, kind));
  if (kind == CALL_DETAIL || kind == CALL_ONE || kind == CALL_LIST) w->page = page_new(r);
  job_start(r, PHASE_BUILD, build_run, build_after);
}

/* ---- its answer ----------------------------------------------------------------------------------------------------------- */
static void read_run(uv_work_t *job)
{
  struct run *r = job->data;
  work_read(r->p, r->work);
}

static void on_answer(struct run *r);

static void read_after(uv_work_t *job, int status)
{
  struct run *r = job->data;
  (void)status;
  if (job_over(r)) on_answer(r);
}

/* The Date header has whole seconds; smaller differences are the network's. */
static void clock_look(struct run *r, const struct fetch *f)
{
  if (!f->date_ms || !r->p->connector->clock_by_date) return;
  int64_t skew = f->date_ms + 500 - (now_of(r) - f->took_ms / 2), was = r->p->state.skew_ms, by = skew - was;
  if (by > -2000 && by < 2000) return;
  if (skew > -2000 && skew < 2000) skew = 0;
  r->p->state.skew_ms = skew;
  if (by > CLOCK_MOVED_MS || by < -CLOCK_MOVED_MS)
    log_line(LOG_WARN, "channel %s: the platform's clock is %+lld s from ours", r->p->set.name,
             (long long)(skew / 1000));
}

static void on_failure(struct run *r, enum verdict_kind kind, const char *code, const char *message,
                       int64_t retry_after_ms);

static void on_fetched(struct fetch *f)
{
  struct run *r = f->owner;
  struct work *w = r->work;
  r->row.calls++, r->p->calls++;
  if (!f->status) {
    on_failure(r, VERDICT_RETRY, "no_answer", f->why, 0);
    return;
  }
  clock_look(r, f);
  w->answer = (struct connector_answer){ f->status, f->field, f->fields, f->answer, f->answer_n };
  job_start(r, PHASE_READ, read_run, read_after);
}

static void call_go(struct run *r)
{
  struct work *w = r->work;
  const struct connector_request *q = request_of(r, w->kind);
  struct bucket *b = &r->p->bucket[q - r->p->connector->request];
  int64_t wait = bucket_take(b, q->per_1000s, q->burst, now_of(r));
  if (wait) {
    r->phase = PHASE_PACE;
    pollee_later(r->p, wait);
    return;
  }
  struct fetch *f = r->fetch = mem_new(sizeof *f);
  *f = (struct fetch){ .method = w->call.method,
                       .url = w->call.url,
                       .content_type = w->call.content_type,
                       .header = w->call.header,
                       .headers = w->call.headers,
                       .body = w->call.body,
                       .body_n = w->call.body_n,
                       .timeout_ms = r->p->set.timeout_ms ? r->p->set.timeout_ms : w->call.timeout_ms,
                       .answer_max = CONNECTOR_BODY_MAX,
                       .done = on_fetched,
                       .owner = r };
  r->phase = PHASE_CALL;
  fetch_start(r->p->poller->fetcher, f);
}

/* ---- when it fails ---------------------------------------------------------------------------------------------------------- */

/* What a person is told: kind, code, message, and both sides of the call without secrets. */
static const char *error_text(struct run *r, const char *kind, const char *code, const char *message)
{
  struct buf b = { 0 };
  struct jw j;
  jw_init(&j, &b), jw_object(&j);
  jw_kstring(&j, "kind", kind), jw_kstring(&j, "code", code);
  jw_kstring(&j, "message",
             message ? text_redacted(&r->mem, r->p, message, strlen(message), ANSWER_SHOWN) : NULL);
  jw_ktime(&j, "at", now_of(r));
  if (r->work) jw_kstring(&j, "request", r->work->call.shown);
  if (r->fetch && r->fetch->status) {
    jw_kint(&j, "status", r->fetch->status);
    jw_kstring(&j, "answer",
               text_redacted(&r->mem, r->p, r->fetch->answer, r->fetch->answer_n, ANSWER_SHOWN));
  }
  jw_object_end(&j);
  const char *text = arena_strn(&r->mem, b.data, b.len);
  buf_release(&b);
  return text;
}

static void run_fail(struct run *r, const char *kind, const char *code, const char *message)
{
  r->error = error_text(r, kind, code, message);
  r->ended = true;
  fetch_drop(r), work_drop(r);
  run_next(r);
}

static void call_again(struct run *r, int64_t wait_ms)
{
  fetch_drop(r), work_drop(r);
  run_wait(r, wait_ms);
}

static void on_limited(struct run *r, const char *code, const char *message, int64_t retry_after_ms)
{
  const struct poll_settings *s = &r->p->set;
  const struct connector_request *q = request_of(r, r->work->kind);
  bucket_empty(&r->p->bucket[q - r->p->connector->request], now_of(r));
  if (++r->limited > LIMITED_MOST) {
    run_fail(r, "rate_limited", code, message);
    return;
  }
  int64_t wait = backoff_ms(r->limited, s->backoff_ms, s->backoff_most_ms, random_of(r));
  call_again(r, retry_after_ms > wait ? retry_after_ms : wait);
}

static void on_trouble(struct run *r, const char *code, const char *message, int64_t retry_after_ms)
{
  const struct poll_settings *s = &r->p->set;
  r->failures++, r->p->state.failures++;
  int64_t open = breaker_open_ms(r->p->state.failures, s->breaker_ms, s->breaker_most_ms);
  if (open) {
    r->p->state.open_until = now_of(r) + open;
    run_fail(r, "retry", code, message);
    return;
  }
  int64_t wait = backoff_ms(r->failures, s->backoff_ms, s->backoff_most_ms, random_of(r));
  call_again(r, retry_after_ms > wait ? retry_after_ms : wait);
}

static void on_expired(struct run *r, const char *code, const char *message)
{
  if (r->refreshed || !r->p->connector->has_refresh || r->work->kind == CALL_REFRESH) {
    r->auth = true;
    run_fail(r, "auth_expired", code, message);
    return;
  }
  r->refreshed = true;
  fetch_drop(r);
  call_start(r, CALL_REFRESH);
}

static void window_maybe_over(struct run *r);

/* Orders that cannot be fetched are kept as failed payloads with what the list said of them; the others go on. */
static void ids_give_up(struct run *r, const char *code, const char *message)
{
  struct work *w = r->work;
  struct cmd *c = w->page;
  struct poll_page *page = (struct poll_page *)(uintptr_t)c->args;
  struct problem pr = { .code = code, .detail = message };
  struct buf raw = { 0 }, why = { 0 };
  struct jw j;
  const struct connector_id *id = ids_next(r);
  jw_init(&j, &raw), jw_object(&j), jw_kstring(&j, "at", "$"), jw_kstring(&j, "call", call_name(w->kind));
  jw_kstring(&j, "id", id->id);
  if (id->row) jw_key(&j, "row"), jw_raw(&j, id->row, strlen(id->row));
  jw_object_end(&j);
  problem_put(&why, ERR_INVALID, 0, &pr);
  page->item = arena_new(&c->mem, struct poll_item), page->items = 1;
  page->item->raw = arena_strn(&c->mem, raw.data, raw.len), page->item->raw_n = raw.len;
  page->item->error = arena_strn(&c->mem, why.data, why.len);
  buf_release(&raw), buf_release(&why);
  w->page = NULL;
  ids_done(r, 1);
  fetch_drop(r), work_drop(r);
  bool is_last = r->kind != RUN_ASK && r->list_done && ids_over(r);
  page_send(r, c, is_last);
  run_next(r);
}

static void on_refused(struct run *r, enum verdict_kind kind, const char *code, const char *message)
{
  enum call_kind call = r->work->kind;
  int64_t moved = r->p->state.skew_ms - r->skew_built;
  if ((moved > CLOCK_MOVED_MS || moved < -CLOCK_MOVED_MS) && !r->clock_retried) {
    r->clock_retried = true; /* it was signed with a time that the platform does not believe */
    call_again(r, 1);
    return;
  }
  bool orders = call == CALL_DETAIL || call == CALL_ONE;
  if (orders && batch_of(r, call) > 1) {
    r->singles = batch_of(r, call); /* which of them is it? */
    call_again(r, 1);
  } else if (orders && (kind == VERDICT_NOT_FOUND || call == CALL_DETAIL)) {
    ids_give_up(r, kind == VERDICT_NOT_FOUND ? "not_found" : "refused", message);
  } else {
    r->auth = call == CALL_REFRESH;
    run_fail(r, verdict_name(kind), code, message);
  }
}

static void on_failure(struct run *r, enum verdict_kind kind, const char *code, const char *message,
                       int64_t retry_after_ms)
{
  r->error = error_text(r, verdict_name(kind), code, message);
  switch (kind) {
  case VERDICT_RATE_LIMITED: on_limited(r, code, message, retry_after_ms); return;
  case VERDICT_RETRY: on_trouble(r, code, message, retry_after_ms); return;
  case VERDICT_AUTH_EXPIRED: on_expired(r, code, message); return;
  case VERDICT_NOT_FOUND:
  case VERDICT_REFUSED: on_refused(r, kind, code, message); return;
  case VERDICT_OK: break;
  }
  must(false);
}

/* ---- when it is good: tokens ------------------------------------------------------------------------------------------------- */
static void secret_set(struct pollee *p, const char *name, const char *value, int64_t expires_at,
                       int64_t life_ms)
{
  size_t i = 0;
  while (i < p->secrets && strcmp(p->secret[i].name, name) != 0) i++;
  if (i == CONNECTOR_SECRETS_MAX) return;
  if (i == p->secrets) p->secrets++;
  p->secret[i] = (struct poll_secret_value){ arena_str(&p->secret_mem, name),
                                             arena_str(&p->secret_mem, value), expires_at, life_ms };
}

static int64_t expires_of(const struct run *r, const struct connector_token *t)
{
  return t->expires_in_ms > 0 ? now_of(r) + t->expires_in_ms : 0;
}

static void tokens_done(struct cmd *c)
{
  struct run *r = c->owner;
  enum err e = c->job.err;
  r->p->poller->busy--;
  r->in_job = false;
  api_cmd_free(api_of(r), c);
  if (r->stopping) {
    run_next(r);
    return;
  }
  if (e) {
    run_fail(r, "store", err_code(e), err_title(e));
    return;
  }
  work_drop(r);
  run_next(r);
}

/* The old refresh token may be worth nothing by now: in use at once, and on the disk before anything else is asked. */
static void tokens_take(struct run *r)
{
  struct work *w = r->work;
  struct poller *poller = r->p->poller;
  struct cmd *c = api_own_cmd(api_of(r), CMD_POLL_STATE);
  struct poll_state *s = arena_new(&c->mem, struct poll_state);
  struct poll_secret *list = arena_array(&c->mem, struct poll_secret, w->tokens + 1);
  for (size_t i = 0; i < w->tokens; i++) {
    const struct connector_token *t = &w->token[i];
    struct buf sealed = { 0 };
    char *what = arena_printf(&c->mem, "%s/%s", r->p->set.name, t->name);
    seal(&sealed, api_of(r)->env, poller->key, what, t->value, strlen(t->value));
    list[i] = (struct poll_secret){ arena_str(&c->mem, t->name), arena_strn(&c->mem, sealed.data, sealed.len),
                                    sealed.len, expires_of(r, t) };
    secret_set(r->p, t->name, t->value, list[i].expires_at, t->expires_in_ms);
    buf_release(&sealed);
  }
  s->channel = arena_str(&c->mem, r->p->set.name), s->secret = list, s->secrets = w->tokens;
  c->args = s, c->actor.name = arena_printf(&c->mem, "channel:%s", r->p->set.name);
  fetch_drop(r);
  r->phase = PHASE_STORE, r->limited = 0, r->in_job = true;
  poller->busy++;
  if (api_push(api_of(r), c, tokens_done, r)) return;
  poller->busy--, r->in_job = false;
  api_cmd_free(api_of(r), c);
  run_fail(r, "store", "busy", "The writer has too much to do");
}

/* ---- when it is good: pages ---------------------------------------------------------------------------------------------------- */
/* Does the page bring nothing that the walk has not? A later page that is the first one is no later page. */
static bool page_repeats(struct run *r, const struct work *w)
{
  int64_t fresh = 0, known = 0;
  bool first = r->page == request_of(r, CALL_LIST)->first_page;
  for (int64_t i = 0; i < w->rows; i++) known += !first && rows_has(&r->probe, w->row[i]);
  if (w->rows && known == w->rows) return true;
  for (int64_t i = 0; i < w->rows; i++) {
    if (!rows_add(&r->seen, w->row[i])) continue;
    fresh++;
    r->pass_sum += w->row[i];
  }
  return w->rows && !fresh;
}

static void probe_take(struct run *r, const struct work *w)
{
  rows_clear(&r->probe);
  for (int64_t i = 0; i < w->rows; i++) rows_add(&r->probe, w->row[i]);
}

static void walk_begin(struct run *r)
{
  r->page = request_of(r, CALL_LIST)->first_page, r->pages = 0, r->probed = false, r->list_done = false;
  r->cursor.len = 0, r->walked_pages = 0, r->pass_sum = 0;
  rows_clear(&r->seen), rows_clear(&r->probe);
}

/* A platform with too many rows for one walk: half the time, half the rows. */
static bool window_halve(struct run *r)
{
  if (r->until - r->from < 2000) return false;
  r->until = r->from + (r->until - r->from) / 2;
  walk_begin(r);
  return true;
}

/* true: the pass is complete and the next page is set otherwise. */
static void walk_on(struct run *r, const struct work *w)
{
  enum connector_walk walk = request_of(r, CALL_LIST)->walk;
  if (walk == WALK_BACKWARD) {
    int64_t first = request_of(r, CALL_LIST)->first_page;
    if (w->probe) r->list_done = true; /* one page was all */
    else if (--r->page < first) r->list_done = true;
    return;
  }
  r->probed = true;
  r->cursor.len = 0;
  if (w->cursor) buf_str(&r->cursor, w->cursor), r->page++;
  else r->list_done = true;
  if (!r->list_done || walk != WALK_TWICE) return;
  bool agree = r->pass && r->pass_sum == r->pass_before;
  r->pass_before = r->pass_sum, r->pass++;
  if (!agree) walk_begin(r);
}

/* An order that a page names twice is fetched once. */
static void ids_take(struct run *r, const struct work *w)
{
  struct rows_seen once = { 0 };
  arena_reset(&r->ids_mem);
  r->id = arena_array(&r->ids_mem, struct connector_id, w->ids + 1);
  r->ids = r->id_at = r->singles = 0;
  for (size_t i = 0; i < w->ids; i++) {
    const struct connector_id *id = &w->id[i];
    if (!rows_add(&once, hash64(id->id, strlen(id->id), 2))) continue;
    r->id[r->ids++] = (struct connector_id){ arena_str(&r->ids_mem, id->id), arena_str(&r->ids_mem, id->row),
                                             id->updated_ms };
  }
  rows_release(&once);
}

/* Those that we have in this very state need not be fetched. */
static enum err known_run(struct read *rd, struct db *db)
{
  struct run *r = *(struct run **)rd->args;
  size_t n = 0;
  struct channel ch;
  if (channel_find(db, &rd->mem, r->p->set.name, &ch)) return ERR_OK;
  for (size_t i = 0; i < r->ids; i++) {
    int64_t known = 0;
    enum err e = r->id[i].updated_ms ? order_known(db, ch.id, r->id[i].id, &known) : ERR_NOT_FOUND;
    if (e && e != ERR_NOT_FOUND) return e;
    if (e || known != r->id[i].updated_ms) r->id[n++] = r->id[i];
  }
  r->ids = n;
  return ERR_OK;
}

/* A window without news still moves the watermark. */
static void window_maybe_over(struct run *r)
{
  if (r->kind == RUN_ASK || !r->list_done || !ids_over(r) || r->window_sent) return;
  page_send(r, page_new(r), true);
}

static void known_done(struct read *rd)
{
  struct run *r = *(struct run **)rd->args;
  enum err e = rd->err;
  r->p->poller->busy--;
  r->in_job = false;
  read_free(rd);
  if (!r->stopping && e) {
    run_fail(r, "store", err_code(e), "What is known could not be read");
    return;
  }
  if (!r->stopping) window_maybe_over(r);
  run_next(r);
}

static void own_read(struct run *r, enum err (*run)(struct read *, struct db *), void (*done)(struct read *))
{
  struct read *rd = read_new(api_of(r), NULL);
  struct run **arg = arena_new(&rd->mem, struct run *);
  *arg = r;
  rd->args = arg, rd->run = run, rd->done = done, rd->heavy = true;
  r->phase = PHASE_THINK, r->in_job = true;
  r->p->poller->busy++;
  read_start_always(rd);
}

static void on_list(struct run *r)
{
  struct work *w = r->work;
  bool backward = request_of(r, CALL_LIST)->walk == WALK_BACKWARD;
  r->row.pages++;
  if (w->pages > POLL_PAGES_MAX || ++r->walked_pages > POLL_PAGES_MAX) {
    fetch_drop(r), work_drop(r);
    if (window_halve(r)) run_next(r);
    else run_fail(r, "refused", "too_many_pages", "More pages in two seconds than can be walked");
    return;
  }
  if (backward && w->probe && w->pages > 1) {
    r->pages = w->pages, r->probed = true;
    probe_take(r, w);
    r->page = request_of(r, CALL_LIST)->first_page + w->pages - 1;
    fetch_drop(r), work_drop(r);
    run_next(r);
    return;
  }
  if (page_repeats(r, w)) {
    on_failure(r, VERDICT_RETRY, "repeated_page", "The platform gave the same page again", 0);
    return;
  }
  if (r->pass > POLL_PASSES_MAX) {
    run_fail(r, "retry", "unsteady", "The window's rows change with every reading");
    return;
  }
  walk_on(r, w);
  r->row.received += w->rows, r->p->state.received += w->rows;
  call_good(r);
  if (r->p->connector->has_detail) {
    ids_take(r, w);
    fetch_drop(r), work_drop(r);
    own_read(r, known_run, known_done);
    return;
  }
  struct cmd *c = w->page;
  w->page = NULL;
  fetch_drop(r), work_drop(r);
  page_send(r, c, r->list_done);
  run_next(r);
}

static void subs_take(struct run *r, const struct work *w)
{
  arena_reset(&r->sub_mem);
  r->sub = arena_array(&r->sub_mem, struct connector_id, w->ids + 1);
  r->subs = w->ids, r->sub_at = 0;
  for (size_t i = 0; i < w->ids; i++)
    r->sub[i] =
      (struct connector_id){ arena_str(&r->sub_mem, w->id[i].id), arena_str(&r->sub_mem, w->id[i].row), 0 };
}

static void on_orders(struct run *r)
{
  struct work *w = r->work;
  struct cmd *c = w->page;
  size_t n = batch_of(r, w->kind);
  w->page = NULL;
  ids_done(r, n);
  if (w->ids) subs_take(r, w);
  call_good(r);
  if (r->kind == RUN_ASK) r->row.received += w->rows, r->p->state.received += w->rows;
  fetch_drop(r), work_drop(r);
  page_send(r, c, r->kind != RUN_ASK && r->list_done && ids_over(r));
  run_next(r);
}

/* ---- when it is good: groups ------------------------------------------------------------------------------------------------------ */
static void groups_done(struct cmd *c)
{
  struct run *r = c->owner;
  r->under_way--;
  r->p->poller->busy--;
  if (c->job.err) r->stored = c->job.err;
  api_cmd_free(api_of(r), c);
  if ((r->phase == PHASE_STORE && !r->in_job) || r->stopping) run_next(r);
}

static const char *group_of(const struct work *w, const char *external_id)
{
  for (size_t i = 0; i < w->groups; i++)
    if (!strcmp(w->group[i].external_id, external_id)) return w->group[i].group;
  return NULL;
}

static void on_groups(struct run *r)
{
  struct work *w = r->work;
  size_t n = batch_of(r, CALL_MERGE), said = 0;
  struct cmd *c = api_own_cmd(api_of(r), CMD_GROUP_PLATFORM);
  struct platform_args *args = arena_new(&c->mem, struct platform_args);
  struct platform_verdict *list = arena_array(&c->mem, struct platform_verdict, n + 1);
  for (size_t i = 0; i < n; i++) {
    const struct token_order *o = &r->asked[r->asked_at + i];
    const char *group = group_of(w, o->external_id);
    if (!group) continue; /* the platform says nothing of it */
    list[said++] =
      (struct platform_verdict){ arena_str(&c->mem, r->p->set.name), arena_str(&c->mem, o->external_id),
                                 arena_str(&c->mem, group), (uint64_t)o->content };
  }
  *args = (struct platform_args){ arena_str(&c->mem, rules_family(c->rules, r->p->set.name)), list, said };
  c->args = args, c->actor.name = arena_printf(&c->mem, "channel:%s", r->p->set.name);
  r->asked_at += n;
  call_good(r);
  fetch_drop(r), work_drop(r);
  r->under_way++;
  r->p->poller->busy++;
  if (!api_push(api_of(r), c, groups_done, r)) {
    r->under_way--;
    r->p->poller->busy--;
    r->stored = ERR_BUSY;
    api_cmd_free(api_of(r), c);
  }
  run_next(r);
}

static enum err asked_run(struct read *rd, struct db *db)
{
  struct run *r = *(struct run **)rd->args;
  struct channel ch;
  if (channel_find(db, &rd->mem, r->p->set.name, &ch)) return ERR_OK;
  int64_t window = rd->rules->rules.merge.window_ms;
  return order_ask_platform(db, &r->mem, ch.id, now_of(r) - 5 * window, window, &r->asked, &r->asked_n);
}

static void asked_done(struct read *rd)
{
  struct run *r = *(struct run **)rd->args;
  r->p->poller->busy--;
  r->in_job = false;
  if (rd->err) r->asked_n = 0;
  read_free(rd);
  run_next(r);
}

static void on_answer(struct run *r)
{
  struct work *w = r->work;
  if (w->verdict.kind != VERDICT_OK) {
    on_failure(r, w->verdict.kind, w->verdict.code, w->verdict.message, w->verdict.retry_after_ms);
    return;
  }
  if (w->why) {
    run_fail(r, "connector", "answer_not_read", w->why);
    return;
  }
  switch (w->kind) {
  case CALL_LIST: on_list(r); return;
  case CALL_DETAIL:
  case CALL_ONE: on_orders(r); return;
  case CALL_REFRESH: tokens_take(r); return;
  case CALL_MERGE: on_groups(r); return;
  case CALL_N: break;
  }
  must(false);
}

/* ---- tills: no call, only the pool -------------------------------------------------------------------------------------------------- */
static void file_run(uv_work_t *job)
{
  struct run *r = job->data;
  bool more = false;
  r->job_ok = file_work(r->p, r->work, r->kind, &r->from, &r->until, &r->page, &more);
  r->list_done = !more;
}

static void file_after(uv_work_t *job, int status)
{
  struct run *r = job->data;
  (void)status;
  if (!job_over(r)) return;
  struct work *w = r->work;
  if (!r->job_ok) {
    run_fail(r, "file", "not_read", w->why);
    return;
  }
  struct cmd *c = w->page;
  w->page = NULL;
  r->row.pages++, r->row.received += w->rows, r->p->state.received += w->rows;
  r->p->state.failures = 0;
  work_drop(r);
  page_send(r, c, r->list_done);
  run_next(r);
}

static void file_start(struct run *r)
{
  work_drop(r);
  r->work = mem_new(sizeof *r->work);
  r->work->kind = CALL_LIST;
  r->work->vars = (struct connector_vars){ .now_ms = now_of(r), .from_ms = r->from, .to_ms = r->until };
  r->work->page = page_new(r);
  job_start(r, PHASE_READ, file_run, file_after);
}

/* ---- windows -------------------------------------------------------------------------------------------------------------------------- */
static bool window_open(struct run *r)
{
  const struct poll_settings *s = &r->p->set;
  int64_t now = poll_now(r->p);
  r->in_window = r->window_sent = r->list_done = false;
  r->ids = r->id_at = 0, r->pass = 0, r->pass_before = 0;
  if (r->kind == RUN_SWEEP) {
    r->from = r->walked ? r->walked : now - s->sweep_back_ms;
    r->until = r->from + s->window.window_ms < r->end ? r->from + s->window.window_ms : r->end;
    r->in_window = r->until - r->from >= 1000;
  } else {
    r->in_window = window_next(&s->window, r->p->state.watermark, r->walked, now, &r->from, &r->until);
    /* What has come meanwhile is for the next run, else a busy channel would never end one. */
    if (r->in_window && r->walked && r->until - r->from < s->window.window_ms && r->from >= r->end)
      r->in_window = false;
  }
  if (!r->in_window) return false;
  if (!r->row.from_at) r->row.from_at = r->from;
  if (r->p->connector->kind == CONNECTOR_HTTP) walk_begin(r);
  else r->page = 0;
  return true;
}

static void window_over(struct run *r)
{
  r->row.until_at = r->walked = r->until;
  r->in_window = false;
}

/* ---- the end --------------------------------------------------------------------------------------------------------------------------- */
static void run_free(struct run *r)
{
  struct pollee *p = r->p;
  fetch_drop(r), work_drop(r);
  if (r->held) api_cmd_free(api_of(r), r->held);
  arena_release(&r->mem), arena_release(&r->ids_mem), arena_release(&r->sub_mem);
  buf_release(&r->cursor);
  rows_release(&r->seen), rows_release(&r->probe);
  p->run = NULL;
  mem_free(r);
  pollee_wake(p);
}

static void note_done(struct cmd *c)
{
  struct run *r = c->owner;
  r->p->poller->busy--;
  if (c->job.err && !r->stopping)
    log_line(LOG_WARN, "channel %s: how its run ended could not be stored: %s", r->p->set.name,
             err_title(c->job.err));
  api_cmd_free(api_of(r), c);
  run_free(r);
}

static bool is_stale(const struct run *r)
{
  const struct poll *s = &r->p->state;
  int64_t since = s->ok_at ? s->ok_at : r->row.began_at;
  return now_of(r) - since > 3 * r->p->set.every_ms;
}

static void state_after(struct run *r)
{
  struct poll *s = &r->p->state;
  bool ok = !r->error;
  s->run_at = r->row.began_at;
  if (ok && r->kind != RUN_ASK) s->ok_at = r->row.ended_at, s->open_until = 0;
  if (ok && r->kind == RUN_SWEEP) s->swept_at = r->row.ended_at;
  if (ok || r->kind != RUN_ASK) {
    arena_reset(&r->p->state_mem);
    s->error = arena_str(&r->p->state_mem, r->error);
  }
  if (ok) r->p->runs_ok++;
  else r->p->runs_failed++;
}

static struct cmd *note_cmd(struct run *r)
{
  struct cmd *c = api_own_cmd(api_of(r), CMD_POLL_STATE);
  struct poll_state *s = arena_new(&c->mem, struct poll_state);
  struct poll_run *row = arena_new(&c->mem, struct poll_run);
  struct poll *poll = arena_new(&c->mem, struct poll);
  *row = r->row, row->error = arena_str(&c->mem, r->error);
  *poll = r->p->state, poll->error = arena_str(&c->mem, poll->error);
  poll->connector = arena_str(&c->mem, r->p->connector->name);
  s->channel = arena_str(&c->mem, r->p->set.name), s->run = row, s->poll = poll;
  s->buckets = poll_buckets(r->p, &c->mem, &s->bucket);
  if (!r->error && r->kind != RUN_ASK) s->settle[0] = "channel_auth", s->settle[1] = "channel_stale";
  else if (r->error && r->auth) s->open_type = "channel_auth";
  else if (r->error && is_stale(r)) s->open_type = "channel_stale";
  s->open_data = row->error;
  c->args = s, c->actor.name = arena_printf(&c->mem, "channel:%s", r->p->set.name);
  return c;
}

static void run_end(struct run *r)
{
  if (r->phase == PHASE_NOTE) return;
  r->phase = PHASE_NOTE;
  if (r->stored && !r->error) r->error = error_text(r, "store", err_code(r->stored), err_title(r->stored));
  if (r->stopping) {
    run_free(r);
    return;
  }
  r->row.ended_at = now_of(r);
  if (r->stored) r->p->next_at = r->row.ended_at + STORE_RETRY_MS;
  state_after(r);
  struct cmd *c = note_cmd(r);
  r->p->poller->busy++;
  if (api_push(api_of(r), c, note_done, r)) return;
  r->p->poller->busy--;
  api_cmd_free(api_of(r), c);
  run_free(r);
}

/* ---- what comes next --------------------------------------------------------------------------------------------------------------------- */
/* Before it ends: a sixth of its life, five minutes at most; half a minute where the life is not known any more. */
static int64_t early_ms(const struct poll_secret_value *v)
{
  int64_t sixth = v->life_ms ? v->life_ms / 6 : POLL_TOKEN_EARLY_MS / 10;
  return sixth < POLL_TOKEN_EARLY_MS ? sixth : POLL_TOKEN_EARLY_MS;
}

static bool token_ends(const struct run *r)
{
  const struct pollee *p = r->p;
  if (!p->connector->has_refresh || r->refreshed) return false;
  for (size_t i = 0; i < p->secrets; i++)
    if (p->secret[i].expires_at && strstr(p->secret[i].name, "access") &&
        p->secret[i].expires_at < now_of(r) + early_ms(&p->secret[i]))
      return true;
  return false;
}

static bool is_surging(const struct run *r)
{
  const struct api *api = api_of(r);
  return api->disk_full || (int64_t)writer_waiting(api->writer) > api->rules->rules.surge_queue;
}

static enum call_kind order_call(const struct run *r)
{
  return r->kind == RUN_ASK && r->p->connector->has_one && !in_subs(r) ? CALL_ONE : CALL_DETAIL;
}

static void merge_next(struct run *r)
{
  if (!r->merge_read) {
    r->merge_read = true;
    own_read(r, asked_run, asked_done);
  } else if (r->asked_at < r->asked_n) {
    call_start(r, CALL_MERGE);
  } else {
    run_end(r);
  }
}

static void run_next(struct run *r)
{
  struct pollee *p = r->p;
  if (r->stopping || r->ended || r->stored) {
    if (r->under_way || r->in_job || r->phase == PHASE_NOTE) {
      if (r->phase != PHASE_NOTE && !r->in_job) r->phase = PHASE_STORE;
      return;
    }
    run_end(r);
    return;
  }
  r->error = NULL;
  if (r->held || r->under_way >= POLL_UNDER_WAY || (r->window_sent && r->under_way)) {
    r->phase = PHASE_STORE;
    return;
  }
  if (r->window_sent) window_over(r), r->window_sent = false;
  if (is_surging(r)) {
    run_wait(r, SURGE_WAIT_MS);
    return;
  }
  if (token_ends(r)) {
    r->refreshed = true;
    call_start(r, CALL_REFRESH);
    return;
  }
  if (!ids_over(r)) {
    call_start(r, order_call(r));
    return;
  }
  if (r->kind != RUN_ASK && (r->in_window || window_open(r))) {
    if (p->connector->kind == CONNECTOR_HTTP) call_start(r, CALL_LIST);
    else file_start(r);
    return;
  }
  if (r->under_way) r->phase = PHASE_STORE;
  else if (r->kind == RUN_POLL && p->connector->has_merge) merge_next(r);
  else run_end(r);
}

void run_wake(struct run *r)
{
  if (r->phase == PHASE_WAIT) run_next(r);
  else if (r->phase == PHASE_PACE) {
    if (r->stopping) run_next(r);
    else call_go(r);
  }
}

void run_stop(struct run *r)
{
  if (r->stopping) return;
  r->stopping = true;
  fetch_drop(r);
  if (r->phase == PHASE_WAIT || r->phase == PHASE_PACE || r->phase == PHASE_CALL) run_next(r);
}

static void asks_take(struct run *r)
{
  struct pollee *p = r->p;
  r->id = arena_array(&r->ids_mem, struct connector_id, p->asks + 1);
  r->ids = p->asks, p->asks = 0;
  for (size_t i = 0; i < r->ids; i++) r->id[i].id = arena_str(&r->ids_mem, p->ask[i].id);
}

void run_start(struct pollee *p, enum run_kind kind)
{
  static const char *const names[] = { "poll", "sweep", "ask" };
  struct run *r = p->run = mem_new(sizeof *r);
  r->p = p, r->kind = kind;
  r->row = (struct poll_run){ .kind = names[kind], .began_at = now_of(r) };
  r->end = poll_now(p) - p->set.window.settle_ms;
  if (kind == RUN_SWEEP) r->missed_before = p->state.watermark - p->set.window.overlap_ms;
  if (kind == RUN_ASK) asks_take(r);
  run_next(r);
}
