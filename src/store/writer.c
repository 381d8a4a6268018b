/* writer.c: the one connection that writes: a bounded queue, batches, and a WAL that stays small.
 *
 *   any thread ── writer_push ──► high ─┐
 *                 writer_push_low ► low ─┴► batch: BEGIN, a savepoint per job, COMMIT ──► unsynced
 *                                                       syncer: one fsync for all ──► done ── wake ──►
 *                                                                          writer_collect ── done()
 *
 * A commit does not wait for the disk: while the syncer's thread makes one batch durable, the writer is at
 * work on the next (see db_sync_later). Nobody is answered before the fsync that began after his commit.
 *
 * The WAL. A second thread moves pages into the database file in the background whenever enough of them
 * are new. While it works the writer adds more, so it never gets to the end by itself, and only a WAL
 * that was moved to its last page begins anew. So passes follow each other, each with less to do, until the
 * rest is small, and that rest the writer moves itself between two batches. Readers on an old snapshot keep that from completing; once the WAL has grown
 * to a quarter of what it may, the writer waits for them a little, and at the limit a batch waits for
 * wal_wait_ms and is then refused (ERR_BUSY): nothing is lost, and the sender tries again. */
#include "store.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define READERS_WAIT_MS 50 /* between two batches, when the WAL has grown */
#define READERS_WAIT_EVERY_MS 1000
#define ROOM_STEP_MS 100
#define MEASURE_EVERY_MS 1000
#define LOW_AFTER_MS 1000
#define LOW_QUIET_MS 10 /* a low job runs when nobody asked for anything for so long */
#define CATCH_UP 16     /* of what makes a background pass worth while: so little the writer moves itself */
#define WRITE_OUT_PAGES 16 /* at once, on average */
#define PIECE_BYTES (1 << 20)
#define WRITER_STACK (4 << 20)
#define MOVER_STACK (1 << 20)
#define SYNCER_STACK (256 << 10)
#define MOVER_NICE 8   /* nobody waits for it */
#define UNSYNCED_MAX 2 /* batches that wait while one is made durable */
#define FRAME_BYTES (4096 + 24)

struct list {
  struct job *head, *tail;
  size_t n;
};

struct writer {
  struct writer_options o;
  struct db *db, *mover_db;
  int wal_fd;  /* the syncer's; -1 in inline mode */
  int file_fd; /* the mover's. Closed last: closing it gives up the locks of this process on the file */
  pthread_t thread, mover, syncer;
  pthread_mutex_t lock;
  pthread_cond_t work;      /* for the writer: a job, room for one more batch, or stop */
  pthread_cond_t sync;      /* for the syncer: a batch, or written_all */
  pthread_cond_t move;      /* for the mover: move_wanted, or stop */
  pthread_cond_t moved_one; /* for the writer: moving is over */
  struct list high, low, unsynced, done;
  int64_t batch_since_ms, sync_since_ms, high_ran_ms, low_ran_ms;
  int64_t number;             /* of the last batch that was committed (db_batch); the writer's own */
  int64_t committed, durable; /* the same, for the others; the last that is on the disk */
  int unsynced_batches;
  bool stop, written_all, draining, syncing;
  /* the WAL; under the lock */
  bool move_wanted, moving;
  bool catch_up;        /* a background pass is over: move the rest, so that the WAL begins anew */
  int64_t pages, moved; /* in the WAL; of them in the database file */
  int64_t generation;   /* counts how often the WAL began anew */
  int64_t next_try_pages, next_wait_ms;
  bool no_room, failing; /* told in the log already */
  int64_t checkpoint_pages, pages_max, wal_wait_ms;
  struct db_stats stats;
  int64_t measured_ms;
};

/* ---- lists ---------------------------------------------------------------------------------------- */
static void list_add(struct list *l, struct job *j)
{
  j->next = NULL;
  if (l->tail) l->tail->next = j;
  else l->head = j;
  l->tail = j;
  l->n++;
}

static struct job *list_take(struct list *l)
{
  struct job *j = l->head;
  l->head = j->next;
  if (!l->head) l->tail = NULL;
  l->n--;
  j->next = NULL;
  return j;
}

static void list_join(struct list *l, const struct list *more)
{
  if (!more->n) return;
  if (l->tail) l->tail->next = more->head;
  else l->head = more->head;
  l->tail = more->tail;
  l->n += more->n;
}

static void list_answer(struct list *l)
{
  while (l->n) {
    struct job *j = list_take(l); /* done() may free it, or push it again */
    if (j->done) j->done(j);
  }
}

/* ---- a batch -------------------------------------------------------------------------------------- */
/* A job for which the disk or the memory failed has decided upon half of what there is, even where it did not notice:
 * "no such hold" and "cannot be read" look alike to it. */
static void job_try(struct job *j, struct db *db)
{
  db_trouble(db);
  j->err = j->run(j, db);
  enum err trouble = db_trouble(db);
  if (trouble) j->err = trouble;
}

/* False: the transaction as a whole cannot go on. */
static bool job_run(struct job *j, struct db *db)
{
  if (!tx_mark(db)) return false;
  job_try(j, db);
  return (!j->err || tx_undo(db)) && tx_keep(db);
}

/* A savepoint keeps a copy of every page that its job changes: a tenth of what an order costs, for jobs that hardly
 * ever fail halfway. Where all can be run again they run without; when one has failed and left something behind,
 * the batch is rolled back and run once more, with savepoints. False: that is needed, or nothing goes any more. */
static bool batch_bold(struct list *batch, struct db *db)
{
  for (struct job *j = batch->head; j; j = j->next) {
    int64_t before = db_changes_ever(db);
    job_try(j, db);
    if (j->err && (db_changes_ever(db) != before || err_is_trouble(j->err))) return false;
  }
  return true;
}

static bool can_be_bold(const struct list *batch)
{
  for (const struct job *j = batch->head; j; j = j->next)
    if (!j->again) return false;
  return true;
}

static bool batch_careful(struct list *batch, struct db *db)
{
  for (struct job *j = batch->head; j; j = j->next)
    if (!job_run(j, db)) return false;
  return true;
}

static bool batch_jobs(struct list *batch, struct db *db)
{
  if (!can_be_bold(batch)) return batch_careful(batch, db);
  if (batch_bold(batch, db)) return true;
  tx_rollback(db);
  db_ids_back(db);
  for (struct job *j = batch->head; j; j = j->next) j->again(j);
  return tx_begin(db) && batch_careful(batch, db);
}

static bool batch_commit(struct writer *w, struct list *batch)
{
  int64_t before = db_changes_ever(w->db), number = 0;
  if (!tx_begin(w->db) || !batch_jobs(batch, w->db)) {
    tx_rollback(w->db);
    return false;
  }
  if (db_changes_ever(w->db) != before) number = db_next_id(w->db, COUNTER_BATCH);
  if (!tx_commit(w->db)) return false;
  if (number) w->number = number;
  return true;
}

/* What all jobs of a batch are told when it did not become durable. */
static enum err batch_err(enum err e)
{
  return e == ERR_DISK_FULL || e == ERR_BUSY ? e : ERR_IO;
}

static void batch_log(struct writer *w, size_t n, enum err e)
{
  if (e && !w->failing)
    log_line(LOG_ERROR, "%zu commands were not stored: %s (%s)", n, err_title(e), db_err_text(w->db));
  if (!e && w->failing) log_line(LOG_INFO, "commands are stored again");
  w->failing = e != ERR_OK;
}

static enum err wal_room(struct writer *w);

static void batch_run(struct writer *w, struct list *batch)
{
  enum err e = wal_room(w);
  if (!e && !batch_commit(w, batch)) e = batch_err(db_err(w->db));
  for (struct job *j = batch->head; e && j; j = j->next) j->err = e;
  batch_log(w, batch->n, e);
  if (w->o.batch_end) w->o.batch_end(w->o.batch_arg, w->db, !e);
}

/* ---- the WAL ---------------------------------------------------------------------------------------- */
/* Called with the lock. */
static void wal_begun_anew(struct writer *w)
{
  w->moved = w->next_try_pages = 0;
  w->catch_up = false;
  w->generation++;
}

/* Called with the lock, on the writer's thread. */
static void wal_look(struct writer *w)
{
  int64_t pages = db_wal_pages(w->db);
  if (pages < w->pages) wal_begun_anew(w);
  w->pages = pages;
}

static void move_log(enum err e, struct db *db)
{
  if (e && e != ERR_BUSY)
    log_line(LOG_WARN, "the WAL could not be moved into the database: %s", db_err_text(db));
}

/* On the writer's thread, without the lock; the mover is not at work. */
static enum err writer_move(struct writer *w, enum db_move how, int wait_ms)
{
  int64_t pages, moved;
  enum err e = db_checkpoint(w->db, how, wait_ms, &pages, &moved);
  move_log(e, w->db);
  pthread_mutex_lock(&w->lock);
  w->stats.checkpoints++;
  if (!e) w->moved = moved;
  wal_look(w);
  w->next_try_pages = w->pages + w->checkpoint_pages / 8;
  pthread_mutex_unlock(&w->lock);
  return e;
}

/* The rest after a background pass. Readers on older snapshots may keep it from being all. */
static void wal_catch_up(struct writer *w)
{
  int64_t now = mono_ms();
  bool grown = w->pages > w->pages_max / 4 && now >= w->next_wait_ms;
  if (grown) w->next_wait_ms = now + READERS_WAIT_EVERY_MS;
  writer_move(w, grown ? DB_RESTART : DB_PASSIVE, grown ? READERS_WAIT_MS : 0);
}

/* After each batch, when its jobs have been answered. */
static void wal_tend(struct writer *w)
{
  pthread_mutex_lock(&w->lock);
  wal_look(w);
  int64_t rest = w->pages - w->moved;
  bool own = false;
  if (w->moving || w->move_wanted || w->pages < w->next_try_pages) {
    /* not now */
  } else if (w->o.inline_mode) {
    own = rest >= w->checkpoint_pages;
  } else if (w->catch_up && rest && (rest <= w->checkpoint_pages / CATCH_UP || w->pages > w->pages_max / 4)) {
    own = true;
  } else if (rest >= w->checkpoint_pages || (w->catch_up && rest)) {
    w->move_wanted = true;
    pthread_cond_signal(&w->move);
  }
  pthread_mutex_unlock(&w->lock);
  if (own) wal_catch_up(w);
}

/* What a pass moved lies in the page cache. Synced at once it fills the disk's queue for tens of milliseconds, and the
 * WAL's syncs, for which people wait, stand behind it. So it goes out piece by piece before the sync. */
static void write_out(struct writer *w, int64_t pages, int64_t each)
{
  struct stat st;
  if (fstat(w->file_fd, &st)) return;
  off_t step = (st.st_size / (pages / each + 1) + PIECE_BYTES) & ~(off_t)(PIECE_BYTES - 1);
  for (off_t at = 0; at < st.st_size; at += step) {
    if (sync_file_range(w->file_fd, at, step,
                        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER))
      return; /* the sync that follows will tell */
  }
}

static void mover_pass(struct writer *w)
{
  int64_t pages, moved, generation = w->generation, rest = w->pages - w->moved;
  bool first = !w->catch_up; /* of this WAL; those that follow must gain on the writer */
  w->move_wanted = false;
  w->moving = true;
  pthread_mutex_unlock(&w->lock);
  enum err e = db_checkpoint(w->mover_db, DB_PASSIVE, 0, &pages, &moved);
  move_log(e, w->mover_db);
  /* A checkpoint syncs the file only when it got to the end. That would be the writer's, for all of them. */
  if (!e) write_out(w, rest, first ? WRITE_OUT_PAGES : WRITE_OUT_PAGES * 8), db_sync_file(w->mover_db);
  pthread_mutex_lock(&w->lock);
  w->moving = false;
  w->stats.checkpoints++;
  if (generation == w->generation) {
    w->catch_up = true;
    if (!e) w->moved = moved;
    w->next_try_pages = e || moved < w->checkpoint_pages / 2 ? w->pages + w->checkpoint_pages / 8 : 0;
  }
  pthread_cond_broadcast(&w->moved_one);
}

static void *mover_main(void *arg)
{
  struct writer *w = arg;
  setpriority(PRIO_PROCESS, 0, MOVER_NICE);
  pthread_mutex_lock(&w->lock);
  while (!w->stop) {
    if (w->move_wanted) mover_pass(w);
    else pthread_cond_wait(&w->move, &w->lock);
  }
  pthread_mutex_unlock(&w->lock);
  return NULL;
}

/* The hard limit. A batch may add a lot, so it counts at three quarters. */
static enum err wal_room(struct writer *w)
{
  if (w->pages < w->pages_max / 4 * 3) return ERR_OK;
  int64_t until = mono_ms() + (w->no_room ? 0 : w->wal_wait_ms);
  pthread_mutex_lock(&w->lock);
  while (w->moving) pthread_cond_wait(&w->moved_one, &w->lock);
  pthread_mutex_unlock(&w->lock);
  enum err e;
  do e = writer_move(w, DB_RESTART, w->no_room ? 0 : ROOM_STEP_MS);
  while (e == ERR_BUSY && mono_ms() < until);
  if (e && !w->no_room)
    log_line(LOG_ERROR,
             "the WAL is at its limit and somebody reads an old state of the database for too long: "
             "writing stops until that ends");
  if (!e && w->no_room) log_line(LOG_INFO, "the WAL began anew, writing goes on");
  w->no_room = e != ERR_OK;
  return e ? batch_err(e) : ERR_OK;
}

static void writer_measure(struct writer *w)
{
  int64_t now = mono_ms();
  if (now < w->measured_ms + MEASURE_EVERY_MS && w->measured_ms) return;
  struct db_stats size;
  db_measure(w->db, &size);
  pthread_mutex_lock(&w->lock);
  w->stats.page_size = size.page_size;
  w->stats.pages = size.pages;
  w->stats.free_pages = size.free_pages;
  w->measured_ms = now;
  pthread_mutex_unlock(&w->lock);
}

/* ---- durable ------------------------------------------------------------------------------------------------ */
/* Called with the lock. */
static struct list unsynced_take(struct writer *w)
{
  struct list batch = w->unsynced;
  w->unsynced = (struct list){ 0 };
  w->unsynced_batches = 0;
  w->sync_since_ms = batch.head->since_ms;
  return batch;
}

/* Called with the lock: everything up to this batch is on the disk, or it has failed. */
static void now_durable(struct writer *w, const struct list *batch, int64_t upto)
{
  w->durable = upto;
  w->sync_since_ms = 0;
  list_join(&w->done, batch);
}

/* Called with the lock; comes back with it. */
static void syncer_turn(struct writer *w)
{
  int64_t upto = w->committed;
  struct list batch = unsynced_take(w);
  w->syncing = true;
  pthread_cond_signal(&w->work);
  pthread_mutex_unlock(&w->lock);
  bool ok = wal_fd_sync(w->wal_fd);
  for (struct job *j = batch.head; !ok && j; j = j->next) j->err = ERR_IO;
  pthread_mutex_lock(&w->lock);
  w->syncing = false;
  now_durable(w, &batch, upto);
  pthread_mutex_unlock(&w->lock);
  if (w->o.wake) w->o.wake(w->o.wake_arg);
  pthread_mutex_lock(&w->lock);
}

static void *syncer_main(void *arg)
{
  struct writer *w = arg;
  pthread_mutex_lock(&w->lock);
  while (w->unsynced.n || !w->written_all) {
    if (w->unsynced.n) syncer_turn(w);
    else pthread_cond_wait(&w->sync, &w->lock);
  }
  pthread_mutex_unlock(&w->lock);
  return NULL;
}

/* Inline: all batches since the last time, at once, and the answers. */
static void sync_inline(struct writer *w)
{
  pthread_mutex_lock(&w->lock);
  struct list batch = w->unsynced.n ? unsynced_take(w) : (struct list){ 0 }, done;
  int64_t upto = w->committed;
  pthread_mutex_unlock(&w->lock);
  enum err e = batch.n ? db_sync(w->db) : ERR_OK;
  for (struct job *j = batch.head; e && j; j = j->next) j->err = e;
  pthread_mutex_lock(&w->lock);
  now_durable(w, &batch, upto);
  done = w->done;
  w->done = (struct list){ 0 };
  pthread_mutex_unlock(&w->lock);
  list_answer(&done);
}

/* ---- the writer's thread -------------------------------------------------------------------------------- */
/* Called with the lock. Whoever waits for answers sends the next when he has them: in between the queue is empty for
 * a moment, and a low job, which may be long, must not slip in there. */
static bool low_may(const struct writer *w, int64_t now)
{
  if (!w->low.n) return false;
  if (!w->high.n && (w->o.inline_mode || w->stop || now - w->high_ran_ms >= LOW_QUIET_MS)) return true;
  return now - w->low.head->since_ms >= w->o.low_after_ms && now - w->low_ran_ms >= w->o.low_after_ms;
}

/* Called with the lock. A low job goes alone. */
static struct list batch_take(struct writer *w)
{
  struct list batch = { 0 };
  int64_t now = mono_ms();
  if (low_may(w, now)) {
    list_add(&batch, list_take(&w->low));
    w->low_ran_ms = batch.head->since_ms = now;
    return batch;
  }
  if (w->high.n) w->high_ran_ms = now;
  size_t usual = store_hooks.batch_max ? store_hooks.batch_max : WRITER_BATCH_MAX;
  size_t most = w->o.inline_mode && !w->o.inline_gather ? 1 : usual;
  while (w->high.n && batch.n < most) list_add(&batch, list_take(&w->high));
  return batch;
}

/* Called with the lock; true when it ran a batch. Comes back with the lock. */
static bool writer_turn(struct writer *w)
{
  struct list batch = batch_take(w);
  if (!batch.n) return false;
  size_t n = batch.n;
  w->batch_since_ms = batch.head->since_ms;
  pthread_mutex_unlock(&w->lock);
  batch_run(w, &batch);
  pthread_mutex_lock(&w->lock);
  w->batch_since_ms = 0;
  w->committed = w->number;
  w->unsynced_batches++;
  w->stats.batches++;
  w->stats.commands += (int64_t)n;
  list_join(&w->unsynced, &batch);
  pthread_cond_signal(&w->sync);
  pthread_mutex_unlock(&w->lock);
  wal_tend(w);
  writer_measure(w);
  pthread_mutex_lock(&w->lock);
  return true;
}

/* Called with the lock. */
static void writer_wait(struct writer *w)
{
  struct timespec until;
  if (!w->low.n || w->unsynced_batches >= UNSYNCED_MAX) {
    pthread_cond_wait(&w->work, &w->lock);
    return;
  }
  mono_after(&until, LOW_QUIET_MS);
  pthread_cond_timedwait(&w->work, &w->lock, &until);
}

static void *writer_main(void *arg)
{
  struct writer *w = arg;
  pthread_mutex_lock(&w->lock);
  while (!w->stop || w->high.n || w->low.n) { /* with stop nothing comes any more */
    bool room = w->unsynced_batches < UNSYNCED_MAX;
    if (!room || !writer_turn(w)) writer_wait(w);
  }
  w->written_all = true;
  pthread_cond_signal(&w->sync);
  pthread_mutex_unlock(&w->lock);
  return NULL;
}

/* Inline: one after the other, also when a done() pushes the next. */
static void writer_drain(struct writer *w)
{
  pthread_mutex_lock(&w->lock);
  if (!w->draining) {
    w->draining = true;
    while (writer_turn(w)) {
      if (w->o.inline_gather && w->high.n) continue; /* one sync for several batches, as with threads */
      pthread_mutex_unlock(&w->lock);
      sync_inline(w);
      pthread_mutex_lock(&w->lock);
    }
    w->draining = false;
  }
  pthread_mutex_unlock(&w->lock);
}

/* ---- for the other threads --------------------------------------------------------------------------------- */
static bool push(struct writer *w, struct list *l, struct job *j)
{
  j->err = ERR_OK;
  j->since_ms = mono_ms();
  pthread_mutex_lock(&w->lock);
  bool room = l->n < WRITER_QUEUE_MAX && !w->stop;
  if (room) list_add(l, j);
  if (room && l->n == 1) pthread_cond_signal(&w->work);
  pthread_mutex_unlock(&w->lock);
  if (room && w->o.inline_mode && !w->o.inline_gather) writer_drain(w);
  return room;
}

bool writer_push(struct writer *w, struct job *j)
{
  return push(w, &w->high, j);
}

bool writer_push_low(struct writer *w, struct job *j)
{
  return push(w, &w->low, j);
}

void writer_collect(struct writer *w)
{
  if (w->o.inline_mode) writer_drain(w);
  pthread_mutex_lock(&w->lock);
  struct list done = w->done;
  w->done = (struct list){ 0 };
  pthread_mutex_unlock(&w->lock);
  list_answer(&done);
}

size_t writer_waiting(struct writer *w)
{
  pthread_mutex_lock(&w->lock);
  size_t n = w->high.n + w->low.n;
  pthread_mutex_unlock(&w->lock);
  return n;
}

/* Jobs are answered in the order they came, so the first of the furthest list is the oldest. */
int64_t writer_lag_ms(struct writer *w)
{
  pthread_mutex_lock(&w->lock);
  int64_t since = w->done.n           ? w->done.head->since_ms
                  : w->sync_since_ms  ? w->sync_since_ms
                  : w->unsynced.n     ? w->unsynced.head->since_ms
                  : w->batch_since_ms ? w->batch_since_ms
                  : w->high.n         ? w->high.head->since_ms
                                      : 0;
  pthread_mutex_unlock(&w->lock);
  return since ? mono_ms() - since : 0;
}

int64_t writer_durable(struct writer *w)
{
  pthread_mutex_lock(&w->lock);
  int64_t n = w->durable;
  pthread_mutex_unlock(&w->lock);
  return n;
}

struct db_stats writer_stats(struct writer *w)
{
  pthread_mutex_lock(&w->lock);
  struct db_stats st = w->stats;
  st.wal_bytes = w->pages * FRAME_BYTES;
  pthread_mutex_unlock(&w->lock);
  return st;
}

struct db *writer_db(struct writer *w)
{
  must(w->o.inline_mode);
  return w->db;
}

/* ---- open and close ------------------------------------------------------------------------------------------ */
/* Stacks count as memory where memory is limited, whether they are used or not. */
static void thread_start(pthread_t *t, const char *name, size_t stack, void *(*run)(void *), struct writer *w)
{
  pthread_attr_t attr;
  must(!pthread_attr_init(&attr) && !pthread_attr_setstacksize(&attr, stack));
  must(!pthread_create(t, &attr, run, w));
  pthread_attr_destroy(&attr);
  pthread_setname_np(*t, name);
}

static bool threads_start(struct writer *w, struct arena *a, const char **why)
{
  w->mover_db = db_open(a, w->o.path, DB_MOVE, why);
  if (!w->mover_db) return false;
  w->wal_fd = db_wal_fd(w->db);
  w->file_fd = open(w->o.path, O_RDWR | O_CLOEXEC);
  if (w->wal_fd < 0 || w->file_fd < 0) {
    *why = arena_printf(a, "%s: cannot be opened: %s", w->o.path, strerror(errno));
    return false;
  }
  thread_start(&w->thread, "orderd-writer", WRITER_STACK, writer_main, w);
  thread_start(&w->syncer, "orderd-syncer", SYNCER_STACK, syncer_main, w);
  thread_start(&w->mover, "orderd-mover", MOVER_STACK, mover_main, w);
  return true;
}

static void writer_free(struct writer *w)
{
  db_close(w->mover_db);
  db_close(w->db);
  if (w->wal_fd >= 0) close(w->wal_fd);
  if (w->file_fd >= 0) close(w->file_fd);
  pthread_mutex_destroy(&w->lock);
  pthread_cond_destroy(&w->work);
  pthread_cond_destroy(&w->sync);
  pthread_cond_destroy(&w->move);
  pthread_cond_destroy(&w->moved_one);
  mem_free(w);
}

static int64_t or_else(int64_t v, int64_t usual)
{
  return v ? v : usual;
}

struct writer *writer_open(struct arena *a, const struct writer_options *o, const char **why)
{
  struct writer *w = mem_new(sizeof *w);
  w->o = *o;
  w->o.low_after_ms = or_else(o->low_after_ms, LOW_AFTER_MS);
  w->checkpoint_pages = or_else(store_hooks.checkpoint_pages, WAL_CHECKPOINT_PAGES);
  w->pages_max = or_else(store_hooks.wal_max_bytes, WAL_MAX_BYTES) / FRAME_BYTES;
  w->wal_wait_ms = or_else(store_hooks.wal_wait_ms, WAL_WAIT_MS);
  pthread_mutex_init(&w->lock, NULL);
  pthread_condattr_t steady;
  pthread_condattr_init(&steady);
  pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
  pthread_cond_init(&w->work, &steady);
  pthread_condattr_destroy(&steady);
  pthread_cond_init(&w->sync, NULL);
  pthread_cond_init(&w->move, NULL);
  pthread_cond_init(&w->moved_one, NULL);
  w->wal_fd = w->file_fd = -1;
  w->db = db_open(a, o->path, DB_WRITE, why);
  if (w->db && db_sync_later(w->db)) {
    *why = arena_printf(a, "%s: %s", o->path, db_err_text(w->db));
    db_close(w->db);
    w->db = NULL;
  }
  if (w->db) {
    w->number = w->committed = w->durable = db_batch(w->db); /* what was found has been settled */
    w->pages = db_wal_pages(w->db);
    writer_measure(w);
  }
  if (w->db && (o->inline_mode || threads_start(w, a, why))) return w;
  writer_free(w);
  return NULL;
}

/* Runs what waits, answers it, and leaves one file behind: the last connection moves the whole WAL. */
void writer_close(struct writer *w)
{
  if (!w) return;
  if (w->o.inline_mode) writer_drain(w);
  pthread_mutex_lock(&w->lock);
  w->stop = true;
  pthread_cond_broadcast(&w->work);
  pthread_cond_broadcast(&w->move);
  pthread_mutex_unlock(&w->lock);
  if (!w->o.inline_mode) {
    pthread_join(w->thread, NULL);
    pthread_join(w->syncer, NULL);
    pthread_join(w->mover, NULL);
  }
  writer_collect(w);
  db_close(w->mover_db);
  w->mover_db = NULL;
  int64_t pages, moved;
  db_checkpoint(w->db, DB_TRUNCATE, READERS_WAIT_MS, &pages, &moved);
  writer_free(w);
}
