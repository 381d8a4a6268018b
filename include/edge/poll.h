/* edge/poll.h: part of layer 6. Getting orders from channels (domain 2.5 to 2.7).
 *
 *   schedule ─► window ─► list page ─► ids ─► what is news? ─► detail batches ─► commands ─► next page … ─► watermark
 *                 ▲ build and read answers: pool, in the sandbox     send: loop, libcurl    store: writer ▲
 *
 * One run per channel at a time; nothing that one channel waits for is waited for by another. A page's rows are stored
 * before its window counts as read: the watermark goes with the window's last rows, after all others are durable. */
#ifndef ORDERD_EDGE_POLL_H
#define ORDERD_EDGE_POLL_H
#include "flow.h"

#define POLL_PAGES_MAX 2000        /* of one window: then the window is halved */
#define POLL_DETAIL_PAGES_MAX 100  /* of one detail call */
#define POLL_PASSES_MAX 5          /* of a window that is read until two passes agree */
#define POLL_SLOW_TRIES 5          /* of a mapping that meets a limit, each on a quarter of the page; then it is kept as failed */
#define POLL_UNDER_WAY 4           /* pages of a channel on their way to the disk */
#define POLL_ASKS_MAX 1000         /* orders that pushes asked about, per channel */
#define POLL_FILE_MAX (8 << 20)    /* a file of sales */
#define POLL_TOKEN_EARLY_MS (5 * 60 * 1000) /* a token is refreshed before it ends */
#define PUSH_BODY_MAX (1 << 20)
#define PUSHES_WAITING 64          /* per channel; more are answered 503: the platform sends them again */

enum run_kind { RUN_POLL, RUN_SWEEP, RUN_ASK };
struct poll_secret_value {
  const char *name, *value;
  int64_t expires_at, life_ms;     /* 0: not known */
};
struct poll_settings {             /* of one [channel NAME]; in the pollee's arena */
  const char *name, *connector, *host, *push_url;
  int64_t every_ms, sweep_ms, sweep_back_ms;
  struct window_rules window;
  bool stock;                      /* the channel is told how many there are */
  bool has_rate;                   /* per_1000s instead of what the connector's requests say; 0: no limit */
  int64_t per_1000s;
  int64_t backoff_ms, backoff_most_ms, breaker_ms, breaker_most_ms, timeout_ms;
  struct poll_secret_value *given; /* from the configuration: secrets and settings by the connector's names */
  size_t givens;
};

struct run;
struct pollee {                    /* one channel that is polled */
  struct pollee *next;
  struct poller *poller;
  struct arena mem;                /* settings, connector */
  struct poll_settings set;
  const struct connector *connector; /* NULL: it could not be read, broken says why */
  struct connector_box *box;       /* of runs: one pool job at a time */
  struct connector_box *push_box;  /* of pushes */
  const char *broken, *zone;
  int64_t file_changed;            /* mtime of DATA/connectors/NAME.channel, 0: built in */
  int64_t channel_id;
  struct poll state;               /* strings in state_mem */
  struct arena state_mem;
  struct arena secret_mem;
  struct poll_secret_value secret[CONNECTOR_SECRETS_MAX]; /* sealed ones, opened: they win over given ones */
  size_t secrets;
  struct bucket *bucket;           /* one per request of the connector */
  struct uv_timer_s *timer;
  int64_t next_at;                 /* our clock; 0: at once */
  int64_t opened_at;
  bool loading, reload, sync, leaving, stale_told; /* reload: a secret was set */
  int slow;                        /* mappings met a limit so often since the last good run */
  bool whole;                      /* pages are not asked for in quarters any more: there were too many */
  bool changed;                    /* its connector's file: no run begins until it is read */
  struct run *run;
  struct {
    char id[72];
  } *ask;                          /* ring of asked ids */
  size_t asks;
  int64_t *refetch;                /* payloads of orders that the platform refused to tell: it is asked again */
  size_t refetches, refetch_room;
  bool ask_poll;                   /* a push that names no order we can fetch alone */
  struct push *push_first, **push_last;
  size_t pushes;
  bool pushing;
  struct again *again;             /* failed payloads are being mapped anew */
  int mapping;                     /* single ones */
  struct telling *told;            /* what it is being told: connector_effect.c's */
  int telling;                     /* so many */
  struct connector_box *told_box;
  struct arena told_mem;
  bool told_job;                   /* the pool has that box */
  bool renewing;                   /* of its tokens, by one of those */
  uint32_t token_no;               /* counts renewals: who was refused with an older one need not renew */
  int64_t runs_ok, runs_failed, pushes_new, pushes_known, pushes_refused, calls, waits;
};
struct poller {
  struct api *api;
  struct fetcher *fetcher;
  struct pollee *first;
  int64_t started_at;
  unsigned char key[SEAL_KEY];
  bool has_key;
  bool stopping, quiet;            /* quiet: nothing is asked unless somebody wishes it */
  int busy;                        /* pool jobs, commands and reads under way */
  struct uv_timer_s *tick;
};

/* ---- poll.c: who is polled, and when ------------------------------------------------------------------------------ */
struct poller *poller_open(struct api *api);
void poller_start(struct poller *p, bool quiet);
void poller_stop(struct poller *p);
bool poller_idle(const struct poller *p);
void poller_close(struct poller *p);
void poller_rules(struct poller *p);         /* the configuration was read again */
struct pollee *poller_find(const struct poller *p, const char *channel);
/* Also of [messenger …], [factory …] and [carrier …]: what kind it is, the connector says. */
bool poll_settings_read(struct arena *a, const struct conf *conf, const char *data, const char *channel, const struct connector *c,
                        struct poll_settings *out, const char **why);
/* Checks the [channel …] sections with the connectors they name, without starting anything; false with *why. */
bool poll_settings_check(struct arena *a, const struct conf *conf, const char *data, struct rules *r, const char **why);
const char *poll_secret(void *pollee, const char *name);  /* a connector_value_fn */
const char *poll_setting(void *pollee, const char *name);
int64_t poll_now(const struct pollee *p);    /* the platform's clock */
void pollee_wake(struct pollee *p);          /* looks whether there is something to do */
void pollee_later(struct pollee *p, int64_t ms);
void pollee_sync(struct pollee *p);
bool pollee_is_stale(const struct pollee *p, int64_t now); /* no good run for three times its interval */
bool poll_key(struct poller *p, const char **why); /* DATA/secret.key, made when it is missing */
/* Secrets as they are now, for a job on the pool: they change on the loop meanwhile. */
struct poll_secret_list {
  struct poll_secret_value at[CONNECTOR_SECRETS_MAX];
  size_t n;
};
void poll_secrets_copy(const struct pollee *p, struct poll_secret_list *out);
const char *poll_secret_of(const struct pollee *p, const struct poll_secret_list *list, const char *name);
size_t poll_buckets(struct pollee *p, struct arena *a, const struct poll_bucket **list);
/* What a person sees beside what the database knows. */
void poll_runtime_put(struct jw *w, const struct pollee *p);
void poll_metrics_put(const struct poller *p, struct buf *out);

/* ---- poll_run.c: one run ---------------------------------------------------------------------------------------------- */
void run_start(struct pollee *p, enum run_kind kind);
void run_stop(struct run *r);                /* the process ends: nothing more is asked */
void run_wake(struct run *r);                /* its wait is over */
const char *run_phase(const struct run *r);

/* ---- poll_work.c: what a run does on the pool -------------------------------------------------------------------------- */
enum call_kind { CALL_LIST, CALL_DETAIL, CALL_ONE, CALL_REFRESH, CALL_MERGE, CALL_N };
const char *call_name(enum call_kind k);     /* "list": the request's name in the file */
struct work {                                /* in: what to build or read; out: in mem */
  struct arena mem;
  enum call_kind kind;
  struct connector_vars vars;
  struct pollee *pollee;
  struct poll_secret_list secrets;
  uint32_t token_no;                         /* of the tokens that it was built with */
  bool probe;                                /* a backward walk asks how many pages there are */
  struct connector_answer answer;
  struct connector_call call;                /* built */
  struct verdict verdict;                    /* read */
  const char *why;                           /* the connector's own mistake, or the mapping's */
  bool keeps;                                /* in: what meets a limit is kept as failed, not tried again */
  bool limited;                              /* why is a limit of the sandbox */
  bool full;                                 /* of a database: too much in this window */
  const char *pages_before;                  /* of this detail call, with commas between; "": this is the first page */
  struct cmd *page;                          /* POLL_PAGE with the rows, in its own arena; NULL: none */
  int64_t rows, rows_failed;
  struct connector_order *order;             /* what the mapping made */
  size_t orders;
  uint64_t *row;                             /* a hash per row: has the walk brought it already? */
  const char *cursor;                        /* of the next page; NULL: the last */
  int64_t pages;
  struct connector_id *id;
  size_t ids;
  struct connector_token *token;
  size_t tokens;
  struct connector_group *group;
  size_t groups;
};
/* New tokens, in use at once; the command stores them, and nothing else is asked before it did. */
struct cmd *poll_tokens_cmd(struct pollee *p, const struct connector_token *token, size_t n);
/* What the Date header says of the platform's clock. */
void poll_clock_look(struct pollee *p, const struct fetch *f);
bool work_build(struct pollee *p, struct work *w);
void work_read(struct pollee *p, struct work *w);
/* Rows of a mapping into items of a page command; also for files. */
void work_items(struct pollee *p, struct work *w, struct connector_order *list, size_t n);
/* What a mapping made, with the channel's name in it: ready for draft_parse(). */
const char *order_with_channel(struct arena *a, const struct pollee *p, const struct connector_order *o, size_t *n);
char *text_redacted(struct arena *a, const struct pollee *p, const char *text, size_t n, size_t most);
char *text_redacted_of(struct arena *a, const struct poll_settings *s, const char *text, size_t n, size_t most);

/* ---- poll_rows.c ----------------------------------------------------------------------------------------------------------- */
struct rows_seen {                           /* a set of hashes */
  uint64_t *at;
  size_t n, cap;
};
void rows_release(struct rows_seen *s);
void rows_clear(struct rows_seen *s);
bool rows_has(const struct rows_seen *s, uint64_t row);
bool rows_add(struct rows_seen *s, uint64_t row); /* false: it was there */

/* ---- poll_file.c: tills: a folder of files, another database --------------------------------------------------------------- */
#define POLL_FILES_MAX 10000                 /* looked up at a time */
struct poll_found {
  int64_t changed;
  char name[256];
};
struct poll_files {                          /* the walk through a folder's files of one window */
  struct poll_found *at, last;               /* last: read; what comes next comes after it, whatever happened to the folder */
  size_t n, done;
  bool more;
};
void poll_files_release(struct poll_files *f);
/* One file, or one window of the database. false with w->why; true with w->limited: its mapping met a limit, it comes again;
 * w->full: with a shorter window it may pass. */
bool file_work(struct pollee *p, struct work *w, struct poll_files *f, int64_t from, int64_t until, bool *more);
/* A file that was kept whole, mapped again into the items of w->page. */
bool file_is_kept(const char *raw);
bool file_again(struct pollee *p, struct connector_box *box, struct work *w, const char *raw, const char **why);

/* ---- poll_push.c: POST /v1/hooks/channel/{name} ------------------------------------------------------------------------------ */
struct call;
void hooks_channel_post(struct call *k);
void pushes_end(struct pollee *p);
void pushes_wake(struct pollee *p);          /* what it waited for is read */

/* ---- poll_again.c: failed payloads mapped again --------------------------------------------------------------------------- */
void payload_retry_post(struct call *k);
void payloads_retry_post(struct call *k);
bool payloads_again(struct pollee *p, struct call *call, int64_t only); /* only 0: all of the channel; false: it runs already */

/* ---- poll_refetch.c: orders that the platform refused to tell ----------------------------------------------------------------- */
bool refetch_is(const char *raw);
bool pollee_refetch(struct pollee *p, int64_t payload); /* false: its connector asks for no orders */

/* ---- api_channels.c ------------------------------------------------------------------------------------------------------------ */
void channels_get(struct call *k);
void channel_get(struct call *k);
void channel_write(struct call *k);          /* pause and resume: the poller follows before the answer */
void channel_sync_post(struct call *k);
void channel_secret_post(struct call *k);

#endif
