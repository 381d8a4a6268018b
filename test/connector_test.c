/* Connector files: read, refused with line and column, run against signing vectors and hostile answers. */
#include "edge.h"
#include "test.h"
#include <stdio.h>
#include <stdlib.h>

static void said(void *arg, const char *example, bool ok, const char *text)
{
  (void)arg;
  if (ok) return;
  test_note("%s: %s", example, text);
  CHECK(ok);
}

TEST(connector_builtin_files_pass)
{
  const struct connector_file *list;
  size_t n = connector_builtin(&list);
  CHECK(n >= 11);
  for (size_t i = 0; i < n; i++) {
    struct arena a = { 0 };
    struct connector_fault f;
    struct connector *c = connector_parse(&a, list[i].name, list[i].text, list[i].n, &f);
    const char *why = NULL;
    if (!c) test_note("%s.channel:%d:%d: %s", list[i].name, f.line, f.column, f.why);
    REQUIRE(c);
    CHECK_INT(connector_test(c, &a, said, &a, &why), 0);
    CHECK_STR(why, NULL);
    arena_release(&a);
  }
}

/* The manual's example is a file that passes. */
TEST(connector_help_example_passes)
{
  struct arena a = { 0 };
  struct buf help = { 0 };
  struct connector_fault f;
  const char *why = NULL;
  connector_help(&help);
  const char *from = strstr(help.data, "---- tea.channel\n");
  REQUIRE(from);
  from += strlen("---- tea.channel\n");
  struct connector *c = connector_parse(&a, "tea", from, strlen(from), &f);
  if (!c) test_note("%d:%d: %s", f.line, f.column, f.why);
  REQUIRE(c);
  CHECK_INT(c->examples, 4);
  CHECK_INT(connector_test(c, &a, said, &a, &why), 0);
  buf_release(&help), arena_release(&a);
}

/* ---- files that are wrong -------------------------------------------------------------------------------------- */
#define HEAD "[channel x]\n"
#define LIST "[request list]\nGET {host}/o\n"
#define ORDERS "[orders]\nSELECT '{}', '$'\n"

static const char *fault_of(struct arena *a, const char *text, size_t n)
{
  struct connector_fault f;
  if (connector_parse(a, "x", text, n, &f)) return "right";
  return arena_printf(a, "%d:%d: %s", f.line, f.column, f.why);
}

TEST(connector_faults_are_told_with_line_and_column)
{
  static const struct {
    const char *text, *fault;
  } t[] = {
    { HEAD LIST ORDERS, "right" },
    { "\xef\xbb\xbf# first\r\n" HEAD "title = T\r\n" LIST ORDERS, "right" },
    { "", "0:0: there is no section [channel NAME]" },
    { "title = x\n", "1:1: expected a [section] or a # comment" },
    { "\n\n  title\n", "3:1: expected a [section] or a # comment" },
    { HEAD "[orders\n", "2:1: a section is written [name]" },
    { HEAD "[]\n", "2:1: a section is written [name]" },
    { HEAD "[a[b]]\n", "2:1: a section is written [name]" },
    { HEAD "[order]\n", "2:1: there is no section [order]; did you mean [orders]?" },
    { HEAD "[request lst]\n", "2:1: there is no section [request lst]; did you mean [request list]?" },
    { HEAD "[errors  refesh]\n", "2:1: there is no section [errors refesh]; did you mean [errors refresh]?" },
    { HEAD "[zzzzzzzzzz]\n", "2:1: there is no section [zzzzzzzzzz]" },
    { "[channel]\n", "1:1: a section [channel] needs a name: [channel NAME]" },
    { "[channel A B]\n" LIST ORDERS, "1:10: a connector's name is made of a-z, 0-9, _ and -, at most 32 of them" },
    { HEAD HEAD, "2:1: [channel x] stands already in line 1" },
    { HEAD "[orders]\nSELECT 1\n[ orders ]\n", "4:1: [orders] stands already in line 2" },
    { HEAD "titel = x\n" LIST ORDERS, "2:1: [channel x] has no key titel; did you mean title?" },
    { HEAD "title = x\ntitle = y\n" LIST ORDERS, "3:1: title is set already in line 2" },
    { HEAD "\n  title\n", "3:1: an indented line with no value above it to go on with" },
    { HEAD "title\n", "2:1: expected key = value, [section] or a # comment" },
    { HEAD "title = a\x01\n", "2:1: a control character" },
    { HEAD "title = \xff\n", "2:1: not valid UTF-8 (or a NUL byte)" },
    { HEAD "every = 10\n" LIST ORDERS, "2:9: every is a duration from 5s to 1d" },
    { HEAD "every =\n  soon\n" LIST ORDERS, "3:3: every is a duration from 5s to 1d" },
    { HEAD "zone = CST\n" LIST ORDERS, "2:8: zone is written +08:00" },
    { HEAD "currency = RMB\n" LIST ORDERS, "2:12: currency is a code like CNY or USD" },
    { HEAD "counts_as_shipped = sent\n" LIST ORDERS, "2:21: counts_as_shipped is upload or pickup" },
    { HEAD "host = api.example.com\n" LIST ORDERS, "2:8: host is an address like https://api.example.com" },
    { HEAD ORDERS, "0:0: there is no [request list], no [files] and no [database]" },
    { HEAD LIST, "0:0: there is no section [orders]" },
    { HEAD "[request list]\nquery.a = 1\n" ORDERS, "3:1: [request list] begins with a line GET {host}/path (or POST, PUT, PATCH)" },
    { HEAD "[request list]\n" ORDERS, "2:1: [request list] begins with a line GET {host}/path (or POST, PUT, PATCH)" },
    { HEAD "[request list]\nGET /o\n" ORDERS, "3:1: [request list] begins with a line GET {host}/path (or POST, PUT, PATCH)" },
    { HEAD "[request list]\nHEAD {host}/o\n" ORDERS, "3:1: [request list] begins with a line GET {host}/path (or POST, PUT, PATCH)" },
    { HEAD "[request list]\nGET {host}/{shop}/o\n" ORDERS,
      "3:12: {shop} is neither host, nor in [settings], nor a var. of this request" },
    { HEAD "[request list]\nGET {host}/{shop\n" ORDERS, "3:12: a { that is not closed" },
    { HEAD LIST "walk = backward\n" ORDERS, "2:1: walk = backward needs a section [pages list]" },
    { HEAD LIST "walk = forward\n" ORDERS, "4:8: walk is cursor, backward or twice" },
    { HEAD LIST "page_size = 0\n" ORDERS, "4:13: page_size is a number from 1 to 5000" },
    { HEAD LIST "max_rps = fast\n" ORDERS, "4:11: max_rps is a number from 0.001 to 1000, with at most 3 decimals" },
    { HEAD LIST "quer.a = 1\n" ORDERS, "4:1: [request list] has no key quer.a; did you mean query.?" },
    { HEAD LIST "query. = 1\n" ORDERS, "4:1: [request list] has no key query.; did you mean query.?" },
    { HEAD LIST "body = '{}'\n" ORDERS, "2:1: [request list] is a GET, which has no body" },
    { HEAD "[request list]\nPOST {host}/o\nform.a = 1\nbody = 1\n" ORDERS,
      "5:1: a request has a body or form parameters, not both" },
    { HEAD LIST "var.a-b = 1\n" ORDERS, "4:1: the name of a variable is made of letters, digits and _" },
    { HEAD LIST "var.ts = 1\n" ORDERS, "4:1: :ts is known already; choose another name" },
    { HEAD LIST "query.a = :nn\n" ORDERS, "4:11: there is no parameter :nn here" },
    { HEAD LIST "query.a = :v\nvar.v = 1\n" ORDERS, "4:11: there is no parameter :v here" },
    { HEAD LIST "query.a = 1 +\n# in between\n  :page +\n\t  :pge\n" ORDERS, "7:4: there is no parameter :pge here" },
    { HEAD LIST "query.a =\n  :pge\n" ORDERS, "5:3: there is no parameter :pge here" },
    { HEAD LIST "query.a = :body\n" ORDERS, "4:11: there is no parameter :body here" },
    { HEAD LIST "query.a = lowr('x')\n" ORDERS, "4:11: no such function: lowr" },
    { HEAD LIST "query.a = secret('k')\n" ORDERS, "4:19: there is no k in [secrets]" },
    { HEAD "[secrets]\napp_key? = x\n" LIST "query.a = secret('app_ky')\n" ORDERS,
      "6:19: there is no app_ky in [secrets]; did you mean app_key?" },
    { HEAD "[secrets]\na = x\n" LIST "[orders]\nSELECT secret('a'), '$'\n", "7:8: the function secret() may not be used here" },
    { HEAD LIST "[orders]\nSELECT setting('zone'), '$'\n", "5:17: there is no zone in [settings]" },
    { HEAD LIST "[orders]\n-- 中文\n  SELECT '中', o.valeu FROM json_each(:body) AS o\n", "6:15: no such column: o.valeu" },
    { HEAD LIST "[orders]\nSELECT 'a' 'b' 'c' 'd'\n", "5:16: near \"'c'\": syntax error" },
    { HEAD LIST "[orders]\nSELECT 1; SELECT 2\n", "5:11: there is more than one statement" },
    { HEAD LIST "[orders]\nEXPLAIN SELECT 1\n", "5:1: only one SELECT may stand here" },
    { HEAD LIST "[orders]\n# nothing\n\n", "4:1: [orders] is empty" },
    { HEAD LIST "[orders]\nSELECT 1, 2, 3, 4\n", "4:1: [orders] gives 4 columns; its columns are: order, path, row" },
    { HEAD LIST ORDERS "[next list]\nSELECT 1, 2\n", "6:1: [next list] gives 2 columns; its columns are: the cursor" },
    { HEAD LIST ORDERS "[request detail]\nGET {host}/d\n", "6:1: [request detail] needs a section [ids list], which says what must be fetched" },
    { HEAD LIST ORDERS "[ids list]\nSELECT 1\n", "6:1: [ids list] needs a section [request detail], which fetches them" },
    { HEAD LIST ORDERS "[request refresh]\nGET {host}/d\n", "6:1: [request refresh] needs a section [tokens], which reads its answer" },
    { HEAD LIST ORDERS "[orders one]\nSELECT 1\n", "6:1: [orders one] needs a section [request one], whose answer it reads" },
    { HEAD LIST ORDERS "[errors merge]\nSELECT 'retry'\n", "6:1: [errors merge] needs a section [request merge], whose answers it reads" },
    { HEAD LIST ORDERS "[push]\nid = 1\n", "6:1: [push] needs verify, the expression that is 1 for a genuine push" },
    { HEAD LIST ORDERS "[push]\nverify = :bdy\n", "7:10: there is no parameter :bdy here" },
    { HEAD LIST ORDERS "[files]\nfolder = x\n", "6:1: [files] stands instead of requests, alone" },
    { HEAD ORDERS "[files]\nmatch = x\n", "4:1: [files] needs folder" },
    { HEAD ORDERS "[files]\nfolder = x\nformat = xml\n", "6:10: format is csv, json or ndjson" },
    { HEAD ORDERS "[database]\nfile = x\n", "4:1: [database] needs a section [query]" },
    { HEAD LIST ORDERS "[query]\nSELECT 1\n", "6:1: [query] needs a section [database], which names the file" },
    { HEAD LIST ORDERS "[example e]\nbody = {}\n", "6:1: [example e] needs section: what it is an example of" },
    { HEAD LIST ORDERS "[example e]\nsection = orders\nbdy = {}\n", "8:1: [example e] has no key bdy; did you mean body?" },
  };
  for (size_t i = 0; i < COUNT(t); i++) {
    struct arena a = { 0 };
    test_note("%s", t[i].text);
    CHECK_STR(fault_of(&a, t[i].text, strlen(t[i].text)), t[i].fault);
    arena_release(&a);
  }
}

static const char *file_of(struct arena *a, const char *before, const char *piece, size_t times, const char *behind)
{
  struct buf b = { 0 };
  buf_str(&b, before);
  for (size_t i = 0; i < times; i++) buf_str(&b, piece);
  buf_str(&b, behind);
  const char *text = arena_strn(a, b.data, b.len);
  buf_release(&b);
  return text;
}

TEST(connector_hostile_files_are_refused)
{
  static const struct {
    const char *before, *piece, *behind, *fault;
    size_t times;
  } t[] = {
    { HEAD LIST ORDERS, "# aaaaaaaaaaaaaaaa\n", "", "0:0: the file is longer than 1024 KB", 70000 },
    { HEAD LIST "[orders]\nSELECT ", "(", "", "5:20008: a parenthesis is not closed", 20000 },
    { HEAD LIST "query.a = 1", "+1", "\n" ORDERS, "4:11: it is longer than 100 KB", 60000 },
    { HEAD LIST "[orders]\nSELECT 1", " UNION ALL SELECT 1", "", "5:1: too many terms in compound SELECT", 4000 },
    { HEAD, "[", "\n", "2:1: a section is written [name]", 100000 },
    { HEAD "[secrets]\n", "aaaaaaaaaaaaaaaa", " = 1\n", "3:1: a key is too long", 50 },
    { HEAD LIST, "\n\n\n\n\n\n\n\n", "[x]", "80004:1: there is no section [x]", 10000 },
  };
  for (size_t i = 0; i < COUNT(t); i++) {
    struct arena a = { 0 };
    const char *text = file_of(&a, t[i].before, t[i].piece, t[i].times, t[i].behind);
    test_note("%s", t[i].fault);
    CHECK_STR(fault_of(&a, text, strlen(text)), t[i].fault);
    arena_release(&a);
  }
  struct arena a = { 0 };
  CHECK_STR(fault_of(&a, HEAD "title = a\0b\n", sizeof HEAD + 11), "2:1: not valid UTF-8 (or a NUL byte)");
  struct buf b = { 0 };
  buf_str(&b, HEAD LIST);
  for (int i = 0; i < 200; i++) buf_printf(&b, "query.p%d = 1\n", i);
  CHECK_STR(fault_of(&a, b.data, b.len), "132:1: more than 128 parameters");
  b.len = 0, buf_str(&b, HEAD);
  for (int i = 0; i < 300; i++) buf_printf(&b, "[example e%d]\n", i);
  CHECK_STR(fault_of(&a, b.data, b.len), "257:1: more than 256 sections");
  buf_release(&b), arena_release(&a);
}

TEST(connector_names_of_files)
{
  struct arena a = { 0 };
  struct connector_file f;
  const char *dir = test_dir(), *own = HEAD LIST ORDERS;
  REQUIRE(dir_make(arena_printf(&a, "%s/connectors", dir), 0700));
  REQUIRE(file_write(arena_printf(&a, "%s/connectors/shopee.channel", dir), own, strlen(own), 0600));
  REQUIRE(file_write(arena_printf(&a, "%s/out.channel", dir), own, strlen(own), 0600));
  CHECK(connector_load(&a, dir, "shopee", &f) && f.n == strlen(own) && !strcmp(f.text, own));
  CHECK(connector_load(&a, dir, "lazada", &f) && strstr(f.text, "[channel lazada]"));
  CHECK(connector_load(&a, NULL, "shopee", &f) && strstr(f.text, "[channel shopee]"));
  static const char *const bad[] = { "", "../out", "out", "/etc/passwd", "Shopee", "a.b", "a b", "nix",
                                     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" };
  for (size_t i = 0; i < COUNT(bad); i++) {
    test_note("%s", bad[i]);
    CHECK(!connector_load(&a, dir, bad[i], &f));
  }
  arena_release(&a);
}

/* ---- a connector under test ---------------------------------------------------------------------------------------- */
struct rig {
  struct arena a;
  struct connector *c;
  struct connector_box *b;
  struct connector_vars v;
  const char *const *secret; /* name, value, … NULL */
};

static const char *rig_secret(void *arg, const char *name)
{
  struct rig *r = arg;
  for (const char *const *s = r->secret; s && *s; s += 2)
    if (!strcmp(s[0], name)) return s[1];
  return NULL;
}

static const char *rig_setting(void *arg, const char *name)
{
  (void)arg;
  return !strcmp(name, "region") ? "a/b ü" : NULL;
}

static bool rig_open(struct rig *r, const char *text, const char *const *secrets)
{
  struct connector_fault f;
  const char *why = NULL;
  *r = (struct rig){ .secret = secrets };
  r->v = (struct connector_vars){ .now_ms = 1700000000123, .from_ms = 1699998200000, .to_ms = 1700000000000, .page = 1,
                                  .nonce = "f3b0c44298fc1c149afbf4c8996fb924" };
  r->c = connector_parse(&r->a, "x", text, strlen(text), &f);
  if (!r->c) test_note("%d:%d: %s in\n%s", f.line, f.column, f.why, text);
  else if (!(r->b = connector_open(r->c, &r->a, &why))) test_note("%s", why);
  if (r->b) connector_values(r->b, rig_secret, rig_setting, r);
  return CHECK(r->b);
}

static void rig_close(struct rig *r)
{
  connector_close(r->b);
  arena_release(&r->a);
}

static struct connector_answer answer(int status, const char *body)
{
  return (struct connector_answer){ .status = status, .body = body, .body_n = strlen(body) };
}

static const char *built(struct rig *r, const char *request, struct connector_call *call)
{
  const char *why = NULL;
  return connector_build(r->b, &r->a, request, &r->v, call, &why) ? call->url : why;
}

/* ---- requests ----------------------------------------------------------------------------------------------------------- */
TEST(connector_builds_in_the_order_of_the_file)
{
  static const char *const secrets[] = { "key", "hush/hush", "short", "x", NULL };
  struct rig r;
  struct connector_call call;
  REQUIRE(rig_open(&r,
                   HEAD "host = https://api.example.com/\n[secrets]\nkey = k\nshort? = s\ngone? = g\n[settings]\nregion = cn\nplain = p\n"
                   "[request list]\nPOST {host}/v1/{region}/{plain}/{day}?fixed=1\n"
                   "content_type = application/vnd.x+json\ntimeout = 7s\n"
                   "var.day = :from_s / 86400\nvar.three = 3\nquery.b = 'a b&c=ü+~'\nquery.none = NULL\nquery.n = :three * 2\nquery.f = 1.50\n"
                   "query.gone = secret('gone')\nquery.note = 'with ' || secret('key')\nheader.X-Path = :path\nheader.X-Url = :url\n"
                   "header.X-M = :method || :nonce\nheader.X-Page = :page || '/' || :page_size\nbody = :query\n"
                   "query.sign = md5('') IS NOT NULL\n" ORDERS, secrets));
  CHECK_STR(built(&r, "list", &call),
            "https://api.example.com/v1/a%2Fb%20%C3%BC/p/19675?fixed=1&b=a%20b%26c%3D%C3%BC%2B~&n=6&f=1.5&note=with%20hush%2Fhush&sign=1");
  CHECK_STR(call.shown,
            "POST https://api.example.com/v1/a%2Fb%20%C3%BC/p/19675?fixed=1&b=a%20b%26c%3D%C3%BC%2B~&n=6&f=1.5&note=***&sign=***");
  CHECK_STR(call.body, "{\"b\":\"a b&c=ü+~\",\"n\":\"6\",\"f\":\"1.5\",\"note\":\"with hush/hush\"}");
  CHECK_STR(call.content_type, "application/vnd.x+json");
  CHECK_INT(call.timeout_ms, 7000);
  REQUIRE(call.headers == 4);
  CHECK_STR(call.header[0].value, "/v1/a%2Fb%20%C3%BC/p/19675");
  CHECK_STR(call.header[1].value, "https://api.example.com/v1/a%2Fb%20%C3%BC/p/19675");
  CHECK_STR(call.header[2].value, "POSTf3b0c44298fc1c149afbf4c8996fb924");
  CHECK_STR(call.header[3].value, "1/50");
  rig_close(&r);
}

TEST(connector_builds_forms)
{
  struct rig r;
  struct connector_call call;
  REQUIRE(rig_open(&r, HEAD "[request list]\nPOST https://x.example/o\nform.a = '1 2'\nform.b = :form\n" ORDERS, NULL));
  CHECK_STR(built(&r, "list", &call), "https://x.example/o");
  CHECK_STR(call.body, "a=1%202&b=%7B%22a%22%3A%221%202%22%7D");
  CHECK_STR(call.content_type, "application/x-www-form-urlencoded");
  CHECK_STR(built(&r, "detail", &call), "x has no [request detail]");
  rig_close(&r);
}

TEST(connector_refuses_to_build)
{
  static const struct {
    const char *text, *host, *why;
  } t[] = {
    { LIST, NULL, "x.channel: [request list] has no host; the channel's configuration must give one" },
    { LIST, "ftp://x", "x.channel: [request list] would ask an address that is none" },
    { LIST, "https://x y", "x.channel: [request list] would ask an address that is none" },
    { LIST, "https://me@x.example", "x.channel: [request list] would ask an address that is none" },
    { LIST, "https://", "x.channel: [request list] would ask an address that is none" },
    { LIST, "https://x.example#a", "x.channel: [request list] would ask an address that is none" },
    { "[settings]\nsite =\n[request list]\nGET {host}/{site}\n", "http://x",
      "x.channel: [request list] needs {site} in its address, which is not set" },
    { "[secrets]\nkey = k\n" LIST "query.a = secret('key')\n", "http://x",
      "x.channel: [request list] needs the secret key, which is not set" },
    { LIST "query.a = md5('a')\n", "http://x",
      "x.channel: [request list] query.a gives a BLOB; hex() or base64() make a text of it" },
    { LIST "header.A = 'a' || char(13, 10) || 'B: c'\n", "http://x",
      "x.channel: [request list] the header A would hold a control character" },
    { LIST "query.a = 'a' || char(0)\n", "http://x", "x.channel: [request list] query.a gives a text that is no UTF-8" },
    { LIST "query.a = json_extract('{', '$.a')\n", "http://x", "x.channel:4: [request list] query.a: malformed JSON" },
  };
  for (size_t i = 0; i < COUNT(t); i++) {
    struct rig r;
    struct connector_call call;
    char text[1024];
    snprintf(text, sizeof text, HEAD "%s" ORDERS, t[i].text);
    REQUIRE(rig_open(&r, text, NULL));
    r.v.host = t[i].host;
    test_note("%s", text);
    CHECK_STR(built(&r, "list", &call), t[i].why);
    rig_close(&r);
  }
}

/* ---- signatures as the platforms publish them -------------------------------------------------------------------------------- */
static void quoted(struct buf *b, const char *text)
{
  buf_char(b, '\'');
  for (; *text; text++) buf_str(b, *text == '\'' ? "''" : (char[]){ *text, 0 });
  buf_char(b, '\'');
}

static const char *text_of(const struct json *j)
{
  return json_type(j) == JSON_NUMBER ? json_number(j) : json_string(j);
}

static const char *sign_of(struct arena *a, const char *service, const char *scheme, const struct json *in)
{
  if (!strcmp(service, "lazada")) return "hex(hmac_sha256(secret('s'), :path || sorted_query(:query)))";
  if (!strcmp(service, "shopee"))
    return arena_printf(a, "lower(hex(hmac_sha256(secret('s'), (:query ->> '$.partner_id') || :path || (:query ->> '$.timestamp')%s%s)))",
                        json_get(in, "access_token") ? " || (:query ->> '$.access_token')" : "",
                        json_get(in, "shop_id")       ? " || (:query ->> '$.shop_id')"
                        : json_get(in, "merchant_id") ? " || (:query ->> '$.merchant_id')"
                                                      : "");
  if (!strcmp(service, "douyin"))
    return arena_printf(a, "lower(hex(%s secret('s') || sorted_query(json_remove(:query, '$.sign_method')) || secret('s'))))",
                        strstr(scheme, "md5") ? "md5(" : "hmac_sha256(secret('s'),");
  if (!strcmp(service, "woocommerce"))
    return arena_printf(a, "base64(%s(secret('s') || '&', :method || '&' || urlencode(:url) || '&' || urlencode(sorted_query(:query, '=', '&', 'encode'))))",
                        strstr(scheme, "SHA256") ? "hmac_sha256" : "hmac_sha1");
  if (!strncmp(scheme, "md5", 3)) return "hex(md5(secret('s') || sorted_query(:query) || secret('s')))";
  return strstr(scheme, "sha256") ? "hex(hmac_sha256(secret('s'), sorted_query(:query)))" : "hex(hmac_md5(secret('s'), sorted_query(:query)))";
}

static void vector_run(const struct json *v)
{
  const char *service = json_string(json_get(v, "service")), *scheme = json_string(json_get(v, "scheme"));
  const struct json *in = json_get(v, "inputs"), *params = json_get(in, "params") ? json_get(in, "params") : in;
  const char *path = json_string(json_get(in, "path")), *url = json_string(json_get(in, "url"));
  const char *const secrets[] = { "s", json_string(json_get(v, "secret")), NULL };
  struct arena a = { 0 };
  struct buf b = { 0 };
  struct rig r;
  struct connector_call call;
  buf_printf(&b, HEAD "[secrets]\ns = the secret\n[request list]\nGET %s%s\n", url ? url : "https://x.example", url ? "" : path ? path : "/");
  for (const struct json *m = json_first(params); m; m = json_next(m))
    if (strcmp(json_key(m), "path") != 0) buf_printf(&b, "query.%s = ", json_key(m)), quoted(&b, text_of(m)), buf_char(&b, '\n');
  buf_printf(&b, "query.sign = %s\n" ORDERS, sign_of(&a, service, scheme, in));
  if (rig_open(&r, b.data, secrets)) {
    const char *made = built(&r, "list", &call), *sign = strstr(made, "&sign=");
    struct buf want = { 0 };
    const char *expected = json_string(json_get(v, "expected"));
    sandbox_urlencode(&want, expected, strlen(expected));
    test_note("%s: %s", json_string(json_get(v, "id")), made);
    CHECK_STR(sign ? sign + 6 : "none", want.data);
    buf_release(&want);
  }
  rig_close(&r), buf_release(&b), arena_release(&a);
}

TEST(connector_signs_as_published)
{
  static const char *const services[] = { "shopee", "lazada", "taobao", "jd", "pinduoduo", "douyin", "woocommerce" };
  struct arena a = { 0 };
  struct faults f = { .mem = &a };
  size_t n, ran = 0;
  char *text = file_read(&a, "../shared/reference/apis/vectors.json", 1 << 20, &n);
  if (!text) SKIP("the published vectors are not here");
  const struct json *vectors = json_get(json_parse(&a, text, n, JSON_ELEMENTS_MAX, &f), "vectors");
  for (const struct json *v = json_first(vectors); v; v = json_next(v))
    for (size_t i = 0; i < COUNT(services); i++)
      if (!strcmp(services[i], json_string(json_get(v, "service"))) && strncmp(json_string(json_get(v, "scheme")), "push", 4) != 0)
        vector_run(v), ran++;
  CHECK(ran >= 20);
  arena_release(&a);
}

/* ---- answers ------------------------------------------------------------------------------------------------------------------- */
#define SHOP HEAD LIST \
  "[errors]\nSELECT :body ->> '$.kind', :body ->> '$.code', :body ->> '$.msg', :body ->> '$.wait' WHERE :body -> '$.kind' IS NOT NULL\n" \
  "  UNION ALL SELECT 'retry', 'page', substr(:text, 1, 6), NULL WHERE :body IS NULL AND :status = 200 AND :text GLOB '<x>*'\n" \
  "[next list]\nSELECT :body ->> '$.next'\n" \
  "[orders]\nSELECT json_object('external_id', num_text(value, '$.id'), 'note', value ->> '$.note'), fullkey FROM json_each(:body, '$.orders')\n"

TEST(connector_judges_answers)
{
  static const struct {
    const char *request;
    int status;
    const char *header, *value, *body, *kind, *code, *message;
    int64_t wait;
  } t[] = {
    { "list", 200, NULL, NULL, "{\"orders\":[]}", "ok", "", "", 0 },
    { "list", 200, NULL, NULL, "{\"kind\":\"rate_limited\",\"code\":7,\"msg\":\"慢\",\"wait\":1500}", "rate_limited", "7", "慢", 1500 },
    { "list", 200, "retry-after", "3", "{\"kind\":\"rate_limited\"}", "rate_limited", "", "", 3000 },
    { "list", 200, "retry-after", "3", "{\"kind\":\"rate_limited\",\"wait\":\"-5\"}", "rate_limited", "", "", 3000 },
    { "list", 404, NULL, NULL, "{\"kind\":\"ok\"}", "ok", "", "", 0 },
    { "list", 404, NULL, NULL, "{\"kind\":null}", "refused", "connector_failed",
      "x.channel:5: [errors]: the kind NULL is none of rate_limited, auth_expired, not_found, refused, retry", 0 },
    { "list", 200, NULL, NULL, "{\"kind\":\"wrong\"}", "refused", "connector_failed",
      "x.channel:5: [errors]: the kind wrong is none of rate_limited, auth_expired, not_found, refused, retry", 0 },
    { "list", 429, "retry-after", "Tue, 14 Nov 2023 22:13:30 GMT", "{}", "rate_limited", "http_429", "HTTP 429: {}", 9877 },
    { "list", 429, "retry-after", "Tue, 14 Nov 2023 22:13:10 GMT", "{}", "rate_limited", "http_429", "HTTP 429: {}", 0 },
    { "list", 429, "retry-after", "999999999", "{}", "rate_limited", "http_429", "HTTP 429: {}", 86400000 },
    { "list", 429, "retry-after", "soon", "", "rate_limited", "http_429", "HTTP 429", 0 },
    { "list", 401, NULL, NULL, "{}", "auth_expired", "http_401", "HTTP 401: {}", 0 },
    { "list", 403, NULL, NULL, "{}", "refused", "http_403", "HTTP 403: {}", 0 },
    { "list", 404, NULL, NULL, "{}", "refused", "http_404", "HTTP 404: {}", 0 },
    { "one", 404, NULL, NULL, "{}", "not_found", "http_404", "HTTP 404: {}", 0 },
    { "list", 302, "location", "https://evil.example", "", "refused", "http_302",
      "HTTP 302, which points elsewhere; addresses are not followed", 0 },
    { "list", 503, NULL, NULL, "<html>busy", "retry", "http_503", "HTTP 503", 0 },
    { "list", 200, NULL, NULL, "<html>login", "retry", "not_json", "the answer is a page of HTML or XML, not JSON", 0 },
    { "list", 200, NULL, NULL, "<x>1", "retry", "page", "<x>1", 0 },
    { "list", 200, NULL, NULL, "", "retry", "not_json", "the answer is empty", 0 },
    { "list", 204, NULL, NULL, "", "retry", "not_json", "the answer is empty", 0 },
    { "refresh", 204, NULL, NULL, "", "ok", "", "", 0 },
    { "refresh", 200, NULL, NULL, "{", "retry", "not_json",
      "the answer is no JSON that can be taken: the document ends too early, at byte 1", 0 },
  };
  struct rig r;
  REQUIRE(rig_open(&r, SHOP, NULL));
  for (size_t i = 0; i < COUNT(t); i++) {
    struct http_field field = { t[i].header, t[i].value };
    struct connector_answer ans = answer(t[i].status, t[i].body);
    struct verdict v;
    ans.header = &field, ans.headers = t[i].header != NULL;
    connector_judge(r.b, &r.a, t[i].request, &ans, &r.v, &v);
    test_note("%s %d %s", t[i].request, t[i].status, t[i].body);
    CHECK_STR(verdict_name(v.kind), t[i].kind);
    CHECK_STR(v.code, t[i].code);
    CHECK_STR(v.message, t[i].message);
    CHECK_INT(v.retry_after_ms, t[i].wait);
  }
  rig_close(&r);
}

static void hostile(struct rig *r, const char *what, const char *body, size_t n, bool good)
{
  struct connector_answer ans = { .status = 200, .body = body, .body_n = n };
  struct connector_order *list;
  struct verdict v;
  const char *why = NULL, *cursor;
  size_t orders;
  connector_judge(r->b, &r->a, "list", &ans, &r->v, &v);
  test_note("%s: %s %s %s", what, verdict_name(v.kind), v.code, v.message);
  CHECK_INT(v.kind == VERDICT_OK, good);
  CHECK(good || (*v.code && *v.message && utf8_valid(v.message, strlen(v.message)) && strlen(v.message) < 1000));
  bool mapped = connector_orders(r->b, &r->a, "orders", &ans, &r->v, &list, &orders, &why);
  CHECK(mapped ? !why : why && *why && !strncmp(why, "x.channel:", 10));
  CHECK(good || !mapped || !orders);
  connector_next(r->b, &r->a, "list", &ans, &r->v, &cursor, &why);
}

static void hostile_long(struct rig *r, const char *what, const char *before, const char *piece, size_t times, const char *behind,
                         bool good)
{
  struct arena a = { 0 };
  const char *text = file_of(&a, before, piece, times, behind);
  hostile(r, what, text, strlen(text), good);
  arena_release(&a);
}

TEST(connector_survives_hostile_answers)
{
  struct rig r;
  REQUIRE(rig_open(&r, SHOP, NULL));
  hostile_long(&r, "depth", "{\"orders\":", "[", 100000, "", false);
  hostile_long(&r, "depth, closed", "", "[", 40, "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", false);
  hostile_long(&r, "10 MB", "{\"orders\":[\"", "aaaaaaaaaa", 1 << 20, "\"]}", false);
  hostile_long(&r, "elements", "{\"orders\":[1", ",1", 500000, "]}", false);
  hostile_long(&r, "rows", "{\"orders\":[{}", ",{}", 6000, "]}", true);
  hostile_long(&r, "a long number", "{\"orders\":[{\"id\":1", "0", 100000, "}]}", true);
  hostile_long(&r, "a long name", "{\"orders\":[{\"", "n", 100000, "\":1}]}", true);
  hostile_long(&r, "spaces", "{\"orders\":[", " ", 1000000, "]}", true);
  static const struct {
    const char *what, *body;
    size_t n;
    bool good;
  } t[] = {
#define B(text) text, sizeof text - 1
    { "NUL", B("{\"orders\":[\0]}"), false },
    { "NUL escaped", B("{\"orders\":[{\"id\":\"\\u0000\"}]}"), false },
    { "no UTF-8", B("{\"orders\":[\"\xff\xfe\"]}"), false },
    { "overlong", B("{\"orders\":[\"\xc0\xaf\"]}"), false },
    { "half a surrogate", B("{\"orders\":[\"\\ud800\"]}"), false },
    { "duplicate key", B("{\"orders\":[],\"orders\":[1]}"), false },
    { "duplicate key, escaped", B("{\"orders\":[],\"\\u006frders\":[1]}"), false },
    { "truncated", B("{\"orders\":[{\"id\":1"), false },
    { "behind the end", B("{\"orders\":[]} {}"), false },
    { "NaN", B("{\"orders\":[NaN]}"), false },
    { "a bare word", B("hello"), false },
    { "HTML", B(" \n<!DOCTYPE html><html>"), false },
    { "XML with a mark", B("\xef\xbb\xbf<?xml version=\"1.0\"?>"), false },
    { "1e400", B("{\"orders\":[{\"id\":1e400,\"note\":1e400}]}"), true },
    { "-0", B("{\"orders\":[{\"id\":-0}]}"), true },
    { "wrong type: text", B("{\"orders\":\"none\"}"), true },
    { "wrong type: number", B("{\"orders\":7}"), true },
    { "wrong type: null", B("{\"orders\":null}"), true },
    { "wrong type: object", B("{\"orders\":{\"a.b\":{\"id\":1},\"c\\\"d\":{\"id\":2},\"\":3}}"), true },
    { "wrong type: rows", B("{\"orders\":[1,\"a\",null,[],{}]}"), true },
    { "an array", B("[1,2]"), true },
    { "a scalar", B("7"), true },
    { "deep next", B("{\"next\":{\"a\":[1]}}"), true },
#undef B
  };
  for (size_t i = 0; i < COUNT(t); i++) hostile(&r, t[i].what, t[i].body, t[i].n, t[i].good);
  rig_close(&r);
}

static const char *next_of(struct rig *r, const char *body)
{
  struct connector_answer ans = answer(200, body);
  const char *cursor = NULL, *why = NULL;
  return connector_next(r->b, &r->a, "list", &ans, &r->v, &cursor, &why) ? cursor ? cursor : "(last)" : why;
}

TEST(connector_pages_and_ids)
{
  struct rig r;
  REQUIRE(rig_open(&r, HEAD LIST "walk = backward\n" ORDERS
                   "[next list]\nSELECT :body ->> '$.next' WHERE :body ->> '$.more'\n[pages list]\nSELECT :body ->> '$.pages'\n"
                   "[request detail]\nGET {host}/d\n[ids list]\nSELECT num_text(value, '$.id'), value -> '$.row', value -> '$.at' FROM json_each(:body, '$.ids')\n",
                   NULL));
  CHECK_STR(next_of(&r, "{\"more\":true,\"next\":\"c2\"}"), "c2");
  CHECK_STR(next_of(&r, "{\"more\":true,\"next\":9007199254740993}"), "9007199254740993");
  CHECK_STR(next_of(&r, "{\"more\":true,\"next\":\"\"}"), "(last)");
  CHECK_STR(next_of(&r, "{\"more\":true,\"next\":null}"), "(last)");
  CHECK_STR(next_of(&r, "{\"more\":false,\"next\":\"c\"}"), "(last)");
  static const struct {
    const char *body, *why;
    int64_t pages;
  } t[] = {
    { "{\"pages\":3}", NULL, 3 }, { "{\"pages\":\"4\"}", NULL, 4 }, { "{\"pages\":2.0}", NULL, 2 }, { "{\"pages\":0}", NULL, 1 },
    { "{}", NULL, 1 }, { "{\"pages\":\"many\"}", "x.channel:10: [pages list]: the number of pages is no number", 0 },
  };
  for (size_t i = 0; i < COUNT(t); i++) {
    struct connector_answer ans = answer(200, t[i].body);
    int64_t pages = 0;
    const char *why = NULL;
    test_note("%s", t[i].body);
    CHECK_INT(connector_pages(r.b, &r.a, &ans, &r.v, &pages, &why), !t[i].why);
    CHECK_STR(why, t[i].why);
    if (!t[i].why) CHECK_INT(pages, t[i].pages);
  }
  struct connector_answer ans = answer(200, "{\"ids\":[{\"id\":12345678901234567890,\"row\":{\"a\":[1, 2]},\"at\":17},{\"id\":\"B\"}]}");
  struct connector_id *id = NULL;
  size_t n = 0;
  const char *why = NULL;
  CHECK(connector_ids(r.b, &r.a, "ids list", &ans, &r.v, &id, &n, &why));
  REQUIRE(n == 2);
  CHECK_STR(id[0].id, "12345678901234567890");
  CHECK_STR(id[0].row, "{\"a\":[1,2]}");
  CHECK_INT(id[0].updated_ms, 17);
  CHECK_STR(id[1].id, "B");
  CHECK_STR(id[1].row, NULL);
  ans = answer(200, "{\"ids\":[{\"id\":null}]}");
  CHECK(!connector_ids(r.b, &r.a, "ids list", &ans, &r.v, &id, &n, &why));
  CHECK_STR(why, "x.channel:14: [ids list]: an id is NULL, empty or longer than 200 bytes");
  rig_close(&r);
}

/* ---- rows, byte for byte, and again ------------------------------------------------------------------------------------------------ */
static void check_again(struct rig *r, const struct connector_order *list, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    struct connector_order again = { 0 };
    const char *why = NULL;
    bool ok = connector_again(r->b, &r->a, list[i].raw, list[i].raw_n, &r->v, &again, &why);
    test_note("%s: %s", list[i].raw, ok ? again.order : why);
    if (CHECK(ok)) CHECK_STR(again.order, list[i].order);
  }
}

TEST(connector_keeps_the_bytes_of_a_row)
{
  static const struct {
    const char *orders, *body, *raw[3];
  } t[] = {
    { "SELECT json_object('external_id', num_text(value, '$.id'), 'n', value ->> '$.n'), fullkey FROM json_each(:body, '$.orders')",
      "{\"a\":[{\"id\":1}], \"orders\" : [ {\"id\" :  12345678901234567890 , \"n\":\"\\u4e2d\\\"\\\\\"}\n ,\t{\"n\":1.50e2,\"id\":\"B\"}]}",
      { "{\"at\":\"$.orders[0]\",\"order\":{\"id\" :  12345678901234567890 , \"n\":\"\\u4e2d\\\"\\\\\"}}",
        "{\"at\":\"$.orders[1]\",\"order\":{\"n\":1.50e2,\"id\":\"B\"}}" } },
    { "SELECT json_object('external_id', atom), fullkey FROM json_tree(:body) WHERE atom IS NOT NULL",
      "{\"a b\":{\"中\":[[\"x\"],{\"q\\\"r\":[\"y]}\"]}]},\"e\\u0041\":2}",
      { "{\"at\":\"$.\\\"a b\\\".\\\"中\\\"[0][0]\",\"order\":\"x\"}", "{\"at\":\"$.\\\"a b\\\".\\\"中\\\"[1].\\\"q\\\\\\\"r\\\"[0]\",\"order\":\"y]}\"}",
        "{\"at\":\"$.\\\"e\\\\u0041\\\"\",\"order\":2}" } },
    { "SELECT json_object('external_id', :body ->> '$.id'), '$'", " {\"id\": 7} ", { "{\"at\":\"$\",\"order\":{\"id\": 7}}" } },
    { "SELECT json_object('external_id', value), '$.nothing[3]' FROM json_each(:body)", "[1,2]",
      { "{\"at\":\"$\",\"n\":0,\"order\":[1,2]}", "{\"at\":\"$\",\"n\":1,\"order\":[1,2]}" } },
    { "SELECT json_object('external_id', value ->> '$.id', 'row', :rows -> '$[0].k'), fullkey, :rows -> '$[0]' FROM json_each(:body)",
      "[{\"id\":\"A\"}]", { "{\"at\":\"$[0]\",\"row\":{\"k\":5},\"order\":{\"id\":\"A\"}}" } },
    { "SELECT json_object('external_id', min(value ->> '$.no'), 'pieces', sum(value ->> '$.n')), json_group_array(fullkey) "
      "FROM json_each(:body) GROUP BY value ->> '$.no'",
      "[{\"no\":\"A\",\"n\":1},{\"no\":\"B\",\"n\":2}, {\"no\":\"A\", \"n\":4}]",
      { "{\"at\":[\"$[0]\",\"$[2]\"],\"order\":[{\"no\":\"A\",\"n\":1},{\"no\":\"A\", \"n\":4}]}",
        "{\"at\":[\"$[1]\"],\"order\":[{\"no\":\"B\",\"n\":2}]}" } },
  };
  for (size_t i = 0; i < COUNT(t); i++) {
    struct rig r;
    struct connector_order *list = NULL;
    struct connector_answer ans = answer(200, t[i].body);
    size_t n = 0;
    const char *why = NULL;
    char text[2048];
    snprintf(text, sizeof text, HEAD LIST "[orders]\n%s\n", t[i].orders);
    REQUIRE(rig_open(&r, text, NULL));
    r.v.rows = "[{\"k\": 5}]";
    bool ok = connector_orders(r.b, &r.a, "orders", &ans, &r.v, &list, &n, &why);
    test_note("%s: %s", t[i].body, ok ? "" : why);
    CHECK(ok);
    size_t want = 0;
    while (want < COUNT(t[i].raw) && t[i].raw[want]) want++;
    CHECK_INT(n, want);
    for (size_t k = 0; k < n && k < want; k++) CHECK_STR(list[k].raw, t[i].raw[k]);
    r.v.rows = NULL;
    check_again(&r, list, n);
    rig_close(&r);
  }
}

/* Thousands of rows, each found without reading the page again; more than the inbox may hold of one page is refused. */
TEST(connector_cuts_a_large_page)
{
  struct rig r;
  struct arena a = { 0 };
  struct connector_order *list = NULL;
  size_t n = 0;
  const char *why = NULL;
  REQUIRE(rig_open(&r, HEAD LIST "[orders]\nSELECT json_object('external_id', 'A'), fullkey FROM json_each(:body, '$.o') ORDER BY key DESC\n", NULL));
  const char *body = file_of(&a, "{\"o\":[{}", ",{\"note\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}", 4999, "]}");
  struct connector_answer ans = answer(200, body);
  CHECK(connector_orders(r.b, &r.a, "orders", &ans, &r.v, &list, &n, &why));
  REQUIRE(n == 5000);
  CHECK_STR(list[4999].raw, "{\"at\":\"$.o[0]\",\"order\":{}}");
  rig_close(&r);
  REQUIRE(rig_open(&r, HEAD LIST "[orders]\nSELECT json_object('external_id', 'A') FROM json_each(:body, '$.o')\n", NULL));
  CHECK(!connector_orders(r.b, &r.a, "orders", &ans, &r.v, &list, &n, &why));
  CHECK_STR(why, "x.channel:5: [orders]: the paths of its rows are not in the answer; give o.fullkey of json_each");
  rig_close(&r), arena_release(&a);
}

TEST(connector_orders_that_are_none)
{
  static const struct {
    const char *sql, *why;
  } t[] = {
    { "SELECT NULL", "x.channel:5: [orders]: order 1 is no JSON object without duplicate keys (json_object() gives one)" },
    { "SELECT '[]'", "x.channel:5: [orders]: order 1 is no JSON object without duplicate keys (json_object() gives one)" },
    { "SELECT json_object('a', 1, 'a', 2)", "x.channel:5: [orders]: order 1 is no JSON object without duplicate keys (json_object() gives one)" },
    { "SELECT '{}', '$', 'x'", "x.channel:5: [orders]: the row of order 1 is no JSON text" },
    { "SELECT json_extract(:text, 'x')", "x.channel:5: [orders]: bad JSON path: 'x'" },
    { "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT '{}' FROM n", NULL },
  };
  for (size_t i = 0; i < COUNT(t); i++) {
    struct rig r;
    struct connector_order *list;
    struct connector_answer ans = answer(200, "{}");
    size_t n;
    const char *why = NULL;
    char text[512];
    snprintf(text, sizeof text, HEAD LIST "[orders]\n%s\n", t[i].sql);
    REQUIRE(rig_open(&r, text, NULL));
    CHECK(!connector_orders(r.b, &r.a, "orders", &ans, &r.v, &list, &n, &why));
    if (t[i].why) CHECK_STR(why, t[i].why);
    else CHECK(!strncmp(why, "x.channel:5: [orders]: it ", 26));
    rig_close(&r);
  }
}

TEST(connector_again_of_what_was_not_kept)
{
  static const char *const bad[] = { "", "{}", "[]", "7", "{\"at\":\"$\"}", "{\"at\":7,\"order\":1}", "{\"at\":\"x\",\"order\":1}",
                                     "{\"at\":[],\"order\":[]}", "{\"at\":\"$[\",\"order\":1}", "{\"at\":\"$.a\",\"order\":",
                                     "{\"at\":\"$.\\\"\\\\u0022\",\"order\":1}", "{\"at\":\"$.orders[0]\",\"order\":{},\"n\":5}",
                                     "{\"at\":\"$.other[0]\",\"order\":{}}" };
  struct rig r;
  REQUIRE(rig_open(&r, SHOP, NULL));
  for (size_t i = 0; i < COUNT(bad); i++) {
    struct connector_order out = { 0 };
    const char *why = NULL;
    test_note("%s", bad[i]);
    CHECK(!connector_again(r.b, &r.a, bad[i], strlen(bad[i]), &r.v, &out, &why));
    CHECK(why && *why);
  }
  struct connector_order out = { 0 };
  const char *why = NULL, *page = "{\"at\":\"$\",\"call\":\"list\",\"order\":{\"orders\":[{\"id\":1},{\"id\":2}]}}";
  CHECK(!connector_again(r.b, &r.a, page, strlen(page), &r.v, &out, &why));
  CHECK_STR(why, "x.channel:10: [orders]: what was kept holds 2 orders, not one");
  rig_close(&r);
}

/* ---- tokens, groups, pages of details ------------------------------------------------------------------------------------------------- */
TEST(connector_tokens_and_groups)
{
  struct rig r;
  REQUIRE(rig_open(&r, HEAD "[secrets]\naccess = a\nrefresh? = r\n" LIST ORDERS
                   "[request refresh]\nGET {host}/t\n[tokens]\nSELECT key, value, :body ->> '$.in' FROM json_each(:body, '$.t')\n"
                   "[request merge]\nGET {host}/m\n[groups merge]\nSELECT value ->> 0, value ->> 1 FROM json_each(:body)\n", NULL));
  struct connector_token *token = NULL;
  struct connector_group *group = NULL;
  size_t n = 0;
  const char *why = NULL;
  struct connector_answer ans = answer(200, "{\"t\":{\"access\":\"A1\",\"refresh\":\"R1\"},\"in\":14400000}");
  CHECK(connector_tokens(r.b, &r.a, &ans, &r.v, &token, &n, &why));
  REQUIRE(n == 2);
  CHECK_STR(token[0].value, "A1");
  CHECK_INT(token[1].expires_in_ms, 14400000);
  ans = answer(200, "{\"t\":{\"acces\":\"A1\"}}");
  CHECK(!connector_tokens(r.b, &r.a, &ans, &r.v, &token, &n, &why));
  CHECK_STR(why, "x.channel:12: [tokens]: the token acces is not in [secrets]");
  ans = answer(200, "{\"t\":{\"access\":null}}");
  CHECK(!connector_tokens(r.b, &r.a, &ans, &r.v, &token, &n, &why));
  CHECK_STR(why, "x.channel:12: [tokens]: the answer holds no value for access");
  ans = answer(200, "{}");
  CHECK(!connector_tokens(r.b, &r.a, &ans, &r.v, &token, &n, &why));
  CHECK_STR(why, "x.channel:12: [tokens]: the answer holds no token");
  ans = answer(200, "[[1,\"A\"],[1,\"B\"],[2,\"C\"]]");
  CHECK(connector_groups(r.b, &r.a, &ans, &r.v, &group, &n, &why));
  REQUIRE(n == 3);
  CHECK_STR(group[1].group, "1");
  CHECK_STR(group[2].external_id, "C");
  rig_close(&r);
}

TEST(connector_details_of_several_pages)
{
  struct rig r;
  struct connector_order *list = NULL;
  size_t n = 0;
  const char *why = NULL;
  REQUIRE(rig_open(&r, HEAD LIST "[ids list]\nSELECT 1\n[request detail]\nGET {host}/d\n[next detail]\nSELECT :body ->> '$.next'\n"
                   "[orders]\nSELECT json_object('external_id', value ->> '$.o.id'), fullkey FROM json_each(:body)\n", NULL));
  struct connector_answer ans = answer(200, " {\"o\":{\"id\":1},\"next\":\"b\"}");
  const char *cursor = NULL;
  CHECK(connector_next(r.b, &r.a, "detail", &ans, &r.v, &cursor, &why));
  CHECK_STR(cursor, "b");
  CHECK(connector_orders(r.b, &r.a, "orders", &ans, &r.v, &list, &n, &why));
  REQUIRE(n == 1);
  CHECK_STR(list[0].raw, "{\"at\":\"$[0]\",\"order\":{\"o\":{\"id\":1},\"next\":\"b\"}}");
  check_again(&r, list, n);
  ans = answer(200, "[{\"o\":{\"id\":1}},{\"o\":{\"id\":2}}]");
  CHECK(connector_orders(r.b, &r.a, "orders", &ans, &r.v, &list, &n, &why));
  CHECK_INT(n, 2);
  rig_close(&r);
}

/* ---- pushes ------------------------------------------------------------------------------------------------------------------------------ */
static bool genuine(struct rig *r, const char *url, const char *name, const char *value, const char *body, struct connector_push *out)
{
  struct http_field field[] = { { name, value }, { "content-type", "application/x-www-form-urlencoded" } };
  struct connector_answer push = { .status = 200, .header = field, .headers = 2, .body = body, .body_n = strlen(body) };
  const char *why = NULL;
  bool ok = connector_push(r->b, &r->a, url, &push, &r->v, out, &why);
  test_note("%s: %s", value, ok ? "" : why);
  CHECK(ok);
  return out->genuine;
}

TEST(connector_verifies_pushes)
{
  static const char *const shopee[] = { "key", "shpk-fictional-partner-key-0123456789", NULL }, *const shopify[] = { "key", "hush", NULL };
  static const char body[] = "{\"data\":{\"ordersn\":\"220810QSK8S7BX\",\"status\":\"PROCESSED\",\"completed_scenario\":\"\",\"update_time\":1660123127,"
                             "\"items\":[]},\"shop_id\":727720655,\"code\":3,\"timestamp\":1660123127}";
  struct connector_push p;
  struct rig r;
  REQUIRE(rig_open(&r, HEAD "[secrets]\nkey = k\n" LIST ORDERS
                   "[push]\nverify = same(lower(hex(hmac_sha256(secret('key'), :url || '|' || :text))), :headers ->> '$.authorization')\n"
                   "id = :body ->> '$.data.ordersn'\nat = :body ->> '$.timestamp' * 1000\nreply = {}\nreply_type = application/json\n"
                   "[ids push]\nSELECT :body ->> '$.data.ordersn'\n", shopee));
  r.v.now_ms = 1660123127000 + 4 * 60000;
  const char *url = "https://oms.example.com/hook/shopee", *sign = "21854638afce5a49781ec6ffc34a772d33c1542a49e5d1ed48a878a7b769e85c";
  CHECK(genuine(&r, url, "authorization", sign, body, &p) && p.recent);
  CHECK_STR(p.id, "220810QSK8S7BX");
  CHECK_STR(p.reply, "{}");
  CHECK_STR(p.reply_type, "application/json");
  struct connector_answer push = answer(200, body);
  struct connector_id *id = NULL;
  size_t n = 0;
  const char *why = NULL;
  CHECK(connector_ids(r.b, &r.a, "ids push", &push, &r.v, &id, &n, &why) && n == 1);
  r.v.now_ms += 60000;
  CHECK(genuine(&r, url, "authorization", sign, body, &p) && !p.recent);
  r.v.now_ms -= 10 * 60000 + 1000;
  CHECK(genuine(&r, url, "authorization", sign, body, &p) && !p.recent);
  CHECK(!genuine(&r, url, "authorization", "21854638afce5a49781ec6ffc34a772d33c1542a49e5d1ed48a878a7b769e85d", body, &p));
  CHECK(!genuine(&r, "https://oms.example.com/hook/shopee/", "authorization", sign, body, &p));
  CHECK(!genuine(&r, url, "x-other", sign, body, &p));
  CHECK(!genuine(&r, url, "authorization", sign, "", &p));
  CHECK(!genuine(&r, url, "authorization", sign, "not json \xff", &p));
  r.secret = NULL;
  struct connector_push none;
  CHECK(!connector_push(r.b, &r.a, url, &push, &r.v, &none, &why));
  CHECK_STR(why, "the secret key is not set");
  rig_close(&r);
  REQUIRE(rig_open(&r, HEAD "[secrets]\nkey = k\n" LIST ORDERS
                   "[push]\nverify = same(base64(hmac_sha256(secret('key'), :text)), :headers ->> '$.x-shopify-hmac-sha256')\n", shopify));
  CHECK(genuine(&r, url, "x-shopify-hmac-sha256", "hMTq0K2x7oyOjoBwGYeTj5oxfnaVYXzbanUG9aajpKI=", "\"my secret message\"", &p) && p.recent && !p.id);
  rig_close(&r);
  REQUIRE(rig_open(&r, HEAD LIST ORDERS "[push]\nverify = :query ->> '$.a b' = 'c+d' AND :form ->> '$.x' = '{\"y\": 1}' AND :path = '/p'\n", NULL));
  CHECK(genuine(&r, "https://x.example/p?a%20b=c%2Bd&a+b=2", "x", "y", "x=%7B%22y%22%3A+1%7D&z", &p));
  rig_close(&r);
}

/* ---- tills ---------------------------------------------------------------------------------------------------------------------------------- */
TEST(connector_rows_of_files)
{
  static const struct {
    const char *format, *text, *json, *why;
  } t[] = {
    { "csv", "a,b\n1,\"x \"\"y\"\"\"\n\n2\n", "[{\"a\":\"1\",\"b\":\"x \\\"y\\\"\"},{\"a\":\"2\",\"b\":\"\"}]", NULL },
    { "csv", "\xef\xbb\xbf" "a,a,,a\n1,2,3,4\n", "[{\"a\":\"1\",\"a 2\":\"2\",\"column 3\":\"3\",\"a 3\":\"4\"}]", NULL },
    { "csv", "\xb5\xa5\xba\xc5,n\n\xb2\xe8,1\n", "[{\"单号\":\"茶\",\"n\":\"1\"}]", NULL },
    { "csv", "a\n1,2\n", NULL, "line 2: more cells than the header has" },
    { "csv", "a\n\"1\n", NULL, "line 2: a quote is opened and not closed" },
    { "csv", "", "[]", NULL },
    { "json", " [ {\"a\" : 1} ] ", "[ {\"a\" : 1} ]", NULL },
    { "json", "{\"a\":[1]}", "[{\"a\":[1]}]", NULL },
    { "json", "7", NULL, "line 1: neither an array nor an object" },
    { "json", "[1", NULL, "line 1: no JSON: the document ends too early, at byte 2" },
    { "ndjson", "{\"a\":1}\r\n\n{\"a\":2}", "[{\"a\":1},{\"a\":2}]", NULL },
    { "ndjson", "{\"a\":1}\n{\"a\":\n", NULL, "line 2: no JSON: the document ends too early, at byte 5" },
    { "ndjson", "", "[]", NULL },
  };
  for (size_t i = 0; i < COUNT(t); i++) {
    struct arena a = { 0 };
    const char *json = NULL, *why = NULL;
    size_t n = 0;
    bool ok = connector_file_rows(&a, t[i].format, t[i].text, strlen(t[i].text), &json, &n, &why);
    test_note("%s %s", t[i].format, t[i].text);
    CHECK_STR(why, t[i].why);
    if (ok) CHECK_MEM(json, n, t[i].json, strlen(t[i].json));
    arena_release(&a);
  }
}

/* ---- examples that are wrong say where ------------------------------------------------------------------------------------------------------------ */
static void note_text(void *arg, const char *example, bool ok, const char *text)
{
  buf_printf(arg, "%s %d %s\n", example, ok, text);
}

TEST(connector_examples_that_differ)
{
  static const struct {
    const char *example, *want;
  } t[] = {
    { "section = next list\nbody = {\"next\":\"b\"}\nexpect = [\"b\"]", "e 1 ok\n" },
    { "section = next list\nbody = {\"next\":\"b\"}\nexpect = [[\"c\"]]", "e 0 x.channel:13: /0/0 is \"b\", expected \"c\"\n" },
    { "section = next list\nbody = {\"next\":\"b\"}\nexpect = [", "e 0 x.channel:13: expect is no JSON: the document ends too early, at byte 1\n" },
    { "section = next list\nbody = <html>", "e 0 x.channel:13: the answer is judged retry: not_json the answer is a page of HTML or XML, not JSON\n" },
    { "section = pages list\nbody = {}", "e 0 x.channel:13: there is no section [pages list]\n" },
    { "section = orders\nbody = {\"orders\":[{\"id\":7}]}\nexpect = [{\"external_id\":\"7\",\"status\":\"paid\"}]",
      "e 0 x.channel:13: /0/status is null, expected \"paid\"\n" },
    { "section = orders\nbody = {\"orders\":[{\"id\":7}]}\nexpect = [{\"note\":\"x\"}]", "e 0 x.channel:13: /0/note is null, expected \"x\"\n" },
    { "section = orders\nbody = {\"orders\":[]}", "e 0 x.channel:13: the answer gives no order\n" },
    { "section = orders\nbody = {\"orders\":[]}\nexpect = []", "e 1 ok\n" },
    { "section = errors\nbody = {\"kind\":\"odd\"}",
      "e 0 x.channel:13: x.channel:5: [errors]: the kind odd is none of rate_limited, auth_expired, not_found, refused, retry\n" },
    { "section = request list\nhost = https://h.example\nexpect = {\"url\":\"https://h.example/o\"}", "e 1 ok\n" },
    { "section = request list\nhost = https://h.example\nexpect = {\"url\":\"https://h.example/\"}",
      "e 0 x.channel:13: url is https://h.example/o, expected https://h.example/\n" },
    { "section = request list\nhost = https://h.example\nexpect = {\"headers\":{\"A\":\"1\"}}",
      "e 0 x.channel:13: the header A is missing, expected 1\n" },
    { "section = request list\nnow = today", "e 0 x.channel:13: now is no time: write 2026-01-01T08:00:00+08:00\n" },
  };
  for (size_t i = 0; i < COUNT(t); i++) {
    struct arena a = { 0 };
    struct buf told = { 0 };
    struct connector_fault f;
    const char *why = NULL, *text = arena_printf(&a, SHOP "\n\n[example e]\n%s\n", t[i].example);
    struct connector *c = connector_parse(&a, "x", text, strlen(text), &f);
    if (!c) test_note("%d:%d: %s", f.line, f.column, f.why);
    REQUIRE(c);
    connector_test(c, &a, note_text, &told, &why);
    test_note("%s", t[i].example);
    CHECK_STR(told.data, t[i].want);
    buf_release(&told), arena_release(&a);
  }
}

/* What a mapping reads beside its row cannot be read again: its author is told. */
TEST(connector_mapping_that_reads_beside_its_row)
{
  struct arena a = { 0 };
  struct buf told = { 0 };
  struct connector_fault f;
  const char *why = NULL;
  static const char text[] = HEAD LIST
    "[orders]\nSELECT json_object('external_id', value ->> '$.id', 'status', :body ->> '$.state', 'placed_at', '2026-01-01T00:00:00Z', 'currency', 'CNY',"
    "'total', '1.00', 'lines', json('[{\"line_id\":\"1\",\"sku\":\"S\",\"title\":\"T\",\"quantity\":1,\"price\":\"1.00\"}]'),"
    "'receiver', json('{\"name\":\"林\",\"phone\":\"13800000000\",\"country\":\"CN\",\"address\":\"示例路1号\"}')), fullkey FROM json_each(:body, '$.o')\n"
    "[example e]\nsection = orders\nbody = {\"state\":\"paid\",\"o\":[{\"id\":\"A\"}]}\n";
  struct connector *c = connector_parse(&a, "x", text, strlen(text), &f);
  REQUIRE(c);
  CHECK_INT(connector_test(c, &a, note_text, &told, &why), 1);
  CHECK(strstr(told.data, "order 0 mapped again from what is kept of it differs: /status is null, expected \"paid\""));
  if (!strstr(told.data, "differs")) test_note("%s", told.data), CHECK(false);
  buf_release(&told), arena_release(&a);
}
