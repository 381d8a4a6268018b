/* crash.c: see crash.h. */
#include "crash.h"
#include "disk.h"
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#define CUTS_PER_DISK 25 /* then a new one, so that checks stay short */
#define STEPS_MAX 60     /* of one life */
#define CUT_WITHIN 600   /* disk operations */
#define RECOVERY_WITHIN 10
#define SWEEP_STEPS 12
#define SWEEP_MAX 20000
#define CONTROL_CUTS 60
#define SLICE_CUTS 300
#define SLICE_POINTS 40 /* of each kind of trouble */
#define SHOWN_MAX 20
#define CHECKPOINT_PAGES 60 /* often, so that many cuts fall into one */

static struct {
  const struct crash_workload *load;
  struct crash_report *report;
  struct arena mem;
  struct writer *w;
  struct db *reader, *mover; /* company of the writer: see company() */
  bool calm, quiet;
  int64_t cut, until_ms, broken_before;
} now;

uint64_t crash_random(uint64_t *seed)
{
  uint64_t z = *seed += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

void crash_broken(const char *fmt, ...)
{
  va_list ap;
  if (++now.report->broken > SHOWN_MAX || now.quiet) return;
  fprintf(stderr, "%s, run %lld: ", now.load->name, (long long)now.cut);
  va_start(ap, fmt);
  vfprintf(stderr, fmt, ap);
  va_end(ap);
  fputc('\n', stderr);
}

/* A run passed when no promise was broken in it. */
static void run_begin(void)
{
  now.broken_before = now.report->broken;
}

static void run_end(void)
{
  if (now.report->broken > now.broken_before) now.report->failed++;
  else now.report->passed++;
}

static bool late(void)
{
  return now.until_ms && mono_ms() >= now.until_ms;
}

bool crash_calm(void)
{
  return now.calm;
}

/* In life the process is gone here; in the simulation nothing it still does reaches the disk. */
static void on_die(const char *why)
{
  if (strstr(why, "damaged")) crash_broken("%s", why);
  disk_halt();
}

/* ---- lives ---------------------------------------------------------------------------------------- */
static void finding(void *arg, const char *text)
{
  (void)arg;
  crash_broken("integrity: %s", text);
}

static void check(bool crashed)
{
  struct db *db = writer_db(now.w);
  if (db_integrity(db, finding, NULL) < 0) crash_broken("the check could not be run: %s", db_err_text(db));
  now.load->check(now.load->state, db, crashed);
}

static void disk_new(uint64_t seed)
{
  const char *why;
  disk_format(seed);
  struct db *db = db_open(&now.mem, "t.db", DB_CREATE, &why);
  must(db);
  now.load->born(now.load->state, db);
  db_close(db);
}

/* False: the fault that waits came while opening. */
static bool life_begin(void)
{
  struct writer_options o = { .path = "t.db", .inline_mode = true, .inline_gather = true };
  const char *why = "";
  if (now.load->options) now.load->options(now.load->state, &o);
  now.w = writer_open(&now.mem, &o, &why);
  if (!now.w && now.calm) crash_broken("cannot be opened: %s", why);
  if (now.w && now.load->begin) now.load->begin(now.load->state, now.w);
  return now.w != NULL;
}

/* A reader that stays on an old state while the writer goes on, so that a checkpoint can move a part
 * only, and the second connection that makes checkpoints, each at moments of the seed's choice. */
static void company(uint64_t *seed)
{
  const char *why;
  int64_t pages, moved;
  uint64_t what = crash_random(seed) % 8;
  if (what == 0 && !now.reader) now.reader = db_open(&now.mem, "t.db", DB_READ, &why);
  if (what == 0 && now.reader) tx_rollback(now.reader);
  if (what == 0 && now.reader && tx_begin(now.reader)) db_schema_version(now.reader);
  if (what == 1) db_close(now.reader), now.reader = NULL;
  if (what == 2 && !now.mover) now.mover = db_open(&now.mem, "t.db", DB_MOVE, &why);
  if (what == 2 && now.mover) db_checkpoint(now.mover, DB_PASSIVE, 0, &pages, &moved);
}

static void company_leaves(void)
{
  db_close(now.reader);
  db_close(now.mover);
  now.reader = now.mover = NULL;
}

static void life_step(uint64_t *seed)
{
  company(seed);
  now.load->step(now.load->state, now.w, seed);
  writer_collect(now.w);
}

static void life_end(void)
{
  disk_halt();
  now.load->end(now.load->state);
  company_leaves();
  writer_close(now.w);
  now.w = NULL;
  arena_release(&now.mem);
}

static void life_quit(void)
{
  company_leaves();
  writer_close(now.w);
  now.w = NULL;
  arena_release(&now.mem);
}

/* ---- random stops ------------------------------------------------------------------------------------ */
static void arm(enum disk_fault what, int64_t k)
{
  disk_fault_at(k, what, false);
  now.calm = what == DISK_NONE;
}

/* What the next life finds: the page cache after a kill, the platter after a power cut. */
static void come_back(bool power, uint64_t *seed)
{
  if (power) disk_power_cut(crash_random(seed));
  else disk_restart();
}

/* Opening is stopped too now and then; in the end it works. */
static bool recover(uint64_t *seed)
{
  for (int tries = 0; tries < 3 && crash_random(seed) % 4 == 0; tries++) {
    arm(DISK_CUT, 1 + (int64_t)(crash_random(seed) % RECOVERY_WITHIN));
    life_begin();
    now.report->in_recovery += disk_faulted();
    life_end();
    come_back(crash_random(seed) % 2, seed);
  }
  arm(DISK_NONE, 0);
  return life_begin();
}

static void stop_somewhere(uint64_t *seed)
{
  enum disk_fault what = crash_random(seed) % 4 ? DISK_CUT : DISK_FSYNC;
  bool power = crash_random(seed) % 4 > (what == DISK_FSYNC);
  int64_t within = what == DISK_FSYNC ? CUT_WITHIN / 20 : CUT_WITHIN;
  arm(what, 1 + (int64_t)(crash_random(seed) % (uint64_t)within));
  for (int i = 0; i < STEPS_MAX && !disk_faulted(); i++) life_step(seed);
  life_end();
  now.report->cuts += power;
  now.report->kills += !power;
  now.report->fsyncs += what == DISK_FSYNC;
  come_back(power, seed);
}

static void start(const struct crash_workload *l, struct crash_report *r)
{
  now.load = l;
  now.report = r;
  store_hooks.vfs = "disk";
  store_hooks.sync_directory = disk_sync_directory;
  store_hooks.schema = l->schema;
  store_hooks.checkpoint_pages = CHECKPOINT_PAGES;
  store_hooks.die = on_die;
}

/* False: it cannot go on. */
static bool power_one(uint64_t seed)
{
  if (now.cut % CUTS_PER_DISK == 0) {
    if (now.w) life_quit();
    arm(DISK_NONE, 0);
    disk_new(seed);
    if (!life_begin()) return false;
  }
  stop_somewhere(&seed);
  if (!recover(&seed)) return false;
  check(true);
  return true;
}

void crash_power(const struct crash_workload *l, int64_t cuts, uint64_t seed, struct crash_report *r)
{
  bool on = true;
  start(l, r);
  for (now.cut = 0; on && now.cut < cuts && !late(); now.cut++) {
    run_begin();
    on = power_one(seed + (uint64_t)now.cut);
    run_end();
  }
  if (now.w) life_quit();
}

/* ---- memory that is not given ---------------------------------------------------------------------- */
static sqlite3_mem_methods memory;
static int64_t memory_at, memory_asked;

static bool memory_refused(void)
{
  return ++memory_asked == memory_at;
}

static void *memory_new(int n)
{
  return memory_refused() ? NULL : memory.xMalloc(n);
}

static void *memory_grow(void *p, int n)
{
  return memory_refused() ? NULL : memory.xRealloc(p, n);
}

/* Before the engine is used for the first time. */
static void memory_watch(void)
{
  must(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &memory) == SQLITE_OK);
  sqlite3_mem_methods watched = memory;
  watched.xMalloc = memory_new;
  watched.xRealloc = memory_grow;
  must(sqlite3_config(SQLITE_CONFIG_MALLOC, &watched) == SQLITE_OK);
}

/* ---- every operation in turn --------------------------------------------------------------------------- */
static const struct sweep {
  enum disk_fault what; /* DISK_NONE: memory */
  bool stays;
  int steps;
  const char *name;
} sweep_table[] = {
  { DISK_EIO, false, SWEEP_STEPS, "EIO once" },         { DISK_EIO, true, SWEEP_STEPS, "EIO that stays" },
  { DISK_FULL, false, SWEEP_STEPS, "ENOSPC once" },     { DISK_FULL, true, SWEEP_STEPS, "ENOSPC that stays" },
  { DISK_FSYNC, false, SWEEP_STEPS, "a failed fsync" }, { DISK_CUT, false, SWEEP_STEPS, "a power cut" },
  { DISK_NONE, false, SWEEP_STEPS / 4, "no memory" },
};

static bool halted; /* the process died in this run */
static void on_halt(const char *why)
{
  halted = true;
  on_die(why);
}

static void trouble_begins(const struct sweep *kind, int64_t k)
{
  now.calm = false;
  halted = false;
  memory_asked = 0;
  memory_at = kind->what == DISK_NONE ? k : 0;
  disk_fault_at(k, kind->what, kind->stays);
}

static void trouble_ends(void)
{
  memory_at = 0;
  arm(DISK_NONE, 0);
}

/* One run with the fault at operation k. */
static void sweep_one(const struct sweep *kind, int64_t k, uint64_t seed)
{
  uint64_t s = seed;
  disk_back();
  now.load->born(now.load->state, NULL);
  trouble_begins(kind, k);
  bool open = life_begin();
  for (int i = 0; open && i < kind->steps; i++) life_step(&s);
  trouble_ends();
  if (open && !halted && kind->what != DISK_CUT) { /* the same process goes on */
    check(false);
    life_step(&s);
    life_step(&s);
    check(false);
  }
  life_end();
  come_back(k % 2, &s);
  now.report->sweeps++;
  if (!life_begin()) return;
  check(true);
  life_step(&s);
  check(false);
  life_quit();
}

/* How many operations there are to fail. */
static int64_t sweep_count(const struct sweep *kind, uint64_t seed)
{
  disk_back();
  now.load->born(now.load->state, NULL);
  trouble_begins(kind, INT64_MAX);
  now.calm = true;
  bool open = life_begin();
  for (int i = 0; open && i < kind->steps; i++) life_step(&seed);
  int64_t n = kind->what == DISK_NONE ? memory_asked : disk_ops();
  trouble_ends();
  life_quit();
  return n < SWEEP_MAX ? n : SWEEP_MAX;
}

/* All of them, or so many: one out of each of as many equal parts. */
static void sweep_kind(const struct sweep *kind, int64_t points, uint64_t seed)
{
  int64_t all = sweep_count(kind, seed), before = now.report->broken, done = 0;
  uint64_t s = seed;
  if (!points || points > all) points = all;
  if (all < 10) crash_broken("only %lld operations to fail: the sweep sees nothing", (long long)all);
  for (; done < points && now.report->broken - before < SHOWN_MAX; done++) {
    int64_t from = done * all / points, to = (done + 1) * all / points;
    now.cut = 1 + from + (int64_t)(crash_random(&s) % (uint64_t)(to - from));
    run_begin();
    sweep_one(kind, now.cut, seed);
    run_end();
  }
  printf("%s: %s at %lld of %lld operations%s\n", now.load->name, kind->name, (long long)done, (long long)all,
         now.report->broken > before ? ": FAILED" : "");
  fflush(stdout);
}

void crash_sweep(const struct crash_workload *l, int64_t points, uint64_t seed, struct crash_report *r)
{
  start(l, r);
  store_hooks.die = on_halt;
  arm(DISK_NONE, 0);
  disk_new(seed);
  disk_keep();
  for (size_t i = 0; i < COUNT(sweep_table); i++) sweep_kind(&sweep_table[i], points, seed);
}

/* ---- the program ------------------------------------------------------------------------------------------ */
static bool control_loses(const struct crash_workload *l, uint64_t seed)
{
  struct crash_report r = { 0 };
  int64_t until_ms = now.until_ms;
  now.quiet = true;
  now.until_ms = 0;
  store_hooks.synchronous = "NORMAL";
  crash_power(l, CONTROL_CUTS, seed, &r);
  store_hooks.synchronous = NULL;
  now.quiet = false;
  now.until_ms = until_ms;
  printf("%s: control with synchronous = NORMAL: %lld broken promises in %d stops%s\n", l->name,
         (long long)r.broken, CONTROL_CUTS,
         r.broken ? ", as it must be" : ": FAILED, the harness sees nothing");
  return r.broken > 0;
}

struct plan {
  int64_t cuts, seconds, points;
  uint64_t seed;
};

static bool plan_read(int argc, char **argv, struct plan *p)
{
  int plain = 0;
  for (int i = 1; i < argc; i++) {
    bool slice = !strcmp(argv[i], "--slice"), seconds = !strcmp(argv[i], "--seconds");
    char *end = argv[i];
    if (slice) {
      p->points = SLICE_POINTS;
      continue;
    }
    if (seconds && i + 1 == argc) return false;
    int64_t n = (int64_t)strtoull(argv[i + seconds], &end, 10);
    if (*end || end == argv[i + seconds] || plain > 1) return false;
    if (seconds) p->seconds = n, p->cuts = INT64_MAX, i++;
    else if (plain++) p->seed = (uint64_t)n;
    else p->cuts = n;
  }
  return true;
}

int crash_main(int argc, char **argv, const struct crash_workload *l)
{
  struct plan p = { .cuts = SLICE_CUTS, .seed = 1 };
  struct crash_report r = { 0 };
  if (!plan_read(argc, argv, &p)) {
    fprintf(stderr, "usage: %s [--slice] [--seconds N] [CUTS [SEED]]\n", argv[0]);
    return 2;
  }
  memory_watch();
  log_open((enum log_level)(LOG_ERROR + 1), false); /* thousands of lines that we provoke */
  now.until_ms = p.seconds ? mono_ms() + p.seconds * 1000 : 0;
  crash_power(l, p.cuts, p.seed, &r);
  printf("%s: %lld stops (seed %llu): %lld power cuts, %lld kills, %lld after a failed fsync; %lld more while "
         "recovering; %lld broken promises\n",
         l->name, (long long)(r.cuts + r.kills), (unsigned long long)p.seed, (long long)r.cuts,
         (long long)r.kills, (long long)r.fsyncs, (long long)r.in_recovery, (long long)r.broken);
  fflush(stdout);
  if (control_loses(l, p.seed)) r.passed++;
  else r.failed++;
  crash_sweep(l, p.points, p.seed, &r);
  disk_format(0);
  if (l->told) l->told(l->state);
  printf("%lld passed, %lld failed\n", (long long)r.passed, (long long)r.failed);
  return r.failed != 0;
}
