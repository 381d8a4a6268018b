/* domain/callback.h: part of layer 4. What factories and carriers tell by themselves: kept as it came, once, until it is
 * applied or a person has dealt with it (table callbacks; ids q_). */
#ifndef ORDERD_DOMAIN_CALLBACK_H
#define ORDERD_DOMAIN_CALLBACK_H
#include "store.h"

#define CALLBACK_DIGEST 16
struct callback {
  int64_t id, at;
  const char *destination, *state; /* "factory:my-workshop"; applied, failed, dropped */
  const char *body, *events, *error; /* body: bytes of put only; events: JSON array; NULL: it could not be read */
  size_t body_n;
};
/* *is_new false: it came before, nothing is written. */
enum err callback_put(struct db *db, const struct callback *k, const unsigned char digest[CALLBACK_DIGEST], int64_t *id, bool *is_new);
enum err callback_get(struct db *db, struct arena *a, int64_t id, struct callback *out); /* NOT_FOUND */
enum err callback_settle(struct db *db, int64_t id, const char *state, const char *error);
bool callback_failed_any(struct db *db);
/* Applied and dropped ones from before that time, so many at most. */
enum err callback_prune(struct db *db, int64_t before_ms, int64_t most);
enum err view_callback(struct db *db, struct arena *a, int64_t id, struct buf *out);
/* Newest first; state, destination, cursor may be NULL. */
enum err view_callbacks(struct db *db, struct arena *a, const char *state, const char *destination, const char *cursor, int limit,
                        struct buf *out, const char **next, const char **why);

#endif
