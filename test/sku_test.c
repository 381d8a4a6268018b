/* Articles and places: what a code may be, and what their tables keep (domain 5.5). */
#include "rows.h"

TEST(sku_codes)
{
  static const struct {
    const char *code;
    bool ok;
  } cases[] = {
    { "SOFA-3S-GREY", true },
    { "a", true },
    { "0", true },
    { "#12", true },
    { "_x", true },
    { "A.b_c-d/e#f+g", true },
    { "沙发-灰", true },
    { "沙发A3", true },
    { "ソファ-ー", true },
    { "소파3", true },
    { "ЖК-5", true },
    { "ΣΔ-5", true },
    { "CAFÉ", true },
    { "0123456789012345678901234567890123456789012345678901234567890123", true }, /* 64 */
    { "01234567890123456789012345678901234567890123456789012345678901234", false },
    { "", false },
    { ".", false },
    { "..", false },
    { "-A", false },
    { "+1", false },
    { "/A", false },
    { "#", false },
    { "_", false },
    { "A/B/C", true },
    { "A//B", false },
    { "A/", false },
    { "A/../B", false },
    { "A/.b", true },
    { "A B", false },
    { " A", false },
    { "A\t", false },
    { "A\n", false },
    { "A\x7f", false },
    { "A,B", false },
    { "A:B", false },
    { "A'B", false },
    { "A=B", false },
    { "A\\B", false },
    { "A*", false },
    { "\xff", false },
    { "\xc0\xaf", false },
    { "Cafe\xcc\x81", false }, /* decomposed */
    { "A\xe2\x80\x8b"
      "B",
      false }, /* zero width */
    { "A\xe2\x80\xae"
      "B",
      false }, /* right to left */
    { "A\xc2\xa0"
      "B",
      false }, /* a blank that does not break */
    { "A\xc2\xad"
      "B",
      false }, /* soft hyphen */
    { "\xef\xbb\xbf"
      "A",
      false }, /* byte order mark */
    { "A\xe2\x80\x90"
      "B",
      false },         /* a hyphen that is none */
    { "Ａ１", false }, /* full width */
    { "１", false },
    { "SOFA-\xd0\x90", false },            /* Cyrillic A among Latin */
    { "\xd0\xa1\xd0\x9e\xd0\xa0", false }, /* COP in Cyrillic */
    { "\xce\x91-5", false },               /* Greek Alpha alone */
    { "Ж-Ω", false },                      /* two alphabets */
    { "\xd9\xa3", false },                 /* an Arabic three */
    { "\xd7\x90", false },                 /* written from right to left */
    { "\xc4\xb1-5", false },               /* i without its dot */
    { "\xf0\x9f\x98\x80", false },
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    test_note("%s (%zu)", cases[i].code, i);
    CHECK_INT(sku_code_ok(cases[i].code), cases[i].ok);
  }
}

static int64_t sku_new(struct db *db, const char *code)
{
  int64_t id = 0;
  CHECK_INT(sku_insert(db, &(struct sku){ .code = code, .state = "active" }, T0, &id), ERR_OK);
  return id;
}

TEST(sku_rows)
{
  struct db *db = rows_open();
  struct sku k, full = { .code = "B",
                         .title = "b",
                         .hazard = "battery",
                         .state = "active",
                         .weight = 1500,
                         .length = 300,
                         .width = 200,
                         .height = 100,
                         .safety = 2,
                         .made = true,
                         .cold = true };
  int64_t a, b, again;
  REQUIRE(db && tx_begin(db));
  CHECK(!sku_any(db));
  a = sku_new(db, "A");
  CHECK(sku_any(db));
  CHECK_INT(sku_insert(db, &full, T0, &b), ERR_OK);
  CHECK_INT(sku_insert(db, &full, T0, &again), ERR_CONFLICT);
  CHECK_INT(sku_find(db, &rows_mem, "b", &k), ERR_NOT_FOUND);
  REQUIRE(sku_find(db, &rows_mem, "B", &k) == ERR_OK);
  CHECK_INT(k.id, b), CHECK_INT(k.version, 1), CHECK_STR(k.title, "b"), CHECK_STR(k.hazard, "battery");
  CHECK_INT(k.weight, 1500), CHECK_INT(k.length, 300), CHECK_INT(k.width, 200), CHECK_INT(k.height, 100);
  CHECK(k.made && k.cold && !k.kit), CHECK_INT(k.safety, 2), CHECK_INT(k.created_at, T0);
  k.title = "c", k.weight = 0, k.made = false;
  CHECK_INT(sku_update(db, &k, T0 + 5), ERR_OK);
  CHECK_INT(sku_update(db, &k, T0 + 5), ERR_STALE);
  REQUIRE(sku_get(db, &rows_mem, b, &k) == ERR_OK);
  CHECK_INT(k.version, 2), CHECK_STR(k.title, "c"), CHECK_INT(k.weight, 0), CHECK_INT(k.updated_at, T0 + 5);
  CHECK_INT(sku_get(db, &rows_mem, a + b, &k), ERR_NOT_FOUND);
  CHECK(tx_commit(db));
  rows_close(db);
}

TEST(sku_barcodes_belong_to_one)
{
  struct db *db = rows_open();
  static const char *const two[] = { "6901234567892", "x" }, *const other[] = { "y", "x" };
  int64_t id;
  REQUIRE(db && tx_begin(db));
  int64_t a = sku_new(db, "A"), b = sku_new(db, "B");
  CHECK_INT(sku_set_barcodes(db, a, two, 2), ERR_OK);
  CHECK_INT(sku_by_barcode(db, "x", &id), ERR_OK), CHECK_INT(id, a);
  CHECK_INT(sku_set_barcodes(db, b, other, 2), ERR_CONFLICT);
  CHECK_INT(sku_set_barcodes(db, a, two, 1), ERR_OK);
  CHECK_INT(sku_by_barcode(db, "x", &id), ERR_NOT_FOUND);
  CHECK_INT(sku_set_barcodes(db, b, other, 2), ERR_OK);
  CHECK_INT(sku_by_barcode(db, "x", &id), ERR_OK), CHECK_INT(id, b);
  tx_rollback(db);
  rows_close(db);
}

TEST(sku_kits)
{
  struct db *db = rows_open();
  struct sku k;
  struct kit_part *part;
  size_t n;
  REQUIRE(db && tx_begin(db));
  int64_t kit = sku_new(db, "KIT"), a = sku_new(db, "A"), b = sku_new(db, "B");
  const struct kit_part parts[] = { { b, 4 }, { a, 1 } };
  CHECK_INT(sku_parts(db, &rows_mem, kit, &part, &n), ERR_OK), CHECK_INT(n, 0);
  CHECK_INT(sku_set_parts(db, kit, parts, 2), ERR_OK);
  CHECK(!sku_get(db, &rows_mem, kit, &k) && k.kit);
  CHECK(sku_is_part(db, a) && sku_is_part(db, b) && !sku_is_part(db, kit));
  REQUIRE(sku_parts(db, &rows_mem, kit, &part, &n) == ERR_OK && n == 2);
  CHECK_INT(part[0].sku_id, a), CHECK_INT(part[0].quantity, 1), CHECK_INT(part[1].quantity, 4);
  CHECK_INT(sku_set_parts(db, kit, NULL, 0), ERR_OK);
  CHECK(!sku_get(db, &rows_mem, kit, &k) && !k.kit);
  tx_rollback(db);
  rows_close(db);
}

TEST(sku_of_a_channel_is_mapped_first)
{
  struct db *db = rows_open();
  bool changed;
  int64_t id;
  REQUIRE(db && tx_begin(db));
  int64_t a = sku_new(db, "A"), b = sku_new(db, "B");
  CHECK_INT(sku_of_channel(db, 7, "A", &id), ERR_OK), CHECK_INT(id, a);
  CHECK_INT(sku_of_channel(db, 7, "99", &id), ERR_NOT_FOUND);
  CHECK(!channel_sku_put(db, 7, "A", b, &changed) && changed);
  CHECK(!channel_sku_put(db, 7, "A", b, &changed) && !changed);
  CHECK_INT(sku_of_channel(db, 7, "A", &id), ERR_OK), CHECK_INT(id, b);
  CHECK_INT(sku_of_channel(db, 8, "A", &id), ERR_OK), CHECK_INT(id, a);
  CHECK(!channel_sku_put(db, 7, "A", a, &changed) && changed);
  CHECK_INT(channel_sku_drop(db, 7, "A"), ERR_OK);
  CHECK_INT(channel_sku_drop(db, 7, "A"), ERR_NOT_FOUND);
  tx_rollback(db);
  rows_close(db);
}

TEST(warehouse_rows)
{
  struct db *db = rows_open();
  struct warehouse w, hz = { .code = "HZ",
                             .title = "Hangzhou",
                             .country = "CN",
                             .division = 330106,
                             .capacity = 300,
                             .regions = "[\"33\",\"31\"]",
                             .state = "active" };
  struct warehouse *list;
  size_t n;
  int64_t id;
  REQUIRE(db && tx_begin(db));
  CHECK_INT(warehouse_insert(db, &hz, T0, &id), ERR_OK);
  CHECK_INT(warehouse_insert(db, &hz, T0, &id), ERR_CONFLICT);
  CHECK_INT(
    warehouse_insert(
      db, &(struct warehouse){ .code = "F1", .country = "CN", .factory = true, .state = "active" }, T0, &id),
    ERR_OK);
  REQUIRE(warehouse_find(db, &rows_mem, "HZ", &w) == ERR_OK);
  CHECK_INT(w.division, 330106), CHECK_INT(w.capacity, 300), CHECK_STR(w.regions, "[\"33\",\"31\"]");
  CHECK(!w.factory), CHECK_INT(w.version, 1), CHECK_INT(w.created_at, T0);
  w.state = "retired";
  CHECK_INT(warehouse_update(db, &w), ERR_OK);
  CHECK_INT(warehouse_update(db, &w), ERR_STALE);
  REQUIRE(warehouse_list(db, &rows_mem, &list, &n) == ERR_OK && n == 1);
  CHECK_STR(list[0].code, "F1"), CHECK(list[0].factory && !list[0].regions && !list[0].capacity);
  CHECK_INT(warehouse_get(db, &rows_mem, id + 9, &w), ERR_NOT_FOUND);
  tx_rollback(db);
  rows_close(db);
}
