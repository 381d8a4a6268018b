/* Connector files: read, refused with line and column; requests against signing vectors; examples. */
#include "connector_rig.h"
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
    { "[messenger x]\n[request send]\nPOST {host}/s\nbody = :what\n", "right" },
    { "[messenger x]\nhost = smtps://mail.example.com\n[request send]\nMAIL {host}\nbody = :what\n", "right" },
    { "[messenger x]\n", "0:0: there is no request and no [push]" },
    { "[messenger x]\nfamily = y\n", "2:1: [messenger x] has no key family" },
    { "[messenger x]\n[request make]\nPOST {host}/s\n", "2:1: a messenger has no [request make]" },
    { "[factory x]\n[request make]\nPOST {host}/s\n" ORDERS, "4:1: a factory has no [orders]" },
    { "[factory x]\n[request make]\nPOST {host}/s\n[events]\nSELECT 1\n",
      "4:1: [events] needs a section [push], which says whether a callback is genuine" },
    { "[carrier x]\n[request trace]\nPOST {host}/s\n",
      "2:1: [request trace] needs a section [events trace], which reads its answer" },
    { "[carrier x]\n[request waybill]\nPOST {host}/s\n[result void]\nSELECT '{}'\n",
      "4:1: [result void] needs a section [request void], whose answers it reads" },
    { HEAD LIST ORDERS "[request send]\nPOST {host}/s\n", "6:1: a channel has no [request send]" },
    { HEAD "[request list]\nMAIL {host}\n" ORDERS,
      "3:1: [request list] begins with a line GET {host}/path (or POST, PUT, PATCH)" },
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
