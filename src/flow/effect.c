/* effect.c: what the deliverer asks of the outbox (domain 6.4): which effects it may make now, how they went, and what
 * follows from that; and what a person does with those that could not be made.
 *
 *   take    waiting ─► sending, in one transaction with the figure of a push of stock
 *   settle  accepted ─► done · refused, or too old ─► dead, an exception · else later, with full jitter */
#include "flow.h"
#include <stdio.h>

#define ASK_LEAST_MS 2000
#define ASK_MOST_MS (15ll * 60 * 1000)
#define OVERDUE_AT_ONCE 100
#define RETRY_AT_ONCE 2000

const char *outcome_name(enum outcome_kind k)
{
  static const char *const names[] = {
#define X(id, name) [OUTCOME_##id] = name,
    OUTCOME_MAP(X)
#undef X
  };
  return names[k];
}

static bool is_kind(const struct effect *e, const char *kind)
{
  return !strcmp(e->kind, kind);
}

static const char *json_field(struct cmd *c, const char *text, const char *key)
{
  struct faults f = { .mem = &c->mem };
  if (!text) return NULL;
  const struct json *j = json_parse(&c->mem, text, strlen(text), JSON_ELEMENTS_MAX, &f);
  return j ? json_string(json_get(j, key)) : NULL;
}

bool outbox_held(struct cmd *c, struct db *db)
{
  char *held = NULL;
  return !meta_get(db, &c->mem, META_OUTBOX_HELD, &held) && !strcmp(held, "1");
}

/* ---- webhooks: an effect per event and webhook that wants it -------------------------------------------------------- */

/* Made when it is first asked for; a restore takes it away, so that numbers given out again make other ids. */
enum err effect_instance(struct cmd *c, struct db *db, const char **name)
{
  unsigned char random[6];
  char *known = NULL;
  enum err e = meta_get(db, &c->mem, META_INSTANCE, &known);
  if (e && e != ERR_NOT_FOUND) return e;
  *name = known;
  if (known && *known) return ERR_OK;
  struct buf b = { 0 };
  c->env->random(c->env, random, sizeof random);
  hex_put(&b, random, sizeof random);
  *name = arena_strn(&c->mem, b.data, b.len);
  buf_release(&b);
  return meta_put(db, META_INSTANCE, *name);
}

enum err effect_put_event(struct cmd *c, struct db *db, char kind, int64_t entity, const char *type,
                          int64_t seq)
{
  const char *data = NULL;
  for (size_t i = 0; i < c->rules->webhooks; i++) {
    const struct webhook *h = &c->rules->webhook[i];
    if (!webhook_wants(h, type)) continue;
    if (!data) {
      const char *name;
      TRY(effect_instance(c, db, &name));
      data = arena_printf(&c->mem, "{\"seq\":%lld,\"instance\":\"%s\",\"type\":\"%s\"}", (long long)seq, name,
                          type);
    }
    TRY(effect_put(db, "webhook", arena_printf(&c->mem, "webhook:%s", h->name),
                   id_text(&c->mem, kind, entity), true, data, c->now_ms, c->now_ms, NULL));
    c->effects = true;
  }
  return ERR_OK;
}

static enum err webhook_take(struct cmd *c, struct db *db, struct effect_taken *t, bool *gone)
{
  struct faults f = { .mem = &c->mem };
  struct buf body = { 0 };
  int64_t seq = 0;
  const struct json *j = json_parse(&c->mem, t->effect.data, strlen(t->effect.data), JSON_ELEMENTS_MAX, &f);
  const char *from = json_string(json_get(j, "instance"));
  *gone = !json_int(json_get(j, "seq"), &seq) || !from;
  if (*gone) return ERR_OK;
  t->id = arena_printf(&c->mem, "e_%lld_%s", (long long)t->effect.id, from);
  enum err e = view_event_thin(db, &c->mem, seq, t->id, &body);
  t->body = arena_strn(&c->mem, body.data ? body.data : "", body.len), t->body_n = body.len;
  buf_release(&body);
  *gone = e == ERR_NOT_FOUND;
  return *gone ? ERR_OK : e;
}

/* ---- pushes of stock ---------------------------------------------------------------------------------------------------- */

struct parts {
  struct kit_part *part;
  struct stock_place **place; /* of each part that is counted */
  size_t *places, n;
};

static int64_t there(const struct parts *p, size_t i, int64_t warehouse)
{
  for (size_t x = 0; x < p->places[i]; x++)
    if (p->place[i][x].warehouse_id == warehouse) return p->place[i][x].available;
  return 0;
}

/* Kits that can be put together in one warehouse: by its scarcest part. */
static int64_t kits_in(const struct parts *p, int64_t warehouse)
{
  int64_t most = INT64_MAX;
  for (size_t i = 0; i < p->n; i++) {
    int64_t kits = there(p, i, warehouse) / p->part[i].quantity;
    if (kits < most) most = kits;
  }
  return most;
}

static enum err kits(struct cmd *c, struct db *db, const struct sku *kit, int64_t *quantity, bool *told)
{
  struct kit_part *part;
  struct warehouse *w;
  struct parts p = { 0 };
  size_t n, warehouses;
  int64_t most = INT64_MAX;
  TRY(sku_parts(db, &c->mem, kit->id, &part, &n));
  p.part = arena_array(&c->mem, struct kit_part, n + 1);
  p.place = arena_array(&c->mem, struct stock_place *, n + 1), p.places = arena_array(&c->mem, size_t, n + 1);
  for (size_t i = 0; i < n; i++) {
    struct sku s;
    TRY(sku_get(db, &c->mem, part[i].sku_id, &s));
    if (s.made) continue;
    TRY(stock_places(db, &c->mem, s.id, &p.place[p.n], &p.places[p.n]));
    int64_t left =
      (stock_available(db, s.id) - s.safety) / part[i].quantity; /* what is kept back of each part */
    if (left < most) most = left;
    p.part[p.n++] = part[i];
  }
  *told = p.n > 0, *quantity = 0;
  if (!*told) return ERR_OK;
  TRY(warehouse_list(db, &c->mem, &w, &warehouses));
  for (size_t i = 0; i < warehouses; i++)
    if (!w[i].factory) *quantity += kits_in(&p, w[i].id);
  if (*quantity > most) *quantity = most;
  return ERR_OK;
}

enum err effect_stock_figure(struct cmd *c, struct db *db, const char *channel, int64_t sku_id,
                             int64_t *quantity, bool *told)
{
  struct sku s;
  *quantity = 0, *told = false;
  TRY(sku_get(db, &c->mem, sku_id, &s));
  if (s.kit) TRY(kits(c, db, &s, quantity, told));
  else if (!s.made) *quantity = stock_available(db, s.id), *told = true;
  *quantity -= s.safety;
  if (*quantity < 0 || strcmp(s.state, "active") != 0) *quantity = 0;
  *quantity = *quantity * rules_share(c->rules, channel) / 100;
  return ERR_OK;
}

enum err effect_stock_tell(struct cmd *c, struct db *db, int64_t sku_id)
{
  struct listing *list;
  size_t n;
  TRY(view_listings(db, &c->mem, sku_id, &list, &n));
  for (size_t i = 0; i < n; i++) {
    const struct channel_family *can = rules_channel(c->rules, list[i].channel);
    if (!can || !can->stocks) continue;
    TRY(effect_put(db, "stock", arena_printf(&c->mem, "channel:%s", list[i].channel), list[i].channel_sku,
                   true, "{}", c->now_ms, c->now_ms + c->rules->outbox.stock_delay_ms, NULL));
    c->effects = true;
  }
  return ERR_OK;
}

#define STOCK_TOLD "stock_told"
#define STOCK_TELL_SKUS 200

enum err flow_stock_tell_parse(struct cmd *c, const struct json *body)
{
  return args_read(c, body, NULL, 0);
}

/* Every change of stock is a row of the ledger, so nobody has to remember to say that something changed. */
enum err flow_stock_tell_run(struct cmd *c, struct db *db)
{
  int64_t after = 0, last, skus[STOCK_TELL_SKUS];
  size_t n;
  char *text = NULL;
  enum err e = meta_get(db, &c->mem, STOCK_TOLD, &text);
  if (e && e != ERR_NOT_FOUND) return e;
  for (const char *p = text ? text : ""; *p; p++) after = after * 10 + (*p - '0');
  TRY(view_stock_moved(db, after, skus, STOCK_TELL_SKUS, &n, &last));
  for (size_t i = 0; i < n; i++) TRY(effect_stock_tell(c, db, skus[i]));
  c->numbers[0] = last, c->left = last > after && last < view_stock_last_move(db);
  return last > after ? meta_put(db, STOCK_TOLD, arena_printf(&c->mem, "%lld", (long long)last)) : ERR_OK;
}

/* The figure of this moment; *gone: there is nothing to tell any more. */
static enum err stock_take(struct cmd *c, struct db *db, struct effect_taken *t, bool *gone)
{
  struct channel ch;
  int64_t sku;
  bool told = false;
  const char *name = t->effect.destination + strlen("channel:");
  enum err e = channel_find(db, &c->mem, name, &ch);
  if (!e) e = sku_of_channel(db, ch.id, t->effect.subject, &sku);
  if (!e) e = effect_stock_figure(c, db, name, sku, &t->quantity, &told);
  *gone = e == ERR_NOT_FOUND || (!e && !told);
  return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* ---- confirmations --------------------------------------------------------------------------------------------------------- */

/* What the claim knows of it. An effect about a claim that is not there (a file put together by hand) tells nobody. */
static enum err confirm_told(struct cmd *c, struct db *db, const struct effect *e, enum told what,
                             const char *error, const char *result)
{
  int64_t claim, order;
  (void)result;
  const char *k = json_field(c, e->data, "claim"), *o = json_field(c, e->data, "order");
  if (!k || !o || !id_parse(k, 'k', &claim) || !id_parse(o, 'o', &order)) return ERR_OK;
  enum err err = claim_told(c, db, claim, order, what, error);
  return err == ERR_NOT_FOUND ? ERR_OK : err;
}

/* A label that is void must not be told: the parcel does not leave under it. */
static enum err is_void(struct cmd *c, struct db *db, const struct effect *e, bool *gone)
{
  int64_t claim;
  struct claim k;
  const char *id = json_field(c, e->data, "claim");
  *gone = false;
  if (!id || !id_parse(id, 'k', &claim)) return ERR_OK;
  enum err err = claim_get(db, &c->mem, claim, &k);
  if (!err) *gone = !strcmp(k.state, "void");
  return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static enum err confirm_take(struct cmd *c, struct db *db, struct effect_taken *t, bool *gone)
{
  return is_void(c, db, &t->effect, gone);
}

/* ---- the kinds ---------------------------------------------------------------------------------------------------------------- */

static const struct effect_kind kinds[] = {
  { "webhook", webhook_take, NULL, "admin", NULL },
  { "notice", notice_take, notice_told, "admin",
    "See why the messenger takes no messages (its address, its secrets); then make the effect again, or drop it" },
  { "stock", stock_take, NULL, "cs",
    "See why the channel does not take the figure (its article, its rights); then make the effect again, or drop it" },
  { "confirm", confirm_take, confirm_told, "cs",
    "See at the channel whether it has the parcel; settle the claim by it, or make the effect again" },
  { "refund", refund_take, refund_told, "finance",
    "See at the channel whether it has refunded; say so (orderd case refunded), or make the effect again" },
  { "work", produce_take, produce_told, "production",
    "See why the factory does not take it; make the effect again, or let people move the work order by hand" },
  { "work_cancel", produce_cancel_take, produce_cancel_told, "production",
    "Ask the factory by telephone, and note its answer on the work order" },
  { "waybill", waybill_take, waybill_told, "warehouse",
    "See why the carrier does not take it; make the effect again, drop it, or buy of another carrier" },
  { "waybill_void", waybill_void_take, waybill_void_told, "warehouse",
    "See why the carrier does not take it back; make the effect again, or void the waybill by hand" },
};

static const struct effect_kind *kind_of(const struct effect *e)
{
  for (size_t i = 0; i < COUNT(kinds); i++)
    if (is_kind(e, kinds[i].name)) return &kinds[i];
  return NULL;
}

static enum err told(struct cmd *c, struct db *db, const struct effect *e, enum told what, const char *error,
                     const char *result)
{
  const struct effect_kind *k = kind_of(e);
  return k && k->told ? k->told(c, db, e, what, error, result) : ERR_OK;
}

/* ---- dead ones --------------------------------------------------------------------------------------------------------------- */

static const char *to_do(struct cmd *c, const struct effect *e)
{
  const struct effect_kind *k = kind_of(e);
  if (k && k->to_do) return k->to_do;
  return arena_printf(
    &c->mem,
    "See why %s takes no events; then make its dead effects again (orderd effect retry --destination"
    " %s), or drop them",
    e->destination, e->destination);
}

/* One per webhook; one per channel for stock; one per order for what its customer waits for. */
struct trouble {
  const char *type;
  int64_t order_id, channel_id;
};

static enum err trouble_of(struct cmd *c, struct db *db, const struct effect *e, struct trouble *t)
{
  struct channel ch;
  *t = (struct trouble){ .type = "effect_dead" };
  if (strncmp(e->destination, "channel:", 8) != 0) {
    t->type = arena_printf(&c->mem, "effect_dead:%s", e->destination);
    return ERR_OK;
  }
  bool of_order = is_kind(e, "confirm") || is_kind(e, "refund");
  if (of_order && !id_parse(e->subject, 'o', &t->order_id)) t->order_id = 0;
  enum err err = channel_find(db, &c->mem, e->destination + 8, &ch);
  if (!err) t->channel_id = ch.id;
  else t->type = arena_printf(&c->mem, "effect_dead:%s", e->destination);
  return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static enum err trouble_open(struct cmd *c, struct db *db, const struct effect *e, const char *error)
{
  const struct effect_kind *k = kind_of(e);
  struct trouble t;
  struct buf b = { 0 };
  struct jw w;
  TRY(trouble_of(c, db, e, &t));
  jw_init(&w, &b), jw_object(&w), jw_id(&w, "effect", 'e', e->id), jw_kstring(&w, "kind", e->kind);
  jw_kstring(&w, "destination", e->destination), jw_kstring(&w, "subject", e->subject), jw_key(&w, "error");
  if (error) jw_raw(&w, error, strlen(error));
  else jw_null(&w);
  jw_kstring(&w, "do", to_do(c, e)), jw_object_end(&w);
  enum err err = exception_open(db, t.type, t.order_id, 0, t.channel_id, k ? k->owner : "admin", c->now_ms,
                                b.data, NULL, NULL);
  buf_release(&b);
  return err;
}

/* Nothing of it is dead any more. */
static enum err trouble_over(struct cmd *c, struct db *db, const struct effect *e)
{
  struct trouble t;
  int n;
  TRY(trouble_of(c, db, e, &t));
  if (t.order_id) n = exception_settle(db, t.type, t.order_id, 0, c->actor.name, c->now_ms);
  else if (effect_dead_any(db, e->destination)) return ERR_OK;
  else if (t.channel_id) n = exception_settle_channel(db, t.type, t.channel_id, c->actor.name, c->now_ms);
  else n = exception_settle_type(db, t.type, c->actor.name, c->now_ms);
  return n < 0 ? ERR_IO : ERR_OK;
}

/* Webhooks are not told of webhooks that died: two that are down would feed each other for ever. */
static enum err effect_event(struct cmd *c, struct db *db, const struct effect *e, const char *type,
                             const char *reason)
{
  struct buf b = { 0 };
  struct jw w;
  jw_init(&w, &b), jw_object(&w), jw_kstring(&w, "kind", e->kind),
    jw_kstring(&w, "destination", e->destination);
  jw_kstring(&w, "subject", e->subject);
  if (reason) jw_kstring(&w, "reason", reason);
  jw_object_end(&w);
  enum err err = is_kind(e, "webhook")
                   ? journal_put(db, c->now_ms, 'e', e->id, type, c->actor.name, b.data, NULL)
                   : progress_event(c, db, 'e', e->id, type, "%s", b.data);
  buf_release(&b);
  return err;
}

static enum err make_dead(struct cmd *c, struct db *db, const struct effect *e, const char *error,
                          enum told what)
{
  TRY(effect_dead(db, e->id, error, c->now_ms));
  TRY(effect_event(c, db, e, "effect.dead", NULL));
  TRY(trouble_open(c, db, e, error ? error : e->error));
  return told(c, db, e, what, error ? error : e->error, NULL);
}

/* Those behind a destination that is down are never tried; they are not kept waiting for longer than the others. */
static enum err overdue_dead(struct cmd *c, struct db *db, const char *destination, const char *error)
{
  int64_t ids[OVERDUE_AT_ONCE];
  size_t n =
    effect_overdue(db, destination, c->now_ms - c->rules->outbox.dead_after_ms, ids, OVERDUE_AT_ONCE);
  for (size_t i = 0; i < n; i++) {
    struct effect e;
    TRY(effect_get(db, &c->mem, ids[i], &e));
    TRY(make_dead(c, db, &e, error, TOLD_UNKNOWN));
  }
  return ERR_OK;
}

/* ---- effects.recover -------------------------------------------------------------------------------------------------------- */

enum err flow_effects_recover_parse(struct cmd *c, const struct json *body)
{
  return args_read(c, body, NULL, 0);
}

enum err flow_effects_recover_run(struct cmd *c, struct db *db)
{
  static const char INTERRUPTED[] =
    "{\"kind\":\"interrupted\",\"outcome\":\"unknown\",\"message\":\"orderd ended while it was sent\"}";
  enum { AT_ONCE = 1000 };
  int64_t *ids = arena_array(&c->mem, int64_t, AT_ONCE), n;
  size_t sending = effects_in(db, "sending", 0, ids, AT_ONCE); /* far more than can be under way */
  TRY(effects_recover(db, c->now_ms, &n));
  c->numbers[0] = n, c->effects = n > 0;
  for (size_t i = 0; i < sending; i++) {
    struct effect e;
    TRY(effect_get(db, &c->mem, ids[i], &e));
    if (!strcmp(e.state, "unknown")) TRY(told(c, db, &e, TOLD_UNKNOWN, INTERRUPTED, NULL));
  }
  return ERR_OK;
}

/* ---- effects.take --------------------------------------------------------------------------------------------------------------- */

enum err flow_effects_take_parse(struct cmd *c, const struct json *body)
{
  (void)body;
  return refuse(c, ERR_INVALID, NULL, "Only the deliverer takes effects");
}

static enum err take_one(struct cmd *c, struct db *db, struct effects_take *take, int64_t id)
{
  struct effect_taken *t = &take->list[take->n];
  bool gone = false;
  *t = (struct effect_taken){ 0 };
  TRY(effect_get(db, &c->mem, id, &t->effect));
  const struct effect_kind *k = kind_of(&t->effect);
  if (k && k->take) TRY(k->take(c, db, t, &gone));
  if (gone) return effect_drop(db, id, c->now_ms);
  TRY(effect_intent(db, id, c->now_ms));
  KILL_POINT("effect.intended");
  t->effect.state = "sending", t->effect.attempts++;
  take->n++;
  return ERR_OK;
}

static enum err ask_one(struct cmd *c, struct db *db, struct effects_take *take, int64_t id)
{
  struct effect_taken *t = &take->list[take->n];
  *t = (struct effect_taken){ .ask = true };
  TRY(effect_get(db, &c->mem, id, &t->effect));
  TRY(effect_ask(db, id, take->ask_again_at));
  take->n++;
  return ERR_OK;
}

enum err flow_effects_take_run(struct cmd *c, struct db *db)
{
  struct effects_take *take = (struct effects_take *)(uintptr_t)c->args;
  int64_t ids[EFFECTS_TAKE_MAX];
  must(take->max >= 1 && take->max <= EFFECTS_TAKE_MAX);
  take->list = arena_array(&c->mem, struct effect_taken, take->max), take->n = 0;
  take->held = outbox_held(c, db);
  if (take->held) return ERR_OK;
  size_t n = effect_unknown(db, take->destination, c->now_ms, ids, take->max);
  for (size_t i = 0; i < n; i++) TRY(ask_one(c, db, take, ids[i]));
  n = take->n < take->max ? effect_next(db, take->destination, c->now_ms, ids, take->max - take->n) : 0;
  for (size_t i = 0; i < n; i++) TRY(take_one(c, db, take, ids[i]));
  return ERR_OK;
}

/* ---- effect.settle ----------------------------------------------------------------------------------------------------------------- */

enum err flow_effect_settle_parse(struct cmd *c, const struct json *body)
{
  (void)body;
  return refuse(c, ERR_INVALID, NULL, "Only the deliverer knows how an effect went");
}

static const char *error_of(struct cmd *c, const struct effect_outcome *o)
{
  struct buf b = { 0 };
  struct jw w;
  if (o->kind == OUTCOME_ACCEPTED && !o->code) return NULL;
  jw_init(&w, &b), jw_object(&w), jw_kstring(&w, "kind", o->code ? o->code : outcome_name(o->kind));
  jw_kstring(&w, "outcome", outcome_name(o->kind));
  if (o->message) jw_kstring(&w, "message", o->message);
  jw_object_end(&w);
  const char *text = arena_strn(&c->mem, b.data, b.len);
  buf_release(&b);
  return text;
}

static int64_t retry_after(const struct effect_outcome *o)
{
  return o->retry_after_ms < RETRY_AFTER_MOST_MS ? o->retry_after_ms : RETRY_AFTER_MOST_MS;
}

static int64_t later(const struct cmd *c, const struct effect *e, const struct effect_settle *s)
{
  const struct outbox_rules *r = &c->rules->outbox;
  if (s->asked && s->outcome.kind == OUTCOME_RETRY) return 0; /* it is not there: nothing has failed */
  if (s->outcome.retry_after_ms) return retry_after(&s->outcome);
  int failures = e->attempts < 1 ? 1 : e->attempts > 60 ? 60 : (int)e->attempts;
  return backoff_ms(failures, r->backoff_ms, r->backoff_most_ms, s->random);
}

/* The longer it is not known, the rarer it is asked: about every half of the time since it was sent. */
static int64_t ask_later(const struct cmd *c, const struct effect *e, const struct effect_settle *s)
{
  int64_t age = c->now_ms - e->sent_at, base = c->rules->outbox.backoff_ms;
  int64_t least = base < ASK_LEAST_MS ? base : ASK_LEAST_MS, most = age < least ? least : age;
  if (s->outcome.retry_after_ms) return retry_after(&s->outcome);
  if (most > ASK_MOST_MS) most = ASK_MOST_MS;
  return most / 2 + (int64_t)(s->random % (uint64_t)(most / 2 + 1));
}

static enum err settle_later(struct cmd *c, struct db *db, const struct effect *e,
                             const struct effect_settle *s, const char *error)
{
  bool unknown = s->outcome.kind == OUTCOME_UNKNOWN && !e->safe;
  if (s->outcome.destination) TRY(overdue_dead(c, db, e->destination, error));
  if (c->now_ms - e->created_at >= c->rules->outbox.dead_after_ms) {
    c->numbers[0] = 1;
    return make_dead(c, db, e, error, TOLD_UNKNOWN);
  }
  if (!unknown) return effect_settle(db, e->id, "waiting", error, c->now_ms + later(c, e, s), c->now_ms);
  TRY(effect_settle(db, e->id, "unknown", error, c->now_ms + ask_later(c, e, s), c->now_ms));
  return told(c, db, e, TOLD_UNKNOWN, error, NULL);
}

enum err flow_effect_settle_run(struct cmd *c, struct db *db)
{
  const struct effect_settle *s = c->args;
  struct effect e;
  enum err err = effect_get(db, &c->mem, s->id, &e);
  if (err) return err == ERR_NOT_FOUND ? ERR_OK : err;
  if (strcmp(e.state, "sending") != 0 && strcmp(e.state, "unknown") != 0)
    return ERR_OK; /* a person was faster */
  const char *error = error_of(c, &s->outcome);
  switch (s->outcome.kind) {
  case OUTCOME_ACCEPTED:
    TRY(effect_settle(db, e.id, "done", error, 0, c->now_ms));
    KILL_POINT("effect.settled");
    if (!is_kind(&e, "webhook") && !is_kind(&e, "stock")) TRY(trouble_over(c, db, &e));
    return told(c, db, &e, TOLD_ACCEPTED, error, s->outcome.result);
  case OUTCOME_REFUSED: c->numbers[0] = 1; return make_dead(c, db, &e, error, TOLD_REFUSED);
  default: return settle_later(c, db, &e, s, error);
  }
}

/* ---- what a person does --------------------------------------------------------------------------------------------------------------- */

struct effect_args {
  const char *reason, *destination, *kind;
  int64_t if_version;
};

static enum err target(struct cmd *c, struct db *db, const struct effect_args *a, struct effect *e)
{
  int64_t id;
  if (!c->target || !id_parse(c->target, 'e', &id) || effect_get(db, &c->mem, id, e))
    return refuse(c, ERR_NOT_FOUND, "effect_not_found", "There is no effect %.40s",
                  c->target ? c->target : "");
  if (a->if_version) c->if_version = a->if_version;
  return version_holds(c, "effect", e->version);
}

static enum err answer(struct cmd *c, struct db *db, int64_t id)
{
  return view_effect(db, &c->mem, id, &c->out, &c->version);
}

enum err effect_make_again(struct cmd *c, struct db *db, const struct effect *e, bool *is_again)
{
  bool gone = false;
  const char *outcome = json_field(c, e->error, "outcome");
  *is_again = false;
  if (is_kind(e, "confirm")) TRY(is_void(c, db, e, &gone));
  if (gone) return ERR_OK;
  *is_again = true;
  if (!e->safe && outcome && !strcmp(outcome, "unknown")) {
    TRY(effect_ask_again(db, e->id, c->now_ms));
    return told(c, db, e, TOLD_UNKNOWN, e->error, NULL);
  }
  TRY(effect_again(db, e->id, c->now_ms));
  return told(c, db, e, TOLD_SENT, NULL, NULL);
}

enum err flow_effect_retry_parse(struct cmd *c, const struct json *body)
{
  struct effect_args *a = arena_new(&c->mem, struct effect_args);
  const struct arg rows[] = { { "if_version", ARG_VERSION, false, 0, &a->if_version } };
  c->args = a;
  return args_read(c, body, rows, COUNT(rows));
}

enum err flow_effect_retry_run(struct cmd *c, struct db *db)
{
  struct effect e;
  bool is_again = true;
  TRY(target(c, db, c->args, &e));
  if (!strcmp(e.state, "waiting") || !strcmp(e.state, "unknown")) TRY(effect_hurry(db, e.id, c->now_ms));
  else if (!strcmp(e.state, "dead")) TRY(effect_make_again(c, db, &e, &is_again));
  else
    return refuse(c, ERR_CONFLICT, "not_dead", "The effect is %s: there is nothing to make again", e.state);
  if (!is_again)
    return refuse(c, ERR_CONFLICT, "claim_void", "The label that it would tell is void: drop the effect");
  c->effects = true;
  TRY(effect_event(c, db, &e, "effect.retried", NULL));
  TRY(trouble_over(c, db, &e));
  return answer(c, db, e.id);
}

enum err flow_effect_retry_all_parse(struct cmd *c, const struct json *body)
{
  struct effect_args *a = arena_new(&c->mem, struct effect_args);
  const struct arg rows[] = { { "destination", ARG_TEXT, false, 100, &a->destination },
                              { "kind", ARG_TEXT, false, 20, &a->kind } };
  c->args = a;
  return args_read(c, body, rows, COUNT(rows));
}

static bool meant(const struct effect_args *a, const struct effect *e)
{
  return (!a->destination || !strcmp(a->destination, e->destination)) &&
         (!a->kind || !strcmp(a->kind, e->kind));
}

/* So many in one transaction; "left" says that the same call goes on. */
enum err flow_effect_retry_all_run(struct cmd *c, struct db *db)
{
  const struct effect_args *a = c->args;
  enum { STEP = 200 };
  int64_t ids[STEP], after = 0, retried = 0, skipped = 0;
  size_t n;
  while (retried < RETRY_AT_ONCE && (n = effects_in(db, "dead", after, ids, STEP)) > 0) {
    for (size_t i = 0; i < n && retried < RETRY_AT_ONCE; i++) {
      struct effect e;
      bool is_again;
      after = ids[i];
      TRY(effect_get(db, &c->mem, ids[i], &e));
      if (!meant(a, &e)) continue;
      TRY(effect_make_again(c, db, &e, &is_again));
      retried += is_again, skipped += !is_again;
      if (!is_again) continue;
      TRY(effect_event(c, db, &e, "effect.retried", NULL));
      TRY(trouble_over(c, db, &e));
    }
  }
  c->effects = retried > 0;
  buf_printf(&c->out, "{\"retried\":%lld,\"skipped\":%lld,\"left\":%s}", (long long)retried,
             (long long)skipped,
             retried == RETRY_AT_ONCE && effects_in(db, "dead", after, ids, 1) ? "true" : "false");
  return ERR_OK;
}

enum err flow_effect_drop_parse(struct cmd *c, const struct json *body)
{
  struct effect_args *a = arena_new(&c->mem, struct effect_args);
  const struct arg rows[] = { { "reason", ARG_TEXT, true, 200, &a->reason },
                              { "if_version", ARG_VERSION, false, 0, &a->if_version } };
  c->args = a;
  return args_read(c, body, rows, COUNT(rows));
}

enum err flow_effect_drop_run(struct cmd *c, struct db *db)
{
  static const char DROPPED[] = "{\"kind\":\"dropped\",\"message\":\"A person gave the effect up\"}";
  const struct effect_args *a = c->args;
  struct effect e;
  TRY(target(c, db, a, &e));
  enum err err = effect_drop(db, e.id, c->now_ms);
  if (err == ERR_CONFLICT)
    return refuse(c, err, "not_waiting", "The effect is %s: there is nothing to give up", e.state);
  TRY(err);
  TRY(effect_event(c, db, &e, "effect.dropped", a->reason));
  TRY(trouble_over(c, db, &e));
  TRY(told(c, db, &e, TOLD_UNKNOWN, DROPPED, NULL));
  c->effects = true; /* what stood behind it may go */
  return answer(c, db, e.id);
}

enum err flow_outbox_release_parse(struct cmd *c, const struct json *body)
{
  return args_read(c, body, NULL, 0);
}

enum err flow_outbox_release_run(struct cmd *c, struct db *db)
{
  bool was_held = outbox_held(c, db);
  buf_printf(&c->out, "{\"held\":false,\"was_held\":%s}", was_held ? "true" : "false");
  if (!was_held) return ERR_OK;
  TRY(meta_put(db, META_OUTBOX_HELD, "0"));
  c->effects = true;
  return progress_event(c, db, 's', 0, "outbox.released", "{}");
}
