/* api.c: from a request to a command or a read, and back.
 *
 *   head of a request ── plan: row of the table, permission, type of body, room on the disk
 *   whole request     ── handle ─┬ refused already ─────────────────────────► problem
 *                                ├ read    ── pool ── read_reply ───────────► answer
 *                                └ command ── writer ── COMMIT ── call_done ► answer
 *
 * An answer to a write is given after its commit and never before; a command that was handed to the writer is
 * waited for, however long it takes. */
#include "edge.h"
#include <stdio.h>
#include <strings.h>
#include <uv.h>

#define RETRY_AFTER "Retry-After: 1\r\n"
#define KEY_MAX 255

/* ---- rules in use ------------------------------------------------------------------------------------- */
bool rules_box_fill(struct rules_box *b, const struct conf *conf, const char **why)
{
  b->users = 1;
  rules_default(&b->rules);
  return !conf || rules_load(&b->mem, conf, &b->rules, why);
}

struct rules_box *rules_box_new(struct arena *a, const struct conf *conf, const char **why)
{
  struct rules_box *b = mem_new(sizeof *b);
  const char *reason = NULL;
  if (rules_box_fill(b, conf, &reason)) return b;
  *why = arena_str(a, reason);
  rules_box_drop(b);
  return NULL;
}

struct rules_box *rules_box_hold(struct rules_box *b)
{
  b->users++;
  return b;
}

void rules_box_drop(struct rules_box *b)
{
  must(b->users > 0);
  if (--b->users) return;
  rule_files_close(&b->rules);
  arena_release(&b->mem);
  mem_free(b);
}

static struct rules_box *rules_box_of(const struct rules *r)
{
  return (struct rules_box *)((char *)(uintptr_t)r - offsetof(struct rules_box, rules));
}

void api_rules(struct api *api, struct rules_box *rules)
{
  rules_box_drop(api->rules);
  api->rules = rules;
  poller_rules(api->poller);
  parties_rules(api->parties);
}

/* ---- answers --------------------------------------------------------------------------------------------- */
static void count_answer(struct api *api, int status)
{
  int hundred = status / 100;
  api->answers[hundred > 0 && hundred < 6 ? hundred : 0]++;
}

void call_reply(struct call *k, int status, const char *headers, const struct buf *body)
{
  count_answer(k->api, status);
  http_reply(k->r, status, "application/json", headers, body->data ? body->data : "", body->len);
}

void call_refuse_with(struct call *k, enum err e, const struct problem *p)
{
  struct buf out = { 0 };
  int status = err_http(e);
  problem_put(&out, e, status, p);
  const char *headers = k->headers ? k->headers : err_retry(e) ? RETRY_AFTER : NULL;
  count_answer(k->api, status);
  http_reply(k->r, status, "application/problem+json", headers, out.data, out.len);
  buf_release(&out);
}

void call_refuse(struct call *k, enum err e, const char *code, const char *headers, const char *fmt, ...)
{
  char detail[512];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(detail, sizeof detail, fmt, ap);
  va_end(ap);
  struct problem p = { .code = code, .detail = detail };
  if (headers) k->headers = headers;
  call_refuse_with(k, e, &p);
}

/* What httpd itself refuses speaks the same language. */
static void api_problem(void *arg, struct buf *out, enum err e, int status, const char *code,
                        const char *detail)
{
  struct api *api = arg;
  struct problem p = { .code = code, .detail = detail };
  count_answer(api, status);
  problem_put(out, e, status, &p);
}

/* The console shows personal data masked until a person asks for more; what is printed is for the parcel. */
bool call_full_view(const struct call *k)
{
  if (!(k->who.roles & ROLES_FULL_VIEW)) return false;
  return !k->user || k->route->prints || http_field(k->r, "x-orderd-reveal");
}

bool call_one_channel(const struct call *k)
{
  return !(k->who.roles & ROLES_PEOPLE);
}

/* ---- plan: what the head alone decides -------------------------------------------------------------------- */
static bool deny(struct call *k, enum err e, const char *code, const char *detail)
{
  k->refused = e, k->code = code, k->detail = detail;
  return false;
}

static bool call_route(struct call *k)
{
  struct http_request *r = k->r;
  const char *allow = "";
  k->route = route_find(&r->mem, r->method, r->path, &k->id, &allow);
  if (k->route) return true;
  if (!*allow) return deny(k, ERR_NOT_FOUND, "no_such_route", "There is no such path; see /openapi.json.");
  k->headers = arena_printf(&r->mem, "Allow: %s\r\n", allow);
  return deny(k, ERR_METHOD, NULL, NULL);
}

static bool call_permitted(struct call *k)
{
  unsigned roles = route_roles(k->route);
  if (roles & ROLE_OPEN) return true;
  if (!auth_call(k->api->auth, k)) return false;
  if (k->route->local && !k->r->local_admin)
    return deny(k, ERR_FORBIDDEN, "local_only", "This is done on the machine itself, over the Unix socket.");
  if (k->who.roles & roles) return true;
  return deny(k, ERR_FORBIDDEN, NULL, "None of your roles may do this.");
}

static bool word_in(const char *list, const char *word)
{
  size_t n = strlen(word);
  for (const char *p = list; n && p && *p;) {
    size_t len = strcspn(p, " ");
    if (len == n && !memcmp(p, word, n)) return true;
    p += len + strspn(p + len, " ");
  }
  return false;
}

/* Parameters that change what a write does take these words only. */
static bool query_word(struct call *k, const struct http_field *f)
{
  static const struct http_field words[] = { { "dry_run", "true false" }, { "source", "api file" } };
  for (size_t i = 0; i < COUNT(words); i++)
    if (!strcmp(words[i].name, f->name) && !word_in(words[i].value, f->value))
      return deny(k, ERR_BAD_REQUEST, "bad_parameter",
                  arena_printf(&k->r->mem, "%s is one of: %s.", f->name, words[i].value));
  return true;
}

/* A mistyped filter must not silently give all there is. */
static bool call_query(struct call *k)
{
  const struct http_request *r = k->r;
  if (k->route->body == BODY_RAW) return true; /* what a platform adds is its own affair, and signed */
  for (size_t i = 0; i < r->query_n; i++) {
    const char *name = r->query[i].name;
    if (!word_in(k->route->query, name))
      return deny(k, ERR_BAD_REQUEST, "unknown_parameter",
                  arena_printf(&k->r->mem, "This path knows no query parameter of that name; it knows: %s.",
                               k->route->query ? k->route->query : "none"));
    if (!query_word(k, &r->query[i])) return false;
    for (size_t j = 0; j < i; j++)
      if (!strcmp(r->query[j].name, name))
        return deny(k, ERR_BAD_REQUEST, "repeated_parameter", "A query parameter is given twice.");
  }
  return true;
}

static bool media_is(const char *field, const char *type)
{
  size_t n = strlen(type);
  if (!field || strncasecmp(field, type, n)) return false;
  field += n + strspn(field + n, " \t");
  return !*field || *field == ';';
}

static bool has_body(const struct http_request *r)
{
  const char *length = http_field(r, "content-length");
  return http_field(r, "transfer-encoding") || (length && strcmp(length, "0") != 0);
}

/* What it is its content says; the type must only not be a form's or a text's. */
static bool photo_media(struct call *k)
{
  static const char *const types[] = { "image/jpeg", "image/png", "image/webp", "application/octet-stream" };
  const char *type = http_field(k->r, "content-type");
  if (http_field(k->r, "content-encoding"))
    return deny(k, ERR_MEDIA, NULL, "Bodies are taken as they are, without Content-Encoding.");
  for (size_t i = 0; i < COUNT(types); i++)
    if (media_is(type, types[i])) return true;
  return deny(k, ERR_MEDIA, NULL, "Content-Type is image/jpeg, image/png or image/webp here.");
}

static bool call_media(struct call *k)
{
  enum body_kind kind = k->route->body;
  if (kind == BODY_RAW || kind == BODY_FILE) return true;
  if (kind == BODY_PHOTO) return photo_media(k);
  const char *type = http_field(k->r, "content-type");
  if (http_field(k->r, "content-encoding"))
    return deny(k, ERR_MEDIA, NULL, "Bodies are taken as they are, without Content-Encoding.");
  if (kind == BODY_NONE || media_is(type, "application/json")) return true;
  if (kind == BODY_MAYBE && !type && !has_body(k->r)) return true;
  if (kind == BODY_ORDERS && media_is(type, "application/x-ndjson"))
    return !http_field(k->r, "if-match") || deny(k, ERR_BAD_REQUEST, "bad_if_match", IF_MATCH_OF_MANY);
  return deny(k, ERR_MEDIA, NULL,
              kind == BODY_ORDERS ? "Content-Type is application/json or application/x-ndjson here."
                                  : "Content-Type is application/json here.");
}

/* Writing needs a running server and room on the disk; the person at the machine may still do what frees room. */
static bool call_room(struct call *k)
{
  if (k->api->closing) return deny(k, ERR_BUSY, "stopping", "orderd is being stopped.");
  if (k->route->body == BODY_NONE || !k->api->disk_full || k->r->local_admin) return true;
  return deny(k, ERR_DISK_FULL, NULL,
              "The disk is nearly full: nothing new is taken until there is room. Reading goes on.");
}

static struct http_plan api_plan(void *arg, struct http_request *r)
{
  struct call *k = r->user = arena_new(&r->mem, struct call);
  k->api = arg, k->r = r;
  bool ok = call_route(k) && call_permitted(k) && call_query(k) && call_media(k) && call_room(k);
  if (!ok) {
    struct http_plan no = { .refuse_code = k->code,
                            .refuse_detail = k->detail,
                            .refuse_headers = k->headers };
    if (has_body(r)) no.refuse = err_http(k->refused);
    return no;
  }
  struct http_plan yes = { .body_max = BODY_JSON_MAX };
  if (k->route->body == BODY_NONE) yes.body_max = 0;
  if (k->route->body == BODY_PHOTO) yes.body_max = PHOTO_BYTES_MAX;
  if (k->route->body == BODY_FILE) yes.body_max = IMPORT_FILE_MAX;
  if (k->route->body == BODY_ORDERS || k->route->body == BODY_ROWS) yes.body_max = BODY_BATCH_MAX;
  if (k->route->body == BODY_ORDERS && media_is(http_field(r, "content-type"), "application/x-ndjson")) {
    yes.stream = true, yes.body_max = SIZE_MAX;
    intake_begin(k);
  }
  return yes;
}

/* ---- handle -------------------------------------------------------------------------------------------------- */
static void call_write(struct call *k)
{
  struct cmd *c = call_cmd(k, (enum cmd_id)k->route->cmd);
  if (c) call_send(k, c, k->r->body, k->r->body_n);
}

static void api_handle(void *arg, struct http_request *r)
{
  struct call *k = r->user;
  must(k && k->api == arg);
  if (k->refused) {
    struct problem p = { .code = k->code, .detail = k->detail };
    call_refuse_with(k, k->refused, &p);
  } else if (k->intake) {
    intake_end(k);
  } else if (k->route->run) {
    k->route->run(k);
  } else if (k->route->read) {
    read_call(k);
  } else {
    call_write(k);
  }
}

static bool api_stream_data(void *arg, struct http_request *r, const char *p, size_t n)
{
  (void)arg;
  return intake_data(r->user, p, n);
}

/* Commands and reads under way answer into the void (httpd lets go then); streams must know. */
static void api_gone(void *arg, struct http_request *r)
{
  (void)arg;
  struct call *k = r->user;
  if (k->intake) intake_gone(k);
  else if (k->watcher) feed_gone(k);
}

struct http_handlers api_handlers(struct api *api)
{
  return (struct http_handlers){
    .plan = api_plan,
    .handle = api_handle,
    .stream_data = api_stream_data,
    .gone = api_gone,
    .problem = api_problem,
    .arg = api,
  };
}

/* ---- commands -------------------------------------------------------------------------------------------------- */
struct cmd *api_cmd(struct api *api, enum cmd_id id, const struct actor *who)
{
  return cmd_new(id, api->env, &rules_box_hold(api->rules)->rules, who);
}

struct cmd *api_own_cmd(struct api *api, enum cmd_id id)
{
  static const struct actor self = { .name = "orderd" };
  return api_cmd(api, id, &self);
}

void api_cmd_free(struct api *api, struct cmd *c)
{
  (void)api;
  struct rules_box *box = rules_box_of(c->rules);
  cmd_free(c);
  rules_box_drop(box);
}

/* Between the writer and done(): the counting, for stopping. */
struct pushed {
  struct api *api;
  void (*done)(struct cmd *);
  void *owner;
};

/* A person's wish goes before a wait. */
static void outbox_committed(struct api *api, const struct cmd *c)
{
  bool wish = c->id == CMD_EFFECT_RETRY || c->id == CMD_EFFECT_RETRY_ALL || c->id == CMD_OUTBOX_RELEASE;
  (wish ? deliverer_hurry : deliverer_kick)(api->deliverer);
}

static void pushed_done(struct job *job)
{
  struct cmd *c = (struct cmd *)job;
  struct pushed *p = c->owner;
  p->api->cmds--;
  c->owner = p->owner;
  chores_committed(p->api->chores, c);
  if (c->effects && !c->job.err && !c->dry_run) outbox_committed(p->api, c);
  p->done(c);
}

static bool push_with(struct api *api, struct cmd *c, void (*done)(struct cmd *), void *owner,
                      bool (*push)(struct writer *, struct job *))
{
  struct pushed *p = arena_new(&c->mem, struct pushed);
  *p = (struct pushed){ api, done, owner };
  c->job.done = pushed_done, c->owner = p;
  if (!push(api->writer, &c->job)) return false;
  api->deferring += c->id == CMD_ORDER_INGEST && c->defer;
  api->cmds++;
  return true;
}

bool api_push(struct api *api, struct cmd *c, void (*done)(struct cmd *), void *owner)
{
  return push_with(api, c, done, owner, writer_push);
}

bool api_push_low(struct api *api, struct cmd *c, void (*done)(struct cmd *), void *owner)
{
  return push_with(api, c, done, owner, writer_push_low);
}

void api_collect(struct api *api)
{
  writer_collect(api->writer);
  reads_durable(api->reads);
  feed_committed(api->feed);
  intake_kick(api);
}

/* ---- a call becomes a command --------------------------------------------------------------------------------------- */
enum err call_if_match(const char *field, int64_t *version)
{
  *version = 0;
  if (!strcmp(field, "*")) return ERR_OK;
  size_t n = strspn(field[0] == '"' ? field + 1 : "", "0123456789");
  if (n < 1 || n > 18 || field[1] == '0' || strcmp(field + 1 + n, "\"") != 0) return ERR_BAD_REQUEST;
  for (size_t i = 1; i <= n; i++) *version = *version * 10 + (field[i] - '0');
  return ERR_OK;
}

bool idempotency_key_ok(const char *key)
{
  size_t n = 0;
  for (; key[n]; n++)
    if (key[n] < 0x21 || key[n] > 0x7e) return false;
  return n >= 1 && n <= KEY_MAX;
}

/* The query belongs to the request: a trial is another one than the real thing. */
void call_key(const struct call *k, struct cmd *c, const char *key, const char *part, size_t n)
{
  const struct http_request *r = k->r;
  struct buf head = { 0 };
  c->key = arena_str(&c->mem, key);
  buf_printf(&head, "%s\n%s\n", r->method, r->path);
  for (size_t i = 0; i < r->query_n; i++) buf_printf(&head, "%s=%s\n", r->query[i].name, r->query[i].value);
  const struct sha256_part parts[] = { { head.data, head.len }, { part, n } };
  sha256_parts(parts, COUNT(parts), c->digest);
  buf_release(&head);
}

struct cmd *call_cmd(struct call *k, enum cmd_id id)
{
  const char *key = http_field(k->r, "idempotency-key"), *match = http_field(k->r, "if-match");
  int64_t version = 0;
  if (key && !idempotency_key_ok(key)) {
    call_refuse(k, ERR_BAD_REQUEST, "bad_idempotency_key", NULL,
                "Idempotency-Key is 1 to %d visible ASCII characters.", KEY_MAX);
    return NULL;
  }
  if (match && call_if_match(match, &version)) {
    call_refuse(k, ERR_BAD_REQUEST, "bad_if_match", NULL, "If-Match is one ETag of ours, like \"3\", or *.");
    return NULL;
  }
  struct cmd *c = api_cmd(k->api, id, &k->who);
  c->target = arena_str(&c->mem, k->id);
  c->if_version = version;
  c->source = "api";
  if (key) call_key(k, c, key, k->r->body, k->r->body_n);
  return c;
}

static bool versions_agree(struct call *k, const struct cmd *c)
{
  const char *match = http_field(k->r, "if-match");
  int64_t version = 0;
  if (!match || call_if_match(match, &version) || !version || version == c->if_version) return true;
  call_refuse(k, ERR_BAD_REQUEST, "versions_differ", NULL,
              "If-Match and if_version name different versions.");
  return false;
}

void call_push(struct call *k, struct cmd *c, void (*done)(struct cmd *))
{
  if (api_push(k->api, c, done, k)) return;
  api_cmd_free(k->api, c);
  call_refuse(k, ERR_BUSY, "queue_full", NULL, "Too many writes wait already; try again.");
}

/* Hashing a password takes a pool thread some tens of milliseconds and 19 MiB. */
struct slow {
  uv_work_t work;
  struct call *k;
  struct cmd *c;
  void (*done)(struct cmd *);
};

static void slow_run(uv_work_t *w)
{
  cmd_prepare(((struct slow *)w->data)->c);
}

static void slow_done(uv_work_t *w, int status)
{
  (void)status;
  struct slow *s = w->data;
  s->k->api->hashing--;
  call_push(s->k, s->c, s->done);
}

static void slow_start(struct call *k, struct cmd *c, void (*done)(struct cmd *))
{
  if (k->api->hashing >= PASSWORDS_AT_ONCE) {
    api_cmd_free(k->api, c);
    call_refuse(k, ERR_TOO_MANY, "too_many_passwords", NULL,
                "Passwords are being hashed already; try again.");
    return;
  }
  struct slow *s = arena_new(&c->mem, struct slow);
  s->work.data = s, s->k = k, s->c = c, s->done = done;
  k->api->hashing++;
  must(!uv_queue_work(k->api->loop, &s->work, slow_run, slow_done));
}

static enum err body_missing(struct cmd *c)
{
  c->problem.code = "bad_json", c->problem.detail = "The body is empty.";
  return c->job.err = ERR_BAD_REQUEST;
}

void call_send(struct call *k, struct cmd *c, const char *body, size_t n)
{
  call_send_to(k, c, body, n, call_done);
}

void call_send_to(struct call *k, struct cmd *c, const char *body, size_t n, void (*done)(struct cmd *))
{
  if (!n && k->route->body == BODY_MAYBE) body = "{}", n = 2;
  enum err e = n ? cmd_parse(c, body, n) : body_missing(c);
  if (e) {
    call_refuse_with(k, e, &c->problem);
    api_cmd_free(k->api, c);
  } else if (!versions_agree(k, c)) {
    api_cmd_free(k->api, c);
  } else if (cmd_is_slow(c)) {
    slow_start(k, c, done);
  } else {
    call_push(k, c, done);
  }
}

static const char *location(struct call *k, const struct cmd *c)
{
  if (c->id != CMD_ORDER_INGEST) return NULL;
  if (c->status == 202 && c->numbers[1])
    return arena_printf(&k->r->mem, "Location: /v1/payloads/p_%lld\r\n", (long long)c->numbers[1]);
  if (c->status == 201 && c->numbers[0])
    return arena_printf(&k->r->mem, "Location: /v1/orders/o_%lld\r\n", (long long)c->numbers[0]);
  return NULL;
}

/* Where to look for what was made or taken, and its version. */
static const char *answer_headers(struct call *k, const struct cmd *c)
{
  const char *where = location(k, c);
  if (!c->version) return where;
  return arena_printf(&k->r->mem, "%sETag: \"%lld\"\r\n", where ? where : "", (long long)c->version);
}

void call_done(struct cmd *c)
{
  struct call *k = c->owner;
  KILL_POINT("api.answering");
  if (cmd_err(c)) call_refuse_with(k, c->job.err, &c->problem);
  else call_reply(k, c->status, c->dry_run ? NULL : answer_headers(k, c), &c->out);
  api_cmd_free(k->api, c);
}

/* ---- open and close ------------------------------------------------------------------------------------------------------ */
/* New orders are only taken, not applied, while the writer has too much to do, or earlier ones still wait. */
bool api_surge(const struct api *api)
{
  return api->pending > 0 || api->deferring ||
         (int64_t)writer_waiting(api->writer) > api->rules->rules.surge_queue;
}

struct api *api_open(struct arena *a, const struct api_options *o)
{
  struct api *api = arena_new(a, struct api);
  api->env = o->env, api->loop = o->loop, api->writer = o->writer, api->readers = o->readers;
  api->rules = o->rules, api->data = o->data, api->db_path = o->db_path, api->disk_least = o->disk_least;
  api->started_ms = o->env->now_ms(o->env);
  api->disk_free = disk_free(o->data);
  api->disk_full = api->disk_free >= 0 && api->disk_free < o->disk_least;
  api->reads = reads_open(api);
  api->auth = auth_open(api);
  api->seen = seen_open(api);
  api->feed = feed_open(api);
  api->chores = chores_open(api);
  api->poller = poller_open(api);
  api->deliverer = deliverer_open(api);
  api->parties = parties_open(api);
  api->tracer = tracer_open(api);
  return api;
}

void api_stopping(struct api *api)
{
  api->closing = true;
  api->ready = false;
  feed_end(api->feed);
  seen_flush(api->seen);
  intake_kick(api);
}

bool api_idle(const struct api *api)
{
  return !api->cmds && !api->hashing && !api->imports && !api->photos && !api->backing_up &&
         reads_idle(api->reads) && chores_idle(api->chores) && poller_idle(api->poller) &&
         deliverer_idle(api->deliverer) && parties_idle(api->parties) && tracer_idle(api->tracer);
}

void api_close(struct api *api)
{
  deliverer_close(api->deliverer);
  tracer_close(api->tracer);
  parties_close(api->parties);
  poller_close(api->poller);
  chores_close(api->chores);
  feed_close(api->feed);
  seen_close(api->seen);
  auth_close(api->auth);
  reads_close(api->reads);
  rules_box_drop(api->rules);
}
