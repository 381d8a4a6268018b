/* The tables as they stand, and the rules of domain 3 to 6 about them. Reads columns only: no view, no flow. */
#include "shipmodel.h"
#include <stdio.h>
#include <stdlib.h>

const char *const x_names[X_N] = {
#define X(id, name) [X_##id##_BIT] = name,
  X_MAP(X)
#undef X
};
static const char *const stages[] = { "pending",  "paid",    "split",     "producing", "inspected",
                                      "pre_ship", "shipped", "completed", "cancelled" };

bool differ(struct world *w, const char *fmt, ...)
{
  va_list ap;
  if (w->failed) return false;
  w->failed = true;
  va_start(ap, fmt);
  vsnprintf(w->why, sizeof w->why, fmt, ap);
  va_end(ap);
  return false;
}

/* ---- reading ------------------------------------------------------------------------------------------------------- */

static int stage_of(const char *name)
{
  for (int i = 0; i < (int)COUNT(stages); i++)
    if (!strcmp(stages[i], name)) return i;
  return -1;
}

static unsigned x_bit(const char *type)
{
  for (int i = 0; i < X_N; i++)
    if (!strcmp(x_names[i], type)) return 1u << i;
  return 0;
}

static enum carried carried_of(const char *t)
{
  static const char *const names[] = { "none",      "label",    "picked_up", "in_transit",
                                       "delivered", "returned", "lost" };
  for (int i = 0; i < (int)COUNT(names); i++)
    if (!strcmp(names[i], t)) return (enum carried)i;
  return CARRIED_NONE;
}

static enum told told_of(const char *t)
{
  return *t == 'n'   ? TOLD_NONE
         : *t == 's' ? TOLD_SENT
         : *t == 'a' ? TOLD_ACCEPTED
         : *t == 'r' ? TOLD_REFUSED
                     : TOLD_UNKNOWN;
}

static char *text_into(char *to, size_t n, const char *from)
{
  snprintf(to, n, "%s", from ? from : "");
  return to;
}

#define ROOM(count, max) \
  ((count) < (max) || (differ(w, "more rows than the test has room for: " #count), false))

static void see_orders(struct world *w, struct seen *s)
{
  static const char SQL[] =
    "SELECT o.id, o.external_id, o.status, coalesce(o.group_id, 0), o.version, coalesce(o.shipped_at, 0),"
    " EXISTS (SELECT 1 FROM holds h WHERE h.order_id = o.id) FROM orders o ORDER BY o.id";
  static const char SQL_X[] = "SELECT order_id, type, state FROM exceptions WHERE order_id IS NOT NULL";
  struct stmt *q = db_stmt(w->shop->db, SQL);
  while (stmt_row(q) && ROOM(s->orders, M_ORDERS)) {
    struct s_order *o = &s->order[s->orders++];
    o->id = stmt_col_int(q, 0), o->ext = atoi(stmt_col_text(q, 1)), o->status = stage_of(stmt_col_text(q, 2));
    o->group_id = stmt_col_int(q, 3), o->version = stmt_col_int(q, 4), o->shipped_at = stmt_col_int(q, 5);
    o->held = stmt_col_int(q, 6);
  }
  stmt_end(q);
  q = db_stmt(w->shop->db, SQL_X);
  while (stmt_row(q))
    for (int i = 0; i < s->orders; i++)
      if (s->order[i].id == stmt_col_int(q, 0)) {
        unsigned bit = x_bit(stmt_col_text(q, 1));
        w->order[s->order[i].ext].ever |= bit;
        if (*stmt_col_text(q, 2) == 'o') s->order[i].open |= bit;
      }
  stmt_end(q);
}

static void see_units(struct world *w, struct seen *s)
{
  static const char SQL[] =
    "SELECT order_id, line_no, sku_id, warehouse_id, fulfilment_id, quantity, state FROM units";
  static const char SQL_PARTS[] = "SELECT fulfilment_id, order_id, line_no, quantity FROM fulfilment_lines";
  static const char SQL_STOCK[] =
    "SELECT sku_id, warehouse_id, on_hand, reserved, frozen, quarantine FROM stock";
  struct stmt *q = db_stmt(w->shop->db, SQL);
  while (stmt_row(q) && ROOM(s->units, M_UNITS)) {
    struct s_unit *u = &s->unit[s->units++];
    u->order_id = stmt_col_int(q, 0), u->line_no = stmt_col_int(q, 1), u->sku = stmt_col_int(q, 2),
    u->place = stmt_col_int(q, 3);
    u->ful = stmt_col_int(q, 4), u->n = stmt_col_int(q, 5), u->state = *stmt_col_text(q, 6);
  }
  stmt_end(q);
  q = db_stmt(w->shop->db, SQL_PARTS);
  while (stmt_row(q) && ROOM(s->parts, M_UNITS)) {
    struct s_part *p = &s->part[s->parts++];
    p->ful = stmt_col_int(q, 0), p->order_id = stmt_col_int(q, 1), p->line_no = stmt_col_int(q, 2),
    p->n = stmt_col_int(q, 3);
  }
  stmt_end(q);
  q = db_stmt(w->shop->db, SQL_STOCK);
  while (stmt_row(q)) {
    int64_t k = stmt_col_int(q, 0), p = stmt_col_int(q, 1);
    if (k >= M_SKUS || p > M_PLACES) continue;
    struct stock *t = &s->stock[k][p];
    t->on_hand = stmt_col_int(q, 2), t->reserved = stmt_col_int(q, 3), t->frozen = stmt_col_int(q, 4);
    t->quarantine = stmt_col_int(q, 5), t->available = t->on_hand - t->reserved - t->frozen;
  }
  stmt_end(q);
}

static void see_parcels(struct world *w, struct seen *s)
{
  static const char SQL[] =
    "SELECT id, group_id, coalesce(warehouse_id, 0), status, work, version, coalesce(wave_id, 0) FROM fulfilments ORDER BY id";
  static const char SQL_CLAIMS[] =
    "SELECT id, fulfilment_id, coalesce(channel_id, 0), tracking_no, state, carried, told, put_back, claimed_at,"
    " coalesce(picked_up_at, 0), coalesce(due_at, 0), version, receiver FROM claims ORDER BY id";
  static const char SQL_CONFS[] = "SELECT claim_id, order_id, state FROM confirmations";
  struct stmt *q = db_stmt(w->shop->db, SQL);
  while (stmt_row(q) && ROOM(s->fuls, M_FULS)) {
    struct s_ful *f = &s->ful[s->fuls++];
    f->id = stmt_col_int(q, 0), f->group_id = stmt_col_int(q, 1), f->place = stmt_col_int(q, 2),
    f->status = stage_of(stmt_col_text(q, 3));
    const char *work = stmt_col_text(q, 4);
    f->work = *work == 'o' ? 'o' : !strcmp(work, "packed") ? 'P' : 'p';
    f->version = stmt_col_int(q, 5), f->wave = stmt_col_int(q, 6);
  }
  stmt_end(q);
  q = db_stmt(w->shop->db, SQL_CLAIMS);
  while (stmt_row(q) && ROOM(s->claims, M_CLAIMS)) {
    struct s_claim *k = &s->claim[s->claims++];
    k->id = stmt_col_int(q, 0), k->ful = stmt_col_int(q, 1), k->channel = stmt_col_int(q, 2);
    text_into(k->number, sizeof k->number, stmt_col_text(q, 3));
    k->state = *stmt_col_text(q, 4), k->carried = carried_of(stmt_col_text(q, 5)),
    k->told = told_of(stmt_col_text(q, 6));
    k->put_back = stmt_col_int(q, 7), k->claimed_at = stmt_col_int(q, 8),
    k->picked_up_at = stmt_col_int(q, 9);
    k->due_at = stmt_col_int(q, 10), k->version = stmt_col_int(q, 11), k->receiver = stmt_col_int(q, 12);
  }
  stmt_end(q);
  q = db_stmt(w->shop->db, SQL_CONFS);
  while (stmt_row(q) && ROOM(s->confs, M_CONFS)) {
    struct s_conf *k = &s->conf[s->confs++];
    k->claim = stmt_col_int(q, 0), k->order_id = stmt_col_int(q, 1), k->told = told_of(stmt_col_text(q, 2));
  }
  stmt_end(q);
}

static void see_rest(struct world *w, struct seen *s)
{
  static const char SQL[] =
    "SELECT id, destination, subject, state FROM effects WHERE state = 'waiting' OR state = 'sending' OR state = 'unknown' ORDER BY id";
  static const char SQL_GROUPS[] = "SELECT id, state FROM groups ORDER BY id";
  struct stmt *q = db_stmt(w->shop->db, SQL);
  while (stmt_row(q) && ROOM(s->effects, M_EFFECTS)) {
    struct s_effect *e = &s->effect[s->effects++];
    e->id = stmt_col_int(q, 0), e->state = *stmt_col_text(q, 3);
    text_into(e->destination, sizeof e->destination, stmt_col_text(q, 1)),
      text_into(e->subject, sizeof e->subject, stmt_col_text(q, 2));
  }
  stmt_end(q);
  q = db_stmt(w->shop->db, SQL_GROUPS);
  while (stmt_row(q) && ROOM(s->groups, M_GROUPS))
    s->group[s->groups].id = stmt_col_int(q, 0), s->group[s->groups++].state = *stmt_col_text(q, 1);
  stmt_end(q);
}

static int bucket_at(char b)
{
  return b == 'o' ? 0 : b == 'a' ? 1 : b == 'r' ? 2 : b == 'f' ? 3 : 4;
}

/* The new rows of the ledger, added up by hand: no bucket may go below zero even on the way. */
static void see_ledger(struct world *w, struct seen *s)
{
  static const char SQL[] =
    "SELECT id, sku_id, warehouse_id, source, target, quantity FROM stock_moves WHERE id > $1 ORDER BY id";
  struct stmt *q = db_stmt(w->shop->db, SQL);
  stmt_int(q, 1, s->moves);
  while (stmt_row(q)) {
    int64_t k = stmt_col_int(q, 1), p = stmt_col_int(q, 2), n = stmt_col_int(q, 5);
    s->moves = stmt_col_int(q, 0);
    if (k >= M_SKUS || p > M_PLACES) continue;
    int64_t *from = &w->sum[k][p][bucket_at(*stmt_col_text(q, 3))],
            *to = &w->sum[k][p][bucket_at(*stmt_col_text(q, 4))];
    *from -= n, *to += n;
    if (from != &w->sum[k][p][0] && *from < 0)
      differ(w, "5.2: a bucket of SKU %d in %d falls to %d", (int)k, (int)p, (int)*from);
  }
  stmt_end(q);
}

void world_see(struct world *w)
{
  struct seen *s = &w->now;
  w->was = *s;
  int64_t moves = s->moves, events = s->events;
  memset(s, 0, sizeof *s);
  s->moves = moves, s->events = events;
  see_orders(w, s), see_units(w, s), see_parcels(w, s), see_rest(w, s), see_ledger(w, s);
}

/* ---- looking up ------------------------------------------------------------------------------------------------------- */

const struct s_order *order_seen(const struct seen *s, int64_t id)
{
  for (int i = 0; i < s->orders; i++)
    if (s->order[i].id == id) return &s->order[i];
  return NULL;
}

const struct s_ful *ful_seen(const struct seen *s, int64_t id)
{
  for (int i = 0; i < s->fuls; i++)
    if (s->ful[i].id == id) return &s->ful[i];
  return NULL;
}

const struct s_claim *claim_live(const struct seen *s, int64_t ful)
{
  for (int i = 0; i < s->claims; i++)
    if (s->claim[i].ful == ful && s->claim[i].state != 'v') return &s->claim[i];
  return NULL;
}

static const struct s_claim *claim_seen(const struct seen *s, int64_t id)
{
  for (int i = 0; i < s->claims; i++)
    if (s->claim[i].id == id) return &s->claim[i];
  return NULL;
}

static const struct s_claim *claim_back(const struct seen *s,
                                        int64_t ful) /* whose pieces are on their way back */
{
  for (int i = 0; i < s->claims; i++)
    if (s->claim[i].ful == ful && s->claim[i].state == 'v' && s->claim[i].put_back) return &s->claim[i];
  return NULL;
}

bool is_member(const struct seen *s, int64_t ful, int64_t order_id)
{
  for (int i = 0; i < s->parts; i++)
    if (s->part[i].ful == ful && s->part[i].order_id == order_id) return true;
  return false;
}

static const char *named(const struct seen *s, int64_t ful)
{
  static char text[64];
  const struct s_ful *f = ful_seen(s, ful);
  snprintf(text, sizeof text, "f_%d (%s)", (int)ful, f ? stages[f->status] : "none");
  return text;
}

/* ---- what an order is made of --------------------------------------------------------------------------------------------- */

struct piece {
  int64_t sku, n;
};

/* Of one unit of a line; 0: the dictionary does not know it. */
static int pieces_of(const struct world *w, const struct m_order *m, int line, struct piece p[2])
{
  int kind = m->kind[line];
  static const int64_t plain[] = { [K_A] = SKU_A, [K_B] = SKU_B, [K_C] = SKU_C, [K_MADE] = SKU_MADE };
  p[0].n = 1;
  switch (kind) {
  case K_KIT: p[0] = (struct piece){ SKU_A, 2 }, p[1] = (struct piece){ SKU_B, 1 }; return 2;
  case K_NEW: p[0].sku = SKU_NEW; return w->sku_new;
  case K_MAPPED: p[0].sku = SKU_A; return w->mapped >> m->channel & 1;
  default: p[0].sku = plain[kind]; return 1;
  }
}

int64_t order_wants(const struct world *w, const struct s_order *o, int line)
{
  const struct m_order *m = &w->order[o->ext];
  int64_t n = m->qty[line];
  if (m->known.back_as[line] == 1 || m->known.back_as[line] == 2) n -= m->known.back[line];
  return n < 0 ? 0 : n;
}

static int64_t units_sum(const struct seen *s, const struct s_order *o, int line, int64_t sku,
                         const char *states)
{
  int64_t n = 0;
  for (int i = 0; i < s->units; i++) {
    const struct s_unit *u = &s->unit[i];
    if (u->order_id == o->id && (line < 0 || u->line_no == line + 1) && (!sku || u->sku == sku) &&
        strchr(states, u->state))
      n += u->n;
  }
  return n;
}

static bool place_can(int64_t left[M_SKUS][M_PLACES + 1], const struct piece *p, int n, int place)
{
  for (int i = 0; i < n; i++)
    if (left[p[i].sku][place] < p[i].n) return false;
  return true;
}

static void place_take(int64_t left[M_SKUS][M_PLACES + 1], const struct piece *p, int n, int place,
                       int64_t sign)
{
  for (int i = 0; i < n; i++) left[p[i].sku][place] -= sign * p[i].n;
}

/* One unit after the other, in every place that has it. */
static bool try_units(const struct world *w, const struct m_order *m, const int64_t *lacks, int line,
                      int64_t done, int64_t left[M_SKUS][M_PLACES + 1])
{
  struct piece p[2];
  while (line < m->lines && done >= lacks[line]) line++, done = 0;
  if (line >= m->lines) return true;
  int n = pieces_of(w, m, line, p);
  if (!n) return false;
  if (m->kind[line] == K_MADE) return try_units(w, m, lacks, line, done + 1, left);
  for (int place = 1; place <= 2; place++) {
    if (!place_can(left, p, n, place)) continue;
    place_take(left, p, n, place, 1);
    bool ok = try_units(w, m, lacks, line, done + 1, left);
    place_take(left, p, n, place, -1);
    if (ok) return true;
  }
  return false;
}

bool world_could_reserve(const struct world *w, const struct s_order *o)
{
  const struct m_order *m = &w->order[o->ext];
  int64_t left[M_SKUS][M_PLACES + 1], lacks[M_LINES];
  for (int k = 0; k < M_SKUS; k++)
    for (int p = 0; p <= M_PLACES; p++) left[k][p] = w->now.stock[k][p].available;
  for (int i = 0; i < m->lines; i++) {
    struct piece p[2];
    if (!pieces_of(w, m, i, p)) return false;
    lacks[i] = order_wants(w, o, i) - units_sum(&w->now, o, i, p[0].sku, "rfms") / p[0].n;
  }
  return try_units(w, m, lacks, 0, 0, left);
}

/* ---- 5: stock --------------------------------------------------------------------------------------------------------------- */

static void check_stock(struct world *w)
{
  const struct seen *s = &w->now;
  for (int k = 1; k < M_SKUS; k++)
    for (int p = 1; p <= M_PLACES; p++) {
      const struct stock *t = &s->stock[k][p];
      const int64_t *sum = w->sum[k][p];
      int64_t r = 0, f = 0, gone = 0;
      for (int i = 0; i < s->units; i++)
        if (s->unit[i].sku == k && s->unit[i].place == p)
          *(s->unit[i].state == 'r'   ? &r
            : s->unit[i].state == 'f' ? &f
            : s->unit[i].state == 's' ? &gone
                                      : &(int64_t){ 0 }) += s->unit[i].n;
      if (t->on_hand < 0 || t->reserved < 0 || t->frozen < 0 || t->quarantine < 0 || t->available < 0)
        differ(w, "5.2: SKU %d in %d is below zero: %d on hand, %d reserved, %d frozen", k, p,
               (int)t->on_hand, (int)t->reserved, (int)t->frozen);
      if (t->reserved != sum[2] || t->frozen != sum[3] || t->available != sum[1] || t->quarantine != sum[4])
        differ(w, "5.2: SKU %d in %d is not the sum of its ledger", k, p);
      if (t->reserved != r || t->frozen != f)
        differ(w, "5.3: SKU %d in %d: %d reserved and %d frozen, but orders have %d and %d", k, p,
               (int)t->reserved, (int)t->frozen, (int)r, (int)f);
      if (k == SKU_MADE) continue;
      if (t->on_hand != w->on_hand[k][p] - gone || t->quarantine != w->quarantine[k][p])
        differ(
          w, "5.3: SKU %d in %d: %d on hand and %d in quarantine, but %d came, %d left and %d are put aside",
          k, p, (int)t->on_hand, (int)t->quarantine, (int)w->on_hand[k][p], (int)gone,
          (int)w->quarantine[k][p]);
    }
}

/* ---- 5.3, 6.5: the units of an order ------------------------------------------------------------------------------------------ */

static bool waits(const struct s_order *o)
{
  return o->open & (X_OVERSOLD | X_UNKNOWN_SKU | X_CANNOT_SPLIT);
}

/* In every parcel the pieces of a kit are as many as make whole kits, and as many as its slip says. */
static void check_whole(struct world *w, const struct s_order *o, int line)
{
  const struct seen *s = &w->now;
  struct piece p[2];
  int n = pieces_of(w, &w->order[o->ext], line, p);
  for (int i = 0; i < s->parts && n; i++) {
    const struct s_part *part = &s->part[i];
    const struct s_ful *f = ful_seen(s, part->ful);
    if (part->order_id != o->id || part->line_no != line + 1 || !f || f->status == P_CANCELLED ||
        claim_back(s, f->id))
      continue;
    for (int j = 0; j < n; j++) {
      int64_t have = 0;
      for (int u = 0; u < s->units; u++)
        if (s->unit[u].ful == part->ful && s->unit[u].order_id == o->id && s->unit[u].line_no == line + 1 &&
            s->unit[u].sku == p[j].sku)
          have += s->unit[u].n;
      if (have != part->n * p[j].n)
        differ(w, "7.1: %s holds %d of line %d of o_%d, but %d pieces of SKU %d", named(s, part->ful),
               (int)part->n, line + 1, (int)o->id, (int)have, (int)p[j].sku);
    }
  }
}

static void check_line(struct world *w, const struct s_order *o, int line)
{
  const struct m_order *m = &w->order[o->ext];
  struct piece p[2];
  int n = pieces_of(w, m, line, p);
  bool active = (o->status >= P_PAID && o->status <= P_PRE_SHIP) ||
                (o->status == P_PENDING && w->shop->rules.reserve_placed);
  for (int j = 0; j < n; j++) {
    int64_t all = units_sum(&w->now, o, line, p[j].sku, "rfms"),
            bound = units_sum(&w->now, o, line, p[j].sku, "fs"), wants = order_wants(w, o, line) * p[j].n,
            shipped = units_sum(&w->now, o, line, p[j].sku, "s");
    if (shipped > m->qty[line] * p[j].n && !(m->ever & X_DOUBLE))
      differ(w, "6.5: %d pieces of line %d of o_%d left, %d were ordered", (int)shipped, line + 1, (int)o->id,
             (int)(m->qty[line] * p[j].n));
    if (all > m->qty[line] * p[j].n && !(m->ever & X_DOUBLE))
      differ(w, "6.5: line %d of o_%d has %d pieces of SKU %d, more than were ordered", line + 1, (int)o->id,
             (int)all, (int)p[j].sku);
    if (m->kind[line] == K_MADE) bound = all > wants ? all : 0; /* a factory's are not frozen */
    for (int i = 0; i < w->now.parts;
         i++) /* what is on its way back to the shelf is neither here nor there */
      if (w->now.part[i].order_id == o->id && claim_back(&w->now, w->now.part[i].ful)) return;
    if (active && !waits(o) && all != (wants > bound ? wants : bound))
      differ(w, "5.3: line %d of o_%d (%s) wants %d pieces of SKU %d, %d are in parcels, and it has %d",
             line + 1, (int)o->id, stages[o->status], (int)wants, (int)p[j].sku, (int)bound, (int)all);
    if (active && waits(o) && all > (wants > bound ? wants : bound))
      differ(w, "5.3: line %d of o_%d waits and has %d pieces of SKU %d, more than it wants", line + 1,
             (int)o->id, (int)all, (int)p[j].sku);
  }
  check_whole(w, o, line);
}

/* Something became free within the same command: the orders that wait are looked at next. */
static bool healing(struct world *w)
{
  struct stmt *q = db_stmt(w->shop->db, "SELECT 1 FROM meta WHERE name = 'stock_heal' AND value = '1'");
  bool yes = stmt_row(q);
  stmt_end(q);
  return yes;
}

static void check_order_units(struct world *w, const struct s_order *o)
{
  int64_t reserved = units_sum(&w->now, o, -1, 0, "r");
  if (w->shop->rules.track == TRACK_NO) {
    if (units_sum(&w->now, o, -1, 0, "rfms"))
      differ(w, "5: no stock is kept, and o_%d has units", (int)o->id);
    return;
  }
  for (int i = 0; i < w->order[o->ext].lines; i++) check_line(w, o, i);
  if (reserved && (o->status >= P_SHIPPED || (o->status == P_PENDING && !w->shop->rules.reserve_placed)))
    differ(w, "5.3: o_%d is %s and still has %d pieces reserved", (int)o->id, stages[o->status],
           (int)reserved);
  if (reserved && o->status == P_PAID && waits(o))
    differ(w, "5.3: o_%d waits in paid and has %d pieces reserved: all or nothing", (int)o->id,
           (int)reserved);
  const struct s_order *before = order_seen(&w->was, o->id);
  if ((o->open & X_OVERSOLD) && !(o->open & X_UNKNOWN_SKU) && !(before && before->open & X_OVERSOLD) &&
      world_could_reserve(w, o) && !healing(w))
    differ(w, "5.2: o_%d is oversold, and all that it wants lies there", (int)o->id);
}

static void check_units(struct world *w)
{
  const struct seen *s = &w->now;
  for (int i = 0; i < s->units; i++) {
    const struct s_unit *u = &s->unit[i];
    const struct s_claim *k = u->ful ? claim_live(s, u->ful) : NULL;
    const struct s_ful *f = ful_seen(s, u->ful);
    if (!order_seen(s, u->order_id)) differ(w, "a unit is of no order");
    if (u->ful && !f) differ(w, "a unit is in no fulfilment f_%d", (int)u->ful);
    if (u->state == 'f' && !(k && k->state == 'l') && !claim_back(s, u->ful))
      differ(w, "6.3: %d pieces of o_%d are frozen in %s without a claim", (int)u->n, (int)u->order_id,
             named(s, u->ful));
    if ((u->state == 'r' || u->state == 'f') && f && f->status >= P_SHIPPED && f->status != P_CANCELLED)
      differ(w, "6.3: %s left, and %d pieces of o_%d in it did not", named(s, u->ful), (int)u->n,
             (int)u->order_id);
    if (u->state == 'r' && k)
      differ(w, "6.1: %d pieces of o_%d are in %s, which is claimed, and not frozen", (int)u->n,
             (int)u->order_id, named(s, u->ful));
    if (u->state == 's' && !(k && k->state == 's') &&
        !(w->order[order_seen(s, u->order_id)->ext].ever & (X_ELSEWHERE | X_DOUBLE)) &&
        order_seen(&w->was, u->order_id))
      differ(w, "6.3: %d pieces of o_%d in %s are off the stock, and no parcel left", (int)u->n,
             (int)u->order_id, named(s, u->ful));
    if (f && f->place != u->place && f->status != P_CANCELLED)
      differ(w, "7.1: %s leaves from %d and has pieces from %d", named(s, u->ful), (int)f->place,
             (int)u->place);
    if (f && f->status == P_CANCELLED && u->state == 'r')
      differ(w, "7.1: %s is over and still has pieces of o_%d", named(s, u->ful), (int)u->order_id);
  }
  for (int i = 0; i < s->orders; i++) check_order_units(w, &s->order[i]);
}

/* ---- 6: claims ----------------------------------------------------------------------------------------------------------------- */

static bool may_void(const char *name)
{
  static const char *const names[] = { "claim.void",    "order.ingest",  "order.cancel", "order.move",
                                       "effect.settle", "claim.confirm", "effect.drop" };
  for (size_t i = 0; i < COUNT(names); i++)
    if (name && !strcmp(name, names[i])) return true;
  return false;
}

struct tally {
  int all, accepted, refused, other;
};

static struct tally told_tally(const struct seen *s, int64_t claim)
{
  struct tally t = { 0 };
  for (int i = 0; i < s->confs; i++)
    if (s->conf[i].claim == claim) {
      t.all++;
      if (s->conf[i].told == TOLD_ACCEPTED) t.accepted++;
      else if (s->conf[i].told == TOLD_REFUSED) t.refused++;
      else t.other++;
    }
  return t;
}

static bool picked_up(const struct s_claim *k)
{
  return k->carried >= CARRIED_PICKED_UP;
}

static unsigned ever_of(const struct world *w, const struct seen *s, int64_t ful)
{
  unsigned ever = 0;
  for (int i = 0; i < s->parts; i++)
    if (s->part[i].ful == ful) ever |= w->order[order_seen(s, s->part[i].order_id)->ext].ever;
  return ever;
}

static void check_claim(struct world *w, const struct s_claim *k)
{
  const struct seen *s = &w->now;
  const struct s_ful *f = ful_seen(s, k->ful);
  struct tally t = told_tally(s, k->id);
  int id = (int)k->id;
  if (!f) {
    differ(w, "k_%d claims no fulfilment", id);
    return;
  }
  if (k->state == 'v') return;
  if (k->state == 'l' && f->status != P_PRE_SHIP && f->status != P_CANCELLED)
    differ(w, "6.1: k_%d is live and %s is not in pre_ship", id, named(s, f->id));
  if (k->state == 's' && f->status < P_SHIPPED)
    differ(w, "6.3: k_%d left and %s has not", id, named(s, f->id));
  if (k->state == 'l' && t.all && t.accepted == t.all && picked_up(k))
    differ(w, "6.3: k_%d is accepted and picked up, and not shipped", id);
  if (k->state == 'l' && t.all && t.refused == t.all && !picked_up(k))
    differ(w, "6.3: k_%d is refused and not picked up, and its label is not void", id);
  if (k->state == 'l' && t.refused && !t.other && picked_up(k) &&
      !(ever_of(w, s, k->ful) & (X_INTERCEPT | X_PARTLY)))
    differ(w, "6.3: k_%d is refused and picked up: nobody is told to intercept it", id);
  if (k->state == 's' && (!picked_up(k) || !t.all || t.accepted != t.all) &&
      !(ever_of(w, s, k->ful) & (X_ELSEWHERE | X_DOUBLE | X_INTERCEPT | X_CANCEL)))
    differ(w, "6.3: k_%d counts as shipped with carrier %d and %d of %d accepted", id, k->carried, t.accepted,
           t.all);
  for (int i = 0; i < s->parts; i++) {
    bool known = false;
    for (int j = 0; j < s->confs; j++)
      known |= s->conf[j].claim == k->id && s->conf[j].order_id == s->part[i].order_id;
    if (s->part[i].ful == k->ful && !known)
      differ(w, "3.11: k_%d carries o_%d, whose channel need not hear of it", id, (int)s->part[i].order_id);
  }
  enum told want = t.accepted == t.all ? TOLD_ACCEPTED : t.refused == t.all ? TOLD_REFUSED : TOLD_NONE;
  if (t.all && want && k->told != want)
    differ(w, "6: k_%d says told %d, its members say %d", id, k->told, want);
  for (int i = 0; i < s->claims; i++) {
    const struct s_claim *o = &s->claim[i];
    if (o->id <= k->id || o->state == 'v') continue;
    if (o->ful == k->ful) differ(w, "6.1: %s has two claims", named(s, k->ful));
    if (!strcmp(o->number, k->number))
      differ(w, "6.5: %s is the number of k_%d and of k_%d", k->number, id, (int)o->id);
  }
}

static void check_claim_change(struct world *w, const struct s_claim *k)
{
  const struct s_claim *b = claim_seen(&w->was, k->id);
  int id = (int)k->id;
  if (!b) {
    w->counts[0]++;
    for (int i = 0; i < w->was.claims; i++) {
      const struct s_claim *o = &w->was.claim[i];
      if (strcmp(o->number, k->number) || k->claimed_at - o->claimed_at > w->shop->rules.tracking_reuse_ms)
        continue;
      if (o->ful == k->ful && o->state == 'v') continue; /* the label of this very parcel, taken up again */
      differ(w, "6.2: k_%d takes %s, which k_%d had", id, k->number, (int)o->id);
    }
    return;
  }
  if (b->state != k->state) {
    w->counts[k->state == 's' ? 1 : 2]++;
    if (b->state == 'v') differ(w, "6: k_%d was void and is not", id);
    if (b->state == 's') differ(w, "6: k_%d had left", id);
    if (k->state == 'v' && !may_void(w->name))
      differ(w, "6.3: %s makes k_%d void: a silent release", w->name, id);
    if (k->state == 'v' && picked_up(b))
      differ(w, "6.3: k_%d is made void after its parcel was picked up", id);
  }
  if (picked_up(b) && !picked_up(k)) differ(w, "11: the carrier's news of k_%d go back", id);
  if (b->carried == CARRIED_DELIVERED && k->carried < CARRIED_DELIVERED)
    differ(w, "11: k_%d was delivered and is not", id);
  if (strcmp(b->number, k->number) || b->ful != k->ful) differ(w, "6: k_%d is another parcel now", id);
}

/* ---- 4: statuses --------------------------------------------------------------------------------------------------------------- */

static bool allowed(int from, int to)
{
  static const char *const to_of[] = {
    [P_PENDING] = "1 8",       [P_PAID] = "2 6 8",          [P_SPLIT] = "3 5 6 8",
    [P_PRODUCING] = "2 4 6 8", [P_INSPECTED] = "2 3 5 6 8", [P_PRE_SHIP] = "2 4 6 8",
    [P_SHIPPED] = "7",         [P_COMPLETED] = "",          [P_CANCELLED] = "0"
  };
  return strchr(to_of[from], '0' + to) != NULL && to >= 0;
}

/* The new events lead from where an order stood to where it stands. */
static void check_moves(struct world *w)
{
  static const char SQL[] = "SELECT seq, kind, entity, type, data FROM events WHERE seq > $1 ORDER BY seq";
  struct stmt *q = db_stmt(w->shop->db, SQL);
  int at[M_ORDERS];
  for (int i = 0; i < w->now.orders; i++) {
    const struct s_order *b = order_seen(&w->was, w->now.order[i].id);
    at[i] = b ? b->status : -1;
  }
  stmt_int(q, 1, w->now.events);
  while (stmt_row(q)) {
    const char *type = stmt_col_text(q, 3), *data = journal_data(type, stmt_col_text(q, 4));
    char from[16] = "", to[16] = "";
    w->now.events = stmt_col_int(q, 0);
    if (*stmt_col_text(q, 1) != 'o') continue;
    int i = 0;
    while (i < w->now.orders && w->now.order[i].id != stmt_col_int(q, 2)) i++;
    if (i == w->now.orders) continue;
    const char *p;
    if (!strcmp(type, "order.created")) {
      if ((p = strstr(data, "\"status\":\""))) sscanf(p + 10, "%15[a-z_]", to);
      at[i] = stage_of(to);
    } else if (!strcmp(type, "order.status")) {
      if ((p = strstr(data, "\"from\":\""))) sscanf(p + 8, "%15[a-z_]", from);
      if ((p = strstr(data, "\"to\":\""))) sscanf(p + 6, "%15[a-z_]", to);
      int a = stage_of(from), b = stage_of(to);
      if (a != at[i] || a < 0 || b < 0 || !allowed(a, b))
        differ(w, "4.3: o_%d moves from %s to %s, and stood at %s", (int)w->now.order[i].id, from, to,
               at[i] < 0 ? "nothing" : stages[at[i]]);
      at[i] = b;
      if (a == P_CANCELLED && strcmp(w->name, "order.move"))
        differ(w, "11: o_%d was cancelled, and %s opens it again", (int)w->now.order[i].id, w->name);
    }
  }
  stmt_end(q);
  for (int i = 0; i < w->now.orders; i++)
    if (at[i] != w->now.order[i].status)
      differ(w, "4.3: o_%d is %s, and its events lead to %s", (int)w->now.order[i].id,
             stages[w->now.order[i].status], at[i] < 0 ? "nothing" : stages[at[i]]);
}

/* Units of a line that are wanted and not in such a state. */
static int64_t line_lacks(const struct world *w, const struct s_order *o, int line, const char *states)
{
  const struct m_order *m = &w->order[o->ext];
  struct piece p[2];
  int64_t wants = order_wants(w, o, line);
  if (w->shop->rules.track == TRACK_NO || !pieces_of(w, m, line, p)) return wants;
  wants -= units_sum(&w->now, o, line, p[0].sku, states) / p[0].n;
  return wants < 0 ? 0 : wants;
}

/* An order does not become shipped with pieces left behind, unless its channel or an exception says so. */
static void check_left(struct world *w, const struct s_order *o, int64_t lacks)
{
  const struct m_order *m = &w->order[o->ext];
  const struct s_order *b = order_seen(&w->was, o->id);
  if (o->status != P_SHIPPED || !b || b->status == P_SHIPPED || !lacks || w->shop->rules.track == TRACK_NO)
    return;
  if (m->known.word < W_SHIPPED)
    differ(w, "6.3: o_%d is shipped, and %d units of it are not", (int)o->id, (int)lacks);
  else if (!(m->ever & (X_OVERSOLD | X_UNKNOWN_SKU | X_ELSEWHERE | X_DOUBLE | X_CANNOT_SPLIT | X_AHEAD |
                        X_SHORT | X_CANCEL)))
    differ(w, "6.7: o_%d was shipped behind our back, and the stock does not know it", (int)o->id);
}

static void check_status(struct world *w, const struct s_order *o)
{
  const struct seen *s = &w->now;
  int least = 99, live = 0;
  int64_t wants = 0;
  for (int i = 0; i < s->fuls; i++)
    if (s->ful[i].status != P_CANCELLED && is_member(s, s->ful[i].id, o->id)) {
      if (o->status < P_SPLIT &&
          (claim_back(s, s->ful[i].id) || claim_live(s, s->ful[i].id) || s->ful[i].status >= P_SHIPPED))
        continue; /* opened again meanwhile, or held while it left behind our back */
      live++;
      if (s->ful[i].status < least) least = s->ful[i].status;
      bool elsewhere = !s->ful[i].group_id && s->ful[i].status >= P_SHIPPED; /* nobody's plan: it had left */
      if (s->ful[i].group_id != o->group_id && !elsewhere)
        differ(w, "7.1: o_%d is in g_%d, its %s in g_%d", (int)o->id, (int)o->group_id,
               named(s, s->ful[i].id), (int)s->ful[i].group_id);
    }
  for (int i = 0; i < w->order[o->ext].lines; i++) wants += line_lacks(w, o, i, "s");
  check_left(w, o, wants);
  if (o->status < P_SPLIT && live)
    differ(w, "7.1: o_%d is %s and has %d fulfilments", (int)o->id, stages[o->status], live);
  if (o->status == P_CANCELLED && live) {
    for (int i = 0; i < s->fuls; i++)
      if (s->ful[i].status != P_CANCELLED && is_member(s, s->ful[i].id, o->id)) {
        const struct s_claim *k = claim_live(s, s->ful[i].id);
        if (!k && !claim_back(s, s->ful[i].id) && !(w->order[o->ext].ever & X_ELSEWHERE))
          differ(w, "7.1: o_%d is cancelled and still in %s", (int)o->id, named(s, s->ful[i].id));
      }
    return;
  }
  if (o->status < P_SPLIT || o->status == P_CANCELLED) return;
  if (!live) {
    if (o->status < P_SHIPPED && !waits(o) && wants && !o->held)
      differ(w, "7.1: o_%d is %s, waits for nothing, and nothing will ship it", (int)o->id,
             stages[o->status]);
    return;
  }
  if (waits(o)) {
    if (o->status > least && o->status < P_SHIPPED)
      differ(w, "4.5: o_%d is %s and lacks pieces", (int)o->id, stages[o->status]);
    return;
  }
  int stands = o->status == P_COMPLETED ? P_SHIPPED : o->status;
  if (least == P_COMPLETED) least = P_SHIPPED;
  if (stands > least && !(w->order[o->ext].ever & X_ELSEWHERE))
    differ(w, "4.5: o_%d is %s, its parcels are only %s", (int)o->id, stages[o->status], stages[least]);
  if (stands < least && !o->held)
    differ(w, "4.5: o_%d is %s, its parcels are %s", (int)o->id, stages[o->status], stages[least]);
}

/* ---- 3.7: locked groups ----------------------------------------------------------------------------------------------------------- */

static char group_state(const struct seen *s, int64_t id)
{
  for (int i = 0; i < s->groups; i++)
    if (s->group[i].id == id) return s->group[i].state;
  return 0;
}

static void check_groups(struct world *w)
{
  const struct seen *s = &w->now;
  for (int i = 0; i < s->orders; i++) {
    const struct s_order *o = &s->order[i], *b = order_seen(&w->was, o->id);
    int64_t before = b ? b->group_id : 0;
    if (before == o->group_id) continue;
    if (before && group_state(&w->was, before) == 'l')
      differ(w, "3.7: o_%d left g_%d, which was locked", (int)o->id, (int)before);
    if (o->group_id && group_state(&w->was, o->group_id) == 'l')
      differ(w, "3.7: o_%d came into g_%d, which was locked", (int)o->id, (int)o->group_id);
  }
  for (int i = 0; i < s->fuls; i++) {
    const struct s_ful *f = &s->ful[i];
    if (f->status == P_CANCELLED) continue;
    if ((claim_live(s, f->id) || f->wave) && group_state(s, f->group_id) != 'l')
      differ(w, "3.7: %s is at work, and g_%d is not locked", named(s, f->id), (int)f->group_id);
  }
  for (int i = 0; i < w->was.groups; i++)
    if (w->was.group[i].state == 'l' && group_state(s, w->was.group[i].id) != 'l')
      differ(w, "3.7: g_%d was locked and is not", (int)w->was.group[i].id);
}

/* ---- 6.4: the outbox ------------------------------------------------------------------------------------------------------------------ */

static char effect_was(const struct world *w, int64_t id)
{
  for (int i = 0; i < w->was.effects; i++)
    if (w->was.effect[i].id == id) return w->was.effect[i].state;
  return 0;
}

/* One under way per destination and subject, and none begins before those in front of it have ended. A dead one that a
 * person makes again stands in front of those that went meanwhile. */
static void check_effects(struct world *w)
{
  const struct seen *s = &w->now;
  for (int i = 0; i < s->effects; i++)
    for (int j = i + 1; j < s->effects; j++) {
      const struct s_effect *a = &s->effect[i], *b = &s->effect[j];
      if (strcmp(a->destination, b->destination) || strcmp(a->subject, b->subject)) continue;
      if (a->state == 's' && b->state == 's')
        differ(w, "6.4: e_%d and e_%d are under way at once", (int)a->id, (int)b->id);
      if (b->state == 's' && effect_was(w, b->id) != 's')
        differ(w, "6.4: e_%d is under way and e_%d stands before it", (int)b->id, (int)a->id);
      if (a->state == 's' && effect_was(w, a->id) != 's' && b->state == 'u')
        differ(w, "6.4: e_%d is under way, and what became of e_%d is not known", (int)a->id, (int)b->id);
    }
}

void world_check(struct world *w)
{
  const struct seen *s = &w->now;
  check_moves(w);
  w->was.events = s->events;
  if ((w->refused || w->silent) && !w->failed) {
    w->was.moves = s->moves;
    if (memcmp(&w->was, &w->now, sizeof w->now))
      differ(w, "%s changed something, and it was %s", w->name, w->refused ? "refused" : "old news");
    return;
  }
  check_stock(w), check_units(w), check_groups(w), check_effects(w);
  for (int i = 0; i < s->claims; i++) check_claim(w, &s->claim[i]), check_claim_change(w, &s->claim[i]);
  for (int i = 0; i < s->orders; i++) check_status(w, &s->order[i]);
}
