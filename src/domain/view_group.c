/* view_group.c: groups with their members and what is proposed about them. */
#include "domain.h"

#define GROUP_COLS \
  "g.id, g.state, coalesce(g.key, 'phone_address')," \
  " coalesce(nullif(g.from_at, 0), (SELECT min(placed_at) FROM orders WHERE group_id = g.id)), g.locked_at," \
  " g.version"

/* Pairs of which one side is this member. */
static enum err member_proposals(struct db *db, struct jw *w, int64_t order_id)
{
  static const char SQL[] =
    "SELECT q.other, o.group_id, q.code, q.since FROM"
    " (SELECT order_b AS other, code, since FROM merge_proposals WHERE order_a = $1"
    "  UNION ALL SELECT order_a, code, since FROM merge_proposals WHERE order_b = $1) q"
    " LEFT JOIN orders o ON o.id = q.other ORDER BY q.other";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, order_id);
  while (stmt_row(s)) {
    jw_object(w);
    jw_id(w, "order", 'o', order_id);
    jw_id(w, "with", 'o', stmt_col_int(s, 0));
    jw_id(w, "group", 'g', stmt_col_int(s, 1));
    jw_kstring(w, "code", stmt_col_text(s, 2));
    jw_ktime_col(w, "since", s, 3);
    jw_object_end(w);
  }
  return stmt_end(s);
}

#define MEMBERS_MAX 1000
static enum err group_members(struct db *db, struct jw *w, int64_t group_id)
{
  static const char SQL[] =
    "SELECT o.id, c.name, o.external_id, o.status, o.placed_at FROM orders o LEFT JOIN channels c ON"
    " c.id = o.channel_id"
    " WHERE o.group_id = $1 ORDER BY o.placed_at, o.id LIMIT $2";
  int64_t ids[MEMBERS_MAX];
  int n = 0;
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, group_id), stmt_int(s, 2, MEMBERS_MAX);
  jw_key(w, "orders"), jw_array(w);
  while (stmt_row(s)) {
    ids[n++] = stmt_col_int(s, 0);
    jw_object(w);
    jw_id(w, "id", 'o', ids[n - 1]);
    jw_kstring(w, "channel", stmt_col_text(s, 1));
    jw_kstring(w, "external_id", stmt_col_text(s, 2));
    jw_kstring(w, "status", stmt_col_text(s, 3));
    jw_ktime_col(w, "placed_at", s, 4);
    jw_object_end(w);
  }
  jw_array_end(w);
  TRY(stmt_end(s));
  jw_key(w, "proposals"), jw_array(w);
  for (int i = 0; i < n; i++) TRY(member_proposals(db, w, ids[i]));
  jw_array_end(w);
  return ERR_OK;
}

static enum err group_row(struct db *db, const struct merge_rules *r, struct stmt *s, struct jw *w)
{
  int64_t id = stmt_col_int(s, 0), from = stmt_col_int(s, 3);
  jw_object(w);
  jw_id(w, "id", 'g', id);
  jw_kstring(w, "state", stmt_col_text(s, 1));
  jw_kstring(w, "key", stmt_col_text(s, 2));
  jw_ktime(w, "from", from);
  jw_ktime(w, "until", from + r->window_ms);
  jw_ktime_col(w, "locked_at", s, 4);
  jw_kint(w, "version", stmt_col_int(s, 5));
  enum err e = group_members(db, w, id);
  jw_object_end(w);
  return e;
}

enum err view_group(struct db *db, struct arena *a, const struct merge_rules *r, int64_t id, struct buf *out,
                    int64_t *version)
{
  static const char SQL[] = "SELECT " GROUP_COLS " FROM groups g WHERE g.id = $1";
  struct jw w;
  (void)a;
  jw_init(&w, out);
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id);
  bool found = stmt_row(s);
  enum err part = ERR_OK;
  if (found) {
    if (version) *version = stmt_col_int(s, 5);
    part = group_row(db, r, s, &w);
  }
  enum err e = stmt_end(s);
  return e ? e : part ? part : found ? ERR_OK : ERR_NOT_FOUND;
}

/* The state and the number of members are looked at in each row, so that rows seen in vain are counted. */
static void groups_sql(struct sql *q, const char *state, bool proposed, bool several, int64_t before)
{
  sql_piece(q, "SELECT " GROUP_COLS ", CASE WHEN ");
  if (state) sql_text(q, "g.state = ", state, "");
  else sql_piece(q, "g.state <> 'empty'");
  if (several)
    sql_piece(q,
              " AND (SELECT count(*) FROM (SELECT 1 FROM orders o WHERE o.group_id = g.id LIMIT 2) t) > 1");
  sql_int(q, " THEN 1 ELSE 0 END FROM groups g WHERE g.id < ", before, "");
  if (proposed)
    sql_piece(q, " AND g.id IN (SELECT o.group_id FROM merge_proposals p JOIN orders o ON o.id = p.order_a"
                 " WHERE o.group_id IS NOT NULL"
                 " UNION SELECT o.group_id FROM merge_proposals p JOIN orders o ON o.id = p.order_b"
                 " WHERE o.group_id IS NOT NULL)");
  sql_piece(q, " ORDER BY g.id DESC");
}

static bool is_group_state(const char *state)
{
  return !strcmp(state, "open") || !strcmp(state, "locked") || !strcmp(state, "empty");
}

enum err view_groups(struct db *db, struct arena *a, const struct merge_rules *r, const char *state,
                     bool proposed, bool several, const char *cursor, int limit, struct buf *out,
                     const char **next, const char **why)
{
  struct cursor from, last = { 0 };
  struct jw w;
  *next = NULL;
  TRY(list_begin(a, 'g', cursor, &limit, &from, why));
  if (state && !is_group_state(state)) {
    *why = "state is one of open, locked, empty";
    return ERR_BAD_REQUEST;
  }
  struct sql q = { 0 };
  groups_sql(&q, state, proposed, several, from.id);
  struct stmt *s = sql_prepare(db, &q);
  enum err part = ERR_OK;
  list_open(&w, out);
  for (int n = 0, vain = 0; !part && !*next && stmt_row(s);) {
    bool fits = stmt_col_int(s, 6);
    if (fits && n == limit) {
      *next = cursor_text(a, 'g', last);
      break;
    }
    last.id = stmt_col_int(s, 0);
    if (fits) part = group_row(db, r, s, &w), n++;
    else if (++vain == LIST_LOOK_MAX) *next = cursor_text(a, 'g', last);
  }
  list_close(&w, *next);
  enum err e = stmt_end(s);
  stmt_drop(s);
  sql_release(&q);
  return e ? e : part;
}
