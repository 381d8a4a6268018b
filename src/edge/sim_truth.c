/* sim_truth.c: what the simulator knows and tells: the truth, its counters, a configuration for orderd, and the
 * routes of its control port. */
#include "edge.h"
#include <stdlib.h>

#define GROUP_WINDOW_MS (72 * 3600 * 1000LL)
#define ADVANCE_MAX_MS (400LL * 24 * 3600 * 1000)

/* How many lines a perfect connector makes of it. */
static int64_t lines_of(const struct sim_shop *s, const struct sim_order *o)
{
  int64_t pieces = 0;
  for (size_t i = 0; i < o->lines; i++) pieces += o->line[i].quantity;
  if (s->row->units_vanish && o->refunded && o->status != SIM_CANCELLED) return o->lines - 1;
  return s->row->unit_lines ? pieces : o->lines;
}

static int64_t total_of(const struct sim_shop *s, const struct sim_order *o)
{
  if (s->row->unpaid_unpriced && !o->paid_ms) return 0;
  return o->total - (s->row->units_vanish ? o->refunded : 0);
}

/* ---- truth --------------------------------------------------------------------------------------- */
static void order_put(struct jw *w, struct arena *a, const struct sim_shop *s, const struct sim_order *o)
{
  jw_object(w);
  jw_kstring(w, "external_id", o->id), jw_kstring(w, "status", sim_status_name(o->status));
  jw_kstring(w, "total", sim_money(a, s, total_of(s, o))), jw_kstring(w, "currency", s->row->currency);
  if (o->backs) jw_kstring(w, "paid_back", sim_money(a, s, sim_paid_back(o)));
  jw_kint(w, "lines", lines_of(s, o)), jw_ktime(w, "updated_at", o->modified_ms);
  jw_key(w, "parcels"), jw_array(w);
  for (size_t i = 0; i < o->parcels; i++) {
    const struct sim_parcel *p = &o->parcel[i];
    jw_object(w);
    jw_kstring(w, "tracking_no", p->no), jw_kstring(w, "by", p->by_hand ? "back_office" : "api");
    jw_ktime(w, "told_at", p->told_ms), jw_ktime(w, "picked_up_at", p->picked_ms);
    jw_object_end(w);
  }
  jw_array_end(w);
  jw_object_end(w);
}

static void channels_put(struct jw *w, struct sim *s)
{
  struct arena a = { 0 };
  for (size_t i = 0; i < s->shops; i++) {
    const struct sim_shop *shop = &s->shop[i];
    const struct sim_list_of *l = &shop->own->all;
    jw_object(w);
    jw_kstring(w, "name", shop->name), jw_kstring(w, "platform", shop->row->name);
    jw_key(w, "orders"), jw_array(w);
    for (size_t k = 0; k < l->n; k++) {
      if (!l->at[k]->modified_ms) continue; /* not yet placed */
      order_put(w, &a, shop, l->at[k]);
      arena_reset(&a);
    }
    jw_array_end(w), jw_object_end(w);
  }
  arena_release(&a);
}

struct member {
  const struct sim_shop *shop;
  const struct sim_order *o;
};

static const char *family_of(const struct sim_shop *s)
{
  return s->row->receiver == SIM_PLAIN ? "" : s->row->family ? s->row->family : s->row->name;
}

/* By who receives it, then in the order in which groups are made. */
static int same_receiver(const struct member *x, const struct member *y)
{
  const struct sim_order *a = x->o, *b = y->o;
  if (a->customer != b->customer) return a->customer < b->customer ? -1 : 1;
  if (a->phone_of != b->phone_of) return a->phone_of < b->phone_of ? -1 : 1;
  if (a->address_of != b->address_of) return a->address_of < b->address_of ? -1 : 1;
  int by_family = strcmp(family_of(x->shop), family_of(y->shop));
  return by_family ? by_family : strcmp(x->shop->row->currency, y->shop->row->currency);
}

static int member_cmp(const void *p, const void *q)
{
  const struct member *x = p, *y = q;
  int by = same_receiver(x, y);
  if (by) return by;
  if (x->o->placed_ms != y->o->placed_ms) return x->o->placed_ms < y->o->placed_ms ? -1 : 1;
  by = strcmp(x->shop->name, y->shop->name);
  return by ? by : strcmp(x->o->id, y->o->id);
}

static bool may_merge(const struct sim_shop *s, const struct sim_order *o)
{
  if (s->row->receiver == SIM_MASKED || !o->several || o->status != SIM_PAID) return false;
  for (size_t i = 0; i < o->lines; i++)
    if (o->line[i].refund) return false;
  return true;
}

static size_t members_find(const struct sim *s, struct member **out)
{
  size_t n = 0, cap = 0;
  struct member *m = NULL;
  for (size_t i = 0; i < s->shops; i++)
    for (size_t k = 0; k < s->shop[i].own->all.n; k++) {
      const struct sim_order *o = s->shop[i].own->all.at[k];
      if (!may_merge(&s->shop[i], o)) continue;
      if (n == cap) cap = cap ? 2 * cap : 256, m = mem_grow(m, cap * sizeof *m);
      m[n++] = (struct member){ &s->shop[i], o };
    }
  if (n) qsort(m, n, sizeof *m, member_cmp);
  *out = m;
  return n;
}

static void group_put(struct jw *w, const struct member *m, size_t n)
{
  if (n < 2) return;
  jw_array(w);
  for (size_t i = 0; i < n; i++) {
    jw_array(w);
    jw_string(w, m[i].shop->name), jw_string(w, m[i].o->id);
    jw_array_end(w);
  }
  jw_array_end(w);
}

static void groups_put(struct jw *w, const struct sim *s)
{
  struct member *m;
  size_t n = members_find(s, &m), from = 0;
  for (size_t i = 1; i <= n; i++) {
    if (i < n && !same_receiver(&m[i], &m[from]) &&
        m[i].o->placed_ms - m[from].o->placed_ms <= GROUP_WINDOW_MS)
      continue;
    group_put(w, m + from, i - from);
    from = i;
  }
  mem_free(m);
}

void sim_truth_put(struct sim *s, struct buf *out)
{
  struct jw w;
  jw_init(&w, out);
  jw_object(&w);
  jw_key(&w, "channels"), jw_array(&w), channels_put(&w, s), jw_array_end(&w);
  jw_key(&w, "groups"), jw_array(&w), groups_put(&w, s), jw_array_end(&w);
  jw_kint(&w, "late_cancels", s->late_cancels), jw_kint(&w, "duplicates", s->duplicates);
  jw_key(&w, "ledger"), sim_ledger_put(s, &w);
  jw_object_end(&w);
  buf_char(out, '\n');
}

/* ---- configuration ---------------------------------------------------------------------------------- */
void sim_config_put(struct sim *s, struct buf *out)
{
  buf_printf(out, "# Channels of orderd sim. Its control port: %s\n", s->control);
  for (size_t i = 0; i < s->shops; i++) {
    const struct sim_shop *shop = &s->shop[i];
    buf_printf(out, "\n[channel %s]\nconnector = %s\nhost = %s\n", shop->name, shop->row->name, shop->base);
    if (shop->row->hosts) buf_printf(out, "%s = %s\n", shop->row->hosts, shop->base);
    if (shop->row->settings) buf_str(out, shop->row->settings);
    for (size_t k = 0; k < SIM_SECRETS_MAX && shop->row->secret[k].name; k++)
      buf_printf(out, "%s = %s\n", shop->row->secret[k].name, shop->own->secret[k]);
  }
  sim_factories_config(s, out), sim_carriers_config(s, out);
}

/* ---- counters ------------------------------------------------------------------------------------------ */
static void faults_put(struct jw *w, const int64_t *n)
{
  jw_key(w, "faults"), jw_object(w);
  for (int f = 0; f < SIM_FAULT_N; f++) jw_kint(w, sim_fault_name((enum sim_fault)f), n[f]);
  jw_object_end(w);
}

static void shop_put(struct jw *w, const struct sim_shop *shop)
{
  const struct sim_shop_own *own = shop->own;
  jw_object(w);
  jw_kstring(w, "name", shop->name), jw_kstring(w, "platform", shop->row->name),
    jw_kstring(w, "host", shop->base);
  jw_kint(w, "orders", (int64_t)own->by_placed.n), jw_kint(w, "requests", (int64_t)own->requests);
  jw_key(w, "calls"), jw_object(w);
  for (size_t i = 0; i < own->calls; i++) jw_kint(w, own->call[i].name, own->call[i].n);
  jw_object_end(w);
  jw_kint(w, "bad_signatures", own->bad_signs), jw_kint(w, "bad_tokens", own->bad_tokens);
  jw_kint(w, "rate_limited", own->throttled), jw_kint(w, "unanswered", own->unanswered);
  jw_kint(w, "refreshed", own->token_no);
  jw_kint(w, "pushes", own->pushes), jw_kint(w, "pushes_failed", own->pushes_failed);
  faults_put(w, own->fault);
  jw_object_end(w);
}

void sim_state_put(struct sim *s, struct buf *out)
{
  struct jw w;
  jw_init(&w, out);
  jw_object(&w);
  jw_ktime(&w, "now", sim_now(s)), jw_kint(&w, "seed", (int64_t)sim_seed(s)),
    jw_kbool(&w, "frozen", s->frozen);
  jw_kint(&w, "orders", s->orders), jw_kint(&w, "changes", s->changes);
  jw_kint(&w, "late_cancels", s->late_cancels), jw_kint(&w, "duplicates", s->duplicates);
  jw_kint(&w, "traces", s->traces), jw_kint(&w, "traces_failed", s->traces_failed);
  jw_key(&w, "shops"), jw_array(&w);
  for (size_t i = 0; i < s->shops; i++) shop_put(&w, &s->shop[i]);
  jw_array_end(&w);
  jw_object_end(&w);
  buf_char(out, '\n');
}

/* ---- the control port ---------------------------------------------------------------------------------------- */
struct control {
  struct sim *sim;
  struct http_request *r;
  const struct json *json;
  int status;
  const char *type;
  struct buf out;
};

static void say(struct control *k, int status, const char *code)
{
  struct jw w;
  k->status = status, k->out.len = 0;
  jw_init(&w, &k->out);
  jw_object(&w);
  jw_kstring(&w, status < 300 ? "result" : "code", code), jw_ktime(&w, "now", sim_now(k->sim));
  jw_object_end(&w);
  buf_char(&k->out, '\n');
}

static void state_get(struct control *k)
{
  sim_state_put(k->sim, &k->out);
}

static void truth_get(struct control *k)
{
  sim_truth_put(k->sim, &k->out);
}

static void config_get(struct control *k)
{
  sim_config_put(k->sim, &k->out);
  k->type = "text/plain; charset=utf-8";
}

static void advance(struct control *k)
{
  int64_t ms;
  if (!json_int(json_get(k->json, "ms"), &ms) || ms < 0 || ms > ADVANCE_MAX_MS) {
    say(k, 422, "bad_ms");
    return;
  }
  sim_advance(k->sim, ms);
  say(k, 200, "advanced");
}

/* {"timeouts":0.02,"same_page":"1%"} */
static void faults_set(struct control *k)
{
  int32_t share[SIM_FAULT_N];
  memcpy(share, k->sim->o.fault, sizeof share);
  for (const struct json *j = json_first(k->json); j; j = json_next(j)) {
    int f = 0;
    char *name = arena_str(&k->r->mem, json_key(j));
    for (char *p = name; *p; p++) *p = *p == '_' ? '-' : *p;
    while (f < SIM_FAULT_N && strcmp(sim_fault_name((enum sim_fault)f), name) != 0) f++;
    const char *text = json_number(j) ? json_number(j) : json_string(j);
    if (f == SIM_FAULT_N || !text || !sim_share_parse(text, &share[f])) {
      say(k, 422, f == SIM_FAULT_N ? "unknown_fault" : "bad_share");
      return;
    }
  }
  sim_faults(k->sim, share);
  say(k, 200, "set");
}

static void factories_get(struct control *k)
{
  struct jw w;
  jw_init(&w, &k->out), sim_factories_put(k->sim, &w), buf_char(&k->out, '\n');
}

static void carriers_get(struct control *k)
{
  struct jw w;
  jw_init(&w, &k->out), sim_carriers_put(k->sim, &w), buf_char(&k->out, '\n');
}

static void carrier_decide(struct control *k)
{
  bool done = sim_carrier_decide(k->sim, k->json);
  say(k, done ? 200 : 404, done ? "decided" : "not_found");
}

static void factory_decide(struct control *k)
{
  bool done = sim_factory_decide(k->sim, k->json);
  say(k, done ? 200 : 404, done ? "decided" : "not_found");
}

static void freeze(struct control *k)
{
  sim_freeze(k->sim);
  say(k, 200, "frozen");
}

/* {"shop":"shopee","id":"…"}; without an id: everything the shop has changed so far. */
static void push(struct control *k)
{
  const char *name = json_string(json_get(k->json, "shop")), *id = json_string(json_get(k->json, "id"));
  struct sim_shop *shop = NULL;
  for (size_t i = 0; name && i < k->sim->shops; i++)
    if (!strcmp(k->sim->shop[i].name, name)) shop = &k->sim->shop[i];
  struct sim_order *o = shop && id ? sim_find(shop, id) : NULL;
  if (!shop || (id && !o)) {
    say(k, 404, "not_found");
    return;
  }
  bool sent = id ? sim_push_now(k->sim, shop, o) : true;
  for (size_t i = 0; !id && sent && i < shop->own->by_change.n; i++)
    sent = sim_push_now(k->sim, shop, shop->own->by_change.at[i]);
  say(k, sent ? 202 : 409, sent ? "pushed" : "no_push");
}

static struct sim_shop *shop_named(struct control *k)
{
  const char *name = json_string(json_get(k->json, "shop"));
  for (size_t i = 0; name && i < k->sim->shops; i++)
    if (!strcmp(k->sim->shop[i].name, name)) return &k->sim->shop[i];
  return NULL;
}

static struct sim_order *order_named(struct control *k)
{
  struct sim_shop *shop = shop_named(k);
  const char *id = json_string(json_get(k->json, "id"));
  struct sim_order *o = shop && id ? sim_find(shop, id) : NULL;
  if (!o) say(k, 404, "not_found");
  return o;
}

static void ledger_get(struct control *k)
{
  struct jw w;
  jw_init(&w, &k->out), sim_ledger_put(k->sim, &w), buf_char(&k->out, '\n');
}

/* {"shop","id","tracking_no"}: somebody ships it in the platform's back office */
static void ship(struct control *k)
{
  struct sim_order *o = order_named(k);
  int64_t now_ms = sim_now(k->sim);
  if (!o) return;
  bool done = sim_ship_by_hand(shop_named(k), o, json_string(json_get(k->json, "tracking_no")), now_ms, true);
  if (done) sim_change(k->sim, shop_named(k), o, now_ms);
  say(k, done ? 200 : 409, done ? "shipped" : "not_open");
}

/* {"shop","id"}: paid back, before the carrier has it */
static void recall(struct control *k)
{
  struct sim_order *o = order_named(k);
  int64_t now_ms = sim_now(k->sim);
  if (!o) return;
  bool done = sim_recall(shop_named(k), o, now_ms);
  if (done) sim_change(k->sim, shop_named(k), o, now_ms);
  say(k, done ? 200 : 409, done ? "refunded" : "not_open");
}

/* {"carrier","tracking_no","after_ms"}: a parcel is handed over; without after_ms it takes as long as usual */
static void label(struct control *k)
{
  const char *no = json_string(json_get(k->json, "tracking_no")),
             *carrier = json_string(json_get(k->json, "carrier"));
  int64_t after_ms = -1;
  const struct json *after = json_get(k->json, "after_ms");
  if (!no || !*no || strlen(no) >= SIM_NO_TEXT || (after && (!json_int(after, &after_ms) || after_ms < 0))) {
    say(k, 422, "bad_label");
    return;
  }
  sim_label(k->sim, carrier, no, after_ms);
  sim_world_run(k->sim, sim_now(k->sim));
  say(k, 200, "known");
}

static void pick_up(struct control *k)
{
  const char *no = json_string(json_get(k->json, "tracking_no"));
  bool done = no && sim_pick_up(k->sim, no, sim_now(k->sim));
  say(k, done ? 200 : 409, done ? "picked_up" : "not_waiting");
}

/* {"shop","call","how","times"}: call: confirm or stock, how: refuse, lost (taken, never answered), hang (neither), error
 * (502, 503), taken_error, cut; or a call's own name with throttle */
static void fail_next(struct control *k)
{
  static const char *const hows[] = { "refuse", "lost", "hang", "error", "taken_error", "cut", "throttle" };
  struct sim_shop *shop = shop_named(k);
  const char *call = json_string(json_get(k->json, "call")), *how = json_string(json_get(k->json, "how"));
  struct sim_plan p = { .times = 1 };
  size_t i = 0;
  while (how && i < COUNT(hows) && strcmp(hows[i], how) != 0) i++;
  if (!shop || !call || !how || i == COUNT(hows) || strlen(call) >= sizeof p.call ||
      shop->own->plans == COUNT(shop->own->plan)) {
    say(k, 422, "bad_plan");
    return;
  }
  json_int(json_get(k->json, "times"), &p.times);
  memcpy(p.call, call, strlen(call)), memcpy(p.how, how, strlen(how));
  shop->own->plan[shop->own->plans++] = p;
  say(k, 200, "planned");
}

/* {"shop"}: its access token is worth nothing from now on */
static void expire(struct control *k)
{
  struct sim_shop *shop = shop_named(k);
  if (shop) shop->own->access_until_ms = 0;
  say(k, shop ? 200 : 404, shop ? "expired" : "not_found");
}

static const struct {
  const char *path, *method;
  void (*run)(struct control *k);
} control_routes[] = {
  { "/sim/state", "GET", state_get },
  { "/sim/truth", "GET", truth_get },
  { "/sim/config", "GET", config_get },
  { "/sim/advance", "POST", advance },
  { "/sim/faults", "POST", faults_set },
  { "/sim/stop-changes", "POST", freeze },
  { "/sim/push", "POST", push },
  { "/sim/ledger", "GET", ledger_get },
  { "/sim/ship", "POST", ship },
  { "/sim/refund", "POST", recall },
  { "/sim/label", "POST", label },
  { "/sim/pickup", "POST", pick_up },
  { "/sim/fail", "POST", fail_next },
  { "/sim/expire", "POST", expire },
  { "/sim/factories", "GET", factories_get },
  { "/sim/factories", "POST", factory_decide },
  { "/sim/carriers", "GET", carriers_get },
  { "/sim/carriers", "POST", carrier_decide },
};

void sim_control_answer(struct sim *s, struct http_request *r)
{
  struct control k = { .sim = s, .r = r, .status = 200, .type = "application/json" };
  struct faults f = { .mem = &r->mem };
  int64_t now_ms = sim_now(s);
  if (now_ms > s->ran_ms) sim_world_run(s, now_ms);
  if (r->body_n) k.json = json_parse(&r->mem, r->body, r->body_n, JSON_ELEMENTS_MAX, &f);
  size_t i = 0;
  while (i < COUNT(control_routes) &&
         (strcmp(control_routes[i].path, r->path) != 0 || strcmp(control_routes[i].method, r->method) != 0))
    i++;
  if (i == COUNT(control_routes)) say(&k, 404, "not_found");
  else if (f.n) say(&k, 400, "bad_json");
  else control_routes[i].run(&k);
  http_reply(r, k.status, k.type, NULL, k.out.data, k.out.len);
  buf_release(&k.out);
}
