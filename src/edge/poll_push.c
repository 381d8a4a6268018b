/* poll_push.c: what platforms push (domain 2.5, contract 3 hooks). A push means "go and look": its signature is checked on
 * the raw bytes, it is kept once, and the orders that it names are fetched. */
#include "edge.h"
#include <uv.h>

struct push {
  struct push *next;
  struct pollee *p;
  struct call *call;
  struct arena mem;
  struct connector_answer raw;
  struct connector_vars vars;
  const char *url;
  struct poll_secret_value secret[2 * CONNECTOR_SECRETS_MAX]; /* as they were when it came */
  size_t secrets;
  struct connector_push said;
  struct connector_id *id;
  size_t ids;
  const char *why;
  bool ok;
  uv_work_t work;
};

static void push_next(struct pollee *p);

/* ---- on the pool ------------------------------------------------------------------------------------------------ */
static const char *push_secret(void *arg, const char *name)
{
  const struct push *u = arg;
  for (size_t i = 0; i < u->secrets; i++)
    if (!strcmp(u->secret[i].name, name)) return u->secret[i].value;
  return NULL;
}

static const char *push_setting(void *arg, const char *name)
{
  return poll_setting(((struct push *)arg)->p, name);
}

static void push_run(uv_work_t *work)
{
  struct push *u = work->data;
  struct pollee *p = u->p;
  if (!p->push_box) p->push_box = connector_open(p->connector, &p->mem, &u->why);
  if (!p->push_box) return;
  connector_values(p->push_box, push_secret, push_setting, u);
  u->ok = connector_push(p->push_box, &u->mem, u->url, &u->raw, &u->vars, &u->said, &u->why);
  if (!u->ok || u->said.ping || !u->said.genuine || !u->said.recent) return;
  const char *why = NULL; /* what cannot be read still says that something happened */
  if (!connector_ids(p->push_box, &u->mem, "ids push", &u->raw, &u->vars, &u->id, &u->ids, &why)) u->ids = 0;
}

/* ---- on the loop -------------------------------------------------------------------------------------------------- */
static void push_free(struct push *u)
{
  arena_release(&u->mem);
  mem_free(u);
}

static bool ask_known(const struct pollee *p, const char *id)
{
  for (size_t i = 0; i < p->asks; i++)
    if (!strcmp(p->ask[i].id, id)) return true;
  return false;
}

static void push_ask(struct push *u)
{
  struct pollee *p = u->p;
  bool alone = p->connector->has_one || p->connector->has_detail;
  if (!alone || !u->ids) p->ask_poll = true;
  for (size_t i = 0; alone && i < u->ids; i++) {
    size_t n = strlen(u->id[i].id);
    if (p->asks == POLL_ASKS_MAX || n >= sizeof p->ask->id) p->ask_poll = true; /* a poll brings them all */
    else if (!ask_known(p, u->id[i].id)) memcpy(p->ask[p->asks++].id, u->id[i].id, n + 1);
  }
  pollee_wake(p);
}

static void push_answer(struct push *u)
{
  const char *body = u->said.reply ? u->said.reply : "",
             *type = u->said.reply_type ? u->said.reply_type : "text/plain";
  u->p->poller->api->answers[2]++;
  http_reply(u->call->r, 200, type, "Cache-Control: no-store\r\n", body, strlen(body));
}

static void push_over(struct push *u)
{
  struct pollee *p = u->p;
  p->pushing = false;
  push_free(u);
  push_next(p);
}

static void push_stored(struct cmd *c)
{
  struct push *u = c->owner;
  struct pollee *p = u->p;
  p->poller->busy--;
  if (c->job.err)
    call_refuse(u->call, c->job.err, NULL, NULL, "The push could not be stored; send it again.");
  else {
    push_answer(u);
    if (c->numbers[0]) p->pushes_new++, push_ask(u);
    else p->pushes_known++;
  }
  api_cmd_free(p->poller->api, c);
  push_over(u);
}

static void push_store(struct push *u)
{
  struct api *api = u->p->poller->api;
  struct cmd *c = api_own_cmd(api, CMD_PUSH_TAKE);
  struct push_args *a = arena_new(&c->mem, struct push_args);
  unsigned char digest[SHA256_LEN];
  if (u->said.id) sha256(u->said.id, strlen(u->said.id), digest);
  else sha256(u->raw.body, u->raw.body_n, digest);
  memcpy(a->digest, digest, sizeof a->digest);
  a->channel = arena_str(&c->mem, u->p->set.name);
  a->raw = arena_strn(&c->mem, u->raw.body, u->raw.body_n), a->raw_n = u->raw.body_n;
  c->args = a, c->actor.name = arena_printf(&c->mem, "channel:%s", u->p->set.name);
  u->p->poller->busy++;
  if (api_push(api, c, push_stored, u)) return;
  u->p->poller->busy--;
  api_cmd_free(api, c);
  call_refuse(u->call, ERR_BUSY, "queue_full", NULL, "Too many writes wait already; send it again.");
  push_over(u);
}

static void push_after(uv_work_t *work, int status)
{
  struct push *u = work->data;
  struct pollee *p = u->p;
  (void)status;
  p->poller->busy--;
  if (u->ok && u->said.genuine && u->said.recent) {
    push_store(u);
    return;
  }
  if (u->ok && u->said.ping) {
    push_answer(u);
    push_over(u);
    return;
  }
  p->pushes_refused++;
  if (!u->ok) {
    log_line(LOG_WARN, "channel %s: a push could not be checked: %s", p->set.name, u->why ? u->why : "");
    call_refuse(u->call, ERR_UNAUTHORIZED, "push_refused", NULL, "The push could not be checked.");
  } else if (!u->said.genuine)
    call_refuse(u->call, ERR_UNAUTHORIZED, "push_refused", NULL, "The signature is wrong.");
  else if (u->said.timeless)
    call_refuse(u->call, ERR_BAD_REQUEST, "push_unreadable", NULL, "The push cannot be read: %s.",
                u->said.why_timeless);
  else
    call_refuse(u->call, ERR_UNAUTHORIZED, "push_too_old", NULL,
                "The push is more than five minutes old, or from the future.");
  push_over(u);
}

static void secrets_copy(struct push *u)
{
  const struct pollee *p = u->p;
  for (size_t i = 0; i < p->secrets + p->set.givens; i++) {
    const struct poll_secret_value *v = i < p->secrets ? &p->secret[i] : &p->set.given[i - p->secrets];
    if (u->secrets == COUNT(u->secret)) return;
    u->secret[u->secrets++] =
      (struct poll_secret_value){ arena_str(&u->mem, v->name), arena_str(&u->mem, v->value), 0, 0 };
  }
}

static void push_next(struct pollee *p)
{
  struct push *u = p->push_first;
  if (p->pushing || !u || p->loading || p->broken)
    return; /* what is known of it, its secrets too, is read first */
  p->push_first = u->next;
  if (!u->next) p->push_last = &p->push_first;
  p->pushes--;
  p->pushing = true;
  u->vars.now_ms = poll_now(p);
  secrets_copy(u);
  u->work.data = u;
  p->poller->busy++;
  must(!uv_queue_work(p->poller->api->loop, &u->work, push_run, push_after));
}

/* The address as the platform was told it, when the configuration says so; else as it came. */
static const char *push_url(struct call *k, const struct pollee *p)
{
  if (p->set.push_url) return p->set.push_url;
  return arena_printf(&k->r->mem, "%s://%s%s", k->r->secure ? "https" : "http", k->r->host, k->r->path);
}

void pushes_wake(struct pollee *p)
{
  push_next(p);
}

void hooks_channel_post(struct call *k)
{
  struct pollee *p = poller_find(k->api->poller, k->id);
  if (!p || !p->connector || !p->box || !p->connector->has_push) {
    call_refuse(k, ERR_NOT_FOUND, "no_push", NULL, "No channel of that name takes pushes.");
    return;
  }
  if (p->pushes >= PUSHES_WAITING || k->api->closing) {
    call_refuse(k, ERR_BUSY, "too_many_pushes", NULL, "Too many pushes wait already; send it again.");
    return;
  }
  struct push *u = mem_new(sizeof *u);
  u->p = p, u->call = k, u->url = push_url(k, p);
  u->raw = (struct connector_answer){ 200,          k->r->field, k->r->field_n, k->r->body ? k->r->body : "",
                                      k->r->body_n, false };
  *p->push_last = u, p->push_last = &u->next;
  p->pushes++;
  push_next(p);
}

/* The process stops, or the channel goes: who waits is told to come again. */
void pushes_end(struct pollee *p)
{
  while (p->push_first) {
    struct push *u = p->push_first;
    p->push_first = u->next;
    call_refuse(u->call, ERR_BUSY, "stopping", NULL, "Send it again in a moment.");
    push_free(u);
  }
  p->push_last = &p->push_first, p->pushes = 0;
}
