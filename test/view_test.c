/* view_test.c: what the lists and views answer, what they hide, and what the check of a file finds. */
#include "rows.h"

static struct status_table table;
static const struct merge_rules rules = { .window_ms = 72ll * 3600 * 1000, .group_max = 3 };

static struct db *view_open(void)
{
  status_table_default(&table);
  struct db *db = rows_open();
  CHECK_INT(db_exec(db, "INSERT INTO channels (id, name, family, created_at) VALUES"
                        " (1, 'tmall-home', 'taobao', 1), (2, 'till', 'till', 1), (3, 'empty', '', 1)"),
            ERR_OK);
  return db;
}

/* The ids of one answer in its order: "4 1". */
static const char *ids_of(const char *json)
{
  struct faults f = { .mem = &rows_mem };
  struct json *j = json_parse(&rows_mem, json, strlen(json), JSON_ELEMENTS_BATCH_MAX, &f);
  char *ids = arena_str(&rows_mem, "");
  if (!CHECK(j != NULL)) return "broken";
  for (const struct json *o = json_first(json_get(j, "data")); o; o = json_next(o))
    ids = arena_printf(&rows_mem, "%s%s%s", ids, *ids ? " " : "", json_string(json_get(o, "id")) + 2);
  return ids;
}

static const char *list(struct db *db, struct order_filter f, const char **next)
{
  const char *why = NULL;
  struct buf out = { 0 };
  enum err e = view_orders(db, &rows_mem, &table, &f, SHOW_FULL, &out, next, &why);
  const char *ids = e ? arena_printf(&rows_mem, "%s: %s", err_code(e), why ? why : "") : ids_of(out.data);
  CHECK(!e || !out.len);
  buf_release(&out);
  return ids;
}

static const char *pages(struct db *db, struct order_filter f, int limit)
{
  char *all = arena_str(&rows_mem, "");
  const char *next = NULL;
  f.limit = limit;
  for (int page = 0; page < 40; page++) {
    f.cursor = next;
    const char *ids = list(db, f, &next);
    if (*ids) all = arena_printf(&rows_mem, "%s%s%s", all, *all ? " " : "", ids);
    if (!next) break;
  }
  return all;
}

/* ---- lists of orders ------------------------------------------------------------------------- */
static void fill_lists(struct db *db)
{
  static const struct row_spec shelf[] = {
    { .id = 1, .placed_at = T0 + 50, .due_at = T0 + 900, .group_id = 1 },
    { .id = 2, .placed_at = T0 + 40, .status = "split", .channel_id = 2, .due_at = T0 + 800, .group_id = 1 },
    { .id = 3, .placed_at = T0 + 30, .status = "shipped", .sku = "B" },
    { .id = 4, .placed_at = T0 + 30, .status = "pending", .channel_id = 2, .due_at = T0 + 800 },
    { .id = 5, .placed_at = T0 + 10, .status = "cancelled" },
    { .id = 6, .placed_at = T0 + 60, .status = "paid", .channel_id = 2, .sku = "B", .due_at = T0 + 700 },
    { .id = 7, .placed_at = T0 + DAY_MS, .status = "pre_ship", .due_at = T0 + 950 },
  };
  for (size_t i = 0; i < COUNT(shelf); i++) row_put(db, shelf[i]);
  CHECK_INT(
    db_exec(db,
            "INSERT INTO groups (id, state, key, from_at, version) VALUES (1, 'open', 'phone_address', 1, 1);"
            "INSERT INTO exceptions (id, type, order_id, state, since, owner, data, version) VALUES"
            " (1, 'overdue:paid', 1, 'open', 1, 'cs', '{}', 1),"
            " (2, 'overdue:paid', 2, 'open', 1, 'cs', '{}', 1)," /* of a stage it has left */
            " (3, 'unknown_sku', 6, 'open', 1, 'cs', '{}', 1),"
            " (4, 'unknown_sku', 3, 'resolved', 1, 'cs', '{}', 1),"
            " (5, 'overdue:split', 2, 'open', 1, 'warehouse', '{}', 1),"
            " (6, 'overdue:pending', 7, 'open', 1, 'cs', '{}', 1)"),
    ERR_OK);
}

static const struct {
  struct order_filter f;
  const char *ids;
} filters[] = {
  { { 0 }, "7 6 5 4 3 2 1" },
  { { .sort = "-id" }, "7 6 5 4 3 2 1" },
  { { .sort = "id" }, "1 2 3 4 5 6 7" },
  { { .sort = "placed_at" }, "5 3 4 2 1 6 7" },
  { { .sort = "-placed_at" }, "7 6 1 2 4 3 5" },
  { { .sort = "due_at" }, "6 2 4 1 7" },
  { { .status = "paid" }, "6 1" },
  { { .status = "paid,split,shipped" }, "6 3 2 1" },
  { { .status = "split,paid,paid" }, "6 2 1" },
  { { .status = "paid,split", .sort = "id" }, "1 2 6" },
  { { .status = "paid,split", .sort = "placed_at" }, "2 1 6" },
  { { .status = "producing" }, "" },
  { { .channel = "till" }, "6 4 2" },
  { { .channel = "till", .status = "paid,pending" }, "6 4" },
  { { .channel = "till", .sort = "-placed_at" }, "6 2 4" },
  { { .channel = "empty" }, "" },
  { { .channel = "nowhere" }, "" },
  { { .group_id = 1 }, "2 1" },
  { { .group_id = 1, .channel = "till" }, "2" },
  { { .group_id = 9 }, "" },
  { { .sku = "B" }, "6 3" },
  { { .sku = "B", .status = "paid" }, "6" },
  { { .sku = "B", .sort = "placed_at" }, "3 6" },
  { { .sku = "%" }, "" },
  { { .owner = "cs" }, "6 4 3 1" },
  { { .owner = "warehouse" }, "7 2" },
  { { .owner = "warehouse", .status = "split,paid" }, "2" },
  { { .owner = "warehouse", .status = "paid" }, "" },
  { { .owner = "finance" }, "" },
  { { .owner = "user:amy" }, "" },
  { { .overdue = 1 }, "2 1" },
  { { .overdue = 1, .status = "paid" }, "1" },
  { { .overdue = 1, .sort = "due_at" }, "2 1" },
  { { .overdue = -1 }, "7 6 5 4 3" },
  { { .overdue = -1, .status = "paid" }, "6" },
  { { .exception = "unknown_sku" }, "6" },
  { { .exception = "overdue:paid" }, "2 1" },
  { { .exception = "overdue:paid", .overdue = 1, .status = "paid" }, "1" },
  { { .exception = "none" }, "" },
  { { .from = T0 + 40 }, "7 6 2 1" },
  { { .from = T0 + 30, .to = T0 + 50 }, "4 3 2" },
  { { .to = T0 + 30 }, "5" },
  { { .from = T0 + 30, .to = T0 + 50, .sort = "placed_at" }, "3 4 2" },
  { { .from = T0 + 50, .to = T0 + 30 }, "" },
  { { .from = T0 + 30, .to = T0 + 61, .status = "paid,pending", .channel = "till" }, "6 4" },
};

TEST(view_orders_filters_compose_and_pages_join)
{
  struct db *db = view_open();
  fill_lists(db);
  for (size_t i = 0; i < COUNT(filters); i++)
    for (int limit = 0; limit <= 3; limit++) {
      test_note("case %zu, limit %d", i, limit);
      CHECK_STR(pages(db, filters[i].f, limit), filters[i].ids);
    }
  rows_close(db);
}

TEST(view_orders_refuses_what_it_does_not_know)
{
  static const struct order_filter bad[] = {
    { .sort = "total" },
    { .sort = "id; DROP TABLE orders" },
    { .sort = "" },
    { .status = "lost" },
    { .status = "" },
    { .status = "paid," },
    { .status = "paid,,split" },
    { .status = "paid' OR '1'='1" },
    { .owner = "boss" },
    { .owner = "" },
    { .limit = -1 },
    { .limit = 501 },
    { .sku = "\xff" },
  };
  struct db *db = view_open();
  const char *next, *why;
  struct buf out = { 0 };
  for (size_t i = 0; i < COUNT(bad); i++) {
    test_note("case %zu", i);
    why = NULL;
    CHECK_INT(view_orders(db, &rows_mem, &table, &bad[i], SHOW_FULL, &out, &next, &why), ERR_BAD_REQUEST);
    CHECK(why && *why);
    CHECK_INT(out.len, 0);
  }
  buf_release(&out);
  rows_close(db);
}

/* Of a made-up file: a list that rows are put into and moved in while it is read. */
TEST(view_orders_pages_are_stable_under_writes)
{
  struct db *db = view_open();
  const char *next, *more;
  for (int i = 1; i <= 9; i++) row_put(db, (struct row_spec){ .id = i, .placed_at = T0 + i });
  CHECK_STR(list(db, (struct order_filter){ .limit = 3 }, &next), "9 8 7");
  row_put(db, (struct row_spec){ .id = 10, .placed_at = T0 + 10 });
  CHECK_STR(list(db, (struct order_filter){ .limit = 3, .cursor = next }, &more), "6 5 4");
  CHECK_STR(list(db, (struct order_filter){ .limit = 3, .sort = "placed_at" }, &next), "1 2 3");
  row_put(db, (struct row_spec){ .id = 11, .placed_at = T0 + 2 });
  CHECK_STR(list(db, (struct order_filter){ .limit = 3, .sort = "placed_at", .cursor = next }, &more),
            "4 5 6");
  rows_close(db);
}

TEST(view_orders_ends_a_page_early_and_goes_on)
{
  struct db *db = view_open();
  const char *next;
  int page = 0;
  CHECK(tx_begin(db));
  CHECK_INT(
    db_exec(
      db,
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 250000)"
      " INSERT INTO orders (id, channel_id, external_id, status, channel_status, version, placed_at, placed_slot,"
      " currency, total, freight, discount, paid, flags, received_at, updated_at, stage_since, content)"
      " SELECT i, CASE WHEN i % 125000 = 1 THEN 2 ELSE 1 END, 'E' || i, 'paid', 'paid', 1, i, 0, 'CNY', 1, 0, 0, 1,"
      " 0, 1, 1, 1, 1 FROM n"),
    ERR_OK);
  CHECK(tx_commit(db));
  struct order_filter f = { .channel = "till" };
  for (next = NULL; page < 9; page++) {
    f.cursor = next;
    list(db, f, &next);
    if (!next) break;
  }
  CHECK_INT(page, 2); /* 250,000 looked at, 100,000 per page */
  f.cursor = NULL;
  CHECK_STR(pages(db, f, 0), "125001 1");
  /* the walk of one status is soon through, that of another ends early: the page is cut there */
  CHECK_INT(db_exec(db, "UPDATE orders SET status = 'split', channel_id = 2 WHERE id IN (10, 20)"), ERR_OK);
  f.status = "paid,split,shipped";
  CHECK_STR(pages(db, f, 0), "125001 20 10 1");
  f.sort = "id";
  CHECK_STR(pages(db, f, 0), "1 10 20 125001");
  rows_close(db);
}

/* ---- cursors --------------------------------------------------------------------------------- */
TEST(cursors_belong_to_their_list)
{
  struct cursor c;
  struct arena a = { 0 };
  static const struct cursor some[] = { { 0, 0 }, { 1, 2 }, { INT64_MAX, INT64_MIN }, { -1, T0 } };
  for (size_t i = 0; i < COUNT(some); i++) {
    char *text = cursor_text(&a, 'a', some[i]);
    CHECK_INT(strlen(text), 28);
    CHECK(strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == 28);
    CHECK(cursor_parse(text, 'a', &c));
    CHECK(c.key == some[i].key && c.id == some[i].id);
    CHECK(!cursor_parse(text, 'b', &c));
    for (size_t k = 0; k < 28; k++) { /* any character changed is found */
      char keep = text[k];
      text[k] = keep == 'A' ? 'B' : 'A';
      CHECK(!cursor_parse(text, 'a', &c));
      text[k] = keep;
    }
  }
  static const char *const bad[] = {
    "",
    "x",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "1;DROP TABLE orders",
    "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
  };
  for (size_t i = 0; i < COUNT(bad); i++) CHECK(!cursor_parse(bad[i], 'a', &c));
  arena_release(&a);
}

TEST(lists_refuse_the_cursor_of_another)
{
  struct db *db = view_open();
  fill_lists(db);
  const char *next, *other, *why;
  struct buf out = { 0 };
  list(db, (struct order_filter){ .limit = 2 }, &next);
  CHECK(next != NULL);
  CHECK(!strncmp(list(db, (struct order_filter){ .sort = "id", .cursor = next }, &other), "bad_request", 11));
  CHECK(!strncmp(list(db, (struct order_filter){ .cursor = "garbage" }, &other), "bad_request", 11));
  CHECK_INT(view_groups(db, &rows_mem, &rules, NULL, false, false, next, 0, &out, &other, &why),
            ERR_BAD_REQUEST);
  CHECK_INT(view_payloads(db, &rows_mem, NULL, NULL, next, 0, &out, &other, &why), ERR_BAD_REQUEST);
  CHECK_INT(view_exceptions(db, &rows_mem, NULL, NULL, NULL, 0, next, 0, &out, &other, &why),
            ERR_BAD_REQUEST);
  CHECK_INT(out.len, 0);
  buf_release(&out);
  rows_close(db);
}

/* ---- one order ------------------------------------------------------------------------------- */
static void fill_one(struct db *db)
{
  row_put(db, (struct row_spec){ .id = 1,
                                 .placed_at = T0,
                                 .name = "张三",
                                 .buyer = "李四光",
                                 .phone = "13800001234",
                                 .province = "浙江省",
                                 .city = "杭州市",
                                 .district = "西湖区",
                                 .address = "文三路 100 号",
                                 .group_id = 1,
                                 .sku = "A",
                                 .remark = "call 138 0000 1234 before 9",
                                 .payload_id = 3 });
  row_put(db, (struct row_spec){ .id = 2, .placed_at = T0 - 5, .group_id = 1, .external_id = "x:y" });
  CHECK_INT(
    db_exec(
      db,
      "INSERT INTO raw_statuses (id, text) VALUES (1, 'WAIT');"
      "UPDATE orders SET zip = '310000', token = 'tok-1', town = '北山街道', buyer_id = 'b_81', buyer_phone = '13800001234',"
      " paid_at = 1762000001000, flags = 3, raw_status_id = 1, service = 'cold' WHERE id = 1;"
      "INSERT INTO lines (order_id, line_no, sku, title, quantity, price, discount, refunded) VALUES (1, 2, 'B', NULL, 1, NULL, 5, 7);"
      "INSERT INTO groups (id, state, key, from_at, version) VALUES (1, 'open', 'phone_address', 1762000000000, 4);"
      "INSERT INTO shipments (id, order_id, carrier, tracking_no, shipped_at, line_ids) VALUES (9, 1, 'SF', 'SF1', 1762000002000, '[\"1\"]');"
      "INSERT INTO refunds (order_id, refund_id, status, amount, line_id, quantity, goods) VALUES (1, 'r1', 'requested', 19900, '1', 1, 'return');"
      "INSERT INTO holds (order_id, reason, note, actor, since) VALUES (1, 'address', 'ask', 'user:amy', 1762000003000);"
      "INSERT INTO exceptions (id, type, order_id, state, since, owner, data, version) VALUES"
      " (5, 'unknown_sku', 1, 'open', 1762000004000, 'cs', '{}', 1), (6, 'overdue:paid', 1, 'resolved', 1, 'cs', '{}', 1)"),
    ERR_OK);
}

#define PLACED "\"2025-11-01T12:26:40.000Z\""
static const char ONE_HEAD[] =
  "{\"id\":\"o_1\",\"channel\":\"tmall-home\",\"external_id\":\"E1\",\"status\":\"paid\",\"channel_status\":\"paid\",\"raw_status\":\"WAIT\","
  "\"version\":1,\"placed_at\":" PLACED
  ",\"paid_at\":\"2025-11-01T12:26:41.000Z\",\"shipped_at\":null,\"cancelled_at\":null,"
  "\"ship_by\":null,\"channel_updated_at\":null,\"received_at\":" PLACED ",\"updated_at\":" PLACED
  ",\"currency\":\"CNY\","
  "\"total\":{\"amount\":\"189.00\",\"currency\":\"CNY\"},\"freight\":{\"amount\":\"0.00\",\"currency\":\"CNY\"},"
  "\"discount\":{\"amount\":\"10.00\",\"currency\":\"CNY\"},\"paid\":{\"amount\":\"189.00\",\"currency\":\"CNY\"},";
static const char ONE_TAIL[] =
  "\"flags\":[\"cod\",\"presale_unpaid\"],\"service\":\"cold\",\"lines\":["
  "{\"line_id\":\"1\",\"sku\":\"A\",\"title\":\"thing\",\"quantity\":2,\"price\":{\"amount\":\"99.50\",\"currency\":\"CNY\"},"
  "\"discount\":{\"amount\":\"0.00\",\"currency\":\"CNY\"},\"refunded\":{\"amount\":\"0.00\",\"currency\":\"CNY\"}},"
  "{\"line_id\":null,\"sku\":\"B\",\"title\":null,\"quantity\":1,\"price\":null,"
  "\"discount\":{\"amount\":\"0.05\",\"currency\":\"CNY\"},\"refunded\":{\"amount\":\"0.07\",\"currency\":\"CNY\"}}],"
  "\"refunds\":[{\"refund_id\":\"r1\",\"status\":\"requested\",\"amount\":{\"amount\":\"199.00\",\"currency\":\"CNY\"},"
  "\"line_id\":\"1\",\"quantity\":1,\"goods\":\"return\"}],"
  "\"holds\":[{\"reason\":\"address\",\"note\":\"ask\",\"actor\":\"user:amy\",\"since\":\"2025-11-01T12:26:43.000Z\"}],"
  "\"tags\":[],"
  "\"group\":{\"id\":\"g_1\",\"state\":\"open\",\"orders\":[\"o_2\",\"o_1\"]},\"no_merge\":null,\"fulfilments\":[],"
  "\"shipments\":[{\"id\":\"s_9\",\"carrier\":\"SF\",\"tracking_no\":\"SF1\",\"shipped_at\":\"2025-11-01T12:26:42.000Z\",\"line_ids\":[\"1\"]}],"
  "\"exceptions\":[{\"id\":\"x_5\",\"type\":\"unknown_sku\",\"since\":\"2025-11-01T12:26:44.000Z\",\"owner\":\"cs\",\"assignee\":null}],"
  "\"cases\":[],"
  "\"stage\":{\"owner\":\"cs\",\"label\":\"Paid\",\"label_zh\":\"已付款\",\"since\":" PLACED
  ",\"remind_at\":\"2025-11-01T14:26:40.000Z\","
  "\"escalate_at\":\"2025-11-01T16:26:40.000Z\"},\"next\":[\"split\",\"cancelled\"],\"payload\":\"p_3\"}";
static const char ONE_FULL[] =
  "\"buyer\":{\"id\":\"b_81\",\"name\":\"李四光\",\"phone\":\"13800001234\"},"
  "\"receiver\":{\"name\":\"张三\",\"phone\":\"13800001234\",\"country\":\"CN\",\"province\":\"浙江省\",\"city\":\"杭州市\",\"district\":\"西湖区\","
  "\"town\":\"北山街道\",\"address\":\"文三路 100 号\",\"zip\":\"310000\",\"token\":\"tok-1\"},"
  "\"remarks\":{\"buyer\":\"call 138 0000 1234 before 9\",\"seller\":null,\"flag\":null},";

TEST(view_order_shows_all_of_an_order)
{
  struct db *db = view_open();
  struct buf out = { 0 };
  int64_t version = 0;
  fill_one(db);
  CHECK_INT(view_order(db, &rows_mem, &table, 1, SHOW_FULL, &out, &version), ERR_OK);
  CHECK_STR(out.data, arena_printf(&rows_mem, "%s%s%s", ONE_HEAD, ONE_FULL, ONE_TAIL));
  CHECK_INT(version, 1);
  out.len = 0;
  CHECK_INT(view_order(db, &rows_mem, &table, 99, SHOW_FULL, &out, &version), ERR_NOT_FOUND);
  CHECK_INT(out.len, 0);
  buf_release(&out);
  rows_close(db);
}

TEST(view_order_hides_what_not_everybody_may_see)
{
  static const char *const hidden[] = { "张三",   "李四光", "13800001234", "0000 1234",
                                        "文三路", "北山",   "310000",      "tok-1" };
  static const char *const shown[] = { "\"province\":\"浙江省\"",     "\"district\":\"西湖区\"",
                                       "\"address\":\"***\"",         "\"town\":\"***\"",
                                       "call *** **** **** before 9", "1234" };
  struct db *db = view_open();
  struct buf out = { 0 };
  const char *next, *why;
  fill_one(db);
  CHECK_INT(view_order(db, &rows_mem, &table, 1, SHOW_MASKED, &out, NULL), ERR_OK);
  buf_char(&out, '\n');
  CHECK_INT(view_orders(db, &rows_mem, &table, &(struct order_filter){ 0 }, SHOW_MASKED, &out, &next, &why),
            ERR_OK);
  for (size_t i = 0; i < COUNT(hidden); i++) {
    test_note("%s", hidden[i]);
    CHECK(strstr(out.data, hidden[i]) == NULL);
  }
  for (size_t i = 0; i < COUNT(shown); i++) {
    test_note("%s", shown[i]);
    CHECK(strstr(out.data, shown[i]) != NULL);
  }
  buf_release(&out);
  rows_close(db);
}

TEST(view_order_of_a_status_that_is_gone)
{
  struct db *db = view_open();
  struct buf out = { 0 };
  row_put(db, (struct row_spec){ .id = 1, .status = "engraving" });
  CHECK_INT(view_order(db, &rows_mem, &table, 1, SHOW_FULL, &out, NULL), ERR_OK);
  CHECK(strstr(out.data, "\"stage\":null,\"next\":[]") != NULL);
  CHECK(strstr(out.data, "\"group\":null") != NULL);
  buf_release(&out);
  rows_close(db);
}

TEST(view_order_id_takes_both_names)
{
  static const struct {
    const char *text;
    int64_t id;
  } cases[] = { { "o_1", 1 },
                { "tmall-home:E1", 1 },
                { "tmall-home:x:y", 2 },
                { "o_3", 0 },
                { "till:E1", 0 },
                { "E1", 0 },
                { "", 0 },
                { ":", 0 },
                { "nowhere:E1", 0 },
                { "tmall-home:' OR 1=1", 0 } };
  struct db *db = view_open();
  fill_one(db);
  for (size_t i = 0; i < COUNT(cases); i++) {
    int64_t id = -1;
    test_note("%s", cases[i].text);
    CHECK_INT(view_order_id(db, cases[i].text, &id), cases[i].id ? ERR_OK : ERR_NOT_FOUND);
    CHECK_INT(id > 0 ? id : 0, cases[i].id);
  }
  rows_close(db);
}

/* ---- events and why -------------------------------------------------------------------------- */
static const char GROUPED[] =
  "{\"group\":\"g_1\",\"was\":null,\"with\":[],\"because\":[{\"order\":\"o_2\",\"verdict\":\"apart\",\"code\":\"address_differs\","
  "\"part\":\"room\",\"mine\":\"301\",\"theirs\":\"302\",\"gap_ms\":5}]}";

static void put_events(struct db *db)
{
  CHECK(tx_begin(db));
  journal_put(db, T0, 'o', 1, "order.created", "token:t", "{\"status\":\"paid\",\"group\":\"g_1\"}", NULL);
  journal_put(db, T0, 'o', 2, "order.created", "token:t", "{\"status\":\"paid\"}", NULL);
  journal_put(db, T0 + 1, 'o', 1, "order.group", "token:t", GROUPED, NULL);
  journal_put(db, T0 + 2, 'o', 1, "order.reminder", "timer", "{}", NULL);
  journal_put(db, T0 + 3, 'g', 1, "group.locked", "user:amy", "{\"because\":\"label\"}", NULL);
  journal_put(db, T0 + 3, 'g', 2, "group.locked", "user:amy", "{}", NULL);
  CHECK(tx_commit(db));
}

TEST(view_events_page_and_hide_values)
{
  struct db *db = view_open();
  struct buf out = { 0 };
  int64_t last;
  put_events(db);
  CHECK_INT(view_events(db, &rows_mem, &(struct event_filter){ .limit = 2 }, &out, &last), ERR_OK);
  CHECK_INT(last, 2);
  CHECK_STR(out.data, "{\"data\":[{\"seq\":1,\"at\":" PLACED
                      ",\"entity\":\"o_1\",\"type\":\"order.created\",\"actor\":\"token:t\","
                      "\"data\":{\"status\":\"paid\",\"group\":\"g_1\"}},{\"seq\":2,\"at\":" PLACED
                      ",\"entity\":\"o_2\",\"type\":\"order.created\","
                      "\"actor\":\"token:t\",\"data\":{\"status\":\"paid\"}}],\"next\":\"2\"}");
  static const struct {
    struct event_filter f;
    int rows;
    int64_t last;
    bool more;
  } cases[] = {
    { { .since = 2 }, 4, 6, false },
    { { .since = 6 }, 0, 6, false },
    { { .kind = 'o', .entity = 1 }, 3, 4, false },
    { { .kind = 'o', .entity = 1, .since = 1, .limit = 1 }, 1, 3, true },
    { { .kind = 'g' }, 2, 6, false },
    { { .kind = 'x' }, 0, 0, false },
    { { .limit = 6 }, 6, 6, false },
    { { .limit = 100000 }, 6, 6, false },
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    int rows = 0;
    test_note("case %zu", i);
    out.len = 0;
    CHECK_INT(view_events(db, &rows_mem, &cases[i].f, &out, &last), ERR_OK);
    for (const char *p = out.data; (p = strstr(p, "\"seq\":")); p++) rows++;
    CHECK_INT(rows, cases[i].rows);
    CHECK_INT(last, cases[i].last);
    CHECK_INT(strstr(out.data, "\"next\":null") == NULL, cases[i].more);
    CHECK(strstr(out.data, "\"301\"") == NULL && strstr(out.data, "\"302\"") == NULL);
  }
  buf_release(&out);
  rows_close(db);
}

TEST(view_why_tells_the_conditions)
{
  struct db *db = view_open();
  struct buf out = { 0 };
  fill_one(db);
  put_events(db);
  CHECK_INT(db_exec(db, "INSERT INTO merge_decisions VALUES (1, 2, 'apart', 'user:amy', 1762000000000);"
                        "INSERT INTO merge_proposals VALUES (1, 7, 'address_probable', 1762000000000)"),
            ERR_OK);
  CHECK_INT(view_order_why(db, &rows_mem, &table, &rules, 1, SHOW_FULL, &out), ERR_OK);
  static const char *const parts[] = {
    "{\"order\":\"o_1\",\"status\":\"paid\",\"eligible\":{\"free\":false,\"because\":\"held\"},",
    "\"key\":{\"kind\":\"phone_address\",\"masked\":false,\"window_ms\":259200000},",
    "\"group\":{\"id\":\"g_1\",\"state\":\"open\",\"key\":\"phone_address\",\"orders\":[\"o_2\",\"o_1\"]},",
    "\"conditions\":[{\"order\":\"o_2\",\"verdict\":\"apart\",\"code\":\"address_differs\",\"part\":\"room\",\"mine\":\"301\","
    "\"theirs\":\"302\",\"gap_ms\":5}],",
    "\"type\":\"group.locked\"",
    "\"proposals\":[{\"order\":\"o_7\",\"code\":\"address_probable\",\"since\":" PLACED "}],",
    "\"decisions\":[{\"order\":\"o_2\",\"verdict\":\"apart\",\"at\":" PLACED ",\"actor\":\"user:amy\"}],",
    "\"holds\":[{\"reason\":\"address\"",
    "\"exceptions\":[{\"id\":\"x_5\"",
  };
  for (size_t i = 0; i < COUNT(parts); i++) {
    test_note("%s", parts[i]);
    CHECK(strstr(out.data, parts[i]) != NULL);
  }
  CHECK(strstr(out.data, "order.reminder") == NULL);
  struct faults f = { .mem = &rows_mem };
  struct json *j = json_parse(&rows_mem, out.data, out.len, JSON_ELEMENTS_MAX, &f);
  CHECK(j != NULL);
  CHECK_INT(json_count(json_get(j, "history")), 3);
  out.len = 0;
  CHECK_INT(view_order_why(db, &rows_mem, &table, &rules, 1, SHOW_MASKED, &out), ERR_OK);
  CHECK(strstr(out.data, "\"mine\":\"***\",\"theirs\":\"***\"") != NULL);
  CHECK(strstr(out.data, "\"301\"") == NULL && strstr(out.data, "\"302\"") == NULL);
  out.len = 0;
  CHECK_INT(view_order_why(db, &rows_mem, &table, &rules, 2, SHOW_FULL, &out), ERR_OK);
  CHECK(strstr(out.data, "\"eligible\":{\"free\":true,\"because\":null}") != NULL);
  CHECK(strstr(out.data, "\"conditions\":[]") != NULL);
  CHECK_INT(view_order_why(db, &rows_mem, &table, &rules, 99, SHOW_FULL, &out), ERR_NOT_FOUND);
  buf_release(&out);
  rows_close(db);
}

TEST(view_why_names_what_stands_in_the_way)
{
  static const struct {
    const char *sql, *because;
  } cases[] = {
    { "DELETE FROM holds", "{\"free\":true,\"because\":null}" },
    { "UPDATE orders SET no_merge = 'cod'", "{\"free\":false,\"because\":\"cod\"}" },
    { "UPDATE orders SET status = 'shipped', no_merge = NULL",
      "{\"free\":false,\"because\":\"status_shipped\"}" },
    { "UPDATE orders SET status = 'split'; UPDATE groups SET state = 'locked'",
      "{\"free\":false,\"because\":\"group_locked\"}" },
  };
  struct db *db = view_open();
  struct buf out = { 0 };
  fill_one(db);
  for (size_t i = 0; i < COUNT(cases); i++) {
    out.len = 0;
    CHECK_INT(db_exec(db, cases[i].sql), ERR_OK);
    CHECK_INT(view_order_why(db, &rows_mem, &table, &rules, 1, SHOW_FULL, &out), ERR_OK);
    test_note("%s", cases[i].because);
    CHECK(strstr(out.data, cases[i].because) != NULL);
  }
  buf_release(&out);
  rows_close(db);
}

/* ---- groups, payloads, exceptions, the short tables ------------------------------------------ */
static const char *groups(struct db *db, const char *state, bool proposed, bool several, int limit)
{
  char *all = arena_str(&rows_mem, "");
  const char *next = NULL, *why;
  for (int page = 0; page < 20; page++) {
    struct buf out = { 0 };
    CHECK_INT(view_groups(db, &rows_mem, &rules, state, proposed, several, next, limit, &out, &next, &why),
              ERR_OK);
    const char *ids = ids_of(out.data);
    if (*ids) all = arena_printf(&rows_mem, "%s%s%s", all, *all ? " " : "", ids);
    buf_release(&out);
    if (!next) break;
  }
  return all;
}

TEST(view_groups_with_members_and_proposals)
{
  struct db *db = view_open();
  struct buf out = { 0 };
  const char *next, *why;
  int64_t version;
  for (int i = 1; i <= 5; i++)
    row_put(db, (struct row_spec){
                  .id = i, .placed_at = T0 - i, .group_id = i <= 2 ? 1 : i, .channel_id = i % 2 + 1 });
  CHECK_INT(
    db_exec(
      db,
      "INSERT INTO groups (id, state, key, from_at, version) VALUES (1, 'open', 'token', 1762000000000, 2),"
      " (2, 'empty', 'manual', 1, 1), (3, 'locked', 'manual', 1, 1), (4, 'open', 'manual', 1, 1), (5, 'open', 'manual', 1, 1);"
      "INSERT INTO merge_proposals VALUES (1, 4, 'address_probable', 1762000000000)"),
    ERR_OK);
  static const struct {
    const char *state;
    bool proposed, several;
    const char *ids;
  } cases[] = {
    { NULL, false, false, "5 4 3 1" }, { "open", false, false, "5 4 1" }, { "locked", false, false, "3" },
    { "empty", false, false, "2" },    { NULL, false, true, "1" },        { NULL, true, false, "4 1" },
    { "locked", true, false, "" },     { "open", true, true, "1" },
  };
  for (size_t i = 0; i < COUNT(cases); i++)
    for (int limit = 0; limit < 3; limit++) {
      test_note("case %zu limit %d", i, limit);
      CHECK_STR(groups(db, cases[i].state, cases[i].proposed, cases[i].several, limit), cases[i].ids);
    }
  CHECK_INT(view_groups(db, &rows_mem, &rules, "shut", false, false, NULL, 0, &out, &next, &why),
            ERR_BAD_REQUEST);
  CHECK_INT(view_group(db, &rows_mem, &rules, 1, &out, &version), ERR_OK);
  CHECK_INT(version, 2);
  CHECK_STR(
    out.data,
    "{\"id\":\"g_1\",\"state\":\"open\",\"key\":\"token\",\"from\":" PLACED
    ",\"until\":\"2025-11-04T12:26:40.000Z\",\"locked_at\":null,"
    "\"version\":2,\"orders\":[{\"id\":\"o_2\",\"channel\":\"tmall-home\",\"external_id\":\"E2\",\"status\":\"paid\","
    "\"placed_at\":\"2025-11-01T12:26:39.998Z\"},{\"id\":\"o_1\",\"channel\":\"till\",\"external_id\":\"E1\",\"status\":\"paid\","
    "\"placed_at\":\"2025-11-01T12:26:39.999Z\"}],\"proposals\":[{\"order\":\"o_1\",\"with\":\"o_4\",\"group\":\"g_4\","
    "\"code\":\"address_probable\",\"since\":" PLACED "}]}");
  CHECK_INT(view_group(db, &rows_mem, &rules, 99, &out, &version), ERR_NOT_FOUND);
  buf_release(&out);
  rows_close(db);
}

TEST(view_groups_end_a_page_early_and_go_on)
{
  struct db *db = view_open();
  struct buf out = { 0 };
  const char *next, *why;
  CHECK_INT(
    db_exec(db, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 150000)"
                " INSERT INTO groups (id, state, key, from_at, version)"
                " SELECT i, CASE WHEN i IN (1, 50000) THEN 'locked' ELSE 'open' END, 'token', 1, 1 FROM n"),
    ERR_OK);
  CHECK_INT(view_groups(db, &rows_mem, &rules, "locked", false, false, NULL, 0, &out, &next, &why), ERR_OK);
  CHECK_STR(ids_of(out.data), "");
  CHECK(next != NULL);
  CHECK_STR(groups(db, "locked", false, false, 0), "50000 1");
  CHECK_STR(groups(db, "locked", false, false, 1), "50000 1");
  buf_release(&out);
  rows_close(db);
}

static void payload_add(struct db *db, int64_t id, const char *state, const char *body, size_t n,
                        int64_t order)
{
  static const char SQL[] =
    "INSERT INTO payloads (id, channel_id, source, state, received_at, digest, size, body, order_id, error)"
    " VALUES ($1, $2, 'api', $3, $4, x'00', $5, $6, $7, $8)";
  struct buf packed = { 0 };
  if (body) pack(&packed, body, n);
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id), stmt_int(s, 2, id % 2 + 1), stmt_text(s, 3, state), stmt_int(s, 4, T0),
    stmt_int(s, 5, (int64_t)n);
  if (body) stmt_blob(s, 6, packed.data, packed.len);
  if (order) stmt_int(s, 7, order);
  stmt_text(s, 8, !strcmp(state, "failed") ? "{\"code\":\"bad\"}" : NULL);
  CHECK_INT(stmt_run(s), ERR_OK);
  buf_release(&packed);
}

TEST(view_payloads_with_their_bodies)
{
  struct db *db = view_open();
  struct buf out = { 0 };
  const char *next, *why;
  payload_add(db, 1, "applied", "{\"a\":\"张\"}\r\n", 13, 7);
  payload_add(db, 2, "failed", "\xff\x00\x01", 3, 0);
  payload_add(db, 3, "applied", NULL, 9, 8);
  payload_add(db, 4, "failed", "x", 1, 0);
  CHECK_INT(view_payload(db, &rows_mem, 1, true, &out), ERR_OK);
  CHECK_STR(
    out.data,
    "{\"id\":\"p_1\",\"channel\":\"till\",\"source\":\"api\",\"state\":\"applied\",\"received_at\":" PLACED
    ",\"error\":null,"
    "\"orders\":[\"o_7\"],\"attempts\":0,\"size\":13,\"kept\":true,\"body\":\"{\\\"a\\\":\\\"张\\\"}\\r\\n\"}");
  out.len = 0;
  CHECK_INT(view_payload(db, &rows_mem, 2, true, &out), ERR_OK);
  CHECK(strstr(out.data, "\"error\":{\"code\":\"bad\"},\"orders\":[]") != NULL);
  CHECK(strstr(out.data, "\"body\":null,\"body_hex\":\"ff0001\"") != NULL);
  out.len = 0;
  CHECK_INT(view_payload(db, &rows_mem, 3, true, &out), ERR_OK);
  CHECK(strstr(out.data, "\"kept\":false,\"body\":null") != NULL);
  CHECK_INT(view_payload(db, &rows_mem, 9, true, &out), ERR_NOT_FOUND);
  static const struct {
    const char *state, *channel, *ids;
  } cases[] = { { NULL, NULL, "4 3 2 1" }, { "failed", NULL, "4 2" }, { "applied", NULL, "3 1" },
                { "pending", NULL, "" },   { NULL, "till", "3 1" },   { "failed", "till", "" },
                { NULL, "nowhere", "" } };
  for (size_t i = 0; i < COUNT(cases); i++) {
    test_note("case %zu", i);
    out.len = 0;
    CHECK_INT(view_payloads(db, &rows_mem, cases[i].state, cases[i].channel, NULL, 0, &out, &next, &why),
              ERR_OK);
    CHECK_STR(ids_of(out.data), cases[i].ids);
  }
  out.len = 0;
  CHECK_INT(view_payloads(db, &rows_mem, NULL, NULL, NULL, 3, &out, &next, &why), ERR_OK);
  CHECK_STR(ids_of(out.data), "4 3 2");
  out.len = 0;
  CHECK_INT(view_payloads(db, &rows_mem, NULL, NULL, next, 3, &out, &next, &why), ERR_OK);
  CHECK_STR(ids_of(out.data), "1");
  CHECK(next == NULL);
  CHECK_INT(view_payloads(db, &rows_mem, "lost", NULL, NULL, 0, &out, &next, &why), ERR_BAD_REQUEST);
  buf_release(&out);
  rows_close(db);
}

TEST(view_exceptions_by_state_type_owner_and_order)
{
  struct db *db = view_open();
  struct buf out = { 0 };
  const char *next, *why;
  int64_t version;
  fill_lists(db);
  CHECK_INT(db_exec(db, "UPDATE exceptions SET assignee = 'amy' WHERE id = 3"), ERR_OK);
  static const struct {
    const char *state, *type, *owner;
    int64_t order;
    const char *ids;
  } cases[] = {
    { NULL, NULL, NULL, 0, "6 5 4 3 2 1" },
    { "open", NULL, NULL, 0, "6 5 3 2 1" },
    { "resolved", NULL, NULL, 0, "4" },
    { NULL, "unknown_sku", NULL, 0, "4 3" },
    { "open", "overdue:", NULL, 0, "6 5 2 1" },
    { NULL, "overdue:paid", NULL, 0, "2 1" },
    { NULL, NULL, "warehouse", 0, "5" },
    { NULL, NULL, "amy", 0, "3" },
    { NULL, NULL, NULL, 2, "5 2" },
    { "open", "overdue:", "cs", 2, "2" },
    { NULL, "", NULL, 0, "" },
    { NULL, ":", NULL, 0, "" },
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    test_note("case %zu", i);
    out.len = 0;
    CHECK_INT(view_exceptions(db, &rows_mem, cases[i].state, cases[i].type, cases[i].owner, cases[i].order,
                              NULL, 0, &out, &next, &why),
              ERR_OK);
    CHECK_STR(ids_of(out.data), cases[i].ids);
  }
  CHECK_INT(view_exceptions(db, &rows_mem, "shut", NULL, NULL, 0, NULL, 0, &out, &next, &why),
            ERR_BAD_REQUEST);
  out.len = 0;
  CHECK_INT(view_exception(db, &rows_mem, 3, &out, &version), ERR_OK);
  CHECK_STR(
    out.data,
    "{\"id\":\"x_3\",\"type\":\"unknown_sku\",\"state\":\"open\",\"order\":\"o_6\",\"payload\":null,\"channel\":null,"
    "\"since\":\"1970-01-01T00:00:00.001Z\",\"due_at\":null,\"owner\":\"cs\",\"assignee\":\"amy\",\"data\":{},"
    "\"resolved_at\":null,\"resolved_by\":null,\"note\":null,\"version\":1}");
  CHECK_INT(view_exception(db, &rows_mem, 99, &out, &version), ERR_NOT_FOUND);
  buf_release(&out);
  rows_close(db);
}

TEST(view_short_tables_and_counts)
{
  struct db *db = view_open();
  struct buf out = { 0 };
  struct counts c;
  fill_lists(db);
  payload_add(db, 1, "applied", "x", 1, 1);
  payload_add(db, 2, "failed", "x", 1, 0);
  struct jw w;
  jw_init(&w, &out), jw_array(&w);
  CHECK_INT(view_channels(db, NULL, NULL, &w), ERR_OK);
  jw_array_end(&w);
  CHECK(
    strstr(
      out.data,
      "{\"name\":\"till\",\"family\":\"till\",\"created_at\":\"1970-01-01T00:00:00.001Z\",\"orders\":3") !=
    NULL);
  CHECK(tx_begin(db));
  user_add(db, "amy", ROLE_CS | ROLE_WAREHOUSE, "secret-hash", T0, &(int64_t){ 0 });
  token_add(db, "till-1", ROLE_CHANNEL, 2, (unsigned char[32]){ 1 }, T0, 0, &(int64_t){ 0 });
  CHECK(tx_commit(db));
  out.len = 0;
  CHECK_INT(view_users(db, &rows_mem, &out), ERR_OK);
  CHECK_STR(
    out.data,
    "{\"data\":[{\"id\":\"u_1\",\"name\":\"amy\",\"roles\":[\"cs\",\"warehouse\"],\"state\":\"active\",\"has_password\":true,"
    "\"created_at\":" PLACED ",\"version\":1}],\"next\":null}");
  out.len = 0;
  CHECK_INT(view_tokens(db, &rows_mem, &out), ERR_OK);
  CHECK_STR(
    out.data,
    "{\"data\":[{\"id\":\"t_1\",\"name\":\"till-1\",\"roles\":[\"channel\"],\"channel\":\"till\",\"state\":\"active\","
    "\"created_at\":" PLACED ",\"expires_at\":null,\"version\":1,\"user\":null}],\"next\":null}");
  put_events(db);
  CHECK_INT(view_counts(db, &c), ERR_OK);
  CHECK_INT(c.orders, 7), CHECK_INT(c.lines, 7), CHECK_INT(c.events, 6), CHECK_INT(c.groups_open, 1);
  CHECK_INT(c.groups_several, 1), CHECK_INT(c.payloads, 2), CHECK_INT(c.failed, 1), CHECK_INT(c.pending, 0);
  CHECK_INT(c.dead, 0), CHECK_INT(c.exceptions_open, 5);
  buf_release(&out);
  rows_close(db);
}

/* ---- check ----------------------------------------------------------------------------------- */
static char said[4096];
static int said_n;

static void on_say(void *arg, const char *text)
{
  (void)arg;
  size_t at = strlen(said), n = strlen(text);
  said_n++;
  if (at + n + 2 > sizeof said) return;
  memcpy(said + at, text, n), memcpy(said + at + n, "\n", 2);
}

/* Rows that a test puts in by hand are in no figures: counted anew before each check, but for the test of these. */
static void figures(struct db *db)
{
  db_exec(db, "DELETE FROM rollup_stages");
  db_exec(db, "DELETE FROM rollup_hours");
  db_exec(db, "INSERT INTO rollup_stages SELECT status, coalesce(stage_since, received_at) / 3600000, count(*)"
              " FROM orders GROUP BY 1, 2");
  db_exec(db, "INSERT INTO rollup_hours SELECT placed_at / 3600000, channel_id, count(*) FROM orders GROUP BY 1, 2");
}

static bool figures_kept;
static int check(struct db *db)
{
  if (!figures_kept) figures(db);
  said[0] = 0, said_n = 0;
  return view_check(db, &rows_mem, &table, &rules, on_say, NULL);
}

/* Six orders: 1 and 2 merged, 3 alone, 4 shipped and locked, 5 held and alone, 6 cancelled without a group. */
static void fill_sound(struct db *db)
{
  static const struct row_spec sound[] = {
    { .id = 1, .placed_at = T0, .group_id = 1, .payload_id = 1 },
    { .id = 2, .placed_at = T0 + 5, .group_id = 1, .status = "split" },
    { .id = 3, .placed_at = T0 + 9, .group_id = 2, .status = "pending" },
    { .id = 4, .placed_at = T0 + 9, .group_id = 3, .status = "shipped" },
    { .id = 5, .placed_at = T0 + 9, .group_id = 4 },
    { .id = 6, .placed_at = T0 + 9, .status = "cancelled" },
  };
  CHECK(tx_begin(db));
  for (size_t i = 0; i < COUNT(sound); i++) {
    const char *first = !sound[i].status || !strcmp(sound[i].status, "pending") ? sound[i].status : "paid";
    row_put(db, sound[i]);
    journal_put(db, T0, 'o', sound[i].id, "order.created", "token:t",
                arena_printf(&rows_mem, "{\"status\":\"%s\",\"channel_status\":\"x\",\"group\":null}",
                             first ? first : "paid"),
                NULL);
  }
  journal_put(db, T0, 'o', 2, "order.status", "user:amy",
              "{\"from\":\"paid\",\"to\":\"split\",\"trigger\":\"command\"}", NULL);
  journal_put(db, T0, 'o', 4, "order.status", "channel:x",
              "{\"from\":\"paid\",\"to\":\"shipped\",\"trigger\":\"channel\"}", NULL);
  journal_put(
    db, T0, 'o', 6, "order.status", "user:amy",
    "{\"from\":\"paid\",\"to\":\"cancelled\",\"trigger\":\"command\",\"note\":\"\\\"to\\\":\\\"paid\\\"\"}",
    NULL);
  CHECK_INT(
    db_exec(
      db,
      "INSERT INTO groups (id, state, key, from_at, version) VALUES (1, 'open', 'phone_address', 1762000000000, 1),"
      " (2, 'open', 'phone_address', 1762000000009, 1), (3, 'locked', 'phone_address', 1762000000009, 1),"
      " (4, 'open', 'phone_address', 1762000000009, 1), (5, 'empty', 'phone_address', 1, 1);"
      "INSERT INTO holds VALUES (5, 'address', NULL, 'user:amy', 1);"
      "INSERT INTO exceptions (id, type, order_id, state, since, owner, data, version) VALUES"
      " (1, 'unknown_sku', 1, 'open', 1, 'cs', '{}', 1), (2, 'unknown_sku', 1, 'resolved', 1, 'cs', '{}', 1);"
      "INSERT INTO counters (name, value) VALUES ('order', 6), ('payload', 1), ('group', 9), ('exception', 2), ('channel', 3)"),
    ERR_OK);
  payload_add(db, 1, "applied", "x", 1, 1);
  CHECK(tx_commit(db));
}

static const struct {
  const char *what, *sql, *text;
  int more; /* breaches besides the one looked for */
} breaches[] = {
  { "no channel", "UPDATE orders SET channel_id = 9 WHERE id = 1",
    "o_1 is of a channel that does not exist: c_9", 0 },
  { "slot", "UPDATE orders SET placed_slot = 3 WHERE id = 1", "o_1 stands in a slot", 0 },
  { "payload gone", "UPDATE orders SET payload_id = 9 WHERE id = 1",
    "o_1 was told by a payload that does not exist: p_9", 0 },
  { "payload of nothing", "UPDATE payloads SET order_id = 99",
    "p_1 tells about an order that does not exist: o_99", 0 },
  { "no lines", "DELETE FROM lines WHERE order_id = 3", "o_3 has no line", 0 },
  { "line without quantity",
    "PRAGMA ignore_check_constraints = 1; UPDATE lines SET quantity = 0 WHERE order_id = 3",
    "o_3 has a line with no quantity: 1", 0 },
  { "line of nothing", "INSERT INTO lines (order_id, line_no, quantity) VALUES (77, 1, 1)",
    "o_77 does not exist but has a line", 0 },
  { "shipment of nothing",
    "INSERT INTO counters VALUES ('shipment', 1); INSERT INTO shipments (id, order_id) VALUES (1, 77)",
    "o_77 does not exist but has a shipment: s_1", 0 },
  { "refund of nothing", "INSERT INTO refunds (order_id, refund_id, status, amount) VALUES (77, 'r', 's', 1)",
    "o_77 does not exist but has a refund", 0 },
  { "hold of nothing", "UPDATE holds SET order_id = 77", "o_77 does not exist but is held", 0 },
  { "exception of nothing", "UPDATE exceptions SET order_id = 77 WHERE id = 1",
    "x_1 is about an order that does not exist: o_77", 0 },
  { "exception open twice", "DROP INDEX exceptions_open_order; UPDATE exceptions SET state = 'open'",
    "x_1 is open twice", 0 },
  { "identity twice", "DROP INDEX orders_identity; UPDATE orders SET external_id = 'E1' WHERE id = 3",
    "o_1 has the identity of another order: o_3", 0 },
  { "group gone", "DELETE FROM groups WHERE id = 2", "o_3 is in a group that does not exist: g_2", 0 },
  { "empty group with orders", "UPDATE groups SET state = 'empty' WHERE id = 2",
    "o_3 is in a group that is said to be empty: g_2", 0 },
  { "group without orders", "UPDATE orders SET group_id = NULL WHERE id = 3", "g_2 has no orders", 0 },
  { "group begins elsewhere", "UPDATE groups SET from_at = 7 WHERE id = 2",
    "g_2 does not begin with its earliest order", 0 },
  { "cancelled with others", "UPDATE orders SET group_id = 1 WHERE id = 6",
    "g_1 is open and holds o_6, which is cancelled", 0 },
  { "held with others",
    "UPDATE orders SET group_id = 1, decided = 1 WHERE id = 5; UPDATE groups SET state = 'empty' WHERE id = 4",
    "g_1 is open and holds o_5, which is held", 0 },
  { "pending with others",
    "UPDATE orders SET group_id = 1 WHERE id = 3; UPDATE groups SET state = 'empty' WHERE id = 2",
    "g_1 is open and holds o_3, which is not paid or split", 0 },
  { "shipped with others",
    "UPDATE orders SET group_id = 1 WHERE id = 4; UPDATE groups SET state = 'empty' WHERE id = 3",
    "g_1 is open and holds o_4, which is not paid or split", 0 },
  { "may not be merged", "UPDATE orders SET no_merge = 'cod' WHERE id = 2",
    "g_1 is open and holds o_2, which may not be merged", 0 },
  { "outside the window",
    "UPDATE orders SET placed_at = placed_at + 259200000, placed_slot = placed_slot + 1 WHERE id = 2",
    "g_1 holds orders that were not placed within the window", 0 },
  { "too many",
    "UPDATE orders SET group_id = 1, status = 'paid' WHERE id <= 4; UPDATE groups SET state = 'empty' WHERE id IN (2, 3)",
    "g_1 holds 4 orders, more than 3", 3 },
  { "taken apart",
    "INSERT INTO merge_decisions VALUES (1, 2, 'apart', 'user:amy', 1); UPDATE orders SET decided = 1 WHERE id <= 2",
    "o_1 is in one group with an order that a person took apart from it: o_2", 0 },
  { "decision forgotten",
    "INSERT INTO merge_decisions VALUES (1, 3, 'apart', 'user:amy', 1); UPDATE orders SET decided = 1 WHERE id = 1",
    "o_3 does not know that a person decided about it", 0 },
  { "counter behind", "UPDATE counters SET value = 5 WHERE name = 'order'",
    "the counter 'order' is behind the highest id: 6", 0 },
  { "counter gone", "DELETE FROM counters WHERE name = 'group'",
    "the counter 'group' is behind the highest id: 5", 0 },
  { "status edited", "UPDATE orders SET status = 'shipped' WHERE id = 3",
    "o_3 stands at shipped, but its events lead to pending", 0 },
  { "status unknown", "UPDATE orders SET status = 'engraving' WHERE id = 3",
    "o_3 stands at engraving, but its events", 0 },
  { "no history", "DELETE FROM events WHERE entity = 3", "o_3 has no event that created it", 1 },
  { "history of nothing", "DELETE FROM orders WHERE id = 6; DELETE FROM lines WHERE order_id = 6",
    "is about an order that does not exist", 1 },
  { "search ahead", "INSERT INTO meta VALUES ('search_done', '7')", "the search index is said to reach o_7",
    0 },
  { "history edited", "UPDATE events SET actor = 'user:bob' WHERE seq = 2", "event 2:", 0 },
};

TEST(check_finds_every_planted_breach)
{
  for (size_t i = 0; i < COUNT(breaches); i++) {
    struct db *db = view_open();
    test_note("%s", breaches[i].what);
    fill_sound(db);
    CHECK_INT(check(db), 0);
    CHECK_STR(said, "");
    CHECK_INT(db_exec(db, breaches[i].sql), ERR_OK);
    CHECK_INT(check(db), 1 + breaches[i].more);
    CHECK_INT(said_n, 1 + breaches[i].more);
    test_note("%s: %s", breaches[i].what, said);
    CHECK(strstr(said, breaches[i].text) != NULL);
    rows_close(db);
    rows_remove();
  }
}

TEST(check_counts_the_figures_after)
{
  static const char *const wrongs[] = {
    "UPDATE rollup_stages SET orders = orders + 1 WHERE status = 'paid'",
    "DELETE FROM rollup_hours",
    "UPDATE rollup_stages SET hour = hour + 1 WHERE status = 'split'",
  };
  struct db *db = view_open();
  fill_sound(db);
  for (size_t i = 0; i < COUNT(wrongs); i++) {
    CHECK_INT(check(db), 0);
    figures_kept = true;
    db_exec(db, wrongs[i]);
    test_note("%s", wrongs[i]);
    CHECK(check(db) > 0);
    figures_kept = false;
  }
  rows_close(db);
  rows_remove();
}

TEST(check_lets_people_and_locked_groups_be)
{
  static const struct {
    const char *what, *sql;
  } cases[] = {
    { "decided, though not to be merged", "UPDATE orders SET no_merge = 'cod', decided = 1 WHERE id = 2" },
    { "decided, though pending", "UPDATE orders SET group_id = 1, decided = 1 WHERE id = 3;"
                                 "UPDATE groups SET state = 'empty' WHERE id = 2" },
    { "decided, though outside the window",
      "UPDATE orders SET placed_at = placed_at + 259200000, placed_slot = placed_slot + 1, decided = 1 WHERE id = 2" },
    { "at the end of the window",
      "UPDATE orders SET placed_at = placed_at + 259200000 - 5, placed_slot = (placed_at + 259199995) / 259200000"
      " WHERE id = 2" },
    { "locked, with all sorts", "UPDATE orders SET group_id = 3 WHERE id IN (3, 5, 6);"
                                "UPDATE groups SET state = 'empty' WHERE id IN (2, 4)" },
    { "put together", "INSERT INTO merge_decisions VALUES (1, 2, 'together', 'user:amy', 1);"
                      "UPDATE orders SET decided = 1 WHERE id <= 2" },
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct db *db = view_open();
    test_note("%s", cases[i].what);
    fill_sound(db);
    CHECK_INT(db_exec(db, cases[i].sql), ERR_OK);
    CHECK_INT(check(db), 0);
    CHECK_STR(said, "");
    rows_close(db);
    rows_remove();
  }
}

/* Histories that nothing but the table of moves can judge; each is written as the journal writes. */
TEST(check_follows_the_moves)
{
  static const struct {
    const char *what, *type, *data, *status, *text;
  } cases[] = {
    { "right", "order.status", "{\"from\":\"pending\",\"to\":\"paid\",\"trigger\":\"channel\"}", "paid",
      NULL },
    { "not in the table", "order.status", "{\"from\":\"pending\",\"to\":\"shipped\",\"trigger\":\"command\"}",
      "shipped", "not allowed" },
    { "by another trigger", "order.status", "{\"from\":\"pending\",\"to\":\"paid\",\"trigger\":\"system\"}",
      "paid", "not allowed" },
    { "no trigger", "order.status", "{\"from\":\"pending\",\"to\":\"paid\"}", "paid", "not allowed" },
    { "from elsewhere", "order.status", "{\"from\":\"paid\",\"to\":\"split\",\"trigger\":\"command\"}",
      "split", "leaves paid" },
    { "to nowhere", "order.status", "{\"from\":\"pending\",\"to\":\"lost\",\"trigger\":\"command\"}", "lost",
      "no such status" },
    { "created twice", "order.created", "{\"status\":\"pending\"}", "pending", "created again" },
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct db *db = view_open();
    test_note("%s", cases[i].what);
    fill_sound(db);
    CHECK(tx_begin(db));
    journal_put(db, T0, 'o', 3, cases[i].type, "x", cases[i].data, NULL);
    CHECK_INT(
      db_exec(db, arena_printf(&rows_mem, "UPDATE orders SET status = '%s' WHERE id = 3", cases[i].status)),
      ERR_OK);
    CHECK(tx_commit(db));
    CHECK_INT(check(db), cases[i].text != NULL);
    if (cases[i].text) CHECK(strstr(said, cases[i].text) != NULL);
    rows_close(db);
    rows_remove();
  }
}

TEST(check_names_twenty_and_counts_the_rest)
{
  struct db *db = view_open();
  fill_sound(db);
  CHECK(tx_begin(db));
  for (int i = 7; i <= 56; i++) {
    row_put(db, (struct row_spec){ .id = i });
    journal_put(db, T0, 'o', i, "order.created", "x", "{\"status\":\"paid\"}", NULL);
  }
  CHECK_INT(
    db_exec(db, "DELETE FROM lines WHERE order_id > 6; UPDATE counters SET value = 56 WHERE name = 'order'"),
    ERR_OK);
  CHECK(tx_commit(db));
  CHECK_INT(check(db), 50);
  CHECK_INT(said_n, 21);
  CHECK(strstr(said, "30 more of this kind") != NULL);
  rows_close(db);
}
