/* Intake (domain 2): the raw copy first, then the same order or a new one, its status, its group. */
#include "flow.h"

static const char *const result_names[] = { "created", "updated", "unchanged", "stale", "taken" };

const char *ingest_result_name(enum ingest_result r)
{
  return result_names[r];
}

bool order_ships(const struct rules *r, const char *status, unsigned flags)
{
  int s = status_find(&r->status, status);
  if (s < 0 || s == ST_PENDING || s == ST_SHIPPED || r->status.stage[s].terminal) return false;
  return !(flags & (FLAG_PLATFORM_WAREHOUSE | FLAG_PLATFORM_INSPECTION | FLAG_AGENCY));
}

/* ---- the channel ------------------------------------------------------------------------------------------------- */

/* The configuration was changed since the channel's last order: tokens match by what it says now. */
static enum err family_changed(struct cmd *c, struct db *db, struct channel *ch, const char *family)
{
  const char *was = ch->family;
  ch->family = family;
  TRY(channel_set_family(db, ch->id, family));
  return progress_event(c, db, 'c', ch->id, "channel.family", "{\"was\":\"%s\",\"family\":\"%s\"}", was,
                        family);
}

enum err ingest_channel(struct cmd *c, struct db *db, const char *name, struct channel *ch)
{
  enum err e = channel_find(db, &c->mem, name, ch);
  const char *family = rules_family(c->rules, name);
  if (!e && strcmp(ch->family, family)) return family_changed(c, db, ch, family);
  if (e != ERR_NOT_FOUND) return e;
  if (!c->rules->new_channels && !rules_channel_known(c->rules, name))
    return refuse(c, ERR_INVALID, "unknown_channel",
                  "There is no channel %.64s, and [intake] new_channels is no", name);
  TRY(channel_add(db, name, family, c->now_ms, &ch->id));
  ch->name = name, ch->family = family;
  return progress_event(c, db, 'c', ch->id, "channel.created", "{\"name\":\"%s\",\"family\":\"%s\"}", name,
                        family);
}

static enum err payload_keep(struct cmd *c, struct db *db, const struct draft *d, int64_t channel_id,
                             enum payload_state state, int64_t order_id, int64_t *id)
{
  return payload_put(db, channel_id, c->source ? c->source : "api", state, c->now_ms, d, order_id, NULL, id);
}

/* ---- a new order ---------------------------------------------------------------------------------------------------- */

static void stage_enter(const struct cmd *c, struct order *o, int status)
{
  const struct stage *s = &c->rules->status.stage[status];
  o->stage_since = c->now_ms, o->due_at = 0, o->due_step = 0;
  int64_t ms = s->remind_ms ? s->remind_ms : s->escalate_ms;
  if (!ms) return;
  o->due_at = calendar_add(&c->rules->status.calendar, o->stage_since, ms, s->working_time);
  o->due_step = s->remind_ms ? 1 : 2;
}

/* When the first parcel left, as far as the channel tells; 0 when none did. */
static int64_t shipped_at_of(const struct cmd *c, const struct draft *d)
{
  int64_t first = 0;
  if (strcmp(d->status, "shipped") && strcmp(d->status, "completed") && strcmp(d->status, "partly_shipped") &&
      !d->parcels_n)
    return 0;
  for (size_t i = 0; i < d->parcels_n; i++)
    if (d->parcels[i].shipped_at && (!first || d->parcels[i].shipped_at < first))
      first = d->parcels[i].shipped_at;
  if (first) return first;
  return d->updated_at ? d->updated_at : c->now_ms;
}

/* left: when a parcel of this order left, 0: none did. What left once stays so, whatever a later message leaves out. */
static const char *no_merge_of(const struct cmd *c, const struct draft *d, int64_t left)
{
  if (d->no_merge) return d->no_merge;
  if (left) return "parcel_known";
  return rules_channel_merges(c->rules, d->channel) ? NULL : "channel_rule";
}

static enum err any_candidate(struct cmd *c, struct db *db, const struct draft *d, bool *any)
{
  int64_t w = c->rules->merge.window_ms;
  *any = false;
  if (!d->contact_key) return ERR_OK;
  return order_any_candidate(db, d->contact_key, d->token_key, d->placed_at - w, d->placed_at + w, any);
}

static enum err group_alone(struct db *db, const struct draft *d, int64_t *id)
{
  *id = db_next_id(db, "group");
  return group_insert(db, *id, NULL, d->placed_at);
}

static enum err create(struct cmd *c, struct db *db, struct draft *d, int64_t channel_id, int64_t payload_id,
                       int64_t *order_id, int64_t *group_id)
{
  struct order o = { .channel_id = channel_id, .received_at = c->now_ms, .updated_at = c->now_ms };
  int status = status_of_channel(d->status);
  bool company = false;
  must(status >= 0);
  o.status = c->rules->status.stage[status].name;
  o.shipped_at = shipped_at_of(c, d);
  if (status == ST_CANCELLED) o.cancelled_at = d->updated_at ? d->updated_at : c->now_ms;
  o.no_merge = d->no_merge = no_merge_of(c, d, o.shipped_at);
  stage_enter(c, &o, status);
  bool ships = order_ships(c->rules, o.status, d->flags), left = o.shipped_at != 0;
  TRY(any_candidate(c, db, d, &company));
  o.id = *order_id = db_next_id(db, "order");
  if (ships) TRY(group_alone(db, d, &o.group_id));
  if (payload_id) o.payload_id = payload_id;
  else TRY(payload_keep(c, db, d, channel_id, PAYLOAD_APPLIED, o.id, &o.payload_id));
  c->numbers[1] = o.payload_id;
  TRY(order_insert(db, &o, d));
  *group_id = o.group_id, c->version = 1;
  TRY(progress_event(c, db, 'o', o.id, "order.created", "{\"status\":\"%s\"}", o.status));
  rule_arrived(c, o.id, "taken"), rule_arrived(c, o.id, o.status);
  bool ruled = c->arrivals != 0, tracked = stock_tracked(c, db);
  if (tracked && (ships || left || c->rules->reserve_placed)) fulfil_touch(c, o.id);
  if (left && o.group_id) TRY(group_close(c, db, o.group_id, 0, "parcel_known"));
  if (left && tracked) TRY(claim_at_once(c, db, o.id, d));
  if (ruled) TRY(fulfil_settle(c, db));
  if (left && o.group_id) return ERR_OK;
  if (!ruled && (!company || !ships)) return fulfil_settle(c, db);
  if (company && ships) TRY(regroup(c, db, o.id));
  struct order now;
  TRY(order_get(db, &c->mem, o.id, &now));
  *group_id = now.group_id, c->version = now.version;
  return fulfil_settle(c, db);
}

/* ---- news for a known order --------------------------------------------------------------------------------------------- */

enum news { NEWS_APPLY, NEWS_CONFLICT, NEWS_SAME, NEWS_SAME_LATER, NEWS_STALE };

/* Domain 2.4. A message without its own time never beats one that had it; among those that the channel's time does
 * not tell apart the later arrival wins, also when a payload (0: just now) has waited in the inbox. */
static enum news news_of(const struct order *o, const struct draft *d, int64_t payload_id)
{
  bool same = o->content == d->content, late = payload_id && payload_id < o->payload_id;
  if (!d->updated_at) return same ? NEWS_SAME : o->channel_updated_at || late ? NEWS_STALE : NEWS_APPLY;
  if (d->updated_at < o->channel_updated_at) return NEWS_STALE;
  if (d->updated_at == o->channel_updated_at) return same ? NEWS_SAME : late ? NEWS_STALE : NEWS_CONFLICT;
  return same ? NEWS_SAME_LATER : NEWS_APPLY;
}

const char *ingest_preview(struct db *db, struct arena *a, const struct rules *r, struct draft *d,
                           int64_t *order_id)
{
  struct channel ch;
  struct order o;
  *order_id = 0;
  enum err e = channel_find(db, a, d->channel, &ch);
  if (e && e != ERR_NOT_FOUND) return NULL;
  if (e) return r->new_channels || rules_channel_known(r, d->channel) ? "new" : "refused";
  draft_keys(d, *ch.family ? ch.family : ch.name);
  e = order_find(db, a, ch.id, d->external_id, &o);
  if (e) return e == ERR_NOT_FOUND ? "new" : NULL;
  *order_id = o.id;
  enum news news = news_of(&o, d, 0);
  return news == NEWS_STALE                             ? "stale"
         : news == NEWS_SAME || news == NEWS_SAME_LATER ? "unchanged"
                                                        : "changed";
}

/* Does something wait in the inbox that came after this one? */
static bool waits_since(struct db *db, int64_t payload_id)
{
  int64_t id;
  return payload_next(db, PAYLOAD_PENDING, payload_id, &id, 1) ||
         payload_next(db, PAYLOAD_FAILED, payload_id, &id, 1);
}

/* Keeps the bytes unless the very same are in the inbox already and nothing that waits may be older than this. */
static enum err keep_unless_same(struct cmd *c, struct db *db, struct draft *d, struct order *o,
                                 int64_t *payload_id)
{
  if (*payload_id) return ERR_OK;
  if (o->payload_id && payload_same(db, o->payload_id, d->digest) && !waits_since(db, o->payload_id))
    return ERR_OK;
  return payload_keep(c, db, d, o->channel_id, PAYLOAD_APPLIED, o->id, payload_id);
}

static bool text_differs(const char *x, const char *y)
{
  return strcmp(x ? x : "", y ? y : "") != 0;
}

static bool place_differs(const struct order *o, const struct order *was)
{
  return o->contact_key != was->contact_key || o->token_key != was->token_key ||
         text_differs(o->token, was->token) || text_differs(o->phone, was->phone) ||
         text_differs(o->province, was->province) || text_differs(o->city, was->city) ||
         text_differs(o->district, was->district) || text_differs(o->town, was->town) ||
         text_differs(o->address, was->address) || text_differs(o->country, was->country);
}

static bool group_locked(struct cmd *c, struct db *db, int64_t group_id)
{
  struct group g;
  return group_id && !group_get(db, &c->mem, group_id, &g) && !strcmp(g.state, "locked");
}

/* Other articles or quantities than before, by the place that units know a line by. */
static enum err lines_differ(struct cmd *c, struct db *db, const struct order *o, const struct draft *d,
                             bool *differ)
{
  struct line_left *was;
  size_t n;
  TRY(order_lines_left(db, &c->mem, o->id, 0, &was, &n));
  *differ = n != d->lines_n;
  for (size_t i = 0; i < n && !*differ; i++)
    *differ = was[i].quantity != d->lines[i].quantity || text_differs(was[i].sku, d->lines[i].sku) ||
              text_differs(was[i].line_id, d->lines[i].line_id);
  return ERR_OK;
}

static enum err lines_after_lock(struct cmd *c, struct db *db, const struct order *o)
{
  const char *data = arena_printf(
    &c->mem, "{\"group\":\"g_%lld\",\"do\":\"Its lines changed: look at what is being picked or sent\"}",
    (long long)o->group_id);
  return exception_open(db, "lines_after_lock", o->id, 0, 0, "warehouse", c->now_ms, data, NULL, NULL);
}

static enum err address_after_lock(struct cmd *c, struct db *db, const struct order *o)
{
  const char *data = arena_printf(
    &c->mem, "{\"group\":\"g_%lld\",\"do\":\"Stop the parcel or ship it to the new address by hand\"}",
    (long long)o->group_id);
  return exception_open(db, "address_after_lock", o->id, 0, 0, "warehouse", c->now_ms, data, NULL, NULL);
}

static bool given_back(const char *no_merge)
{
  return no_merge && (!strcmp(no_merge, "refunded") || !strcmp(no_merge, "line_refunded"));
}

/* What a locked group cannot follow any more is for a person (domain 3.8). */
static enum err after_lock(struct cmd *c, struct db *db, const struct order *o, const struct order *was,
                           bool moved)
{
  int status = status_find(&c->rules->status, o->status);
  bool over = status >= 0 && c->rules->status.stage[status].terminal;
  if (moved && !over) TRY(address_after_lock(c, db, o));
  if (!given_back(o->no_merge) || given_back(was->no_merge) || !order_ships(c->rules, o->status, o->flags))
    return ERR_OK;
  return progress_stop(c, db, o, "refunded");
}

/* The first word of a parcel: its group is locked. One that goes to another place than its group goes alone. */
static enum err parcel_left(struct cmd *c, struct db *db, struct order *o, int64_t left, bool moved)
{
  o->shipped_at = left;
  TRY(order_set_shipped(db, o->id, left));
  if (!o->group_id) return ERR_OK;
  if (!moved) return group_close(c, db, o->group_id, left, "parcel_known");
  TRY(regroup(c, db, o->id));
  return order_get(db, &c->mem, o->id, o);
}

static enum err update(struct cmd *c, struct db *db, struct draft *d, struct order *o, bool conflict,
                       int64_t payload_id, int64_t *group_id)
{
  struct order was = *o;
  const char *changed;
  int64_t left = shipped_at_of(c, d);
  d->no_merge = no_merge_of(c, d, o->shipped_at ? o->shipped_at : left);
  if (!d->no_merge && rule_apart(c, db, o->id)) d->no_merge = "rule_apart";
  TRY(keep_unless_same(c, db, d, o, &payload_id));
  if (payload_id) o->payload_id = payload_id;
  c->numbers[1] = o->payload_id;
  bool other_lines;
  TRY(lines_differ(c, db, o, d, &other_lines));
  TRY(order_rewrite(db, &c->mem, o, d, c->now_ms, &changed));
  TRY(progress_event(c, db, 'o', o->id, conflict ? "order.conflict" : "order.updated",
                     "{\"changed\":%s,\"payload\":\"p_%lld\"}", changed, (long long)o->payload_id));
  TRY(search_mark(db, o->id));
  bool moved = place_differs(o, &was), locked = group_locked(c, db, o->group_id);
  int64_t forgotten = 0; /* what the platform said was about another receiver */
  if (moved && o->decided && !locked) TRY(group_forget_platform(db, o->id, &forgotten));
  if (locked) TRY(after_lock(c, db, o, &was, moved));
  if (locked && other_lines && order_ships(c->rules, o->status, o->flags)) TRY(lines_after_lock(c, db, o));
  bool ours = false;
  if (left) TRY(claim_from_channel(c, db, o, d, &ours));
  if (left && !ours && !o->shipped_at) TRY(parcel_left(c, db, o, left, moved && !locked));
  if (!ours || !strcmp(d->status, "cancelled")) TRY(progress_follow(c, db, o, ours ? 0 : left));
  fulfil_touch(c, o->id);
  c->touched.anew = c->touched.anew || moved || other_lines;
  if (d->refunds_n) TRY(returns_follow(c, db, o->id));
  if (o->contact_key != was.contact_key || o->token_key != was.token_key || o->placed_at != was.placed_at)
    TRY(regroup_left(c, db, &was));
  TRY(regroup(c, db, o->id));
  TRY(fulfil_settle(c, db));
  TRY(order_get(db, &c->mem, o->id, o));
  *group_id = o->group_id;
  return ERR_OK;
}

/* The same content again: only when it was told, and by which payload last. */
static enum err told_again(struct db *db, const struct order *o, const struct draft *d, int64_t payload_id)
{
  int64_t told = d->updated_at > o->channel_updated_at ? d->updated_at : o->channel_updated_at;
  int64_t newest = payload_id > o->payload_id ? payload_id : o->payload_id;
  if (told != o->channel_updated_at) TRY(order_touch_channel_time(db, o->id, told));
  return newest != o->payload_id ? order_set_payload(db, o->id, newest) : ERR_OK;
}

/* Version 0: there is no such order yet. */
static enum err stale(struct cmd *c, int64_t version)
{
  c->problem.extra = arena_printf(&c->mem, "\"version\":%lld", (long long)version);
  return refuse(c, ERR_STALE, "stale_version", "The order has version %lld by now", (long long)version);
}

enum err ingest_apply(struct cmd *c, struct db *db, struct draft *d, int64_t payload_id,
                      enum ingest_result *result, int64_t *order_id, int64_t *group_id)
{
  struct channel ch;
  struct order o;
  TRY(ingest_channel(c, db, d->channel, &ch));
  draft_keys(d, *ch.family ? ch.family : ch.name);
  enum err e = order_find(db, &c->mem, ch.id, d->external_id, &o);
  if (e && e != ERR_NOT_FOUND) return e;
  if (c->if_version && c->id == CMD_ORDER_INGEST && (e || c->if_version != o.version))
    return stale(c, e ? 0 : o.version);
  if (e) {
    *result = INGEST_CREATED;
    return create(c, db, d, ch.id, payload_id, order_id, group_id);
  }
  enum news news = news_of(&o, d, payload_id);
  *order_id = o.id, *group_id = o.group_id, c->numbers[1] = o.payload_id;
  *result = news == NEWS_STALE                             ? INGEST_STALE
            : news == NEWS_SAME || news == NEWS_SAME_LATER ? INGEST_UNCHANGED
                                                           : INGEST_UPDATED;
  if (news == NEWS_APPLY || news == NEWS_CONFLICT)
    return update(c, db, d, &o, news == NEWS_CONFLICT, payload_id, group_id);
  TRY(keep_unless_same(c, db, d, &o, &payload_id));
  return news == NEWS_STALE ? ERR_OK : told_again(db, &o, d, payload_id);
}

/* ---- the command ---------------------------------------------------------------------------------------------------------- */

enum err flow_order_ingest_parse(struct cmd *c, const struct json *body)
{
  struct draft *d = draft_parse(&c->mem, body, "", &c->problem.faults);
  if (!d) return ERR_INVALID;
  if (c->actor.channel && strcmp(c->actor.channel, d->channel))
    return refuse(c, ERR_FORBIDDEN, "other_channel", "This token speaks for the channel %s only",
                  c->actor.channel);
  c->args = d;
  return ERR_OK;
}

static void answer_taken(struct cmd *c)
{
  c->status = 202;
  buf_printf(&c->out, "{\"result\":\"taken\",\"payload\":\"p_%lld\"}", (long long)c->numbers[1]);
}

/* A new order's version and status are known without reading it again. */
static enum err answer_order(struct cmd *c, struct db *db, const struct draft *d, enum ingest_result result,
                             int64_t order_id, int64_t group_id)
{
  struct jw w;
  struct order o = { .version = c->version,
                     .status = c->rules->status.stage[status_of_channel(d->status)].name };
  if (result != INGEST_CREATED) TRY(order_get(db, &c->mem, order_id, &o));
  c->version = o.version;
  c->status = result == INGEST_CREATED ? 201 : 200;
  jw_init(&w, &c->out), jw_object(&w);
  jw_kstring(&w, "result", result_names[result]);
  jw_id(&w, "id", 'o', order_id), jw_kint(&w, "version", o.version), jw_kstring(&w, "status", o.status),
    jw_id(&w, "group", 'g', group_id);
  jw_object_end(&w);
  return ERR_OK;
}

enum err flow_order_ingest_run(struct cmd *c, struct db *db)
{
  struct draft copy = *(const struct draft *)c->args, *d = &copy; /* it may run again */
  enum ingest_result result = INGEST_TAKEN;
  int64_t order_id = 0, group_id = 0;
  if (c->defer) {
    struct channel ch;
    TRY(ingest_channel(c, db, d->channel, &ch));
    TRY(payload_keep(c, db, d, ch.id, PAYLOAD_PENDING, 0, &c->numbers[1]));
    c->numbers[2] = INGEST_TAKEN;
    answer_taken(c);
    return ERR_OK;
  }
  TRY(ingest_apply(c, db, d, 0, &result, &order_id, &group_id));
  c->numbers[0] = order_id, c->numbers[2] = result, c->numbers[3] = group_id;
  return answer_order(c, db, d, result, order_id, group_id);
}

/* ---- payloads that wait, failed, or could not be mapped --------------------------------------------------------------------- */

/* Applies one payload in a savepoint of its own: a poison order never stops the others (domain 2.2). */
static enum err payload_apply(struct cmd *c, struct db *db, const struct payload *p, struct draft *mended,
                              bool *applied)
{
  struct problem before = c->problem;
  int64_t order_id = 0, group_id = 0;
  enum ingest_result result;
  enum err e;
  c->problem = (struct problem){ .faults.mem = &c->mem };
  if (!tx_mark(db)) return db_err(db);
  struct draft *d = mended;
  if (!d && p->body) {
    struct json *j = json_parse(&c->mem, p->body, strlen(p->body), JSON_ELEMENTS_MAX, &c->problem.faults);
    d = j ? draft_parse(&c->mem, j, "", &c->problem.faults) : NULL;
    if (d) draft_seal(&c->mem, d, p->body, strlen(p->body));
  }
  e = d ? ingest_apply(c, db, d, p->id, &result, &order_id, &group_id) : ERR_INVALID;
  if (e == ERR_IO || e == ERR_DISK_FULL || e == ERR_BUSY) { /* the disk's trouble is not the payload's */
    if (tx_undo(db)) tx_keep(db);                           /* else the whole transaction is over */
    return e;
  }
  *applied = !e;
  if (e) {
    struct buf b = { 0 };
    if (!tx_undo(db)) return db_err(db);
    problem_put(&b, e, 0, &c->problem);
    const char *error = arena_strn(&c->mem, b.data, b.len);
    buf_release(&b);
    e = payload_settle(db, p->id, PAYLOAD_FAILED, 0, error);
    if (!e)
      e = exception_open(db, "mapping_failed", 0, p->id, p->channel_id, "cs", c->now_ms, error, NULL, NULL);
  } else {
    c->numbers[3] = order_id;
    e = payload_settle(db, p->id, PAYLOAD_APPLIED, order_id, NULL);
    if (!e && exception_settle(db, "mapping_failed", 0, p->id, c->actor.name, c->now_ms) < 0) e = ERR_IO;
  }
  if (!tx_keep(db)) return db_err(db);
  if (*applied) c->problem = before;
  return e;
}

#define APPLY_STEP_MAX 64

struct applied {
  int64_t done, failed;
};

static enum err apply_each(struct cmd *c, struct db *db, enum payload_state state, int64_t after,
                           int64_t *last, struct applied *count)
{
  int64_t ids[APPLY_STEP_MAX];
  size_t n = payload_next(db, state, after, ids, APPLY_STEP_MAX);
  *last = 0;
  for (size_t i = 0; i < n; i++) {
    struct payload p;
    bool applied = false;
    TRY(payload_get(db, &c->mem, ids[i], &p));
    *last = ids[i];
    if (state == PAYLOAD_FAILED && (!strcmp(p.source, "poll") || !strcmp(p.source, "push")))
      continue; /* its connector's */
    const char *source = c->source;
    c->source = p.source;
    enum err e = payload_apply(c, db, &p, NULL, &applied);
    c->source = source;
    TRY(e);
    count->done += applied;
    count->failed += !applied;
    *last = ids[i];
  }
  c->problem = (struct problem){ .faults.mem = &c->mem };
  return ERR_OK;
}

enum err flow_payloads_apply_parse(struct cmd *c, const struct json *body)
{
  return args_read(c, body, NULL, 0);
}

enum err flow_payloads_apply_run(struct cmd *c, struct db *db)
{
  int64_t last;
  struct applied count = { 0 };
  TRY(apply_each(c, db, PAYLOAD_PENDING, 0, &last, &count));
  c->numbers[0] = count.done, c->numbers[1] = count.failed;
  c->left = c->numbers[2] = payload_count(db, PAYLOAD_PENDING);
  return ERR_OK;
}

struct payload_args {
  const char *channel, *source, *raw;
  const struct json *error, *order;
  const char *error_text;
  struct draft *draft;
};

/* Lists show the reasons of up to 500 payloads. */
#define ERROR_CODE_MAX 200
#define ERROR_DETAIL_MAX 2000
static void error_cap(struct faults *f, const char *pointer, const char *text, size_t max)
{
  if (text && utf8_count(text) > max) fault_add(f, pointer, "too_long", "At most %zu characters", max);
}

enum err flow_payload_put_parse(struct cmd *c, const struct json *body)
{
  struct payload_args *p = arena_new(&c->mem, struct payload_args);
  const struct arg rows[] = {
    { "channel", ARG_TEXT, true, 64, &p->channel },
    { "source", ARG_TEXT, false, 8, &p->source },
    { "raw", ARG_TEXT, true, 500000, &p->raw },
    { "error", ARG_OBJECT, true, 0, &p->error },
  };
  struct faults *f = &c->problem.faults;
  c->args = p;
  TRY(args_read(c, body, rows, COUNT(rows)));
  if (c->actor.channel && strcmp(c->actor.channel, p->channel))
    return refuse(c, ERR_FORBIDDEN, "other_channel", "This token speaks for the channel %s only",
                  c->actor.channel);
  if (strspn(p->channel, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") !=
      strlen(p->channel))
    fault_add(f, "/channel", "bad_characters", "A channel's name has letters, digits, . _ -");
  if (p->source && strcmp(p->source, "file") && strcmp(p->source, "api") && strcmp(p->source, "push"))
    fault_add(f, "/source", "unknown_source", "One of file, api, push");
  const char *code = json_string(json_get(p->error, "code")),
             *detail = json_string(json_get(p->error, "detail"));
  const char *column = json_string(json_get(p->error, "column"));
  if (!code || !detail) fault_add(f, "/error", "missing", "The error needs a code and a detail");
  error_cap(f, "/error/code", code, ERROR_CODE_MAX), error_cap(f, "/error/detail", detail, ERROR_DETAIL_MAX);
  error_cap(f, "/error/column", column, ERROR_CODE_MAX);
  if (f->n) return ERR_INVALID;
  struct buf b = { 0 };
  struct jw w;
  int64_t row;
  jw_init(&w, &b), jw_object(&w), jw_kstring(&w, "code", code), jw_kstring(&w, "detail", detail);
  if (json_int(json_get(p->error, "row"), &row)) jw_kint(&w, "row", row);
  jw_kstring(&w, "column", column);
  jw_object_end(&w);
  p->error_text = arena_strn(&c->mem, b.data, b.len);
  buf_release(&b);
  p->draft = arena_new(&c->mem, struct draft);
  draft_seal(&c->mem, p->draft, p->raw, strlen(p->raw));
  return ERR_OK;
}

enum err flow_payload_put_run(struct cmd *c, struct db *db)
{
  const struct payload_args *p = c->args;
  struct channel ch;
  int64_t id;
  TRY(ingest_channel(c, db, p->channel, &ch));
  TRY(payload_put(db, ch.id, p->source ? p->source : "file", PAYLOAD_FAILED, c->now_ms, p->draft, 0,
                  p->error_text, &id));
  TRY(exception_open(db, "mapping_failed", 0, id, ch.id, "cs", c->now_ms, p->error_text, NULL, NULL));
  c->status = 201, c->numbers[1] = id;
  buf_printf(&c->out, "{\"id\":\"p_%lld\",\"state\":\"failed\"}", (long long)id);
  return ERR_OK;
}

enum err flow_payload_retry_parse(struct cmd *c, const struct json *body)
{
  struct payload_args *p = arena_new(&c->mem, struct payload_args);
  const struct arg rows[] = { { "order", ARG_OBJECT, false, 0, &p->order } };
  c->args = p;
  TRY(args_read(c, body, rows, COUNT(rows)));
  if (!p->order) return ERR_OK;
  p->draft = draft_parse(&c->mem, p->order, "/order", &c->problem.faults);
  return p->draft ? ERR_OK : ERR_INVALID;
}

static enum err payload_target(struct cmd *c, struct db *db, struct payload *p)
{
  int64_t id;
  enum err e = c->target && id_parse(c->target, 'p', &id) ? payload_get(db, &c->mem, id, p) : ERR_NOT_FOUND;
  if (e == ERR_NOT_FOUND)
    return refuse(c, e, "payload_not_found", "There is no payload %.100s", c->target ? c->target : "");
  return e;
}

static enum err failed_only(struct cmd *c, const struct payload *p)
{
  if (!strcmp(p->state, "failed") || !strcmp(p->state, "pending")) return ERR_OK;
  return refuse(c, ERR_CONFLICT, "not_failed", "The payload is %s", p->state);
}

enum err flow_payload_retry_run(struct cmd *c, struct db *db)
{
  const struct payload_args *args = c->args;
  struct payload p;
  bool applied = false;
  TRY(payload_target(c, db, &p));
  TRY(failed_only(c, &p));
  if (args->draft) draft_seal(&c->mem, args->draft, p.body ? p.body : "", p.body ? strlen(p.body) : 0);
  TRY(payload_apply(c, db, &p, args->draft, &applied));
  struct jw w;
  jw_init(&w, &c->out), jw_object(&w);
  jw_id(&w, "id", 'p', p.id), jw_kstring(&w, "state", applied ? "applied" : "failed");
  jw_key(&w, "orders"), jw_array(&w);
  if (applied) jw_string(&w, id_text(&c->mem, 'o', c->numbers[3]));
  jw_array_end(&w);
  if (!applied) {
    TRY(payload_get(db, &c->mem, p.id, &p));
    jw_key(&w, "error"), jw_raw(&w, p.error, strlen(p.error));
  }
  jw_object_end(&w);
  if (applied && args->draft)
    return progress_event(c, db, 'p', p.id, "payload.mended", "{\"order\":\"o_%lld\"}",
                          (long long)c->numbers[3]);
  return ERR_OK;
}

enum err flow_payload_retry_all_parse(struct cmd *c, const struct json *body)
{
  return args_read(c, body, NULL, 0);
}

#define RETRY_ALL_MAX 2000

enum err flow_payload_retry_all_run(struct cmd *c, struct db *db)
{
  int64_t last = 0;
  struct applied count = { 0 };
  do TRY(apply_each(c, db, PAYLOAD_FAILED, last, &last, &count));
  while (last && count.done + count.failed < RETRY_ALL_MAX);
  c->numbers[0] = count.done, c->numbers[1] = count.failed;
  buf_printf(&c->out, "{\"applied\":%lld,\"failed\":%lld}", (long long)count.done,
             (long long)payload_count(db, PAYLOAD_FAILED));
  return ERR_OK;
}

enum err flow_payload_discard_parse(struct cmd *c, const struct json *body)
{
  const char **note = arena_new(&c->mem, const char *);
  const struct arg rows[] = { { "note", ARG_TEXT, true, 500, note } };
  c->args = note;
  return args_read(c, body, rows, COUNT(rows));
}

enum err flow_payload_discard_run(struct cmd *c, struct db *db)
{
  struct payload p;
  struct buf b = { 0 };
  struct jw w;
  TRY(payload_target(c, db, &p));
  TRY(failed_only(c, &p));
  TRY(payload_settle(db, p.id, PAYLOAD_DEAD, 0, p.error));
  if (exception_settle(db, "mapping_failed", 0, p.id, c->actor.name, c->now_ms) < 0) return ERR_IO;
  jw_init(&w, &b), jw_object(&w), jw_kstring(&w, "note", *(const char *const *)c->args), jw_object_end(&w);
  enum err e = progress_event(c, db, 'p', p.id, "payload.discarded", "%s", b.data);
  buf_release(&b);
  buf_printf(&c->out, "{\"id\":\"p_%lld\",\"state\":\"dead\"}", (long long)p.id);
  return e;
}
