/* What connectors tell simulated platforms of shipments and stock, without a network: taken once, refused in the platform's
 * own words, asked about by number. Connector and simulator share no code: each holds the other to the platform's form. */
#include "edge.h"
#include "test.h"
#include <stdio.h>
#include <stdlib.h>

#define NOW 1764000000000ll
#define HOUR (3600ll * 1000)
static const char *const platforms[] = { "shopee",    "lazada", "taobao",  "jd",         "douyin",
                                         "pinduoduo", "amazon", "shopify", "woocommerce" };

struct shop {
  struct env_sim env;
  struct arena mem, world;
  struct sim *sim;
  struct sim_shop *s;
  struct connector *c;
  struct connector_box *b;
  struct connector_effect effect;
  struct connector_vars v;
  struct verdict verdict;
  struct connector_answer ans;
  struct buf body;
  bool answered;
};

static const char *secret(void *arg, const char *name)
{
  const struct sim_shop *s = ((struct shop *)arg)->s;
  for (size_t i = 0; i < SIM_SECRETS_MAX && s->row->secret[i].name; i++)
    if (!strcmp(s->row->secret[i].name, name)) return sim_secret(s, name);
  return NULL;
}

static const char *setting(void *arg, const char *name)
{
  static const char *const of_amazon[][2] = { { "marketplace_ids", "A1VC38T7YXB528" },
                                              { "currency", "JPY" },
                                              { "seller_id", "SELLER1" } };
  const struct shop *k = arg;
  if (strstr(name, "host")) return "http://shop.example.com";
  for (size_t i = 0; i < COUNT(of_amazon) && !strcmp(k->s->row->name, "amazon"); i++)
    if (!strcmp(of_amazon[i][0], name)) return of_amazon[i][1];
  return NULL;
}

static bool shop_open(struct shop *k, const char *platform)
{
  struct sim_options o;
  struct connector_file file;
  struct connector_fault fault;
  const char *why = NULL;
  *k = (struct shop){ 0 };
  env_sim_init(&k->env, NOW, 1);
  sim_options_default(&o);
  o.platforms = platform, o.orders = 300, o.seed = 3, o.env = &k->env.env, o.no_limits = true;
  k->sim = sim_new(&o, &k->world, &why);
  k->s = sim_shop(k->sim, 0);
  CHECK(connector_load(&k->mem, NULL, platform, &file));
  k->c = connector_parse(&k->mem, platform, file.text, file.n, &fault);
  if (!CHECK(k->c)) return false;
  k->b = connector_open(k->c, &k->mem, &why);
  connector_values(k->b, secret, setting, k);
  sim_freeze(k->sim);
  return CHECK(k->b);
}

static void shop_close(struct shop *k)
{
  connector_close(k->b);
  sim_free(k->sim);
  buf_release(&k->body);
  arena_release(&k->mem), arena_release(&k->world);
}

/* ---- a call of the connector's as a request to the simulator ---------------------------------------------------------- */
static char *decoded(struct arena *a, const char *p, size_t n)
{
  char *out = arena_alloc(a, n + 1), *at = out, hex[3] = { 0 };
  for (size_t i = 0; i < n; i++)
    if (p[i] == '%' && i + 2 < n) memcpy(hex, p + i + 1, 2), *at++ = (char)strtol(hex, NULL, 16), i += 2;
    else *at++ = p[i];
  return out;
}

static void request_fill(struct http_request *r, const struct connector_call *call)
{
  const char *path = strchr(strstr(call->url, "://") + 3, '/'), *q = strchr(path, '?');
  size_t pairs = 1, n = q ? (size_t)(q - path) : strlen(path);
  for (const char *p = q; p && *p; p++) pairs += *p == '&';
  r->method = call->method, r->host = "shop.example.com", r->path = decoded(&r->mem, path, n);
  r->query = arena_array(&r->mem, struct http_field, pairs + 1);
  for (const char *p = q ? q + 1 : ""; *p;) {
    size_t len = strcspn(p, "&"), eq = strcspn(p, "=");
    r->query[r->query_n++] =
      (struct http_field){ decoded(&r->mem, p, eq), decoded(&r->mem, p + eq + 1, len - eq - 1) };
    p += len + (p[len] == '&');
  }
  r->field = arena_array(&r->mem, struct http_field, call->headers + 2);
  for (size_t i = 0; i < call->headers; i++) {
    char *name = arena_str(&r->mem, call->header[i].name);
    for (char *c = name; *c; c++) *c = *c >= 'A' && *c <= 'Z' ? (char)(*c + 32) : *c;
    r->field[r->field_n++] = (struct http_field){ name, call->header[i].value };
  }
  if (call->content_type) r->field[r->field_n++] = (struct http_field){ "content-type", call->content_type };
  r->body = call->body ? call->body : "", r->body_n = call->body_n;
}

/* Built, asked, judged. */
static bool tell(struct shop *k, const char *request)
{
  struct connector_call call;
  struct http_request r = { 0 };
  struct sim_call c;
  const char *why = NULL;
  k->v.now_ms = sim_now(k->sim), k->v.host = "http://shop.example.com", k->v.effect = &k->effect;
  k->v.nonce = arena_printf(&k->mem, "%032llx", (unsigned long long)k->s->own->requests + 77);
  if (!CHECK(connector_build(k->b, &k->mem, request, &k->v, &call, &why))) {
    test_note("%s %s: %s", k->s->row->name, request, why);
    return CHECK(false);
  }
  request_fill(&r, &call);
  k->answered = sim_ask(k->s, &r, &c);
  k->body.len = 0;
  if (c.body.len) buf_put(&k->body, c.body.data, c.body.len);
  k->ans =
    (struct connector_answer){ .status = c.status,
                               .body = arena_strn(&k->mem, k->body.data ? k->body.data : "", k->body.len),
                               .body_n = k->body.len };
  buf_release(&c.body), buf_release(&c.headers);
  arena_release(&r.mem);
  connector_judge(k->b, &k->mem, request, &k->ans, &k->v, &k->verdict);
  return true;
}

/* ---- the order as the platform has it ------------------------------------------------------------------------------------ */
static const char *order_read_from(struct shop *k, const char *id)
{
  struct connector_order *list = NULL;
  struct connector_id *ids = NULL;
  size_t n = 0;
  const char *why = NULL, *section = "orders one";
  k->v.id = id, k->v.cursor = "", k->v.ids = arena_printf(&k->mem, "[\"%s\"]", id), k->v.rows = "[]";
  if (!tell(k, k->c->has_one ? "one" : "detail") || !CHECK_INT(k->verdict.kind, VERDICT_OK)) return "{}";
  if (!k->c->has_one) section = "orders";
  if (connector_section(k->c, "ids one")) {
    CHECK(connector_ids(k->b, &k->mem, "ids one", &k->ans, &k->v, &ids, &n, &why) && n == 1);
    k->v.rows = arena_printf(&k->mem, "[%s]", ids->row), section = "orders";
    struct buf pages = { 0 };
    for (const char *cursor = ""; cursor;) { /* of an answer of several pages only the mapping wants all */
      k->v.cursor = cursor;
      if (!tell(k, "detail") || !CHECK_INT(k->verdict.kind, VERDICT_OK)) return "{}";
      buf_printf(&pages, "%s%s", pages.len ? "," : "[", k->ans.body);
      if (!connector_section(k->c, "next detail") ||
          !connector_next(k->b, &k->mem, "detail", &k->ans, &k->v, &cursor, &why))
        cursor = NULL;
    }
    if (connector_section(k->c, "next detail"))
      k->ans.body = arena_printf(&k->mem, "%s]", pages.data), k->ans.body_n = pages.len + 1;
    buf_release(&pages);
  }
  if (!CHECK(connector_orders(k->b, &k->mem, section, &k->ans, &k->v, &list, &n, &why) && n == 1))
    return "{}";
  return arena_strn(&k->mem, list->order, list->order_n);
}

static enum outcome_kind ask(struct shop *k)
{
  struct connector_shipped *list = NULL;
  size_t n = 0;
  const char *why = NULL;
  if (!connector_request(k->c, "shipped")) {
    const char *order = order_read_from(k, k->effect.order_id);
    return told_by_order(&k->mem, order, strlen(order), &k->effect).kind;
  }
  if (!tell(k, "shipped") || !CHECK_INT(k->verdict.kind, VERDICT_OK)) return OUTCOME_UNKNOWN;
  CHECK(connector_shipped(k->b, &k->mem, &k->ans, &k->v, &list, &n, &why));
  return told_by_numbers(&k->mem, list, n, &k->effect).kind;
}

/* All of its lines, under this number. */
static void effect_of(struct shop *k, const char *id, const char *no)
{
  struct faults f = { .mem = &k->mem };
  const char *text = order_read_from(k, id);
  const struct json *j = json_parse(&k->mem, text, strlen(text), JSON_ELEMENTS_MAX, &f);
  struct buf b = { 0 };
  struct jw w;
  jw_init(&w, &b), jw_array(&w);
  for (const struct json *l = json_first(json_get(j, "lines")); l; l = json_next(l)) {
    int64_t n = 0;
    json_int(json_get(l, "quantity"), &n);
    jw_object(&w), jw_kstring(&w, "line_id", json_string(json_get(l, "line_id"))), jw_kint(&w, "quantity", n),
      jw_object_end(&w);
  }
  jw_array_end(&w);
  k->effect = (struct connector_effect){
    .order_id = id, .carrier_code = "SF", .tracking_no = no, .whole = true, .shipped_ms = NOW
  };
  k->effect.parcel = (int64_t)k->s->own->requests;
  k->effect.lines = arena_strn(&k->mem, b.data, b.len);
  buf_release(&b);
  CHECK(connector_carrier(k->b, &k->mem, "SF", &k->effect.carrier));
}

static enum verdict_kind confirm(struct shop *k)
{
  k->effect.prepared = NULL;
  if (connector_request(k->c, "prepare")) {
    if (!tell(k, "prepare") || k->verdict.kind != VERDICT_OK) return k->verdict.kind;
    k->effect.prepared = k->ans.body;
  }
  tell(k, "confirm");
  return k->verdict.kind;
}

/* The k-th paid order without a refund. */
static struct sim_order *paid_order(struct shop *k, size_t nth)
{
  for (size_t i = 0; i < k->s->own->all.n; i++) {
    struct sim_order *o = k->s->own->all.at[i];
    bool refunded = false;
    for (size_t x = 0; x < o->lines; x++) refunded = refunded || o->line[x].refund;
    if (o->status == SIM_PAID && !o->parcels && !refunded && !nth--) return o;
  }
  return NULL;
}

static int64_t accepted(const struct shop *k)
{
  int64_t n = 0;
  for (size_t i = 0; i < k->sim->tolds; i++)
    n += k->sim->told[i].order && !strcmp(k->sim->told[i].result, "accepted");
  return n;
}

/* ---- tests --------------------------------------------------------------------------------------------------------------------- */
TEST(ship_platforms_take_a_confirmation_once)
{
  for (size_t i = 0; i < COUNT(platforms); i++) {
    struct shop k;
    if (!shop_open(&k, platforms[i])) continue;
    struct sim_order *o = paid_order(&k, 0);
    test_note("%s: before", platforms[i]);
    effect_of(&k, o->id, "SF1234567890123");
    CHECK_INT(ask(&k), OUTCOME_RETRY);
    CHECK_INT(confirm(&k), VERDICT_OK);
    test_note("%s: %d %.300s", platforms[i], k.ans.status, k.ans.body);
    CHECK_INT(accepted(&k), 1);
    CHECK_INT(o->parcels, 1);
    if (o->parcels) CHECK_STR(o->parcel[0].no, "SF1234567890123");
    CHECK_INT(o->status == SIM_SHIPPED || o->status == SIM_COMPLETED, !k.s->row->by_pickup);
    CHECK_INT(ask(&k), OUTCOME_ACCEPTED);
    enum verdict_kind again = confirm(&k);
    test_note("%s: again: %s %s %s", platforms[i], verdict_name(again), k.verdict.code, k.verdict.message);
    CHECK(again == VERDICT_ASK || again == VERDICT_DONE ||
          (again == VERDICT_OK && !strcmp(platforms[i], "amazon")));
    CHECK_INT(accepted(&k), 1);
    CHECK_INT(k.s->own->bad_signs, 0);
    sim_pick_up(k.sim, "SF1234567890123", sim_now(k.sim) + HOUR);
    CHECK(o->status == SIM_SHIPPED || o->status == SIM_COMPLETED);
    test_note("%s: picked up", platforms[i]);
    CHECK_INT(ask(&k), OUTCOME_ACCEPTED);
    k.effect.tracking_no = "SF9999999999999";
    CHECK_INT(ask(&k), OUTCOME_REFUSED);
    shop_close(&k);
  }
}

TEST(ship_platforms_refuse_what_cannot_go)
{
  for (size_t i = 0; i < COUNT(platforms); i++) {
    struct shop k;
    if (!shop_open(&k, platforms[i])) continue;
    struct sim_order *gone = paid_order(&k, 0), *locked = paid_order(&k, 1), *hand = paid_order(&k, 2);
    effect_of(&k, gone->id, "SF1234567890123");
    gone->status = SIM_CANCELLED, gone->cancelled_ms = NOW;
    test_note("%s: cancelled", platforms[i]);
    CHECK_INT(confirm(&k), VERDICT_REFUSED);
    effect_of(&k, locked->id, "SF1234567890124");
    k.s->own->plan[k.s->own->plans++] = (struct sim_plan){ "confirm", "refuse", 1 };
    enum verdict_kind is = confirm(&k);
    test_note("%s: locked: %s %s", platforms[i], verdict_name(is), k.verdict.message);
    CHECK_INT(is, VERDICT_REFUSED);
    CHECK(*k.verdict.message);
    CHECK_INT(ask(&k), OUTCOME_RETRY);
    CHECK_INT(confirm(&k), VERDICT_OK);
    effect_of(&k, hand->id, "SF1234567890125");
    CHECK(sim_ship_by_hand(k.s, hand, "ZT0000000001", NOW, true));
    is = confirm(&k);
    test_note("%s: shipped by hand: %s %s", platforms[i], verdict_name(is), k.verdict.message);
    CHECK(is == VERDICT_ASK || is == VERDICT_REFUSED);
    CHECK_INT(ask(&k), OUTCOME_REFUSED);
    CHECK_INT(accepted(&k), 1);
    shop_close(&k);
  }
}

TEST(ship_platforms_lose_and_keep_as_planned)
{
  for (size_t i = 0; i < COUNT(platforms); i++) {
    struct shop k;
    if (!shop_open(&k, platforms[i])) continue;
    static const struct {
      const char *how;
      bool answered, taken;
    } t[] = { { "lost", false, true },
              { "hang", false, false },
              { "error", true, false },
              { "taken_error", true, true } };
    for (size_t x = 0; x < COUNT(t); x++) {
      struct sim_order *o = paid_order(&k, 0);
      effect_of(&k, o->id, arena_printf(&k.mem, "SF123456789%zu", 1000 + x));
      k.s->own->plan[k.s->own->plans++] = (struct sim_plan){ .call = "confirm", .times = 1 };
      memcpy(k.s->own->plan[k.s->own->plans - 1].how, t[x].how, strlen(t[x].how));
      enum verdict_kind is = confirm(&k);
      test_note("%s: %s: %s", platforms[i], t[x].how, verdict_name(is));
      CHECK_INT(k.answered, t[x].answered);
      if (k.answered) CHECK(is == VERDICT_RETRY || is == VERDICT_RATE_LIMITED);
      CHECK_INT(ask(&k), t[x].taken ? OUTCOME_ACCEPTED : OUTCOME_RETRY);
      if (!t[x].taken) CHECK_INT(confirm(&k), VERDICT_OK);
      CHECK_INT(accepted(&k), (int64_t)x + 1);
    }
    shop_close(&k);
  }
}

TEST(ship_platforms_take_stock)
{
  static const char *const articles[][2] = {
    { "shopee", "23620000007:221404000007" },
    { "lazada", "RUG-200" },
    { "taobao", "610947572367:4351001234574" },
    { "jd", "10054887745659" },
    { "douyin", "RUG-200" },
    { "pinduoduo", "512345678908:987654321019" },
    { "amazon", "RUG-200" },
    { "shopify", "66001002003:46001000000007" },
    { "woocommerce", "100:907" },
  };
  for (size_t i = 0; i < COUNT(articles); i++) {
    struct shop k;
    const char *why;
    if (!shop_open(&k, articles[i][0])) continue;
    k.effect = (struct connector_effect){ .sku = articles[i][1], .quantity = 12 };
    k.v.effect = &k.effect;
    test_note("%s", articles[i][0]);
    CHECK(connector_when(k.b, &k.mem, "stock", &k.v, &why));
    tell(&k, "stock");
    test_note("%s: %s %.300s", articles[i][0], k.verdict.message, k.ans.body);
    CHECK_INT(k.verdict.kind, VERDICT_OK);
    CHECK_INT(k.s->own->stock[7], 12);
    k.effect.quantity = 0;
    tell(&k, "stock");
    CHECK_INT(k.s->own->stock[7], 0);
    k.s->own->plan[k.s->own->plans++] = (struct sim_plan){ "stock", "refuse", 1 };
    tell(&k, "stock");
    test_note("%s: refused: %s %s", articles[i][0], k.verdict.code, k.verdict.message);
    CHECK_INT(k.verdict.kind, VERDICT_REFUSED);
    CHECK_INT((int64_t)k.sim->tolds, 3);
    shop_close(&k);
  }
}

/* Some lines first, the others later, where a platform knows that. */
TEST(ship_platforms_take_parts)
{
  static const char *const able[] = { "lazada", "taobao", "douyin", "amazon", "shopify", "woocommerce" };
  for (size_t i = 0; i < COUNT(able); i++) {
    struct shop k;
    if (!shop_open(&k, able[i])) continue;
    struct sim_order *o = NULL;
    for (size_t n = 0; (o = paid_order(&k, n)) && o->lines < 2;) n++;
    if (!CHECK(o)) continue;
    effect_of(&k, o->id, "SF1234567890123");
    struct faults f = { .mem = &k.mem };
    const struct json *lines = json_parse(&k.mem, k.effect.lines, strlen(k.effect.lines), 1000, &f);
    struct buf part[2] = { 0 };
    for (size_t p = 0; p < 2; p++) {
      struct jw w;
      jw_init(&w, &part[p]), jw_array(&w);
      for (size_t x = 0; x < json_count(lines); x++)
        if ((x > 0) == p) jw_json(&w, json_at(lines, x));
      jw_array_end(&w);
      k.effect.lines = part[p].data, k.effect.whole = false;
      k.effect.tracking_no = p ? "SF1234567890124" : "SF1234567890123", k.effect.parcel = 11 + (int64_t)p;
      CHECK_INT(ask(&k), OUTCOME_RETRY);
      enum verdict_kind is = confirm(&k);
      test_note("%s: part %zu: %s %s", able[i], p, verdict_name(is), k.verdict.message);
      CHECK_INT(is, VERDICT_OK);
      CHECK_INT(o->parcels, (int64_t)p + 1);
      CHECK_INT(ask(&k), OUTCOME_ACCEPTED);
    }
    sim_pick_up(k.sim, "SF1234567890123", NOW), sim_pick_up(k.sim, "SF1234567890124", NOW);
    CHECK(o->status == SIM_SHIPPED || o->status == SIM_COMPLETED);
    buf_release(&part[0]), buf_release(&part[1]);
    shop_close(&k);
  }
}
