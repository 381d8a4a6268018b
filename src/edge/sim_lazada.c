/* sim_lazada.c: Lazada Open Platform as the simulator plays it. */
#include "edge.h"
#include <stdio.h>
#include <stdlib.h>

#define STAMP_MAX_MS (15 * 60 * 1000)
#define IDS_MAX 100
#define SHIP_BY_MS (2 * 24 * 3600 * 1000LL)

static void id(const struct sim_shop *s, const struct sim_order *o, char out[SIM_ID_TEXT])
{
  snprintf(out, SIM_ID_TEXT, "%lld", 9100000000000000LL + s->number * 1000000000LL + o->n * 7LL);
}

/* ---- envelopes -------------------------------------------------------------------------------------- */
static void request_id(struct sim_call *c)
{
  jw_kstring(&c->w, "request_id", arena_printf(c->a, "0ba2%020llu", (unsigned long long)c->draw));
}

static void deny(struct sim_call *c, const char *type, const char *code, const char *message)
{
  sim_answer_again(c, 200);
  jw_object(&c->w);
  jw_kstring(&c->w, "code", code), jw_kstring(&c->w, "type", type), jw_kstring(&c->w, "message", message);
  request_id(c);
  jw_object_end(&c->w);
}

static void fail(struct sim_call *c)
{
  int status = c->status;
  deny(c, "SYSTEM", "ServiceTimeout", "The service is temporarily unavailable");
  c->status = status;
}

static void begin(struct sim_call *c)
{
  jw_object(&c->w);
  jw_kstring(&c->w, "code", "0");
}

static void end(struct sim_call *c)
{
  request_id(c);
  jw_object_end(&c->w);
}

/* ---- who is calling ------------------------------------------------------------------------------------ */
static const char *api_path(const struct sim_call *c)
{
  return !strncmp(c->r->path, "/rest/", 6) ? c->r->path + 5 : c->r->path;
}

static bool has_all(struct sim_call *c, bool is_public)
{
  static const char *const names[] = { "app_key", "timestamp", "sign_method", "sign", "access_token" };
  for (size_t i = 0; i < (is_public ? 4 : COUNT(names)); i++) {
    const char *v = sim_param(c, names[i]);
    if (v && *v) continue;
    deny(c, "ISV", "MissingParameter",
         arena_printf(
           c->a, "The input parameter \"%s\" that is mandatory for processing this request is not supplied",
           names[i]));
    return false;
  }
  return true;
}

/* Parameters with an empty value are not signed. */
static bool is_signed(struct sim_call *c)
{
  static const char *const except[] = { "sign", NULL };
  struct http_field *f = arena_array(c->a, struct http_field, c->params + 1);
  struct buf text = { 0 };
  size_t n = 0;
  for (size_t i = 0; i < c->params; i++)
    if (*c->param[i].name && *c->param[i].value) f[n++] = c->param[i];
  buf_str(&text, api_path(c));
  sim_sorted(&text, f, n, "", "", except, false);
  if (c->json) buf_put(&text, c->r->body, c->r->body_n);
  char *sign = sim_mac_hex(c->a, DIGEST_SHA256, sim_secret(c->shop, "app_secret"), text.data, text.len, true);
  buf_release(&text);
  if (sim_same(sim_param(c, "sign"), sign)) return true;
  sim_bad_sign(c);
  deny(c, "ISV", "IncompleteSignature", "The request signature does not conform to platform standards");
  return false;
}

static bool is_known(struct sim_call *c, bool is_public)
{
  int64_t stamp = 0;
  if (!sim_same(sim_param(c, "app_key"), sim_secret(c->shop, "app_key"))) {
    deny(c, "ISV", "InvalidAppKey", "The specified App Key is invalid");
  } else if (strcmp(sim_param(c, "sign_method"), "sha256") != 0) {
    deny(c, "ISV", "InvalidSignMethod", "The specified sign method is not supported");
  } else if (!sim_param_int(c, "timestamp", &stamp) || llabs(c->now_ms - stamp) > STAMP_MAX_MS) {
    deny(c, "ISV", "IllegalTimestamp", "The specified timestamp is expired or invalid");
  } else if (!is_public && sim_token_check(c, sim_param(c, "access_token")) != SIM_TOKEN_OK) {
    deny(c, "ISV", "IllegalAccessToken", "The specified access token is invalid or expired");
  } else {
    return true;
  }
  return false;
}

static bool may(struct sim_call *c, bool is_public)
{
  int64_t wait_ms;
  if (!has_all(c, is_public) || !is_known(c, is_public) || !is_signed(c)) return false;
  if (sim_take(c, c->name, 10000, 20, &wait_ms)) return true;
  deny(c, "ISV", "ApiCallLimit",
       arena_printf(c->a, "Api access frequency exceeds the limit. this ban will last %lld seconds",
                    (long long)(wait_ms + 999) / 1000));
  return false;
}

static void refresh(struct sim_call *c)
{
  int64_t expires_s;
  if (!sim_refresh(c, sim_param(c, "refresh_token"), &expires_s)) {
    deny(c, "ISV", "IllegalRefreshToken", "The specified refresh token is invalid or expired");
    return;
  }
  begin(c);
  jw_kstring(&c->w, "access_token", sim_secret(c->shop, "access_token"));
  jw_kstring(&c->w, "refresh_token", sim_secret(c->shop, "refresh_token"));
  jw_kint(&c->w, "expires_in", expires_s), jw_kint(&c->w, "refresh_expires_in", 2592000);
  jw_kstring(&c->w, "account", "seller@shop.example"), jw_kstring(&c->w, "account_platform", "seller_center");
  jw_kstring(&c->w, "country", "th");
  jw_key(&c->w, "country_user_info"), jw_array(&c->w), jw_object(&c->w);
  jw_kstring(&c->w, "country", "th"), jw_kstring(&c->w, "user_id", "1001"),
    jw_kstring(&c->w, "seller_id", "1001");
  jw_kstring(&c->w, "short_code", "TH1001");
  jw_object_end(&c->w), jw_array_end(&c->w);
  end(c);
}

/* ---- values: as live answers have them, or all as text like the documentation's -------------------------- */
struct put {
  struct sim_call *c;
  const struct sim_order *o;
  bool as_text;
};

static void put_number(const struct put *p, const char *key, int64_t v)
{
  if (p->as_text) jw_kstring(&p->c->w, key, arena_printf(p->c->a, "%lld", (long long)v));
  else jw_kint(&p->c->w, key, v);
}

static void put_money(const struct put *p, const char *key, int64_t minor)
{
  if (p->as_text) sim_kmoney(p->c, key, minor);
  else sim_kmoney_number(p->c, key, minor);
}

static void put_bool(const struct put *p, const char *key, bool v)
{
  if (p->as_text) jw_kstring(&p->c->w, key, v ? "true" : "false");
  else jw_kbool(&p->c->w, key, v);
}

static void put_time(const struct put *p, const char *key, int64_t ms)
{
  int zone = p->as_text ? 480 : p->c->shop->row->zone_min;
  char *local = sim_local(p->c->a, ms, zone);
  jw_kstring(&p->c->w, key,
             p->as_text ? sim_iso(p->c->a, ms, zone) : arena_printf(p->c->a, "%s +0700", local));
}

/* 1,299.00 */
static char *with_commas(struct arena *a, const char *money)
{
  size_t whole = strcspn(money, ".");
  struct buf b = { 0 };
  for (size_t i = 0; money[i]; i++) {
    if (i && i < whole && (whole - i) % 3 == 0 && money[i - 1] != '-') buf_char(&b, ',');
    buf_char(&b, money[i]);
  }
  char *out = arena_strn(a, b.data, b.len);
  buf_release(&b);
  return out;
}

static const char *status_of(const struct sim_order *o, const struct sim_line *l)
{
  static const char *const names[SIM_STATUS_N] = { "unpaid",  "pending",   "pending",
                                                   "shipped", "delivered", "canceled" };
  if (o->status == SIM_PARTLY && l->shipped) return "shipped";
  return names[o->status];
}

/* Of one piece: packed by us, then handed over, then the carrier has it. */
static const char *item_status_of(const struct sim_order *o, size_t line, unsigned unit)
{
  const struct sim_parcel *p = sim_parcel_of(o, line, unit);
  if (o->status != SIM_PAID && o->status != SIM_PARTLY) return status_of(o, &o->line[line]);
  if (p) return p->picked_ms ? "shipped" : "ready_to_ship";
  return o->packed ? "packed" : "pending";
}

/* ---- orders ---------------------------------------------------------------------------------------------- */
static void statuses_put(const struct put *p)
{
  struct jw *w = &p->c->w;
  const char *first = item_status_of(p->o, 0, 0), *last = item_status_of(p->o, p->o->lines - 1, 0);
  jw_key(w, "statuses"), jw_array(w);
  jw_string(w, first);
  if (strcmp(first, last) != 0) jw_string(w, last);
  jw_array_end(w);
}

static void address_put(const struct put *p, const char *key, const struct sim_person *who)
{
  struct jw *w = &p->c->w;
  struct arena *a = p->c->a;
  jw_key(w, key), jw_object(w);
  jw_kstring(w, "country", "Thailand"), jw_kstring(w, "address3", who->province),
    jw_kstring(w, "address2", "");
  jw_kstring(w, "city", who->district), jw_kstring(w, "address1", sim_mask(a, who->address, 2, 0));
  jw_kstring(w, "phone2", ""), jw_kstring(w, "last_name", ""), jw_kstring(w, "addressDsitrict", "");
  jw_kstring(w, "phone", sim_mask(a, who->phone + 1, 2, 2)), jw_kstring(w, "post_code", who->zip);
  jw_kstring(w, "address5", who->zip), jw_kstring(w, "address4", who->district);
  jw_kstring(w, "first_name", sim_mask(a, who->name, 1, 1));
  jw_object_end(w);
}

static void order_put(const struct put *p)
{
  struct jw *w = &p->c->w;
  const struct sim_order *o = p->o;
  struct sim_person who;
  int64_t pieces = 0;
  for (size_t i = 0; i < o->lines; i++) pieces += o->line[i].quantity;
  char *price = sim_money(p->c->a, p->c->shop, o->total);
  sim_person(p->c->shop, o, &who);
  jw_object(w);
  if (p->as_text) jw_kstring(w, "order_id", o->id), jw_kstring(w, "order_number", o->id);
  else sim_kraw(p->c, "order_id", o->id), sim_kraw(p->c, "order_number", o->id);
  put_time(p, "created_at", o->placed_ms), put_time(p, "updated_at", o->modified_ms);
  put_time(p, "address_updated_at", o->placed_ms);
  jw_kstring(w, "price", p->as_text ? price : with_commas(p->c->a, price));
  put_money(p, "shipping_fee", o->freight), put_money(p, "shipping_fee_original", o->freight);
  put_money(p, "shipping_fee_discount_seller", 0), put_money(p, "shipping_fee_discount_platform", 0);
  put_money(p, "voucher", o->discount), put_money(p, "voucher_seller", o->discount),
    put_money(p, "voucher_platform", 0);
  jw_kstring(w, "voucher_code", ""), jw_kstring(w, "payment_method", "MIXEDCARD");
  put_number(p, "items_count", pieces);
  statuses_put(p);
  jw_kstring(w, "buyer_note", sim_remark(o->buyer_remark)),
    jw_kstring(w, "remarks", sim_remark(o->seller_remark));
  jw_kstring(w, "customer_first_name", sim_mask(p->c->a, who.name, 1, 1)),
    jw_kstring(w, "customer_last_name", "");
  put_bool(p, "gift_option", false), put_bool(p, "is_cancel_pending", false),
    put_bool(p, "need_cancel_confirm", false);
  jw_kstring(w, "gift_message", ""), jw_kstring(w, "delivery_info", ""),
    jw_kstring(w, "warehouse_code", "dropshipping");
  jw_kstring(w, "extra_attributes", p->as_text ? "null" : "{\"TaxInvoiceRequested\":false}");
  address_put(p, "address_billing", &who), address_put(p, "address_shipping", &who);
  jw_object_end(w);
}

/* One of `after` and `before` of a kind; false: there is one that is no time. */
static bool bound(const struct sim_call *c, const char *name, int64_t *ms, bool *given)
{
  const char *t = sim_param(c, name);
  if (!t || !*t) return true;
  *given = true;
  return sim_local_parse(t, 480, ms);
}

static bool list_query(struct sim_call *c, struct sim_query *q)
{
  bool update = false, create = false, other = false;
  int64_t offset = 0, limit = 100, update_ms = 0, create_ms = 0;
  *q = (struct sim_query){ .to_ms = c->now_ms + 86400000 };
  const char *sort = sim_param(c, "sort_by"), *way = sim_param(c, "sort_direction");
  if (!bound(c, "update_after", &update_ms, &update) || !bound(c, "created_after", &create_ms, &create) ||
      !bound(c, update ? "update_before" : "created_before", &q->to_ms, &other)) {
    deny(c, "ISP", "17", "E017: invalid date format");
  } else if (!update && !create) {
    deny(c, "ISP", "36", "E036: one of created_after or update_after is required");
  } else if ((sim_param(c, "limit") && !sim_param_int(c, "limit", &limit)) || limit < 1 || limit > 100) {
    deny(c, "ISP", "19", "E019: invalid limit");
  } else if ((sim_param(c, "offset") && !sim_param_int(c, "offset", &offset)) || offset < 0) {
    deny(c, "ISP", "14", "E014: invalid offset");
  } else if (sort && strcmp(sort, "created_at") != 0 && strcmp(sort, "updated_at") != 0) {
    deny(c, "ISP", "74", "E074: invalid sort_by");
  } else {
    q->by_placed = !update, q->from_ms = update ? update_ms : create_ms;
    q->offset = offset, q->limit = limit;
    q->newest_first = !way || strcasecmp(way, "ASC") != 0;
    return true;
  }
  return false;
}

static void list_orders(struct sim_call *c)
{
  struct sim_query q;
  struct sim_page page;
  if (!list_query(c, &q)) return;
  sim_list(c, &q, &page);
  struct put p = { .c = c, .as_text = q.offset / q.limit % 2 };
  begin(c);
  jw_key(&c->w, "data"), jw_object(&c->w);
  put_number(&p, "count", (int64_t)page.n), put_number(&p, "countTotal", page.total);
  jw_key(&c->w, "orders"), jw_array(&c->w);
  for (size_t i = 0; i < page.n; i++) p.o = page.row[i], order_put(&p);
  jw_array_end(&c->w), jw_object_end(&c->w);
  end(c);
}

static const struct sim_order *order_named(struct sim_call *c)
{
  const char *given = sim_param(c, "order_id");
  const struct sim_order *o = sim_find(c->shop, given);
  if (!o)
    deny(c, "ISP", "16",
         arena_printf(c->a, "E016: \"%.40s\" is not a valid Order ID. Must be a positive integer",
                      given ? given : ""));
  return o;
}

static void one_order(struct sim_call *c)
{
  struct put p = { .c = c, .o = order_named(c) };
  if (!p.o) return;
  begin(c);
  jw_key(&c->w, "data"), order_put(&p);
  end(c);
}

/* ---- items: one per piece -------------------------------------------------------------------------------------- */
static int64_t item_id(const struct sim_order *o, size_t line, unsigned unit)
{
  return sim_big(o->id, line * 16 + unit);
}

static void item_put(const struct put *p, size_t line, unsigned unit)
{
  struct jw *w = &p->c->w;
  const struct sim_order *o = p->o;
  const struct sim_line *l = &o->line[line];
  const struct sim_parcel *in = sim_parcel_of(o, line, unit);
  const struct sim_sku *k = sim_sku(l);
  int64_t off = l->discount / l->quantity;
  jw_object(w);
  sim_kraw(p->c, "order_id", o->id);
  jw_kint(w, "order_item_id", item_id(o, line, unit));
  jw_kstring(w, "status", item_status_of(o, line, unit));
  jw_kstring(w, "sku", k->code),
    jw_kstring(w, "shop_sku", arena_printf(p->c->a, "SIM%04u-%s", l->sku, k->code));
  jw_kstring(w, "name", k->title_en), jw_kstring(w, "variation", "");
  jw_kint(w, "product_id", 8000000 + l->sku), jw_kint(w, "sku_id", 9000000 + l->sku);
  jw_kint(w, "buyer_id", 10000 + o->customer);
  sim_kmoney_number(p->c, "item_price", l->price), sim_kmoney_number(p->c, "paid_price", l->price - off);
  sim_kmoney_number(p->c, "voucher_seller", off), sim_kmoney_number(p->c, "shipping_amount", 0);
  jw_kstring(w, "currency", p->c->shop->row->currency);
  if (o->paid_ms) jw_kint(w, "payment_time", o->paid_ms);
  jw_kstring(w, "sla_time_stamp", o->paid_ms ? sim_iso(p->c->a, o->paid_ms + SHIP_BY_MS, 420) : "");
  put_time(p, "created_at", o->placed_ms), put_time(p, "updated_at", o->modified_ms);
  jw_kstring(w, "tracking_code", in ? in->no : "");
  jw_kstring(w, "shipment_provider", in ? sim_parcel_carrier(in, "Simulated Express") : "");
  jw_kstring(w, "warehouse_code", "dropshipping"), jw_kstring(w, "shipping_type", "Dropshipping");
  jw_kstring(w, "order_type", "Normal"), jw_kstring(w, "return_status", ""), jw_kstring(w, "reason", "");
  jw_kint(w, "is_digital", 0), jw_kint(w, "is_fbl", 0);
  jw_kstring(w, "extra_attributes", "null");
  jw_object_end(w);
}

static void items_put(const struct put *p)
{
  jw_array(&p->c->w);
  for (size_t i = 0; i < p->o->lines; i++)
    for (unsigned k = 0; k < p->o->line[i].quantity; k++) item_put(p, i, k);
  jw_array_end(&p->c->w);
}

static void one_items(struct sim_call *c)
{
  struct put p = { .c = c, .o = order_named(c) };
  if (!p.o) return;
  begin(c);
  jw_key(&c->w, "data"), items_put(&p);
  end(c);
}

/* order_ids=[1,2] */
static void many_items(struct sim_call *c)
{
  const char *list = sim_param(c, "order_ids");
  const struct sim_order *found[IDS_MAX];
  size_t n = 0, asked = 0;
  for (list += list && *list == '['; list && *list >= '0' && *list <= '9' && asked <= IDS_MAX; asked++) {
    size_t digits = strspn(list, "0123456789");
    const struct sim_order *o = sim_find(c->shop, arena_strn(c->a, list, digits));
    if (o && n < IDS_MAX) found[n++] = o;
    list += digits, list += strspn(list, ", ");
  }
  if (!asked || asked > IDS_MAX || strcmp(list, "]") != 0) {
    deny(c, "ISP", "37", "E037: One or more order id in the list are incorrect");
    return;
  }
  begin(c);
  jw_key(&c->w, "data"), jw_array(&c->w);
  for (size_t i = 0; i < n; i++) {
    struct put p = { .c = c, .o = found[i] };
    jw_object(&c->w);
    sim_kraw(c, "order_number", p.o->id), sim_kraw(c, "order_id", p.o->id);
    jw_key(&c->w, "order_items"), items_put(&p);
    jw_object_end(&c->w);
  }
  jw_array_end(&c->w);
  end(c);
}

/* ---- shipments and stock ------------------------------------------------------------------------------------- */
struct items {
  struct sim_order *o;
  struct sim_confirm f;
  size_t n;
};

/* order_item_ids=[1,2]: pieces of one order. false: refused. */
static bool item_find(struct sim_shop *s, int64_t no, struct items *out)
{
  for (size_t k = 0; k < s->own->all.n; k++) {
    struct sim_order *o = s->own->all.at[k];
    for (size_t i = 0; o->modified_ms && i < o->lines; i++)
      for (unsigned u = 0; u < o->line[i].quantity; u++) {
        if (item_id(o, i, u) != no) continue;
        if (out->o && out->o != o) return false;
        out->o = o, out->f.unit[i] |= (uint8_t)(1u << u), out->f.quantity[i]++, out->n++;
        return true;
      }
  }
  return false;
}

static bool items_read(struct sim_call *c, struct items *out)
{
  const char *list = sim_param(c, "order_item_ids");
  *out = (struct items){ .f.part = true };
  bool ok = list && *list == '[';
  for (list += ok; ok && *list && *list != ']'; list += *list == ',') {
    char *end;
    int64_t no = strtoll(list, &end, 10);
    ok = end > list && item_find(c->shop, no, out);
    list = end + strspn(end, " ");
  }
  if (ok && out->n && !strcmp(list, "]")) return true;
  deny(c, "ISP", "20", "E020: \"order_item_ids\" invalid order item ids");
  return false;
}

static void packed_put(struct sim_call *c, const struct items *k, const char *no)
{
  begin(c);
  jw_key(&c->w, "data"), jw_object(&c->w);
  jw_key(&c->w, "order_items"), jw_array(&c->w);
  for (size_t i = 0; i < k->o->lines; i++)
    for (unsigned u = 0; u < k->o->line[i].quantity; u++) {
      if (!(k->f.unit[i] & 1u << u)) continue;
      jw_object(&c->w);
      jw_kint(&c->w, "order_item_id", item_id(k->o, i, u)), jw_kstring(&c->w, "tracking_number", no);
      jw_kstring(&c->w, "shipment_provider", sim_param(c, "shipment_provider"));
      jw_kstring(&c->w, "package_id", arena_printf(c->a, "FP%08u", k->o->n));
      jw_object_end(&c->w);
    }
  jw_array_end(&c->w), jw_object_end(&c->w);
  end(c);
}

static void items_pack(struct sim_call *c)
{
  struct items k;
  if (!items_read(c, &k)) return;
  if (k.o->status != SIM_PAID && k.o->status != SIM_PARTLY) {
    deny(c, "ISP", "21", "E021: order items must be pending");
  } else if (k.o->packed) {
    deny(c, "ISP", "73",
         "E073: all order items must have status Pending or Ready To Ship, they are already packed");
  } else {
    k.o->packed = true;
    sim_change(c->shop->sim, c->shop, k.o, c->now_ms);
    packed_put(c, &k, "");
  }
}

static void ready_to_ship(struct sim_call *c)
{
  static const struct {
    enum sim_ship is;
    const char *code, *message;
  } words[] = { { SIM_SHIP_SAME, "73", "E073: order items are already ready to ship" },
                { SIM_SHIP_SHIPPED, "73", "E073: order items are already ready to ship" },
                { SIM_SHIP_CLOSED, "21", "E021: order is canceled" },
                { SIM_SHIP_UNPAID, "22", "E022: order is not paid" },
                { SIM_SHIP_REFUNDING, "24", "E024: a cancellation of the order is pending" },
                { SIM_SHIP_CARRIER, "25", "E025: invalid shipment provider" },
                { SIM_SHIP_NUMBER, "26", "E026: invalid tracking number" },
                { SIM_SHIP_LINES, "27", "E027: invalid order items" },
                { SIM_SHIP_LOCKED, "28", "E028: order is locked" } };
  struct items k;
  const char *provider = sim_param(c, "shipment_provider");
  if (!items_read(c, &k)) return;
  if (!k.o->packed && k.o->status == SIM_PAID && !k.o->parcels) {
    deny(c, "ISP", "29", "E029: order items must be packed first");
    return;
  }
  k.f.carrier = provider ? provider : "", k.f.no = sim_param(c, "tracking_number");
  enum sim_ship is = sim_ship(c, k.o, &k.f);
  for (size_t i = 0; i < COUNT(words); i++)
    if (words[i].is == is) {
      deny(c, "ISP", words[i].code, words[i].message);
      return;
    }
  if (is == SIM_SHIP_OK) packed_put(c, &k, k.f.no);
}

static char *between(struct arena *a, const char *text, const char *from, const char *to)
{
  const char *p = text ? strstr(text, from) : NULL, *end = p ? strstr(p, to) : NULL;
  return end ? arena_strn(a, p + strlen(from), (size_t)(end - p) - strlen(from)) : NULL;
}

static void quantity_update(struct sim_call *c)
{
  const char *payload = sim_param(c, "payload");
  char *sku = between(c->a, payload, "<SellerSku>", "</SellerSku>"),
       *quantity = between(c->a, payload, "<Quantity>", "</Quantity>");
  if (!sku || !quantity) {
    deny(c, "ISP", "5", "E005: Invalid Request Format");
  } else if (!sim_stock(c, sim_sku_coded(sku), strtoll(quantity, NULL, 10), false)) {
    deny(c, "ISP", "501", arena_printf(c->a, "E501: Update product failed. SellerSku %.60s not found", sku));
  } else {
    begin(c), end(c);
  }
}

/* ---- calls -------------------------------------------------------------------------------------------------- */
static const struct {
  const char *path;
  bool is_public;
  void (*run)(struct sim_call *c);
} calls[] = {
  { "/orders/get", false, list_orders },
  { "/order/get", false, one_order },
  { "/order/items/get", false, one_items },
  { "/orders/items/get", false, many_items },
  { "/order/pack", false, items_pack },
  { "/order/rts", false, ready_to_ship },
  { "/product/price_quantity/update", false, quantity_update },
  { "/auth/token/refresh", true, refresh },
};

static void answer(struct sim_call *c)
{
  for (size_t i = 0; i < COUNT(calls); i++)
    if (!strcmp(api_path(c), calls[i].path)) {
      sim_called(c, calls[i].path);
      if (may(c, calls[i].is_public)) calls[i].run(c);
      return;
    }
  sim_called(c, "unknown");
  deny(c, "ISV", "InvalidApiPath", "The specified API path is not valid");
}

const struct sim_platform sim_lazada = {
  .name = "lazada",
  .country = "TH",
  .currency = "THB",
  .zone_min = 420,
  .statuses = 1 << SIM_PLACED | 1 << SIM_PAID | 1 << SIM_PARTLY | 1 << SIM_SHIPPED | 1 << SIM_COMPLETED |
              1 << SIM_CANCELLED,
  .receiver = SIM_MASKED,
  .secret = { { "app_key", '9', 6, NULL },
              { "app_secret", 'a', 32, NULL },
              { "access_token", 'a', 50, "5000" },
              { "refresh_token", 'a', 50, "5000" } },
  .access = "access_token",
  .refresh = "refresh_token",
  .token_s = 604800,
  .refresh_once = true,
  .unit_lines = true,
  .by_pickup = true,
  .hosts = "auth_host",
  .id = id,
  .answer = answer,
  .fail = fail,
};
