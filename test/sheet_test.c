/* Order exports -> canonical orders. All people, numbers and places in the rows are made up. */
#include "domain.h"
#include "test.h"
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

/* What came out, one line each: the order as it is, or "! row column code". */
struct result {
  struct buf text;
  int orders, lines, refused; /* lines: rows that are in orders */
  int64_t last_refused;
  bool only_codes; /* refusals without their column, orders without their content */
};

static void on_order(void *arg, int64_t first_row, const char *json, size_t n)
{
  struct result *r = arg;
  struct arena a = { 0 };
  struct faults f = { .mem = &a };
  const struct json *j = json_parse(&a, json, n, JSON_ELEMENTS_MAX, &f);
  CHECK(j != NULL);
  if (!CHECK(draft_parse(&a, j, "", &f) != NULL))
    printf("    %s: %s %s\n", json, f.at[0].pointer, f.at[0].detail);
  r->orders++;
  r->lines += (int)json_count(json_get(j, "lines"));
  if (r->only_codes)
    buf_printf(&r->text, "%lld order %s\n", (long long)first_row, json_string(json_get(j, "external_id")));
  else buf_printf(&r->text, "%s\n", json);
  arena_release(&a);
}

static void on_refuse(void *arg, int64_t row, const char *column, const char *code, const char *detail,
                      const char *raw_json, size_t n)
{
  struct result *r = arg;
  const char *why;
  size_t at;
  CHECK(*detail && json_gate(raw_json, n, JSON_ELEMENTS_MAX, &why, &at));
  r->refused++;
  r->last_refused = row;
  if (r->only_codes) buf_printf(&r->text, "%lld %s\n", (long long)row, code);
  else buf_printf(&r->text, "! %lld [%s] %s\n", (long long)row, column, code);
}

static void read_sheet(struct result *r, const struct sheet_options *o, const char *csv, size_t n)
{
  struct sheet *s = sheet_new(o, on_order, on_refuse, r);
  struct csv *c = csv_new(sheet_row, s);
  csv_set_gb18030(c, csv_sniff_gb18030(csv, n, true));
  csv_feed(c, csv, n);
  csv_end(c);
  sheet_end(s);
  csv_free(c);
  sheet_free(s);
}

static void check_sheet(const char *csv, const char *want, bool only_codes)
{
  struct result r = { .only_codes = only_codes };
  struct sheet_options o = SHEET_OPTIONS("test-shop");
  read_sheet(&r, &o, csv, strlen(csv));
  CHECK_STR(r.text.len ? r.text.data : "", want);
  buf_release(&r.text);
}

/* ---- headers and words ---------------------------------------------------------------------------- */

static const struct {
  const char *header;
  enum sheet_field field;
} header_cases[] = {
  { "订单编号", SHEET_ORDER_NO },
  { "订单号", SHEET_ORDER_NO },
  { "主订单编号", SHEET_ORDER_NO },
  { "业务订单号", SHEET_ORDER_NO },
  { "商户订单号", SHEET_ORDER_NO },
  { "Order Id", SHEET_ORDER_NO },
  { "子订单编号", SHEET_LINE_ID },
  { "子订单号", SHEET_LINE_ID },
  { "订单状态", SHEET_STATUS },
  { "状态", SHEET_STATUS },
  { "交易状态", SHEET_STATUS },
  { "付款状态", SHEET_PAY_STATUS },
  { "Financial Status", SHEET_PAY_STATUS },
  { "Fulfillment Status", SHEET_FULFIL_STATUS },
  { "售后状态", SHEET_REFUND_STATUS },
  { "退款状态", SHEET_REFUND_STATUS },
  { "Canceled at", SHEET_CANCELLED_AT },
  { "Cancelled at", SHEET_CANCELLED_AT },
  { "买家会员名", SHEET_BUYER_NAME },
  { "买家昵称", SHEET_BUYER_NAME },
  { "下单帐号", SHEET_BUYER_ID },
  { "买家ID", SHEET_BUYER_ID },
  { "客户", SHEET_BUYER_NAME },
  { "买家姓名", SHEET_BUYER_NAME },
  { "收货人姓名", SHEET_NAME },
  { "收货人", SHEET_NAME },
  { "收件人", SHEET_NAME },
  { "客户姓名", SHEET_NAME },
  { "姓名", SHEET_NAME },
  { "联系手机", SHEET_PHONE },
  { "收货人手机", SHEET_PHONE },
  { "收件人手机号", SHEET_PHONE },
  { "联系电话", SHEET_PHONE },
  { "手机", SHEET_PHONE },
  { "电话", SHEET_PHONE },
  { "收货人电话", SHEET_PHONE },
  { "座机", SHEET_PHONE },
  { "收货地址", SHEET_ADDRESS },
  { "客户地址", SHEET_ADDRESS },
  { "修改后的收货地址", SHEET_ADDRESS },
  { "省", SHEET_PROVINCE },
  { "收货地址-省市", SHEET_REGION },
  { "市", SHEET_CITY },
  { "区", SHEET_DISTRICT },
  { "街道", SHEET_TOWN },
  { "详细地址", SHEET_ADDRESS },
  { "收货地址-街道地址", SHEET_ADDRESS },
  { "邮编", SHEET_ZIP },
  { "订单创建时间", SHEET_PLACED_AT },
  { "下单时间", SHEET_PLACED_AT },
  { "订单提交时间", SHEET_PLACED_AT },
  { "订单时间", SHEET_PLACED_AT },
  { "订单成交时间", SHEET_PLACED_AT },
  { "拼单成功时间", SHEET_PLACED_AT },
  { "订单付款时间", SHEET_PAID_AT },
  { "付款时间", SHEET_PAID_AT },
  { "支付时间", SHEET_PAID_AT },
  { "支付完成时间", SHEET_PAID_AT },
  { "付款确认时间", SHEET_PAID_AT },
  { "发货时间", SHEET_SHIPPED_AT },
  { "确认收货时间", SHEET_FIELD_N },
  { "订单完成时间", SHEET_FIELD_N },
  { "买家应付货款", SHEET_GOODS },
  { "商品总价", SHEET_GOODS },
  { "商品总价(元)", SHEET_GOODS },
  { "货品总价", SHEET_GOODS },
  { "商品金额", SHEET_GOODS },
  { "货款", SHEET_GOODS },
  { "买家应付邮费", SHEET_FREIGHT },
  { "邮费(元)", SHEET_FREIGHT },
  { "邮费（元）", SHEET_FREIGHT },
  { "运费", SHEET_FREIGHT },
  { "运费金额", SHEET_FREIGHT },
  { "总金额", SHEET_TOTAL },
  { "订单金额", SHEET_TOTAL },
  { "订单应付金额", SHEET_TOTAL },
  { "应付金额", SHEET_TOTAL },
  { "买家实际支付金额", SHEET_PAID },
  { "用户实付金额(元)", SHEET_PAID },
  { "实付款", SHEET_PAID },
  { "实付款(元)", SHEET_PAID },
  { "支付金额", SHEET_PAID },
  { "商家实收金额(元)", SHEET_FIELD_N },
  { "结算金额", SHEET_FIELD_N },
  { "商家收入金额", SHEET_FIELD_N },
  { "打款商家金额", SHEET_FIELD_N },
  { "店铺优惠折扣(元)", SHEET_DISCOUNT },
  { "商家实际承担优惠金额", SHEET_DISCOUNT },
  { "涨价或折扣", SHEET_PRICE_CHANGE },
  { "平台优惠折扣(元)", SHEET_DISCOUNT_MORE },
  { "平台实际承担优惠金额", SHEET_DISCOUNT_MORE },
  { "退款金额", SHEET_REFUNDED },
  { "宝贝标题", SHEET_TITLE },
  { "商品", SHEET_TITLE },
  { "选购商品", SHEET_TITLE },
  { "商品名称", SHEET_TITLE },
  { "货品标题", SHEET_TITLE },
  { "商品规格", SHEET_SPEC },
  { "产品规格", SHEET_SPEC },
  { "宝贝总数量", SHEET_QUANTITY },
  { "商品数量", SHEET_QUANTITY },
  { "商品数量(件)", SHEET_QUANTITY },
  { "订购数量", SHEET_QUANTITY },
  { "数量", SHEET_QUANTITY },
  { "京东价", SHEET_PRICE },
  { "单价", SHEET_PRICE },
  { "商品单价", SHEET_PRICE },
  { "售价", SHEET_PRICE },
  { "商家编码", SHEET_SKU },
  { "商家编码-规格维度", SHEET_SKU },
  { "商家编码-SKU维度", SHEET_SKU },
  { "货号", SHEET_SKU },
  { "sku", SHEET_SKU },
  { "在线sku", SHEET_SKU },
  { "SKUID", SHEET_SKU },
  { "产品条码", SHEET_SKU },
  { "商品ID", SHEET_FIELD_N },
  { "商品id", SHEET_FIELD_N },
  { "OfferID", SHEET_FIELD_N },
  { "样式ID", SHEET_FIELD_N },
  { "物流公司", SHEET_CARRIER },
  { "快递公司", SHEET_CARRIER },
  { "快递", SHEET_CARRIER },
  { "物流单号", SHEET_WAYBILL },
  { "快递单号", SHEET_WAYBILL },
  { "单号", SHEET_WAYBILL },
  { "物流公司运单号", SHEET_CARRIER_WAYBILL },
  { "快递信息", SHEET_CARRIER_WAYBILL },
  { "买家留言", SHEET_BUYER_REMARK },
  { "买家购买留言", SHEET_BUYER_REMARK },
  { "买家备注", SHEET_BUYER_REMARK },
  { "订单备注", SHEET_SELLER_REMARK },
  { "商家备注", SHEET_SELLER_REMARK },
  { "卖家备注", SHEET_SELLER_REMARK },
  { "卖家备忘内容", SHEET_SELLER_REMARK },
  { "备注", SHEET_SELLER_REMARK },
  { "店铺名称", SHEET_FIELD_N },
  { "店铺Id", SHEET_FIELD_N },
  { "总重量", SHEET_FIELD_N },
  { "Name", SHEET_FIELD_N },
  { "Id", SHEET_FIELD_N },
  { "", SHEET_FIELD_N },
  /* however they are written */
  { " 收货地址 ", SHEET_ADDRESS },
  { "＊收件人", SHEET_NAME },
  { "ＳＫＵ", SHEET_SKU },
  { "FINANCIAL STATUS", SHEET_PAY_STATUS },
  { "Receiver Name", SHEET_NAME },
  { "receiver-phone", SHEET_PHONE },
  { "商品数量（件）", SHEET_QUANTITY },
  { "External_ID", SHEET_ORDER_NO },
};

TEST(sheet_headers)
{
  struct arena a = { 0 };
  int rank, later;
  for (size_t i = 0; i < COUNT(header_cases); i++) {
    test_note("%s", header_cases[i].header);
    CHECK_INT(sheet_field_of(&a, header_cases[i].header, false, &rank), header_cases[i].field);
  }
  for (int f = 0; f < SHEET_FIELD_N; f++)
    CHECK_INT(sheet_field_of(&a, sheet_field_name((enum sheet_field)f), false, &rank), f);
  CHECK_INT(sheet_field_of(&a, "Name", true, &rank), SHEET_ORDER_NAME);
  CHECK_INT(sheet_field_of(&a, "Id", true, &rank), SHEET_ORDER_NO);
  sheet_field_of(&a, "应付金额", false, &rank), sheet_field_of(&a, "订单金额", false, &later);
  CHECK(rank < later); /* what is owed before what the goods cost */
  sheet_field_of(&a, "联系手机", false, &rank), sheet_field_of(&a, "联系电话", false, &later);
  CHECK(rank < later);
  arena_release(&a);
}

TEST(sheet_status_words)
{
  static const struct {
    const char *word, *status;
  } words[] = {
    { "等待买家付款", "placed" },
    { "待付款", "placed" },
    { "pending", "placed" },
    { "买家已付款，等待卖家发货", "paid" },
    { "买家已付款,等待卖家发货", "paid" },
    { "待发货", "paid" },
    { "等待出库", "paid" },
    { "备货中", "paid" },
    { "Paid", "paid" },
    { "partially_refunded", "paid" },
    { "部分发货", "partly_shipped" },
    { "partial", "partly_shipped" },
    { "partly_shipped", "partly_shipped" },
    { "卖家已发货，等待买家确认", "shipped" },
    { "已发货，待签收", "shipped" },
    { "等待确认收货", "shipped" },
    { "fulfilled", "shipped" },
    { "交易成功", "completed" },
    { " 已完成 ", "completed" },
    { "已收货", "completed" },
    { "交易关闭", "cancelled" },
    { "已取消", "cancelled" },
    { "(删除)取消", "cancelled" },
    { "（删除）取消", "cancelled" },
    { "未发货，退款成功", "cancelled" },
    { "refunded", "cancelled" },
    { "voided", "cancelled" },
    { "锁定", NULL },
    { "closed", NULL },
    { "", NULL },
    { "买家", NULL },
  };
  struct arena a = { 0 };
  for (size_t i = 0; i < COUNT(words); i++) {
    test_note("%s", words[i].word);
    CHECK_STR(sheet_status_of(&a, words[i].word), words[i].status);
  }
  CHECK(sheet_says_refunded(&a, "退款成功") && !sheet_says_refunded(&a, "售后关闭") &&
        !sheet_says_refunded(&a, "无售后或售后取消"));
  arena_release(&a);
}

/* ---- cells ------------------------------------------------------------------------------------------ */

TEST(sheet_cells_read)
{
  static const struct {
    const char *raw;
    bool is_number;
    const char *text;
    bool is_marked, is_damaged;
  } cells[] = {
    { "=\"723767262483919535\"", true, "723767262483919535", true, false },
    { "=\"723767262483919000\"", true, "723767262483919000", true, false },
    { " =\"12\"\"3\" ", true, "12\"3", true, false },
    { "=\"\"", true, NULL, true, false },
    { "\t4685033675094089000", true, "4685033675094089000", true, false },
    { "4685033675094080000\t", true, "4685033675094080000", false, true },
    { "'4685033675094089000", true, "4685033675094089000", true, false },
    { "`4200000000000000000", true, "4200000000000000000", true, false },
    { "4685033675094089016", true, "4685033675094089016", false, false },
    { "4685033675094090000", true, "4685033675094090000", false, true },
    { "794101982131145000", true, "794101982131145000", false, true },
    { "1234567890123450", true, "1234567890123450", false, true },
    { "1234567890123456", true, "1234567890123456", false, false },
    { "123456789012000", true, "123456789012000", false, false }, /* 15 digits are all kept */
    { "1.38123E+10", true, "1.38123E+10", false, true },
    { "'1.38123E+10", true, "1.38123E+10", true, true }, /* marked after it was rounded */
    { "4.6e18", true, "4.6e18", false, true },
    { "1E+12", true, "1E+12", false, true },
    { "1E12", true, "1E12", false, false },
    { "12E+3", true, "12E+3", false, false },
    { "E+12", true, "E+12", false, false },
    { "13800000000.0", true, "13800000000.0", false, true },
    { "13800000000.5", true, "13800000000.5", false, false },
    { "10.0", true, "10.0", false, false },
    { "=A1+1", true, "=A1+1", false, true },
    { "=\"12\"&\"3\"", true, "=\"12\"&\"3\"", false, true },
    { "260105-123456789012345", true, "260105-123456789012345", false, false },
    { "WX20170124181144595000", true, "WX20170124181144595000", false, false },
    { "-", true, NULL, false, false },
    { "null", false, NULL, false, false },
    { "  ", true, NULL, false, false },
    { "\xc2\xa0\xe3\x80\x80x\xe3\x80\x80", true, "x", false, false },
    { "0000-00-00 00:00:00", true, NULL, false, false },
    { "'=1+1", false, "=1+1", true, true },
    { "'hello'", false, "'hello'", false, false },
    { "a'b", true, "a'b", false, false },
  };
  struct arena a = { 0 };
  for (size_t i = 0; i < COUNT(cells); i++) {
    struct sheet_cell c = sheet_cell_read(&a, cells[i].raw, cells[i].is_number);
    test_note("row %zu: %s", i, cells[i].raw);
    CHECK_STR(c.text, cells[i].text);
    CHECK_INT(c.is_marked, cells[i].is_marked);
    CHECK_INT(sheet_cell_damaged(&c), cells[i].is_damaged);
  }
  arena_release(&a);
}

TEST(sheet_cells_money)
{
  static const struct {
    const char *text, *currency;
    bool ok;
    int64_t minor;
  } cells[] = {
    { "189.00", "CNY", true, 18900 },
    { "0", "CNY", true, 0 },
    { "¥1,234.50", "CNY", true, 123450 },
    { "￥12", "CNY", true, 1200 },
    { "1,234,567.8", "CNY", true, 123456780 },
    { "-5.00", "CNY", true, -500 },
    { "¥-5.00", "CNY", true, -500 },
    { "-¥5.00", "CNY", true, -500 },
    { "+5", "CNY", true, 500 },
    { "99.5000", "CNY", true, 9950 },
    { "300", "JPY", true, 300 },
    { "300.00", "JPY", true, 300 },
    { "1.234", "KWD", true, 1234 },
    { "12元", "CNY", true, 1200 },
    { "12.00 CNY", "CNY", true, 1200 },
    { "１２．５０", "CNY", true, 1250 },
    { "1,23", "CNY", false, 0 },
    { "1234,567", "CNY", false, 0 },
    { "12.345", "CNY", false, 0 },
    { "1.00E+05", "CNY", false, 0 },
    { "abc", "CNY", false, 0 },
    { "--5", "CNY", false, 0 },
    { "12.50.1", "CNY", false, 0 },
    { "300.50", "JPY", false, 0 },
    { ".5", "CNY", false, 0 },
    { ",123", "CNY", false, 0 },
    { "¥", "CNY", false, 0 },
  };
  struct arena a = { 0 };
  for (size_t i = 0; i < COUNT(cells); i++) {
    struct sheet_cell c = { .text = cells[i].text };
    int64_t minor = 0;
    test_note("row %zu: %s", i, cells[i].text);
    bool ok = sheet_cell_money(&a, &c, cells[i].currency, &minor);
    CHECK_INT(ok, cells[i].ok);
    if (ok) CHECK_INT(minor, cells[i].minor);
  }
  arena_release(&a);
}

TEST(sheet_cells_count)
{
  static const struct {
    const char *text;
    int64_t want; /* 0: refused */
  } cells[] = { { "1", 1 },     { "2.00", 2 },    { "1000000", 1000000 },
                { "１２", 12 }, { "0", 0 },       { "-1", 0 },
                { "1.5", 0 },   { "1000001", 0 }, { "1e3", 0 },
                { "x", 0 },     { "", 0 },        { "99999999999999999999", 0 },
                { "1,000", 0 } };
  struct arena a = { 0 };
  for (size_t i = 0; i < COUNT(cells); i++) {
    struct sheet_cell c = { .text = cells[i].text };
    int64_t n = 0;
    test_note("%s", cells[i].text);
    CHECK_INT(sheet_cell_count(&a, &c, &n) ? n : 0, cells[i].want);
  }
  arena_release(&a);
}

/* ---- one sheet per platform --------------------------------------------------------------------------- */

TEST(sheet_taobao)
{
  check_sheet(
    "订单编号,买家会员名,买家支付宝账号,买家应付货款,买家应付邮费,买家支付积分,总金额,返点积分,买家实际支付金额,买家实际支付积分,订单状态,"
    "买家留言,收货人姓名,收货地址 ,运送方式,联系电话,联系手机,订单创建时间,订单付款时间,宝贝标题 ,宝贝种类 ,物流单号 ,物流公司,订单备注,"
    "宝贝总数量,店铺Id,修改后的收货地址\r\n"
    "\"=\"\"100000000000000001\"\"\",t1**,,199.00,10.00,0,189.00,0,189.00,0,\"买家已付款，等待卖家发货\",\"请轻放\r\n谢谢\",张三,"
    "浙江省 杭州市 西湖区 文三路100号2幢301室,快递,'0571-00000000,'13800000000,2026-11-11 00:03:21,2026-11-11 00:03:40,三人沙发 灰色,1,,,加急,1,1,null\r\n"
    "=\"100000000000000002\",t2**,,30.00,0.00,0,30.00,0,30.00,0,卖家已发货，等待买家确认,null,李四,旧地址,快递,'0571-00000001,,2026-11-11 01:00:00,"
    "2026-11-11 01:00:05,靠垫，毯子,2,No:SF0000000000001,顺丰速运,'null,4,1,上海市 上海市 长宁区 新华路1号\r\n"
    "=\"100000000000000003\",t3**,,10.00,0.00,0,10.00,0,0.00,0,交易关闭,,王五,北京,快递,,'13800000002,2026-11-11 02:00:00,,杯子,1,,,,3,1,\r\n",
    "{\"channel\":\"test-shop\",\"external_id\":\"100000000000000001\",\"status\":\"paid\",\"placed_at\":\"2026-11-10T16:03:21.000Z\","
    "\"paid_at\":\"2026-11-10T16:03:40.000Z\",\"currency\":\"CNY\",\"total\":\"189.00\",\"freight\":\"10.00\",\"paid\":\"189.00\","
    "\"buyer\":{\"name\":\"t1**\"},\"receiver\":{\"name\":\"张三\",\"phone\":\"13800000000\",\"address\":\"浙江省 杭州市 西湖区 文三路100号2幢301室\"},"
    "\"lines\":[{\"title\":\"三人沙发 灰色\",\"quantity\":1,\"price\":\"199.00\"}],\"remarks\":{\"buyer\":\"请轻放\\r\\n谢谢\",\"seller\":\"加急\"},"
    "\"raw_status\":\"买家已付款，等待卖家发货\"}\n"
    "{\"channel\":\"test-shop\",\"external_id\":\"100000000000000002\",\"status\":\"shipped\",\"placed_at\":\"2026-11-10T17:00:00.000Z\","
    "\"paid_at\":\"2026-11-10T17:00:05.000Z\",\"currency\":\"CNY\",\"total\":\"30.00\",\"freight\":\"0.00\",\"paid\":\"30.00\","
    "\"buyer\":{\"name\":\"t2**\"},\"receiver\":{\"name\":\"李四\",\"phone\":\"0571-00000001\",\"address\":\"上海市 上海市 长宁区 新华路1号\"},"
    "\"lines\":[{\"title\":\"靠垫，毯子\",\"quantity\":4,\"price\":\"7.50\"}],"
    "\"shipments\":[{\"carrier\":\"顺丰速运\",\"tracking_no\":\"SF0000000000001\"}],\"remarks\":{\"seller\":\"'null\"},"
    "\"raw_status\":\"卖家已发货，等待买家确认\"}\n"
    /* 10.00 for 3 pieces does not divide: no price rather than a rounded one */
    "{\"channel\":\"test-shop\",\"external_id\":\"100000000000000003\",\"status\":\"cancelled\",\"placed_at\":\"2026-11-10T18:00:00.000Z\","
    "\"currency\":\"CNY\",\"total\":\"10.00\",\"freight\":\"0.00\",\"paid\":\"0.00\",\"buyer\":{\"name\":\"t3**\"},"
    "\"receiver\":{\"name\":\"王五\",\"phone\":\"13800000002\",\"address\":\"北京\"},\"lines\":[{\"title\":\"杯子\",\"quantity\":3}],"
    "\"raw_status\":\"交易关闭\"}\n",
    false);
}

/* Order columns only in the first row of an order. */
TEST(sheet_1688)
{
  check_sheet(
    "订单编号,买家公司名,买家会员名,卖家公司名,卖家会员名,货品总价(元),运费(元),涨价或折扣(元),实付款(元),订单状态,发货方,收货人姓名,收货地址,邮编,"
    "联系手机,货品标题,单价(元),数量,单位,货号,型号,OfferID,SKUID,货品种类,买家留言,物流公司运单号,订单创建时间,订单付款时间\n"
    "2000000001,甲公司,buyer1,乙公司,seller1,110.00,15.00,-5.00,120.00,等待卖家发货,乙,张三,广东省 深圳市 南山区 深南路1号,518000,13800000000,"
    "椅子,50.00,2,把,CHAIR-A,,1,11,2,,,2026-01-05 10:00:00,2026-01-05 10:01:00\n"
    ",,,,,,,,,,,,,,,凳子,10.00,1,把,STOOL-B,,2,22,,,,,\n"
    "2000000002,,buyer2,,seller1,10.00,0.00,2.00,12.00,等待买家确认收货,乙,李四,江苏省 苏州市 吴中区 东路2号,,13800000001,凳子,10.00,1.00,把,,,2,22,1,"
    "快点,圆通速递:YT0000000000001,2026-01-05 11:00:00,2026-01-05 11:01:00\n",
    "{\"channel\":\"test-shop\",\"external_id\":\"2000000001\",\"status\":\"paid\",\"placed_at\":\"2026-01-05T02:00:00.000Z\","
    "\"paid_at\":\"2026-01-05T02:01:00.000Z\",\"currency\":\"CNY\",\"total\":\"120.00\",\"freight\":\"15.00\",\"discount\":\"5.00\",\"paid\":\"120.00\","
    "\"buyer\":{\"name\":\"buyer1\"},\"receiver\":{\"name\":\"张三\",\"phone\":\"13800000000\",\"zip\":\"518000\",\"address\":\"广东省 深圳市 南山区 深南路1号\"},"
    "\"lines\":[{\"sku\":\"CHAIR-A\",\"title\":\"椅子\",\"quantity\":2,\"price\":\"50.00\"},{\"sku\":\"STOOL-B\",\"title\":\"凳子\",\"quantity\":1,\"price\":\"10.00\"}],"
    "\"raw_status\":\"等待卖家发货\"}\n"
    "{\"channel\":\"test-shop\",\"external_id\":\"2000000002\",\"status\":\"shipped\",\"placed_at\":\"2026-01-05T03:00:00.000Z\","
    "\"paid_at\":\"2026-01-05T03:01:00.000Z\",\"currency\":\"CNY\",\"total\":\"12.00\",\"freight\":\"0.00\",\"paid\":\"12.00\","
    "\"buyer\":{\"name\":\"buyer2\"},\"receiver\":{\"name\":\"李四\",\"phone\":\"13800000001\",\"address\":\"江苏省 苏州市 吴中区 东路2号\"},"
    "\"lines\":[{\"sku\":\"22\",\"title\":\"凳子\",\"quantity\":1,\"price\":\"10.00\"}],"
    "\"shipments\":[{\"carrier\":\"圆通速递\",\"tracking_no\":\"YT0000000000001\"}],\"remarks\":{\"buyer\":\"快点\"},\"raw_status\":\"等待买家确认收货\"}\n",
    false);
}

/* Order columns repeat on every row and must not be added up. */
TEST(sheet_jd)
{
  check_sheet(
    "订单号,商品ID,商品名称,订购数量,支付方式,下单时间,京东价,订单金额,结算金额,余额支付,应付金额,订单状态,订单类型,下单帐号,客户姓名,客户地址,联系电话,"
    "订单备注,发票类型,商家备注,商家备注等级（等级1-5为由高到低）,运费金额,付款确认时间,货号\n"
    "300000000001,1,书桌,1,货到付款,2026-02-01 09:00:00,100.00,130.00,130.00,0.00,136.00,等待出库,SOP,u1,张*,浙江省杭州市西湖区文三路100号,138****0000,,,,,6.00,"
    "2026-02-01 09:01:00,DESK\n"
    "300000000001,2,台灯,3,货到付款,2026-02-01 09:00:00,10.00,130.00,130.00,0.00,136.00,等待出库,SOP,u1,张*,浙江省杭州市西湖区文三路100号,138****0000,,,,,6.00,"
    "2026-02-01 09:01:00,LAMP\n",
    "{\"channel\":\"test-shop\",\"external_id\":\"300000000001\",\"status\":\"paid\",\"placed_at\":\"2026-02-01T01:00:00.000Z\","
    "\"paid_at\":\"2026-02-01T01:01:00.000Z\",\"currency\":\"CNY\",\"total\":\"136.00\",\"freight\":\"6.00\",\"buyer\":{\"id\":\"u1\"},"
    "\"receiver\":{\"name\":\"张*\",\"phone\":\"138****0000\",\"address\":\"浙江省杭州市西湖区文三路100号\"},"
    "\"lines\":[{\"sku\":\"DESK\",\"title\":\"书桌\",\"quantity\":1,\"price\":\"100.00\"},{\"sku\":\"LAMP\",\"title\":\"台灯\",\"quantity\":3,\"price\":\"10.00\"}],"
    "\"flags\":[\"cod\"],\"raw_status\":\"等待出库\"}\n",
    false);
}

TEST(sheet_pdd)
{
  check_sheet(
    "订单成交时间,商品,订单号,订单状态,商品总价(元),邮费(元),店铺优惠折扣(元),平台优惠折扣(元),多多支付立减金额(元),用户实付金额(元),商家实收金额(元),"
    "商品数量(件),发货时间,确认收货时间,商品id,商品规格,样式ID,商家编码-规格维度,商家编码-商品维度,商家备注,售后状态,快递单号,快递公司,支付时间\n"
    "2026-01-05 08:00:00,抽纸,260105-000000000000001,待发货,20.00,0.00,1.00,2.00,0.00,17.00,19.00,2,,,1,30包,1,TISSUE-30,TISSUE,,无售后或售后取消,,,\n"
    ",抽纸,260105-000000000000002,待发货,20.00,0.00,0.00,0.00,0.00,20.00,20.00,2,,,1,30包,1,,TISSUE,,退款成功,,,2026-01-05 09:00:00\n"
    "2026-01-05 10:00:00,抽纸,260105-000000000000003,已发货，待签收,20.00,0.00,0.00,0.00,0.00,20.00,20.00,1,2026-01-06 10:00:00,,1,30包,1,,,,,"
    "YT0000000000002,圆通快递,2026-01-05 10:00:01\n",
    "{\"channel\":\"test-shop\",\"external_id\":\"260105-000000000000001\",\"status\":\"paid\",\"placed_at\":\"2026-01-05T00:00:00.000Z\",\"currency\":\"CNY\","
    "\"total\":\"17.00\",\"freight\":\"0.00\",\"discount\":\"3.00\",\"paid\":\"17.00\",\"receiver\":{},"
    "\"lines\":[{\"sku\":\"TISSUE-30\",\"title\":\"抽纸 30包\",\"quantity\":2,\"price\":\"10.00\"}],\"raw_status\":\"待发货\"}\n"
    "{\"channel\":\"test-shop\",\"external_id\":\"260105-000000000000002\",\"status\":\"cancelled\",\"placed_at\":\"2026-01-05T01:00:00.000Z\","
    "\"paid_at\":\"2026-01-05T01:00:00.000Z\",\"currency\":\"CNY\",\"total\":\"20.00\",\"freight\":\"0.00\",\"discount\":\"0.00\",\"paid\":\"20.00\",\"receiver\":{},"
    "\"lines\":[{\"sku\":\"TISSUE\",\"title\":\"抽纸 30包\",\"quantity\":2,\"price\":\"10.00\"}],\"raw_status\":\"待发货\"}\n"
    "{\"channel\":\"test-shop\",\"external_id\":\"260105-000000000000003\",\"status\":\"shipped\",\"placed_at\":\"2026-01-05T02:00:00.000Z\","
    "\"paid_at\":\"2026-01-05T02:00:01.000Z\",\"currency\":\"CNY\",\"total\":\"20.00\",\"freight\":\"0.00\",\"discount\":\"0.00\",\"paid\":\"20.00\",\"receiver\":{},"
    "\"lines\":[{\"title\":\"抽纸 30包\",\"quantity\":1,\"price\":\"20.00\"}],"
    "\"shipments\":[{\"carrier\":\"圆通快递\",\"tracking_no\":\"YT0000000000002\",\"shipped_at\":\"2026-01-06T02:00:00.000Z\"}],\"raw_status\":\"已发货，待签收\"}\n",
    false);
}

/* A row per sub-order, each with its own status and parcel; the freight stands once, the rest is 0. */
TEST(sheet_douyin)
{
  check_sheet(
    "\xef\xbb\xbf主订单编号,子订单编号,选购商品,商品规格,商品数量,商品ID,商家编码,商品金额,订单应付金额,运费,收件人,收件人手机号,省,市,区,街道,详细地址,"
    "买家留言,订单提交时间,支付完成时间,支付方式,商家备注,订单状态,售后状态,取消原因,发货时间,快递信息\r\n"
    "\"\t4000000000000000001\",\"\t4000000000000000002\",窗帘,蓝,2,\"\t1\",CURTAIN,80.00,125.00,5.00,张三,13800000000,浙江省,杭州市,西湖区,-,文三路100号,-,"
    "2026-03-01 10:00:00,2026-03-01 10:00:30,微信,-,已发货,-,-,2026-03-02 09:00:00,SF0000000000002-顺丰速运\r\n"
    "\"\t4000000000000000001\",\"\t4000000000000000003\",挂钩,-,1,\"\t2\",HOOK,20.00,125.00,0.00,张三,13800000000,浙江省,杭州市,西湖区,-,文三路100号,-,"
    "2026-03-01 10:00:00,2026-03-01 10:00:30,微信,-,待发货,-,-,-,-\r\n"
    "\"\t4000000000000000001\",\"\t4000000000000000004\",轨道,-,1,\"\t3\",RAIL,20.00,125.00,0.00,张三,13800000000,浙江省,杭州市,西湖区,-,文三路100号,-,"
    "2026-03-01 10:00:00,2026-03-01 10:00:30,微信,-,已关闭,退款成功,不想要了,-,-\r\n",
    "{\"channel\":\"test-shop\",\"external_id\":\"4000000000000000001\",\"status\":\"partly_shipped\",\"placed_at\":\"2026-03-01T02:00:00.000Z\","
    "\"paid_at\":\"2026-03-01T02:00:30.000Z\",\"currency\":\"CNY\",\"total\":\"125.00\",\"freight\":\"5.00\","
    "\"receiver\":{\"name\":\"张三\",\"phone\":\"13800000000\",\"province\":\"浙江省\",\"city\":\"杭州市\",\"district\":\"西湖区\",\"address\":\"文三路100号\"},"
    "\"lines\":[{\"line_id\":\"4000000000000000002\",\"sku\":\"CURTAIN\",\"title\":\"窗帘 蓝\",\"quantity\":2,\"price\":\"40.00\"},"
    "{\"line_id\":\"4000000000000000003\",\"sku\":\"HOOK\",\"title\":\"挂钩\",\"quantity\":1,\"price\":\"20.00\"},"
    "{\"line_id\":\"4000000000000000004\",\"sku\":\"RAIL\",\"title\":\"轨道\",\"quantity\":1,\"price\":\"20.00\",\"refunded\":\"20.00\"}],"
    "\"shipments\":[{\"carrier\":\"顺丰速运\",\"tracking_no\":\"SF0000000000002\",\"shipped_at\":\"2026-03-02T01:00:00.000Z\"}],\"raw_status\":\"已发货\"}\n",
    false);
}

/* Where each sub-order has its own total and freight, they are added up. */
TEST(sheet_amounts_once_or_added)
{
  static const struct {
    const char *rows, *want; /* goods, freight, total per row -> total, freight */
  } cases[] = {
    { "10.00,2.00,32.00\n20.00,2.00,32.00", "\"total\":\"32.00\",\"freight\":\"2.00\"" }, /* both repeat */
    { "10.00,2.00,12.00\n20.00,3.00,23.00", "\"total\":\"35.00\",\"freight\":\"5.00\"" }, /* both per row */
    { "10.00,2.00,34.00\n20.00,2.00,34.00",
      "\"total\":\"34.00\",\"freight\":\"4.00\"" }, /* freight per row, total repeats */
    { "10.00,2.00,12.00\n10.00,2.00,12.00",
      "\"total\":\"24.00\",\"freight\":\"4.00\"" }, /* equal rows, but each its own */
    { "10.00,2.00,40.00\n20.00,1.00,40.00",
      "\"total\":\"40.00\",\"freight\":\"3.00\"" }, /* does not add up: equal once, different added */
    { "10.00,2.00,32.00\n20.00,,", "\"total\":\"32.00\",\"freight\":\"2.00\"" }, /* blank later */
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct arena a = { 0 };
    struct result r = { 0 };
    struct sheet_options o = SHEET_OPTIONS("s");
    struct buf csv = { 0 };
    const char *second = strchr(cases[i].rows, '\n') + 1;
    buf_str(&csv, "订单号,订单状态,下单时间,商品,数量,单价,运费,总金额\n");
    buf_printf(&csv, "A1,待发货,2026-01-01 10:00:00,x,1,%.*s", (int)(second - cases[i].rows), cases[i].rows);
    buf_printf(&csv, "A1,待发货,2026-01-01 10:00:00,y,1,%s\n", second);
    test_note("row %zu", i);
    read_sheet(&r, &o, csv.data, csv.len);
    CHECK(strstr(r.text.data, cases[i].want));
    buf_release(&csv), buf_release(&r.text);
    arena_release(&a);
  }
}

TEST(sheet_generic_shop)
{
  check_sheet(
    "订单号,产品条码,订单状态,买家ID,子订单编号,买家昵称,商品名称,产品规格,商品单价,商品数量,商品总价,运费,购买优惠信息,总金额,买家购买留言,收货人姓名,"
    "收货地址-省市,收货地址-街道地址,邮编,收货人手机,收货人电话,买家选择运送方式,卖家备忘内容,订单创建时间,付款时间,物流公司,物流单号,发货附言\n"
    "G1,690000000001,已付款,7,1,昵称,台灯,白,30.00,1,30.00,5.00,,35.00,,张三,浙江省 杭州市,西湖区文三路100号,310000,,0571-00000000,快递,,"
    "2026/1/5 10:00,2026/1/5 10:02,,,\n",
    "{\"channel\":\"test-shop\",\"external_id\":\"G1\",\"status\":\"paid\",\"placed_at\":\"2026-01-05T02:00:00.000Z\",\"paid_at\":\"2026-01-05T02:02:00.000Z\","
    "\"currency\":\"CNY\",\"total\":\"35.00\",\"freight\":\"5.00\",\"buyer\":{\"id\":\"7\",\"name\":\"昵称\"},"
    "\"receiver\":{\"name\":\"张三\",\"phone\":\"0571-00000000\",\"zip\":\"310000\",\"address\":\"浙江省 杭州市 西湖区文三路100号\"},"
    "\"lines\":[{\"line_id\":\"1\",\"sku\":\"690000000001\",\"title\":\"台灯 白\",\"quantity\":1,\"price\":\"30.00\"}],\"raw_status\":\"已付款\"}\n",
    false);
}

TEST(sheet_erp)
{
  check_sheet(
    "业务订单号,订单时间,买家姓名,付款订单号,付款状态,付款时间,卖家备注,买家备注,运费,应付金额,姓名,电话,座机,省,市,区,详细地址,邮编,在线sku,sku,商品名称,"
    "sku类型,数量,售价,快递,单号,发货时间,状态,业务员,便签,店铺名称\n"
    "E-1,2026-01-05 10:00:00,buyer,P1,已付款,2026-01-05 10:01:00,s,b,0,20.00,张三,,0571-00000000,浙江,杭州,西湖,文三路100号,,ON-1,SKU-1,杯子,普通,2,10.00,"
    "中通,ZT0000000000001,2026-01-06 10:00:00,已发货,,,店\n",
    "{\"channel\":\"test-shop\",\"external_id\":\"E-1\",\"status\":\"shipped\",\"placed_at\":\"2026-01-05T02:00:00.000Z\",\"paid_at\":\"2026-01-05T02:01:00.000Z\","
    "\"currency\":\"CNY\",\"total\":\"20.00\",\"freight\":\"0.00\",\"buyer\":{\"name\":\"buyer\"},"
    "\"receiver\":{\"name\":\"张三\",\"phone\":\"0571-00000000\",\"province\":\"浙江\",\"city\":\"杭州\",\"district\":\"西湖\",\"address\":\"文三路100号\"},"
    "\"lines\":[{\"sku\":\"SKU-1\",\"title\":\"杯子\",\"quantity\":2,\"price\":\"10.00\"}],"
    "\"shipments\":[{\"carrier\":\"中通\",\"tracking_no\":\"ZT0000000000001\",\"shipped_at\":\"2026-01-06T02:00:00.000Z\"}],"
    "\"remarks\":{\"buyer\":\"b\",\"seller\":\"s\"},\"raw_status\":\"已发货\"}\n",
    false);
}

/* Payment and fulfilment apart, order columns only in the first row, the id column optional. */
TEST(sheet_shopify)
{
  check_sheet(
    "Name,Email,Financial Status,Paid at,Fulfillment Status,Fulfilled at,Currency,Subtotal,Shipping,Taxes,Total,Discount Code,Discount Amount,"
    "Shipping Method,Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku,Shipping Name,Shipping Street,Shipping Address1,Shipping Address2,"
    "Shipping Company,Shipping City,Shipping Zip,Shipping Province,Shipping Country,Shipping Phone,Notes,Cancelled at\n"
    "#1001,a@example.com,paid,2026-01-05 10:01:00 +0000,partial,,USD,25.00,5.00,0.00,30.00,,5.00,std,2026-01-05 10:00:00 +0000,1,Mug,10.00,MUG,Jane Doe,"
    "1 Example St Apt 2,1 Example St,Apt 2,,Springfield,'00501,NY,US,'+1 555 0100,,\n"
    "#1001,a@example.com,,,,,,,,,,,,,2026-01-05 10:00:00 +0000,2,Plate,10.00,PLATE,,,,,,,,,,,,\n"
    "#1002,b@example.com,paid,2026-01-05 11:01:00 +0000,unfulfilled,,USD,10.00,0.00,0.00,10.00,,0.00,std,2026-01-05 11:00:00 +0000,1,Mug,10.00,MUG,John Doe,"
    ",2 Example St,,,Springfield,'00501,NY,US,,,2026-01-06 10:00:00 +0000\n",
    "{\"channel\":\"test-shop\",\"external_id\":\"#1001\",\"status\":\"partly_shipped\",\"placed_at\":\"2026-01-05T10:00:00.000Z\","
    "\"paid_at\":\"2026-01-05T10:01:00.000Z\",\"currency\":\"USD\",\"total\":\"30.00\",\"freight\":\"5.00\",\"discount\":\"5.00\","
    "\"receiver\":{\"name\":\"Jane Doe\",\"phone\":\"+1 555 0100\",\"country\":\"US\",\"province\":\"NY\",\"city\":\"Springfield\",\"zip\":\"00501\","
    "\"address\":\"1 Example St Apt 2\"},"
    "\"lines\":[{\"sku\":\"MUG\",\"title\":\"Mug\",\"quantity\":1,\"price\":\"10.00\"},{\"sku\":\"PLATE\",\"title\":\"Plate\",\"quantity\":2,\"price\":\"10.00\"}],"
    "\"raw_status\":\"paid, partial\"}\n"
    "{\"channel\":\"test-shop\",\"external_id\":\"#1002\",\"status\":\"cancelled\",\"placed_at\":\"2026-01-05T11:00:00.000Z\","
    "\"paid_at\":\"2026-01-05T11:01:00.000Z\",\"currency\":\"USD\",\"total\":\"10.00\",\"freight\":\"0.00\",\"discount\":\"0.00\","
    "\"receiver\":{\"name\":\"John Doe\",\"country\":\"US\",\"province\":\"NY\",\"city\":\"Springfield\",\"zip\":\"00501\",\"address\":\"2 Example St\"},"
    "\"lines\":[{\"sku\":\"MUG\",\"title\":\"Mug\",\"quantity\":1,\"price\":\"10.00\"}],\"raw_status\":\"paid, unfulfilled\"}\n",
    false);
}

/* The headers that orderd itself uses, for sheets people make. */
TEST(sheet_own_columns)
{
  check_sheet(
    "channel,external_id,status,placed_at,paid_at,updated_at,ship_by,currency,total,freight,discount,paid,buyer_id,buyer_name,buyer_phone,receiver_name,"
    "receiver_phone,country,province,city,district,town,address,zip,token,line_id,sku,title,quantity,price,line_discount,refunded,carrier,tracking_no,shipped_at,"
    "buyer_remark,seller_remark,flag,service\n"
    "test-shop,O-1,shipped,2026-11-11T00:03:21+08:00,2026-11-11T00:03:40Z,2026-11-11 00:03:41,2026-11-13,CNY,189.00,0.00,10.00,189.00,b1,张三,13800000001,张三,"
    "13800000000,CN,浙江省,杭州市,西湖区,文新街道,文三路100号,310000,tok,1,SOFA-3S,三人沙发,1,199.00,10.00,0.00,SF,SF0000000000003,2026-11-12 10:00:00,b,s,red,express\n",
    "{\"channel\":\"test-shop\",\"external_id\":\"O-1\",\"status\":\"shipped\",\"placed_at\":\"2026-11-10T16:03:21.000Z\","
    "\"paid_at\":\"2026-11-11T00:03:40.000Z\",\"updated_at\":\"2026-11-10T16:03:41.000Z\",\"ship_by\":\"2026-11-12T16:00:00.000Z\",\"currency\":\"CNY\","
    "\"total\":\"189.00\",\"freight\":\"0.00\",\"discount\":\"10.00\",\"paid\":\"189.00\",\"buyer\":{\"id\":\"b1\",\"name\":\"张三\",\"phone\":\"13800000001\"},"
    "\"receiver\":{\"name\":\"张三\",\"phone\":\"13800000000\",\"country\":\"CN\",\"province\":\"浙江省\",\"city\":\"杭州市\",\"district\":\"西湖区\",\"town\":\"文新街道\","
    "\"zip\":\"310000\",\"token\":\"tok\",\"address\":\"文三路100号\"},"
    "\"lines\":[{\"line_id\":\"1\",\"sku\":\"SOFA-3S\",\"title\":\"三人沙发\",\"quantity\":1,\"price\":\"199.00\",\"discount\":\"10.00\",\"refunded\":\"0.00\"}],"
    "\"shipments\":[{\"carrier\":\"SF\",\"tracking_no\":\"SF0000000000003\",\"shipped_at\":\"2026-11-12T02:00:00.000Z\"}],"
    "\"remarks\":{\"buyer\":\"b\",\"seller\":\"s\",\"flag\":\"red\"},\"service\":\"express\",\"raw_status\":\"shipped\"}\n",
    false);
}

/* Statements and lists without items are no orders, and the reason says what they lack. */
TEST(sheet_headers_that_say_too_little)
{
  static const struct {
    const char *csv, *want;
  } cases[] = {
    { "账务流水号,业务流水号,商户订单号,商品名称,发生时间,对方账号,收入金额（+元）,支出金额（-元）\n1,2,3,4,5,6,7,8\n",
      "! 1 [] header_unknown\n" },
    { "交易时间,公众账号ID,商户号,微信订单号,商户订单号,交易状态,总金额,商品名称\n`1,`2,`3,`4,`5,`6,`7,`8\n",
      "! 1 [] header_unknown\n" },
    { "动账时间,动帐流水号,子订单号,订单号,订单实付应结,备注\n1,2,3,4,5,6\n", "! 1 [] header_unknown\n" },
    { "订单号,客户,收件人,手机,省,市,区,详细地址,运费,货款,总金额,状态,物流单号,物流公司,下单时间\n1,,,,,,,,,,,,,,\n",
      "! 1 [] header_unknown\n" },
    { "\n\n,,\nfoo,bar\n", "! 4 [] header_unknown\n" },
    { "", "! 0 [] header_unknown\n" },
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    test_note("row %zu", i);
    check_sheet(cases[i].csv, cases[i].want, false);
  }
}

#define HEAD "订单号,订单状态,下单时间,商品,数量,总金额\n"
#define TAIL ",待发货,2026-01-05 10:00:00,杯子,1,10.00\n"

/* A title and notes above the headers. */
TEST(sheet_preamble)
{
  check_sheet("订单导出报表\n\n导出时间:,2026-01-06\n" HEAD "A1" TAIL, "5 order A1\n", true);
  check_sheet("1\n2\n3\n4\n5\n6\n7\n8\n9\n" HEAD "A1" TAIL, "11 order A1\n", true);
  check_sheet("1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n" HEAD "A1" TAIL, "1 header_unknown\n", true);
}

/* ---- what is refused ------------------------------------------------------------------------------------ */

TEST(sheet_refusals)
{
  static const char head[] =
    "订单号,订单状态,下单时间,付款时间,商品,商家编码,数量,单价,总金额,手机,物流单号,channel,币种,子订单号\n";
  static const struct {
    const char *rows, *want;
  } cases[] = {
    { "A1,待发货,2026-01-05 10:00,,杯子,,1,10.00,10.00,13800000000,,,,\n", "2 order A1\n" },
    /* numbers a spreadsheet has rounded */
    { "4610611175417320000,待发货,2026-01-05 10:00,,杯子,,1,10,10,,,,,\n", "! 2 [订单号] id_damaged\n" },
    { "4.61061E+18,待发货,2026-01-05 10:00,,杯子,,1,10,10,,,,,\n", "! 2 [订单号] id_damaged\n" },
    { "\"=\"\"4610611175417320000\"\"\",待发货,2026-01-05 10:00,,杯子,,1,10,10,,,,,\n",
      "2 order 4610611175417320000\n" },
    { "416059321366.0,待发货,2026-01-05 10:00,,杯子,,1,10,10,,,,,\n", "! 2 [订单号] id_damaged\n" },
    { "=723767262483919535,待发货,2026-01-05 10:00,,杯子,,1,10,10,,,,,\n", "! 2 [订单号] id_damaged\n" },
    { "A1,待发货,2026-01-05 10:00,,杯子,,1,10,10,,,,,4610611175417320000\n", "! 2 [子订单号] id_damaged\n" },
    { "A1,待发货,2026-01-05 10:00,,杯子,,1,10,10,1.38123E+10,,,,\n", "! 2 [手机] phone_damaged\n" },
    { "A1,待发货,2026-01-05 10:00,,杯子,,1,10,10,'1.38123E+10,,,,\n", "! 2 [手机] phone_damaged\n" },
    { "A1,待发货,2026-01-05 10:00,,,6.9E+12,1,10,10,,,,,\n", "! 2 [商家编码] sku_damaged\n" },
    { "A1,已发货,2026-01-05 10:00,,杯子,,1,10,10,,7.73E+14,,,\n", "! 2 [物流单号] waybill_damaged\n" },
    { "#REF!,待发货,2026-01-05 10:00,,杯子,,1,10,10,,,,,\n", "! 2 [订单号] cell_error\n" },
    { "A1,待发货,##########,,杯子,,1,10,10,,,,,\n", "! 2 [下单时间] cell_error\n" },
    /* what is not said, or not understood */
    { ",待发货,2026-01-05 10:00,,杯子,,1,10,10,,,,,\n", "! 2 [订单号] id_missing\n" },
    { "A1,已锁定,2026-01-05 10:00,,杯子,,1,10,10,,,,,\n", "! 2 [订单状态] status_unknown\n" },
    { "A1,,2026-01-05 10:00,,杯子,,1,10,10,,,,,\n", "! 2 [] status_missing\n" },
    { "A1,待发货,,,杯子,,1,10,10,,,,,\n", "! 2 [下单时间] placed_at_missing\n" },
    { "A1,待发货,,2026-01-05 10:00,杯子,,1,10,10,,,,,\n", "2 order A1\n" },
    { "A1,待发货,2026-02-30 10:00,,杯子,,1,10,10,,,,,\n", "! 2 [下单时间] time_invalid\n" },
    { "A1,待发货,45678.5,,杯子,,1,10,10,,,,,\n", "! 2 [下单时间] time_invalid\n" },
    { "A1,待发货,2026-01-05 10:00,,,,1,10,10,,,,,\n", "! 2 [商品] item_missing\n" },
    { "A1,待发货,2026-01-05 10:00,,杯子,,0,10,10,,,,,\n", "! 2 [数量] quantity_invalid\n" },
    { "A1,待发货,2026-01-05 10:00,,杯子,,,10,10,,,,,\n", "! 2 [数量] quantity_invalid\n" },
    { "A1,待发货,2026-01-05 10:00,,杯子,,1.5,10,10,,,,,\n", "! 2 [数量] quantity_invalid\n" },
    { "A1,待发货,2026-01-05 10:00,,杯子,,1,10,1.0E+05,,,,,\n", "! 2 [总金额] money_invalid\n" },
    { "A1,待发货,2026-01-05 10:00,,杯子,,1,-10,10,,,,,\n", "! 2 [单价] money_invalid\n" },
    { "A1,待发货,2026-01-05 10:00,,杯子,,1000000,999999999,10,,,,,\n", "! 2 [单价] money_invalid\n" },
    { "A1,待发货,2026-01-05 10:00,,杯子,,1,,,,,,,\n", "! 2 [] total_missing\n" },
    { "A1,待发货,2026-01-05 10:00,,杯子,,3,2.50,,,,,,\n", "2 order A1\n" }, /* 7.50 by the rows */
    { "A1,待发货,2026-01-05 10:00,,杯子,,1,10,10,,,other-shop,,\n", "! 2 [channel] channel_differs\n" },
    { "A1,待发货,2026-01-05 10:00,,杯子,,1,10,10,,,test-shop,RMB,\n", "2 order A1\n" },
    { "A1,待发货,2026-01-05 10:00,,杯子,,1,10,10,,,,XXY,\n", "! 2 [币种] currency_unknown\n" },
    { "A1,待发货,2026-01-05 10:00,,杯子,,1,10,10,,,,,,,x\n", "! 2 [] too_many_cells\n" },
    { "A1,待发货,2026-01-05 10:00,,杯子,,1,10,10,,,,,,,\n", "2 order A1\n" },
    { "A1,待发货,2026-01-05 10:00,,\"杯\xff子\",,1,10,10,,,,,\n", "! 2 [] bad_row\n" },
    /* never half an order */
    { "A1,待发货,2026-01-05 10:00,,杯子,,1,10,20,,,,,\nA1,待发货,2026-01-05 10:00,,碟子,,x,10,20,,,,,\n",
      "! 2 [] order_refused\n! 3 [数量] quantity_invalid\n" },
    { "A1,待发货,2026-01-05 10:00,,杯子,,1,10,20,,,,,\nA1,待发货,2026-01-05 10:00,,碟子,,1,10,20,1.3E+10,,,,\n",
      "! 2 [] order_refused\n! 3 [手机] phone_damaged\n" },
    { "A1,待发货,2026-01-05 10:00,,杯子,,1,10,20,,,,,7\nA1,待发货,2026-01-05 10:00,,碟子,,1,10,20,,,,,7\n",
      "! 2 [] order_refused\n! 3 [子订单号] line_repeated\n" },
    { ",待发货,2026-01-05 10:00,,杯子,,1,10,20,,,,,\n,,,,碟子,,1,10,,,,,,\n",
      "! 2 [订单号] id_missing\n! 3 [] order_refused\n" },
    { ",,,,碟子,,1,10,,,,,,\n", "! 2 [订单号] id_missing\n" },
    /* a row between two of one order is lost: so is the order */
    { "A1,待发货,2026-01-05 10:00,,杯子,,1,10,30,,,,,\nA1,\xff\nA1,待发货,2026-01-05 10:00,,碟子,,1,20,30,,,,,\n",
      "! 3 [] bad_row\n! 2 [] order_refused\n! 4 [] row_lost\n" },
    { "A1,待发货,2026-01-05 10:00,,杯子,,1,10,30,,,,,\nA1,\xff\n,,,,碟子,,1,20,,,,,,\n",
      "! 3 [] bad_row\n! 2 [] order_refused\n! 4 [] row_lost\n" },
    /* beside an order: only what adds up is given */
    { "A1,待发货,2026-01-05 10:00,,杯子,,1,10,10,,,,,\nA2,\xff\nA3,待发货,2026-01-05 10:00,,杯子,,1,10,10,,,,,\n",
      "! 3 [] bad_row\n2 order A1\n4 order A3\n" },
    { "A1,待发货,2026-01-05 10:00,,杯子,,1,10,30,,,,,\n?,\xff\nA3,待发货,2026-01-05 10:00,,杯子,,1,10,10,,,,,\n",
      "! 3 [] bad_row\n! 2 [] row_lost\n4 order A3\n" },
    { "A1,待发货,2026-01-05 10:00,,杯子,,1,10,10,,,,,\n?,\xff\nA3,待发货,2026-01-05 10:00,,杯子,,1,10,30,,,,,\n",
      "! 3 [] bad_row\n2 order A1\n! 4 [] row_lost\n" },
    /* the same order further down: the same again is nothing new, another content is half an order */
    { "A1,待发货,2026-01-05 10:00,,杯子,,1,10,10,,,,,\nA2,待发货,2026-01-05 10:00,,杯子,,1,10,10,,,,,\nA1,待发货,2026-01-05 10:00,,杯子,,1,10,10,,,,,\n",
      "2 order A1\n3 order A2\n4 order A1\n" },
    { "A1,待发货,2026-01-05 10:00,,杯子,,1,10,10,,,,,\nA2,待发货,2026-01-05 10:00,,杯子,,1,10,10,,,,,\nA1,待发货,2026-01-05 10:00,,碟子,,1,10,10,,,,,\n",
      "2 order A1\n3 order A2\n! 4 [订单号] id_repeated\n" },
    { "A1,待发货,2026-01-05 10:00,,杯子,,x,10,10,,,,,\nA2,待发货,2026-01-05 10:00,,杯子,,1,10,10,,,,,\nA1,待发货,2026-01-05 10:00,,杯子,,1,10,10,,,,,\n",
      "! 2 [数量] quantity_invalid\n3 order A2\n! 4 [订单号] id_repeated\n" },
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct result r = { 0 };
    struct sheet_options o = SHEET_OPTIONS("test-shop");
    struct buf csv = { 0 }, want = { 0 };
    buf_str(&csv, head), buf_str(&csv, cases[i].rows);
    test_note("case %zu: %s", i, cases[i].rows);
    /* Orders are compared by number only: turn them into the short form. */
    read_sheet(&r, &o, csv.data, csv.len);
    struct result codes = { .only_codes = true };
    read_sheet(&codes, &o, csv.data, csv.len);
    const char *full = r.text.len ? r.text.data : "", *brief = codes.text.len ? codes.text.data : "";
    for (; *full && *brief; full = strchr(full, '\n') + 1, brief = strchr(brief, '\n') + 1) {
      const char *line = *full == '!' ? full : brief;
      buf_put(&want, line, strcspn(line, "\n") + 1);
    }
    CHECK_STR(want.data, cases[i].want);
    buf_release(&csv), buf_release(&want), buf_release(&r.text), buf_release(&codes.text);
  }
}

TEST(sheet_status_without_a_column)
{
  static const char head[] = "订单号,下单时间,商品,数量,总金额,物流单号\n";
  static const struct {
    const char *row, *fallback, *want;
  } cases[] = {
    { "A1,2026-01-05,杯子,1,10,\n", NULL, "\"status\":\"paid\"" },
    { "A1,2026-01-05,杯子,1,10,SF0000000000001\n", NULL, "\"status\":\"shipped\"" },
    { "A1,2026-01-05,杯子,1,10,\n", "placed", "\"status\":\"placed\"" },
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct result r = { 0 };
    struct sheet_options o = SHEET_OPTIONS("s");
    struct buf csv = { 0 };
    o.status = cases[i].fallback;
    buf_str(&csv, head), buf_str(&csv, cases[i].row);
    read_sheet(&r, &o, csv.data, csv.len);
    CHECK(strstr(r.text.data, cases[i].want));
    buf_release(&csv), buf_release(&r.text);
  }
}

TEST(sheet_options_count)
{
  struct result r = { .only_codes = false };
  struct sheet_options o = { .channel = NULL, .currency = "JPY", .zone_min = 540 };
  static const char csv[] =
    "channel,订单号,订单状态,下单时间,商品,数量,总金额\nshop-a,A1,待发货,2026-01-05 10:00:00,杯子,1,300\n,A2,待发货,2026-01-05,杯子,1,300\n";
  read_sheet(&r, &o, csv, sizeof(csv) - 1);
  CHECK_STR(
    r.text.data,
    "{\"channel\":\"shop-a\",\"external_id\":\"A1\",\"status\":\"paid\",\"placed_at\":\"2026-01-05T01:00:00.000Z\",\"currency\":\"JPY\","
    "\"total\":\"300\",\"receiver\":{},\"lines\":[{\"title\":\"杯子\",\"quantity\":1}],\"raw_status\":\"待发货\"}\n"
    "! 3 [] channel_missing\n");
  buf_release(&r.text);
}

TEST(sheet_parcels)
{
  static const struct {
    const char *carrier, *waybill, *together, *want;
  } cases[] = {
    { "顺丰", "SF0000000000001", "", "[{\"carrier\":\"顺丰\",\"tracking_no\":\"SF0000000000001\"}]" },
    { "", "JDVA00000000001-1-1-", "", "[{\"tracking_no\":\"JDVA00000000001-1-1-\"}]" },
    { "顺丰", "\"SF0000000000001,SF0000000000002\"", "",
      "[{\"carrier\":\"顺丰\",\"tracking_no\":\"SF0000000000001\"},{\"carrier\":\"顺丰\",\"tracking_no\":\"SF0000000000002\"}]" },
    { "顺丰", "\"SF0000000000001\nSF0000000000002\"", "",
      "[{\"carrier\":\"顺丰\",\"tracking_no\":\"SF0000000000001\"},{\"carrier\":\"顺丰\",\"tracking_no\":\"SF0000000000002\"}]" },
    { "圆通", "SF0000000000001；SF0000000000001", "",
      "[{\"carrier\":\"圆通\",\"tracking_no\":\"SF0000000000001\"}]" },
    { "", "", "SF0000000000001-顺丰速运",
      "[{\"carrier\":\"顺丰速运\",\"tracking_no\":\"SF0000000000001\"}]" },
    { "", "", "圆通速递（YT0000000000001）",
      "[{\"carrier\":\"圆通速递\",\"tracking_no\":\"YT0000000000001\"}]" },
    { "", "No:773000000000001", "", "[{\"tracking_no\":\"773000000000001\"}]" },
    { "无需物流", "无需物流", "", NULL },
    { "", "", "-", NULL },
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct result r = { 0 };
    struct sheet_options o = SHEET_OPTIONS("s");
    struct buf csv = { 0 };
    buf_str(&csv, "订单号,订单状态,下单时间,商品,数量,总金额,物流公司,物流单号,快递信息\n");
    buf_printf(&csv, "A1,已发货,2026-01-05,杯子,1,10,%s,%s,%s\n", cases[i].carrier, cases[i].waybill,
               cases[i].together);
    read_sheet(&r, &o, csv.data, csv.len);
    test_note("row %zu: %s", i, r.text.data);
    const char *at = strstr(r.text.data, "\"shipments\":");
    CHECK_INT(at != NULL, cases[i].want != NULL);
    if (at && cases[i].want)
      CHECK(!strncmp(at + strlen("\"shipments\":"), cases[i].want, strlen(cases[i].want)));
    buf_release(&csv), buf_release(&r.text);
  }
}

TEST(sheet_gb18030)
{
  /* 订单号,状态,下单时间,商品,数量,总金额 / A1,待发货,…,杯子,1,10 */
  static const char csv[] =
    "\xb6\xa9\xb5\xa5\xba\xc5,\xd7\xb4\xcc\xac,\xcf\xc2\xb5\xa5\xca\xb1\xbc\xe4,\xc9\xcc\xc6\xb7,\xca\xfd\xc1\xbf,\xd7\xdc\xbd\xf0\xb6\xee\r\n"
    "A1,\xb4\xfd\xb7\xa2\xbb\xf5,2026-01-05 10:00:00,\xb1\xad\xd7\xd3,1,10\r\n";
  struct result r = { 0 };
  struct sheet_options o = SHEET_OPTIONS("s");
  read_sheet(&r, &o, csv, sizeof(csv) - 1);
  CHECK(strstr(r.text.data, "\"title\":\"杯子\"") && strstr(r.text.data, "\"raw_status\":\"待发货\""));
  buf_release(&r.text);
}

/* Too long an order: all its rows are refused, and memory stays bounded. */
TEST(sheet_too_many_rows)
{
  static const struct {
    int rows, orders, refused;
  } cases[] = { { SHEET_ROWS_MAX, 1, 0 },
                { SHEET_ROWS_MAX + 1, 0, SHEET_ROWS_MAX + 1 },
                { SHEET_ROWS_MAX * 3, 0, SHEET_ROWS_MAX * 3 } };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct result r = { .only_codes = true };
    struct sheet_options o = SHEET_OPTIONS("s");
    struct buf csv = { 0 };
    buf_str(&csv, HEAD);
    for (int k = 0; k < cases[i].rows; k++) buf_str(&csv, "A1" TAIL);
    read_sheet(&r, &o, csv.data, csv.len);
    test_note("%d rows", cases[i].rows);
    CHECK_INT(r.orders, cases[i].orders);
    CHECK_INT(r.refused, cases[i].refused);
    buf_release(&csv), buf_release(&r.text);
  }
}

static void ignore_order(void *arg, int64_t first_row, const char *json, size_t n)
{
  (void)arg, (void)first_row, (void)json, (void)n;
}

static void keep_raw(void *arg, int64_t row, const char *column, const char *code, const char *detail,
                     const char *raw_json, size_t n)
{
  (void)row, (void)column, (void)code, (void)detail;
  buf_put(arg, raw_json, n);
}

/* Two columns of one name, one without a name, and a cell that must be escaped. */
TEST(sheet_raw_row_of_a_refusal)
{
  static const char csv[] =
    "订单号,备注,备注,,下单时间,商品,数量,总金额\n,\"a\"\"b\",c,d,2026-01-05,杯子,1,10\n";
  struct sheet_options o = SHEET_OPTIONS("s");
  struct buf raw = { 0 };
  struct sheet *s = sheet_new(&o, ignore_order, keep_raw, &raw);
  struct csv *c = csv_new(sheet_row, s);
  csv_feed(c, csv, sizeof(csv) - 1);
  csv_end(c), sheet_end(s);
  CHECK_STR(
    raw.data,
    "{\"备注\":\"a\\\"b\",\"备注 #3\":\"c\",\"#4\":\"d\",\"下单时间\":\"2026-01-05\",\"商品\":\"杯子\",\"数量\":\"1\",\"总金额\":\"10\"}");
  csv_free(c), sheet_free(s), buf_release(&raw);
}

/* ---- properties ---------------------------------------------------------------------------------------- */

static const char *pick(uint64_t *seed, const char *const *from, size_t n)
{
  return from[test_random(seed) % n];
}
#define PICK(seed, ...) \
  pick(seed, (const char *const[]){ __VA_ARGS__ }, COUNT(((const char *const[]){ __VA_ARGS__ })))

/* Rows of few orders in any order, with damage of every kind. */
static int random_rows(struct buf *csv, uint64_t *seed)
{
  int rows = (int)(test_random(seed) % 12), counted = 0;
  buf_str(csv, "订单号,子订单编号,订单状态,下单时间,商品,数量,商品金额,运费,总金额,手机,快递信息\n");
  for (int i = 0; i < rows; i++) {
    if (!(test_random(seed) % 15)) {
      buf_str(csv, PICK(seed, "\n", ",,,\n", "\xff\n", "a,b,c,d,e,f,g,h,i,j,k,l\n"));
      counted += csv->data[csv->len - 2] == 'l' || csv->data[csv->len - 2] == '\xff';
      continue;
    }
    buf_printf(csv, "%s,", PICK(seed, "A1", "A1", "A1", "A2", "A3", "", "4610611175417320000", "=\"12\""));
    buf_printf(csv, "%s,", PICK(seed, "", "", "1", "2", "1.2E+18"));
    buf_printf(csv, "%s,", PICK(seed, "待发货", "待发货", "待发货", "已发货", "", "乱"));
    buf_printf(csv, "%s,", PICK(seed, "2026-01-05 10:00", "2026-01-05 10:00", "2026-01-05 10:00", "", "x"));
    buf_printf(csv, "%s,", PICK(seed, "杯子", "碟子", "杯子", ""));
    buf_printf(csv, "%s,%s,", PICK(seed, "1", "2", "3", "0"), PICK(seed, "10.00", "10.00", "9.99", "", "x"));
    buf_printf(csv, "%s,%s,", PICK(seed, "0", "5", ""), PICK(seed, "10.00", "20.00", "15.00", ""));
    buf_printf(csv, "%s,%s\n", PICK(seed, "13800000000", "", "1.38E+10"),
               PICK(seed, "", "SF0000000000001-顺丰"));
    counted++;
  }
  return counted;
}

/* Every row is in exactly one order, or is refused once. (draft_parse looks at each order: on_order.) */
TEST(sheet_every_row_counts_once)
{
  int orders = 0, refused = 0;
  for (uint64_t i = 0; i < 4000; i++) {
    uint64_t seed = i;
    struct result r = { .only_codes = true };
    struct sheet_options o = SHEET_OPTIONS("s");
    struct buf csv = { 0 };
    int rows = random_rows(&csv, &seed);
    test_note("seed %llu: %s", (unsigned long long)i, csv.data);
    read_sheet(&r, &o, csv.data, csv.len);
    CHECK_INT(r.lines + r.refused, rows);
    orders += r.orders, refused += r.refused;
    buf_release(&csv), buf_release(&r.text);
  }
  CHECK(orders > 500 && refused > 500); /* both happen */
}

/* ---- the pretend exports, where they are at hand ---------------------------------------------------------- */

static bool read_gz(const char *path, struct buf *out)
{
  gzFile f = gzopen(path, "rb");
  char block[65536];
  int n;
  if (!f) return false;
  while ((n = gzread(f, block, sizeof(block))) > 0) buf_put(out, block, (size_t)n);
  gzclose(f);
  return n == 0;
}

/* Each damage that was put into a sheet is refused, and nothing else is. The numbers of damaged orders
 * are those of the feed's answers (sheet_order_no_blank, _15_digits, sheet_phone_scientific). */
TEST(sheet_feed)
{
  static const struct {
    const char *name;
    int orders, blank, rounded, phone; /* orders in all, and the damaged ones among them */
  } feeds[] = { { "tmao", 699, 8, 33, 0 },
                { "jdd", 680, 19, 0, 0 },
                { "dou", 647, 18, 29, 2 },
                { "shop", 411, 8, 0, 1 },
                { "wx", 285, 7, 0, 2 } };
  for (size_t i = 0; i < COUNT(feeds); i++) {
    struct buf csv = { 0 };
    struct result r = { .only_codes = true };
    struct sheet_options o = SHEET_OPTIONS(feeds[i].name);
    char path[128];
    snprintf(path, sizeof(path), "../shared/data/feed/sheet_%s.csv.gz", feeds[i].name);
    if (!read_gz(path, &csv)) SKIP("the pretend feed is not here");
    test_note("%s", feeds[i].name);
    read_sheet(&r, &o, csv.data, csv.len);
    CHECK_INT(r.orders, feeds[i].orders - feeds[i].blank - feeds[i].rounded - feeds[i].phone);
    int blank = 0, rounded = 0, phone = 0, other = 0;
    for (char *line = strtok(r.text.data, "\n"); line; line = strtok(NULL, "\n")) {
      const char *code = strchr(line, ' ') + 1;
      if (!strncmp(code, "order ", 6) || !strcmp(code, "order_refused")) continue;
      if (!strcmp(code, "id_missing")) blank++;
      else if (!strcmp(code, "id_damaged")) rounded++;
      else if (!strcmp(code, "phone_damaged")) phone++;
      else other++;
    }
    CHECK(blank >= feeds[i].blank && rounded >= feeds[i].rounded); /* rows: an order may have several */
    CHECK_INT(phone, feeds[i].phone);
    CHECK_INT(other, 0);
    buf_release(&csv), buf_release(&r.text);
  }
}
