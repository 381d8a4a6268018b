/* What is long has an end of its own: pages by their bytes. */
#include "lib/shop.h"
#include "test.h"
#include <stdio.h>

#define ORDERS 40
#define LINES 400

static void long_order(struct buf *out, int n)
{
  buf_printf(
    out,
    "{\"channel\":\"till\",\"external_id\":\"L%d\",\"status\":\"paid\",\"placed_at\":\"2026-11-10T08:00:00Z\","
    "\"currency\":\"CNY\",\"total\":\"1.00\",\"lines\":[",
    n);
  for (int i = 0; i < LINES; i++)
    buf_printf(out, "%s{\"sku\":\"S%d\",\"quantity\":1,\"title\":\"%0180d\"}", i ? "," : "", i, i);
  buf_str(out, "]}");
}

TEST(pages_of_long_orders_end_by_their_bytes)
{
  static struct shop s;
  struct arena mem = { 0 };
  struct order_filter f = { .limit = LIST_LIMIT_MAX };
  char path[256];
  int seen = 0, pages = 0;
  snprintf(path, sizeof path, "%s/t.db", test_dir());
  must(shop_open(&s, path, NULL));
  for (int n = 0; n < ORDERS; n++) {
    struct buf body = { 0 };
    long_order(&body, n);
    CHECK_INT(shop_do(&s, "order.ingest", NULL, body.data), ERR_OK);
    buf_release(&body);
  }
  for (const char *next = ""; next && pages < ORDERS; pages++) {
    struct buf out = { 0 };
    struct faults faults = { .mem = &mem };
    const char *why;
    CHECK_INT(view_orders(s.db, &mem, &s.rules.status, &f, SHOW_FULL, &out, &next, &why), ERR_OK);
    CHECK(out.len < LIST_BYTES_MAX + LINES * 1000);
    const struct json *j = json_parse(&mem, out.data, out.len, 1000000, &faults), *data = json_get(j, "data");
    CHECK(json_count(data) > 0);
    const char *told = json_string(json_get(j, "next"));
    CHECK(next ? told && !strcmp(told, next) : !told);
    for (const struct json *o = json_first(data); o; o = json_next(o), seen++) {
      char want[16];
      snprintf(want, sizeof want, "L%d", ORDERS - 1 - seen); /* newest first, none left out, none twice */
      CHECK_STR(json_string(json_get(o, "external_id")), want);
    }
    f.cursor = next;
    buf_release(&out);
  }
  CHECK_INT(seen, ORDERS);
  CHECK(pages > 1);
  arena_release(&mem);
  shop_close(&s);
}
