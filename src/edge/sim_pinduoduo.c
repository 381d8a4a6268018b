/* sim_pinduoduo.c: Pinduoduo's POP as the simulator plays it. Lists show deals only: an order is there from its
 * payment on. */
#include "edge.h"
#include <stdio.h>
#include <stdlib.h>

#define STAMP_MAX_S 600
#define WINDOW_MAX_S (30 * 60)
#define SETTLED_S (3 * 60)
#define REACH_S (92LL * 24 * 3600) /* three months */
#define PAGE_MAX 100
#define MERGE_MAX 100
#define SHIP_BY_MS (48 * 3600 * 1000LL)
#define REFRESH_LIFE_S 2592000

static void id(const struct sim_shop *s, const struct sim_order *o, char out[SIM_ID_TEXT])
{
  struct civil t = time_civil(o->placed_ms, 480);
  snprintf(out, SIM_ID_TEXT, "%02d%02d%02d-%lld", t.year % 100, t.month, t.day,
           123450000000000LL + s->number * 1000000000LL + o->n * 37LL);
}

/* ---- envelopes -------------------------------------------------------------------------------------- */
static void request_id(struct sim_call *c)
{
  jw_kstring(&c->w, "request_id",
             arena_printf(c->a, "%lld%04u", (long long)c->now_ms, (unsigned)(c->draw % 10000)));
}

static void deny_as(struct sim_call *c, int code, const char *msg, const char *sub_code, const char *sub_msg)
{
  sim_answer_again(c, 200);
  jw_object(&c->w);
  jw_key(&c->w, "error_response"), jw_object(&c->w);
  jw_kint(&c->w, "error_code", code), jw_kstring(&c->w, "error_msg", msg);
  jw_kstring(&c->w, "sub_code", sub_code), jw_kstring(&c->w, "sub_msg", sub_msg);
  request_id(c);
  jw_object_end(&c->w), jw_object_end(&c->w);
}

static void deny(struct sim_call *c, int code, const char *msg)
{
  deny_as(c, code, msg, arena_printf(c->a, "%d", code), msg);
}

static void deny_value(struct sim_call *c, const char *name)
{
  deny_as(c, 21001, "参数错误", "21001", arena_printf(c->a, "参数%s错误", name));
}

static void fail(struct sim_call *c)
{
  deny(c, 52102, "当前接口暂时不可用，请稍后重试");
}

static void begin(struct sim_call *c, const char *wrapper)
{
  jw_object(&c->w);
  jw_key(&c->w, wrapper), jw_object(&c->w);
}

static void end(struct sim_call *c)
{
  request_id(c);
  jw_object_end(&c->w), jw_object_end(&c->w);
}

/* ---- parameters: of a form, or of a JSON body whose objects and arrays count as their text -------------------- */
static const char *value_text(struct sim_call *c, const struct json *j)
{
  struct buf b = { 0 };
  struct jw w;
  if (json_type(j) == JSON_STRING) return json_string(j);
  jw_init(&w, &b);
  jw_json(&w, j);
  char *out = arena_strn(c->a, b.data, b.len);
  buf_release(&b);
  return out;
}

static void body_read(struct sim_call *c)
{
  if (json_type(c->json) != JSON_OBJECT) return;
  struct http_field *all = arena_array(c->a, struct http_field, c->params + json_count(c->json) + 1);
  if (c->params) memcpy(all, c->param, c->params * sizeof *all);
  c->param = all;
  for (const struct json *j = json_first(c->json); j; j = json_next(j))
    c->param[c->params++] = (struct http_field){ json_key(j), value_text(c, j) };
}

/* ---- who is calling ------------------------------------------------------------------------------------ */
static bool is_signed(struct sim_call *c)
{
  static const char *const except[] = { "sign", NULL };
  const char *secret = sim_secret(c->shop, "client_secret");
  struct buf text = { 0 };
  buf_str(&text, secret);
  sim_sorted(&text, c->param, c->params, "", "", except, false);
  buf_str(&text, secret);
  char *sign = sim_hex(c->a, DIGEST_MD5, text.data, text.len, true);
  buf_release(&text);
  if (sim_same(sim_param(c, "sign"), sign)) return true;
  sim_bad_sign(c);
  deny(c, 20004, "签名sign校验失败");
  return false;
}

static bool is_known(struct sim_call *c, bool is_public)
{
  int64_t stamp;
  if (!sim_same(sim_param(c, "client_id"), sim_secret(c->shop, "client_id"))) {
    deny(c, 20032, "access_token或client_id错误");
    return false;
  }
  if (!sim_param_int(c, "timestamp", &stamp) || llabs(c->now_ms / 1000 - stamp) > STAMP_MAX_S) {
    deny(c, 10001, "公共参数错误:timestamp");
    return false;
  }
  if (!is_signed(c)) return false;
  enum sim_token token = is_public ? SIM_TOKEN_OK : sim_token_check(c, sim_param(c, "access_token"));
  if (token == SIM_TOKEN_OK) return true;
  if (token == SIM_TOKEN_EXPIRED) deny(c, 10019, "access_token已过期");
  else deny(c, 20032, "access_token或client_id错误");
  return false;
}

/* A shop that calls too often soon has its next token; the platform that is too busy takes longer. */
static bool may(struct sim_call *c, bool is_public, int64_t per_minute)
{
  int64_t wait_ms = 0;
  if (!is_known(c, is_public)) return false;
  if (sim_take(c, c->name, per_minute * 1000 / 60, per_minute, &wait_ms)) return true;
  if (wait_ms < 1000) deny(c, 70031, "调用过于频繁，请调整调用频率");
  else deny(c, 52101, "当前接口被限流，请稍后重试");
  return false;
}

static void life_put(struct sim_call *c, const char *rank, int64_t life_s)
{
  jw_kint(&c->w, arena_printf(c->a, "%sexpires_in", rank), life_s);
  jw_kint(&c->w, arena_printf(c->a, "%sexpires_at", rank), c->now_ms / 1000 + life_s);
}

static void refresh(struct sim_call *c)
{
  static const char *const ranks[] = { "r1_", "r2_", "w1_", "w2_" };
  int64_t life_s;
  struct jw *w = &c->w;
  if (!sim_refresh(c, sim_param(c, "refresh_token"), &life_s)) {
    deny(c, 10019, "refresh_token已过期");
    return;
  }
  begin(c, "pop_auth_token_refresh_response");
  jw_kstring(w, "access_token", sim_secret(c->shop, "access_token")), life_put(c, "", life_s);
  jw_kstring(w, "refresh_token", sim_secret(c->shop, "refresh_token"));
  life_put(c, "refresh_token_", REFRESH_LIFE_S);
  jw_kstring(w, "owner_id", "1234567"), jw_kstring(w, "owner_name", "pdd12345678901");
  jw_key(w, "scope"), jw_array(w);
  jw_string(w, "pdd.order.number.list.increment.get"), jw_string(w, "pdd.order.information.get");
  jw_array_end(w);
  for (size_t i = 0; i < COUNT(ranks); i++) life_put(c, ranks[i], life_s);
  end(c);
}

/* ---- an order ------------------------------------------------------------------------------------------------ */
static int refund_of(const struct sim_order *o)
{
  for (size_t i = 0; i < o->lines; i++)
    if (o->line[i].refund == SIM_REFUND_ASKED) return 2;
  return o->status == SIM_CANCELLED ? 4 : 1; /* a part that was paid back is a closed case */
}

static int after_sales_of(const struct sim_order *o)
{
  int refund = refund_of(o);
  return refund == 2 ? 2 : refund == 4 || o->refunded ? 10 : 0;
}

static int status_of(const struct sim_order *o)
{
  return o->status == SIM_SHIPPED ? 2 : o->status == SIM_COMPLETED ? 3 : 1;
}

/* Under review; then nobody is told who it is for. */
static bool is_at_risk(const struct sim_order *o)
{
  return o->status == SIM_PAID && !o->several && o->n % 23 == 7;
}

static void put_time(struct sim_call *c, const char *key, int64_t ms)
{
  jw_kstring(&c->w, key, ms ? sim_local(c->a, ms, 480) : NULL);
}

static void states_put(struct sim_call *c, const struct sim_order *o)
{
  struct jw *w = &c->w;
  jw_kint(w, "order_status", status_of(o)), jw_kint(w, "refund_status", refund_of(o));
  jw_kint(w, "after_sales_status", after_sales_of(o));
  jw_kint(w, "confirm_status", o->status == SIM_CANCELLED ? 2 : 1), jw_kint(w, "group_status", 1);
  jw_kint(w, "risk_control_status", is_at_risk(o)), jw_kint(w, "trade_type", 0);
}

static void times_put(struct sim_call *c, const struct sim_order *o)
{
  put_time(c, "created_time", o->placed_ms), put_time(c, "pay_time", o->paid_ms);
  put_time(c, "confirm_time", o->paid_ms), put_time(c, "updated_at", o->modified_ms);
  put_time(c, "shipping_time", o->shipped_ms), put_time(c, "receive_time", o->completed_ms);
  put_time(c, "last_ship_time", o->paid_ms + SHIP_BY_MS);
}

static void sums_put(struct sim_call *c, const struct sim_order *o)
{
  jw_kstring(&c->w, "pay_type", "WEIXIN");
  jw_kstring(&c->w, "pay_no", arena_printf(c->a, "XP%016llu", (unsigned long long)o->n));
  sim_kmoney(c, "pay_amount", o->total), sim_kmoney(c, "goods_amount", o->goods);
  sim_kmoney(c, "discount_amount", o->discount), sim_kmoney(c, "platform_discount", 0);
  sim_kmoney(c, "seller_discount", o->discount), sim_kmoney(c, "capital_free_discount", 0);
  sim_kmoney(c, "order_change_amount", 0), sim_kmoney(c, "postage", o->freight);
}

/* Cipher text while the order is to be shipped, else nothing. */
static void cipher_put(struct sim_call *c, const char *key, const char *text, bool shown)
{
  jw_kstring(&c->w, key, shown ? arena_printf(c->a, "~%s~0~", sim_cipher(c->a, c->shop, text)) : "");
}

static void receiver_put(struct sim_call *c, const struct sim_order *o)
{
  struct jw *w = &c->w;
  struct sim_person p;
  bool shown = o->status == SIM_PAID && refund_of(o) == 1 && !is_at_risk(o);
  sim_person(c->shop, o, &p);
  char *masked = sim_mask(c->a, p.address, 1, 0);
  jw_kstring(w, "country", "中国"), jw_kint(w, "country_id", 1);
  jw_kstring(w, "province", p.province), jw_kint(w, "province_id", 6);
  jw_kstring(w, "city", p.city), jw_kint(w, "city_id", 77);
  jw_kstring(w, "town", p.district), jw_kint(w, "town_id", 705);
  cipher_put(c, "receiver_name", p.name, shown), cipher_put(c, "receiver_phone", p.phone, shown);
  cipher_put(c, "receiver_address", p.address, shown), cipher_put(c, "address", p.address, shown);
  jw_kstring(w, "receiver_name_mask", sim_mask(c->a, p.name, 1, 0));
  jw_kstring(w, "receiver_phone_mask", sim_mask(c->a, p.phone, 3, 4));
  jw_kstring(w, "receiver_address_mask", masked);
  jw_kstring(w, "address_mask", arena_printf(c->a, "%s%s%s%s", p.province, p.city, p.district, masked));
  jw_kstring(w, "open_address_id", sim_receiver_token(c->a, c->shop, o, "pdd"));
}

static void remarks_put(struct sim_call *c, const struct sim_order *o)
{
  struct jw *w = &c->w;
  jw_kstring(w, "remark", sim_remark(o->seller_remark));
  if (o->seller_remark) jw_kint(w, "remark_tag", 1);
  else jw_key(w, "remark_tag"), jw_null(w);
  jw_kstring(w, "remark_tag_name", o->seller_remark ? "红色" : NULL);
  jw_kstring(w, "buyer_memo", sim_remark(o->buyer_remark));
}

static void parcels_put(struct sim_call *c, const struct sim_order *o)
{
  struct jw *w = &c->w;
  const struct sim_parcel *p = o->parcels ? &o->parcel[0] : NULL;
  jw_kstring(w, "tracking_number", p ? p->no : "");
  jw_kint(w, "logistics_id", p ? strtoll(sim_parcel_carrier(p, "44"), NULL, 10) : 0);
  jw_key(w, "extra_delivery_list");
  if (!p || !p->by_hand || o->lines < 3) {
    jw_null(w);
    return;
  }
  jw_array(w), jw_object(w);
  jw_kint(w, "logistics_id", 44), jw_kstring(w, "tracking_number", arena_printf(c->a, "%s-2", p->no));
  jw_object_end(w), jw_array_end(w);
}

static void item_put(struct sim_call *c, const struct sim_order *o, size_t i)
{
  struct jw *w = &c->w;
  const struct sim_line *l = &o->line[i];
  const struct sim_sku *k = sim_sku(l);
  bool coded = l->sku % 4 != 3; /* some have only the code of the goods */
  jw_object(w);
  jw_kint(w, "goods_id", i ? 9007199254740995 + l->sku : 512345678901 + l->sku);
  jw_kint(w, "sku_id", 987654321012 + l->sku);
  jw_kstring(w, "goods_name", k->title), jw_kstring(w, "goods_spec", k->spec);
  jw_kint(w, "goods_count", l->quantity), sim_kmoney(c, "goods_price", l->price);
  jw_kstring(w, "goods_img", ""), jw_kstring(w, "outer_goods_id", k->code);
  jw_kstring(w, "outer_id", coded ? k->code : "");
  jw_object_end(w);
}

static void depot_put(struct jw *w)
{
  static const struct {
    const char *key, *value;
  } parts[] = { { "depot_code", "" }, { "depot_id", "" },
                { "depot_name", "" }, { "depot_type", NULL },
                { "ware_id", "" },    { "ware_name", "" },
                { "ware_sn", "" },    { "ware_sub_info_list", NULL },
                { "ware_type", NULL } };
  jw_key(w, "order_depot_info"), jw_object(w);
  for (size_t i = 0; i < COUNT(parts); i++) jw_kstring(w, parts[i].key, parts[i].value);
  jw_object_end(w);
}

static void lists_put(struct sim_call *c, const struct sim_order *o)
{
  static const char *const tags[] = { "return_freight_payer", "delivery_one_day" };
  struct jw *w = &c->w;
  jw_key(w, "item_list"), jw_array(w);
  for (size_t i = 0; i < o->lines; i++) item_put(c, o, i);
  jw_array_end(w);
  jw_key(w, "gift_list"), jw_null(w);
  jw_key(w, "card_info_list"), jw_array(w), jw_array_end(w);
  jw_key(w, "order_tag_list"), jw_array(w);
  for (size_t i = 0; i < COUNT(tags); i++) {
    jw_object(w);
    jw_kstring(w, "name", tags[i]), jw_kint(w, "value", !i);
    jw_object_end(w);
  }
  jw_array_end(w);
  jw_key(w, "service_fee_detail"), jw_array(w), jw_array_end(w);
  jw_key(w, "step_order_info"), jw_null(w);
  depot_put(w);
}

static void order_put(struct sim_call *c, const struct sim_order *o)
{
  static const struct {
    const char *key;
    int value;
  } rest[] = { { "is_lucky_flag", 1 },    { "is_pre_sale", 0 },
               { "is_stock_out", 0 },     { "stock_out_handle_status", -1 },
               { "free_sf", 0 },          { "return_freight_payer", 1 },
               { "delivery_one_day", 0 }, { "invoice_status", 0 },
               { "mkt_biz_type", 0 },     { "self_contained", 0 },
               { "shipping_type", 0 },    { "home_delivery_type", 0 },
               { "cat_id_1", 1 },         { "cat_id_2", 2 },
               { "cat_id_3", 3 },         { "cat_id_4", 0 } };
  jw_object(&c->w);
  jw_kstring(&c->w, "order_sn", o->id);
  states_put(c, o), times_put(c, o), sums_put(c, o);
  receiver_put(c, o), remarks_put(c, o), parcels_put(c, o), lists_put(c, o);
  for (size_t i = 0; i < COUNT(rest); i++) jw_kint(&c->w, rest[i].key, rest[i].value);
  jw_object_end(&c->w);
}

/* ---- calls on orders --------------------------------------------------------------------------------------- */
struct filter {
  int64_t status, refund, lucky;
};

static bool is_wanted(const struct sim_order *o, void *arg)
{
  const struct filter *f = arg;
  return (f->status == 5 || f->status == status_of(o)) && (f->refund == 5 || f->refund == refund_of(o)) &&
         f->lucky != 2;
}

static bool number(struct sim_call *c, const char *name, bool needed, int64_t least, int64_t most,
                   int64_t *out)
{
  if (!needed && !sim_param(c, name)) return true;
  if (sim_param_int(c, name, out) && *out >= least && *out <= most) return true;
  deny_value(c, name);
  return false;
}

static bool filter_read(struct sim_call *c, struct filter *f)
{
  if (!number(c, "order_status", true, 1, 5, &f->status) ||
      !number(c, "refund_status", true, 1, 5, &f->refund) ||
      !number(c, "is_lucky_flag", true, 0, 2, &f->lucky))
    return false;
  if (f->status != 4) return true;
  deny_value(c, "order_status");
  return false;
}

static bool window_read(struct sim_call *c, struct sim_query *q)
{
  int64_t from, to, now_s = c->now_ms / 1000;
  if (!number(c, "start_updated_at", true, 0, INT64_MAX / 2000, &from) ||
      !number(c, "end_updated_at", true, 0, INT64_MAX / 2000, &to))
    return false;
  if (to < from || to - from > WINDOW_MAX_S) {
    deny_as(c, 50001, "业务服务错误", "60001", "时间跨度不能超过30分钟");
  } else if (to > now_s - SETTLED_S) {
    deny_as(c, 50001, "业务服务错误", "60002", "结束时间需早于当前时间3分钟");
  } else if (from < now_s - REACH_S) {
    deny_as(c, 50001, "业务服务错误", "60003", "只能查询三个月内的订单");
  } else {
    q->from_ms = from * 1000, q->to_ms = to * 1000 + 999;
    return true;
  }
  return false;
}

static void list_orders(struct sim_call *c)
{
  struct filter f;
  struct sim_query q = { .newest_first = true, .limit = PAGE_MAX, .want = is_wanted, .arg = &f };
  struct sim_page p;
  int64_t page = 1;
  const char *has_next = sim_param(c, "use_has_next");
  bool counts = !has_next || strcmp(has_next, "true") != 0;
  if (!filter_read(c, &f) || !window_read(c, &q) || !number(c, "page", false, 1, 1000000, &page) ||
      !number(c, "page_size", false, 1, PAGE_MAX, &q.limit))
    return;
  q.offset = (page - 1) * q.limit;
  sim_list(c, &q, &p);
  begin(c, "order_sn_increment_get_response");
  if (counts) jw_kint(&c->w, "total_count", p.total);
  jw_kbool(&c->w, "has_next", !counts && p.more);
  jw_key(&c->w, "order_sn_list"), jw_array(&c->w);
  for (size_t i = 0; i < p.n; i++) order_put(c, p.row[i]);
  jw_array_end(&c->w);
  end(c);
}

static void one_order(struct sim_call *c)
{
  const struct sim_order *o = sim_find(c->shop, sim_param(c, "order_sn"));
  if (!o) {
    deny_as(c, 50001, "业务服务错误", "60010", "订单不存在");
    return;
  }
  begin(c, "order_info_get_response");
  jw_key(&c->w, "order_info"), order_put(c, o);
  end(c);
}

/* ---- which orders go to one receiver ------------------------------------------------------------------------- */
/* false: refused. */
static bool asked_read(struct sim_call *c, const struct sim_order **list, size_t *n)
{
  struct faults f = { .mem = c->a };
  const char *t = sim_param(c, "order_list");
  const struct json *j = t ? json_parse(c->a, t, strlen(t), JSON_ELEMENTS_MAX, &f) : NULL;
  if (json_type(j) != JSON_ARRAY || !json_count(j) || json_count(j) > MERGE_MAX) {
    deny_value(c, "order_list");
    return false;
  }
  for (const struct json *e = json_first(j); e; e = json_next(e), ++*n) {
    list[*n] = sim_find(c->shop, json_string(json_get(e, "order_sn")));
    if (list[*n]) continue;
    deny_as(c, 50001, "业务服务错误", "60010", "订单不存在");
    return false;
  }
  return true;
}

static void group_put(struct sim_call *c, const struct sim_order **list, size_t n, size_t first)
{
  struct jw *w = &c->w;
  const char *token = sim_receiver_token(c->a, c->shop, list[first], "");
  jw_object(w);
  jw_key(w, "order_sn_list"), jw_array(w);
  jw_string(w, list[first]->id);
  for (size_t i = first + 1; i < n; i++) {
    if (!list[i] || strcmp(sim_receiver_token(c->a, c->shop, list[i], ""), token) != 0) continue;
    jw_string(w, list[i]->id);
    list[i] = NULL;
  }
  jw_array_end(w), jw_object_end(w);
}

static void merge(struct sim_call *c)
{
  const struct sim_order *list[MERGE_MAX];
  size_t n = 0;
  if (!asked_read(c, list, &n)) return;
  begin(c, "order_merge_ship_order_group_response");
  jw_key(&c->w, "order_group_list"), jw_array(&c->w);
  for (size_t i = 0; i < n; i++)
    if (list[i]) group_put(c, list, n, i);
  jw_array_end(&c->w);
  end(c);
}

/* ---- shipments and stock ------------------------------------------------------------------------------------- */
static void success(struct sim_call *c, const char *wrapper)
{
  begin(c, wrapper);
  jw_kbool(&c->w, "is_success", true);
  end(c);
}

static void online_send(struct sim_call *c)
{
  static const struct {
    enum sim_ship is;
    const char *sub_code, *sub_msg;
  } words[] = { { SIM_SHIP_SAME, "60101", "订单已发货，不能重复发货" },
                { SIM_SHIP_SHIPPED, "60101", "订单已发货，不能重复发货" },
                { SIM_SHIP_CLOSED, "60102", "订单已取消，不能发货" },
                { SIM_SHIP_UNPAID, "60103", "订单未成团，不能发货" },
                { SIM_SHIP_REFUNDING, "60104", "订单售后处理中，不能发货" },
                { SIM_SHIP_CARRIER, "60105", "快递公司不存在" },
                { SIM_SHIP_NUMBER, "60106", "快递单号不符合规则" },
                { SIM_SHIP_LINES, "60107", "没有可发货的商品" },
                { SIM_SHIP_LOCKED, "60108", "订单风控审核中，不能发货" },
                { SIM_SHIP_NO_ORDER, "60010", "订单不存在" } };
  struct sim_order *o = sim_find(c->shop, sim_param(c, "order_sn"));
  const char *carrier = sim_param(c, "logistics_id");
  struct sim_confirm f = { .carrier = carrier ? carrier : "", .no = sim_param(c, "tracking_number") };
  enum sim_ship is = sim_ship(c, o, &f);
  for (size_t i = 0; i < COUNT(words); i++)
    if (words[i].is == is) {
      deny_as(c, 50001, "业务服务错误", words[i].sub_code, words[i].sub_msg);
      return;
    }
  success(c, "logistics_online_send_response");
}

static void quantity_update(struct sim_call *c)
{
  int64_t goods = 0, no = 0, quantity = 0, type = 1;
  const char *coded = sim_param(c, "outer_id");
  bool has_type = !sim_param(c, "update_type") || sim_param_int(c, "update_type", &type);
  const char *t = sim_param(c, "goods_id");
  goods = t ? strtoll(t, NULL, 10) : 0;
  if (!goods || !has_type || !sim_param_int(c, "quantity", &quantity)) {
    deny_value(c, !goods ? "goods_id" : "quantity");
    return;
  }
  bool by_no = sim_param_int(c, "sku_id", &no);
  no -= 987654321012;
  int sku = by_no ? (no >= 0 && no < SIM_SKUS_MAX ? (int)no : -1) : sim_sku_coded(coded);
  if (by_no && sku >= 0 && goods != 512345678901 + sku && goods != 9007199254740995 + sku) sku = -1;
  if (sim_stock(c, sku, quantity, type == 2)) success(c, "goods_quantity_update_response");
  else
    deny_as(c, 50001, "业务服务错误", sku < 0 ? "60201" : "60202", sku < 0 ? "商品不存在" : "库存更新失败");
}

/* ---- calls -------------------------------------------------------------------------------------------------- */
static const struct {
  const char *type;
  bool is_public;
  int64_t per_minute;
  void (*run)(struct sim_call *c);
} calls[] = {
  { "pdd.order.number.list.increment.get", false, 3000, list_orders },
  { "pdd.order.information.get", false, 30000, one_order },
  { "pdd.order.merge.ship.order.group", false, 0, merge },
  { "pdd.logistics.online.send", false, 0, online_send },
  { "pdd.goods.quantity.update", false, 0, quantity_update },
  { "pdd.pop.auth.token.refresh", true, 0, refresh },
};

static void answer(struct sim_call *c)
{
  body_read(c);
  const char *type = sim_param(c, "type");
  for (size_t i = 0; i < COUNT(calls) && !strcmp(c->r->path, "/api/router"); i++)
    if (type && !strcmp(type, calls[i].type)) {
      sim_called(c, calls[i].type);
      if (may(c, calls[i].is_public, calls[i].per_minute)) calls[i].run(c);
      return;
    }
  sim_called(c, "unknown");
  if (may(c, true, 0)) deny(c, 10017, "type错误");
}

const struct sim_platform sim_pinduoduo = {
  .name = "pinduoduo",
  .country = "CN",
  .currency = "CNY",
  .zone_min = 480,
  .statuses = 1 << SIM_PAID | 1 << SIM_SHIPPED | 1 << SIM_COMPLETED | 1 << SIM_CANCELLED,
  .receiver = SIM_TOKENS,
  .carriers = SIM_CARRIER_PDD,
  .secret = { { "client_id", 'x', 32, NULL },
              { "client_secret", 'x', 40, NULL },
              { "access_token", 'x', 40, NULL },
              { "refresh_token", 'x', 40, NULL } },
  .access = "access_token",
  .refresh = "refresh_token",
  .token_s = 86400,
  .refresh_once = true,
  .id = id,
  .answer = answer,
  .fail = fail,
};
