/* sim_carrier.c: carriers in the simulator: what they sell, how it travels, and what they say of it. */
#include "edge.h"
#include <stdio.h>

struct ask { /* a request, read */
  struct sim_carrier *k;
  struct http_request *r;
  const struct json *j; /* what is asked */
  struct sim_reply *out;
};
struct sim_carrier_kind {
  const char *name, *connector, *prefix, *step[CARRIER_STEPS];
  bool (*genuine)(struct ask *q); /* reads the request; answers where it is not */
  void (*answer)(struct ask *q);
  void (*push)(struct sim_carrier *k, const struct sim_sold *p, int step, int64_t at_ms);
  const char *throttled, *refused; /* bodies */
};
#define ZONE (8 * 60)

/* ---- small things ---------------------------------------------------------------------------------------------------- */
static int hex_of(char c)
{
  return c >= '0' && c <= '9'   ? c - '0'
         : c >= 'A' && c <= 'F' ? c - 'A' + 10
         : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                : -1;
}

/* A form's field, decoded; NULL: there is none. */
static const char *field(struct ask *q, const char *name)
{
  struct arena *a = &q->r->mem;
  const char *p = q->r->body_n ? arena_strn(a, q->r->body, q->r->body_n) : "";
  size_t n = strlen(name);
  for (; *p; p += strcspn(p, "&"), p += *p == '&') {
    if (strncmp(p, name, n) != 0 || p[n] != '=') continue;
    struct buf b = { 0 };
    for (p += n + 1; *p && *p != '&'; p++) {
      bool coded = *p == '%' && hex_of(p[1]) >= 0 && hex_of(p[2]) >= 0;
      buf_char(&b, coded ? (char)(hex_of(p[1]) * 16 + hex_of(p[2])) : *p == '+' ? ' ' : *p);
      p += coded ? 2 : 0;
    }
    const char *out = arena_strn(a, b.data ? b.data : "", b.len);
    buf_release(&b);
    return out;
  }
  return NULL;
}

static const char *md5_text(struct arena *a, const char *text, bool upper)
{
  unsigned char raw[DIGEST_MAX];
  struct buf b = { 0 };
  hex_put(&b, raw, digest_bytes(DIGEST_MD5, text, strlen(text), raw));
  char *out = arena_strn(a, b.data, b.len);
  for (char *p = out; upper && *p; p++)
    if (*p >= 'a') *p = (char)(*p - 32);
  buf_release(&b);
  return out;
}

static const char *base64_text(struct arena *a, const void *p, size_t n)
{
  struct buf b = { 0 };
  base64_put(&b, p, n);
  const char *out = arena_strn(a, b.data, b.len);
  buf_release(&b);
  return out;
}

static const char *coded(struct arena *a, const char *text, bool java)
{
  struct buf b = { 0 };
  for (const char *p = text; *p; p++) {
    bool plain = strchr("-._", *p) || (*p >= '0' && *p <= '9') || (*p >= 'A' && *p <= 'Z') ||
                 (*p >= 'a' && *p <= 'z') || (java && *p == '*') || (!java && *p == '~');
    if (plain) buf_char(&b, *p);
    else if (java && *p == ' ') buf_char(&b, '+');
    else buf_printf(&b, "%%%02X", (unsigned char)*p);
  }
  const char *out = arena_strn(a, b.data ? b.data : "", b.len);
  buf_release(&b);
  return out;
}

static const char *text_of(struct arena *a, struct buf *b)
{
  const char *out = arena_strn(a, b->data, b->len);
  buf_release(b);
  return out;
}

static bool read_json(struct ask *q, const char *text)
{
  struct faults f = { .mem = &q->r->mem };
  q->j = text ? json_parse(&q->r->mem, text, strlen(text), JSON_ELEMENTS_MAX, &f) : NULL;
  return q->j != NULL;
}

static struct sim_sold *sold_find(const struct sim_carrier *k, const char *order_no, const char *number)
{
  for (size_t i = k->n; i-- > 0;)
    if ((order_no && !strcmp(k->sold[i]->order_no, order_no)) ||
        (number && !strcmp(k->sold[i]->number, number)))
      return k->sold[i];
  return NULL;
}

static struct sim_sold *sold_new(struct sim_carrier *k, const char *order_no, const char *number)
{
  must(k->n < SIM_SOLD_MAX);
  if (k->n == k->cap)
    k->cap = k->cap ? 2 * k->cap : 64, k->sold = mem_grow(k->sold, k->cap * sizeof(struct sim_sold *));
  struct sim_sold *p = k->sold[k->n++] = arena_new(&k->sim->mem, struct sim_sold);
  snprintf(p->order_no, sizeof p->order_no, "%s", order_no);
  if (number) snprintf(p->number, sizeof p->number, "%s", number);
  else
    snprintf(p->number, sizeof p->number, "%s%04u%08zu", k->kind->prefix,
             (unsigned)(sim_hash(k->sim, "numbers", (uint64_t)(unsigned)k->number, 0) % 10000), k->n);
  p->made_ms = sim_now(k->sim);
  return p;
}

static int64_t step_at(const struct sim_carrier *k, const struct sim_sold *p, int step)
{
  return p->made_ms + k->sim->o.pickup_ms * (step + 1);
}

static void say(struct ask *q, const char *json)
{
  buf_str(&q->out->body, json);
}

/* ---- SF ----------------------------------------------------------------------------------------------------------------- */
static const char *sf_digest(struct ask *q, const char *msg, const char *time)
{
  struct arena *a = &q->r->mem;
  unsigned char raw[DIGEST_MAX];
  const char *text = coded(a, arena_printf(a, "%s%s%s", msg, time, q->k->secret), true);
  return base64_text(a, raw, digest_bytes(DIGEST_MD5, text, strlen(text), raw));
}

static bool sf_genuine(struct ask *q)
{
  const char *msg = field(q, "msgData"), *time = field(q, "timestamp"), *given = field(q, "msgDigest"),
             *id = field(q, "partnerID");
  if (!msg || !time || !given || !id || !field(q, "requestID") || !field(q, "serviceCode")) {
    say(q, "{\"apiErrorMsg\":\"必传参数不可为空\",\"apiResultCode\":\"A1001\",\"apiResultData\":null}");
    return false;
  }
  bool ok = !strcmp(id, q->k->account) && sim_same(given, sf_digest(q, msg, time)) && read_json(q, msg);
  if (!ok)
    say(q, "{\"apiErrorMsg\":\"数字签名无效\",\"apiResultCode\":\"A1006\",\"apiResultData\":null}"),
      q->k->bad_signs++;
  return ok;
}

/* msg: JSON or NULL */
static void sf_say(struct ask *q, const char *code, const char *why, const char *msg)
{
  struct buf in = { 0 };
  struct jw w;
  jw_init(&w, &in), jw_object(&w), jw_kbool(&w, "success", !strcmp(code, "S0000")),
    jw_kstring(&w, "errorCode", code);
  jw_kstring(&w, "errorMsg", why), jw_kraw(&w, "msgData", msg), jw_object_end(&w);
  const char *data = text_of(&q->r->mem, &in);
  jw_init(&w, &q->out->body), jw_object(&w), jw_kstring(&w, "apiErrorMsg", ""),
    jw_kstring(&w, "apiResponseID", "1");
  jw_kstring(&w, "apiResultCode", "A1000"), jw_kstring(&w, "apiResultData", data), jw_object_end(&w);
}

static const char *sf_order(struct ask *q, const struct sim_sold *p)
{
  struct buf b = { 0 };
  struct jw w;
  jw_init(&w, &b), jw_object(&w), jw_kstring(&w, "orderId", p->order_no), jw_kint(&w, "filterResult", 2);
  jw_key(&w, "waybillNoInfoList"), jw_array(&w), jw_object(&w), jw_kint(&w, "waybillType", 1);
  jw_kstring(&w, "waybillNo", p->number), jw_object_end(&w), jw_array_end(&w), jw_object_end(&w);
  return text_of(&q->r->mem, &b);
}

static void sf_route(struct jw *w, struct arena *a, const struct sim_carrier *k, const struct sim_sold *p,
                     int i)
{
  jw_kstring(w, "acceptTime", sim_local(a, step_at(k, p, i), ZONE)), jw_kstring(w, "acceptAddress", "深圳市");
  jw_kstring(w, "remark", "路由"), jw_kstring(w, "opCode", k->kind->step[i]);
}

static void sf_routes(struct ask *q)
{
  const char *no = json_string(json_first(json_get(q->j, "trackingNumber")));
  const struct sim_sold *p = no ? sold_find(q->k, NULL, no) : NULL;
  struct buf b = { 0 };
  struct jw w;
  jw_init(&w, &b), jw_object(&w), jw_key(&w, "routeResps"), jw_array(&w);
  if (p) {
    jw_object(&w), jw_kstring(&w, "mailNo", p->number), jw_key(&w, "routes"), jw_array(&w);
    for (int i = 0; i < p->steps; i++) jw_object(&w), sf_route(&w, &q->r->mem, q->k, p, i), jw_object_end(&w);
    jw_array_end(&w), jw_object_end(&w);
  }
  jw_array_end(&w), jw_object_end(&w);
  sf_say(q, "S0000", NULL, text_of(&q->r->mem, &b));
}

static void sf_answer(struct ask *q)
{
  const char *service = field(q, "serviceCode"), *no = json_string(json_get(q->j, "orderId"));
  struct sim_sold *p = no ? sold_find(q->k, no, NULL) : NULL;
  if (!strcmp(service, "EXP_RECE_SEARCH_ROUTES")) sf_routes(q);
  else if (!no || strlen(no) > 64) sf_say(q, "8001", "订单号", NULL);
  else if (!strcmp(service, "EXP_RECE_CREATE_ORDER")) {
    if (p) q->k->repeated++, sf_say(q, "8016", "重复下单", NULL);
    else sf_say(q, "S0000", NULL, sf_order(q, sold_new(q->k, no, NULL)));
  } else if (!p) sf_say(q, "8018", "未获取到订单信息", NULL);
  else if (!strcmp(service, "EXP_RECE_SEARCH_ORDER_RESP")) sf_say(q, "S0000", NULL, sf_order(q, p));
  else if (p->is_void) sf_say(q, "8037", "已消单", NULL);
  else if (p->steps) sf_say(q, "8252", "已揽收", NULL);
  else p->is_void = true, sf_say(q, "S0000", NULL, sf_order(q, p));
}

static void sf_push(struct sim_carrier *k, const struct sim_sold *p, int step, int64_t at_ms)
{
  struct arena a = { 0 };
  struct buf b = { 0 };
  struct jw w;
  (void)at_ms;
  jw_init(&w, &b), jw_object(&w), jw_key(&w, "Body"), jw_object(&w), jw_key(&w, "WaybillRoute"), jw_array(&w),
    jw_object(&w);
  jw_kstring(&w, "mailno", p->number), jw_kstring(&w, "orderid", p->order_no), sf_route(&w, &a, k, p, step);
  jw_kstring(&w, "id", arena_printf(&a, "%s%d", p->number, step)), jw_object_end(&w), jw_array_end(&w);
  jw_object_end(&w), jw_object_end(&w);
  sim_push_carrier(k->sim, k, arena_printf(&a, "?key=%s", k->word), "application/json", text_of(&a, &b));
  arena_release(&a);
}

/* ---- Deppon --------------------------------------------------------------------------------------------------------------- */
static const char *deppon_digest(struct arena *a, const struct sim_carrier *k, const char *params,
                                 const char *time)
{
  const char *hex = md5_text(a, arena_printf(a, "%s%s%s", params, k->secret, time), false);
  return base64_text(a, hex, strlen(hex));
}

static bool deppon_genuine(struct ask *q)
{
  const char *params = field(q, "params"), *time = field(q, "timestamp"), *given = field(q, "digest");
  bool ok =
    params && time && sim_same(given, deppon_digest(&q->r->mem, q->k, params, time)) && read_json(q, params);
  if (!ok)
    say(q, "{\"result\":\"false\",\"resultCode\":\"3003\",\"reason\":\"摘要验证失败\"}"), q->k->bad_signs++;
  return ok;
}

static void deppon_say(struct ask *q, const char *code, const char *why, const struct sim_sold *p)
{
  struct jw w;
  jw_init(&w, &q->out->body), jw_object(&w),
    jw_kstring(&w, "result", !strcmp(code, "1000") ? "true" : "false");
  jw_kstring(&w, "resultCode", code), jw_kstring(&w, "reason", why);
  if (p) jw_kstring(&w, "logisticID", p->order_no), jw_kstring(&w, "mailNo", p->number);
  jw_object_end(&w);
}

static void deppon_step(struct jw *w, struct arena *a, const struct sim_carrier *k, const struct sim_sold *p,
                        int i)
{
  jw_object(w), jw_kstring(w, "time", sim_local(a, step_at(k, p, i), ZONE)), jw_kstring(w, "city", "深圳市");
  jw_kstring(w, "status", k->kind->step[i]), jw_kstring(w, "description", "轨迹"), jw_object_end(w);
}

static void deppon_routes(struct ask *q)
{
  const char *no = json_string(json_get(q->j, "mailNo"));
  const struct sim_sold *p = no ? sold_find(q->k, NULL, no) : NULL;
  struct jw w;
  jw_init(&w, &q->out->body), jw_object(&w), jw_kstring(&w, "result", "true"),
    jw_kstring(&w, "resultCode", "1000");
  jw_kstring(&w, "reason", "成功"), jw_key(&w, "responseParam"), jw_object(&w),
    jw_kstring(&w, "tracking_number", no ? no : "");
  jw_key(&w, "trace_list"), jw_array(&w);
  for (int i = 0; p && i < p->steps; i++) deppon_step(&w, &q->r->mem, q->k, p, i);
  jw_array_end(&w), jw_object_end(&w), jw_object_end(&w);
}

static void deppon_answer(struct ask *q)
{
  const char *no = json_string(json_get(q->j, "logisticID")), *path = q->r->path;
  struct sim_sold *p = no ? sold_find(q->k, no, NULL) : NULL;
  if (strstr(path, "newTraceQuery")) deppon_routes(q);
  else if (!no || strlen(no) > 64) deppon_say(q, "2006", "参数校验失败", NULL);
  else if (strstr(path, "createOrder")) {
    if (p) q->k->repeated++, deppon_say(q, "2006", "渠道单号或运单号重复！", NULL);
    else deppon_say(q, "1000", "成功", sold_new(q->k, no, NULL));
  } else if (!p) deppon_say(q, "2001", "不存在订单信息", NULL);
  else if (strstr(path, "queryOrder")) deppon_say(q, "1000", "成功", p);
  else if (p->is_void) deppon_say(q, "2001", "订单已取消", NULL);
  else if (p->steps) deppon_say(q, "2001", "已揽收不能撤单", NULL);
  else p->is_void = true, deppon_say(q, "1000", "成功", p);
}

static void deppon_push(struct sim_carrier *k, const struct sim_sold *p, int step, int64_t at_ms)
{
  struct arena a = { 0 };
  struct buf b = { 0 };
  struct jw w;
  struct env *real = k->sim->real;
  const char *time = arena_printf(&a, "%lld", (long long)real->now_ms(real));
  (void)at_ms;
  jw_init(&w, &b), jw_object(&w), jw_kstring(&w, "mailNo", p->number), jw_key(&w, "trace_list"), jw_array(&w);
  deppon_step(&w, &a, k, p, step), jw_array_end(&w), jw_object_end(&w);
  const char *params = text_of(&a, &b);
  sim_push_carrier(k->sim, k, "", "application/x-www-form-urlencoded",
                   arena_printf(&a, "companyCode=%s&timestamp=%s&params=%s&digest=%s", k->account, time,
                                coded(&a, params, false),
                                coded(&a, deppon_digest(&a, k, params, time), false)));
  arena_release(&a);
}

/* ---- JD Logistics ------------------------------------------------------------------------------------------------------------ */
static const char *jdl_sign(struct arena *a, const struct sim_carrier *k, const char *path, const char *body,
                            const char *time)
{
  return md5_text(a,
                  arena_printf(a, "%saccess_token%sapp_key%smethod%sparam_json%stimestamp%sv2.0%s", k->secret,
                               k->word, k->account, path, body, time, k->secret),
                  false);
}

static bool jdl_genuine(struct ask *q)
{
  struct arena *a = &q->r->mem;
  const char *time = http_query(q->r, "timestamp"),
             *body = q->r->body_n ? arena_strn(a, q->r->body, q->r->body_n) : "";
  const char *domain = http_query(q->r, "LOP-DN"), *token = http_query(q->r, "access_token");
  bool ok = time && domain && !strcmp(domain, "ECAP") && token && !strcmp(token, q->k->word) &&
            sim_same(http_query(q->r, "sign"), jdl_sign(a, q->k, q->r->path, body, time)) &&
            read_json(q, body) && json_type(q->j) == JSON_ARRAY;
  if (!ok)
    say(q,
        "{\"error_response\":{\"code\":\"12\",\"zh_desc\":\"无效签名\",\"en_desc\":\"Invalid signature\"}}"),
      q->k->bad_signs++;
  if (ok) q->j = json_first(q->j);
  return ok;
}

static void jdl_say(struct ask *q, int code, const char *why, const char *number)
{
  struct jw w;
  jw_init(&w, &q->out->body), jw_object(&w), jw_kint(&w, "code", code), jw_kstring(&w, "msg", why);
  jw_kbool(&w, "success", !code), jw_key(&w, "data");
  if (number) jw_object(&w), jw_kstring(&w, "waybillCode", number), jw_object_end(&w);
  else jw_null(&w);
  jw_object_end(&w);
}

static void jdl_step(struct jw *w, struct arena *a, const struct sim_carrier *k, const struct sim_sold *p,
                     int i)
{
  jw_object(w), jw_kstring(w, "waybillCode", p->number), jw_kstring(w, "categoryName", k->kind->step[i]);
  jw_kstring(w, "operationTitle", "快递签收"),
    jw_kstring(w, "operationTime", sim_local(a, step_at(k, p, i), ZONE));
  jw_kstring(w, "operationRemark", "轨迹"), jw_object_end(w);
}

static void jdl_answer(struct ask *q)
{
  const char *no = json_string(json_get(q->j, "orderId")),
             *number = json_string(json_get(q->j, "waybillCode")), *path = q->r->path;
  struct sim_sold *p = no || number ? sold_find(q->k, no, number) : NULL;
  struct jw w;
  if (!strcmp(path, "/ecap/v1/orders/trace/query")) {
    jw_init(&w, &q->out->body), jw_object(&w), jw_kint(&w, "code", 0), jw_kbool(&w, "success", true),
      jw_key(&w, "data");
    jw_object(&w), jw_key(&w, "traceDetails"), jw_array(&w);
    for (int i = 0; p && i < p->steps; i++) jdl_step(&w, &q->r->mem, q->k, p, i);
    jw_array_end(&w), jw_object_end(&w), jw_object_end(&w);
  } else if (!strcmp(path, "/ecap/v1/orders/create") && no && strlen(no) <= 64) {
    if (p) q->k->repeated++, jdl_say(q, 1012, "订单号重复", NULL);
    else jdl_say(q, 0, "success", sold_new(q->k, no, NULL)->number);
  } else if (!p) jdl_say(q, 1003, "订单不存在", NULL);
  else if (!strcmp(path, "/ecap/v1/orders/status/get")) jdl_say(q, 0, "success", p->number);
  else if (p->is_void) jdl_say(q, 1004, "运单已取消", NULL);
  else if (p->steps) jdl_say(q, 1005, "已揽收", NULL);
  else p->is_void = true, jdl_say(q, 0, "success", p->number);
}

static void jdl_push(struct sim_carrier *k, const struct sim_sold *p, int step, int64_t at_ms)
{
  struct arena a = { 0 };
  struct buf b = { 0 };
  struct jw w;
  struct env *real = k->sim->real;
  const char *time = sim_local(&a, real->now_ms(real), ZONE);
  (void)at_ms;
  jw_init(&w, &b), jw_array(&w), jdl_step(&w, &a, k, p, step), jw_array_end(&w);
  const char *body = text_of(&a, &b), *path = arena_printf(&a, "/v1/hooks/carrier/%s", k->name);
  sim_push_carrier(k->sim, k,
                   arena_printf(&a, "?app_key=%s&access_token=%s&timestamp=%s&v=2.0&sign=%s", k->account,
                                k->word, coded(&a, time, false), jdl_sign(&a, k, path, body, time)),
                   "application/json", body);
  arena_release(&a);
}

/* ---- Kuaidi100 ----------------------------------------------------------------------------------------------------------------- */
static bool kuaidi_genuine(struct ask *q)
{
  const char *param = field(q, "param"), *customer = field(q, "customer");
  bool ok = param && read_json(q, param);
  if (ok && !strcmp(q->r->path, "/poll/query.do"))
    ok =
      customer &&
      sim_same(field(q, "sign"),
               md5_text(&q->r->mem, arena_printf(&q->r->mem, "%s%s%s", param, q->k->secret, customer), true));
  else if (ok) ok = sim_same(json_string(json_get(q->j, "key")), q->k->secret);
  if (!ok)
    say(q, "{\"result\":false,\"returnCode\":\"503\",\"message\":\"验证签名失败\"}"), q->k->bad_signs++;
  return ok;
}

static void kuaidi_rows(struct jw *w, struct arena *a, const struct sim_carrier *k, const struct sim_sold *p,
                        int n)
{
  jw_kstring(w, "message", "ok"), jw_kstring(w, "status", "200"), jw_kstring(w, "nu", p->number);
  jw_kstring(w, "state", n == CARRIER_STEPS ? "3" : "0"), jw_key(w, "data"), jw_array(w);
  for (int i = n; i-- > 0;) {
    jw_object(w), jw_kstring(w, "time", sim_local(a, step_at(k, p, i), ZONE)),
      jw_kstring(w, "context", "[深圳市]轨迹");
    jw_kstring(w, "status", k->kind->step[i]), jw_object_end(w);
  }
  jw_array_end(w);
}

static void kuaidi_answer(struct ask *q)
{
  bool asks = !strcmp(q->r->path, "/poll/query.do");
  const char *no = json_string(json_get(q->j, asks ? "num" : "number"));
  struct sim_sold *p = no && strlen(no) < 24 ? sold_find(q->k, NULL, no) : NULL;
  struct jw w;
  if (!p && no && strlen(no) < 24) p = sold_new(q->k, "", no);
  if (!p || (asks && !p->steps)) {
    say(q, "{\"result\":false,\"returnCode\":\"500\",\"message\":\"查询无结果，请隔段时间再查\"}");
  } else if (asks) {
    jw_init(&w, &q->out->body), jw_object(&w), kuaidi_rows(&w, &q->r->mem, q->k, p, p->steps),
      jw_object_end(&w);
  } else if (p->followed) {
    q->k->repeated++, say(q, "{\"result\":false,\"returnCode\":\"501\",\"message\":\"重复订阅\"}");
  } else p->followed = true, say(q, "{\"result\":true,\"returnCode\":\"200\",\"message\":\"提交成功\"}");
}

static void kuaidi_push(struct sim_carrier *k, const struct sim_sold *p, int step, int64_t at_ms)
{
  struct arena a = { 0 };
  struct buf b = { 0 };
  struct jw w;
  (void)at_ms;
  if (p->followed) {
    jw_init(&w, &b), jw_object(&w), jw_kstring(&w, "status", "polling"), jw_key(&w, "lastResult"),
      jw_object(&w);
    kuaidi_rows(&w, &a, k, p, step + 1), jw_object_end(&w), jw_object_end(&w);
    const char *param = text_of(&a, &b);
    sim_push_carrier(k->sim, k, "", "application/x-www-form-urlencoded",
                     arena_printf(&a, "sign=%s&param=%s",
                                  md5_text(&a, arena_printf(&a, "%s%s", param, k->word), true),
                                  coded(&a, param, false)));
  }
  arena_release(&a);
}

/* ---- one row each --------------------------------------------------------------------------------------------------------------- */
static const struct sim_carrier_kind kinds[] = {
  { "SF",
    "sf",
    "SF",
    { "50", "30", "44", "80" },
    sf_genuine,
    sf_answer,
    sf_push,
    "{\"apiErrorMsg\":\"流量控制\",\"apiResultCode\":\"A1005\",\"apiResultData\":null}",
    "{\"apiErrorMsg\":\"\",\"apiResultCode\":\"A1000\",\"apiResultData\":\"{\\\"success\\\":false,\\\"errorCode\\\":\\\"20035\\\","
    "\\\"errorMsg\\\":\\\"违禁品\\\",\\\"msgData\\\":null}\"}" },
  { "DEPPON",
    "deppon",
    "DPK",
    { "GOT", "DEPARTURE", "SENT_SCAN", "SIGNED" },
    deppon_genuine,
    deppon_answer,
    deppon_push,
    "{\"result\":\"false\",\"resultCode\":\"9999\",\"reason\":\"接口调用频率超限\"}",
    "{\"result\":\"false\",\"resultCode\":\"2006\",\"reason\":\"参数校验失败\"}" },
  { "JDL",
    "jdl",
    "JDV",
    { "揽收", "运输", "派送", "妥投" },
    jdl_genuine,
    jdl_answer,
    jdl_push,
    "{\"error_response\":{\"code\":\"22\",\"zh_desc\":\"调用频率超限\",\"en_desc\":\"Too many calls\"}}",
    "{\"code\":1020,\"msg\":\"超出服务范围\",\"success\":false,\"data\":null}" },
  { "kuaidi100",
    "kuaidi100",
    "",
    { "揽收", "在途", "派件", "签收" },
    kuaidi_genuine,
    kuaidi_answer,
    kuaidi_push,
    "{\"result\":false,\"returnCode\":\"601\",\"message\":\"x\"}",
    "{\"result\":false,\"returnCode\":\"700\",\"message\":\"x\"}" },
};

bool sim_carriers_make(struct sim *s, const char *list, struct arena *a, const char **why)
{
  s->carrier = arena_array(&s->mem, struct sim_carrier, SIM_CARRIERS_MAX);
  for (const char *p = list ? list : ""; *p;) {
    size_t n = strcspn(p, ","), i = 0;
    while (i < COUNT(kinds) && (strlen(kinds[i].name) != n || memcmp(kinds[i].name, p, n) != 0)) i++;
    if (i == COUNT(kinds) || s->carriers == SIM_CARRIERS_MAX)
      return *why = arena_printf(a, "%s: carriers are SF, DEPPON, JDL, kuaidi100", list), false;
    struct sim_carrier *k = &s->carrier[s->carriers];
    k->sim = s, k->kind = &kinds[i], k->name = kinds[i].name, k->number = (int)s->carriers++;
    uint64_t h = sim_hash(s, "carrier", i, 1);
    k->secret = arena_printf(&s->mem, "key-%016llx", (unsigned long long)h);
    k->account = arena_printf(&s->mem, "account%04u", (unsigned)(h >> 8) % 10000);
    k->word = arena_printf(&s->mem, "word-%016llx", (unsigned long long)sim_hash(s, "carrier", i, 2));
    p += n + (p[n] == ',');
  }
  return true;
}

void sim_carriers_free(struct sim *s)
{
  for (size_t i = 0; i < s->carriers; i++) mem_free(s->carrier[i].sold);
}

void sim_carriers_run(struct sim *s, int64_t until_ms)
{
  for (size_t i = 0; i < s->carriers; i++)
    for (size_t x = 0; x < s->carrier[i].n; x++) {
      struct sim_carrier *k = &s->carrier[i];
      struct sim_sold *p = k->sold[x];
      while (!p->is_void && p->steps < CARRIER_STEPS && step_at(k, p, p->steps) <= until_ms) {
        p->steps++;
        k->kind->push(k, p, p->steps - 1, step_at(k, p, p->steps - 1));
      }
    }
}

void sim_carrier_answer(struct sim_carrier *k, struct http_request *r, struct sim_reply *out)
{
  struct sim *s = k->sim;
  struct ask q = { k, r, NULL, out };
  uint64_t draw = sim_hash(s, "at the carrier", (uint64_t)(unsigned)k->number, ++k->requests);
  int64_t now_ms = sim_now(s);
  *out = (struct sim_reply){ .status = 200 };
  if (now_ms > s->ran_ms) sim_world_run(s, now_ms);
  if (sim_hits(s, SIM_FAULT_ERRORS, draw)) {
    out->status = 502;
    return;
  }
  if (strcmp(r->method, "POST") != 0) {
    out->status = 404;
    return;
  }
  if (!k->kind->genuine(&q)) return;
  if (k->throttle > 0) k->throttle--, say(&q, k->kind->throttled);
  else if (k->refuse > 0) k->refuse--, say(&q, k->kind->refused);
  else k->kind->answer(&q);
  out->lost = k->lose > 0 || sim_hits(s, SIM_FAULT_TIMEOUTS, draw);
  if (k->lose > 0) k->lose--;
  k->unanswered += out->lost;
}

/* ---- the control port -------------------------------------------------------------------------------------------------------------- */
void sim_carriers_put(const struct sim *s, struct jw *w)
{
  jw_array(w);
  for (size_t i = 0; i < s->carriers; i++) {
    const struct sim_carrier *k = &s->carrier[i];
    jw_object(w), jw_kstring(w, "name", k->name), jw_kstring(w, "host", k->base),
      jw_kint(w, "requests", (int64_t)k->requests);
    jw_kint(w, "repeated", k->repeated), jw_kint(w, "bad_signatures", k->bad_signs),
      jw_kint(w, "unanswered", k->unanswered);
    jw_kint(w, "pushes", k->pushes), jw_kint(w, "pushes_failed", k->pushes_failed), jw_key(w, "waybills"),
      jw_array(w);
    for (size_t x = 0; x < k->n; x++) {
      const struct sim_sold *p = k->sold[x];
      jw_object(w), jw_kstring(w, "order_no", p->order_no), jw_kstring(w, "tracking_no", p->number);
      jw_kbool(w, "void", p->is_void), jw_kbool(w, "followed", p->followed), jw_kint(w, "steps", p->steps),
        jw_object_end(w);
    }
    jw_array_end(w), jw_object_end(w);
  }
  jw_array_end(w);
}

void sim_carriers_config(const struct sim *s, struct buf *out)
{
  for (size_t i = 0; i < s->carriers; i++) {
    const struct sim_carrier *k = &s->carrier[i];
    buf_printf(out, "\n[carrier %s]\nconnector = %s\nhost = %s\n", k->name, k->kind->connector, k->base);
    if (k->kind == &kinds[0])
      buf_printf(out, "partner_id = %s\ncheckword = %s\npush_key = %s\n", k->account, k->secret, k->word);
    else if (k->kind == &kinds[1])
      buf_printf(out, "query_host = %s\ncompany_code = %s\ncustomer_code = 1\nappkey = %s\n", k->base,
                 k->account, k->secret);
    else if (k->kind == &kinds[2])
      buf_printf(out, "app_key = %s\napp_secret = %s\naccess_token = %s\ncustomer_code = 010K1\n", k->account,
                 k->secret, k->word);
    else {
      buf_printf(out, "customer = %s\nkey = %s\nsalt = %s\n", k->account, k->secret, k->word);
      if (s->o.push) buf_printf(out, "callback = %s/v1/hooks/carrier/%s\n", s->o.push, k->name);
    }
  }
}

bool sim_carrier_decide(struct sim *s, const struct json *j)
{
  const char *name = json_string(json_get(j, "carrier"));
  for (size_t i = 0; name && i < s->carriers; i++) {
    struct sim_carrier *k = &s->carrier[i];
    if (strcmp(k->name, name) != 0) continue;
    json_int(json_get(j, "lose"), &k->lose), json_int(json_get(j, "refuse"), &k->refuse),
      json_int(json_get(j, "throttle"), &k->throttle);
    return true;
  }
  return false;
}
