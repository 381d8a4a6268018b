/* power.c: the store by itself under power cuts and disk errors; see crash.h.
 *
 * Items with lines and a sum over all lines: a command writes to three tables and takes a number. Each
 * state of an item has a serial of its own, so the ledger can say which states are possible: the last
 * one that was acknowledged, and those whose command was never answered. */
#include "crash.h"
#include <stdio.h>

#define ITEMS_MAX 4096
#define BATCH_MAX 12 /* commands of a step */
#define COMMIT_MAX 3 /* of them in one batch of the writer */
#define LINES_MAX 5
#define NOTE_MAX 6000 /* over a page: chains of pages are made and freed */
#define MAYBE_MAX 4

static const char SCHEMA[] =
  "CREATE TABLE counters(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
  "CREATE TABLE item(id INTEGER PRIMARY KEY, token INTEGER NOT NULL UNIQUE, serial INTEGER NOT NULL,"
  "  lines INTEGER NOT NULL, note BLOB NOT NULL);"
  "CREATE TABLE line(item_id INTEGER NOT NULL, n INTEGER NOT NULL, qty INTEGER NOT NULL,"
  "  PRIMARY KEY (item_id, n)) WITHOUT ROWID;"
  "CREATE TABLE total(id INTEGER PRIMARY KEY, qty INTEGER NOT NULL);"
  "INSERT INTO total(id, qty) VALUES (1, 0);";
static const char SQL_ITEM_ADD[] =
  "INSERT INTO item(id, token, serial, lines, note) VALUES ($1, $2, $3, $4, $5)";
static const char SQL_ITEM_SET[] = "UPDATE item SET serial = $1, note = $2 WHERE token = $3";
static const char SQL_ITEM_DROP[] = "DELETE FROM item WHERE token = $1 RETURNING id";
static const char SQL_LINE_ADD[] = "INSERT INTO line(item_id, n, qty) VALUES ($1, $2, $3)";
static const char SQL_LINE_SUM[] = "SELECT sum(qty) FROM line WHERE item_id = $1";
static const char SQL_LINE_DROP[] = "DELETE FROM line WHERE item_id = $1";
static const char SQL_TOTAL[] = "UPDATE total SET qty = qty + $1 WHERE id = 1";

/* serial 0: the item is not there */
struct item {
  int64_t sure;
  struct {
    int64_t serial, batch;
  } maybe[MAYBE_MAX];
  int maybes;
  bool busy; /* in the batch that is being made */
};

enum what { ADD, SET, DROP };
struct work {
  struct job job;
  struct power *power;
  enum what what;
  int64_t token, serial, batch;
  int lines;
  enum err then; /* after everything was written: undo it */
  size_t note_n;
};

struct power {
  struct item item[ITEMS_MAX];
  struct work work[BATCH_MAX];
  int works;
  int64_t serials, batches;
  int64_t promised, refused;
  bool dead;
};

/* ---- commands ------------------------------------------------------------------------------------- */
static void note_fill(unsigned char *note, size_t n, int64_t serial)
{
  uint64_t seed = (uint64_t)serial;
  for (size_t i = 0; i < n; i++) note[i] = (unsigned char)(i % 8 ? note[i - i % 8] + i : crash_random(&seed));
}

static size_t note_size(int64_t serial)
{
  uint64_t seed = (uint64_t)serial ^ 0x5555;
  uint64_t r = crash_random(&seed);
  return r % 8 ? r % 300 : r % NOTE_MAX;
}

static enum err total_add(struct db *db, int64_t qty)
{
  struct stmt *s = db_stmt(db, SQL_TOTAL);
  stmt_int(s, 1, qty);
  return stmt_run(s);
}

static enum err lines_add(struct db *db, int64_t id, int n)
{
  for (int i = 1; i <= n; i++) {
    struct stmt *s = db_stmt(db, SQL_LINE_ADD);
    stmt_int(s, 1, id), stmt_int(s, 2, i), stmt_int(s, 3, i);
    TRY(stmt_run(s));
  }
  return total_add(db, n * (n + 1) / 2);
}

static enum err item_add(struct db *db, const struct work *k, const unsigned char *note)
{
  int64_t id = db_next_id(db, "item");
  struct stmt *s = db_stmt(db, SQL_ITEM_ADD);
  stmt_int(s, 1, id), stmt_int(s, 2, k->token), stmt_int(s, 3, k->serial), stmt_int(s, 4, k->lines);
  stmt_blob(s, 5, note, k->note_n);
  TRY(stmt_run(s));
  return lines_add(db, id, k->lines);
}

static enum err item_set(struct db *db, const struct work *k, const unsigned char *note)
{
  struct stmt *s = db_stmt(db, SQL_ITEM_SET);
  stmt_int(s, 1, k->serial), stmt_blob(s, 2, note, k->note_n), stmt_int(s, 3, k->token);
  TRY(stmt_run(s));
  return db_changes(db) == 1 ? ERR_OK : ERR_NOT_FOUND;
}

static enum err item_drop(struct db *db, const struct work *k)
{
  struct stmt *s = db_stmt(db, SQL_ITEM_DROP);
  stmt_int(s, 1, k->token);
  int64_t id = stmt_row(s) ? stmt_col_int(s, 0) : 0;
  TRY(stmt_end(s));
  if (!id) return ERR_NOT_FOUND;
  s = db_stmt(db, SQL_LINE_SUM);
  stmt_int(s, 1, id);
  int64_t qty = stmt_row(s) ? stmt_col_int(s, 0) : 0;
  TRY(stmt_end(s));
  s = db_stmt(db, SQL_LINE_DROP);
  stmt_int(s, 1, id);
  TRY(stmt_run(s));
  return total_add(db, -qty);
}

static enum err work_run(struct job *j, struct db *db)
{
  static unsigned char note[NOTE_MAX];
  struct work *k = (struct work *)j;
  note_fill(note, k->note_n, k->serial);
  TRY(k->what == ADD ? item_add(db, k, note) : k->what == SET ? item_set(db, k, note) : item_drop(db, k));
  return k->then;
}

/* A later commit overwrites whatever an earlier one that failed may have left in the WAL. */
static void failed_is_gone(struct power *p, int64_t before)
{
  for (struct item *i = p->item; i < p->item + ITEMS_MAX; i++)
    while (i->maybes && i->maybe[0].batch < before) {
      i->maybes--;
      memmove(&i->maybe[0], &i->maybe[1], sizeof i->maybe[0] * (size_t)i->maybes);
    }
}

static void work_done(struct job *j)
{
  struct work *k = (struct work *)j;
  struct item *i = &k->power->item[k->token];
  if (k->power->dead) return;
  if (j->err == ERR_IO || j->err == ERR_DISK_FULL || j->err == ERR_BUSY) {
    k->power->refused++;
    if (crash_calm()) crash_broken("a command failed without a fault: %s", err_code(j->err));
    return;
  }
  if (j->err != k->then)
    crash_broken("item %lld: a command was answered with %s instead of %s", (long long)k->token,
                 err_code(j->err), err_code(k->then));
  if (j->err) return;
  i->sure = k->what == DROP ? 0 : k->serial;
  i->maybes = 0;
  failed_is_gone(k->power, k->batch);
  k->power->promised++;
}

/* ---- the workload ------------------------------------------------------------------------------------ */
static void born(void *state, struct db *db)
{
  struct power *p = state;
  (void)db;
  int64_t promised = p->promised, refused = p->refused;
  *p = (struct power){ .promised = promised, .refused = refused };
}

static void begin(void *state, struct writer *w)
{
  struct power *p = state;
  (void)w;
  p->dead = false;
}

static struct item *item_free(struct power *p, uint64_t *seed)
{
  for (int tries = 0; tries < 20; tries++) {
    struct item *i = &p->item[crash_random(seed) % (tries < 10 ? 64 : ITEMS_MAX)];
    if (!i->busy && i->maybes < MAYBE_MAX) return i;
  }
  return NULL;
}

static void work_again(struct job *j)
{
  j->err = ERR_OK;
}

static void work_push(struct power *p, struct writer *w, struct item *i, uint64_t *seed)
{
  struct work *k = &p->work[p->works++];
  bool twice = p->batches % 2; /* half of the batches do without savepoints */
  *k = (struct work){ .job = { .run = work_run, .again = twice ? work_again : NULL, .done = work_done },
                      .power = p,
                      .token = i - p->item,
                      .serial = ++p->serials,
                      .batch = p->batches * BATCH_MAX + (p->works - 1) / COMMIT_MAX };
  k->what = !i->sure ? ADD : crash_random(seed) % 4 ? SET : DROP;
  k->lines = 1 + (int)(crash_random(seed) % LINES_MAX);
  k->note_n = note_size(k->serial);
  k->then = crash_random(seed) % 8 ? ERR_OK : ERR_INVALID;
  i->busy = true;
  if (!k->then) {
    i->maybe[i->maybes].serial = k->what == DROP ? 0 : k->serial;
    i->maybe[i->maybes++].batch = k->batch;
  }
  must(writer_push(w, &k->job));
}

static void step(void *state, struct writer *w, uint64_t *seed)
{
  struct power *p = state;
  int n = 1 + (int)(crash_random(seed) % BATCH_MAX);
  for (struct item *i = p->item; i < p->item + ITEMS_MAX; i++) i->busy = false;
  p->works = 0;
  p->batches++;
  for (int k = 0; k < n; k++) {
    struct item *i = item_free(p, seed);
    if (i) work_push(p, w, i, seed);
  }
}

static void end(void *state)
{
  struct power *p = state;
  p->dead = true;
}

/* ---- comparing ----------------------------------------------------------------------------------------- */
static void must_be_zero(struct db *db, const char *sql, const char *what)
{
  struct stmt *s = db_prepare(db, sql);
  int64_t v = stmt_row(s) ? stmt_col_int(s, 0) : -1;
  if (stmt_end(s) || v) crash_broken("%s: %lld", what, (long long)v);
  stmt_drop(s);
}

static void note_check(struct stmt *s, int64_t token, int64_t serial)
{
  static unsigned char want[NOTE_MAX];
  size_t n;
  const void *note = stmt_col_blob(s, 2, &n);
  size_t want_n = note_size(serial);
  note_fill(want, want_n, serial);
  if (n != want_n || (n && memcmp(note, want, n) != 0))
    crash_broken("item %lld: its note is not that of serial %lld", (long long)token, (long long)serial);
}

/* What the database says about each item, 0 when it is silent. */
static void read_all(struct db *db, int64_t found[ITEMS_MAX])
{
  memset(found, 0, sizeof found[0] * ITEMS_MAX);
  struct stmt *s = db_prepare(db, "SELECT token, serial, note FROM item ORDER BY token");
  while (stmt_row(s)) {
    int64_t token = stmt_col_int(s, 0), serial = stmt_col_int(s, 1);
    if (token < 0 || token >= ITEMS_MAX || found[token]) {
      crash_broken("item %lld is there twice, or was never made", (long long)token);
      continue;
    }
    found[token] = serial;
    note_check(s, token, serial);
  }
  if (stmt_end(s)) crash_broken("items cannot be read: %s", db_err_text(db));
  stmt_drop(s);
}

/* A batch is one transaction: what was not answered happened for all its commands or for none. Several share a sync,
 * as they do with threads: what is there of them are the first. */
struct half {
  int64_t batch;
  int yes, no;
};

static void half_note(struct half *half, int *n, int64_t batch, bool happened)
{
  int at = 0;
  while (at < *n && half[at].batch != batch) at++;
  if (at == *n && *n < 64) half[(*n)++] = (struct half){ .batch = batch };
  if (at >= *n) return;
  half[at].yes += happened;
  half[at].no += !happened;
}

/* Whether the last unanswered command happened can be told when only it leads to its state. */
static bool can_tell(const struct item *i)
{
  int64_t serial = i->maybe[i->maybes - 1].serial;
  bool unique = serial != i->sure;
  for (int m = 0; m < i->maybes - 1; m++) unique = unique && i->maybe[m].serial != serial;
  return unique;
}

static void item_check(struct item *i, int64_t token, int64_t found, bool crashed, struct half *half,
                       int *halves)
{
  bool possible = found == i->sure;
  for (int m = 0; crashed && m < i->maybes; m++) possible = possible || found == i->maybe[m].serial;
  if (!possible)
    crash_broken("item %lld: serial %lld was promised, %lld is there", (long long)token, (long long)i->sure,
                 (long long)found);
  if (crashed && i->maybes && can_tell(i))
    half_note(half, halves, i->maybe[i->maybes - 1].batch, found == i->maybe[i->maybes - 1].serial);
  if (!crashed && possible) return;
  i->sure = found;
  i->maybes = 0;
}

static void compare(void *state, struct db *db, bool crashed)
{
  static int64_t found[ITEMS_MAX];
  struct power *p = state;
  struct half half[64];
  int halves = 0;
  read_all(db, found);
  for (int64_t t = 0; t < ITEMS_MAX; t++) item_check(&p->item[t], t, found[t], crashed, half, &halves);
  for (int i = 0; i < halves; i++) {
    if (half[i].yes && half[i].no)
      crash_broken("half a batch: %d of its commands are there, %d are not", half[i].yes, half[i].no);
    for (int k = 0; half[i].no && k < halves; k++)
      if (half[k].yes && half[k].batch > half[i].batch && half[k].batch / BATCH_MAX == half[i].batch / BATCH_MAX)
        crash_broken("a batch is there, but not the one before it that shared its sync");
  }
  must_be_zero(db,
               "SELECT count(*) FROM item i WHERE lines <> (SELECT count(*) FROM line WHERE item_id = i.id)",
               "items without all their lines");
  must_be_zero(db, "SELECT count(*) FROM line WHERE item_id NOT IN (SELECT id FROM item)",
               "lines without an item");
  must_be_zero(db, "SELECT (SELECT qty FROM total) - (SELECT coalesce(sum(qty), 0) FROM line)",
               "the sum is off by");
  must_be_zero(db, "SELECT count(*) FROM item WHERE id > (SELECT value FROM counters WHERE name = 'item')",
               "numbers above the counter");
}

static void told(void *state)
{
  const struct power *p = state;
  printf("power: %lld commands acknowledged, %lld refused while the disk failed\n", (long long)p->promised,
         (long long)p->refused);
}

int main(int argc, char **argv)
{
  static struct power power;
  static const struct crash_workload load = { .name = "power",
                                              .schema = SCHEMA,
                                              .state = &power,
                                              .born = born,
                                              .begin = begin,
                                              .step = step,
                                              .end = end,
                                              .check = compare,
                                              .told = told };
  store_hooks.batch_max = COMMIT_MAX;
  return crash_main(argc, argv, &load);
}
