/* Taobao, JD, Douyin and Pinduoduo as the simulator plays them, and requests to them. Included by their tests. */
#ifndef ORDERD_TEST_SIM_RIG_H
#define ORDERD_TEST_SIM_RIG_H
#include "edge.h"
#include "test.h"

#define NOW 1764000000000ll
#define MINUTE 60000ll
#define HOUR (60 * MINUTE)
#define FIELDS 32

struct world {
  struct env_sim env;
  struct arena mem;
  struct sim *sim;
  struct sim_shop *s;
};

static bool world_open(struct world *w, const char *platform, int64_t orders)
{
  struct sim_options o;
  const char *why = NULL;
  *w = (struct world){ 0 };
  env_sim_init(&w->env, NOW, 1);
  sim_options_default(&o);
  o.platforms = platform, o.orders = orders, o.env = &w->env.env, o.days = 4;
  w->sim = sim_new(&o, &w->mem, &why);
  if (!CHECK(w->sim)) return false;
  w->s = sim_shop(w->sim, 0);
  test_note("%s", platform);
  return true;
}

static void world_close(struct world *w)
{
  sim_free(w->sim);
  arena_release(&w->mem);
}

static void secret_set(struct sim_shop *s, const char *name, const char *value)
{
  for (size_t i = 0; i < SIM_SECRETS_MAX && s->row->secret[i].name; i++)
    if (!strcmp(s->row->secret[i].name, name)) s->own->secret[i] = value;
}

/* ---- requests ------------------------------------------------------------------------------------------- */
struct ask {
  struct world *w;
  struct http_request r;
  struct http_field f[FIELDS], head[2];
  size_t n;
  const char *param_json; /* of Douyin: goes into the body */
  struct sim_call c;
  const struct json *j;
};

static void put(struct ask *k, const char *name, const char *value)
{
  size_t i = 0;
  while (i < k->n && strcmp(k->f[i].name, name) != 0) i++;
  if (!value) {
    if (i < k->n) k->f[i] = k->f[--k->n];
    return;
  }
  k->f[i] = (struct http_field){ name, value };
  k->n += i == k->n;
}

static const char *got(const struct ask *k, const char *name)
{
  for (size_t i = 0; i < k->n; i++)
    if (!strcmp(k->f[i].name, name)) return k->f[i].value;
  return NULL;
}

static void put_int(struct ask *k, const char *name, int64_t v)
{
  put(k, name, arena_printf(&k->r.mem, "%lld", (long long)v));
}

static void put_local(struct ask *k, const char *name, int64_t ms)
{
  put(k, name, sim_local(&k->r.mem, ms, 480));
}

static void ask_begin(struct ask *k, struct world *w, const char *path)
{
  *k = (struct ask){ .w = w };
  k->r.method = "POST", k->r.path = path, k->r.host = "127.0.0.1:1";
  k->r.query = k->f, k->r.field = k->head;
}

static void answer_read(struct ask *k)
{
  struct faults f = { .mem = &k->r.mem };
  sim_ask(k->w->s, &k->r, &k->c);
  k->j = json_parse(&k->r.mem, k->c.body.data, k->c.body.len, 1000000, &f);
}

/* All of it as a form. */
static void send_form(struct ask *k)
{
  struct buf b = { 0 };
  for (size_t i = 0; i < k->n; i++) {
    if (i) buf_char(&b, '&');
    sim_encode(&b, k->f[i].name), buf_char(&b, '='), sim_encode(&b, k->f[i].value);
  }
  k->head[k->r.field_n++] = (struct http_field){ "content-type", "application/x-www-form-urlencoded" };
  k->r.body = arena_strn(&k->r.mem, b.data, b.len), k->r.body_n = b.len;
  buf_release(&b);
  answer_read(k);
}

static void send_query(struct ask *k)
{
  k->r.query_n = k->n;
  if (k->param_json) k->r.body = k->param_json, k->r.body_n = strlen(k->param_json);
  answer_read(k);
}

static void ask_end(struct ask *k)
{
  buf_release(&k->c.body), buf_release(&k->c.headers);
  arena_release(&k->r.mem);
}

static bool says(const struct ask *k, const char *part)
{
  if (k->c.body.data && strstr(k->c.body.data, part)) return true;
  return test_check_str(k->c.body.data ? k->c.body.data : "", part, __FILE__, __LINE__, "the answer has");
}

/* What stands at "a.b.c". */
static const struct json *at(const struct json *j, const char *path)
{
  char name[64];
  while (*path) {
    size_t n = strcspn(path, ".");
    memcpy(name, path, n), name[n] = 0;
    j = json_get(j, name);
    path += n + (path[n] == '.');
  }
  return j;
}

static char *sign_wrapped(struct ask *k, const char *secret)
{
  struct buf b = { 0 };
  buf_str(&b, secret), sim_sorted(&b, k->f, k->n, "", "", NULL, false), buf_str(&b, secret);
  char *out = sim_hex(&k->r.mem, DIGEST_MD5, b.data, b.len, true);
  buf_release(&b);
  return out;
}

/* A good request; what is changed afterwards, before it is sent, is signed as changed. */
static const char ALL_TAOBAO[] =
  "tid,tid_str,status,type,payment,total_fee,discount_fee,adjust_fee,post_fee,received_payment,created,pay_time,modified,"
  "consign_time,end_time,buyer_nick,buyer_open_uid,seller_nick,buyer_memo,seller_memo,seller_flag,has_buyer_message,"
  "buyer_message,receiver_name,receiver_state,receiver_city,receiver_district,receiver_town,receiver_address,receiver_mobile,"
  "receiver_phone,receiver_zip,oaid,num,orders,orders.oid_str,promotion_details,step_trade_status";

static void taobao_begin(struct ask *k, struct world *w, const char *method)
{
  ask_begin(k, w, "/router/rest");
  put(k, "method", method), put(k, "app_key", sim_secret(w->s, "app_key"));
  put(k, "session", sim_secret(w->s, "session")), put(k, "format", "json");
  put(k, "v", "2.0"), put(k, "sign_method", "md5"), put_local(k, "timestamp", sim_now(w->sim));
  put(k, "fields", ALL_TAOBAO);
}

static void taobao_window(struct ask *k, int64_t from_ms, int64_t to_ms, int64_t page, int64_t size)
{
  put_local(k, "start_modified", from_ms), put_local(k, "end_modified", to_ms);
  put_int(k, "page_no", page), put_int(k, "page_size", size);
}

static const char ALL_JD[] =
  "orderId,venderId,orderType,payType,orderTotalPrice,orderSellerPrice,orderPayment,freightPrice,sellerDiscount,orderState,"
  "orderStateRemark,deliveryType,invoiceInfo,orderRemark,orderStartTime,orderEndTime,paymentConfirmTime,outBoundDate,modified,"
  "consigneeInfo,oaid,itemInfoList,couponDetailList,venderRemark,balanceUsed,pin,returnOrder,parentOrderId,directParentOrderId,"
  "orderSource,customs,customsModel,storeOrder,idSopShipmenttype,idShipmenttype,scDT,vatInfo,invoiceEasyInfo,dataVersion,storeId";
static const char ALL_STATES[] =
  "WAIT_SELLER_STOCK_OUT,WAIT_GOODS_RECEIVE_CONFIRM,FINISHED_L,TRADE_CANCELED,LOCKED";

static void jd_begin(struct ask *k, struct world *w, const char *method)
{
  ask_begin(k, w, "/routerjson");
  put(k, "method", method), put(k, "app_key", sim_secret(w->s, "app_key"));
  put(k, "access_token", sim_secret(w->s, "access_token")), put(k, "v", "2.0");
  put_local(k, "timestamp", sim_now(w->sim));
}

static void jd_window(struct ask *k, int64_t from_ms, int64_t to_ms, int64_t page, int64_t size)
{
  put(
    k, "360buy_param_json",
    arena_printf(
      &k->r.mem,
      "{\"dateType\":\"0\",\"end_date\":\"%s\",\"optional_fields\":\"%s\",\"order_state\":\"%s\",\"page\":\"%lld\","
      "\"page_size\":\"%lld\",\"sortType\":\"0\",\"start_date\":\"%s\"}",
      sim_local(&k->r.mem, to_ms, 480), ALL_JD, ALL_STATES, (long long)page, (long long)size,
      sim_local(&k->r.mem, from_ms, 480)));
}

static void douyin_begin(struct ask *k, struct world *w, const char *path, const char *param)
{
  ask_begin(k, w, path);
  char *method = arena_str(&k->r.mem, path + 1);
  *strchr(method, '/') = '.';
  put(k, "app_key", sim_secret(w->s, "app_key")), put(k, "method", method), put(k, "v", "2");
  put_int(k, "timestamp", sim_now(w->sim) / 1000), put(k, "sign_method", "hmac-sha256");
  put(k, "access_token", sim_secret(w->s, "access_token"));
  k->param_json = param;
}

static void douyin_window(struct ask *k, struct world *w, int64_t from_ms, int64_t to_ms, int64_t page,
                          int64_t size)
{
  struct arena a = { 0 };
  char *param =
    arena_printf(&a,
                 "{\"order_asc\":true,\"order_by\":\"update_time\",\"page\":%lld,\"size\":%lld,"
                 "\"update_time_end\":%lld,\"update_time_start\":%lld}",
                 (long long)page, (long long)size, (long long)to_ms / 1000, (long long)from_ms / 1000);
  douyin_begin(k, w, "/order/searchList", NULL);
  k->param_json = arena_str(&k->r.mem, param);
  arena_release(&a);
}

static void pdd_begin(struct ask *k, struct world *w, const char *type)
{
  ask_begin(k, w, "/api/router");
  put(k, "type", type), put(k, "client_id", sim_secret(w->s, "client_id"));
  put(k, "access_token", sim_secret(w->s, "access_token")), put_int(k, "timestamp", sim_now(w->sim) / 1000);
  put(k, "data_type", "JSON"), put(k, "version", "V1");
}

static void pdd_window(struct ask *k, int64_t from_ms, int64_t to_ms, int64_t page, int64_t size)
{
  put(k, "order_status", "5"), put(k, "refund_status", "5"), put(k, "is_lucky_flag", "0");
  put_int(k, "start_updated_at", from_ms / 1000), put_int(k, "end_updated_at", to_ms / 1000);
  put_int(k, "page", page), put_int(k, "page_size", size);
}

static void send_signed(struct ask *k)
{
  struct sim_shop *s = k->w->s;
  if (!strcmp(s->row->name, "douyin")) {
    const char *secret = sim_secret(s, "app_secret");
    char *text = arena_printf(&k->r.mem, "%sapp_key%smethod%sparam_json%stimestamp%sv%s%s", secret,
                              got(k, "app_key"), got(k, "method"), k->param_json,
                              got(k, "timestamp") ? got(k, "timestamp") : "", got(k, "v"), secret);
    if (!got(k, "sign"))
      put(k, "sign", sim_mac_hex(&k->r.mem, DIGEST_SHA256, secret, text, strlen(text), false));
    send_query(k);
    return;
  }
  const char *secret = sim_secret(s, !strcmp(s->row->name, "pinduoduo") ? "client_secret" : "app_secret");
  if (!got(k, "sign")) put(k, "sign", sign_wrapped(k, secret));
  send_form(k);
}

/* A page of the list of what changed from … to, signed. */
static void ask_page(struct ask *k, struct world *w, int64_t from_ms, int64_t to_ms, int64_t page,
                     int64_t size)
{
  const char *name = w->s->row->name;
  if (!strcmp(name, "taobao"))
    taobao_begin(k, w, "taobao.trades.sold.increment.get"), taobao_window(k, from_ms, to_ms, page, size);
  else if (!strcmp(name, "jd"))
    jd_begin(k, w, "jingdong.pop.order.search"), jd_window(k, from_ms, to_ms, page, size);
  else if (!strcmp(name, "douyin")) douyin_window(k, w, from_ms, to_ms, page - 1, size);
  else pdd_begin(k, w, "pdd.order.number.list.increment.get"), pdd_window(k, from_ms, to_ms, page, size);
}

/* ---- where things stand in the answers ------------------------------------------------------------------- */
static const struct shape {
  const char *platform, *rows, *total, *id, *access, *list, *one, *list_row, *one_row, *more;
} shapes[] = {
  { "taobao", "trades_sold_increment_get_response.trades.trade",
    "trades_sold_increment_get_response.total_results", "tid_str", "session",
    "taobao/trades_increment_page1.json", "taobao/trade_fullinfo.json",
    "trades_sold_increment_get_response.trades.trade[].", "trade_fullinfo_get_response.trade.",
    /* what a shipped or commented trade has beyond the recorded one */
    "consign_time end_time buyer_message orders.order[].logistics_company orders.order[].invoice_no orders.order[].consign_time" },
  { "jd", "jingdong_pop_order_search_responce.searchorderinfo_result.orderInfoList",
    "jingdong_pop_order_search_responce.searchorderinfo_result.orderTotal", "orderId", "access_token",
    "jd/order_search_page1.json", "jd/order_get.json",
    "jingdong_pop_order_search_responce.searchorderinfo_result.orderInfoList[].",
    "jingdong_pop_order_get_responce.orderDetailInfo.orderInfo.", "" },
  { "douyin", "data.shop_order_list", "data.total", "order_id", "access_token",
    "douyin/search_list_page0.json", "douyin/order_detail.json", "data.shop_order_list[].",
    "data.shop_order_detail.", "open_address_id" },
  { "pinduoduo", "order_sn_increment_get_response.order_sn_list",
    "order_sn_increment_get_response.total_count", "order_sn", "access_token",
    "pinduoduo/increment_page1.json", "pinduoduo/order_information.json",
    "order_sn_increment_get_response.order_sn_list[].", "order_info_get_response.order_info.",
    /* of parcels beyond the first: they stand in the second recorded page */
    "open_address_id extra_delivery_list[] extra_delivery_list[].logistics_id extra_delivery_list[].tracking_number" },
};

static void ask_one(struct ask *k, struct world *w, const struct sim_order *o)
{
  const char *name = w->s->row->name;
  if (!strcmp(name, "taobao")) taobao_begin(k, w, "taobao.trade.fullinfo.get"), put(k, "tid", o->id);
  else if (!strcmp(name, "jd")) {
    jd_begin(k, w, "jingdong.pop.order.get");
    put(k, "360buy_param_json",
        arena_printf(&k->r.mem, "{\"optional_fields\":\"%s\",\"order_id\":\"%s\"}", ALL_JD, o->id));
  } else if (!strcmp(name, "douyin")) {
    douyin_begin(k, w, "/order/orderDetail", "");
    k->param_json = arena_printf(&k->r.mem, "{\"shop_order_id\":\"%s\"}", o->id);
  } else pdd_begin(k, w, "pdd.order.information.get"), put(k, "order_sn", o->id);
  send_signed(k);
}
#endif
