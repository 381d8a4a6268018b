/* store_test.c: the store's promises, one after the other. Crashes have programs of their own (crash/). */
#include "store.h"
#include "disk.h"
#include "test.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNTERS "CREATE TABLE counters(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
static const char SMALL_SCHEMA[] =
  COUNTERS "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT UNIQUE, note TEXT, CHECK (note <> 'bad'));";
static const char SQL_PUT[] = "INSERT INTO t(id, name, note) VALUES ($1, $2, $3)";
static const char SQL_COUNT[] = "SELECT count(*) FROM t";
static const char SQL_NAMES[] = "SELECT id, name, note FROM t ORDER BY id";

static struct arena mem;
static const char *why;
static int died;

static void on_die(const char *text)
{
  (void)text;
  died++;
}

static void clean(void)
{
  static const struct migration first[] = { { 1, NULL } };
  store_hooks = (struct store_hooks){ .schema = SMALL_SCHEMA, .migrations = first, .migrations_n = 1 };
  log_open((enum log_level)(LOG_ERROR + 1), false); /* what we provoke here is no news */
  arena_release(&mem);
  why = "";
  died = 0;
}

static const char *path_of(const char *name)
{
  return arena_printf(&mem, "%s/%s", test_dir(), name);
}

static const char *db_path(void)
{
  return store_hooks.vfs ? "t.db" : path_of("t.db");
}

static struct db *db_new(void)
{
  struct db *db = db_open(&mem, db_path(), DB_CREATE, &why);
  if (!CHECK(db != NULL)) printf("    %s\n", why);
  return db;
}

static void simulate(uint64_t seed)
{
  disk_format(seed);
  store_hooks.vfs = "disk";
  store_hooks.sync_directory = disk_sync_directory;
  store_hooks.die = on_die;
}

static enum err put(struct db *db, int64_t id, const char *name, const char *note)
{
  struct stmt *s = db_stmt(db, SQL_PUT);
  stmt_int(s, 1, id), stmt_text(s, 2, name), stmt_text(s, 3, note);
  return stmt_run(s);
}

static int64_t ask(struct db *db, const char *sql)
{
  struct stmt *s = db_prepare(db, sql);
  int64_t v = stmt_row(s) ? stmt_col_int(s, 0) : -1;
  if (stmt_end(s)) v = -2;
  stmt_drop(s);
  return v;
}

static int64_t count(struct db *db)
{
  struct stmt *s = db_stmt(db, SQL_COUNT);
  int64_t n = stmt_row(s) ? stmt_col_int(s, 0) : -1;
  return stmt_end(s) ? -2 : n;
}

static void say_nothing(void *arg, const char *text)
{
  if (arg) printf("    %s\n", text);
}

/* ---- opening -------------------------------------------------------------------------------------- */
/* No test leaves its schema or its disk to the next. */
void test_after(void)
{
  store_hooks = (struct store_hooks){ 0 };
}

TEST(store_version_is_checked)
{
  CHECK(SQLITE_LEAST >= 3051003);
  CHECK(strcmp(db_version(), "3.51.3") >= 0);
}

TEST(store_schema_sql_is_whole)
{
  clean();
  store_hooks = (struct store_hooks){ 0 };
  struct db *db = db_new();
  REQUIRE(db);
  CHECK(db_schema_version(db) >= 1);
  CHECK(ask(db, "SELECT count(*) FROM sqlite_schema WHERE type = 'table'") > 10);
  CHECK_INT(ask(db, "PRAGMA page_size"), 4096);
  CHECK_INT(ask(db, "PRAGMA synchronous"), 2);
  CHECK_INT(ask(db, "PRAGMA wal_autocheckpoint"), 0);
  CHECK_INT(ask(db, "PRAGMA application_id"), 0x4f524431);
  CHECK_INT(ask(db, "PRAGMA trusted_schema"), 0);
  CHECK_INT(db_integrity(db, say_nothing, db), 0);
  db_close(db);
  struct stat st;
  CHECK(!stat(db_path(), &st) && (st.st_mode & 0777) == 0600);
  db = db_open(&mem, db_path(), DB_READ, &why);
  REQUIRE(db);
  CHECK_INT(db_exec(db, "DELETE FROM counters"), ERR_IO);
  db_close(db);
}

/* Made by hand with another number in the header. */
static void make_file(const char *name, const char *sql)
{
  struct db *db = db_open(&mem, path_of(name), DB_CREATE, &why);
  REQUIRE(db);
  CHECK(!db_exec(db, sql));
  db_close(db);
}

TEST(store_refuses_files_with_a_sentence)
{
  static const struct migration second[] = { { 1, NULL }, { 2, "CREATE TABLE u(id INTEGER PRIMARY KEY)" } };
  static const struct {
    const char *name, *sql;
    enum db_mode mode;
    const char *says; /* NULL: opens */
  } cases[] = {
    { "good", "SELECT 1", DB_READ, NULL },
    { "newer", "PRAGMA user_version = 99", DB_WRITE, "newer orderd (schema 99" },
    { "newer", "PRAGMA user_version = 99", DB_READ, "newer orderd (schema 99" },
    { "newer", "PRAGMA user_version = 99", DB_CREATE, "newer orderd (schema 99" },
    { "other", "PRAGMA application_id = 7", DB_WRITE, "is not a database of orderd" },
    { "other", "PRAGMA application_id = 7", DB_CREATE, "is not a database of orderd" },
    { "nothing", NULL, DB_WRITE, "cannot open the database" },
    { "nothing", NULL, DB_READ, "cannot open the database" },
    { "no/such/directory", NULL, DB_CREATE, "cannot open the database" },
    { "text", "", DB_WRITE, "file is not a database" },
    { "text", "", DB_CREATE, "file is not a database" },
    { "empty", "", DB_WRITE, "holds no database yet" },
    { "empty", "", DB_READ, "holds no database yet" },
    { "empty", "", DB_CREATE, NULL },
  };
  clean();
  for (size_t i = 0; i < COUNT(cases); i++) {
    const char *path = path_of(cases[i].name);
    test_note("%s in mode %d", cases[i].name, cases[i].mode);
    if (cases[i].sql && *cases[i].sql && access(path, F_OK)) make_file(cases[i].name, cases[i].sql);
    FILE *f = cases[i].sql && !*cases[i].sql ? fopen(path, "wb") : NULL;
    if (f && cases[i].name[0] == 't')
      for (int k = 0; k < 100; k++) fputs("this is no database, it is a letter to a friend\n", f);
    if (f) fclose(f);
    why = "";
    struct db *db = db_open(&mem, path, cases[i].mode, &why);
    CHECK((db != NULL) == !cases[i].says);
    if (cases[i].says && !CHECK(strstr(why, cases[i].says) != NULL)) printf("    %s\n", why);
    db_close(db);
  }
  test_note("older");
  store_hooks.migrations = second, store_hooks.migrations_n = 2;
  CHECK(!db_open(&mem, path_of("good"), DB_READ, &why));
  CHECK(strstr(why, "older orderd (schema 1, this one reads 2)") != NULL);
}

/* ---- statements ---------------------------------------------------------------------------------------- */
TEST(store_binds_and_reads_every_kind)
{
  static const char SQL[] = "SELECT $1, $2, $3, $4, $5, $6, length($6), typeof($5)";
  clean();
  struct db *db = db_new();
  REQUIRE(db);
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, INT64_MIN), stmt_text(s, 2, "a"), stmt_text(s, 3, NULL), stmt_textn(s, 4, "abcdef", 3);
  stmt_blob(s, 5, NULL, 0), stmt_blob(s, 6, "\0\1", 2);
  REQUIRE(stmt_row(s));
  CHECK_INT(stmt_cols(s), 8);
  CHECK_STR(stmt_col_name(s, 0), "$1");
  CHECK_INT(stmt_col_int(s, 0), INT64_MIN);
  CHECK_STR(stmt_col_text(s, 1), "a");
  CHECK(stmt_col_text(s, 2) == NULL && stmt_col_null(s, 2) && !stmt_col_null(s, 1));
  CHECK(stmt_col_copy(s, 2, &mem) == NULL);
  CHECK_STR(stmt_col_copy(s, 3, &mem), "abc");
  CHECK_STR(stmt_col_text(s, 7), "blob");
  CHECK_INT(stmt_col_int(s, 6), 2);
  size_t n;
  const void *p = stmt_col_blob(s, 5, &n);
  CHECK_MEM(p, n, "\0\1", 2);
  CHECK(!stmt_row(s) && !stmt_row(s)); /* past the end it stays at the end */
  CHECK_INT(stmt_end(s), ERR_OK);
  struct stmt *again = db_stmt(db, SQL);
  CHECK(again == s);
  REQUIRE(stmt_row(again));
  CHECK(stmt_col_null(again, 0) && stmt_col_null(again, 1)); /* unbound */
  s = db_stmt(db, SQL);                                      /* left early: begins anew */
  CHECK(stmt_row(s) && !stmt_row(s));
  CHECK_INT(stmt_end(s), ERR_OK);
  db_close(db);
}

TEST(store_errors_have_names)
{
  clean();
  struct db *db = db_new();
  REQUIRE(db);
  CHECK_INT(put(db, 1, "a", NULL), ERR_OK);
  CHECK_INT(db_changes(db), 1);
  CHECK_INT(put(db, 1, "b", NULL), ERR_CONFLICT);
  CHECK_INT(db_err(db), ERR_CONFLICT);
  CHECK(strstr(db_err_text(db), "t.id") != NULL);
  CHECK_INT(put(db, 2, "a", NULL), ERR_CONFLICT);
  CHECK_INT(put(db, 2, "b", "bad"), ERR_CONFLICT);
  CHECK_INT(put(db, 2, "b", "good"), ERR_OK);
  CHECK_STR(db_err_text(db), "");
  CHECK_INT(ask(db, "SELECT abs(-9223372036854775807 - 1)"), -2);
  CHECK_INT(db_err(db), ERR_INTERNAL);
  struct stmt *s = db_prepare(db, "SELECT name FROM t WHERE id = $1");
  stmt_int(s, 1, 2);
  CHECK(stmt_row(s));
  stmt_drop(s);
  CHECK_INT(count(db), 2);
  db_close(db);
}

static void dies_of(const char *sql)
{
  test_note("%s", sql);
  fflush(stdout);
  pid_t child = fork();
  if (!child) {
    int null = open("/dev/null", O_WRONLY);
    dup2(null, 1), dup2(null, 2);
    signal(SIGABRT, SIG_DFL);
    struct db *db = db_open(&mem, db_path(), DB_WRITE, &why);
    if (db) db_prepare(db, sql);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

/* Bound crosswise, such a statement would write wrong data without a word. */
TEST(store_wrong_sql_is_found_at_once)
{
  clean();
  struct db *db = db_new();
  REQUIRE(db);
  db_close(db);
  dies_of("SELECT $2, $1");
  dies_of("SELECT ?, ?");
  dies_of("SELECT $1, :name");
  dies_of("SELECT $1, $3");
  dies_of("SELECT 1; SELECT 2");
  dies_of("SELEC 1");
  dies_of("SELECT no_such_column FROM t");
  dies_of("");
}

struct seen {
  int n;
  char text[8][96];
};

static void on_trace(void *arg, const char *sql, struct stmt *s)
{
  struct seen *seen = arg;
  struct buf b = { 0 };
  buf_printf(&b, "%.6s", sql);
  for (int at = 1; at <= stmt_bound_count(s); at++) {
    int64_t i;
    const void *p;
    size_t n;
    char kind = stmt_bound(s, at, &i, &p, &n);
    buf_printf(&b, " %c", kind);
    if (kind == 'i') buf_int(&b, i);
    if (kind == 't') buf_put(&b, p, n);
    if (kind == 'b') buf_int(&b, (int64_t)n);
  }
  if (seen->n < 8) snprintf(seen->text[seen->n], sizeof seen->text[0], "%s", b.data);
  seen->n++;
  buf_release(&b);
}

TEST(store_trace_shows_each_finished_statement)
{
  clean();
  struct db *db = db_new();
  REQUIRE(db);
  struct seen seen = { 0 };
  CHECK(!put(db, 1, "before", NULL));
  db_trace(db, on_trace, &seen);
  CHECK(tx_begin(db) && tx_mark(db));
  CHECK(!put(db, 2, "two", NULL));
  CHECK(tx_keep(db) && tx_commit(db));
  struct stmt *s = db_stmt(db, SQL_NAMES);
  CHECK(stmt_row(s) && stmt_row(s) && !stmt_row(s));
  CHECK_INT(stmt_end(s), ERR_OK);
  s = db_prepare(db, "SELECT $1, $2, $1");
  stmt_blob(s, 1, "xyz", 3), stmt_int(s, 2, -5);
  CHECK(stmt_row(s)); /* left early */
  stmt_drop(s);
  db_trace(db, NULL, NULL);
  CHECK(!put(db, 3, "after", NULL));
  CHECK_INT(seen.n, 3);
  CHECK_STR(seen.text[0], "INSERT i2 ttwo n");
  CHECK_STR(seen.text[1], "SELECT");
  CHECK_STR(seen.text[2], "SELECT b3 i-5");
  db_close(db);
}

/* ---- time limits of readers --------------------------------------------------------------------------------- */
static const char SQL_FOREVER[] =
  "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";

TEST(store_deadline_cuts_a_reader)
{
  clean();
  struct db *db = db_new();
  REQUIRE(db);
  CHECK(!put(db, 1, "a", NULL));
  struct db *r = db_open(&mem, db_path(), DB_READ, &why);
  REQUIRE(r);
  db_deadline(r, 20);
  CHECK(tx_begin(r));
  CHECK_INT(ask(r, SQL_FOREVER), -2);
  CHECK_INT(db_err(r), ERR_BUSY);
  CHECK_INT(count(r), 1); /* the next one has a deadline of its own */
  int64_t began = mono_ms();
  while (mono_ms() < began + 81) /* the whole transaction has one too: four times as long */
    usleep(1000);
  CHECK_INT(count(r), -2);
  CHECK_INT(db_err(r), ERR_BUSY);
  tx_rollback(r);
  CHECK(tx_begin(r));
  CHECK_INT(count(r), 1);
  tx_rollback(r);
  db_deadline(r, 0);
  db_close(r);
  db_close(db);
}

TEST(store_readers_see_one_moment)
{
  clean();
  struct db *db = db_new();
  REQUIRE(db);
  CHECK(!put(db, 1, "a", NULL));
  struct readers *pool = readers_open(&mem, db_path(), 2, 5000, &why);
  REQUIRE(pool);
  struct db *x = readers_take(pool), *y = readers_take(pool);
  CHECK(x && y && x != y);
  CHECK(readers_take(pool) == NULL);
  CHECK_INT(count(x), 1);
  CHECK(!put(db, 2, "b", NULL));
  CHECK_INT(count(x), 1); /* still the moment it began */
  CHECK_INT(count(y), 2);
  CHECK_INT(put(x, 3, "c", NULL), ERR_IO);
  readers_give(pool, x);
  x = readers_take(pool);
  CHECK_INT(count(x), 2);
  struct stmt *s = db_stmt(x, SQL_NAMES);
  CHECK(stmt_row(s)); /* given back in the middle of a loop */
  readers_give(pool, x);
  CHECK(!put(db, 3, "c", NULL));
  x = readers_take(pool);
  CHECK_INT(count(x), 3);
  readers_give(pool, x);
  readers_give(pool, y);
  readers_close(pool);
  db_close(db);
  CHECK(!readers_open(&mem, path_of("nothing"), 1, 10, &why));
}

/* The last to close would move the WAL into the file: on a machine that only looks, nobody asked for that. */
TEST(store_readers_never_move_the_wal)
{
  clean();
  simulate(1);
  struct db *db = db_new();
  REQUIRE(db);
  CHECK(!put(db, 1, "a", NULL));
  disk_halt(); /* killed: the WAL stays */
  db_close(db);
  disk_restart();
  int64_t wal = disk_size("t.db-wal"), file = disk_size("t.db");
  CHECK(wal > 4096);
  db = db_open(&mem, "t.db", DB_READ, &why);
  REQUIRE(db);
  CHECK_INT(count(db), 1);
  disk_fault_at(1, DISK_CUT, true); /* counts whatever would change the disk */
  db_close(db);
  CHECK_INT(disk_ops(), 0);
  disk_restart();
  CHECK_INT(disk_size("t.db-wal"), wal);
  CHECK_INT(disk_size("t.db"), file);
}

/* ---- counters ------------------------------------------------------------------------------------------------- */
static int64_t next_committed(struct db *db, const char *name)
{
  if (!CHECK(tx_begin(db))) return -1;
  int64_t id = db_next_id(db, name);
  CHECK(tx_commit(db));
  return id;
}

TEST(store_counters_never_double)
{
  clean();
  struct db *db = db_new();
  REQUIRE(db);
  CHECK_INT(next_committed(db, "order"), 1);
  CHECK_INT(next_committed(db, "order"), 2);
  CHECK_INT(next_committed(db, "line"), 1);
  CHECK(tx_begin(db) && tx_mark(db));
  CHECK_INT(db_next_id(db, "order"), 3);
  CHECK(tx_undo(db) && tx_keep(db));
  CHECK_INT(db_next_id(db, "order"), 4); /* a gap */
  CHECK(tx_commit(db));
  CHECK(tx_begin(db));
  CHECK_INT(db_next_id(db, "order"), 5);
  tx_rollback(db);
  CHECK_INT(ask(db, "SELECT value FROM counters WHERE name = 'order'"), 4);
  CHECK_INT(next_committed(db, "order"), 6);
  CHECK_INT(ask(db, "SELECT value FROM counters WHERE name = 'order'"), 6);
  struct db *other = db_open(&mem, db_path(), DB_WRITE, &why);
  REQUIRE(other);
  CHECK_INT(next_committed(other, "order"), 7);
  CHECK_INT(next_committed(other, "fresh"), 1);
  CHECK_INT(next_committed(db, "order"), 8); /* saw that somebody else wrote */
  CHECK_INT(next_committed(db, "fresh"), 2);
  CHECK_INT(next_committed(other, "order"), 9);
  db_close(other);
  db_close(db);
  db = db_open(&mem, db_path(), DB_WRITE, &why);
  REQUIRE(db);
  CHECK_INT(next_committed(db, "order"), 10);
  db_close(db);
}

TEST(store_counters_cost_one_row_per_transaction)
{
  clean();
  struct db *db = db_new();
  REQUIRE(db);
  struct seen seen = { 0 };
  CHECK_INT(next_committed(db, "order"), 1);
  CHECK_INT(next_committed(db, "line"), 1);
  db_trace(db, on_trace, &seen);
  CHECK(tx_begin(db));
  for (int i = 0; i < 100; i++) CHECK_INT(db_next_id(db, "order"), i + 2);
  CHECK(tx_commit(db));
  CHECK_INT(seen.n, 1);
  CHECK_STR(seen.text[0], "INSERT torder i101");
  db_close(db);
}

/* ---- the writer ------------------------------------------------------------------------------------------------- */
struct put_job {
  struct job job;
  int64_t id;
  const char *name, *note;
  enum err then; /* returned after the statement went well */
  bool numbered; /* the id is a counter's */
  int answered, again;
};

static enum err put_run(struct job *j, struct db *db)
{
  struct put_job *p = (struct put_job *)j;
  if (p->numbered) p->id = db_next_id(db, "t");
  TRY(put(db, p->id, p->name, p->note));
  return p->then;
}

static void put_done(struct job *j)
{
  ((struct put_job *)j)->answered++;
}

static void put_again(struct job *j)
{
  struct put_job *p = (struct put_job *)j;
  p->again++;
  p->job.err = ERR_OK;
}

static void push(struct writer *w, struct put_job *p)
{
  p->job.run = put_run;
  p->job.done = put_done;
  CHECK(writer_push(w, &p->job));
}

static int ends[2]; /* batches lost, batches committed */
static void on_end(void *arg, struct db *db, bool committed)
{
  (void)arg, (void)db;
  ends[committed]++;
}

static struct writer *writer_new(bool gather)
{
  struct db *db = db_new();
  if (!db) return NULL;
  db_close(db);
  memset(ends, 0, sizeof ends);
  struct writer_options o = {
    .path = db_path(), .inline_mode = true, .inline_gather = gather, .batch_end = on_end
  };
  struct writer *w = writer_open(&mem, &o, &why);
  CHECK(w != NULL);
  return w;
}

static void failed_jobs(bool bold)
{
  clean();
  struct writer *w = writer_new(true);
  REQUIRE(w);
  struct put_job p[] = {
    { .id = 1, .name = "one" },
    { .id = 2, .name = "two", .then = ERR_INVALID }, /* written, then thought better of it */
    { .id = 1, .name = "three" },                    /* a key that is there */
    { .id = 4, .name = "two" },                      /* free again */
    { .id = 5, .name = "five", .note = "bad" },
    { .id = 6, .name = "six" },
  };
  static const enum err want[] = { ERR_OK, ERR_INVALID, ERR_CONFLICT, ERR_OK, ERR_CONFLICT, ERR_OK };
  for (size_t i = 0; i < COUNT(p); i++) {
    p[i].job.again = bold ? put_again : NULL;
    push(w, &p[i]);
  }
  CHECK_INT(writer_waiting(w), COUNT(p));
  writer_collect(w);
  for (size_t i = 0; i < COUNT(p); i++) {
    test_note("job %zu", i);
    CHECK_INT(p[i].job.err, want[i]);
    CHECK_INT(p[i].answered, 1);
    CHECK_INT(p[i].again, bold);
  }
  test_note(" ");
  CHECK_INT(count(writer_db(w)), 3);
  CHECK(ends[1] == 1 && ends[0] == 0);
  struct db_stats st = writer_stats(w);
  CHECK(st.batches == 1 && st.commands == 6 && st.page_size == 4096 && st.pages > 3 && st.wal_bytes > 0);
  CHECK_INT(writer_waiting(w), 0);
  CHECK_INT(writer_lag_ms(w), 0);
  writer_close(w);
}

TEST(store_a_failed_job_leaves_the_others)
{
  failed_jobs(false);
}

TEST(store_a_failed_job_leaves_the_others_of_a_batch_without_savepoints)
{
  failed_jobs(true);
}

/* Only what was left behind needs the batch again; one job that must not run twice keeps all from being bold. */
TEST(store_a_batch_runs_twice_only_when_it_must)
{
  static const struct {
    enum err then;
    int64_t id; /* of the second job; 1 is taken */
    bool once;  /* the first must not run twice */
    int again;
  } cases[] = {
    { ERR_OK, 2, false, 0 },     { ERR_OK, 1, false, 0 }, { ERR_INVALID, 2, false, 1 },
    { ERR_INVALID, 2, true, 0 }, { ERR_OK, 2, true, 0 },  { ERR_DISK_FULL, 2, false, 1 },
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    test_note("case %zu", i);
    clean();
    unlink(db_path());
    struct writer *w = writer_new(true);
    REQUIRE(w);
    struct put_job p[] = { { .id = 1, .name = "one" },
                           { .id = cases[i].id, .name = "two", .then = cases[i].then },
                           { .id = 3, .name = "three" } };
    for (size_t k = 0; k < COUNT(p); k++) {
      p[k].job.again = k || !cases[i].once ? put_again : NULL;
      push(w, &p[k]);
    }
    writer_collect(w);
    bool fails = cases[i].then || cases[i].id == 1;
    CHECK(p[0].job.err == ERR_OK && p[2].job.err == ERR_OK);
    CHECK_INT(p[1].job.err, cases[i].then ? cases[i].then : cases[i].id == 1 ? ERR_CONFLICT : ERR_OK);
    for (size_t k = 0; k < COUNT(p); k++) CHECK_INT(p[k].again, cases[i].again);
    CHECK_INT(count(writer_db(w)), fails ? 2 : 3);
    writer_close(w);
  }
  test_note(" ");
}

/* ---- durable ---------------------------------------------------------------------------------------------------- */
static struct {
  pthread_mutex_t lock;
  pthread_cond_t turn;
  int begun, let, fail;
} syncs = { .lock = PTHREAD_MUTEX_INITIALIZER, .turn = PTHREAD_COND_INITIALIZER };

/* A disk that takes its time: each sync waits until the test lets it. */
static int slow_sync(int fd)
{
  pthread_mutex_lock(&syncs.lock);
  int mine = ++syncs.begun;
  pthread_cond_broadcast(&syncs.turn);
  while (syncs.let < mine) pthread_cond_wait(&syncs.turn, &syncs.lock);
  int fail = syncs.fail;
  pthread_mutex_unlock(&syncs.lock);
  errno = EIO;
  return fail ? -1 : fdatasync(fd);
}

static void syncs_wait(int n)
{
  pthread_mutex_lock(&syncs.lock);
  while (syncs.begun < n) pthread_cond_wait(&syncs.turn, &syncs.lock);
  pthread_mutex_unlock(&syncs.lock);
}

static void syncs_let(int n, bool fail)
{
  pthread_mutex_lock(&syncs.lock);
  syncs.let = n, syncs.fail = fail;
  pthread_cond_broadcast(&syncs.turn);
  pthread_mutex_unlock(&syncs.lock);
}

static struct writer *writer_slow(void)
{
  struct db *db = db_new();
  if (!db) return NULL;
  db_close(db);
  syncs.begun = syncs.let = syncs.fail = 0;
  store_hooks.sync_fd = slow_sync;
  struct writer_options o = { .path = db_path() };
  struct writer *w = writer_open(&mem, &o, &why);
  CHECK(w != NULL);
  return w;
}

static void answered_wait(struct writer *w, const struct put_job *p)
{
  while (!p->answered) writer_collect(w), usleep(200);
}

/* The next batch runs while the disk is at work on the one before, and readers see it; nobody hears of it. */
TEST(store_answers_wait_for_the_disk)
{
  clean();
  struct writer *w = writer_slow();
  REQUIRE(w);
  struct put_job a = { .id = 1, .name = "one" }, b = { .id = 2, .name = "two" },
                 c = { .id = 3, .name = "three" }, d = { .id = 4, .name = "four" };
  struct db *r = db_open(&mem, db_path(), DB_READ, &why);
  REQUIRE(r);
  push(w, &a);
  syncs_wait(1);
  push(w, &b);
  while (count(r) < 2) usleep(200);
  push(w, &c);
  while (count(r) < 3) usleep(200);
  push(w, &d);
  usleep(20000);
  CHECK_INT(count(r), 3); /* one in the sync, two that wait for it: the fourth has not begun */
  CHECK(tx_begin(r));
  CHECK_INT(db_batch(r), 3);
  tx_rollback(r);
  CHECK_INT(writer_durable(w), 0);
  writer_collect(w);
  CHECK(!a.answered && !b.answered && !c.answered);
  CHECK(writer_lag_ms(w) >= 20);
  syncs_let(1, false);
  answered_wait(w, &a);
  syncs_wait(2);
  CHECK(!b.answered && !c.answered && !d.answered);
  CHECK_INT(writer_durable(w), 1);
  syncs_let(9, false);
  answered_wait(w, &b);
  answered_wait(w, &c);
  answered_wait(w, &d);
  CHECK(!a.job.err && !b.job.err && !c.job.err && !d.job.err);
  CHECK_INT(writer_durable(w), 4);
  CHECK_INT(count(r), 4);
  db_close(r);
  writer_close(w);
}

TEST(store_answers_nobody_when_the_disk_fails)
{
  clean();
  struct writer *w = writer_slow();
  REQUIRE(w);
  store_hooks.die = on_die;
  struct put_job a = { .id = 1, .name = "one" };
  push(w, &a);
  syncs_wait(1);
  syncs_let(9, true);
  answered_wait(w, &a);
  CHECK_INT(died, 1);
  CHECK_INT(a.job.err, ERR_IO);
  syncs_let(9, false);
  writer_close(w);
}

TEST(store_closing_waits_for_the_disk)
{
  clean();
  struct writer *w = writer_slow();
  REQUIRE(w);
  struct put_job a = { .id = 1, .name = "one" };
  push(w, &a);
  syncs_wait(1);
  syncs_let(9, false);
  writer_close(w);
  CHECK_INT(a.answered, 1);
  CHECK_INT(a.job.err, ERR_OK);
}

/* The engine itself rolls back everything (here: because it was told to; in life: a full disk). What
 * the job still does must not be committed on its own. */
static enum err rollback_run(struct job *j, struct db *db)
{
  (void)j;
  db_exec(db, "INSERT OR ROLLBACK INTO t(id, name) VALUES (1, 'again')");
  put(db, 99, "after the end", NULL);
  db_exec(db, "INSERT INTO t(id, name) VALUES (98, 'after the end too')");
  db_next_id(db, "t");
  return ERR_OK;
}

TEST(store_nothing_runs_after_the_engine_gave_up)
{
  clean();
  struct writer *w = writer_new(true);
  REQUIRE(w);
  struct put_job a = { .id = 1, .name = "one" }, b = { .id = 2, .name = "two" },
                 c = { .id = 3, .name = "three" };
  struct put_job bad = { .id = 0 };
  push(w, &a);
  writer_collect(w);
  push(w, &b);
  bad.job.run = rollback_run, bad.job.done = put_done;
  CHECK(writer_push(w, &bad.job));
  push(w, &c);
  writer_collect(w);
  CHECK(b.job.err == ERR_IO && bad.job.err == ERR_IO && c.job.err == ERR_IO);
  CHECK(b.answered == 1 && bad.answered == 1 && c.answered == 1);
  CHECK_INT(count(writer_db(w)), 1);
  CHECK(ends[1] == 1 && ends[0] == 1);
  push(w, &b);
  writer_collect(w);
  CHECK_INT(b.job.err, ERR_OK);
  CHECK_INT(count(writer_db(w)), 2);
  writer_close(w);
}

/* Writes, and passes over a statement that the engine could not run just now. */
static enum err careless_run(struct job *j, struct db *db)
{
  struct put_job *p = (struct put_job *)j;
  struct stmt *s = db_prepare(db, "SELECT id FROM t");
  CHECK(stmt_row(s));
  CHECK_INT(db_exec(db, "DROP TABLE t"), ERR_BUSY); /* somebody reads it */
  stmt_drop(s);
  return put(db, p->id, p->name, p->note);
}

TEST(store_a_job_that_overlooks_trouble_is_undone)
{
  clean();
  struct writer *w = writer_new(true);
  REQUIRE(w);
  struct put_job a = { .id = 1, .name = "one" }, b = { .id = 2, .name = "two" },
                 c = { .id = 3, .name = "three" };
  push(w, &a);
  b.job.run = careless_run, b.job.done = put_done;
  CHECK(writer_push(w, &b.job));
  push(w, &c);
  writer_collect(w);
  CHECK(a.job.err == ERR_OK && c.job.err == ERR_OK);
  CHECK_INT(b.job.err, ERR_BUSY);
  CHECK_INT(count(writer_db(w)), 2);
  writer_close(w);
}

static void batch_fails(enum disk_fault fault, enum err want)
{
  clean();
  simulate(7);
  struct writer *w = writer_new(true);
  REQUIRE(w);
  struct put_job a = { .numbered = true, .name = "one" }, b = { .numbered = true, .name = "two" };
  struct put_job c = { .numbered = true, .name = "three" };
  push(w, &a);
  writer_collect(w);
  CHECK_INT(a.id, 1);
  disk_fault_at(1, fault, true);
  push(w, &b), push(w, &c);
  writer_collect(w);
  CHECK(disk_faulted());
  CHECK_INT(b.job.err, want);
  CHECK_INT(c.job.err, want);
  CHECK(ends[0] == 1 && ends[1] == 1);
  CHECK_INT(count(writer_db(w)), 1); /* reading goes on */
  disk_fault_at(0, DISK_NONE, false);
  push(w, &b), push(w, &c);
  writer_collect(w);
  CHECK_INT(b.job.err, ERR_OK);
  CHECK(b.id > 1 && c.id > b.id);
  CHECK_INT(b.answered, 2);
  CHECK_INT(died, 0);
  CHECK_INT(ask(writer_db(w), "SELECT count(*) FROM counters WHERE name <> '" COUNTER_BATCH "'"), 1);
  CHECK_INT(ask(writer_db(w), "SELECT value FROM counters WHERE name <> '" COUNTER_BATCH "'"), c.id);
  writer_close(w);
}

TEST(store_a_full_disk_fails_the_batch_and_passes)
{
  batch_fails(DISK_FULL, ERR_DISK_FULL);
}

static enum err nothing_run(struct job *j, struct db *db)
{
  (void)j, (void)db;
  return ERR_OK;
}

/* The sync of a commit fails once and then seems to go well: it must never be asked again. */
TEST(store_a_failed_fsync_is_the_end)
{
  clean();
  simulate(11);
  struct writer *w = writer_new(true);
  REQUIRE(w);
  struct put_job a = { .id = 1, .name = "one" }, b = { .id = 2, .name = "two" },
                 c = { .id = 3, .name = "three" };
  push(w, &a);
  writer_collect(w);
  disk_fault_at(1, DISK_FSYNC, false);
  push(w, &b);
  writer_collect(w);
  CHECK_INT(died, 1);
  CHECK_INT(b.job.err, ERR_IO);
  push(w, &c);
  writer_collect(w);
  CHECK_INT(c.job.err, ERR_IO);
  c.job.run = nothing_run;
  CHECK(writer_push(w, &c.job));
  writer_collect(w);
  CHECK_INT(c.job.err, ERR_IO); /* not even what writes nothing is said to be done */
  disk_halt();
  writer_close(w);
  disk_power_cut(3);
  struct db *db = db_new();
  REQUIRE(db);
  CHECK(count(db) >= 1 && count(db) <= 2);
  CHECK_INT(db_integrity(db, say_nothing, db), 0);
  db_close(db);
}

/* Without the hook: exit status 70, told on standard error. */
TEST(store_fail_stop_ends_the_process)
{
  clean();
  fflush(stdout);
  pid_t child = fork();
  if (!child) {
    int null = open("/dev/null", O_WRONLY);
    dup2(null, 1), dup2(null, 2);
    simulate(5);
    store_hooks.die = NULL;
    struct db *db = db_open(&mem, "t.db", DB_CREATE, &why);
    disk_fault_at(1, DISK_FSYNC, false);
    if (db) put(db, 1, "one", NULL);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 70);
}

/* On the system's own VFS: what a killed process left in the WAL is written over itself before anything else. More than
 * the 128 KiB of which that VFS would write nothing. */
TEST(store_settles_a_large_wal_of_a_killed_process)
{
  clean();
  struct db *db = db_new();
  REQUIRE(db);
  db_close(db);
  pid_t child = fork();
  if (!child) {
    struct put_job p = { 0 };
    struct writer_options o = { .path = db_path(), .inline_mode = true };
    struct writer *w = writer_open(&mem, &o, &why);
    char name[4000];
    for (int i = 1; w && i <= 200; i++) {
      memset(name, 'a' + i % 26, sizeof name), snprintf(name, 20, "%d", i), name[strlen(name)] = '-',
                                                                            name[sizeof name - 1] = 0;
      p = (struct put_job){ .id = i, .name = name };
      push(w, &p);
    }
    _exit(!w || p.job.err || db_wal_pages(writer_db(w)) < 200);
  }
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  db = db_open(&mem, db_path(), DB_WRITE, &why);
  REQUIRE(db);
  CHECK_INT(count(db), 200);
  CHECK(tx_begin(db));
  CHECK(!put(db, 201, "two hundred and one", NULL));
  CHECK(tx_commit(db));
  db_close(db);
}

/* A full disk at the start: reading works, writing is refused until there is room, without a restart. */
TEST(store_starts_on_a_full_disk)
{
  clean();
  simulate(13);
  struct db *db = db_new();
  REQUIRE(db);
  CHECK(!put(db, 1, "one", NULL));
  disk_halt();
  db_close(db);
  disk_restart();
  disk_fault_at(2, DISK_FULL, true); /* the first is the shared memory */
  db = db_open(&mem, "t.db", DB_WRITE, &why);
  REQUIRE(db);
  CHECK(disk_faulted());
  CHECK_INT(count(db), 1);
  CHECK(!tx_begin(db));
  CHECK_INT(db_err(db), ERR_DISK_FULL);
  disk_fault_at(0, DISK_NONE, false);
  CHECK(tx_begin(db));
  CHECK(!put(db, 2, "two", NULL));
  CHECK(tx_commit(db));
  CHECK_INT(count(db), 2);
  db_close(db);
}

/* ---- migrations --------------------------------------------------------------------------------------------------- */
static const struct migration steps[] = {
  { 1, NULL },
  { 2, "CREATE TABLE u(id INTEGER PRIMARY KEY, name TEXT); INSERT INTO u SELECT id, name FROM t" },
  { 3, "ALTER TABLE u ADD COLUMN size INTEGER; UPDATE u SET size = length(name); DROP TABLE t" },
};
static const struct migration broken_steps[] = {
  { 1, NULL },
  { 2, "CREATE TABLE u(id INTEGER PRIMARY KEY, name TEXT); INSERT INTO u SELECT id, name FROM t" },
  { 3, "INSERT INTO u SELECT id, name FROM t" },
};

static void make_old(int rows)
{
  struct db *db = db_new();
  REQUIRE(db);
  for (int i = 1; i <= rows; i++) CHECK(!put(db, i, arena_printf(&mem, "name %d", i), NULL));
  db_close(db);
}

TEST(store_migrates_in_one_transaction)
{
  clean();
  make_old(50);
  store_hooks.migrations = broken_steps, store_hooks.migrations_n = 3;
  CHECK(!db_open(&mem, db_path(), DB_WRITE, &why));
  CHECK(strstr(why, "cannot bring the schema up to date") != NULL);
  store_hooks.migrations = steps, store_hooks.migrations_n = 1;
  struct db *db = db_open(&mem, db_path(), DB_WRITE, &why);
  REQUIRE(db); /* still the old one, whole */
  CHECK_INT(db_schema_version(db), 1);
  CHECK_INT(ask(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'u'"), 0);
  db_close(db);
  store_hooks.migrations = steps, store_hooks.migrations_n = 3;
  db = db_open(&mem, db_path(), DB_WRITE, &why);
  REQUIRE(db);
  CHECK_INT(db_schema_version(db), 3);
  CHECK_INT(ask(db, "SELECT count(*) FROM u WHERE size = length(name)"), 50);
  db_close(db);
  store_hooks.schema = COUNTERS "CREATE TABLE u(id INTEGER PRIMARY KEY, name TEXT, size INTEGER)";
  db = db_open(&mem, path_of("fresh.db"), DB_CREATE, &why); /* a new file needs no steps */
  REQUIRE(db);
  CHECK_INT(db_schema_version(db), 3);
  db_close(db);
}

/* The text of a table or index without what people read only: comments and blanks. */
static void schema_fold(struct buf *out, const char *sql)
{
  for (; *sql; sql++) {
    if (sql[0] == '-' && sql[1] == '-') {
      while (sql[1] && sql[1] != '\n') sql++;
      continue;
    }
    if (!strchr(" \n\t", *sql)) buf_char(out, *sql);
  }
}

static void schema_put(struct db *db, struct buf *out)
{
  struct stmt *s = db_prepare(db, "SELECT name, coalesce(sql, '') FROM sqlite_schema ORDER BY name");
  while (stmt_row(s)) {
    buf_printf(out, "%s: ", stmt_col_text(s, 0));
    schema_fold(out, stmt_col_text(s, 1));
    buf_char(out, '\n');
  }
  stmt_drop(s);
}

/* A file of the first release, brought up to date, has the schema of a new one: schema.sql and the migrations agree. */
TEST(store_migrations_lead_to_schema_sql)
{
  clean();
  store_hooks = (struct store_hooks){ 0 };
  struct db *db = db_new();
  struct buf fresh = { 0 }, old = { 0 };
  REQUIRE(db);
  schema_put(db, &fresh);
  db_close(db);
  size_t n;
  static const struct migration first[] = { { 1, NULL } };
  const char *schema = file_read(&mem, "test/data/schema_1.sql", 1 << 20, &n);
  REQUIRE(schema);
  store_hooks = (struct store_hooks){ .schema = schema, .migrations = first, .migrations_n = 1 };
  db = db_open(&mem, path_of("first.db"), DB_CREATE, &why);
  REQUIRE(db);
  db_close(db);
  store_hooks = (struct store_hooks){ 0 };
  db = db_open(&mem, path_of("first.db"), DB_WRITE, &why);
  REQUIRE(db);
  schema_put(db, &old);
  db_close(db);
  CHECK_STR(old.data, fresh.data);
  buf_release(&fresh), buf_release(&old);
}

/* The power goes at every operation of the migration: the file is old or new, and opens again. */
TEST(store_migration_cut_anywhere)
{
  clean();
  simulate(17);
  make_old(30);
  disk_keep();
  store_hooks.migrations = steps, store_hooks.migrations_n = 3;
  int64_t k = 0;
  do {
    disk_back();
    disk_fault_at(++k, DISK_CUT, false);
    db_close(db_open(&mem, "t.db", DB_WRITE, &why));
    bool cut = disk_faulted();
    disk_halt();
    disk_power_cut((uint64_t)k);
    test_note("cut at operation %lld", (long long)k);
    struct db *db = db_open(&mem, "t.db", DB_WRITE, &why);
    REQUIRE(db);
    CHECK_INT(db_schema_version(db), 3);
    CHECK_INT(ask(db, "SELECT count(*) FROM u WHERE size = length(name)"), 30);
    CHECK_INT(db_integrity(db, say_nothing, db), 0);
    db_close(db);
    if (!cut) break;
  } while (k < 1000);
  CHECK(k > 5 && k < 1000);
}

/* The same while the file is made: afterwards there is none, or a whole one. */
TEST(store_creation_cut_anywhere)
{
  clean();
  store_hooks.schema = NULL;
  int64_t k = 0;
  bool cut;
  do {
    simulate((uint64_t)k + 1);
    disk_fault_at(++k, DISK_CUT, false);
    struct db *db = db_open(&mem, "t.db", DB_CREATE, &why);
    bool made = db != NULL;
    cut = disk_faulted();
    disk_halt();
    db_close(db);
    disk_power_cut((uint64_t)k);
    test_note("cut at operation %lld", (long long)k);
    if (made) {
      db = db_open(&mem, "t.db", DB_WRITE, &why); /* it was reported as made */
      REQUIRE(db);
      db_close(db);
    }
    db = db_open(&mem, "t.db", DB_CREATE, &why);
    REQUIRE(db);
    CHECK_INT(db_integrity(db, say_nothing, db), 0);
    CHECK(ask(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'counters'") == 1);
    db_close(db);
  } while (cut && k < 1000);
  CHECK(k > 20 && k < 1000);
}

/* ---- the writer's threads ---------------------------------------------------------------------------------------- */
#define PUSHERS 8
#define EACH 2000
struct pusher {
  struct writer *w;
  pthread_t thread;
  struct put_job job[EACH];
};

static void *pusher_main(void *arg)
{
  struct pusher *p = arg;
  for (int i = 0; i < EACH; i++)
    while (!writer_push(p->w, &p->job[i].job)) usleep(100);
  return NULL;
}

static pthread_mutex_t bell = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t bell_rung = PTHREAD_COND_INITIALIZER;
static int rings;

static void ring(void *arg)
{
  (void)arg;
  pthread_mutex_lock(&bell);
  rings++;
  pthread_cond_signal(&bell_rung);
  pthread_mutex_unlock(&bell);
}

static void wait_ring(void)
{
  pthread_mutex_lock(&bell);
  while (!rings) pthread_cond_wait(&bell_rung, &bell);
  rings = 0;
  pthread_mutex_unlock(&bell);
}

static struct writer *threaded(int64_t low_after_ms)
{
  struct db *db = db_new();
  if (!db) return NULL;
  db_close(db);
  rings = 0;
  struct writer_options o = { .path = db_path(), .wake = ring, .low_after_ms = low_after_ms };
  struct writer *w = writer_open(&mem, &o, &why);
  CHECK(w != NULL);
  return w;
}

static int64_t answers;
static void count_done(struct job *j)
{
  put_done(j);
  answers++;
}

TEST(store_many_threads_one_writer)
{
  clean();
  struct writer *w = threaded(0);
  REQUIRE(w);
  struct pusher *p = mem_new(sizeof *p * PUSHERS);
  answers = 0;
  for (int t = 0; t < PUSHERS; t++) {
    p[t].w = w;
    for (int i = 0; i < EACH; i++)
      p[t].job[i] = (struct put_job){ .job = { .run = put_run, .done = count_done },
                                      .numbered = true,
                                      .note = "from a thread" };
    pthread_create(&p[t].thread, NULL, pusher_main, &p[t]);
  }
  while (answers < PUSHERS * EACH) wait_ring(), writer_collect(w);
  for (int t = 0; t < PUSHERS; t++) {
    int64_t last = 0;
    pthread_join(p[t].thread, NULL);
    for (int i = 0; i < EACH; i++) {
      if (p[t].job[i].answered != 1 || p[t].job[i].job.err || p[t].job[i].id <= last) {
        CHECK_INT(p[t].job[i].answered, 1);
        CHECK_INT(p[t].job[i].job.err, ERR_OK);
        CHECK(p[t].job[i].id > last); /* a thread's jobs in its order */
      }
      last = p[t].job[i].id;
    }
  }
  struct db_stats st = writer_stats(w);
  CHECK_INT(st.commands, PUSHERS * EACH);
  CHECK(st.batches <= st.commands);
  writer_close(w);
  CHECK(access(arena_printf(&mem, "%s-wal", db_path()), F_OK) != 0); /* one file is left */
  struct db *db = db_open(&mem, db_path(), DB_READ, &why);
  REQUIRE(db);
  CHECK_INT(count(db), PUSHERS * EACH);
  CHECK_INT(ask(db, "SELECT max(id) FROM t"), PUSHERS * EACH);
  db_close(db);
  mem_free(p);
}

/* A job that holds the writer until it is let go. */
struct gate {
  struct job job;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  bool inside, open;
};

static enum err gate_run(struct job *j, struct db *db)
{
  struct gate *g = (struct gate *)j;
  (void)db;
  pthread_mutex_lock(&g->lock);
  g->inside = true;
  pthread_cond_broadcast(&g->changed);
  while (!g->open) pthread_cond_wait(&g->changed, &g->lock);
  pthread_mutex_unlock(&g->lock);
  return ERR_OK;
}

static void gate_close(struct gate *g, struct writer *w)
{
  *g = (struct gate){ .job = { .run = gate_run } };
  pthread_mutex_init(&g->lock, NULL);
  pthread_cond_init(&g->changed, NULL);
  CHECK(writer_push(w, &g->job));
  pthread_mutex_lock(&g->lock);
  while (!g->inside) pthread_cond_wait(&g->changed, &g->lock);
  pthread_mutex_unlock(&g->lock);
}

static void gate_open(struct gate *g)
{
  pthread_mutex_lock(&g->lock);
  g->open = true;
  pthread_cond_broadcast(&g->changed);
  pthread_mutex_unlock(&g->lock);
}

TEST(store_queue_has_an_end)
{
  clean();
  struct writer *w = threaded(0);
  REQUIRE(w);
  struct gate g;
  struct put_job *p = mem_new(sizeof *p * (WRITER_QUEUE_MAX + 1));
  gate_close(&g, w);
  answers = 0;
  for (int i = 0; i <= WRITER_QUEUE_MAX; i++) {
    p[i] = (struct put_job){ .job = { .run = put_run, .done = count_done }, .numbered = true };
    bool taken = writer_push(w, &p[i].job);
    if (taken != (i < WRITER_QUEUE_MAX)) CHECK_INT(i, WRITER_QUEUE_MAX);
  }
  CHECK_INT(writer_waiting(w), WRITER_QUEUE_MAX);
  int64_t began = mono_ms();
  while (mono_ms() < began + 5) usleep(1000);
  CHECK(writer_lag_ms(w) >= 5);
  gate_open(&g);
  writer_close(w); /* runs and answers what waits */
  CHECK_INT(answers, WRITER_QUEUE_MAX);
  mem_free(p);
}

#define FLOOD 1500
static int64_t place_of_low(int64_t low_after_ms)
{
  clean();
  struct writer *w = threaded(low_after_ms);
  if (!w) return -1;
  struct gate g;
  struct put_job *p = mem_new(sizeof *p * (FLOOD + 1)), *low = &p[FLOOD];
  gate_close(&g, w);
  for (int i = 0; i <= FLOOD; i++)
    p[i] = (struct put_job){ .job = { .run = put_run, .done = put_done }, .numbered = true };
  CHECK(writer_push_low(w, &low->job));
  for (int i = 0; i < FLOOD; i++) CHECK(writer_push(w, &p[i].job));
  int64_t began = mono_ms();
  while (mono_ms() < began + 5) usleep(1000);
  gate_open(&g);
  writer_close(w);
  int64_t id = low->id;
  unlink(db_path());
  CHECK_INT(low->answered, 1);
  mem_free(p);
  return id;
}

TEST(store_low_jobs_wait_but_not_for_ever)
{
  CHECK_INT(place_of_low(1000 * 1000), FLOOD + 1); /* after everything else */
  CHECK_INT(place_of_low(1), 1);                   /* it has waited long enough: next */
}

/* ---- the WAL ------------------------------------------------------------------------------------------------------ */
#define PAGE_NOTE 3000
static void small_wal(void)
{
  store_hooks.checkpoint_pages = 40;
  store_hooks.wal_max_bytes = 400 * 4120;
  store_hooks.wal_wait_ms = 50;
}

static const char *page_note(void)
{
  char *note = arena_alloc(&mem, PAGE_NOTE + 1);
  memset(note, 'x', PAGE_NOTE);
  return note;
}

static int64_t file_bytes(const char *path)
{
  struct stat st;
  return stat(path, &st) ? -1 : st.st_size;
}

/* Writes without a pause; the WAL must begin anew again and again. */
TEST(store_wal_begins_anew_under_load)
{
  clean();
  small_wal();
  struct writer *w = threaded(0);
  REQUIRE(w);
  const char *note = page_note(), *wal = arena_printf(&mem, "%s-wal", db_path());
  struct put_job *p = mem_new(sizeof *p * 4000);
  answers = 0;
  for (int i = 0; i < 4000; i++) {
    p[i] = (struct put_job){ .job = { .run = put_run, .done = count_done }, .numbered = true, .note = note };
    CHECK(writer_push(w, &p[i].job));
    while (writer_waiting(w) > 16) /* small batches */
      usleep(50);
    if (i % 64 == 0) writer_collect(w);
  }
  while (answers < 4000) wait_ring(), writer_collect(w);
  struct db_stats st = writer_stats(w);
  CHECK(st.checkpoints > 2);
  CHECK(file_bytes(wal) <= store_hooks.wal_max_bytes); /* of 4,000 pages and more that were written */
  int failed = 0;
  for (int i = 0; i < 4000; i++) failed += p[i].job.err != ERR_OK;
  CHECK_INT(failed, 0);
  writer_close(w);
  mem_free(p);
}

/* Somebody reads an old state and does not stop: the WAL stops at its limit, writing is refused, and both
 * end when the reader does. */
TEST(store_a_reader_that_stays)
{
  clean();
  small_wal();
  struct writer *w = writer_new(false);
  REQUIRE(w);
  const char *note = page_note(), *wal = arena_printf(&mem, "%s-wal", db_path());
  struct put_job p[1] = { { .numbered = true, .note = note } };
  push(w, p);
  struct db *r = db_open(&mem, db_path(), DB_READ, &why);
  REQUIRE(r);
  CHECK(tx_begin(r));
  CHECK_INT(count(r), 1);
  int stored = 1, refused = 0;
  for (int i = 0; i < 600; i++) {
    push(w, p);
    if (p->job.err == ERR_BUSY) refused++;
    else if (CHECK_INT(p->job.err, ERR_OK)) stored++;
  }
  CHECK(refused > 0 && stored > 40);
  CHECK(file_bytes(wal) <= store_hooks.wal_max_bytes);
  CHECK_INT(count(r), 1);
  tx_rollback(r);
  push(w, p);
  CHECK_INT(p->job.err, ERR_OK);
  CHECK_INT(count(r), stored + 1);
  CHECK(writer_stats(w).wal_bytes < store_hooks.wal_max_bytes / 2);
  db_close(r);
  writer_close(w);
}

/* ---- damage, backup ------------------------------------------------------------------------------------------------- */
static void count_finding(void *arg, const char *text)
{
  (void)text;
  ++*(int *)arg;
}

TEST(store_check_finds_damage)
{
  clean();
  store_hooks.die = on_die;
  struct db *db = db_new();
  REQUIRE(db);
  CHECK(tx_begin(db));
  for (int i = 1; i <= 400; i++)
    CHECK(!put(db, i, arena_printf(&mem, "a name of some length, number %d", i), NULL));
  CHECK(tx_commit(db));
  int64_t root = ask(db, "SELECT rootpage FROM sqlite_schema WHERE name = 'sqlite_autoindex_t_1'");
  db_close(db);
  FILE *f = fopen(db_path(), "r+b");
  REQUIRE(f);
  fseek(f, (long)(root - 1) * 4096, SEEK_SET);
  for (int i = 0; i < 4096; i++) fputc(0xee, f);
  fclose(f);
  db = db_open(&mem, db_path(), DB_READ, &why);
  REQUIRE(db);
  int found = 0;
  int n = db_integrity(db, count_finding, &found);
  if (!CHECK(n > 0)) printf("    %d %s\n", n, db_err_text(db));
  CHECK(found > 0);
  CHECK_INT(died, 0);
  enum err e = db_backup(&mem, db_path(), path_of("copy.db"), &why);
  CHECK_INT(e, ERR_IO); /* a copy of damage is no backup */
  CHECK(access(path_of("copy.db"), F_OK) && access(path_of("copy.db.tmp"), F_OK));
  CHECK_INT(ask(db, "SELECT count(*) FROM t WHERE name = 'a name of some length, number 7'"), -2);
  CHECK_INT(died, 1);
  db_close(db);
}

TEST(store_check_finds_a_row_without_its_parent)
{
  clean();
  store_hooks.schema = COUNTERS "CREATE TABLE t(id INTEGER PRIMARY KEY);"
                                "CREATE TABLE c(id INTEGER PRIMARY KEY, t_id INTEGER REFERENCES t(id));";
  struct db *db = db_new();
  REQUIRE(db);
  CHECK(!db_exec(db, "INSERT INTO t VALUES (1); INSERT INTO c VALUES (1, 1)"));
  CHECK_INT(db_integrity(db, say_nothing, NULL), 0);
  CHECK(!db_exec(db, "DELETE FROM t"));
  int found = 0;
  CHECK_INT(db_integrity(db, count_finding, &found), 1);
  CHECK_INT(found, 1);
  db_close(db);
}

TEST(store_backup_while_writing)
{
  clean();
  struct db *db = db_new();
  REQUIRE(db);
  CHECK(tx_begin(db));
  for (int i = 1; i <= 1000; i++) CHECK(!put(db, i, arena_printf(&mem, "name %d", i), NULL));
  CHECK(tx_commit(db)); /* in the WAL only */
  const char *copy = path_of("copy.db");
  CHECK(tx_begin(db)); /* somebody writes just now */
  CHECK(!put(db, 1001, "not yet", NULL));
  CHECK_INT(db_backup(&mem, db_path(), copy, &why), ERR_OK);
  CHECK(tx_commit(db));
  struct stat st;
  CHECK(!stat(copy, &st) && (st.st_mode & 0777) == 0600);
  CHECK(access(path_of("copy.db-wal"), F_OK) && access(path_of("copy.db.tmp"), F_OK));
  int64_t size = file_bytes(copy);
  CHECK_INT(db_backup(&mem, db_path(), copy, &why), ERR_CONFLICT); /* never over a file */
  CHECK(strstr(why, "is there already") != NULL);
  CHECK_INT(file_bytes(copy), size);
  CHECK_INT(db_backup(&mem, path_of("nothing"), path_of("c2"), &why), ERR_IO);
  CHECK_INT(db_backup(&mem, db_path(), path_of("no/such/c3"), &why), ERR_IO);
  CHECK(access(path_of("c2"), F_OK) && access(path_of("c2.tmp"), F_OK));
  db_close(db);
  db = db_open(&mem, copy, DB_WRITE, &why); /* usable as it is */
  REQUIRE(db);
  CHECK_INT(count(db), 1000);
  CHECK_INT(db_integrity(db, say_nothing, db), 0);
  CHECK(!put(db, 2000, "goes on", NULL));
  db_close(db);
}
