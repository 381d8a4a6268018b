/* poll_run.c: one run of one channel, from its first window to the note of how it ended. Everything it waits for, the
 * pool, the platform, the writer, a clock, is one phase; run_next() decides what comes after. */
#include "edge.h"
#include <uv.h>

static const char *const phase_names[] = { "thinking", "building", "waiting for its turn",
                                           "asking",   "reading",  "storing",
                                           "waiting",  "ending" };
enum { SURGE_WAIT_MS = 500, STORE_RETRY_MS = 5000, ASKS_A_RUN = 50, CLOCKS_APART_MS = 60000 };

const char *run_phase(const struct run *r)
{
  return phase_names[r->phase];
}

struct api *run_api(const struct run *r)
{
  return r->p->poller->api;
}

int64_t run_now(const struct run *r)
{
  struct env *e = run_api(r)->env;
  return e->now_ms(e);
}

uint64_t run_random(const struct run *r)
{
  uint64_t v;
  struct env *e = run_api(r)->env;
  e->random(e, &v, sizeof v);
  return v;
}

const struct connector_request *run_request_of(const struct run *r, enum call_kind k)
{
  return connector_request(r->p->connector, call_name(k));
}

void run_wait(struct run *r, int64_t ms)
{
  r->phase = PHASE_WAIT;
  r->p->waits++;
  pollee_later(r->p, ms > 0 ? ms : 1);
}

static bool run_refreshes(const struct run *r)
{
  return r->work && r->work->kind == CALL_REFRESH;
}

/* ---- pool jobs -------------------------------------------------------------------------------------------------- */
void run_work_drop(struct run *r)
{
  if (!r->work) return;
  if (r->work->page) api_cmd_free(run_api(r), r->work->page);
  arena_release(&r->work->mem);
  mem_free(r->work);
  r->work = NULL;
}

void run_fetch_drop(struct run *r)
{
  if (!r->fetch) return;
  fetch_stop(r->p->poller->fetcher, r->fetch);
  arena_release(&r->fetch->mem);
  mem_free(r->fetch);
  r->fetch = NULL;
}

void run_job(struct run *r, enum run_phase_of phase, uv_work_cb run, uv_after_work_cb after)
{
  r->phase = phase, r->in_job = true;
  r->job->data = r;
  r->p->poller->busy++;
  must(!uv_queue_work(run_api(r)->loop, r->job, run, after));
}

/* false: the process stops; what was under way is dropped, but never tokens: the old ones may be worth nothing. */
bool run_job_over(struct run *r)
{
  r->p->poller->busy--;
  r->in_job = false;
  if (!r->stopping || (r->phase == PHASE_READ && run_refreshes(r))) return true;
  run_next(r);
  return false;
}

/* ---- storing ---------------------------------------------------------------------------------------------------------- */
struct cmd *run_page_new(struct run *r)
{
  struct cmd *c = api_own_cmd(run_api(r), CMD_POLL_PAGE);
  struct poll_page *page = arena_new(&c->mem, struct poll_page);
  c->actor.name = arena_printf(&c->mem, "channel:%s", r->p->set.name);
  page->channel = arena_str(&c->mem, r->p->set.name);
  page->source = r->kind == RUN_ASK && !r->payload ? "push" : "poll";
  page->missed_before = r->missed_before;
  c->args = page;
  return c;
}

static void page_push(struct run *r, struct cmd *c);

/* One of its rows failed halfway: the whole is undone, and comes again row by row. */
static bool page_again(struct cmd *c)
{
  struct poll_page *page = (struct poll_page *)(uintptr_t)c->args;
  if (c->job.err != ERR_CONFLICT || c->left != POLL_PAGE_CAREFULLY || page->careful) return false;
  page->careful = true;
  c->job.err = ERR_OK, c->left = 0, c->out.len = 0;
  memset(c->numbers, 0, sizeof c->numbers);
  c->problem = (struct problem){ .faults.mem = &c->mem };
  return true;
}

static void page_done(struct cmd *c)
{
  struct run *r = c->owner;
  const struct poll_page *page = c->args;
  if (page_again(c)) {
    r->under_way--;
    r->p->poller->busy--;
    page_push(r, c);
    return;
  }
  r->under_way--;
  r->p->poller->busy--;
  if (c->job.err) r->stored = c->job.err;
  else {
    r->row.created += c->numbers[0], r->row.updated += c->numbers[1];
    r->row.failed += c->numbers[2], r->row.misses += c->numbers[3];
    r->p->state.misses += c->numbers[3];
    if (page->watermark > r->p->state.watermark) r->p->state.watermark = page->watermark;
  }
  api_cmd_free(run_api(r), c);
  if (r->held && !r->under_way) {
    struct cmd *held = r->held;
    r->held = NULL;
    if (r->stored || r->stopping) api_cmd_free(run_api(r), held);
    else page_push(r, held);
  }
  if ((r->phase == PHASE_STORE && !r->in_job) || r->stopping) run_next(r);
}

static void page_push(struct run *r, struct cmd *c)
{
  struct poll_page *page = (struct poll_page *)(uintptr_t)c->args;
  page->buckets = poll_buckets(r->p, &c->mem, &page->bucket);
  r->under_way++;
  r->p->poller->busy++;
  if (api_push(run_api(r), c, page_done, r)) return;
  r->under_way--;
  r->p->poller->busy--;
  r->stored = ERR_BUSY;
  api_cmd_free(run_api(r), c);
}

/* Our clock may have been wrong when the window was made, which the answers showed: what had not happened yet is not read. */
int64_t run_end_of_window(const struct run *r)
{
  int64_t until = r->opened_at + r->p->state.skew_ms - r->p->set.window.settle_ms;
  return until < r->until ? until : r->until;
}

/* The last page of a window goes when all others of it are durable, and takes the watermark with it. */
void run_page_send(struct run *r, struct cmd *c, bool is_last)
{
  struct poll_page *page = (struct poll_page *)(uintptr_t)c->args;
  if (is_last) {
    r->window_sent = true;
    if (r->kind == RUN_POLL) page->watermark = run_end_of_window(r);
  }
  if (!page->items && !page->watermark) {
    api_cmd_free(run_api(r), c);
    return;
  }
  if (page->watermark && r->under_way) r->held = c;
  else page_push(r, c);
}

/* ---- which orders are fetched next ---------------------------------------------------------------------------------- */
bool run_in_subs(const struct run *r)
{
  return r->sub_at < r->subs;
}

const struct connector_id *run_ids_next(const struct run *r)
{
  return run_in_subs(r) ? &r->sub[r->sub_at] : &r->id[r->id_at];
}

void run_detail_begin(struct run *r)
{
  r->detail.len = r->detail_cursor.len = 0, r->detail_pages = 0;
}

void run_ids_done(struct run *r, size_t n)
{
  run_detail_begin(r);
  if (run_in_subs(r)) r->sub_at += n;
  else r->id_at += n;
  r->singles -= r->singles < n ? r->singles : n;
}

bool run_ids_over(const struct run *r)
{
  return !run_in_subs(r) && r->id_at >= r->ids;
}

/* ---- windows -------------------------------------------------------------------------------------------------------------------------- */
static bool window_open(struct run *r)
{
  const struct poll_settings *s = &r->p->set;
  int64_t now = poll_now(r->p);
  r->opened_at = run_now(r);
  r->in_window = r->window_sent = r->list_done = false;
  r->ids = r->id_at = 0, r->pass = 0, r->pass_before = 0;
  if (r->kind == RUN_SWEEP) {
    r->from = r->walked ? r->walked : now - s->sweep_back_ms;
    r->until = r->from + s->window.window_ms < r->end ? r->from + s->window.window_ms : r->end;
    r->in_window = r->until - r->from >= 1000;
  } else {
    r->in_window = window_next(&s->window, r->p->state.watermark, r->walked, now, &r->from, &r->until);
    /* What has come meanwhile is for the next run, else a busy channel would never end one. */
    if (r->in_window && r->walked && r->until - r->from < s->window.window_ms && r->from >= r->end)
      r->in_window = false;
  }
  if (!r->in_window) return false;
  if (!r->row.from_at) r->row.from_at = r->from;
  if (r->p->connector->kind == CONNECTOR_HTTP) run_walk_begin(r);
  else poll_files_release(&r->files);
  return true;
}

static void window_over(struct run *r)
{
  r->row.until_at = r->walked = r->until;
  r->in_window = false;
}

/* ---- the end --------------------------------------------------------------------------------------------------------------------------- */
static void run_free(struct run *r)
{
  struct pollee *p = r->p;
  run_fetch_drop(r), run_work_drop(r);
  if (r->held) api_cmd_free(run_api(r), r->held);
  arena_release(&r->mem), arena_release(&r->ids_mem), arena_release(&r->sub_mem);
  buf_release(&r->cursor), buf_release(&r->detail), buf_release(&r->detail_cursor);
  rows_release(&r->seen), poll_files_release(&r->files);
  p->run = NULL;
  mem_free(r->job);
  mem_free(r);
  pollee_wake(p);
}

static void note_done(struct cmd *c)
{
  struct run *r = c->owner;
  r->p->poller->busy--;
  if (c->job.err && !r->stopping)
    log_line(LOG_WARN, "channel %s: how its run ended could not be stored: %s", r->p->set.name,
             err_title(c->job.err));
  api_cmd_free(run_api(r), c);
  run_free(r);
}

/* The watermark is ahead of all clocks: one of them was wrong, and what changed since then was not asked for. As far back
 * as a sweep looks. 0: all is well. */
static int64_t rewound(const struct run *r)
{
  const struct pollee *p = r->p;
  int64_t now = poll_now(p);
  if (r->kind != RUN_POLL || p->state.watermark <= now + CLOCKS_APART_MS) return 0;
  if (p->connector->kind == CONNECTOR_HTTP && p->connector->clock_by_date && !r->dated) return 0;
  return now - p->set.sweep_back_ms;
}

/* What a push named and a platform in trouble did not tell comes again. */
static void asks_back(struct run *r)
{
  struct pollee *p = r->p;
  if (r->payload) {
    refetch_back(r);
    return;
  }
  size_t n = r->ids - r->id_at;
  if (n > POLL_ASKS_MAX - p->asks) n = POLL_ASKS_MAX - p->asks;
  memmove(p->ask + n, p->ask, p->asks * sizeof *p->ask);
  for (size_t i = 0; i < n; i++)
    memcpy(p->ask[i].id, r->id[r->id_at + i].id, strlen(r->id[r->id_at + i].id) + 1);
  p->asks += n;
}

static void state_after(struct run *r)
{
  struct poll *s = &r->p->state;
  bool ok = !r->error;
  s->run_at = r->row.began_at;
  if (ok && r->kind != RUN_ASK) s->ok_at = r->row.ended_at, s->open_until = 0;
  if (ok && r->kind == RUN_SWEEP) s->swept_at = r->row.ended_at;
  if (ok && r->kind == RUN_POLL && !s->swept_at)
    s->swept_at = r->row.ended_at; /* the first run looked as far back */
  if (ok && r->kind != RUN_ASK) r->p->stale_told = false, r->p->slow = 0, r->p->whole = false;
  if (ok || r->kind != RUN_ASK) {
    arena_reset(&r->p->state_mem);
    s->error = arena_str(&r->p->state_mem, r->error);
  }
  if (!ok && r->kind == RUN_ASK && s->open_until > run_now(r)) asks_back(r);
  if (ok) r->p->runs_ok++;
  else r->p->runs_failed++;
}

static struct cmd *note_cmd(struct run *r)
{
  struct cmd *c = api_own_cmd(run_api(r), CMD_POLL_STATE);
  struct poll_state *s = arena_new(&c->mem, struct poll_state);
  struct poll_run *row = arena_new(&c->mem, struct poll_run);
  struct poll *poll = arena_new(&c->mem, struct poll);
  *row = r->row, row->error = arena_str(&c->mem, r->error);
  *poll = r->p->state, poll->error = arena_str(&c->mem, poll->error);
  poll->connector = arena_str(&c->mem, r->p->connector->name);
  s->channel = arena_str(&c->mem, r->p->set.name), s->run = row, s->poll = poll;
  s->buckets = poll_buckets(r->p, &c->mem, &s->bucket);
  if (!r->error && r->kind != RUN_ASK) s->settle[0] = "channel_auth", s->settle[1] = "channel_stale";
  else if (r->error && r->auth) s->open_type = "channel_auth";
  else if (r->error && pollee_is_stale(r->p, run_now(r))) s->open_type = "channel_stale";
  s->open_data = row->error;
  if ((s->again_from = rewound(r))) {
    r->p->state.watermark = s->again_from, r->p->next_at = 0;
    log_line(LOG_WARN, "channel %s: it was read beyond now; a clock was set; it is read again",
             r->p->set.name);
  }
  c->args = s, c->actor.name = arena_printf(&c->mem, "channel:%s", r->p->set.name);
  return c;
}

static void run_end(struct run *r)
{
  if (r->phase == PHASE_NOTE) return;
  r->phase = PHASE_NOTE;
  if (r->stored && !r->error)
    r->error = run_error_text(r, "store", err_code(r->stored), err_title(r->stored));
  if (r->stopping) {
    run_free(r);
    return;
  }
  r->row.ended_at = run_now(r);
  if (r->stored) r->p->next_at = r->row.ended_at + STORE_RETRY_MS;
  state_after(r);
  struct cmd *c = note_cmd(r);
  r->p->poller->busy++;
  if (api_push(run_api(r), c, note_done, r)) return;
  r->p->poller->busy--;
  api_cmd_free(run_api(r), c);
  run_free(r);
}

/* ---- what comes next --------------------------------------------------------------------------------------------------------------------- */
/* Before it ends: a sixth of its life, five minutes at most; half a minute where the life is not known any more. */
static int64_t early_ms(const struct poll_secret_value *v)
{
  int64_t sixth = v->life_ms ? v->life_ms / 6 : POLL_TOKEN_EARLY_MS / 10;
  return sixth < POLL_TOKEN_EARLY_MS ? sixth : POLL_TOKEN_EARLY_MS;
}

static bool token_ends(const struct run *r)
{
  const struct pollee *p = r->p;
  if (!p->connector->has_refresh || r->refreshed || p->renewing) return false;
  for (size_t i = 0; i < p->secrets; i++)
    if (p->secret[i].expires_at && strstr(p->secret[i].name, "access") &&
        p->secret[i].expires_at < run_now(r) + early_ms(&p->secret[i]))
      return true;
  return false;
}

static bool is_surging(const struct run *r)
{
  const struct api *api = run_api(r);
  return api->disk_full || (int64_t)writer_waiting(api->writer) > api->rules->rules.surge_queue;
}

static enum call_kind order_call(const struct run *r)
{
  const struct connector *c = r->p->connector;
  if (r->kind != RUN_ASK || run_in_subs(r) || !c->has_one) return CALL_DETAIL;
  return c->has_detail && r->id[r->id_at].row ? CALL_DETAIL
                                              : CALL_ONE; /* as it was asked for when it was refused */
}

static void run_merge_next(struct run *r)
{
  if (!r->merge_read) {
    r->merge_read = true;
    run_read(r, run_asked, run_asked_done);
  } else if (r->asked_at < r->asked_n) {
    run_call(r, CALL_MERGE);
  } else {
    run_end(r);
  }
}

void run_next(struct run *r)
{
  struct pollee *p = r->p;
  if (r->stopping || r->ended || r->stored) {
    if (r->under_way || r->in_job || r->phase == PHASE_NOTE) {
      if (r->phase != PHASE_NOTE && !r->in_job) r->phase = PHASE_STORE;
      return;
    }
    run_end(r);
    return;
  }
  r->error = NULL;
  if (r->held || r->under_way >= POLL_UNDER_WAY || (r->window_sent && r->under_way)) {
    r->phase = PHASE_STORE;
    return;
  }
  if (r->window_sent) window_over(r), r->window_sent = false;
  if (is_surging(r)) {
    run_wait(r, SURGE_WAIT_MS);
    return;
  }
  if (token_ends(r)) {
    r->refreshed = true;
    run_call(r, CALL_REFRESH);
    return;
  }
  if (!run_ids_over(r)) {
    run_call(r, order_call(r));
    return;
  }
  if (r->kind != RUN_ASK && (r->in_window || window_open(r))) {
    if (p->connector->kind == CONNECTOR_HTTP) run_call(r, CALL_LIST);
    else run_file(r);
    return;
  }
  if (r->under_way) r->phase = PHASE_STORE;
  else if (r->kind == RUN_POLL && p->connector->has_merge) run_merge_next(r);
  else run_end(r);
}

void run_wake(struct run *r)
{
  if (r->phase == PHASE_WAIT) run_next(r);
  else if (r->phase == PHASE_PACE) {
    if (r->stopping) run_next(r);
    else run_call_send(r);
  }
}

void run_stop(struct run *r)
{
  if (r->stopping) return;
  r->stopping = true;
  if (r->in_job || (r->phase == PHASE_CALL && run_refreshes(r)))
    return; /* the pool may be reading the answer */
  run_fetch_drop(r);
  if (r->phase == PHASE_WAIT || r->phase == PHASE_PACE || r->phase == PHASE_CALL) run_next(r);
}

static void asks_take(struct run *r)
{
  struct pollee *p = r->p;
  r->ids = p->asks < ASKS_A_RUN ? p->asks : ASKS_A_RUN;
  r->id = arena_array(&r->ids_mem, struct connector_id, r->ids + 1);
  for (size_t i = 0; i < r->ids; i++) r->id[i].id = arena_str(&r->ids_mem, p->ask[i].id);
  p->asks -= r->ids;
  memmove(p->ask, p->ask + r->ids, p->asks * sizeof *p->ask);
}

void run_start(struct pollee *p, enum run_kind kind)
{
  static const char *const names[] = { "poll", "sweep", "ask" };
  struct run *r = p->run = mem_new(sizeof *r);
  r->p = p, r->kind = kind;
  r->job = mem_new(sizeof *r->job);
  r->row = (struct poll_run){ .kind = names[kind], .began_at = run_now(r) };
  r->end = poll_now(p) - p->set.window.settle_ms;
  if (kind == RUN_SWEEP) r->missed_before = p->state.watermark - p->set.window.overlap_ms;
  if (kind == RUN_ASK && !p->asks) {
    run_refetch(r);
    return;
  }
  if (kind == RUN_ASK) asks_take(r);
  run_next(r);
}
