/* sim_jd.c: JD's JOS for shops of their own (POP) as the simulator plays it. */
#include "edge.h"
#include <stdio.h>
#include <stdlib.h>

#define WINDOW_MAX_MS (31LL * 24 * 3600 * 1000)
#define PAGE_MAX 100
#define NEVER "0001-01-01 00:00:00"

static void id(const struct sim_shop *s, const struct sim_order *o, char out[SIM_ID_TEXT])
{
  snprintf(out, SIM_ID_TEXT, "%lld", 249786000000LL + s->number * 1000000000LL + o->n * 13LL);
}

/* ---- envelopes -------------------------------------------------------------------------------------- */
static void deny(struct sim_call *c, const char *code, const char *zh, const char *en)
{
  sim_answer_again(c, 200);
  jw_object(&c->w);
  jw_key(&c->w, "error_response"), jw_object(&c->w);
  jw_kstring(&c->w, "code", code), jw_kstring(&c->w, "zh_desc", zh), jw_kstring(&c->w, "en_desc", en);
  jw_object_end(&c->w), jw_object_end(&c->w);
}

static void fail(struct sim_call *c)
{
  int status = c->status;
  deny(c, "66", "平台服务不可用", "Platform service is not available");
  c->status = status;
}

/* Is the answer good? Told as a boolean by one call, as text by the next. */
static void result_put(struct sim_call *c, int64_t number, const char *en, const char *zh)
{
  struct jw *w = &c->w;
  jw_key(w, "apiResult"), jw_object(w);
  if (c->draw & 1) jw_kstring(w, "success", number ? "false" : "true");
  else jw_kbool(w, "success", !number);
  jw_kint(w, "numberCode", number), jw_kstring(w, "englishErrCode", en), jw_kstring(w, "chineseErrCode", zh);
  jw_object_end(w);
}

/* "jingdong.pop.order.search" answers in "jingdong_pop_order_search_responce". */
static void begin(struct sim_call *c, const char *part)
{
  char *key = arena_printf(c->a, "%s_responce", c->name);
  for (char *p = key; *p; p++) *p = *p == '.' ? '_' : *p;
  jw_object(&c->w);
  jw_key(&c->w, key), jw_object(&c->w);
  jw_kstring(&c->w, "code", "0");
  jw_key(&c->w, part), jw_object(&c->w);
}

static void end(struct sim_call *c)
{
  jw_object_end(&c->w), jw_object_end(&c->w), jw_object_end(&c->w);
}

/* ---- who is calling ------------------------------------------------------------------------------------ */
static bool is_signed(struct sim_call *c)
{
  static const char *const except[] = { "sign", NULL };
  const char *secret = sim_secret(c->shop, "app_secret");
  struct buf text = { 0 };
  buf_str(&text, secret);
  sim_sorted(&text, c->param, c->params, "", "", except, false);
  buf_str(&text, secret);
  char *sign = sim_hex(c->a, DIGEST_MD5, text.data, text.len, true);
  buf_release(&text);
  if (sim_same(sim_param(c, "sign"), sign)) return true;
  sim_bad_sign(c);
  deny(c, "12", "无效签名", "Invalid signature");
  return false;
}

static bool may(struct sim_call *c)
{
  if (!sim_same(sim_param(c, "app_key"), sim_secret(c->shop, "app_key"))) {
    deny(c, "11", "无效app_key", "Invalid app_key");
  } else if (!is_signed(c)) {
    return false;
  } else if (sim_token_check(c, sim_param(c, "access_token")) != SIM_TOKEN_OK) {
    deny(c, "19", "无效access_token", "Invalid access_token");
  } else if (!sim_take(c, c->name, 0, 0, NULL)) {
    deny(c, "2", "限制时间内调用失败次数或频率超限", "App call limited");
  } else {
    return true;
  }
  return false;
}

/* Another address, and not signed: the secret itself is sent. */
static void refresh(struct sim_call *c)
{
  int64_t expires_s = 0;
  const char *grant = sim_param(c, "grant_type");
  bool known = sim_same(sim_param(c, "app_key"), sim_secret(c->shop, "app_key")) &&
               sim_same(sim_param(c, "app_secret"), sim_secret(c->shop, "app_secret"));
  bool ok = known && grant && !strcmp(grant, "refresh_token") &&
            sim_refresh(c, sim_param(c, "refresh_token"), &expires_s);
  jw_object(&c->w);
  if (ok) {
    jw_kstring(&c->w, "access_token", sim_secret(c->shop, "access_token"));
    jw_kint(&c->w, "expires_in", expires_s);
    jw_kstring(&c->w, "refresh_token", sim_secret(c->shop, "refresh_token"));
    jw_kint(&c->w, "time", c->now_ms);
  } else {
    jw_kint(&c->w, "code", known ? 402 : 401);
    jw_kstring(&c->w, "msg", known ? "invalid refresh_token" : "invalid app_key or app_secret");
  }
  jw_object_end(&c->w);
}

/* ---- an order: only fields that were asked for ---------------------------------------------------------------- */
struct put {
  struct sim_call *c;
  const struct sim_order *o;
  const char *fields;
};

static bool is_listed(const char *list, const char *name)
{
  size_t n = strlen(name);
  for (; *list; list += strcspn(list, ","), list += *list == ',') {
    list += strspn(list, " ");
    if (strcspn(list, ", ") == n && !memcmp(list, name, n)) return true;
  }
  return false;
}

static bool key(const struct put *p, const char *name)
{
  if (!is_listed(p->fields, name)) return false;
  jw_key(&p->c->w, name);
  return true;
}

static void text(const struct put *p, const char *name, const char *value)
{
  if (key(p, name)) jw_string(&p->c->w, value);
}

static void money(const struct put *p, const char *name, int64_t minor)
{
  text(p, name, sim_money(p->c->a, p->c->shop, minor));
}

static void local(const struct put *p, const char *name, int64_t ms)
{
  text(p, name, ms ? sim_local(p->c->a, ms, 480) : NEVER);
}

static const char *state_of(const struct sim_order *o)
{
  for (size_t i = 0; i < o->lines; i++)
    if (o->status == SIM_PAID && o->line[i].refund == SIM_REFUND_ASKED) return "LOCKED";
  switch ((enum sim_status)o->status) {
  case SIM_SHIPPED: return "WAIT_GOODS_RECEIVE_CONFIRM";
  case SIM_COMPLETED: return "FINISHED_L";
  case SIM_CANCELLED: return "TRADE_CANCELED";
  default: return "WAIT_SELLER_STOCK_OUT";
  }
}

static const char *state_text(const struct sim_order *o)
{
  static const char *const names[SIM_STATUS_N] = { "等待出库",     "等待出库", "等待出库",
                                                   "等待确认收货", "完成",     "取消" };
  return strcmp(state_of(o), "LOCKED") == 0 ? "已锁定" : names[o->status];
}

static void consignee_put(const struct put *p, const struct sim_person *who)
{
  struct jw *w = &p->c->w;
  struct arena *a = p->c->a;
  if (!key(p, "consigneeInfo")) return;
  char *masked = sim_mask(a, who->phone, 3, 1),
       *digest = sim_hex(a, DIGEST_MD5, who->phone, strlen(who->phone), false);
  jw_object(w);
  jw_kstring(w, "fullname", sim_cipher(a, p->c->shop, who->name));
  jw_kstring(w, "telephone", masked), jw_kstring(w, "mobile", masked);
  jw_kstring(w, "fullAddress", sim_cipher(a, p->c->shop, who->address));
  jw_kstring(w, "province", who->province), jw_kstring(w, "city", who->city);
  jw_kstring(w, "county", who->district), jw_kstring(w, "town", who->town);
  jw_kstring(w, "provinceId", "19"), jw_kstring(w, "cityId", "1607"), jw_kstring(w, "countyId", "3639"),
    jw_kstring(w, "townId", "62201");
  jw_kstring(w, "desen_telephone", digest), jw_kstring(w, "desen_mobile", digest);
  jw_object_end(w);
}

static char *sku_id(struct arena *a, const struct sim_line *l)
{
  return arena_printf(a, "%lld", 10054887745652LL + l->sku);
}

static void item_put(const struct put *p, size_t i)
{
  struct jw *w = &p->c->w;
  const struct sim_line *l = &p->o->line[i];
  const struct sim_sku *k = sim_sku(l);
  bool coded = l->sku % 4 != 3; /* some have only a number of the goods */
  jw_object(w);
  jw_kstring(w, "skuId", sku_id(p->c->a, l)), jw_kstring(w, "outerSkuId", coded ? k->code : "");
  jw_kstring(w, "skuName", arena_printf(p->c->a, "%s %s", k->title, k->spec));
  sim_kmoney(p->c, "jdPrice", l->price), jw_kstring(w, "giftPoint", "0");
  jw_kstring(w, "wareId", arena_printf(p->c->a, "%lld", 10020665903516LL + l->sku));
  jw_kstring(w, "itemTotal", arena_printf(p->c->a, "%d", l->quantity)), jw_kstring(w, "productNo", k->code);
  jw_kint(w, "id", i ? sim_big(p->o->id, i) : 228886000000LL + p->o->n);
  jw_kstring(w, "newStoreId", "0"), jw_kstring(w, "invoiceContentId", ""),
    jw_kstring(w, "itemExt", "{\"cid\":\"13288\"}");
  jw_object_end(w);
}

static void items_put(const struct put *p)
{
  if (!key(p, "itemInfoList")) return;
  jw_array(&p->c->w);
  for (size_t i = 0; i < p->o->lines; i++) item_put(p, i);
  jw_array_end(&p->c->w);
}

static void coupons_put(const struct put *p)
{
  struct jw *w = &p->c->w;
  if (!key(p, "couponDetailList")) return;
  jw_array(w);
  for (size_t i = 0; i < p->o->lines; i++) {
    const struct sim_line *l = &p->o->line[i];
    if (!l->discount) continue;
    jw_object(w);
    jw_kstring(w, "orderId", p->o->id), jw_kstring(w, "skuId", sku_id(p->c->a, l));
    jw_kstring(w, "couponType", "30-单品促销优惠"), sim_kmoney(p->c, "couponPrice", l->discount);
    jw_object_end(w);
  }
  jw_array_end(w);
}

static void sums_put(const struct put *p)
{
  const struct sim_order *o = p->o;
  text(p, "payType", "4-在线支付");
  money(p, "orderTotalPrice", o->goods), money(p, "orderSellerPrice", o->goods - o->discount);
  money(p, "orderPayment", o->total), money(p, "freightPrice", o->freight);
  money(p, "sellerDiscount", o->discount);
}

static void times_put(const struct put *p)
{
  const struct sim_order *o = p->o;
  local(p, "orderStartTime", o->placed_ms), local(p, "orderEndTime", o->completed_ms);
  local(p, "paymentConfirmTime", o->paid_ms), local(p, "outBoundDate", o->shipped_ms);
  local(p, "modified", o->modified_ms);
}

static void rest_put(const struct put *p)
{
  struct jw *w = &p->c->w;
  text(p, "balanceUsed", "0.00"), text(p, "returnOrder", "0");
  text(p, "parentOrderId", "0"), text(p, "directParentOrderId", "0"), text(p, "orderSource", "移动端订单");
  text(p, "customs", ""), text(p, "customsModel", ""), text(p, "storeOrder", "");
  if (key(p, "idSopShipmenttype")) jw_int(w, 67);
  text(p, "idShipmenttype", "70"), text(p, "scDT", "");
  if (key(p, "vatInfo")) jw_array(w), jw_array_end(w);
  if (key(p, "invoiceEasyInfo")) {
    jw_object(w);
    jw_kstring(w, "invoiceType", "0"), jw_kstring(w, "invoiceTitle", ""),
      jw_kstring(w, "invoiceContentId", "1");
    jw_object_end(w);
  }
  text(p, "dataVersion", arena_printf(p->c->a, "%lld", (long long)p->o->modified_ms));
  text(p, "storeId", "0");
}

static void order_put(const struct put *p)
{
  const struct sim_order *o = p->o;
  struct sim_person who;
  sim_person(p->c->shop, o, &who);
  jw_object(&p->c->w);
  text(p, "orderId", o->id), text(p, "venderId", "10622317"), text(p, "orderType", "22");
  sums_put(p);
  text(p, "orderState", state_of(o)), text(p, "orderStateRemark", state_text(o));
  text(p, "deliveryType", "任意时间"), text(p, "invoiceInfo", "不需要开具发票");
  text(p, "orderRemark", sim_remark(o->buyer_remark));
  times_put(p);
  consignee_put(p, &who);
  text(p, "oaid", sim_receiver_token(p->c->a, p->c->shop, o, "jd"));
  items_put(p), coupons_put(p);
  text(p, "venderRemark", sim_remark(o->seller_remark)), text(p, "pin", who.buyer);
  if (o->parcels) {
    text(p, "waybill", o->parcel[0].no);
    text(p, "logisticsId", sim_parcel_carrier(&o->parcel[0], "467"));
  }
  rest_put(p);
  jw_object_end(&p->c->w);
}

/* ---- calls on orders --------------------------------------------------------------------------------------- */
struct asked {
  const struct json *j; /* 360buy_param_json */
  const char *part;     /* of the answer */
};

static const char *asked_text(const struct asked *k, const char *name)
{
  const struct json *j = json_get(k->j, name);
  const char *number = json_number(j);
  return number ? number : json_string(j) ? json_string(j) : "";
}

static bool asked_number(const struct asked *k, const char *name, int64_t most, int64_t *out)
{
  const char *t = asked_text(k, name);
  size_t n = strlen(t);
  if (!n) return true;
  if (n > 9 || strspn(t, "0123456789") != n) return false;
  *out = strtoll(t, NULL, 10);
  return *out >= 1 && *out <= most;
}

/* A failure inside an answer that is good to look at. */
static void object_to(struct sim_call *c, const struct asked *k, int64_t number, const char *en,
                      const char *zh)
{
  bool is_list = !strcmp(k->part, "searchorderinfo_result");
  begin(c, k->part);
  result_put(c, number, en, zh);
  if (is_list) jw_kint(&c->w, "orderTotal", 0);
  jw_key(&c->w, is_list ? "orderInfoList" : "orderInfo"), jw_null(&c->w);
  end(c);
}

static bool asked_read(struct sim_call *c, struct asked *k)
{
  struct faults f = { .mem = c->a };
  const char *t = sim_param(c, "360buy_param_json");
  k->j = t ? json_parse(c->a, t, strlen(t), JSON_ELEMENTS_MAX, &f) : NULL;
  if (json_type(k->j) != JSON_OBJECT) object_to(c, k, 10100010, "invalid param json", "参数格式错误");
  else if (!*asked_text(k, "optional_fields"))
    object_to(c, k, 10100020, "optional_fields is required", "可选字段不能为空");
  else return true;
  return false;
}

static bool has_state(const struct sim_order *o, void *arg)
{
  return is_listed(arg, state_of(o));
}

static bool states_known(const char *list)
{
  static const char known[] =
    "WAIT_SELLER_STOCK_OUT,WAIT_GOODS_RECEIVE_CONFIRM,WAIT_SELLER_DELIVERY,POP_ORDER_PAUSE,"
    "PAUSE,FINISHED_L,TRADE_CANCELED,LOCKED,WAIT_SEND_CODE";
  if (!*list) return false;
  for (; *list; list += strcspn(list, ","), list += *list == ',') {
    char one[64];
    size_t n = strcspn(list, ",");
    if (n >= sizeof one) return false;
    memcpy(one, list, n), one[n] = 0;
    if (!is_listed(known, one)) return false;
  }
  return true;
}

static bool list_query(struct sim_call *c, const struct asked *k, struct sim_query *q)
{
  int64_t page = 1;
  const char *states = asked_text(k, "order_state");
  *q = (struct sim_query){ .by_placed = strcmp(asked_text(k, "dateType"), "0") != 0,
                           .newest_first = !strcmp(asked_text(k, "sortType"), "1"),
                           .limit = 20,
                           .want = has_state,
                           .arg = (void *)(uintptr_t)states };
  if (!states_known(states)) {
    object_to(c, k, 10100021, "invalid state", "订单状态不合法");
  } else if (!asked_number(k, "page", 1000000, &page) || !asked_number(k, "page_size", PAGE_MAX, &q->limit)) {
    object_to(c, k, 10100022, "invalid page", "分页参数不合法");
  } else if (!sim_local_parse(asked_text(k, "start_date"), 480, &q->from_ms) ||
             !sim_local_parse(asked_text(k, "end_date"), 480, &q->to_ms) || q->to_ms < q->from_ms ||
             q->to_ms - q->from_ms > WINDOW_MAX_MS) {
    object_to(c, k, 10100023, "invalid date", "查询时间不合法，跨度不能超过一个月");
  } else {
    q->offset = (page - 1) * q->limit;
    return true;
  }
  return false;
}

static void search(struct sim_call *c)
{
  struct asked k = { .part = "searchorderinfo_result" };
  struct sim_query q;
  struct sim_page page;
  if (!asked_read(c, &k) || !list_query(c, &k, &q)) return;
  sim_list(c, &q, &page);
  struct put p = { .c = c, .fields = asked_text(&k, "optional_fields") };
  begin(c, k.part);
  result_put(c, 0, "", "");
  jw_kint(&c->w, "orderTotal", page.total);
  jw_key(&c->w, "orderInfoList"), jw_array(&c->w);
  for (size_t i = 0; i < page.n; i++) p.o = page.row[i], order_put(&p);
  jw_array_end(&c->w);
  end(c);
}

static void get(struct sim_call *c)
{
  struct asked k = { .part = "orderDetailInfo" };
  if (!asked_read(c, &k)) return;
  struct put p = { .c = c, .fields = asked_text(&k, "optional_fields") };
  p.o = sim_find(c->shop, asked_text(&k, "order_id"));
  if (!p.o) {
    object_to(c, &k, 10100030, "order not exist", "订单不存在");
    return;
  }
  begin(c, k.part);
  result_put(c, 0, "", "");
  jw_key(&c->w, "orderInfo"), order_put(&p);
  end(c);
}

/* ---- shipments and stock ------------------------------------------------------------------------------------- */
static const struct json *told_read(struct sim_call *c)
{
  struct faults f = { .mem = c->a };
  const char *t = sim_param(c, "360buy_param_json");
  return t ? json_parse(c->a, t, strlen(t), JSON_ELEMENTS_MAX, &f) : NULL;
}

/* What is wrong stands in an answer that is good to look at; success is text here. */
static void shipment(struct sim_call *c)
{
  static const struct {
    enum sim_ship is;
    const char *code, *zh, *en;
  } words[] = { { SIM_SHIP_SAME, "10400001", "订单已出库", "order has been shipped" },
                { SIM_SHIP_SHIPPED, "10400001", "订单已出库", "order has been shipped" },
                { SIM_SHIP_CLOSED, "10400002", "订单已取消", "order is canceled" },
                { SIM_SHIP_REFUNDING, "10400003", "订单已锁定", "order is locked" },
                { SIM_SHIP_LOCKED, "10400003", "订单已锁定", "order is locked" },
                { SIM_SHIP_CARRIER, "10400004", "物流公司ID不正确", "invalid logistics id" },
                { SIM_SHIP_NUMBER, "10400005", "运单号不正确", "invalid waybill" },
                { SIM_SHIP_LINES, "10400006", "没有可出库的商品", "nothing to ship" },
                { SIM_SHIP_NO_ORDER, "10400007", "订单不存在", "order not exist" },
                { SIM_SHIP_UNPAID, "10400008", "订单未付款", "order is not paid" } };
  struct asked k = { .j = told_read(c) };
  struct sim_order *o = sim_find(c->shop, asked_text(&k, "orderId"));
  struct sim_confirm f = { .carrier = asked_text(&k, "logiCoprId"), .no = asked_text(&k, "logiNo") };
  enum sim_ship is = sim_ship(c, o, &f);
  size_t i = 0;
  while (i < COUNT(words) && words[i].is != is) i++;
  bool bad = i < COUNT(words);
  begin(c, "sopjosshipment_result");
  jw_kstring(&c->w, "success", bad ? "false" : "true"),
    jw_kstring(&c->w, "errorCode", bad ? words[i].code : "");
  const char *zh = bad ? words[i].zh : "";
  if (bad && o && o->parcels && !strcmp(words[i].code, "10400001"))
    zh = arena_printf(c->a, "%s，运单号：%s", zh, o->parcel[0].no);
  jw_kstring(&c->w, "chineseErrCode", zh), jw_kstring(&c->w, "englishErrCode", bad ? words[i].en : "");
  end(c);
}

static void stock_update(struct sim_call *c)
{
  struct asked k = { .j = told_read(c) };
  const char *number = asked_text(&k, "stockNum");
  int64_t sku = strtoll(asked_text(&k, "skuId"), NULL, 10) - 10054887745652LL;
  bool known = sku >= 0 && sku < SIM_SKUS_MAX,
       ok = sim_stock(c, known ? (int)sku : -1, strtoll(number, NULL, 10), false);
  if (!ok) {
    deny(c, "10300001", known ? "库存更新失败" : "商品不存在", known ? "stock not updated" : "sku not exist");
    return;
  }
  jw_object(&c->w);
  jw_key(&c->w, "jingdong_stock_write_updateSkuStock_responce"), jw_object(&c->w);
  jw_kstring(&c->w, "code", "0"), jw_kbool(&c->w, "success", true);
  jw_object_end(&c->w), jw_object_end(&c->w);
}

/* ---- calls -------------------------------------------------------------------------------------------------- */
static const struct {
  const char *method;
  void (*run)(struct sim_call *c);
} calls[] = {
  { "jingdong.pop.order.search", search },
  { "jingdong.pop.order.get", get },
  { "jingdong.pop.order.shipment", shipment },
  { "jingdong.stock.write.updateSkuStock", stock_update },
};

static void answer(struct sim_call *c)
{
  const char *method = sim_param(c, "method");
  if (!strcmp(c->r->path, "/oauth2/refresh_token")) {
    sim_called(c, "refresh_token");
    refresh(c);
    return;
  }
  for (size_t i = 0; i < COUNT(calls) && !strcmp(c->r->path, "/routerjson"); i++)
    if (method && !strcmp(method, calls[i].method)) {
      sim_called(c, calls[i].method);
      if (may(c)) calls[i].run(c);
      return;
    }
  sim_called(c, "unknown");
  deny(c, "15", "无效method", "Invalid method");
}

const struct sim_platform sim_jd = {
  .name = "jd",
  .country = "CN",
  .currency = "CNY",
  .zone_min = 480,
  .statuses = 1 << SIM_PAID | 1 << SIM_SHIPPED | 1 << SIM_COMPLETED | 1 << SIM_CANCELLED,
  .receiver = SIM_TOKENS,
  .carriers = SIM_CARRIER_JD,
  .secret = { { "app_key", 'x', 32, NULL },
              { "app_secret", 'x', 32, NULL },
              { "access_token", 'a', 36, NULL },
              { "refresh_token", 'a', 36, NULL } },
  .access = "access_token",
  .refresh = "refresh_token",
  .token_s = 31536000,
  .refresh_once = true,
  .hosts = "auth_host",
  .id = id,
  .answer = answer,
  .fail = fail,
};
