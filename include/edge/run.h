/* edge/run.h: part of layer 6, for poll_run.c, poll_call.c and poll_walk.c: one run of one channel. Everything that it
 * waits for is one phase; run_next() decides what comes after. */
#ifndef ORDERD_EDGE_RUN_H
#define ORDERD_EDGE_RUN_H
#include "flow.h"

struct uv_work_s;
struct read;
enum run_phase_of {
  PHASE_THINK,
  PHASE_BUILD,
  PHASE_PACE,
  PHASE_CALL,
  PHASE_READ,
  PHASE_STORE,
  PHASE_WAIT,
  PHASE_NOTE
};

struct run {
  struct pollee *p;
  enum run_kind kind;
  enum run_phase_of phase;
  struct poll_run row;
  struct arena mem; /* of the run: what happened last */
  /* the window */
  bool in_window, list_done, window_sent;
  bool dated;        /* the platform told its time in this run */
  int64_t opened_at; /* the window, by our clock */
  int64_t from, until, walked, end, missed_before;
  /* the walk through its pages */
  int64_t page, pages;
  struct poll_files files; /* of a till */
  bool probed;
  int pass;
  uint64_t pass_sum, pass_before;
  struct rows_seen seen; /* rows of this walk */
  int64_t walked_pages;
  struct buf cursor;
  /* orders to be fetched one by one or in batches */
  struct arena ids_mem;
  struct connector_id *id;
  size_t ids, id_at, singles;
  int64_t *payload, answers; /* NULL, or of each id the failed payload that its answer settles; answers: of the call */
  struct arena sub_mem;
  struct connector_id *sub; /* rows of an order asked for alone, whose details come next */
  size_t subs, sub_at;
  struct buf detail, detail_cursor; /* pages of the batch that is being fetched, where the answer has several */
  int detail_pages;
  /* what the platform is asked about who belongs together */
  bool merge_read;
  struct token_order *asked;
  size_t asked_n, asked_at;
  /* the call */
  struct work *work;
  struct fetch *fetch;
  struct uv_work_s *job;
  bool job_ok;
  int failures, limited;
  bool refreshed, clock_retried;
  int64_t skew_built;
  /* on their way to the disk */
  int under_way;
  enum err stored;
  struct cmd *held;
  /* how it ends */
  bool stopping, ended, auth;
  bool in_job; /* the pool, a read or the writer holds something of this run */
  const char *error;
};

struct api *run_api(const struct run *r);
int64_t run_now(const struct run *r);
uint64_t run_random(const struct run *r);
int64_t run_end_of_window(const struct run *r); /* not later than the platform's time, by what is known of it now */
const struct connector_request *run_request_of(const struct run *r, enum call_kind k);
void run_wait(struct run *r, int64_t ms);
void run_work_drop(struct run *r);
void run_fetch_drop(struct run *r);
/* On the pool; after() on the loop begins with run_job_over(): false, the process stops and the run is over. */
void run_job(struct run *r, enum run_phase_of phase, void (*run)(struct uv_work_s *), void (*after)(struct uv_work_s *, int));
bool run_job_over(struct run *r);
struct cmd *run_page_new(struct run *r);
void run_page_send(struct run *r, struct cmd *c, bool is_last);
bool run_in_subs(const struct run *r);
const struct connector_id *run_ids_next(const struct run *r);
void run_detail_begin(struct run *r); /* the next detail call is of a first page */
void run_ids_done(struct run *r, size_t n);
bool run_ids_over(const struct run *r);
void run_next(struct run *r);
void run_call_good(struct run *r);
size_t run_batch(const struct run *r, enum call_kind kind);
void run_call(struct run *r, enum call_kind kind);
void run_call_send(struct run *r);
const char *run_error_text(struct run *r, const char *kind, const char *code, const char *message);
void run_fail(struct run *r, const char *kind, const char *code, const char *message);
void run_failed(struct run *r, enum verdict_kind kind, const char *code, const char *message, int64_t retry_after_ms);
void run_tokens_in(struct run *r);
void run_walk_begin(struct run *r);
void run_window_maybe_over(struct run *r);
void run_read(struct run *r, enum err (*run)(struct read *, struct db *), void (*done)(struct read *));
enum err run_asked(struct read *rd, struct db *db);
void run_asked_done(struct read *rd);
void run_answered(struct run *r);
void run_file(struct run *r);
void run_refetch(struct run *r);
void refetch_back(struct run *r);

#endif
