/* What polling brings, as the writer stores it: rows and watermark together, poison alone, misses told, and what a
 * platform says of groups. */
#include "lib/shop.h"
#include "test.h"
#include <stdio.h>

static bool open_shop(struct shop *s, const char *conf)
{
  char path[256];
  snprintf(path, sizeof path, "%s/poll.db", test_dir());
  return CHECK(shop_open(s, path, conf));
}

static void nothing(struct job *j)
{
  (void)j;
}

static struct cmd *start(struct shop *s, enum cmd_id id, const void *args)
{
  struct cmd *c = cmd_new(id, &s->env.env, &s->rules, &(struct actor){ .name = "channel:shop-a" });
  c->args = args;
  c->job.done = nothing;
  must(writer_push(s->writer, &c->job));
  writer_collect(s->writer);
  return c;
}

static struct poll_item item_of(struct arena *a, const char *over)
{
  struct faults f = { .mem = a };
  const char *text = shop_order(a, over);
  struct json *j = json_parse(a, text, strlen(text), JSON_ELEMENTS_MAX, &f);
  struct draft *d = draft_parse(a, j, "", &f);
  must(d);
  draft_seal(a, d, text, strlen(text));
  return (struct poll_item){ .draft = d, .raw = text, .raw_n = strlen(text) };
}

static int64_t number(struct shop *s, const char *sql)
{
  struct stmt *q = db_stmt(s->db, sql);
  int64_t n = stmt_row(q) ? stmt_col_int(q, 0) : -1;
  CHECK_INT(stmt_end(q), ERR_OK);
  return n;
}
static const char SQL_WATERMARK[] = "SELECT coalesce(watermark, 0) FROM polls";
static const char SQL_ORDERS[] = "SELECT count(*) FROM orders";
static const char SQL_FAILED[] = "SELECT count(*) FROM payloads WHERE state = 'failed'";
static const char SQL_MISSED[] =
  "SELECT count(*) FROM exceptions WHERE type = 'poll_missed' AND state = 'open'";

static void introduce(struct shop *s)
{
  struct poll p = { .connector = "shopee" };
  struct poll_state st = { .channel = "shop-a", .poll = &p };
  struct cmd *c = start(s, CMD_POLL_STATE, &st);
  CHECK_INT(c->job.err, ERR_OK);
  cmd_free(c);
}

TEST(poll_page_takes_rows_and_watermark_together)
{
  struct shop s = { 0 };
  struct arena a = { 0 };
  if (!open_shop(&s, NULL)) return;
  introduce(&s);
  struct poll_item items[] = {
    item_of(&a, "{\"external_id\":\"1\"}"),
    item_of(&a, "{\"external_id\":\"2\"}"),
    { .raw = "{\"at\":\"$[0]\",\"order\":{}}", .raw_n = 25, .error = "{\"code\":\"mapping_failed\"}" }
  };
  struct poll_bucket bucket = { "list", { 500, 1794300000000 } };
  struct poll_page page = { .channel = "shop-a",
                            .source = "poll",
                            .item = items,
                            .items = 3,
                            .watermark = 777,
                            .bucket = &bucket,
                            .buckets = 1 };
  struct cmd *c = start(&s, CMD_POLL_PAGE, &page);
  CHECK_INT(c->job.err, ERR_OK);
  CHECK_INT(c->numbers[0], 2);
  CHECK_INT(c->numbers[2], 1);
  cmd_free(c);
  CHECK_INT(number(&s, SQL_WATERMARK), 777);
  CHECK_INT(number(&s, SQL_ORDERS), 2);
  CHECK_INT(number(&s, SQL_FAILED), 1);
  /* the same rows again change nothing, wherever they stand in their page, and the poison is kept once; an older
   * watermark does not move it back */
  page.watermark = 500;
  items[2].raw = "{\"at\":\"$[7]\",\"order\":{}}";
  c = start(&s, CMD_POLL_PAGE, &page);
  CHECK_INT(c->numbers[0] + c->numbers[1], 0);
  cmd_free(c);
  CHECK_INT(number(&s, SQL_WATERMARK), 777);
  CHECK_INT(number(&s, SQL_ORDERS), 2);
  CHECK_INT(number(&s, SQL_FAILED), 1);
  struct bucket kept;
  CHECK_INT(bucket_get(s.db, 1, "list", &kept), ERR_OK);
  CHECK_INT(kept.level, 500);
  shop_close(&s);
  arena_release(&a);
}

/* A row that fails after it wrote something: the page is undone as a whole, and comes again row by row. */
TEST(poll_page_with_a_row_that_breaks_halfway)
{
  struct shop s = { 0 };
  struct arena a = { 0 };
  if (!open_shop(&s, NULL)) return;
  introduce(&s);
  struct poll_item items[] = { item_of(&a, "{\"external_id\":\"1\"}"), item_of(&a, "{\"external_id\":\"2\"}"),
                               item_of(&a, "{\"external_id\":\"3\"}") };
  items[1].draft->lines[0].quantity = 0; /* the table refuses it when the order's row is there already */
  struct poll_page page = { .channel = "shop-a", .source = "poll", .item = items, .items = 3, .watermark = 777 };
  struct cmd *c = start(&s, CMD_POLL_PAGE, &page);
  CHECK_INT(c->job.err, ERR_CONFLICT);
  CHECK_INT(c->left, POLL_PAGE_CAREFULLY);
  cmd_free(c);
  CHECK_INT(number(&s, SQL_ORDERS), 0);
  CHECK_INT(number(&s, SQL_WATERMARK), 0);
  page.careful = true;
  c = start(&s, CMD_POLL_PAGE, &page);
  CHECK_INT(c->job.err, ERR_OK);
  CHECK_INT(c->numbers[0], 2);
  CHECK_INT(c->numbers[2], 1);
  cmd_free(c);
  CHECK_INT(number(&s, SQL_ORDERS), 2);
  CHECK_INT(number(&s, SQL_FAILED), 1);
  CHECK_INT(number(&s, SQL_WATERMARK), 777);
  shop_close(&s);
  arena_release(&a);
}

/* What is new in a sweep but was changed before the watermark was missed by polling: counted, and an exception each. */
TEST(poll_sweep_tells_what_was_missed)
{
  struct shop s = { 0 };
  struct arena a = { 0 };
  if (!open_shop(&s, NULL)) return;
  introduce(&s);
  struct poll_item items[] = {
    item_of(&a, "{\"external_id\":\"1\",\"updated_at\":\"2026-11-10T08:00:00+08:00\"}"),
    item_of(&a, "{\"external_id\":\"2\",\"updated_at\":\"2026-11-10T09:00:00+08:00\"}")
  };
  int64_t between = 0;
  CHECK(time_parse("2026-11-10T08:30:00+08:00", &between));
  struct poll_page page = {
    .channel = "shop-a", .source = "poll", .item = items, .items = 2, .missed_before = between
  };
  struct cmd *c = start(&s, CMD_POLL_PAGE, &page);
  CHECK_INT(c->numbers[3], 1);
  cmd_free(c);
  CHECK_INT(number(&s, SQL_MISSED), 1);
  c = start(&s, CMD_POLL_PAGE, &page); /* now both are known */
  CHECK_INT(c->numbers[3], 0);
  cmd_free(c);
  shop_close(&s);
  arena_release(&a);
}

TEST(poll_state_opens_and_settles_exceptions)
{
  struct shop s = { 0 };
  if (!open_shop(&s, NULL)) return;
  introduce(&s);
  struct poll_run run = { .kind = "poll", .began_at = 5, .ended_at = 6 };
  struct poll_secret secret = { "access_token", "sealed", 6, 99 };
  struct poll_state st = { .channel = "shop-a",
                           .run = &run,
                           .open_type = "channel_auth",
                           .open_data = "{\"code\":\"x\"}",
                           .secret = &secret,
                           .secrets = 1 };
  for (int i = 0; i < POLL_RUNS_KEPT + 20; i++) cmd_free(start(&s, CMD_POLL_STATE, &st));
  static const char OPEN[] = "SELECT count(*) FROM exceptions WHERE state = 'open' AND type = 'channel_auth'";
  static const char RUNS[] = "SELECT count(*) FROM poll_runs";
  static const char SECRETS[] = "SELECT count(*) FROM secrets WHERE expires_at = 99";
  CHECK_INT(number(&s, OPEN), 1);
  CHECK_INT(number(&s, RUNS), POLL_RUNS_KEPT);
  CHECK_INT(number(&s, SECRETS), 1);
  struct poll_state good = { .channel = "shop-a",
                             .run = &run,
                             .settle = { "channel_auth", "channel_stale" } };
  cmd_free(start(&s, CMD_POLL_STATE, &good));
  CHECK_INT(number(&s, OPEN), 0);
  shop_close(&s);
}

TEST(push_is_kept_once)
{
  struct shop s = { 0 };
  if (!open_shop(&s, NULL)) return;
  struct push_args p = {
    .channel = "shop-a", .digest = "0123456789abcdef", .raw = "{\"code\":3}", .raw_n = 10
  };
  for (int i = 0; i < 3; i++) {
    struct cmd *c = start(&s, CMD_PUSH_TAKE, &p);
    CHECK_INT(c->job.err, ERR_OK);
    CHECK_INT(c->numbers[0], i == 0);
    cmd_free(c);
  }
  static const char PUSHED[] = "SELECT count(*) FROM payloads WHERE source = 'push'";
  CHECK_INT(number(&s, PUSHED), 1);
  shop_close(&s);
}

/* ---- what a platform says of groups -------------------------------------------------------------------------------- */
static const char SQL_GROUPS[] = "SELECT count(DISTINCT group_id) FROM orders";
static const char SQL_PLATFORM[] = "SELECT count(*) FROM groups WHERE key = 'platform' AND state = 'open'";

static void take(struct shop *s, const char *id, const char *token, int hour)
{
  struct arena a = { 0 };
  const char *over = arena_printf(
    &a,
    "{\"external_id\":\"%s\",\"placed_at\":\"2026-11-10T%02d:00:00+08:00\",\"receiver\":{\"phone\":\"138****0001\",\"token\":\"%s\","
    "\"address\":\"文三路***\"}}",
    id, hour, token);
  CHECK_INT(shop_do(s, "order.ingest", NULL, shop_order(&a, over)), ERR_OK);
  arena_release(&a);
}

static int64_t say(struct shop *s, const char *g1, const char *g2)
{
  struct platform_verdict v[] = { { "shop-a", "1", g1, 1 },
                                  { "shop-a", "2", g2, 1 },
                                  { "shop-a", "gone", "g9", 1 } };
  struct platform_args p = { "taobao", v, 3 };
  struct cmd *c = start(s, CMD_GROUP_PLATFORM, &p);
  CHECK_INT(c->job.err, ERR_OK);
  int64_t changed = c->numbers[0];
  cmd_free(c);
  return changed;
}

TEST(platform_groups_stand_for_our_keys)
{
  struct shop s = { 0 };
  if (!open_shop(&s, "[channel shop-a]\nfamily = taobao\n")) return;
  take(&s, "1", "tok-1", 8), take(&s, "2", "tok-2", 9);
  CHECK_INT(number(&s, SQL_GROUPS), 2); /* other tokens */
  CHECK_INT(say(&s, "g1", "g1"), 1);
  CHECK_INT(number(&s, SQL_GROUPS), 1);
  CHECK_INT(number(&s, SQL_PLATFORM), 1);
  CHECK_INT(say(&s, "g1", "g1"), 0); /* the same word again changes nothing */
  CHECK_INT(say(&s, "g1", "g2"), 1); /* an address was changed; the platform says so */
  CHECK_INT(number(&s, SQL_GROUPS), 2);
  shop_close(&s);
}

TEST(platform_splits_what_our_keys_join)
{
  struct shop s = { 0 };
  if (!open_shop(&s, "[channel shop-a]\nfamily = taobao\n")) return;
  take(&s, "1", "tok-1", 8), take(&s, "2", "tok-1", 9);
  CHECK_INT(number(&s, SQL_GROUPS), 1);
  CHECK_INT(say(&s, "g1", "g2"), 1);
  CHECK_INT(number(&s, SQL_GROUPS), 2);
  shop_close(&s);
}

/* A platform's word stands for the keys only: the window and the freedom of the orders are ours. */
TEST(platform_does_not_reach_over_the_window)
{
  struct shop s = { 0 };
  if (!open_shop(&s, "[merge]\nwindow = 1h\n[channel shop-a]\nfamily = taobao\n")) return;
  take(&s, "1", "tok-1", 8), take(&s, "2", "tok-2", 10);
  CHECK_INT(say(&s, "g1", "g1"), 1);
  CHECK_INT(number(&s, SQL_GROUPS), 2);
  shop_close(&s);
}

TEST(platform_never_overrules_a_person)
{
  struct shop s = { 0 };
  if (!open_shop(&s, "[channel shop-a]\nfamily = taobao\n")) return;
  take(&s, "1", "tok-1", 8), take(&s, "2", "tok-1", 9);
  CHECK_INT(shop_do(&s, "group.remove", "g_1", "{\"order\":\"o_2\"}"), ERR_OK);
  CHECK_INT(number(&s, SQL_GROUPS), 2);
  CHECK_INT(say(&s, "g1", "g1"), 0);
  CHECK_INT(number(&s, SQL_GROUPS), 2);
  shop_close(&s);
}

/* ---- whom a platform is asked about ---------------------------------------------------------------------------------- */
TEST(platform_is_asked_about_company_once)
{
  struct shop s = { 0 };
  struct arena a = { 0 };
  struct token_order *list;
  size_t n = 0;
  if (!open_shop(&s, "[channel shop-a]\nfamily = taobao\n")) return;
  for (int i = 1; i <= 4; i++) {
    const char *over = arena_printf(
      &a,
      "{\"external_id\":\"%d\",\"placed_at\":\"2026-11-10T%02d:00:00+08:00\",\"buyer\":{\"id\":\"%s\"},"
      "\"receiver\":{\"phone\":\"138****0001\",\"token\":\"tok-%d\",\"address\":\"文三路***\"}}",
      i, 8 + i, i == 4 ? "b_alone" : "b_1", i);
    CHECK_INT(shop_do(&s, "order.ingest", NULL, shop_order(&a, over)), ERR_OK);
  }
  int64_t since = 1794200000000, window = 72ll * 3600000;
  CHECK_INT(order_ask_platform(s.db, &a, 1, since, window, &list, &n), ERR_OK);
  CHECK_INT(n, 3); /* who is alone is not asked about */
  struct platform_verdict v[3];
  for (size_t i = 0; i < 3 && n == 3; i++)
    v[i] = (struct platform_verdict){ "shop-a", list[i].external_id, "g1", (uint64_t)list[i].content };
  struct platform_args p = { "taobao", v, 3 };
  cmd_free(start(&s, CMD_GROUP_PLATFORM, &p));
  CHECK_INT(number(&s, SQL_GROUPS), 2);
  CHECK_INT(order_ask_platform(s.db, &a, 1, since, window, &list, &n), ERR_OK);
  CHECK_INT(n, 0); /* asked and unchanged */
  const char *moved =
    "{\"external_id\":\"2\",\"placed_at\":\"2026-11-10T10:00:00+08:00\",\"updated_at\":\"2026-11-10T12:00:00+08:00\","
    "\"buyer\":{\"id\":\"b_1\"},\"receiver\":{\"phone\":\"138****0001\",\"token\":\"tok-new\",\"address\":\"天目山路***\"}}";
  CHECK_INT(shop_do(&s, "order.ingest", NULL, shop_order(&a, moved)), ERR_OK);
  CHECK_INT(order_ask_platform(s.db, &a, 1, since, window, &list, &n), ERR_OK);
  CHECK_INT(n, 3); /* the company has changed */
  shop_close(&s);
  arena_release(&a);
}
