/* warehouse.c: where goods leave from. */
#include "domain.h"

static void bind_known(struct stmt *s, int at, int64_t v)
{
  if (v) stmt_int(s, at, v);
  else stmt_null(s, at);
}

#define WAREHOUSE_COLS \
  "SELECT id, division, capacity, created_at, version, code, title, country, regions, state, kind FROM warehouses"

static void warehouse_read(struct stmt *s, struct arena *a, struct warehouse *w)
{
  *w = (struct warehouse){
    .id = stmt_col_int(s, 0),
    .division = stmt_col_int(s, 1),
    .capacity = stmt_col_int(s, 2),
    .created_at = stmt_col_int(s, 3),
    .version = stmt_col_int(s, 4),
    .code = stmt_col_copy(s, 5, a),
    .title = stmt_col_copy(s, 6, a),
    .country = stmt_col_copy(s, 7, a),
    .regions = stmt_col_copy(s, 8, a),
    .state = stmt_col_copy(s, 9, a),
    .factory = !strcmp(stmt_col_text(s, 10), "factory"),
  };
}

static enum err warehouse_one(struct stmt *s, struct arena *a, struct warehouse *out)
{
  bool found = stmt_row(s);
  if (found) warehouse_read(s, a, out);
  enum err e = stmt_end(s);
  return e ? e : found ? ERR_OK : ERR_NOT_FOUND;
}

enum err warehouse_get(struct db *db, struct arena *a, int64_t id, struct warehouse *out)
{
  static const char SQL[] = WAREHOUSE_COLS " WHERE id = $1";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id);
  return warehouse_one(s, a, out);
}

enum err warehouse_find(struct db *db, struct arena *a, const char *code, struct warehouse *out)
{
  static const char SQL[] = WAREHOUSE_COLS " WHERE code = $1";
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, code);
  return warehouse_one(s, a, out);
}

static void warehouse_bind(struct stmt *s, int at, const struct warehouse *w)
{
  stmt_text(s, at, w->title), stmt_text(s, at + 1, w->factory ? "factory" : "warehouse");
  stmt_text(s, at + 2, w->country), bind_known(s, at + 3, w->division), stmt_text(s, at + 4, w->regions);
  bind_known(s, at + 5, w->capacity), stmt_text(s, at + 6, w->state);
}

enum err warehouse_insert(struct db *db, const struct warehouse *w, int64_t now_ms, int64_t *id)
{
  static const char SQL[] =
    "INSERT INTO warehouses (id, code, title, kind, country, division, regions, capacity, state, created_at, version)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1) ON CONFLICT (code) DO NOTHING";
  *id = db_next_id(db, "warehouse");
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, *id), stmt_text(s, 2, w->code), warehouse_bind(s, 3, w), stmt_int(s, 10, now_ms);
  TRY(stmt_run(s));
  return db_changes(db) ? ERR_OK : ERR_CONFLICT;
}

enum err warehouse_update(struct db *db, const struct warehouse *w)
{
  static const char SQL[] =
    "UPDATE warehouses SET title = $1, kind = $2, country = $3, division = $4, regions = $5, capacity = $6,"
    " state = $7, version = version + 1 WHERE id = $8 AND version = $9";
  struct stmt *s = db_stmt(db, SQL);
  warehouse_bind(s, 1, w), stmt_int(s, 8, w->id), stmt_int(s, 9, w->version);
  TRY(stmt_run(s));
  return db_changes(db) ? ERR_OK : ERR_STALE;
}

enum err warehouse_list(struct db *db, struct arena *a, struct warehouse **list, size_t *n)
{
  static const char SQL[] = WAREHOUSE_COLS " WHERE state = 'active' ORDER BY code";
  struct stmt *s = db_stmt(db, SQL);
  size_t cap = 0;
  *list = NULL, *n = 0;
  while (stmt_row(s)) {
    if (*n == cap) {
      struct warehouse *grown = arena_array(a, struct warehouse, cap = cap ? 2 * cap : 16);
      if (*n) memcpy(grown, *list, *n * sizeof *grown);
      *list = grown;
    }
    warehouse_read(s, a, &(*list)[(*n)++]);
  }
  return stmt_end(s);
}
