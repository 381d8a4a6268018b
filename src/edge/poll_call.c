/* poll_call.c: a run's calls: built on the pool, sent when the platform allows one, judged; and what to do when the answer
 * is no answer. */
#include "edge.h"
#include <uv.h>

enum { LIMITED_MOST = 50, ANSWER_SHOWN = 500, CLOCK_MOVED_MS = 30000, RENEWAL_WAIT_MS = 100 };

/* ---- a call ------------------------------------------------------------------------------------------------------------ */
static void ids_put(struct run *r, struct work *w, size_t n)
{
  struct buf ids = { 0 }, rows = { 0 };
  struct jw j;
  jw_init(&j, &ids), jw_array(&j);
  const struct connector_id *id = run_ids_next(r);
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
void run_call_good(struct run *r)
{
  r->failures = 0, r->limited = 0, r->p->state.failures = 0;
  r->refreshed = r->clock_retried = false;
}

size_t run_batch(const struct run *r, enum call_kind kind)
{
  size_t left = kind == CALL_MERGE ? r->asked_n - r->asked_at
                : run_in_subs(r)   ? r->subs - r->sub_at
                                   : r->ids - r->id_at;
  size_t most = kind == CALL_ONE || r->singles || r->payload ? 1 : (size_t)run_request_of(r, kind)->batch;
  return left < most ? left : most;
}

static void build_run(uv_work_t *job)
{
  struct run *r = job->data;
  r->job_ok = work_build(r->p, r->work);
}

static void build_after(uv_work_t *job, int status)
{
  struct run *r = job->data;
  (void)status;
  if (!run_job_over(r)) return;
  if (!r->job_ok) run_fail(r, "connector", "request_not_built", r->work->why);
  else run_call_send(r);
}

static void nonce_put(struct run *r, struct work *w)
{
  struct buf b = { 0 };
  unsigned char bytes[16];
  struct env *e = run_api(r)->env;
  e->random(e, bytes, sizeof bytes);
  hex_put(&b, bytes, sizeof bytes);
  w->vars.nonce = arena_strn(&w->mem, b.data, b.len);
  buf_release(&b);
}

static int64_t page_size(const struct run *r)
{
  int64_t n = run_request_of(r, CALL_LIST)->page_size;
  for (int i = 0; i < r->p->slow && !r->p->whole; i++) n /= 4;
  return n ? n : 1;
}

void run_call(struct run *r, enum call_kind kind)
{
  run_work_drop(r);
  static const struct buf none;
  struct work *w = r->work = mem_new(sizeof *w);
  const struct buf *cursor = kind == CALL_LIST ? &r->cursor : kind == CALL_DETAIL ? &r->detail_cursor : &none;
  w->kind = kind;
  w->vars =
    (struct connector_vars){ .now_ms = poll_now(r->p),
                             .from_ms = r->from,
                             .to_ms = r->until,
                             .page = r->page,
                             .host = r->p->set.host,
                             .cursor = cursor->len ? arena_strn(&w->mem, cursor->data, cursor->len) : "" };
  w->pages_before = r->detail.len ? arena_strn(&w->mem, r->detail.data, r->detail.len) : "";
  w->probe = kind == CALL_LIST && !r->probed;
  w->keeps = r->p->slow >= POLL_SLOW_TRIES;
  if (kind == CALL_LIST) w->vars.page_size = page_size(r);
  r->skew_built = r->p->state.skew_ms;
  w->pollee = r->p, w->token_no = r->p->token_no;
  poll_secrets_copy(r->p, &w->secrets);
  nonce_put(r, w);
  if (kind == CALL_DETAIL || kind == CALL_ONE) ids_put(r, w, run_batch(r, kind));
  if (kind == CALL_MERGE) merge_put(r, w, run_batch(r, kind));
  if (kind == CALL_DETAIL || kind == CALL_ONE || kind == CALL_LIST) w->page = run_page_new(r);
  if (r->payload && !run_in_subs(r) && !run_ids_over(r)) r->answers = r->payload[r->id_at];
  if (w->page) ((struct poll_page *)(uintptr_t)w->page->args)->answers = r->answers;
  run_job(r, PHASE_BUILD, build_run, build_after);
}

/* ---- its answer ----------------------------------------------------------------------------------------------------------- */
static void read_run(uv_work_t *job)
{
  struct run *r = job->data;
  work_read(r->p, r->work);
}

static void read_after(uv_work_t *job, int status)
{
  struct run *r = job->data;
  (void)status;
  if (run_job_over(r)) run_answered(r);
}

/* The Date header has whole seconds; smaller differences are the network's. */
void poll_clock_look(struct pollee *p, const struct fetch *f)
{
  struct env *e = p->poller->api->env;
  if (!f->date_ms || !p->connector->clock_by_date) return;
  int64_t skew = f->date_ms + 500 - (e->now_ms(e) - f->took_ms / 2), was = p->state.skew_ms, by = skew - was;
  if (by > -2000 && by < 2000) return;
  if (skew > -2000 && skew < 2000) skew = 0;
  p->state.skew_ms = skew;
  if (by > CLOCK_MOVED_MS || by < -CLOCK_MOVED_MS)
    log_line(LOG_WARN, "channel %s: the platform's clock is %+lld s from ours", p->set.name,
             (long long)(skew / 1000));
}

static void on_fetched(struct fetch *f)
{
  struct run *r = f->owner;
  struct work *w = r->work;
  r->row.calls++, r->p->calls++;
  r->dated = r->dated || f->date_ms;
  if (!f->status) {
    run_failed(r, VERDICT_RETRY, "no_answer", f->why, 0);
    return;
  }
  poll_clock_look(r->p, f);
  w->answer = (struct connector_answer){ f->status, f->field, f->fields, f->answer, f->answer_n, false };
  run_job(r, PHASE_READ, read_run, read_after);
}

void run_call_send(struct run *r)
{
  struct work *w = r->work;
  const struct connector_request *q = run_request_of(r, w->kind);
  struct bucket *b = &r->p->bucket[q - r->p->connector->request];
  int64_t per_1000s = r->p->set.has_rate ? r->p->set.per_1000s : q->per_1000s;
  int64_t wait = bucket_take(b, per_1000s, q->burst > 0 ? q->burst : 1, run_now(r));
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
const char *run_error_text(struct run *r, const char *kind, const char *code, const char *message)
{
  struct buf b = { 0 };
  struct jw j;
  jw_init(&j, &b), jw_object(&j);
  jw_kstring(&j, "kind", kind);
  jw_kstring(&j, "code", code ? text_redacted(&r->mem, r->p, code, strlen(code), ANSWER_SHOWN) : NULL);
  jw_kstring(&j, "message",
             message ? text_redacted(&r->mem, r->p, message, strlen(message), ANSWER_SHOWN) : NULL);
  jw_ktime(&j, "at", run_now(r));
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

void run_fail(struct run *r, const char *kind, const char *code, const char *message)
{
  r->error = run_error_text(r, kind, code, message);
  r->ended = true;
  run_fetch_drop(r), run_work_drop(r);
  run_next(r);
}

static void call_again(struct run *r, int64_t wait_ms)
{
  if (r->work->kind == CALL_REFRESH) r->refreshed = false; /* it is still to be done */
  run_fetch_drop(r), run_work_drop(r);
  run_wait(r, wait_ms);
}

static void on_limited(struct run *r, const char *code, const char *message, int64_t retry_after_ms)
{
  const struct poll_settings *s = &r->p->set;
  const struct connector_request *q = run_request_of(r, r->work->kind);
  bucket_empty(&r->p->bucket[q - r->p->connector->request], run_now(r));
  if (++r->limited > LIMITED_MOST) {
    run_fail(r, "rate_limited", code, message);
    return;
  }
  int64_t wait = backoff_ms(r->limited, s->backoff_ms, s->backoff_most_ms, run_random(r));
  call_again(r, retry_after_ms > wait ? retry_after_ms : wait);
}

static void on_trouble(struct run *r, const char *code, const char *message, int64_t retry_after_ms)
{
  const struct poll_settings *s = &r->p->set;
  r->failures++, r->p->state.failures++;
  int64_t open = breaker_open_ms(r->p->state.failures, s->breaker_ms, s->breaker_most_ms);
  if (open) {
    r->p->state.open_until = run_now(r) + open;
    run_fail(r, "retry", code, message);
    return;
  }
  int64_t wait = backoff_ms(r->failures, s->backoff_ms, s->backoff_most_ms, run_random(r));
  call_again(r, retry_after_ms > wait ? retry_after_ms : wait);
}

static void on_expired(struct run *r, const char *code, const char *message)
{
  if (r->p->renewing || r->work->token_no != r->p->token_no) { /* somebody else renews them, or did */
    call_again(r, r->p->renewing ? RENEWAL_WAIT_MS : 1);
    return;
  }
  if (r->refreshed || !r->p->connector->has_refresh || r->work->kind == CALL_REFRESH) {
    r->auth = true;
    run_fail(r, "auth_expired", code, message);
    return;
  }
  r->refreshed = true;
  run_fetch_drop(r);
  run_call(r, CALL_REFRESH);
}

/* Orders that cannot be fetched are kept as failed payloads with what the list said of them; the others go on. */
static void ids_give_up(struct run *r, const char *code, const char *message)
{
  struct work *w = r->work;
  struct cmd *c = w->page;
  struct poll_page *page = (struct poll_page *)(uintptr_t)c->args;
  struct problem pr = { .code = code };
  struct buf raw = { 0 }, why = { 0 };
  struct jw j;
  const struct connector_id *id = run_ids_next(r);
  jw_init(&j, &raw), jw_object(&j), jw_kstring(&j, "at", "$"), jw_kstring(&j, "call", call_name(w->kind));
  jw_kstring(&j, "id", id->id);
  if (id->row) jw_key(&j, "row"), jw_raw(&j, id->row, strlen(id->row));
  jw_object_end(&j);
  if (r->payload) page->answers = 0; /* it is kept already */
  if (message) pr.detail = text_redacted(&c->mem, r->p, message, strlen(message), ANSWER_SHOWN);
  problem_put(&why, ERR_INVALID, 0, &pr);
  page->item = arena_new(&c->mem, struct poll_item), page->items = !r->payload;
  page->item->raw = arena_strn(&c->mem, raw.data, raw.len), page->item->raw_n = raw.len;
  page->item->error = arena_strn(&c->mem, why.data, why.len);
  buf_release(&raw), buf_release(&why);
  w->page = NULL;
  run_ids_done(r, 1);
  run_fetch_drop(r), run_work_drop(r);
  bool is_last = r->kind != RUN_ASK && r->list_done && run_ids_over(r);
  run_page_send(r, c, is_last);
  run_next(r);
}

/* So was its end. */
static void window_shorten(struct run *r)
{
  int64_t until = run_end_of_window(r);
  if (r->kind != RUN_POLL || r->work->kind != CALL_LIST || until >= r->until || until <= r->from) return;
  r->until = until;
  run_walk_begin(r);
}

static void on_refused(struct run *r, enum verdict_kind kind, const char *code, const char *message)
{
  enum call_kind call = r->work->kind;
  int64_t moved = r->p->state.skew_ms - r->skew_built;
  if ((moved > CLOCK_MOVED_MS || moved < -CLOCK_MOVED_MS) && !r->clock_retried) {
    r->clock_retried = true; /* it was signed with a time that the platform does not believe */
    window_shorten(r);
    call_again(r, 1);
    return;
  }
  bool orders = call == CALL_DETAIL || call == CALL_ONE;
  if (orders && run_batch(r, call) > 1) {
    r->singles = run_batch(r, call); /* which of them is it? */
    run_detail_begin(r);
    call_again(r, 1);
  } else if (orders) {
    ids_give_up(r, kind == VERDICT_NOT_FOUND ? "not_found" : "refused", message);
  } else {
    r->auth = call == CALL_REFRESH;
    run_fail(r, verdict_name(kind), code, message);
  }
}

void run_failed(struct run *r, enum verdict_kind kind, const char *code, const char *message,
                int64_t retry_after_ms)
{
  if (r->stopping) {
    run_next(r);
    return;
  }
  r->error = run_error_text(r, verdict_name(kind), code, message);
  switch (kind) {
  case VERDICT_RATE_LIMITED: on_limited(r, code, message, retry_after_ms); return;
  case VERDICT_RETRY: on_trouble(r, code, message, retry_after_ms); return;
  case VERDICT_AUTH_EXPIRED: on_expired(r, code, message); return;
  case VERDICT_NOT_FOUND:
  case VERDICT_REFUSED: on_refused(r, kind, code, message); return;
  case VERDICT_DONE: /* of effects only */
  case VERDICT_ASK:
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

/* The old refresh token may be worth nothing by now: in use at once, and on the disk before anything else is asked. */
struct cmd *poll_tokens_cmd(struct pollee *p, const struct connector_token *token, size_t n)
{
  struct api *api = p->poller->api;
  struct cmd *c = api_own_cmd(api, CMD_POLL_STATE);
  struct poll_state *s = arena_new(&c->mem, struct poll_state);
  struct poll_secret *list = arena_array(&c->mem, struct poll_secret, n + 1);
  int64_t now = api->env->now_ms(api->env);
  for (size_t i = 0; i < n; i++) {
    const struct connector_token *t = &token[i];
    struct buf sealed = { 0 };
    char *what = arena_printf(&c->mem, "%s/%s", p->set.name, t->name);
    int64_t expires_at = t->expires_in_ms > 0 ? now + t->expires_in_ms : 0;
    seal(&sealed, api->env, p->poller->key, what, t->value, strlen(t->value));
    list[i] = (struct poll_secret){ arena_str(&c->mem, t->name), arena_strn(&c->mem, sealed.data, sealed.len),
                                    sealed.len, expires_at };
    secret_set(p, t->name, t->value, expires_at, t->expires_in_ms);
    buf_release(&sealed);
  }
  p->token_no++;
  s->channel = arena_str(&c->mem, p->set.name), s->secret = list, s->secrets = n;
  c->args = s, c->actor.name = arena_printf(&c->mem, "channel:%s", p->set.name);
  return c;
}

static void tokens_done(struct cmd *c)
{
  struct run *r = c->owner;
  enum err e = c->job.err;
  r->p->poller->busy--;
  r->in_job = false;
  api_cmd_free(run_api(r), c);
  if (r->stopping) {
    run_next(r);
    return;
  }
  if (e) {
    run_fail(r, "store", err_code(e), err_title(e));
    return;
  }
  run_work_drop(r);
  run_next(r);
}

void run_tokens_in(struct run *r)
{
  struct poller *poller = r->p->poller;
  struct cmd *c = poll_tokens_cmd(r->p, r->work->token, r->work->tokens);
  run_fetch_drop(r);
  r->phase = PHASE_STORE, r->limited = 0, r->in_job = true;
  poller->busy++;
  if (api_push(run_api(r), c, tokens_done, r)) return;
  poller->busy--, r->in_job = false;
  api_cmd_free(run_api(r), c);
  run_fail(r, "store", "busy", "The writer has too much to do");
}
