/* Orders with their lines, parcels, refunds and holds. Identity is (channel, external id). */
#include "domain.h"

/* ---- reading ----------------------------------------------------------------------------------------------------- */

#define ORDER_COLS \
  "id, channel_id, version, coalesce(group_id, 0), coalesce(payload_id, 0), content, placed_at, coalesce(paid_at, 0)," \
  " coalesce(channel_updated_at, 0), coalesce(shipped_at, 0), coalesce(cancelled_at, 0), coalesce(ship_by, 0), received_at," \
  " coalesce(updated_at, received_at), coalesce(stage_since, received_at), coalesce(due_at, 0), due_step, external_id, status, channel_status, no_merge, decided, flags, currency," \
  " service, token, coalesce(receiver_phone, buyer_phone), total, coalesce(contact_key, 0), coalesce(token_key, 0), country," \
  " province, city, district, town, address, receiver_name, remark_buyer, remark_seller, remark_flag"

static void order_read(struct stmt *s, struct arena *a, struct order *o)
{
  int64_t *const numbers[] = { &o->id,          &o->channel_id,   &o->version,
                               &o->group_id,    &o->payload_id,   &o->content,
                               &o->placed_at,   &o->paid_at,      &o->channel_updated_at,
                               &o->shipped_at,  &o->cancelled_at, &o->ship_by,
                               &o->received_at, &o->updated_at,   &o->stage_since,
                               &o->due_at };
  memset(o, 0, sizeof *o);
  for (size_t i = 0; i < COUNT(numbers); i++) *numbers[i] = stmt_col_int(s, (int)i);
  o->due_step = (int)stmt_col_int(s, 16);
  o->external_id = stmt_col_copy(s, 17, a), o->status = stmt_col_copy(s, 18, a),
  o->channel_status = stmt_col_copy(s, 19, a);
  o->no_merge = stmt_col_copy(s, 20, a), o->decided = stmt_col_int(s, 21) != 0,
  o->flags = (unsigned)stmt_col_int(s, 22);
  o->currency = stmt_col_copy(s, 23, a), o->service = stmt_col_copy(s, 24, a),
  o->token = stmt_col_copy(s, 25, a);
  o->phone = stmt_col_copy(s, 26, a), o->total = stmt_col_int(s, 27);
  o->contact_key = stmt_col_int(s, 28), o->token_key = stmt_col_int(s, 29);
  const char **const texts[] = { &o->country,       &o->province,   &o->city,          &o->district,
                                 &o->town,          &o->address,    &o->receiver_name, &o->remark_buyer,
                                 &o->remark_seller, &o->remark_flag };
  for (size_t i = 0; i < COUNT(texts); i++) *texts[i] = stmt_col_copy(s, 30 + (int)i, a);
}

static enum err order_one(struct stmt *s, struct arena *a, struct order *out)
{
  bool found = stmt_row(s);
  if (found) order_read(s, a, out);
  enum err e = stmt_end(s);
  return e ? e : found ? ERR_OK : ERR_NOT_FOUND;
}

static const char SQL_FIND[] = "SELECT " ORDER_COLS " FROM orders WHERE channel_id = $1 AND external_id = $2";

enum err order_find(struct db *db, struct arena *a, int64_t channel_id, const char *external_id,
                    struct order *out)
{
  struct stmt *s = db_stmt(db, SQL_FIND);
  stmt_int(s, 1, channel_id), stmt_text(s, 2, external_id);
  return order_one(s, a, out);
}

static const char SQL_GET[] = "SELECT " ORDER_COLS " FROM orders WHERE id = $1";

enum err order_known(struct db *db, int64_t channel_id, const char *external_id, int64_t *channel_updated_at)
{
  static const char SQL[] =
    "SELECT channel_updated_at FROM orders WHERE channel_id = $1 AND external_id = $2";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, channel_id), stmt_text(s, 2, external_id);
  bool found = stmt_row(s);
  if (found) *channel_updated_at = stmt_col_int(s, 0);
  TRY(stmt_end(s));
  return found ? ERR_OK : ERR_NOT_FOUND;
}

enum err order_get(struct db *db, struct arena *a, int64_t id, struct order *out)
{
  struct stmt *s = db_stmt(db, SQL_GET);
  stmt_int(s, 1, id);
  return order_one(s, a, out);
}

/* ---- writing what the channel told ------------------------------------------------------------------------------------ */

static void bind_time(struct stmt *s, int at, int64_t ms)
{
  if (ms) stmt_int(s, at, ms);
  else stmt_null(s, at);
}

static const char SQL_LINE[] =
  "INSERT INTO lines (order_id, line_no, line_id, sku, title, quantity, price, discount, refunded) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
static const char SQL_REFUND[] =
  "INSERT INTO refunds (order_id, refund_id, status, amount, line_id, quantity, goods) VALUES ($1, $2, $3, $4, $5, $6, $7)";
static const char SQL_PARCEL[] =
  "INSERT INTO shipments (id, order_id, carrier, tracking_no, shipped_at, line_ids) VALUES ($1, $2, $3, $4, $5, $6)";

enum err order_put_parcel(struct db *db, int64_t order_id, const struct parcel *p)
{
  struct stmt *s = db_stmt(db, SQL_PARCEL);
  stmt_int(s, 1, db_next_id(db, "shipment")), stmt_int(s, 2, order_id), stmt_text(s, 3, p->carrier),
    stmt_text(s, 4, p->tracking_no);
  bind_time(s, 5, p->shipped_at), stmt_text(s, 6, p->line_ids);
  return stmt_run(s);
}

enum err order_parcels(struct db *db, struct arena *a, int64_t id, struct parcel **list, size_t *n)
{
  static const char SQL[] = "SELECT carrier, tracking_no, line_ids, coalesce(shipped_at, 0) FROM shipments"
                            " WHERE order_id = $1 ORDER BY id LIMIT $2";
  struct stmt *s = db_stmt(db, SQL);
  *list = arena_array(a, struct parcel, ORDER_PARCELS_MAX), *n = 0;
  stmt_int(s, 1, id), stmt_int(s, 2, ORDER_PARCELS_MAX);
  while (*n < ORDER_PARCELS_MAX && stmt_row(s))
    (*list)[(*n)++] = (struct parcel){ stmt_col_copy(s, 0, a), stmt_col_copy(s, 1, a), stmt_col_copy(s, 2, a),
                                       stmt_col_int(s, 3) };
  return stmt_end(s);
}

static enum err put_parts(struct db *db, int64_t id, const struct draft *d)
{
  for (size_t i = 0; i < d->lines_n; i++) {
    const struct line *l = &d->lines[i];
    struct stmt *s = db_stmt(db, SQL_LINE);
    stmt_int(s, 1, id), stmt_int(s, 2, (int64_t)i + 1), stmt_text(s, 3, l->line_id), stmt_text(s, 4, l->sku),
      stmt_text(s, 5, l->title);
    stmt_int(s, 6, l->quantity);
    if (l->price >= 0) stmt_int(s, 7, l->price);
    stmt_int(s, 8, l->discount), stmt_int(s, 9, l->refunded);
    TRY(stmt_run(s));
  }
  for (size_t i = 0; i < d->refunds_n; i++) {
    const struct refund *r = &d->refunds[i];
    struct stmt *s = db_stmt(db, SQL_REFUND);
    stmt_int(s, 1, id), stmt_text(s, 2, r->refund_id), stmt_text(s, 3, r->status), stmt_int(s, 4, r->amount);
    stmt_text(s, 5, r->line_id), stmt_int(s, 6, r->quantity), stmt_text(s, 7, r->goods);
    TRY(stmt_run(s));
  }
  for (size_t i = 0; i < d->parcels_n; i++) TRY(order_put_parcel(db, id, &d->parcels[i]));
  return ERR_OK;
}

static const char SQL_RAW_STATUS[] = "SELECT id FROM raw_statuses WHERE text = $1";
static const char SQL_RAW_STATUS_PUT[] = "INSERT INTO raw_statuses (id, text) VALUES ($1, $2)";

/* The number of the platform's own word, new when it is seen for the first time; 0 for none. */
static enum err raw_status_id(struct db *db, const char *text, int64_t *id)
{
  *id = 0;
  if (!text) return ERR_OK;
  struct stmt *s = db_stmt(db, SQL_RAW_STATUS);
  stmt_text(s, 1, text);
  if (stmt_row(s)) *id = stmt_col_int(s, 0);
  TRY(stmt_end(s));
  if (*id) return ERR_OK;
  s = db_stmt(db, SQL_RAW_STATUS_PUT);
  stmt_int(s, 1, *id = db_next_id(db, "raw_status")), stmt_text(s, 2, text);
  return stmt_run(s);
}

/* The columns that follow the draft, bound from `at` on in the order of DRAFT_COLS. */
#define DRAFT_COLS \
  "channel_status, placed_at, placed_slot, channel_updated_at, ship_by, currency, total, freight, discount, paid, buyer_id, buyer_name," \
  " buyer_phone, receiver_name, receiver_phone, country, province, city, district, town, address, zip, token, contact_key, token_key," \
  " remark_buyer, remark_seller, remark_flag, flags, service, raw_status_id, content, paid_at"
#define DRAFT_COLS_N 33

static void bind_draft(struct stmt *s, int at, const struct draft *d, int64_t raw_status_id,
                       int64_t channel_updated_at, int64_t paid_at)
{
  stmt_text(s, at, d->status), stmt_int(s, at + 1, d->placed_at), stmt_int(s, at + 2, slot_of(d->placed_at));
  bind_time(s, at + 3, channel_updated_at), bind_time(s, at + 4, d->ship_by);
  stmt_text(s, at + 5, d->currency), stmt_int(s, at + 6, d->total), stmt_int(s, at + 7, d->freight),
    stmt_int(s, at + 8, d->discount);
  stmt_int(s, at + 9, d->paid);
  const char *const texts[] = { d->buyer_id,       d->buyer_name, d->buyer_phone, d->receiver_name,
                                d->receiver_phone, d->country,    d->province,    d->city,
                                d->district,       d->town,       d->address,     d->zip,
                                d->token };
  for (size_t i = 0; i < COUNT(texts); i++) stmt_text(s, at + 10 + (int)i, texts[i]);
  bind_time(s, at + 23, d->contact_key), bind_time(s, at + 24, d->token_key);
  stmt_text(s, at + 25, d->remark_buyer), stmt_text(s, at + 26, d->remark_seller),
    stmt_text(s, at + 27, d->remark_flag);
  stmt_int(s, at + 28, d->flags), stmt_text(s, at + 29, d->service), bind_time(s, at + 30, raw_status_id),
    stmt_int(s, at + 31, d->content);
  bind_time(s, at + 32, paid_at);
}

/* ---- figures, kept with each change: nobody counts orders to show how many there are (rollup tables) ----------- */
#define HOUR_MS (3600ll * 1000)
#define DAY_MS (24 * HOUR_MS)

static enum err rollup_stage(struct db *db, const char *status, int64_t since, int by)
{
  static const char SQL[] = "INSERT INTO rollup_stages (status, hour, orders) VALUES ($1, $2, $3)"
                            " ON CONFLICT (status, hour) DO UPDATE SET orders = orders + excluded.orders";
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, status), stmt_int(s, 2, since / HOUR_MS), stmt_int(s, 3, by);
  return stmt_run(s);
}

static enum err rollup_hour(struct db *db, int64_t placed_at, int64_t channel_id, int by)
{
  static const char SQL[] = "INSERT INTO rollup_hours (hour, channel_id, orders) VALUES ($1, $2, $3)"
                            " ON CONFLICT (hour, channel_id) DO UPDATE SET orders = orders + excluded.orders";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, placed_at / HOUR_MS), stmt_int(s, 2, channel_id), stmt_int(s, 3, by);
  return stmt_run(s);
}

int lead_bucket(int64_t ms)
{
  static const int64_t ends[] = {
#define X(hours) hours *HOUR_MS,
    LEAD_MAP(X)
#undef X
  };
  int i = 0;
  while (i < (int)COUNT(ends) && ms >= ends[i]) i++;
  return i;
}

static enum err rollup_lead(struct db *db, const struct order *o)
{
  static const char SQL[] =
    "INSERT INTO rollup_leads (day, channel_id, bucket, orders) VALUES ($1, $2, $3, 1)"
    " ON CONFLICT (day, channel_id, bucket) DO UPDATE SET orders = orders + 1";
  if (!o->paid_at || !o->shipped_at) return ERR_OK;
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, o->shipped_at / DAY_MS), stmt_int(s, 2, o->channel_id);
  stmt_int(s, 3, lead_bucket(o->shipped_at - o->paid_at));
  return stmt_run(s);
}

static const char SQL_INSERT[] =
  "INSERT INTO orders (id, channel_id, external_id, status, version, group_id, received_at, updated_at, stage_since, due_at, due_step,"
  " payload_id, no_merge, shipped_at, cancelled_at, " DRAFT_COLS ")"
  " VALUES ($1, $2, $3, $4, 1, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26,"
  " $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38, $39, $40, $41, $42, $43, $44, $45, $46, $47)";
static_assert(15 + DRAFT_COLS_N - 1 == 47, "SQL_INSERT binds them all");

enum err order_insert(struct db *db, const struct order *o, const struct draft *d)
{
  int64_t word;
  must(d->lines_n >= 1 && o->id > 0);
  TRY(raw_status_id(db, d->raw_status, &word));
  struct stmt *s = db_stmt(db, SQL_INSERT);
  stmt_int(s, 1, o->id), stmt_int(s, 2, o->channel_id), stmt_text(s, 3, d->external_id),
    stmt_text(s, 4, o->status);
  bind_time(s, 5, o->group_id), stmt_int(s, 6, o->received_at);
  bind_time(s, 7, o->updated_at == o->received_at ? 0 : o->updated_at);
  bind_time(s, 8, o->stage_since == o->received_at ? 0 : o->stage_since);
  bind_time(s, 9, o->due_at), stmt_int(s, 10, o->due_step), bind_time(s, 11, o->payload_id),
    stmt_text(s, 12, o->no_merge);
  bind_time(s, 13, o->shipped_at), bind_time(s, 14, o->cancelled_at);
  bind_draft(s, 15, d, word, d->updated_at, d->paid_at);
  TRY(stmt_run(s));
  TRY(rollup_stage(db, o->status, o->stage_since ? o->stage_since : o->received_at, 1));
  TRY(rollup_hour(db, d->placed_at, o->channel_id, 1));
  return put_parts(db, o->id, d);
}

static const char SQL_REWRITE[] =
  "UPDATE orders SET (" DRAFT_COLS
  ", no_merge, payload_id, updated_at, version) = ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,"
  " $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, version + 1)"
  " WHERE id = $37 AND version = $38";
static const char SQL_NO_LINES[] = "DELETE FROM lines WHERE order_id = $1";
static const char SQL_NO_REFUNDS[] = "DELETE FROM refunds WHERE order_id = $1";
static const char SQL_NO_PARCELS[] = "DELETE FROM shipments WHERE order_id = $1";

static enum err delete_of(struct db *db, const char *sql, int64_t id)
{
  struct stmt *s = db_stmt(db, sql);
  stmt_int(s, 1, id);
  return stmt_run(s);
}

static bool same(const char *x, const char *y)
{
  return !strcmp(x ? x : "", y ? y : "");
}

/* Names of what differs, for the history; the values themselves are personal and stay in the payload. */
static const char *changes_of(struct arena *a, const struct order *o, const struct draft *d)
{
  const char *phone = d->receiver_phone ? d->receiver_phone : d->buyer_phone;
  const struct {
    const char *name;
    bool differs;
  } rows[] = {
    { "status", !same(o->channel_status, d->status) },
    { "placed_at", o->placed_at != d->placed_at },
    { "paid_at", d->paid_at && o->paid_at != d->paid_at },
    { "ship_by", o->ship_by != d->ship_by },
    { "total", o->total != d->total || !same(o->currency, d->currency) },
    { "receiver.phone", !same(o->phone, phone) },
    { "receiver.name", !same(o->receiver_name, d->receiver_name) },
    { "receiver.token", !same(o->token, d->token) },
    { "receiver.address", !same(o->province, d->province) || !same(o->city, d->city) ||
                            !same(o->district, d->district) || !same(o->town, d->town) ||
                            !same(o->address, d->address) || !same(o->country, d->country) },
    { "remarks", !same(o->remark_buyer, d->remark_buyer) || !same(o->remark_seller, d->remark_seller) ||
                   !same(o->remark_flag, d->remark_flag) },
    { "service", !same(o->service, d->service) },
    { "flags", o->flags != d->flags },
  };
  struct buf b = { 0 };
  struct jw w;
  bool any = false;
  jw_init(&w, &b), jw_array(&w);
  for (size_t i = 0; i < COUNT(rows); i++)
    if (rows[i].differs) jw_string(&w, rows[i].name), any = true;
  if (!any) jw_string(&w, "lines"); /* what is left: lines, parcels, refunds, buyer */
  jw_array_end(&w);
  const char *text = arena_strn(a, b.data, b.len);
  buf_release(&b);
  return text;
}

enum err order_rewrite(struct db *db, struct arena *a, struct order *o, const struct draft *d, int64_t now_ms,
                       const char **changed)
{
  int64_t word;
  *changed = changes_of(a, o, d);
  TRY(raw_status_id(db, d->raw_status, &word));
  struct stmt *s = db_stmt(db, SQL_REWRITE);
  int64_t told = d->updated_at > o->channel_updated_at ? d->updated_at : o->channel_updated_at;
  bind_draft(s, 1, d, word, told, d->paid_at ? d->paid_at : o->paid_at);
  stmt_text(s, 34, d->no_merge), bind_time(s, 35, o->payload_id), stmt_int(s, 36, now_ms),
    stmt_int(s, 37, o->id), stmt_int(s, 38, o->version);
  TRY(stmt_run(s));
  if (db_changes(db) != 1) return ERR_STALE;
  if (o->placed_at / HOUR_MS != d->placed_at / HOUR_MS) {
    TRY(rollup_hour(db, o->placed_at, o->channel_id, -1));
    TRY(rollup_hour(db, d->placed_at, o->channel_id, 1));
  }
  TRY(delete_of(db, SQL_NO_LINES, o->id));
  TRY(delete_of(db, SQL_NO_REFUNDS, o->id));
  if (d->parcels_n) TRY(delete_of(db, SQL_NO_PARCELS, o->id)); /* a message without parcels takes none away */
  TRY(put_parts(db, o->id, d));
  return order_get(db, a, o->id, o);
}

static const char SQL_TOUCH[] = "UPDATE orders SET channel_updated_at = $1 WHERE id = $2";

enum err order_touch_channel_time(struct db *db, int64_t id, int64_t channel_updated_at)
{
  struct stmt *s = db_stmt(db, SQL_TOUCH);
  bind_time(s, 1, channel_updated_at), stmt_int(s, 2, id);
  return stmt_run(s);
}

/* ---- status and deadlines ------------------------------------------------------------------------------------------------ */

static const char SQL_MOVE[] =
  "UPDATE orders SET status = $1, version = version + 1, updated_at = $2, stage_since = $2, due_at = $3, due_step = $4, shipped_at = $5,"
  " cancelled_at = $6, paid_at = $7 WHERE id = $8 AND version = $9";

enum err order_move(struct db *db, struct order *o, const char *to, int64_t now_ms, int64_t due_at,
                    int due_step)
{
  struct stmt *s = db_stmt(db, SQL_MOVE);
  stmt_text(s, 1, to), stmt_int(s, 2, now_ms), bind_time(s, 3, due_at), stmt_int(s, 4, due_step),
    bind_time(s, 5, o->shipped_at);
  bind_time(s, 6, o->cancelled_at), bind_time(s, 7, o->paid_at), stmt_int(s, 8, o->id),
    stmt_int(s, 9, o->version);
  TRY(stmt_run(s));
  if (db_changes(db) != 1) return ERR_STALE;
  TRY(rollup_stage(db, o->status, o->stage_since, -1));
  TRY(rollup_stage(db, to, now_ms, 1));
  if (!strcmp(to, "shipped")) TRY(rollup_lead(db, o));
  o->status = to, o->version++, o->updated_at = o->stage_since = now_ms, o->due_at = due_at,
  o->due_step = due_step;
  return ERR_OK;
}

static enum err set_two(struct db *db, const char *sql, int64_t value, int64_t id)
{
  struct stmt *s = db_stmt(db, sql);
  bind_time(s, 1, value), stmt_int(s, 2, id);
  return stmt_run(s);
}

static const char SQL_SET_GROUP[] = "UPDATE orders SET group_id = $1, version = version + 1 WHERE id = $2";
static const char SQL_SET_PAYLOAD[] = "UPDATE orders SET payload_id = $1 WHERE id = $2";
static const char SQL_SET_SHIPPED[] = "UPDATE orders SET shipped_at = $1 WHERE id = $2";
static const char SQL_SET_DECIDED[] = "UPDATE orders SET decided = $1 WHERE id = $2";
static const char SQL_SET_DUE[] = "UPDATE orders SET due_at = $1, due_step = $2 WHERE id = $3";
static const char SQL_SET_NO_MERGE[] = "UPDATE orders SET no_merge = $1 WHERE id = $2";
static const char SQL_BUMP[] =
  "UPDATE orders SET version = version + 1, updated_at = $1 WHERE id = $2 AND version = $3";

enum err order_free_number(struct db *db, int64_t id, const char *end)
{
  static const char SQL[] =
    "UPDATE orders SET external_id = external_id || $1, version = version + 1 WHERE id = $2";
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, end), stmt_int(s, 2, id);
  return stmt_run(s);
}

enum err order_set_group(struct db *db, int64_t id, int64_t group_id)
{
  return set_two(db, SQL_SET_GROUP, group_id, id);
}

enum err order_set_payload(struct db *db, int64_t id, int64_t payload_id)
{
  return set_two(db, SQL_SET_PAYLOAD, payload_id, id);
}

enum err order_set_shipped(struct db *db, int64_t id, int64_t shipped_at)
{
  return set_two(db, SQL_SET_SHIPPED, shipped_at, id);
}

enum err order_set_decided(struct db *db, int64_t id)
{
  return set_two(db, SQL_SET_DECIDED, 1, id);
}

enum err order_set_no_merge(struct db *db, int64_t id, const char *no_merge)
{
  struct stmt *s = db_stmt(db, SQL_SET_NO_MERGE);
  stmt_text(s, 1, no_merge), stmt_int(s, 2, id);
  return stmt_run(s);
}

enum err order_set_due(struct db *db, int64_t id, int64_t due_at, int due_step)
{
  struct stmt *s = db_stmt(db, SQL_SET_DUE);
  bind_time(s, 1, due_at), stmt_int(s, 2, due_step), stmt_int(s, 3, id);
  return stmt_run(s);
}

enum err order_bump(struct db *db, struct order *o, int64_t now_ms)
{
  struct stmt *s = db_stmt(db, SQL_BUMP);
  stmt_int(s, 1, now_ms), stmt_int(s, 2, o->id), stmt_int(s, 3, o->version);
  TRY(stmt_run(s));
  if (db_changes(db) != 1) return ERR_STALE;
  o->version++;
  return ERR_OK;
}

static const char SQL_DUE[] =
  "SELECT id FROM orders WHERE due_at IS NOT NULL AND due_at <= $1 ORDER BY due_at, id LIMIT $2";

size_t order_due(struct db *db, int64_t now_ms, int64_t *ids, size_t max)
{
  struct stmt *s = db_stmt(db, SQL_DUE);
  size_t n = 0;
  stmt_int(s, 1, now_ms), stmt_int(s, 2, (int64_t)max);
  while (n < max && stmt_row(s)) ids[n++] = stmt_col_int(s, 0);
  stmt_end(s);
  return n;
}

static const char SQL_NEXT_DUE[] =
  "SELECT due_at FROM orders WHERE due_at IS NOT NULL ORDER BY due_at, id LIMIT 1";

int64_t order_next_due(struct db *db)
{
  struct stmt *s = db_stmt(db, SQL_NEXT_DUE);
  int64_t at = stmt_row(s) ? stmt_col_int(s, 0) : 0;
  stmt_end(s);
  return at;
}

static bool any_row(struct db *db, const char *sql, int64_t id)
{
  struct stmt *s = db_stmt(db, sql);
  stmt_int(s, 1, id);
  bool any = stmt_row(s);
  stmt_end(s);
  return any;
}

static const char SQL_TRACKING[] =
  "SELECT 1 FROM shipments WHERE order_id = $1 AND tracking_no IS NOT NULL LIMIT 1";

bool order_has_tracking(struct db *db, int64_t id)
{
  return any_row(db, SQL_TRACKING, id);
}

/* ---- holds ------------------------------------------------------------------------------------------------------------------ */

static const char SQL_HOLD[] =
  "INSERT INTO holds (order_id, reason, note, actor, since) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (order_id, reason) DO NOTHING";

enum err order_hold(struct db *db, int64_t id, const char *reason, const char *note, const char *actor,
                    int64_t now_ms, bool *is_new)
{
  struct stmt *s = db_stmt(db, SQL_HOLD);
  stmt_int(s, 1, id), stmt_text(s, 2, reason), stmt_text(s, 3, note), stmt_text(s, 4, actor),
    stmt_int(s, 5, now_ms);
  TRY(stmt_run(s));
  *is_new = db_changes(db) == 1;
  return ERR_OK;
}

static const char SQL_RELEASE[] = "DELETE FROM holds WHERE order_id = $1 AND reason = $2";
static const char SQL_RELEASE_ALL[] = "DELETE FROM holds WHERE order_id = $1";

enum err order_release(struct db *db, int64_t id, const char *reason, int64_t *released)
{
  struct stmt *s = db_stmt(db, reason ? SQL_RELEASE : SQL_RELEASE_ALL);
  stmt_int(s, 1, id);
  if (reason) stmt_text(s, 2, reason);
  TRY(stmt_run(s));
  *released = db_changes(db);
  return ERR_OK;
}

static const char SQL_HOLDS[] = "SELECT count(*) FROM holds WHERE order_id = $1";

int64_t order_holds(struct db *db, int64_t id)
{
  struct stmt *s = db_stmt(db, SQL_HOLDS);
  stmt_int(s, 1, id);
  int64_t n = stmt_row(s) ? stmt_col_int(s, 0) : 0;
  stmt_end(s);
  return n;
}

/* ---- as merging sees them --------------------------------------------------------------------------------------------------- */

/* An order is free to be grouped when it is paid or split, nothing forbids it, nobody holds it and its group is open. */
#define MERGE_FREE \
  " o.status IN ('paid', 'split') AND o.no_merge IS NULL AND coalesce(g.state, 'open') <> 'locked'" \
  " AND NOT EXISTS (SELECT 1 FROM holds h WHERE h.order_id = o.id)"
#define MERGE_COLS \
  "o.id, o.channel_id, o.placed_at, coalesce(o.ship_by, 0), coalesce(o.group_id, 0), c.name, o.external_id, c.family," \
  " coalesce(o.contact_key, 0), coalesce(o.token_key, 0), coalesce(o.receiver_phone, o.buyer_phone), o.token, o.currency, o.service," \
  " o.remark_buyer, o.remark_seller, o.remark_flag, o.country, o.province, o.city, o.district, o.town, o.address, o.zip," MERGE_FREE
#define MERGE_FROM \
  " FROM orders o JOIN channels c ON c.id = o.channel_id LEFT JOIN groups g ON g.id = o.group_id "

static void merge_read(struct stmt *s, struct arena *a, struct merge_order *m)
{
  memset(m, 0, sizeof *m);
  m->id = stmt_col_int(s, 0), m->channel_id = stmt_col_int(s, 1), m->placed_at = stmt_col_int(s, 2),
  m->ship_by = stmt_col_int(s, 3);
  m->group_id = stmt_col_int(s, 4), m->channel = stmt_col_copy(s, 5, a),
  m->external_id = stmt_col_copy(s, 6, a);
  m->family = stmt_col_copy(s, 7, a), m->contact_key = stmt_col_int(s, 8), m->token_key = stmt_col_int(s, 9);
  const char **const texts[] = { &m->phone,          &m->token,         &m->currency,       &m->service,
                                 &m->remark_buyer,   &m->remark_seller, &m->remark_flag,    &m->where.country,
                                 &m->where.province, &m->where.city,    &m->where.district, &m->where.town,
                                 &m->where.detail,   &m->where.zip };
  for (size_t i = 0; i < COUNT(texts); i++) *texts[i] = stmt_col_copy(s, 10 + (int)i, a);
  m->free = stmt_col_int(s, 24) != 0;
}

static enum err merge_list(struct stmt *s, struct arena *a, struct merge_order **list, size_t *n, size_t max)
{
  struct merge_order found;
  size_t cap = 0;
  *n = 0, *list = NULL;
  while (*n < max && stmt_row(s)) {
    merge_read(s, a, &found);
    if (*n == cap) {
      struct merge_order *grown = arena_array(a, struct merge_order, cap = cap ? 2 * cap : 4);
      if (*n) memcpy(grown, *list, *n * sizeof **list);
      *list = grown;
    }
    (*list)[(*n)++] = found;
  }
  return stmt_end(s);
}

static const char SQL_AS_MERGE[] = "SELECT " MERGE_COLS MERGE_FROM "WHERE o.id = $1";

enum err order_as_merge(struct db *db, struct arena *a, int64_t id, struct merge_order *out)
{
  struct stmt *s = db_stmt(db, SQL_AS_MERGE);
  stmt_int(s, 1, id);
  bool found = stmt_row(s);
  if (found) merge_read(s, a, out);
  enum err e = stmt_end(s);
  return e ? e : found ? ERR_OK : ERR_NOT_FOUND;
}

static const char SQL_MEMBERS[] =
  "SELECT " MERGE_COLS MERGE_FROM "WHERE o.group_id = $1 ORDER BY o.placed_at, c.name, o.external_id";

enum err order_group_members(struct db *db, struct arena *a, int64_t group_id, struct merge_order **list,
                             size_t *n)
{
  struct stmt *s = db_stmt(db, SQL_MEMBERS);
  stmt_int(s, 1, group_id);
  return merge_list(s, a, list, n, 100000);
}

/* One slot at a time, so that each step is a narrow range of the index. With a full phone or a token: its own key first,
 * then the masked phones that show the same digits. A masked phone shows the upper half only, so it finds them all. */
static const char SQL_BY_KEYS[] =
  "SELECT " MERGE_COLS MERGE_FROM
  "WHERE o.placed_slot = $1 AND o.contact_key IN ($2, $3) AND o.placed_at BETWEEN $4 AND $5 ORDER BY o.contact_key DESC, o.id";
static const char SQL_BY_SHOWN[] =
  "SELECT " MERGE_COLS MERGE_FROM
  "WHERE o.placed_slot = $1 AND o.contact_key BETWEEN $2 AND $3 AND o.placed_at BETWEEN $4 AND $5 ORDER BY o.contact_key, o.id";
static const char SQL_BY_TOKEN[] =
  "SELECT " MERGE_COLS MERGE_FROM
  "WHERE o.placed_slot = $1 AND o.token_key = $2 AND o.placed_at BETWEEN $3 AND $4 ORDER BY o.id";

static void list_join(struct arena *a, struct merge_order **list, size_t *n, const struct merge_order *more,
                      size_t more_n)
{
  if (!more_n) return;
  struct merge_order *all = arena_array(a, struct merge_order, *n + more_n);
  if (*n) memcpy(all, *list, *n * sizeof *all);
  for (size_t i = 0; i < more_n; i++) {
    size_t k = 0;
    while (k < *n && all[k].id != more[i].id) k++;
    if (k == *n) all[(*n)++] = more[i];
  }
  *list = all;
}

static enum err by_contact(struct db *db, struct arena *a, const char *sql, int64_t slot, int64_t low,
                           int64_t high, int64_t from, int64_t to, struct merge_order **list, size_t *n,
                           size_t max)
{
  struct stmt *s = db_stmt(db, sql);
  struct merge_order *more;
  size_t more_n;
  stmt_int(s, 1, slot), stmt_int(s, 2, low), stmt_int(s, 3, high), stmt_int(s, 4, from), stmt_int(s, 5, to);
  TRY(merge_list(s, a, &more, &more_n, max));
  list_join(a, list, n, more, more_n);
  return ERR_OK;
}

static enum err by_key(struct db *db, struct arena *a, const char *sql, int64_t slot, int64_t key,
                       int64_t from, int64_t to, struct merge_order **list, size_t *n, size_t max)
{
  struct stmt *s = db_stmt(db, sql);
  struct merge_order *more;
  size_t more_n;
  stmt_int(s, 1, slot), stmt_int(s, 2, key), stmt_int(s, 3, from), stmt_int(s, 4, to);
  TRY(merge_list(s, a, &more, &more_n, max));
  list_join(a, list, n, more, more_n);
  return ERR_OK;
}

/* A token may stand in either column: alone it is the contact key, beside a full phone it is the token key. */
enum err order_candidates(struct db *db, struct arena *a, int64_t contact_key, int64_t token_key,
                          int64_t from, int64_t to, struct merge_order **list, size_t *n, size_t max)
{
  *list = NULL, *n = 0;
  for (int64_t slot = slot_of(from); slot <= slot_of(to) && *n < max; slot++) {
    int64_t token = token_key ? token_key : contact_key < 0 ? contact_key : 0;
    if (contact_key > 0) {
      int64_t shown = contact_key & ~0xffffffffll;
      bool masked = contact_key == shown;
      TRY(by_contact(db, a, masked ? SQL_BY_SHOWN : SQL_BY_KEYS, slot, masked ? shown : contact_key,
                     masked ? shown | 0xffffffffll : shown, from, to, list, n, max));
    }
    if (token) {
      TRY(by_contact(db, a, SQL_BY_KEYS, slot, token, token, from, to, list, n, max));
      TRY(by_key(db, a, SQL_BY_TOKEN, slot, token, from, to, list, n, max));
    }
  }
  return ERR_OK;
}

/* Asked of every new order, mostly with nobody there: the least that tells. */
#define ANY_AT(slot, column, key) \
  "EXISTS (SELECT 1 FROM orders WHERE placed_slot = " slot " AND " column " = " key \
  " AND placed_at BETWEEN $3 AND $4)"
static const char SQL_ANY_BY_CONTACT[] =
  "SELECT " ANY_AT("$1", "contact_key", "$2") " OR " ANY_AT("$1", "contact_key", "$5");
static const char SQL_ANY_BY_TOKEN[] =
  "SELECT " ANY_AT("$1", "contact_key", "$2") " OR " ANY_AT("$1", "token_key", "$5");
static const char SQL_ANY_SHOWN[] =
  "SELECT EXISTS (SELECT 1 FROM orders WHERE placed_slot = $1 AND contact_key >= $2 AND placed_at BETWEEN $3 AND $4 "
  "AND contact_key <= $5)";

static enum err any_by(struct db *db, const char *sql, int64_t slot, int64_t key, int64_t other, int64_t from,
                       int64_t to, bool *any)
{
  struct stmt *s = db_stmt(db, sql);
  stmt_int(s, 1, slot), stmt_int(s, 2, key), stmt_int(s, 3, from), stmt_int(s, 4, to), stmt_int(s, 5, other);
  *any = *any || (stmt_row(s) && stmt_col_int(s, 0));
  return stmt_end(s);
}

enum err order_any_candidate(struct db *db, int64_t contact_key, int64_t token_key, int64_t from, int64_t to,
                             bool *any)
{
  int64_t token = token_key ? token_key : contact_key < 0 ? contact_key : 0;
  int64_t shown = contact_key & ~0xffffffffll;
  *any = false;
  for (int64_t slot = slot_of(from); slot <= slot_of(to) && !*any; slot++) {
    if (contact_key > 0 && contact_key == shown)
      TRY(any_by(db, SQL_ANY_SHOWN, slot, shown, shown | 0xffffffffll, from, to, any));
    else if (contact_key > 0) TRY(any_by(db, SQL_ANY_BY_CONTACT, slot, contact_key, shown, from, to, any));
    if (token) TRY(any_by(db, SQL_ANY_BY_TOKEN, slot, token, token, from, to, any));
  }
  return ERR_OK;
}

static const char SQL_FREE_BY_CONTACT[] =
  "SELECT " MERGE_COLS MERGE_FROM
  "WHERE o.placed_slot = $1 AND o.contact_key = $2 AND o.placed_at BETWEEN $3 AND $4 AND" MERGE_FREE
  " ORDER BY o.id";
static const char SQL_FREE_BY_TOKEN[] =
  "SELECT " MERGE_COLS MERGE_FROM
  "WHERE o.placed_slot = $1 AND o.token_key = $2 AND o.placed_at BETWEEN $3 AND $4 AND" MERGE_FREE
  " ORDER BY o.id";

enum err order_candidates_free(struct db *db, struct arena *a, int64_t contact_key, int64_t token_key,
                               int64_t from, int64_t to, struct merge_order **list, size_t *n, size_t max)
{
  int64_t token = token_key ? token_key : contact_key < 0 ? contact_key : 0;
  *list = NULL, *n = 0;
  for (int64_t slot = slot_of(from); slot <= slot_of(to) && *n < max; slot++) {
    if (contact_key) TRY(by_key(db, a, SQL_FREE_BY_CONTACT, slot, contact_key, from, to, list, n, max));
    if (token && token != contact_key)
      TRY(by_key(db, a, SQL_FREE_BY_CONTACT, slot, token, from, to, list, n, max));
    if (token) TRY(by_key(db, a, SQL_FREE_BY_TOKEN, slot, token, from, to, list, n, max));
  }
  return ERR_OK;
}

/* ---- what is left to send ---------------------------------------------------------------------------------------------- */

struct given_back { /* of one line, or of the order */
  int64_t pieces, money;
};

static enum err given_back_read(struct db *db, int64_t id, struct line_left *list, size_t n,
                                struct given_back *line, struct given_back *order)
{
  static const char SQL[] =
    "SELECT status, line_id, coalesce(quantity, 0), amount FROM refunds WHERE order_id = $1";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id);
  while (stmt_row(s)) {
    if (!refund_counts(stmt_col_text(s, 0))) continue;
    const char *line_id = stmt_col_text(s, 1);
    struct given_back *at = line_id ? NULL : order;
    for (size_t i = 0; line_id && i < n && !at; i++)
      if (list[i].line_id && !strcmp(list[i].line_id, line_id)) at = &line[i];
    if (at) at->pieces += stmt_col_int(s, 2), at->money += stmt_col_int(s, 3);
  }
  return stmt_end(s);
}

enum err order_lines_left(struct db *db, struct arena *a, int64_t id, int64_t total, struct line_left **list,
                          size_t *n)
{
  static const char SQL[] =
    "SELECT line_no, line_id, sku, quantity, coalesce(price, -1), discount, refunded FROM lines"
    " WHERE order_id = $1 ORDER BY line_no";
  struct line_left all[ORDER_LINES_MAX];
  struct given_back back[ORDER_LINES_MAX] = { 0 }, order = { 0 };
  struct stmt *s = db_stmt(db, SQL);
  *n = 0;
  stmt_int(s, 1, id);
  while (*n < ORDER_LINES_MAX && stmt_row(s)) {
    struct line l = { .quantity = stmt_col_int(s, 3),
                      .price = stmt_col_int(s, 4),
                      .discount = stmt_col_int(s, 5) };
    int64_t worth = line_worth(&l);
    bool gone = worth && stmt_col_int(s, 6) >= worth;
    all[*n] = (struct line_left){ stmt_col_int(s, 0),     l.quantity,
                                  gone ? 0 : l.quantity,  worth,
                                  stmt_col_copy(s, 1, a), stmt_col_copy(s, 2, a) };
    ++*n;
  }
  TRY(stmt_end(s));
  TRY(given_back_read(db, id, all, *n, back, &order));
  for (size_t i = 0; i < *n; i++) {
    struct line_left *l = &all[i];
    if (back[i].pieces >= l->left || (l->value && back[i].money >= l->value)) l->left = 0;
    else l->left -= back[i].pieces > 0 ? back[i].pieces : 0;
    if (total > 0 && order.money >= total) l->left = 0;
  }
  *list = arena_array(a, struct line_left, *n + 1);
  if (*n) memcpy(*list, all, *n * sizeof all[0]);
  return ERR_OK;
}
