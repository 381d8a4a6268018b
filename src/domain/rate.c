/* rate.c: prices and the choice of a carrier. Pure. The formulas stand in domain/rate.h. */
#include "domain.h"

const char *rate_model_name(enum rate_model m)
{
  static const char *const names[] = { "first_add", "per_kg", "total" };
  return names[m];
}

/* ---- places ------------------------------------------------------------------------------------------------------ */
static bool cut(char *s, const char *end)
{
  size_t n = strlen(s), m = strlen(end);
  if (n <= m || n - m < 6 || strcmp(s + n - m, end) != 0) return false; /* two characters at least are left */
  s[n - m] = 0;
  return true;
}

char *rate_place(struct arena *a, const char *name)
{
  static const char *const ends[] = { "特别行政区", "维吾尔自治区", "壮族自治区", "回族自治区", "自治区",
                                      "自治州",     "地区",         "省内",       "省",         "市",
                                      "州",         "盟",           "县" };
  char *s = text_fold(a, name ? name : "");
  for (size_t i = 0; i < COUNT(ends); i++)
    if (cut(s, ends[i])) break;
  return s;
}

static bool among(const char *list, const char *name)
{
  size_t n = strlen(name);
  for (const char *p = list; n && *p; p += strspn(p, " ")) {
    size_t len = strcspn(p, " ");
    if (len == n && !memcmp(p, name, n)) return true;
    p += len;
  }
  return false;
}

/* ---- weight and price -------------------------------------------------------------------------------------------- */
int64_t rate_billable(const struct rate_card *c, int64_t weight_g, int64_t volume_cm3)
{
  int64_t g = weight_g, by_volume = 0;
  if (c->divisor > 0 && volume_cm3 > 0)
    by_volume =
      volume_cm3 > INT64_MAX / 2000 ? RATE_GRAMS_MAX : (volume_cm3 * 1000 + c->divisor - 1) / c->divisor;
  if (by_volume > g) g = by_volume;
  if (g > RATE_GRAMS_MAX) g = RATE_GRAMS_MAX;
  if (g < 1) g = 1;
  return c->step_g > 0 ? (g + c->step_g - 1) / c->step_g * c->step_g : g;
}

/* How near a row is to a place: 0 not at all, 1 everywhere, 2 the province, 3 the city. */
static int nearness(const struct rate *r, const char *province, const char *city)
{
  if (*r->province && strcmp(r->province, province) != 0) return 0;
  if (*r->city) return among(r->city, city) ? 3 : 0;
  return *r->province ? 2 : 1;
}

static int64_t end_of(const struct rate *r)
{
  return r->to_g ? r->to_g : INT64_MAX;
}

static bool holds(const struct rate *r, int64_t billable_g)
{
  return billable_g > r->from_g && billable_g <= end_of(r);
}

/* Of two bands that do not end below the weight. */
static bool is_nearer(const struct rate *x, const struct rate *y, int64_t billable_g)
{
  bool held = holds(x, billable_g);
  if (held != holds(y, billable_g)) return held;
  if (end_of(x) != end_of(y)) return end_of(x) < end_of(y);
  if (x->from_g != y->from_g) return held == (x->from_g > y->from_g);
  return x->id < y->id;
}

const struct rate *rate_band(const struct rate *r, size_t n, const char *province, const char *city,
                             int64_t billable_g, bool *served)
{
  const struct rate *best = NULL;
  bool below = false; /* some band ends below the best one's beginning */
  int near = 0;
  for (size_t i = 0; i < n; i++)
    if (nearness(&r[i], province, city) > near) near = nearness(&r[i], province, city);
  *served = near > 0;
  for (size_t i = 0; i < n && near; i++) {
    if (nearness(&r[i], province, city) != near || billable_g > end_of(&r[i])) continue;
    if (!best || is_nearer(&r[i], best, billable_g)) best = &r[i];
  }
  for (size_t i = 0; best && i < n; i++)
    below |= nearness(&r[i], province, city) == near && end_of(&r[i]) < end_of(best);
  if (best && billable_g <= best->from_g && !below && best->model != RATE_FIRST_ADD) return NULL;
  return best;
}

/* n * by / unit, half up. */
static int64_t part(int64_t n, int64_t by, int64_t unit)
{
  __int128 v = (__int128)n * by;
  v = (v + unit / 2) / unit;
  return v > INT64_MAX / 8 ? INT64_MAX / 8 : (int64_t)v;
}

void rate_price(const struct rate_card *c, const struct rate *r, const struct parcel_goods *g,
                int64_t billable_g, struct rate_price *out)
{
  int64_t more = billable_g > r->first_g ? billable_g - r->first_g : 0;
  *out = (struct rate_price){ .billable_g = billable_g, .remote = r->remote };
  switch (r->model) {
  case RATE_FIRST_ADD: out->base = r->first + part(r->per_kg, more, 1000000); break;
  case RATE_PER_KG: out->base = part(r->per_kg, billable_g, 1000000); break;
  case RATE_TOTAL: out->base = r->first; break;
  }
  out->fuel = part(out->base, c->fuel_bp, 10000);
  int64_t sum = out->base + out->fuel + out->remote;
  out->minimum = sum < c->minimum ? c->minimum - sum : 0;
  if (g->cod > 0) {
    out->cod = part(g->cod, c->cod_bp, 10000);
    if (out->cod < c->cod_minimum) out->cod = c->cod_minimum;
  }
  if (g->value > 0) {
    out->insured = part(g->value, c->insured_bp, 10000);
    if (out->insured < c->insured_minimum) out->insured = c->insured_minimum;
  }
  out->total = sum + out->minimum + out->cod + out->insured;
}

/* ---- lead times ------------------------------------------------------------------------------------------------------ */
int64_t lead_days(const struct lead_time *seen, size_t n, const char *carrier, const char *province,
                  int64_t percentile, int64_t least)
{
  int64_t all = 0, by = 0, days = 0;
  for (size_t i = 0; i < n; i++)
    if (!strcmp(seen[i].carrier, carrier) && !strcmp(seen[i].province, province)) all += seen[i].parcels;
  if (all < least || !all) return 0;
  for (size_t i = 0; i < n && by * 100 < all * percentile; i++) { /* by days, as lead_times() gives them */
    if (strcmp(seen[i].carrier, carrier) != 0 || strcmp(seen[i].province, province) != 0) continue;
    by += seen[i].parcels, days = seen[i].days;
  }
  return days > 0 ? days : 1;
}

static int64_t on_time(const struct lead_time *seen, size_t n, const struct rate_candidate *k,
                       const char *province)
{
  int64_t all = 0, in_time = 0, most = k->band->days_most;
  for (size_t i = 0; i < n; i++)
    if (!strcmp(seen[i].carrier, k->card->carrier) && !strcmp(seen[i].province, province))
      all += seen[i].parcels, in_time += seen[i].days <= most ? seen[i].parcels : 0;
  return all && most ? in_time * 10000 / all : -1;
}

/* ---- the choice --------------------------------------------------------------------------------------------------------- */
static const char *not_taken(const struct rate_card *c, const struct parcel_goods *g, int64_t billable_g,
                             const char *currency, int64_t now_ms)
{
  if (c->retired || now_ms < c->valid_from || (c->valid_to && now_ms >= c->valid_to)) return "not_valid";
  if (currency && strcmp(currency, c->currency) != 0) return "currency";
  if (c->weight_max_g && billable_g > c->weight_max_g) return "too_heavy";
  if (c->side_max_mm && g->side_mm > c->side_max_mm) return "too_long";
  if (g->dangerous && !c->dangerous) return "dangerous";
  if (g->cold && !c->cold) return "cold";
  return NULL;
}

static bool is_better(const struct rate_candidate *x, const struct rate_candidate *y)
{
  if (x->price.total != y->price.total) return x->price.total < y->price.total;
  if (x->on_time_bp != y->on_time_bp) return x->on_time_bp > y->on_time_bp;
  int by = strcmp(x->card->carrier, y->card->carrier);
  return by ? by < 0 : strcmp(x->card->code, y->card->code) < 0;
}

static size_t first_row(const struct rate *row, size_t n, int64_t card_id)
{
  size_t lo = 0;
  while (lo < n) {
    size_t mid = (lo + n) / 2;
    if (row[mid].card_id < card_id) lo = mid + 1;
    else n = mid;
  }
  return lo;
}

int rate_choose(struct arena *a, const struct rate_card *card, size_t cards, const struct rate *row,
                size_t rows, const struct lead_time *seen, size_t seen_n, const struct rate_rules *rules,
                const struct parcel_goods *g, const char *currency, int64_t need_days, int64_t now_ms,
                struct rate_candidate *out)
{
  const char *province = rate_place(a, g->province), *city = rate_place(a, g->city);
  int best = -1;
  for (size_t i = 0; i < cards; i++) {
    struct rate_candidate *k = &out[i];
    size_t at = first_row(row, rows, card[i].id), end = at;
    while (end < rows && row[end].card_id == card[i].id) end++;
    int64_t billable = rate_billable(&card[i], g->weight_g, g->volume_cm3);
    bool served;
    *k = (struct rate_candidate){ .card = &card[i], .on_time_bp = -1 };
    k->lost = not_taken(&card[i], g, billable, currency, now_ms);
    if (k->lost) continue;
    k->band = rate_band(row + at, end - at, province, city, billable, &served);
    if (!k->band) {
      k->lost = served ? "weight_not_listed" : "not_served";
      continue;
    }
    rate_price(&card[i], k->band, g, billable, &k->price);
    int64_t days = lead_days(seen, seen_n, card[i].carrier, province, rules->percentile, rules->observed);
    k->observed = days > 0, k->days = days ? days : k->band->days_most;
    k->on_time_bp = on_time(seen, seen_n, k, province);
    if (need_days && (!k->days || k->days > need_days)) k->lost = "too_late";
    else if (best < 0 || is_better(k, &out[best])) best = (int)i;
  }
  for (size_t i = 0; i < cards; i++)
    if (!out[i].lost && (int)i != best)
      out[i].lost = out[i].price.total > out[best].price.total ? "dearer" : "slower";
  return best;
}
