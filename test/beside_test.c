/* A reader that checks the file while the writer goes on beside it. */
#include "lib/shop.h"
#include "test.h"
#include <stdio.h>

static void say(void *arg, const char *text)
{
  (void)arg;
  printf("    %s\n", text);
}

static void index_some(struct shop *s, int from, int n)
{
  for (int i = 0; i < n; i++) {
    struct arena a = { 0 };
    char over[200];
    snprintf(over, sizeof over, "{\"external_id\":\"%d\",\"receiver\":{\"name\":\"张示例%d\",\"phone\":\"139%08d\"}}", from + i, i, from + i);
    CHECK_INT(shop_do(s, "order.ingest", NULL, shop_order(&a, over)), ERR_OK);
    if (i % 10 == 9) CHECK_INT(shop_do(s, "search.step", NULL, NULL), ERR_OK);
    arena_release(&a);
  }
}

TEST(check_beside_a_writer_finds_no_damage)
{
  struct shop s;
  struct arena a = { 0 };
  char path[256];
  const char *why = NULL;
  snprintf(path, sizeof path, "%s/beside.db", test_dir());
  REQUIRE(shop_open(&s, path, NULL));
  index_some(&s, 0, 50);
  struct db *reader = db_open(&a, path, DB_READ, &why);
  REQUIRE(reader);
  for (int i = 1; i < 6; i++) {
    struct order_filter f = { .q = "张示例", .limit = 5 };
    struct buf out = { 0 };
    const char *next;
    CHECK_INT(view_orders(reader, &a, &s.rules.status, &f, SHOW_FULL, &out, &next, &why), ERR_OK);
    buf_release(&out);
    index_some(&s, i * 1000, 200); /* merges the index's segments, so that its layout changes */
    CHECK_INT(db_integrity(reader, say, NULL), 0);
  }
  db_close(reader);
  arena_release(&a);
  shop_close(&s);
}
