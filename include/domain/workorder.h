/* domain/workorder.h: part of layer 4. What a factory makes for a fulfilment, and how far it is (domain 7.2). */
#ifndef ORDERD_DOMAIN_WORKORDER_H
#define ORDERD_DOMAIN_WORKORDER_H
#include "store.h"

#define WORK_EVENTS_MAX 1000 /* of one work order */
#define WORK_AGAIN_MAX 50    /* work orders of one line: then a person looks at what is wrong with it */
#define WORK_STATE_MAP(X)                                                                               \
  X(WANTED, "wanted") X(SENT, "sent") X(ACCEPTED, "accepted") X(STARTED, "started")                     \
  X(FINISHED, "finished") X(PASSED, "passed") X(FAILED, "failed") X(SCRAPPED, "scrapped")               \
  X(REFUSED, "refused") X(CANCELLED, "cancelled")
enum work_state {
#define X(id, name) WORK_##id,
  WORK_STATE_MAP(X)
#undef X
  WORK_STATES
};
enum work_cancel { CANCEL_NONE, CANCEL_ASKED, CANCEL_REFUSED, CANCEL_KINDS };
const char *work_state_name(enum work_state s);
bool work_state_parse(const char *name, enum work_state *s); /* as a factory may say it: not wanted, not sent */
const char *work_cancel_name(enum work_cancel c);
struct work_order {
  int64_t id, fulfilment_id, order_id, line_no, quantity, priority, rework_of, effect_id;
  int64_t seq, expected_seq; /* of the events that the state and the expected date come from */
  int64_t step, steps, wanted_by, expected_at, created_at, updated_at, version;
  enum work_state state;
  enum work_cancel cancel;
  bool covers;               /* its pieces count for the fulfilment */
  const char *sku, *title, *factory, *note;
};
struct work_event { /* seq 0: said by a person, as of now */
  int64_t seq, step, steps, expected_at, at;
  bool says_state, cancel_refused;
  enum work_state state;
  const char *note, *actor;
};
/* What an event makes of a work order; pure. The state is that of the highest sequence, and so is the expected date of
 * those that carry one: in any order, and repeated. false: it changes nothing. */
bool work_apply(struct work_order *w, const struct work_event *e);
bool work_begun(const struct work_order *w); /* the factory has put hands on it: it is not cancelled without its consent */
bool work_live(const struct work_order *w);  /* its pieces are, or will be, there */
enum err work_get(struct db *db, struct arena *a, int64_t id, struct work_order *out); /* NOT_FOUND */
enum err work_insert(struct db *db, const struct work_order *w, int64_t now_ms, int64_t *id);
enum err work_update(struct db *db, struct work_order *w, int64_t now_ms); /* version + 1, guarded (STALE) */
enum err work_of_fulfilment(struct db *db, struct arena *a, int64_t fulfilment_id, struct work_order **list, size_t *n); /* by id */
size_t work_fulfilments_of_order(struct db *db, int64_t order_id, int64_t *ids, size_t max);
bool work_started_any(struct db *db, int64_t order_id); /* some of it cannot be cancelled without its factory */
enum err work_event_put(struct db *db, int64_t id, const struct work_event *e, bool applied, int64_t now_ms); /* CONFLICT: that sequence is known. The newest WORK_EVENTS_MAX are kept */
/* ---- view_work.c */
struct work_filter {
  const char *state, *factory, *cursor;
  int64_t order_id;
  int overdue; /* 1: only those not passed, and past what was promised or expected later than that */
  int64_t now_ms;
  int limit;
};
enum err view_work(struct db *db, struct arena *a, int64_t id, struct buf *out, int64_t *version);
enum err view_work_told(struct db *db, int64_t id, struct jw *w); /* members of what its factory is told: nothing that changes */
enum err view_works(struct db *db, struct arena *a, const struct work_filter *f, struct buf *out, const char **next, const char **why);
enum err row_works(struct db *db, struct jw *w, int64_t fulfilment_id); /* "work_orders":[…] of a fulfilment */
#endif
