/* party_push.c: callbacks of factories and carriers (contract 3, hooks). The signature is checked on the raw bytes; what
 * was told is durable before it is answered. */
#include "edge.h"
#include <uv.h>

struct party_push {
  struct party_job job; /* first */
  struct party_push *next;
  struct party *p;
  struct call *call;
  struct arena mem;
  struct connector_answer raw;
  struct connector_vars vars;
  const char *url, *events, *why, *unread; /* unread: why what is genuine cannot be read */
  struct connector_push said;
  bool ok;
  uv_work_t work;
};

static struct party_push *push_of(struct party_job *j)
{
  return (struct party_push *)(void *)j;
}

static void push_run(struct party_job *j)
{
  struct party_push *u = push_of(j);
  struct connector_box *b = u->p->box;
  connector_values(b, party_secret, party_setting, u->p);
  u->ok = connector_push(b, &u->mem, u->url, &u->raw, &u->vars, &u->said, &u->why);
  if (!u->ok || u->said.ping || !u->said.genuine || !u->said.recent) return;
  if (!connector_events(b, &u->mem, u->url, &u->raw, &u->vars, &u->events, &u->unread)) u->events = NULL;
}

static void push_over(struct party_push *u)
{
  struct party *p = u->p;
  struct party_push **at = &p->pushes;
  while (*at != u) at = &(*at)->next;
  *at = u->next, p->pushes_n--;
  arena_release(&u->mem);
  mem_free(u);
  party_let_go(p);
}

static void push_answer(struct party_push *u)
{
  const char *body = u->said.reply ? u->said.reply : "",
             *type = u->said.reply_type ? u->said.reply_type : "text/plain";
  u->p->all->api->answers[2]++;
  http_reply(u->call->r, 200, type, "Cache-Control: no-store\r\n", body, strlen(body));
}

static void push_stored(struct cmd *c)
{
  struct party_push *u = c->owner;
  struct party *p = u->p;
  struct api *api = p->all->api;
  bool effects = c->effects;
  if (c->job.err)
    call_refuse(u->call, c->job.err, NULL, NULL, "The callback could not be stored; send it again.");
  else push_answer(u);
  if (!c->job.err) p->callbacks += c->numbers[0], p->callbacks_known += !c->numbers[0];
  if (!c->job.err && c->numbers[2])
    log_line(LOG_WARN, "%s: the callback q_%lld could not be applied; it is kept", p->destination,
             (long long)c->numbers[1]);
  api_cmd_free(api, c);
  push_over(u);
  if (effects) deliverer_kick(api->deliverer);
}

static const char *unread_json(struct arena *a, const char *why)
{
  struct buf b = { 0 };
  struct jw w;
  jw_init(&w, &b), jw_object(&w), jw_kstring(&w, "kind", "not_read"), jw_kstring(&w, "message", why),
    jw_object_end(&w);
  const char *text = arena_strn(a, b.data, b.len);
  buf_release(&b);
  return text;
}

static void push_store(struct party_push *u)
{
  struct api *api = u->p->all->api;
  struct cmd *c = api_own_cmd(api, CMD_CALLBACK_TAKE);
  struct callback_args *a = arena_new(&c->mem, struct callback_args);
  unsigned char digest[SHA256_LEN];
  if (u->said.id) sha256(u->said.id, strlen(u->said.id), digest);
  else sha256(u->raw.body, u->raw.body_n, digest);
  memcpy(a->digest, digest, sizeof a->digest);
  a->destination = arena_str(&c->mem, u->p->destination);
  a->body = arena_strn(&c->mem, u->raw.body, u->raw.body_n), a->body_n = u->raw.body_n;
  a->events = arena_str(&c->mem, u->events);
  if (!u->events) a->error = unread_json(&c->mem, u->unread ? u->unread : "it cannot be read");
  c->args = a, c->actor.name = arena_str(&c->mem, u->p->destination);
  if (api_push(api, c, push_stored, u)) return;
  api_cmd_free(api, c);
  call_refuse(u->call, ERR_BUSY, "queue_full", NULL, "Too many writes wait already; send it again.");
  push_over(u);
}

static void push_after(struct party_job *j)
{
  struct party_push *u = push_of(j);
  struct party *p = u->p;
  if (u->ok && u->said.genuine && u->said.recent) {
    push_store(u);
    return;
  }
  if (u->ok && u->said.ping) {
    push_answer(u);
    push_over(u);
    return;
  }
  p->callbacks_refused++;
  if (!u->ok) {
    log_line(LOG_WARN, "%s: a callback could not be checked: %s", p->destination, u->why ? u->why : "");
    call_refuse(u->call, ERR_UNAUTHORIZED, "push_refused", NULL, "The callback could not be checked.");
  } else if (!u->said.genuine)
    call_refuse(u->call, ERR_UNAUTHORIZED, "push_refused", NULL, "The signature is wrong.");
  else if (u->said.timeless)
    call_refuse(u->call, ERR_BAD_REQUEST, "push_unreadable", NULL, "The callback cannot be read: %s.",
                u->said.why_timeless);
  else
    call_refuse(u->call, ERR_UNAUTHORIZED, "push_too_old", NULL,
                "The callback is more than five minutes old, or from the future.");
  push_over(u);
}

/* The address as it was told them, when the configuration says so; else as it came. What stands behind the ? is as it came:
 * some sign it, some have a secret there. */
static const char *push_url(struct call *k, const struct party *p)
{
  struct http_request *r = k->r;
  struct buf b = { 0 };
  if (p->set.push_url) buf_str(&b, p->set.push_url);
  else buf_printf(&b, "%s://%s%s", r->secure ? "https" : "http", r->host, r->path);
  for (size_t i = 0; i < r->query_n; i++) {
    buf_char(&b, i || strchr(b.data, '?') ? '&' : '?');
    sandbox_urlencode(&b, r->query[i].name, strlen(r->query[i].name)), buf_char(&b, '=');
    sandbox_urlencode(&b, r->query[i].value, strlen(r->query[i].value));
  }
  const char *url = arena_strn(&r->mem, b.data, b.len);
  buf_release(&b);
  return url;
}

static void hook(struct call *k, const char *kind)
{
  struct parties *all = k->api->parties;
  struct party *p = party_find(all, arena_printf(&k->r->mem, "%s:%s", kind, k->id));
  if (!p || !p->box || !p->connector->has_push || !p->connector->has_events) {
    call_refuse(k, ERR_NOT_FOUND, "no_push", NULL, "No %s of that name takes callbacks.", kind);
    return;
  }
  if (p->pushes_n >= PUSHES_WAITING || k->api->closing || all->stopping) {
    call_refuse(k, ERR_BUSY, "too_many_pushes", NULL, "Too many callbacks wait already; send it again.");
    return;
  }
  struct party_push *u = mem_new(sizeof *u);
  u->p = p, u->call = k, u->url = push_url(k, p), u->vars.now_ms = party_now(p);
  u->raw = (struct connector_answer){ 200,          k->r->field, k->r->field_n, k->r->body ? k->r->body : "",
                                      k->r->body_n, false };
  u->next = p->pushes, p->pushes = u, p->pushes_n++;
  party_hold(p);
  u->job = (struct party_job){ NULL, p, &u->work, push_run, push_after };
  party_job_start(&u->job);
}

void hooks_mes_post(struct call *k)
{
  hook(k, "factory");
}

void hooks_carrier_post(struct call *k)
{
  hook(k, "carrier");
}
