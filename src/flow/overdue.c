/* overdue.c: deadlines of cases. They are columns of the case, so they survive a restart; an exception is one per order and
 * type, so it names all cases of the order that are late, and stays until none is. */
#include "flow.h"

static bool step_is_late(const struct cmd *c, const struct aftercase *k, enum case_step s)
{
  const struct returns_rules *r = &c->rules->returns;
  if (k->state != CASE_OPEN || k->step != s || !r->escalate_ms[s]) return false;
  return calendar_add(&c->rules->status.calendar, k->step_since, r->escalate_ms[s], r->working) <= c->now_ms;
}

static bool goods_are_late(const struct cmd *c, const struct aftercase *k)
{
  return k->state == CASE_APPROVED && case_has_goods(k->kind) && strcmp(k->goods, "inspected") != 0 &&
         !k->due_at && c->rules->returns.goods_due_ms;
}

struct late {
  const char *type, *owner, *to_do;
  enum case_step step; /* CASE_STEPS: the goods */
  int64_t but;         /* this one is not, whatever its row says yet */
};

/* *data: NULL when none is late. */
static enum err late_json(struct cmd *c, struct db *db, int64_t order_id, const struct late *l,
                          const char **data)
{
  int64_t ids[CASES_MAX], first = 0;
  size_t n = cases_of_order(db, order_id, ids, COUNT(ids));
  struct buf b = { 0 };
  struct jw w;
  enum err e = ERR_OK;
  jw_init(&w, &b), jw_object(&w), jw_key(&w, "cases"), jw_array(&w);
  for (size_t i = 0; i < n && !e; i++) {
    struct aftercase k;
    e = case_get(db, &c->mem, ids[i], &k);
    bool late =
      !e && k.id != l->but && (l->step == CASE_STEPS ? goods_are_late(c, &k) : step_is_late(c, &k, l->step));
    if (!late) continue;
    if (!first) first = k.id;
    jw_object(&w), jw_id(&w, "case", 'c', k.id), jw_kint(&w, "since", k.step_since), jw_object_end(&w);
  }
  jw_array_end(&w);
  if (l->step != CASE_STEPS) jw_kstring(&w, "step", case_step_name(l->step));
  jw_kstring(&w, "do", l->to_do), jw_object_end(&w);
  *data = first ? arena_strn(&c->mem, b.data, b.len) : NULL;
  buf_release(&b);
  return e;
}

static enum err late_told(struct cmd *c, struct db *db, int64_t order_id, const struct late *l)
{
  const char *data;
  int64_t id;
  bool is_new;
  TRY(late_json(c, db, order_id, l, &data));
  if (!data)
    return exception_settle(db, l->type, order_id, 0, c->actor.name, c->now_ms) < 0 ? ERR_IO : ERR_OK;
  if (l->but && !exception_waiting(db, l->type, order_id)) return ERR_OK; /* a person has dealt with it */
  TRY(exception_open(db, l->type, order_id, 0, 0, l->owner, c->now_ms, data, &id, &is_new));
  return is_new ? ERR_OK : exception_tell(db, id, data);
}

static struct late late_step(struct cmd *c, enum case_step s, int64_t but)
{
  const char *step = case_step_name(s);
  return (struct late){ arena_printf(&c->mem, "case_overdue:%s", step), step,
                        "Approve the case, reject it or send it back", s, but };
}

static struct late late_goods(int64_t but)
{
  return (struct late){ "return_overdue", "cs", "Ask the customer where the goods are", CASE_STEPS, but };
}

enum err case_in_time(struct cmd *c, struct db *db, const struct aftercase *k, enum case_step s)
{
  if (s == CASE_STEPS) return ERR_OK;
  struct late l = late_step(c, s, k->id);
  return late_told(c, db, k->order_id, &l);
}

enum err case_goods_in_time(struct cmd *c, struct db *db, const struct aftercase *k)
{
  struct late l = late_goods(k->id);
  return late_told(c, db, k->order_id, &l);
}

static enum err case_remind(struct cmd *c, struct db *db, const struct aftercase *k)
{
  const struct returns_rules *r = &c->rules->returns;
  int64_t ms = r->escalate_ms[k->step];
  int64_t next = ms ? calendar_add(&c->rules->status.calendar, k->step_since, ms, r->working) : 0;
  TRY(case_set_due(db, k->id, next, next ? 2 : 0));
  TRY(notify_case(c, db, k, false));
  return progress_event(c, db, 'o', k->order_id, "case.reminder",
                        "{\"case\":\"c_%lld\",\"step\":\"%s\",\"owner\":\"%s\"}", (long long)k->id,
                        case_step_name(k->step), case_step_name(k->step));
}

static enum err case_late(struct cmd *c, struct db *db, const struct aftercase *k)
{
  const char *step = case_step_name(k->step);
  struct late l = late_step(c, k->step, 0);
  TRY(case_set_due(db, k->id, 0, 0));
  TRY(late_told(c, db, k->order_id, &l));
  TRY(notify_case(c, db, k, true));
  return progress_event(c, db, 'o', k->order_id, "case.overdue",
                        "{\"case\":\"c_%lld\",\"step\":\"%s\",\"owner\":\"%s\"}", (long long)k->id, step,
                        step);
}

static enum err goods_late(struct cmd *c, struct db *db, const struct aftercase *k)
{
  struct late l = late_goods(0);
  TRY(case_set_due(db, k->id, 0, 0));
  return late_told(c, db, k->order_id, &l);
}

#define CASES_AT_ONCE 200

enum err cases_fire(struct cmd *c, struct db *db, int64_t *fired)
{
  int64_t id;
  for (*fired = 0; *fired < CASES_AT_ONCE && case_due(db, c->now_ms, &id, 1); ++*fired) {
    struct aftercase k;
    TRY(case_get(db, &c->mem, id, &k));
    if (k.due_step == 3) TRY(goods_late(c, db, &k));
    else if (k.step == CASE_STEPS || !k.due_step) TRY(case_set_due(db, id, 0, 0));
    else if (k.due_step == 1) TRY(case_remind(c, db, &k));
    else TRY(case_late(c, db, &k));
  }
  return ERR_OK;
}
