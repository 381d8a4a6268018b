/* domain/case.h: part of layer 4. Returns, exchanges, refunds and repairs (domain 8): one case is one request about lines
 * of one order. It passes three steps, each approved by another person, and nobody approves what they asked for.
 *
 *   open ─ cs ─► warehouse ─► finance ─► approved ─► done        a change of lines, amount or photos begins anew at cs
 *     └─────── rejected, cancelled                               approved: the money and the goods are on their way
 *
 * What live cases (all but rejected and cancelled ones) give back of an order, together with what its channel refunds by
 * itself, is never more than was paid: per line and for the order, in money and in pieces. */
#ifndef ORDERD_DOMAIN_CASE_H
#define ORDERD_DOMAIN_CASE_H
#include "store.h"

/* ---- the steps: pure ---------------------------------------------------------------------------------------------- */
enum case_kind { CASE_RETURN, CASE_EXCHANGE, CASE_REFUND_ONLY, CASE_REPAIR, CASE_KINDS };
enum case_step { STEP_CS, STEP_WAREHOUSE, STEP_FINANCE, CASE_STEPS }; /* CASE_STEPS: none */
enum case_state { CASE_OPEN, CASE_APPROVED, CASE_DONE, CASE_REJECTED, CASE_CANCELLED, CASE_STATES };
enum case_act { ACT_OPEN, ACT_CHANGE, ACT_PHOTO, ACT_APPROVE, ACT_SKIP, ACT_REJECT, ACT_SEND_BACK, ACT_RECEIVE, ACT_CANCEL,
                ACT_REFUNDED, CASE_ACTS };
const char *case_kind_name(enum case_kind k);
const char *case_step_name(enum case_step s); /* NULL: none */
const char *case_state_name(enum case_state s);
const char *case_act_name(enum case_act a);
bool case_kind_parse(const char *name, enum case_kind *k);
enum case_step case_step_parse(const char *name); /* CASE_STEPS: not known */
unsigned case_step_role(enum case_step s);        /* who has to act; an admin may at every step */
bool case_has_goods(enum case_kind k);            /* pieces come back */
/* May these roles do this with a case that stands so? OK; FORBIDDEN: not their turn or work; CONFLICT: not now. */
enum err case_may(enum case_state state, enum case_step step, enum case_act act, unsigned roles);
#define ROLES_CASES (ROLE_ADMIN | ROLE_CS | ROLE_WAREHOUSE | ROLE_FINANCE)

/* ---- aftersale.c: tables cases, case_lines, case_acts, photos, case_photos ------------------------------------------- */
#define CASE_LINES_MAX 100
#define CASES_MAX 100     /* of one order, whatever became of them */
#define CASE_ACTS_MAX 200 /* of one case: who quarrels longer should meet */
struct aftercase {
  int64_t id, order_id, round, amount, ceiling, effect_id, warehouse_id, exchange_id;
  int64_t created_at, updated_at, step_since, due_at, ended_at, version;
  int due_step;
  enum case_kind kind;
  enum case_state state;
  enum case_step step;
  const char *currency, *reason, *note, *refund, *refund_id, *goods, *actor;
};
struct case_line {
  int64_t line_no, quantity, amount, worth, bought, received, good, damaged;
  const char *instead;
};
struct case_did { /* one row of case_acts */
  int64_t case_id, round, at;
  enum case_step step;
  enum case_act act;
  const char *person, *actor, *note, *sealed;
  const unsigned char *digest; /* 32 bytes or NULL */
};
enum err case_get(struct db *db, struct arena *a, int64_t id, struct aftercase *out); /* NOT_FOUND */
/* One guarded statement each: CONFLICT when the live cases of its order would give back more than room (in minor units). */
enum err case_insert(struct db *db, struct aftercase *c, int64_t room);
enum err case_amount(struct db *db, struct aftercase *c, int64_t amount, int64_t ceiling, int64_t room); /* version + 1 */
enum err case_update(struct db *db, struct aftercase *c, int64_t now_ms); /* all but order, kind, amount; version + 1, guarded (STALE) */
enum err case_set_due(struct db *db, int64_t id, int64_t due_at, int due_step);
enum err case_set_lines(struct db *db, int64_t id, const struct case_line *l, size_t n); /* instead of those it had */
enum err case_line_in(struct db *db, int64_t id, const struct case_line *l); /* received, good, damaged */
enum err case_lines(struct db *db, struct arena *a, int64_t id, struct case_line **list, size_t *n);
size_t cases_of_order(struct db *db, int64_t order_id, int64_t *ids, size_t max); /* oldest first */
size_t case_due(struct db *db, int64_t now_ms, int64_t *ids, size_t max);         /* oldest first */
int64_t case_next_due(struct db *db);                                             /* 0: none */
/* What the other live cases of an order give back of one line; line_no 0: of the order. */
enum err case_given(struct db *db, int64_t order_id, int64_t but_case, int64_t line_no, int64_t *amount, int64_t *pieces);
/* Refunds of the channel that cases of an order are about; at most max. */
enum err case_refund_ids(struct db *db, struct arena *a, int64_t order_id, const char **ids, size_t max, size_t *n);
enum err case_act_put(struct db *db, const struct case_did *d); /* CONFLICT: CASE_ACTS_MAX */
/* What keeps a person from approving this step: "own_request" or "approved_other_step"; NULL: nothing. */
const char *case_barred(struct db *db, int64_t id, const char *person, enum case_step step);
/* The digest that the last approval of this round sealed; false: there is none. */
bool case_sealed(struct db *db, int64_t id, int64_t round, unsigned char digest[32]);
/* What an approval is given for, as text: the case, its lines, its amount, its photos. */
enum err case_seal_text(struct db *db, const struct aftercase *c, struct buf *out);

#define PHOTO_DIGEST 32
struct photo_row {
  unsigned char digest[PHOTO_DIGEST];
  const char *type;
  int64_t width, height, size;
};
enum err photo_of_case(struct db *db, struct arena *a, int64_t case_id, const unsigned char digest[PHOTO_DIGEST],
                       struct photo_row *out); /* NOT_FOUND */
enum err photo_add(struct db *db, int64_t case_id, const struct photo_row *p, const char *actor, int64_t now_ms, bool *is_new);
bool photo_next(struct db *db, unsigned char digest[PHOTO_DIGEST]); /* the one after this; false: that was the last */
bool photo_known(struct db *db, const unsigned char digest[PHOTO_DIGEST]);
enum err photo_sums(struct db *db, int64_t case_id, int64_t *of_case, int64_t *bytes); /* bytes: of all */

/* ---- order_money.c: what was paid for an order, and what its channel gave back ------------------------------------------- */
struct line_money {
  int64_t line_no, bought, worth;   /* worth: what was paid for all of it; 0: the channel tells no prices */
  int64_t refunded, pieces;         /* by the channel */
  int64_t surplus;                  /* of refunded: told as a sum, by no refund of its own */
  const char *line_id, *sku, *title;
};
struct order_money {
  const char *currency;
  int64_t paid, refunded;           /* refunded: by the channel, lines and all else */
  struct line_money *line;
  size_t lines;
};
/* but: refunds of the channel that are not counted, because a case is about them. */
enum err order_money(struct db *db, struct arena *a, int64_t order_id, const char *const *but, size_t n, struct order_money *out);
struct told_refund {
  const char *refund_id, *line_id, *status;
  int64_t amount;
};
enum err order_refunds(struct db *db, struct arena *a, int64_t order_id, struct told_refund **list, size_t *n);
bool refund_done(const char *status); /* the channel has paid it back */
/* Buyer, receiver and service of an order, for one that is made of it. */
struct draft;
enum err order_whom(struct db *db, struct arena *a, int64_t order_id, struct draft *out);

/* ---- view_case.c ------------------------------------------------------------------------------------------------------------ */
struct case_filter {
  const char *state, *kind, *step, *cursor;
  int64_t order_id;
  int overdue; /* 1: only those past a deadline */
  int limit;
};
/* photos: may these eyes have their names? notes: as typed, else masked. */
enum err view_case(struct db *db, struct arena *a, int64_t id, bool photos, enum privacy p, struct buf *out, int64_t *version);
enum err view_cases(struct db *db, struct arena *a, const struct case_filter *f, enum privacy p, struct buf *out, const char **next,
                    const char **why);
#endif
