/* Histories of test/lib/shipmodel.h for as long as one asks: stock, split, claims and the outbox beside a naive model.
 *
 *   sim-ship [--histories N] [--steps N] [--seed S] [--seconds N] [-v]
 *
 * Every 100th history runs on a file of its own with commits and restarts, every 50th twice. -v prints a history's
 * commands, twice -v what the tables say after each. A history that fails is cut down and printed; its seed runs it again. */
#include "lib/shipmodel.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *where = "/dev/shm";
static int serial;

static void remove_file(const char *path)
{
  char other[300];
  unlink(path);
  snprintf(other, sizeof other, "%s-wal", path), unlink(other);
  snprintf(other, sizeof other, "%s-shm", path), unlink(other);
}

static bool open_shop(struct shop *s, char path[256])
{
  snprintf(path, 256, "%s/orderd-ship-%d-%d.db", where, (int)getpid(), serial++);
  return ship_shop_open(s, path);
}

static bool durable(uint64_t seed, struct ship_run *run)
{
  struct shop s;
  char path[256];
  run->durable = true;
  bool ok = open_shop(&s, path) && ship_history(&s, seed, run);
  run->durable = false;
  shop_close(&s);
  remove_file(path);
  return ok;
}

int main(int argc, char **argv)
{
  struct ship_run run = { .steps = 100 };
  int64_t histories = 1000, seed = 1, seconds = 0, began = mono_ms(), i = 0;
  int failed = 0;
  struct shop s;
  char path[256];
  for (int k = 1; k < argc; k++) {
    const char *value = k + 1 < argc ? argv[k + 1] : "0";
    if (!strcmp(argv[k], "-v")) run.verbose++;
    else if (!strcmp(argv[k], "--histories")) histories = strtoll(value, NULL, 10), k++;
    else if (!strcmp(argv[k], "--steps")) run.steps = (int)strtol(value, NULL, 10), k++;
    else if (!strcmp(argv[k], "--seed")) seed = strtoll(value, NULL, 10), k++;
    else if (!strcmp(argv[k], "--seconds")) seconds = strtoll(value, NULL, 10), histories = INT64_MAX, k++;
    else
      return fprintf(stderr, "usage: %s [--histories N] [--steps N] [--seed S] [--seconds N] [-v]\n",
                     argv[0]),
             2;
  }
  if (run.steps < 1 || run.steps > M_STEPS_MAX) return fprintf(stderr, "1 to %d steps\n", M_STEPS_MAX), 2;
  if (access(where, W_OK)) where = "/tmp";
  if (!open_shop(&s, path)) return 2;
  for (; i < histories && failed < 5; i++) {
    if (seconds && mono_ms() - began > seconds * 1000) break;
    uint64_t mine = (uint64_t)(seed + i);
    if (!ship_history(&s, mine, &run) || (i % 50 == 49 && !ship_history_same(&s, mine, &run)) ||
        (i % 100 == 99 && !durable(mine, &run)))
      failed++;
    fflush(stdout);
  }
  shop_close(&s);
  remove_file(path);
  printf(
    "%lld commands (%lld refused): %lld claims, %lld parcels left, %lld labels void, %lld confirmations sent, %lld asked about, %lld s\n",
    (long long)run.counts[7], (long long)run.counts[6], (long long)run.counts[0], (long long)run.counts[1],
    (long long)run.counts[2], (long long)run.counts[3], (long long)run.counts[4],
    (long long)(mono_ms() - began) / 1000);
  printf("%lld passed, %d failed\n", (long long)i - failed, failed);
  return failed ? 1 : 0;
}
