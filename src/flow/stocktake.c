/* Stock as people change it: receipts and losses, counts, moves. Orders change it by themselves, see fulfil.c. */
#include "flow.h"

#define PIECES_MAX 1000000000 /* of one booking */
#define REASON_MAX 100
#define NOTE_MAX 500

struct stock_args {
  const char *sku, *warehouse, *to, *reason, *note, *from_bucket, *to_bucket;
  int64_t delta, counted, quantity;
};
struct shelf {
  struct sku sku;
  struct warehouse warehouse;
  struct stock stock;
};

/* ---- which shelf ------------------------------------------------------------------------------------------------------ */

static enum err warehouse_named(struct cmd *c, struct db *db, const char *code, const char *pointer,
                                struct warehouse *w)
{
  enum err e = warehouse_find(db, &c->mem, code, w);
  if (e == ERR_NOT_FOUND)
    return refuse_at(c, pointer, "unknown_warehouse", "There is no warehouse %.64s", code);
  TRY(e);
  if (w->factory)
    return refuse_at(c, pointer, "factory_has_no_stock", "%s is a factory: it keeps no stock", code);
  return ERR_OK;
}

static enum err shelf_find(struct cmd *c, struct db *db, const struct stock_args *a, struct shelf *s)
{
  enum err e = sku_find(db, &c->mem, a->sku, &s->sku);
  if (e == ERR_NOT_FOUND) return refuse_at(c, "/sku", "unknown_sku", "There is no SKU %.64s", a->sku);
  TRY(e);
  if (s->sku.kit) return refuse_at(c, "/sku", "kit_has_no_stock", "%s is a kit: book its parts", s->sku.code);
  if (s->sku.made)
    return refuse_at(c, "/sku", "made_has_no_stock", "%s is made to order: it lies on no shelf", s->sku.code);
  TRY(warehouse_named(c, db, a->warehouse, "/warehouse", &s->warehouse));
  return stock_get(db, s->sku.id, s->warehouse.id, &s->stock);
}

/* ---- what is told -------------------------------------------------------------------------------------------------------- */

static void stock_put(struct jw *w, const struct stock *s)
{
  jw_kint(w, "on_hand", s->on_hand), jw_kint(w, "reserved", s->reserved), jw_kint(w, "frozen", s->frozen);
  jw_kint(w, "available", s->available), jw_kint(w, "quarantine", s->quarantine);
}

static const char *stock_extra(struct cmd *c, const struct stock *s)
{
  struct buf b = { 0 };
  struct jw w;
  jw_init(&w, &b), jw_object(&w), stock_put(&w, s), jw_object_end(&w);
  const char *text = arena_strn(&c->mem, b.data + 1, b.len - 2);
  buf_release(&b);
  return text;
}

static enum err stock_event(struct cmd *c, struct db *db, const struct shelf *s, const char *type,
                            int64_t delta, const char *reason, const char *note)
{
  struct buf b = { 0 };
  struct jw w;
  jw_init(&w, &b), jw_object(&w);
  jw_kstring(&w, "sku", s->sku.code), jw_kstring(&w, "warehouse", s->warehouse.code),
    jw_kint(&w, "delta", delta);
  jw_kint(&w, "on_hand", s->stock.on_hand);
  if (reason) jw_kstring(&w, "reason", reason);
  if (note) jw_kstring(&w, "note", note);
  jw_object_end(&w);
  enum err e = progress_event(c, db, 'n', s->sku.id, type, "%s", b.data);
  buf_release(&b);
  return e;
}

static enum err stock_answer(struct cmd *c, struct db *db, struct shelf *s, int64_t delta)
{
  struct jw w;
  TRY(stock_get(db, s->sku.id, s->warehouse.id, &s->stock));
  jw_init(&w, &c->out), jw_object(&w);
  jw_kstring(&w, "sku", s->sku.code), jw_kstring(&w, "warehouse", s->warehouse.code),
    jw_kint(&w, "delta", delta);
  stock_put(&w, &s->stock);
  jw_object_end(&w);
  return ERR_OK;
}

/* One booking of a person's. Not enough in the bucket: 409 with what is there. */
static enum err book(struct cmd *c, struct db *db, const struct shelf *s, enum bucket_kind from,
                     enum bucket_kind to, int64_t quantity, const char *reason, const char *ref)
{
  enum err e =
    stock_move(db, s->sku.id, s->warehouse.id, from, to, quantity, reason, ref, c->actor.name, c->now_ms);
  if (e != ERR_CONFLICT) return e;
  c->problem.extra = stock_extra(c, &s->stock);
  if (from == STOCK_OUTSIDE) return refuse(c, e, "too_many", "More pieces than can be counted");
  return refuse(c, e, "not_enough", "%s holds %lld pieces of %s in %s; %s", stock_bucket_name(from),
                (long long)(from == STOCK_QUARANTINE ? s->stock.quarantine : s->stock.available), s->sku.code,
                s->warehouse.code, "what orders have reserved is not free: count the shelf when it is gone");
}

/* ---- adjust ----------------------------------------------------------------------------------------------------------------- */

static void amount_check(struct cmd *c, const char *pointer, int64_t n, int64_t least)
{
  if (n < least || n > PIECES_MAX)
    refuse_at(c, pointer, "out_of_range", "A whole number from %lld to %d", (long long)least, PIECES_MAX);
}

enum err flow_stock_adjust_parse(struct cmd *c, const struct json *body)
{
  struct stock_args *a = arena_new(&c->mem, struct stock_args);
  const struct arg rows[] = { { "sku", ARG_TEXT, true, SKU_CODE_MAX, &a->sku },
                              { "warehouse", ARG_TEXT, true, SKU_CODE_MAX, &a->warehouse },
                              { "delta", ARG_INT, true, 0, &a->delta },
                              { "reason", ARG_TEXT, true, REASON_MAX, &a->reason },
                              { "note", ARG_TEXT, false, NOTE_MAX, &a->note } };
  c->args = a;
  TRY(args_read(c, body, rows, COUNT(rows)));
  if (!a->delta || a->delta > PIECES_MAX || a->delta < -PIECES_MAX)
    refuse_at(c, "/delta", "out_of_range",
              "A whole number up to %d, less than nothing for pieces that are gone; not 0", PIECES_MAX);
  return c->problem.faults.n ? ERR_INVALID : ERR_OK;
}

enum err flow_stock_adjust_run(struct cmd *c, struct db *db)
{
  const struct stock_args *a = c->args;
  struct shelf s;
  TRY(shelf_find(c, db, a, &s));
  if (a->delta > 0) TRY(book(c, db, &s, STOCK_OUTSIDE, STOCK_AVAILABLE, a->delta, a->reason, a->note));
  else TRY(book(c, db, &s, STOCK_AVAILABLE, STOCK_OUTSIDE, -a->delta, a->reason, a->note));
  c->status = 201;
  TRY(stock_answer(c, db, &s, a->delta));
  TRY(stock_event(c, db, &s, "stock.adjusted", a->delta, a->reason, a->note));
  return a->delta > 0 ? fulfil_wake(c, db) : ERR_OK;
}

/* ---- count ------------------------------------------------------------------------------------------------------------------- */

enum err flow_stock_count_parse(struct cmd *c, const struct json *body)
{
  struct stock_args *a = arena_new(&c->mem, struct stock_args);
  const struct arg rows[] = { { "sku", ARG_TEXT, true, SKU_CODE_MAX, &a->sku },
                              { "warehouse", ARG_TEXT, true, SKU_CODE_MAX, &a->warehouse },
                              { "counted", ARG_INT, true, 0, &a->counted },
                              { "note", ARG_TEXT, false, NOTE_MAX, &a->note } };
  c->args = a;
  TRY(args_read(c, body, rows, COUNT(rows)));
  amount_check(c, "/counted", a->counted, 0);
  return c->problem.faults.n ? ERR_INVALID : ERR_OK;
}

#define HOLDERS_MAX 20
/* Somebody is about to ship pieces that nobody finds: which parcels a person has to stop first. */
static enum err frozen_held(struct cmd *c, struct db *db, const struct shelf *s, int64_t counted)
{
  struct unit *held;
  size_t n;
  struct buf b = { 0 };
  struct jw w;
  TRY(units_frozen(db, &c->mem, s->sku.id, s->warehouse.id, HOLDERS_MAX, &held, &n));
  buf_printf(&b, "%s,\"held_by\":", stock_extra(c, &s->stock));
  jw_init(&w, &b), jw_array(&w);
  for (size_t i = 0; i < n; i++) {
    jw_object(&w), jw_id(&w, "order", 'o', held[i].order_id),
      jw_id(&w, "fulfilment", 'f', held[i].fulfilment_id);
    jw_kint(&w, "quantity", held[i].quantity), jw_object_end(&w);
  }
  jw_array_end(&w);
  c->problem.extra = arena_strn(&c->mem, b.data, b.len);
  buf_release(&b);
  return refuse(c, ERR_CONFLICT, "frozen_held",
                "%lld pieces of %s in %s are in parcels under way, and only %lld were counted",
                (long long)s->stock.frozen, s->sku.code, s->warehouse.code, (long long)counted);
}

/* Fewer than the system says: what is free goes first, then what the youngest orders had reserved. */
static enum err count_down(struct cmd *c, struct db *db, struct shelf *s, int64_t counted, const char *note)
{
  int64_t gone = s->stock.on_hand - counted;
  if (counted < s->stock.frozen) return frozen_held(c, db, s, counted);
  if (gone > s->stock.available) {
    enum err e = fulfil_unreserve(c, db, s->sku.id, s->warehouse.id, gone - s->stock.available);
    if (e == ERR_CONFLICT) {
      c->problem.extra = stock_extra(c, &s->stock);
      return refuse(c, e, "reserved_held", "%lld pieces of %s in %s are reserved and cannot be taken back",
                    (long long)s->stock.reserved, s->sku.code, s->warehouse.code);
    }
    TRY(e);
    TRY(stock_get(db, s->sku.id, s->warehouse.id, &s->stock));
  }
  return book(c, db, s, STOCK_AVAILABLE, STOCK_OUTSIDE, gone, "count", note);
}

enum err flow_stock_count_run(struct cmd *c, struct db *db)
{
  const struct stock_args *a = c->args;
  struct shelf s;
  TRY(shelf_find(c, db, a, &s));
  int64_t delta = a->counted - s.stock.on_hand;
  if (delta > 0) TRY(book(c, db, &s, STOCK_OUTSIDE, STOCK_AVAILABLE, delta, "count", a->note));
  if (delta < 0) TRY(count_down(c, db, &s, a->counted, a->note));
  TRY(stock_answer(c, db, &s, delta));
  TRY(stock_event(c, db, &s, "stock.counted", delta, NULL, a->note));
  return delta ? fulfil_wake(c, db) : ERR_OK;
}

/* ---- move ---------------------------------------------------------------------------------------------------------------------- */

static void bucket_check(struct cmd *c, const char *pointer, const char *name)
{
  if (!name || !strcmp(name, "available") || !strcmp(name, "quarantine")) return;
  refuse_at(c, pointer, "unknown_bucket", "available or quarantine; orders alone reserve and freeze");
}

static enum bucket_kind bucket_of(const char *name)
{
  return name && !strcmp(name, "quarantine") ? STOCK_QUARANTINE : STOCK_AVAILABLE;
}

enum err flow_stock_shift_parse(struct cmd *c, const struct json *body)
{
  struct stock_args *a = arena_new(&c->mem, struct stock_args);
  const struct arg rows[] = { { "sku", ARG_TEXT, true, SKU_CODE_MAX, &a->sku },
                              { "warehouse", ARG_TEXT, true, SKU_CODE_MAX, &a->warehouse },
                              { "to", ARG_TEXT, false, SKU_CODE_MAX, &a->to },
                              { "quantity", ARG_INT, true, 0, &a->quantity },
                              { "from_bucket", ARG_TEXT, false, 10, &a->from_bucket },
                              { "to_bucket", ARG_TEXT, false, 10, &a->to_bucket },
                              { "reason", ARG_TEXT, false, REASON_MAX, &a->reason },
                              { "note", ARG_TEXT, false, NOTE_MAX, &a->note } };
  c->args = a;
  TRY(args_read(c, body, rows, COUNT(rows)));
  amount_check(c, "/quantity", a->quantity, 1);
  bucket_check(c, "/from_bucket", a->from_bucket), bucket_check(c, "/to_bucket", a->to_bucket);
  if (!a->to) a->to = a->warehouse;
  if (!a->reason) a->reason = "move";
  if (!c->problem.faults.n && !strcmp(a->to, a->warehouse) &&
      bucket_of(a->from_bucket) == bucket_of(a->to_bucket))
    refuse_at(c, "/to", "same_place", "Another warehouse, or another bucket");
  return c->problem.faults.n ? ERR_INVALID : ERR_OK;
}

/* On the way from one warehouse to the other pieces are outside: two rows of the ledger, each naming the other place. */
static enum err shift_between(struct cmd *c, struct db *db, const struct stock_args *a, struct shelf *from,
                              struct shelf *to)
{
  TRY(book(c, db, from, bucket_of(a->from_bucket), STOCK_OUTSIDE, a->quantity, a->reason,
           arena_printf(&c->mem, "to %s", to->warehouse.code)));
  return book(c, db, to, STOCK_OUTSIDE, bucket_of(a->to_bucket), a->quantity, a->reason,
              arena_printf(&c->mem, "from %s", from->warehouse.code));
}

static void stock_row(struct jw *w, const struct shelf *s)
{
  jw_object(w), jw_kstring(w, "sku", s->sku.code), jw_kstring(w, "warehouse", s->warehouse.code),
    stock_put(w, &s->stock);
  jw_object_end(w);
}

enum err flow_stock_shift_run(struct cmd *c, struct db *db)
{
  const struct stock_args *a = c->args;
  struct shelf from, to;
  struct jw w;
  bool same = !strcmp(a->to, a->warehouse);
  TRY(shelf_find(c, db, a, &from));
  to = from;
  if (same) {
    TRY(book(c, db, &from, bucket_of(a->from_bucket), bucket_of(a->to_bucket), a->quantity, a->reason,
             a->note));
  } else {
    TRY(warehouse_named(c, db, a->to, "/to", &to.warehouse));
    TRY(stock_get(db, to.sku.id, to.warehouse.id, &to.stock));
    TRY(shift_between(c, db, a, &from, &to));
  }
  TRY(stock_get(db, from.sku.id, from.warehouse.id, &from.stock));
  TRY(stock_get(db, to.sku.id, to.warehouse.id, &to.stock));
  TRY(stock_event(c, db, &from, "stock.moved", same ? 0 : -a->quantity, a->reason, a->note));
  if (!same) TRY(stock_event(c, db, &to, "stock.moved", a->quantity, a->reason, a->note));
  c->status = 201;
  jw_init(&w, &c->out), jw_object(&w), jw_kint(&w, "quantity", a->quantity);
  jw_key(&w, "from"), stock_row(&w, &from), jw_key(&w, "to"), stock_row(&w, &to);
  jw_object_end(&w);
  return fulfil_wake(c, db);
}
