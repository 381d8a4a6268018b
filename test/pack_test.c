#include "base.h"
#include "test.h"
#include <pthread.h>
#include <stdio.h>

static const char order_json[] =
  "{\"channel\":\"tmall-home\",\"external_id\":\"2876543219876543219\",\"status\":\"paid\","
  "\"placed_at\":\"2026-11-11T00:03:21+08:00\",\"paid_at\":\"2026-11-11T00:03:40+08:00\","
  "\"updated_at\":\"2026-11-11T00:03:41+08:00\",\"currency\":\"CNY\",\"total\":\"189.00\",\"freight\":\"0.00\","
  "\"discount\":\"10.00\",\"paid\":\"189.00\",\"buyer\":{\"id\":\"b_81\",\"name\":\"张三\",\"phone\":null},"
  "\"receiver\":{\"name\":\"张三\",\"phone\":\"13800000000\",\"country\":\"CN\",\"province\":\"浙江省\",\"city\":\"杭州市\","
  "\"district\":\"西湖区\",\"town\":null,\"address\":\"文三路 100 号 2 幢 301 室\",\"zip\":null,\"token\":null},"
  "\"lines\":[{\"line_id\":\"1\",\"sku\":\"SOFA-3S-GREY\",\"title\":\"三人沙发\",\"quantity\":1,\"price\":\"199.00\","
  "\"discount\":\"10.00\",\"refunded\":\"0.00\"}],\"remarks\":{\"buyer\":\"\",\"seller\":\"\",\"flag\":\"\"},\"flags\":[]}";

TEST(pack_order_is_small)
{
  struct buf packed = { 0 }, back = { 0 };
  pack(&packed, order_json, sizeof order_json - 1);
  test_note("%zu of %zu bytes", packed.len, sizeof order_json - 1);
  CHECK(packed.len * 5 < sizeof order_json * 2);
  CHECK(unpack(&back, packed.data, packed.len, sizeof order_json));
  CHECK_MEM(back.data, back.len, order_json, sizeof order_json - 1);
  buf_release(&packed), buf_release(&back);
}

TEST(pack_round_trip)
{
  struct buf packed = { 0 }, back = { 0 };
  uint64_t seed = 1;
  static unsigned char in[200000];
  for (int i = 0; i < 400; i++) {
    size_t n = test_random(&seed) % (i % 20 ? 2000 : sizeof in);
    unsigned char spread = (unsigned char)(1u << test_random(&seed) % 8); /* from nearly constant to noise */
    for (size_t k = 0; k < n; k++)
      in[k] = (unsigned char)(test_random(&seed) % spread * (spread > 64 ? 2 : 1) + test_random(&seed) % 2);
    packed.len = back.len = 0;
    buf_str(&packed, "before"), buf_str(&back, "old");
    pack(&packed, in, n);
    test_note("%zu bytes", n);
    CHECK(packed.len <= 6 + n + 1 && !memcmp(packed.data, "before", 6));
    CHECK_INT(packed.data[packed.len], 0);
    CHECK(unpack(&back, packed.data + 6, packed.len - 6, n));
    CHECK_MEM(back.data + 3, back.len - 3, in, n);
    CHECK_INT(back.data[back.len], 0);
    if (!n) continue;
    back.len = 3;
    CHECK(!unpack(&back, packed.data + 6, packed.len - 6, n - 1)); /* over max */
    CHECK(back.len == 3 && !memcmp(back.data, "old", 3));
  }
  buf_release(&packed), buf_release(&back);
}

/* Packed by the first version: what is on disk must stay readable. */
TEST(pack_reads_the_old)
{
  static const unsigned char old[] = {
    0x01, 0xab, 0x46, 0x4b, 0x7f, 0xe6, 0xa0, 0x00, 0x44, 0x4f, 0x01, 0xc8,
    0x91, 0x82, 0x14, 0xd6, 0xf0, 0xc6, 0xab, 0x52, 0x6d, 0x2d, 0x00,
  };
  struct buf b = { 0 };
  CHECK(unpack(&b, old, sizeof old, 1000));
  CHECK_STR(b.data, "{\"external_id\":\"7\",\"currency\":\"CNY\",\"receiver\":{\"province\":\"浙江省\"}}");
  static const unsigned char second[] = {
    0x02, 0x48, 0x1b, 0x7b, 0x80, 0x02, 0x1f, 0x37, 0x02, 0x02, 0x01, 0x08,
    0x95, 0x01, 0x06, 0xa9, 0x08, 0xd0, 0x22, 0xe6, 0xb5, 0x99, 0xe6, 0xb1,
    0x9f, 0xe7, 0x9c, 0x81, 0x22, 0x7d, 0x7d,
  };
  b.len = 0;
  CHECK(unpack(&b, second, sizeof second, 1000));
  CHECK_STR(b.data, "{\"external_id\":\"7\",\"currency\":\"CNY\",\"receiver\":{\"province\":\"浙江省\"}}");
  b.len = 0;
  CHECK(unpack(&b, "\0abc", 4, 3));
  CHECK_STR(b.data, "abc");
  buf_release(&b);
}

/* Damage is never a crash, and never more than max. (There is no checksum: some damage changes letters.) */
TEST(pack_damage)
{
  struct buf packed = { 0 }, back = { 0 };
  uint64_t seed = 4;
  pack(&packed, order_json, sizeof order_json - 1);
  for (size_t cut = 0; cut < packed.len; cut++) {
    back.len = 0;
    CHECK(!unpack(&back, packed.data, cut, 1000));
    CHECK_INT(back.len, 0);
  }
  for (int i = 0; i < 20000; i++) {
    char *at = packed.data + test_random(&seed) % packed.len, was = *at;
    *at = (char)test_random(&seed);
    back.len = 0;
    if (unpack(&back, packed.data, packed.len, 1000)) CHECK(back.len <= 1000);
    else CHECK_INT(back.len, 0);
    *at = was;
  }
  buf_char(&packed, 'x'); /* something behind the end */
  CHECK(!unpack(&back, packed.data, packed.len, 1000));
  CHECK(!unpack(&back, "\3abc", 4, 1000));
  CHECK(!unpack(&back, "\2\377\377\377\377\177abc", 9, 1 << 30)); /* claims what it cannot hold */
  static char zeros[1 << 20];
  packed.len = 0, pack(&packed, zeros, sizeof zeros);
  CHECK(packed.len < 5000);
  CHECK(!unpack(&back, packed.data, packed.len, 65536)); /* a bomb */
  CHECK(back.cap <= 1 << 18);
  buf_release(&packed), buf_release(&back);
}

static void *thread_main(void *arg)
{
  struct buf packed = { 0 }, back = { 0 };
  bool *ok = arg;
  *ok = true;
  for (int i = 0; i < 200; i++) {
    packed.len = back.len = 0;
    pack(&packed, order_json, sizeof order_json - 1 - (size_t)i);
    *ok = *ok && unpack(&back, packed.data, packed.len, 2000) && back.len == sizeof order_json - 1 - (size_t)i;
  }
  buf_release(&packed), buf_release(&back);
  return NULL;
}

TEST(pack_in_threads)
{
  pthread_t t[3];
  bool ok[3] = { false };
  for (int i = 0; i < 3; i++)
    CHECK_INT(pthread_create(&t[i], NULL, thread_main, &ok[i]), 0);
  for (int i = 0; i < 3; i++) {
    CHECK_INT(pthread_join(t[i], NULL), 0);
    CHECK(ok[i]);
  }
}
