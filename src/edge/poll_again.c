/* poll_again.c: failed payloads of polled channels mapped again, after a person mended the connector. What the platform
 * sent is still there; the mapping runs on the pool, and what it makes goes the way of any retried payload. */
#include "edge.h"
#include <uv.h>

enum { AGAIN_STEP = 50, AGAIN_BYTES = 8 << 20 };

struct item {
  int64_t id;
  const char *raw;
  const char *body; /* {"order":…} for the command; NULL: it still cannot be mapped */
  const char *error;
  struct cmd *page; /* of a page that was kept whole: all its orders, stored before the payload is settled */
  bool is_empty;    /* it has none any more */
};

struct again {
  struct poller *poller;
  struct pollee *p; /* whose payloads */
  struct arena mem;
  struct call *call; /* who asked; NULL: the connector's file changed */
  const char *why;   /* it was not mapped; of mem or for ever */
  int64_t after, only;
  struct item item[AGAIN_STEP];
  size_t n, at;
  int64_t applied, failed, asked, seen;
  uv_work_t work;
  struct arena box_mem;
  struct connector_box *box;
};

static void again_step(struct again *g);

static void again_end(struct again *g)
{
  struct pollee *p = g->p;
  for (size_t i = g->at; i < g->n; i++)
    if (g->item[i].page) api_cmd_free(g->poller->api, g->item[i].page);
  if (g->call && g->poller->stopping)
    call_refuse(g->call, ERR_BUSY, "stopping", NULL, "Send it again in a moment.");
  else if (g->call)
    call_refuse(g->call, ERR_INVALID, "mapping_failed", NULL, "The connector still makes no order of it: %s",
                g->why ? g->why : "");
  else if (g->seen) {
    log_line(LOG_INFO, "channel %s: of %lld failed payloads %lld are orders now, %lld are asked for again",
             p->set.name, (long long)g->seen, (long long)g->applied, (long long)g->asked);
  }
  connector_close(g->box);
  p->again = NULL;
  g->poller->busy--;
  arena_release(&g->mem), arena_release(&g->box_mem);
  mem_free(g);
  pollee_wake(p);
}

/* ---- mapping, on the pool ---------------------------------------------------------------------------------------- */
static const char *mapped_body(struct again *g, const struct connector_order *o)
{
  struct buf b = { 0 };
  struct jw w;
  size_t n;
  const char *order = order_with_channel(&g->mem, g->p, o, &n);
  jw_init(&w, &b), jw_object(&w), jw_key(&w, "order"), jw_raw(&w, order, n), jw_object_end(&w);
  const char *text = arena_strn(&g->mem, b.data, b.len);
  buf_release(&b);
  return text;
}

/* {"at":"$","call":"list","rows":…,"order":<the whole answer>}, or a till's file */
static bool is_page(const char *raw)
{
  static const char head[] = "{\"at\":\"$\",\"call\":";
  return file_is_kept(raw) || (raw && !strncmp(raw, head, sizeof head - 1) && strstr(raw, ",\"order\":"));
}

/* Its orders are items of the page now; the first of them settles the payload. */
static void page_taken(struct again *g, struct item *t, const struct work *w)
{
  const struct poll_page *page = t->page->args;
  t->is_empty = !w->orders;
  for (size_t i = 0; i < w->orders && !t->body; i++)
    if (page->item[i].draft) t->body = mapped_body(g, &w->order[i]);
  if (!t->body && w->orders) t->error = "none of its rows is an order";
}

static void page_map(struct again *g, struct item *t)
{
  struct json_span envelope = json_span_of(t->raw, strlen(t->raw)), body, rows, call;
  struct connector_vars v = { .now_ms = poll_now(g->p) };
  struct connector_order *list = NULL;
  size_t n = 0;
  if (!json_span_member(envelope, "order", &body) || !json_span_member(envelope, "call", &call)) return;
  if (json_span_member(envelope, "rows", &rows))
    v.rows = arena_strn(&g->mem, rows.p, (size_t)(rows.end - rows.p));
  struct connector_answer ans = { .status = 200, .body_n = (size_t)(body.end - body.p) };
  ans.body = arena_strn(&g->mem, body.p, ans.body_n);
  bool one = call.end - call.p == 5 && !memcmp(call.p, "\"one\"", 5);
  if (!connector_orders(g->box, &g->mem, one ? "orders one" : "orders", &ans, &v, &list, &n, &t->error))
    return;
  struct work w = { .page = t->page };
  work_items(g->p, &w, list, n);
  page_taken(g, t, &w);
  arena_release(&w.mem);
}

static void file_map_again(struct again *g, struct item *t)
{
  struct work w = { .page = t->page, .vars.now_ms = poll_now(g->p) };
  const char *why = NULL;
  if (file_again(g->p, g->box, &w, t->raw, &why)) page_taken(g, t, &w);
  else t->error = arena_str(&g->mem, why);
  arena_release(&w.mem);
}

static void map_run(uv_work_t *work)
{
  struct again *g = work->data;
  const char *why = NULL;
  if (!g->box) g->box = connector_open(g->p->connector, &g->box_mem, &why);
  if (!g->box) return;
  connector_values(g->box, poll_secret, poll_setting, g->p);
  for (size_t i = 0; i < g->n; i++) {
    struct connector_order o = { 0 };
    struct connector_vars v = { .now_ms = poll_now(g->p) };
    struct item *t = &g->item[i];
    if (t->page && file_is_kept(t->raw)) file_map_again(g, t);
    else if (t->page) page_map(g, t);
    else if (t->raw && connector_again(g->box, &g->mem, t->raw, strlen(t->raw), &v, &o, &t->error))
      t->body = mapped_body(g, &o);
  }
}

static void retry_next(struct again *g);

static void retry_done(struct cmd *c)
{
  struct again *g = c->owner;
  bool ok = !c->job.err && c->out.data && !strstr(c->out.data, "\"state\":\"failed\"");
  g->applied += ok, g->failed += !ok;
  if (g->call) c->owner = g->call, g->call = NULL, call_done(c);
  else api_cmd_free(g->poller->api, c);
  retry_next(g);
}

static bool settle_push(struct again *g, const struct item *t)
{
  enum cmd_id id = t->is_empty ? CMD_PAYLOAD_DISCARD : CMD_PAYLOAD_RETRY;
  struct cmd *c = g->call ? call_cmd(g->call, id) : api_own_cmd(g->poller->api, id);
  if (!c) return g->call = NULL, false; /* it was answered */
  const char *body = t->is_empty ? "{\"note\":\"The page holds no order\"}" : t->body;
  if (!g->call) c->actor.roles = ROLE_ADMIN;
  c->target = id_text(&c->mem, 'p', t->id);
  if (!cmd_parse(c, body, strlen(body)) && api_push(g->poller->api, c, retry_done, g)) return true;
  api_cmd_free(g->poller->api, c);
  return false;
}

/* Its orders are stored: now the payload itself may be settled. */
static void page_stored(struct cmd *c)
{
  struct again *g = c->owner;
  bool ok = !c->job.err;
  api_cmd_free(g->poller->api, c);
  if (ok && settle_push(g, &g->item[g->at - 1])) return;
  g->failed++, g->why = "what it made could not be stored";
  retry_next(g);
}

static void retry_next(struct again *g)
{
  while (g->at < g->n) {
    struct item *t = &g->item[g->at++];
    struct cmd *page = t->page;
    t->page = NULL;
    if (page && t->body && api_push(g->poller->api, page, page_stored, g)) return;
    if (page) api_cmd_free(g->poller->api, page);
    if ((page ? t->is_empty : t->body != NULL) && settle_push(g, t)) return;
    g->failed++, g->why = t->error;
  }
  again_step(g);
}

static void map_after(uv_work_t *work, int status)
{
  struct again *g = work->data;
  (void)status;
  g->at = 0;
  if (g->poller->stopping) again_end(g);
  else retry_next(g);
}

/* ---- which ---------------------------------------------------------------------------------------------------------- */
static enum err step_run(struct read *rd, struct db *db)
{
  struct again *g = *(struct again **)rd->args;
  int64_t ids[AGAIN_STEP];
  struct channel ch;
  TRY(channel_find(db, &rd->mem, g->p->set.name, &ch));
  size_t n = g->only ? 1 : payload_next_failed(db, ch.id, g->after, ids, AGAIN_STEP);
  if (g->only) ids[0] = g->only;
  size_t bytes = 0;
  for (size_t i = 0; i < n && bytes < AGAIN_BYTES; i++) {
    struct payload p;
    TRY(payload_get(db, &g->mem, ids[i], &p));
    bytes += p.body ? strlen(p.body) : 0;
    g->item[g->n++] = (struct item){ .id = ids[i], .raw = p.body, .page = NULL };
  }
  return ERR_OK;
}

static struct cmd *page_cmd(struct again *g)
{
  struct cmd *c = api_own_cmd(g->poller->api, CMD_POLL_PAGE);
  struct poll_page *page = arena_new(&c->mem, struct poll_page);
  c->actor.name = arena_printf(&c->mem, "channel:%s", g->p->set.name);
  *page =
    (struct poll_page){ .channel = arena_str(&c->mem, g->p->set.name), .source = "poll", .careful = true };
  c->args = page;
  return c;
}

static void step_done(struct read *rd)
{
  struct again *g = *(struct again **)rd->args;
  bool over = rd->err || !g->n || g->poller->stopping;
  read_free(rd);
  if (over) {
    again_end(g);
    return;
  }
  g->after = g->item[g->n - 1].id, g->seen += (int64_t)g->n;
  for (size_t i = 0; i < g->n; i++) {
    struct item *t = &g->item[i];
    if (is_page(t->raw)) t->page = page_cmd(g);
    else if (refetch_is(t->raw)) g->asked += pollee_refetch(g->p, t->id), t->raw = NULL;
  }
  g->work.data = g;
  must(!uv_queue_work(g->poller->api->loop, &g->work, map_run, map_after));
}

static void again_step(struct again *g)
{
  bool over = (g->only && g->seen) || g->p->changed ||
              g->poller->stopping; /* changed: it begins anew with the new file */
  g->n = g->at = 0;
  if (over) {
    again_end(g);
    return;
  }
  arena_release(&g->mem), g->why = NULL;
  struct read *rd = read_new(g->poller->api, NULL);
  struct again **arg = arena_new(&rd->mem, struct again *);
  *arg = g;
  rd->args = arg, rd->run = step_run, rd->done = step_done, rd->heavy = true;
  read_start_always(rd);
}

bool payloads_again(struct pollee *p, struct call *call, int64_t only)
{
  if (p->again || !p->connector || p->poller->stopping) return false;
  struct again *g = p->again = mem_new(sizeof *g);
  g->poller = p->poller, g->p = p, g->call = call, g->only = only;
  p->poller->busy++;
  again_step(g);
  return true;
}

/* ---- POST /v1/payloads/{id}/retry: who can map it? --------------------------------------------------------------------- */
struct whose {
  const char *channel;
  int64_t id;
  bool mapped; /* by a connector: its raw is of our making */
};

static enum err whose_run(struct read *rd, struct db *db)
{
  struct whose *w = rd->args;
  struct payload p;
  struct channel ch;
  if (!id_parse(rd->call->id, 'p', &w->id)) return ERR_OK;
  enum err e = payload_get(db, &rd->mem, w->id, &p);
  if (e) return e == ERR_NOT_FOUND ? ERR_OK : e;
  TRY(channel_by_id(db, &rd->mem, p.channel_id, &ch));
  w->channel = ch.name;
  w->mapped =
    (!strcmp(p.source, "poll") || !strcmp(p.source, "push")) && p.body && !strcmp(p.state, "failed");
  return ERR_OK;
}

static void retry_plain(struct call *k)
{
  struct cmd *c = call_cmd(k, CMD_PAYLOAD_RETRY);
  if (c) call_send(k, c, k->r->body, k->r->body_n);
}

struct mapping {
  struct call *k;
  struct pollee *p;
  struct arena mem;
  const char *raw, *body, *why;
  uv_work_t work;
};

static void mapping_run(uv_work_t *work)
{
  struct mapping *m = work->data;
  struct connector_order o = { 0 };
  struct connector_vars v = { .now_ms = poll_now(m->p) };
  struct connector_box *box = connector_open(m->p->connector, &m->mem, &m->why);
  if (!box) return;
  connector_values(box, poll_secret, poll_setting, m->p);
  if (connector_again(box, &m->mem, m->raw, strlen(m->raw), &v, &o, &m->why)) {
    struct again g = { .p = m->p };
    m->body = arena_str(&m->mem, mapped_body(&g, &o));
    arena_release(&g.mem);
  }
  connector_close(box);
}

static void mapping_after(uv_work_t *work, int status)
{
  struct mapping *m = work->data;
  struct call *k = m->k;
  (void)status;
  m->p->poller->busy--, m->p->mapping--;
  struct cmd *c = m->body ? call_cmd(k, CMD_PAYLOAD_RETRY) : NULL;
  if (!m->body)
    call_refuse(k, ERR_INVALID, "mapping_failed", NULL, "The connector still makes no order of it: %s",
                m->why ? m->why : "");
  else if (c) call_send(k, c, arena_str(&c->mem, m->body), strlen(m->body));
  arena_release(&m->mem);
  mem_free(m);
}

static enum err raw_run(struct read *rd, struct db *db)
{
  struct payload p;
  int64_t id;
  TRY(whose_run(rd, db));
  if (!((struct whose *)rd->args)->mapped || !id_parse(rd->call->id, 'p', &id)) return ERR_OK;
  TRY(payload_get(db, &rd->mem, id, &p));
  buf_str(&rd->out, p.body);
  return ERR_OK;
}

static void raw_done(struct read *rd)
{
  struct whose *w = rd->args;
  struct call *k = rd->call;
  struct pollee *p = w->mapped && !rd->err ? poller_find(k->api->poller, w->channel) : NULL;
  if (!p || !p->connector) {
    read_free(rd);
    retry_plain(k);
    return;
  }
  if (is_page(rd->out.data)) { /* all its orders are one payload */
    int64_t id = w->id;
    read_free(rd);
    if (!payloads_again(p, k, id))
      call_refuse(k, ERR_BUSY, "retry_runs", NULL, "Payloads of this channel are being mapped already.");
    return;
  }
  if (refetch_is(rd->out.data) && pollee_refetch(p, w->id)) {
    struct buf out = { 0 };
    buf_printf(&out, "{\"id\":\"p_%lld\",\"state\":\"failed\",\"orders\":[],\"result\":\"asked\"}",
               (long long)w->id);
    read_free(rd);
    call_reply(k, 202, NULL, &out);
    buf_release(&out);
    return;
  }
  struct mapping *m = mem_new(sizeof *m);
  m->k = k, m->p = p;
  m->raw = arena_strn(&m->mem, rd->out.data, rd->out.len);
  m->work.data = m;
  p->poller->busy++, p->mapping++;
  read_free(rd);
  must(!uv_queue_work(k->api->loop, &m->work, mapping_run, mapping_after));
}

void payload_retry_post(struct call *k)
{
  struct problem pr = { .faults.mem = &k->r->mem };
  struct json *j =
    k->r->body_n ? json_parse(&k->r->mem, k->r->body, k->r->body_n, JSON_ELEMENTS_MAX, &pr.faults) : NULL;
  if (j && json_count(j)) {
    retry_plain(k); /* a person mended it */
    return;
  }
  struct read *rd = read_new(k->api, k);
  rd->args = arena_new(&rd->mem, struct whose);
  rd->run = raw_run, rd->done = raw_done;
  read_or_refuse(rd);
}

/* ---- POST /v1/payloads/retry: what came by API and file first, then each channel's --------------------------------------- */
static void retried(struct cmd *c)
{
  struct call *k = c->owner;
  struct poller *poller = k->api->poller;
  if (!c->job.err)
    for (struct pollee *p = poller->first; p; p = p->next)
      if (!p->leaving) payloads_again(p, NULL, 0);
  call_done(c);
}

void payloads_retry_post(struct call *k)
{
  struct cmd *c = call_cmd(k, CMD_PAYLOAD_RETRY_ALL);
  if (c) call_send_to(k, c, k->r->body, k->r->body_n, retried);
}
