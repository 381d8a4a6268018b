/* pack.c: the packing bench. What is scanned is compared with what the fulfilment holds; what lacks or is damaged is
 * booked, and the rest is planned anew (domain 7.1).
 *
 *   open ──first right scan──► picking ──last right scan──► packed
 *                                 ▲────reset, or a change────┘ */
#include "flow.h"

#define PACK_QUANTITY_MAX 1000000

struct pack_args {
  const char *sku, *barcode, *reason, *note;
  int64_t quantity;
};

struct bench { /* a fulfilment that lies there */
  struct fulfilment f;
  struct pack_item *item;
  size_t n;
};

enum scanned { SCAN_RIGHT, SCAN_WRONG, SCAN_TOO_MANY, SCAN_DONE };
static const char *const scanned_names[] = { "right", "wrong", "too_many", "done" };

/* ---- what is asked ----------------------------------------------------------------------------------------------------- */

static enum err which_parse(struct cmd *c, const struct json *body, struct pack_args *a,
                            const struct arg *more, size_t n)
{
  struct arg rows[8] = { { "sku", ARG_TEXT, false, 200, &a->sku },
                         { "barcode", ARG_TEXT, false, 200, &a->barcode },
                         { "quantity", ARG_INT, false, 0, &a->quantity },
                         { "if_version", ARG_VERSION, false, 0, &c->if_version } };
  a->quantity = 1, c->args = a;
  must(4 + n <= COUNT(rows));
  for (size_t i = 0; i < n; i++) rows[4 + i] = more[i];
  TRY(args_read(c, body, rows, 4 + n));
  if (!a->sku == !a->barcode)
    fault_add(&c->problem.faults, "/barcode", "one_of_two", "Either a barcode or a SKU's code");
  if (a->quantity < 1 || a->quantity > PACK_QUANTITY_MAX)
    fault_add(&c->problem.faults, "/quantity", "out_of_range", "A whole number from 1");
  return c->problem.faults.n ? ERR_INVALID : ERR_OK;
}

enum err flow_pack_scan_parse(struct cmd *c, const struct json *body)
{
  return which_parse(c, body, arena_new(&c->mem, struct pack_args), NULL, 0);
}

enum err flow_pack_reset_parse(struct cmd *c, const struct json *body)
{
  struct pack_args *a = arena_new(&c->mem, struct pack_args);
  const struct arg rows[] = { { "note", ARG_TEXT, false, 500, &a->note },
                              { "if_version", ARG_VERSION, false, 0, &c->if_version } };
  c->args = a;
  return args_read(c, body, rows, COUNT(rows));
}

enum err flow_pack_short_parse(struct cmd *c, const struct json *body)
{
  struct pack_args *a = arena_new(&c->mem, struct pack_args);
  const struct arg more[] = { { "reason", ARG_TEXT, true, 16, &a->reason },
                              { "note", ARG_TEXT, false, 500, &a->note } };
  TRY(which_parse(c, body, a, more, COUNT(more)));
  if (strcmp(a->reason, "short") != 0 && strcmp(a->reason, "damaged") != 0)
    return refuse_at(c, "/reason", "unknown_reason", "short or damaged");
  return ERR_OK;
}

/* ---- the bench ------------------------------------------------------------------------------------------------------------- */

static enum err bench_items(struct cmd *c, struct db *db, struct bench *b)
{
  return pack_items(db, &c->mem, b->f.id, &b->item, &b->n);
}

static bool is_claimed(const struct cmd *c, const struct fulfilment *f)
{
  const struct status_table *t = &c->rules->status;
  return stage_rank(t, status_find(t, f->status)) >= stage_rank(t, ST_PRE_SHIP);
}

/* A label may come before the packing, where nobody asks for verified parcels first. */
static enum err bench_open(struct cmd *c, struct db *db, struct bench *b)
{
  const struct status_table *t = &c->rules->status;
  TRY(fulfilment_target(c, db, c->target, &b->f));
  TRY(version_holds(c, "fulfilment", b->f.version));
  int rank = stage_rank(t, status_find(t, b->f.status));
  if (rank < 0)
    return refuse(c, ERR_CONFLICT, "fulfilment_cancelled",
                  "f_%lld is cancelled: put its pieces back on the shelf", (long long)b->f.id);
  if (rank >= stage_rank(t, ST_SHIPPED))
    return refuse(c, ERR_CONFLICT, "shipped", "f_%lld has left", (long long)b->f.id);
  return bench_items(c, db, b);
}

/* What a code on the piece means: its barcode, or the SKU's own code printed as one. NULL: nothing of this parcel. */
static enum err item_of(struct cmd *c, struct db *db, const struct bench *b, struct pack_item **item)
{
  const struct pack_args *a = c->args;
  const char *text = a->barcode ? a->barcode : a->sku;
  struct sku s;
  int64_t key = 0;
  enum err e = a->barcode ? sku_by_barcode(db, text, &key) : ERR_NOT_FOUND;
  if (e && e != ERR_NOT_FOUND) return e;
  if (e) {
    e = sku_find(db, &c->mem, text, &s);
    if (e && e != ERR_NOT_FOUND) return e;
    key = e ? 0 : s.id;
  }
  *item = NULL;
  for (size_t i = 0; i < b->n; i++)
    if (b->item[i].key == (b->item[i].key < 0 ? pack_key(text) : key)) *item = &b->item[i];
  return ERR_OK;
}

static enum err bench_answer(struct cmd *c, struct db *db, struct bench *b, const char *result,
                             const char *sku, const char *more)
{
  struct jw w;
  TRY(fulfilment_get(db, &c->mem, b->f.id, &b->f));
  TRY(bench_items(c, db, b));
  jw_init(&w, &c->out), jw_object(&w), jw_id(&w, "fulfilment", 'f', b->f.id),
    jw_kstring(&w, "result", result);
  jw_kstring(&w, "sku", sku), jw_kstring(&w, "status", b->f.status), jw_kstring(&w, "work", b->f.work);
  jw_kint(&w, "version", b->f.version), pack_items_put(&w, b->item, b->n);
  if (more) buf_char(&c->out, ','), buf_str(&c->out, more);
  jw_object_end(&w);
  c->version = b->f.version;
  return ERR_OK;
}

static enum err bench_event(struct cmd *c, struct db *db, const struct bench *b, const char *type,
                            const char *sku)
{
  const struct pack_args *a = c->args;
  struct buf data = { 0 };
  struct jw w;
  jw_init(&w, &data), jw_object(&w);
  if (sku) jw_kstring(&w, "sku", sku);
  if (a->barcode) jw_kstring(&w, "barcode", a->barcode);
  else if (a->sku && !sku) jw_kstring(&w, "sku", a->sku);
  if (a->quantity) jw_kint(&w, "quantity", a->quantity);
  if (a->reason) jw_kstring(&w, "reason", a->reason);
  if (a->note) jw_kstring(&w, "note", a->note);
  jw_object_end(&w);
  enum err e = progress_event(c, db, 'f', b->f.id, type, "%s", data.data);
  buf_release(&data);
  return e;
}

/* ---- scan ------------------------------------------------------------------------------------------------------------------- */

static enum err packed_now(struct cmd *c, struct db *db, struct bench *b)
{
  TRY(fulfilment_work(db, &b->f, "packed", b->f.wave_id, c->now_ms));
  TRY(bench_event(c, db, b, "pack.done", NULL));
  return waybill_packed(c, db, &b->f);
}

static enum err scan_right(struct cmd *c, struct db *db, struct bench *b, struct pack_item *i,
                           enum scanned *how)
{
  const struct pack_args *a = c->args;
  bool begun = strcmp(b->f.work, "open") != 0;
  if (!is_claimed(c, &b->f)) TRY(pick_ready(c, db, &b->f));
  if (!begun && is_claimed(c, &b->f)) TRY(fulfilment_work(db, &b->f, "picking", b->f.wave_id, c->now_ms));
  else if (!begun) TRY(pick_begin(c, db, &b->f, 0, "packing"));
  TRY(scan_add(db, b->f.id, i->key, a->quantity));
  i->scanned += a->quantity;
  TRY(bench_event(c, db, b, "pack.right", i->sku));
  *how = pack_left(b->item, b->n) ? SCAN_RIGHT : SCAN_DONE;
  return *how == SCAN_DONE ? packed_now(c, db, b) : ERR_OK;
}

/* The label is void: its pieces go back to the shelf, nothing is packed. */
static enum err not_going_back(struct cmd *c, struct db *db, const struct fulfilment *f)
{
  struct claim k;
  if (!f->warehouse_id || !is_claimed(c, f)) return ERR_OK;
  enum err e = claim_of_fulfilment(db, &c->mem, f->id, &k);
  return e == ERR_NOT_FOUND ? refuse(c, ERR_CONFLICT, "not_ready",
                                     "The label of f_%lld is void: put its pieces back", (long long)f->id)
                            : e;
}

enum err flow_pack_scan_run(struct cmd *c, struct db *db)
{
  const struct pack_args *a = c->args;
  struct bench b;
  struct pack_item *i;
  enum scanned how = SCAN_RIGHT;
  TRY(bench_open(c, db, &b));
  TRY(not_going_back(c, db, &b.f));
  TRY(item_of(c, db, &b, &i));
  if (!i) how = SCAN_WRONG;
  else if (!strcmp(b.f.work, "packed") || a->quantity > i->wanted - i->scanned) how = SCAN_TOO_MANY;
  const char *sku = i ? i->sku : NULL;
  if (how == SCAN_RIGHT) TRY(scan_right(c, db, &b, i, &how));
  else TRY(bench_event(c, db, &b, how == SCAN_WRONG ? "pack.wrong" : "pack.too_many", sku));
  TRY(fulfil_settle(c, db));
  return bench_answer(c, db, &b, scanned_names[how], sku, NULL);
}

/* ---- again -------------------------------------------------------------------------------------------------------------------- */

enum err pack_again(struct cmd *c, struct db *db, struct fulfilment *f)
{
  if (!strcmp(f->work, "open")) return ERR_OK;
  TRY(scan_clear(db, f->id));
  if (strcmp(f->work, "packed") != 0) return ERR_OK;
  TRY(fulfilment_work(db, f, "picking", f->wave_id, c->now_ms));
  return progress_event(c, db, 'f', f->id, "pack.again", "{}");
}

enum err flow_pack_reset_run(struct cmd *c, struct db *db)
{
  struct bench b;
  TRY(bench_open(c, db, &b));
  if (c->rules->pack_verify && is_claimed(c, &b.f))
    return refuse(c, ERR_CONFLICT, "already_claimed", "f_%lld has its label: void it first",
                  (long long)b.f.id);
  if (!strcmp(b.f.work, "open")) return bench_answer(c, db, &b, "reset", NULL, NULL);
  TRY(scan_clear(db, b.f.id));
  if (!strcmp(b.f.work, "packed")) TRY(fulfilment_work(db, &b.f, "picking", b.f.wave_id, c->now_ms));
  TRY(bench_event(c, db, &b, "pack.reset", NULL));
  return bench_answer(c, db, &b, "reset", NULL, NULL);
}

/* ---- short or damaged ------------------------------------------------------------------------------------------------------------ */

struct lack {
  struct bench *b;
  const struct pack_item *item;
  int64_t replaced, lost; /* of the pieces: from the same shelf; the rest leaves the parcel */
  int64_t order[ORDER_LINES_MAX];
  size_t orders;
};

static enum err book(struct cmd *c, struct db *db, const struct lack *k, int64_t warehouse_id,
                     int64_t quantity)
{
  const struct pack_args *a = c->args;
  bool damaged = !strcmp(a->reason, "damaged");
  return stock_move(db, k->item->key, warehouse_id, STOCK_RESERVED,
                    damaged ? STOCK_QUARANTINE : STOCK_OUTSIDE, quantity, damaged ? "damaged" : "short_pick",
                    id_text(&c->mem, 'f', k->b->f.id), c->actor.name, c->now_ms);
}

/* Others lie on the same shelf: the parcel stays as it is. */
static enum err replace(struct cmd *c, struct db *db, struct lack *k)
{
  const struct pack_args *a = c->args;
  struct stock there;
  int64_t place = k->b->f.warehouse_id;
  TRY(stock_get(db, k->item->key, place, &there));
  k->replaced = there.available < a->quantity ? there.available : a->quantity;
  k->lost = a->quantity - k->replaced;
  if (!k->replaced) return ERR_OK;
  TRY(book(c, db, k, place, k->replaced));
  return stock_move(db, k->item->key, place, STOCK_AVAILABLE, STOCK_RESERVED, k->replaced, "replaced",
                    id_text(&c->mem, 'f', k->b->f.id), c->actor.name, c->now_ms);
}

static const struct unit *unit_in(const struct unit *u, size_t n, int64_t order_id, int64_t line_no,
                                  int64_t sku_id)
{
  for (size_t i = 0; i < n; i++)
    if (u[i].order_id == order_id && u[i].line_no == line_no && u[i].sku_id == sku_id &&
        u[i].state == UNIT_RESERVED)
      return &u[i];
  return NULL;
}

/* The lost pieces leave the ledger and the order's own reserve, into which the line's units were taken out. */
static enum err lose(struct cmd *c, struct db *db, const struct lack *k, const struct unit *was,
                     int64_t quantity)
{
  struct unit *u;
  size_t n;
  TRY(units_of_order(db, &c->mem, was->order_id, &u, &n));
  for (size_t i = 0; i < n; i++) {
    if (u[i].fulfilment_id || u[i].line_no != was->line_no || u[i].sku_id != was->sku_id ||
        u[i].warehouse_id != was->warehouse_id)
      continue;
    must(u[i].quantity >= quantity);
    u[i].quantity -= quantity;
    TRY(u[i].quantity ? unit_set(db, &u[i]) : unit_drop(db, &u[i]));
    return book(c, db, k, was->warehouse_id, quantity);
  }
  must(!"the pieces are the order's own");
  return ERR_IO;
}

/* The youngest order's last lines go first; of a kit a whole one, its good parts are planned anew with it. */
static enum err shrink(struct cmd *c, struct db *db, struct lack *k)
{
  struct fulfilment *f = &k->b->f;
  struct fulfilment_line *l;
  struct unit *u;
  size_t n, units;
  int64_t left = k->lost;
  TRY(fulfilment_lines(db, &c->mem, f->id, &l, &n));
  TRY(units_of_fulfilment(db, &c->mem, f->id, &u, &units));
  while (left && n--) {
    const struct unit *mine = unit_in(u, units, l[n].order_id, l[n].line_no, k->item->key);
    if (!mine) continue;
    int64_t each = mine->quantity / l[n].quantity, lost = left < mine->quantity ? left : mine->quantity;
    TRY(fulfil_take_out(c, db, f, &l[n], (lost + each - 1) / each));
    TRY(lose(c, db, k, mine, lost));
    left -= lost;
    if (!k->orders || k->order[k->orders - 1] != l[n].order_id) k->order[k->orders++] = l[n].order_id;
    must(k->orders < COUNT(k->order));
    fulfil_touch(c, l[n].order_id);
  }
  must(!left);
  return ERR_OK;
}

/* What was scanned is in the box: it need not be scanned again, as long as none of it has to go out. */
static enum err scans_kept(struct cmd *c, struct db *db, struct bench *b, const struct pack_item *was,
                           size_t was_n)
{
  TRY(fulfilment_get(db, &c->mem, b->f.id, &b->f));
  if (!strcmp(b->f.status, c->rules->status.stage[ST_CANCELLED].name)) return ERR_OK;
  TRY(bench_items(c, db, b));
  for (size_t i = 0; i < was_n; i++) {
    int64_t wanted = 0;
    for (size_t x = 0; x < b->n; x++)
      if (b->item[x].key == was[i].key) wanted = b->item[x].wanted;
    if (was[i].scanned > wanted) return ERR_OK;
  }
  for (size_t i = 0; i < was_n; i++)
    if (was[i].scanned) TRY(scan_add(db, b->f.id, was[i].key, was[i].scanned));
  TRY(bench_items(c, db, b));
  return b->n && !pack_left(b->item, b->n) ? packed_now(c, db, b) : ERR_OK;
}

static const char *lack_do(const struct cmd *c, const struct lack *k, bool waits)
{
  const struct pack_args *a = c->args;
  bool damaged = !strcmp(a->reason, "damaged");
  if (waits)
    return damaged
             ? "The order waits for stock: receive some or cancel it; look at the damaged pieces in quarantine"
             : "The order waits for stock: receive some or cancel it; count the shelf";
  if (k->lost)
    return damaged
             ? "The rest was planned anew; put what left the parcel back, look at the damaged pieces in quarantine"
             : "The rest was planned anew; put what left the parcel back, count the shelf";
  return damaged ? "Take others from the shelf; look at the damaged pieces in quarantine"
                 : "Take others from the shelf, and count it: if they are not there either, say so again";
}

static enum err lack_exception(struct cmd *c, struct db *db, const struct lack *k, int64_t order_id,
                               bool waits)
{
  const struct pack_args *a = c->args;
  struct buf b = { 0 };
  struct jw w;
  jw_init(&w, &b), jw_object(&w), jw_id(&w, "fulfilment", 'f', k->b->f.id),
    jw_kstring(&w, "sku", k->item->sku);
  jw_kint(&w, "quantity", a->quantity), jw_kint(&w, "replaced", k->replaced),
    jw_kstring(&w, "reason", a->reason);
  if (a->note) jw_kstring(&w, "note", a->note);
  jw_kstring(&w, "do", lack_do(c, k, waits)), jw_object_end(&w);
  enum err e = exception_open(db, "short_pick", order_id, 0, 0, "warehouse", c->now_ms, b.data, NULL, NULL);
  buf_release(&b);
  return e;
}

/* Those whose pieces left the parcel; where all were replaced, the one that has them. */
static enum err lack_orders(struct cmd *c, struct db *db, struct lack *k)
{
  struct unit *u;
  size_t n;
  if (k->orders) return ERR_OK;
  TRY(units_of_fulfilment(db, &c->mem, k->b->f.id, &u, &n));
  for (size_t i = n; i-- && !k->orders;)
    if (u[i].sku_id == k->item->key) k->order[k->orders++] = u[i].order_id;
  return ERR_OK;
}

static enum err may_lack(struct cmd *c, struct db *db, const struct bench *b, const struct pack_item *i)
{
  const struct pack_args *a = c->args;
  struct unit *u;
  size_t n;
  int64_t mine = 0;
  if (is_claimed(c, &b->f))
    return refuse(c, ERR_CONFLICT, "already_claimed", "f_%lld has its label: void it first",
                  (long long)b->f.id);
  if (!i) return refuse(c, ERR_CONFLICT, "not_in_parcel", "f_%lld wants none of this", (long long)b->f.id);
  if (i->key < 0)
    return refuse(c, ERR_CONFLICT, "no_stock_kept", "No stock is kept of what is in f_%lld",
                  (long long)b->f.id);
  TRY(units_of_fulfilment(db, &c->mem, b->f.id, &u, &n));
  for (size_t x = 0; x < n; x++)
    if (u[x].sku_id == i->key && u[x].state == UNIT_RESERVED) mine += u[x].quantity;
  if (!mine)
    return refuse(c, ERR_CONFLICT, "made_to_order", "%.64s is made to order: its factory must make it again",
                  i->sku);
  if (a->quantity > mine)
    return refuse(c, ERR_CONFLICT, "too_many", "f_%lld wants only %lld of it", (long long)b->f.id,
                  (long long)mine);
  return ERR_OK;
}

enum err flow_pack_short_run(struct cmd *c, struct db *db)
{
  const struct pack_args *a = c->args;
  struct bench b;
  struct pack_item *i, *was;
  TRY(bench_open(c, db, &b));
  TRY(item_of(c, db, &b, &i));
  TRY(may_lack(c, db, &b, i));
  bool waits = false, again = i->scanned > i->wanted - a->quantity; /* one that was scanned */
  struct lack *k = arena_new(&c->mem, struct lack);
  size_t was_n = b.n;
  k->b = &b, k->item = i, was = b.item;
  TRY(replace(c, db, k));
  if (!strcmp(b.f.work, "open")) TRY(pick_begin(c, db, &b.f, 0, "packing"));
  TRY(bench_event(c, db, &b, "pack.short", i->sku));
  if (again) TRY(pack_again(c, db, &b.f));
  if (k->lost) TRY(shrink(c, db, k));
  TRY(fulfil_settle(c, db));
  if (k->lost && !again) TRY(scans_kept(c, db, &b, was, was_n));
  TRY(lack_orders(c, db, k));
  for (size_t x = 0; x < k->orders; x++) {
    bool one = exception_waits(db, k->order[x]) & (WAITS_STOCK | WAITS_PLACE);
    waits = waits || (one && k->lost);
    TRY(lack_exception(c, db, k, k->order[x], one && k->lost));
  }
  const char *more =
    arena_printf(&c->mem, "\"replaced\":%lld,\"lost\":%lld", (long long)k->replaced, (long long)k->lost);
  return bench_answer(c, db, &b, waits ? "waits" : k->lost ? "replanned" : "replaced", i->sku, more);
}
