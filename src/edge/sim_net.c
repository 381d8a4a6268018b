/* sim_net.c: the ports of the simulator on a loop, and answers that come broken or never. */
#include "edge.h"
#include <stdio.h>
#include <uv.h>

#define TICK 50
#define NEVER_MS 60000 /* so long a request is left waiting before its connection ends */

/* A request that is held: to be forgotten, or answered by half of an answer. */
struct held {
  struct held *next;
  struct http_request *r;
  int64_t until_ms;
  int status;
  const char *type, *headers, *body; /* NULL: no answer at all */
  size_t body_n;
};
struct sim_net {
  struct sim *sim;
  struct uv_loop_s *loop;
  struct http_server *control;
  struct held *held;
  uv_timer_t timer;
  size_t open; /* servers and the timer */
  void (*stopped)(void *arg);
  void *arg;
};

static struct http_plan plan(void *arg, struct http_request *r)
{
  (void)arg, (void)r;
  return (struct http_plan){ .body_max = HTTP_BODY_MAX };
}

/* ---- answers ------------------------------------------------------------------------------------------ */
static struct held *hold(struct sim_net *net, struct http_request *r, int64_t ms)
{
  struct held *h = arena_new(&r->mem, struct held);
  h->r = r, h->until_ms = (int64_t)uv_now(net->loop) + ms;
  h->next = net->held, net->held = h;
  return h;
}

static void call_release(struct sim_call *c)
{
  buf_release(&c->body), buf_release(&c->headers);
}

static void shop_handle(void *arg, struct http_request *r)
{
  struct sim_shop *s = arg;
  struct sim_net *net = s->sim->net;
  struct sim_call c;
  bool answered = sim_ask(s, r, &c);
  if (!answered) {
    hold(net, r, NEVER_MS);
  } else if (c.cut) { /* outside of this call what was written goes out before the connection breaks */
    struct held *h = hold(net, r, 0);
    h->status = c.status, h->type = c.type;
    h->headers = c.headers.len ? arena_strn(&r->mem, c.headers.data, c.headers.len) : NULL;
    h->body = arena_strn(&r->mem, c.body.data, c.body.len), h->body_n = c.body.len;
  } else {
    http_reply(r, c.status, c.type, c.headers.len ? c.headers.data : NULL, c.body.data, c.body.len);
  }
  call_release(&c);
}

static void held_end(struct held *h)
{
  if (h->body) {
    http_stream_begin(h->r, h->status, h->type, h->headers);
    http_stream_write(h->r, h->body, h->body_n, NULL);
  }
  http_drop(h->r);
}

static void held_due(struct sim_net *net, int64_t now_ms)
{
  for (struct held **at = &net->held; *at;) {
    struct held *h = *at;
    if (h->until_ms > now_ms) {
      at = &h->next;
      continue;
    }
    *at = h->next;
    held_end(h);
  }
}

static void held_forget(struct sim_net *net, struct http_request *r)
{
  struct held **at = &net->held;
  while (*at && (*at)->r != r) at = &(*at)->next;
  if (*at) *at = (*at)->next;
  http_drop(r);
}

static void shop_gone(void *arg, struct http_request *r)
{
  held_forget(((struct sim_shop *)arg)->sim->net, r);
}

static void factory_handle(void *arg, struct http_request *r)
{
  struct sim_factory *f = arg;
  struct sim_reply out;
  sim_factory_answer(f, r, &out);
  if (out.lost) hold(f->sim->net, r, NEVER_MS);
  else http_reply(r, out.status, "application/json", NULL, out.body.data, out.body.len);
  buf_release(&out.body);
}

static void carrier_handle(void *arg, struct http_request *r)
{
  struct sim_carrier *k = arg;
  struct sim_reply out;
  sim_carrier_answer(k, r, &out);
  if (out.lost) hold(k->sim->net, r, NEVER_MS);
  else http_reply(r, out.status, "application/json", NULL, out.body.data, out.body.len);
  buf_release(&out.body);
}

static void carrier_gone(void *arg, struct http_request *r)
{
  held_forget(((struct sim_carrier *)arg)->sim->net, r);
}

static void factory_gone(void *arg, struct http_request *r)
{
  held_forget(((struct sim_factory *)arg)->sim->net, r);
}

static void control_handle(void *arg, struct http_request *r)
{
  sim_control_answer(arg, r);
}

/* ---- listening ------------------------------------------------------------------------------------------ */
static struct http_server *listen_at(struct sim_net *net, const struct http_handlers *h, const char *where,
                                     struct arena *a, const char **why)
{
  struct http_options o = { .clock = &net->sim->clock };
  struct http_server *server = http_open(net->loop, &o, h);
  net->open++;
  http_listen(server, a, where, why);
  return server;
}

/* "127.0.0.1:7800", 2 → "127.0.0.1:7802"; port 0 stays 0. NULL: not an address. */
static char *address_after(struct arena *a, const char *listen, int k)
{
  const char *colon = strrchr(listen, ':');
  int port = 0;
  if (!colon || !colon[1] || strlen(colon + 1) > 5 || colon[1 + strspn(colon + 1, "0123456789")]) return NULL;
  for (const char *p = colon + 1; *p; p++) port = port * 10 + (*p - '0');
  return arena_printf(a, "%.*s:%d", (int)(colon - listen), listen, port ? port + k : 0);
}

static void base_put(char *out, size_t n, const char *where, const struct http_server *server)
{
  int len = snprintf(out, n, "http://%.*s:%d", (int)(strrchr(where, ':') - where), where,
                     http_port((struct http_server *)server));
  must(len > 0 && (size_t)len < n);
}

static bool listen_all(struct sim_net *net, struct arena *a, const char **why)
{
  struct sim *s = net->sim;
  const char *where = address_after(a, s->o.listen, 0);
  if (!where) {
    *why = arena_printf(a, "%s: not ADDRESS:PORT", s->o.listen);
    return false;
  }
  struct http_handlers control = { .plan = plan, .handle = control_handle, .arg = s };
  net->control = listen_at(net, &control, where, a, why);
  if (*why) return false;
  base_put(s->control, sizeof s->control, where, net->control);
  for (size_t i = 0; i < s->shops; i++) {
    struct http_handlers h = { .plan = plan, .handle = shop_handle, .gone = shop_gone, .arg = &s->shop[i] };
    where = address_after(a, s->o.listen, (int)i + 1);
    s->shop[i].own->http = listen_at(net, &h, where, a, why);
    if (*why) return false;
    base_put(s->shop[i].base, sizeof s->shop[i].base, where, s->shop[i].own->http);
  }
  for (size_t i = 0; i < s->factories; i++) {
    struct sim_factory *f = &s->factory[i];
    struct http_handlers h = { .plan = plan, .handle = factory_handle, .gone = factory_gone, .arg = f };
    where = address_after(a, s->o.listen, (int)(s->shops + i) + 1);
    f->http = listen_at(net, &h, where, a, why);
    if (*why) return false;
    base_put(f->base, sizeof f->base, where, f->http);
  }
  for (size_t i = 0; i < s->carriers; i++) {
    struct sim_carrier *k = &s->carrier[i];
    struct http_handlers h = { .plan = plan, .handle = carrier_handle, .gone = carrier_gone, .arg = k };
    where = address_after(a, s->o.listen, (int)(s->shops + s->factories + i) + 1);
    k->http = listen_at(net, &h, where, a, why);
    if (*why) return false;
    base_put(k->base, sizeof k->base, where, k->http);
  }
  return true;
}

static void on_tick(uv_timer_t *timer)
{
  struct sim_net *net = timer->data;
  int64_t now_ms = sim_now(net->sim);
  if (now_ms > net->sim->ran_ms) sim_world_run(net->sim, now_ms);
  held_due(net, (int64_t)uv_now(net->loop));
  if (net->sim->push) sim_push_tick(net->sim->push);
}

struct sim *sim_start(struct uv_loop_s *loop, const struct sim_options *o, struct arena *a, const char **why)
{
  *why = NULL;
  struct sim *s = sim_new(o, a, why);
  if (!s) return NULL;
  struct sim_net *net = s->net = mem_new(sizeof *net);
  net->sim = s, net->loop = loop;
  uv_timer_init(loop, &net->timer);
  net->timer.data = net, net->open = 1;
  if (!listen_all(net, a, why)) {
    sim_stop(s, NULL, NULL);
    return NULL;
  }
  if (o->push || o->traces) s->push = sim_push_open(s, loop);
  uv_timer_start(&net->timer, on_tick, TICK, TICK);
  return s;
}

/* ---- the end --------------------------------------------------------------------------------------------- */
static void one_closed(struct sim_net *net)
{
  if (--net->open) return;
  void (*stopped)(void *) = net->stopped;
  void *arg = net->arg;
  sim_free(net->sim);
  mem_free(net);
  if (stopped) stopped(arg);
}

static void on_http_closed(void *arg)
{
  one_closed(arg);
}

static void on_timer_closed(uv_handle_t *h)
{
  one_closed(h->data);
}

void sim_stop(struct sim *s, void (*stopped)(void *arg), void *arg)
{
  struct sim_net *net = s->net;
  must(!s->stopping);
  s->stopping = true;
  net->stopped = stopped, net->arg = arg;
  while (net->held) {
    struct held *h = net->held;
    net->held = h->next;
    http_drop(h->r);
  }
  if (s->push) sim_push_close(s->push), s->push = NULL;
  if (net->control) http_close(net->control, on_http_closed, net);
  for (size_t i = 0; i < s->shops; i++)
    if (s->shop[i].own->http) http_close(s->shop[i].own->http, on_http_closed, net);
  for (size_t i = 0; i < s->factories; i++)
    if (s->factory[i].http) http_close(s->factory[i].http, on_http_closed, net);
  for (size_t i = 0; i < s->carriers; i++)
    if (s->carrier[i].http) http_close(s->carrier[i].http, on_http_closed, net);
  uv_close((uv_handle_t *)&net->timer, on_timer_closed);
}
