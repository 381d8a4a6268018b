/* db.c: a connection: opening, schema, statements, transactions, counters.
 * This file, backup.c and sandbox.c are the only ones that know the SQL engine. */
#include "store.h"
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>

#if SQLITE_VERSION_NUMBER < SQLITE_LEAST
#error "this SQLite can lose committed data when the WAL starts anew (fixed in 3.51.3): use a newer one"
#endif

/* The file itself, from the directory the compiler runs in, with a NUL behind it. */
#define ASSET(sym, path) \
  __asm__(".pushsection .rodata\n.global " #sym "\n" #sym ":\n.incbin \"" path \
          "\"\n.byte 0\n.popsection\n"); \
  extern const char sym[] __attribute__((visibility("hidden")))
ASSET(asset_schema, "schema.sql");

#define DB_STMT_MAX 1024          /* statements of one connection; a power of two */
#define DB_COUNTERS_MAX 64        /* names of db_next_id */
#define APPLICATION_ID 0x4f524431 /* "ORD1", in the file's header */
#define BUSY_MS 5000              /* a person's shell may hold the write lock this long */
#define PROGRESS_OPS 1000         /* steps of the engine between two looks at the clock */
#define TX_DEADLINES 4            /* a read transaction may live this many statement deadlines */
#define EXIT_DISK 70              /* fail-stop: the disk lied or the file is damaged */
#define ERROR_TEXT 256
#define NOT_STORED "the disk failed to store what was written"
#define WAL_HEADER 32
#define WAL_FRAME_HEADER 24

struct store_hooks store_hooks;

struct bound {
  char kind;
  int64_t i;
  void *p; /* our copy, only while somebody traces */
  size_t n;
};

struct stmt {
  struct db *db;
  const char *sql;
  sqlite3_stmt *s; /* NULL: could not be prepared, err says why */
  int params;
  enum err err; /* of preparing, binding, or the last step */
  bool started; /* stepped since the last reset */
  bool done;    /* and came to its end: another step would begin anew */
  bool live;    /* stands on a row: it holds the read lock */
  bool control; /* BEGIN and the like: not traced */
  struct bound *bound;
};

struct counter {
  const char *name;
  int64_t value, stored, began; /* began: when this transaction did */
  bool loaded;
};

struct db {
  sqlite3 *sql;
  enum db_mode mode;
  struct stmt slot[DB_STMT_MAX];
  int slots;
  int live; /* statements that stand on a row */
  enum err err;
  int rc; /* the engine's word for it */
  char text[ERROR_TEXT];
  bool in_tx;
  enum err broken;  /* this transaction must not be committed */
  enum err trouble; /* the disk's or the memory's, since db_trouble() was asked last */
  bool lenient;
  bool dead;      /* die() returned: a simulation */
  bool unsettled; /* the WAL that we found is not known to be on the disk */
  int64_t deadline_ms, until, tx_until;
  int64_t data_version, wal_pages;
  struct counter counter[DB_COUNTERS_MAX];
  int counters;
  db_trace_fn *trace;
  void *trace_arg;
};

/* ---- what went wrong --------------------------------------------------------------------------- */
static const struct {
  int rc;
  enum err err;
} rc_table[] = {
  { SQLITE_CONSTRAINT, ERR_CONFLICT }, { SQLITE_FULL, ERR_DISK_FULL },  { SQLITE_BUSY, ERR_BUSY },
  { SQLITE_LOCKED, ERR_BUSY },         { SQLITE_INTERRUPT, ERR_BUSY },  { SQLITE_PROTOCOL, ERR_BUSY },
  { SQLITE_SCHEMA, ERR_BUSY },         { SQLITE_NOMEM, ERR_BUSY },      { SQLITE_TOOBIG, ERR_TOO_LARGE },
  { SQLITE_ERROR, ERR_INTERNAL },      { SQLITE_MISUSE, ERR_INTERNAL }, { SQLITE_RANGE, ERR_INTERNAL },
  { SQLITE_MISMATCH, ERR_INTERNAL },
};

static enum err rc_err(struct db *db, int rc)
{
  int os = sqlite3_system_errno(db->sql);
  bool from_os = (rc & 0xff) == SQLITE_IOERR || (rc & 0xff) == SQLITE_CANTOPEN;
  if (from_os && (os == ENOSPC || os == EDQUOT)) return ERR_DISK_FULL;
  for (size_t i = 0; i < COUNT(rc_table); i++)
    if (rc_table[i].rc == (rc & 0xff)) return rc_table[i].err;
  return ERR_IO;
}

/* After a failed fsync nobody knows what is on the disk, and trying again may report success for pages
 * that are gone. A damaged file only gets worse by writing. The end of the process, with nothing more
 * acknowledged, is the one answer that loses nothing: a restart reads what is really there. */
static void end_here(const char *what, const char *told)
{
  char why[ERROR_TEXT * 2];
  snprintf(why, sizeof why, "%s (%s); orderd ends here, before it promises what it cannot keep", what, told);
  log_line(LOG_ERROR, "%s", why);
  if (!store_hooks.die) _exit(EXIT_DISK);
  store_hooks.die(why);
}

static void fail_stop(struct db *db, const char *what)
{
  db->dead = true;
  end_here(what, db->text);
}

static void fail_text(struct db *db, const char *text)
{
  snprintf(db->text, sizeof db->text, "%s", text);
}

bool err_is_trouble(enum err e)
{
  return e == ERR_IO || e == ERR_DISK_FULL || e == ERR_BUSY;
}

static enum err db_failed(struct db *db, int rc)
{
  int os = sqlite3_system_errno(db->sql);
  bool told_by_os = os && ((rc & 0xff) == SQLITE_IOERR || (rc & 0xff) == SQLITE_CANTOPEN);
  snprintf(db->text, sizeof db->text, "%s%s%s", sqlite3_errmsg(db->sql), told_by_os ? ": " : "",
           told_by_os ? strerror(os) : "");
  db->err = rc_err(db, rc);
  db->rc = rc;
  if (!db->trouble && err_is_trouble(db->err)) db->trouble = db->err;
  /* A full disk or a failed write may make the engine roll back the whole transaction by itself. What
   * follows would then be committed statement by statement: it must not run. */
  if (db->in_tx && sqlite3_get_autocommit(db->sql) && !db->broken) db->broken = db->err;
  if (db->dead || db->lenient) return db->err;
  if (rc == SQLITE_IOERR_FSYNC || rc == SQLITE_IOERR_DIR_FSYNC) {
    snprintf(db->text, sizeof db->text, "error %d", os);
    fail_stop(db, NOT_STORED);
  } else if ((rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB) {
    fail_stop(db, "the database file is damaged; restore a backup");
  }
  return db->err;
}

static enum err db_note(struct db *db, int rc)
{
  if (rc != SQLITE_OK && rc != SQLITE_DONE && rc != SQLITE_ROW) return db_failed(db, rc);
  return db->err = ERR_OK;
}

enum err db_err(struct db *db)
{
  return db->err;
}

enum err db_trouble(struct db *db)
{
  enum err e = db->trouble;
  db->trouble = ERR_OK;
  return e;
}

const char *db_err_text(struct db *db)
{
  return db->err ? db->text : "";
}

void db_lenient(struct db *db, bool on)
{
  db->lenient = on;
}

const char *db_version(void)
{
  return sqlite3_libversion();
}

/* ---- statements ----------------------------------------------------------------------------------- */
static void bound_clear(struct stmt *s)
{
  for (int i = 0; s->bound && i < s->params; i++) {
    mem_free(s->bound[i].p);
    s->bound[i] = (struct bound){ .kind = 'n' };
  }
}

/* $1 is a name to the engine: it counts names as they appear, so `$2, $1` would bind crosswise. */
static bool params_in_order(sqlite3_stmt *s, int n)
{
  for (int i = 1; i <= n; i++) {
    char want[16];
    snprintf(want, sizeof want, "$%d", i);
    const char *name = sqlite3_bind_parameter_name(s, i);
    if (!name || strcmp(name, want) != 0) return false;
  }
  return true;
}

static _Noreturn void sql_wrong(const char *why, const char *sql)
{
  log_line(LOG_ERROR, "%s in: %s", why, sql);
  must_failed("SQL of ours is right", __FILE__, __LINE__);
}

/* SQL that is wrong is our mistake. That the schema cannot be read just now is the world's: then
 * the statement stands there without an engine's statement and fails with that error when run. */
static void stmt_prepare(struct db *db, struct stmt *s, const char *sql, unsigned flags)
{
  const char *tail = "";
  *s = (struct stmt){ .db = db, .sql = sql };
  if (db->dead) {
    s->err = ERR_IO;
    return;
  }
  int rc = sqlite3_prepare_v3(db->sql, sql, -1, flags, &s->s, &tail);
  if ((rc & 0xff) == SQLITE_ERROR || rc == SQLITE_MISUSE) sql_wrong(sqlite3_errmsg(db->sql), sql);
  s->err = db_note(db, rc);
  if (s->err) return;
  while (*tail == ' ' || *tail == '\n' || *tail == ';') tail++;
  s->params = sqlite3_bind_parameter_count(s->s);
  if (!s->s || *tail) sql_wrong("not one statement", sql);
  if (!params_in_order(s->s, s->params)) sql_wrong("parameters are not $1, $2, … in order", sql);
}

static void stmt_release(struct stmt *s)
{
  bound_clear(s);
  mem_free(s->bound);
  sqlite3_finalize(s->s);
}

static void stmt_not_live(struct stmt *s)
{
  if (s->live) s->db->live--;
  s->live = false;
}

static void stmt_trace(struct stmt *s)
{
  if (s->started && !s->control && s->db->trace) s->db->trace(s->db->trace_arg, s->sql, s);
}

/* The error of the last step is known already: sqlite3_reset only repeats it. */
static void stmt_reset(struct stmt *s)
{
  if (!s->started) return;
  stmt_trace(s);
  s->started = s->done = false;
  stmt_not_live(s);
  sqlite3_reset(s->s);
}

/* A static array's address says which statement it is: no text is compared in a hot path. */
struct stmt *db_stmt(struct db *db, const char *sql)
{
  size_t at = (size_t)((uintptr_t)sql * 0x9e3779b97f4a7c15u >> 40) % DB_STMT_MAX;
  while (db->slot[at].sql && db->slot[at].sql != sql) at = (at + 1) % DB_STMT_MAX;
  struct stmt *s = &db->slot[at];
  if (!s->s) {
    db->slots += !s->sql;
    must(db->slots < DB_STMT_MAX);
    stmt_prepare(db, s, sql, SQLITE_PREPARE_PERSISTENT);
    return s;
  }
  stmt_reset(s);
  if (s->params) {
    sqlite3_clear_bindings(s->s);
    bound_clear(s);
  }
  s->err = ERR_OK;
  return s;
}

struct stmt *db_prepare(struct db *db, const char *sql)
{
  struct stmt *s = mem_new(sizeof *s);
  stmt_prepare(db, s, sql, 0);
  return s;
}

void stmt_drop(struct stmt *s)
{
  if (!s) return;
  stmt_reset(s);
  stmt_release(s);
  mem_free(s);
}

/* Only while somebody traces: a copy of what was bound. */
static void bound_keep(struct stmt *s, int at, char kind, int64_t i, const void *p, size_t n)
{
  must(at >= 1 && at <= s->params);
  if (!s->bound) {
    s->bound = mem_new(sizeof *s->bound * (size_t)s->params);
    bound_clear(s);
  }
  struct bound *b = &s->bound[at - 1];
  mem_free(b->p);
  *b = (struct bound){ .kind = kind, .i = i, .n = n };
  if (kind == 'i' || kind == 'n') return;
  b->p = mem_new(n + 1);
  if (n) memcpy(b->p, p, n);
}

/* A place that the statement does not have is our mistake; too long a text or no memory is not. */
static void bind_note(struct stmt *s, int rc)
{
  if (rc == SQLITE_OK) return;
  must(rc != SQLITE_RANGE && rc != SQLITE_MISUSE);
  s->err = db_note(s->db, rc);
}

#define BIND(s, at, call, kind, i, p, n) \
  do { \
    if (!(s)->s) return; \
    must(!(s)->started); \
    bind_note(s, call); \
    if ((s)->db->trace) bound_keep(s, at, kind, i, p, n); \
  } while (0)

void stmt_int(struct stmt *s, int at, int64_t v)
{
  BIND(s, at, sqlite3_bind_int64(s->s, at, v), 'i', v, NULL, 0);
}

void stmt_null(struct stmt *s, int at)
{
  BIND(s, at, sqlite3_bind_null(s->s, at), 'n', 0, NULL, 0);
}

void stmt_textn(struct stmt *s, int at, const char *v, size_t n)
{
  BIND(s, at, sqlite3_bind_text64(s->s, at, v, n, SQLITE_STATIC, SQLITE_UTF8), 't', 0, v, n);
}

void stmt_text(struct stmt *s, int at, const char *v)
{
  if (v) stmt_textn(s, at, v, strlen(v));
  else stmt_null(s, at);
}

/* A NULL pointer would bind NULL: an empty blob is something else. */
void stmt_blob(struct stmt *s, int at, const void *p, size_t n)
{
  BIND(s, at, sqlite3_bind_blob64(s->s, at, n ? p : "", n, SQLITE_STATIC), 'b', 0, p, n);
}

static bool stmt_refuse(struct stmt *s, enum err e, const char *why)
{
  if (why) fail_text(s->db, why);
  s->err = s->db->err = e;
  return false;
}

static bool stmt_begin(struct stmt *s)
{
  struct db *db = s->db;
  if (s->err) return stmt_refuse(s, s->err, NULL);
  if (db->dead) return stmt_refuse(s, ERR_IO, "the disk failed");
  if (db->broken && !s->control) return stmt_refuse(s, db->broken, NULL);
  if (db->deadline_ms && !s->control) {
    int64_t now = mono_ms();
    if (db->tx_until && now >= db->tx_until)
      return stmt_refuse(s, ERR_BUSY, "the read transaction took too long");
    db->until = now + db->deadline_ms;
  }
  s->started = true;
  return true;
}

bool stmt_row(struct stmt *s)
{
  if (s->done || (!s->started && !stmt_begin(s))) return false;
  int rc = sqlite3_step(s->s);
  if (rc == SQLITE_ROW) {
    if (!s->live) s->db->live++;
    s->live = true;
    return true;
  }
  stmt_not_live(s);
  s->done = true;
  s->err = db_note(s->db, rc);
  return false;
}

enum err stmt_end(struct stmt *s)
{
  stmt_reset(s);
  return s->err;
}

enum err stmt_run(struct stmt *s)
{
  while (stmt_row(s))
    ;
  return stmt_end(s);
}

int64_t stmt_col_int(struct stmt *s, int at)
{
  return sqlite3_column_int64(s->s, at);
}

const char *stmt_col_text(struct stmt *s, int at)
{
  return (const char *)sqlite3_column_text(s->s, at);
}

char *stmt_col_copy(struct stmt *s, int at, struct arena *a)
{
  const char *v = stmt_col_text(s, at);
  return v ? arena_strn(a, v, (size_t)sqlite3_column_bytes(s->s, at)) : NULL;
}

const void *stmt_col_blob(struct stmt *s, int at, size_t *n)
{
  const void *p = sqlite3_column_blob(s->s, at);
  *n = (size_t)sqlite3_column_bytes(s->s, at);
  return p;
}

bool stmt_col_null(struct stmt *s, int at)
{
  return sqlite3_column_type(s->s, at) == SQLITE_NULL;
}

int stmt_cols(struct stmt *s)
{
  return s->s ? sqlite3_column_count(s->s) : 0;
}

const char *stmt_col_name(struct stmt *s, int at)
{
  return sqlite3_column_name(s->s, at);
}

int64_t db_changes_ever(struct db *db)
{
  return sqlite3_total_changes64(db->sql);
}

int64_t db_changes(struct db *db)
{
  return sqlite3_changes64(db->sql);
}

enum err db_exec(struct db *db, const char *sql)
{
  if (db->dead) return db->err = ERR_IO;
  if (db->broken) return db->err = db->broken;
  return db_note(db, sqlite3_exec(db->sql, sql, NULL, NULL, NULL));
}

static int db_progress(void *arg)
{
  struct db *db = arg;
  return mono_ms() >= db->until;
}

void db_deadline(struct db *db, int64_t ms)
{
  db->deadline_ms = ms;
  sqlite3_progress_handler(db->sql, PROGRESS_OPS, ms ? db_progress : NULL, db);
}

void db_trace(struct db *db, db_trace_fn *fn, void *arg)
{
  db->trace = fn;
  db->trace_arg = arg;
}

int64_t stmt_bound_count(struct stmt *s)
{
  return s->params;
}

char stmt_bound(struct stmt *s, int at, int64_t *i, const void **p, size_t *n)
{
  must(at >= 1 && at <= s->params);
  struct bound none = { .kind = 'n' }, *b = s->bound ? &s->bound[at - 1] : &none;
  *i = b->i;
  *p = b->p;
  *n = b->n;
  return b->kind;
}

/* The number that one PRAGMA or SELECT answers; -1 when it fails. */
static int64_t db_ask(struct db *db, const char *sql)
{
  struct stmt *s = db_prepare(db, sql);
  int64_t v = stmt_row(s) ? stmt_col_int(s, 0) : -1;
  if (stmt_end(s)) v = -1;
  stmt_drop(s);
  return v;
}

/* ---- counters ------------------------------------------------------------------------------------------
 * The memory is never behind the table, and the table is written with the transaction that used the
 * numbers; so a number that was seen outside is never given out again. */
static const char SQL_COUNTER_GET[] = "SELECT value FROM counters WHERE name = $1";
static const char SQL_COUNTER_PUT[] =
  "INSERT INTO counters(name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
static const char SQL_DATA_VERSION[] = "PRAGMA data_version";

static struct counter *counter_find(struct db *db, const char *name)
{
  for (int i = 0; i < db->counters; i++)
    if (db->counter[i].name == name || !strcmp(db->counter[i].name, name)) return &db->counter[i];
  must(db->counters < DB_COUNTERS_MAX);
  struct counter *c = &db->counter[db->counters++];
  c->name = name;
  return c;
}

static bool counter_load(struct db *db, struct counter *c)
{
  struct stmt *s = db_stmt(db, SQL_COUNTER_GET);
  stmt_text(s, 1, c->name);
  int64_t v = stmt_row(s) ? stmt_col_int(s, 0) : 0;
  if (stmt_end(s)) return false;
  c->stored = v;
  c->began = c->value = c->value > v ? c->value : v;
  return c->loaded = true;
}

int64_t db_next_id(struct db *db, const char *counter)
{
  must(db->in_tx && db->mode != DB_READ);
  struct counter *c = counter_find(db, counter);
  if (!db->broken && !c->loaded && !counter_load(db, c)) db->broken = db->err;
  return ++c->value;
}

int64_t db_batch(struct db *db)
{
  struct stmt *s = db_stmt(db, SQL_COUNTER_GET);
  stmt_text(s, 1, COUNTER_BATCH);
  int64_t n = stmt_row(s) ? stmt_col_int(s, 0) : 0;
  stmt_end(s);
  return n;
}

static bool counters_store(struct db *db)
{
  for (struct counter *c = db->counter; c < db->counter + db->counters; c++) {
    if (!c->loaded || c->value == c->stored) continue;
    struct stmt *s = db_stmt(db, SQL_COUNTER_PUT);
    stmt_text(s, 1, c->name), stmt_int(s, 2, c->value);
    if (stmt_run(s)) return false;
  }
  return true;
}

static void counters_stored(struct db *db)
{
  for (struct counter *c = db->counter; c < db->counter + db->counters; c++)
    if (c->loaded) c->stored = c->value;
}

static void counters_began(struct db *db)
{
  for (struct counter *c = db->counter; c < db->counter + db->counters; c++) c->began = c->value;
}

void db_ids_back(struct db *db)
{
  must(!db->in_tx);
  for (struct counter *c = db->counter; c < db->counter + db->counters; c++) c->value = c->began;
}

/* Another connection wrote (a person's shell, a restore): look the numbers up again. */
static bool counters_check(struct db *db)
{
  struct stmt *s = db_stmt(db, SQL_DATA_VERSION);
  s->control = true;
  int64_t v = stmt_row(s) ? stmt_col_int(s, 0) : 0;
  if (stmt_end(s)) return false;
  for (int i = 0; v != db->data_version && i < db->counters; i++) db->counter[i].loaded = false;
  db->data_version = v;
  return true;
}

/* ---- transactions ---------------------------------------------------------------------------------------- */
static const char SQL_BEGIN[] = "BEGIN";
static const char SQL_BEGIN_IMMEDIATE[] = "BEGIN IMMEDIATE";
static const char SQL_COMMIT[] = "COMMIT";
static const char SQL_ROLLBACK[] = "ROLLBACK";
static const char SQL_MARK[] = "SAVEPOINT mark";
static const char SQL_UNDO[] = "ROLLBACK TO mark";
static const char SQL_KEEP[] = "RELEASE mark";

static bool tx_control(struct db *db, const char *sql)
{
  struct stmt *s = db_stmt(db, sql);
  s->control = true;
  return !stmt_run(s);
}

/* A loop over rows that was left early must not hold its snapshot into the next command. */
static void tx_quiet(struct db *db)
{
  for (int i = 0; db->live && i < DB_STMT_MAX; i++)
    if (db->slot[i].live) stmt_reset(&db->slot[i]);
}

bool tx_open(struct db *db)
{
  return !sqlite3_get_autocommit(db->sql);
}

/* What we find in the WAL at the start may be in the page cache only: an fsync failed, the process ended
 * for it, and the kernel counts the pages as clean. A checkpoint would then move states that a power cut
 * takes back, and new frames would stand behind frames that get lost. So what is there is written once
 * more over itself and synced, while nobody else may write, before anything is built upon it. */
static int wal_rewrite(sqlite3_file *wal, int64_t end)
{
  static const int64_t step =
    1 << 16; /* the system's VFS takes 17 bits of a length: 1 << 17 would write nothing */
  int rc = SQLITE_OK;
  char *p = mem_new((size_t)step);
  for (int64_t at = 0; !rc && at < end; at += step) {
    int n = (int)(end - at < step ? end - at : step);
    rc = wal->pMethods->xRead(wal, p, n, at);
    if (!rc) rc = wal->pMethods->xWrite(wal, p, n, at);
  }
  mem_free(p);
  return rc ? rc : wal->pMethods->xSync(wal, SQLITE_SYNC_NORMAL);
}

static int wal_file(struct db *db, sqlite3_file **wal)
{
  *wal = NULL;
  int rc = sqlite3_file_control(db->sql, "main", SQLITE_FCNTL_JOURNAL_POINTER, wal);
  return rc || (*wal && (*wal)->pMethods) ? rc : SQLITE_IOERR;
}

/* Frames that could not be written, and that nobody needs any more. */
static void wal_forget(struct db *db)
{
  sqlite3_file *wal;
  if (db->mode == DB_WRITE && !wal_file(db, &wal)) wal->pMethods->xFileControl(wal, GATHER_FORGET, NULL);
}

static int wal_settle(struct db *db, int64_t pages)
{
  sqlite3_file *wal;
  sqlite3_int64 size = 0, end = WAL_HEADER + pages * (WAL_FRAME_HEADER + db_ask(db, "PRAGMA page_size"));
  int rc = wal_file(db, &wal);
  if (!rc) rc = wal->pMethods->xFileSize(wal, &size);
  return rc ? rc : wal_rewrite(wal, size < end ? size : end);
}

/* The engine syncs the directory once, with the first sync of a WAL that it made itself. When that very
 * sync failed, or the process was killed before it, nobody would do it any more, and a power cut could
 * take the whole WAL by its name. Some network file systems know no such sync (EINVAL). */
static bool directory_sync(const char *path)
{
  if (store_hooks.sync_directory) return store_hooks.sync_directory(path);
  const char *slash = strrchr(path, '/');
  char *dir = mem_new(strlen(path) + 2);
  memcpy(dir, slash ? path : ".", slash ? (size_t)(slash - path + 1) : 1);
  int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  bool ok = fd >= 0 && (!fsync(fd) || errno == EINVAL);
  if (fd >= 0) close(fd);
  mem_free(dir);
  return ok;
}

static enum err db_settle(struct db *db)
{
  int pages = 0, moved;
  db->unsettled = true;
  enum err e = db_note(db, sqlite3_wal_checkpoint_v2(db->sql, NULL, SQLITE_CHECKPOINT_NOOP, &pages, &moved));
  if (!e && !directory_sync(sqlite3_db_filename(db->sql, "main"))) {
    fail_text(db, "the directory could not be synced");
    return db->err = ERR_IO;
  }
  if (!e && pages > 0) {
    if (db_exec(db, "BEGIN IMMEDIATE")) return db->err;
    int rc = wal_settle(db, pages);
    wal_forget(db);
    db_exec(db, "ROLLBACK");
    e = db_note(db, rc);
    if (e) fail_text(db, sqlite3_errstr(rc));
  }
  db->unsettled = e != ERR_OK;
  db->wal_pages = pages > 0 ? pages : 0;
  return e;
}

bool tx_begin(struct db *db)
{
  bool reader = db->mode == DB_READ;
  must(!db->in_tx);
  db->broken = ERR_OK;
  if (db->unsettled && db_settle(db)) return false;
  if (!tx_control(db, reader ? SQL_BEGIN : SQL_BEGIN_IMMEDIATE)) return false;
  db->in_tx = true;
  db->tx_until = reader && db->deadline_ms ? mono_ms() + TX_DEADLINES * db->deadline_ms : 0;
  if (reader) return true;
  counters_began(db);
  if (counters_check(db)) return true;
  tx_rollback(db);
  return false;
}

static bool tx_whole(struct db *db)
{
  if (!db->broken && !tx_open(db)) db->broken = ERR_IO;
  if (db->broken) db->err = db->broken;
  return !db->broken;
}

bool tx_mark(struct db *db)
{
  return tx_whole(db) && tx_control(db, SQL_MARK);
}

bool tx_undo(struct db *db)
{
  tx_quiet(db);
  return tx_whole(db) && tx_control(db, SQL_UNDO);
}

bool tx_keep(struct db *db)
{
  tx_quiet(db);
  return tx_whole(db) && tx_control(db, SQL_KEEP);
}

static void tx_ended(struct db *db)
{
  db->in_tx = false;
  db->broken = ERR_OK;
  db->tx_until = 0;
}

/* Keeps the error that led here. */
void tx_rollback(struct db *db)
{
  enum err e = db->err;
  char text[ERROR_TEXT];
  memcpy(text, db->text, sizeof text);
  tx_quiet(db);
  if (tx_open(db)) tx_control(db, SQL_ROLLBACK);
  wal_forget(db);
  tx_ended(db);
  db->err = e;
  memcpy(db->text, text, sizeof text);
}

bool tx_commit(struct db *db)
{
  tx_quiet(db);
  if (tx_whole(db) && counters_store(db) && tx_control(db, SQL_COMMIT)) {
    counters_stored(db);
    tx_ended(db);
    return true;
  }
  tx_rollback(db);
  return false;
}

/* ---- durable later ------------------------------------------------------------------------------------------- */
/* Under NORMAL a commit writes its frames and does not sync them; the engine itself syncs what it needs to stay
 * whole (the WAL before a checkpoint, its header when it begins anew). Frames are read back up to the first that is
 * not valid, so one sync makes all commits before it durable, in whatever order the pages went to the disk. */
enum err db_sync_later(struct db *db)
{
  return db_exec(db, "PRAGMA synchronous = NORMAL");
}

enum err db_sync(struct db *db)
{
  sqlite3_file *wal;
  if (db->dead) return db->err = ERR_IO;
  if (store_hooks.synchronous)
    return db->err = ERR_OK; /* the control run: to see that this very sync matters */
  int rc = wal_file(db, &wal);
  if (!rc) rc = wal->pMethods->xSync(wal, SQLITE_SYNC_NORMAL);
  if (!rc) return db->err = ERR_OK;
  fail_text(db, sqlite3_errstr(rc));
  fail_stop(db, NOT_STORED);
  return db->err = ERR_IO;
}

enum err db_sync_file(struct db *db)
{
  sqlite3_file *file = NULL;
  if (db->dead) return db->err = ERR_IO;
  int rc = sqlite3_file_control(db->sql, "main", SQLITE_FCNTL_FILE_POINTER, &file);
  if (!rc) rc = file->pMethods->xSync(file, SQLITE_SYNC_NORMAL);
  if (!rc) return db->err = ERR_OK;
  fail_text(db, sqlite3_errstr(rc));
  fail_stop(db, NOT_STORED);
  return db->err = ERR_IO;
}

int db_wal_fd(struct db *db)
{
  return open(sqlite3_filename_wal(sqlite3_db_filename(db->sql, "main")), O_RDWR | O_CLOEXEC);
}

bool wal_fd_sync(int fd)
{
  if (!(store_hooks.sync_fd ? store_hooks.sync_fd(fd) : fdatasync(fd))) return true;
  end_here(NOT_STORED, strerror(errno));
  return false;
}

/* ---- checkpoints ------------------------------------------------------------------------------------------- */
static int on_wal(void *arg, sqlite3 *sql, const char *name, int pages)
{
  (void)sql, (void)name;
  ((struct db *)arg)->wal_pages = pages;
  return SQLITE_OK;
}

int64_t db_wal_pages(struct db *db)
{
  return db->wal_pages;
}

enum err db_checkpoint(struct db *db, enum db_move how, int wait_ms, int64_t *pages, int64_t *moved)
{
  static const int mode[] = { [DB_PASSIVE] = SQLITE_CHECKPOINT_PASSIVE,
                              [DB_RESTART] = SQLITE_CHECKPOINT_RESTART,
                              [DB_TRUNCATE] = SQLITE_CHECKPOINT_TRUNCATE };
  int in_wal = -1, in_file = -1;
  if (db->dead) return db->err = ERR_IO;
  sqlite3_busy_timeout(db->sql, wait_ms);
  int rc = sqlite3_wal_checkpoint_v2(db->sql, NULL, mode[how], &in_wal, &in_file);
  sqlite3_busy_timeout(db->sql, BUSY_MS);
  *pages = in_wal > 0 ? in_wal : 0;
  *moved = in_file > 0 ? in_file : 0;
  if (rc == SQLITE_OK && how != DB_PASSIVE) db->wal_pages = 0;
  return db_note(db, rc);
}

/* ---- opening --------------------------------------------------------------------------------------------------- */
static int64_t schema_version(void)
{
  if (store_hooks.migrations) return store_hooks.migrations[store_hooks.migrations_n - 1].to;
  return migration_table[migration_table_n - 1].to;
}

int64_t db_schema_version(struct db *db)
{
  return db_ask(db, "PRAGMA user_version");
}

void db_measure(struct db *db, struct db_stats *st)
{
  st->page_size = db_ask(db, "PRAGMA page_size");
  st->pages = db_ask(db, "PRAGMA page_count");
  st->free_pages = db_ask(db, "PRAGMA freelist_count");
  st->wal_bytes = db->wal_pages ? WAL_HEADER + db->wal_pages * (WAL_FRAME_HEADER + st->page_size) : 0;
}

static bool db_number(struct db *db, const char *pragma, int64_t v)
{
  char sql[64];
  snprintf(sql, sizeof sql, "PRAGMA %s = %lld", pragma, (long long)v);
  return !db_exec(db, sql);
}

/* Under EXTRA the directory is synced too when the journal goes, so that a file that was reported as
 * created is still there, and whole, after a power cut. */
static bool schema_create(struct db *db)
{
  return !db_exec(db, "PRAGMA page_size = 4096; PRAGMA synchronous = EXTRA; BEGIN EXCLUSIVE") &&
         !db_exec(db, store_hooks.schema ? store_hooks.schema : asset_schema) &&
         db_number(db, "application_id", APPLICATION_ID) && db_number(db, "user_version", schema_version()) &&
         !db_exec(db, "COMMIT");
}

/* All steps in one transaction: the file is of the old version or of the new one. */
static bool schema_migrate(struct db *db, int64_t from)
{
  const struct migration *m = store_hooks.migrations ? store_hooks.migrations : migration_table;
  size_t n = store_hooks.migrations ? store_hooks.migrations_n : migration_table_n;
  if (db_exec(db, "BEGIN IMMEDIATE")) return false;
  for (size_t i = 0; i < n; i++)
    if (m[i].to > from && (db_exec(db, m[i].sql) || !db_number(db, "user_version", m[i].to))) return false;
  if (db_exec(db, "COMMIT")) return false;
  log_line(LOG_INFO, "the database was brought from schema %lld to %lld", (long long)from,
           (long long)schema_version());
  return true;
}

static const char *cannot(struct arena *a, struct db *db, const char *path, const char *what)
{
  return arena_printf(a, "%s: cannot %s: %s", path, what, *db->text ? db->text : "unknown error");
}

/* Whose file it is, before anything is changed in it. NULL: ours or empty, *version tells (0: empty). */
static const char *schema_check(struct arena *a, struct db *db, const char *path, int64_t *version)
{
  int64_t id = db_ask(db, "PRAGMA application_id"), mine = schema_version();
  int64_t tables = db_ask(db, "SELECT count(*) FROM sqlite_schema");
  *version = db_schema_version(db);
  if (id < 0 || *version < 0 || tables < 0) return cannot(a, db, path, "read the database");
  bool empty = !id && !*version && !tables;
  if (empty) return db->mode == DB_CREATE ? NULL : arena_printf(a, "%s: holds no database yet", path);
  if (id != APPLICATION_ID) return arena_printf(a, "%s: is not a database of orderd", path);
  if (*version > mine)
    return arena_printf(
      a, "%s: was written by a newer orderd (schema %lld, this one knows %lld); use the newer one", path,
      (long long)*version, (long long)mine);
  if (*version < mine && db->mode == DB_READ)
    return arena_printf(a,
                        "%s: is of an older orderd (schema %lld, this one reads %lld); start orderd once to "
                        "bring it up to date",
                        path, (long long)*version, (long long)mine);
  return NULL;
}

static void db_guard(struct db *db)
{
  sqlite3_db_config(db->sql, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
  sqlite3_db_config(db->sql, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
  /* Readers never write, not even a checkpoint when they are the last to close. */
  if (db->mode == DB_READ) sqlite3_db_config(db->sql, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
  /* Values that are bound never change a plan: else each new value of a LIMIT prepares its statement again. */
  sqlite3_db_config(db->sql, SQLITE_DBCONFIG_ENABLE_QPSG, 1, NULL);
  sqlite3_busy_timeout(db->sql, BUSY_MS);
}

static const char PRAGMAS[] = "PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0; PRAGMA secure_delete = OFF;"
                              "PRAGMA foreign_keys = OFF";
static const char PRAGMAS_READ[] = "PRAGMA cache_size = -4096; PRAGMA query_only = ON";
static const char PRAGMAS_WRITE[] = "PRAGMA cache_size = -16384; PRAGMA wal_autocheckpoint = 0;"
                                    "PRAGMA journal_size_limit = 100663296";

static bool db_wal_on(struct db *db)
{
  char sql[64];
  const char *sync = store_hooks.synchronous ? store_hooks.synchronous : "FULL";
  snprintf(sql, sizeof sql, "PRAGMA journal_mode = WAL; PRAGMA synchronous = %s", sync);
  return !db_exec(db, sql);
}

/* A full disk is no reason not to start: reads go on, and tx_begin() settles the WAL when there is room. */
static bool db_settled(struct db *db)
{
  if (db->mode == DB_MOVE) return true;
  enum err e = db_settle(db);
  return !e || e == ERR_DISK_FULL;
}

static const char *db_setup(struct arena *a, struct db *db, const char *path)
{
  bool writer = db->mode != DB_READ;
  int64_t version;
  db_guard(db);
  if (db_exec(db, PRAGMAS) || db_exec(db, writer ? PRAGMAS_WRITE : PRAGMAS_READ))
    return cannot(a, db, path, "open the database");
  const char *why = schema_check(a, db, path, &version);
  if (why || !writer) return why;
  if (!version && !schema_create(db)) return cannot(a, db, path, "create the database");
  if (!db_wal_on(db) || !db_settled(db)) return cannot(a, db, path, "open the database");
  if (version && version < schema_version() && !schema_migrate(db, version))
    return cannot(a, db, path, "bring the schema up to date");
  sqlite3_wal_hook(db->sql, on_wal, db);
  return NULL;
}

/* Personal data: for the owner only. The engine gives the WAL the same mode. */
static void file_claim(const char *path)
{
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd >= 0) close(fd);
}

struct db *db_open(struct arena *a, const char *path, enum db_mode mode, const char **why)
{
  static const int flags[] = { [DB_READ] = SQLITE_OPEN_READONLY,
                               [DB_WRITE] = SQLITE_OPEN_READWRITE,
                               [DB_MOVE] = SQLITE_OPEN_READWRITE,
                               [DB_CREATE] = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE };
  if (sqlite3_libversion_number() < SQLITE_LEAST) {
    *why = arena_printf(a, "SQLite %s can lose data: orderd needs 3.51.3 or newer", sqlite3_libversion());
    return NULL;
  }
  struct db *db = mem_new(sizeof *db);
  db->mode = mode;
  db->lenient = true; /* damage found while opening is a sentence for the caller */
  if (mode == DB_CREATE && !store_hooks.vfs) file_claim(path);
  const char *vfs = mode == DB_WRITE ? gather_vfs(store_hooks.vfs) : store_hooks.vfs;
  int rc = sqlite3_open_v2(path, &db->sql, flags[mode] | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, vfs);
  *why = db_note(db, rc) ? cannot(a, db, path, "open the database") : db_setup(a, db, path);
  db->lenient = false;
  if (!*why) return db;
  db_close(db);
  return NULL;
}

void db_close(struct db *db)
{
  if (!db) return;
  if (db->sql && tx_open(db)) tx_rollback(db); /* no memory to open: there is none */
  for (int i = 0; i < DB_STMT_MAX; i++) stmt_release(&db->slot[i]);
  must(sqlite3_close(db->sql) == SQLITE_OK); /* BUSY: somebody forgot stmt_drop() */
  mem_free(db);
}

/* ---- check ---------------------------------------------------------------------------------------------------------- */
/* "ok" is what the engine says when it found nothing. */
static int say_rows(struct db *db, const char *sql, void (*say)(void *, const char *), void *arg)
{
  int n = 0;
  struct stmt *s = db_prepare(db, sql);
  while (stmt_row(s)) {
    const char *text = stmt_col_text(s, 0);
    if (!text || !strcmp(text, "ok")) continue;
    say(arg, text);
    n++;
  }
  if (stmt_end(s) && (db->rc & 0xff) == SQLITE_CORRUPT) say(arg, db->text), n++;
  else if (s->err) n = -1;
  stmt_drop(s);
  return n;
}

static const char SQL_STRUCTURE[] = "PRAGMA integrity_check(100)";
static const char SQL_KEYS[] =
  "SELECT DISTINCT 'a row of ' || \"table\" || ' points to one of ' || parent || ' that is not there' "
  "FROM pragma_foreign_key_check LIMIT 100";

static int look_at(void *arg, int n, char **value, char **name)
{
  (void)n, (void)name;
  char *sql = sqlite3_mprintf("SELECT 1 FROM \"%w\" LIMIT 1", value[0]);
  must(sql);
  sqlite3_exec(((struct db *)arg)->sql, sql, NULL, NULL, NULL);
  sqlite3_free(sql);
  return 0;
}

/* A full-text table keeps its layout from the last time it was asked, and its integrity check trusts that: on a
 * connection that others write beside it finds damage where there is none. Opening it makes it look anew. */
static void virtual_tables_anew(struct db *db)
{
  sqlite3_exec(db->sql,
               "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql LIKE 'CREATE VIRTUAL TABLE%'",
               look_at, db, NULL);
}

int db_integrity(struct db *db, void (*say)(void *arg, const char *text), void *arg)
{
  bool lenient = db->lenient;
  db->lenient = true;
  virtual_tables_anew(db);
  int structure = say_rows(db, SQL_STRUCTURE, say, arg);
  int keys = structure < 0 ? -1 : say_rows(db, SQL_KEYS, say, arg);
  db->lenient = lenient;
  return structure < 0 || keys < 0 ? -1 : structure + keys;
}
