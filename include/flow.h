/* flow.h: layer 5. Verbs: the command table, and the flows that make several nouns agree.
 * Everything that changes data is a command; HTTP, the command line, the timers and the tests send the same. */
#ifndef ORDERD_FLOW_H
#define ORDERD_FLOW_H
#include "domain.h"

/* ---- rules: the configuration as the flows use it; immutable, swapped whole on reload ----------------- */
struct rules {
  struct status_table status;
  struct merge_rules merge;
  int64_t payload_keep_ms;        /* bodies of applied payloads */
  int64_t backlog_alarm;          /* failed + dead payloads, 500 */
  int64_t surge_queue;            /* waiting commands that turn 201 into 202 */
  int64_t surge_pending;          /* pending payloads taken at most before 503 */
  bool new_channels;              /* an unknown channel name opens a channel; else 422 unknown_channel */
  const struct conf *conf;        /* [channel NAME] family = …, merge = yes|no */
  const struct channel_family {   /* of channels with a connector: what it is and what it can do */
    const char *channel, *family; /* family: where the configuration does not say it */
    bool confirms;                /* [request confirm]: the platform wants to hear of parcels */
    bool on_pickup; /* counts_as_shipped = pickup: it hears when the carrier has the parcel, else at once */
    bool stocks;    /* [request stock], and the configuration says stock = yes */
    bool refunds;   /* [request refund]: it pays back what we ask it to */
  } * family;
  size_t families;
  enum {
    TRACK_AUTO,
    TRACK_YES,
    TRACK_NO
  } track;             /* is stock kept? auto: from the first SKU of the dictionary on */
  bool reserve_placed; /* units are reserved when the order is placed, else when it is paid */
  struct split_rules split;
  bool pack_verify;                      /* nothing ships that was not verified by scanning */
  int64_t pickup_due_ms, confirm_due_ms; /* after one of a parcel's two facts the other is overdue */
  int64_t tracking_reuse_ms;             /* a tracking number may come again after this */
  struct outbox_rules {                  /* doing what the outbox says (domain 6.4) */
    int64_t timeout_ms;                  /* of one webhook call */
    int64_t backoff_ms, backoff_most_ms; /* of one effect: full jitter under a cap that doubles */
    int64_t breaker_ms, breaker_most_ms; /* of one destination */
    int64_t dead_after_ms;               /* an effect that did not go out for so long waits for a person */
    int64_t keep_ms;                     /* done and dropped ones */
    int64_t stock_delay_ms;              /* changes of one article within this make one push */
    const char *allow;                   /* hosts that may have private addresses, by blanks; "" */
  } outbox;
  struct returns_rules {                 /* cases (domain 8), by enum case_step */
    int64_t remind_ms[CASE_STEPS], escalate_ms[CASE_STEPS]; /* after a step begins; 0: none */
    bool working;                        /* deadlines count the calendar's hours only */
    int64_t skip_below;                  /* less than so many minor units may leave steps out; 0: none */
    bool skip[CASE_STEPS];               /* these */
    int64_t limit[CASE_STEPS];           /* more than this only an admin approves; 0: no limit */
    bool people_only;                    /* tokens of nobody approve nothing */
    bool receive_first;                  /* the warehouse approves what it has received and inspected */
    int64_t goods_due_ms;                /* goods of an approved case are overdue after this; 0: never */
    int64_t photos_max, photos_mib;      /* of one case; of all cases together */
  } returns;
  bool rules_trust;        /* [rules] trust: a rule is on unless it was switched off */
  struct rule_set *rule_set; /* DATA/rules/; NULL: none. Its sandbox is the writer's */
  struct webhook *webhook; /* [webhook NAME], by name; their secrets are read by webhooks_check() */
  size_t webhooks;
  const struct party_rules {  /* [messenger …], [factory …], [carrier …]: who is told and asked by a file of its own */
    const char *kind, *name, *destination; /* "messenger", "office", "messenger:office" */
    const char *title;        /* the file's; NULL: the file cannot be read */
    int64_t length, per_minute; /* of a messenger: bytes of one message, messages a minute */
    int64_t every_ms;         /* of a carrier: how often parcels are asked for */
    bool buys, voids, traces, asks; /* of a carrier: its requests */
  } * party;
  size_t parties;
  int64_t rate_percentile, rate_observed; /* struct rate_rules */
  const char *const *factory; /* codes of factories with a connector; the others work by hand */
  size_t factories;
};
#define WEBHOOKS_MAX 64
#define WEBHOOK_SECRET_LEAST 24
struct webhook {
  const char *name, *url, *host;
  const char *events; /* patterns by blanks: order.status order.* * */
  const char *secret; /* NULL until webhooks_check() read it */
  size_t secret_n;
  int64_t timeout_ms, at_once;
  bool may_be_private; /* [outbox] allow names its host */
};
void rules_default(struct rules *r);
bool rules_load(struct arena *a, const struct conf *c, struct rules *r, const char **why);
const char *rules_family(const struct rules *r,
                         const char *channel); /* never NULL; default the channel's own name */
bool rules_channel_merges(const struct rules *r, const char *channel);
const struct party_rules *rules_party(const struct rules *r, const char *kind, const char *name); /* NULL: there is none */
const struct channel_family *rules_channel(const struct rules *r,
                                           const char *channel);      /* NULL: no connector */
bool rules_channel_known(const struct rules *r, const char *channel); /* has a [channel NAME] section */
int rules_share(const struct rules *r,
                const char *channel); /* [channel NAME] share: percent of the stock that it is told of */
const struct webhook *rules_webhook(const struct rules *r, const char *name); /* NULL */
/* rules_webhook.c. What a webhook's address may be: http or https, a host name or a plain address, no user; the host in
 * lower case into *host. NULL, else why not. */
const char *webhook_url_fault(struct arena *a, const char *url, const char **host);
bool webhook_wants(const struct webhook *h, const char *event);
bool webhooks_load(struct arena *a, const struct conf *c, struct rules *r, const char **why);

/* ---- commands -------------------------------------------------------------------------------------------- */
struct actor {
  const char *name; /* "token:till-1", "user:amy", "channel:tmall-home", "local", "timer" */
  unsigned roles;
  const char *channel; /* role channel: the only channel it may speak for */
  const char *person;  /* "user:amy": whose token it is; NULL: nobody's, it stands for itself */
};
struct problem {    /* what a refused command says; becomes application/problem+json */
  const char *code; /* NULL: the error's own code */
  const char *detail;
  const char *extra; /* further members as JSON text without braces: "\"allowed\":[…]" */
  struct faults faults;
};
#define ROLES_GOODS (ROLE_ADMIN | ROLE_CS | ROLE_WAREHOUSE)
/* X(id, name, roles that may, one line of documentation). target is the path's id where there is one. */
#define CMD_MAP(X) \
  X(ORDER_INGEST, "order.ingest", ROLE_ADMIN | ROLE_CS | ROLE_CHANNEL, "Take one canonical order") \
  X(ORDER_MOVE, "order.move", ROLE_ADMIN | ROLE_CS | ROLE_WAREHOUSE | ROLE_PRODUCTION, \
    "Move an order to a status") \
  X(ORDER_HOLD, "order.hold", ROLE_ADMIN | ROLE_CS | ROLE_WAREHOUSE | ROLE_FINANCE, \
    "Stop an order with a reason") \
  X(ORDER_RELEASE, "order.release", ROLE_ADMIN | ROLE_CS | ROLE_FINANCE, "Take holds off an order") \
  X(ORDER_CANCEL, "order.cancel", ROLE_ADMIN | ROLE_CS, "Cancel an order") \
  X(GROUP_REMOVE, "group.remove", ROLE_ADMIN | ROLE_CS | ROLE_WAREHOUSE, "Take an order out of its group") \
  X(GROUP_ADD, "group.add", ROLE_ADMIN | ROLE_CS | ROLE_WAREHOUSE, "Put an order into a group") \
  X(GROUP_LOCK, "group.lock", ROLE_ADMIN | ROLE_CS | ROLE_WAREHOUSE, \
    "Lock a group: it neither takes nor gives") \
  X(PAYLOAD_PUT, "payload.put", ROLE_ADMIN | ROLE_CS | ROLE_CHANNEL, \
    "Keep a payload that could not be mapped") \
  X(PAYLOAD_RETRY, "payload.retry", ROLE_ADMIN | ROLE_CS, \
    "Apply a failed payload again, as it is or mended") \
  X(PAYLOAD_RETRY_ALL, "payload.retry_all", ROLE_ADMIN | ROLE_CS, "Apply all failed payloads again") \
  X(PAYLOAD_DISCARD, "payload.discard", ROLE_ADMIN | ROLE_CS, "Put a failed payload aside for good") \
  X(EXCEPTION_ASSIGN, "exception.assign", \
    ROLE_ADMIN | ROLE_CS | ROLE_WAREHOUSE | ROLE_PRODUCTION | ROLE_FINANCE, \
    "Give an exception to a role or a user") \
  X(EXCEPTION_RESOLVE, "exception.resolve", \
    ROLE_ADMIN | ROLE_CS | ROLE_WAREHOUSE | ROLE_PRODUCTION | ROLE_FINANCE, \
    "Close an exception with a note") \
  X(TOKEN_ADD, "token.add", ROLE_ADMIN, "Make an access token; it is shown once") \
  X(TOKEN_REVOKE, "token.revoke", ROLE_ADMIN, "Revoke an access token") \
  X(USER_ADD, "user.add", ROLE_ADMIN, "Add a user") \
  X(USER_UPDATE, "user.update", ROLE_ADMIN, "Change a user's roles, password or state") \
  X(USER_SETUP, "user.setup", 0, "Make the first administrator, while nobody can sign in") \
  X(USER_PASSWORD, "user.password", 0, "Change one's own password") \
  X(SESSION_BEGIN, "session.begin", 0, "Sign a user in: the password was right") \
  X(SESSION_END, "session.end", 0, "Sign a user out") \
  X(AUDIT_SEEN, "audit.seen", 0, "Record that personal data were shown") \
  X(TIMERS_FIRE, "timers.fire", 0, "Fire deadlines that are due") \
  X(PAYLOADS_APPLY, "payloads.apply", 0, "Apply payloads that were only taken") \
  X(SEARCH_STEP, "search.step", 0, "Index words of new and changed orders") \
  X(KEEP_HOUSE, "house.keep", 0, "Drop what is past its retention") \
  X(BACKLOG_ALARM, "backlog.alarm", 0, \
    "Note that failed payloads passed their limit, or are below it again") \
  X(POLL_PAGE, "poll.page", 0, "Store and apply what one page of a channel told, and how far it is read") \
  X(POLL_STATE, "poll.state", 0, \
    "Note how a run of polling ended, new tokens, and what a platform still allows") \
  X(PUSH_TAKE, "push.take", 0, "Keep a push of a channel, once") \
  X(CHANNEL_PAUSE, "channel.pause", ROLE_ADMIN | ROLE_CS, "Stop polling a channel") \
  X(CHANNEL_RESUME, "channel.resume", ROLE_ADMIN | ROLE_CS, "Poll a channel again") \
  X(CHANNEL_SECRET, "channel.secret", ROLE_ADMIN, "Keep a secret of a channel, sealed") \
  X(CHANNEL_SYNC, "channel.sync", ROLE_ADMIN | ROLE_CS, "Remember that a channel was to be polled now") \
  X(GROUP_PLATFORM, "group.platform", 0, "Keep what a platform said about which orders belong together") \
  X(STOCK_HEAL, "stock.heal", 0, "Look again at orders that wait for stock or for a SKU") \
  X(FULFILMENT_CLAIM, "fulfilment.claim", ROLES_GOODS | ROLE_CHANNEL, \
    "Claim a fulfilment with a tracking number") \
  X(CLAIM_VOID, "claim.void", ROLES_GOODS, "Void a claim: its pieces are the order's again") \
  X(CLAIM_CONFIRM, "claim.confirm", ROLES_GOODS, "Say what the channel knows of a parcel, or tell it again") \
  X(CLAIM_PUT_BACK, "claim.put_back", ROLES_GOODS, "Scan pieces of a void parcel back to the shelf") \
  X(PARCEL_TRACE, "parcel.trace", ROLES_GOODS | ROLE_CHANNEL, "Note what the carrier did with a parcel") \
  X(SKU_PUT, "sku.put", ROLES_GOODS, "Make or change an article of the dictionary") \
  X(SKU_RETIRE, "sku.retire", ROLES_GOODS, "Retire an article: it is known, and no longer offered") \
  X(MAPPING_PUT, "mapping.put", ROLES_GOODS, "Say which article a channel means by a SKU of its own") \
  X(MAPPING_DROP, "mapping.drop", ROLES_GOODS, "Forget what a channel meant by a SKU") \
  X(WAREHOUSE_PUT, "warehouse.put", ROLES_GOODS, "Make or change a warehouse or a factory") \
  X(STOCK_ADJUST, "stock.adjust", ROLES_GOODS, "Book pieces in or out, with a reason") \
  X(STOCK_COUNT, "stock.count", ROLES_GOODS, "Book what was counted on the shelf") \
  X(WAVE_MAKE, "wave.make", ROLES_GOODS, "Gather fulfilments of a warehouse for picking") \
  X(WAVE_END, "wave.end", ROLES_GOODS, "End a wave: it is picked") \
  X(WAVE_REMOVE, "wave.remove", ROLES_GOODS, "Take a fulfilment out of its wave before it is packed") \
  X(PACK_SCAN, "pack.scan", ROLES_GOODS, "Scan a piece at the packing bench: right, wrong, too many, done") \
  X(PACK_RESET, "pack.reset", ROLES_GOODS, "Begin again to scan a fulfilment") \
  X(PACK_SHORT, "pack.short", ROLES_GOODS, "Say at the bench that pieces lack or are damaged") \
  X(STOCK_SHIFT, "stock.move", ROLES_GOODS, \
    "Move pieces to another warehouse, or into or out of quarantine") \
  X(EFFECTS_RECOVER, "effects.recover", 0, "Note at start what was under way when the process ended") \
  X(EFFECTS_TAKE, "effects.take", 0, "Note that effects are about to be made, before they are") \
  X(EFFECT_SETTLE, "effect.settle", 0, "Note how an effect went") \
  X(STOCK_TELL, "stock.tell", 0, "Put pushes of stock for articles that moved") \
  X(EFFECT_RETRY, "effect.retry", ROLE_ADMIN | ROLE_CS | ROLE_WAREHOUSE, "Make a dead effect again") \
  X(EFFECT_RETRY_ALL, "effect.retry_all", ROLE_ADMIN | ROLE_CS, \
    "Make all dead effects again, or those of one destination") \
  X(EFFECT_DROP, "effect.drop", ROLE_ADMIN | ROLE_CS, "Give an effect up, with a reason") \
  X(OUTBOX_RELEASE, "outbox.release", ROLE_ADMIN, "Let a restored database's effects go out") \
  X(CASE_OPEN, "case.open", ROLES_CASES, "Ask for a return, an exchange, a refund or a repair") \
  X(CASE_APPROVE, "case.approve", ROLES_CASES, "Approve the step that a case stands at") \
  X(CASE_REJECT, "case.reject", ROLES_CASES, "Reject a case, which ends it") \
  X(CASE_SEND_BACK, "case.send_back", ROLES_CASES, "Send a case back one step") \
  X(CASE_CHANGE, "case.change", ROLES_CASES, "Change what a case is about: its steps begin anew") \
  X(CASE_RECEIVE, "case.receive", ROLE_ADMIN | ROLE_WAREHOUSE, "Note what came back, and how it was found") \
  X(CASE_CANCEL, "case.cancel", ROLE_ADMIN | ROLE_CS, "Withdraw a case") \
  X(CASE_REFUNDED, "case.refunded", ROLE_ADMIN | ROLE_FINANCE, "Say that a refund was made by hand") \
  X(CASE_PHOTO, "case.photo", ROLES_CASES, "Add a photo to a case: its steps begin anew") \
  X(WORK_PROGRESS, "work.progress", ROLE_ADMIN | ROLE_PRODUCTION, "Note how far a factory is with a work order") \
  X(WORK_CANCEL, "work.cancel", ROLE_ADMIN | ROLE_CS | ROLE_PRODUCTION, "Ask a factory not to make something") \
  X(CALLBACK_TAKE, "callback.take", 0, "Keep what a factory or a carrier told, once, and apply it") \
  X(CALLBACK_RETRY, "callback.retry", ROLES_GOODS | ROLE_PRODUCTION, "Apply a callback that failed, once more") \
  X(CALLBACK_DROP, "callback.drop", ROLES_GOODS | ROLE_PRODUCTION, "Put a callback that failed aside") \
  X(NOTICE_TEST, "notice.test", ROLE_ADMIN | ROLE_CS, "Send a room a message that says it works") \
  X(WAYBILL_BUY, "waybill.buy", ROLES_GOODS, "Buy a waybill of a fulfilment from a carrier") \
  X(WAYBILL_VOID, "waybill.void", ROLES_GOODS, "Take a waybill back, and the claim with its number") \
  X(WAYBILL_AGAIN, "waybill.again", ROLES_GOODS, "Take a waybill back and buy another") \
  X(TRACES_TAKE, "traces.take", 0, "Say which parcels' carriers are asked now") \
  X(TRACE_TOLD, "trace.told", 0, "Note what a carrier answered about a parcel") \
  X(RATE_PUT, "rate.put", ROLE_ADMIN | ROLE_WAREHOUSE | ROLE_FINANCE, "Enter a band of a rate card, and what holds for the card") \
  X(RATE_QUOTE, "rate.quote", ROLES_GOODS | ROLE_FINANCE, "Price a parcel with every rate card") \
  X(IMPORT_PUT, "import.put", 0, "Keep rows of a file that was dropped") \
  X(IMPORT_CONFIRM, "import.confirm", ROLE_ADMIN | ROLE_CS, "Apply a file that was looked through") \
  X(IMPORT_DISCARD, "import.discard", ROLE_ADMIN | ROLE_CS, "Drop a file that was looked through") \
  X(IMPORT_UNDO, "import.undo", ROLE_ADMIN | ROLE_CS, "Take back an import that nothing was built upon") \
  X(IMPORT_STEP, "import.step", 0, "Apply or take back some rows of an import") \
  X(CONNECTOR_CHANGED, "connector.changed", 0, "Note that a connector's file was changed") \
  X(RULE_ON, "rule.on", ROLE_ADMIN, "Switch a rule on, in the version that was read last") \
  X(RULE_OFF, "rule.off", ROLE_ADMIN, "Switch a rule off")
enum cmd_id {
#define X(id, name, roles, doc) CMD_##id,
  CMD_MAP(X)
#undef X
    CMD_N
};
struct cmd {
  struct job job; /* first member: what the writer sees */
  enum cmd_id id;
  struct arena mem; /* args and results live here and die with the command */
  int64_t now_ms;
  struct env *env;
  const struct rules *rules;
  struct actor actor;
  const char *target;       /* the id in the path: "o_12", "tmall-home:2876…", "g_3" */
  const void *args;         /* made by cmd_parse */
  int64_t if_version;       /* 0: not asked for */
  const char *key;          /* Idempotency-Key or NULL */
  unsigned char digest[32]; /* of method, path and body, when there is a key */
  const char *source;       /* ingest: api, push, file */
  bool defer;               /* ingest: only take it, answer 202 */
  bool dry_run;             /* runs, keeps its answer, and is undone; see cmd_err */
  int status;               /* HTTP status of a done command: 200, 201, 202 */
  struct buf out;           /* JSON of the answer */
  struct problem problem;
  int64_t version;    /* of the entity that was written, when there is one */
  int64_t left;       /* house-keeping: more waits */
  int64_t numbers[4]; /* what a caller in this process wants to know; see the flows */
  struct touched { /* orders whose units and fulfilments are not yet what they should be: fulfil_settle() */
    int64_t *id;
    size_t n, cap;
    bool anew; /* an address changed: what is not fixed is planned anew */
  } touched;
  struct {                    /* orders that wait no more: what their channel shows meanwhile is taken up */
    int64_t *id;
    size_t n, cap;
    bool busy;
  } freed;
  struct arrived { /* orders that came to a stage: their rules are asked before fulfil_settle() does anything */
    int64_t id;
    const char *stage;
  } * arrived;
  size_t arrivals, arrived_cap;
  bool woke;                  /* orders that wait for stock may be helped now */
  bool effects;               /* the outbox has something new */
  void (*done)(struct cmd *); /* on the collecting thread, after COMMIT; the command is the owner's again */
  void *owner;
};
struct cmd_kind {
  const char *name;
  unsigned roles;
  const char *doc;
  enum err (*parse)(struct cmd *c,
                    const struct json *body);    /* on the caller's thread; faults into c->problem */
  enum err (*run)(struct cmd *c, struct db *db); /* on the writer, in a savepoint */
};
/* Slow work that belongs neither on the loop nor on the writer (password hashing): when cmd_is_slow(c), call
 * cmd_prepare(c) on a pool thread between cmd_parse and writer_push. */
bool cmd_is_slow(const struct cmd *c);
void cmd_prepare(struct cmd *c);
const struct cmd_kind *cmd_kind(enum cmd_id id);
int cmd_find(const char *name); /* -1 */
struct cmd *cmd_new(enum cmd_id id, struct env *env, const struct rules *rules, const struct actor *who);
void cmd_free(struct cmd *c);
/* Gate, parse, and permission of the actor's roles. OK, BAD_REQUEST, INVALID, FORBIDDEN. */
enum err cmd_parse(struct cmd *c, const char *body, size_t n);
enum err cmd_parse_json(struct cmd *c, const struct json *body, const char *raw, size_t raw_n);
/* The job's run: idempotency key, the flow, the remembered answer. */
enum err cmd_run(struct job *j, struct db *db);
/* How a command that has come back ended. A dry run fails as a job, so that its savepoint is undone, but it is OK
 * here when it would have been OK. */
enum err cmd_err(const struct cmd *c);
/* problem+json of a failed command. */
void cmd_problem(const struct cmd *c, struct buf *out);
void problem_put(struct buf *out, enum err e, int status, const struct problem *p);

/* numbers[] of ORDER_INGEST: 0 order id, 1 payload id, 2 enum ingest_result, 3 group id */
enum ingest_result { INGEST_CREATED, INGEST_UPDATED, INGEST_UNCHANGED, INGEST_STALE, INGEST_TAKEN };
const char *ingest_result_name(enum ingest_result r);
/* numbers[] of PAYLOADS_APPLY: 0 applied, 1 failed, 2 still pending. TIMERS_FIRE: 0 fired, 1 next due_at (0 none).
 * SEARCH_STEP: left. KEEP_HOUSE: left. PAYLOAD_RETRY_ALL: 0 applied, 1 failed. */

/* ---- import.c: args of IMPORT_PUT, made by the edge that read the file. numbers[0]: the import's id ------------- */
struct import_put {
  int64_t id;                /* 0: a new one, with name and channel */
  const char *name, *channel;
  const struct import_row *rows;
  size_t n;
  bool last;                 /* then it is a preview of total rows, and the answer is it */
  int64_t total;
};
/* What applying an order would do, by a look only: new, changed, unchanged, stale, or refused with faults in c's arena.
 * For reads: writes nothing. */
const char *ingest_preview(struct db *db, struct arena *a, const struct rules *r, struct draft *d, int64_t *order_id);

/* ---- what polling brings: args are made by the poller itself, not by cmd_parse ------------------------------- */
struct poll_item {
  struct draft *draft; /* sealed; NULL: it could not be mapped */
  const char *raw;     /* of one that could not */
  size_t raw_n;
  const char *error; /* its reason, a JSON object as in a problem: code, detail, errors */
};
struct poll_bucket {
  const char *call;
  struct bucket bucket;
};
#define POLL_PAGE_CAREFULLY 7
struct poll_page {              /* POLL_PAGE; numbers[]: 0 created, 1 updated, 2 failed, 3 misses */
  const char *channel, *source; /* source: poll or push */
  struct poll_item *item;
  size_t items;
  int64_t watermark;     /* what is read with this page; 0: not yet */
  bool careful;          /* a savepoint per row: when the page failed with left = POLL_PAGE_CAREFULLY */
  int64_t answers;       /* a failed payload that these rows are the answer to; 0: none */
  int64_t missed_before; /* a sweep: news from before this should have been here; 0: no sweep */
  const struct poll_bucket *bucket;
  size_t buckets;
};
struct poll_secret {
  const char *name;
  const void *sealed;
  size_t n;
  int64_t expires_at; /* 0: does not, or not told */
};
struct poll_state { /* POLL_STATE */
  const char *channel;
  const struct poll *poll;    /* channel_id is filled in here; NULL: as it was */
  const struct poll_run *run; /* NULL: none ended */
  const struct poll_bucket *bucket;
  size_t buckets;
  const struct poll_secret *secret;
  size_t secrets;
  int64_t again_from;                /* 0: the watermark stays */
  const char *open_type, *open_data; /* an exception of the channel; NULL: none */
  const char *settle[2];             /* types that are over */
};
struct push_args { /* PUSH_TAKE; numbers[]: 0 new, 1 payload id */
  const char *channel;
  unsigned char digest[16];
  const char *raw;
  size_t raw_n;
};
struct callback_args { /* CALLBACK_TAKE; numbers[]: 0 new, 1 its id, 2 it failed */
  const char *destination;
  unsigned char digest[16];
  const char *body, *events, *error; /* error: JSON, where there are no events */
  size_t body_n;
};
struct platform_verdict { /* orders of one number belong together, others apart */
  const char *channel, *external_id, *group;
  uint64_t content;
};
struct platform_args {  /* GROUP_PLATFORM; numbers[]: 0 pairs that changed */
  const char *platform; /* a family */
  const struct platform_verdict *order;
  size_t n;
};

/* ---- the outbox: args are made by the deliverer itself ------------------------------------------------------------ */
#define OUTCOME_MAP(X) \
  X(ACCEPTED, "accepted") /* the other side has it; of an ask: it had it already */ \
  X(REFUSED, "refused")   /* it never will take this: dead, and a person looks */ \
  X(RETRY, \
    "retry") /* it surely was not taken; of an ask: the other side knows nothing of it, so it may be sent */ \
  X(UNKNOWN, "unknown") /* it may have been taken, or the ask had no answer: ask (again) later */
enum outcome_kind {
#define X(id, name) OUTCOME_##id,
  OUTCOME_MAP(X)
#undef X
};
const char *outcome_name(enum outcome_kind k);
struct effect_outcome {
  enum outcome_kind kind;
  const char
    *code; /* short and stable: "timeout", "http_503", the platform's own; becomes error.kind. NULL: none */
  const char *message;    /* for people, without secrets; NULL */
  const char *result;     /* of ACCEPTED: what the other side answered, a JSON object for the kind's told(); NULL */
  int64_t retry_after_ms; /* 0: not told, the back-off decides */
  bool
    destination; /* the trouble is the destination's, not this effect's (no connection, 5xx, rate limit, paused):
                                   it counts for the breaker, and retry_after_ms is meant for all that goes there */
};
#define RETRY_AFTER_MOST_MS (3600 * 1000)
struct effect_taken {
  struct effect effect;
  bool ask;              /* not to be sent: does the other side have it? */
  int64_t quantity;      /* of a stock push */
  const char *id, *body; /* of a webhook: the same at every try */
  size_t body_n;
};
#define EFFECTS_TAKE_MAX 32
struct effects_take { /* EFFECTS_TAKE */
  const char *destination;
  size_t max;
  int64_t ask_again_at;      /* an unknown one that is given out is not given out again before */
  struct effect_taken *list; /* the answer */
  size_t n;
  bool held; /* the outbox is: nothing is given out */
};
struct effect_settle { /* EFFECT_SETTLE; numbers[]: 0 the effect is dead */
  int64_t id;
  struct effect_outcome outcome;
  bool asked;
  uint64_t random; /* for the back-off */
};
/* numbers[] of EFFECTS_RECOVER: 0 recovered. STOCK_TELL: 0 the last row of the ledger that was looked at; left. */
/* What the outbox asks of who put an effect. Rows stand in flow/effect.c. */
struct effect_kind {
  const char *name;
  /* Just before it is given out: it may put newer data in place. *gone: there is nothing to do any more. May be NULL. */
  enum err (*take)(struct cmd *c, struct db *db, struct effect_taken *t, bool *gone);
  /* How it stands, whenever that changes. Told of one thing twice it changes nothing. May be NULL. */
  enum err (*told)(struct cmd *c, struct db *db, const struct effect *e, enum told what, const char *error,
                   const char *result);
  const char *owner, *to_do; /* of the exception when it is dead; to_do NULL: a text for all */
};
enum err effect_put_event(struct cmd *c, struct db *db, char kind, int64_t entity, const char *type,
                          int64_t seq);
/* A dead effect once more. One whose last try may have been taken, and must not be taken twice, is asked about before
 * it is sent. *is_again false: it tells of a label that is void. */
enum err effect_make_again(struct cmd *c, struct db *db, const struct effect *e, bool *is_again);
enum err effect_stock_tell(struct cmd *c, struct db *db,
                           int64_t sku_id); /* pushes wherever it is listed, also in kits */
/* What a channel may be told of an article now. false in *told: nothing (made to order). */
enum err effect_stock_figure(struct cmd *c, struct db *db, const char *channel, int64_t sku_id,
                             int64_t *quantity, bool *told);
/* Parts what this database names outside from what the one did that it was restored from. */
enum err effect_instance(struct cmd *c, struct db *db, const char **name);
bool outbox_held(struct cmd *c, struct db *db);
#define META_OUTBOX_HELD "outbox_held"
#define META_INSTANCE \
  "instance" /* parts the ids of webhooks from those of the database that this one was restored from */

/* ---- verbs shared by the flows ------------------------------------------------------------------------------ */
/* The channel of that name; one that is new is opened, where the configuration allows it. */
enum err ingest_channel(struct cmd *c, struct db *db, const char *name, struct channel *ch);
enum err ingest_apply(struct cmd *c, struct db *db, struct draft *d, int64_t payload_id,
                      enum ingest_result *result, int64_t *order_id, int64_t *group_id);
/* Groups anew around an order that is new, or whose data, status or freedom changed: its group's members, and
 * everybody who can be reached from them by a key within the window. Writes events and proposals. */
enum err regroup(struct cmd *c, struct db *db, int64_t order_id);
/* Groups anew around the place that an order had before its keys or its time changed. */
enum err regroup_left(struct cmd *c, struct db *db, const struct order *was);
/* A group that a parcel leaves, or that a person locks: no one joins or leaves any more. Orders placed at or after
 * shipped_at (0: none) are put out first and grouped anew. */
enum err group_close(struct cmd *c, struct db *db, int64_t group_id, int64_t shipped_at, const char *because);
/* Does an order of this status and these flags ship from us, so that it needs a group? */
bool order_ships(const struct rules *r, const char *status, unsigned flags);
/* One move with its guard, event, timer and effects; problem filled when refused. */
enum err progress_move(struct cmd *c, struct db *db, struct order *o, int to, unsigned trigger,
                       const char *note);
/* Follows what the channel says as far as the table allows. */
enum err progress_follow(struct cmd *c, struct db *db, struct order *o, int64_t shipped_at);
/* Opens cancel_after_lock: a person must stop the parcel. */
enum err progress_stop(struct cmd *c, struct db *db, const struct order *o, const char *what);
enum err progress_event(struct cmd *c, struct db *db, char kind, int64_t entity, const char *type,
                        const char *fmt, ...) PRINTF(6, 7);

/* ---- plan.c: where pieces come from ----------------------------------------------------------------------------- */
struct unit_plan {
  struct split_line *line; /* what is wanted */
  size_t n, cap;
  struct split_plan result;
  struct split_place *place; /* that could be asked, */
  const char **code;         /* their names, */
  size_t places;
  struct split_free *have; /* and what lay there */
  size_t haves;
};
/* So many of a line, by the dictionary; sku_id 0: no stock is kept. */
enum err plan_add(struct cmd *c, struct db *db, struct unit_plan *p, int64_t order_id,
                  const struct line_left *l, int64_t quantity, int64_t sku_id);
/* Decides. mine: reserved pieces that may be counted as free; they are not touched. */
enum err plan_decide(struct cmd *c, struct db *db, struct unit_plan *p, const struct order *to,
                     const struct unit *mine, size_t n);
/* What the decision makes of the parcel (-1: of all parcels, fulfilment_id is then the parcel's number + 1). */
/* Why it decided so: "because":…,"places":[…] into an open object. */
void plan_why(const struct unit_plan *p, struct jw *w);
enum err plan_units(struct cmd *c, const struct unit_plan *p, int parcel, struct unit **list, size_t *n);
/* Instead of these pieces those: releases first, then reserves; only what differs is moved. CONFLICT: not there. */
enum err units_exchange(struct cmd *c, struct db *db, const struct unit *old, size_t old_n,
                        const struct unit *new, size_t new_n, const char *reason, const char *ref);

/* ---- fulfil.c: units and fulfilments follow the orders (domain 5, 7.1) ------------------------------------------ */
bool stock_tracked(struct cmd *c, struct db *db);
void fulfil_touch(struct cmd *c,
                  int64_t order_id); /* something about it changed; before the command ends it is settled */
/* Brings the units, the reservations and the fulfilments of all touched orders and their groups to what they should be.
 * Does nothing when nothing was touched; cmd_run() calls it once more at the end. */
enum err fulfil_settle(struct cmd *c, struct db *db);
enum err fulfil_reserve(struct cmd *c, struct db *db, const struct order *o); /* whatever its status wants */
/* Its reserved pieces left, and not by us: off the stock, in fulfilments that are shipped. */
enum err fulfil_gone(struct cmd *c, struct db *db, const struct order *o, bool *any);
/* Waiting orders may be helped now: stock, a SKU or a mapping came. The chore stock.heal goes through them. */
enum err fulfil_wake(struct cmd *c, struct db *db);
/* Takes quantity pieces away from who has reserved them, youngest orders first: they wait again, as oversold.
 * CONFLICT: not so many are reserved and free to take. */
enum err fulfil_unreserve(struct cmd *c, struct db *db, int64_t sku_id, int64_t warehouse_id,
                          int64_t quantity);
int stage_rank(const struct status_table *t,
               int stage); /* how far along the longest way from pending; -1: cancelled */
/* The order's status becomes the least advanced of its live fulfilments' (domain 4.5). */
enum err fulfil_follow(struct cmd *c, struct db *db, int64_t order_id);
/* Has it parcels that did not leave? bare: one has no number yet. */
enum err fulfil_under_way(struct cmd *c, struct db *db, int64_t order_id, bool *any, bool *bare);
/* Moves one fulfilment and the orders in it. */
enum err fulfil_move(struct cmd *c, struct db *db, struct fulfilment *f, int to, unsigned trigger,
                     const char *note);
/* So many of a line leave a fulfilment that is not claimed; their pieces are the order's own again. */
enum err fulfil_take_out(struct cmd *c, struct db *db, struct fulfilment *f, const struct fulfilment_line *l,
                         int64_t quantity);
/* Fixes a fulfilment for picking or a label: its group locks (domain 3.7). */
enum err fulfil_fix(struct cmd *c, struct db *db, const struct fulfilment *f, const char *because);
/* The fulfilment that a command's target names ("f_1"); NOT_FOUND. */
enum err fulfilment_target(struct cmd *c, struct db *db, const char *text, struct fulfilment *f);

/* ---- pick.c, pack.c: waves, and the packing bench ----------------------------------------------------------------------- */
enum err pick_ready(struct cmd *c, struct db *db,
                    const struct fulfilment *f); /* CONFLICT with the reason: not now */
/* Work on it begins, in a wave or (0) at the bench: it is fixed. */
enum err pick_begin(struct cmd *c, struct db *db, struct fulfilment *f, int64_t wave_id, const char *because);
enum err pack_again(struct cmd *c, struct db *db,
                    struct fulfilment *f); /* something in it changed: it is verified anew */

/* ---- claim.c: the pre-ship lock (domain 6) --------------------------------------------------------------------------- */
struct claim_ask {
  const char *carrier, *tracking_no; /* as given */
  int64_t channel_id;                /* whose back end uploaded it: it knows already; 0: we */
};
/* *same: it was claimed with this number before. CONFLICT with the reason in c->problem. */
enum err claim_make(struct cmd *c, struct db *db, struct fulfilment *f, const struct claim_ask *ask,
                    struct claim *out, bool *same);
/* What the channel told about its parcels and its status; true in *done when it was about fulfilments of ours. */
enum err claim_from_channel(struct cmd *c, struct db *db, struct order *o, const struct draft *d, bool *done);
/* It has its pieces now, and its channel had shown a number before: that one claims them, as it does when it comes. */
enum err elsewhere_shown(struct cmd *c, struct db *db, int64_t order_id);
/* Held no more, and its channel had said meanwhile that it was shipped: what left is taken off the stock. */
enum err elsewhere_released(struct cmd *c, struct db *db, struct order *o);
/* An order that was new and sent already when we heard of it. Those from before the dictionary knew their SKUs are history. */
enum err claim_at_once(struct cmd *c, struct db *db, int64_t order_id, const struct draft *d);
/* What a channel answered to the confirmation of a member. error: JSON or NULL. */
enum err claim_told(struct cmd *c, struct db *db, int64_t claim_id, int64_t order_id, enum told told,
                    const char *error);
/* What the carrier did. */
enum err claim_carried(struct cmd *c, struct db *db, struct claim *k, enum carried carried, int64_t at);
/* Orders of a claimed parcel were cancelled or given back. */
enum err claim_refunded(struct cmd *c, struct db *db, int64_t order_id);
enum err claim_void_now(struct cmd *c, struct db *db, struct claim *k,
                        const char *reason); /* the pieces are the order's again */
enum err claim_all_back(struct cmd *c, struct db *db,
                        struct claim *k); /* of a void one: its fulfilment is over */
enum err claim_tell_again(struct cmd *c, struct db *db, struct claim *k,
                          int64_t order_id);                        /* one that was refused */
enum err claims_fire(struct cmd *c, struct db *db, int64_t *fired); /* pickup_overdue, confirm_overdue */
bool claim_of_order(struct cmd *c, struct db *db,
                    int64_t order_id); /* some parcel of it is claimed or left */

/* ---- gift.c: lines at no price that rules add --------------------------------------------------------------------- */
enum err gift_give(struct cmd *c, struct db *db, const struct order *o, const struct rule *r, const struct rule_action *x,
                   bool *given); /* false: there is none, and a tag and an event say so */
enum err gift_lines(struct cmd *c, struct db *db, const struct order *o, struct line_left **list, size_t *n); /* bought, then gifts */
enum err gift_gone(struct cmd *c, struct db *db, int64_t order_id, int64_t line_no, int64_t quantity, const char *why); /* so many less */
/* Gifts of an order but for which its plan could be made are taken off it. */
enum err gifts_give_way(struct cmd *c, struct db *db, int64_t order_id, const struct unit_plan *p, const struct order *to,
                        const struct unit *mine, size_t n, bool *any);

/* ---- rule.c: rules of the team (contract 5) ------------------------------------------------------------------------- */
void rule_arrived(struct cmd *c, int64_t order_id, const char *stage); /* nothing where there are no rules */
enum err rule_settle(struct cmd *c, struct db *db);                    /* asks and does what they say */
bool rule_apart(struct cmd *c, struct db *db, int64_t order_id);       /* one of them wants its own parcel */
enum err rule_on(struct cmd *c, struct db *db, const struct rule *r, bool *on);
enum err rule_failed(struct cmd *c, struct db *db, const struct rule *r, const char *why); /* counts; in the end it is off */
/* rule_case.c: the rule that leaves out this step of a case; NULL: none. */
struct aftercase;
enum err rule_of_step(struct cmd *c, struct db *db, const struct aftercase *k, int64_t step, const struct rule **r);
enum err rule_skipped(struct cmd *c, struct db *db, const struct aftercase *k, const struct rule *r); /* told by an event */

/* ---- returns.c, refund.c, restock.c: cases (domain 8) --------------------------------------------------------------------
 * args of CASE_PHOTO (a struct photo_row) are made by who stored the photo; numbers[]: 0 it is new to the case. */
const char *returns_person(const struct cmd *c); /* who acts: the user, whatever token is used */
enum err returns_target(struct cmd *c, struct db *db, struct aftercase *k);
enum err returns_may(struct cmd *c, const struct aftercase *k, enum case_act act);
enum err returns_did(struct cmd *c, struct db *db, const struct aftercase *k, enum case_act act, const char *note);
enum err returns_event(struct cmd *c, struct db *db, const struct aftercase *k, const char *type);
enum err returns_answer(struct cmd *c, struct db *db, int64_t id);
/* An approved case whose money and goods are where they should be is done; the caller writes the row. */
enum err returns_settle(struct cmd *c, struct db *db, struct aftercase *k);
enum err returns_closed_by_channel(struct cmd *c, struct db *db, struct aftercase *k);
enum err returns_release(struct cmd *c, struct db *db, int64_t order_id); /* its order waits no more */
enum err returns_follow(struct cmd *c, struct db *db, int64_t order_id);  /* the channel told of refunds */
/* overdue.c */
enum err cases_fire(struct cmd *c, struct db *db, int64_t *fired);        /* reminders, case_overdue:STEP, return_overdue */
/* This case waits there no longer: the exception stays for other cases of its order only. */
enum err case_in_time(struct cmd *c, struct db *db, const struct aftercase *k, enum case_step s);
enum err case_goods_in_time(struct cmd *c, struct db *db, const struct aftercase *k);
/* What was paid for the case's order, and what went back otherwise than by cases. */
enum err refund_money(struct cmd *c, struct db *db, const struct aftercase *k, struct order_money *m);
/* CONFLICT where a line's money or pieces would be more than was paid or bought. room: for the order's cases together. */
enum err refund_fits(struct cmd *c, struct db *db, const struct aftercase *k, const struct case_line *l, size_t n,
                     const struct order_money *m, int64_t *room);
enum err refund_too_much(struct cmd *c, struct db *db, const struct aftercase *k, int64_t room); /* CONFLICT over_refund */
enum err refund_still_fits(struct cmd *c, struct db *db, struct aftercase *k);
enum err refund_start(struct cmd *c, struct db *db, struct aftercase *k); /* by the channel's connector, else by hand */
enum err refund_take(struct cmd *c, struct db *db, struct effect_taken *t, bool *gone); /* of effects of kind refund */
enum err refund_told(struct cmd *c, struct db *db, const struct effect *e, enum told what, const char *error,
                     const char *result);
enum err restock_send(struct cmd *c, struct db *db, struct aftercase *k); /* the order that goes out instead */

/* ---- produce.c: work orders follow factory fulfilments (domain 7.2) -------------------------------------------------------- */
enum err produce_settle(struct cmd *c, struct db *db, struct fulfilment *f); /* as many are made as are wanted, and no more */
enum err produce_order(struct cmd *c, struct db *db, int64_t order_id);      /* all that are made for it */
/* A person says that a fulfilment is made and inspected: so are its work orders. */
enum err produce_passed(struct cmd *c, struct db *db, struct fulfilment *f);
bool produce_begun(struct db *db, int64_t order_id); /* a factory has begun: its consent is asked before it is cancelled */
enum err produce_take(struct cmd *c, struct db *db, struct effect_taken *t, bool *gone);
enum err produce_told(struct cmd *c, struct db *db, const struct effect *e, enum told what, const char *error,
                      const char *result);
enum err produce_cancel_take(struct cmd *c, struct db *db, struct effect_taken *t, bool *gone);
enum err produce_cancel_told(struct cmd *c, struct db *db, const struct effect *e, enum told what, const char *error,
                             const char *result);

/* ---- rate.c: what carriers cost (domain 7.3) --------------------------------------------------------------------------- */
/* Every card as a candidate for a fulfilment, as it weighs and where it goes; *best -1: none takes it. weight_g 0: as
 * its articles say; days 0: no promise. */
enum err rate_ask_fulfilment(struct cmd *c, struct db *db, int64_t fulfilment_id, int64_t weight_g, int64_t days,
                             struct rate_candidate **list, size_t *n, int *best);
void candidate_put(struct jw *w, const struct rate_candidate *k);
enum err rate_learn(struct cmd *c, struct db *db, const struct claim *k, int64_t delivered_at);
#define WHAT_IF_CARRIERS 64
struct always_sum {
  const char *carrier;
  int64_t parcels, sum, ours; /* sum: always with it; ours: the same parcels by choice */
};
struct what_if {
  int64_t parcels, not_priced, chosen;
  struct always_sum *sum;
  size_t sums;
  int64_t next; /* 0: it looked at all of them */
};
/* Prices what left in [from_ms, to_ms) with every card of today; reads only. It begins behind the claim `after`;
 * where it ends early (WHAT_IF_PARCELS, or until_mono_ms) .next is the claim to go on behind. */
#define WHAT_IF_PARCELS 20000
enum err rate_what_if(struct arena *a, struct db *db, const struct rules *rules, int64_t now_ms, int64_t from_ms,
                      int64_t to_ms, int64_t after, int64_t until_mono_ms, struct what_if *w);
void what_if_open(struct arena *a, struct what_if *w);
void what_if_add(struct what_if *w, const struct rate_candidate *k, size_t cards, int best);
void what_if_put(struct buf *out, const struct what_if *w);

/* ---- the flows' bodies, one file each; the command table in cmd.c names them --------------------------- */
#define FLOW_MAP(X) \
  X(order_ingest) \
  X(order_move) X(order_hold) X(order_release) X(order_cancel) X(group_remove) X(group_add) X(group_lock) \
    X(payload_put) X(payload_retry) X(payload_retry_all) X(payload_discard) X(exception_assign) \
      X(exception_resolve) X(token_add) X(token_revoke) X(user_add) X(user_update) X(audit_seen) \
        X(timers_fire) X(payloads_apply) X(search_step) X(keep_house) X(backlog_alarm) X(poll_page) \
          X(poll_state) X(push_take) X(channel_pause) X(channel_resume) X(channel_secret) X(channel_sync) \
            X(group_platform) X(stock_heal) X(fulfilment_claim) X(wave_make) X(wave_end) X(wave_remove) \
              X(pack_scan) X(pack_reset) X(pack_short) X(claim_void) X(claim_confirm) X(claim_put_back) \
                X(parcel_trace) X(sku_put) X(sku_retire) X(mapping_put) X(mapping_drop) X(warehouse_put) \
                  X(stock_adjust) X(stock_count) X(stock_shift) X(effects_recover) X(effects_take) \
                    X(effect_settle) X(stock_tell) X(effect_retry) X(effect_retry_all) X(effect_drop) \
                      X(outbox_release) X(case_open) X(case_approve) X(case_reject) X(case_send_back) \
                        X(case_change) X(case_receive) X(case_cancel) X(case_refunded) X(case_photo) \
                          X(work_progress) X(work_cancel) \
                        X(waybill_buy) X(waybill_void) X(waybill_again) X(traces_take) X(trace_told) X(rate_put) X(rate_quote) X(rule_on) X(rule_off) X(callback_take) X(callback_retry) X(callback_drop) \
                          X(notice_test) X(user_setup) X(user_password) X(session_begin) X(session_end) X(import_put) X(import_confirm) X(import_discard) X(import_undo) X(import_step) X(connector_changed)
#define X(name) \
  enum err flow_##name##_parse(struct cmd *c, const struct json *body); \
  enum err flow_##name##_run(struct cmd *c, struct db *db);
FLOW_MAP(X)
#undef X
/* Reads a body by rows: unknown keys, wrong types, missing ones become faults (INVALID). */
enum arg_kind { ARG_TEXT, ARG_INT, ARG_VERSION, ARG_OBJECT, ARG_TEXTS, ARG_BOOL };
struct arg {
  const char *key;
  enum arg_kind kind;
  bool required;
  size_t max;      /* characters of a text */
  const void *out; /* const char **, int64_t *, const struct json **, bool * */
};
enum err args_read(struct cmd *c, const struct json *body, const struct arg *rows, size_t n);
/* Refuses with a finer code: fills c->problem and returns e. */
enum err refuse(struct cmd *c, enum err e, const char *code, const char *fmt, ...) PRINTF(4, 5);
/* The same about one place of the body: a JSON Pointer; INVALID. */
enum err refuse_at(struct cmd *c, const char *pointer, const char *code, const char *fmt, ...) PRINTF(4, 5);
/* The version that If-Match or if_version asked for, where one did. Fills the problem; STALE. */
enum err version_holds(struct cmd *c, const char *what, int64_t version);
/* The order that c->target names ("o_1" or "channel:external"); NOT_FOUND. */
enum err order_target(struct cmd *c, struct db *db, const char *text, struct order *o);

#include "flow/notify.h" /* who is told of what */
#include "flow/waybill.h" /* waybills are bought, and parcels traced */

#endif
