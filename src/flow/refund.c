/* refund.c: the money of cases. Never more goes back than was paid, per line and per order, over all cases and what the
 * channel refunds by itself; and nothing is refunded twice: by the channel's connector, by hand, or by the channel. */
#include "flow.h"

#define LINKED_MAX 200

/* ---- how much may go back ------------------------------------------------------------------------------------------ */

/* A channel that tells its refunds only as a sum tells of ours there, too. */
static enum err surplus_ours(struct cmd *c, struct db *db, const struct aftercase *k, struct order_money *m)
{
  int64_t ids[CASES_MAX];
  size_t n = cases_of_order(db, k->order_id, ids, CASES_MAX), lines;
  for (size_t i = 0; i < n; i++) {
    struct aftercase o;
    struct case_line *l;
    TRY(case_get(db, &c->mem, ids[i], &o));
    if (o.refund_id || strcmp(o.refund, "accepted") != 0) continue;
    TRY(case_lines(db, &c->mem, o.id, &l, &lines));
    for (size_t x = 0; x < lines; x++)
      for (size_t y = 0; y < m->lines; y++) {
        struct line_money *at = &m->line[y];
        if (at->line_no != l[x].line_no) continue;
        int64_t ours = at->surplus < l[x].amount ? at->surplus : l[x].amount;
        if (ours > at->refunded) ours = at->refunded;
        at->surplus -= ours, at->refunded -= ours, m->refunded -= ours;
      }
  }
  return ERR_OK;
}

enum err refund_money(struct cmd *c, struct db *db, const struct aftercase *k, struct order_money *m)
{
  const char *but[LINKED_MAX + 1];
  size_t n;
  TRY(case_refund_ids(db, &c->mem, k->order_id, but, LINKED_MAX, &n));
  if (k->refund_id) but[n++] = k->refund_id;
  TRY(order_money(db, &c->mem, k->order_id, but, n, m));
  return surplus_ours(c, db, k, m);
}

static enum err too_much(struct cmd *c, const struct order_money *m, const char *what, int64_t paid,
                         int64_t gone)
{
  struct buf b = { 0 };
  struct jw w;
  jw_init(&w, &b), jw_object(&w), jw_kmoney(&w, "paid", paid, m->currency),
    jw_kmoney(&w, "refunded", gone, m->currency);
  jw_kmoney(&w, "left", paid > gone ? paid - gone : 0, m->currency), jw_object_end(&w);
  c->problem.extra = arena_strn(&c->mem, b.data + 1, b.len - 2);
  buf_release(&b);
  return refuse(c, ERR_CONFLICT, "over_refund", "More would go back for %s than was paid", what);
}

enum err refund_too_much(struct cmd *c, struct db *db, const struct aftercase *k, int64_t room)
{
  struct order_money m;
  int64_t given = 0, pieces = 0;
  TRY(refund_money(c, db, k, &m));
  TRY(case_given(db, k->order_id, k->id, 0, &given, &pieces));
  return too_much(c, &m, "the order", m.paid, m.paid - room + given);
}

static const struct line_money *money_line(const struct order_money *m, int64_t line_no)
{
  for (size_t i = 0; i < m->lines; i++)
    if (m->line[i].line_no == line_no) return &m->line[i];
  return NULL;
}

enum err refund_fits(struct cmd *c, struct db *db, const struct aftercase *k, const struct case_line *l,
                     size_t n, const struct order_money *m, int64_t *room)
{
  for (size_t i = 0; i < n; i++) {
    const struct line_money *x = money_line(m, l[i].line_no);
    int64_t money = 0, pieces = 0;
    if (!x)
      return refuse(c, ERR_CONFLICT, "line_gone", "The order has no line %lld any more",
                    (long long)l[i].line_no);
    const char *what = arena_printf(&c->mem, "line %lld", (long long)x->line_no);
    TRY(case_given(db, k->order_id, k->id, x->line_no, &money, &pieces));
    if (x->worth && l[i].amount > x->worth - x->refunded - money)
      return too_much(c, m, what, x->worth, x->refunded + money);
    if (l[i].quantity > x->bought - x->pieces - pieces)
      return refuse(c, ERR_CONFLICT, "too_many_pieces",
                    "Of %s %lld pieces were bought, and %lld are given back already", what,
                    (long long)x->bought, (long long)(x->pieces + pieces));
  }
  *room = m->paid - m->refunded;
  return ERR_OK;
}

/* Meanwhile the channel may have refunded something by itself. */
enum err refund_still_fits(struct cmd *c, struct db *db, struct aftercase *k)
{
  struct order_money m;
  struct case_line *l;
  size_t n;
  int64_t room;
  if (!k->amount || !strcmp(k->refund, "accepted")) return ERR_OK;
  TRY(refund_money(c, db, k, &m));
  TRY(case_lines(db, &c->mem, k->id, &l, &n));
  TRY(refund_fits(c, db, k, l, n, &m, &room));
  enum err e = case_amount(db, k, k->amount, m.paid, room);
  return e == ERR_CONFLICT ? refund_too_much(c, db, k, room) : e;
}

/* ---- it goes back ------------------------------------------------------------------------------------------------------- */

static void lines_put(struct jw *w, const struct order_money *m, const struct case_line *l, size_t n)
{
  jw_key(w, "lines"), jw_array(w);
  for (size_t i = 0; i < n; i++) {
    const struct line_money *x = money_line(m, l[i].line_no);
    jw_object(w), jw_kstring(w, "line_id", x ? x->line_id : NULL), jw_kstring(w, "sku", x ? x->sku : NULL);
    jw_kint(w, "quantity", l[i].quantity), jw_kint(w, "amount", l[i].amount), jw_object_end(w);
  }
  jw_array_end(w);
}

static enum err effect_data(struct cmd *c, struct db *db, const struct aftercase *k, const struct order *o,
                            const char **data)
{
  struct order_money m;
  struct case_line *l;
  struct buf b = { 0 };
  struct jw w;
  size_t n;
  TRY(refund_money(c, db, k, &m));
  TRY(case_lines(db, &c->mem, k->id, &l, &n));
  jw_init(&w, &b), jw_object(&w), jw_id(&w, "case", 'c', k->id), jw_id(&w, "order", 'o', o->id);
  jw_kstring(&w, "external_id", o->external_id), jw_kstring(&w, "kind", case_kind_name(k->kind));
  jw_kstring(&w, "refund_id", k->refund_id),
    jw_kstring(&w, "amount", money_text(&c->mem, k->amount, k->currency));
  jw_kint(&w, "amount_minor", k->amount), jw_kstring(&w, "currency", k->currency),
    jw_kstring(&w, "reason", k->reason);
  lines_put(&w, &m, l, n), jw_object_end(&w);
  *data = arena_strn(&c->mem, b.data, b.len);
  buf_release(&b);
  return ERR_OK;
}

static void hand_put(struct cmd *c, struct jw *w, const struct aftercase *k)
{
  jw_object(w), jw_id(w, "case", 'c', k->id);
  jw_kstring(w, "amount",
             arena_printf(&c->mem, "%s %s", money_text(&c->mem, k->amount, k->currency), k->currency));
  jw_object_end(w);
}

/* All cases of an order that wait for a hand; also: one that will, whatever its row says yet. *data NULL: none. */
static enum err hands_json(struct cmd *c, struct db *db, int64_t order_id, const struct aftercase *also,
                           const char *because, const char **data)
{
  int64_t ids[CASES_MAX];
  size_t n = cases_of_order(db, order_id, ids, CASES_MAX);
  struct buf b = { 0 };
  struct jw w;
  enum err e = ERR_OK;
  bool any = also != NULL;
  jw_init(&w, &b), jw_object(&w), jw_key(&w, "cases"), jw_array(&w);
  for (size_t i = 0; i < n && !e; i++) {
    struct aftercase k;
    e = case_get(db, &c->mem, ids[i], &k);
    bool waits = !e && k.state == CASE_APPROVED && !strcmp(k.refund, "by_hand");
    if (e || (!waits && (!also || also->id != k.id))) continue;
    any = true, hand_put(c, &w, &k);
  }
  jw_array_end(&w);
  if (because) jw_kstring(&w, "because", because);
  jw_kstring(&w, "do", "Refund it at the channel, then say so: orderd case refunded CASE"), jw_object_end(&w);
  *data = any ? arena_strn(&c->mem, b.data, b.len) : NULL;
  buf_release(&b);
  return e;
}

static enum err by_hand(struct cmd *c, struct db *db, struct aftercase *k, const char *because)
{
  const char *data;
  int64_t id;
  bool is_new;
  k->refund = "by_hand";
  TRY(hands_json(c, db, k->order_id, k, because, &data));
  TRY(exception_open(db, "refund_by_hand", k->order_id, 0, 0, "finance", c->now_ms, data, &id, &is_new));
  return is_new ? ERR_OK : exception_tell(db, id, data);
}

enum err refund_start(struct cmd *c, struct db *db, struct aftercase *k)
{
  struct order o;
  struct channel ch;
  const char *data;
  if (!k->amount || !strcmp(k->refund, "accepted")) return ERR_OK;
  TRY(order_get(db, &c->mem, k->order_id, &o));
  TRY(channel_by_id(db, &c->mem, o.channel_id, &ch));
  const struct channel_family *f = rules_channel(c->rules, ch.name);
  if (!f || !f->refunds) return by_hand(c, db, k, "no connector of its channel can refund");
  TRY(effect_data(c, db, k, &o, &data));
  TRY(effect_put(db, "refund", arena_printf(&c->mem, "channel:%s", ch.name), id_text(&c->mem, 'o', o.id),
                 false, data, c->now_ms, c->now_ms, &k->effect_id));
  k->refund = "sent", c->effects = true;
  return ERR_OK;
}

static enum err by_hand_over(struct cmd *c, struct db *db, int64_t order_id)
{
  const char *data;
  int64_t id;
  if (!exception_waiting(db, "refund_by_hand", order_id)) return ERR_OK;
  TRY(hands_json(c, db, order_id, NULL, NULL, &data));
  if (!data)
    return exception_settle(db, "refund_by_hand", order_id, 0, c->actor.name, c->now_ms) < 0 ? ERR_IO
                                                                                             : ERR_OK;
  TRY(exception_open(db, "refund_by_hand", order_id, 0, 0, "finance", c->now_ms, data, &id, NULL));
  return exception_tell(db, id, data);
}

/* It is back with the customer, however that came about. */
static enum err refunded(struct cmd *c, struct db *db, struct aftercase *k, const char *refund_id,
                         const char *note)
{
  if (refund_id) k->refund_id = refund_id;
  if (!strcmp(k->refund, "accepted")) return case_update(db, k, c->now_ms);
  k->refund = "accepted";
  TRY(returns_did(c, db, k, ACT_REFUNDED, note));
  TRY(returns_event(c, db, k, "case.refunded"));
  TRY(returns_closed_by_channel(c, db, k));
  TRY(case_update(db, k, c->now_ms));
  return by_hand_over(c, db, k->order_id);
}

static enum err maybe_release(struct cmd *c, struct db *db, const struct aftercase *k)
{
  return k->state == CASE_DONE ? returns_release(c, db, k->order_id) : ERR_OK;
}

/* ---- what the outbox asks ---------------------------------------------------------------------------------------------------- */

static const char *field(struct cmd *c, const char *text, const char *key)
{
  struct faults f = { .mem = &c->mem };
  const struct json *j = text ? json_parse(&c->mem, text, strlen(text), JSON_ELEMENTS_MAX, &f) : NULL;
  return j && json_type(j) == JSON_OBJECT ? json_string(json_get(j, key)) : NULL;
}

static bool case_of(struct cmd *c, struct db *db, const struct effect *e, struct aftercase *k)
{
  int64_t id;
  const char *text = field(c, e->data, "case");
  return text && id_parse(text, 'c', &id) && !case_get(db, &c->mem, id, k);
}

/* Just before it is sent: is it still wanted, and still no more than was paid? */
enum err refund_take(struct cmd *c, struct db *db, struct effect_taken *t, bool *gone)
{
  struct aftercase k;
  struct problem before = c->problem;
  *gone = !case_of(c, db, &t->effect, &k) || k.state != CASE_APPROVED || k.effect_id != t->effect.id ||
          !strcmp(k.refund, "accepted") || !strcmp(k.refund, "by_hand");
  if (*gone) return ERR_OK;
  enum err e = refund_still_fits(c, db, &k);
  if (e != ERR_CONFLICT) return e;
  c->problem = before, *gone = true;
  TRY(by_hand(c, db, &k, "with what the channel has refunded it would be more than was paid: look first"));
  return case_update(db, &k, c->now_ms);
}

enum err refund_told(struct cmd *c, struct db *db, const struct effect *e, enum told what, const char *error,
                     const char *result)
{
  static const char *const words[] = { "none", "sent", "accepted", "refused", "unknown" };
  struct aftercase k;
  (void)error;
  if (!case_of(c, db, e, &k) || k.effect_id != e->id || !strcmp(k.refund, "accepted") ||
      !strcmp(k.refund, "by_hand"))
    return ERR_OK;
  if (what == TOLD_ACCEPTED) {
    TRY(refunded(c, db, &k, field(c, result, "refund_id"), NULL));
    return maybe_release(c, db, &k);
  }
  if (!strcmp(k.refund, words[what])) return ERR_OK;
  k.refund = words[what];
  return case_update(db, &k, c->now_ms);
}

/* ---- what the channel tells ---------------------------------------------------------------------------------------------------- */

static enum err effect_over(struct cmd *c, struct db *db, const struct aftercase *k, bool *under_way)
{
  struct effect e;
  *under_way = false;
  if (!k->effect_id) return ERR_OK;
  enum err err = effect_get(db, &c->mem, k->effect_id, &e);
  if (err) return err == ERR_NOT_FOUND ? ERR_OK : err;
  *under_way = !strcmp(e.state, "sending");
  bool open = !strcmp(e.state, "waiting") || !strcmp(e.state, "unknown") || !strcmp(e.state, "dead");
  return open ? effect_drop(db, e.id, c->now_ms) : ERR_OK;
}

struct linked {
  const char *id[LINKED_MAX + CASES_MAX];
  size_t n;
};

static bool is_linked(const struct linked *l, const char *id)
{
  for (size_t i = 0; i < l->n; i++)
    if (!strcmp(l->id[i], id)) return true;
  return false;
}

static enum err about(struct cmd *c, struct db *db, const struct aftercase *k, const struct told_refund *r,
                      bool *yes)
{
  struct line_left *left;
  struct case_line *l;
  size_t n, lines;
  *yes = !r->line_id;
  if (*yes) return ERR_OK;
  TRY(order_lines_left(db, &c->mem, k->order_id, 0, &left, &n));
  TRY(case_lines(db, &c->mem, k->id, &l, &lines));
  for (size_t x = 0; x < lines; x++)
    for (size_t y = 0; y < n; y++)
      *yes =
        *yes || (l[x].line_no == left[y].line_no && left[y].line_id && !strcmp(left[y].line_id, r->line_id));
  return ERR_OK;
}

/* The channel's refund that this case is about: by its number, else the same amount of the same line. */
static enum err refund_of(struct cmd *c, struct db *db, const struct aftercase *k,
                          const struct told_refund *list, size_t n, const struct linked *linked,
                          const struct told_refund **out)
{
  *out = NULL;
  for (size_t i = 0; i < n && !*out; i++) {
    const struct told_refund *r = &list[i];
    bool same = k->refund_id && !strcmp(k->refund_id, r->refund_id);
    if (!k->refund_id && refund_done(r->status) && r->amount == k->amount && !is_linked(linked, r->refund_id))
      TRY(about(c, db, k, r, &same));
    if (same) *out = r;
  }
  return ERR_OK;
}

static enum err differs(struct cmd *c, struct db *db, const struct aftercase *k, const struct told_refund *r)
{
  const char *data = arena_printf(
    &c->mem,
    "{\"case\":\"c_%lld\",\"asked\":\"%s\",\"refunded\":\"%s\",\"do\":\"The channel refunded less:"
    " change the case, or refund the rest\"}",
    (long long)k->id, money_text(&c->mem, k->amount, k->currency),
    money_text(&c->mem, r->amount, k->currency));
  return exception_open(db, "refund_differs", k->order_id, 0, 0, "finance", c->now_ms, data, NULL, NULL);
}

static enum err follow_one(struct cmd *c, struct db *db, struct aftercase *k, const struct told_refund *list,
                           size_t n, struct linked *linked)
{
  const struct told_refund *r;
  bool under_way;
  if (!k->amount || k->state == CASE_REJECTED || k->state == CASE_CANCELLED) return ERR_OK;
  if (k->refund_id && !strcmp(k->refund, "accepted")) return ERR_OK;
  TRY(refund_of(c, db, k, list, n, linked, &r));
  if (!r || !refund_done(r->status)) return ERR_OK;
  if (r->amount < k->amount) return differs(c, db, k, r);
  if (linked->n < COUNT(linked->id)) linked->id[linked->n++] = r->refund_id;
  TRY(effect_over(c, db, k, &under_way));
  TRY(refunded(c, db, k, r->refund_id, "told by the channel"));
  return maybe_release(c, db, k);
}

enum err returns_follow(struct cmd *c, struct db *db, int64_t order_id)
{
  struct told_refund *list;
  struct linked linked;
  int64_t ids[CASES_MAX];
  size_t n, cases = cases_of_order(db, order_id, ids, CASES_MAX);
  if (!cases) return ERR_OK;
  TRY(order_refunds(db, &c->mem, order_id, &list, &n));
  TRY(case_refund_ids(db, &c->mem, order_id, linked.id, LINKED_MAX, &linked.n));
  for (size_t i = 0; i < cases; i++) {
    struct aftercase k;
    TRY(case_get(db, &c->mem, ids[i], &k));
    TRY(follow_one(c, db, &k, list, n, &linked));
  }
  return ERR_OK;
}

/* ---- case.refunded: finance did it by hand --------------------------------------------------------------------------------------- */

struct refunded_args {
  const char *note, *refund_id;
  int64_t if_version;
};

enum err flow_case_refunded_parse(struct cmd *c, const struct json *body)
{
  struct refunded_args *a = arena_new(&c->mem, struct refunded_args);
  const struct arg rows[] = { { "note", ARG_TEXT, false, 500, &a->note },
                              { "refund_id", ARG_TEXT, false, 64, &a->refund_id },
                              { "if_version", ARG_VERSION, false, 0, &a->if_version } };
  c->args = a;
  TRY(args_read(c, body, rows, COUNT(rows)));
  if (a->if_version) c->if_version = a->if_version;
  return ERR_OK;
}

enum err flow_case_refunded_run(struct cmd *c, struct db *db)
{
  const struct refunded_args *a = c->args;
  struct aftercase k;
  bool under_way;
  TRY(returns_target(c, db, &k));
  TRY(returns_may(c, &k, ACT_REFUNDED));
  if (!k.amount) return refuse(c, ERR_CONFLICT, "no_refund", "Nothing is refunded in this case");
  if (!strcmp(k.refund, "accepted"))
    return refuse(c, ERR_CONFLICT, "refunded_already", "It is refunded already");
  TRY(effect_over(c, db, &k, &under_way));
  if (under_way)
    return refuse(c, ERR_CONFLICT, "refund_under_way",
                  "The refund is being sent right now: see what the channel says");
  TRY(refunded(c, db, &k, a->refund_id, a->note));
  c->effects = true; /* what stood behind it may go */
  TRY(maybe_release(c, db, &k));
  return returns_answer(c, db, k.id);
}
