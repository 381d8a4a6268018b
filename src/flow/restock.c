/* restock.c: the goods of cases: received into quarantine, inspected, back on the shelf or written off; and what goes out
 * instead, or back repaired: an order of the same customer at no price. */
#include "flow.h"

#define EXCHANGE_CHANNEL "exchange"
#define PIECES_MAX 1000000

struct in_line {
  const char *line_id;
  int64_t line_no, quantity, good, damaged;
};
struct in_args {
  const char *warehouse, *note;
  const struct json *lines;
  struct in_line *line;
  size_t n;
  int64_t if_version;
};

static enum err in_line_read(struct cmd *c, size_t i, const struct json *j, struct in_line *l)
{
  struct faults *f = &c->problem.faults;
  const struct arg rows[] = { { "line_id", ARG_TEXT, false, 64, &l->line_id },
                              { "line_no", ARG_INT, false, 0, &l->line_no },
                              { "quantity", ARG_INT, false, 0, &l->quantity },
                              { "good", ARG_INT, false, 0, &l->good },
                              { "damaged", ARG_INT, false, 0, &l->damaged } };
  const char *at = arena_printf(&c->mem, "/lines/%zu", i);
  int before = f->n;
  if (json_type(j) != JSON_OBJECT) return refuse_at(c, at, "not_an_object", "A line is an object");
  if (args_read(c, j, rows, COUNT(rows)) && f->n > before)
    for (int k = before; k < f->n && k < (int)COUNT(f->at); k++)
      f->at[k].pointer = arena_printf(&c->mem, "%s%s", at, f->at[k].pointer);
  if (!l->line_id && !l->line_no) return refuse_at(c, at, "missing", "A line is named by line_id or line_no");
  if (l->quantity < 0 || l->good < 0 || l->damaged < 0 || l->quantity > PIECES_MAX || l->good > PIECES_MAX ||
      l->damaged > PIECES_MAX)
    return refuse_at(c, at, "out_of_range", "0 or more pieces");
  return ERR_OK;
}

enum err flow_case_receive_parse(struct cmd *c, const struct json *body)
{
  struct in_args *a = arena_new(&c->mem, struct in_args);
  const struct arg rows[] = { { "warehouse", ARG_TEXT, false, SKU_CODE_MAX, &a->warehouse },
                              { "note", ARG_TEXT, false, 500, &a->note },
                              { "lines", ARG_TEXTS, false, 0, &a->lines },
                              { "if_version", ARG_VERSION, false, 0, &a->if_version } };
  size_t i = 0;
  c->args = a;
  TRY(args_read(c, body, rows, COUNT(rows)));
  if (a->if_version) c->if_version = a->if_version;
  a->n = a->lines ? json_count(a->lines) : 0;
  if (a->n > CASE_LINES_MAX) return refuse_at(c, "/lines", "too_many", "At most %d lines", CASE_LINES_MAX);
  a->line = arena_array(&c->mem, struct in_line, a->n + 1);
  for (const struct json *j = a->lines ? json_first(a->lines) : NULL; j; j = json_next(j), i++)
    in_line_read(c, i, j, &a->line[i]);
  return c->problem.faults.n ? ERR_INVALID : ERR_OK;
}

/* ---- pieces into buckets ------------------------------------------------------------------------------------------------- */

struct coming {
  struct aftercase k;
  struct order order;
  struct line_left *bought;
  size_t n;
  int64_t warehouse_id; /* 0: no stock is kept */
};

static enum err part_move(struct cmd *c, struct db *db, const struct coming *g, int64_t sku_id,
                          enum bucket_kind from, enum bucket_kind to, int64_t quantity, const char *reason)
{
  enum err e = stock_move(db, sku_id, g->warehouse_id, from, to, quantity, reason,
                          id_text(&c->mem, 'c', g->k.id), c->actor.name, c->now_ms);
  if (e != ERR_CONFLICT) return e;
  return refuse(c, e, "not_in_quarantine", "The pieces of this case are not in quarantine any more");
}

/* A kit comes back as its parts; what was made to order lies on no shelf. */
static enum err pieces_move(struct cmd *c, struct db *db, const struct coming *g, const char *code,
                            enum bucket_kind from, enum bucket_kind to, int64_t quantity, const char *reason)
{
  struct sku s;
  struct kit_part *part;
  size_t n;
  int64_t id;
  if (!g->warehouse_id || quantity <= 0 || !code) return ERR_OK;
  enum err e = sku_of_channel(db, g->order.channel_id, code, &id);
  if (e) return e == ERR_NOT_FOUND ? ERR_OK : e;
  TRY(sku_get(db, &c->mem, id, &s));
  if (!s.kit) return s.made ? ERR_OK : part_move(c, db, g, s.id, from, to, quantity, reason);
  TRY(sku_parts(db, &c->mem, s.id, &part, &n));
  for (size_t i = 0; i < n; i++) {
    TRY(sku_get(db, &c->mem, part[i].sku_id, &s));
    if (!s.made) TRY(part_move(c, db, g, s.id, from, to, quantity * part[i].quantity, reason));
  }
  return ERR_OK;
}

static const struct line_left *bought(const struct coming *g, int64_t line_no)
{
  for (size_t i = 0; i < g->n; i++)
    if (g->bought[i].line_no == line_no) return &g->bought[i];
  return NULL;
}

/* l: as it was; in: what came now. What is said to be good or damaged has come in. */
static enum err line_in(struct cmd *c, struct db *db, const struct coming *g, struct case_line *l,
                        const struct in_line *in)
{
  const struct line_left *x = bought(g, l->line_no);
  const char *code = x ? x->sku : NULL;
  int64_t seen = l->good + l->damaged + in->good + in->damaged, came = in->quantity;
  if (!came && seen > l->received) came = seen - l->received;
  if (came > l->quantity - l->received)
    return refuse(c, ERR_CONFLICT, "too_many_pieces", "Of line %lld only %lld pieces are still to come",
                  (long long)l->line_no, (long long)(l->quantity - l->received));
  if (seen > l->received + came)
    return refuse(c, ERR_CONFLICT, "more_than_received", "Of line %lld more would be inspected than came in",
                  (long long)l->line_no);
  TRY(pieces_move(c, db, g, code, STOCK_OUTSIDE, STOCK_QUARANTINE, came, "return"));
  TRY(pieces_move(c, db, g, code, STOCK_QUARANTINE, STOCK_AVAILABLE, in->good, "return_good"));
  TRY(pieces_move(c, db, g, code, STOCK_QUARANTINE, STOCK_OUTSIDE, in->damaged, "return_damaged"));
  l->received += came, l->good += in->good, l->damaged += in->damaged;
  return case_line_in(db, g->k.id, l);
}

static enum err place(struct cmd *c, struct db *db, const struct in_args *a, struct coming *g)
{
  struct warehouse w;
  if (!a->warehouse) {
    g->warehouse_id = g->k.warehouse_id;
    if (g->warehouse_id || !stock_tracked(c, db)) return ERR_OK;
    return refuse_at(c, "/warehouse", "missing", "Where the goods came in");
  }
  enum err e = warehouse_find(db, &c->mem, a->warehouse, &w);
  if (e == ERR_NOT_FOUND || (!e && w.factory))
    return refuse_at(c, "/warehouse", "unknown_warehouse", "There is no warehouse %.64s", a->warehouse);
  TRY(e);
  if (g->k.warehouse_id && g->k.warehouse_id != w.id)
    return refuse(c, ERR_CONFLICT, "other_warehouse", "The goods of this case came into another warehouse");
  g->warehouse_id = w.id;
  return ERR_OK;
}

static enum err lines_in(struct cmd *c, struct db *db, const struct in_args *a, struct coming *g)
{
  struct case_line *l;
  size_t n;
  bool all = true, any = false;
  TRY(case_lines(db, &c->mem, g->k.id, &l, &n));
  for (size_t i = 0; i < a->n; i++) {
    size_t at = 0;
    while (at < n) {
      const struct line_left *x = bought(g, l[at].line_no);
      if (a->line[i].line_id ? x && x->line_id && !strcmp(x->line_id, a->line[i].line_id)
                             : l[at].line_no == a->line[i].line_no)
        break;
      at++;
    }
    if (at == n)
      return refuse_at(c, arena_printf(&c->mem, "/lines/%zu", i), "unknown_line",
                       "The case has no such line");
    TRY(line_in(c, db, g, &l[at], &a->line[i]));
  }
  for (size_t i = 0; i < n; i++) {
    const struct in_line rest = { .quantity = l[i].quantity - l[i].received };
    if (!a->n) TRY(line_in(c, db, g, &l[i], &rest));
    all = all && l[i].good + l[i].damaged == l[i].quantity, any = any || l[i].received;
  }
  g->k.goods = all ? "inspected" : any ? "received" : g->k.goods;
  return ERR_OK;
}

enum err flow_case_receive_run(struct cmd *c, struct db *db)
{
  const struct in_args *a = c->args;
  struct coming g = { 0 };
  TRY(returns_target(c, db, &g.k));
  TRY(returns_may(c, &g.k, ACT_RECEIVE));
  if (!case_has_goods(g.k.kind))
    return refuse(c, ERR_CONFLICT, "no_goods", "No goods come back in this case");
  TRY(order_get(db, &c->mem, g.k.order_id, &g.order));
  if (!g.order.shipped_at)
    return refuse(c, ERR_CONFLICT, "not_shipped", "Nothing of this order has left yet");
  TRY(place(c, db, a, &g));
  TRY(order_lines_left(db, &c->mem, g.order.id, 0, &g.bought, &g.n));
  TRY(lines_in(c, db, a, &g));
  g.k.warehouse_id = g.warehouse_id;
  TRY(returns_did(c, db, &g.k, ACT_RECEIVE, a->note));
  TRY(returns_event(c, db, &g.k, "case.received"));
  TRY(returns_settle(c, db, &g.k));
  TRY(case_update(db, &g.k, c->now_ms));
  if (g.k.state == CASE_DONE) TRY(returns_release(c, db, g.k.order_id));
  TRY(fulfil_wake(c, db));
  return returns_answer(c, db, g.k.id);
}

/* ---- what goes out ------------------------------------------------------------------------------------------------------------ */

static void whom_put(struct jw *w, const struct draft *d)
{
  jw_key(w, "buyer"), jw_object(w), jw_kstring(w, "id", d->buyer_id), jw_kstring(w, "name", d->buyer_name);
  jw_kstring(w, "phone", d->buyer_phone), jw_object_end(w);
  jw_key(w, "receiver"), jw_object(w), jw_kstring(w, "name", d->receiver_name),
    jw_kstring(w, "phone", d->receiver_phone);
  jw_kstring(w, "country", d->country), jw_kstring(w, "province", d->province),
    jw_kstring(w, "city", d->city);
  jw_kstring(w, "district", d->district), jw_kstring(w, "town", d->town),
    jw_kstring(w, "address", d->address);
  jw_kstring(w, "zip", d->zip), jw_object_end(w);
}

struct going {
  const char *sku, *title;
  int64_t quantity;
};

static const char *order_text(struct cmd *c, const struct aftercase *k, const struct draft *d,
                              const struct going *g, size_t n)
{
  struct buf b = { 0 };
  struct jw w;
  jw_init(&w, &b), jw_object(&w), jw_kstring(&w, "channel", EXCHANGE_CHANNEL);
  jw_kstring(&w, "external_id", id_text(&c->mem, 'c', k->id)), jw_kstring(&w, "status", "paid");
  jw_ktime(&w, "placed_at", c->now_ms), jw_ktime(&w, "paid_at", c->now_ms),
    jw_kstring(&w, "currency", k->currency);
  jw_kstring(&w, "total", money_text(&c->mem, 0, k->currency));
  whom_put(&w, d);
  if (d->service) jw_kstring(&w, "service", d->service);
  jw_key(&w, "lines"), jw_array(&w);
  for (size_t i = 0; i < n; i++) {
    jw_object(&w), jw_kstring(&w, "line_id", arena_printf(&c->mem, "%zu", i + 1)),
      jw_kstring(&w, "sku", g[i].sku);
    if (g[i].title) jw_kstring(&w, "title", g[i].title);
    jw_kint(&w, "quantity", g[i].quantity), jw_kstring(&w, "price", money_text(&c->mem, 0, k->currency)),
      jw_object_end(&w);
  }
  jw_array_end(&w), jw_object_end(&w);
  const char *text = arena_strn(&c->mem, b.data, b.len);
  buf_release(&b);
  return text;
}

/* A new order of the same customer at zero price; a channel of its own, so that nobody else has its numbers. */
static enum err order_make(struct cmd *c, struct db *db, struct aftercase *k, const struct going *g, size_t n)
{
  struct draft whom = { 0 };
  struct channel ch;
  enum ingest_result result;
  int64_t group;
  TRY(order_whom(db, &c->mem, k->order_id, &whom));
  enum err e = channel_find(db, &c->mem, EXCHANGE_CHANNEL, &ch);
  if (e == ERR_NOT_FOUND)
    e = channel_add(db, EXCHANGE_CHANNEL, rules_family(c->rules, EXCHANGE_CHANNEL), c->now_ms, &ch.id);
  TRY(e);
  const char *text = order_text(c, k, &whom, g, n);
  struct json *j = json_parse(&c->mem, text, strlen(text), JSON_ELEMENTS_MAX, &c->problem.faults);
  struct draft *d = j ? draft_parse(&c->mem, j, "", &c->problem.faults) : NULL;
  if (!d)
    return refuse(c, ERR_CONFLICT, "exchange_not_made",
                  "No order can be made of this case: see that its lines have a SKU or a title");
  draft_seal(&c->mem, d, text, strlen(text));
  TRY(ingest_apply(c, db, d, 0, &result, &k->exchange_id, &group));
  return progress_event(c, db, 'o', k->order_id, "case.exchanged",
                        "{\"case\":\"c_%lld\",\"order\":\"o_%lld\"}", (long long)k->id,
                        (long long)k->exchange_id);
}

/* An exchange goes out when it is approved, a repaired piece when it is back on the shelf. */
enum err restock_send(struct cmd *c, struct db *db, struct aftercase *k)
{
  struct order_money m;
  struct case_line *l;
  struct going g[CASE_LINES_MAX];
  size_t n, going = 0;
  if (k->exchange_id || (k->kind != CASE_EXCHANGE && k->kind != CASE_REPAIR)) return ERR_OK;
  TRY(refund_money(c, db, k, &m));
  TRY(case_lines(db, &c->mem, k->id, &l, &n));
  for (size_t i = 0; i < n; i++) {
    int64_t quantity = k->kind == CASE_REPAIR ? l[i].good : l[i].quantity;
    for (size_t x = 0; x < m.lines && quantity > 0; x++)
      if (m.line[x].line_no == l[i].line_no)
        g[going++] = (struct going){ l[i].instead ? l[i].instead : m.line[x].sku,
                                     l[i].instead ? NULL : m.line[x].title, quantity };
  }
  return going ? order_make(c, db, k, g, going) : ERR_OK;
}
