/* rule_case.c: rules with when = case: which steps of a case need nobody. Asked whenever a case comes to a step, so
 * what was skipped once is asked anew when the case begins anew. */
#include "flow.h"

struct seen { /* the order and the case, as people see them */
  struct buf order, of_case;
};

static enum err look(struct cmd *c, struct db *db, const struct aftercase *k, struct seen *v)
{
  if (v->order.len) return ERR_OK;
  TRY(view_order(db, &c->mem, &c->rules->status, k->order_id, SHOW_FULL, &v->order, NULL));
  return view_case(db, &c->mem, k->id, true, SHOW_FULL, &v->of_case, NULL);
}

static enum err ask(struct cmd *c, struct db *db, const struct aftercase *k, const struct rule *r,
                    struct seen *v, bool *match)
{
  const char *why = NULL;
  bool on;
  *match = false;
  TRY(rule_on(c, db, r, &on));
  if (!on) return ERR_OK;
  TRY(look(c, db, k, v));
  if (rule_ask_case(c->rules->rule_set->box, &c->mem, r, v->order.data, v->order.len, v->of_case.data,
                    c->now_ms, match, &why))
    return rule_failed(c, db, r, why);
  return ERR_OK;
}

enum err rule_of_step(struct cmd *c, struct db *db, const struct aftercase *k, int64_t step,
                      const struct rule **r)
{
  const struct rule_set *s = c->rules->rule_set;
  struct seen v = { 0 };
  enum err e = ERR_OK;
  bool stopped = false;
  *r = NULL;
  for (size_t i = 0; s && i < s->n && !e && !*r && !stopped; i++) {
    bool match;
    if (strcmp(s->rule[i]->when, RULE_WHEN_CASE) != 0) continue;
    if (!s->rule[i]->stop && !rule_skips(s->rule[i], step)) continue;
    e = ask(c, db, k, s->rule[i], &v, &match);
    if (!e && match && rule_skips(s->rule[i], step)) *r = s->rule[i];
    stopped = !e && match && s->rule[i]->stop;
  }
  buf_release(&v.order), buf_release(&v.of_case);
  return e;
}

enum err rule_skipped(struct cmd *c, struct db *db, const struct aftercase *k, const struct rule *r)
{
  TRY(rule_counted(db, r, c->now_ms));
  return progress_event(c, db, 'o', k->order_id, "rule.applied",
                        "{\"rule\":\"%s\",\"version\":\"%s\",\"stage\":\"" RULE_WHEN_CASE
                        "\",\"case\":\"c_%lld\",\"did\":[\"skip %s\"]}",
                        r->name, r->version, (long long)k->id, case_step_name(k->step));
}
