/* returns.c: cases through their steps (domain 8): customer service, warehouse, finance. Each step is approved by another
 * person, for exactly what the others saw; whatever changes that begins anew at the first. */
#include "flow.h"

#define PIECES_MAX 1000000

/* ---- what the case flows share ----------------------------------------------------------------------------------- */

const char *returns_person(const struct cmd *c)
{
  return c->actor.person ? c->actor.person : c->actor.name;
}

enum err returns_target(struct cmd *c, struct db *db, struct aftercase *k)
{
  int64_t id;
  enum err e = c->target && id_parse(c->target, 'c', &id) ? case_get(db, &c->mem, id, k) : ERR_NOT_FOUND;
  if (e == ERR_NOT_FOUND)
    return refuse(c, e, "case_not_found", "There is no case %.40s", c->target ? c->target : "");
  TRY(e);
  return version_holds(c, "case", k->version);
}

enum err returns_event(struct cmd *c, struct db *db, const struct aftercase *k, const char *type)
{
  struct buf b = { 0 };
  struct jw w;
  jw_init(&w, &b), jw_object(&w), jw_id(&w, "case", 'c', k->id),
    jw_kstring(&w, "kind", case_kind_name(k->kind));
  jw_kstring(&w, "state", case_state_name(k->state));
  if (k->step != CASE_STEPS) jw_kstring(&w, "step", case_step_name(k->step));
  jw_object_end(&w);
  enum err e = progress_event(c, db, 'o', k->order_id, type, "%s", b.data);
  buf_release(&b);
  return e;
}

enum err returns_did(struct cmd *c, struct db *db, const struct aftercase *k, enum case_act act,
                     const char *note)
{
  bool own = act == ACT_SKIP;
  struct case_did d = { .case_id = k->id,
                        .round = k->round,
                        .at = c->now_ms,
                        .step = k->step,
                        .act = act,
                        .person = own ? "orderd" : returns_person(c),
                        .actor = own ? "orderd" : c->actor.name,
                        .note = note };
  enum err e = case_act_put(db, &d);
  return e == ERR_CONFLICT
           ? refuse(c, e, "case_too_long", "More was done with this case than can be kept: close it")
           : e;
}

enum err returns_may(struct cmd *c, const struct aftercase *k, enum case_act act)
{
  enum err e = case_may(k->state, k->step, act, c->actor.roles);
  c->problem.extra = arena_printf(&c->mem, "\"state\":\"%s\"", case_state_name(k->state));
  if (e == ERR_CONFLICT && k->state == CASE_OPEN)
    return refuse(c, e, act == ACT_SEND_BACK ? "first_step" : "case_open",
                  act == ACT_SEND_BACK ? "This is the first step: there is none to send it back to"
                                       : "The case is still open");
  if (e == ERR_CONFLICT) return refuse(c, e, "case_closed", "The case is %s", case_state_name(k->state));
  if (e && k->step != CASE_STEPS)
    return refuse(c, e, "not_your_step", "The case waits for %s", case_step_name(k->step));
  if (e) return refuse(c, e, "not_your_step", "None of your roles may do this");
  c->problem.extra = NULL;
  return ERR_OK;
}

enum err returns_answer(struct cmd *c, struct db *db, int64_t id)
{
  enum privacy p = c->actor.roles & (ROLE_ADMIN | ROLE_CS | ROLE_WAREHOUSE) ? SHOW_FULL : SHOW_MASKED;
  c->out.len = 0;
  return view_case(db, &c->mem, id, c->actor.roles & ROLES_CASES, p, &c->out, &c->version);
}

struct step_args {
  const char *note, *reason;
  int64_t if_version;
};

static enum err step_parse(struct cmd *c, const struct json *body, bool reason)
{
  struct step_args *a = arena_new(&c->mem, struct step_args);
  const struct arg rows[] = { { "note", ARG_TEXT, false, 500, &a->note },
                              { "if_version", ARG_VERSION, false, 0, &a->if_version },
                              { "reason", ARG_TEXT, true, 500, &a->reason } };
  c->args = a;
  TRY(args_read(c, body, rows, reason ? 3 : 2));
  if (a->if_version) c->if_version = a->if_version;
  return ERR_OK;
}

/* ---- steps ---------------------------------------------------------------------------------------------------------- */

static void step_enter(struct cmd *c, struct aftercase *k, enum case_step s)
{
  const struct returns_rules *r = &c->rules->returns;
  k->step = s, k->step_since = c->now_ms, k->due_at = 0, k->due_step = 0;
  if (s == CASE_STEPS) return;
  int64_t ms = r->remind_ms[s] ? r->remind_ms[s] : r->escalate_ms[s];
  if (!ms) return;
  k->due_at = calendar_add(&c->rules->status.calendar, c->now_ms, ms, r->working);
  k->due_step = r->remind_ms[s] ? 1 : 2;
}

/* What is at stake: the money, or what the goods cost that go out again. -1: nobody knows. */
static enum err stake_of(struct cmd *c, struct db *db, const struct aftercase *k, int64_t *stake)
{
  struct case_line *l;
  size_t n;
  *stake = k->amount;
  if (k->kind == CASE_RETURN || k->kind == CASE_REFUND_ONLY) return ERR_OK;
  TRY(case_lines(db, &c->mem, k->id, &l, &n));
  for (size_t i = 0; i < n; i++) {
    if (!l[i].worth || !l[i].bought) return *stake = -1, ERR_OK;
    *stake += (l[i].worth / l[i].bought + 1) * l[i].quantity;
  }
  return ERR_OK;
}

static bool refunded_already(const struct aftercase *k)
{
  return k->amount > 0 && !strcmp(k->refund, "accepted");
}

struct skip { /* why a step need not be taken */
  bool yes;
  const struct rule *rule;
  const char *note;
};

static enum err is_skipped(struct cmd *c, struct db *db, const struct aftercase *k, enum case_step s,
                           struct skip *out)
{
  const struct returns_rules *r = &c->rules->returns;
  int64_t stake;
  *out =
    (struct skip){ .yes = s == STEP_FINANCE && refunded_already(k), .note = "the channel has refunded it" };
  if (out->yes || s == STEP_CS) return ERR_OK;
  if (r->skip_below && r->skip[s]) {
    TRY(stake_of(c, db, k, &stake));
    out->yes = stake >= 0 && stake < r->skip_below, out->note = "a small amount";
  }
  if (out->yes) return ERR_OK;
  TRY(rule_of_step(c, db, k, s, &out->rule));
  out->yes = out->rule != NULL;
  if (out->yes) out->note = arena_printf(&c->mem, "rule %s %s", out->rule->name, out->rule->version);
  return ERR_OK;
}

/* The next step that has to be taken; those that need not are noted. */
static enum err step_next(struct cmd *c, struct db *db, struct aftercase *k, int from)
{
  for (int s = from; s < CASE_STEPS; s++) {
    struct skip skip;
    step_enter(c, k, (enum case_step)s);
    TRY(is_skipped(c, db, k, k->step, &skip));
    if (!skip.yes) return ERR_OK;
    TRY(returns_did(c, db, k, ACT_SKIP, skip.note));
    TRY(returns_event(c, db, k, "case.step_skipped"));
    if (skip.rule) TRY(rule_skipped(c, db, k, skip.rule));
  }
  step_enter(c, k, CASE_STEPS);
  return ERR_OK;
}

/* Once more from the first step: what was approved was something else. */
static enum err restart(struct cmd *c, struct db *db, struct aftercase *k)
{
  TRY(case_in_time(c, db, k, k->step));
  k->round++;
  step_enter(c, k, STEP_CS);
  return ERR_OK;
}

/* ---- an order that has not left waits until its case is over ---------------------------------------------------------- */

#define HOLD "case"

static enum err hold_put(struct cmd *c, struct db *db, struct order *o, const struct aftercase *k)
{
  const struct status_table *t = &c->rules->status;
  struct group g;
  bool is_new;
  int at = status_find(t, o->status);
  if (o->shipped_at || at < 0 || t->stage[at].terminal || at == ST_SHIPPED) return ERR_OK;
  TRY(order_hold(db, o->id, HOLD, arena_printf(&c->mem, "c_%lld", (long long)k->id), c->actor.name, c->now_ms,
                 &is_new));
  if (!is_new) return ERR_OK;
  TRY(order_bump(db, o, c->now_ms));
  TRY(progress_event(c, db, 'o', o->id, "order.hold", "{\"reason\":\"" HOLD "\"}"));
  if (o->group_id && !group_get(db, &c->mem, o->group_id, &g) && !strcmp(g.state, "locked"))
    TRY(progress_stop(c, db, o, "held"));
  return regroup(c, db, o->id);
}

/* Its money went back, and its channel has not said so yet: its pieces must not leave meanwhile. */
static enum err still_to_be_told(struct cmd *c, struct db *db, const struct aftercase *k, bool *yes)
{
  struct case_line *l;
  size_t n;
  *yes = false;
  if (k->state != CASE_DONE || !k->amount || k->refund_id) return ERR_OK;
  TRY(case_lines(db, &c->mem, k->id, &l, &n));
  for (size_t i = 0; i < n; i++) *yes = *yes || l[i].quantity;
  *yes = *yes || k->amount >= k->ceiling;
  return ERR_OK;
}

enum err returns_release(struct cmd *c, struct db *db, int64_t order_id)
{
  struct order o;
  int64_t ids[CASES_MAX], released;
  size_t n = cases_of_order(db, order_id, ids, COUNT(ids));
  for (size_t i = 0; i < n; i++) {
    struct aftercase k;
    TRY(case_get(db, &c->mem, ids[i], &k));
    if (k.state == CASE_OPEN || k.state == CASE_APPROVED) return ERR_OK;
    bool stays;
    TRY(still_to_be_told(c, db, &k, &stays));
    if (stays) return ERR_OK;
  }
  TRY(order_release(db, order_id, HOLD, &released));
  if (!released) return ERR_OK;
  TRY(order_get(db, &c->mem, order_id, &o));
  TRY(order_bump(db, &o, c->now_ms));
  TRY(progress_event(c, db, 'o', o.id, "order.release", "{\"reason\":\"" HOLD "\"}"));
  if (order_holds(db, o.id)) return ERR_OK;
  TRY(elsewhere_released(c, db, &o));
  TRY(progress_follow(c, db, &o, o.shipped_at));
  TRY(regroup(c, db, o.id));
  fulfil_touch(c, o.id);
  return ERR_OK;
}

/* ---- what is asked for ---------------------------------------------------------------------------------------------------- */

struct ask_line {
  const char *line_id, *sku, *amount, *instead;
  int64_t line_no, quantity, kept; /* kept: its amount as it was */
  bool has_quantity, is_kept;
};
struct ask_args {
  const char *order, *kind, *reason, *note, *amount, *refund_id;
  const struct json *lines;
  struct ask_line *line;
  size_t n;
  int64_t if_version;
};

static const char *at_line(struct cmd *c, size_t i, const char *key)
{
  return arena_printf(&c->mem, "/lines/%zu%s", i, key);
}

static void ask_line_read(struct cmd *c, size_t i, const struct json *j, struct ask_line *l)
{
  struct faults *f = &c->problem.faults;
  const struct arg rows[] = {
    { "line_id", ARG_TEXT, false, 64, &l->line_id }, { "sku", ARG_TEXT, false, 200, &l->sku },
    { "line_no", ARG_INT, false, 0, &l->line_no },   { "quantity", ARG_INT, false, 0, &l->quantity },
    { "amount", ARG_TEXT, false, 30, &l->amount },   { "instead", ARG_TEXT, false, 200, &l->instead }
  };
  int before = f->n;
  if (json_type(j) != JSON_OBJECT) {
    fault_add(f, at_line(c, i, ""), "not_an_object", "A line is an object");
    return;
  }
  if (args_read(c, j, rows, COUNT(rows)) && f->n > before)
    for (int k = before; k < f->n && k < (int)COUNT(f->at); k++)
      f->at[k].pointer = at_line(c, i, f->at[k].pointer);
  l->has_quantity = json_get(j, "quantity") != NULL;
  if (!l->line_id && !l->sku && !l->line_no)
    fault_add(f, at_line(c, i, ""), "missing", "A line is named by line_id, line_no or sku");
  if (l->quantity < 0 || l->quantity > PIECES_MAX)
    fault_add(f, at_line(c, i, "/quantity"), "out_of_range", "0 or more pieces");
}

static enum err ask_lines_read(struct cmd *c, struct ask_args *a)
{
  struct faults *f = &c->problem.faults;
  a->n = a->lines ? json_count(a->lines) : 0;
  if (a->n > CASE_LINES_MAX) return refuse_at(c, "/lines", "too_many", "At most %d lines", CASE_LINES_MAX);
  a->line = arena_array(&c->mem, struct ask_line, a->n + 1);
  size_t i = 0;
  for (const struct json *j = a->lines ? json_first(a->lines) : NULL; j; j = json_next(j), i++)
    ask_line_read(c, i, j, &a->line[i]);
  return f->n ? ERR_INVALID : ERR_OK;
}

enum err flow_case_open_parse(struct cmd *c, const struct json *body)
{
  struct ask_args *a = arena_new(&c->mem, struct ask_args);
  enum case_kind kind;
  const struct arg rows[] = {
    { "order", ARG_TEXT, true, 200, &a->order },   { "kind", ARG_TEXT, true, 20, &a->kind },
    { "reason", ARG_TEXT, true, 500, &a->reason }, { "note", ARG_TEXT, false, 2000, &a->note },
    { "amount", ARG_TEXT, false, 30, &a->amount }, { "refund_id", ARG_TEXT, false, 64, &a->refund_id },
    { "lines", ARG_TEXTS, false, 0, &a->lines },
  };
  c->args = a;
  TRY(args_read(c, body, rows, COUNT(rows)));
  if (!case_kind_parse(a->kind, &kind))
    refuse_at(c, "/kind", "unknown_kind", "One of return, exchange, refund_only, repair");
  else if (kind != CASE_REFUND_ONLY && (!a->lines || !json_count(a->lines)))
    refuse_at(c, "/lines", "missing", "Which lines, and how many pieces of each");
  else if ((kind == CASE_EXCHANGE || kind == CASE_REPAIR) && a->amount)
    refuse_at(c, "/amount", "no_refund", "Nothing is refunded in an exchange or a repair");
  return ask_lines_read(c, a);
}

enum err flow_case_change_parse(struct cmd *c, const struct json *body)
{
  struct ask_args *a = arena_new(&c->mem, struct ask_args);
  const struct arg rows[] = { { "reason", ARG_TEXT, false, 500, &a->reason },
                              { "note", ARG_TEXT, false, 2000, &a->note },
                              { "amount", ARG_TEXT, false, 30, &a->amount },
                              { "lines", ARG_TEXTS, false, 0, &a->lines },
                              { "if_version", ARG_VERSION, false, 0, &a->if_version } };
  c->args = a;
  TRY(args_read(c, body, rows, COUNT(rows)));
  if (a->if_version) c->if_version = a->if_version;
  if (!a->amount && !a->lines && !a->note && !a->reason)
    return refuse_at(c, "", "nothing_to_change", "Say what is different: amount, lines, reason or note");
  return ask_lines_read(c, a);
}

static const struct line_money *line_of(const struct order_money *m, const struct ask_line *l)
{
  for (size_t i = 0; i < m->lines; i++) {
    const struct line_money *x = &m->line[i];
    if (l->line_id   ? x->line_id && !strcmp(x->line_id, l->line_id)
        : l->line_no ? x->line_no == l->line_no
                     : x->sku && !strcmp(x->sku, l->sku))
      return x;
  }
  return NULL;
}

static enum err amount_read(struct cmd *c, const char *pointer, const char *text, const char *currency,
                            int64_t *minor)
{
  if (!money_parse(text, currency, minor) || *minor < 0)
    return refuse_at(c, pointer, "bad_amount", "An amount like 12.00, with no more decimals than %s has",
                     currency);
  return ERR_OK;
}

/* The part of a line's price that so many pieces cost. */
static int64_t price_of(const struct line_money *m, int64_t quantity)
{
  if (!m->worth || quantity <= 0) return 0;
  if (quantity >= m->bought) return m->worth;
  int64_t weight[2] = { quantity, m->bought - quantity }, part[2];
  money_share(m->worth, weight, part, 2);
  return part[0];
}

struct asked {
  struct case_line line[CASE_LINES_MAX];
  size_t n;
  int64_t amount;
};

static enum err asked_lines(struct cmd *c, const struct ask_args *a, const struct order_money *m,
                            enum case_kind kind, struct asked *out, bool *explicit)
{
  bool pays = kind == CASE_RETURN || kind == CASE_REFUND_ONLY;
  *explicit = false;
  for (size_t i = 0; i < a->n; i++) {
    const struct ask_line *l = &a->line[i];
    const struct line_money *x = line_of(m, l);
    struct case_line *to = &out->line[out->n++];
    if (!x) return refuse_at(c, at_line(c, i, ""), "unknown_line", "The order has no such line");
    for (size_t k = 0; k + 1 < out->n; k++)
      if (out->line[k].line_no == x->line_no)
        return refuse_at(c, at_line(c, i, ""), "doubled", "The line is named twice");
    int64_t quantity = l->has_quantity ? l->quantity : x->bought;
    if (!quantity && kind != CASE_REFUND_ONLY)
      return refuse_at(c, at_line(c, i, "/quantity"), "out_of_range", "At least one piece");
    if (l->instead && kind != CASE_EXCHANGE)
      return refuse_at(c, at_line(c, i, "/instead"), "not_an_exchange",
                       "Only an exchange sends something instead");
    *to = (struct case_line){ .line_no = x->line_no,
                              .quantity = quantity,
                              .worth = x->worth,
                              .bought = x->bought,
                              .instead = l->instead };
    if (l->amount && !pays)
      return refuse_at(c, at_line(c, i, "/amount"), "no_refund",
                       "Nothing is refunded in an exchange or a repair");
    if (l->amount) TRY(amount_read(c, at_line(c, i, "/amount"), l->amount, m->currency, &to->amount));
    else if (pays) to->amount = l->is_kept ? l->kept : price_of(x, quantity);
    *explicit = *explicit || l->amount;
  }
  return ERR_OK;
}

/* One amount for all: shared out by the lines' prices; what is over them is for none of them. */
static void amount_spread(struct asked *q)
{
  int64_t weight[CASE_LINES_MAX], part[CASE_LINES_MAX], sum = 0;
  for (size_t i = 0; i < q->n; i++) sum += weight[i] = q->line[i].amount;
  if (!q->n || sum <= q->amount) return;
  money_share(q->amount, weight, part, q->n);
  for (size_t i = 0; i < q->n; i++) q->line[i].amount = part[i];
}

static enum err asked_read(struct cmd *c, const struct ask_args *a, const struct order_money *m,
                           enum case_kind kind, struct asked *q)
{
  bool explicit;
  int64_t sum = 0;
  TRY(asked_lines(c, a, m, kind, q, &explicit));
  for (size_t i = 0; i < q->n; i++) sum += q->line[i].amount;
  q->amount = sum;
  if (a->amount) TRY(amount_read(c, "/amount", a->amount, m->currency, &q->amount));
  if (q->amount < sum && explicit)
    return refuse_at(c, "/amount", "less_than_lines", "The lines' amounts are more than this");
  amount_spread(q);
  if (!q->amount && kind == CASE_REFUND_ONLY)
    return refuse_at(c, "/amount", "missing", "How much is refunded");
  return ERR_OK;
}

/* ---- open, change --------------------------------------------------------------------------------------------------------- */

static enum err refund_known(struct cmd *c, struct db *db, int64_t order_id, const char *refund_id)
{
  struct told_refund *list;
  const char *ids[200];
  size_t n, mine;
  if (!refund_id) return ERR_OK;
  TRY(case_refund_ids(db, &c->mem, order_id, ids, COUNT(ids), &mine));
  for (size_t i = 0; i < mine; i++)
    if (!strcmp(ids[i], refund_id))
      return refuse_at(c, "/refund_id", "refund_taken", "Another case is about this refund");
  TRY(order_refunds(db, &c->mem, order_id, &list, &n));
  for (size_t i = 0; i < n; i++)
    if (!strcmp(list[i].refund_id, refund_id)) return ERR_OK;
  return refuse_at(c, "/refund_id", "unknown_refund", "The order's channel told of no such refund");
}

static bool wants_pieces(const struct asked *q)
{
  for (size_t i = 0; i < q->n; i++)
    if (q->line[i].quantity) return true;
  return false;
}

enum err flow_case_open_run(struct cmd *c, struct db *db)
{
  const struct ask_args *a = c->args;
  struct aftercase k = { .reason = a->reason,
                         .note = a->note,
                         .refund_id = a->refund_id,
                         .refund = "none",
                         .goods = "none",
                         .created_at = c->now_ms,
                         .actor = c->actor.name };
  struct asked *q = arena_new(&c->mem, struct asked);
  struct order_money m;
  struct order o;
  int64_t room;
  must(case_kind_parse(a->kind, &k.kind));
  TRY(order_target(c, db, a->order, &o));
  int64_t ids[CASES_MAX];
  if (cases_of_order(db, o.id, ids, CASES_MAX) == CASES_MAX)
    return refuse(c, ERR_CONFLICT, "too_many_cases", "The order has %d cases already", CASES_MAX);
  TRY(refund_known(c, db, o.id, a->refund_id));
  k.order_id = o.id;
  TRY(refund_money(c, db, &k, &m));
  TRY(asked_read(c, a, &m, k.kind, q));
  k.currency = m.currency, k.ceiling = m.paid, k.amount = q->amount;
  if (case_has_goods(k.kind)) k.goods = "awaited";
  TRY(refund_fits(c, db, &k, q->line, q->n, &m, &room));
  step_enter(c, &k, STEP_CS);
  enum err e = case_insert(db, &k, room);
  if (e == ERR_CONFLICT) return refund_too_much(c, db, &k, room);
  TRY(e);
  TRY(case_set_lines(db, k.id, q->line, q->n));
  TRY(returns_did(c, db, &k, ACT_OPEN, a->note));
  TRY(returns_event(c, db, &k, "case.opened"));
  if (wants_pieces(q) || k.amount >= m.paid) TRY(hold_put(c, db, &o, &k));
  c->status = 201, c->numbers[0] = k.id;
  return returns_answer(c, db, k.id);
}

/* Lines that are not named anew stay as they are. */
static enum err lines_again(struct cmd *c, struct db *db, const struct aftercase *k, struct ask_args *a)
{
  struct case_line *l;
  size_t n;
  if (a->lines) return ERR_OK;
  TRY(case_lines(db, &c->mem, k->id, &l, &n));
  a->line = arena_array(&c->mem, struct ask_line, n + 1), a->n = n;
  for (size_t i = 0; i < n; i++)
    a->line[i] = (struct ask_line){ .line_no = l[i].line_no,
                                    .quantity = l[i].quantity,
                                    .has_quantity = true,
                                    .kept = l[i].amount,
                                    .is_kept = true,
                                    .instead = l[i].instead };
  return ERR_OK;
}

static enum err none_received(struct cmd *c, struct db *db, const struct aftercase *k)
{
  struct case_line *l;
  size_t n;
  TRY(case_lines(db, &c->mem, k->id, &l, &n));
  for (size_t i = 0; i < n; i++)
    if (l[i].received)
      return refuse(c, ERR_CONFLICT, "goods_received",
                    "Pieces of this case came in already: open another one for what is different");
  return ERR_OK;
}

/* Pieces that came in stay where they are. */
static enum err lines_changed(struct cmd *c, struct db *db, const struct aftercase *k, struct asked *q)
{
  struct case_line *was;
  size_t n;
  TRY(case_lines(db, &c->mem, k->id, &was, &n));
  TRY(case_set_lines(db, k->id, q->line, q->n));
  for (size_t i = 0; i < n; i++)
    if (was[i].received) TRY(case_line_in(db, k->id, &was[i]));
  return ERR_OK;
}

enum err flow_case_change_run(struct cmd *c, struct db *db)
{
  struct ask_args a = *(const struct ask_args *)c->args;
  struct asked *q = arena_new(&c->mem, struct asked);
  struct aftercase k;
  struct order_money m;
  int64_t room;
  bool is_sealed = a.lines || a.amount;
  TRY(returns_target(c, db, &k));
  TRY(returns_may(c, &k, ACT_CHANGE));
  if (a.reason) k.reason = a.reason;
  if (a.note) k.note = a.note;
  if (is_sealed && refunded_already(&k))
    return refuse(c, ERR_CONFLICT, "refunded_already",
                  "The channel has refunded it: what else is wanted is another case");
  if (is_sealed) {
    if (a.lines) TRY(none_received(c, db, &k));
    TRY(refund_money(c, db, &k, &m));
    TRY(lines_again(c, db, &k, &a));
    if (a.amount && (k.kind == CASE_EXCHANGE || k.kind == CASE_REPAIR))
      return refuse_at(c, "/amount", "no_refund", "Nothing is refunded in an exchange or a repair");
    TRY(asked_read(c, &a, &m, k.kind, q));
    TRY(refund_fits(c, db, &k, q->line, q->n, &m, &room));
    enum err e = case_amount(db, &k, q->amount, m.paid, room);
    if (e == ERR_CONFLICT) return refund_too_much(c, db, &k, room);
    TRY(e);
    TRY(lines_changed(c, db, &k, q));
    TRY(restart(c, db, &k));
  }
  if (is_sealed) TRY(returns_did(c, db, &k, ACT_CHANGE, a.note));
  TRY(case_update(db, &k, c->now_ms));
  TRY(returns_event(c, db, &k, "case.changed"));
  return returns_answer(c, db, k.id);
}

/* ---- approve, reject, send back, cancel ------------------------------------------------------------------------------------ */

enum err flow_case_approve_parse(struct cmd *c, const struct json *body)
{
  return step_parse(c, body, false);
}

static enum err four_eyes(struct cmd *c, struct db *db, const struct aftercase *k)
{
  const char *why = case_barred(db, k->id, returns_person(c), k->step);
  if (c->rules->returns.people_only && !strncmp(returns_person(c), "token:", 6))
    return refuse(c, ERR_FORBIDDEN, "nobodys_token",
                  "This token belongs to no user: nobody knows who approves");
  if (!why) return ERR_OK;
  return refuse(c, ERR_FORBIDDEN, why,
                !strcmp(why, "own_request") ? "Nobody approves what they asked for or changed"
                                            : "Nobody approves two steps of one case");
}

static enum err within_limit(struct cmd *c, struct db *db, const struct aftercase *k)
{
  int64_t stake, limit = c->rules->returns.limit[k->step];
  if (!limit || c->actor.roles & ROLE_ADMIN) return ERR_OK;
  TRY(stake_of(c, db, k, &stake));
  if (stake >= 0 && stake <= limit) return ERR_OK;
  return refuse(c, ERR_FORBIDDEN, "over_limit", "More than %s may approve; an admin may",
                case_step_name(k->step));
}

static enum err goods_here(struct cmd *c, const struct aftercase *k)
{
  if (k->step != STEP_WAREHOUSE || !c->rules->returns.receive_first || !case_has_goods(k->kind))
    return ERR_OK;
  if (!strcmp(k->goods, "inspected")) return ERR_OK;
  return refuse(c, ERR_CONFLICT, "not_received", "The goods are not all received and inspected yet");
}

/* What is approved is what the steps before approved; kept with the approval, so that it can be shown for ever. */
static enum err seal_put(struct cmd *c, struct db *db, const struct aftercase *k, const char *note)
{
  struct buf text = { 0 };
  unsigned char digest[SHA256_LEN], before[SHA256_LEN];
  enum err e = case_seal_text(db, k, &text);
  sha256(text.data ? text.data : "", text.len, digest);
  struct case_did d = { .case_id = k->id,
                        .round = k->round,
                        .at = c->now_ms,
                        .step = k->step,
                        .act = ACT_APPROVE,
                        .person = returns_person(c),
                        .actor = c->actor.name,
                        .note = note,
                        .digest = digest };
  d.sealed = arena_str(&c->mem, text.data);
  buf_release(&text);
  TRY(e);
  if (case_sealed(db, k->id, k->round, before) && memcmp(before, digest, sizeof digest) != 0)
    return refuse(c, ERR_CONFLICT, "seal_broken",
                  "The case is not what the step before approved: change it, so that it begins anew");
  e = case_act_put(db, &d);
  return e == ERR_CONFLICT
           ? refuse(c, e, "case_too_long", "More was done with this case than can be kept: close it")
           : e;
}

/* The last step was taken. */
static enum err approved(struct cmd *c, struct db *db, struct aftercase *k)
{
  k->state = CASE_APPROVED;
  bool waits = case_has_goods(k->kind) && strcmp(k->goods, "inspected") != 0;
  if (waits && c->rules->returns.goods_due_ms)
    k->due_at = c->now_ms + c->rules->returns.goods_due_ms, k->due_step = 3;
  TRY(returns_event(c, db, k, "case.approved"));
  TRY(refund_start(c, db, k));
  if (k->kind == CASE_EXCHANGE) TRY(restock_send(c, db, k));
  return returns_settle(c, db, k);
}

enum err flow_case_approve_run(struct cmd *c, struct db *db)
{
  const struct step_args *a = c->args;
  struct aftercase k;
  TRY(returns_target(c, db, &k));
  TRY(returns_may(c, &k, ACT_APPROVE));
  TRY(four_eyes(c, db, &k));
  TRY(within_limit(c, db, &k));
  TRY(goods_here(c, &k));
  TRY(refund_still_fits(c, db, &k));
  TRY(seal_put(c, db, &k, a->note));
  TRY(returns_event(c, db, &k, "case.step_approved"));
  TRY(case_in_time(c, db, &k, k.step));
  TRY(step_next(c, db, &k, (int)k.step + 1));
  if (k.step == CASE_STEPS) TRY(approved(c, db, &k));
  TRY(case_update(db, &k, c->now_ms));
  if (k.state == CASE_DONE) TRY(returns_release(c, db, k.order_id));
  return returns_answer(c, db, k.id);
}

enum err flow_case_reject_parse(struct cmd *c, const struct json *body)
{
  return step_parse(c, body, true);
}

static enum err end_with(struct cmd *c, struct db *db, enum case_act act, enum case_state state,
                         const char *type)
{
  const struct step_args *a = c->args;
  struct aftercase k;
  TRY(returns_target(c, db, &k));
  TRY(returns_may(c, &k, act));
  TRY(returns_did(c, db, &k, act, a->reason));
  TRY(case_in_time(c, db, &k, k.step));
  k.state = state, k.ended_at = c->now_ms;
  step_enter(c, &k, CASE_STEPS);
  TRY(case_update(db, &k, c->now_ms));
  TRY(returns_event(c, db, &k, type));
  TRY(returns_release(c, db, k.order_id));
  return returns_answer(c, db, k.id);
}

enum err flow_case_reject_run(struct cmd *c, struct db *db)
{
  return end_with(c, db, ACT_REJECT, CASE_REJECTED, "case.rejected");
}

enum err flow_case_cancel_parse(struct cmd *c, const struct json *body)
{
  return step_parse(c, body, true);
}

enum err flow_case_cancel_run(struct cmd *c, struct db *db)
{
  return end_with(c, db, ACT_CANCEL, CASE_CANCELLED, "case.cancelled");
}

enum err flow_case_send_back_parse(struct cmd *c, const struct json *body)
{
  return step_parse(c, body, true);
}

/* One step back, over those that were skipped. */
enum err flow_case_send_back_run(struct cmd *c, struct db *db)
{
  const struct step_args *a = c->args;
  struct aftercase k;
  struct skip skip = { .yes = true };
  TRY(returns_target(c, db, &k));
  TRY(returns_may(c, &k, ACT_SEND_BACK));
  TRY(returns_did(c, db, &k, ACT_SEND_BACK, a->reason));
  TRY(case_in_time(c, db, &k, k.step));
  int to = (int)k.step;
  while (skip.yes && --to > STEP_CS) TRY(is_skipped(c, db, &k, (enum case_step)to, &skip));
  step_enter(c, &k, to > STEP_CS ? (enum case_step)to : STEP_CS);
  TRY(case_update(db, &k, c->now_ms));
  TRY(returns_event(c, db, &k, "case.sent_back"));
  return returns_answer(c, db, k.id);
}

/* ---- its end ------------------------------------------------------------------------------------------------------------------ */

enum err returns_settle(struct cmd *c, struct db *db, struct aftercase *k)
{
  bool money = !k->amount || !strcmp(k->refund, "accepted");
  bool goods = !strcmp(k->goods, "none") || !strcmp(k->goods, "inspected");
  if (k->state != CASE_APPROVED || !money || !goods) return ERR_OK;
  TRY(restock_send(c, db, k));
  k->state = CASE_DONE, k->ended_at = c->now_ms, k->due_at = 0, k->due_step = 0;
  TRY(case_goods_in_time(c, db, k));
  return returns_event(c, db, k, "case.done");
}

/* The channel has refunded it by itself: nobody has to decide about the money any more. */
enum err returns_closed_by_channel(struct cmd *c, struct db *db, struct aftercase *k)
{
  if (k->state == CASE_OPEN && (k->kind == CASE_REFUND_ONLY || k->step == STEP_FINANCE)) {
    TRY(case_in_time(c, db, k, k->step));
    for (int s = (int)k->step; s < CASE_STEPS; s++) {
      k->step = (enum case_step)s;
      TRY(returns_did(c, db, k, ACT_SKIP, "the channel has refunded it"));
    }
    step_enter(c, k, CASE_STEPS);
    TRY(approved(c, db, k));
  }
  return returns_settle(c, db, k);
}

/* ---- photos -------------------------------------------------------------------------------------------------------------------- */

enum err flow_case_photo_parse(struct cmd *c, const struct json *body)
{
  (void)body;
  return refuse(c, ERR_INVALID, NULL, "A photo is posted as it is");
}

enum err flow_case_photo_run(struct cmd *c, struct db *db)
{
  const struct photo_row *p = c->args;
  const struct returns_rules *r = &c->rules->returns;
  struct aftercase k;
  int64_t here = 0, bytes = 0;
  bool is_new, known = photo_known(db, p->digest);
  TRY(returns_target(c, db, &k));
  TRY(returns_may(c, &k, ACT_PHOTO));
  TRY(photo_sums(db, k.id, &here, &bytes));
  TRY(photo_add(db, k.id, p, c->actor.name, c->now_ms, &is_new));
  c->numbers[0] = is_new;
  if (!is_new) return returns_answer(c, db, k.id);
  if (here >= r->photos_max)
    return refuse(c, ERR_TOO_LARGE, "too_many_photos", "The case has %lld photos already", (long long)here);
  if (!known && bytes + p->size > r->photos_mib << 20)
    return refuse(c, ERR_DISK_FULL, "photo_quota", "All photos together have reached their %lld MiB",
                  (long long)r->photos_mib);
  unsigned char sealed[SHA256_LEN];
  if (k.step != STEP_CS || case_sealed(db, k.id, k.round, sealed)) TRY(restart(c, db, &k));
  TRY(returns_did(c, db, &k, ACT_PHOTO, NULL));
  TRY(case_update(db, &k, c->now_ms));
  TRY(returns_event(c, db, &k, "case.photo"));
  c->status = 201;
  return returns_answer(c, db, k.id);
}
