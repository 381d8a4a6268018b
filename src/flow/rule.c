/* rule.c: rules are asked when an order comes to their stage, in the command that brought it there; what they say is done
 * once per order and version, and told by an event. */
#include "flow.h"

void rule_arrived(struct cmd *c, int64_t order_id, const char *stage)
{
  const struct rule_set *s = c->rules->rule_set;
  bool any = false;
  for (size_t i = 0; s && i < s->n && !any; i++) any = !strcmp(s->rule[i]->when, stage);
  if (!any) return;
  if (c->arrivals == c->arrived_cap) {
    struct arrived *grown =
      arena_array(&c->mem, struct arrived, c->arrived_cap = c->arrived_cap ? 2 * c->arrived_cap : 4);
    if (c->arrivals) memcpy(grown, c->arrived, c->arrivals * sizeof *grown);
    c->arrived = grown;
  }
  c->arrived[c->arrivals++] = (struct arrived){ order_id, arena_str(&c->mem, stage) };
}

bool rule_apart(struct cmd *c, struct db *db, int64_t order_id)
{
  struct order_wish w = { 0 };
  return c->rules->rule_set && !wish_get(db, &c->mem, order_id, &w) && w.apart;
}

/* ---- one application ---------------------------------------------------------------------------------------------------- */
struct work { /* on one order */
  struct cmd *c;
  struct db *db;
  struct order o;
  const struct rule *r;
  struct jw *did;
  bool wrote, regroup;
};

static bool is_over(const struct work *k)
{
  int s = status_find(&k->c->rules->status, k->o.status);
  return s < 0 || k->c->rules->status.stage[s].terminal;
}

static enum err stop_parcel(struct work *k)
{
  struct group g;
  if (!k->o.group_id || !order_ships(k->c->rules, k->o.status, k->o.flags)) return ERR_OK;
  TRY(group_get(k->db, &k->c->mem, k->o.group_id, &g));
  return strcmp(g.state, "locked") ? ERR_OK : progress_stop(k->c, k->db, &k->o, "held");
}

static enum err hold(struct work *k, const char *reason, bool *changed)
{
  struct buf b = { 0 };
  struct jw w;
  if (is_over(k)) return ERR_OK;
  const char *note = arena_printf(&k->c->mem, "rule %s", k->r->name);
  TRY(order_hold(k->db, k->o.id, reason, note, k->c->actor.name, k->c->now_ms, changed));
  if (!*changed) return ERR_OK;
  jw_init(&w, &b), jw_object(&w), jw_kstring(&w, "reason", reason), jw_kstring(&w, "note", note),
    jw_object_end(&w);
  const char *data = arena_strn(&k->c->mem, b.data, b.len);
  buf_release(&b);
  TRY(progress_event(k->c, k->db, 'o', k->o.id, "order.hold", "%s", data));
  k->regroup = true;
  return stop_parcel(k);
}

static enum err wish(struct work *k, const struct rule_action *x, bool *changed)
{
  struct order_wish was, now;
  TRY(wish_get(k->db, &k->c->mem, k->o.id, &was));
  now = was;
  if (x->act == RULE_ROUTE) now.warehouse = x->text;
  if (x->act == RULE_PRIORITY) now.priority = x->n;
  now.apart = was.apart || x->act == RULE_SPLIT, now.propose = was.propose || x->act == RULE_PROPOSE;
  *changed = now.apart != was.apart || now.propose != was.propose || now.priority != was.priority ||
             strcmp(now.warehouse ? now.warehouse : "", was.warehouse ? was.warehouse : "") != 0;
  if (!*changed) return ERR_OK;
  TRY(wish_put(k->db, k->o.id, &now));
  if (x->act == RULE_ROUTE) fulfil_touch(k->c, k->o.id), k->c->touched.anew = true;
  if (x->act == RULE_SPLIT && !k->o.no_merge) TRY(order_set_no_merge(k->db, k->o.id, "rule_apart"));
  k->regroup = k->regroup || x->act == RULE_SPLIT || x->act == RULE_PROPOSE;
  return ERR_OK;
}

static enum err act(struct work *k, const struct rule_action *x)
{
  struct buf b = { 0 };
  bool changed = false;
  switch (x->act) {
  case RULE_HOLD: TRY(hold(k, x->text, &changed)); break;
  case RULE_TAG: TRY(tag_put(k->db, k->o.id, x->text, &changed)); break;
  case RULE_GIFT:
    TRY(gift_give(k->c, k->db, &k->o, k->r, x, &changed));
    k->wrote = true; /* else a tag says that there is none */
    break;
  default: TRY(wish(k, x, &changed)); break;
  }
  if (!changed) return ERR_OK;
  rule_action_put(x, &b);
  jw_string(k->did, b.data);
  buf_release(&b);
  k->wrote = true;
  return ERR_OK;
}

static enum err apply(struct work *k, const char *stage)
{
  struct buf b = { 0 };
  struct jw w;
  bool is_new;
  enum err e = rule_remember(k->db, k->r, k->o.id, k->c->now_ms, &is_new);
  if (e || !is_new) return e;
  jw_init(&w, &b), jw_object(&w), jw_kstring(&w, "rule", k->r->name),
    jw_kstring(&w, "version", k->r->version);
  jw_kstring(&w, "stage", stage), jw_key(&w, "did"), jw_array(&w);
  k->did = &w;
  for (size_t i = 0; i < k->r->actions && !e; i++) e = act(k, &k->r->action[i]);
  jw_array_end(&w), jw_object_end(&w);
  const char *data = arena_strn(&k->c->mem, b.data, b.len);
  buf_release(&b);
  TRY(e);
  TRY(rule_counted(k->db, k->r, k->c->now_ms));
  return progress_event(k->c, k->db, 'o', k->o.id, "rule.applied", "%s", data);
}

/* ---- asking ------------------------------------------------------------------------------------------------------------------ */
enum err rule_failed(struct cmd *c, struct db *db, const struct rule *r, const char *why)
{
  int64_t n;
  TRY(rule_overrun(db, r, c->now_ms, &n));
  if (n < RULE_OVERRUNS_MAX) return ERR_OK;
  struct buf b = { 0 };
  struct jw w;
  jw_init(&w, &b), jw_object(&w), jw_kstring(&w, "rule", r->name), jw_kstring(&w, "version", r->version);
  jw_kstring(&w, "why", why),
    jw_kstring(&w, "do", "Mend the file, try it by a dry run, and switch it on again");
  jw_object_end(&w);
  const char *data = arena_strn(&c->mem, b.data, b.len);
  buf_release(&b);
  TRY(rule_switch(db, r, false, c->now_ms));
  TRY(progress_event(c, db, 's', 0, "rule.off", "%s", data));
  return exception_open(db, arena_printf(&c->mem, "rule_off:%s", r->name), 0, 0, 0, "admin", c->now_ms, data,
                        NULL, NULL);
}

enum err rule_on(struct cmd *c, struct db *db, const struct rule *r, bool *on)
{
  struct rule_state s;
  TRY(rule_state(db, r, &s));
  *on = s.known ? s.on : c->rules->rules_trust;
  return ERR_OK;
}

/* The order as people see it, in full. */
static enum err seen(struct work *k, struct buf *view)
{
  view->len = 0;
  TRY(order_get(k->db, &k->c->mem, k->o.id, &k->o));
  return view_order(k->db, &k->c->mem, &k->c->rules->status, k->o.id, SHOW_FULL, view, NULL);
}

static enum err ask_all(struct work *k, const char *stage, struct buf *view)
{
  const struct rule_set *s = k->c->rules->rule_set;
  bool stopped = false;
  for (size_t i = 0; i < s->n && !stopped; i++) {
    const char *why = NULL;
    bool on = false, match = false;
    k->r = s->rule[i];
    if (strcmp(k->r->when, stage) != 0) continue;
    TRY(rule_on(k->c, k->db, k->r, &on));
    if (!on) continue;
    if (!view->len) TRY(seen(k, view));
    if (rule_ask(s->box, &k->c->mem, k->r, view->data, view->len, k->c->now_ms, &match, &why)) {
      TRY(rule_failed(k->c, k->db, k->r, why));
      continue;
    }
    if (!match) continue;
    TRY(apply(k, stage));
    view->len = 0; /* the next one sees what this one did */
    stopped = k->r->stop;
  }
  return ERR_OK;
}

static enum err settle_one(struct cmd *c, struct db *db, const struct arrived *at)
{
  struct work k = { .c = c, .db = db };
  struct buf view = { 0 };
  enum err e = order_get(db, &c->mem, at->id, &k.o);
  if (e) return e == ERR_NOT_FOUND ? ERR_OK : e; /* undone meanwhile */
  if (strcmp(at->stage, "taken") != 0 && strcmp(at->stage, k.o.status) != 0)
    return ERR_OK; /* further on already */
  e = ask_all(&k, at->stage, &view);
  buf_release(&view);
  TRY(e);
  if (!k.wrote) return ERR_OK;
  TRY(order_get(db, &c->mem, at->id, &k.o));
  TRY(order_bump(db, &k.o, c->now_ms));
  if (k.regroup) TRY(regroup(c, db, at->id));
  TRY(order_get(db, &c->mem, at->id, &k.o));
  c->version = k.o.version;
  return ERR_OK;
}

enum err rule_settle(struct cmd *c, struct db *db)
{
  for (size_t i = 0; i < c->arrivals; i++) {
    struct arrived at = c->arrived[i];
    int64_t version = c->version;
    TRY(settle_one(c, db, &at));
    if (c->id != CMD_ORDER_INGEST) c->version = version;
  }
  c->arrivals = 0;
  return ERR_OK;
}

/* ---- switching --------------------------------------------------------------------------------------------------------------- */
static enum err switched(struct cmd *c, struct db *db, bool on)
{
  const struct rule *r = rule_find(c->rules->rule_set, c->target);
  struct rule_state s;
  if (!r)
    return refuse(c, ERR_NOT_FOUND, "rule_not_found",
                  "There is no rule %.40s in DATA/rules/ as it was read last", c->target ? c->target : "");
  TRY(rule_state(db, r, &s));
  if (!s.known || s.on != on) {
    TRY(rule_switch(db, r, on, c->now_ms));
    TRY(progress_event(c, db, 's', 0, on ? "rule.on" : "rule.off", "{\"rule\":\"%s\",\"version\":\"%s\"}",
                       r->name, r->version));
  }
  if (on &&
      exception_settle_type(db, arena_printf(&c->mem, "rule_off:%s", r->name), c->actor.name, c->now_ms) < 0)
    return ERR_IO;
  buf_printf(&c->out, "{\"name\":\"%s\",\"version\":\"%s\",\"state\":\"%s\"}", r->name, r->version,
             on ? "on" : "off");
  return ERR_OK;
}

enum err flow_rule_on_parse(struct cmd *c, const struct json *body)
{
  return args_read(c, body, NULL, 0);
}

enum err flow_rule_on_run(struct cmd *c, struct db *db)
{
  return switched(c, db, true);
}

enum err flow_rule_off_parse(struct cmd *c, const struct json *body)
{
  return args_read(c, body, NULL, 0);
}

enum err flow_rule_off_run(struct cmd *c, struct db *db)
{
  return switched(c, db, false);
}
