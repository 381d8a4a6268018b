/* What connector files say of telling a platform, and what its word on an order means. */
#include "connector_rig.h"

#define CONFIRM \
  "[request confirm]\nPOST {host}/ship\nbody = json_object('id', :order_id, 'by', :carrier, 'no', :tracking_no)\n"

TEST(connector_refuses_telling_that_makes_no_sense)
{
  static const struct {
    const char *text, *why;
  } t[] = {
    { HEAD LIST ORDERS "[request prepare]\nGET {host}/a\n",
      "[request prepare] needs a section [request confirm], which it prepares" },
    { HEAD LIST ORDERS "[shipped]\nSELECT 1\n",
      "[shipped] needs a section [request shipped], whose answer it reads" },
    { HEAD LIST ORDERS "[request shipped]\nGET {host}/a\n",
      "[request shipped] needs a section [shipped], which reads its answer" },
    { HEAD LIST ORDERS "[carriers]\nSF = 44\n",
      "[carriers] needs a section [request confirm], which names them" },
    { HEAD LIST "when = 1\n" ORDERS, "[request list] is asked whenever it is due, without when" },
    { HEAD LIST "query.no = :tracking_no\n" ORDERS, "there is no parameter :tracking_no" },
    { HEAD LIST ORDERS "[request confirm]\nPOST {host}/a\nvar.lines = 1\n",
      ":lines is known already; choose another name" },
  };
  (void)file_of; /* the rig's, for others */
  for (size_t i = 0; i < COUNT(t); i++) {
    struct arena a = { 0 };
    struct connector_fault f = { 0 };
    test_note("%s", t[i].text);
    CHECK(!connector_parse(&a, "x", t[i].text, strlen(t[i].text), &f));
    CHECK(f.why && strstr(f.why, t[i].why));
    if (f.why && !strstr(f.why, t[i].why)) CHECK_STR(f.why, t[i].why);
    arena_release(&a);
  }
}

static const char *carrier_setting(void *arg, const char *name)
{
  (void)arg;
  return !strcmp(name, "carrier.ZTO") ? "own name" : NULL;
}

TEST(connector_names_carriers)
{
  static const struct {
    const char *section, *code, *name;
  } t[] = {
    { "", "SF", "SF" },
    { "[carriers]\nSF = 44\n", "SF", "44" },
    { "[carriers]\nSF = 44\n", "sf", "44" },
    { "[carriers]\nSF = 44\n", "YTO", NULL },
    { "[carriers]\nSF = 44\n", "ZTO", "own name" },
    { "[carriers]\nSF = 44\nother = *\n", "Yto", "Yto" },
    { "[carriers]\nSF = 44\nother = Other\n", "YTO", "Other" },
  };
  for (size_t i = 0; i < COUNT(t); i++) {
    struct arena a = { 0 };
    struct connector_fault f;
    const char *text = arena_printf(&a, "%s%s", HEAD LIST ORDERS CONFIRM, t[i].section), *why, *name = NULL;
    struct connector *c = connector_parse(&a, "x", text, strlen(text), &f);
    REQUIRE(c);
    struct connector_box *b = connector_open(c, &a, &why);
    connector_values(b, NULL, carrier_setting, NULL);
    test_note("%s %s", t[i].section, t[i].code);
    CHECK_INT(connector_carrier(b, &a, t[i].code, &name), t[i].name != NULL);
    CHECK_STR(name, t[i].name);
    connector_close(b);
    arena_release(&a);
  }
}

#define TELL \
  HEAD LIST ORDERS CONFIRM \
    "[errors]\nSELECT 'refused', 'common', :body ->> '$.say' WHERE :body ->> '$.say' <> 'good'\n" \
    "[errors confirm]\nSELECT :body ->> '$.say', 'own', :tracking_no WHERE :body ->> '$.say' IN ('done', 'ask', 'ok')\n" \
    "[request stock]\nPUT {host}/stock\nwhen = :sku GLOB '[0-9]*'\nbody = :sku || '=' || :quantity\n"

TEST(connector_judges_what_was_told)
{
  static const struct {
    const char *request;
    int status;
    const char *body, *kind, *code;
  } t[] = {
    { "confirm", 200, "{\"say\":\"good\"}", "ok", "" },
    { "confirm", 400, "{\"say\":\"done\"}", "done", "own" },
    { "confirm", 200, "{\"say\":\"ask\"}", "ask", "own" },
    { "confirm", 422, "{\"say\":\"ok\"}", "ok", "" },
    { "confirm", 200, "{\"say\":\"no\"}", "refused", "common" },
    { "confirm", 204, "", "ok", "" },
    { "confirm", 503, "busy", "retry", "http_503" },
    { "stock", 200, "{\"say\":\"no\"}", "refused", "common" },
    { "stock", 200, "", "ok", "" },
  };
  struct connector_effect e = { .tracking_no = "T1", .sku = "12", .quantity = 7 };
  struct rig r;
  REQUIRE(rig_open(&r, TELL, NULL));
  r.v.effect = &e, r.v.host = "https://x.example";
  for (size_t i = 0; i < COUNT(t); i++) {
    struct connector_answer ans = { .status = t[i].status, .body = t[i].body, .body_n = strlen(t[i].body) };
    struct verdict v;
    connector_judge(r.b, &r.a, t[i].request, &ans, &r.v, &v);
    test_note("%s %d %s", t[i].request, t[i].status, t[i].body);
    CHECK_STR(verdict_name(v.kind), t[i].kind);
    if (v.kind != VERDICT_OK) CHECK_STR(v.code, t[i].code);
  }
  struct connector_call call;
  const char *why = NULL;
  CHECK(connector_when(r.b, &r.a, "stock", &r.v, &why) &&
        connector_build(r.b, &r.a, "stock", &r.v, &call, &why));
  CHECK_STR(call.body, "12=7");
  e.sku = "LAMP";
  CHECK(!connector_when(r.b, &r.a, "stock", &r.v, &why) && !why);
  rig_close(&r);
}

/* lines: a of two pieces, b of one. Ours is T1 with one piece of a unless said otherwise. */
TEST(an_order_says_whether_it_was_told)
{
#define A1 "[{\"line_id\":\"a\",\"quantity\":1}]"
#define A2 "[{\"line_id\":\"a\",\"quantity\":2}]"
  static const struct {
    const char *status, *shipments, *lines;
    enum outcome_kind kind;
    const char *code;
  } t[] = {
    { "paid", "[]", A2, OUTCOME_RETRY, "not_shipped" },
    { "shipped", "[{\"tracking_no\":\" t1 \"}]", A2, OUTCOME_ACCEPTED, NULL },
    { "cancelled", "[{\"tracking_no\":\"T1\"}]", A2, OUTCOME_ACCEPTED, NULL },
    { "cancelled", "[]", A2, OUTCOME_REFUSED, "order_cancelled" },
    { "shipped", "[{\"tracking_no\":\"T2\"}]", A2, OUTCOME_REFUSED, "shipped_with_another" },
    { "shipped", "[]", A2, OUTCOME_UNKNOWN, "number_not_told" },
    { "partly_shipped", "[]", A2, OUTCOME_UNKNOWN, "number_not_told" },
    { "partly_shipped", "[{\"tracking_no\":\"T2\",\"line_ids\":[\"b\"]}]", A2, OUTCOME_RETRY, "not_shipped" },
    { "partly_shipped", "[{\"tracking_no\":\"T2\",\"line_ids\":[\"a\"]}]", A2, OUTCOME_REFUSED,
      "shipped_with_another" },
    { "partly_shipped", "[{\"tracking_no\":\"T2\",\"line_ids\":[\"a\"]}]", A1, OUTCOME_RETRY, "not_shipped" },
    { "shipped", "[{\"tracking_no\":\"T2\",\"line_ids\":[\"a\"]}]", A1, OUTCOME_UNKNOWN, "number_not_told" },
    { "paid", "[{\"tracking_no\":\"T2\"}]", A1, OUTCOME_RETRY, "not_shipped" },
  };
  for (size_t i = 0; i < COUNT(t); i++) {
    struct arena a = { 0 };
    struct connector_effect e = { .order_id = "1", .tracking_no = "T1", .lines = t[i].lines };
    const char *order = arena_printf(
      &a,
      "{\"external_id\":\"1\",\"status\":\"%s\",\"lines\":[{\"line_id\":\"a\",\"quantity\":2},{\"line_id\":\"b\",\"quantity\":1}],\"shipments\":%s}",
      t[i].status, t[i].shipments);
    struct told_answer said = told_by_order(&a, order, strlen(order), &e);
    test_note("%s %s %s", t[i].status, t[i].shipments, t[i].lines);
    CHECK_INT(said.kind, t[i].kind);
    CHECK_STR(said.code, t[i].code);
    arena_release(&a);
  }
}

TEST(numbers_say_whether_a_parcel_was_told)
{
  static const struct {
    const char *first, *second;
    size_t n;
    bool whole;
    enum outcome_kind kind;
  } t[] = {
    { NULL, NULL, 0, true, OUTCOME_RETRY },    { "T2", "t1", 2, true, OUTCOME_ACCEPTED },
    { "T2", NULL, 1, true, OUTCOME_REFUSED },  { "T2", NULL, 1, false, OUTCOME_RETRY },
    { NULL, NULL, 1, false, OUTCOME_UNKNOWN }, { NULL, "T1", 2, true, OUTCOME_ACCEPTED },
  };
  for (size_t i = 0; i < COUNT(t); i++) {
    struct arena a = { 0 };
    struct connector_effect e = { .tracking_no = "T1", .whole = t[i].whole };
    struct connector_shipped list[2] = { { t[i].first }, { t[i].second } };
    test_note("%zu", i);
    CHECK_INT(told_by_numbers(&a, list, t[i].n, &e).kind, t[i].kind);
    arena_release(&a);
  }
}
