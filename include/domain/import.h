/* domain/import.h: files that people dropped into the console. */
#ifndef ORDERD_DOMAIN_IMPORT_H
#define ORDERD_DOMAIN_IMPORT_H
#include "domain.h"

/* ---- import.c ---------------------------------------------------------------------------------------------------
 * Rows are put while the import is `reading`; a person confirms or discards the `preview`; `applying` and `undoing`
 * go row by row, and go on after a kill where they stood (done). */
struct import_row { /* one order of the file, or a row that is none */
  int64_t seq, row, order_id; /* row: of the sheet, from 1 */
  const char *result;         /* new changed unchanged stale again refused; later created updated … undone kept */
  const char *number;         /* "channel:external_id"; NULL: unknown */
  const char *error;          /* JSON; NULL */
  const char *body;           /* the canonical order as JSON; NULL: no order */
  size_t body_n;
};
struct import_state {
  int64_t id, rows, done, version;
  const char *state, *actor, *channel;
};
enum err imports_add(struct db *db, const char *name, const char *channel, const char *actor, int64_t now_ms, int64_t *id);
enum err imports_row(struct db *db, int64_t id, const struct import_row *r);
enum err imports_get(struct db *db, struct arena *a, int64_t id, struct import_state *out); /* NOT_FOUND */
/* version + 1. ended_at: 0 leaves it. */
enum err imports_move(struct db *db, int64_t id, const char *to, int64_t ended_at);
/* Rows up to and with this one, from the first on, were applied when the journal ended at head. */
enum err imports_applied(struct db *db, int64_t id, int64_t from, int64_t to, int64_t head);
enum err imports_rows(struct db *db, int64_t id, int64_t rows); /* how many there are */
enum err imports_done(struct db *db, int64_t id, int64_t seq);
int64_t imports_next(struct db *db);  /* the first that is applying or undoing; 0: none */
/* Rows after seq, with their bodies unpacked; the number of them. */
size_t imports_take(struct db *db, struct arena *a, int64_t id, int64_t after, struct import_row *out, size_t max);
enum err imports_settle(struct db *db, int64_t id, int64_t seq, const char *result, int64_t order_id, const char *error);
enum err imports_drop(struct db *db, int64_t id); /* rows and all */
enum err imports_prune(struct db *db, int64_t before_ms); /* those whose reading broke off */
/* Orders that a done import made and upon which something was built, or that are too far to be cancelled: their ids, at
 * most max; *n of them in all. order_id 0: of the whole import. */
enum err imports_built_upon(struct db *db, int64_t id, int64_t order_id, int64_t *ids, size_t max, int64_t *n);
int64_t imports_count(struct db *db, int64_t id, const char *result);
/* view_import.c */
enum err view_import(struct db *db, int64_t id, struct buf *out, int64_t *version);
enum err view_imports(struct db *db, struct arena *a, const char *cursor, int limit, struct buf *out, const char **next, const char **why);
enum err view_import_rows(struct db *db, struct arena *a, int64_t id, const char *result, enum privacy p, const char *cursor,
                          int limit, struct buf *out, const char **next, const char **why);

#endif
