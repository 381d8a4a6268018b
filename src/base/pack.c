/* pack.c: small texts packed well: raw deflate that starts with a dictionary both sides know.
 *
 * A packed text is one byte that says how, then the data:
 *   0  the text as it is (deflate would not make it shorter)
 *   1  raw deflate with dictionary 1
 * Packed texts are on disk: dictionary 1 never changes again. A better one becomes dictionary 2. */
#include "base.h"
#include <pthread.h>
#include <zlib.h>

enum pack_how { PACK_PLAIN, PACK_DEFLATE_1 };

/* Deflate looks back the cheapest to what stands last, so the most frequent words do. */
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

/* ---- streams: made once per thread, freed when it ends -------------------------------------- */
#define PACK_LEVEL 4
#define PACK_WINDOW 15
#define PACK_MEMORY 7

struct packer {
  z_stream in, out; /* in: inflate, out: deflate */
};

static pthread_key_t packer_key;
static pthread_once_t packer_once = PTHREAD_ONCE_INIT;

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

static void packer_free(void *arg)
{
  struct packer *p = arg;
  deflateEnd(&p->out);
  inflateEnd(&p->in);
  mem_free(p);
}

static void packer_key_make(void)
{
  must(pthread_key_create(&packer_key, packer_free) == 0);
}

/* The main thread's is freed before the process ends, so that a leak check sees none. */
__attribute__((destructor)) static void packer_end(void)
{
  pthread_once(&packer_once, packer_key_make);
  struct packer *p = pthread_getspecific(packer_key);
  if (p) packer_free(p);
  pthread_setspecific(packer_key, NULL);
}

static struct packer *packer(void)
{
  pthread_once(&packer_once, packer_key_make);
  struct packer *p = pthread_getspecific(packer_key);
  if (p) return p;
  p = mem_new(sizeof *p);
  p->in.zalloc = p->out.zalloc = zlib_alloc;
  p->in.zfree = p->out.zfree = zlib_free;
  must(deflateInit2(&p->out, PACK_LEVEL, Z_DEFLATED, -PACK_WINDOW, PACK_MEMORY, Z_DEFAULT_STRATEGY) == Z_OK);
  must(inflateInit2(&p->in, -PACK_WINDOW) == Z_OK);
  must(pthread_setspecific(packer_key, p) == 0);
  return p;
}

/* ---- in and out -------------------------------------------------------------------------------- */
#define PACK_MAX ((size_t)1 << 30)

void pack(struct buf *out, const void *p, size_t n)
{
  must(n <= PACK_MAX);
  z_stream *z = &packer()->out;
  must(deflateReset(z) == Z_OK);
  must(deflateSetDictionary(z, (const Bytef *)dictionary_1, DICTIONARY_N) == Z_OK);
  buf_reserve(out, n + 1);
  char *to = out->data + out->len;
  z->next_in = (z_const Bytef *)p, z->avail_in = (uInt)n;
  z->next_out = (Bytef *)to + 1, z->avail_out = (uInt)n; /* no more room than the text itself takes */
  if (deflate(z, Z_FINISH) == Z_STREAM_END && z->avail_out) {
    *to = PACK_DEFLATE_1;
    out->len += 1 + n - z->avail_out;
  } else {
    *to = PACK_PLAIN;
    if (n) memcpy(to + 1, p, n);
    out->len += 1 + n;
  }
  out->data[out->len] = 0;
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

bool unpack(struct buf *out, const void *p, size_t n, size_t max)
{
  const unsigned char *s = p;
  size_t start = out->len;
  must(max <= PACK_MAX);
  if (!n || n > PACK_MAX) return false;
  buf_reserve(out, 0);
  if (*s == PACK_PLAIN) {
    if (n - 1 <= max) buf_put(out, s + 1, n - 1);
    return n - 1 <= max;
  }
  if (*s != PACK_DEFLATE_1) return false;
  z_stream *z = &packer()->in;
  must(inflateReset(z) == Z_OK);
  must(inflateSetDictionary(z, (const Bytef *)dictionary_1, DICTIONARY_N) == Z_OK);
  z->next_in = (z_const Bytef *)s + 1, z->avail_in = (uInt)(n - 1);
  bool ok = inflate_all(z, out, max);
  if (!ok) out->len = start; /* what came before the damage is not handed out */
  out->data[out->len] = 0;
  return ok;
}
