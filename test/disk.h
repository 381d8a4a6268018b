/* disk.h: a disk in memory that fails on purpose, for the database engine: the VFS "disk".
 *
 * What a program writes is in the page cache (what every later read sees) until xSync; only then is it on
 * the platter. disk_power_cut() decides by its seed what of the rest survives: each 512-byte sector of
 * each unsynced write may be there, be missing, or be torn; the file may have grown without its data;
 * names that were made or removed since the directory was last synced may have come or gone or not.
 * A failed fsync drops the dirty pages: they stay readable, count as clean, and may never have
 * reached the platter.
 *
 * One thread only, one directory, no process but ours. For store_hooks.vfs = "disk" together with
 * store_hooks.sync_directory = disk_sync_directory. */
#ifndef ORDERD_DISK_H
#define ORDERD_DISK_H
#include <stdbool.h>
#include <stdint.h>

enum disk_fault {
  DISK_NONE,
  DISK_CUT,   /* the power goes: this operation may still reach the disk in part, nothing after it does */
  DISK_EIO,   /* the operation fails */
  DISK_FULL,  /* no room: writing, growing, creating fails */
  DISK_FSYNC, /* an fsync fails and drops what it should have written */
  DISK_FAULTS
};

void disk_format(uint64_t seed); /* an empty disk, no faults; the seed makes runs repeatable */
/* The k-th operation from now (1 is the next) that this fault can hit; from then on all of them when
 * `stays`, else only that one. DISK_NONE heals the disk. */
void disk_fault_at(int64_t k, enum disk_fault what, bool stays);
bool disk_faulted(void); /* it has happened */
int64_t disk_ops(void);  /* operations since disk_fault_at() that its fault could have hit */

void disk_halt(void);               /* the process is dead: nothing it still does has an effect */
void disk_restart(void);            /* a new process on the same kernel: the page cache is as it was */
void disk_power_cut(uint64_t seed); /* a new boot: what the platter holds; both need all files closed */
void disk_keep(void);               /* remember everything (all files closed, all of it counts as synced) */
void disk_back(void);               /* go back to what disk_keep() saw */
bool disk_sync_directory(const char *path); /* for store_hooks.sync_directory */
int64_t disk_size(const char *name);        /* bytes as programs see them, -1: no such file */

#endif
