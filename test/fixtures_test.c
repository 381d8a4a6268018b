/* Recorded answers of the platforms through the built-in connectors: orders that are taken as they stand, exact ids,
 * money and states, and a verdict for every error. */
#include "edge.h"
#include "test.h"
#include <stdio.h>
#include <stdlib.h>

#define ROOT "../shared/reference/apis/fixtures"

struct bench {
  struct arena a;
  struct connector *c;
  struct connector_box *b;
  struct connector_vars v;
};

static const char *setting_of(void *arg, const char *name)
{
  const struct bench *t = arg;
  for (size_t i = 0; i < t->c->settings; i++)
    if (!strcmp(t->c->setting[i].name, name)) return t->c->setting[i].text;
  return NULL;
}

static bool bench_open(struct bench *t, const char *service)
{
  struct connector_file file;
  struct connector_fault f = { 0 };
  const char *why = "there is no such connector";
  *t = (struct bench){ .v = { .now_ms = 1700000000000, .page = 1 } };
  bool ok = connector_load(&t->a, NULL, service, &file);
  t->c = ok ? connector_parse(&t->a, service, file.text, file.n, &f) : NULL;
  t->b = t->c ? connector_open(t->c, &t->a, &why) : NULL;
  if (t->b) connector_values(t->b, NULL, setting_of, t);
  else test_note("%s: %s", service, f.why ? f.why : why);
  return t->b;
}

static void bench_close(struct bench *t)
{
  connector_close(t->b);
  arena_release(&t->a);
}

static const char *fixture(struct bench *t, const char *name)
{
  size_t n;
  char *text = file_read(&t->a, arena_printf(&t->a, ROOT "/%s/%s.json", t->c->name, name), 1 << 20, &n);
  test_note("%s/%s", t->c->name, name);
  return text;
}

static bool at_hand(void)
{
  struct arena a = { 0 };
  size_t n;
  bool ok = file_read(&a, ROOT "/README.md", 1 << 20, &n);
  arena_release(&a);
  return ok;
}

/* ---- orders -------------------------------------------------------------------------------------------------- */
struct want {
  const char *service, *file, *external_id, *status, *total, *flags, *line_ids;
};
/* One row per order, in the fixture's order. */
static const struct want wants[] = {
  { "shopee", "order_detail", "2404098R48U37H", "completed", "32119", "cod", "23620853561-221404189791" },
  { "shopee", "order_detail_hard", "231115TH0001AB", "paid", "419.9", "",
    "9223372036854775807-221404189791 23620853562-0" },
  { "shopee", "order_detail_hard", "231115TW0002CD", "placed", "199", "sealed", "23620853561-221404189791" },
  { "taobao", "trades_increment_page1", "2231958349123450001", "completed", "200.07", "sealed",
    "2231958349123456790 2231958349123456791" },
  { "taobao", "trades_increment_page1", "2231958349123450002", "cancelled", "0.01", "sealed",
    "2231958349123456790 2231958349123456791" },
  { "taobao", "trades_increment_page_last", "2231958349123456789", "paid", "200.07", "sealed",
    "2231958349123456790 2231958349123456791" },
  { "taobao", "trade_fullinfo", "2231958349123456789", "paid", "200.07", "sealed",
    "2231958349123456790 2231958349123456791" },
  { "jd", "order_search_page1", "249786309732", "paid", "200.07", "", "228886533499 9007199254740995" },
  { "jd", "order_search_page1", "249786309733", "paid", "200.07", "sealed", "228886533499 9007199254740995" },
  { "jd", "order_search_page2", "249786309734", "cancelled", "0.00", "", "228886533499 9007199254740995" },
  { "jd", "order_get", "249786309732", "paid", "200.07", "", "228886533499 9007199254740995" },
  { "douyin", "search_list_page0", "4998567890123456789", "paid", "200.07", "sealed",
    "4998567890123456790 4998567890123456791" },
  { "douyin", "search_list_page0", "4998567890123456800", "partly_shipped", "200.07", "sealed",
    "4998567890123456790 4998567890123456791" },
  { "douyin", "search_list_page1_last", "4998567890123456801", "cancelled", "200.07", "sealed",
    "4998567890123456790 4998567890123456791" },
  { "douyin", "order_detail", "4998567890123456789", "paid", "200.07", "sealed",
    "4998567890123456790 4998567890123456791" },
  { "pinduoduo", "increment_page1", "231115-123456789012345", "paid", "200.07", "",
    "987654321012 987654321013" },
  { "pinduoduo", "increment_page1", "231115-123456789012346", "paid", "200.07", "sealed",
    "987654321012 987654321013" },
  { "pinduoduo", "increment_page2_last_has_next", "231115-123456789012347", "shipped", "200.07", "",
    "987654321012 987654321013" },
  { "pinduoduo", "order_information", "231115-123456789012345", "paid", "200.07", "",
    "987654321012 987654321013" },
  { "shopify", "orders_page1", "5529873940765", "paid", "19.90", "", "14001002003004 9223372036854775807" },
  { "shopify", "orders_page1", "5529873940766", "cancelled", "10.00", "sealed", "254721536 5" },
  { "shopify", "orders_page2_last", "5529873940767", "cancelled", "10.00", "sealed", "254721536 5" },
  { "shopify", "order_detail", "5529873940765", "paid", "19.90", "", "14001002003004 9223372036854775807" },
  { "shopify", "order_sdk_fixture", "123456", "cancelled", "10.00", "sealed", "254721536 5" },
  { "woocommerce", "orders_page1", "727", "paid", "29.35", "", "315 316" },
  { "woocommerce", "orders_page1", "723", "completed", "39.00", "", "311 313" },
  { "woocommerce", "orders_page2_last", "728", "cancelled", "419.90", "", "315 316" },
  { "woocommerce", "order_detail", "727", "paid", "29.35", "", "315 316" },
  { "taobao", "trades_empty", NULL, NULL, NULL, NULL, NULL },
  { "jd", "order_search_empty", NULL, NULL, NULL, NULL, NULL },
  { "douyin", "search_list_empty", NULL, NULL, NULL, NULL, NULL },
  { "pinduoduo", "increment_empty", NULL, NULL, NULL, NULL, NULL },
  { "shopify", "orders_empty", NULL, NULL, NULL, NULL, NULL },
  { "woocommerce", "orders_empty", NULL, NULL, NULL, NULL, NULL },
};

/* Texts of a list (member NULL: the elements), parted by blanks. */
static const char *joined(struct arena *a, const struct json *list, const char *member)
{
  struct buf b = { 0 };
  for (const struct json *m = json_first(list); m; m = json_next(m))
    buf_printf(&b, "%s%s", b.len ? " " : "", json_string(member ? json_get(m, member) : m));
  const char *out = arena_strn(a, b.data ? b.data : "", b.len);
  buf_release(&b);
  return out;
}

static void check_order(struct arena *a, const struct connector_order *o, const struct want *w)
{
  struct faults f = { .mem = a };
  const char *text = arena_printf(a, "{\"channel\":\"x\",%.*s", (int)o->order_n - 1, o->order + 1);
  struct json *j = json_parse(a, text, strlen(text), JSON_ELEMENTS_MAX, &f);
  REQUIRE(j);
  CHECK_STR(json_string(json_get(j, "external_id")), w->external_id);
  CHECK_STR(json_string(json_get(j, "status")), w->status);
  CHECK_STR(json_string(json_get(j, "total")), w->total);
  CHECK_STR(joined(a, json_get(j, "flags"), NULL), w->flags);
  CHECK_STR(joined(a, json_get(j, "lines"), "line_id"), w->line_ids);
  CHECK(draft_parse(a, j, "", &f));
  for (int i = 0; i < f.n && i < 16; i++) CHECK_STR(f.at[i].pointer, f.at[i].detail);
}

static bool good(struct bench *t, struct connector_answer *ans, const char *request)
{
  struct verdict verdict;
  connector_judge(t->b, &t->a, request, ans, &t->v, &verdict);
  /* single orders, and pages that were asked for in other ways than we do, are no lists of ours */
  if (!strcmp(verdict.code, "unexpected")) connector_judge(t->b, &t->a, "one", ans, &t->v, &verdict);
  return CHECK_STR(verdict_name(verdict.kind), "ok");
}

/* All rows of wants[i]'s fixture; the index behind them. */
static size_t check_fixture(struct bench *t, size_t i)
{
  const struct want *first = &wants[i];
  struct connector_order *list;
  size_t n, expected = 0;
  const char *why = NULL, *body = fixture(t, first->file);
  while (i < COUNT(wants) && wants[i].service == first->service && !strcmp(wants[i].file, first->file)) i++;
  if (!CHECK(body)) return i;
  struct connector_answer ans = { .status = 200, .body = body, .body_n = strlen(body) };
  const char *request = strcmp(first->service, "shopee") ? "list" : "detail";
  if (!good(t, &ans, request) ||
      !CHECK(connector_orders(t->b, &t->a, "orders", &ans, &t->v, &list, &n, &why)))
    return i;
  for (const struct want *w = first; w < &wants[i] && w->external_id; w++) expected++;
  CHECK_INT(n, expected);
  for (size_t k = 0; k < n && k < expected; k++) check_order(&t->a, &list[k], &first[k]);
  return i;
}

TEST(fixtures_become_orders)
{
  if (!at_hand()) SKIP("the platforms' recorded answers are not at hand");
  for (size_t i = 0; i < COUNT(wants);) {
    struct bench t;
    REQUIRE(bench_open(&t, wants[i].service));
    i = check_fixture(&t, i);
    bench_close(&t);
  }
}

/* ---- two steps ----------------------------------------------------------------------------------------------------- */
/* The list's row of the order, as the JSON array that the mapping gets; NULL without it. */
static const char *row_of(struct bench *t, const char *list_file, const char *id, int64_t *updated_ms)
{
  struct connector_id *ids;
  size_t n;
  const char *why = NULL, *body = fixture(t, list_file);
  if (!CHECK(body)) return NULL;
  struct connector_answer ans = { .status = 200, .body = body, .body_n = strlen(body) };
  if (!good(t, &ans, "list") || !CHECK(connector_ids(t->b, &t->a, "ids list", &ans, &t->v, &ids, &n, &why)))
    return NULL;
  for (size_t i = 0; i < n; i++)
    if (!strcmp(ids[i].id, id)) {
      *updated_ms = ids[i].updated_ms;
      return arena_printf(&t->a, "[%s]", ids[i].row);
    }
  CHECK_STR("", id);
  return NULL;
}

struct two_step {
  struct want want;
  const char *list_file;
  int64_t updated_ms;
  bool is_paged; /* the mapping gets an array of pages */
};

static void check_two_steps(const struct two_step *s)
{
  struct bench t;
  struct connector_order *list;
  size_t n;
  int64_t updated_ms = 0;
  const char *why = NULL;
  REQUIRE(bench_open(&t, s->want.service));
  t.v.rows = row_of(&t, s->list_file, s->want.external_id, &updated_ms);
  CHECK_INT(updated_ms, s->updated_ms);
  const char *body = fixture(&t, s->want.file);
  REQUIRE(t.v.rows && body);
  if (s->is_paged) body = arena_printf(&t.a, "[%s]", body);
  struct connector_answer ans = { .status = 200, .body = body, .body_n = strlen(body) };
  if (good(&t, &ans, "detail") && CHECK(connector_orders(t.b, &t.a, "orders", &ans, &t.v, &list, &n, &why)) &&
      CHECK_INT(n, 1))
    check_order(&t.a, list, &s->want);
  if (why) test_note("%s", why);
  bench_close(&t);
}

TEST(fixtures_of_two_steps_become_orders)
{
  static const struct two_step steps[] = {
    { { "lazada", "order_items", "1047329403264189", "paid", "419.90", "cod", "1047329403364189" },
      "orders_page1",
      1700004000000,
      false },
    { { "amazon", "order_items_multi", "249-1234567-1234567", "partly_shipped", "1980", "cod gift sealed",
        "05015851154158 05015851154159" },
      "orders_page_hard",
      1699999199058,
      true },
    { { "amazon", "order_items", "902-3159896-1390916", "placed", "0", "sealed", "05015851154158" },
      "orders_page1",
      1484941775000,
      true },
    { { "amazon", "order_items", "902-1845936-5435065", "paid", "11.01", "sealed", "05015851154158" },
      "orders_single_page",
      1569512000,
      true },
  };
  if (!at_hand()) SKIP("the platforms' recorded answers are not at hand");
  for (size_t i = 0; i < COUNT(steps); i++) check_two_steps(&steps[i]);
}

/* ---- lists --------------------------------------------------------------------------------------------------------------- */
TEST(fixtures_lists_tell_ids_and_pages)
{
  static const struct {
    const char *service, *file, *ids, *cursor;
    int64_t pages; /* -1: walked by cursor */
  } table[] = {
    { "shopee", "order_list_page1", "201218V2Y6E59M 201218V2W2SG1E 2404098R48U37H", "20", -1 },
    { "shopee", "order_list_page2", "201214JASXYXY6 201214JAJXU6G7", NULL, -1 },
    { "shopee", "order_list_empty", "", NULL, -1 },
    { "lazada", "orders_page1", "1047329403264189 9007199254740993", NULL, 1 },
    { "lazada", "orders_page2_stringly", "491253082180001", NULL, 1 },
    { "lazada", "orders_empty", "", NULL, 1 },
    { "amazon", "orders_page1", "902-3159896-1390916", "2YgYW55IGNhcm5hbCBwbGVhc3VyZS4", -1 },
    { "amazon", "orders_page_hard", "249-1234567-1234567 305-7654321-7654321",
      "2YgYW55IGNhcm5hbCBwbGVhc3VyZS4/+=", -1 },
    { "amazon", "orders_page2_last", "902-3159896-1390916", NULL, -1 },
    { "amazon", "orders_empty", "", NULL, -1 },
    { "taobao", "trades_increment_page1", NULL, NULL, 2 },
    { "taobao", "trades_empty", NULL, NULL, 1 },
    { "jd", "order_search_page1", NULL, NULL, 1 },
    { "douyin", "search_list_page0", NULL, NULL, 1 },
    { "pinduoduo", "increment_page1", NULL, NULL, 1 },
    { "pinduoduo", "increment_empty", NULL, NULL, 1 },
  };
  if (!at_hand()) SKIP("the platforms' recorded answers are not at hand");
  for (size_t i = 0; i < COUNT(table); i++) {
    struct bench t;
    struct connector_id *ids;
    size_t n = 0;
    int64_t pages = -1;
    const char *why = NULL, *cursor = NULL;
    REQUIRE(bench_open(&t, table[i].service));
    const char *body = fixture(&t, table[i].file);
    REQUIRE(body);
    struct connector_answer ans = { .status = 200, .body = body, .body_n = strlen(body) };
    CHECK(good(&t, &ans, "list"));
    struct buf b = { 0 };
    if (table[i].ids && CHECK(connector_ids(t.b, &t.a, "ids list", &ans, &t.v, &ids, &n, &why)))
      for (size_t k = 0; k < n; k++) buf_printf(&b, "%s%s", k ? " " : "", ids[k].id);
    if (table[i].ids) CHECK_STR(b.data ? b.data : "", table[i].ids);
    buf_release(&b);
    if (t.c->has_next) CHECK(connector_next(t.b, &t.a, "list", &ans, &t.v, &cursor, &why));
    CHECK(cursor && table[i].cursor ? !strcmp(cursor, table[i].cursor) : !cursor && !table[i].cursor);
    if (t.c->has_pages) CHECK(connector_pages(t.b, &t.a, &ans, &t.v, &pages, &why));
    CHECK_INT(pages, table[i].pages);
    bench_close(&t);
  }
}

/* ---- errors and tokens ------------------------------------------------------------------------------------------------------ */
TEST(fixtures_errors_are_judged)
{
  static const struct {
    const char *service, *file;
    int status;
    const char *kind;
    int64_t retry_after_ms;
  } table[] = {
    { "shopee", "error_rate_limit", 200, "rate_limited", 0 },
    { "shopee", "error_server", 200, "retry", 0 },
    { "shopee", "error_sign", 200, "refused", 0 },
    { "shopee", "error_time_window", 200, "refused", 0 },
    { "shopee", "error_token_expired", 200, "auth_expired", 0 },
    { "lazada", "error_business", 200, "refused", 0 },
    { "lazada", "error_rate_limit", 200, "rate_limited", 1000 },
    { "lazada", "error_sign", 200, "refused", 0 },
    { "lazada", "error_token_expired", 200, "auth_expired", 0 },
    { "taobao", "error_isp_timeout", 200, "retry", 0 },
    { "taobao", "error_rate_limit", 200, "rate_limited", 1000 },
    { "taobao", "error_sign", 200, "refused", 0 },
    { "taobao", "error_token_expired", 200, "auth_expired", 0 },
    { "jd", "error_business", 200, "refused", 0 },
    { "jd", "error_rate_limit", 200, "rate_limited", 0 },
    { "jd", "error_sign", 200, "refused", 0 },
    { "jd", "error_token_expired", 200, "auth_expired", 0 },
    { "douyin", "error_page_window", 200, "refused", 0 },
    { "douyin", "error_rate_limit", 200, "rate_limited", 0 },
    { "douyin", "error_service", 200, "retry", 0 },
    { "douyin", "error_sign", 200, "refused", 0 },
    { "douyin", "error_token_expired", 200, "auth_expired", 0 },
    { "pinduoduo", "error_api_limited", 200, "rate_limited", 0 },
    { "pinduoduo", "error_business", 200, "refused", 0 },
    { "pinduoduo", "error_rate_limit", 200, "rate_limited", 0 },
    { "pinduoduo", "error_sign", 200, "refused", 0 },
    { "pinduoduo", "error_token_expired", 200, "auth_expired", 0 },
    { "amazon", "error_invalid_input", 400, "refused", 0 },
    { "amazon", "error_token_expired", 403, "auth_expired", 0 },
    { "amazon", "error_rate_limit", 429, "rate_limited", 0 },
    { "amazon", "error_unavailable", 503, "retry", 0 },
    { "shopify", "error_not_found", 404, "not_found", 0 },
    { "shopify", "error_rate_limit", 429, "rate_limited", 0 },
    { "shopify", "error_unauthorized", 401, "auth_expired", 0 },
    { "shopify", "error_validation", 422, "refused", 0 },
    { "woocommerce", "error_not_found", 404, "not_found", 0 },
    { "woocommerce", "error_rate_limit", 429, "rate_limited", 0 },
    { "woocommerce", "error_unauthorized", 401, "auth_expired", 0 },
    { "woocommerce", "error_signature", 401, "refused", 0 },
  };
  if (!at_hand()) SKIP("the platforms' recorded answers are not at hand");
  for (size_t i = 0; i < COUNT(table); i++) {
    struct bench t;
    struct verdict v;
    REQUIRE(bench_open(&t, table[i].service));
    const char *body = fixture(&t, table[i].file);
    REQUIRE(body);
    struct connector_answer ans = { .status = table[i].status, .body = body, .body_n = strlen(body) };
    connector_judge(t.b, &t.a, "list", &ans, &t.v, &v);
    CHECK_STR(verdict_name(v.kind), table[i].kind);
    CHECK(*v.code);
    CHECK_INT(v.retry_after_ms, table[i].retry_after_ms);
    bench_close(&t);
  }
}

TEST(fixtures_tokens_are_read)
{
  static const struct {
    const char *service, *file;
    int64_t lives_ms;
    size_t n;
  } table[] = {
    { "shopee", "token_refresh", 14400000, 2 },        { "lazada", "token_refresh", 604800000, 2 },
    { "lazada", "token_refresh_wrapped", 3600000, 2 }, { "douyin", "token_create", 604800000, 2 },
    { "pinduoduo", "token_create", 86400000, 2 },      { "amazon", "lwa_token", 3600000, 2 },
  };
  if (!at_hand()) SKIP("the platforms' recorded answers are not at hand");
  for (size_t i = 0; i < COUNT(table); i++) {
    struct bench t;
    struct connector_token *list;
    size_t n = 0;
    const char *why = NULL;
    REQUIRE(bench_open(&t, table[i].service));
    const char *body = fixture(&t, table[i].file);
    REQUIRE(body);
    struct connector_answer ans = { .status = 200, .body = body, .body_n = strlen(body) };
    CHECK(good(&t, &ans, "refresh"));
    if (CHECK(connector_tokens(t.b, &t.a, &ans, &t.v, &list, &n, &why)) && CHECK_INT(n, table[i].n)) {
      CHECK_STR(list[0].name, "access_token");
      CHECK_INT(list[0].expires_in_ms, table[i].lives_ms);
      CHECK(*list[0].value && *list[1].value);
    }
    bench_close(&t);
  }
}
