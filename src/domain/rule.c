/* rule.c: which rules are on, to whom they were applied, and what they left on orders. */
#include "domain.h"

enum err rule_state(struct db *db, const struct rule *r, struct rule_state *out)
{
  static const char SQL[] =
    "SELECT digest = $1, state, applied, overruns, changed_at FROM rules WHERE name = $2";
  struct stmt *s = db_stmt(db, SQL);
  stmt_blob(s, 1, r->digest, sizeof r->digest), stmt_text(s, 2, r->name);
  *out = (struct rule_state){ 0 };
  if (stmt_row(s) && stmt_col_int(s, 0)) {
    const char *state = stmt_col_text(s, 1);
    *out = (struct rule_state){ strcmp(state, "new") != 0, !strcmp(state, "on"), stmt_col_int(s, 2),
                                stmt_col_int(s, 3), stmt_col_int(s, 4) };
  }
  return stmt_end(s);
}

enum err rule_switch(struct db *db, const struct rule *r, bool on, int64_t now_ms)
{
  static const char SQL[] =
    "INSERT INTO rules (name, digest, state, applied, overruns, changed_at) VALUES ($1, $2, $3, 0, 0, $4)"
    " ON CONFLICT (name) DO UPDATE SET applied = CASE WHEN rules.digest = excluded.digest THEN rules.applied ELSE 0 END,"
    " digest = excluded.digest, state = excluded.state, overruns = 0, changed_at = excluded.changed_at";
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, r->name), stmt_blob(s, 2, r->digest, sizeof r->digest);
  stmt_text(s, 3, on ? "on" : "off"), stmt_int(s, 4, now_ms);
  return stmt_run(s);
}

/* A version that is on by trust has no row yet. */
static enum err row_there(struct db *db, const struct rule *r, int64_t now_ms)
{
  static const char SQL[] =
    "INSERT INTO rules (name, digest, state, applied, overruns, changed_at) VALUES ($1, $2, 'new', 0, 0, $3)"
    " ON CONFLICT (name) DO UPDATE SET digest = excluded.digest, state = 'new', applied = 0, overruns = 0,"
    " changed_at = excluded.changed_at WHERE rules.digest <> excluded.digest";
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, r->name), stmt_blob(s, 2, r->digest, sizeof r->digest), stmt_int(s, 3, now_ms);
  return stmt_run(s);
}

enum err rule_counted(struct db *db, const struct rule *r, int64_t now_ms)
{
  static const char SQL[] = "UPDATE rules SET applied = applied + 1 WHERE name = $1";
  TRY(row_there(db, r, now_ms));
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, r->name);
  return stmt_run(s);
}

enum err rule_overrun(struct db *db, const struct rule *r, int64_t now_ms, int64_t *overruns)
{
  static const char SQL[] = "UPDATE rules SET overruns = overruns + 1 WHERE name = $1 RETURNING overruns";
  TRY(row_there(db, r, now_ms));
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, r->name);
  *overruns = stmt_row(s) ? stmt_col_int(s, 0) : 0;
  return stmt_end(s);
}

enum err rule_remember(struct db *db, const struct rule *r, int64_t order_id, int64_t now_ms, bool *is_new)
{
  static const char SQL[] = "INSERT INTO rule_applied (order_id, rule, digest, at) VALUES ($1, $2, $3, $4)"
                            " ON CONFLICT DO NOTHING";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, order_id), stmt_text(s, 2, r->name), stmt_blob(s, 3, r->digest, sizeof r->digest);
  stmt_int(s, 4, now_ms);
  TRY(stmt_run(s));
  *is_new = db_changes(db) == 1;
  return ERR_OK;
}

enum err tag_put(struct db *db, int64_t order_id, const char *tag, bool *is_new)
{
  static const char SQL[] = "INSERT INTO order_tags (order_id, tag) VALUES ($1, $2) ON CONFLICT DO NOTHING";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, order_id), stmt_text(s, 2, tag);
  TRY(stmt_run(s));
  *is_new = db_changes(db) == 1;
  return ERR_OK;
}

enum err wish_get(struct db *db, struct arena *a, int64_t order_id, struct order_wish *out)
{
  static const char SQL[] =
    "SELECT warehouse, priority, apart, propose FROM order_wishes WHERE order_id = $1";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, order_id);
  *out = (struct order_wish){ 0 };
  if (stmt_row(s))
    *out = (struct order_wish){ stmt_col_copy(s, 0, a), stmt_col_int(s, 1), stmt_col_int(s, 2) != 0,
                                stmt_col_int(s, 3) != 0 };
  return stmt_end(s);
}

enum err wish_put(struct db *db, int64_t order_id, const struct order_wish *w)
{
  static const char SQL[] =
    "INSERT INTO order_wishes (order_id, warehouse, priority, apart, propose) VALUES ($1, $2, $3, $4, $5)"
    " ON CONFLICT (order_id) DO UPDATE SET warehouse = excluded.warehouse, priority = excluded.priority,"
    " apart = excluded.apart, propose = excluded.propose";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, order_id), stmt_text(s, 2, w->warehouse), stmt_int(s, 3, w->priority);
  stmt_int(s, 4, w->apart), stmt_int(s, 5, w->propose);
  return stmt_run(s);
}

enum err row_tags(struct db *db, struct jw *w, int64_t order_id)
{
  static const char SQL[] = "SELECT tag FROM order_tags WHERE order_id = $1 ORDER BY tag";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, order_id);
  jw_key(w, "tags"), jw_array(w);
  while (stmt_row(s)) jw_string(w, stmt_col_text(s, 0));
  jw_array_end(w);
  return stmt_end(s);
}

enum err row_priority(struct db *db, struct jw *w, int64_t order_id)
{
  static const char SQL[] = "SELECT priority FROM order_wishes WHERE order_id = $1 AND priority <> 0";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, order_id);
  if (stmt_row(s)) jw_kint(w, "priority", stmt_col_int(s, 0));
  return stmt_end(s);
}

static size_t past(struct db *db, const char *sql, int64_t from, int64_t to, int64_t before, int64_t *ids,
                   size_t max)
{
  struct stmt *s = db_stmt(db, sql);
  size_t n = 0;
  stmt_int(s, 1, before), stmt_int(s, 2, from), stmt_int(s, 3, to), stmt_int(s, 4, (int64_t)max);
  while (n < max && stmt_row(s)) ids[n++] = stmt_col_int(s, 0);
  stmt_end(s);
  return n;
}

size_t rule_past(struct db *db, int64_t from, int64_t to, int64_t before, int64_t *ids, size_t max)
{
  static const char SQL[] = "SELECT id FROM orders WHERE id < $1 AND placed_at >= $2 AND placed_at < $3"
                            " ORDER BY id DESC LIMIT $4";
  return past(db, SQL, from, to, before, ids, max);
}

size_t rule_past_cases(struct db *db, int64_t from, int64_t to, int64_t before, int64_t *ids, size_t max)
{
  static const char SQL[] = "SELECT id FROM cases WHERE id < $1 AND created_at >= $2 AND created_at < $3"
                            " ORDER BY id DESC LIMIT $4";
  return past(db, SQL, from, to, before, ids, max);
}
