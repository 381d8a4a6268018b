/* Whatever happens at the bench, in whatever order: nothing is verified that is not wanted, what is packed is whole, and the
 * shelves agree with their ledger. A seed says the history; PACKING_HISTORIES=N runs more of them. */
#include "lib/shop.h"
#include "test.h"
#include <stdio.h>
#include <stdlib.h>

#define STEPS 150
#define ORDERS_MAX 40

struct bench {
  struct shop shop;
  uint64_t seed;
  struct arena mem;
  int orders, quantity[ORDERS_MAX + 1][2], given_back[ORDERS_MAX + 1][2], line_sku[ORDERS_MAX + 1][2],
    phone[ORDERS_MAX + 1];
  bool cancelled[ORDERS_MAX + 1];
  int64_t numbers, done, wrong, too_many, shorts, whole;
};
static const char *const skus[] = { "A", "B", "KIT" };

static int pick(struct bench *b, int n)
{
  return (int)(test_random(&b->seed) % (uint64_t)n);
}

static int64_t one(struct bench *b, const char *sql)
{
  struct stmt *s = db_stmt(b->shop.db, sql);
  int64_t n = stmt_row(s) ? stmt_col_int(s, 0) : 0;
  CHECK_INT(stmt_end(s), ERR_OK);
  return n;
}

static enum err run(struct bench *b, const char *verb, const char *target, const char *body)
{
  test_note("seed %llx: %s %s %s", (unsigned long long)b->seed, verb, target ? target : "", body ? body : "");
  enum err e = shop_do(&b->shop, verb, target, body);
  CHECK(e == ERR_OK || e == ERR_CONFLICT || e == ERR_INVALID || e == ERR_NOT_FOUND);
  return e;
}

/* ---- what always holds ------------------------------------------------------------------------------------------------------- */

static const char SQL_OVER[] = /* scanned more than wanted, or of what is not begun */
  "SELECT count(*) FROM scans s JOIN fulfilments f ON f.id = s.fulfilment_id WHERE f.work = 'open' OR s.quantity >"
  " coalesce((SELECT sum(u.quantity) FROM units u WHERE u.fulfilment_id = s.fulfilment_id AND u.fulfilment_id <> 0"
  " AND u.sku_id = s.sku_id), 0)";
static const char SQL_UNVERIFIED[] = /* packed, and a piece was not scanned */
  "SELECT count(*) FROM fulfilments f WHERE f.work = 'packed' AND f.status <> 'cancelled' AND ("
  " (SELECT coalesce(sum(u.quantity), 0) FROM units u WHERE u.fulfilment_id = f.id AND u.fulfilment_id <> 0) <>"
  " (SELECT coalesce(sum(s.quantity), 0) FROM scans s WHERE s.fulfilment_id = f.id)"
  " OR NOT EXISTS (SELECT 1 FROM scans s WHERE s.fulfilment_id = f.id))";
static const char SQL_STUCK[] = /* all is scanned, and nobody is told */
  "SELECT count(*) FROM fulfilments f WHERE f.work = 'picking' AND f.status = 'split' AND"
  " (SELECT coalesce(sum(u.quantity), 0) FROM units u WHERE u.fulfilment_id = f.id AND u.fulfilment_id <> 0) <="
  " (SELECT coalesce(sum(s.quantity), 0) FROM scans s WHERE s.fulfilment_id = f.id)";
static const char SQL_SHIPPED_SO[] = /* a live claim on what is not packed */
  "SELECT count(*) FROM claims k JOIN fulfilments f ON f.id = k.fulfilment_id WHERE k.state <> 'void' AND f.work <> 'packed'";
static const char SQL_WAVED[] = /* in a wave, and not begun; begun, and its group open */
  "SELECT count(*) FROM fulfilments f JOIN groups g ON g.id = f.group_id WHERE (f.wave_id IS NOT NULL AND f.work = 'open')"
  " OR (f.work <> 'open' AND g.state = 'open' AND f.status <> 'cancelled')";
static const char SQL_LEDGER[] = /* a bucket that is not the sum of its ledger */
  "SELECT count(*) FROM stock s WHERE"
  " s.on_hand <> (SELECT coalesce(sum(CASE WHEN target IN ('a','r','f') THEN quantity ELSE 0 END - CASE WHEN source IN ('a','r','f')"
  " THEN quantity ELSE 0 END), 0) FROM stock_moves m WHERE m.sku_id = s.sku_id AND m.warehouse_id = s.warehouse_id)"
  " OR s.reserved <> (SELECT coalesce(sum(CASE WHEN target = 'r' THEN quantity ELSE 0 END - CASE WHEN source = 'r' THEN quantity"
  " ELSE 0 END), 0) FROM stock_moves m WHERE m.sku_id = s.sku_id AND m.warehouse_id = s.warehouse_id)"
  " OR s.quarantine <> (SELECT coalesce(sum(CASE WHEN target = 'q' THEN quantity ELSE 0 END - CASE WHEN source = 'q' THEN quantity"
  " ELSE 0 END), 0) FROM stock_moves m WHERE m.sku_id = s.sku_id AND m.warehouse_id = s.warehouse_id)"
  " OR s.reserved <> (SELECT coalesce(sum(u.quantity), 0) FROM units u WHERE u.sku_id = s.sku_id AND u.warehouse_id = s.warehouse_id"
  " AND u.state = 'reserved')"
  " OR s.frozen <> (SELECT coalesce(sum(u.quantity), 0) FROM units u WHERE u.sku_id = s.sku_id AND u.warehouse_id = s.warehouse_id"
  " AND u.state = 'frozen')";

/* A split order that waits for nothing has all that is wanted of it in parcels. */
static void all_there(struct bench *b, int o)
{
  static const char SQL[] =
    "SELECT (SELECT coalesce(sum(l.quantity), 0) FROM fulfilment_lines l JOIN fulfilments f ON f.id = l.fulfilment_id WHERE"
    " l.order_id = o.id AND f.status <> 'cancelled'), o.status, (SELECT count(*) FROM exceptions x WHERE x.order_id = o.id AND"
    " x.state = 'open' AND (x.type = 'oversold' OR x.type = 'cannot_split')) FROM orders o WHERE o.id = $1";
  struct stmt *s = db_stmt(b->shop.db, SQL);
  int64_t there = 0, wanted = 0;
  bool asked = false;
  stmt_int(s, 1, o);
  if (stmt_row(s))
    there = stmt_col_int(s, 0), asked = !strcmp(stmt_col_text(s, 1), "split") && !stmt_col_int(s, 2);
  CHECK_INT(stmt_end(s), ERR_OK);
  for (int i = 0; i < 2; i++) wanted += b->quantity[o][i] - b->given_back[o][i];
  if (asked) CHECK(there >= wanted);
  b->whole += asked;
}

static void holds(struct bench *b)
{
  for (int o = 1; o <= b->orders; o++) all_there(b, o);
  CHECK_INT(one(b, SQL_OVER), 0);
  CHECK_INT(one(b, SQL_UNVERIFIED), 0);
  CHECK_INT(one(b, SQL_STUCK), 0);
  CHECK_INT(one(b, SQL_SHIPPED_SO), 0);
  CHECK_INT(one(b, SQL_WAVED), 0);
  CHECK_INT(one(b, SQL_LEDGER), 0);
}

/* ---- what happens -------------------------------------------------------------------------------------------------------------- */

static char *line_json(struct bench *b, int o, int line)
{
  return arena_printf(&b->mem, "{\"line_id\":\"%d\",\"sku\":\"%s\",\"quantity\":%d,\"price\":\"1.00\"}",
                      line + 1, skus[b->line_sku[o][line]], b->quantity[o][line]);
}

static void tell(struct bench *b, int o)
{
  struct buf over = { 0 };
  buf_printf(
    &over,
    "{\"external_id\":\"%d\",\"status\":\"%s\",\"receiver\":{\"phone\":\"1380000%04d\"},\"lines\":[%s,%s],\"refunds\":[",
    o, b->cancelled[o] ? "cancelled" : "paid", b->phone[o], line_json(b, o, 0), line_json(b, o, 1));
  for (int i = 0, n = 0; i < 2; i++)
    if (b->given_back[o][i])
      buf_printf(
        &over,
        "%s{\"refund_id\":\"r%d-%d\",\"status\":\"success\",\"amount\":\"%d.00\",\"line_id\":\"%d\",\"quantity\":%d}",
        n++ ? "," : "", i, b->given_back[o][i], b->given_back[o][i], i + 1, b->given_back[o][i]);
  buf_str(&over, "]}");
  CHECK_INT(run(b, "order.ingest", NULL, shop_order(&b->mem, over.data)), ERR_OK);
  buf_release(&over);
}

static void order_new(struct bench *b)
{
  if (b->orders == ORDERS_MAX) return;
  int o = ++b->orders;
  for (int i = 0; i < 2; i++) b->quantity[o][i] = 1 + pick(b, 3), b->line_sku[o][i] = pick(b, 3);
  b->phone[o] = pick(b, 6);
  tell(b, o);
}

static const char *any(struct bench *b, char kind, int64_t most)
{
  return arena_printf(&b->mem, "%c_%lld", kind, (long long)(most ? 1 + pick(b, (int)most) : 1));
}

static const char SQL_FULFILMENTS[] = "SELECT coalesce(max(id), 0) FROM fulfilments";
static const char SQL_WAVES[] = "SELECT coalesce(max(id), 0) FROM waves";
static const char SQL_CLAIMS[] = "SELECT coalesce(max(id), 0) FROM claims";

/* What the answer must be, from what the bench showed before. */
static void scan(struct bench *b, const char *f)
{
  const char *sku = skus[pick(b, 3)];
  int quantity = 1 + (pick(b, 4) == 0), wanted = 0, scanned = 0, left = 0;
  struct arena a = { 0 };
  struct pack_item *item;
  struct fulfilment now;
  size_t n;
  int64_t id = strtoll(f + 2, NULL, 10);
  CHECK_INT(pack_items(b->shop.db, &a, id, &item, &n), ERR_OK);
  for (size_t i = 0; i < n; i++) {
    left += (int)(item[i].wanted - item[i].scanned);
    if (!strcmp(item[i].sku, sku)) wanted = (int)item[i].wanted, scanned = (int)item[i].scanned;
  }
  bool packed = !fulfilment_get(b->shop.db, &a, id, &now) && !strcmp(now.work, "packed");
  const char *want = !wanted                                 ? "wrong"
                     : packed || scanned + quantity > wanted ? "too_many"
                     : left == quantity                      ? "done"
                                                             : "right";
  struct cmd *c = shop_run(&b->shop, "pack.scan", f,
                           arena_printf(&b->mem, "{\"sku\":\"%s\",\"quantity\":%d}", sku, quantity));
  test_note("seed %llx: scan %s %s x%d", (unsigned long long)b->seed, f, sku, quantity);
  if (!c->job.err) {
    struct faults none = { .mem = &a };
    const struct json *out = json_parse(&a, c->out.data, c->out.len, 1000, &none);
    CHECK_STR(json_string(json_get(out, "result")), want);
    b->done += !strcmp(want, "done"), b->wrong += !strcmp(want, "wrong"),
      b->too_many += !strcmp(want, "too_many");
  } else CHECK_INT(c->job.err, id > one(b, SQL_FULFILMENTS) ? ERR_NOT_FOUND : ERR_CONFLICT);
  cmd_free(c);
  arena_release(&a);
}

static void give_back(struct bench *b)
{
  int o = 1 + pick(b, b->orders), i = pick(b, 2);
  if (b->cancelled[o]) return;
  if (b->given_back[o][i] < b->quantity[o][i]) b->given_back[o][i]++;
  else b->cancelled[o] = pick(b, 2);
  tell(b, o);
}

static void stock(struct bench *b)
{
  run(b, "stock.adjust", NULL,
      arena_printf(&b->mem, "{\"sku\":\"%s\",\"warehouse\":\"%s\",\"delta\":%d,\"reason\":\"received\"}",
                   skus[pick(b, 2)], pick(b, 2) ? "HZ" : "GZ", 1 + pick(b, 6)));
  for (int i = 0; i < 20; i++) {
    struct cmd *c = shop_run(&b->shop, "stock.heal", NULL, NULL);
    bool more = c->left;
    CHECK_INT(c->job.err, ERR_OK);
    cmd_free(c);
    if (!more) break;
  }
}

static void parcel(struct bench *b, const char *f)
{
  const char *claim = any(b, 'k', one(b, SQL_CLAIMS));
  switch (pick(b, 4)) {
  case 0: run(b, "claim.void", claim, "{\"reason\":\"torn\"}"); break;
  case 1:
    run(b, "parcel.trace", NULL,
        arena_printf(&b->mem, "{\"tracking_no\":\"SF%06lld\",\"status\":\"picked_up\"}",
                     (long long)b->numbers));
    break;
  default:
    run(b, "fulfilment.claim", f,
        arena_printf(&b->mem, "{\"carrier\":\"SF\",\"tracking_no\":\"SF%06lld\"}", (long long)++b->numbers));
  }
}

static void step(struct bench *b)
{
  const char *f = any(b, 'f', one(b, SQL_FULFILMENTS));
  int what = pick(b, 30);
  if (what < 3 || !b->orders) order_new(b);
  else if (what < 6) run(b, "order.move", any(b, 'o', b->orders), "{\"to\":\"split\"}");
  else if (what < 8)
    run(
      b, "wave.make", NULL,
      arena_printf(&b->mem, "{\"warehouse\":\"%s\",\"limit\":%d}", pick(b, 2) ? "HZ" : "GZ", 1 + pick(b, 3)));
  else if (what < 9)
    run(b, "wave.remove", any(b, 'v', one(b, SQL_WAVES)),
        arena_printf(&b->mem, "{\"fulfilment\":\"%s\"}", f));
  else if (what < 10) run(b, "pack.reset", f, "{}");
  else if (what < 12) {
    b->shorts += !run(b, "pack.short", f,
                      arena_printf(&b->mem, "{\"sku\":\"%s\",\"quantity\":%d,\"reason\":\"%s\"}",
                                   skus[pick(b, 2)], 1 + pick(b, 2), pick(b, 2) ? "short" : "damaged"));
  } else if (what < 13) give_back(b);
  else if (what < 15) stock(b);
  else if (what < 17) parcel(b, f);
  else
    for (int i = 0; i < 3; i++) scan(b, f), holds(b);
}

static void breach(void *arg, const char *text)
{
  (void)arg;
  fprintf(stderr, "  check: %s\n", text);
}

static void history(uint64_t seed, struct bench *sum)
{
  struct bench b = { .seed = seed };
  char path[256];
  snprintf(path, sizeof path, "%s/packing-%llx.db", test_dir(), (unsigned long long)seed);
  if (!CHECK(shop_open(&b.shop, path, "[pack]\nverify = yes\n"))) return;
  run(&b, "warehouse.put", NULL, "{\"code\":\"HZ\"}"), run(&b, "warehouse.put", NULL, "{\"code\":\"GZ\"}");
  run(&b, "sku.put", NULL, "{\"code\":\"A\"}"), run(&b, "sku.put", NULL, "{\"code\":\"B\"}");
  run(&b, "sku.put", NULL,
      "{\"code\":\"KIT\",\"parts\":[{\"sku\":\"A\",\"quantity\":2},{\"sku\":\"B\",\"quantity\":1}]}");
  for (int i = 0; i < 6; i++) stock(&b);
  for (int i = 0; i < STEPS; i++) step(&b), holds(&b), arena_reset(&b.mem);
  CHECK_INT(view_check(b.shop.db, &b.mem, &b.shop.rules.status, &b.shop.rules.merge, breach, NULL), 0);
  sum->done += b.done, sum->wrong += b.wrong, sum->too_many += b.too_many, sum->shorts += b.shorts,
    sum->whole += b.whole, sum->numbers += b.numbers;
  arena_release(&b.mem);
  shop_close(&b.shop);
  remove(path);
}

TEST(whatever_the_bench_does_parcels_are_whole_and_shelves_agree)
{
  const char *more = getenv("PACKING_HISTORIES"), *only = getenv("PACKING_SEED");
  long n = more ? strtol(more, NULL, 10) : 4;
  struct bench sum = { 0 };
  if (only) history(strtoull(only, NULL, 16), &sum);
  else {
    for (long i = 1; i <= n; i++) history((uint64_t)i * 0x1001, &sum);
    CHECK(sum.done && sum.wrong && sum.too_many && sum.shorts && sum.numbers &&
          sum.whole); /* it was about something */
  }
}
