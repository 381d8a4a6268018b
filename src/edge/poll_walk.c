/* poll_walk.c: what good answers bring to a run: pages, orders, groups; and the rows of tills. */
#include "edge.h"
#include <uv.h>

enum { PAGE_FRESH_LEAST = 5 }; /* one row in five of a page is new */

/* ---- when it is good: pages ---------------------------------------------------------------------------------------------------- */
/* Does the page bring next to nothing that the walk has not? Then it is an earlier page again, with a stray row or two. A
 * platform that gives its first page for every one is found out at the latest when the first page itself is read; a page without rows must at least lead on. Of an
 * honest platform a page may look so when most of it changed meanwhile and left the window: the run fails, and the next
 * reads the window anew. */
static bool page_repeats(struct run *r, const struct work *w)
{
  int64_t fresh = 0;
  if (!w->rows && w->cursor && !strcmp(w->cursor, w->vars.cursor)) return true;
  for (int64_t i = 0; i < w->rows; i++) {
    if (!rows_add(&r->seen, w->row[i])) continue;
    fresh++;
    r->pass_sum += w->row[i];
  }
  return w->rows && fresh * PAGE_FRESH_LEAST <= w->rows - (w->rows < PAGE_FRESH_LEAST);
}

void run_walk_begin(struct run *r)
{
  r->page = run_request_of(r, CALL_LIST)->first_page, r->pages = 0, r->probed = false, r->list_done = false;
  r->cursor.len = 0, r->walked_pages = 0, r->pass_sum = 0;
  rows_clear(&r->seen);
}

/* A platform with too many rows for one walk: half the time, half the rows. */
static bool time_halve(struct run *r)
{
  if (r->until - r->from < 2000) return false;
  r->until = r->from + (r->until - r->from) / 2;
  return true;
}

static bool window_halve(struct run *r)
{
  if (!time_halve(r)) return false;
  run_walk_begin(r);
  return true;
}

/* Quarters of pages were too many: better kept whole. */
static bool pages_whole(struct run *r)
{
  if (!r->p->slow || r->p->whole) return false;
  r->p->whole = true, r->p->slow = POLL_SLOW_TRIES;
  run_walk_begin(r);
  return true;
}

/* true: the pass is complete and the next page is set otherwise. */
static void walk_on(struct run *r, const struct work *w)
{
  enum connector_walk walk = run_request_of(r, CALL_LIST)->walk;
  if (walk == WALK_BACKWARD) {
    int64_t first = run_request_of(r, CALL_LIST)->first_page;
    if (w->probe) r->list_done = true; /* one page was all */
    else if (--r->page < first) r->list_done = true;
    return;
  }
  r->probed = true;
  r->cursor.len = 0;
  if (w->cursor) buf_str(&r->cursor, w->cursor), r->page++;
  else r->list_done = true;
  if (!r->list_done || walk != WALK_TWICE) return;
  bool agree = r->pass && r->pass_sum == r->pass_before;
  r->pass_before = r->pass_sum, r->pass++;
  if (!agree) run_walk_begin(r);
}

/* An order that a page names twice is fetched once. */
static void ids_take(struct run *r, const struct work *w)
{
  struct rows_seen once = { 0 };
  arena_reset(&r->ids_mem);
  r->id = arena_array(&r->ids_mem, struct connector_id, w->ids + 1);
  r->ids = r->id_at = r->singles = 0;
  for (size_t i = 0; i < w->ids; i++) {
    const struct connector_id *id = &w->id[i];
    if (!rows_add(&once, hash64(id->id, strlen(id->id), 2))) continue;
    r->id[r->ids++] = (struct connector_id){ arena_str(&r->ids_mem, id->id), arena_str(&r->ids_mem, id->row),
                                             id->updated_ms };
  }
  rows_release(&once);
}

/* Those that we have in this very state need not be fetched. */
static enum err known_run(struct read *rd, struct db *db)
{
  struct run *r = *(struct run **)rd->args;
  size_t n = 0;
  struct channel ch;
  if (channel_find(db, &rd->mem, r->p->set.name, &ch)) return ERR_OK;
  for (size_t i = 0; i < r->ids; i++) {
    int64_t known = 0;
    enum err e = r->id[i].updated_ms ? order_known(db, ch.id, r->id[i].id, &known) : ERR_NOT_FOUND;
    if (e && e != ERR_NOT_FOUND) return e;
    if (e || known != r->id[i].updated_ms) r->id[n++] = r->id[i];
  }
  r->ids = n;
  return ERR_OK;
}

/* Without one there is nothing to compare. */
static bool ids_have_times(const struct run *r)
{
  for (size_t i = 0; i < r->ids; i++)
    if (r->id[i].updated_ms) return true;
  return false;
}

/* A window without news still moves the watermark. */
void run_window_maybe_over(struct run *r)
{
  if (r->kind == RUN_ASK || !r->list_done || !run_ids_over(r) || r->window_sent) return;
  run_page_send(r, run_page_new(r), true);
}

static void known_done(struct read *rd)
{
  struct run *r = *(struct run **)rd->args;
  enum err e = rd->err;
  r->p->poller->busy--;
  r->in_job = false;
  read_free(rd);
  if (!r->stopping && e) {
    run_fail(r, "store", err_code(e), "What is known could not be read");
    return;
  }
  if (!r->stopping) run_window_maybe_over(r);
  run_next(r);
}

void run_read(struct run *r, enum err (*run)(struct read *, struct db *), void (*done)(struct read *))
{
  struct read *rd = read_new(run_api(r), NULL);
  struct run **arg = arena_new(&rd->mem, struct run *);
  *arg = r;
  rd->args = arg, rd->run = run, rd->done = done, rd->heavy = true;
  r->phase = PHASE_THINK, r->in_job = true;
  r->p->poller->busy++;
  read_start_always(rd);
}

static void run_list_in(struct run *r)
{
  struct work *w = r->work;
  bool backward = run_request_of(r, CALL_LIST)->walk == WALK_BACKWARD;
  r->row.pages++;
  if (w->pages > POLL_PAGES_MAX || ++r->walked_pages > POLL_PAGES_MAX) {
    run_fetch_drop(r), run_work_drop(r);
    if (window_halve(r) || pages_whole(r)) run_next(r);
    else run_fail(r, "refused", "too_many_pages", "More pages in two seconds than can be walked");
    return;
  }
  if (backward && w->probe && w->pages > 1) {
    r->pages = w->pages, r->probed = true;
    r->page = run_request_of(r, CALL_LIST)->first_page + w->pages - 1;
    run_fetch_drop(r), run_work_drop(r);
    run_next(r);
    return;
  }
  if (page_repeats(r, w)) {
    run_failed(r, VERDICT_RETRY, "repeated_page", "The platform gave the same page again", 0);
    return;
  }
  if (r->pass > POLL_PASSES_MAX) {
    run_fail(r, "retry", "unsteady", "The window's rows change with every reading");
    return;
  }
  walk_on(r, w);
  r->row.received += w->rows, r->p->state.received += w->rows;
  run_call_good(r);
  if (r->p->connector->has_detail) {
    ids_take(r, w);
    run_fetch_drop(r), run_work_drop(r);
    if (ids_have_times(r)) {
      run_read(r, known_run, known_done);
      return;
    }
    run_window_maybe_over(r);
    run_next(r);
    return;
  }
  struct cmd *c = w->page;
  w->page = NULL;
  run_fetch_drop(r), run_work_drop(r);
  run_page_send(r, c, r->list_done);
  run_next(r);
}

static void subs_take(struct run *r, const struct work *w)
{
  arena_reset(&r->sub_mem);
  r->sub = arena_array(&r->sub_mem, struct connector_id, w->ids + 1);
  r->subs = w->ids, r->sub_at = 0;
  for (size_t i = 0; i < w->ids; i++)
    r->sub[i] =
      (struct connector_id){ arena_str(&r->sub_mem, w->id[i].id), arena_str(&r->sub_mem, w->id[i].row), 0 };
}

/* A page of a detail call that is not the last. */
static void run_detail_in(struct run *r)
{
  struct work *w = r->work;
  if (!strcmp(w->cursor, w->vars.cursor) || ++r->detail_pages >= POLL_DETAIL_PAGES_MAX) {
    run_detail_begin(r);
    run_failed(r, VERDICT_RETRY, "repeated_page", "The platform gave the same page again", 0);
    return;
  }
  if (r->detail.len + w->answer.body_n >= CONNECTOR_BODY_MAX) {
    run_detail_begin(r);
    run_failed(r, VERDICT_REFUSED, "too_large", "The pages of the answer are too large together", 0);
    return;
  }
  if (r->detail.len) buf_char(&r->detail, ',');
  buf_put(&r->detail, w->answer.body, w->answer.body_n);
  r->detail_cursor.len = 0;
  buf_str(&r->detail_cursor, w->cursor);
  r->limited = 0, r->refreshed = r->clock_retried = false; /* failures count until the last page is here */
  run_fetch_drop(r), run_work_drop(r);
  run_next(r);
}

static void run_orders_in(struct run *r)
{
  struct work *w = r->work;
  struct cmd *c = w->page;
  size_t n = run_batch(r, w->kind);
  w->page = NULL;
  run_ids_done(r, n);
  if (w->ids) subs_take(r, w);
  run_call_good(r);
  if (r->kind == RUN_ASK) r->row.received += w->rows, r->p->state.received += w->rows;
  run_fetch_drop(r), run_work_drop(r);
  run_page_send(r, c, r->kind != RUN_ASK && r->list_done && run_ids_over(r));
  run_next(r);
}

/* ---- when it is good: groups ------------------------------------------------------------------------------------------------------ */
static void groups_done(struct cmd *c)
{
  struct run *r = c->owner;
  r->under_way--;
  r->p->poller->busy--;
  if (c->job.err) r->stored = c->job.err;
  api_cmd_free(run_api(r), c);
  if ((r->phase == PHASE_STORE && !r->in_job) || r->stopping) run_next(r);
}

static const char *group_of(const struct work *w, const char *external_id)
{
  for (size_t i = 0; i < w->groups; i++)
    if (!strcmp(w->group[i].external_id, external_id)) return w->group[i].group;
  return NULL;
}

static void run_groups_in(struct run *r)
{
  struct work *w = r->work;
  size_t n = run_batch(r, CALL_MERGE), said = 0;
  struct cmd *c = api_own_cmd(run_api(r), CMD_GROUP_PLATFORM);
  struct platform_args *args = arena_new(&c->mem, struct platform_args);
  struct platform_verdict *list = arena_array(&c->mem, struct platform_verdict, n + 1);
  for (size_t i = 0; i < n; i++) {
    const struct token_order *o = &r->asked[r->asked_at + i];
    const char *group = group_of(w, o->external_id);
    if (!group) continue; /* the platform says nothing of it */
    list[said++] =
      (struct platform_verdict){ arena_str(&c->mem, r->p->set.name), arena_str(&c->mem, o->external_id),
                                 arena_str(&c->mem, group), (uint64_t)o->content };
  }
  *args = (struct platform_args){ arena_str(&c->mem, rules_family(c->rules, r->p->set.name)), list, said };
  c->args = args, c->actor.name = arena_printf(&c->mem, "channel:%s", r->p->set.name);
  r->asked_at += n;
  run_call_good(r);
  run_fetch_drop(r), run_work_drop(r);
  r->under_way++;
  r->p->poller->busy++;
  if (!api_push(run_api(r), c, groups_done, r)) {
    r->under_way--;
    r->p->poller->busy--;
    r->stored = ERR_BUSY;
    api_cmd_free(run_api(r), c);
  }
  run_next(r);
}

enum err run_asked(struct read *rd, struct db *db)
{
  struct run *r = *(struct run **)rd->args;
  struct channel ch;
  if (channel_find(db, &rd->mem, r->p->set.name, &ch)) return ERR_OK;
  int64_t window = rd->rules->rules.merge.window_ms;
  return order_ask_platform(db, &r->mem, ch.id, run_now(r) - 5 * window, window, &r->asked, &r->asked_n);
}

void run_asked_done(struct read *rd)
{
  struct run *r = *(struct run **)rd->args;
  r->p->poller->busy--;
  r->in_job = false;
  if (rd->err) r->asked_n = 0;
  read_free(rd);
  run_next(r);
}

/* The mapping met a limit. Less may pass: pages are asked for in quarters, orders one by one; runs fail and the watermark
 * stays. One order that is too much alone, or a page that does not get smaller, is kept as failed in the end: neither may
 * hold up the others for ever. */
static void run_slow(struct run *r)
{
  struct work *w = r->work;
  if (w->kind != CALL_LIST && run_batch(r, w->kind) > 1) {
    r->singles = run_batch(r, w->kind);
    run_detail_begin(r);
    run_fetch_drop(r), run_work_drop(r);
    run_next(r);
    return;
  }
  r->p->slow++;
  if (w->kind == CALL_LIST) run_walk_begin(r);
  else run_detail_begin(r);
  run_failed(r, VERDICT_RETRY, "mapping_limit", w->why, 0);
}

void run_answered(struct run *r)
{
  struct work *w = r->work;
  if (w->verdict.kind != VERDICT_OK) {
    run_failed(r, w->verdict.kind, w->verdict.code, w->verdict.message, w->verdict.retry_after_ms);
    return;
  }
  if (w->limited) {
    run_slow(r);
    return;
  }
  if (w->why) {
    run_fail(r, "connector", "answer_not_read", w->why);
    return;
  }
  switch (w->kind) {
  case CALL_LIST: run_list_in(r); return;
  case CALL_DETAIL:
    if (w->cursor) {
      run_detail_in(r);
      return;
    }
    run_orders_in(r);
    return;
  case CALL_ONE: run_orders_in(r); return;
  case CALL_REFRESH: run_tokens_in(r); return;
  case CALL_MERGE: run_groups_in(r); return;
  case CALL_N: break;
  }
  must(false);
}

/* ---- tills: no call, only the pool -------------------------------------------------------------------------------------------------- */
static void file_run(uv_work_t *job)
{
  struct run *r = job->data;
  bool more = false;
  r->job_ok = file_work(r->p, r->work, &r->files, r->from, r->until, &more);
  r->list_done = !more;
}

static void file_after(uv_work_t *job, int status)
{
  struct run *r = job->data;
  (void)status;
  if (!run_job_over(r)) return;
  struct work *w = r->work;
  if (!r->job_ok) {
    run_fail(r, "file", "not_read", w->why);
    return;
  }
  if (w->full && time_halve(r)) {
    run_next(r);
    return;
  }
  if (w->limited || w->full) {
    r->p->slow += w->limited;
    run_failed(r, VERDICT_RETRY, w->limited ? "mapping_limit" : "too_many_rows", w->why, 0);
    return;
  }
  struct cmd *c = w->page;
  w->page = NULL;
  r->row.pages++, r->row.received += w->rows, r->p->state.received += w->rows;
  r->p->state.failures = 0;
  run_work_drop(r);
  run_page_send(r, c, r->list_done);
  run_next(r);
}

void run_file(struct run *r)
{
  run_work_drop(r);
  r->work = mem_new(sizeof *r->work);
  r->work->kind = CALL_LIST;
  r->work->vars = (struct connector_vars){ .now_ms = run_now(r), .from_ms = r->from, .to_ms = r->until };
  r->work->keeps = r->p->slow >= POLL_SLOW_TRIES;
  r->work->page = run_page_new(r);
  run_job(r, PHASE_READ, file_run, file_after);
}
