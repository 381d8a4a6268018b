/* view_order.c: one order as the API shows it; every list of orders writes the same row. */
#include "domain.h"

#define MASKED "***"

/* The columns of SQL_ORDER, in order. */
enum {
  O_ID,
  O_CHANNEL,
  O_EXTERNAL_ID,
  O_STATUS,
  O_CHANNEL_STATUS,
  O_RAW_STATUS,
  O_VERSION,
  O_PLACED_AT,
  O_PAID_AT,
  O_SHIPPED_AT,
  O_CANCELLED_AT,
  O_SHIP_BY,
  O_CHANNEL_UPDATED_AT,
  O_RECEIVED_AT,
  O_UPDATED_AT,
  O_CURRENCY,
  O_TOTAL,
  O_FREIGHT,
  O_DISCOUNT,
  O_PAID,
  O_BUYER_ID,
  O_BUYER_NAME,
  O_BUYER_PHONE,
  O_RECEIVER_NAME,
  O_RECEIVER_PHONE,
  O_COUNTRY,
  O_PROVINCE,
  O_CITY,
  O_DISTRICT,
  O_TOWN,
  O_ADDRESS,
  O_ZIP,
  O_TOKEN,
  O_REMARK_BUYER,
  O_REMARK_SELLER,
  O_REMARK_FLAG,
  O_FLAGS,
  O_SERVICE,
  O_NO_MERGE,
  O_STAGE_SINCE,
  O_GROUP,
  O_PAYLOAD
};
static const char SQL_ORDER[] =
  "SELECT o.id, c.name, o.external_id, o.status, o.channel_status, w.text, o.version,"
  " o.placed_at, o.paid_at, o.shipped_at, o.cancelled_at, o.ship_by, o.channel_updated_at,"
  " o.received_at, coalesce(o.updated_at, o.received_at),"
  " o.currency, o.total, o.freight, o.discount, o.paid,"
  " o.buyer_id, o.buyer_name, o.buyer_phone,"
  " o.receiver_name, o.receiver_phone, o.country, o.province, o.city, o.district, o.town, o.address,"
  " o.zip, o.token,"
  " o.remark_buyer, o.remark_seller, o.remark_flag, o.flags, o.service, o.no_merge,"
  " coalesce(o.stage_since, o.received_at),"
  " o.group_id, o.payload_id"
  " FROM orders o LEFT JOIN channels c ON c.id = o.channel_id"
  " LEFT JOIN raw_statuses w ON w.id = o.raw_status_id WHERE o.id = $1";

struct row { /* what the parts of one row need */
  struct db *db;
  struct arena *mem;
  struct stmt *s;
  struct jw *w;
  enum privacy privacy;
  const char *currency;
  int64_t id;
  enum err err; /* the first one: a row that lacks a part is no answer */
};

static void row_note(struct row *r, enum err e)
{
  if (!r->err) r->err = e;
}

static void row_text(struct row *r, const char *key, int col)
{
  jw_kstring(r->w, key, stmt_col_text(r->s, col));
}

static void row_money(struct row *r, const char *key, int col)
{
  jw_kmoney(r->w, key, stmt_col_int(r->s, col), r->currency);
}

/* ---- what not everybody may see -------------------------------------------------------------- */
static void row_masked(struct row *r, const char *key, int col, char *mask(struct arena *, const char *))
{
  const char *v = stmt_col_text(r->s, col);
  jw_kstring(r->w, key, v && *v && r->privacy != SHOW_FULL ? mask(r->mem, v) : v);
}

static char *all_masked(struct arena *a, const char *text)
{
  (void)text;
  return arena_str(a, MASKED);
}

/* People write phone numbers into remarks: runs of 7 digits and more are hidden, with whatever signs stand between
 * the digits, full-width or written out. */
#define REMARK_DIGITS_MIN 7
static bool is_remark_digit(uint32_t c)
{
  static const uint32_t han[] = { 0x96f6, 0x3007, 0x4e00, 0x5e7a, 0x4e8c, 0x4e24, 0x4e09,
                                  0x56db, 0x4e94, 0x516d, 0x4e03, 0x516b, 0x4e5d };
  for (size_t i = 0; i < COUNT(han); i++)
    if (c == han[i]) return true;
  return (c >= '0' && c <= '9') || (c >= 0xff10 && c <= 0xff19);
}

static bool is_remark_sign(uint32_t c)
{
  if (c < 0x80) return !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z');
  return (c >= 0xa0 && c <= 0xbf) || (c >= 0x2000 && c <= 0x206f) || (c >= 0x3000 && c <= 0x303f) ||
         (c >= 0xff01 && c <= 0xff20) || (c >= 0xff3b && c <= 0xff40) || (c >= 0xff5b && c <= 0xff65);
}

/* The end of what begins here and holds digits and signs only; how many digits. */
static const char *remark_run(const char *p, size_t *digits)
{
  *digits = 0;
  while (*p) {
    const char *next = p;
    uint32_t c = utf8_next(&next);
    bool digit = is_remark_digit(c);
    if (!digit && !is_remark_sign(c)) break;
    *digits += digit, p = next;
  }
  return p;
}

char *remark_mask(struct arena *a, const char *text)
{
  struct buf b = { 0 };
  for (const char *p = text; *p;) {
    size_t digits;
    const char *end = remark_run(p, &digits);
    while (p < end) {
      uint32_t c = utf8_next(&p);
      utf8_put(&b, digits >= REMARK_DIGITS_MIN && is_remark_digit(c) ? '*' : c);
    }
    if (*p) utf8_put(&b, utf8_next(&p));
  }
  char *masked = arena_strn(a, b.data ? b.data : "", b.len);
  buf_release(&b);
  return masked;
}

static void row_people(struct row *r)
{
  struct jw *w = r->w;
  jw_key(w, "buyer"), jw_object(w);
  row_text(r, "id", O_BUYER_ID);
  row_masked(r, "name", O_BUYER_NAME, name_mask);
  row_masked(r, "phone", O_BUYER_PHONE, phone_mask);
  jw_object_end(w);
  jw_key(w, "receiver"), jw_object(w);
  row_masked(r, "name", O_RECEIVER_NAME, name_mask);
  row_masked(r, "phone", O_RECEIVER_PHONE, phone_mask);
  row_text(r, "country", O_COUNTRY);
  row_text(r, "province", O_PROVINCE);
  row_text(r, "city", O_CITY);
  row_text(r, "district", O_DISTRICT);
  row_masked(r, "town", O_TOWN, all_masked);
  row_masked(r, "address", O_ADDRESS, all_masked);
  row_masked(r, "zip", O_ZIP, all_masked);
  row_masked(r, "token", O_TOKEN, all_masked);
  jw_object_end(w);
  jw_key(w, "remarks"), jw_object(w);
  row_masked(r, "buyer", O_REMARK_BUYER, remark_mask);
  row_masked(r, "seller", O_REMARK_SELLER, remark_mask);
  row_text(r, "flag", O_REMARK_FLAG);
  jw_object_end(w);
}

/* ---- the tables that hang on an order -------------------------------------------------------- */
static void row_lines(struct row *r)
{
  static const char SQL[] = "SELECT line_id, sku, title, quantity, price, discount, refunded FROM lines"
                            " WHERE order_id = $1 ORDER BY line_no";
  struct jw *w = r->w;
  struct stmt *s = db_stmt(r->db, SQL);
  stmt_int(s, 1, r->id);
  jw_key(w, "lines"), jw_array(w);
  while (stmt_row(s)) {
    jw_object(w);
    jw_kstring(w, "line_id", stmt_col_text(s, 0));
    jw_kstring(w, "sku", stmt_col_text(s, 1));
    jw_kstring(w, "title", stmt_col_text(s, 2));
    jw_kint(w, "quantity", stmt_col_int(s, 3));
    if (stmt_col_null(s, 4)) jw_kraw(w, "price", NULL);
    else jw_kmoney(w, "price", stmt_col_int(s, 4), r->currency);
    jw_kmoney(w, "discount", stmt_col_int(s, 5), r->currency);
    jw_kmoney(w, "refunded", stmt_col_int(s, 6), r->currency);
    jw_object_end(w);
  }
  jw_array_end(w);
  row_note(r, stmt_end(s));
}

static void shipment_put(struct jw *w, struct stmt *s, char kind)
{
  jw_object(w);
  jw_id(w, "id", kind, stmt_col_int(s, 4));
  jw_kstring(w, "carrier", stmt_col_text(s, 0));
  jw_kstring(w, "tracking_no", stmt_col_text(s, 1));
  jw_ktime_col(w, "shipped_at", s, 2);
  jw_kraw(w, "line_ids", stmt_col_text(s, 3));
  jw_object_end(w);
}

/* Parcels as the channel tells them, then those of ours that it does not tell of. */
static void row_shipments(struct row *r)
{
  static const char SQL[] = "SELECT carrier, tracking_no, shipped_at, line_ids, id FROM shipments"
                            " WHERE order_id = $1 ORDER BY id";
  static const char SQL_OURS[] =
    "SELECT k.carrier, k.tracking_no, k.picked_up_at, NULL, k.id FROM claims k WHERE k.state <> 'void'"
    " AND k.fulfilment_id IN (SELECT fulfilment_id FROM fulfilment_lines WHERE order_id = $1)"
    " AND NOT EXISTS (SELECT 1 FROM shipments s WHERE s.order_id = $1 AND upper(s.tracking_no) = k.tracking_no) ORDER BY k.id";
  struct stmt *s = db_stmt(r->db, SQL);
  stmt_int(s, 1, r->id);
  jw_key(r->w, "shipments"), jw_array(r->w);
  while (stmt_row(s)) shipment_put(r->w, s, 's');
  row_note(r, stmt_end(s));
  s = db_stmt(r->db, SQL_OURS);
  stmt_int(s, 1, r->id);
  while (stmt_row(s)) shipment_put(r->w, s, 'k');
  jw_array_end(r->w);
  row_note(r, stmt_end(s));
}

static void row_refunds(struct row *r)
{
  static const char SQL[] = "SELECT refund_id, status, amount, line_id, quantity, goods FROM refunds"
                            " WHERE order_id = $1 ORDER BY refund_id";
  struct jw *w = r->w;
  struct stmt *s = db_stmt(r->db, SQL);
  stmt_int(s, 1, r->id);
  jw_key(w, "refunds"), jw_array(w);
  while (stmt_row(s)) {
    jw_object(w);
    jw_kstring(w, "refund_id", stmt_col_text(s, 0));
    jw_kstring(w, "status", stmt_col_text(s, 1));
    jw_kmoney(w, "amount", stmt_col_int(s, 2), r->currency);
    jw_kstring(w, "line_id", stmt_col_text(s, 3));
    if (stmt_col_int(s, 4)) jw_kint(w, "quantity", stmt_col_int(s, 4));
    else jw_kraw(w, "quantity", NULL);
    jw_kstring(w, "goods", stmt_col_text(s, 5));
    jw_object_end(w);
  }
  jw_array_end(w);
  row_note(r, stmt_end(s));
}

enum err row_holds(struct db *db, struct arena *a, struct jw *w, int64_t order_id, enum privacy p)
{
  static const char SQL[] =
    "SELECT reason, note, actor, since FROM holds WHERE order_id = $1 ORDER BY since, reason";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, order_id);
  jw_key(w, "holds"), jw_array(w);
  while (stmt_row(s)) {
    jw_object(w);
    const char *reason = stmt_col_text(s, 0), *note = stmt_col_text(s, 1);
    jw_kstring(w, "reason", p == SHOW_FULL ? reason : remark_mask(a, reason));
    jw_kstring(w, "note", p == SHOW_FULL || !note ? note : remark_mask(a, note));
    jw_kstring(w, "actor", stmt_col_text(s, 2));
    jw_ktime_col(w, "since", s, 3);
    jw_object_end(w);
  }
  jw_array_end(w);
  return stmt_end(s);
}

enum err row_exceptions(struct db *db, struct jw *w, int64_t order_id)
{
  static const char SQL[] = "SELECT id, type, since, owner, assignee FROM exceptions"
                            " WHERE order_id = $1 AND state = 'open' ORDER BY id";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, order_id);
  jw_key(w, "exceptions"), jw_array(w);
  while (stmt_row(s)) {
    jw_object(w);
    jw_id(w, "id", 'x', stmt_col_int(s, 0));
    jw_kstring(w, "type", stmt_col_text(s, 1));
    jw_ktime_col(w, "since", s, 2);
    jw_kstring(w, "owner", stmt_col_text(s, 3));
    jw_kstring(w, "assignee", stmt_col_text(s, 4));
    jw_object_end(w);
  }
  jw_array_end(w);
  return stmt_end(s);
}

static void row_group(struct row *r)
{
  static const char SQL[] = "SELECT state FROM groups WHERE id = $1";
  static const char SQL_ORDERS[] = "SELECT id FROM orders WHERE group_id = $1 ORDER BY placed_at, id";
  struct jw *w = r->w;
  int64_t group = stmt_col_int(r->s, O_GROUP);
  jw_key(w, "group");
  if (!group) {
    jw_null(w);
    return;
  }
  jw_object(w);
  jw_id(w, "id", 'g', group);
  struct stmt *s = db_stmt(r->db, SQL);
  stmt_int(s, 1, group);
  jw_kstring(w, "state", stmt_row(s) ? stmt_col_text(s, 0) : NULL);
  row_note(r, stmt_end(s));
  s = db_stmt(r->db, SQL_ORDERS);
  stmt_int(s, 1, group);
  jw_key(w, "orders"), jw_array(w);
  while (stmt_row(s)) jw_id(w, NULL, 'o', stmt_col_int(s, 0));
  jw_array_end(w);
  row_note(r, stmt_end(s));
  jw_object_end(w);
}

/* ---- where it stands ------------------------------------------------------------------------- */
static int64_t stage_deadline(const struct status_table *t, const struct stage *g, int64_t since, int64_t ms)
{
  return ms ? calendar_add(&t->calendar, since, ms, g->working_time) : 0;
}

/* A status that the configuration no longer knows has no stage and nowhere to go. */
static void row_stage(struct row *r, const struct status_table *t)
{
  struct jw *w = r->w;
  int64_t since = stmt_col_int(r->s, O_STAGE_SINCE);
  int at = status_find(t, stmt_col_text(r->s, O_STATUS));
  jw_key(w, "stage");
  if (at < 0) {
    jw_null(w);
  } else {
    const struct stage *g = &t->stage[at];
    jw_object(w);
    jw_kstring(w, "owner", *g->owner ? g->owner : NULL);
    jw_kstring(w, "label", g->label);
    jw_kstring(w, "label_zh", g->label_zh);
    jw_ktime(w, "since", since);
    jw_ktime(w, "remind_at", stage_deadline(t, g, since, g->remind_ms));
    jw_ktime(w, "escalate_at", stage_deadline(t, g, since, g->escalate_ms));
    jw_object_end(w);
  }
  jw_key(w, "next"), jw_array(w);
  for (int to = 0; at >= 0 && to < t->stages; to++)
    if (status_move(t, at, to, TRIGGER_COMMAND)) jw_string(w, t->stage[to].name);
  jw_array_end(w);
}

static void row_flags(struct row *r)
{
  int64_t flags = stmt_col_int(r->s, O_FLAGS);
  jw_key(r->w, "flags"), jw_array(r->w);
  for (int bit = 0; bit < FLAG_N; bit++)
    if (flags >> bit & 1) jw_string(r->w, flag_name(bit));
  jw_array_end(r->w);
}

static void row_head(struct row *r)
{
  static const struct {
    const char *key;
    int col;
  } times[] = {
    { "placed_at", O_PLACED_AT },     { "paid_at", O_PAID_AT },
    { "shipped_at", O_SHIPPED_AT },   { "cancelled_at", O_CANCELLED_AT },
    { "ship_by", O_SHIP_BY },         { "channel_updated_at", O_CHANNEL_UPDATED_AT },
    { "received_at", O_RECEIVED_AT }, { "updated_at", O_UPDATED_AT },
  };
  jw_id(r->w, "id", 'o', r->id);
  row_text(r, "channel", O_CHANNEL);
  row_text(r, "external_id", O_EXTERNAL_ID);
  row_text(r, "status", O_STATUS);
  row_text(r, "channel_status", O_CHANNEL_STATUS);
  row_text(r, "raw_status", O_RAW_STATUS);
  jw_kint(r->w, "version", stmt_col_int(r->s, O_VERSION));
  for (size_t i = 0; i < COUNT(times); i++) jw_ktime_col(r->w, times[i].key, r->s, times[i].col);
  jw_kstring(r->w, "currency", r->currency);
  row_money(r, "total", O_TOTAL);
  row_money(r, "freight", O_FREIGHT);
  row_money(r, "discount", O_DISCOUNT);
  row_money(r, "paid", O_PAID);
}

static void row_write(struct row *r, const struct status_table *t)
{
  const char *service = stmt_col_text(r->s, O_SERVICE);
  jw_object(r->w);
  row_head(r);
  row_people(r);
  row_flags(r);
  jw_kstring(r->w, "service", service ? service : "standard");
  row_lines(r);
  row_refunds(r);
  row_note(r, row_holds(r->db, r->mem, r->w, r->id, r->privacy));
  row_note(r, row_tags(r->db, r->w, r->id));
  row_note(r, row_priority(r->db, r->w, r->id));
  row_note(r, row_gifts(r->db, r->w, r->id));
  row_group(r);
  row_text(r, "no_merge", O_NO_MERGE);
  row_note(r, row_fulfilments(r->db, r->w, r->id));
  row_shipments(r);
  row_note(r, row_exceptions(r->db, r->w, r->id));
  row_note(r, row_cases(r->db, r->w, r->id));
  row_stage(r, t);
  jw_id(r->w, "payload", 'p', stmt_col_int(r->s, O_PAYLOAD));
  jw_object_end(r->w);
}

enum err row_order(struct db *db, struct arena *a, const struct status_table *t, int64_t id, enum privacy p,
                   struct jw *w, int64_t *version)
{
  struct stmt *s = db_stmt(db, SQL_ORDER);
  stmt_int(s, 1, id);
  bool found = stmt_row(s);
  enum err part = ERR_OK;
  if (found) {
    struct row r = { db, a, s, w, p, stmt_col_text(s, O_CURRENCY), id, ERR_OK };
    if (version) *version = stmt_col_int(s, O_VERSION);
    row_write(&r, t);
    part = r.err;
  }
  enum err e = stmt_end(s);
  return e ? e : part ? part : found ? ERR_OK : ERR_NOT_FOUND;
}

enum err view_order(struct db *db, struct arena *a, const struct status_table *t, int64_t id, enum privacy p,
                    struct buf *out, int64_t *version)
{
  struct jw w;
  jw_init(&w, out);
  return row_order(db, a, t, id, p, &w, version);
}

enum err view_order_id(struct db *db, const char *text, int64_t *id)
{
  static const char SQL_ID[] = "SELECT id FROM orders WHERE id = $1";
  static const char SQL_EXTERNAL[] =
    "SELECT id FROM orders WHERE channel_id = (SELECT id FROM channels WHERE name = $1) AND external_id = $2";
  const char *colon = strchr(text, ':');
  int64_t number;
  struct stmt *s;
  if (id_parse(text, 'o', &number)) {
    s = db_stmt(db, SQL_ID);
    stmt_int(s, 1, number);
  } else if (colon) {
    s = db_stmt(db, SQL_EXTERNAL);
    stmt_textn(s, 1, text, (size_t)(colon - text)), stmt_text(s, 2, colon + 1);
  } else {
    return ERR_NOT_FOUND;
  }
  *id = stmt_row(s) ? stmt_col_int(s, 0) : 0;
  TRY(stmt_end(s));
  return *id ? ERR_OK : ERR_NOT_FOUND;
}
