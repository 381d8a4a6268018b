/* sim_ship.c: shops of the simulator are told that something was shipped, and how many there are. What the platforms
 * take of it is decided here, how they say it in their own files; every word is kept in a ledger, so that a test can count
 * what was told twice, and figures that came too late. Carriers pick parcels up, platforms' own people ship behind our back. */
#include "edge.h"
#include <stdio.h>
#include <stdlib.h>

#define MINUTE_MS (60 * 1000LL)
#define HOUR_MS (60 * MINUTE_MS)
#define DELIVERED_MS (30 * HOUR_MS)
#define NO_LEAST 6
#define NO_MOST 40

const char *sim_ship_name(enum sim_ship s)
{
  static const char *const names[] = {
#define X(id, name) name,
    SIM_SHIP_MAP(X)
#undef X
  };
  return names[s];
}

/* ---- carriers by the platforms' names of them ----------------------------------------------------------- */
static const struct carrier {
  const char *code, *taobao, *jd, *douyin, *pdd;
} carriers[] = {
  { "SF", "SF", "467", "shunfeng", "44" },
  { "ZTO", "ZTO", "1499", "zhongtong", "115" },
  { "YTO", "YTO", "463", "yuantong", "85" },
  { "STO", "STO", "470", "shentong", "1" },
  { "YD", "YUNDA", "1327", "yunda", "121" },
  { "EMS", "EMS", "465", "ems", "118" },
  { "YZPY", "POSTB", "2170", "youzhengguonei", "132" },
  { "JD", "JD", "2087", "jd", "120" },
  { "DBL", "DBKD", "3046", "debangwuliu", "131" },
};

static const char *carrier_word(const struct carrier *k, const struct sim_platform *row)
{
  const char *const words[] = { k->code, k->taobao, k->jd, k->douyin, k->pdd };
  return words[row->carriers];
}

/* Our code; "" where the platform takes any text; NULL: it knows no such carrier. */
static const char *carrier_code(const struct sim_platform *row, const char *given)
{
  for (size_t i = 0; given && i < COUNT(carriers); i++)
    if (!strcmp(carrier_word(&carriers[i], row), given)) return carriers[i].code;
  return !given || (row->carriers == SIM_CARRIER_ANY && *given) ? "" : NULL;
}

const char *sim_parcel_carrier(const struct sim_parcel *p, const char *usual)
{
  return p && *p->carrier ? p->carrier : usual;
}

/* ---- parcels ------------------------------------------------------------------------------------------------ */
const struct sim_parcel *sim_parcel_of(const struct sim_order *o, size_t line, unsigned unit)
{
  for (size_t i = 0; i < o->parcels; i++)
    if (o->parcel[i].unit[line] & 1u << unit) return &o->parcel[i];
  return NULL;
}

static int wanted(const struct sim_line *l)
{
  return l->refund == SIM_REFUND_DONE ? 0 : l->quantity;
}

static unsigned units_gone(const struct sim_order *o, size_t line)
{
  unsigned gone = 0;
  for (size_t i = 0; i < o->parcels; i++) gone |= o->parcel[i].unit[line];
  return gone;
}

static int count_bits(unsigned v)
{
  int n = 0;
  for (; v; v &= v - 1) n++;
  return n;
}

static int units_left(const struct sim_order *o, size_t line)
{
  int left = wanted(&o->line[line]) - count_bits(units_gone(o, line));
  return left > 0 ? left : 0;
}

static bool all_gone(const struct sim_order *o)
{
  for (size_t i = 0; i < o->lines; i++)
    if (units_left(o, i)) return false;
  return true;
}

/* n pieces of a line that are not yet gone; those of `which` before others. */
static void units_put(struct sim_order *o, struct sim_parcel *p, size_t line, int n, unsigned which)
{
  unsigned gone = units_gone(o, line);
  for (int pass = 0; pass < 2; pass++)
    for (unsigned u = 0; n > 0 && u < o->line[line].quantity; u++) {
      if (gone & 1u << u || (!pass && !(which & 1u << u))) continue;
      gone |= 1u << u, p->unit[line] |= (uint8_t)(1u << u), p->quantity[line]++, n--;
    }
}

static struct sim_parcel *parcel_new(struct sim *s, struct sim_order *o, const char *no, const char *carrier)
{
  if (!o->parcel) o->parcel = arena_array(&s->mem, struct sim_parcel, SIM_PARCELS_MAX);
  if (o->parcels == SIM_PARCELS_MAX) return NULL;
  struct sim_parcel *p = &o->parcel[o->parcels++];
  *p = (struct sim_parcel){ 0 };
  snprintf(p->no, sizeof p->no, "%s", no), snprintf(p->carrier, sizeof p->carrier, "%s", carrier);
  return p;
}

static bool has(const struct sim_shop *s, enum sim_status st)
{
  return s->row->statuses & 1u << st;
}

/* The order's status after a parcel more, or after one was picked up. */
static void order_follow(const struct sim_shop *s, struct sim_order *o, int64_t at_ms)
{
  for (size_t i = 0; i < o->lines; i++)
    o->line[i].shipped = o->line[i].shipped || (units_gone(o, i) && !units_left(o, i));
  bool picked = !s->row->by_pickup;
  for (size_t i = 0; i < o->parcels; i++) picked = picked || o->parcel[i].picked_ms || o->parcel[i].by_hand;
  if (!picked || (o->status != SIM_PAID && o->status != SIM_PARTLY)) return;
  if (!o->shipped_ms) o->shipped_ms = at_ms;
  if (!all_gone(o)) {
    if (has(s, SIM_PARTLY)) o->status = SIM_PARTLY;
    return;
  }
  o->status = has(s, SIM_SHIPPED) ? SIM_SHIPPED : SIM_COMPLETED;
  if (o->status == SIM_COMPLETED) o->completed_ms = at_ms;
}

static const char *number_by_hand(struct arena *a, const struct sim_shop *s, const struct sim_order *o)
{
  return arena_printf(a, "SF%013llu",
                      (unsigned long long)(sim_hash(s->sim, s->name, o->n, 7) % 10000000000000u));
}

bool sim_ship_by_hand(struct sim_shop *s, struct sim_order *o, const char *no, int64_t at_ms, bool whole)
{
  struct arena mem = { 0 };
  bool open = o->status == SIM_PAID || (whole && o->status == SIM_PARTLY);
  if (!open || (!whole && (o->lines < 2 || !has(s, SIM_PARTLY))) || (whole && all_gone(o))) return false;
  struct sim_parcel *p = NULL;
  if (!no) no = number_by_hand(&mem, s, o);
  for (size_t i = 0; i < o->parcels && !p; i++)
    if (!strcmp(o->parcel[i].no, no)) p = &o->parcel[i];
  if (!p) p = parcel_new(s->sim, o, no, "");
  arena_release(&mem);
  if (!p) return false;
  p->by_hand = true;
  if (!p->told_ms) p->told_ms = p->picked_ms = at_ms;
  for (size_t i = 0; i < (whole ? o->lines : 1u); i++) {
    units_put(o, p, i, o->line[i].quantity, 0xff);
    o->line[i].shipped = true;
  }
  order_follow(s, o, at_ms);
  return true;
}

bool sim_refunding(const struct sim_order *o)
{
  for (size_t i = 0; i < o->lines; i++)
    if (o->line[i].refund == SIM_REFUND_ASKED) return true;
  return false;
}

bool sim_recall(struct sim_shop *s, struct sim_order *o, int64_t at_ms)
{
  (void)s;
  if (o->status == SIM_CANCELLED || o->status == SIM_PLACED) return false;
  for (size_t i = 0; i < o->parcels; i++)
    if (o->parcel[i].picked_ms) return false;
  o->status = SIM_CANCELLED, o->cancelled_ms = at_ms, o->late_cancel = true;
  return true;
}

/* ---- what is planned to go wrong ------------------------------------------------------------------------------ */
const char *sim_plan_how(struct sim_shop *s, const char *call)
{
  static char how[sizeof s->own->plan->how];
  struct sim_shop_own *own = s->own;
  for (size_t i = 0; i < own->plans; i++) {
    struct sim_plan *p = &own->plan[i];
    if (strcmp(p->call, call) != 0) continue;
    memcpy(how, p->how, sizeof how);
    if (--p->times <= 0) memmove(p, p + 1, (--own->plans - i) * sizeof *p);
    return how;
  }
  return "";
}

/* ---- the ledger --------------------------------------------------------------------------------------------------- */
static struct sim_told *told_new(struct sim_call *c)
{
  struct sim *s = c->shop->sim;
  if (s->tolds == s->tolds_cap)
    s->tolds_cap = s->tolds_cap ? 2 * s->tolds_cap : 256,
    s->told = mem_grow(s->told, s->tolds_cap * sizeof *s->told);
  struct sim_told *t = &s->told[s->tolds++];
  *t = (struct sim_told){ .at_ms = c->now_ms, .shop = c->shop };
  c->told = s->tolds;
  return t;
}

static const char *kept(struct sim_call *c, const char *text)
{
  return text ? arena_strn(&c->shop->sim->mem, text, strnlen(text, 2 * SIM_NO_TEXT)) : NULL;
}

void sim_ledger_put(const struct sim *s, struct jw *w)
{
  jw_object(w);
  static const char *const kinds[] = { "confirmations", "stock", "refunds" };
  for (int kind = 0; kind < 3; kind++) {
    bool stock = kind == 1;
    jw_key(w, kinds[kind]), jw_array(w);
    for (const struct sim_told *t = s->told; t < s->told + s->tolds; t++) {
      if (kind != (t->is_refund ? 2 : !t->order)) continue;
      jw_object(w);
      jw_ktime(w, "at", t->at_ms), jw_kstring(w, "shop", t->shop->name);
      if (t->is_refund) jw_kstring(w, "order", t->order), jw_kint(w, "amount_minor", t->quantity);
      else if (stock) jw_kstring(w, "sku", t->sku), jw_kint(w, "quantity", t->quantity);
      else {
        jw_kstring(w, "order", t->order), jw_kstring(w, "carrier", t->carrier),
          jw_kstring(w, "tracking_no", t->no);
        jw_kbool(w, "early", t->early);
      }
      jw_kstring(w, "result", t->result), jw_kbool(w, "answered", t->answered);
      jw_object_end(w);
    }
    jw_array_end(w);
  }
  jw_key(w, "parcels"), jw_array(w);
  for (size_t i = 0; i < s->labels; i++) {
    const struct sim_label *l = s->label[i];
    jw_object(w);
    jw_kstring(w, "carrier", *l->carrier ? l->carrier : NULL), jw_kstring(w, "tracking_no", l->no);
    jw_ktime(w, "made_at", l->made_ms), jw_ktime(w, "picked_up_at", l->picked_ms);
    jw_object_end(w);
  }
  jw_array_end(w);
  jw_object_end(w);
}

void sim_ship_free(struct sim *s)
{
  mem_free(s->told), mem_free(s->label);
}

/* ---- carriers ------------------------------------------------------------------------------------------------------ */
static struct sim_label *label_find(struct sim *s, const char *no)
{
  for (size_t i = s->labels; i-- > 0;)
    if (!strcmp(s->label[i]->no, no)) return s->label[i];
  return NULL;
}

struct sim_label *sim_label(struct sim *s, const char *carrier, const char *no, int64_t after_ms)
{
  struct sim_label *l = label_find(s, no);
  if (!l) {
    if (s->labels == s->labels_cap)
      s->labels_cap = s->labels_cap ? 2 * s->labels_cap : 64,
      s->label = mem_grow(s->label, s->labels_cap * sizeof(struct sim_label *));
    l = s->label[s->labels++] = arena_new(&s->mem, struct sim_label);
    snprintf(l->no, sizeof l->no, "%s", no);
    l->made_ms = sim_now(s);
  } else if (l->due_ms || l->picked_ms) {
    return l;
  }
  if (carrier && *carrier) snprintf(l->carrier, sizeof l->carrier, "%s", carrier);
  uint64_t draw = sim_hash(s, "pickup", hash64(no, strlen(no), 3), 0);
  if (after_ms < 0) {
    if (sim_hits(s, SIM_FAULT_UNPICKED, draw)) return l;
    after_ms = s->o.pickup_ms + (int64_t)(draw >> 20) % (s->o.pickup_ms / 2 + 1);
  }
  l->due_ms = sim_now(s) + after_ms;
  sim_event_at(s, l->due_ms, SIM_EV_PICK_UP, NULL, NULL, l);
  return l;
}

static void parcels_picked(struct sim *s, const char *no, int64_t at_ms)
{
  for (size_t i = 0; i < s->shops; i++) {
    struct sim_shop *shop = &s->shop[i];
    for (size_t k = 0; k < shop->own->all.n; k++) {
      struct sim_order *o = shop->own->all.at[k];
      bool here = false;
      for (size_t j = 0; j < o->parcels; j++) {
        if (o->parcel[j].picked_ms || strcmp(o->parcel[j].no, no) != 0) continue;
        o->parcel[j].picked_ms = at_ms, here = true;
      }
      if (!here) continue;
      order_follow(shop, o, at_ms);
      sim_change(s, shop, o, at_ms);
    }
  }
}

bool sim_pick_up(struct sim *s, const char *no, int64_t at_ms)
{
  struct sim_label *l = label_find(s, no);
  if (!l || l->picked_ms) return false;
  l->picked_ms = at_ms;
  parcels_picked(s, no, at_ms);
  if (s->picked) s->picked(s, l, "picked_up", at_ms);
  return true;
}

/* ---- a confirmation ---------------------------------------------------------------------------------------------------- */
static bool number_ok(const char *no)
{
  size_t n = no ? strlen(no) : 0;
  return n >= NO_LEAST && n <= NO_MOST &&
         strspn(no, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

static enum sim_ship state_check(const struct sim_order *o, const char *no)
{
  for (size_t i = 0; i < o->parcels; i++)
    if (!strcmp(o->parcel[i].no, no)) return SIM_SHIP_SAME;
  if (o->status == SIM_CANCELLED) return SIM_SHIP_CLOSED;
  if (o->status == SIM_PLACED) return SIM_SHIP_UNPAID;
  if (o->status == SIM_SHIPPED || o->status == SIM_COMPLETED || all_gone(o)) return SIM_SHIP_SHIPPED;
  return SIM_SHIP_OK;
}

static enum sim_ship lines_check(const struct sim_order *o, const struct sim_confirm *f)
{
  int named = 0;
  for (size_t i = 0; i < o->lines; i++) {
    int n = f->part ? f->quantity[i] : units_left(o, i);
    if (!n) continue;
    named += n;
    if (o->line[i].refund == SIM_REFUND_ASKED) return SIM_SHIP_REFUNDING;
    if (n > units_left(o, i)) return units_left(o, i) ? SIM_SHIP_LINES : SIM_SHIP_SHIPPED;
    if (f->unit[i] & units_gone(o, i)) return SIM_SHIP_SHIPPED;
  }
  return named ? SIM_SHIP_OK : SIM_SHIP_LINES;
}

static enum sim_ship confirm_check(const struct sim_shop *s, const struct sim_order *o,
                                   const struct sim_confirm *f)
{
  if (!o) return SIM_SHIP_NO_ORDER;
  if (!number_ok(f->no)) return SIM_SHIP_NUMBER;
  if (f->carrier && !carrier_code(s->row, f->carrier)) return SIM_SHIP_CARRIER;
  enum sim_ship is = state_check(o, f->no);
  return is == SIM_SHIP_OK && !f->noted ? lines_check(o, f) : is;
}

/* What is to go wrong with it: as planned, else by the shares. */
static const char *fate_of(struct sim_call *c, const struct sim_order *o)
{
  struct sim *s = c->shop->sim;
  const char *how = sim_plan_how(c->shop, "confirm");
  uint64_t draw =
    sim_hash(s, "confirm", (uint64_t)(unsigned)c->shop->number << 32 | (o ? o->n : 0), o ? o->confirms : 0);
  static const struct {
    enum sim_fault fault;
    const char *how[2];
  } shares[] = { { SIM_FAULT_CONFIRM_REFUSALS, { "refuse", "refuse" } },
                 { SIM_FAULT_CONFIRM_TIMEOUTS, { "lost", "hang" } },
                 { SIM_FAULT_CONFIRM_ERRORS, { "taken_error", "error" } } };
  for (size_t i = 0; !*how && i < COUNT(shares); i++)
    if (sim_hits(s, shares[i].fault, draw)) {
      c->shop->own->fault[shares[i].fault]++;
      how = shares[i].how[draw >> 40 & 1];
    }
  return how;
}

static void fate_take(struct sim_call *c, const char *how)
{
  if (!strcmp(how, "lost") || !strcmp(how, "hang")) c->lost = true;
  else if (!strcmp(how, "error") || !strcmp(how, "taken_error")) c->broken = 502 + (int)(c->draw >> 30 & 1);
  else if (!strcmp(how, "cut")) c->cut = true;
}

static void carry_out(struct sim_call *c, struct sim_order *o, const struct sim_confirm *f,
                      struct sim_told *t)
{
  struct sim *s = c->shop->sim;
  struct sim_parcel *p = parcel_new(s, o, f->no, f->carrier ? f->carrier : "");
  if (!p) return;
  const char *code = carrier_code(c->shop->row, f->carrier);
  p->told_ms = c->now_ms;
  for (size_t i = 0; !f->noted && i < o->lines; i++)
    units_put(o, p, i, f->part ? f->quantity[i] : units_left(o, i), f->unit[i]);
  const struct sim_label *l = sim_label(s, code, f->no, -1);
  p->picked_ms = l->picked_ms;
  t->early = !l->picked_ms;
  order_follow(c->shop, o, c->now_ms);
  sim_change(s, c->shop, o, c->now_ms);
  uint64_t draw = sim_hash(s, "recall", (uint64_t)(unsigned)c->shop->number << 32 | o->n, o->parcels);
  if (!l->picked_ms && sim_hits(s, SIM_FAULT_LATE_REFUNDS, draw)) {
    int64_t room = l->due_ms ? l->due_ms - c->now_ms : HOUR_MS;
    sim_event_at(s, c->now_ms + room / 2, SIM_EV_RECALL, c->shop, o, NULL);
    c->shop->own->fault[SIM_FAULT_LATE_REFUNDS]++;
  }
}

enum sim_ship sim_ship(struct sim_call *c, struct sim_order *o, const struct sim_confirm *f)
{
  struct sim_told *t = told_new(c);
  const char *how = fate_of(c, o);
  enum sim_ship is = confirm_check(c->shop, o, f);
  t->order = o ? o->id : "?", t->carrier = kept(c, f->carrier), t->no = kept(c, f->no), t->answered = true;
  if (o) o->confirms++;
  if (!strcmp(how, "hang") || !strcmp(how, "error")) is = SIM_SHIP_NOT_TAKEN;
  else if (!strcmp(how, "refuse") && is == SIM_SHIP_OK) is = SIM_SHIP_LOCKED;
  fate_take(c, how);
  t->answered = !c->lost && !c->broken && !c->cut;
  t->result = sim_ship_name(is);
  if (is == SIM_SHIP_OK) carry_out(c, o, f, t);
  return is;
}

/* ---- money back ---------------------------------------------------------------------------------------------------------- */
int64_t sim_paid_back(const struct sim_order *o)
{
  int64_t sum = o->refunded;
  if (o->status == SIM_CANCELLED && o->paid_ms) return o->total;
  for (size_t i = 0; i < o->backs; i++) sum += o->back[i].amount;
  return sum;
}

static enum sim_pay pay_check(const struct sim_order *o, int64_t amount)
{
  if (!o) return SIM_BACK_NO_ORDER;
  if (!o->paid_ms) return SIM_BACK_UNPAID;
  if (amount <= 0 || amount > o->total - sim_paid_back(o) || o->backs == SIM_BACKS_MAX)
    return SIM_BACK_TOO_MUCH;
  return SIM_BACK_OK;
}

enum sim_pay sim_pay_back(struct sim_call *c, struct sim_order *o, int64_t amount, const char *meta)
{
  static const char *const names[] = {
#define X(id, name) name,
    SIM_BACK_MAP(X)
#undef X
  };
  struct sim_told *t = told_new(c);
  const char *how = sim_plan_how(c->shop, "refund");
  enum sim_pay is = pay_check(o, amount);
  if (!strcmp(how, "hang") || !strcmp(how, "error")) is = SIM_BACK_NOT_TAKEN;
  else if (!strcmp(how, "refuse") && is == SIM_BACK_OK) is = SIM_BACK_LOCKED;
  fate_take(c, how);
  t->order = o ? o->id : "?", t->quantity = amount, t->is_refund = true;
  t->answered = !c->lost && !c->broken && !c->cut, t->result = names[is];
  if (is != SIM_BACK_OK) return is;
  struct arena *mem = &c->shop->sim->mem;
  if (!o->back) o->back = arena_array(mem, struct sim_back, SIM_BACKS_MAX);
  o->back[o->backs++] = (struct sim_back){ amount, c->now_ms, meta ? arena_str(mem, meta) : NULL };
  sim_change(c->shop->sim, c->shop, o, c->now_ms);
  return is;
}

/* ---- stock ---------------------------------------------------------------------------------------------------------------- */
int sim_sku_coded(const char *code)
{
  for (int i = 0; code && i < SIM_SKUS_MAX; i++) {
    struct sim_line l = { .sku = (uint16_t)i };
    if (!strcmp(sim_sku(&l)->code, code)) return i;
  }
  return -1;
}

bool sim_stock(struct sim_call *c, int sku, int64_t quantity, bool is_delta)
{
  struct sim_shop_own *own = c->shop->own;
  const char *how = sim_plan_how(c->shop, "stock");
  struct sim_told *t = told_new(c);
  struct sim_line l = { .sku = (uint16_t)(sku < 0 ? 0 : sku) };
  bool known = sku >= 0 && sku < SIM_SKUS_MAX;
  bool ok = known && quantity >= 0 && strcmp(how, "refuse") != 0;
  bool taken = ok && strcmp(how, "hang") != 0 && strcmp(how, "error") != 0;
  t->sku = known ? sim_sku(&l)->code : "?", t->quantity = quantity;
  if (taken) own->stock[sku] = is_delta ? own->stock[sku] + quantity : quantity;
  fate_take(c, how);
  t->answered = !c->lost && !c->broken && !c->cut;
  t->result = taken ? "accepted" : ok ? "not_taken" : known ? "refused" : "unknown_sku";
  return ok;
}
