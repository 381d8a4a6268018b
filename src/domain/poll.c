/* poll.c: where polling stands, per channel; and what belongs to asking a platform. */
#include "domain.h"

static void bind_time(struct stmt *s, int at, int64_t ms)
{
  if (ms) stmt_int(s, at, ms);
  else stmt_null(s, at);
}

/* ---- polls ------------------------------------------------------------------------------------------------------ */
enum err poll_get(struct db *db, struct arena *a, int64_t channel_id, struct poll *out)
{
  static const char SQL[] =
    "SELECT connector, paused, watermark, swept_at, run_at, ok_at, failures, open_until, skew_ms, received, misses, error"
    " FROM polls WHERE channel_id = $1";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, channel_id);
  bool found = stmt_row(s);
  if (found)
    *out = (struct poll){
      .channel_id = channel_id,
      .connector = stmt_col_copy(s, 0, a),
      .paused = stmt_col_int(s, 1) != 0,
      .watermark = stmt_col_int(s, 2),
      .swept_at = stmt_col_int(s, 3),
      .run_at = stmt_col_int(s, 4),
      .ok_at = stmt_col_int(s, 5),
      .failures = stmt_col_int(s, 6),
      .open_until = stmt_col_int(s, 7),
      .skew_ms = stmt_col_int(s, 8),
      .received = stmt_col_int(s, 9),
      .misses = stmt_col_int(s, 10),
      .error = stmt_col_copy(s, 11, a),
    };
  TRY(stmt_end(s));
  return found ? ERR_OK : ERR_NOT_FOUND;
}

enum err poll_put(struct db *db, const struct poll *p)
{
  static const char SQL[] =
    "INSERT INTO polls (channel_id, connector, swept_at, run_at, ok_at, failures, open_until, skew_ms, received, misses, error)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (channel_id) DO UPDATE SET"
    " connector = excluded.connector, swept_at = excluded.swept_at, run_at = excluded.run_at, ok_at = excluded.ok_at,"
    " failures = excluded.failures, open_until = excluded.open_until, skew_ms = excluded.skew_ms,"
    " received = excluded.received, misses = excluded.misses, error = excluded.error";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, p->channel_id), stmt_text(s, 2, p->connector);
  bind_time(s, 3, p->swept_at), bind_time(s, 4, p->run_at), bind_time(s, 5, p->ok_at);
  stmt_int(s, 6, p->failures);
  bind_time(s, 7, p->open_until);
  stmt_int(s, 8, p->skew_ms), stmt_int(s, 9, p->received), stmt_int(s, 10, p->misses);
  stmt_text(s, 11, p->error);
  return stmt_run(s);
}

enum err poll_reached(struct db *db, int64_t channel_id, int64_t watermark)
{
  static const char SQL[] =
    "UPDATE polls SET watermark = $1 WHERE channel_id = $2 AND (watermark IS NULL OR watermark < $1)";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, watermark), stmt_int(s, 2, channel_id);
  return stmt_run(s);
}

enum err poll_again_from(struct db *db, int64_t channel_id, int64_t watermark)
{
  static const char SQL[] = "UPDATE polls SET watermark = $1 WHERE channel_id = $2";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, watermark), stmt_int(s, 2, channel_id);
  return stmt_run(s);
}

enum err poll_pause(struct db *db, int64_t channel_id, bool paused)
{
  static const char SQL[] = "UPDATE polls SET paused = $1 WHERE channel_id = $2";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, paused), stmt_int(s, 2, channel_id);
  return stmt_run(s);
}

/* ---- runs ---------------------------------------------------------------------------------------------------------- */
enum err poll_run_put(struct db *db, const struct poll_run *r)
{
  static const char SQL[] =
    "INSERT INTO poll_runs (id, channel_id, kind, began_at, ended_at, from_at, until_at, calls, pages, received, created,"
    " updated, failed, misses, error) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";
  static const char SQL_OLD[] =
    "DELETE FROM poll_runs WHERE channel_id = $1 AND id <= (SELECT id FROM poll_runs WHERE channel_id = $1"
    " ORDER BY id DESC LIMIT 1 OFFSET $2)";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, db_next_id(db, "poll_run")), stmt_int(s, 2, r->channel_id), stmt_text(s, 3, r->kind);
  stmt_int(s, 4, r->began_at), stmt_int(s, 5, r->ended_at), bind_time(s, 6, r->from_at);
  bind_time(s, 7, r->until_at), stmt_int(s, 8, r->calls), stmt_int(s, 9, r->pages),
    stmt_int(s, 10, r->received);
  stmt_int(s, 11, r->created), stmt_int(s, 12, r->updated), stmt_int(s, 13, r->failed);
  stmt_int(s, 14, r->misses), stmt_text(s, 15, r->error);
  TRY(stmt_run(s));
  s = db_stmt(db, SQL_OLD);
  stmt_int(s, 1, r->channel_id), stmt_int(s, 2, POLL_RUNS_KEPT);
  return stmt_run(s);
}

/* ---- buckets ------------------------------------------------------------------------------------------------------- */
enum err bucket_get(struct db *db, int64_t channel_id, const char *call, struct bucket *out)
{
  static const char SQL[] = "SELECT level, at FROM buckets WHERE channel_id = $1 AND call = $2";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, channel_id), stmt_text(s, 2, call);
  bool found = stmt_row(s);
  if (found) *out = (struct bucket){ stmt_col_int(s, 0), stmt_col_int(s, 1) };
  TRY(stmt_end(s));
  return found ? ERR_OK : ERR_NOT_FOUND;
}

enum err bucket_put(struct db *db, int64_t channel_id, const char *call, const struct bucket *b)
{
  static const char SQL[] =
    "INSERT INTO buckets (channel_id, call, level, at) VALUES ($1, $2, $3, $4)"
    " ON CONFLICT (channel_id, call) DO UPDATE SET level = excluded.level, at = excluded.at";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, channel_id), stmt_text(s, 2, call), stmt_int(s, 3, b->level), stmt_int(s, 4, b->at);
  return stmt_run(s);
}

/* ---- secrets ------------------------------------------------------------------------------------------------------- */
enum err secret_put(struct db *db, int64_t channel_id, const char *name, const void *sealed, size_t n,
                    int64_t now_ms, int64_t expires_at)
{
  static const char SQL[] =
    "INSERT INTO secrets (channel_id, name, sealed, set_at, expires_at) VALUES ($1, $2, $3, $4, $5)"
    " ON CONFLICT (channel_id, name) DO UPDATE SET sealed = excluded.sealed, set_at = excluded.set_at,"
    " expires_at = excluded.expires_at";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, channel_id), stmt_text(s, 2, name), stmt_blob(s, 3, sealed, n), stmt_int(s, 4, now_ms);
  bind_time(s, 5, expires_at);
  return stmt_run(s);
}

enum err secret_drop(struct db *db, int64_t channel_id, const char *name)
{
  static const char SQL[] = "DELETE FROM secrets WHERE channel_id = $1 AND name = $2";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, channel_id), stmt_text(s, 2, name);
  return stmt_run(s);
}

enum err secret_each(struct db *db, int64_t channel_id,
                     void (*fn)(void *arg, const char *name, const void *sealed, size_t n,
                                int64_t expires_at),
                     void *arg)
{
  static const char SQL[] =
    "SELECT name, sealed, expires_at FROM secrets WHERE channel_id = $1 ORDER BY name";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, channel_id);
  while (stmt_row(s)) {
    size_t n;
    const void *p = stmt_col_blob(s, 1, &n);
    fn(arg, stmt_col_text(s, 0), p, n, stmt_col_int(s, 2));
  }
  return stmt_end(s);
}

/* ---- pushes -------------------------------------------------------------------------------------------------------- */
enum err push_seen(struct db *db, int64_t channel_id, const unsigned char digest[16], int64_t now_ms,
                   bool *is_new)
{
  static const char SQL[] = "INSERT INTO pushes (channel_id, digest, at) VALUES ($1, $2, $3)"
                            " ON CONFLICT (channel_id, digest) DO NOTHING";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, channel_id), stmt_blob(s, 2, digest, 16), stmt_int(s, 3, now_ms);
  TRY(stmt_run(s));
  *is_new = db_changes(db) > 0;
  return ERR_OK;
}

enum err push_prune(struct db *db, int64_t before_ms)
{
  static const char SQL[] = "DELETE FROM pushes WHERE at < $1";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, before_ms);
  return stmt_run(s);
}
