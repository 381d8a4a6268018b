/* edge/connector.h: part of layer 6. A platform as one text file (contract 5): its requests, signatures, pages,
 * mapping and errors are SQL in the sandbox. connector.c reads and runs such files; it opens no socket and no
 * database of ours. `orderd help connectors` describes the format. */
#ifndef ORDERD_EDGE_CONNECTOR_H
#define ORDERD_EDGE_CONNECTOR_H
#include "flow.h"

#define CONNECTOR_FILE_MAX (1 << 20)
#define CONNECTOR_BODY_MAX (8 << 20)      /* of an answer: over it the answer is refused */
#define CONNECTOR_ELEMENTS_MAX 400000     /* of its JSON */
#define CONNECTOR_ROWS_MAX 5000           /* of one mapping */
#define CONNECTOR_SECRETS_MAX 32
#define CONNECTOR_CARRIERS_MAX 200

/* What is wrong in a file, for people: "shopee.channel:31:17: no such column: o.valeu". */
struct connector_fault {
  int line, column;                       /* 0: the file as a whole */
  const char *why;
};

enum connector_kind { CONNECTOR_HTTP, CONNECTOR_FILES, CONNECTOR_DATABASE };
enum connector_walk { WALK_CURSOR, WALK_BACKWARD, WALK_TWICE };
struct connector_name {
  const char *name, *text;                /* secrets: what it is; settings: the default */
  bool optional;
};
struct connector_request {                /* one [request R] as far as others must know it */
  const char *name, *method, *address;
  enum connector_walk walk;
  int64_t page_size, first_page, batch, timeout_ms;
  int64_t per_1000s, burst;               /* max_rps in thousandths; 0: no limit of its own */
};
/* A parsed and compiled file; lives in the arena it was read into and is never changed. */
struct connector {
  const char *name, *title, *title_zh, *family, *host, *currency, *counts_as_shipped;
  const char *ext;                        /* "channel", or of a party "messenger", "factory", "carrier": the file's ending */
  enum connector_kind kind;
  int64_t every_ms, overlap_ms, settle_ms, window_ms, start_ms;
  int64_t length, per_minute, at_once;    /* of a party: bytes of one message, messages a minute and room, calls under way */
  int zone_min;
  bool clock_by_date;                     /* the host's skew is measured by Date headers */
  struct connector_name *secret, *setting;
  struct connector_name *carrier;         /* name: our code; text: what the platform calls it */
  size_t secrets, settings, carriers;
  struct connector_request *request;
  size_t requests;
  bool has_detail, has_one, has_refresh, has_merge, has_push, has_next, has_pages, has_confirm, has_stock, has_refund,
    has_events;
  const char *folder, *match, *format;    /* [files]; not yet filled in */
  const char *file;                       /* [database] */
  const char *query;                      /* [query] */
  size_t examples;
  struct connector_text *text;            /* private */
};
/* Reads, checks every key, compiles every piece of SQL once. NULL with the first fault. */
struct connector *connector_parse(struct arena *a, const char *name, const char *text, size_t n, struct connector_fault *f);
const struct connector_request *connector_request(const struct connector *c, const char *name); /* NULL: it has none */

/* The files built into the binary (examples/connectors/), by name. */
struct connector_file {
  const char *name, *ext, *text;
  size_t n;
};
size_t connector_builtin(const struct connector_file **list);
/* DATA/connectors/NAME.channel, else the built-in one; false: there is none. */
bool connector_load(struct arena *a, const char *data, const char *name, struct connector_file *out);
/* The same of a party: ext is "messenger", "factory" or "carrier". */
bool connector_load_as(struct arena *a, const char *data, const char *name, const char *ext, struct connector_file *out);

/* ---- a connector at work: one sandbox; one thread at a time ------------------------------------------------- */
struct connector_box;
typedef const char *connector_value_fn(void *arg, const char *name); /* NULL: not set */
struct connector_box *connector_open(const struct connector *c, struct arena *a, const char **why); /* c must outlive it */
void connector_close(struct connector_box *b);
/* Where secret() and setting() look; asked during a call below, on its thread. */
void connector_values(struct connector_box *b, connector_value_fn *secret, connector_value_fn *setting, void *arg);

/* What failed last met a limit of the sandbox: of a smaller answer it may pass. */
bool connector_limited(const struct connector_box *b);

struct connector_effect {                 /* what is told to the platform; of a stock push the last two */
  const char *order_id, *carrier_code, *carrier; /* carrier: the platform's name of ours */
  const char *tracking_no, *lines;        /* lines: JSON array of {"line_id","quantity"} */
  const char *prepared;                   /* the answer of [request prepare], JSON; NULL: none */
  int64_t shipped_ms, parcel;             /* parcel: a number that no other of ours has */
  bool whole;                             /* the lines are all that the order has */
  const char *sku;                        /* as the channel names it */
  int64_t quantity;
  const char *case_id, *refund_id, *amount, *currency, *reason; /* of a refund: amount as decimal text; refund_id NULL: the channel knows of none */
  int64_t amount_minor;
  const char *what;                       /* of a party: what is to be told, JSON */
};
struct connector_vars {                   /* what SQL sees (the format's :names); zero what is not known */
  int64_t now_ms, from_ms, to_ms, page;
  int64_t page_size;                      /* 0: the request's */
  const char *host;                       /* NULL: the connector's default */
  const char *cursor, *ids, *rows, *id;   /* ids and rows: JSON arrays */
  const char *nonce;
  const struct connector_effect *effect;  /* of prepare, confirm, shipped and stock; NULL: none */
};
struct connector_call {                   /* a request ready to be sent */
  const char *method, *url;
  struct http_field *header;              /* names as in the file */
  size_t headers;
  const char *body;
  size_t body_n;
  const char *content_type;               /* NULL: no body */
  int64_t timeout_ms;
  const char *shown;                      /* method and address for people: values that hold a secret, and signatures, are "***" */
};
/* All of these: false with *why (for people, no secrets in it), results in the arena. */
bool connector_build(struct connector_box *b, struct arena *a, const char *request, const struct connector_vars *v,
                     struct connector_call *out, const char **why);

struct connector_answer {
  int status;
  struct http_field *header;              /* names in lower case */
  size_t headers;
  const char *body;
  size_t body_n;
  bool gated;                             /* the body is known to be JSON that can be taken */
};
#define VERDICT_MAP(X) X(OK, "ok") X(RATE_LIMITED, "rate_limited") X(AUTH_EXPIRED, "auth_expired") \
  X(NOT_FOUND, "not_found") X(REFUSED, "refused") X(RETRY, "retry") X(DONE, "done") X(ASK, "ask")
enum verdict_kind {
#define X(id, name) VERDICT_##id,
  VERDICT_MAP(X)
#undef X
};
const char *verdict_name(enum verdict_kind k);
struct verdict {
  enum verdict_kind kind;
  const char *code, *message;             /* "" when the platform says nothing */
  int64_t retry_after_ms;                 /* 0: not told */
};
/* Gate, then [errors]. An answer that is no JSON, HTML, truncated, too deep or too large is never OK. */
void connector_judge(struct connector_box *b, struct arena *a, const char *request, const struct connector_answer *ans,
                     const struct connector_vars *v, struct verdict *out);
/* After an OK verdict of the same answer. cursor NULL: the last page. */
bool connector_next(struct connector_box *b, struct arena *a, const char *request, const struct connector_answer *ans,
                    const struct connector_vars *v, const char **cursor, const char **why);
bool connector_pages(struct connector_box *b, struct arena *a, const struct connector_answer *ans, const struct connector_vars *v,
                     int64_t *pages, const char **why);
struct connector_id {
  const char *id, *row;                   /* row NULL: none */
  int64_t updated_ms;                     /* 0: not told */
};
bool connector_ids(struct connector_box *b, struct arena *a, const char *section, const struct connector_answer *ans,
                   const struct connector_vars *v, struct connector_id **list, size_t *n, const char **why);
struct connector_order {
  const char *order;                      /* canonical, JSON object text without channel */
  size_t order_n;
  const char *raw;                        /* what the inbox keeps: {"at":"$.response.order_list[0]","row":…,"order":<the very bytes>};
                                             "call":"one" before "order" where [orders one] made it */
  size_t raw_n;
};
/* section "orders" or "orders one". The bytes of a row are cut out of the answer as they came. */
bool connector_orders(struct connector_box *b, struct arena *a, const char *section, const struct connector_answer *ans,
                      const struct connector_vars *v, struct connector_order **list, size_t *n, const char **why);
/* A payload kept by connector_orders mapped again (after the file was mended). */
bool connector_again(struct connector_box *b, struct arena *a, const char *raw, size_t raw_n, const struct connector_vars *v,
                     struct connector_order *out, const char **why);
/* Is there anything to tell by this request? false with *why NULL: no. */
bool connector_when(struct connector_box *b, struct arena *a, const char *request, const struct connector_vars *v, const char **why);
/* What the platform calls our carrier: the setting "carrier.CODE", else [carriers], where `other` stands for all that are
 * not named ("*": by our code). Without [carriers] our code. false: it has no name for it. */
bool connector_carrier(struct connector_box *b, struct arena *a, const char *code, const char **name);
struct connector_shipped {
  const char *tracking_no;                /* NULL: shipped, under a number that the platform does not tell */
};
bool connector_shipped(struct connector_box *b, struct arena *a, const struct connector_answer *ans, const struct connector_vars *v,
                       struct connector_shipped **list, size_t *n, const char **why);
/* connector_told.c: what the platform's word on an order says of one parcel, as a question's outcome. */
struct told_answer {
  enum outcome_kind kind;
  const char *code, *message;
};
struct told_answer told_by_order(struct arena *a, const char *order, size_t n, const struct connector_effect *e);
struct told_answer told_by_numbers(struct arena *a, const struct connector_shipped *list, size_t n, const struct connector_effect *e);
struct connector_token {
  const char *name, *value;
  int64_t expires_in_ms;                  /* 0: not told */
};
bool connector_tokens(struct connector_box *b, struct arena *a, const struct connector_answer *ans, const struct connector_vars *v,
                      struct connector_token **list, size_t *n, const char **why);
struct connector_group {
  const char *group, *external_id;
};
bool connector_groups(struct connector_box *b, struct arena *a, const struct connector_answer *ans, const struct connector_vars *v,
                      struct connector_group **list, size_t *n, const char **why);
struct connector_push {
  bool genuine, recent;
  bool ping;                              /* the platform only tries the address; the rest is not known */
  bool timeless;                          /* genuine, but of no readable time: why_timeless says why */
  const char *why_timeless;
  const char *id;                         /* what makes it the same push; NULL: the body's digest does */
  const char *reply, *reply_type;
};
/* url: the address the platform was told, byte for byte; body: raw. */
bool connector_push(struct connector_box *b, struct arena *a, const char *url, const struct connector_answer *push,
                    const struct connector_vars *v, struct connector_push *out, const char **why);
/* The rows of [events] (a callback to url) or, where url is NULL, of [events trace]: a JSON array of objects. */
bool connector_events(struct connector_box *b, struct arena *a, const char *url, const struct connector_answer *ans,
                      const struct connector_vars *v, const char **json, const char **why);
/* The one object of [result R]; NULL: the file has no such section, or it gave no row. */
bool connector_result(struct connector_box *b, struct arena *a, const char *request, const struct connector_answer *ans,
                      const struct connector_vars *v, const char **json, const char **why);
/* Rows of a file or of another database as the JSON array that [orders] reads. */
bool connector_file_rows(struct arena *a, const char *format, const char *text, size_t n, const char **json, size_t *json_n,
                         const char **why);

/* Runs every [example]: say() per example ("ok", or what differs). The number that failed, -1 when it cannot run. */
int connector_test(const struct connector *c, struct arena *a, void (*say)(void *arg, const char *example, bool ok, const char *text),
                   void *arg, const char **why);
void connector_help(struct buf *out);     /* the format, with a worked example */

/* ---- connector_form.c: what may stand in a file ---------------------------------------------------------------- */
enum section_form { FORM_KEYS, FORM_NAMES, FORM_SQL };
struct section_kind {
  const char *name;                       /* "request R": R is one of the requests; "channel NAME": any name */
  enum section_form form;
  const char *const *keys;                /* that it may hold; one that ends with a dot begins names */
  int least, most;                        /* columns */
  const char *columns;
};
struct section_need {
  const char *has, *needs, *why;
};
const struct section_kind *section_kind_of(const char *name, const char *word, const char *arg); /* NULL: there is none */
const char *section_nearest(struct arena *a, const char *name);
const char *const *section_known(const char *section); /* the parameters that its SQL may name, NULL-ended */
const char *const *section_taken(const char *section); /* names that no variable of this request may have */
const struct section_need *section_needs(size_t *n);
bool request_is_effect(const char *request); /* it tells the platform something: prepare, confirm, shipped, stock */
bool party_is(const char *ext);
bool party_request_is(const char *ext, const char *request); /* a file of that ending may have it */

/* ---- between the files of connectors: the pieces of a file that others need not know ------------------------- */
#define CONNECTOR_PARAMS_MAX 128          /* query, form, header and var keys of one request */
struct connector_place {                  /* the bytes of a piece from `at` on stand there in the file */
  size_t at;
  int line, column;
};
struct connector_sql {
  const char *section, *key;              /* key NULL: the section is the statement */
  const char *sql;
  unsigned how;                           /* of sandbox_sql() */
  const char *const *known;
  struct connector_place *place;
  size_t places, index;                   /* index: of the box's compiled statements */
};
enum connector_part { PART_VAR, PART_QUERY, PART_FORM, PART_HEADER, PART_BODY };
struct connector_param {
  enum connector_part part;
  const char *name;
  const struct connector_sql *sql;
};
struct connector_plan {                   /* of one request */
  struct connector_param *param;
  size_t params, early;                   /* early: so many come before the address, which needs variables of theirs */
  const char *content_type;
  const struct connector_sql *when;       /* NULL: always */
  const char *const *expect;              /* paths that a good answer has, NULL-ended; NULL: none */
  bool has_form;
};
struct connector_example {
  const char *name;
  int line;
  struct conf_entry *key;
  size_t keys;
};
struct connector_text {
  struct connector_sql **sql;             /* what a sandbox compiles; [query] is not among them */
  size_t sqls;
  struct connector_plan *plan;            /* by request */
  const struct connector_sql *verify, *push_id, *push_at, *push_ping;
  const char *reply, *reply_type;
  struct connector_example *example;
};
const struct connector_sql *connector_section(const struct connector *c, const char *section); /* NULL: it has none */
void connector_place_of(const struct connector_sql *q, int at, int *line, int *column);
/* "shopee.channel:31: [orders]: why" */
const char *connector_said(struct arena *a, const struct connector *c, const struct connector_sql *q, const char *why);
bool connector_name_ok(const char *name); /* [a-z0-9_-], 1 to 32 of them */

struct connector_params {                 /* what one statement sees */
  struct sandbox_param at[48 + CONNECTOR_PARAMS_MAX];
  size_t n;
};
void params_int(struct connector_params *p, const char *name, int64_t v);
void params_text(struct connector_params *p, const char *name, const char *text, size_t n); /* text NULL: NULL */
void params_vars(struct connector_params *p, const struct connector *c, const char *request, const struct connector_vars *v);
/* gated: the body is JSON that passed; text: of bodies that may be none, at most text_max bytes. */
void params_answer(struct connector_params *p, struct arena *a, const struct connector_answer *ans, bool gated, size_t text_max);
bool answer_gate(struct arena *a, const struct connector_answer *ans, const char **why);
bool box_run(struct connector_box *b, struct arena *a, const struct connector_sql *q, const struct connector_params *p,
             sandbox_row_fn *row, void *arg, const char **why);
struct box_value {                        /* one value, kept */
  char kind;
  int64_t i;
  const char *text;
  size_t n;
};
bool box_value(struct connector_box *b, struct arena *a, const struct connector_sql *q, const struct connector_params *p,
               struct box_value *out, const char **why);
const struct connector *box_connector(const struct connector_box *b);
const char *box_secret(struct connector_box *b, const char *name);   /* NULL: not set; notes one that must be */
const char *box_setting(struct connector_box *b, const char *name);  /* the connector's default where none is set */
const char *box_missing(struct connector_box *b);                    /* a secret that was asked for in vain since last asked */

/* connector_raw.c. Spans of JSON that has passed the gate. */
struct json_span {
  const char *p, *end;
};
bool json_path_ok(const char *path);                                 /* $.a.b[0] */
bool json_has(const char *s, size_t n, const char *path);            /* something stands there, null too */
struct json_span json_span_of(const char *s, size_t n);              /* without the blanks around it */
bool json_span_member(struct json_span object, const char *key, struct json_span *out);

#endif
