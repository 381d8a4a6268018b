/* shipmodel.h: histories of a shop that keeps stock, beside a naive model written from the domain's text (3 to 6). The
 * engine runs random commands; after every one the tables are read as they stand and held to the rules.
 *
 * shipmodel.c is the world: what is sent, who answers what, and what the model expects of it. shipcheck.c reads the
 * tables and knows the rules. */
#ifndef ORDERD_SHIPMODEL_H
#define ORDERD_SHIPMODEL_H
#include "shop.h"

enum {
  M_ORDERS = 14,
  M_FULS = 120,
  M_UNITS = 400,
  M_CLAIMS = 120,
  M_CONFS = 240,
  M_EFFECTS = 300,
  M_GROUPS = 120,
  M_CALLS = 40,
  M_NUMBERS = 200,
  M_STEPS_MAX = 1000,
  M_LINES = 2,
  M_SNAPS = 8,
  M_SKUS = 8,
  M_PLACES = 3
};
enum { K_A, K_B, K_C, K_KIT, K_MADE, K_NEW, K_MAPPED, K_KINDS }; /* what lines call for */
enum { SKU_A = 1, SKU_B, SKU_C, SKU_KIT, SKU_MADE, SKU_NEW };    /* ids: the order of the dictionary */
enum { W_PLACED, W_PAID, W_PARTLY, W_SHIPPED, W_COMPLETED, W_CANCELLED };
enum {
  P_PENDING,
  P_PAID,
  P_SPLIT,
  P_PRODUCING,
  P_INSPECTED,
  P_PRE_SHIP,
  P_SHIPPED,
  P_COMPLETED,
  P_CANCELLED
};

/* Exceptions that are open for an order; ever: that were. */
#define X_MAP(X) \
  X(OVERSOLD, "oversold") \
  X(UNKNOWN_SKU, "unknown_sku") X(CANNOT_SPLIT, "cannot_split") X(DOUBLE, "double_shipment") \
    X(INTERCEPT, "intercept") X(PICKUP, "pickup_overdue") X(CONFIRM, "confirm_overdue") \
      X(ELSEWHERE, "shipped_elsewhere") X(PARTLY, "partly_confirmed") X(CANCEL, "cancel_after_lock") \
        X(ADDRESS, "address_after_lock") X(REFUSED, "confirm_refused") X(AHEAD, "channel_ahead") \
          X(DISAGREES, "channel_disagrees") X(SHORT, "short_pick")
enum {
#define X(id, name) X_##id##_BIT,
  X_MAP(X)
#undef X
    X_N,
#define X(id, name) X_##id = 1 << X_##id##_BIT,
  X_MAP(X)
#undef X
};

/* ---- what the tables say ----------------------------------------------------------------------------------------- */
struct s_order {
  int64_t id, group_id, version, shipped_at;
  int ext, status; /* ext: its place in the model */
  bool held;
  unsigned open;
};
struct s_unit {
  int64_t order_id, line_no, sku, place, ful, n;
  char state; /* r f m s */
};
struct s_ful {
  int64_t id, group_id, place, version, wave;
  int status;
  char work; /* o, p(icking), P(acked) */
};
struct s_part {
  int64_t ful, order_id, line_no, n;
};
struct s_claim {
  int64_t id, ful, channel, claimed_at, picked_up_at, due_at, version, receiver;
  char number[24], state; /* l s v */
  enum carried carried;
  enum told told;
  bool put_back;
};
struct s_conf {
  int64_t claim, order_id;
  enum told told;
};
struct s_effect {
  int64_t id;
  char destination[24], subject[24], state; /* w s u; others are not seen */
};
struct seen {
  struct s_order order[M_ORDERS];
  struct s_unit unit[M_UNITS];
  struct s_ful ful[M_FULS];
  struct s_part part[M_UNITS];
  struct s_claim claim[M_CLAIMS];
  struct s_conf conf[M_CONFS];
  struct s_effect effect[M_EFFECTS];
  struct {
    int64_t id;
    char state; /* o l e */
  } group[M_GROUPS];
  int orders, units, fuls, parts, claims, confs, effects, groups;
  struct stock stock[M_SKUS][M_PLACES + 1];
  int64_t moves, events; /* the newest row */
};

/* ---- what the model knows ------------------------------------------------------------------------------------------- */
struct snap { /* an order as its channel tells it at one time */
  int stamp, word;
  signed char back[M_LINES], back_as[M_LINES]; /* pieces given back: 0 not, 1 asked, 2 done, 3 taken back */
  short number[4];
  int numbers;
};
struct m_order {
  bool made;
  int channel, customer, lines, kind[M_LINES], qty[M_LINES], stamp;
  int64_t placed_at;
  struct snap truth, known, sent[M_SNAPS];
  bool heard; /* known holds something */
  int sents;
  unsigned ever; /* exceptions that were open once */
};
struct m_call { /* a call that the deliverer is in */
  int64_t effect, claim, order_id;
  bool ask;
  enum outcome_kind outcome;
};
struct m_taken { /* what a platform has in its own books */
  int64_t claim, order_id;
};
struct world {
  struct shop *shop;
  struct arena mem;
  bool durable, failed, dead;
  int say; /* 1: the commands, 2: what the tables say after each, too */
  char why[1200];
  int step, kind, places;
  struct m_order order[M_ORDERS];
  int64_t on_hand[M_SKUS][M_PLACES + 1],
    quarantine[M_SKUS][M_PLACES + 1];   /* booked; what was shipped is not yet off */
  int64_t sum[M_SKUS][M_PLACES + 1][5]; /* of the ledger: o a r f q */
  struct m_call call[M_CALLS];
  int calls;
  struct m_taken taken[M_NUMBERS];
  int takens;
  int numbers; /* tracking numbers thought up so far */
  bool sku_new;
  unsigned mapped;  /* bits of channels */
  int keys;         /* of idempotency, thought up so far */
  bool refused;     /* the last command was, */
  bool silent;      /* or was known already: nothing may have changed */
  const char *name; /* of it */
  struct seen now, was;
  uint64_t counts[8]; /* what histories were about: claims, shipped, voids, confirms, … */
};
extern const char *const x_names[X_N];

bool differ(struct world *w, const char *fmt, ...) PRINTF(2, 3);
/* Reads everything into w->now; what was there is w->was. */
void world_see(struct world *w);
/* The rules of domain 3 to 6, between what was and what is. */
void world_check(struct world *w);
/* Could all that this order still lacks be had now? By trying every way. */
bool world_could_reserve(const struct world *w, const struct s_order *o);
int64_t order_wants(const struct world *w, const struct s_order *o, int line);
const struct s_order *order_seen(const struct seen *s, int64_t id);
const struct s_ful *ful_seen(const struct seen *s, int64_t id);
const struct s_claim *claim_live(const struct seen *s, int64_t ful); /* not void */
bool is_member(const struct seen *s, int64_t ful, int64_t order_id);

/* ---- histories -------------------------------------------------------------------------------------------------------- */
struct ship_run {
  int steps;
  bool
    durable; /* every command committed, restarts for real; else all of it in one transaction that is undone */
  int verbose; /* 1: its commands, 2: what the tables say after each, too */
  uint64_t counts[8];
};
/* The shop that histories run in; the file is made once. */
bool ship_shop_open(struct shop *s, const char *path);
/* One history by its seed. false: it failed; what it did is printed, cut down, so that it can be run again. */
bool ship_history(struct shop *s, uint64_t seed, struct ship_run *run);
/* The same history twice; do both write the same? */
bool ship_history_same(struct shop *s, uint64_t seed, struct ship_run *run);

#endif
