/* The gate, parsed values, the writer. */
#include "base.h"
#include "test.h"
#include <stdio.h>

/* ---- the gate: one row per reason ---------------------------------------------------------------- */

struct gate_case {
  const char *text;
  size_t n;
  const char *why; /* NULL: passes; else a part of the reason */
};
#define OK(t) \
  { \
    t, sizeof(t) - 1, NULL \
  }
#define NO(t, why) \
  { \
    t, sizeof(t) - 1, why \
  }

static const struct gate_case gate_cases[] = {
  /* documents */
  NO("", "ends too early"),
  NO(" \n\t\r ", "ends too early"),
  OK("null"),
  OK(" true "),
  OK("\tfalse\r\n"),
  OK("0"),
  OK("\"\""),
  OK("{}"),
  OK("[]"),
  OK(" { } "),
  OK(" [ ] "),
  NO("{} {}", "follows"),
  NO("1 2", "follows"),
  NO("{}x", "follows"),
  NO("[]]", "follows"),
  NO("{}\0", "follows"),
  NO("null\0null", "follows"),
  NO("\xef\xbb\xbf{}", "byte order mark"),
  NO("\xef\xbb\xbf", "byte order mark"),
  NO("\xff\xfe{", "not a JSON value"),
  NO("// x\n1", "not a JSON value"),
  NO("1 // x", "follows"),
  NO("/* */1", "not a JSON value"),
  NO("\xc2\xa0"
     "1",
     "not a JSON value"),
  NO("\v1", "not a JSON value"),
  NO("\f1", "not a JSON value"),
  NO("\0", "not a JSON value"),
  NO("{}\xef\xbb\xbf", "follows"),
  /* words */
  NO("True", "not a JSON value"),
  NO("TRUE", "not a JSON value"),
  NO("nul", "not a JSON value"),
  NO("nulll", "follows"),
  NO("tru", "not a JSON value"),
  NO("truefalse", "follows"),
  NO("undefined", "not a JSON value"),
  NO("NaN", "not a JSON value"),
  NO("Infinity", "not a JSON value"),
  NO("-Infinity", "not a number"),
  NO("nan", "not a JSON value"),
  NO("'a'", "not a JSON value"),
  NO("n", "not a JSON value"),
  /* numbers (J4) */
  OK("-0"),
  OK("0.0"),
  OK("10"),
  OK("-10"),
  OK("1.5"),
  OK("1e5"),
  OK("1E5"),
  OK("1e+5"),
  OK("1e-5"),
  OK("1.25e10"),
  OK("1e400"),
  OK("-1e-400"),
  OK("9007199254740993"),
  OK("2876543219876543219"),
  OK("4294967297"),
  OK("0e0"),
  OK("0.10"),
  OK("123456789012345678901234567890"),
  OK("[0]"),
  OK("[-1]"),
  OK("-0.0"),
  OK("0E+00"),
  NO("007", "leading zero"),
  NO("00", "leading zero"),
  NO("-01", "leading zero"),
  NO("01.5", "leading zero"),
  NO("1.", "after the point"),
  NO("1.e5", "after the point"),
  NO(".5", "not a JSON value"),
  NO("-.5", "not a number"),
  NO("+1", "not a JSON value"),
  NO("-", "not a number"),
  NO("--1", "not a number"),
  NO("1e", "exponent"),
  NO("1e+", "exponent"),
  NO("1e-", "exponent"),
  NO("1ee5", "exponent"),
  NO("1e5.5", "follows"),
  NO("1.2.3", "follows"),
  NO("0x10", "follows"),
  NO("1_000", "follows"),
  NO("1,000", "follows"),
  NO("1a", "follows"),
  NO("[1 2]", "comma"),
  NO("\xef\xbc\x91", "not a JSON value"),
  NO("- 1", "not a number"),
  NO("1e 5", "exponent"),
  NO("[1.]", "after the point"),
  /* strings */
  OK("\"a\""),
  OK("\" \""),
  OK("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
  OK("\"\\u0041\""),
  OK("\"\\u00e9\\uABCD\""),
  OK("\"\\u0001\""),
  OK("\"\\u001f\""),
  OK("\"\x7f\""),
  OK("\"/\""),
  OK("\"张三\""),
  OK("\"😀\""),
  OK("\"\\ud83d\\ude00\""),
  OK("\"\\uD83D\\uDE00\""),
  OK("\"\\udbff\\udfff\""),
  OK("\"\\ud7ff\""),
  OK("\"\\ue000\""),
  OK("\"\\uffff\""),
  NO("\"", "does not end"),
  NO("\"a", "does not end"),
  NO("\"a\\", "does not end"),
  NO("\"a\\\"", "does not end"),
  NO("\"\\x41\"", "unknown escape"),
  NO("\"\\'\"", "unknown escape"),
  NO("\"\\a\"", "unknown escape"),
  NO("\"\\0\"", "unknown escape"),
  NO("\"\\\0\"", "unknown escape"),
  NO("\"\\U0041\"", "unknown escape"),
  NO("\"\\\n\"", "unknown escape"),
  NO("\"\\u\"", "hexadecimal"),
  NO("\"\\u1\"", "hexadecimal"),
  NO("\"\\u12\"", "hexadecimal"),
  NO("\"\\u123\"", "hexadecimal"),
  NO("\"\\u123g\"", "hexadecimal"),
  NO("\"\\u+123\"", "hexadecimal"),
  NO("\"\\u 123\"", "hexadecimal"),
  NO("\"\\u12", "hexadecimal"),
  /* J6: what must never reach the library */
  NO("\"\\u0000\"", "u0000"),
  NO("\"a\\u0000b\"", "u0000"),
  NO("{\"a\\u0000\":1}", "u0000"),
  NO("\"\0\"", "control"),
  NO("\"\n\"", "control"),
  NO("\"\t\"", "control"),
  NO("\"\x1f\"", "control"),
  NO("\"\x01\"", "control"),
  NO("{\"a\tb\":1}", "control"),
  NO("\"\\ud800\"", "surrogate"),
  NO("\"\\udc00\"", "surrogate"),
  NO("\"\\udfff\"", "surrogate"),
  NO("\"\\ud800x\"", "surrogate"),
  NO("\"\\ud800\\n\"", "surrogate"),
  NO("\"\\ud800\\ud800\"", "surrogate"),
  NO("\"\\ud800\\u0041\"", "surrogate"),
  NO("\"\\ude00\\ud83d\"", "surrogate"),
  NO("\"\\ud83d\\ude0\"", "surrogate"),
  NO("\"\\ud83d\\u\"", "surrogate"),
  NO("\"\\ud83d", "surrogate"),
  NO("\"\\ud83d\\", "surrogate"),
  NO("\"\\ud83d\xed\xb8\x80\"", "surrogate"),
  NO("\"\x80\"", "UTF-8"),
  NO("\"\xbf\"", "UTF-8"),
  NO("\"\xc0\x80\"", "UTF-8"),
  NO("\"\xc0\xaf\"", "UTF-8"),
  NO("\"\xc1\xbf\"", "UTF-8"),
  NO("\"\xc2\"", "UTF-8"),
  NO("\"\xc2", "UTF-8"),
  NO("\"\xe0\x80\xaf\"", "UTF-8"),
  NO("\"\xe0\x9f\xbf\"", "UTF-8"),
  NO("\"\xe4\xbd\"", "UTF-8"),
  NO("\"\xe4\"", "UTF-8"),
  NO("\"\xe4\xbd", "UTF-8"),
  NO("\"\xe4\xbd"
     "a\"",
     "UTF-8"),
  NO("\"\xed\xa0\x80\"", "UTF-8"),
  NO("\"\xed\xbf\xbf\"", "UTF-8"),
  NO("\"\xed\xa0\xbd\xed\xb8\x80\"", "UTF-8"),
  NO("\"\xf0\x80\x80\xaf\"", "UTF-8"),
  NO("\"\xf0\x8f\xbf\xbf\"", "UTF-8"),
  NO("\"\xf4\x90\x80\x80\"", "UTF-8"),
  NO("\"\xf0\x9f\x98\"", "UTF-8"),
  NO("\"\xf0\x9f\"", "UTF-8"),
  NO("\"\xf0\x9f\x98", "UTF-8"),
  NO("\"\xf5\x80\x80\x80\"", "UTF-8"),
  NO("\"\xf8\x88\x80\x80\x80\"", "UTF-8"),
  NO("\"\xfe\"", "UTF-8"),
  NO("\"\xff\"", "UTF-8"),
  NO("\"\xff"
     "123\"",
     "UTF-8"),
  NO("{\"\xff\":1}", "UTF-8"),
  OK("\"\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\""),
  OK("\"\xc2\x80\xdf\xbf\xe0\xa0\x80\""),
  /* arrays and objects */
  OK("[1,2]"),
  OK("[[],{}]"),
  OK("{\"a\":1}"),
  OK("{\"a\":{\"a\":{\"a\":[]}}}"),
  OK("[{\"a\":1},{\"a\":1}]"),
  OK("{\"\":1}"),
  OK("{ \"a\" : [ 1 , 2 ] , \"b\" : null }"),
  OK("[\"a\",\"a\"]"),
  NO("[", "ends too early"),
  NO("{", "ends too early"),
  NO("[1", "ends too early"),
  NO("[1,", "ends too early"),
  NO("{\"a\"", "colon"),
  NO("{\"a\":", "ends too early"),
  NO("{\"a\":1", "ends too early"),
  NO("{\"a\":1,", "ends too early"),
  NO("[1,]", "not a JSON value"),
  NO("[,1]", "not a JSON value"),
  NO("[,]", "not a JSON value"),
  NO("{\"a\":1,}", "key"),
  NO("{,}", "key"),
  NO("{1:2}", "key"),
  NO("{a:1}", "key"),
  NO("{'a':1}", "key"),
  NO("{\"a\" 1}", "colon"),
  NO("{\"a\"::1}", "not a JSON value"),
  NO("{\"a\":}", "not a JSON value"),
  NO("{\"a\":1 \"b\":2}", "comma"),
  NO("{null:1}", "key"),
  NO("[1}", "comma"),
  NO("{\"a\":1]", "comma"),
  NO("]", "not a JSON value"),
  NO("}", "not a JSON value"),
  NO(":", "not a JSON value"),
  NO("{\"a\",\"b\"}", "colon"),
  NO("[\"a\":1]", "comma"),
  NO("[1;2]", "comma"),
  NO("[1:2]", "comma"),
  /* equal keys, also written differently */
  NO("{\"a\":1,\"a\":2}", "same key"),
  NO("{\"a\":1,\"b\":2,\"a\":1}", "same key"),
  NO("{\"a\":1,\"\\u0061\":2}", "same key"),
  NO("{\"\\u0061\":1,\"a\":2}", "same key"),
  NO("{\"\":1,\"\":2}", "same key"),
  NO("{\"a/b\":1,\"a\\/b\":2}", "same key"),
  NO("{\"\\n\":1,\"\\u000a\":2}", "same key"),
  NO("{\"\\n\":1,\"\\u000A\":2}", "same key"),
  NO("{\"张\":1,\"\\u5f20\":2}", "same key"),
  NO("{\"😀\":1,\"\\ud83d\\ude00\":2}", "same key"),
  NO("{\"é\":1,\"\\u00e9\":2}", "same key"),
  NO("{\"\\\"\":1,\"\\u0022\":2}", "same key"),
  NO("{\"long_key_name_x\":1,\"long_key_name_\\u0078\":2}", "same key"),
  NO("[{\"b\":{\"a\":1,\"a\":1}}]", "same key"),
  NO("{\"a\":{\"b\":1},\"a\":{}}", "same key"),
  NO("{\"12345678\":1,\"12345678\":2}", "same key"),
  OK("{\"a\":1,\"A\":2}"),
  OK("{\"a\":1,\"a \":2}"),
  OK("{\"a\":1,\"b\":{\"a\":1}}"),
  OK("{\"12345678\":1,\"123456789\":2}"),
  OK("{\"12345678a\":1,\"12345678b\":2}"),
  OK("{\"a\":1,\"\\u0001\":2,\"a\\u0001\":3}"),
  OK("{\"é\":1,\"e\xcc\x81\":2}"),
  OK("{\"a\":{\"x\":1},\"b\":{\"x\":1}}"),
  OK("{\"\\u0061b\":1,\"a\":2}"),
  OK("{\"b\\\\\":1,\"b\":1}"),
};

TEST(gate_table)
{
  CHECK(COUNT(gate_cases) >= 150);
  for (size_t i = 0; i < COUNT(gate_cases); i++) {
    const struct gate_case *c = &gate_cases[i];
    char *exact = mem_new(c->n ? c->n : 1); /* of exact size: a read behind the end is seen by ASan */
    memcpy(exact, c->text, c->n);
    const char *why = "";
    size_t at = SIZE_MAX;
    test_note("row %zu: %s", i, c->text);
    bool ok = json_gate(exact, c->n, JSON_ELEMENTS_MAX, &why, &at);
    CHECK_INT(ok, c->why == NULL);
    CHECK(at <= c->n);
    if (ok) CHECK(!why && at == c->n);
    else if (c->why && !strstr(why, c->why)) CHECK_STR(why, c->why);
    mem_free(exact);
  }
}

static bool gate_buf(const struct buf *b, size_t elements_max, const char **why)
{
  size_t at;
  return json_gate(b->data, b->len, elements_max, why, &at);
}

TEST(gate_says_where)
{
  static const struct {
    const char *text;
    size_t at;
  } cases[] = {
    { "{\"a\":1,\"a\":2}", 7 }, { "[1,x]", 3 }, { "{} 1", 3 },
    { "\"ab\x01\"", 3 },        { "[1", 2 },    { "[0,01]", 3 },
    { "\"a\\q\"", 2 },
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    const char *why;
    size_t at;
    test_note("%s", cases[i].text);
    CHECK(!json_gate(cases[i].text, strlen(cases[i].text), 100, &why, &at));
    CHECK_INT(at, cases[i].at);
  }
}

static void put_times(struct buf *b, const char *s, int n)
{
  while (n-- > 0) buf_str(b, s);
}

TEST(gate_depth)
{
  static const struct {
    int depth;
    bool ok;
  } cases[] = { { 1, true }, { 31, true }, { 32, true }, { 33, false }, { 100000, false } };
  for (size_t i = 0; i < COUNT(cases); i++)
    for (int object = 0; object < 2; object++) {
      struct buf b = { 0 };
      const char *why;
      put_times(&b, object ? "{\"a\":" : "[", cases[i].depth - object);
      if (object) buf_str(&b, "{}");
      put_times(&b, object ? "}" : "]", cases[i].depth - object);
      test_note("depth %d, object %d", cases[i].depth, object);
      CHECK_INT(gate_buf(&b, JSON_ELEMENTS_MAX, &why), cases[i].ok);
      if (!cases[i].ok) CHECK_STR(why, "nested too deeply");
      struct arena a = { 0 };
      struct faults f = { .mem = &a };
      CHECK_INT(json_parse(&a, b.data, b.len, JSON_ELEMENTS_MAX, &f) != NULL, cases[i].ok);
      arena_release(&a);
      buf_release(&b);
    }
}

/* J2: many tiny elements. */
TEST(gate_elements)
{
  struct buf b = { 0 };
  const char *why;
  buf_str(&b, "[0");
  put_times(&b, ",0", 9);
  buf_str(&b, "]"); /* eleven values with the array */
  CHECK(gate_buf(&b, 11, &why));
  CHECK(!gate_buf(&b, 10, &why));
  CHECK_STR(why, "too many elements");
  CHECK(!gate_buf(&b, 0, &why));
  b.len = 0;
  buf_str(&b, "[");
  put_times(&b, "[],", 300000);
  buf_str(&b, "[]]");
  CHECK(!gate_buf(&b, JSON_ELEMENTS_MAX, &why));
  CHECK_STR(why, "too many elements");
  buf_release(&b);
}

/* Objects on both sides of the border between comparing at once and sorting at the end. */
TEST(gate_many_keys)
{
  static const int sizes[] = { 2, 23, 24, 25, 26, 63, 64, 65, 66, 200, 5000 };
  for (size_t i = 0; i < COUNT(sizes); i++)
    for (int again = -1; again<sizes[i] - 1; again += sizes[i]> 100 ? sizes[i] / 7 : 1) {
      struct buf b = { 0 };
      const char *why;
      buf_char(&b, '{');
      for (int k = 0; k < sizes[i] - 1; k++) buf_printf(&b, "\"common_start_%d\":{\"x\":%d},", k, k);
      buf_printf(&b, "\"common\\u005fstart_%d\":[]}", again);
      test_note("%d keys, the last like number %d", sizes[i], again);
      CHECK_INT(gate_buf(&b, 50000, &why), again < 0);
      buf_release(&b);
    }
}

/* 20,000 keys, with the longest common start, given backwards: n log n, so this returns at once. */
TEST(gate_20000_keys)
{
  struct buf b = { 0 };
  const char *why;
  buf_char(&b, '{');
  for (int k = 19998; k > 0; k--)
    buf_printf(&b, "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\\u0061%d\":0,", k);
  buf_str(&b, "\"a\":0}");
  CHECK(gate_buf(&b, JSON_ELEMENTS_MAX, &why));
  buf_release(&b);
}

/* Keys of an object that is still open, with big objects inside it. */
TEST(gate_keys_per_level)
{
  struct buf b = { 0 };
  const char *why;
  buf_str(&b, "{\"outer\":0");
  for (int k = 0; k < 60; k++) {
    buf_printf(&b, ",\"k%d\":{\"outer\":0", k);
    for (int m = 0; m < 60; m++) buf_printf(&b, ",\"k%d\":0", m);
    buf_char(&b, '}');
  }
  size_t len = b.len;
  buf_str(&b, "}");
  CHECK(gate_buf(&b, JSON_ELEMENTS_MAX, &why));
  b.len = len;
  buf_str(&b, ",\"outer\":1}");
  CHECK(!gate_buf(&b, JSON_ELEMENTS_MAX, &why));
  buf_release(&b);
}

/* ---- parsed values ------------------------------------------------------------------------------- */

static struct json *parsed(struct arena *a, const char *text)
{
  struct faults f = { .mem = a };
  return json_parse(a, text, strlen(text), JSON_ELEMENTS_MAX, &f);
}

TEST(json_fault_of_the_gate)
{
  struct arena a = { 0 };
  struct faults f = { .mem = &a };
  CHECK(!json_parse(&a, "{\"a\":01}", 8, 100, &f));
  CHECK_INT(f.n, 1);
  CHECK_STR(f.at[0].pointer, "");
  CHECK_STR(f.at[0].code, "bad_json");
  CHECK_STR(f.at[0].detail, "a number with a leading zero, at byte 5");
  arena_release(&a);
}

TEST(faults_are_counted_when_not_kept)
{
  struct arena a = { 0 };
  struct faults f = { .mem = &a };
  for (int i = 0; i < 40; i++) fault_add(&f, "/lines/0", "too_small", "number %d", i);
  CHECK_INT(f.n, 40);
  CHECK_STR(f.at[0].detail, "number 0");
  CHECK_STR(f.at[15].detail, "number 15");
  arena_release(&a);
}

TEST(json_getters)
{
  struct arena a = { 0 };
  const struct json *j = parsed(
    &a, "{\"s\":\"张\\n\",\"n\":12.50,\"t\":true,\"f\":false,\"z\":null,\"l\":[1,[],\"x\"],\"o\":{\"s\":1}}");
  REQUIRE(j);
  CHECK_INT(json_type(j), JSON_OBJECT);
  CHECK_INT(json_count(j), 7);
  CHECK_STR(json_string(json_get(j, "s")), "张\n");
  CHECK(!json_get(j, "S") && !json_get(j, "x") && !json_get(j, ""));
  CHECK_STR(json_number(json_get(j, "n")), "12.50");
  CHECK(!json_string(json_get(j, "n")) && !json_number(json_get(j, "s")));
  CHECK_INT(json_type(json_get(j, "n")), JSON_NUMBER);
  CHECK(json_bool(json_get(j, "t")) && !json_bool(json_get(j, "f")) && !json_bool(json_get(j, "z")));
  CHECK_INT(json_type(json_get(j, "f")), JSON_BOOL);
  CHECK_INT(json_type(json_get(j, "z")), JSON_NULL);
  const struct json *l = json_get(j, "l");
  CHECK_INT(json_count(l), 3);
  CHECK_STR(json_string(json_at(l, 2)), "x");
  CHECK_STR(json_number(json_at(l, 0)), "1");
  CHECK(!json_at(l, 3) && !json_get(l, "0") && !json_key(json_at(l, 0)));
  CHECK_INT(json_type(json_at(l, 1)), JSON_ARRAY);
  CHECK(!json_first(json_at(l, 1)) && !json_first(json_get(j, "s")));
  CHECK_STR(json_key(json_first(j)), "s");
  CHECK_STR(json_key(json_next(json_first(j))), "n");
  CHECK_STR(json_number(json_get(json_get(j, "o"), "s")), "1");
  arena_release(&a);
}

/* Every getter answers for a value that is not there. */
TEST(json_getters_of_nothing)
{
  int64_t v = 7;
  CHECK_INT(json_type(NULL), JSON_NULL);
  CHECK(!json_string(NULL) && !json_number(NULL) && !json_bool(NULL) && !json_int(NULL, &v));
  CHECK(!json_get(NULL, "a") && !json_at(NULL, 0) && !json_first(NULL) && !json_next(NULL) &&
        !json_key(NULL));
  CHECK_INT(json_count(NULL), 0);
  CHECK_INT(v, 7);
}

TEST(json_numbers_keep_their_text)
{
  static const char *const texts[] = {
    "0",
    "-0",
    "9007199254740993",
    "2876543219876543219",
    "1234567890123460",
    "1e400",
    "1.10",
    "199.00",
    "1E+2",
    "0.1000000000000000055511151231257827",
    "18446744073709551616",
    "-9223372036854775808",
  };
  for (size_t i = 0; i < COUNT(texts); i++) {
    struct arena a = { 0 };
    test_note("%s", texts[i]);
    CHECK_STR(json_number(parsed(&a, texts[i])), texts[i]);
    const struct json *j = parsed(
      &a, arena_printf(&a, "{\"a\\\"1\":[%s,\"%s\",%s],\"-2\":%s}", texts[i], texts[i], texts[i], texts[i]));
    CHECK_STR(json_number(json_at(json_get(j, "a\"1"), 0)), texts[i]);
    CHECK_STR(json_string(json_at(json_get(j, "a\"1"), 1)), texts[i]);
    CHECK_STR(json_number(json_at(json_get(j, "a\"1"), 2)), texts[i]);
    CHECK_STR(json_number(json_get(j, "-2")), texts[i]);
    arena_release(&a);
  }
}

TEST(json_int_is_exact)
{
  static const struct {
    const char *text;
    bool ok;
    int64_t want;
  } cases[] = {
    { "0", true, 0 },
    { "-0", true, 0 },
    { "1", true, 1 },
    { "-1", true, -1 },
    { "4294967297", true, 4294967297 },
    { "9007199254740993", true, 9007199254740993 },
    { "9223372036854775807", true, INT64_MAX },
    { "-9223372036854775808", true, INT64_MIN },
    { "9223372036854775808", false, 0 },
    { "-9223372036854775809", false, 0 },
    { "18446744073709551616", false, 0 },
    { "1.5", false, 0 },
    { "1.0", false, 0 },
    { "1e2", false, 0 },
    { "1e400", false, 0 },
    { "-1E0", false, 0 },
    { "\"1\"", false, 0 },
    { "true", false, 0 },
    { "null", false, 0 },
    { "[1]", false, 0 },
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct arena a = { 0 };
    int64_t v = -77;
    test_note("%s", cases[i].text);
    CHECK_INT(json_int(parsed(&a, cases[i].text), &v), cases[i].ok);
    CHECK_INT(v, cases[i].ok ? cases[i].want : -77);
    arena_release(&a);
  }
}

/* ---- the writer ---------------------------------------------------------------------------------- */

TEST(jw_shapes)
{
  struct buf b = { 0 };
  struct jw w;
  jw_init(&w, &b);
  jw_object(&w);
  jw_kstring(&w, "a", "x"), jw_kstring(&w, "b", NULL), jw_kint(&w, "c", INT64_MIN), jw_kbool(&w, "d", true);
  jw_key(&w, "e"), jw_array(&w), jw_int(&w, 1), jw_null(&w), jw_array(&w), jw_array_end(&w),
    jw_bool(&w, false);
  jw_object(&w), jw_object_end(&w), jw_raw(&w, "[2]", 3), jw_array_end(&w);
  jw_ktime(&w, "t", 0), jw_ktime(&w, "u", 1478140998123), jw_kmoney(&w, "m", -105, "CNY"),
    jw_kmoney(&w, "y", 300, "JPY");
  jw_object_end(&w);
  CHECK_STR(b.data,
            "{\"a\":\"x\",\"b\":null,\"c\":-9223372036854775808,\"d\":true,\"e\":[1,null,[],false,{},[2]],"
            "\"t\":null,\"u\":\"2016-11-03T02:43:18.123Z\",\"m\":{\"amount\":\"-1.05\",\"currency\":\"CNY\"},"
            "\"y\":{\"amount\":\"300\",\"currency\":\"JPY\"}}");
  buf_release(&b);
}

TEST(jw_strings)
{
  static const struct {
    const char *in;
    size_t n;
    const char *want;
  } cases[] = {
#define S(in, want) { in, sizeof(in) - 1, "\"" want "\"" }
    S("", ""),
    S("a", "a"),
    S("\"\\/", "\\\"\\\\/"),
    S("\b\f\n\r\t", "\\b\\f\\n\\r\\t"),
    S("\x01\x1f\x7f", "\\u0001\\u001f\x7f"),
    S("张三😀é", "张三😀é"),
    S("a\0b", "a\xef\xbf\xbd"
              "b"),
    S("\xff", "\xef\xbf\xbd"),
    S("a\xc3", "a\xef\xbf\xbd"),
    S("\xc3(", "\xef\xbf\xbd("),
    S("\xe4\xbd", "\xef\xbf\xbd\xef\xbf\xbd"),
    S("\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd"),
    S("\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"),
    S("\xe4\xbd\xa0\xe4\xbd", "你\xef\xbf\xbd\xef\xbf\xbd"),
    S("\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"),
    S("\xf0\x9f\x98\x80\x80", "😀\xef\xbf\xbd"),
#undef S
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct buf b = { 0 };
    struct jw w;
    const char *why;
    jw_init(&w, &b);
    test_note("row %zu", i);
    jw_stringn(&w, cases[i].in, cases[i].n);
    CHECK_STR(b.data, cases[i].want);
    CHECK(gate_buf(&b, 10, &why));
    buf_release(&b);
  }
}

/* ---- properties ---------------------------------------------------------------------------------- */

static bool equal(const struct json *x, const struct json *y)
{
  if (json_type(x) != json_type(y) || json_count(x) != json_count(y)) return false;
  const char *s = json_type(x) == JSON_NUMBER ? json_number(x) : json_string(x);
  const char *t = json_type(y) == JSON_NUMBER ? json_number(y) : json_string(y);
  if ((s != NULL) != (t != NULL) || (s && strcmp(s, t)) || json_bool(x) != json_bool(y)) return false;
  for (x = json_first(x), y = json_first(y); x; x = json_next(x), y = json_next(y)) {
    const char *k = json_key(x), *l = json_key(y);
    if ((k != NULL) != (l != NULL) || (k && strcmp(k, l)) || !equal(x, y)) return false;
  }
  return true;
}

static uint32_t below(uint64_t *seed, uint32_t n)
{
  return (uint32_t)(test_random(seed) % n);
}

static void random_text(struct buf *b, uint64_t *seed)
{
  static const char *const piece[] = {
    "a",       "张", "😀", "\\u0041", "\\ud83d\\ude00", "\\n", "\\\"",    "\\\\", "\\/",
    "\\u0001", "é",  "0", "-1",      "\x7f",           " ",   "\\uFFFF",
  };
  buf_char(b, '"');
  for (uint32_t n = below(seed, 6); n; n--) buf_str(b, piece[below(seed, COUNT(piece))]);
}

static void random_value(struct buf *b, uint64_t *seed, int depth)
{
  static const char *const number[] = { "0",    "-0.5", "1e400", "9007199254740993", "12345678901234567890",
                                        "3.00", "7E-3" };
  static const char *const word[] = { "true", "false", "null" };
  static const char *const gap[] = { "", "", " ", "\n\t", "\r\n" };
  uint32_t kind = below(seed, depth < 5 ? 8 : 4);
  buf_str(b, gap[below(seed, COUNT(gap))]);
  if (kind < 2) {
    random_text(b, seed), buf_char(b, '"');
  } else if (kind < 4) {
    buf_str(b, kind == 2 ? number[below(seed, COUNT(number))] : word[below(seed, COUNT(word))]);
  } else {
    bool object = kind < 6;
    buf_char(b, object ? '{' : '[');
    for (uint32_t i = 0, n = below(seed, below(seed, 20) ? 6 : 60); i < n; i++) {
      if (i) buf_char(b, ',');
      if (object) random_text(b, seed), buf_printf(b, "%u\":", i); /* the number keeps keys different */
      random_value(b, seed, depth + 1);
    }
    buf_char(b, object ? '}' : ']');
  }
  buf_str(b, gap[below(seed, COUNT(gap))]);
}

/* What passes the gate is parsed, and written again is the same value; twice written is the same text. */
static void check_round_trip(const struct buf *text)
{
  struct arena a = { 0 };
  struct faults f = { .mem = &a };
  struct buf once = { 0 }, twice = { 0 };
  struct jw w;
  const struct json *x = json_parse(&a, text->data, text->len, 1000000, &f);
  if (CHECK(x != NULL)) {
    jw_init(&w, &once), jw_json(&w, x);
    const struct json *y = json_parse(&a, once.data, once.len, 1000000, &f);
    if (CHECK(y != NULL)) {
      CHECK(equal(x, y));
      jw_init(&w, &twice), jw_json(&w, y);
      CHECK_MEM(once.data, once.len, twice.data, twice.len);
    }
  }
  buf_release(&once), buf_release(&twice);
  arena_release(&a);
}

TEST(json_random_documents)
{
  for (uint64_t i = 0; i < 3000; i++) {
    uint64_t seed = i;
    struct buf b = { 0 };
    const char *why;
    random_value(&b, &seed, 0);
    test_note("seed %llu: %.180s", (unsigned long long)i, b.data);
    if (CHECK(gate_buf(&b, 1000000, &why))) check_round_trip(&b);
    buf_release(&b);
  }
}

TEST(json_random_damage)
{
  int accepted = 0;
  for (uint64_t i = 0; i < 6000; i++) {
    uint64_t seed = i << 20;
    struct buf b = { 0 };
    const char *why = NULL;
    random_value(&b, &seed, 2);
    for (uint32_t n = 1 + below(&seed, 3); n; n--)
      b.data[below(&seed, (uint32_t)b.len)] = (char)below(&seed, 256);
    if (!below(&seed, 4)) b.len = below(&seed, (uint32_t)b.len + 1);
    test_note("seed %llu", (unsigned long long)i);
    if (gate_buf(&b, 1000000, &why)) check_round_trip(&b), accepted++;
    else CHECK(why != NULL);
    buf_release(&b);
  }
  CHECK(accepted > 100 && accepted < 5900); /* both ways are really walked */
}

/* Strings are read eight letters at a time: every byte at every place among plain ones. */
TEST(json_gate_each_byte_at_each_place)
{
  enum { LETTERS = 20 };
  for (int at = 0; at < LETTERS; at++)
    for (int byte = 0; byte < 256; byte++) {
      char text[LETTERS + 2];
      const char *why;
      size_t where;
      memset(text, 'a', sizeof text);
      text[0] = text[LETTERS + 1] = '"', text[at + 1] = (char)byte;
      bool is_plain = byte >= ' ' && byte < 0x80 && byte != '"' && byte != '\\';
      test_note("byte %d at %d", byte, at);
      CHECK_INT(json_gate(text, sizeof text, 10, &why, &where), is_plain);
    }
}

TEST(json_gate_long_keys)
{
  static const struct {
    const char *text;
    bool ok;
  } t[] = {
    { "{\"aaaaaaaa\":1,\"aaaaaaaab\":2,\"aaaaaaaac\":3,\"aaaaaaa\":4,\"\":5}", true },
    { "{\"aaaaaaaab\":1,\"aaaaaaaab\":2}", false },
    { "{\"aaaaaaaab\":1,\"aaaaaaaa\\u0062\":2}", false },
    { "{\"abc\":1,\"\\u0061bc\":2}", false },
    { "{\"\":1,\"\":2}", false },
    { "{\"中文中文\":1,\"中文中文文\":2}", true },
    { "{\"中文中文\":1,\"中文中\\u6587\":2}", false },
  };
  for (size_t i = 0; i < COUNT(t); i++) {
    const char *why;
    size_t where;
    test_note("%s", t[i].text);
    CHECK_INT(json_gate(t[i].text, strlen(t[i].text), 100, &why, &where), t[i].ok);
  }
}
