/* readers.c: a few read-only connections, lent to the threads of the pool. */
#include "store.h"
#include <pthread.h>

struct readers {
  pthread_mutex_t lock;
  struct db *all[READERS_MAX], *idle[READERS_MAX];
  int n, idle_n;
};

struct readers *readers_open(struct arena *a, const char *path, int n, int64_t deadline_ms, const char **why)
{
  must(n >= 1 && n <= READERS_MAX);
  struct readers *r = mem_new(sizeof *r);
  pthread_mutex_init(&r->lock, NULL);
  while (r->n < n) {
    struct db *db = db_open(a, path, DB_READ, why);
    if (!db) {
      readers_close(r);
      return NULL;
    }
    db_deadline(db, deadline_ms);
    r->idle[r->idle_n++] = r->all[r->n++] = db;
  }
  return r;
}

/* A transaction that cannot begin is found out by the first statement, which fails. */
struct db *readers_take(struct readers *r)
{
  pthread_mutex_lock(&r->lock);
  struct db *db = r->idle_n ? r->idle[--r->idle_n] : NULL;
  pthread_mutex_unlock(&r->lock);
  if (db) tx_begin(db);
  return db;
}

void readers_give(struct readers *r, struct db *db)
{
  tx_rollback(db);
  pthread_mutex_lock(&r->lock);
  must(r->idle_n < r->n);
  r->idle[r->idle_n++] = db;
  pthread_mutex_unlock(&r->lock);
}

void readers_close(struct readers *r)
{
  if (!r) return;
  for (int i = 0; i < r->n; i++) db_close(r->all[i]);
  pthread_mutex_destroy(&r->lock);
  mem_free(r);
}
