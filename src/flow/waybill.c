/* waybill.c: waybills are bought once, taken back once, and never is there a second live number (domain 6).
 *
 *   buy ─► wanted ─► bought ─► (claim) … void ─► voiding ─► void ─► (again: another is bought)
 *            │  └─► refused                 by the carrier
 *            └─ taken back before it is known: void as soon as it is
 *
 * What a carrier knows a waybill by is never used again, so that an answer about it is about nothing else. */
#include "flow.h"

#define SWEEP_AT_ONCE 50

/* ---- events and exceptions ---------------------------------------------------------------------------------------- */
static enum err event(struct cmd *c, struct db *db, const struct waybill *w, const char *type)
{
  struct buf b = { 0 };
  struct jw j;
  jw_init(&j, &b), jw_object(&j), jw_id(&j, "fulfilment", 'f', w->fulfilment_id);
  jw_kstring(&j, "carrier", w->carrier);
  if (w->tracking_no) jw_kstring(&j, "tracking_no", w->tracking_no);
  if (w->reason) jw_kstring(&j, "reason", w->reason);
  jw_object_end(&j);
  enum err e = progress_event(c, db, 'b', w->id, type, "%s", b.data);
  buf_release(&b);
  return e;
}

static const char *trouble_json(struct cmd *c, const struct waybill *w, const char *error, const char *what)
{
  struct buf b = { 0 };
  struct jw j;
  jw_init(&j, &b), jw_object(&j), jw_id(&j, "waybill", 'b', w->id),
    jw_id(&j, "fulfilment", 'f', w->fulfilment_id);
  jw_kstring(&j, "carrier", w->carrier), jw_kstring(&j, "tracking_no", w->tracking_no);
  jw_key(&j, "error");
  if (error) jw_raw(&j, error, strlen(error));
  else jw_null(&j);
  jw_kstring(&j, "do", what), jw_object_end(&j);
  const char *text = arena_strn(&c->mem, b.data, b.len);
  buf_release(&b);
  return text;
}

/* One for each order in the parcel; what NULL: it is over. */
static enum err trouble(struct cmd *c, struct db *db, const struct waybill *w, const char *type,
                        const char *error, const char *what)
{
  struct fulfilment_line *l;
  size_t n;
  TRY(fulfilment_lines(db, &c->mem, w->fulfilment_id, &l, &n));
  for (size_t i = 0; i < n; i++) {
    if (i && l[i].order_id == l[i - 1].order_id) continue;
    if (what)
      TRY(exception_open(db, type, l[i].order_id, 0, 0, "warehouse", c->now_ms,
                         trouble_json(c, w, error, what), NULL, NULL));
    else if (exception_is_open(db, type, l[i].order_id) &&
             exception_settle(db, type, l[i].order_id, 0, c->actor.name, c->now_ms) < 0)
      return ERR_IO;
  }
  return ERR_OK;
}

/* ---- wanting one -------------------------------------------------------------------------------------------------- */
static const char *destination_of(struct cmd *c, const char *carrier)
{
  return arena_printf(&c->mem, "carrier:%s", carrier);
}

static enum err effect_for(struct cmd *c, struct db *db, struct waybill *w, const char *kind, bool safe)
{
  struct buf b = { 0 };
  struct jw j;
  jw_init(&j, &b), jw_object(&j), jw_id(&j, "waybill", 'b', w->id), jw_kstring(&j, "order_no", w->order_no);
  jw_kstring(&j, "carrier", w->carrier), jw_kstring(&j, "tracking_no", w->tracking_no);
  jw_kint(&j, "bought_ms", w->bought_at), jw_kstring(&j, "reason", w->reason ? w->reason : "");
  jw_object_end(&j);
  enum err e = effect_put(db, kind, destination_of(c, w->carrier), id_text(&c->mem, 'b', w->id), safe, b.data,
                          c->now_ms, c->now_ms, &w->effect_id);
  buf_release(&b);
  c->effects = true;
  return e;
}

/* CONFLICT: it may not leave now, so nothing is bought for it. */
static enum err may_leave(struct cmd *c, struct db *db, const struct fulfilment *f,
                          struct fulfilment_line **l, size_t *n)
{
  const struct status_table *t = &c->rules->status;
  int at = status_find(t, f->status);
  struct claim k;
  enum err e = claim_of_fulfilment(db, &c->mem, f->id, &k);
  if (!e)
    return refuse(c, ERR_CONFLICT, "already_claimed", "f_%lld ships under %s %s already", (long long)f->id,
                  k.carrier, k.tracking_no);
  if (e != ERR_NOT_FOUND) return e;
  if (at == ST_CANCELLED)
    return refuse(c, ERR_CONFLICT, "fulfilment_cancelled", "f_%lld is cancelled", (long long)f->id);
  if (!status_move(t, at, ST_PRE_SHIP, TRIGGER_SYSTEM))
    return refuse(c, ERR_CONFLICT, "illegal_transition", "f_%lld is %s: it is not ready to ship",
                  (long long)f->id, f->status);
  TRY(fulfilment_lines(db, &c->mem, f->id, l, n));
  if (!*n) return refuse(c, ERR_CONFLICT, "fulfilment_empty", "f_%lld holds nothing", (long long)f->id);
  for (size_t i = 0; i < *n; i++)
    if (order_holds(db, (*l)[i].order_id))
      return refuse(c, ERR_CONFLICT, "on_hold", "o_%lld is held: release it first",
                    (long long)(*l)[i].order_id);
  return ERR_OK;
}

/* What the carrier collects: of orders that are wholly in this parcel, and not paid. */
static enum err collect(struct cmd *c, struct db *db, const struct fulfilment_line *l, size_t n,
                        struct waybill *w)
{
  for (size_t i = 0; i < n; i++) {
    struct order o;
    struct fulfilment *f;
    size_t parcels;
    if (i && l[i].order_id == l[i - 1].order_id) continue;
    TRY(order_get(db, &c->mem, l[i].order_id, &o));
    w->currency = o.currency;
    if (!(o.flags & FLAG_COD) || o.paid_at) continue;
    TRY(fulfilments_of_order(db, &c->mem, o.id, true, &f, &parcels));
    if (parcels > 1)
      return refuse(c, ERR_CONFLICT, "cod_split",
                    "o_%lld is paid at the door and comes in several parcels: buy its waybills by hand",
                    (long long)o.id);
    if (__builtin_add_overflow(w->cod, o.total, &w->cod))
      return refuse(c, ERR_CONFLICT, "too_much", "It is more than a number holds");
  }
  const struct conf_entry *can =
    c->rules->conf ? conf_get(c->rules->conf, arena_printf(&c->mem, "carrier %s", w->carrier), "cod") : NULL;
  if (w->cod && (!can || strcmp(can->value, "yes") != 0))
    return refuse(c, ERR_CONFLICT, "cod_not_agreed",
                  "It is paid at the door, and [carrier %s] does not say cod = yes", w->carrier);
  return ERR_OK;
}

struct buy_args {
  const char *fulfilment, *carrier, *reason;
  int64_t pieces, weight, if_version;
  bool by_hand;
};

static enum err carrier_known(struct cmd *c, const char *name)
{
  const struct party_rules *p = rules_party(c->rules, "carrier", name);
  if (p && p->buys) return ERR_OK;
  return refuse(c, ERR_CONFLICT, "carrier_by_hand",
                "%.64s sells no waybills here: buy it by hand, and claim the fulfilment with its number",
                name);
}

/* The best by the rate cards among those that sell waybills; *name NULL: no card prices it. */
static enum err carrier_by_rates(struct cmd *c, struct db *db, const struct fulfilment *f, int64_t weight,
                                 const char **name, const char **why)
{
  struct rate_candidate *k;
  size_t n;
  int best;
  *name = NULL;
  TRY(rate_ask_fulfilment(c, db, f->id, weight, 0, &k, &n, &best));
  best = -1;
  for (size_t i = 0; i < n; i++) {
    const struct party_rules *p = rules_party(c->rules, "carrier", k[i].card->carrier);
    bool can = k[i].band && p && p->buys &&
               (!k[i].lost || !strcmp(k[i].lost, "dearer") || !strcmp(k[i].lost, "slower"));
    if (!can) continue;
    if (best < 0 || k[i].price.total < k[best].price.total) best = (int)i;
  }
  if (best < 0) return ERR_OK;
  struct buf b = { 0 };
  struct jw w;
  jw_init(&w, &b), jw_object(&w), jw_kstring(&w, "because", "cheapest"), jw_key(&w, "candidates"),
    jw_array(&w);
  for (size_t i = 0; i < n; i++) candidate_put(&w, &k[i]);
  jw_array_end(&w), jw_object_end(&w);
  *name = arena_str(&c->mem, k[best].card->carrier), *why = arena_strn(&c->mem, b.data, b.len);
  buf_release(&b);
  return ERR_OK;
}

/* By the rate cards; where there are none for it, the only one that sells waybills. */
static enum err carrier_choose(struct cmd *c, struct db *db, const struct fulfilment *f, int64_t weight,
                               const char **name, const char **why)
{
  TRY(carrier_by_rates(c, db, f, weight, name, why));
  if (*name) return ERR_OK;
  for (size_t i = 0; i < c->rules->parties; i++) {
    const struct party_rules *p = &c->rules->party[i];
    if (strcmp(p->kind, "carrier") != 0 || !p->buys) continue;
    if (*name)
      return refuse(c, ERR_CONFLICT, "carrier_needed",
                    "Several carriers sell waybills, and no rate card prices this parcel: name one");
    *name = p->name;
  }
  *why = "{\"because\":\"only\"}";
  return *name ? ERR_OK
               : refuse(
                   c, ERR_CONFLICT, "carrier_by_hand",
                   "No [carrier …] sells waybills: buy it by hand, and claim the fulfilment with its number");
}

static enum err want(struct cmd *c, struct db *db, const struct fulfilment *f, const struct buy_args *a,
                     struct waybill *w)
{
  struct fulfilment_line *l;
  const char *instance, *what;
  size_t n;
  *w = (struct waybill){ .fulfilment_id = f->id, .pieces = a->pieces, .actor = c->actor.name };
  TRY(may_leave(c, db, f, &l, &n));
  if (a->carrier) w->carrier = a->carrier;
  else TRY(carrier_choose(c, db, f, a->weight, &w->carrier, &w->why));
  TRY(carrier_known(c, w->carrier));
  TRY(collect(c, db, l, n, w));
  TRY(waybill_measure(&c->mem, db, f->id, &w->weight, &w->volume));
  if (a->weight) w->weight = a->weight;
  w->id = db_next_id(db, "waybill");
  TRY(effect_instance(c, db, &instance));
  w->order_no = arena_printf(&c->mem, "b%lld-%s", (long long)w->id, instance);
  TRY(waybill_say(c, db, w, &what)); /* refused now, not when it is sent */
  TRY(fulfil_fix(c, db, f, "waybill"));
  TRY(waybill_insert(db, w, c->now_ms));
  TRY(effect_for(c, db, w, "waybill", false));
  TRY(waybill_update(db, w, c->now_ms));
  KILL_POINT("waybill.wanted");
  return event(c, db, w, "waybill.wanted");
}

enum err flow_waybill_buy_parse(struct cmd *c, const struct json *body)
{
  struct buy_args *a = arena_new(&c->mem, struct buy_args);
  const struct arg rows[] = { { "fulfilment", ARG_TEXT, true, 24, &a->fulfilment },
                              { "carrier", ARG_TEXT, false, 64, &a->carrier },
                              { "pieces", ARG_INT, false, 0, &a->pieces },
                              { "weight_g", ARG_INT, false, 0, &a->weight } };
  c->args = a, a->pieces = 1;
  TRY(args_read(c, body, rows, COUNT(rows)));
  if (a->pieces < 1 || a->pieces > WAYBILL_PIECES_MAX) refuse_at(c, "/pieces", "out_of_range", "1 to 50");
  if (a->weight < 0 || a->weight > 100000000)
    refuse_at(c, "/weight_g", "out_of_range", "0 to 100000000 grams");
  return c->problem.faults.n ? ERR_INVALID : ERR_OK;
}

static enum err answer(struct cmd *c, struct db *db, int64_t id)
{
  return view_waybill(db, &c->mem, id, &c->out, &c->version);
}

/* Asked for again, it is the same one; its number claims now what it could not when it came. */
static enum err there_already(struct cmd *c, struct db *db, const struct buy_args *a,
                              const struct fulfilment *f, const struct waybill *w)
{
  bool same = !a->carrier || !strcmp(a->carrier, w->carrier);
  if (same && w->state != WAYBILL_VOIDING && !w->unwanted) {
    TRY(waybill_packed(c, db, f));
    TRY(fulfil_settle(c, db));
    return answer(c, db, w->id);
  }
  c->problem.extra = arena_printf(&c->mem, "\"waybill\":\"b_%lld\"", (long long)w->id);
  return refuse(c, ERR_CONFLICT, same ? "waybill_voiding" : "waybill_live",
                same ? "b_%lld is being taken back: buy again when it is void"
                     : "b_%lld is live: void it first",
                (long long)w->id);
}

enum err flow_waybill_buy_run(struct cmd *c, struct db *db)
{
  const struct buy_args *a = c->args;
  struct fulfilment f;
  struct waybill w;
  TRY(fulfilment_target(c, db, a->fulfilment, &f));
  enum err e = waybill_of_fulfilment(db, &c->mem, f.id, &w);
  if (!e) return there_already(c, db, a, &f, &w);
  if (e != ERR_NOT_FOUND) return e;
  TRY(want(c, db, &f, a, &w));
  c->status = 201;
  TRY(fulfil_settle(c, db));
  return answer(c, db, w.id);
}

/* ---- taking one back ------------------------------------------------------------------------------------------------ */

/* It is surely not the carrier's: another one may be bought. */
static enum err is_void(struct cmd *c, struct db *db, struct waybill *w)
{
  const char *again = w->again;
  struct fulfilment f;
  struct waybill next;
  w->state = WAYBILL_VOID, w->again = NULL, w->unwanted = false;
  TRY(waybill_update(db, w, c->now_ms));
  TRY(event(c, db, w, "waybill.void"));
  TRY(trouble(c, db, w, "waybill_not_void", NULL, NULL));
  if (!again) return ERR_OK;
  const struct buy_args a = { .carrier = again, .pieces = w->pieces, .weight = w->weight };
  TRY(fulfilment_get(db, &c->mem, w->fulfilment_id, &f));
  enum err e = want(c, db, &f, &a, &next);
  if (e != ERR_CONFLICT && e != ERR_INVALID) return e;
  const char *why = c->problem.detail ? c->problem.detail : "it cannot be bought";
  c->problem.code = c->problem.detail = c->problem.extra = NULL;
  return trouble(c, db, w, "waybill_refused", NULL, why);
}

/* At the carrier; where it cannot be told, a person has to. */
static enum err call_back(struct cmd *c, struct db *db, struct waybill *w)
{
  const struct party_rules *p = rules_party(c->rules, "carrier", w->carrier);
  if (!p || !p->voids) {
    w->again = NULL;
    TRY(waybill_update(db, w, c->now_ms));
    return trouble(c, db, w, "waybill_not_void", NULL,
                   "Its connector cannot take waybills back: tell the carrier, then void it by hand");
  }
  w->state = WAYBILL_VOIDING, w->unwanted = false;
  TRY(effect_for(c, db, w, "waybill_void", true));
  TRY(waybill_update(db, w, c->now_ms));
  return event(c, db, w, "waybill.voiding");
}

static enum err not_known_yet(struct cmd *c, struct db *db, struct waybill *w)
{
  struct effect e;
  enum err err = w->effect_id ? effect_get(db, &c->mem, w->effect_id, &e) : ERR_NOT_FOUND;
  if (err && err != ERR_NOT_FOUND) return err;
  if (err || !strcmp(e.state, "dropped")) return is_void(c, db, w);
  if (!strcmp(e.state, "waiting")) { /* one that was tried and waits again was surely not taken */
    TRY(effect_drop(db, e.id, c->now_ms));
    return is_void(c, db, w);
  }
  w->unwanted = true;
  return waybill_update(db, w, c->now_ms);
}

enum err waybill_drop(struct cmd *c, struct db *db, struct waybill *w, const char *reason, const char *again)
{
  w->reason = reason, w->again = again;
  if (w->state == WAYBILL_WANTED) return not_known_yet(c, db, w);
  return w->state == WAYBILL_BOUGHT ? call_back(c, db, w) : waybill_update(db, w, c->now_ms);
}

static enum err waybill_target(struct cmd *c, struct db *db, struct waybill *w)
{
  const struct buy_args *a = c->args;
  int64_t id;
  enum err e = c->target && id_parse(c->target, 'b', &id) ? waybill_get(db, &c->mem, id, w) : ERR_NOT_FOUND;
  if (e == ERR_NOT_FOUND)
    return refuse(c, e, "waybill_not_found", "There is no waybill %.40s", c->target ? c->target : "");
  TRY(e);
  if (a->if_version) c->if_version = a->if_version;
  return version_holds(c, "waybill", w->version);
}

static enum err drop_parse(struct cmd *c, const struct json *body, bool voids)
{
  struct buy_args *a = arena_new(&c->mem, struct buy_args);
  const struct arg rows[] = { { "reason", ARG_TEXT, true, 200, &a->reason },
                              { "if_version", ARG_VERSION, false, 0, &a->if_version },
                              { voids ? "by_hand" : "carrier", voids ? ARG_BOOL : ARG_TEXT, false, 64,
                                voids ? (void *)&a->by_hand : (void *)&a->carrier } };
  c->args = a;
  return args_read(c, body, rows, COUNT(rows));
}

/* Its claim goes with it; the pieces are the order's again. CONFLICT: the parcel has left, or its customer knows. */
static enum err unclaim(struct cmd *c, struct db *db, struct waybill *w, const char *reason)
{
  struct claim k;
  if (!w->claim_id) return ERR_OK;
  TRY(claim_get(db, &c->mem, w->claim_id, &k));
  if (!strcmp(k.state, "void")) return ERR_OK;
  TRY(parcel_void(c, db, &k, reason));
  return waybill_get(db, &c->mem, w->id, w);
}

static enum err drop_check(struct cmd *c, const struct waybill *w)
{
  if (waybill_live(w)) return ERR_OK;
  return refuse(c, ERR_CONFLICT, waybill_state_name(w->state), "b_%lld is %s", (long long)w->id,
                waybill_state_name(w->state));
}

enum err flow_waybill_void_parse(struct cmd *c, const struct json *body)
{
  return drop_parse(c, body, true);
}

/* A person says that the carrier does not have it: nothing about it is sent any more. */
static enum err by_hand(struct cmd *c, struct db *db, struct waybill *w, const char *reason)
{
  struct effect e;
  if (w->effect_id && !effect_get(db, &c->mem, w->effect_id, &e)) {
    if (!strcmp(e.state, "sending"))
      return refuse(c, ERR_CONFLICT, "outcome_unknown", "The carrier is being told just now: wait for it");
    enum err err = effect_drop(db, e.id, c->now_ms);
    if (err && err != ERR_CONFLICT) return err;
  }
  w->reason = reason;
  return is_void(c, db, w);
}

enum err flow_waybill_void_run(struct cmd *c, struct db *db)
{
  const struct buy_args *a = c->args;
  struct waybill w;
  TRY(waybill_target(c, db, &w));
  TRY(drop_check(c, &w));
  TRY(unclaim(c, db, &w, a->reason));
  if (a->by_hand) TRY(by_hand(c, db, &w, a->reason));
  else if (w.state != WAYBILL_VOIDING && !w.unwanted) TRY(waybill_drop(c, db, &w, a->reason, NULL));
  TRY(fulfil_settle(c, db));
  return answer(c, db, w.id);
}

enum err flow_waybill_again_parse(struct cmd *c, const struct json *body)
{
  return drop_parse(c, body, false);
}

enum err flow_waybill_again_run(struct cmd *c, struct db *db)
{
  const struct buy_args *a = c->args;
  struct waybill w, live, next;
  struct fulfilment f;
  TRY(waybill_target(c, db, &w));
  const char *carrier = a->carrier ? a->carrier : w.carrier;
  TRY(carrier_known(c, carrier));
  if (waybill_live(&w)) {
    TRY(unclaim(c, db, &w, a->reason));
    TRY(waybill_drop(c, db, &w, a->reason, carrier));
    c->status = 202;
    enum err e = waybill_of_fulfilment(db, &c->mem, w.fulfilment_id, &live);
    if (e && e != ERR_NOT_FOUND) return e;
    TRY(fulfil_settle(c, db));
    return answer(c, db, e ? w.id : live.id);
  }
  enum err e = waybill_of_fulfilment(db, &c->mem, w.fulfilment_id, &live);
  if (!e) return refuse(c, ERR_CONFLICT, "waybill_live", "b_%lld is live: void it first", (long long)live.id);
  if (e != ERR_NOT_FOUND) return e;
  const struct buy_args again = { .carrier = carrier, .pieces = w.pieces, .weight = w.weight };
  TRY(fulfilment_get(db, &c->mem, w.fulfilment_id, &f));
  TRY(want(c, db, &f, &again, &next));
  c->status = 201;
  TRY(fulfil_settle(c, db));
  return answer(c, db, next.id);
}

/* ---- its number claims the fulfilment ---------------------------------------------------------------------------------- */

/* Where it may not leave yet (not packed, held), the number waits for that. */
static enum err claim(struct cmd *c, struct db *db, struct waybill *w, struct fulfilment *f)
{
  const struct claim_ask ask = { w->carrier, w->tracking_no, 0 };
  struct claim k;
  bool same;
  if (!tx_mark(db)) return db_err(db);
  enum err e = claim_make(c, db, f, &ask, &k, &same);
  if (e == ERR_CONFLICT || e == ERR_INVALID) {
    c->problem.code = c->problem.detail = c->problem.extra = NULL, c->problem.faults.n = 0;
    if (!tx_undo(db)) return db_err(db);
    e = ERR_OK;
  }
  if (!tx_keep(db)) return db_err(db);
  return e;
}

enum err waybill_packed(struct cmd *c, struct db *db, const struct fulfilment *f)
{
  struct waybill w;
  struct fulfilment now;
  enum err e = waybill_of_fulfilment(db, &c->mem, f->id, &w);
  if (e == ERR_NOT_FOUND) return ERR_OK;
  TRY(e);
  if (w.state != WAYBILL_BOUGHT || w.claim_id || w.unwanted || !w.tracking_no) return ERR_OK;
  TRY(fulfilment_get(db, &c->mem, f->id, &now));
  return claim(c, db, &w, &now);
}

enum err waybill_claiming(struct cmd *c, struct db *db, int64_t fulfilment_id, const char *number,
                          bool by_channel)
{
  struct waybill w;
  enum err e = waybill_of_fulfilment(db, &c->mem, fulfilment_id, &w);
  if (e == ERR_NOT_FOUND) return ERR_OK;
  TRY(e);
  bool same = w.tracking_no && !strcmp(w.tracking_no, number);
  if (same && w.state == WAYBILL_BOUGHT) return ERR_OK;
  if (by_channel)
    return w.state == WAYBILL_VOIDING || w.unwanted
             ? ERR_OK
             : waybill_drop(c, db, &w, "the channel uploaded another number", NULL);
  c->problem.extra = arena_printf(&c->mem, "\"waybill\":\"b_%lld\"", (long long)w.id);
  return refuse(c, ERR_CONFLICT, "waybill_live",
                "f_%lld has a waybill of its own, b_%lld (%s): void it first", (long long)fulfilment_id,
                (long long)w.id, waybill_state_name(w.state));
}

enum err waybill_claimed(struct cmd *c, struct db *db, const struct claim *k)
{
  struct waybill w;
  enum err e = waybill_of_fulfilment(db, &c->mem, k->fulfilment_id, &w);
  if (e == ERR_NOT_FOUND) return ERR_OK;
  TRY(e);
  if (!w.tracking_no || strcmp(w.tracking_no, k->tracking_no) != 0) return ERR_OK;
  w.claim_id = k->id;
  return waybill_update(db, &w, c->now_ms);
}

enum err waybill_claim_void(struct cmd *c, struct db *db, const struct claim *k)
{
  struct waybill w;
  enum err e = waybill_of_fulfilment(db, &c->mem, k->fulfilment_id, &w);
  if (e == ERR_NOT_FOUND) return ERR_OK;
  TRY(e);
  if (w.claim_id != k->id || w.state != WAYBILL_BOUGHT) return ERR_OK;
  return waybill_drop(c, db, &w, k->reason, w.again);
}

enum err waybills_sweep(struct cmd *c, struct db *db)
{
  int64_t ids[SWEEP_AT_ONCE];
  size_t n = waybills_orphaned(db, c->rules->status.stage[ST_CANCELLED].name, ids, SWEEP_AT_ONCE);
  for (size_t i = 0; i < n; i++) {
    struct waybill w;
    TRY(waybill_get(db, &c->mem, ids[i], &w));
    TRY(waybill_drop(c, db, &w, "nothing is sent any more", NULL));
  }
  return ERR_OK;
}

/* ---- what the outbox asks ------------------------------------------------------------------------------------------------ */
static bool waybill_of(struct cmd *c, struct db *db, const struct effect *e, struct waybill *w)
{
  int64_t id;
  return id_parse(e->subject, 'b', &id) && !waybill_get(db, &c->mem, id, w) && w->effect_id == e->id;
}

enum err waybill_take(struct cmd *c, struct db *db, struct effect_taken *t, bool *gone)
{
  struct waybill w;
  struct fulfilment f;
  const char *what;
  *gone = !waybill_of(c, db, &t->effect, &w) || w.state != WAYBILL_WANTED;
  if (*gone) return ERR_OK;
  TRY(fulfilment_get(db, &c->mem, w.fulfilment_id, &f));
  *gone = w.unwanted || status_find(&c->rules->status, f.status) == ST_CANCELLED;
  if (*gone) {
    if (!w.reason) w.reason = "nothing is sent any more";
    return is_void(c, db, &w);
  }
  enum err e = waybill_say(c, db, &w, &what);
  if (!e) t->effect.data = what;
  if (e != ERR_CONFLICT && e != ERR_INVALID) return e;
  *gone = true; /* what is to be said is not there any more */
  w.state = WAYBILL_REFUSED, w.reason = c->problem.detail;
  TRY(waybill_update(db, &w, c->now_ms));
  TRY(event(c, db, &w, "waybill.refused"));
  TRY(trouble(c, db, &w, "waybill_refused", NULL, w.reason));
  c->problem.code = c->problem.detail = c->problem.extra = NULL;
  return ERR_OK;
}

/* What the answer tells; false: no number in it. */
static bool result_read(struct cmd *c, struct db *db, struct waybill *w, const char *result)
{
  struct faults f = { .mem = &c->mem };
  const struct json *j = result ? json_parse(&c->mem, result, strlen(result), JSON_ELEMENTS_MAX, &f) : NULL;
  const char *no = json_string(json_get(j, "tracking_no")), *route = json_string(json_get(j, "route"));
  int64_t price;
  if (!no) return false;
  no = tracking_norm(&c->mem, no);
  if (!tracking_ok(no)) return false;
  w->tracking_no = no;
  if (route && strlen(route) <= 200) w->route = route;
  if (json_int(json_get(j, "price_minor"), &price) && price > 0) w->price = price;
  const struct json *kids = json_get(j, "children");
  size_t n = 0;
  for (const struct json *k = json_first(kids); k && n < WAYBILL_PIECES_MAX; k = json_next(k), n++) {
    const char *child = json_string(k);
    child = child ? tracking_norm(&c->mem, child) : "";
    if (tracking_ok(child) && waybill_child_put(db, w->id, child)) return false;
  }
  return true;
}

/* A number that another parcel of ours bears would send two parcels under one. */
static enum err number_taken(struct cmd *c, struct db *db, const struct waybill *w, bool *taken)
{
  struct waybill other;
  struct claim k;
  enum err e = waybill_by_number(db, &c->mem, w->tracking_no, &other);
  *taken = !e && other.id != w->id && waybill_live(&other);
  if (e && e != ERR_NOT_FOUND) return e;
  if (*taken) return ERR_OK;
  e = claim_by_number(db, &c->mem, w->tracking_no, c->now_ms - c->rules->tracking_reuse_ms, &k);
  *taken = !e && k.fulfilment_id != w->fulfilment_id;
  return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static enum err bought(struct cmd *c, struct db *db, struct waybill *w, const char *result)
{
  struct fulfilment f;
  bool taken = false, read = result_read(c, db, w, result);
  if (read) TRY(number_taken(c, db, w, &taken));
  w->state = WAYBILL_BOUGHT, w->bought_at = c->now_ms;
  if (taken) w->reason = arena_printf(&c->mem, "the carrier gave %s, another parcel's", w->tracking_no);
  if (taken) w->tracking_no = NULL;
  TRY(waybill_update(db, w, c->now_ms));
  KILL_POINT("waybill.bought");
  TRY(event(c, db, w, "waybill.bought"));
  if (!read || taken)
    TRY(trouble(c, db, w, "waybill_refused", NULL,
                taken ? "The carrier gave a number that another parcel bears: void it, and ask the carrier"
                      : "The carrier took it and gave no number: look there, void it, buy again"));
  else TRY(trouble(c, db, w, "waybill_refused", NULL, NULL));
  if (w->unwanted) return call_back(c, db, w);
  if (!read || taken) return ERR_OK;
  TRY(fulfilment_get(db, &c->mem, w->fulfilment_id, &f));
  if (status_find(&c->rules->status, f.status) == ST_CANCELLED)
    return waybill_drop(c, db, w, "nothing is sent any more", NULL);
  TRY(claim(c, db, w, &f));
  return fulfil_settle(c, db);
}

/* A carrier's no is an answer: nothing about the effect waits for a person, the order does. */
static enum err answered_no(struct cmd *c, struct db *db, const struct waybill *w)
{
  const char *destination = destination_of(c, w->carrier);
  enum err e = effect_drop(db, w->effect_id, c->now_ms);
  if (e && e != ERR_CONFLICT) return e;
  if (effect_dead_any(db, destination)) return ERR_OK;
  const char *type = arena_printf(&c->mem, "effect_dead:%s", destination);
  return exception_settle_type(db, type, c->actor.name, c->now_ms) < 0 ? ERR_IO : ERR_OK;
}

static enum err refused(struct cmd *c, struct db *db, struct waybill *w, const char *error)
{
  if (w->unwanted) return is_void(c, db, w);
  w->state = WAYBILL_REFUSED;
  TRY(waybill_update(db, w, c->now_ms));
  TRY(event(c, db, w, "waybill.refused"));
  TRY(answered_no(c, db, w));
  return trouble(c, db, w, "waybill_refused", error,
                 "See why the carrier does not take it: mend it and buy again, or choose another carrier");
}

/* Given up by a person: theirs is the word that the carrier does not have it. */
static bool given_up(struct cmd *c, const char *error)
{
  struct faults f = { .mem = &c->mem };
  const struct json *j = error ? json_parse(&c->mem, error, strlen(error), JSON_ELEMENTS_MAX, &f) : NULL;
  const char *kind = json_string(json_get(j, "kind"));
  return kind && !strcmp(kind, "dropped");
}

/* A refused one is made again, unless another has taken its place. */
static enum err tried_again(struct cmd *c, struct db *db, struct waybill *w)
{
  struct waybill live;
  if (w->state != WAYBILL_REFUSED) return ERR_OK;
  enum err e = waybill_of_fulfilment(db, &c->mem, w->fulfilment_id, &live);
  if (e != ERR_NOT_FOUND) return e;
  w->state = WAYBILL_WANTED;
  return waybill_update(db, w, c->now_ms);
}

enum err waybill_told(struct cmd *c, struct db *db, const struct effect *e, enum told what, const char *error,
                      const char *result)
{
  struct waybill w;
  if (!waybill_of(c, db, e, &w)) return ERR_OK;
  if (what == TOLD_SENT) return tried_again(c, db, &w);
  if (w.state == WAYBILL_REFUSED && what == TOLD_ACCEPTED) w.state = WAYBILL_WANTED;
  if (w.state != WAYBILL_WANTED) return ERR_OK;
  if (what == TOLD_ACCEPTED) return bought(c, db, &w, result);
  if (what == TOLD_REFUSED) return refused(c, db, &w, error);
  if (!given_up(c, error)) return ERR_OK;
  w.reason = "a person gave it up";
  return is_void(c, db, &w);
}

enum err waybill_void_take(struct cmd *c, struct db *db, struct effect_taken *t, bool *gone)
{
  struct waybill w;
  *gone = !waybill_of(c, db, &t->effect, &w) || w.state != WAYBILL_VOIDING;
  return ERR_OK;
}

enum err waybill_void_told(struct cmd *c, struct db *db, const struct effect *e, enum told what,
                           const char *error, const char *result)
{
  struct waybill w;
  (void)result;
  if (!waybill_of(c, db, e, &w) || w.state != WAYBILL_VOIDING) return ERR_OK;
  if (what == TOLD_ACCEPTED) return is_void(c, db, &w);
  bool dead = what == TOLD_REFUSED || (what == TOLD_UNKNOWN && !strcmp(e->state, "dead"));
  if (!dead) return ERR_OK;
  return trouble(
    c, db, &w, "waybill_not_void", error,
    "The carrier does not take it back: ask there, then make the effect again or void it by hand");
}
