/* stock.c: pieces per SKU and warehouse with their ledger (domain 5), and whose pieces they are. */
#include "domain.h"

const char *stock_bucket_name(enum bucket_kind b)
{
  switch (b) {
  case STOCK_AVAILABLE: return "available";
  case STOCK_RESERVED: return "reserved";
  case STOCK_FROZEN: return "frozen";
  case STOCK_QUARANTINE: return "quarantine";
  default: return "outside";
  }
}

/* ---- stock and its ledger ------------------------------------------------------------------------------------------- */

struct delta {
  int64_t on_hand, reserved, frozen, quarantine;
};

static void delta_add(struct delta *d, enum bucket_kind b, int64_t n)
{
  switch (b) {
  case STOCK_AVAILABLE: d->on_hand += n; break;
  case STOCK_RESERVED: d->on_hand += n, d->reserved += n; break;
  case STOCK_FROZEN: d->on_hand += n, d->frozen += n; break;
  case STOCK_QUARANTINE: d->quarantine += n; break;
  default: break;
  }
}

static const char SQL_GET[] =
  "SELECT on_hand, reserved, frozen, quarantine, move_id FROM stock WHERE sku_id = $1 AND warehouse_id = $2";

static enum err stock_read(struct db *db, int64_t sku_id, int64_t warehouse_id, struct stock *out,
                           int64_t *move_id)
{
  struct stmt *s = db_stmt(db, SQL_GET);
  *out = (struct stock){ 0 }, *move_id = 0;
  stmt_int(s, 1, sku_id), stmt_int(s, 2, warehouse_id);
  if (stmt_row(s)) {
    out->on_hand = stmt_col_int(s, 0), out->reserved = stmt_col_int(s, 1), out->frozen = stmt_col_int(s, 2);
    out->quarantine = stmt_col_int(s, 3), *move_id = stmt_col_int(s, 4);
    out->available = out->on_hand - out->reserved - out->frozen;
  }
  return stmt_end(s);
}

enum err stock_get(struct db *db, int64_t sku_id, int64_t warehouse_id, struct stock *out)
{
  int64_t move_id;
  return stock_read(db, sku_id, warehouse_id, out, &move_id);
}

/* The check and the change are one statement; before keeps it the change that the ledger's row speaks of. */
static const char SQL_CHANGE[] =
  "UPDATE stock SET on_hand = on_hand + $1, reserved = reserved + $2, frozen = frozen + $3, quarantine = quarantine + $4,"
  " move_id = $5 WHERE sku_id = $6 AND warehouse_id = $7 AND move_id = $8 AND reserved + $2 >= 0 AND frozen + $3 >= 0"
  " AND quarantine + $4 >= 0 AND on_hand + $1 >= reserved + $2 + frozen + $3";
static const char SQL_FIRST[] =
  "INSERT INTO stock (sku_id, warehouse_id, on_hand, reserved, frozen, quarantine, move_id)"
  " VALUES ($1, $2, $3, 0, 0, $4, $5)";

static enum err stock_change(struct db *db, int64_t sku_id, int64_t warehouse_id, const struct delta *d,
                             int64_t move_id, int64_t before)
{
  struct stmt *s;
  if (!before) {
    if (d->on_hand < 0 || d->quarantine < 0 || d->reserved || d->frozen) return ERR_CONFLICT;
    s = db_stmt(db, SQL_FIRST);
    stmt_int(s, 1, sku_id), stmt_int(s, 2, warehouse_id), stmt_int(s, 3, d->on_hand),
      stmt_int(s, 4, d->quarantine), stmt_int(s, 5, move_id);
    return stmt_run(s);
  }
  s = db_stmt(db, SQL_CHANGE);
  stmt_int(s, 1, d->on_hand), stmt_int(s, 2, d->reserved), stmt_int(s, 3, d->frozen),
    stmt_int(s, 4, d->quarantine);
  stmt_int(s, 5, move_id), stmt_int(s, 6, sku_id), stmt_int(s, 7, warehouse_id), stmt_int(s, 8, before);
  TRY(stmt_run(s));
  return db_changes(db) ? ERR_OK : ERR_CONFLICT;
}

static const char SQL_MOVE[] =
  "INSERT INTO stock_moves (id, at, sku_id, warehouse_id, source, target, quantity, reason, ref, actor, before)"
  " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";

enum err stock_move(struct db *db, int64_t sku_id, int64_t warehouse_id, enum bucket_kind from,
                    enum bucket_kind to, int64_t quantity, const char *reason, const char *ref,
                    const char *actor, int64_t now_ms)
{
  struct stock now;
  struct delta d = { 0 };
  int64_t before;
  char letter[2][2] = { { (char)from, 0 }, { (char)to, 0 } };
  must(quantity > 0 && from != to);
  delta_add(&d, from, -quantity), delta_add(&d, to, quantity);
  TRY(stock_read(db, sku_id, warehouse_id, &now, &before));
  if (now.on_hand > INT64_MAX / 4 - quantity || now.quarantine > INT64_MAX / 4 - quantity)
    return ERR_CONFLICT;
  int64_t id = db_next_id(db, "stock_move");
  TRY(stock_change(db, sku_id, warehouse_id, &d, id, before));
  struct stmt *s = db_stmt(db, SQL_MOVE);
  stmt_int(s, 1, id), stmt_int(s, 2, now_ms), stmt_int(s, 3, sku_id), stmt_int(s, 4, warehouse_id);
  stmt_text(s, 5, letter[0]), stmt_text(s, 6, letter[1]), stmt_int(s, 7, quantity), stmt_text(s, 8, reason);
  stmt_text(s, 9, ref), stmt_text(s, 10, actor), stmt_int(s, 11, before);
  return stmt_run(s);
}

enum err stock_places(struct db *db, struct arena *a, int64_t sku_id, struct stock_place **list, size_t *n)
{
  static const char SQL[] =
    "SELECT warehouse_id, on_hand - reserved - frozen FROM stock WHERE sku_id = $1 ORDER BY warehouse_id";
  struct stmt *s = db_stmt(db, SQL);
  size_t cap = 0;
  *list = NULL, *n = 0;
  stmt_int(s, 1, sku_id);
  while (stmt_row(s)) {
    if (*n == cap) {
      struct stock_place *grown = arena_array(a, struct stock_place, cap = cap ? 2 * cap : 4);
      if (*n) memcpy(grown, *list, *n * sizeof *grown);
      *list = grown;
    }
    (*list)[(*n)++] = (struct stock_place){ stmt_col_int(s, 0), stmt_col_int(s, 1) };
  }
  return stmt_end(s);
}

int64_t stock_available(struct db *db, int64_t sku_id)
{
  static const char SQL[] =
    "SELECT coalesce(sum(s.on_hand - s.reserved - s.frozen), 0) FROM stock s JOIN warehouses w ON w.id = s.warehouse_id"
    " WHERE s.sku_id = $1 AND w.state = 'active'";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, sku_id);
  int64_t n = stmt_row(s) ? stmt_col_int(s, 0) : 0;
  stmt_end(s);
  return n;
}

static bool is_there(struct stmt *s)
{
  bool found = stmt_row(s);
  stmt_end(s);
  return found;
}

bool stock_of_sku(struct db *db, int64_t sku_id)
{
  static const char SQL[] = "SELECT 1 FROM stock WHERE sku_id = $1 AND on_hand + quarantine > 0 LIMIT 1";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, sku_id);
  return is_there(s);
}

enum err stock_skus(struct db *db, struct arena *a, int64_t warehouse_id, int64_t **list, size_t *n)
{
  static const char SQL[] =
    "SELECT sku_id FROM stock WHERE warehouse_id = $1 AND on_hand > 0 ORDER BY sku_id";
  struct stmt *s = db_stmt(db, SQL);
  size_t cap = 0;
  *list = NULL, *n = 0;
  stmt_int(s, 1, warehouse_id);
  while (stmt_row(s)) {
    if (*n == cap) {
      int64_t *grown = arena_array(a, int64_t, cap = cap ? 2 * cap : 64);
      if (*n) memcpy(grown, *list, *n * sizeof *grown);
      *list = grown;
    }
    (*list)[(*n)++] = stmt_col_int(s, 0);
  }
  return stmt_end(s);
}

bool stock_of_warehouse(struct db *db, int64_t warehouse_id, bool bound)
{
  static const char SQL_ANY[] =
    "SELECT 1 FROM stock WHERE warehouse_id = $1 AND on_hand + quarantine > 0 LIMIT 1";
  static const char SQL_BOUND[] =
    "SELECT 1 FROM stock WHERE warehouse_id = $1 AND reserved + frozen > 0 LIMIT 1";
  struct stmt *s = db_stmt(db, bound ? SQL_BOUND : SQL_ANY);
  stmt_int(s, 1, warehouse_id);
  return is_there(s);
}

/* ---- units ---------------------------------------------------------------------------------------------------------------- */

static const char *const unit_states[] = { "reserved", "frozen", "made", "shipped" };

#define UNIT_COLS "SELECT order_id, line_no, sku_id, warehouse_id, fulfilment_id, quantity, state FROM units"

static enum err units_read(struct stmt *s, struct arena *a, struct unit **list, size_t *n)
{
  size_t cap = 0;
  *list = NULL, *n = 0;
  while (stmt_row(s)) {
    if (*n == cap) {
      struct unit *grown = arena_array(a, struct unit, cap = cap ? 2 * cap : 8);
      if (*n) memcpy(grown, *list, *n * sizeof *grown);
      *list = grown;
    }
    struct unit *u = &(*list)[(*n)++];
    *u = (struct unit){ stmt_col_int(s, 0), stmt_col_int(s, 1), stmt_col_int(s, 2), stmt_col_int(s, 3),
                        stmt_col_int(s, 4), stmt_col_int(s, 5), UNIT_RESERVED };
    const char *state = stmt_col_text(s, 6);
    for (size_t i = 0; i < COUNT(unit_states); i++)
      if (!strcmp(unit_states[i], state)) u->state = (enum unit_state)i;
  }
  return stmt_end(s);
}

enum err units_of_order(struct db *db, struct arena *a, int64_t order_id, struct unit **list, size_t *n)
{
  static const char SQL[] =
    UNIT_COLS " WHERE order_id = $1 ORDER BY line_no, sku_id, warehouse_id, fulfilment_id";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, order_id);
  return units_read(s, a, list, n);
}

enum err units_of_fulfilment(struct db *db, struct arena *a, int64_t fulfilment_id, struct unit **list,
                             size_t *n)
{
  static const char SQL[] = UNIT_COLS
    " WHERE fulfilment_id = $1 AND fulfilment_id <> 0 ORDER BY order_id, line_no, sku_id, warehouse_id";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, fulfilment_id);
  return units_read(s, a, list, n);
}

enum err units_frozen(struct db *db, struct arena *a, int64_t sku_id, int64_t warehouse_id, int64_t max,
                      struct unit **list, size_t *n)
{
  static const char SQL[] = UNIT_COLS
    " WHERE sku_id = $1 AND warehouse_id = $2 AND state = 'frozen' ORDER BY order_id, line_no LIMIT $3";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, sku_id), stmt_int(s, 2, warehouse_id), stmt_int(s, 3, max);
  return units_read(s, a, list, n);
}

static void unit_bind(struct stmt *s, int at, const struct unit *u)
{
  stmt_int(s, at, u->order_id), stmt_int(s, at + 1, u->line_no), stmt_int(s, at + 2, u->sku_id);
  stmt_int(s, at + 3, u->warehouse_id), stmt_int(s, at + 4, u->fulfilment_id);
}

enum err unit_put(struct db *db, const struct unit *u)
{
  static const char SQL[] =
    "INSERT INTO units (order_id, line_no, sku_id, warehouse_id, fulfilment_id, quantity, state)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (order_id, line_no, sku_id, warehouse_id, fulfilment_id)"
    " DO UPDATE SET quantity = units.quantity + excluded.quantity WHERE units.state = excluded.state";
  struct stmt *s = db_stmt(db, SQL);
  unit_bind(s, 1, u), stmt_int(s, 6, u->quantity), stmt_text(s, 7, unit_states[u->state]);
  TRY(stmt_run(s));
  return db_changes(db) == 1 ? ERR_OK : ERR_CONFLICT;
}

enum err unit_drop(struct db *db, const struct unit *u)
{
  static const char SQL[] =
    "DELETE FROM units WHERE order_id = $1 AND line_no = $2 AND sku_id = $3 AND warehouse_id = $4 AND fulfilment_id = $5";
  struct stmt *s = db_stmt(db, SQL);
  unit_bind(s, 1, u);
  TRY(stmt_run(s));
  return db_changes(db) == 1 ? ERR_OK : ERR_NOT_FOUND;
}

enum err unit_set(struct db *db, const struct unit *u)
{
  static const char SQL[] =
    "UPDATE units SET quantity = $1, state = $2"
    " WHERE order_id = $3 AND line_no = $4 AND sku_id = $5 AND warehouse_id = $6 AND fulfilment_id = $7";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, u->quantity), stmt_text(s, 2, unit_states[u->state]), unit_bind(s, 3, u);
  TRY(stmt_run(s));
  return db_changes(db) == 1 ? ERR_OK : ERR_NOT_FOUND;
}

/* By way of the orders that stand open: they are few, and the units of all times are many. */
size_t units_reservers(struct db *db, const char *status, int64_t sku_id, int64_t warehouse_id, int64_t after,
                       int64_t *ids, size_t max)
{
  static const char SQL[] =
    "SELECT o.id FROM orders o WHERE o.status = $1 AND o.id > $2 AND EXISTS (SELECT 1 FROM units u WHERE u.order_id = o.id"
    " AND u.sku_id = $3 AND u.warehouse_id = $4 AND u.state = 'reserved') ORDER BY o.id LIMIT $5";
  struct stmt *s = db_stmt(db, SQL);
  size_t n = 0;
  stmt_text(s, 1, status), stmt_int(s, 2, after), stmt_int(s, 3, sku_id), stmt_int(s, 4, warehouse_id),
    stmt_int(s, 5, (int64_t)max);
  while (n < max && stmt_row(s)) ids[n++] = stmt_col_int(s, 0);
  stmt_end(s);
  return n;
}

/* Walks the orders once in the life of a file. */
size_t orders_without_units(struct db *db, int64_t after, int64_t *ids, size_t max)
{
  static const char SQL[] =
    "SELECT o.id FROM orders o WHERE o.status NOT IN ('shipped', 'completed', 'cancelled') AND o.id > $1"
    " AND NOT EXISTS (SELECT 1 FROM units u WHERE u.order_id = o.id) ORDER BY o.id LIMIT $2";
  struct stmt *s = db_stmt(db, SQL);
  size_t n = 0;
  stmt_int(s, 1, after), stmt_int(s, 2, (int64_t)max);
  while (n < max && stmt_row(s)) ids[n++] = stmt_col_int(s, 0);
  stmt_end(s);
  return n;
}
