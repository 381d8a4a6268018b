/* wave.c: rounds of picking, and what was verified at the packing bench. */
#include "domain.h"

enum err wave_insert(struct db *db, int64_t warehouse_id, const char *actor, int64_t now_ms, int64_t *id)
{
  static const char SQL[] =
    "INSERT INTO waves (id, warehouse_id, state, actor, created_at, version) VALUES ($1, $2, 'open', $3, $4, 1)";
  struct stmt *s = db_stmt(db, SQL);
  *id = db_next_id(db, "wave");
  stmt_int(s, 1, *id), stmt_int(s, 2, warehouse_id), stmt_text(s, 3, actor), stmt_int(s, 4, now_ms);
  return stmt_run(s);
}

enum err wave_get(struct db *db, struct arena *a, int64_t id, struct wave *out)
{
  static const char SQL[] =
    "SELECT id, warehouse_id, created_at, version, state, actor FROM waves WHERE id = $1";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id);
  bool found = stmt_row(s);
  if (found)
    *out = (struct wave){ stmt_col_int(s, 0), stmt_col_int(s, 1),     stmt_col_int(s, 2),
                          stmt_col_int(s, 3), stmt_col_copy(s, 4, a), stmt_col_copy(s, 5, a) };
  enum err e = stmt_end(s);
  return e ? e : found ? ERR_OK : ERR_NOT_FOUND;
}

enum err wave_end(struct db *db, int64_t id)
{
  static const char SQL[] =
    "UPDATE waves SET state = 'done', version = version + 1 WHERE id = $1 AND state = 'open'";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id);
  TRY(stmt_run(s));
  return db_changes(db) ? ERR_OK : ERR_CONFLICT;
}

enum err wave_changed(struct db *db, int64_t id)
{
  static const char SQL[] = "UPDATE waves SET version = version + 1 WHERE id = $1";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id);
  return stmt_run(s);
}

static size_t ids_read(struct stmt *s, int64_t *ids, size_t max)
{
  size_t n = 0;
  while (n < max && stmt_row(s)) ids[n++] = stmt_col_int(s, 0);
  stmt_end(s);
  return n;
}

/* What a rule calls urgent first; then by the earliest ship-by date of the orders in it, those without one by age. */
size_t wave_candidates(struct db *db, int64_t warehouse_id, int64_t *ids, size_t max)
{
  static const char SQL[] =
    "SELECT f.id FROM fulfilments f WHERE coalesce(f.warehouse_id, 0) = $1 AND f.work = 'open' AND (f.status = 'split' OR f.status = 'inspected')"
    " AND NOT EXISTS (SELECT 1 FROM fulfilment_lines l JOIN holds h ON h.order_id = l.order_id WHERE l.fulfilment_id = f.id)"
    " ORDER BY coalesce((SELECT max(w.priority) FROM fulfilment_lines l JOIN order_wishes w ON w.order_id = l.order_id"
    " WHERE l.fulfilment_id = f.id AND w.priority <> 0), 0) DESC, coalesce((SELECT min(o.ship_by) FROM fulfilment_lines l JOIN orders o ON o.id = l.order_id"
    " WHERE l.fulfilment_id = f.id), 9223372036854775807), f.id LIMIT $2";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, warehouse_id), stmt_int(s, 2, (int64_t)max);
  return ids_read(s, ids, max);
}

size_t wave_fulfilments(struct db *db, int64_t wave_id, int64_t *ids, size_t max)
{
  static const char SQL[] = "SELECT id FROM fulfilments WHERE wave_id = $1 ORDER BY id LIMIT $2";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, wave_id), stmt_int(s, 2, (int64_t)max);
  return ids_read(s, ids, max);
}

/* ---- scans ------------------------------------------------------------------------------------------------------------------ */

enum err scan_add(struct db *db, int64_t fulfilment_id, int64_t sku_id, int64_t quantity)
{
  static const char SQL[] =
    "INSERT INTO scans (fulfilment_id, sku_id, quantity) VALUES ($1, $2, $3)"
    " ON CONFLICT (fulfilment_id, sku_id) DO UPDATE SET quantity = scans.quantity + excluded.quantity";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, fulfilment_id), stmt_int(s, 2, sku_id), stmt_int(s, 3, quantity);
  return stmt_run(s);
}

enum err scan_get(struct db *db, int64_t fulfilment_id, int64_t sku_id, int64_t *quantity)
{
  static const char SQL[] = "SELECT quantity FROM scans WHERE fulfilment_id = $1 AND sku_id = $2";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, fulfilment_id), stmt_int(s, 2, sku_id);
  *quantity = stmt_row(s) ? stmt_col_int(s, 0) : 0;
  return stmt_end(s);
}

enum err scan_clear(struct db *db, int64_t fulfilment_id)
{
  static const char SQL[] = "DELETE FROM scans WHERE fulfilment_id = $1";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, fulfilment_id);
  return stmt_run(s);
}
