/* deliver.c: the deliverer on the loop: looks what is due, takes it, makes the calls, says how they went. Each destination
 * has a worker of its own. */
#include "edge.h"
#include <uv.h>

enum destination_kind { TO_WEBHOOK, TO_CHANNEL, TO_PARTY, TO_NOBODY };
#define NOBODY_AT_ONCE 1
#define CHANNEL_AT_ONCE_MOST 16
#define NO_CONNECTOR_MS 60000

struct worker {
  struct worker *next;
  struct deliverer *d;
  char *name; /* the destination */
  enum destination_kind kind;
  int64_t failures, open_until, not_before;
  size_t under_way;
  bool taking, wanted; /* wanted: look again when it has taken */
  int64_t outcomes[4]; /* by enum outcome_kind */
};

struct errand { /* one call under way */
  struct errand *next, **at;
  struct worker *w;
  struct deliver_call call;
  struct fetch fetch;
  bool on_channel, at_party;
};

struct deliverer {
  struct api *api;
  struct fetcher *fetcher;
  uv_timer_t timer;
  struct worker *first;
  struct errand *errands;
  int busy; /* commands and reads under way */
  bool started, stopping, given_up, looking, look_again, telling, held;
  int64_t dead, waiting, moved, told; /* moved, told: rows of the ledger */
  int64_t stop_ms;
};

static int64_t now_of(const struct deliverer *d)
{
  return d->api->env->now_ms(d->api->env);
}

static uint64_t random_of(const struct deliverer *d)
{
  uint64_t r;
  d->api->env->random(d->api->env, &r, sizeof r);
  return r;
}

/* ---- workers ------------------------------------------------------------------------------------------------------ */
static const struct webhook *webhook_of(const struct worker *w)
{
  return strncmp(w->name, "webhook:", 8) ? NULL : rules_webhook(&w->d->api->rules->rules, w->name + 8);
}

static struct worker *worker_of(struct deliverer *d, const char *name)
{
  struct worker **at = &d->first;
  while (*at && strcmp((*at)->name, name) != 0) at = &(*at)->next;
  if (*at) return *at;
  struct worker *w = *at = mem_new(sizeof *w);
  size_t n = strlen(name) + 1;
  w->d = d, w->name = mem_new(n);
  memcpy(w->name, name, n);
  w->kind = !strncmp(name, "webhook:", 8)   ? TO_WEBHOOK
            : !strncmp(name, "channel:", 8) ? TO_CHANNEL
            : party_destination(name)       ? TO_PARTY
                                            : TO_NOBODY;
  return w;
}

/* As many calls as may begin now. After a row of failures one call tries how it is. */
static size_t room(const struct worker *w)
{
  const struct webhook *h = webhook_of(w);
  int64_t most = NOBODY_AT_ONCE;
  if (h) most = h->at_once;
  if (w->kind == TO_CHANNEL) most = channel_effects_at_once(w->d->api, w->name + 8);
  if (w->kind == TO_PARTY) most = party_effects_at_once(w->d->api, w->name);
  if (most > CHANNEL_AT_ONCE_MOST) most = CHANNEL_AT_ONCE_MOST;
  if (w->failures >= BREAKER_FAILURES || most < 1) most = 1;
  return (size_t)most > w->under_way ? (size_t)most - w->under_way : 0;
}

static bool left_alone(const struct worker *w, int64_t now)
{
  return w->open_until > now || w->not_before > now;
}

static void breaker_note(struct worker *w, const struct effect_outcome *o)
{
  const struct outbox_rules *r = &w->d->api->rules->rules.outbox;
  int64_t now = now_of(w->d);
  if (!o->destination) {
    if (w->failures >= BREAKER_FAILURES) log_line(LOG_INFO, "%s takes effects again", w->name);
    w->failures = w->open_until = 0;
    return;
  }
  int64_t open_ms = breaker_open_ms(++w->failures, r->breaker_ms, r->breaker_most_ms);
  if (open_ms) {
    log_line(LOG_WARN, "%s: %lld calls failed in a row (%s: %s); it is left alone for %lld s", w->name,
             (long long)w->failures, o->code ? o->code : "", o->message ? o->message : "",
             (long long)((open_ms + 999) / 1000));
    w->open_until = now + open_ms;
  }
  int64_t after = o->retry_after_ms < RETRY_AFTER_MOST_MS ? o->retry_after_ms : RETRY_AFTER_MOST_MS;
  if (after) w->not_before = now + after;
}

static void worker_wake(struct worker *w);

/* ---- how it went ---------------------------------------------------------------------------------------------------- */
static void settled(struct cmd *c)
{
  struct worker *w = c->owner;
  struct deliverer *d = w->d;
  d->busy--;
  KILL_POINT("effect.outcome_durable");
  if (c->job.err)
    log_line(LOG_WARN, "%s: how an effect went could not be noted: %s", w->name, err_title(c->job.err));
  api_cmd_free(d->api, c);
  worker_wake(w);
}

/* Where the writer has no room the effect stays as it is, sending: the next start finds it. It is tried for a while. */
static bool settle_push(struct worker *w, int64_t id, bool asked, const struct effect_outcome *o)
{
  struct deliverer *d = w->d;
  struct cmd *c = api_own_cmd(d->api, CMD_EFFECT_SETTLE);
  struct effect_settle *s = arena_new(&c->mem, struct effect_settle);
  *s = (struct effect_settle){ .id = id, .outcome = *o, .asked = asked, .random = random_of(d) };
  s->outcome.code = arena_str(&c->mem, o->code), s->outcome.message = arena_str(&c->mem, o->message);
  s->outcome.result = arena_str(&c->mem, o->result);
  c->args = s;
  d->busy++;
  if (api_push(d->api, c, settled, w)) return true;
  d->busy--;
  api_cmd_free(d->api, c);
  return false;
}

static void errand_free(struct errand *e)
{
  *e->at = e->next;
  if (e->next) e->next->at = e->at;
  arena_release(&e->call.mem), arena_release(&e->fetch.mem);
  mem_free(e);
}

static void errand_end(struct errand *e, const struct effect_outcome *o)
{
  struct worker *w = e->w;
  KILL_POINT("effect.answered");
  w->under_way--, w->outcomes[o->kind]++;
  breaker_note(w, o);
  if (!settle_push(w, e->call.effect.id, e->call.ask, o))
    log_line(LOG_ERROR, "%s: e_%lld was made, and there was no room to note it", w->name,
             (long long)e->call.effect.id);
  errand_free(e);
}

/* ---- the calls ---------------------------------------------------------------------------------------------------------- */
static void webhook_done(struct fetch *f)
{
  struct errand *e = f->owner;
  struct effect_outcome o;
  webhook_outcome(f, now_of(e->w->d), &o);
  errand_end(e, &o);
}

static void channel_done(struct deliver_call *call, const struct effect_outcome *o)
{
  struct errand *e = call->owner;
  errand_end(e, o);
}

static struct errand *errand_new(struct worker *w, const struct effect_taken *t)
{
  struct deliverer *d = w->d;
  struct errand *e = mem_new(sizeof *e);
  struct effect *f = &e->call.effect;
  const char **const texts[] = { &f->kind, &f->destination, &f->subject, &f->state, &f->data, &f->error };
  e->w = w, e->next = d->errands, e->at = &d->errands;
  if (e->next) e->next->at = &e->next;
  d->errands = e;
  *f = t->effect;
  for (size_t i = 0; i < COUNT(texts); i++) *texts[i] = arena_str(&e->call.mem, *texts[i]);
  e->call.quantity = t->quantity, e->call.ask = t->ask, e->call.owner = e, e->call.done = channel_done;
  w->under_way++;
  return e;
}

static void nobody(struct errand *e, const char *code, const char *message)
{
  struct effect_outcome o = { .kind = e->call.ask ? OUTCOME_UNKNOWN : OUTCOME_RETRY,
                              .code = code,
                              .message = message,
                              .retry_after_ms = NO_CONNECTOR_MS,
                              .destination = true };
  errand_end(e, &o);
}

static void errand_start(struct worker *w, const struct effect_taken *t)
{
  struct deliverer *d = w->d;
  struct errand *e = errand_new(w, t);
  const struct webhook *h = webhook_of(w);
  if (h && t->body) {
    webhook_request(&e->fetch, h, t->id, t->body, t->body_n, now_of(d));
    e->fetch.done = webhook_done, e->fetch.owner = e;
    fetch_start(d->fetcher, &e->fetch);
  } else if (w->kind == TO_CHANNEL) {
    e->on_channel = true;
    if (!channel_effect_start(d->api, &e->call))
      nobody(e, "no_connector", "No connector of that channel can do this");
  } else if (w->kind == TO_PARTY) {
    e->at_party = true;
    if (!party_effect_start(d->api, &e->call))
      nobody(e, "no_destination", "The configuration knows no such party, or its file has no such request");
  } else {
    nobody(e, "no_destination", "The configuration knows no such destination");
  }
}

/* ---- taking --------------------------------------------------------------------------------------------------------------- */
static void taken(struct cmd *c)
{
  struct worker *w = c->owner;
  struct deliverer *d = w->d;
  const struct effects_take *take = c->args;
  bool wanted = w->wanted;
  d->busy--, w->taking = w->wanted = false;
  if (c->job.err) log_line(LOG_WARN, "%s: effects could not be taken: %s", w->name, err_title(c->job.err));
  else d->held = take->held;
  /* What was given out is durable: from here on it is made or found as unknown. */
  if (take->n) KILL_POINT("effect.intent_durable");
  for (size_t i = 0; !c->job.err && !d->given_up && i < take->n; i++) errand_start(w, &take->list[i]);
  api_cmd_free(d->api, c);
  if (wanted) worker_wake(w);
}

static void worker_wake(struct worker *w)
{
  struct deliverer *d = w->d;
  size_t n = room(w);
  if (d->stopping || d->held || !n || left_alone(w, now_of(d))) return;
  if (w->taking) {
    w->wanted = true;
    return;
  }
  struct cmd *c = api_own_cmd(d->api, CMD_EFFECTS_TAKE);
  struct effects_take *take = arena_new(&c->mem, struct effects_take);
  take->destination = arena_str(&c->mem, w->name), take->max = n;
  take->ask_again_at = now_of(d) + DELIVER_ASK_MS;
  c->args = take;
  w->taking = true, d->busy++;
  if (api_push(d->api, c, taken, w)) return;
  w->taking = false, d->busy--;
  api_cmd_free(d->api, c);
}

/* ---- looking ---------------------------------------------------------------------------------------------------------------- */
struct outlook {
  struct effect_destination *list;
  size_t n;
  int64_t dead, waiting, moved;
  bool held;
};

static enum err look_run(struct read *rd, struct db *db)
{
  struct outlook *o = rd->args;
  char *held = NULL;
  enum err e = meta_get(db, &rd->mem, META_OUTBOX_HELD, &held);
  if (e && e != ERR_NOT_FOUND) return e;
  o->held = held && !strcmp(held, "1");
  o->dead = effect_count(db, "dead"), o->waiting = effect_count(db, "waiting");
  o->moved = view_stock_last_move(db);
  return effect_destinations(db, &rd->mem, &o->list, &o->n);
}

static void look_start(struct deliverer *d);
static void stock_tell(struct deliverer *d);

static void look_done(struct read *rd)
{
  struct deliverer *d = rd->api->deliverer;
  struct outlook *o = rd->args;
  bool look_again = d->look_again;
  d->looking = d->look_again = false, d->busy--;
  if (!rd->err) {
    int64_t now = now_of(d);
    d->held = o->held, d->dead = o->dead, d->waiting = o->waiting, d->moved = o->moved;
    for (size_t i = 0; i < o->n; i++)
      if (o->list[i].due_at <= now) worker_wake(worker_of(d, o->list[i].name));
    stock_tell(d);
  }
  read_free(rd);
  if (look_again) look_start(d);
}

static void look_start(struct deliverer *d)
{
  if (!d->started || d->stopping) return;
  if (d->looking) {
    d->look_again = true;
    return;
  }
  struct read *rd = read_new(d->api, NULL);
  rd->args = arena_new(&rd->mem, struct outlook);
  rd->run = look_run, rd->done = look_done;
  d->looking = true, d->busy++;
  read_start_always(rd);
}

/* ---- stock: the ledger says what moved ---------------------------------------------------------------------------------------- */
static void stock_told(struct cmd *c)
{
  struct deliverer *d = c->owner;
  d->busy--, d->telling = false;
  if (c->job.err) log_line(LOG_WARN, "%s: %s", cmd_kind(c->id)->name, err_title(c->job.err));
  else d->told = c->numbers[0];
  bool left = c->left;
  api_cmd_free(d->api, c);
  if (left) stock_tell(d);
}

static bool any_stocks(const struct rules *r)
{
  for (size_t i = 0; i < r->families; i++)
    if (r->family[i].stocks) return true;
  return false;
}

static void stock_tell(struct deliverer *d)
{
  if (d->telling || d->stopping || d->held || d->moved <= d->told || !any_stocks(&d->api->rules->rules))
    return;
  struct cmd *c = api_own_cmd(d->api, CMD_STOCK_TELL);
  d->telling = true, d->busy++;
  if (api_push_low(d->api, c, stock_told, d)) return;
  d->telling = false, d->busy--;
  api_cmd_free(d->api, c);
}

/* ---- start and stop -------------------------------------------------------------------------------------------------------------- */
static void give_up(struct deliverer *d)
{
  d->given_up = true;
  for (struct errand *e = d->errands, *next; e; e = next) {
    next = e->next;
    if (e->on_channel) channel_effect_stop(d->api, &e->call);
    else if (e->at_party) party_effect_stop(d->api, &e->call);
    else fetch_stop(d->fetcher, &e->fetch);
    e->w->under_way--;
    errand_free(e);
  }
}

static void on_timer(uv_timer_t *t)
{
  struct deliverer *d = t->data;
  if (!d->stopping) look_start(d);
  else if (mono_ms() - d->stop_ms >= DELIVER_STOP_MS) give_up(d);
}

static void recovered(struct cmd *c)
{
  struct deliverer *d = c->owner;
  d->busy--;
  if (c->job.err)
    log_line(LOG_ERROR, "%s: %s; nothing is sent", cmd_kind(c->id)->name, err_title(c->job.err));
  else if (c->numbers[0])
    log_line(LOG_WARN, "%lld effects were under way when orderd ended", (long long)c->numbers[0]);
  d->started = !c->job.err;
  api_cmd_free(d->api, c);
  look_start(d);
}

struct deliverer *deliverer_open(struct api *api)
{
  struct deliverer *d = mem_new(sizeof *d);
  d->api = api, d->told = -1;
  d->fetcher = fetcher_open(api->loop);
  fetcher_at_once(
    d->fetcher, 0); /* each worker has its own limit, so that no destination uses up another's connections */
  uv_timer_init(api->loop, &d->timer);
  d->timer.data = d;
  return d;
}

void deliverer_start(struct deliverer *d)
{
  struct cmd *c = api_own_cmd(d->api, CMD_EFFECTS_RECOVER);
  d->busy++;
  uv_timer_start(&d->timer, on_timer, DELIVER_LOOK_MS, DELIVER_LOOK_MS);
  if (api_push(d->api, c, recovered, d)) return;
  d->busy--;
  api_cmd_free(d->api, c);
  log_line(LOG_ERROR, "the outbox could not be looked at; nothing is sent");
}

void deliverer_kick(struct deliverer *d)
{
  look_start(d);
}

void deliverer_hurry(struct deliverer *d)
{
  for (struct worker *w = d->first; w; w = w->next) w->open_until = w->not_before = 0;
  look_start(d);
}

void deliverer_stop(struct deliverer *d)
{
  d->stopping = true, d->stop_ms = mono_ms();
}

bool deliverer_idle(const struct deliverer *d)
{
  return !d->busy && !d->errands;
}

static void timer_closed(uv_handle_t *h)
{
  mem_free(h->data);
}

void deliverer_close(struct deliverer *d)
{
  d->stopping = true;
  give_up(d);
  for (struct worker *w = d->first, *next; w; w = next) {
    next = w->next;
    mem_free(w->name), mem_free(w);
  }
  d->first = NULL;
  fetcher_close(d->fetcher);
  uv_close((uv_handle_t *)&d->timer, timer_closed);
}

/* ---- for people ---------------------------------------------------------------------------------------------------------------------- */
bool deliverer_held(const struct deliverer *d)
{
  return d->held;
}

int64_t deliverer_dead(const struct deliverer *d)
{
  return d->dead;
}

int64_t deliverer_waiting(const struct deliverer *d)
{
  return d->waiting;
}

static void head(struct buf *out, const char *name, const char *type, const char *help)
{
  buf_printf(out, "# HELP orderd_outbox_%s %s\n# TYPE orderd_outbox_%s %s\n", name, help, name, type);
}

void deliver_metrics_put(const struct deliverer *d, struct buf *out)
{
  int64_t now = now_of(d);
  head(out, "held", "gauge", "1 while a restored database's effects wait for a person.");
  buf_printf(out, "orderd_outbox_held %d\n", d->held);
  if (!d->first) return;
  head(out, "calls_total", "counter", "Calls that ended, since start.");
  for (const struct worker *w = d->first; w; w = w->next)
    for (int i = 0; i < (int)COUNT(w->outcomes); i++)
      buf_printf(out, "orderd_outbox_calls_total{destination=\"%s\",outcome=\"%s\"} %lld\n", w->name,
                 outcome_name((enum outcome_kind)i), (long long)w->outcomes[i]);
  head(out, "under_way", "gauge", "Calls under way.");
  for (const struct worker *w = d->first; w; w = w->next)
    buf_printf(out, "orderd_outbox_under_way{destination=\"%s\"} %zu\n", w->name, w->under_way);
  head(out, "breaker_open", "gauge", "1: the destination is left alone for a while.");
  for (const struct worker *w = d->first; w; w = w->next)
    buf_printf(out, "orderd_outbox_breaker_open{destination=\"%s\"} %d\n", w->name, left_alone(w, now));
}
