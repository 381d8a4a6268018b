/* api_channels.c: channels over HTTP: their state, and what a person may wish of the poller. */
#include "edge.h"

/* ---- reading: the database's part on the pool, with what the poller knew when the read was asked for ------------------- */
struct known {
  const char *channel, *family, *connector, *json;
  bool told; /* the database knows it too */
};
struct knowns {
  struct known *at;
  size_t n;
};

static struct knowns *knowns_now(struct read *rd)
{
  const struct poller *poller = rd->api->poller;
  struct knowns *k = arena_new(&rd->mem, struct knowns);
  size_t n = 0;
  for (const struct pollee *p = poller->first; p; p = p->next) n++;
  k->at = arena_array(&rd->mem, struct known, n + 1);
  for (const struct pollee *p = poller->first; p; p = p->next) {
    struct buf b = { 0 };
    struct jw w;
    if (p->leaving) continue;
    jw_init(&w, &b), jw_object(&w);
    poll_runtime_put(&w, p);
    jw_object_end(&w);
    k->at[k->n++] =
      (struct known){ arena_str(&rd->mem, p->set.name),
                      arena_str(&rd->mem, rules_family(&rd->rules->rules, p->set.name)),
                      arena_str(&rd->mem, p->set.connector), arena_strn(&rd->mem, b.data, b.len), false };
    buf_release(&b);
  }
  return k;
}

static void known_put(void *arg, struct jw *w, const char *channel)
{
  struct knowns *k = arg;
  const char *json = NULL;
  for (size_t i = 0; i < k->n; i++)
    if (!strcmp(k->at[i].channel, channel)) json = k->at[i].json, k->at[i].told = true;
  jw_key(w, "now");
  if (json) jw_raw(w, json, strlen(json));
  else jw_null(w);
}

/* Configured a moment ago, and not yet in the database. */
static void fresh_put(struct jw *w, const struct known *k)
{
  jw_kstring(w, "name", k->channel), jw_kstring(w, "family", k->family), jw_kstring(w, "created_at", NULL);
  jw_kint(w, "orders", 0), jw_kint(w, "failed_payloads", 0), jw_kstring(w, "connector", k->connector);
  jw_key(w, "poll"), jw_object(w);
  jw_kbool(w, "paused", false);
  jw_ktime(w, "watermark", 0), jw_ktime(w, "last_run_at", 0), jw_ktime(w, "last_ok_at", 0),
    jw_ktime(w, "swept_at", 0);
  jw_kint(w, "received", 0), jw_kint(w, "misses", 0), jw_kint(w, "failures", 0), jw_kint(w, "skew_ms", 0);
  jw_kstring(w, "error", NULL), jw_key(w, "now"), jw_raw(w, k->json, strlen(k->json));
  jw_object_end(w);
}

static enum err channels_run(struct read *rd, struct db *db)
{
  struct knowns *k = rd->args;
  struct jw w;
  jw_init(&w, &rd->out), jw_object(&w), jw_key(&w, "data"), jw_array(&w);
  TRY(view_channels(db, known_put, k, &w));
  for (size_t i = 0; i < k->n; i++) {
    if (k->at[i].told) continue;
    jw_object(&w), fresh_put(&w, &k->at[i]), jw_object_end(&w);
  }
  jw_array_end(&w), jw_kstring(&w, "next", NULL), jw_object_end(&w);
  return ERR_OK;
}

static enum err channel_run(struct read *rd, struct db *db)
{
  const struct knowns *k = rd->args;
  enum err e = view_channel(db, &rd->mem, rd->call->id, known_put, rd->args, &rd->out);
  for (size_t i = 0; e == ERR_NOT_FOUND && i < k->n; i++) {
    struct jw w;
    if (strcmp(k->at[i].channel, rd->call->id) != 0) continue;
    rd->out.len = 0, e = ERR_OK;
    jw_init(&w, &rd->out), jw_object(&w), fresh_put(&w, &k->at[i]);
    jw_key(&w, "runs"), jw_array(&w), jw_array_end(&w), jw_object_end(&w);
  }
  return e;
}

static void state_get(struct call *k, enum err (*run)(struct read *, struct db *))
{
  struct read *rd = read_new(k->api, k);
  rd->args = knowns_now(rd);
  rd->run = run, rd->done = read_reply, rd->heavy = true;
  read_or_refuse(rd);
}

void channels_get(struct call *k)
{
  state_get(k, channels_run);
}

void channel_get(struct call *k)
{
  state_get(k, channel_run);
}

/* ---- pause, resume: the poller follows before the answer ----------------------------------------------------------------- */
static void write_done(struct cmd *c)
{
  struct call *k = c->owner;
  struct pollee *p = c->job.err ? NULL : poller_find(k->api->poller, k->id);
  if (p) {
    p->state.paused = c->id == CMD_CHANNEL_PAUSE;
    if (!p->state.paused) p->next_at = 0;
    if (p->state.paused) p->sync = false;
    if (p->state.paused && p->run) run_stop(p->run);
    pollee_wake(p);
  }
  call_done(c);
}

void channel_write(struct call *k)
{
  struct cmd *c = call_cmd(k, (enum cmd_id)k->route->cmd);
  if (c) call_send_to(k, c, k->r->body, k->r->body_n, write_done);
}

/* ---- sync: at once, whatever the schedule and the breaker say -------------------------------------------------------------- */
static struct pollee *pollee_of(struct call *k)
{
  struct pollee *p = poller_find(k->api->poller, k->id);
  if (!p)
    call_refuse(k, ERR_NOT_FOUND, "no_connector", NULL,
                "No channel of that name is polled; see [channel NAME] connector.");
  return p;
}

/* {} or nothing. */
static bool body_empty(struct call *k)
{
  struct problem pr = { .faults.mem = &k->r->mem };
  if (!k->r->body_n) return true;
  struct json *j = json_parse(&k->r->mem, k->r->body, k->r->body_n, JSON_ELEMENTS_MAX, &pr.faults);
  if (j && json_type(j) == JSON_OBJECT && !json_count(j)) return true;
  if (j) fault_add(&pr.faults, "", "unknown_key", "Nothing is known here: the body is {} or empty");
  call_refuse_with(k, j ? ERR_INVALID : ERR_BAD_REQUEST, &pr);
  return false;
}

static void sync_done(struct cmd *c)
{
  struct call *k = c->owner;
  struct pollee *p = c->job.err || !c->numbers[0] ? NULL : poller_find(k->api->poller, k->id);
  if (p) pollee_sync(p);
  call_done(c);
}

/* With a key the wish and its answer are remembered; without one it needs no disk. */
static void sync_keyed(struct call *k, const char *result)
{
  struct cmd *c = call_cmd(k, CMD_CHANNEL_SYNC);
  if (!c) return;
  c->args = arena_str(&c->mem, result);
  call_push(k, c, sync_done);
}

void channel_sync_post(struct call *k)
{
  struct buf out = { 0 };
  struct pollee *p = body_empty(k) ? pollee_of(k) : NULL;
  if (!p) return;
  if (!p->connector || !p->box) {
    call_refuse(k, ERR_CONFLICT, "connector_broken", NULL, "%s",
                p->broken ? p->broken : "The connector cannot be read.");
    return;
  }
  const char *result = p->run ? "queued" : "started";
  if (http_field(k->r, "idempotency-key")) {
    sync_keyed(k, result);
    return;
  }
  pollee_sync(p);
  buf_printf(&out, "{\"channel\":\"%s\",\"result\":\"%s\"}", p->set.name, result);
  call_reply(k, 202, NULL, &out);
  buf_release(&out);
}

/* ---- secrets ------------------------------------------------------------------------------------------------------------------ */
#define SECRET_MAX 8192

static bool secret_read(struct call *k, const struct pollee *p, const char **name, const char **value,
                        struct problem *pr)
{
  struct json *j = json_parse(&k->r->mem, k->r->body, k->r->body_n, JSON_ELEMENTS_MAX, &pr->faults);
  if (!j) return false;
  *name = json_string(json_get(j, "name")), *value = json_string(json_get(j, "value"));
  bool known = false;
  for (size_t i = 0; *name && i < p->connector->secrets; i++)
    known = known || !strcmp(p->connector->secret[i].name, *name);
  if (!known)
    fault_add(&pr->faults, "/name", "unknown_secret", "One of the secrets that the connector names");
  if (!*value || !**value || strlen(*value) > SECRET_MAX)
    fault_add(&pr->faults, "/value", "missing", "The secret as text");
  return !pr->faults.n;
}

static void secret_done(struct cmd *c)
{
  struct call *k = c->owner;
  struct pollee *p = c->job.err ? NULL : poller_find(k->api->poller, k->id);
  if (p) p->reload = true, p->next_at = 0, pollee_wake(p); /* reads its secrets anew, when its run is over */
  call_done(c);
}

/* The digest that a key is remembered with would let a short secret be guessed. */
static void digest_keyed(const struct poller *p, struct cmd *c)
{
  if (c->key) hmac_sha256(p->key, SEAL_KEY, c->digest, sizeof c->digest, c->digest);
}

void channel_secret_post(struct call *k)
{
  struct problem pr = { .faults.mem = &k->r->mem };
  const char *name = NULL, *value = NULL, *why = "The connector cannot be read.";
  struct pollee *p = pollee_of(k);
  struct buf sealed = { 0 };
  if (!p) return;
  if (!p->connector || !poll_key(k->api->poller, &why)) {
    call_refuse(k, ERR_CONFLICT, "connector_broken", NULL, "%s", p->broken ? p->broken : why);
    return;
  }
  if (!secret_read(k, p, &name, &value, &pr)) {
    bool bad = pr.faults.n && !strcmp(pr.faults.at[0].code, "bad_json");
    call_refuse_with(k, bad ? ERR_BAD_REQUEST : ERR_INVALID, &pr);
    return;
  }
  struct cmd *c = call_cmd(k, CMD_CHANNEL_SECRET);
  if (!c) return;
  struct poll_secret *s = arena_new(&c->mem, struct poll_secret);
  digest_keyed(k->api->poller, c);
  seal(&sealed, k->api->env, k->api->poller->key, arena_printf(&c->mem, "%s/%s", p->set.name, name), value,
       strlen(value));
  *s = (struct poll_secret){ arena_str(&c->mem, name), arena_strn(&c->mem, sealed.data, sealed.len),
                             sealed.len, 0 };
  buf_release(&sealed);
  c->args = s;
  call_push(k, c, secret_done);
}
