/* Orders through their statuses (domain 4): every move is one transaction with its guard, event, timer and effects. */
#include "flow.h"

/* ---- one move -------------------------------------------------------------------------------------------------------- */

static const char *allowed_list(struct cmd *c, int from)
{
  const struct status_table *t = &c->rules->status;
  struct buf b = { 0 };
  struct jw w;
  buf_str(&b, "\"status_now\":"), jw_init(&w, &b), jw_string(&w, t->stage[from].name);
  buf_str(&b, ",\"allowed\":"), jw_init(&w, &b), jw_array(&w);
  for (int s = 0; s < t->stages; s++)
    if (status_move(t, from, s, TRIGGER_COMMAND)) jw_string(&w, t->stage[s].name);
  jw_array_end(&w);
  const char *text = arena_strn(&c->mem, b.data, b.len);
  buf_release(&b);
  return text;
}

static enum err refuse_move(struct cmd *c, int from, const char *code, const char *detail)
{
  c->problem.extra = allowed_list(c, from);
  return refuse(c, ERR_CONFLICT, code, "%s", detail);
}

/* What must hold before a move; facts that the channel reports need no parcel of ours. */
static bool guard_holds(struct cmd *c, struct db *db, const struct order *o, enum guard g, unsigned trigger)
{
  switch (g) {
  case GUARD_KNOWN_SKUS: return !(exception_waits(db, o->id) & WAITS_SKU);
  case GUARD_NO_PARCEL:
    return trigger == TRIGGER_SYSTEM || !o->shipped_at; /* where other parcels stand is no choice */
  case GUARD_PARCEL:
    return trigger != TRIGGER_COMMAND || order_has_tracking(db, o->id) || claim_of_order(c, db, o->id);
  default: return true;
  }
}

static const char *hold_reasons(struct cmd *c, struct db *db, int64_t id)
{
  return arena_printf(&c->mem, "The order is held (%lld reasons): release it first",
                      (long long)order_holds(db, id));
}

static void stage_timer(const struct cmd *c, int to, int64_t *due_at, int *due_step)
{
  const struct stage *s = &c->rules->status.stage[to];
  int64_t ms = s->remind_ms ? s->remind_ms : s->escalate_ms;
  *due_at = ms ? calendar_add(&c->rules->status.calendar, c->now_ms, ms, s->working_time) : 0;
  *due_step = !ms ? 0 : s->remind_ms ? 1 : 2;
}

static enum err move_event(struct cmd *c, struct db *db, const struct order *o, const char *from,
                           unsigned trigger, const char *note)
{
  static const char *const names[] = { "", "command", "channel", "", "system" };
  struct buf b = { 0 };
  struct jw w;
  jw_init(&w, &b), jw_object(&w);
  jw_kstring(&w, "from", from), jw_kstring(&w, "to", o->status), jw_kstring(&w, "trigger", names[trigger]);
  if (note) jw_kstring(&w, "note", note);
  jw_object_end(&w);
  enum err e = progress_event(c, db, 'o', o->id, "order.status", "%s", b.data);
  buf_release(&b);
  return e;
}

enum err progress_stop(struct cmd *c, struct db *db, const struct order *o, const char *what)
{
  const char *data = arena_printf(
    &c->mem,
    "{\"what\":\"%s\",\"group\":\"g_%lld\",\"do\":\"Stop the parcel before it leaves, or call it back\"}",
    what, (long long)o->group_id);
  return exception_open(db, "cancel_after_lock", o->id, 0, 0, "warehouse", c->now_ms, data, NULL, NULL);
}

static enum err stop_if_locked(struct cmd *c, struct db *db, const struct order *o, const char *what)
{
  struct group g;
  if (!o->group_id) return ERR_OK;
  TRY(group_get(db, &c->mem, o->group_id, &g));
  return strcmp(g.state, "locked") ? ERR_OK : progress_stop(c, db, o, what);
}

/* Does an order want other pieces than before? Not while it is on its way from the split to the carrier. */
static bool wants_change(struct cmd *c, struct db *db, int from, int to, unsigned trigger)
{
  const struct status_table *t = &c->rules->status;
  int split = stage_rank(t, ST_SPLIT), shipped = stage_rank(t, ST_SHIPPED), a = stage_rank(t, from),
      b = stage_rank(t, to);
  bool was = a >= split && a < shipped, is = b >= split && b < shipped;
  if (was && is)
    return to == ST_SPLIT && from != ST_SPLIT; /* sent back: what was bought may be other by now */
  if (was && to == ST_SHIPPED && trigger == TRIGGER_SYSTEM)
    return false; /* its parcels have left: they said so */
  return was || is || stock_tracked(c, db);
}

enum err progress_move(struct cmd *c, struct db *db, struct order *o, int to, unsigned trigger,
                       const char *note)
{
  const struct status_table *t = &c->rules->status;
  int from = status_find(t, o->status);
  const char *was = o->status;
  int64_t due_at;
  int due_step;
  if (from < 0)
    return refuse(c, ERR_CONFLICT, "unknown_stage",
                  "The order stands in %s, which the configuration no longer has", o->status);
  const struct move *m = status_move(t, from, to, trigger);
  if (!m)
    return refuse_move(c, from, "illegal_transition",
                       arena_printf(&c->mem, "No move leads from %s to %s", was, t->stage[to].name));
  if (m->forward && order_holds(db, o->id))
    return refuse_move(c, from, "on_hold", hold_reasons(c, db, o->id));
  if (!guard_holds(c, db, o, m->guard, trigger))
    return refuse_move(c, from, guard_code(m->guard), guard_text(m->guard));
  if (to == ST_CANCELLED && trigger == TRIGGER_COMMAND && produce_begun(db, o->id))
    return refuse_move(
      c, from, "work_started",
      "A factory has begun to make it: cancel its work order first, and the factory agrees or not");
  if (to == ST_SPLIT && m->forward && exception_waits(db, o->id) & (WAITS_STOCK | WAITS_PLACE))
    return refuse_move(c, from, "not_reserved", "Its pieces are not reserved: there is not enough stock");
  if (to == ST_CANCELLED && !o->cancelled_at) o->cancelled_at = c->now_ms;
  if (from == ST_CANCELLED) o->cancelled_at = 0;
  if (to == ST_PAID && !o->paid_at) o->paid_at = c->now_ms;
  if (to == ST_SHIPPED && !o->shipped_at) o->shipped_at = c->now_ms;
  stage_timer(c, to, &due_at, &due_step);
  TRY(order_move(db, o, t->stage[to].name, c->now_ms, due_at, due_step));
  if (exception_settle(db, arena_printf(&c->mem, "overdue:%s", was), o->id, 0, c->actor.name, c->now_ms) < 0)
    return ERR_IO;
  TRY(move_event(c, db, o, was, trigger, note));
  if (to == ST_CANCELLED) TRY(stop_if_locked(c, db, o, "cancelled"));
  if (m->locks_group && o->group_id)
    TRY(group_close(c, db, o->group_id, to == ST_SHIPPED ? o->shipped_at : 0, t->stage[to].name));
  c->version = o->version;
  rule_arrived(c, o->id, t->stage[to].name);
  if (wants_change(c, db, from, to, trigger)) fulfil_touch(c, o->id);
  return ERR_OK;
}

/* ---- what the channel says -------------------------------------------------------------------------------------------- */

/* Late messages never move a status back: the channel's moves only lead forward. What cannot be followed is for a person. */
enum err progress_follow(struct cmd *c, struct db *db, struct order *o, int64_t shipped_at)
{
  const struct status_table *t = &c->rules->status;
  int way[STATUS_MAX], from = status_find(t, o->status), to = status_of_channel(o->channel_status);
  if (from < 0 || to < 0 || from == to) return ERR_OK;
  if (to == ST_CANCELLED && from == ST_COMPLETED) return ERR_OK;
  int n = status_way(t, from, to, TRIGGER_CHANNEL, way);
  bool straight = to == ST_CANCELLED && n > 1; /* never by way of shipped */
  if (to == ST_CANCELLED && (!n || straight || o->shipped_at))
    return progress_stop(c, db, o, "cancelled by the channel");
  if (from == ST_CANCELLED)
    return exception_open(
      db, "channel_disagrees", o->id, 0, 0, "cs", c->now_ms,
      arena_printf(&c->mem,
                   "{\"channel_status\":\"%s\",\"do\":\"Reopen the order or settle it with the customer\"}",
                   o->channel_status),
      NULL, NULL);
  if (to == ST_SHIPPED ||
      to == ST_COMPLETED) { /* its parcels say where it stands, while one of them is here */
    bool here, bare;
    TRY(fulfil_under_way(c, db, o->id, &here, &bare));
    if (here) return ERR_OK;
  }
  if (shipped_at && !o->shipped_at) o->shipped_at = shipped_at;
  for (int i = 0; i < n; i++) {
    enum err e = progress_move(c, db, o, way[i], TRIGGER_CHANNEL, NULL);
    if (e != ERR_CONFLICT) {
      TRY(e);
      continue;
    }
    const char *data = arena_printf(
      &c->mem,
      "{\"channel_status\":\"%s\",\"because\":\"%s\",\"do\":\"The channel is ahead of us: look at the holds\"}",
      o->channel_status, c->problem.code);
    c->problem.code = c->problem.detail = c->problem.extra = NULL;
    return exception_open(db, "channel_ahead", o->id, 0, 0, "cs", c->now_ms, data, NULL, NULL);
  }
  return ERR_OK;
}

/* ---- commands of people -------------------------------------------------------------------------------------------------- */

struct move_args {
  const char *to, *note, *reason;
  int64_t if_version;
};

static enum err answer(struct cmd *c, struct db *db, int64_t id)
{
  int64_t version;
  enum privacy p = c->actor.roles & (ROLE_ADMIN | ROLE_CS | ROLE_WAREHOUSE) ? SHOW_FULL : SHOW_MASKED;
  TRY(view_order(db, &c->mem, &c->rules->status, id, p, &c->out, &version));
  c->version = version;
  return ERR_OK;
}

static enum err version_asked(struct cmd *c, const struct order *o, int64_t if_version)
{
  int64_t asked = if_version ? if_version : c->if_version;
  if (!asked || asked == o->version) return ERR_OK;
  c->problem.extra = arena_printf(&c->mem, "\"version\":%lld", (long long)o->version);
  return refuse(c, ERR_STALE, "stale_version", "The order has version %lld by now", (long long)o->version);
}

enum err flow_order_move_parse(struct cmd *c, const struct json *body)
{
  struct move_args *a = arena_new(&c->mem, struct move_args);
  const struct arg rows[] = { { "to", ARG_TEXT, true, 24, &a->to },
                              { "note", ARG_TEXT, false, 500, &a->note },
                              { "if_version", ARG_VERSION, false, 0, &a->if_version } };
  c->args = a;
  return args_read(c, body, rows, COUNT(rows));
}

/* Parcels of ours say where a split order stands: its move is the move of each of them. */
static enum err fulfilments_moved(struct cmd *c, struct db *db, struct order *o, int to, const char *note,
                                  bool *moved)
{
  const struct status_table *t = &c->rules->status;
  struct fulfilment *f;
  size_t n;
  int from = status_find(t, o->status);
  *moved = false;
  if (stage_rank(t, from) < stage_rank(t, ST_SPLIT) || stage_rank(t, to) < stage_rank(t, ST_SPLIT))
    return ERR_OK;
  const struct move *m = status_move(t, from, to, TRIGGER_COMMAND);
  if (!m || (m->forward && order_holds(db, o->id))) return ERR_OK; /* refused there */
  TRY(fulfilments_of_order(db, &c->mem, o->id, true, &f, &n));
  if (m->forward && stage_rank(t, to) < stage_rank(t, ST_COMPLETED) && stock_tracked(c, db) &&
      exception_waits(db, o->id))
    return refuse_move(c, from, "waits", "Some of it is in no parcel yet: see its exceptions");
  if (!n) return ERR_OK;
  bool together = true,
       locked = false; /* all of them stand where the order stands, and none waits for its two facts */
  for (size_t i = 0; i < n; i++) {
    struct claim k;
    int at = status_find(t, f[i].status);
    together = together && (at == from || stage_rank(t, at) >= stage_rank(t, to));
    locked = locked || f[i].warehouse_id || !claim_of_fulfilment(db, &c->mem, f[i].id, &k);
  }
  bool person = together && (!locked || (to != ST_PRE_SHIP && from != ST_PRE_SHIP));
  if (person) TRY(progress_move(c, db, o, to, TRIGGER_COMMAND, note));
  for (size_t i = 0; i < n; i++) {
    struct claim k;
    if (status_find(t, f[i].status) != from) continue;
    bool claimed = !claim_of_fulfilment(db, &c->mem, f[i].id, &k);
    if (to == ST_PRE_SHIP && !claimed && f[i].warehouse_id)
      return refuse_move(c, from, "no_claim",
                         "Its pieces are locked by a claim with a tracking number: make that first");
    if (from == ST_PRE_SHIP && to != ST_SHIPPED && claimed)
      return refuse_move(c, from, "claimed", "Void its claim first");
    if (from == ST_PRE_SHIP && !claimed && f[i].warehouse_id)
      return refuse_move(c, from, "to_put_back", "Its label is void: put its pieces back first");
    if (to == ST_SHIPPED && claimed) {
      if (!strcmp(k.state, "live") && k.told != TOLD_ACCEPTED)
        return refuse_move(c, from, "not_confirmed", "Its channel has not accepted the tracking number yet");
      TRY(claim_carried(c, db, &k, CARRIED_PICKED_UP, c->now_ms));
    } else if (to == ST_SHIPPED && f[i].warehouse_id)
      return refuse_move(c, from, "no_claim", "It has no tracking number");
    else TRY(fulfil_move(c, db, &f[i], to, TRIGGER_COMMAND, note));
  }
  TRY(order_get(db, &c->mem, o->id, o));
  if (status_find(t, o->status) == from)
    return ERR_OK; /* parcels elsewhere hold it back: the order says so */
  *moved = true;
  c->version = o->version;
  return ERR_OK;
}

/* One customer's orders are sent together: the others of the group that are ready are split with it. */
static enum err split_along(struct cmd *c, struct db *db, int64_t order_id)
{
  const struct status_table *t = &c->rules->status;
  struct merge_order *list;
  struct order o;
  size_t n;
  TRY(order_get(db, &c->mem, order_id, &o));
  if (!o.group_id) return ERR_OK;
  TRY(order_group_members(db, &c->mem, o.group_id, &list, &n));
  for (size_t i = 0; i < n; i++) {
    struct order mate;
    struct problem before = c->problem;
    if (list[i].id == order_id) continue;
    TRY(order_get(db, &c->mem, list[i].id, &mate));
    const struct move *m = status_move(t, status_find(t, mate.status), ST_SPLIT, TRIGGER_SYSTEM);
    if (!m || !m->forward) continue;
    enum err e = progress_move(c, db, &mate, ST_SPLIT, TRIGGER_SYSTEM, NULL);
    if (e && e != ERR_CONFLICT) return e;
    c->problem = before; /* held, or short of stock: it stays behind */
  }
  return ERR_OK;
}

enum err flow_order_move_run(struct cmd *c, struct db *db)
{
  const struct move_args *a = c->args;
  struct order o;
  bool moved;
  TRY(order_target(c, db, c->target, &o));
  TRY(version_asked(c, &o, a->if_version));
  int to = status_find(&c->rules->status, a->to);
  if (to < 0) return refuse(c, ERR_INVALID, "unknown_status", "There is no status %.24s", a->to);
  if (to == ST_SPLIT && stock_tracked(c, db)) { /* what stands in its way is known before it is asked */
    fulfil_touch(c, o.id);
    TRY(fulfil_settle(c, db));
    TRY(order_get(db, &c->mem, o.id, &o));
  }
  TRY(fulfilments_moved(c, db, &o, to, a->note, &moved));
  if (!moved) TRY(progress_move(c, db, &o, to, TRIGGER_COMMAND, a->note));
  TRY(regroup(c, db, o.id));
  if (to == ST_SPLIT && stock_tracked(c, db)) TRY(split_along(c, db, o.id));
  TRY(fulfil_settle(c, db));
  return answer(c, db, o.id);
}

enum err flow_order_cancel_parse(struct cmd *c, const struct json *body)
{
  struct move_args *a = arena_new(&c->mem, struct move_args);
  const struct arg rows[] = { { "reason", ARG_TEXT, true, 200, &a->reason },
                              { "note", ARG_TEXT, false, 500, &a->note },
                              { "if_version", ARG_VERSION, false, 0, &a->if_version } };
  c->args = a;
  return args_read(c, body, rows, COUNT(rows));
}

enum err flow_order_cancel_run(struct cmd *c, struct db *db)
{
  const struct move_args *a = c->args;
  struct order o;
  TRY(order_target(c, db, c->target, &o));
  TRY(version_asked(c, &o, a->if_version));
  TRY(progress_move(c, db, &o, ST_CANCELLED, TRIGGER_COMMAND, a->reason));
  TRY(regroup(c, db, o.id));
  TRY(fulfil_settle(c, db));
  return answer(c, db, o.id);
}

enum err flow_order_hold_parse(struct cmd *c, const struct json *body)
{
  struct move_args *a = arena_new(&c->mem, struct move_args);
  const struct arg rows[] = { { "reason", ARG_TEXT, true, 100, &a->reason },
                              { "note", ARG_TEXT, false, 500, &a->note },
                              { "if_version", ARG_VERSION, false, 0, &a->if_version } };
  c->args = a;
  return args_read(c, body, rows, COUNT(rows));
}

static enum err reason_event(struct cmd *c, struct db *db, int64_t id, const char *type, const char *reason,
                             const char *note)
{
  struct buf b = { 0 };
  struct jw w;
  jw_init(&w, &b), jw_object(&w);
  jw_kstring(&w, "reason", reason);
  if (note) jw_kstring(&w, "note", note);
  jw_object_end(&w);
  enum err e = progress_event(c, db, 'o', id, type, "%s", b.data);
  buf_release(&b);
  return e;
}

enum err flow_order_hold_run(struct cmd *c, struct db *db)
{
  const struct move_args *a = c->args;
  struct order o;
  bool is_new;
  TRY(order_target(c, db, c->target, &o));
  TRY(version_asked(c, &o, a->if_version));
  if (c->rules->status
        .stage[status_find(&c->rules->status, o.status) < 0 ? 0 : status_find(&c->rules->status, o.status)]
        .terminal)
    return refuse(c, ERR_CONFLICT, "terminal", "The order is %s: there is nothing to hold", o.status);
  TRY(order_hold(db, o.id, a->reason, a->note, c->actor.name, c->now_ms, &is_new));
  if (is_new) {
    TRY(order_bump(db, &o, c->now_ms));
    TRY(reason_event(c, db, o.id, "order.hold", a->reason, a->note));
    if (order_ships(c->rules, o.status, o.flags)) TRY(stop_if_locked(c, db, &o, "held"));
    TRY(regroup(c, db, o.id));
  }
  TRY(fulfil_settle(c, db));
  return answer(c, db, o.id);
}

enum err flow_order_release_parse(struct cmd *c, const struct json *body)
{
  struct move_args *a = arena_new(&c->mem, struct move_args);
  const struct arg rows[] = { { "reason", ARG_TEXT, false, 100, &a->reason },
                              { "note", ARG_TEXT, false, 500, &a->note },
                              { "if_version", ARG_VERSION, false, 0, &a->if_version } };
  c->args = a;
  return args_read(c, body, rows, COUNT(rows));
}

enum err flow_order_release_run(struct cmd *c, struct db *db)
{
  const struct move_args *a = c->args;
  struct order o;
  int64_t released;
  TRY(order_target(c, db, c->target, &o));
  TRY(version_asked(c, &o, a->if_version));
  TRY(order_release(db, o.id, a->reason, &released));
  if (!released)
    return refuse(c, ERR_CONFLICT, "not_held",
                  a->reason ? "The order is not held for this reason" : "The order is not held");
  TRY(order_bump(db, &o, c->now_ms));
  TRY(reason_event(c, db, o.id, "order.release", a->reason, a->note));
  if (!order_holds(db, o.id)) {
    if (exception_settle(db, "channel_ahead", o.id, 0, c->actor.name, c->now_ms) < 0) return ERR_IO;
    TRY(elsewhere_released(c, db, &o));
    TRY(progress_follow(c, db, &o, o.shipped_at));
    TRY(regroup(c, db, o.id));
    fulfil_touch(c, o.id);
  }
  TRY(fulfil_settle(c, db));
  return answer(c, db, o.id);
}

/* ---- timers: deadlines are columns of the order, so they survive a restart ----------------------------------------------- */

#define TIMERS_STEP_MAX 200

static enum err timer_fire(struct cmd *c, struct db *db, int64_t id)
{
  const struct status_table *t = &c->rules->status;
  struct order o;
  TRY(order_get(db, &c->mem, id, &o));
  int at = status_find(t, o.status);
  const struct stage *s = at >= 0 ? &t->stage[at] : NULL;
  if (!s || !o.due_step) return order_set_due(db, id, 0, 0);
  if (o.due_step == 1) {
    int64_t next =
      s->escalate_ms ? calendar_add(&t->calendar, o.stage_since, s->escalate_ms, s->working_time) : 0;
    TRY(order_set_due(db, id, next, next ? 2 : 0));
    TRY(notify_stage(c, db, &o, s, false));
    return progress_event(c, db, 'o', id, "order.reminder", "{\"stage\":\"%s\",\"owner\":\"%s\"}", o.status,
                          s->owner);
  }
  TRY(order_set_due(db, id, 0, 0));
  TRY(notify_stage(c, db, &o, s, true));
  TRY(customer_order_late(c, db, &o));
  const char *data =
    arena_printf(&c->mem, "{\"stage\":\"%s\",\"owner\":\"%s\",\"lead\":\"%s\",\"since\":%lld}", o.status,
                 s->owner, s->lead, (long long)o.stage_since);
  bool is_new;
  TRY(exception_open(db, arena_printf(&c->mem, "overdue:%s", o.status), id, 0, 0, s->owner, c->now_ms, data,
                     NULL, &is_new));
  return progress_event(c, db, 'o', id, "order.overdue",
                        "{\"stage\":\"%s\",\"owner\":\"%s\",\"lead\":\"%s\"}", o.status, s->owner, s->lead);
}

enum err flow_timers_fire_parse(struct cmd *c, const struct json *body)
{
  return args_read(c, body, NULL, 0);
}

enum err flow_timers_fire_run(struct cmd *c, struct db *db)
{
  int64_t id, n = 0;
  while (n < TIMERS_STEP_MAX &&
         order_due(db, c->now_ms, &id, 1)) { /* one by one: what was reminded late may be overdue too */
    TRY(timer_fire(c, db, id));
    n++;
  }
  int64_t parcels, cases, next;
  TRY(claims_fire(c, db, &parcels));
  TRY(cases_fire(c, db, &cases));
  c->numbers[0] = n + parcels + cases;
  c->numbers[1] = order_next_due(db), next = claim_next_due(db);
  if (next && (!c->numbers[1] || next < c->numbers[1])) c->numbers[1] = next;
  c->left = n == TIMERS_STEP_MAX || (next && next <= c->now_ms);
  next = case_next_due(db);
  if (next && (!c->numbers[1] || next < c->numbers[1])) c->numbers[1] = next;
  c->left = c->left || (next && next <= c->now_ms);
  return ERR_OK;
}
