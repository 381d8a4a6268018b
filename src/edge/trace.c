/* trace.c: asks carriers where parcels are. Which, and when again, the rows say (flow/trace.c); here is only who calls.
 *
 *   look ─► traces.take (writer) ─► party_ask, some at a time ─► trace.told (writer) */
#include "edge.h"
#include <uv.h>

struct asked { /* one question */
  struct asked *next;
  struct tracer *t;
  struct arena mem;
  struct trace_ask ask;
};
struct tracer {
  struct api *api;
  uv_timer_t timer;
  struct asked *waiting;
  int under_way, writes;
  bool taking, stopped;
};

static void asks_next(struct tracer *t);

static void asked_free(struct asked *a)
{
  arena_release(&a->mem);
  mem_free(a);
}

static void told_done(struct cmd *c)
{
  struct tracer *t = c->owner;
  struct api *api = t->api;
  bool effects = c->effects && !c->job.err;
  if (c->job.err) log_line(LOG_WARN, "what a carrier told could not be noted: %s", err_title(c->job.err));
  t->writes--;
  api_cmd_free(api, c);
  if (effects) deliverer_kick(api->deliverer);
}

static void told_store(struct asked *a, const char *events)
{
  struct cmd *c = api_own_cmd(a->t->api, CMD_TRACE_TOLD);
  struct trace_told *told = arena_new(&c->mem, struct trace_told);
  *told =
    (struct trace_told){ a->ask.claim_id, arena_str(&c->mem, a->ask.request), arena_str(&c->mem, events) };
  c->args = told, c->actor.name = arena_str(&c->mem, a->ask.destination);
  if (api_push_low(a->t->api, c, told_done, a->t)) a->t->writes++;
  else api_cmd_free(a->t->api, c); /* it is asked again */
}

static void said(void *arg, const struct party_said *s)
{
  struct asked *a = arg;
  struct tracer *t = a->t;
  t->under_way--;
  bool good = s->kind == VERDICT_OK || s->kind == VERDICT_DONE;
  if (good && !t->stopped) told_store(a, s->result);
  else if (s->kind != VERDICT_NOT_FOUND && !t->stopped)
    log_line(LOG_WARN, "%s did not say where a parcel is: %s %s", a->ask.destination, s->code, s->why);
  asked_free(a);
  asks_next(t);
}

static void asks_next(struct tracer *t)
{
  while (t->waiting && t->under_way < TRACES_AT_ONCE && !t->stopped) {
    struct asked *a = t->waiting;
    t->waiting = a->next;
    if (party_ask(t->api, a->ask.destination, a->ask.request, a->ask.what, said, a)) t->under_way++;
    else asked_free(a);
  }
}

static void ask_add(struct tracer *t, const struct trace_ask *ask)
{
  struct asked *a = mem_new(sizeof *a), **at = &t->waiting;
  a->t = t;
  a->ask = (struct trace_ask){ ask->claim_id, arena_str(&a->mem, ask->destination),
                               arena_str(&a->mem, ask->request), arena_str(&a->mem, ask->what) };
  while (*at) at = &(*at)->next;
  *at = a;
}

static void taken(struct cmd *c)
{
  struct tracer *t = c->owner;
  const struct trace_polls *p = c->args;
  struct api *api = t->api;
  bool effects = c->effects && !c->job.err;
  t->taking = false;
  for (size_t i = 0; !c->job.err && !t->stopped && i < p->n; i++) ask_add(t, &p->ask[i]);
  api_cmd_free(api, c);
  if (effects) deliverer_kick(api->deliverer);
  asks_next(t);
}

/* Whom each of them is asked about beside its own. */
static bool followers_find(struct tracer *t, struct cmd *c, struct trace_polls *p)
{
  const struct rules *r = c->rules;
  struct follower *list = arena_array(&c->mem, struct follower, r->parties + 1);
  bool any = false;
  for (size_t i = 0; i < r->parties; i++) {
    if (strcmp(r->party[i].kind, "carrier") != 0) continue;
    any = true;
    struct party *one = party_find(t->api->parties, r->party[i].destination);
    if (!one || !one->connector || !r->party[i].traces) continue;
    const char *codes = party_setting(one, "follows"), *callback = party_setting(one, "callback");
    bool follow = connector_request(one->connector, "follow") && callback && *callback;
    if (codes || follow)
      list[p->followers++] =
        (struct follower){ r->party[i].name, arena_str(&c->mem, codes ? codes : ""), follow };
  }
  p->follower = list;
  return any;
}

static void look(uv_timer_t *timer)
{
  struct tracer *t = timer->data;
  if (t->stopped || t->taking || t->waiting) return;
  struct cmd *c = api_own_cmd(t->api, CMD_TRACES_TAKE);
  struct trace_polls *p = arena_new(&c->mem, struct trace_polls);
  p->max = TRACES_TAKE_MAX, c->args = p;
  bool any = followers_find(t, c, p);
  if (any && api_push_low(t->api, c, taken, t)) t->taking = true;
  else api_cmd_free(t->api, c);
}

struct tracer *tracer_open(struct api *api)
{
  struct tracer *t = mem_new(sizeof *t);
  t->api = api;
  uv_timer_init(api->loop, &t->timer);
  t->timer.data = t;
  return t;
}

void tracer_start(struct tracer *t)
{
  uv_timer_start(&t->timer, look, TRACES_LOOK_MS, TRACES_LOOK_MS);
}

void tracer_stop(struct tracer *t)
{
  t->stopped = true;
  uv_timer_stop(&t->timer);
  for (struct asked *a = t->waiting, *next; a; a = next) next = a->next, asked_free(a);
  t->waiting = NULL;
}

bool tracer_idle(const struct tracer *t)
{
  return !t->taking && !t->under_way && !t->writes;
}

static void closed(uv_handle_t *h)
{
  mem_free(h->data);
}

void tracer_close(struct tracer *t)
{
  uv_close((uv_handle_t *)&t->timer, closed);
}
