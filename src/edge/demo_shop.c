/* demo_shop.c: what a demo's console shows beside orders: a person to sign in as, articles and stock for what was
 * ordered, a wave to pick, orders on hold and returns. Over HTTP, as a shop would do it; once. */
#include "edge.h"
#include <stdio.h>

#define ARTICLES_MAX 60
#define PIECES 300
#define FEW 12 /* of some: something must be short */
#define SPLITS 12
#define PAGE "/v1/orders?status=paid&sort=placed_at&limit=60"

struct shop {
  const char *url, *token;
  struct arena mem;
  const char *sku[ARTICLES_MAX];
  size_t skus;
};

/* The answer, or NULL when it is no 2xx; a demo goes on without what was refused. */
static const struct json *shop_call(struct shop *s, const char *method, const char *path, const char *body)
{
  struct faults faults = { .mem = &s->mem };
  struct httpc_answer answer;
  const struct http_field h[] = { { "Authorization", arena_printf(&s->mem, "Bearer %s", s->token) },
                                  { "Content-Type", "application/json" } };
  struct httpc_call call = {
    .base = s->url, .method = method, .path = path, .headers = h, .headers_n = COUNT(h)
  };
  if (body) call.body = body, call.body_n = strlen(body);
  if (httpc_run(&s->mem, &call, &answer) / 100 != 2) return NULL;
  return json_parse(&s->mem, answer.body, answer.body_n, JSON_ELEMENTS_BATCH_MAX, &faults);
}

static const struct json *shop_post(struct shop *s, const char *path, const char *body)
{
  return shop_call(s, "POST", path, body);
}

static const struct json *rows_of(const struct json *page)
{
  const struct json *list = json_get(page, "data");
  return json_type(list) == JSON_ARRAY ? json_first(list) : NULL;
}

static const char *text_of(const struct json *j, const char *key)
{
  const char *s = json_string(json_get(j, key));
  return s ? s : "";
}

static bool plain(const char *s)
{
  size_t n = strlen(s);
  return n && n <= 64 && strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_/") == n;
}

static void article_note(struct shop *s, const char *sku)
{
  if (!plain(sku) || s->skus == ARTICLES_MAX) return;
  for (size_t i = 0; i < s->skus; i++)
    if (!strcmp(s->sku[i], sku)) return;
  s->sku[s->skus++] = arena_str(&s->mem, sku);
}

static void articles_find(struct shop *s, const struct json *orders)
{
  for (const struct json *o = orders; o; o = json_next(o)) {
    const struct json *lines = json_get(o, "lines");
    for (const struct json *l = json_type(lines) == JSON_ARRAY ? json_first(lines) : NULL; l;
         l = json_next(l))
      article_note(s, text_of(l, "sku"));
  }
}

static void articles_put(struct shop *s)
{
  shop_post(s, "/v1/warehouses", "{\"code\":\"HZ\",\"title\":\"Hangzhou\",\"division\":\"330100\"}");
  shop_post(s, "/v1/warehouses", "{\"code\":\"FS\",\"title\":\"Foshan\",\"division\":\"440600\"}");
  for (size_t i = 0; i < s->skus; i++) {
    shop_post(s, "/v1/skus",
              arena_printf(&s->mem, "{\"code\":\"%s\",\"barcodes\":[\"690000%07zu\"]}", s->sku[i], i));
    for (int w = 0; w < 2; w++)
      shop_post(s, "/v1/stock/adjustments",
                arena_printf(&s->mem,
                             "{\"sku\":\"%s\",\"warehouse\":\"%s\",\"delta\":%d,\"reason\":\"received\"}",
                             s->sku[i], w ? "FS" : "HZ",
                             i % 7 == 6 && strcmp(s->sku[i], "LAMP-FLOOR") != 0 ? FEW : PIECES));
  }
}

static void order_post(struct shop *s, const struct json *o, const char *what, const char *body)
{
  shop_post(s, arena_printf(&s->mem, "/v1/orders/%s/%s", text_of(o, "id"), what), body);
}

static void case_put(struct shop *s, const struct json *o, const char *reason)
{
  shop_post(s, "/v1/cases",
            arena_printf(&s->mem,
                         "{\"order\":\"%s\",\"kind\":\"refund_only\",\"reason\":\"%s\",\"amount\":\"%s\"}",
                         text_of(o, "id"), reason, text_of(json_get(o, "total"), "amount")));
}

/* The oldest go on: some are split and picked, two wait, three are asked back. */
static void work_begin(struct shop *s, const struct json *orders)
{
  int n = 0;
  for (const struct json *o = orders; o && n < SPLITS + 5; o = json_next(o), n++) {
    if (n < SPLITS) order_post(s, o, "transitions", "{\"to\":\"split\"}");
    else if (n < SPLITS + 2) order_post(s, o, "hold", "{\"reason\":\"the customer asks to wait\"}");
    else case_put(s, o, n % 2 ? "ordered twice by mistake" : "will not be home");
  }
  shop_post(s, "/v1/waves", "{\"warehouse\":\"HZ\",\"limit\":8}");
}

void demo_shop(const char *url, const char *token, bool whole)
{
  struct shop s = { .url = url, .token = token };
  shop_post(&s, "/v1/users",
            "{\"name\":\"" DEMO_USER "\",\"roles\":\"admin\",\"password\":\"" DEMO_PASSWORD "\"}");
  if (whole && !rows_of(shop_call(&s, "GET", "/v1/skus?limit=1", NULL))) {
    const struct json *orders = rows_of(shop_call(&s, "GET", PAGE, NULL));
    articles_find(&s, orders);
    articles_find(&s, rows_of(shop_call(&s, "GET", "/v1/orders?limit=400", NULL)));
    articles_put(&s);
    work_begin(&s, orders);
  }
  arena_release(&s.mem);
}
