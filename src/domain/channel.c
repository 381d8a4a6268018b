/* channel.c: shops, tills and sheets that orders come from. */
#include "domain.h"

static enum err channel_read(struct stmt *s, struct arena *a, struct channel *out)
{
  bool found = stmt_row(s);
  if (found) {
    out->id = stmt_col_int(s, 0);
    out->name = stmt_col_copy(s, 1, a);
    out->family = stmt_col_copy(s, 2, a);
  }
  enum err e = stmt_end(s);
  return e ? e : found ? ERR_OK : ERR_NOT_FOUND;
}

enum err channel_find(struct db *db, struct arena *a, const char *name, struct channel *out)
{
  static const char SQL[] = "SELECT id, name, family FROM channels WHERE name = $1";
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, name);
  return channel_read(s, a, out);
}

enum err channel_by_id(struct db *db, struct arena *a, int64_t id, struct channel *out)
{
  static const char SQL[] = "SELECT id, name, family FROM channels WHERE id = $1";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id);
  return channel_read(s, a, out);
}

enum err channel_add(struct db *db, const char *name, const char *family, int64_t now_ms, int64_t *id)
{
  static const char SQL[] = "INSERT INTO channels (id, name, family, created_at) VALUES ($1, $2, $3, $4)";
  *id = db_next_id(db, "channel");
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, *id), stmt_text(s, 2, name), stmt_text(s, 3, family ? family : ""), stmt_int(s, 4, now_ms);
  return stmt_run(s);
}

enum err channel_set_family(struct db *db, int64_t id, const char *family)
{
  static const char SQL[] = "UPDATE channels SET family = $1 WHERE id = $2";
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, family), stmt_int(s, 2, id);
  return stmt_run(s);
}
