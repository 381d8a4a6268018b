/* gift.c: lines that rules add to an order at no price. They are numbered beyond the channel's own, so that units and
 * parcels know them as lines like all others, and whoever reckons money never meets them. */
#include "domain.h"

static enum err next_line(struct db *db, int64_t order_id, int64_t *line_no, int64_t *n)
{
  static const char SQL[] = "SELECT coalesce(max(line_no), $1), count(*) FROM gifts WHERE order_id = $2";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, GIFT_LINE), stmt_int(s, 2, order_id);
  if (stmt_row(s)) *line_no = stmt_col_int(s, 0) + 1, *n = stmt_col_int(s, 1);
  return stmt_end(s);
}

enum err gift_put(struct db *db, struct gift *g)
{
  static const char SQL[] = "INSERT INTO gifts (order_id, line_no, sku, quantity, rule, digest, at)"
                            " VALUES ($1, $2, $3, $4, $5, $6, $7)";
  int64_t n = 0;
  TRY(next_line(db, g->order_id, &g->line_no, &n));
  if (n >= GIFTS_MAX) return ERR_CONFLICT;
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, g->order_id), stmt_int(s, 2, g->line_no), stmt_text(s, 3, g->sku),
    stmt_int(s, 4, g->quantity);
  stmt_text(s, 5, g->rule), stmt_blob(s, 6, g->digest, sizeof g->digest), stmt_int(s, 7, g->at);
  return stmt_run(s);
}

/* It stays as a row: parcels that came to grief may still name it. */
enum err gift_set(struct db *db, int64_t order_id, int64_t line_no, int64_t quantity)
{
  static const char SQL[] = "UPDATE gifts SET quantity = $1 WHERE order_id = $2 AND line_no = $3";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, quantity > 0 ? quantity : 0), stmt_int(s, 2, order_id), stmt_int(s, 3, line_no);
  return stmt_run(s);
}

enum err gifts_of_order(struct db *db, struct arena *a, int64_t order_id, struct gift **list, size_t *n)
{
  static const char SQL[] =
    "SELECT line_no, quantity, at, sku, rule, digest FROM gifts WHERE order_id = $1 ORDER BY line_no LIMIT $2";
  struct stmt *s = db_stmt(db, SQL);
  *list = NULL, *n = 0;
  stmt_int(s, 1, order_id), stmt_int(s, 2, GIFTS_MAX);
  while (stmt_row(s)) {
    if (!*list) *list = arena_array(a, struct gift, GIFTS_MAX);
    struct gift *g = &(*list)[(*n)++];
    size_t size;
    *g = (struct gift){ order_id,
                        stmt_col_int(s, 0),
                        stmt_col_int(s, 1),
                        stmt_col_int(s, 2),
                        stmt_col_copy(s, 3, a),
                        stmt_col_copy(s, 4, a),
                        { 0 } };
    const void *digest = stmt_col_blob(s, 5, &size);
    if (digest && size == sizeof g->digest) memcpy(g->digest, digest, size);
  }
  return stmt_end(s);
}

enum err row_gifts(struct db *db, struct jw *w, int64_t order_id)
{
  struct arena a = { 0 };
  struct gift *g;
  size_t n;
  bool any = false;
  enum err e = gifts_of_order(db, &a, order_id, &g, &n);
  for (size_t i = 0; !e && i < n; i++) {
    char version[RULE_VERSION + 1];
    if (!g[i].quantity) continue;
    if (!any) jw_key(w, "gifts"), jw_array(w);
    any = true;
    digest_shown(g[i].digest, version);
    jw_object(w), jw_kint(w, "line_no", g[i].line_no), jw_kstring(w, "sku", g[i].sku);
    jw_kint(w, "quantity", g[i].quantity), jw_kstring(w, "rule", g[i].rule),
      jw_kstring(w, "version", version);
    jw_object_end(w);
  }
  if (any) jw_array_end(w);
  arena_release(&a);
  return e;
}
