/* elsewhere.c: parcels that somebody made in a channel's back end (domain 6.1, 6.2, 6.7): the first number makes the claim,
 * a second one is a double shipment, and what left without us is taken off the stock. */
#include "flow.h"

static bool says_shipped(const struct draft *d)
{
  return !strcmp(d->status, "shipped") || !strcmp(d->status, "completed");
}

static const char *number_of(struct cmd *c, const struct parcel *p)
{
  const char *n = p->tracking_no ? tracking_norm(&c->mem, p->tracking_no) : NULL;
  return n && tracking_ok(n) ? n : NULL;
}

static bool tells_parcel(struct cmd *c, const struct draft *d)
{
  for (size_t i = 0; i < d->parcels_n; i++)
    if (number_of(c, &d->parcels[i])) return true;
  return false;
}

static enum err trouble(struct cmd *c, struct db *db, const struct order *o, const char *type,
                        const char *number, const char *what)
{
  struct buf b = { 0 };
  struct jw w;
  jw_init(&w, &b), jw_object(&w);
  if (number) jw_kstring(&w, "tracking_no", number);
  jw_kstring(&w, "do", what), jw_object_end(&w);
  enum err e = exception_open(db, type, o->id, 0, 0, "warehouse", c->now_ms, b.data, NULL, NULL);
  buf_release(&b);
  return e;
}

/* ---- which of our parcels it is about ---------------------------------------------------------------------------------------- */

/* A fulfilment with a line that the channel's parcel names; all of them when it names none. */
static enum err is_about(struct cmd *c, struct db *db, const struct order *o, const struct fulfilment *f,
                         const struct parcel *p, bool *yes)
{
  struct fulfilment_line *l;
  struct line_left *name;
  struct faults faults = { .mem = &c->mem };
  size_t n, names;
  *yes = !p->line_ids;
  if (*yes) return ERR_OK;
  const struct json *ids =
    json_parse(&c->mem, p->line_ids, strlen(p->line_ids), ORDER_LINES_MAX + 10, &faults);
  TRY(fulfilment_lines(db, &c->mem, f->id, &l, &n));
  TRY(order_lines_left(db, &c->mem, o->id, o->total, &name, &names));
  for (size_t i = 0; i < n; i++)
    for (size_t x = 0; x < names; x++)
      for (const struct json *j = json_first(ids); j; j = json_next(j))
        if (l[i].order_id == o->id && l[i].line_no == name[x].line_no && name[x].line_id && json_string(j) &&
            !strcmp(name[x].line_id, json_string(j)))
          *yes = true;
  return ERR_OK;
}

static bool is_over(const struct cmd *c, const struct fulfilment *f)
{
  const struct status_table *t = &c->rules->status;
  return stage_rank(t, status_find(t, f->status)) >= stage_rank(t, ST_SHIPPED);
}

/* Of one without a claim: its label is void, and its pieces are on their way to the shelf. */
static bool going_back(const struct cmd *c, const struct fulfilment *f)
{
  return f->warehouse_id && !strcmp(f->status, c->rules->status.stage[ST_PRE_SHIP].name);
}

struct match {
  struct fulfilment *same;    /* ships under this very number */
  struct fulfilment *open;    /* has no number yet */
  struct fulfilment *claimed; /* ships under another one */
  struct claim same_claim, claim;
};

static enum err match_of(struct cmd *c, struct db *db, const struct order *o, struct fulfilment *f, size_t n,
                         const struct parcel *p, const char *number, struct match *m)
{
  *m = (struct match){ 0 };
  for (size_t i = 0; i < n; i++) {
    struct claim k;
    bool about;
    enum err e = claim_of_fulfilment(db, &c->mem, f[i].id, &k);
    if (e && e != ERR_NOT_FOUND) return e;
    if (!e && !strcmp(k.tracking_no, number)) {
      m->same = &f[i], m->same_claim = k;
      return ERR_OK;
    }
    TRY(is_about(c, db, o, &f[i], p, &about));
    if (!about) continue;
    if (e && !m->open && !is_over(c, &f[i]) && !going_back(c, &f[i])) m->open = &f[i];
    if (!e && !m->claimed) m->claimed = &f[i], m->claim = k;
  }
  return ERR_OK;
}

/* ---- what it means ------------------------------------------------------------------------------------------------------------- */

/* What the channel's word says about the carrier: some count the upload as shipped, others the pick-up (6.6). */
static enum carried carried_of(const struct cmd *c, const struct draft *d)
{
  const struct channel_family *can = rules_channel(c->rules, d->channel);
  if (!strcmp(d->status, "completed")) return CARRIED_DELIVERED;
  if (!strcmp(d->status, "shipped") && (!can || can->on_pickup)) return CARRIED_PICKED_UP;
  return CARRIED_NONE;
}

static enum err carry_on(struct cmd *c, struct db *db, int64_t claim_id, const struct draft *d, int64_t at)
{
  struct claim k;
  TRY(claim_get(db, &c->mem, claim_id, &k));
  return claim_carried(c, db, &k, carried_of(c, d), at ? at : d->updated_at ? d->updated_at : c->now_ms);
}

static enum err claim_here(struct cmd *c, struct db *db, struct order *o, struct fulfilment *f,
                           const struct parcel *p, const char *number, const struct draft *d)
{
  struct claim_ask ask = { .carrier = p->carrier && *p->carrier ? p->carrier : "unknown",
                           .tracking_no = number,
                           .channel_id = o->channel_id };
  struct problem before = c->problem;
  struct claim k;
  bool same;
  enum err e = claim_make(c, db, f, &ask, &k, &same);
  if (e == ERR_CONFLICT) {
    c->problem = before;
    return trouble(c, db, o, "tracking_in_use", number,
                   "The channel shows a number that another parcel bears: find out which one left");
  }
  TRY(e);
  return carry_on(c, db, k.id, d, p->shipped_at);
}

/* The channel has told its customer another number than ours. */
static enum err second_number(struct cmd *c, struct db *db, struct order *o, struct match *m,
                              const struct parcel *p, const char *number, const struct draft *d)
{
  bool ours_stays =
    m->claim.carried != CARRIED_LABEL || strcmp(m->claim.state, "live") != 0 || m->claim.channel_id;
  struct confirmation *list;
  size_t n;
  TRY(confirmations_of_claim(db, &c->mem, m->claim.id, &list, &n));
  for (size_t i = 0; i < n; i++) {
    struct effect e;
    bool unsent = list[i].effect_id && !effect_get(db, &c->mem, list[i].effect_id, &e) && !e.sent_at;
    ours_stays = ours_stays || (list[i].effect_id && !unsent); /* an unsent one is dropped with its label */
  }
  TRY(trouble(c, db, o, "double_shipment", number,
              ours_stays
                ? "Two numbers for the same pieces: stop one of the parcels"
                : "Somebody shipped it in the channel's back end: our label is void, do not hand it over"));
  if (ours_stays) return ERR_OK;
  TRY(claim_void_now(c, db, &m->claim, "another number was uploaded in the channel's back end"));
  TRY(fulfilment_get(db, &c->mem, m->claimed->id, m->claimed));
  return claim_here(c, db, o, m->claimed, p, number, d);
}

/* What left without a number that we know: taken off the stock, so that nobody is promised it. */
static enum err left_elsewhere(struct cmd *c, struct db *db, struct order *o)
{
  bool any;
  TRY(fulfil_gone(c, db, o, &any));
  return any
           ? trouble(
               c, db, o, "shipped_elsewhere", NULL,
               "The channel says that it was shipped, and not by us: the stock was corrected, count it again")
           : ERR_OK;
}

/* Of a merged parcel only this order's part left: the others' is still to be sent. */
static enum err out_of_shared(struct cmd *c, struct db *db, const struct order *o, struct fulfilment *f,
                              bool *shared)
{
  struct fulfilment_line *l;
  size_t n;
  *shared = false;
  TRY(fulfilment_lines(db, &c->mem, f->id, &l, &n));
  for (size_t i = 0; i < n; i++) *shared = *shared || l[i].order_id != o->id;
  for (size_t i = 0; i < n && *shared; i++)
    if (l[i].order_id == o->id) TRY(fulfil_take_out(c, db, f, &l[i], l[i].quantity));
  return ERR_OK;
}

/* One of ours that is claimed. *ends: it counts as sent, and not under our number. */
static enum err end_claimed(struct cmd *c, struct db *db, const struct order *o, struct fulfilment *f,
                            struct claim *k, const struct draft *d, bool *ends)
{
  struct confirmation told;
  bool ours = !confirmation_get(db, &c->mem, k->id, o->id, &told) && told.effect_id;
  *ends = !ours && !strcmp(k->state, "live") && k->carried == CARRIED_LABEL;
  if (!*ends) { /* our own confirmation comes back, or somebody beside us */
    TRY(claim_told(c, db, k->id, o->id, TOLD_ACCEPTED, NULL));
    return carry_on(c, db, k->id, d, 0);
  }
  TRY(claim_void_now(c, db, k, "shipped in the channel's back end"));
  return fulfilment_get(db, &c->mem, f->id, f);
}

static enum err end_one(struct cmd *c, struct db *db, const struct order *o, struct fulfilment *f,
                        const struct draft *d, bool *ends, bool *shared)
{
  struct claim k;
  enum err e = claim_of_fulfilment(db, &c->mem, f->id, &k);
  if (e && e != ERR_NOT_FOUND) return e;
  *ends = true, *shared = false;
  if (!e) TRY(end_claimed(c, db, o, f, &k, d, ends));
  *ends = *ends && !is_over(c, f);
  if (!*ends) return ERR_OK;
  if (!going_back(c, f)) return out_of_shared(c, db, o, f, shared);
  *ends = false;
  return trouble(
    c, db, o, "shipped_elsewhere", NULL,
    "The channel says that it was shipped, and its pieces wait to be put back: see whether they are there");
}

static enum err end_elsewhere(struct cmd *c, struct db *db, struct order *o, struct fulfilment *f, size_t n,
                              const struct draft *d)
{
  bool *alone = arena_array(&c->mem, bool, n), any = false;
  for (size_t i = 0; i < n; i++) {
    bool ends, shared;
    TRY(end_one(c, db, o, &f[i], d, &ends, &shared));
    alone[i] = ends && !shared, any = any || ends;
  }
  if (!any) return ERR_OK;
  TRY(left_elsewhere(c, db, o));
  for (size_t i = 0; i < n; i++) {
    if (!alone[i]) continue;
    TRY(fulfilment_move(db, &f[i], c->rules->status.stage[ST_SHIPPED].name, c->now_ms));
    TRY(progress_event(c, db, 'f', f[i].id, "fulfilment.status",
                       "{\"to\":\"shipped\",\"note\":\"by the channel\"}"));
  }
  return ERR_OK;
}

/* A label that was void already is not made again because the channel still shows it: where it took it, a person hears. */
static enum err label_void(struct cmd *c, struct db *db, const struct order *o, const char *number,
                           bool *is_void)
{
  struct claim k;
  struct confirmation told;
  enum err e = claim_by_number(db, &c->mem, number, 0, &k);
  *is_void = false;
  if (e) return e == ERR_NOT_FOUND ? ERR_OK : e;
  if (strcmp(k.state, "void") != 0) return ERR_OK;
  e = confirmation_get(db, &c->mem, k.id, o->id, &told);
  if (e) return e == ERR_NOT_FOUND ? ERR_OK : e;
  *is_void = true;
  return claim_told(c, db, k.id, o->id, TOLD_ACCEPTED, NULL);
}

/* ---- the verb ------------------------------------------------------------------------------------------------------------------- */

/* What ships was paid, and gets its pieces first: then they are known to be gone. */
static enum err pieces_first(struct cmd *c, struct db *db, struct order *o, const struct draft *d)
{
  int at = status_find(&c->rules->status, o->status);
  struct problem before = c->problem;
  if (!strcmp(d->status, "cancelled") || !stock_tracked(c, db)) return ERR_OK;
  if (at == ST_PENDING) {
    enum err e = progress_move(c, db, o, ST_PAID, TRIGGER_CHANNEL, NULL);
    if (e == ERR_CONFLICT) return c->problem = before, ERR_OK;
    TRY(e);
    TRY(regroup(c, db, o->id));
  }
  fulfil_touch(c, o->id);
  TRY(fulfil_settle(c, db));
  return order_get(db, &c->mem, o->id, o);
}

/* It was sent, and no shelf of ours had it. */
static enum err never_there(struct cmd *c, struct db *db, const struct order *o)
{
  return exception_waits(db, o->id)
           ? trouble(c, db, o, "shipped_elsewhere", NULL,
                     "The channel says that it was shipped, and there were no pieces for it: count the stock")
           : ERR_OK;
}

/* Not split yet: it stands alone from now on, and is split so that its parcel can be claimed. */
static enum err split_now(struct cmd *c, struct db *db, struct order *o)
{
  int way[STATUS_MAX], from = status_find(&c->rules->status, o->status);
  struct problem before = c->problem;
  int n = status_way(&c->rules->status, from, ST_SPLIT, TRIGGER_SYSTEM, way);
  for (int i = 0; i < n; i++) {
    enum err e = progress_move(c, db, o, way[i], TRIGGER_SYSTEM, NULL);
    if (e == ERR_CONFLICT) return c->problem = before, ERR_OK;
    TRY(e);
  }
  return ERR_OK;
}

/* Something of it is on its way, though a parcel of ours still says where it stands. */
static enum err some_left(struct cmd *c, struct db *db, struct order *o, const struct draft *d)
{
  struct unit *u;
  size_t n;
  bool any = false;
  if (o->shipped_at) return ERR_OK;
  TRY(units_of_order(db, &c->mem, o->id, &u, &n));
  for (size_t i = 0; i < n; i++) any = any || u[i].state == UNIT_SHIPPED;
  if (!any) return ERR_OK;
  o->shipped_at = d->updated_at ? d->updated_at : c->now_ms;
  return order_set_shipped(db, o->id, o->shipped_at);
}

/* Its parcels that are still here say where it stands. One without a number is for a person, when all is said to have left. */
static enum err under_way(struct cmd *c, struct db *db, const struct order *o, bool all_told, bool *any)
{
  bool bare;
  TRY(fulfil_under_way(c, db, o->id, any, &bare));
  return bare && all_told
           ? trouble(
               c, db, o, "channel_ahead", NULL,
               "The channel says that all of it was shipped, and a parcel of ours has no number: did it leave too?")
           : ERR_OK;
}

enum err claim_from_channel(struct cmd *c, struct db *db, struct order *o, const struct draft *d, bool *done)
{
  struct fulfilment *f;
  struct unit *u;
  size_t n, units;
  bool parcel = tells_parcel(c, d);
  *done = false;
  int at = stage_rank(&c->rules->status, status_find(&c->rules->status, o->status));
  if (at < 0 || at >= stage_rank(&c->rules->status, ST_COMPLETED) || (!parcel && !says_shipped(d)))
    return ERR_OK;
  if (at < stage_rank(&c->rules->status, ST_SHIPPED)) TRY(pieces_first(c, db, o, d));
  TRY(fulfilments_of_order(db, &c->mem, o->id, true, &f, &n));
  TRY(units_of_order(db, &c->mem, o->id, &u, &units));
  if (!stock_tracked(c, db) && !claim_of_order(c, db, o->id))
    return ERR_OK;  /* then its word alone moves the order */
  if (!n && !units) /* no stock is kept, or none was there for it */
    return at < stage_rank(&c->rules->status, ST_SHIPPED) && says_shipped(d) ? never_there(c, db, o) : ERR_OK;
  if (parcel && at < stage_rank(&c->rules->status, ST_PRE_SHIP)) {
    TRY(regroup(c, db, o->id));
    TRY(order_get(db, &c->mem, o->id, o));
    TRY(split_now(c, db, o));
    fulfil_touch(c, o->id);
    TRY(fulfil_settle(c, db));
    TRY(fulfilments_of_order(db, &c->mem, o->id, true, &f, &n));
  }
  if (n && parcel)
    for (size_t i = 0; i < d->parcels_n; i++) {
      struct match m;
      const char *number = number_of(c, &d->parcels[i]);
      bool over;
      if (!number) continue;
      TRY(label_void(c, db, o, number, &over));
      if (over) continue;
      TRY(fulfilments_of_order(db, &c->mem, o->id, true, &f, &n)); /* the one before may have changed them */
      TRY(match_of(c, db, o, f, n, &d->parcels[i], number, &m));
      if (m.same) {
        TRY(claim_told(c, db, m.same_claim.id, o->id, TOLD_ACCEPTED, NULL));
        TRY(carry_on(c, db, m.same_claim.id, d, d->parcels[i].shipped_at));
      } else if (m.open) TRY(claim_here(c, db, o, m.open, &d->parcels[i], number, d));
      else if (m.claimed) TRY(second_number(c, db, o, &m, &d->parcels[i], number, d));
      else
        TRY(trouble(c, db, o, "double_shipment", number,
                    "The channel shows one parcel more than there are pieces for"));
    }
  else if (n) TRY(end_elsewhere(c, db, o, f, n, d));
  else TRY(left_elsewhere(c, db, o));
  TRY(order_get(db, &c->mem, o->id, o));
  /* While a parcel of ours has not left, it says where the order stands; else the channel's word does. */
  TRY(under_way(c, db, o, parcel && says_shipped(d), done));
  return *done ? some_left(c, db, o, d) : ERR_OK;
}

enum err elsewhere_shown(struct cmd *c, struct db *db, int64_t order_id)
{
  struct order o;
  struct channel ch;
  bool done;
  TRY(order_get(db, &c->mem, order_id, &o));
  int at = stage_rank(&c->rules->status, status_find(&c->rules->status, o.status));
  if (at < 0 || at >= stage_rank(&c->rules->status, ST_SHIPPED) || !order_has_tracking(db, order_id) ||
      (exception_waits(db, order_id) & (WAITS_STOCK | WAITS_PLACE | WAITS_SKU)))
    return ERR_OK;
  struct draft d = { .status = o.channel_status, .updated_at = o.channel_updated_at };
  if (!strcmp(d.status, "cancelled")) return ERR_OK;
  TRY(channel_by_id(db, &c->mem, o.channel_id, &ch));
  d.channel = ch.name;
  TRY(order_parcels(db, &c->mem, order_id, &d.parcels, &d.parcels_n));
  return claim_from_channel(c, db, &o, &d, &done);
}

enum err elsewhere_released(struct cmd *c, struct db *db, struct order *o)
{
  const struct draft d = { .status = o->channel_status };
  struct fulfilment *f;
  struct unit *u;
  size_t n, units;
  int at = stage_rank(&c->rules->status, status_find(&c->rules->status, o->status));
  if (!says_shipped(&d) || at < 0 || at >= stage_rank(&c->rules->status, ST_SHIPPED) || !stock_tracked(c, db))
    return ERR_OK;
  TRY(pieces_first(c, db, o, &d));
  TRY(fulfilments_of_order(db, &c->mem, o->id, true, &f, &n));
  if (n) return ERR_OK; /* was told when it came */
  TRY(units_of_order(db, &c->mem, o->id, &u, &units));
  return units ? left_elsewhere(c, db, o) : never_there(c, db, o);
}

static enum err is_history(struct cmd *c, struct db *db, const struct order *o, bool *history)
{
  struct line_left *l;
  size_t n;
  *history = false;
  TRY(order_lines_left(db, &c->mem, o->id, o->total, &l, &n));
  for (size_t i = 0; i < n && !*history; i++) {
    struct sku s;
    int64_t id;
    enum err e = l[i].sku ? sku_of_channel(db, o->channel_id, l[i].sku, &id) : ERR_NOT_FOUND;
    if (!e) e = sku_get(db, &c->mem, id, &s);
    if (e && e != ERR_NOT_FOUND) return e;
    *history = e || s.created_at > o->placed_at;
  }
  return ERR_OK;
}

enum err claim_at_once(struct cmd *c, struct db *db, int64_t order_id, const struct draft *d)
{
  struct order o;
  bool history, done;
  TRY(order_get(db, &c->mem, order_id, &o));
  if (!strcmp(d->status, "cancelled") ||
      (o.flags & (FLAG_PLATFORM_WAREHOUSE | FLAG_PLATFORM_INSPECTION | FLAG_AGENCY)))
    return ERR_OK;
  TRY(is_history(c, db, &o, &history));
  if (history) return ERR_OK;
  TRY(fulfil_reserve(c, db, &o));
  TRY(claim_from_channel(c, db, &o, d, &done));
  return done ? ERR_OK : left_elsewhere(c, db, &o);
}
