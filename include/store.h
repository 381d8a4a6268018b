/* store.h: layer 3. One SQLite file behind a dozen functions; one writer; read-only readers.
 * The only layer that knows the SQL engine. SQL elsewhere is in the common subset (architecture 5):
 * $1, $2 in order, ON CONFLICT, RETURNING; ids and times are handed in. */
#ifndef ORDERD_STORE_H
#define ORDERD_STORE_H
#include "plat.h"

#define SQLITE_LEAST 3051003 /* older ones have the WAL-reset bug: refused at build and at start */

/* ---- connections and statements ------------------------------------------------------------------
 * A connection belongs to one thread at a time. Statements are cached per connection, keyed by the
 * address of the SQL literal (a static array), so db_stmt() in a hot path is a pointer lookup. */
struct db;
struct stmt;
enum db_mode { DB_READ, DB_WRITE, DB_CREATE, DB_MOVE };
/* Opens and sets the pragmas; DB_WRITE and DB_CREATE bring the schema up to date (numbered
 * migrations, one transaction) and refuse a newer file; DB_MOVE is the writer's second connection, for
 * checkpoints. Only DB_CREATE makes a file. NULL with *why in the arena. */
struct db *db_open(struct arena *a, const char *path, enum db_mode mode, const char **why);
void db_close(struct db *db);
int64_t db_schema_version(struct db *db);

struct stmt *db_stmt(struct db *db, const char *sql);  /* static SQL; must() prepare; reset and unbound */
/* SQL put together at run time from fixed pieces (filters): prepared once, released with stmt_drop. */
struct stmt *db_prepare(struct db *db, const char *sql);
void stmt_drop(struct stmt *s);
void stmt_int(struct stmt *s, int at, int64_t v);
void stmt_text(struct stmt *s, int at, const char *v);                 /* NULL binds NULL; the text must live until the step */
void stmt_textn(struct stmt *s, int at, const char *v, size_t n);
void stmt_blob(struct stmt *s, int at, const void *p, size_t n);
void stmt_null(struct stmt *s, int at);
/* A row: true and the columns can be read until the next step or reset. After false look at db_err(). */
bool stmt_row(struct stmt *s);
enum err stmt_run(struct stmt *s); /* steps to the end, resets; OK, CONFLICT (a constraint), IO, DISK_FULL, BUSY (deadline) */
enum err stmt_end(struct stmt *s); /* after rows: resets; the error of the last step */
int64_t stmt_col_int(struct stmt *s, int at);
const char *stmt_col_text(struct stmt *s, int at);       /* NULL for NULL; valid until the next step */
char *stmt_col_copy(struct stmt *s, int at, struct arena *a);
const void *stmt_col_blob(struct stmt *s, int at, size_t *n);
bool stmt_col_null(struct stmt *s, int at);
int stmt_cols(struct stmt *s);
const char *stmt_col_name(struct stmt *s, int at);
int64_t db_changes(struct db *db); /* rows changed by the last statement */
int64_t db_changes_ever(struct db *db); /* and by all of this connection, those of triggers and undone ones too */
enum err db_err(struct db *db);    /* of the last step on this connection */
const char *db_err_text(struct db *db);
enum err db_exec(struct db *db, const char *sql); /* several statements; set-up, tests */
void db_deadline(struct db *db, int64_t ms);      /* statements of a reader are cut after this; 0 never */

/* Transactions. A savepoint per command; tx_undo rolls back to the mark, which stays; tx_keep releases it.
 * Loops over rows that were left without stmt_end() are ended with the savepoint. Once the engine has
 * rolled back by itself (disk full), every statement fails until tx_rollback(). */
bool tx_begin(struct db *db);      /* BEGIN IMMEDIATE; BEGIN on a reader */
bool tx_mark(struct db *db);
bool tx_undo(struct db *db);
bool tx_keep(struct db *db);
bool tx_commit(struct db *db);     /* false: rolled back */
void tx_rollback(struct db *db);

/* Numbers that the application gives out: per name, from the database's highest, kept in memory by the
 * writing connection and stored with the transaction that used them (table `counters`). A savepoint that
 * is undone leaves a gap, never a double. Inside a transaction only; when the number cannot be looked up,
 * every later statement and the commit fail. */
int64_t db_next_id(struct db *db, const char *counter);
/* Between transactions, when the last was rolled back and nobody heard of its numbers: they are given out again. */
void db_ids_back(struct db *db);

/* The last batch of the writer that this transaction sees: counter `batch`, of those that changed something. */
#define COUNTER_BATCH "batch"
int64_t db_batch(struct db *db);

/* What a bench or a test wants to see: each finished statement with its bound values. */
typedef void db_trace_fn(void *arg, const char *sql, struct stmt *s);
void db_trace(struct db *db, db_trace_fn *fn, void *arg);
int64_t stmt_bound_count(struct stmt *s);
/* kind: 'i' 't' 'b' 'n'; the value stays valid until the statement is bound again */
char stmt_bound(struct stmt *s, int at, int64_t *i, const void **p, size_t *n);

/* ---- for the other files of this layer, and for tests ------------------------------------------------ */
bool err_is_trouble(enum err e); /* IO, DISK_FULL or BUSY: the disk's or the memory's, not the job's */
/* The first trouble of any statement since this was asked last. */
enum err db_trouble(struct db *db);
bool tx_open(struct db *db);         /* inside a transaction that the engine has not rolled back by itself */
int64_t db_wal_pages(struct db *db); /* pages in the WAL after this connection's last commit */
/* PASSIVE moves what it can, RESTART also waits (at most wait_ms) until the next write begins the WAL anew,
 * TRUNCATE also empties the file. pages: in the WAL; moved: of them already in the database file. */
enum db_move { DB_PASSIVE, DB_RESTART, DB_TRUNCATE };
enum err db_checkpoint(struct db *db, enum db_move how, int wait_ms, int64_t *pages, int64_t *moved);
/* From now on commits are not synced one by one: a commit is durable after the next db_sync(), or after a sync of
 * the WAL's own descriptor (db_wal_fd(): -1 with errno; of the caller, who closes it) from any thread, which covers
 * every commit that was over when it began. Both end the process when the disk fails (fail-stop). */
enum err db_sync_later(struct db *db);
enum err db_sync(struct db *db);
enum err db_sync_file(struct db *db); /* the database file: what checkpoints that did not reach the end wrote there */
int db_wal_fd(struct db *db);
bool wal_fd_sync(int fd); /* false only where store_hooks.die() came back */
/* The name of a VFS above this one (NULL: the system's) that makes one write of a commit's many; NULL: no such. */
const char *gather_vfs(const char *below);
#define GATHER_FORGET 0x4f524431 /* file control of a WAL: the transaction was rolled back, what waits is not needed */
void db_lenient(struct db *db, bool on); /* damage is an error instead of the end of the process (check) */

/* What a simulation replaces. All zero in orderd itself; set before anything is opened. */
struct migration {
  int64_t to;      /* the schema version that sql leads to */
  const char *sql; /* several statements; no BEGIN, no COMMIT */
};
extern const struct migration migration_table[]; /* the built-in ones, oldest first; sql NULL: schema.sql of the first release */
extern const size_t migration_table_n;
struct store_hooks {
  const char *vfs;         /* name of a VFS; NULL: the system's */
  const char *synchronous; /* NULL: FULL. When set nothing of ours is synced after a commit: the control run */
  const char *schema;      /* instead of schema.sql; must hold the table counters */
  const struct migration *migrations; /* instead of the built-in ones */
  size_t migrations_n;
  int64_t checkpoint_pages, wal_max_bytes, wal_wait_ms; /* 0: the constants */
  size_t batch_max;        /* 0: WRITER_BATCH_MAX */
  bool (*sync_directory)(const char *path_of_file);
  int (*sync_fd)(int fd);  /* instead of fdatasync() */
  void (*die)(const char *why); /* may return: then every call on the connection fails with ERR_IO */
};
extern struct store_hooks store_hooks;

struct db_stats {
  int64_t page_size, pages, free_pages, wal_bytes, checkpoints, batches, commands, fsync_fail;
};
void db_measure(struct db *db, struct db_stats *st); /* sizes only */

/* Online copy that is opened, checked (integrity, schema) and compared before it counts. */
enum err db_backup(struct arena *a, const char *from, const char *to, const char **why);
/* quick: structure and indexes. Calls say() for each finding; returns their number, -1 on error. */
int db_integrity(struct db *db, void (*say)(void *arg, const char *text), void *arg);
const char *db_version(void); /* "3.53.2" */

/* ---- the writer -------------------------------------------------------------------------------------
 * Jobs go in from any thread, wait in a bounded queue, run in batches on the writer's thread (BEGIN,
 * a savepoint per job or the same effect, COMMIT), and come back when one fsync has made their batch durable:
 * wake(wake_arg) is called once per fsync (uv_async_send), then writer_collect() on the loop calls done()
 * of each. The fsync runs on a thread of its own while the next batch is at work already; with one batch in
 * the fsync and two that wait for it, the next waits to begin, so that batches grow with the disk's delay.
 * Readers may see what is not durable yet: who tells others what was read asks db_batch() in the same transaction,
 * and waits until writer_durable() is as far. A job has one owner at a time.
 * Low jobs run when nobody has asked for a moment, each as a batch of its own, and at least every low_after_ms.
 * A failed job is undone by its savepoint, and so is one that met IO, DISK_FULL or BUSY anywhere; a failed commit fails every job of the batch with ERR_IO (or
 * DISK_FULL); a failed fsync ends the process. */
struct job {
  struct job *next;
  enum err (*run)(struct job *, struct db *); /* on the writer's thread, inside the savepoint */
  void (*again)(struct job *);                /* makes it as if it had not run yet; NULL: it must not run twice */
  void (*done)(struct job *);                 /* on the collecting thread, when durable; NULL: nobody asks */
  enum err err;
  int64_t since_ms;                           /* set by the writer */
};
#define WRITER_QUEUE_MAX 8192
#define WRITER_BATCH_MAX 512
#define WAL_CHECKPOINT_PAGES 8000
#define WAL_MAX_BYTES (256ll << 20)
#define WAL_WAIT_MS 5000 /* how long a batch waits for readers at that size before it is refused (ERR_BUSY) */
struct writer;
struct writer_options {
  const char *path;
  bool inline_mode;              /* no threads: writer_push() runs the job as a batch at once, then done() */
  bool inline_gather;            /* with inline_mode: jobs wait for writer_collect(), which makes real batches */
  void (*wake)(void *arg);
  void *wake_arg;
  void (*batch_end)(void *arg, struct db *db, bool committed); /* on the writer's thread; in-memory state follows or is dropped */
  void *batch_arg;
  int64_t low_after_ms;          /* 0: 1000 */
};
struct writer *writer_open(struct arena *a, const struct writer_options *o, const char **why);
bool writer_push(struct writer *w, struct job *j);     /* false: the queue is full (ERR_BUSY) */
bool writer_push_low(struct writer *w, struct job *j);
void writer_collect(struct writer *w);
size_t writer_waiting(struct writer *w);               /* jobs not yet begun */
int64_t writer_lag_ms(struct writer *w);               /* age of the oldest job not yet answered */
int64_t writer_durable(struct writer *w);              /* batches up to this one are on the disk */
struct db_stats writer_stats(struct writer *w);
struct db *writer_db(struct writer *w);                /* inline mode only: for tests */
void writer_close(struct writer *w);                   /* runs what waits, checkpoints, closes */

/* ---- readers: read-only connections, checked out by pool threads --------------------------------------- */
#define READERS_MAX 4
struct readers;
struct readers *readers_open(struct arena *a, const char *path, int n, int64_t deadline_ms, const char **why);
struct db *readers_take(struct readers *r); /* NULL when all are out; inside a fresh read transaction */
void readers_give(struct readers *r, struct db *db);
void readers_close(struct readers *r);

/* ---- sandbox.c: fenced SQL for connectors and rules (architecture 6) ------------------------------------------------
 * An in-memory connection of its own with an allow-list of functions; reads nothing but its parameters and
 * json_each/json_tree and their jsonb kin; no table, no file, no pragma, no clock, no randomness. One thread at a time. */
#define SANDBOX_SQL_MAX (100 * 1024)
#define SANDBOX_VALUE_MAX (8 << 20)
#define SANDBOX_MS 250           /* of one statement: time that its thread worked */
#define SANDBOX_ROWS_MAX 5000
struct sandbox;
struct sandbox_sql;
struct sandbox_param {
  const char *name;              /* without the colon; a statement that does not use it does not mind */
  char kind;                     /* 'i' integer, 't' text, 'n' NULL */
  int64_t i;
  const char *text;
  size_t n;
};
typedef const char *sandbox_value_fn(void *arg, const char *name);
struct sandbox *sandbox_open(struct arena *a, const char **why);
void sandbox_close(struct sandbox *s);
void sandbox_deadline(struct sandbox *s, int64_t ms); /* instead of SANDBOX_MS; tests */
/* The last run met a limit (time, memory, rows, size of a value): with less to read it may pass. */
bool sandbox_limited(const struct sandbox *s);
/* secret(name) and setting(name); NULL where there is none. A value lives until the call returns. */
void sandbox_values(struct sandbox *s, sandbox_value_fn *secret, sandbox_value_fn *setting, void *arg);
/* Kinds of text: an expression (compiled as SELECT (…)), one SELECT; with or without secret(). NULL with *why, and
 * *at: the byte of sql it is about (-1 unknown). The statement belongs to the sandbox and goes with it. known: the
 * names of parameters it may use, NULL-ended; another one is an error here. */
enum { SANDBOX_EXPRESSION = 1, SANDBOX_SECRETS = 2 };
struct sandbox_sql *sandbox_sql(struct sandbox *s, struct arena *a, const char *sql, unsigned how, const char *const *known,
                                const char **why, int *at);
int sandbox_columns(const struct sandbox_sql *q);
/* A value of a row; kind 'n' NULL, 'i', 'r' (number text too), 't', 'b'. Lives until the next row. */
struct sandbox_value {
  char kind;
  int64_t i;
  const char *text;              /* text of every kind but NULL and BLOB; NUL-terminated */
  size_t n;
};
/* row() per row, false stops (which is OK). OK, INVALID with *why (an error of the SQL, a limit: time, rows, size). */
typedef bool sandbox_row_fn(void *arg, const struct sandbox_value *v, int n);
enum err sandbox_run(struct sandbox *s, struct arena *a, struct sandbox_sql *q, const struct sandbox_param *p, size_t n,
                     sandbox_row_fn *row, void *arg, const char **why);
/* Another SQLite file read by one query, read-only, under the same fence but with its tables. *columns: their
 * names, in the arena, set before the first row. Also NOT_FOUND (no such file), BUSY (locked, or changed meanwhile)
 * and IO (cannot be read, damaged): rows given before an error do not count. */
#define SANDBOX_FILE_MS 10000
#define SANDBOX_FILE_ROWS_MAX 100000
enum err sandbox_query_file(struct arena *a, const char *path, const char *sql, const struct sandbox_param *p, size_t n,
                            const char *const **columns, sandbox_row_fn *row, void *arg, const char **why);

/* ---- for the files of the sandbox: what its functions ask for, and the guard over this thread's engine memory -------- */
struct sqlite3;
struct sandbox_source {
  sandbox_value_fn *secret, *setting;
  void *arg;
};
void sandbox_functions(struct sqlite3 *sql, struct sandbox_source *from);
void sandbox_json_functions(struct sqlite3 *sql);
/* While one is set, the engine's memory of this thread is counted, and what would go over max bytes is refused; past
 * until_us big pieces are refused too, because the engine looks at its clock only between the turns of a loop. */
struct sandbox_guard {
  int64_t used, max, until_us, wall_us; /* until_us: of the thread's work, which is over no sooner than wall_us */
  bool full, late;
};
struct sandbox_guard *sandbox_guard(struct sandbox_guard *g); /* sets (NULL: none), gives the one before */
void sandbox_urlencode(struct buf *b, const char *p, size_t n);
#define SANDBOX_JSON_ELEMENTS_MAX 200000
bool sandbox_late(void); /* asked by functions over long values */

/* ---- disk reserve: a file of ballast that is given up only by a person; intake stops before it is needed */
#define DISK_RESERVE_BYTES (64ll << 20)

#endif
