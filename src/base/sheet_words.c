/* sheet_words.c: what headers and status words of order exports mean. Only tables; an entry is written
 * the way fold() leaves it: half-width, lower case, without blanks, _ - * and units in brackets. */
#include "base.h"

static const char *const field_names[] = {
#define X(id, name) [SHEET_##id] = name,
  SHEET_FIELD_MAP(X)
#undef X
};

const char *sheet_field_name(enum sheet_field f)
{
  must(f < SHEET_FIELD_N);
  return field_names[f];
}

/* Of several columns with one meaning the one further up here is read first. */
static const struct {
  const char *header;
  enum sheet_field field;
} headers[] = {
  { "渠道", SHEET_CHANNEL },
  { "主订单编号", SHEET_ORDER_NO },
  { "主订单号", SHEET_ORDER_NO },
  { "订单编号", SHEET_ORDER_NO },
  { "订单号", SHEET_ORDER_NO },
  { "业务订单号", SHEET_ORDER_NO },
  { "商户订单号", SHEET_ORDER_NO },
  { "平台订单号", SHEET_ORDER_NO },
  { "原始单号", SHEET_ORDER_NO },
  { "orderid", SHEET_ORDER_NO },
  { "orderno", SHEET_ORDER_NO },
  { "ordernumber", SHEET_ORDER_NO },
  { "订单状态", SHEET_STATUS },
  { "状态", SHEET_STATUS },
  { "交易状态", SHEET_STATUS },
  { "orderstatus", SHEET_STATUS },
  { "付款状态", SHEET_PAY_STATUS },
  { "支付状态", SHEET_PAY_STATUS },
  { "financialstatus", SHEET_PAY_STATUS },
  { "发货状态", SHEET_FULFIL_STATUS },
  { "fulfillmentstatus", SHEET_FULFIL_STATUS },
  { "售后状态", SHEET_REFUND_STATUS },
  { "退款状态", SHEET_REFUND_STATUS },
  { "canceledat", SHEET_CANCELLED_AT },
  { "订单创建时间", SHEET_PLACED_AT },
  { "下单时间", SHEET_PLACED_AT },
  { "订单提交时间", SHEET_PLACED_AT },
  { "订单时间", SHEET_PLACED_AT },
  { "拍单时间", SHEET_PLACED_AT },
  { "创建时间", SHEET_PLACED_AT },
  { "订单成交时间", SHEET_PLACED_AT },
  { "拼单成功时间", SHEET_PLACED_AT },
  { "createdat", SHEET_PLACED_AT },
  { "订单付款时间", SHEET_PAID_AT },
  { "付款时间", SHEET_PAID_AT },
  { "支付时间", SHEET_PAID_AT },
  { "支付完成时间", SHEET_PAID_AT },
  { "付款确认时间", SHEET_PAID_AT },
  { "修改时间", SHEET_UPDATED_AT },
  { "更新时间", SHEET_UPDATED_AT },
  { "承诺发货时间", SHEET_SHIP_BY },
  { "最晚发货时间", SHEET_SHIP_BY },
  { "币种", SHEET_CURRENCY },
  { "货币", SHEET_CURRENCY },
  /* what the buyer owes stands before what the goods cost */
  { "应付金额", SHEET_TOTAL },
  { "订单应付金额", SHEET_TOTAL },
  { "总金额", SHEET_TOTAL },
  { "订单总金额", SHEET_TOTAL },
  { "订单总额", SHEET_TOTAL },
  { "订单金额", SHEET_TOTAL },
  { "买家实际支付金额", SHEET_PAID },
  { "用户实付金额", SHEET_PAID },
  { "实付款", SHEET_PAID },
  { "实付金额", SHEET_PAID },
  { "支付金额", SHEET_PAID },
  { "买家应付货款", SHEET_GOODS },
  { "商品总价", SHEET_GOODS },
  { "货品总价", SHEET_GOODS },
  { "商品金额", SHEET_GOODS },
  { "货款", SHEET_GOODS },
  { "subtotal", SHEET_GOODS },
  { "买家应付邮费", SHEET_FREIGHT },
  { "邮费", SHEET_FREIGHT },
  { "运费", SHEET_FREIGHT },
  { "运费金额", SHEET_FREIGHT },
  { "shipping", SHEET_FREIGHT },
  { "店铺优惠折扣", SHEET_DISCOUNT },
  { "商家实际承担优惠金额", SHEET_DISCOUNT },
  { "优惠金额", SHEET_DISCOUNT },
  { "discountamount", SHEET_DISCOUNT },
  { "平台优惠折扣", SHEET_DISCOUNT_MORE },
  { "平台实际承担优惠金额", SHEET_DISCOUNT_MORE },
  { "涨价或折扣", SHEET_PRICE_CHANGE },
  { "支付方式", SHEET_PAY_METHOD },
  { "付款方式", SHEET_PAY_METHOD },
  { "买家id", SHEET_BUYER_ID },
  { "下单帐号", SHEET_BUYER_ID },
  { "下单账号", SHEET_BUYER_ID },
  { "买家会员名", SHEET_BUYER_NAME },
  { "买家昵称", SHEET_BUYER_NAME },
  { "客户", SHEET_BUYER_NAME },
  { "买家姓名", SHEET_BUYER_NAME },
  { "收货人姓名", SHEET_NAME },
  { "收货人", SHEET_NAME },
  { "收件人", SHEET_NAME },
  { "收件人姓名", SHEET_NAME },
  { "客户姓名", SHEET_NAME },
  { "姓名", SHEET_NAME },
  { "shippingname", SHEET_NAME },
  { "联系手机", SHEET_PHONE },
  { "收货人手机", SHEET_PHONE },
  { "收货人手机号", SHEET_PHONE },
  { "收件人手机", SHEET_PHONE },
  { "收件人手机号", SHEET_PHONE },
  { "手机", SHEET_PHONE },
  { "手机号", SHEET_PHONE },
  { "手机号码", SHEET_PHONE },
  { "联系电话", SHEET_PHONE },
  { "收货人电话", SHEET_PHONE },
  { "收件人电话", SHEET_PHONE },
  { "电话", SHEET_PHONE },
  { "座机", SHEET_PHONE },
  { "shippingphone", SHEET_PHONE },
  { "国家", SHEET_COUNTRY },
  { "shippingcountry", SHEET_COUNTRY },
  { "省", SHEET_PROVINCE },
  { "省份", SHEET_PROVINCE },
  { "收货省份", SHEET_PROVINCE },
  { "shippingprovincename", SHEET_PROVINCE },
  { "shippingprovince", SHEET_PROVINCE },
  { "市", SHEET_CITY },
  { "城市", SHEET_CITY },
  { "收货城市", SHEET_CITY },
  { "shippingcity", SHEET_CITY },
  { "区", SHEET_DISTRICT },
  { "区县", SHEET_DISTRICT },
  { "区/县", SHEET_DISTRICT },
  { "街道", SHEET_TOWN },
  { "乡镇", SHEET_TOWN },
  { "镇", SHEET_TOWN },
  { "收货地址省市", SHEET_REGION },
  { "省市区", SHEET_REGION },
  { "修改后的收货地址", SHEET_ADDRESS },
  { "收货地址", SHEET_ADDRESS },
  { "客户地址", SHEET_ADDRESS },
  { "详细地址", SHEET_ADDRESS },
  { "收货地址街道地址", SHEET_ADDRESS },
  { "收件地址", SHEET_ADDRESS },
  { "地址", SHEET_ADDRESS },
  { "shippingaddress1", SHEET_ADDRESS },
  { "shippingstreet", SHEET_ADDRESS },
  { "shippingaddress2", SHEET_ADDRESS_MORE },
  { "邮编", SHEET_ZIP },
  { "shippingzip", SHEET_ZIP },
  { "oaid", SHEET_TOKEN },
  { "买家留言", SHEET_BUYER_REMARK },
  { "买家购买留言", SHEET_BUYER_REMARK },
  { "买家备注", SHEET_BUYER_REMARK },
  { "notes", SHEET_BUYER_REMARK },
  { "订单备注", SHEET_SELLER_REMARK },
  { "商家备注", SHEET_SELLER_REMARK },
  { "卖家备注", SHEET_SELLER_REMARK },
  { "卖家备忘内容", SHEET_SELLER_REMARK },
  { "备注", SHEET_SELLER_REMARK },
  { "子订单编号", SHEET_LINE_ID },
  { "子订单号", SHEET_LINE_ID },
  { "商家编码规格维度", SHEET_SKU },
  { "商家编码sku维度", SHEET_SKU },
  { "商家编码", SHEET_SKU },
  { "商家编码商品维度", SHEET_SKU },
  { "货号", SHEET_SKU },
  { "商品编码", SHEET_SKU },
  { "规格编码", SHEET_SKU },
  { "lineitemsku", SHEET_SKU },
  { "在线sku", SHEET_SKU },
  { "skuid", SHEET_SKU },
  { "产品条码", SHEET_SKU },
  { "宝贝标题", SHEET_TITLE },
  { "选购商品", SHEET_TITLE },
  { "商品名称", SHEET_TITLE },
  { "商品标题", SHEET_TITLE },
  { "货品标题", SHEET_TITLE },
  { "商品", SHEET_TITLE },
  { "lineitemname", SHEET_TITLE },
  { "商品规格", SHEET_SPEC },
  { "产品规格", SHEET_SPEC },
  { "规格", SHEET_SPEC },
  { "宝贝总数量", SHEET_QUANTITY },
  { "商品数量", SHEET_QUANTITY },
  { "订购数量", SHEET_QUANTITY },
  { "数量", SHEET_QUANTITY },
  { "lineitemquantity", SHEET_QUANTITY },
  { "京东价", SHEET_PRICE },
  { "单价", SHEET_PRICE },
  { "商品单价", SHEET_PRICE },
  { "售价", SHEET_PRICE },
  { "lineitemprice", SHEET_PRICE },
  { "lineitemdiscount", SHEET_LINE_DISCOUNT },
  { "退款金额", SHEET_REFUNDED },
  { "物流公司", SHEET_CARRIER },
  { "快递公司", SHEET_CARRIER },
  { "快递", SHEET_CARRIER },
  { "物流单号", SHEET_WAYBILL },
  { "快递单号", SHEET_WAYBILL },
  { "运单号", SHEET_WAYBILL },
  { "单号", SHEET_WAYBILL },
  { "物流公司运单号", SHEET_CARRIER_WAYBILL },
  { "快递信息", SHEET_CARRIER_WAYBILL },
  { "发货时间", SHEET_SHIPPED_AT },
  { "fulfilledat", SHEET_SHIPPED_AT },
};

/* Words too common to mean this anywhere but beside "Lineitem …". */
static const struct {
  const char *header;
  enum sheet_field field;
} line_item_headers[] = { { "id", SHEET_ORDER_NO },
                          { "name", SHEET_ORDER_NAME },
                          { "note", SHEET_BUYER_REMARK } };

/* clang-format off */
static const struct {
  const char *status;
  const char *words[48];
} statuses[] = {
  { "placed",
    { "placed", "pending", "unpaid", "authorized", "partiallypaid", "awaitingpayment", "等待买家付款", "等待付款", "待付款", "未付款", "待支付",
      "未支付", "等待支付", "待成团", "拼单中", "部分付款" } },
  { "paid",
    { "paid", "unfulfilled", "unshipped", "processing", "readytoship", "toship", "awaitingshipment", "partiallyrefunded", "restocked", "onhold", "scheduled", "买家已付款,等待卖家发货",
      "买家已付款", "等待卖家发货", "等待发货", "待发货", "未发货", "已付款", "已付款,待发货", "已支付", "付款成功", "支付成功", "拼单成功",
      "已成团", "等待出库", "待出库", "等待打印", "备货中", "待配货", "待配送" } },
  { "partly_shipped",
    { "partlyshipped", "partial", "partiallyshipped", "partiallyfulfilled", "卖家部分发货", "部分发货", "部分已发货" } },
  { "shipped",
    { "shipped", "fulfilled", "delivered", "intransit", "卖家已发货,等待买家确认", "卖家已发货", "等待买家确认", "等待买家确认收货", "等待买家收货",
      "等待确认收货", "已发货", "已发货,待签收", "已发货,待收货", "待收货", "待签收", "已签收", "已出库", "运输中", "配送中", "派送中" } },
  { "completed",
    { "completed", "complete", "finished", "done", "交易成功", "交易完成", "已完成", "完成", "订单完成", "已收货", "确认收货", "已确认收货" } },
  { "cancelled",
    { "cancelled", "canceled", "refunded", "voided", "expired", "交易关闭", "交易取消", "已取消", "取消", "订单取消", "已关闭", "订单关闭",
      "超时关闭", "(删除)取消", "已退款", "全额退款", "退款成功", "未发货,退款成功", "已发货,退款成功", "已收货,退款成功",
      "付款以前,卖家或买家主动关闭交易", "付款以后用户退款成功,交易自动关闭" } },
};
/* clang-format on */

static const char *const refunded_words[] = { "退款成功",   "已退款",   "全额退款",
                                              "已全额退款", "退款完成", "refunded" };
static const char *const units[] = { "(元)", "(件)", "(cny)", "(rmb)", "(¥)", "(人民币)", "(单位:元)" };

/* The form in which entries above are written. */
static char *fold(struct arena *a, const char *text)
{
  char *folded = text_fold(a, text), *to = folded;
  for (const char *p = folded; *p; p++)
    if (!strchr(" \t\r\n_-*", *p)) *to++ = *p;
  *to = 0;
  for (size_t i = 0; i < COUNT(units); i++) {
    size_t n = (size_t)(to - folded), unit = strlen(units[i]);
    if (n > unit && !memcmp(to - unit, units[i], unit)) {
      to[-(ptrdiff_t)unit] = 0;
      break;
    }
  }
  return folded;
}

static bool same_as_name(const char *folded, const char *name)
{
  for (; *name; name++) {
    if (*name == '_') continue;
    if (*folded++ != *name) return false;
  }
  return !*folded;
}

enum sheet_field sheet_field_of(struct arena *a, const char *header, bool has_line_items, int *rank)
{
  const char *folded = fold(a, header);
  *rank = 0;
  for (int f = 0; f < SHEET_FIELD_N; f++)
    if (same_as_name(folded, field_names[f])) return (enum sheet_field)f;
  for (size_t i = 0; has_line_items && i < COUNT(line_item_headers); i++)
    if (!strcmp(folded, line_item_headers[i].header)) return line_item_headers[i].field;
  for (size_t i = 0; i < COUNT(headers); i++)
    if (!strcmp(folded, headers[i].header)) {
      *rank = (int)i + 1;
      return headers[i].field;
    }
  return SHEET_FIELD_N;
}

bool sheet_is_line_item(struct arena *a, const char *header)
{
  return !strncmp(fold(a, header), "lineitem", strlen("lineitem"));
}

const char *sheet_status_of(struct arena *a, const char *word)
{
  const char *folded = fold(a, word);
  for (size_t i = 0; i < COUNT(statuses); i++)
    for (size_t k = 0; statuses[i].words[k]; k++)
      if (!strcmp(folded, statuses[i].words[k])) return statuses[i].status;
  return NULL;
}

bool sheet_says_refunded(struct arena *a, const char *word)
{
  const char *folded = fold(a, word);
  for (size_t i = 0; i < COUNT(refunded_words); i++)
    if (!strcmp(folded, refunded_words[i])) return true;
  return false;
}
