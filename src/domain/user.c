/* user.c: people, tokens, and remembered answers. */
#include "domain.h"

static void bind_id(struct stmt *s, int at, int64_t id)
{
  if (id) stmt_int(s, at, id);
  else stmt_null(s, at);
}

static void bind_roles(struct stmt *s, int at, struct arena *a, unsigned roles)
{
  stmt_text(s, at, roles_text(a, roles));
}

/* A row was changed, or there is no such row. */
static enum err changed_one(struct db *db, struct stmt *s)
{
  TRY(stmt_run(s));
  return db_changes(db) ? ERR_OK : ERR_NOT_FOUND;
}

/* ---- tokens ---------------------------------------------------------------------------------- */
enum err token_add(struct db *db, const char *name, unsigned roles, int64_t channel_id,
                   const unsigned char digest[32], int64_t now_ms, int64_t expires_at, int64_t *id)
{
  static const char SQL[] =
    "INSERT INTO tokens (id, name, roles, channel_id, digest, state, created_at, expires_at, version)"
    " VALUES ($1, $2, $3, $4, $5, 'active', $6, $7, 1)";
  struct arena mem = { 0 };
  *id = db_next_id(db, "token");
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, *id), stmt_text(s, 2, name), bind_roles(s, 3, &mem, roles), bind_id(s, 4, channel_id);
  stmt_blob(s, 5, digest, 32), stmt_int(s, 6, now_ms), bind_id(s, 7, expires_at);
  enum err e = stmt_run(s);
  arena_release(&mem);
  return e;
}

enum err token_revoke(struct db *db, int64_t id)
{
  static const char SQL[] =
    "UPDATE tokens SET state = 'revoked', version = version + 1 WHERE id = $1 AND state = 'active'";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id);
  return changed_one(db, s);
}

static enum err version_of(struct db *db, const char *sql, int64_t id, int64_t *version)
{
  struct stmt *s = db_stmt(db, sql);
  stmt_int(s, 1, id);
  bool found = stmt_row(s);
  if (found) *version = stmt_col_int(s, 0);
  enum err e = stmt_end(s);
  return e ? e : found ? ERR_OK : ERR_NOT_FOUND;
}

enum err token_version(struct db *db, int64_t id, int64_t *version)
{
  static const char SQL[] = "SELECT version FROM tokens WHERE id = $1";
  return version_of(db, SQL, id, version);
}

enum err user_version(struct db *db, int64_t id, int64_t *version)
{
  static const char SQL[] = "SELECT version FROM users WHERE id = $1";
  return version_of(db, SQL, id, version);
}

#define TOKEN_COLS \
  "SELECT t.id, t.channel_id, t.expires_at, t.name, t.state, t.roles, u.name, t.digest, u.roles FROM tokens t" \
  " LEFT JOIN token_users b ON b.token_id = t.id LEFT JOIN users u ON u.id = b.user_id"

enum err token_bind(struct db *db, int64_t id, int64_t user_id)
{
  static const char SQL[] = "INSERT INTO token_users (token_id, user_id) VALUES ($1, $2)";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id), stmt_int(s, 2, user_id);
  return stmt_run(s);
}

/* A role that this binary does not know gives nothing; the others stand. */
static void token_read(struct stmt *s, struct arena *a, struct token *t)
{
  t->id = stmt_col_int(s, 0), t->channel_id = stmt_col_int(s, 1), t->expires_at = stmt_col_int(s, 2);
  t->name = stmt_col_copy(s, 3, a), t->state = stmt_col_copy(s, 4, a);
  if (!roles_parse(stmt_col_text(s, 5), &t->roles)) t->roles = 0;
  t->user = stmt_col_copy(s, 6, a);
  unsigned own = 0; /* a token can do no more than its user can now */
  if (t->user && roles_parse(stmt_col_text(s, 8), &own)) t->roles &= own & ROLE_ADMIN ? ~(unsigned)ROLE_CHANNEL : own;
  else if (t->user) t->roles = 0;
}

enum err token_find(struct db *db, struct arena *a, const char *name, struct token *out)
{
  static const char SQL[] =
    TOKEN_COLS " WHERE t.name = $1";
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, name);
  bool found = stmt_row(s);
  if (found) token_read(s, a, out);
  enum err e = stmt_end(s);
  return e ? e : found ? ERR_OK : ERR_NOT_FOUND;
}

enum err token_each(struct db *db,
                    void (*fn)(void *arg, const struct token *t, const unsigned char digest[32]), void *arg)
{
  static const char SQL[] =
    TOKEN_COLS " WHERE t.state = 'active' AND (u.id IS NULL OR u.state = 'active') ORDER BY t.id";
  struct arena mem = { 0 };
  struct stmt *s = db_stmt(db, SQL);
  while (stmt_row(s)) {
    struct token t;
    size_t n;
    const unsigned char *digest = stmt_col_blob(s, 7, &n);
    if (n != 32) continue;
    unsigned char copy[32];
    memcpy(copy, digest, 32);
    token_read(s, &mem, &t);
    fn(arg, &t, copy);
    arena_reset(&mem);
  }
  enum err e = stmt_end(s);
  arena_release(&mem);
  return e;
}

/* ---- users ----------------------------------------------------------------------------------- */
enum err user_add(struct db *db, const char *name, unsigned roles, const char *password, int64_t now_ms,
                  int64_t *id)
{
  static const char SQL[] =
    "INSERT INTO users (id, name, roles, password, state, created_at, version) VALUES ($1, $2, $3,"
    " $4, 'active', $5, 1)";
  struct arena mem = { 0 };
  *id = db_next_id(db, "user");
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, *id), stmt_text(s, 2, name), bind_roles(s, 3, &mem, roles), stmt_text(s, 4, password);
  stmt_int(s, 5, now_ms);
  enum err e = stmt_run(s);
  arena_release(&mem);
  return e;
}

enum err user_update(struct db *db, int64_t id, const char *roles, const char *password, const char *state)
{
  static const char SQL[] =
    "UPDATE users SET roles = coalesce($1, roles), password = coalesce($2, password), state ="
    " coalesce($3, state),"
    " version = version + 1 WHERE id = $4";
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, roles), stmt_text(s, 2, password), stmt_text(s, 3, state), stmt_int(s, 4, id);
  return changed_one(db, s);
}

bool user_active(struct db *db, int64_t id, unsigned *roles)
{
  static const char SQL[] = "SELECT roles FROM users WHERE id = $1 AND state = 'active'";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id);
  bool found = stmt_row(s) && roles_parse(stmt_col_text(s, 0), roles);
  return !stmt_end(s) && found;
}

enum err user_find(struct db *db, const char *name, int64_t *id)
{
  static const char SQL[] = "SELECT id FROM users WHERE name = $1";
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, name);
  *id = stmt_row(s) ? stmt_col_int(s, 0) : 0;
  TRY(stmt_end(s));
  return *id ? ERR_OK : ERR_NOT_FOUND;
}

/* ---- remembered answers ---------------------------------------------------------------------- */
enum err answer_find(struct db *db, struct arena *a, const char *actor, const char *key,
                     unsigned char digest[32], int *status, char **body)
{
  static const char SQL[] = "SELECT digest, status, answer FROM idempotency WHERE actor = $1 AND key = $2";
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, actor), stmt_text(s, 2, key);
  bool found = stmt_row(s);
  if (found) {
    size_t n;
    const void *p = stmt_col_blob(s, 0, &n);
    memset(digest, 0, 32);
    if (n == 32) memcpy(digest, p, n);
    *status = (int)stmt_col_int(s, 1);
    *body = stmt_col_copy(s, 2, a);
  }
  enum err e = stmt_end(s);
  return e ? e : found ? ERR_OK : ERR_NOT_FOUND;
}

enum err answer_put(struct db *db, const char *actor, const char *key, const unsigned char digest[32],
                    int64_t now_ms, int status, const char *body)
{
  static const char SQL[] =
    "INSERT INTO idempotency (actor, key, digest, at, status, answer) VALUES ($1, $2, $3, $4, $5, $6)";
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, actor), stmt_text(s, 2, key), stmt_blob(s, 3, digest, 32), stmt_int(s, 4, now_ms);
  stmt_int(s, 5, status), stmt_text(s, 6, body);
  return stmt_run(s);
}

enum err answer_prune(struct db *db, int64_t before_ms, int limit)
{
  static const char SQL[] = "DELETE FROM idempotency WHERE (actor, key) IN"
                            " (SELECT actor, key FROM idempotency WHERE at < $1 ORDER BY at LIMIT $2)";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, before_ms), stmt_int(s, 2, limit);
  return stmt_run(s);
}
