/* order_money.c: what was paid for an order line by line, and what its channel gave back by itself. */
#include "domain.h"

#define REFUNDS_READ_MAX 1000

bool refund_done(const char *status)
{
  static const char *const words[] = { "refunded", "done", "success", "succeeded", "completed", "finished" };
  for (size_t i = 0; i < COUNT(words); i++)
    if (!strcmp(status, words[i])) return true;
  return false;
}

enum err order_refunds(struct db *db, struct arena *a, int64_t order_id, struct told_refund **list, size_t *n)
{
  static const char SQL[] =
    "SELECT refund_id, line_id, status, amount FROM refunds WHERE order_id = $1 ORDER BY refund_id LIMIT $2";
  struct stmt *s = db_stmt(db, SQL);
  *list = arena_array(a, struct told_refund, REFUNDS_READ_MAX), *n = 0;
  stmt_int(s, 1, order_id), stmt_int(s, 2, REFUNDS_READ_MAX);
  while (*n < REFUNDS_READ_MAX && stmt_row(s)) {
    struct told_refund *r = &(*list)[(*n)++];
    r->refund_id = stmt_col_copy(s, 0, a), r->line_id = stmt_col_copy(s, 1, a);
    r->status = stmt_col_copy(s, 2, a), r->amount = stmt_col_int(s, 3);
  }
  return stmt_end(s);
}

struct sums { /* of one line, or of what names none */
  int64_t all, mine, pieces, my_pieces;
};

static bool is_mine(const char *const *but, size_t n, const char *id)
{
  for (size_t i = 0; i < n; i++)
    if (!strcmp(but[i], id)) return true;
  return false;
}

static enum err refunds_read(struct db *db, int64_t id, const struct order_money *m, const char *const *but,
                             size_t n, struct sums *of, struct sums *rest)
{
  static const char SQL[] =
    "SELECT refund_id, status, line_id, amount, coalesce(quantity, 0) FROM refunds WHERE order_id = $1";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id);
  while (stmt_row(s)) {
    if (!refund_counts(stmt_col_text(s, 1))) continue;
    const char *line_id = stmt_col_text(s, 2);
    struct sums *at = rest;
    for (size_t i = 0; line_id && i < m->lines && at == rest; i++)
      if (m->line[i].line_id && !strcmp(m->line[i].line_id, line_id)) at = &of[i];
    int64_t amount = stmt_col_int(s, 3), pieces = stmt_col_int(s, 4);
    at->all += amount, at->pieces += pieces;
    if (is_mine(but, n, stmt_col_text(s, 0))) at->mine += amount, at->my_pieces += pieces;
  }
  return stmt_end(s);
}

/* A discount on the whole order is one on each line: what was paid is shared out by what they are worth. */
static void worth_share(struct order_money *m, int64_t freight)
{
  int64_t sum = 0, weight[ORDER_LINES_MAX], part[ORDER_LINES_MAX];
  for (size_t i = 0; i < m->lines; i++) {
    if (!m->line[i].worth) return; /* without all prices nobody can say what a line cost */
    weight[i] = m->line[i].worth;
    if (__builtin_add_overflow(sum, weight[i], &sum)) return;
  }
  int64_t goods = m->paid > freight ? m->paid - freight : m->paid;
  if (!m->lines || sum <= goods) return;
  money_share(goods, weight, part, m->lines);
  for (size_t i = 0; i < m->lines; i++) m->line[i].worth = part[i];
}

static enum err lines_read(struct db *db, struct arena *a, int64_t id, struct order_money *m, int64_t *told)
{
  static const char SQL[] =
    "SELECT line_no, quantity, coalesce(price, -1), discount, refunded, line_id, sku, title"
    " FROM lines WHERE order_id = $1 ORDER BY line_no";
  struct stmt *s = db_stmt(db, SQL);
  m->line = arena_array(a, struct line_money, ORDER_LINES_MAX), m->lines = 0;
  stmt_int(s, 1, id);
  while (m->lines < ORDER_LINES_MAX && stmt_row(s)) {
    struct line_money *l = &m->line[m->lines];
    struct line is = { .quantity = stmt_col_int(s, 1),
                       .price = stmt_col_int(s, 2),
                       .discount = stmt_col_int(s, 3) };
    l->line_no = stmt_col_int(s, 0), l->bought = is.quantity, l->worth = line_worth(&is);
    told[m->lines] = stmt_col_int(s, 4);
    l->line_id = stmt_col_copy(s, 5, a), l->sku = stmt_col_copy(s, 6, a), l->title = stmt_col_copy(s, 7, a);
    m->lines++;
  }
  return stmt_end(s);
}

/* A channel that does not say what was paid means the total, once it was paid. */
static enum err paid_read(struct db *db, struct arena *a, int64_t id, struct order_money *m, int64_t *freight)
{
  static const char SQL[] =
    "SELECT currency, paid, total, freight, coalesce(paid_at, 0), channel_status FROM orders WHERE id = $1";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id);
  bool found = stmt_row(s);
  if (found) {
    const char *status = stmt_col_text(s, 5);
    bool was_paid = stmt_col_int(s, 4) || !strcmp(status, "paid") || !strcmp(status, "shipped") ||
                    !strcmp(status, "partly_shipped") || !strcmp(status, "completed");
    m->currency = stmt_col_copy(s, 0, a), m->paid = stmt_col_int(s, 1), *freight = stmt_col_int(s, 3);
    if (!m->paid && was_paid) m->paid = stmt_col_int(s, 2);
  }
  enum err e = stmt_end(s);
  return e ? e : found ? ERR_OK : ERR_NOT_FOUND;
}

enum err order_money(struct db *db, struct arena *a, int64_t order_id, const char *const *but, size_t n,
                     struct order_money *m)
{
  int64_t freight = 0, told[ORDER_LINES_MAX];
  struct sums of[ORDER_LINES_MAX] = { 0 }, rest = { 0 };
  *m = (struct order_money){ 0 };
  TRY(paid_read(db, a, order_id, m, &freight));
  TRY(lines_read(db, a, order_id, m, told));
  TRY(refunds_read(db, order_id, m, but, n, of, &rest));
  worth_share(m, freight);
  m->refunded = rest.all - rest.mine;
  for (size_t i = 0; i < m->lines; i++) {
    int64_t all = told[i] > of[i].all ? told[i] : of[i].all; /* the same money told in two places */
    m->line[i].refunded = all > of[i].mine ? all - of[i].mine : 0;
    m->line[i].surplus = all - of[i].all;
    m->line[i].pieces = of[i].pieces - of[i].my_pieces;
    m->refunded += m->line[i].refunded;
  }
  return ERR_OK;
}

enum err order_whom(struct db *db, struct arena *a, int64_t order_id, struct draft *d)
{
  static const char SQL[] =
    "SELECT currency, buyer_id, buyer_name, buyer_phone, receiver_name, receiver_phone, country, province, city, district, town,"
    " address, zip, service FROM orders WHERE id = $1";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, order_id);
  bool found = stmt_row(s);
  if (found) {
    const char **const texts[] = { &d->currency,      &d->buyer_id,       &d->buyer_name, &d->buyer_phone,
                                   &d->receiver_name, &d->receiver_phone, &d->country,    &d->province,
                                   &d->city,          &d->district,       &d->town,       &d->address,
                                   &d->zip,           &d->service };
    for (size_t i = 0; i < COUNT(texts); i++) *texts[i] = stmt_col_copy(s, (int)i, a);
  }
  enum err e = stmt_end(s);
  return e ? e : found ? ERR_OK : ERR_NOT_FOUND;
}
