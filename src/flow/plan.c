/* plan.c: where the pieces of orders come from: the dictionary and the stock as they are, given to split() (domain 7.1),
 * and its answer made into units. */
#include "flow.h"
#include <stdio.h>
#include <stdlib.h>

/* ---- what is wanted ----------------------------------------------------------------------------------------------------- */

static int64_t volume_of(const struct sku *s)
{
  int64_t v = 0;
  if (s->length <= 0 || s->width <= 0 || s->height <= 0) return 0;
  if (__builtin_mul_overflow(s->length, s->width, &v) || __builtin_mul_overflow(v, s->height, &v))
    return INT64_MAX / 1000000;
  return (v + 999) / 1000;
}

static int64_t sum_of(int64_t sum, int64_t one, int64_t times)
{
  int64_t more;
  if (__builtin_mul_overflow(one, times, &more) || __builtin_add_overflow(sum, more, &more))
    return INT64_MAX / 1000000;
  return more;
}

static int64_t larger(int64_t x, int64_t y)
{
  return x > y ? x : y;
}

/* A kit whose own weight or size is known is packed as such; else it is as heavy as its parts and as long as the longest. */
static enum err kit_measure(struct cmd *c, struct db *db, struct split_line *l, const struct sku *kit,
                            const struct kit_part *part, struct split_part *out)
{
  int64_t weight = 0, volume = 0, side[3] = { 0 };
  for (size_t i = 0; i < l->parts; i++) {
    struct sku s;
    TRY(sku_get(db, &c->mem, part[i].sku_id, &s));
    out[i] = (struct split_part){ s.id, part[i].quantity, s.made };
    weight = sum_of(weight, s.weight, part[i].quantity),
    volume = sum_of(volume, volume_of(&s), part[i].quantity);
    side[0] = larger(side[0], s.length), side[1] = larger(side[1], s.width),
    side[2] = larger(side[2], s.height);
    l->cold = l->cold || s.cold;
    if (!l->hazard) l->hazard = s.hazard;
  }
  if (!l->weight) l->weight = weight;
  if (!kit->length) l->length = side[0], l->width = side[1], l->height = side[2];
  if (!l->volume) l->volume = volume;
  return ERR_OK;
}

static enum err line_measure(struct cmd *c, struct db *db, struct split_line *l, int64_t sku_id)
{
  struct sku s;
  struct kit_part *part = NULL;
  struct split_part *out;
  TRY(sku_get(db, &c->mem, sku_id, &s));
  l->weight = s.weight, l->length = s.length, l->width = s.width, l->height = s.height,
  l->volume = volume_of(&s);
  l->cold = s.cold, l->hazard = s.hazard, l->parts = 1;
  if (s.kit) TRY(sku_parts(db, &c->mem, s.id, &part, &l->parts));
  l->part = out = arena_array(&c->mem, struct split_part, l->parts + 1);
  if (s.kit) return kit_measure(c, db, l, &s, part, out);
  out[0] = (struct split_part){ s.id, 1, s.made };
  return ERR_OK;
}

enum err plan_add(struct cmd *c, struct db *db, struct unit_plan *p, int64_t order_id,
                  const struct line_left *l, int64_t quantity, int64_t sku_id)
{
  if (p->n == p->cap) {
    struct split_line *grown = arena_array(&c->mem, struct split_line, p->cap = p->cap ? 2 * p->cap : 4);
    if (p->n) memcpy(grown, p->line, p->n * sizeof *grown);
    p->line = grown;
  }
  struct split_line *s = &p->line[p->n++];
  *s = (struct split_line){ .order_id = order_id, .line_no = l->line_no, .quantity = quantity };
  s->value = l->quantity ? l->value / l->quantity * quantity : 0;
  return sku_id ? line_measure(c, db, s, sku_id) : ERR_OK;
}

/* ---- the places -------------------------------------------------------------------------------------------------------------- */

static int64_t division_of(struct cmd *c, const struct order *o)
{
  struct addr_text t = { o->country, o->province, o->city, o->district, o->town, o->address, NULL };
  struct addr a;
  addr_parse(&c->mem, &t, &a);
  for (int i = ADDR_DISTRICT; i >= ADDR_PROVINCE; i--)
    if (a.part[i]) return strtoll(a.part[i], NULL, 10);
  return 0;
}

/* Where a rule sends an order counts as nearer than all others. */
#define ROUTED -1

static enum err places_of(struct cmd *c, struct db *db, const struct order *to, struct unit_plan *p)
{
  struct warehouse *w;
  size_t all;
  bool asked = false;
  struct order_wish wish = { 0 };
  if (c->rules->rule_set) TRY(wish_get(db, &c->mem, to->id, &wish));
  p->places = 0;
  TRY(warehouse_list(db, &c->mem, &w, &all));
  p->place = arena_array(&c->mem, struct split_place, all + 1);
  p->code = arena_array(&c->mem, const char *, all + 1);
  for (size_t i = 0; i < all; i++) asked = asked || w[i].regions;
  int64_t division = asked || all > 1 ? division_of(c, to) : 0;
  for (size_t i = 0; i < all; i++) {
    if (w[i].regions && !split_serves(&c->mem, w[i].regions, to->country, division)) continue;
    int64_t open = all > 1 ? fulfilments_open(db, w[i].id) : 0;
    p->code[p->places] = w[i].code;
    p->place[p->places++] =
      (struct split_place){ .id = w[i].id,
                            .factory = w[i].factory,
                            .distance = wish.warehouse && !strcmp(wish.warehouse, w[i].code)
                                          ? ROUTED
                                          : split_distance(w[i].country, w[i].division, to->country, division),
                            .load = w[i].capacity > 0 ? open * 1000 / w[i].capacity : open };
  }
  return ERR_OK;
}

static bool is_place(const struct split_place *place, size_t n, int64_t id)
{
  for (size_t i = 0; i < n; i++)
    if (place[i].id == id && !place[i].factory) return true;
  return false;
}

/* ---- what lies there ------------------------------------------------------------------------------------------------------------ */

struct have {
  struct split_free *at;
  size_t n, cap;
};

static void have_add(struct arena *a, struct have *h, int64_t sku_id, int64_t place_id, int64_t quantity)
{
  for (size_t i = 0; i < h->n; i++)
    if (h->at[i].sku_id == sku_id && h->at[i].place_id == place_id) {
      h->at[i].quantity += quantity;
      return;
    }
  if (h->n == h->cap) {
    struct split_free *grown = arena_array(a, struct split_free, h->cap = h->cap ? 2 * h->cap : 8);
    if (h->n) memcpy(grown, h->at, h->n * sizeof *grown);
    h->at = grown;
  }
  h->at[h->n++] = (struct split_free){ sku_id, place_id, quantity };
}

static enum err have_sku(struct cmd *c, struct db *db, struct have *h, int64_t sku_id,
                         const struct split_place *place, size_t n)
{
  struct stock_place *list;
  size_t rows;
  for (size_t i = 0; i < h->n; i++)
    if (h->at[i].sku_id == sku_id) return ERR_OK;
  TRY(stock_places(db, &c->mem, sku_id, &list, &rows));
  for (size_t i = 0; i < rows; i++)
    if (is_place(place, n, list[i].warehouse_id))
      have_add(&c->mem, h, sku_id, list[i].warehouse_id, list[i].available);
  return ERR_OK;
}

enum err plan_decide(struct cmd *c, struct db *db, struct unit_plan *p, const struct order *to,
                     const struct unit *mine, size_t n)
{
  struct have h = { 0 };
  TRY(places_of(c, db, to, p));
  for (size_t i = 0; i < p->n; i++)
    for (size_t x = 0; x < p->line[i].parts; x++)
      if (!p->line[i].part[x].made) TRY(have_sku(c, db, &h, p->line[i].part[x].sku_id, p->place, p->places));
  for (size_t i = 0; i < n; i++)
    if (mine[i].state == UNIT_RESERVED && is_place(p->place, p->places, mine[i].warehouse_id))
      have_add(&c->mem, &h, mine[i].sku_id, mine[i].warehouse_id, mine[i].quantity);
  p->have = h.at, p->haves = h.n;
  p->result = split(&c->mem, &c->rules->split, p->line, p->n, p->place, p->places, h.at, h.n);
  return ERR_OK;
}

/* Has this place all that is wanted from stock? */
static bool fills(const struct unit_plan *p, const struct split_place *at)
{
  for (size_t i = 0; i < p->n; i++)
    for (size_t x = 0; x < p->line[i].parts; x++) {
      int64_t sku_id = p->line[i].part[x].sku_id, wanted = 0, there = 0;
      if (p->line[i].part[x].made) continue;
      for (size_t k = 0; k < p->n; k++)
        for (size_t y = 0; y < p->line[k].parts; y++)
          if (p->line[k].part[y].sku_id == sku_id)
            wanted = sum_of(wanted, p->line[k].part[y].quantity, p->line[k].quantity);
      for (size_t k = 0; k < p->haves; k++)
        if (p->have[k].sku_id == sku_id && p->have[k].place_id == at->id) there += p->have[k].quantity;
      if (there < wanted) return false;
    }
  return true;
}

void plan_why(const struct unit_plan *p, struct jw *w)
{
  jw_kstring(w, "because", p->result.because ? p->result.because : "no_stock_kept");
  jw_kint(w, "parcels", p->result.parcels), jw_key(w, "places"), jw_array(w);
  for (size_t i = 0; i < p->places && i < 12; i++) {
    jw_object(w), jw_kstring(w, "warehouse", p->code[i]), jw_kbool(w, "factory", p->place[i].factory);
    jw_kint(w, "distance", p->place[i].distance), jw_kint(w, "load", p->place[i].load);
    if (!p->place[i].factory && p->n <= 50) jw_kbool(w, "fills", fills(p, &p->place[i]));
    jw_object_end(w);
  }
  jw_array_end(w);
}

enum err plan_units(struct cmd *c, const struct unit_plan *p, int parcel, struct unit **list, size_t *n)
{
  size_t cap = 0;
  for (size_t i = 0; i < p->result.n; i++) cap += p->line[p->result.take[i].line].parts;
  *list = arena_array(&c->mem, struct unit, cap + 1), *n = 0;
  for (size_t i = 0; i < p->result.n; i++) {
    const struct split_take *t = &p->result.take[i];
    const struct split_line *l = &p->line[t->line];
    if (parcel >= 0 && t->parcel != parcel) continue;
    for (size_t x = 0; x < l->parts; x++)
      (*list)[(*n)++] = (struct unit){ l->order_id,
                                       l->line_no,
                                       l->part[x].sku_id,
                                       t->place_id,
                                       parcel < 0 ? t->parcel + 1 : 0,
                                       t->quantity * l->part[x].quantity,
                                       l->part[x].made ? UNIT_MADE : UNIT_RESERVED };
  }
  return ERR_OK;
}

/* ---- old pieces for new ones ------------------------------------------------------------------------------------------------------- */

static void differ(struct arena *a, struct have *h, const struct unit *u, size_t n, int sign)
{
  for (size_t i = 0; i < n; i++)
    if (u[i].state == UNIT_RESERVED) have_add(a, h, u[i].sku_id, u[i].warehouse_id, sign * u[i].quantity);
}

enum err units_exchange(struct cmd *c, struct db *db, const struct unit *old, size_t old_n,
                        const struct unit *new, size_t new_n, const char *reason, const char *ref)
{
  struct have h = { 0 };
  differ(&c->mem, &h, old, old_n, -1), differ(&c->mem, &h, new, new_n, 1);
  bool freed = false;
  for (size_t i = 0; i < h.n; i++) freed = freed || h.at[i].quantity < 0;
  if (freed && exception_any(db, "oversold")) TRY(fulfil_wake(c, db));
  for (size_t i = 0; i < h.n; i++)
    if (h.at[i].quantity < 0)
      TRY(stock_move(db, h.at[i].sku_id, h.at[i].place_id, STOCK_RESERVED, STOCK_AVAILABLE, -h.at[i].quantity,
                     reason, ref, NULL, c->now_ms));
  for (size_t i = 0; i < h.n; i++)
    if (h.at[i].quantity > 0)
      TRY(stock_move(db, h.at[i].sku_id, h.at[i].place_id, STOCK_AVAILABLE, STOCK_RESERVED, h.at[i].quantity,
                     reason, ref, NULL, c->now_ms));
  for (size_t i = 0; i < old_n; i++) TRY(unit_drop(db, &old[i]));
  for (size_t i = 0; i < new_n; i++) TRY(unit_put(db, &new[i]));
  return ERR_OK;
}
