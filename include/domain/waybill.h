/* domain/waybill.h: part of layer 4. Waybills bought from carriers (domain 6.4, 7.4), and what carriers tell of parcels. */
#ifndef ORDERD_DOMAIN_WAYBILL_H
#define ORDERD_DOMAIN_WAYBILL_H
#include "store.h"

struct jw;

/* wanted ─► bought ─► voiding ─► void. A fulfilment has one at most that is neither refused nor void. */
#define WAYBILL_STATE_MAP(X) \
  X(WANTED, "wanted") X(BOUGHT, "bought") X(VOIDING, "voiding") X(VOID, "void") X(REFUSED, "refused")
enum waybill_state {
#define X(id, name) WAYBILL_##id,
  WAYBILL_STATE_MAP(X)
#undef X
};
#define WAYBILL_PIECES_MAX 50
struct waybill {
  int64_t id, fulfilment_id, pieces, weight, volume, cod, price, effect_id, claim_id, bought_at, created_at, updated_at, version;
  const char *carrier, *order_no; /* order_no: what the carrier knows it by, never the same twice */
  const char *tracking_no, *route, *currency;
  const char *why;     /* JSON: how its carrier was chosen; NULL: a person named it */
  const char *again;   /* when it is void, one of this carrier is bought */
  const char *reason, *actor;
  enum waybill_state state;
  bool unwanted;       /* not known yet whether it was bought; it is taken back as soon as it is */
};
const char *waybill_state_name(enum waybill_state s);
bool waybill_live(const struct waybill *w);
enum err waybill_get(struct db *db, struct arena *a, int64_t id, struct waybill *out); /* NOT_FOUND */
enum err waybill_of_fulfilment(struct db *db, struct arena *a, int64_t fulfilment_id, struct waybill *out); /* the live one; NOT_FOUND */
enum err waybill_by_number(struct db *db, struct arena *a, const char *tracking_no, struct waybill *out); /* its own or a child's; newest */
enum err waybill_insert(struct db *db, struct waybill *w, int64_t now_ms); /* with its id; CONFLICT: there is a live one */
enum err waybill_update(struct db *db, struct waybill *w, int64_t now_ms); /* version + 1, guarded (STALE) */
/* Live ones whose fulfilment is cancelled, and that nobody takes back yet. */
size_t waybills_orphaned(struct db *db, const char *cancelled, int64_t *ids, size_t max);
enum err waybill_children(struct db *db, struct arena *a, int64_t id, const char ***list, size_t *n);
enum err waybill_child_put(struct db *db, int64_t id, const char *tracking_no); /* a further piece's number */

/* ---- traces: each word of a carrier once, in any order ------------------------------------------------------------------ */
#define TRACE_NOTE_MAX 300
#define TRACES_MAX 500 /* of one number */
struct trace {
  int64_t at;
  const char *status, *place, *note; /* created, picked_up, in_transit, out_for_delivery, delivered, failed, returned, lost */
};
bool trace_status_known(const char *status);
enum err trace_put(struct db *db, const char *tracking_no, const char *teller, const struct trace *t, int64_t now_ms, bool *is_new);
enum err row_traces(struct db *db, struct jw *w, const char *tracking_no); /* "trace":[…] into an open object */

/* ---- asking carriers: a row per parcel on its way ------------------------------------------------------------------------ */
struct trace_poll {
  int64_t claim_id, fulfilment_id, asked, due_at, claimed_at;
  bool followed;
  const char *carrier, *tracking_no;
};
enum err trace_polls_enrol(struct db *db, int64_t after, int64_t now_ms, int64_t *last); /* claims that are new */
enum err trace_polls_due(struct db *db, struct arena *a, int64_t now_ms, size_t max, struct trace_poll **list, size_t *n);
enum err trace_poll_next(struct db *db, int64_t claim_id, int64_t due_at, bool followed); /* asked + 1 */
/* Of those that are due: parcels that arrived, came back, are void or too old. */
enum err trace_polls_prune(struct db *db, int64_t now_ms, int64_t before_ms);

/* ---- JSON out ------------------------------------------------------------------------------------------------------------- */
enum err view_waybill(struct db *db, struct arena *a, int64_t id, struct buf *out, int64_t *version);
struct waybill_filter {
  const char *state, *carrier, *cursor;
  int64_t fulfilment_id;
  int limit;
};
enum err view_waybills(struct db *db, struct arena *a, const struct waybill_filter *f, struct buf *out, const char **next,
                       const char **why);
#endif
