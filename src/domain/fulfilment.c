/* fulfilment.c: the unit of work between an order and its parcel (domain 1, 7.1), with the lines it holds. */
#include "domain.h"

#define COLS \
  "f.id, f.group_id, coalesce(f.warehouse_id, 0), coalesce(f.wave_id, 0), f.created_at, f.updated_at, f.version, f.status, f.work"

static void fulfilment_read(struct stmt *s, struct arena *a, struct fulfilment *f)
{
  f->id = stmt_col_int(s, 0), f->group_id = stmt_col_int(s, 1), f->warehouse_id = stmt_col_int(s, 2);
  f->wave_id = stmt_col_int(s, 3), f->created_at = stmt_col_int(s, 4), f->updated_at = stmt_col_int(s, 5);
  f->version = stmt_col_int(s, 6), f->status = stmt_col_copy(s, 7, a), f->work = stmt_col_copy(s, 8, a);
}

enum err fulfilment_get(struct db *db, struct arena *a, int64_t id, struct fulfilment *out)
{
  static const char SQL[] = "SELECT " COLS " FROM fulfilments f WHERE f.id = $1";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id);
  bool found = stmt_row(s);
  if (found) fulfilment_read(s, a, out);
  TRY(stmt_end(s));
  return found ? ERR_OK : ERR_NOT_FOUND;
}

static void bind_id(struct stmt *s, int at, int64_t id)
{
  if (id) stmt_int(s, at, id);
  else stmt_null(s, at);
}

enum err fulfilment_insert(struct db *db, const struct fulfilment *f, int64_t now_ms, int64_t *id)
{
  static const char SQL[] =
    "INSERT INTO fulfilments (id, group_id, warehouse_id, status, work, created_at, updated_at, version)"
    " VALUES ($1, $2, $3, $4, 'open', $5, $6, 1)";
  struct stmt *s = db_stmt(db, SQL);
  *id = db_next_id(db, "fulfilment");
  stmt_int(s, 1, *id), stmt_int(s, 2, f->group_id), bind_id(s, 3, f->warehouse_id),
    stmt_text(s, 4, f->status);
  stmt_int(s, 5, now_ms), stmt_int(s, 6, now_ms);
  return stmt_run(s);
}

enum err fulfilment_move(struct db *db, struct fulfilment *f, const char *status, int64_t now_ms)
{
  static const char SQL[] =
    "UPDATE fulfilments SET status = $1, updated_at = $2, version = version + 1 WHERE id = $3 AND version = $4";
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, status), stmt_int(s, 2, now_ms), stmt_int(s, 3, f->id), stmt_int(s, 4, f->version);
  TRY(stmt_run(s));
  if (!db_changes(db)) return ERR_STALE;
  f->status = status, f->updated_at = now_ms, f->version++;
  return ERR_OK;
}

enum err fulfilment_work(struct db *db, struct fulfilment *f, const char *work, int64_t wave_id,
                         int64_t now_ms)
{
  static const char SQL[] =
    "UPDATE fulfilments SET work = $1, wave_id = $2, updated_at = $3, version = version + 1"
    " WHERE id = $4 AND version = $5";
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, work), bind_id(s, 2, wave_id), stmt_int(s, 3, now_ms), stmt_int(s, 4, f->id),
    stmt_int(s, 5, f->version);
  TRY(stmt_run(s));
  if (!db_changes(db)) return ERR_STALE;
  f->work = work, f->wave_id = wave_id, f->updated_at = now_ms, f->version++;
  return ERR_OK;
}

enum err fulfilment_set_group(struct db *db, int64_t id, int64_t group_id)
{
  static const char SQL[] = "UPDATE fulfilments SET group_id = $1 WHERE id = $2";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, group_id), stmt_int(s, 2, id);
  return stmt_run(s);
}

enum err fulfilment_line_put(struct db *db, int64_t id, const struct fulfilment_line *l)
{
  static const char SQL[] =
    "INSERT INTO fulfilment_lines (fulfilment_id, order_id, line_no, quantity) VALUES ($1, $2, $3, $4)"
    " ON CONFLICT (fulfilment_id, order_id, line_no) DO UPDATE SET quantity = fulfilment_lines.quantity + excluded.quantity";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id), stmt_int(s, 2, l->order_id), stmt_int(s, 3, l->line_no), stmt_int(s, 4, l->quantity);
  return stmt_run(s);
}

enum err fulfilment_line_drop(struct db *db, int64_t id, int64_t order_id, int64_t line_no)
{
  static const char SQL[] =
    "DELETE FROM fulfilment_lines WHERE fulfilment_id = $1 AND order_id = $2 AND line_no = $3";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id), stmt_int(s, 2, order_id), stmt_int(s, 3, line_no);
  TRY(stmt_run(s));
  return db_changes(db) ? ERR_OK : ERR_NOT_FOUND;
}

enum err fulfilment_lines(struct db *db, struct arena *a, int64_t id, struct fulfilment_line **list,
                          size_t *n)
{
  static const char SQL[] =
    "SELECT order_id, line_no, quantity FROM fulfilment_lines WHERE fulfilment_id = $1"
    " ORDER BY order_id, line_no";
  struct stmt *s = db_stmt(db, SQL);
  size_t cap = 0;
  *list = NULL, *n = 0;
  stmt_int(s, 1, id);
  while (stmt_row(s)) {
    if (*n == cap) {
      struct fulfilment_line *grown = arena_array(a, struct fulfilment_line, cap = cap ? 2 * cap : 8);
      if (*n) memcpy(grown, *list, *n * sizeof *grown);
      *list = grown;
    }
    (*list)[(*n)++] = (struct fulfilment_line){ stmt_col_int(s, 0), stmt_col_int(s, 1), stmt_col_int(s, 2) };
  }
  return stmt_end(s);
}

static enum err fulfilments_read(struct stmt *s, struct arena *a, struct fulfilment **list, size_t *n)
{
  size_t cap = 0;
  *list = NULL, *n = 0;
  while (stmt_row(s)) {
    if (*n == cap) {
      struct fulfilment *grown = arena_array(a, struct fulfilment, cap = cap ? 2 * cap : 4);
      if (*n) memcpy(grown, *list, *n * sizeof *grown);
      *list = grown;
    }
    fulfilment_read(s, a, &(*list)[(*n)++]);
  }
  return stmt_end(s);
}

enum err fulfilments_of_group(struct db *db, struct arena *a, int64_t group_id, bool live,
                              struct fulfilment **list, size_t *n)
{
  static const char SQL[] =
    "SELECT " COLS
    " FROM fulfilments f WHERE f.group_id = $1 AND (f.status <> 'cancelled' OR $2 = 0) ORDER BY f.id";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, group_id), stmt_int(s, 2, live);
  return fulfilments_read(s, a, list, n);
}

enum err fulfilments_of_order(struct db *db, struct arena *a, int64_t order_id, bool live,
                              struct fulfilment **list, size_t *n)
{
  static const char SQL[] =
    "SELECT " COLS
    " FROM fulfilments f WHERE f.id IN (SELECT fulfilment_id FROM fulfilment_lines WHERE order_id = $1)"
    " AND (f.status <> 'cancelled' OR $2 = 0) ORDER BY f.id";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, order_id), stmt_int(s, 2, live);
  return fulfilments_read(s, a, list, n);
}

int64_t fulfilments_open(struct db *db, int64_t warehouse_id)
{
  static const char SQL[] =
    "SELECT count(*) FROM fulfilments WHERE warehouse_id = $1 AND status <> 'shipped' AND status <> 'completed'"
    " AND status <> 'cancelled'";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, warehouse_id);
  int64_t n = stmt_row(s) ? stmt_col_int(s, 0) : 0;
  stmt_end(s);
  return n;
}
