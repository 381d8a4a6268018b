/* sim_factory.c: factories in the simulator: what they take, how they get on with it, and what they say. */
#include "edge.h"
#include <stdlib.h>

#define RECENT_MS (5 * 60 * 1000)
#define ID_MAX 64

struct sim_made {
  char id[ID_MAX];
  struct arena mem;
  const char *body; /* as it was ordered */
  int64_t seq, step, steps, quantity, priority, next_ms, piece_ms, expected_ms, made_ms;
  enum { MADE_ACCEPTED, MADE_STARTED, MADE_FINISHED, MADE_PASSED, MADE_FAILED, MADE_CANCELLED } state;
  int64_t asked_ms;    /* it is asked to stop: decided then; 0: no */
  bool refused;        /* it was, and does not */
  bool fails, goes_on; /* what is decided when it comes to that */
};
static const char *const state_names[] = {
  "accepted", "started", "finished", "passed", "failed", "cancelled"
};

bool sim_factories_make(struct sim *s, const char *list, struct arena *a, const char **why)
{
  static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.";
  s->factory = arena_array(&s->mem, struct sim_factory, SIM_FACTORIES_MAX);
  for (const char *p = list ? list : ""; *p;) {
    size_t n = strcspn(p, ",");
    if (!n || n > 40 || strspn(p, allowed) < n || s->factories == SIM_FACTORIES_MAX)
      return *why = arena_printf(a, "%s: not the names of factories", list), false;
    struct sim_factory *f = &s->factory[s->factories];
    f->sim = s, f->number = (int)s->factories++;
    f->name = arena_strn(&s->mem, p, n);
    f->secret = arena_printf(&s->mem, "mes-%016llx%016llx",
                             (unsigned long long)sim_hash(s, "factory", (uint64_t)(unsigned)f->number, 1),
                             (unsigned long long)sim_hash(s, "factory", (uint64_t)(unsigned)f->number, 2));
    p += n + (p[n] == ',');
  }
  return true;
}

void sim_factories_free(struct sim *s)
{
  for (size_t i = 0; i < s->factories; i++) {
    struct sim_factory *f = &s->factory[i];
    for (size_t k = 0; k < f->n; k++) arena_release(&f->made[k]->mem), mem_free(f->made[k]);
    mem_free(f->made);
  }
}

static struct sim_made *made_find(const struct sim_factory *f, const char *id)
{
  for (size_t i = f->n; id && i-- > 0;)
    if (!strcmp(f->made[i]->id, id)) return f->made[i];
  return NULL;
}

/* ---- what it says ----------------------------------------------------------------------------------------------------- */
static void stands_put(struct jw *w, const struct sim_made *m)
{
  jw_kstring(w, "work_order", m->id), jw_kint(w, "seq", m->seq),
    jw_kstring(w, "state", state_names[m->state]);
  jw_kint(w, "step", m->step), jw_kint(w, "steps", m->steps);
  if (m->state < MADE_PASSED) jw_ktime(w, "expected_at", m->expected_ms);
}

static void call_back(struct sim_factory *f, const struct sim_made *m, const char *cancel)
{
  struct buf b = { 0 };
  struct jw w;
  struct arena a = { 0 };
  const char *id = arena_printf(&a, "%s-%s-%lld", f->name, m->id, (long long)m->seq);
  jw_init(&w, &b), jw_object(&w), jw_kstring(&w, "id", id);
  if (cancel) {
    jw_kstring(&w, "work_order", m->id), jw_kint(&w, "seq", m->seq), jw_kstring(&w, "cancel", cancel);
  } else stands_put(&w, m);
  jw_object_end(&w);
  sim_push_callback(f->sim, f, id, b.data);
  buf_release(&b);
  arena_release(&a);
}

const char *sim_factory_sign(const struct sim_factory *f, struct arena *a, const char *time, const char *body,
                             size_t n)
{
  struct buf b = { 0 };
  unsigned char mac[SHA256_LEN];
  buf_str(&b, time), buf_char(&b, '.'), buf_put(&b, body, n);
  hmac_sha256(f->secret, strlen(f->secret), b.data, b.len, mac);
  b.len = 0;
  buf_str(&b, "v1="), hex_put(&b, mac, sizeof mac);
  const char *text = arena_strn(a, b.data, b.len);
  buf_release(&b);
  return text;
}

/* ---- how it gets on ------------------------------------------------------------------------------------------------------ */
static void made_stop(struct sim_factory *f, struct sim_made *m)
{
  m->asked_ms = 0, m->seq++;
  m->refused = m->goes_on || m->state >= MADE_FINISHED;
  if (!m->refused) m->state = MADE_CANCELLED, m->next_ms = 0;
  call_back(f, m, m->refused ? "refused" : NULL);
}

static void made_step(struct sim_factory *f, struct sim_made *m)
{
  int64_t at_ms = m->next_ms;
  m->seq++, m->next_ms = at_ms + m->piece_ms;
  if (m->state == MADE_ACCEPTED) m->state = MADE_STARTED, m->step = 1;
  else if (m->state == MADE_STARTED && m->step < m->steps) m->step++;
  else if (m->state == MADE_STARTED) m->state = MADE_FINISHED;
  else m->state = m->fails ? MADE_FAILED : MADE_PASSED, m->next_ms = 0, m->made_ms = at_ms;
  call_back(f, m, NULL);
}

void sim_factories_run(struct sim *s, int64_t until_ms)
{
  for (size_t i = 0; i < s->factories; i++) {
    struct sim_factory *f = &s->factory[i];
    for (size_t k = 0; k < f->n; k++) {
      struct sim_made *m = f->made[k];
      for (;;) {
        bool asked = m->asked_ms && m->asked_ms <= until_ms, steps = m->next_ms && m->next_ms <= until_ms;
        if (asked && (!steps || m->asked_ms <= m->next_ms)) made_stop(f, m);
        else if (steps) made_step(f, m);
        else break;
      }
    }
  }
}

/* ---- what it is told -------------------------------------------------------------------------------------------------------- */
static void wrong(struct sim_reply *out, int status, const char *code, const char *message)
{
  struct jw w;
  out->status = status, out->body.len = 0;
  jw_init(&w, &out->body), jw_object(&w), jw_kstring(&w, "code", code), jw_kstring(&w, "message", message),
    jw_object_end(&w);
}

static void stands(struct sim_reply *out, const struct sim_made *m, const char *cancel)
{
  struct jw w;
  jw_init(&w, &out->body), jw_object(&w);
  if (cancel) jw_kstring(&w, "work_order", m->id), jw_kstring(&w, "cancel", cancel);
  else stands_put(&w, m);
  jw_object_end(&w);
}

static struct sim_made *made_new(struct sim_factory *f, const char *id, const struct http_request *r,
                                 const struct json *j, int64_t now_ms)
{
  struct sim *s = f->sim;
  struct sim_made *m = mem_new(sizeof *m);
  uint64_t h = sim_hash(s, "made", hash64(id, strlen(id), 5), (uint64_t)(unsigned)f->number);
  if (f->n == f->cap)
    f->cap = f->cap ? 2 * f->cap : 64, f->made = mem_grow(f->made, f->cap * sizeof *f->made);
  f->made[f->n++] = m;
  memcpy(m->id, id, strlen(id));
  m->body = arena_strn(&m->mem, r->body, r->body_n);
  json_int(json_get(j, "quantity"), &m->quantity), json_int(json_get(j, "priority"), &m->priority);
  m->seq = 1, m->steps = 3 + (int64_t)(h % 3);
  m->piece_ms = s->o.make_ms / (m->steps + 2);
  if (m->piece_ms < 1) m->piece_ms = 1;
  m->next_ms =
    now_ms + (m->priority > 0 ? (m->piece_ms + 1) / 2 : m->piece_ms); /* what is urgent begins sooner */
  m->expected_ms = m->next_ms + (m->steps + 1) * m->piece_ms;
  m->fails = sim_hits(s, SIM_FAULT_QC_FAILURES, h), m->goes_on = sim_hits(s, SIM_FAULT_CANCEL_REFUSALS, h);
  return m;
}

static void make(struct sim_factory *f, const struct http_request *r, const struct json *j, const char *id,
                 struct sim_reply *out)
{
  struct sim_made *m = made_find(f, id);
  int64_t quantity = 0;
  if (m && strcmp(m->body, r->body) != 0) {
    f->different++;
    wrong(out, 409, "different_body", "This work order was another one");
  } else if (m) {
    f->repeated++;
    stands(out, m, NULL);
  } else if (f->n >= SIM_MADE_MAX || !json_int(json_get(j, "quantity"), &quantity) || quantity < 1 ||
             !json_first(json_get(j, "bill"))) {
    wrong(out, 422, "cannot_make", "There is nothing to make, or too much");
  } else if (sim_hits(f->sim, SIM_FAULT_MES_REFUSALS,
                      sim_hash(f->sim, "refused", hash64(id, strlen(id), 6), 0))) {
    f->refused++;
    wrong(out, 422, "no_capacity", "The factory does not make this");
  } else stands(out, made_new(f, id, r, j, sim_now(f->sim)), NULL);
}

static void cancel(struct sim_factory *f, struct sim_made *m, struct sim_reply *out)
{
  if (m->state == MADE_ACCEPTED) m->state = MADE_CANCELLED, m->seq++, m->next_ms = 0;
  bool late = m->state == MADE_FINISHED || m->state == MADE_PASSED || m->state == MADE_FAILED;
  if (m->state == MADE_STARTED && !m->refused && !m->asked_ms)
    m->asked_ms = sim_now(f->sim) + (f->sim->o.make_ms + 9) / 10;
  stands(out, m, m->refused || late ? "refused" : m->state == MADE_STARTED ? "asked" : NULL);
}

static bool signed_well(struct sim_factory *f, const struct http_request *r, struct arena *a,
                        struct sim_reply *out)
{
  const char *time = http_field(r, "mes-time"), *sign = http_field(r, "mes-signature");
  int64_t now_ms = f->sim->real->now_ms(f->sim->real), at_ms = 0;
  bool ok = time && strlen(time) <= 12 && time[strspn(time, "0123456789")] == 0 &&
            sim_same(sign, sim_factory_sign(f, a, time, r->body ? r->body : "", r->body_n));
  for (const char *p = ok ? time : ""; *p; p++) at_ms = at_ms * 10 + (*p - '0');
  at_ms *= 1000;
  bool fresh = at_ms > now_ms - RECENT_MS && at_ms < now_ms + RECENT_MS;
  f->bad_signs += !ok || !fresh;
  if (!ok) wrong(out, 401, "bad_signature", "The signature is wrong");
  else if (!fresh) wrong(out, 401, "too_old", "More than five minutes off");
  return ok && fresh;
}

static void told(struct sim_factory *f, struct http_request *r, struct sim_reply *out)
{
  static const struct {
    const char *path, *what;
  } doors[] = { { "/work-orders", "make" },
                { "/work-orders/cancel", "cancel" },
                { "/work-orders/ask", "ask" } };
  struct faults faults = { .mem = &r->mem };
  size_t i = 0;
  while (i < COUNT(doors) && strcmp(doors[i].path, r->path) != 0) i++;
  if (i == COUNT(doors) || strcmp(r->method, "POST") != 0) {
    wrong(out, 404, "no_such_address", r->path);
    return;
  }
  if (!signed_well(f, r, &r->mem, out)) return;
  const struct json *j =
    r->body_n ? json_parse(&r->mem, r->body, r->body_n, JSON_ELEMENTS_MAX, &faults) : NULL;
  const char *what = json_string(json_get(j, "do")), *id = json_string(json_get(j, "work_order"));
  struct sim_made *m = made_find(f, id);
  if (!what || strcmp(what, doors[i].what) != 0 || !id || !*id || strlen(id) >= ID_MAX)
    wrong(out, 422, "bad_request", "do and work_order are needed");
  else if (i == 0) make(f, r, j, id, out);
  else if (!m) wrong(out, 404, "unknown_work_order", "There is no such work order");
  else if (i == 1) cancel(f, m, out);
  else stands(out, m, NULL);
}

void sim_factory_answer(struct sim_factory *f, struct http_request *r, struct sim_reply *out)
{
  struct sim *s = f->sim;
  static const int statuses[] = { 500, 502, 503 };
  uint64_t draw = sim_hash(s, "at the factory", (uint64_t)(unsigned)f->number, ++f->requests);
  int64_t now_ms = sim_now(s);
  *out = (struct sim_reply){ .status = 200 };
  if (now_ms > s->ran_ms) sim_world_run(s, now_ms);
  if (sim_hits(s, SIM_FAULT_ERRORS, draw)) {
    wrong(out, statuses[(draw >> 20) % COUNT(statuses)], "upstream", "Try again");
    return;
  }
  told(f, r, out);
  out->lost = sim_hits(s, SIM_FAULT_TIMEOUTS, draw);
  f->unanswered += out->lost;
}

/* ---- the control port ------------------------------------------------------------------------------------------------------------ */
static void made_put(struct jw *w, const struct sim_made *m)
{
  jw_object(w), stands_put(w, m), jw_kint(w, "quantity", m->quantity), jw_kint(w, "priority", m->priority);
  jw_kstring(w, "cancel", m->asked_ms ? "asked" : m->refused ? "refused" : "none");
  jw_ktime(w, "ended_at", m->made_ms), jw_kstring(w, "body", m->body);
  jw_object_end(w);
}

void sim_factories_put(const struct sim *s, struct jw *w)
{
  jw_array(w);
  for (size_t i = 0; i < s->factories; i++) {
    const struct sim_factory *f = &s->factory[i];
    jw_object(w), jw_kstring(w, "name", f->name), jw_kstring(w, "host", f->base);
    jw_kint(w, "requests", (int64_t)f->requests), jw_kint(w, "repeated", f->repeated),
      jw_kint(w, "different", f->different);
    jw_kint(w, "refused", f->refused), jw_kint(w, "bad_signatures", f->bad_signs),
      jw_kint(w, "unanswered", f->unanswered);
    jw_kint(w, "callbacks", f->callbacks), jw_kint(w, "callbacks_failed", f->callbacks_failed);
    jw_key(w, "work_orders"), jw_array(w);
    for (size_t k = 0; k < f->n; k++) made_put(w, f->made[k]);
    jw_array_end(w), jw_object_end(w);
  }
  jw_array_end(w);
}

void sim_factories_config(const struct sim *s, struct buf *out)
{
  for (size_t i = 0; i < s->factories; i++)
    buf_printf(out, "\n[factory %s]\nconnector = mes\nhost = %s\nsecret = %s\n", s->factory[i].name,
               s->factory[i].base, s->factory[i].secret);
}

bool sim_factory_decide(struct sim *s, const struct json *j)
{
  const char *name = json_string(json_get(j, "factory")), *qc = json_string(json_get(j, "qc")),
             *stop = json_string(json_get(j, "cancel"));
  struct sim_made *m = NULL;
  for (size_t i = 0; name && i < s->factories; i++)
    if (!strcmp(s->factory[i].name, name))
      m = made_find(&s->factory[i], json_string(json_get(j, "work_order")));
  if (!m) return false;
  if (qc) m->fails = !strcmp(qc, "failed");
  if (stop) m->goes_on = !strcmp(stop, "no"), m->refused = m->refused && m->goes_on;
  return qc || stop;
}
