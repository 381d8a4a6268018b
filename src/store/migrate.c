/* migrate.c: how a file of an older release is brought up to date. Each step is made in schema.sql too. */
#include "store.h"

#define ASSET(sym, path) \
  __asm__(".pushsection .rodata\n.global " #sym "\n" #sym ":\n.incbin \"" path \
          "\"\n.byte 0\n.popsection\n"); \
  extern const char sym[] __attribute__((visibility("hidden")))
ASSET(asset_migrate_3, "src/store/migrate_3.sql");
ASSET(asset_migrate_4, "src/store/migrate_4.sql");
ASSET(asset_migrate_5, "src/store/migrate_5.sql");
ASSET(asset_migrate_6, "src/store/migrate_6.sql");

/* Version 1 is schema.sql of the first release; a change adds a row here and is made in schema.sql too. */
static const char CHANNELS_POLLED[] =
  "CREATE TABLE polls (channel_id INTEGER PRIMARY KEY, connector TEXT NOT NULL, paused INTEGER NOT NULL "
  "DEFAULT 0, watermark INTEGER, swept_at INTEGER, run_at INTEGER, ok_at INTEGER, failures INTEGER NOT NULL "
  "DEFAULT 0, open_until INTEGER, skew_ms INTEGER NOT NULL DEFAULT 0, received INTEGER NOT NULL DEFAULT 0, "
  "misses INTEGER NOT NULL DEFAULT 0, error TEXT) STRICT;"
  "CREATE TABLE poll_runs (id INTEGER PRIMARY KEY, channel_id INTEGER NOT NULL, kind TEXT NOT NULL, "
  "began_at INTEGER NOT NULL, ended_at INTEGER NOT NULL, from_at INTEGER, until_at INTEGER, calls INTEGER "
  "NOT NULL, pages INTEGER NOT NULL, received INTEGER NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT "
  "NULL, failed INTEGER NOT NULL, misses INTEGER NOT NULL, error TEXT) STRICT;"
  "CREATE INDEX poll_runs_channel ON poll_runs (channel_id, id);"
  "CREATE TABLE buckets (channel_id INTEGER NOT NULL, call TEXT NOT NULL, level INTEGER NOT NULL, at "
  "INTEGER NOT NULL, PRIMARY KEY (channel_id, call)) WITHOUT ROWID, STRICT;"
  "CREATE TABLE secrets (channel_id INTEGER NOT NULL, name TEXT NOT NULL, sealed BLOB NOT NULL, set_at "
  "INTEGER NOT NULL, expires_at INTEGER, PRIMARY KEY (channel_id, name)) WITHOUT ROWID, STRICT;"
  "CREATE TABLE pushes (channel_id INTEGER NOT NULL, digest BLOB NOT NULL, at INTEGER NOT NULL, PRIMARY KEY "
  "(channel_id, digest)) WITHOUT ROWID, STRICT;"
  "CREATE TABLE merge_asked (order_id INTEGER PRIMARY KEY, content INTEGER NOT NULL, at INTEGER NOT NULL) "
  "STRICT;";

const struct migration migration_table[] = {
  { 1, NULL },
  { 2, CHANNELS_POLLED },
  { 3, asset_migrate_3 },
  { 4, asset_migrate_4 },
  { 5, asset_migrate_5 },
  { 6, asset_migrate_6 },
};
const size_t migration_table_n = COUNT(migration_table);
