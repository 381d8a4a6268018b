/* view_ship.c: fulfilments and claims as people and programs see them. */
#include "domain.h"

/* ---- a claim ------------------------------------------------------------------------------------------------------------- */

static enum err confirmations_put(struct db *db, struct jw *w, int64_t claim_id)
{
  static const char SQL[] =
    "SELECT f.order_id, c.name, f.state, f.at, f.error, f.effect_id FROM confirmations f JOIN orders o ON o.id = f.order_id"
    " JOIN channels c ON c.id = o.channel_id WHERE f.claim_id = $1 ORDER BY f.order_id";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, claim_id);
  jw_key(w, "confirmations"), jw_array(w);
  while (stmt_row(s)) {
    jw_object(w), jw_id(w, "order", 'o', stmt_col_int(s, 0)), jw_kstring(w, "channel", stmt_col_text(s, 1));
    jw_kstring(w, "told", stmt_col_text(s, 2)), jw_ktime_col(w, "at", s, 3),
      jw_kraw(w, "error", stmt_col_text(s, 4));
    jw_id(w, "effect", 'e', stmt_col_int(s, 5)), jw_object_end(w);
  }
  jw_array_end(w);
  return stmt_end(s);
}

#define CLAIM_COLS \
  "SELECT k.id, k.fulfilment_id, k.carrier, k.tracking_no, k.state, k.carried, k.told, c.name, k.claimed_at, k.picked_up_at," \
  " k.ended_at, k.reason, k.put_back, k.due_at, k.actor, k.version FROM claims k LEFT JOIN channels c ON c.id = k.channel_id"

static enum err claim_row(struct db *db, struct stmt *s, struct jw *w)
{
  int64_t id = stmt_col_int(s, 0);
  jw_object(w), jw_id(w, "id", 'k', id), jw_id(w, "fulfilment", 'f', stmt_col_int(s, 1));
  jw_kstring(w, "carrier", stmt_col_text(s, 2)), jw_kstring(w, "tracking_no", stmt_col_text(s, 3));
  jw_kstring(w, "state", stmt_col_text(s, 4)), jw_kstring(w, "carried", stmt_col_text(s, 5)),
    jw_kstring(w, "told", stmt_col_text(s, 6));
  jw_kstring(w, "channel", stmt_col_text(s, 7)), jw_ktime_col(w, "claimed_at", s, 8),
    jw_ktime_col(w, "picked_up_at", s, 9);
  jw_ktime_col(w, "ended_at", s, 10), jw_kstring(w, "reason", stmt_col_text(s, 11)),
    jw_kbool(w, "put_back", stmt_col_int(s, 12) != 0);
  jw_ktime_col(w, "due_at", s, 13), jw_kstring(w, "actor", stmt_col_text(s, 14)),
    jw_kint(w, "version", stmt_col_int(s, 15));
  enum err e = confirmations_put(db, w, id);
  jw_object_end(w);
  return e;
}

enum err view_claim(struct db *db, struct arena *a, int64_t id, struct buf *out, int64_t *version)
{
  static const char SQL[] = CLAIM_COLS " WHERE k.id = $1";
  struct stmt *s = db_stmt(db, SQL);
  struct jw w;
  enum err part = ERR_OK;
  (void)a;
  stmt_int(s, 1, id);
  jw_init(&w, out);
  bool found = stmt_row(s);
  if (found) {
    if (version) *version = stmt_col_int(s, 15);
    part = claim_row(db, s, &w);
  }
  enum err e = stmt_end(s);
  return e ? e : part ? part : found ? ERR_OK : ERR_NOT_FOUND;
}

/* ---- a fulfilment ----------------------------------------------------------------------------------------------------------- */

static enum err lines_put(struct db *db, struct jw *w, int64_t id)
{
  static const char SQL[] =
    "SELECT f.order_id, f.line_no, l.line_id, coalesce(l.sku, g.sku), l.title, f.quantity, g.line_no FROM fulfilment_lines f"
    " LEFT JOIN lines l ON l.order_id = f.order_id AND l.line_no = f.line_no"
    " LEFT JOIN gifts g ON g.order_id = f.order_id AND g.line_no = f.line_no WHERE f.fulfilment_id = $1 ORDER BY f.order_id, f.line_no";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id);
  jw_key(w, "lines"), jw_array(w);
  while (stmt_row(s)) {
    jw_object(w), jw_id(w, "order", 'o', stmt_col_int(s, 0)), jw_kint(w, "line_no", stmt_col_int(s, 1));
    jw_kstring(w, "line_id", stmt_col_text(s, 2)), jw_kstring(w, "sku", stmt_col_text(s, 3)),
      jw_kstring(w, "title", stmt_col_text(s, 4));
    jw_kint(w, "quantity", stmt_col_int(s, 5));
    if (!stmt_col_null(s, 6)) jw_kbool(w, "gift", true);
    jw_object_end(w);
  }
  jw_array_end(w);
  return stmt_end(s);
}

static enum err units_put(struct db *db, struct jw *w, int64_t id)
{
  static const char SQL[] =
    "SELECT k.code, u.state, sum(u.quantity) FROM units u JOIN skus k ON k.id = u.sku_id WHERE u.fulfilment_id = $1"
    " AND u.fulfilment_id <> 0 GROUP BY k.code, u.state ORDER BY k.code, u.state";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id);
  jw_key(w, "units"), jw_array(w);
  while (stmt_row(s)) {
    jw_object(w), jw_kstring(w, "sku", stmt_col_text(s, 0)), jw_kstring(w, "state", stmt_col_text(s, 1));
    jw_kint(w, "quantity", stmt_col_int(s, 2)), jw_object_end(w);
  }
  jw_array_end(w);
  return stmt_end(s);
}

/* The one that stands, else the newest void one. */
static enum err claim_put(struct db *db, struct jw *w, int64_t fulfilment_id)
{
  static const char SQL[] = CLAIM_COLS " WHERE k.fulfilment_id = $1 AND k.state <> 'void'";
  struct stmt *s = db_stmt(db, SQL);
  enum err part = ERR_OK;
  stmt_int(s, 1, fulfilment_id);
  jw_key(w, "claim");
  if (stmt_row(s)) part = claim_row(db, s, w);
  else jw_null(w);
  enum err e = stmt_end(s);
  return e ? e : part;
}

#define FULFILMENT_COLS \
  "SELECT f.id, f.group_id, h.code, f.status, f.work, f.wave_id, f.created_at, f.updated_at, f.version FROM fulfilments f" \
  " LEFT JOIN warehouses h ON h.id = f.warehouse_id"

static enum err fulfilment_row(struct db *db, struct stmt *s, struct jw *w)
{
  int64_t id = stmt_col_int(s, 0);
  jw_object(w), jw_id(w, "id", 'f', id), jw_id(w, "group", 'g', stmt_col_int(s, 1)),
    jw_kstring(w, "warehouse", stmt_col_text(s, 2));
  jw_kstring(w, "status", stmt_col_text(s, 3)), jw_kstring(w, "work", stmt_col_text(s, 4)),
    jw_id(w, "wave", 'v', stmt_col_int(s, 5));
  jw_ktime_col(w, "created_at", s, 6), jw_ktime_col(w, "updated_at", s, 7),
    jw_kint(w, "version", stmt_col_int(s, 8));
  enum err e = lines_put(db, w, id);
  if (!e) e = units_put(db, w, id);
  if (!e) e = claim_put(db, w, id);
  if (!e) e = row_works(db, w, id);
  jw_object_end(w);
  return e;
}

enum err view_fulfilment(struct db *db, struct arena *a, int64_t id, struct buf *out, int64_t *version)
{
  static const char SQL[] = FULFILMENT_COLS " WHERE f.id = $1";
  struct stmt *s = db_stmt(db, SQL);
  struct jw w;
  enum err part = ERR_OK;
  (void)a;
  stmt_int(s, 1, id);
  jw_init(&w, out);
  bool found = stmt_row(s);
  if (found) {
    if (version) *version = stmt_col_int(s, 8);
    part = fulfilment_row(db, s, &w);
  }
  enum err e = stmt_end(s);
  return e ? e : part ? part : found ? ERR_OK : ERR_NOT_FOUND;
}

enum err view_fulfilments(struct db *db, struct arena *a, const struct fulfilment_filter *f, struct buf *out,
                          const char **next, const char **why)
{
  struct cursor from, last = { 0 };
  struct jw w;
  struct sql q = { 0 };
  int limit = f->limit;
  enum err part = ERR_OK;
  *next = NULL;
  TRY(list_begin(a, 'f', f->cursor, &limit, &from, why));
  sql_piece(&q, FULFILMENT_COLS " WHERE 1 = 1");
  if (from.id) sql_int(&q, " AND f.id < ", from.id, "");
  if (f->status) sql_text(&q, " AND f.status = ", f->status, "");
  if (f->warehouse)
    sql_text(&q, " AND f.warehouse_id = (SELECT id FROM warehouses WHERE code = ", f->warehouse, ")");
  if (f->work) sql_text(&q, " AND f.work = ", f->work, "");
  if (f->group_id) sql_int(&q, " AND f.group_id = ", f->group_id, "");
  if (f->wave_id) sql_int(&q, " AND f.wave_id = ", f->wave_id, "");
  if (f->order_id)
    sql_int(&q, " AND f.id IN (SELECT fulfilment_id FROM fulfilment_lines WHERE order_id = ", f->order_id,
            ")");
  sql_int(&q, " ORDER BY f.id DESC LIMIT ", limit + 1, "");
  struct stmt *s = sql_prepare(db, &q);
  list_open(&w, out);
  for (int n = 0; !part && stmt_row(s); n++) {
    if (n == limit) {
      *next = cursor_text(a, 'f', last);
      break;
    }
    last.id = stmt_col_int(s, 0);
    part = fulfilment_row(db, s, &w);
  }
  list_close(&w, *next);
  enum err e = stmt_end(s);
  stmt_drop(s), sql_release(&q);
  return e ? e : part;
}

enum err row_fulfilments(struct db *db, struct jw *w, int64_t order_id)
{
  static const char SQL[] = FULFILMENT_COLS
    " WHERE f.id IN (SELECT fulfilment_id FROM fulfilment_lines WHERE order_id = $1) AND f.status <> 'cancelled'"
    " ORDER BY f.id";
  struct stmt *s = db_stmt(db, SQL);
  enum err part = ERR_OK;
  stmt_int(s, 1, order_id);
  jw_key(w, "fulfilments"), jw_array(w);
  while (!part && stmt_row(s)) part = fulfilment_row(db, s, w);
  jw_array_end(w);
  enum err e = stmt_end(s);
  return e ? e : part;
}
