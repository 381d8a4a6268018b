/* feed.c: replays a whole feed of five pretend channels with known truth, and says how well orderd did.
 *
 *   sim-feed [--dir DIR] [--shuffle SEED] [--kill SEED] [--limit N] [--slice]
 *
 * DIR holds feed.ndjson.gz and truth.ndjson.gz (default ../shared/data/feed; without it the program says so and
 * passes). The mapping of the pretend channels is test code, as a connector's would be: each message becomes the
 * order as its channel would answer it at that moment. Rows of sheets go through the product's own reader of sheets.
 * --shuffle: another order of arrival, as far as causality allows: a customer's orders never pass a parcel or a
 * cancellation of theirs. --kill: the engine runs in a child that is killed again and again and goes on behind its
 * last acknowledged record. Without an option: once straight, once shuffled, once killed; all three must agree. */
#include "lib/shop.h"
#include <stdio.h>
#include <stdlib.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#define LINE_MAX_BYTES (1 << 20)

/* ---- the truth --------------------------------------------------------------------------------------------------- */

struct truth_order {
  const char *name, *channel, *platform_id, *group, *person, *phone;
  bool masked, ambiguous, cancelled;
  int64_t created_at, shipped_at, cancelled_at;
  int64_t got_group, got_id; /* what the engine says; 0: not there */
  int copies;
  char *doc;         /* the order as the channel has it now, without its closing status part */
  const char *status;
  int64_t status_at;
  char *parcel;
  bool refused;      /* only a damaged row ever told about it */
  bool seen;
};
struct truth_pair {
  struct truth_order *a, *b;
  const char *reason, *detail;
};
struct world {
  struct arena mem;
  struct truth_order *order;
  size_t orders, cap;
  struct truth_pair *near;
  size_t nears, near_cap;
  struct message *message;
  size_t messages, message_cap;
  int *by_hash; /* open addressing on name, and on channel + platform id */
  int64_t refused_rows, rows;
};
struct message {
  const char *channel, *kind, *body; /* body: canonical order */
  struct truth_order *order;
  int64_t at;
  bool barrier; /* a parcel or a cancellation */
};

#define HASH_SLOTS (1 << 18)

static size_t slot_of_text(const char *x, const char *y)
{
  return (size_t)(hash64(y, strlen(y), hash64(x, strlen(x), 7)) % HASH_SLOTS);
}

static void world_index(struct world *w, const char *x, const char *y, int at)
{
  size_t i = slot_of_text(x, y);
  while (w->by_hash[i]) i = (i + 1) % HASH_SLOTS;
  w->by_hash[i] = at + 1;
}

static struct truth_order *world_find(struct world *w, const char *x, const char *y)
{
  for (size_t i = slot_of_text(x, y); w->by_hash[i]; i = (i + 1) % HASH_SLOTS) {
    struct truth_order *o = &w->order[w->by_hash[i] - 1];
    bool same = *x ? !strcmp(o->channel, x) && !strcmp(o->platform_id, y) : !strcmp(o->name, y);
    if (same) return o;
  }
  return NULL;
}

static const char *text_of(const struct json *j, const char *key)
{
  const struct json *v = json_get(j, key);
  return json_type(v) == JSON_NUMBER ? json_number(v) : json_string(v);
}

static const char *path_text(const struct json *j, const char *a, const char *b)
{
  return text_of(json_get(j, a), b);
}

static int64_t time_of(const char *s)
{
  int64_t ms = 0;
  if (s) time_parse(s, &ms);
  return ms;
}

typedef void line_fn(struct world *w, const struct json *j, struct arena *a);

static bool each_line(struct world *w, const char *path, line_fn *fn, long limit)
{
  gzFile f = gzopen(path, "rb");
  char *line = mem_new(LINE_MAX_BYTES);
  if (!f) return mem_free(line), false;
  for (long i = 0; (!limit || i < limit) && gzgets(f, line, LINE_MAX_BYTES); i++) {
    struct arena a = { 0 };
    struct faults faults = { .mem = &a };
    struct json *j = json_parse(&a, line, strcspn(line, "\n"), 20000, &faults);
    must(j);
    fn(w, j, &a);
    arena_release(&a);
  }
  gzclose(f);
  mem_free(line);
  return true;
}

static void truth_line(struct world *w, const struct json *j, struct arena *a)
{
  (void)a;
  const char *type = text_of(j, "type");
  if (!strcmp(type, "order")) {
    if (w->orders == w->cap) w->order = mem_grow(w->order, (w->cap = w->cap ? 2 * w->cap : 1024) * sizeof *w->order);
    struct truth_order *o = &w->order[w->orders];
    memset(o, 0, sizeof *o);
    o->name = arena_str(&w->mem, text_of(j, "order")), o->channel = arena_str(&w->mem, text_of(j, "channel"));
    o->platform_id = arena_str(&w->mem, text_of(j, "platform_id")), o->group = arena_str(&w->mem, text_of(j, "group"));
    o->person = arena_str(&w->mem, text_of(j, "person")), o->phone = arena_str(&w->mem, text_of(j, "phone"));
    o->masked = !strcmp(o->channel, "jdd"), o->ambiguous = json_bool(json_get(j, "ambiguous_chain"));
    o->created_at = time_of(text_of(j, "created_at")), o->shipped_at = time_of(text_of(j, "shipped_at"));
    o->cancelled_at = time_of(text_of(j, "cancelled_at"));
    world_index(w, "", o->name, (int)w->orders);
    world_index(w, o->channel, o->platform_id, (int)w->orders);
    w->orders++;
  } else if (!strcmp(type, "near_miss")) {
    const struct json *pair = json_get(j, "orders");
    if (w->nears == w->near_cap) w->near = mem_grow(w->near, (w->near_cap = w->near_cap ? 2 * w->near_cap : 256) * sizeof *w->near);
    w->near[w->nears++] = (struct truth_pair){ world_find(w, "", json_string(json_at(pair, 0))), world_find(w, "", json_string(json_at(pair, 1))),
                                               arena_str(&w->mem, text_of(j, "reason")), arena_str(&w->mem, text_of(j, "detail")) };
  }
}

/* ---- the five pretend channels ------------------------------------------------------------------------------------- */

struct shape {
  const char *id, *status, *placed, *paid, *total, *freight;
  const char *name, *phone, *province, *city, *district, *town, *address, *remark;
};

static const char *china_time(struct arena *a, const char *s)
{
  int64_t ms;
  char text[TIME_TEXT];
  if (!s || !*s || !time_parse_loose(s, 480, &ms)) return NULL;
  return arena_str(a, time_text(ms, text));
}

static const char *epoch_time(struct arena *a, const char *digits, int64_t unit)
{
  char text[TIME_TEXT];
  if (!digits || !*digits) return NULL;
  return arena_str(a, time_text(strtoll(digits, NULL, 10) * unit, text));
}

static const char *fen(struct arena *a, const char *digits)
{
  return digits ? money_text(a, strtoll(digits, NULL, 10), "CNY") : NULL;
}

struct status_word {
  const char *channel, *word, *status;
};
static const struct status_word words[] = {
  { "tmao", "WAIT_SELLER_SEND_GOODS", "paid" }, { "tmao", "WAIT_BUYER_CONFIRM_GOODS", "shipped" }, { "tmao", "TRADE_FINISHED", "completed" },
  { "tmao", "TRADE_CLOSED", "cancelled" },      { "jdd", "WAIT_SELLER_STOCK_OUT", "paid" },        { "jdd", "WAIT_GOODS_RECEIVE_CONFIRM", "shipped" },
  { "jdd", "FINISHED_L", "completed" },         { "jdd", "TRADE_CANCELED", "cancelled" },          { "dou", "2", "paid" },
  { "dou", "3", "shipped" },                    { "dou", "5", "completed" },                       { "dou", "4", "cancelled" },
  { "wx", "PAID", "paid" },                     { "wx", "SHIPPED", "shipped" },                    { "wx", "DONE", "completed" },
  { "wx", "CLOSED", "cancelled" },
};

static const char *status_word(const char *channel, const char *word)
{
  for (size_t i = 0; i < COUNT(words); i++)
    if (!strcmp(words[i].channel, channel) && !strcmp(words[i].word, word)) return words[i].status;
  must(!"a known status");
  return NULL;
}

static void put_line(struct jw *w, const char *id, const char *sku, const char *title, const char *quantity, const char *price)
{
  jw_object(w);
  jw_kstring(w, "line_id", id), jw_kstring(w, "sku", sku), jw_kstring(w, "title", title);
  jw_key(w, "quantity"), jw_raw(w, quantity, strlen(quantity));
  jw_kstring(w, "price", price);
  jw_object_end(w);
}

/* Everything but status, updated_at and shipments; those are put in front when the message is made. */
static char *doc_of(struct arena *out, struct arena *a, const char *channel, const struct json *p)
{
  struct shape s = { 0 };
  struct buf b = { 0 };
  struct jw w;
  const struct json *r, *lines = NULL;
  if (!strcmp(channel, "tmao")) {
    s = (struct shape){ .id = text_of(p, "tid"), .placed = china_time(a, text_of(p, "created")), .paid = china_time(a, text_of(p, "pay_time")),
                        .total = text_of(p, "payment"), .freight = text_of(p, "post_fee"), .name = text_of(p, "receiver_name"),
                        .phone = text_of(p, "receiver_mobile"), .province = text_of(p, "receiver_state"), .city = text_of(p, "receiver_city"),
                        .district = text_of(p, "receiver_district"), .town = text_of(p, "receiver_town"), .address = text_of(p, "receiver_address"),
                        .remark = text_of(p, "buyer_message") };
    lines = json_get(json_get(p, "orders"), "order");
  } else if (!strcmp(channel, "jdd")) {
    r = json_get(p, "consigneeInfo");
    s = (struct shape){ .id = text_of(p, "orderId"), .placed = china_time(a, text_of(p, "orderStartTime")),
                        .paid = china_time(a, text_of(p, "paymentConfirmTime")), .total = text_of(p, "orderPayment"),
                        .freight = text_of(p, "freightPrice"), .name = text_of(r, "fullname"), .phone = text_of(r, "mobile"),
                        .province = text_of(r, "province"), .city = text_of(r, "city"), .district = text_of(r, "county"), .town = text_of(r, "town"),
                        .address = text_of(r, "fullAddress"), .remark = text_of(p, "orderRemark") };
    lines = json_get(p, "itemInfoList");
  } else if (!strcmp(channel, "dou")) {
    r = json_get(p, "post_addr");
    s = (struct shape){ .id = text_of(p, "order_id"), .placed = epoch_time(a, text_of(p, "create_time"), 1000),
                        .paid = epoch_time(a, text_of(p, "pay_time"), 1000), .total = fen(a, text_of(p, "pay_amount")),
                        .freight = fen(a, text_of(p, "post_amount")), .name = text_of(p, "post_receiver"), .phone = text_of(p, "post_tel"),
                        .province = path_text(r, "province", "name"), .city = path_text(r, "city", "name"), .district = path_text(r, "town", "name"),
                        .town = path_text(r, "street", "name"), .address = text_of(r, "detail"), .remark = text_of(p, "buyer_words") };
    lines = json_get(p, "sku_order_list");
  } else if (!strcmp(channel, "shop")) {
    r = json_get(p, "shipping_address");
    const char *a1 = text_of(r, "address1"), *a2 = text_of(r, "address2");
    s = (struct shape){ .id = text_of(p, "id"), .placed = text_of(p, "created_at"), .paid = text_of(p, "processed_at"), .total = text_of(p, "total_price"),
                        .freight = path_text(json_get(p, "total_shipping_price_set"), "shop_money", "amount"), .name = text_of(r, "name"),
                        .phone = text_of(r, "phone"), .province = text_of(r, "province"), .city = text_of(r, "city"),
                        .address = a2 && *a2 ? arena_printf(a, "%s %s", a1 ? a1 : "", a2) : a1, .remark = text_of(p, "note") };
    lines = json_get(p, "line_items");
  } else {
    r = json_get(p, "receiver");
    s = (struct shape){ .id = text_of(p, "orderNo"), .placed = epoch_time(a, text_of(p, "createdAtMs"), 1), .paid = epoch_time(a, text_of(p, "paidAtMs"), 1),
                        .total = fen(a, path_text(p, "amountFen", "paid")), .freight = fen(a, path_text(p, "amountFen", "freight")),
                        .name = text_of(r, "name"), .phone = text_of(r, "tel"), .address = text_of(r, "address"), .remark = text_of(p, "remark") };
    lines = json_get(p, "items");
  }
  jw_init(&w, &b), jw_object(&w);
  jw_kstring(&w, "channel", channel), jw_kstring(&w, "external_id", s.id), jw_kstring(&w, "placed_at", s.placed), jw_kstring(&w, "paid_at", s.paid);
  jw_kstring(&w, "currency", "CNY"), jw_kstring(&w, "total", s.total), jw_kstring(&w, "freight", s.freight);
  jw_key(&w, "receiver"), jw_object(&w);
  jw_kstring(&w, "name", s.name), jw_kstring(&w, "phone", s.phone), jw_kstring(&w, "country", "CN"), jw_kstring(&w, "province", s.province);
  jw_kstring(&w, "city", s.city), jw_kstring(&w, "district", s.district), jw_kstring(&w, "town", s.town), jw_kstring(&w, "address", s.address);
  jw_object_end(&w);
  jw_key(&w, "remarks"), jw_object(&w), jw_kstring(&w, "buyer", s.remark), jw_object_end(&w);
  jw_key(&w, "lines"), jw_array(&w);
  for (const struct json *l = json_first(lines); l; l = json_next(l)) {
    if (!strcmp(channel, "tmao"))
      put_line(&w, text_of(l, "oid"), text_of(l, "outer_sku_id"), text_of(l, "title"), text_of(l, "num"), text_of(l, "price"));
    else if (!strcmp(channel, "jdd"))
      put_line(&w, text_of(l, "skuId"), text_of(l, "outerSkuId"), text_of(l, "skuName"), text_of(l, "itemTotal"), text_of(l, "jdPrice"));
    else if (!strcmp(channel, "dou"))
      put_line(&w, text_of(l, "order_id"), text_of(l, "code"), text_of(l, "product_name"), text_of(l, "item_num"), fen(a, text_of(l, "goods_price")));
    else if (!strcmp(channel, "shop"))
      put_line(&w, text_of(l, "id"), text_of(l, "sku"), text_of(l, "title"), text_of(l, "quantity"), text_of(l, "price"));
    else
      put_line(&w, NULL, text_of(l, "sku"), text_of(l, "name"), text_of(l, "qty"), fen(a, text_of(l, "priceFen")));
  }
  jw_array_end(&w), jw_object_end(&w);
  char *doc = arena_strn(out, b.data, b.len);
  buf_release(&b);
  return doc;
}

static struct truth_order *order_of_payload(struct world *w, const char *channel, const struct json *p)
{
  static const char *const keys[][2] = { { "tmao", "tid" }, { "jdd", "orderId" }, { "dou", "order_id" }, { "shop", "id" }, { "wx", "orderNo" } };
  for (size_t i = 0; i < COUNT(keys); i++)
    if (!strcmp(keys[i][0], channel)) {
      struct truth_order *o = world_find(w, channel, text_of(p, keys[i][1]));
      must(o);
      return o;
    }
  return NULL;
}

/* A status message: the status, its business time, and the parcel it tells about. */
static void status_of_payload(struct arena *keep, struct arena *a, struct truth_order *o, const struct json *p)
{
  const char *status, *carrier = NULL, *tracking = NULL, *at;
  if (!strcmp(o->channel, "tmao"))
    status = status_word("tmao", text_of(p, "status")), at = china_time(a, text_of(p, "modified")), carrier = text_of(p, "logistics_company"),
    tracking = text_of(p, "invoice_no");
  else if (!strcmp(o->channel, "jdd"))
    status = status_word("jdd", text_of(p, "orderState")), at = china_time(a, text_of(p, "modified")), carrier = text_of(p, "logisticsId"),
    tracking = text_of(p, "waybill");
  else if (!strcmp(o->channel, "dou"))
    status = status_word("dou", text_of(p, "order_status")), at = epoch_time(a, text_of(p, "update_time"), 1000), carrier = text_of(p, "logistics_code"),
    tracking = text_of(p, "logistics_no");
  else if (!strcmp(o->channel, "wx"))
    status = status_word("wx", text_of(p, "state")), at = epoch_time(a, text_of(p, "atMs"), 1), carrier = text_of(p, "express"),
    tracking = text_of(p, "expressNo");
  else {
    const struct json *f = json_at(json_get(p, "fulfillments"), 0);
    bool delivered = f && text_of(f, "shipment_status") && !strcmp(text_of(f, "shipment_status"), "delivered");
    status = text_of(p, "cancelled_at") ? "cancelled" : delivered ? "completed" : "shipped";
    at = text_of(p, "updated_at"), carrier = f ? text_of(f, "tracking_company") : NULL, tracking = f ? text_of(f, "tracking_number") : NULL;
  }
  int64_t ms = time_of(at);
  if (tracking && *tracking && !o->parcel) {
    char text[TIME_TEXT];
    o->parcel = arena_printf(keep, "[{\"carrier\":\"%s\",\"tracking_no\":\"%s\",\"shipped_at\":\"%s\"}]", carrier ? carrier : "", tracking, time_text(ms, text));
  }
  static const char *const rank[] = { "placed", "paid", "shipped", "completed", "cancelled" };
  size_t was = 0, now = 0;
  for (size_t i = 0; i < COUNT(rank); i++) {
    if (o->status && !strcmp(o->status, rank[i])) was = i;
    if (!strcmp(status, rank[i])) now = i;
  }
  /* same moment: the later stage stands */
  if (!o->status || ms > o->status_at || (ms == o->status_at && now > was)) o->status = rank[now], o->status_at = ms;
}

static void message_add(struct world *w, struct truth_order *o, const char *body, int64_t at, bool barrier)
{
  if (w->messages == w->message_cap)
    w->message = mem_grow(w->message, (w->message_cap = w->message_cap ? 2 * w->message_cap : 4096) * sizeof *w->message);
  w->message[w->messages++] = (struct message){ .channel = o ? o->channel : "", .body = body, .order = o, .at = at, .barrier = barrier };
}

/* The order as its channel would answer now. */
static void message_compose(struct world *w, struct truth_order *o, int64_t at, bool barrier)
{
  char text[TIME_TEXT];
  struct buf b = { 0 };
  if (!o->doc) return; /* news of an order that has not come yet: its channel will tell when it does */
  buf_printf(&b, "{\"status\":\"%s\",\"updated_at\":\"%s\",", o->status ? o->status : "paid", time_text(at, text));
  if (o->parcel) buf_printf(&b, "\"shipments\":%s,", o->parcel);
  buf_str(&b, o->doc + 1);
  message_add(w, o, arena_strn(&w->mem, b.data, b.len), at, barrier);
  buf_release(&b);
}

struct sheet_state {
  struct world *w;
  const char *channel;
  int64_t at;
  int refused;
};

static void sheet_order(void *arg, int64_t row, const char *json, size_t n)
{
  struct sheet_state *t = arg;
  struct arena a = { 0 };
  struct faults f = { .mem = &a };
  (void)row;
  struct json *j = json_parse(&a, json, n, 20000, &f);
  must(j);
  const char *id = text_of(j, "external_id");
  struct truth_order *o = world_find(t->w, t->channel, id);
  if (!o) {
    fprintf(stderr, "a sheet of %s names an order that does not exist: %s\n", t->channel, id);
    must(!"an order of the truth");
  }
  char *body = arena_strn(&t->w->mem, json, n);
  const char *status = text_of(j, "status");
  bool away = !strcmp(status, "cancelled") || !strcmp(status, "shipped") || !strcmp(status, "completed");
  message_add(t->w, o, body, t->at, away);
  if (!o->doc) { /* news that follows is told about this copy */
    struct buf b = { 0 };
    struct jw w;
    jw_init(&w, &b), jw_object(&w);
    for (const struct json *m = json_first(j); m; m = json_next(m)) {
      const char *k = json_key(m);
      if (!strcmp(k, "status") || !strcmp(k, "updated_at") || !strcmp(k, "shipments")) continue;
      jw_key(&w, k), jw_json(&w, m);
    }
    jw_object_end(&w);
    o->doc = arena_strn(&t->w->mem, b.data, b.len);
    buf_release(&b);
  }
  arena_release(&a);
}

static void sheet_refuse(void *arg, int64_t row, const char *column, const char *code, const char *detail, const char *raw, size_t n)
{
  struct sheet_state *t = arg;
  (void)row, (void)column, (void)code, (void)detail, (void)raw, (void)n;
  t->refused++, t->w->refused_rows++;
}

static void sheet_message(struct world *w, const char *channel, const struct json *p, int64_t at)
{
  struct sheet_state t = { w, channel, at, 0 };
  struct sheet_options o = { .channel = channel, .zone_min = 480, .currency = "CNY" };
  struct sheet *s = sheet_new(&o, sheet_order, sheet_refuse, &t);
  const struct json *rows = json_get(p, "rows");
  char *cells[64];
  size_t n = 0;
  for (const struct json *c = json_first(json_first(rows)); c; c = json_next(c)) cells[n++] = (char *)(uintptr_t)json_key(c);
  sheet_row(s, 1, cells, n, NULL);
  int64_t row = 2;
  for (const struct json *r = json_first(rows); r; r = json_next(r), row++) {
    n = 0;
    for (const struct json *c = json_first(r); c; c = json_next(c)) cells[n++] = (char *)(uintptr_t)json_string(c);
    sheet_row(s, row, cells, n, NULL), w->rows++;
  }
  sheet_end(s);
  sheet_free(s);
}

static void feed_line(struct world *w, const struct json *j, struct arena *a)
{
  const char *channel = text_of(j, "channel"), *kind = text_of(j, "kind");
  const struct json *p = json_get(j, "payload");
  int64_t at = time_of(text_of(j, "received_at"));
  if (!strcmp(kind, "sheet")) {
    sheet_message(w, channel, p, at);
    return;
  }
  struct truth_order *o = order_of_payload(w, channel, p);
  if (!strcmp(kind, "order")) {
    o->doc = doc_of(&w->mem, a, channel, p);
    message_compose(w, o, at, o->status && strcmp(o->status, "paid"));
  } else {
    status_of_payload(&w->mem, a, o, p);
    message_compose(w, o, at, true);
  }
}

/* ---- another order of arrival ------------------------------------------------------------------------------------------ */

static uint64_t roll(uint64_t *seed)
{
  uint64_t z = *seed += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9, z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

static struct world *sort_world;

static int by_phone_then_place(const void *x, const void *y)
{
  const size_t i = *(const size_t *)x, k = *(const size_t *)y;
  const struct message *a = &sort_world->message[i], *b = &sort_world->message[k];
  int c = strcmp(a->order->phone, b->order->phone);
  return c ? c : i < k ? -1 : 1;
}

struct key {
  double at;
  size_t message;
};

static int by_key(const void *x, const void *y)
{
  const struct key *a = x, *b = y;
  return a->at != b->at ? (a->at < b->at ? -1 : 1) : a->message < b->message ? -1 : 1;
}

/* Persons are woven together anew; within a person's messages only runs without a barrier are mixed. */
static size_t *arrival(struct world *w, uint64_t seed)
{
  size_t n = w->messages, *at = mem_new((n + 1) * sizeof *at);
  for (size_t i = 0; i < n; i++) at[i] = i;
  if (!seed) return at;
  struct key *keys = mem_new((n + 1) * sizeof *keys);
  sort_world = w;
  qsort(at, n, sizeof *at, by_phone_then_place);
  for (size_t i = 0; i < n;) {
    size_t end = i;
    while (end < n && !strcmp(w->message[at[end]].order->phone, w->message[at[i]].order->phone)) end++;
    for (size_t from = i; from < end;) { /* runs between barriers */
      size_t to = from;
      while (to < end && !w->message[at[to]].barrier) to++;
      for (size_t k = to; k > from + 1; k--) {
        size_t pick = from + roll(&seed) % (k - from), swap = at[pick];
        at[pick] = at[k - 1], at[k - 1] = swap;
      }
      from = to < end ? to + 1 : to;
    }
    double t = 0;
    for (size_t k = i; k < end; k++) t += (double)(roll(&seed) % 1000000) / 1000000 + 0.001, keys[k] = (struct key){ t, at[k] };
    for (size_t k = i; k < end; k++) keys[k].at /= t;
    i = end;
  }
  qsort(keys, n, sizeof *keys, by_key);
  for (size_t i = 0; i < n; i++) at[i] = keys[i].message;
  mem_free(keys);
  return at;
}

/* ---- running --------------------------------------------------------------------------------------------------------------- */

struct tally {
  int64_t created, updated, unchanged, stale, refused;
};

static bool run_from(struct world *w, struct shop *s, const size_t *at, size_t from, struct tally *t, int ack)
{
  for (size_t i = from; i < w->messages; i++) {
    const struct message *m = &w->message[at[i]];
    s->env.now_ms = m->at;
    struct cmd *c = shop_run(s, "order.ingest", NULL, m->body);
    if (c->job.err) {
      struct buf b = { 0 };
      cmd_problem(c, &b);
      fprintf(stderr, "refused: %s\n  %s\n", b.data, m->body);
      buf_release(&b), t->refused++;
    } else {
      int64_t *const counts[] = { &t->created, &t->updated, &t->unchanged, &t->stale };
      ++*counts[c->numbers[2]];
    }
    cmd_free(c);
    if (ack >= 0 && write(ack, &i, sizeof i) != sizeof i) return false;
  }
  return true;
}

/* The child runs, the parent kills it; what was acknowledged is not sent again, what was not is. */
static bool run_killed(struct world *w, const char *path, const size_t *at, uint64_t seed, int kills, int *killed)
{
  size_t next = 0;
  for (int round = 0;; round++) {
    int fd[2];
    if (pipe(fd)) return false;
    pid_t pid = fork();
    if (!pid) {
      struct shop s;
      struct tally t = { 0 };
      close(fd[0]);
      if (!shop_open(&s, path, NULL)) _exit(2);
      bool ok = run_from(w, &s, at, next, &t, fd[1]);
      shop_close(&s);
      _exit(ok && !t.refused ? 0 : 1);
    }
    close(fd[1]);
    size_t until = next + 1 + roll(&seed) % (2 * w->messages / (size_t)(kills + 1) + 1), done;
    bool all = round >= kills;
    while (read(fd[0], &done, sizeof done) == sizeof done) {
      next = done + 1;
      if (!all && next >= until) break;
    }
    if (!all) kill(pid, SIGKILL), ++*killed;
    while (read(fd[0], &done, sizeof done) == sizeof done) next = done + 1; /* what it acknowledged before it died */
    int status;
    waitpid(pid, &status, 0);
    close(fd[0]);
    if (next >= w->messages) return !WIFEXITED(status) || WEXITSTATUS(status) == 0 || !all;
    if (all) return false;
  }
}

static const char SQL_ALL[] =
  "SELECT c.name, o.external_id, coalesce(o.group_id, 0), o.id FROM orders o JOIN channels c ON c.id = o.channel_id ORDER BY o.id";

static int64_t read_back(struct world *w, struct db *db)
{
  int64_t rows = 0;
  for (size_t i = 0; i < w->orders; i++) w->order[i].got_group = 0, w->order[i].copies = 0;
  struct stmt *s = db_stmt(db, SQL_ALL);
  while (stmt_row(s)) {
    struct truth_order *o = world_find(w, stmt_col_text(s, 0), stmt_col_text(s, 1));
    must(o);
    o->got_group = stmt_col_int(s, 2) ? stmt_col_int(s, 2) : -1, o->got_id = stmt_col_int(s, 3), o->copies++, rows++;
  }
  must(!stmt_end(s));
  return rows;
}

/* The partition as one number that does not depend on how groups are numbered. */
static uint64_t partition_of(struct world *w)
{
  uint64_t sum = 0;
  int64_t *first = mem_new((w->orders * 4 + 16) * sizeof *first);
  for (size_t i = 0; i < w->orders; i++) {
    struct truth_order *o = &w->order[i];
    if (o->got_group <= 0) {
      sum += hash64(&i, sizeof i, (uint64_t)o->got_group);
      continue;
    }
    must((size_t)o->got_group < w->orders * 4 + 16);
    if (!first[o->got_group]) first[o->got_group] = (int64_t)i + 1;
    int64_t pair[2] = { (int64_t)i, first[o->got_group] };
    sum += hash64(pair, sizeof pair, 3);
  }
  mem_free(first);
  return sum;
}

/* ---- scoring ---------------------------------------------------------------------------------------------------------------- */

static struct world *score_world;

static int by_truth_group(const void *x, const void *y)
{
  const struct truth_order *a = &score_world->order[*(const int *)x], *b = &score_world->order[*(const int *)y];
  int c = strcmp(a->group, b->group);
  return c ? c : *(const int *)x - *(const int *)y;
}

static int by_got_group(const void *x, const void *y)
{
  const struct truth_order *a = &score_world->order[*(const int *)x], *b = &score_world->order[*(const int *)y];
  if (a->got_group != b->got_group) return a->got_group < b->got_group ? -1 : 1;
  return *(const int *)x - *(const int *)y;
}

struct score {
  int64_t expected, found, masked_expected, masked_found, masked_proposed, wrong, untold, put, ambiguous, cancelled, after_lock, unread;
};

static bool really_together(const struct truth_order *a, const struct truth_order *b)
{
  return !strcmp(a->group, b->group);
}

static const char SQL_PROPOSED[] =
  "SELECT 1 FROM events WHERE kind = 'o' AND entity = $1 AND type = 'order.group' AND instr(data, $2) > 0 LIMIT 1";

/* Was the pair ever proposed to a person? By the history: a proposal ends when one of the two ships. */
static bool proposed(struct db *db, const struct truth_order *a, const struct truth_order *b)
{
  bool is = false;
  for (int turn = 0; turn < 2 && !is; turn++) {
    char text[64];
    struct stmt *s = db_stmt(db, SQL_PROPOSED);
    snprintf(text, sizeof text, "\"order\":\"o_%lld\",\"verdict\":\"propose\"", (long long)(turn ? a : b)->got_id);
    stmt_int(s, 1, (turn ? b : a)->got_id), stmt_text(s, 2, text);
    is = stmt_row(s);
    stmt_end(s);
  }
  return is;
}

/* The first had shipped when the second was placed, but no message of the feed ever says so (it came by a sheet only). */
static bool untold(const struct truth_order *a, const struct truth_order *b)
{
  const struct truth_order *first = a->created_at <= b->created_at ? a : b, *second = first == a ? b : a;
  bool told = first->parcel || (first->status && strcmp(first->status, "paid"));
  return first->shipped_at && first->shipped_at <= second->created_at && !told;
}

static void missed(struct db *db, const struct truth_order *a, const struct truth_order *b, struct score *s)
{
  struct arena mem = { 0 };
  struct channel ch;
  struct order x, y;
  const char *reason = "?";
  if (a->got_group == 0 || b->got_group == 0) {
    reason = "one of the two never came readable (damaged sheet row)", s->unread++;
  } else if (!channel_find(db, &mem, a->channel, &ch) && !order_find(db, &mem, ch.id, a->platform_id, &x) &&
             !channel_find(db, &mem, b->channel, &ch) && !order_find(db, &mem, ch.id, b->platform_id, &y)) {
    struct merge_order p, q;
    struct merge_rules r;
    struct rules all;
    rules_default(&all), r = all.merge;
    must(!order_as_merge(db, &mem, x.id, &p) && !order_as_merge(db, &mem, y.id, &q));
    struct merge_why w = merge_pair(&mem, &r, &p, &q);
    if (w.verdict == MERGE_TOGETHER && (y.received_at >= x.shipped_at || x.received_at >= y.shipped_at))
      reason = "arrived after the other's parcel had left (rule 3.7)", s->after_lock++;
    else
      reason = arena_printf(&mem, "%s%s%s (%s | %s) [%s | %s]", w.code, w.part ? " " : "", w.part ? w.part : "", w.mine ? w.mine : "",
                            w.theirs ? w.theirs : "", p.where.detail ? p.where.detail : "", q.where.detail ? q.where.detail : "");
  }
  printf("  missed  %s %s + %s %s: %s\n", a->channel, a->platform_id, b->channel, b->platform_id, reason);
  arena_release(&mem);
}

static struct score score(struct world *w, struct db *db, bool tell)
{
  struct score s = { 0 };
  int *at = mem_new((w->orders + 1) * sizeof *at);
  score_world = w;
  for (size_t i = 0; i < w->orders; i++) at[i] = (int)i;
  qsort(at, w->orders, sizeof *at, by_truth_group);
  for (size_t i = 0; i < w->orders; i++)
    for (size_t k = i + 1; k < w->orders && really_together(&w->order[at[i]], &w->order[at[k]]); k++) {
      struct truth_order *a = &w->order[at[i]], *b = &w->order[at[k]];
      bool together = a->got_group > 0 && a->got_group == b->got_group;
      if (a->ambiguous || b->ambiguous) {
        s.ambiguous++;
        continue;
      }
      if (a->cancelled_at || b->cancelled_at) {
        s.cancelled++; /* the cancelled one left its group, as rule 3.8 has it */
        continue;
      }
      if (a->masked || b->masked) {
        s.masked_expected++, s.masked_found += together, s.masked_proposed += !together && proposed(db, a, b);
        continue;
      }
      s.expected++, s.found += together;
      if (!together && tell) missed(db, a, b, &s);
    }
  qsort(at, w->orders, sizeof *at, by_got_group);
  for (size_t i = 0; i < w->orders; i++)
    for (size_t k = i + 1; k < w->orders && w->order[at[i]].got_group > 0 && w->order[at[k]].got_group == w->order[at[i]].got_group; k++) {
      struct truth_order *a = &w->order[at[i]], *b = &w->order[at[k]];
      if (a->ambiguous || b->ambiguous) continue;
      s.put++;
      if (really_together(a, b)) continue;
      bool u = untold(a, b);
      s.wrong++, s.untold += u;
      if (tell)
        printf("  wrong   %s %s + %s %s: %s\n", a->channel, a->platform_id, b->channel, b->platform_id,
               u ? "no message tells that the first had shipped" : "?");
    }
  mem_free(at);
  return s;
}

/* How many were merged although something that arrived forbids it. */
static int nears(struct world *w)
{
  struct {
    const char *reason;
    int n, merged;
  } kind[16] = { 0 };
  size_t kinds = 0;
  int all = 0;
  for (size_t i = 0; i < w->nears; i++) {
    const struct truth_pair *p = &w->near[i];
    size_t k = 0;
    while (k < kinds && strcmp(kind[k].reason, p->reason)) k++;
    if (k == kinds) kind[kinds++].reason = p->reason;
    kind[k].n++;
    if (p->a->got_group > 0 && p->a->got_group == p->b->got_group) {
      kind[k].merged++, all += !untold(p->a, p->b);
    }
  }
  printf("near misses merged, by kind:");
  for (size_t k = 0; k < kinds; k++) printf(" %s %d of %d%s", kind[k].reason, kind[k].merged, kind[k].n, k + 1 < kinds ? "," : "\n");
  return all;
}

static int64_t lost(struct world *w, bool tell)
{
  int64_t n = 0;
  for (size_t i = 0; i < w->messages; i++) w->message[i].order->seen = true;
  for (size_t i = 0; i < w->orders; i++) {
    struct truth_order *o = &w->order[i];
    if (o->seen && !o->got_group) n++, tell&& printf("  lost    %s %s\n", o->channel, o->platform_id);
  }
  return n;
}

static int64_t only_damaged(struct world *w)
{
  int64_t n = 0;
  for (size_t i = 0; i < w->orders; i++) n += !w->order[i].seen;
  return n;
}

static int passed, failed;

static void expect(bool ok, const char *what)
{
  printf("%s %s\n", ok ? "ok  " : "FAIL", what);
  ok ? passed++ : failed++;
}

static char *temp_path(struct arena *a, const char *name)
{
  const char *base = access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm";
  char *dir = arena_printf(a, "%s/orderd-feed-%d", base, (int)getpid());
  mkdir(dir, 0700);
  return arena_printf(a, "%s/%s.db", dir, name);
}

static void temp_remove(const char *path)
{
  static const char *const ends[] = { "", "-wal", "-shm" };
  char text[512];
  for (size_t i = 0; i < COUNT(ends); i++) snprintf(text, sizeof text, "%s%s", path, ends[i]), unlink(text);
}

static void say(void *arg, const char *text)
{
  printf("  check   %s\n", text);
  ++*(int *)arg;
}

static uint64_t straight(struct world *w, struct arena *a, uint64_t shuffle, bool tell)
{
  struct shop s;
  struct tally t = { 0 };
  char *path = temp_path(a, "feed");
  size_t *at = arrival(w, shuffle);
  must(shop_open(&s, path, NULL));
  int64_t began = mono_ms();
  run_from(w, &s, at, 0, &t, -1);
  int64_t took = mono_ms() - began;
  int64_t rows = read_back(w, s.db);
  uint64_t partition = partition_of(w);
  if (tell) {
    int64_t damaged = w->refused_rows, gone = lost(w, true), twice = 0;
    for (size_t i = 0; i < w->orders; i++) twice += w->order[i].copies > 1;
    printf("%zu messages in %lld ms (%lld/s): %lld created, %lld updated, %lld unchanged, %lld stale; %lld rows of sheets, %lld refused\n", w->messages,
           (long long)took, (long long)(1000 * (int64_t)w->messages / (took ? took : 1)), (long long)t.created, (long long)t.updated,
           (long long)t.unchanged, (long long)t.stale, (long long)w->rows, (long long)damaged);
    printf("%lld orders; %lld orders were only told by rows too damaged to be read\n", (long long)rows, (long long)only_damaged(w));
    struct score c = score(w, s.db, true);
    int64_t can_put = c.put - c.untold, can_find = c.expected - c.after_lock - c.unread;
    double precision = can_put ? 1 - (double)(c.wrong - c.untold) / (double)can_put : 1, recall = can_find ? (double)c.found / (double)can_find : 1;
    printf("merge, all pairs: precision %.4f (%lld of %lld wrong), recall %.4f (%lld of %lld)\n", 1 - (double)c.wrong / (double)(c.put ? c.put : 1),
           (long long)c.wrong, (long long)c.put, (double)c.found / (double)(c.expected ? c.expected : 1), (long long)c.found, (long long)c.expected);
    printf("merge, pairs that what arrived can decide: precision %.4f, recall %.4f\n", precision, recall);
    printf("  left out of the second line: %lld put together because no message tells that the first had shipped, %lld whose second order came when the\n"
           "  first one's parcel had left, %lld told only by a damaged row\n", (long long)c.untold, (long long)c.after_lock, (long long)c.unread);
    printf("apart from both: %lld pairs with a masked phone (%lld merged, %lld proposed to a person), %lld where chaining would decide otherwise, %lld with\n"
           "  a cancelled order (it leaves its group)\n",
           (long long)c.masked_expected, (long long)c.masked_found, (long long)c.masked_proposed, (long long)c.ambiguous, (long long)c.cancelled);
    int merged = nears(w), breaches = 0;
    struct arena mem = { 0 };
    view_check(s.db, &mem, &s.rules.status, &s.rules.merge, say, &breaches);
    arena_release(&mem);
    expect(t.refused == 0, "every mapped message is taken");
    expect(gone == 0 && twice == 0, "0 lost, 0 doubled");
    expect(precision >= 0.995, "merge precision at least 0.995 where what arrived can decide");
    expect(recall >= 0.97, "merge recall at least 0.97 where what arrived can decide and no phone is masked");
    expect(merged == 0, "no near miss is merged that something which arrived forbids");
    expect(breaches == 0, "every invariant holds");
  }
  shop_close(&s);
  temp_remove(path);
  mem_free(at);
  return partition;
}

static uint64_t killed(struct world *w, struct arena *a, uint64_t seed, int kills)
{
  char *path = temp_path(a, "killed");
  size_t *at = arrival(w, 0);
  int n = 0;
  struct shop s;
  expect(run_killed(w, path, at, seed, kills, &n), "killed again and again, it goes on");
  must(shop_open(&s, path, NULL));
  int64_t rows = read_back(w, s.db), twice = 0;
  for (size_t i = 0; i < w->orders; i++) twice += w->order[i].copies > 1;
  printf("killed %d times: %lld orders\n", n, (long long)rows);
  expect(!twice && !lost(w, true), "after the kills: 0 lost, 0 doubled");
  uint64_t partition = partition_of(w);
  shop_close(&s);
  temp_remove(path);
  mem_free(at);
  return partition;
}

int main(int argc, char **argv)
{
  struct world w = { 0 };
  struct arena a = { 0 };
  const char *dir = "../shared/data/feed";
  int shuffles = 3, kills = 20;
  for (int i = 1; i < argc; i++) {
    if (!strcmp(argv[i], "--dir") && i + 1 < argc)
      dir = argv[++i];
    else if (!strcmp(argv[i], "--slice"))
      shuffles = 1, kills = 6;
    else if (!strcmp(argv[i], "--seconds") && i + 1 < argc)
      shuffles = (int)(strtol(argv[++i], NULL, 10) / 20 + 1), kills = 60;
    else if (!strcmp(argv[i], "--shuffles") && i + 1 < argc)
      shuffles = (int)strtol(argv[++i], NULL, 10);
    else
      return fprintf(stderr, "usage: sim-feed [--dir DIR] [--slice | --seconds N] [--shuffles N]\n"), 2;
  }
  w.by_hash = mem_new(HASH_SLOTS * sizeof *w.by_hash);
  char *truth = arena_printf(&a, "%s/truth.ndjson.gz", dir), *feed = arena_printf(&a, "%s/feed.ndjson.gz", dir);
  if (access(truth, R_OK)) {
    printf("no feed at %s: nothing to replay\n0 passed, 0 failed, 1 skipped\n", dir);
    return 0;
  }
  must(each_line(&w, truth, truth_line, 0) && each_line(&w, feed, feed_line, 0));
  setvbuf(stdout, NULL, _IOLBF, 0);
  printf("%zu orders in truth, %zu messages\n", w.orders, w.messages);
  uint64_t first = straight(&w, &a, 0, true);
  for (int i = 1; i <= shuffles; i++) {
    uint64_t other = straight(&w, &a, (uint64_t)i * 7919, false);
    printf("arrival order %d: partition %016llx, straight %016llx\n", i, (unsigned long long)other, (unsigned long long)first);
    expect(other == first, "another order of arrival gives the same groups");
  }
  expect(killed(&w, &a, 99, kills) == first, "the same groups after kills");
  printf("%d passed, %d failed\n", passed, failed);
  return failed != 0;
}
