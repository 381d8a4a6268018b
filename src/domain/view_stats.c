/* view_stats.c: figures for the console. They come out of the rollup tables, which every change of an order keeps, and
 * out of small indexes: a file of a million orders answers as quickly as an empty one. */
#include "domain.h"
#include <stdio.h>

#define HOUR_MS (3600ll * 1000)
#define DAY_MS (24 * HOUR_MS)

/* ---- what stands where ------------------------------------------------------------------------------------ */
struct stand {
  int64_t orders, held, overdue;
};

static enum err stand_orders(struct db *db, const struct status_table *t, struct stand *at)
{
  static const char SQL[] = "SELECT status, sum(orders) FROM rollup_stages GROUP BY status";
  struct stmt *s = db_stmt(db, SQL);
  while (stmt_row(s)) {
    int i = status_find(t, stmt_col_text(s, 0));
    if (i >= 0) at[i].orders += stmt_col_int(s, 1);
  }
  return stmt_end(s);
}

static enum err stand_held(struct db *db, const struct status_table *t, struct stand *at)
{
  static const char SQL[] = "SELECT o.status, count(*) FROM (SELECT DISTINCT order_id FROM holds) h"
                            " JOIN orders o ON o.id = h.order_id GROUP BY o.status";
  struct stmt *s = db_stmt(db, SQL);
  while (stmt_row(s)) {
    int i = status_find(t, stmt_col_text(s, 0));
    if (i >= 0) at[i].held += stmt_col_int(s, 1);
  }
  return stmt_end(s);
}

static enum err stand_overdue(struct db *db, const struct status_table *t, struct stand *at)
{
  static const char SQL[] = "SELECT x.type, count(*) FROM exceptions x WHERE x.state = 'open'"
                            " AND x.type >= 'overdue:' AND x.type < 'overdue;' GROUP BY x.type";
  struct stmt *s = db_stmt(db, SQL);
  while (stmt_row(s)) {
    int i = status_find(t, stmt_col_text(s, 0) + strlen("overdue:"));
    if (i >= 0) at[i].overdue += stmt_col_int(s, 1);
  }
  return stmt_end(s);
}

static enum err texts_put(struct db *db, struct jw *w, const char *key, const char *sql)
{
  struct stmt *s = db_stmt(db, sql);
  jw_key(w, key), jw_array(w);
  while (stmt_row(s)) jw_string(w, stmt_col_text(s, 0));
  jw_array_end(w);
  return stmt_end(s);
}

enum err view_stats_orders(struct db *db, struct arena *a, const struct status_table *t, struct buf *out)
{
  static const char SQL_OPEN[] = "SELECT count(*) FROM exceptions WHERE state = 'open'";
  static const char SQL_CHANNELS[] = "SELECT name FROM channels ORDER BY name";
  static const char SQL_WAREHOUSES[] = "SELECT code FROM warehouses ORDER BY code";
  struct stand *at = arena_array(a, struct stand, (size_t)t->stages + 1);
  struct stand all = { 0 };
  struct jw w;
  TRY(stand_orders(db, t, at));
  TRY(stand_held(db, t, at));
  TRY(stand_overdue(db, t, at));
  jw_init(&w, out), jw_object(&w), jw_key(&w, "statuses"), jw_array(&w);
  for (int i = 0; i < t->stages; i++) {
    jw_object(&w), jw_kstring(&w, "status", t->stage[i].name), jw_kint(&w, "orders", at[i].orders);
    jw_kint(&w, "held", at[i].held), jw_kint(&w, "overdue", at[i].overdue), jw_object_end(&w);
    if (!t->stage[i].terminal) all.orders += at[i].orders;
    all.held += at[i].held, all.overdue += at[i].overdue;
  }
  jw_array_end(&w);
  struct stmt *s = db_stmt(db, SQL_OPEN);
  int64_t exceptions = stmt_row(s) ? stmt_col_int(s, 0) : 0;
  TRY(stmt_end(s));
  jw_kint(&w, "open", all.orders), jw_kint(&w, "held", all.held), jw_kint(&w, "overdue", all.overdue);
  jw_kint(&w, "exceptions", exceptions);
  TRY(texts_put(db, &w, "channels", SQL_CHANNELS));
  TRY(texts_put(db, &w, "warehouses", SQL_WAREHOUSES));
  jw_object_end(&w);
  return ERR_OK;
}

/* ---- backlog: how long they stand there ------------------------------------------------------------------- */
static const int age_hours[] = { 0, 4, 24, 48, 72 };
#define AGES ((int)COUNT(age_hours))

static void span_put(struct jw *w, int64_t from, int64_t to, int64_t orders) /* to < 0: no end */
{
  jw_object(w), jw_kint(w, "from_hours", from), jw_key(w, "to_hours");
  if (to < 0) jw_null(w);
  else jw_int(w, to);
  jw_kint(w, "orders", orders), jw_object_end(w);
}

static enum err ages_put(struct db *db, struct jw *w, const char *status, int64_t now_ms)
{
  static const char SQL[] = "SELECT hour, orders FROM rollup_stages WHERE status = $1 AND orders <> 0";
  int64_t orders[AGES] = { 0 };
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, status);
  while (stmt_row(s)) {
    int64_t age = now_ms / HOUR_MS - stmt_col_int(s, 0);
    int i = AGES - 1;
    while (i && age < age_hours[i]) i--;
    orders[i] += stmt_col_int(s, 1);
  }
  jw_key(w, "ages"), jw_array(w);
  for (int i = 0; i < AGES; i++) span_put(w, age_hours[i], i + 1 < AGES ? age_hours[i + 1] : -1, orders[i]);
  jw_array_end(w);
  return stmt_end(s);
}

enum err view_stats_backlog(struct db *db, const struct status_table *t, int64_t now_ms, struct buf *out)
{
  struct jw w;
  jw_init(&w, out), jw_object(&w), jw_key(&w, "data"), jw_array(&w);
  for (int i = 0; i < t->stages; i++) {
    const struct stage *g = &t->stage[i];
    if (g->terminal) continue;
    jw_object(&w), jw_kstring(&w, "status", g->name), jw_kstring(&w, "owner", *g->owner ? g->owner : NULL);
    TRY(ages_put(db, &w, g->name, now_ms));
    jw_object_end(&w);
  }
  jw_array_end(&w), jw_object_end(&w);
  return ERR_OK;
}

/* ---- what came in ------------------------------------------------------------------------------------------- */
static void window_begin(struct jw *w, struct buf *out, int64_t from, int64_t to)
{
  jw_init(w, out), jw_object(w), jw_ktime(w, "from", from), jw_ktime(w, "to", to);
}

enum err view_stats_flow(struct db *db, int64_t from, int64_t to, struct buf *out)
{
  static const char SQL[] =
    "SELECT r.hour, c.name, r.orders FROM rollup_hours r JOIN channels c ON c.id = r.channel_id"
    " WHERE r.hour >= $1 AND r.hour < $2 AND r.orders > 0 ORDER BY r.hour, c.name";
  struct jw w;
  window_begin(&w, out, from, to);
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, from / HOUR_MS), stmt_int(s, 2, (to + HOUR_MS - 1) / HOUR_MS);
  jw_key(&w, "data"), jw_array(&w);
  while (stmt_row(s)) {
    jw_object(&w), jw_ktime(&w, "at", stmt_col_int(s, 0) * HOUR_MS),
      jw_kstring(&w, "channel", stmt_col_text(s, 1));
    jw_kint(&w, "orders", stmt_col_int(s, 2)), jw_object_end(&w);
  }
  jw_array_end(&w), jw_object_end(&w);
  return stmt_end(s);
}

/* ---- exceptions ------------------------------------------------------------------------------------------------ */
enum err view_stats_exceptions(struct db *db, int64_t from, int64_t to, struct buf *out)
{
  static const char SQL[] = "SELECT type, sum(CASE WHEN state = 'open' THEN 1 ELSE 0 END),"
                            " sum(CASE WHEN since >= $1 AND since < $2 THEN 1 ELSE 0 END),"
                            " sum(CASE WHEN resolved_at >= $3 AND resolved_at < $4 THEN 1 ELSE 0 END)"
                            " FROM exceptions GROUP BY type ORDER BY 3 DESC, 2 DESC, type";
  struct jw w;
  window_begin(&w, out, from, to);
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, from), stmt_int(s, 2, to), stmt_int(s, 3, from), stmt_int(s, 4, to);
  jw_key(&w, "data"), jw_array(&w);
  while (stmt_row(s)) {
    if (!stmt_col_int(s, 1) && !stmt_col_int(s, 2) && !stmt_col_int(s, 3)) continue;
    jw_object(&w), jw_kstring(&w, "type", stmt_col_text(s, 0)), jw_kint(&w, "open", stmt_col_int(s, 1));
    jw_kint(&w, "opened", stmt_col_int(s, 2)), jw_kint(&w, "resolved", stmt_col_int(s, 3)), jw_object_end(&w);
  }
  jw_array_end(&w), jw_object_end(&w);
  return stmt_end(s);
}

/* ---- lead times ------------------------------------------------------------------------------------------------ */
static const int lead_ends[] = {
#define X(hours) hours,
  LEAD_MAP(X)
#undef X
};
#define LEADS ((int)COUNT(lead_ends) + 1)

double lead_quantile(const int64_t *orders, int buckets, double q)
{
  int64_t all = 0, below = 0;
  for (int i = 0; i < buckets; i++) all += orders[i];
  if (!all) return -1;
  double want = q * (double)all;
  for (int i = 0; i < buckets; i++) {
    double from = i ? lead_ends[i - 1] : 0;
    if ((double)(below + orders[i]) >= want && orders[i]) {
      if (i >= (int)COUNT(lead_ends)) return from; /* at least */
      return from + (lead_ends[i] - from) * (want - (double)below) / (double)orders[i];
    }
    below += orders[i];
  }
  return lead_ends[COUNT(lead_ends) - 1];
}

static void hours_put(struct jw *w, const char *key, double hours)
{
  char text[32];
  jw_key(w, key);
  if (hours < 0) jw_null(w);
  else jw_raw(w, text, (size_t)snprintf(text, sizeof text, "%.1f", hours));
}

enum err view_stats_leads(struct db *db, const char *channel, int64_t from, int64_t to, struct buf *out)
{
  static const char SQL[] =
    "SELECT r.bucket, sum(r.orders) FROM rollup_leads r JOIN channels c ON c.id = r.channel_id"
    " WHERE r.day >= $1 AND r.day < $2 AND ($3 IS NULL OR c.name = $4) GROUP BY r.bucket";
  int64_t orders[LEADS] = { 0 }, all = 0;
  struct jw w;
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, from / DAY_MS), stmt_int(s, 2, (to + DAY_MS - 1) / DAY_MS), stmt_text(s, 3, channel),
    stmt_text(s, 4, channel);
  while (stmt_row(s)) {
    int64_t i = stmt_col_int(s, 0);
    if (i >= 0 && i < LEADS) orders[i] += stmt_col_int(s, 1), all += stmt_col_int(s, 1);
  }
  TRY(stmt_end(s));
  window_begin(&w, out, from, to);
  jw_kint(&w, "orders", all);
  hours_put(&w, "p50_hours", lead_quantile(orders, LEADS, 0.5));
  hours_put(&w, "p90_hours", lead_quantile(orders, LEADS, 0.9));
  jw_key(&w, "data"), jw_array(&w);
  for (int i = 0; i < LEADS; i++)
    span_put(&w, i ? lead_ends[i - 1] : 0, i + 1 < LEADS ? lead_ends[i] : -1, orders[i]);
  jw_array_end(&w), jw_object_end(&w);
  return ERR_OK;
}
