/* sim_woocommerce.c: a WooCommerce shop's REST v3 as the simulator plays it. Its port speaks plain HTTP, where requests
 * are signed (OAuth 1.0a); behind a proxy that says X-Forwarded-Proto: https it takes the keys themselves. */
#include "edge.h"
#include <stdio.h>
#include <stdlib.h>

#define ROOT "/wp-json/wc/v3/"
#define STAMP_MAX_S (15 * 60)
#define PER_PAGE 10
#define PER_PAGE_MAX 100
#define REFUND_REASON "ของแตก"

static void id(const struct sim_shop *s, const struct sim_order *o, char out[SIM_ID_TEXT])
{
  (void)s; /* ids are a site's own */
  snprintf(out, SIM_ID_TEXT, "%u", 727 + o->n * 8);
}

/* The site's address as its index gives it: what is signed. */
static const char *home(const struct sim_call *c)
{
  if (*c->shop->base) return c->shop->base;
  return arena_printf(c->a, "http://%.100s", c->r->host ? c->r->host : "shop.example");
}

/* ---- refusals ------------------------------------------------------------------------------------------- */
static void deny(struct sim_call *c, int status, const char *code, const char *message)
{
  sim_answer_again(c, status);
  jw_object(&c->w);
  jw_kstring(&c->w, "code", code), jw_kstring(&c->w, "message", message);
  jw_key(&c->w, "data"), jw_object(&c->w);
  jw_kint(&c->w, "status", status);
  jw_object_end(&c->w), jw_object_end(&c->w);
}

static void deny_page(struct sim_call *c, int status, const char *title)
{
  sim_answer_again(c, status);
  c->type = "text/html; charset=UTF-8";
  buf_printf(&c->body,
             "<html>\r\n<head><title>%d %s</title></head>\r\n<body>\r\n<center><h1>%d %s</h1></center>\r\n"
             "</body>\r\n</html>\r\n",
             status, title, status, title);
}

static void fail(struct sim_call *c)
{
  if (c->status == 500)
    deny(c, 500, "internal_server_error", "There has been a critical error on this website.");
  else deny_page(c, c->status, c->status == 502 ? "Bad Gateway" : "Service Temporarily Unavailable");
}

static bool auth_deny(struct sim_call *c, const char *message)
{
  deny(c, 401, "woocommerce_rest_authentication_error", message);
  return false;
}

static bool param_deny(struct sim_call *c, const char *name)
{
  deny(c, 400, "rest_invalid_param", arena_printf(c->a, "Invalid parameter(s): %s", name));
  return false;
}

/* ---- who is calling --------------------------------------------------------------------------------------- */
static bool is_https(const struct sim_call *c)
{
  const char *proto = sim_header(c, "x-forwarded-proto");
  return proto && !strcmp(proto, "https");
}

static char *basic_of(struct sim_call *c)
{
  char *pair =
    arena_printf(c->a, "%s:%s", sim_secret(c->shop, "consumer_key"), sim_secret(c->shop, "consumer_secret"));
  struct buf b = { 0 };
  base64_put(&b, pair, strlen(pair));
  char *out = arena_printf(c->a, "Basic %s", b.data);
  buf_release(&b);
  return out;
}

static bool keys_known(struct sim_call *c)
{
  const char *given = sim_header(c, "authorization"), *key = sim_param(c, "consumer_key");
  if (!given && !key) {
    deny(c, 401, "woocommerce_rest_cannot_view", "Sorry, you cannot list resources.");
    return false;
  }
  if (given ? sim_same(given, basic_of(c))
            : sim_same(key, sim_secret(c->shop, "consumer_key")) &&
                sim_same(sim_param(c, "consumer_secret"), sim_secret(c->shop, "consumer_secret")))
    return true;
  sim_bad_sign(c);
  return auth_deny(c, given || sim_same(key, sim_secret(c->shop, "consumer_key"))
                        ? "Consumer secret is invalid."
                        : "Consumer key is invalid.");
}

/* METHOD & url & parameters, the last two encoded: the parameters for the second time. */
static char *signature(struct sim_call *c, enum digest d)
{
  static const char *const except[] = { "oauth_signature", NULL };
  struct buf params = { 0 }, text = { 0 };
  sim_sorted(&params, c->r->query, c->r->query_n, "=", "&", except, true);
  buf_printf(&text, "%s&", c->r->method);
  sim_encode(&text, arena_printf(c->a, "%s%s", home(c), c->r->path));
  buf_char(&text, '&');
  sim_encode(&text, params.len ? params.data : "");
  char *key = arena_printf(c->a, "%s&", sim_secret(c->shop, "consumer_secret"));
  char *out = sim_mac_base64(c->a, d, key, text.data, text.len);
  buf_release(&params), buf_release(&text);
  return out;
}

static bool has_oauth(struct sim_call *c)
{
  static const char *const names[] = { "oauth_consumer_key", "oauth_timestamp", "oauth_nonce",
                                       "oauth_signature", "oauth_signature_method" };
  size_t n = 0;
  const char *missing = NULL;
  for (size_t i = 0; i < COUNT(names); i++) {
    const char *v = sim_param(c, names[i]);
    if (v && *v) n++;
    else missing = names[i];
  }
  if (n == COUNT(names)) return true;
  if (n) return auth_deny(c, arena_printf(c->a, "Missing OAuth parameter %s", missing));
  deny(c, 401, "woocommerce_rest_cannot_view", "Sorry, you cannot list resources.");
  return false;
}

static bool oauth_known(struct sim_call *c)
{
  const char *method = sim_param(c, "oauth_signature_method");
  bool sha1 = method && !strcmp(method, "HMAC-SHA1"), sha256 = method && !strcmp(method, "HMAC-SHA256");
  int64_t stamp, now_s = c->now_ms / 1000;
  if (!has_oauth(c)) return false;
  if (!sim_same(sim_param(c, "oauth_consumer_key"), sim_secret(c->shop, "consumer_key")))
    return auth_deny(c, "Consumer key is invalid.");
  if (!sha1 && !sha256) return auth_deny(c, "Invalid signature - signature method is invalid.");
  if (sim_param(c, "oauth_version") ||
      !sim_same(sim_param(c, "oauth_signature"), signature(c, sha1 ? DIGEST_SHA1 : DIGEST_SHA256))) {
    sim_bad_sign(c);
    return auth_deny(c, "Invalid signature - provided signature does not match.");
  }
  if (!sim_param_int(c, "oauth_timestamp", &stamp) || llabs(now_s - stamp) > STAMP_MAX_S)
    return auth_deny(c, "Invalid timestamp.");
  if (!sim_nonce_new(c, sim_param(c, "oauth_nonce"), 2 * STAMP_MAX_S * 1000LL))
    return auth_deny(c, "Invalid nonce - nonce has already been used.");
  return true;
}

/* WooCommerce has no limit of its own: it is the host's, whose words are its own too. */
static bool may(struct sim_call *c)
{
  int64_t wait_ms = 0;
  if (!(is_https(c) ? keys_known(c) : oauth_known(c))) return false;
  if (sim_take(c, "site", 0, 0, &wait_ms)) return true;
  if (c->draw & 1 << 16) deny_page(c, 429, "Too Many Requests");
  else deny(c, 429, "rest_too_many_requests", "Too many requests.");
  sim_answer_header(c, "Retry-After", "%lld", (long long)(wait_ms + 999) / 1000);
  return false;
}

/* ---- an order ------------------------------------------------------------------------------------------------ */
static const char *status_of(const struct sim_order *o)
{
  static const char *const unpaid[] = { "pending", "on-hold", "failed" };
  switch ((enum sim_status)o->status) {
  case SIM_PLACED: return unpaid[o->n % COUNT(unpaid)];
  case SIM_PAID: return "processing";
  case SIM_CANCELLED: return o->paid_ms && o->n % 2 ? "refunded" : "cancelled";
  default: return "completed";
  }
}

/* A date comes twice, in the site's time and in GMT, neither with its zone. */
static void put_dates(struct sim_call *c, const char *key, int64_t ms)
{
  char *local = sim_local(c->a, ms, c->shop->row->zone_min), *gmt = sim_local(c->a, ms, 0);
  local[10] = gmt[10] = 'T';
  jw_kstring(&c->w, key, ms ? local : NULL);
  jw_kstring(&c->w, arena_printf(c->a, "%s_gmt", key), ms ? gmt : NULL);
}

static void put_none(struct sim_call *c, const char *key)
{
  jw_key(&c->w, key), jw_array(&c->w), jw_array_end(&c->w);
}

static void zeros_put(struct sim_call *c, const char *const *key)
{
  for (; *key; key++) sim_kmoney(c, *key, 0);
}

static void address_put(struct sim_call *c, const char *key, const struct sim_person *p, bool empty)
{
  struct jw *w = &c->w;
  const char *street = arena_printf(c->a, "%s%s", p->district, p->address), *flat = strstr(street, " Apt ");
  bool is_billing = !strcmp(key, "billing");
  jw_key(w, key), jw_object(w);
  jw_kstring(w, "first_name", empty ? "" : p->first), jw_kstring(w, "last_name", empty ? "" : p->last);
  jw_kstring(w, "company", "");
  jw_kstring(w, "address_1", empty ? "" : flat ? arena_strn(c->a, street, (size_t)(flat - street)) : street);
  jw_kstring(w, "address_2", empty || !flat ? "" : flat + 1);
  jw_kstring(w, "city", empty ? "" : p->city), jw_kstring(w, "state", empty ? "" : p->province);
  jw_kstring(w, "postcode", empty ? "" : p->zip), jw_kstring(w, "country", empty ? "" : p->country);
  if (is_billing) jw_kstring(w, "email", p->email), jw_kstring(w, "phone", p->phone);
  jw_object_end(w);
}

/* "Mug, red" → "Mug &ndash; red" */
static const char *html_title(struct sim_call *c, const char *title)
{
  const char *comma = strstr(title, ", ");
  return comma ? arena_printf(c->a, "%.*s &ndash; %s", (int)(comma - title), title, comma + 2) : title;
}

static void line_put(struct sim_call *c, const struct sim_order *o, size_t i)
{
  static const char *const zeros[] = { "subtotal_tax", "total_tax", NULL };
  struct jw *w = &c->w;
  const struct sim_line *l = &o->line[i];
  const struct sim_sku *k = sim_sku(l);
  int64_t before = l->price * l->quantity, after = before - l->discount;
  jw_object(w);
  jw_kint(w, "id", 5000000 + o->n * 8LL + (int64_t)i);
  jw_kstring(w, "name", html_title(c, k->title_en));
  jw_kint(w, "product_id", 93 + l->sku), jw_kint(w, "variation_id", l->sku % 2 ? 900 + l->sku : 0);
  jw_kint(w, "quantity", l->quantity), jw_kstring(w, "tax_class", "");
  sim_kmoney(c, "subtotal", before), sim_kmoney(c, "total", after);
  zeros_put(c, zeros);
  put_none(c, "taxes"), put_none(c, "meta_data");
  jw_kstring(w, "sku", k->code);
  /* a float, with its noise */
  sim_kraw(c, "price", arena_printf(c->a, "%.17g", (double)after / 100 / l->quantity));
  jw_object_end(w);
}

static void refund_put(struct sim_call *c, int64_t refund_id, int64_t minor)
{
  jw_object(&c->w);
  jw_kint(&c->w, "id", refund_id), jw_kstring(&c->w, "reason", REFUND_REASON);
  jw_kstring(&c->w, "total", arena_printf(c->a, "-%s", sim_money(c->a, c->shop, minor)));
  jw_object_end(&c->w);
}

static int64_t back_id(const struct sim_order *o, size_t i)
{
  return 9000000 + o->n * (int64_t)SIM_BACKS_MAX + (int64_t)i;
}

static int64_t rest_of(const struct sim_order *o)
{
  int64_t rest = o->total - o->refunded;
  for (size_t i = 0; i < o->backs; i++) rest -= o->back[i].amount;
  return rest;
}

static void refunds_put(struct sim_call *c, const struct sim_order *o)
{
  int64_t first = strtoll(o->id, NULL, 10) + 1;
  jw_key(&c->w, "refunds"), jw_array(&c->w);
  for (size_t i = 0; i < o->lines; i++)
    if (o->line[i].refund == SIM_REFUND_DONE)
      refund_put(c, first + (int64_t)i, o->line[i].price * o->line[i].quantity - o->line[i].discount);
  for (size_t i = 0; i < o->backs; i++) refund_put(c, back_id(o, i), o->back[i].amount);
  if (!strcmp(status_of(o), "refunded")) refund_put(c, first + SIM_LINES_MAX, rest_of(o));
  jw_array_end(&c->w);
}

static void head_put(struct sim_call *c, const struct sim_order *o)
{
  struct jw *w = &c->w;
  sim_kraw(c, "id", o->id), jw_kint(w, "parent_id", 0);
  jw_kstring(w, "number", o->n % 7 ? o->id : arena_printf(c->a, "WEB-%s-ไทย", o->id));
  jw_kstring(
    w, "order_key",
    arena_printf(c->a, "wc_order_%llx", (unsigned long long)sim_hash(c->shop->sim, o->id, o->n, 0) >> 20));
  jw_kstring(w, "created_via", o->n % 2 ? "checkout" : "rest-api"), jw_kstring(w, "version", "8.2.1");
  jw_kstring(w, "status", status_of(o)), jw_kstring(w, "currency", c->shop->row->currency);
  put_dates(c, "date_created", o->placed_ms), put_dates(c, "date_modified", o->modified_ms);
  sim_kmoney(c, "discount_total", o->discount), sim_kmoney(c, "discount_tax", 0);
  sim_kmoney(c, "shipping_total", o->freight), sim_kmoney(c, "shipping_tax", 0), sim_kmoney(c, "cart_tax", 0);
  sim_kmoney(c, "total", o->total), sim_kmoney(c, "total_tax", 0);
  jw_kbool(w, "prices_include_tax", false);
  jw_kint(w, "customer_id", o->customer % 3 ? o->customer + 26 : 0);
  jw_kstring(w, "customer_ip_address", ""), jw_kstring(w, "customer_user_agent", "");
  jw_kstring(w, "customer_note", sim_remark(o->buyer_remark));
}

static void shipping_put(struct sim_call *c, const struct sim_order *o)
{
  struct jw *w = &c->w;
  jw_key(w, "shipping_lines"), jw_array(w), jw_object(w);
  jw_kint(w, "id", 5000000 + o->n * 8LL + SIM_LINES_MAX);
  jw_kstring(w, "method_title", "Flat Rate"), jw_kstring(w, "method_id", "flat_rate");
  sim_kmoney(c, "total", o->freight), sim_kmoney(c, "total_tax", 0);
  put_none(c, "taxes"), put_none(c, "meta_data");
  jw_object_end(w), jw_array_end(w);
}

static void link_put(struct sim_call *c, const char *name, const char *path)
{
  jw_key(&c->w, name), jw_array(&c->w), jw_object(&c->w);
  jw_kstring(&c->w, "href", arena_printf(c->a, "%s" ROOT "%s", c->r ? home(c) : c->shop->base, path));
  jw_object_end(&c->w), jw_array_end(&c->w);
}

/* Where a widely used plugin keeps what was sent. */
static void meta_data_put(struct sim_call *c, const struct sim_order *o)
{
  struct jw *w = &c->w;
  jw_key(w, "meta_data"), jw_array(w);
  if (o->parcels) {
    jw_object(w);
    jw_kint(w, "id", 700000 + o->n), jw_kstring(w, "key", "_wc_shipment_tracking_items");
    jw_key(w, "value"), jw_array(w);
    for (size_t i = 0; i < o->parcels; i++) {
      jw_object(w);
      jw_kstring(w, "tracking_provider", sim_parcel_carrier(&o->parcel[i], "SF Express"));
      jw_kstring(w, "tracking_number", o->parcel[i].no);
      jw_kint(w, "date_shipped", o->parcel[i].told_ms / 1000);
      jw_object_end(w);
    }
    jw_array_end(w), jw_object_end(w);
  }
  if (o->meta) jw_raw(w, o->meta, strlen(o->meta));
  jw_array_end(w);
}

static void order_put(struct sim_call *c, const struct sim_order *o)
{
  struct jw *w = &c->w;
  struct sim_person p;
  sim_person(c->shop, o, &p);
  jw_object(w);
  head_put(c, o);
  address_put(c, "billing", &p, false);
  address_put(c, "shipping", &p, o->n % 5 == 0); /* the buyer ticked "same address" */
  jw_kstring(w, "payment_method", "bacs"), jw_kstring(w, "payment_method_title", "Direct Bank Transfer");
  jw_kstring(w, "transaction_id", "");
  put_dates(c, "date_paid", o->paid_ms), put_dates(c, "date_completed", o->completed_ms);
  jw_kstring(w, "cart_hash", ""), meta_data_put(c, o);
  jw_key(w, "line_items"), jw_array(w);
  for (size_t i = 0; i < o->lines; i++) line_put(c, o, i);
  jw_array_end(w);
  put_none(c, "tax_lines"), shipping_put(c, o);
  put_none(c, "fee_lines"), put_none(c, "coupon_lines");
  refunds_put(c, o);
  jw_key(w, "_links"), jw_object(w);
  link_put(c, "self", arena_printf(c->a, "orders/%s", o->id)), link_put(c, "collection", "orders");
  jw_object_end(w), jw_object_end(w);
}

/* ---- the list ---------------------------------------------------------------------------------------------------- */
struct wanted {
  const char *status; /* "any", or names with commas */
  int64_t after_ms, before_ms, modified_after_ms,
    modified_before_ms; /* none of the bounds is itself inside */
};

static bool is_named(const char *list, const char *name)
{
  size_t n = strlen(name);
  for (const char *p = list; *p;) {
    size_t k = strcspn(p, ",");
    if ((k == n && !memcmp(p, name, n)) || (k == 3 && !memcmp(p, "any", 3))) return true;
    p += k + (p[k] == ',');
  }
  return false;
}

static bool is_wanted(const struct sim_order *o, void *arg)
{
  const struct wanted *f = arg;
  return is_named(f->status, status_of(o)) && o->placed_ms > f->after_ms && o->placed_ms < f->before_ms &&
         o->indexed_ms > f->modified_after_ms && o->indexed_ms < f->modified_before_ms;
}

static bool bounds_read(struct sim_call *c, struct wanted *f)
{
  const char *gmt = sim_param(c, "dates_are_gmt");
  bool is_gmt = gmt && (!strcmp(gmt, "true") || !strcmp(gmt, "1"));
  const struct {
    const char *name;
    int64_t *ms;
  } bounds[] = { { "after", &f->after_ms },
                 { "before", &f->before_ms },
                 { "modified_after", &f->modified_after_ms },
                 { "modified_before", &f->modified_before_ms } };
  for (size_t i = 0; i < COUNT(bounds); i++) {
    const char *t = sim_param(c, bounds[i].name);
    if (t && !sim_local_parse(t, is_gmt ? 0 : c->shop->row->zone_min, bounds[i].ms))
      return param_deny(c, bounds[i].name);
  }
  return true;
}

static bool pages_read(struct sim_call *c, int64_t *page, int64_t *per_page)
{
  *page = 1, *per_page = PER_PAGE;
  if (sim_param(c, "page") && (!sim_param_int(c, "page", page) || *page < 1)) return param_deny(c, "page");
  if (sim_param(c, "per_page") &&
      (!sim_param_int(c, "per_page", per_page) || *per_page < 1 || *per_page > PER_PAGE_MAX))
    return param_deny(c, "per_page");
  return true;
}

static bool query_read(struct sim_call *c, struct sim_query *q, struct wanted *f, int64_t *page)
{
  const char *by = sim_param(c, "orderby"), *way = sim_param(c, "order"), *status = sim_param(c, "status");
  *f = (struct wanted){ status && *status ? status : "any", -1, INT64_MAX, -1, INT64_MAX };
  if (!bounds_read(c, f) || !pages_read(c, page, &q->limit)) return false;
  if (by && strcmp(by, "date") != 0 && strcmp(by, "modified") != 0 && strcmp(by, "id") != 0)
    return param_deny(c, "orderby");
  if (way && strcmp(way, "asc") != 0 && strcmp(way, "desc") != 0) return param_deny(c, "order");
  q->by_placed = !by || strcmp(by, "modified") != 0;
  q->newest_first = !way || !strcmp(way, "desc");
  q->to_ms = INT64_MAX, q->offset = (*page - 1) * q->limit;
  q->want = is_wanted, q->arg = f;
  return true;
}

static void pages_put(struct sim_call *c, int64_t page, int64_t per_page, int64_t total)
{
  int64_t pages = (total + per_page - 1) / per_page;
  const struct {
    const char *rel;
    int64_t page;
    bool is_there;
  } links[] = { { "first", 1, pages > 0 },
                { "prev", page - 1 < pages ? page - 1 : pages, page > 1 && pages },
                { "next", page + 1, page < pages },
                { "last", pages, pages > 0 } };
  struct buf b = { 0 };
  for (size_t i = 0; i < COUNT(links); i++)
    if (links[i].is_there)
      buf_printf(&b, "%s<%s" ROOT "orders?per_page=%lld&page=%lld>; rel=\"%s\"", b.len ? ", " : "", home(c),
                 (long long)per_page, (long long)links[i].page, links[i].rel);
  sim_answer_header(c, "X-WP-Total", "%lld", (long long)total);
  sim_answer_header(c, "X-WP-TotalPages", "%lld", (long long)pages);
  if (b.len) sim_answer_header(c, "Link", "%s", b.data);
  buf_release(&b);
}

static void list_orders(struct sim_call *c)
{
  struct sim_query q = { 0 };
  struct wanted f;
  struct sim_page p;
  int64_t page;
  if (!query_read(c, &q, &f, &page)) return;
  sim_list(c, &q, &p);
  pages_put(c, page, q.limit, p.total);
  jw_array(&c->w);
  for (size_t i = 0; i < p.n; i++) order_put(c, p.row[i]);
  jw_array_end(&c->w);
}

static void one_order(struct sim_call *c, const char *given)
{
  const struct sim_order *o = sim_find(c->shop, given);
  if (o) order_put(c, o);
  else deny(c, 404, "woocommerce_rest_shop_order_invalid_id", "Invalid ID.");
}

/* ---- changes: nothing is sent by them, they only say that it was ---------------------------------------------------- */
/* The number among those given that the order does not have yet, or the last. */
static const struct json *tracking_new(const struct sim_call *c, const struct sim_order *o)
{
  const struct json *list = NULL, *found = NULL;
  for (const struct json *m = json_first(json_get(c->json, "meta_data")); m; m = json_next(m))
    if (sim_same(json_string(json_get(m, "key")), "_wc_shipment_tracking_items")) list = json_get(m, "value");
  for (const struct json *t = json_first(list); t; t = json_next(t)) {
    const char *no = json_string(json_get(t, "tracking_number"));
    bool known = false;
    for (size_t i = 0; no && i < o->parcels; i++) known = known || !strcmp(o->parcel[i].no, no);
    if (!found || !known) found = t;
  }
  return found;
}

/* Whatever else is kept with an order stays as it came; a key that comes again takes the place of the one before. */
static void meta_keep(struct sim_call *c, struct sim_order *o)
{
  struct buf b = { 0 };
  struct jw w;
  for (const struct json *m = json_first(json_get(c->json, "meta_data")); m; m = json_next(m)) {
    if (sim_same(json_string(json_get(m, "key")), "_wc_shipment_tracking_items")) continue;
    if (b.len) buf_char(&b, ',');
    jw_init(&w, &b), jw_json(&w, m);
  }
  if (b.len) o->meta = arena_strn(&c->shop->sim->mem, b.data, b.len);
  buf_release(&b);
}

static void order_set(struct sim_call *c, const char *given)
{
  struct sim_order *o = sim_find(c->shop, given);
  if (!o) {
    deny(c, 404, "woocommerce_rest_shop_order_invalid_id", "Invalid ID.");
    return;
  }
  const struct json *t = tracking_new(c, o);
  const char *status = json_string(json_get(c->json, "status")),
             *by = json_string(json_get(t, "tracking_provider"));
  if (status && strcmp(status, "completed") != 0) {
    param_deny(c, "status");
    return;
  }
  if (t || status) {
    struct sim_confirm f = { .carrier = by ? by : "",
                             .no = json_string(json_get(t, "tracking_number")),
                             .noted = !status };
    enum sim_ship is = sim_ship(c, o, &f);
    if (is == SIM_SHIP_LOCKED) {
      deny(c, 400, "woocommerce_rest_order_locked", "The order cannot be changed now.");
      return;
    }
    if (is == SIM_SHIP_OK || is == SIM_SHIP_SAME) meta_keep(c, o);
  }
  order_put(c, o); /* whatever came of it */
}

static bool amount_read(struct sim_call *c, int64_t *minor)
{
  const char *text = json_string(json_get(c->json, "amount"));
  return text && money_parse(text, c->shop->row->currency, minor);
}

/* orders/727/refunds: by the payment's own way back, or as a note that it was done */
static void refund_set(struct sim_call *c, const char *what)
{
  char *given = arena_strn(c->a, what, strcspn(what, "/"));
  struct sim_order *o = sim_find(c->shop, given);
  const struct json *meta = json_get(c->json, "meta_data");
  struct buf b = { 0 };
  struct jw w;
  int64_t minor = 0;
  if (!amount_read(c, &minor)) {
    param_deny(c, "amount");
    return;
  }
  jw_init(&w, &b);
  if (meta) jw_json(&w, meta);
  enum sim_pay is = sim_pay_back(c, o, minor, meta ? b.data : NULL);
  buf_release(&b);
  if (is == SIM_BACK_NO_ORDER) deny(c, 404, "woocommerce_rest_invalid_order_id", "Invalid order ID.");
  else if (is == SIM_BACK_TOO_MUCH || is == SIM_BACK_UNPAID)
    deny(c, 400, "woocommerce_rest_invalid_order_refund", "Invalid refund amount.");
  else if (is == SIM_BACK_LOCKED)
    deny(c, 500, "woocommerce_rest_cannot_create_order_refund", "The payment gateway does not take it back.");
  if (is != SIM_BACK_OK) return;
  const struct sim_back *last = &o->back[o->backs - 1];
  c->status = 201;
  jw_object(&c->w);
  jw_kint(&c->w, "id", back_id(o, (size_t)o->backs - 1)), put_dates(c, "date_created", last->at_ms);
  jw_kstring(&c->w, "amount", sim_money(c->a, c->shop, minor));
  jw_kstring(&c->w, "reason", json_string(json_get(c->json, "reason")));
  jw_kint(&c->w, "refunded_by", 1), jw_kbool(&c->w, "refunded_payment", true);
  if (last->meta) sim_kraw(c, "meta_data", last->meta);
  else put_none(c, "meta_data");
  put_none(c, "line_items");
  jw_object_end(&c->w);
}

/* products/93 or products/93/variations/901 */
static void product_set(struct sim_call *c, const char *path)
{
  struct jw *w = &c->w;
  int64_t quantity = 0;
  char *rest = NULL;
  long long product = strtoll(path, &rest, 10), variation = 0;
  if (!strncmp(rest, "/variations/", 12)) variation = strtoll(rest + 12, &rest, 10);
  int64_t sku = product - 93;
  bool known = !*rest && sku >= 0 && sku < SIM_SKUS_MAX && variation == (sku % 2 ? 900 + sku : 0);
  if (!json_int(json_get(c->json, "stock_quantity"), &quantity)) {
    param_deny(c, "stock_quantity");
    return;
  }
  if (!sim_stock(c, known ? (int)sku : -1, quantity, false)) {
    if (known) deny(c, 400, "woocommerce_rest_product_locked", "The product cannot be changed now.");
    else deny(c, 404, "woocommerce_rest_product_invalid_id", "Invalid ID.");
    return;
  }
  struct sim_line l = { .sku = (uint16_t)sku };
  jw_object(w);
  jw_kint(w, "id", variation ? variation : product), jw_kstring(w, "sku", sim_sku(&l)->code);
  jw_kbool(w, "manage_stock", true), jw_kint(w, "stock_quantity", quantity);
  jw_kstring(w, "stock_status", quantity > 0 ? "instock" : "outofstock");
  jw_object_end(w);
}

static bool is_refund(const struct sim_call *c, const char *what)
{
  const char *end = strstr(what, "/refunds");
  return !strcmp(c->r->method, "POST") && !strncmp(what, "orders/", 7) && end && !end[8];
}

static bool set_answer(struct sim_call *c, const char *what)
{
  if (is_refund(c, what)) {
    sim_called(c, "order_refund"); /* not "refund", which names what is planned for it */
    if (may(c)) refund_set(c, what + 7);
    return true;
  }
  bool order = !strncmp(what, "orders/", 7), product = !strncmp(what, "products/", 9);
  if (strcmp(c->r->method, "PUT") != 0 || (!order && !product)) return false;
  sim_called(c, order ? "order_set" : "product_set");
  if (!may(c)) return true;
  if (order) order_set(c, what + 7);
  else product_set(c, what + 9);
  return true;
}

static void answer(struct sim_call *c)
{
  const char *what = strncmp(c->r->path, ROOT, strlen(ROOT)) ? "" : c->r->path + strlen(ROOT);
  bool is_get = !strcmp(c->r->method, "GET"), list = is_get && !strcmp(what, "orders");
  bool one = is_get && !strncmp(what, "orders/", 7) && what[7] && !what[7 + strspn(what + 7, "0123456789")];
  if (set_answer(c, what)) return;
  sim_called(c, list ? "orders" : one ? "order" : "unknown");
  if (!list && !one) deny(c, 404, "rest_no_route", "No route was found matching the URL and request method.");
  else if (!may(c)) return;
  else if (list) list_orders(c);
  else one_order(c, what + 7);
}

/* ---- webhooks ------------------------------------------------------------------------------------------------------ */
static void push(const struct sim_shop *s, const struct sim_order *o, const char *url, struct arena *a,
                 struct sim_push *out)
{
  struct sim_call c = { .shop = (struct sim_shop *)(uintptr_t)s, .a = a, .now_ms = sim_now(s->sim) };
  const char *event = o->modified_ms > o->placed_ms ? "updated" : "created";
  (void)url;
  jw_init(&c.w, &out->body);
  order_put(&c, o);
  buf_printf(&out->headers, "x-wc-webhook-source: %s/\r\nx-wc-webhook-topic: order.%s\r\n", s->base, event);
  buf_printf(&out->headers, "x-wc-webhook-resource: order\r\nx-wc-webhook-event: %s\r\n", event);
  buf_printf(
    &out->headers, "x-wc-webhook-id: 12\r\nx-wc-webhook-delivery-id: %016llx\r\n",
    (unsigned long long)sim_hash(s->sim, o->id, (uint64_t)o->modified_ms, (uint64_t)(unsigned)s->number));
  buf_printf(
    &out->headers, "x-wc-webhook-signature: %s\r\n",
    sim_mac_base64(a, DIGEST_SHA256, sim_secret(s, "webhook_secret"), out->body.data, out->body.len));
  out->type = "application/json";
}

/* The first call of a webhook that was made: no order, no JSON, no signature. */
static void ping(const struct sim_shop *s, struct sim_push *out)
{
  (void)s;
  buf_str(&out->body, "webhook_id=12");
  out->type = "application/x-www-form-urlencoded";
}

const struct sim_platform sim_woocommerce = {
  .name = "woocommerce",
  .country = "US",
  .currency = "USD",
  .zone_min = -180,
  .statuses = 1 << SIM_PLACED | 1 << SIM_PAID | 1 << SIM_COMPLETED | 1 << SIM_CANCELLED,
  .receiver = SIM_PLAIN,
  .secret = { { "consumer_key", 'x', 40, "ck_" },
              { "consumer_secret", 'x', 40, "cs_" },
              { "webhook_secret", 'a', 32, NULL } },
  .id = id,
  .answer = answer,
  .fail = fail,
  .push = push,
  .ping = ping,
};
