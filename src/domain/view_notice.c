/* view_notice.c: notices as people see them: SELECT only. What is told to a customer bears no name and no number. */
#include "domain.h"

#define COLS \
  "id, at, messenger, room, kind, about, text, urgent, state, effect_id, joined_at, ended_at FROM notices"

static void fields(struct jw *w, struct stmt *s)
{
  jw_object(w), jw_id(w, "id", 'm', stmt_col_int(s, 0)), jw_ktime_col(w, "at", s, 1);
  jw_kstring(w, "messenger", stmt_col_text(s, 2)), jw_kstring(w, "room", stmt_col_text(s, 3));
  jw_kstring(w, "kind", stmt_col_text(s, 4)), jw_kstring(w, "about", stmt_col_text(s, 5));
  jw_kstring(w, "text", stmt_col_text(s, 6)), jw_kbool(w, "urgent", stmt_col_int(s, 7) != 0);
  jw_kstring(w, "state", stmt_col_text(s, 8)), jw_id(w, "effect", 'e', stmt_col_int(s, 9));
  jw_ktime_col(w, "joined_at", s, 10), jw_ktime_col(w, "ended_at", s, 11), jw_object_end(w);
}

enum err view_notice(struct db *db, int64_t id, struct buf *out)
{
  static const char SQL[] = "SELECT " COLS " WHERE id = $1";
  struct stmt *s = db_stmt(db, SQL);
  struct jw w;
  jw_init(&w, out);
  stmt_int(s, 1, id);
  bool found = stmt_row(s);
  if (found) fields(&w, s);
  TRY(stmt_end(s));
  return found ? ERR_OK : ERR_NOT_FOUND;
}

static bool state_known(const char *s)
{
  return !s || !strcmp(s, "waiting") || !strcmp(s, "sent") || !strcmp(s, "dropped");
}

enum err view_notices(struct db *db, struct arena *a, const struct notice_filter *f, const char *cursor,
                      int limit, struct buf *out, const char **next, const char **why)
{
  struct cursor from, last = { 0 };
  struct sql q = { 0 };
  struct jw w;
  *next = NULL;
  TRY(list_begin(a, 'm', cursor, &limit, &from, why));
  if (!state_known(f->state)) {
    *why = "state is one of waiting, sent, dropped";
    return ERR_BAD_REQUEST;
  }
  sql_piece(&q, "SELECT " COLS);
  sql_int(&q, " WHERE id < ", from.id, "");
  if (f->state) sql_text(&q, " AND state = ", f->state, "");
  if (f->room) sql_text(&q, " AND room = ", f->room, "");
  if (f->about) sql_text(&q, " AND about = ", f->about, "");
  sql_int(&q, " ORDER BY id DESC LIMIT ", limit + 1, "");
  list_open(&w, out);
  struct stmt *s = sql_prepare(db, &q);
  for (int n = 0; stmt_row(s); n++) {
    if (n == limit) {
      *next = cursor_text(a, 'm', last);
      break;
    }
    fields(&w, s);
    last.id = stmt_col_int(s, 0);
  }
  enum err e = stmt_end(s);
  stmt_drop(s);
  list_close(&w, *next);
  sql_release(&q);
  return e;
}
