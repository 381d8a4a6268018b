/* exception.c: what a person has to look at. One is open per type and thing at most. */
#include "domain.h"

static void bind_id(struct stmt *s, int at, int64_t id)
{
  if (id) stmt_int(s, at, id);
  else stmt_null(s, at);
}

/* One row of one number, or 0. */
static enum err one_id(struct stmt *s, int64_t *id)
{
  *id = stmt_row(s) ? stmt_col_int(s, 0) : 0;
  return stmt_end(s);
}

static const char SQL_OPEN_ORDER[] =
  "SELECT id FROM exceptions WHERE state = 'open' AND order_id = $1 AND type = $2";
static const char SQL_OPEN_PAYLOAD[] =
  "SELECT id FROM exceptions WHERE state = 'open' AND payload_id = $1 AND type = $2";
static const char SQL_OPEN_CHANNEL[] =
  "SELECT id FROM exceptions WHERE state = 'open' AND coalesce(channel_id, 0) = $1 AND type = $2"
  " AND order_id IS NULL AND payload_id IS NULL LIMIT 1";

/* The open one of this type for the same thing: the order, else the payload, the channel, the whole. */
static enum err exception_same(struct db *db, const char *type, int64_t order_id, int64_t payload_id,
                               int64_t channel_id, int64_t *id)
{
  const char *sql = order_id ? SQL_OPEN_ORDER : payload_id ? SQL_OPEN_PAYLOAD : SQL_OPEN_CHANNEL;
  struct stmt *s = db_stmt(db, sql);
  stmt_int(s, 1, order_id ? order_id : payload_id ? payload_id : channel_id), stmt_text(s, 2, type);
  TRY(one_id(s, id));
  if (*id || !order_id || !payload_id) return ERR_OK;
  s = db_stmt(db, SQL_OPEN_PAYLOAD); /* the table's indexes guard both */
  stmt_int(s, 1, payload_id), stmt_text(s, 2, type);
  return one_id(s, id);
}

enum err exception_open(struct db *db, const char *type, int64_t order_id, int64_t payload_id,
                        int64_t channel_id, const char *owner, int64_t now_ms, const char *data, int64_t *id,
                        bool *is_new)
{
  static const char SQL[] =
    "INSERT INTO exceptions (id, type, order_id, payload_id, channel_id, state, since, owner, data, version)"
    " VALUES ($1, $2, $3, $4, $5, 'open', $6, $7, $8, 1)";
  int64_t known;
  TRY(exception_same(db, type, order_id, payload_id, channel_id, &known));
  if (is_new) *is_new = !known;
  int64_t mine = known ? known : db_next_id(db, "exception");
  if (id) *id = mine;
  if (known) return ERR_OK;
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, mine), stmt_text(s, 2, type);
  bind_id(s, 3, order_id), bind_id(s, 4, payload_id), bind_id(s, 5, channel_id);
  stmt_int(s, 6, now_ms), stmt_text(s, 7, owner), stmt_text(s, 8, data ? data : "{}");
  return stmt_run(s);
}

enum err exception_get(struct db *db, struct arena *a, int64_t id, struct exception *out)
{
  static const char SQL[] =
    "SELECT id, order_id, payload_id, channel_id, version, type, state, owner FROM exceptions WHERE id = $1";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id);
  bool found = stmt_row(s);
  if (found) {
    out->id = stmt_col_int(s, 0), out->order_id = stmt_col_int(s, 1), out->payload_id = stmt_col_int(s, 2);
    out->channel_id = stmt_col_int(s, 3), out->version = stmt_col_int(s, 4);
    out->type = stmt_col_copy(s, 5, a), out->state = stmt_col_copy(s, 6, a),
    out->owner = stmt_col_copy(s, 7, a);
  }
  enum err e = stmt_end(s);
  return e ? e : found ? ERR_OK : ERR_NOT_FOUND;
}

/* Nothing was changed: because there is no such exception, or because it is no longer open. */
static enum err exception_missed(struct db *db, int64_t id)
{
  static const char SQL[] = "SELECT id FROM exceptions WHERE id = $1";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id);
  int64_t found;
  TRY(one_id(s, &found));
  return found ? ERR_CONFLICT : ERR_NOT_FOUND;
}

enum err exception_resolve(struct db *db, int64_t id, const char *by, const char *note, int64_t now_ms)
{
  static const char SQL[] =
    "UPDATE exceptions SET state = 'resolved', resolved_at = $1, resolved_by = $2, note = $3,"
    " version = version + 1"
    " WHERE id = $4 AND state = 'open'";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, now_ms), stmt_text(s, 2, by), stmt_text(s, 3, note), stmt_int(s, 4, id);
  TRY(stmt_run(s));
  return db_changes(db) ? ERR_OK : exception_missed(db, id);
}

/* owner NULL keeps the role; giving it to a role alone takes it from the user who had it. */
enum err exception_assign(struct db *db, int64_t id, const char *owner, const char *assignee)
{
  static const char SQL[] =
    "UPDATE exceptions SET owner = coalesce($1, owner), assignee = $2, version = version + 1"
    " WHERE id = $3 AND state = 'open'";
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, owner), stmt_text(s, 2, assignee), stmt_int(s, 3, id);
  TRY(stmt_run(s));
  return db_changes(db) ? ERR_OK : exception_missed(db, id);
}

enum err exception_tell(struct db *db, int64_t id, const char *data)
{
  static const char SQL[] =
    "UPDATE exceptions SET data = $1, version = version + 1 WHERE id = $2 AND state = 'open' AND data <> $1";
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, data), stmt_int(s, 2, id);
  return stmt_run(s);
}

bool exception_waiting(struct db *db, const char *type, int64_t order_id)
{
  int64_t id = 0;
  return !exception_same(db, type, order_id, 0, 0, &id) && id;
}

#define SETTLE \
  "UPDATE exceptions SET state = 'resolved', resolved_at = $1, resolved_by = $2, version = version + 1"
static const char SQL_SETTLE_ORDER[] = SETTLE " WHERE state = 'open' AND order_id = $3 AND type = $4";
static const char SQL_SETTLE_PAYLOAD[] = SETTLE " WHERE state = 'open' AND payload_id = $3 AND type = $4";
static const char SQL_SETTLE_ORDER_ALL[] =
  SETTLE " WHERE state = 'open' AND order_id = $3 AND type >= $4 AND type < $5";
static const char SQL_SETTLE_PAYLOAD_ALL[] =
  SETTLE " WHERE state = 'open' AND payload_id = $3 AND type >= $4 AND type < $5";

int exception_settle(struct db *db, const char *type, int64_t order_id, int64_t payload_id, const char *by,
                     int64_t now_ms)
{
  must(!order_id != !payload_id);
  size_t n = strlen(type);
  bool prefix = n && type[n - 1] == ':';
  struct stmt *s = db_stmt(db, order_id ? prefix ? SQL_SETTLE_ORDER_ALL : SQL_SETTLE_ORDER
                               : prefix ? SQL_SETTLE_PAYLOAD_ALL
                                        : SQL_SETTLE_PAYLOAD);
  char end[64]; /* the first text after all that begin with the prefix: ';' follows ':' */
  stmt_int(s, 1, now_ms), stmt_text(s, 2, by), stmt_int(s, 3, order_id ? order_id : payload_id),
    stmt_text(s, 4, type);
  if (prefix) {
    must(n < sizeof end);
    memcpy(end, type, n + 1), end[n - 1] = ';';
    stmt_text(s, 5, end);
  }
  return stmt_run(s) ? -1 : (int)db_changes(db);
}

int exception_settle_channel(struct db *db, const char *type, int64_t channel_id, const char *by,
                             int64_t now_ms)
{
  static const char SQL[] =
    "UPDATE exceptions SET state = 'resolved', resolved_at = $1, resolved_by = $2, version = version + 1"
    " WHERE state = 'open' AND type = $3 AND channel_id = $4 AND order_id IS NULL AND payload_id IS NULL";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, now_ms), stmt_text(s, 2, by), stmt_text(s, 3, type), stmt_int(s, 4, channel_id);
  return stmt_run(s) ? -1 : (int)db_changes(db);
}

int exception_settle_type(struct db *db, const char *type, const char *by, int64_t now_ms)
{
  static const char SQL[] =
    "UPDATE exceptions SET state = 'resolved', resolved_at = $1, resolved_by = $2, version = version + 1"
    " WHERE state = 'open' AND type = $3 AND channel_id IS NULL AND order_id IS NULL AND payload_id IS NULL";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, now_ms), stmt_text(s, 2, by), stmt_text(s, 3, type);
  return stmt_run(s) ? -1 : (int)db_changes(db);
}

bool exception_is_open(struct db *db, const char *type, int64_t order_id)
{
  struct stmt *s = db_stmt(db, SQL_OPEN_ORDER);
  stmt_int(s, 1, order_id), stmt_text(s, 2, type);
  int64_t id;
  return one_id(s, &id) == ERR_OK && id;
}

size_t exceptions_waiting(struct db *db, int64_t after, int64_t *ids, int64_t *orders, size_t max)
{
  static const char SQL[] =
    "SELECT id, order_id FROM exceptions WHERE state = 'open' AND type IN ('oversold', 'cannot_split', 'unknown_sku')"
    " AND id > $1 AND order_id IS NOT NULL ORDER BY id LIMIT $2";
  struct stmt *s = db_stmt(db, SQL);
  size_t n = 0;
  stmt_int(s, 1, after), stmt_int(s, 2, (int64_t)max);
  while (n < max && stmt_row(s)) ids[n] = stmt_col_int(s, 0), orders[n++] = stmt_col_int(s, 1);
  stmt_end(s);
  return n;
}

bool exception_any(struct db *db, const char *type)
{
  static const char SQL[] = "SELECT id FROM exceptions WHERE state = 'open' AND type = $1 LIMIT 1";
  struct stmt *s = db_stmt(db, SQL);
  int64_t id;
  stmt_text(s, 1, type);
  return one_id(s, &id) == ERR_OK && id;
}

unsigned exception_waits(struct db *db, int64_t order_id)
{
  static const char SQL[] = "SELECT type FROM exceptions WHERE state = 'open' AND order_id = $1";
  struct stmt *s = db_stmt(db, SQL);
  unsigned waits = 0;
  stmt_int(s, 1, order_id);
  while (stmt_row(s)) {
    const char *type = stmt_col_text(s, 0);
    waits |= !strcmp(type, "oversold")       ? WAITS_STOCK
             : !strcmp(type, "cannot_split") ? WAITS_PLACE
             : !strcmp(type, "unknown_sku")  ? WAITS_SKU
                                             : 0;
  }
  stmt_end(s);
  return waits;
}
