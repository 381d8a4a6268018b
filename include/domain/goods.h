/* domain/goods.h: part of layer 4. What a shop sells and where it lies: SKUs, warehouses, stock with its ledger, and how
 * an order is split over places and parcels. A database without a SKU keeps no stock: then nothing here is asked. */
#ifndef ORDERD_DOMAIN_GOODS_H
#define ORDERD_DOMAIN_GOODS_H
#include "store.h"

/* ---- sku.c: tables skus, barcodes, kit_parts, channel_skus --------------------------------------------------- */
#define SKU_CODE_MAX 64     /* bytes: Latin, Greek, Cyrillic, Han, kana and Hangul letters, 0-9, . _ - / # +; see sku_code_ok */
#define KIT_PARTS_MAX 50
#define BARCODES_MAX 20     /* of one SKU */
#define BARCODE_MAX 48
struct sku {
  int64_t id, version, created_at, updated_at;
  const char *code, *title, *hazard, *state; /* state: active, retired */
  int64_t weight, length, width, height;     /* grams and millimetres of one piece as packed; 0: not known */
  int64_t safety;                            /* pieces that channels are never told of */
  bool made, cold, kit;                      /* kit: has parts, never lies on a shelf itself */
};
struct kit_part {
  int64_t sku_id, quantity;
};
/* What a code may be made of: composed letters of one alphabet that looks like no other, no blanks, controls or marks. */
bool sku_code_ok(const char *code);
enum err sku_get(struct db *db, struct arena *a, int64_t id, struct sku *out);            /* NOT_FOUND */
enum err sku_find(struct db *db, struct arena *a, const char *code, struct sku *out);     /* NOT_FOUND */
enum err sku_by_barcode(struct db *db, const char *barcode, int64_t *id);                 /* NOT_FOUND */
enum err sku_insert(struct db *db, const struct sku *s, int64_t now_ms, int64_t *id);     /* CONFLICT: the code is taken */
enum err sku_update(struct db *db, const struct sku *s, int64_t now_ms);                  /* all of it; version + 1, guarded (STALE) */
enum err sku_set_barcodes(struct db *db, int64_t id, const char *const *barcode, size_t n); /* instead of those it had; CONFLICT: another's */
enum err sku_set_parts(struct db *db, int64_t id, const struct kit_part *part, size_t n);   /* instead of those it had; n 0: no kit */
enum err sku_parts(struct db *db, struct arena *a, int64_t id, struct kit_part **part, size_t *n);
bool sku_is_part(struct db *db, int64_t id); /* of some kit */
enum err sku_barcodes(struct db *db, struct arena *a, int64_t id, const char ***barcode, size_t *n);
bool barcode_ok(const char *text);       /* 1 to BARCODE_MAX visible ASCII characters */
bool barcode_check_digit(const char *text); /* false: 8, 12, 13 or 14 digits (EAN, UPC) of which the last does not fit the others */
enum err channel_sku_put(struct db *db, int64_t channel_id, const char *channel_sku, int64_t sku_id, bool *changed);
enum err channel_sku_get(struct db *db, int64_t channel_id, const char *channel_sku, int64_t *sku_id); /* NOT_FOUND */
enum err channel_sku_drop(struct db *db, int64_t channel_id, const char *channel_sku); /* NOT_FOUND */
/* What a line's SKU is: the channel's mapping, else the team's own code. Retired ones are still known. NOT_FOUND. */
enum err sku_of_channel(struct db *db, int64_t channel_id, const char *channel_sku, int64_t *sku_id);
bool sku_any(struct db *db); /* is there a dictionary at all? */

/* ---- warehouse.c ------------------------------------------------------------------------------------------------- */
struct warehouse {
  int64_t id, division, capacity, created_at, version; /* division: GB/T 2260 code, 0; capacity: fulfilments a day, 0 */
  const char *code, *title, *country, *regions, *state; /* regions: JSON array of countries and divisions, NULL: all */
  bool factory;
};
enum err warehouse_get(struct db *db, struct arena *a, int64_t id, struct warehouse *out);
enum err warehouse_find(struct db *db, struct arena *a, const char *code, struct warehouse *out);
enum err warehouse_insert(struct db *db, const struct warehouse *w, int64_t now_ms, int64_t *id);
enum err warehouse_update(struct db *db, const struct warehouse *w);                 /* version + 1, guarded (STALE) */
enum err warehouse_list(struct db *db, struct arena *a, struct warehouse **list, size_t *n); /* active ones, by code */

/* ---- stock.c: table stock and its ledger stock_moves -------------------------------------------------------------
 * Pieces lie in one bucket at a time: available, reserved, frozen (all three on hand), quarantine, or outside. Every
 * change is a move from one to another, checked and written by one guarded statement (domain 5.2). */
enum bucket_kind { STOCK_OUTSIDE = 'o', STOCK_AVAILABLE = 'a', STOCK_RESERVED = 'r', STOCK_FROZEN = 'f', STOCK_QUARANTINE = 'q' };
const char *stock_bucket_name(enum bucket_kind b);
struct stock {
  int64_t on_hand, reserved, frozen, quarantine, available; /* on_hand holds reserved and frozen */
};
enum err stock_get(struct db *db, int64_t sku_id, int64_t warehouse_id, struct stock *out); /* OK with zeros where there is no row */
/* CONFLICT: the bucket does not hold that many; nothing is written. ref, actor may be NULL. */
enum err stock_move(struct db *db, int64_t sku_id, int64_t warehouse_id, enum bucket_kind from, enum bucket_kind to,
                    int64_t quantity, const char *reason, const char *ref, const char *actor, int64_t now_ms);
struct stock_place {
  int64_t warehouse_id, available;
};
enum err stock_places(struct db *db, struct arena *a, int64_t sku_id, struct stock_place **list, size_t *n); /* where there is a row */
int64_t stock_available(struct db *db, int64_t sku_id); /* in all active warehouses together */
bool stock_of_sku(struct db *db, int64_t sku_id);             /* is there a piece in any bucket, anywhere? */
enum err stock_skus(struct db *db, struct arena *a, int64_t warehouse_id, int64_t **list, size_t *n); /* with pieces there */
bool stock_of_warehouse(struct db *db, int64_t warehouse_id, bool bound); /* any piece; bound: reserved or frozen */

/* ---- units: whose pieces they are --------------------------------------------------------------------------------- */
enum unit_state { UNIT_RESERVED, UNIT_FROZEN, UNIT_MADE, UNIT_SHIPPED };
struct unit {
  int64_t order_id, line_no, sku_id, warehouse_id, fulfilment_id, quantity;
  enum unit_state state;
};
enum err units_of_order(struct db *db, struct arena *a, int64_t order_id, struct unit **list, size_t *n);
enum err units_of_fulfilment(struct db *db, struct arena *a, int64_t fulfilment_id, struct unit **list, size_t *n);
/* Those under way from one shelf, at most max; for people: it reads the whole table. */
enum err units_frozen(struct db *db, struct arena *a, int64_t sku_id, int64_t warehouse_id, int64_t max, struct unit **list, size_t *n);
/* Orders of a status that have reserved pieces of a SKU in a warehouse, those after this one, by id. */
size_t units_reservers(struct db *db, const char *status, int64_t sku_id, int64_t warehouse_id, int64_t after, int64_t *ids, size_t max);
enum err unit_put(struct db *db, const struct unit *u);  /* adds to the row with the same key, or makes it */
enum err unit_drop(struct db *db, const struct unit *u); /* the row with this key */
enum err unit_set(struct db *db, const struct unit *u);  /* quantity and state of the row with this key */

/* ---- split.c: which place sends what, in how many parcels (domain 7.1); pure --------------------------------------------
 * A line with a made part is made as a whole: nothing of it is taken from stock. All made lines go to one factory (least
 * load, then distance, then id). Counted lines go to the one warehouse that can fill them all (distance, then load, then
 * id), else to the fewest (ties by the sums of distance and load, then ids): exactly up to 12 warehouses that have any of
 * it, beyond that among 12 that were gathered greedily. Lines without parts go where others go, else to the nearest
 * warehouse, else to the factory; without any place to place 0. A unit is never split over two places or parcels, the
 * quantity of a line may be. Parcels: per place, cold and each hazard apart, first fit decreasing by weight and volume;
 * sides and girth are those of a single unit. */
#define SPLIT_PARCELS_MAX 1000 /* of one group: more is a mistake somewhere, not an order */
struct split_rules {
  int64_t parcel_weight_max;               /* grams; 0: no limit */
  int64_t parcel_length_max, parcel_girth_max; /* millimetres: longest side; length + 2 (width + height); 0: no limit */
  int64_t parcel_volume_max;               /* cubic centimetres; 0: no limit */
  int64_t value_min;                       /* minor units: a group worth less is not spread over several warehouses, it waits; 0 */
  int places_max;                          /* warehouses that one group may be spread over; 0: as many as it takes */
};
struct split_place { /* a warehouse that may serve this destination, or a factory */
  int64_t id;
  bool factory;
  int distance;      /* class, see split_distance; less is nearer */
  int64_t load;      /* open fulfilments per 1,000 of capacity a day; more is busier */
};
struct split_part {  /* pieces of one own SKU inside one listing's unit */
  int64_t sku_id, quantity;
  bool made;
};
struct split_line {  /* what is wanted: quantity of a listing, each made of parts */
  int64_t order_id, line_no, quantity;
  int64_t weight, length, width, height, volume; /* of one listing unit; grams, millimetres, cubic centimetres; 0: not known */
  int64_t value;     /* of all of it, minor units */
  const struct split_part *part;
  size_t parts;      /* 0: no dictionary: any place, nothing is counted */
  bool cold;         /* cold and hazard goods go in parcels of their own kind */
  const char *hazard;
};
struct split_free {  /* pieces that may be had there for this group */
  int64_t sku_id, place_id, quantity;
};
struct split_take {  /* the answer: this many units of that line from that place in that parcel (0, 1, …) */
  size_t line;
  int64_t place_id, quantity;
  int parcel;
};
struct split_short {
  int64_t sku_id, wanted, there;
};
struct split_plan {
  bool ok;
  const char *why;         /* when not: short (pieces are missing), too_big (one unit exceeds a parcel), below_value (of value_min,
                              and no warehouse has it all), too_many_places, too_many_parcels, no_place (no warehouse, no factory) */
  struct split_take *take; /* every unit of every line exactly once when ok; by parcel, then order and line */
  size_t n;
  int parcels;
  struct split_short *missing; /* of `short`, by SKU. there: what all places have, or where that would do, what of it can be
                                  used (a kit's parts lie in one place) */
  size_t missing_n;
  const char *because;     /* when ok: single_place (no other could), nearest, least_load (of equally near ones), fewest_parcels */
};
/* Deterministic: depends on the values only, not on the order of places or of free. Weight and size that are not known
 * count as nothing. */
struct split_plan split(struct arena *a, const struct split_rules *r, const struct split_line *line, size_t lines,
                        const struct split_place *place, size_t places, const struct split_free *have, size_t have_n);
/* split_near.c: 0 same city, 1 same province, 2 neighbouring provinces, 3 same country, 4 abroad, 5 not known. Codes of GB/T 2260, 0: not known. */
int split_distance(const char *from_country, int64_t from_division, const char *to_country, int64_t to_division);
/* Does a place with these regions (JSON array text, NULL: all) serve that destination? A country's code serves all of it, a
 * division's all that lies in it; a destination whose division is not known is in none. */
bool split_serves(struct arena *a, const char *regions, const char *country, int64_t division);

/* ---- view_goods.c, view_stock.c: JSON out -------------------------------------------------------------------------------------------------- */
struct sku_filter {
  const char *q, *state, *cursor; /* q: part of code, title or a barcode */
  int limit;
};
enum err view_sku(struct db *db, struct arena *a, const char *code, struct buf *out, int64_t *version); /* NOT_FOUND */
enum err view_skus(struct db *db, struct arena *a, const struct sku_filter *f, struct buf *out, const char **next, const char **why);
enum err view_warehouse(struct db *db, struct arena *a, const char *code, struct buf *out, int64_t *version);
enum err view_warehouses(struct db *db, struct arena *a, struct buf *out);
struct mapping_filter {
  const char *channel, *sku, *cursor;
  int limit;
};
enum err view_channel_skus(struct db *db, struct arena *a, const struct mapping_filter *f, struct buf *out, const char **next,
                           const char **why);
enum err view_stock(struct db *db, struct arena *a, const char *sku, const char *warehouse, const char *cursor, int limit,
                    struct buf *out, const char **next, const char **why);
/* Newest first: {"id","at","from","to","quantity","reason","ref","actor","entries":[{"bucket","delta"}]}. */
enum err view_stock_moves(struct db *db, struct arena *a, const char *sku, const char *warehouse, const char *cursor, int limit,
                          struct buf *out, const char **next, const char **why);

#endif
