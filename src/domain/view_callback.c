/* view_callback.c: callbacks as people see them: SELECT only. */
#include "domain.h"

#define COLS "id, destination, at, state, body, events, error"

/* Bytes that are no text become '?'. */
static void body_put(struct jw *w, struct stmt *s)
{
  size_t n = 0;
  const char *p = stmt_col_blob(s, 4, &n);
  struct buf b = { 0 };
  for (size_t i = 0, len; i < n; i += len) {
    for (len = 4; len > 1 && (i + len > n || !utf8_valid(p + i, len)); len--) continue;
    if (utf8_valid(p + i, len)) buf_put(&b, p + i, len);
    else buf_char(&b, '?');
  }
  jw_key(w, "body"), jw_stringn(w, b.data ? b.data : "", b.len);
  buf_release(&b);
}

static void fields(struct jw *w, struct stmt *s, bool whole)
{
  jw_id(w, "id", 'q', stmt_col_int(s, 0));
  jw_kstring(w, "destination", stmt_col_text(s, 1));
  jw_ktime_col(w, "at", s, 2);
  jw_kstring(w, "state", stmt_col_text(s, 3));
  if (whole) body_put(w, s);
  jw_kraw(w, "events", stmt_col_text(s, 5));
  jw_kraw(w, "error", stmt_col_text(s, 6));
}

enum err view_callback(struct db *db, struct arena *a, int64_t id, struct buf *out)
{
  struct stmt *s = db_stmt(db, "SELECT " COLS " FROM callbacks WHERE id = $1");
  struct jw w;
  (void)a;
  jw_init(&w, out);
  stmt_int(s, 1, id);
  bool found = stmt_row(s);
  if (found) jw_object(&w), fields(&w, s, true), jw_object_end(&w);
  enum err e = stmt_end(s);
  return e ? e : found ? ERR_OK : ERR_NOT_FOUND;
}

enum err view_callbacks(struct db *db, struct arena *a, const char *state, const char *destination,
                        const char *cursor, int limit, struct buf *out, const char **next, const char **why)
{
  struct cursor from, last = { 0 };
  struct jw w;
  *next = NULL;
  TRY(list_begin(a, 'q', cursor, &limit, &from, why));
  if (state && strcmp(state, "applied") != 0 && strcmp(state, "failed") != 0 &&
      strcmp(state, "dropped") != 0) {
    *why = "state is one of applied, failed, dropped";
    return ERR_BAD_REQUEST;
  }
  struct sql q = { 0 };
  sql_piece(&q, "SELECT " COLS " FROM callbacks");
  sql_int(&q, " WHERE id < ", from.id, "");
  if (state) sql_text(&q, " AND state = ", state, "");
  if (destination) sql_text(&q, " AND destination = ", destination, "");
  sql_int(&q, " ORDER BY id DESC LIMIT ", limit + 1, "");
  list_open(&w, out);
  struct stmt *s = sql_prepare(db, &q);
  for (int n = 0; stmt_row(s); n++) {
    if (n == limit) {
      *next = cursor_text(a, 'q', last);
      break;
    }
    jw_object(&w), fields(&w, s, false), jw_object_end(&w);
    last.id = stmt_col_int(s, 0);
  }
  enum err e = stmt_end(s);
  stmt_drop(s);
  list_close(&w, *next);
  sql_release(&q);
  return e;
}
