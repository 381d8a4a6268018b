/* view_case.c: cases as people see them: SELECT only. Photos have names only for eyes that may open them. */
#include "domain.h"

#define COLS \
  "SELECT k.id, k.order_id, c.name, o.external_id, k.kind, k.state, k.step, k.round, k.amount, k.currency, k.reason, k.note," \
  " k.refund, k.refund_id, k.effect_id, k.goods, w.code, k.exchange_id, k.created_at, k.updated_at, k.step_since, k.due_at," \
  " k.due_step, k.ended_at, k.actor, k.version FROM cases k JOIN orders o ON o.id = k.order_id" \
  " JOIN channels c ON c.id = o.channel_id LEFT JOIN warehouses w ON w.id = k.warehouse_id"

static void typed_put(struct jw *w, struct arena *a, const char *key, const char *text, enum privacy p)
{
  jw_kstring(w, key, text && p != SHOW_FULL ? remark_mask(a, text) : text);
}

static void case_fields(struct jw *w, struct arena *a, struct stmt *s, enum privacy p)
{
  static const char *const dues[] = { NULL, "remind", "escalate", "goods" };
  int64_t due = stmt_col_int(s, 22);
  const char *currency = stmt_col_text(s, 9);
  jw_id(w, "id", 'c', stmt_col_int(s, 0)), jw_id(w, "order", 'o', stmt_col_int(s, 1));
  jw_kstring(w, "channel", stmt_col_text(s, 2)), jw_kstring(w, "external_id", stmt_col_text(s, 3));
  jw_kstring(w, "kind", stmt_col_text(s, 4)), jw_kstring(w, "state", stmt_col_text(s, 5));
  jw_kstring(w, "step", stmt_col_text(s, 6)), jw_kint(w, "round", stmt_col_int(s, 7));
  jw_kmoney(w, "amount", stmt_col_int(s, 8), currency);
  typed_put(w, a, "reason", stmt_col_text(s, 10), p), typed_put(w, a, "note", stmt_col_text(s, 11), p);
  jw_kstring(w, "refund", stmt_col_text(s, 12)), jw_kstring(w, "refund_id", stmt_col_text(s, 13));
  jw_id(w, "effect", 'e', stmt_col_int(s, 14)), jw_kstring(w, "goods", stmt_col_text(s, 15));
  jw_kstring(w, "warehouse", stmt_col_text(s, 16)), jw_id(w, "exchange", 'o', stmt_col_int(s, 17));
  jw_ktime_col(w, "created_at", s, 18), jw_ktime_col(w, "updated_at", s, 19),
    jw_ktime_col(w, "step_since", s, 20);
  jw_ktime_col(w, "due_at", s, 21), jw_kstring(w, "due", due > 0 && due < 4 ? dues[due] : NULL);
  jw_ktime_col(w, "ended_at", s, 23), jw_kstring(w, "actor", stmt_col_text(s, 24));
  jw_kint(w, "version", stmt_col_int(s, 25));
}

static enum err lines_put(struct db *db, struct jw *w, int64_t id, const char *currency)
{
  static const char SQL[] =
    "SELECT l.line_no, i.line_id, i.sku, i.title, l.quantity, l.amount, l.instead, l.received, l.good, l.damaged"
    " FROM case_lines l JOIN cases k ON k.id = l.case_id LEFT JOIN lines i ON i.order_id = k.order_id AND i.line_no = l.line_no"
    " WHERE l.case_id = $1 ORDER BY l.line_no";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id);
  jw_key(w, "lines"), jw_array(w);
  while (stmt_row(s)) {
    jw_object(w), jw_kint(w, "line_no", stmt_col_int(s, 0)), jw_kstring(w, "line_id", stmt_col_text(s, 1));
    jw_kstring(w, "sku", stmt_col_text(s, 2)), jw_kstring(w, "title", stmt_col_text(s, 3));
    jw_kint(w, "quantity", stmt_col_int(s, 4)), jw_kmoney(w, "amount", stmt_col_int(s, 5), currency);
    jw_kstring(w, "instead", stmt_col_text(s, 6)), jw_kint(w, "received", stmt_col_int(s, 7));
    jw_kint(w, "good", stmt_col_int(s, 8)), jw_kint(w, "damaged", stmt_col_int(s, 9)), jw_object_end(w);
  }
  jw_array_end(w);
  return stmt_end(s);
}

static void hex_field(struct jw *w, const char *key, const void *p, size_t n)
{
  struct buf hex = { 0 };
  if (p) hex_put(&hex, p, n);
  jw_kstring(w, key, p ? hex.data : NULL);
  buf_release(&hex);
}

static enum err photos_put(struct db *db, struct jw *w, int64_t id, bool names)
{
  static const char SQL[] =
    "SELECT p.digest, p.type, p.width, p.height, p.size, c.at, c.actor FROM case_photos c"
    " JOIN photos p ON p.digest = c.digest WHERE c.case_id = $1 ORDER BY c.at, p.digest";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id);
  jw_key(w, "photos"), jw_array(w);
  while (stmt_row(s)) {
    size_t n = 0;
    const void *p = stmt_col_blob(s, 0, &n);
    jw_object(w), hex_field(w, "digest", names ? p : NULL, n), jw_kstring(w, "type", stmt_col_text(s, 1));
    jw_kint(w, "width", stmt_col_int(s, 2)), jw_kint(w, "height", stmt_col_int(s, 3)),
      jw_kint(w, "size", stmt_col_int(s, 4));
    jw_ktime_col(w, "at", s, 5), jw_kstring(w, "actor", stmt_col_text(s, 6)), jw_object_end(w);
  }
  jw_array_end(w);
  return stmt_end(s);
}

/* The text of a seal holds the digests of photos: its own digest is enough for all. */
static enum err acts_put(struct db *db, struct arena *a, struct jw *w, int64_t id, enum privacy p)
{
  static const char SQL[] =
    "SELECT act, step, round, person, actor, at, note, digest FROM case_acts WHERE case_id = $1 ORDER BY n";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id);
  jw_key(w, "steps"), jw_array(w);
  while (stmt_row(s)) {
    size_t n = 0;
    jw_object(w), jw_kstring(w, "act", stmt_col_text(s, 0)), jw_kstring(w, "step", stmt_col_text(s, 1));
    jw_kint(w, "round", stmt_col_int(s, 2)), jw_kstring(w, "person", stmt_col_text(s, 3));
    jw_kstring(w, "actor", stmt_col_text(s, 4)), jw_ktime_col(w, "at", s, 5);
    typed_put(w, a, "note", stmt_col_text(s, 6), p);
    const void *digest = stmt_col_blob(s, 7, &n);
    hex_field(w, "sealed", n ? digest : NULL, n), jw_object_end(w);
  }
  jw_array_end(w);
  return stmt_end(s);
}

enum err view_case(struct db *db, struct arena *a, int64_t id, bool photos, enum privacy p, struct buf *out,
                   int64_t *version)
{
  static const char SQL[] = COLS " WHERE k.id = $1";
  struct stmt *s = db_stmt(db, SQL);
  struct jw w;
  const char *currency = NULL;
  stmt_int(s, 1, id);
  jw_init(&w, out);
  bool found = stmt_row(s);
  if (found) {
    if (version) *version = stmt_col_int(s, 25);
    currency = stmt_col_copy(s, 9, a);
    jw_object(&w), case_fields(&w, a, s, p);
  }
  TRY(stmt_end(s));
  if (!found) return ERR_NOT_FOUND;
  TRY(lines_put(db, &w, id, currency));
  TRY(photos_put(db, &w, id, photos));
  TRY(acts_put(db, a, &w, id, p));
  jw_object_end(&w);
  return ERR_OK;
}

enum err row_cases(struct db *db, struct jw *w, int64_t order_id)
{
  static const char SQL[] = "SELECT id, kind, state, step FROM cases WHERE order_id = $1 ORDER BY id";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, order_id);
  jw_key(w, "cases"), jw_array(w);
  while (stmt_row(s)) {
    jw_object(w), jw_id(w, "id", 'c', stmt_col_int(s, 0)), jw_kstring(w, "kind", stmt_col_text(s, 1));
    jw_kstring(w, "state", stmt_col_text(s, 2)), jw_kstring(w, "step", stmt_col_text(s, 3)), jw_object_end(w);
  }
  jw_array_end(w);
  return stmt_end(s);
}

static bool known_word(const char *word, const char *const *words, size_t n)
{
  for (size_t i = 0; word && i < n; i++)
    if (!strcmp(words[i], word)) return true;
  return !word;
}

static enum err filter_check(const struct case_filter *f, const char **why)
{
  static const char *const states[] = { "open", "approved", "done", "rejected", "cancelled" };
  enum case_kind kind;
  if (!known_word(f->state, states, COUNT(states)))
    return *why = "state is one of open, approved, done, rejected, cancelled", ERR_BAD_REQUEST;
  if (f->kind && !case_kind_parse(f->kind, &kind))
    return *why = "kind is one of return, exchange, refund_only, repair", ERR_BAD_REQUEST;
  if (f->step && case_step_parse(f->step) == CASE_STEPS)
    return *why = "step is one of cs, warehouse, finance", ERR_BAD_REQUEST;
  return ERR_OK;
}

static enum err cases_rows(struct db *db, struct arena *a, struct sql *q, int limit, enum privacy p,
                           struct jw *w, const char **next)
{
  struct cursor last = { 0 };
  struct stmt *s = sql_prepare(db, q);
  for (int n = 0; stmt_row(s); n++) {
    if (n == limit) {
      *next = cursor_text(a, 'C', last);
      break;
    }
    jw_object(w), case_fields(w, a, s, p), jw_object_end(w);
    last.id = stmt_col_int(s, 0);
  }
  enum err e = stmt_end(s);
  stmt_drop(s);
  return e;
}

enum err view_cases(struct db *db, struct arena *a, const struct case_filter *f, enum privacy p,
                    struct buf *out, const char **next, const char **why)
{
  struct cursor from;
  struct sql q = { 0 };
  struct jw w;
  int limit = f->limit;
  *next = NULL;
  TRY(list_begin(a, 'C', f->cursor, &limit, &from, why));
  TRY(filter_check(f, why));
  sql_piece(&q, COLS);
  sql_int(&q, " WHERE k.id < ", from.id, "");
  if (f->order_id) sql_int(&q, " AND k.order_id = ", f->order_id, "");
  if (f->state) sql_text(&q, " AND k.state = ", f->state, "");
  if (f->kind) sql_text(&q, " AND k.kind = ", f->kind, "");
  if (f->step) sql_text(&q, " AND k.step = ", f->step, "");
  if (f->overdue)
    sql_piece(&q, " AND EXISTS (SELECT 1 FROM exceptions x WHERE x.order_id = k.order_id AND x.state = 'open'"
                  " AND x.type = 'case_overdue:' || k.step)");
  sql_int(&q, " ORDER BY k.id DESC LIMIT ", limit + 1, "");
  list_open(&w, out);
  enum err e = cases_rows(db, a, &q, limit, p, &w, next);
  list_close(&w, *next);
  sql_release(&q);
  return e;
}
