/* view_wave.c: what pickers and packers see: a wave with its picks, and each fulfilment's slip. */
#include "domain.h"
#include <stdlib.h>

/* ---- what a slip holds ---------------------------------------------------------------------------------------------- */

static struct slip_line *line_add(struct arena *a, struct slip *p, size_t *cap)
{
  if (p->lines == *cap) {
    struct slip_line *grown = arena_array(a, struct slip_line, *cap = *cap ? 2 * *cap : 8);
    if (p->lines) memcpy(grown, p->line, p->lines * sizeof *grown);
    p->line = grown;
  }
  return &p->line[p->lines++];
}

static enum err slip_lines(struct db *db, struct arena *a, struct slip *p)
{
  static const char SQL[] =
    "SELECT f.order_id, f.line_no, l.line_id, coalesce(l.sku, g.sku), l.title, f.quantity FROM fulfilment_lines f"
    " LEFT JOIN lines l ON l.order_id = f.order_id AND l.line_no = f.line_no"
    " LEFT JOIN gifts g ON g.order_id = f.order_id AND g.line_no = f.line_no WHERE f.fulfilment_id = $1"
    " ORDER BY f.order_id, f.line_no";
  struct stmt *s = db_stmt(db, SQL);
  size_t cap = 0;
  stmt_int(s, 1, p->id);
  while (stmt_row(s))
    *line_add(a, p, &cap) =
      (struct slip_line){ stmt_col_int(s, 0),     stmt_col_int(s, 1),     stmt_col_copy(s, 2, a),
                          stmt_col_copy(s, 3, a), stmt_col_copy(s, 4, a), stmt_col_int(s, 5) };
  return stmt_end(s);
}

/* All members of the group, not only those with a line in this parcel (domain 3.4). */
static enum err slip_remarks(struct db *db, struct arena *a, enum privacy show, struct slip *p)
{
  static const char SQL[] =
    "SELECT o.id, c.name, o.external_id, o.remark_buyer, o.remark_seller, o.remark_flag FROM orders o"
    " JOIN channels c ON c.id = o.channel_id WHERE o.group_id = $1 AND o.status <> 'cancelled' ORDER BY o.id";
  struct stmt *s = db_stmt(db, SQL);
  size_t cap = 0;
  stmt_int(s, 1, p->group_id);
  while (stmt_row(s)) {
    if (p->remarks == cap) {
      struct slip_remark *grown = arena_array(a, struct slip_remark, cap = cap ? 2 * cap : 4);
      if (p->remarks) memcpy(grown, p->remark, p->remarks * sizeof *grown);
      p->remark = grown;
    }
    struct slip_remark *r = &p->remark[p->remarks++];
    *r = (struct slip_remark){ stmt_col_int(s, 0),     stmt_col_copy(s, 1, a), stmt_col_copy(s, 2, a),
                               stmt_col_copy(s, 3, a), stmt_col_copy(s, 4, a), stmt_col_copy(s, 5, a) };
    if (show == SHOW_FULL) continue;
    if (r->buyer) r->buyer = remark_mask(a, r->buyer);
    if (r->seller) r->seller = remark_mask(a, r->seller);
  }
  return stmt_end(s);
}

/* ---- what the bench expects --------------------------------------------------------------------------------------------- */

struct items {
  struct pack_item *at;
  size_t n, cap;
};

static struct pack_item *item_add(struct arena *a, struct items *l)
{
  if (l->n == l->cap) {
    struct pack_item *grown = arena_array(a, struct pack_item, l->cap = l->cap ? 2 * l->cap : 8);
    if (l->n) memcpy(grown, l->at, l->n * sizeof *grown);
    l->at = grown;
  }
  return &l->at[l->n++];
}

static enum err items_of_units(struct db *db, struct arena *a, int64_t id, struct items *l)
{
  static const char SQL[] =
    "SELECT u.sku_id, k.code, k.title, sum(u.quantity),"
    " coalesce((SELECT s.quantity FROM scans s WHERE s.fulfilment_id = u.fulfilment_id AND s.sku_id = u.sku_id), 0)"
    " FROM units u JOIN skus k ON k.id = u.sku_id WHERE u.fulfilment_id = $1 AND u.fulfilment_id <> 0"
    " GROUP BY u.fulfilment_id, u.sku_id, k.code, k.title ORDER BY k.code";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id);
  while (stmt_row(s))
    *item_add(a, l) = (struct pack_item){ .key = stmt_col_int(s, 0),
                                          .sku = stmt_col_copy(s, 1, a),
                                          .title = stmt_col_copy(s, 2, a),
                                          .wanted = stmt_col_int(s, 3),
                                          .scanned = stmt_col_int(s, 4) };
  return stmt_end(s);
}

int64_t pack_key(const char *text)
{
  return -(int64_t)(hash64(text, strlen(text), 0) >> 2) - 1;
}

static enum err scanned_of_text(struct db *db, int64_t id, struct pack_item *i)
{
  static const char SQL[] = "SELECT quantity FROM scans WHERE fulfilment_id = $1 AND sku_id = $2";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id), stmt_int(s, 2, i->key);
  i->scanned = stmt_row(s) ? stmt_col_int(s, 0) : 0;
  return stmt_end(s);
}

/* Without a dictionary what the channel calls it, else its title, is all there is to go by. */
static enum err items_of_lines(struct db *db, struct arena *a, int64_t id, struct items *l)
{
  struct slip p = { .id = id };
  TRY(slip_lines(db, a, &p));
  for (size_t i = 0; i < p.lines; i++) {
    const char *text = p.line[i].sku ? p.line[i].sku : p.line[i].title ? p.line[i].title : "";
    int64_t key = pack_key(text);
    size_t at = 0;
    while (at < l->n && l->at[at].key != key) at++;
    if (at == l->n) {
      *item_add(a, l) = (struct pack_item){ .key = key, .sku = text, .title = p.line[i].title };
      TRY(scanned_of_text(db, id, &l->at[at]));
    }
    l->at[at].wanted += p.line[i].quantity;
  }
  return ERR_OK;
}

enum err pack_items(struct db *db, struct arena *a, int64_t fulfilment_id, struct pack_item **list, size_t *n)
{
  struct items l = { 0 };
  TRY(items_of_units(db, a, fulfilment_id, &l));
  if (!l.n) TRY(items_of_lines(db, a, fulfilment_id, &l));
  *list = l.at, *n = l.n;
  return ERR_OK;
}

int64_t pack_left(const struct pack_item *list, size_t n)
{
  int64_t left = 0;
  for (size_t i = 0; i < n; i++) left += list[i].wanted - list[i].scanned;
  return left;
}

void pack_items_put(struct jw *w, const struct pack_item *list, size_t n)
{
  jw_key(w, "expected"), jw_array(w);
  for (size_t i = 0; i < n; i++) {
    jw_object(w), jw_kstring(w, "sku", list[i].sku), jw_kstring(w, "title", list[i].title);
    jw_kint(w, "wanted", list[i].wanted), jw_kint(w, "scanned", list[i].scanned), jw_object_end(w);
  }
  jw_array_end(w), jw_kint(w, "left", pack_left(list, n));
}

/* ---- slips ---------------------------------------------------------------------------------------------------------------- */

enum err slip_read(struct db *db, struct arena *a, int64_t id, enum privacy show, struct slip *out)
{
  static const char SQL[] =
    "SELECT f.group_id, coalesce(f.wave_id, 0), f.version, h.code, f.status, f.work FROM fulfilments f"
    " LEFT JOIN warehouses h ON h.id = f.warehouse_id WHERE f.id = $1";
  struct stmt *s = db_stmt(db, SQL);
  *out = (struct slip){ .id = id };
  stmt_int(s, 1, id);
  bool found = stmt_row(s);
  if (found) {
    out->group_id = stmt_col_int(s, 0), out->wave_id = stmt_col_int(s, 1), out->version = stmt_col_int(s, 2);
    out->warehouse = stmt_col_copy(s, 3, a), out->status = stmt_col_copy(s, 4, a),
    out->work = stmt_col_copy(s, 5, a);
  }
  TRY(stmt_end(s));
  if (!found) return ERR_NOT_FOUND;
  TRY(slip_lines(db, a, out));
  TRY(slip_remarks(db, a, show, out));
  return pack_items(db, a, id, &out->item, &out->items);
}

static void remarks_put(struct jw *w, const struct slip *p)
{
  jw_key(w, "remarks"), jw_array(w);
  for (size_t i = 0; i < p->remarks; i++) {
    const struct slip_remark *r = &p->remark[i];
    jw_object(w), jw_id(w, "order", 'o', r->order_id), jw_kstring(w, "channel", r->channel),
      jw_kstring(w, "external_id", r->external_id);
    jw_kstring(w, "buyer", r->buyer), jw_kstring(w, "seller", r->seller), jw_kstring(w, "flag", r->flag);
    jw_object_end(w);
  }
  jw_array_end(w);
}

static void lines_put(struct jw *w, const struct slip *p)
{
  jw_key(w, "lines"), jw_array(w);
  for (size_t i = 0; i < p->lines; i++) {
    const struct slip_line *l = &p->line[i];
    jw_object(w), jw_id(w, "order", 'o', l->order_id), jw_kint(w, "line_no", l->line_no),
      jw_kstring(w, "line_id", l->line_id);
    jw_kstring(w, "sku", l->sku), jw_kstring(w, "title", l->title), jw_kint(w, "quantity", l->quantity),
      jw_object_end(w);
  }
  jw_array_end(w);
}

static void slip_put(struct jw *w, const struct slip *p)
{
  jw_id(w, "id", 'f', p->id), jw_id(w, "group", 'g', p->group_id), jw_id(w, "wave", 'v', p->wave_id);
  jw_kstring(w, "warehouse", p->warehouse), jw_kstring(w, "status", p->status),
    jw_kstring(w, "work", p->work);
  jw_kint(w, "version", p->version);
  lines_put(w, p), pack_items_put(w, p->item, p->items), remarks_put(w, p);
}

void slip_json(struct buf *out, const struct slip *p)
{
  struct jw w;
  jw_init(&w, out), jw_object(&w), slip_put(&w, p), jw_object_end(&w);
}

enum err view_pack(struct db *db, struct arena *a, int64_t fulfilment_id, enum privacy show, struct buf *out,
                   int64_t *version)
{
  struct slip p;
  TRY(slip_read(db, a, fulfilment_id, show, &p));
  *version = p.version;
  slip_json(out, &p);
  return ERR_OK;
}

/* ---- a wave ------------------------------------------------------------------------------------------------------------------ */

static struct pick *pick_of(struct arena *a, struct sheet *s, size_t *cap, const struct pack_item *i)
{
  for (size_t k = 0; k < s->picks; k++)
    if (s->pick[k].key == i->key) return &s->pick[k];
  if (s->picks == *cap) {
    struct pick *grown = arena_array(a, struct pick, *cap = *cap ? 2 * *cap : 16);
    if (s->picks) memcpy(grown, s->pick, s->picks * sizeof *grown);
    s->pick = grown;
  }
  struct pick *p = &s->pick[s->picks++];
  *p = (struct pick){
    .key = i->key, .sku = i->sku, .title = i->title, .tote = arena_array(a, struct tote, s->slips)
  };
  return p;
}

static enum err pick_barcodes(struct db *db, struct arena *a, struct pick *p)
{
  static const char SQL[] = "SELECT barcode FROM barcodes WHERE sku_id = $1 ORDER BY barcode LIMIT $2";
  struct stmt *s = db_stmt(db, SQL);
  p->barcode = arena_array(a, const char *, BARCODES_MAX);
  stmt_int(s, 1, p->key), stmt_int(s, 2, BARCODES_MAX);
  while (stmt_row(s)) p->barcode[p->barcodes++] = stmt_col_copy(s, 0, a);
  return stmt_end(s);
}

static int by_sku(const void *x, const void *y)
{
  const struct pick *a = x, *b = y;
  int order = strcmp(a->sku, b->sku);
  return order ? order : (a->key > b->key) - (a->key < b->key);
}

/* Cancelled ones are shown, and nothing is picked for them. */
static enum err sheet_picks(struct db *db, struct arena *a, struct sheet *s)
{
  size_t cap = 0;
  for (size_t i = 0; i < s->slips; i++)
    for (size_t k = 0; k < s->slip[i].items && strcmp(s->slip[i].status, "cancelled") != 0; k++) {
      struct pick *p = pick_of(a, s, &cap, &s->slip[i].item[k]);
      p->quantity += s->slip[i].item[k].wanted;
      p->tote[p->totes++] = (struct tote){ s->slip[i].id, s->slip[i].item[k].wanted };
    }
  for (size_t i = 0; i < s->picks; i++) TRY(pick_barcodes(db, a, &s->pick[i]));
  if (s->picks) qsort(s->pick, s->picks, sizeof *s->pick, by_sku);
  return ERR_OK;
}

static enum err sheet_head(struct db *db, struct arena *a, int64_t id, struct sheet *out)
{
  static const char SQL[] =
    "SELECT v.id, v.warehouse_id, v.created_at, v.version, v.state, v.actor, h.code FROM waves v"
    " LEFT JOIN warehouses h ON h.id = v.warehouse_id WHERE v.id = $1";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id);
  bool found = stmt_row(s);
  if (found) {
    out->wave = (struct wave){ stmt_col_int(s, 0), stmt_col_int(s, 1),     stmt_col_int(s, 2),
                               stmt_col_int(s, 3), stmt_col_copy(s, 4, a), stmt_col_copy(s, 5, a) };
    out->warehouse = stmt_col_copy(s, 6, a);
  }
  TRY(stmt_end(s));
  return found ? ERR_OK : ERR_NOT_FOUND;
}

enum err sheet_read(struct db *db, struct arena *a, int64_t id, enum privacy show, struct sheet *out)
{
  static const char SQL[] = "SELECT id FROM fulfilments WHERE wave_id = $1 ORDER BY id LIMIT $2";
  int64_t ids[WAVE_MAX];
  struct stmt *s = db_stmt(db, SQL);
  *out = (struct sheet){ 0 };
  TRY(sheet_head(db, a, id, out));
  stmt_int(s, 1, id), stmt_int(s, 2, WAVE_MAX);
  while (out->slips < WAVE_MAX && stmt_row(s)) ids[out->slips++] = stmt_col_int(s, 0);
  TRY(stmt_end(s));
  out->slip = arena_array(a, struct slip, out->slips + 1);
  for (size_t i = 0; i < out->slips; i++) TRY(slip_read(db, a, ids[i], show, &out->slip[i]));
  return sheet_picks(db, a, out);
}

static void pick_put(struct jw *w, const struct pick *p)
{
  jw_object(w), jw_kstring(w, "sku", p->sku), jw_kstring(w, "title", p->title);
  jw_key(w, "barcodes"), jw_array(w);
  for (size_t i = 0; i < p->barcodes; i++) jw_string(w, p->barcode[i]);
  jw_array_end(w), jw_kint(w, "quantity", p->quantity), jw_key(w, "totes"), jw_array(w);
  for (size_t i = 0; i < p->totes; i++)
    jw_object(w), jw_id(w, "fulfilment", 'f', p->tote[i].fulfilment_id),
      jw_kint(w, "quantity", p->tote[i].quantity), jw_object_end(w);
  jw_array_end(w), jw_object_end(w);
}

static void wave_put(struct jw *w, const struct wave *v, const char *warehouse)
{
  jw_id(w, "id", 'v', v->id), jw_kstring(w, "warehouse", warehouse), jw_kstring(w, "state", v->state);
  jw_kstring(w, "actor", v->actor), jw_ktime(w, "created_at", v->created_at),
    jw_kint(w, "version", v->version);
}

void sheet_json(struct buf *out, const struct sheet *s)
{
  struct jw w;
  jw_init(&w, out), jw_object(&w), wave_put(&w, &s->wave, s->warehouse);
  jw_key(&w, "picks"), jw_array(&w);
  for (size_t i = 0; i < s->picks; i++) pick_put(&w, &s->pick[i]);
  jw_array_end(&w), jw_key(&w, "fulfilments"), jw_array(&w);
  for (size_t i = 0; i < s->slips; i++) jw_object(&w), slip_put(&w, &s->slip[i]), jw_object_end(&w);
  jw_array_end(&w), jw_object_end(&w);
}

enum err view_wave(struct db *db, struct arena *a, int64_t id, enum privacy show, struct buf *out,
                   int64_t *version)
{
  struct sheet s;
  TRY(sheet_read(db, a, id, show, &s));
  *version = s.wave.version;
  sheet_json(out, &s);
  return ERR_OK;
}

/* ---- the list ------------------------------------------------------------------------------------------------------------------ */

static enum err wave_row(struct db *db, struct stmt *s, struct jw *w)
{
  static const char SQL[] =
    "SELECT count(*), coalesce(sum(CASE WHEN work = 'packed' THEN 1 ELSE 0 END), 0) FROM fulfilments"
    " WHERE wave_id = $1 AND status <> 'cancelled'";
  struct wave v = { stmt_col_int(s, 0), 0, stmt_col_int(s, 1), stmt_col_int(s, 2), stmt_col_text(s, 3),
                    stmt_col_text(s, 4) };
  struct stmt *q = db_stmt(db, SQL);
  jw_object(w), wave_put(w, &v, stmt_col_text(s, 5));
  stmt_int(q, 1, v.id);
  bool found = stmt_row(q);
  jw_kint(w, "fulfilments", found ? stmt_col_int(q, 0) : 0);
  jw_kint(w, "packed", found ? stmt_col_int(q, 1) : 0), jw_object_end(w);
  return stmt_end(q);
}

enum err view_waves(struct db *db, struct arena *a, const char *state, const char *warehouse,
                    const char *cursor, int limit, struct buf *out, const char **next, const char **why)
{
  struct cursor from, last = { 0 };
  struct jw w;
  struct sql q = { 0 };
  enum err part = ERR_OK;
  *next = NULL;
  TRY(list_begin(a, 'V', cursor, &limit, &from, why));
  sql_piece(&q, "SELECT v.id, v.created_at, v.version, v.state, v.actor, h.code FROM waves v"
                " LEFT JOIN warehouses h ON h.id = v.warehouse_id WHERE 1 = 1");
  if (from.id) sql_int(&q, " AND v.id < ", from.id, "");
  if (state) sql_text(&q, " AND v.state = ", state, "");
  if (warehouse) sql_text(&q, " AND h.code = ", warehouse, "");
  sql_int(&q, " ORDER BY v.id DESC LIMIT ", limit + 1, "");
  struct stmt *s = sql_prepare(db, &q);
  list_open(&w, out);
  for (int n = 0; !part && stmt_row(s); n++) {
    if (n == limit) {
      *next = cursor_text(a, 'V', last);
      break;
    }
    last.id = stmt_col_int(s, 0);
    part = wave_row(db, s, &w);
  }
  list_close(&w, *next);
  enum err e = stmt_end(s);
  stmt_drop(s), sql_release(&q);
  return e ? e : part;
}
