/* edge/api.h: part of layer 6. From a request to a command or a read, and back; what serve keeps going.
 * All of it runs on the loop's thread but for the functions of reads, which run on the pool. */
#ifndef ORDERD_EDGE_API_H
#define ORDERD_EDGE_API_H
#include "flow.h"

struct api;
struct call;
struct read;
struct http_request;
struct http_handlers;
struct http_server;
struct uv_loop_s;

/* ---- rules in use: swapped whole by a reload, kept as long as somebody works with the old ones ------------- */
struct rules_box {
  struct arena mem;
  struct rules rules;
  int users;
};
/* conf may be NULL. NULL with *why (in a) when the configuration cannot work. Has one user: the caller. */
bool rules_box_fill(struct rules_box *b, const struct conf *conf, const char **why); /* *why in its arena */
struct rules_box *rules_box_new(struct arena *a, const struct conf *conf, const char **why);
struct rules_box *rules_box_hold(struct rules_box *b);
void rules_box_drop(struct rules_box *b);

/* ---- routes: one row each; the router, permission, Allow, and the tests of openapi.json come from it -------- */
#define ROLE_OPEN (1u << 30)  /* needs no token */
#define ROLES_OF_CMD 0u       /* those of the command (CMD_MAP) */
#define ROLES_PEOPLE (ROLE_ADMIN | ROLE_CS | ROLE_WAREHOUSE | ROLE_PRODUCTION | ROLE_FINANCE | ROLE_VIEWER)
#define ROLES_ANYONE (ROLES_PEOPLE | ROLE_CHANNEL)
#define ROLES_FULL_VIEW (ROLE_ADMIN | ROLE_CS | ROLE_WAREHOUSE) /* who sees names, phones and addresses in full */
#define BODY_JSON_MAX (1u << 20)
#define BODY_BATCH_MAX (8u << 20)
#define INTAKE_LINE_MAX (1u << 20)
#define IMPORT_FILE_MAX (16u << 20)
#define IMPORT_ROWS_MAX 50000
#define ORDERS_BATCH_MAX 500
enum body_kind {
  BODY_NONE,
  BODY_JSON,
  BODY_MAYBE, /* JSON that may be left out */
  BODY_ORDERS, /* JSON or NDJSON */
  BODY_ROWS,   /* JSON, maybe a long list */
  BODY_PHOTO,  /* the bytes of an image */
  BODY_FILE,   /* a file of orders: CSV, a workbook, NDJSON */
  BODY_RAW     /* whatever a platform pushes; its signature is looked at, not its type */
};
struct route {
  const char *method, *path; /* {id} is a whole segment; a second {NAME} is for the route itself to read */
  unsigned roles;
  const char *op;            /* operationId of openapi.json */
  int cmd;                   /* CMD_N: none */
  void (*run)(struct call *k);                        /* own way to an answer; NULL: by cmd or read */
  enum err (*read)(struct read *rd, struct db *db);   /* on a pool thread */
  bool heavy;                /* the read may take long: never stands before the quick ones */
  bool local;                /* over the Unix socket only */
  bool prints;               /* a page for paper: names in full for the roles that pack */
  bool slashes;              /* {id} may hold them: a code of the team's own */
  enum body_kind body;
  const char *query;         /* names that may stand behind '?', by blanks */
  const char *doc;
};
extern const struct route route_table[];
extern const size_t route_table_n;
unsigned route_roles(const struct route *t);
/* The row for a method and a path, or NULL: *allow is then the list of methods for this path, "" when there is
 * none. *id points at the part of path that {id} matched. */
const struct route *route_find(struct arena *a, const char *method, const char *path, const char **id, const char **allow);
const char *openapi_text(size_t *n); /* NUL-terminated */

/* ---- one call: a request with what we found out about it; lives in the request's arena ------------------------ */
struct intake;
struct watcher;
struct call {
  struct api *api;
  struct http_request *r;
  const struct route *route;
  const char *id;
  struct actor who;            /* strings in the request's arena */
  int64_t token_id, channel_id; /* token_id below zero: minus the session's id */
  const char *user;            /* of a session; NULL: a token */
  enum err refused;            /* decided before the body was read */
  const char *code, *detail, *headers;
  struct intake *intake;       /* NDJSON */
  struct watcher *watcher;    /* Server-Sent Events */
};
void call_reply(struct call *k, int status, const char *headers, const struct buf *body); /* JSON */
void call_refuse(struct call *k, enum err e, const char *code, const char *headers, const char *fmt, ...) PRINTF(5, 6);
void call_refuse_with(struct call *k, enum err e, const struct problem *p);
bool call_full_view(const struct call *k);
bool call_one_channel(const struct call *k); /* a machine that sees its own channel's things only */
/* A command made from the call: target, Idempotency-Key, If-Match. NULL: the answer was given. */
struct cmd *call_cmd(struct call *k, enum cmd_id id);
/* Remembers the answer under this key; part: what the request says, beside its method, path and query. */
void call_key(const struct call *k, struct cmd *c, const char *key, const char *part, size_t n);
/* Parses the body into it and hands it to the writer; every way ends in an answer. */
void call_send(struct call *k, struct cmd *c, const char *body, size_t n);
void call_send_to(struct call *k, struct cmd *c, const char *body, size_t n, void (*done)(struct cmd *));
void call_push(struct call *k, struct cmd *c, void (*done)(struct cmd *)); /* one whose args are made already */
void call_done(struct cmd *c);                 /* answers; frees the command */
#define IF_MATCH_OF_MANY "If-Match speaks about one order; a batch or a stream has many."
enum err call_if_match(const char *field, int64_t *version); /* pure: "\"3\"" → 3, "*" → 0; else BAD_REQUEST */
bool idempotency_key_ok(const char *key);
/* Commands count themselves, so that stopping knows what is under way. */
bool api_push(struct api *api, struct cmd *c, void (*done)(struct cmd *), void *owner);
bool api_push_low(struct api *api, struct cmd *c, void (*done)(struct cmd *), void *owner);
struct cmd *api_cmd(struct api *api, enum cmd_id id, const struct actor *who);
struct cmd *api_own_cmd(struct api *api, enum cmd_id id); /* of orderd itself, without roles; not yet parsed */
void api_cmd_free(struct api *api, struct cmd *c);

/* ---- reads: on the pool, with a read-only connection; quick ones share one transaction --------------------------- */
#define READERS_OPEN 3          /* one thread of the pool stays free for passwords and the disk */
#define POOL_THREADS "4"
#define READ_QUEUE_MAX 1024
#define READ_BATCH_MAX 32
#define READ_DEADLINE_MS 2000
#define READ_LONG_MS (60 * 1000) /* a part of the check */
struct read {
  struct read *next;
  struct api *api;
  struct call *call;            /* NULL: of our own */
  struct rules_box *rules;
  struct arena mem;             /* for the pool thread, later for the loop */
  enum err (*run)(struct read *rd, struct db *db);
  void (*done)(struct read *rd); /* on the loop; ends with read_free */
  bool heavy;
  enum err err;
  struct buf out;
  int64_t version;              /* becomes the ETag */
  const char *cursor;           /* of the next page */
  const char *why;              /* of BAD_REQUEST */
  const char *type;             /* of the body; NULL: JSON */
  const char *headers;          /* further lines of the answer's head */
  const char *what;             /* personal data were shown in full this way: "view", "list" */
  int64_t *seen;                /* of these orders */
  size_t seen_n;
  void *args;
};
struct reads *reads_open(struct api *api);
void reads_close(struct reads *s);
bool reads_idle(const struct reads *s);
void reads_durable(struct reads *s); /* the writer made more durable: tells what waited for it */
struct read *read_new(struct api *api, struct call *k);
void read_free(struct read *rd);
bool read_start(struct read *rd);  /* false: the queue is full, rd is the caller's again */
void read_start_always(struct read *rd); /* for the few of our own */
void read_or_refuse(struct read *rd); /* starts a call's read, or answers that there are too many */
void read_call(struct call *k);    /* the route's read, answered by read_reply */
void read_reply(struct read *rd);
/* Query values, checked. BAD_REQUEST fills rd->why. */
enum err read_limit(struct read *rd, int *limit);
enum err read_number(struct read *rd, const char *name, int64_t *out);
enum err read_time(struct read *rd, const char *name, int64_t *ms);
enum err read_flag(struct read *rd, const char *name, int *flag); /* 0 absent, 1 true, -1 false */
enum err read_id(struct read *rd, const char *name, char kind, int64_t *id);
const char *read_query(struct read *rd, const char *name);
enum err read_bad(struct read *rd, const char *why);

/* ---- auth.c: tokens in memory, and who failed too often ------------------------------------------------------------ */
#define AUTH_FREE_FAILURES 10
#define AUTH_ADDRESSES_MAX 1024
#define AUTH_FORGET_MS (15 * 60 * 1000)
struct auth;
struct auth *auth_open(struct api *api);
void auth_close(struct auth *a);
bool auth_load(struct auth *a, struct db *db); /* at start, on the loop's thread */
/* Reads the tokens anew; then(arg) on the loop once a table is in place that was read after this call. */
void auth_refresh(struct auth *a, void (*then)(void *arg), void *arg);
void auth_tick(struct auth *a);
/* Fills who, token_id and channel_id of the call, or its refusal. */
bool auth_call(struct auth *a, struct call *k);
/* The same by the session's cookie alone, where a route is open to everybody. */
bool auth_session(struct auth *a, struct call *k);
bool auth_setup_open(const struct auth *a); /* nobody can sign in: the set-up link works */
/* Who fails often waits, longer each time: an address, or a browser that is known. */
int64_t auth_wait_ms(struct auth *a, const char *who, int64_t now_ms);
void auth_blame(struct auth *a, const char *who, int64_t now_ms);
void auth_forgive(struct auth *a, const char *who, int64_t now_ms);
#define SESSION_COOKIE "orderd_session"
#define DEVICE_COOKIE "orderd_device"
char *cookie_value(struct arena *a, const char *field, const char *name); /* NULL: there is none of that name */
bool origin_is_own(const struct http_request *r);
bool auth_alive(const struct auth *a, int64_t token_id, int64_t now_ms);
/* Pure parts. bearer_token: NULL when the field is not of the form. */
const char *bearer_token(const char *field);
int64_t auth_delay_ms(int failures); /* how long an address is told to wait after so many */
struct auth_table;
struct auth_table *auth_table_new(void);
void auth_table_free(struct auth_table *t);
void auth_table_add(struct auth_table *t, const struct token *k, const char *channel, const unsigned char digest[32]);
const struct token *auth_table_find(const struct auth_table *t, const char *token, int64_t now_ms, const char **channel);
size_t auth_table_count(const struct auth_table *t);

/* ---- session.c: signing in and out, and the one-time set-up ---------------------------------------------------------- */
void session_get(struct call *k);
void session_post(struct call *k);
void session_end_post(struct call *k);
void session_password_post(struct call *k);
void setup_post(struct call *k);
/* ---- console.c: the page and its files --------------------------------------------------------------------------------- */
void home_get(struct call *k); /* the page for browsers, a line of JSON for others */
void console_file_get(struct call *k);
void who_put(struct buf *out, const struct call *k); /* {"user":{"name":…},"roles":[…],"may":[…],"setup":false} */

/* ---- seen.c: who was shown whose data, gathered and written as events ------------------------------------------------ */
#define SEEN_MAX 4096
struct seen;
struct seen *seen_open(struct api *api);
void seen_close(struct seen *s);
bool seen_room(const struct seen *s, size_t n);
void seen_add(struct seen *s, const char *actor, const char *what, const int64_t *orders, size_t n);
void seen_flush(struct seen *s);

/* ---- events.c: the event feed, listed and live ---------------------------------------------------------------------------- */
#define LISTENERS_MAX 256
#define LISTENER_QUEUE_MAX (256 << 10) /* further behind, a listener reads on its own until it has caught up */
#define FEED_PAGE 500
#define FEED_PAUSE_MS 20
#define HEARTBEAT_MS 15000
struct feed;
struct feed *feed_open(struct api *api);
void feed_end(struct feed *f);        /* ends every stream */
void feed_close(struct feed *f);
void feed_tokens_changed(struct feed *f); /* a revoked one listens no more */
void feed_committed(struct feed *f);
void feed_tick(struct feed *f, int64_t now_ms);
void feed_gone(struct call *k);
size_t feed_listeners(const struct feed *f);
void events_get(struct call *k);
enum err events_page(struct read *rd, struct db *db, const struct event_filter *f); /* on a pool thread */
/* "…[{…},{…}]…" of view_events into SSE frames; at[] gets each one's seq and where its frame begins. */
struct frame {
  int64_t seq;
  size_t at;
};
size_t frames_put(struct buf *out, const char *events, size_t n, struct frame *at, size_t max);

/* ---- intake.c: NDJSON, as it comes ------------------------------------------------------------------------------------------ */
#define INTAKE_WINDOW 256             /* commands of one stream under way */
#define INTAKE_BYTES (2u << 20)       /* and what their lines have together, one more line at most */
#define INTAKE_ANSWER_AHEAD (256 << 10)
void intake_begin(struct call *k);
bool intake_data(struct call *k, const char *p, size_t n);
void intake_end(struct call *k);
void intake_gone(struct call *k);
void intake_kick(struct api *api);     /* the writer or the disk has room again */
/* {"index":0,"status":201,"result":"created","id":"o_1"}: frees nothing */
void order_row_put(struct buf *out, int64_t index, const struct cmd *c, enum err e);

/* ---- chores.c: what happens by itself ------------------------------------------------------------------------------------------ */
#define TICK_MS 1000
#define SEARCH_BEHIND_MAX 50000
#define HOUSE_EVERY_MS (3600 * 1000)
#define ALARM_AGAIN_MS (3600 * 1000)
struct chores;
struct chores *chores_open(struct api *api);
void chores_start(struct chores *c);
void chores_stop(struct chores *c);
void chores_close(struct chores *c);
bool chores_idle(const struct chores *c);
void chores_committed(struct chores *c, const struct cmd *done);

/* ---- api_batch.c: many rows in one body, {"orders":[…]} -------------------------------------------------------------------- */
struct batch_kind {
  const char *list, *one, *too_many; /* the body's key, a word for a row, the code of too many of them */
  struct cmd *(*make)(struct call *k, size_t index, const char *raw, size_t n); /* a row's command, not yet parsed */
  void (*row)(struct buf *out, int64_t index, const struct cmd *c, enum err e);
};
const char *api_batch_of(const char *body, const char *key); /* where the list begins; NULL: the body is no batch */
void api_batch_post(struct call *k, const struct batch_kind *kind, const char *list);

/* ---- metrics.c: healthz, readyz, metrics ------------------------------------------------------------------------------------------- */
#define WRITER_LAG_BAD_MS 10000
void health_get(struct call *k);
void ready_get(struct call *k);
void metrics_get(struct call *k);
enum err counts_read(struct read *rd, struct db *db);
enum err connectors_read(struct read *rd, struct db *db);
enum err connector_one_read(struct read *rd, struct db *db);
void connector_try_post(struct call *k);
void connector_put_post(struct call *k);
void connector_reset_post(struct call *k);
void imports_post(struct call *k);
enum err imports_read(struct read *rd, struct db *db);
enum err import_read(struct read *rd, struct db *db);
enum err import_rows_read(struct read *rd, struct db *db);
enum err stages_read(struct read *rd, struct db *db);
enum err stats_orders_read(struct read *rd, struct db *db);
enum err stats_backlog_read(struct read *rd, struct db *db);
enum err stats_flow_read(struct read *rd, struct db *db);
enum err stats_exceptions_read(struct read *rd, struct db *db);
enum err stats_leads_read(struct read *rd, struct db *db);

/* ---- the routes' own functions ---------------------------------------------------------------------------------------------------------- */
void openapi_get(struct call *k);
void orders_post(struct call *k);
struct cmd *order_cmd(struct call *k, bool defer); /* one order of many */
void tokens_write(struct call *k); /* add and revoke: the table in memory follows before the answer */
void backups_post(struct call *k);
enum err orders_read(struct read *rd, struct db *db);
enum err order_read(struct read *rd, struct db *db);
enum err order_events_read(struct read *rd, struct db *db);
enum err order_why_read(struct read *rd, struct db *db);
enum err groups_read(struct read *rd, struct db *db);
enum err group_read(struct read *rd, struct db *db);
enum err payloads_read(struct read *rd, struct db *db);
enum err payload_read(struct read *rd, struct db *db);
enum err exceptions_read(struct read *rd, struct db *db);
enum err exception_read(struct read *rd, struct db *db);
enum err tokens_read(struct read *rd, struct db *db);
enum err users_read(struct read *rd, struct db *db);
enum err check_read(struct read *rd, struct db *db);
void skus_post(struct call *k);
void mappings_post(struct call *k);
void warehouses_post(struct call *k);
void rates_post(struct call *k);
struct db;
enum err rate_cards_read(struct read *rd, struct db *db);
enum err rate_card_read(struct read *rd, struct db *db);
enum err rates_what_if(struct read *rd, struct db *db);
void counts_post(struct call *k);
void adjustments_post(struct call *k);
enum err skus_read(struct read *rd, struct db *db);
enum err sku_read_one(struct read *rd, struct db *db);
enum err mappings_read(struct read *rd, struct db *db);
enum err warehouses_read(struct read *rd, struct db *db);
enum err warehouse_read_one(struct read *rd, struct db *db);
enum err stock_read_all(struct read *rd, struct db *db);
enum err ledger_read(struct read *rd, struct db *db);
enum err fulfilments_read(struct read *rd, struct db *db);
enum err fulfilment_read(struct read *rd, struct db *db);
enum err claim_read(struct read *rd, struct db *db);
enum err waves_read(struct read *rd, struct db *db);
enum err wave_read(struct read *rd, struct db *db);
enum err pack_read(struct read *rd, struct db *db);
enum err picklist_read(struct read *rd, struct db *db);
enum err slip_page_read(struct read *rd, struct db *db);
enum err barcodes_read(struct read *rd, struct db *db);
enum privacy slip_privacy(const struct read *rd);
void slips_seen(struct read *rd, const struct slip *list, size_t n, const char *what);

/* ---- api.c ---------------------------------------------------------------------------------------------------------------------------------- */
struct api_options {
  struct env *env;
  struct uv_loop_s *loop;
  struct writer *writer;
  struct readers *readers;
  struct rules_box *rules; /* the api holds it from now on */
  const char *data;        /* directory; its file system is watched */
  const char *db_path;
  int64_t disk_least;      /* free bytes below which nothing more is taken */
};
struct api {
  struct env *env;
  struct uv_loop_s *loop;
  struct writer *writer;
  struct readers *readers;
  struct http_server *http;
  struct rules_box *rules;
  const char *data, *db_path;
  struct reads *reads;
  struct auth *auth;
  struct seen *seen;
  struct feed *feed;
  struct chores *chores;
  struct poller *poller;
  struct deliverer *deliverer;
  struct parties *parties;
  struct tracer *tracer;
  struct intake *intakes;      /* open streams */
  int64_t started_ms;
  int64_t cmds;                /* under way */
  int hashing;                 /* passwords being hashed */
  const char *setup_code;      /* of the link that was printed at the start; NULL: none, or used */
  bool (*reload)(void *arg);   /* reads the configuration again, as SIGHUP does; false: the old one stays. NULL: nobody can */
  void *reload_arg;
  bool connector_writing;      /* one at a time: what somebody read is compared with what is there */
  int imports;                 /* files being looked through */
  int photos;                  /* being walked and written */
  bool backing_up;
  bool ready, closing;
  bool disk_full;
  int64_t disk_least, disk_free;
  int64_t pending, failed, dead; /* payloads, as of the last look */
  bool alarm;                    /* the backlog's */
  int64_t alarm_at;
  int64_t answers[6];            /* by hundreds of the status */
  int64_t ingested[8];           /* by enum ingest_result */
  int64_t ingest_failed, auth_failures, throttled, alarms;
  int64_t deferring;             /* orders on their way to be only taken */
};
struct api *api_open(struct arena *a, const struct api_options *o);
void api_close(struct api *api);
struct http_handlers api_handlers(struct api *api);
void api_collect(struct api *api);     /* the writer woke us */
void api_stopping(struct api *api);    /* no new work; live streams end */
bool api_idle(const struct api *api);
void api_rules(struct api *api, struct rules_box *rules); /* takes the caller's hold */
bool api_surge(const struct api *api);
#define PASSWORDS_AT_ONCE 2

/* ---- serve.c: the process that serves one data directory ------------------------------------------------------------------------------------ */
#define STOP_MS 10000
struct serve_options {
  const char *data;               /* directory; made (0700) when it is missing */
  const char *listen;             /* "127.0.0.1:7700"; port 0 picks one, NULL: only the socket */
  const char *const *hosts;       /* names in Host besides the loopback ones */
  size_t hosts_n;
  const struct conf *conf;        /* may be NULL */
  int64_t disk_reserve;           /* intake stops below this many free bytes; 0: DISK_RESERVE_BYTES */
  int64_t head_ms, body_ms, idle_ms, write_ms; /* 0: httpd's own */
  size_t connections_max, per_address_max;
  bool trust_proxy;
  /* SIGHUP: reads the configuration anew into the arena. false with *why: the old one stays. NULL: no reload. */
  bool (*reload)(void *arg, struct arena *a, const struct conf **conf, const char **why);
  void (*started)(void *arg, const char *url); /* listening; url "http://127.0.0.1:7700" */
  void *arg;
};
/* Runs until SIGTERM or SIGINT. Exit status: 0, or 1 with a line on standard error. */
int serve_run(const struct serve_options *o);
/* For init and serve: DATA/admin.token (0600) with a new admin token, unless the file is there or some active
 * token has the role admin. Runs its command through push, which must have it done before it returns. */
bool admin_token_wanted(struct db *db, const char *data);
bool admin_token_write(const char *data, const struct cmd *done, const char **why);
struct cmd *admin_token_cmd(struct env *env, const struct rules *rules, int attempt);

#endif
