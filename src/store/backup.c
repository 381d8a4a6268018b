/* backup.c: an online copy that counts only after it was opened, checked and compared.
 * It is made under another name in the same directory and renamed at the very end, so a file of the
 * asked name is always a good backup. Works on raw connections: it must read what it copies as it is,
 * also a file of another schema version. */
#include "store.h"
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>

#define COPY_BUSY_MS 5000

struct copy {
  struct arena *a;
  const char *from, *to, *tmp;
  sqlite3 *src, *dst;
  const char *why;
};

static enum err copy_fail(struct copy *c, enum err e, const char *what, const char *reason)
{
  c->why = arena_printf(c->a, "%s: %s: %s", c->to, what, reason);
  return e;
}

static enum err copy_sql_fail(struct copy *c, sqlite3 *db, int rc, const char *what)
{
  enum err e = (rc & 0xff) == SQLITE_FULL ? ERR_DISK_FULL : (rc & 0xff) == SQLITE_BUSY ? ERR_BUSY : ERR_IO;
  return copy_fail(c, e, what, db ? sqlite3_errmsg(db) : sqlite3_errstr(rc));
}

static enum err copy_open(struct copy *c, sqlite3 **db, const char *path, int flags)
{
  int rc = sqlite3_open_v2(path, db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, store_hooks.vfs);
  if (rc) return copy_sql_fail(c, *db, rc, "cannot be opened");
  sqlite3_busy_timeout(*db, COPY_BUSY_MS);
  sqlite3_db_config(*db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
  sqlite3_db_config(*db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
  if (flags & SQLITE_OPEN_READONLY) sqlite3_db_config(*db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
  return ERR_OK;
}

static enum err copy_exec(struct copy *c, sqlite3 *db, const char *sql)
{
  int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
  return rc ? copy_sql_fail(c, db, rc, "backup failed") : ERR_OK;
}

/* Calls fn with the first two columns of each row as text. */
static enum err copy_each(struct copy *c, sqlite3 *db, const char *sql,
                          enum err (*fn)(struct copy *c, sqlite3 *db, const char *x, const char *y))
{
  sqlite3_stmt *s = NULL;
  enum err e = ERR_OK;
  int rc = sqlite3_prepare_v2(db, sql, -1, &s, NULL);
  while (!rc && !e && (rc = sqlite3_step(s)) == SQLITE_ROW) {
    rc = SQLITE_OK;
    e = fn(c, db, (const char *)sqlite3_column_text(s, 0), (const char *)sqlite3_column_text(s, 1));
  }
  if (!e && rc != SQLITE_DONE) e = copy_sql_fail(c, db, rc, "backup failed");
  sqlite3_finalize(s);
  return e;
}

/* The number that SQL answers, or -1. */
static int64_t copy_ask(sqlite3 *db, const char *sql)
{
  sqlite3_stmt *s = NULL;
  int64_t v = -1;
  if (!sqlite3_prepare_v2(db, sql, -1, &s, NULL) && sqlite3_step(s) == SQLITE_ROW)
    v = sqlite3_column_int64(s, 0);
  sqlite3_finalize(s);
  return v;
}

static enum err same_number(struct copy *c, const char *sql)
{
  int64_t want = copy_ask(c->src, sql), is = copy_ask(c->dst, sql);
  if (want >= 0 && want == is) return ERR_OK;
  return copy_fail(c, ERR_IO, "the copy differs from the original",
                   arena_printf(c->a, "%s: %lld instead of %lld", sql, (long long)is, (long long)want));
}

static enum err table_same(struct copy *c, sqlite3 *db, const char *name, const char *unused)
{
  (void)db, (void)unused;
  char *sql = sqlite3_mprintf("SELECT count(*) FROM \"%w\"", name);
  must(sql);
  enum err e = same_number(c, arena_str(c->a, sql));
  sqlite3_free(sql);
  return e;
}

static enum err check_row(struct copy *c, sqlite3 *db, const char *text, const char *unused)
{
  (void)db, (void)unused;
  return !strcmp(text, "ok") ? ERR_OK : copy_fail(c, ERR_IO, "the copy is damaged", text);
}

/* The snapshot that the copy was made of is still held: both sides must agree to the row. */
static enum err copy_compare(struct copy *c)
{
  TRY(copy_each(c, c->dst, "PRAGMA integrity_check(1)", check_row));
  TRY(same_number(c, "PRAGMA application_id"));
  TRY(same_number(c, "PRAGMA user_version"));
  TRY(same_number(c, "SELECT count(*) FROM sqlite_schema"));
  return copy_each(c, c->src,
                   "SELECT name FROM sqlite_schema WHERE type = 'table' "
                   "AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY name",
                   table_same);
}

/* In one step: a copy made in pieces begins again whenever somebody writes, and would never end. */
static enum err copy_pages(struct copy *c)
{
  sqlite3_backup *b = sqlite3_backup_init(c->dst, "main", c->src, "main");
  if (!b) return copy_sql_fail(c, c->dst, sqlite3_errcode(c->dst), "backup failed");
  int rc = sqlite3_backup_step(b, -1), end = sqlite3_backup_finish(b);
  if (rc == SQLITE_DONE) rc = end;
  return rc ? copy_sql_fail(c, c->dst, rc, "backup failed") : ERR_OK;
}

/* A backup is one file: the copy leaves WAL mode, which the first start on it turns on again. */
static enum err copy_make(struct copy *c)
{
  TRY(copy_open(c, &c->src, c->from, SQLITE_OPEN_READONLY));
  TRY(copy_open(c, &c->dst, c->tmp, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE));
  TRY(copy_exec(c, c->dst, "PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY"));
  TRY(copy_exec(c, c->src, "BEGIN; SELECT count(*) FROM sqlite_schema"));
  TRY(copy_pages(c));
  TRY(copy_exec(c, c->dst, "PRAGMA journal_mode = DELETE"));
  sqlite3_close(c->dst);
  c->dst = NULL;
  TRY(copy_open(c, &c->dst, c->tmp, SQLITE_OPEN_READONLY));
  return copy_compare(c);
}

static bool sync_path(const char *path, int flags)
{
  int fd = open(path, flags | O_CLOEXEC);
  bool ok = fd >= 0 && !fsync(fd);
  if (fd >= 0) close(fd);
  return ok;
}

static enum err os_err(void)
{
  return errno == ENOSPC || errno == EDQUOT ? ERR_DISK_FULL : errno == EEXIST ? ERR_CONFLICT : ERR_IO;
}

/* Not over a file that is there: not even one that appeared meanwhile. Some file systems cannot
 * promise that; there the look beforehand has to do. */
static bool rename_new(const char *from, const char *to)
{
  if (!renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE)) return true;
  if (errno != EINVAL && errno != ENOSYS) return false;
  return access(to, F_OK) && !rename(from, to);
}

static enum err copy_keep(struct copy *c)
{
  char *dir = dirname(arena_str(c->a, c->to));
  if (sync_path(c->tmp, O_RDONLY) && rename_new(c->tmp, c->to) && sync_path(dir, O_RDONLY | O_DIRECTORY))
    return ERR_OK;
  return copy_fail(c, os_err(), "cannot be stored", strerror(errno));
}

/* Personal data: for the owner only. A rest of an interrupted backup is in the way. */
static enum err copy_claim(struct copy *c)
{
  if (!access(c->to, F_OK)) return copy_fail(c, ERR_CONFLICT, "is there already", "choose another name");
  unlink(c->tmp);
  int fd = open(c->tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return copy_fail(c, os_err(), "cannot be created", strerror(errno));
  close(fd);
  return ERR_OK;
}

enum err db_backup(struct arena *a, const char *from, const char *to, const char **why)
{
  struct copy c = { .a = a, .from = from, .to = to, .tmp = arena_printf(a, "%s.tmp", to) };
  enum err e = copy_claim(&c);
  bool claimed = !e;
  if (!e) e = copy_make(&c);
  sqlite3_close(c.src);
  sqlite3_close(c.dst);
  if (!e) e = copy_keep(&c);
  if (e && claimed) unlink(c.tmp);
  *why = c.why;
  return e;
}
