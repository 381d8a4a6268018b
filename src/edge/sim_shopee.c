/* sim_shopee.c: Shopee Open Platform v2 as the simulator plays it. */
#include "edge.h"
#include <stdio.h>
#include <stdlib.h>

#define WINDOW_MAX_S (15 * 24 * 3600)
#define STAMP_MAX_S 300
#define IDS_MAX 50
#define SHIP_BY_MS (2 * 24 * 3600 * 1000LL)

static void id(const struct sim_shop *s, const struct sim_order *o, char out[SIM_ID_TEXT])
{
  static const char digits[] = "0123456789ABCDEFGHJKLMNPQRSTUVWX";
  struct civil t = time_civil(o->placed_ms, s->row->zone_min);
  uint64_t h = sim_hash(s->sim, s->name, o->n, 1);
  int at = snprintf(out, SIM_ID_TEXT, "%02d%02d%02d", t.year % 100, t.month, t.day);
  for (int i = 0; i < 3; i++) out[at++] = digits[h >> (5 * i) & 31];
  for (int i = 4; i >= 0; i--) out[at++] = digits[(o->n * 5u + 7) >> (5 * i) & 31]; /* unique by itself */
  out[at] = 0;
}

/* ---- envelopes -------------------------------------------------------------------------------------- */
static void request_id(struct sim_call *c)
{
  jw_kstring(
    &c->w, "request_id",
    arena_printf(c->a, "%016llx%016llx", (unsigned long long)c->draw, (unsigned long long)c->draw ^ ~0ull));
}

static void deny(struct sim_call *c, int status, const char *error, const char *message)
{
  sim_answer_again(c, status);
  jw_object(&c->w);
  jw_kstring(&c->w, "error", error), jw_kstring(&c->w, "message", message);
  request_id(c);
  jw_object_end(&c->w);
}

static void fail(struct sim_call *c)
{
  deny(c, c->status, "error_server", "System error. Please try again later.");
}

static void begin(struct sim_call *c)
{
  jw_object(&c->w);
  jw_kstring(&c->w, "error", ""), jw_kstring(&c->w, "message", "");
}

static void end(struct sim_call *c)
{
  request_id(c);
  jw_object_end(&c->w);
}

/* ---- who is calling ------------------------------------------------------------------------------------ */
/* What has to stand in the query of every call, in the order in which the platform misses it. */
static bool has_all(struct sim_call *c, bool is_public)
{
  static const char *const names[] = { "partner_id", "timestamp", "sign", "shop_id", "access_token" };
  for (size_t i = 0; i < (is_public ? 3 : COUNT(names)); i++) {
    const char *v = sim_param(c, names[i]);
    if (v && *v) continue;
    deny(c, 403, "error_param", arena_printf(c->a, "There is no %s in query.", names[i]));
    return false;
  }
  return true;
}

static bool is_signed(struct sim_call *c, bool is_public)
{
  struct sim_shop *s = c->shop;
  char *text =
    arena_printf(c->a, "%s%s%s%s%s", sim_param(c, "partner_id"), c->r->path, sim_param(c, "timestamp"),
                 is_public ? "" : sim_param(c, "access_token"), is_public ? "" : sim_param(c, "shop_id"));
  char *sign = sim_mac_hex(c->a, DIGEST_SHA256, sim_secret(s, "partner_key"), text, strlen(text), false);
  if (sim_same(sim_param(c, "sign"), sign)) return true;
  sim_bad_sign(c);
  deny(c, 403, "error_sign", "Wrong sign.");
  return false;
}

static bool is_in_time(struct sim_call *c)
{
  int64_t stamp = 0;
  if (sim_param_int(c, "timestamp", &stamp) && llabs(c->now_ms / 1000 - stamp) <= STAMP_MAX_S) return true;
  deny(c, 403, "error_param", "Invalid timestamp.");
  return false;
}

static bool is_known(struct sim_call *c, bool is_public)
{
  if (!sim_same(sim_param(c, "partner_id"), sim_secret(c->shop, "partner_id"))) {
    deny(c, 403, "error_param", "Invalid partner_id.");
    return false;
  }
  if (is_public) return true;
  bool shop = sim_same(sim_param(c, "shop_id"), sim_secret(c->shop, "shop_id"));
  if (sim_token_check(c, sim_param(c, "access_token")) == SIM_TOKEN_OK && shop) return true;
  deny(c, 403, "invalid_acceess_token", "Invalid access_token.");
  return false;
}

static bool may(struct sim_call *c, bool is_public)
{
  if (!has_all(c, is_public) || !is_in_time(c) || !is_known(c, is_public) || !is_signed(c, is_public))
    return false;
  if (sim_take(c, c->name, 10000, 20, NULL)) return true;
  deny(c, 429, "error_rate_limit", "Too many requests, please try again later.");
  return false;
}

/* ---- tokens -------------------------------------------------------------------------------------------- */
static const char *body_text(struct sim_call *c, const char *name)
{
  const struct json *j = json_get(c->json, name);
  const char *number = json_number(j);
  return number ? number : json_string(j);
}

static void refresh(struct sim_call *c)
{
  int64_t expires_s;
  if (!sim_same(body_text(c, "partner_id"), sim_secret(c->shop, "partner_id")) ||
      !sim_same(body_text(c, "shop_id"), sim_secret(c->shop, "shop_id"))) {
    deny(c, 403, "error_param", "Invalid partner_id or shop_id.");
    return;
  }
  if (!sim_refresh(c, body_text(c, "refresh_token"), &expires_s)) {
    deny(c, 403, "refresh_token_expired", "Your refresh_token expired.");
    return;
  }
  begin(c);
  jw_kstring(&c->w, "refresh_token", sim_secret(c->shop, "refresh_token"));
  jw_kstring(&c->w, "access_token", sim_secret(c->shop, "access_token"));
  jw_kint(&c->w, "expire_in", expires_s);
  sim_kraw(c, "partner_id", sim_secret(c->shop, "partner_id"));
  sim_kraw(c, "shop_id", sim_secret(c->shop, "shop_id"));
  end(c);
}

/* ---- orders ---------------------------------------------------------------------------------------------- */
static const char *status_of(const struct sim_order *o)
{
  switch ((enum sim_status)o->status) {
  case SIM_PLACED: return "UNPAID";
  case SIM_SHIPPED: return "SHIPPED";
  case SIM_COMPLETED: return "COMPLETED";
  case SIM_CANCELLED: return "CANCELLED";
  default: return o->parcels ? "PROCESSED" : "READY_TO_SHIP";
  }
}

static bool has_status(const struct sim_order *o, void *arg)
{
  return !strcmp(status_of(o), arg);
}

static bool asks_for(struct sim_call *c, const char *field)
{
  const char *list = sim_param(c, "response_optional_fields");
  for (size_t n = strlen(field); list && *list; list += strcspn(list, ","), list += *list == ',')
    if (strcspn(list, ",") == n && !memcmp(list, field, n)) return true;
  return false;
}

/* false: refused. */
static bool list_query(struct sim_call *c, struct sim_query *q)
{
  const char *field = sim_param(c, "time_range_field"), *status = sim_param(c, "order_status");
  int64_t from = 0, to = 0, size = 0;
  bool by_placed = field && !strcmp(field, "create_time");
  if (!by_placed && !(field && !strcmp(field, "update_time"))) {
    deny(c, 403, "error_param", "Wrong parameters, detail: time_range_field is invalid.");
  } else if (!sim_param_int(c, "time_from", &from) || !sim_param_int(c, "time_to", &to) || to <= from ||
             to - from > WINDOW_MAX_S) {
    deny(c, 403, "order.order_list_invalid_time",
         "Start time must be earlier than end time and diff in 15days.");
  } else if (!sim_param_int(c, "page_size", &size) || size < 1 || size > 100) {
    deny(c, 403, "error_param", "Wrong parameters, detail: page_size must be between 1 and 100.");
  } else {
    *q = (struct sim_query){ .by_placed = by_placed,
                             .from_ms = from * 1000,
                             .to_ms = to * 1000 + 999,
                             .cursor = sim_param(c, "cursor"),
                             .limit = size,
                             .any_order = true };
    if (status && *status) q->want = has_status, q->arg = (void *)(uintptr_t)status;
    return true;
  }
  return false;
}

static void list_orders(struct sim_call *c)
{
  struct sim_query q;
  struct sim_page p;
  if (!list_query(c, &q)) return;
  bool with_status = asks_for(c, "order_status");
  sim_list(c, &q, &p);
  if (p.bad_cursor) {
    deny(c, 403, "error_param", "Wrong parameters, detail: cursor is invalid.");
    return;
  }
  begin(c);
  jw_key(&c->w, "response"), jw_object(&c->w);
  jw_kbool(&c->w, "more", p.more);
  jw_kstring(&c->w, "next_cursor", p.more ? p.cursor : "");
  jw_key(&c->w, "order_list"), jw_array(&c->w);
  for (size_t i = 0; i < p.n; i++) {
    jw_object(&c->w);
    jw_kstring(&c->w, "order_sn", p.row[i]->id);
    if (with_status) jw_kstring(&c->w, "order_status", status_of(p.row[i]));
    jw_object_end(&c->w);
  }
  jw_array_end(&c->w), jw_object_end(&c->w);
  end(c);
}

static void item_ids(struct sim_call *c, const struct sim_order *o, size_t i)
{
  jw_kint(&c->w, "item_id", 23620000000 + o->line[i].sku);
  jw_kint(&c->w, "model_id", 221404000000 + o->line[i].sku);
  jw_kint(&c->w, "order_item_id", sim_big(o->id, i));
}

static void items_put(struct sim_call *c, const struct sim_order *o)
{
  jw_key(&c->w, "item_list"), jw_array(&c->w);
  for (size_t i = 0; i < o->lines; i++) {
    const struct sim_line *l = &o->line[i];
    const struct sim_sku *k = sim_sku(l);
    jw_object(&c->w);
    item_ids(c, o, i);
    jw_kstring(&c->w, "item_name", k->title_en), jw_kstring(&c->w, "item_sku", "");
    jw_kstring(&c->w, "model_name", k->spec), jw_kstring(&c->w, "model_sku", k->code);
    jw_kint(&c->w, "model_quantity_purchased", l->quantity);
    sim_kmoney_number(c, "model_original_price", l->price);
    sim_kmoney_number(c, "model_discounted_price", l->price - l->discount / l->quantity);
    jw_kbool(&c->w, "main_item", false), jw_kbool(&c->w, "wholesale", false);
    jw_kint(&c->w, "promotion_id", 0), jw_kstring(&c->w, "promotion_type", "");
    jw_object_end(&c->w);
  }
  jw_array_end(&c->w);
}

static void receiver_put(struct sim_call *c, const struct sim_order *o)
{
  struct sim_person p;
  sim_person(c->shop, o, &p);
  jw_key(&c->w, "recipient_address"), jw_object(&c->w);
  jw_kstring(&c->w, "name", sim_mask(c->a, p.name, 1, 1));
  jw_kstring(&c->w, "phone", sim_mask(c->a, p.phone, 0, 2));
  jw_kstring(&c->w, "region", p.country), jw_kstring(&c->w, "state", p.province);
  jw_kstring(&c->w, "city", p.city), jw_kstring(&c->w, "district", p.district),
    jw_kstring(&c->w, "town", p.town);
  jw_kstring(&c->w, "zipcode", p.zip);
  jw_kstring(&c->w, "full_address", sim_mask(c->a, p.address, 4, 0));
  jw_object_end(&c->w);
}

static void packages_put(struct sim_call *c, const struct sim_order *o)
{
  static const char *const states[SIM_STATUS_N] = { "LOGISTICS_NOT_START",     "LOGISTICS_READY",
                                                    "LOGISTICS_READY",         "LOGISTICS_PICKUP_DONE",
                                                    "LOGISTICS_DELIVERY_DONE", "LOGISTICS_REQUEST_CANCELED" };
  jw_key(&c->w, "package_list"), jw_array(&c->w), jw_object(&c->w);
  jw_kstring(&c->w, "package_number",
             arena_printf(c->a, "OFG%018llu", (unsigned long long)sim_big(o->id, 99) % 1000000000000000000u));
  bool arranged = o->status == SIM_PAID && o->parcels;
  jw_kstring(&c->w, "logistics_status", arranged ? "LOGISTICS_REQUEST_CREATED" : states[o->status]);
  jw_kstring(&c->w, "shipping_carrier", "SPX Express");
  jw_key(&c->w, "item_list"), jw_array(&c->w);
  for (size_t i = 0; i < o->lines; i++) {
    jw_object(&c->w);
    item_ids(c, o, i);
    jw_kint(&c->w, "model_quantity", o->line[i].quantity);
    jw_object_end(&c->w);
  }
  jw_array_end(&c->w), jw_object_end(&c->w), jw_array_end(&c->w);
}

/* Fields that a caller must name to get them. */
static void named_put(struct sim_call *c, const struct sim_order *o)
{
  struct jw *w = &c->w;
  if (asks_for(c, "buyer_user_id")) jw_kint(w, "buyer_user_id", 1170000000 + o->customer);
  if (asks_for(c, "buyer_username"))
    jw_kstring(w, "buyer_username", arena_printf(c->a, "b_%u", 10000 + o->customer));
  if (asks_for(c, "pay_time")) {
    if (o->paid_ms) jw_kint(w, "pay_time", o->paid_ms / 1000);
    else jw_key(w, "pay_time"), jw_null(w);
  }
  if (asks_for(c, "total_amount")) sim_kmoney_number(c, "total_amount", o->total);
  if (asks_for(c, "estimated_shipping_fee")) sim_kmoney_number(c, "estimated_shipping_fee", o->freight);
  if (asks_for(c, "actual_shipping_fee")) sim_kmoney_number(c, "actual_shipping_fee", o->freight);
  if (asks_for(c, "note")) jw_kstring(w, "note", sim_remark(o->seller_remark));
  if (asks_for(c, "payment_method")) jw_kstring(w, "payment_method", "ShopeePay");
  if (asks_for(c, "shipping_carrier")) jw_kstring(w, "shipping_carrier", "SPX Express");
  if (asks_for(c, "pickup_done_time")) jw_kint(w, "pickup_done_time", o->shipped_ms / 1000);
  if (asks_for(c, "split_up")) jw_kbool(w, "split_up", false);
  if (asks_for(c, "fulfillment_flag")) jw_kstring(w, "fulfillment_flag", "fulfilled_by_local_seller");
  if (asks_for(c, "cancel_by")) jw_kstring(w, "cancel_by", o->status == SIM_CANCELLED ? "buyer" : "");
  if (asks_for(c, "cancel_reason")) jw_kstring(w, "cancel_reason", "");
  if (asks_for(c, "item_list")) items_put(c, o);
  if (asks_for(c, "recipient_address")) receiver_put(c, o);
  if (asks_for(c, "package_list")) packages_put(c, o);
}

static void order_put(struct sim_call *c, const struct sim_order *o)
{
  struct jw *w = &c->w;
  jw_object(w);
  jw_kstring(w, "order_sn", o->id), jw_kstring(w, "order_status", status_of(o));
  jw_kstring(w, "region", c->shop->row->country), jw_kstring(w, "currency", c->shop->row->currency);
  jw_kbool(w, "cod", false);
  jw_kint(w, "create_time", o->placed_ms / 1000), jw_kint(w, "update_time", o->modified_ms / 1000);
  jw_kint(w, "days_to_ship", 2);
  jw_kint(w, "ship_by_date", o->paid_ms ? (o->paid_ms + SHIP_BY_MS) / 1000 : 0);
  jw_kstring(w, "message_to_seller", sim_remark(o->buyer_remark));
  named_put(c, o);
  jw_object_end(w);
}

static void detail(struct sim_call *c)
{
  const char *list = sim_param(c, "order_sn_list");
  const struct sim_order *o[IDS_MAX];
  size_t n = 0, asked = 0;
  for (; list && *list; list += strcspn(list, ","), list += *list == ',') {
    const struct sim_order *found = sim_find(c->shop, arena_strn(c->a, list, strcspn(list, ",")));
    if (++asked > IDS_MAX) break;
    if (found) o[n++] = found;
  }
  if (!asked || asked > IDS_MAX) {
    deny(c, 403, "error_param", "Wrong parameters, detail: order_sn_list must have 1 to 50 order_sn.");
    return;
  }
  if (!n) {
    deny(c, 404, "error_not_found", "The order is not found.");
    return;
  }
  begin(c);
  jw_key(&c->w, "response"), jw_object(&c->w);
  jw_key(&c->w, "order_list"), jw_array(&c->w);
  for (size_t i = 0; i < n; i++) order_put(c, o[i]);
  jw_array_end(&c->w), jw_object_end(&c->w);
  end(c);
}

/* ---- shipments and stock ------------------------------------------------------------------------------------- */
static struct sim_order *order_named(struct sim_call *c, const char *sn)
{
  struct sim_order *o = sim_find(c->shop, sn);
  if (!o) deny(c, 404, "error_not_found", "The order is not found.");
  return o;
}

/* Some orders are brought to a counter with a number of ours, some go with a carrier that the platform does not know. */
static bool is_dropoff(const struct sim_order *o)
{
  return o->n % 2;
}

static void shipping_parameter(struct sim_call *c)
{
  struct jw *w = &c->w;
  const struct sim_order *o = order_named(c, sim_param(c, "order_sn"));
  if (!o) return;
  if (o->status != SIM_PAID || o->parcels) {
    deny(c, 403, "logistics.error_status_limit",
         o->parcels ? "The package has been arranged already." : "The order status is not ready to ship.");
    return;
  }
  begin(c);
  jw_key(w, "response"), jw_object(w), jw_key(w, "info_needed"), jw_object(w);
  jw_key(w, is_dropoff(o) ? "dropoff" : "non_integrated"), jw_array(w);
  jw_string(w, is_dropoff(o) ? "tracking_no" : "tracking_number");
  jw_array_end(w), jw_object_end(w);
  jw_key(w, "dropoff"), jw_null(w), jw_key(w, "pickup"), jw_null(w);
  jw_object_end(w);
  end(c);
}

static void shipped_deny(struct sim_call *c, enum sim_ship is)
{
  static const struct {
    enum sim_ship is;
    const char *error, *message;
  } words[] = {
    { SIM_SHIP_SAME, "logistics.error_status_limit", "The package has been arranged already." },
    { SIM_SHIP_SHIPPED, "logistics.error_status_limit", "The package has been arranged already." },
    { SIM_SHIP_CLOSED, "logistics.order_cancelled", "The order is cancelled." },
    { SIM_SHIP_UNPAID, "logistics.error_status_limit", "The order is not paid." },
    { SIM_SHIP_REFUNDING, "logistics.order_in_cancel", "A cancellation of the order is asked for." },
    { SIM_SHIP_NUMBER, "logistics.invalid_tracking_number", "The tracking number is invalid." },
    { SIM_SHIP_LINES, "logistics.error_status_limit", "There is nothing to ship." },
    { SIM_SHIP_LOCKED, "logistics.package_locked", "The package can not be arranged now." }
  };
  for (size_t i = 0; i < COUNT(words); i++)
    if (words[i].is == is) deny(c, 403, words[i].error, words[i].message);
}

static void ship_order(struct sim_call *c)
{
  struct sim_order *o = order_named(c, body_text(c, "order_sn"));
  if (!o) return;
  const struct json *dropoff = json_get(c->json, "dropoff"), *plain = json_get(c->json, "non_integrated"),
                    *way = is_dropoff(o) ? dropoff : plain;
  if (!way || (dropoff && plain) || json_get(c->json, "pickup")) {
    deny(c, 403, "error_param", "Wrong parameters, detail: exactly what info_needed names must be given.");
    return;
  }
  struct sim_confirm f = { .no = json_string(json_get(way, "tracking_number")) };
  enum sim_ship is = sim_ship(c, o, &f);
  if (is != SIM_SHIP_OK) shipped_deny(c, is);
  else begin(c), end(c);
}

static void tracking_number(struct sim_call *c)
{
  const struct sim_order *o = order_named(c, sim_param(c, "order_sn"));
  if (!o) return;
  begin(c);
  jw_key(&c->w, "response"), jw_object(&c->w);
  jw_kstring(&c->w, "tracking_number", o->parcels ? o->parcel[0].no : "");
  jw_object_end(&c->w);
  end(c);
}

/* One item, each of its models by itself: some may be refused. */
static void update_stock(struct sim_call *c)
{
  struct jw *w = &c->w;
  const struct json *model = json_first(json_get(c->json, "stock_list"));
  int64_t item = 0, no = 0, stock = 0;
  const struct json *own = json_first(json_get(model, "seller_stock"));
  if (!json_int(json_get(c->json, "item_id"), &item) || !json_int(json_get(model, "model_id"), &no) ||
      !json_int(json_get(own, "stock"), &stock)) {
    deny(c, 403, "error_param", "Wrong parameters, detail: stock_list.");
    return;
  }
  int64_t sku = item - 23620000000;
  bool known = sku >= 0 && sku < SIM_SKUS_MAX && no == 221404000000 + sku;
  bool ok = sim_stock(c, known ? (int)sku : -1, stock, false);
  jw_object(w);
  jw_kstring(w, "error", ok ? "" : "error_busi_update_stock_failed");
  jw_kstring(w, "message", ok ? "" : "Update stock failed, please check failure_list for detailed reason");
  jw_key(w, "response"), jw_object(w);
  jw_key(w, ok ? "failure_list" : "success_list"), jw_array(w), jw_array_end(w);
  jw_key(w, ok ? "success_list" : "failure_list"), jw_array(w), jw_object(w);
  jw_kint(w, "model_id", no);
  if (ok) jw_kint(w, "stock", stock);
  else jw_kstring(w, "failed_reason", known ? "stock is less than the reserved stock" : "model not found");
  jw_object_end(w), jw_array_end(w), jw_object_end(w);
  end(c);
}

/* ---- calls -------------------------------------------------------------------------------------------------- */
static const struct {
  const char *path, *method;
  bool is_public;
  void (*run)(struct sim_call *c);
} calls[] = {
  { "/api/v2/order/get_order_list", "GET", false, list_orders },
  { "/api/v2/order/get_order_detail", "GET", false, detail },
  { "/api/v2/logistics/get_shipping_parameter", "GET", false, shipping_parameter },
  { "/api/v2/logistics/ship_order", "POST", false, ship_order },
  { "/api/v2/logistics/get_tracking_number", "GET", false, tracking_number },
  { "/api/v2/product/update_stock", "POST", false, update_stock },
  { "/api/v2/auth/access_token/get", "POST", true, refresh },
};

static void answer(struct sim_call *c)
{
  for (size_t i = 0; i < COUNT(calls); i++)
    if (!strcmp(c->r->path, calls[i].path) && !strcmp(c->r->method, calls[i].method)) {
      sim_called(c, calls[i].path + 8);
      if (may(c, calls[i].is_public)) calls[i].run(c);
      return;
    }
  sim_called(c, "unknown");
  deny(c, 404, "error_not_found", "No such path.");
}

static void push(const struct sim_shop *s, const struct sim_order *o, const char *url, struct arena *a,
                 struct sim_push *out)
{
  struct jw w;
  jw_init(&w, &out->body);
  jw_object(&w);
  jw_key(&w, "data"), jw_object(&w);
  jw_key(&w, "items"), jw_array(&w), jw_array_end(&w);
  jw_kstring(&w, "ordersn", o->id), jw_kstring(&w, "status", status_of(o));
  jw_kstring(&w, "completed_scenario", ""), jw_kint(&w, "update_time", o->modified_ms / 1000);
  jw_object_end(&w);
  jw_key(&w, "shop_id"), jw_raw(&w, sim_secret(s, "shop_id"), strlen(sim_secret(s, "shop_id")));
  jw_kint(&w, "code", 3), jw_kint(&w, "timestamp", sim_now(s->sim) / 1000);
  jw_object_end(&w);
  char *text = arena_printf(a, "%s|%s", url, out->body.data);
  buf_printf(&out->headers, "authorization: %s\r\n",
             sim_mac_hex(a, DIGEST_SHA256, sim_secret(s, "partner_key"), text, strlen(text), false));
  out->type = "application/json";
}

const struct sim_platform sim_shopee = {
  .name = "shopee",
  .country = "SG",
  .currency = "SGD",
  .zone_min = 480,
  .statuses = 1 << SIM_PLACED | 1 << SIM_PAID | 1 << SIM_SHIPPED | 1 << SIM_COMPLETED | 1 << SIM_CANCELLED,
  .receiver = SIM_MASKED,
  .by_pickup = true,
  .secret = { { "partner_id", '9', 7, NULL },
              { "partner_key", 'x', 64, NULL },
              { "shop_id", '9', 9, NULL },
              { "access_token", 'x', 32, NULL },
              { "refresh_token", 'x', 32, NULL } },
  .access = "access_token",
  .refresh = "refresh_token",
  .token_s = 14400,
  .refresh_once = true,
  .id = id,
  .answer = answer,
  .fail = fail,
  .push = push,
};
