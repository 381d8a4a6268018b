/* A canonical order as it arrives (contract 4): JSON in, a checked draft or every fault with its pointer out. Pure. */
#include "domain.h"
#include <stdio.h>

#define TEXT_ID_MAX 100
#define TEXT_NAME_MAX 200
#define TEXT_LONG_MAX 2000
#define REFUNDS_MAX 500
#define QUANTITY_MAX 1000000

static const char *const flag_names[] = {
#define X(id, name) name,
  ORDER_FLAG_MAP(X)
#undef X
};

const char *flag_name(int bit)
{
  must(bit >= 0 && bit < FLAG_N);
  return flag_names[bit];
}

/* ---- fields as rows: which key, what it must be, where it goes ------------------------------------------------- */

enum kind { K_ID, K_CODE, K_TEXT, K_LONG, K_TIME, K_MONEY, K_COUNT, K_OTHER };
struct field {
  const char *key;
  enum kind kind;
  bool required;
  size_t at; /* offset in the struct that the row fills */
};

struct reader {
  struct arena *a;
  struct faults *f;
  const char *currency; /* NULL until it is known to be right */
};

static char *pointer_to(struct reader *r, const char *base, const char *key)
{
  return json_pointer(r->a, base, key);
}

static void fault(struct reader *r, const char *base, const char *key, const char *code, const char *detail)
{
  fault_add(r->f, pointer_to(r, base, key), code, "%s", detail);
}

/* Ids and SKUs are compared byte for byte, so look-alikes are refused: normal form, nothing invisible, no blanks around. */
static bool plain_text(struct reader *r, const char *s)
{
  size_t n = strlen(s);
  if (!n || s[0] == ' ' || s[n - 1] == ' ') return false;
  for (const char *p = s; *p; p++)
    if ((unsigned char)*p < 0x20 || *p == 0x7f) return false;
  return !strcmp(s, text_nfkc(r->a, s));
}

static bool read_text(struct reader *r, const struct field *f, const char *base, const struct json *v,
                      const char **out)
{
  const char *s = json_string(v);
  size_t max = f->kind == K_LONG ? TEXT_LONG_MAX : f->kind == K_TEXT ? TEXT_NAME_MAX : TEXT_ID_MAX;
  if (json_type(v) == JSON_NUMBER && f->kind == K_ID)
    return fault(r, base, f->key, "id_must_be_text", "Ids are text: a JSON number loses digits"), false;
  if (!s) return fault(r, base, f->key, "not_text", "This must be text"), false;
  if (strlen(s) > max * 4 || utf8_count(s) > max)
    return fault_add(r->f, pointer_to(r, base, f->key), "too_long", "At most %zu characters", max), false;
  if ((f->kind == K_ID || f->kind == K_CODE) && *s && !plain_text(r, s))
    return fault(r, base, f->key, "bad_characters",
                 "Blanks around, invisible or compatibility characters are not allowed here"),
           false;
  if (f->required && !*s) return fault(r, base, f->key, "empty", "This must not be empty"), false;
  *out = *s ? s : NULL;
  return true;
}

static bool read_money(struct reader *r, const struct field *f, const char *base, const struct json *v,
                       int64_t *out)
{
  const char *s = json_string(v);
  if (!s)
    return fault(r, base, f->key, "money_must_be_text", "Money is decimal text, like \"199.00\""), false;
  if (!r->currency) return true; /* the currency's own fault says enough */
  if (!money_parse(s, r->currency, out))
    return fault_add(r->f, pointer_to(r, base, f->key), "bad_money",
                     "Decimal text with at most %d places for %s", money_digits(r->currency), r->currency),
           false;
  if (*out < 0) return fault(r, base, f->key, "negative", "This must not be negative"), false;
  return true;
}

static bool read_field(struct reader *r, const struct field *f, const char *base, const struct json *v,
                       void *into)
{
  void *out = (char *)into + f->at;
  switch (f->kind) {
  case K_TIME:
    if (!json_string(v) || !time_parse(json_string(v), out))
      return fault(r, base, f->key, "bad_time", "A time with its zone, like 2026-11-11T00:03:21+08:00"),
             false;
    return true;
  case K_MONEY: return read_money(r, f, base, v, out);
  case K_COUNT: {
    int64_t n;
    if (!json_int(v, &n) || n < 0 || n > QUANTITY_MAX)
      return fault_add(r->f, pointer_to(r, base, f->key), "bad_count", "A whole number from 0 to %d",
                       QUANTITY_MAX),
             false;
    *(int64_t *)out = n;
    return true;
  }
  case K_OTHER: return true;
  default: return read_text(r, f, base, v, out);
  }
}

/* Keys mostly come in the order of the rows: the search goes on behind the last one. n: there is none. */
static size_t row_find(const struct field *rows, size_t n, const char *key, size_t from)
{
  for (size_t k = 0, i = from; k < n; k++, i++) {
    if (i >= n) i = 0;
    if (rows[i].key[0] == key[0] && !strcmp(rows[i].key, key)) return i;
  }
  return n;
}

/* All members of an object against the rows: unknown keys, wrong values, missing ones. */
static bool read_object(struct reader *r, const struct field *rows, size_t n, const char *base,
                        const struct json *obj, void *into)
{
  int before = r->f->n;
  uint64_t there = 0;
  size_t next = 0;
  must(n <= 64);
  if (json_type(obj) != JSON_OBJECT) {
    fault_add(r->f, base, "not_an_object", "This must be an object");
    return false;
  }
  for (const struct json *m = json_first(obj); m; m = json_next(m)) {
    size_t i = row_find(rows, n, json_key(m), next);
    if (i == n) {
      fault(r, base, json_key(m), "unknown_key", "This key is not known here");
      continue;
    }
    next = i + 1;
    if (json_type(m) == JSON_NULL) continue;
    there |= (uint64_t)1 << i;
    read_field(r, &rows[i], base, m, into);
  }
  for (size_t i = 0; i < n; i++)
    if (rows[i].required && !(there >> i & 1)) fault(r, base, rows[i].key, "missing", "This is required");
  return r->f->n == before;
}

#define AT(field) offsetof(struct draft, field)
static const struct field order_rows[] = {
  { "channel", K_CODE, true, AT(channel) },
  { "external_id", K_ID, true, AT(external_id) },
  { "status", K_CODE, true, AT(status) },
  { "placed_at", K_TIME, true, AT(placed_at) },
  { "paid_at", K_TIME, false, AT(paid_at) },
  { "updated_at", K_TIME, false, AT(updated_at) },
  { "ship_by", K_TIME, false, AT(ship_by) },
  { "currency", K_CODE, true, AT(currency) },
  { "total", K_MONEY, true, AT(total) },
  { "freight", K_MONEY, false, AT(freight) },
  { "discount", K_MONEY, false, AT(discount) },
  { "paid", K_MONEY, false, AT(paid) },
  { "buyer", K_OTHER, false, 0 },
  { "receiver", K_OTHER, false, 0 },
  { "lines", K_OTHER, true, 0 },
  { "shipments", K_OTHER, false, 0 },
  { "refunds", K_OTHER, false, 0 },
  { "remarks", K_OTHER, false, 0 },
  { "flags", K_OTHER, false, 0 },
  { "service", K_CODE, false, AT(service) },
  { "raw_status", K_TEXT, false, AT(raw_status) },
};
static const struct field buyer_rows[] = {
  { "id", K_ID, false, AT(buyer_id) },
  { "name", K_TEXT, false, AT(buyer_name) },
  { "phone", K_TEXT, false, AT(buyer_phone) },
};
static const struct field receiver_rows[] = {
  { "name", K_TEXT, false, AT(receiver_name) },
  { "phone", K_TEXT, false, AT(receiver_phone) },
  { "country", K_CODE, false, AT(country) },
  { "province", K_TEXT, false, AT(province) },
  { "city", K_TEXT, false, AT(city) },
  { "district", K_TEXT, false, AT(district) },
  { "town", K_TEXT, false, AT(town) },
  { "address", K_LONG, false, AT(address) },
  { "zip", K_TEXT, false, AT(zip) },
  { "token", K_LONG, false, AT(token) },
};
static const struct field remark_rows[] = {
  { "buyer", K_LONG, false, AT(remark_buyer) },
  { "seller", K_LONG, false, AT(remark_seller) },
  { "flag", K_TEXT, false, AT(remark_flag) },
};
#undef AT
#define AT(field) offsetof(struct line, field)
static const struct field line_rows[] = {
  { "line_id", K_ID, false, AT(line_id) },      { "sku", K_CODE, false, AT(sku) },
  { "title", K_LONG, false, AT(title) },        { "quantity", K_COUNT, true, AT(quantity) },
  { "price", K_MONEY, false, AT(price) },       { "discount", K_MONEY, false, AT(discount) },
  { "refunded", K_MONEY, false, AT(refunded) },
};
#undef AT
#define AT(field) offsetof(struct parcel, field)
static const struct field parcel_rows[] = {
  { "carrier", K_TEXT, false, AT(carrier) },
  { "tracking_no", K_ID, false, AT(tracking_no) },
  { "shipped_at", K_TIME, false, AT(shipped_at) },
  { "line_ids", K_OTHER, false, 0 },
};
#undef AT
#define AT(field) offsetof(struct refund, field)
static const struct field refund_rows[] = {
  { "refund_id", K_ID, true, AT(refund_id) },   { "status", K_CODE, true, AT(status) },
  { "amount", K_MONEY, true, AT(amount) },      { "line_id", K_ID, false, AT(line_id) },
  { "quantity", K_COUNT, false, AT(quantity) }, { "goods", K_CODE, false, AT(goods) },
};
#undef AT

/* ---- the lists of an order ------------------------------------------------------------------------------------------ */

/* The list under key, or NULL with count 0; a wrong type or too many is a fault. */
static const struct json *list_of(struct reader *r, const struct json *j, const char *base, const char *key,
                                  size_t max, size_t *n)
{
  const struct json *list = json_get(j, key);
  *n = 0;
  if (json_type(list) == JSON_NULL) return NULL;
  if (json_type(list) != JSON_ARRAY) return fault(r, base, key, "not_a_list", "This must be a list"), NULL;
  if (json_count(list) > max)
    return fault_add(r->f, pointer_to(r, base, key), "too_many", "At most %zu entries", max), NULL;
  *n = json_count(list);
  return list;
}

static void read_lines(struct reader *r, const struct json *j, const char *base, struct draft *d)
{
  size_t n, i = 0;
  const struct json *list = list_of(r, j, base, "lines", ORDER_LINES_MAX, &n);
  if (!list) return;
  if (!n) fault(r, base, "lines", "empty", "An order has at least one line");
  d->lines = arena_array(r->a, struct line, n);
  for (const struct json *m = json_first(list); m; m = json_next(m), i++) {
    struct line *l = &d->lines[i];
    char *at = arena_printf(r->a, "%s/lines/%zu", base, i);
    l->price = -1;
    if (!read_object(r, line_rows, COUNT(line_rows), at, m, l)) continue;
    if (l->quantity < 1) fault(r, at, "quantity", "bad_count", "At least 1");
    if (!l->sku && !l->title) fault(r, at, "sku", "missing", "A line needs a sku or a title");
    for (size_t k = 0; l->line_id && k < i; k++)
      if (d->lines[k].line_id && !strcmp(d->lines[k].line_id, l->line_id)) {
        fault(r, at, "line_id", "doubled", "Two lines have this line_id");
        break;
      }
  }
  d->lines_n = n;
}

static const char *line_ids_text(struct reader *r, const struct json *m, const char *at)
{
  size_t n;
  const struct json *list = list_of(r, m, at, "line_ids", ORDER_LINES_MAX, &n);
  if (!n) return NULL;
  struct buf b = { 0 };
  struct jw w;
  jw_init(&w, &b), jw_array(&w);
  size_t i = 0;
  for (const struct json *v = json_first(list); v; v = json_next(v)) {
    const struct field row = { arena_printf(r->a, "%zu", i++), K_ID, true, 0 };
    const char *id = NULL;
    if (read_text(r, &row, arena_printf(r->a, "%s/line_ids", at), v, &id)) jw_string(&w, id);
  }
  jw_array_end(&w);
  char *text = arena_strn(r->a, b.data, b.len);
  buf_release(&b);
  return text;
}

static void read_parcels(struct reader *r, const struct json *j, const char *base, struct draft *d)
{
  size_t n, i = 0;
  const struct json *list = list_of(r, j, base, "shipments", ORDER_PARCELS_MAX, &n);
  if (!n) return;
  d->parcels = arena_array(r->a, struct parcel, n);
  for (const struct json *m = json_first(list); m; m = json_next(m), i++) {
    char *at = arena_printf(r->a, "%s/shipments/%zu", base, i);
    if (read_object(r, parcel_rows, COUNT(parcel_rows), at, m, &d->parcels[i]))
      d->parcels[i].line_ids = line_ids_text(r, m, at);
  }
  d->parcels_n = n;
}

static void read_refunds(struct reader *r, const struct json *j, const char *base, struct draft *d)
{
  size_t n, i = 0;
  const struct json *list = list_of(r, j, base, "refunds", REFUNDS_MAX, &n);
  if (!n) return;
  d->refunds = arena_array(r->a, struct refund, n);
  for (const struct json *m = json_first(list); m; m = json_next(m), i++) {
    char *at = arena_printf(r->a, "%s/refunds/%zu", base, i);
    if (!read_object(r, refund_rows, COUNT(refund_rows), at, m, &d->refunds[i])) continue;
    for (size_t k = 0; k < i; k++)
      if (d->refunds[k].refund_id && !strcmp(d->refunds[k].refund_id, d->refunds[i].refund_id))
        fault(r, at, "refund_id", "doubled", "Two refunds have this refund_id");
  }
  d->refunds_n = n;
}

static void read_flags(struct reader *r, const struct json *j, const char *base, struct draft *d)
{
  size_t n, i = 0;
  const struct json *list = list_of(r, j, base, "flags", 32, &n);
  if (!list) return;
  for (const struct json *m = json_first(list); m; m = json_next(m), i++) {
    int bit = 0;
    while (bit < FLAG_N && (!json_string(m) || strcmp(json_string(m), flag_names[bit]))) bit++;
    if (bit == FLAG_N)
      fault_add(r->f, arena_printf(r->a, "%s/flags/%zu", base, i), "unknown_flag",
                "One of cod, presale_unpaid, gift, sealed, hourly, "
                "platform_warehouse, platform_inspection, agency, consent_sms");
    else d->flags |= 1u << bit;
  }
}

/* ---- what follows from the fields --------------------------------------------------------------------------------------- */

static void content_int(struct buf *b, int64_t v)
{
  buf_put(b, &v, sizeof v);
}

/* With its length in front: no text can pretend to be two. */
static void content_add(struct buf *b, const char *s)
{
  content_int(b, s ? (int64_t)strlen(s) : -1);
  if (s) buf_str(b, s);
}

/* Everything that the channel told but its update time: equal content is no news. */
static int64_t content_of(const struct draft *d)
{
  struct buf b = { 0 };
  const char *const texts[] = { d->status,        d->currency,      d->buyer_id,       d->buyer_name,
                                d->buyer_phone,   d->receiver_name, d->receiver_phone, d->country,
                                d->province,      d->city,          d->district,       d->town,
                                d->address,       d->zip,           d->token,          d->remark_buyer,
                                d->remark_seller, d->remark_flag,   d->service,        d->raw_status };
  const int64_t numbers[] = { d->placed_at, d->paid_at,  d->ship_by, d->total,
                              d->freight,   d->discount, d->paid,    (int64_t)d->flags };
  for (size_t i = 0; i < COUNT(texts); i++) content_add(&b, texts[i]);
  for (size_t i = 0; i < COUNT(numbers); i++) content_int(&b, numbers[i]);
  content_int(&b, (int64_t)d->lines_n), content_int(&b, (int64_t)d->parcels_n);
  for (size_t i = 0; i < d->lines_n; i++) {
    const struct line *l = &d->lines[i];
    content_add(&b, l->line_id), content_add(&b, l->sku), content_add(&b, l->title);
    content_int(&b, l->quantity), content_int(&b, l->price), content_int(&b, l->discount),
      content_int(&b, l->refunded);
  }
  for (size_t i = 0; i < d->parcels_n; i++) {
    const struct parcel *p = &d->parcels[i];
    content_add(&b, p->carrier), content_add(&b, p->tracking_no), content_add(&b, p->line_ids),
      content_int(&b, p->shipped_at);
  }
  for (size_t i = 0; i < d->refunds_n; i++) {
    const struct refund *p = &d->refunds[i];
    content_add(&b, p->refund_id), content_add(&b, p->status), content_add(&b, p->line_id),
      content_add(&b, p->goods);
    content_int(&b, p->amount), content_int(&b, p->quantity);
  }
  int64_t h = (int64_t)hash64(b.data, b.len, 1);
  buf_release(&b);
  return h;
}

bool refund_counts(const char *status)
{
  static const char *const off[] = { "cancelled", "rejected", "refused", "closed" };
  for (size_t i = 0; i < COUNT(off); i++)
    if (!strcmp(status, off[i])) return false;
  return true;
}

static bool refund_stands(const struct refund *p)
{
  return refund_counts(p->status);
}

int64_t line_worth(const struct line *l)
{
  int64_t worth;
  if (l->price <= 0 || __builtin_mul_overflow(l->price, l->quantity, &worth)) return 0;
  return worth > l->discount ? worth - l->discount : 0;
}

static bool line_refunded(const struct draft *d, const struct line *l)
{
  int64_t worth = line_worth(l), pieces = 0, money = 0;
  if (worth && l->refunded >= worth) return true;
  for (size_t i = 0; i < d->refunds_n; i++) {
    const struct refund *p = &d->refunds[i];
    if (!refund_stands(p) || !p->line_id || !l->line_id || strcmp(p->line_id, l->line_id)) continue;
    pieces += p->quantity, money += p->amount;
    if (pieces >= l->quantity || (worth && money >= worth)) return true;
  }
  return false;
}

/* Refunds that name no line, together. */
static bool order_refunded(const struct draft *d)
{
  int64_t money = 0;
  for (size_t i = 0; i < d->refunds_n; i++)
    if (refund_stands(&d->refunds[i]) && !d->refunds[i].line_id) money += d->refunds[i].amount;
  return d->total > 0 && money >= d->total;
}

/* Domain 3.4, as far as the channel's own data decide it; the first reason stands for all. What is given back stands
 * first: it must be seen also after a lock. */
static const char *no_merge_of(const struct draft *d)
{
  for (size_t i = 0; i < d->lines_n; i++)
    if (line_refunded(d, &d->lines[i])) return "line_refunded";
  if (order_refunded(d)) return "refunded";
  for (int bit = 0; bit < FLAG_N; bit++)
    if (bit != FLAG_CONSENT_SMS_BIT && d->flags & 1u << bit) return flag_names[bit];
  return strcmp(d->status, "partly_shipped") ? NULL : "partly_shipped";
}

static int64_t token_key_of(const char *family, const char *token)
{
  uint64_t h = hash64(family, strlen(family), 2);
  h = hash64(token, strlen(token), h) | 1;
  return (int64_t)(h | 1ull << 63);
}

void draft_keys(struct draft *d, const char *family)
{
  struct phone p;
  const char *phone = d->receiver_phone ? d->receiver_phone : d->buyer_phone;
  int64_t token = d->token ? token_key_of(family ? family : d->channel, d->token) : 0;
  phone_parse(phone, d->country, &p);
  d->contact_key = d->token_key = 0;
  if (p.kind == PHONE_FULL) d->contact_key = (int64_t)p.key, d->token_key = token;
  else if (token) d->contact_key = token;
  else if (p.kind == PHONE_MASKED && p.shown) d->contact_key = (int64_t)((uint64_t)p.shown << 32);
}

/* A row that was polled begins with where it stood in its page ({"at":"$.orders[7]",…): the same row stands elsewhere in the
 * next page, and is the same. */
static size_t place_of(const char *raw, size_t n)
{
  static const char at[] = "{\"at\":\"$";
  size_t i = sizeof at - 1;
  if (n < i || memcmp(raw, at, i) != 0) return 0;
  while (i < n && raw[i] != '"') i += raw[i] == '\\' ? 2 : 1;
  return i < n ? i : 0;
}

void draft_seal(struct arena *a, struct draft *d, const void *raw, size_t n)
{
  struct buf b = { 0 };
  size_t from = place_of(raw, n);
  const char *same = (const char *)raw + from;
  const uint64_t hash[2] = { hash64(same, n - from, 3), hash64(same, n - from, 4) };
  for (size_t i = 0; i < sizeof d->digest; i++) d->digest[i] = (unsigned char)(hash[i / 8] >> 8 * (i % 8));
  pack(&b, raw, n);
  d->packed = arena_strn(a, b.data, b.len);
  d->packed_n = b.len;
  d->raw = raw, d->raw_n = n;
  buf_release(&b);
}

static bool channel_name_ok(const char *s)
{
  size_t n = strlen(s);
  return n && n <= 64 && strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == n;
}

static void check_words(struct reader *r, const char *base, struct draft *d)
{
  if (d->channel && !channel_name_ok(d->channel))
    fault(r, base, "channel", "bad_characters", "A channel's name has letters, digits, . _ -, at most 64");
  if (d->status && !status_channel_known(d->status))
    fault(r, base, "status", "unknown_status",
          "One of placed, paid, partly_shipped, shipped, completed, cancelled");
}

struct draft *draft_parse(struct arena *a, const struct json *j, const char *prefix, struct faults *f)
{
  struct reader r = { a, f, NULL };
  struct draft *d = arena_new(a, struct draft);
  int before = f->n;
  const char *currency = json_string(json_get(j, "currency"));
  if (json_type(j) != JSON_OBJECT) {
    fault_add(f, prefix, "not_an_object", "An order is an object");
    return NULL;
  }
  if (currency && money_digits(currency) >= 0) r.currency = currency;
  else if (currency) fault(&r, prefix, "currency", "unknown_currency", "A three-letter code of ISO 4217");
  read_object(&r, order_rows, COUNT(order_rows), prefix, j, d);
  check_words(&r, prefix, d);
  const struct json *part;
  if (json_type(part = json_get(j, "buyer")) != JSON_NULL)
    read_object(&r, buyer_rows, COUNT(buyer_rows), pointer_to(&r, prefix, "buyer"), part, d);
  if (json_type(part = json_get(j, "receiver")) != JSON_NULL)
    read_object(&r, receiver_rows, COUNT(receiver_rows), pointer_to(&r, prefix, "receiver"), part, d);
  if (json_type(part = json_get(j, "remarks")) != JSON_NULL)
    read_object(&r, remark_rows, COUNT(remark_rows), pointer_to(&r, prefix, "remarks"), part, d);
  read_lines(&r, j, prefix, d);
  read_parcels(&r, j, prefix, d);
  read_refunds(&r, j, prefix, d);
  read_flags(&r, j, prefix, d);
  if (f->n != before) return NULL;
  if (d->service && !strcmp(d->service, "standard")) d->service = NULL;
  d->content = content_of(d);
  d->no_merge = no_merge_of(d);
  return d;
}
