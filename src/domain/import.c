/* import.c: files that people dropped into the console, and their rows. */
#include "domain.h"

#define BODY_UNPACK_MAX (2u << 20)

static void bind_id(struct stmt *s, int at, int64_t id)
{
  if (id) stmt_int(s, at, id);
  else stmt_null(s, at);
}

enum err imports_add(struct db *db, const char *name, const char *channel, const char *actor, int64_t now_ms,
                     int64_t *id)
{
  static const char SQL[] =
    "INSERT INTO imports (id, name, channel, state, actor, created_at, rows, done, version)"
    " VALUES ($1, $2, $3, 'reading', $4, $5, 0, 0, 1)";
  *id = db_next_id(db, "import");
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, *id), stmt_text(s, 2, name), stmt_text(s, 3, channel), stmt_text(s, 4, actor);
  stmt_int(s, 5, now_ms);
  return stmt_run(s);
}

enum err imports_row(struct db *db, int64_t id, const struct import_row *r)
{
  static const char SQL[] =
    "INSERT INTO import_rows (import_id, seq, row, result, number, order_id, error, body)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
  struct buf b = { 0 };
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id), stmt_int(s, 2, r->seq), stmt_int(s, 3, r->row), stmt_text(s, 4, r->result);
  stmt_text(s, 5, r->number), bind_id(s, 6, r->order_id), stmt_text(s, 7, r->error);
  if (r->body) pack(&b, r->body, r->body_n), stmt_blob(s, 8, b.data, b.len);
  else stmt_null(s, 8);
  enum err e = stmt_run(s);
  buf_release(&b);
  return e;
}

enum err imports_get(struct db *db, struct arena *a, int64_t id, struct import_state *out)
{
  static const char SQL[] = "SELECT rows, done, version, state, actor, channel FROM imports WHERE id = $1";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id);
  bool found = stmt_row(s);
  *out = (struct import_state){ .id = id };
  if (found) {
    out->rows = stmt_col_int(s, 0), out->done = stmt_col_int(s, 1), out->version = stmt_col_int(s, 2);
    out->state = stmt_col_copy(s, 3, a), out->actor = stmt_col_copy(s, 4, a),
    out->channel = stmt_col_copy(s, 5, a);
  }
  enum err e = stmt_end(s);
  return e ? e : found ? ERR_OK : ERR_NOT_FOUND;
}

enum err imports_move(struct db *db, int64_t id, const char *to, int64_t ended_at)
{
  static const char SQL[] =
    "UPDATE imports SET state = $1, ended_at = coalesce($2, ended_at), version = version + 1 WHERE id = $3";
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, to), bind_id(s, 2, ended_at), stmt_int(s, 3, id);
  return stmt_run(s);
}

enum err imports_applied(struct db *db, int64_t id, int64_t from, int64_t to, int64_t head)
{
  static const char SQL[] =
    "UPDATE import_rows SET at_seq = $1 WHERE import_id = $2 AND seq >= $3 AND seq <= $4";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, head), stmt_int(s, 2, id), stmt_int(s, 3, from), stmt_int(s, 4, to);
  return stmt_run(s);
}

static enum err set_one(struct db *db, const char *sql, int64_t value, int64_t id)
{
  struct stmt *s = db_stmt(db, sql);
  stmt_int(s, 1, value), stmt_int(s, 2, id);
  return stmt_run(s);
}

enum err imports_rows(struct db *db, int64_t id, int64_t rows)
{
  static const char SQL[] = "UPDATE imports SET rows = $1 WHERE id = $2";
  return set_one(db, SQL, rows, id);
}

enum err imports_done(struct db *db, int64_t id, int64_t seq)
{
  static const char SQL[] = "UPDATE imports SET done = $1 WHERE id = $2";
  return set_one(db, SQL, seq, id);
}

int64_t imports_next(struct db *db)
{
  static const char SQL[] =
    "SELECT id FROM imports WHERE state = 'applying' OR state = 'undoing' ORDER BY id LIMIT 1";
  struct stmt *s = db_stmt(db, SQL);
  int64_t id = stmt_row(s) ? stmt_col_int(s, 0) : 0;
  stmt_end(s);
  return id;
}

size_t imports_take(struct db *db, struct arena *a, int64_t id, int64_t after, struct import_row *out,
                    size_t max)
{
  static const char SQL[] = "SELECT seq, row, coalesce(order_id, 0), result, number, body FROM import_rows"
                            " WHERE import_id = $1 AND seq > $2 ORDER BY seq LIMIT $3";
  struct stmt *s = db_stmt(db, SQL);
  size_t n = 0;
  stmt_int(s, 1, id), stmt_int(s, 2, after), stmt_int(s, 3, (int64_t)max);
  for (; n < max && stmt_row(s); n++) {
    size_t packed;
    struct buf b = { 0 };
    const void *p = stmt_col_blob(s, 5, &packed);
    out[n] = (struct import_row){ .seq = stmt_col_int(s, 0),
                                  .row = stmt_col_int(s, 1),
                                  .order_id = stmt_col_int(s, 2) };
    out[n].result = stmt_col_copy(s, 3, a), out[n].number = stmt_col_copy(s, 4, a);
    if (p && unpack(&b, p, packed, BODY_UNPACK_MAX)) {
      out[n].body = arena_strn(a, b.data ? b.data : "", b.len), out[n].body_n = b.len;
    }
    buf_release(&b);
  }
  stmt_end(s);
  return n;
}

enum err imports_settle(struct db *db, int64_t id, int64_t seq, const char *result, int64_t order_id,
                        const char *error)
{
  static const char SQL[] =
    "UPDATE import_rows SET result = $1, order_id = coalesce($2, order_id), error = coalesce($3, error)"
    " WHERE import_id = $4 AND seq = $5";
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, result), bind_id(s, 2, order_id), stmt_text(s, 3, error), stmt_int(s, 4, id),
    stmt_int(s, 5, seq);
  return stmt_run(s);
}

enum err imports_drop(struct db *db, int64_t id)
{
  static const char SQL[] = "DELETE FROM import_rows WHERE import_id = $1";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id);
  return stmt_run(s);
}

enum err imports_prune(struct db *db, int64_t before_ms)
{
  static const char SQL[] = "SELECT id FROM imports WHERE state = 'reading' AND created_at < $1 LIMIT 1";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, before_ms);
  int64_t id = stmt_row(s) ? stmt_col_int(s, 0) : 0;
  TRY(stmt_end(s));
  if (!id) return ERR_OK;
  TRY(imports_drop(db, id));
  return imports_move(db, id, "discarded", before_ms);
}

/* Reminders and deadlines come by themselves, and whom an order is grouped with is settled when it goes. */
enum err imports_built_upon(struct db *db, int64_t id, int64_t order_id, int64_t *ids, size_t max, int64_t *n)
{
  static const char SQL[] =
    "SELECT r.order_id FROM import_rows r JOIN orders o ON o.id = r.order_id"
    " WHERE r.import_id = $1 AND r.result = 'created' AND ($2 = 0 OR r.order_id = $3) AND"
    " (o.status NOT IN ('pending', 'paid', 'split', 'cancelled') OR EXISTS"
    " (SELECT 1 FROM events e WHERE e.entity = r.order_id AND e.kind = 'o' AND e.seq > r.at_seq"
    " AND e.type <> 'order.reminder' AND e.type <> 'order.overdue' AND e.type <> 'order.group'))";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id), stmt_int(s, 2, order_id), stmt_int(s, 3, order_id);
  for (*n = 0; stmt_row(s); ++*n)
    if ((size_t)*n < max) ids[*n] = stmt_col_int(s, 0);
  return stmt_end(s);
}

int64_t imports_count(struct db *db, int64_t id, const char *result)
{
  static const char SQL[] = "SELECT count(*) FROM import_rows WHERE import_id = $1 AND result = $2";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id), stmt_text(s, 2, result);
  int64_t n = stmt_row(s) ? stmt_col_int(s, 0) : 0;
  stmt_end(s);
  return n;
}
