/* The inbox: what arrived, byte for byte (domain 2.1). */
#include "domain.h"

static const char *const state_names[] = { "applied", "pending", "failed", "dead" };

const char *payload_state_name(enum payload_state s)
{
  return state_names[s];
}

static const char SQL_PUT[] =
  "INSERT INTO payloads (id, channel_id, source, state, received_at, digest, size, body, order_id, error)"
  " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

enum err payload_put(struct db *db, int64_t channel_id, const char *source, enum payload_state state,
                     int64_t now_ms, const struct draft *d, int64_t order_id, const char *error, int64_t *id)
{
  must(d->packed && d->raw_n);
  struct stmt *s = db_stmt(db, SQL_PUT);
  *id = db_next_id(db, "payload");
  stmt_int(s, 1, *id), stmt_int(s, 2, channel_id), stmt_text(s, 3, source),
    stmt_text(s, 4, state_names[state]);
  stmt_int(s, 5, now_ms), stmt_blob(s, 6, d->digest, sizeof d->digest), stmt_int(s, 7, (int64_t)d->raw_n);
  stmt_blob(s, 8, d->packed, d->packed_n);
  if (order_id) stmt_int(s, 9, order_id);
  if (error) stmt_text(s, 10, error);
  return stmt_run(s);
}

static const char SQL_GET[] =
  "SELECT channel_id, received_at, coalesce(order_id, 0), attempts, size, source, state, error, body FROM payloads WHERE id = $1";
#define PAYLOAD_UNPACK_MAX (16u << 20)

enum err payload_get(struct db *db, struct arena *a, int64_t id, struct payload *out)
{
  struct stmt *s = db_stmt(db, SQL_GET);
  stmt_int(s, 1, id);
  if (!stmt_row(s)) {
    enum err e = stmt_end(s);
    return e ? e : ERR_NOT_FOUND;
  }
  *out = (struct payload){ .id = id,
                           .channel_id = stmt_col_int(s, 0),
                           .received_at = stmt_col_int(s, 1),
                           .order_id = stmt_col_int(s, 2),
                           .attempts = stmt_col_int(s, 3),
                           .size = stmt_col_int(s, 4),
                           .source = stmt_col_copy(s, 5, a),
                           .state = stmt_col_copy(s, 6, a),
                           .error = stmt_col_copy(s, 7, a) };
  size_t n;
  const void *p = stmt_col_blob(s, 8, &n);
  struct buf b = { 0 };
  bool whole = !p || unpack(&b, p, n, PAYLOAD_UNPACK_MAX);
  if (p && whole) out->body = arena_strn(a, b.data ? b.data : "", b.len);
  buf_release(&b);
  enum err e = stmt_end(s);
  return e ? e : whole ? ERR_OK : ERR_IO;
}

static const char SQL_DIGEST[] = "SELECT digest FROM payloads WHERE id = $1";

bool payload_same(struct db *db, int64_t id, const unsigned char digest[16])
{
  struct stmt *s = db_stmt(db, SQL_DIGEST);
  bool same = false;
  stmt_int(s, 1, id);
  if (stmt_row(s)) {
    size_t n;
    const void *p = stmt_col_blob(s, 0, &n);
    same = p && n == 16 && !memcmp(p, digest, 16);
  }
  stmt_end(s);
  return same;
}

/* Few are failed at a time; the partial index leads to them. */
bool payload_failed_same(struct db *db, int64_t channel_id, const unsigned char digest[16])
{
  static const char SQL[] =
    "SELECT 1 FROM payloads WHERE state = 'failed' AND channel_id = $1 AND digest = $2 LIMIT 1";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, channel_id), stmt_blob(s, 2, digest, 16);
  bool same = stmt_row(s);
  stmt_end(s);
  return same;
}

static const char SQL_SETTLE[] =
  "UPDATE payloads SET state = $1, order_id = $2, error = $3, attempts = attempts + 1 WHERE id = $4";

enum err payload_settle(struct db *db, int64_t id, enum payload_state state, int64_t order_id,
                        const char *error)
{
  struct stmt *s = db_stmt(db, SQL_SETTLE);
  stmt_text(s, 1, state_names[state]);
  if (order_id) stmt_int(s, 2, order_id);
  if (error) stmt_text(s, 3, error);
  stmt_int(s, 4, id);
  return stmt_run(s);
}

static const char SQL_NEXT[] =
  "SELECT id FROM payloads WHERE state <> 'applied' AND state = $1 AND id > $2 ORDER BY id LIMIT $3";

size_t payload_next(struct db *db, enum payload_state state, int64_t after, int64_t *ids, size_t max)
{
  struct stmt *s = db_stmt(db, SQL_NEXT);
  size_t n = 0;
  stmt_text(s, 1, state_names[state]), stmt_int(s, 2, after), stmt_int(s, 3, (int64_t)max);
  while (n < max && stmt_row(s)) ids[n++] = stmt_col_int(s, 0);
  stmt_end(s);
  return n;
}

size_t payload_next_failed(struct db *db, int64_t channel_id, int64_t after, int64_t *ids, size_t max)
{
  static const char SQL[] =
    "SELECT id FROM payloads WHERE state <> 'applied' AND state = 'failed' AND id > $1 AND channel_id = $2"
    " AND (source = 'poll' OR source = 'push') ORDER BY id LIMIT $3";
  struct stmt *s = db_stmt(db, SQL);
  size_t n = 0;
  stmt_int(s, 1, after), stmt_int(s, 2, channel_id), stmt_int(s, 3, (int64_t)max);
  while (n < max && stmt_row(s)) ids[n++] = stmt_col_int(s, 0);
  stmt_end(s);
  return n;
}

static const char SQL_COUNT[] = "SELECT count(*) FROM payloads WHERE state <> 'applied' AND state = $1";

int64_t payload_count(struct db *db, enum payload_state state)
{
  must(state != PAYLOAD_APPLIED);
  struct stmt *s = db_stmt(db, SQL_COUNT);
  stmt_text(s, 1, state_names[state]);
  int64_t n = stmt_row(s) ? stmt_col_int(s, 0) : 0;
  stmt_end(s);
  return n;
}

/* Walks up from *from_id by the time of arrival, which grows with the id; a step looks at limit rows at most. */
static const char SQL_PRUNE[] =
  "UPDATE payloads SET body = NULL WHERE id > $1 AND id <= $2 AND state = 'applied' AND received_at < $3 AND body IS NOT NULL";
static const char SQL_PRUNE_END[] =
  "SELECT max(id), max(received_at) FROM (SELECT id, received_at FROM payloads WHERE id > $1 ORDER BY id LIMIT $2)";

enum err payload_prune(struct db *db, int64_t before_ms, int64_t *from_id, int limit)
{
  struct stmt *s = db_stmt(db, SQL_PRUNE_END);
  int64_t last = 0, newest = 0;
  stmt_int(s, 1, *from_id), stmt_int(s, 2, limit);
  if (stmt_row(s)) last = stmt_col_int(s, 0), newest = stmt_col_int(s, 1);
  TRY(stmt_end(s));
  if (!last) return ERR_OK;
  s = db_stmt(db, SQL_PRUNE);
  stmt_int(s, 1, *from_id), stmt_int(s, 2, last), stmt_int(s, 3, before_ms);
  TRY(stmt_run(s));
  if (newest < before_ms) *from_id = last;
  return ERR_OK;
}
