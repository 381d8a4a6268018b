/* domain.h: layer 4. What orderd means by its words. Nouns own their table's SQL and know no other noun;
 * pure rules (status, merge, draft) know no SQL. All functions run inside the caller's transaction. */
#ifndef ORDERD_DOMAIN_H
#define ORDERD_DOMAIN_H
#include "store.h"

#define SLOT_MS (72ll * 3600 * 1000) /* orders.placed_slot = floor(placed_at / SLOT_MS) */
int64_t slot_of(int64_t ms);

/* Outside, ids are text with a kind: "o_12". id_parse: false when not of that kind. */
bool id_parse(const char *text, char kind, int64_t *id);
char *id_text(struct arena *a, char kind, int64_t id);
void jw_id(struct jw *w, const char *key, char kind, int64_t id); /* 0 writes null */

/* ---- roles ------------------------------------------------------------------------------------------ */
#define ROLE_MAP(X)                                                                                     \
  X(ADMIN, "admin") X(CS, "cs") X(WAREHOUSE, "warehouse") X(PRODUCTION, "production")                   \
  X(FINANCE, "finance") X(VIEWER, "viewer") X(CHANNEL, "channel")
enum {
#define X(id, name) ROLE_##id##_BIT,
  ROLE_MAP(X)
#undef X
  ROLE_N,
#define X(id, name) ROLE_##id = 1 << ROLE_##id##_BIT,
  ROLE_MAP(X)
#undef X
};
bool roles_parse(const char *list, unsigned *roles); /* "cs,warehouse" */
char *roles_text(struct arena *a, unsigned roles);

/* ---- status.c: the status machine as data (domain 4), pure ------------------------------------------- */
#define STATUS_MAX 32
#define MOVES_MAX 256
enum status_builtin { /* the first rows of every table, in this order; extra stages follow */
  ST_PENDING, ST_PAID, ST_SPLIT, ST_PRODUCING, ST_INSPECTED, ST_PRE_SHIP, ST_SHIPPED, ST_COMPLETED, ST_CANCELLED,
  ST_BUILTIN_N
};
enum trigger { TRIGGER_COMMAND = 1, TRIGGER_CHANNEL = 2, TRIGGER_SYSTEM = 4 };
#define GUARD_MAP(X)                                                                                    \
  X(NONE, "", "")                                                                                       \
  X(NO_HOLD, "on_hold", "The order is held")                                                            \
  X(KNOWN_SKUS, "unknown_sku", "A line's SKU is not in the data dictionary")                            \
  X(NO_PARCEL, "parcel_left", "A parcel of this order has left")                                        \
  X(PARCEL, "no_parcel", "No parcel with a tracking number is known")
enum guard {
#define X(id, code, text) GUARD_##id,
  GUARD_MAP(X)
#undef X
};
const char *guard_code(enum guard g);
const char *guard_text(enum guard g);
struct stage { /* one status with who drives it and by when */
  const char *name, *label, *label_zh;
  const char *owner;               /* a role name or "user:NAME"; "" where nobody has to act */
  const char *lead;                /* told at the second deadline; a role name or "user:NAME" */
  int64_t remind_ms, escalate_ms;  /* after entering; 0: none */
  bool working_time;               /* deadlines count the calendar's hours only */
  bool terminal;
};
struct move {
  int from, to;
  unsigned triggers;
  enum guard guard;
  bool forward;                    /* a hold stops it */
  bool locks_group;                /* domain 3.7 */
};
struct calendar { /* working hours; days bit 0 = Monday */
  int zone_min, from_min, to_min;
  unsigned days;
  int holidays[64]; /* yyyymmdd */
  int holidays_n;
};
struct status_table {
  struct stage stage[STATUS_MAX];
  int stages;
  struct move move[MOVES_MAX];
  int moves;
  struct calendar calendar;
};
void status_table_default(struct status_table *t);
/* Applies [stage NAME] and [calendar] sections; false with *why for a table that cannot work (unknown key or
 * status, an unreachable or a dead-end stage, deadlines out of order). */
bool status_table_load(struct arena *a, const struct conf *c, struct status_table *t, const char **why);
int status_find(const struct status_table *t, const char *name);                   /* -1 */
const struct move *status_move(const struct status_table *t, int from, int to, unsigned trigger); /* NULL: not allowed */
/* The shortest way from..to by moves of this trigger, to included; 0: none, or from == to. */
int status_way(const struct status_table *t, int from, int to, unsigned trigger, int way[STATUS_MAX]);
/* What the channel's word means for our status; -1: nothing. */
int status_of_channel(const char *channel_status);
bool status_channel_known(const char *channel_status);
/* Moment of a deadline that many ms after since, by the calendar when working_time. */
int64_t calendar_add(const struct calendar *c, int64_t since, int64_t ms, bool working_time);

/* ---- draft.c: a canonical order as it arrives (contract 4), pure --------------------------------------- */
#define ORDER_LINES_MAX 500
#define ORDER_PARCELS_MAX 100
#define ORDER_FLAG_MAP(X)                                                                               \
  X(COD, "cod") X(PRESALE_UNPAID, "presale_unpaid") X(GIFT, "gift") X(SEALED, "sealed") X(HOURLY, "hourly") \
  X(PLATFORM_WAREHOUSE, "platform_warehouse") X(PLATFORM_INSPECTION, "platform_inspection") X(AGENCY, "agency") \
  X(CONSENT_SMS, "consent_sms") /* the customer wants to be written to */
enum {
#define X(id, name) FLAG_##id##_BIT,
  ORDER_FLAG_MAP(X)
#undef X
  FLAG_N,
#define X(id, name) FLAG_##id = 1 << FLAG_##id##_BIT,
  ORDER_FLAG_MAP(X)
#undef X
};
const char *flag_name(int bit);
struct line {
  const char *line_id, *sku, *title;
  int64_t quantity, price, discount, refunded; /* price -1: not told */
};
struct parcel { /* a shipment as the channel tells it */
  const char *carrier, *tracking_no, *line_ids; /* line_ids: JSON array text or NULL */
  int64_t shipped_at;
};
struct refund {
  const char *refund_id, *status, *line_id, *goods;
  int64_t amount, quantity;
};
bool refund_counts(const char *status); /* asked for or done, not taken back */
int64_t line_worth(const struct line *l); /* what was paid for a line; 0: not told, or more than a number holds */
struct draft {
  const char *channel, *external_id, *status;
  int64_t placed_at, paid_at, updated_at, ship_by; /* 0: not told */
  const char *currency;
  int64_t total, freight, discount, paid;
  const char *buyer_id, *buyer_name, *buyer_phone;
  const char *receiver_name, *receiver_phone, *country, *province, *city, *district, *town, *address, *zip, *token;
  const char *remark_buyer, *remark_seller, *remark_flag, *service, *raw_status;
  unsigned flags;
  struct line *lines;
  size_t lines_n;
  struct parcel *parcels;
  size_t parcels_n;
  struct refund *refunds;
  size_t refunds_n;
  int64_t content;                 /* hash of everything above but updated_at */
  int64_t contact_key, token_key;  /* as in schema.sql; 0: none */
  const char *no_merge;            /* why it may not be merged by what the channel told; NULL */
  const void *raw;                 /* the bytes as they came, kept in the inbox */
  size_t raw_n;
  unsigned char digest[16];        /* of raw */
  void *packed;                    /* raw, packed: done before the writer */
  size_t packed_n;
};
/* Every fault is reported with its pointer (prefix + "/receiver/phone"); NULL when there was one.
 * family: the channel's platform family, for the token's key; may be NULL (then the channel's own name). */
struct draft *draft_parse(struct arena *a, const struct json *j, const char *prefix, struct faults *f);
/* Keys need the family, which the data base or the configuration knows. Sets contact_key and token_key. */
void draft_keys(struct draft *d, const char *family);
/* Packs raw and takes its digest; off the writer's thread. */
void draft_seal(struct arena *a, struct draft *d, const void *raw, size_t n);

/* ---- merge.c: who belongs together (domain 3), pure ------------------------------------------------------ */
#define MERGE_CROWD_MAX 200 /* more orders of one key in one chain are no customer: none is merged, all proposed */
struct merge_rules {
  int64_t window_ms;     /* 72 h, inclusive */
  int64_t margin_ms;     /* before a group's ship-by */
  bool remarks_propose;
  bool across_channels;
  int group_max;         /* orders in one group at most; 50 */
  int crowd_max;         /* MERGE_CROWD_MAX; less only in tests */
};
struct merge_order {
  int64_t id, channel_id, placed_at, ship_by, group_id;
  const char *channel, *external_id, *family;
  int64_t contact_key, token_key;
  const char *phone, *token, *currency, *service;
  const char *remark_buyer, *remark_seller, *remark_flag;
  struct addr_text where;
  struct addr *addr;     /* parsed on first use by merge_pair */
  bool free;             /* eligible by status, group open, no_merge NULL */
  bool ask;              /* a rule wants a person to decide: it is proposed, never merged */
};
enum merge_verdict { MERGE_APART, MERGE_PROPOSE, MERGE_TOGETHER };
struct merge_why { /* each condition with its value, for `why` */
  enum merge_verdict verdict;
  const char *code;      /* same_phone_address, same_token, decided_together, decided_apart, address_differs,
                            address_probable, phone_masked, other_currency, other_service, remark_differs,
                            outside_window, ship_by_margin, group_full, crowd, other_phone, channel_rule … */
  const char *part;      /* the address part that decided, or NULL */
  const char *mine, *theirs; /* the two values, as far as there are two */
  int64_t gap_ms;
};
/* Do two orders belong together, the window apart? Symmetric but for mine/theirs. */
struct merge_why merge_pair(struct arena *a, const struct merge_rules *r, struct merge_order *x, struct merge_order *y);
/* The same when their platform itself says that they do: its word stands for the keys, nothing else. */
struct merge_why merge_pair_platform(struct arena *a, const struct merge_rules *r, struct merge_order *x, struct merge_order *y);
/* decided(): what was said about two orders. A person's word is the last one; a platform's stands for our keys. */
enum merge_said { SAID_NOTHING = 0, SAID_TOGETHER = 1, SAID_APART = -1, PLATFORM_TOGETHER = 2, PLATFORM_APART = -2 };
typedef int merge_decided_fn(void *arg, int64_t order_a, int64_t order_b);
/* The greedy grouping of domain 3.5 over free orders, in any order of the array: group[i] becomes the index of
 * the earliest order of i's group. Depends only on the set. */
void merge_groups(struct arena *a, const struct merge_rules *r, struct merge_order **o, size_t n,
                  merge_decided_fn *decided, void *arg, size_t *group);
/* Order of the greedy walk: placed_at, channel name, external id. */
int merge_before(const struct merge_order *x, const struct merge_order *y);

/* ---- journal.c: events, append only, chained by SHA-256 --------------------------------------------------- */
/* data: JSON object text. seq may be NULL. What nearly every order's first event says is kept as "{}": readers ask
 * journal_data() what a row's data means. */
#define JOURNAL_USUAL "{\"status\":\"paid\"}"
const char *journal_data(const char *type, const char *data);
enum err journal_put(struct db *db, int64_t at, char kind, int64_t entity, const char *type, const char *actor,
                     const char *data, int64_t *seq);
int64_t journal_head(struct db *db); /* the last seq; 0: none */
/* Walks the chain; calls say() for each break; returns their number or -1. */
int journal_check(struct db *db, void (*say)(void *arg, const char *text), void *arg);

/* ---- channel.c ---------------------------------------------------------------------------------------------- */
struct channel {
  int64_t id;
  const char *name, *family;
};
enum err channel_find(struct db *db, struct arena *a, const char *name, struct channel *out); /* NOT_FOUND */
enum err channel_by_id(struct db *db, struct arena *a, int64_t id, struct channel *out);
enum err channel_add(struct db *db, const char *name, const char *family, int64_t now_ms, int64_t *id);
enum err channel_set_family(struct db *db, int64_t id, const char *family);

/* ---- inbox.c -------------------------------------------------------------------------------------------------- */
enum payload_state { PAYLOAD_APPLIED, PAYLOAD_PENDING, PAYLOAD_FAILED, PAYLOAD_DEAD };
const char *payload_state_name(enum payload_state s);
struct payload {
  int64_t id, channel_id, received_at, order_id, attempts, size;
  const char *source, *state, *error;
  char *body; /* unpacked, NUL added; NULL when its retention is over */
};
enum err payload_put(struct db *db, int64_t channel_id, const char *source, enum payload_state state, int64_t now_ms,
                     const struct draft *d, int64_t order_id, const char *error, int64_t *id);
enum err payload_get(struct db *db, struct arena *a, int64_t id, struct payload *out);
/* A failed one of this channel that has the same bytes. */
bool payload_failed_same(struct db *db, int64_t channel_id, const unsigned char digest[16]);
bool payload_same(struct db *db, int64_t id, const unsigned char digest[16]); /* the stored one has these bytes */
enum err payload_settle(struct db *db, int64_t id, enum payload_state state, int64_t order_id, const char *error);
/* The next payloads in that state with an id over after; returns how many. */
size_t payload_next(struct db *db, enum payload_state state, int64_t after, int64_t *ids, size_t max);
/* Failed ones that a connector made of what it fetched: only it can map them again. */
size_t payload_next_failed(struct db *db, int64_t channel_id, int64_t after, int64_t *ids, size_t max);
int64_t payload_count(struct db *db, enum payload_state state); /* only the small states */
enum err payload_prune(struct db *db, int64_t before_ms, int64_t *from_id, int limit); /* drops bodies of applied ones */

/* ---- order.c ---------------------------------------------------------------------------------------------------- */
struct order {
  int64_t id, channel_id, version, group_id, payload_id, content;
  int64_t placed_at, paid_at, channel_updated_at, shipped_at, cancelled_at, ship_by, received_at, updated_at;
  int64_t stage_since, due_at;
  int due_step;
  const char *external_id, *status, *channel_status, *no_merge;
  bool decided;
  unsigned flags;
  const char *currency, *service, *token, *phone;
  int64_t total, contact_key, token_key;
  const char *country, *province, *city, *district, *town, *address;
  const char *receiver_name, *remark_buyer, *remark_seller, *remark_flag;
};
enum err order_find(struct db *db, struct arena *a, int64_t channel_id, const char *external_id, struct order *out);
enum err order_get(struct db *db, struct arena *a, int64_t id, struct order *out);
/* The channel's own time of change that we have; NOT_FOUND. */
enum err order_known(struct db *db, int64_t channel_id, const char *external_id, int64_t *channel_updated_at);
/* Row, lines, parcels and refunds of a new order. o: id, channel_id, status, group_id, stage and due fields set. */
enum err order_insert(struct db *db, const struct order *o, const struct draft *d);
/* News for a known order: everything the channel told; version + 1. changed: JSON array of the fields that differ. */
enum err order_rewrite(struct db *db, struct arena *a, struct order *o, const struct draft *d, int64_t now_ms, const char **changed);
enum err order_touch_channel_time(struct db *db, int64_t id, int64_t channel_updated_at);
/* One guarded statement: only from the version it was read with; else STALE. Sets status, stage and due fields,
 * shipped_at, cancelled_at, paid_at; version + 1. */
enum err order_move(struct db *db, struct order *o, const char *to, int64_t now_ms, int64_t due_at, int due_step);
/* Hours from paid to shipped: X(upper bound) of each bucket of rollup_leads; one more has no upper bound. */
#define LEAD_MAP(X) X(2) X(4) X(8) X(12) X(24) X(36) X(48) X(72) X(96) X(120) X(168) X(240)
int lead_bucket(int64_t ms);
/* Its number on the channel gets this end, so that the number can come again: of an import that was undone. */
enum err order_free_number(struct db *db, int64_t id, const char *end);
enum err order_set_group(struct db *db, int64_t id, int64_t group_id);
enum err order_set_no_merge(struct db *db, int64_t id, const char *no_merge);
enum err order_set_due(struct db *db, int64_t id, int64_t due_at, int due_step);
enum err order_set_decided(struct db *db, int64_t id);
enum err order_set_shipped(struct db *db, int64_t id, int64_t shipped_at);
enum err order_set_payload(struct db *db, int64_t id, int64_t payload_id); /* the last that told what we know */
enum err order_bump(struct db *db, struct order *o, int64_t now_ms); /* version + 1, guarded */
size_t order_due(struct db *db, int64_t now_ms, int64_t *ids, size_t max); /* oldest deadline first */
int64_t order_next_due(struct db *db); /* 0: none */
bool order_has_tracking(struct db *db, int64_t id);
/* Lines with what is left to send of each: its quantity without what was given back, also when that was only asked
 * for (domain 3.8). A refund of money alone takes nothing away unless it is the line's or the order's whole worth. */
struct line_left {
  int64_t line_no, quantity, left, value; /* value: what was paid for all of it */
  const char *line_id, *sku;
};
enum err order_parcels(struct db *db, struct arena *a, int64_t id, struct parcel **list, size_t *n); /* as the channel told them last */
enum err order_lines_left(struct db *db, struct arena *a, int64_t id, int64_t total, struct line_left **list, size_t *n);
enum err order_put_parcel(struct db *db, int64_t order_id, const struct parcel *p);
/* Candidates of merging: orders of these keys placed in [from, to], each with group state. exact false: also those
 * that share what a mask shows. free is set when status is paid or split, no_merge NULL, and the group open. */
enum err order_candidates(struct db *db, struct arena *a, int64_t contact_key, int64_t token_key, int64_t from, int64_t to,
                          struct merge_order **list, size_t *n, size_t max);
/* Whether there would be one. */
enum err order_any_candidate(struct db *db, int64_t contact_key, int64_t token_key, int64_t from, int64_t to, bool *any);
/* Of them only those that are free and share a whole key. */
enum err order_candidates_free(struct db *db, struct arena *a, int64_t contact_key, int64_t token_key, int64_t from, int64_t to,
                               struct merge_order **list, size_t *n, size_t max);
/* Orders of a channel that its platform should be asked about: free, with a token, placed since `since`, and with company:
 * others of the same buyer within window_ms; those whose like was asked already are left out. Company stands together. */
struct token_order {
  int64_t id, content;          /* content: of the whole company */
  const char *external_id, *token;
};
enum err order_ask_platform(struct db *db, struct arena *a, int64_t channel_id, int64_t since, int64_t window_ms,
                            struct token_order **list, size_t *n);
enum err order_as_merge(struct db *db, struct arena *a, int64_t id, struct merge_order *out);
enum err order_group_members(struct db *db, struct arena *a, int64_t group_id, struct merge_order **list, size_t *n);
enum err order_hold(struct db *db, int64_t id, const char *reason, const char *note, const char *actor, int64_t now_ms, bool *is_new);
enum err order_release(struct db *db, int64_t id, const char *reason, int64_t *released); /* NULL reason: all */
int64_t order_holds(struct db *db, int64_t id);

/* ---- group.c ------------------------------------------------------------------------------------------------------ */
struct group {
  int64_t id, from_at, locked_at, version;
  const char *state, *key;
};
enum err group_get(struct db *db, struct arena *a, int64_t id, struct group *out);
enum err group_insert(struct db *db, int64_t id, const char *key, int64_t from_at); /* key NULL: one order */
enum err group_update(struct db *db, int64_t id, const char *state, const char *key, int64_t from_at); /* version + 1 */
enum err group_lock(struct db *db, int64_t id, int64_t now_ms, bool *was_open);
enum err group_decide(struct db *db, int64_t a, int64_t b, const char *verdict, const char *actor, int64_t now_ms);
int group_decided(struct db *db, int64_t a, int64_t b);
/* What a platform said; a person's word stays. changed may be NULL. */
#define PLATFORM_ACTOR "platform:"
enum err group_decide_platform(struct db *db, int64_t a, int64_t b, bool together, const char *family, int64_t now_ms, bool *changed);
/* Forgets what platforms said about an order whose token or address changed; how many. */
enum err group_forget_platform(struct db *db, int64_t order_id, int64_t *forgotten);
enum err merge_asked_get(struct db *db, int64_t order_id, int64_t *content); /* NOT_FOUND */
enum err merge_asked_put(struct db *db, int64_t order_id, int64_t content, int64_t now_ms);
/* Orders about which something was said, and what (enum merge_said). */
size_t group_ties(struct db *db, int64_t order_id, int64_t *others, int *verdicts, size_t max);
enum err group_propose(struct db *db, int64_t a, int64_t b, const char *code, int64_t now_ms, bool *is_new);
bool group_proposed(struct db *db, int64_t a, int64_t b);
enum err group_unpropose(struct db *db, int64_t a, int64_t b); /* b 0: all proposals of a */

/* ---- exception.c ---------------------------------------------------------------------------------------------------- */
/* Opens one unless one of this type is open for the same thing; is_new may be NULL. data: JSON object text. */
enum err exception_open(struct db *db, const char *type, int64_t order_id, int64_t payload_id, int64_t channel_id,
                        const char *owner, int64_t now_ms, const char *data, int64_t *id, bool *is_new);
enum err exception_tell(struct db *db, int64_t id, const char *data); /* of an open one: what it is about by now */
bool exception_waiting(struct db *db, const char *type, int64_t order_id); /* is one open for this order? */
struct exception {
  int64_t id, order_id, payload_id, channel_id, version;
  const char *type, *state, *owner;
};
enum err exception_get(struct db *db, struct arena *a, int64_t id, struct exception *out);
enum err exception_resolve(struct db *db, int64_t id, const char *by, const char *note, int64_t now_ms);
enum err exception_assign(struct db *db, int64_t id, const char *owner, const char *assignee);
/* Resolves the open ones of this type (prefix, when it ends in ':') for an order or payload; how many. */
int exception_settle(struct db *db, const char *type, int64_t order_id, int64_t payload_id, const char *by, int64_t now_ms);
int exception_settle_type(struct db *db, const char *type, const char *by, int64_t now_ms); /* of no order, payload or channel */
int exception_settle_channel(struct db *db, const char *type, int64_t channel_id, const char *by, int64_t now_ms);
bool exception_is_open(struct db *db, const char *type, int64_t order_id);
/* What an order waits for, as far as exceptions say so: one look instead of three. */
enum { WAITS_STOCK = 1, WAITS_PLACE = 2, WAITS_SKU = 4 }; /* oversold, cannot_split, unknown_sku */
unsigned exception_waits(struct db *db, int64_t order_id);
bool exception_any(struct db *db, const char *type); /* is one of this type open? */
/* Orders that wait for stock or for a SKU, oldest exception first, those after the one of this number. */
size_t orders_without_units(struct db *db, int64_t after, int64_t *ids, size_t max); /* open ones, by id */
size_t exceptions_waiting(struct db *db, int64_t after, int64_t *ids, int64_t *orders, size_t max);

/* ---- user.c: people, tokens, remembered answers ------------------------------------------------------------------- */
struct token {
  int64_t id, channel_id, expires_at;
  const char *name, *state;
  const char *user; /* whose it is; NULL: nobody's */
  unsigned roles;
};
enum err token_add(struct db *db, const char *name, unsigned roles, int64_t channel_id, const unsigned char digest[32],
                   int64_t now_ms, int64_t expires_at, int64_t *id);
enum err token_bind(struct db *db, int64_t id, int64_t user_id); /* it is that user's; it dies with the user */
enum err token_revoke(struct db *db, int64_t id);
enum err token_version(struct db *db, int64_t id, int64_t *version);
enum err token_find(struct db *db, struct arena *a, const char *name, struct token *out);
enum err user_add(struct db *db, const char *name, unsigned roles, const char *password, int64_t now_ms, int64_t *id);
enum err user_update(struct db *db, int64_t id, const char *roles, const char *password, const char *state);
enum err user_version(struct db *db, int64_t id, int64_t *version);
enum err user_find(struct db *db, const char *name, int64_t *id);
bool user_active(struct db *db, int64_t id, unsigned *roles);
/* All active tokens, for the table in memory that requests are checked against. */
enum err token_each(struct db *db, void (*fn)(void *arg, const struct token *t, const unsigned char digest[32]), void *arg);
/* session.c: people at the console. A session is a cookie of a browser; a device is a browser that was signed in
 * once and is recognised at the next sign-in. Both are known by the SHA-256 of their cookies. */
#define SESSION_MS (14ll * 24 * 3600 * 1000)
#define SESSIONS_MAX 20 /* of one user; the oldest goes */
#define DEVICES_MAX 20
enum err session_add(struct db *db, int64_t user_id, const unsigned char digest[32], const char *address, int64_t now_ms,
                     int64_t *id);
enum err session_end(struct db *db, int64_t id); /* NOT_FOUND */
enum err session_end_user(struct db *db, int64_t user_id, int64_t but); /* all of a user but one (0: none is spared) */
enum err device_add(struct db *db, int64_t user_id, const unsigned char digest[32], int64_t now_ms);
enum err device_end_user(struct db *db, int64_t user_id);
enum err session_prune(struct db *db, int64_t now_ms);
/* All that count, for the table in memory: id, expires_at, user and roles are filled. */
enum err session_each(struct db *db, void (*fn)(void *arg, const struct token *t, const unsigned char digest[32]), void *arg);
struct sign_in { /* what signing in needs to know of a user */
  int64_t id;
  unsigned roles;
  const char *password; /* encoded; NULL: cannot sign in */
  bool known_device;
};
enum err sign_in_find(struct db *db, struct arena *a, const char *name, const unsigned char device[32], struct sign_in *out);
bool sign_in_possible(struct db *db); /* some active user has a password */
enum err answer_find(struct db *db, struct arena *a, const char *actor, const char *key, unsigned char digest[32],
                     int *status, char **body); /* NOT_FOUND */
enum err answer_put(struct db *db, const char *actor, const char *key, const unsigned char digest[32], int64_t now_ms,
                    int status, const char *body);
enum err answer_prune(struct db *db, int64_t before_ms, int limit);

/* ---- search.c: the words of orders ------------------------------------------------------------------------------------ */
enum err search_mark(struct db *db, int64_t order_id);        /* a known order's words changed */
/* Indexes up to limit orders; *left says whether more wait. */
enum err search_step(struct db *db, int limit, bool *left);
int64_t search_done(struct db *db);                           /* orders up to this id are in the index */

/* ---- meta ------------------------------------------------------------------------------------------------------------------ */
enum err meta_get(struct db *db, struct arena *a, const char *name, char **value);
enum err meta_put(struct db *db, const char *name, const char *value);

/* ---- view.c: SELECT-only, JSON out. Personal data masked unless SHOW_FULL (domain 9) --------------------------------------- */
enum privacy { SHOW_MASKED, SHOW_FULL };
struct order_filter { /* NULL or 0: not asked for */
  const char *status, *channel, *sku, *warehouse, *owner, *exception, *tag, *q, *sort; /* sort: -id id -placed_at placed_at due_at */
  int64_t group_id, from, to; /* placed_at, from inclusive, to exclusive */
  bool finds_all;             /* q looks into names and addresses, whatever is shown of them */
  int overdue;                /* 1 only overdue, -1 only not */
  int held;                   /* 1 only those on hold, -1 only others */
  int urgent;                 /* 1 only those that a rule gave a priority over 0, -1 only others */
  const char *cursor;
  int limit;
};
#define LIST_LIMIT_MAX 500
enum err view_order(struct db *db, struct arena *a, const struct status_table *t, int64_t id, enum privacy p, struct buf *out,
                    int64_t *version);
enum err view_order_id(struct db *db, const char *id_or_channel_ext, int64_t *id); /* "o_1" or "channel:external" */
/* BAD_REQUEST with *why for a bad cursor, sort or filter value; *next: cursor of the next page, NULL at the end. */
enum err view_orders(struct db *db, struct arena *a, const struct status_table *t, const struct order_filter *f,
                     enum privacy p, struct buf *out, const char **next, const char **why);
enum err view_order_why(struct db *db, struct arena *a, const struct status_table *t, const struct merge_rules *r, int64_t id,
                        enum privacy p, struct buf *out);
/* view_stats.c: figures out of the rollup tables; JSON texts. from, to: ms, to exclusive. */
enum err view_stats_orders(struct db *db, struct arena *a, const struct status_table *t, struct buf *out);
enum err view_stats_backlog(struct db *db, const struct status_table *t, int64_t now_ms, struct buf *out);
enum err view_stats_flow(struct db *db, int64_t from, int64_t to, struct buf *out);
enum err view_stats_exceptions(struct db *db, int64_t from, int64_t to, struct buf *out);
/* channel NULL: all. Quantiles lie on a line inside their bucket. */
enum err view_stats_leads(struct db *db, const char *channel, int64_t from, int64_t to, struct buf *out);
double lead_quantile(const int64_t *orders, int buckets, double q); /* in hours; < 0: no orders */
struct event_filter {
  char kind;        /* 0: all */
  int64_t entity, since; /* seq > since */
  int limit;
};
enum err view_events(struct db *db, struct arena *a, const struct event_filter *f, struct buf *out, int64_t *last);
enum err view_group(struct db *db, struct arena *a, const struct merge_rules *r, int64_t id, struct buf *out, int64_t *version);
enum err view_groups(struct db *db, struct arena *a, const struct merge_rules *r, const char *state, bool proposed, bool several,
                     const char *cursor, int limit, struct buf *out, const char **next, const char **why);
enum err view_payload(struct db *db, struct arena *a, int64_t id, bool body, struct buf *out);
enum err view_payloads(struct db *db, struct arena *a, const char *state, const char *channel, const char *cursor, int limit,
                       struct buf *out, const char **next, const char **why);
enum err view_exception(struct db *db, struct arena *a, int64_t id, struct buf *out, int64_t *version);
enum err view_exceptions(struct db *db, struct arena *a, const char *state, const char *type, const char *owner, int64_t order_id,
                         const char *cursor, int limit, struct buf *out, const char **next, const char **why);
enum err view_users(struct db *db, struct arena *a, struct buf *out);
enum err view_tokens(struct db *db, struct arena *a, struct buf *out);
/* more(): adds what only the running process knows of a channel; NULL: nothing. */
typedef void view_more_fn(void *arg, struct jw *w, const char *channel);
enum err view_channels(struct db *db, view_more_fn *more, void *arg, struct jw *w); /* into an array */
enum err view_channel(struct db *db, struct arena *a, const char *name, view_more_fn *more, void *arg, struct buf *out); /* NOT_FOUND */
struct counts { /* for /metrics, the demo's summary and `orderd check` */
  int64_t orders, lines, events, groups_open, groups_several, payloads, failed, pending, dead, exceptions_open;
};
enum err view_counts(struct db *db, struct counts *c);
/* Proves the invariants that a file alone can show (domain 2.3, 3, 4.3, 4.7): say() per breach; their number or -1. */
int view_check(struct db *db, struct arena *a, const struct status_table *t, const struct merge_rules *r,
               void (*say)(void *arg, const char *text), void *arg);

#include "domain/case.h"  /* returns, exchanges, refunds, repairs */
#include "domain/callback.h" /* what factories and carriers told */
#include "domain/goods.h" /* SKUs, warehouses, stock, splitting */
#include "domain/import.h" /* files that people dropped */
#include "domain/notice.h" /* what people are told */
#include "domain/poll.h"  /* asking channels */
#include "domain/rate.h"  /* what carriers cost */
#include "domain/rule.h"  /* rules of the team */
#include "domain/ship.h"  /* fulfilments, claims, the outbox */
#include "domain/waybill.h" /* numbers that carriers sell */
#include "domain/workorder.h" /* what factories make */
#include "domain/view.h"

#endif
