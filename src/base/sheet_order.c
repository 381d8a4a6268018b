/* sheet_order.c: the rows of one order -> one canonical order. */
#include "base.h"
#include <strings.h>

enum { PARCELS_MAX = 100 };
#define AMOUNT_MAX 10000000000000 /* minor units; all rows together stay far from the end of an int64 */

struct amounts { /* one kind of amount over the rows of an order */
  int64_t first, sum;
  int n;
  bool differ;
};

struct parcel {
  const char *carrier, *no;
  int64_t shipped_at;
  bool on[SHEET_ROWS_MAX]; /* which rows are in it */
};

struct maker {
  struct arena *a;
  const struct sheet_options *o;
  bool has_status;
  struct sheet_line **line;
  size_t n;
  const char *currency;
  const char **status; /* per row */
  int64_t *quantity, *price, *goods;
  bool *has_price;
  bool goods_known, adds_up;
  struct amounts total, paid, freight, discount;
  struct parcel *parcel;
  size_t parcels;
};

static bool refuse(struct sheet_line *l, const char *column, const char *code, const char *detail)
{
  l->column = column ? column : "", l->code = code, l->detail = detail;
  return false;
}

static const struct sheet_cell *cell(const struct sheet_line *l, enum sheet_field f)
{
  return &l->cell[f];
}

/* The first row that says it: order columns may be blank on later rows. */
static const char *text_of(const struct maker *m, enum sheet_field f)
{
  for (size_t i = 0; i < m->n; i++)
    if (cell(m->line[i], f)->text) return cell(m->line[i], f)->text;
  return NULL;
}

/* ---- words: channel, currency, status ------------------------------------------------------------- */

static bool read_channel(struct maker *m)
{
  for (size_t i = 0; i < m->n; i++) {
    const struct sheet_cell *c = cell(m->line[i], SHEET_CHANNEL);
    const char *want = m->o->channel ? m->o->channel : text_of(m, SHEET_CHANNEL);
    if (c->text && strcmp(c->text, want))
      return refuse(m->line[i], c->column, "channel_differs",
                    arena_printf(m->a, "The row is of channel %s, not of %s", c->text, want));
  }
  if (!m->o->channel && !text_of(m, SHEET_CHANNEL))
    return refuse(m->line[0], NULL, "channel_missing",
                  "Neither the import nor a column says which channel this is of");
  return true;
}

static bool read_currency(struct maker *m)
{
  static const char *const yuan[] = { "人民币", "RMB", "rmb", "¥", "￥", "元", "cny" };
  const char *text = text_of(m, SHEET_CURRENCY);
  for (size_t i = 0; text && i < COUNT(yuan); i++)
    if (!strcmp(text, yuan[i])) text = "CNY";
  m->currency = text ? text : m->o->currency ? m->o->currency : "CNY";
  if (money_digits(m->currency) >= 0) return true;
  return refuse(m->line[0], cell(m->line[0], SHEET_CURRENCY)->column, "currency_unknown",
                "Not a currency code of ISO 4217");
}

static const char *word_status(struct maker *m, struct sheet_line *l, enum sheet_field f, bool *ok)
{
  const struct sheet_cell *c = cell(l, f);
  if (!c->text) return NULL;
  const char *status = sheet_status_of(m->a, c->text);
  if (!status)
    *ok = refuse(l, c->column, "status_unknown",
                 arena_printf(m->a, "No status is known by the word %s", c->text));
  return status;
}

static bool is(const char *status, const char *one)
{
  return status && !strcmp(status, one);
}

static bool is_unshipped(const char *status)
{
  return is(status, "placed") || is(status, "paid");
}

/* What one row says of its status: one word, or payment and fulfilment apart. NULL: nothing. */
static bool row_status(struct maker *m, struct sheet_line *l, const char **out)
{
  bool ok = true;
  const char *status = word_status(m, l, SHEET_STATUS, &ok);
  const char *pay = ok && !status ? word_status(m, l, SHEET_PAY_STATUS, &ok) : NULL;
  const char *fulfilled = ok && !status ? word_status(m, l, SHEET_FULFIL_STATUS, &ok) : NULL;
  if (!ok) return false;
  if (!status)
    status = pay && (!fulfilled || is(pay, "cancelled") || is_unshipped(fulfilled)) ? pay : fulfilled;
  if (cell(l, SHEET_CANCELLED_AT)->text) status = "cancelled";
  const char *refund = cell(l, SHEET_REFUND_STATUS)->text;
  if (is_unshipped(status) && refund && sheet_says_refunded(m->a, refund)) status = "cancelled";
  *out = status;
  return true;
}

static bool has_waybill(const struct maker *m)
{
  return text_of(m, SHEET_WAYBILL) || text_of(m, SHEET_CARRIER_WAYBILL) || text_of(m, SHEET_SHIPPED_AT);
}

/* Rows of one order may stand differently (each a sub-order). Cancelled ones aside, the order is as far
 * as its last row; when some are shipped and some are not, it is partly shipped. */
static const char *status_together(const struct maker *m)
{
  static const char *const steps[] = { "placed", "paid", "partly_shipped", "shipped", "completed" };
  size_t least = COUNT(steps), most = 0;
  for (size_t i = 0; i < m->n; i++)
    for (size_t k = 0; k < COUNT(steps); k++)
      if (is(m->status[i], steps[k])) {
        if (k < least) least = k;
        if (k > most) most = k;
      }
  if (least == COUNT(steps)) return "cancelled";
  return least < 2 && most >= 2 ? "partly_shipped" : steps[least];
}

static bool read_status(struct maker *m)
{
  bool any = false;
  m->status = arena_array(m->a, const char *, m->n);
  for (size_t i = 0; i < m->n; i++) {
    if (!row_status(m, m->line[i], &m->status[i])) return false;
    any = any || m->status[i];
  }
  if (any) return true;
  if (m->has_status) return refuse(m->line[0], NULL, "status_missing", "The row has no status");
  m->status[0] = m->o->status ? m->o->status : has_waybill(m) ? "shipped" : "paid";
  return true;
}

/* ---- times ------------------------------------------------------------------------------------------ */

static bool time_read(struct maker *m, const struct sheet_cell *c, int64_t *ms)
{
  return time_parse_loose(text_nfkc(m->a, c->text), m->o->zone_min, ms);
}

static bool refuse_time(struct maker *m, struct sheet_line *l, const struct sheet_cell *c)
{
  return refuse(l, c->column, "time_invalid", arena_printf(m->a, "%s is not a time", c->text));
}

static bool read_times(struct maker *m, int64_t time[SHEET_FIELD_N])
{
  static const enum sheet_field fields[] = { SHEET_PLACED_AT, SHEET_PAID_AT, SHEET_UPDATED_AT,
                                             SHEET_SHIP_BY };
  for (size_t k = 0; k < COUNT(fields); k++)
    for (size_t i = m->n; i-- > 0;) { /* the first row's stays */
      const struct sheet_cell *c = cell(m->line[i], fields[k]);
      if (c->text && !time_read(m, c, &time[fields[k]])) return refuse_time(m, m->line[i], c);
    }
  if (!time[SHEET_PLACED_AT])
    time[SHEET_PLACED_AT] = time[SHEET_PAID_AT]; /* some exports leave out the first */
  if (time[SHEET_PLACED_AT]) return true;
  return refuse(m->line[0], cell(m->line[0], SHEET_PLACED_AT)->column, "placed_at_missing",
                "The row does not say when it was ordered");
}

/* ---- lines and amounts -------------------------------------------------------------------------------- */

static bool read_money(struct maker *m, struct sheet_line *l, enum sheet_field f, int64_t *minor)
{
  const struct sheet_cell *c = cell(l, f);
  bool ok = sheet_cell_money(m->a, c, m->currency, minor);
  if (ok && *minor <= AMOUNT_MAX && *minor >= -AMOUNT_MAX) return true;
  return refuse(l, c->column, "money_invalid",
                arena_printf(m->a, "%s is not an amount of %s", c->text, m->currency));
}

static bool read_positive(struct maker *m, struct sheet_line *l, enum sheet_field f, int64_t *minor)
{
  if (!read_money(m, l, f, minor)) return false;
  return *minor >= 0 || refuse(l, cell(l, f)->column, "money_invalid", "The amount is negative");
}

static void amounts_add(struct amounts *x, int64_t v)
{
  if (!x->n++) x->first = v;
  x->differ = x->differ || v != x->first;
  x->sum += v;
}

static bool read_amounts(struct maker *m, enum sheet_field f, struct amounts *x)
{
  int64_t v;
  for (size_t i = 0; i < m->n; i++) {
    if (!cell(m->line[i], f)->text) continue;
    if (!read_positive(m, m->line[i], f, &v)) return false;
    amounts_add(x, v);
  }
  return true;
}

/* Discounts come in several columns, with or without a minus. */
static bool read_discounts(struct maker *m)
{
  static const enum sheet_field fields[] = { SHEET_DISCOUNT, SHEET_DISCOUNT_MORE, SHEET_PRICE_CHANGE };
  for (size_t i = 0; i < m->n; i++) {
    int64_t v, together = 0;
    bool any = false;
    for (size_t k = 0; k < COUNT(fields); k++) {
      if (!cell(m->line[i], fields[k])->text) continue;
      if (!read_money(m, m->line[i], fields[k], &v)) return false;
      together += fields[k] == SHEET_PRICE_CHANGE ? -v : v < 0 ? -v : v;
      any = true;
    }
    if (any) amounts_add(&m->discount, together);
  }
  return true;
}

static bool read_line(struct maker *m, size_t i)
{
  struct sheet_line *l = m->line[i];
  const struct sheet_cell *q = cell(l, SHEET_QUANTITY);
  if (!cell(l, SHEET_SKU)->text && !cell(l, SHEET_TITLE)->text)
    return refuse(l, cell(l, SHEET_TITLE)->column, "item_missing", "The row has neither a SKU nor a title");
  if (!q->text || !sheet_cell_count(m->a, q, &m->quantity[i]))
    return refuse(l, q->column, "quantity_invalid", "The quantity is not a whole number from 1 to 1000000");
  m->has_price[i] = cell(l, SHEET_PRICE)->text != NULL;
  if (m->has_price[i] && !read_positive(m, l, SHEET_PRICE, &m->price[i])) return false;
  if (!m->has_price[i]) return true;
  bool fits = !__builtin_mul_overflow(m->price[i], m->quantity[i], &m->goods[i]) && m->goods[i] <= AMOUNT_MAX;
  return fits || refuse(l, cell(l, SHEET_PRICE)->column, "money_invalid", "The amount is too large");
}

static bool read_lines(struct maker *m)
{
  m->quantity = arena_array(m->a, int64_t, m->n), m->price = arena_array(m->a, int64_t, m->n);
  m->goods = arena_array(m->a, int64_t, m->n), m->has_price = arena_array(m->a, bool, m->n);
  for (size_t i = 0; i < m->n; i++) {
    if (!read_line(m, i)) return false;
    const char *id = cell(m->line[i], SHEET_LINE_ID)->text;
    for (size_t k = 0; id && k < i; k++)
      if (is(cell(m->line[k], SHEET_LINE_ID)->text, id))
        return refuse(m->line[i], cell(m->line[i], SHEET_LINE_ID)->column, "line_repeated",
                      "Two rows of the order have this number");
  }
  return true;
}

/* Do goods + freight - discount make the total, when each is taken once (the order's figure stands in
 * every row) or added up (each row has its own)? Then that is how the sheet means it. */
static bool adds_up(struct maker *m, int64_t goods)
{
  struct amounts *x[] = { &m->total, &m->freight, &m->discount };
  for (int way = 0; way < 8; way++) {
    int64_t v[3];
    for (int k = 0; k < 3; k++) v[k] = way >> k & 1 ? x[k]->sum : x[k]->first;
    if (goods + v[1] - v[2] != v[0]) continue;
    for (int k = 0; k < 3; k++) x[k]->first = v[k], x[k]->differ = false;
    m->adds_up = m->total.n > 0;
    return true;
  }
  return false;
}

/* Where nothing adds up: the same figure in every row is the order's, different ones are the rows'. */
static void amounts_settle(struct amounts *x)
{
  if (x->differ) x->first = x->sum;
}

/* Prices from what the goods of a row cost, where that divides exactly. */
static void price_from_goods(struct maker *m, size_t i, int64_t goods)
{
  m->goods[i] = goods;
  if (m->has_price[i] || goods % m->quantity[i]) return;
  m->price[i] = goods / m->quantity[i];
  m->has_price[i] = true;
}

static bool read_goods(struct maker *m)
{
  struct amounts goods = { 0 };
  bool priced = true;
  int64_t sum = 0;
  for (size_t i = 0; i < m->n; i++) priced = priced && m->has_price[i], sum += m->goods[i];
  if (priced) {
    m->goods_known = true;
    adds_up(m, sum);
    return true;
  }
  if (!read_amounts(m, SHEET_GOODS, &goods)) return false;
  if (goods.n != (int)m->n) return true;
  bool per_row = m->n == 1 || adds_up(m, goods.sum) || goods.differ;
  for (size_t i = 0; per_row && i < m->n; i++) {
    int64_t v;
    if (!read_positive(m, m->line[i], SHEET_GOODS, &v)) return false;
    price_from_goods(m, i, v);
  }
  m->goods_known = per_row;
  return true;
}

static bool read_total(struct maker *m)
{
  if (!read_amounts(m, SHEET_TOTAL, &m->total) || !read_amounts(m, SHEET_PAID, &m->paid) ||
      !read_amounts(m, SHEET_FREIGHT, &m->freight) || !read_discounts(m))
    return false;
  bool has_total = m->total.n > 0;
  if (!has_total) m->total = m->paid;
  if (!read_goods(m)) return false;
  amounts_settle(&m->total), amounts_settle(&m->paid), amounts_settle(&m->freight),
    amounts_settle(&m->discount);
  if (m->total.n) return true;
  int64_t goods = 0;
  for (size_t i = 0; i < m->n; i++) goods += m->goods[i];
  m->total.first = goods + m->freight.first - m->discount.first;
  if (m->goods_known && m->total.first >= 0) return true;
  return refuse(m->line[0], NULL, "total_missing",
                "No amount of the order is given, and the rows do not make one");
}

/* ---- parcels -------------------------------------------------------------------------------------------- */

static bool is_number_char(char c)
{
  char low = (char)(c | 0x20);
  return (c >= '0' && c <= '9') || (low >= 'a' && low <= 'z');
}

/* The longest run of letters and digits with a digit in it is the number; what is left is the carrier:
 * "SF0000000000001-顺丰", "圆通:YT0000000000001". */
static bool split_parcel(struct arena *a, const char *text, const char **carrier, const char **no)
{
  const char *best = NULL;
  size_t best_n = 0;
  for (const char *p = text; *p;) {
    size_t n = 0;
    while (is_number_char(p[n])) n++;
    if (n > best_n && strcspn(p, "0123456789") < n) best = p, best_n = n;
    p += n ? n : 1;
  }
  if (best_n < 6) return false;
  const char *name = arena_printf(a, "%.*s%s", (int)(best - text), text, best + best_n);
  size_t from = strspn(name, "-:() "), end = strlen(name);
  while (end > from && strchr("-:() ", name[end - 1])) end--;
  *no = arena_strn(a, best, best_n);
  *carrier = end > from ? arena_strn(a, name + from, end - from) : NULL;
  return true;
}

static bool parcel_add(struct maker *m, size_t i, const char *carrier, const char *no, int64_t shipped_at)
{
  for (size_t k = 0; k < m->parcels; k++) {
    struct parcel *p = &m->parcel[k];
    if (strcmp(p->no, no) || (p->carrier && carrier && strcmp(p->carrier, carrier))) continue;
    p->on[i] = true;
    return true;
  }
  if (m->parcels == PARCELS_MAX)
    return refuse(m->line[i], NULL, "too_many_rows", "The order has too many parcels");
  m->parcel[m->parcels] = (struct parcel){ .carrier = carrier, .no = no, .shipped_at = shipped_at };
  m->parcel[m->parcels++].on[i] = true;
  return true;
}

static bool is_plain_number(const char *s)
{
  for (; *s; s++)
    if (!is_number_char(*s) && *s != '-') return false;
  return true;
}

/* One or more numbers in one cell; words like "no parcel needed" are no number. */
static bool parcels_add(struct maker *m, size_t i, const struct sheet_cell *c, const char *carrier,
                        int64_t shipped_at)
{
  bool together = c == cell(m->line[i], SHEET_CARRIER_WAYBILL);
  char *text = arena_str(m->a, c->text), *p;
  for (p = text; *p; p++)
    if (*p == '\n' || *p == '\r' || *p == '\t') *p = ',';
  text = text_nfkc(m->a, text);
  while ((p = strsep(&text, ",;|"))) {
    const char *name = carrier, *no;
    p += strspn(p, " ");
    p += strncmp(p, "No:", 3) ? 0 : 3;
    if (is_plain_number(p) && !together) no = p;
    else if (!split_parcel(m->a, p, &name, &no)) continue;
    if (*no && !parcel_add(m, i, name ? name : carrier, no, shipped_at)) return false;
  }
  return true;
}

static bool read_parcels(struct maker *m)
{
  static const enum sheet_field fields[] = { SHEET_WAYBILL, SHEET_CARRIER_WAYBILL };
  m->parcel = arena_array(m->a, struct parcel, PARCELS_MAX);
  for (size_t i = 0; i < m->n; i++) {
    const struct sheet_cell *at = cell(m->line[i], SHEET_SHIPPED_AT);
    int64_t shipped_at = 0;
    if (at->text && !time_read(m, at, &shipped_at)) return refuse_time(m, m->line[i], at);
    for (size_t k = 0; k < COUNT(fields); k++) {
      const struct sheet_cell *c = cell(m->line[i], fields[k]);
      if (c->text && !parcels_add(m, i, c, cell(m->line[i], SHEET_CARRIER)->text, shipped_at)) return false;
    }
  }
  return true;
}

/* ---- the order as JSON ------------------------------------------------------------------------------------ */

static void put_text(struct jw *w, const char *key, const char *s)
{
  if (s) jw_kstring(w, key, s);
}

static void put_time(struct jw *w, const char *key, int64_t ms)
{
  if (ms) jw_ktime(w, key, ms);
}

static void put_money(const struct maker *m, struct jw *w, const char *key, int64_t minor)
{
  jw_kstring(w, key, money_text(m->a, minor, m->currency));
}

static void put_amounts(const struct maker *m, struct jw *w, const char *key, const struct amounts *x)
{
  if (x->n && x->first >= 0) put_money(m, w, key, x->first);
}

struct text_row {
  const char *key;
  enum sheet_field field;
};

/* An object of texts; nothing when none of them is said. */
static void put_object(const struct maker *m, struct jw *w, const char *key, const struct text_row *rows,
                       size_t n)
{
  bool any = false;
  for (size_t i = 0; i < n && !any; i++) any = text_of(m, rows[i].field);
  if (!any) return;
  jw_key(w, key), jw_object(w);
  for (size_t i = 0; i < n; i++) put_text(w, rows[i].key, text_of(m, rows[i].field));
  jw_object_end(w);
}

static void put_buyer(const struct maker *m, struct jw *w)
{
  static const struct text_row rows[] = { { "id", SHEET_BUYER_ID },
                                          { "name", SHEET_BUYER_NAME },
                                          { "phone", SHEET_BUYER_PHONE } };
  put_object(m, w, "buyer", rows, COUNT(rows));
}

/* Divisions and detail as one text where the sheet cuts them its own way. */
static const char *address_of(const struct maker *m)
{
  const char *part[] = { text_of(m, SHEET_REGION), text_of(m, SHEET_ADDRESS),
                         text_of(m, SHEET_ADDRESS_MORE) },
             *all = NULL;
  for (size_t i = 0; i < COUNT(part); i++)
    if (part[i]) all = all ? arena_printf(m->a, "%s %s", all, part[i]) : part[i];
  return all;
}

static void put_receiver(const struct maker *m, struct jw *w)
{
  static const struct text_row rows[] = {
    { "name", SHEET_NAME },         { "phone", SHEET_PHONE }, { "country", SHEET_COUNTRY },
    { "province", SHEET_PROVINCE }, { "city", SHEET_CITY },   { "district", SHEET_DISTRICT },
    { "town", SHEET_TOWN },         { "zip", SHEET_ZIP },     { "token", SHEET_TOKEN },
  };
  jw_key(w, "receiver"), jw_object(w);
  for (size_t i = 0; i < COUNT(rows); i++) put_text(w, rows[i].key, text_of(m, rows[i].field));
  put_text(w, "address", address_of(m));
  jw_object_end(w);
}

static const char *title_of(const struct maker *m, const struct sheet_line *l)
{
  const char *title = cell(l, SHEET_TITLE)->text, *spec = cell(l, SHEET_SPEC)->text;
  return title && spec && !strstr(title, spec) ? arena_printf(m->a, "%s %s", title, spec) : title;
}

/* A cancelled row of an order that goes on is refunded; else what the sheet says, where it can only
 * mean this line. */
static bool refunded_of(const struct maker *m, size_t i, bool is_cancelled, int64_t *minor)
{
  const struct sheet_cell *c = cell(m->line[i], SHEET_REFUNDED);
  bool own = m->n == 1 || cell(m->line[i], SHEET_LINE_ID)->text;
  if (c->text && own && sheet_cell_money(m->a, c, m->currency, minor) && *minor >= 0) return true;
  *minor = m->goods[i];
  return is(m->status[i], "cancelled") && !is_cancelled && m->has_price[i];
}

static void put_line(const struct maker *m, struct jw *w, size_t i, bool is_cancelled)
{
  const struct sheet_line *l = m->line[i];
  int64_t minor;
  jw_object(w);
  put_text(w, "line_id", cell(l, SHEET_LINE_ID)->text);
  put_text(w, "sku", cell(l, SHEET_SKU)->text);
  put_text(w, "title", title_of(m, l));
  jw_kint(w, "quantity", m->quantity[i]);
  if (m->has_price[i]) put_money(m, w, "price", m->price[i]);
  if (cell(l, SHEET_LINE_DISCOUNT)->text &&
      sheet_cell_money(m->a, cell(l, SHEET_LINE_DISCOUNT), m->currency, &minor))
    put_money(m, w, "discount", minor < 0 ? -minor : minor);
  if (refunded_of(m, i, is_cancelled, &minor)) put_money(m, w, "refunded", minor);
  jw_object_end(w);
}

static void put_lines(const struct maker *m, struct jw *w, const char *status)
{
  jw_key(w, "lines"), jw_array(w);
  for (size_t i = 0; i < m->n; i++) put_line(m, w, i, is(status, "cancelled"));
  jw_array_end(w);
}

/* Which lines a parcel holds is said only where lines have numbers and not all are in it. */
static void put_parcel_lines(const struct maker *m, struct jw *w, const struct parcel *p)
{
  size_t in = 0, named = 0;
  for (size_t i = 0; i < m->n; i++) in += p->on[i], named += cell(m->line[i], SHEET_LINE_ID)->text != NULL;
  if (named < m->n || m->parcels == 1 || in == m->n) return;
  jw_key(w, "line_ids"), jw_array(w);
  for (size_t i = 0; i < m->n; i++)
    if (p->on[i]) jw_string(w, cell(m->line[i], SHEET_LINE_ID)->text);
  jw_array_end(w);
}

static void put_parcels(const struct maker *m, struct jw *w)
{
  if (!m->parcels) return;
  jw_key(w, "shipments"), jw_array(w);
  for (size_t i = 0; i < m->parcels; i++) {
    jw_object(w);
    put_text(w, "carrier", m->parcel[i].carrier);
    put_text(w, "tracking_no", m->parcel[i].no);
    put_time(w, "shipped_at", m->parcel[i].shipped_at);
    put_parcel_lines(m, w, &m->parcel[i]);
    jw_object_end(w);
  }
  jw_array_end(w);
}

static void put_remarks(const struct maker *m, struct jw *w)
{
  static const struct text_row rows[] = { { "buyer", SHEET_BUYER_REMARK },
                                          { "seller", SHEET_SELLER_REMARK },
                                          { "flag", SHEET_FLAG } };
  put_object(m, w, "remarks", rows, COUNT(rows));
}

static void put_flags(const struct maker *m, struct jw *w)
{
  const char *pay = text_of(m, SHEET_PAY_METHOD);
  if (!pay || (!strstr(pay, "货到付款") && strcasecmp(pay, "cod"))) return;
  jw_key(w, "flags"), jw_array(w);
  jw_string(w, "cod");
  jw_array_end(w);
}

static const char *raw_status(const struct maker *m)
{
  const char *status = text_of(m, SHEET_STATUS), *pay = text_of(m, SHEET_PAY_STATUS),
             *done = text_of(m, SHEET_FULFIL_STATUS);
  if (status || !pay || !done) return status ? status : pay ? pay : done;
  return arena_printf(m->a, "%s, %s", pay, done);
}

static void put_order(const struct maker *m, const int64_t *time, struct jw *w)
{
  const char *status = status_together(m);
  jw_object(w);
  jw_kstring(w, "channel", m->o->channel ? m->o->channel : text_of(m, SHEET_CHANNEL));
  put_text(w, "external_id", cell(m->line[0], SHEET_ORDER_NO)->text);
  jw_kstring(w, "status", status);
  put_time(w, "placed_at", time[SHEET_PLACED_AT]);
  put_time(w, "paid_at", time[SHEET_PAID_AT]);
  put_time(w, "updated_at", time[SHEET_UPDATED_AT]);
  put_time(w, "ship_by", time[SHEET_SHIP_BY]);
  jw_kstring(w, "currency", m->currency);
  put_money(m, w, "total", m->total.first);
  put_amounts(m, w, "freight", &m->freight);
  put_amounts(m, w, "discount", &m->discount);
  put_amounts(m, w, "paid", &m->paid);
  put_buyer(m, w), put_receiver(m, w);
  put_lines(m, w, status), put_parcels(m, w), put_remarks(m, w), put_flags(m, w);
  put_text(w, "service", text_of(m, SHEET_SERVICE));
  put_text(w, "raw_status", raw_status(m));
  jw_object_end(w);
}

bool sheet_order_put(struct arena *a, const struct sheet_options *o, bool has_status,
                     struct sheet_line **lines, size_t n, struct buf *out, bool *amounts_add_up)
{
  must(n > 0 && n <= SHEET_ROWS_MAX);
  struct maker m = { .a = a, .o = o, .has_status = has_status, .line = lines, .n = n };
  int64_t time[SHEET_FIELD_N] = { 0 };
  struct jw w;
  if (!read_channel(&m) || !read_currency(&m) || !read_status(&m) || !read_times(&m, time) ||
      !read_lines(&m) || !read_total(&m) || !read_parcels(&m))
    return false;
  jw_init(&w, out);
  put_order(&m, time, &w);
  *amounts_add_up = m.adds_up;
  return true;
}
