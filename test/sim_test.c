/* The market simulator without a network: its world, its pages, its tokens and limits, its faults, its truth. */
#include "edge.h"
#include "test.h"
#include <stdio.h>
#include <stdlib.h>

#define NOW 1764000000000ll
#define HOUR (3600ll * 1000)

struct world {
  struct env_sim env;
  struct arena mem;
  struct sim *sim;
};

static bool world_open(struct world *w, const char *platforms, int64_t orders, uint64_t seed)
{
  struct sim_options o;
  const char *why = NULL;
  *w = (struct world){ 0 };
  env_sim_init(&w->env, NOW, 1);
  sim_options_default(&o);
  o.platforms = platforms, o.orders = orders, o.seed = seed, o.env = &w->env.env, o.days = 5;
  w->sim = sim_new(&o, &w->mem, &why);
  return CHECK(w->sim);
}

static void world_close(struct world *w)
{
  sim_free(w->sim);
  arena_release(&w->mem);
}

/* ---- requests ------------------------------------------------------------------------------------- */
struct ask {
  struct http_request r;
  struct http_field query[24], field[4];
  struct sim_call c;
  bool answered;
};

static void ask_begin(struct ask *k, const char *method, const char *path)
{
  *k = (struct ask){ 0 };
  k->r.method = method, k->r.path = path, k->r.host = "127.0.0.1:1";
  k->r.query = k->query, k->r.field = k->field;
}

static void ask_query(struct ask *k, const char *name, const char *value)
{
  k->query[k->r.query_n++] = (struct http_field){ name, value };
}

static void ask_send(struct ask *k, struct sim_shop *s)
{
  k->answered = sim_ask(s, &k->r, &k->c);
}

static void ask_end(struct ask *k)
{
  buf_release(&k->c.body), buf_release(&k->c.headers);
  arena_release(&k->r.mem);
}

static const char *number(struct ask *k, int64_t v)
{
  return arena_printf(&k->r.mem, "%lld", (long long)v);
}

static bool says(const struct ask *k, const char *part)
{
  return CHECK(k->c.body.data && strstr(k->c.body.data, part));
}

static void shopee_sign(struct ask *k, struct sim_shop *s, bool is_public)
{
  int64_t now_s = sim_now(s->sim) / 1000;
  char *text = arena_printf(&k->r.mem, "%s%s%lld%s%s", sim_secret(s, "partner_id"), k->r.path, (long long)now_s,
                            is_public ? "" : sim_secret(s, "access_token"), is_public ? "" : sim_secret(s, "shop_id"));
  ask_query(k, "partner_id", sim_secret(s, "partner_id")), ask_query(k, "timestamp", number(k, now_s));
  if (!is_public) ask_query(k, "access_token", sim_secret(s, "access_token")), ask_query(k, "shop_id", sim_secret(s, "shop_id"));
  ask_query(k, "sign", sim_mac_hex(&k->r.mem, DIGEST_SHA256, sim_secret(s, "partner_key"), text, strlen(text), false));
}

static void shopee_list(struct ask *k, struct sim_shop *s, int64_t from_ms, int64_t to_ms, const char *cursor)
{
  ask_begin(k, "GET", "/api/v2/order/get_order_list");
  ask_query(k, "time_range_field", "update_time");
  ask_query(k, "time_from", number(k, from_ms / 1000)), ask_query(k, "time_to", number(k, to_ms / 1000));
  ask_query(k, "page_size", "50"), ask_query(k, "cursor", cursor);
  shopee_sign(k, s, false);
  ask_send(k, s);
}

static void shopee_refresh(struct ask *k, struct sim_shop *s, const char *token)
{
  ask_begin(k, "POST", "/api/v2/auth/access_token/get");
  shopee_sign(k, s, true);
  k->r.body = arena_printf(&k->r.mem, "{\"refresh_token\":\"%s\",\"partner_id\":%s,\"shop_id\":%s}", token,
                           sim_secret(s, "partner_id"), sim_secret(s, "shop_id"));
  k->r.body_n = strlen(k->r.body);
  ask_send(k, s);
}

static void shopify_list(struct ask *k, struct sim_shop *s)
{
  ask_begin(k, "GET", "/admin/api/2025-10/orders.json");
  ask_query(k, "limit", "1");
  k->field[k->r.field_n++] = (struct http_field){ "x-shopify-access-token", sim_secret(s, "access_token") };
  ask_send(k, s);
}

/* ---- the world ---------------------------------------------------------------------------------------- */
TEST(sim_same_seed_same_world)
{
  struct world w[3];
  struct buf truth[3] = { 0 };
  for (int i = 0; i < 3; i++) {
    if (!world_open(&w[i], NULL, 800, i < 2 ? 7 : 8)) return;
    sim_advance(w[i].sim, 30 * HOUR);
    sim_truth_put(w[i].sim, &truth[i]);
  }
  CHECK_STR(truth[0].data, truth[1].data);
  CHECK(strcmp(truth[0].data, truth[2].data) != 0);
  struct ask k[2];
  for (int i = 0; i < 2; i++) {
    sim_shop(w[i].sim, 0)->own->access_until_ms = NOW + 100 * HOUR;
    shopee_list(&k[i], sim_shop(w[i].sim, 0), NOW - 96 * HOUR, NOW + 30 * HOUR, "");
  }
  CHECK(k[0].c.body.len > 1000);
  CHECK_MEM(k[0].c.body.data, k[0].c.body.len, k[1].c.body.data, k[1].c.body.len);
  for (int i = 0; i < 2; i++) ask_end(&k[i]);
  for (int i = 0; i < 3; i++) world_close(&w[i]), buf_release(&truth[i]);
}

/* Windows of half an hour and pages of seven, either way: every order once. */
static void walk(struct sim_shop *s, bool by_placed, bool newest_first)
{
  const struct sim_list_of *all = &s->own->by_change;
  unsigned char *seen = mem_new(s->own->all.n + 1);
  size_t found = 0;
  struct ask k;
  ask_begin(&k, "GET", "/");
  k.c = (struct sim_call){ .shop = s, .r = &k.r, .a = &k.r.mem, .now_ms = sim_now(s->sim) };
  for (int64_t from = NOW - 200 * HOUR; from < NOW + 100 * HOUR; from += HOUR / 2) {
    struct sim_query q = { .by_placed = by_placed, .newest_first = newest_first, .from_ms = from, .to_ms = from + HOUR / 2 - 1, .limit = 7 };
    struct sim_page p;
    do {
      sim_list(&k.c, &q, &p);
      for (size_t i = 0; i < p.n; i++, found++) CHECK_INT(seen[p.row[i]->n]++, 0);
      q.offset = p.next;
    } while (p.more);
    CHECK(p.total >= q.offset - 7);
  }
  CHECK_INT(found, all->n);
  mem_free(seen);
  ask_end(&k);
}

TEST(sim_windows_and_pages_cover_every_order)
{
  struct world w;
  if (!world_open(&w, NULL, 1500, 3)) return;
  for (int round = 0; round < 2; round++) {
    for (size_t i = 0; i < sim_shops(w.sim); i++) {
      test_note("%s, round %d", sim_shop(w.sim, i)->name, round);
      walk(sim_shop(w.sim, i), false, false), walk(sim_shop(w.sim, i), true, true);
    }
    sim_advance(w.sim, 60 * HOUR);
  }
  world_close(&w);
}

/* Orders change while somebody reads page after page: a cursor still meets every one that stays in the window. */
TEST(sim_cursors_lose_nothing)
{
  for (int newest_first = 0; newest_first < 2; newest_first++) {
    struct world w;
    struct ask k;
    if (!world_open(&w, "shopify", 600, 9)) return;
    struct sim_shop *s = sim_shop(w.sim, 0);
    unsigned char *seen = mem_new(s->own->all.n + 1);
    w.sim->o.change_milli = 5000;
    ask_begin(&k, "GET", "/");
    k.c = (struct sim_call){ .shop = s, .r = &k.r, .a = &k.r.mem, .now_ms = NOW };
    struct sim_query q = { .from_ms = NOW - 200 * HOUR, .to_ms = NOW, .limit = 7, .newest_first = newest_first };
    struct sim_page p;
    do {
      sim_list(&k.c, &q, &p);
      for (size_t i = 0; i < p.n; i++) CHECK_INT(seen[p.row[i]->n]++, 0);
      q.cursor = p.cursor;
      sim_advance(w.sim, 1000);
    } while (p.more);
    size_t moved = 0;
    for (size_t i = 0; i < s->own->by_change.n; i++) {
      const struct sim_order *o = s->own->by_change.at[i];
      if (o->indexed_ms <= NOW) CHECK_INT(seen[o->n], 1);
      else moved++;
    }
    CHECK(moved > 50);
    q.cursor = "no cursor", sim_list(&k.c, &q, &p);
    CHECK(p.bad_cursor && !p.n);
    mem_free(seen);
    ask_end(&k);
    world_close(&w);
  }
}

TEST(sim_lives)
{
  struct world w;
  if (!world_open(&w, "shopee,shopify", 300, 4)) return;
  w.sim->o.rate_milli = 2000, w.sim->o.change_milli = 500;
  int64_t before = w.sim->orders;
  sim_advance(w.sim, HOUR);
  test_note("%lld more", (long long)(w.sim->orders - before));
  CHECK(w.sim->orders > before + 6000 && w.sim->orders <= before + 7300); /* some buy again later than that */
  struct buf t[2] = { 0 };
  sim_freeze(w.sim);
  sim_truth_put(w.sim, &t[0]);
  sim_advance(w.sim, 24 * HOUR);
  sim_truth_put(w.sim, &t[1]);
  CHECK_STR(t[0].data, t[1].data);
  buf_release(&t[0]), buf_release(&t[1]);
  world_close(&w);
}

TEST(sim_stays_small)
{
  struct world w;
  if (!world_open(&w, NULL, 50000, 5)) return;
  size_t lists = 0;
  for (size_t i = 0; i < sim_shops(w.sim); i++) {
    const struct sim_shop_own *own = sim_shop(w.sim, i)->own;
    lists += (own->all.cap + own->by_change.cap + own->by_placed.cap) * sizeof(void *) + own->slots * sizeof(uint32_t);
  }
  CHECK(w.sim->orders + (int64_t)w.sim->due.n >= 50000);
  CHECK(w.sim->mem.used + lists + w.sim->due.cap * sizeof(struct sim_event) < 60u << 20);
  world_close(&w);
}

/* ---- truth ------------------------------------------------------------------------------------------------ */
static const struct sim_order *order_of(struct sim *s, const struct json *pair, const struct sim_shop **shop)
{
  for (size_t i = 0; i < sim_shops(s); i++)
    if (!strcmp(sim_shop(s, i)->name, json_string(json_at(pair, 0)))) {
      *shop = sim_shop(s, i);
      return sim_find(sim_shop(s, i), json_string(json_at(pair, 1)));
    }
  return NULL;
}

static void group_check(struct sim *s, const struct json *group)
{
  const struct sim_shop *shop, *first_shop = NULL;
  const struct sim_order *first = NULL;
  struct sim_person p, q;
  CHECK(json_count(group) >= 2);
  for (const struct json *m = json_first(group); m; m = json_next(m)) {
    const struct sim_order *o = order_of(s, m, &shop);
    REQUIRE(o);
    if (!first) first = o, first_shop = shop;
    sim_person(first_shop, first, &p), sim_person(shop, o, &q);
    CHECK_STR(p.phone, q.phone), CHECK_STR(p.address, q.address);
    CHECK_INT(o->status, SIM_PAID), CHECK_INT(o->shipped_ms, 0);
    CHECK(o->placed_ms - first->placed_ms <= 72 * HOUR);
    CHECK(shop->row->receiver != SIM_MASKED);
  }
}

TEST(sim_truth_holds)
{
  struct world w;
  struct buf t = { 0 };
  if (!world_open(&w, NULL, 3000, 6)) return;
  w.sim->o.fault[SIM_FAULT_LATE_CANCEL] = 100000;
  sim_advance(w.sim, HOUR);
  sim_truth_put(w.sim, &t);
  struct faults f = { .mem = &w.mem };
  const struct json *j = json_parse(&w.mem, t.data, t.len, 1000000, &f);
  REQUIRE(j);
  int64_t orders = 0;
  for (const struct json *c = json_first(json_get(j, "channels")); c; c = json_next(c))
    orders += (int64_t)json_count(json_get(c, "orders"));
  CHECK_INT(orders, w.sim->orders);
  const struct json *groups = json_get(j, "groups");
  CHECK(json_count(groups) > 50);
  for (const struct json *g = json_first(groups); g; g = json_next(g)) group_check(w.sim, g);
  buf_release(&t);
  world_close(&w);
}

TEST(sim_cancels_late_only_what_was_paid_before)
{
  struct world w;
  struct sim_options o;
  const char *why = NULL;
  w = (struct world){ 0 };
  env_sim_init(&w.env, NOW, 1);
  sim_options_default(&o);
  o.platforms = "shopify", o.env = &w.env.env, o.fault[SIM_FAULT_LATE_CANCEL] = 200000;
  w.sim = sim_new(&o, &w.mem, &why);
  REQUIRE(w.sim);
  CHECK_INT(w.sim->late_cancels, 0);
  sim_advance(w.sim, HOUR);
  CHECK(w.sim->late_cancels > 100);
  int64_t n = 0;
  const struct sim_list_of *all = &sim_shop(w.sim, 0)->own->all;
  for (size_t i = 0; i < all->n; i++)
    if (all->at[i]->late_cancel) n += all->at[i]->paid_ms && all->at[i]->cancelled_ms > NOW;
  CHECK_INT(n, w.sim->late_cancels);
  world_close(&w);
}

/* ---- signatures ----------------------------------------------------------------------------------------------- */
static void secret_set(struct sim_shop *s, const char *name, const char *value)
{
  for (size_t i = 0; i < SIM_SECRETS_MAX && s->row->secret[i].name; i++)
    if (!strcmp(s->row->secret[i].name, name)) s->own->secret[i] = value;
}

TEST(sim_shopee_checks_what_is_signed)
{
  static const char *const names[] = { "partner_id", "timestamp", "access_token", "shop_id", "sign" };
  struct world w;
  struct ask k;
  if (!world_open(&w, "shopee", 200, 1)) return;
  struct sim_shop *s = sim_shop(w.sim, 0);
  shopee_list(&k, s, NOW - 96 * HOUR, NOW, "");
  says(&k, "\"error\":\"\""), CHECK_INT(s->own->bad_signs, 0);
  ask_end(&k);
  for (size_t i = 0; i < COUNT(names); i++) {
    test_note("without %s", names[i]);
    ask_begin(&k, "GET", "/api/v2/order/get_order_list");
    shopee_sign(&k, s, false);
    for (size_t q = 0; q < k.r.query_n; q++)
      if (!strcmp(k.query[q].name, names[i])) k.query[q].value = "";
    ask_send(&k, s);
    says(&k, "\"error_param\""), says(&k, names[i]);
    ask_end(&k);
  }
  ask_begin(&k, "GET", "/api/v2/order/get_order_detail"); /* signed for another path */
  k.r.path = "/api/v2/order/get_order_list";
  shopee_sign(&k, s, false);
  k.r.path = "/api/v2/order/get_order_detail";
  ask_send(&k, s);
  says(&k, "\"error_sign\""), CHECK_INT(s->own->bad_signs, 1);
  ask_end(&k);
  shopee_list(&k, s, NOW - 16 * 24 * HOUR, NOW, "");
  says(&k, "order.order_list_invalid_time");
  ask_end(&k);
  world_close(&w);
}

TEST(sim_takes_any_number)
{
  static const char *const numbers[] = { "999999999999999999999", "999999999999999", "-999999999999999", "1e5", "", "-", "0x10" };
  static const char *const names[] = { "time_from", "time_to", "page_size", "cursor" };
  struct world w;
  struct ask k;
  if (!world_open(&w, "shopee", 20, 1)) return;
  for (size_t i = 0; i < COUNT(numbers); i++)
    for (size_t n = 0; n < COUNT(names); n++) {
      ask_begin(&k, "GET", "/api/v2/order/get_order_list");
      ask_query(&k, "time_range_field", "update_time");
      for (size_t q = 0; q < COUNT(names); q++) ask_query(&k, names[q], q == n ? numbers[i] : q == 1 ? "1764000000" : q ? "50" : "1763900000");
      shopee_sign(&k, sim_shop(w.sim, 0), false);
      ask_send(&k, sim_shop(w.sim, 0));
      says(&k, "request_id");
      ask_end(&k);
      sim_advance(w.sim, 1000);
    }
  world_close(&w);
}

/* The published sample of the platform's documentation. */
TEST(sim_lazada_takes_the_published_request)
{
  static const char *const q[][2] = { { "app_key", "123456" }, { "access_token", "test" }, { "timestamp", "1517820392000" },
                                      { "sign_method", "sha256" }, { "order_id", "1234" },
                                      { "sign", "4190D32361CFB9581350222F345CB77F3B19F0E31D162316848A2C1FFD5FAB4A" } };
  struct world w;
  struct ask k;
  if (!world_open(&w, "lazada", 10, 1)) return;
  struct sim_shop *s = sim_shop(w.sim, 0);
  secret_set(s, "app_key", "123456"), secret_set(s, "app_secret", "helloworld"), secret_set(s, "access_token", "test");
  w.sim->skew_ms = 1517820392000 - NOW, s->own->access_until_ms = NOW;
  for (int bad = 0; bad < 2; bad++) {
    ask_begin(&k, "GET", "/rest/order/get");
    for (size_t i = 0; i < COUNT(q); i++) ask_query(&k, q[i][0], bad && i == 4 ? "1235" : q[i][1]);
    ask_send(&k, s);
    CHECK_INT(s->own->bad_signs, bad);
    says(&k, bad ? "IncompleteSignature" : "is not a valid Order ID");
    ask_end(&k);
  }
  world_close(&w);
}

/* Every recorded vector that is a digest of a text. */
static void vector_check(struct arena *a, const struct json *v)
{
  const char *text = json_string(json_get(v, "string_to_sign")), *want = json_string(json_get(v, "expected"));
  const char *scheme = json_string(json_get(v, "scheme")), *key = json_string(json_get(v, "hmac_key"));
  if (!text || !want || !scheme) return;
  if (!key) key = json_string(json_get(v, "secret"));
  size_t n = strlen(text);
  bool upper = strstr(scheme, "hex UPPER"), mac = strstr(scheme, "hmac"), b64 = strstr(scheme, "base64");
  enum digest d = strstr(scheme, "sha256") ? DIGEST_SHA256 : strstr(scheme, "sha1") ? DIGEST_SHA1 : DIGEST_MD5;
  if (b64 && !mac) return;
  test_note("%s", json_string(json_get(v, "id")));
  CHECK_STR(b64   ? sim_mac_base64(a, d, key, text, n)
            : mac ? sim_mac_hex(a, d, key, text, n, upper)
                  : sim_hex(a, d, text, n, upper),
            want);
}

TEST(sim_signs_like_the_vectors)
{
  static const char *const services[] = { "shopee", "lazada", "taobao", "jd", "douyin", "pinduoduo", "shopify", "woocommerce" };
  struct arena a = { 0 };
  size_t n = 0;
  char *text = file_read(&a, "../shared/reference/apis/vectors.json", 1 << 20, &n);
  if (!text) {
    arena_release(&a);
    SKIP("../shared/reference/apis/vectors.json is not here");
  }
  struct faults f = { .mem = &a };
  const struct json *j = json_parse(&a, text, n, JSON_ELEMENTS_MAX, &f);
  CHECK(j);
  for (const struct json *v = json_first(json_get(j, "vectors")); v; v = json_next(v))
    for (size_t i = 0; i < COUNT(services); i++)
      if (!strcmp(json_string(json_get(v, "service")), services[i])) vector_check(&a, v);
  arena_release(&a);
}

/* ---- tokens and limits -------------------------------------------------------------------------------------------- */
TEST(sim_tokens_expire_and_rotate)
{
  struct world w;
  struct ask k;
  if (!world_open(&w, "shopee", 50, 1)) return;
  struct sim_shop *s = sim_shop(w.sim, 0);
  const char *old = sim_secret(s, "refresh_token");
  sim_advance(w.sim, 4 * HOUR + 1000);
  shopee_list(&k, s, NOW, NOW + HOUR, "");
  says(&k, "invalid_acceess_token");
  ask_end(&k);
  shopee_refresh(&k, s, old);
  says(&k, "\"expire_in\":14400"), says(&k, sim_secret(s, "access_token"));
  CHECK(strcmp(old, sim_secret(s, "refresh_token")) != 0);
  const char *access = sim_secret(s, "access_token");
  ask_end(&k);
  shopee_refresh(&k, s, old); /* the answer was lost: the same pair again */
  says(&k, access);
  ask_end(&k);
  shopee_list(&k, s, NOW, NOW + HOUR, "");
  says(&k, "\"error\":\"\"");
  ask_end(&k);
  sim_advance(w.sim, 61000);
  shopee_refresh(&k, s, old);
  says(&k, "refresh_token_expired");
  ask_end(&k);
  world_close(&w);
}

TEST(sim_limits_calls)
{
  struct world w;
  struct ask k;
  if (!world_open(&w, "shopify", 50, 1)) return;
  struct sim_shop *s = sim_shop(w.sim, 0);
  for (int i = 0; i < 41; i++) {
    shopify_list(&k, s);
    CHECK_INT(k.c.status, i < 40 ? 200 : 429);
    if (i == 40) CHECK(strstr(k.c.headers.data, "Retry-After: 0.5\r\n"));
    ask_end(&k);
  }
  sim_advance(w.sim, 1000);
  for (int i = 0; i < 3; i++) {
    shopify_list(&k, s);
    CHECK_INT(k.c.status, i < 2 ? 200 : 429);
    ask_end(&k);
  }
  world_close(&w);
}

TEST(sim_shopify_pages_keep_their_filters)
{
  struct world w;
  struct ask k;
  if (!world_open(&w, "shopify", 50, 1)) return;
  struct sim_shop *s = sim_shop(w.sim, 0);
  ask_begin(&k, "GET", "/admin/api/2025-10/orders.json");
  ask_query(&k, "page_info", "ua1-0-ffffffffff-5.1"), ask_query(&k, "status", "any");
  k.field[k.r.field_n++] = (struct http_field){ "x-shopify-access-token", sim_secret(s, "access_token") };
  ask_send(&k, s);
  CHECK_INT(k.c.status, 400);
  ask_end(&k);
  shopify_list(&k, s);
  CHECK(k.c.headers.data && strstr(k.c.headers.data, "rel=\"next\"") && !strstr(k.c.headers.data, "rel=\"previous\""));
  ask_end(&k);
  ask_begin(&k, "GET", "/admin/api/2025-10/orders.json");
  ask_send(&k, s);
  CHECK_INT(k.c.status, 401);
  ask_end(&k);
  world_close(&w);
}

/* ---- faults --------------------------------------------------------------------------------------------------------- */
static void only(struct world *w, enum sim_fault f)
{
  int32_t share[SIM_FAULT_N] = { 0 };
  share[f] = SIM_MILLION;
  sim_faults(w->sim, share);
}

TEST(sim_breaks_what_it_is_told_to)
{
  struct world w;
  struct ask k;
  if (!world_open(&w, "shopee", 300, 1)) return;
  struct sim_shop *s = sim_shop(w.sim, 0);
  only(&w, SIM_FAULT_HTML);
  shopee_list(&k, s, NOW - 96 * HOUR, NOW, "");
  says(&k, "<html>"), CHECK_STR(k.c.type, "text/html; charset=utf-8");
  ask_end(&k);
  only(&w, SIM_FAULT_ERRORS);
  shopee_list(&k, s, NOW - 96 * HOUR, NOW, "");
  CHECK(k.c.status >= 500), says(&k, "error_server");
  ask_end(&k);
  only(&w, SIM_FAULT_TRUNCATED);
  shopee_list(&k, s, NOW - 96 * HOUR, NOW, "");
  struct faults f = { .mem = &w.mem };
  CHECK(!json_parse(&w.mem, k.c.body.data, k.c.body.len, JSON_ELEMENTS_MAX, &f));
  ask_end(&k);
  only(&w, SIM_FAULT_RATE_LIMIT);
  shopee_list(&k, s, NOW - 96 * HOUR, NOW, "");
  CHECK_INT(k.c.status, 429), CHECK(s->own->storm_until_ms > NOW);
  ask_end(&k);
  sim_advance(w.sim, 60000);
  only(&w, SIM_FAULT_SAME_PAGE);
  for (int i = 0; i < 3; i++) {
    shopee_list(&k, s, NOW - 96 * HOUR, NOW, i ? "69200000.5" : "");
    says(&k, "\"more\":true");
    if (i) says(&k, "\"next_cursor\":\"69200000.5\"");
    ask_end(&k);
  }
  only(&w, SIM_FAULT_DUPLICATES);
  sim_advance(w.sim, 60000);
  shopee_list(&k, s, NOW - 96 * HOUR, NOW, "");
  CHECK_INT(w.sim->duplicates, 50);
  ask_end(&k);
  world_close(&w);
}

/* What was asked for happens, only nobody hears of it. */
TEST(sim_never_answers_but_does)
{
  struct world w;
  struct ask k;
  if (!world_open(&w, "shopee", 10, 1)) return;
  struct sim_shop *s = sim_shop(w.sim, 0);
  const char *old = sim_secret(s, "refresh_token");
  only(&w, SIM_FAULT_TIMEOUTS);
  shopee_refresh(&k, s, old);
  CHECK(!k.answered && k.c.lost);
  CHECK(strcmp(old, sim_secret(s, "refresh_token")) != 0);
  CHECK_INT(s->own->unanswered, 1);
  ask_end(&k);
  world_close(&w);
}

TEST(sim_shows_changes_late)
{
  struct world w;
  if (!world_open(&w, "shopify", 300, 2)) return;
  only(&w, SIM_FAULT_REORDER);
  w.sim->o.change_milli = 1000;
  sim_advance(w.sim, HOUR / 2);
  size_t late = 0;
  const struct sim_list_of *all = &sim_shop(w.sim, 0)->own->all;
  for (size_t i = 0; i < all->n; i++) late += all->at[i]->indexed && all->at[i]->indexed_ms < all->at[i]->modified_ms;
  CHECK(late > 0);
  sim_freeze(w.sim);
  for (size_t i = 0; i < all->n; i++) CHECK(!all->at[i]->indexed || all->at[i]->indexed_ms == all->at[i]->modified_ms);
  world_close(&w);
}

TEST(sim_shares)
{
  static const struct {
    const char *text;
    bool ok;
    int32_t millionths;
  } cases[] = {
    { "0", true, 0 },       { "1", true, 1000000 },   { "0.02", true, 20000 },  { "2%", true, 20000 },
    { ".5", true, 500000 }, { "100%", true, 1000000 }, { "0.5%", true, 5000 },  { "0.0000001", true, 0 },
    { "", false, 0 },       { "%", false, 0 },         { "1.1", false, 0 },     { "101%", false, 0 },
    { "-1", false, 0 },     { "0.1x", false, 0 },      { "9999", false, 0 },    { ".", false, 0 },
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    int32_t v = 0;
    test_note("%s", cases[i].text);
    CHECK_INT(sim_share_parse(cases[i].text, &v), cases[i].ok);
    if (cases[i].ok) CHECK_INT(v, cases[i].millionths);
  }
}
