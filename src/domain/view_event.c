/* view_event.c: history, and why an order stands where it stands. */
#include "domain.h"

/* ---- events ---------------------------------------------------------------------------------- */
static void event_row(struct jw *w, struct arena *a, struct stmt *s, enum privacy p)
{
  const char *kind = stmt_col_text(s, 2);
  jw_object(w);
  jw_kint(w, "seq", stmt_col_int(s, 0));
  jw_ktime_col(w, "at", s, 1);
  jw_id(w, "entity", kind[0], stmt_col_int(s, 3));
  jw_kstring(w, "type", stmt_col_text(s, 4));
  jw_kstring(w, "actor", stmt_col_text(s, 5));
  jw_key(w, "data");
  jw_event_data(w, a, journal_data(stmt_col_text(s, 4), stmt_col_text(s, 6)), p);
  jw_object_end(w);
}

#define EVENT_COLS "seq, at, kind, entity, type, actor, data"
static const char SQL_ALL[] = "SELECT " EVENT_COLS " FROM events WHERE seq > $1 ORDER BY seq LIMIT $2";
static const char SQL_KIND[] =
  "SELECT " EVENT_COLS " FROM events WHERE seq > $1 AND kind = $2 ORDER BY seq LIMIT $3";
static const char SQL_ENTITY[] =
  "SELECT " EVENT_COLS " FROM events WHERE kind = $1 AND entity = $2 AND seq > $3 ORDER BY seq LIMIT $4";

static struct stmt *events_open(struct db *db, const struct event_filter *f, int limit)
{
  struct stmt *s = db_stmt(db, !f->kind ? SQL_ALL : f->entity ? SQL_ENTITY : SQL_KIND);
  if (!f->kind) {
    stmt_int(s, 1, f->since), stmt_int(s, 2, limit);
  } else if (!f->entity) {
    stmt_int(s, 1, f->since), stmt_textn(s, 2, &f->kind, 1), stmt_int(s, 3, limit);
  } else {
    stmt_textn(s, 1, &f->kind, 1), stmt_int(s, 2, f->entity), stmt_int(s, 3, f->since), stmt_int(s, 4, limit);
  }
  return s;
}

/* Masked whoever asks: a merge's two values are for `why`, which knows who asks.
 * next: the `since` to go on from. */
enum err view_events(struct db *db, struct arena *a, const struct event_filter *f, struct buf *out,
                     int64_t *last)
{
  int limit = f->limit < 1 ? LIST_LIMIT_DEFAULT : f->limit > LIST_LIMIT_MAX ? LIST_LIMIT_MAX : f->limit;
  struct jw w;
  *last = f->since;
  bool more = false;
  list_open(&w, out);
  struct stmt *s = events_open(db, f, limit + 1);
  for (int n = 0; stmt_row(s); n++) {
    if (n == limit) {
      more = true;
      break;
    }
    event_row(&w, a, s, SHOW_MASKED);
    *last = stmt_col_int(s, 0);
  }
  list_close(&w, more ? arena_printf(a, "%lld", (long long)*last) : NULL);
  return stmt_end(s);
}

/* ---- why ------------------------------------------------------------------------------------- */
#define WHY_EVENTS_MAX 500 /* the newest ones that are looked through */

struct why {
  struct db *db;
  struct arena *mem;
  struct jw *w;
  enum privacy privacy;
  const struct merge_rules *rules;
  int64_t id, group_id, contact_key;
  bool has_key;
  const char *status, *no_merge, *group_state, *group_key;
};

static enum err why_read(struct why *y)
{
  static const char SQL[] = "SELECT o.status, o.no_merge, coalesce(o.group_id, 0), o.contact_key, g.state,"
                            " coalesce(g.key, 'phone_address')"
                            " FROM orders o LEFT JOIN groups g ON g.id = o.group_id WHERE o.id = $1";
  struct stmt *s = db_stmt(y->db, SQL);
  stmt_int(s, 1, y->id);
  bool found = stmt_row(s);
  if (found) {
    y->status = stmt_col_copy(s, 0, y->mem), y->no_merge = stmt_col_copy(s, 1, y->mem);
    y->group_id = stmt_col_int(s, 2);
    y->has_key = !stmt_col_null(s, 3), y->contact_key = stmt_col_int(s, 3);
    y->group_state = stmt_col_copy(s, 4, y->mem), y->group_key = stmt_col_copy(s, 5, y->mem);
  }
  enum err e = stmt_end(s);
  return e ? e : found ? ERR_OK : ERR_NOT_FOUND;
}

/* domain 3.4, in the order in which a person would ask. NULL: it is free. */
static enum err why_not_free(struct why *y, const char **because)
{
  static const char SQL[] = "SELECT count(*) FROM holds WHERE order_id = $1";
  struct stmt *s = db_stmt(y->db, SQL);
  stmt_int(s, 1, y->id);
  bool held = stmt_row(s) && stmt_col_int(s, 0) > 0;
  TRY(stmt_end(s));
  bool status_fits = !strcmp(y->status, "paid") || !strcmp(y->status, "split");
  *because = held           ? "held"
             : y->no_merge  ? y->no_merge
             : !status_fits ? arena_printf(y->mem, "status_%s", y->status)
             : y->group_state && !strcmp(y->group_state, "locked") ? "group_locked"
                                                                   : NULL;
  return ERR_OK;
}

static enum err why_head(struct why *y)
{
  const char *because;
  bool masked = y->has_key && y->contact_key >= 0 && !(y->contact_key & 0xffffffff);
  TRY(why_not_free(y, &because));
  jw_id(y->w, "order", 'o', y->id);
  jw_kstring(y->w, "status", y->status);
  jw_key(y->w, "eligible"), jw_object(y->w);
  jw_kbool(y->w, "free", !because);
  jw_kstring(y->w, "because", because);
  jw_object_end(y->w);
  jw_key(y->w, "key"), jw_object(y->w);
  jw_kstring(y->w, "kind", !y->has_key ? NULL : y->contact_key < 0 ? "token" : "phone_address");
  jw_kbool(y->w, "masked", masked);
  jw_kint(y->w, "window_ms", y->rules->window_ms);
  jw_object_end(y->w);
  return ERR_OK;
}

static enum err why_group(struct why *y)
{
  static const char SQL[] = "SELECT id FROM orders WHERE group_id = $1 ORDER BY placed_at, id";
  struct jw *w = y->w;
  jw_key(w, "group");
  if (!y->group_id) {
    jw_null(w);
    return ERR_OK;
  }
  jw_object(w);
  jw_id(w, "id", 'g', y->group_id);
  jw_kstring(w, "state", y->group_state);
  jw_kstring(w, "key", y->group_key);
  jw_key(w, "orders"), jw_array(w);
  struct stmt *s = db_stmt(y->db, SQL);
  stmt_int(s, 1, y->group_id);
  while (stmt_row(s)) jw_id(w, NULL, 'o', stmt_col_int(s, 0));
  jw_array_end(w);
  jw_object_end(w);
  return stmt_end(s);
}

/* The newest grouping that spoke about this order: each condition with its value. */
static enum err why_conditions(struct why *y)
{
  static const char SQL[] =
    "SELECT data, seq, at FROM events WHERE kind = 'o' AND entity = $1 AND type = 'order.group'"
    " ORDER BY seq DESC LIMIT 1";
  struct faults f = { .mem = y->mem };
  struct stmt *s = db_stmt(y->db, SQL);
  stmt_int(s, 1, y->id);
  const char *because = "[]";
  struct buf text = { 0 };
  if (stmt_row(s)) {
    const char *data = stmt_col_copy(s, 0, y->mem);
    struct json *j = json_parse(y->mem, data, strlen(data), JSON_ELEMENTS_BATCH_MAX, &f);
    const struct json *list = json_get(j, "because");
    struct jw w;
    jw_init(&w, &text);
    if (json_type(list) == JSON_ARRAY) jw_json(&w, list), because = text.data;
  }
  enum err e = stmt_end(s);
  jw_key(y->w, "conditions");
  jw_event_data(y->w, y->mem, because, y->privacy);
  buf_release(&text);
  return e;
}

/* Which events tell why; a name that ends in a dot is the beginning of many. */
static const char *const why_types[] = {
  "order.created", "order.group",    "order.hold",    "order.release", "order.updated", "order.status",
  "order.cancel",  "order.conflict", "order.decided", "group.",        "merge.",
};

static bool tells_why(const char *type)
{
  for (size_t i = 0; i < COUNT(why_types); i++) {
    size_t n = strlen(why_types[i]);
    if (!strncmp(type, why_types[i], n) && (why_types[i][n - 1] == '.' || !type[n])) return true;
  }
  return false;
}

static enum err why_history(struct why *y)
{
  static const char SQL[] = "SELECT " EVENT_COLS " FROM ("
                            " SELECT * FROM (SELECT " EVENT_COLS
                            " FROM events WHERE kind = 'o' AND entity = $1 ORDER BY seq DESC LIMIT $2) m"
                            " UNION ALL"
                            " SELECT * FROM (SELECT " EVENT_COLS
                            " FROM events WHERE kind = 'g' AND entity = $3 ORDER BY seq DESC LIMIT $2) n"
                            ") h ORDER BY seq";
  struct stmt *s = db_stmt(y->db, SQL);
  stmt_int(s, 1, y->id), stmt_int(s, 2, WHY_EVENTS_MAX), stmt_int(s, 3, y->group_id);
  jw_key(y->w, "history"), jw_array(y->w);
  while (stmt_row(s))
    if (tells_why(stmt_col_text(s, 4))) event_row(y->w, y->mem, s, y->privacy);
  jw_array_end(y->w);
  return stmt_end(s);
}

/* Rows of (other order, text, moment[, actor]) about pairs that this order is half of. */
static enum err why_pairs(struct why *y, const char *sql, const char *key, const char *text,
                          const char *moment)
{
  struct stmt *s = db_stmt(y->db, sql);
  stmt_int(s, 1, y->id);
  jw_key(y->w, key), jw_array(y->w);
  while (stmt_row(s)) {
    jw_object(y->w);
    jw_id(y->w, "order", 'o', stmt_col_int(s, 0));
    jw_kstring(y->w, text, stmt_col_text(s, 1));
    jw_ktime_col(y->w, moment, s, 2);
    if (!stmt_col_null(s, 3)) jw_kstring(y->w, "actor", stmt_col_text(s, 3));
    jw_object_end(y->w);
  }
  jw_array_end(y->w);
  return stmt_end(s);
}

static const char SQL_PROPOSALS[] =
  "SELECT order_b, code, since, NULL FROM merge_proposals WHERE order_a = $1"
  " UNION ALL SELECT order_a, code, since, NULL FROM merge_proposals WHERE order_b = $1";
static const char SQL_DECISIONS[] =
  "SELECT order_b, verdict, at, actor FROM merge_decisions WHERE order_a = $1"
  " UNION ALL SELECT order_a, verdict, at, actor FROM merge_decisions WHERE order_b = $1";

/* Why its pieces come from there, in these parcels: the newest plan of each fulfilment. */
static enum err why_split(struct why *y)
{
  static const char SQL[] =
    "SELECT DISTINCT l.fulfilment_id FROM fulfilment_lines l JOIN fulfilments f ON f.id = l.fulfilment_id WHERE l.order_id = $1"
    " AND f.status <> 'cancelled' ORDER BY l.fulfilment_id";
  static const char SQL_EVENT[] =
    "SELECT data, seq, at FROM events WHERE kind = 'f' AND entity = $1"
    " AND (type = 'fulfilment.created' OR type = 'fulfilment.changed') ORDER BY seq DESC LIMIT 1";
  struct stmt *s = db_stmt(y->db, SQL);
  enum err part = ERR_OK;
  stmt_int(s, 1, y->id);
  jw_key(y->w, "fulfilments"), jw_array(y->w);
  while (!part && stmt_row(s)) {
    struct stmt *e = db_stmt(y->db, SQL_EVENT);
    stmt_int(e, 1, stmt_col_int(s, 0));
    jw_object(y->w), jw_id(y->w, "id", 'f', stmt_col_int(s, 0));
    if (stmt_row(e)) {
      jw_kint(y->w, "seq", stmt_col_int(e, 1)), jw_ktime_col(y->w, "at", e, 2);
      jw_kraw(y->w, "plan", stmt_col_text(e, 0));
    }
    jw_object_end(y->w);
    part = stmt_end(e);
  }
  jw_array_end(y->w);
  enum err e = stmt_end(s);
  return e ? e : part;
}

static enum err why_write(struct why *y)
{
  TRY(why_head(y));
  TRY(why_group(y));
  TRY(why_conditions(y));
  TRY(why_history(y));
  TRY(why_pairs(y, SQL_PROPOSALS, "proposals", "code", "since"));
  TRY(why_pairs(y, SQL_DECISIONS, "decisions", "verdict", "at"));
  TRY(why_split(y));
  TRY(row_holds(y->db, y->mem, y->w, y->id, y->privacy));
  return row_exceptions(y->db, y->w, y->id);
}

enum err view_order_why(struct db *db, struct arena *a, const struct status_table *t,
                        const struct merge_rules *r, int64_t id, enum privacy p, struct buf *out)
{
  struct jw w;
  struct why y = { .db = db, .mem = a, .w = &w, .privacy = p, .rules = r, .id = id };
  (void)t;
  TRY(why_read(&y));
  jw_init(&w, out);
  jw_object(&w);
  TRY(why_write(&y));
  jw_object_end(&w);
  return ERR_OK;
}
