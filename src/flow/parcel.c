/* parcel.c: what people and carriers say about parcels: claim, void, confirm, put back, trace (domain 6). */
#include "flow.h"

struct parcel_args {
  const char *carrier, *tracking_no, *channel, *reason, *note, *order, *outcome, *status, *at, *sku,
    *condition, *barcode, *place;
  int64_t if_version, quantity, at_ms;
};

static enum err parse(struct cmd *c, const struct json *body, const struct arg *rows, size_t n,
                      struct parcel_args *a)
{
  c->args = a;
  return args_read(c, body, rows, n);
}

static enum err version_is(struct cmd *c, const char *what, int64_t asked, int64_t version)
{
  if (!asked) asked = c->if_version;
  if (!asked || asked == version) return ERR_OK;
  c->problem.extra = arena_printf(&c->mem, "\"version\":%lld", (long long)version);
  return refuse(c, ERR_STALE, "stale_version", "The %s has version %lld by now", what, (long long)version);
}

static enum err answer_claim(struct cmd *c, struct db *db, int64_t id)
{
  return view_claim(db, &c->mem, id, &c->out, &c->version);
}

static enum err claim_target(struct cmd *c, struct db *db, struct claim *k)
{
  int64_t id;
  enum err e = c->target && id_parse(c->target, 'k', &id) ? claim_get(db, &c->mem, id, k) : ERR_NOT_FOUND;
  if (e == ERR_NOT_FOUND)
    return refuse(c, e, "claim_not_found", "There is no claim %.100s", c->target ? c->target : "");
  TRY(e);
  return version_is(c, "claim", ((const struct parcel_args *)c->args)->if_version, k->version);
}

/* A channel's machine knows parcels with orders of its channel only; of others it cannot even tell whether they are there. */
static enum err parcel_known(struct cmd *c, struct db *db, int64_t fulfilment_id, bool *known)
{
  struct channel ch;
  struct fulfilment_line *l;
  size_t n;
  *known = !c->actor.channel;
  if (*known) return ERR_OK;
  enum err e = channel_find(db, &c->mem, c->actor.channel, &ch);
  if (e) return e == ERR_NOT_FOUND ? ERR_OK : e;
  TRY(fulfilment_lines(db, &c->mem, fulfilment_id, &l, &n));
  for (size_t i = 0; i < n && !*known; i++) {
    struct order o;
    TRY(order_get(db, &c->mem, l[i].order_id, &o));
    *known = o.channel_id == ch.id;
  }
  return ERR_OK;
}

/* ---- claim ------------------------------------------------------------------------------------------------------------------- */

enum err flow_fulfilment_claim_parse(struct cmd *c, const struct json *body)
{
  struct parcel_args *a = arena_new(&c->mem, struct parcel_args);
  const struct arg rows[] = { { "carrier", ARG_TEXT, true, 64, &a->carrier },
                              { "tracking_no", ARG_TEXT, true, 64, &a->tracking_no },
                              { "channel", ARG_TEXT, false, 64, &a->channel },
                              { "if_version", ARG_VERSION, false, 0, &a->if_version } };
  TRY(parse(c, body, rows, COUNT(rows), a));
  if (!tracking_ok(tracking_norm(&c->mem, a->tracking_no)))
    fault_add(&c->problem.faults, "/tracking_no", "bad_tracking_no", "4 to 64 letters, digits and dashes");
  return c->problem.faults.n ? ERR_INVALID : ERR_OK;
}

enum err flow_fulfilment_claim_run(struct cmd *c, struct db *db)
{
  const struct parcel_args *a = c->args;
  struct fulfilment f;
  struct channel ch = { 0 };
  struct claim k;
  bool same, known;
  if (c->actor.channel && !a->channel)
    return refuse(c, ERR_FORBIDDEN, "other_channel", "A channel's token names its channel");
  if (c->actor.channel && strcmp(c->actor.channel, a->channel) != 0)
    return refuse(c, ERR_FORBIDDEN, "other_channel", "This token speaks for the channel %s only",
                  c->actor.channel);
  if (a->channel && channel_find(db, &c->mem, a->channel, &ch))
    return refuse(c, ERR_INVALID, "unknown_channel", "There is no channel %.64s", a->channel);
  TRY(fulfilment_target(c, db, c->target, &f));
  TRY(parcel_known(c, db, f.id, &known));
  if (!known)
    return refuse(c, ERR_NOT_FOUND, "fulfilment_not_found", "There is no fulfilment %.100s", c->target);
  struct claim_ask ask = { a->carrier, a->tracking_no, ch.id };
  enum err e = claim_of_fulfilment(db, &c->mem, f.id, &k);
  if (e == ERR_NOT_FOUND) TRY(version_is(c, "fulfilment", a->if_version, f.version));
  TRY(claim_make(c, db, &f, &ask, &k, &same));
  c->status = same ? 200 : 201;
  TRY(fulfil_settle(c, db));
  return answer_claim(c, db, k.id);
}

/* ---- void ---------------------------------------------------------------------------------------------------------------------- */

enum err flow_claim_void_parse(struct cmd *c, const struct json *body)
{
  struct parcel_args *a = arena_new(&c->mem, struct parcel_args);
  const struct arg rows[] = { { "reason", ARG_TEXT, true, 200, &a->reason },
                              { "if_version", ARG_VERSION, false, 0, &a->if_version } };
  return parse(c, body, rows, COUNT(rows), a);
}

/* A confirmation that nobody has begun to send is taken back; one that was sent must be answered first. */
static enum err take_back(struct cmd *c, struct db *db, const struct claim *k)
{
  struct confirmation *list;
  size_t n;
  TRY(confirmations_of_claim(db, &c->mem, k->id, &list, &n));
  for (size_t i = 0; i < n; i++) {
    struct effect e;
    if (list[i].state == TOLD_ACCEPTED && (list[i].effect_id || k->channel_id))
      return refuse(c, ERR_CONFLICT, "already_told",
                    "The channel of o_%lld has told its customer this number", (long long)list[i].order_id);
    if (list[i].state != TOLD_SENT && list[i].state != TOLD_UNKNOWN) continue;
    TRY(effect_get(db, &c->mem, list[i].effect_id, &e));
    if (strcmp(e.state, "waiting") != 0 || e.attempts)
      return refuse(c, ERR_CONFLICT, "outcome_unknown",
                    "The channel of o_%lld was told and has not answered: wait for it, or settle e_%lld",
                    (long long)list[i].order_id, (long long)e.id);
    TRY(effect_drop(db, e.id, c->now_ms));
    list[i].state = TOLD_NONE, list[i].at = c->now_ms;
    TRY(confirmation_put(db, &list[i]));
  }
  return ERR_OK;
}

enum err parcel_void(struct cmd *c, struct db *db, struct claim *k, const char *reason)
{
  if (!strcmp(k->state, "void")) return refuse(c, ERR_CONFLICT, "void", "The claim is void already");
  if (!strcmp(k->state, "shipped")) return refuse(c, ERR_CONFLICT, "shipped", "The parcel has left");
  if (k->carried != CARRIED_LABEL && k->carried != CARRIED_NONE)
    return refuse(c, ERR_CONFLICT, "picked_up", "The carrier has the parcel: it can only be called back");
  TRY(take_back(c, db, k));
  return claim_void_now(c, db, k, reason);
}

enum err flow_claim_void_run(struct cmd *c, struct db *db)
{
  const struct parcel_args *a = c->args;
  struct claim k;
  TRY(claim_target(c, db, &k));
  TRY(parcel_void(c, db, &k, a->reason));
  TRY(fulfil_settle(c, db));
  return answer_claim(c, db, k.id);
}

/* ---- confirm: a person knows what the channel knows ------------------------------------------------------------------------------ */

enum err flow_claim_confirm_parse(struct cmd *c, const struct json *body)
{
  struct parcel_args *a = arena_new(&c->mem, struct parcel_args);
  const struct arg rows[] = { { "outcome", ARG_TEXT, true, 16, &a->outcome },
                              { "order", ARG_TEXT, false, 200, &a->order },
                              { "reason", ARG_TEXT, true, 200, &a->reason },
                              { "if_version", ARG_VERSION, false, 0, &a->if_version } };
  TRY(parse(c, body, rows, COUNT(rows), a));
  if (strcmp(a->outcome, "accepted") != 0 && strcmp(a->outcome, "refused") != 0 &&
      strcmp(a->outcome, "again") != 0)
    fault_add(&c->problem.faults, "/outcome", "unknown_outcome",
              "accepted, refused, or again: tell those that refused it once more");
  return c->problem.faults.n ? ERR_INVALID : ERR_OK;
}

/* What still is to be sent about it is not sent any more: the person's word stands. */
static enum err person_told(struct cmd *c, struct db *db, const struct claim *k, struct confirmation *f,
                            const struct parcel_args *a)
{
  static const char UNKNOWN[] =
    "{\"kind\":\"person\",\"outcome\":\"unknown\",\"message\":\"A person settled it before the channel answered\"}";
  struct effect e;
  bool accepted = !strcmp(a->outcome, "accepted");
  if (f->effect_id && !effect_get(db, &c->mem, f->effect_id, &e)) {
    if (!strcmp(e.state, "sending"))
      return refuse(c, ERR_CONFLICT, "outcome_unknown", "The channel of o_%lld is being told just now",
                    (long long)f->order_id);
    if (!strcmp(e.state, "unknown"))
      TRY(effect_settle(db, e.id, accepted ? "done" : "dead", UNKNOWN, 0, c->now_ms));
    else if (!strcmp(e.state, "waiting")) TRY(effect_drop(db, e.id, c->now_ms));
  }
  struct buf b = { 0 };
  struct jw w;
  jw_init(&w, &b), jw_object(&w), jw_kstring(&w, "code", "person"), jw_kstring(&w, "detail", a->reason),
    jw_object_end(&w);
  enum err r =
    claim_told(c, db, k->id, f->order_id, accepted ? TOLD_ACCEPTED : TOLD_REFUSED, accepted ? NULL : b.data);
  buf_release(&b);
  return r;
}

enum err flow_claim_confirm_run(struct cmd *c, struct db *db)
{
  const struct parcel_args *a = c->args;
  struct claim k;
  struct confirmation *list;
  struct order only = { 0 };
  size_t n, hit = 0;
  TRY(claim_target(c, db, &k));
  if (strcmp(k.state, "live") != 0)
    return refuse(c, ERR_CONFLICT, k.state, "The claim is %s: there is nothing to confirm", k.state);
  if (a->order) TRY(order_target(c, db, a->order, &only));
  TRY(confirmations_of_claim(db, &c->mem, k.id, &list, &n));
  for (size_t i = 0; i < n; i++) {
    if (only.id && list[i].order_id != only.id) continue;
    hit++;
    if (strcmp(a->outcome, "again") != 0) TRY(person_told(c, db, &k, &list[i], a));
    else if (list[i].state == TOLD_REFUSED) TRY(claim_tell_again(c, db, &k, list[i].order_id));
  }
  if (!hit) return refuse(c, ERR_CONFLICT, "not_in_parcel", "The order is not in this parcel");
  TRY(fulfil_settle(c, db));
  return answer_claim(c, db, k.id);
}

/* ---- put back -------------------------------------------------------------------------------------------------------------------- */

enum err flow_claim_put_back_parse(struct cmd *c, const struct json *body)
{
  struct parcel_args *a = arena_new(&c->mem, struct parcel_args);
  a->quantity = 1;
  const struct arg rows[] = { { "sku", ARG_TEXT, false, SKU_CODE_MAX, &a->sku },
                              { "barcode", ARG_TEXT, false, 64, &a->barcode },
                              { "quantity", ARG_INT, false, 0, &a->quantity },
                              { "condition", ARG_TEXT, false, 16, &a->condition } };
  TRY(parse(c, body, rows, COUNT(rows), a));
  if (!a->sku == !a->barcode) fault_add(&c->problem.faults, "/sku", "missing", "A SKU's code, or a barcode");
  if (a->quantity < 1 || a->quantity > 1000000)
    fault_add(&c->problem.faults, "/quantity", "out_of_range", "A whole number from 1");
  if (a->condition && strcmp(a->condition, "good") != 0 && strcmp(a->condition, "damaged") != 0)
    fault_add(&c->problem.faults, "/condition", "unknown_condition", "good or damaged");
  return c->problem.faults.n ? ERR_INVALID : ERR_OK;
}

static enum err pieces_back(struct cmd *c, struct db *db, struct claim *k, int64_t sku_id,
                            int64_t *left_of_sku, int64_t *left)
{
  const struct parcel_args *a = c->args;
  bool damaged = a->condition && !strcmp(a->condition, "damaged");
  int64_t quantity = a->quantity;
  struct unit *u;
  size_t n;
  TRY(units_of_fulfilment(db, &c->mem, k->fulfilment_id, &u, &n));
  *left_of_sku = *left = 0;
  for (size_t i = 0; i < n; i++) {
    if (u[i].state != UNIT_FROZEN) continue;
    int64_t take = u[i].sku_id != sku_id ? 0 : u[i].quantity < quantity ? u[i].quantity : quantity;
    if (take) {
      TRY(stock_move(db, sku_id, u[i].warehouse_id, STOCK_FROZEN,
                     damaged ? STOCK_QUARANTINE : STOCK_AVAILABLE, take, "put_back",
                     id_text(&c->mem, 'k', k->id), c->actor.name, c->now_ms));
      quantity -= take, u[i].quantity -= take;
      TRY(u[i].quantity ? unit_set(db, &u[i]) : unit_drop(db, &u[i]));
    }
    *left += u[i].quantity;
    if (u[i].sku_id == sku_id) *left_of_sku += u[i].quantity;
  }
  if (quantity == a->quantity)
    return refuse(c, ERR_CONFLICT, "not_in_parcel", "No piece of this SKU waits to be put back");
  if (quantity)
    return refuse(c, ERR_CONFLICT, "too_many", "Only %lld pieces of it wait to be put back",
                  (long long)(a->quantity - quantity));
  return ERR_OK;
}

enum err flow_claim_put_back_run(struct cmd *c, struct db *db)
{
  const struct parcel_args *a = c->args;
  struct claim k;
  struct sku s;
  int64_t sku_id = 0, of_sku, left;
  TRY(claim_target(c, db, &k));
  if (!k.put_back)
    return refuse(c, ERR_CONFLICT, "nothing_to_put_back", "No piece of this parcel waits to be put back");
  enum err e = a->barcode ? sku_by_barcode(db, a->barcode, &sku_id) : sku_find(db, &c->mem, a->sku, &s);
  if (e == ERR_NOT_FOUND)
    return refuse(c, ERR_CONFLICT, "unknown_sku", "The dictionary does not know %.64s",
                  a->barcode ? a->barcode : a->sku);
  TRY(e);
  if (!a->barcode) sku_id = s.id;
  TRY(pieces_back(c, db, &k, sku_id, &of_sku, &left));
  TRY(progress_event(c, db, 'k', k.id, "claim.put_back", "{\"quantity\":%lld,\"left\":%lld}",
                     (long long)a->quantity, (long long)left));
  TRY(fulfil_wake(c, db));
  if (!left) TRY(claim_all_back(c, db, &k));
  TRY(fulfil_settle(c, db));
  return answer_claim(c, db, k.id);
}

/* ---- what carriers report ----------------------------------------------------------------------------------------------------------- */

enum err flow_parcel_trace_parse(struct cmd *c, const struct json *body)
{
  struct parcel_args *a = arena_new(&c->mem, struct parcel_args);
  const struct arg rows[] = {
    { "carrier", ARG_TEXT, false, 64, &a->carrier }, { "tracking_no", ARG_TEXT, true, 64, &a->tracking_no },
    { "status", ARG_TEXT, true, 20, &a->status },    { "at", ARG_TEXT, false, 40, &a->at },
    { "place", ARG_TEXT, false, 200, &a->place },    { "note", ARG_TEXT, false, 2000, &a->note }
  };
  TRY(parse(c, body, rows, COUNT(rows), a));
  if (!trace_status_known(a->status))
    fault_add(&c->problem.faults, "/status", "unknown_status",
              "created, picked_up, in_transit, out_for_delivery, delivered, failed, returned or lost");
  if (a->at && !time_parse(a->at, &a->at_ms))
    fault_add(&c->problem.faults, "/at", "bad_time", "A time with its zone");
  return c->problem.faults.n ? ERR_INVALID : ERR_OK;
}

static enum carried carried_of(const char *status)
{
  enum carried k;
  if (!strcmp(status, "out_for_delivery")) return CARRIED_IN_TRANSIT;
  return carried_parse(status, &k) ? k : CARRIED_NONE; /* created, failed: it is where it was */
}

/* One per order in the parcel; what NULL: it is over. */
static enum err parcel_trouble(struct cmd *c, struct db *db, int64_t fulfilment_id, const char *type,
                               const char *number, const char *what)
{
  struct fulfilment_line *l;
  struct buf b = { 0 };
  struct jw w;
  size_t n;
  TRY(fulfilment_lines(db, &c->mem, fulfilment_id, &l, &n));
  jw_init(&w, &b), jw_object(&w), jw_id(&w, "fulfilment", 'f', fulfilment_id);
  jw_kstring(&w, "tracking_no", number), jw_kstring(&w, "do", what ? what : ""), jw_object_end(&w);
  const char *data = arena_strn(&c->mem, b.data, b.len);
  buf_release(&b);
  for (size_t i = 0; i < n; i++) {
    if (i && l[i].order_id == l[i - 1].order_id) continue;
    if (what) TRY(exception_open(db, type, l[i].order_id, 0, 0, "cs", c->now_ms, data, NULL, NULL));
    else if (exception_is_open(db, type, l[i].order_id) &&
             exception_settle(db, type, l[i].order_id, 0, c->actor.name, c->now_ms) < 0)
      return ERR_IO;
  }
  return ERR_OK;
}

/* A bought number that claims nothing yet, or a further piece of one. */
static enum err bought_traced(struct cmd *c, struct db *db, const struct waybill *w, const char *number,
                              const struct trace *t)
{
  bool own = w->tracking_no && !strcmp(w->tracking_no, number), is_new;
  TRY(trace_put(db, number, c->actor.name, t, c->now_ms, &is_new));
  if (!own || !is_new || carried_of(t->status) < CARRIED_PICKED_UP) return ERR_OK;
  return parcel_trouble(
    c, db, w->fulfilment_id, "left_unclaimed", number,
    "The carrier has a parcel under this number, and nothing of ours bears it: look where it came from");
}

enum err parcel_traced(struct cmd *c, struct db *db, const char *tracking_no, const struct trace *t)
{
  const char *number = tracking_norm(&c->mem, tracking_no);
  struct claim k;
  struct waybill w;
  bool is_new, known = false;
  enum err e = claim_by_number(db, &c->mem, number, 0, &k);
  if (e == ERR_NOT_FOUND) {
    TRY(waybill_by_number(db, &c->mem, number, &w));
    TRY(parcel_known(c, db, w.fulfilment_id, &known));
    return known ? bought_traced(c, db, &w, number, t) : ERR_NOT_FOUND;
  }
  TRY(e);
  TRY(parcel_known(c, db, k.fulfilment_id, &known));
  if (!known) return ERR_NOT_FOUND;
  if (t->at < k.claimed_at - c->rules->tracking_reuse_ms / 2) return ERR_OK; /* of who had the number before */
  TRY(trace_put(db, number, c->actor.name, t, c->now_ms, &is_new));
  enum carried was = k.carried;
  TRY(claim_carried(c, db, &k, carried_of(t->status), t->at < c->now_ms ? t->at : c->now_ms));
  if (!strcmp(t->status, "failed") && is_new && was < CARRIED_DELIVERED)
    return parcel_trouble(c, db, k.fulfilment_id, "delivery_failed", number,
                          "The carrier could not deliver it: see its trace, and ask the customer");
  if (k.carried >= CARRIED_DELIVERED)
    return parcel_trouble(c, db, k.fulfilment_id, "delivery_failed", number, NULL);
  return ERR_OK;
}

static const char *note_kept(struct cmd *c, const char *note)
{
  size_t n = note ? strlen(note) : 0;
  if (n <= TRACE_NOTE_MAX) return note;
  for (n = TRACE_NOTE_MAX; n && (note[n] & 0xc0) == 0x80;) n--;
  return arena_strn(&c->mem, note, n);
}

enum err flow_parcel_trace_run(struct cmd *c, struct db *db)
{
  const struct parcel_args *a = c->args;
  const struct trace t = { a->at_ms ? a->at_ms : c->now_ms, a->status, a->place, note_kept(c, a->note) };
  const char *number = tracking_norm(&c->mem, a->tracking_no);
  struct claim k;
  struct waybill w;
  enum err e = parcel_traced(c, db, number, &t);
  if (e == ERR_NOT_FOUND)
    return refuse(c, e, "claim_not_found", "No parcel of ours bears %.64s", a->tracking_no);
  TRY(e);
  TRY(fulfil_settle(c, db));
  e = claim_by_number(db, &c->mem, number, 0, &k);
  if (!e) return answer_claim(c, db, k.id);
  TRY(waybill_by_number(db, &c->mem, number, &w));
  return view_waybill(db, &c->mem, w.id, &c->out, &c->version);
}
