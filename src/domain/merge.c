/* Who belongs together (domain 3). Pure: the same set of orders gives the same groups, whatever came first. */
#include "domain.h"
#include <stdlib.h>

static bool same_text(const char *x, const char *y)
{
  return x == y || !strcmp(x ? x : "", y ? y : "");
}

static bool phone_key_full(int64_t key)
{
  return key > 0 && (uint32_t)key != 0;
}

static bool phone_key_masked(int64_t key)
{
  return key > 0 && (uint32_t)key == 0;
}

static struct addr *addr_of(struct arena *a, struct merge_order *o)
{
  if (!o->addr) {
    o->addr = arena_new(a, struct addr);
    addr_parse(a, &o->where, o->addr);
  }
  return o->addr;
}

static struct merge_why why(enum merge_verdict v, const char *code)
{
  return (struct merge_why){ .verdict = v, .code = code };
}

static struct merge_why why_values(enum merge_verdict v, const char *code, const char *mine,
                                   const char *theirs)
{
  return (struct merge_why){ .verdict = v, .code = code, .mine = mine, .theirs = theirs };
}

/* Same phone is settled; the address decides. */
static struct merge_why by_address(struct arena *a, struct merge_order *x, struct merge_order *y,
                                   enum merge_verdict best, const char *code)
{
  enum addr_part part = ADDR_N;
  const char *note = NULL;
  struct addr *p = addr_of(a, x), *q = addr_of(a, y);
  enum addr_verdict v = addr_agree(a, p, q, &part, &note);
  struct merge_why w = why(v == ADDR_AGREE ? best : v == ADDR_PROBABLE ? MERGE_PROPOSE : MERGE_APART, code);
  if (v == ADDR_PROBABLE && best == MERGE_TOGETHER) w.code = "address_probable";
  if (v == ADDR_DIFFER)
    w.code = p->masked || q->masked ? "address_masked"
             : part == ADDR_N       ? "address_unclear"
                                    : "address_differs";
  if (part != ADDR_N) w.part = addr_part_name(part), w.mine = p->part[part], w.theirs = q->part[part];
  if (part == ADDR_N) w.mine = note;
  return w;
}

/* The 63-bit keys are hashes; the digits themselves have the last word. */
static bool same_digits(const struct merge_order *x, const struct merge_order *y)
{
  struct phone p, q;
  if (same_text(x->phone, y->phone)) return true;
  phone_parse(x->phone, x->where.country, &p);
  phone_parse(y->phone, y->where.country, &q);
  return !strcmp(p.digits, q.digits);
}

static struct merge_why by_keys(struct arena *a, struct merge_order *x, struct merge_order *y)
{
  bool tokens = x->token && y->token && same_text(x->family, y->family);
  if (tokens && same_text(x->token, y->token)) return why(MERGE_TOGETHER, "same_token");
  if (phone_key_full(x->contact_key) && x->contact_key == y->contact_key) {
    if (same_digits(x, y)) return by_address(a, x, y, MERGE_TOGETHER, "same_phone_address");
    return why(MERGE_APART, "other_phone");
  }
  bool masked = phone_key_masked(x->contact_key) || phone_key_masked(y->contact_key);
  if (masked && x->contact_key > 0 && x->contact_key >> 32 == y->contact_key >> 32)
    return by_address(a, x, y, MERGE_PROPOSE, "phone_masked");
  if (tokens) return why(MERGE_APART, "other_token");
  return why(MERGE_APART, "other_phone");
}

static struct merge_why pair(struct arena *a, const struct merge_rules *r, struct merge_order *x,
                             struct merge_order *y, bool platform)
{
  if (!same_text(x->currency, y->currency))
    return why_values(MERGE_APART, "other_currency", x->currency, y->currency);
  if (!same_text(x->service, y->service))
    return why_values(MERGE_APART, "other_service", x->service, y->service);
  if (!r->across_channels && x->channel_id != y->channel_id)
    return why_values(MERGE_APART, "channel_rule", x->channel, y->channel);
  struct merge_why w = platform ? why(MERGE_TOGETHER, "platform_together") : by_keys(a, x, y);
  w.gap_ms = x->placed_at - y->placed_at;
  if (w.verdict == MERGE_TOGETHER && (x->ask || y->ask)) w.verdict = MERGE_PROPOSE, w.code = "rule_asks";
  if (w.verdict != MERGE_TOGETHER || !r->remarks_propose) return w;
  const char *const mine[] = { x->remark_buyer, x->remark_seller, x->remark_flag };
  const char *const theirs[] = { y->remark_buyer, y->remark_seller, y->remark_flag };
  for (size_t i = 0; i < COUNT(mine); i++)
    if (!same_text(mine[i], theirs[i]))
      return why_values(MERGE_PROPOSE, "remark_differs", mine[i], theirs[i]);
  return w;
}

struct merge_why merge_pair(struct arena *a, const struct merge_rules *r, struct merge_order *x,
                            struct merge_order *y)
{
  return pair(a, r, x, y, false);
}

struct merge_why merge_pair_platform(struct arena *a, const struct merge_rules *r, struct merge_order *x,
                                     struct merge_order *y)
{
  return pair(a, r, x, y, true);
}

int merge_before(const struct merge_order *x, const struct merge_order *y)
{
  if (x->placed_at != y->placed_at) return x->placed_at < y->placed_at ? -1 : 1;
  int c = strcmp(x->channel, y->channel);
  return c ? c : strcmp(x->external_id, y->external_id);
}

/* ---- the greedy walk ------------------------------------------------------------------------------------------- */

struct walk {
  struct arena *a;
  const struct merge_rules *r;
  struct merge_order **o;
  size_t n;
  merge_decided_fn *decided;
  void *arg;
  size_t *sorted; /* indexes in the order of the walk */
  size_t *unit;   /* index -> first index (in the walk) of those that a person tied to it */
  size_t *group;  /* index -> index of the group's first order; n: none yet */
};

static int said(struct walk *w, size_t i, size_t k)
{
  return w->decided ? w->decided(w->arg, w->o[i]->id, w->o[k]->id) : 0;
}

static bool pair_fits(struct walk *w, size_t i, size_t k)
{
  int d = said(w, i, k);
  if (d == SAID_TOGETHER || d < 0) return d > 0;
  return pair(w->a, w->r, w->o[i], w->o[k], d == PLATFORM_TOGETHER).verdict == MERGE_TOGETHER;
}

/* Does order i, alone, fit the group that began with `first`? Window and ship-by from the group, then every member. */
static bool order_fits(struct walk *w, size_t i, size_t first)
{
  const struct merge_order *o = w->o[i];
  int64_t from = w->o[first]->placed_at, ship_by = 0;
  bool tied_to_all = true;
  for (size_t k = 0; k < w->n; k++) {
    if (w->group[k] != first) continue;
    const struct merge_order *m = w->o[k];
    if (m->placed_at < from) from = m->placed_at;
    if (m->ship_by && (!ship_by || m->ship_by < ship_by)) ship_by = m->ship_by;
    if (said(w, i, k) != SAID_TOGETHER) tied_to_all = false;
  }
  if (!tied_to_all) {
    if (w->r->window_ms < 0 || o->placed_at - from > w->r->window_ms) return false;
    if (ship_by && o->placed_at > ship_by - w->r->margin_ms) return false;
  }
  for (size_t k = 0; k < w->n; k++)
    if (w->group[k] == first && !pair_fits(w, i, k)) return false;
  return true;
}

static size_t group_size(const struct walk *w, size_t first)
{
  size_t n = 0;
  for (size_t k = 0; k < w->n; k++) n += w->group[k] == first;
  return n;
}

static bool unit_fits(struct walk *w, size_t unit, size_t first)
{
  size_t size = group_size(w, first);
  for (size_t i = 0; i < w->n; i++) {
    if (w->unit[i] != unit) continue;
    if (++size > (size_t)w->r->group_max || !order_fits(w, i, first)) return false;
  }
  return true;
}

static void unit_join(struct walk *w, size_t unit, size_t first)
{
  for (size_t i = 0; i < w->n; i++)
    if (w->unit[i] == unit) w->group[i] = first;
}

/* Insertion sort: a handful of orders nearly always, never more than MERGE_CROWD_MAX. */
static void walk_sort(struct walk *w)
{
  for (size_t i = 0; i < w->n; i++) {
    size_t k = i;
    while (k && merge_before(w->o[i], w->o[w->sorted[k - 1]]) < 0) w->sorted[k] = w->sorted[k - 1], k--;
    w->sorted[k] = i;
  }
}

/* What a person put together is one unit, named by its earliest order. A tie never reaches across two orders
 * that a person took apart: the earlier tie stands. */
static void walk_units(struct walk *w)
{
  for (size_t i = 0; i < w->n; i++) w->unit[i] = i;
  for (size_t s = 0; w->decided && s < w->n; s++) {
    size_t i = w->sorted[s];
    for (size_t t = 0; t < s; t++) {
      size_t k = w->sorted[t], from = w->unit[i], to = w->unit[k];
      if (from == to || said(w, i, k) != SAID_TOGETHER) continue;
      bool apart = false;
      for (size_t x = 0; x < w->n && !apart; x++)
        for (size_t y = 0; w->unit[x] == from && y < w->n && !apart; y++)
          apart = w->unit[y] == to && said(w, x, y) == SAID_APART;
      if (apart) continue;
      size_t name = merge_before(w->o[from], w->o[to]) < 0 ? from : to;
      for (size_t x = 0; x < w->n; x++)
        if (w->unit[x] == from || w->unit[x] == to) w->unit[x] = name;
    }
  }
}

void merge_groups(struct arena *a, const struct merge_rules *r, struct merge_order **o, size_t n,
                  merge_decided_fn *decided, void *arg, size_t *group)
{
  struct walk w = { a,    r, o, n, decided, arg, arena_array(a, size_t, n + 1), arena_array(a, size_t, n + 1),
                    group };
  walk_sort(&w);
  walk_units(&w);
  for (size_t i = 0; i < n; i++) group[i] = n;
  for (size_t s = 0; s < n; s++) {
    size_t i = w.sorted[s], at = n;
    if (w.unit[i] != i) continue;
    for (size_t t = 0; t < s && at == n; t++) {
      size_t first = w.sorted[t];
      if (group[first] == first && unit_fits(&w, i, first)) at = first;
    }
    unit_join(&w, i, at == n ? i : at);
  }
}
