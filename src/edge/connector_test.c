/* connector_test.c: the [example]s of a file, run without a network: a recorded answer in, what the file says about
 * it out, compared with what its author expects. An order is mapped a second time from what the inbox would keep of
 * it, and read as an order. */
#include "edge.h"
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define NOW_MS 1767225600000ll /* 2026-01-01T00:00:00Z, unless the example says otherwise */
#define WINDOW_MS (30ll * 60 * 1000)
#define NONCE "0123456789abcdef0123456789abcdef"

struct trial {
  struct arena *a;
  const struct connector *c;
  const struct connector_example *e;
  struct connector_box *b;
  struct connector_vars v;
  struct connector_answer ans;
  const struct json *secrets, *settings, *expect;
  const char *section, *request;
  const char *why;
};

static const char *key_of(const struct trial *r, const char *key)
{
  for (size_t i = 0; i < r->e->keys; i++)
    if (!strcmp(r->e->key[i].key, key)) return r->e->key[i].value;
  return NULL;
}

static bool fail(struct trial *r, const char *fmt, ...) PRINTF(2, 3);
static bool fail(struct trial *r, const char *fmt, ...)
{
  struct buf b = { 0 };
  va_list ap;
  char text[2048];
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  buf_str(&b, text);
  while (b.len && !utf8_valid(b.data, b.len)) b.len--;
  r->why = arena_strn(r->a, b.data, b.len);
  buf_release(&b);
  return false;
}

static const char *json_text(struct arena *a, const struct json *j)
{
  struct buf b = { 0 };
  struct jw w;
  jw_init(&w, &b), jw_json(&w, j);
  const char *text = arena_strn(a, b.data, b.len);
  buf_release(&b);
  return text;
}

/* ---- comparing -------------------------------------------------------------------------------------------------- */
static const char *scalar(const struct json *j)
{
  if (json_type(j) == JSON_STRING) return json_string(j);
  if (json_type(j) == JSON_NUMBER) return json_number(j);
  return json_type(j) == JSON_BOOL ? json_bool(j) ? "true" : "false" : NULL;
}

static bool differ(struct trial *r, const char *at, const struct json *is, const struct json *want)
{
  return fail(r, "%s is %.300s, expected %.300s", *at ? at : "it", json_text(r->a, is),
              json_text(r->a, want));
}

/* A text that holds JSON where an array or object is expected: a column of rows. */
static const struct json *unpacked(struct trial *r, const struct json *is, const struct json *want)
{
  bool is_deep = json_type(want) == JSON_ARRAY || json_type(want) == JSON_OBJECT;
  if (!is_deep || json_type(is) != JSON_STRING) return is;
  struct faults f = { .mem = r->a };
  const struct json *j =
    json_parse(r->a, json_string(is), strlen(json_string(is)), CONNECTOR_ELEMENTS_MAX, &f);
  return j ? j : is;
}

static bool same(struct trial *r, const char *at, const struct json *is, const struct json *want);

static bool same_members(struct trial *r, const char *at, const struct json *is, const struct json *want)
{
  for (const struct json *m = json_first(want); m; m = json_next(m))
    if (!same(r, json_pointer(r->a, at, json_key(m)), json_get(is, json_key(m)), m)) return false;
  for (const struct json *m = json_first(is); m; m = json_next(m))
    if (json_type(m) != JSON_NULL && !json_get(want, json_key(m)))
      return fail(r, "%s is %.300s, which was not expected", json_pointer(r->a, at, json_key(m)),
                  json_text(r->a, m));
  return true;
}

static bool same_elements(struct trial *r, const char *at, const struct json *is, const struct json *want)
{
  const struct json *x = json_first(is), *y = json_first(want);
  for (size_t i = 0; x && y; i++, x = json_next(x), y = json_next(y))
    if (!same(r, arena_printf(r->a, "%s/%zu", at, i), x, y)) return false;
  if (json_count(is) == json_count(want)) return true;
  return fail(r, "%s has %zu elements, expected %zu: %.300s", *at ? at : "it", json_count(is),
              json_count(want), json_text(r->a, is));
}

/* A member that is null and one that is missing are the same; so are 12 and "12". */
static bool same(struct trial *r, const char *at, const struct json *is, const struct json *want)
{
  is = unpacked(r, is, want);
  enum json_type t = json_type(is), u = json_type(want);
  if (t == JSON_OBJECT && u == JSON_OBJECT) return same_members(r, at, is, want);
  if (t == JSON_ARRAY && u == JSON_ARRAY) return same_elements(r, at, is, want);
  if (t == JSON_NULL && u == JSON_NULL) return true;
  const char *x = scalar(is), *y = scalar(want);
  return (x && y && !strcmp(x, y)) || differ(r, at, is, want);
}

static const struct json *parsed(struct trial *r, const char *text, const char *what)
{
  struct faults f = { .mem = r->a };
  const struct json *j = json_parse(r->a, text, strlen(text), CONNECTOR_ELEMENTS_MAX, &f);
  if (!j) fail(r, "%s is no JSON: %s", what, f.n ? f.at[0].detail : "");
  return j;
}

static bool compare(struct trial *r, const char *text)
{
  if (!r->expect) return true;
  const struct json *is = parsed(r, text, "the result");
  return is && same(r, "", is, r->expect);
}

/* ---- the example's own values ---------------------------------------------------------------------------------------- */
static const char *secret(void *arg, const char *name)
{
  struct trial *r = arg;
  const char *given = scalar(json_get(r->secrets, name));
  if (given) return given;
  for (size_t i = 0; i < r->c->secrets; i++)
    if (!strcmp(r->c->secret[i].name, name) && !r->c->secret[i].optional)
      return arena_printf(r->a, "fictional-%s", name);
  return NULL;
}

static const char *setting(void *arg, const char *name)
{
  struct trial *r = arg;
  return scalar(json_get(r->settings, name));
}

static bool json_read(struct trial *r, const char *key, enum json_type type, const struct json **out)
{
  const char *text = key_of(r, key);
  if (!text) return true;
  *out = parsed(r, text, key);
  if (*out && json_type(*out) != type)
    return fail(r, "%s is not a JSON %s", key, type == JSON_OBJECT ? "object" : "array");
  return *out;
}

static bool time_read(struct trial *r, const char *key, int64_t *out)
{
  const char *text = key_of(r, key);
  if (!text || time_parse_loose(text, r->c->zone_min, out)) return true;
  return fail(r, "%s is no time: write 2026-01-01T08:00:00+08:00", key);
}

static bool read_headers(struct trial *r)
{
  const struct json *j = NULL;
  if (!json_read(r, "headers", JSON_OBJECT, &j)) return false;
  r->ans.header = arena_array(r->a, struct http_field, json_count(j) + 1);
  for (const struct json *m = json_first(j); m; m = json_next(m)) {
    char *name = arena_str(r->a, json_key(m));
    for (char *p = name; *p; p++) *p = *p >= 'A' && *p <= 'Z' ? (char)(*p + 32) : *p;
    r->ans.header[r->ans.headers++] = (struct http_field){ name, scalar(m) ? scalar(m) : "" };
  }
  return true;
}

static int64_t number_of(const struct trial *r, const char *key)
{
  return key_of(r, key) ? strtoll(key_of(r, key), NULL, 10) : 0;
}

/* What is told to the platform; the carrier is ours, as in life. */
static bool effect_read(struct trial *r)
{
  struct connector_effect *e = arena_new(r->a, struct connector_effect);
  *e = (struct connector_effect){ .order_id = key_of(r, "order_id"),
                                  .carrier_code = key_of(r, "carrier"),
                                  .tracking_no = key_of(r, "tracking_no"),
                                  .lines = key_of(r, "lines"),
                                  .prepared = key_of(r, "prepared"),
                                  .shipped_ms = r->v.now_ms,
                                  .parcel = number_of(r, "parcel"),
                                  .whole = number_of(r, "whole"),
                                  .sku = key_of(r, "sku"),
                                  .quantity = number_of(r, "quantity"),
                                  .case_id = key_of(r, "case_id"),
                                  .refund_id = key_of(r, "refund_id"),
                                  .amount = key_of(r, "amount"),
                                  .amount_minor = number_of(r, "amount_minor"),
                                  .currency = key_of(r, "currency"),
                                  .reason = key_of(r, "reason"),
                                  .what = key_of(r, "what") };
  r->v.effect = e;
  if (e->carrier_code && !connector_carrier(r->b, r->a, e->carrier_code, &e->carrier))
    return fail(r, "[carriers] has no %s", e->carrier_code);
  return time_read(r, "shipped", &e->shipped_ms) && (!e->what || parsed(r, e->what, "what")) &&
         (!e->lines || parsed(r, e->lines, "lines")) && (!e->prepared || parsed(r, e->prepared, "prepared"));
}

static bool read_all(struct trial *r)
{
  const struct connector_request *list = connector_request(r->c, "list");
  const char *page = key_of(r, "page"), *status = key_of(r, "status"), *expect = key_of(r, "expect");
  r->section = key_of(r, "section");
  r->v.now_ms = NOW_MS, r->v.nonce = key_of(r, "nonce") ? key_of(r, "nonce") : NONCE;
  if (!time_read(r, "now", &r->v.now_ms)) return false;
  r->v.to_ms = r->v.now_ms, r->v.from_ms = r->v.now_ms - WINDOW_MS;
  if (!time_read(r, "from", &r->v.from_ms) || !time_read(r, "to", &r->v.to_ms)) return false;
  r->v.page = page ? strtoll(page, NULL, 10) : list ? list->first_page : 1;
  r->v.cursor = key_of(r, "cursor"), r->v.id = key_of(r, "id"), r->v.ids = key_of(r, "ids"),
  r->v.rows = key_of(r, "rows");
  r->v.host = key_of(r, "host");
  r->ans.status = status ? (int)strtol(status, NULL, 10) : 200;
  r->ans.body = key_of(r, "body") ? key_of(r, "body") : "", r->ans.body_n = strlen(r->ans.body);
  if (expect && !(r->expect = parsed(r, expect, "expect"))) return false;
  return read_headers(r) && json_read(r, "secrets", JSON_OBJECT, &r->secrets) &&
         json_read(r, "settings", JSON_OBJECT, &r->settings) && (!r->v.ids || parsed(r, r->v.ids, "ids")) &&
         (!r->v.rows || parsed(r, r->v.rows, "rows")) && effect_read(r);
}

/* ---- rows of a section ------------------------------------------------------------------------------------------------- */
struct printing {
  struct jw w;
  int least; /* columns that are always printed */
};

static bool print_row(void *arg, const struct sandbox_value *v, int n)
{
  struct printing *p = arg;
  while (n > p->least && v[n - 1].kind == 'n') n--;
  jw_array(&p->w);
  for (int i = 0; i < n; i++)
    if (v[i].kind == 'n') jw_null(&p->w);
    else if (v[i].kind == 'i') jw_int(&p->w, v[i].i);
    else jw_stringn(&p->w, v[i].text, v[i].n);
  jw_array_end(&p->w);
  return true;
}

/* [["a"],["b"]] may be written ["a","b"], and rows may leave out what is NULL at their end. */
static const struct json *row_shape(struct trial *r, const struct json *want)
{
  struct buf b = { 0 };
  struct jw w;
  jw_init(&w, &b), jw_array(&w);
  for (const struct json *j = json_first(want); j; j = json_next(j)) {
    bool is_row = json_type(j) == JSON_ARRAY;
    size_t n = is_row ? json_count(j) : 1;
    while (is_row && n > 1 && json_type(json_at(j, n - 1)) == JSON_NULL) n--;
    jw_array(&w);
    if (!is_row) jw_json(&w, j);
    for (size_t i = 0; is_row && i < n; i++) jw_json(&w, json_at(j, i));
    jw_array_end(&w);
  }
  jw_array_end(&w);
  const struct json *out = parsed(r, arena_strn(r->a, b.data, b.len), "expect");
  buf_release(&b);
  return out;
}

static bool run_rows(struct trial *r, const struct connector_sql *q)
{
  struct connector_params p = { .n = 0 };
  struct buf b = { 0 };
  struct printing out = { .least = 1 };
  const char *ignored;
  params_vars(&p, r->c, r->request, &r->v);
  params_answer(&p, r->a, &r->ans, answer_gate(r->a, &r->ans, &ignored), 4096);
  jw_init(&out.w, &b), jw_array(&out.w);
  bool ok = box_run(r->b, r->a, q, &p, print_row, &out, &r->why);
  jw_array_end(&out.w);
  const char *text = arena_strn(r->a, b.data, b.len);
  buf_release(&b);
  if (r->expect) r->expect = row_shape(r, r->expect);
  return ok && compare(r, text);
}

/* What the rows mean to orderd, beyond being those that were expected. */
static bool run_meaning(struct trial *r, const char *word)
{
  struct connector_id *id;
  struct connector_token *token;
  struct connector_group *group;
  const char *cursor;
  int64_t pages;
  size_t n;
  if (!strcmp(word, "next")) return connector_next(r->b, r->a, r->request, &r->ans, &r->v, &cursor, &r->why);
  if (!strcmp(word, "pages")) return connector_pages(r->b, r->a, &r->ans, &r->v, &pages, &r->why);
  if (!strcmp(word, "ids")) return connector_ids(r->b, r->a, r->section, &r->ans, &r->v, &id, &n, &r->why);
  if (!strcmp(word, "tokens")) return connector_tokens(r->b, r->a, &r->ans, &r->v, &token, &n, &r->why);
  if (!strcmp(word, "groups")) return connector_groups(r->b, r->a, &r->ans, &r->v, &group, &n, &r->why);
  return true;
}

static bool run_errors(struct trial *r, const struct connector_sql *q)
{
  struct verdict v;
  connector_judge(r->b, r->a, r->request, &r->ans, &r->v, &v);
  if (!strcmp(v.code, "connector_failed")) return fail(r, "%s", v.message);
  return run_rows(r, q);
}

static bool judged_good(struct trial *r)
{
  struct verdict v;
  connector_judge(r->b, r->a, r->request, &r->ans, &r->v, &v);
  /* [orders] alone reads the answers of both requests */
  if (!strcmp(v.code, "unexpected") && !strcmp(r->section, "orders") && r->c->has_one &&
      !connector_section(r->c, "orders one"))
    connector_judge(r->b, r->a, "one", &r->ans, &r->v, &v);
  return v.kind == VERDICT_OK ||
         fail(r, "the answer is judged %s: %s %s", verdict_name(v.kind), v.code, v.message);
}

/* ---- orders -------------------------------------------------------------------------------------------------------------- */
static bool order_valid(struct trial *r, const struct connector_order *o, size_t i)
{
  struct faults f = { .mem = r->a };
  struct json_span s = json_span_of(o->order, o->order_n);
  const char *rest = s.p + 1 + strspn(s.p + 1, " \t\r\n");
  const char *text = arena_printf(r->a, "{\"channel\":\"example\"%s%s", *rest == '}' ? "" : ",", rest);
  const struct json *j = json_parse(r->a, text, strlen(text), JSON_ELEMENTS_MAX, &f);
  if (j && draft_parse(r->a, j, "", &f)) return true;
  return fail(r, "order %zu is not taken: %s: %s", i, f.n ? f.at[0].pointer : "", f.n ? f.at[0].detail : "?");
}

static bool order_again(struct trial *r, const struct connector_order *o, size_t i)
{
  struct connector_order again;
  if (!connector_again(r->b, r->a, o->raw, o->raw_n, &r->v, &again, &r->why)) return false;
  const struct json *want = parsed(r, o->order, "the order"), *is = parsed(r, again.order, "the order");
  if (!want || !is) return false;
  if (same(r, "", is, want)) return true;
  return fail(
    r,
    "order %zu mapped again from what is kept of it differs: %s (a mapping may read its own row, :rows and setting() only)",
    i, r->why);
}

static bool run_orders(struct trial *r)
{
  struct connector_order *list;
  struct buf b = { 0 };
  size_t n;
  if (!judged_good(r) || !connector_orders(r->b, r->a, r->section, &r->ans, &r->v, &list, &n, &r->why))
    return false;
  buf_char(&b, '[');
  for (size_t i = 0; i < n; i++) buf_str(&b, i ? "," : ""), buf_put(&b, list[i].order, list[i].order_n);
  buf_char(&b, ']');
  const char *text = arena_strn(r->a, b.data, b.len);
  buf_release(&b);
  if (!n && !r->expect) return fail(r, "the answer gives no order");
  if (!compare(r, text)) return false;
  for (size_t i = 0; i < n; i++)
    if (!order_valid(r, &list[i], i) || !order_again(r, &list[i], i)) return false;
  return true;
}

/* A till's file in its own format, or the array it becomes. */
static bool till_rows(struct trial *r)
{
  if (r->c->kind != CONNECTOR_FILES || r->ans.body[strspn(r->ans.body, " \t\r\n")] == '[') return true;
  return connector_file_rows(r->a, r->c->format, r->ans.body, r->ans.body_n, &r->ans.body, &r->ans.body_n,
                             &r->why);
}

/* ---- requests and pushes ---------------------------------------------------------------------------------------------------- */
static bool compare_call(struct trial *r, const struct connector_call *call)
{
  static const char *const names[] = { "method", "url", "body" };
  const char *const is[] = { call->method, call->url, call->body ? call->body : "" };
  for (size_t i = 0; i < COUNT(names); i++) {
    const char *want = scalar(json_get(r->expect, names[i]));
    if (want && strcmp(want, is[i]) != 0) return fail(r, "%s is %s, expected %s", names[i], is[i], want);
  }
  for (const struct json *m = json_first(json_get(r->expect, "headers")); m; m = json_next(m)) {
    const char *value =
      call->content_type && !strcmp(json_key(m), "content-type") ? call->content_type : NULL;
    for (size_t i = 0; i < call->headers; i++)
      if (!strcasecmp(call->header[i].name, json_key(m))) value = call->header[i].value;
    if (!value || !scalar(m) || strcmp(value, scalar(m)) != 0)
      return fail(r, "the header %s is %s, expected %s", json_key(m), value ? value : "missing",
                  scalar(m) ? scalar(m) : "a text");
  }
  return true;
}

static bool run_request(struct trial *r)
{
  struct connector_call call;
  if (request_is_effect(r->request) && !connector_when(r->b, r->a, r->request, &r->v, &r->why))
    return r->why ? false : fail(r, "there is nothing to tell: when is not 1");
  if (!connector_build(r->b, r->a, r->request, &r->v, &call, &r->why)) return false;
  return compare_call(r, &call);
}

static bool run_push(struct trial *r)
{
  struct connector_push push;
  const char *url =
    key_of(r, "url") ? key_of(r, "url") : "https://orders.example.com/v1/hooks/channel/example";
  if (!connector_push(r->b, r->a, url, &r->ans, &r->v, &push, &r->why)) return false;
  struct buf b = { 0 };
  struct jw w;
  jw_init(&w, &b), jw_object(&w);
  jw_kint(&w, "verify", push.genuine), jw_kint(&w, "recent", push.recent), jw_kstring(&w, "id", push.id);
  jw_kint(&w, "ping", push.ping), jw_kstring(&w, "reply", push.reply), jw_object_end(&w);
  const struct json *is = parsed(r, arena_strn(r->a, b.data, b.len), "the result");
  buf_release(&b);
  if (!r->expect) return push.genuine || fail(r, "the push is not genuine");
  for (const struct json *m = json_first(r->expect); m; m = json_next(m))
    if (!same(r, json_pointer(r->a, "", json_key(m)), json_get(is, json_key(m)), m)) return false;
  return true;
}

/* What a callback or an answer tells: objects. */
static bool run_objects(struct trial *r, const char *word)
{
  const char *url =
               key_of(r, "url") ? key_of(r, "url") : "https://orders.example.com/v1/hooks/carrier/example",
             *json = NULL;
  bool is_callback = !strcmp(r->section, "events");
  if (!connector_section(r->c, r->section)) return fail(r, "there is no section [%s]", r->section);
  if (!is_callback && !judged_good(r)) return false;
  if (!strcmp(word, "result")) {
    if (!connector_result(r->b, r->a, r->request, &r->ans, &r->v, &json, &r->why)) return false;
  } else if (!connector_events(r->b, r->a, is_callback ? url : NULL, &r->ans, &r->v, &json, &r->why))
    return false;
  return compare(r, json ? json : "null");
}

/* ---- one example --------------------------------------------------------------------------------------------------------------- */
/* "next list": next, and the request whose answers it reads. */
static void section_split(struct trial *r, const char **word)
{
  static const char *const names[][2] = {
    { "orders one", "one" }, { "tokens", "refresh" }, { "shipped", "shipped" }, { "ids push", "list" }
  };
  size_t n = strcspn(r->section, " ");
  *word = arena_strn(r->a, r->section, n);
  r->request = r->section[n] ? r->section + n + 1 : "list";
  if (!strcmp(r->section, "orders")) r->request = r->c->has_detail ? "detail" : "list";
  for (size_t i = 0; i < COUNT(names); i++)
    if (!strcmp(names[i][0], r->section)) r->request = names[i][1];
}

static bool run_example(struct trial *r)
{
  const char *word = "";
  if (!read_all(r)) return false;
  section_split(r, &word);
  if (!strcmp(word, "request")) return run_request(r);
  if (!strcmp(r->section, "push")) return run_push(r);
  if (!strcmp(word, "orders")) return till_rows(r) && run_orders(r);
  if (!strcmp(word, "events") || !strcmp(word, "result")) return run_objects(r, word);
  const struct connector_sql *q = connector_section(r->c, r->section);
  if (!q) return fail(r, "there is no section [%s]", r->section);
  if (!strcmp(word, "errors")) return run_errors(r, q);
  if (strcmp(r->section, "ids push") != 0 && !judged_good(r)) return false;
  return run_rows(r, q) && run_meaning(r, word);
}

int connector_test(const struct connector *c, struct arena *a,
                   void (*say)(void *arg, const char *example, bool ok, const char *text), void *arg,
                   const char **why)
{
  struct connector_box *b = connector_open(c, a, why);
  int failed = 0;
  if (!b) return -1;
  for (size_t i = 0; i < c->examples; i++) {
    struct trial r = { .a = a, .c = c, .e = &c->text->example[i], .b = b };
    connector_values(b, secret, setting, &r);
    bool ok = run_example(&r);
    failed += !ok;
    say(arg, r.e->name, ok, ok ? "ok" : arena_printf(a, "%s.%s:%d: %s", c->name, c->ext, r.e->line, r.why));
  }
  connector_close(b);
  return failed;
}
