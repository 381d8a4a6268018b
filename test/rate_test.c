/* rate_test.c: prices by hand, rule by rule; then random cards against a second, naive reading of the rules. */
#include "domain.h"
#include "test.h"

#define NOW 1780000000000 /* some day of 2026 */
#define DAY 86400000ll
#define FA RATE_FIRST_ADD
#define KG RATE_PER_KG
#define TO RATE_TOTAL

static const struct rate_rules plain = { 90, 3 };

static struct rate_card card_of(int64_t id, const char *code)
{
  return (struct rate_card){
    .id = id, .code = code, .carrier = code, .service = "", .origin = "", .currency = "CNY"
  };
}

static struct rate band_to(int64_t card_id, const char *province, const char *city)
{
  return (struct rate){ .card_id = card_id, .province = province, .city = city, .first_g = 1000 };
}

/* ---- weight ------------------------------------------------------------------------------------------------------ */
TEST(rate_billable_is_the_larger_of_weight_and_volume_in_whole_steps)
{
  static const struct {
    int64_t divisor, step, g, cm3, billable;
  } rows[] = {
    { 0, 0, 1, 0, 1 },               /* neither: the gram */
    { 0, 0, 0, 0, 1 },               /* not weighed: a gram */
    { 0, 0, 777, 900000, 777 },      /* no divisor: volume does not count */
    { 6000, 0, 777, 0, 777 },        /* no volume known */
    { 6000, 0, 1000, 6000, 1000 },   /* 6000 / 6000 = 1 kg: equal */
    { 6000, 0, 1000, 6001, 1001 },   /* 1.000166… kg: rounded up to a gram */
    { 6000, 0, 1000, 5999, 1000 },   /* 0.99983 kg is less */
    { 6000, 500, 1000, 6001, 1500 }, /* 1.001 kg, up to 1.5 */
    { 6000, 500, 1500, 6001, 1500 }, /* on the step already */
    { 6000, 500, 1501, 0, 2000 },
    { 6000, 1000, 1, 1, 1000 },        /* a step at least */
    { 5000, 100, 2340, 12000, 2400 },  /* 12000 / 5000 = 2.4 kg */
    { 5000, 100, 2340, 12001, 2500 },  /* 2.4002 kg: 2.401, up to 2.5 */
    { 4000, 1000, 3000, 12001, 4000 }, /* 3.00025 kg */
    { 8000, 1, 1000, 9000, 1125 },     /* 1.125 kg */
    { 6000, 0, RATE_GRAMS_MAX + 5, 0, RATE_GRAMS_MAX },
    { 1, 0, 1, INT64_MAX, RATE_GRAMS_MAX }, /* does not overflow */
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct rate_card c = { .divisor = rows[i].divisor, .step_g = rows[i].step };
    test_note("row %zu", i);
    CHECK_INT(rate_billable(&c, rows[i].g, rows[i].cm3), rows[i].billable);
  }
}

/* ---- price --------------------------------------------------------------------------------------------------------- */
TEST(rate_price_by_hand)
{
  static const struct {
    const char *rule;
    enum rate_model model;
    int64_t first_g, first, per_kg, remote; /* of the band; per_kg in thousandths of a fen */
    struct rate_card c;
    int64_t g, cod, value, total;
  } rows[] = {
    { "first weight alone", FA, 1000, 1200, 200000, 0, { 0 }, 1000, 0, 0, 1200 },
    { "below the first weight", FA, 1000, 1200, 200000, 0, { 0 }, 1, 0, 0, 1200 },
    { "a gram beyond: 12 + 0.001 x 2 = 12.002", FA, 1000, 1200, 200000, 0, { 0 }, 1001, 0, 0, 1200 },
    { "a gram at 5.00 is half a fen: up", FA, 1000, 1200, 500000, 0, { 0 }, 1001, 0, 0, 1201 },
    { "0.002 kg x 1.99 = 0.398 fen: down", FA, 1000, 1200, 199000, 0, { 0 }, 1002, 0, 0, 1200 },
    { "further: 12 + 2 x 2", FA, 1000, 1200, 200000, 0, { 0 }, 3000, 0, 0, 1600 },
    { "first weight of 3 kg: 20 + 2 x 1.5", FA, 3000, 2000, 150000, 0, { 0 }, 5000, 0, 0, 2300 },
    { "per kg: 50.001 x 0.455 = 22.750455", KG, 0, 0, 45500, 0, { 0 }, 50001, 0, 0, 2275 },
    { "per kg: 0.5 x 0.99 = 0.495, half up", KG, 0, 0, 99000, 0, { 0 }, 500, 0, 0, 50 },
    { "per kg knows no first price", KG, 1000, 9900, 100000, 0, { 0 }, 2000, 0, 0, 200 },
    { "total, whatever the weight", TO, 0, 5000, 100000, 0, { 0 }, 49999, 0, 0, 5000 },
    { "remote area: 16 + 8", FA, 1000, 1200, 200000, 800, { 0 }, 3000, 0, 0, 2400 },
    { "fuel is of the base, not of the remote area: 16 + 1.60 + 8",
      FA,
      1000,
      1200,
      200000,
      800,
      { .fuel_bp = 1000 },
      3000,
      0,
      0,
      2560 },
    { "fuel half up: 12.34 x 12.5 % = 1.5425", TO, 0, 1234, 0, 0, { .fuel_bp = 1250 }, 1, 0, 0, 1234 + 154 },
    { "fuel half up: 0.20 x 12.5 % = 0.025", TO, 0, 20, 0, 0, { .fuel_bp = 1250 }, 1, 0, 0, 20 + 3 },
    { "minimum above: 12 to 15", FA, 1000, 1200, 0, 0, { .minimum = 1500 }, 1, 0, 0, 1500 },
    { "minimum holds base, fuel and remote: 12 + 1.20 + 2 = 15.20",
      FA,
      1000,
      1200,
      0,
      200,
      { .minimum = 1500, .fuel_bp = 1000 },
      1,
      0,
      0,
      1520 },
    { "minimum reached to the fen", FA, 1000, 1500, 0, 0, { .minimum = 1500 }, 1, 0, 0, 1500 },
    { "fees come on top of the minimum: 15 + 3",
      FA,
      1000,
      1200,
      0,
      0,
      { .minimum = 1500, .cod_bp = 100 },
      1,
      30000,
      0,
      1800 },
    { "nothing collected, no COD fee",
      FA,
      1000,
      1200,
      0,
      0,
      { .cod_bp = 100, .cod_minimum = 300 },
      1,
      0,
      0,
      1200 },
    { "COD 1 % of 199.50 = 1.995", TO, 0, 1000, 0, 0, { .cod_bp = 100 }, 1, 19950, 0, 1000 + 200 },
    { "COD 1 % of 100, 3 at least",
      TO,
      0,
      1000,
      0,
      0,
      { .cod_bp = 100, .cod_minimum = 300 },
      1,
      10000,
      0,
      1300 },
    { "COD 1 % of 300 is the 3",
      TO,
      0,
      1000,
      0,
      0,
      { .cod_bp = 100, .cod_minimum = 300 },
      1,
      30000,
      0,
      1300 },
    { "COD 1 % of 301", TO, 0, 1000, 0, 0, { .cod_bp = 100, .cod_minimum = 300 }, 1, 30100, 0, 1301 },
    { "not insured", TO, 0, 1000, 0, 0, { .insured_bp = 50, .insured_minimum = 100 }, 1, 0, 0, 1000 },
    { "insured 0.5 % of 500",
      TO,
      0,
      1000,
      0,
      0,
      { .insured_bp = 50, .insured_minimum = 100 },
      1,
      0,
      50000,
      1250 },
    { "insured 0.5 % of 100, 1 at least",
      TO,
      0,
      1000,
      0,
      0,
      { .insured_bp = 50, .insured_minimum = 100 },
      1,
      0,
      10000,
      1100 },
    { "all: 12 + 4 x 2 = 20, fuel 8 % 1.60, remote 5, COD 2 % of 88 = 1.76, insured 0.3 % of 1000 = 3",
      FA,
      1000,
      1200,
      200000,
      500,
      { .fuel_bp = 800, .minimum = 900, .cod_bp = 200, .insured_bp = 30 },
      5000,
      8800,
      100000,
      2000 + 160 + 500 + 176 + 300 },
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct rate r = { .model = rows[i].model,
                      .first_g = rows[i].first_g,
                      .first = rows[i].first,
                      .per_kg = rows[i].per_kg,
                      .remote = rows[i].remote };
    struct parcel_goods g = { .cod = rows[i].cod, .value = rows[i].value };
    struct rate_price p;
    test_note("%s", rows[i].rule);
    rate_price(&rows[i].c, &r, &g, rows[i].g, &p);
    CHECK_INT(p.total, rows[i].total);
    CHECK_INT(p.base + p.fuel + p.remote + p.minimum + p.cod + p.insured, p.total);
    CHECK_INT(p.billable_g, rows[i].g);
  }
}

/* ---- zones and bands ----------------------------------------------------------------------------------------------- */
TEST(rate_zones_the_nearest_that_names_the_place)
{
  static const struct rate zones[] = {
    { .id = 1, .province = "", .city = "", .first = 100 },
    { .id = 2, .province = "浙江", .city = "", .first = 200 },
    { .id = 3, .province = "浙江", .city = "杭州 宁波", .first = 300 },
    { .id = 4, .province = "", .city = "苏州", .first = 400 },
  };
  static const struct {
    const char *province, *city;
    int64_t id;
  } rows[] = {
    { "浙江省", "杭州市", 3 },
    { "浙江", "宁波", 3 },
    { "浙江省", "温州市", 2 },
    { "浙江省", "", 2 },
    { "浙江省", "波", 2 },
    { "江苏省", "杭州市", 1 }, /* another province's name does not take it there */
    { "江苏省", "苏州市", 4 },
    { "西藏自治区", "拉萨市", 1 },
    { "", "", 1 },
    { "新疆维吾尔自治区", NULL, 1 },
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct arena a = { 0 };
    bool served;
    const struct rate *r = rate_band(zones, COUNT(zones), rate_place(&a, rows[i].province),
                                     rate_place(&a, rows[i].city), 500, &served);
    test_note("%s %s", rows[i].province, rows[i].city ? rows[i].city : "-");
    CHECK(r && served && r->id == rows[i].id);
    arena_release(&a);
  }
  bool served;
  CHECK(!rate_band(zones + 1, 2, "江苏", "南京", 500, &served));
  CHECK(!served);
  CHECK(!rate_band(zones, 0, "江苏", "南京", 500, &served));
  CHECK(!served);
}

TEST(rate_places_are_one_however_they_are_written)
{
  static const char *const rows[][2] = {
    { "浙江省", "浙江" },         { "浙江", "浙江" },
    { "广东省内", "广东" },       { "北京市", "北京" },
    { "内蒙古自治区", "内蒙古" }, { "新疆维吾尔自治区", "新疆" },
    { "广西壮族自治区", "广西" }, { "宁夏回族自治区", "宁夏" },
    { "香港特别行政区", "香港" }, { "大理州", "大理" },
    { "阿克苏地区", "阿克苏" },   { "锡林郭勒盟", "锡林郭勒" },
    { "广州", "广州" },           { "沙县", "沙县" }, /* two characters are a name */
    { "杭州市", "杭州" },         { "", "" },
  };
  struct arena a = { 0 };
  for (size_t i = 0; i < COUNT(rows); i++) CHECK_STR(rate_place(&a, rows[i][0]), rows[i][1]);
  CHECK_STR(rate_place(&a, NULL), "");
  arena_release(&a);
}

TEST(rate_bands_by_weight)
{
  static const struct {
    const char *rule;
    struct {
      enum rate_model model;
      int64_t from, to;
    } band[3];
    int64_t g;
    int found; /* -1: none */
  } rows[] = {
    { "above the beginning", { { KG, 0, 1000 }, { KG, 1000, 2000 } }, 1001, 1 },
    { "the end is within", { { KG, 0, 1000 }, { KG, 1000, 2000 } }, 1000, 0 },
    { "the last end is within", { { KG, 0, 1000 }, { KG, 1000, 2000 } }, 2000, 1 },
    { "beyond the last", { { KG, 0, 1000 }, { KG, 1000, 2000 } }, 2001, -1 },
    { "no end", { { KG, 0, 1000 }, { KG, 1000, 0 } }, 99000000, 1 },
    { "between 500 and 501", { { KG, 0, 500000 }, { KG, 501000, 900000 } }, 500400, 1 },
    { "below the first, priced by kg", { { KG, 50000, 0 } }, 49000, -1 },
    { "on the beginning of the first", { { KG, 50000, 0 } }, 50000, -1 },
    { "below the first, with a first weight", { { FA, 10000, 0 } }, 9000, 0 },
    { "of two without an end, the one that holds it", { { FA, 0, 0 }, { FA, 10000, 0 } }, 3000, 0 },
    { "the narrower of two that hold it", { { FA, 0, 0 }, { FA, 10000, 0 } }, 10001, 1 },
    { "the one that holds it, though another ends before", { { KG, 0, 0 }, { KG, 10000, 20000 } }, 5000, 0 },
    { "the special one where it holds", { { KG, 0, 0 }, { KG, 10000, 20000 } }, 15000, 1 },
    { "behind the special one", { { KG, 0, 0 }, { KG, 10000, 20000 } }, 20001, 0 },
    { "one end, two beginnings", { { KG, 0, 20000 }, { KG, 10000, 20000 } }, 5000, 0 },
    { "nothing holds it: the nearest above", { { FA, 20000, 0 }, { FA, 10000, 0 } }, 5000, 1 },
  };
  for (size_t i = 0; i < COUNT(rows); i++)
    for (int turned = 0; turned < 2; turned++) {
      struct rate r[3];
      int n = 0;
      bool served;
      for (; n < 3 && (n == 0 || rows[i].band[n].from || rows[i].band[n].to); n++) {
        r[n] = band_to(1, "", "");
        r[n].id = n + 1, r[n].model = rows[i].band[n].model, r[n].from_g = rows[i].band[n].from,
        r[n].to_g = rows[i].band[n].to;
      }
      if (turned && n == 2) {
        struct rate swap = r[0];
        r[0] = r[1], r[1] = swap;
      }
      test_note("%s%s", rows[i].rule, turned ? ", turned" : "");
      const struct rate *found = rate_band(r, (size_t)n, "浙江", "", rows[i].g, &served);
      CHECK_INT(found ? found->id - 1 : -1, rows[i].found);
      CHECK(served);
    }
}

/* ---- the choice ------------------------------------------------------------------------------------------------------ */
TEST(rate_choice_says_why_each_lost)
{
  static const struct {
    const char *lost;   /* NULL: it wins against a card of 50.00 */
    struct rate_card c; /* what is unlike a plain card */
    struct parcel_goods g;
    int64_t need_days;
  } rows[] = {
    { NULL, { 0 }, { 0 }, 0 },
    { "not_valid", { .valid_from = NOW + 1 }, { 0 }, 0 },
    { NULL, { .valid_from = NOW }, { 0 }, 0 },
    { "not_valid", { .valid_to = NOW }, { 0 }, 0 }, /* the end is excluded */
    { NULL, { .valid_to = NOW + 1 }, { 0 }, 0 },
    { "not_valid", { .retired = true }, { 0 }, 0 },
    { "currency", { .currency = "USD" }, { 0 }, 0 },
    { "too_heavy", { .weight_max_g = 2999 }, { 0 }, 0 },
    { NULL, { .weight_max_g = 3000 }, { 0 }, 0 },
    { "too_heavy",
      { .weight_max_g = 3000, .divisor = 6000 },
      { .volume_cm3 = 18001 },
      0 }, /* 3.001 kg by volume */
    { "too_long", { .side_max_mm = 999 }, { .side_mm = 1000 }, 0 },
    { NULL, { .side_max_mm = 1000 }, { .side_mm = 1000 }, 0 },
    { NULL, { .side_max_mm = 1000 }, { 0 }, 0 }, /* not measured */
    { "dangerous", { 0 }, { .dangerous = true }, 0 },
    { NULL, { .dangerous = true }, { .dangerous = true }, 0 },
    { "cold", { 0 }, { .cold = true }, 0 },
    { NULL, { .cold = true }, { .cold = true }, 0 },
    { NULL, { 0 }, { 0 }, 3 },
    { "too_late", { 0 }, { 0 }, 2 }, /* the band says 3 days */
    { "not_served", { 0 }, { .province = "西藏自治区" }, 0 },
    { "weight_not_listed", { 0 }, { .weight_g = 20001 }, 0 },
    { "dearer", { .minimum = 5001 }, { 0 }, 0 },
    { "slower",
      { .minimum = 5000 },
      { 0 },
      0 }, /* the same price: the carrier's name decides, "a" is before "x" */
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct arena a = { 0 };
    struct rate_card card[2] = { rows[i].c, card_of(2, "a") };
    struct rate band[2] = { band_to(1, "浙江", ""), band_to(2, "", "") };
    struct parcel_goods g = rows[i].g;
    struct rate_candidate k[2];
    card[0].id = 1, card[0].code = card[0].carrier = "x", card[0].service = card[0].origin = "";
    if (!card[0].currency) card[0].currency = "CNY";
    card[1].dangerous = card[1].cold = true;
    band[0].first = 1000, band[0].days_least = 2, band[0].days_most = 3, band[0].to_g = 20000;
    band[1].first = 5000, band[1].days_least = band[1].days_most = 1;
    if (!g.province) g.province = "浙江省";
    if (!g.weight_g) g.weight_g = 3000;
    test_note("row %zu: %s", i, rows[i].lost ? rows[i].lost : "wins");
    int best = rate_choose(&a, card, 2, band, 2, NULL, 0, &plain, &g, "CNY", rows[i].need_days, NOW, k);
    CHECK_INT(best, rows[i].lost ? 1 : 0);
    CHECK_STR(k[0].lost, rows[i].lost);
    CHECK_STR(k[1].lost, rows[i].lost ? NULL : "dearer");
    arena_release(&a);
  }
}

TEST(rate_ties_by_those_on_time_then_by_name)
{
  struct arena a = { 0 };
  struct rate_card card[3] = { card_of(1, "c"), card_of(2, "b"), card_of(3, "b2") };
  struct rate band[3] = { band_to(1, "", ""), band_to(2, "", ""), band_to(3, "", "") };
  struct parcel_goods g = { .province = "浙江省", .weight_g = 500 };
  struct rate_candidate k[3];
  card[2].carrier = "b";
  for (size_t i = 0; i < 3; i++) band[i].first = 900, band[i].days_least = band[i].days_most = 2;
  /* c: 3 of 4 within two days, 75.00 %; b: 2 of 4 */
  static const struct lead_time seen[] = { { "b", "浙江", 2, 2 }, { "b", "浙江", 5, 2 },
                                           { "c", "浙江", 1, 1 }, { "c", "浙江", 2, 2 },
                                           { "c", "浙江", 3, 1 }, { "c", "江苏", 9, 50 } };
  CHECK_INT(rate_choose(&a, card, 3, band, 3, seen, COUNT(seen), &plain, &g, "CNY", 0, NOW, k), 0);
  CHECK_INT(k[0].on_time_bp, 7500);
  CHECK_INT(k[1].on_time_bp, 5000);
  CHECK_STR(k[1].lost, "slower");
  CHECK_INT(rate_choose(&a, card, 3, band, 3, NULL, 0, &plain, &g, "CNY", 0, NOW, k),
            1); /* by carrier, then by card */
  CHECK_INT(k[0].on_time_bp, -1);
  band[2].first = 899;
  CHECK_INT(rate_choose(&a, card, 3, band, 3, seen, COUNT(seen), &plain, &g, "CNY", 0, NOW, k), 2);
  CHECK_STR(k[0].lost, "dearer");
  arena_release(&a);
}

TEST(rate_promises_count_what_was_seen_before_what_is_printed)
{
  struct arena a = { 0 };
  struct rate_card card[2] = { card_of(1, "cheap"), card_of(2, "quick") };
  struct rate band[2] = { band_to(1, "", ""), band_to(2, "", "") };
  struct parcel_goods g = { .province = "浙江省", .weight_g = 500 };
  struct rate_candidate k[2];
  band[0].first = 500, band[0].days_least = 1, band[0].days_most = 2;
  band[1].first = 900; /* states no days */
  static const struct lead_time seen[] = { { "cheap", "浙江", 2, 8 },
                                           { "cheap", "浙江", 4, 2 },
                                           { "quick", "浙江", 1, 2 } };
  /* 90 % of 10 is 9: reached on the fourth day. Two parcels of quick are fewer than three: nothing is known of it. */
  CHECK_INT(rate_choose(&a, card, 2, band, 2, seen, 3, &plain, &g, "CNY", 3, NOW, k), -1);
  CHECK_INT(k[0].days, 4);
  CHECK(k[0].observed);
  CHECK_STR(k[0].lost, "too_late");
  CHECK_INT(k[1].days, 0);
  CHECK(!k[1].observed);
  CHECK_STR(k[1].lost, "too_late");
  CHECK_INT(rate_choose(&a, card, 2, band, 2, seen, 3, &(struct rate_rules){ 80, 2 }, &g, "CNY", 2, NOW, k),
            0); /* 8 of 10 by the second */
  CHECK_INT(k[1].days, 1);
  CHECK_INT(rate_choose(&a, card, 2, band, 2, seen, 3, &(struct rate_rules){ 90, 2 }, &g, "CNY", 3, NOW, k),
            1);
  CHECK_STR(k[0].lost, "too_late");
  CHECK_INT(lead_days(seen, 3, "cheap", "浙江", 100, 1), 4);
  CHECK_INT(lead_days(seen, 3, "cheap", "浙江", 1, 1), 2);
  CHECK_INT(lead_days(seen, 3, "cheap", "江苏", 90, 1), 0);
  CHECK_INT(lead_days(seen, 3, "cheap", "浙江", 90, 11), 0);
  arena_release(&a);
}

/* ---- rows as text ---------------------------------------------------------------------------------------------------- */
static bool row_of(struct arena *a, const char *members, struct rate_row *r, struct faults *f)
{
  const char *text = arena_printf(a, "{%s}", members);
  const struct json *j = json_parse(a, text, strlen(text), 1000, f);
  must(j);
  return rate_row_read(a, j, r, f);
}

TEST(rate_rows_are_refused_with_the_member_and_the_reason)
{
  static const struct {
    const char *members, *pointer, *code;
  } rows[] = {
    { "'price_per_kg':'1'", "/carrier", "missing" },
    { "'carrier':'z'", "/price_per_kg", "missing" },
    { "'carrier':'z','first_price':'0'", "/price_per_kg", "missing" },
    { "'carrier':'z','price_per_kg':'-1'", "/price_per_kg", "bad_value" },
    { "'carrier':'z','price_per_kg':'1.234567'", "/price_per_kg",
      "bad_value" }, /* a thousandth of a fen is the finest */
    { "'carrier':'z','first_price':'1.234'", "/first_price", "bad_value" },
    { "'carrier':'z','first_price':'1,2'", "/first_price", "bad_value" },
    { "'carrier':'z','first_price':'1.'", "/first_price", "bad_value" },
    { "'carrier':'z','first_price':'1.2.3'", "/first_price", "bad_value" },
    { "'carrier':'z','first_price':1e2", "/first_price", "bad_value" },
    { "'carrier':'z','first_price':'99999999999999999999'", "/first_price", "bad_value" },
    { "'carrier':'z','first_price':{}", "/first_price", "bad_value" },
    { "'carrier':'z','first_price':'1','from_kg':'0.0001'", "/from_kg", "bad_value" },
    { "'carrier':'z','first_price':'1','from_kg':'100000.001'", "/from_kg", "bad_value" }, /* above 100 t */
    { "'carrier':'z','first_price':'1','from_kg':'2','to_kg':'1'", "/to_kg", "out_of_range" },
    { "'carrier':'z','first_price':'1','from_kg':'2','to_kg':'2'", "/to_kg", "out_of_range" },
    { "'carrier':'z','first_price':'1','model':'guess'", "/model", "bad_value" },
    { "'carrier':'z','first_price':'1','days':'soon'", "/days", "bad_value" },
    { "'carrier':'z','first_price':'1','days':'5-3'", "/days", "bad_value" },
    { "'carrier':'z','first_price':'1','days':'3-'", "/days", "bad_value" },
    { "'carrier':'z','first_price':'1','days':'-3'", "/days", "bad_value" },
    { "'carrier':'z','first_price':'1','days':'401'", "/days", "bad_value" },
    { "'carrier':'z','first_price':'1','days':'99999999999999999999'", "/days", "bad_value" },
    { "'carrier':'z','first_price':'1','divisor':'6000.5'", "/divisor", "bad_value" },
    { "'carrier':'z','first_price':'1','fuel_percent':'10001'", "/fuel_percent", "bad_value" },
    { "'carrier':'z','first_price':'1','fuel_percent':'1.005'", "/fuel_percent", "bad_value" },
    { "'carrier':'z','first_price':'1','cold':'perhaps'", "/cold", "bad_value" },
    { "'carrier':'z','first_price':'1','valid_from':'some day'", "/valid_from", "bad_value" },
    { "'carrier':'z','first_price':'1','valid_from':'2026-02-01','valid_to':'2026-02-01'", "/valid_to",
      "out_of_range" },
    { "'carrier':'z','first_price':'1','currency':'XXQ'", "/currency", "unknown_currency" },
    { "'carrier':'z','first_price':'1','nonsense':1", "/nonsense", "unknown_key" },
    { "'carrier':'z','first_price':'1','city':'、，'", "/city", "bad_value" }, /* no city: not all of them */
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct arena a = { 0 };
    struct faults f = { .mem = &a };
    struct rate_row r;
    char *members = arena_str(&a, rows[i].members);
    for (char *p = members; *p; p++) *p = *p == '\'' ? '"' : *p;
    test_note("%s", members);
    CHECK(!row_of(&a, members, &r, &f));
    CHECK(f.n >= 1); /* a price that cannot be read is also missing */
    CHECK_STR(f.at[0].pointer, rows[i].pointer);
    CHECK_STR(f.at[0].code, rows[i].code);
    arena_release(&a);
  }
}

TEST(rate_rows_read_what_people_write)
{
  static const struct {
    const char *members;
    size_t at; /* in struct rate_row */
    int64_t value;
  } rows[] = {
#define R(m, field, v) { m, offsetof(struct rate_row, field), v }
    R("'first_price':'12.5'", rate.first, 1250),
    R("'first_price':12.50", rate.first, 1250),
    R("'first_price':'.5'", rate.first, 50),
    R("'first_price':'1.2300'", rate.first, 123),
    R("'first_price':'120','currency':'JPY'", rate.first, 120),
    R("'first_price':'1.234','currency':'KWD'", rate.first, 1234),
    R("'price_per_kg':'0.455'", rate.per_kg, 45500),
    R("'price_per_kg':'0.00001'", rate.per_kg, 1),
    R("'price_per_kg':'1','from_kg':'0.5'", rate.from_g, 500),
    R("'price_per_kg':'1','to_kg':100000", rate.to_g, RATE_GRAMS_MAX),
    R("'price_per_kg':'1'", rate.first_g, 1000),
    R("'price_per_kg':'1','first_kg':'3'", rate.first_g, 3000),
    R("'model':'一口价','price_per_kg':'12.34'", rate.first, 1234), /* sheets write a band's price there */
    R("'model':'total','price_per_kg':'12.345'", rate.first, 1235), /* half up */
    R("'model':'一口价','price_per_kg':'12.34'", rate.per_kg, 0),
    R("'price_per_kg':'1','days':'5-6天'", rate.days_least, 5),
    R("'price_per_kg':'1','days':'5-6天'", rate.days_most, 6),
    R("'price_per_kg':'1','days':'次日'", rate.days_most, 1),
    R("'price_per_kg':'1','days':'2至3日'", rate.days_most, 3),
    R("'price_per_kg':'1','days':'1~2 days'", rate.days_most, 2),
    R("'price_per_kg':'1','days':4", rate.days_least, 4),
    R("'price_per_kg':'1','fuel_percent':'12.5'", card.fuel_bp, 1250),
    R("'price_per_kg':'1','max_side_cm':'120.5'", card.side_max_mm, 1205),
    R("'price_per_kg':'1','valid_from':'2026-01-01'", card.valid_from,
      1767196800000), /* midnight at UTC+8: 2025-12-31T16:00Z */
    R("'price_per_kg':'1','minimum':'15'", card.minimum, 1500),
    R("'price_per_kg':'1','divisor':6000", card.divisor, 6000),
#undef R
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct arena a = { 0 };
    struct faults f = { .mem = &a };
    struct rate_row r;
    int64_t value;
    char *members = arena_printf(&a, "'carrier':'z',%s", rows[i].members);
    for (char *p = members; *p; p++) *p = *p == '\'' ? '"' : *p;
    test_note("%s", members);
    CHECK(row_of(&a, members, &r, &f));
    memcpy(&value, (char *)&r + rows[i].at, sizeof value);
    CHECK_INT(value, rows[i].value);
    arena_release(&a);
  }
}

TEST(rate_rows_name_places_and_say_what_of_the_card_they_set)
{
  struct arena a = { 0 };
  struct faults f = { .mem = &a };
  struct rate_row r;
  struct rate_card c = card_of(7, "z");
  c.minimum = 1500, c.fuel_bp = 100, c.service = "express", c.cold = true;
  REQUIRE(row_of(
    &a,
    "\"carrier\":\"z\",\"service\":\"freight\",\"province\":\"浙江省\",\"city\":\"杭州市、宁波/温州市\",\"minimum\":\"\",\"fuel_percent\":0,\"cold\":false,\"price_per_kg\":1",
    &r, &f));
  CHECK_STR(r.card.code, "z/freight");
  CHECK_STR(r.rate.province, "浙江");
  CHECK_STR(r.rate.city, "杭州 宁波 温州");
  rate_card_merge(&c, &r);
  CHECK_STR(c.code, "z"); /* not named: not set */
  CHECK_STR(c.service, "freight");
  CHECK_INT(c.minimum, 1500); /* empty is not named */
  CHECK_INT(c.fuel_bp, 0);
  CHECK(!c.cold);
  CHECK_INT(c.id, 7);
  arena_release(&a);
}

/* ---- at random ------------------------------------------------------------------------------------------------------- */
#define CARDS 6
#define BANDS 5 /* of one card */
static uint64_t seed;
static int64_t below(int64_t n)
{
  return (int64_t)(test_random(&seed) % (uint64_t)n);
}
static bool odds(int64_t n)
{
  return below(n) == 0;
}

struct world {
  struct rate_card card[CARDS];
  struct rate row[CARDS * BANDS];
  size_t cards, rows;
  struct parcel_goods g;
  int64_t need_days;
};

static void world_make(struct world *w)
{
  static const char *const names[CARDS] = { "p", "q", "r", "s", "t", "u" };
  static const char *const provinces[] = { "", "浙江", "西藏" }, *const cities[] = { "", "", "杭州",
                                                                                     "温州 杭州" };
  *w = (struct world){ .cards = (size_t)(1 + below(CARDS)), .need_days = odds(2) ? 0 : 1 + below(5) };
  w->g =
    (struct parcel_goods){ .province = odds(6) ? "青海省" : "浙江省", .city = odds(2) ? "杭州市" : "金华市" };
  w->g.weight_g = 1 + below(odds(3) ? 100000 : 5000), w->g.volume_cm3 = odds(2) ? below(300000) : 0;
  w->g.side_mm = below(2000), w->g.cod = odds(3) ? below(100000) : 0,
  w->g.value = odds(3) ? below(1000000) : 0;
  w->g.dangerous = odds(6), w->g.cold = odds(6);
  for (size_t i = 0; i < w->cards; i++) {
    struct rate_card *c = &w->card[i];
    *c = card_of((int64_t)i + 1, names[i]);
    c->divisor = odds(3) ? 0 : 4000 + 1000 * below(5), c->step_g = odds(3) ? 0 : 1 + below(1000);
    c->minimum = odds(2) ? below(3000) : 0, c->fuel_bp = odds(2) ? below(3000) : 0;
    c->cod_bp = below(300), c->cod_minimum = below(500), c->insured_bp = below(100),
    c->insured_minimum = below(200);
    c->weight_max_g = odds(4) ? 1 + below(50000) : 0, c->side_max_mm = odds(4) ? 1 + below(2000) : 0;
    c->valid_from = odds(6) ? NOW - DAY + below(2 * DAY) : 0,
    c->valid_to = odds(6) ? NOW - DAY + below(2 * DAY) : 0;
    c->dangerous = odds(2), c->cold = odds(2), c->retired = odds(10);
    if (odds(8)) c->currency = "USD";
    for (int64_t n = below(BANDS + 1); n--; w->rows++) {
      struct rate *r = &w->row[w->rows];
      *r = band_to(c->id, provinces[below(3)], cities[below(4)]);
      r->id = (int64_t)w->rows + 1, r->model = (enum rate_model)below(3),
      r->from_g = odds(2) ? 0 : below(20) * 500;
      r->to_g = odds(3) ? 0 : r->from_g + 1 + below(20000), r->first_g = below(3000);
      r->first = below(5000), r->per_kg = below(900000), r->remote = odds(4) ? below(2000) : 0,
      r->days_most = below(5);
    }
  }
}

/* As domain.md says it, in whole quotients and the long way round. */
static int64_t naive_part(int64_t n, int64_t by, int64_t unit)
{
  int64_t whole = n * by / unit, over = n * by % unit;
  return 2 * over >= unit ? whole + 1 : whole;
}

static const struct rate *naive_band(const struct world *w, int64_t card_id, int64_t g)
{
  bool to_city[CARDS * BANDS], to_province[CARDS * BANDS], to_all[CARDS * BANDS];
  const bool *level[] = { to_city, to_province, to_all };
  const char *province = !strcmp(w->g.province, "浙江省") ? "浙江" : "青海",
             *city = !strcmp(w->g.city, "杭州市") ? "杭州" : "金华";
  for (size_t i = 0; i < w->rows; i++) {
    const struct rate *r = &w->row[i];
    bool there = r->card_id == card_id && (!*r->province || !strcmp(r->province, province));
    to_city[i] = there && *r->city && strstr(r->city, city);
    to_province[i] = there && !*r->city && *r->province;
    to_all[i] = there && !*r->city && !*r->province;
  }
  for (size_t l = 0; l < 3; l++) {
    const struct rate *held = NULL, *above = NULL;
    bool any = false, ended = false;
    for (size_t i = 0; i < w->rows; i++) {
      const struct rate *r = &w->row[i];
      int64_t to = r->to_g ? r->to_g : INT64_MAX;
      if (!level[l][i]) continue;
      any = true;
      if (g > to) ended = true;
      else if (g > r->from_g) {
        int64_t had = held ? held->to_g ? held->to_g : INT64_MAX : 0;
        if (!held || to < had || (to == had && r->from_g > held->from_g)) held = r;
      } else {
        int64_t had = above ? above->to_g ? above->to_g : INT64_MAX : 0;
        if (!above || to < had || (to == had && r->from_g < above->from_g)) above = r;
      }
    }
    if (held) return held;
    if (above && (ended || above->model == RATE_FIRST_ADD)) return above;
    if (any) return NULL;
  }
  return NULL;
}

/* -1: no price. */
static int64_t naive_total(const struct world *w, const struct rate_card *c, int64_t *days)
{
  int64_t g = w->g.weight_g, base = 0;
  if (c->divisor)
    while (g * c->divisor < w->g.volume_cm3 * 1000)
      g = (w->g.volume_cm3 * 1000 + c->divisor - 1) / c->divisor;
  if (c->step_g && g % c->step_g) g += c->step_g - g % c->step_g;
  bool valid = !c->retired && c->valid_from <= NOW && (!c->valid_to || NOW < c->valid_to);
  bool fits =
    (!c->weight_max_g || g <= c->weight_max_g) && (!c->side_max_mm || w->g.side_mm <= c->side_max_mm);
  if (!valid || !fits || strcmp(c->currency, "CNY") != 0 || (w->g.dangerous && !c->dangerous) ||
      (w->g.cold && !c->cold))
    return -1;
  const struct rate *r = naive_band(w, c->id, g);
  if (!r) return -1;
  *days = r->days_most;
  if (r->model == RATE_TOTAL) base = r->first;
  if (r->model == RATE_PER_KG) base = naive_part(r->per_kg, g, 1000000);
  if (r->model == RATE_FIRST_ADD)
    base = r->first + (g > r->first_g ? naive_part(r->per_kg, g - r->first_g, 1000000) : 0);
  int64_t total = base + naive_part(base, c->fuel_bp, 10000) + r->remote;
  if (total < c->minimum) total = c->minimum;
  int64_t cod = naive_part(w->g.cod, c->cod_bp, 10000),
          insured = naive_part(w->g.value, c->insured_bp, 10000);
  if (w->g.cod) total += cod < c->cod_minimum ? c->cod_minimum : cod;
  if (w->g.value) total += insured < c->insured_minimum ? c->insured_minimum : insured;
  return total;
}

static int choose(struct arena *a, const struct world *w, struct rate_candidate *k)
{
  return rate_choose(a, w->card, w->cards, w->row, w->rows, NULL, 0, &plain, &w->g, "CNY", w->need_days, NOW,
                     k);
}

static void world_check(const struct world *w, const struct rate_candidate *k, int best)
{
  int64_t least = INT64_MAX;
  for (size_t i = 0; i < w->cards; i++) {
    int64_t days = 0, total = naive_total(w, &w->card[i], &days);
    bool in_time = !w->need_days || (days && days <= w->need_days);
    CHECK(k[i].card == &w->card[i]);
    CHECK((k[i].band != NULL) == (total >= 0));
    CHECK((k[i].lost == NULL) == ((int)i == best));
    if (k[i].band) CHECK_INT(k[i].price.total, total);
    if (total >= 0) CHECK(in_time == (!k[i].lost || strcmp(k[i].lost, "too_late") != 0));
    if (total >= 0 && in_time && total < least) least = total;
  }
  CHECK_INT(best < 0 ? INT64_MAX : k[best].price.total, least);
}

static void world_turn(struct world *w)
{
  for (size_t i = w->cards; i > 1; i--) {
    size_t at = (size_t)below((int64_t)i);
    struct rate_card swap = w->card[i - 1];
    w->card[i - 1] = w->card[at], w->card[at] = swap;
  }
  for (size_t i = 1; i < w->rows; i++) /* bands stay with their card */
    if (w->row[i].card_id == w->row[i - 1].card_id && odds(2)) {
      struct rate swap = w->row[i];
      w->row[i] = w->row[i - 1], w->row[i - 1] = swap;
    }
}

TEST(rate_choice_at_random_is_what_a_naive_reading_gives)
{
  int won = 0, lost = 0;
  for (seed = 1; seed <= 4000; seed++) {
    uint64_t mine = seed;
    struct arena a = { 0 };
    struct rate_candidate k[CARDS], again[CARDS];
    struct world w, turned;
    test_note("seed %llu", (unsigned long long)mine);
    world_make(&w);
    int best = choose(&a, &w, k);
    world_check(&w, k, best);
    won += best >= 0, lost += best < 0;
    turned = w;
    world_turn(&turned);
    int other = choose(&a, &turned, again);
    CHECK_INT(other < 0 ? 0 : turned.card[other].id, best < 0 ? 0 : w.card[best].id);
    for (size_t i = 0; i < w.cards; i++)
      for (size_t j = 0; j < w.cards; j++)
        if (w.card[i].id == turned.card[j].id) {
          CHECK_STR(again[j].lost, k[i].lost);
          CHECK_INT(again[j].price.total, k[i].price.total);
        }
    arena_release(&a);
    seed = mine;
  }
  CHECK(won > 500 && lost > 500);
}

TEST(rate_price_never_falls_with_weight_nor_below_nothing)
{
  for (uint64_t round = 1; round <= 2000; round++) {
    struct world w;
    seed = round;
    world_make(&w);
    test_note("seed %llu", (unsigned long long)round);
    for (size_t i = 0; i < w.rows; i++) {
      const struct rate_card *c = &w.card[w.row[i].card_id - 1];
      int64_t g = 0, before = 0;
      for (int step = 0; step < 20; step++) {
        struct rate_price p;
        g += 1 + below(step % 2 ? 5 : 50000);
        rate_price(c, &w.row[i], &w.g, rate_billable(c, g, 0), &p);
        CHECK(p.total >= before && p.base >= 0 && p.fuel >= 0 && p.minimum >= 0 && p.cod >= 0 &&
              p.insured >= 0);
        CHECK(p.total - p.cod - p.insured >= c->minimum);
        before = p.total;
      }
    }
  }
}

TEST(rate_price_of_the_largest_figures_does_not_overflow)
{
  struct rate_card c = {
    .fuel_bp = 1000000, .minimum = 9223372036854775, .cod_bp = 1000000, .insured_bp = 1000000
  };
  struct rate r = { .first = 92233720368547758, .per_kg = 9223372036854775807, .remote = 9223372036854775 };
  struct parcel_goods g = { .cod = 1000000000000, .value = 1000000000000 };
  struct rate_price p;
  for (int m = RATE_FIRST_ADD; m <= RATE_TOTAL; m++) {
    r.model = (enum rate_model)m;
    rate_price(&c, &r, &g, RATE_GRAMS_MAX, &p);
    CHECK(p.total > 0 && p.total >= p.base);
  }
}
