/* domain/ship.h: part of layer 4. From a split order to a parcel that left: fulfilments, waves, scans, claims with the
 * two facts of each parcel (domain 6), and the outbox. */
#ifndef ORDERD_DOMAIN_SHIP_H
#define ORDERD_DOMAIN_SHIP_H
#include "store.h"

/* ---- fulfilment.c: tables fulfilments, fulfilment_lines, waves, scans -------------------------------------------------- */
struct fulfilment {
  int64_t id, group_id, warehouse_id, wave_id, created_at, updated_at, version; /* warehouse_id 0: no stock is kept */
  const char *status; /* a stage's name, as orders have it */
  const char *work;   /* open, picking, packed */
};
struct fulfilment_line {
  int64_t order_id, line_no, quantity;
};
enum err fulfilment_get(struct db *db, struct arena *a, int64_t id, struct fulfilment *out); /* NOT_FOUND */
enum err fulfilment_insert(struct db *db, const struct fulfilment *f, int64_t now_ms, int64_t *id);
enum err fulfilment_move(struct db *db, struct fulfilment *f, const char *status, int64_t now_ms); /* version + 1, guarded (STALE) */
enum err fulfilment_work(struct db *db, struct fulfilment *f, const char *work, int64_t wave_id, int64_t now_ms); /* the same */
enum err fulfilment_set_group(struct db *db, int64_t id, int64_t group_id);
enum err fulfilment_line_put(struct db *db, int64_t id, const struct fulfilment_line *l);
enum err fulfilment_line_drop(struct db *db, int64_t id, int64_t order_id, int64_t line_no);
enum err fulfilment_lines(struct db *db, struct arena *a, int64_t id, struct fulfilment_line **list, size_t *n);
/* Those of a group, or that hold a line of an order; oldest first; live: not cancelled. */
enum err fulfilments_of_group(struct db *db, struct arena *a, int64_t group_id, bool live, struct fulfilment **list, size_t *n);
enum err fulfilments_of_order(struct db *db, struct arena *a, int64_t order_id, bool live, struct fulfilment **list, size_t *n);
int64_t fulfilments_open(struct db *db, int64_t warehouse_id); /* not yet shipped or cancelled: its load */
/* Fulfilments whose parcels left in that time, by time. */
struct left {
  int64_t claim_id, fulfilment_id;
};
enum err claims_left(struct db *db, struct arena *a, int64_t from_ms, int64_t to_ms, int64_t after, size_t most,
                     struct left **out, size_t *n);
struct wave {
  int64_t id, warehouse_id, created_at, version;
  const char *state, *actor;
};
enum err wave_insert(struct db *db, int64_t warehouse_id, const char *actor, int64_t now_ms, int64_t *id);
enum err wave_get(struct db *db, struct arena *a, int64_t id, struct wave *out);
enum err wave_end(struct db *db, int64_t id);
enum err wave_changed(struct db *db, int64_t id); /* version + 1 */
/* Fulfilments of a warehouse (0: of none) that wait for picking, oldest ship-by first; at most max. */
size_t wave_candidates(struct db *db, int64_t warehouse_id, int64_t *ids, size_t max);
size_t wave_fulfilments(struct db *db, int64_t wave_id, int64_t *ids, size_t max);
enum err scan_add(struct db *db, int64_t fulfilment_id, int64_t sku_id, int64_t quantity);
enum err scan_get(struct db *db, int64_t fulfilment_id, int64_t sku_id, int64_t *quantity); /* 0: none */
enum err scan_clear(struct db *db, int64_t fulfilment_id);

/* ---- claim.c: tables claims and confirmations ------------------------------------------------------------------------------ */
enum carried { CARRIED_NONE, CARRIED_LABEL, CARRIED_PICKED_UP, CARRIED_IN_TRANSIT, CARRIED_DELIVERED, CARRIED_RETURNED, CARRIED_LOST };
enum told { TOLD_NONE, TOLD_SENT, TOLD_ACCEPTED, TOLD_REFUSED, TOLD_UNKNOWN };
const char *carried_name(enum carried c);
const char *told_name(enum told t);
bool carried_parse(const char *name, enum carried *c);
struct claim {
  int64_t id, fulfilment_id, channel_id, receiver, claimed_at, picked_up_at, ended_at, due_at, version;
  const char *carrier, *tracking_no, *state, *reason, *actor; /* state: live, shipped, void */
  const char *came_from; /* the stage before the claim */
  enum carried carried;
  enum told told;
  bool put_back;
};
bool tracking_ok(const char *text);                          /* 4 to 64 of A-Z a-z 0-9 - ; what carriers print */
char *tracking_norm(struct arena *a, const char *text);      /* upper case, without blanks and dashes at the ends */
enum err claim_get(struct db *db, struct arena *a, int64_t id, struct claim *out);
enum err claim_of_fulfilment(struct db *db, struct arena *a, int64_t fulfilment_id, struct claim *out); /* not void; NOT_FOUND */
/* The newest use of a number since that time, of any state; NOT_FOUND. */
enum err claim_by_number(struct db *db, struct arena *a, const char *tracking_no, int64_t since, struct claim *out);
enum err claim_insert(struct db *db, const struct claim *c, int64_t *id); /* CONFLICT: claimed, or the number is in use */
enum err claim_update(struct db *db, struct claim *c); /* state, facts, times, reason; version + 1, guarded (STALE) */
size_t claim_due(struct db *db, int64_t now_ms, int64_t *ids, size_t max); /* oldest first */
int64_t claim_next_due(struct db *db); /* 0: none */
struct confirmation {
  int64_t claim_id, order_id, effect_id, at;
  enum told state;
  const char *error;
};
enum err confirmation_put(struct db *db, const struct confirmation *c); /* new or instead */
enum err confirmation_get(struct db *db, struct arena *a, int64_t claim_id, int64_t order_id, struct confirmation *out);
enum err confirmations_of_claim(struct db *db, struct arena *a, int64_t claim_id, struct confirmation **list, size_t *n);

/* ---- outbox.c: table effects -------------------------------------------------------------------------------------------------- */
struct effect {
  int64_t id, attempts, due_at, created_at, sent_at, ended_at, version;
  const char *kind, *destination, *subject, *state, *data, *error;
  bool safe;
};
/* Into the caller's transaction. A waiting one of kind stock for the same destination and subject takes the new data and is
 * due as soon as the earlier of the two, unless a try has failed: then it keeps its time. */
enum err effect_put(struct db *db, const char *kind, const char *destination, const char *subject, bool safe, const char *data,
                    int64_t now_ms, int64_t due_at, int64_t *id);
enum err effect_get(struct db *db, struct arena *a, int64_t id, struct effect *out);
/* What may be sent now to this destination: waiting, due, and nothing open before it with the same subject; by due_at. */
size_t effect_next(struct db *db, const char *destination, int64_t now_ms, int64_t *ids, size_t max);
size_t effect_unknown(struct db *db, const char *destination, int64_t now_ms, int64_t *ids, size_t max); /* to be asked about now */
size_t effect_overdue(struct db *db, const char *destination, int64_t before_ms, int64_t *ids, size_t max); /* due since before */
struct effect_destination {
  const char *name;
  int64_t due_at; /* the earliest time when one that waits or is unknown is due */
};
enum err effect_destinations(struct db *db, struct arena *a, struct effect_destination **list, size_t *n); /* with something to do */
enum err effect_intent(struct db *db, int64_t id, int64_t now_ms); /* waiting → sending, attempts + 1; CONFLICT otherwise */
enum err effect_fix(struct db *db, int64_t id, const char *data); /* JSON: what is told from now on, at every try */
enum err effect_ask(struct db *db, int64_t id, int64_t again_at);  /* an unknown one is being asked about; again not before that */
/* The last try's outcome. due_at: of one that waits again or is unknown. A stock push that would wait beside a newer one is
 * dropped. CONFLICT when it was not sending or unknown. */
enum err effect_settle(struct db *db, int64_t id, const char *state, const char *error, int64_t due_at, int64_t now_ms);
enum err effect_superseded(struct db *db, int64_t id, int64_t now_ms); /* dropped, for a newer one */
enum err effect_dead(struct db *db, int64_t id, const char *error, int64_t now_ms); /* an open one; error NULL: as it was */
enum err effect_again(struct db *db, int64_t id, int64_t now_ms);     /* dead → waiting, by a person; attempts and age from 0 */
enum err effect_hurry(struct db *db, int64_t id, int64_t now_ms);     /* one that waits or is unknown is due at once */
enum err effect_ask_again(struct db *db, int64_t id, int64_t now_ms); /* dead → unknown: asked about before it is sent */
enum err effect_drop(struct db *db, int64_t id, int64_t now_ms);      /* waiting, unknown or dead → dropped: no longer wanted */
/* At start: what was under way is unknown, or waits again where it is safe; unknown ones are asked about at once. *n: how many
 * were under way. */
enum err effects_recover(struct db *db, int64_t now_ms, int64_t *n);
int64_t effect_count(struct db *db, const char *state); /* of the open states and dead */
size_t effects_in(struct db *db, const char *state, int64_t after, int64_t *ids, size_t max); /* the same */
bool effect_dead_any(struct db *db, const char *destination);
#define EFFECT_MEASURES_MAX 400
struct effect_measure {
  const char *destination, *state;
  int64_t count, oldest; /* oldest: created_at */
};
enum err effects_measure(struct db *db, struct arena *a, struct effect_measure **list, size_t *n); /* neither done nor dropped */
enum err effects_prune(struct db *db, int64_t before_ms, int limit, bool *left); /* done and dropped ones; *left: there may be more */

/* ---- view_wave.c: what pickers and packers see, SELECT only -------------------------------------------------------------- */
#define WAVE_MAX 200 /* fulfilments of one wave */
struct pack_item {
  int64_t key;            /* of its scans: the SKU's id; where no stock is kept pack_key() of what a line calls it */
  const char *sku, *title;
  int64_t wanted, scanned;
};
struct slip_line {
  int64_t order_id, line_no;
  const char *line_id, *sku, *title; /* as the channel calls it */
  int64_t quantity;
};
struct slip_remark {
  int64_t order_id;
  const char *channel, *external_id, *buyer, *seller, *flag;
};
struct slip { /* of one fulfilment */
  int64_t id, group_id, wave_id, version;
  const char *warehouse, *status, *work;
  struct slip_line *line;
  size_t lines;
  struct pack_item *item; /* its pieces: of a kit the parts */
  size_t items;
  struct slip_remark *remark; /* of all members of the group */
  size_t remarks;
};
struct tote {
  int64_t fulfilment_id, quantity;
};
struct pick { /* of one SKU, for all of the wave */
  int64_t key, quantity;
  const char *sku, *title, **barcode;
  size_t barcodes;
  struct tote *tote;
  size_t totes;
};
struct sheet {
  struct wave wave;
  const char *warehouse;
  struct slip *slip;
  size_t slips;
  struct pick *pick;
  size_t picks;
};
int64_t pack_key(const char *text); /* below 0, so that it is no SKU's */
enum err pack_items(struct db *db, struct arena *a, int64_t fulfilment_id, struct pack_item **list, size_t *n);
int64_t pack_left(const struct pack_item *list, size_t n); /* pieces still to be scanned */
void pack_items_put(struct jw *w, const struct pack_item *list, size_t n); /* "expected":[…],"left":n */
enum err slip_read(struct db *db, struct arena *a, int64_t id, enum privacy show, struct slip *out);
enum err sheet_read(struct db *db, struct arena *a, int64_t id, enum privacy show, struct sheet *out);
void slip_json(struct buf *out, const struct slip *p);
void sheet_json(struct buf *out, const struct sheet *s);

/* ---- view_ship.c, view_effect.c: JSON out ---------------------------------------------------------------------------------------- */
struct fulfilment_filter {
  const char *status, *warehouse, *work, *cursor;
  int64_t order_id, group_id, wave_id;
  int limit;
};
enum err view_fulfilment(struct db *db, struct arena *a, int64_t id, struct buf *out, int64_t *version);
enum err view_fulfilments(struct db *db, struct arena *a, const struct fulfilment_filter *f, struct buf *out, const char **next,
                          const char **why);
enum err view_claim(struct db *db, struct arena *a, int64_t id, struct buf *out, int64_t *version);
enum err view_wave(struct db *db, struct arena *a, int64_t id, enum privacy show, struct buf *out, int64_t *version);
enum err view_waves(struct db *db, struct arena *a, const char *state, const char *warehouse, const char *cursor, int limit,
                    struct buf *out, const char **next, const char **why);
/* What the packing bench expects: the slip with per SKU wanted, scanned. */
enum err view_pack(struct db *db, struct arena *a, int64_t fulfilment_id, enum privacy show, struct buf *out, int64_t *version);
enum err view_effect(struct db *db, struct arena *a, int64_t id, struct buf *out, int64_t *version);
enum err view_effects(struct db *db, struct arena *a, const char *state, const char *kind, const char *destination,
                      const char *cursor, int limit, struct buf *out, const char **next, const char **why);

/* What a webhook tells of an event: {"id","type","at","seq","entity","data"}, nothing personal. NOT_FOUND. */
enum err view_event_thin(struct db *db, struct arena *a, int64_t seq, const char *id, struct buf *out);
#define STOCK_MOVED_MAX 2000
/* Which articles moved after that row of the ledger, each once; *last: how far that goes. */
enum err view_stock_moved(struct db *db, int64_t after, int64_t *skus, size_t max, size_t *n, int64_t *last);
int64_t view_stock_last_move(struct db *db);
#define LISTINGS_MAX 500
struct listing {
  const char *channel, *channel_sku;
  int64_t sku_id;
};
/* Where channels list an article, or a kit that it is part of, by their mappings. */
enum err view_listings(struct db *db, struct arena *a, int64_t sku_id, struct listing **list, size_t *n);

#endif
