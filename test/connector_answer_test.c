/* What connectors make of answers: judged, read, mapped, kept byte for byte; hostile ones too; pushes and files. */
#include "connector_rig.h"
#include <stdio.h>

static struct connector_answer answer(int status, const char *body)
{
  return (struct connector_answer){ .status = status, .body = body, .body_n = strlen(body) };
}

/* ---- answers ------------------------------------------------------------------------------------------------------------------- */
TEST(connector_judges_answers)
{
  static const struct {
    const char *request;
    int status;
    const char *header, *value, *body, *kind, *code, *message;
    int64_t wait;
  } t[] = {
    { "list", 200, NULL, NULL, "{\"orders\":[]}", "ok", "", "", 0 },
    { "list", 200, NULL, NULL, "{\"kind\":\"rate_limited\",\"code\":7,\"msg\":\"慢\",\"wait\":1500}", "rate_limited", "7", "慢", 1500 },
    { "list", 200, "retry-after", "3", "{\"kind\":\"rate_limited\"}", "rate_limited", "", "", 3000 },
    { "list", 200, "retry-after", "3", "{\"kind\":\"rate_limited\",\"wait\":\"-5\"}", "rate_limited", "", "", 3000 },
    { "list", 404, NULL, NULL, "{\"kind\":\"ok\"}", "ok", "", "", 0 },
    { "list", 404, NULL, NULL, "{\"kind\":null}", "refused", "connector_failed",
      "x.channel:5: [errors]: the kind NULL is none of rate_limited, auth_expired, not_found, refused, retry", 0 },
    { "list", 200, NULL, NULL, "{\"kind\":\"wrong\"}", "refused", "connector_failed",
      "x.channel:5: [errors]: the kind wrong is none of rate_limited, auth_expired, not_found, refused, retry", 0 },
    { "list", 429, "retry-after", "Tue, 14 Nov 2023 22:13:30 GMT", "{}", "rate_limited", "http_429", "HTTP 429: {}", 9877 },
    { "list", 429, "retry-after", "Tue, 14 Nov 2023 22:13:10 GMT", "{}", "rate_limited", "http_429", "HTTP 429: {}", 0 },
    { "list", 429, "retry-after", "999999999", "{}", "rate_limited", "http_429", "HTTP 429: {}", 86400000 },
    { "list", 429, "retry-after", "soon", "", "rate_limited", "http_429", "HTTP 429", 0 },
    { "list", 401, NULL, NULL, "{}", "auth_expired", "http_401", "HTTP 401: {}", 0 },
    { "list", 403, NULL, NULL, "{}", "refused", "http_403", "HTTP 403: {}", 0 },
    { "list", 404, NULL, NULL, "{}", "refused", "http_404", "HTTP 404: {}", 0 },
    { "one", 404, NULL, NULL, "{}", "not_found", "http_404", "HTTP 404: {}", 0 },
    { "list", 302, "location", "https://evil.example", "", "refused", "http_302",
      "HTTP 302, which points elsewhere; addresses are not followed", 0 },
    { "list", 503, NULL, NULL, "<html>busy", "retry", "http_503", "HTTP 503", 0 },
    { "list", 200, NULL, NULL, "<html>login", "retry", "not_json", "the answer is a page of HTML or XML, not JSON", 0 },
    { "list", 200, NULL, NULL, "<x>1", "retry", "page", "<x>1", 0 },
    { "list", 200, NULL, NULL, "", "retry", "not_json", "the answer is empty", 0 },
    { "list", 204, NULL, NULL, "", "retry", "not_json", "the answer is empty", 0 },
    { "refresh", 204, NULL, NULL, "", "ok", "", "", 0 },
    { "refresh", 200, NULL, NULL, "{", "retry", "not_json",
      "the answer is no JSON that can be taken: the document ends too early, at byte 1", 0 },
  };
  struct rig r;
  REQUIRE(rig_open(&r, SHOP, NULL));
  for (size_t i = 0; i < COUNT(t); i++) {
    struct http_field field = { t[i].header, t[i].value };
    struct connector_answer ans = answer(t[i].status, t[i].body);
    struct verdict v;
    ans.header = &field, ans.headers = t[i].header != NULL;
    connector_judge(r.b, &r.a, t[i].request, &ans, &r.v, &v);
    test_note("%s %d %s", t[i].request, t[i].status, t[i].body);
    CHECK_STR(verdict_name(v.kind), t[i].kind);
    CHECK_STR(v.code, t[i].code);
    CHECK_STR(v.message, t[i].message);
    CHECK_INT(v.retry_after_ms, t[i].wait);
  }
  rig_close(&r);
}

static void hostile(struct rig *r, const char *what, const char *body, size_t n, bool good)
{
  struct connector_answer ans = { .status = 200, .body = body, .body_n = n };
  struct connector_order *list;
  struct verdict v;
  const char *why = NULL, *cursor;
  size_t orders;
  connector_judge(r->b, &r->a, "list", &ans, &r->v, &v);
  test_note("%s: %s %s %s", what, verdict_name(v.kind), v.code, v.message);
  CHECK_INT(v.kind == VERDICT_OK, good);
  CHECK(good || (*v.code && *v.message && utf8_valid(v.message, strlen(v.message)) && strlen(v.message) < 1000));
  bool mapped = connector_orders(r->b, &r->a, "orders", &ans, &r->v, &list, &orders, &why);
  CHECK(mapped ? !why : why && *why && !strncmp(why, "x.channel:", 10));
  CHECK(good || !mapped || !orders);
  connector_next(r->b, &r->a, "list", &ans, &r->v, &cursor, &why);
}

static void hostile_long(struct rig *r, const char *what, const char *before, const char *piece, size_t times, const char *behind,
                         bool good)
{
  struct arena a = { 0 };
  const char *text = file_of(&a, before, piece, times, behind);
  hostile(r, what, text, strlen(text), good);
  arena_release(&a);
}

TEST(connector_survives_hostile_answers)
{
  struct rig r;
  REQUIRE(rig_open(&r, SHOP, NULL));
  hostile_long(&r, "depth", "{\"orders\":", "[", 100000, "", false);
  hostile_long(&r, "depth, closed", "", "[", 40, "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", false);
  hostile_long(&r, "10 MB", "{\"orders\":[\"", "aaaaaaaaaa", 1 << 20, "\"]}", false);
  hostile_long(&r, "elements", "{\"orders\":[1", ",1", 500000, "]}", false);
  hostile_long(&r, "rows", "{\"orders\":[{}", ",{}", 6000, "]}", true);
  hostile_long(&r, "a long number", "{\"orders\":[{\"id\":1", "0", 100000, "}]}", true);
  hostile_long(&r, "a long name", "{\"orders\":[{\"", "n", 100000, "\":1}]}", true);
  hostile_long(&r, "spaces", "{\"orders\":[", " ", 1000000, "]}", true);
  static const struct {
    const char *what, *body;
    size_t n;
    bool good;
  } t[] = {
#define B(text) text, sizeof text - 1
    { "NUL", B("{\"orders\":[\0]}"), false },
    { "NUL escaped", B("{\"orders\":[{\"id\":\"\\u0000\"}]}"), false },
    { "no UTF-8", B("{\"orders\":[\"\xff\xfe\"]}"), false },
    { "overlong", B("{\"orders\":[\"\xc0\xaf\"]}"), false },
    { "half a surrogate", B("{\"orders\":[\"\\ud800\"]}"), false },
    { "duplicate key", B("{\"orders\":[],\"orders\":[1]}"), false },
    { "duplicate key, escaped", B("{\"orders\":[],\"\\u006frders\":[1]}"), false },
    { "truncated", B("{\"orders\":[{\"id\":1"), false },
    { "behind the end", B("{\"orders\":[]} {}"), false },
    { "NaN", B("{\"orders\":[NaN]}"), false },
    { "a bare word", B("hello"), false },
    { "HTML", B(" \n<!DOCTYPE html><html>"), false },
    { "XML with a mark", B("\xef\xbb\xbf<?xml version=\"1.0\"?>"), false },
    { "1e400", B("{\"orders\":[{\"id\":1e400,\"note\":1e400}]}"), true },
    { "-0", B("{\"orders\":[{\"id\":-0}]}"), true },
    { "wrong type: text", B("{\"orders\":\"none\"}"), true },
    { "wrong type: number", B("{\"orders\":7}"), true },
    { "wrong type: null", B("{\"orders\":null}"), true },
    { "wrong type: object", B("{\"orders\":{\"a.b\":{\"id\":1},\"c\\\"d\":{\"id\":2},\"\":3}}"), true },
    { "wrong type: rows", B("{\"orders\":[1,\"a\",null,[],{}]}"), true },
    { "an array", B("[1,2]"), true },
    { "a scalar", B("7"), true },
    { "deep next", B("{\"next\":{\"a\":[1]}}"), true },
#undef B
  };
  for (size_t i = 0; i < COUNT(t); i++) hostile(&r, t[i].what, t[i].body, t[i].n, t[i].good);
  rig_close(&r);
}

static const char *next_of(struct rig *r, const char *body)
{
  struct connector_answer ans = answer(200, body);
  const char *cursor = NULL, *why = NULL;
  return connector_next(r->b, &r->a, "list", &ans, &r->v, &cursor, &why) ? cursor ? cursor : "(last)" : why;
}

TEST(connector_pages_and_ids)
{
  struct rig r;
  REQUIRE(rig_open(&r, HEAD LIST "walk = backward\n" ORDERS
                   "[next list]\nSELECT :body ->> '$.next' WHERE :body ->> '$.more'\n[pages list]\nSELECT :body ->> '$.pages'\n"
                   "[request detail]\nGET {host}/d\n[ids list]\nSELECT num_text(value, '$.id'), value -> '$.row', value -> '$.at' FROM json_each(:body, '$.ids')\n",
                   NULL));
  CHECK_STR(next_of(&r, "{\"more\":true,\"next\":\"c2\"}"), "c2");
  CHECK_STR(next_of(&r, "{\"more\":true,\"next\":9007199254740993}"), "9007199254740993");
  CHECK_STR(next_of(&r, "{\"more\":true,\"next\":\"\"}"), "(last)");
  CHECK_STR(next_of(&r, "{\"more\":true,\"next\":null}"), "(last)");
  CHECK_STR(next_of(&r, "{\"more\":false,\"next\":\"c\"}"), "(last)");
  static const struct {
    const char *body, *why;
    int64_t pages;
  } t[] = {
    { "{\"pages\":3}", NULL, 3 }, { "{\"pages\":\"4\"}", NULL, 4 }, { "{\"pages\":2.0}", NULL, 2 }, { "{\"pages\":0}", NULL, 1 },
    { "{}", NULL, 1 }, { "{\"pages\":\"many\"}", "x.channel:10: [pages list]: the number of pages is no number", 0 },
  };
  for (size_t i = 0; i < COUNT(t); i++) {
    struct connector_answer ans = answer(200, t[i].body);
    int64_t pages = 0;
    const char *why = NULL;
    test_note("%s", t[i].body);
    CHECK_INT(connector_pages(r.b, &r.a, &ans, &r.v, &pages, &why), !t[i].why);
    CHECK_STR(why, t[i].why);
    if (!t[i].why) CHECK_INT(pages, t[i].pages);
  }
  struct connector_answer ans = answer(200, "{\"ids\":[{\"id\":12345678901234567890,\"row\":{\"a\":[1, 2]},\"at\":17},{\"id\":\"B\"}]}");
  struct connector_id *id = NULL;
  size_t n = 0;
  const char *why = NULL;
  CHECK(connector_ids(r.b, &r.a, "ids list", &ans, &r.v, &id, &n, &why));
  REQUIRE(n == 2);
  CHECK_STR(id[0].id, "12345678901234567890");
  CHECK_STR(id[0].row, "{\"a\":[1,2]}");
  CHECK_INT(id[0].updated_ms, 17);
  CHECK_STR(id[1].id, "B");
  CHECK_STR(id[1].row, NULL);
  ans = answer(200, "{\"ids\":[{\"id\":null}]}");
  CHECK(!connector_ids(r.b, &r.a, "ids list", &ans, &r.v, &id, &n, &why));
  CHECK_STR(why, "x.channel:14: [ids list]: an id is NULL, empty or longer than 200 bytes");
  rig_close(&r);
}

/* ---- rows, byte for byte, and again ------------------------------------------------------------------------------------------------ */
static void check_again(struct rig *r, const struct connector_order *list, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    struct connector_order again = { 0 };
    const char *why = NULL;
    bool ok = connector_again(r->b, &r->a, list[i].raw, list[i].raw_n, &r->v, &again, &why);
    test_note("%s: %s", list[i].raw, ok ? again.order : why);
    if (CHECK(ok)) CHECK_STR(again.order, list[i].order);
  }
}

TEST(connector_keeps_the_bytes_of_a_row)
{
  static const struct {
    const char *orders, *body, *raw[3];
  } t[] = {
    { "SELECT json_object('external_id', num_text(value, '$.id'), 'n', value ->> '$.n'), fullkey FROM json_each(:body, '$.orders')",
      "{\"a\":[{\"id\":1}], \"orders\" : [ {\"id\" :  12345678901234567890 , \"n\":\"\\u4e2d\\\"\\\\\"}\n ,\t{\"n\":1.50e2,\"id\":\"B\"}]}",
      { "{\"at\":\"$.orders[0]\",\"order\":{\"id\" :  12345678901234567890 , \"n\":\"\\u4e2d\\\"\\\\\"}}",
        "{\"at\":\"$.orders[1]\",\"order\":{\"n\":1.50e2,\"id\":\"B\"}}" } },
    { "SELECT json_object('external_id', atom), fullkey FROM json_tree(:body) WHERE atom IS NOT NULL",
      "{\"a b\":{\"中\":[[\"x\"],{\"q\\\"r\":[\"y]}\"]}]},\"e\\u0041\":2}",
      { "{\"at\":\"$.\\\"a b\\\".\\\"中\\\"[0][0]\",\"order\":\"x\"}", "{\"at\":\"$.\\\"a b\\\".\\\"中\\\"[1].\\\"q\\\\\\\"r\\\"[0]\",\"order\":\"y]}\"}",
        "{\"at\":\"$.\\\"e\\\\u0041\\\"\",\"order\":2}" } },
    { "SELECT json_object('external_id', :body ->> '$.id'), '$'", " {\"id\": 7} ", { "{\"at\":\"$\",\"order\":{\"id\": 7}}" } },
    { "SELECT json_object('external_id', value), '$.nothing[3]' FROM json_each(:body)", "[1,2]",
      { "{\"at\":\"$\",\"n\":0,\"order\":[1,2]}", "{\"at\":\"$\",\"n\":1,\"order\":[1,2]}" } },
    { "SELECT json_object('external_id', value ->> '$.id', 'row', :rows -> '$[0].k'), fullkey, :rows -> '$[0]' FROM json_each(:body)",
      "[{\"id\":\"A\"}]", { "{\"at\":\"$[0]\",\"row\":{\"k\":5},\"order\":{\"id\":\"A\"}}" } },
    { "SELECT json_object('external_id', min(value ->> '$.no'), 'pieces', sum(value ->> '$.n')), json_group_array(fullkey) "
      "FROM json_each(:body) GROUP BY value ->> '$.no'",
      "[{\"no\":\"A\",\"n\":1},{\"no\":\"B\",\"n\":2}, {\"no\":\"A\", \"n\":4}]",
      { "{\"at\":[\"$[0]\",\"$[2]\"],\"order\":[{\"no\":\"A\",\"n\":1},{\"no\":\"A\", \"n\":4}]}",
        "{\"at\":[\"$[1]\"],\"order\":[{\"no\":\"B\",\"n\":2}]}" } },
  };
  for (size_t i = 0; i < COUNT(t); i++) {
    struct rig r;
    struct connector_order *list = NULL;
    struct connector_answer ans = answer(200, t[i].body);
    size_t n = 0;
    const char *why = NULL;
    char text[2048];
    snprintf(text, sizeof text, HEAD LIST "[orders]\n%s\n", t[i].orders);
    REQUIRE(rig_open(&r, text, NULL));
    r.v.rows = "[{\"k\": 5}]";
    bool ok = connector_orders(r.b, &r.a, "orders", &ans, &r.v, &list, &n, &why);
    test_note("%s: %s", t[i].body, ok ? "" : why);
    CHECK(ok);
    size_t want = 0;
    while (want < COUNT(t[i].raw) && t[i].raw[want]) want++;
    CHECK_INT(n, want);
    for (size_t k = 0; k < n && k < want; k++) CHECK_STR(list[k].raw, t[i].raw[k]);
    r.v.rows = NULL;
    check_again(&r, list, n);
    rig_close(&r);
  }
}

/* Thousands of rows, each found without reading the page again; more than the inbox may hold of one page is refused. */
TEST(connector_cuts_a_large_page)
{
  struct rig r;
  struct arena a = { 0 };
  struct connector_order *list = NULL;
  size_t n = 0;
  const char *why = NULL;
  REQUIRE(rig_open(&r, HEAD LIST "[orders]\nSELECT json_object('external_id', 'A'), fullkey FROM json_each(:body, '$.o') ORDER BY key DESC\n", NULL));
  const char *body = file_of(&a, "{\"o\":[{}", ",{\"note\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}", 4999, "]}");
  struct connector_answer ans = answer(200, body);
  CHECK(connector_orders(r.b, &r.a, "orders", &ans, &r.v, &list, &n, &why));
  REQUIRE(n == 5000);
  CHECK_STR(list[4999].raw, "{\"at\":\"$.o[0]\",\"order\":{}}");
  rig_close(&r);
  REQUIRE(rig_open(&r, HEAD LIST "[orders]\nSELECT json_object('external_id', 'A') FROM json_each(:body, '$.o')\n", NULL));
  CHECK(!connector_orders(r.b, &r.a, "orders", &ans, &r.v, &list, &n, &why));
  CHECK_STR(why, "x.channel:5: [orders]: the paths of its rows are not in the answer; give o.fullkey of json_each");
  rig_close(&r), arena_release(&a);
}

TEST(connector_orders_that_are_none)
{
  static const struct {
    const char *sql, *why;
  } t[] = {
    { "SELECT NULL", "x.channel:5: [orders]: order 1 is no JSON object without duplicate keys (json_object() gives one)" },
    { "SELECT '[]'", "x.channel:5: [orders]: order 1 is no JSON object without duplicate keys (json_object() gives one)" },
    { "SELECT json_object('a', 1, 'a', 2)", "x.channel:5: [orders]: order 1 is no JSON object without duplicate keys (json_object() gives one)" },
    { "SELECT '{}', '$', 'x'", "x.channel:5: [orders]: the row of order 1 is no JSON text" },
    { "SELECT json_extract(:text, 'x')", "x.channel:5: [orders]: bad JSON path: 'x'" },
    { "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT '{}' FROM n", NULL },
  };
  for (size_t i = 0; i < COUNT(t); i++) {
    struct rig r;
    struct connector_order *list;
    struct connector_answer ans = answer(200, "{}");
    size_t n;
    const char *why = NULL;
    char text[512];
    snprintf(text, sizeof text, HEAD LIST "[orders]\n%s\n", t[i].sql);
    REQUIRE(rig_open(&r, text, NULL));
    CHECK(!connector_orders(r.b, &r.a, "orders", &ans, &r.v, &list, &n, &why));
    if (t[i].why) CHECK_STR(why, t[i].why);
    else CHECK(!strncmp(why, "x.channel:5: [orders]: it ", 26));
    rig_close(&r);
  }
}

TEST(connector_again_of_what_was_not_kept)
{
  static const char *const bad[] = { "", "{}", "[]", "7", "{\"at\":\"$\"}", "{\"at\":7,\"order\":1}", "{\"at\":\"x\",\"order\":1}",
                                     "{\"at\":[],\"order\":[]}", "{\"at\":\"$[\",\"order\":1}", "{\"at\":\"$.a\",\"order\":",
                                     "{\"at\":\"$.\\\"\\\\u0022\",\"order\":1}", "{\"at\":\"$.orders[0]\",\"order\":{},\"n\":5}",
                                     "{\"at\":\"$.other[0]\",\"order\":{}}" };
  struct rig r;
  REQUIRE(rig_open(&r, SHOP, NULL));
  for (size_t i = 0; i < COUNT(bad); i++) {
    struct connector_order out = { 0 };
    const char *why = NULL;
    test_note("%s", bad[i]);
    CHECK(!connector_again(r.b, &r.a, bad[i], strlen(bad[i]), &r.v, &out, &why));
    CHECK(why && *why);
  }
  struct connector_order out = { 0 };
  const char *why = NULL, *page = "{\"at\":\"$\",\"call\":\"list\",\"order\":{\"orders\":[{\"id\":1},{\"id\":2}]}}";
  CHECK(!connector_again(r.b, &r.a, page, strlen(page), &r.v, &out, &why));
  CHECK_STR(why, "x.channel:10: [orders]: what was kept holds 2 orders, not one");
  rig_close(&r);
}

/* ---- tokens, groups, pages of details ------------------------------------------------------------------------------------------------- */
TEST(connector_tokens_and_groups)
{
  struct rig r;
  REQUIRE(rig_open(&r, HEAD "[secrets]\naccess = a\nrefresh? = r\n" LIST ORDERS
                   "[request refresh]\nGET {host}/t\n[tokens]\nSELECT key, value, :body ->> '$.in' FROM json_each(:body, '$.t')\n"
                   "[request merge]\nGET {host}/m\n[groups merge]\nSELECT value ->> 0, value ->> 1 FROM json_each(:body)\n", NULL));
  struct connector_token *token = NULL;
  struct connector_group *group = NULL;
  size_t n = 0;
  const char *why = NULL;
  struct connector_answer ans = answer(200, "{\"t\":{\"access\":\"A1\",\"refresh\":\"R1\"},\"in\":14400000}");
  CHECK(connector_tokens(r.b, &r.a, &ans, &r.v, &token, &n, &why));
  REQUIRE(n == 2);
  CHECK_STR(token[0].value, "A1");
  CHECK_INT(token[1].expires_in_ms, 14400000);
  ans = answer(200, "{\"t\":{\"acces\":\"A1\"}}");
  CHECK(!connector_tokens(r.b, &r.a, &ans, &r.v, &token, &n, &why));
  CHECK_STR(why, "x.channel:12: [tokens]: the token acces is not in [secrets]");
  ans = answer(200, "{\"t\":{\"access\":null}}");
  CHECK(!connector_tokens(r.b, &r.a, &ans, &r.v, &token, &n, &why));
  CHECK_STR(why, "x.channel:12: [tokens]: the answer holds no value for access");
  ans = answer(200, "{}");
  CHECK(!connector_tokens(r.b, &r.a, &ans, &r.v, &token, &n, &why));
  CHECK_STR(why, "x.channel:12: [tokens]: the answer holds no token");
  ans = answer(200, "[[1,\"A\"],[1,\"B\"],[2,\"C\"]]");
  CHECK(connector_groups(r.b, &r.a, &ans, &r.v, &group, &n, &why));
  REQUIRE(n == 3);
  CHECK_STR(group[1].group, "1");
  CHECK_STR(group[2].external_id, "C");
  rig_close(&r);
}

TEST(connector_details_of_several_pages)
{
  struct rig r;
  struct connector_order *list = NULL;
  size_t n = 0;
  const char *why = NULL;
  REQUIRE(rig_open(&r, HEAD LIST "[ids list]\nSELECT 1\n[request detail]\nGET {host}/d\n[next detail]\nSELECT :body ->> '$.next'\n"
                   "[orders]\nSELECT json_object('external_id', value ->> '$.o.id'), fullkey FROM json_each(:body)\n", NULL));
  struct connector_answer ans = answer(200, " {\"o\":{\"id\":1},\"next\":\"b\"}");
  const char *cursor = NULL;
  CHECK(connector_next(r.b, &r.a, "detail", &ans, &r.v, &cursor, &why));
  CHECK_STR(cursor, "b");
  CHECK(connector_orders(r.b, &r.a, "orders", &ans, &r.v, &list, &n, &why));
  REQUIRE(n == 1);
  CHECK_STR(list[0].raw, "{\"at\":\"$[0]\",\"order\":{\"o\":{\"id\":1},\"next\":\"b\"}}");
  check_again(&r, list, n);
  ans = answer(200, "[{\"o\":{\"id\":1}},{\"o\":{\"id\":2}}]");
  CHECK(connector_orders(r.b, &r.a, "orders", &ans, &r.v, &list, &n, &why));
  CHECK_INT(n, 2);
  rig_close(&r);
}

/* ---- pushes ------------------------------------------------------------------------------------------------------------------------------ */
static bool genuine(struct rig *r, const char *url, const char *name, const char *value, const char *body, struct connector_push *out)
{
  struct http_field field[] = { { name, value }, { "content-type", "application/x-www-form-urlencoded" } };
  struct connector_answer push = { .status = 200, .header = field, .headers = 2, .body = body, .body_n = strlen(body) };
  const char *why = NULL;
  bool ok = connector_push(r->b, &r->a, url, &push, &r->v, out, &why);
  test_note("%s: %s", value, ok ? "" : why);
  CHECK(ok);
  return out->genuine;
}

TEST(connector_verifies_pushes)
{
  static const char *const shopee[] = { "key", "shpk-fictional-partner-key-0123456789", NULL }, *const shopify[] = { "key", "hush", NULL };
  static const char body[] = "{\"data\":{\"ordersn\":\"220810QSK8S7BX\",\"status\":\"PROCESSED\",\"completed_scenario\":\"\",\"update_time\":1660123127,"
                             "\"items\":[]},\"shop_id\":727720655,\"code\":3,\"timestamp\":1660123127}";
  struct connector_push p;
  struct rig r;
  REQUIRE(rig_open(&r, HEAD "[secrets]\nkey = k\n" LIST ORDERS
                   "[push]\nverify = same(lower(hex(hmac_sha256(secret('key'), :url || '|' || :text))), :headers ->> '$.authorization')\n"
                   "id = :body ->> '$.data.ordersn'\nat = :body ->> '$.timestamp' * 1000\nreply = {}\nreply_type = application/json\n"
                   "[ids push]\nSELECT :body ->> '$.data.ordersn'\n", shopee));
  r.v.now_ms = 1660123127000 + 4 * 60000;
  const char *url = "https://oms.example.com/hook/shopee", *sign = "21854638afce5a49781ec6ffc34a772d33c1542a49e5d1ed48a878a7b769e85c";
  CHECK(genuine(&r, url, "authorization", sign, body, &p) && p.recent);
  CHECK_STR(p.id, "220810QSK8S7BX");
  CHECK_STR(p.reply, "{}");
  CHECK_STR(p.reply_type, "application/json");
  struct connector_answer push = answer(200, body);
  struct connector_id *id = NULL;
  size_t n = 0;
  const char *why = NULL;
  CHECK(connector_ids(r.b, &r.a, "ids push", &push, &r.v, &id, &n, &why) && n == 1);
  r.v.now_ms += 60000;
  CHECK(genuine(&r, url, "authorization", sign, body, &p) && !p.recent);
  r.v.now_ms -= 10 * 60000 + 1000;
  CHECK(genuine(&r, url, "authorization", sign, body, &p) && !p.recent);
  CHECK(!genuine(&r, url, "authorization", "21854638afce5a49781ec6ffc34a772d33c1542a49e5d1ed48a878a7b769e85d", body, &p));
  CHECK(!genuine(&r, "https://oms.example.com/hook/shopee/", "authorization", sign, body, &p));
  CHECK(!genuine(&r, url, "x-other", sign, body, &p));
  CHECK(!genuine(&r, url, "authorization", sign, "", &p));
  CHECK(!genuine(&r, url, "authorization", sign, "not json \xff", &p));
  r.secret = NULL;
  struct connector_push none;
  CHECK(!connector_push(r.b, &r.a, url, &push, &r.v, &none, &why));
  CHECK_STR(why, "the secret key is not set");
  rig_close(&r);
  REQUIRE(rig_open(&r, HEAD "[secrets]\nkey = k\n" LIST ORDERS
                   "[push]\nverify = same(base64(hmac_sha256(secret('key'), :text)), :headers ->> '$.x-shopify-hmac-sha256')\n", shopify));
  CHECK(genuine(&r, url, "x-shopify-hmac-sha256", "hMTq0K2x7oyOjoBwGYeTj5oxfnaVYXzbanUG9aajpKI=", "\"my secret message\"", &p) && p.recent && !p.id);
  rig_close(&r);
  REQUIRE(rig_open(&r, HEAD LIST ORDERS "[push]\nverify = :query ->> '$.a b' = 'c+d' AND :form ->> '$.x' = '{\"y\": 1}' AND :path = '/p'\n", NULL));
  CHECK(genuine(&r, "https://x.example/p?a%20b=c%2Bd&a+b=2", "x", "y", "x=%7B%22y%22%3A+1%7D&z", &p));
  rig_close(&r);
}

/* ---- tills ---------------------------------------------------------------------------------------------------------------------------------- */
TEST(connector_rows_of_files)
{
  static const struct {
    const char *format, *text, *json, *why;
  } t[] = {
    { "csv", "a,b\n1,\"x \"\"y\"\"\"\n\n2\n", "[{\"a\":\"1\",\"b\":\"x \\\"y\\\"\"},{\"a\":\"2\",\"b\":\"\"}]", NULL },
    { "csv", "\xef\xbb\xbf" "a,a,,a\n1,2,3,4\n", "[{\"a\":\"1\",\"a 2\":\"2\",\"column 3\":\"3\",\"a 3\":\"4\"}]", NULL },
    { "csv", "\xb5\xa5\xba\xc5,n\n\xb2\xe8,1\n", "[{\"单号\":\"茶\",\"n\":\"1\"}]", NULL },
    { "csv", "a\n1,2\n", NULL, "line 2: more cells than the header has" },
    { "csv", "a\n\"1\n", NULL, "line 2: a quote is opened and not closed" },
    { "csv", "", "[]", NULL },
    { "json", " [ {\"a\" : 1} ] ", "[ {\"a\" : 1} ]", NULL },
    { "json", "{\"a\":[1]}", "[{\"a\":[1]}]", NULL },
    { "json", "7", NULL, "line 1: neither an array nor an object" },
    { "json", "[1", NULL, "line 1: no JSON: the document ends too early, at byte 2" },
    { "ndjson", "{\"a\":1}\r\n\n{\"a\":2}", "[{\"a\":1},{\"a\":2}]", NULL },
    { "ndjson", "{\"a\":1}\n{\"a\":\n", NULL, "line 2: no JSON: the document ends too early, at byte 5" },
    { "ndjson", "", "[]", NULL },
  };
  for (size_t i = 0; i < COUNT(t); i++) {
    struct arena a = { 0 };
    const char *json = NULL, *why = NULL;
    size_t n = 0;
    bool ok = connector_file_rows(&a, t[i].format, t[i].text, strlen(t[i].text), &json, &n, &why);
    test_note("%s %s", t[i].format, t[i].text);
    CHECK_STR(why, t[i].why);
    if (ok) CHECK_MEM(json, n, t[i].json, strlen(t[i].json));
    arena_release(&a);
  }
}
