/* view_import.c: imports as people see them: SELECT only. */
#include "domain.h"

#define COLS "id, name, channel, state, actor, created_at, ended_at, rows, done, version FROM imports"
static const char *const results[] = { "new",     "changed", "unchanged", "stale",  "again",
                                       "refused", "created", "updated",   "undone", "kept" };

static enum err counts_put(struct db *db, struct jw *w, int64_t id)
{
  static const char SQL[] = "SELECT result, count(*) FROM import_rows WHERE import_id = $1 GROUP BY result";
  int64_t n[COUNT(results)] = { 0 };
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id);
  while (stmt_row(s))
    for (size_t i = 0; i < COUNT(results); i++)
      if (!strcmp(results[i], stmt_col_text(s, 0))) n[i] = stmt_col_int(s, 1);
  jw_key(w, "counts"), jw_object(w);
  for (size_t i = 0; i < COUNT(results); i++) jw_kint(w, results[i], n[i]);
  jw_object_end(w);
  return stmt_end(s);
}

static enum err fields(struct db *db, struct jw *w, struct stmt *s)
{
  int64_t id = stmt_col_int(s, 0);
  jw_object(w), jw_id(w, "id", 'i', id), jw_kstring(w, "name", stmt_col_text(s, 1));
  jw_kstring(w, "channel", stmt_col_text(s, 2)), jw_kstring(w, "state", stmt_col_text(s, 3));
  jw_kstring(w, "actor", stmt_col_text(s, 4)), jw_ktime_col(w, "created_at", s, 5),
    jw_ktime_col(w, "ended_at", s, 6);
  jw_kint(w, "rows", stmt_col_int(s, 7)), jw_kint(w, "done", stmt_col_int(s, 8));
  jw_kint(w, "version", stmt_col_int(s, 9));
  TRY(counts_put(db, w, id));
  jw_object_end(w);
  return ERR_OK;
}

enum err view_import(struct db *db, int64_t id, struct buf *out, int64_t *version)
{
  static const char SQL[] = "SELECT " COLS " WHERE id = $1 AND state <> 'reading'";
  struct stmt *s = db_stmt(db, SQL);
  struct jw w;
  enum err e = ERR_OK;
  jw_init(&w, out);
  stmt_int(s, 1, id);
  bool found = stmt_row(s);
  if (found) e = fields(db, &w, s), *version = stmt_col_int(s, 9);
  enum err end = stmt_end(s);
  return e ? e : end ? end : found ? ERR_OK : ERR_NOT_FOUND;
}

enum err view_imports(struct db *db, struct arena *a, const char *cursor, int limit, struct buf *out,
                      const char **next, const char **why)
{
  static const char SQL[] = "SELECT " COLS " WHERE id < $1 AND state <> 'reading' ORDER BY id DESC LIMIT $2";
  struct cursor from, last = { 0 };
  struct jw w;
  enum err e = ERR_OK;
  *next = NULL;
  TRY(list_begin(a, 'i', cursor, &limit, &from, why));
  list_open(&w, out);
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, from.id), stmt_int(s, 2, limit + 1);
  for (int n = 0; !e && stmt_row(s); n++) {
    if (n == limit) {
      *next = cursor_text(a, 'i', last);
      break;
    }
    e = fields(db, &w, s);
    last.id = stmt_col_int(s, 0);
  }
  enum err end = stmt_end(s);
  list_close(&w, *next);
  return e ? e : end;
}

/* ---- rows ----------------------------------------------------------------------------------------------------- */
static void order_put(struct jw *w, struct arena *a, const struct import_row *r, enum privacy p)
{
  struct faults f = { .mem = a };
  const struct json *o = r->body ? json_parse(a, r->body, r->body_n, JSON_ELEMENTS_MAX, &f) : NULL;
  const struct json *receiver = json_get(o, "receiver"), *lines = json_get(o, "lines");
  const char *name = json_type(receiver) == JSON_OBJECT ? json_string(json_get(receiver, "name")) : NULL;
  jw_kstring(w, "receiver", name && p == SHOW_MASKED ? name_mask(a, name) : name);
  jw_kstring(w, "status", json_string(json_get(o, "status")));
  jw_kstring(w, "total", json_string(json_get(o, "total")));
  jw_kstring(w, "currency", json_string(json_get(o, "currency")));
  jw_kint(w, "lines", json_type(lines) == JSON_ARRAY ? (int64_t)json_count(lines) : 0);
}

static void row_put(struct jw *w, struct arena *a, struct stmt *s, enum privacy p)
{
  struct buf b = { 0 };
  struct import_row r = { 0 };
  size_t n;
  const void *packed = stmt_col_blob(s, 6, &n);
  if (packed && unpack(&b, packed, n, 2u << 20)) r.body = b.data, r.body_n = b.len;
  jw_object(w), jw_kint(w, "row", stmt_col_int(s, 1)), jw_kstring(w, "result", stmt_col_text(s, 2));
  jw_kstring(w, "number", stmt_col_text(s, 3)), jw_id(w, "order", 'o', stmt_col_int(s, 4));
  jw_key(w, "error");
  const char *error = stmt_col_text(s, 5);
  if (error) jw_raw(w, error, strlen(error));
  else jw_null(w);
  order_put(w, a, &r, p);
  jw_object_end(w);
  buf_release(&b);
}

static bool result_known(const char *r)
{
  for (size_t i = 0; i < COUNT(results); i++)
    if (!strcmp(results[i], r)) return true;
  return false;
}

enum err view_import_rows(struct db *db, struct arena *a, int64_t id, const char *result, enum privacy p,
                          const char *cursor, int limit, struct buf *out, const char **next, const char **why)
{
  struct cursor from, last = { 0 };
  struct sql q = { 0 };
  struct jw w;
  int64_t version;
  struct buf none = { 0 };
  *next = NULL;
  enum err e = view_import(db, id, &none, &version);
  buf_release(&none);
  TRY(e);
  TRY(list_begin(a, 'I', cursor, &limit, &from, why));
  if (result && !result_known(result)) {
    *why = "result is one of new, changed, unchanged, stale, again, refused, created, updated, undone, kept";
    return ERR_BAD_REQUEST;
  }
  sql_piece(&q, "SELECT seq, row, result, number, order_id, error, body FROM import_rows");
  sql_int(&q, " WHERE import_id = ", id, "");
  if (result) sql_text(&q, " AND result = ", result, "");
  sql_int(&q, " AND seq > ", cursor ? from.id : 0, " ORDER BY seq");
  sql_int(&q, " LIMIT ", limit + 1, "");
  list_open(&w, out);
  struct stmt *s = sql_prepare(db, &q);
  for (int n = 0; stmt_row(s); n++) {
    if (n == limit) {
      *next = cursor_text(a, 'I', last);
      break;
    }
    row_put(&w, a, s, p);
    last.id = stmt_col_int(s, 0);
  }
  e = stmt_end(s);
  stmt_drop(s);
  list_close(&w, *next);
  sql_release(&q);
  return e;
}
