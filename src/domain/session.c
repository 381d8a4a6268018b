/* session.c: who is signed in to the console, and from which browsers. */
#include "domain.h"

static enum err run_id(struct db *db, const char *sql, int64_t id)
{
  struct stmt *s = db_stmt(db, sql);
  stmt_int(s, 1, id);
  return stmt_run(s);
}

/* ---- sessions ---------------------------------------------------------------------------------- */
enum err session_add(struct db *db, int64_t user_id, const unsigned char digest[32], const char *address,
                     int64_t now_ms, int64_t *id)
{
  static const char SQL[] = "INSERT INTO sessions (id, user_id, digest, address, created_at, expires_at)"
                            " VALUES ($1, $2, $3, $4, $5, $6)";
  static const char SQL_OLD[] =
    "DELETE FROM sessions WHERE user_id = $1 AND id NOT IN"
    " (SELECT n.id FROM sessions n WHERE n.user_id = $2 ORDER BY n.id DESC LIMIT $3)";
  *id = db_next_id(db, "session");
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, *id), stmt_int(s, 2, user_id), stmt_blob(s, 3, digest, 32), stmt_text(s, 4, address);
  stmt_int(s, 5, now_ms), stmt_int(s, 6, now_ms + SESSION_MS);
  TRY(stmt_run(s));
  s = db_stmt(db, SQL_OLD);
  stmt_int(s, 1, user_id), stmt_int(s, 2, user_id), stmt_int(s, 3, SESSIONS_MAX);
  return stmt_run(s);
}

enum err session_end(struct db *db, int64_t id)
{
  static const char SQL[] = "DELETE FROM sessions WHERE id = $1";
  TRY(run_id(db, SQL, id));
  return db_changes(db) ? ERR_OK : ERR_NOT_FOUND;
}

enum err session_end_user(struct db *db, int64_t user_id, int64_t but)
{
  static const char SQL[] = "DELETE FROM sessions WHERE user_id = $1 AND id <> $2";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, user_id), stmt_int(s, 2, but);
  return stmt_run(s);
}

enum err session_prune(struct db *db, int64_t now_ms)
{
  static const char SQL[] = "DELETE FROM sessions WHERE expires_at <= $1";
  return run_id(db, SQL, now_ms);
}

enum err session_each(struct db *db,
                      void (*fn)(void *arg, const struct token *t, const unsigned char digest[32]), void *arg)
{
  static const char SQL[] =
    "SELECT s.id, s.expires_at, u.name, u.roles, s.digest FROM sessions s"
    " JOIN users u ON u.id = s.user_id WHERE u.state = 'active' AND u.password IS NOT NULL ORDER BY s.id";
  struct arena mem = { 0 };
  struct stmt *s = db_stmt(db, SQL);
  while (stmt_row(s)) {
    unsigned char digest[32];
    size_t n;
    const void *p = stmt_col_blob(s, 4, &n);
    if (n != sizeof digest) continue;
    memcpy(digest, p, sizeof digest);
    struct token t = { .id = stmt_col_int(s, 0), .expires_at = stmt_col_int(s, 1) };
    t.name = t.user = stmt_col_copy(s, 2, &mem);
    if (!roles_parse(stmt_col_text(s, 3), &t.roles)) t.roles = 0;
    t.roles &= ~(unsigned)ROLE_CHANNEL;
    fn(arg, &t, digest);
    arena_reset(&mem);
  }
  enum err e = stmt_end(s);
  arena_release(&mem);
  return e;
}

/* ---- devices ----------------------------------------------------------------------------------- */
enum err device_add(struct db *db, int64_t user_id, const unsigned char digest[32], int64_t now_ms)
{
  static const char SQL[] = "INSERT INTO devices (id, user_id, digest, created_at) VALUES ($1, $2, $3, $4)"
                            " ON CONFLICT (digest) DO NOTHING";
  static const char SQL_OLD[] =
    "DELETE FROM devices WHERE user_id = $1 AND id NOT IN"
    " (SELECT n.id FROM devices n WHERE n.user_id = $2 ORDER BY n.id DESC LIMIT $3)";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, db_next_id(db, "device")), stmt_int(s, 2, user_id), stmt_blob(s, 3, digest, 32);
  stmt_int(s, 4, now_ms);
  TRY(stmt_run(s));
  s = db_stmt(db, SQL_OLD);
  stmt_int(s, 1, user_id), stmt_int(s, 2, user_id), stmt_int(s, 3, DEVICES_MAX);
  return stmt_run(s);
}

enum err device_end_user(struct db *db, int64_t user_id)
{
  static const char SQL[] = "DELETE FROM devices WHERE user_id = $1";
  return run_id(db, SQL, user_id);
}

/* ---- signing in -------------------------------------------------------------------------------- */
enum err sign_in_find(struct db *db, struct arena *a, const char *name, const unsigned char device[32],
                      struct sign_in *out)
{
  static const char SQL[] = "SELECT u.id, u.roles, u.password, EXISTS"
                            " (SELECT 1 FROM devices d WHERE d.digest = $1 AND d.user_id = u.id)"
                            " FROM users u WHERE u.name = $2 AND u.state = 'active'";
  struct stmt *s = db_stmt(db, SQL);
  *out = (struct sign_in){ 0 };
  stmt_blob(s, 1, device, 32), stmt_text(s, 2, name);
  if (stmt_row(s)) {
    out->id = stmt_col_int(s, 0);
    if (!roles_parse(stmt_col_text(s, 1), &out->roles)) out->roles = 0;
    out->password = stmt_col_copy(s, 2, a);
    out->known_device = stmt_col_int(s, 3);
  }
  return stmt_end(s);
}

bool sign_in_possible(struct db *db)
{
  static const char SQL[] = "SELECT 1 FROM users WHERE state = 'active' AND password IS NOT NULL LIMIT 1";
  struct stmt *s = db_stmt(db, SQL);
  bool found = stmt_row(s);
  return stmt_end(s) == ERR_OK && found;
}
