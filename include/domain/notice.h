/* domain/notice.h: part of layer 4. Notices: what people are to be told, a row each, before it is told. A row waits for
 * its room until a message (an effect) takes it along, and stays with that message whatever becomes of it, so that a
 * try that is made again says the same. A cause is told once per room, however often it is put. */
#ifndef ORDERD_DOMAIN_NOTICE_H
#define ORDERD_DOMAIN_NOTICE_H
#include "store.h"

struct notice {
  int64_t id;
  const char *room, *kind;  /* kind: remind, escalate, backlog, exception:TYPE */
  const char *cause;        /* what makes it the same notice: "remind:o_1:paid:1762…" */
  const char *about;        /* "o_1", "x_4" or NULL */
  const char *text;
  bool urgent;              /* passes quiet hours */
};
enum err notice_put(struct db *db, const struct notice *n, int64_t now_ms, bool *is_new);
/* What waits for the room and is with no message yet goes with this one; how many. all false: only what is urgent. */
enum err notices_join(struct db *db, const char *room, bool all, int64_t effect_id, int64_t now_ms, int64_t *n);
/* What went with a message, oldest first; at most max. *count: of all. */
enum err notices_with(struct db *db, struct arena *a, int64_t effect_id, struct notice *list, size_t max, size_t *n,
                      int64_t *count);
enum err notices_ended(struct db *db, int64_t effect_id, const char *state, int64_t now_ms); /* sent, dropped */
/* Does anything wait that is with no message? */
enum err notices_wait(struct db *db, const char *room, bool *any, bool *urgent);
int64_t notices_last(struct db *db, const char *room); /* when the room's last message was put together; 0: never */
/* The room's message that is not over, and whether it was put together already; 0: none. */
int64_t notice_message(struct db *db, const char *destination, const char *room, bool *fixed);

/* ---- pure ------------------------------------------------------------------------------------------------------------ */
/* The end of the quiet hours that now lies in; 0: it lies in none. from = to: there are none. Over midnight when from > to. */
int64_t quiet_until(int64_t now_ms, int zone_min, int from_min, int to_min);
bool quiet_parse(const char *text, int *from_min, int *to_min); /* "22:00-08:00" */
/* Lines as one text of at most max bytes, each whole or cut at a character; what has no room is counted: "… and 3 more".
 * count: all, also those that were not read. */
void digest_put(struct buf *out, const struct notice *list, size_t n, int64_t count, size_t max, bool zh);

/* ---- exceptions that were opened since --------------------------------------------------------------------------------- */
struct opened_exception {
  int64_t id, order_id, since;
  const char *type, *owner;
};
size_t exceptions_since(struct db *db, struct arena *a, int64_t after, struct opened_exception *list, size_t max);
int64_t exceptions_before(struct db *db, int64_t ms); /* the last one opened before that */

#endif
