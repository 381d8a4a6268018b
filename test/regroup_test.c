/* Groups of many: crowds, more decisions than fit a page, more orders put out at a lock than a hand can count. */
#include "lib/shop.h"
#include "test.h"
#include <stdio.h>

static bool open_shop(struct shop *s, const char *name, const char *conf)
{
  char path[256];
  snprintf(path, sizeof path, "%s/%s.db", test_dir(), name);
  return CHECK(shop_open(s, path, conf));
}

/* Order n of phone p, so many minutes after the first; returns its group. */
static int64_t take(struct shop *s, int n, int p, int minutes, const char *more)
{
  struct arena a = { 0 };
  char text[TIME_TEXT];
  const char *body = arena_printf(&a, "{\"external_id\":\"%d\",\"placed_at\":\"%s\",\"receiver\":{\"phone\":\"1380000%04d\"}%s}", n,
                                  time_text(1794200000000 + minutes * 60000ll, text), p, more);
  struct cmd *c = shop_run(s, "order.ingest", NULL, shop_order(&a, body));
  int64_t group = c->numbers[3];
  CHECK_INT(c->job.err, ERR_OK);
  cmd_free(c);
  arena_release(&a);
  return group;
}

static int64_t one_number(struct shop *s, const char *sql)
{
  struct stmt *q = db_stmt(s->db, sql);
  int64_t n = stmt_row(q) ? stmt_col_int(q, 0) : -1;
  stmt_end(q);
  return n;
}

static const char SQL_ALONE[] = "SELECT count(*) FROM (SELECT 1 FROM orders WHERE group_id IS NOT NULL GROUP BY group_id HAVING count(*) = 1)";
static const char SQL_LARGEST[] = "SELECT max(n) FROM (SELECT count(*) AS n FROM orders WHERE group_id IS NOT NULL GROUP BY group_id)";
static const char SQL_OPEN[] = "SELECT count(*) FROM groups WHERE state = 'open'";

static void do_order(struct shop *s, const char *name, int n, const char *body)
{
  char target[32];
  snprintf(target, sizeof target, "shop-a:%d", n);
  CHECK_INT(shop_do(s, name, target, body), ERR_OK);
}

/* The limit itself: 200 orders of one customer are grouped, by groups of at most 50; one more is no customer. */
TEST(regroup_crowd_of_201)
{
  struct shop s = { 0 };
  if (!open_shop(&s, "crowd", NULL)) return;
  for (int i = 1; i <= 200; i++) take(&s, i, 1, i, "");
  CHECK_INT(one_number(&s, SQL_OPEN), 4);
  CHECK_INT(one_number(&s, SQL_LARGEST), 50);
  take(&s, 201, 1, 100, "");
  CHECK_INT(one_number(&s, SQL_OPEN), 201);
  CHECK_INT(one_number(&s, SQL_ALONE), 201);
  take(&s, 202, 1, 4000, "");
  CHECK_INT(one_number(&s, SQL_ALONE), 202);
  /* whoever leaves: the crowd is one no more, and all are grouped again */
  do_order(&s, "order.hold", 17, "{\"reason\":\"x\"}");
  CHECK_INT(one_number(&s, SQL_ALONE), 202);
  do_order(&s, "order.cancel", 117, "{\"reason\":\"x\"}");
  CHECK_INT(one_number(&s, SQL_LARGEST), 50);
  CHECK_INT(one_number(&s, SQL_OPEN), 5);
  do_order(&s, "order.release", 17, "{}");
  CHECK_INT(one_number(&s, SQL_ALONE), 201);
  shop_close(&s);
}

/* Two rings of four that one order makes a crowd of nine, and what then becomes of them. Five is the limit here. */
TEST(regroup_bridge)
{
  static const struct {
    const char *note, *command, *body;
  } cases[] = {
    { "cancelled", "order.cancel", "{\"reason\":\"x\"}" },
    { "held", "order.hold", "{\"reason\":\"x\"}" },
    { "another phone", NULL, "\"placed_at\":\"2026-11-10T20:53:20Z\",\"receiver\":{\"phone\":\"13800009999\"}" },
    { "another time", NULL, "\"placed_at\":\"2027-11-01T00:00:00Z\",\"receiver\":{\"phone\":\"13800000001\"}" },
    { "shipped", NULL, "\"status\":\"shipped\"" },
    { "refunded", NULL, "\"refunds\":[{\"refund_id\":\"1\",\"status\":\"success\",\"amount\":\"10.00\"}]" },
    { "locked by hand", "group.lock", NULL },
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct shop s = { 0 };
    test_note("%s", cases[i].note);
    char name[16];
    snprintf(name, sizeof name, "bridge-%zu", i);
    if (!open_shop(&s, name, NULL)) return;
    s.rules.merge.crowd_max = 5;
    for (int n = 0; n < 4; n++) take(&s, 1 + n, 1, n, ""), take(&s, 11 + n, 1, 80 * 60 + n, "");
    CHECK_INT(one_number(&s, SQL_OPEN), 2);
    int64_t group = take(&s, 99, 1, 40 * 60, "");
    CHECK_INT(one_number(&s, SQL_ALONE), 9);
    char target[32];
    snprintf(target, sizeof target, "g_%lld", (long long)group);
    if (!cases[i].command) {
      struct arena a = { 0 };
      const char *base = "{\"external_id\":\"99\",\"placed_at\":\"2026-11-10T20:53:20Z\",\"receiver\":{\"phone\":\"13800000001\"}}";
      const char *over = strstr(cases[i].body, "placed_at") || strstr(cases[i].body, "receiver")
                           ? arena_printf(&a, "{\"external_id\":\"99\",%s}", cases[i].body)
                           : arena_printf(&a, "%.*s,%s}", (int)strlen(base) - 1, base, cases[i].body);
      CHECK_INT(shop_do(&s, "order.ingest", NULL, shop_order(&a, over)), ERR_OK);
      arena_release(&a);
    } else if (!strcmp(cases[i].command, "group.lock"))
      CHECK_INT(shop_do(&s, "group.lock", target, "{}"), ERR_OK);
    else
      do_order(&s, cases[i].command, 99, cases[i].body);
    CHECK_INT(one_number(&s, "SELECT count(*) FROM (SELECT 1 FROM orders WHERE group_id IS NOT NULL GROUP BY group_id HAVING count(*) = 4)"), 2);
    shop_close(&s);

  }
}

/* In a crowd what people decided holds, and a decision alone can make one or end one. */
TEST(regroup_decisions_in_crowds)
{
  struct shop s = { 0 };
  if (!open_shop(&s, "decided", NULL)) return;
  s.rules.merge.crowd_max = 5;
  for (int n = 0; n < 3; n++) take(&s, 1 + n, 1, n, ""), take(&s, 11 + n, 2, n, "");
  CHECK_INT(one_number(&s, SQL_OPEN), 2);
  /* order 1 and the others of its group are tied to the group of 11: six in one ring */
  CHECK_INT(shop_do(&s, "group.add", "g_2", "{\"order\":\"shop-a:1\"}"), ERR_OK);
  CHECK_INT(one_number(&s, SQL_LARGEST), 4);
  CHECK_INT(one_number(&s, SQL_ALONE), 2);
  CHECK_INT(shop_do(&s, "group.remove", "g_1", "{\"order\":\"shop-a:1\"}"), ERR_OK);
  CHECK_INT(one_number(&s, SQL_LARGEST), 3);
  CHECK_INT(one_number(&s, SQL_ALONE), 0);
  shop_close(&s);
}

/* What a person said about an order is remembered, however much it is (domain 3.9). */
TEST(regroup_many_decisions)
{
  struct shop s = { 0 };
  if (!open_shop(&s, "many", "[merge]\ngroup_max = 200\n")) return;
  for (int i = 1; i <= 100; i++) take(&s, i, 1, i, "");
  CHECK_INT(one_number(&s, SQL_LARGEST), 100);
  CHECK_INT(shop_do(&s, "group.remove", "g_1", "{\"order\":\"shop-a:50\"}"), ERR_OK);
  CHECK_INT(one_number(&s, SQL_LARGEST), 99);
  /* all but the last few leave; the one taken out still stays out */
  for (int i = 1; i <= 90; i++)
    if (i != 50) do_order(&s, "order.cancel", i, "{\"reason\":\"x\"}");
  CHECK_INT(one_number(&s, SQL_LARGEST), 10);
  CHECK_INT(one_number(&s, SQL_ALONE), 1);
  shop_close(&s);
}

/* Everybody who was placed after the parcel left is put out, and they are together. */
TEST(regroup_put_out_many)
{
  struct shop s = { 0 };
  if (!open_shop(&s, "out", "[merge]\ngroup_max = 200\n")) return;
  for (int i = 0; i < 100; i++) take(&s, i, 1, i, "");
  CHECK_INT(one_number(&s, SQL_LARGEST), 100);
  take(&s, 0, 1, 0, ",\"status\":\"shipped\",\"shipments\":[{\"tracking_no\":\"SF1\",\"shipped_at\":\"2026-11-09T04:58:20Z\"}]");
  CHECK_INT(one_number(&s, "SELECT count(*) FROM orders o JOIN groups g ON g.id = o.group_id WHERE g.state = 'locked'"), 5);
  CHECK_INT(one_number(&s, "SELECT count(*) FROM orders o JOIN groups g ON g.id = o.group_id WHERE g.state = 'open'"), 95);
  CHECK_INT(one_number(&s, SQL_OPEN), 1);
  shop_close(&s);
}

/* The configuration may come to know a channel's family after its first orders. */
TEST(regroup_family_told_later)
{
  struct shop s = { 0 };
  const char *const receiver = ",\"token\":\"OAID-1\"";
  if (!open_shop(&s, "family", NULL)) return;
  for (int round = 0; round < 2; round++) {
    struct arena a = { 0 };
    int64_t group[2];
    for (int i = 0; i < 2; i++) {
      const char *body = arena_printf(&a, "{\"channel\":\"tm-%d\",\"external_id\":\"%d\",\"receiver\":{\"phone\":\"138****1111\"%s}}", i, round, receiver);
      struct cmd *c = shop_run(&s, "order.ingest", NULL, shop_order(&a, body));
      CHECK_INT(c->job.err, ERR_OK);
      group[i] = c->numbers[3];
      cmd_free(c);
    }
    test_note("round %d", round);
    CHECK_INT(group[0] == group[1], round == 1);
    arena_release(&a);
    if (!round) CHECK(shop_reopen(&s, "[channel tm-0]\nfamily = taobao\n[channel tm-1]\nfamily = taobao\n"));
  }
  CHECK_INT(one_number(&s, "SELECT count(*) FROM events WHERE type = 'channel.family'"), 2);
  shop_close(&s);
}
