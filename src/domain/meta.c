/* meta.c: single facts about this file. */
#include "domain.h"

enum err meta_get(struct db *db, struct arena *a, const char *name, char **value)
{
  static const char SQL[] = "SELECT value FROM meta WHERE name = $1";
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, name);
  bool found = stmt_row(s);
  *value = found ? stmt_col_copy(s, 0, a) : NULL;
  enum err e = stmt_end(s);
  return e ? e : found ? ERR_OK : ERR_NOT_FOUND;
}

enum err meta_put(struct db *db, const char *name, const char *value)
{
  static const char SQL[] =
    "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, name), stmt_text(s, 2, value);
  return stmt_run(s);
}
