/* domain/rate.h: part of layer 4. What a parcel costs with a carrier, and which carrier is best (domain 7.1, 7.3). Weights
 * are grams, sizes mm, money minor units of the card's currency, prices per kg thousandths of a minor unit. No floating point.
 *
 *   billable = the larger of the weight and volume / divisor, rounded up to the card's step
 *   base     by the band that holds the billable weight:
 *              first_add   first price, + price per kg of what is beyond the first weight
 *              per_kg      weight x price per kg
 *              total       the band's price, whatever the weight in it
 *   price    = the larger of base + fuel share + remote surcharge and the card's minimum, + COD fee + insurance
 * each part rounded half up to a minor unit. */
#ifndef ORDERD_DOMAIN_RATE_H
#define ORDERD_DOMAIN_RATE_H
#include "store.h"

#define RATE_GRAMS_MAX 100000000 /* 100 t */
#define RATE_ROWS_MAX 20000      /* of one quote's cards together */
enum rate_model { RATE_FIRST_ADD, RATE_PER_KG, RATE_TOTAL };
const char *rate_model_name(enum rate_model m);

struct rate_card {                   /* what holds for all rows of a card; 0: no such rule */
  int64_t id, version;
  const char *code, *carrier, *service, *origin, *currency;
  int64_t divisor;                   /* cm3 that count as a kg: 6000 */
  int64_t step_g;                    /* billable weights are multiples of this; 0: of a gram */
  int64_t minimum;
  int64_t fuel_bp;                   /* hundredths of a per cent of the base */
  int64_t cod_bp, cod_minimum;       /* of what the carrier collects */
  int64_t insured_bp, insured_minimum; /* of the declared value, where it is insured */
  int64_t weight_max_g, side_max_mm; /* what it does not take */
  int64_t valid_from, valid_to;      /* ms; to excluded */
  bool dangerous, cold, retired;     /* it takes such goods */
};
struct rate {                        /* a band of weights to a destination */
  int64_t id, card_id;
  const char *province, *city;       /* folded (rate_place); "" all; city: names between blanks */
  enum rate_model model;
  int64_t from_g, to_g;              /* from < billable <= to, but see rate_band(); to 0: no end */
  int64_t first_g, first;            /* of first_add; of total first is the price */
  int64_t per_kg;                    /* thousandths of a minor unit */
  int64_t remote;
  int64_t days_least, days_most;     /* as the carrier states them; 0: not stated */
};
struct parcel_goods {                /* what is to be sent, and where */
  const char *province, *city;       /* as written: rate_place() is asked here */
  int64_t weight_g, volume_cm3, side_mm; /* side: the longest; 0: not known */
  int64_t cod, value;                /* collected at the door; insured for: 0: not */
  bool dangerous, cold;
};
struct rate_price {
  int64_t billable_g, base, fuel, remote, minimum, cod, insured, total; /* minimum: what was added to reach it */
};
/* Names of places without what they may end with: "浙江省" is "浙江". In the arena. */
char *rate_place(struct arena *a, const char *name);
/* 0 of what is not known counts as 0. */
int64_t rate_billable(const struct rate_card *c, int64_t weight_g, int64_t volume_cm3);
/* The band for a place and a billable weight: of the city, else of the province, else of everywhere; NULL: none. Among them the
 * narrowest that holds the weight. Where none does, the first that ends above it: what lies between two bands (500, 501) is the
 * upper one's, and a first weight covers all below it. province and city folded. *served: some band goes there. */
const struct rate *rate_band(const struct rate *r, size_t n, const char *province, const char *city, int64_t billable_g, bool *served);
void rate_price(const struct rate_card *c, const struct rate *r, const struct parcel_goods *g, int64_t billable_g, struct rate_price *out);

/* ---- choosing -------------------------------------------------------------------------------------------------------- */
struct lead_time {                   /* what was seen of a carrier to a province: how many parcels took so many days */
  const char *carrier, *province;
  int64_t days, parcels;
};
struct rate_rules {
  int64_t percentile;                /* 90: nine of ten parcels were there by then */
  int64_t observed;                  /* so many parcels make a lead time; before that the card's own days count */
};
struct rate_candidate {
  const struct rate_card *card;
  const struct rate *band;           /* NULL: lost says why */
  struct rate_price price;
  int64_t days;                      /* at the percentile, or as the card says; 0: not known */
  bool observed;
  int64_t on_time_bp;                /* of those observed, so many were there by the card's own days; -1: not known */
  const char *lost;                  /* NULL: the winner; not_valid, currency, not_served, too_heavy, weight_not_listed, too_long,
                                        dangerous, cold, too_late, dearer, slower */
};
/* Fills out (one per card, in the cards' order) and returns the winner's place, -1: none. need_days 0: no promise. rows sorted
 * by card_id as rate_rows gives them. */
int rate_choose(struct arena *a, const struct rate_card *card, size_t cards, const struct rate *row, size_t rows,
                const struct lead_time *seen, size_t seen_n, const struct rate_rules *rules, const struct parcel_goods *g,
                const char *currency, int64_t need_days, int64_t now_ms, struct rate_candidate *out);
/* Days within which percentile of the parcels were there; 0: fewer than least were seen. */
int64_t lead_days(const struct lead_time *seen, size_t n, const char *carrier, const char *province, int64_t percentile, int64_t least);

/* ---- as text: a row of a sheet or of the API ------------------------------------------------------------------------- */
struct json;
struct faults;
struct rate_row {                    /* set: members of card that the row names, by place in the table of rate_text.c */
  struct rate_card card;
  struct rate rate;
  uint64_t set;
};
/* An object of texts and numbers ({"card","carrier","province","from_kg",…}); false with faults. */
bool rate_row_read(struct arena *a, const struct json *j, struct rate_row *out, struct faults *f);
/* Is the row's money in the card's currency? Of a row that names none, the amounts were read as CNY's. */
bool rate_currency_fits(const struct rate_card *c, const struct rate_row *row);
/* What the row says of its card goes into it. */
void rate_card_merge(struct rate_card *to, const struct rate_row *row);
extern const char *const rate_keys[]; /* NULL-ended */

/* ---- tables ------------------------------------------------------------------------------------------------------------ */
enum err rate_card_find(struct db *db, struct arena *a, const char *code, struct rate_card *out); /* NOT_FOUND */
enum err rate_card_put(struct db *db, struct rate_card *c, int64_t now_ms); /* id 0: a new one */
enum err rate_put(struct db *db, const struct rate *r, bool *changed, bool *is_new);
enum err rate_cards(struct db *db, struct arena *a, bool retired_too, struct rate_card **out, size_t *n);
enum err rate_rows(struct db *db, struct arena *a, const char *province, struct rate **out, size_t *n); /* of a folded province, and of everywhere */
enum err lead_seen(struct db *db, const char *carrier, const char *province, int64_t days);
enum err lead_times(struct db *db, struct arena *a, struct lead_time **out, size_t *n);
enum err view_rate_card(struct db *db, struct arena *a, const char *code, struct buf *out, int64_t *version);
enum err view_rate_cards(struct db *db, struct arena *a, struct buf *out);

#endif
