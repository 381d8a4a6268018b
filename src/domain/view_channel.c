/* view_channel.c: channels, and how asking them goes. */
#include "domain.h"

enum {
  C_ID,
  C_NAME,
  C_FAMILY,
  C_CREATED,
  C_ORDERS,
  C_FAILED,
  C_CONNECTOR,
  C_PAUSED,
  C_WATERMARK,
  C_SWEPT,
  C_RUN,
  C_OK,
  C_FAILURES,
  C_OPEN,
  C_SKEW,
  C_RECEIVED,
  C_MISSES,
  C_ERROR
};
#define CHANNEL_SELECT \
  "SELECT c.id, c.name, c.family, c.created_at, (SELECT count(*) FROM orders o WHERE o.channel_id = c.id)," \
  " (SELECT count(*) FROM payloads f WHERE f.state <> 'applied' AND f.state = 'failed' AND f.channel_id = c.id)," \
  " p.connector, p.paused, p.watermark, p.swept_at, p.run_at, p.ok_at, p.failures, p.open_until, p.skew_ms," \
  " p.received, p.misses, p.error FROM channels c LEFT JOIN polls p ON p.channel_id = c.id"

static void poll_fields(struct jw *w, struct stmt *s, view_more_fn *more, void *arg)
{
  const char *error = stmt_col_text(s, C_ERROR);
  jw_kbool(w, "paused", stmt_col_int(s, C_PAUSED) != 0);
  jw_ktime(w, "watermark", stmt_col_int(s, C_WATERMARK));
  jw_ktime(w, "last_run_at", stmt_col_int(s, C_RUN)), jw_ktime(w, "last_ok_at", stmt_col_int(s, C_OK));
  jw_ktime(w, "swept_at", stmt_col_int(s, C_SWEPT));
  jw_kint(w, "received", stmt_col_int(s, C_RECEIVED)), jw_kint(w, "misses", stmt_col_int(s, C_MISSES));
  jw_kint(w, "failures", stmt_col_int(s, C_FAILURES)), jw_kint(w, "skew_ms", stmt_col_int(s, C_SKEW));
  jw_key(w, "error");
  if (error) jw_raw(w, error, strlen(error));
  else jw_null(w);
  if (more) more(arg, w, stmt_col_text(s, C_NAME));
}

static void channel_fields(struct jw *w, struct stmt *s, view_more_fn *more, void *arg)
{
  const char *connector = stmt_col_text(s, C_CONNECTOR);
  jw_kstring(w, "name", stmt_col_text(s, C_NAME)), jw_kstring(w, "family", stmt_col_text(s, C_FAMILY));
  jw_ktime(w, "created_at", stmt_col_int(s, C_CREATED));
  jw_kint(w, "orders", stmt_col_int(s, C_ORDERS)), jw_kint(w, "failed_payloads", stmt_col_int(s, C_FAILED));
  jw_kstring(w, "connector", connector);
  jw_key(w, "poll");
  if (!connector) {
    jw_null(w);
    return;
  }
  jw_object(w);
  poll_fields(w, s, more, arg);
  jw_object_end(w);
}

enum err view_channels(struct db *db, view_more_fn *more, void *arg, struct jw *w)
{
  static const char SQL[] = CHANNEL_SELECT " ORDER BY c.id";
  struct stmt *s = db_stmt(db, SQL);
  while (stmt_row(s)) {
    jw_object(w);
    channel_fields(w, s, more, arg);
    jw_object_end(w);
  }
  return stmt_end(s);
}

/* Newest first. */
static enum err runs_put(struct db *db, int64_t channel_id, struct jw *w)
{
  static const char SQL[] =
    "SELECT kind, began_at, ended_at, from_at, until_at, calls, pages, received, created, updated, failed, misses, error"
    " FROM poll_runs WHERE channel_id = $1 ORDER BY id DESC LIMIT 20";
  static const char *const numbers[] = { "calls",   "pages",  "received", "created",
                                         "updated", "failed", "misses" };
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, channel_id);
  while (stmt_row(s)) {
    const char *error = stmt_col_text(s, 12);
    jw_object(w);
    jw_kstring(w, "kind", stmt_col_text(s, 0));
    jw_ktime(w, "began_at", stmt_col_int(s, 1)), jw_ktime(w, "ended_at", stmt_col_int(s, 2));
    jw_ktime(w, "from", stmt_col_int(s, 3)), jw_ktime(w, "until", stmt_col_int(s, 4));
    for (int i = 0; i < (int)COUNT(numbers); i++) jw_kint(w, numbers[i], stmt_col_int(s, 5 + i));
    jw_key(w, "error");
    if (error) jw_raw(w, error, strlen(error));
    else jw_null(w);
    jw_object_end(w);
  }
  return stmt_end(s);
}

enum err view_channel(struct db *db, struct arena *a, const char *name, view_more_fn *more, void *arg,
                      struct buf *out)
{
  static const char SQL[] = CHANNEL_SELECT " WHERE c.name = $1";
  struct jw w;
  struct stmt *s = db_stmt(db, SQL);
  (void)a;
  stmt_text(s, 1, name);
  bool found = stmt_row(s);
  jw_init(&w, out), jw_object(&w);
  int64_t id = found ? stmt_col_int(s, C_ID) : 0;
  if (found) channel_fields(&w, s, more, arg);
  TRY(stmt_end(s));
  if (!found) return ERR_NOT_FOUND;
  jw_key(&w, "runs"), jw_array(&w);
  TRY(runs_put(db, id, &w));
  jw_array_end(&w), jw_object_end(&w);
  return ERR_OK;
}
