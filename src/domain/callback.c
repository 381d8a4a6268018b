/* callback.c: what factories and carriers told (domain/callback.h). */
#include "domain.h"

enum err callback_put(struct db *db, const struct callback *k, const unsigned char digest[CALLBACK_DIGEST],
                      int64_t *id, bool *is_new)
{
  static const char SQL[] =
    "INSERT INTO callbacks (id, destination, digest, at, state, body, events, error)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (destination, digest) DO NOTHING";
  *id = db_next_id(db, "callbacks");
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, *id), stmt_text(s, 2, k->destination), stmt_blob(s, 3, digest, CALLBACK_DIGEST);
  stmt_int(s, 4, k->at), stmt_text(s, 5, k->state), stmt_blob(s, 6, k->body, k->body_n),
    stmt_text(s, 7, k->events);
  stmt_text(s, 8, k->error);
  TRY(stmt_run(s));
  *is_new = db_changes(db) > 0;
  return ERR_OK;
}

enum err callback_get(struct db *db, struct arena *a, int64_t id, struct callback *out)
{
  static const char SQL[] = "SELECT id, at, destination, state, events, error FROM callbacks WHERE id = $1";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id);
  bool found = stmt_row(s);
  if (found)
    *out = (struct callback){ .id = stmt_col_int(s, 0),
                              .at = stmt_col_int(s, 1),
                              .destination = stmt_col_copy(s, 2, a),
                              .state = stmt_col_copy(s, 3, a),
                              .events = stmt_col_copy(s, 4, a),
                              .error = stmt_col_copy(s, 5, a) };
  enum err e = stmt_end(s);
  return e ? e : found ? ERR_OK : ERR_NOT_FOUND;
}

enum err callback_settle(struct db *db, int64_t id, const char *state, const char *error)
{
  static const char SQL[] = "UPDATE callbacks SET state = $1, error = $2 WHERE id = $3";
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, state), stmt_text(s, 2, error), stmt_int(s, 3, id);
  return stmt_run(s);
}

bool callback_failed_any(struct db *db)
{
  struct stmt *s = db_stmt(db, "SELECT 1 FROM callbacks WHERE state = 'failed' LIMIT 1");
  bool any = stmt_row(s);
  stmt_end(s);
  return any;
}

enum err callback_prune(struct db *db, int64_t before_ms, int64_t most)
{
  static const char SQL[] =
    "DELETE FROM callbacks WHERE id IN (SELECT id FROM callbacks WHERE at < $1 AND state <> 'failed'"
    " ORDER BY id LIMIT $2)";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, before_ms), stmt_int(s, 2, most);
  return stmt_run(s);
}
