/* The platforms' signing vectors through the signing expressions of the connectors' own files. */
#include "edge.h"
#include "test.h"
#include <stdio.h>
#include <stdlib.h>

/* A vector is signed by the expression `key` of [request `request`]; its parameters stand as `as`. */
struct signer {
  const char *service, *request, *key, *as, *root, *secret;
};
static const struct signer signers[] = {
  { "shopee", "list", "query.sign", "", "", "partner_key" },
  { "lazada", "list", "query.sign", "query.", "/rest", "app_secret" },
  { "taobao", "list", "form.sign", "form.", "/router/rest", "app_secret" },
  { "jd", "list", "form.sign", "form.", "/routerjson", "app_secret" },
  { "douyin", "list", "query.sign", "query.", "/order/searchList", "app_secret" },
  { "pinduoduo", "list", "form.sign", "form.", "/api/router", "client_secret" },
  { "woocommerce", "list", "query.oauth_signature", "query.", "", "consumer_secret" },
};
/* Carriers: which member of the inputs is signed, as which variable, and what more is needed for it. */
static const struct carrier_signer {
  const char *service, *key, *inputs, *as, *more[6], *needs, *secret;
} carriers[] = {
  { "sf", "form.msgDigest", "msgData", "msg", { 0 }, NULL, "checkword" },
  { "deppon", "form.digest", "params", "says", { 0 }, NULL, "appkey" },
  { "jdl",
    "query.sign",
    "body",
    "says",
    { "app_key", "access_token", "timestamp", "v", "algorithm" },
    "var.signs",
    "app_secret" },
  { "kuaidi100", "form.sign", "param", "says", { 0 }, NULL, "key" },
};
/* Messengers: the vector's inputs stand as variables and form or query parameters; the file's own expressions follow. */
static const struct messenger_signer {
  const char *service, *id, *file, *keys[4], *secret; /* id: of one vector; NULL: all of the service */
} messengers[] = {
  { "dingtalk", NULL, "dingtalk", { "query.sign" }, "secret" },
  { "feishu", NULL, "feishu", { "var.sign" }, "secret" },
  { "aliyun-sms",
    "aliyun-acs3-sendsms",
    "aliyun-sms-v3",
    { "var.canonical", "header.Authorization" },
    "access_key_secret" },
  { "aliyun-sms", NULL, "aliyun-sms", { "form.Signature" }, "access_key_secret" },
  { "tencent-sms", NULL, "tencent-sms", { "var.scope", "var.hash", "header.Authorization" }, "secret_key" },
};
/* What the files do not use: another digest of the platform's choice, and a login redirect. */
static const char *const unused[] = { "top-hmac", "top-hmac-sha256", "douyin-md5", "shopify-oauth-callback",
                                      "woo-oauth-doc-base" };

struct keys {
  const struct json *inputs;
  const char *name, *secret;
};

static const char *text_of(const struct json *j)
{
  return json_string(j) ? json_string(j) : json_number(j);
}

/* A merchant's number stands where a shop's does. */
static const char *secret_of(void *arg, const char *name)
{
  const struct keys *k = arg;
  if (k->name && !strcmp(name, k->name)) return k->secret;
  const char *v = text_of(json_get(k->inputs, name));
  if (!v && !strcmp(name, "shop_id")) v = text_of(json_get(k->inputs, "merchant_id"));
  return v;
}

/* "key = …" with the lines that go on with it, out of a section. */
static const char *lines_of(struct arena *a, const char *text, const char *section, const char *key)
{
  const char *s = strstr(text, arena_printf(a, "\n[%s]\n", section));
  const char *end = s ? strstr(s + 2, "\n[") : NULL;
  const char *from = s ? strstr(s, arena_printf(a, "\n%s = ", key)) : NULL;
  if (!from || (end && from > end)) return NULL;
  const char *to = strchr(from + 1, '\n');
  while (to && to[1] == ' ') to = strchr(to + 1, '\n');
  return arena_strn(a, from + 1, (size_t)((to ? to : from + strlen(from)) - from - 1));
}

static void names_put(struct buf *b, const char *section, const struct connector_name *list, size_t n)
{
  buf_printf(b, "[%s]\n", section);
  for (size_t i = 0; i < n; i++) buf_printf(b, "%s = x\n", list[i].name);
}

static void param_put(struct buf *b, const char *as, const char *name, const char *value)
{
  buf_printf(b, "%s%s = '", as, name);
  for (const char *p = value; *p; p++) buf_str(b, *p == '\'' ? "''" : (char[]){ *p, 0 });
  buf_str(b, "'\n");
}

/* A file with nothing but the vector's parameters and the connector's own expression behind them. */
static const char *file_of(struct arena *a, const struct signer *s, const struct connector *c,
                           const char *text, const struct json *inputs)
{
  struct buf b = { 0 };
  const struct json *params = json_get(inputs, "params");
  const char *path = json_string(json_get(inputs, "path")), *url = json_string(json_get(inputs, "url"));
  const char *request =
    !strcmp(s->service, "shopee") && !json_get(inputs, "access_token") ? "refresh" : s->request;
  buf_str(&b, "[channel vector]\n");
  names_put(&b, "secrets", c->secret, c->secrets);
  buf_printf(&b, "[request list]\n%s %s%s%s\n", strcmp(s->as, "form.") ? "GET" : "POST", url ? url : "{host}",
             url ? "" : s->root, path ? path : "");
  if (json_get(inputs, "param_json")) { /* signed beside the parameters of the address */
    param_put(&b, "var.", "param", json_string(json_get(inputs, "param_json")));
    param_put(&b, s->as, "app_key", json_string(json_get(inputs, "app_key")));
    param_put(&b, s->as, "method", json_string(json_get(inputs, "method")));
    param_put(&b, s->as, "timestamp", json_string(json_get(inputs, "timestamp")));
  }
  for (const struct json *p = json_first(params); p; p = json_next(p))
    param_put(&b, s->as, json_key(p), text_of(p));
  const char *sign = lines_of(a, text, arena_printf(a, "request %s", request), s->key);
  CHECK(sign);
  buf_printf(&b, "%s\n[orders]\nSELECT '{}', '$'\n", sign ? sign : "");
  const char *out = arena_strn(a, b.data, b.len);
  buf_release(&b);
  return out;
}

/* The last parameter, decoded. */
static const char *signature_of(struct arena *a, const struct connector_call *call)
{
  const char *all = call->body ? arena_strn(a, call->body, call->body_n) : call->url, *p = strrchr(all, '=');
  struct buf b = { 0 };
  for (p = p ? p + 1 : ""; *p; p++)
    if (*p == '%' && p[1] && p[2]) buf_char(&b, (char)strtol((char[]){ p[1], p[2], 0 }, NULL, 16)), p += 2;
    else buf_char(&b, *p);
  const char *out = arena_strn(a, b.data ? b.data : "", b.len);
  buf_release(&b);
  return out;
}

static struct connector *file_parse(struct arena *a, const char *service, struct connector_file *file)
{
  struct connector_fault f;
  if (!connector_load(a, NULL, service, file)) return NULL;
  struct connector *c = connector_parse(a, service, file->text, file->n, &f);
  if (!c) test_note("%s:%d:%d: %s", service, f.line, f.column, f.why);
  return c;
}

static void sign(struct arena *a, const struct signer *s, const struct json *v)
{
  const struct json *inputs = json_get(v, "inputs");
  struct keys keys = { inputs, s->secret, json_string(json_get(v, "secret")) };
  struct connector_file file;
  struct connector_fault f;
  struct connector_call call;
  const char *why = NULL, *ts = text_of(json_get(inputs, "timestamp"));
  struct connector *c = file_parse(a, s->service, &file);
  REQUIRE(c);
  const char *text = file_of(a, s, c, arena_strn(a, file.text, file.n), inputs);
  struct connector *own = connector_parse(a, "vector", text, strlen(text), &f);
  if (!own) test_note("%s: %d:%d: %s", json_string(json_get(v, "id")), f.line, f.column, f.why);
  REQUIRE(own);
  struct connector_box *b = connector_open(own, a, &why);
  REQUIRE(b);
  connector_values(b, secret_of, NULL, &keys);
  struct connector_vars vars = { .now_ms = ts ? strtoll(ts, NULL, 10) * 1000 : 0,
                                 .host = json_get(inputs, "url") ? "http://shop.example.com"
                                                                 : "https://api.example.com" };
  if (CHECK(connector_build(b, a, "list", &vars, &call, &why)))
    CHECK_STR(signature_of(a, &call), json_string(json_get(v, "expected")));
  else test_note("%s", why);
  connector_close(b);
}

static struct connector *carrier_parse(struct arena *a, const char *service, struct connector_file *file)
{
  struct connector_fault f;
  if (!connector_load_as(a, NULL, service, "carrier", file)) return NULL;
  struct connector *c = connector_parse(a, service, file->text, file->n, &f);
  if (!c) test_note("%s:%d:%d: %s", service, f.line, f.column, f.why);
  return c;
}

static const char *carrier_file_of(struct arena *a, const struct carrier_signer *s, const struct connector *c,
                                   const char *text, const struct json *inputs)
{
  struct buf b = { 0 };
  const char *path = json_string(json_get(inputs, "path"));
  buf_str(&b, "[channel vector]\n");
  names_put(&b, "secrets", c->secret, c->secrets);
  buf_printf(&b, "[request list]\nPOST {host}%s\n", path ? path : "");
  param_put(&b, "var.", s->as, json_string(json_get(inputs, s->inputs)));
  for (size_t i = 0; s->more[i]; i++)
    param_put(&b, "query.", s->more[i], json_string(json_get(inputs, s->more[i])));
  if (s->needs) buf_printf(&b, "%s\n", lines_of(a, text, "request trace", s->needs));
  buf_printf(&b, "%s\n[orders]\nSELECT '{}', '$'\n", lines_of(a, text, "request trace", s->key));
  const char *out = arena_strn(a, b.data, b.len);
  buf_release(&b);
  return out;
}

static void carrier_sign(struct arena *a, const struct carrier_signer *s, const struct json *v)
{
  const struct json *inputs = json_get(v, "inputs");
  struct keys keys = { inputs, s->secret, json_string(json_get(v, "secret")) };
  struct connector_file file;
  struct connector_fault f;
  struct connector_call call;
  const char *why = NULL, *ts = json_string(json_get(inputs, "timestamp"));
  struct connector *c = carrier_parse(a, s->service, &file);
  REQUIRE(c);
  const char *text = carrier_file_of(a, s, c, arena_strn(a, file.text, file.n), inputs);
  struct connector *own = connector_parse(a, "vector", text, strlen(text), &f);
  if (!own) test_note("%s: %d:%d: %s", json_string(json_get(v, "id")), f.line, f.column, f.why);
  REQUIRE(own);
  struct connector_box *b = connector_open(own, a, &why);
  REQUIRE(b);
  connector_values(b, secret_of, NULL, &keys);
  struct connector_vars vars = { .now_ms = ts ? strtoll(ts, NULL, 10) : 0,
                                 .host = "https://api.example.com" };
  if (CHECK(connector_build(b, a, "list", &vars, &call, &why)))
    CHECK_STR(signature_of(a, &call), json_string(json_get(v, "expected")));
  else test_note("%s", why);
  connector_close(b);
}

/* What stands above the signature in the file, with the vector's values. */
static void messenger_inputs(struct buf *b, struct arena *a, const struct json *inputs, const char *as)
{
  static const char *const texts[][2] = { { "payload", "says" },
                                          { "service", "service" },
                                          { "signed_headers", "signed" } };
  for (const struct json *p = json_first(json_get(inputs, "params")); p; p = json_next(p))
    param_put(b, as, json_key(p), text_of(p));
  const char *host = json_string(json_get(inputs, "host")),
             *type = json_string(json_get(inputs, "content_type"));
  for (size_t i = 0; host && i < COUNT(texts); i++)
    param_put(b, "var.", texts[i][1], json_string(json_get(inputs, texts[i][0])));
  if (host)
    buf_printf(b, "var.head = 'content-type:%s' || char(10) || 'host:%s'%s\n", type, host,
               json_string(json_get(inputs, "action")) ? " || char(10) || 'x-tc-action:sendsms'" : "");
  const struct json *headers = json_get(inputs, "headers");
  if (!headers) return;
  param_put(b, "var.", "authority", json_string(json_get(headers, "host")));
  param_put(b, "var.", "date", json_string(json_get(headers, "x-acs-date")));
  const char *query = json_string(json_get(inputs, "query"));
  for (const char *p = query; p && *p; p += *p == '&') {
    size_t name = strcspn(p, "="), all = strcspn(p, "&");
    struct buf value = { 0 };
    for (const char *v = p + name + 1; v < p + all; v++)
      if (*v == '%') buf_char(&value, (char)strtol((char[]){ v[1], v[2], 0 }, NULL, 16)), v += 2;
      else buf_char(&value, *v);
    param_put(b, "query.", arena_strn(a, p, name), value.data);
    buf_release(&value);
    p += all;
  }
}

/* The signature stands alone, or at the end of a header. */
static const char *signed_of(struct arena *a, const struct connector_call *call)
{
  for (size_t i = 0; i < call->headers; i++) {
    const char *v = call->header[i].value, *at = strstr(v, "Signature=");
    if (!strcmp(call->header[i].name, "x-signed")) return v;
    if (at) return at + 10;
  }
  return signature_of(a, call);
}

/* Who signs is told beside the signature: any name will do. */
static const char *messenger_secret(void *arg, const char *name)
{
  const char *v = secret_of(arg, name);
  return v ? v : "fictional-id";
}

static void messenger_sign(struct arena *a, const struct messenger_signer *s, const struct json *v)
{
  const struct json *inputs = json_get(v, "inputs");
  struct keys keys = { inputs, s->secret, json_string(json_get(v, "secret")) };
  const char *why = NULL, *ts = text_of(json_get(inputs, "timestamp")),
             *method = json_string(json_get(inputs, "method"));
  const char *nonce = json_string(json_get(json_get(inputs, "headers"), "x-acs-signature-nonce"));
  struct connector_file file;
  struct connector_fault f;
  struct connector_call call;
  struct buf b = { 0 };
  REQUIRE(connector_load_as(a, NULL, s->file, "messenger", &file));
  struct connector *c = connector_parse(a, s->file, file.text, file.n, &f);
  REQUIRE(c);
  bool is_get = method && !strcmp(method, "GET");
  buf_str(&b, "[messenger vector]\n");
  names_put(&b, "secrets", c->secret, c->secrets);
  buf_printf(&b, "[request send]\n%s {host}/\n", is_get ? "GET" : "POST");
  messenger_inputs(&b, a, inputs, is_get ? "query." : "form.");
  for (size_t i = 0; i < COUNT(s->keys) && s->keys[i]; i++) {
    const char *line = lines_of(a, file.text, "request send", s->keys[i]);
    CHECK(line);
    if (is_get && line) line = arena_printf(a, "query.%s", line + 5); /* form.Signature */
    buf_printf(&b, "%s\n", line ? line : "");
  }
  if (!strncmp(s->keys[0], "var.sign", 8)) buf_str(&b, "header.x-signed = :sign\n");
  struct connector *own = connector_parse(a, "vector", b.data, b.len, &f);
  if (!own) test_note("%s: %d:%d: %s", json_string(json_get(v, "id")), f.line, f.column, f.why);
  REQUIRE(own);
  struct connector_box *box = connector_open(own, a, &why);
  REQUIRE(box);
  connector_values(box, messenger_secret, NULL, &keys);
  int64_t at = ts ? strtoll(ts, NULL, 10) : 0;
  struct connector_vars vars = { .now_ms = at < 100000000000 ? at * 1000 : at,
                                 .host = "https://api.example.com",
                                 .nonce = nonce };
  if (CHECK(connector_build(box, a, "send", &vars, &call, &why)))
    CHECK_STR(signed_of(a, &call), json_string(json_get(v, "expected")));
  else test_note("%s", why);
  connector_close(box);
  buf_release(&b);
}

/* A push of Kuaidi100: form fields; one changed byte of the text makes it a forgery. */
static void carrier_push(struct arena *a, const struct json *v)
{
  const struct json *inputs = json_get(v, "inputs");
  struct keys keys = { inputs, "salt", json_string(json_get(v, "secret")) };
  struct http_field type = { "content-type", "application/x-www-form-urlencoded" };
  struct connector_file file;
  const char *why = NULL;
  struct connector *c = carrier_parse(a, "kuaidi100", &file);
  REQUIRE(c);
  struct connector_box *b = connector_open(c, a, &why);
  REQUIRE(b);
  connector_values(b, secret_of, NULL, &keys);
  for (int forged = 0; forged < 2; forged++) {
    struct buf body = { 0 };
    char *param = arena_str(a, json_string(json_get(inputs, "param")));
    param[strlen(param) - 3] ^= forged;
    buf_printf(&body, "sign=%s&param=", json_string(json_get(v, "expected")));
    for (const char *p = param; *p; p++) buf_printf(&body, "%%%02X", (unsigned char)*p);
    struct connector_answer ans = {
      .status = 200, .header = &type, .headers = 1, .body = body.data, .body_n = body.len
    };
    struct connector_vars vars = { .now_ms = 1700000000000 };
    struct connector_push out;
    CHECK(connector_push(b, a, "https://orders.example.com/v1/hooks/carrier/x", &ans, &vars, &out, &why));
    CHECK_INT(out.genuine, !forged);
    buf_release(&body);
  }
  connector_close(b);
}

struct push_vector {
  const char *id, *service, *header, *key_name;
};
static const struct push_vector pushes[] = {
  { "shopee-push-ascii", "shopee", "authorization", "partner_key" },
  { "douyin-event-sign", "douyin", "event-sign", "app_secret" },
  { "shopify-webhook", "shopify", "x-shopify-hmac-sha256", "client_secret" },
  { "shopify-webhook-utf8", "shopify", "x-shopify-hmac-sha256", "client_secret" },
};

/* The signature as published is genuine; with another last byte of the body it is not. */
static void push(struct arena *a, const struct push_vector *p, const struct json *v)
{
  const struct json *inputs = json_get(v, "inputs");
  struct keys keys = { inputs, p->key_name, json_string(json_get(v, "secret")) };
  struct http_field header = { p->header, json_string(json_get(v, "expected")) };
  char *body = arena_str(a, json_string(json_get(inputs, "body")));
  const char *url = json_string(json_get(inputs, "url")), *why = NULL;
  struct connector_file file;
  struct connector *c = file_parse(a, p->service, &file);
  REQUIRE(c);
  struct connector_box *b = connector_open(c, a, &why);
  REQUIRE(b);
  connector_values(b, secret_of, NULL, &keys);
  struct connector_answer ans = {
    .status = 200, .header = &header, .headers = 1, .body = body, .body_n = strlen(body)
  };
  struct connector_vars vars = { .now_ms = 1700000000000 };
  struct connector_push out;
  if (!url) url = "https://orders.example.com/v1/hooks/channel/x";
  CHECK(connector_push(b, a, url, &ans, &vars, &out, &why) && out.genuine);
  body[1] ^= 1;
  CHECK(connector_push(b, a, url, &ans, &vars, &out, &why) && !out.genuine);
  connector_close(b);
}

static bool is_unused(const char *id)
{
  for (size_t i = 0; i < COUNT(unused); i++)
    if (!strcmp(unused[i], id)) return true;
  return false;
}

static bool try_vector(struct arena *a, const struct json *v)
{
  const char *id = json_string(json_get(v, "id")), *service = json_string(json_get(v, "service"));
  if (is_unused(id)) return false;
  for (size_t i = 0; i < COUNT(pushes); i++)
    if (!strcmp(pushes[i].id, id)) return push(a, &pushes[i], v), true;
  for (size_t i = 0; i < COUNT(signers); i++)
    if (!strcmp(signers[i].service, service)) return sign(a, &signers[i], v), true;
  if (!strcmp(id, "kuaidi100-push")) return carrier_push(a, v), true;
  for (size_t i = 0; i < COUNT(carriers); i++)
    if (!strcmp(carriers[i].service, service)) return carrier_sign(a, &carriers[i], v), true;
  for (size_t i = 0; i < COUNT(messengers); i++)
    if (!strcmp(messengers[i].service, service) && (!messengers[i].id || !strcmp(messengers[i].id, id)))
      return messenger_sign(a, &messengers[i], v), true;
  return false;
}

TEST(vectors_pass_through_connector_files)
{
  struct arena a = { 0 };
  struct faults f = { .mem = &a };
  size_t n;
  char *file = file_read(&a, "../shared/reference/apis/vectors.json", 4 << 20, &n);
  if (!file) SKIP("the platforms' vectors are not at hand");
  struct json *all = json_parse(&a, file, n, JSON_ELEMENTS_BATCH_MAX, &f);
  REQUIRE(all);
  int tried = 0;
  for (const struct json *v = json_first(json_get(all, "vectors")); v; v = json_next(v)) {
    test_note("%s", json_string(json_get(v, "id")));
    tried += try_vector(&a, v);
  }
  test_note("all");
  CHECK_INT(tried, 43);
  arena_release(&a);
}
