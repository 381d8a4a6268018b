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
    if (e && !m->open && strcmp(f[i].status, "shipped") != 0 && strcmp(f[i].status, "completed") != 0)
      m->open = &f[i];
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
  for (size_t i = 0; i < n; i++) ours_stays = ours_stays || list[i].effect_id;
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
  struct unit *u;
  size_t n, taken = 0;
  TRY(units_of_order(db, &c->mem, o->id, &u, &n));
  for (size_t i = 0; i < n; i++) {
    if (u[i].state != UNIT_RESERVED && u[i].state != UNIT_MADE) continue;
    if (u[i].state == UNIT_RESERVED)
      TRY(stock_move(db, u[i].sku_id, u[i].warehouse_id, STOCK_RESERVED, STOCK_OUTSIDE, u[i].quantity,
                     "shipped_elsewhere", id_text(&c->mem, 'o', o->id), NULL, c->now_ms));
    u[i].state = UNIT_SHIPPED, taken++;
    TRY(unit_set(db, &u[i]));
  }
  return taken
           ? trouble(
               c, db, o, "shipped_elsewhere", NULL,
               "The channel says that it was shipped, and not by us: the stock was corrected, count it again")
           : ERR_OK;
}

static enum err end_elsewhere(struct cmd *c, struct db *db, struct order *o, struct fulfilment *f, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    struct claim k;
    struct confirmation told;
    enum err e = claim_of_fulfilment(db, &c->mem, f[i].id, &k);
    if (e && e != ERR_NOT_FOUND) return e;
    if (!e) { /* our own confirmation comes back, or somebody beside us */
      bool ours = !confirmation_get(db, &c->mem, k.id, o->id, &told) && told.effect_id;
      if (ours || strcmp(k.state, "live") != 0 || k.carried != CARRIED_LABEL) {
        TRY(claim_told(c, db, k.id, o->id, TOLD_ACCEPTED, NULL));
        continue;
      }
      TRY(claim_void_now(c, db, &k, "shipped in the channel's back end"));
      TRY(fulfilment_get(db, &c->mem, f[i].id, &f[i]));
    }
    if (!strcmp(f[i].status, "shipped") || !strcmp(f[i].status, "completed")) continue;
    TRY(left_elsewhere(c, db, o));
    TRY(fulfilment_move(db, &f[i], c->rules->status.stage[ST_SHIPPED].name, c->now_ms));
    TRY(progress_event(c, db, 'f', f[i].id, "fulfilment.status",
                       "{\"to\":\"shipped\",\"note\":\"by the channel\"}"));
  }
  return ERR_OK;
}

/* ---- the verb ------------------------------------------------------------------------------------------------------------------- */

/* Not split yet: it stands alone from now on, and is split so that its parcel can be claimed. */
static enum err split_now(struct cmd *c, struct db *db, struct order *o)
{
  int way[STATUS_MAX], from = status_find(&c->rules->status, o->status);
  int n = status_way(&c->rules->status, from, ST_SPLIT, TRIGGER_SYSTEM, way);
  struct problem before = c->problem;
  for (int i = 0; i < n; i++) {
    enum err e = progress_move(c, db, o, way[i], TRIGGER_SYSTEM, NULL);
    if (e == ERR_CONFLICT) return c->problem = before, ERR_OK;
    TRY(e);
  }
  return ERR_OK;
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
  TRY(fulfilments_of_order(db, &c->mem, o->id, true, &f, &n));
  TRY(units_of_order(db, &c->mem, o->id, &u, &units));
  if (!n && !units) return ERR_OK; /* no stock is kept, or none was there for it */
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
      if (!number) continue;
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
  else if (n) TRY(end_elsewhere(c, db, o, f, n));
  else TRY(left_elsewhere(c, db, o));
  TRY(order_get(db, &c->mem, o->id, o));
  /* Without fulfilments of ours the channel's word moves the order, as it does where no stock is kept. */
  *done = n && parcel;
  return ERR_OK;
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
