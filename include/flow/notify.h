/* flow/notify.h: part of layer 5. People are told (domain 4.6, 9): [notify NAME] says who hears of what through which
 * messenger. A notice is put in the transaction of its cause; one message a minute at most goes to a room. */
#ifndef ORDERD_FLOW_NOTIFY_H
#define ORDERD_FLOW_NOTIFY_H
#include "domain.h"

/* What is wrong with the [notify …] sections; NULL: nothing. */
const char *notify_fault(struct arena *a, const struct conf *c);
/* An order waits too long: the stage's owner is reminded, then the lead. */
enum err notify_stage(struct cmd *c, struct db *db, const struct order *o, const struct stage *s, bool escalated);
struct aftercase;
enum err notify_case(struct cmd *c, struct db *db, const struct aftercase *k, bool escalated);
enum err notify_backlog(struct cmd *c, struct db *db, const char *state, int64_t backlog, int64_t limit);
/* Exceptions that this transaction opened, whoever did. */
enum err notify_exceptions(struct cmd *c, struct db *db);
/* Of effects of kind notice. */
enum err notice_take(struct cmd *c, struct db *db, struct effect_taken *t, bool *gone);
enum err notice_told(struct cmd *c, struct db *db, const struct effect *e, enum told what, const char *error,
                     const char *result);

/* ---- customer.c: customers, who want it, are told of their parcels: [customers shipped], [customers delayed] ------------- */
const char *customer_fault(struct arena *a, const struct conf *c);
enum err customer_shipped(struct cmd *c, struct db *db, int64_t fulfilment_id); /* its channel knows, and the carrier has it */
enum err customer_parcel_late(struct cmd *c, struct db *db, int64_t fulfilment_id); /* the carrier did not come */
enum err customer_order_late(struct cmd *c, struct db *db, const struct order *o); /* its stage is overdue: and its ship-by? */
bool customer_subject(const char *subject); /* is an effect of kind notice one of these? */
enum err customer_take(struct cmd *c, struct db *db, struct effect_taken *t, bool *gone);

#endif
