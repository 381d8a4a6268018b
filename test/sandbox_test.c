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
  return !strcmp(name, "app_secret") ? "helloworld" : !strcmp(name, "odd") ? "$.hush-hush[" : NULL;
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
  else sandbox_values(s, secret_of, setting_of, NULL);
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
