/* flow/waybill.h: part of layer 5. Waybills bought from carriers (domain 6.4, 7.4). The number that a carrier gives makes
 * the claim of its fulfilment as any other number does: at once where the parcel may leave, else when it is packed. Until it
 * is void, no other number of ours claims the fulfilment, and no other waybill is bought for it. */
#ifndef ORDERD_FLOW_WAYBILL_H
#define ORDERD_FLOW_WAYBILL_H
#include "domain.h"

struct waybill;
struct trace;

/* Taken back whatever it is at: at once, by the carrier, or as soon as it is known to be bought. again: the carrier that
 * another one is bought of then, or NULL. */
enum err waybill_drop(struct cmd *c, struct db *db, struct waybill *w, const char *reason, const char *again);
/* A claim is about to be made with this number. By a person: CONFLICT where a waybill of another number is live. By a
 * channel, which has told its customer: that waybill is taken back. */
enum err waybill_claiming(struct cmd *c, struct db *db, int64_t fulfilment_id, const char *number, bool by_channel);
enum err waybill_claimed(struct cmd *c, struct db *db, const struct claim *k);
enum err waybill_claim_void(struct cmd *c, struct db *db, const struct claim *k);
enum err waybill_packed(struct cmd *c, struct db *db, const struct fulfilment *f); /* its number claims it now */
enum err waybills_sweep(struct cmd *c, struct db *db); /* those of cancelled fulfilments are taken back */

/* Effects of kinds waybill and waybill_void. */
enum err waybill_take(struct cmd *c, struct db *db, struct effect_taken *t, bool *gone);
enum err waybill_told(struct cmd *c, struct db *db, const struct effect *e, enum told what, const char *error,
                      const char *result);
enum err waybill_void_take(struct cmd *c, struct db *db, struct effect_taken *t, bool *gone);
enum err waybill_void_told(struct cmd *c, struct db *db, const struct effect *e, enum told what, const char *error,
                           const char *result);
/* waybill_say.c: what a carrier is told of the parcel, as JSON. CONFLICT: why it cannot be. */
enum err waybill_say(struct cmd *c, struct db *db, const struct waybill *w, const char **what);
/* Weight in grams and volume in cm³ of what is packed; a weight that is not known is a guess. */
enum err waybill_measure(struct arena *a, struct db *db, int64_t fulfilment_id, int64_t *weight, int64_t *volume);

/* parcel.c: what a carrier said of a parcel, by whatever way it came. NOT_FOUND: no parcel of ours. */
enum err parcel_traced(struct cmd *c, struct db *db, const char *tracking_no, const struct trace *t);
enum err parcel_void(struct cmd *c, struct db *db, struct claim *k, const char *reason); /* CONFLICT: it has left, or was told */

/* trace.c: args of TRACES_TAKE; what is to be asked now. */
#define TRACES_TAKE_MAX 50
struct trace_ask {
  int64_t claim_id;
  const char *destination, *request, *what; /* request: trace or follow */
};
struct trace_polls {
  struct trace_ask ask[TRACES_TAKE_MAX];
  size_t n, max; /* max: so many at most */
  const struct follower {
    const char *name, *codes; /* whom else it is asked about, by blanks */
    bool follow;              /* it can be asked to tell by itself */
  } * follower;
  size_t followers;
};
/* args of TRACE_TOLD, made by who asked. */
struct trace_told {
  int64_t claim_id;
  const char *request, *events; /* events: JSON array; NULL: it did not say */
};
#endif
