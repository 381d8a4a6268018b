/* sim_shopify.c: Shopify's Admin REST as the simulator plays it. */
#include "edge.h"
#include <stdio.h>
#include <stdlib.h>

#define LIMIT_MAX 250
#define BUCKET 40
#define PER_1000S 2000
#define REACH_MS (60LL * 24 * 3600 * 1000) /* of an app that may not read all orders */

static void id(const struct sim_shop *s, const struct sim_order *o, char out[SIM_ID_TEXT])
{
  snprintf(out, SIM_ID_TEXT, "%lld", 5529800000000LL + s->number * 10000000000LL + o->n * 13LL);
}

static void deny(struct sim_call *c, int status, const char *errors)
{
  sim_answer_again(c, status);
  jw_object(&c->w);
  jw_kstring(&c->w, "errors", errors);
  jw_object_end(&c->w);
}

static bool may(struct sim_call *c)
{
  int64_t wait_ms = 0;
  if (sim_token_check(c, sim_header(c, "x-shopify-access-token")) != SIM_TOKEN_OK) {
    deny(c, 401, "[API] Invalid API key or access token (unrecognized login or wrong password)");
    return false;
  }
  bool ok = sim_take(c, "shop", PER_1000S, BUCKET, &wait_ms);
  sim_answer_header(c, "X-Shopify-Shop-Api-Call-Limit", "%lld/%d", (long long)sim_taken(c, "shop", BUCKET),
                    BUCKET);
  if (ok) return true;
  deny(c, 429,
       "Exceeded 2 calls per second for api client. Reduce request rates to resume uninterrupted service.");
  sim_answer_header(c, "Retry-After", "%lld.%lld", (long long)(wait_ms / 1000),
                    (long long)(wait_ms % 1000 + 99) / 100 % 10);
  return false;
}

/* ---- an order ------------------------------------------------------------------------------------------ */
static const char *financial(const struct sim_order *o)
{
  if (o->status == SIM_PLACED) return "pending";
  if (o->status == SIM_CANCELLED) return o->paid_ms ? "refunded" : "voided";
  int64_t back = sim_paid_back(o);
  return back >= o->total ? "refunded" : back ? "partially_refunded" : "paid";
}

static const char *fulfilment(const struct sim_order *o)
{
  return o->status == SIM_PARTLY                                  ? "partial"
         : o->status == SIM_SHIPPED || o->status == SIM_COMPLETED ? "fulfilled"
                                                                  : NULL;
}

static void put_time(struct sim_call *c, const char *key, int64_t ms, int zone_min)
{
  jw_kstring(&c->w, key, ms ? sim_iso(c->a, ms, zone_min) : NULL);
}

static void put_set(struct sim_call *c, const char *key, int64_t minor)
{
  static const char *const kinds[] = { "shop_money", "presentment_money" };
  jw_key(&c->w, key), jw_object(&c->w);
  for (size_t i = 0; i < COUNT(kinds); i++) {
    jw_key(&c->w, kinds[i]), jw_object(&c->w);
    sim_kmoney(c, "amount", minor), jw_kstring(&c->w, "currency_code", c->shop->row->currency);
    jw_object_end(&c->w);
  }
  jw_object_end(&c->w);
}

static int64_t line_id(const struct sim_order *o, size_t i)
{
  return sim_big(o->id, i);
}

static void line_put(struct sim_call *c, const struct sim_order *o, size_t i)
{
  struct jw *w = &c->w;
  const struct sim_line *l = &o->line[i];
  const struct sim_sku *k = sim_sku(l);
  int left = l->refund == SIM_REFUND_DONE ? 0 : l->quantity;
  jw_object(w);
  jw_kint(w, "id", line_id(o, i));
  jw_kstring(w, "admin_graphql_api_id",
             arena_printf(c->a, "gid://shopify/LineItem/%lld", (long long)line_id(o, i)));
  jw_kint(w, "variant_id", 44001000000000 + l->sku), jw_kint(w, "product_id", 8001000000000 + l->sku);
  jw_kstring(w, "title", k->title_en), jw_kstring(w, "name", k->title_en),
    jw_kstring(w, "variant_title", NULL);
  jw_kstring(w, "sku", k->code);
  jw_kint(w, "quantity", l->quantity), jw_kint(w, "current_quantity", left);
  jw_kint(w, "fulfillable_quantity", l->shipped || o->status == SIM_CANCELLED ? 0 : left);
  jw_kstring(w, "fulfillment_status", l->shipped ? "fulfilled" : NULL);
  sim_kmoney(c, "price", l->price), put_set(c, "price_set", l->price);
  sim_kmoney(c, "total_discount", 0);
  jw_kint(w, "grams", 500), jw_kbool(w, "gift_card", false), jw_kbool(w, "requires_shipping", true);
  jw_key(w, "properties"), jw_array(w), jw_array_end(w);
  jw_key(w, "discount_allocations"), jw_array(w);
  if (l->discount) {
    jw_object(w);
    sim_kmoney(c, "amount", l->discount), jw_kint(w, "discount_application_index", 0);
    jw_object_end(w);
  }
  jw_array_end(w);
  jw_object_end(w);
}

static const char *country_name(const char *code)
{
  return !strcmp(code, "US")   ? "United States"
         : !strcmp(code, "SG") ? "Singapore"
         : !strcmp(code, "CN") ? "China"
                               : code;
}

static void address_put(struct sim_call *c, const char *key, const struct sim_person *p)
{
  struct jw *w = &c->w;
  jw_key(w, key), jw_object(w);
  jw_kstring(w, "first_name", p->first), jw_kstring(w, "last_name", p->last), jw_kstring(w, "name", p->name);
  jw_kstring(w, "phone", p->phone);
  jw_kstring(w, "address1", *p->district ? arena_printf(c->a, "%s%s", p->district, p->address) : p->address);
  jw_kstring(w, "address2", NULL), jw_kstring(w, "company", NULL), jw_kstring(w, "city", p->city);
  jw_kstring(w, "province", *p->province ? p->province : NULL), jw_kstring(w, "zip", p->zip);
  jw_kstring(w, "country", country_name(p->country)), jw_kstring(w, "country_code", p->country);
  jw_object_end(w);
}

static void fulfilment_put(struct sim_call *c, const struct sim_order *o, size_t k)
{
  struct jw *w = &c->w;
  const struct sim_parcel *p = &o->parcel[k];
  jw_object(w);
  jw_kint(w, "id", 255800000000 + o->n * 8LL + (int64_t)k), jw_kstring(w, "status", "success");
  put_time(c, "created_at", p->told_ms, -300);
  jw_kstring(w, "shipment_status", o->status == SIM_COMPLETED ? "delivered" : NULL);
  jw_kstring(w, "tracking_company", sim_parcel_carrier(p, "SF Express")),
    jw_kstring(w, "tracking_number", p->no);
  jw_key(w, "line_items"), jw_array(w);
  for (size_t i = 0; i < o->lines; i++) {
    if (!p->quantity[i]) continue;
    jw_object(w);
    jw_kint(w, "id", line_id(o, i)), jw_kint(w, "quantity", p->quantity[i]);
    jw_object_end(w);
  }
  jw_array_end(w), jw_object_end(w);
}

static void fulfilments_put(struct sim_call *c, const struct sim_order *o)
{
  struct jw *w = &c->w;
  jw_key(w, "fulfillments"), jw_array(w);
  for (size_t k = 0; k < o->parcels; k++) fulfilment_put(c, o, k);
  jw_array_end(w);
}

static void refund_put(struct sim_call *c, const struct sim_order *o, size_t i)
{
  struct jw *w = &c->w;
  const struct sim_line *l = &o->line[i];
  jw_object(w);
  jw_kint(w, "id", 880000000000 + o->n * 8LL + (int64_t)i);
  put_time(c, "created_at", o->modified_ms, 480);
  jw_kstring(w, "note", ""), jw_kbool(w, "restock", true);
  jw_key(w, "refund_line_items"), jw_array(w), jw_object(w);
  jw_kint(w, "id", 990000000000 + o->n * 8LL + (int64_t)i), jw_kint(w, "line_item_id", line_id(o, i));
  jw_kint(w, "quantity", l->quantity), jw_kstring(w, "restock_type", "return");
  sim_kmoney_number(c, "subtotal", l->price * l->quantity - l->discount);
  jw_object_end(w), jw_array_end(w);
  jw_key(w, "transactions"), jw_array(w), jw_array_end(w);
  jw_object_end(w);
}

#define GATEWAY "bogus"

static int64_t payment_of(const struct sim_order *o)
{
  return 801000000000 + o->n;
}

/* Money without goods: its payment's way back. */
static void back_put(struct sim_call *c, const struct sim_order *o, size_t i)
{
  struct jw *w = &c->w;
  int64_t id = 885000000000 + o->n * (int64_t)SIM_BACKS_MAX + (int64_t)i;
  jw_object(w), jw_kint(w, "id", id), sim_kraw(c, "order_id", o->id);
  put_time(c, "created_at", o->back[i].at_ms, 480);
  jw_kstring(w, "note", o->back[i].meta), jw_kbool(w, "restock", false);
  jw_key(w, "refund_line_items"), jw_array(w), jw_array_end(w);
  jw_key(w, "transactions"), jw_array(w), jw_object(w);
  jw_kint(w, "id", id + 100000000000), jw_kint(w, "parent_id", payment_of(o)),
    jw_kstring(w, "kind", "refund");
  jw_kstring(w, "status", "success"), jw_kstring(w, "gateway", GATEWAY);
  sim_kmoney(c, "amount", o->back[i].amount), jw_kstring(w, "currency", c->shop->row->currency);
  jw_object_end(w), jw_array_end(w), jw_object_end(w);
}

static void money_put_all(struct sim_call *c, const struct sim_order *o)
{
  sim_kmoney(c, "total_price", o->total),
    sim_kmoney(c, "current_total_price", o->total - o->refunded); /* edits lessen it, money alone does not */
  sim_kmoney(c, "subtotal_price", o->goods - o->discount), sim_kmoney(c, "total_line_items_price", o->goods);
  sim_kmoney(c, "total_discounts", o->discount), sim_kmoney(c, "total_tax", 0);
  put_set(c, "total_price_set", o->total), put_set(c, "total_shipping_price_set", o->freight);
}

static void customer_put(struct sim_call *c, const struct sim_order *o, const struct sim_person *p)
{
  struct jw *w = &c->w;
  jw_key(w, "customer"), jw_object(w);
  jw_kint(w, "id", 7100000000000 + o->customer), jw_kstring(w, "email", p->email);
  jw_kstring(w, "first_name", p->first), jw_kstring(w, "last_name", p->last),
    jw_kstring(w, "phone", p->phone);
  jw_object_end(w);
}

static void order_put(struct sim_call *c, const struct sim_order *o)
{
  struct jw *w = &c->w;
  struct sim_person p;
  sim_person(c->shop, o, &p);
  jw_object(w);
  sim_kraw(c, "id", o->id);
  jw_kstring(w, "admin_graphql_api_id", arena_printf(c->a, "gid://shopify/Order/%s", o->id));
  jw_kint(w, "number", o->n + 1), jw_kint(w, "order_number", 1001 + o->n);
  jw_kstring(w, "name", arena_printf(c->a, "#%u", 1001 + o->n));
  jw_kstring(w, "email", p.email), jw_kstring(w, "phone", NULL);
  put_time(c, "created_at", o->placed_ms, c->shop->row->zone_min),
    put_time(c, "updated_at", o->modified_ms, 480);
  put_time(c, "processed_at", o->paid_ms ? o->paid_ms : o->placed_ms, c->shop->row->zone_min);
  put_time(c, "cancelled_at", o->cancelled_ms, -240);
  jw_kstring(w, "cancel_reason", o->cancelled_ms ? "customer" : NULL), put_time(c, "closed_at", 0, 0);
  jw_kstring(w, "currency", c->shop->row->currency), jw_kbool(w, "test", false),
    jw_kbool(w, "confirmed", true);
  money_put_all(c, o);
  jw_kstring(w, "financial_status", financial(o)), jw_kstring(w, "fulfillment_status", fulfilment(o));
  jw_kstring(w, "note", sim_remark(o->buyer_remark)), jw_kstring(w, "tags", sim_remark(o->seller_remark));
  jw_key(w, "payment_gateway_names"), jw_array(w), jw_string(w, "bogus"), jw_array_end(w);
  jw_key(w, "line_items"), jw_array(w);
  for (size_t i = 0; i < o->lines; i++) line_put(c, o, i);
  jw_array_end(w);
  jw_key(w, "shipping_lines"), jw_array(w), jw_object(w);
  jw_kstring(w, "title", "Standard"), sim_kmoney(c, "price", o->freight), jw_kstring(w, "code", "standard");
  jw_object_end(w), jw_array_end(w);
  address_put(c, "billing_address", &p), address_put(c, "shipping_address", &p);
  customer_put(c, o, &p);
  fulfilments_put(c, o);
  jw_key(w, "refunds"), jw_array(w);
  for (size_t i = 0; i < o->lines; i++)
    if (o->line[i].refund == SIM_REFUND_DONE) refund_put(c, o, i);
  for (size_t i = 0; i < o->backs; i++) back_put(c, o, i);
  jw_array_end(w);
  jw_object_end(w);
}

/* ---- lists ------------------------------------------------------------------------------------------------- */
static bool is_open(const struct sim_order *o, void *arg)
{
  (void)arg;
  return o->status == SIM_PLACED || o->status == SIM_PAID || o->status == SIM_PARTLY;
}

static bool is_closed(const struct sim_order *o, void *arg)
{
  (void)arg;
  return o->status == SIM_SHIPPED || o->status == SIM_COMPLETED;
}

static bool is_cancelled(const struct sim_order *o, void *arg)
{
  (void)arg;
  return o->status == SIM_CANCELLED;
}

static const struct {
  const char *name;
  bool (*want)(const struct sim_order *o, void *arg);
} filters[] = {
  { "open", is_open }, { "any", NULL }, { "closed", is_closed }, { "cancelled", is_cancelled }
};

/* page_info holds the filters of the first page: KIND WAY FILTER, then -FROM-TO in hexadecimal, then -CURSOR. */
static char *page_info(struct arena *a, const struct sim_query *q, size_t filter, const char *cursor)
{
  return arena_printf(a, "%c%c%zu-%llx-%llx-%s", q->by_placed ? 'c' : 'u', q->newest_first ? 'd' : 'a',
                      filter, (unsigned long long)q->from_ms, (unsigned long long)q->to_ms, cursor);
}

static bool page_info_parse(const char *t, struct sim_query *q, size_t *filter)
{
  unsigned long long v[2] = { 0 };
  if ((t[0] != 'c' && t[0] != 'u') || (t[1] != 'a' && t[1] != 'd') || t[2] < '0' || t[2] > '3') return false;
  const char *p = t + 3;
  for (size_t i = 0; i < COUNT(v); i++) {
    char *end;
    if (*p++ != '-' || !*p || *p == '-') return false;
    v[i] = strtoull(p, &end, 16);
    p = end;
  }
  if (*p++ != '-' || v[0] > INT64_MAX / 2 || v[1] > INT64_MAX / 2) return false;
  q->by_placed = t[0] == 'c', q->newest_first = t[1] == 'd', *filter = (size_t)(t[2] - '0');
  q->from_ms = (int64_t)v[0], q->to_ms = (int64_t)v[1], q->cursor = p;
  return true;
}

/* false: refused. */
static bool time_bound(struct sim_call *c, const char *name, int64_t *ms, bool *given)
{
  const char *t = sim_param(c, name);
  if (!t) return true;
  *given = true;
  if (sim_local_parse(t, 0, ms)) return true;
  deny(c, 400, arena_printf(c->a, "%s: is not a time", name));
  return false;
}

static bool first_query(struct sim_call *c, struct sim_query *q, size_t *filter)
{
  const char *status = sim_param(c, "status"), *order = sim_param(c, "order");
  bool update = false, create = false;
  int64_t create_from = 0, create_to = c->now_ms;
  q->to_ms = c->now_ms;
  if (!time_bound(c, "updated_at_min", &q->from_ms, &update) ||
      !time_bound(c, "updated_at_max", &q->to_ms, &update) ||
      !time_bound(c, "created_at_min", &create_from, &create) ||
      !time_bound(c, "created_at_max", &create_to, &create))
    return false;
  q->by_placed = create && !update;
  if (q->by_placed) q->from_ms = create_from, q->to_ms = create_to;
  if (q->from_ms < c->now_ms - REACH_MS) q->from_ms = c->now_ms - REACH_MS;
  if (!update && !create) q->by_placed = !(order && !strncmp(order, "updated_at", 10));
  q->newest_first = !(order && strlen(order) > 4 && !strcasecmp(order + strlen(order) - 4, " asc"));
  *filter = 0;
  while (status && *filter < COUNT(filters) && strcmp(filters[*filter].name, status) != 0) ++*filter;
  if (*filter < COUNT(filters)) return true;
  deny(c, 400, "status: is not valid");
  return false;
}

static bool next_query(struct sim_call *c, struct sim_query *q, size_t *filter)
{
  for (size_t i = 0; i < c->params; i++) {
    const char *name = c->param[i].name;
    if (!strcmp(name, "page_info") || !strcmp(name, "limit") || !strcmp(name, "fields")) continue;
    deny(c, 400, arena_printf(c->a, "%s cannot be passed when page_info is present", name));
    return false;
  }
  if (page_info_parse(sim_param(c, "page_info"), q, filter)) return true;
  deny(c, 400, "page_info: Invalid value.");
  return false;
}

static void link_put(struct sim_call *c, const struct sim_query *q, size_t filter, const struct sim_page *p)
{
  char *base =
    arena_printf(c->a, "<http://%s%s?limit=%lld&page_info=", c->r->host ? c->r->host : "shop.example",
                 c->r->path, (long long)q->limit);
  bool later = q->cursor && *q->cursor;
  char *previous =
    later ? arena_printf(c->a, "%s%s>; rel=\"previous\"", base, page_info(c->a, q, filter, "")) : "";
  char *next =
    p->more ? arena_printf(c->a, "%s%s>; rel=\"next\"", base, page_info(c->a, q, filter, p->cursor)) : "";
  if (*previous || *next)
    sim_answer_header(c, "Link", "%s%s%s", previous, *previous && *next ? ", " : "", next);
}

static void list_orders(struct sim_call *c)
{
  struct sim_query q = { .limit = 50 };
  struct sim_page p;
  size_t filter = 0;
  if (sim_param(c, "limit") && (!sim_param_int(c, "limit", &q.limit) || q.limit < 1)) {
    deny(c, 400, "limit: is not valid");
    return;
  }
  if (q.limit > LIMIT_MAX) q.limit = LIMIT_MAX;
  if (!(sim_param(c, "page_info") ? next_query(c, &q, &filter) : first_query(c, &q, &filter))) return;
  q.want = filters[filter].want;
  sim_list(c, &q, &p);
  if (p.bad_cursor) {
    deny(c, 400, "page_info: Invalid value.");
    return;
  }
  link_put(c, &q, filter, &p);
  jw_object(&c->w);
  jw_key(&c->w, "orders"), jw_array(&c->w);
  for (size_t i = 0; i < p.n; i++) order_put(c, p.row[i]);
  jw_array_end(&c->w), jw_object_end(&c->w);
}

static void one_order(struct sim_call *c, const char *path)
{
  size_t n = strspn(path, "0123456789");
  const struct sim_order *o = strcmp(path + n, ".json") ? NULL : sim_find(c->shop, arena_strn(c->a, path, n));
  if (!o) {
    deny(c, 404, "Not Found");
    return;
  }
  jw_object(&c->w);
  jw_key(&c->w, "order"), order_put(c, o);
  jw_object_end(&c->w);
}

/* ---- shipments and stock ----------------------------------------------------------------------------------- */
#define LOCATION 66001002003LL
static int64_t fulfilment_order_id(const struct sim_order *o)
{
  return 6500000000000LL + o->n * 16LL;
}

static int units_open(const struct sim_order *o, size_t i)
{
  int n = o->line[i].refund == SIM_REFUND_DONE ? 0 : o->line[i].quantity;
  for (size_t k = 0; k < o->parcels; k++) n -= o->parcel[k].quantity[i];
  return n > 0 && o->status != SIM_CANCELLED ? n : 0;
}

/* orders/N/fulfillment_orders.json: what is still to be sent, and from where */
static void fulfilment_orders(struct sim_call *c, const char *path)
{
  struct jw *w = &c->w;
  size_t n = strspn(path, "0123456789");
  const struct sim_order *o = sim_find(c->shop, arena_strn(c->a, path, n));
  if (!o) {
    deny(c, 404, "Not Found");
    return;
  }
  bool open = o->status == SIM_PAID || o->status == SIM_PARTLY;
  jw_object(w), jw_key(w, "fulfillment_orders"), jw_array(w), jw_object(w);
  jw_kint(w, "id", fulfilment_order_id(o)), sim_kraw(c, "order_id", o->id);
  jw_kint(w, "assigned_location_id", LOCATION);
  jw_kstring(w, "status", open ? "open" : o->status == SIM_CANCELLED ? "cancelled" : "closed");
  jw_key(w, "line_items"), jw_array(w);
  for (size_t i = 0; i < o->lines; i++) {
    jw_object(w);
    jw_kint(w, "id", fulfilment_order_id(o) + 1 + (int64_t)i), jw_kint(w, "line_item_id", line_id(o, i));
    jw_kint(w, "quantity", o->line[i].quantity), jw_kint(w, "fulfillable_quantity", units_open(o, i));
    jw_object_end(w);
  }
  jw_array_end(w), jw_object_end(w), jw_array_end(w), jw_object_end(w);
}

static void line_take(struct sim_call *c, const struct json *item, struct sim_order *o, struct sim_confirm *f)
{
  int64_t id = 0, n = 0;
  (void)c;
  if (!json_int(json_get(item, "id"), &id) || !json_int(json_get(item, "quantity"), &n) || n < 1 || n > 100)
    return;
  id -= fulfilment_order_id(o) + 1;
  if (id >= 0 && id < o->lines) f->quantity[id] = (uint8_t)n;
}

static struct sim_order *order_of_fulfilment(struct sim_shop *s, int64_t id)
{
  int64_t n = (id - 6500000000000LL) / 16;
  return n >= 0 && n < (int64_t)s->own->all.n ? s->own->all.at[n] : NULL;
}

static void fulfilled(struct sim_call *c, enum sim_ship is, const struct sim_order *o)
{
  static const struct {
    enum sim_ship is;
    int status;
    const char *errors;
  } words[] = { { SIM_SHIP_SAME, 422, "The fulfillment order is already fulfilled" },
                { SIM_SHIP_SHIPPED, 422, "The fulfillment order is already fulfilled" },
                { SIM_SHIP_CLOSED, 422, "The fulfillment order is cancelled" },
                { SIM_SHIP_UNPAID, 422, "The order is not paid" },
                { SIM_SHIP_NUMBER, 422, "Tracking number is invalid" },
                { SIM_SHIP_CARRIER, 422, "Tracking company is invalid" },
                { SIM_SHIP_LINES, 422, "Invalid fulfillment order line item quantity requested" },
                { SIM_SHIP_REFUNDING, 422, "The fulfillment order is on hold" },
                { SIM_SHIP_LOCKED, 423, "The order is locked" },
                { SIM_SHIP_NO_ORDER, 404, "Not Found" } };
  for (size_t i = 0; i < COUNT(words); i++)
    if (words[i].is == is) {
      deny(c, words[i].status, words[i].errors);
      return;
    }
  if (is != SIM_SHIP_OK) return;
  c->status = 201;
  jw_object(&c->w), jw_key(&c->w, "fulfillment"), fulfilment_put(c, o, o->parcels - 1u), jw_object_end(&c->w);
}

static void fulfil(struct sim_call *c)
{
  const struct json *j = json_get(c->json, "fulfillment"),
                    *list = json_get(j, "line_items_by_fulfillment_order"), *of = json_first(list),
                    *tracking = json_get(j, "tracking_info");
  int64_t id = 0;
  struct sim_order *o =
    json_int(json_get(of, "fulfillment_order_id"), &id) ? order_of_fulfilment(c->shop, id) : NULL;
  const struct json *items = json_get(of, "fulfillment_order_line_items");
  const char *company = json_string(json_get(tracking, "company"));
  struct sim_confirm f = { .carrier = company ? company : "",
                           .no = json_string(json_get(tracking, "number")),
                           .part = items };
  for (const struct json *e = json_first(items); e && o; e = json_next(e)) line_take(c, e, o, &f);
  fulfilled(c, sim_ship(c, o, &f), o);
}

static void level_set(struct sim_call *c)
{
  int64_t place = 0, item = 0, available = 0;
  if (!json_int(json_get(c->json, "location_id"), &place) ||
      !json_int(json_get(c->json, "inventory_item_id"), &item) ||
      !json_int(json_get(c->json, "available"), &available)) {
    deny(c, 422, "location_id, inventory_item_id and available are required");
    return;
  }
  int64_t sku = item - 46001000000000LL;
  bool known = place == LOCATION && sku >= 0 && sku < SIM_SKUS_MAX;
  if (!sim_stock(c, known ? (int)sku : -1, available, false)) {
    deny(c, known ? 422 : 404, known ? "Inventory item is not stocked at the location" : "Not Found");
    return;
  }
  jw_object(&c->w), jw_key(&c->w, "inventory_level"), jw_object(&c->w);
  jw_kint(&c->w, "inventory_item_id", item), jw_kint(&c->w, "location_id", place),
    jw_kint(&c->w, "available", available);
  put_time(c, "updated_at", c->now_ms, -300);
  jw_object_end(&c->w), jw_object_end(&c->w);
}

/* What a payment can give back yet; nothing is changed. */
static void refund_calculate(struct sim_call *c, struct sim_order *o)
{
  struct jw *w = &c->w;
  int64_t left = o->paid_ms ? o->total - sim_paid_back(o) : 0;
  jw_object(w), jw_key(w, "refund"), jw_object(w);
  jw_key(w, "refund_line_items"), jw_array(w), jw_array_end(w);
  jw_key(w, "transactions"), jw_array(w);
  if (left > 0) {
    jw_object(w), sim_kraw(c, "order_id", o->id), jw_kstring(w, "kind", "suggested_refund");
    jw_kstring(w, "gateway", GATEWAY), jw_kint(w, "parent_id", payment_of(o)), sim_kmoney(c, "amount", 0);
    jw_kstring(w, "currency", c->shop->row->currency), sim_kmoney(c, "maximum_refundable", left);
    jw_object_end(w);
  }
  jw_array_end(w), jw_kstring(w, "currency", c->shop->row->currency);
  jw_object_end(w), jw_object_end(w);
}

static void refund_make(struct sim_call *c, struct sim_order *o)
{
  const struct json *j = json_get(c->json, "refund"), *t = json_first(json_get(j, "transactions"));
  const char *amount = json_string(json_get(t, "amount"));
  int64_t minor = 0, parent = 0;
  bool ok = t && !json_next(t) && sim_same(json_string(json_get(t, "kind")), "refund") &&
            json_int(json_get(t, "parent_id"), &parent) && parent == payment_of(o) &&
            sim_same(json_string(json_get(t, "gateway")), GATEWAY) && amount &&
            money_parse(amount, c->shop->row->currency, &minor);
  if (!ok) {
    deny(c, 422, "Transactions are invalid");
    return;
  }
  enum sim_pay is = sim_pay_back(c, o, minor, json_string(json_get(j, "note")));
  if (is == SIM_BACK_LOCKED) deny(c, 423, "The order is locked");
  else if (is != SIM_BACK_OK) deny(c, 422, "Refund amount is more than can be refunded");
  if (is != SIM_BACK_OK) return;
  c->status = 201;
  jw_object(&c->w), jw_key(&c->w, "refund"), back_put(c, o, o->backs - 1u), jw_object_end(&c->w);
}

/* orders/1/refunds.json, orders/1/refunds/calculate.json */
static void refund(struct sim_call *c, const char *path)
{
  size_t n = strspn(path, "0123456789");
  struct sim_order *o = sim_find(c->shop, arena_strn(c->a, path, n));
  if (!o) deny(c, 404, "Not Found");
  else if (strstr(path, "/calculate.json")) refund_calculate(c, o);
  else refund_make(c, o);
}

/* /admin/api/2025-10/ and what follows, or NULL */
static const char *resource(const char *path)
{
  static const char form[] = "/admin/api/0000-00/";
  for (size_t i = 0; form[i]; i++) {
    bool digit = path[i] >= '0' && path[i] <= '9';
    if (form[i] == '0' ? !digit : path[i] != form[i]) return NULL;
  }
  return path + sizeof form - 1;
}

static void answer(struct sim_call *c)
{
  const char *what = resource(c->r->path);
  bool is_get = !strcmp(c->r->method, "GET");
  bool list = what && is_get && !strcmp(what, "orders.json"),
       one = what && is_get && !strncmp(what, "orders/", 7);
  bool open = one && strstr(what, "/fulfillment_orders.json");
  bool sent = what && !is_get && !strcmp(what, "fulfillments.json");
  bool level = what && !is_get && !strcmp(what, "inventory_levels/set.json");
  bool back = what && !is_get && !strncmp(what, "orders/", 7) && strstr(what, "/refunds");
  sim_called(c, list    ? "orders"
                : back  ? "order_refunds"
                : open  ? "fulfillment_orders"
                : one   ? "order"
                : sent  ? "fulfillments"
                : level ? "inventory_levels"
                        : "unknown");
  if (!may(c)) return;
  if (list) list_orders(c);
  else if (back) refund(c, what + 7);
  else if (open) fulfilment_orders(c, what + 7);
  else if (sent) fulfil(c);
  else if (level) level_set(c);
  else if (one) one_order(c, what + 7);
  else deny(c, 404, "Not Found");
}

static void push(const struct sim_shop *s, const struct sim_order *o, const char *url, struct arena *a,
                 struct sim_push *out)
{
  struct sim_call c = { .shop = (struct sim_shop *)(uintptr_t)s, .a = a, .now_ms = sim_now(s->sim) };
  const char *topic = o->status == SIM_CANCELLED ? "orders/cancelled" : "orders/updated";
  (void)url;
  jw_init(&c.w, &out->body);
  order_put(&c, o);
  buf_printf(&out->headers, "x-shopify-topic: %s\r\nx-shopify-shop-domain: %s.myshopify.example\r\n", topic,
             s->name);
  buf_printf(&out->headers, "x-shopify-webhook-id: %016llx-%s\r\n",
             (unsigned long long)sim_hash(s->sim, o->id, (uint64_t)o->modified_ms, 0), o->id);
  buf_printf(&out->headers, "x-shopify-hmac-sha256: %s\r\n",
             sim_mac_base64(a, DIGEST_SHA256, sim_secret(s, "client_secret"), out->body.data, out->body.len));
  out->type = "application/json";
}

const struct sim_platform sim_shopify = {
  .name = "shopify",
  .country = "US",
  .currency = "USD",
  .zone_min = -300,
  .statuses = 1 << SIM_PLACED | 1 << SIM_PAID | 1 << SIM_PARTLY | 1 << SIM_SHIPPED | 1 << SIM_COMPLETED |
              1 << SIM_CANCELLED,
  .receiver = SIM_PLAIN,
  .secret = { { "access_token", 'x', 32, "shpat_" }, { "client_secret", 'x', 32, "shpss_" } },
  .access = "access_token",
  .id = id,
  .answer = answer,
  .push = push,
};
