/* callback.c: what a factory or a carrier told by itself is kept and applied in one transaction, each of its events as the
 * command that it is. One that cannot be applied leaves the others alone; the callback waits for a person then.
 *
 *   callback.take ─► kept, once ─► each event: work.progress, parcel.trace ─► applied │ failed: exception callback_failed */
#include "flow.h"

static const struct {
  const char *kind; /* before the colon of the destination */
  enum cmd_id cmd;
  const char *target; /* the event's member that names what it is about; NULL: its arguments do */
  unsigned roles;
} teller_table[] = {
  { "factory", CMD_WORK_PROGRESS, "work_order", ROLE_PRODUCTION },
  { "carrier", CMD_PARCEL_TRACE, NULL, ROLE_WAREHOUSE },
};

static size_t teller_of(const char *destination)
{
  size_t i = 0;
  for (; i < COUNT(teller_table); i++) {
    size_t n = strlen(teller_table[i].kind);
    if (!strncmp(destination, teller_table[i].kind, n) && destination[n] == ':') break;
  }
  return i;
}

/* The event less what names its target. */
static const char *arguments(struct cmd *c, const struct json *event, const char *target)
{
  struct buf b = { 0 };
  struct jw w;
  jw_init(&w, &b), jw_object(&w);
  for (const struct json *m = json_first(event); m; m = json_next(m))
    if (!target || strcmp(json_key(m), target) != 0) jw_key(&w, json_key(m)), jw_json(&w, m);
  jw_object_end(&w);
  const char *text = arena_strn(&c->mem, b.data, b.len);
  buf_release(&b);
  return text;
}

static bool is_disk(enum err e)
{
  return e == ERR_IO || e == ERR_DISK_FULL || e == ERR_BUSY;
}

static enum err one_run(struct cmd *c, struct db *db, struct cmd *one, const char *body)
{
  enum err e = cmd_parse(one, body, strlen(body));
  if (e) return e;
  if (!tx_mark(db)) return db_err(db);
  e = cmd_kind(one->id)->run(one, db);
  if (!e) e = fulfil_settle(one, db);
  if (e && !tx_undo(db)) return db_err(db);
  if (!tx_keep(db)) return db_err(db);
  c->effects |= !e && one->effects;
  return e;
}

/* false in *ok: the problem stands in errors. */
static enum err event_apply(struct cmd *c, struct db *db, const char *destination, const struct json *event,
                            size_t at, struct jw *errors, bool *ok)
{
  size_t i = teller_of(destination);
  const char *target = teller_table[i].target;
  const struct actor who = { .name = destination, .roles = teller_table[i].roles };
  struct cmd *one = cmd_new(teller_table[i].cmd, c->env, c->rules, &who);
  one->now_ms = c->now_ms;
  if (target) {
    const char *id = json_string(json_get(event, target));
    one->target = arena_str(&one->mem, id ? id : "");
  }
  enum err e = one_run(c, db, one, arguments(c, event, target));
  *ok = !e;
  if (e && !is_disk(e)) {
    struct buf b = { 0 };
    one->job.err = e;
    cmd_problem(one, &b);
    jw_object(errors), jw_kint(errors, "event", (int64_t)at), jw_kraw(errors, "problem", b.data),
      jw_object_end(errors);
    buf_release(&b);
  }
  cmd_free(one);
  return is_disk(e) ? e : ERR_OK;
}

/* *error: JSON, NULL when all went well. */
static enum err events_apply(struct cmd *c, struct db *db, const char *destination, const char *events,
                             const char **error)
{
  struct faults f = { .mem = &c->mem };
  const struct json *list = json_parse(&c->mem, events, strlen(events), JSON_ELEMENTS_BATCH_MAX, &f);
  struct buf b = { 0 };
  struct jw w;
  size_t at = 0, failed = 0;
  enum err e = ERR_OK;
  *error = NULL;
  must(json_type(list) == JSON_ARRAY);
  jw_init(&w, &b), jw_object(&w), jw_kstring(&w, "kind", "not_applied"), jw_key(&w, "errors"), jw_array(&w);
  for (const struct json *v = json_first(list); v && !e; v = json_next(v), at++) {
    bool ok;
    e = event_apply(c, db, destination, v, at, &w, &ok);
    failed += !e && !ok;
  }
  jw_array_end(&w), jw_object_end(&w);
  if (failed) *error = arena_strn(&c->mem, b.data, b.len);
  buf_release(&b);
  return e;
}

static enum err trouble(struct cmd *c, struct db *db, int64_t id, const char *destination, const char *error)
{
  struct buf b = { 0 };
  struct jw w;
  jw_init(&w, &b), jw_object(&w), jw_id(&w, "callback", 'q', id), jw_kstring(&w, "destination", destination);
  jw_kraw(&w, "error", error);
  jw_kstring(&w, "do",
             "See what it tells (orderd callback show); retry it when what it names is there, or drop it");
  jw_object_end(&w);
  enum err e = exception_open(db, "callback_failed", 0, 0, 0,
                              !strncmp(destination, "factory:", 8) ? "production" : "warehouse", c->now_ms,
                              b.data, NULL, NULL);
  buf_release(&b);
  return e;
}

static enum err trouble_over(struct cmd *c, struct db *db)
{
  if (callback_failed_any(db)) return ERR_OK;
  return exception_settle_type(db, "callback_failed", c->actor.name, c->now_ms) < 0 ? ERR_IO : ERR_OK;
}

/* ---- callback.take ---------------------------------------------------------------------------------------------- */
enum err flow_callback_take_parse(struct cmd *c, const struct json *body)
{
  (void)body;
  return refuse(c, ERR_INVALID, NULL, "Callbacks come by their hooks");
}

enum err flow_callback_take_run(struct cmd *c, struct db *db)
{
  const struct callback_args *a = c->args;
  const char *error = a->error;
  struct callback k = { .at = c->now_ms,
                        .destination = a->destination,
                        .state = "applied",
                        .body = a->body,
                        .body_n = a->body_n,
                        .events = a->events,
                        .error = error };
  int64_t id;
  bool is_new;
  TRY(callback_put(db, &k, a->digest, &id, &is_new));
  c->numbers[0] = is_new, c->numbers[1] = id;
  if (!is_new) return ERR_OK;
  if (a->events) TRY(events_apply(c, db, a->destination, a->events, &error));
  if (!error) return ERR_OK;
  c->numbers[2] = 1;
  TRY(callback_settle(db, id, "failed", error));
  TRY(trouble(c, db, id, a->destination, error));
  return progress_event(c, db, 'q', id, "callback.failed", "{\"destination\":\"%s\"}", a->destination);
}

/* ---- what a person does -------------------------------------------------------------------------------------------- */
static enum err target(struct cmd *c, struct db *db, struct callback *k)
{
  int64_t id;
  enum err e = c->target && id_parse(c->target, 'q', &id) ? callback_get(db, &c->mem, id, k) : ERR_NOT_FOUND;
  if (e == ERR_NOT_FOUND)
    return refuse(c, e, "callback_not_found", "There is no callback %.40s", c->target ? c->target : "");
  TRY(e);
  if (strcmp(k->state, "failed") != 0)
    return refuse(c, ERR_CONFLICT, "not_failed", "The callback is %s", k->state);
  return ERR_OK;
}

static enum err settled(struct cmd *c, struct db *db, const struct callback *k, const char *state,
                        const char *error, const char *type)
{
  TRY(callback_settle(db, k->id, state, error));
  TRY(progress_event(c, db, 'q', k->id, type, "{\"destination\":\"%s\"}", k->destination));
  TRY(trouble_over(c, db));
  return view_callback(db, &c->mem, k->id, &c->out);
}

enum err flow_callback_retry_parse(struct cmd *c, const struct json *body)
{
  return args_read(c, body, NULL, 0);
}

enum err flow_callback_retry_run(struct cmd *c, struct db *db)
{
  struct callback k;
  const char *error = NULL;
  TRY(target(c, db, &k));
  if (!k.events)
    return refuse(c, ERR_CONFLICT, "not_read",
                  "The file of %.100s could not read it: drop it when it is dealt with", k.destination);
  TRY(events_apply(c, db, k.destination, k.events, &error));
  if (!error) return settled(c, db, &k, "applied", NULL, "callback.applied");
  TRY(callback_settle(db, k.id, "failed", error));
  return view_callback(db, &c->mem, k.id, &c->out);
}

enum err flow_callback_drop_parse(struct cmd *c, const struct json *body)
{
  return args_read(c, body, NULL, 0);
}

enum err flow_callback_drop_run(struct cmd *c, struct db *db)
{
  struct callback k;
  TRY(target(c, db, &k));
  return settled(c, db, &k, "dropped", k.error, "callback.dropped");
}
