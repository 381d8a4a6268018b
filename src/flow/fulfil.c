/* fulfil.c: units, reservations and fulfilments follow the orders (domain 5, 7.1). What is wanted is worked out from the
 * order as it stands and compared with what there is: so it does not matter what happened, how often, or in which order. */
#include "flow.h"
#include <stdio.h>
#include <stdlib.h>

#define SETTLE_MAX 100000 /* orders that one command may touch; more is a circle of ours */

bool stock_tracked(struct cmd *c, struct db *db)
{
  return c->rules->track == TRACK_YES || (c->rules->track == TRACK_AUTO && sku_any(db));
}

void fulfil_touch(struct cmd *c, int64_t order_id)
{
  struct touched *t = &c->touched;
  for (size_t i = 0; i < t->n; i++)
    if (t->id[i] == order_id) return;
  if (t->n == t->cap) {
    int64_t *grown = arena_array(&c->mem, int64_t, t->cap = t->cap ? 2 * t->cap : 8);
    if (t->n) memcpy(grown, t->id, t->n * sizeof *grown);
    t->id = grown;
  }
  t->id[t->n++] = order_id;
}

enum err fulfil_wake(struct cmd *c, struct db *db)
{
  c->woke = true;
  return meta_put(db, "stock_heal", "1");
}

/* ---- how far a stage is ------------------------------------------------------------------------------------------------- */

/* The longest way by moves of ours, so that goods from stock, which skip production, do not stand before it. */
int stage_rank(const struct status_table *t, int stage)
{
  int rank[STATUS_MAX] = { 0 };
  if (stage < 0 || stage == ST_CANCELLED) return -1;
  for (int round = 0; round < t->stages; round++)
    for (int i = 0; i < t->moves; i++) {
      const struct move *m = &t->move[i];
      if (!m->forward || !(m->triggers & (TRIGGER_COMMAND | TRIGGER_SYSTEM)) || m->from == ST_CANCELLED)
        continue;
      if (rank[m->from] + 1 > rank[m->to] && rank[m->from] < t->stages) rank[m->to] = rank[m->from] + 1;
    }
  return rank[stage];
}

static int rank_of(const struct cmd *c, const char *status)
{
  return stage_rank(&c->rules->status, status_find(&c->rules->status, status));
}

static int rank_built_in(const struct cmd *c, int stage)
{
  return stage_rank(&c->rules->status, stage);
}

/* Work on it has begun, or its number is known: it is not planned anew. */
static bool is_fixed(const struct cmd *c, const struct fulfilment *f)
{
  return strcmp(f->work, "open") != 0 || rank_of(c, f->status) > rank_built_in(c, ST_SPLIT);
}

static bool is_claimed(const struct cmd *c, const struct fulfilment *f)
{
  return rank_of(c, f->status) >= rank_built_in(c, ST_PRE_SHIP);
}

/* ---- what an order wants ------------------------------------------------------------------------------------------------ */

struct want { /* of one line, for one order */
  struct line_left line;
  int64_t sku_id;
};

enum wish { WISH_NOTHING, WISH_RESERVE, WISH_SPLIT };

static enum wish wish_of(const struct cmd *c, const struct order *o)
{
  int s = status_find(&c->rules->status, o->status), rank = stage_rank(&c->rules->status, s);
  if (s < 0 || rank < 0 || (o->flags & (FLAG_PLATFORM_WAREHOUSE | FLAG_PLATFORM_INSPECTION | FLAG_AGENCY)))
    return WISH_NOTHING;
  if (rank >= rank_built_in(c, ST_SHIPPED)) return WISH_NOTHING;
  if (s == ST_PENDING) return c->rules->reserve_placed ? WISH_RESERVE : WISH_NOTHING;
  return rank < rank_built_in(c, ST_SPLIT) ? WISH_RESERVE : WISH_SPLIT;
}

static const char *names_json(struct cmd *c, const char *key, const char *const *name, size_t n)
{
  struct buf b = { 0 };
  struct jw w;
  jw_init(&w, &b), jw_object(&w), jw_key(&w, key), jw_array(&w);
  for (size_t i = 0; i < n && i < 20; i++) jw_string(&w, name[i]);
  jw_array_end(&w);
  jw_kstring(&w, "do", "Add the SKU to the dictionary, or map the channel's SKU to one that is there");
  jw_object_end(&w);
  const char *text = arena_strn(&c->mem, b.data, b.len);
  buf_release(&b);
  return text;
}

/* Pieces of one unit of a line that are of its first part: those tell how many units there are. */
static enum err first_part(struct cmd *c, struct db *db, const struct want *w, int64_t *sku_id, int64_t *each)
{
  struct kit_part *part;
  size_t n;
  *sku_id = w->sku_id, *each = 1;
  TRY(sku_parts(db, &c->mem, w->sku_id, &part, &n));
  if (n) *sku_id = part[0].sku_id, *each = part[0].quantity;
  return ERR_OK;
}

static enum err less_units(struct cmd *c, struct db *db, const struct unit *u, size_t n, struct want *want,
                           size_t wants)
{
  for (size_t i = 0; i < n; i++)
    for (size_t x = 0; x < wants && u[i].fulfilment_id; x++) {
      int64_t sku_id, each;
      if (want[x].line.line_no != u[i].line_no) continue;
      TRY(first_part(c, db, &want[x], &sku_id, &each));
      int64_t gone = sku_id == u[i].sku_id ? u[i].quantity / each : 0;
      want[x].line.left = want[x].line.left > gone ? want[x].line.left - gone : 0;
    }
  return ERR_OK;
}

/* Of an order that was opened again: what is in a parcel already is not reserved once more. */
static enum err less_bound(struct cmd *c, struct db *db, int64_t order_id, struct want *want, size_t wants)
{
  struct unit *u;
  size_t n;
  TRY(units_of_order(db, &c->mem, order_id, &u, &n));
  return less_units(c, db, u, n, want, wants);
}

/* Gifts are of our own dictionary; one that is not there (any more) is not waited for. */
static enum err gift_sku(struct cmd *c, struct db *db, const struct order *o, struct want *w)
{
  struct sku s;
  enum err e = sku_find(db, &c->mem, w->line.sku, &s);
  if (!e) return w->sku_id = s.id, ERR_OK;
  if (e != ERR_NOT_FOUND) return e;
  w->line.left = 0;
  return gift_gone(c, db, o->id, w->line.line_no, w->line.quantity, "unknown_sku");
}

/* Lines with their SKUs. *known: the dictionary has them all; else exception unknown_sku is open. */
static enum err wants_of(struct cmd *c, struct db *db, const struct order *o, bool tracked,
                         struct want **list, size_t *n, bool *known)
{
  struct line_left *line;
  const char **unknown;
  size_t unknown_n = 0;
  TRY(gift_lines(c, db, o, &line, n));
  *list = arena_array(&c->mem, struct want, *n + 1), unknown = arena_array(&c->mem, const char *, *n + 1);
  for (size_t i = 0; i < *n; i++) {
    (*list)[i] = (struct want){ line[i], 0 };
    if (!tracked) continue;
    if (line[i].line_no > GIFT_LINE) {
      TRY(gift_sku(c, db, o, &(*list)[i]));
      continue;
    }
    enum err e =
      line[i].sku ? sku_of_channel(db, o->channel_id, line[i].sku, &(*list)[i].sku_id) : ERR_NOT_FOUND;
    if (e && e != ERR_NOT_FOUND) return e;
    if (e && line[i].left) unknown[unknown_n++] = line[i].sku ? line[i].sku : "";
  }
  *known = !unknown_n;
  if (!unknown_n) return ERR_OK;
  return exception_open(db, "unknown_sku", o->id, 0, 0, "cs", c->now_ms,
                        names_json(c, "skus", unknown, unknown_n), NULL, NULL);
}

static void freed_add(struct cmd *c, int64_t order_id)
{
  if (c->freed.n == c->freed.cap) {
    int64_t *grown = arena_array(&c->mem, int64_t, c->freed.cap = c->freed.cap ? 2 * c->freed.cap : 8);
    if (c->freed.n) memcpy(grown, c->freed.id, c->freed.n * sizeof *grown);
    c->freed.id = grown;
  }
  c->freed.id[c->freed.n++] = order_id;
}

/* What an order does not wait for any more. */
static enum err settled(struct cmd *c, struct db *db, unsigned what, int64_t order_id)
{
  static const char *const types[] = { "oversold", "cannot_split", "unknown_sku" };
  unsigned waits = exception_waits(db, order_id) & what;
  if (waits) freed_add(c, order_id);
  for (size_t i = 0; waits && i < COUNT(types); i++)
    if (waits & 1u << i && exception_settle(db, types[i], order_id, 0, "system", c->now_ms) < 0)
      return ERR_IO;
  return ERR_OK;
}

/* ---- what stands in the way ----------------------------------------------------------------------------------------------- */

static enum err short_json(struct cmd *c, struct db *db, const struct split_plan *p, const char **json)
{
  struct buf b = { 0 };
  struct jw w;
  jw_init(&w, &b), jw_object(&w), jw_kstring(&w, "why", p->why), jw_key(&w, "missing"), jw_array(&w);
  for (size_t i = 0; i < p->missing_n && i < 20; i++) {
    struct sku s;
    enum err e = sku_get(db, &c->mem, p->missing[i].sku_id, &s);
    jw_object(&w), jw_kstring(&w, "sku", e ? "" : s.code), jw_kint(&w, "wanted", p->missing[i].wanted),
      jw_kint(&w, "there", p->missing[i].there), jw_object_end(&w);
  }
  jw_array_end(&w);
  bool is_short = !strcmp(p->why, "short");
  jw_kstring(
    &w, "do",
    is_short
      ? "Receive stock, or cancel the order: it waits until there are enough pieces"
      : "No warehouse or parcel can take it as it is: change the warehouses, the limits, or the order");
  jw_object_end(&w);
  *json = arena_strn(&c->mem, b.data, b.len);
  buf_release(&b);
  return ERR_OK;
}

/* A gift that stands in the way goes first, and the order is looked at once more. mine: what is not free but its own. */
static enum err waits(struct cmd *c, struct db *db, int64_t order_id, const struct unit_plan *plan,
                      const struct order *to, const struct unit *mine, size_t n)
{
  const struct split_plan *p = &plan->result;
  const char *json, *type = !strcmp(p->why, "short") ? "oversold" : "cannot_split";
  bool gave_way;
  TRY(gifts_give_way(c, db, order_id, plan, to, mine, n, &gave_way));
  if (gave_way) return fulfil_touch(c, order_id), ERR_OK;
  TRY(short_json(c, db, p, &json));
  TRY(settled(c, db, !strcmp(type, "oversold") ? WAITS_PLACE : WAITS_STOCK, order_id));
  return exception_open(db, type, order_id, 0, 0, "warehouse", c->now_ms, json, NULL, NULL);
}

static enum err waits_no_more(struct cmd *c, struct db *db, int64_t order_id)
{
  return settled(c, db, WAITS_STOCK | WAITS_PLACE, order_id);
}

/* ---- before the split: pieces reserved for an order ------------------------------------------------------------------------- */

/* Those that stand in no fulfilment. */
static enum err loose_units(struct cmd *c, struct db *db, int64_t order_id, struct unit **list, size_t *n)
{
  size_t all;
  TRY(units_of_order(db, &c->mem, order_id, list, &all));
  *n = 0;
  for (size_t i = 0; i < all; i++)
    if (!(*list)[i].fulfilment_id && (*list)[i].state != UNIT_SHIPPED) (*list)[(*n)++] = (*list)[i];
  return ERR_OK;
}

static const char *ref_of(struct cmd *c, int64_t order_id)
{
  return id_text(&c->mem, 'o', order_id);
}

static int64_t pieces_of(const struct unit *u, size_t n, int64_t line_no, int64_t sku_id)
{
  int64_t sum = 0;
  for (size_t i = 0; i < n; i++)
    if (u[i].line_no == line_no && u[i].sku_id == sku_id) sum += u[i].quantity;
  return sum;
}

/* Are these the very pieces that the plan's lines want? */
static bool units_fit(const struct unit_plan *p, const struct unit *u, size_t n)
{
  size_t parts = 0;
  int64_t wanted = 0, there = 0;
  for (size_t i = 0; i < p->n; i++)
    for (size_t x = 0; x < p->line[i].parts; x++, parts++) {
      int64_t pieces = p->line[i].quantity * p->line[i].part[x].quantity;
      if (pieces_of(u, n, p->line[i].line_no, p->line[i].part[x].sku_id) != pieces) return false;
      wanted += pieces;
    }
  for (size_t i = 0; i < n; i++) there += u[i].quantity;
  return wanted == there;
}

static enum err release_loose(struct cmd *c, struct db *db, int64_t order_id, const struct unit *old,
                              size_t n)
{
  return n ? units_exchange(c, db, old, n, NULL, 0, "released", ref_of(c, order_id)) : ERR_OK;
}

/* All of the order, or nothing of it. */
static enum err reserve(struct cmd *c, struct db *db, const struct order *o, struct want *want, size_t n)
{
  struct unit_plan p = { 0 };
  struct unit *old, *new;
  size_t old_n, new_n;
  TRY(less_bound(c, db, o->id, want, n));
  TRY(loose_units(c, db, o->id, &old, &old_n));
  for (size_t i = 0; i < n; i++)
    if (want[i].line.left) TRY(plan_add(c, db, &p, o->id, &want[i].line, want[i].line.left, want[i].sku_id));
  if (!c->touched.anew && units_fit(&p, old, old_n)) return waits_no_more(c, db, o->id);
  if (!p.n) {
    TRY(release_loose(c, db, o->id, old, old_n));
    return waits_no_more(c, db, o->id);
  }
  TRY(plan_decide(c, db, &p, o, old, old_n));
  if (!p.result.ok) {
    TRY(release_loose(c, db, o->id, old, old_n));
    return waits(c, db, o->id, &p, o, NULL, 0);
  }
  TRY(plan_units(c, &p, -1, &new, &new_n));
  for (size_t i = 0; i < new_n; i++) new[i].fulfilment_id = 0;
  TRY(units_exchange(c, db, old, old_n, new, new_n, "reserved", ref_of(c, o->id)));
  return waits_no_more(c, db, o->id);
}

enum err fulfil_reserve(struct cmd *c, struct db *db, const struct order *o)
{
  struct want *want;
  size_t n;
  bool known;
  TRY(wants_of(c, db, o, true, &want, &n, &known));
  return known ? reserve(c, db, o, want, n) : ERR_OK;
}

/* One place's part of it. */
static enum err gone_from(struct cmd *c, struct db *db, const struct order *o, int64_t warehouse_id,
                          struct unit *u, size_t n, const struct want *want, size_t wants)
{
  struct fulfilment f = { .group_id = o->group_id,
                          .warehouse_id = warehouse_id,
                          .status = c->rules->status.stage[ST_SHIPPED].name };
  TRY(fulfilment_insert(db, &f, c->now_ms, &f.id));
  for (size_t x = 0; x < wants; x++) {
    struct fulfilment_line l = { o->id, want[x].line.line_no, 0 };
    int64_t sku_id, each;
    TRY(first_part(c, db, &want[x], &sku_id, &each));
    for (size_t i = 0; i < n; i++)
      if (u[i].warehouse_id == warehouse_id && u[i].line_no == l.line_no && u[i].sku_id == sku_id)
        l.quantity += u[i].quantity / each;
    if (l.quantity) TRY(fulfilment_line_put(db, f.id, &l));
  }
  for (size_t i = 0; i < n; i++) {
    if (u[i].warehouse_id != warehouse_id) continue;
    if (u[i].state == UNIT_RESERVED)
      TRY(stock_move(db, u[i].sku_id, warehouse_id, STOCK_RESERVED, STOCK_OUTSIDE, u[i].quantity,
                     "shipped_elsewhere", ref_of(c, o->id), NULL, c->now_ms));
    TRY(unit_drop(db, &u[i]));
    u[i].fulfilment_id = f.id, u[i].state = UNIT_SHIPPED;
    TRY(unit_put(db, &u[i]));
  }
  return progress_event(c, db, 'f', f.id, "fulfilment.created",
                        "{\"order\":\"o_%lld\",\"because\":\"shipped_elsewhere\"}", (long long)o->id);
}

enum err fulfil_gone(struct cmd *c, struct db *db, const struct order *o, bool *any)
{
  struct unit *u;
  struct want *want;
  size_t n, wants;
  bool known;
  TRY(units_of_order(db, &c->mem, o->id, &u, &n));
  *any = false;
  for (size_t i = 0; i < n; i++) { /* in a fulfilment of its own: that ends as it stands */
    struct fulfilment f;
    if (!u[i].fulfilment_id || (u[i].state != UNIT_RESERVED && u[i].state != UNIT_MADE)) continue;
    TRY(fulfilment_get(db, &c->mem, u[i].fulfilment_id, &f));
    if (is_claimed(c, &f)) continue; /* that one leaves by its own two facts, or goes back */
    if (u[i].state == UNIT_RESERVED)
      TRY(stock_move(db, u[i].sku_id, u[i].warehouse_id, STOCK_RESERVED, STOCK_OUTSIDE, u[i].quantity,
                     "shipped_elsewhere", ref_of(c, o->id), NULL, c->now_ms));
    u[i].state = UNIT_SHIPPED, *any = true;
    TRY(unit_set(db, &u[i]));
  }
  TRY(loose_units(c, db, o->id, &u, &n));
  if (!n) return ERR_OK;
  TRY(wants_of(c, db, o, true, &want, &wants, &known));
  for (size_t i = 0; i < n; i++)
    if (!u[i].fulfilment_id) TRY(gone_from(c, db, o, u[i].warehouse_id, u, n, want, wants));
  *any = true;
  return ERR_OK;
}

/* ---- out of a fulfilment ------------------------------------------------------------------------------------------------------ */

enum err fulfil_take_out(struct cmd *c, struct db *db, struct fulfilment *f, const struct fulfilment_line *l,
                         int64_t quantity)
{
  struct unit *u;
  size_t n;
  TRY(units_of_fulfilment(db, &c->mem, f->id, &u, &n));
  for (size_t i = 0; i < n; i++) {
    if (u[i].order_id != l->order_id || u[i].line_no != l->line_no) continue;
    struct unit loose = u[i];
    loose.quantity = u[i].quantity / l->quantity * quantity, loose.fulfilment_id = 0;
    must(loose.quantity > 0 && u[i].quantity % l->quantity == 0 && u[i].state != UNIT_FROZEN &&
         u[i].state != UNIT_SHIPPED);
    u[i].quantity -= loose.quantity;
    TRY(u[i].quantity ? unit_set(db, &u[i]) : unit_drop(db, &u[i]));
    TRY(unit_put(db, &loose));
  }
  TRY(fulfilment_line_drop(db, f->id, l->order_id, l->line_no));
  struct fulfilment_line rest = *l;
  rest.quantity -= quantity;
  if (rest.quantity) TRY(fulfilment_line_put(db, f->id, &rest));
  TRY(pack_again(c, db, f));
  return produce_settle(c, db, f);
}

static enum err end_empty(struct cmd *c, struct db *db, struct fulfilment *f)
{
  struct fulfilment_line *l;
  size_t n;
  TRY(fulfilment_lines(db, &c->mem, f->id, &l, &n));
  if (n) return ERR_OK;
  TRY(scan_clear(db, f->id));
  TRY(fulfilment_move(db, f, c->rules->status.stage[ST_CANCELLED].name, c->now_ms));
  return progress_event(c, db, 'f', f->id, "fulfilment.cancelled", "{}");
}

/* All that an order has in a fulfilment. */
static enum err take_order_out(struct cmd *c, struct db *db, struct fulfilment *f, int64_t order_id)
{
  struct fulfilment_line *l;
  size_t n;
  TRY(fulfilment_lines(db, &c->mem, f->id, &l, &n));
  for (size_t i = 0; i < n; i++) {
    if (l[i].order_id == order_id) TRY(fulfil_take_out(c, db, f, &l[i], l[i].quantity));
    else fulfil_touch(c, l[i].order_id);
  }
  return end_empty(c, db, f);
}

/* ---- a group's fulfilments -------------------------------------------------------------------------------------------------------- */

struct member {
  struct order order;
  struct want *want;
  size_t n;
  bool waited; /* and no more */
};

struct shape { /* of one group, while it is brought into shape */
  struct cmd *c;
  struct db *db;
  int64_t group_id;
  bool tracked;
  struct member *member;
  size_t members;
  struct fulfilment *f;
  size_t fs;
  struct unit_plan plan;
};

static const struct member *member_of(const struct shape *g, int64_t order_id)
{
  for (size_t i = 0; i < g->members; i++)
    if (g->member[i].order.id == order_id) return &g->member[i];
  return NULL;
}

static struct want *want_of(const struct shape *g, int64_t order_id, int64_t line_no)
{
  const struct member *m = member_of(g, order_id);
  for (size_t i = 0; m && i < m->n; i++)
    if (m->want[i].line.line_no == line_no) return &m->want[i];
  return NULL;
}

/* What left in a parcel of another group, or of none, is not sent once more. */
static enum err less_elsewhere(struct shape *g, struct member *m)
{
  struct unit *u;
  size_t n, kept = 0;
  if (!m->order.shipped_at) return ERR_OK;
  TRY(units_of_order(g->db, &g->c->mem, m->order.id, &u, &n));
  for (size_t i = 0; i < n; i++) {
    struct fulfilment f = { 0 };
    if (u[i].fulfilment_id) TRY(fulfilment_get(g->db, &g->c->mem, u[i].fulfilment_id, &f));
    if (u[i].fulfilment_id && f.group_id != g->group_id) u[kept++] = u[i];
  }
  return less_units(g->c, g->db, u, kept, m->want, m->n);
}

/* Members that are split, with what they want. One with an unknown SKU wants nothing anew. */
static enum err shape_members(struct shape *g)
{
  struct cmd *c = g->c;
  struct merge_order *list;
  size_t n;
  TRY(order_group_members(g->db, &c->mem, g->group_id, &list, &n));
  g->member = arena_array(&c->mem, struct member, n + 1);
  for (size_t i = 0; i < n; i++) {
    struct member *m = &g->member[g->members];
    bool known;
    TRY(order_get(g->db, &c->mem, list[i].id, &m->order));
    if (wish_of(c, &m->order) != WISH_SPLIT) continue;
    TRY(wants_of(c, g->db, &m->order, g->tracked, &m->want, &m->n, &known));
    if (!known) continue;
    TRY(less_elsewhere(g, m));
    g->members++;
  }
  return ERR_OK;
}

/* What fixed fulfilments hold is taken off the wants, claimed ones first; where others hold too much, it is taken out. */
static enum err shape_fixed(struct shape *g, bool claimed)
{
  for (size_t i = 0; i < g->fs; i++) {
    struct fulfilment_line *l;
    size_t n;
    if (!is_fixed(g->c, &g->f[i]) || is_claimed(g->c, &g->f[i]) != claimed) continue;
    TRY(fulfilment_lines(g->db, &g->c->mem, g->f[i].id, &l, &n));
    for (size_t x = 0; x < n; x++) {
      struct want *w = want_of(g, l[x].order_id, l[x].line_no);
      int64_t keep = w ? w->line.left < l[x].quantity ? w->line.left : l[x].quantity : 0;
      if (w) w->line.left -= keep;
      if (keep < l[x].quantity && member_of(g, l[x].order_id) && !claimed)
        TRY(fulfil_take_out(g->c, g->db, &g->f[i], &l[x], l[x].quantity - keep));
    }
    if (!claimed) TRY(end_empty(g->c, g->db, &g->f[i]));
  }
  return ERR_OK;
}

/* Do the open fulfilments hold just what is wanted now? */
static enum err shape_fits(struct shape *g, bool *fits)
{
  int64_t wanted = 0, there = 0;
  *fits = true;
  for (size_t i = 0; i < g->members; i++)
    for (size_t x = 0; x < g->member[i].n; x++) wanted += g->member[i].want[x].line.left;
  struct want_seen {
    struct want *w;
    int64_t n;
  } *seen = NULL;
  size_t seen_n = 0, cap = 0;
  for (size_t i = 0; i < g->fs; i++) {
    struct fulfilment_line *l;
    size_t n;
    if (is_fixed(g->c, &g->f[i]) || !strcmp(g->f[i].status, "cancelled")) continue;
    TRY(fulfilment_lines(g->db, &g->c->mem, g->f[i].id, &l, &n));
    for (size_t x = 0; x < n; x++) {
      struct want *w = want_of(g, l[x].order_id, l[x].line_no);
      size_t at = 0;
      there += l[x].quantity;
      if (!w) {
        *fits = false;
        continue;
      }
      while (at < seen_n && seen[at].w != w) at++;
      if (at == cap) {
        struct want_seen *grown = arena_array(&g->c->mem, struct want_seen, cap = cap ? 2 * cap : 8);
        if (seen_n) memcpy(grown, seen, seen_n * sizeof *grown);
        seen = grown;
      }
      if (at == seen_n) seen[seen_n++] = (struct want_seen){ w, 0 };
      seen[at].n += l[x].quantity;
    }
  }
  for (size_t i = 0; i < seen_n; i++) *fits = *fits && seen[i].n == seen[i].w->line.left;
  *fits = *fits && wanted == there;
  return ERR_OK;
}

/* The pieces that may be planned anew: those of the open fulfilments, and the members' loose ones. */
static enum err shape_old(struct shape *g, struct unit **old, size_t *n)
{
  size_t cap = 16;
  *old = arena_array(&g->c->mem, struct unit, cap), *n = 0;
  for (size_t i = 0; i < g->fs + g->members; i++) {
    struct unit *u;
    size_t more;
    if (i < g->fs && (is_fixed(g->c, &g->f[i]) || !strcmp(g->f[i].status, "cancelled"))) continue;
    if (i < g->fs) TRY(units_of_fulfilment(g->db, &g->c->mem, g->f[i].id, &u, &more));
    else TRY(loose_units(g->c, g->db, g->member[i - g->fs].order.id, &u, &more));
    if (*n + more > cap) {
      struct unit *grown = arena_array(&g->c->mem, struct unit, cap = 2 * (*n + more));
      if (*n) memcpy(grown, *old, *n * sizeof *grown);
      *old = grown;
    }
    if (more) memcpy(*old + *n, u, more * sizeof *u);
    *n += more;
  }
  return ERR_OK;
}

/* An open fulfilment of this place that no parcel was given yet, or a new one. */
static enum err fulfilment_for(struct shape *g, int64_t place_id, bool *used, int64_t *id, bool *is_new)
{
  struct fulfilment fresh = { .group_id = g->group_id, .warehouse_id = place_id, .status = "split" };
  *is_new = false;
  for (size_t i = 0; i < g->fs; i++)
    if (!used[i] && !is_fixed(g->c, &g->f[i]) && strcmp(g->f[i].status, "cancelled") != 0 &&
        g->f[i].warehouse_id == place_id) {
      used[i] = true, *id = g->f[i].id;
      return ERR_OK;
    }
  *is_new = true;
  return fulfilment_insert(g->db, &fresh, g->c->now_ms, id);
}

static const char *place_code(const struct shape *g, int64_t place_id)
{
  for (size_t i = 0; i < g->plan.places; i++)
    if (g->plan.place[i].id == place_id) return g->plan.code[i];
  return NULL;
}

static enum err parcel_event(struct shape *g, int64_t id, bool is_new, int64_t place_id)
{
  struct fulfilment_line *l;
  struct buf b = { 0 };
  struct jw w;
  size_t n;
  TRY(fulfilment_lines(g->db, &g->c->mem, id, &l, &n));
  jw_init(&w, &b), jw_object(&w), jw_id(&w, "group", 'g', g->group_id),
    jw_kstring(&w, "warehouse", place_code(g, place_id));
  jw_key(&w, "lines"), jw_array(&w);
  for (size_t i = 0; i < n && i < 50; i++) {
    jw_object(&w), jw_id(&w, "order", 'o', l[i].order_id), jw_kint(&w, "line_no", l[i].line_no),
      jw_kint(&w, "quantity", l[i].quantity);
    jw_object_end(&w);
  }
  jw_array_end(&w), plan_why(&g->plan, &w), jw_object_end(&w);
  enum err e =
    progress_event(g->c, g->db, 'f', id, is_new ? "fulfilment.created" : "fulfilment.changed", "%s", b.data);
  buf_release(&b);
  return e;
}

/* The plan's parcels become fulfilments; open ones that are left over end. */
static enum err shape_write(struct shape *g, const struct unit *old, size_t old_n)
{
  struct cmd *c = g->c;
  const struct split_plan *p = &g->plan.result;
  bool *used = arena_array(&c->mem, bool, g->fs + 1);
  int64_t *id = arena_array(&c->mem, int64_t, (size_t)p->parcels + 1),
          *place = arena_array(&c->mem, int64_t, (size_t)p->parcels + 1);
  bool *is_new = arena_array(&c->mem, bool, (size_t)p->parcels + 1);
  struct unit *new;
  size_t new_n;
  memset(used, 0, g->fs + 1);
  for (size_t i = 0; i < g->fs; i++) {
    struct fulfilment_line *l;
    size_t n;
    if (is_fixed(c, &g->f[i]) || !strcmp(g->f[i].status, "cancelled")) continue;
    TRY(fulfilment_lines(g->db, &c->mem, g->f[i].id, &l, &n));
    for (size_t x = 0; x < n; x++) TRY(fulfilment_line_drop(g->db, g->f[i].id, l[x].order_id, l[x].line_no));
  }
  for (size_t i = 0; i < p->n; i++) place[p->take[i].parcel] = p->take[i].place_id;
  for (int k = 0; k < p->parcels; k++) TRY(fulfilment_for(g, place[k], used, &id[k], &is_new[k]));
  TRY(plan_units(c, &g->plan, -1, &new, &new_n));
  for (size_t i = 0; i < new_n; i++) new[i].fulfilment_id = id[new[i].fulfilment_id - 1];
  TRY(units_exchange(c, g->db, old, old_n, new, new_n, "split", id_text(&c->mem, 'g', g->group_id)));
  for (size_t i = 0; i < p->n; i++) {
    const struct split_line *l = &g->plan.line[p->take[i].line];
    struct fulfilment_line put = { l->order_id, l->line_no, p->take[i].quantity };
    TRY(fulfilment_line_put(g->db, id[p->take[i].parcel], &put));
  }
  for (int k = 0; k < p->parcels; k++) TRY(parcel_event(g, id[k], is_new[k], place[k]));
  for (size_t i = 0; i < g->fs; i++)
    if (!used[i] && !is_fixed(c, &g->f[i]) && strcmp(g->f[i].status, "cancelled") != 0)
      TRY(end_empty(c, g->db, &g->f[i]));
  return ERR_OK;
}

/* Without a dictionary there is one parcel, from wherever the team sends it. */
static void plan_untracked(struct shape *g)
{
  struct split_plan *p = &g->plan.result;
  *p = (struct split_plan){ .ok = true, .parcels = g->plan.n ? 1 : 0, .n = g->plan.n };
  p->take = arena_array(&g->c->mem, struct split_take, p->n + 1);
  for (size_t i = 0; i < p->n; i++) p->take[i] = (struct split_take){ i, 0, g->plan.line[i].quantity, 0 };
}

static enum err plan_members(struct shape *g, size_t from, size_t to, const struct unit *old, size_t old_n)
{
  g->plan = (struct unit_plan){ 0 };
  for (size_t i = from; i < to; i++)
    for (size_t x = 0; x < g->member[i].n; x++) {
      const struct want *w = &g->member[i].want[x];
      if (w->line.left)
        TRY(plan_add(g->c, g->db, &g->plan, g->member[i].order.id, &w->line, w->line.left, w->sku_id));
    }
  if (!g->tracked) return plan_untracked(g), ERR_OK;
  if (from == to) return g->plan.result.ok = true, ERR_OK;
  return plan_decide(g->c, g->db, &g->plan, &g->member[from].order, old, old_n);
}

/* Members of which all is on its way already wait for nothing. */
static enum err members_wanting(struct shape *g)
{
  size_t n = 0;
  for (size_t i = 0; i < g->members; i++) {
    int64_t left = 0;
    for (size_t x = 0; x < g->member[i].n; x++) left += g->member[i].want[x].line.left;
    if (left) {
      g->member[n++] = g->member[i];
      continue;
    }
    TRY(waits_no_more(g->c, g->db, g->member[i].order.id));
    TRY(fulfil_follow(g->c, g->db, g->member[i].order.id));
  }
  g->members = n;
  return ERR_OK;
}

/* Pieces are missing, or no place can take it: oldest first, whoever can go with those before goes, the others wait. */
static enum err shape_plan(struct shape *g, const struct unit *old, size_t old_n)
{
  size_t n = 0, all;
  TRY(members_wanting(g));
  all = g->members;
  TRY(plan_members(g, 0, all, old, old_n));
  for (size_t i = 0; i < all && !g->plan.result.ok; i++) {
    struct member m = g->member[i];
    g->member[i] = g->member[n], g->member[n] = m;
    TRY(plan_members(g, 0, n + 1, old, old_n));
    if (!g->plan.result.ok) TRY(waits(g->c, g->db, m.order.id, &g->plan, &g->member[0].order, old, old_n));
    else n++;
    g->plan.result.ok = false;
    g->members = n;
  }
  if (g->members != all) TRY(plan_members(g, 0, g->members, old, old_n));
  for (size_t i = 0; i < g->members; i++) {
    struct member *m = &g->member[i];
    m->waited = exception_waits(g->db, m->order.id) & (WAITS_STOCK | WAITS_PLACE);
    if (m->waited) TRY(waits_no_more(g->c, g->db, m->order.id));
  }
  return ERR_OK;
}

/* All that is wanted is in parcels: given back since, or taken out. */
static enum err nobody_waits(struct shape *g)
{
  for (size_t i = 0; i < g->members; i++) {
    int64_t id = g->member[i].order.id;
    if (!(exception_waits(g->db, id) & (WAITS_STOCK | WAITS_PLACE))) continue;
    TRY(waits_no_more(g->c, g->db, id));
    TRY(fulfil_follow(g->c, g->db, id));
  }
  return ERR_OK;
}

static enum err group_shape(struct cmd *c, struct db *db, int64_t group_id, bool tracked)
{
  struct shape g = { .c = c, .db = db, .group_id = group_id, .tracked = tracked };
  struct unit *old;
  size_t old_n;
  bool fits;
  TRY(shape_members(&g));
  TRY(fulfilments_of_group(db, &c->mem, group_id, true, &g.f, &g.fs));
  if (!g.members && !g.fs) return ERR_OK;
  TRY(shape_fixed(&g, true));
  TRY(shape_fixed(&g, false));
  TRY(shape_fits(&g, &fits));
  if (fits) TRY(nobody_waits(&g));
  if (fits && !c->touched.anew) return ERR_OK;
  TRY(shape_old(&g, &old, &old_n));
  TRY(shape_plan(&g, old, old_n));
  TRY(shape_write(&g, old, old_n));
  for (size_t i = 0; i < g.members; i++)
    if (g.member[i].waited) TRY(fulfil_follow(c, db, g.member[i].order.id));
  return ERR_OK;
}

/* ---- one order ------------------------------------------------------------------------------------------------------------------------ */

/* Fulfilments that hold lines of an order which left their group, or wants nothing any more. */
static enum err leave_fulfilments(struct cmd *c, struct db *db, const struct order *o, enum wish wish)
{
  struct fulfilment *f;
  size_t n;
  bool claimed = false;
  TRY(fulfilments_of_order(db, &c->mem, o->id, true, &f, &n));
  for (size_t i = 0; i < n; i++) {
    struct claim k; /* where no stock is kept, people move parcels without one */
    bool bare = !f[i].warehouse_id && rank_of(c, f[i].status) < rank_built_in(c, ST_SHIPPED) &&
                claim_of_fulfilment(db, &c->mem, f[i].id, &k) == ERR_NOT_FOUND;
    if (is_claimed(c, &f[i]) && !bare) claimed = true;
    else if (wish != WISH_SPLIT || f[i].group_id != o->group_id) TRY(take_order_out(c, db, &f[i], o->id));
  }
  return claimed ? claim_refunded(c, db, o->id) : ERR_OK;
}

/* What a fulfilment at work keeps of an order: no more than it wants beside those before. */
static enum err kept_at_work(struct cmd *c, struct db *db, const struct order *o, struct fulfilment *f,
                             struct want *want, size_t wants)
{
  struct fulfilment_line *l;
  size_t n;
  TRY(fulfilment_lines(db, &c->mem, f->id, &l, &n));
  for (size_t i = 0; i < n; i++)
    for (size_t x = 0; x < wants && l[i].order_id == o->id; x++) {
      if (want[x].line.line_no != l[i].line_no) continue;
      int64_t left = want[x].line.left, keep = left < l[i].quantity ? left : l[i].quantity;
      want[x].line.left -= keep;
      if (keep < l[i].quantity && !is_claimed(c, f))
        TRY(fulfil_take_out(c, db, f, &l[i], l[i].quantity - keep));
    }
  return is_claimed(c, f) ? ERR_OK : end_empty(c, db, f);
}

/* It waits for a SKU: nothing is planned for it. */
static enum err unknown_out(struct cmd *c, struct db *db, const struct order *o, struct want *want,
                            size_t wants)
{
  struct fulfilment *f;
  size_t n;
  TRY(fulfilments_of_order(db, &c->mem, o->id, true, &f, &n));
  for (int claimed = 1; claimed >= 0; claimed--)
    for (size_t i = 0; i < n; i++) {
      if (is_claimed(c, &f[i]) != (claimed != 0)) continue;
      if (is_fixed(c, &f[i])) TRY(kept_at_work(c, db, o, &f[i], want, wants));
      else TRY(take_order_out(c, db, &f[i], o->id));
    }
  return ERR_OK;
}

static enum err order_settle(struct cmd *c, struct db *db, int64_t id)
{
  struct order o;
  struct unit *loose;
  struct want *want;
  size_t n;
  bool known = true, tracked = stock_tracked(c, db);
  TRY(order_get(db, &c->mem, id, &o));
  enum wish wish = wish_of(c, &o);
  if (wish == WISH_RESERVE && !tracked) return leave_fulfilments(c, db, &o, wish);
  TRY(leave_fulfilments(c, db, &o, wish));
  if (wish == WISH_NOTHING) {
    TRY(loose_units(c, db, id, &loose, &n));
    TRY(release_loose(c, db, id, loose, n));
    return settled(c, db, WAITS_STOCK | WAITS_PLACE | WAITS_SKU, id);
  }
  TRY(wants_of(c, db, &o, tracked, &want, &n, &known));
  if (!known) {
    TRY(unknown_out(c, db, &o, want, n));
    TRY(loose_units(c, db, id, &loose, &n));
    return release_loose(c, db, id, loose, n);
  }
  if (tracked) TRY(settled(c, db, WAITS_SKU, id));
  if (wish == WISH_RESERVE) return reserve(c, db, &o, want, n);
  if (o.group_id) TRY(group_shape(c, db, o.group_id, tracked));
  if (tracked) TRY(loose_units(c, db, id, &loose, &n));
  if (tracked && o.group_id && !(exception_waits(db, id) & (WAITS_STOCK | WAITS_PLACE)))
    TRY(release_loose(c, db, id, loose, n)); /* given back since */
  return fulfil_follow(c, db, id);
}

enum err fulfil_settle(struct cmd *c, struct db *db)
{
  if (c->arrivals) TRY(rule_settle(c, db));
  for (size_t i = 0; i < c->touched.n; i++) {
    must(i < SETTLE_MAX);
    int64_t id = c->touched.id[i];
    c->touched.id[i] = 0; /* may be touched again by what follows from it */
    if (id) TRY(order_settle(c, db, id));
    if (id) TRY(produce_order(c, db, id));
  }
  c->touched.n = 0, c->touched.anew = false;
  if (c->freed.busy) return ERR_OK;
  c->freed.busy = true;
  for (size_t i = 0; i < c->freed.n; i++) TRY(elsewhere_shown(c, db, c->freed.id[i]));
  c->freed.n = 0, c->freed.busy = false;
  return ERR_OK;
}

/* ---- statuses ----------------------------------------------------------------------------------------------------------------------------- */

/* The order goes to a stage by the system's moves; a hold or a guard stops it where it is, until it is settled again. */
static enum err follow_to(struct cmd *c, struct db *db, struct order *o, int to)
{
  int way[STATUS_MAX], from = status_find(&c->rules->status, o->status);
  int n = status_way(&c->rules->status, from, to, TRIGGER_SYSTEM, way);
  struct problem before = c->problem;
  for (int i = 0; i < n; i++) {
    enum err e = progress_move(c, db, o, way[i], TRIGGER_SYSTEM, NULL);
    if (e == ERR_CONFLICT) {
      c->problem = before;
      return ERR_OK;
    }
    TRY(e);
  }
  return ERR_OK;
}

enum err fulfil_follow(struct cmd *c, struct db *db, int64_t order_id)
{
  const struct status_table *t = &c->rules->status;
  struct fulfilment *f;
  struct order o;
  size_t n;
  int least = -1;
  TRY(order_get(db, &c->mem, order_id, &o));
  if (wish_of(c, &o) != WISH_SPLIT) return ERR_OK;
  TRY(fulfilments_of_order(db, &c->mem, order_id, true, &f, &n));
  for (size_t i = 0; i < n; i++) {
    int at = status_find(t, f[i].status);
    if (at >= 0 && (least < 0 || stage_rank(t, at) < stage_rank(t, least))) least = at;
  }
  if (least < 0 || least == status_find(t, o.status)) return ERR_OK;
  bool waiting = exception_waits(db, order_id) & (WAITS_STOCK | WAITS_PLACE | WAITS_SKU);
  if (waiting && stage_rank(t, least) > rank_of(c, o.status))
    return ERR_OK; /* some of it is in no parcel yet */
  return follow_to(c, db, &o, least);
}

enum err fulfil_under_way(struct cmd *c, struct db *db, int64_t order_id, bool *any, bool *bare)
{
  struct fulfilment *f;
  size_t n;
  TRY(fulfilments_of_order(db, &c->mem, order_id, true, &f, &n));
  *any = *bare = false;
  for (size_t i = 0; i < n; i++) {
    struct claim k; /* where no stock is kept, only a number makes a parcel of it */
    if (!f[i].warehouse_id && claim_of_fulfilment(db, &c->mem, f[i].id, &k)) continue;
    *any = *any || rank_of(c, f[i].status) < rank_built_in(c, ST_SHIPPED);
    *bare = *bare || !is_claimed(c, &f[i]);
  }
  return ERR_OK;
}

static enum err refuse_stage(struct cmd *c, const struct fulfilment *f, int to)
{
  return refuse(c, ERR_CONFLICT, "illegal_transition", "No move leads from %s to %s for f_%lld", f->status,
                c->rules->status.stage[to].name, (long long)f->id);
}

enum err fulfil_move(struct cmd *c, struct db *db, struct fulfilment *f, int to, unsigned trigger,
                     const char *note)
{
  const struct status_table *t = &c->rules->status;
  struct fulfilment_line *l;
  size_t n;
  int from = status_find(t, f->status);
  const struct move *m = status_move(t, from, to, trigger);
  if (!m) return refuse_stage(c, f, to);
  TRY(fulfilment_lines(db, &c->mem, f->id, &l, &n));
  for (size_t i = 0; i < n && m->forward && trigger != TRIGGER_SYSTEM; i++)
    if (order_holds(db, l[i].order_id))
      return refuse(c, ERR_CONFLICT, "on_hold", "o_%lld is held: release it first", (long long)l[i].order_id);
  if (to == ST_INSPECTED && trigger == TRIGGER_COMMAND) TRY(produce_passed(c, db, f));
  struct buf b = { 0 };
  struct jw w;
  jw_init(&w, &b), jw_object(&w), jw_kstring(&w, "from", f->status), jw_kstring(&w, "to", t->stage[to].name);
  if (note) jw_kstring(&w, "note", note);
  jw_object_end(&w);
  enum err e = fulfilment_move(db, f, t->stage[to].name, c->now_ms);
  if (!e) e = progress_event(c, db, 'f', f->id, "fulfilment.status", "%s", b.data);
  buf_release(&b);
  TRY(e);
  if (m->locks_group) TRY(group_close(c, db, f->group_id, 0, t->stage[to].name));
  for (size_t i = 0; i < n; i++)
    if (!i || l[i].order_id != l[i - 1].order_id) TRY(fulfil_follow(c, db, l[i].order_id));
  return produce_settle(c, db, f);
}

/* Members without a line in any fulfilment of the group do not ship with it: they leave before it locks. */
static enum err leave_behind(struct cmd *c, struct db *db, int64_t group_id)
{
  struct merge_order *list;
  size_t n;
  struct group g;
  TRY(group_get(db, &c->mem, group_id, &g));
  if (strcmp(g.state, "open") != 0) return ERR_OK;
  TRY(order_group_members(db, &c->mem, group_id, &list, &n));
  for (size_t i = 0; i < n && n > 1; i++) {
    struct fulfilment *f;
    size_t fs;
    TRY(fulfilments_of_order(db, &c->mem, list[i].id, true, &f, &fs));
    if (fs) continue;
    int64_t id = db_next_id(db, "group");
    TRY(group_insert(db, id, NULL, list[i].placed_at));
    TRY(order_set_group(db, list[i].id, id));
    fulfil_touch(c, list[i].id);
    TRY(progress_event(
      c, db, 'o', list[i].id, "order.group",
      "{\"group\":\"g_%lld\",\"was\":\"g_%lld\",\"with\":[],\"because\":[{\"verdict\":\"apart\",\"code\":\"not_in_parcel\"}]}",
      (long long)id, (long long)group_id));
  }
  return ERR_OK;
}

enum err fulfil_fix(struct cmd *c, struct db *db, const struct fulfilment *f, const char *because)
{
  TRY(leave_behind(c, db, f->group_id));
  return group_close(c, db, f->group_id, 0, because);
}

enum err fulfilment_target(struct cmd *c, struct db *db, const char *text, struct fulfilment *f)
{
  int64_t id;
  enum err e = text && id_parse(text, 'f', &id) ? fulfilment_get(db, &c->mem, id, f) : ERR_NOT_FOUND;
  if (e == ERR_NOT_FOUND)
    return refuse(c, e, "fulfilment_not_found", "There is no fulfilment %.100s", text ? text : "");
  return e;
}

/* ---- healing, and taking back ------------------------------------------------------------------------------------------------------------- */

#define HEAL_STEP 100

enum err flow_stock_heal_parse(struct cmd *c, const struct json *body)
{
  return args_read(c, body, NULL, 0);
}

/* Orders that stood open when the dictionary began have nothing reserved: they are looked at once, by id. */
static enum err sweep(struct cmd *c, struct db *db)
{
  char *at = NULL;
  int64_t ids[HEAL_STEP];
  enum err e = meta_get(db, &c->mem, "stock_swept", &at);
  if (e && e != ERR_NOT_FOUND) return e;
  if ((!e && !strcmp(at, "done")) || !stock_tracked(c, db)) return ERR_OK;
  size_t n = orders_without_units(db, e ? 0 : strtoll(at, NULL, 10), ids, HEAL_STEP);
  for (size_t i = 0; i < n; i++) fulfil_touch(c, ids[i]);
  TRY(fulfil_settle(c, db));
  c->left = n == HEAL_STEP;
  return meta_put(db, "stock_swept", c->left ? arena_printf(&c->mem, "%lld", (long long)ids[n - 1]) : "done");
}

/* Goes through the orders that wait, oldest first, from where the last step ended. meta stock_heal: "0" nothing to do,
 * else how far it is (the number of an exception). */
enum err flow_stock_heal_run(struct cmd *c, struct db *db)
{
  char *at = NULL;
  int64_t ids[HEAL_STEP], orders[HEAL_STEP], last;
  enum err e = meta_get(db, &c->mem, "stock_heal", &at);
  if (e && e != ERR_NOT_FOUND) return e;
  if (e || !strcmp(at, "0")) return ERR_OK;
  TRY(sweep(c, db));
  if (c->left) return ERR_OK;
  last = strtoll(at, NULL, 10) - 1;
  size_t n = exceptions_waiting(db, last, ids, orders, HEAL_STEP);
  for (size_t i = 0; i < n; i++) fulfil_touch(c, orders[i]);
  c->woke = false;
  TRY(fulfil_settle(c, db));
  c->numbers[0] = (int64_t)n, c->left = n == HEAL_STEP || c->woke;
  if (c->woke) return ERR_OK; /* something became free: from the start again */
  if (!c->left) return meta_put(db, "stock_heal", "0");
  return meta_put(db, "stock_heal", arena_printf(&c->mem, "%lld", (long long)ids[n - 1] + 1));
}

static int youngest_first(const void *x, const void *y)
{
  const int64_t *a = x, *b = y;
  return (*a < *b) - (*a > *b);
}

/* Orders that have reserved this and whose parcels are not being worked on, youngest first. */
static enum err reservers(struct cmd *c, struct db *db, int64_t sku_id, int64_t warehouse_id, int64_t **ids,
                          size_t *n)
{
  const struct status_table *t = &c->rules->status;
  size_t cap = 16;
  *ids = arena_array(&c->mem, int64_t, cap), *n = 0;
  for (int s = 0; s < t->stages; s++) {
    int64_t some[256], after = 0;
    size_t got;
    if (t->stage[s].terminal || stage_rank(t, s) >= rank_built_in(c, ST_PRE_SHIP)) continue;
    do {
      got = units_reservers(db, t->stage[s].name, sku_id, warehouse_id, after, some, COUNT(some));
      for (size_t i = 0; i < got; i++) {
        if (*n == cap) {
          int64_t *grown = arena_array(&c->mem, int64_t, cap *= 2);
          memcpy(grown, *ids, *n * sizeof *grown);
          *ids = grown;
        }
        (*ids)[(*n)++] = after = some[i];
      }
    } while (got == COUNT(some));
  }
  if (*n) qsort(*ids, *n, sizeof **ids, youngest_first);
  return ERR_OK;
}

/* Its open fulfilments give it back, and all its pieces are free. *freed: how many of this SKU here. */
static enum err give_up(struct cmd *c, struct db *db, int64_t order_id, int64_t sku_id, int64_t warehouse_id,
                        int64_t *freed)
{
  struct fulfilment *f;
  struct unit *u;
  size_t n;
  TRY(fulfilments_of_order(db, &c->mem, order_id, true, &f, &n));
  for (size_t i = 0; i < n; i++)
    if (!is_fixed(c, &f[i])) TRY(take_order_out(c, db, &f[i], order_id));
  TRY(loose_units(c, db, order_id, &u, &n));
  for (size_t i = 0; i < n; i++)
    if (u[i].sku_id == sku_id && u[i].warehouse_id == warehouse_id && u[i].state == UNIT_RESERVED)
      *freed += u[i].quantity;
  TRY(release_loose(c, db, order_id, u, n));
  fulfil_touch(c, order_id);
  return ERR_OK;
}

enum err fulfil_unreserve(struct cmd *c, struct db *db, int64_t sku_id, int64_t warehouse_id,
                          int64_t quantity)
{
  int64_t *ids, freed = 0;
  size_t n;
  TRY(reservers(c, db, sku_id, warehouse_id, &ids, &n));
  for (size_t i = 0; i < n && freed < quantity; i++)
    TRY(give_up(c, db, ids[i], sku_id, warehouse_id, &freed));
  return freed >= quantity ? ERR_OK : ERR_CONFLICT;
}
