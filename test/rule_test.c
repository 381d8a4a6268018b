/* Rules: what a file may say, what it may not, and that asking one always ends; each action on real orders; nothing is done
 * twice, whatever comes after it. */
#include "lib/shop.h"
#include "test.h"
#include <stdio.h>
#include <stdlib.h>

#define HEAD "[rule big]\nwhen = paid\n"
#define TAIL "[action]\ntag big\n"

static const struct {
  const char *text, *want; /* want: how the fault begins; NULL: it is taken */
} files[] = {
  { HEAD "[condition]\n1\n" TAIL, NULL },
  { "# a comment\n\n[rule big]\ntitle = Large\nwhen = pre_ship\norder = 7\nstop = yes\n[condition]\n-- why\nSELECT 1\n" TAIL,
    NULL },
  { HEAD "[condition]\n1\n[action]\nhold look at it\ntag x\nroute HZ\npriority -5\nsplit apart\npropose\n",
    NULL },
  { HEAD "[condition]\n1\n" TAIL
         "[example one]\norder = {\"a\":\n  1}\nmatches = no\nnow = 2026-11-11T00:00:00Z\n",
    NULL },
  { "", "big.rule:0:1: [rule big] is missing" },
  { "when = paid\n", "big.rule:1:1: a rule begins with [rule big]" },
  { "[rule other]\n", "big.rule:1:2: the file is named big.rule" },
  { "[rule big]\nwehn = paid\n", "big.rule:2:1: the key wehn is not known: did you mean when?" },
  { "[rule big]\nwhen = payed\n", "big.rule:2:8: the stage payed is not known: did you mean paid?" },
  { "[rule big]\n order = x\n", "big.rule:2:10: order is a number" },
  { "[rule big]\nstop = maybe\n", "big.rule:2:8: stop is yes or no" },
  { "[rule big]\n[conditoin]\n",
    "big.rule:2:2: the section conditoin is not known: did you mean condition?" },
  { "[rule big]\n[rule big]\n", "big.rule:2:1: [rule] stands here twice" },
  { "[rule big]\n[condition]\n1\n" TAIL, "big.rule:5:1: [rule big] needs when" },
  { HEAD "[condition]\n1\n", "big.rule:4:1: [action] is missing" },
  { HEAD TAIL, "big.rule:0:1: [condition] is missing" },
  { HEAD "[condition]\n \n" TAIL, "big.rule:4:1: [condition] is missing or empty" },
  { HEAD "[condition]\n1\n[action]\n  tga x\n",
    "big.rule:6:3: the action tga is not known: did you mean tag?" },
  { HEAD "[condition]\n1\n[action]\ntag two words\n", "big.rule:6:1: expected tag NAME" },
  { HEAD "[condition]\n1\n[action]\nhold\n", "big.rule:6:1: expected hold REASON" },
  { HEAD "[condition]\n1\n[action]\npriority 1001\n",
    "big.rule:6:1: expected priority NUMBER, from -1000 to 1000" },
  { HEAD "[condition]\n1\n[action]\nsplit\n", "big.rule:6:1: expected split apart" },
  { HEAD "[condition]\n1\n[action]\ngift LAMP 1\n", NULL },
  { HEAD "[condition]\n1\n[action]\ngift  LAMP-\xe7\x81\xaf\t 99 \n", NULL },
  { "[rule big]\nwhen = taken\n[condition]\n1\n[action]\ngift A 1\ngift B 2\n", NULL },
  { HEAD "[condition]\n1\n[action]\ngift\n", "big.rule:6:1: expected gift SKU QUANTITY" },
  { HEAD "[condition]\n1\n[action]\ngift LAMP\n", "big.rule:6:1: expected gift SKU QUANTITY" },
  { HEAD "[condition]\n1\n[action]\ngift LAMP 0\n", "big.rule:6:1: expected gift SKU QUANTITY" },
  { HEAD "[condition]\n1\n[action]\ngift LAMP 100\n", "big.rule:6:1: expected gift SKU QUANTITY" },
  { HEAD "[condition]\n1\n[action]\ngift LAMP -1\n", "big.rule:6:1: expected gift SKU QUANTITY" },
  { HEAD "[condition]\n1\n[action]\ngift LAMP 1 2\n", "big.rule:6:1: expected gift SKU QUANTITY" },
  { HEAD "[condition]\n1\n[action]\ngift LAMP 1.5\n", "big.rule:6:1: expected gift SKU QUANTITY" },
  { HEAD "[condition]\n1\n[action]\ngift a,b 1\n", "big.rule:6:1: expected gift SKU QUANTITY" },
  { "[rule big]\nwhen = split\n[condition]\n1\n[action]\ntag x\ngift LAMP 1\n",
    "big.rule:7:1: gift needs when = taken, pending or paid" },
  { "[rule big]\nwhen = case\n[condition]\n1\n[action]\nskip finance\nskip warehouse\n", NULL },
  { "[rule big]\nwhen = case\n[condition]\n:case ->> '$.kind' = 'return'\n[action]\nskip finance\n"
    "[example x]\norder = {}\ncase = {\"kind\":\"return\"}\nmatches = yes\n",
    NULL },
  { "[rule big]\nwhen = case\n[condition]\n1\n[action]\nskip cs\n", "big.rule:6:1: expected skip STEP" },
  { "[rule big]\nwhen = case\n[condition]\n1\n[action]\nskip all\n", "big.rule:6:1: expected skip STEP" },
  { "[rule big]\nwhen = case\n[condition]\n1\n[action]\nskip\n", "big.rule:6:1: expected skip STEP" },
  { "[rule big]\nwhen = case\n[condition]\n1\n[action]\nskip finance\n tag x\n",
    "big.rule:7:1: with when = case there is only skip" },
  { HEAD "[condition]\n1\n[action]\nskip finance\n", "big.rule:6:1: skip needs when = case" },
  { HEAD "[condition]\n1\n" TAIL "[example x]\norder = {}\ncase = 7\nmatches = yes\n",
    "big.rule:10:1: the example's case is not" },
  { HEAD "[condition]\n1\n" TAIL "[example x]\norder = [1]\nmatches = yes\n",
    "big.rule:9:1: the example's order is not" },
  { HEAD "[condition]\n1\n" TAIL "[example x]\nmatches = yes\n",
    "big.rule:8:1: [example x] needs order and matches" },
  { HEAD "[condition]\n1 +\n" TAIL, "big.rule:" },
  { HEAD "[condition]\n1 =\n  nothing_there\n" TAIL, "big.rule:" },
  { HEAD "[condition]\n1\n" TAIL "\xff\n", "big.rule:7:1: not valid UTF-8" },
  /* what no rule may do or know */
  { HEAD "[condition]\nATTACH 'x' AS y\n" TAIL, "big.rule:4:" },
  { HEAD "[condition]\nPRAGMA user_version\n" TAIL, "big.rule:4:" },
  { HEAD "[condition]\nSELECT 1; DROP TABLE orders\n" TAIL, "big.rule:" },
  { HEAD "[condition]\nSELECT * FROM orders\n" TAIL, "big.rule:4:" },
  { HEAD "[condition]\nSELECT name FROM sqlite_master\n" TAIL, "big.rule:4:" },
  { HEAD "[condition]\nsecret('app_secret') = 'x'\n" TAIL, "big.rule:4:" },
  { HEAD "[condition]\nload_extension('x')\n" TAIL, "big.rule:4:" },
  { HEAD "[condition]\nrandom() > 0\n" TAIL, "big.rule:4:" },
  { HEAD "[condition]\ndatetime('now') > '2026'\n" TAIL, "big.rule:4:" },
  { HEAD "[condition]\n:total > 1\n" TAIL, "big.rule:4:" },
};

TEST(rule_files_say_where_they_are_wrong)
{
  for (size_t i = 0; i < COUNT(files); i++) {
    struct arena a = { 0 };
    const char *why = NULL;
    struct sandbox *box = sandbox_open(&a, &why);
    must(box);
    test_note("file %zu: %.60s", i, files[i].text);
    struct rule *r = rule_parse(&a, box, "big", files[i].text, strlen(files[i].text), &why);
    CHECK((r != NULL) == (files[i].want == NULL));
    if (r) CHECK(!why && r->actions >= 1 && strlen(r->version) == RULE_VERSION);
    else if (files[i].want && !CHECK(!strncmp(why, files[i].want, strlen(files[i].want))))
      printf("  it said: %s\n", why);
    sandbox_close(box);
    arena_release(&a);
  }
}

static const char *const endless[] = {
  "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
  ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000), m(i) AS (SELECT i FROM n)\n"
   "SELECT count(*) FROM m a, m b, m c"),
  "WITH RECURSIVE n(i, t) AS (SELECT 1, 'xxxxxxxxxxxxxxxx' UNION ALL SELECT i + 1, t || t FROM n) SELECT max(length(t)) FROM n",
  "length(replace(replace(replace(printf('%1000000d', 1), ' ', 'xxxxxxxxxx'), 'x', 'yyyyyyyyyy'), 'y', 'zzzzzzzzzz')) > 0",
  "length(zeroblob(2000000000)) > 0",
};

TEST(rule_asking_always_ends)
{
  for (size_t i = 0; i < COUNT(endless); i++) {
    struct arena a = { 0 };
    const char *why = NULL;
    bool match = true;
    struct sandbox *box = sandbox_open(&a, &why);
    must(box);
    sandbox_deadline(box, RULE_MS);
    test_note("%s", endless[i]);
    const char *text = arena_printf(&a, HEAD "[condition]\n%s\n" TAIL, endless[i]);
    struct rule *r = rule_parse(&a, box, "big", text, strlen(text), &why);
    if (r) CHECK(rule_ask(box, &a, r, "{}", 2, 0, &match, &why) == ERR_INVALID && !match);
    CHECK(why && *why);
    /* and another rule of the same set is asked as before */
    text = HEAD "[condition]\n:order ->> '$.n' > 3\n" TAIL;
    r = rule_parse(&a, box, "big", text, strlen(text), &why);
    CHECK(r && !rule_ask(box, &a, r, "{\"n\":4}", 7, 0, &match, &why) && match);
    sandbox_close(box);
    arena_release(&a);
  }
}

/* ---- in a shop ------------------------------------------------------------------------------------------------------------ */
struct ruled {
  struct shop s;
  struct rule_set set;
  struct rule *rule[4];
};

static void rule_add(struct ruled *t, const char *name, const char *when, const char *condition,
                     const char *actions)
{
  const char *why = "";
  const char *text =
    arena_printf(&t->s.mem, "[rule %s]\nwhen = %s\norder = %zu\n[condition]\n%s\n[action]\n%s\n", name, when,
                 t->set.n, condition, actions);
  must(t->set.n < COUNT(t->rule));
  t->rule[t->set.n] = rule_parse(&t->s.mem, t->set.box, name, text, strlen(text), &why);
  if (!CHECK(t->rule[t->set.n] != NULL)) printf("  %s\n", why);
  else t->set.n++;
}

static void ruled_open(struct ruled *t, const char *name)
{
  char path[256];
  const char *why = "";
  *t = (struct ruled){ 0 };
  snprintf(path, sizeof path, "%s/%s.db", test_dir(), name);
  CHECK(shop_open(&t->s, path, NULL));
  t->set.box = sandbox_open(&t->s.mem, &why), t->set.rule = t->rule;
  must(t->set.box);
  sandbox_deadline(t->set.box, 60000); /* a slow machine is no finding */
  t->s.rules.rule_set = &t->set, t->s.rules.rules_trust = true;
}

static void ruled_close(struct ruled *t)
{
  t->s.rules.rule_set = NULL;
  sandbox_close(t->set.box);
  shop_close(&t->s);
}

static void take(struct ruled *t, const char *over, int64_t version)
{
  char *body = shop_order(&t->s.mem, over);
  struct cmd *c = shop_run(&t->s, "order.ingest", NULL, body);
  test_note("%s: %s", over, c->problem.faults.n ? c->problem.faults.at[0].detail : "");
  CHECK_INT(c->job.err, ERR_OK);
  if (version) CHECK_INT(c->version, version);
  cmd_free(c);
}

static void shows(struct ruled *t, int64_t id, const char *expected)
{
  struct buf b = { 0 };
  struct faults f = { .mem = &t->s.mem };
  struct buf said = { 0 };
  CHECK_INT(view_order(t->s.db, &t->s.mem, &t->s.rules.status, id, SHOW_FULL, &b, NULL), ERR_OK);
  struct json *is = json_parse(&t->s.mem, b.data, b.len, JSON_ELEMENTS_MAX, &f);
  struct json *want = json_parse(&t->s.mem, expected, strlen(expected), JSON_ELEMENTS_MAX, &f);
  if (!CHECK(is && want)) return;
  if (!CHECK(json_fits(want, is, &said))) printf("  %s: %s\n", said.data, b.data);
  buf_release(&b), buf_release(&said);
}

static int64_t count(struct ruled *t, const char *sql)
{
  struct stmt *s = db_stmt(t->s.db, sql);
  int64_t n = stmt_row(s) ? stmt_col_int(s, 0) : -1;
  stmt_end(s);
  return n;
}

TEST(rule_holds_and_tags_at_its_stage)
{
  static const char EVENTS[] = "SELECT count(*) FROM events WHERE type = 'rule.applied'";
  struct ruled t;
  ruled_open(&t, "rule_holds");
  rule_add(&t, "look", "paid", ":order ->> '$.external_id' = '1'", "hold look\ntag seen");
  rule_add(&t, "after", "paid", "SELECT 1 FROM json_each(:order, '$.tags') WHERE value = 'seen'",
           "tag again");
  take(&t, "{\"external_id\":\"1\",\"status\":\"placed\"}", 1);
  shows(&t, 1, "{\"tags\":[],\"holds\":[]}");
  take(&t, "{\"external_id\":\"1\",\"status\":\"paid\",\"updated_at\":\"2026-12-01T00:00:00Z\"}", 0);
  shows(&t, 1, "{\"tags\":[\"again\",\"seen\"],\"holds\":[{\"reason\":\"look\",\"note\":\"rule look\"}]}");
  take(&t, "{\"external_id\":\"2\"}", 1);
  shows(&t, 2, "{\"tags\":[],\"holds\":[]}");
  CHECK_INT(count(&t, EVENTS), 2);
  ruled_close(&t);
}

TEST(rule_keeps_apart_and_proposes)
{
  static const char PROPOSED[] = "SELECT count(*) FROM merge_proposals";
  struct ruled t;
  ruled_open(&t, "rule_apart");
  rule_add(&t, "alone", "taken", ":order ->> '$.external_id' IN ('2', '4')", "split apart");
  rule_add(&t, "ask", "taken", ":order ->> '$.external_id' = '3'", "propose");
  take(&t, "{\"external_id\":\"1\"}", 0);
  take(&t, "{\"external_id\":\"2\"}", 0);
  shows(&t, 2, "{\"no_merge\":\"rule_apart\",\"group\":{\"id\":\"g_2\"}}");
  take(&t, "{\"external_id\":\"2\",\"remarks\":{\"buyer\":\"soon\"},\"updated_at\":\"2026-12-01T00:00:00Z\"}",
       0);
  shows(&t, 2, "{\"no_merge\":\"rule_apart\",\"group\":{\"id\":\"g_2\"}}");
  take(&t, "{\"external_id\":\"3\"}", 0);
  shows(&t, 3, "{\"group\":{\"id\":\"g_3\"}}");
  CHECK(count(&t, PROPOSED) >= 1);
  take(&t, "{\"external_id\":\"5\"}", 0);
  shows(&t, 4, "{\"group\":{\"id\":\"g_1\"}}");
  CHECK_INT(shop_do(&t.s, "group.add", "g_1", "{\"order\":\"o_3\"}"), ERR_OK); /* a person decides */
  shows(&t, 3, "{\"group\":{\"id\":\"g_1\"}}");
  ruled_close(&t);
}

TEST(rule_routes_and_hurries)
{
  static const char FROM[] =
    "SELECT count(*) FROM units u JOIN warehouses w ON w.id = u.warehouse_id WHERE w.code = 'FAR' AND u.order_id = 2";
  struct ruled t;
  ruled_open(&t, "rule_routes");
  rule_add(&t, "far", "paid", ":order ->> '$.external_id' = '2'", "route FAR\npriority 9");
  static const char *const made[][3] = {
    { "warehouse.put", NULL, "{\"code\":\"NEAR\",\"division\":\"330106\"}" },
    { "warehouse.put", NULL, "{\"code\":\"FAR\",\"division\":\"510107\"}" },
    { "sku.put", NULL, "{\"code\":\"A\"}" },
    { "stock.adjust", NULL, "{\"sku\":\"A\",\"warehouse\":\"NEAR\",\"delta\":10,\"reason\":\"received\"}" },
    { "stock.adjust", NULL, "{\"sku\":\"A\",\"warehouse\":\"FAR\",\"delta\":10,\"reason\":\"received\"}" },
  };
  for (size_t i = 0; i < COUNT(made); i++) {
    struct cmd *c = shop_run(&t.s, made[i][0], made[i][1], made[i][2]);
    test_note("%s %s", made[i][0], c->problem.detail ? c->problem.detail : "");
    CHECK_INT(c->job.err, ERR_OK);
    cmd_free(c);
  }
  static const char ORDER[] =
    "{\"external_id\":\"%d\",\"receiver\":{\"phone\":\"1380000111%d\"},\"lines\":[{\"line_id\":\"1\",\"sku\":\"A\",\"quantity\":1}]}";
  for (int i = 1; i <= 2; i++) {
    char over[256];
    snprintf(over, sizeof over, ORDER, i, i);
    take(&t, over, 0);
  }
  CHECK_INT(count(&t, FROM), 1);
  struct order_wish w;
  CHECK_INT(wish_get(t.s.db, &t.s.mem, 2, &w), ERR_OK);
  CHECK_INT(w.priority, 9);
  shows(&t, 1, "{\"priority\":null}");
  shows(&t, 2, "{\"priority\":9}");
  for (int urgent = -1; urgent <= 1; urgent++) {
    struct order_filter f = { .limit = 50, .urgent = urgent };
    struct buf b = { 0 };
    const char *next, *why;
    CHECK_INT(view_orders(t.s.db, &t.s.mem, &t.s.rules.status, &f, SHOW_FULL, &b, &next, &why), ERR_OK);
    CHECK_INT(strstr(b.data, "{\"id\":\"o_1\"") != NULL, urgent <= 0);
    CHECK_INT(strstr(b.data, "{\"id\":\"o_2\"") != NULL, urgent >= 0);
    buf_release(&b);
  }
  for (int i = 1; i <= 2; i++)
    CHECK_INT(shop_do(&t.s, "order.move", i == 1 ? "o_1" : "o_2", "{\"to\":\"split\"}"), ERR_OK);
  int64_t ids[4];
  CHECK_INT(
    (int64_t)wave_candidates(t.s.db, count(&t, "SELECT id FROM warehouses WHERE code = 'FAR'"), ids, 4), 1);
  ruled_close(&t);
}

TEST(rule_priority_goes_to_the_factory)
{
  struct ruled t;
  ruled_open(&t, "rule_factory");
  rule_add(&t, "soon", "paid", ":order ->> '$.external_id' = '2'", "priority 9");
  static const char *const made[][2] = {
    { "warehouse.put", "{\"code\":\"MILL\",\"kind\":\"factory\"}" },
    { "sku.put", "{\"code\":\"SOFA\",\"made\":true}" },
  };
  for (size_t i = 0; i < COUNT(made); i++) CHECK_INT(shop_do(&t.s, made[i][0], NULL, made[i][1]), ERR_OK);
  for (int i = 1; i <= 2; i++) {
    char over[256], target[24];
    snprintf(
      over, sizeof over,
      "{\"external_id\":\"%d\",\"receiver\":{\"phone\":\"1380000111%d\"},\"lines\":[{\"line_id\":\"1\",\"sku\":"
      "\"SOFA\",\"quantity\":1}]}",
      i, i);
    take(&t, over, 0);
    snprintf(target, sizeof target, "o_%d", i);
    CHECK_INT(shop_do(&t.s, "order.move", target, "{\"to\":\"split\"}"), ERR_OK);
    shop_do(&t.s, "order.move", target, "{\"to\":\"producing\"}");
  }
  CHECK_INT(count(&t, "SELECT count(*) FROM work_orders"), 2);
  CHECK_INT(count(&t, "SELECT priority FROM work_orders WHERE order_id = 1"), 0);
  CHECK_INT(count(&t, "SELECT priority FROM work_orders WHERE order_id = 2"), 9);
  ruled_close(&t);
}

/* Whatever happens to an order, a version is applied to it once, and the file stays whole. */
TEST(rule_applies_once)
{
  static const char TWICE[] =
    "SELECT count(*) FROM (SELECT entity, data FROM events WHERE type = 'rule.applied' GROUP BY 1, 2 HAVING count(*) > 1)";
  static const char ANY[] = "SELECT count(*) FROM events WHERE type = 'rule.applied'";
  static const char *const statuses[] = { "placed", "paid", "paid", "cancelled" };
  struct ruled t;
  uint64_t seed = 7;
  ruled_open(&t, "rule_once");
  rule_add(&t, "one", "taken", "1", "tag one\nsplit apart");
  rule_add(&t, "two", "paid", ":order ->> '$.version' % 2", "tag two\nhold two");
  rule_add(&t, "three", "cancelled", "1", "tag three");
  for (int i = 0; i < 400; i++) {
    char over[200], target[24];
    int n = 1 + (int)(test_random(&seed) % 12);
    snprintf(target, sizeof target, "o_%d", n);
    snprintf(
      over, sizeof over,
      "{\"external_id\":\"%d\",\"status\":\"%s\",\"remarks\":{\"buyer\":\"%d\"},\"updated_at\":\"2026-12-01T%02d:%02d:00Z\"}",
      n, statuses[test_random(&seed) % COUNT(statuses)], i, i / 60, i % 60);
    switch (test_random(&seed) % 5) {
    case 0: shop_do(&t.s, "order.release", target, "{}"); break;
    case 1: shop_do(&t.s, "order.move", target, "{\"to\":\"pending\"}"); break;
    case 2: shop_do(&t.s, "order.move", target, "{\"to\":\"paid\"}"); break;
    default: take(&t, over, 0); break;
    }
  }
  CHECK(count(&t, ANY) >= 12);
  CHECK_INT(count(&t, TWICE), 0);
  ruled_close(&t);
}

/* ---- gifts ------------------------------------------------------------------------------------------------------------------ */
static void finding(void *arg, const char *text)
{
  (void)arg;
  CHECK(0);
  printf("  %s\n", text);
}

static void sound(struct ruled *t)
{
  struct arena mem = { 0 };
  CHECK_INT(view_check(t->s.db, &mem, &t->s.rules.status, &t->s.rules.merge, finding, NULL), 0);
  arena_release(&mem);
}

static void does(struct ruled *t, const char *cmd, const char *target, const char *body)
{
  struct cmd *c = shop_run(&t->s, cmd, target, body);
  test_note("%s %s %s: %s", cmd, target ? target : "", body, c->problem.detail ? c->problem.detail : "");
  CHECK_INT(c->job.err, ERR_OK);
  cmd_free(c);
}

/* Two places, 10 A in NEAR, so many lamps there and in FAR; SET is two lamps; SOFA is made. */
static void stocked(struct ruled *t, int lamps, int far)
{
  does(t, "warehouse.put", NULL, "{\"code\":\"NEAR\",\"division\":\"330106\"}");
  does(t, "warehouse.put", NULL, "{\"code\":\"FAR\",\"division\":\"510107\"}");
  does(t, "warehouse.put", NULL, "{\"code\":\"MILL\",\"kind\":\"factory\"}");
  does(t, "sku.put", NULL, "{\"code\":\"A\"}");
  does(t, "sku.put", NULL, "{\"code\":\"LAMP\"}");
  does(t, "sku.put", NULL, "{\"code\":\"SET\",\"parts\":[{\"sku\":\"LAMP\",\"quantity\":2}]}");
  does(t, "stock.adjust", NULL,
       "{\"sku\":\"A\",\"warehouse\":\"NEAR\",\"delta\":10,\"reason\":\"received\"}");
  for (int i = 0; i < 2; i++)
    if (i ? far : lamps)
      does(t, "stock.adjust", NULL,
           arena_printf(&t->s.mem,
                        "{\"sku\":\"LAMP\",\"warehouse\":\"%s\",\"delta\":%d,\"reason\":\"received\"}",
                        i ? "FAR" : "NEAR", i ? far : lamps));
}

static const char LINE_A[] =
  "\"lines\":[{\"line_id\":\"1\",\"sku\":\"A\",\"quantity\":2,\"price\":\"30.00\"}]";

TEST(rule_gives_what_there_is)
{
  static const struct {
    const char *action, *order; /* order: beside the lines */
    int lamps, far;
    const char *gifts; /* as the view shows them; NULL: none, and the tag */
    int64_t units;     /* pieces reserved for it beside the 2 A */
  } cases[] = {
    { "gift LAMP 1", "", 5, 0, "[{\"line_no\":1001,\"sku\":\"LAMP\",\"quantity\":1,\"rule\":\"give\"}]", 1 },
    { "gift LAMP 2\ngift A 1", "", 2, 0,
      "[{\"line_no\":1001,\"sku\":\"LAMP\",\"quantity\":2},{\"line_no\":1002,\"sku\":\"A\",\"quantity\":1}]",
      3 },
    { "gift SET 2", "", 4, 0, "[{\"sku\":\"SET\",\"quantity\":2}]", 4 },
    { "gift LAMP 1", "", 0, 1, "[{\"sku\":\"LAMP\",\"quantity\":1}]", 1 }, /* from another place */
    { "gift LAMP 1", "", 0, 0, NULL, 0 },
    { "gift LAMP 3", "", 2, 0, NULL, 0 },
    { "gift SET 1", "", 1, 0, NULL, 0 },
    { "gift NOSUCH 1", "", 5, 0, NULL, 0 },
    { "gift A 9", "", 5, 0, NULL, 0 }, /* 10 are there, and the order itself wants 2 of them */
    { "gift LAMP 1", "\"flags\":[\"platform_warehouse\"],", 5, 0, "", -2 }, /* not sent by us */
    { "gift LAMP 1", "\"status\":\"shipped\",\"placed_at\":\"2020-11-10T08:00:00+08:00\",", 5, 0, "", -2 },
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct ruled t;
    char name[24];
    snprintf(name, sizeof name, "gift%zu", i);
    ruled_open(&t, name);
    rule_add(&t, "give", "paid", "1", cases[i].action);
    stocked(&t, cases[i].lamps, cases[i].far);
    take(&t, arena_printf(&t.s.mem, "{\"external_id\":\"1\",%s%s}", cases[i].order, LINE_A), 0);
    test_note("case %zu: %s %s", i, cases[i].action, cases[i].order);
    if (cases[i].gifts && !*cases[i].gifts) shows(&t, 1, "{\"gifts\":null,\"tags\":[]}");
    else if (cases[i].gifts)
      shows(&t, 1, arena_printf(&t.s.mem, "{\"gifts\":%s,\"tags\":[]}", cases[i].gifts));
    else shows(&t, 1, "{\"gifts\":null,\"tags\":[\"gift-missing\"]}");
    CHECK_INT(count(&t, "SELECT count(*) FROM events WHERE type = 'order.gift_missing'"), !cases[i].gifts);
    CHECK_INT(count(&t, "SELECT coalesce(sum(quantity), 0) FROM units"), 2 + cases[i].units);
    CHECK_INT(count(&t, "SELECT count(*) FROM exceptions"), 0);
    CHECK_INT(count(&t, "SELECT count(*) FROM lines"), 1);
    CHECK_INT(count(&t, "SELECT total FROM orders"), 1000);
    sound(&t);
    ruled_close(&t);
  }
}

/* What it was given goes before the order has to wait; once only, whatever comes in later. */
TEST(rule_gifts_stand_in_no_order_s_way)
{
  struct ruled t;
  ruled_open(&t, "gift_way");
  rule_add(&t, "give", "paid", ":order ->> '$.external_id' = '1'", "gift LAMP 1\ngift A 1");
  stocked(&t, 1, 0);
  take(&t, "{\"external_id\":\"1\",\"lines\":[{\"line_id\":\"1\",\"sku\":\"A\",\"quantity\":9}]}", 0);
  shows(&t, 1, "{\"gifts\":[{\"sku\":\"LAMP\"},{\"sku\":\"A\"}],\"tags\":[]}");
  /* a tenth and an eleventh are bought: the order comes before its gift, then it waits like any other */
  take(
    &t,
    "{\"external_id\":\"1\",\"updated_at\":\"2026-12-01T00:00:00Z\",\"lines\":[{\"line_id\":\"1\",\"sku\":\"A\",\"quantity\":10}]}",
    0);
  shows(&t, 1, "{\"gifts\":[{\"sku\":\"LAMP\"}],\"tags\":[\"gift-missing\"]}");
  CHECK_INT(count(&t, "SELECT count(*) FROM exceptions"), 0);
  CHECK_INT(count(&t, "SELECT sum(quantity) FROM units"), 11);
  sound(&t);
  take(
    &t,
    "{\"external_id\":\"1\",\"updated_at\":\"2026-12-02T00:00:00Z\",\"lines\":[{\"line_id\":\"1\",\"sku\":\"A\",\"quantity\":11}]}",
    0);
  CHECK_INT(count(&t, "SELECT count(*) FROM exceptions WHERE type = 'oversold'"), 1);
  shows(&t, 1, "{\"gifts\":[{\"sku\":\"LAMP\"}]}"); /* nothing would be gained by taking it */
  sound(&t);
  does(&t, "stock.adjust", NULL,
       "{\"sku\":\"A\",\"warehouse\":\"NEAR\",\"delta\":5,\"reason\":\"received\"}");
  does(&t, "stock.heal", NULL, "{}");
  shows(&t, 1, "{\"gifts\":[{\"sku\":\"LAMP\"}],\"exceptions\":[]}");
  CHECK_INT(count(&t, "SELECT sum(quantity) FROM units"), 12);
  CHECK_INT(count(&t, "SELECT count(*) FROM events WHERE type = 'order.gift_missing'"), 1);
  sound(&t);
  ruled_close(&t);
}

/* Into the parcel, past the bench, out; the channel hears of what was bought. */
TEST(rule_gifts_go_with_the_order)
{
  struct ruled t;
  static struct channel_family told[] = { { .channel = "shop-a", .family = "shop-a", .confirms = true } };
  ruled_open(&t, "gift_goes");
  t.s.rules.family = told, t.s.rules.families = 1;
  rule_add(&t, "give", "taken", "1", "gift LAMP 2");
  stocked(&t, 5, 0);
  take(&t, arena_printf(&t.s.mem, "{\"external_id\":\"1\",\"status\":\"placed\",%s}", LINE_A), 0);
  shows(&t, 1, "{\"gifts\":[{\"sku\":\"LAMP\",\"quantity\":2}]}");
  take(&t,
       arena_printf(&t.s.mem,
                    "{\"external_id\":\"1\",\"status\":\"paid\",\"updated_at\":\"2026-12-01T00:00:00Z\",%s}",
                    LINE_A),
       0);
  shows(&t, 1, "{\"gifts\":[{\"sku\":\"LAMP\",\"quantity\":2}]}"); /* once per version, not per stage */
  does(&t, "order.move", "o_1", "{\"to\":\"split\"}");
  CHECK_INT(count(&t, "SELECT count(*) FROM fulfilments"), 1);
  CHECK_INT(count(&t, "SELECT quantity FROM fulfilment_lines WHERE line_no = 1001"), 2);
  struct buf b = { 0 };
  CHECK_INT(view_fulfilment(t.s.db, &t.s.mem, 1, &b, NULL), ERR_OK);
  CHECK(strstr(b.data, "\"sku\":\"LAMP\",\"title\":null,\"quantity\":2,\"gift\":true") != NULL);
  buf_release(&b);
  sound(&t);
  does(&t, "fulfilment.claim", "f_1", "{\"carrier\":\"sf\",\"tracking_no\":\"SF1234567890\"}");
  sound(&t);
  CHECK_INT(count(&t, "SELECT sum(quantity) FROM units WHERE state = 'frozen'"), 4);
  static const char TOLD[] =
    "SELECT count(*) FROM effects WHERE kind = 'confirm' AND data LIKE '%\"whole\":true%'"
    " AND data LIKE '%\"sku\":\"A\"%' AND data NOT LIKE '%LAMP%'";
  CHECK_INT(count(&t, TOLD), 1);
  ruled_close(&t);
}

/* The gift lies elsewhere, so it goes alone: its channel has no line to hear of. */
TEST(rule_gifts_that_go_alone_are_not_told)
{
  static struct channel_family told[] = { { .channel = "shop-a", .family = "shop-a", .confirms = true } };
  struct ruled t;
  ruled_open(&t, "gift_alone");
  t.s.rules.family = told, t.s.rules.families = 1;
  rule_add(&t, "give", "paid", "1", "gift LAMP 1");
  stocked(&t, 0, 1);
  take(&t, arena_printf(&t.s.mem, "{\"external_id\":\"1\",%s}", LINE_A), 0);
  does(&t, "order.move", "o_1", "{\"to\":\"split\"}");
  CHECK_INT(count(&t, "SELECT count(*) FROM fulfilments"), 2);
  int64_t alone = count(&t, "SELECT fulfilment_id FROM fulfilment_lines WHERE line_no = 1001");
  char f[24];
  snprintf(f, sizeof f, "f_%d", (int)alone);
  does(&t, "fulfilment.claim", f, "{\"carrier\":\"sf\",\"tracking_no\":\"SF1234567890\"}");
  CHECK_INT(count(&t, "SELECT count(*) FROM effects"), 0);
  CHECK_INT(count(&t, "SELECT count(*) FROM claims WHERE state = 'live' AND told = 'accepted'"), 1);
  snprintf(f, sizeof f, "f_%d", (int)(3 - alone));
  does(&t, "fulfilment.claim", f, "{\"carrier\":\"sf\",\"tracking_no\":\"SF1234567891\"}");
  CHECK_INT(count(&t, "SELECT count(*) FROM effects WHERE data LIKE '%\"whole\":true%'"), 1);
  sound(&t);
  ruled_close(&t);
}

/* All bought pieces are given back: the gift stays here. Cancelled: it is free again. */
TEST(rule_gifts_stay_when_the_order_does)
{
  static const char BACK[] =
    "{\"external_id\":\"%d\",\"updated_at\":\"2026-12-01T00:00:00Z\",%s,\"status\":\"%s\",\"refunds\":[%s]}";
  static const char REFUND[] =
    "{\"refund_id\":\"r1\",\"status\":\"refunded\",\"amount\":\"60.00\",\"line_id\":\"1\",\"quantity\":2}";
  struct ruled t;
  ruled_open(&t, "gift_stays");
  rule_add(&t, "give", "paid", "1", "gift LAMP 1");
  stocked(&t, 5, 0);
  for (int i = 1; i <= 2; i++) {
    char over[400];
    snprintf(over, sizeof over,
             "{\"external_id\":\"%d\",\"total\":\"60.00\",\"paid\":\"60.00\","
             "\"receiver\":{\"phone\":\"1380000111%d\"},%s}",
             i, i, LINE_A);
    take(&t, over, 0);
    does(&t, "order.move", i == 1 ? "o_1" : "o_2", "{\"to\":\"split\"}");
    CHECK_INT(count(&t, "SELECT sum(quantity) FROM units"), 3);
    snprintf(over, sizeof over, BACK, i, LINE_A, i == 1 ? "paid" : "cancelled", i == 1 ? REFUND : "");
    take(&t, over, 0);
    CHECK_INT(count(&t, "SELECT coalesce(sum(quantity), 0) FROM units"), 0);
    sound(&t);
  }
  ruled_close(&t);
}

/* ---- steps of cases --------------------------------------------------------------------------------------------------------- */
static void by(struct ruled *t, const char *name, unsigned roles)
{
  t->s.actor = (struct actor){ .name = name, .roles = roles };
}

TEST(rule_skips_steps_of_cases)
{
  static const struct {
    const char *when, *action;
    const char *amount;
    const char *step; /* after customer service; NULL: approved */
    int skips;
  } cases[] = {
    { ":case ->> '$.amount.amount' < 50", "skip finance", "30.00", "warehouse", 0 },
    { ":case ->> '$.kind' = 'refund_only'", "skip warehouse", "30.00", "finance", 1 },
    { "cast(:case ->> '$.amount.amount' AS REAL) < 50", "skip warehouse\nskip finance", "30.00", NULL, 2 },
    { "cast(:case ->> '$.amount.amount' AS REAL) < 50", "skip warehouse\nskip finance", "50.00", "warehouse",
      0 },
    { ":order ->> '$.external_id' = '2'", "skip warehouse", "30.00", "warehouse", 0 },
    { ":case IS NULL", "skip warehouse", "30.00", "warehouse", 0 },
    { "json_extract(:order, 'no path')", "skip warehouse", "30.00", "warehouse",
      0 }, /* an error skips nothing */
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct ruled t;
    struct aftercase k;
    char name[24];
    snprintf(name, sizeof name, "skip%zu", i);
    ruled_open(&t, name);
    rule_add(&t, "small", "case", cases[i].when, cases[i].action);
    take(
      &t,
      arena_printf(&t.s.mem,
                   "{\"external_id\":\"1\",\"status\":\"shipped\",\"total\":\"60.00\",\"paid\":\"60.00\",%s}",
                   LINE_A),
      0);
    test_note("case %zu: %s", i, cases[i].when);
    by(&t, "user:asker", ROLE_CS);
    does(&t, "case.open", NULL,
         arena_printf(&t.s.mem,
                      "{\"order\":\"o_1\",\"kind\":\"refund_only\",\"reason\":\"late\",\"amount\":\"%s\"}",
                      cases[i].amount));
    CHECK_INT(case_get(t.s.db, &t.s.mem, 1, &k), ERR_OK);
    CHECK_INT(k.step, STEP_CS); /* somebody looks */
    by(&t, "user:a", ROLE_CS);
    does(&t, "case.approve", "c_1", "{}");
    CHECK_INT(case_get(t.s.db, &t.s.mem, 1, &k), ERR_OK);
    CHECK_INT(k.step, cases[i].step ? case_step_parse(cases[i].step) : CASE_STEPS);
    CHECK_INT(k.state, cases[i].step ? CASE_OPEN : CASE_APPROVED);
    CHECK_INT(count(&t, "SELECT count(*) FROM case_acts WHERE act = 'skip'"), cases[i].skips);
    CHECK_INT(
      count(&t,
            "SELECT count(*) FROM case_acts WHERE act = 'skip' AND note NOT LIKE 'rule small ____________'"),
      0);
    CHECK_INT(
      count(
        &t,
        arena_printf(
          &t.s.mem,
          "SELECT count(*) FROM events WHERE type = 'rule.applied' AND data LIKE '%%\"version\":\"%s\"%%'",
          t.rule[0]->version)),
      cases[i].skips);
    sound(&t);
    ruled_close(&t);
  }
}

/* A change begins anew, and the rule is asked about what it is now; sent back, it goes to the step before that was taken. */
TEST(rule_is_asked_anew_when_a_case_changes)
{
  struct ruled t;
  struct aftercase k;
  ruled_open(&t, "skip_anew");
  rule_add(&t, "small", "case", "cast(:case ->> '$.amount.amount' AS REAL) < 50", "skip warehouse");
  take(&t,
       arena_printf(
         &t.s.mem, "{\"external_id\":\"1\",\"status\":\"shipped\",\"total\":\"60.00\",\"paid\":\"60.00\",%s}",
         LINE_A),
       0);
  by(&t, "user:asker", ROLE_CS);
  does(&t, "case.open", NULL,
       "{\"order\":\"o_1\",\"kind\":\"refund_only\",\"reason\":\"late\",\"amount\":\"20.00\"}");
  by(&t, "user:a", ROLE_CS);
  does(&t, "case.approve", "c_1", "{}");
  CHECK(!case_get(t.s.db, &t.s.mem, 1, &k) && k.step == STEP_FINANCE);
  by(&t, "user:f", ROLE_FINANCE);
  does(&t, "case.send_back", "c_1", "{\"reason\":\"which leg?\"}");
  CHECK(!case_get(t.s.db, &t.s.mem, 1, &k) && k.step == STEP_CS);
  by(&t, "user:asker", ROLE_CS);
  does(&t, "case.change", "c_1", "{\"amount\":\"55.00\"}");
  by(&t, "user:a", ROLE_CS);
  does(&t, "case.approve", "c_1", "{}");
  CHECK(!case_get(t.s.db, &t.s.mem, 1, &k) && k.step == STEP_WAREHOUSE);
  sound(&t);
  ruled_close(&t);
}

static void unheard(void *arg, const char *text)
{
  snprintf(arg, 200, "%.199s", text);
}

TEST(rule_check_finds_what_was_tampered_with)
{
  static const char *const harm[] = {
    "INSERT INTO rule_applied (order_id, rule, digest, at) VALUES (77, 'give', zeroblob(32), 1)",
    "INSERT INTO rule_applied (order_id, rule, digest, at) VALUES (1, 'give', zeroblob(31), 1)",
    "INSERT INTO order_tags (order_id, tag) VALUES (77, 'x')",
    "INSERT INTO order_tags (order_id, tag) VALUES (2, 'x')",
    "INSERT INTO order_wishes (order_id, priority, apart, propose) VALUES (77, 1, 0, 0)",
    "INSERT INTO order_wishes (order_id, priority, apart, propose) VALUES (2, 1, 0, 0)",
    "UPDATE order_wishes SET priority = 1001",
    "UPDATE order_wishes SET apart = 2",
    "UPDATE rules SET digest = zeroblob(3)",
    "UPDATE rules SET overruns = 5, state = 'on'",
    "UPDATE gifts SET order_id = 77",
    "UPDATE gifts SET rule = 'other'",
    "UPDATE gifts SET digest = zeroblob(32)",
    "UPDATE gifts SET quantity = 1",
    "DELETE FROM gifts",
    "DELETE FROM gifts; DELETE FROM fulfilment_lines WHERE line_no > 1000",
    "DELETE FROM rule_applied",
  };
  struct ruled t;
  ruled_open(&t, "rule_harm");
  rule_add(&t, "give", "paid", ":order ->> '$.external_id' = '1'", "gift LAMP 2\ntag seen\npriority 7");
  stocked(&t, 5, 0);
  for (int i = 1; i <= 2; i++)
    take(&t,
         arena_printf(&t.s.mem, "{\"external_id\":\"%d\",\"receiver\":{\"phone\":\"1380000111%d\"},%s}", i, i,
                      LINE_A),
         0);
  does(&t, "order.move", "o_1", "{\"to\":\"split\"}");
  sound(&t);
  for (size_t i = 0; i < COUNT(harm); i++) {
    struct arena mem = { 0 };
    char said[200] = "";
    CHECK(tx_begin(t.s.db));
    CHECK_INT(db_exec(t.s.db, harm[i]), ERR_OK);
    int n = view_check(t.s.db, &mem, &t.s.rules.status, &t.s.rules.merge, unheard, said);
    test_note("%s: %s", harm[i], said);
    CHECK(n > 0);
    tx_rollback(t.s.db);
    arena_release(&mem);
  }
  sound(&t);
  ruled_close(&t);
}

/* Whatever happens to orders with gifts and to the stock, the file stays whole and no gift is counted as bought. RULE_SEED=N runs another one. */
TEST(rule_gifts_over_random_histories)
{
  static const char *const cmds[][2] = {
    { "order.move", "{\"to\":\"split\"}" },
    { "order.move", "{\"to\":\"split\"}" },
    { "order.move", "{\"to\":\"split\"}" },
    { "order.release", "{}" },
    { "order.move", "{\"to\":\"cancelled\",\"note\":\"no\"}" },
    { "order.hold", "{\"reason\":\"look\"}" },
    { "order.release", "{}" },
  };
  static const char *const GIFT_UNITS[] = {
    "SELECT count(*) FROM units WHERE line_no > 1000 AND fulfilment_id = 0",
    "SELECT count(*) FROM units WHERE line_no > 1000 AND fulfilment_id <> 0 AND state = 'reserved'",
    "SELECT count(*) FROM units WHERE line_no > 1000 AND state = 'frozen'",
  };
  int seen[COUNT(GIFT_UNITS)] = { 0 };
  const char *asked = getenv("RULE_SEED");
  uint64_t seed = asked ? strtoull(asked, NULL, 10) : 11;
  struct ruled t;
  ruled_open(&t, "gift_random");
  rule_add(&t, "give", "paid", "cast(:order ->> '$.external_id' AS INTEGER) % 2", "gift LAMP 1\ngift SET 1");
  rule_add(&t, "more", "taken", "cast(:order ->> '$.external_id' AS INTEGER) % 3 = 0", "gift A 2");
  stocked(&t, 12, 6);
  for (int i = 0; i < 500; i++) {
    char over[600], target[24], body[200];
    int n = 1 + i / 20 + (int)(test_random(&seed) % 10), pick = (int)(test_random(&seed) % 10);
    snprintf(target, sizeof target, "o_%d", n);
    if (pick < 4) {
      snprintf(
        over, sizeof over,
        "{\"external_id\":\"%d\",\"status\":\"%s\",\"updated_at\":\"2026-12-%02dT%02d:00:00Z\",\"receiver\":{\"phone\":"
        "\"1380000%04d\"},\"lines\":[{\"line_id\":\"1\",\"sku\":\"%s\",\"quantity\":%d,\"price\":\"30.00\"}]}",
        n,
        test_random(&seed) % 4   ? "paid"
        : test_random(&seed) % 2 ? "placed"
                                 : "cancelled",
        1 + i / 24, i % 24, n / 2, test_random(&seed) % 4 ? "A" : "LAMP", 1 + (int)(test_random(&seed) % 4));
      take(&t, over, 0);
    } else if (pick < 8) {
      size_t k = test_random(&seed) % COUNT(cmds);
      shop_do(&t.s, cmds[k][0], target, cmds[k][1]);
    } else if (pick == 8) {
      snprintf(target, sizeof target, "f_%d",
               (int)count(&t, i % 2
                                ? "SELECT coalesce(max(id), 1) FROM fulfilments WHERE status = 'split'"
                                : "SELECT coalesce(max(fulfilment_id), 1) FROM units WHERE line_no > 1000"));
      snprintf(body, sizeof body, "{\"carrier\":\"sf\",\"tracking_no\":\"SF12345%05d\"}", i);
      if (test_random(&seed) % 3) shop_do(&t.s, "fulfilment.claim", target, body);
      else target[0] = 'k', shop_do(&t.s, "claim.void", target, "{\"reason\":\"torn\"}");
    } else {
      snprintf(body, sizeof body, "{\"sku\":\"%s\",\"warehouse\":\"%s\",\"delta\":%d,\"reason\":\"counted\"}",
               test_random(&seed) % 2 ? "A" : "LAMP", test_random(&seed) % 2 ? "NEAR" : "FAR",
               (int)(test_random(&seed) % 12) - 4);
      shop_do(&t.s, "stock.adjust", NULL, body);
      shop_do(&t.s, "stock.heal", NULL, "{}");
    }
    if (i % 5 == 0) sound(&t);
    for (size_t k = 0; k < COUNT(GIFT_UNITS); k++) seen[k] += count(&t, GIFT_UNITS[k]) > 0;
  }
  sound(&t);
  CHECK(asked || count(&t, "SELECT count(*) FROM gifts WHERE quantity > 0") > 0);
  CHECK(asked || count(&t, "SELECT count(*) FROM gifts WHERE quantity = 0") > 0);
  for (size_t k = 0; k < COUNT(GIFT_UNITS) && !asked; k++) CHECK(seen[k] > 5);
  CHECK_INT(count(&t, "SELECT count(*) FROM lines WHERE line_no > 1000"), 0);
  ruled_close(&t);
}
