/* Groups of orders that are handled and shipped together, what people decided about pairs, and proposals. */
#include "domain.h"
#include <stdio.h>

static const char SQL_GET[] =
  "SELECT coalesce(nullif(from_at, 0), (SELECT min(placed_at) FROM orders WHERE group_id = groups.id), 0),"
  " coalesce(locked_at, 0), version, state, key FROM groups WHERE id = $1";

enum err group_get(struct db *db, struct arena *a, int64_t id, struct group *out)
{
  struct stmt *s = db_stmt(db, SQL_GET);
  stmt_int(s, 1, id);
  if (!stmt_row(s)) {
    enum err e = stmt_end(s);
    return e ? e : ERR_NOT_FOUND;
  }
  *out = (struct group){ .id = id,
                         .from_at = stmt_col_int(s, 0),
                         .locked_at = stmt_col_int(s, 1),
                         .version = stmt_col_int(s, 2),
                         .state = stmt_col_copy(s, 3, a),
                         .key = stmt_col_copy(s, 4, a) };
  return stmt_end(s);
}

static const char SQL_INSERT[] =
  "INSERT INTO groups (id, state, key, from_at, version) VALUES ($1, 'open', $2, $3, 1)";

/* Most groups have one order, and that knows when it was placed. */
static int64_t from_kept(const char *state, const char *key, int64_t from_at)
{
  return key || strcmp(state, "open") ? from_at : 0;
}

enum err group_insert(struct db *db, int64_t id, const char *key, int64_t from_at)
{
  struct stmt *s = db_stmt(db, SQL_INSERT);
  stmt_int(s, 1, id), stmt_text(s, 2, key), stmt_int(s, 3, from_kept("open", key, from_at));
  return stmt_run(s);
}

static const char SQL_UPDATE[] =
  "UPDATE groups SET state = $1, key = $2, from_at = $3, version = version + 1 WHERE id = $4 AND state <> 'locked'";

enum err group_update(struct db *db, int64_t id, const char *state, const char *key, int64_t from_at)
{
  struct stmt *s = db_stmt(db, SQL_UPDATE);
  stmt_text(s, 1, state), stmt_text(s, 2, key), stmt_int(s, 3, from_kept(state, key, from_at)),
    stmt_int(s, 4, id);
  TRY(stmt_run(s));
  return db_changes(db) == 1 ? ERR_OK : ERR_CONFLICT;
}

static const char SQL_LOCK[] =
  "UPDATE groups SET state = 'locked', locked_at = $1, version = version + 1 WHERE id = $2 AND state = 'open'";

enum err group_lock(struct db *db, int64_t id, int64_t now_ms, bool *was_open)
{
  struct stmt *s = db_stmt(db, SQL_LOCK);
  stmt_int(s, 1, now_ms), stmt_int(s, 2, id);
  TRY(stmt_run(s));
  *was_open = db_changes(db) == 1;
  return ERR_OK;
}

static void pair_order(int64_t *a, int64_t *b)
{
  int64_t low = *a < *b ? *a : *b, high = *a < *b ? *b : *a;
  must(low != high);
  *a = low, *b = high;
}

static const char SQL_DECIDE[] =
  "INSERT INTO merge_decisions (order_a, order_b, verdict, actor, at) VALUES ($1, $2, $3, $4, $5)"
  " ON CONFLICT (order_a, order_b) DO UPDATE SET verdict = excluded.verdict, actor = excluded.actor, at = excluded.at";

enum err group_decide(struct db *db, int64_t a, int64_t b, const char *verdict, const char *actor,
                      int64_t now_ms)
{
  struct stmt *s = db_stmt(db, SQL_DECIDE);
  pair_order(&a, &b);
  stmt_int(s, 1, a), stmt_int(s, 2, b), stmt_text(s, 3, verdict), stmt_text(s, 4, actor),
    stmt_int(s, 5, now_ms);
  return stmt_run(s);
}

static const char SQL_DECIDED[] =
  "SELECT verdict, actor FROM merge_decisions WHERE order_a = $1 AND order_b = $2";

static int said_of(const char *verdict, const char *actor)
{
  bool together = verdict[0] == 't', platform = !strncmp(actor, PLATFORM_ACTOR, strlen(PLATFORM_ACTOR));
  if (platform) return together ? PLATFORM_TOGETHER : PLATFORM_APART;
  return together ? SAID_TOGETHER : SAID_APART;
}

int group_decided(struct db *db, int64_t a, int64_t b)
{
  struct stmt *s = db_stmt(db, SQL_DECIDED);
  pair_order(&a, &b);
  stmt_int(s, 1, a), stmt_int(s, 2, b);
  int said = stmt_row(s) ? said_of(stmt_col_text(s, 0), stmt_col_text(s, 1)) : SAID_NOTHING;
  stmt_end(s);
  return said;
}

static const char SQL_TIES[] =
  "SELECT order_b, verdict, actor FROM merge_decisions WHERE order_a = $1"
  " UNION ALL SELECT order_a, verdict, actor FROM merge_decisions WHERE order_b = $2 ORDER BY 1 LIMIT $3";

size_t group_ties(struct db *db, int64_t order_id, int64_t *others, int *verdicts, size_t max)
{
  struct stmt *s = db_stmt(db, SQL_TIES);
  size_t n = 0;
  stmt_int(s, 1, order_id), stmt_int(s, 2, order_id), stmt_int(s, 3, (int64_t)max);
  for (; n < max && stmt_row(s); n++)
    others[n] = stmt_col_int(s, 0), verdicts[n] = said_of(stmt_col_text(s, 1), stmt_col_text(s, 2));
  stmt_end(s);
  return n;
}

enum err group_decide_platform(struct db *db, int64_t a, int64_t b, bool together, const char *family,
                               int64_t now_ms, bool *changed)
{
  char actor[96];
  int was = group_decided(db, a, b), is = together ? PLATFORM_TOGETHER : PLATFORM_APART;
  *changed = was != is && was != SAID_TOGETHER && was != SAID_APART;
  if (!*changed) return ERR_OK;
  snprintf(actor, sizeof actor, "%s%s", PLATFORM_ACTOR, family);
  return group_decide(db, a, b, together ? "together" : "apart", actor, now_ms);
}

enum err group_forget_platform(struct db *db, int64_t order_id, int64_t *forgotten)
{
  static const char SQL[] = "DELETE FROM merge_decisions WHERE (order_a = $1 OR order_b = $1) AND actor >= $2"
                            " AND actor < $3";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, order_id), stmt_text(s, 2, PLATFORM_ACTOR), stmt_text(s, 3, "platform;");
  TRY(stmt_run(s));
  *forgotten = db_changes(db);
  return ERR_OK;
}

enum err merge_asked_get(struct db *db, int64_t order_id, int64_t *content)
{
  static const char SQL[] = "SELECT content FROM merge_asked WHERE order_id = $1";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, order_id);
  bool found = stmt_row(s);
  if (found) *content = stmt_col_int(s, 0);
  TRY(stmt_end(s));
  return found ? ERR_OK : ERR_NOT_FOUND;
}

enum err merge_asked_put(struct db *db, int64_t order_id, int64_t content, int64_t now_ms)
{
  static const char SQL[] =
    "INSERT INTO merge_asked (order_id, content, at) VALUES ($1, $2, $3)"
    " ON CONFLICT (order_id) DO UPDATE SET content = excluded.content, at = excluded.at";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, order_id), stmt_int(s, 2, content), stmt_int(s, 3, now_ms);
  return stmt_run(s);
}

static const char SQL_PROPOSE[] =
  "INSERT INTO merge_proposals (order_a, order_b, code, since) VALUES ($1, $2, $3, $4) ON CONFLICT (order_a, order_b) DO NOTHING";

enum err group_propose(struct db *db, int64_t a, int64_t b, const char *code, int64_t now_ms, bool *is_new)
{
  struct stmt *s = db_stmt(db, SQL_PROPOSE);
  pair_order(&a, &b);
  stmt_int(s, 1, a), stmt_int(s, 2, b), stmt_text(s, 3, code), stmt_int(s, 4, now_ms);
  TRY(stmt_run(s));
  *is_new = db_changes(db) == 1;
  return ERR_OK;
}

static const char SQL_PROPOSED[] = "SELECT 1 FROM merge_proposals WHERE order_a = $1 AND order_b = $2";

bool group_proposed(struct db *db, int64_t a, int64_t b)
{
  struct stmt *s = db_stmt(db, SQL_PROPOSED);
  pair_order(&a, &b);
  stmt_int(s, 1, a), stmt_int(s, 2, b);
  bool is = stmt_row(s);
  stmt_end(s);
  return is;
}

static const char SQL_UNPROPOSE[] = "DELETE FROM merge_proposals WHERE order_a = $1 AND order_b = $2";
static const char SQL_UNPROPOSE_ALL[] = "DELETE FROM merge_proposals WHERE order_a = $1";
static const char SQL_UNPROPOSE_ALL_B[] = "DELETE FROM merge_proposals WHERE order_b = $1";

enum err group_unpropose(struct db *db, int64_t a, int64_t b)
{
  if (!b) { /* all of a */
    struct stmt *s = db_stmt(db, SQL_UNPROPOSE_ALL);
    stmt_int(s, 1, a);
    TRY(stmt_run(s));
    s = db_stmt(db, SQL_UNPROPOSE_ALL_B);
    stmt_int(s, 1, a);
    return stmt_run(s);
  }
  struct stmt *s = db_stmt(db, SQL_UNPROPOSE);
  pair_order(&a, &b);
  stmt_int(s, 1, a), stmt_int(s, 2, b);
  return stmt_run(s);
}
