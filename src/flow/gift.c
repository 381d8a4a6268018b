/* gift.c: what rules give along with an order. A gift is a line like any other while it is planned, reserved, picked and
 * packed; but no order waits for one: where there is none, it is left out, and a tag and an event say so. */
#include "flow.h"

/* All pieces of it lie somewhere, or it is made for the order. */
static enum err is_there(struct cmd *c, struct db *db, const char *code, int64_t quantity, const char **why)
{
  struct sku s;
  struct kit_part *part, own = { 0, 1 };
  size_t n = 1;
  *why = NULL;
  if (!stock_tracked(c, db)) return ERR_OK;
  enum err e = sku_find(db, &c->mem, code, &s);
  if (e == ERR_NOT_FOUND) *why = "unknown_sku";
  if (e) return *why ? ERR_OK : e;
  own.sku_id = s.id, part = &own;
  if (s.kit) TRY(sku_parts(db, &c->mem, s.id, &part, &n));
  for (size_t i = 0; i < n && !*why; i++) {
    struct sku p;
    TRY(sku_get(db, &c->mem, part[i].sku_id, &p));
    if (!p.made && stock_available(db, p.id) < quantity * part[i].quantity) *why = "none_left";
  }
  return ERR_OK;
}

/* Its parcels are still to be planned, and by us. */
static bool may_have(const struct cmd *c, const struct order *o)
{
  const struct status_table *t = &c->rules->status;
  int rank = stage_rank(t, status_find(t, o->status));
  return rank >= 0 && rank < stage_rank(t, ST_SPLIT) &&
         !(o->flags & (FLAG_PLATFORM_WAREHOUSE | FLAG_PLATFORM_INSPECTION | FLAG_AGENCY));
}

static enum err missing(struct cmd *c, struct db *db, const struct gift *g, const char *why)
{
  struct buf b = { 0 };
  struct jw w;
  bool is_new;
  char version[RULE_VERSION + 1];
  digest_shown(g->digest, version);
  TRY(tag_put(db, g->order_id, GIFT_MISSING_TAG, &is_new));
  jw_init(&w, &b), jw_object(&w), jw_kstring(&w, "rule", g->rule), jw_kstring(&w, "version", version);
  jw_kstring(&w, "sku", g->sku), jw_kint(&w, "quantity", g->quantity), jw_kstring(&w, "why", why),
    jw_object_end(&w);
  enum err e = progress_event(c, db, 'o', g->order_id, "order.gift_missing", "%s", b.data);
  buf_release(&b);
  return e;
}

enum err gift_give(struct cmd *c, struct db *db, const struct order *o, const struct rule *r,
                   const struct rule_action *x, bool *given)
{
  struct gift g = { .order_id = o->id, .quantity = x->n, .at = c->now_ms, .sku = x->text, .rule = r->name };
  const char *why = NULL;
  memcpy(g.digest, r->digest, sizeof g.digest);
  *given = false;
  if (!may_have(c, o)) return ERR_OK; /* an old one taken in, or not sent by us */
  TRY(is_there(c, db, g.sku, g.quantity, &why));
  enum err e = why ? ERR_OK : gift_put(db, &g);
  if (e == ERR_CONFLICT) why = "too_many";
  else TRY(e);
  if (why) return missing(c, db, &g, why);
  fulfil_touch(c, o->id);
  *given = true;
  return ERR_OK;
}

enum err gift_lines(struct cmd *c, struct db *db, const struct order *o, struct line_left **list, size_t *n)
{
  struct line_left *bought;
  struct gift *g;
  size_t gifts;
  bool any = false;
  TRY(order_lines_left(db, &c->mem, o->id, o->total, &bought, n));
  *list = bought;
  TRY(gifts_of_order(db, &c->mem, o->id, &g, &gifts));
  if (!gifts) return ERR_OK;
  *list = arena_array(&c->mem, struct line_left, *n + gifts);
  memcpy(*list, bought, *n * sizeof **list);
  for (size_t i = 0; i < *n; i++) any = any || bought[i].left;
  for (size_t i = 0; i < gifts; i++) /* where all was given back, nobody sends a gift alone */
    (*list)[(*n)++] = (struct line_left){
      .line_no = g[i].line_no, .quantity = g[i].quantity, .left = any ? g[i].quantity : 0, .sku = g[i].sku
    };
  return ERR_OK;
}

enum err gift_gone(struct cmd *c, struct db *db, int64_t order_id, int64_t line_no, int64_t quantity,
                   const char *why)
{
  struct gift *g;
  size_t n;
  struct order o;
  TRY(gifts_of_order(db, &c->mem, order_id, &g, &n));
  for (size_t i = 0; i < n; i++) {
    if (g[i].line_no != line_no || !g[i].quantity) continue;
    TRY(gift_set(db, order_id, line_no, g[i].quantity - quantity));
    if (quantity < g[i].quantity) g[i].quantity = quantity;
    TRY(missing(c, db, &g[i], why));
    TRY(order_get(db, &c->mem, order_id, &o));
    TRY(order_bump(db, &o, c->now_ms));
  }
  return ERR_OK;
}

static bool is_missing(const struct split_plan *p, const struct split_line *l)
{
  if (strcmp(p->why, "short") != 0) return true;
  for (size_t i = 0; i < p->missing_n; i++)
    for (size_t x = 0; x < l->parts; x++)
      if (p->missing[i].sku_id == l->part[x].sku_id) return true;
  return false;
}

/* The plan without these gifts; *n: how many they are. */
static struct unit_plan without(struct cmd *c, int64_t order_id, const struct unit_plan *p, bool all,
                                size_t *n)
{
  struct unit_plan rest = { .line = arena_array(&c->mem, struct split_line, p->n + 1) };
  for (size_t i = 0; i < p->n; i++) {
    const struct split_line *l = &p->line[i];
    bool gift = l->order_id == order_id && l->line_no > GIFT_LINE;
    if (!gift || (!all && !is_missing(&p->result, l))) rest.line[rest.n++] = *l;
  }
  rest.cap = p->n, *n = p->n - rest.n;
  return rest;
}

enum err gifts_give_way(struct cmd *c, struct db *db, int64_t order_id, const struct unit_plan *p,
                        const struct order *to, const struct unit *mine, size_t n, bool *any)
{
  *any = false;
  for (int all = 0; all <= 1 && !*any; all++) {
    size_t gifts;
    struct unit_plan rest = without(c, order_id, p, all, &gifts);
    if (!gifts || !rest.n) continue;
    TRY(plan_decide(c, db, &rest, to, mine, n));
    if (!rest.result.ok) continue;
    for (size_t i = 0; i < p->n; i++) {
      const struct split_line *l = &p->line[i];
      if (l->order_id != order_id || l->line_no <= GIFT_LINE || (!all && !is_missing(&p->result, l)))
        continue;
      bool is_short = !strcmp(p->result.why, "short");
      TRY(gift_gone(c, db, order_id, l->line_no, l->quantity, is_short ? "none_left" : "no_place"));
      *any = true;
    }
  }
  return ERR_OK;
}
