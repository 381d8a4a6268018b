/* The command table, and what every command shares: permission, the body's gate, idempotency keys, problems. */
#include "flow.h"
#include <stdio.h>

static const struct cmd_kind kinds[CMD_N] = {
#define ROW(id, flow, name, roles, doc) \
  [CMD_##id] = { name, roles, doc, flow_##flow##_parse, flow_##flow##_run },
#define FLOW_ORDER_INGEST order_ingest
#define FLOW_ORDER_MOVE order_move
#define FLOW_ORDER_HOLD order_hold
#define FLOW_ORDER_RELEASE order_release
#define FLOW_ORDER_CANCEL order_cancel
#define FLOW_GROUP_REMOVE group_remove
#define FLOW_GROUP_ADD group_add
#define FLOW_GROUP_LOCK group_lock
#define FLOW_PAYLOAD_PUT payload_put
#define FLOW_PAYLOAD_RETRY payload_retry
#define FLOW_PAYLOAD_RETRY_ALL payload_retry_all
#define FLOW_PAYLOAD_DISCARD payload_discard
#define FLOW_EXCEPTION_ASSIGN exception_assign
#define FLOW_EXCEPTION_RESOLVE exception_resolve
#define FLOW_TOKEN_ADD token_add
#define FLOW_TOKEN_REVOKE token_revoke
#define FLOW_USER_ADD user_add
#define FLOW_USER_UPDATE user_update
#define FLOW_USER_SETUP user_setup
#define FLOW_USER_PASSWORD user_password
#define FLOW_SESSION_BEGIN session_begin
#define FLOW_SESSION_END session_end
#define FLOW_AUDIT_SEEN audit_seen
#define FLOW_TIMERS_FIRE timers_fire
#define FLOW_PAYLOADS_APPLY payloads_apply
#define FLOW_SEARCH_STEP search_step
#define FLOW_KEEP_HOUSE keep_house
#define FLOW_BACKLOG_ALARM backlog_alarm
#define FLOW_POLL_PAGE poll_page
#define FLOW_POLL_STATE poll_state
#define FLOW_PUSH_TAKE push_take
#define FLOW_CHANNEL_PAUSE channel_pause
#define FLOW_CHANNEL_RESUME channel_resume
#define FLOW_CHANNEL_SECRET channel_secret
#define FLOW_CHANNEL_SYNC channel_sync
#define FLOW_GROUP_PLATFORM group_platform
#define FLOW_STOCK_HEAL stock_heal
#define FLOW_FULFILMENT_CLAIM fulfilment_claim
#define FLOW_CLAIM_VOID claim_void
#define FLOW_CLAIM_CONFIRM claim_confirm
#define FLOW_CLAIM_PUT_BACK claim_put_back
#define FLOW_PARCEL_TRACE parcel_trace
#define FLOW_WAVE_MAKE wave_make
#define FLOW_WAVE_END wave_end
#define FLOW_WAVE_REMOVE wave_remove
#define FLOW_PACK_SCAN pack_scan
#define FLOW_PACK_RESET pack_reset
#define FLOW_PACK_SHORT pack_short
#define FLOW_SKU_PUT sku_put
#define FLOW_SKU_RETIRE sku_retire
#define FLOW_MAPPING_PUT mapping_put
#define FLOW_MAPPING_DROP mapping_drop
#define FLOW_WAREHOUSE_PUT warehouse_put
#define FLOW_STOCK_ADJUST stock_adjust
#define FLOW_STOCK_COUNT stock_count
#define FLOW_STOCK_SHIFT stock_shift
#define FLOW_EFFECTS_RECOVER effects_recover
#define FLOW_EFFECTS_TAKE effects_take
#define FLOW_EFFECT_SETTLE effect_settle
#define FLOW_STOCK_TELL stock_tell
#define FLOW_EFFECT_RETRY effect_retry
#define FLOW_EFFECT_RETRY_ALL effect_retry_all
#define FLOW_EFFECT_DROP effect_drop
#define FLOW_OUTBOX_RELEASE outbox_release
#define FLOW_CASE_OPEN case_open
#define FLOW_CASE_APPROVE case_approve
#define FLOW_CASE_REJECT case_reject
#define FLOW_CASE_SEND_BACK case_send_back
#define FLOW_CASE_CHANGE case_change
#define FLOW_CASE_RECEIVE case_receive
#define FLOW_CASE_CANCEL case_cancel
#define FLOW_CASE_REFUNDED case_refunded
#define FLOW_CASE_PHOTO case_photo
#define FLOW_WORK_PROGRESS work_progress
#define FLOW_WORK_CANCEL work_cancel
#define FLOW_CALLBACK_TAKE callback_take
#define FLOW_RATE_PUT rate_put
#define FLOW_RATE_QUOTE rate_quote
#define FLOW_CALLBACK_RETRY callback_retry
#define FLOW_CALLBACK_DROP callback_drop
#define FLOW_NOTICE_TEST notice_test
#define FLOW_WAYBILL_BUY waybill_buy
#define FLOW_WAYBILL_VOID waybill_void
#define FLOW_WAYBILL_AGAIN waybill_again
#define FLOW_TRACES_TAKE traces_take
#define FLOW_TRACE_TOLD trace_told
#define FLOW_RULE_ON rule_on
#define FLOW_IMPORT_PUT import_put
#define FLOW_IMPORT_CONFIRM import_confirm
#define FLOW_IMPORT_DISCARD import_discard
#define FLOW_IMPORT_UNDO import_undo
#define FLOW_IMPORT_STEP import_step
#define FLOW_CONNECTOR_CHANGED connector_changed
#define FLOW_RULE_OFF rule_off
#define ROW_OF(id, flow, name, roles, doc) ROW(id, flow, name, roles, doc)
#define X(id, name, roles, doc) ROW_OF(id, FLOW_##id, name, roles, doc)
  CMD_MAP(X)
#undef X
};

const struct cmd_kind *cmd_kind(enum cmd_id id)
{
  must(id >= 0 && id < CMD_N);
  return &kinds[id];
}

int cmd_find(const char *name)
{
  for (int i = 0; i < CMD_N; i++)
    if (!strcmp(kinds[i].name, name)) return i;
  return -1;
}

/* Of commands whose run leaves its arguments as they are. */
static void cmd_again(struct job *j)
{
  struct cmd *c = (struct cmd *)j;
  c->job.err = ERR_OK;
  c->out.len = 0;
  c->problem = (struct problem){ .faults.mem = &c->mem };
  c->status = 200;
  c->version = c->left = 0;
  c->effects = false;
  memset(c->numbers, 0, sizeof c->numbers);
  c->touched.n = c->arrivals = 0;
}

struct cmd *cmd_new(enum cmd_id id, struct env *env, const struct rules *rules, const struct actor *who)
{
  struct cmd *c = mem_new(sizeof *c);
  c->id = id, c->env = env, c->rules = rules, c->now_ms = env->now_ms(env), c->status = 200;
  c->actor.name = arena_str(&c->mem, who->name);
  c->actor.channel = arena_str(&c->mem, who->channel);
  c->actor.person = arena_str(&c->mem, who->person);
  c->actor.roles = who->roles;
  c->job.run = cmd_run;
  c->job.again = id == CMD_ORDER_INGEST ? cmd_again : NULL;
  c->problem.faults.mem = &c->mem;
  return c;
}

void cmd_free(struct cmd *c)
{
  if (!c) return;
  buf_release(&c->out);
  arena_release(&c->mem);
  mem_free(c);
}

enum err refuse(struct cmd *c, enum err e, const char *code, const char *fmt, ...)
{
  char text[512];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  c->problem.code = code;
  c->problem.detail = arena_str(&c->mem, text);
  return e;
}

enum err refuse_at(struct cmd *c, const char *pointer, const char *code, const char *fmt, ...)
{
  char text[512];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  fault_add(&c->problem.faults, pointer, code, "%s", text);
  return ERR_INVALID;
}

enum err version_holds(struct cmd *c, const char *what, int64_t version)
{
  if (!c->if_version || c->if_version == version) return ERR_OK;
  if (!version) return refuse(c, ERR_STALE, "stale_version", "There is no such %s yet", what);
  c->problem.extra = arena_printf(&c->mem, "\"version\":%lld", (long long)version);
  return refuse(c, ERR_STALE, "stale_version", "The %s has version %lld by now", what, (long long)version);
}

/* ---- bodies ----------------------------------------------------------------------------------------------------- */

static void arg_fault(struct cmd *c, const char *key, const char *code, const char *detail)
{
  fault_add(&c->problem.faults, json_pointer(&c->mem, "", key), code, "%s", detail);
}

static void arg_read(struct cmd *c, const struct arg *row, const struct json *v)
{
  switch (row->kind) {
  case ARG_TEXT: {
    const char *s = json_string(v);
    if (!s) arg_fault(c, row->key, "not_text", "This must be text");
    else if (strlen(s) > 4 * row->max || utf8_count(s) > row->max)
      fault_add(&c->problem.faults, arena_printf(&c->mem, "/%s", row->key), "too_long",
                "At most %zu characters", row->max);
    else if (!*s && row->required) arg_fault(c, row->key, "empty", "This must not be empty");
    else *(const char **)row->out = *s ? s : NULL;
    break;
  }
  case ARG_INT:
    if (!json_int(v, (int64_t *)row->out))
      arg_fault(c, row->key, "not_a_number", "This must be a whole number");
    break;
  case ARG_VERSION:
    if (!json_int(v, (int64_t *)row->out) || *(const int64_t *)row->out < 1)
      arg_fault(c, row->key, "bad_version", "A version is a whole number from 1");
    break;
  case ARG_OBJECT:
    if (json_type(v) != JSON_OBJECT) arg_fault(c, row->key, "not_an_object", "This must be an object");
    else *(const struct json **)row->out = v;
    break;
  case ARG_TEXTS:
    if (json_type(v) != JSON_ARRAY) arg_fault(c, row->key, "not_a_list", "This must be a list");
    else *(const struct json **)row->out = v;
    break;
  case ARG_BOOL:
    if (json_type(v) != JSON_BOOL) arg_fault(c, row->key, "not_a_bool", "This must be true or false");
    else *(bool *)row->out = json_bool(v);
    break;
  }
}

enum err args_read(struct cmd *c, const struct json *body, const struct arg *rows, size_t n)
{
  if (json_type(body) != JSON_OBJECT && json_type(body) != JSON_NULL) {
    fault_add(&c->problem.faults, "", "not_an_object", "The body must be an object");
    return ERR_INVALID;
  }
  for (const struct json *m = json_first(body); m; m = json_next(m)) {
    size_t i = 0;
    while (i < n && strcmp(rows[i].key, json_key(m))) i++;
    if (i == n) arg_fault(c, json_key(m), "unknown_key", "This key is not known here");
    else if (json_type(m) != JSON_NULL) arg_read(c, &rows[i], m);
  }
  for (size_t i = 0; i < n; i++)
    if (rows[i].required && json_type(json_get(body, rows[i].key)) == JSON_NULL)
      arg_fault(c, rows[i].key, "missing", "This is required");
  return c->problem.faults.n ? ERR_INVALID : ERR_OK;
}

enum err cmd_parse_json(struct cmd *c, const struct json *body, const char *raw, size_t raw_n)
{
  const struct cmd_kind *k = cmd_kind(c->id);
  if (!(k->roles & c->actor.roles)) return c->job.err = ERR_FORBIDDEN;
  c->job.err = k->parse(c, body);
  if (!c->job.err && c->id == CMD_ORDER_INGEST) {
    draft_seal(&c->mem, (struct draft *)c->args, raw, raw_n);
    ((struct draft *)c->args)->raw = NULL; /* the caller's buffer may go */
  }
  return c->job.err;
}

enum err cmd_parse(struct cmd *c, const char *body, size_t n)
{
  struct json *j = NULL;
  if (n) {
    j = json_parse(&c->mem, body, n, JSON_ELEMENTS_MAX, &c->problem.faults);
    if (!j) return c->job.err = ERR_BAD_REQUEST;
  }
  return cmd_parse_json(c, j, body, n);
}

/* ---- running ------------------------------------------------------------------------------------------------------- */

static bool remembered(const struct cmd *c)
{
  /* the answer of a token is a secret that is shown once: it is not kept */
  return c->key && c->id != CMD_TOKEN_ADD;
}

static enum err answer_again(struct cmd *c, struct db *db, bool *done)
{
  unsigned char digest[32];
  int status;
  char *body;
  *done = false;
  enum err e = answer_find(db, &c->mem, c->actor.name, c->key, digest, &status, &body);
  if (e) return e == ERR_NOT_FOUND ? ERR_OK : e;
  *done = true;
  if (!same_bytes(digest, c->digest, sizeof digest))
    return refuse(c, ERR_INVALID, "key_reused", "This Idempotency-Key was used with another request");
  c->status = status;
  buf_str(&c->out, body);
  return ERR_OK;
}

/* The code of a dry run that went through: known by its address, so no flow can say the same. */
static const char went_dry[] = "dry_run";

enum err cmd_err(const struct cmd *c)
{
  return c->job.err == ERR_CONFLICT && c->problem.code == went_dry ? ERR_OK : c->job.err;
}

enum err cmd_run(struct job *j, struct db *db)
{
  struct cmd *c = (struct cmd *)j;
  bool done = false;
  if (remembered(c)) TRY(answer_again(c, db, &done));
  if (done) return ERR_OK;
  TRY(cmd_kind(c->id)->run(c, db));
  TRY(fulfil_settle(c, db));
  TRY(notify_exceptions(c, db));
  if (c->dry_run) return refuse(c, ERR_CONFLICT, went_dry, "A dry run: nothing was changed");
  if (remembered(c))
    return answer_put(db, c->actor.name, c->key, c->digest, c->now_ms, c->status,
                      c->out.data ? c->out.data : "");
  return ERR_OK;
}

/* ---- problems (RFC 9457) ---------------------------------------------------------------------------------------------- */

void problem_put(struct buf *out, enum err e, int status, const struct problem *p)
{
  struct jw w;
  const char *code = p && p->code ? p->code : p && p->faults.n == 1 ? p->faults.at[0].code : err_code(e);
  struct buf type = { 0 };
  buf_printf(&type, "/problems/%s", code);
  jw_init(&w, out), jw_object(&w);
  jw_kstring(&w, "type", type.data), jw_kstring(&w, "title", err_title(e)),
    jw_kint(&w, "status", status ? status : err_http(e));
  buf_release(&type);
  if (p && p->detail) jw_kstring(&w, "detail", p->detail);
  else jw_kstring(&w, "detail", p && p->faults.n ? p->faults.at[0].detail : err_title(e));
  jw_kstring(&w, "code", code);
  if (p && p->faults.n) {
    int kept = p->faults.n < (int)COUNT(p->faults.at) ? p->faults.n : (int)COUNT(p->faults.at);
    jw_key(&w, "errors"), jw_array(&w);
    for (int i = 0; i < kept; i++) {
      const struct fault *f = &p->faults.at[i];
      jw_object(&w);
      jw_kstring(&w, "pointer", f->pointer), jw_kstring(&w, "code", f->code),
        jw_kstring(&w, "detail", f->detail);
      jw_object_end(&w);
    }
    jw_array_end(&w);
    if (p->faults.n > kept) jw_kint(&w, "more_errors", p->faults.n - kept);
  }
  if (p && p->extra) buf_char(out, ','), buf_str(out, p->extra);
  jw_object_end(&w);
}

void cmd_problem(const struct cmd *c, struct buf *out)
{
  must(c->job.err);
  problem_put(out, c->job.err, 0, &c->problem);
}

/* ---- what flows share ---------------------------------------------------------------------------------------------------- */

/* With what webhooks want to hear of it, in the same transaction. */
static enum err event_put(struct cmd *c, struct db *db, char kind, int64_t entity, const char *type,
                          const char *data)
{
  int64_t seq;
  TRY(journal_put(db, c->now_ms, kind, entity, type, c->actor.name, data, &seq));
  return c->rules->webhooks ? effect_put_event(c, db, kind, entity, type, seq) : ERR_OK;
}

enum err progress_event(struct cmd *c, struct db *db, char kind, int64_t entity, const char *type,
                        const char *fmt, ...)
{
  va_list ap;
  char small[1024];
  va_start(ap, fmt);
  int n = vsnprintf(small, sizeof small, fmt, ap);
  va_end(ap);
  if (n < (int)sizeof small) return event_put(c, db, kind, entity, type, small);
  char *big = arena_alloc(&c->mem, (size_t)n + 1);
  va_start(ap, fmt);
  vsnprintf(big, (size_t)n + 1, fmt, ap);
  va_end(ap);
  return event_put(c, db, kind, entity, type, big);
}

enum err order_target(struct cmd *c, struct db *db, const char *text, struct order *o)
{
  int64_t id;
  struct channel ch;
  const char *colon = text ? strchr(text, ':') : NULL;
  enum err e = ERR_NOT_FOUND;
  if (text && id_parse(text, 'o', &id)) e = order_get(db, &c->mem, id, o);
  else if (colon) {
    e = channel_find(db, &c->mem, arena_strn(&c->mem, text, (size_t)(colon - text)), &ch);
    if (!e) e = order_find(db, &c->mem, ch.id, colon + 1, o);
  }
  if (e == ERR_NOT_FOUND)
    return refuse(c, e, "order_not_found", "There is no order %.100s", text ? text : "");
  return e;
}
