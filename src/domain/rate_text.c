/* rate_text.c: a row of a rate card as people write it: kilograms, per cent, "5-6天". */
#include "domain.h"
#include <stddef.h>
#include <stdlib.h>

enum how { TEXT, PLACE, CITIES, MODEL, KG, MM_OF_CM, MONEY, PER_KG, PERCENT, WHOLE, DAYS, DAY, YES };
#define CARD(f) offsetof(struct rate_row, card.f)
#define RATE(f) offsetof(struct rate_row, rate.f)
static const struct field {
  const char *key;
  enum how how;
  size_t at;
  bool of_card;
} fields[] = {
  { "card", TEXT, CARD(code), true },
  { "carrier", TEXT, CARD(carrier), true },
  { "service", TEXT, CARD(service), true },
  { "origin", TEXT, CARD(origin), true },
  { "currency", TEXT, CARD(currency), true },
  { "divisor", WHOLE, CARD(divisor), true },
  { "step_kg", KG, CARD(step_g), true },
  { "minimum", MONEY, CARD(minimum), true },
  { "fuel_percent", PERCENT, CARD(fuel_bp), true },
  { "cod_percent", PERCENT, CARD(cod_bp), true },
  { "cod_minimum", MONEY, CARD(cod_minimum), true },
  { "insured_percent", PERCENT, CARD(insured_bp), true },
  { "insured_minimum", MONEY, CARD(insured_minimum), true },
  { "max_kg", KG, CARD(weight_max_g), true },
  { "max_side_cm", MM_OF_CM, CARD(side_max_mm), true },
  { "valid_from", DAY, CARD(valid_from), true },
  { "valid_to", DAY, CARD(valid_to), true },
  { "dangerous", YES, CARD(dangerous), true },
  { "cold", YES, CARD(cold), true },
  { "retired", YES, CARD(retired), true },
  { "province", PLACE, RATE(province), false },
  { "city", CITIES, RATE(city), false },
  { "model", MODEL, RATE(model), false },
  { "from_kg", KG, RATE(from_g), false },
  { "to_kg", KG, RATE(to_g), false },
  { "first_kg", KG, RATE(first_g), false },
  { "first_price", MONEY, RATE(first), false },
  { "price_per_kg", PER_KG, RATE(per_kg), false },
  { "remote", MONEY, RATE(remote), false },
  { "days", DAYS, RATE(days_least), false },
};
const char *const rate_keys[] = { "card",
                                  "carrier",
                                  "service",
                                  "origin",
                                  "currency",
                                  "divisor",
                                  "step_kg",
                                  "minimum",
                                  "fuel_percent",
                                  "cod_percent",
                                  "cod_minimum",
                                  "insured_percent",
                                  "insured_minimum",
                                  "max_kg",
                                  "max_side_cm",
                                  "valid_from",
                                  "valid_to",
                                  "dangerous",
                                  "cold",
                                  "retired",
                                  "province",
                                  "city",
                                  "model",
                                  "from_kg",
                                  "to_kg",
                                  "first_kg",
                                  "first_price",
                                  "price_per_kg",
                                  "remote",
                                  "days",
                                  NULL };

/* "12.5" in units of 10^-digits; finer ones are refused. */
static bool decimal(const char *s, int digits, int64_t *out)
{
  int64_t v = 0;
  int fine = -1;
  if (!*s) return false;
  for (; *s; s++) {
    if (*s == '.' && fine < 0 && s[1]) fine = 0;
    else if (*s >= '0' && *s <= '9') {
      if (fine >= digits) {
        if (*s != '0') return false;
        continue;
      }
      if (fine >= 0) fine++;
      if (v > INT64_MAX / 10000000) return false;
      v = v * 10 + (*s - '0');
    } else return false;
  }
  for (int i = fine < 0 ? 0 : fine; i < digits; i++)
    if (__builtin_mul_overflow(v, 10, &v)) return false;
  *out = v;
  return true;
}

/* "5-6天", "3", "1-2 days", "次日" */
static bool days_of(const char *s, int64_t *least, int64_t *most)
{
  if (!strcmp(s, "次日") || !strcmp(s, "隔天")) return *least = *most = 1, true;
  char *end;
  *least = *most = strtoll(s, &end, 10);
  if (end == s || *least < 0) return false;
  size_t dash = *end == '-' || *end == '~'                                                  ? 1
                : !strncmp(end, "—", 3) || !strncmp(end, "～", 3) || !strncmp(end, "至", 3) ? 3
                                                                                            : 0;
  if (dash) {
    const char *from = end + dash;
    *most = strtoll(from, &end, 10);
    if (end == from) return false;
  }
  while (*end == ' ') end++;
  bool ok = !*end || !strcmp(end, "天") || !strcmp(end, "日") || !strcmp(end, "days") ||
            !strcmp(end, "day") || !strcmp(end, "个工作日");
  return ok && *least <= *most && *most <= 400;
}

static bool model_of(const char *s, enum rate_model *m)
{
  static const struct {
    const char *word;
    enum rate_model model;
  } words[] = { { "first_add", RATE_FIRST_ADD }, { "first+add", RATE_FIRST_ADD },
                { "per_kg", RATE_PER_KG },       { "total", RATE_TOTAL },
                { "flat", RATE_TOTAL },          { "bracket_total", RATE_TOTAL },
                { "首重续重", RATE_FIRST_ADD },  { "按公斤", RATE_PER_KG },
                { "一口价", RATE_TOTAL } };
  for (size_t i = 0; i < COUNT(words); i++)
    if (!strcmp(words[i].word, s)) return *m = words[i].model, true;
  return false;
}

/* "无锡市、常州市" */
static const char *cities_of(struct arena *a, const char *s)
{
  static const char *const between[] = { "、", "，", ",", "/", " ", ";", "；" };
  struct buf b = { 0 };
  for (const char *p = s; *p;) {
    const char *end = p + strlen(p);
    size_t skip = 0;
    for (size_t i = 0; i < COUNT(between); i++) {
      const char *at = strstr(p, between[i]);
      if (at && at < end) end = at, skip = strlen(between[i]);
    }
    if (end > p) buf_printf(&b, "%s%s", b.len ? " " : "", rate_place(a, arena_strn(a, p, (size_t)(end - p))));
    p = end + skip;
  }
  const char *out = arena_strn(a, b.data ? b.data : "", b.len);
  buf_release(&b);
  return out;
}

static bool value_read(struct arena *a, const struct field *f, const char *s, int digits, void *at)
{
  int64_t *n = at;
  switch (f->how) {
  case TEXT: *(const char **)at = arena_str(a, s); return utf8_count(s) <= 64;
  case PLACE: *(const char **)at = rate_place(a, s); return true;
  case CITIES: *(const char **)at = cities_of(a, s); return **(const char **)at; /* "、" is not all of them */
  case MODEL: return model_of(s, at);
  case KG: return decimal(s, 3, n) && *n <= RATE_GRAMS_MAX;
  case MM_OF_CM: return decimal(s, 1, n);
  case MONEY: return decimal(s, digits, n);
  case PER_KG: return decimal(s, digits + 3, n);
  case PERCENT: return decimal(s, 2, n) && *n <= 1000000;
  case WHOLE: return decimal(s, 0, n);
  case DAYS: return days_of(s, n, n + 1);
  case DAY: return time_parse_loose(s, 480, n);
  case YES:
    *(bool *)at = !strcmp(s, "yes") || !strcmp(s, "true") || !strcmp(s, "是");
    return *(bool *)at || !strcmp(s, "no") || !strcmp(s, "false") || !strcmp(s, "否");
  }
  return false;
}

static const char *text_of(const struct json *j)
{
  if (json_type(j) == JSON_BOOL) return json_bool(j) ? "yes" : "no";
  return json_string(j) ? json_string(j) : json_number(j);
}

static void field_read(struct arena *a, const struct json *j, size_t i, int digits, struct rate_row *out,
                       struct faults *f)
{
  const struct json *v = json_get(j, fields[i].key);
  if (!v || json_type(v) == JSON_NULL) return;
  const char *s = text_of(v);
  if (s && !*s) return;
  out->set |= 1ull << i;
  if (!s || !value_read(a, &fields[i], s, digits, (char *)out + fields[i].at))
    fault_add(f, json_pointer(a, "", fields[i].key), "bad_value", "%.60s is no value for %s", s ? s : "this",
              fields[i].key);
}

static bool is_known(const char *key)
{
  for (size_t i = 0; rate_keys[i]; i++)
    if (!strcmp(rate_keys[i], key)) return true;
  return false;
}

bool rate_row_read(struct arena *a, const struct json *j, struct rate_row *out, struct faults *f)
{
  int before = f->n;
  *out = (struct rate_row){ .card = { .currency = "CNY", .service = "", .origin = "" },
                            .rate = { .province = "", .city = "" } };
  const char *currency = json_string(json_get(j, "currency"));
  int digits = money_digits(currency && *currency ? currency : "CNY");
  if (digits < 0) fault_add(f, "/currency", "unknown_currency", "A code like CNY"), digits = 2;
  for (const struct json *m = json_first(j); m; m = json_next(m))
    if (!is_known(json_key(m)))
      fault_add(f, json_pointer(a, "", json_key(m)), "unknown_key", "This key is not known here");
  for (size_t i = 0; i < COUNT(fields); i++) field_read(a, j, i, digits, out, f);
  struct rate *r = &out->rate;
  if (!out->card.carrier) fault_add(f, "/carrier", "missing", "This is required");
  else if (!out->card.code)
    out->card.code =
      *out->card.service ? arena_printf(a, "%s/%s", out->card.carrier, out->card.service) : out->card.carrier;
  if (r->model == RATE_TOTAL && !r->first && r->per_kg)
    r->first = (r->per_kg + 500) / 1000, r->per_kg = 0; /* sheets write it there */
  if (r->to_g && r->to_g <= r->from_g)
    fault_add(f, "/to_kg", "out_of_range", "A band ends above its beginning");
  if (r->model == RATE_FIRST_ADD && !r->first_g) r->first_g = 1000;
  if (!r->first && !r->per_kg) fault_add(f, "/price_per_kg", "missing", "A band has a price");
  if (out->card.valid_to && out->card.valid_to <= out->card.valid_from)
    fault_add(f, "/valid_to", "out_of_range", "A card ends after its beginning");
  return f->n == before;
}

bool rate_currency_fits(const struct rate_card *c, const struct rate_row *row)
{
  bool named = false;
  for (size_t i = 0; i < COUNT(fields); i++) named |= fields[i].at == CARD(currency) && row->set & 1ull << i;
  return named ? !strcmp(c->currency, row->card.currency)
               : money_digits(c->currency) == money_digits(row->card.currency);
}

void rate_card_merge(struct rate_card *to, const struct rate_row *row)
{
  for (size_t i = 0; i < COUNT(fields); i++) {
    if (!fields[i].of_card || !(row->set & 1ull << i)) continue;
    size_t size = fields[i].how == TEXT  ? sizeof(char *)
                  : fields[i].how == YES ? sizeof(bool)
                                         : sizeof(int64_t);
    memcpy((char *)to + (fields[i].at - offsetof(struct rate_row, card)), (const char *)row + fields[i].at,
           size);
  }
}
