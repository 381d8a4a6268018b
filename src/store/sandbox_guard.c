/* sandbox_guard.c: a bound on the memory that the SQL engine takes for one thread.
 *
 * The engine's own limits are per value and, for memory, per process; a statement that makes many values
 * needs one of its own. So the engine's allocator is wrapped once, before anything uses it. A refusal is
 * an "out of memory" to the engine, which it is built to survive anywhere. Threads without a guard pay for
 * one look at a variable. */
#include "store.h"
#include <sqlite3.h>

#define BIG_PIECE (64 * 1024) /* from here on the clock costs nothing beside what will be done with it */

static sqlite3_mem_methods below;
static _Thread_local struct sandbox_guard *guard;

struct sandbox_guard *sandbox_guard(struct sandbox_guard *g)
{
  struct sandbox_guard *before = guard;
  guard = g;
  return before;
}

bool sandbox_late(void)
{
  if (!guard || !guard->until_us) return false;
  if (!guard->late && mono_us() > guard->wall_us)
    guard->late = thread_us() > guard->until_us; /* the dear clock last */
  return guard->late;
}

static bool allowed(int64_t more)
{
  if (!guard) return true;
  if (guard->used + more > guard->max) {
    guard->full = true;
    return false;
  }
  return more < BIG_PIECE || !sandbox_late();
}

static void *guard_new(int n)
{
  if (!allowed(n)) return NULL;
  void *p = below.xMalloc(n);
  if (p && guard) guard->used += below.xSize(p);
  return p;
}

static void guard_drop(void *p)
{
  if (guard && p) guard->used -= below.xSize(p);
  below.xFree(p);
}

static void *guard_grow(void *p, int n)
{
  int was = guard ? below.xSize(p) : 0;
  if (!allowed((int64_t)n - was)) return NULL;
  void *grown = below.xRealloc(p, n);
  if (grown && guard) guard->used += below.xSize(grown) - was;
  return grown;
}

/* The engine takes its allocator before its first use only, whoever that will be. */
__attribute__((constructor)) static void guard_install(void)
{
  must(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &below) == SQLITE_OK);
  sqlite3_mem_methods with = below;
  with.xMalloc = guard_new, with.xFree = guard_drop, with.xRealloc = guard_grow;
  must(sqlite3_config(SQLITE_CONFIG_MALLOC, &with) == SQLITE_OK);
}
