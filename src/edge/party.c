/* party.c: telling messengers, factories and carriers, and asking them. What was surely not taken is RETRY; what may have
 * been, and must not be twice, is UNKNOWN: it is asked about, where the file has [request ask]. */
#include "edge.h"
#include <uv.h>

#define SAID_MAX 300
#define TURN_MOST_MS 20000 /* a longer wait for one's turn is the deliverer's */
#define AUTH_MS 60000
#define BROKEN_MS 60000
#define LIMITED_MS 1000 /* the least pause after a refusal for too many calls */
#define CLOCK_MOVED_MS 2000
#define ANSWER_MAX (1 << 20)

static const char *const kinds[] = { "messenger", "factory", "carrier" };
static const struct {
  const char *effect, *request;
} request_table[] = {
  { "notice", "send" },     { "work", "make" },         { "work_cancel", "cancel" },
  { "waybill", "waybill" }, { "waybill_void", "void" },
};

struct party_call {
  struct party_job job; /* first */
  struct party_call *next;
  struct party *p;
  struct deliver_call *deliver; /* NULL: no effect, or given up */
  party_said_fn *done;          /* of party_ask */
  void *arg;
  const char *request;
  bool asks, only_once, given_up, in_job;
  struct arena mem;
  struct connector_effect effect;
  struct connector_vars vars;
  struct connector_call built;
  struct connector_answer answer;
  struct verdict verdict;
  const char *result, *why;
  bool nothing, ok;
  struct fetch fetch;
  bool fetching;
  uv_work_t work;
  uv_timer_t timer;
};

/* ---- parties -------------------------------------------------------------------------------------------------- */
bool party_destination(const char *destination)
{
  for (size_t i = 0; i < COUNT(kinds); i++) {
    size_t n = strlen(kinds[i]);
    if (!strncmp(destination, kinds[i], n) && destination[n] == ':') return true;
  }
  return false;
}

struct party *party_find(struct parties *all, const char *destination)
{
  for (struct party *p = all->first; p; p = p->next)
    if (!p->leaving && !strcmp(p->destination, destination)) return p;
  return NULL;
}

const struct connector *party_connector(struct api *api, const char *destination)
{
  struct party *p = party_find(api->parties, destination);
  return p ? p->connector : NULL;
}

int64_t party_now(const struct party *p)
{
  struct env *e = p->all->api->env;
  return e->now_ms(e) + p->skew_ms;
}

const char *party_nonce(const struct party *p, struct arena *a)
{
  struct buf b = { 0 };
  unsigned char bytes[16];
  struct env *e = p->all->api->env;
  e->random(e, bytes, sizeof bytes);
  hex_put(&b, bytes, sizeof bytes);
  const char *text = arena_strn(a, b.data, b.len);
  buf_release(&b);
  return text;
}

static const char *given(const struct party *p, const char *name)
{
  for (size_t i = 0; i < p->set.givens; i++)
    if (!strcmp(p->set.given[i].name, name)) return p->set.given[i].value;
  return NULL;
}

const char *party_secret(void *party, const char *name)
{
  return given(party, name);
}

const char *party_setting(void *party, const char *name)
{
  const struct party *p = party;
  const char *own = given(p, name);
  for (size_t i = 0; !own && i < p->connector->settings; i++)
    if (!strcmp(p->connector->setting[i].name, name)) own = p->connector->setting[i].text;
  return own;
}

/* The place of a section's kind, -1: it is none of ours. */
static int kind_of(const char *section)
{
  for (size_t i = 0; i < COUNT(kinds); i++) {
    size_t n = strlen(kinds[i]);
    if (!strncmp(section, kinds[i], n) && section[n] == ' ' && section[n + 1]) return (int)i;
  }
  return -1;
}

static bool section_first(const struct conf *conf, size_t i)
{
  for (size_t k = 0; k < i; k++)
    if (!strcmp(conf->at[k].section, conf->at[i].section)) return false;
  return true;
}

/* Its connector: that of the key, else one of its own name. */
static const char *connector_of(const struct conf *conf, const char *section, const char *name, int *line)
{
  for (size_t i = 0; i < conf->n; i++) {
    if (strcmp(conf->at[i].section, section) != 0) continue;
    *line = conf->at[i].line;
    if (!strcmp(conf->at[i].key, "connector")) return conf->at[i].value;
  }
  return name;
}

/* false: what a person wrote in the configuration is wrong. A file that is wrong is the party's trouble alone: *c NULL. */
static bool party_read(struct arena *a, const struct conf *conf, const char *data, const char *section,
                       int kind, struct connector **c, struct poll_settings *set, const char **broken,
                       const char **why)
{
  const char *name = section + strlen(kinds[kind]) + 1;
  struct connector_file file;
  struct connector_fault fault = { 0 };
  int line = 0;
  const char *from = connector_of(conf, section, name, &line);
  *c = NULL, *broken = NULL;
  if (!connector_load_as(a, data, from, kinds[kind], &file)) {
    *why = arena_printf(a, "line %d: [%s]: there is no file %s.%s", line, section, from, kinds[kind]);
    return false;
  }
  *c = connector_parse(a, from, file.text, file.n, &fault);
  if (*c && strcmp((*c)->ext, kinds[kind]) != 0) {
    *why =
      arena_printf(a, "line %d: [%s]: %s.%s describes a %s", line, section, from, kinds[kind], (*c)->ext);
    return false;
  }
  if (!*c)
    *broken = arena_printf(a, "%s.%s:%d:%d: %s", from, kinds[kind], fault.line, fault.column, fault.why);
  return !*c || poll_settings_read(a, conf, data, name, *c, set, why);
}

bool party_settings_check(struct arena *a, const struct conf *conf, const char *data, struct rules *r,
                          const char **why)
{
  size_t n = conf ? conf->n : 0;
  struct party_rules *list = arena_array(a, struct party_rules, n + 1);
  const char **factory = arena_array(a, const char *, n + 1);
  r->party = list, r->parties = 0, r->factory = factory, r->factories = 0;
  for (size_t i = 0; i < n; i++) {
    const char *section = conf->at[i].section, *broken;
    int kind = kind_of(section);
    struct connector *c;
    struct poll_settings set;
    if (kind < 0 || !section_first(conf, i)) continue;
    if (!party_read(a, conf, data, section, kind, &c, &set, &broken, why)) return false;
    struct party_rules *out = &list[r->parties++];
    *out = (struct party_rules){ .kind = kinds[kind], .name = section + strlen(kinds[kind]) + 1 };
    out->destination = arena_printf(a, "%s:%s", out->kind, out->name);
    if (!strcmp(out->kind, "factory")) factory[r->factories++] = out->name;
    if (!c) continue;
    out->title = c->title, out->length = c->length, out->per_minute = c->per_minute,
    out->every_ms = c->every_ms;
    out->buys = connector_request(c, "waybill"), out->voids = connector_request(c, "void");
    out->traces = connector_request(c, "trace"), out->asks = connector_request(c, "ask");
    if (set.every_ms) out->every_ms = set.every_ms;
  }
  return true;
}

static void party_free(struct party *p)
{
  connector_close(p->box);
  arena_release(&p->mem);
  mem_free(p);
}

void party_hold(struct party *p)
{
  p->users++, p->all->busy++;
}

void party_let_go(struct party *p)
{
  p->users--, p->all->busy--;
  if (!p->leaving || p->users) return;
  struct party **at = &p->all->first;
  while (*at != p) at = &(*at)->next;
  *at = p->next;
  party_free(p);
}

static struct party *party_new(struct parties *all, const struct conf *conf, const char *section, int kind)
{
  struct party *p = mem_new(sizeof *p);
  const char *why = NULL;
  p->all = all;
  p->name = arena_str(&p->mem, section + strlen(kinds[kind]) + 1);
  p->destination = arena_printf(&p->mem, "%s:%s", kinds[kind], p->name);
  if (!party_read(&p->mem, conf, all->api->data, arena_str(&p->mem, section), kind, &p->connector, &p->set,
                  &p->broken, &why))
    p->broken = why, p->connector = NULL;
  if (p->connector) {
    p->bucket = arena_array(&p->mem, struct bucket, p->connector->requests + 1);
    p->box = connector_open(p->connector, &p->mem, &p->broken);
  }
  if (p->broken) log_line(LOG_ERROR, "%s: %s", p->destination, p->broken);
  return p;
}

static void parties_leave(struct parties *all)
{
  for (struct party **at = &all->first; *at;) {
    struct party *p = *at;
    p->leaving = true;
    if (p->users) at = &p->next; /* the last who holds it frees it */
    else *at = p->next, party_free(p);
  }
}

void parties_rules(struct parties *all)
{
  const struct conf *conf = all->api->rules->rules.conf;
  if (all->stopping) return;
  parties_leave(all);
  for (size_t i = 0; conf && i < conf->n; i++) {
    int kind = kind_of(conf->at[i].section);
    if (kind < 0 || !section_first(conf, i)) continue;
    struct party *p = party_new(all, conf, conf->at[i].section, kind);
    p->next = all->first, all->first = p;
  }
}

struct parties *parties_open(struct api *api)
{
  struct parties *all = mem_new(sizeof *all);
  all->api = api;
  all->fetcher = fetcher_open(api->loop);
  fetcher_at_once(all->fetcher, 0); /* each destination has a limit of its own */
  return all;
}

bool parties_idle(const struct parties *all)
{
  return !all->busy;
}

void parties_close(struct parties *all)
{
  parties_leave(all);
  must(!all->first);
  fetcher_close(all->fetcher);
  mem_free(all);
}

/* ---- the pool: one job of a party at a time ------------------------------------------------------------------------ */
static void jobs_next(struct party *p);

static void job_run(uv_work_t *work)
{
  struct party_job *j = work->data;
  j->run(j);
}

static void job_after(uv_work_t *work, int status)
{
  struct party_job *j = work->data;
  struct party *p = j->p;
  (void)status;
  p->job = false;
  party_hold(p); /* who ends here may be the last that holds it */
  j->after(j);
  jobs_next(p);
  party_let_go(p);
}

static void jobs_next(struct party *p)
{
  struct party_job *j = p->waiting;
  if (!j || p->job) return;
  p->waiting = j->next, p->job = true;
  j->work->data = j;
  must(!uv_queue_work(p->all->api->loop, j->work, job_run, job_after));
}

void party_job_start(struct party_job *j)
{
  struct party_job **at = &j->p->waiting;
  while (*at) at = &(*at)->next;
  j->next = NULL, *at = j;
  jobs_next(j->p);
}

bool party_job_drop(struct party_job *j)
{
  struct party_job **at = &j->p->waiting;
  while (*at && *at != j) at = &(*at)->next;
  if (!*at) return false;
  *at = j->next;
  return true;
}

/* ---- one call: its end ------------------------------------------------------------------------------------------------ */
static void call_closed(uv_handle_t *h)
{
  struct party_call *k = h->data;
  struct party *p = k->p;
  arena_release(&k->mem), arena_release(&k->fetch.mem);
  mem_free(k);
  party_let_go(p);
}

static void call_free(struct party_call *k)
{
  struct party_call **at = &k->p->calls;
  while (*at != k) at = &(*at)->next;
  *at = k->next;
  if (k->fetching) fetch_stop(k->p->all->fetcher, &k->fetch);
  uv_close((uv_handle_t *)&k->timer, call_closed);
}

static const char *shown(struct party_call *k, struct arena *a, const char *text)
{
  return text && *text ? text_redacted_of(a, &k->p->set, text, strlen(text), SAID_MAX) : NULL;
}

static void call_end(struct party_call *k, enum outcome_kind kind, enum verdict_kind verdict,
                     const char *code, const char *message, int64_t retry_after_ms, bool destination)
{
  struct deliver_call *call = k->deliver;
  struct party_said said = { .kind = verdict, .retry_after_ms = retry_after_ms };
  k->p->sent += kind == OUTCOME_ACCEPTED, k->p->failed += kind != OUTCOME_ACCEPTED;
  if (call) {
    struct effect_outcome o = { .kind = kind,
                                .code = shown(k, &call->mem, code),
                                .message = shown(k, &call->mem, message),
                                .result = kind == OUTCOME_ACCEPTED ? arena_str(&call->mem, k->result) : NULL,
                                .retry_after_ms = retry_after_ms,
                                .destination = destination };
    call->user = NULL, k->deliver = NULL;
    call_free(k);
    call->done(call, &o);
    return;
  }
  said.code = shown(k, &k->mem, code), said.why = shown(k, &k->mem, message);
  said.code = said.code ? said.code : "", said.why = said.why ? said.why : "", said.result = k->result;
  if (k->done) k->done(k->arg, &said);
  call_free(k);
}

/* Trouble before anything can have been taken. Of a question: no answer. */
static void call_later(struct party_call *k, const char *code, const char *message, int64_t wait_ms)
{
  call_end(k, k->asks ? OUTCOME_UNKNOWN : OUTCOME_RETRY, VERDICT_RETRY, code, message, wait_ms, true);
}

/* ---- building ---------------------------------------------------------------------------------------------------------- */
static struct party_call *call_of(struct party_job *j)
{
  return (struct party_call *)(void *)j;
}

static void build_run(struct party_job *j)
{
  struct party_call *k = call_of(j);
  struct connector_box *b = k->p->box;
  connector_values(b, party_secret, party_setting, k->p);
  k->nothing = !connector_when(b, &k->mem, k->request, &k->vars, &k->why) && !k->why;
  k->ok = !k->why && (k->nothing || connector_build(b, &k->mem, k->request, &k->vars, &k->built, &k->why));
}

static void call_go(struct party_call *k);

static void build_after(struct party_job *j)
{
  struct party_call *k = call_of(j);
  k->in_job = false;
  if (k->given_up) call_free(k);
  else if (!k->ok)
    call_end(k, k->asks ? OUTCOME_UNKNOWN : OUTCOME_RETRY, VERDICT_REFUSED, "request_not_built", k->why, 0,
             false);
  else if (k->nothing)
    call_end(k, OUTCOME_ACCEPTED, VERDICT_DONE, "not_told", "The file has nothing to tell about this", 0,
             false);
  else call_go(k);
}

/* ---- the call ------------------------------------------------------------------------------------------------------------ */
static void answer_read(struct party_job *j);
static void answer_in(struct party_job *j);

static void job_start(struct party_call *k, void (*run)(struct party_job *),
                      void (*after)(struct party_job *))
{
  k->job.p = k->p, k->job.work = &k->work, k->job.run = run, k->job.after = after;
  k->in_job = true;
  party_job_start(&k->job);
}

static void clock_look(struct party *p, const struct fetch *f)
{
  struct env *e = p->all->api->env;
  if (!f->date_ms || !p->connector->clock_by_date) return;
  int64_t skew = f->date_ms + 500 - (e->now_ms(e) - f->took_ms / 2), by = skew - p->skew_ms;
  if (by > -CLOCK_MOVED_MS && by < CLOCK_MOVED_MS) return;
  p->skew_ms = skew > -CLOCK_MOVED_MS && skew < CLOCK_MOVED_MS ? 0 : skew;
}

static void on_fetched(struct fetch *f)
{
  struct party_call *k = f->owner;
  k->fetching = false;
  if (f->status) {
    clock_look(k->p, f);
    k->answer = (struct connector_answer){ f->status, f->field, f->fields, f->answer, f->answer_n, false };
    job_start(k, answer_read, answer_in);
  } else if (k->only_once && f->sent) {
    call_end(k, OUTCOME_UNKNOWN, VERDICT_ASK, "no_answer", f->why, 0, true);
  } else {
    call_later(k, f->sent ? "no_answer" : "no_connection", f->why, 0);
  }
}

static void party_send(struct party_call *k)
{
  struct fetch *f = &k->fetch;
  f->method = k->built.method, f->url = k->built.url, f->content_type = k->built.content_type;
  f->header = k->built.header, f->headers = k->built.headers;
  f->body = k->built.body, f->body_n = k->built.body_n;
  f->timeout_ms = k->p->set.timeout_ms ? k->p->set.timeout_ms : k->built.timeout_ms;
  f->answer_max = ANSWER_MAX, f->alone = k->only_once, f->done = on_fetched, f->owner = k;
  k->fetching = true;
  fetch_start(k->p->all->fetcher, f);
}

static void timer_fired(uv_timer_t *timer)
{
  call_go(timer->data);
}

static const struct connector_request *request_of(const struct party_call *k)
{
  return connector_request(k->p->connector, k->request);
}

static struct bucket *bucket_of(const struct party_call *k)
{
  return &k->p->bucket[request_of(k) - k->p->connector->request];
}

/* When the party allows one more call of this kind. */
static void call_go(struct party_call *k)
{
  const struct connector_request *q = request_of(k);
  int64_t per_1000s = k->p->set.has_rate ? k->p->set.per_1000s : q->per_1000s;
  int64_t wait = bucket_take(bucket_of(k), per_1000s, q->burst > 0 ? q->burst : 1, party_now(k->p));
  if (!wait) party_send(k);
  else if (wait <= TURN_MOST_MS) uv_timer_start(&k->timer, timer_fired, (uint64_t)wait, 0);
  else call_later(k, "rate_limited", "No more calls are allowed for a while", wait);
}

/* ---- its answer ------------------------------------------------------------------------------------------------------------ */
static void answer_read(struct party_job *j)
{
  struct party_call *k = call_of(j);
  struct connector_box *b = k->p->box;
  connector_values(b, party_secret, party_setting, k->p);
  connector_judge(b, &k->mem, k->request, &k->answer, &k->vars, &k->verdict);
  if (k->verdict.kind != VERDICT_OK && k->verdict.kind != VERDICT_DONE) return;
  if (!strcmp(k->request, "trace"))
    connector_events(b, &k->mem, NULL, &k->answer, &k->vars, &k->result, &k->why);
  else connector_result(b, &k->mem, k->request, &k->answer, &k->vars, &k->result, &k->why);
}

/* Our own trouble with an answer says nothing about what it answers. */
static bool is_ours(const struct verdict *v)
{
  return !strcmp(v->code, "connector_failed") || !strcmp(v->code, "too_large");
}

static void question_answered(struct party_call *k)
{
  const struct verdict *v = &k->verdict;
  if (v->kind == VERDICT_NOT_FOUND && !is_ours(v))
    call_end(k, OUTCOME_RETRY, v->kind, v->code, v->message, 0, false);
  else
    call_end(k, OUTCOME_UNKNOWN, v->kind, v->code, v->message, v->retry_after_ms, v->kind == VERDICT_RETRY);
}

static void call_failed(struct party_call *k)
{
  const struct verdict *v = &k->verdict;
  int64_t least = v->retry_after_ms > LIMITED_MS ? v->retry_after_ms : LIMITED_MS;
  bool may_have_it = k->only_once && (v->kind == VERDICT_RETRY || v->kind == VERDICT_ASK || is_ours(v));
  if (v->kind == VERDICT_RATE_LIMITED) {
    bucket_empty(bucket_of(k), party_now(k->p));
    call_end(k, k->asks ? OUTCOME_UNKNOWN : OUTCOME_RETRY, v->kind, v->code, v->message, least, true);
  } else if (v->kind == VERDICT_AUTH_EXPIRED) {
    call_end(k, k->asks ? OUTCOME_UNKNOWN : OUTCOME_RETRY, v->kind, *v->code ? v->code : "auth_expired",
             v->message, v->retry_after_ms ? v->retry_after_ms : AUTH_MS, true);
  } else if (k->asks) question_answered(k);
  else if (may_have_it)
    call_end(k, OUTCOME_UNKNOWN, v->kind, v->code, v->message, v->retry_after_ms, v->kind == VERDICT_RETRY);
  else if (v->kind == VERDICT_REFUSED || v->kind == VERDICT_NOT_FOUND)
    call_end(k, OUTCOME_REFUSED, v->kind, v->code, v->message, 0, false);
  else call_end(k, OUTCOME_RETRY, v->kind, v->code, v->message, v->retry_after_ms, true);
}

static void answer_in(struct party_job *j)
{
  struct party_call *k = call_of(j);
  const struct verdict *v = &k->verdict;
  k->in_job = false;
  if (k->given_up) call_free(k);
  else if (v->kind != VERDICT_OK && v->kind != VERDICT_DONE) call_failed(k);
  else if (k->why)
    call_end(k, k->only_once || k->asks ? OUTCOME_UNKNOWN : OUTCOME_RETRY, VERDICT_REFUSED, "answer_not_read",
             k->why, 0, false);
  else
    call_end(k, OUTCOME_ACCEPTED, v->kind, v->kind == VERDICT_DONE ? v->code : NULL,
             v->kind == VERDICT_DONE ? v->message : NULL, 0, false);
}

/* ---- the beginning ----------------------------------------------------------------------------------------------------------- */
static void call_begin(uv_timer_t *timer)
{
  struct party_call *k = timer->data;
  if (k->p->broken || !k->p->box) call_later(k, "connector_broken", k->p->broken, BROKEN_MS);
  else if (!request_of(k)) /* of a question only */
    call_end(k, OUTCOME_UNKNOWN, VERDICT_ASK, "cannot_ask",
             "The file has no [request ask]; a person must look", 0, false);
  else job_start(k, build_run, build_after);
}

static struct party_call *call_new(struct party *p, const char *request, const char *what, const char *id)
{
  struct party_call *k = mem_new(sizeof *k);
  struct api *api = p->all->api;
  k->p = p, k->next = p->calls, p->calls = k;
  k->request = arena_str(&k->mem, request);
  k->effect.what = arena_str(&k->mem, what && *what ? what : "{}");
  k->vars = (struct connector_vars){ .now_ms = party_now(p),
                                     .host = p->set.host,
                                     .cursor = "",
                                     .id = arena_str(&k->mem, id),
                                     .nonce = party_nonce(p, &k->mem),
                                     .effect = &k->effect };
  party_hold(p);
  uv_timer_init(api->loop, &k->timer);
  k->timer.data = k;
  uv_timer_start(&k->timer, call_begin, 0, 0);
  return k;
}

static const char *request_for(const char *kind)
{
  for (size_t i = 0; i < COUNT(request_table); i++)
    if (!strcmp(request_table[i].effect, kind)) return request_table[i].request;
  return NULL;
}

bool party_effect_start(struct api *api, struct deliver_call *call)
{
  struct party *p = party_find(api->parties, call->effect.destination);
  const char *request = request_for(call->effect.kind);
  if (!p || !request || api->parties->stopping) return false;
  if (p->connector && !connector_request(p->connector, request)) return false;
  struct party_call *k = call_new(p, call->ask ? "ask" : request, call->effect.data,
                                  arena_printf(&call->mem, "e_%lld", (long long)call->effect.id));
  k->asks = call->ask, k->only_once = !call->ask && !call->effect.safe;
  k->deliver = call, call->user = k;
  return true;
}

static void call_give_up(struct party_call *k)
{
  k->deliver = NULL, k->done = NULL, k->given_up = true;
  if (k->in_job && !party_job_drop(&k->job)) return; /* the pool has it */
  call_free(k);
}

void party_effect_stop(struct api *api, struct deliver_call *call)
{
  struct party_call *k = call->user;
  (void)api;
  call->user = NULL;
  if (k) call_give_up(k);
}

int party_effects_at_once(struct api *api, const char *destination)
{
  const struct connector *c = party_connector(api, destination);
  return c ? (int)c->at_once : 1;
}

bool party_ask(struct api *api, const char *destination, const char *request, const char *what,
               party_said_fn *done, void *arg)
{
  struct party *p = party_find(api->parties, destination);
  if (!p || api->parties->stopping || (p->connector && !connector_request(p->connector, request)))
    return false;
  struct party_call *k = call_new(p, request, what, NULL);
  k->done = done, k->arg = arg;
  return true;
}

/* Questions of our own end here; effects are the deliverer's to give up. */
void parties_stop(struct parties *all)
{
  all->stopping = true;
  for (struct party *p = all->first; p; p = p->next)
    for (struct party_call *k = p->calls, *next; k; k = next) {
      next = k->next;
      if (k->deliver) continue;
      struct party_said said = { .kind = VERDICT_RETRY, .code = "stopping", .why = "orderd is stopping" };
      if (k->done) k->done(k->arg, &said);
      call_give_up(k);
    }
}
