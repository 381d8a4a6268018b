/* rate.c: rate cards come row by row; a quote asks all of them (domain 7.3); what was seen of carriers is learnt. */
#include "flow.h"

#define DAY_MS (24 * 3600 * 1000ll)

/* ---- rate.put: one band, and what its row says of the card ------------------------------------------------------- */
enum err flow_rate_put_parse(struct cmd *c, const struct json *body)
{
  struct rate_row *r = arena_new(&c->mem, struct rate_row);
  c->args = r;
  if (json_type(body) != JSON_OBJECT) return refuse_at(c, "", "not_an_object", "The body must be an object");
  return rate_row_read(&c->mem, body, r, &c->problem.faults) ? ERR_OK : ERR_INVALID;
}

static bool card_differs(const struct rate_card *x, const struct rate_card *y)
{
  struct rate_card a = *x, b = *y;
  const char **const texts[][2] = { { &a.code, &b.code },
                                    { &a.carrier, &b.carrier },
                                    { &a.service, &b.service },
                                    { &a.origin, &b.origin },
                                    { &a.currency, &b.currency } };
  for (size_t i = 0; i < COUNT(texts); i++) {
    if (strcmp(*texts[i][0], *texts[i][1]) != 0) return true;
    *texts[i][0] = *texts[i][1] = NULL;
  }
  const int64_t n[][2] = { { a.divisor, b.divisor },
                           { a.step_g, b.step_g },
                           { a.minimum, b.minimum },
                           { a.fuel_bp, b.fuel_bp },
                           { a.cod_bp, b.cod_bp },
                           { a.cod_minimum, b.cod_minimum },
                           { a.insured_bp, b.insured_bp },
                           { a.insured_minimum, b.insured_minimum },
                           { a.weight_max_g, b.weight_max_g },
                           { a.side_max_mm, b.side_max_mm },
                           { a.valid_from, b.valid_from },
                           { a.valid_to, b.valid_to },
                           { a.dangerous, b.dangerous },
                           { a.cold, b.cold },
                           { a.retired, b.retired } };
  for (size_t i = 0; i < COUNT(n); i++)
    if (n[i][0] != n[i][1]) return true;
  return false;
}

enum err flow_rate_put_run(struct cmd *c, struct db *db)
{
  const struct rate_row *row = c->args;
  struct rate_card card, was;
  struct rate r = row->rate;
  bool changed, is_new;
  enum err e = rate_card_find(db, &c->mem, row->card.code, &card);
  if (e && e != ERR_NOT_FOUND) return e;
  if (e) card = row->card;
  was = card;
  rate_card_merge(&card, row);
  if (!e && strcmp(card.carrier, was.carrier) != 0)
    return refuse(c, ERR_CONFLICT, "other_carrier", "The card %.64s is %.64s's", was.code, was.carrier);
  if (!e && !rate_currency_fits(&was, row))
    return refuse(c, ERR_CONFLICT, "other_currency", "The card %.64s is in %s", was.code, was.currency);
  bool is_other = e || card_differs(&card, &was);
  if (is_other) {
    TRY(rate_card_put(db, &card, c->now_ms));
    TRY(progress_event(c, db, 'r', card.id, e ? "rate_card.created" : "rate_card.updated", "{}"));
  }
  r.card_id = card.id;
  TRY(rate_put(db, &r, &changed, &is_new));
  struct jw w;
  c->status = is_new ? 201 : 200;
  jw_init(&w, &c->out), jw_object(&w), jw_kstring(&w, "code", card.code);
  jw_kstring(&w, "result",
             is_new                ? "created"
             : changed || is_other ? "updated"
                                   : "unchanged"),
    jw_object_end(&w);
  return ERR_OK;
}

/* ---- quotes ---------------------------------------------------------------------------------------------------------- */
struct quote_args {
  const char *fulfilment, *province, *city, *currency;
  int64_t weight, volume, side, cod, value, days;
  bool dangerous, cold;
};

enum err flow_rate_quote_parse(struct cmd *c, const struct json *body)
{
  struct quote_args *a = arena_new(&c->mem, struct quote_args);
  const struct arg rows[] = { { "fulfilment", ARG_TEXT, false, 24, &a->fulfilment },
                              { "province", ARG_TEXT, false, 64, &a->province },
                              { "city", ARG_TEXT, false, 64, &a->city },
                              { "currency", ARG_TEXT, false, 3, &a->currency },
                              { "weight_g", ARG_INT, false, 0, &a->weight },
                              { "volume_cm3", ARG_INT, false, 0, &a->volume },
                              { "longest_mm", ARG_INT, false, 0, &a->side },
                              { "cod_minor", ARG_INT, false, 0, &a->cod },
                              { "insured_minor", ARG_INT, false, 0, &a->value },
                              { "days", ARG_INT, false, 0, &a->days },
                              { "dangerous", ARG_BOOL, false, 0, &a->dangerous },
                              { "cold", ARG_BOOL, false, 0, &a->cold } };
  c->args = a;
  TRY(args_read(c, body, rows, COUNT(rows)));
  if (!a->fulfilment == !a->province)
    refuse_at(c, "", "fulfilment_or_province", "Name a fulfilment, or a province and a weight");
  if (!a->fulfilment && a->weight < 1) refuse_at(c, "/weight_g", "out_of_range", "1 gram at least");
  const int64_t numbers[] = { a->weight, a->volume, a->side, a->cod, a->value, a->days };
  for (size_t i = 0; i < COUNT(numbers); i++)
    if (numbers[i] < 0 || numbers[i] > 1000000000000) {
      refuse_at(c, "", "out_of_range", "Figures are not below 0, and below a million million");
      break;
    }
  if (a->weight > RATE_GRAMS_MAX) refuse_at(c, "/weight_g", "out_of_range", "100 t at most");
  return c->problem.faults.n ? ERR_INVALID : ERR_OK;
}

/* Where it goes. Who sells at a counter or from a sheet writes the province into the address, or leaves it out. */
static void place_of(struct arena *a, const struct order *o, const char **province, const char **city)
{
  struct addr_text t = { o->country, o->province, o->city, o->district, o->town, o->address, NULL };
  struct addr read;
  *province = o->province, *city = o->city;
  if (*rate_place(a, o->province) && *rate_place(a, o->city)) return;
  addr_parse(a, &t, &read);
  if (!*rate_place(a, o->province) && read.part[ADDR_PROVINCE])
    *province = div_name(a, read.part[ADDR_PROVINCE]);
  if (!*rate_place(a, o->city) && read.part[ADDR_CITY]) *city = div_name(a, read.part[ADDR_CITY]);
}

/* What a fulfilment weighs, and where it goes; ERR_NOT_FOUND: nothing is in it. */
static enum err goods_of(struct arena *a, struct db *db, int64_t fulfilment, struct parcel_goods *g,
                         const char **currency)
{
  struct fulfilment_line *l;
  struct order o;
  size_t n;
  int64_t weight, volume;
  TRY(fulfilment_lines(db, a, fulfilment, &l, &n));
  if (!n) return ERR_NOT_FOUND;
  TRY(order_get(db, a, l[0].order_id, &o));
  TRY(waybill_measure(a, db, fulfilment, &weight, &volume));
  if (!g->weight_g) g->weight_g = weight;
  if (!g->volume_cm3) g->volume_cm3 = volume;
  place_of(a, &o, &g->province, &g->city), *currency = o.currency;
  return ERR_OK;
}

static enum err goods_or_refuse(struct cmd *c, struct db *db, int64_t fulfilment, struct parcel_goods *g,
                                const char **currency)
{
  enum err e = goods_of(&c->mem, db, fulfilment, g, currency);
  return e == ERR_NOT_FOUND ? refuse(c, ERR_CONFLICT, "empty", "Nothing is in f_%lld", (long long)fulfilment)
                            : e;
}

/* All that is known of carriers, but the rows: those of one place are read when it is asked for. */
struct cards {
  struct rate_card *card;
  struct lead_time *seen;
  size_t n, seen_n;
  const struct rules *rules;
  int64_t now_ms;
};

static enum err cards_read(struct arena *a, struct db *db, const struct rules *rules, int64_t now_ms,
                           struct cards *k)
{
  *k = (struct cards){ .rules = rules, .now_ms = now_ms };
  TRY(rate_cards(db, a, false, &k->card, &k->n));
  return lead_times(db, a, &k->seen, &k->seen_n);
}

static enum err cards_ask(struct arena *a, struct db *db, const struct cards *k, const struct parcel_goods *g,
                          const char *currency, int64_t days, struct rate_candidate **list, int *best)
{
  const struct rate_rules rules = { k->rules->rate_percentile, k->rules->rate_observed };
  struct rate *row;
  size_t rows;
  TRY(rate_rows(db, a, rate_place(a, g->province), &row, &rows));
  *list = arena_array(a, struct rate_candidate, k->n + 1);
  *best =
    rate_choose(a, k->card, k->n, row, rows, k->seen, k->seen_n, &rules, g, currency, days, k->now_ms, *list);
  return ERR_OK;
}

static enum err rate_ask(struct cmd *c, struct db *db, const struct parcel_goods *g, const char *currency,
                         int64_t days, struct rate_candidate **list, size_t *n, int *best)
{
  struct cards k;
  TRY(cards_read(&c->mem, db, c->rules, c->now_ms, &k));
  *n = k.n;
  return cards_ask(&c->mem, db, &k, g, currency, days, list, best);
}

void candidate_put(struct jw *w, const struct rate_candidate *k)
{
  jw_object(w), jw_kstring(w, "carrier", k->card->carrier), jw_kstring(w, "card", k->card->code);
  jw_kstring(w, "service", k->card->service), jw_kstring(w, "currency", k->card->currency);
  if (k->band) {
    const struct rate_price *p = &k->price;
    const struct {
      const char *key;
      int64_t n;
    } parts[] = { { "price_minor", p->total },   { "billable_g", p->billable_g },
                  { "base_minor", p->base },     { "fuel_minor", p->fuel },
                  { "remote_minor", p->remote }, { "to_minimum_minor", p->minimum },
                  { "cod_minor", p->cod },       { "insured_minor", p->insured } };
    for (size_t i = 0; i < COUNT(parts); i++) jw_kint(w, parts[i].key, parts[i].n);
    jw_key(w, "days");
    if (k->days) jw_int(w, k->days);
    else jw_null(w);
    jw_kbool(w, "observed", k->observed);
  }
  jw_kstring(w, "lost", k->lost), jw_object_end(w);
}

static void quote_put(struct cmd *c, const struct rate_candidate *k, size_t n, int best)
{
  struct jw w;
  jw_init(&w, &c->out), jw_object(&w), jw_key(&w, "winner");
  if (best >= 0) candidate_put(&w, &k[best]);
  else jw_null(&w);
  jw_key(&w, "candidates"), jw_array(&w);
  for (size_t i = 0; i < n; i++) candidate_put(&w, &k[i]);
  jw_array_end(&w), jw_object_end(&w);
}

enum err rate_ask_fulfilment(struct cmd *c, struct db *db, int64_t fulfilment_id, int64_t weight_g,
                             int64_t days, struct rate_candidate **list, size_t *n, int *best)
{
  struct parcel_goods g = { .weight_g = weight_g };
  const char *currency = NULL;
  TRY(goods_or_refuse(c, db, fulfilment_id, &g, &currency));
  return rate_ask(c, db, &g, currency, days, list, n, best);
}

/* Who names no currency cannot be told which of 60 CNY and 12 USD is less. */
static bool are_of_one_currency(const struct rate_candidate *k, size_t n)
{
  const struct rate_candidate *first = NULL;
  for (size_t i = 0; i < n; i++) {
    if (!k[i].band) continue;
    if (!first) first = &k[i];
    if (strcmp(first->card->currency, k[i].card->currency) != 0) return false;
  }
  return true;
}

enum err flow_rate_quote_run(struct cmd *c, struct db *db)
{
  const struct quote_args *a = c->args;
  struct parcel_goods g = { a->province, a->city,  a->weight,    a->volume, a->side,
                            a->cod,      a->value, a->dangerous, a->cold };
  const char *currency = a->currency;
  struct rate_candidate *list;
  struct fulfilment f;
  size_t n;
  int best;
  if (a->fulfilment) {
    TRY(fulfilment_target(c, db, a->fulfilment, &f));
    TRY(goods_or_refuse(c, db, f.id, &g, &currency));
  }
  TRY(rate_ask(c, db, &g, currency, a->days, &list, &n, &best));
  if (!currency && !are_of_one_currency(list, n))
    return refuse(c, ERR_CONFLICT, "several_currencies", "Cards of several currencies go there: name one");
  quote_put(c, list, n, best);
  return ERR_OK;
}

/* ---- what is learnt: a parcel was delivered ----------------------------------------------------------------------------- */
enum err rate_learn(struct cmd *c, struct db *db, const struct claim *k, int64_t delivered_at)
{
  struct fulfilment_line *l;
  struct order o;
  size_t n;
  if (!k->picked_up_at || delivered_at < k->picked_up_at) return ERR_OK;
  TRY(fulfilment_lines(db, &c->mem, k->fulfilment_id, &l, &n));
  if (!n) return ERR_OK;
  TRY(order_get(db, &c->mem, l[0].order_id, &o));
  const char *province, *city;
  place_of(&c->mem, &o, &province, &city);
  province = rate_place(&c->mem, province);
  if (!*province) return ERR_OK;
  return lead_seen(db, k->carrier, province, (delivered_at - k->picked_up_at + DAY_MS - 1) / DAY_MS);
}

/* ---- what if: parcels that left, each with every card --------------------------------------------------------------------- */
static void sums_add(struct always_sum *s, size_t *n, const struct rate_candidate *k, size_t cards, int best)
{
  for (size_t i = 0; i < cards; i++) {
    size_t at = 0;
    if (!k[i].band) continue;
    int64_t least = k[i].price.total;
    bool again = false;
    for (size_t j = 0; j < cards; j++) { /* the carrier's cheapest card stands for it, once */
      if (!k[j].band || strcmp(k[j].card->carrier, k[i].card->carrier) != 0) continue;
      if (j < i) again = true;
      if (k[j].price.total < least) least = k[j].price.total;
    }
    while (at < *n && strcmp(s[at].carrier, k[i].card->carrier) != 0) at++;
    if (again || at == WHAT_IF_CARRIERS) continue;
    if (at == *n) s[(*n)++] = (struct always_sum){ .carrier = k[i].card->carrier };
    s[at].parcels++, s[at].sum += least, s[at].ours += k[best].price.total;
  }
}

void what_if_put(struct buf *out, const struct what_if *w)
{
  struct jw j;
  jw_init(&j, out), jw_object(&j), jw_kint(&j, "parcels", w->parcels),
    jw_kint(&j, "not_priced", w->not_priced);
  jw_kint(&j, "chosen_minor", w->chosen), jw_key(&j, "always"), jw_array(&j);
  for (size_t i = 0; i < w->sums; i++) {
    const struct always_sum *s = &w->sum[i];
    jw_object(&j), jw_kstring(&j, "carrier", s->carrier), jw_kint(&j, "parcels", s->parcels);
    jw_kint(&j, "always_minor", s->sum), jw_kint(&j, "chosen_minor", s->ours),
      jw_kint(&j, "saved_minor", s->sum - s->ours);
    jw_kint(&j, "saved_bp", s->sum ? (s->sum - s->ours) * 10000 / s->sum : 0), jw_object_end(&j);
  }
  jw_array_end(&j), jw_key(&j, "next");
  if (w->next) jw_int(&j, w->next);
  else jw_null(&j);
  jw_object_end(&j);
}

void what_if_open(struct arena *a, struct what_if *w)
{
  *w = (struct what_if){ .sum = arena_array(a, struct always_sum, WHAT_IF_CARRIERS) };
}

void what_if_add(struct what_if *w, const struct rate_candidate *k, size_t cards, int best)
{
  w->parcels++;
  if (best < 0) {
    w->not_priced++;
    return;
  }
  w->chosen += k[best].price.total;
  sums_add(w->sum, &w->sums, k, cards, best);
}

enum err rate_what_if(struct arena *a, struct db *db, const struct rules *rules, int64_t now_ms,
                      int64_t from_ms, int64_t to_ms, int64_t after, int64_t until_mono_ms, struct what_if *w)
{
  struct cards k;
  struct left *left;
  size_t n;
  enum err e = ERR_OK;
  what_if_open(a, w);
  TRY(cards_read(a, db, rules, now_ms, &k));
  TRY(claims_left(db, a, from_ms, to_ms, after, WHAT_IF_PARCELS + 1, &left, &n));
  for (size_t i = 0; !e && i < n; i++) {
    struct arena mine = { 0 };
    struct parcel_goods g = { 0 };
    struct rate_candidate *list;
    const char *currency = NULL;
    int best;
    w->next = i && (i == WHAT_IF_PARCELS || mono_ms() > until_mono_ms) ? left[i - 1].claim_id : 0;
    if (w->next) break;
    e = goods_of(&mine, db, left[i].fulfilment_id, &g, &currency);
    if (!e) e = cards_ask(&mine, db, &k, &g, currency, 0, &list, &best);
    if (!e) what_if_add(w, list, k.n, best);
    if (e == ERR_NOT_FOUND) e = ERR_OK; /* an order that was erased */
    arena_release(&mine);
  }
  return e;
}
