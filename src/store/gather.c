/* gather.c: a VFS under the writer's connection that makes one write of many.
 *
 * The engine appends a commit to the WAL frame by frame, each as a header of 24 bytes and a page: two system calls a
 * page, six an order. Here they are put together and written at once. What the engine relies on stays: a write that was
 * reported done can be read back, whoever syncs or asks for the size finds all of it, and when the last frame of a
 * commit (its header tells the size of the file) has been written, nothing waits here any more. So others, who read no
 * further than the last commit, never miss anything, and an error is told to the commit that it belongs to. */
#include "store.h"
#include <sqlite3.h>
#include <stdio.h>

#define GATHER_BYTES \
  (120 << 10) /* the system's VFS takes 17 bits of a length: of 128 KiB it would write nothing */
#define FRAME_HEADER 24

struct gather {
  sqlite3_file base; /* first: the engine's view */
  sqlite3_file *real;
  char *bytes;
  sqlite3_int64 at; /* where they belong */
  int n;
  bool last; /* a commit's last header was written: its page follows */
};

static struct gather *of(sqlite3_file *f)
{
  return (struct gather *)f;
}

/* What could not be written stays: to the engine it is there, and the next try may go well. */
static int flush(struct gather *g)
{
  int rc = g->n ? g->real->pMethods->xWrite(g->real, g->bytes, g->n, g->at) : SQLITE_OK;
  if (!rc) g->n = 0;
  return rc;
}

/* The size of the file after the commit stands at byte 4 of the header of its last frame. */
static bool is_last_header(const unsigned char *p, int n, sqlite3_int64 at)
{
  return n == FRAME_HEADER && at > 0 && (p[4] | p[5] | p[6] | p[7]);
}

static int on_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
  struct gather *g = of(f);
  bool last = is_last_header(p, n, at), through = last || g->last || n > GATHER_BYTES;
  g->last = last;
  if (g->n && (at != g->at + g->n || g->n + n > GATHER_BYTES)) {
    int rc = flush(g);
    if (rc) return rc;
  }
  if (n > GATHER_BYTES) return g->real->pMethods->xWrite(g->real, p, n, at);
  if (!g->n) g->at = at;
  memcpy(g->bytes + g->n, p, (size_t)n);
  g->n += n;
  int rc = through ? flush(g) : SQLITE_OK;
  if (rc) g->n -= n; /* told as failed: it is not there */
  return rc;
}

static int on_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
  struct gather *g = of(f);
  bool apart = !g->n || at + n <= g->at || at >= g->at + g->n;
  int rc = apart ? SQLITE_OK : flush(g);
  return rc ? rc : g->real->pMethods->xRead(g->real, p, n, at);
}

static int on_truncate(sqlite3_file *f, sqlite3_int64 size)
{
  int rc = flush(of(f));
  return rc ? rc : of(f)->real->pMethods->xTruncate(of(f)->real, size);
}

static int on_sync(sqlite3_file *f, int flags)
{
  int rc = flush(of(f));
  return rc ? rc : of(f)->real->pMethods->xSync(of(f)->real, flags);
}

static int on_size(sqlite3_file *f, sqlite3_int64 *size)
{
  int rc = flush(of(f));
  return rc ? rc : of(f)->real->pMethods->xFileSize(of(f)->real, size);
}

static int on_close(sqlite3_file *f)
{
  struct gather *g = of(f);
  int rc = flush(g), closed = g->real->pMethods->xClose(g->real);
  mem_free(g->bytes);
  return rc ? rc : closed;
}

static int on_lock(sqlite3_file *f, int how)
{
  return of(f)->real->pMethods->xLock(of(f)->real, how);
}

static int on_unlock(sqlite3_file *f, int how)
{
  return of(f)->real->pMethods->xUnlock(of(f)->real, how);
}

static int on_reserved(sqlite3_file *f, int *yes)
{
  return of(f)->real->pMethods->xCheckReservedLock(of(f)->real, yes);
}

static int on_control(sqlite3_file *f, int op, void *arg)
{
  if (op == GATHER_FORGET) {
    of(f)->n = 0;
    of(f)->last = false;
    return SQLITE_OK;
  }
  return of(f)->real->pMethods->xFileControl(of(f)->real, op, arg);
}

static int on_sector(sqlite3_file *f)
{
  return of(f)->real->pMethods->xSectorSize(of(f)->real);
}

static int on_device(sqlite3_file *f)
{
  return of(f)->real->pMethods->xDeviceCharacteristics(of(f)->real);
}

/* Version 1: nobody maps a WAL. */
static const sqlite3_io_methods methods = { 1,          on_close,  on_read,   on_write,  on_truncate,
                                            on_sync,    on_size,   on_lock,   on_unlock, on_reserved,
                                            on_control, on_sector, on_device, NULL,      NULL,
                                            NULL,       NULL,      NULL,      NULL };

/* ---- the VFS: the one below in all but the opening of a WAL -------------------------------------------------------- */
static int on_open(sqlite3_vfs *v, sqlite3_filename name, sqlite3_file *f, int flags, int *out)
{
  sqlite3_vfs *below = v->pAppData;
  if (!(flags & SQLITE_OPEN_WAL)) return below->xOpen(below, name, f, flags, out);
  struct gather *g = of(f);
  memset(g, 0, sizeof *g);
  g->real = (sqlite3_file *)((char *)f + ((sizeof *g + 15) & ~(size_t)15));
  int rc = below->xOpen(below, name, g->real, flags, out);
  if (!rc) g->bytes = mem_new(GATHER_BYTES), g->base.pMethods = &methods;
  else if (g->real->pMethods) g->real->pMethods->xClose(g->real);
  return rc;
}

static int on_delete(sqlite3_vfs *v, const char *name, int sync)
{
  sqlite3_vfs *below = v->pAppData;
  return below->xDelete(below, name, sync);
}

static int on_access(sqlite3_vfs *v, const char *name, int flags, int *yes)
{
  sqlite3_vfs *below = v->pAppData;
  return below->xAccess(below, name, flags, yes);
}

static int on_full(sqlite3_vfs *v, const char *name, int n, char *out)
{
  sqlite3_vfs *below = v->pAppData;
  return below->xFullPathname(below, name, n, out);
}

static int on_random(sqlite3_vfs *v, int n, char *out)
{
  sqlite3_vfs *below = v->pAppData;
  return below->xRandomness(below, n, out);
}

static int on_sleep(sqlite3_vfs *v, int us)
{
  sqlite3_vfs *below = v->pAppData;
  return below->xSleep(below, us);
}

static int on_time(sqlite3_vfs *v, double *day)
{
  sqlite3_vfs *below = v->pAppData;
  return below->xCurrentTime(below, day);
}

static int on_last_error(sqlite3_vfs *v, int n, char *out)
{
  sqlite3_vfs *below = v->pAppData;
  return below->xGetLastError ? below->xGetLastError(below, n, out) : 0;
}

static int on_time_ms(sqlite3_vfs *v, sqlite3_int64 *ms)
{
  sqlite3_vfs *below = v->pAppData;
  return below->xCurrentTimeInt64(below, ms);
}

/* One for the system's VFS, one for that of a simulation. */
const char *gather_vfs(const char *below_name)
{
  static struct {
    sqlite3_vfs vfs;
    char name[64];
  } made[2];
  sqlite3_vfs *below = sqlite3_vfs_find(below_name);
  if (!below) return NULL;
  sqlite3_vfs *v = &made[below_name != NULL].vfs;
  char *name = made[below_name != NULL].name;
  if (v->pAppData == below) return name;
  must(!v->pAppData); /* not a third one */
  snprintf(name, sizeof made[0].name, "gather-%s", below->zName);
  *v = (sqlite3_vfs){ .iVersion = below->iVersion >= 2 && below->xCurrentTimeInt64 ? 2 : 1,
                      .szOsFile = (int)((sizeof(struct gather) + 15) & ~(size_t)15) + below->szOsFile,
                      .mxPathname = below->mxPathname,
                      .zName = name,
                      .pAppData = below,
                      .xOpen = on_open,
                      .xDelete = on_delete,
                      .xAccess = on_access,
                      .xFullPathname = on_full,
                      .xRandomness = on_random,
                      .xSleep = on_sleep,
                      .xCurrentTime = on_time,
                      .xGetLastError = on_last_error,
                      .xCurrentTimeInt64 = on_time_ms };
  must(sqlite3_vfs_register(v, 0) == SQLITE_OK);
  return name;
}
