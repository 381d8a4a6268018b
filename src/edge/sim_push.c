/* sim_push.c: pushes of the simulated platforms to orderd, signed as theirs are, what carriers tell of parcels, and what
 * factories tell of work orders; some are lost, some come twice or out of order, and one that is not taken is tried again. */
#include "edge.h"

#define AT_ONCE 16
#define WAITING_MAX 100000
#define TRIES 3
#define TRACE_TRIES 20
#define CALLBACK_TRIES 100 /* within the five minutes that its time is good for */
#define AGAIN_MS 2000
#define PUSH_TIMEOUT_MS 5000
#define FIELDS_MAX 8

struct push {
  struct push *next;
  struct fetch call; /* its mem holds all texts */
  struct sim_push_queue *queue;
  struct sim_shop *shop; /* NULL: a carrier's trace, or a factory's callback */
  int64_t *taken, *failed;
  int tries_max;
  struct http_field field[FIELDS_MAX];
  struct arena mem;
  int64_t due_ms; /* monotonic */
  int tries;
};
struct sim_push_queue {
  struct sim *sim;
  struct fetcher *fetcher;
  struct push *waiting, *running;
  size_t n, under_way;
  uint64_t drawn;
};

static void push_free(struct push *p)
{
  arena_release(&p->call.mem);
  arena_release(&p->mem);
  mem_free(p);
}

static void put(struct sim_push_queue *q, struct push *p, int64_t after_ms)
{
  p->due_ms = mono_ms() + after_ms;
  struct push **at = &q->waiting;
  while (*at && (*at)->due_ms <= p->due_ms) at = &(*at)->next;
  p->next = *at, *at = p;
  q->n++;
}

/* "name: value\r\n" lines into fields */
static size_t fields_read(struct arena *a, char *lines, struct http_field *f)
{
  size_t n = 0;
  while (lines && *lines) {
    char *end = strstr(lines, "\r\n"), *colon = strstr(lines, ": ");
    must(end && colon && colon < end && n < FIELDS_MAX);
    f[n].name = arena_strn(a, lines, (size_t)(colon - lines));
    f[n++].value = arena_strn(a, colon + 2, (size_t)(end - colon - 2));
    lines = end + 2;
  }
  return n;
}

static void done(struct fetch *f)
{
  struct push *p = f->owner, **at = &p->queue->running;
  struct sim_push_queue *q = p->queue;
  while (*at != p) at = &(*at)->next;
  *at = p->next;
  q->under_way--;
  bool taken = f->status >= 200 && f->status < 300;
  if (taken || ++p->tries >= p->tries_max) {
    ++*(taken ? p->taken : p->failed);
    push_free(p);
    return;
  }
  arena_release(&f->mem);
  f->status = 0, f->answer = NULL, f->field = NULL, f->fields = 0, f->why = NULL;
  put(q, p, AGAIN_MS);
}

/* Without an order: the platform's ping. */
static struct push *push_make(struct sim_push_queue *q, struct sim_shop *shop, const struct sim_order *o)
{
  struct push *p = mem_new(sizeof *p);
  struct sim_push out = { 0 };
  char *url = arena_printf(&p->mem, "%s/v1/hooks/channel/%s", q->sim->o.push, shop->name);
  if (o) shop->row->push(shop, o, url, &p->mem, &out);
  else shop->row->ping(shop, &out);
  p->queue = q, p->shop = shop;
  p->taken = &shop->own->pushes, p->failed = &shop->own->pushes_failed, p->tries_max = TRIES;
  p->call = (struct fetch){ .method = "POST",
                            .url = url,
                            .content_type = out.type,
                            .header = p->field,
                            .timeout_ms = PUSH_TIMEOUT_MS,
                            .answer_max = 64 << 10,
                            .done = done,
                            .owner = p };
  p->call.headers = fields_read(
    &p->mem, out.headers.len ? arena_strn(&p->mem, out.headers.data, out.headers.len) : NULL, p->field);
  p->call.body = arena_strn(&p->mem, out.body.data, out.body.len), p->call.body_n = out.body.len;
  buf_release(&out.body), buf_release(&out.headers);
  return p;
}

bool sim_push_now(struct sim *s, struct sim_shop *shop, struct sim_order *o)
{
  struct sim_push_queue *q = s->push;
  if (!q || !s->o.push || !shop->row->push) return false;
  uint64_t draw = sim_hash(s, "push", (uint64_t)(unsigned)shop->number, ++q->drawn);
  if (sim_hits(s, SIM_FAULT_LOST_PUSHES, draw) || q->n >= WAITING_MAX) {
    shop->own->fault[SIM_FAULT_LOST_PUSHES]++;
    return true;
  }
  bool late = sim_hits(s, SIM_FAULT_REORDER, draw);
  put(q, push_make(q, shop, o), late ? 500 + (int64_t)(draw >> 40) % 3000 : 0);
  if (sim_hits(s, SIM_FAULT_DUPLICATES, draw)) {
    shop->own->fault[SIM_FAULT_DUPLICATES]++;
    put(q, push_make(q, shop, o), (int64_t)(draw >> 40) % 2000);
  }
  return true;
}

static void changed(struct sim *s, struct sim_shop *shop, struct sim_order *o)
{
  sim_push_now(s, shop, o);
}

/* ---- what carriers tell ---------------------------------------------------------------------------- */
static struct push *trace_make(struct sim_push_queue *q, const struct sim_label *l, const char *status,
                               int64_t at_ms)
{
  struct push *p = mem_new(sizeof *p);
  struct buf b = { 0 };
  struct jw w;
  jw_init(&w, &b), jw_object(&w);
  if (*l->carrier) jw_kstring(&w, "carrier", l->carrier);
  jw_kstring(&w, "tracking_no", l->no), jw_kstring(&w, "status", status), jw_ktime(&w, "at", at_ms);
  jw_object_end(&w);
  p->queue = q;
  p->taken = &q->sim->traces, p->failed = &q->sim->traces_failed, p->tries_max = TRACE_TRIES;
  p->field[0] = (struct http_field){ "authorization", arena_printf(&p->mem, "Bearer %s", q->sim->o.token) };
  p->field[1] = (struct http_field){ "idempotency-key", arena_printf(&p->mem, "trace-%s-%s", l->no, status) };
  p->call = (struct fetch){ .method = "POST",
                            .url = arena_printf(&p->mem, "%s/v1/shipments/trace", q->sim->o.traces),
                            .content_type = "application/json",
                            .header = p->field,
                            .headers = 2,
                            .timeout_ms = PUSH_TIMEOUT_MS,
                            .answer_max = 64 << 10,
                            .done = done,
                            .owner = p };
  p->call.body = arena_strn(&p->mem, b.data, b.len), p->call.body_n = b.len;
  buf_release(&b);
  return p;
}

static void picked(struct sim *s, const struct sim_label *l, const char *status, int64_t at_ms)
{
  struct sim_push_queue *q = s->push;
  uint64_t draw = sim_hash(s, "trace", hash64(l->no, strlen(l->no), 4), (uint64_t)*status);
  if (!q || q->n >= WAITING_MAX) return;
  put(q, trace_make(q, l, status, at_ms), 0);
  if (sim_hits(s, SIM_FAULT_DUPLICATES, draw))
    put(q, trace_make(q, l, status, at_ms), (int64_t)(draw >> 40) % 2000);
}

/* ---- what factories tell ---------------------------------------------------------------------------- */
static struct push *callback_make(struct sim_push_queue *q, struct sim_factory *f, const char *body)
{
  struct push *p = mem_new(sizeof *p);
  struct env *real = q->sim->real;
  const char *time = arena_printf(&p->mem, "%lld", (long long)(real->now_ms(real) / 1000));
  size_t n = strlen(body);
  p->queue = q, p->taken = &f->callbacks, p->failed = &f->callbacks_failed, p->tries_max = CALLBACK_TRIES;
  p->field[0] = (struct http_field){ "mes-time", time };
  p->field[1] = (struct http_field){ "mes-signature", sim_factory_sign(f, &p->mem, time, body, n) };
  p->call = (struct fetch){ .method = "POST",
                            .url = arena_printf(&p->mem, "%s/v1/hooks/mes/%s", q->sim->o.push, f->name),
                            .content_type = "application/json",
                            .header = p->field,
                            .headers = 2,
                            .body = arena_strn(&p->mem, body, n),
                            .body_n = n,
                            .timeout_ms = PUSH_TIMEOUT_MS,
                            .answer_max = 64 << 10,
                            .done = done,
                            .owner = p };
  return p;
}

/* ---- what carriers tell, in their own words --------------------------------------------------------- */
static struct push *told_make(struct sim_push_queue *q, struct sim_carrier *k, const char *target,
                              const char *type, const char *body)
{
  struct push *p = mem_new(sizeof *p);
  p->queue = q, p->taken = &k->pushes, p->failed = &k->pushes_failed, p->tries_max = TRACE_TRIES;
  p->call =
    (struct fetch){ .method = "POST",
                    .url = arena_printf(&p->mem, "%s/v1/hooks/carrier/%s%s", q->sim->o.push, k->name, target),
                    .content_type = arena_str(&p->mem, type),
                    .header = p->field,
                    .body = arena_str(&p->mem, body),
                    .body_n = strlen(body),
                    .timeout_ms = PUSH_TIMEOUT_MS,
                    .answer_max = 64 << 10,
                    .done = done,
                    .owner = p };
  return p;
}

void sim_push_carrier(struct sim *s, struct sim_carrier *k, const char *target, const char *type,
                      const char *body)
{
  struct sim_push_queue *q = s->push;
  if (!q || !s->o.push || q->n >= WAITING_MAX) return;
  uint64_t draw = sim_hash(s, "carrier's push", ++q->drawn, 0);
  if (sim_hits(s, SIM_FAULT_LOST_PUSHES, draw)) return;
  bool late = sim_hits(s, SIM_FAULT_REORDER, draw >> 8);
  put(q, told_make(q, k, target, type, body), late ? 500 + (int64_t)(draw >> 40) % 3000 : 0);
  if (sim_hits(s, SIM_FAULT_DUPLICATES, draw))
    put(q, told_make(q, k, target, type, body), (int64_t)(draw >> 40) % 2000);
}

void sim_push_callback(struct sim *s, struct sim_factory *f, const char *id, const char *body)
{
  struct sim_push_queue *q = s->push;
  uint64_t draw = sim_hash(s, "callback", hash64(id, strlen(id), 7), 0);
  if (!q || !s->o.push || q->n >= WAITING_MAX) return;
  bool late = sim_hits(s, SIM_FAULT_REORDER, draw);
  put(q, callback_make(q, f, body), late ? 500 + (int64_t)(draw >> 40) % 3000 : 0);
  if (sim_hits(s, SIM_FAULT_DUPLICATES, draw))
    put(q, callback_make(q, f, body), (int64_t)(draw >> 40) % 2000);
}

void sim_push_tick(struct sim_push_queue *q)
{
  int64_t now_ms = mono_ms();
  while (q->waiting && q->waiting->due_ms <= now_ms && q->under_way < AT_ONCE) {
    struct push *p = q->waiting;
    q->waiting = p->next, q->n--;
    p->next = q->running, q->running = p;
    q->under_way++;
    fetch_start(q->fetcher, &p->call);
  }
}

struct sim_push_queue *sim_push_open(struct sim *s, struct uv_loop_s *loop)
{
  struct sim_push_queue *q = mem_new(sizeof *q);
  q->sim = s;
  q->fetcher = fetcher_open(loop);
  if (s->o.traces) s->picked = picked;
  if (!s->o.push) return q;
  s->changed = changed;
  for (size_t i = 0; i < s->shops; i++)
    if (s->shop[i].row->ping) put(q, push_make(q, &s->shop[i], NULL), 0);
  return q;
}

void sim_push_close(struct sim_push_queue *q)
{
  fetcher_close(q->fetcher);
  for (struct push *p = q->running, *next; p; p = next) next = p->next, push_free(p);
  for (struct push *p = q->waiting, *next; p; p = next) next = p->next, push_free(p);
  q->sim->changed = NULL, q->sim->picked = NULL;
  mem_free(q);
}
