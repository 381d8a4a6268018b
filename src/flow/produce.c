/* produce.c: factories (domain 7.2). The work orders of a fulfilment are worked out from its lines and compared with what
 * there is, as fulfilments are from orders: so it does not matter what happened, how often, or in which order.
 *
 *   wanted ─► sent ─► accepted ─► started (step n of m) ─► finished ─► passed | failed | scrapped
 *   any of them ─► refused or cancelled by the factory; what failed or was scrapped is made again, sooner */
#include "flow.h"

#define FULFILMENTS_MAX 100   /* of one order with work orders */
#define OF_FACTORY "factory:" /* how the destination, and the actor, of a factory with a connector begins */

static bool of_factory(const struct cmd *c)
{
  return !strncmp(c->actor.name, OF_FACTORY, strlen(OF_FACTORY));
}

static bool by_connector(const struct cmd *c, const char *factory)
{
  for (size_t i = 0; i < c->rules->factories; i++)
    if (!strcmp(c->rules->factory[i], factory)) return true;
  return false;
}

static const char *destination_of(struct cmd *c, const struct work_order *w)
{
  return arena_printf(&c->mem, OF_FACTORY "%s", w->factory);
}

static enum err event(struct cmd *c, struct db *db, const struct work_order *w, const char *type)
{
  struct buf b = { 0 };
  struct jw j;
  jw_init(&j, &b), jw_object(&j), jw_id(&j, "order", 'o', w->order_id),
    jw_id(&j, "fulfilment", 'f', w->fulfilment_id);
  jw_kstring(&j, "state", work_state_name(w->state)), jw_kint(&j, "quantity", w->quantity);
  if (w->steps) jw_kint(&j, "step", w->step), jw_kint(&j, "steps", w->steps);
  if (w->cancel) jw_kstring(&j, "cancel", work_cancel_name(w->cancel));
  if (w->rework_of) jw_id(&j, "rework_of", 'w', w->rework_of);
  jw_object_end(&j);
  enum err e = progress_event(c, db, 'w', w->id, type, "%s", b.data);
  buf_release(&b);
  return e;
}

static enum err trouble(struct cmd *c, struct db *db, const struct work_order *w, const char *type,
                        const char *to_do)
{
  const char *data = arena_printf(&c->mem, "{\"work_order\":\"w_%lld\",\"state\":\"%s\",\"do\":\"%s\"}",
                                  (long long)w->id, work_state_name(w->state), to_do);
  return exception_open(db, type, w->order_id, 0, 0, "production", c->now_ms, data, NULL, NULL);
}

/* ---- sending, and taking back ------------------------------------------------------------------------------------------- */

/* What is held is not begun; when it is released it comes here again. */
static enum err push(struct cmd *c, struct db *db, struct work_order *w)
{
  const struct party_rules *factory = rules_party(c->rules, "factory", w->factory);
  if (w->state != WORK_WANTED || w->effect_id || !w->covers || !by_connector(c, w->factory) ||
      order_holds(db, w->order_id))
    return ERR_OK;
  bool safe = !factory || !factory->asks; /* a factory that can be asked is asked before it is told again */
  TRY(effect_put(db, "work", destination_of(c, w), id_text(&c->mem, 'w', w->id), safe,
                 arena_printf(&c->mem, "{\"work_order\":\"w_%lld\"}", (long long)w->id), c->now_ms, c->now_ms,
                 &w->effect_id));
  c->effects = true;
  return work_update(db, w, c->now_ms);
}

static enum err unsent(struct cmd *c, struct db *db, struct work_order *w, bool *yes)
{
  struct effect e;
  *yes = w->state == WORK_WANTED;
  if (!*yes || !w->effect_id) return ERR_OK;
  enum err err = effect_get(db, &c->mem, w->effect_id, &e);
  if (err) return err == ERR_NOT_FOUND ? ERR_OK : err;
  *yes = !strcmp(e.state, "waiting") && !e.attempts;
  return *yes ? effect_drop(db, e.id, c->now_ms) : ERR_OK;
}

/* Its factory is asked, where it may have heard of it; with hands on it, it may say no. */
static enum err take_back(struct cmd *c, struct db *db, struct work_order *w)
{
  bool never_sent, hand = !by_connector(c, w->factory);
  if (w->cancel || w->state == WORK_PASSED || w->state >= WORK_FAILED) {
    TRY(work_update(db, w, c->now_ms));
    return w->state == WORK_PASSED
             ? trouble(c, db, w, "cancel_after_start", "It is made already: find who takes it")
             : ERR_OK;
  }
  TRY(unsent(c, db, w, &never_sent));
  w->cancel = CANCEL_ASKED;
  if (never_sent || (hand && !work_begun(w))) w->state = WORK_CANCELLED, w->step = w->steps = 0;
  else if (!hand) {
    TRY(effect_put(db, "work_cancel", destination_of(c, w), id_text(&c->mem, 'w', w->id), true,
                   arena_printf(&c->mem, "{\"work_order\":\"w_%lld\"}", (long long)w->id), c->now_ms,
                   c->now_ms, NULL));
    c->effects = true;
  }
  TRY(work_update(db, w, c->now_ms));
  if (work_begun(w))
    TRY(trouble(c, db, w, "cancel_after_start",
                "The factory has begun: it says whether it stops (cancelled), or not"));
  return event(c, db, w, "work.cancel");
}

/* ---- as many as are wanted ------------------------------------------------------------------------------------------------ */

static bool of_line(const struct work_order *w, const struct fulfilment_line *l)
{
  return w->order_id == l->order_id && w->line_no == l->line_no;
}

static int64_t covered(const struct work_order *w, size_t n, const struct fulfilment_line *l)
{
  int64_t sum = 0;
  for (size_t i = 0; i < n; i++)
    if (of_line(&w[i], l) && work_live(&w[i])) sum += w[i].quantity;
  return sum;
}

/* The newest that can go without leaving too few; those not begun go even so: the rest is ordered anew. */
static struct work_order *surplus(struct work_order *w, size_t n, const struct fulfilment_line *l,
                                  int64_t over)
{
  struct work_order *begun = NULL;
  for (size_t i = n; i-- > 0;) {
    if (!of_line(&w[i], l) || !work_live(&w[i])) continue;
    if (!work_begun(&w[i])) return &w[i];
    if (!begun && w[i].quantity <= over) begun = &w[i];
  }
  return begun;
}

static enum err less(struct cmd *c, struct db *db, struct work_order *w, size_t n,
                     const struct fulfilment_line *l)
{
  for (int64_t over; (over = covered(w, n, l) - l->quantity) > 0;) {
    struct work_order *go = surplus(w, n, l, over);
    if (!go) {
      for (size_t i = 0; i < n; i++)
        if (of_line(&w[i], l) && work_live(&w[i]))
          return trouble(c, db, &w[i], "cancel_after_start",
                         "Fewer pieces are wanted than the factory has begun: ask it");
      return ERR_OK;
    }
    go->covers = false;
    TRY(take_back(c, db, go));
  }
  return ERR_OK;
}

static const struct work_order *remade(const struct work_order *w, size_t n, const struct fulfilment_line *l)
{
  const struct work_order *last = NULL;
  for (size_t i = 0; i < n; i++)
    if (of_line(&w[i], l) && w[i].covers && !work_live(&w[i])) last = &w[i];
  return last;
}

static size_t times(const struct work_order *w, size_t n, const struct fulfilment_line *l)
{
  size_t sum = 0;
  for (size_t i = 0; i < n; i++) sum += of_line(&w[i], l);
  return sum;
}

struct line_text {
  const char *sku, *title;
};

static enum err line_text(struct cmd *c, struct db *db, const struct fulfilment_line *l, struct line_text *t)
{
  struct order_money m;
  *t = (struct line_text){ 0 };
  TRY(order_money(db, &c->mem, l->order_id, NULL, 0, &m));
  for (size_t i = 0; i < m.lines; i++)
    if (m.line[i].line_no == l->line_no) *t = (struct line_text){ m.line[i].sku, m.line[i].title };
  if (l->line_no <= GIFT_LINE) return ERR_OK;
  struct gift *g;
  size_t n;
  TRY(gifts_of_order(db, &c->mem, l->order_id, &g, &n));
  for (size_t i = 0; i < n; i++)
    if (g[i].line_no == l->line_no) t->sku = g[i].sku;
  return ERR_OK;
}

static enum err more(struct cmd *c, struct db *db, const struct fulfilment *f, const char *factory,
                     const struct work_order *known, size_t n, const struct fulfilment_line *l)
{
  int64_t missing = l->quantity - covered(known, n, l), id;
  const struct work_order *again = remade(known, n, l);
  struct line_text t;
  struct order o;
  struct order_wish wish;
  struct work_order w;
  if (missing <= 0) return ERR_OK;
  if (again && times(known, n, l) >= WORK_AGAIN_MAX)
    return trouble(
      c, db, again, "qc_failed",
      "It was made too often and is not made again: see what is wrong with it, or cancel the order");
  TRY(line_text(c, db, l, &t));
  TRY(wish_get(db, &c->mem, l->order_id, &wish));
  TRY(order_get(db, &c->mem, l->order_id, &o));
  w = (struct work_order){ .fulfilment_id = f->id,
                           .order_id = l->order_id,
                           .line_no = l->line_no,
                           .quantity = missing,
                           .factory = factory,
                           .sku = t.sku,
                           .title = t.title,
                           .priority = wish.priority,
                           .wanted_by = o.ship_by };
  if (again && again->priority > w.priority) w.priority = again->priority;
  if (again) w.rework_of = again->id, w.priority++;
  TRY(work_insert(db, &w, c->now_ms, &id));
  TRY(work_get(db, &c->mem, id, &w));
  TRY(event(c, db, &w, "work.created"));
  return push(c, db, &w);
}

static bool in_production(const struct cmd *c, const struct fulfilment *f)
{
  int at = status_find(&c->rules->status, f->status);
  return at == ST_PRODUCING || at == ST_INSPECTED || at == ST_CANCELLED;
}

/* Lines that left the fulfilment want nothing. */
static enum err left_over(struct cmd *c, struct db *db, struct work_order *w, size_t n,
                          const struct fulfilment_line *l, size_t lines)
{
  for (size_t i = 0; i < n; i++) {
    bool there = false;
    for (size_t x = 0; x < lines; x++) there = there || of_line(&w[i], &l[x]);
    const struct fulfilment_line none = { w[i].order_id, w[i].line_no, 0 };
    if (!there) TRY(less(c, db, w, n, &none));
  }
  return ERR_OK;
}

/* Back to production when something failed after all, and on when all has passed. */
static enum err stage_follow(struct cmd *c, struct db *db, struct fulfilment *f, const struct work_order *w,
                             size_t n, const struct fulfilment_line *l, size_t lines)
{
  int at = status_find(&c->rules->status, f->status);
  bool all = lines > 0;
  for (size_t x = 0; x < lines; x++) {
    int64_t passed = 0;
    for (size_t i = 0; i < n; i++)
      if (of_line(&w[i], &l[x]) && w[i].covers && w[i].state == WORK_PASSED) passed += w[i].quantity;
    all = all && passed >= l[x].quantity;
  }
  if (all && at == ST_PRODUCING) {
    for (size_t x = 0; x < lines; x++)
      if (exception_settle(db, "qc_failed", l[x].order_id, 0, "system", c->now_ms) < 0 ||
          exception_settle(db, "work_late", l[x].order_id, 0, "system", c->now_ms) < 0)
        return ERR_IO;
    return fulfil_move(c, db, f, ST_INSPECTED, TRIGGER_SYSTEM, NULL);
  }
  if (!all && lines && at == ST_INSPECTED && n)
    return fulfil_move(c, db, f, ST_PRODUCING, TRIGGER_SYSTEM, NULL);
  return ERR_OK;
}

enum err produce_settle(struct cmd *c, struct db *db, struct fulfilment *f)
{
  struct fulfilment_line *l;
  struct warehouse at;
  struct work_order *w;
  size_t n, lines;
  if (!f->warehouse_id || !in_production(c, f)) return ERR_OK;
  TRY(warehouse_get(db, &c->mem, f->warehouse_id, &at));
  if (!at.factory) return ERR_OK;
  bool producing = status_find(&c->rules->status, f->status) == ST_PRODUCING;
  TRY(work_of_fulfilment(db, &c->mem, f->id, &w, &n));
  if (!n && !producing) return ERR_OK;
  TRY(fulfilment_lines(db, &c->mem, f->id, &l, &lines));
  TRY(left_over(c, db, w, n, l, lines));
  for (size_t x = 0; x < lines; x++) {
    TRY(less(c, db, w, n, &l[x]));
    TRY(more(c, db, f, at.code, w, n, &l[x]));
  }
  TRY(work_of_fulfilment(db, &c->mem, f->id, &w, &n));
  for (size_t i = 0; i < n; i++) TRY(push(c, db, &w[i]));
  return stage_follow(c, db, f, w, n, l, lines);
}

enum err produce_order(struct cmd *c, struct db *db, int64_t order_id)
{
  int64_t ids[FULFILMENTS_MAX];
  size_t n = work_fulfilments_of_order(db, order_id, ids, COUNT(ids));
  for (size_t i = 0; i < n; i++) {
    struct fulfilment f;
    TRY(fulfilment_get(db, &c->mem, ids[i], &f));
    TRY(produce_settle(c, db, &f));
  }
  return ERR_OK;
}

bool produce_begun(struct db *db, int64_t order_id)
{
  return work_started_any(db, order_id);
}

/* ---- progress --------------------------------------------------------------------------------------------------------------- */

static enum err late(struct cmd *c, struct db *db, const struct work_order *w)
{
  if (!w->covers || !w->wanted_by || !w->expected_at) return ERR_OK;
  if (w->expected_at > w->wanted_by)
    return trouble(c, db, w, "work_late",
                   "It will be ready after what was promised: tell the customer, or hurry the factory");
  return exception_settle(db, "work_late", w->order_id, 0, "system", c->now_ms) < 0 ? ERR_IO : ERR_OK;
}

static enum err said(struct cmd *c, struct db *db, const struct work_order *w, enum work_state was,
                     enum work_cancel asked)
{
  if (w->cancel == CANCEL_REFUSED && asked != CANCEL_REFUSED)
    TRY(trouble(c, db, w, "cancel_after_start",
                "The factory does not stop: take the pieces, or agree with it"));
  if (w->state != was && (w->state == WORK_FAILED || w->state == WORK_SCRAPPED))
    TRY(trouble(c, db, w, "qc_failed",
                "It is made again with higher priority: see whether its date still holds"));
  if (w->state != was &&
      (w->state == WORK_REFUSED || (w->state == WORK_CANCELLED && w->cancel == CANCEL_NONE)))
    TRY(trouble(c, db, w, "factory_refused",
                "The factory does not make it: cancel the work order with again, or the order"));
  if (w->state == WORK_CANCELLED && w->cancel &&
      exception_settle(db, "cancel_after_start", w->order_id, 0, c->actor.name, c->now_ms) < 0)
    return ERR_IO;
  return late(c, db, w);
}

static enum err progress(struct cmd *c, struct db *db, struct work_order *w, const struct work_event *e,
                         bool *applied)
{
  enum work_state was = w->state;
  enum work_cancel asked = w->cancel;
  *applied = work_apply(w, e);
  enum err err = work_event_put(db, w->id, e, *applied, c->now_ms);
  if (err == ERR_CONFLICT) return *applied = false, ERR_OK; /* said before */
  TRY(err);
  if (!*applied) return ERR_OK;
  TRY(work_update(db, w, c->now_ms));
  TRY(event(c, db, w, "work.progress"));
  return said(c, db, w, was, asked);
}

enum err produce_passed(struct cmd *c, struct db *db, struct fulfilment *f)
{
  struct work_order *w;
  size_t n;
  bool applied;
  TRY(work_of_fulfilment(db, &c->mem, f->id, &w, &n));
  for (size_t i = 0; i < n; i++) {
    const struct work_event e = { .says_state = true, .state = WORK_PASSED, .actor = c->actor.name };
    if (work_live(&w[i]) && w[i].state != WORK_PASSED) TRY(progress(c, db, &w[i], &e, &applied));
  }
  return ERR_OK;
}

static enum err target(struct cmd *c, struct db *db, struct work_order *w)
{
  int64_t id;
  enum err e = c->target && id_parse(c->target, 'w', &id) ? work_get(db, &c->mem, id, w) : ERR_NOT_FOUND;
  if (e == ERR_NOT_FOUND)
    return refuse(c, e, "work_order_not_found", "There is no work order %.100s", c->target ? c->target : "");
  TRY(e);
  if (of_factory(c) && strcmp(c->actor.name + strlen(OF_FACTORY), w->factory) != 0)
    return refuse(c, ERR_FORBIDDEN, "not_its_work_order", "w_%lld is made by another factory",
                  (long long)w->id);
  return version_holds(c, "work order", w->version);
}

static enum err answer(struct cmd *c, struct db *db, const struct work_order *w, const char *result)
{
  struct buf b = { 0 };
  enum err e = view_work(db, &c->mem, w->id, &b, &c->version);
  if (!e && result) {
    buf_str(&c->out, "{\"result\":\""), buf_str(&c->out, result), buf_str(&c->out, "\","),
      buf_str(&c->out, b.data + 1);
  } else if (!e) buf_str(&c->out, b.data);
  buf_release(&b);
  return e;
}

static enum err settle_of(struct cmd *c, struct db *db, const struct work_order *w)
{
  struct fulfilment f;
  TRY(fulfilment_get(db, &c->mem, w->fulfilment_id, &f));
  TRY(produce_settle(c, db, &f));
  return fulfil_settle(c, db);
}

struct work_args {
  const char *state, *cancel, *note, *expected_at, *reason;
  int64_t seq, step, steps, if_version;
  bool again;
  struct work_event event;
};

static void event_check(struct cmd *c, struct work_args *a)
{
  struct work_event *e = &a->event;
  if (a->state && !work_state_parse(a->state, &e->state))
    refuse_at(c, "/state", "unknown_state",
              "accepted, started, finished, passed, failed, scrapped, refused or cancelled");
  if (a->cancel && strcmp(a->cancel, "refused") != 0) refuse_at(c, "/cancel", "unknown_answer", "refused");
  if (a->expected_at && !time_parse(a->expected_at, &e->expected_at))
    refuse_at(c, "/expected_at", "bad_time", "A time with its zone: 2026-08-01T12:00:00+08:00");
  if (a->seq < 0 || a->seq > INT32_MAX) refuse_at(c, "/seq", "out_of_range", "1 to 2147483647");
  if (a->step < 0 || a->steps < a->step || a->steps > 10000)
    refuse_at(c, "/step", "out_of_range", "step is at most steps, steps at most 10000");
  if (of_factory(c) && !a->seq &&
      (a->state || a->expected_at)) /* what came late would undo what came after it */
    refuse_at(c, "/seq", "missing", "A factory's news are numbered: 1, 2, 3 …");
  if (!a->state && !a->cancel && !a->expected_at)
    refuse_at(c, "", "nothing_said", "state, expected_at or cancel is needed");
  e->says_state = a->state != NULL, e->cancel_refused = a->cancel != NULL;
  e->seq = a->seq, e->step = a->step, e->steps = a->steps, e->note = a->note, e->actor = c->actor.name;
}

enum err flow_work_progress_parse(struct cmd *c, const struct json *body)
{
  struct work_args *a = arena_new(&c->mem, struct work_args);
  const struct arg rows[] = {
    { "state", ARG_TEXT, false, 20, &a->state },   { "seq", ARG_INT, false, 0, &a->seq },
    { "step", ARG_INT, false, 0, &a->step },       { "steps", ARG_INT, false, 0, &a->steps },
    { "cancel", ARG_TEXT, false, 20, &a->cancel }, { "expected_at", ARG_TEXT, false, 40, &a->expected_at },
    { "note", ARG_TEXT, false, 500, &a->note },    { "if_version", ARG_VERSION, false, 0, &a->if_version }
  };
  c->args = a;
  TRY(args_read(c, body, rows, COUNT(rows)));
  if (a->if_version) c->if_version = a->if_version;
  event_check(c, a);
  return c->problem.faults.n ? ERR_INVALID : ERR_OK;
}

enum err flow_work_progress_run(struct cmd *c, struct db *db)
{
  const struct work_args *a = c->args;
  struct work_order w;
  bool applied;
  TRY(target(c, db, &w));
  TRY(progress(c, db, &w, &a->event, &applied));
  if (applied) TRY(settle_of(c, db, &w));
  return answer(c, db, &w, applied ? "applied" : "older");
}

enum err flow_work_cancel_parse(struct cmd *c, const struct json *body)
{
  struct work_args *a = arena_new(&c->mem, struct work_args);
  const struct arg rows[] = { { "reason", ARG_TEXT, true, 200, &a->reason },
                              { "again", ARG_BOOL, false, 0, &a->again },
                              { "if_version", ARG_VERSION, false, 0, &a->if_version } };
  c->args = a;
  TRY(args_read(c, body, rows, COUNT(rows)));
  if (a->if_version) c->if_version = a->if_version;
  return ERR_OK;
}

/* again: its pieces are ordered anew; else they wait for what becomes of their order. */
enum err flow_work_cancel_run(struct cmd *c, struct db *db)
{
  const struct work_args *a = c->args;
  struct work_order w;
  TRY(target(c, db, &w));
  bool over = w.state == WORK_PASSED || w.state == WORK_FAILED || w.state == WORK_SCRAPPED;
  bool asked = w.cancel == CANCEL_ASKED || (w.cancel && w.state == WORK_CANCELLED);
  if (over || !w.covers || (asked && !a->again))
    return refuse(c, ERR_CONFLICT, "work_over", "w_%lld is %s: there is nothing to cancel", (long long)w.id,
                  !over && asked ? "cancelled, or about to be" : work_state_name(w.state));
  if (w.cancel == CANCEL_REFUSED) w.cancel = CANCEL_NONE; /* it is asked once more */
  if (a->again) w.covers = false;
  w.note = a->reason;
  TRY(take_back(c, db, &w));
  if (exception_settle(db, "factory_refused", w.order_id, 0, c->actor.name, c->now_ms) < 0) return ERR_IO;
  TRY(settle_of(c, db, &w));
  return answer(c, db, &w, NULL);
}

/* ---- what the outbox asks ------------------------------------------------------------------------------------------------------- */

static bool work_of(struct cmd *c, struct db *db, const struct effect *e, struct work_order *w)
{
  int64_t id;
  return id_parse(e->subject, 'w', &id) && !work_get(db, &c->mem, id, w);
}

static size_t digits(const char *p)
{
  return strspn(p, "0123456789");
}

/* 13800000000, 138 0000 0000, 0571-88888888 */
static size_t telephone(const char *p)
{
  size_t n = digits(p), second, third;
  if (n >= 7) return n;
  if ((n != 3 && n != 4) || !strchr(" -", p[n]) || !p[n]) return 0;
  second = digits(p + n + 1);
  if (second >= 7) return n + 1 + second;
  if (n != 3 || second != 4 || !p[8] || !strchr(" -", p[8])) return 0;
  third = digits(p + 9);
  return third == 4 ? 13 : 0;
}

/* A factory makes goods; who gets them is not its business. */
static const char *without_numbers(struct cmd *c, const char *text)
{
  char *out = text ? arena_str(&c->mem, text) : NULL;
  for (char *p = out; p && *p; p++) {
    size_t n = telephone(p);
    if (n) memset(p + 3, '*', n - 3), p += n - 1;
    else p += digits(p) ? digits(p) - 1 : 0;
  }
  return out;
}

/* What the factory is told, once and for all: the same bytes at every try are the same work order to it. */
static enum err fixed(struct cmd *c, struct db *db, struct effect_taken *t, const struct work_order *w)
{
  struct faults f = { .mem = &c->mem };
  struct buf out = { 0 };
  struct jw j;
  struct order o;
  const char *data = t->effect.data;
  const struct json *known = json_parse(&c->mem, data, strlen(data), JSON_ELEMENTS_MAX, &f);
  if (json_get(known, "quantity")) return ERR_OK;
  TRY(order_get(db, &c->mem, w->order_id, &o));
  jw_init(&j, &out), jw_object(&j);
  enum err e = view_work_told(db, w->id, &j);
  jw_kstring(&j, "external_id", o.external_id);
  jw_kstring(&j, "remark_buyer", without_numbers(c, o.remark_buyer));
  jw_kstring(&j, "remark_seller", without_numbers(c, o.remark_seller));
  if (w->cancel) jw_kstring(&j, "reason", without_numbers(c, w->note));
  jw_object_end(&j);
  if (!e) t->effect.data = arena_strn(&c->mem, out.data, out.len);
  buf_release(&out);
  return e ? e : effect_fix(db, t->effect.id, t->effect.data);
}

/* The answer tells how it stands there: its sequence says whether that is news. NULL: it says nothing of the kind. */
static const struct work_args *answer_read(struct cmd *c, const char *result)
{
  struct faults f = { .mem = &c->mem };
  struct work_args *a = arena_new(&c->mem, struct work_args);
  const struct json *j = result ? json_parse(&c->mem, result, strlen(result), JSON_ELEMENTS_MAX, &f) : NULL;
  if (!j || json_type(j) != JSON_OBJECT) return NULL;
  struct work_event *e = &a->event;
  a->cancel = json_string(json_get(j, "cancel"));
  a->state = json_string(json_get(j, "state"));
  bool fits = json_int(json_get(j, "seq"), &e->seq) && e->seq > 0 && e->seq <= INT32_MAX;
  if (!fits) e->seq = 0;
  json_int(json_get(j, "step"), &e->step), json_int(json_get(j, "steps"), &e->steps);
  if (e->step < 0 || e->steps < e->step || e->steps > 10000) e->step = e->steps = 0;
  e->says_state = fits && a->state && work_state_parse(a->state, &e->state);
  const char *expected = json_string(json_get(j, "expected_at")), *note = json_string(json_get(j, "note"));
  if (!fits || !expected || !time_parse(expected, &e->expected_at)) e->expected_at = 0;
  e->note = note && strlen(note) <= 500 ? note : NULL;
  return a;
}

static enum err answer_apply(struct cmd *c, struct db *db, struct work_order *w, const struct work_args *a)
{
  bool applied;
  if (!a || !(a->event.says_state || a->event.expected_at)) return ERR_OK;
  struct work_event e = a->event;
  e.actor = destination_of(c, w);
  TRY(progress(c, db, w, &e, &applied));
  return applied ? settle_of(c, db, w) : ERR_OK;
}

enum err produce_take(struct cmd *c, struct db *db, struct effect_taken *t, bool *gone)
{
  struct work_order w;
  *gone = !work_of(c, db, &t->effect, &w) || w.effect_id != t->effect.id || !w.covers || w.cancel;
  if (*gone) return ERR_OK;
  if (!t->ask && w.state == WORK_WANTED && !t->effect.attempts && order_holds(db, w.order_id)) {
    w.effect_id = 0, *gone = true; /* put again when it is released */
    return work_update(db, &w, c->now_ms);
  }
  return fixed(c, db, t, &w);
}

/* A person has it sent once more: a refusal is over. */
static enum err again(struct cmd *c, struct db *db, struct work_order *w)
{
  if (w->state != WORK_REFUSED || w->seq || !w->covers || w->cancel) return ERR_OK;
  w->state = WORK_WANTED;
  TRY(work_update(db, w, c->now_ms));
  TRY(event(c, db, w, "work.progress"));
  return exception_settle(db, "factory_refused", w->order_id, 0, c->actor.name, c->now_ms) < 0 ? ERR_IO
                                                                                               : ERR_OK;
}

enum err produce_told(struct cmd *c, struct db *db, const struct effect *e, enum told what, const char *error,
                      const char *result)
{
  struct work_order w;
  (void)error;
  if (!work_of(c, db, e, &w) || w.effect_id != e->id) return ERR_OK;
  if (what == TOLD_SENT) return again(c, db, &w);
  if (what != TOLD_ACCEPTED && what != TOLD_REFUSED) return ERR_OK;
  enum work_state was = w.state;
  if (!w.seq && w.state <= WORK_SENT) w.state = what == TOLD_ACCEPTED ? WORK_SENT : WORK_REFUSED;
  if (w.state != was) {
    TRY(work_update(db, &w, c->now_ms));
    TRY(event(c, db, &w, "work.progress"));
    TRY(said(c, db, &w, was, w.cancel));
  }
  return what == TOLD_ACCEPTED ? answer_apply(c, db, &w, answer_read(c, result)) : ERR_OK;
}

enum err produce_cancel_take(struct cmd *c, struct db *db, struct effect_taken *t, bool *gone)
{
  struct work_order w;
  *gone = !work_of(c, db, &t->effect, &w) || w.cancel != CANCEL_ASKED || w.state == WORK_CANCELLED;
  return *gone ? ERR_OK : fixed(c, db, t, &w);
}

static bool is_word(const char *said, const char *word)
{
  return said && !strcmp(said, word);
}

/* Accepted and nothing else said: it stops. It may also say no, or that it answers later; and how it stands there, which its
 * number says whether to believe. */
enum err produce_cancel_told(struct cmd *c, struct db *db, const struct effect *e, enum told what,
                             const char *error, const char *result)
{
  struct work_order w;
  (void)error;
  if (!work_of(c, db, e, &w) || (what != TOLD_ACCEPTED && what != TOLD_REFUSED)) return ERR_OK;
  const struct work_args *a = what == TOLD_ACCEPTED ? answer_read(c, result) : NULL;
  TRY(answer_apply(c, db, &w, a));
  TRY(work_get(db, &c->mem, w.id, &w)); /* what follows from the answer may have changed it */
  if (w.cancel != CANCEL_ASKED || w.state == WORK_CANCELLED) return ERR_OK;
  bool no = what == TOLD_REFUSED || (a && is_word(a->cancel, "refused"));
  bool waits = a && (a->cancel || a->event.says_state || (a->state && !is_word(a->state, "cancelled")));
  if (!no && waits) return ERR_OK;
  enum work_state was = w.state;
  if (no) w.cancel = CANCEL_REFUSED;
  else w.state = WORK_CANCELLED;
  TRY(work_update(db, &w, c->now_ms));
  TRY(event(c, db, &w, "work.cancel"));
  TRY(said(c, db, &w, was, CANCEL_ASKED));
  return settle_of(c, db, &w);
}
