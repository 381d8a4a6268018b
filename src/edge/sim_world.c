/* sim_world.c: orders of the simulated world, and what happens to them.
 *
 *   customers ─► orders ─► heap of what is due ─► state ─► lists (by change, by placing) ─► changed()
 *
 * Customers with several orders within 72 h keep them unshipped for ever, so that which orders belong together does
 * not depend on who looked when. All others live: paid, cancelled, refunded, shipped, completed. */
#include "edge.h"
#include <stdlib.h>

#define MINUTE_MS (60 * 1000LL)
#define HOUR_MS (60 * MINUTE_MS)
#define SEVERAL_PERCENT 20
#define NEAR_PERCENT 10
#define SEVERAL_SPAN_MS \
  (36 * HOUR_MS)                    /* well inside 72 h and before the first is due, 48 h after it was paid */
#define LAG_MAX_MS (20 * MINUTE_MS) /* less than a poller's usual overlap */

uint64_t sim_hash(const struct sim *s, const char *what, uint64_t a, uint64_t b)
{
  uint64_t h = hash64(what, strlen(what), s->o.seed), part[2] = { a, b };
  return hash64(part, sizeof part, h);
}

bool sim_hits(const struct sim *s, enum sim_fault f, uint64_t draw)
{
  uint64_t part[2] = { draw, (uint64_t)f };
  return s->o.fault[f] > 0 && (int64_t)(hash64(part, sizeof part, s->o.seed) % SIM_MILLION) < s->o.fault[f];
}

int64_t sim_now(const struct sim *s)
{
  return (s->real->now_ms(s->real) + s->skew_ms) / 1000 * 1000;
}

uint64_t sim_seed(const struct sim *s)
{
  return s->o.seed;
}

const char *sim_status_name(enum sim_status s)
{
  static const char *const names[SIM_STATUS_N] = { "placed",  "paid",      "partly_shipped",
                                                   "shipped", "completed", "cancelled" };
  return names[s];
}

/* ---- what is due: a binary heap --------------------------------------------------------------------- */
static bool event_before(const struct sim_event *x, const struct sim_event *y)
{
  return x->at_ms != y->at_ms ? x->at_ms < y->at_ms : x->seq < y->seq;
}

void sim_event_at(struct sim *s, int64_t at_ms, enum sim_event_kind kind, struct sim_shop *shop,
                  struct sim_order *o, struct sim_label *l)
{
  struct sim_heap *h = &s->due;
  if (h->n == h->cap) h->cap = h->cap ? 2 * h->cap : 1024, h->at = mem_grow(h->at, h->cap * sizeof *h->at);
  struct sim_event e = { at_ms / 1000 * 1000, h->seq++, (uint8_t)kind, shop, o, l };
  size_t i = h->n++;
  for (; i && event_before(&e, &h->at[(i - 1) / 2]); i = (i - 1) / 2) h->at[i] = h->at[(i - 1) / 2];
  h->at[i] = e;
}

static void event_add(struct sim *s, int64_t at_ms, enum sim_event_kind kind, struct sim_shop *shop,
                      struct sim_order *o)
{
  sim_event_at(s, at_ms, kind, shop, o, NULL);
}

static struct sim_event event_take(struct sim_heap *h)
{
  struct sim_event first = h->at[0], last = h->at[--h->n];
  size_t i = 0;
  for (;;) {
    size_t k = 2 * i + 1;
    if (k >= h->n) break;
    if (k + 1 < h->n && event_before(&h->at[k + 1], &h->at[k])) k++;
    if (!event_before(&h->at[k], &last)) break;
    h->at[i] = h->at[k], i = k;
  }
  if (h->n) h->at[i] = last;
  return first;
}

/* ---- lists -------------------------------------------------------------------------------------------- */
static void list_insert(struct sim_list_of *l, size_t i, struct sim_order *o)
{
  if (l->n == l->cap)
    l->cap = l->cap ? 2 * l->cap : 256, l->at = mem_grow(l->at, l->cap * sizeof(struct sim_order *));
  memmove(l->at + i + 1, l->at + i, (l->n - i) * sizeof(struct sim_order *));
  l->at[i] = o;
  l->n++;
}

static int order_of(const struct sim_order *x, const struct sim_order *y, bool by_placed)
{
  int64_t a = by_placed ? x->placed_ms : x->indexed_ms, b = by_placed ? y->placed_ms : y->indexed_ms;
  if (a != b) return a < b ? -1 : 1;
  return x->n < y->n ? -1 : x->n > y->n;
}

static size_t list_place(const struct sim_list_of *l, bool by_placed, const struct sim_order *o)
{
  size_t lo = 0, hi = l->n;
  while (lo < hi) {
    size_t mid = lo + (hi - lo) / 2;
    if (order_of(l->at[mid], o, by_placed) < 0) lo = mid + 1;
    else hi = mid;
  }
  return lo;
}

static void list_remove(struct sim_list_of *l, size_t i)
{
  l->n--;
  memmove(l->at + i, l->at + i + 1, (l->n - i) * sizeof(struct sim_order *));
}

/* Lists show the order as it now is. */
static void order_index(struct sim *s, struct sim_shop *shop, struct sim_order *o)
{
  struct sim_shop_own *own = shop->own;
  if (o->indexed && !s->building) {
    size_t i = list_place(&own->by_change, false, o);
    must(i < own->by_change.n && own->by_change.at[i] == o);
    list_remove(&own->by_change, i);
  }
  o->indexed_ms = o->modified_ms;
  if (!o->indexed) {
    s->orders++;
    list_insert(&own->by_placed, s->building ? own->by_placed.n : list_place(&own->by_placed, true, o), o);
  }
  if (!s->building) list_insert(&own->by_change, list_place(&own->by_change, false, o), o);
  else if (!o->indexed) list_insert(&own->by_change, own->by_change.n, o);
  o->indexed = true;
}

static int by_change_cmp(const void *x, const void *y)
{
  return order_of(*(struct sim_order *const *)x, *(struct sim_order *const *)y, false);
}

static int by_placed_cmp(const void *x, const void *y)
{
  return order_of(*(struct sim_order *const *)x, *(struct sim_order *const *)y, true);
}

static void lists_sort(struct sim *s)
{
  for (size_t i = 0; i < s->shops; i++) {
    struct sim_shop_own *own = s->shop[i].own;
    if (own->by_change.n)
      qsort(own->by_change.at, own->by_change.n, sizeof(struct sim_order *), by_change_cmp);
    if (own->by_placed.n)
      qsort(own->by_placed.at, own->by_placed.n, sizeof(struct sim_order *), by_placed_cmp);
  }
}

/* ---- finding by id: open addressing --------------------------------------------------------------------- */
static size_t id_slot(const struct sim_shop_own *own, const char *id)
{
  size_t i = hash64(id, strlen(id), 1) & (own->slots - 1);
  while (own->slot[i] && strcmp(own->all.at[own->slot[i] - 1]->id, id) != 0) i = (i + 1) & (own->slots - 1);
  return i;
}

static void slots_grow(struct sim_shop_own *own)
{
  own->slots = own->slots ? 2 * own->slots : 1024;
  mem_free(own->slot);
  own->slot = mem_new(own->slots * sizeof *own->slot);
  for (size_t i = 0; i < own->all.n; i++) own->slot[id_slot(own, own->all.at[i]->id)] = (uint32_t)i + 1;
}

static void order_enter(struct sim_shop *shop, struct sim_order *o)
{
  struct sim_shop_own *own = shop->own;
  if (2 * (own->all.n + 1) > own->slots) slots_grow(own);
  size_t i = id_slot(own, o->id);
  must(!own->slot[i]); /* a platform's ids are unique */
  list_insert(&own->all, own->all.n, o);
  own->slot[i] = o->n + 1;
}

struct sim_order *sim_find(struct sim_shop *s, const char *id)
{
  struct sim_shop_own *own = s->own;
  if (!own->slots || !id) return NULL;
  uint32_t n = own->slot[id_slot(own, id)];
  struct sim_order *o = n ? own->all.at[n - 1] : NULL;
  return o && o->modified_ms ? o : NULL;
}

/* ---- making orders ------------------------------------------------------------------------------------------ */
static bool has(const struct sim_shop *s, enum sim_status st)
{
  return s->row->statuses & 1u << st;
}

static int64_t price_in(const struct sim_shop *s, int64_t fen)
{
  static const struct {
    const char *currency;
    int64_t times, by;
  } rates[] = { { "USD", 1, 7 },  { "SGD", 1, 5 },  { "THB", 5, 1 }, { "MYR", 2, 3 },
                { "TWD", 1, 22 }, { "VND", 35, 1 }, { "JPY", 1, 5 } };
  for (size_t i = 0; i < COUNT(rates); i++)
    if (!strcmp(rates[i].currency, s->row->currency)) return fen * rates[i].times / rates[i].by;
  return fen;
}

static void lines_make(struct sim_shop *shop, struct sim_order *o, uint64_t h)
{
  struct sim *s = shop->sim;
  o->lines = (uint8_t)(h % 10 < 6 ? 1 : h % 10 < 9 ? 2 : 1 + (h >> 8) % SIM_LINES_MAX);
  for (size_t i = 0; i < o->lines; i++) {
    uint64_t k = sim_hash(s, "line", h, i);
    struct sim_line *l = &o->line[i];
    l->sku = (uint16_t)((h >> 16) % 16 + i * 5); /* 5 and 16 share nothing: no SKU stands in two lines */
    l->quantity = (uint8_t)((k >> 8) % 4 ? 1 : 1 + (k >> 16) % 3);
    l->price = price_in(shop, sim_sku(l)->price);
    l->discount = (k >> 24) % 3 ? 0 : l->price / 10;
    o->goods += l->price * l->quantity;
    o->discount += l->discount;
  }
  o->freight = (h >> 32) % 3 ? 0 : price_in(shop, 1000);
  o->total = o->goods - o->discount + o->freight;
}

/* What is to become of one order of a customer. */
struct plan {
  struct sim_shop *shop;
  int64_t placed_ms;
  uint32_t customer;
  uint8_t phone_of, address_of;
  bool several, cancelled;
};

static void life_single(struct sim *s, struct sim_shop *shop, struct sim_order *o, uint64_t h,
                        int64_t paid_ms)
{
  int64_t ship_ms = paid_ms + 2 * HOUR_MS + (int64_t)(h >> 8) % (28 * HOUR_MS);
  uint64_t fate = (h >> 40) % 100;
  if (fate < 6) {
    event_add(s, paid_ms + 10 * MINUTE_MS + (int64_t)(h >> 8) % (8 * HOUR_MS), SIM_EV_CANCEL, shop, o);
    return;
  }
  if (fate < 12) {
    event_add(s, paid_ms + HOUR_MS, SIM_EV_REFUND_ASK, shop, o);
    event_add(s, paid_ms + 3 * HOUR_MS, SIM_EV_REFUND, shop, o);
    return;
  }
  if (fate < 20) event_add(s, paid_ms + HOUR_MS / 2, SIM_EV_REMARK, shop, o);
  if (fate < 45) return; /* waits for us */
  if (fate < 55) {
    event_add(s, ship_ms, SIM_EV_PART, shop, o);
    if (fate < 50) return;
  }
  event_add(s, ship_ms + HOUR_MS, SIM_EV_SHIP, shop, o);
  event_add(s, ship_ms + 26 * HOUR_MS + (int64_t)(h >> 16) % (48 * HOUR_MS), SIM_EV_COMPLETE, shop, o);
}

static void life_plan(struct sim *s, const struct plan *p, struct sim_order *o, uint64_t h)
{
  struct sim_shop *shop = p->shop;
  int64_t paid_ms = p->placed_ms + 20000 + (int64_t)(h >> 8) % (8 * MINUTE_MS);
  if (has(shop, SIM_PLACED)) {
    event_add(s, p->placed_ms, SIM_EV_PLACE, shop, o);
    bool never_paid = !p->several && (h >> 48) % 100 < 8;
    if (never_paid) {
      if ((h >> 56) % 2) event_add(s, paid_ms + HOUR_MS, SIM_EV_CANCEL, shop, o);
      return;
    }
  }
  event_add(s, paid_ms, SIM_EV_PAY, shop, o);
  if (p->cancelled) {
    event_add(s, paid_ms + 10 * MINUTE_MS, SIM_EV_CANCEL, shop, o);
  } else if (sim_hits(s, SIM_FAULT_LATE_CANCEL, h)) { /* not before somebody had the time to see it */
    int64_t from_ms = paid_ms > s->start_ms ? paid_ms : s->start_ms;
    event_add(s, from_ms + MINUTE_MS + (int64_t)(h >> 24) % (30 * MINUTE_MS), SIM_EV_LATE_CANCEL, shop, o);
  } else if (!p->several) {
    life_single(s, shop, o, h, paid_ms);
  }
  if (sim_hits(s, SIM_FAULT_BACK_OFFICE, sim_hash(s, "by hand", h, 0))) { /* somebody was faster than we */
    int64_t from_ms = paid_ms > s->start_ms ? paid_ms : s->start_ms;
    event_add(s, from_ms + MINUTE_MS + (int64_t)(h >> 24) % (60 * MINUTE_MS), SIM_EV_BY_HAND, shop, o);
  }
}

static void order_make(struct sim *s, const struct plan *p)
{
  struct sim_shop *shop = p->shop;
  struct sim_order *o = arena_new(&s->mem, struct sim_order);
  o->n = (uint32_t)shop->own->all.n;
  o->customer = p->customer, o->phone_of = p->phone_of, o->address_of = p->address_of,
  o->several = p->several;
  o->placed_ms = p->placed_ms / 1000 * 1000;
  uint64_t h = sim_hash(s, "order", (uint64_t)(unsigned)shop->number, o->n);
  lines_make(shop, o, h);
  if (!p->several && (h >> 4) % 8 == 0) o->buyer_remark = (uint8_t)(1 + (h >> 12) % 5);
  shop->row->id(shop, o, o->id);
  order_enter(shop, o);
  life_plan(s, p, o, sim_hash(s, "life", h, 0));
}

/* ---- customers ------------------------------------------------------------------------------------------------ */
static const char *family_of(const struct sim_shop *s)
{
  return s->row->family ? s->row->family : s->row->name;
}

/* Where the same customer may buy again so that one could know it. */
static bool knows_too(const struct sim_shop *x, const struct sim_shop *y)
{
  if (x->row->receiver != y->row->receiver) return false;
  return x->row->receiver == SIM_PLAIN || !strcmp(family_of(x), family_of(y));
}

static struct sim_shop *shop_again(struct sim *s, struct sim_shop *first, uint64_t h)
{
  struct sim_shop *found = first;
  uint64_t n = 0;
  for (size_t i = 0; i < s->shops; i++) {
    if (!knows_too(first, &s->shop[i])) continue;
    n++;
    if (sim_hash(s, "again", h, n) % n == 0) found = &s->shop[i];
  }
  return found;
}

/* One more order of somebody that must not be merged with the first, for one reason each. */
static void near_miss(struct plan *p, uint64_t h, bool room_for_73_hours)
{
  switch (h % (room_for_73_hours ? 4 : 3)) {
  case 0: p->phone_of = 1; break;
  case 1: p->address_of = 1; break;
  case 2: p->cancelled = true; break;
  default: p->placed_ms += 73 * HOUR_MS; return;
  }
  p->placed_ms += HOUR_MS;
}

/* The next customer, whose first order is placed at first_ms; returns how many orders that made. */
static int64_t customer_make(struct sim *s, int64_t first_ms, int64_t span_ms, bool is_long)
{
  uint32_t customer = s->customers++;
  uint64_t h = sim_hash(s, "customer", customer, 0);
  struct plan p = { .shop = &s->shop[h % s->shops], .placed_ms = first_ms, .customer = customer };
  uint64_t kind = (h >> 16) % 100;
  p.several = kind < SEVERAL_PERCENT + NEAR_PERCENT;
  order_make(s, &p);
  if (!p.several) return 1;
  if (kind >= SEVERAL_PERCENT) {
    p.shop = shop_again(s, p.shop, h);
    near_miss(&p, h >> 24, is_long);
    order_make(s, &p);
    return 2;
  }
  int64_t more = 1 + (int64_t)((h >> 24) % 3);
  struct sim_shop *first = p.shop;
  for (int64_t i = 0; i < more; i++) {
    uint64_t k = sim_hash(s, "more", customer, (uint64_t)i);
    p.shop = shop_again(s, first, k);
    p.placed_ms = first_ms + 1000 + (int64_t)(k >> 20) % span_ms;
    order_make(s, &p);
  }
  return 1 + more;
}

/* ---- what happens ------------------------------------------------------------------------------------------------- */
void sim_change(struct sim *s, struct sim_shop *shop, struct sim_order *o, int64_t at_ms)
{
  o->modified_ms = at_ms > o->modified_ms ? at_ms : o->modified_ms;
  s->changes++;
  uint64_t draw = sim_hash(s, "lag", (uint64_t)(unsigned)shop->number << 32 | o->n, (uint64_t)at_ms);
  if (!s->building && sim_hits(s, SIM_FAULT_REORDER, draw))
    event_add(s, at_ms + 1000 + (int64_t)(draw >> 8) % LAG_MAX_MS, SIM_EV_INDEX, shop, o);
  else order_index(s, shop, o);
  if (s->changed && !s->building) s->changed(s, shop, o);
}

static bool is_open(const struct sim_order *o)
{
  return o->status == SIM_PAID || o->status == SIM_PLACED;
}

static bool set_cancelled(struct sim_order *o, int64_t at_ms)
{
  if (!is_open(o)) return false;
  o->status = SIM_CANCELLED, o->cancelled_ms = at_ms;
  return true;
}

static bool set_refund(struct sim_order *o, enum sim_refund to)
{
  struct sim_line *l = &o->line[0];
  if (o->status != SIM_PAID || o->lines < 2 || l->refund == to) return false;
  l->refund = (uint8_t)to;
  if (to == SIM_REFUND_DONE) o->refunded = l->price * l->quantity - l->discount;
  return true;
}

static bool set_completed(const struct sim_shop *shop, struct sim_order *o, int64_t at_ms)
{
  if (o->status != SIM_SHIPPED || !has(shop, SIM_COMPLETED)) return false;
  o->status = SIM_COMPLETED, o->completed_ms = at_ms;
  return true;
}

static bool set_paid(struct sim_order *o, int64_t at_ms)
{
  if (o->status != SIM_PLACED) return false;
  o->status = SIM_PAID, o->paid_ms = at_ms;
  return true;
}

static bool set_remark(struct sim_order *o, int64_t at_ms)
{
  if (o->status == SIM_CANCELLED || o->several) return false;
  o->seller_remark = (uint8_t)(1 + (o->seller_remark + (uint64_t)at_ms / 1000) % 5);
  return true;
}

static bool happens(struct sim *s, const struct sim_event *e)
{
  struct sim_order *o = e->order;
  bool done;
  switch ((enum sim_event_kind)e->kind) {
  case SIM_EV_PLACE: return true;
  case SIM_EV_PAY: return set_paid(o, e->at_ms);
  case SIM_EV_PART: return sim_ship_by_hand(e->shop, o, NULL, e->at_ms, false);
  case SIM_EV_SHIP: return sim_ship_by_hand(e->shop, o, NULL, e->at_ms, true);
  case SIM_EV_COMPLETE: return set_completed(e->shop, o, e->at_ms);
  case SIM_EV_CANCEL: return set_cancelled(o, e->at_ms);
  case SIM_EV_LATE_CANCEL:
    done = o->status == SIM_PAID && set_cancelled(o, e->at_ms);
    s->late_cancels += done, o->late_cancel |= done;
    return done;
  case SIM_EV_REFUND_ASK: return set_refund(o, SIM_REFUND_ASKED);
  case SIM_EV_REFUND: return set_refund(o, SIM_REFUND_DONE);
  case SIM_EV_REMARK: return set_remark(o, e->at_ms);
  case SIM_EV_BY_HAND:
    if (o->parcels || !sim_ship_by_hand(e->shop, o, NULL, e->at_ms, true)) return false;
    e->shop->own->fault[SIM_FAULT_BACK_OFFICE]++;
    return true;
  case SIM_EV_RECALL: return sim_recall(e->shop, o, e->at_ms);
  default: return false;
  }
}

/* One of the orders there are, at random, gets news. */
static void change_any(struct sim *s, int64_t at_ms)
{
  uint64_t h = sim_hash(s, "change", s->drawn++, 0);
  struct sim_shop *shop = &s->shop[h % s->shops];
  if (!shop->own->by_placed.n) return;
  struct sim_order *o = shop->own->by_placed.at[(h >> 16) % shop->own->by_placed.n];
  uint64_t kind = (h >> 8) % 10;
  bool done;
  if (o->several) return;
  if (kind < 6) done = set_remark(o, at_ms);
  else if (kind < 9)
    done =
      o->status == SIM_SHIPPED ? set_completed(shop, o, at_ms) : sim_ship_by_hand(shop, o, NULL, at_ms, true);
  else done = o->status == SIM_PLACED && set_cancelled(o, at_ms);
  if (done) sim_change(s, shop, o, at_ms);
}

/* Once a second: so many new orders and changes as the rates say. */
static void world_lives(struct sim *s, int64_t at_ms)
{
  s->new_milli += s->o.rate_milli;
  while (s->new_milli >= 1000) s->new_milli -= 1000 * customer_make(s, at_ms, 10 * MINUTE_MS, true);
  s->change_milli += s->o.change_milli;
  for (; s->change_milli >= 1000; s->change_milli -= 1000) change_any(s, at_ms);
  event_add(s, at_ms + 1000, SIM_EV_TICK, NULL, NULL);
}

static void event_run(struct sim *s, const struct sim_event *e)
{
  if (e->kind == SIM_EV_INDEX) order_index(s, e->shop, e->order);
  else if (e->kind == SIM_EV_PICK_UP) sim_pick_up(s, e->label->no, e->at_ms);
  else if (s->frozen) return;
  else if (e->kind == SIM_EV_TICK) world_lives(s, e->at_ms);
  else if (happens(s, e)) sim_change(s, e->shop, e->order, e->at_ms);
}

void sim_world_run(struct sim *s, int64_t until_ms)
{
  while (s->due.n && s->due.at[0].at_ms <= until_ms) {
    struct sim_event e = event_take(&s->due);
    event_run(s, &e);
  }
  sim_factories_run(s, until_ms), sim_carriers_run(s, until_ms);
  s->ran_ms = until_ms;
}

/* What lists do not yet show they show now: nothing is on its way any more, but what carriers were given. */
void sim_freeze(struct sim *s)
{
  s->frozen = true;
  for (size_t i = 0; i < s->due.n; i++)
    if (s->due.at[i].kind == SIM_EV_INDEX) order_index(s, s->due.at[i].shop, s->due.at[i].order);
  s->due.n = 0;
  for (size_t i = 0; i < s->labels; i++)
    if (s->label[i]->due_ms && !s->label[i]->picked_ms)
      sim_event_at(s, s->label[i]->due_ms, SIM_EV_PICK_UP, NULL, NULL, s->label[i]);
}

/* ---- the past ---------------------------------------------------------------------------------------------------- */
void sim_world_make(struct sim *s)
{
  int64_t room_ms = s->o.days * 24 * HOUR_MS - 3 * HOUR_MS;
  must(s->shops && room_ms > 0);
  s->start_ms = sim_now(s);
  s->building = true;
  for (int64_t made = 0; made < s->o.orders;) {
    int64_t back_ms = 2 * HOUR_MS + (int64_t)(sim_hash(s, "first", s->customers, 0) % (uint64_t)room_ms);
    int64_t span_ms = back_ms - HOUR_MS < SEVERAL_SPAN_MS ? back_ms - HOUR_MS : SEVERAL_SPAN_MS;
    made += customer_make(s, s->start_ms - back_ms, span_ms, back_ms > 74 * HOUR_MS);
  }
  sim_world_run(s, s->start_ms);
  s->building = false;
  lists_sort(s);
  event_add(s, s->start_ms + 1000, SIM_EV_TICK, NULL, NULL);
}

void sim_world_free(struct sim *s)
{
  for (size_t i = 0; i < s->shops; i++) {
    struct sim_shop_own *own = s->shop[i].own;
    mem_free(own->all.at), mem_free(own->by_change.at), mem_free(own->by_placed.at), mem_free(own->slot);
    mem_free(own->nonce);
  }
  mem_free(s->due.at);
  sim_ship_free(s);
  sim_factories_free(s), sim_carriers_free(s);
}
