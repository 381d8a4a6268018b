/* claim.c: the pre-ship lock (domain 6). A fulfilment has one number; each parcel carries two facts, what its channels
 * know and what the carrier did, and only both together end it as shipped. */
#include "flow.h"
#include <stdio.h>

#define CLAIMS_FIRE_MAX 200

/* ---- events and exceptions ------------------------------------------------------------------------------------------------- */

static enum err claim_event(struct cmd *c, struct db *db, const struct claim *k, const char *type,
                            const char *more_key, const char *more)
{
  struct buf b = { 0 };
  struct jw w;
  jw_init(&w, &b), jw_object(&w), jw_id(&w, "fulfilment", 'f', k->fulfilment_id),
    jw_kstring(&w, "carrier", k->carrier);
  jw_kstring(&w, "tracking_no", k->tracking_no);
  if (more) jw_kstring(&w, more_key, more);
  jw_object_end(&w);
  enum err e = progress_event(c, db, 'k', k->id, type, "%s", b.data);
  buf_release(&b);
  return e;
}

/* For every order in the parcel: they all have the same trouble. */
static enum err claim_trouble(struct cmd *c, struct db *db, const struct claim *k, const char *type,
                              const char *owner, const char *what)
{
  struct fulfilment_line *l;
  struct buf b = { 0 };
  struct jw w;
  size_t n;
  TRY(fulfilment_lines(db, &c->mem, k->fulfilment_id, &l, &n));
  jw_init(&w, &b), jw_object(&w), jw_id(&w, "claim", 'k', k->id),
    jw_id(&w, "fulfilment", 'f', k->fulfilment_id);
  jw_kstring(&w, "carrier", k->carrier), jw_kstring(&w, "tracking_no", k->tracking_no),
    jw_kstring(&w, "do", what);
  jw_object_end(&w);
  const char *data = arena_strn(&c->mem, b.data, b.len);
  buf_release(&b);
  for (size_t i = 0; i < n; i++)
    if (!i || l[i].order_id != l[i - 1].order_id)
      TRY(exception_open(db, type, l[i].order_id, 0, 0, owner, c->now_ms, data, NULL, NULL));
  return ERR_OK;
}

static enum err claim_trouble_over(struct cmd *c, struct db *db, const struct claim *k, const char *type)
{
  struct fulfilment_line *l;
  size_t n;
  TRY(fulfilment_lines(db, &c->mem, k->fulfilment_id, &l, &n));
  for (size_t i = 0; i < n; i++)
    if ((!i || l[i].order_id != l[i - 1].order_id) && exception_is_open(db, type, l[i].order_id) &&
        exception_settle(db, type, l[i].order_id, 0, "system", c->now_ms) < 0)
      return ERR_IO;
  return ERR_OK;
}

/* ---- pieces ---------------------------------------------------------------------------------------------------------------------- */

/* All pieces of a parcel from one bucket into another; made ones have no stock behind them. */
static enum err pieces_move(struct cmd *c, struct db *db, const struct claim *k, enum unit_state from,
                            enum bucket_kind source, enum unit_state to, enum bucket_kind target,
                            const char *reason)
{
  struct unit *u;
  size_t n;
  TRY(units_of_fulfilment(db, &c->mem, k->fulfilment_id, &u, &n));
  for (size_t i = 0; i < n; i++) {
    if (u[i].state == UNIT_MADE && to == UNIT_SHIPPED) {
      u[i].state = UNIT_SHIPPED;
      TRY(unit_set(db, &u[i]));
    }
    if (u[i].state != from) continue;
    TRY(stock_move(db, u[i].sku_id, u[i].warehouse_id, source, target, u[i].quantity, reason,
                   id_text(&c->mem, 'k', k->id), NULL, c->now_ms));
    u[i].state = to;
    TRY(unit_set(db, &u[i]));
  }
  return ERR_OK;
}

/* ---- how a parcel ends -------------------------------------------------------------------------------------------------------------- */

static enum err timers_off(struct cmd *c, struct db *db, const struct claim *k)
{
  TRY(claim_trouble_over(c, db, k, "pickup_overdue"));
  return claim_trouble_over(c, db, k, "confirm_overdue");
}

static enum err claim_ship(struct cmd *c, struct db *db, struct claim *k)
{
  struct fulfilment f;
  struct fulfilment_line *l;
  size_t n;
  k->state = "shipped", k->ended_at = c->now_ms, k->due_at = 0;
  TRY(claim_update(db, k));
  TRY(pieces_move(c, db, k, UNIT_FROZEN, STOCK_FROZEN, UNIT_SHIPPED, STOCK_OUTSIDE, "shipped"));
  KILL_POINT("claim.pieces_shipped");
  TRY(timers_off(c, db, k));
  TRY(claim_event(c, db, k, "claim.shipped", NULL, NULL));
  TRY(fulfilment_get(db, &c->mem, k->fulfilment_id, &f));
  TRY(fulfilment_lines(db, &c->mem, f.id, &l, &n));
  for (size_t i = 0; i < n; i++) {
    struct order o;
    if (i && l[i].order_id == l[i - 1].order_id) continue;
    TRY(order_get(db, &c->mem, l[i].order_id, &o));
    if (!o.shipped_at) TRY(order_set_shipped(db, o.id, k->picked_up_at));
  }
  TRY(customer_shipped(c, db, f.id));
  return fulfil_move(c, db, &f, ST_SHIPPED, TRIGGER_SYSTEM, NULL);
}

/* The last piece is back: the fulfilment is over, its orders are looked at anew. */
enum err claim_all_back(struct cmd *c, struct db *db, struct claim *k)
{
  struct fulfilment f;
  struct fulfilment_line *l;
  struct unit *u;
  size_t n;
  k->put_back = false;
  TRY(claim_update(db, k));
  TRY(units_of_fulfilment(db, &c->mem, k->fulfilment_id, &u, &n));
  for (size_t i = 0; i < n; i++) { /* made ones lie on no shelf: they are the order's, while it wants them */
    struct unit loose = u[i];
    loose.fulfilment_id = 0;
    TRY(unit_drop(db, &u[i]));
    TRY(unit_put(db, &loose));
  }
  TRY(fulfilment_get(db, &c->mem, k->fulfilment_id, &f));
  TRY(scan_clear(db, f.id));
  TRY(fulfilment_lines(db, &c->mem, f.id, &l, &n));
  for (size_t i = 0; i < n; i++) {
    TRY(fulfilment_line_drop(db, f.id, l[i].order_id, l[i].line_no));
    fulfil_touch(c, l[i].order_id);
  }
  TRY(fulfilment_move(db, &f, c->rules->status.stage[ST_CANCELLED].name, c->now_ms));
  TRY(progress_event(c, db, 'f', f.id, "fulfilment.cancelled", "{\"because\":\"put_back\"}"));
  return fulfil_wake(c, db);
}

/* Made ones have no shelf to go back to, and without stock nothing does. */
static enum err any_frozen(struct cmd *c, struct db *db, int64_t fulfilment_id, bool *any)
{
  struct unit *u;
  size_t n;
  TRY(units_of_fulfilment(db, &c->mem, fulfilment_id, &u, &n));
  *any = false;
  for (size_t i = 0; i < n; i++) *any = *any || u[i].state == UNIT_FROZEN;
  return ERR_OK;
}

/* The label is void. put_back: the pieces stay frozen until they are scanned back; else they are the order's again. */
static enum err claim_void(struct cmd *c, struct db *db, struct claim *k, const char *reason, bool put_back)
{
  struct fulfilment f;
  struct fulfilment_line *l;
  size_t n;
  int back = status_find(&c->rules->status, k->came_from);
  k->state = "void", k->ended_at = c->now_ms, k->due_at = 0, k->reason = reason, k->put_back = put_back;
  TRY(claim_update(db, k));
  if (!put_back)
    TRY(pieces_move(c, db, k, UNIT_FROZEN, STOCK_FROZEN, UNIT_RESERVED, STOCK_RESERVED, "voided"));
  KILL_POINT("claim.pieces_back");
  TRY(timers_off(c, db, k));
  TRY(claim_event(c, db, k, "claim.void", "reason", reason));
  TRY(waybill_claim_void(c, db, k));
  TRY(fulfilment_get(db, &c->mem, k->fulfilment_id, &f));
  TRY(scan_clear(db, f.id));
  if (strcmp(f.work, "open") != 0) TRY(fulfilment_work(db, &f, "open", 0, c->now_ms));
  TRY(fulfilment_lines(db, &c->mem, f.id, &l, &n));
  if (put_back) { /* nothing is sent again before the pieces are back */
    bool any;
    TRY(any_frozen(c, db, f.id, &any));
    return any ? ERR_OK : claim_all_back(c, db, k);
  }
  TRY(fulfilment_move(db, &f, c->rules->status.stage[back < 0 ? ST_SPLIT : back].name, c->now_ms));
  TRY(
    progress_event(c, db, 'f', f.id, "fulfilment.status", "{\"from\":\"pre_ship\",\"to\":\"%s\"}", f.status));
  for (size_t i = 0; i < n; i++) {
    TRY(fulfil_follow(c, db, l[i].order_id));
    fulfil_touch(c, l[i].order_id);
  }
  return ERR_OK;
}

/* Nobody wants a line of the parcel any more: cancelled, or given back. */
static enum err parcel_unwanted(struct cmd *c, struct db *db, const struct claim *k, bool *unwanted)
{
  struct fulfilment_line *l;
  size_t n;
  *unwanted = true;
  TRY(fulfilment_lines(db, &c->mem, k->fulfilment_id, &l, &n));
  for (size_t i = 0; i < n && *unwanted; i++) {
    struct order o;
    struct line_left *left;
    size_t lines;
    TRY(order_get(db, &c->mem, l[i].order_id, &o));
    if (!strcmp(o.status, c->rules->status.stage[ST_CANCELLED].name)) continue;
    TRY(order_lines_left(db, &c->mem, o.id, o.total, &left, &lines));
    for (size_t x = 0; x < lines; x++)
      if ((left[x].line_no == l[i].line_no || l[i].line_no > GIFT_LINE) && left[x].left) *unwanted = false;
  }
  return ERR_OK;
}

static bool gone(enum carried c)
{
  return c != CARRIED_NONE && c != CARRIED_LABEL;
}

/* Domain 6.3: what the two facts together mean. before: whether one of them was so already. */
static enum err claim_weigh(struct cmd *c, struct db *db, struct claim *k, enum told told_before,
                            bool gone_before)
{
  bool left = gone(k->carried), unwanted;
  if (strcmp(k->state, "live") != 0) return claim_update(db, k);
  if (k->told == TOLD_ACCEPTED && left) return claim_ship(c, db, k);
  if (k->told == TOLD_REFUSED && !left) {
    TRY(claim_trouble(c, db, k, "confirm_refused", "cs",
                      "The channel refused the parcel: its label is void; see why and settle it"));
    return claim_void(c, db, k, "the channel refused it", false);
  }
  if (k->told == TOLD_REFUSED) {
    TRY(claim_trouble(c, db, k, "intercept", "warehouse",
                      "The channel refused the parcel, and the carrier has it: call it back"));
    k->due_at = 0;
    return claim_update(db, k);
  }
  TRY(parcel_unwanted(c, db, k, &unwanted));
  if (unwanted && !left && (k->told == TOLD_ACCEPTED || k->told == TOLD_NONE))
    return claim_void(c, db, k, "cancelled or given back", true);
  if (k->told == TOLD_ACCEPTED && told_before != TOLD_ACCEPTED)
    k->due_at = c->now_ms + c->rules->pickup_due_ms;
  if (left && !gone_before) k->due_at = c->now_ms + c->rules->confirm_due_ms;
  return claim_update(db, k);
}

/* ---- telling the channels --------------------------------------------------------------------------------------------------------------- */

/* Channels know nothing of gifts. */
static bool is_told(const struct fulfilment_line *l, int64_t order_id)
{
  return l->order_id == order_id && l->line_no <= GIFT_LINE;
}

static bool only_gifts(int64_t order_id, const struct fulfilment_line *l, size_t n)
{
  bool gifts = false;
  for (size_t i = 0; i < n; i++) {
    if (is_told(&l[i], order_id)) return false;
    gifts = gifts || l[i].order_id == order_id;
  }
  return gifts;
}

/* All that the order has goes in this parcel: platforms are told so in another form than of a part. */
static bool is_whole(int64_t order_id, const struct fulfilment_line *l, size_t n,
                     const struct line_left *name, size_t names)
{
  int64_t here = 0, all = 0;
  for (size_t i = 0; i < n; i++) here += is_told(&l[i], order_id) ? l[i].quantity : 0;
  for (size_t i = 0; i < names; i++) all += name[i].quantity;
  return here == all;
}

static const char *confirm_json(struct cmd *c, const struct claim *k, const struct order *o,
                                const struct fulfilment_line *l, size_t n, const struct line_left *name,
                                size_t names)
{
  struct buf b = { 0 };
  struct jw w;
  jw_init(&w, &b), jw_object(&w), jw_id(&w, "claim", 'k', k->id), jw_id(&w, "order", 'o', o->id);
  jw_kstring(&w, "external_id", o->external_id), jw_kstring(&w, "carrier", k->carrier),
    jw_kstring(&w, "tracking_no", k->tracking_no);
  jw_ktime(&w, "claimed_at", k->claimed_at);
  jw_kbool(&w, "whole", is_whole(o->id, l, n, name, names)), jw_key(&w, "lines"), jw_array(&w);
  for (size_t i = 0; i < n; i++) {
    if (!is_told(&l[i], o->id)) continue;
    jw_object(&w);
    for (size_t x = 0; x < names; x++)
      if (name[x].line_no == l[i].line_no)
        jw_kstring(&w, "line_id", name[x].line_id), jw_kstring(&w, "sku", name[x].sku);
    jw_kint(&w, "quantity", l[i].quantity), jw_object_end(&w);
  }
  jw_array_end(&w), jw_object_end(&w);
  const char *text = arena_strn(&c->mem, b.data, b.len);
  buf_release(&b);
  return text;
}

/* The moment that this channel counts as shipped has come (6.6): the parcel is told, or there is nobody to tell. */
static enum err tell_one(struct cmd *c, struct db *db, const struct claim *k, int64_t order_id,
                         const struct fulfilment_line *l, size_t n, bool again)
{
  struct confirmation was = { 0 }, now = {
    .claim_id = k->id, .order_id = order_id, .at = c->now_ms, .state = TOLD_ACCEPTED
  };
  struct order o;
  struct channel ch;
  struct line_left *name;
  size_t names;
  enum err e = confirmation_get(db, &c->mem, k->id, order_id, &was);
  if (e && e != ERR_NOT_FOUND) return e;
  if (!e && was.state != TOLD_NONE && !(again && was.state == TOLD_REFUSED)) return ERR_OK;
  TRY(order_get(db, &c->mem, order_id, &o));
  TRY(channel_by_id(db, &c->mem, o.channel_id, &ch));
  const struct channel_family *can = rules_channel(c->rules, ch.name);
  if (k->channel_id == o.channel_id || !can || !can->confirms || only_gifts(order_id, l, n))
    return confirmation_put(db, &now);
  struct effect before;
  if (was.effect_id && !effect_get(db, &c->mem, was.effect_id, &before) && !strcmp(before.state, "dead")) {
    bool is_again; /* it may have been taken: never a second one beside it */
    c->effects = true;
    return effect_make_again(c, db, &before, &is_again);
  }
  now.state = TOLD_NONE;
  if (can->on_pickup && !gone(k->carried)) return confirmation_put(db, &now);
  TRY(order_lines_left(db, &c->mem, o.id, o.total, &name, &names));
  TRY(effect_put(db, "confirm", arena_printf(&c->mem, "channel:%s", ch.name), id_text(&c->mem, 'o', o.id),
                 false, confirm_json(c, k, &o, l, n, name, names), c->now_ms, c->now_ms, &now.effect_id));
  now.state = TOLD_SENT;
  return confirmation_put(db, &now);
}

/* What all channels together know of the parcel. */
static enum err told_together(struct cmd *c, struct db *db, struct claim *k)
{
  struct confirmation *list;
  size_t n, count[TOLD_UNKNOWN + 1] = { 0 };
  TRY(confirmations_of_claim(db, &c->mem, k->id, &list, &n));
  for (size_t i = 0; i < n; i++) count[list[i].state]++;
  if (!n || count[TOLD_ACCEPTED] == n) k->told = TOLD_ACCEPTED;
  else if (count[TOLD_UNKNOWN]) k->told = TOLD_UNKNOWN;
  else if (count[TOLD_SENT]) k->told = TOLD_SENT;
  else if (count[TOLD_NONE]) k->told = count[TOLD_ACCEPTED] || count[TOLD_REFUSED] ? TOLD_SENT : TOLD_NONE;
  else
    k->told =
      count[TOLD_ACCEPTED] ? TOLD_SENT : TOLD_REFUSED; /* accepted for some only: a person looks at it */
  if (count[TOLD_ACCEPTED] && count[TOLD_REFUSED] && count[TOLD_ACCEPTED] + count[TOLD_REFUSED] == n)
    return claim_trouble(
      c, db, k, "partly_confirmed", "cs",
      "Some channels of the merged parcel took it, others refused: see the claim, settle it, confirm those again");
  return claim_trouble_over(c, db, k, "partly_confirmed");
}

static enum err tell_all(struct cmd *c, struct db *db, struct claim *k)
{
  struct fulfilment_line *l;
  size_t n;
  TRY(fulfilment_lines(db, &c->mem, k->fulfilment_id, &l, &n));
  for (size_t i = 0; i < n; i++)
    if (!i || l[i].order_id != l[i - 1].order_id) TRY(tell_one(c, db, k, l[i].order_id, l, n, false));
  return told_together(c, db, k);
}

enum err claim_told(struct cmd *c, struct db *db, int64_t claim_id, int64_t order_id, enum told told,
                    const char *error)
{
  struct claim k;
  struct confirmation f;
  TRY(claim_get(db, &c->mem, claim_id, &k));
  TRY(confirmation_get(db, &c->mem, claim_id, order_id, &f));
  if (f.state == TOLD_ACCEPTED || f.state == told) return ERR_OK; /* what was accepted stays so */
  enum told before = k.told;
  f.state = told, f.at = c->now_ms, f.error = error;
  TRY(confirmation_put(db, &f));
  TRY(progress_event(c, db, 'k', k.id, "claim.told", "{\"order\":\"o_%lld\",\"told\":\"%s\"}",
                     (long long)order_id, told_name(told)));
  TRY(told_together(c, db, &k));
  if (!strcmp(k.state, "void") && told == TOLD_ACCEPTED)
    TRY(claim_trouble(c, db, &k, "double_shipment", "cs",
                      "The channel took a number whose label is void: correct it there"));
  return claim_weigh(c, db, &k, before, gone(k.carried));
}

/* ---- the carrier ---------------------------------------------------------------------------------------------------------------------- */

enum err claim_carried(struct cmd *c, struct db *db, struct claim *k, enum carried carried, int64_t at)
{
  bool before = gone(k->carried);
  if (carried <= k->carried) return ERR_OK; /* told late, or again */
  k->carried = carried;
  if (gone(carried) && !k->picked_up_at) k->picked_up_at = at;
  TRY(progress_event(c, db, 'k', k->id, "claim.carried", "{\"carried\":\"%s\"}", carried_name(carried)));
  if (!strcmp(k->state, "void") && gone(carried) && !before) {
    TRY(claim_trouble(c, db, k, "intercept", "warehouse",
                      "A parcel whose label is void was picked up: call it back"));
    return claim_update(db, k);
  }
  if (carried == CARRIED_DELIVERED) TRY(rate_learn(c, db, k, at));
  if (carried == CARRIED_LOST || carried == CARRIED_RETURNED)
    TRY(claim_trouble(c, db, k, carried == CARRIED_LOST ? "parcel_lost" : "parcel_returned", "cs",
                      "See to it with the carrier and the customer"));
  if (strcmp(k->state, "live") != 0) return claim_update(db, k);
  if (gone(carried) && !before) TRY(tell_all(c, db, k)); /* those that count the pick-up hear of it now */
  return claim_weigh(c, db, k, k->told, before);
}

/* ---- making one ------------------------------------------------------------------------------------------------------------------------- */

static enum err refuse_claimed(struct cmd *c, const struct claim *k)
{
  struct buf b = { 0 };
  struct jw w;
  jw_init(&w, &b), jw_object(&w), jw_id(&w, "id", 'k', k->id), jw_kstring(&w, "carrier", k->carrier);
  jw_kstring(&w, "tracking_no", k->tracking_no), jw_kstring(&w, "state", k->state),
    jw_ktime(&w, "claimed_at", k->claimed_at);
  jw_object_end(&w);
  c->problem.extra = arena_printf(&c->mem, "\"claim\":%s", b.data);
  buf_release(&b);
  return refuse(c, ERR_CONFLICT, "already_claimed", "f_%lld ships under %s %s already",
                (long long)k->fulfilment_id, k->carrier, k->tracking_no);
}

/* Domain 6.2: a number in use, or used not long ago. */
static enum err number_free(struct cmd *c, struct db *db, const char *number, const struct fulfilment *f)
{
  struct claim k;
  enum err e = claim_by_number(db, &c->mem, number, c->now_ms - c->rules->tracking_reuse_ms, &k);
  if (e == ERR_NOT_FOUND || (!e && k.fulfilment_id == f->id && !strcmp(k.state, "void"))) return ERR_OK;
  TRY(e);
  return refuse(c, ERR_CONFLICT, !strcmp(k.state, "live") ? "tracking_in_use" : "tracking_reused",
                !strcmp(k.state, "live") ? "%s is the number of f_%lld"
                                         : "%s was the number of f_%lld not long ago",
                number, (long long)k.fulfilment_id);
}

static enum err ready_to_claim(struct cmd *c, struct db *db, const struct fulfilment *f,
                               const struct fulfilment_line *l, size_t n, bool by_channel)
{
  const struct status_table *t = &c->rules->status;
  int at = status_find(t, f->status);
  if (at == ST_CANCELLED)
    return refuse(c, ERR_CONFLICT, "fulfilment_cancelled", "f_%lld is cancelled", (long long)f->id);
  if (!n) return refuse(c, ERR_CONFLICT, "fulfilment_empty", "f_%lld holds nothing", (long long)f->id);
  if (by_channel) return ERR_OK; /* the parcel is a fact */
  if (!status_move(t, at, ST_PRE_SHIP, TRIGGER_SYSTEM))
    return refuse(c, ERR_CONFLICT, "illegal_transition", "f_%lld is %s: it is not ready to ship",
                  (long long)f->id, f->status);
  for (size_t i = 0; i < n; i++)
    if (order_holds(db, l[i].order_id))
      return refuse(c, ERR_CONFLICT, "on_hold", "o_%lld is held: release it first", (long long)l[i].order_id);
  if (c->rules->pack_verify && strcmp(f->work, "packed") != 0)
    return refuse(c, ERR_CONFLICT, "not_verified", "f_%lld was not verified by scanning", (long long)f->id);
  return ERR_OK;
}

static int64_t receiver_of(const struct order *o)
{
  const char *const parts[] = { o->phone, o->token,    o->country, o->province,
                                o->city,  o->district, o->town,    o->address };
  uint64_t h = 0;
  for (size_t i = 0; i < COUNT(parts); i++)
    if (parts[i]) h = hash64(parts[i], strlen(parts[i]), h + i + 1);
  return (int64_t)(h >> 1);
}

enum err claim_make(struct cmd *c, struct db *db, struct fulfilment *f, const struct claim_ask *ask,
                    struct claim *out, bool *same)
{
  struct fulfilment_line *l;
  struct order o;
  size_t n;
  const char *number = tracking_norm(&c->mem, ask->tracking_no);
  *same = false;
  if (!tracking_ok(number))
    return refuse(c, ERR_INVALID, "bad_tracking_no",
                  "A tracking number has 4 to 64 letters, digits and dashes");
  enum err e = claim_of_fulfilment(db, &c->mem, f->id, out);
  if (!e && !strcmp(out->tracking_no, number)) return *same = true, ERR_OK;
  if (!e) return refuse_claimed(c, out);
  if (e != ERR_NOT_FOUND) return e;
  TRY(fulfilment_lines(db, &c->mem, f->id, &l, &n));
  TRY(ready_to_claim(c, db, f, l, n, ask->channel_id != 0));
  TRY(number_free(c, db, number, f));
  TRY(waybill_claiming(c, db, f->id, number, ask->channel_id != 0));
  TRY(order_get(db, &c->mem, l[0].order_id, &o));
  *out = (struct claim){ .fulfilment_id = f->id,
                         .channel_id = ask->channel_id,
                         .receiver = receiver_of(&o),
                         .claimed_at = c->now_ms,
                         .carrier = ask->carrier,
                         .tracking_no = number,
                         .state = "live",
                         .actor = c->actor.name,
                         .came_from = f->status,
                         .carried = CARRIED_LABEL,
                         .told = TOLD_NONE };
  TRY(fulfil_fix(c, db, f, "claimed"));
  KILL_POINT("claim.group_locked");
  TRY(claim_insert(db, out, &out->id));
  TRY(waybill_claimed(c, db, out));
  KILL_POINT("claim.number_taken");
  out->version = 1;
  TRY(pieces_move(c, db, out, UNIT_RESERVED, STOCK_RESERVED, UNIT_FROZEN, STOCK_FROZEN, "claimed"));
  KILL_POINT("claim.pieces_frozen");
  TRY(claim_event(c, db, out, "claim.made", NULL, NULL));
  int at = status_find(&c->rules->status, f->status);
  if (status_move(&c->rules->status, at, ST_PRE_SHIP, TRIGGER_SYSTEM))
    TRY(fulfil_move(c, db, f, ST_PRE_SHIP, TRIGGER_SYSTEM, NULL));
  else { /* a channel is ahead of our work */
    TRY(fulfilment_move(db, f, c->rules->status.stage[ST_PRE_SHIP].name, c->now_ms));
    TRY(progress_event(c, db, 'f', f->id, "fulfilment.status", "{\"from\":\"%s\",\"to\":\"pre_ship\"}",
                       out->came_from));
    for (size_t i = 0; i < n; i++) TRY(fulfil_follow(c, db, l[i].order_id));
  }
  TRY(tell_all(c, db, out));
  KILL_POINT("claim.effects_put");
  return claim_weigh(c, db, out, TOLD_NONE, false);
}

enum err claim_tell_again(struct cmd *c, struct db *db, struct claim *k, int64_t order_id)
{
  struct fulfilment_line *l;
  size_t n;
  TRY(fulfilment_lines(db, &c->mem, k->fulfilment_id, &l, &n));
  TRY(tell_one(c, db, k, order_id, l, n, true));
  TRY(claim_get(db, &c->mem, k->id, k));
  TRY(told_together(c, db, k));
  return claim_update(db, k);
}

enum err claim_void_now(struct cmd *c, struct db *db, struct claim *k, const char *reason)
{
  return claim_void(c, db, k, reason, false);
}

/* ---- what changes around it ------------------------------------------------------------------------------------------------ */

enum err claim_refunded(struct cmd *c, struct db *db, int64_t order_id)
{
  struct fulfilment *f;
  size_t n;
  TRY(fulfilments_of_order(db, &c->mem, order_id, true, &f, &n));
  for (size_t i = 0; i < n; i++) {
    struct claim k;
    enum err e = claim_of_fulfilment(db, &c->mem, f[i].id, &k);
    if (e == ERR_NOT_FOUND) continue;
    TRY(e);
    if (!strcmp(k.state, "live")) TRY(claim_weigh(c, db, &k, k.told, gone(k.carried)));
  }
  return ERR_OK;
}

bool claim_of_order(struct cmd *c, struct db *db, int64_t order_id)
{
  struct fulfilment *f;
  struct claim k;
  size_t n;
  if (fulfilments_of_order(db, &c->mem, order_id, true, &f, &n)) return false;
  for (size_t i = 0; i < n; i++)
    if (!claim_of_fulfilment(db, &c->mem, f[i].id, &k)) return true;
  return false;
}

/* ---- timers are rows: those missed while the process was down fire at start, oldest first ------------------------------------ */

enum err claims_fire(struct cmd *c, struct db *db, int64_t *fired)
{
  int64_t id;
  for (*fired = 0; *fired < CLAIMS_FIRE_MAX && claim_due(db, c->now_ms, &id, 1); ++*fired) {
    struct claim k;
    TRY(claim_get(db, &c->mem, id, &k));
    k.due_at = 0;
    TRY(claim_update(db, &k));
    if (strcmp(k.state, "live") != 0) continue;
    bool left = gone(k.carried);
    if (!left) TRY(customer_parcel_late(c, db, k.fulfilment_id));
    TRY(claim_event(c, db, &k, left ? "claim.confirm_overdue" : "claim.pickup_overdue", NULL, NULL));
    TRY(claim_trouble(c, db, &k, left ? "confirm_overdue" : "pickup_overdue", left ? "cs" : "warehouse",
                      left ? "The carrier has the parcel, and its channel does not know it"
                           : "The channel counts it as shipped, and the carrier does not have it"));
  }
  return ERR_OK;
}
