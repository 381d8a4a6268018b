/* What Taobao, JD, Douyin and Pinduoduo check in the simulator: the published signatures, every documented refusal,
 * tokens, limits. */
#include "sim_rig.h"
#include <stdlib.h>

/* ---- published signatures ---------------------------------------------------------------------------------------- */
static void vector_clock(struct world *w, const char *stamp)
{
  int64_t ms = 0;
  size_t digits = strspn(stamp, "0123456789");
  if (!stamp[digits]) ms = strtoll(stamp, NULL, 10) * 1000;
  else CHECK(sim_local_parse(stamp, 480, &ms));
  w->sim->skew_ms = ms - NOW, w->s->own->access_until_ms = ms + HOUR;
}

static void vector_form(struct ask *k, const struct json *v)
{
  static const char *const secrets[] = { "app_key", "session", "access_token", "client_id" };
  struct sim_shop *s = k->w->s;
  bool is_pdd = !strcmp(s->row->name, "pinduoduo");
  secret_set(s, is_pdd ? "client_secret" : "app_secret", json_string(json_get(v, "secret")));
  for (const struct json *p = json_first(at(v, "inputs.params")); p; p = json_next(p)) {
    put(k, json_key(p), json_string(p));
    for (size_t i = 0; i < COUNT(secrets); i++)
      if (!strcmp(json_key(p), secrets[i])) secret_set(s, secrets[i], json_string(p));
  }
  vector_clock(k->w, got(k, "timestamp"));
}

/* Some methods are none that the simulator plays: their signatures count all the same. */
static void vector_try(struct world *w, const struct json *v, bool spoilt)
{
  struct ask k;
  const char *name = w->s->row->name, *want = json_string(json_get(v, "expected"));
  char *sign = arena_str(&w->mem, want);
  if (spoilt) sign[5] = sign[5] == '0' ? '1' : '0';
  ask_begin(&k, w,
            !strcmp(name, "taobao") ? "/router/rest"
            : !strcmp(name, "jd")   ? "/routerjson"
                                    : "/api/router");
  vector_form(&k, v);
  put(&k, "sign", sign);
  send_form(&k);
  CHECK_INT(w->s->own->bad_signs, spoilt);
  ask_end(&k);
}

static void vector_douyin(struct world *w, const struct json *v, bool spoilt)
{
  struct ask k;
  const struct json *in = json_get(v, "inputs");
  const char *method = json_string(json_get(in, "method"));
  char *path = arena_printf(&w->mem, "/%s", method),
       *sign = arena_str(&w->mem, json_string(json_get(v, "expected")));
  *strchr(path, '.') = '/';
  if (spoilt) sign[5] = sign[5] == '0' ? '1' : '0';
  secret_set(w->s, "app_key", json_string(json_get(in, "app_key"))),
    secret_set(w->s, "app_secret", json_string(json_get(v, "secret")));
  vector_clock(w, json_string(json_get(in, "timestamp")));
  for (int in_query = 0; in_query < 2; in_query++) {
    ask_begin(&k, w, path);
    for (const struct json *p = json_first(in); p; p = json_next(p))
      if (strcmp(json_key(p), "param_json") != 0 || in_query) put(&k, json_key(p), json_string(p));
    if (!in_query) k.param_json = json_string(json_get(in, "param_json"));
    put(&k, "access_token", sim_secret(w->s, "access_token")), put(&k, "sign", sign);
    send_query(&k);
    CHECK_INT(w->s->own->bad_signs, spoilt * (in_query + 1));
    ask_end(&k);
  }
}

TEST(sim_platforms_take_published_signatures)
{
  struct arena a = { 0 };
  size_t n = 0, tried = 0;
  char *text = file_read(&a, "../shared/reference/apis/vectors.json", 1 << 20, &n);
  if (!text) {
    arena_release(&a);
    SKIP("../shared/reference/apis/vectors.json is not here");
  }
  struct faults f = { .mem = &a };
  const struct json *j = json_parse(&a, text, n, JSON_ELEMENTS_MAX, &f);
  for (const struct json *v = json_first(json_get(j, "vectors")); v; v = json_next(v))
    for (size_t i = 0; i < COUNT(shapes); i++) {
      bool is_douyin = !strcmp(shapes[i].platform, "douyin");
      if (strcmp(json_string(json_get(v, "service")), shapes[i].platform) != 0 ||
          (is_douyin && !at(v, "inputs.method")))
        continue;
      for (int spoilt = 0; spoilt < 2; spoilt++, tried++) {
        struct world w;
        if (!world_open(&w, shapes[i].platform, 10)) return;
        test_note("%s", json_string(json_get(v, "id")));
        if (is_douyin) vector_douyin(&w, v, spoilt);
        else vector_try(&w, v, spoilt);
        world_close(&w);
      }
    }
  CHECK_INT(tried, 2 * (5 + 2 + 4 + 2));
  arena_release(&a);
}

/* ---- what is refused ------------------------------------------------------------------------------------------------ */
#define FAR "2020-01-01 00:00:00"
static const struct refusal {
  const char *platform, *name, *value, *says;
} refusals[] = {
  { "taobao", "sign", "00", "\"code\":25" },
  { "taobao", "sign_method", "hmac-sha999", "\"code\":25" },
  { "taobao", "timestamp", FAR, "\"code\":31" },
  { "taobao", "timestamp", NULL, "\"code\":30" },
  { "taobao", "session", "nobody", "\"code\":27" },
  { "taobao", "session", NULL, "\"code\":26" },
  { "taobao", "app_key", "1", "\"code\":29" },
  { "taobao", "method", "taobao.no.such", "\"code\":22" },
  { "taobao", "format", "xml", "<code>23</code>" },
  { "taobao", "fields", NULL, "isv.missing-parameter" },
  { "taobao", "start_modified", FAR, "isv.invalid-parameter" },
  { "taobao", "end_modified", "2025-11-30 00:00:00", "isv.invalid-parameter" },
  { "taobao", "end_modified", "soon", "isv.invalid-parameter" },
  { "taobao", "page_size", "101", "isv.invalid-parameter" },
  { "taobao", "page_no", "0", "isv.invalid-parameter" },
  { "jd", "sign", "00", "\"code\":\"12\"" },
  { "jd", "access_token", "nobody", "\"code\":\"19\"" },
  { "jd", "method", "jingdong.no.such", "\"code\":\"15\"" },
  { "jd", "360buy_param_json", "{", "\"numberCode\":10100010" },
  { "jd", "360buy_param_json", "{\"order_state\":\"LOCKED\"}", "\"numberCode\":10100020" },
  { "jd", "360buy_param_json", "{\"optional_fields\":\"orderId\"}", "\"numberCode\":10100021" },
  { "jd", "360buy_param_json", "{\"optional_fields\":\"orderId\",\"order_state\":\"NONE\"}",
    "\"numberCode\":10100021" },
  { "jd", "360buy_param_json",
    "{\"optional_fields\":\"orderId\",\"order_state\":\"LOCKED\",\"page_size\":\"101\"}",
    "\"numberCode\":10100022" },
  { "jd", "360buy_param_json",
    "{\"optional_fields\":\"orderId\",\"order_state\":\"LOCKED\",\"start_date\":\"2025-10-01 00:00:00\",\"end_date\":\"2025-11-02 00:00:00\"}",
    "\"numberCode\":10100023" },
  { "douyin", "sign", "00", "isv.signature-invalid" },
  { "douyin", "sign_method", "sha1", "isv.signature-invalid" },
  { "douyin", "timestamp", FAR, "isv.timestamp-invalid" },
  { "douyin", "timestamp", "1577836800", "isv.timestamp-invalid" },
  { "douyin", "access_token", "nobody", "isv.access-token-no-existed" },
  { "douyin", "access_token", NULL, "\"code\":40001" },
  { "douyin", "method", "order.orderDetail", "isv.method-invalid" },
  { "douyin", "param", "{\"size\":101,\"update_time_start\":1}", "isv.parameter-invalid:20008" },
  { "douyin", "param", "{\"page\":-1,\"update_time_start\":1}", "isv.parameter-invalid:10035" },
  { "douyin", "param", "{\"page\":0}", "isv.parameter-invalid:20011" },
  { "douyin", "param", "{\"create_time_start\":1700000000}", "isv.parameter-invalid:20012" },
  { "douyin", "param", "{\"page\":500,\"size\":100,\"update_time_start\":1}", "isv.parameter-invalid:20013" },
  { "pinduoduo", "sign", "00", "\"error_code\":20004" },
  { "pinduoduo", "client_id", "nobody", "\"error_code\":20032" },
  { "pinduoduo", "access_token", "nobody", "\"error_code\":20032" },
  { "pinduoduo", "timestamp", "1577836800", "\"error_code\":10001" },
  { "pinduoduo", "type", "pdd.no.such", "\"error_code\":10017" },
  { "pinduoduo", "is_lucky_flag", NULL, "\"error_code\":21001" },
  { "pinduoduo", "order_status", "4", "\"error_code\":21001" },
  { "pinduoduo", "refund_status", NULL, "\"error_code\":21001" },
  { "pinduoduo", "page_size", "101", "\"error_code\":21001" },
  { "pinduoduo", "start_updated_at", "1763990000", "\"error_code\":50001" },
  { "pinduoduo", "end_updated_at", "1763999990", "\"error_code\":50001" },
};

TEST(sim_platforms_refuse_what_is_documented)
{
  for (size_t i = 0; i < COUNT(shapes); i++) {
    struct world w;
    if (!world_open(&w, shapes[i].platform, 10)) return;
    for (size_t r = 0; r < COUNT(refusals); r++) {
      const struct refusal *f = &refusals[r];
      struct ask k;
      if (strcmp(f->platform, shapes[i].platform) != 0) continue;
      test_note("%s with %s=%s", f->platform, f->name, f->value ? f->value : "(none)");
      ask_page(&k, &w, NOW - 30 * MINUTE, NOW - 4 * MINUTE, 1, 10);
      if (!strcmp(f->name, "param")) k.param_json = f->value;
      else put(&k, f->name, f->value);
      send_signed(&k);
      says(&k, f->says);
      ask_end(&k);
    }
    CHECK_INT(w.s->own->bad_signs,
              !strcmp(w.s->row->name, "taobao") || !strcmp(w.s->row->name, "douyin") ? 2 : 1);
    world_close(&w);
  }
}

TEST(sim_platforms_have_no_such_order)
{
  static const char *const words[] = { "isv.trade-not-exist", "order not exist", "\"code\":50002",
                                       "\"error_code\":50001" };
  for (size_t i = 0; i < COUNT(shapes); i++) {
    struct world w;
    struct ask k;
    struct sim_order none = { .id = "999" };
    if (!world_open(&w, shapes[i].platform, 10)) return;
    ask_one(&k, &w, &none);
    says(&k, words[i]);
    ask_end(&k);
    world_close(&w);
  }
}

/* ---- tokens and storms -------------------------------------------------------------------------------------------------- */
static void ask_refresh(struct ask *k, struct world *w, const char *token)
{
  const char *name = w->s->row->name;
  if (!strcmp(name, "taobao")) {
    taobao_begin(k, w, "taobao.top.auth.token.refresh"), put(k, "session", NULL),
      put(k, "refresh_token", token);
  } else if (!strcmp(name, "jd")) {
    ask_begin(k, w, "/oauth2/refresh_token");
    put(k, "app_key", sim_secret(w->s, "app_key")), put(k, "app_secret", sim_secret(w->s, "app_secret"));
    put(k, "grant_type", "refresh_token"), put(k, "refresh_token", token);
    k->r.method = "GET";
    send_query(k);
    return;
  } else if (!strcmp(name, "douyin")) {
    douyin_begin(k, w, "/token/refresh", ""), put(k, "access_token", NULL);
    k->param_json =
      arena_printf(&k->r.mem, "{\"grant_type\":\"refresh_token\",\"refresh_token\":\"%s\"}", token);
  } else {
    pdd_begin(k, w, "pdd.pop.auth.token.refresh"), put(k, "access_token", NULL),
      put(k, "refresh_token", token);
  }
  send_signed(k);
}

TEST(sim_platforms_renew_tokens)
{
  static const char *const expired[] = { "\"code\":27", "\"code\":\"19\"", "isv.access-token-expired",
                                         "\"error_code\":10019" };
  static const char *const bad[] = { "isv.refresh-token-invalid", "invalid refresh_token",
                                     "dop.token-generate-failed:token-expired", "\"error_code\":10019" };
  for (size_t i = 0; i < COUNT(shapes); i++) {
    struct world w;
    struct ask k;
    if (!world_open(&w, shapes[i].platform, 10)) return;
    const char *old = sim_secret(w.s, shapes[i].access), *refresh = sim_secret(w.s, "refresh_token");
    w.s->own->access_until_ms = NOW;
    ask_page(&k, &w, NOW - 30 * MINUTE, NOW - 4 * MINUTE, 1, 10), send_signed(&k);
    says(&k, expired[i]), ask_end(&k);
    ask_refresh(&k, &w, "nobody");
    says(&k, bad[i]), ask_end(&k);
    ask_refresh(&k, &w, refresh);
    says(&k, sim_secret(w.s, shapes[i].access)), says(&k, sim_secret(w.s, "refresh_token"));
    CHECK(strcmp(old, sim_secret(w.s, shapes[i].access)) != 0),
      CHECK(strcmp(refresh, sim_secret(w.s, "refresh_token")) != 0);
    ask_end(&k);
    ask_page(&k, &w, NOW - 30 * MINUTE, NOW - 4 * MINUTE, 1, 10), send_signed(&k);
    CHECK(at(k.j, shapes[i].total)), ask_end(&k);
    world_close(&w);
  }
}

TEST(sim_taobao_renews_by_oauth)
{
  struct world w;
  struct ask k;
  if (!world_open(&w, "taobao", 10)) return;
  for (int bad = 1; bad >= 0; bad--) {
    ask_begin(&k, &w, "/token");
    put(&k, "client_id", sim_secret(w.s, "app_key")),
      put(&k, "client_secret", bad ? "x" : sim_secret(w.s, "app_secret"));
    put(&k, "grant_type", "refresh_token"), put(&k, "refresh_token", sim_secret(w.s, "refresh_token"));
    send_form(&k);
    CHECK_INT(k.c.status, bad ? 400 : 200);
    says(&k, bad ? "invalid_client" : sim_secret(w.s, "session"));
    ask_end(&k);
  }
  world_close(&w);
}

TEST(sim_platforms_throttle)
{
  static const char *const words[] = { "This ban will last for", "\"code\":\"2\"", "\"code\":60000",
                                       "\"error_code\":52101" };
  for (size_t i = 0; i < COUNT(shapes); i++) {
    struct world w;
    struct ask k;
    int32_t share[SIM_FAULT_N] = { [SIM_FAULT_RATE_LIMIT] = SIM_MILLION };
    if (!world_open(&w, shapes[i].platform, 10)) return;
    sim_faults(w.sim, share);
    ask_page(&k, &w, NOW - 30 * MINUTE, NOW - 4 * MINUTE, 1, 10), send_signed(&k);
    says(&k, words[i]), ask_end(&k);
    world_close(&w);
  }
}

TEST(sim_pinduoduo_counts_calls_of_a_minute)
{
  struct world w;
  struct ask k;
  if (!world_open(&w, "pinduoduo", 10)) return;
  for (int i = 0; i <= 3000; i++) {
    ask_page(&k, &w, NOW - 5 * MINUTE, NOW - 4 * MINUTE, 1, 10), send_signed(&k);
    if (i == 3000) says(&k, "\"error_code\":70031");
    else if (i == 2999) CHECK(at(k.j, "order_sn_increment_get_response"));
    ask_end(&k);
  }
  world_close(&w);
}

TEST(sim_platforms_fail_in_their_own_words)
{
  static const char *const words[] = { "isp.top-remote-connection-timeout", "not available",
                                       "isp.service-error:20005", "\"error_code\":52102" };
  for (size_t i = 0; i < COUNT(shapes); i++) {
    struct world w;
    struct ask k;
    int32_t share[SIM_FAULT_N] = { [SIM_FAULT_ERRORS] = SIM_MILLION };
    if (!world_open(&w, shapes[i].platform, 10)) return;
    sim_faults(w.sim, share);
    ask_page(&k, &w, NOW - 30 * MINUTE, NOW - 4 * MINUTE, 1, 10), send_signed(&k);
    says(&k, words[i]), ask_end(&k);
    world_close(&w);
  }
}
