/* edge/sim.h: part of layer 6. The market simulator (`orderd sim`): plays platforms over real HTTP, with their
 * signatures, pages, windows, limits, tokens and masks, breaks what it is told to break, and knows the truth.
 * It shares no mapping and no signing with the connectors: an error in one of the two cannot hide in the other.
 *
 *   sim_world.c  customers and orders from a seed, and what happens to them as time passes
 *   sim_people.c who buys what
 *   sim.c        one request: its faults and its answer
 *   sim_call.c   what the platforms' answers are made of
 *   sim_net.c    ports, and answers that come late, broken or never
 *   sim_ship.c   shops are told of shipments and stock: what they take, the ledger of it, carriers' pick-ups
 *   sim_push.c   pushes, carriers' traces and factories' callbacks to orderd, some of them lost, twice or out of order
 *   sim_factory.c factories: work orders, and how they get on
 *   sim_truth.c  truth, counters, configuration, and the routes of the control port
 *   sim_NAME.c   one platform each: a row of sim_platforms
 *
 * Every shop has a port of its own, so that addresses and signed paths are exactly the platform's. One loop, one
 * thread. The world's clock is the environment's plus a skew that /sim/advance moves; all its times are whole
 * seconds. Where two runs have the same seed and clock, all answers are the same byte for byte. */
#ifndef ORDERD_EDGE_SIM_H
#define ORDERD_EDGE_SIM_H
#include "flow.h"
#include "edge/sim_factory.h"
#include "edge/sim_carrier.h"

struct http_request;
struct http_field;
struct uv_loop_s;
struct http_server;
struct cli;
struct sim;
struct sim_shop;
struct sim_call;

/* ---- orders ------------------------------------------------------------------------------------------------ */
#define SIM_LINES_MAX 4
#define SIM_ID_TEXT 40
enum sim_status { SIM_PLACED, SIM_PAID, SIM_PARTLY, SIM_SHIPPED, SIM_COMPLETED, SIM_CANCELLED, SIM_STATUS_N };
const char *sim_status_name(enum sim_status s); /* the canonical one: "partly_shipped" */
enum sim_refund { SIM_NO_REFUND, SIM_REFUND_ASKED, SIM_REFUND_DONE };
struct sim_line {
  uint16_t sku;                  /* see sim_sku() */
  uint8_t quantity, refund;      /* enum sim_refund */
  bool shipped;                  /* of SIM_PARTLY some lines are; later all */
  int64_t price, discount;       /* minor units: of one piece; of the line */
};
#define SIM_PARCELS_MAX 6
#define SIM_NO_TEXT 48
struct sim_parcel {              /* of one order; orders that travel together have the same number */
  char no[SIM_NO_TEXT], carrier[SIM_NO_TEXT]; /* as the platform was told; carrier "": its usual one */
  uint8_t quantity[SIM_LINES_MAX];
  uint8_t unit[SIM_LINES_MAX];   /* which pieces of each line: bits */
  int64_t told_ms, picked_ms;    /* 0: not yet */
  bool by_hand;                  /* in the platform's own back office */
};
#define SIM_BACKS_MAX 8
struct sim_back {
  int64_t amount, at_ms;
  const char *meta;              /* what came with it: a JSON value, or NULL */
};
struct sim_order {
  uint32_t n;                    /* its number in the shop, from 0 */
  uint32_t customer;
  uint8_t phone_of, address_of;  /* which of the customer's phones and addresses; 0 usually */
  uint8_t status, lines;
  uint8_t buyer_remark, seller_remark; /* see sim_remark(); 0: none */
  bool indexed;                  /* lists show it */
  bool late_cancel;              /* was cancelled after it had been seen as paid */
  bool several;                  /* its customer has more orders */
  bool stays;                    /* nothing more happens to it */
  bool packed;                   /* a step before it is told that it was shipped */
  uint8_t parcels;
  struct sim_parcel *parcel;     /* SIM_PARCELS_MAX, NULL before the first */
  uint32_t confirms;             /* that named it, taken or not */
  uint8_t backs;
  struct sim_back *back;         /* SIM_BACKS_MAX, NULL before the first: what the seller paid back by the API */
  const char *meta;              /* what others keep with it: members of a JSON array, or NULL */
  int64_t placed_ms, paid_ms, shipped_ms, completed_ms, cancelled_ms, modified_ms; /* 0: not yet */
  int64_t indexed_ms;            /* the change time by which lists find it: later than modified_ms never */
  int64_t goods, freight, discount, total, refunded; /* total = goods - discount + freight */
  struct sim_line line[SIM_LINES_MAX];
  char id[SIM_ID_TEXT];          /* what a connector must take as external_id */
};
struct sim_sku {
  const char *code, *title, *title_en, *spec;
  int64_t price;                 /* fen; other currencies by the shop */
};
const struct sim_sku *sim_sku(const struct sim_line *l);
const char *sim_remark(int n);   /* "" for 0 */
/* A number of n that does not fit a double: between 2^53 and 2^62, the same for the same (what, n). */
int64_t sim_big(const char *what, uint64_t n);

/* Who gets it. Fictional people; Chinese text for CN, else of the shop's country. */
struct sim_person {
  char name[48], first[24], last[24]; /* first and last: of names in Latin letters */
  char phone[24];                /* 13800000000, or +6581234567 */
  char country[3], province[32], city[32], district[32], town[32];
  char address[128];             /* without the divisions above */
  char zip[12], email[48];
  char buyer[24];                /* nick or id of the account */
};
void sim_person(const struct sim_shop *s, const struct sim_order *o, struct sim_person *out);
/* The same text for the same receiver (phone and address) anywhere within the platform's family, else another:
 * oaid, open_address_id. 40 hex digits after the prefix. */
char *sim_receiver_token(struct arena *a, const struct sim_shop *s, const struct sim_order *o, const char *prefix);
/* A cipher text as platforms give it: the same text gives the same one within a shop. base64, about 60 characters. */
char *sim_cipher(struct arena *a, const struct sim_shop *s, const char *text);
char *sim_mask(struct arena *a, const char *text, int head, int tail); /* keeps so many characters; the others are '*' */
/* The parcel that the piece of a line is in; NULL: not shipped. */
const struct sim_parcel *sim_parcel_of(const struct sim_order *o, size_t line, unsigned unit);
const char *sim_parcel_carrier(const struct sim_parcel *p, const char *usual);

/* ---- faults: shares in millionths, each drawn by the seed and the number of the request ------------------------- */
#define SIM_FAULT_MAP(X)                                                                             \
  X(DUPLICATES, "duplicates", "rows that lists repeat, and pushes sent twice")                       \
  X(REORDER, "reorder", "rows that lists swap, changes that lists show late, pushes out of order")   \
  X(LATE_CANCEL, "late-cancel", "paid orders that are cancelled later")                              \
  X(TIMEOUTS, "timeouts", "requests that are carried out but never answered")                        \
  X(ERRORS, "errors", "requests answered with 500, 502 or 503")                                      \
  X(HTML, "html", "requests answered with a page of HTML")                                           \
  X(TRUNCATED, "truncated", "answers that break off")                                                \
  X(SAME_PAGE, "same-page", "walks of which every further page is the first one")                    \
  X(RATE_LIMIT, "rate-limit", "requests that begin a storm of refusals for too many calls")          \
  X(LOST_PUSHES, "lost-pushes", "pushes that are never sent")                                        \
  X(CONFIRM_REFUSALS, "confirm-refusals", "confirmations that the platform refuses")                 \
  X(CONFIRM_TIMEOUTS, "confirm-timeouts", "confirmations never answered; half of them are taken")    \
  X(CONFIRM_ERRORS, "confirm-errors", "confirmations answered with 502 or 503; half of them are taken") \
  X(BACK_OFFICE, "back-office", "waiting orders that are shipped by hand in the platform's back office") \
  X(LATE_REFUNDS, "late-refunds", "parcels whose orders are paid back before the carrier has them")  \
  X(UNPICKED, "unpicked", "parcels that no carrier picks up")                                        \
  X(QC_FAILURES, "qc-failures", "work orders that a factory's quality control fails")                \
  X(MES_REFUSALS, "mes-refusals", "work orders that a factory does not take")                        \
  X(CANCEL_REFUSALS, "cancel-refusals", "work orders begun that a factory does not stop")
enum sim_fault {
#define X(id, name, doc) SIM_FAULT_##id,
  SIM_FAULT_MAP(X)
#undef X
  SIM_FAULT_N
};
const char *sim_fault_name(enum sim_fault f);
#define SIM_MILLION 1000000
bool sim_share_parse(const char *text, int32_t *millionths); /* "0.02", "2%" */

/* ---- one request ---------------------------------------------------------------------------------------------------- */
struct sim_call {
  struct sim_shop *shop;
  const struct http_request *r;  /* method, path (decoded), host, header fields, raw body */
  struct arena *a;
  int64_t now_ms;                /* of the world */
  struct http_field *param;      /* decoded, in order: query, then a form body */
  size_t params;
  const struct json *json;       /* the body when it is a JSON object or array, else NULL */
  const char *name;              /* set by sim_called() */
  uint64_t draw;                 /* of this request: what its faults come from */
  /* the answer */
  int status;                    /* 200 */
  const char *type;              /* "application/json" */
  struct buf headers, body;
  struct jw w;                   /* writes to body */
  bool lost, cut;                /* never to be sent; the connection breaks behind body */
  int broken;                    /* the answer is a failure with this status in spite of all */
  size_t told;                   /* its row in the ledger, from 1; 0: it told nothing */
};
const char *sim_param(const struct sim_call *c, const char *name); /* query or form; NULL: absent */
bool sim_param_int(const struct sim_call *c, const char *name, int64_t *out); /* false: absent or no integer */
const char *sim_header(const struct sim_call *c, const char *lower_name);
/* Every answer function says once which call it is, by the platform's own name: it is counted by it. */
void sim_called(struct sim_call *c, const char *name);
void sim_bad_sign(struct sim_call *c);            /* counts a signature that was wrong */
void sim_answer_header(struct sim_call *c, const char *name, const char *fmt, ...) PRINTF(3, 4);
void sim_answer_again(struct sim_call *c, int status); /* empties the body and begins another answer */
/* May this call go on? A bucket of its own per shop and name: per_1000s tokens in 1000 s, at most burst (0: the
 * platform documents no limit). false: answer as the platform throttles. Also false in a storm, so that every call ends
 * up here, whether or not it has a limit. *wait_ms (may be NULL): when to come again. */
bool sim_take(struct sim_call *c, const char *bucket, int64_t per_1000s, int64_t burst, int64_t *wait_ms);
int64_t sim_taken(const struct sim_call *c, const char *bucket, int64_t burst); /* tokens that are out now, rounded up */

/* ---- what platforms sign with: texts of digests --------------------------------------------------------------------- */
char *sim_hex(struct arena *a, enum digest d, const char *text, size_t n, bool upper);
char *sim_mac_hex(struct arena *a, enum digest d, const char *key, const char *text, size_t n, bool upper);
char *sim_mac_base64(struct arena *a, enum digest d, const char *key, const char *text, size_t n);
/* Names and values of the parameters in byte order of the names: name pair value join name pair value …; without
 * the names in except (NULL-ended, may be NULL); encode: RFC 3986. */
void sim_sorted(struct buf *out, const struct http_field *f, size_t n, const char *pair, const char *join,
                const char *const *except, bool encode);
void sim_encode(struct buf *out, const char *text);
bool sim_same(const char *given, const char *wanted); /* constant time; given may be NULL */
bool sim_nonce_new(struct sim_call *c, const char *nonce, int64_t keep_ms); /* false: the shop had it within that time */

/* ---- secrets and tokens ------------------------------------------------------------------------------------------------- */
/* The value of one of the row's secrets (also the present access and refresh token). */
const char *sim_secret(const struct sim_shop *s, const char *name);
enum sim_token { SIM_TOKEN_OK, SIM_TOKEN_EXPIRED, SIM_TOKEN_UNKNOWN };
enum sim_token sim_token_check(struct sim_call *c, const char *given);
/* A refresh token for a new pair; where the platform takes each only once, the last one is taken again for the grace
 * time and gives the same pair. false: unknown. The pair is then what sim_secret() says; expires_s: of the access token. */
bool sim_refresh(struct sim_call *c, const char *given, int64_t *expires_s);

/* ---- finding orders ------------------------------------------------------------------------------------------------------ */
struct sim_query {
  bool by_placed;                /* window over placed_ms; else over the change time */
  int64_t from_ms, to_ms;        /* both included */
  bool newest_first;
  int64_t offset, limit;         /* rows skipped, rows on a page */
  const char *cursor;            /* instead of offset: of an earlier page; NULL or "": the first. Rows that move away while
                                    somebody walks push nothing past a cursor, but do past an offset */
  bool (*want)(const struct sim_order *o, void *arg); /* NULL: all */
  void *arg;
  bool any_order;                /* the platform promises none: rows of a page may be swapped */
};
struct sim_page {
  const struct sim_order **row;
  size_t n;                      /* can be over the limit: a row may come twice */
  int64_t total;                 /* of the window; with a cursor: from there on */
  bool more;
  const char *cursor;            /* of the next page, NULL where there is none; digits, hex letters and a dot */
  bool bad_cursor;               /* the query's was none of ours: no rows */
  int64_t next;                  /* offset of the next page; the same again where pages are stuck */
};
void sim_list(struct sim_call *c, const struct sim_query *q, struct sim_page *out);
struct sim_order *sim_find(struct sim_shop *s, const char *id); /* NULL: none, or not placed yet */

/* ---- being told of shipments and stock: sim_ship.c ------------------------------------------------------------------------------------ */
#define SIM_SHIP_MAP(X)                                                                             \
  X(OK, "accepted") X(SAME, "same_again") X(SHIPPED, "already_shipped") X(CLOSED, "order_closed")   \
  X(UNPAID, "not_paid") X(REFUNDING, "refunding") X(CARRIER, "unknown_carrier") X(NUMBER, "bad_number") \
  X(LINES, "bad_lines") X(LOCKED, "refused") X(NO_ORDER, "no_order") X(NOT_TAKEN, "not_taken")
enum sim_ship {
#define X(id, name) SIM_SHIP_##id,
  SIM_SHIP_MAP(X)
#undef X
};
const char *sim_ship_name(enum sim_ship s);
struct sim_confirm {
  const char *carrier, *no;      /* carrier NULL: the platform does not ask for it */
  bool part;                     /* only these; else all that is not shipped yet */
  bool noted;                    /* the number is kept, the order stays as it is */
  uint8_t quantity[SIM_LINES_MAX];
  uint8_t unit[SIM_LINES_MAX];   /* where lines are per piece; 0: any pieces */
};
/* Carries it out, and notes it in the ledger whatever becomes of it. NOT_TAKEN: the failure is already decided, whatever is
 * answered. Once per request. o NULL: there is no such order. */
enum sim_ship sim_ship(struct sim_call *c, struct sim_order *o, const struct sim_confirm *f);
/* sku: 0 … as in sim_line, or negative: none that the shop has. false: refused. Once per article and request. */
bool sim_stock(struct sim_call *c, int sku, int64_t quantity, bool is_delta);
/* The seller pays something back: never more than is left of what was paid. Noted in the ledger whatever becomes of it.
 * Once per request. o NULL: there is no such order. */
#define SIM_BACK_MAP(X) \
  X(OK, "accepted") X(NO_ORDER, "no_order") X(UNPAID, "not_paid") X(TOO_MUCH, "too_much") X(LOCKED, "refused") X(NOT_TAKEN, "not_taken")
enum sim_pay {
#define X(id, name) SIM_BACK_##id,
  SIM_BACK_MAP(X)
#undef X
};
enum sim_pay sim_pay_back(struct sim_call *c, struct sim_order *o, int64_t amount, const char *meta);
int64_t sim_paid_back(const struct sim_order *o); /* in all: before it was shipped, by the API, by being cancelled */
int sim_sku_coded(const char *code); /* -1: none */
bool sim_refunding(const struct sim_order *o);
/* The world's own hands and carriers; by events, and by the control port. false: it cannot happen. */
bool sim_ship_by_hand(struct sim_shop *s, struct sim_order *o, const char *no, int64_t at_ms, bool whole);
bool sim_recall(struct sim_shop *s, struct sim_order *o, int64_t at_ms); /* paid back after it was shipped, before the pick-up */
struct sim_label {               /* a parcel that a carrier knows of */
  char no[SIM_NO_TEXT], carrier[16]; /* carrier: code as orderd has it; "" where only the platform's is known */
  int64_t made_ms, due_ms, picked_ms; /* due_ms 0: never */
};
struct sim_label *sim_label(struct sim *s, const char *carrier, const char *no, int64_t after_ms); /* after_ms -1: as usual */
bool sim_pick_up(struct sim *s, const char *no, int64_t at_ms);
void sim_ledger_put(const struct sim *s, struct jw *w);

/* ---- writing ----------------------------------------------------------------------------------------------------------------- */
char *sim_local(struct arena *a, int64_t ms, int zone_min);  /* "2026-11-11 00:03:21" */
char *sim_iso(struct arena *a, int64_t ms, int zone_min);    /* "2026-11-11T00:03:21+08:00" */
char *sim_iso_z(struct arena *a, int64_t ms);                /* "2026-11-10T16:03:21Z" */
bool sim_local_parse(const char *text, int zone_min, int64_t *ms); /* any of the three */
char *sim_money(struct arena *a, const struct sim_shop *s, int64_t minor); /* "199.00" in the shop's currency */
/* key: text, as is usual in platforms' JSON */
void sim_kmoney(struct sim_call *c, const char *key, int64_t minor);      /* "key":"199.00" */
void sim_kmoney_number(struct sim_call *c, const char *key, int64_t minor); /* "key":199.00 */
void sim_kraw(struct sim_call *c, const char *key, const char *json);     /* "key":json */

/* ---- platforms: one row each ----------------------------------------------------------------------------------------------- */
struct sim_secret_form {
  const char *name;
  char kind;                     /* '9' digits, 'x' hex digits, 'a' letters and digits */
  int length;
  const char *prefix;            /* NULL: none */
};
#define SIM_SECRETS_MAX 10
struct sim_push {
  struct buf body, headers;      /* headers: "name: value\r\n" lines */
  const char *type;              /* "application/json" */
};
struct sim_platform {
  const char *name, *family;     /* connector and shop name; family NULL: name */
  const char *country, *currency;
  int zone_min;                  /* of times in its answers */
  unsigned statuses;             /* 1 << SIM_PLACED …: orders have only these; without SIM_PLACED an order is there from
                                    its payment on; without SIM_COMPLETED it stays shipped, and so on */
  enum { SIM_PLAIN, SIM_TOKENS, SIM_MASKED } receiver; /* what two orders of one person can be known by: plain data across
                                    shops of one currency, the family's token, nothing */
  struct sim_secret_form secret[SIM_SECRETS_MAX];
  const char *access, *refresh;  /* which secrets are the tokens; NULL: tokens do not expire */
  int64_t token_s;               /* life of an access token as documented */
  bool refresh_once;
  bool unit_lines;               /* one line per piece, not per SKU */
  bool unpaid_unpriced;          /* its orders have no price before they are paid: their total is 0 */
  bool units_vanish;             /* what is refunded before it is shipped lessens quantities and the total */
  enum { SIM_CARRIER_ANY, SIM_CARRIER_TAOBAO, SIM_CARRIER_JD, SIM_CARRIER_DOUYIN, SIM_CARRIER_PDD } carriers; /* what it calls them */
  bool by_pickup;                /* an order counts as shipped when the carrier has it, not when the platform is told */
  const char *hosts;             /* further settings that hold the shop's address in --config: "auth_host", or NULL */
  const char *settings;          /* further lines of the shop in --config, or NULL */
  /* The text of order n; unique in the shop. The world is not complete yet: only n, placed_ms and the shop may be used. */
  void (*id)(const struct sim_shop *s, const struct sim_order *o, char out[SIM_ID_TEXT]);
  void (*answer)(struct sim_call *c);
  /* The platform's own words for a failure of its own (status is set, body empty); NULL: a line of text. */
  void (*fail)(struct sim_call *c);
  /* A push about a change, signed for the address url; NULL: the platform has none. */
  void (*push)(const struct sim_shop *s, const struct sim_order *o, const char *url, struct arena *a, struct sim_push *out);
  void (*ping)(const struct sim_shop *s, struct sim_push *out); /* what it sends before its first push; NULL: nothing */
};
#define SIM_PLATFORM_MAP(X) X(shopee) X(lazada) X(taobao) X(jd) X(douyin) X(pinduoduo) X(amazon) X(shopify) X(woocommerce)
/* A platform's file defines `const struct sim_platform sim_NAME = {…};`. Weak: one that is not built in is NULL. */
#define X(name) extern const struct sim_platform sim_##name __attribute__((weak));
SIM_PLATFORM_MAP(X)
#undef X
const struct sim_platform *sim_platform(const char *name); /* NULL: not known */

struct sim_shop {
  struct sim *sim;
  const struct sim_platform *row;
  const char *name;              /* "shopee", "shopee-2" */
  char base[64];                 /* "http://127.0.0.1:7801" */
  int number;                    /* from 0 */
  struct sim_shop_own *own;      /* orders, tokens, buckets, counters: of sim.c, sim_call.c and sim_world.c */
};
int64_t sim_now(const struct sim *s);
uint64_t sim_seed(const struct sim *s);

/* ---- running it ---------------------------------------------------------------------------------------------------------------- */
struct sim_options {
  const char *listen;            /* "127.0.0.1:7800": the control port; shop k has the k-th after it. Port 0: free ones */
  const char *platforms;         /* "shopee,lazada"; NULL: all. One named twice has two shops */
  int64_t orders, days, token_life_ms, refresh_grace_ms, skew_ms;
  uint64_t seed;
  int64_t rate_milli, change_milli; /* new orders, changes in 1000 s */
  int32_t fault[SIM_FAULT_N];
  bool no_limits;                /* documented limits do not hold; storms do */
  const char *push;              /* base address of orderd, or NULL */
  const char *traces;            /* the same, for what carriers tell; with a token of orderd's */
  const char *token;
  int64_t pickup_ms;             /* so long after its label a parcel is picked up, and up to half as long again */
  const char *factories;         /* "SOFAS,DESKS"; NULL: none. Their callbacks go to push */
  const char *carriers;          /* "SF,DEPPON,JDL,kuaidi100"; NULL: none. Their pushes go to push */
  int64_t make_ms;               /* from order to quality control */
  struct env *env;               /* NULL: the real one */
};
void sim_options_default(struct sim_options *o);
/* Listens and plays until sim_stop(). NULL with *why in a. */
struct sim *sim_start(struct uv_loop_s *loop, const struct sim_options *o, struct arena *a, const char **why);
void sim_stop(struct sim *s, void (*stopped)(void *arg), void *arg); /* frees it when the loop has closed its handles */
size_t sim_shops(const struct sim *s);
struct sim_shop *sim_shop(struct sim *s, size_t i);
const char *sim_control(const struct sim *s);     /* "http://127.0.0.1:7800" */
void sim_advance(struct sim *s, int64_t ms);      /* what is due in that time happens */
void sim_faults(struct sim *s, const int32_t fault[SIM_FAULT_N]);
void sim_freeze(struct sim *s);                   /* nothing more happens to orders */
void sim_truth_put(struct sim *s, struct buf *out);
void sim_config_put(struct sim *s, struct buf *out); /* sections of orderd.conf */
/* One request without a network: fills c->status, headers, body; false where the answer was to be lost. For tests. */
bool sim_ask(struct sim_shop *s, struct http_request *r, struct sim_call *c);

/* ---- the inside: for sim.c, sim_call.c and sim_world.c only -------------------------------------------------------------------- */
enum sim_event_kind {
  SIM_EV_PLACE, SIM_EV_PAY, SIM_EV_PART, SIM_EV_SHIP, SIM_EV_COMPLETE, SIM_EV_CANCEL, SIM_EV_LATE_CANCEL,
  SIM_EV_REFUND_ASK, SIM_EV_REFUND, SIM_EV_REMARK, SIM_EV_INDEX, SIM_EV_TICK, SIM_EV_BY_HAND, SIM_EV_RECALL, SIM_EV_PICK_UP
};
struct sim_event {
  int64_t at_ms;
  uint32_t seq;                  /* of two at one time the earlier made comes first */
  uint8_t kind;
  struct sim_shop *shop;
  struct sim_order *order;
  struct sim_label *label;       /* of PICK_UP */
};
struct sim_heap {
  struct sim_event *at;
  size_t n, cap;
  uint32_t seq;
};
struct sim_list_of {             /* sorted by its time, then n */
  struct sim_order **at;
  size_t n, cap;
};
struct sim_bucket {
  const char *name;
  int64_t micro, at_ms;          /* millionths of a token */
};
struct sim_counter {
  const char *name;
  int64_t n;
};
struct sim_nonce {
  uint64_t hash;
  int64_t until_ms;
};
#define SIM_NAMES_MAX 64
#define SIM_SKUS_MAX 64
struct sim_plan {                /* what is to go wrong next: see /sim/fail */
  char call[64], how[16];
  int64_t times;
};
struct sim_told {                /* a row of the ledger */
  int64_t at_ms, quantity;       /* quantity: of stock */
  const struct sim_shop *shop;
  const char *order, *carrier, *no; /* order NULL: a stock figure */
  const char *sku;
  const char *result;
  bool is_refund;                /* quantity: its amount */
  bool answered, early;          /* early: told before a carrier had it */
};
struct sim_shop_own {
  struct sim_list_of all, by_change, by_placed; /* all: by n, also those not placed yet */
  uint32_t *slot;                /* by the hash of the id: n + 1 */
  size_t slots;
  const char *secret[SIM_SECRETS_MAX];
  const char *old_access, *old_refresh;
  int64_t access_until_ms, old_access_until_ms, old_refresh_until_ms;
  uint32_t token_no;
  struct sim_bucket bucket[SIM_NAMES_MAX];
  struct sim_counter call[SIM_NAMES_MAX];
  size_t buckets, calls;
  struct sim_nonce *nonce;       /* as they came */
  size_t nonces, nonces_cap;
  int64_t storm_until_ms, stuck_until_ms;
  uint64_t requests;
  int64_t bad_signs, bad_tokens, throttled, unanswered, fault[SIM_FAULT_N];
  int64_t pushes, pushes_failed;
  int64_t stock[SIM_SKUS_MAX];   /* -1: never told */
  struct sim_plan plan[16];
  size_t plans;
  struct http_server *http;
};
struct sim {
  struct env clock;              /* the world's; first */
  struct arena mem;
  struct sim_options o;
  struct env *real;
  int64_t skew_ms, start_ms, ran_ms; /* ran_ms: everything due until then has happened */
  struct sim_shop *shop;
  size_t shops;
  struct sim_factory *factory;
  size_t factories;
  struct sim_carrier *carrier;
  size_t carriers;
  struct sim_heap due;
  uint32_t customers;
  uint64_t drawn;                /* of live changes */
  int64_t new_milli, change_milli; /* due, in thousandths */
  bool building, frozen, stopping;
  struct sim_told *told;
  size_t tolds, tolds_cap;
  struct sim_label **label;      /* in order of their making */
  size_t labels, labels_cap;
  int64_t orders, changes, late_cancels, duplicates, traces, traces_failed;
  /* told of every change that lists may show; set by sim.c */
  void (*changed)(struct sim *s, struct sim_shop *shop, struct sim_order *o);
  void (*picked)(struct sim *s, const struct sim_label *l, const char *status, int64_t at_ms);
  struct sim_net *net;           /* sim_net.c's */
  struct sim_push_queue *push;   /* sim_push.c's */
  char control[64];
};
uint64_t sim_hash(const struct sim *s, const char *what, uint64_t a, uint64_t b);
bool sim_hits(const struct sim *s, enum sim_fault f, uint64_t draw); /* by the share in force */
const char *sim_plan_how(struct sim_shop *s, const char *call); /* "": nothing is planned; else it is used up by this */
void sim_change(struct sim *s, struct sim_shop *shop, struct sim_order *o, int64_t at_ms); /* lists show it */
void sim_event_at(struct sim *s, int64_t at_ms, enum sim_event_kind kind, struct sim_shop *shop, struct sim_order *o,
                  struct sim_label *l);
void sim_ship_free(struct sim *s);
void sim_world_make(struct sim *s);               /* shops are there; makes the orders of the past */
void sim_world_run(struct sim *s, int64_t until_ms);
void sim_world_free(struct sim *s);
void sim_secrets_make(struct sim_shop *s);
struct sim *sim_new(const struct sim_options *o, struct arena *a, const char **why); /* without a network */
void sim_free(struct sim *s);
/* sim_push.c */
struct sim_push_queue *sim_push_open(struct sim *s, struct uv_loop_s *loop);
void sim_push_close(struct sim_push_queue *q);    /* the loop must run on until its handles are closed */
void sim_push_tick(struct sim_push_queue *q);
bool sim_push_now(struct sim *s, struct sim_shop *shop, struct sim_order *o); /* false: the platform has none, or nowhere to */
/* sim_truth.c: a request to the control port */
void sim_control_answer(struct sim *s, struct http_request *r);
void sim_state_put(struct sim *s, struct buf *out);
size_t sim_span(const struct sim_list_of *l, bool by_placed, int64_t ms); /* how many come before ms */

int cli_sim(struct cli *c);
#endif
