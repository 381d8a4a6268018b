/* Amazon and WooCommerce as the simulator plays them: what they refuse, what they sign, and pages that bring every order once. */
#include "edge.h"
#include "test.h"
#include <stdio.h>
#include <stdlib.h>

#define NOW 1764000000000ll
#define HOUR (3600ll * 1000)
#define MARKET "A1VC38T7YXB528"

struct world {
  struct env_sim env;
  struct arena mem;
  struct sim *sim;
  struct sim_shop *shop;
};

static bool world_open(struct world *w, const char *platform, int64_t orders)
{
  struct sim_options o;
  const char *why = NULL;
  *w = (struct world){ 0 };
  env_sim_init(&w->env, NOW, 1);
  sim_options_default(&o);
  o.platforms = platform, o.orders = orders, o.seed = 3, o.env = &w->env.env, o.days = 5;
  w->sim = sim_new(&o, &w->mem, &why);
  if (w->sim) w->shop = sim_shop(w->sim, 0);
  return CHECK(w->sim);
}

static void world_close(struct world *w)
{
  sim_free(w->sim);
  arena_release(&w->mem);
}

struct ask {
  struct http_request r;
  struct http_field query[24], field[4];
  struct sim_call c;
};

static void ask_begin(struct ask *k, const char *method, const char *path)
{
  *k = (struct ask){ 0 };
  k->r.method = method, k->r.path = path, k->r.host = "shop.example.com";
  k->r.query = k->query, k->r.field = k->field;
}

static void ask_query(struct ask *k, const char *name, const char *value)
{
  k->query[k->r.query_n++] = (struct http_field){ name, value };
}

static void ask_field(struct ask *k, const char *name, const char *value)
{
  k->field[k->r.field_n++] = (struct http_field){ name, value };
}

static void ask_end(struct ask *k)
{
  buf_release(&k->c.body), buf_release(&k->c.headers);
  arena_release(&k->r.mem);
}

/* Sends it and expects that status and that in the answer. */
static void answers(struct ask *k, struct world *w, int status, const char *part)
{
  sim_ask(w->shop, &k->r, &k->c);
  CHECK_INT(k->c.status, status);
  CHECK(k->c.body.data && strstr(k->c.body.data, part));
}

static const struct json *body_of(struct ask *k)
{
  struct faults f = { .mem = &k->r.mem };
  const struct json *j = json_parse(&k->r.mem, k->c.body.data, k->c.body.len, JSON_ELEMENTS_MAX, &f);
  CHECK(j);
  return j;
}

static const char *time_of(struct ask *k, int64_t ms)
{
  return sim_iso_z(&k->r.mem, ms);
}

static void secret_set(struct sim_shop *s, const char *name, const char *value)
{
  for (size_t i = 0; i < SIM_SECRETS_MAX && s->row->secret[i].name; i++)
    if (!strcmp(s->row->secret[i].name, name)) s->own->secret[i] = value;
}

/* Every member of the recorded answer is in ours too. */
static void has_members(const struct json *recorded, const struct json *ours)
{
  static const char *const rare[] = {
    "DefaultShipFromLocationAddress", "FulfillmentInstruction",  "AutomatedShippingSettings",
    "EasyShipShipmentStatus",         "ElectronicInvoiceStatus", "IossNumber",
    "DeemedResellerCategory",         "StoreChainStoreId",       NULL
  };
  for (const struct json *j = json_first(recorded); j; j = json_next(j)) {
    size_t i = 0;
    while (rare[i] && strcmp(rare[i], json_key(j)) != 0) i++;
    test_note("%s", json_key(j));
    CHECK(rare[i] || json_get(ours, json_key(j)));
  }
}

static const struct json *fixture(struct arena *a, const char *name)
{
  size_t n = 0;
  char *text = file_read(a, arena_printf(a, "../shared/reference/apis/fixtures/%s.json", name), 1 << 20, &n);
  struct faults f = { .mem = a };
  return text ? json_parse(a, text, n, JSON_ELEMENTS_MAX, &f) : NULL;
}

/* ---- Amazon ------------------------------------------------------------------------------------------------------- */
static void amazon_begin(struct ask *k, struct world *w, const char *path)
{
  ask_begin(k, "GET", path);
  ask_field(k, "x-amz-access-token", sim_secret(w->shop, "access_token"));
}

static void amazon_list(struct ask *k, struct world *w, const char *after, const char *before)
{
  amazon_begin(k, w, "/orders/v0/orders");
  ask_query(k, "MarketplaceIds", MARKET);
  if (after) ask_query(k, "LastUpdatedAfter", after);
  if (before) ask_query(k, "LastUpdatedBefore", before);
}

TEST(sim_amazon_refuses)
{
  struct world w;
  struct ask k;
  if (!world_open(&w, "amazon", 50)) return;
  ask_begin(&k, "GET", "/orders/v0/orders");
  answers(&k, &w, 403, "\"Unauthorized\""), ask_end(&k);
  ask_begin(&k, "GET", "/orders/v0/orders"), ask_field(&k, "x-amz-access-token", "Atza|other");
  answers(&k, &w, 403, "\"Unauthorized\""), ask_end(&k);
  amazon_list(&k, &w, NULL, NULL), answers(&k, &w, 400, "\"InvalidInput\""), ask_end(&k);
  amazon_list(&k, &w, "2025-11-20T00:00:00Z", NULL), ask_query(&k, "CreatedAfter", "2025-11-20T00:00:00Z");
  answers(&k, &w, 400, "\"InvalidInput\""), ask_end(&k);
  amazon_list(&k, &w, "yesterday", NULL), answers(&k, &w, 400, "\"InvalidInput\""), ask_end(&k);
  amazon_list(&k, &w, "2025-11-20T00:00:00Z", NULL), k.query[0].value = "";
  answers(&k, &w, 400, "MarketplaceIds"), ask_end(&k);
  amazon_list(&k, &w, "2025-11-20T00:00:00Z", NULL), ask_query(&k, "MaxResultsPerPage", "101");
  answers(&k, &w, 400, "MaxResultsPerPage"), ask_end(&k);
  amazon_list(&k, &w, "2025-11-20T00:00:00Z", NULL), ask_query(&k, "OrderStatuses", "Unshipped");
  answers(&k, &w, 400, "together"), ask_end(&k);
  amazon_begin(&k, &w, "/orders/v0/orders/249-0000000-0000000");
  answers(&k, &w, 404, "\"NotFound\""), ask_end(&k);
  amazon_begin(&k, &w, "/orders/v0/orders//address"), answers(&k, &w, 404, "\"NotFound\""), ask_end(&k);
  sim_advance(w.sim, HOUR + 1000);
  amazon_list(&k, &w, "2025-11-20T00:00:00Z", NULL), answers(&k, &w, 403, "has expired"), ask_end(&k);
  CHECK_INT(w.shop->own->bad_tokens, 3);
  world_close(&w);
}

TEST(sim_amazon_wants_windows_two_minutes_old)
{
  struct world w;
  struct ask k;
  if (!world_open(&w, "amazon", 50)) return;
  for (int ok = 0; ok < 2; ok++) {
    amazon_list(&k, &w, "2025-11-20T00:00:00Z", NULL);
    ask_query(&k, "LastUpdatedBefore", time_of(&k, NOW - 119000 - ok * 1000));
    answers(&k, &w, ok ? 200 : 400, ok ? "LastUpdatedBefore" : "two minutes"), ask_end(&k);
  }
  world_close(&w);
}

TEST(sim_amazon_limits_calls)
{
  struct world w;
  struct ask k;
  if (!world_open(&w, "amazon", 10)) return;
  for (int i = 0; i < 21; i++) {
    amazon_list(&k, &w, "2025-11-20T00:00:00Z", NULL);
    answers(&k, &w, i < 20 ? 200 : 429, i < 20 ? "payload" : "QuotaExceeded");
    CHECK(strstr(k.c.headers.data, "x-amzn-RateLimit-Limit: 0.0167\r\n")), ask_end(&k);
  }
  sim_advance(w.sim, 58000);
  amazon_list(&k, &w, "2025-11-20T00:00:00Z", NULL), answers(&k, &w, 429, "QuotaExceeded"), ask_end(&k);
  sim_advance(w.sim, 2000);
  amazon_list(&k, &w, "2025-11-20T00:00:00Z", NULL), answers(&k, &w, 200, "payload"), ask_end(&k);
  world_close(&w);
}

static void lwa(struct ask *k, struct world *w, const char *client, const char *secret, const char *refresh)
{
  struct buf b = { 0 };
  ask_begin(k, "POST", "/auth/o2/token");
  ask_field(k, "content-type", "application/x-www-form-urlencoded");
  buf_str(&b, "grant_type=refresh_token&refresh_token="),
    sim_encode(&b, refresh ? refresh : sim_secret(w->shop, "refresh_token"));
  buf_str(&b, "&client_id="), sim_encode(&b, client ? client : sim_secret(w->shop, "client_id"));
  buf_str(&b, "&client_secret="), sim_encode(&b, secret ? secret : sim_secret(w->shop, "client_secret"));
  k->r.body = arena_strn(&k->r.mem, b.data, b.len), k->r.body_n = b.len;
  buf_release(&b);
}

TEST(sim_amazon_renews_tokens)
{
  struct world w;
  struct ask k;
  if (!world_open(&w, "amazon", 10)) return;
  lwa(&k, &w, NULL, NULL, "Atzr|other"), answers(&k, &w, 400, "\"invalid_grant\""), ask_end(&k);
  lwa(&k, &w, "other", NULL, NULL), answers(&k, &w, 401, "\"invalid_client\""), ask_end(&k);
  lwa(&k, &w, NULL, "other", NULL), answers(&k, &w, 401, "\"invalid_client\""), ask_end(&k);
  const char *old = sim_secret(w.shop, "access_token"), *refresh = sim_secret(w.shop, "refresh_token");
  lwa(&k, &w, NULL, NULL, NULL), answers(&k, &w, 200, "\"expires_in\":3600");
  CHECK_STR(json_string(json_get(body_of(&k), "access_token")), sim_secret(w.shop, "access_token"));
  ask_end(&k);
  CHECK(strcmp(old, sim_secret(w.shop, "access_token")) != 0);
  CHECK_STR(refresh, sim_secret(w.shop, "refresh_token")); /* good for ever */
  world_close(&w);
}

static const char *next_of(struct ask *k)
{
  return json_string(json_get(json_get(body_of(k), "payload"), "NextToken"));
}

TEST(sim_amazon_pages_cover_every_order)
{
  struct world w;
  struct ask k;
  if (!world_open(&w, "amazon", 300)) return;
  size_t n = 0, settled = 0;
  unsigned char *seen = mem_new(w.shop->own->all.n + 1);
  char next[200] = "";
  w.sim->o.no_limits = true;
  do {
    amazon_list(&k, &w, "2025-11-01T00:00:00Z", NULL);
    ask_query(&k, "MaxResultsPerPage", "17"), ask_query(&k, "NextToken", next);
    answers(&k, &w, 200, "payload");
    const struct json *page = json_get(json_get(body_of(&k), "payload"), "Orders");
    CHECK(json_count(page) > 0 && json_count(page) <= 17);
    for (const struct json *j = json_first(page); j; j = json_next(j), n++) {
      const struct sim_order *o = sim_find(w.shop, json_string(json_get(j, "AmazonOrderId")));
      REQUIRE(o);
      CHECK_INT(seen[o->n]++, 0);
      CHECK_INT(json_get(j, "OrderTotal") != NULL, o->paid_ms != 0),
        CHECK_INT(json_get(j, "ShippingAddress") != NULL, o->paid_ms != 0);
      CHECK(!json_get(json_get(j, "ShippingAddress"), "Name") &&
            !json_get(json_get(j, "ShippingAddress"), "AddressLine1"));
    }
    const char *t = next_of(&k);
    snprintf(next, sizeof next, "%s", t ? t : "");
    CHECK(!t || strstr(t, "+++/") == t);
    ask_end(&k);
  } while (*next);
  for (size_t i = 0; i < w.shop->own->by_change.n; i++)
    settled += w.shop->own->by_change.at[i]->indexed_ms <= NOW - 120000;
  CHECK_INT(n, settled);
  mem_free(seen);
  world_close(&w);
}

TEST(sim_amazon_tokens_of_pages_lapse)
{
  struct world w;
  struct ask k, again;
  if (!world_open(&w, "amazon", 50)) return;
  amazon_list(&k, &w, "2025-11-01T00:00:00Z", NULL), ask_query(&k, "MaxResultsPerPage", "5");
  answers(&k, &w, 200, "NextToken");
  const char *next = next_of(&k);
  static const char *const others[] = { "x", "", "KysrL28=", "+++/bzEtMS0xLTEt" };
  for (size_t i = 0; i < COUNT(others); i++) {
    amazon_list(&again, &w, NULL, NULL), ask_query(&again, "NextToken", others[i]);
    answers(&again, &w, 400, "InvalidInput"), ask_end(&again);
  }
  w.shop->own->access_until_ms = NOW + 9 * HOUR;
  for (int lapsed = 0; lapsed < 2; lapsed++) {
    amazon_list(&again, &w, NULL, NULL), ask_query(&again, "NextToken", next);
    answers(&again, &w, lapsed ? 400 : 200, lapsed ? "NextToken has expired" : "payload"), ask_end(&again);
    sim_advance(w.sim, HOUR + 1000);
  }
  ask_end(&k);
  world_close(&w);
}

/* All items of an order, page by page. */
static size_t items_walk(struct world *w, const struct sim_order *o, int64_t *yen)
{
  struct ask k;
  char next[200] = "";
  size_t n = 0;
  do {
    struct buf path = { 0 };
    buf_printf(&path, "/orders/v0/orders/%s/orderItems", o->id);
    amazon_begin(&k, w, path.data), ask_query(&k, "NextToken", next);
    answers(&k, w, 200, "OrderItems");
    for (const struct json *j = json_first(json_get(json_get(body_of(&k), "payload"), "OrderItems")); j;
         j = json_next(j), n++) {
      const char *price = json_string(json_get(json_get(j, "ItemPrice"), "Amount"));
      CHECK_INT(price != NULL,
                o->paid_ms && o->status != SIM_CANCELLED && o->line[n].refund != SIM_REFUND_DONE);
      CHECK(!price || !strchr(price, '.'));
      *yen += price ? strtoll(price, NULL, 10) : 0;
    }
    const char *t = next_of(&k);
    snprintf(next, sizeof next, "%s", t ? t : "");
    ask_end(&k), buf_release(&path);
  } while (*next);
  return n;
}

TEST(sim_amazon_items_have_pages)
{
  struct world w;
  if (!world_open(&w, "amazon", 200)) return;
  w.sim->o.no_limits = true;
  size_t long_ones = 0;
  for (size_t i = 0; i < w.shop->own->by_placed.n; i++) {
    const struct sim_order *o = w.shop->own->by_placed.at[i];
    int64_t yen = 0;
    CHECK_INT(items_walk(&w, o, &yen), o->lines);
    if (o->status == SIM_PAID && !o->refunded) CHECK_INT(yen, o->goods);
    long_ones += o->lines > 2;
  }
  CHECK(long_ones > 5);
  world_close(&w);
}

TEST(sim_amazon_shows_people_to_restricted_tokens)
{
  struct world w;
  struct ask k, full;
  if (!world_open(&w, "amazon", 50)) return;
  const struct sim_order *o = w.shop->own->by_placed.at[0];
  for (size_t i = 0; !o->paid_ms; i++) o = w.shop->own->by_placed.at[i];
  ask_begin(&k, "POST", "/tokens/2021-03-01/restrictedDataToken");
  ask_field(&k, "x-amz-access-token", sim_secret(w.shop, "access_token"));
  k.r.body =
    "{\"restrictedResources\":[{\"method\":\"GET\",\"path\":\"/orders/v0/orders\",\"dataElements\":[\"shippingAddress\"]}]}";
  k.r.body_n = strlen(k.r.body);
  answers(&k, &w, 200, "restrictedDataToken");
  ask_begin(&full, "GET", arena_printf(&k.r.mem, "/orders/v0/orders/%s/address", o->id));
  ask_field(&full, "x-amz-access-token", json_string(json_get(body_of(&k), "restrictedDataToken")));
  answers(&full, &w, 200, "AddressLine1"), ask_end(&full);
  amazon_begin(&full, &w, arena_printf(&k.r.mem, "/orders/v0/orders/%s/address", o->id));
  answers(&full, &w, 200, "PostalCode"), CHECK(!strstr(full.c.body.data, "AddressLine1")), ask_end(&full);
  ask_end(&k);
  world_close(&w);
}

TEST(sim_amazon_answers_like_the_recorded_ones)
{
  struct world w;
  struct ask k;
  if (!world_open(&w, "amazon", 50)) return;
  const struct json *order = fixture(&w.mem, "amazon/order_detail"),
                    *items = fixture(&w.mem, "amazon/order_items");
  const struct sim_order *o = NULL;
  for (size_t i = 0; i < w.shop->own->by_placed.n; i++)
    if (w.shop->own->by_placed.at[i]->status == SIM_PAID) o = w.shop->own->by_placed.at[i];
  REQUIRE(o);
  if (order && items) {
    amazon_begin(&k, &w, arena_printf(&w.mem, "/orders/v0/orders/%s", o->id)),
      answers(&k, &w, 200, "payload");
    has_members(json_get(order, "payload"), json_get(body_of(&k), "payload")), ask_end(&k);
    amazon_begin(&k, &w, arena_printf(&w.mem, "/orders/v0/orders/%s/orderItems", o->id)),
      answers(&k, &w, 200, "payload");
    has_members(json_at(json_get(json_get(items, "payload"), "OrderItems"), 0),
                json_at(json_get(json_get(body_of(&k), "payload"), "OrderItems"), 0));
    ask_end(&k);
  }
  world_close(&w);
  if (!order || !items) SKIP("../shared/reference/apis/fixtures is not here");
}

/* ---- WooCommerce ---------------------------------------------------------------------------------------------------- */
static int nonces;

static void woo_sign(struct ask *k, struct world *w, int64_t ms)
{
  struct buf params = { 0 }, text = { 0 };
  ask_query(k, "oauth_consumer_key", sim_secret(w->shop, "consumer_key"));
  ask_query(k, "oauth_nonce", arena_printf(&k->r.mem, "nonce%d", ++nonces));
  ask_query(k, "oauth_signature_method", "HMAC-SHA256");
  ask_query(k, "oauth_timestamp", arena_printf(&k->r.mem, "%lld", (long long)ms / 1000));
  sim_sorted(&params, k->query, k->r.query_n, "=", "&", NULL, true);
  buf_str(&text, "GET&"), sim_encode(&text, arena_printf(&k->r.mem, "http://%s%s", k->r.host, k->r.path));
  buf_char(&text, '&'), sim_encode(&text, params.data);
  ask_query(k, "oauth_signature",
            sim_mac_base64(&k->r.mem, DIGEST_SHA256,
                           arena_printf(&k->r.mem, "%s&", sim_secret(w->shop, "consumer_secret")), text.data,
                           text.len));
  buf_release(&params), buf_release(&text);
}

static void woo_list(struct ask *k, struct world *w, const char *per_page, int page)
{
  ask_begin(k, "GET", "/wp-json/wc/v3/orders");
  ask_query(k, "per_page", per_page), ask_query(k, "page", arena_printf(&k->r.mem, "%d", page));
  woo_sign(k, w, sim_now(w->sim));
}

#define REFUSED "woocommerce_rest_authentication_error"
TEST(sim_woocommerce_refuses)
{
  static const char *const names[] = { "oauth_consumer_key", "oauth_nonce",     "oauth_signature_method",
                                       "oauth_timestamp",    "oauth_signature", "per_page" };
  struct world w;
  struct ask k;
  if (!world_open(&w, "woocommerce", 20)) return;
  ask_begin(&k, "GET", "/wp-json/wc/v3/orders"), answers(&k, &w, 401, "woocommerce_rest_cannot_view"),
    ask_end(&k);
  woo_list(&k, &w, "10", 1), answers(&k, &w, 200, "[{"), ask_end(&k);
  for (size_t i = 0; i < COUNT(names); i++)
    for (int gone = 0; gone < 2; gone++) {
      test_note("%s %s", names[i], gone ? "missing" : "changed");
      woo_list(&k, &w, "10", 1);
      for (size_t q = 0; q < k.r.query_n; q++)
        if (!strcmp(k.query[q].name, names[i])) k.query[q].value = gone ? "" : "11";
      answers(&k, &w, 401, REFUSED), ask_end(&k);
    }
  woo_list(&k, &w, "10", 1), ask_query(&k, "oauth_version", "1.0"), answers(&k, &w, 401, REFUSED),
    ask_end(&k);
  woo_list(&k, &w, "10", 1), k.r.path = "/wp-json/wc/v3/orders/727", answers(&k, &w, 401, REFUSED),
                             ask_end(&k);
  CHECK(w.shop->own->bad_signs >= 6);
  ask_begin(&k, "GET", "/wp-json/wc/v3/orders/1"), woo_sign(&k, &w, NOW);
  answers(&k, &w, 404, "woocommerce_rest_shop_order_invalid_id"), ask_end(&k);
  ask_begin(&k, "GET", "/wp-json/wc/v3/customers"), answers(&k, &w, 404, "rest_no_route"), ask_end(&k);
  woo_list(&k, &w, "101", 1), answers(&k, &w, 400, "rest_invalid_param"), ask_end(&k);
  woo_list(&k, &w, "10", 0), answers(&k, &w, 400, "rest_invalid_param"), ask_end(&k);
  world_close(&w);
}

TEST(sim_woocommerce_takes_a_nonce_once_and_a_time_that_is_near)
{
  struct world w;
  struct ask k;
  if (!world_open(&w, "woocommerce", 20)) return;
  woo_list(&k, &w, "10", 1), answers(&k, &w, 200, "[{");
  buf_release(&k.c.body), buf_release(&k.c.headers);
  answers(&k, &w, 401, "nonce"), ask_end(&k);
  for (int s = 899; s <= 902; s++) {
    ask_begin(&k, "GET", "/wp-json/wc/v3/orders"), woo_sign(&k, &w, NOW - (s % 2 ? s : -s) * 1000);
    answers(&k, &w, s <= 900 ? 200 : 401, s <= 900 ? "[{" : "timestamp"), ask_end(&k);
  }
  CHECK_INT(w.shop->own->bad_signs, 0);
  sim_advance(w.sim, HOUR);
  woo_list(&k, &w, "10", 1), answers(&k, &w, 200, "[{"), ask_end(&k);
  CHECK_INT(w.shop->own->nonces, 1); /* the others are too old to be of use */
  world_close(&w);
}

TEST(sim_woocommerce_takes_keys_behind_tls)
{
  struct world w;
  struct ask k;
  if (!world_open(&w, "woocommerce", 20)) return;
  secret_set(w.shop, "consumer_key", "ck_fictional"), secret_set(w.shop, "consumer_secret", "cs_fictional");
  static const char *const basic[] = { "Basic Y2tfZmljdGlvbmFsOmNzX2ZpY3Rpb25hbA==",
                                       "Basic Y2tfZmljdGlvbmFsOmNzX2ZpY3Rpb25hbD==" };
  for (int bad = 0; bad < 2; bad++)
    for (int tls = 0; tls < 2; tls++) {
      ask_begin(&k, "GET", "/wp-json/wc/v3/orders"), ask_field(&k, "authorization", basic[bad]);
      if (tls) ask_field(&k, "x-forwarded-proto", "https");
      answers(&k, &w, tls && !bad ? 200 : 401, tls ? bad ? REFUSED : "[{" : "cannot_view"), ask_end(&k);
      ask_begin(&k, "GET", "/wp-json/wc/v3/orders"), ask_field(&k, "x-forwarded-proto", "https");
      ask_query(&k, "consumer_key", "ck_fictional"),
        ask_query(&k, "consumer_secret", bad ? "cs_other" : "cs_fictional");
      answers(&k, &w, bad ? 401 : 200, bad ? REFUSED : "[{"), ask_end(&k);
    }
  world_close(&w);
}

/* The vectors' requests, at their time, are taken; one that has no nonce is refused for that alone. */
TEST(sim_woocommerce_takes_the_vectors)
{
  static const char *const q[][2] = { { "oauth_consumer_key", "ck_fictional" },
                                      { "oauth_nonce", "f3b0c44298fc1c149afbf4c8996fb924" },
                                      { "oauth_signature_method", "HMAC-SHA256" },
                                      { "oauth_timestamp", "1700000000" },
                                      { "page", "2" },
                                      { "per_page", "100" },
                                      { "status", "processing" },
                                      { "modified_after", "2023-11-14T00:00:00" },
                                      { "oauth_signature", "6HW2fJstteVW17A1nnUd4QI+mcvjKMRyJDG4h+DvXX0=" } };
  struct world w;
  struct ask k;
  if (!world_open(&w, "woocommerce", 20)) return;
  secret_set(w.shop, "consumer_key", "ck_fictional"), secret_set(w.shop, "consumer_secret", "cs_fictional");
  w.sim->skew_ms = 1700000000000 - NOW;
  for (int bad = 1; bad >= 0; bad--) {
    ask_begin(&k, "GET", "/wp-json/wc/v3/orders");
    for (size_t i = 0; i < COUNT(q); i++) ask_query(&k, q[i][0], bad && i == 4 ? "3" : q[i][1]);
    answers(&k, &w, bad ? 401 : 200, bad ? "signature does not match" : "[]"), ask_end(&k);
    CHECK_INT(w.shop->own->bad_signs, 1);
  }
  secret_set(w.shop, "consumer_key", "abc123");
  ask_begin(&k, "GET", "/wp-json/wc/v3/orders");
  ask_query(&k, "oauth_consumer_key", "abc123"), ask_query(&k, "oauth_signature_method", "HMAC-SHA1");
  ask_query(&k, "oauth_signature", "YPRBi0/cD+6ImCOvqTtMCf8rilM="),
    answers(&k, &w, 401, "Missing OAuth parameter"), ask_end(&k);
  world_close(&w);
}

static int64_t header_of(const struct ask *k, const char *name)
{
  const char *at = k->c.headers.data ? strstr(k->c.headers.data, name) : NULL;
  return at ? strtoll(at + strlen(name), NULL, 10) : -1;
}

TEST(sim_woocommerce_pages_cover_every_order)
{
  struct world w;
  struct ask k;
  if (!world_open(&w, "woocommerce", 300)) return;
  const struct sim_list_of *all = &w.shop->own->by_change;
  for (int newest_first = 0; newest_first < 2; newest_first++) {
    unsigned char *seen = mem_new(w.shop->own->all.n + 1);
    int64_t pages = 1, n = 0;
    for (int page = 1; page <= pages; page++) {
      ask_begin(&k, "GET", "/wp-json/wc/v3/orders");
      ask_query(&k, "status", "any"), ask_query(&k, "orderby", "modified"),
        ask_query(&k, "order", newest_first ? "desc" : "asc");
      ask_query(&k, "modified_after", "2025-11-01T00:00:00"), ask_query(&k, "dates_are_gmt", "true");
      ask_query(&k, "per_page", "17"), ask_query(&k, "page", arena_printf(&k.r.mem, "%d", page));
      woo_sign(&k, &w, NOW), answers(&k, &w, 200, "[{");
      pages = header_of(&k, "X-WP-TotalPages: ");
      CHECK_INT(header_of(&k, "X-WP-Total: "), all->n), CHECK_INT(pages, (all->n + 16) / 17);
      CHECK_INT(strstr(k.c.headers.data, "rel=\"next\"") != NULL, page < pages);
      for (const struct json *j = json_first(body_of(&k)); j; j = json_next(j), n++) {
        const struct sim_order *o = sim_find(w.shop, json_number(json_get(j, "id")));
        REQUIRE(o);
        CHECK_INT(seen[o->n]++, 0);
      }
      ask_end(&k);
    }
    CHECK_INT(n, all->n);
    mem_free(seen);
  }
  world_close(&w);
}

/* Neither bound is inside; times without dates_are_gmt are the site's, three hours behind. */
TEST(sim_woocommerce_reads_bounds)
{
  struct world w;
  if (!world_open(&w, "woocommerce", 100)) return;
  const struct sim_order *o = w.shop->own->by_change.at[50];
  for (int gmt = 0; gmt < 2; gmt++)
    for (int wider = 0; wider < 2; wider++) {
      struct ask k;
      ask_begin(&k, "GET", "/wp-json/wc/v3/orders");
      char *from = sim_local(&k.r.mem, o->modified_ms - wider * 1000, gmt ? 0 : -180),
           *to = sim_local(&k.r.mem, o->modified_ms + 1000, gmt ? 0 : -180);
      from[10] = to[10] = 'T';
      ask_query(&k, "modified_after", from), ask_query(&k, "modified_before", to),
        ask_query(&k, "dates_are_gmt", gmt ? "true" : "false");
      woo_sign(&k, &w, NOW), answers(&k, &w, 200, wider ? "[{" : "[]");
      CHECK(!wider || strstr(k.c.body.data, arena_printf(&k.r.mem, "{\"id\":%s,", o->id)));
      ask_end(&k);
    }
  world_close(&w);
}

TEST(sim_woocommerce_answers_like_the_recorded_ones)
{
  struct world w;
  struct ask k;
  if (!world_open(&w, "woocommerce", 20)) return;
  const struct json *order = fixture(&w.mem, "woocommerce/order_detail");
  if (order) {
    ask_begin(&k, "GET", arena_printf(&w.mem, "/wp-json/wc/v3/orders/%s", w.shop->own->by_placed.at[0]->id)),
      woo_sign(&k, &w, NOW);
    answers(&k, &w, 200, "line_items");
    const struct json *ours = body_of(&k);
    static const char *const parts[] = { "line_items", "shipping_lines" };
    has_members(order, ours), has_members(json_get(order, "billing"), json_get(ours, "billing"));
    for (size_t i = 0; i < COUNT(parts); i++)
      has_members(json_at(json_get(order, parts[i]), 0), json_at(json_get(ours, parts[i]), 0));
    ask_end(&k);
  }
  world_close(&w);
  if (!order) SKIP("../shared/reference/apis/fixtures is not here");
}

TEST(sim_woocommerce_is_down_in_html)
{
  struct world w;
  struct ask k;
  if (!world_open(&w, "woocommerce", 20)) return;
  int pages = 0, json = 0;
  w.sim->o.fault[SIM_FAULT_ERRORS] = SIM_MILLION;
  for (int i = 0; i < 40; i++) {
    woo_list(&k, &w, "10", 1), sim_ask(w.shop, &k.r, &k.c);
    bool is_page = !strncmp(k.c.type, "text/html", 9);
    CHECK_INT(is_page, k.c.status != 500),
      CHECK(strstr(k.c.body.data, is_page ? "<html>" : "internal_server_error"));
    pages += is_page && k.c.status == 503, json += !is_page;
    ask_end(&k);
  }
  CHECK(pages && json);
  world_close(&w);
}

TEST(sim_woocommerce_signs_its_pushes)
{
  struct world w;
  struct sim_push out = { 0 }, ping = { 0 };
  if (!world_open(&w, "woocommerce", 20)) return;
  secret_set(w.shop, "webhook_secret", "wh_fictional");
  w.shop->row->push(w.shop, w.shop->own->by_placed.at[0], "http://127.0.0.1/hook", &w.mem, &out);
  unsigned char mac[DIGEST_MAX];
  struct buf want = { 0 };
  size_t n = digest_mac(DIGEST_SHA256, "wh_fictional", 12, out.body.data, out.body.len, mac);
  base64_put(&want, mac, n);
  CHECK(strstr(out.headers.data, arena_printf(&w.mem, "x-wc-webhook-signature: %s\r\n", want.data)));
  CHECK(strstr(out.headers.data, "x-wc-webhook-topic: order.")), CHECK_STR(out.type, "application/json");
  w.shop->row->ping(w.shop, &ping);
  CHECK_STR(ping.body.data, "webhook_id=12"), CHECK(!ping.headers.len);
  buf_release(&want), buf_release(&out.body), buf_release(&out.headers), buf_release(&ping.body),
    buf_release(&ping.headers);
  world_close(&w);
}
