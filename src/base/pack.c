/* pack.c: small texts packed fast: LZ4 that starts with a dictionary both sides know.
 *
 * A packed text is one byte that says how, then the data:
 *   0  the text as it is (packing would not make it shorter)
 *   1  raw deflate with dictionary 1: only read, the first versions wrote it
 *   2  the length of the text (7 bits a byte, the lowest first, the top bit: more follow), an LZ4 block with dictionary 1
 * Packed texts are on disk: dictionary 1 never changes again. A better one becomes dictionary 2.
 *
 * Every order is packed while somebody waits for it. On orders of 690 bytes deflate makes 249 of them in 15 us, LZ4
 * 294 in 1 us: a fifth of what an order costs for a tenth of its bytes, which retention gives back. */
#define LZ4_STATIC_LINKING_ONLY
#include "base.h"
#include <lz4.h>
#include <pthread.h>
#include <zlib.h>

enum pack_how { PACK_PLAIN, PACK_DEFLATE_1, PACK_LZ4_1 };

/* Packed the cheapest is what stands last, so the most frequent words do. */
static const char dictionary_1[] =
  "WAIT_BUYER_CONFIRM_GOODS\"TRADE_FINISHED\"TRADE_CLOSED\"WAIT_BUYER_PAY\"WAIT_SELLER_SEND_GOODS\""
  "等待买家付款等待卖家发货买家已付款，等待卖家发货卖家已发货，等待买家确认交易成功交易关闭已发货待发货已完成已取消"
  "香港特别行政区澳门特别行政区台湾省新疆维吾尔自治区宁夏回族自治区青海省甘肃省陕西省西藏自治区云南省贵州省四川省重庆市"
  "海南省广西壮族自治区湖南省湖北省河南省江西省安徽省黑龙江省吉林省辽宁省内蒙古自治区山西省河北省天津市北京市"
  "福建省山东省江苏省上海市浙江省杭州市广东省广州市深圳市街道办事处村镇乡县区小区花园大厦公寓单元号楼栋幢座室路号"
  "订单编号商品标题规格型号买家留言发顺丰尽快发货请电话联系收货人姓名收货地址联系手机数量单价实付金额运费"
  "\"Name\":\"Order Id\":\"Financial Status\":\"Fulfillment Status\":\"Created at\":\"Lineitem quantity\":\"Shipping Name\":"
  "\"order_status\":2,\"create_time\":14\"pay_time\":\"order_amount\":\"post_amount\":\"pay_amount\":\"post_receiver\":\""
  "\",\"post_tel\":\"1\"post_addr\":{\"province\":{\"name\":\"\"},\"city\":{\"name\":\"\"},\"town\":{\"name\":\"\"},\"street\":{\"name\":\""
  "\"},\"detail\":\"\"sku_order_list\":[{\"order_id\":\"\",\"product_name\":\"\",\"code\":\"\",\"item_num\":1,\"goods_price\":"
  "\"orderId\":\"\",\"orderState\":\"\",\"orderStartTime\":\"20\"consigneeInfo\":{\"fullname\":\"\",\"fullAddress\":\"\",\"telephone\":\""
  "\",\"mobile\":\"1\"itemInfoList\":[{\"skuId\":\"\",\"outerSkuId\":\"\",\"skuName\":\"\",\"jdPrice\":\"\",\"itemTotal\":\""
  "\"id\":\"created_at\":\"updated_at\":\"total_price\":\"subtotal_price\":\"financial_status\":\"paid\",\"fulfillment_status\":null,"
  "\"shipping_address\":{\"first_name\":\"\",\"last_name\":\"\",\"address1\":\"\",\"address2\":\"\",\"country_code\":\"CN\"},"
  "\"line_items\":[{\"variant_id\":\"order_items\":[{\"item_id\":\"model_sku\":\"variation_name\":\"recipient_address\":{\"full_address\":\""
  "\"tid\":\"\",\"type\":\"fixed\",\"created\":\"2026-\",\"modified\":\"2026-\",\"buyer_nick\":\"\",\"receiver_name\":\"\",\"receiver_mobile\":\"1"
  "\",\"receiver_phone\":\"\",\"receiver_state\":\"\",\"receiver_city\":\"\",\"receiver_district\":\"\",\"receiver_town\":\"\","
  "\"receiver_address\":\"\",\"receiver_zip\":\"000000\",\"total_fee\":\"\",\"post_fee\":\"0.00\",\"payment\":\"\",\"discount_fee\":\"0.00\","
  "\"buyer_message\":\"\",\"seller_memo\":\"\",\"num\":1,\"orders\":{\"order\":[{\"oid\":\"\",\"outer_sku_id\":\"\",\"sku_properties_name\":\""
  "\"shipments\":[{\"carrier\":\"SF\",\"tracking_no\":\"SF\",\"shipped_at\":\"2026-\",\"line_ids\":[\"1\"]}],"
  "\"refunds\":[{\"refund_id\":\"\",\"status\":\"requested\",\"amount\":\"\",\"goods\":\"return\"}],\"shipments\":[],\"refunds\":[],"
  "\"flags\":[\"cod\",\"presale_unpaid\",\"gift\",\"sealed\",\"hourly\",\"platform_warehouse\"],\"status\":\"partly_shipped\",\"placed\",\"shipped\",\"completed\",\"cancelled\","
  "{\"channel\":\"tmall-\",\"external_id\":\"\",\"status\":\"paid\",\"placed_at\":\"2026-11-11T00:00:00+08:00\",\"paid_at\":\"2026-"
  "T00:00:00.000Z\",\"updated_at\":\"2026-\",\"ship_by\":\"2026-\",\"currency\":\"CNY\",\"total\":\"100.00\",\"freight\":\"0.00\","
  "\"discount\":\"0.00\",\"paid\":\"199.00\",\"buyer\":{\"id\":\"\",\"name\":\"\",\"phone\":null},\"receiver\":{\"name\":\"\",\"phone\":\"13800"
  "\",\"country\":\"CN\",\"province\":\"\",\"city\":\"市\",\"district\":\"区\",\"town\":null,\"address\":\"路号栋单元室\",\"zip\":null,\"token\":null},"
  "\"lines\":[{\"line_id\":\"1\",\"sku\":\"\",\"title\":\"\",\"quantity\":1,\"price\":\"99.00\",\"discount\":\"0.00\",\"refunded\":\"0.00\"}],"
  "\"remarks\":{\"buyer\":\"\",\"seller\":\"\",\"flag\":\"\"},\"flags\":[],\"service\":\"standard\",\"raw_status\":\"\"}";
#define DICTIONARY_N (sizeof dictionary_1 - 1)

#define PACK_WINDOW 15 /* of deflate */
#define PACK_MAX ((size_t)1 << 30)
#define PACK_RATIO_MAX 255 /* of an LZ4 block: what claims more is damaged */
#define PACK_LENGTH_BYTES 5

/* ---- in -------------------------------------------------------------------------------------------- */
static LZ4_stream_t dictionary; /* only read once it is made */
static pthread_once_t dictionary_once = PTHREAD_ONCE_INIT;

static void dictionary_make(void)
{
  LZ4_initStream(&dictionary, sizeof dictionary);
  LZ4_loadDict(&dictionary, dictionary_1, (int)DICTIONARY_N);
}

static size_t length_put(unsigned char *to, size_t n)
{
  size_t at = 0;
  for (; n > 127; n >>= 7) to[at++] = (unsigned char)(n | 128);
  to[at++] = (unsigned char)n;
  return at;
}

void pack(struct buf *out, const void *p, size_t n)
{
  LZ4_stream_t stream;
  unsigned char head[1 + PACK_LENGTH_BYTES] = { PACK_LZ4_1 };
  size_t head_n = 1 + length_put(head + 1, n);
  int made = 0;
  must(n <= PACK_MAX);
  pthread_once(&dictionary_once, dictionary_make);
  buf_reserve(out, n + sizeof head);
  char *to = out->data + out->len;
  if (n > head_n) {
    LZ4_initStream(&stream, sizeof stream);
    LZ4_attach_dictionary(&stream, &dictionary);
    made = LZ4_compress_fast_continue(&stream, p, to + head_n, (int)n, (int)(n - head_n), 1);
  }
  if (made > 0) {
    memcpy(to, head, head_n);
    out->len += head_n + (size_t)made;
  } else {
    *to = PACK_PLAIN;
    if (n) memcpy(to + 1, p, n);
    out->len += 1 + n;
  }
  out->data[out->len] = 0;
}

/* ---- out --------------------------------------------------------------------------------------------- */
static voidpf zlib_alloc(voidpf arg, uInt items, uInt size)
{
  (void)arg;
  return mem_new((size_t)items * size);
}

static void zlib_free(voidpf arg, voidpf p)
{
  (void)arg;
  mem_free(p);
}

/* Until the end of the data or until one byte over max. */
static bool inflate_all(z_stream *z, struct buf *out, size_t max)
{
  size_t start = out->len;
  for (size_t step = 4096;; step *= 2) {
    size_t made = out->len - start, room = max - made < step ? max - made + 1 : step;
    buf_reserve(out, room);
    z->next_out = (Bytef *)out->data + out->len, z->avail_out = (uInt)room;
    int e = inflate(z, Z_NO_FLUSH);
    out->len += room - z->avail_out;
    if (out->len - start > max) return false;
    if (e == Z_STREAM_END) return z->avail_in == 0; /* nothing may follow */
    if (e != Z_OK || z->avail_out) return false;    /* damaged, or cut */
  }
}

static bool unpack_deflate(struct buf *out, const unsigned char *p, size_t n, size_t max)
{
  z_stream z = {
    .zalloc = zlib_alloc, .zfree = zlib_free, .next_in = (z_const Bytef *)p, .avail_in = (uInt)n
  };
  must(inflateInit2(&z, -PACK_WINDOW) == Z_OK);
  must(inflateSetDictionary(&z, (const Bytef *)dictionary_1, DICTIONARY_N) == Z_OK);
  bool ok = inflate_all(&z, out, max);
  inflateEnd(&z);
  return ok;
}

static size_t length_get(const unsigned char *p, size_t n, size_t *length)
{
  *length = 0;
  for (size_t at = 0; at < n && at < PACK_LENGTH_BYTES; at++) {
    *length |= (size_t)(p[at] & 127) << 7 * at;
    if (p[at] < 128) return at + 1;
  }
  return 0;
}

static bool unpack_lz4(struct buf *out, const unsigned char *p, size_t n, size_t max)
{
  size_t length, head = length_get(p, n, &length);
  if (!head || length > max || length / PACK_RATIO_MAX > n) return false;
  buf_reserve(out, length);
  int made = LZ4_decompress_safe_usingDict((const char *)p + head, out->data + out->len, (int)(n - head),
                                           (int)length, dictionary_1, (int)DICTIONARY_N);
  if (made < 0 || (size_t)made != length) return false;
  out->len += length;
  return true;
}

static bool unpack_plain(struct buf *out, const unsigned char *p, size_t n, size_t max)
{
  if (n <= max) buf_put(out, p, n);
  return n <= max;
}

bool unpack(struct buf *out, const void *p, size_t n, size_t max)
{
  static bool (*const how[])(struct buf *, const unsigned char *, size_t, size_t) = {
    [PACK_PLAIN] = unpack_plain, [PACK_DEFLATE_1] = unpack_deflate, [PACK_LZ4_1] = unpack_lz4
  };
  const unsigned char *s = p;
  size_t start = out->len;
  must(max <= PACK_MAX);
  if (!n || n > PACK_MAX || *s >= COUNT(how)) return false;
  buf_reserve(out, 0);
  bool ok = how[*s](out, s + 1, n - 1, max);
  if (!ok) out->len = start; /* what came before the damage is not handed out */
  out->data[out->len] = 0;
  return ok;
}

/* ---- texts of ours --------------------------------------------------------------------------------- */

void packed_text_open(struct packed_text *t)
{
  const unsigned char *end = t->gz + t->n - 4; /* gzip ends with the length of what it packed */
  z_stream z = { 0 };
  if (t->text) return;
  must(t->n > 18);
  t->text_n = (size_t)end[0] | (size_t)end[1] << 8 | (size_t)end[2] << 16 | (size_t)end[3] << 24;
  t->text = mem_new(t->text_n + 1);
  z.next_in = (Bytef *)(uintptr_t)t->gz, z.avail_in = (uInt)t->n;
  z.next_out = (Bytef *)t->text, z.avail_out = (uInt)t->text_n;
  must(inflateInit2(&z, 16 + MAX_WBITS) == Z_OK);
  must(inflate(&z, Z_FINISH) == Z_STREAM_END && z.total_out == t->text_n);
  inflateEnd(&z);
}
