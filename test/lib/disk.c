/* disk.c: see disk.h. */
#include "disk.h"
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECTOR 512
#define NAMES_MAX 32
#define VERSIONS_MAX 64 /* comings and goings of one name between two directory syncs */
#define REGIONS_MAX 64
#define SHM_LOCKS 8

#define NEED(c) \
  do { \
    if (!(c)) fprintf(stderr, "%s:%d: the simulated disk: %s\n", __FILE__, __LINE__, #c), abort(); \
  } while (0)

/* ---- state ------------------------------------------------------------------------------------------- */
struct bytes {
  unsigned char *p;
  size_t n, cap;
};

/* A write or a truncation that no fsync has covered. */
struct change {
  bool cut; /* to `at` bytes */
  size_t at, n;
  unsigned char *p;
};

struct file; /* an open one */
struct node {
  struct bytes now, platter;
  struct change *change;
  size_t changes, changes_cap;
  int open, names;
  /* locks and shared memory: gone with the processes */
  int shared;
  struct file *reserved, *pending, *exclusive;
  void *region[REGIONS_MAX];
  int region_size, mapped;
  int shm_shared[SHM_LOCKS];
  struct file *shm_exclusive[SHM_LOCKS];
};

/* version[0] is on the platter, the last one is what programs see. NULL: no such file. */
struct name {
  char text[64];
  struct node *version[VERSIONS_MAX];
  int versions;
};

struct file {
  sqlite3_file base;
  struct node *node;
  int lock;
  unsigned shm_shared, shm_exclusive;
  bool mapped, new_name, drop; /* new_name: the directory is synced with the first sync */
  char name[64];
};

static struct {
  struct name name[NAMES_MAX], kept[NAMES_MAX];
  int names, kept_n;
  int open_files;
  uint64_t seed;
  enum disk_fault fault;
  int64_t at, ops;
  bool stays, hit, halted;
  int os_error;
} disk;

static uint64_t next_random(uint64_t *seed)
{
  uint64_t z = *seed += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

static void *grown(void *p, size_t n)
{
  p = realloc(p, n);
  NEED(p);
  return p;
}

/* ---- bytes ------------------------------------------------------------------------------------------- */
/* What lies between the old end and the new one is `fill`. */
static void bytes_size(struct bytes *b, size_t n, unsigned char fill)
{
  if (n > b->cap) {
    b->cap = n * 2 < 65536 ? 65536 : n * 2;
    b->p = grown(b->p, b->cap);
  }
  if (n > b->n) memset(b->p + b->n, fill, n - b->n);
  b->n = n;
}

static void bytes_write(struct bytes *b, size_t at, const void *p, size_t n, unsigned char fill)
{
  if (at + n > b->n) bytes_size(b, at + n, fill);
  memcpy(b->p + at, p, n);
}

static void bytes_copy(struct bytes *to, const struct bytes *from)
{
  to->n = 0;
  if (from->n) bytes_write(to, 0, from->p, from->n, 0);
}

/* ---- nodes --------------------------------------------------------------------------------------------- */
static void node_forget_changes(struct node *f)
{
  for (size_t i = 0; i < f->changes; i++) free(f->change[i].p);
  f->changes = 0;
}

static void node_drop(struct node *f)
{
  if (!f || f->open || f->names) return;
  node_forget_changes(f);
  for (int i = 0; i < REGIONS_MAX; i++) free(f->region[i]);
  free(f->change);
  free(f->now.p);
  free(f->platter.p);
  free(f);
}

static struct node *node_new(void)
{
  struct node *f = calloc(1, sizeof *f);
  NEED(f);
  return f;
}

static struct node *node_copy(const struct node *from)
{
  struct node *f = node_new();
  bytes_copy(&f->now, &from->now);
  bytes_copy(&f->platter, &from->now);
  return f;
}

static void node_note(struct node *f, struct change c, const void *p)
{
  if (f->changes == f->changes_cap) {
    f->changes_cap = f->changes_cap ? f->changes_cap * 2 : 16;
    f->change = grown(f->change, f->changes_cap * sizeof *f->change);
  }
  if (!c.cut) {
    c.p = grown(NULL, c.n ? c.n : 1);
    memcpy(c.p, p, c.n);
  }
  f->change[f->changes++] = c;
}

static void node_sync(struct node *f)
{
  for (size_t i = 0; i < f->changes; i++) {
    struct change *c = &f->change[i];
    if (c->cut) bytes_size(&f->platter, c->at, 0);
    else bytes_write(&f->platter, c->at, c->p, c->n, 0);
  }
  node_forget_changes(f);
}

/* One way in which the unsynced part may have gone: chances in percent. */
struct fate {
  int lost, torn, cut_lost, size_kept;
  bool in_order;      /* everything up to some point, nothing after it */
  unsigned char fill; /* what a file that grew without its data holds */
};

static struct fate fate_draw(uint64_t *seed)
{
  static const struct fate fates[] = {
    { .lost = 100, .cut_lost = 100 },
    { .lost = 0 },
    { .lost = 10, .torn = 5, .cut_lost = 50 },
    { .lost = 50, .torn = 10, .cut_lost = 50, .size_kept = 50 },
    { .lost = 90, .torn = 5, .cut_lost = 10, .size_kept = 90 },
    { .in_order = true, .torn = 50 },
    { .lost = 30, .torn = 30, .cut_lost = 30, .size_kept = 50, .fill = 0xa5 },
    { .lost = 100, .cut_lost = 0, .size_kept = 100, .fill = 0x5a },
  };
  return fates[next_random(seed) % (sizeof fates / sizeof *fates)];
}

static bool chance(uint64_t *seed, int percent)
{
  return (int)(next_random(seed) % 100) < percent;
}

/* A torn sector holds the start of the new bytes and the end of the old ones. */
static void sector_settle(struct node *f, size_t at, const unsigned char *p, size_t n, const struct fate *how,
                          uint64_t *seed)
{
  if (chance(seed, how->lost)) {
    if (chance(seed, how->size_kept) && at + n > f->platter.n) bytes_size(&f->platter, at + n, how->fill);
    return;
  }
  if (n > 1 && chance(seed, how->torn)) n = 1 + next_random(seed) % (n - 1);
  bytes_write(&f->platter, at, p, n, how->fill);
}

static void change_settle(struct node *f, const struct change *c, const struct fate *how, uint64_t *seed)
{
  if (c->cut) {
    if (!chance(seed, how->cut_lost)) bytes_size(&f->platter, c->at, 0);
    return;
  }
  for (size_t done = 0; done < c->n;) {
    size_t n = SECTOR - (c->at + done) % SECTOR;
    if (n > c->n - done) n = c->n - done;
    sector_settle(f, c->at + done, c->p + done, n, how, seed);
    done += n;
  }
}

static void node_settle(struct node *f, uint64_t *seed)
{
  struct fate how = fate_draw(seed);
  size_t last = how.in_order && f->changes ? next_random(seed) % (f->changes + 1) : f->changes;
  struct fate whole = { .lost = 0 };
  for (size_t i = 0; i < f->changes && i <= last; i++)
    change_settle(f, &f->change[i], how.in_order && i < last ? &whole : &how, seed);
  node_forget_changes(f);
}

/* ---- names ---------------------------------------------------------------------------------------------- */
static struct name *name_find(const char *text, bool make)
{
  for (int i = 0; i < disk.names; i++)
    if (!strcmp(disk.name[i].text, text)) return &disk.name[i];
  if (!make) return NULL;
  NEED(disk.names < NAMES_MAX && strlen(text) < sizeof disk.name[0].text);
  struct name *d = &disk.name[disk.names++];
  *d = (struct name){ .versions = 1 };
  strcpy(d->text, text);
  return d;
}

static struct node *name_now(const struct name *d)
{
  return d ? d->version[d->versions - 1] : NULL;
}

static void name_set(struct name *d, struct node *f)
{
  if (d->versions == VERSIONS_MAX) { /* one between is forgotten */
    struct node *gone = d->version[1];
    memmove(&d->version[1], &d->version[2], sizeof d->version[0] * (VERSIONS_MAX - 2));
    d->versions--;
    if (gone) gone->names--, node_drop(gone);
  }
  d->version[d->versions++] = f;
  if (f) f->names++;
}

/* Only version `keep` stays. */
static void name_only(struct name *d, int keep)
{
  struct node *f = d->version[keep];
  if (f) f->names++;
  for (int i = 0; i < d->versions; i++)
    if (d->version[i]) d->version[i]->names--, node_drop(d->version[i]);
  d->version[0] = f;
  d->versions = 1;
}

static void names_sync(void)
{
  for (int i = 0; i < disk.names; i++) name_only(&disk.name[i], disk.name[i].versions - 1);
}

/* ---- faults ----------------------------------------------------------------------------------------------- */
enum kind { READ, WRITE, SYNC, TRUNCATE, CREATE, OPEN, DELETE, LOOK, LOCK, SHM_MAP, KINDS };
#define BIT(k) (1u << (k))
static const unsigned can_hit[DISK_FAULTS] = {
  [DISK_CUT] = BIT(WRITE) | BIT(SYNC) | BIT(TRUNCATE) | BIT(CREATE) | BIT(DELETE),
  [DISK_EIO] = BIT(KINDS) - 1,
  [DISK_FULL] = BIT(WRITE) | BIT(CREATE) | BIT(SHM_MAP),
  [DISK_FSYNC] = BIT(SYNC),
};

/* The fault that this operation meets. */
static enum disk_fault meet(enum kind k)
{
  if (disk.halted) return DISK_EIO;
  if (!(can_hit[disk.fault] & BIT(k))) return DISK_NONE;
  disk.ops++;
  if (disk.ops != disk.at && !(disk.stays && disk.ops > disk.at)) return DISK_NONE;
  disk.hit = true;
  disk.os_error = disk.fault == DISK_FULL ? ENOSPC : EIO;
  if (disk.fault == DISK_CUT) disk.halted = true;
  return disk.fault;
}

/* For operations that happen whole or not at all; `rc` is what the engine is told. */
static int refuse(enum kind k, int rc)
{
  enum disk_fault f = meet(k);
  if (f == DISK_NONE) return SQLITE_OK;
  return f == DISK_FULL && k != SHM_MAP && k != CREATE ? SQLITE_FULL : rc;
}

/* ---- methods of an open file ------------------------------------------------------------------------------- */
static struct file *file_of(sqlite3_file *f)
{
  return (struct file *)(void *)f;
}

static int file_read(sqlite3_file *base, void *p, int n, sqlite3_int64 at)
{
  struct bytes *b = &file_of(base)->node->now;
  int rc = refuse(READ, SQLITE_IOERR_READ);
  if (rc) return rc;
  size_t have = (size_t)at >= b->n ? 0 : b->n - (size_t)at;
  if (have >= (size_t)n) {
    memcpy(p, b->p + at, (size_t)n);
    return SQLITE_OK;
  }
  memset(p, 0, (size_t)n);
  if (have) memcpy(p, b->p + at, have);
  return SQLITE_IOERR_SHORT_READ;
}

static int file_write(sqlite3_file *base, const void *p, int n, sqlite3_int64 at)
{
  struct node *f = file_of(base)->node;
  bool was_off = disk.halted;
  int rc = refuse(WRITE, SQLITE_IOERR_WRITE);
  if (rc && (was_off || disk.fault != DISK_CUT)) return rc;
  bytes_write(&f->now, (size_t)at, p, (size_t)n, 0);
  node_note(f, (struct change){ .at = (size_t)at, .n = (size_t)n }, p);
  return rc;
}

static int file_truncate(sqlite3_file *base, sqlite3_int64 size)
{
  struct node *f = file_of(base)->node;
  bool was_off = disk.halted;
  int rc = refuse(TRUNCATE, SQLITE_IOERR_TRUNCATE);
  if (rc && (was_off || disk.fault != DISK_CUT)) return rc;
  bytes_size(&f->now, (size_t)size, 0);
  node_note(f, (struct change){ .cut = true, .at = (size_t)size }, NULL);
  return rc;
}

static int file_sync(sqlite3_file *base, int flags)
{
  struct file *f = file_of(base);
  (void)flags;
  enum disk_fault fault = meet(SYNC);
  if (fault == DISK_FSYNC) node_settle(f->node, &disk.seed);
  if (fault) return SQLITE_IOERR_FSYNC;
  node_sync(f->node);
  if (f->new_name) names_sync();
  f->new_name = false;
  return SQLITE_OK;
}

static int file_size(sqlite3_file *base, sqlite3_int64 *size)
{
  *size = (sqlite3_int64)file_of(base)->node->now.n;
  return refuse(LOOK, SQLITE_IOERR_FSTAT);
}

static int file_lock(sqlite3_file *base, int want)
{
  struct file *f = file_of(base);
  struct node *n = f->node;
  int rc = refuse(LOCK, SQLITE_IOERR_LOCK);
  if (rc || f->lock >= want) return rc;
  if (want == SQLITE_LOCK_SHARED) {
    if (n->pending || n->exclusive) return SQLITE_BUSY;
    n->shared++;
  } else {
    if (n->reserved && n->reserved != f) return SQLITE_BUSY;
    n->reserved = f;
    if (want == SQLITE_LOCK_EXCLUSIVE) {
      n->pending = f;
      f->lock = SQLITE_LOCK_PENDING;
      if (n->shared > 1) return SQLITE_BUSY;
      n->exclusive = f;
    }
  }
  f->lock = want;
  return SQLITE_OK;
}

static int file_unlock(sqlite3_file *base, int want)
{
  struct file *f = file_of(base);
  struct node *n = f->node;
  if (f->lock <= want) return SQLITE_OK;
  if (n->reserved == f) n->reserved = NULL;
  if (n->pending == f) n->pending = NULL;
  if (n->exclusive == f) n->exclusive = NULL;
  if (want == SQLITE_LOCK_NONE) n->shared--;
  f->lock = want;
  return SQLITE_OK;
}

static int file_reserved(sqlite3_file *base, int *out)
{
  *out = file_of(base)->node->reserved != NULL;
  return refuse(LOCK, SQLITE_IOERR_CHECKRESERVEDLOCK);
}

static int file_control(sqlite3_file *base, int op, void *arg)
{
  (void)base, (void)op, (void)arg;
  return SQLITE_NOTFOUND;
}

static int file_sector(sqlite3_file *base)
{
  (void)base;
  return 4096;
}

/* As the system's VFS says it: a write does not harm bytes beside it. */
static int file_traits(sqlite3_file *base)
{
  (void)base;
  return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static int shm_map(sqlite3_file *base, int at, int size, int extend, void volatile **out)
{
  struct file *f = file_of(base);
  struct node *n = f->node;
  NEED(at < REGIONS_MAX && (!n->region_size || n->region_size == size));
  *out = NULL;
  int rc = n->region[at] || !extend ? SQLITE_OK : refuse(SHM_MAP, SQLITE_IOERR_SHMSIZE);
  if (rc) return rc;
  if (!f->mapped) n->mapped++;
  f->mapped = true;
  n->region_size = size;
  if (!n->region[at] && extend) {
    n->region[at] = calloc(1, (size_t)size);
    NEED(n->region[at]);
  }
  *out = n->region[at];
  return SQLITE_OK;
}

static int shm_unlock_one(struct file *f, int i)
{
  struct node *n = f->node;
  if (f->shm_shared & BIT(i)) n->shm_shared[i]--;
  if (f->shm_exclusive & BIT(i)) n->shm_exclusive[i] = NULL;
  f->shm_shared &= ~BIT(i);
  f->shm_exclusive &= ~BIT(i);
  return SQLITE_OK;
}

static bool shm_free_for(struct file *f, int i, bool exclusive)
{
  struct node *n = f->node;
  if (n->shm_exclusive[i] && n->shm_exclusive[i] != f) return false;
  return !exclusive || n->shm_shared[i] == !!(f->shm_shared & BIT(i));
}

static int shm_lock(sqlite3_file *base, int at, int count, int flags)
{
  struct file *f = file_of(base);
  bool exclusive = flags & SQLITE_SHM_EXCLUSIVE;
  if (flags & SQLITE_SHM_UNLOCK) {
    for (int i = at; i < at + count; i++) shm_unlock_one(f, i);
    return SQLITE_OK;
  }
  int rc = refuse(LOCK, SQLITE_IOERR_SHMLOCK);
  if (rc) return rc;
  for (int i = at; i < at + count; i++)
    if (!shm_free_for(f, i, exclusive)) return SQLITE_BUSY;
  for (int i = at; i < at + count; i++) {
    if (exclusive) f->node->shm_exclusive[i] = f, f->shm_exclusive |= BIT(i);
    else if (!(f->shm_shared & BIT(i))) f->node->shm_shared[i]++, f->shm_shared |= BIT(i);
  }
  return SQLITE_OK;
}

static void shm_barrier(sqlite3_file *base)
{
  (void)base;
}

/* With the last process its content is worth nothing: the next one builds it anew. */
static int shm_unmap(sqlite3_file *base, int drop)
{
  struct file *f = file_of(base);
  (void)drop;
  for (int i = 0; i < SHM_LOCKS; i++) shm_unlock_one(f, i);
  if (f->mapped && !--f->node->mapped)
    for (int i = 0; i < REGIONS_MAX; i++) free(f->node->region[i]), f->node->region[i] = NULL;
  f->mapped = false;
  return SQLITE_OK;
}

static int file_close(sqlite3_file *base)
{
  struct file *f = file_of(base);
  shm_unmap(base, 0);
  file_unlock(base, SQLITE_LOCK_NONE);
  f->node->open--;
  node_drop(f->node);
  disk.open_files--;
  return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
  .iVersion = 2,
  .xClose = file_close,
  .xRead = file_read,
  .xWrite = file_write,
  .xTruncate = file_truncate,
  .xSync = file_sync,
  .xFileSize = file_size,
  .xLock = file_lock,
  .xUnlock = file_unlock,
  .xCheckReservedLock = file_reserved,
  .xFileControl = file_control,
  .xSectorSize = file_sector,
  .xDeviceCharacteristics = file_traits,
  .xShmMap = shm_map,
  .xShmLock = shm_lock,
  .xShmBarrier = shm_barrier,
  .xShmUnmap = shm_unmap,
};

/* ---- methods of the disk ---------------------------------------------------------------------------------- */
static int vfs_open(sqlite3_vfs *vfs, const char *text, sqlite3_file *base, int flags, int *out_flags)
{
  struct file *f = file_of(base);
  struct name *d = text ? name_find(text, flags & SQLITE_OPEN_CREATE) : NULL;
  struct node *n = name_now(d);
  bool create = !n && (flags & SQLITE_OPEN_CREATE);
  (void)vfs;
  memset(f, 0, sizeof *f);
  int rc = refuse(create ? CREATE : OPEN, SQLITE_CANTOPEN);
  if (rc) return rc;
  if (!n && !create) return SQLITE_CANTOPEN;
  if (create) {
    n = node_new();
    if (d) name_set(d, n);
    f->new_name = flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL);
  }
  f->node = n;
  n->open++;
  disk.open_files++;
  f->base.pMethods = &methods;
  if (out_flags) *out_flags = flags;
  return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *text, int sync_directory)
{
  struct name *d = name_find(text, false);
  (void)vfs;
  if (!name_now(d)) return SQLITE_IOERR_DELETE_NOENT;
  bool was_off = disk.halted;
  int rc = refuse(DELETE, SQLITE_IOERR_DELETE);
  if (rc && (was_off || disk.fault != DISK_CUT)) return rc;
  name_set(d, NULL);
  if (rc || !sync_directory) return rc;
  if (meet(SYNC)) return SQLITE_IOERR_DIR_FSYNC;
  names_sync();
  return SQLITE_OK;
}

static int vfs_access(sqlite3_vfs *vfs, const char *text, int flags, int *out)
{
  struct node *n = name_now(name_find(text, false));
  (void)vfs;
  /* A journal without a byte in it counts as none. */
  *out = n && (flags != SQLITE_ACCESS_EXISTS || n->now.n > 0);
  return refuse(LOOK, SQLITE_IOERR_ACCESS);
}

static int vfs_path(sqlite3_vfs *vfs, const char *text, int n, char *out)
{
  (void)vfs;
  snprintf(out, (size_t)n, "%s", text);
  return SQLITE_OK;
}

static int vfs_random(sqlite3_vfs *vfs, int n, char *out)
{
  (void)vfs;
  for (int i = 0; i < n; i++) out[i] = (char)next_random(&disk.seed);
  return n;
}

static int vfs_sleep(sqlite3_vfs *vfs, int us)
{
  (void)vfs;
  return us;
}

static int vfs_time(sqlite3_vfs *vfs, sqlite3_int64 *ms)
{
  (void)vfs;
  *ms = 212966409600000;
  return SQLITE_OK;
}

static int vfs_error(sqlite3_vfs *vfs, int n, char *out)
{
  (void)vfs, (void)n, (void)out;
  return disk.os_error;
}

static sqlite3_vfs vfs = {
  .iVersion = 2,
  .szOsFile = sizeof(struct file),
  .mxPathname = 63,
  .zName = "disk",
  .xOpen = vfs_open,
  .xDelete = vfs_delete,
  .xAccess = vfs_access,
  .xFullPathname = vfs_path,
  .xRandomness = vfs_random,
  .xSleep = vfs_sleep,
  .xCurrentTimeInt64 = vfs_time,
  .xGetLastError = vfs_error,
};

/* ---- for tests ------------------------------------------------------------------------------------------------ */
static void names_drop(struct name *name, int n)
{
  for (int i = 0; i < n; i++)
    for (int v = 0; v < name[i].versions; v++)
      if (name[i].version[v]) name[i].version[v]->names--, node_drop(name[i].version[v]);
}

void disk_format(uint64_t seed)
{
  NEED(!disk.open_files);
  names_drop(disk.name, disk.names);
  names_drop(disk.kept, disk.kept_n);
  memset(&disk, 0, sizeof disk);
  disk.seed = seed;
  NEED(sqlite3_vfs_register(&vfs, 0) == SQLITE_OK);
  /* Salts of the WAL come from the engine's own generator: the same run for the same seed. */
  sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED, (int)seed, NULL);
  sqlite3_randomness(0, NULL);
}

void disk_fault_at(int64_t k, enum disk_fault what, bool stays)
{
  disk.fault = what;
  disk.at = k;
  disk.ops = 0;
  disk.hit = false;
  disk.stays = stays;
  disk.os_error = 0;
}

bool disk_faulted(void)
{
  return disk.hit;
}

int64_t disk_ops(void)
{
  return disk.ops;
}

void disk_halt(void)
{
  disk.halted = true;
}

void disk_restart(void)
{
  NEED(!disk.open_files);
  disk.halted = false;
  disk_fault_at(0, DISK_NONE, false);
}

void disk_power_cut(uint64_t seed)
{
  disk_restart();
  for (int i = 0; i < disk.names; i++) {
    struct name *d = &disk.name[i];
    int keep = (int)(next_random(&seed) % (uint64_t)d->versions);
    struct node *f = d->version[keep];
    if (f) node_settle(f, &seed), bytes_copy(&f->now, &f->platter);
    name_only(d, keep);
  }
}

static void names_copy(struct name *to, int *to_n, const struct name *from, int n)
{
  names_drop(to, *to_n);
  *to_n = n;
  for (int i = 0; i < n; i++) {
    to[i] = (struct name){ .versions = 1 };
    strcpy(to[i].text, from[i].text);
    struct node *f = name_now(&from[i]);
    if (f) to[i].version[0] = node_copy(f), to[i].version[0]->names = 1;
  }
}

void disk_keep(void)
{
  NEED(!disk.open_files);
  names_copy(disk.kept, &disk.kept_n, disk.name, disk.names);
}

void disk_back(void)
{
  disk_restart();
  names_copy(disk.name, &disk.names, disk.kept, disk.kept_n);
}

bool disk_sync_directory(const char *path)
{
  (void)path;
  if (meet(SYNC)) return false;
  names_sync();
  return true;
}

int64_t disk_size(const char *text)
{
  struct node *f = name_now(name_find(text, false));
  return f ? (int64_t)f->now.n : -1;
}
