/* Rate cards as people write them: whatever a row holds, it is refused with a member and a reason, or it is a card and a band
 * that price every parcel, never below nothing, never less for more weight. The first bytes are the parcel, the rest is JSON
 * or, where it does not begin with a brace, "key value" lines. */
#include "domain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const struct json *row_of(struct arena *a, const char *p, size_t n, struct faults *f)
{
  struct buf b = { 0 };
  struct jw w;
  const struct json *j = NULL;
  char *text = arena_strn(a, p, n);
  if (*text == '{') return json_parse(a, p, n, 1000, f);
  jw_init(&w, &b), jw_object(&w);
  for (char *line = text, *end; *line; line = end) {
    end = line + strcspn(line, "\n");
    if (*end) *end++ = 0;
    size_t at = (size_t)(unsigned char)*line % 30;
    if (*line && utf8_valid(line + 1, strlen(line + 1))) jw_kstring(&w, rate_keys[at], line + 1);
  }
  jw_object_end(&w);
  j = json_parse(a, b.data, b.len, 1000, f);
  buf_release(&b);
  return j;
}

static void price(struct arena *a, const struct rate_row *row, const uint8_t *p)
{
  struct parcel_goods g = { .province = row->rate.province,
                            .city = row->rate.city,
                            .weight_g = 1 + p[0] * 400,
                            .volume_cm3 = p[1] * 4000,
                            .side_mm = p[2] * 10,
                            .cod = p[3] * 100,
                            .value = p[3] * 1000,
                            .dangerous = p[4] & 1,
                            .cold = p[4] & 2 };
  const struct rate_rules rules = { 90, 1 };
  struct rate_card card = row->card;
  struct rate band = row->rate;
  struct rate_candidate k[1];
  struct rate_price light, heavy;
  card.id = band.card_id = 1;
  int best = rate_choose(a, &card, 1, &band, 1, NULL, 0, &rules, &g, NULL, p[4] >> 2 & 3, card.valid_from, k);
  must((best == 0) == !k[0].lost);
  must(k[0].band || k[0].lost);
  must(!k[0].band || k[0].price.total >= 0);
  int64_t billable = rate_billable(&card, g.weight_g, g.volume_cm3);
  must(billable >= g.weight_g && (!card.step_g || billable % card.step_g == 0));
  rate_price(&card, &band, &g, billable, &light);
  rate_price(&card, &band, &g, billable + 1 + p[1] * 1000, &heavy);
  must(light.base >= 0 && light.fuel >= 0 && light.remote >= 0 && light.minimum >= 0 && light.cod >= 0 &&
       light.insured >= 0);
  must(light.total >= card.minimum && heavy.total >= light.total);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
  struct arena a = { 0 };
  struct faults f = { .mem = &a };
  struct rate_row row;
  if (n < 6) return 0;
  const struct json *j = row_of(&a, (const char *)data + 5, n - 5, &f);
  if (j && json_type(j) == JSON_OBJECT) {
    if (rate_row_read(&a, j, &row, &f)) {
      struct rate_card merged = row.card;
      must(row.card.carrier && *row.card.code && money_digits(row.card.currency) >= 0);
      must(!row.rate.to_g || row.rate.to_g > row.rate.from_g);
      rate_card_merge(&merged, &row);
      must(!strcmp(merged.code, row.card.code) && merged.minimum == row.card.minimum &&
           rate_currency_fits(&merged, &row));
      price(&a, &row, data);
    } else {
      must(f.n > 0 && *f.at[0].pointer == '/' && *f.at[0].code && *f.at[0].detail);
    }
  }
  arena_release(&a);
  return 0;
}
