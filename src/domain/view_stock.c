/* view_stock.c: warehouses, stock and its ledger, as JSON. */
#include "domain.h"

/* ---- warehouses --------------------------------------------------------------------------------------------------------- */

#define WAREHOUSE_COLS \
  "SELECT code, title, kind, country, division, regions, capacity, state, created_at, version, id FROM warehouses"

static void row_warehouse(struct arena *a, struct stmt *s, struct jw *w)
{
  jw_object(w);
  jw_id(w, "id", 'h', stmt_col_int(s, 10));
  jw_kstring(w, "code", stmt_col_text(s, 0)), jw_kstring(w, "title", stmt_col_text(s, 1));
  jw_kstring(w, "kind", stmt_col_text(s, 2)), jw_kstring(w, "country", stmt_col_text(s, 3));
  jw_kstring(w, "division",
             stmt_col_null(s, 4) ? NULL : arena_printf(a, "%06lld", (long long)stmt_col_int(s, 4)));
  jw_kraw(w, "regions", stmt_col_null(s, 5) ? "[]" : stmt_col_text(s, 5));
  if (stmt_col_null(s, 6)) jw_key(w, "capacity"), jw_null(w);
  else jw_kint(w, "capacity", stmt_col_int(s, 6));
  jw_kstring(w, "state", stmt_col_text(s, 7));
  jw_ktime_col(w, "created_at", s, 8);
  jw_kint(w, "version", stmt_col_int(s, 9));
  jw_object_end(w);
}

enum err view_warehouse(struct db *db, struct arena *a, const char *code, struct buf *out, int64_t *version)
{
  static const char SQL[] = WAREHOUSE_COLS " WHERE code = $1";
  struct jw w;
  jw_init(&w, out);
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, code);
  bool found = stmt_row(s);
  if (found) {
    row_warehouse(a, s, &w);
    if (version) *version = stmt_col_int(s, 9);
  }
  enum err e = stmt_end(s);
  return e ? e : found ? ERR_OK : ERR_NOT_FOUND;
}

/* A team has few: one page. */
enum err view_warehouses(struct db *db, struct arena *a, struct buf *out)
{
  static const char SQL[] = WAREHOUSE_COLS " ORDER BY code";
  struct jw w;
  list_open(&w, out);
  struct stmt *s = db_stmt(db, SQL);
  while (stmt_row(s)) row_warehouse(a, s, &w);
  list_close(&w, NULL);
  return stmt_end(s);
}

/* ---- stock ---------------------------------------------------------------------------------------------------------------- */

static void row_stock(struct stmt *s, struct jw *w)
{
  int64_t on_hand = stmt_col_int(s, 4), reserved = stmt_col_int(s, 5), frozen = stmt_col_int(s, 6);
  jw_object(w);
  jw_kstring(w, "sku", stmt_col_text(s, 2)), jw_kstring(w, "warehouse", stmt_col_text(s, 3));
  jw_kint(w, "on_hand", on_hand), jw_kint(w, "reserved", reserved), jw_kint(w, "frozen", frozen);
  jw_kint(w, "available", on_hand - reserved - frozen), jw_kint(w, "quarantine", stmt_col_int(s, 7));
  jw_object_end(w);
}

enum err view_stock(struct db *db, struct arena *a, const char *sku, const char *warehouse,
                    const char *cursor, int limit, struct buf *out, const char **next, const char **why)
{
  struct cursor from, last = { 0 };
  struct sql q = { 0 };
  struct jw w;
  *next = NULL;
  TRY(list_begin(a, 'v', cursor, &limit, &from, why));
  if (!cursor) from = (struct cursor){ 0 };
  sql_int(
    &q,
    "SELECT s.sku_id, s.warehouse_id, k.code, h.code, s.on_hand, s.reserved, s.frozen, s.quarantine FROM stock s"
    " JOIN skus k ON k.id = s.sku_id JOIN warehouses h ON h.id = s.warehouse_id WHERE (s.sku_id, s.warehouse_id) > (",
    from.key, ", ");
  sql_int(&q, "", from.id, ")");
  if (sku) sql_text(&q, " AND s.sku_id = (SELECT id FROM skus WHERE code = ", sku, ")");
  if (warehouse)
    sql_text(&q, " AND s.warehouse_id = (SELECT id FROM warehouses WHERE code = ", warehouse, ")");
  sql_piece(&q, " ORDER BY s.sku_id, s.warehouse_id");
  struct stmt *s = sql_prepare(db, &q);
  list_open(&w, out);
  for (int n = 0; stmt_row(s); n++) {
    if (n == limit) {
      *next = cursor_text(a, 'v', last);
      break;
    }
    last = (struct cursor){ stmt_col_int(s, 0), stmt_col_int(s, 1) };
    row_stock(s, &w);
  }
  list_close(&w, *next);
  enum err e = stmt_end(s);
  stmt_drop(s);
  sql_release(&q);
  return e;
}

/* ---- the ledger -------------------------------------------------------------------------------------------------------------- */

#define BUCKET_NAME(column) \
  "CASE " column " WHEN 'a' THEN 'available' WHEN 'r' THEN 'reserved' WHEN 'f' THEN 'frozen' WHEN 'q' THEN" \
  " 'quarantine' ELSE 'outside' END"
#define MOVE_COLS \
  "SELECT m.id, m.at, " BUCKET_NAME("m.source") ", " BUCKET_NAME( \
    "m.target") ", m.quantity, m.reason, m.ref, m.actor, m.before, k.code, h.code, m.sku_id," \
                " m.warehouse_id FROM stock_moves m JOIN skus k ON k.id = m.sku_id JOIN warehouses h ON h.id = m.warehouse_id"

/* Pieces that are reserved or frozen are on hand all the same. */
static void entry_put(struct jw *w, const char *bucket, int64_t delta)
{
  if (!strcmp(bucket, "outside")) return;
  jw_object(w), jw_kstring(w, "bucket", bucket), jw_kint(w, "delta", delta);
  jw_object_end(w);
}

static void row_move(struct stmt *s, struct jw *w)
{
  const char *from = stmt_col_text(s, 2), *to = stmt_col_text(s, 3);
  int64_t quantity = stmt_col_int(s, 4);
  jw_object(w);
  jw_kint(w, "id", stmt_col_int(s, 0)), jw_ktime_col(w, "at", s, 1);
  jw_kstring(w, "sku", stmt_col_text(s, 9)), jw_kstring(w, "warehouse", stmt_col_text(s, 10));
  jw_kstring(w, "from", from), jw_kstring(w, "to", to);
  jw_kint(w, "quantity", quantity), jw_kstring(w, "reason", stmt_col_text(s, 5));
  jw_kstring(w, "ref", stmt_col_text(s, 6)), jw_kstring(w, "actor", stmt_col_text(s, 7));
  jw_key(w, "entries"), jw_array(w), entry_put(w, from, -quantity), entry_put(w, to, quantity),
    jw_array_end(w);
  jw_object_end(w);
}

struct ledger {
  struct db *db;
  struct arena *mem;
  int limit, n;
  struct jw *w;
  const char **next;
};

/* Along the chain of one shelf: each row names the one before it. */
static enum err ledger_shelf(struct ledger *l, int64_t id)
{
  static const char SQL[] = MOVE_COLS " WHERE m.id = $1";
  struct cursor last = { 0 };
  while (id) {
    if (l->n == l->limit) {
      *l->next = cursor_text(l->mem, 'b', last);
      return ERR_OK;
    }
    struct stmt *s = db_stmt(l->db, SQL);
    stmt_int(s, 1, id);
    bool found = stmt_row(s);
    if (found) last.id = id, row_move(s, l->w), l->n++;
    int64_t before = found ? stmt_col_int(s, 8) : 0;
    TRY(stmt_end(s));
    must(before < id || !before);
    id = before;
  }
  return ERR_OK;
}

static enum err shelf_newest(struct db *db, const char *sku, const char *warehouse, int64_t *id)
{
  static const char SQL[] =
    "SELECT s.move_id FROM stock s JOIN skus k ON k.id = s.sku_id JOIN warehouses h ON h.id = s.warehouse_id"
    " WHERE k.code = $1 AND h.code = $2";
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, sku), stmt_text(s, 2, warehouse);
  *id = stmt_row(s) ? stmt_col_int(s, 0) : 0;
  return stmt_end(s);
}

/* Where a page of a chain goes on: before the last row that was given, when that is of this shelf. */
static enum err shelf_after(struct ledger *l, const char *sku, const char *warehouse, int64_t last,
                            int64_t *id, const char **why)
{
  static const char SQL[] =
    "SELECT m.before FROM stock_moves m JOIN skus k ON k.id = m.sku_id JOIN warehouses h ON"
    " h.id = m.warehouse_id WHERE m.id = $1 AND k.code = $2 AND h.code = $3";
  struct stmt *s = db_stmt(l->db, SQL);
  stmt_int(s, 1, last), stmt_text(s, 2, sku), stmt_text(s, 3, warehouse);
  bool found = stmt_row(s);
  *id = found ? stmt_col_int(s, 0) : 0;
  TRY(stmt_end(s));
  return found ? ERR_OK : (*why = "cursor is not one that this list gave out", ERR_BAD_REQUEST);
}

/* All shelves, or those of one article or warehouse: looked for row by row, newest first. */
static enum err ledger_walk(struct ledger *l, const char *sku, const char *warehouse, int64_t before)
{
  struct sql q = { 0 };
  struct cursor last = { 0 };
  sql_int(&q, MOVE_COLS " WHERE m.id < ", before, " ORDER BY m.id DESC");
  struct stmt *s = sql_prepare(l->db, &q);
  for (int vain = 0; !*l->next && stmt_row(s);) {
    bool fits =
      (!sku || !strcmp(sku, stmt_col_text(s, 9))) && (!warehouse || !strcmp(warehouse, stmt_col_text(s, 10)));
    if (fits && l->n == l->limit) {
      *l->next = cursor_text(l->mem, 'b', last);
      break;
    }
    last.id = stmt_col_int(s, 0);
    if (fits) row_move(s, l->w), l->n++;
    else if (++vain == LIST_LOOK_MAX) *l->next = cursor_text(l->mem, 'b', last);
  }
  enum err e = stmt_end(s);
  stmt_drop(s);
  sql_release(&q);
  return e;
}

enum err view_stock_moves(struct db *db, struct arena *a, const char *sku, const char *warehouse,
                          const char *cursor, int limit, struct buf *out, const char **next, const char **why)
{
  struct cursor from;
  struct jw w;
  struct ledger l = { .db = db, .mem = a, .w = &w, .next = next };
  int64_t id = 0;
  *next = NULL;
  TRY(list_begin(a, 'b', cursor, &limit, &from, why));
  l.limit = limit;
  bool shelf = sku && warehouse;
  if (shelf)
    TRY(cursor ? shelf_after(&l, sku, warehouse, from.id, &id, why) : shelf_newest(db, sku, warehouse, &id));
  list_open(&w, out);
  TRY(shelf ? ledger_shelf(&l, id) : ledger_walk(&l, sku, warehouse, from.id));
  list_close(&w, *next);
  return ERR_OK;
}
