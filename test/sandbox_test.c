/* Connectors' SQL: each function by a table, each trick refused with a sentence, each blow-up ended. */
#include "store.h"
#include "test.h"
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *secret_of(void *arg, const char *name)
{
  (void)arg;
  return !strcmp(name, "app_secret") ? "helloworld" : !strcmp(name, "odd") ? "$[hush-hush" : NULL;
}

static const char *setting_of(void *arg, const char *name)
{
  const char *zone = arg;
  return !strcmp(name, "zone") ? zone : !strcmp(name, "site") ? "cn" : NULL;
}

static struct sandbox *open_it(struct arena *a)
{
  const char *why = NULL;
  struct sandbox *s = sandbox_open(a, &why);
  if (!s) test_note("%s", why);
  else sandbox_values(s, secret_of, setting_of, NULL), sandbox_deadline(s, 60000); /* a slow machine is no finding */
  return s;
}

static const char *const all_names[] = { "body", "text", "status", "n", NULL };

struct rows {
  struct arena *a;
  struct buf text; /* cells parted by |, rows by \n; a BLOB as x'..', NULL as NULL */
  int n, stop_at;
};

static bool take(void *arg, const struct sandbox_value *v, int n)
{
  struct rows *r = arg;
  if (r->n++) buf_char(&r->text, '\n');
  for (int i = 0; i < n; i++) {
    if (i) buf_char(&r->text, '|');
    if (v[i].kind == 'n') buf_str(&r->text, "NULL");
    else if (v[i].kind == 'b') buf_str(&r->text, "x'"), hex_put(&r->text, v[i].text, v[i].n), buf_char(&r->text, '\'');
    else buf_put(&r->text, v[i].text, v[i].n);
  }
  return r->n != r->stop_at;
}

/* The rows as text, or "! why". */
static const char *run(struct sandbox *s, struct arena *a, const char *sql, unsigned how, const struct sandbox_param *p,
                       size_t n)
{
  const char *why = NULL;
  int at;
  struct sandbox_sql *q = sandbox_sql(s, a, sql, how, all_names, &why, &at);
  if (!q) return arena_printf(a, "! %s", why);
  struct rows r = { .a = a };
  enum err e = sandbox_run(s, a, q, p, n, take, &r, &why);
  const char *out = e ? arena_printf(a, "! %s", why) : arena_strn(a, r.text.data ? r.text.data : "", r.text.len);
  CHECK((e == ERR_OK) == !why && (!e || e == ERR_INVALID));
  buf_release(&r.text);
  return out;
}

static const char *value(struct sandbox *s, struct arena *a, const char *expression)
{
  return run(s, a, expression, SANDBOX_EXPRESSION | SANDBOX_SECRETS, NULL, 0);
}

struct expression {
  const char *sql, *want;
};

static void check_table(const struct expression *t, size_t n)
{
  struct arena a = { 0 };
  struct sandbox *s = open_it(&a);
  REQUIRE(s);
  for (size_t i = 0; i < n; i++) {
    test_note("%s", t[i].sql);
    CHECK_STR(value(s, &a, t[i].sql), t[i].want);
  }
  sandbox_close(s);
  arena_release(&a);
}

/* ---- functions ------------------------------------------------------------------------------------ */
TEST(sandbox_digests)
{
  static const struct expression t[] = {
    { "lower(hex(md5('')))", "d41d8cd98f00b204e9800998ecf8427e" },
    { "lower(hex(md5('abc')))", "900150983cd24fb0d6963f7d28e17f72" },
    { "lower(hex(sha1('abc')))", "a9993e364706816aba3e25717850c26c9cd0d89d" },
    { "lower(hex(sha256('abc')))", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
    { "sha1(x'616263')", "x'a9993e364706816aba3e25717850c26c9cd0d89d'" },
    { "md5(NULL)", "NULL" },
    { "md5(12)", "x'c20ad4d76fe97759aa27a0c99bff6710'" },
    { "hex(md5('中文'))", "A7BAC2239FCDCB3A067903D8077C4A07" },
    { "hmac_md5('Jefe', 'what do ya want for nothing?')", "x'750c783e6ab0b503eaa86e310a5db738'" },
    { "hmac_sha1('Jefe', 'what do ya want for nothing?')", "x'effcdf6ae5eb2fa2d27416d5f184df9c259a7c79'" },
    { "hmac_sha256('Jefe', 'what do ya want for nothing?')",
      "x'5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843'" },
    { "hmac_sha256(x'0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b', 'Hi There')",
      "x'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7'" },
    { "hmac_sha256(NULL, 'x')", "NULL" },
    { "hmac_sha256('', '')", "x'b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad'" },
    { "hmac_md5(secret('app_secret'), 'x') = hmac_md5('helloworld', 'x')", "1" },
  };
  check_table(t, COUNT(t));
}

TEST(sandbox_encodings)
{
  static const struct expression t[] = {
    { "base64('')", "" },
    { "base64('f')", "Zg==" },
    { "base64('fo')", "Zm8=" },
    { "base64('foo')", "Zm9v" },
    { "base64('foob')", "Zm9vYg==" },
    { "base64('fooba')", "Zm9vYmE=" },
    { "base64('foobar')", "Zm9vYmFy" },
    { "base64(x'fbff')", "+/8=" },
    { "base64(NULL)", "NULL" },
    { "base64_decode('Zm9vYmE=')", "x'666f6f6261'" },
    { "base64_decode('Zm9vYmE')", "x'666f6f6261'" },
    { "base64_decode('-_8')", "x'fbff'" },
    { "base64_decode('+/8=')", "x'fbff'" },
    { "base64_decode('')", "x''" },
    { "base64_decode('Zm9vYmE==')", "NULL" },
    { "base64_decode('Z')", "NULL" },
    { "base64_decode('Zm 9v')", "NULL" },
    { "base64_decode(NULL)", "NULL" },
    { "CAST(base64_decode(base64('中文')) AS TEXT)", "中文" },
    { "urlencode('a b&c=d/~-._é中*()!''')", "a%20b%26c%3Dd%2F~-._%C3%A9%E4%B8%AD%2A%28%29%21%27" },
    { "urlencode(x'00ff')", "%00%FF" },
    { "urlencode(42)", "42" },
    { "urlencode(NULL)", "NULL" },
    { "hex(unhex('4a4B'))", "4A4B" },
    { "unhex('4a', 'x')", "! unhex() takes one argument here" },
  };
  check_table(t, COUNT(t));
}

TEST(sandbox_sorted)
{
  static const struct expression t[] = {
    { "sorted_query('{\"foo\":1,\"bar\":\"2\",\"foo_bar\":3,\"foobar\":4}')", "bar2foo1foo_bar3foobar4" },
    { "sorted_query('{\"b\":\"x y\",\"a\":1.50,\"B\":true}', '=', '&')", "B=true&a=1.50&b=x y" },
    { "sorted_query('{\"b\":\"x y\",\"a\":\"&\",\"c\":null}', '=', '&', 'encode')", "a=%26&b=x%20y" },
    { "sorted_query('{\"a b\":\"\\u4e2d\\n\"}', '=', '&', 'encode')", "a%20b=%E4%B8%AD%0A" },
    { "sorted_query('{\"b\":{\"z\": 1},\"a\":[1, 2]}', '=')", "a=[1, 2]b={\"z\": 1}" },
    { "sorted_query('{}')", "" },
    { "sorted_query('[1]')", "NULL" },
    { "sorted_query('{broken')", "NULL" },
    { "sorted_query(NULL)", "NULL" },
    { "sorted_query('{\"aa\":1,\"a\":2,\"\":3}')", "3a2aa1" },
    { "sorted_json('{\"b\": [3, {\"d\": 1, \"c\": 2}], \"a\" : \"x\\u4e2d\\/\"}')",
      "{\"a\":\"x\\u4e2d\\/\",\"b\":[3,{\"c\":2,\"d\":1}]}" },
    { "sorted_json('{\"n\":6900000000000000001,\"m\":1.500,\"e\":1E+2}')",
      "{\"e\":1E+2,\"m\":1.500,\"n\":6900000000000000001}" },
    { "sorted_json('{\"\\u0062\":1,\"a\":{}, \"c\":[ ]}')", "{\"a\":{},\"\\u0062\":1,\"c\":[]}" },
    { "sorted_json(' \"x\" ')", "\"x\"" },
    { "sorted_json('{\"a\":1,}')", "{\"a\":1,}" },
    { "sorted_json(NULL)", "NULL" },
  };
  check_table(t, COUNT(t));
}

TEST(sandbox_money)
{
  static const struct expression t[] = {
    { "money('199.00')", "199.00" },
    { "money('1,234,567.8')", "1234567.8" },
    { "money('12,34')", "12,34" },
    { "money('1,2345')", "1,2345" },
    { "money(',123')", ",123" },
    { "money('1,234')", "1234" },
    { "money('123,')", "123," },
    { "money('1234,567')", "1234,567" },
    { "money(' 7.5 ')", "7.5" },
    { "money('+7')", "7" },
    { "money('-3.50')", "-3.50" },
    { "money('-0.00')", "0.00" },
    { "money('007.10')", "7.10" },
    { "money('.5')", "0.5" },
    { "money('5.')", "5" },
    { "money('.')", "." },
    { "money('')", "" },
    { "money('-')", "-" },
    { "money('19.9900')", "19.99" },
    { "money('19.9910')", "19.991" },
    { "money('9007199254740993.01')", "9007199254740993.01" },
    { "money('¥5')", "¥5" },
    { "money('1e3')", "1e3" },
    { "money('0x10')", "0x10" },
    { "money(NULL)", "NULL" },
    { "money(19900, 2)", "199.00" },
    { "money('19900', 2)", "199.00" },
    { "money('19900.0', 2)", "199.00" },
    { "money('19900.5', 2)", "19900.5" },
    { "money(5, 2)", "0.05" },
    { "money(0, 2)", "0.00" },
    { "money(-5, 2)", "-0.05" },
    { "money('-0', 2)", "0.00" },
    { "money(500, 0)", "500" },
    { "money(1234, 3)", "1.234" },
    { "money(9223372036854775807, 2)", "92233720368547758.07" },
    { "money(5, 99)", "5" },
    { "money(5, -1)", "5" },
    { "money(5, 'x')", "5" },
    { "money(num_text('{\"p\":19.90}', '$.p'))", "19.90" },
    { "money('{\"p\":19.9}' ->> '$.p')", "19.9" },
    { "money(1999.0, 2)", "19.99" },
    { "money(0.1 + 0.2)", "0.30000000000000004" },
    { "money(x'31')", "x'31'" },
    { "money('1\n')", "1\n" },
  };
  check_table(t, COUNT(t));
}

TEST(sandbox_times)
{
  static const struct expression t[] = {
    { "ts('2026-11-11 08:03:21', '+08:00')", "2026-11-11T00:03:21.000Z" },
    { "ts('2026-11-11 08:03:21', 480)", "2026-11-11T00:03:21.000Z" },
    { "ts('2026-11-11 08:03:21', '480')", "2026-11-11T00:03:21.000Z" },
    { "ts('2026-11-11 08:03:21', '+0530')", "2026-11-11T02:33:21.000Z" },
    { "ts('2026-11-11 08:03:21', '-05')", "2026-11-11T13:03:21.000Z" },
    { "ts('2026-11-11 08:03:21', 'Z')", "2026-11-11T08:03:21.000Z" },
    { "ts('2026-11-11 08:03:21')", "2026-11-11T00:03:21.000Z" },
    { "ts('2026-11-11 08:03:21', NULL)", "2026-11-11T00:03:21.000Z" },
    { "ts('2026/11/11 8:03', '+08:00')", "2026-11-11T00:03:00.000Z" },
    { "ts('2026-11-11T08:03:21+00:00', '+08:00')", "2026-11-11T08:03:21.000Z" },
    { "ts('2026-11-11 08:03:21', 'Moscow')", "2026-11-11 08:03:21" },
    { "ts('2026-11-11 08:03:21', '+25:00')", "2026-11-11 08:03:21" },
    { "ts('soon', '+08:00')", "soon" },
    { "ts(17, '+08:00')", "17" },
    { "ts('', '+08:00')", "NULL" },
    { "ts(NULL, '+08:00')", "NULL" },
    { "ts('0001-01-01 00:00:00', '+08:00')", "NULL" },
    { "ts('0001-01-01T08:05:43', '+08:00')", "NULL" },
    { "ts('0000-00-00 00:00:00', '+08:00')", "NULL" },
    { "ts('1970-01-01 00:00:00', '+08:00')", "NULL" },
    { "ts('1970-01-01 08:00:00', '+08:00')", "NULL" },
    { "ts_s(1794326601)", "2026-11-10T16:03:21.000Z" },
    { "ts_s('1794326601')", "2026-11-10T16:03:21.000Z" },
    { "ts_s('1794326601.25')", "2026-11-10T16:03:21.250Z" },
    { "ts_s(0)", "NULL" },
    { "ts_s('')", "NULL" },
    { "ts_s('0')", "NULL" },
    { "ts_s(-1)", "NULL" },
    { "ts_s(NULL)", "NULL" },
    { "ts_s('later')", "later" },
    { "ts_s(1794326601000)", "1794326601000" },
    { "ts_s(9223372036854775807)", "9223372036854775807" },
    { "ts_ms(1794326601123)", "2026-11-10T16:03:21.123Z" },
    { "ts_ms('1794326601123')", "2026-11-10T16:03:21.123Z" },
    { "ts_ms(0)", "NULL" },
    { "ts_ms(NULL)", "NULL" },
    { "ts_ms(x'31')", "x'31'" },
    { "ms('2026-11-10T16:03:21.123Z')", "1794326601123" },
    { "ms('2026-11-11T00:03:21+08:00')", "1794326601000" },
    { "ms('2026-11-11')", "NULL" },
    { "ms(NULL)", "NULL" },
    { "ts_text(1794326601000, '+08:00')", "2026-11-11 00:03:21" },
    { "ts_text(1794326601000)", "2026-11-11 00:03:21" },
    { "ts_text(1794326601000, 'Z')", "2026-11-10 16:03:21" },
    { "ts_text(1794326601999, '+08:00', 'iso')", "2026-11-11T00:03:21+08:00" },
    { "ts_text(1794326601000, '-03:30', 'iso')", "2026-11-10T12:33:21-03:30" },
    { "ts_text('1794326601000', '+08:00', 'iso_z')", "2026-11-10T16:03:21Z" },
    { "ts_text(NULL, '+08:00')", "NULL" },
    { "ts_text('x', '+08:00')", "NULL" },
    { "ts_text(1, 'x')", "NULL" },
    { "ts_text(1794326601000, '+08:00', '%Y')", "! the pattern of ts_text() is '', 'iso' or 'iso_z'" },
  };
  check_table(t, COUNT(t));
}

TEST(sandbox_zone_of_the_channel)
{
  struct arena a = { 0 };
  struct sandbox *s = open_it(&a);
  REQUIRE(s);
  sandbox_values(s, NULL, setting_of, "-05:00");
  CHECK_STR(value(s, &a, "ts('2026-11-11 08:00:00')"), "2026-11-11T13:00:00.000Z");
  CHECK_STR(value(s, &a, "ts_text(1794326601000)"), "2026-11-10 11:03:21");
  CHECK_STR(value(s, &a, "secret('app_secret')"), "NULL");
  sandbox_close(s);
  arena_release(&a);
}

TEST(sandbox_text)
{
  static const struct expression t[] = {
    { "nfkc('ＡＢＣ１２３')", "ABC123" },
    { "nfkc(NULL)", "NULL" },
    { "nfkc('')", "" },
    { "nfkc(x'ff')", "x'ff'" },
    { "html_text('a &amp; b &lt;c&gt; &quot;d&quot; &#39;e&#x27; &nbsp;')", "a & b <c> \"d\" 'e' \u00a0" },
    { "html_text('&amp;lt;')", "&lt;" },
    { "html_text('&#20013;&#x6587;&hellip;')", "中文…" },
    { "html_text('&nothing; & &; &#; &#x; &#0; &#xD800; &#1114112; &#99999999999; AT&T')",
      "&nothing; & &; &#; &#x; &#0; &#xD800; &#1114112; &#99999999999; AT&T" },
    { "html_text(NULL)", "NULL" },
    { "html_text(5)", "5" },
    { "setting('site')", "cn" },
    { "setting('nothing')", "NULL" },
    { "secret('app_secret')", "helloworld" },
    { "secret('nothing')", "NULL" },
    { "secret(NULL)", "NULL" },
  };
  check_table(t, COUNT(t));
}

TEST(sandbox_num_text)
{
  static const struct expression t[] = {
    { "num_text('{\"id\":6900000000000000123456789}', '$.id')", "6900000000000000123456789" },
    { "num_text('{\"a\":{\"b\":[1,2,{\"c\":-1.50e3}]}}', '$.a.b[2].c')", "-1.50e3" },
    { "num_text('{\"a\":[1,2,3]}', '$.a[#-1]')", "3" },
    { "num_text('{\"a\":[1,2,3]}', '$.a[#-4]')", "NULL" },
    { "num_text('{\"a\":[1,2,3]}', '$.a[3]')", "NULL" },
    { "num_text('{\"s\":\"x\\u4e2d\\n\\\"\\ud83d\\ude00\"}', '$.s')", "x中\n\"😀" },
    { "num_text('{\"s\":\"\\ud83d\"}', '$.s')", "\xef\xbf\xbd" },
    { "num_text('{\"t\":true,\"f\":false}', '$.t')", "true" },
    { "num_text('{\"t\":true,\"f\":false}', '$.f')", "false" },
    { "num_text('{\"n\":null}', '$.n')", "NULL" },
    { "num_text('{\"n\":1}', '$.m')", "NULL" },
    { "num_text('{\"a b\":{\"c.d\":7}}', '$.\"a b\".\"c.d\"')", "7" },
    { "num_text('{\"\\u0061\":7}', '$.a')", "7" },
    { "num_text('{\"o\":{ \"x\" : 1 }}', '$.o')", "{ \"x\" : 1 }" },
    { "num_text('[[[5]]]', '$[0][0][0]')", "5" },
    { "num_text(' 12 ', '$')", "12" },
    { "num_text('\"abc\"', '$')", "abc" },
    { "num_text('{\"a\":1', '$.a')", "NULL" },
    { "num_text('{\"a\":1} x', '$.a')", "NULL" },
    { "num_text('{\"a\" 1}', '$.a')", "NULL" },
    { "num_text('', '$')", "NULL" },
    { "num_text('{', '$.a')", "NULL" },
    { "num_text('\"\\', '$')", "NULL" },
    { "num_text('{\"a\":1}', 'a')", "NULL" },
    { "num_text('{\"a\":1}', '$.')", "NULL" },
    { "num_text('{\"a\":1}', '$a')", "NULL" },
    { "num_text('[1]', '$[x]')", "NULL" },
    { "num_text('[1]', '$[0')", "NULL" },
    { "num_text('[1]', '$.\"')", "NULL" },
    { "num_text('[1]', '$[99999999999999999999]')", "NULL" },
    { "num_text(NULL, '$')", "NULL" },
    { "num_text('1', NULL)", "NULL" },
    { "num_text(x'31', '$')", "NULL" },
  };
  check_table(t, COUNT(t));
}

/* In the engine's binary form numbers and strings keep their letters: what num_text gives of a text it gives of that. */
TEST(sandbox_num_text_binary)
{
  static const struct expression t[] = {
    { "num_text(jsonb('{\"id\":6900000000000000123456789}'), '$.id')", "6900000000000000123456789" },
    { "num_text(jsonb('{\"id\":9007199254740993}'), '$.id')", "9007199254740993" },
    { "num_text(jsonb('{\"id\":-9223372036854775809}'), '$.id')", "-9223372036854775809" },
    { "num_text(jsonb('[-0, 1e400, 19.90, -1.50e3, 0.1]'), '$[0]')", "-0" },
    { "num_text(jsonb('[-0, 1e400, 19.90, -1.50e3, 0.1]'), '$[1]')", "1e400" },
    { "num_text(jsonb('[-0, 1e400, 19.90, -1.50e3, 0.1]'), '$[2]')", "19.90" },
    { "num_text(jsonb('[-0, 1e400, 19.90, -1.50e3, 0.1]'), '$[#-2]')", "-1.50e3" },
    { "num_text(jsonb('[1,2]'), '$[#-3]')", "NULL" },
    { "num_text(jsonb('[1,2]'), '$[2]')", "NULL" },
    { "num_text(jsonb('{\"a\":{\"b\":[1,2,{\"c\":7}]}}'), '$.a.b[2].c')", "7" },
    { "num_text(jsonb('{\"s\":\"x\\u4e2d\\n\\\"\\ud83d\\ude00\"}'), '$.s')", "x中\n\"😀" },
    { "num_text(jsonb('{\"s\":\"\\ud83d\"}'), '$.s')", "\xef\xbf\xbd" },
    { "num_text(jsonb('{\"s\":\"plain\",\"e\":\"\"}'), '$.s')", "plain" },
    { "num_text(jsonb('{\"s\":\"plain\",\"e\":\"\"}'), '$.e')", "" },
    { "num_text(jsonb('{\"\\u0061\":7}'), '$.a')", "7" },
    { "num_text(jsonb('{\"a b\":{\"c.d\":7}}'), '$.\"a b\".\"c.d\"')", "7" },
    { "num_text(jsonb('{\"t\":true,\"f\":false,\"n\":null}'), '$.t')", "true" },
    { "num_text(jsonb('{\"t\":true,\"f\":false,\"n\":null}'), '$.f')", "false" },
    { "num_text(jsonb('{\"t\":true,\"f\":false,\"n\":null}'), '$.n')", "NULL" },
    { "num_text(jsonb('{\"t\":true,\"f\":false,\"n\":null}'), '$.m')", "NULL" },
    { "num_text(jsonb('{\"a\":1,\"a\":2}'), '$.a')", "1" },
    { "json(num_text(jsonb('{\"o\":{ \"x\" : 1.0 }}'), '$.o'))", "{\"x\":1.0}" },
    { "num_text(jsonb('{\"s\":\"' || replace(hex(zeroblob(40000)), '0', 'y') || '\",\"id\":5}'), '$.id')",
      "5" },
    { "length(num_text(jsonb('{\"s\":\"' || replace(hex(zeroblob(40000)), '0', 'y') || '\"}'), '$.s'))",
      "80000" },
    /* what is no such value */
    { "num_text(x'', '$')", "NULL" },
    { "num_text(x'f3', '$')", "NULL" },
    { "num_text(x'fcffffffffffffffff', '$.a')", "NULL" },
    { "num_text(x'1331ff', '$')", "NULL" },
    { "num_text(x'2c1761', '$.a')", "NULL" },
    { "num_text(x'3c176127', '$.a')", "NULL" },
    { "num_text(x'1d', '$')", "NULL" },
    { "num_text(x'2b9331', '$[0]')", "NULL" },
    { "num_text(x'0f', '$')", "NULL" },
    { "num_text(x'185c', '$')", "\\" },
    { "num_text(jsonb('[1]'), '$[x]')", "NULL" },
    { "num_text(jsonb('[1]'), 'a')", "NULL" },
    { "num_text(jsonb('1'), '$[0]')", "NULL" },
    { "num_text(jsonb('1'), NULL)", "NULL" },
  };
  check_table(t, COUNT(t));
}

/* Ours stand in for the engine's: they must say the same. */
TEST(sandbox_own_versions_agree)
{
  static const struct expression t[] = {
    { "instr('中文字', '字')", "3" },
    { "instr('abc', '')", "1" },
    { "instr('', 'a')", "0" },
    { "instr('abc', 'd')", "0" },
    { "instr(x'e4b8ad616263', x'62')", "5" },
    { "instr(x'e4b8ad616263', 'b')", "3" },
    { "instr(12345, 34)", "3" },
    { "instr(NULL, 'a')", "NULL" },
    { "replace('a-b-c', '-', '')", "abc" },
    { "replace('aaa', 'aa', 'b')", "ba" },
    { "replace('abc', '', 'x')", "abc" },
    { "replace('abc', 'b', '中')", "a中c" },
    { "replace(NULL, 'a', 'b')", "NULL" },
    { "replace(121, 1, 3)", "323" },
    { "'[' || trim('  x  ') || ']'", "[x]" },
    { "trim('xxabxx', 'x')", "ab" },
    { "trim('。、x、。', '、。')", "x" },
    { "ltrim('001', '0') || rtrim('1.500', '0')", "11.5" },
    { "trim('abc', '')", "abc" },
    { "trim('aaa', 'a')", "" },
    { "trim(NULL, 'a')", "NULL" },
    { "'Taobao' LIKE 'tao%'", "1" },
    { "'Taobao' LIKE '_aob__'", "1" },
    { "'a%b' LIKE 'a!%b' ESCAPE '!'", "1" },
    { "'axb' LIKE 'a!%b' ESCAPE '!'", "0" },
    { "'a' LIKE 'a' ESCAPE 'xx'", "! ESCAPE expression must be a single character" },
    { "'a' NOT LIKE 'b'", "1" },
    { "NULL LIKE 'a'", "NULL" },
    { "12 LIKE '1%'", "1" },
    { "'Tao' GLOB 't*'", "0" },
    { "'Tao' GLOB '[A-Z]a?'", "1" },
  };
  check_table(t, COUNT(t));
  sqlite3 *plain = NULL;
  REQUIRE(sqlite3_open(":memory:", &plain) == SQLITE_OK);
  for (size_t i = 0; i < COUNT(t); i++) {
    char sql[200];
    sqlite3_stmt *st = NULL;
    snprintf(sql, sizeof sql, "SELECT %s", t[i].sql);
    test_note("SQLite's own: %s", t[i].sql);
    if (!CHECK(!sqlite3_prepare_v2(plain, sql, -1, &st, NULL)) || *t[i].want == '!') {
      sqlite3_finalize(st);
      continue;
    }
    CHECK(sqlite3_step(st) == SQLITE_ROW);
    const char *got = (const char *)sqlite3_column_text(st, 0);
    CHECK_STR(got ? got : "NULL", t[i].want);
    sqlite3_finalize(st);
  }
  sqlite3_close(plain);
}

/* ---- what a mapping does ------------------------------------------------------------------------------ */
static const char *query(struct sandbox *s, struct arena *a, const char *sql, const char *body)
{
  struct sandbox_param p[] = { { "body", 't', 0, body, body ? strlen(body) : 0 },
                               { "n", 'i', 42, NULL, 0 },
                               { "status", 'n', 0, NULL, 0 },
                               { "nobody_uses", 't', 0, "x", 1 } };
  return run(s, a, sql, 0, p, COUNT(p));
}

/* The same values and places out of either form. */
TEST(sandbox_each_binary)
{
  static const char page[] =
    "'{\"l\":[{\"id\":9007199254740993,\"p\":1e400,\"z\":-0,\"m\":19.90,\"s\":\"a\\u0041\\n\",\"u\":\"中\",\"e\":{},\"n\":null},"
    "{\"id\":\"x\",\"i\":[1,{\"q\":-5}]}]}'";
  struct arena a = { 0 };
  struct buf text = { 0 }, binary = { 0 };
  static const char shape[] =
    "(SELECT group_concat(concat_ws('|', fullkey, num_text(value, '$.id'), num_text(value, '$.z'), num_text(value, '$.m'), "
    "num_text(value, '$.p'), value ->> '$.s', value ->> '$.u', value -> '$.e', num_text(value, '$.i[1].q'), "
    "json_type(value, '$.n'), json_array_length(value, '$.i'), json(value))) FROM json%s_each(%s, '$.l'))";
  buf_printf(&text, shape, "", page), buf_printf(&binary, shape, "b", page);
  const char *why = NULL;
  struct sandbox *s = sandbox_open(&a, &why);
  const char *want = arena_str(&a, query(s, &a, arena_printf(&a, "SELECT %s", text.data), NULL));
  CHECK(strstr(want, "9007199254740993|-0|19.90|1e400|aA"));
  CHECK_STR(query(s, &a, arena_printf(&a, "SELECT %s", binary.data), NULL), want);
  CHECK_STR(query(s, &a,
                  "SELECT json_group_array(atom) FROM jsonb_tree('[1,[2,\"x\"]]') WHERE atom IS NOT NULL",
                  NULL),
            "[1,2,\"x\"]");
  sandbox_close(s);
  buf_release(&text), buf_release(&binary);
  arena_release(&a);
}

TEST(sandbox_maps_orders)
{
  static const char body[] = "{\"orders\":[{\"id\":6900000000000000001,\"paid\":\"1,299.00\",\"items\":[{\"n\":2},{\"n\":3}]},"
                             "{\"id\":7,\"paid\":\"5\",\"items\":[]}]}";
  struct arena a = { 0 };
  struct sandbox *s = open_it(&a);
  REQUIRE(s);
  CHECK_STR(query(s, &a,
                  "SELECT json_object('external_id', num_text(o.value, '$.id'), 'total', money(o.value ->> '$.paid'), 'n', "
                  "(SELECT json_group_array(i.value ->> 'n') FROM json_each(o.value, '$.items') i)) AS \"order\", "
                  "o.fullkey AS path FROM json_each(:body, '$.orders') o ORDER BY o.key; -- that is all\n",
                  body),
            "{\"external_id\":\"6900000000000000001\",\"total\":\"1299.00\",\"n\":[2,3]}|$.orders[0]\n"
            "{\"external_id\":\"7\",\"total\":\"5\",\"n\":[]}|$.orders[1]");
  CHECK_STR(query(s, &a, "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 4) "
                         "SELECT x, sum(x) OVER (ORDER BY x), row_number() OVER () FROM c", NULL),
            "1|1|1\n2|3|2\n3|6|3\n4|10|4");
  CHECK_STR(query(s, &a, "VALUES (1, 'a'), (2, NULL) /* done */ ;", NULL), "1|a\n2|NULL");
  CHECK_STR(query(s, &a, "SELECT typeof(:n), :n, typeof(:status), typeof(:text), typeof(:body)", NULL),
            "integer|42|null|null|null");
  CHECK_STR(query(s, &a, "SELECT fullkey FROM json_tree(:body) WHERE atom = 3", body), "$.orders[0].items[1].n");
  CHECK_STR(query(s, &a, "SELECT 1 WHERE 0", NULL), "");
  CHECK_STR(query(s, &a, "SELECT json_extract(:body, '$.x')", "no json"), "! malformed JSON");
  CHECK_STR(query(s, &a, "SELECT 1.5, 'a''b', x'00ff', NULL, \"value\" FROM json_each('[1]')", NULL), "1.5|a'b|x'00ff'|NULL|1");
  CHECK_STR(query(s, &a, "SELECT '(', \")\" FROM (SELECT 1 AS \")\") -- ;(:nothing", NULL), "(|1");
  sandbox_close(s);
  arena_release(&a);
}

TEST(sandbox_statement_runs_again)
{
  struct arena a = { 0 };
  struct sandbox *s = open_it(&a);
  REQUIRE(s);
  const char *why;
  int at;
  struct sandbox_sql *q = sandbox_sql(s, &a, "SELECT :n, key FROM json_each('[1,2,3]')", 0, all_names, &why, &at);
  REQUIRE(q);
  CHECK_INT(sandbox_columns(q), 2);
  struct sandbox_param p = { .name = "n", .kind = 'i', .i = 5 };
  struct rows r = { .a = &a, .stop_at = 2 };
  CHECK_INT(sandbox_run(s, &a, q, &p, 1, take, &r, &why), ERR_OK);
  CHECK_STR(r.text.data, "5|0\n5|1");
  buf_release(&r.text);
  r = (struct rows){ .a = &a };
  CHECK_INT(sandbox_run(s, &a, q, NULL, 0, take, &r, &why), ERR_OK);
  CHECK_STR(r.text.data, "NULL|0\nNULL|1\nNULL|2"); /* nothing stays bound */
  buf_release(&r.text);
  sandbox_close(s);
  arena_release(&a);
}

struct inner {
  struct sandbox *s;
  struct sandbox_sql *q;
  int n;
};

static bool count_row(void *arg, const struct sandbox_value *v, int n)
{
  (void)v, (void)n;
  ++*(int *)arg;
  return true;
}

static bool run_inner(void *arg, const struct sandbox_value *v, int n)
{
  struct inner *in = arg;
  struct arena a = { 0 };
  const char *why;
  (void)v, (void)n;
  CHECK_INT(sandbox_run(in->s, &a, in->q, NULL, 0, count_row, &in->n, &why), ERR_OK);
  arena_release(&a);
  return true;
}

TEST(sandbox_runs_inside_a_row)
{
  struct arena a = { 0 };
  struct sandbox *s = open_it(&a);
  REQUIRE(s);
  const char *why;
  int at;
  struct inner in = { .s = s };
  in.q = sandbox_sql(s, &a, "SELECT 1 FROM json_each('[1,2]')", 0, NULL, &why, &at);
  struct sandbox_sql *q = sandbox_sql(s, &a, "SELECT 1 FROM json_each('[1,2,3]')", 0, NULL, &why, &at);
  REQUIRE(q && in.q);
  CHECK_INT(sandbox_run(s, &a, q, NULL, 0, run_inner, &in, &why), ERR_OK);
  CHECK_INT(in.n, 6);
  sandbox_close(s);
  arena_release(&a);
}

/* ---- what is refused when it is compiled ----------------------------------------------------------------- */
static const struct {
  const char *sql, *why; /* why: how the sentence begins */
  int at;                /* -2: anywhere */
} refused_table[] = {
  { "", "it is empty", -2 },
  { " -- nothing\n", "it is empty", -2 },
  { ";", "it is empty", -2 },
  { "SELECT 1; SELECT 2", "there is more than one statement", 10 },
  { "SELECT 1;;", "there is more than one statement", 9 },
  { "SELECT 1; -- a\n x", "there is more than one statement", 16 },
  { "SELECT 1; PRAGMA user_version", "there is more than one statement", 10 },
  { "PRAGMA user_version", "only one SELECT", -2 },
  { "PRAGMA hard_heap_limit = 1", "only one SELECT", -2 },
  { "ATTACH 'x.db' AS x", "only one SELECT", -2 },
  { "DETACH main", "only one SELECT", -2 },
  { "VACUUM", "only one SELECT", -2 },
  { "VACUUM INTO 'x.db'", "only one SELECT", -2 },
  { "CREATE TABLE t (a)", "only one SELECT", -2 },
  { "CREATE TEMP TABLE t AS SELECT 1", "only one SELECT", -2 },
  { "CREATE TEMP VIEW v AS SELECT 1", "only one SELECT", -2 },
  { "CREATE VIRTUAL TABLE t USING fts5(a)", "only one SELECT", -2 },
  { "CREATE TRIGGER t AFTER INSERT ON x BEGIN SELECT 1; END", "there is more than one statement", 51 },
  { "DROP TABLE sqlite_master", "", -2 },
  { "INSERT INTO sqlite_master VALUES (1)", "", -2 },
  { "DELETE FROM sqlite_master", "", -2 },
  { "UPDATE sqlite_master SET name = 1", "", -2 },
  { "WITH c AS (SELECT 1) DELETE FROM sqlite_master", "", -2 },
  { "INSERT INTO json_each VALUES (1)", "", -2 },
  { "BEGIN", "only one SELECT", -2 },
  { "COMMIT", "only one SELECT", -2 },
  { "SAVEPOINT x", "only one SELECT", -2 },
  { "ANALYZE", "only one SELECT", -2 },
  { "REINDEX", "only one SELECT", -2 },
  { "EXPLAIN SELECT 1", "only one SELECT", -2 },
  { "EXPLAIN QUERY PLAN SELECT 1", "only one SELECT", -2 },
  { "SELECT * FROM sqlite_master", "the table sqlite_master", -2 },
  { "SELECT 1 FROM sqlite_schema", "the table sqlite_schema", -2 },
  { "SELECT 1 FROM sqlite_temp_master", "the table sqlite_temp_master", -2 },
  { "SELECT * FROM pragma_table_list", "", -2 },
  { "SELECT * FROM pragma_database_list()", "", -2 },
  { "SELECT * FROM dbstat", "", -2 },
  { "SELECT * FROM fts5vocab", "", -2 },
  { "SELECT * FROM bytecode('SELECT 1')", "no such table", -2 },
  { "SELECT count(*) FROM sqlite_master", "the table sqlite_master", -2 },
  { "SELECT count(*) FROM dbstat", "", -2 },
  { "SELECT count(*) FROM (SELECT 1), sqlite_master", "the table sqlite_master", -2 },
  { "SELECT * FROM bought", "", -2 },
  { "SELECT * FROM main.bought", "no such table: main.bought", -2 },
  { "SELECT printf('%d', 1)", "the function printf()", 7 },
  { "SELECT format('%.99999999d', 1)", "the function format()", 7 },
  { "SELECT random()", "the function random()", 7 },
  { "SELECT 1 FROM json_each('[1]') ORDER BY random()", "the function random()", -2 },
  { "SELECT randomblob(8)", "the function randomblob()", 7 },
  { "SELECT datetime('now')", "the function datetime()", 7 },
  { "SELECT date()", "the function date()", 7 },
  { "SELECT strftime('%s')", "the function strftime()", 7 },
  { "SELECT unixepoch('now')", "the function unixepoch()", 7 },
  { "SELECT CURRENT_TIMESTAMP", "the function current_timestamp()", -2 },
  { "SELECT load_extension('x')", "no such function: load_extension", -2 },
  { "SELECT fts5(1)", "the function fts5()", -2 },
  { "SELECT sqlite_version()", "the function sqlite_version()", -2 },
  { "SELECT sqlite_compileoption_get(1)", "the function sqlite_compileoption_get()", -2 },
  { "SELECT last_insert_rowid()", "the function last_insert_rowid()", -2 },
  { "SELECT changes()", "the function changes()", -2 },
  { "SELECT sqlite_log(1, 'x')", "the function sqlite_log()", -2 },
  { "SELECT json_patch('{}', '{}')", "the function json_patch()", -2 },
  { "SELECT secret('app_secret')", "the function secret()", 7 },
  { "SELECT (SELECT SECRET('app_secret'))", "the function secret()", -2 },
  { "SELECT 'a' MATCH 'b'", "", -2 },
  { "SELECT 'a' REGEXP 'b'", "no such function: REGEXP", -2 },
  { "SELECT :what", "there is no parameter :what here", 7 },
  { "SELECT :body || :bod", "there is no parameter :bod here", 16 },
  { "SELECT ?", "a parameter is written :name", 7 },
  { "SELECT ?1", "a parameter is written :name", 7 },
  { "SELECT ?99999", "a parameter is written :name", 7 },
  { "SELECT @body", "a parameter is written :name", 7 },
  { "SELECT $body", "a parameter is written :name", 7 },
  { "SELECT :body(x)", "a parameter is written :name", -2 },
  { "SELECT :body::x", "", -2 },
  { "SELECT :", "a parameter is written :name", 7 },
  { "SELEC 1", "near \"SELEC\": syntax error", 0 },
  { "SELECT 1 FRM x", "", -2 },
  { "SELECT 1,", "incomplete input", -2 },
  { "SELECT 'a", "", -2 },
  { "SELECT (1", "a parenthesis is not closed", 9 },
  { "SELECT 1)", "a parenthesis is closed that was not opened", 8 },
  { "SELECT nosuch", "no such column: nosuch", 7 },
  { "SELECT \"text\"", "no such column: \"text\"", 7 },
  { "SELECT '\xff'", "it is not valid UTF-8", -1 },
  { "SELECT 1 \x01", "", -2 },
};

TEST(sandbox_refuses)
{
  struct arena a = { 0 };
  struct sandbox *s = open_it(&a);
  REQUIRE(s);
  for (size_t i = 0; i < COUNT(refused_table); i++) {
    const char *why = NULL;
    int at = -3;
    test_note("%s", refused_table[i].sql);
    CHECK(!sandbox_sql(s, &a, refused_table[i].sql, 0, all_names, &why, &at));
    REQUIRE(why && *why);
    if (strncmp(why, refused_table[i].why, strlen(refused_table[i].why)) != 0) CHECK_STR(why, refused_table[i].why);
    if (refused_table[i].at != -2) CHECK_INT(at, refused_table[i].at);
    CHECK(at >= -1 && at <= (int)strlen(refused_table[i].sql));
  }
  test_note("afterwards");
  CHECK_STR(query(s, &a, "SELECT count(*) FROM json_each('[1]')", NULL), "1");
  sandbox_close(s);
  arena_release(&a);
}

TEST(sandbox_expressions_stay_inside)
{
  static const struct {
    const char *sql, *want;
    int at;
  } t[] = {
    { "1 + 1", "2", -1 },
    { "1 -- one", "1", -1 },
    { "1 /* one */", "1", -1 },
    { "(1)", "1", -1 },
    { "')'", ")", -1 },
    { "CASE WHEN 1 THEN 'a' END", "a", -1 },
    { "(SELECT count(*) FROM json_each('[1,2]'))", "2", -1 },
    { "1) FROM x --", "! a parenthesis is closed that was not opened", 1 },
    { "1), (2", "! a parenthesis is closed that was not opened", 1 },
    { "1); SELECT (2", "! a parenthesis is closed that was not opened", 1 },
    { "1; 2", "! an expression has no semicolon", 1 },
    { "1;", "! an expression has no semicolon", 1 },
    { "1, 2", "! row value misused", -2 },
    { "", "! near \")\": syntax error", -2 },
    { "-- only this", "! near \")\": syntax error", -2 },
    { "(1", "! a parenthesis is not closed", 2 },
    { "1 /*", "! incomplete input", -2 },
    { "'", "! unrecognized token", -2 },
    { "1 AS x", "! near \"AS\": syntax error", 2 },
    { "1 FROM json_each('[]')", "! near \"FROM\": syntax error", 2 },
    { "*", "! near \"*\": syntax error", 0 },
    { "nosuch", "! no such column: nosuch", 0 },
    { "1 + printf('x')", "! the function printf() may not be used here", 4 },
    { "1 + :who", "! there is no parameter :who here", 4 },
    { "1 UNION SELECT 2", "! near \"UNION\": syntax error", 2 },
    { "\"1) FROM x --\"", "! no such column: \"1) FROM x --\"", 0 },
    { "[1) --]", "! no such column: 1) --", 0 },
  };
  struct arena a = { 0 };
  struct sandbox *s = open_it(&a);
  REQUIRE(s);
  for (size_t i = 0; i < COUNT(t); i++) {
    const char *why;
    int at;
    test_note("%s", t[i].sql);
    const char *got = value(s, &a, t[i].sql);
    if (*t[i].want != '!' || strncmp(got, t[i].want, strlen(t[i].want)) != 0) CHECK_STR(got, t[i].want);
    struct sandbox_sql *q = sandbox_sql(s, &a, t[i].sql, SANDBOX_EXPRESSION, all_names, &why, &at);
    CHECK(!q == (*t[i].want == '!'));
    if (t[i].at != -2) CHECK_INT(at, t[i].at);
    if (q) CHECK_INT(sandbox_columns(q), 1);
  }
  sandbox_close(s);
  arena_release(&a);
}

TEST(sandbox_keeps_secrets_to_itself)
{
  struct arena a = { 0 };
  struct sandbox *s = open_it(&a);
  REQUIRE(s);
  static const char *const leaks[] = { "json_extract('[1]', secret('odd'))", "json_extract('[1]', secret('odd') || ']')",
                                       "json_set('[1]', secret('app_secret'), 1)", "'[1]' ->> ('$[' || secret('app_secret'))",
                                       "json_remove('[1]', '$x' || secret('app_secret'))" };
  for (size_t i = 0; i < COUNT(leaks); i++) {
    const char *got = value(s, &a, leaks[i]);
    test_note("%s: %s", leaks[i], got);
    CHECK(*got == '!' && !strstr(got, "hush") && !strstr(got, "helloworld"));
  }
  const char *got = value(s, &a, "json_extract('[1]', '$[' || 'x')");
  CHECK(strstr(got, "$[x")); /* where there is no secret the sentence is whole */
  sandbox_close(s);
  arena_release(&a);
}

/* ---- what is ended while it runs --------------------------------------------------------------------------- */
#define FOR_EVER "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) "

TEST(sandbox_ends_blow_ups)
{
  static const struct {
    const char *sql, *why;
  } t[] = {
    { FOR_EVER "SELECT count(*) FROM c", "it took longer than 250 ms" },
    { FOR_EVER "SELECT x FROM c", "it gives more than 5000 rows" },
    { "SELECT count(*) FROM json_each(replace(hex(zeroblob(50000)), '00', '[],')) a, json_each('[1,2]') b", "malformed JSON" },
    { FOR_EVER "SELECT group_concat(hex(zeroblob(100000))) FROM c", "" },
    { FOR_EVER "SELECT json_group_array(x) FROM c", "it" },
    { "WITH RECURSIVE c(x) AS (SELECT hex(zeroblob(2000000)) UNION ALL SELECT x FROM c) SELECT count(*) FROM c", "it" },
    { "WITH RECURSIVE c(x, n) AS (SELECT hex(zeroblob(2000000)), 1 UNION ALL SELECT x, n + 1 FROM c) "
      "SELECT x FROM c ORDER BY n DESC", "it" },
    { "WITH RECURSIVE c(x) AS (SELECT 'a' UNION ALL SELECT x || x FROM c) SELECT max(length(x)) FROM c",
      "a value is longer than 8 MB" },
    { "SELECT hex(zeroblob(5000000))", "a value is longer than 8 MB" },
    { "SELECT zeroblob(9000000)", "a value is longer than 8 MB" },
    { "SELECT zeroblob(9223372036854775807)", "a value is longer than 8 MB" },
    { "SELECT replace(hex(zeroblob(1000000)), '0', '0123456789')", "a value is longer than 8 MB" },
    { "SELECT length(replace(hex(zeroblob(1000000)), '0', hex(zeroblob(1000000))))", "a value is longer than 8 MB" },
    { "SELECT hex(zeroblob(4000000)) || hex(zeroblob(4000000))", "a value is longer than 8 MB" },
    { "SELECT urlencode(zeroblob(4000000))", "a value is longer than 8 MB" },
    { "SELECT base64(zeroblob(7000000))", "a value is longer than 8 MB" },
    { "SELECT hex(zeroblob(4000000)) LIKE '%1%2%3%4%5%6%7%8%9%'", "LIKE or GLOB over texts so long" },
    { "SELECT hex(zeroblob(4000000)) GLOB '*1*2*3*4*5*6*7*8*9*'", "LIKE or GLOB over texts so long" },
    { "SELECT trim(hex(zeroblob(4000000)), replace(hex(zeroblob(100)), '00', '1'))", "trim() takes off at most 32 bytes" },
    { "SELECT json_array(x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x) FROM "
      "(SELECT replace(hex(zeroblob(2000000)), '00', char(1)||char(1)) AS x)", "it" },
    { "SELECT concat(x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x) FROM "
      "(SELECT hex(zeroblob(4000000)) AS x)", "" },
    { "SELECT json(replace(hex(zeroblob(5000)), '00', '['))", "malformed JSON" },
    { "SELECT count(*) FROM json_tree(replace(hex(zeroblob(900)), '00', '[') || replace(hex(zeroblob(900)), '00', ']')) a, "
      "json_tree(replace(hex(zeroblob(900)), '00', '[') || replace(hex(zeroblob(900)), '00', ']')) b, "
      "json_tree(replace(hex(zeroblob(900)), '00', '[') || replace(hex(zeroblob(900)), '00', ']')) c",
      "it took longer than 250 ms" },
    { "SELECT abs(-9223372036854775808)", "integer overflow" },
    { "SELECT sum(9223372036854775807) FROM json_each('[1,2]')", "integer overflow" },
  };
  struct arena a = { 0 };
  struct sandbox *s = open_it(&a);
  REQUIRE(s);
  for (size_t i = 0; i < COUNT(t); i++) {
    int64_t began = mono_ms();
    sandbox_deadline(s, strstr(t[i].why, "250 ms") || !*t[i].why || !strcmp(t[i].why, "it") ? SANDBOX_MS : 60000);
    const char *got = query(s, &a, t[i].sql, NULL);
    test_note("%s: %s", t[i].sql, got);
    CHECK(!strncmp(got, "! ", 2) && !strncmp(got + 2, t[i].why, strlen(t[i].why)));
    CHECK(mono_ms() - began < 60000); /* not how fast: that it ends at all */
    sandbox_deadline(s, 60000);
    CHECK_STR(query(s, &a, "SELECT count(*) FROM json_each('[1]')", NULL), "1");
  }
  sandbox_close(s);
  arena_release(&a);
}

/* What the engine would need hours for and nothing could interrupt. */
TEST(sandbox_costs_no_products)
{
  struct arena a = { 0 };
  struct sandbox *s = open_it(&a);
  REQUIRE(s);
  CHECK_STR(query(s, &a, "SELECT instr(hex(zeroblob(1000000)), hex(zeroblob(500000)) || '1')", NULL), "0");
  CHECK_STR(query(s, &a, "SELECT length(replace(hex(zeroblob(1000000)), hex(zeroblob(500000)) || '1', ''))", NULL), "2000000");
  sandbox_close(s);
  arena_release(&a);
}

static const char *repeated(struct arena *a, const char *before, const char *piece, int n, const char *behind)
{
  struct buf b = { 0 };
  buf_str(&b, before);
  for (int i = 0; i < n; i++) buf_str(&b, piece);
  buf_str(&b, behind);
  char *text = arena_strn(a, b.data, b.len);
  buf_release(&b);
  return text;
}

TEST(sandbox_ends_compiling)
{
  struct arena a = { 0 };
  struct sandbox *s = open_it(&a);
  REQUIRE(s);
  struct buf twice = { 0 };
  buf_str(&twice, "WITH c0 AS (SELECT 1 AS x)");
  for (int i = 1; i <= 40; i++) buf_printf(&twice, ", c%d AS (SELECT a.x FROM c%d a, c%d b)", i, i - 1, i - 1);
  buf_str(&twice, " SELECT count(*) FROM c40");
  const char *sql[] = {
    arena_strn(&a, twice.data, twice.len),
    repeated(&a, "SELECT ", "(", 2000, "1"),
    repeated(&a, "SELECT ", "-", 5000, "1"),
    repeated(&a, "SELECT 1", "||1", 5000, ""),
    repeated(&a, "SELECT 1", " UNION ALL SELECT 1", 500, ""),
    repeated(&a, "SELECT 1", ", 1", 500, ""),
    repeated(&a, "SELECT concat(1", ", 1", 500, ")"),
    repeated(&a, "SELECT 1 FROM json_each('[]')", ", json_each('[]')", 100, ""),
    repeated(&a, "SELECT 1", "                    ", 6000, ""),
    repeated(&a, "SELECT CASE", " WHEN 1 THEN CASE", 2000, ""),
    repeated(&a, "SELECT ", "(SELECT ", 500, "1"),
    repeated(&a, "SELECT * FROM ", "(SELECT * FROM ", 3000, "x"),
  };
  buf_release(&twice);
  for (size_t i = 0; i < COUNT(sql); i++) {
    const char *why = NULL;
    int at;
    test_note("%.40s...", sql[i]);
    CHECK(!sandbox_sql(s, &a, sql[i], 0, all_names, &why, &at) && why);
    CHECK(at >= -1 && at <= (int)strlen(sql[i]));
  }
  test_note("afterwards");
  CHECK_STR(query(s, &a, repeated(&a, "SELECT length('' ", "|| 'ab'", 200, ")"), NULL), "400");
  sandbox_close(s);
  arena_release(&a);
}

TEST(sandbox_bounds_parameters)
{
  struct arena a = { 0 };
  struct sandbox *s = open_it(&a);
  REQUIRE(s);
  size_t n = 10 << 20;
  char *big = mem_new(n + 1);
  memset(big, 'x', n);
  CHECK_STR(query(s, &a, "SELECT length(:body)", big), "! the parameter :body is longer than 8 MB");
  big[SANDBOX_VALUE_MAX] = 0;
  CHECK_STR(query(s, &a, "SELECT length(:body)", big), "8388608");
  CHECK_STR(query(s, &a, "SELECT length(:body || 'x')", big), "! a value is longer than 8 MB");
  mem_free(big);
  const char *text = "a\0b";
  struct sandbox_param p = { "text", 't', 0, text, 3 };
  CHECK_STR(run(s, &a, "hex(:text)", SANDBOX_EXPRESSION, &p, 1), "610062");
  CHECK_STR(run(s, &a, "hex(nfkc(:text))", SANDBOX_EXPRESSION, &p, 1), "610062");
  CHECK_STR(run(s, &a, "hex(replace(:text, 'b', 'c'))", SANDBOX_EXPRESSION, &p, 1), "610063");
  p.text = "\xb4\xed\xce\xf3", p.n = 4; /* a page in GBK that came instead of JSON */
  CHECK_STR(run(s, &a, "hex(nfkc(html_text(:text)))", SANDBOX_EXPRESSION, &p, 1), "B4EDCEF3");
  CHECK_STR(run(s, &a, "instr(:text, 'x') || length(trim(:text, 'x'))", SANDBOX_EXPRESSION, &p, 1), "04");
  sandbox_close(s);
  arena_release(&a);
}

/* The bound on the engine's memory is this thread's and ends with the call. */
/* Functions look at the clock too: one that ends its loop by what it found there must not make a result of it. */
TEST(sandbox_counts_nothing_that_came_too_late)
{
  struct arena a = { 0 };
  struct sandbox *s = open_it(&a);
  sandbox_deadline(s, 1);
  for (int i = 0; i < 200; i++) {
    struct arena one = { 0 };
    const char *sql = "WITH RECURSIVE a(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM a WHERE x < iif(instr('ab', 'b'), 1000000000000, 1))"
                      " SELECT count(*) FROM a";
    const char *said = run(s, &one, sql, 0, NULL, 0);
    CHECK(*said == '!' && sandbox_limited(s));
    arena_release(&one);
  }
  sandbox_close(s);
  arena_release(&a);
}

TEST(sandbox_memory_comes_back)
{
  struct arena a = { 0 };
  struct sandbox *s = open_it(&a);
  REQUIRE(s);
  for (int i = 0; i < 20; i++)
    CHECK_STR(query(s, &a, "SELECT length(group_concat(x)) FROM (SELECT hex(zeroblob(1000000)) AS x FROM json_each('[1,2,3]'))",
                    NULL),
              "6000002");
  CHECK(!sandbox_guard(NULL));
  sandbox_close(s);
  arena_release(&a);
}

/* ---- another file --------------------------------------------------------------------------------------------- */
static const char *file_run(struct arena *a, const char *path, const char *sql, enum err want)
{
  const char *why = NULL, *const *columns = NULL;
  struct rows r = { .a = a };
  struct sandbox_param p = { .name = "from_ms", .kind = 'i', .i = 100 };
  enum err e = sandbox_query_file(a, path, sql, &p, 1, &columns, take, &r, &why);
  test_note("%s: %s", sql, why ? why : "");
  CHECK_INT(e, want);
  const char *out = e ? arena_printf(a, "! %s", why)
                      : arena_printf(a, "%s:%.*s", columns[0], (int)r.text.len, r.text.data ? r.text.data : "");
  buf_release(&r.text);
  return out;
}

static sqlite3 *till(const char *path, const char *mode)
{
  sqlite3 *db = NULL;
  char sql[100];
  snprintf(sql, sizeof sql, "PRAGMA journal_mode = %s", mode);
  CHECK(!sqlite3_open(path, &db) && !sqlite3_exec(db, sql, NULL, NULL, NULL));
  CHECK(!sqlite3_exec(db,
                      "CREATE TABLE sale (no TEXT, at INTEGER, total TEXT); CREATE VIEW late AS SELECT no FROM sale WHERE at > 150;"
                      "INSERT INTO sale VALUES ('A1', 100, '5.00'), ('A2', 200, '7.50')",
                      NULL, NULL, NULL));
  return db;
}

static bool is_there(const char *path, const char *end)
{
  char name[600];
  snprintf(name, sizeof name, "%s%s", path, end);
  return !access(name, F_OK);
}

static void file_tricks(struct arena *a, const char *path)
{
  static const char *const tricks[] = {
    "DELETE FROM sale", "UPDATE sale SET no = 1", "INSERT INTO sale DEFAULT VALUES", "DROP TABLE sale", "PRAGMA user_version",
    "PRAGMA journal_mode = delete", "ATTACH 'x' AS x", "SELECT * FROM sqlite_master", "SELECT random()", "SELECT secret('x')",
    "VACUUM INTO 'x'", "SELECT 1; DELETE FROM sale", "SELECT :to_ms", "SELECT nosuch FROM sale", "BEGIN",
    "SELECT * FROM pragma_table_info('sale')", "SELECT json_extract('x', '$')",
  };
  for (size_t i = 0; i < COUNT(tricks); i++) file_run(a, path, tricks[i], ERR_INVALID);
}

TEST(sandbox_reads_a_file)
{
  static const char *const modes[] = { "delete", "wal" };
  for (size_t i = 0; i < COUNT(modes); i++) {
    struct arena a = { 0 };
    const char *path = arena_printf(&a, "%s/till %%3f?#%s.db", test_dir(), modes[i]);
    sqlite3 *live = till(path, modes[i]);
    static const char all[] = "SELECT no, json_object('t', total) FROM sale WHERE at >= :from_ms ORDER BY at DESC";
    CHECK_STR(file_run(&a, path, all, ERR_OK), "no:A2|{\"t\":\"7.50\"}\nA1|{\"t\":\"5.00\"}");
    CHECK_STR(file_run(&a, path, "SELECT * FROM late", ERR_OK), "no:A2");
    CHECK(!sqlite3_exec(live, "UPDATE sale SET no = 'A3' WHERE no = 'A2'", NULL, NULL, NULL));
    CHECK_STR(file_run(&a, path, "SELECT * FROM late", ERR_OK), "no:A3"); /* what is only in the WAL as yet */
    file_tricks(&a, path);
    sqlite3_close(live);
    CHECK(!is_there(path, "-wal") && !is_there(path, "-shm"));
    CHECK_STR(file_run(&a, path, "SELECT * FROM late", ERR_OK), "no:A3");
    CHECK(!is_there(path, "-wal") && !is_there(path, "-shm") && !is_there(path, "-journal"));
    chmod(path, 0444);
    CHECK_STR(file_run(&a, path, "SELECT count(*) AS n FROM sale", ERR_OK), "n:2");
    arena_release(&a);
  }
}

TEST(sandbox_reads_no_other_file)
{
  struct arena a = { 0 };
  const char *path = arena_printf(&a, "%s/none.db", test_dir());
  file_run(&a, path, "SELECT 1", ERR_NOT_FOUND);
  CHECK(!is_there(path, ""));
  file_run(&a, test_dir(), "SELECT 1", ERR_IO);
  CHECK(file_write(path, "not a database, but long enough for a header of one hundred bytes, which the engine looks at when "
                         "it opens a file", 110, 0600));
  CHECK(!strncmp(file_run(&a, path, "SELECT 1 FROM x", ERR_IO), "! ", 2));
  arena_release(&a);
}

TEST(sandbox_bounds_a_file_query)
{
  struct arena a = { 0 };
  const char *path = arena_printf(&a, "%s/till.db", test_dir());
  sqlite3 *live = till(path, "delete");
  CHECK_STR(file_run(&a, path, FOR_EVER "SELECT x FROM c", ERR_INVALID), "! it gives more than 100000 rows");
  CHECK(!sqlite3_exec(live, "CREATE VIRTUAL TABLE f USING fts5(a)", NULL, NULL, NULL));
  file_run(&a, path, "SELECT * FROM f", ERR_INVALID);
  CHECK(!sqlite3_exec(live, "CREATE VIEW spy AS SELECT base64(no) FROM sale", NULL, NULL, NULL));
  file_run(&a, path, "SELECT * FROM spy", ERR_INVALID); /* a file's own text does not call our functions */
  CHECK(!sqlite3_exec(live, "BEGIN EXCLUSIVE", NULL, NULL, NULL));
  file_run(&a, path, "SELECT * FROM sale", ERR_BUSY);
  sqlite3_close(live);
  arena_release(&a);
}

/* ---- signatures as the platforms publish them ------------------------------------------------------------------------ */
static const char *vector_key;

static const char *key_of(void *arg, const char *name)
{
  (void)arg, (void)name;
  return vector_key;
}

/* By how the scheme begins; :text is what is signed. */
static const struct {
  const char *scheme, *sql;
} scheme_table[] = {
  { "hmac-sha256 hex lower", "lower(hex(hmac_sha256(secret('k'), :text)))" },
  { "push: hmac-sha256 hex lower", "lower(hex(hmac_sha256(secret('k'), :text)))" },
  { "OAuth redirect: hmac-sha256 hex lower", "lower(hex(hmac_sha256(secret('k'), :text)))" },
  { "hmac-sha256 hex UPPER", "hex(hmac_sha256(secret('k'), :text))" },
  { "hmac-md5 hex UPPER", "hex(hmac_md5(secret('k'), :text))" },
  { "md5 hex UPPER", "hex(md5(:text))" },
  { "push: md5 hex UPPER", "hex(md5(:text))" },
  { "md5 hex lower", "lower(hex(md5(:text)))" },
  { "push: md5 hex lower", "lower(hex(md5(:text)))" },
  { "md5-salt hex", "lower(hex(md5(:text)))" },
  { "webhook: hmac-sha256 base64", "base64(hmac_sha256(secret('k'), :text))" },
  { "hmac-sha256 base64", "base64(hmac_sha256(secret('k'), :text))" },
  { "OAuth 1.0a one-legged HMAC-SHA1", "base64(hmac_sha1(secret('k'), :text))" },
  { "OAuth 1.0a one-legged HMAC-SHA256", "base64(hmac_sha256(secret('k'), :text))" },
  { "HMacMD5 base64", "base64(hmac_md5(secret('k'), :text))" },
  { "HMacSHA1 base64", "base64(hmac_sha1(secret('k'), :text))" },
  { "HMacSHA256 base64", "base64(hmac_sha256(secret('k'), :text))" },
  { "RPC v1 HMAC-SHA1 base64", "base64(hmac_sha1(secret('k'), :text))" },
  { "ACS3-HMAC-SHA256 hex lower", "lower(hex(hmac_sha256(secret('k'), :text)))" },
  { "base64 of the 32-char lower hex md5", "base64(lower(hex(md5(:text))))" },
  { "md5 raw digest base64", "base64(md5(:text))" },
};

static const char *scheme_sql(const char *scheme)
{
  for (size_t i = 0; i < COUNT(scheme_table); i++)
    if (!strncmp(scheme, scheme_table[i].scheme, strlen(scheme_table[i].scheme))) return scheme_table[i].sql;
  return NULL;
}

/* Where the parameters are told, the text that is signed is put together too. */
static void check_sorted(struct sandbox *s, struct arena *a, const struct json *v, const char *text)
{
  const char *scheme = json_string(json_get(v, "scheme"));
  const struct json *inputs = json_get(v, "inputs"), *params = json_get(inputs, "params");
  const char *path = json_string(json_get(inputs, "path"));
  if (!params || !strstr(scheme, "sorted key value pairs")) return;
  struct buf b = { 0 };
  struct jw w;
  jw_init(&w, &b);
  jw_json(&w, params);
  bool is_wrapped = strstr(scheme, "secret + sorted");
  struct sandbox_param p[] = { { "body", 't', 0, b.data, b.len }, { "text", 't', 0, path ? path : "", path ? strlen(path) : 0 } };
  CHECK_STR(run(s, a, is_wrapped ? "secret('k') || sorted_query(:body) || secret('k')" : ":text || sorted_query(:body)",
                SANDBOX_EXPRESSION | SANDBOX_SECRETS, p, COUNT(p)),
            text);
  buf_release(&b);
}

TEST(sandbox_signs_as_platforms_do)
{
  struct arena a = { 0 };
  struct faults f = { .mem = &a };
  size_t n;
  char *file = file_read(&a, "../shared/reference/apis/vectors.json", 4 << 20, &n);
  if (!file) SKIP("the published signatures are not at hand");
  struct json *all = json_parse(&a, file, n, JSON_ELEMENTS_BATCH_MAX, &f);
  struct sandbox *s = open_it(&a);
  REQUIRE(all && s);
  sandbox_values(s, key_of, NULL, NULL);
  int tried = 0;
  for (const struct json *v = json_first(json_get(all, "vectors")); v; v = json_next(v)) {
    const char *text = json_string(json_get(v, "string_to_sign")), *key = json_string(json_get(v, "hmac_key"));
    const char *want = json_string(json_get(v, "expected")), *sql = scheme_sql(json_string(json_get(v, "scheme")));
    test_note("%s", json_string(json_get(v, "id")));
    if (!text || !want || !sql) continue;
    vector_key = key ? key : json_string(json_get(v, "secret"));
    struct sandbox_param p = { "text", 't', 0, text, strlen(text) };
    CHECK_STR(run(s, &a, sql, SANDBOX_EXPRESSION | SANDBOX_SECRETS, &p, 1), want);
    check_sorted(s, &a, v, text);
    tried++;
  }
  test_note("all");
  CHECK(tried >= 40);
  sandbox_close(s);
  arena_release(&a);
}
