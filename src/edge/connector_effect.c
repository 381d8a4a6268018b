/* connector_effect.c: telling channels, for the deliverer: a confirmation, a stock figure, or the question what the
 * platform has. Beside the poller, with the channel's own secrets, clock and limits, in a sandbox of its own, so that
 * neither waits for the other.
 *
 *   start ─► build (pool) ─► its turn ─► call ─► read (pool) ─┬─► next call of the same effect ─► …
 *              ▲                                              ├─► tokens renewed (one at a time) ─► again
 *              └──────────────────────────────────────────────┴─► outcome
 *
 * What was surely not taken is RETRY, what may have been is UNKNOWN: a confirmation is never sent twice unasked. */
#include "edge.h"
#include <uv.h>

enum { AT_ONCE = 4, SAID_MAX = 300, WAIT_MS = 200, WAITS_MAX = 150, CLOCK_MOVED_MS = 30000 };
#define TURN_MOST_MS 20000 /* a longer wait for one's turn is the deliverer's */
#define PAUSED_MS 30000
#define BROKEN_MS 60000
#define AUTH_MS 60000
#define LIMITED_MS 1000 /* the least pause after a refusal for too many calls */

enum step {
  STEP_PREPARE,
  STEP_CONFIRM,
  STEP_STOCK,
  STEP_REFUNDABLE,
  STEP_REFUND,
  STEP_SHIPPED,
  STEP_ONE,
  STEP_DETAIL,
  STEP_REFRESH
};
static const char *const requests[] = { "prepare", "confirm", "stock",  "refundable", "refund",
                                        "shipped", "one",     "detail", "refresh" };

struct telling {
  struct telling *next;      /* of the channel's */
  struct deliver_call *call; /* NULL: given up */
  struct pollee *p;
  struct arena mem; /* of the effect */
  struct connector_effect effect;
  const char *result; /* of a refund, as [result refund] reads the answer; NULL: none */
  bool ask, is_stock, is_refund;
  enum step step, after; /* after: where it went on when its tokens are new */
  const char *rows, *id; /* of an order that takes two calls */
  int waits;
  bool renewed, clock_retried;
  int64_t skew_built;
  uint32_t token_no;
  /* one call */
  struct arena work;
  struct connector_vars vars;
  struct poll_secret_list secrets;
  struct connector_call built;
  struct connector_answer answer;
  struct verdict verdict;
  struct told_answer said;
  struct connector_token *token;
  size_t tokens;
  struct connector_id *ids;
  size_t ids_n;
  const char *why;
  bool ok, nothing, no_carrier;
  struct fetch *fetch;
  uv_work_t job;
  void (*job_run)(struct telling *t);
  void (*job_after)(struct telling *t);
  bool in_job, waits_for_job, storing;
  uv_timer_t timer;
  void (*timer_after)(struct telling *t);
};

static struct api *api_of(const struct telling *t)
{
  return t->p->poller->api;
}

static int64_t now_of(const struct telling *t)
{
  struct env *e = api_of(t)->env;
  return e->now_ms(e);
}

static const struct connector_request *request_of(const struct telling *t)
{
  return connector_request(t->p->connector, requests[t->step]);
}

/* ---- its end -------------------------------------------------------------------------------------------------- */
static void jobs_next(struct pollee *p);

static void telling_closed(uv_handle_t *h)
{
  struct telling *t = h->data;
  struct pollee *p = t->p;
  p->telling--, p->poller->busy--;
  arena_release(&t->mem), arena_release(&t->work);
  mem_free(t);
}

static void fetch_drop(struct telling *t)
{
  if (!t->fetch) return;
  fetch_stop(t->p->poller->fetcher, t->fetch);
  arena_release(&t->fetch->mem);
  mem_free(t->fetch);
  t->fetch = NULL;
}

static void telling_free(struct telling *t)
{
  struct telling **at = &t->p->told;
  while (*at != t) at = &(*at)->next;
  *at = t->next;
  if (t->step == STEP_REFRESH) t->p->renewing = false;
  fetch_drop(t);
  uv_close((uv_handle_t *)&t->timer, telling_closed);
}

static const char *shown(struct telling *t, const char *text)
{
  return text && *text ? text_redacted(&t->call->mem, t->p, text, strlen(text), SAID_MAX) : NULL;
}

static void telling_end(struct telling *t, enum outcome_kind kind, const char *code, const char *message,
                        int64_t retry_after_ms, bool destination)
{
  struct deliver_call *call = t->call;
  struct effect_outcome o = { .kind = kind,
                              .code = call ? shown(t, code) : NULL,
                              .message = call ? shown(t, message) : NULL,
                              .result = call && kind == OUTCOME_ACCEPTED && t->result
                                          ? arena_str(&call->mem, t->result)
                                          : NULL,
                              .retry_after_ms = retry_after_ms,
                              .destination = destination };
  if (call) call->user = NULL;
  telling_free(t);
  if (call) call->done(call, &o);
}

/* Trouble before anything can have been taken. Of a question: no answer. */
static void telling_later(struct telling *t, const char *code, const char *message, int64_t wait_ms)
{
  telling_end(t, t->ask ? OUTCOME_UNKNOWN : OUTCOME_RETRY, code, message, wait_ms, true);
}

/* ---- waiting ------------------------------------------------------------------------------------------------------ */
static void timer_fired(uv_timer_t *timer)
{
  struct telling *t = timer->data;
  t->timer_after(t);
}

static void wait_for(struct telling *t, int64_t ms, void (*after)(struct telling *t))
{
  t->timer_after = after;
  uv_timer_start(&t->timer, timer_fired, (uint64_t)(ms > 0 ? ms : 0), 0);
}

/* ---- the pool: one job of a channel at a time ------------------------------------------------------------------------ */
static void job_run(uv_work_t *job)
{
  struct telling *t = job->data;
  struct pollee *p = t->p;
  if (!p->told_box) p->told_box = connector_open(p->connector, &p->told_mem, &t->why);
  t->ok = p->told_box;
  if (t->ok) t->job_run(t);
}

static void job_after(uv_work_t *job, int status)
{
  struct telling *t = job->data;
  struct pollee *p = t->p;
  (void)status;
  p->told_job = t->in_job = false;
  bool given_up = !t->call && t->step != STEP_REFRESH; /* tokens that came are kept all the same */
  if (given_up) telling_free(t);
  else t->job_after(t);
  jobs_next(p);
}

static void jobs_next(struct pollee *p)
{
  struct telling *t = p->told;
  while (t && !t->waits_for_job) t = t->next;
  if (!t || p->told_job) return;
  p->told_job = t->in_job = true, t->waits_for_job = false;
  must(!uv_queue_work(api_of(t)->loop, &t->job, job_run, job_after));
}

static void job_start(struct telling *t, void (*run)(struct telling *t), void (*after)(struct telling *t))
{
  t->job_run = run, t->job_after = after, t->waits_for_job = true;
  jobs_next(t->p);
}

static const char *secret_fn(void *arg, const char *name)
{
  const struct telling *t = arg;
  return poll_secret_of(t->p, &t->secrets, name);
}

static const char *setting_fn(void *arg, const char *name)
{
  return poll_setting(((struct telling *)arg)->p, name);
}

/* ---- building --------------------------------------------------------------------------------------------------------- */
static void build_run(struct telling *t)
{
  struct connector_box *b = t->p->told_box;
  const char *request = requests[t->step];
  connector_values(b, secret_fn, setting_fn, t);
  if (!t->ask && !t->is_stock && !t->is_refund && t->step != STEP_REFRESH && !t->effect.carrier) {
    t->no_carrier = !connector_carrier(b, &t->mem, t->effect.carrier_code, &t->effect.carrier);
    if (t->no_carrier) return;
  }
  t->nothing =
    request_is_effect(request) && !connector_when(b, &t->work, request, &t->vars, &t->why) && !t->why;
  t->ok = !t->why && (t->nothing || connector_build(b, &t->work, request, &t->vars, &t->built, &t->why));
}

static void call_go(struct telling *t);

static void build_after(struct telling *t)
{
  if (t->no_carrier) {
    telling_end(
      t, OUTCOME_REFUSED, "unknown_carrier",
      arena_printf(
        &t->mem,
        "The connector %s has no name for the carrier %.40s; say it with carrier.%.40s = … in [channel %s]",
        t->p->connector->name, t->effect.carrier_code, t->effect.carrier_code, t->p->set.name),
      0, false);
  } else if (!t->ok) {
    telling_end(t, t->ask ? OUTCOME_UNKNOWN : OUTCOME_RETRY, "request_not_built", t->why, 0, false);
  } else if (t->nothing) {
    telling_end(t, OUTCOME_ACCEPTED, "not_told", "The connector has nothing to tell about this article", 0,
                false);
  } else {
    call_go(t);
  }
}

static const char *nonce_of(struct telling *t)
{
  struct buf b = { 0 };
  unsigned char bytes[16];
  struct env *e = api_of(t)->env;
  e->random(e, bytes, sizeof bytes);
  hex_put(&b, bytes, sizeof bytes);
  const char *text = arena_strn(&t->work, b.data, b.len);
  buf_release(&b);
  return text;
}

static const char *array_of(struct arena *a, const char *text, bool is_json)
{
  struct buf b = { 0 };
  struct jw w;
  jw_init(&w, &b), jw_array(&w);
  if (text && is_json) jw_raw(&w, text, strlen(text));
  else if (text) jw_string(&w, text);
  jw_array_end(&w);
  const char *out = arena_strn(a, b.data, b.len);
  buf_release(&b);
  return out;
}

static void step_go(struct telling *t, enum step step)
{
  fetch_drop(t);
  arena_reset(&t->work);
  t->step = step, t->why = NULL, t->nothing = false;
  t->vars = (struct connector_vars){
    .now_ms = poll_now(t->p), .host = t->p->set.host, .cursor = "", .nonce = nonce_of(t), .effect = &t->effect
  };
  if (step == STEP_ONE || step == STEP_DETAIL) {
    t->vars.id = t->id;
    t->vars.ids = array_of(&t->work, t->id, false), t->vars.rows = array_of(&t->work, t->rows, true);
  }
  t->skew_built = t->p->state.skew_ms, t->token_no = t->p->token_no;
  poll_secrets_copy(t->p, &t->secrets);
  job_start(t, build_run, build_after);
}

static void step_again(struct telling *t)
{
  step_go(t, t->step);
}

/* ---- the call ------------------------------------------------------------------------------------------------------------ */
static void answer_read(struct telling *t);
static void answer_in(struct telling *t);

/* What must not be taken twice. */
static bool only_once(const struct telling *t)
{
  return t->step == STEP_CONFIRM || t->step == STEP_REFUND;
}

static void on_fetched(struct fetch *f)
{
  struct telling *t = f->owner;
  t->p->calls++;
  if (f->status) {
    poll_clock_look(t->p, f);
    t->answer = (struct connector_answer){ f->status, f->field, f->fields, f->answer, f->answer_n, false };
    job_start(t, answer_read, answer_in);
  } else if (t->step == STEP_REFRESH) {
    t->p->renewing = false, t->step = t->after;
    telling_later(t, "no_answer", f->why, 0);
  } else if (only_once(t) && f->sent) {
    telling_end(t, OUTCOME_UNKNOWN, "no_answer", f->why, 0, true);
  } else {
    telling_later(t, f->sent ? "no_answer" : "no_connection", f->why, 0);
  }
}

static void telling_send(struct telling *t)
{
  struct fetch *f = t->fetch = mem_new(sizeof *f);
  *f = (struct fetch){ .method = t->built.method,
                       .url = t->built.url,
                       .content_type = t->built.content_type,
                       .header = t->built.header,
                       .headers = t->built.headers,
                       .body = t->built.body,
                       .body_n = t->built.body_n,
                       .timeout_ms = t->p->set.timeout_ms ? t->p->set.timeout_ms : t->built.timeout_ms,
                       .answer_max = CONNECTOR_BODY_MAX,
                       .alone = only_once(t),
                       .done = on_fetched,
                       .owner = t };
  fetch_start(t->p->poller->fetcher, f);
}

/* When the platform allows one more call of this kind. */
static void call_go(struct telling *t)
{
  const struct connector_request *q = request_of(t);
  struct pollee *p = t->p;
  int64_t per_1000s = p->set.has_rate ? p->set.per_1000s : q->per_1000s;
  int64_t wait =
    bucket_take(&p->bucket[q - p->connector->request], per_1000s, q->burst > 0 ? q->burst : 1, now_of(t));
  if (!wait) telling_send(t);
  else if (wait <= TURN_MOST_MS) wait_for(t, wait, call_go);
  else telling_later(t, "rate_limited", "The platform allows no more calls for a while", wait);
}

/* ---- its answer ------------------------------------------------------------------------------------------------------------- */
static void told_read(struct telling *t, const char *section)
{
  struct connector_order *list = NULL;
  size_t n = 0;
  struct faults f = { .mem = &t->work };
  t->said =
    (struct told_answer){ OUTCOME_UNKNOWN, "not_found", "The platform's answer does not hold the order" };
  if (!connector_orders(t->p->told_box, &t->work, section, &t->answer, &t->vars, &list, &n, &t->why)) return;
  for (size_t i = 0; i < n; i++) {
    const struct json *j = json_parse(&t->work, list[i].order, list[i].order_n, JSON_ELEMENTS_MAX, &f);
    const char *id = json_string(json_get(j, "external_id"));
    if (!id || strcmp(id, t->effect.order_id) != 0) continue;
    t->said = told_by_order(&t->work, list[i].order, list[i].order_n, &t->effect);
    return;
  }
}

/* The money is back, whatever the answer is called: what cannot be read of it is not kept. */
static void result_read(struct telling *t)
{
  const char *why = NULL;
  if (!connector_result(t->p->told_box, &t->mem, "refund", &t->answer, &t->vars, &t->result, &why))
    t->result = NULL;
}

static void answer_read(struct telling *t)
{
  struct connector_box *b = t->p->told_box;
  struct connector_shipped *list = NULL;
  size_t n = 0;
  connector_values(b, secret_fn, setting_fn, t);
  connector_judge(b, &t->work, requests[t->step], &t->answer, &t->vars, &t->verdict);
  if (t->verdict.kind != VERDICT_OK) return;
  switch (t->step) {
  case STEP_REFRESH:
    connector_tokens(b, &t->work, &t->answer, &t->vars, &t->token, &t->tokens, &t->why);
    break;
  case STEP_SHIPPED:
    if (connector_shipped(b, &t->work, &t->answer, &t->vars, &list, &n, &t->why))
      t->said = told_by_numbers(&t->work, list, n, &t->effect);
    break;
  case STEP_ONE:
    if (!connector_section(t->p->connector, "ids one")) told_read(t, "orders one");
    else connector_ids(b, &t->work, "ids one", &t->answer, &t->vars, &t->ids, &t->ids_n, &t->why);
    break;
  case STEP_DETAIL: told_read(t, "orders"); break;
  case STEP_REFUND: result_read(t); break;
  default: break;
  }
}

/* ---- tokens: renewed by one, waited for by others ----------------------------------------------------------------------------- */
static bool run_renews(const struct pollee *p)
{
  return p->run && p->run->work && p->run->work->kind == CALL_REFRESH;
}

static void auth_failed(struct telling *t, const char *code, const char *message)
{
  telling_later(t, code && *code ? code : "auth_expired", message, AUTH_MS);
}

static void renew_wait(struct telling *t)
{
  struct pollee *p = t->p;
  if (t->token_no != p->token_no && !p->renewing) step_again(t);
  else if (++t->waits > WAITS_MAX) auth_failed(t, "auth_expired", "The tokens are not renewed");
  else if (p->renewing || run_renews(p)) wait_for(t, WAIT_MS, renew_wait);
  else {
    p->renewing = true;
    t->renewed = true, t->after = t->step;
    step_go(t, STEP_REFRESH);
  }
}

static void tokens_stored(struct cmd *c)
{
  struct telling *t = c->owner;
  enum err e = c->job.err;
  api_cmd_free(api_of(t), c);
  t->storing = false;
  t->p->renewing = false, t->step = t->after;
  if (!t->call) telling_free(t);
  else if (e) telling_later(t, err_code(e), err_title(e), 0);
  else step_again(t);
}

static void tokens_in(struct telling *t)
{
  struct pollee *p = t->p;
  if (t->verdict.kind != VERDICT_OK || t->why) {
    p->renewing = false, t->step = t->after;
    if (!t->call) telling_free(t);
    else if (t->verdict.kind == VERDICT_RETRY || t->verdict.kind == VERDICT_RATE_LIMITED)
      telling_later(t, t->verdict.code, t->verdict.message, t->verdict.retry_after_ms);
    else auth_failed(t, t->verdict.code, t->why ? t->why : t->verdict.message);
    return;
  }
  struct cmd *c = poll_tokens_cmd(p, t->token, t->tokens);
  t->storing = true;
  if (api_push(api_of(t), c, tokens_stored, t)) return;
  c->job.err = ERR_BUSY, c->owner = t;
  tokens_stored(c);
}

/* ---- what it means ------------------------------------------------------------------------------------------------------------- */
static void limited(struct telling *t)
{
  const struct connector_request *q = request_of(t);
  const struct verdict *v = &t->verdict;
  bucket_empty(&t->p->bucket[q - t->p->connector->request], now_of(t));
  telling_later(t, v->code, v->message, v->retry_after_ms > LIMITED_MS ? v->retry_after_ms : LIMITED_MS);
}

/* Signed with a time that the platform does not believe: this very answer told the right one. */
static bool clock_was_wrong(struct telling *t)
{
  int64_t moved = t->p->state.skew_ms - t->skew_built;
  if (t->clock_retried || (moved < CLOCK_MOVED_MS && moved > -CLOCK_MOVED_MS)) return false;
  return t->clock_retried = true;
}

/* The platform itself says why not; our own trouble with its answer says nothing about the order. */
static bool says_no(const struct verdict *v)
{
  return (v->kind == VERDICT_REFUSED || v->kind == VERDICT_NOT_FOUND) &&
         strcmp(v->code, "connector_failed") != 0 && strcmp(v->code, "too_large") != 0;
}

static void question_failed(struct telling *t)
{
  const struct verdict *v = &t->verdict;
  if (v->kind == VERDICT_DONE) telling_end(t, OUTCOME_ACCEPTED, NULL, NULL, 0, false);
  else if (says_no(v) && !strncmp(v->code, "order_", 6))
    telling_end(t, OUTCOME_REFUSED, v->code, v->message, 0, false);
  else telling_end(t, OUTCOME_UNKNOWN, v->code, v->message, v->retry_after_ms, v->kind == VERDICT_RETRY);
}

static void telling_failed(struct telling *t)
{
  const struct verdict *v = &t->verdict;
  bool may_have_it = only_once(t);
  switch (v->kind) {
  case VERDICT_RATE_LIMITED: limited(t); return;
  case VERDICT_AUTH_EXPIRED:
    if (t->token_no != t->p->token_no || (!t->renewed && t->p->connector->has_refresh)) renew_wait(t);
    else auth_failed(t, v->code, v->message);
    return;
  case VERDICT_DONE:
    if (!t->ask) {
      telling_end(t, OUTCOME_ACCEPTED, v->code, v->message, 0, false);
      return;
    }
    break;
  case VERDICT_NOT_FOUND:
  case VERDICT_REFUSED:
    if (clock_was_wrong(t)) {
      step_again(t);
      return;
    }
    break;
  default: break;
  }
  if (t->ask) question_failed(t);
  else if (says_no(v)) telling_end(t, OUTCOME_REFUSED, v->code, v->message, 0, false);
  else if (v->kind == VERDICT_ASK && !t->is_stock)
    telling_end(t, OUTCOME_UNKNOWN, v->code, v->message, 0, false);
  else if (may_have_it)
    telling_end(t, OUTCOME_UNKNOWN, v->code, v->message, v->retry_after_ms, v->kind == VERDICT_RETRY);
  else telling_later(t, v->code, v->message, v->retry_after_ms);
}

static void detail_go(struct telling *t)
{
  if (!t->ids_n) {
    telling_end(t, OUTCOME_UNKNOWN, "not_found", "The platform's answer does not hold the order", 0, false);
    return;
  }
  t->id = arena_str(&t->mem, t->ids->id), t->rows = t->ids->row ? arena_str(&t->mem, t->ids->row) : NULL;
  step_go(t, STEP_DETAIL);
}

static void answer_in(struct telling *t)
{
  if (t->step == STEP_REFRESH) tokens_in(t);
  else if (t->verdict.kind != VERDICT_OK) telling_failed(t);
  else if (t->why) telling_end(t, OUTCOME_UNKNOWN, "answer_not_read", t->why, 0, false);
  else if (t->step == STEP_PREPARE || t->step == STEP_REFUNDABLE) {
    t->effect.prepared = arena_strn(&t->mem, t->answer.body, t->answer.body_n);
    step_go(t, t->step == STEP_PREPARE ? STEP_CONFIRM : STEP_REFUND);
  } else if (t->step == STEP_ONE && connector_section(t->p->connector, "ids one")) {
    detail_go(t);
  } else if (t->ask) {
    telling_end(t, t->said.kind, t->said.code, t->said.message, 0, false);
  } else {
    telling_end(t, OUTCOME_ACCEPTED, NULL, NULL, 0, false);
  }
}

/* ---- the beginning ----------------------------------------------------------------------------------------------------------------- */
static const char *text_in(struct telling *t, const struct json *j, const char *key)
{
  const char *text = json_string(json_get(j, key));
  return text ? arena_str(&t->mem, text) : NULL;
}

static const char *json_in(struct telling *t, const struct json *j)
{
  struct buf b = { 0 };
  struct jw w;
  jw_init(&w, &b), jw_json(&w, j);
  const char *text = arena_strn(&t->mem, b.data, b.len);
  buf_release(&b);
  return text;
}

/* "k_12": 12 */
static int64_t number_in(const char *id)
{
  int64_t n = 0;
  for (const char *p = id ? strchr(id, '_') : NULL; p && *++p >= '0' && *p <= '9' && n < INT64_MAX / 20;)
    n = n * 10 + (*p - '0');
  return n;
}

static bool effect_read(struct telling *t)
{
  const struct effect *from = &t->call->effect;
  struct faults f = { .mem = &t->mem };
  struct connector_effect *e = &t->effect;
  if (t->is_stock) {
    e->sku = arena_str(&t->mem, from->subject), e->quantity = t->call->quantity;
    return true;
  }
  const struct json *j = json_parse(&t->mem, from->data, strlen(from->data), JSON_ELEMENTS_MAX, &f),
                    *lines = json_get(j, "lines");
  e->order_id = text_in(t, j, "external_id"), e->carrier_code = text_in(t, j, "carrier");
  e->tracking_no = text_in(t, j, "tracking_no"), e->parcel = number_in(json_string(json_get(j, "claim")));
  e->lines = json_type(lines) == JSON_ARRAY ? json_in(t, lines) : "[]";
  e->whole = json_bool(json_get(j, "whole"));
  if (t->is_refund) {
    e->case_id = text_in(t, j, "case"), e->refund_id = text_in(t, j, "refund_id");
    e->amount = text_in(t, j, "amount"), e->reason = text_in(t, j, "reason");
    e->currency = text_in(t, j, "currency");
    e->parcel = number_in(e->case_id), t->id = e->order_id;
    return e->order_id && e->amount && json_int(json_get(j, "amount_minor"), &e->amount_minor);
  }
  const char *at = json_string(json_get(j, "claimed_at"));
  e->shipped_ms = now_of(t);
  if (at) time_parse_loose(at, 0, &e->shipped_ms);
  t->id = e->order_id;
  return e->order_id && e->carrier_code && e->tracking_no;
}

static enum step first_step(const struct telling *t)
{
  const struct connector *c = t->p->connector;
  if (t->is_stock) return STEP_STOCK;
  if (t->is_refund) return connector_request(c, "refundable") ? STEP_REFUNDABLE : STEP_REFUND;
  if (!t->ask) return connector_request(c, "prepare") ? STEP_PREPARE : STEP_CONFIRM;
  return connector_request(c, "shipped") ? STEP_SHIPPED : c->has_one ? STEP_ONE : STEP_DETAIL;
}

static void telling_begin(struct telling *t)
{
  struct pollee *p = t->p;
  const struct connector *c = p->connector;
  /* Whether a refund was taken the channel tells by itself, when the order is polled: the case follows it. */
  bool can_ask = !t->is_refund && (connector_request(c, "shipped") || c->has_one || c->has_detail);
  if (p->state.paused) telling_later(t, "channel_paused", "The channel is paused", PAUSED_MS);
  else if (p->loading || p->broken || p->changed || p->leaving) {
    if (p->leaving || ++t->waits > WAITS_MAX)
      telling_later(t, "channel_busy", "The channel is being read anew", WAIT_MS);
    else wait_for(t, WAIT_MS, telling_begin);
  } else if (!p->box) telling_later(t, "connector_broken", p->broken, BROKEN_MS);
  else if (!effect_read(t))
    telling_end(t, OUTCOME_REFUSED, "bad_effect", "The effect does not say what to tell", 0, false);
  else if (t->ask && !can_ask)
    telling_end(t, OUTCOME_UNKNOWN, "cannot_ask",
                "The connector cannot ask for one order; a person must look", 0, false);
  else t->waits = 0, step_go(t, first_step(t));
}

bool channel_effect_start(struct api *api, struct deliver_call *call)
{
  const char *destination = call->effect.destination;
  const char *name = !strncmp(destination, "channel:", 8) ? destination + 8 : destination;
  struct pollee *p = api->poller ? poller_find(api->poller, name) : NULL;
  bool is_stock = !strcmp(call->effect.kind, "stock");
  bool is_refund = !strcmp(call->effect.kind, "refund");
  if (!p || !p->connector) return false;
  if (!(is_stock    ? p->connector->has_stock
        : is_refund ? p->connector->has_refund
                    : p->connector->has_confirm))
    return false;
  struct telling *t = mem_new(sizeof *t);
  t->call = call, t->p = p, t->is_stock = is_stock, t->is_refund = is_refund, t->ask = call->ask && !is_stock;
  call->user = t;
  t->next = p->told, p->told = t;
  p->telling++, p->poller->busy++;
  t->job.data = t;
  uv_timer_init(api->loop, &t->timer);
  t->timer.data = t;
  wait_for(t, 0, telling_begin);
  return true;
}

/* Tokens on their way are kept: the old ones may be worth nothing. */
void channel_effect_stop(struct api *api, struct deliver_call *call)
{
  struct telling *t = call->user;
  (void)api;
  if (!t) return;
  call->user = NULL, t->call = NULL;
  if (t->in_job || t->storing || t->step == STEP_REFRESH) return;
  telling_free(t);
}

int channel_effects_at_once(struct api *api, const char *channel)
{
  (void)api, (void)channel;
  return AT_ONCE;
}
