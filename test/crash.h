/* crash.h: any workload against a disk that fails: power cuts, kills, failed fsyncs, errors everywhere.
 *
 * A workload pushes jobs, keeps a ledger of what it was promised, and can compare the ledger with what a
 * database holds. The harness does the rest, on one thread, repeatable by its seed:
 *   crash_power  N times: run, stop at a random disk operation (power cut, kill, or an fsync that
 *                fails), sometimes again in the middle of recovering, open, check
 *   crash_sweep  EIO, ENOSPC, failed fsync, power cut, no memory for the engine, at the 1st, 2nd, 3rd …
 *                operation of a short run; after an error that passes, the same process must go on
 * Control: with PRAGMA synchronous = NORMAL acknowledged work must be lost, else the harness sees nothing. */
#ifndef ORDERD_CRASH_H
#define ORDERD_CRASH_H
#include "store.h"

/* One broken promise, told in a sentence. */
void crash_broken(const char *fmt, ...) PRINTF(1, 2);
/* True: no fault is waiting, so a job that fails with IO, DISK_FULL or BUSY is a broken promise. */
bool crash_calm(void);

struct crash_workload {
  const char *name;
  const char *schema; /* NULL: schema.sql */
  void *state;
  /* An empty database was made: no promises yet. db may be written to (master data); NULL: the same disk
   * as last time is back, with what was written to it then. */
  void (*born)(void *state, struct db *db);
  /* May set batch_end and so on. NULL: nothing to set. */
  void (*options)(void *state, struct writer_options *o);
  /* A process stands on the disk; state in memory is to be read anew. NULL: there is none. */
  void (*begin)(void *state, struct writer *w);
  /* Pushes some jobs, which the harness then collects as one batch. The same seed, the same jobs. */
  void (*step)(void *state, struct writer *w, uint64_t *seed);
  /* The process is dead. What has no answer yet may have happened or not; answers that still come
   * (all of them errors, until writer_close() returns) do not count any more. */
  void (*end)(void *state);
  /* Compares; calls crash_broken(). crashed: what was not answered may be there or not, and counts as
   * known from now on; else only what was answered with success is there. */
  void (*check)(void *state, struct db *db, bool crashed);
  /* Prints what was done, at the end. NULL: nothing to say. */
  void (*told)(void *state);
};

struct crash_report {
  int64_t cuts, kills, fsyncs, in_recovery, sweeps, broken;
  int64_t passed, failed; /* runs without and with a broken promise */
};
void crash_power(const struct crash_workload *l, int64_t cuts, uint64_t seed, struct crash_report *r);
/* points: how many operations of each kind of trouble, spread over all; 0: every one */
void crash_sweep(const struct crash_workload *l, int64_t points, uint64_t seed, struct crash_report *r);
/* PROGRAM [--slice] [--seconds N] [CUTS [SEED]]: cuts (so many, or for so long), control, and sweep (--slice: a
 * part of it); prints what happened, at last "N passed, N failed", and returns the exit status. */
int crash_main(int argc, char **argv, const struct crash_workload *l);

uint64_t crash_random(uint64_t *seed);

#endif
