/* api_rules.c: rules over HTTP, and the dry run: which past orders a rule would change, and how. */
#include "edge.h"

#define DRY_LIMIT 1000
#define DRY_LIMIT_MAX 20000
#define DRY_SHOWN_MAX 500
#define DRY_MS 1500

static void actions_put(struct jw *w, const struct rule *r)
{
  struct buf b = { 0 };
  jw_array(w);
  for (size_t i = 0; i < r->actions; i++) b.len = 0, rule_action_put(&r->action[i], &b), jw_string(w, b.data);
  jw_array_end(w);
  buf_release(&b);
}

static enum err rule_put(struct read *rd, struct db *db, struct jw *w, const struct rule *r, bool text)
{
  struct rule_state s;
  TRY(rule_state(db, r, &s));
  jw_object(w), jw_kstring(w, "name", r->name), jw_kstring(w, "title", r->title),
    jw_kstring(w, "version", r->version);
  jw_kstring(w, "state", (s.known ? s.on : rd->rules->rules.rules_trust) ? "on" : "off");
  jw_kstring(w, "when", r->when), jw_kint(w, "order", r->order), jw_kbool(w, "stop", r->stop);
  jw_key(w, "actions"), actions_put(w, r);
  jw_kint(w, "applied", s.applied), jw_kint(w, "overruns", s.overruns);
  if (text) jw_kstring(w, "text", r->text);
  jw_object_end(w);
  return ERR_OK;
}

enum err rules_read(struct read *rd, struct db *db)
{
  const struct rule_set *s = rd->rules->rules.rule_set;
  struct jw w;
  jw_init(&w, &rd->out), jw_object(&w), jw_key(&w, "data"), jw_array(&w);
  for (size_t i = 0; s && i < s->n; i++) TRY(rule_put(rd, db, &w, s->rule[i], false));
  jw_array_end(&w), jw_object_end(&w);
  return ERR_OK;
}

enum err rule_read(struct read *rd, struct db *db)
{
  const struct rule *r = rule_find(rd->rules->rules.rule_set, rd->call->id);
  struct jw w;
  if (!r) return ERR_NOT_FOUND;
  jw_init(&w, &rd->out);
  return rule_put(rd, db, &w, r, true);
}

/* ---- POST /v1/rules/dry-run ------------------------------------------------------------------------------------------------ */
struct dry {
  const char *name, *text, *from, *to;
  int64_t from_ms, to_ms, limit, looked, matched;
  struct sandbox *box;
  struct rule *rule;
};

static enum err dry_args(struct read *rd, struct dry *d)
{
  struct faults f = { .mem = &rd->mem };
  struct http_request *r = rd->call->r;
  const struct json *j = json_parse(&rd->mem, r->body, r->body_n, JSON_ELEMENTS_MAX, &f);
  if (json_type(j) != JSON_OBJECT)
    return read_bad(rd, "the body is an object: text, and maybe name, from, to, limit");
  d->limit = DRY_LIMIT, d->name = "rule", d->to_ms = INT64_MAX;
  for (const struct json *m = json_first(j); m; m = json_next(m)) {
    const char *key = json_key(m), *s = json_string(m);
    if (!strcmp(key, "text") && s) d->text = s;
    else if (!strcmp(key, "name") && s && rule_name_ok(s)) d->name = s;
    else if (!strcmp(key, "from") && s && time_parse(s, &d->from_ms)) d->from = s;
    else if (!strcmp(key, "to") && s && time_parse(s, &d->to_ms)) d->to = s;
    else if (!strcmp(key, "limit") && json_int(m, &d->limit) && d->limit >= 1 && d->limit <= DRY_LIMIT_MAX)
      continue;
    else
      return read_bad(rd, arena_printf(&rd->mem, "%.60s: text, name, from, to (times) or limit (1 to %d)",
                                       key, DRY_LIMIT_MAX));
  }
  if (!d->text) { /* one that was read already */
    const struct rule *known = rule_find(rd->rules->rules.rule_set, d->name);
    if (!known) return ERR_NOT_FOUND;
    d->text = known->text;
  }
  return ERR_OK;
}

static bool of_cases(const struct dry *d)
{
  return !strcmp(d->rule->when, RULE_WHEN_CASE);
}

/* Of one past order, or case, as it is now. */
static enum err dry_one(struct read *rd, struct db *db, struct dry *d, int64_t id, struct jw *w)
{
  struct buf view = { 0 }, of_case = { 0 };
  struct arena a = { 0 };
  struct aftercase k = { .order_id = id };
  const char *why = NULL;
  bool match = false;
  enum err e = of_cases(d) ? case_get(db, &a, id, &k) : ERR_OK;
  if (!e && of_cases(d)) e = view_case(db, &a, id, true, SHOW_FULL, &of_case, NULL);
  if (!e) e = view_order(db, &a, &rd->rules->rules.status, k.order_id, SHOW_FULL, &view, NULL);
  if (!e)
    rule_ask_case(d->box, &a, d->rule, view.data, view.len, of_case.data, rd->api->env->now_ms(rd->api->env),
                  &match, &why);
  if (!e && (match || why) && d->matched++ < DRY_SHOWN_MAX) {
    jw_object(w), jw_id(w, "order", 'o', k.order_id);
    if (of_cases(d)) jw_id(w, "case", 'c', id);
    if (why) jw_kstring(w, "fault", why);
    else jw_key(w, "does"), actions_put(w, d->rule);
    jw_object_end(w);
  }
  d->looked++;
  buf_release(&view), buf_release(&of_case), arena_release(&a);
  return e;
}

static enum err dry_walk(struct read *rd, struct db *db, struct dry *d)
{
  struct jw w;
  int64_t ids[200], before = INT64_MAX, until = mono_ms() + DRY_MS;
  size_t n = 1;
  jw_init(&w, &rd->out), jw_object(&w), jw_kstring(&w, "version", d->rule->version), jw_key(&w, "data"),
    jw_array(&w);
  while (n && d->looked < d->limit && mono_ms() < until) {
    int64_t most = d->limit - d->looked;
    size_t some = most < (int64_t)COUNT(ids) ? (size_t)most : COUNT(ids);
    n = (of_cases(d) ? rule_past_cases : rule_past)(db, d->from_ms, d->to_ms, before, ids, some);
    for (size_t i = 0; i < n && mono_ms() < until; i++) TRY(dry_one(rd, db, d, before = ids[i], &w));
  }
  jw_array_end(&w);
  jw_kint(&w, "looked", d->looked), jw_kint(&w, "matched", d->matched), jw_kbool(&w, "more", n > 0);
  jw_object_end(&w);
  return ERR_OK;
}

enum err rules_dry_run(struct read *rd, struct db *db)
{
  struct dry d = { 0 };
  const char *why = "";
  TRY(dry_args(rd, &d));
  d.box = sandbox_open(&rd->mem, &why);
  if (!d.box) return ERR_BUSY;
  sandbox_deadline(d.box, RULE_MS);
  d.rule = rule_parse(&rd->mem, d.box, d.name, d.text, strlen(d.text), &why);
  enum err e = d.rule ? dry_walk(rd, db, &d) : read_bad(rd, why);
  sandbox_close(d.box);
  return e;
}
