/* rows.h: a small database for tests of the domain's readers. Orders are put in as rows, so that a test says
 * exactly what stands in the file. Included by one test file each. */
#ifndef ORDERD_TEST_ROWS_H
#define ORDERD_TEST_ROWS_H
#include "domain.h"
#include "test.h"
#include <stdio.h>

#define DAY_MS (24ll * 3600 * 1000)
#define T0 1762000000000ll

static struct arena rows_mem;

__attribute__((unused)) static struct db *rows_open(void)
{
  const char *why = "";
  arena_release(&rows_mem);
  store_hooks = (struct store_hooks){ 0 }; /* whatever a test of the store left behind */
  struct db *db = db_open(&rows_mem, arena_printf(&rows_mem, "%s/orderd.db", test_dir()), DB_CREATE, &why);
  if (!CHECK(db != NULL)) test_note("%s", why);
  return db;
}

__attribute__((unused)) static void rows_close(struct db *db)
{
  db_close(db);
  arena_release(&rows_mem);
}

/* The next rows_open() begins with an empty file. */
__attribute__((unused)) static void rows_remove(void)
{
  static const char *const ends[] = { "", "-wal", "-shm" };
  for (size_t i = 0; i < COUNT(ends); i++)
    remove(arena_printf(&rows_mem, "%s/orderd.db%s", test_dir(), ends[i]));
  arena_release(&rows_mem);
}

/* NULL and 0 members get a default that is the same for every order. */
struct row_spec {
  int64_t id, channel_id, placed_at, group_id, due_at, payload_id;
  const char *external_id, *status, *name, *buyer, *phone, *province, *city, *district, *address, *sku,
    *country;
  const char *no_merge, *remark;
  int decided;
};

__attribute__((unused)) static void row_put(struct db *db, struct row_spec o)
{
  static const char SQL[] =
    "INSERT INTO orders (id, channel_id, external_id, status, channel_status, version, placed_at, placed_slot, currency,"
    " total, freight, discount, paid, buyer_name, receiver_name, receiver_phone, country, province, city, district, address,"
    " flags, no_merge, decided, group_id, received_at, updated_at, stage_since, due_at, content, remark_buyer, payload_id, contact_key)"
    " VALUES ($1, $2, $3, $4, 'paid', 1, $5, $6, 'CNY', 18900, 0, 1000, 18900, $7, $8, $9, $10, $11, $12, $13, $14,"
    " 1, $15, $16, $17, $5, $5, $5, $18, 1, $19, $20, 4294967297)";
  static const char SQL_LINE[] =
    "INSERT INTO lines (order_id, line_no, line_id, sku, title, quantity, price) VALUES ($1, 1, '1', $2, 'thing', 2, 9950)";
  int64_t placed = o.placed_at ? o.placed_at : T0 + o.id * 60000;
  const char *external = o.external_id ? o.external_id : arena_printf(&rows_mem, "E%lld", (long long)o.id);
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, o.id), stmt_int(s, 2, o.channel_id ? o.channel_id : 1), stmt_text(s, 3, external);
  stmt_text(s, 4, o.status ? o.status : "paid"), stmt_int(s, 5, placed), stmt_int(s, 6, slot_of(placed));
  stmt_text(s, 7, o.buyer), stmt_text(s, 8, o.name), stmt_text(s, 9, o.phone);
  stmt_text(s, 10, o.country ? o.country : "CN"), stmt_text(s, 11, o.province), stmt_text(s, 12, o.city);
  stmt_text(s, 13, o.district), stmt_text(s, 14, o.address), stmt_text(s, 15, o.no_merge),
    stmt_int(s, 16, o.decided);
  if (o.group_id) stmt_int(s, 17, o.group_id);
  if (o.due_at) stmt_int(s, 18, o.due_at);
  stmt_text(s, 19, o.remark);
  if (o.payload_id) stmt_int(s, 20, o.payload_id);
  if (stmt_run(s)) {
    test_note("%s", db_err_text(db));
    CHECK(!"the order was put in");
  }
  s = db_stmt(db, SQL_LINE);
  stmt_int(s, 1, o.id), stmt_text(s, 2, o.sku ? o.sku : "SKU-1");
  CHECK_INT(stmt_run(s), ERR_OK);
}

/* What one small question answers. */
__attribute__((unused)) static int64_t row_count(struct db *db, const char *sql)
{
  struct stmt *s = db_prepare(db, sql);
  int64_t n = stmt_row(s) ? stmt_col_int(s, 0) : -1;
  stmt_drop(s);
  return n;
}

#endif
