/* outbox.c: what is to be done outside, written with its cause (domain 6.4). In order per destination and subject, one
 * under way each:
 *
 *   waiting ──intent──► sending ──► done
 *      ▲ ▲                │ │
 *      │ └──try later─────┘ ├──► dead ──by a person──► waiting, or unknown
 *      │                    ▼     ▲
 *      └──it is not there── unknown ──► done                waiting, dead ──no longer wanted──► dropped
 *
 * What was sending when the process ended is unknown: the other side is asked before any new try, unless it takes the
 * same thing twice without harm. */
#include "domain.h"

#define OPEN "(state = 'waiting' OR state = 'sending' OR state = 'unknown')"

/* Of one article only the newest push waits: what would wait beside it is dropped instead. */
#define STOCK_BESIDE \
  "EXISTS (SELECT 1 FROM effects AS w WHERE w.destination = effects.destination AND w.subject = effects.subject" \
  " AND w.kind = 'stock' AND w.state = 'waiting')"
static const char SUPERSEDED[] = "{\"kind\":\"superseded\",\"message\":\"A newer one waits\"}";

/* ---- in --------------------------------------------------------------------------------------------------------- */

static enum err stock_again(struct db *db, const char *destination, const char *subject, const char *data,
                            int64_t due_at, int64_t *id)
{
  static const char SQL[] =
    "UPDATE effects SET data = $1, due_at = CASE WHEN attempts = 0 AND due_at > $2 THEN $2 ELSE due_at END,"
    " version = version + 1 WHERE destination = $3 AND subject = $4 AND kind = 'stock' AND state = 'waiting'"
    " RETURNING id";
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, data), stmt_int(s, 2, due_at), stmt_text(s, 3, destination), stmt_text(s, 4, subject);
  *id = stmt_row(s) ? stmt_col_int(s, 0) : 0;
  return stmt_end(s);
}

enum err effect_put(struct db *db, const char *kind, const char *destination, const char *subject, bool safe,
                    const char *data, int64_t now_ms, int64_t due_at, int64_t *id)
{
  static const char SQL[] =
    "INSERT INTO effects (id, kind, destination, subject, state, safe, attempts, due_at, created_at, data, version)"
    " VALUES ($1, $2, $3, $4, 'waiting', $5, 0, $6, $7, $8, 1)";
  int64_t mine = 0;
  must(kind && destination && subject && data && data[0] == '{');
  if (!strcmp(kind, "stock")) TRY(stock_again(db, destination, subject, data, due_at, &mine));
  if (id) *id = mine;
  if (mine) return ERR_OK;
  struct stmt *s = db_stmt(db, SQL);
  mine = db_next_id(db, "effect");
  if (id) *id = mine;
  stmt_int(s, 1, mine), stmt_text(s, 2, kind), stmt_text(s, 3, destination), stmt_text(s, 4, subject);
  stmt_int(s, 5, safe), stmt_int(s, 6, due_at), stmt_int(s, 7, now_ms), stmt_text(s, 8, data);
  return stmt_run(s);
}

/* ---- look --------------------------------------------------------------------------------------------------------- */

enum err effect_get(struct db *db, struct arena *a, int64_t id, struct effect *out)
{
  static const char SQL[] =
    "SELECT id, attempts, due_at, created_at, coalesce(sent_at, 0), coalesce(ended_at, 0), version, kind, destination,"
    " subject, state, data, error, safe FROM effects WHERE id = $1";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id);
  bool found = stmt_row(s);
  if (found) {
    int64_t *const numbers[] = { &out->id,      &out->attempts, &out->due_at, &out->created_at,
                                 &out->sent_at, &out->ended_at, &out->version };
    const char **const texts[] = { &out->kind,  &out->destination, &out->subject,
                                   &out->state, &out->data,        &out->error };
    for (size_t i = 0; i < COUNT(numbers); i++) *numbers[i] = stmt_col_int(s, (int)i);
    for (size_t i = 0; i < COUNT(texts); i++) *texts[i] = stmt_col_copy(s, 7 + (int)i, a);
    out->safe = stmt_col_int(s, 13) != 0;
  }
  enum err e = stmt_end(s);
  return e ? e : found ? ERR_OK : ERR_NOT_FOUND;
}

static size_t ids_of(struct stmt *s, int64_t *ids, size_t max)
{
  size_t n = 0;
  while (n < max && stmt_row(s)) ids[n++] = stmt_col_int(s, 0);
  return stmt_end(s) ? 0 : n;
}

size_t effect_next(struct db *db, const char *destination, int64_t now_ms, int64_t *ids, size_t max)
{
  static const char SQL[] =
    "SELECT id FROM effects AS e WHERE destination = $1 AND state = 'waiting' AND due_at <= $2"
    " AND NOT EXISTS (SELECT 1 FROM effects AS b WHERE b.destination = e.destination AND b.subject = e.subject"
    " AND (b.state = 'waiting' OR b.state = 'sending' OR b.state = 'unknown')"
    " AND (b.id < e.id OR b.state <> 'waiting'))"
    " ORDER BY due_at, id LIMIT $3";
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, destination), stmt_int(s, 2, now_ms), stmt_int(s, 3, (int64_t)max);
  return ids_of(s, ids, max);
}

size_t effect_unknown(struct db *db, const char *destination, int64_t now_ms, int64_t *ids, size_t max)
{
  static const char SQL[] =
    "SELECT id FROM effects WHERE destination = $1 AND state = 'unknown' AND due_at <= $2 ORDER BY due_at, id LIMIT $3";
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, destination), stmt_int(s, 2, now_ms), stmt_int(s, 3, (int64_t)max);
  return ids_of(s, ids, max);
}

/* Due since then, so waiting for longer; one that was tried meanwhile is due later, and ends with its own next try. */
size_t effect_overdue(struct db *db, const char *destination, int64_t before_ms, int64_t *ids, size_t max)
{
  static const char SQL[] =
    "SELECT id FROM effects WHERE destination = $1 AND state = 'waiting' AND due_at < $2 ORDER BY due_at, id"
    " LIMIT $3";
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, destination), stmt_int(s, 2, before_ms), stmt_int(s, 3, (int64_t)max);
  return ids_of(s, ids, max);
}

/* The destinations are few and their effects may be many: each is found by one step in the index. */
static enum err destination_after(struct db *db, struct arena *a, const char *after, const char **name)
{
  static const char SQL[] =
    "SELECT destination FROM effects WHERE (state = 'waiting' OR state = 'unknown') AND destination > $1"
    " ORDER BY destination LIMIT 1";
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, after);
  *name = stmt_row(s) ? stmt_col_copy(s, 0, a) : NULL;
  return stmt_end(s);
}

static enum err destination_due(struct db *db, const char *name, int64_t *due_at)
{
  static const char SQL[] =
    "SELECT min(due_at) FROM effects WHERE destination = $1 AND (state = 'waiting' OR state = 'unknown')";
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, name);
  *due_at = stmt_row(s) ? stmt_col_int(s, 0) : 0;
  return stmt_end(s);
}

enum err effect_destinations(struct db *db, struct arena *a, struct effect_destination **list, size_t *n)
{
  size_t cap = 8;
  const char *name = "";
  struct effect_destination *at = arena_array(a, struct effect_destination, cap);
  for (*n = 0;; ++*n) {
    TRY(destination_after(db, a, name, &name));
    if (!name) break;
    if (*n == cap) {
      struct effect_destination *more = arena_array(a, struct effect_destination, 2 * cap);
      memcpy(more, at, cap * sizeof *at);
      at = more, cap *= 2;
    }
    at[*n].name = name;
    TRY(destination_due(db, name, &at[*n].due_at));
  }
  *list = at;
  return ERR_OK;
}

int64_t effect_count(struct db *db, const char *state)
{
  static const char SQL[] =
    "SELECT count(*) FROM effects WHERE state = $1 AND state <> 'done' AND state <> 'dropped'";
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, state);
  int64_t n = stmt_row(s) ? stmt_col_int(s, 0) : 0;
  stmt_end(s);
  return n;
}

size_t effects_in(struct db *db, const char *state, int64_t after, int64_t *ids, size_t max)
{
  static const char SQL[] =
    "SELECT id FROM effects WHERE state = $1 AND state <> 'done' AND state <> 'dropped' AND id > $2 ORDER BY id LIMIT $3";
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, state), stmt_int(s, 2, after), stmt_int(s, 3, (int64_t)max);
  return ids_of(s, ids, max);
}

bool effect_dead_any(struct db *db, const char *destination)
{
  static const char SQL[] =
    "SELECT id FROM effects WHERE state = 'dead' AND state <> 'done' AND state <> 'dropped' AND destination = $1 LIMIT 1";
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, destination);
  bool any = stmt_row(s);
  return stmt_end(s) || any;
}

enum err effects_measure(struct db *db, struct arena *a, struct effect_measure **list, size_t *n)
{
  static const char SQL[] =
    "SELECT destination, state, count(*), min(created_at) FROM effects WHERE state <> 'done' AND state <> 'dropped'"
    " GROUP BY destination, state ORDER BY destination, state LIMIT $1";
  struct stmt *s = db_stmt(db, SQL);
  *list = arena_array(a, struct effect_measure, EFFECT_MEASURES_MAX), *n = 0;
  stmt_int(s, 1, EFFECT_MEASURES_MAX);
  while (*n < EFFECT_MEASURES_MAX && stmt_row(s))
    (*list)[(*n)++] = (struct effect_measure){ stmt_col_copy(s, 0, a), stmt_col_copy(s, 1, a),
                                               stmt_col_int(s, 2), stmt_col_int(s, 3) };
  return stmt_end(s);
}

/* ---- out ----------------------------------------------------------------------------------------------------------- */

static enum err changed_one(struct db *db, struct stmt *s)
{
  TRY(stmt_run(s));
  return db_changes(db) ? ERR_OK : ERR_CONFLICT;
}

enum err effect_intent(struct db *db, int64_t id, int64_t now_ms)
{
  static const char SQL[] =
    "UPDATE effects SET state = 'sending', attempts = attempts + 1, sent_at = $1, version = version + 1"
    " WHERE id = $2 AND state = 'waiting'";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, now_ms), stmt_int(s, 2, id);
  return changed_one(db, s);
}

enum err effect_fix(struct db *db, int64_t id, const char *data)
{
  static const char SQL[] = "UPDATE effects SET data = $1, version = version + 1 WHERE id = $2";
  struct stmt *s = db_stmt(db, SQL);
  must(data && data[0] == '{');
  stmt_text(s, 1, data), stmt_int(s, 2, id);
  TRY(stmt_run(s));
  return db_changes(db) ? ERR_OK : ERR_NOT_FOUND;
}

enum err effect_ask(struct db *db, int64_t id, int64_t again_at)
{
  static const char SQL[] =
    "UPDATE effects SET due_at = $1, version = version + 1 WHERE id = $2 AND state = 'unknown'";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, again_at), stmt_int(s, 2, id);
  return changed_one(db, s);
}

enum err effect_settle(struct db *db, int64_t id, const char *state, const char *error, int64_t due_at,
                       int64_t now_ms)
{
  static const char SQL_OPEN[] =
    "UPDATE effects SET state = CASE WHEN $1 = 'waiting' AND kind = 'stock' AND " STOCK_BESIDE
    " THEN 'dropped' ELSE $1 END, error = $2, due_at = $3, version = version + 1"
    " WHERE id = $4 AND (state = 'sending' OR state = 'unknown') RETURNING state";
  static const char SQL_END[] =
    "UPDATE effects SET state = $1, error = $2, ended_at = $3, version = version + 1"
    " WHERE id = $4 AND (state = 'sending' OR state = 'unknown') RETURNING state";
  bool stays = !strcmp(state, "waiting") || !strcmp(state, "unknown");
  struct stmt *s = db_stmt(db, stays ? SQL_OPEN : SQL_END);
  stmt_text(s, 1, state), stmt_text(s, 2, error), stmt_int(s, 3, stays ? due_at : now_ms), stmt_int(s, 4, id);
  bool found = stmt_row(s);
  bool beside = found && stays && !strcmp(stmt_col_text(s, 0), "dropped");
  TRY(stmt_end(s));
  if (!found) return ERR_CONFLICT;
  return beside ? effect_superseded(db, id, now_ms) : ERR_OK;
}

enum err effect_superseded(struct db *db, int64_t id, int64_t now_ms)
{
  static const char SQL[] =
    "UPDATE effects SET state = 'dropped', error = $1, ended_at = $2, version = version + 1"
    " WHERE id = $3 AND state <> 'done'";
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, SUPERSEDED), stmt_int(s, 2, now_ms), stmt_int(s, 3, id);
  return changed_one(db, s);
}

enum err effect_dead(struct db *db, int64_t id, const char *error, int64_t now_ms)
{
  static const char SQL[] =
    "UPDATE effects SET state = 'dead', error = coalesce($1, error), ended_at = $2, version = version + 1"
    " WHERE id = $3 AND " OPEN;
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, error), stmt_int(s, 2, now_ms), stmt_int(s, 3, id);
  return changed_one(db, s);
}

enum err effect_again(struct db *db, int64_t id, int64_t now_ms)
{
  static const char SQL_BESIDE[] =
    "SELECT id FROM effects WHERE id = $1 AND state = 'dead' AND kind = 'stock' AND " STOCK_BESIDE;
  static const char SQL[] =
    "UPDATE effects SET state = 'waiting', attempts = 0, created_at = $1, due_at = $1,"
    " ended_at = NULL, version = version + 1 WHERE id = $2 AND state = 'dead'";
  struct stmt *s = db_stmt(db, SQL_BESIDE);
  stmt_int(s, 1, id);
  bool beside = stmt_row(s);
  TRY(stmt_end(s));
  if (beside) return effect_superseded(db, id, now_ms);
  s = db_stmt(db, SQL);
  stmt_int(s, 1, now_ms), stmt_int(s, 2, id);
  return changed_one(db, s);
}

enum err effect_hurry(struct db *db, int64_t id, int64_t now_ms)
{
  static const char SQL[] = "UPDATE effects SET due_at = $1, version = version + 1 WHERE id = $2"
                            " AND (state = 'waiting' OR state = 'unknown')";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, now_ms), stmt_int(s, 2, id);
  return changed_one(db, s);
}

enum err effect_ask_again(struct db *db, int64_t id, int64_t now_ms)
{
  static const char SQL[] =
    "UPDATE effects SET state = 'unknown', created_at = $1, due_at = $1, ended_at = NULL,"
    " version = version + 1 WHERE id = $2 AND state = 'dead'";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, now_ms), stmt_int(s, 2, id);
  return changed_one(db, s);
}

enum err effect_drop(struct db *db, int64_t id, int64_t now_ms)
{
  static const char SQL[] = "UPDATE effects SET state = 'dropped', ended_at = $1, version = version + 1"
                            " WHERE id = $2 AND (state = 'waiting' OR state = 'unknown' OR state = 'dead')";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, now_ms), stmt_int(s, 2, id);
  return changed_one(db, s);
}

/* ---- house-keeping --------------------------------------------------------------------------------------------------- */

enum err effects_recover(struct db *db, int64_t now_ms, int64_t *n)
{
  static const char SQL[] =
    "UPDATE effects SET state = CASE WHEN safe = 0 THEN 'unknown' WHEN kind = 'stock' AND " STOCK_BESIDE
    " THEN 'dropped' ELSE 'waiting' END, due_at = $1, ended_at = CASE WHEN kind = 'stock' AND " STOCK_BESIDE
    " THEN $1 ELSE NULL END, version = version + 1 WHERE state = 'sending'";
  /* Whoever was just being asked about them, the answer is lost, and when to ask next stood for that one. */
  static const char SQL_ASKED[] =
    "UPDATE effects SET due_at = $1, version = version + 1 WHERE state = 'unknown' AND due_at > $1";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, now_ms);
  TRY(stmt_run(s));
  *n = db_changes(db);
  s = db_stmt(db, SQL_ASKED);
  stmt_int(s, 1, now_ms);
  return stmt_run(s);
}

/* Ids grow with time, so the walk ends where all are too young; a few were made young again by a person. */
enum err effects_prune(struct db *db, int64_t before_ms, int limit, bool *left)
{
  static const char SQL_OLD[] =
    "SELECT id, created_at < $1, ended_at < $1 AND (state = 'done' OR state = 'dropped') FROM effects ORDER BY id";
  static const char SQL[] = "DELETE FROM effects WHERE id = $1";
  enum { AT_ONCE = 500, YOUNG_MOST = 200 };
  int64_t ids[AT_ONCE];
  size_t n = 0, most = limit < AT_ONCE ? (size_t)limit : AT_ONCE;
  struct stmt *s = db_stmt(db, SQL_OLD);
  stmt_int(s, 1, before_ms);
  for (int young = 0; young < YOUNG_MOST && n < most && stmt_row(s);)
    if (!stmt_col_int(s, 1)) young++;
    else if (stmt_col_int(s, 2)) ids[n++] = stmt_col_int(s, 0);
  TRY(stmt_end(s));
  *left = n == most;
  for (size_t i = 0; i < n; i++) {
    s = db_stmt(db, SQL);
    stmt_int(s, 1, ids[i]);
    TRY(stmt_run(s));
  }
  return ERR_OK;
}
