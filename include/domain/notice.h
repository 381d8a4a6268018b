/* domain/notice.h: part of layer 4. Notices: what people are to be told, a row each, before it is told. A row waits for
 * its room until a message (an effect) takes it along, and stays with that message whatever becomes of it, so that a
 * try that is made again says the same. A cause is told once per room, however often it is put (table notices, ids m_). */
#ifndef ORDERD_DOMAIN_NOTICE_H
#define ORDERD_DOMAIN_NOTICE_H
#include "store.h"

struct notice {
  int64_t id, at, effect_id;       /* effect_id 0: with no message yet */
  const char *messenger, *room;
  const char *kind;                /* remind, escalate, backlog, exception:TYPE, test; of customers shipped, delayed */
  const char *cause;               /* what makes it the same notice: "remind:o_1:paid:1762…" */
  const char *about;               /* "o_1", "x_4" or NULL */
  const char *text, *state;        /* state: waiting, sent, dropped */
  bool urgent;                     /* passes quiet hours */
};
/* n->id is set where it is new. */
enum err notice_put(struct db *db, struct notice *n, int64_t now_ms, bool *is_new);
enum err notice_get(struct db *db, struct arena *a, int64_t id, struct notice *out);
/* What waits for the room and is with no message yet goes with this one; how many. all false: only what is urgent. */
enum err notices_join(struct db *db, const char *messenger, const char *room, bool all, int64_t effect_id, int64_t now_ms,
                      int64_t *n);
/* One that has a message of its own: it goes with this one; joined_at 0: not yet. */
enum err notice_with(struct db *db, int64_t id, int64_t effect_id, int64_t joined_at);
/* What went with a message, oldest first; at most max. *count: of all. */
enum err notices_with(struct db *db, struct arena *a, int64_t effect_id, struct notice *list, size_t max, size_t *n,
                      int64_t *count);
enum err notices_ended(struct db *db, int64_t effect_id, const char *state, int64_t now_ms); /* sent, dropped */
/* They are with no message again: theirs is given up before it was taken. */
enum err notices_leave(struct db *db, int64_t effect_id);
/* The room is there no more: what waits in it, or went with this message, is not told. */
enum err notices_drop(struct db *db, const char *room, int64_t effect_id, int64_t now_ms);
/* Does anything wait that is with no message? */
enum err notices_wait(struct db *db, const char *room, bool *any, bool *urgent);
/* When the newest message of a room since then was put together; 0: none. */
int64_t notices_last(struct db *db, const char *messenger, const char *room, int64_t since);
/* Messages of a messenger that were put together since then, and when the first of them was. */
int64_t notices_lately(struct db *db, const char *messenger, int64_t since, int64_t *first);
/* When the newest message since then to the customer with this contact key was put together; 0: none. */
int64_t notices_lately_to(struct db *db, const char *messenger, int64_t since, int64_t contact_key);
/* The room's message that is not over, and whether it was put together already; 0: none. *unknown: nobody knows whether
 * it was taken, and it must not be sent twice. */
int64_t notice_message(struct db *db, struct arena *a, const char *destination, const char *room, bool *fixed, bool *unknown);
/* Those told before that, and those that nobody has fetched since then, go; how many. */
enum err notices_prune(struct db *db, int64_t before_ms, int limit, int64_t *n);

/* ---- pure ------------------------------------------------------------------------------------------------------------ */
/* The end of the quiet hours that now lies in; 0: it lies in none. from = to: there are none. Over midnight when from > to. */
int64_t quiet_until(int64_t now_ms, int zone_min, int from_min, int to_min);
bool quiet_parse(const char *text, int *from_min, int *to_min); /* "22:00-08:00" */
/* Lines as one text of at most max bytes, each whole or cut at a character; what has no room is counted: "… and 3 more".
 * count: all, also those that were not read. */
#define DIGEST_LEAST 96
void digest_put(struct buf *out, const struct notice *list, size_t n, int64_t count, size_t max, bool zh);

/* ---- exceptions that were opened since --------------------------------------------------------------------------------- */
struct opened_exception {
  int64_t id, order_id, since;
  const char *type, *owner;
};
size_t exceptions_since(struct db *db, struct arena *a, int64_t after, struct opened_exception *list, size_t max);
int64_t exceptions_before(struct db *db, int64_t ms); /* the last one opened before that */

/* ---- view_notice.c ------------------------------------------------------------------------------------------------------ */
enum err view_notice(struct db *db, int64_t id, struct buf *out);
struct notice_filter {
  const char *room, *state, *about; /* NULL: any */
};
enum err view_notices(struct db *db, struct arena *a, const struct notice_filter *f, const char *cursor, int limit,
                      struct buf *out, const char **next, const char **why);

#endif
