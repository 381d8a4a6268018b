/* search_test.c: what a person types, and which orders come. Each case is tried four times: before anything is
 * indexed, with a part in the index, with all of it, and oldest first; the answer must be the same. */
#include "rows.h"

static struct status_table table;

static const struct row_spec shelf[] = {
  { .id = 1,
    .external_id = "2876543219876543219",
    .name = "张三",
    .phone = "13800001234",
    .province = "浙江省",
    .city = "杭州市",
    .district = "西湖区",
    .address = "文三路 100 号 2 幢 301 室",
    .sku = "SOFA-3S-GREY" },
  { .id = 2,
    .external_id = "T-2002",
    .name = "李四光",
    .buyer = "王小明",
    .phone = "+86 139 0000 5678",
    .province = "浙江省",
    .city = "杭州市",
    .district = "余杭区",
    .address = "五常大道12号",
    .sku = "LAMP-9" },
  { .id = 3,
    .external_id = "TB0003",
    .name = "John Smith",
    .phone = "4155550100",
    .country = "US",
    .province = "CA",
    .city = "San Jose",
    .address = "12 Market Street Apt 5",
    .sku = "SOFA-2S-RED" },
  { .id = 4,
    .external_id = "E4",
    .name = "张三丰",
    .phone = "138****4321",
    .city = "上海市",
    .district = "徐汇区",
    .address = "漕溪北路88号A座1203",
    .sku = "灯-Desk" },
  { .id = 5,
    .external_id = "100",
    .name = "欧阳100%",
    .phone = "13811112222",
    .address = "O'Neil_Road \"7\" AND (x) OR *",
    .sku = "NEAR/5" },
  { .id = 6,
    .external_id = "E6",
    .name = "Zoë Müller",
    .phone = "13800009999",
    .address = "Straße 5",
    .sku = "SOFA" },
};

static void fill(struct db *db)
{
  CHECK_INT(
    db_exec(db,
            "INSERT INTO channels (id, name, family, created_at) VALUES (1, 'a', 'a', 1), (2, 'b', 'b', 1)"),
    ERR_OK);
  for (size_t i = 0; i < COUNT(shelf); i++) row_put(db, shelf[i]);
  CHECK_INT(db_exec(db, "INSERT INTO shipments (id, order_id, carrier, tracking_no) VALUES"
                        " (1, 2, 'SF', 'SF1234567890123'), (2, 3, 'SF', 'SF1234567890123')"),
            ERR_OK);
}

/* The ids of the answer, as digits in its order: "41". */
static const char *ids_of(struct arena *a, const char *json)
{
  struct faults f = { .mem = a };
  struct json *j = json_parse(a, json, strlen(json), JSON_ELEMENTS_BATCH_MAX, &f);
  char *ids = arena_str(a, "");
  if (!CHECK(j != NULL)) return "broken";
  for (const struct json *o = json_first(json_get(j, "data")); o; o = json_next(o))
    ids = arena_printf(a, "%s%s%s", ids, *ids ? " " : "", json_string(json_get(o, "id")) + 2);
  return ids;
}

/* All pages, by the cursor each gives. */
static const char *find_all(struct db *db, struct order_filter f, enum privacy p)
{
  char *all = arena_str(&rows_mem, "");
  const char *next = NULL, *why = NULL;
  for (int page = 0; page < 50; page++) {
    struct buf out = { 0 };
    f.cursor = next;
    enum err e = view_orders(db, &rows_mem, &table, &f, p, &out, &next, &why);
    const char *ids = e ? err_code(e) : ids_of(&rows_mem, out.data);
    if (*ids) all = arena_printf(&rows_mem, "%s%s%s", all, *all ? " " : "", ids);
    buf_release(&out);
    if (e || !next) break;
  }
  return all;
}

static const char *reversed(const char *ids)
{
  char *back = arena_str(&rows_mem, "");
  for (const char *p = ids; *p;) {
    size_t n = strcspn(p, " ");
    back = arena_printf(&rows_mem, "%.*s%s%s", (int)n, p, *back ? " " : "", back);
    p += n + (p[n] == ' ');
  }
  return back;
}

static const struct {
  const char *q, *full, *masked; /* ids, newest first */
} cases[] = {
  /* names */
  { "张三", "4 1", "" },
  { "三丰", "4", "" },
  { "张", "4 1", "" },
  { "丰", "4", "" },
  { "王小明", "2", "" },
  { "小明", "2", "" },
  { "李四光 王小", "2", "" },
  { "smith", "3", "" },
  { "SMI", "3", "" },
  { "mith", "", "" },
  { "john smith", "3", "" },
  { "john smi", "3", "" },
  { "joh smith", "", "" },
  { "zoë", "6", "" },
  { "MÜLLER", "6", "" },
  { "欧阳100%", "5", "" },
  /* addresses */
  { "杭州", "2 1", "" },
  { "杭州市西湖区", "1", "" },
  { "文三路", "1", "" },
  { "文三路100号", "1", "" },
  { "文三路 100", "1", "" },
  { "100号2幢301", "1", "" },
  { "路", "4 1", "" },
  { "西湖 文三 301室", "1", "" },
  { "五常大道12号", "2", "" },
  { "san jose", "3", "" },
  { "market str", "3", "" },
  { "１２０３", "4", "" },
  { "a座1203", "4", "" },
  { "strasse", "6", "" },
  { "余杭 文三", "", "" },
  /* SKUs: for everybody */
  { "SOFA-3S-GREY", "1", "1" },
  { "sofa", "6 3 1", "6 3 1" },
  { "3s", "1", "1" },
  { "ofa", "", "" },
  { "灯", "4", "4" },
  { "desk", "4", "4" },
  { "sofa 张三", "1", "" },
  { "sof 张三", "", "" },
  { "张三 sof", "1", "" },
  { "near/5", "5", "5" },
  { "lamp-9", "2", "2" },
  /* phones: the last four for everybody */
  { "1234", "1", "1" },
  { "13800001234", "1", "" },
  { "138 0000 1234", "1", "" },
  { "+8613800001234", "1", "" },
  { "0086 13900005678", "2", "" },
  { "13700001234", "", "" },
  { "4321", "4", "4" },
  { "415-555-0100", "3", "" },
  { "5678 余杭", "2", "" },
  { "13800", "", "" },
  /* numbers: exactly, for everybody */
  { "2876543219876543219", "1", "1" },
  { "287654321987654321", "", "" },
  { "T-2002", "2", "2" },
  { "  T-2002\t", "2", "2" },
  { "tb0003", "3", "3" },
  { "o_4", "4", "4" },
  { "o_99", "", "" },
  { "SF1234567890123", "3 2", "3 2" },
  { "sf1234567890123", "3 2", "3 2" },
  { "100", "5 1", "5" },
  /* what means something to the index */
  { "AND", "5", "" },
  { "张三 OR 李四", "", "" },
  { "NOT", "", "" },
  { "NEAR(a b)", "", "" },
  { "terms:张三", "", "" },
  { "\"", "", "" },
  { "张三\"", "", "" },
  { "O'Neil_Road", "5", "" },
  { "'; DROP TABLE orders; --", "", "" },
  { "%", "", "" },
  { "_", "", "" },
  { "%三%", "", "" },
  { "*", "", "" },
  { "* OR *", "5", "" },
  { "^张", "", "" },
  { "-sofa", "", "" },
  { "(", "", "" },
  { "\\", "", "" },
  { "\x01\x02", "6 5 4 3 2 1", "6 5 4 3 2 1" },
  { "\xc2\x81sofa", "6 3 1", "6 3 1" },
  { "\xc2\x82"
    "1234",
    "1", "1" },
  { "", "6 5 4 3 2 1", "6 5 4 3 2 1" },
  { "   ", "6 5 4 3 2 1", "6 5 4 3 2 1" },
  { "a b c d e f g h i j k l m n o p", "", "" },
};

static void try_all(struct db *db, const char *when)
{
  for (size_t i = 0; i < COUNT(cases); i++) {
    test_note("%s: q = %s", when, cases[i].q);
    CHECK_STR(find_all(db, (struct order_filter){ .q = cases[i].q }, SHOW_FULL), cases[i].full);
    CHECK_STR(find_all(db, (struct order_filter){ .q = cases[i].q, .limit = 1 }, SHOW_FULL), cases[i].full);
    CHECK_STR(find_all(db, (struct order_filter){ .q = cases[i].q, .sort = "id" }, SHOW_FULL),
              reversed(cases[i].full));
    CHECK_STR(find_all(db, (struct order_filter){ .q = cases[i].q, .sort = "id", .limit = 1 }, SHOW_FULL),
              reversed(cases[i].full));
    CHECK_STR(
      find_all(db, (struct order_filter){ .q = cases[i].q, .sort = "-placed_at", .limit = 2 }, SHOW_FULL),
      cases[i].full);
    test_note("%s: masked, q = %s", when, cases[i].q);
    CHECK_STR(find_all(db, (struct order_filter){ .q = cases[i].q }, SHOW_MASKED), cases[i].masked);
  }
}

TEST(search_finds_the_same_before_while_and_after_indexing)
{
  bool left;
  status_table_default(&table);
  struct db *db = rows_open();
  fill(db);
  try_all(db, "not indexed");
  CHECK_INT(search_step(db, 3, &left), ERR_OK);
  CHECK(left);
  CHECK_INT(search_done(db), 3);
  try_all(db, "half indexed");
  CHECK_INT(search_step(db, 100, &left), ERR_OK);
  CHECK(!left);
  CHECK_INT(search_done(db), 6);
  try_all(db, "indexed");
  rows_close(db);
}

TEST(search_refuses_what_is_too_long_or_no_text)
{
  struct db *db = rows_open();
  const char *next, *why = NULL;
  struct buf out = { 0 }, big = { 0 };
  status_table_default(&table);
  for (int i = 0; i < 100 * 1024; i++) buf_char(&big, 'a');
  const char *const bad[] = { big.data, "\xff\xfe", "张\xe4", "a b c d e f g h i j k l m n o p q" };
  for (size_t i = 0; i < COUNT(bad); i++) {
    struct order_filter f = { .q = bad[i] };
    test_note("bad q %zu", i);
    CHECK_INT(view_orders(db, &rows_mem, &table, &f, SHOW_FULL, &out, &next, &why), ERR_BAD_REQUEST);
    CHECK(why != NULL);
    CHECK_INT(out.len, 0);
  }
  big.len = 0;
  for (int i = 0; i < 200; i++) buf_str(&big, "张");
  struct order_filter f = { .q = big.data };
  CHECK_INT(view_orders(db, &rows_mem, &table, &f, SHOW_FULL, &out, &next, &why), ERR_OK);
  buf_release(&big), buf_release(&out);
  rows_close(db);
}

/* Not even the index is asked by what may not be seen: the time it takes would tell. */
TEST(search_asks_the_index_only_what_may_be_seen)
{
  struct search_query q;
  struct arena a = { 0 };
  const char *why;
  CHECK(search_parse(&a, "张三 sofa 1234", true, &q, &why));
  CHECK(strstr(q.expr, "\"张三\"") && strstr(q.expr, "\"sofa\"") &&
        strstr(q.expr, "\"\xc2\x82"
                       "1234\""));
  CHECK(search_parse(&a, "张三 sofa 1234 13800001234", false, &q, &why));
  CHECK(!strstr(q.expr, "\"张三\"") && !strstr(q.expr, "\"sofa\"") && !strstr(q.expr, "\"1234\""));
  CHECK(strstr(q.expr, "\"\xc2\x81sofa\"") && strstr(q.expr, "\"\xc2\x82"
                                                             "1234\""));
  arena_release(&a);
}

/* A whole address asks for what is rare in it; the check of each order looks at the rest. */
TEST(search_asks_for_the_rarest_of_many)
{
  struct search_query q;
  struct arena a = { 0 };
  const char *why;
  CHECK(search_parse(&a, "环城北路386号范例家园27幢2单元1301室", true, &q, &why));
  CHECK(strstr(q.expr, "\"386\"") && strstr(q.expr, "\"1301\"") && strstr(q.expr, "\"环城\""));
  CHECK(!strstr(q.expr, "单元") && !strstr(q.expr, "家园") && !strstr(q.expr, "\"2\"") && !strstr(q.expr, "\"27\""));
  int terms = 1;
  for (const char *p = strstr(q.expr, ") OR ("); p && (p = strstr(p, " AND ")); p++) terms++;
  CHECK_INT(terms, 5); /* after those of a SKU */
  CHECK(search_parse(&a, "单元", true, &q, &why));
  CHECK(strstr(q.expr, "单元"));
  arena_release(&a);
}

/* "号" stands in every address: where the word has more, the index is not asked for it. */
TEST(search_leaves_lone_characters_to_the_check)
{
  struct search_query q;
  struct arena a = { 0 };
  const char *why;
  CHECK(search_parse(&a, "文三路100号", true, &q, &why));
  CHECK(strstr(q.expr, "\"文三\"") && strstr(q.expr, "\"100\"") && !strstr(q.expr, "号"));
  CHECK(!q.open);
  CHECK(search_parse(&a, "号", true, &q, &why));
  CHECK(strstr(q.expr, "\"号\"*") && q.open);
  CHECK(search_parse(&a, "杭州 号", true, &q, &why));
  CHECK(!strstr(q.expr, "号") && !q.open);
  arena_release(&a);
}

TEST(search_follows_changed_words)
{
  bool left;
  status_table_default(&table);
  struct db *db = rows_open();
  fill(db);
  CHECK_INT(search_step(db, 100, &left), ERR_OK);
  CHECK_INT(db_exec(db, "UPDATE orders SET receiver_name = '赵六' WHERE id = 1"), ERR_OK);
  CHECK_INT(search_mark(db, 1), ERR_OK);
  CHECK_INT(search_mark(db, 1), ERR_OK);
  CHECK_STR(find_all(db, (struct order_filter){ .q = "赵六" }, SHOW_FULL),
            "1"); /* before it is indexed anew */
  CHECK_STR(find_all(db, (struct order_filter){ .q = "张三" }, SHOW_FULL), "4");
  CHECK_INT(search_step(db, 100, &left), ERR_OK);
  CHECK_INT(row_count(db, "SELECT count(*) FROM search_todo"), 0);
  CHECK_STR(find_all(db, (struct order_filter){ .q = "赵六" }, SHOW_FULL), "1");
  CHECK_STR(find_all(db, (struct order_filter){ .q = "张三" }, SHOW_FULL), "4");
  CHECK_INT(row_count(db, "SELECT count(*) FROM search WHERE search MATCH '\"赵六\"'"), 1);
  CHECK_INT(row_count(db, "SELECT count(*) FROM search WHERE search MATCH '\"张三\"'"), 1);
  /* one that changed before it was ever indexed is indexed once */
  row_put(db, (struct row_spec){ .id = 7, .name = "钱七" });
  CHECK_INT(search_mark(db, 7), ERR_OK);
  CHECK_INT(search_step(db, 1, &left), ERR_OK);
  CHECK(left);
  CHECK_INT(search_step(db, 1, &left), ERR_OK);
  CHECK_INT(search_step(db, 1, &left), ERR_OK);
  CHECK(!left);
  CHECK_INT(row_count(db, "SELECT count(*) FROM search WHERE search MATCH '\"钱七\"'"), 1);
  rows_close(db);
}

TEST(search_combines_with_filters)
{
  static const struct {
    struct order_filter f;
    const char *ids;
  } filtered[] = {
    { { .q = "sofa", .channel = "b" }, "3" },
    { { .q = "sofa", .status = "paid" }, "6 1" },
    { { .q = "sofa", .status = "shipped,paid" }, "6 3 1" },
    { { .sku = "SOFA" }, "6" },
    { { .sku = "SOFA-3S-GREY" }, "1" },
    { { .sku = "sofa" }, "" },
    { { .sku = "灯-Desk" }, "4" },
    { { .sku = "SOFA", .q = "zoë" }, "6" },
    { { .sku = "SOFA", .q = "张三" }, "" },
    { { .q = "2876543219876543219", .channel = "b" }, "" },
    { { .q = "o_3", .channel = "b", .status = "shipped" }, "3" },
    { { .q = "sofa", .from = T0 + 3 * 60000 }, "6 3" },
    { { .q = "sofa", .to = T0 + 3 * 60000 }, "1" },
  };
  status_table_default(&table);
  for (int indexed = 0; indexed < 2; indexed++) {
    bool left;
    struct db *db = rows_open();
    if (indexed)
      CHECK_INT(
        db_exec(db, "DELETE FROM orders; DELETE FROM lines; DELETE FROM channels; DELETE FROM shipments"),
        ERR_OK);
    fill(db);
    CHECK_INT(db_exec(db, "UPDATE orders SET channel_id = 2, status = 'shipped' WHERE id = 3"), ERR_OK);
    if (indexed) CHECK_INT(search_step(db, 100, &left), ERR_OK);
    for (size_t i = 0; i < COUNT(filtered); i++) {
      test_note("indexed %d, case %zu", indexed, i);
      CHECK_STR(find_all(db, filtered[i].f, SHOW_MASKED + (filtered[i].f.q != NULL)), filtered[i].ids);
    }
    rows_close(db);
  }
}

/* Thousands of matches, thousands that are not: pages end early, and nothing is lost or twice. */
TEST(search_walks_pages_over_many)
{
  bool left = true;
  status_table_default(&table);
  struct db *db = rows_open();
  CHECK_INT(db_exec(db, "INSERT INTO channels (id, name, family, created_at) VALUES (1, 'a', 'a', 1)"),
            ERR_OK);
  CHECK_INT(
    db_exec(
      db,
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 25000)"
      " INSERT INTO orders (id, channel_id, external_id, status, channel_status, version, placed_at, placed_slot,"
      " currency, total, freight, discount, paid, flags, received_at, updated_at, stage_since, content, receiver_name)"
      " SELECT i, 1, 'E' || i, 'paid', 'paid', 1, i, 0, 'CNY', 1, 0, 0, 1, 0, 1, 1, 1, 1,"
      " CASE WHEN i % 12000 = 1 THEN '少见' ELSE '常见' END FROM n;"
      "INSERT INTO lines (order_id, line_no, sku, quantity) SELECT id, 1, CASE WHEN id % 2 THEN 'ODD-1' ELSE 'EVEN-2' END, 1"
      " FROM orders"),
    ERR_OK);
  for (int step = 0; step < 3; step++) {
    test_note("step %d", step);
    CHECK_STR(find_all(db, (struct order_filter){ .q = "少见" }, SHOW_FULL), "24001 12001 1");
    CHECK_STR(find_all(db, (struct order_filter){ .q = "少" }, SHOW_FULL), "24001 12001 1");
    CHECK_STR(find_all(db, (struct order_filter){ .q = "少见", .sort = "id" }, SHOW_FULL), "1 12001 24001");
    CHECK_STR(find_all(db, (struct order_filter){ .q = "少见", .sku = "ODD-1" }, SHOW_FULL), "24001 12001 1");
    if (step == 0) CHECK_INT(search_step(db, 3000, &left), ERR_OK);
    if (step == 1) CHECK_INT(search_step(db, 30000, &left), ERR_OK);
  }
  CHECK(!left);
  /* the look at the newest orders ends at 24701: the index goes on right there */
  CHECK_INT(db_exec(db, "UPDATE orders SET receiver_name = '常见 Rarename' WHERE id BETWEEN 24699 AND 24701;"
                        "INSERT INTO search_todo VALUES (24699), (24700), (24701)"),
            ERR_OK);
  CHECK_INT(search_step(db, 100, &left), ERR_OK);
  CHECK_STR(find_all(db, (struct order_filter){ .q = "raren" }, SHOW_FULL), "24701 24700 24699");
  const char *next, *why;
  struct buf out = { 0 };
  struct order_filter f = { .q = "见", .sort = "-placed_at" };
  CHECK_INT(view_orders(db, &rows_mem, &table, &f, SHOW_FULL, &out, &next, &why), ERR_BAD_REQUEST);
  CHECK(strstr(why, "too many") != NULL);
  f.sort = "-id", f.limit = 500;
  int n = 0;
  int64_t last = 25001;
  for (next = NULL, f.cursor = NULL; n <= 25000; f.cursor = next) {
    struct arena a = { 0 };
    out.len = 0;
    CHECK_INT(view_orders(db, &rows_mem, &table, &f, SHOW_FULL, &out, &next, &why), ERR_OK);
    struct faults fl = { .mem = &a };
    struct json *j = json_parse(&a, out.data, out.len, JSON_ELEMENTS_BATCH_MAX, &fl);
    for (const struct json *o = json_first(json_get(j, "data")); o; o = json_next(o)) {
      int64_t id = 0;
      id_parse(json_string(json_get(o, "id")), 'o', &id);
      if (id != last - 1) CHECK_INT(id, last - 1);
      last = id, n++;
    }
    arena_release(&a);
    if (!next) break;
  }
  CHECK_INT(n, 25000);
  buf_release(&out);
  rows_close(db);
}
