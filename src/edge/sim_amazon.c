/* sim_amazon.c: Amazon's Selling Partner API (Orders v0, marketplace of Japan) as the simulator plays it. */
#include "edge.h"
#include <stdio.h>
#include <stdlib.h>

#define ORDERS "/orders/v0/orders"
#define MARKETPLACE "A1VC38T7YXB528"
#define PAGE_MAX 100
#define ITEMS_ON_A_PAGE 2
#define SETTLED_MS (2 * 60 * 1000)
#define TOKEN_LIFE_MS (60 * 60 * 1000) /* of a NextToken */
#define DAY_MS (24 * 3600 * 1000LL)

static void id(const struct sim_shop *s, const struct sim_order *o, char out[SIM_ID_TEXT])
{
  snprintf(out, SIM_ID_TEXT, "%03d-%07u-%07u", 249 + s->number, (o->n * 7 + 1845936) % 10000000,
           (o->n * 3 + 5435065) % 10000000);
}

/* ---- envelopes -------------------------------------------------------------------------------------------- */
static void request_id(struct sim_call *c)
{
  sim_answer_header(c, "x-amzn-RequestId", "%08llx-0000-4000-8000-%012llx",
                    (unsigned long long)c->draw & 0xffffffff, (unsigned long long)c->draw >> 16);
}

static bool deny(struct sim_call *c, int status, const char *code, const char *message, const char *details)
{
  sim_answer_again(c, status);
  jw_object(&c->w);
  jw_key(&c->w, "errors"), jw_array(&c->w), jw_object(&c->w);
  jw_kstring(&c->w, "code", code), jw_kstring(&c->w, "message", message);
  if (details) jw_kstring(&c->w, "details", details);
  jw_object_end(&c->w), jw_array_end(&c->w), jw_object_end(&c->w);
  return false;
}

static bool deny_input(struct sim_call *c, const char *details)
{
  return deny(c, 400, "InvalidInput", "Invalid Input", details);
}

static void fail(struct sim_call *c)
{
  if (c->status == 503)
    deny(c, 503, "ServiceUnavailable", "Service is temporarily unavailable. Please try again.", "");
  else deny(c, c->status, "InternalFailure", "We encountered an internal error. Please try again.", "");
}

static void begin(struct sim_call *c)
{
  jw_object(&c->w);
  jw_key(&c->w, "payload"), jw_object(&c->w);
}

static void end(struct sim_call *c)
{
  jw_object_end(&c->w), jw_object_end(&c->w);
}

/* ---- tokens ------------------------------------------------------------------------------------------------- */
static void lwa_deny(struct sim_call *c, int status, const char *error, const char *description)
{
  sim_answer_again(c, status);
  jw_object(&c->w);
  jw_kstring(&c->w, "error", error), jw_kstring(&c->w, "error_description", description);
  jw_object_end(&c->w);
}

/* Login with Amazon: a service of its own, here on the same port. */
static void lwa_token(struct sim_call *c)
{
  const char *grant = sim_param(c, "grant_type");
  int64_t expires_s;
  if (!sim_take(c, "lwa", 0, 0, NULL)) {
    lwa_deny(c, 429, "temporarily_unavailable", "The request was throttled.");
  } else if (!sim_same(sim_param(c, "client_id"), sim_secret(c->shop, "client_id")) ||
             !sim_same(sim_param(c, "client_secret"), sim_secret(c->shop, "client_secret"))) {
    lwa_deny(c, 401, "invalid_client", "Client authentication failed");
  } else if (!grant || strcmp(grant, "refresh_token") != 0) {
    lwa_deny(c, 400, "unsupported_grant_type",
             "The authorization grant type is not supported by the authorization server");
  } else if (!sim_refresh(c, sim_param(c, "refresh_token"), &expires_s)) {
    lwa_deny(
      c, 400, "invalid_grant",
      "The request has an invalid grant parameter : refresh_token. User may have revoked or didn't grant "
      "the permission.");
  } else {
    jw_object(&c->w);
    jw_kstring(&c->w, "access_token", sim_secret(c->shop, "access_token"));
    jw_kstring(&c->w, "refresh_token", sim_secret(c->shop, "refresh_token"));
    jw_kstring(&c->w, "token_type", "bearer"), jw_kint(&c->w, "expires_in", expires_s);
    jw_object_end(&c->w);
  }
}

/* Only with this one people are shown; it lives as long as the token that it was made of. */
static char *restricted_token(struct sim_call *c)
{
  const char *access = sim_secret(c->shop, "access_token"), *key = sim_secret(c->shop, "client_secret");
  return arena_printf(c->a, "Atz.sprdt|%s",
                      sim_mac_hex(c->a, DIGEST_SHA256, key, access, strlen(access), false));
}

static bool is_restricted(struct sim_call *c)
{
  return sim_same(sim_header(c, "x-amz-access-token"), restricted_token(c));
}

static bool is_known(struct sim_call *c)
{
  const char *given =
    is_restricted(c) ? sim_secret(c->shop, "access_token") : sim_header(c, "x-amz-access-token");
  static const char denied[] = "Access to requested resource is denied.";
  switch (sim_token_check(c, given)) {
  case SIM_TOKEN_OK: return true;
  case SIM_TOKEN_EXPIRED:
    return deny(c, 403, "Unauthorized", denied, "The access token you provided has expired.");
  default: break;
  }
  return deny(c, 403, "Unauthorized", denied,
              given ? "The access token you provided is revoked, malformed or invalid."
                    : "Access token is missing in the request header.");
}

/* Without the documented limits a storm's answer tells of a rate a thousand times as high. */
static bool may(struct sim_call *c, const char *bucket, int64_t per_1000s, int64_t burst, const char *rate)
{
  if (!is_known(c)) return false;
  bool ok = sim_take(c, bucket, per_1000s, burst, NULL);
  sim_answer_header(c, "x-amzn-RateLimit-Limit", "%s", c->shop->sim->o.no_limits ? "16.7" : rate);
  if (ok) return true;
  return deny(c, 429, "QuotaExceeded", "You exceeded your quota for the requested resource.", "");
}

static void restricted_get(struct sim_call *c)
{
  if (!may(c, "rdt", 1000, 10, "1.0")) return;
  if (!json_count(json_get(c->json, "restrictedResources"))) {
    deny_input(c, "restrictedResources is missing.");
    return;
  }
  jw_object(&c->w);
  jw_kstring(&c->w, "restrictedDataToken", restricted_token(c)), jw_kint(&c->w, "expiresIn", 3600);
  jw_object_end(&c->w);
}

/* ---- an order -------------------------------------------------------------------------------------------------- */
static bool is_pending(const struct sim_order *o)
{
  return o->status == SIM_PLACED;
}

static const char *status_of(const struct sim_order *o)
{
  static const char *const names[SIM_STATUS_N] = { "Pending", "Unshipped", "PartiallyShipped",
                                                   "Shipped", "Shipped",   "Canceled" };
  return names[o->status];
}

static const char *channel_of(const struct sim_order *o)
{
  return o->n % 10 == 9 ? "AFN" : "MFN";
}

static void put_money(struct sim_call *c, const char *key, int64_t minor)
{
  jw_key(&c->w, key), jw_object(&c->w);
  jw_kstring(&c->w, "CurrencyCode", c->shop->row->currency), sim_kmoney(c, "Amount", minor);
  jw_object_end(&c->w);
}

/* Booleans are now and then text, and times have a fraction. */
static void put_bool(struct sim_call *c, const char *key, bool v, bool as_text)
{
  if (as_text) jw_kstring(&c->w, key, v ? "true" : "false");
  else jw_kbool(&c->w, key, v);
}

static void put_time(struct sim_call *c, const char *key, int64_t ms, bool fraction)
{
  char *t = sim_iso_z(c->a, ms);
  jw_kstring(&c->w, key, fraction ? arena_printf(c->a, "%.19s.000Z", t) : t);
}

static void address_put(struct sim_call *c, const struct sim_order *o, bool full)
{
  struct jw *w = &c->w;
  struct sim_person p;
  sim_person(c->shop, o, &p);
  jw_key(w, "ShippingAddress"), jw_object(w);
  if (full) {
    jw_kstring(w, "Name", p.name), jw_kstring(w, "AddressLine1", p.address), jw_kstring(w, "City", p.city);
    jw_kstring(w, "Phone", p.phone), jw_kstring(w, "AddressType", "Residential");
  }
  jw_kstring(w, "StateOrRegion", p.province), jw_kstring(w, "PostalCode", p.zip);
  jw_kstring(w, "CountryCode", p.country);
  jw_object_end(w);
}

static int ordered(const struct sim_order *o, const struct sim_line *l)
{
  return o->status == SIM_CANCELLED || l->refund == SIM_REFUND_DONE ? 0 : l->quantity;
}

static int shipped_of(const struct sim_order *o, size_t i)
{
  int n = 0, most = ordered(o, &o->line[i]);
  for (size_t k = 0; k < o->parcels; k++) n += o->parcel[k].quantity[i];
  return n < most ? n : most;
}

static void counts_put(struct sim_call *c, const struct sim_order *o)
{
  int64_t shipped = 0, waiting = 0;
  for (size_t i = 0; i < o->lines; i++) {
    int n = ordered(o, &o->line[i]), gone = shipped_of(o, i);
    shipped += gone, waiting += is_pending(o) ? 0 : n - gone;
  }
  jw_kint(&c->w, "NumberOfItemsShipped", shipped), jw_kint(&c->w, "NumberOfItemsUnshipped", waiting);
}

static void flags_put(struct sim_call *c, const struct sim_order *o)
{
  static const char *const no[] = { "IsBusinessOrder", "IsPrime",           "IsGlobalExpressEnabled",
                                    "IsPremiumOrder",  "IsSoldByAB",        "IsIBA",
                                    "IsISPU",          "IsAccessPointOrder" };
  put_bool(c, "IsReplacementOrder", false, o->n % 2);
  for (size_t i = 0; i < COUNT(no); i++) jw_kbool(&c->w, no[i], false);
}

static void order_put(struct sim_call *c, const struct sim_order *o)
{
  struct jw *w = &c->w;
  struct sim_person p;
  sim_person(c->shop, o, &p);
  jw_object(w);
  jw_kstring(w, "AmazonOrderId", o->id);
  if (o->n % 3 == 0) jw_kstring(w, "SellerOrderId", o->id);
  put_time(c, "PurchaseDate", o->placed_ms, false), put_time(c, "LastUpdateDate", o->modified_ms, o->n % 2);
  jw_kstring(w, "OrderStatus", status_of(o)), jw_kstring(w, "FulfillmentChannel", channel_of(o));
  jw_kstring(w, "SalesChannel", "Amazon.co.jp"), jw_kstring(w, "ShipServiceLevel", "Std JP Dom");
  if (o->paid_ms) put_money(c, "OrderTotal", o->total - o->refunded);
  counts_put(c, o);
  jw_kstring(w, "PaymentMethod", "Other");
  jw_key(w, "PaymentMethodDetails"), jw_array(w), jw_string(w, "Standard"), jw_array_end(w);
  jw_kstring(w, "MarketplaceId", MARKETPLACE), jw_kstring(w, "ShipmentServiceLevelCategory", "Standard");
  jw_kstring(w, "OrderType", "StandardOrder");
  put_time(c, "EarliestShipDate", o->placed_ms + DAY_MS, false),
    put_time(c, "LatestShipDate", o->placed_ms + 3 * DAY_MS, false);
  put_time(c, "EarliestDeliveryDate", o->placed_ms + 3 * DAY_MS, false),
    put_time(c, "LatestDeliveryDate", o->placed_ms + 7 * DAY_MS, false);
  flags_put(c, o);
  if (o->paid_ms) address_put(c, o, is_restricted(c));
  jw_key(w, "BuyerInfo"), jw_object(w);
  if (o->paid_ms) jw_kstring(w, "BuyerEmail", arena_printf(c->a, "%s@marketplace.amazon.example", p.buyer));
  jw_object_end(w);
  jw_object_end(w);
}

/* ---- items -------------------------------------------------------------------------------------------------------- */
static char *item_id(struct arena *a, const struct sim_order *o, size_t i)
{
  return arena_printf(a, "0%013lld", (long long)(sim_big(o->id, i) % 10000000000000));
}

static void item_prices_put(struct sim_call *c, const struct sim_order *o, size_t i)
{
  const struct sim_line *l = &o->line[i];
  if (!o->paid_ms || !ordered(o, l)) return;
  put_money(c, "ItemPrice", l->price * l->quantity), put_money(c, "ItemTax", 0);
  if (!i && o->freight) put_money(c, "ShippingPrice", o->freight);
  put_money(c, "PromotionDiscount", l->discount);
}

static void item_put(struct sim_call *c, const struct sim_order *o, size_t i)
{
  struct jw *w = &c->w;
  const struct sim_line *l = &o->line[i];
  const struct sim_sku *k = sim_sku(l);
  bool asked = l->refund == SIM_REFUND_ASKED;
  jw_object(w);
  jw_kstring(w, "ASIN", arena_printf(c->a, "B%09u", 551000 + l->sku));
  jw_kstring(w, "OrderItemId", item_id(c->a, o, i));
  jw_kstring(w, "SellerSKU", k->code), jw_kstring(w, "Title", k->title_en);
  jw_kint(w, "QuantityOrdered", ordered(o, l));
  jw_kint(w, "QuantityShipped", shipped_of(o, i));
  jw_key(w, "ProductInfo"), jw_object(w), jw_kstring(w, "NumberOfItems", "1"), jw_object_end(w);
  item_prices_put(c, o, i);
  put_bool(c, "IsGift", false, true);
  jw_kstring(w, "ConditionId", "New"), jw_kstring(w, "ConditionSubtypeId", "New");
  jw_kbool(w, "IsTransparency", false), jw_kbool(w, "SerialNumberRequired", false);
  jw_key(w, "BuyerRequestedCancel"), jw_object(w);
  put_bool(c, "IsBuyerRequestedCancel", asked, true);
  jw_kstring(w, "BuyerCancelReason", asked ? "Found cheaper somewhere else." : "");
  jw_object_end(w), jw_object_end(w);
}

/* ---- next tokens: base64 of a kind and numbers in hexadecimal, the first of which is when it was made ------------ */
#define TOKEN_HEAD "\xfb\xef\xbf" /* "+++/": of use only to those who encode it in a query */

static char *next_text(struct sim_call *c, char kind, const char *rest)
{
  char *text = arena_printf(c->a, TOKEN_HEAD "%c%llx-%s", kind, (unsigned long long)c->now_ms, rest);
  struct buf b = { 0 };
  base64_put(&b, text, strlen(text));
  char *out = arena_strn(c->a, b.data, b.len);
  buf_release(&b);
  return out;
}

/* A number and the dash behind it. */
static bool hex_read(const char **p, int64_t *out)
{
  size_t n = strspn(*p, "0123456789abcdef");
  if (!n || n > 15 || (*p)[n] != '-') return false;
  *out = (int64_t)strtoull(*p, NULL, 16);
  *p += n + 1;
  return true;
}

/* What a token says behind its time; NULL: refused. */
static const char *next_read(struct sim_call *c, char kind)
{
  const char *given = sim_param(c, "NextToken"), *p = NULL;
  struct buf b = { 0 };
  int64_t made = 0;
  if (base64_get(&b, given, strlen(given)) && b.len) p = arena_strn(c->a, b.data, b.len);
  buf_release(&b);
  if (p && !strncmp(p, TOKEN_HEAD, 3) && p[3] == kind) p += 4;
  else p = NULL;
  if (!p || !hex_read(&p, &made) || made > c->now_ms) {
    deny_input(c, "NextToken is invalid.");
    return NULL;
  }
  if (made >= c->now_ms - TOKEN_LIFE_MS) return p;
  deny_input(c, "NextToken has expired.");
  return NULL;
}

static struct sim_order *order_named(struct sim_call *c, const char *order_id)
{
  struct sim_order *o = sim_find(c->shop, order_id);
  if (!o) deny(c, 404, "NotFound", "The requested resource doesn't exist.", "");
  return o;
}

static bool items_begin(struct sim_call *c, const struct sim_order *o, int64_t *from)
{
  const char *t = sim_param(c, "NextToken");
  int64_t n;
  *from = 0;
  if (!t || !*t) return true;
  if (!(t = next_read(c, 'i'))) return false;
  if (hex_read(&t, &n) && n == o->n && hex_read(&t, from) && *from < o->lines) return true;
  return deny_input(c, "NextToken is invalid.");
}

static void order_items(struct sim_call *c, const char *order_id)
{
  int64_t from;
  if (!may(c, "items", 500, 30, "0.5")) return;
  const struct sim_order *o = order_named(c, order_id);
  if (!o || !items_begin(c, o, &from)) return;
  int64_t to = from + ITEMS_ON_A_PAGE < o->lines ? from + ITEMS_ON_A_PAGE : o->lines;
  begin(c);
  jw_kstring(&c->w, "AmazonOrderId", o->id);
  if (to < o->lines)
    jw_kstring(&c->w, "NextToken",
               next_text(c, 'i', arena_printf(c->a, "%x-%llx-", o->n, (unsigned long long)to)));
  jw_key(&c->w, "OrderItems"), jw_array(&c->w);
  for (int64_t i = from; i < to; i++) item_put(c, o, (size_t)i);
  jw_array_end(&c->w);
  end(c);
}

static void one_order(struct sim_call *c, const char *order_id)
{
  if (!may(c, "order", 500, 30, "0.5")) return;
  const struct sim_order *o = order_named(c, order_id);
  if (!o) return;
  jw_object(&c->w);
  jw_key(&c->w, "payload"), order_put(c, o);
  jw_object_end(&c->w);
}

static void order_address(struct sim_call *c, const char *order_id)
{
  if (!may(c, "address", 500, 30, "0.5")) return;
  const struct sim_order *o = order_named(c, order_id);
  if (!o) return;
  begin(c);
  jw_kstring(&c->w, "AmazonOrderId", o->id);
  if (o->paid_ms) address_put(c, o, is_restricted(c));
  end(c);
}

/* ---- the list ------------------------------------------------------------------------------------------------------- */
#define CHANNEL_BIT 16 /* of a filter: statuses below, MFN and AFN here */
struct filter {
  int64_t bits;
};

static bool is_wanted(const struct sim_order *o, void *arg)
{
  int64_t bits = ((const struct filter *)arg)->bits;
  return (bits & 1 << o->status) && (bits & 1 << (CHANNEL_BIT + (channel_of(o)[0] == 'A')));
}

struct named_bits {
  const char *name;
  int64_t bits;
};
static const struct named_bits status_names[] = {
  { "Pending", 1 << SIM_PLACED },
  { "Unshipped", 1 << SIM_PAID },
  { "PartiallyShipped", 1 << SIM_PARTLY },
  { "Shipped", 1 << SIM_SHIPPED | 1 << SIM_COMPLETED },
  { "Canceled", 1 << SIM_CANCELLED },
  { "PendingAvailability", 0 },
  { "InvoiceUnconfirmed", 0 },
  { "Unfulfillable", 0 },
};
static const struct named_bits channel_names[] = { { "MFN", 1 << CHANNEL_BIT }, { "AFN", 2 << CHANNEL_BIT } };

/* A list of names with commas; absent: all of them. */
static bool names_read(struct sim_call *c, const char *param, const struct named_bits *row, size_t rows,
                       int64_t *bits)
{
  const char *p = sim_param(c, param);
  for (size_t i = 0; !p && i < rows; i++) *bits |= row[i].bits;
  while (p && *p) {
    size_t n = strcspn(p, ","), i = 0;
    while (i < rows && (strlen(row[i].name) != n || memcmp(row[i].name, p, n) != 0)) i++;
    if (i == rows) return deny_input(c, arena_printf(c->a, "%s is invalid.", param));
    *bits |= row[i].bits;
    p += n + (p[n] == ',');
  }
  return true;
}

static bool filter_read(struct sim_call *c, struct filter *f)
{
  f->bits = 0;
  if (!names_read(c, "OrderStatuses", status_names, COUNT(status_names), &f->bits) ||
      !names_read(c, "FulfillmentChannels", channel_names, COUNT(channel_names), &f->bits))
    return false;
  if (!(f->bits & 1 << SIM_PAID) == !(f->bits & 1 << SIM_PARTLY)) return true;
  return deny_input(c, "Unshipped and PartiallyShipped must be used together.");
}

static bool bound_read(struct sim_call *c, const char *name, int64_t *ms)
{
  const char *t = sim_param(c, name);
  if (!t || sim_local_parse(t, 0, ms)) return true;
  return deny_input(c, arena_printf(c->a, "%s is not ISO 8601.", name));
}

static bool window_read(struct sim_call *c, struct sim_query *q)
{
  bool created = sim_param(c, "CreatedAfter"), updated = sim_param(c, "LastUpdatedAfter");
  q->by_placed = created;
  q->to_ms = c->now_ms - SETTLED_MS;
  if (!created && !updated) return deny_input(c, "CreatedAfter or LastUpdatedAfter is required.");
  if ((created && (updated || sim_param(c, "LastUpdatedBefore"))) ||
      (updated && sim_param(c, "CreatedBefore")))
    return deny_input(c, "CreatedAfter and LastUpdatedAfter cannot be used together.");
  if (!bound_read(c, created ? "CreatedAfter" : "LastUpdatedAfter", &q->from_ms) ||
      !bound_read(c, created ? "CreatedBefore" : "LastUpdatedBefore", &q->to_ms))
    return false;
  if (q->to_ms > c->now_ms - SETTLED_MS)
    return deny_input(c, "The Before bound must be at least two minutes in the past.");
  return q->from_ms <= q->to_ms || deny_input(c, "The After bound is behind the Before bound.");
}

static bool query_read(struct sim_call *c, struct sim_query *q, struct filter *f)
{
  const char *token = sim_param(c, "NextToken"), *market = sim_param(c, "MarketplaceIds");
  int64_t by_placed;
  *q = (struct sim_query){ .limit = PAGE_MAX, .any_order = true, .want = is_wanted, .arg = f };
  if (!market || !*market) return deny_input(c, "MarketplaceIds is required.");
  if (strcmp(market, MARKETPLACE) != 0)
    return deny(c, 403, "Unauthorized", "Access to requested resource is denied.",
                "The seller does not take part in this marketplace.");
  if (sim_param(c, "MaxResultsPerPage") &&
      (!sim_param_int(c, "MaxResultsPerPage", &q->limit) || q->limit < 1 || q->limit > PAGE_MAX))
    return deny_input(c, "MaxResultsPerPage is from 1 to 100.");
  if (!token || !*token) return window_read(c, q) && filter_read(c, f);
  if (!(token = next_read(c, 'o'))) return false;
  if (!hex_read(&token, &by_placed) || !hex_read(&token, &q->from_ms) || !hex_read(&token, &q->to_ms) ||
      !hex_read(&token, &f->bits))
    return deny_input(c, "NextToken is invalid.");
  q->by_placed = by_placed, q->cursor = token;
  return true;
}

static void list_orders(struct sim_call *c)
{
  struct sim_query q;
  struct sim_page p;
  struct filter f;
  if (!may(c, "orders", 17, 20, "0.0167") || !query_read(c, &q, &f)) return;
  sim_list(c, &q, &p);
  if (p.bad_cursor) {
    deny_input(c, "NextToken is invalid.");
    return;
  }
  begin(c);
  if (p.more)
    jw_kstring(
      &c->w, "NextToken",
      next_text(c, 'o',
                arena_printf(c->a, "%x-%llx-%llx-%llx-%s", q.by_placed, (unsigned long long)q.from_ms,
                             (unsigned long long)q.to_ms, (unsigned long long)f.bits, p.cursor)));
  put_time(c, q.by_placed ? "CreatedBefore" : "LastUpdatedBefore", q.to_ms, false);
  jw_key(&c->w, "Orders"), jw_array(&c->w);
  for (size_t i = 0; i < p.n; i++) order_put(c, p.row[i]);
  jw_array_end(&c->w);
  end(c);
}

/* ---- shipments and stock --------------------------------------------------------------------------------------------- */
static bool confirmed(struct sim_call *c, enum sim_ship is)
{
  static const struct {
    enum sim_ship is;
    const char *details;
  } words[] = { { SIM_SHIP_SHIPPED, "The order item is already shipped." },
                { SIM_SHIP_CLOSED, "The order is canceled." },
                { SIM_SHIP_UNPAID, "The order is pending." },
                { SIM_SHIP_REFUNDING, "The buyer requested to cancel the order." },
                { SIM_SHIP_CARRIER, "carrierCode is invalid." },
                { SIM_SHIP_NUMBER, "trackingNumber is invalid." },
                { SIM_SHIP_LINES, "orderItems: quantity is invalid." },
                { SIM_SHIP_LOCKED, "The order can not be confirmed now." },
                { SIM_SHIP_NO_ORDER, "The order does not exist." } };
  for (size_t i = 0; i < COUNT(words); i++)
    if (words[i].is == is) return deny_input(c, words[i].details);
  return true;
}

/* The same package again only edits it. */
static void shipment_confirm(struct sim_call *c, const char *order_id)
{
  if (!may(c, "confirm", 2000, 10, "2.0")) return;
  struct sim_order *o = order_named(c, order_id);
  const struct json *p = json_get(c->json, "packageDetail"), *reference = json_get(p, "packageReferenceId");
  if (!o) return;
  const char *carrier = json_string(json_get(p, "carrierCode"));
  struct sim_confirm f = { .carrier = carrier ? carrier : "",
                           .no = json_string(json_get(p, "trackingNumber")),
                           .part = true };
  if (!sim_same(json_string(json_get(c->json, "marketplaceId")), MARKETPLACE) || !json_string(reference) ||
      !json_string(json_get(p, "shipDate"))) {
    deny_input(c, "marketplaceId, packageReferenceId and shipDate are required.");
    return;
  }
  for (const struct json *e = json_first(json_get(p, "orderItems")); e; e = json_next(e))
    for (size_t i = 0; i < o->lines; i++) {
      int64_t n = 0;
      if (sim_same(json_string(json_get(e, "orderItemId")), item_id(c->a, o, i)) &&
          json_int(json_get(e, "quantity"), &n) && n > 0 && n < 100)
        f.quantity[i] = (uint8_t)n;
    }
  if (confirmed(c, sim_ship(c, o, &f))) c->status = 204;
}

/* What was sent, as the newer version of the interface tells it. */
static void order_2026(struct sim_call *c, const char *order_id)
{
  struct jw *w = &c->w;
  const char *data = sim_param(c, "includedData");
  if (!may(c, "order-2026", 500, 30, "0.5")) return;
  const struct sim_order *o = order_named(c, order_id);
  if (!o) return;
  static const char *const names[SIM_STATUS_N] = { "PENDING", "UNSHIPPED", "PARTIALLY_SHIPPED",
                                                   "SHIPPED", "SHIPPED",   "CANCELLED" };
  jw_object(w), jw_key(w, "order"), jw_object(w);
  jw_kstring(w, "orderId", o->id);
  jw_key(w, "fulfillment"), jw_object(w), jw_kstring(w, "fulfillmentStatus", names[o->status]),
    jw_object_end(w);
  if (data && strstr(data, "PACKAGES")) {
    jw_key(w, "packages"), jw_array(w);
    for (size_t i = 0; i < o->parcels; i++) {
      jw_object(w);
      jw_kstring(w, "packageReferenceId", arena_printf(c->a, "%zu", i + 1));
      jw_kstring(w, "carrier", sim_parcel_carrier(&o->parcel[i], "Other"));
      jw_kstring(w, "trackingNumber", o->parcel[i].no);
      jw_object_end(w);
    }
    jw_array_end(w);
  }
  jw_object_end(w), jw_object_end(w);
}

/* PATCH …/items/{seller}/{sku}: what one fulfilment channel has of it */
static void listing_patch(struct sim_call *c, const char *sku)
{
  int64_t quantity = 0;
  if (!may(c, "listings", 5000, 10, "5.0")) return;
  const struct json *patch = json_first(json_get(c->json, "patches")),
                    *value = json_first(json_get(patch, "value"));
  if (!sim_same(sim_param(c, "marketplaceIds"), MARKETPLACE) ||
      !json_int(json_get(value, "quantity"), &quantity)) {
    deny_input(c, "marketplaceIds or patches are invalid.");
    return;
  }
  int known = sim_sku_coded(sku);
  if (known < 0) {
    sim_stock(c, -1, quantity, false);
    deny(c, 404, "NotFound", "The requested resource doesn't exist.", "");
    return;
  }
  bool ok = sim_stock(c, known, quantity, false);
  jw_object(&c->w);
  jw_kstring(&c->w, "sku", sku), jw_kstring(&c->w, "status", ok ? "ACCEPTED" : "INVALID");
  jw_kstring(&c->w, "submissionId", arena_printf(c->a, "%016llx", (unsigned long long)c->draw));
  jw_key(&c->w, "issues"), jw_array(&c->w);
  if (!ok) {
    jw_object(&c->w);
    jw_kstring(&c->w, "code", "90220"), jw_kstring(&c->w, "message", "The quantity is not taken.");
    jw_object_end(&c->w);
  }
  jw_array_end(&c->w), jw_object_end(&c->w);
}

static bool told_answer(struct sim_call *c)
{
  static const char confirm[] = "/shipmentConfirmation", newer[] = "/orders/2026-01-01/orders/",
                    listings[] = "/listings/2021-08-01/items/";
  const char *path = c->r->path;
  size_t n = strlen(path), k = sizeof confirm - 1, head = strlen(ORDERS "/");
  if (!strcmp(c->r->method, "POST") && n > head + k && !strncmp(path, ORDERS "/", head) &&
      !strcmp(path + n - k, confirm)) {
    sim_called(c, "confirmShipment");
    shipment_confirm(c, arena_strn(c->a, path + head, n - head - k));
  } else if (!strcmp(c->r->method, "GET") && !strncmp(path, newer, sizeof newer - 1)) {
    sim_called(c, "getOrder-2026");
    order_2026(c, path + sizeof newer - 1);
  } else if (!strcmp(c->r->method, "PATCH") && !strncmp(path, listings, sizeof listings - 1)) {
    const char *slash = strchr(path + sizeof listings - 1, '/');
    sim_called(c, "patchListingsItem");
    listing_patch(c, slash ? slash + 1 : "");
  } else {
    return false;
  }
  return true;
}

/* ---- calls ----------------------------------------------------------------------------------------------------------- */
static const struct {
  const char *name, *tail;
  void (*run)(struct sim_call *c, const char *order_id);
} of_order[] = { { "getOrder", "", one_order },
                 { "getOrderItems", "/orderItems", order_items },
                 { "getOrderAddress", "/address", order_address } };

static bool order_answer(struct sim_call *c)
{
  if (strncmp(c->r->path, ORDERS "/", strlen(ORDERS "/")) != 0 || strcmp(c->r->method, "GET") != 0)
    return false;
  const char *path = c->r->path + strlen(ORDERS "/");
  size_t n = strcspn(path, "/");
  for (size_t i = 0; n && i < COUNT(of_order); i++)
    if (!strcmp(path + n, of_order[i].tail)) {
      sim_called(c, of_order[i].name);
      of_order[i].run(c, arena_strn(c->a, path, n));
      return true;
    }
  return false;
}

static const struct {
  const char *name, *method, *path;
  void (*run)(struct sim_call *c);
} calls[] = { { "getOrders", "GET", ORDERS, list_orders },
              { "token", "POST", "/auth/o2/token", lwa_token },
              { "createRestrictedDataToken", "POST", "/tokens/2021-03-01/restrictedDataToken",
                restricted_get } };

static void answer(struct sim_call *c)
{
  request_id(c);
  for (size_t i = 0; i < COUNT(calls); i++)
    if (!strcmp(c->r->method, calls[i].method) && !strcmp(c->r->path, calls[i].path)) {
      sim_called(c, calls[i].name);
      calls[i].run(c);
      return;
    }
  if (order_answer(c) || told_answer(c)) return;
  sim_called(c, "unknown");
  deny(c, 404, "NotFound", "The requested resource doesn't exist.", "");
}

const struct sim_platform sim_amazon = {
  .name = "amazon",
  .country = "JP",
  .currency = "JPY",
  .statuses = 1 << SIM_PLACED | 1 << SIM_PAID | 1 << SIM_PARTLY | 1 << SIM_SHIPPED | 1 << SIM_CANCELLED,
  .receiver = SIM_MASKED,
  .secret = { { "client_id", 'a', 32, "amzn1.application-oa2-client." },
              { "client_secret", 'x', 64, "amzn1.oa2-cs.v1." },
              { "refresh_token", 'a', 64, "Atzr|" },
              { "access_token", 'a', 64, "Atza|" } },
  .access = "access_token",
  .refresh = "refresh_token",
  .token_s = 3600,
  .hosts = "auth_host",
  .settings = "marketplace_ids = " MARKETPLACE "\ncurrency = JPY\nseller_id = SELLER1\n",
  .unpaid_unpriced = true,
  .units_vanish = true,
  .id = id,
  .answer = answer,
  .fail = fail,
};
