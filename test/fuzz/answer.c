/* What a platform, a factory, a carrier or a messenger may answer or tell, against the built-in connectors: the first
 * byte chooses one. An answer that is judged good is mapped, or there is a reason; a row that was kept maps to the same
 * order again; what a party says is JSON behind the gate. */
#include "edge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define CHOICES 64
static struct {
  struct arena mem;
  struct connector *c;
  struct connector_box *b;
} opened[CHOICES];

static const char *value(void *arg, const char *name)
{
  (void)arg, (void)name;
  return "t0p-hidden";
}

static struct connector_box *box(size_t i, struct connector **c)
{
  const struct connector_file *list;
  size_t n = connector_builtin(&list);
  struct connector_fault f;
  const char *why;
  i %= n < CHOICES ? n : CHOICES;
  if (!opened[i].b) {
    opened[i].c = connector_parse(&opened[i].mem, list[i].name, list[i].text, list[i].n, &f);
    must(opened[i].c);
    opened[i].b = connector_open(opened[i].c, &opened[i].mem, &why);
    connector_values(opened[i].b, value, NULL, NULL);
  }
  *c = opened[i].c;
  return opened[i].b;
}

static void orders(struct connector_box *b, struct arena *a, const char *section,
                   const struct connector_answer *ans, const struct connector_vars *v)
{
  struct connector_order *list = NULL, again;
  const char *why = NULL, *gate;
  size_t n = 0, at;
  if (!connector_orders(b, a, section, ans, v, &list, &n, &why)) {
    must(why && *why);
    return;
  }
  for (size_t i = 0; i < n; i++) {
    must(json_gate(list[i].order, list[i].order_n, CONNECTOR_ELEMENTS_MAX, &gate, &at));
    if (i < 3) connector_again(b, a, list[i].raw, list[i].raw_n, v, &again, &why);
  }
}

static void gated(const char *json)
{
  const char *gate;
  size_t at;
  must(json_gate(json, strlen(json), CONNECTOR_BODY_MAX, &gate, &at));
}

static void party(struct connector_box *b, struct arena *a, const struct connector *c,
                  const struct connector_answer *ans, const struct connector_vars *v)
{
  const char *why = NULL, *json;
  for (size_t i = 0; i < c->requests; i++) {
    if (!connector_result(b, a, c->request[i].name, ans, v, &json, &why)) must(why && *why);
    else if (json) gated(json);
  }
  for (int told = 0; told < 2; told++) {
    if (!connector_events(b, a, told ? "https://x.example/p?a=%" : NULL, ans, v, &json, &why))
      must(why && *why);
    else gated(json);
  }
}

static void read_all(struct connector_box *b, struct arena *a, const struct connector *c,
                     const struct connector_answer *ans)
{
  struct connector_vars v = {
    .now_ms = 1700000000000, .page = 1, .rows = "[{\"order_id\":1}]", .nonce = "00"
  };
  struct connector_id *id;
  struct connector_token *token;
  struct connector_group *group;
  struct connector_push push;
  struct verdict verdict;
  const char *why = NULL, *cursor;
  int64_t pages;
  size_t n;
  for (size_t i = 0; i < c->requests; i++) {
    connector_judge(b, a, c->request[i].name, ans, &v, &verdict);
    must(verdict.kind == VERDICT_OK ||
         (verdict.code && verdict.message && utf8_valid(verdict.message, strlen(verdict.message))));
    must(verdict.retry_after_ms >= 0);
  }
  if (c->has_push && connector_push(b, a, "https://x.example/p?a=%", ans, &v, &push, &why))
    must(!push.genuine);
  if (strcmp(c->ext, "channel") != 0) {
    party(b, a, c, ans, &v);
    return;
  }
  connector_next(b, a, "list", ans, &v, &cursor, &why);
  connector_pages(b, a, ans, &v, &pages, &why);
  connector_ids(b, a, "ids list", ans, &v, &id, &n, &why);
  connector_ids(b, a, "ids push", ans, &v, &id, &n, &why);
  connector_tokens(b, a, ans, &v, &token, &n, &why);
  connector_groups(b, a, ans, &v, &group, &n, &why);
  orders(b, a, "orders", ans, &v);
  orders(b, a, "orders one", ans, &v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
  struct arena a = { 0 };
  const char *json, *why;
  size_t json_n;
  if (n < 2) return 0;
  struct connector *c;
  struct connector_box *b = box(data[0], &c);
  struct connector_answer ans = { .status = data[1] & 1 ? 200 : 300 + data[1],
                                  .body = arena_strn(&a, (const char *)data + 2, n - 2),
                                  .body_n = n - 2 };
  read_all(b, &a, c, &ans);
  connector_file_rows(&a,
                      data[1] & 2   ? "csv"
                      : data[1] & 4 ? "json"
                                    : "ndjson",
                      ans.body, ans.body_n, &json, &json_n, &why);
  arena_release(&a);
  return 0;
}
