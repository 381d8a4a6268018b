/* A canonical order as it arrives (contract 4): each field with each fault, content, reasons not to merge, keys. */
#include "lib/shop.h"
#include "test.h"
#include <stdio.h>
#include <stdlib.h>

/* Parses the standard order with `over` put over it. The faults as "pointer code, …" into text, "" when there are none. */
static struct draft *draft_of(struct arena *a, const char *over, char **text)
{
  struct faults f = { .mem = a };
  const char *body = shop_order(a, over);
  struct json *j = json_parse(a, body, strlen(body), JSON_ELEMENTS_MAX, &f);
  struct draft *d = j ? draft_parse(a, j, "", &f) : NULL;
  struct buf b = { 0 };
  for (int i = 0; i < f.n && i < (int)COUNT(f.at); i++) buf_printf(&b, "%s%s %s", i ? ", " : "", f.at[i].pointer, f.at[i].code);
  CHECK_INT(d == NULL, f.n > 0);
  if (text) *text = arena_str(a, b.data ? b.data : "");
  buf_release(&b);
  return d;
}

/* ---- each field with each fault -------------------------------------------------------------------------------- */

enum kind { ID, CODE, TEXT, LONG, TIME, MONEY, COUNTED, OBJECT, LIST };
static const struct {
  enum kind kind;
  const char *json, *code; /* NULL: taken */
} faults_of[] = {
  { ID, "\"9007199254740993\"", NULL },
  { ID, "\"2876543219876543219\"", NULL },
  { ID, "9007199254740993", "id_must_be_text" },
  { ID, "1e3", "id_must_be_text" },
  { ID, "true", "not_text" },
  { ID, "[\"1\"]", "not_text" },
  { ID, "{}", "not_text" },
  { ID, "\" 1\"", "bad_characters" },
  { ID, "\"1 \"", "bad_characters" },
  { ID, "\"\\t1\"", "bad_characters" },
  { ID, "\"1\\u007f\"", "bad_characters" },
  { ID, "\"1\\u200b2\"", "bad_characters" },  /* nothing invisible */
  { ID, "\"\\u202e12\"", "bad_characters" },  /* no turning of the text's direction */
  { ID, "\"\\uff11\\uff12\"", "bad_characters" }, /* full width */
  { ID, "\"\\u2460\"", "bad_characters" },
  { ID, "\"e\\u0301\"", "bad_characters" }, /* not composed */
  { ID, "\"LONG101\"", "too_long" },
  { ID, "\"LONG100\"", NULL },
  { CODE, "12", "not_text" },
  { CODE, "false", "not_text" },
  { CODE, "[]", "not_text" },
  { CODE, "\"x\\u00a0\"", "bad_characters" },
  { CODE, "\"\\u202ex\"", "bad_characters" },
  { CODE, "\"LONG101\"", "too_long" },
  { TEXT, "12", "not_text" },
  { TEXT, "{}", "not_text" },
  { TEXT, "\"LONG201\"", "too_long" },
  { TEXT, "\"LONG200\"", NULL },
  { TEXT, "\"WIDE200\"", NULL }, /* characters, not bytes */
  { TEXT, "\"WIDE201\"", "too_long" },
  { TEXT, "\"\\u202eabc\"", NULL }, /* kept; whoever shows it takes care */
  { LONG, "1.5", "not_text" },
  { LONG, "\"WIDE2000\"", NULL },
  { LONG, "\"LONG2001\"", "too_long" },
  { LONG, "\"MARK1100\"", "too_long" }, /* a pile of combining marks counts each */
  { TIME, "\"2026-11-11T00:03:21+08:00\"", NULL },
  { TIME, "\"2026-11-11T00:03:21.123Z\"", NULL },
  { TIME, "\"2026-11-11T00:03:21\"", "bad_time" },
  { TIME, "\"2026-11-11 00:03:21\"", "bad_time" },
  { TIME, "\"2026-02-30T00:03:21Z\"", "bad_time" },
  { TIME, "\"2026-11-11T25:03:21Z\"", "bad_time" },
  { TIME, "\"yesterday\"", "bad_time" },
  { TIME, "1794300000", "bad_time" },
  { TIME, "\"\"", "bad_time" },
  { MONEY, "\"0\"", NULL },
  { MONEY, "\"199.00\"", NULL },
  { MONEY, "\"7\"", NULL },
  { MONEY, "199", "money_must_be_text" },
  { MONEY, "199.00", "money_must_be_text" },
  { MONEY, "null1", NULL }, /* see value_of: null is as if it were not there */
  { MONEY, "\"199.001\"", "bad_money" },
  { MONEY, "\"1e3\"", "bad_money" },
  { MONEY, "\"1e400\"", "bad_money" },
  { MONEY, "\"NaN\"", "bad_money" },
  { MONEY, "\"1,000.00\"", "bad_money" },
  { MONEY, "\"007\"", "bad_money" },
  { MONEY, "\"1.\"", "bad_money" },
  { MONEY, "\" 1\"", "bad_money" },
  { MONEY, "\"¥1\"", "bad_money" },
  { MONEY, "\"\"", "bad_money" },
  { MONEY, "\"-1\"", "negative" },
  { MONEY, "\"-0.01\"", "negative" },
  { MONEY, "\"99999999999999999999\"", "bad_money" },
  { COUNTED, "1", NULL },
  { COUNTED, "1000000", NULL },
  { COUNTED, "1000001", "bad_count" },
  { COUNTED, "4294967297", "bad_count" },
  { COUNTED, "9223372036854775808", "bad_count" },
  { COUNTED, "-1", "bad_count" },
  { COUNTED, "1.5", "bad_count" },
  { COUNTED, "1.0", "bad_count" },
  { COUNTED, "1e2", "bad_count" },
  { COUNTED, "\"1\"", "bad_count" },
  { OBJECT, "[]", "not_an_object" },
  { OBJECT, "\"x\"", "not_an_object" },
  { OBJECT, "1", "not_an_object" },
  { LIST, "{}", "not_a_list" },
  { LIST, "\"x\"", "not_a_list" },
  { LIST, "1", "not_a_list" },
};

/* Where fields stand, and what else the object needs. */
static const struct place {
  const char *name, *open, *close, *rest; /* rest: "key":value, … without the field in question */
  const char *pointer;
} places[] = {
  { "", "", "", "", "" },
  { "buyer", "\"buyer\":{", "}", "", "/buyer" },
  { "receiver", "\"receiver\":{", "}", "", "/receiver" },
  { "remarks", "\"remarks\":{", "}", "", "/remarks" },
  { "line", "\"lines\":[{\"sku\":\"A\",\"quantity\":1},{", "}]", "sku quantity", "/lines/1" },
  { "shipment", "\"shipments\":[{", "}]", "", "/shipments/0" },
  { "refund", "\"refunds\":[{", "}]", "refund_id status amount", "/refunds/0" },
};
static const struct {
  const char *place, *key;
  enum kind kind;
  bool required, fixed; /* fixed: only known words, so that what is taken elsewhere may be refused here */
} fields[] = {
  { "", "channel", CODE, true, true },
  { "", "external_id", ID, true, false },
  { "", "status", CODE, true, true },
  { "", "placed_at", TIME, true, false },
  { "", "paid_at", TIME, false, false },
  { "", "updated_at", TIME, false, false },
  { "", "ship_by", TIME, false, false },
  { "", "currency", CODE, true, true },
  { "", "total", MONEY, true, false },
  { "", "freight", MONEY, false, false },
  { "", "discount", MONEY, false, false },
  { "", "paid", MONEY, false, false },
  { "", "buyer", OBJECT, false, false },
  { "", "receiver", OBJECT, false, false },
  { "", "remarks", OBJECT, false, false },
  { "", "lines", LIST, true, false },
  { "", "shipments", LIST, false, false },
  { "", "refunds", LIST, false, false },
  { "", "flags", LIST, false, false },
  { "", "service", CODE, false, false },
  { "", "raw_status", TEXT, false, false },
  { "buyer", "id", ID, false, false },
  { "buyer", "name", TEXT, false, false },
  { "buyer", "phone", TEXT, false, false },
  { "receiver", "name", TEXT, false, false },
  { "receiver", "phone", TEXT, false, false },
  { "receiver", "country", CODE, false, false },
  { "receiver", "province", TEXT, false, false },
  { "receiver", "city", TEXT, false, false },
  { "receiver", "district", TEXT, false, false },
  { "receiver", "town", TEXT, false, false },
  { "receiver", "address", LONG, false, false },
  { "receiver", "zip", TEXT, false, false },
  { "receiver", "token", LONG, false, false },
  { "remarks", "buyer", LONG, false, false },
  { "remarks", "seller", LONG, false, false },
  { "remarks", "flag", TEXT, false, false },
  { "line", "line_id", ID, false, false },
  { "line", "sku", CODE, false, false },
  { "line", "title", LONG, false, false },
  { "line", "quantity", COUNTED, true, false },
  { "line", "price", MONEY, false, false },
  { "line", "discount", MONEY, false, false },
  { "line", "refunded", MONEY, false, false },
  { "shipment", "carrier", TEXT, false, false },
  { "shipment", "tracking_no", ID, false, false },
  { "shipment", "shipped_at", TIME, false, false },
  { "shipment", "line_ids", LIST, false, false },
  { "refund", "refund_id", ID, true, false },
  { "refund", "status", CODE, true, false },
  { "refund", "amount", MONEY, true, false },
  { "refund", "line_id", ID, false, false },
  { "refund", "quantity", COUNTED, false, false },
  { "refund", "goods", CODE, false, false },
};

/* "LONG101" stands for a text of 101 letters, WIDE for wide characters, MARK for a letter under a pile of marks. */
static const char *value_of(struct arena *a, const char *json)
{
  static const char *const words[] = { "LONG", "WIDE", "MARK" }, *const fill[] = { "x", "宽", "\xcc\x81" };
  if (!strcmp(json, "null1")) return "null";
  for (size_t w = 0; w < COUNT(words); w++) {
    if (json[0] != '"' || strncmp(json + 1, words[w], 4) != 0) continue;
    struct buf b = { 0 };
    buf_str(&b, w == 2 ? "\"a" : "\"");
    for (long n = strtol(json + 5, NULL, 10) * (w == 2 ? 2 : 1); n > 0; n--) buf_str(&b, fill[w]);
    buf_char(&b, '"');
    const char *text = arena_strn(a, b.data, b.len);
    buf_release(&b);
    return text;
  }
  return json;
}

static const struct place *place_of(const char *name)
{
  for (size_t i = 0; i < COUNT(places); i++)
    if (!strcmp(places[i].name, name)) return &places[i];
  abort();
}

/* The order's text with this field set to json (NULL: left out). */
static const char *order_with(struct arena *a, const char *place, const char *key, const char *json)
{
  static const char *const needed[][2] = { { "sku", "\"A\"" },           { "quantity", "1" }, { "refund_id", "\"r1\"" },
                                           { "status", "\"requested\"" }, { "amount", "\"1.00\"" } };
  const struct place *p = place_of(place);
  struct buf b = { 0 };
  bool comma = false;
  buf_printf(&b, "{%s", p->open);
  for (size_t i = 0; i < COUNT(needed); i++)
    if (*p->name && strstr(p->rest, needed[i][0]) && strcmp(needed[i][0], key) != 0)
      buf_printf(&b, "%s\"%s\":%s", comma ? "," : "", needed[i][0], needed[i][1]), comma = true;
  if (json) buf_printf(&b, "%s\"%s\":", comma ? "," : "", key), buf_str(&b, json);
  buf_printf(&b, "%s}", p->close);
  const char *text = arena_strn(a, b.data, b.len);
  buf_release(&b);
  return text;
}

TEST(draft_each_field_each_fault)
{
  for (size_t i = 0; i < COUNT(fields); i++)
    for (size_t k = 0; k < COUNT(faults_of); k++) {
      if (faults_of[k].kind != fields[i].kind || (fields[i].fixed && !faults_of[k].code)) continue;
      if (fields[i].required && !strcmp(faults_of[k].json, "null1")) continue;
      struct arena a = { 0 };
      char *got;
      const char *over = order_with(&a, fields[i].place, fields[i].key, value_of(&a, faults_of[k].json));
      test_note("%s/%s = %s", fields[i].place, fields[i].key, faults_of[k].json);
      draft_of(&a, over, &got);
      const char *want = arena_printf(&a, "%s/%s %s", place_of(fields[i].place)->pointer, fields[i].key, faults_of[k].code ? faults_of[k].code : "");
      if (!faults_of[k].code) CHECK_STR(got, "");
      else if (!CHECK(strstr(got, want))) CHECK_STR(got, want);
      arena_release(&a);
    }
}

TEST(draft_unknown_keys)
{
  for (size_t i = 0; i < COUNT(places); i++) {
    static const char *const keys[] = { "role", "reserved", "ID", "Quantity", "version", "group", "__proto__" };
    for (size_t k = 0; k < COUNT(keys); k++) {
      struct arena a = { 0 };
      char *got;
      test_note("%s/%s", places[i].name, keys[k]);
      draft_of(&a, order_with(&a, places[i].name, keys[k], "\"x\""), &got);
      CHECK_STR(got, arena_printf(&a, "%s/%s unknown_key", places[i].pointer, keys[k]));
      arena_release(&a);
    }
  }
  struct arena a = { 0 };
  char *got;
  draft_of(&a, "{\"a/b~c\":1}", &got);
  CHECK_STR(got, "/a~1b~0c unknown_key"); /* RFC 6901 */
  arena_release(&a);
}

TEST(draft_missing)
{
  static const char *const required[] = { "channel", "external_id", "status", "placed_at", "currency", "total", "lines" };
  for (size_t i = 0; i < COUNT(required); i++) {
    struct arena a = { 0 };
    char *got;
    test_note("%s", required[i]);
    draft_of(&a, arena_printf(&a, "{\"%s\":null}", required[i]), &got);
    const char *want = arena_printf(&a, "/%s missing", required[i]);
    if (!CHECK(strstr(got, want))) CHECK_STR(got, want);
    arena_release(&a);
  }
}

TEST(draft_rows)
{
  static const struct {
    const char *over, *faults;
  } cases[] = {
    { "{\"channel\":\"shop a\"}", "/channel bad_characters" },
    { "{\"channel\":\"shöp\"}", "/channel bad_characters" },
    { "{\"channel\":\"a/b\"}", "/channel bad_characters" },
    { "{\"channel\":\"shop-a.2_X\"}", "" },
    { "{\"external_id\":\"\"}", "/external_id empty" },
    { "{\"channel\":\"\"}", "/channel empty" },
    { "{\"service\":\"\",\"receiver\":{\"phone\":\"\"}}", "" },
    { "{\"status\":\"split\"}", "/status unknown_status" }, /* our own statuses are not the channel's to set */
    { "{\"status\":\"WAIT_SELLER_SEND_GOODS\"}", "/status unknown_status" },
    { "{\"currency\":\"cny\"}", "/currency unknown_currency" },
    { "{\"currency\":\"XXY\"}", "/currency unknown_currency" },
    { "{\"currency\":\"JPY\",\"total\":\"100\",\"lines\":[{\"sku\":\"A\",\"quantity\":1,\"price\":\"100\"}]}", "" },
    { "{\"currency\":\"JPY\",\"total\":\"100.0\",\"lines\":[{\"sku\":\"A\",\"quantity\":1}]}", "/total bad_money" },
    { "{\"currency\":\"KWD\",\"total\":\"1.234\"}", "" },
    { "{\"currency\":\"KWD\",\"total\":\"1.2345\"}", "/total bad_money" },
    { "{\"lines\":[]}", "/lines empty" },
    { "{\"lines\":[{\"quantity\":1}]}", "/lines/0/sku missing" },
    { "{\"lines\":[{\"title\":\"cup\",\"quantity\":1}]}", "" },
    { "{\"lines\":[{\"sku\":\"A\",\"quantity\":0}]}", "/lines/0/quantity bad_count" },
    { "{\"lines\":[{\"sku\":\"A\"}]}", "/lines/0/quantity missing" },
    { "{\"lines\":[1]}", "/lines/0 not_an_object" },
    { "{\"lines\":[{\"sku\":\"A\",\"quantity\":1,\"line_id\":\"1\"},{\"sku\":\"B\",\"quantity\":1,\"line_id\":\"1\"}]}", "/lines/1/line_id doubled" },
    { "{\"lines\":[{\"sku\":\"A\",\"quantity\":1},{\"sku\":\"A\",\"quantity\":1}]}", "" },
    { "{\"refunds\":[{\"refund_id\":\"1\",\"status\":\"x\",\"amount\":\"1\"},{\"refund_id\":\"1\",\"status\":\"x\",\"amount\":\"1\"}]}",
      "/refunds/1/refund_id doubled" },
    { "{\"refunds\":[{\"status\":\"x\",\"amount\":\"1\"}]}", "/refunds/0/refund_id missing" },
    { "{\"flags\":[\"cod\",\"gift\"]}", "" },
    { "{\"flags\":[\"COD\"]}", "/flags/0 unknown_flag" },
    { "{\"flags\":[\"cod\",7]}", "/flags/1 unknown_flag" },
    { "{\"shipments\":[{\"line_ids\":[\"1\",\"2\"]}]}", "" },
    { "{\"shipments\":[{\"line_ids\":[\"1\",2]}]}", "/shipments/0/line_ids/1 id_must_be_text" },
    { "{\"shipments\":[{\"line_ids\":[\"1\",\" 2\"]}]}", "/shipments/0/line_ids/1 bad_characters" },
    { "{\"shipments\":[{\"line_ids\":[\"LONG\"]}]}", "/shipments/0/line_ids/0 too_long" },
    { "{\"total\":1.5,\"external_id\":5,\"nope\":1}", "/nope unknown_key" }, /* and all the others with it */
    { "{\"total\":1.5,\"external_id\":5,\"nope\":1}", "/external_id id_must_be_text" },
    { "{\"total\":1.5,\"external_id\":5,\"nope\":1}", "/total money_must_be_text" },
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct arena a = { 0 };
    char *got;
    const char *over = cases[i].over, *at = strstr(over, "LONG");
    if (at) over = arena_printf(&a, "%.*s%0101d%s", (int)(at - over), over, 0, at + 4);
    test_note("%s", cases[i].over);
    draft_of(&a, over, &got);
    if (!*cases[i].faults) CHECK_STR(got, "");
    else if (!CHECK(strstr(got, cases[i].faults))) CHECK_STR(got, cases[i].faults);
    arena_release(&a);
  }
}

/* So many of one thing, and one more. */
static void check_most(const char *list, const char *one, int most)
{
  for (int n = most; n <= most + 1; n++) {
    struct arena a = { 0 };
    struct buf b = { 0 };
    char *got;
    buf_printf(&b, "{\"%s\":[", list);
    for (int i = 0; i < n; i++) buf_str(&b, i ? "," : ""), buf_str(&b, arena_printf(&a, "{\"%s\":\"%d\"%s}", strcmp(list, "refunds") ? "title" : "refund_id", i, one));
    buf_str(&b, "]}");
    if (!strcmp(list, "shipments")) {
      b.len = 0;
      buf_str(&b, "{\"shipments\":[");
      for (int i = 0; i < n; i++) buf_str(&b, i ? ",{}" : "{}");
      buf_str(&b, "]}");
    }
    test_note("%d %s", n, list);
    draft_of(&a, b.data, &got);
    CHECK_STR(got, n == most ? "" : arena_printf(&a, "/%s too_many", list));
    buf_release(&b);
    arena_release(&a);
  }
}

TEST(draft_limits)
{
  check_most("lines", ",\"quantity\":1", ORDER_LINES_MAX);
  check_most("refunds", ",\"status\":\"x\",\"amount\":\"1\"", 500);
  check_most("shipments", "", 100);
}

/* What cannot even be read is stopped in front of it. */
TEST(draft_gate)
{
  static const char *const bad[] = {
    "{\"external_id\":\"\xff\"}", "{\"external_id\":\"\xc0\xaf\"}", "{\"a\":\"\\u0000\"}", "{\"a\":\"\\ud800\"}", "{\"a\":\"\x01\"}",
    "{\"a\":1,\"a\":2}", "{\"a\":007}", "{\"a\":1.}", "{\"a\":NaN}", "{\"a\":1}x", "{\"a\":+1}", "{\"a\":.5}", "",
  };
  for (size_t i = 0; i < COUNT(bad); i++) {
    struct arena a = { 0 };
    struct faults f = { .mem = &a };
    test_note("%s", bad[i]);
    CHECK(!json_parse(&a, bad[i], strlen(bad[i]), JSON_ELEMENTS_MAX, &f));
    CHECK_INT(f.n, 1);
    arena_release(&a);
  }
}

TEST(draft_other_types)
{
  static const char *const bodies[] = { "[]", "1", "\"x\"", "true", "null" };
  for (size_t i = 0; i < COUNT(bodies); i++) {
    struct arena a = { 0 };
    struct faults f = { .mem = &a };
    struct json *j = json_parse(&a, bodies[i], strlen(bodies[i]), 100, &f);
    test_note("%s", bodies[i]);
    CHECK(j && !draft_parse(&a, j, "/orders/3", &f));
    CHECK_INT(f.n, 1);
    CHECK_STR(f.at[0].pointer, "/orders/3");
    CHECK_STR(f.at[0].code, "not_an_object");
    arena_release(&a);
  }
}

TEST(draft_values)
{
  struct arena a = { 0 };
  struct draft *d = draft_of(&a,
    "{\"external_id\":\"9007199254740993\",\"updated_at\":\"2026-11-11T00:03:21+08:00\",\"total\":\"189\",\"freight\":\"0.5\","
    "\"lines\":[{\"sku\":\"A\",\"quantity\":2},{\"title\":\"cup\",\"quantity\":1,\"price\":\"0\"}],\"service\":\"standard\","
    "\"flags\":[\"gift\",\"cod\",\"gift\"],\"receiver\":{\"town\":\"\",\"zip\":null}}", NULL);
  if (!CHECK(d)) return;
  CHECK_STR(d->external_id, "9007199254740993");
  CHECK_INT(d->updated_at, 1794326601000);
  CHECK_INT(d->total, 18900);
  CHECK_INT(d->freight, 50);
  CHECK_INT(d->lines_n, 2);
  CHECK_INT(d->lines[0].price, -1); /* not told is not nothing */
  CHECK_INT(d->lines[1].price, 0);
  CHECK(!d->service && !d->town && !d->zip);
  CHECK_INT(d->flags, FLAG_GIFT | FLAG_COD);
  CHECK_INT(d->ship_by, 0);
  arena_release(&a);
}

/* ---- content: what is news -------------------------------------------------------------------------------------------- */

TEST(draft_content_same)
{
  static const char *const same[] = {
    "{\"updated_at\":\"2026-11-12T00:00:00Z\"}", "{\"channel\":\"other\"}", "{\"external_id\":\"other\"}", "{\"service\":\"standard\"}",
    "{\"service\":null}", "{\"service\":\"\"}", "{\"remarks\":{}}", "{\"remarks\":{\"buyer\":\"\"}}", "{\"refunds\":[]}", "{\"flags\":[]}",
    "{\"shipments\":null}", "{\"total\":\"10\"}", "{\"total\":\"10.0\"}", "{\"placed_at\":\"2026-11-10T00:00:00.000Z\"}", "{\"buyer\":{\"id\":null}}",
    "{\"freight\":\"0.00\"}",
  };
  struct arena a = { 0 };
  int64_t base = draft_of(&a, "{}", NULL)->content;
  for (size_t i = 0; i < COUNT(same); i++) {
    struct draft *d = draft_of(&a, same[i], NULL);
    test_note("%s", same[i]);
    CHECK(d && d->content == base);
  }
  arena_release(&a);
}

TEST(draft_content_news)
{
  static const char *const news[] = {
    "{}",
    "{\"status\":\"placed\"}",
    "{\"status\":\"partly_shipped\"}",
    "{\"placed_at\":\"2026-11-10T08:00:00.001+08:00\"}",
    "{\"paid_at\":\"2026-11-10T08:00:00+08:00\"}",
    "{\"ship_by\":\"2026-11-10T08:00:00+08:00\"}",
    "{\"currency\":\"USD\"}",
    "{\"total\":\"10.01\"}",
    "{\"freight\":\"10.00\"}",
    "{\"discount\":\"10.00\"}",
    "{\"paid\":\"10.00\"}",
    "{\"buyer\":{\"id\":\"x\"}}",
    "{\"buyer\":{\"name\":\"x\"}}",
    "{\"buyer\":{\"phone\":\"x\"}}",
    "{\"receiver\":{\"name\":\"x\"}}",
    "{\"receiver\":{\"phone\":\"x\"}}",
    "{\"receiver\":{\"country\":\"x\"}}",
    "{\"receiver\":{\"province\":\"x\"}}",
    "{\"receiver\":{\"city\":\"x\"}}",
    "{\"receiver\":{\"district\":\"x\"}}",
    "{\"receiver\":{\"town\":\"x\"}}",
    "{\"receiver\":{\"address\":\"x\"}}",
    "{\"receiver\":{\"zip\":\"x\"}}",
    "{\"receiver\":{\"token\":\"x\"}}",
    "{\"remarks\":{\"buyer\":\"x\"}}",
    "{\"remarks\":{\"seller\":\"x\"}}",
    "{\"remarks\":{\"flag\":\"x\"}}",
    "{\"remarks\":{\"buyer\":\"\\u0001\"}}",
    "{\"remarks\":{\"buyer\":\"x\\u0002\\u0001\\u0002\"}}",
    "{\"remarks\":{\"buyer\":\"x\\u0002y\"}}",
    "{\"remarks\":{\"buyer\":\"x\",\"seller\":\"y\"}}",
    "{\"service\":\"cold\"}",
    "{\"service\":\"Standard\"}",
    "{\"raw_status\":\"x\"}",
    "{\"flags\":[\"cod\"]}",
    "{\"flags\":[\"gift\"]}",
    "{\"lines\":[{\"line_id\":\"1\",\"sku\":\"SKU-A\",\"title\":\"Cup\",\"quantity\":2,\"price\":\"10.00\"}]}",
    "{\"lines\":[{\"line_id\":\"2\",\"sku\":\"SKU-A\",\"title\":\"Cup\",\"quantity\":1,\"price\":\"10.00\"}]}",
    "{\"lines\":[{\"line_id\":\"1\",\"sku\":\"SKU-B\",\"title\":\"Cup\",\"quantity\":1,\"price\":\"10.00\"}]}",
    "{\"lines\":[{\"line_id\":\"1\",\"sku\":\"SKU-A\",\"title\":\"Mug\",\"quantity\":1,\"price\":\"10.00\"}]}",
    "{\"lines\":[{\"line_id\":\"1\",\"sku\":\"SKU-A\",\"title\":\"Cup\",\"quantity\":1,\"price\":\"0.00\"}]}",
    "{\"lines\":[{\"line_id\":\"1\",\"sku\":\"SKU-A\",\"title\":\"Cup\",\"quantity\":1}]}",
    "{\"lines\":[{\"line_id\":\"1\",\"sku\":\"SKU-A\",\"title\":\"Cup\",\"quantity\":1,\"price\":\"10.00\",\"discount\":\"1\"}]}",
    "{\"lines\":[{\"line_id\":\"1\",\"sku\":\"SKU-A\",\"title\":\"Cup\",\"quantity\":1,\"price\":\"10.00\",\"refunded\":\"1\"}]}",
    "{\"lines\":[{\"line_id\":\"1\",\"sku\":\"SKU-A\",\"title\":\"Cup\",\"quantity\":1,\"price\":\"10.00\"},{\"sku\":\"A\",\"quantity\":1}]}",
    "{\"lines\":[{\"sku\":\"A\",\"quantity\":1},{\"line_id\":\"1\",\"sku\":\"SKU-A\",\"title\":\"Cup\",\"quantity\":1,\"price\":\"10.00\"}]}",
    "{\"shipments\":[{}]}",
    "{\"shipments\":[{\"carrier\":\"SF\"}]}",
    "{\"shipments\":[{\"tracking_no\":\"SF\"}]}",
    "{\"shipments\":[{\"shipped_at\":\"2026-11-10T08:00:00+08:00\"}]}",
    "{\"shipments\":[{\"line_ids\":[\"1\"]}]}",
    "{\"shipments\":[{\"line_ids\":[\"1\",\"2\"]}]}",
    "{\"refunds\":[{\"refund_id\":\"1\",\"status\":\"x\",\"amount\":\"1\"}]}",
    "{\"refunds\":[{\"refund_id\":\"2\",\"status\":\"x\",\"amount\":\"1\"}]}",
    "{\"refunds\":[{\"refund_id\":\"1\",\"status\":\"y\",\"amount\":\"1\"}]}",
    "{\"refunds\":[{\"refund_id\":\"1\",\"status\":\"x\",\"amount\":\"2\"}]}",
    "{\"refunds\":[{\"refund_id\":\"1\",\"status\":\"x\",\"amount\":\"1\",\"line_id\":\"1\"}]}",
    "{\"refunds\":[{\"refund_id\":\"1\",\"status\":\"x\",\"amount\":\"1\",\"quantity\":1}]}",
    "{\"refunds\":[{\"refund_id\":\"1\",\"status\":\"x\",\"amount\":\"1\",\"goods\":\"return\"}]}",
  };
  struct arena a = { 0 };
  int64_t seen[COUNT(news)];
  for (size_t i = 0; i < COUNT(news); i++) {
    struct draft *d = draft_of(&a, news[i], NULL);
    seen[i] = d ? d->content : 0;
    for (size_t k = 0; k < i; k++) {
      test_note("%s\n    and %s", news[i], news[k]);
      CHECK(seen[k] != seen[i]);
    }
  }
  arena_release(&a);
}

/* ---- reasons not to merge (domain 3.4) ------------------------------------------------------------------------------------ */

#define LINE "{\"line_id\":\"1\",\"sku\":\"A\",\"quantity\":2,\"price\":\"10.00\",\"discount\":\"5.00\""
#define REFUND(id, status, amount, more) "{\"refund_id\":\"" id "\",\"status\":\"" status "\",\"amount\":\"" amount "\"" more "}"
TEST(draft_no_merge)
{
  static const struct {
    const char *over, *why; /* NULL: it may be merged */
  } cases[] = {
    { "{}", NULL },
    { "{\"flags\":[\"cod\"]}", "cod" },
    { "{\"flags\":[\"presale_unpaid\"]}", "presale_unpaid" },
    { "{\"flags\":[\"gift\"]}", "gift" },
    { "{\"flags\":[\"sealed\"]}", "sealed" },
    { "{\"flags\":[\"hourly\"]}", "hourly" },
    { "{\"flags\":[\"platform_warehouse\"]}", "platform_warehouse" },
    { "{\"flags\":[\"platform_inspection\"]}", "platform_inspection" },
    { "{\"flags\":[\"agency\"]}", "agency" },
    { "{\"flags\":[\"agency\",\"cod\"]}", "cod" }, /* the first stands for all */
    { "{\"flags\":[\"cod\"],\"refunds\":[" REFUND("1", "success", "10.00", "") "]}", "refunded" }, /* what is given back is seen first */
    { "{\"status\":\"partly_shipped\"}", "partly_shipped" },
    { "{\"status\":\"cancelled\"}", NULL }, /* the status says that */
    { "{\"service\":\"cold\",\"remarks\":{\"buyer\":\"x\"}}", NULL },
    /* worth 2 × 10.00 − 5.00 = 15.00 */
    { "{\"lines\":[" LINE ",\"refunded\":\"14.99\"}]}", NULL },
    { "{\"lines\":[" LINE ",\"refunded\":\"15.00\"}]}", "line_refunded" },
    { "{\"lines\":[" LINE ",\"refunded\":\"20.00\"}]}", "line_refunded" },
    { "{\"lines\":[{\"sku\":\"A\",\"quantity\":1,\"refunded\":\"5.00\"}]}", NULL },                     /* no price: it cannot be told */
    { "{\"lines\":[{\"sku\":\"A\",\"quantity\":1,\"price\":\"0\",\"refunded\":\"0\"}]}", NULL },       /* a free gift is not refunded */
    { "{\"lines\":[" LINE "}],\"refunds\":[" REFUND("1", "success", "15.00", ",\"line_id\":\"1\"") "]}", "line_refunded" },
    { "{\"lines\":[" LINE "}],\"refunds\":[" REFUND("1", "success", "14.99", ",\"line_id\":\"1\"") "]}", NULL },
    { "{\"lines\":[" LINE "}],\"refunds\":[" REFUND("1", "requested", "15.00", ",\"line_id\":\"1\"") "]}", "line_refunded" },
    { "{\"lines\":[" LINE "}],\"refunds\":[" REFUND("1", "cancelled", "15.00", ",\"line_id\":\"1\"") "]}", NULL },
    { "{\"lines\":[" LINE "}],\"refunds\":[" REFUND("1", "rejected", "15.00", ",\"line_id\":\"1\"") "]}", NULL },
    { "{\"lines\":[" LINE "}],\"refunds\":[" REFUND("1", "refused", "15.00", ",\"line_id\":\"1\"") "]}", NULL },
    { "{\"lines\":[" LINE "}],\"refunds\":[" REFUND("1", "closed", "15.00", ",\"line_id\":\"1\"") "]}", NULL },
    { "{\"lines\":[" LINE "}],\"refunds\":[" REFUND("1", "success", "15.00", ",\"line_id\":\"9\"") "]}", NULL },
    { "{\"lines\":[" LINE "}],\"refunds\":[" REFUND("1", "success", "1.00", ",\"line_id\":\"1\",\"quantity\":2") "]}", "line_refunded" },
    { "{\"lines\":[" LINE "}],\"refunds\":[" REFUND("1", "success", "1.00", ",\"line_id\":\"1\",\"quantity\":1") "]}", NULL },
    { "{\"lines\":[" LINE "}],\"refunds\":[" REFUND("1", "success", "1.00", ",\"line_id\":\"1\",\"quantity\":1") ","
      REFUND("2", "success", "1.00", ",\"line_id\":\"1\",\"quantity\":1") "]}", "line_refunded" },
    { "{\"lines\":[" LINE "}],\"refunds\":[" REFUND("1", "success", "1.00", ",\"line_id\":\"1\",\"quantity\":1") ","
      REFUND("2", "closed", "1.00", ",\"line_id\":\"1\",\"quantity\":1") "]}", NULL },
    { "{\"lines\":[" LINE "}],\"refunds\":[" REFUND("1", "success", "7.50", ",\"line_id\":\"1\"") ","
      REFUND("2", "success", "7.50", ",\"line_id\":\"1\"") "]}", "line_refunded" }, /* in two halves */
    { "{\"lines\":[" LINE "},{\"line_id\":\"2\",\"sku\":\"B\",\"quantity\":1,\"price\":\"1.00\",\"refunded\":\"1.00\"}]}", "line_refunded" },
    { "{\"refunds\":[" REFUND("1", "success", "10.00", "") "]}", "refunded" },
    { "{\"refunds\":[" REFUND("1", "success", "9.99", "") "]}", NULL },
    { "{\"refunds\":[" REFUND("1", "closed", "10.00", "") "]}", NULL },
    { "{\"refunds\":[" REFUND("1", "success", "4.00", "") "," REFUND("2", "success", "6.00", "") "]}", "refunded" },
    { "{\"refunds\":[" REFUND("1", "success", "4.00", "") "," REFUND("2", "closed", "6.00", "") "]}", NULL },
    { "{\"total\":\"0\",\"refunds\":[" REFUND("1", "success", "0", "") "]}", NULL },
    /* as much as a line can be worth and more: no overflow */
    { "{\"lines\":[{\"sku\":\"A\",\"quantity\":1000000,\"price\":\"89999999999999.00\",\"refunded\":\"1.00\"}]}", NULL },
    { "{\"lines\":[{\"sku\":\"A\",\"quantity\":1,\"price\":\"1.00\",\"discount\":\"89999999999999.00\",\"refunded\":\"1.00\"}]}", NULL },
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct arena a = { 0 };
    char *got;
    struct draft *d = draft_of(&a, cases[i].over, &got);
    test_note("%s %s", cases[i].over, got);
    if (CHECK(d)) CHECK_STR(d->no_merge, cases[i].why);
    arena_release(&a);
  }
}

/* ---- keys (schema.sql) -------------------------------------------------------------------------------------------------------- */

static struct draft *keyed(struct arena *a, const char *receiver, const char *family)
{
  struct draft *d = draft_of(a, arena_printf(a, "{\"receiver\":%s}", receiver), NULL);
  draft_keys(d, family);
  return d;
}

TEST(draft_keys_of_what_is_told)
{
  static const struct {
    const char *receiver;
    char contact; /* F full phone, M masked, T token, 0 none */
    bool token;
  } cases[] = {
    { "{}", 'F', false },
    { "{\"phone\":\"+86 138-0000-1111\"}", 'F', false },
    { "{\"token\":\"T1\"}", 'F', true },
    { "{\"phone\":null}", '0', false },
    { "{\"phone\":null,\"token\":\"T1\"}", 'T', false },
    { "{\"phone\":\"138****1111\"}", 'M', false },
    { "{\"phone\":\"138****1111\",\"token\":\"T1\"}", 'T', false },
    { "{\"phone\":\"1*********1\"}", '0', false },
    { "{\"phone\":\"13800001111-7576\"}", '0', false },
    { "{\"phone\":\"13800001111-7576\",\"token\":\"T1\"}", 'T', false },
    { "{\"phone\":\"123456\"}", '0', false },
    { "{\"phone\":\"none\"}", '0', false },
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct arena a = { 0 };
    const struct draft *d = keyed(&a, cases[i].receiver, "fam");
    test_note("%s", cases[i].receiver);
    int64_t k = d->contact_key;
    CHECK_INT(k < 0 ? 'T' : !k ? '0' : (uint32_t)k ? 'F' : 'M', cases[i].contact);
    CHECK_INT(d->token_key != 0, cases[i].token);
    CHECK(d->token_key <= 0); /* a token's key can never be a phone's */
    arena_release(&a);
  }
}

TEST(draft_keys_that_meet)
{
  struct arena a = { 0 };
  const struct draft *full = keyed(&a, "{}", "x"), *other = keyed(&a, "{\"phone\":\"13800001112\"}", "x"),
                     *masked = keyed(&a, "{\"phone\":\"138****1111\"}", "x"), *both = keyed(&a, "{\"token\":\"T\"}", "taobao"),
                     *token = keyed(&a, "{\"phone\":null,\"token\":\"T\"}", "taobao"), *token2 = keyed(&a, "{\"phone\":null,\"token\":\"U\"}", "taobao"),
                     *stranger = keyed(&a, "{\"phone\":null,\"token\":\"T\"}", "douyin"), *own = keyed(&a, "{\"phone\":null,\"token\":\"T\"}", NULL),
                     *written = keyed(&a, "{\"phone\":\"(0086) 138 0000 1111\"}", "x");
  CHECK_INT(full->contact_key, written->contact_key);
  CHECK_INT(full->contact_key, both->contact_key);
  CHECK(full->contact_key != other->contact_key);
  CHECK_INT(masked->contact_key >> 32, full->contact_key >> 32); /* the mask's half finds the full ones */
  CHECK(masked->contact_key >> 32 != other->contact_key >> 32);
  CHECK_INT(both->token_key, token->contact_key);
  CHECK(token->contact_key != token2->contact_key);
  CHECK(token->contact_key != stranger->contact_key); /* only inside a family */
  CHECK(token->contact_key != own->contact_key);
  CHECK_INT(own->contact_key, keyed(&a, "{\"phone\":null,\"token\":\"T\"}", "shop-a")->contact_key);
  /* the buyer's phone stands in where the receiver has none */
  struct draft *d = draft_of(&a, "{\"receiver\":{\"phone\":null},\"buyer\":{\"phone\":\"13800001111\"}}", NULL);
  draft_keys(d, "x");
  CHECK_INT(d->contact_key, full->contact_key);
  /* keys are made anew: nothing of the first call is left */
  draft_keys((struct draft *)both, "taobao");
  CHECK_INT(both->contact_key, full->contact_key);
  arena_release(&a);
}

TEST(draft_seal_keeps_bytes)
{
  struct arena a = { 0 };
  struct draft d = { 0 }, e = { 0 };
  struct buf b = { 0 };
  static const char raw[] = "{\"a\": 1}", twin[] = "{\"a\":1}";
  draft_seal(&a, &d, raw, sizeof raw - 1), draft_seal(&a, &e, twin, sizeof twin - 1);
  CHECK(unpack(&b, d.packed, d.packed_n, 1000));
  CHECK_MEM(b.data, b.len, raw, sizeof raw - 1);
  CHECK(memcmp(d.digest, e.digest, 16) != 0);
  buf_release(&b);
  arena_release(&a);
}
