/* sim_douyin.c: Douyin's shops as the simulator plays them. */
#include "edge.h"
#include <stdio.h>
#include <stdlib.h>

#define STAMP_MAX_MS (10 * 60 * 1000LL)
#define REACH_S (90LL * 24 * 3600)
#define ROWS_MAX 50000
#define PAGE_MAX 100
#define MERGE_MAX 100
#define MERGE_REACH_MS (15LL * 24 * 3600 * 1000)
#define SHIP_BY_MS (48 * 3600 * 1000LL)
#define SUCCESS 10000

/* Orders of one shop order have the numbers behind its own: the step leaves room for them. */
static void id(const struct sim_shop *s, const struct sim_order *o, char out[SIM_ID_TEXT])
{
  snprintf(out, SIM_ID_TEXT, "%lld", 4998567890000000000LL + s->number * 10000000000000LL + o->n * 1013LL);
}

static char *line_id(struct arena *a, const struct sim_order *o, size_t i)
{
  return arena_printf(a, "%lld", strtoll(o->id, NULL, 10) + 1 + (long long)i);
}

static int64_t shop_no(const struct sim_shop *s)
{
  return 4463798 + s->number;
}

/* ---- envelopes -------------------------------------------------------------------------------------- */
static void envelope(struct sim_call *c, int code, const char *msg, const char *sub_code, const char *sub_msg)
{
  struct jw *w = &c->w;
  struct civil t = time_civil(c->now_ms, 480);
  jw_object(w);
  jw_kint(w, "code", code);
  jw_kstring(w, "log_id",
             arena_printf(c->a, "%04d%02d%02d%02d%02d%02d%016llX", t.year, t.month, t.day, t.hour, t.minute,
                          t.second, (unsigned long long)c->draw));
  jw_kstring(w, "msg", msg), jw_kstring(w, "sub_code", sub_code), jw_kstring(w, "sub_msg", sub_msg);
  jw_key(w, "data");
}

static void deny(struct sim_call *c, int code, const char *msg, const char *sub_code, const char *sub_msg)
{
  sim_answer_again(c, 200);
  envelope(c, code, msg, sub_code, sub_msg);
  jw_null(&c->w), jw_object_end(&c->w);
}

static void deny_value(struct sim_call *c, const char *sub_code, const char *sub_msg)
{
  deny(c, 40004, "非法的参数", sub_code, sub_msg);
}

static void fail(struct sim_call *c)
{
  deny(c, 20000, "系统错误", "isp.service-error:20005", "系统繁忙，请稍后重试");
}

static void begin(struct sim_call *c)
{
  envelope(c, SUCCESS, "success", "", "");
  jw_object(&c->w);
}

static void end(struct sim_call *c)
{
  jw_object_end(&c->w), jw_object_end(&c->w);
}

/* ---- who is calling ------------------------------------------------------------------------------------ */
/* What param_json is: the body as it came, or, of older clients, a parameter. */
static const char *param_json(struct sim_call *c)
{
  const char *given = sim_param(c, "param_json");
  return given ? given : c->r->body_n ? c->r->body : "";
}

static bool is_signed(struct sim_call *c)
{
  static const char *const names[] = { "app_key", "method", "param_json", "timestamp", "v" };
  const char *secret = sim_secret(c->shop, "app_secret"), *how = sim_param(c, "sign_method");
  bool is_md5 = !how || !strcmp(how, "md5");
  struct buf text = { 0 };
  buf_str(&text, secret);
  for (size_t i = 0; i < COUNT(names); i++) {
    const char *v = i == 2 ? param_json(c) : sim_param(c, names[i]);
    buf_str(&text, names[i]), buf_str(&text, v ? v : "");
  }
  buf_str(&text, secret);
  char *sign = is_md5 ? sim_hex(c->a, DIGEST_MD5, text.data, text.len, false)
                      : sim_mac_hex(c->a, DIGEST_SHA256, secret, text.data, text.len, false);
  buf_release(&text);
  if ((is_md5 || !strcmp(how, "hmac-sha256")) && sim_same(sim_param(c, "sign"), sign)) return true;
  sim_bad_sign(c);
  deny(c, 40003, "非法的参数", "isv.signature-invalid", "签名校验失败");
  return false;
}

/* Seconds, or a text in the platform's zone. */
static bool is_in_time(struct sim_call *c)
{
  int64_t stamp;
  const char *t = sim_param(c, "timestamp");
  bool ok = sim_param_int(c, "timestamp", &stamp);
  if (ok) stamp *= 1000;
  else ok = sim_local_parse(t, 480, &stamp);
  if (ok && llabs(c->now_ms - stamp) <= STAMP_MAX_MS) return true;
  deny(c, 40003, "非法的参数", "isv.timestamp-invalid", "timestamp已失效");
  return false;
}

static bool has_all(struct sim_call *c, bool is_public)
{
  static const char *const names[] = { "app_key", "timestamp", "v", "sign", "access_token" };
  for (size_t i = 0; i < (is_public ? 4 : COUNT(names)); i++) {
    const char *v = sim_param(c, names[i]);
    if (v && *v) continue;
    deny(c, 40001, "缺少必选参数", "isv.missing-parameter", arena_printf(c->a, "缺少参数%s", names[i]));
    return false;
  }
  return true;
}

static bool has_token(struct sim_call *c)
{
  enum sim_token is = sim_token_check(c, sim_param(c, "access_token"));
  if (is == SIM_TOKEN_OK) return true;
  if (is == SIM_TOKEN_EXPIRED) deny(c, 40003, "非法的参数", "isv.access-token-expired", "access_token已过期");
  else deny(c, 40003, "非法的参数", "isv.access-token-no-existed", "access_token不存在");
  return false;
}

static bool may(struct sim_call *c, bool is_public)
{
  if (!has_all(c, is_public)) return false;
  if (!sim_same(sim_param(c, "app_key"), sim_secret(c->shop, "app_key"))) {
    deny(c, 40003, "非法的参数", "isv.app-key-invalid", "app_key不存在");
    return false;
  }
  if (!is_in_time(c) || !is_signed(c) || (!is_public && !has_token(c))) return false;
  if (sim_take(c, c->name, 0, 0, NULL)) return true;
  deny(c, 60000, "触发限流，请稍后重试", "", "触发限流，请稍后重试");
  return false;
}

/* ---- tokens ----------------------------------------------------------------------------------------------- */
static void refresh(struct sim_call *c, const struct json *j)
{
  int64_t expires_s;
  const char *grant = json_string(json_get(j, "grant_type"));
  if (grant && strcmp(grant, "refresh_token") != 0) {
    deny_value(c, "isv.parameter-invalid", "grant_type不合法");
    return;
  }
  if (!sim_refresh(c, json_string(json_get(j, "refresh_token")), &expires_s)) {
    deny(c, 50001, "平台处理失败", "dop.token-generate-failed:token-expired", "refresh_token已过期");
    return;
  }
  begin(c);
  jw_kstring(&c->w, "access_token", sim_secret(c->shop, "access_token"));
  jw_kint(&c->w, "expires_in", expires_s);
  jw_kstring(&c->w, "refresh_token", sim_secret(c->shop, "refresh_token")),
    jw_kstring(&c->w, "scope", "SCOPE");
  jw_kstring(&c->w, "shop_id", arena_printf(c->a, "%lld", (long long)shop_no(c->shop)));
  jw_kstring(&c->w, "shop_name", "示例店"), jw_kstring(&c->w, "authority_id", "");
  jw_kstring(&c->w, "auth_subject_type", "");
  end(c);
}

/* ---- an order ------------------------------------------------------------------------------------------------ */
static const struct state {
  int status, main;
  const char *text, *main_text, *tag; /* tag: of pushes */
} states[SIM_STATUS_N] = { { 1, 1, "待支付", "待支付", "100" },     { 2, 2, "备货中", "备货中", "101" },
                           { 101, 2, "部分发货", "备货中", "108" }, { 3, 3, "已发货", "已发货", "102" },
                           { 5, 5, "已完成", "已完成", "103" },     { 4, 4, "已取消", "已取消", "106" } };

/* Just paid, and nobody has looked at it yet: some say so. */
static struct state state_of(const struct sim_order *o)
{
  struct state s = states[o->status];
  if (o->status == SIM_PAID && o->modified_ms == o->paid_ms && o->n % 5 == 0)
    s.status = 105, s.text = "已支付";
  return s;
}

static void put_time(struct sim_call *c, const char *key, int64_t ms)
{
  jw_kint(&c->w, key, ms / 1000);
}

/* Cipher text that can be searched by its first part; a phone's is marked otherwise. */
static void put_cipher(struct sim_call *c, const char *key, const char *text, char mark)
{
  char *cipher = sim_cipher(c->a, c->shop, text);
  jw_kstring(
    &c->w, key,
    arena_printf(c->a, "%c%c%.16s%c%s%c1%c%c", mark, mark, cipher, mark, cipher + 16, mark, mark, mark));
}

static void place_put(struct sim_call *c, const char *key, const char *name, const char *no)
{
  jw_key(&c->w, key), jw_object(&c->w);
  jw_kstring(&c->w, "name", name), jw_kstring(&c->w, "id", *name ? no : "");
  jw_object_end(&c->w);
}

static void places_put(struct sim_call *c, const struct sim_person *p)
{
  place_put(c, "province", p->province, "44"), place_put(c, "city", p->city, "440300");
  place_put(c, "town", p->district, "440305"), place_put(c, "street", p->town, "440305007");
}

static void masked_put(struct sim_call *c, const struct sim_person *p)
{
  jw_kstring(&c->w, "mask_post_receiver", sim_mask(c->a, p->name, 1, 0));
  jw_kstring(&c->w, "mask_post_tel", sim_mask(c->a, p->phone, 1, 0));
}

static void receiver_put(struct sim_call *c, const struct sim_order *o, const struct sim_person *p)
{
  struct jw *w = &c->w;
  jw_kstring(w, "post_tel", ""), put_cipher(c, "encrypt_post_tel", p->phone, '$');
  jw_kstring(w, "post_receiver", ""), put_cipher(c, "encrypt_post_receiver", p->name, '#');
  jw_key(w, "post_addr"), jw_object(w);
  places_put(c, p);
  jw_kstring(w, "detail", ""), put_cipher(c, "encrypt_detail", p->address, '#');
  jw_object_end(w);
  masked_put(c, p);
  jw_key(w, "mask_post_addr"), jw_object(w);
  places_put(c, p);
  jw_kstring(w, "detail", sim_mask(c->a, p->address, 1, 0));
  jw_object_end(w);
  jw_kstring(w, "open_address_id", sim_receiver_token(c->a, c->shop, o, "#"));
}

static void spec_put(struct sim_call *c, const char *key, const struct sim_line *l)
{
  struct jw *w = &c->w;
  jw_key(w, key), jw_array(w), jw_object(w);
  jw_kstring(w, "name", "颜色"), jw_kstring(w, "value", sim_sku(l)->spec);
  jw_object_end(w), jw_array_end(w);
}

static int64_t product_id(const struct sim_line *l)
{
  return 3567890123456789012 + l->sku;
}

static void product_put(struct sim_call *c, const struct sim_line *l)
{
  jw_kint(&c->w, "product_id", product_id(l));
  jw_kstring(&c->w, "product_id_str", arena_printf(c->a, "%lld", (long long)product_id(l)));
}

static int64_t pay_of(const struct sim_line *l)
{
  return l->price * l->quantity - l->discount;
}

static void line_sums_put(struct sim_call *c, const struct sim_line *l)
{
  struct jw *w = &c->w;
  jw_kint(w, "order_amount", l->price * l->quantity), jw_kint(w, "pay_amount", pay_of(l));
  jw_kint(w, "post_amount", 0), jw_kint(w, "promotion_amount", l->discount);
  jw_kint(w, "promotion_shop_amount", l->discount), jw_kint(w, "promotion_platform_amount", 0);
  jw_kint(w, "origin_amount", l->price), jw_kint(w, "sum_amount", l->price * l->quantity);
  jw_kint(w, "item_num", l->quantity);
}

static void line_goods_put(struct sim_call *c, const struct sim_line *l)
{
  struct jw *w = &c->w;
  const struct sim_sku *k = sim_sku(l);
  bool coded = l->sku % 4 != 3; /* some have their code in one field only */
  product_put(c, l);
  jw_kint(w, "sku_id", 1785678901234567 + l->sku);
  jw_kstring(w, "out_sku_id", coded ? k->code : ""), jw_kstring(w, "out_product_id", "");
  jw_kstring(w, "code", k->code), jw_kstring(w, "product_name", k->title);
  jw_kstring(w, "product_pic", "https://p9.example/goods.jpg");
  spec_put(c, "spec", l);
  jw_kint(w, "goods_type", 0), jw_kint(w, "is_comment", 0), jw_kstring(w, "given_product_type", "");
}

static void line_cases_put(struct sim_call *c, const struct sim_line *l)
{
  static const int status[] = { 0, 6, 12 }, refund[] = { 0, 1, 3 };
  struct jw *w = &c->w;
  jw_key(w, "after_sale_info"), jw_object(w);
  jw_kint(w, "after_sale_status", status[l->refund]), jw_kint(w, "after_sale_type", l->refund ? 2 : 0);
  jw_kint(w, "refund_status", refund[l->refund]);
  jw_object_end(w);
  jw_key(w, "inventory_list"), jw_array(w), jw_object(w);
  jw_kstring(w, "warehouse_id", ""), jw_kstring(w, "out_warehouse_id", ""), jw_kint(w, "inventory_type", 1);
  jw_kstring(w, "inventory_type_desc", "普通库存"), jw_kint(w, "count", l->quantity);
  jw_kint(w, "warehouse_type", 0);
  jw_object_end(w), jw_array_end(w);
  jw_kbool(w, "need_serial_number", false), jw_kstring(w, "cancel_reason", "");
}

static struct state line_state(const struct sim_order *o, const struct sim_line *l)
{
  if (o->status == SIM_PARTLY) return states[l->shipped ? SIM_SHIPPED : SIM_PAID];
  return state_of(o);
}

static void line_put(struct sim_call *c, const struct sim_order *o, size_t i, const struct sim_person *p)
{
  struct jw *w = &c->w;
  const struct sim_line *l = &o->line[i];
  struct state s = line_state(o, l);
  jw_object(w);
  jw_kstring(w, "order_id", line_id(c->a, o, i)), jw_kstring(w, "parent_order_id", o->id);
  jw_kint(w, "order_level", 3), jw_kint(w, "order_status", s.status),
    jw_kstring(w, "order_status_desc", s.text);
  jw_kint(w, "main_status", s.main), jw_kint(w, "trade_type", 0), jw_kstring(w, "trade_type_desc", "普通");
  put_time(c, "pay_time", o->paid_ms), put_time(c, "create_time", o->placed_ms);
  put_time(c, "update_time", o->modified_ms), put_time(c, "finish_time", o->completed_ms);
  line_sums_put(c, l);
  line_goods_put(c, l);
  jw_kint(w, "pre_sale_type", 0), put_time(c, "exp_ship_time", o->paid_ms ? o->paid_ms + SHIP_BY_MS : 0);
  put_time(c, "ship_time", l->shipped ? o->shipped_ms : 0);
  line_cases_put(c, l);
  masked_put(c, p);
  jw_key(w, "card_voucher"), jw_null(w), jw_key(w, "account_list"), jw_null(w);
  jw_object_end(w);
}

static void packed_put(struct sim_call *c, const struct sim_order *o, size_t i)
{
  struct jw *w = &c->w;
  const struct sim_line *l = &o->line[i];
  jw_object(w);
  jw_kstring(w, "product_name", sim_sku(l)->title), jw_kint(w, "price", l->price);
  jw_kstring(w, "outer_sku_id", sim_sku(l)->code), jw_kint(w, "sku_id", 1785678901234567 + l->sku);
  spec_put(c, "sku_specs", l);
  jw_kint(w, "product_count", l->quantity);
  product_put(c, l);
  jw_kstring(w, "sku_order_id", line_id(c->a, o, i));
  jw_object_end(w);
}

static void parcels_put(struct sim_call *c, const struct sim_order *o)
{
  struct jw *w = &c->w;
  jw_key(w, "logistics_info"), jw_array(w);
  for (size_t k = 0; k < o->parcels; k++) {
    const struct sim_parcel *p = &o->parcel[k];
    jw_object(w);
    jw_kstring(w, "tracking_no", p->no), jw_kstring(w, "company", sim_parcel_carrier(p, "shunfeng"));
    jw_kstring(w, "company_name", "顺丰速运"), put_time(c, "ship_time", p->told_ms);
    jw_kstring(w, "delivery_id",
               arena_printf(c->a, "%lld", 7300000000000000001LL + o->n * 8LL + (long long)k));
    jw_key(w, "product_info"), jw_array(w);
    for (size_t i = 0; i < o->lines; i++)
      if (p->quantity[i]) packed_put(c, o, i);
    jw_array_end(w);
    jw_kstring(w, "hour_up_pickup_code", "");
    jw_object_end(w);
  }
  jw_array_end(w);
}

static void head_put(struct sim_call *c, const struct sim_order *o, const struct sim_person *p)
{
  struct jw *w = &c->w;
  struct state s = state_of(o);
  jw_kstring(w, "order_id", o->id), jw_kint(w, "order_level", 2);
  jw_kint(w, "shop_id", shop_no(c->shop)), jw_kstring(w, "shop_name", "示例店"), jw_kstring(w, "open_id", "");
  jw_kstring(w, "doudian_open_id", arena_printf(c->a, "1@#%s", sim_cipher(c->a, c->shop, p->buyer)));
  jw_kint(w, "biz", 2), jw_kstring(w, "biz_desc", "小店");
  jw_kint(w, "order_type", 0), jw_kstring(w, "order_type_desc", "普通订单");
  jw_kint(w, "trade_type", 0), jw_kstring(w, "trade_type_desc", "普通");
  jw_kint(w, "order_status", s.status), jw_kstring(w, "order_status_desc", s.text);
  jw_kint(w, "main_status", s.main), jw_kstring(w, "main_status_desc", s.main_text);
  jw_kint(w, "pay_type", 1), put_time(c, "pay_time", o->paid_ms), jw_kint(w, "order_expire_time", 1800);
  put_time(c, "create_time", o->placed_ms), put_time(c, "update_time", o->modified_ms);
  put_time(c, "finish_time", o->completed_ms);
  put_time(c, "exp_ship_time", o->paid_ms ? o->paid_ms + SHIP_BY_MS : 0);
  put_time(c, "ship_time", o->shipped_ms);
  jw_kstring(w, "cancel_reason", o->status == SIM_CANCELLED ? "不想要了" : "");
  jw_kstring(w, "buyer_words", sim_remark(o->buyer_remark));
  jw_kstring(w, "seller_words", sim_remark(o->seller_remark));
  jw_kint(w, "seller_remark_stars", o->seller_remark ? 1 : 0);
}

static void sums_put(struct sim_call *c, const struct sim_order *o)
{
  static const char *const none[] = { "promotion_platform_amount", "promotion_talent_amount",
                                      "promotion_pay_amount", "tax_amount" };
  struct jw *w = &c->w;
  jw_kint(w, "order_amount", o->goods), jw_kint(w, "pay_amount", o->total);
  jw_kint(w, "post_amount", o->freight), jw_kint(w, "post_insurance_amount", 0),
    jw_kint(w, "modify_amount", 0);
  jw_kint(w, "promotion_amount", o->discount), jw_kint(w, "promotion_shop_amount", o->discount);
  for (size_t i = 0; i < COUNT(none); i++) jw_kint(w, none[i], 0);
}

static void empty_put(struct jw *w, const char *key)
{
  jw_key(w, key), jw_array(w), jw_array_end(w);
}

static void order_put(struct sim_call *c, const struct sim_order *o)
{
  struct jw *w = &c->w;
  struct sim_person p;
  sim_person(c->shop, o, &p);
  jw_object(w);
  head_put(c, o, &p), sums_put(c, o), receiver_put(c, o, &p), parcels_put(c, o);
  jw_key(w, "sku_order_list"), jw_array(w);
  for (size_t i = 0; i < o->lines; i++) line_put(c, o, i, &p);
  jw_array_end(w);
  empty_put(w, "order_phase_list"), empty_put(w, "shop_order_tag_ui");
  jw_key(w, "user_id_info"), jw_null(w), jw_key(w, "address_tag_ui"), jw_null(w);
  empty_put(w, "serial_number_list"), jw_kint(w, "appointment_ship_time", 0);
  jw_object_end(w);
}

/* ---- calls on orders --------------------------------------------------------------------------------------- */
/* A whole number below 10^12, or text of one; without it *out stays. */
static bool number(const struct json *j, const char *name, int64_t *out)
{
  const struct json *v = json_get(j, name);
  const char *t = json_string(v);
  size_t n = t ? strspn(t, "0123456789") : 0;
  int64_t given = 0;
  if (!v || json_type(v) == JSON_NULL) return true;
  if (t && n && n <= 12 && !t[n]) given = strtoll(t, NULL, 10);
  else if (!json_int(v, &given) || given < -1 || given >= 1000000000000) return false;
  *out = given;
  return true;
}

static bool window_read(struct sim_call *c, const struct json *j, struct sim_query *q)
{
  int64_t from[2] = { 0, 0 }, to[2] = { 0, 0 };
  if (!number(j, "create_time_start", &from[0]) || !number(j, "create_time_end", &to[0]) ||
      !number(j, "update_time_start", &from[1]) || !number(j, "update_time_end", &to[1])) {
    deny_value(c, "isv.parameter-invalid", "时间参数不合法");
  } else if (from[0] <= 0 && from[1] <= 0) {
    deny_value(c, "isv.parameter-invalid:20011", "开始时间不能为空");
  } else if (from[0] > 0 && from[0] < c->now_ms / 1000 - REACH_S) {
    deny_value(c, "isv.parameter-invalid:20012", "只支持查询90天内的订单");
  } else {
    int k = from[1] > 0;
    q->by_placed = !k;
    q->from_ms = from[k] * 1000, q->to_ms = to[k] > 0 ? to[k] * 1000 + 999 : c->now_ms;
    return true;
  }
  return false;
}

static bool list_query(struct sim_call *c, const struct json *j, int64_t *page, struct sim_query *q)
{
  *q = (struct sim_query){ .limit = 10, .newest_first = !json_bool(json_get(j, "order_asc")) };
  if (!number(j, "page", page) || *page < 0) {
    deny_value(c, "isv.parameter-invalid:10035", "page不能小于0");
  } else if (!number(j, "size", &q->limit) || q->limit < 1 || q->limit > PAGE_MAX) {
    deny_value(c, "isv.parameter-invalid:20008", "size不能超过100");
  } else if ((*page + 1) * q->limit > ROWS_MAX) {
    deny_value(c, "isv.parameter-invalid:20013", "订单查询最多支持查询5万");
  } else {
    q->offset = *page * q->limit;
    return window_read(c, j, q);
  }
  return false;
}

static void search(struct sim_call *c, const struct json *j)
{
  struct sim_query q;
  struct sim_page p;
  int64_t page = 0;
  if (!list_query(c, j, &page, &q)) return;
  sim_list(c, &q, &p);
  begin(c);
  jw_kint(&c->w, "page", page), jw_kint(&c->w, "size", q.limit), jw_kint(&c->w, "total", p.total);
  jw_key(&c->w, "shop_order_list"), jw_array(&c->w);
  for (size_t i = 0; i < p.n; i++) order_put(c, p.row[i]);
  jw_array_end(&c->w);
  end(c);
}

static const char *text_of(const struct json *j)
{
  return json_number(j) ? json_number(j) : json_string(j);
}

static void no_order(struct sim_call *c)
{
  deny(c, 50002, "业务处理失败", "isv.business-failed:2000", "订单不存在");
}

static void detail(struct sim_call *c, const struct json *j)
{
  const struct sim_order *o = sim_find(c->shop, text_of(json_get(j, "shop_order_id")));
  if (!o) {
    no_order(c);
    return;
  }
  begin(c);
  jw_key(&c->w, "shop_order_detail"), order_put(c, o);
  end(c);
}

/* ---- which orders go to one receiver ------------------------------------------------------------------------- */
struct asked {
  const struct sim_order *o;
  char *token;
  bool alone, told;
};

/* false: refused. Only orders that wait, of the last days and with their own token, go together. */
static bool asked_read(struct sim_call *c, const struct json *j, struct asked *list, size_t *n)
{
  const struct json *all = json_get(j, "merge_list");
  if (json_type(all) != JSON_ARRAY || !json_count(all) || json_count(all) > MERGE_MAX) {
    deny_value(c, "isv.parameter-invalid", "merge_list不合法");
    return false;
  }
  for (const struct json *e = json_first(all); e; e = json_next(e), ++*n) {
    const struct sim_order *o = sim_find(c->shop, text_of(json_get(e, "order_id")));
    if (!o) {
      no_order(c);
      return false;
    }
    list[*n] = (struct asked){ .o = o, .token = sim_receiver_token(c->a, c->shop, o, "#") };
    list[*n].alone = o->status != SIM_PAID || o->paid_ms < c->now_ms - MERGE_REACH_MS ||
                     !sim_same(json_string(json_get(e, "open_address_id")), list[*n].token);
  }
  return true;
}

static char *group_of(struct sim_call *c, struct asked *list, size_t n, size_t first)
{
  char *ids = arena_str(c->a, list[first].o->id);
  for (size_t i = first + 1; i < n && !list[first].alone; i++) {
    if (list[i].alone || list[i].told || strcmp(list[i].token, list[first].token) != 0) continue;
    list[i].told = true;
    ids = arena_printf(c->a, "%s,%s", ids, list[i].o->id);
  }
  return ids;
}

static void merge(struct sim_call *c, const struct json *j)
{
  struct asked list[MERGE_MAX];
  size_t n = 0;
  if (!asked_read(c, j, list, &n)) return;
  begin(c);
  jw_key(&c->w, "order_list"), jw_array(&c->w);
  for (size_t i = 0; i < n; i++)
    if (!list[i].told) jw_string(&c->w, group_of(c, list, n, i));
  jw_array_end(&c->w);
  end(c);
}

/* ---- shipments and stock ------------------------------------------------------------------------------------- */
static const char *value_of(const struct json *j, const char *name)
{
  const struct json *v = json_get(j, name);
  return json_string(v) ? json_string(v) : json_number(v) ? json_number(v) : "";
}

static void told(struct sim_call *c, enum sim_ship is, const struct sim_order *o)
{
  static const struct {
    enum sim_ship is;
    const char *sub_code, *sub_msg;
  } words[] = { { SIM_SHIP_SAME, "isv.business-failed:4001", "订单已发货，请勿重复发货" },
                { SIM_SHIP_SHIPPED, "isv.business-failed:4001", "订单已发货，请勿重复发货" },
                { SIM_SHIP_CLOSED, "isv.business-failed:4002", "订单已关闭，不能发货" },
                { SIM_SHIP_UNPAID, "isv.business-failed:4003", "订单未支付，不能发货" },
                { SIM_SHIP_REFUNDING, "isv.business-failed:4004", "存在退款中的子订单，请先处理退款" },
                { SIM_SHIP_CARRIER, "isv.parameter-invalid:4005", "物流公司编码错误" },
                { SIM_SHIP_NUMBER, "isv.parameter-invalid:4006", "运单号格式错误" },
                { SIM_SHIP_LINES, "isv.parameter-invalid:4007", "发货商品数量错误" },
                { SIM_SHIP_LOCKED, "isv.business-failed:4008", "订单风控锁定，暂不能发货" },
                { SIM_SHIP_NO_ORDER, "isv.business-failed:4009", "订单不存在" } };
  for (size_t i = 0; i < COUNT(words); i++)
    if (words[i].is == is) {
      deny(c, 50002, "业务处理失败", words[i].sub_code, words[i].sub_msg);
      return;
    }
  begin(c);
  if (o)
    jw_kstring(
      &c->w, "pack_id",
      arena_printf(c->a, "%lld", 7300000000000000001LL + o->n * 8LL + (o->parcels ? o->parcels - 1 : 0)));
  end(c);
}

static void ship(struct sim_call *c, const struct json *j)
{
  struct sim_order *o = sim_find(c->shop, value_of(j, "order_id"));
  struct sim_confirm f = { .carrier = value_of(j, "company_code"), .no = value_of(j, "logistics_code") };
  told(c, sim_ship(c, o, &f), o);
}

/* One parcel with some of the lines; of several only the first is played. */
static void ship_part(struct sim_call *c, const struct json *j)
{
  struct sim_order *o = sim_find(c->shop, value_of(j, "order_id"));
  const struct json *pack = json_first(json_get(j, "pack_list"));
  struct sim_confirm f = { .carrier = value_of(pack, "company_code"),
                           .no = value_of(pack, "logistics_code"),
                           .part = true };
  for (const struct json *p = json_first(json_get(pack, "shipped_order_info")); o && p; p = json_next(p))
    for (size_t i = 0; i < o->lines; i++)
      if (!strcmp(line_id(c->a, o, i), value_of(p, "shipped_order_id")))
        f.quantity[i] = (uint8_t)(strtoll(value_of(p, "shipped_num"), NULL, 10) & 0xff);
  told(c, sim_ship(c, o, &f), o);
}

/* By the shop's own code, or by the platform's number. */
static void stock(struct sim_call *c, const struct json *j)
{
  const char *code = value_of(j, "code"), *no = value_of(j, "sku_id");
  int64_t by_no = strtoll(no, NULL, 10) - 1785678901234567;
  int sku = *code ? sim_sku_coded(code) : by_no >= 0 && by_no < SIM_SKUS_MAX ? (int)by_no : -1;
  const char *number = value_of(j, "stock_num"), *incremental = value_of(j, "incremental");
  if (!*number) {
    deny_value(c, "isv.parameter-invalid", "stock_num不能为空");
  } else if (!sim_stock(c, sku, strtoll(number, NULL, 10), !strcmp(incremental, "true"))) {
    deny(c, 50002, "业务处理失败", sku < 0 ? "isv.business-failed:2010001" : "isv.business-failed:2010002",
         sku < 0 ? "sku不存在" : "库存更新失败");
  } else {
    begin(c), end(c);
  }
}

/* ---- calls -------------------------------------------------------------------------------------------------- */
static const struct {
  const char *path, *method;
  bool is_public;
  void (*run)(struct sim_call *c, const struct json *j);
} calls[] = {
  { "/order/searchList", "order.searchList", false, search },
  { "/order/orderDetail", "order.orderDetail", false, detail },
  { "/order/merge", "order.merge", false, merge },
  { "/order/logisticsAdd", "order.logisticsAdd", false, ship },
  { "/order/logisticsAddMultiPack", "order.logisticsAddMultiPack", false, ship_part },
  { "/sku/syncStock", "sku.syncStock", false, stock },
  { "/token/refresh", "token.refresh", true, refresh },
};

static void run(struct sim_call *c, size_t k)
{
  struct faults f = { .mem = c->a };
  const char *t = param_json(c), *method = sim_param(c, "method");
  sim_called(c, calls[k].method);
  if (!method || strcmp(method, calls[k].method) != 0) {
    deny(c, 40002, "非法的参数", "isv.method-invalid", "method与请求路径不一致");
    return;
  }
  if (!may(c, calls[k].is_public)) return;
  const struct json *j = json_parse(c->a, t, strlen(t), JSON_ELEMENTS_MAX, &f);
  if (json_type(j) == JSON_OBJECT) calls[k].run(c, j);
  else deny(c, 40002, "非法的参数", "isv.parameter-invalid", "param_json不合法");
}

static void answer(struct sim_call *c)
{
  for (size_t i = 0; i < COUNT(calls); i++)
    if (!strcmp(c->r->path, calls[i].path)) {
      run(c, i);
      return;
    }
  sim_called(c, "unknown");
  if (may(c, true)) deny(c, 40002, "非法的参数", "isv.method-invalid", "method不存在");
}

/* ---- pushes: an array of messages whose data is JSON inside text, with numbers of 19 digits -------------------- */
static void message_put(struct jw *w, const struct sim_shop *s, const struct sim_order *o)
{
  struct arena a = { 0 };
  jw_object(w);
  jw_key(w, "p_id"), jw_raw(w, o->id, strlen(o->id));
  jw_key(w, "s_ids"), jw_array(w);
  for (size_t i = 0; i < o->lines; i++) {
    char *no = line_id(&a, o, i);
    jw_raw(w, no, strlen(no));
  }
  jw_array_end(w);
  jw_kint(w, "shop_id", shop_no(s)), jw_kint(w, "order_status", states[o->status].status);
  jw_kint(w, "order_type", 0), jw_kint(w, "create_time", o->placed_ms / 1000), jw_kint(w, "biz", 2);
  jw_object_end(w);
  arena_release(&a);
}

static void push(const struct sim_shop *s, const struct sim_order *o, const char *url, struct arena *a,
                 struct sim_push *out)
{
  (void)url;
  struct buf data = { 0 };
  struct jw w;
  const char *app_key = sim_secret(s, "app_key");
  jw_init(&w, &data);
  message_put(&w, s, o);
  jw_init(&w, &out->body);
  jw_array(&w), jw_object(&w);
  jw_kstring(&w, "tag", states[o->status].tag);
  jw_kstring(&w, "msg_id",
             arena_printf(a, "%s:0:%lld:0:%u", o->id, (long long)(o->modified_ms / 1000), o->customer));
  jw_kstring(&w, "data", data.data);
  jw_object_end(&w), jw_array_end(&w);
  buf_release(&data);
  char *text = arena_printf(a, "%s%s%s", app_key, out->body.data, sim_secret(s, "app_secret"));
  buf_printf(&out->headers, "app-id: %s\r\nevent-sign: %s\r\n", app_key,
             sim_hex(a, DIGEST_MD5, text, strlen(text), false));
  out->type = "application/json";
}

const struct sim_platform sim_douyin = {
  .name = "douyin",
  .country = "CN",
  .currency = "CNY",
  .zone_min = 480,
  .statuses = 1 << SIM_PLACED | 1 << SIM_PAID | 1 << SIM_PARTLY | 1 << SIM_SHIPPED | 1 << SIM_COMPLETED |
              1 << SIM_CANCELLED,
  .receiver = SIM_TOKENS,
  .carriers = SIM_CARRIER_DOUYIN,
  .secret = { { "app_key", '9', 19, NULL },
              { "app_secret", 'x', 36, NULL },
              { "access_token", 'x', 36, NULL },
              { "refresh_token", 'x', 36, NULL } },
  .access = "access_token",
  .refresh = "refresh_token",
  .token_s = 604800,
  .refresh_once = true,
  .id = id,
  .answer = answer,
  .fail = fail,
  .push = push,
};
