/* sim_taobao.c: Taobao's TOP as the simulator plays it. */
#include "edge.h"
#include <stdio.h>
#include <stdlib.h>

#define STAMP_MAX_MS (10 * 60 * 1000LL)
#define WINDOW_MAX_MS (24 * 3600 * 1000LL)
#define REACH_MS (92LL * 24 * 3600 * 1000) /* three months */
#define MERGE_MAX 100
#define PAGE_MAX 100

/* Orders of one trade have the numbers behind its own: the step leaves room for them. */
static void id(const struct sim_shop *s, const struct sim_order *o, char out[SIM_ID_TEXT])
{
  snprintf(out, SIM_ID_TEXT, "%lld", 2231958349000000000LL + s->number * 10000000000000LL + o->n * 1009LL);
}

static int64_t line_id(const struct sim_order *o, size_t i)
{
  return strtoll(o->id, NULL, 10) + (o->lines == 1 ? 0 : 1 + (int64_t)i);
}

/* ---- envelopes -------------------------------------------------------------------------------------- */
static void request_id(struct sim_call *c)
{
  jw_kstring(&c->w, "request_id", arena_printf(c->a, "16fc%llx", (unsigned long long)c->draw));
}

/* Who does not ask for JSON gets XML. */
static bool wants_json(const struct sim_call *c)
{
  const char *format = sim_param(c, "format");
  return format && !strcmp(format, "json");
}

static void deny(struct sim_call *c, int code, const char *msg, const char *sub_code, const char *sub_msg)
{
  sim_answer_again(c, 200);
  if (!wants_json(c)) {
    c->type = "text/xml;charset=UTF-8";
    buf_printf(&c->body,
               "<?xml version=\"1.0\" encoding=\"utf-8\" ?><error_response><code>%d</code><msg>%s</msg>"
               "</error_response>\n",
               code, msg);
    return;
  }
  jw_object(&c->w);
  jw_key(&c->w, "error_response"), jw_object(&c->w);
  jw_kint(&c->w, "code", code), jw_kstring(&c->w, "msg", msg);
  if (sub_code) jw_kstring(&c->w, "sub_code", sub_code), jw_kstring(&c->w, "sub_msg", sub_msg);
  request_id(c);
  jw_object_end(&c->w), jw_object_end(&c->w);
}

static void fail(struct sim_call *c)
{
  deny(c, 15, "Remote service error", "isp.top-remote-connection-timeout", "API调用远程连接超时");
}

static void deny_value(struct sim_call *c, const char *name)
{
  deny(c, 41, "Invalid arguments", "isv.invalid-parameter", arena_printf(c->a, "参数%s无效", name));
}

static bool is_simple(const struct sim_call *c)
{
  const char *t = sim_param(c, "simplify");
  return t && !strcmp(t, "true");
}

/* "taobao.trade.fullinfo.get" answers in "trade_fullinfo_get_response", unless the caller wants it plain. */
static void begin(struct sim_call *c)
{
  jw_object(&c->w);
  if (is_simple(c)) return;
  char *key = arena_printf(c->a, "%s_response", c->name + strlen("taobao."));
  for (char *p = key; *p; p++) *p = *p == '.' ? '_' : *p;
  jw_key(&c->w, key), jw_object(&c->w);
}

static void end(struct sim_call *c)
{
  request_id(c);
  if (!is_simple(c)) jw_object_end(&c->w);
  jw_object_end(&c->w);
}

/* Lists stand in an object with the name of one of them. */
static void rows_begin(struct sim_call *c, const char *key, const char *one)
{
  jw_key(&c->w, key);
  if (!is_simple(c)) jw_object(&c->w), jw_key(&c->w, one);
  jw_array(&c->w);
}

static void rows_end(struct sim_call *c)
{
  jw_array_end(&c->w);
  if (!is_simple(c)) jw_object_end(&c->w);
}

/* ---- who is calling ------------------------------------------------------------------------------------ */
static char *sign_of(struct sim_call *c, const char *how)
{
  static const char *const except[] = { "sign", NULL };
  const char *secret = sim_secret(c->shop, "app_secret");
  struct buf text = { 0 };
  char *out = NULL;
  bool wrapped = !strcmp(how, "md5");
  if (wrapped) buf_str(&text, secret);
  sim_sorted(&text, c->param, c->params, "", "", except, false);
  if (wrapped) buf_str(&text, secret);
  if (wrapped) out = sim_hex(c->a, DIGEST_MD5, text.data, text.len, true);
  else if (!strcmp(how, "hmac")) out = sim_mac_hex(c->a, DIGEST_MD5, secret, text.data, text.len, true);
  else if (!strcmp(how, "hmac-sha256"))
    out = sim_mac_hex(c->a, DIGEST_SHA256, secret, text.data, text.len, true);
  buf_release(&text);
  return out;
}

static bool is_signed(struct sim_call *c)
{
  const char *how = sim_param(c, "sign_method");
  char *sign = sign_of(c, how ? how : "md5");
  if (sign && sim_same(sim_param(c, "sign"), sign)) return true;
  sim_bad_sign(c);
  deny(c, 25, "Invalid signature", "isv.invalid-signature", "无效签名");
  return false;
}

static bool has_all(struct sim_call *c)
{
  static const struct {
    const char *name, *msg;
    int code;
  } needed[] = { { "app_key", "Missing app key", 28 },
                 { "timestamp", "Missing timestamp", 30 },
                 { "v", "Missing version", 32 },
                 { "sign", "Missing signature", 24 } };
  for (size_t i = 0; i < COUNT(needed); i++) {
    const char *v = sim_param(c, needed[i].name);
    if (v && *v) continue;
    deny(c, needed[i].code, needed[i].msg, NULL, NULL);
    return false;
  }
  return true;
}

static bool is_known(struct sim_call *c, bool is_public)
{
  int64_t stamp;
  if (!sim_same(sim_param(c, "app_key"), sim_secret(c->shop, "app_key"))) {
    deny(c, 29, "Invalid app Key", "isv.appkey-not-exists", "appkey不存在");
  } else if (!sim_local_parse(sim_param(c, "timestamp"), 480, &stamp) ||
             llabs(c->now_ms - stamp) > STAMP_MAX_MS) {
    deny(c, 31, "Invalid timestamp", NULL, NULL);
  } else if (!is_public && !sim_param(c, "session")) {
    deny(c, 26, "Missing session", NULL, NULL);
  } else if (!is_public && sim_token_check(c, sim_param(c, "session")) != SIM_TOKEN_OK) {
    deny(c, 27, "Invalid session", "invalid-sessionkey", "SessionKey非法");
  } else {
    return true;
  }
  return false;
}

static bool may(struct sim_call *c, bool is_public)
{
  int64_t wait_ms;
  if (!has_all(c) || !is_signed(c) || !is_known(c, is_public)) return false;
  if (sim_take(c, c->name, 0, 0, &wait_ms)) return true;
  deny(c, 7, "App Call Limited", "accesscontrol.limited-by-api-access-count",
       arena_printf(c->a, "This ban will last for %lld more seconds", (long long)(wait_ms + 999) / 1000));
  return false;
}

/* ---- tokens ----------------------------------------------------------------------------------------------- */
static void tokens_put(struct jw *w, const struct sim_shop *s, int64_t expires_s)
{
  static const char *const ranks[] = { "w1_expires_in", "w2_expires_in", "r1_expires_in", "r2_expires_in" };
  jw_object(w);
  jw_kstring(w, "access_token", sim_secret(s, "session")), jw_kstring(w, "token_type", "Bearer");
  jw_kint(w, "expires_in", expires_s);
  jw_kstring(w, "refresh_token", sim_secret(s, "refresh_token")), jw_kint(w, "re_expires_in", expires_s);
  for (size_t i = 0; i < COUNT(ranks); i++) jw_kint(w, ranks[i], expires_s);
  jw_kstring(w, "taobao_user_nick", "示例旗舰店");
  jw_object_end(w);
}

/* Its one value is JSON inside text. */
static void refresh(struct sim_call *c)
{
  int64_t expires_s;
  if (!sim_refresh(c, sim_param(c, "refresh_token"), &expires_s)) {
    deny(c, 15, "Remote service error", "isv.refresh-token-invalid", "refresh_token无效");
    return;
  }
  struct buf text = { 0 };
  struct jw w;
  jw_init(&w, &text);
  tokens_put(&w, c->shop, expires_s);
  begin(c);
  jw_kstring(&c->w, "token_result", text.data);
  end(c);
  buf_release(&text);
}

/* The OAuth address: not signed, the secret itself is sent. */
static void oauth(struct sim_call *c)
{
  int64_t expires_s;
  const char *grant = sim_param(c, "grant_type");
  bool known = sim_same(sim_param(c, "client_id"), sim_secret(c->shop, "app_key")) &&
               sim_same(sim_param(c, "client_secret"), sim_secret(c->shop, "app_secret"));
  const char *why = !known                                                       ? "invalid_client"
                    : !grant || strcmp(grant, "refresh_token") != 0              ? "unsupported_grant_type"
                    : !sim_refresh(c, sim_param(c, "refresh_token"), &expires_s) ? "invalid_grant"
                                                                                 : NULL;
  if (!why) {
    tokens_put(&c->w, c->shop, expires_s);
    return;
  }
  sim_answer_again(c, 400);
  jw_object(&c->w);
  jw_kstring(&c->w, "error", why), jw_kstring(&c->w, "error_description", "the request was not granted");
  jw_object_end(&c->w);
}

/* ---- a trade: only fields that were asked for -------------------------------------------------------------- */
struct put {
  struct sim_call *c;
  const struct sim_order *o;
  const char *fields;
};

static bool asks(const struct put *p, const char *field)
{
  size_t n = strlen(field);
  for (const char *f = p->fields; *f; f += strcspn(f, ","), f += *f == ',') {
    f += strspn(f, " ");
    if (strcspn(f, ", ") == n && !memcmp(f, field, n)) return true;
  }
  return false;
}

static void text(const struct put *p, const char *key, const char *value)
{
  if (asks(p, key)) jw_kstring(&p->c->w, key, value);
}

static void money(const struct put *p, const char *key, int64_t minor)
{
  if (asks(p, key)) sim_kmoney(p->c, key, minor);
}

static void local(const struct put *p, const char *key, int64_t ms)
{
  if (ms && asks(p, key)) jw_kstring(&p->c->w, key, sim_local(p->c->a, ms, 480));
}

static const char *status_of(const struct sim_order *o)
{
  static const char *const names[SIM_STATUS_N] = { "WAIT_BUYER_PAY",        "WAIT_SELLER_SEND_GOODS",
                                                   "SELLER_CONSIGNED_PART", "WAIT_BUYER_CONFIRM_GOODS",
                                                   "TRADE_FINISHED",        "TRADE_CLOSED" };
  return o->status == SIM_CANCELLED && !o->paid_ms ? "TRADE_CLOSED_BY_TAOBAO" : names[o->status];
}

static const char *line_status_of(const struct sim_order *o, const struct sim_line *l)
{
  if (o->status != SIM_PARTLY) return status_of(o);
  return l->shipped ? "WAIT_BUYER_CONFIRM_GOODS" : "WAIT_SELLER_SEND_GOODS";
}

static void line_money(struct sim_call *c, const struct sim_line *l)
{
  int64_t fee = l->price * l->quantity;
  sim_kmoney(c, "price", l->price), jw_kint(&c->w, "num", l->quantity);
  sim_kmoney(c, "total_fee", fee), sim_kmoney(c, "payment", fee - l->discount);
  sim_kmoney(c, "discount_fee", 0), sim_kmoney(c, "adjust_fee", -l->discount);
  sim_kmoney(c, "divide_order_fee", fee - l->discount), sim_kmoney(c, "part_mjz_discount", 0);
}

static void line_put(const struct put *p, size_t i)
{
  static const char *const refunds[] = { "NO_REFUND", "WAIT_SELLER_AGREE", "SUCCESS" };
  struct sim_call *c = p->c;
  struct jw *w = &c->w;
  const struct sim_line *l = &p->o->line[i];
  const struct sim_sku *k = sim_sku(l);
  bool of_item = l->sku % 4 == 3; /* goods without variants have no SKU */
  char *oid = arena_printf(c->a, "%lld", (long long)line_id(p->o, i));
  jw_object(w);
  sim_kraw(c, "oid", oid);
  if (asks(p, "oid_str") || asks(p, "orders.oid_str")) jw_kstring(w, "oid_str", oid);
  jw_kint(w, "num_iid", 610947572360 + l->sku);
  jw_kstring(w, "sku_id", of_item ? NULL : arena_printf(c->a, "%lld", 4351001234567LL + l->sku));
  jw_kstring(w, "outer_sku_id", of_item ? NULL : k->code), jw_kstring(w, "outer_iid", k->code);
  jw_kstring(w, "title", k->title);
  if (!of_item) jw_kstring(w, "sku_properties_name", arena_printf(c->a, "颜色分类:%s", k->spec));
  line_money(c, l);
  jw_kstring(w, "status", line_status_of(p->o, l)), jw_kstring(w, "refund_status", refunds[l->refund]);
  jw_kstring(w, "refund_id",
             l->refund ? arena_printf(c->a, "%lld", (long long)sim_big(p->o->id, 50 + i) / 10) : NULL);
  jw_kint(w, "cid", 50012345), jw_kbool(w, "buyer_rate", false), jw_kbool(w, "seller_rate", false);
  const struct sim_parcel *in = sim_parcel_of(p->o, i, 0);
  if (in) {
    jw_kstring(w, "logistics_company", sim_parcel_carrier(in, "顺丰速运")),
      jw_kstring(w, "invoice_no", in->no);
    jw_kstring(w, "consign_time", sim_local(c->a, in->told_ms, 480));
  }
  jw_object_end(w);
}

/* The receiver's id is given only to those who also ask for what it stands for. */
static bool asks_for_receiver(const struct put *p)
{
  static const char *const needed[] = { "receiver_name", "receiver_address", "created", "receiver_mobile",
                                        "receiver_phone" };
  for (size_t i = 0; i < COUNT(needed); i++)
    if (!asks(p, needed[i])) return false;
  return true;
}

static char *oaid_of(struct sim_call *c, const struct sim_order *o)
{
  return sim_receiver_token(c->a, c->shop, o, "1x");
}

static void receiver_put(const struct put *p, const struct sim_person *who)
{
  struct arena *a = p->c->a;
  text(p, "receiver_name", sim_mask(a, who->name, 1, 0));
  text(p, "receiver_state", who->province), text(p, "receiver_city", who->city);
  text(p, "receiver_district", who->district), text(p, "receiver_town", who->town);
  text(p, "receiver_address", sim_mask(a, who->address, 1, 0));
  text(p, "receiver_mobile", sim_mask(a, who->phone, 0, 4)), text(p, "receiver_zip", who->zip);
  if (asks_for_receiver(p)) text(p, "oaid", oaid_of(p->c, p->o));
}

static void sums_put(const struct put *p)
{
  const struct sim_order *o = p->o;
  money(p, "payment", o->total), money(p, "total_fee", o->goods), money(p, "discount_fee", 0);
  money(p, "adjust_fee", -o->discount), money(p, "post_fee", o->freight);
  money(p, "received_payment", o->status == SIM_COMPLETED ? o->total : 0);
}

static void promotions_put(const struct put *p)
{
  struct jw *w = &p->c->w;
  if (!p->o->discount || !asks(p, "promotion_details")) return;
  rows_begin(p->c, "promotion_details", "promotion_detail");
  jw_object(w);
  sim_kraw(p->c, "id", p->o->id), jw_kstring(w, "promotion_name", "满减");
  sim_kmoney(p->c, "discount_fee", p->o->discount), jw_kstring(w, "promotion_id", "mjs-1_1");
  jw_object_end(w);
  rows_end(p->c);
}

static void remarks_put(const struct put *p)
{
  const struct sim_order *o = p->o;
  text(p, "buyer_memo", ""), text(p, "seller_memo", sim_remark(o->seller_remark));
  if (asks(p, "seller_flag")) jw_kint(&p->c->w, "seller_flag", o->seller_remark ? 1 : 0);
  if (asks(p, "has_buyer_message")) jw_kbool(&p->c->w, "has_buyer_message", o->buyer_remark);
  if (o->buyer_remark) text(p, "buyer_message", sim_remark(o->buyer_remark));
}

static void trade_put(const struct put *p)
{
  struct sim_call *c = p->c;
  const struct sim_order *o = p->o;
  struct sim_person who;
  int64_t pieces = 0;
  for (size_t i = 0; i < o->lines; i++) pieces += o->line[i].quantity;
  sim_person(c->shop, o, &who);
  jw_object(&c->w);
  if (asks(p, "tid")) sim_kraw(c, "tid", o->id);
  text(p, "tid_str", o->id), text(p, "status", status_of(o)), text(p, "type", "fixed");
  sums_put(p);
  local(p, "created", o->placed_ms), local(p, "pay_time", o->paid_ms), local(p, "modified", o->modified_ms);
  local(p, "consign_time", o->shipped_ms), local(p, "end_time", o->completed_ms);
  text(p, "buyer_nick", sim_mask(c->a, who.buyer, 1, 0));
  text(p, "buyer_open_uid", sim_cipher(c->a, c->shop, who.buyer)), text(p, "seller_nick", "示例旗舰店");
  remarks_put(p);
  receiver_put(p, &who);
  if (asks(p, "num")) jw_kint(&c->w, "num", pieces);
  if (asks(p, "orders")) {
    rows_begin(c, "orders", "order");
    for (size_t i = 0; i < o->lines; i++) line_put(p, i);
    rows_end(c);
  }
  if (strstr(c->name, "fullinfo")) promotions_put(p), text(p, "step_trade_status", NULL);
  jw_object_end(&c->w);
}

/* ---- calls on trades ------------------------------------------------------------------------------------- */
/* NULL: refused. */
static const char *fields_named(struct sim_call *c)
{
  const char *fields = sim_param(c, "fields");
  if (fields && *fields) return fields;
  deny(c, 40, "Missing required arguments", "isv.missing-parameter:fields", "缺少必选参数fields");
  return NULL;
}

static bool number(struct sim_call *c, const char *name, int64_t least, int64_t most, int64_t *out)
{
  if (!sim_param(c, name)) return true;
  if (sim_param_int(c, name, out) && *out >= least && *out <= most) return true;
  deny_value(c, name);
  return false;
}

static bool has_status(const struct sim_order *o, void *arg)
{
  return !strcmp(status_of(o), arg);
}

static bool list_query(struct sim_call *c, struct sim_query *q)
{
  int64_t page = 1, from, to;
  const char *status = sim_param(c, "status");
  *q = (struct sim_query){ .newest_first = true, .limit = 40 };
  if (!number(c, "page_no", 1, 1000000, &page) || !number(c, "page_size", 1, PAGE_MAX, &q->limit))
    return false;
  if (!sim_local_parse(sim_param(c, "start_modified"), 480, &from) || from < c->now_ms - REACH_MS) {
    deny_value(c, "start_modified");
  } else if (!sim_local_parse(sim_param(c, "end_modified"), 480, &to) || to < from ||
             to - from > WINDOW_MAX_MS) {
    deny_value(c, "end_modified");
  } else {
    q->from_ms = from, q->to_ms = to, q->offset = (page - 1) * q->limit;
    if (status && *status) q->want = has_status, q->arg = (void *)(uintptr_t)status;
    return true;
  }
  return false;
}

static void list_trades(struct sim_call *c)
{
  struct sim_query q;
  struct sim_page page;
  struct put p = { .c = c, .fields = fields_named(c) };
  const char *has_next = sim_param(c, "use_has_next");
  if (!p.fields || !list_query(c, &q)) return;
  sim_list(c, &q, &page);
  begin(c);
  if (has_next && !strcmp(has_next, "true")) jw_kbool(&c->w, "has_next", page.more);
  else jw_kint(&c->w, "total_results", page.total);
  if (page.n) { /* an empty list is not there at all */
    rows_begin(c, "trades", "trade");
    for (size_t i = 0; i < page.n; i++) p.o = page.row[i], trade_put(&p);
    rows_end(c);
  }
  end(c);
}

static void no_trade(struct sim_call *c)
{
  deny(c, 15, "Remote service error", "isv.trade-not-exist", "交易订单不存在");
}

static void one_trade(struct sim_call *c)
{
  struct put p = { .c = c, .fields = fields_named(c), .o = sim_find(c->shop, sim_param(c, "tid")) };
  if (!p.fields) return;
  if (!p.o) {
    no_trade(c);
    return;
  }
  begin(c);
  jw_key(&c->w, "trade"), trade_put(&p);
  end(c);
}

/* ---- which orders go to one receiver ------------------------------------------------------------------------- */
struct asked {
  const struct sim_order *o;
  bool told;
};

/* false: refused. An order whose oaid is not, or no longer, its own goes with no other. */
static bool asked_read(struct sim_call *c, struct asked *list, size_t *n)
{
  struct faults f = { .mem = c->a };
  const char *t = sim_param(c, "merge_list");
  const struct json *j = t ? json_parse(c->a, t, strlen(t), JSON_ELEMENTS_MAX, &f) : NULL;
  if (json_type(j) != JSON_ARRAY || !json_count(j) || json_count(j) > MERGE_MAX) {
    deny_value(c, "merge_list");
    return false;
  }
  for (const struct json *e = json_first(j); e; e = json_next(e)) {
    const struct json *tid = json_get(e, "tid");
    list[*n].o = sim_find(c->shop, json_number(tid) ? json_number(tid) : json_string(tid));
    if (!list[*n].o) {
      no_trade(c);
      return false;
    }
    list[*n].told = !sim_same(json_string(json_get(e, "oaid")), oaid_of(c, list[*n].o));
    if (list[*n].told) jw_string(&c->w, list[*n].o->id);
    ++*n;
  }
  return true;
}

static void group_put(struct sim_call *c, struct asked *list, size_t n, size_t first)
{
  const struct sim_order *o = list[first].o;
  char *ids = arena_str(c->a, o->id);
  for (size_t i = first + 1; i < n; i++) {
    if (list[i].told || strcmp(oaid_of(c, list[i].o), oaid_of(c, o)) != 0) continue;
    list[i].told = true;
    ids = arena_printf(c->a, "%s,%s", ids, list[i].o->id);
  }
  jw_string(&c->w, ids);
}

static void merge(struct sim_call *c)
{
  struct asked list[MERGE_MAX];
  size_t n = 0;
  begin(c);
  rows_begin(c, "tid_list", "string");
  if (!asked_read(c, list, &n)) return;
  for (size_t i = 0; i < n; i++)
    if (!list[i].told) group_put(c, list, n, i);
  rows_end(c);
  end(c);
}

/* ---- shipments and stock ------------------------------------------------------------------------------------- */
static bool is_part(const char *list, const char *oid)
{
  size_t n = strlen(oid);
  for (; *list; list += strcspn(list, ","), list += *list == ',')
    if (strcspn(list, ",") == n && !memcmp(list, oid, n)) return true;
  return false;
}

static void sent_deny(struct sim_call *c, enum sim_ship is)
{
#define S "isv.logistics-offline-service-error:"
  static const struct {
    enum sim_ship is;
    const char *sub_code, *sub_msg;
  } words[] = { { SIM_SHIP_SAME, S "B04", "订单已发货，不能重复发货" },
                { SIM_SHIP_SHIPPED, S "B04", "订单已发货，不能重复发货" },
                { SIM_SHIP_CLOSED, S "B150", "发货异常，交易已关闭" },
                { SIM_SHIP_UNPAID, S "B03", "订单未付款，不能发货" },
                { SIM_SHIP_REFUNDING, S "B60", "订单退款中，不能发货" },
                { SIM_SHIP_CARRIER, "isv.invalid-parameter:company_code", "物流公司不存在" },
                { SIM_SHIP_NUMBER, S "B01", "运单号不符合规则" },
                { SIM_SHIP_LINES, S "P38", "拆单校验未通过" },
                { SIM_SHIP_LOCKED, S "B99", "订单被锁定，暂不能发货" } };
#undef S
  for (size_t i = 0; i < COUNT(words); i++)
    if (words[i].is == is) deny(c, 15, "Remote service error", words[i].sub_code, words[i].sub_msg);
  if (is == SIM_SHIP_NO_ORDER) no_trade(c);
}

static void offline_send(struct sim_call *c)
{
  struct sim_order *o = sim_find(c->shop, sim_param(c, "tid"));
  const char *split = sim_param(c, "is_split"), *parts = sim_param(c, "sub_tid"),
             *company = sim_param(c, "company_code");
  struct sim_confirm f = { .carrier = company ? company : "", .no = sim_param(c, "out_sid") };
  f.part = split && !strcmp(split, "1");
  for (size_t i = 0; o && f.part && parts && i < o->lines; i++)
    if (is_part(parts, arena_printf(c->a, "%lld", (long long)line_id(o, i))))
      f.quantity[i] = o->line[i].quantity;
  enum sim_ship is = sim_ship(c, o, &f);
  if (is != SIM_SHIP_OK) {
    sent_deny(c, is);
    return;
  }
  begin(c);
  jw_key(&c->w, "shipping"), jw_object(&c->w), jw_kbool(&c->w, "is_success", true), jw_object_end(&c->w);
  end(c);
}

/* num_iid, and "sku id:quantity;…" of its variants */
static void quantity_update(struct sim_call *c)
{
  int64_t item = 0, type = 1;
  const char *list = sim_param(c, "skuid_quantities");
  char *rest = NULL;
  long long sku_id = list ? strtoll(list, &rest, 10) : 0;
  int sku = (int)(sku_id - 4351001234567LL);
  bool known =
    sim_param_int(c, "num_iid", &item) && item == 610947572360 + sku && sku >= 0 && sku < SIM_SKUS_MAX;
  if (!rest || *rest != ':' || (sim_param(c, "type") && !sim_param_int(c, "type", &type))) {
    deny_value(c, "skuid_quantities");
    return;
  }
  int64_t quantity = strtoll(rest + 1, NULL, 10);
  if (!sim_stock(c, known ? sku : -1, quantity, type == 2)) {
    deny(c, 15, "Remote service error",
         known ? "isv.item-quantity-update-service-error" : "isv.item-not-exist",
         known ? "商品库存更新失败" : "商品不存在");
    return;
  }
  begin(c);
  jw_key(&c->w, "item"), jw_object(&c->w);
  jw_kint(&c->w, "num_iid", item), jw_kint(&c->w, "num", quantity);
  jw_kstring(&c->w, "modified", sim_local(c->a, c->now_ms, 480));
  rows_begin(c, "skus", "sku"), jw_object(&c->w);
  jw_kint(&c->w, "sku_id", sku_id), jw_kint(&c->w, "quantity", quantity);
  jw_object_end(&c->w), rows_end(c), jw_object_end(&c->w);
  end(c);
}

/* ---- calls -------------------------------------------------------------------------------------------------- */
static const struct {
  const char *method;
  bool is_public;
  void (*run)(struct sim_call *c);
} calls[] = {
  { "taobao.trades.sold.increment.get", false, list_trades },
  { "taobao.trade.fullinfo.get", false, one_trade },
  { "taobao.top.oaid.merge", false, merge },
  { "taobao.logistics.offline.send", false, offline_send },
  { "taobao.skus.quantity.update", false, quantity_update },
  { "taobao.top.auth.token.refresh", true, refresh },
};

static void method_run(struct sim_call *c, const char *method)
{
  size_t i = 0;
  while (i < COUNT(calls) && strcmp(method, calls[i].method) != 0) i++;
  sim_called(c, i < COUNT(calls) ? calls[i].method : "unknown");
  if (!may(c, i == COUNT(calls) || calls[i].is_public)) return;
  if (i == COUNT(calls)) deny(c, 22, "Invalid method", "isv.invalid-method", "不存在的方法名");
  else if (!wants_json(c)) deny(c, 23, "Invalid format", NULL, NULL); /* of the two only JSON is played */
  else calls[i].run(c);
}

static void answer(struct sim_call *c)
{
  const char *method = sim_param(c, "method");
  if (!strcmp(c->r->path, "/token")) {
    sim_called(c, "token");
    oauth(c);
  } else if (method && !strcmp(c->r->path, "/router/rest")) {
    method_run(c, method);
  } else {
    sim_called(c, "unknown");
    deny(c, 21, "Missing method", NULL, NULL);
  }
}

const struct sim_platform sim_taobao = {
  .name = "taobao",
  .country = "CN",
  .currency = "CNY",
  .zone_min = 480,
  .statuses = 1 << SIM_PLACED | 1 << SIM_PAID | 1 << SIM_PARTLY | 1 << SIM_SHIPPED | 1 << SIM_COMPLETED |
              1 << SIM_CANCELLED,
  .receiver = SIM_TOKENS,
  .carriers = SIM_CARRIER_TAOBAO,
  .secret = { { "app_key", '9', 8, NULL },
              { "app_secret", 'x', 32, NULL },
              { "session", 'x', 52, "6100" },
              { "refresh_token", 'x', 52, "6101" } },
  .access = "session",
  .refresh = "refresh_token",
  .token_s = 31536000,
  .refresh_once = true,
  .id = id,
  .answer = answer,
  .fail = fail,
};
