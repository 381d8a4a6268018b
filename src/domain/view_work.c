/* view_work.c: work orders as people and factories see them: SELECT only. */
#include "domain.h"

#define COLS \
  "SELECT w.id, w.order_id, w.fulfilment_id, w.line_no, w.sku, w.title, w.quantity, w.factory, w.state, w.cancel, w.covers," \
  " w.step, w.steps, w.priority, w.wanted_by, w.expected_at, w.rework_of, w.note, w.effect_id, w.seq, w.created_at," \
  " w.updated_at, w.version FROM work_orders w"

static void work_fields(struct jw *w, struct stmt *s)
{
  jw_id(w, "id", 'w', stmt_col_int(s, 0)), jw_id(w, "order", 'o', stmt_col_int(s, 1));
  jw_id(w, "fulfilment", 'f', stmt_col_int(s, 2)), jw_kint(w, "line_no", stmt_col_int(s, 3));
  jw_kstring(w, "sku", stmt_col_text(s, 4)), jw_kstring(w, "title", stmt_col_text(s, 5));
  jw_kint(w, "quantity", stmt_col_int(s, 6)), jw_kstring(w, "factory", stmt_col_text(s, 7));
  jw_kstring(w, "state", stmt_col_text(s, 8)), jw_kstring(w, "cancel", stmt_col_text(s, 9));
  jw_kbool(w, "wanted", stmt_col_int(s, 10) != 0), jw_kint(w, "step", stmt_col_int(s, 11));
  jw_kint(w, "steps", stmt_col_int(s, 12)), jw_kint(w, "priority", stmt_col_int(s, 13));
  jw_ktime_col(w, "wanted_by", s, 14), jw_ktime_col(w, "expected_at", s, 15);
  jw_id(w, "rework_of", 'w', stmt_col_int(s, 16)), jw_kstring(w, "note", stmt_col_text(s, 17));
  jw_id(w, "effect", 'e', stmt_col_int(s, 18)), jw_kint(w, "seq", stmt_col_int(s, 19));
  jw_ktime_col(w, "created_at", s, 20), jw_ktime_col(w, "updated_at", s, 21),
    jw_kint(w, "version", stmt_col_int(s, 22));
}

enum err row_works(struct db *db, struct jw *w, int64_t fulfilment_id)
{
  static const char SQL[] = COLS " WHERE w.fulfilment_id = $1 ORDER BY w.id";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, fulfilment_id);
  jw_key(w, "work_orders"), jw_array(w);
  while (stmt_row(s)) jw_object(w), work_fields(w, s), jw_object_end(w);
  jw_array_end(w);
  return stmt_end(s);
}

static void bill_row(struct jw *w, const char *sku, const char *title, int64_t quantity)
{
  jw_object(w), jw_kstring(w, "sku", sku), jw_kstring(w, "title", title);
  jw_kint(w, "quantity", quantity), jw_object_end(w);
}

/* The line as it was sold: of work orders whose line has left the fulfilment. */
static enum err bill_sold(struct db *db, struct jw *w, int64_t id)
{
  static const char SQL[] = "SELECT sku, title, quantity FROM work_orders WHERE id = $1";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id);
  if (stmt_row(s)) bill_row(w, stmt_col_text(s, 0), stmt_col_text(s, 1), stmt_col_int(s, 2));
  return stmt_end(s);
}

/* The units are those of the whole line; this work order may be for some of its pieces, or for more than are wanted now. */
static enum err bill_put(struct db *db, struct jw *w, int64_t id)
{
  static const char SQL[] =
    "SELECT k.code, k.title, (sum(u.quantity) * w.quantity + l.quantity - 1) / l.quantity FROM work_orders w"
    " JOIN fulfilment_lines l ON l.fulfilment_id = w.fulfilment_id AND l.order_id = w.order_id AND l.line_no = w.line_no"
    " JOIN units u ON u.fulfilment_id = w.fulfilment_id AND u.fulfilment_id <> 0 AND u.order_id = w.order_id AND"
    " u.line_no = w.line_no JOIN skus k ON k.id = u.sku_id WHERE w.id = $1"
    " GROUP BY k.id, k.code, k.title, w.quantity, l.quantity ORDER BY k.code";
  struct stmt *s = db_stmt(db, SQL);
  bool any = false;
  stmt_int(s, 1, id);
  jw_key(w, "bill"), jw_array(w);
  for (; stmt_row(s); any = true) bill_row(w, stmt_col_text(s, 0), stmt_col_text(s, 1), stmt_col_int(s, 2));
  TRY(stmt_end(s));
  if (!any) TRY(bill_sold(db, w, id));
  jw_array_end(w);
  return ERR_OK;
}

static enum err events_put(struct db *db, struct jw *w, int64_t id)
{
  static const char SQL[] =
    "SELECT seq, state, step, steps, expected_at, cancel_refused, note, actor, applied, at"
    " FROM work_events WHERE work_id = $1 ORDER BY n";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id);
  jw_key(w, "events"), jw_array(w);
  while (stmt_row(s)) {
    jw_object(w), jw_kint(w, "seq", stmt_col_int(s, 0)), jw_kstring(w, "state", stmt_col_text(s, 1));
    jw_kint(w, "step", stmt_col_int(s, 2)), jw_kint(w, "steps", stmt_col_int(s, 3)),
      jw_ktime_col(w, "expected_at", s, 4);
    jw_kbool(w, "cancel_refused", stmt_col_int(s, 5) != 0), jw_kstring(w, "note", stmt_col_text(s, 6));
    jw_kstring(w, "actor", stmt_col_text(s, 7)), jw_kbool(w, "applied", stmt_col_int(s, 8) != 0);
    jw_ktime_col(w, "at", s, 9), jw_object_end(w);
  }
  jw_array_end(w);
  return stmt_end(s);
}

enum err view_work(struct db *db, struct arena *a, int64_t id, struct buf *out, int64_t *version)
{
  static const char SQL[] = COLS " WHERE w.id = $1";
  struct stmt *s = db_stmt(db, SQL);
  struct jw w;
  (void)a;
  stmt_int(s, 1, id);
  bool found = stmt_row(s);
  if (found) {
    jw_init(&w, out), jw_object(&w), work_fields(&w, s);
    if (version) *version = stmt_col_int(s, 22);
  }
  TRY(stmt_end(s));
  if (!found) return ERR_NOT_FOUND;
  TRY(bill_put(db, &w, id));
  TRY(events_put(db, &w, id));
  jw_object_end(&w);
  return ERR_OK;
}

enum err view_work_told(struct db *db, int64_t id, struct jw *w)
{
  static const char SQL[] =
    "SELECT id, order_id, line_no, sku, title, quantity, priority, wanted_by, rework_of FROM work_orders WHERE id = $1";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id);
  bool found = stmt_row(s);
  if (found) {
    jw_id(w, "work_order", 'w', stmt_col_int(s, 0)), jw_id(w, "order", 'o', stmt_col_int(s, 1));
    jw_kint(w, "line_no", stmt_col_int(s, 2)), jw_kstring(w, "sku", stmt_col_text(s, 3));
    jw_kstring(w, "title", stmt_col_text(s, 4)), jw_kint(w, "quantity", stmt_col_int(s, 5));
    jw_kint(w, "priority", stmt_col_int(s, 6)), jw_ktime_col(w, "wanted_by", s, 7);
    jw_id(w, "rework_of", 'w', stmt_col_int(s, 8));
  }
  TRY(stmt_end(s));
  return found ? bill_put(db, w, id) : ERR_NOT_FOUND;
}

static bool known_state(const char *name)
{
  for (int i = 0; i < WORK_STATES; i++)
    if (!strcmp(name, work_state_name((enum work_state)i))) return true;
  return false;
}

enum err view_works(struct db *db, struct arena *a, const struct work_filter *f, struct buf *out,
                    const char **next, const char **why)
{
  struct cursor from, last = { 0 };
  struct sql q = { 0 };
  struct jw w;
  int limit = f->limit;
  *next = NULL;
  TRY(list_begin(a, 'W', f->cursor, &limit, &from, why));
  if (f->state && !known_state(f->state))
    return *why = "There is no such state of a work order", ERR_BAD_REQUEST;
  sql_piece(&q, COLS);
  sql_int(&q, " WHERE w.id < ", from.id, "");
  if (f->order_id) sql_int(&q, " AND w.order_id = ", f->order_id, "");
  if (f->state) sql_text(&q, " AND w.state = ", f->state, "");
  if (f->factory) sql_text(&q, " AND w.factory = ", f->factory, "");
  if (f->overdue) {
    sql_piece(&q,
              " AND w.covers = 1 AND w.state <> 'passed' AND w.state <> 'failed' AND w.state <> 'scrapped'");
    sql_int(&q, " AND w.wanted_by > 0 AND (w.expected_at > w.wanted_by OR w.wanted_by < ", f->now_ms, ")");
  }
  sql_int(&q, " ORDER BY w.id DESC LIMIT ", limit + 1, "");
  list_open(&w, out);
  struct stmt *s = sql_prepare(db, &q);
  for (int n = 0; stmt_row(s); n++) {
    if (n == limit) {
      *next = cursor_text(a, 'W', last);
      break;
    }
    jw_object(&w), work_fields(&w, s), jw_object_end(&w);
    last.id = stmt_col_int(s, 0);
  }
  enum err e = stmt_end(s);
  stmt_drop(s);
  list_close(&w, *next);
  sql_release(&q);
  return e;
}
