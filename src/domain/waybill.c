/* waybill.c: tables waybills, waybill_children, traces and trace_polls. */
#include "domain.h"

static const char *const state_names[] = {
#define X(id, name) [WAYBILL_##id] = name,
  WAYBILL_STATE_MAP(X)
#undef X
};

const char *waybill_state_name(enum waybill_state s)
{
  return state_names[s];
}

bool waybill_live(const struct waybill *w)
{
  return w->state != WAYBILL_VOID && w->state != WAYBILL_REFUSED;
}

static void bind_some(struct stmt *s, int at, int64_t v)
{
  if (v) stmt_int(s, at, v);
  else stmt_null(s, at);
}

/* ---- rows ------------------------------------------------------------------------------------------------------ */
#define COLS \
  "SELECT w.id, w.fulfilment_id, w.pieces, w.weight, w.volume, w.cod, w.price, coalesce(w.effect_id, 0), coalesce(w.claim_id, 0)," \
  " coalesce(w.bought_at, 0), w.created_at, w.updated_at, w.version, w.unwanted, w.state, w.carrier, w.order_no," \
  " w.tracking_no, w.route, w.currency, w.why, w.again, w.reason, w.actor FROM waybills w"

static void waybill_read(struct stmt *s, struct arena *a, struct waybill *w)
{
  int64_t *const numbers[] = { &w->id,         &w->fulfilment_id, &w->pieces,    &w->weight,   &w->volume,
                               &w->cod,        &w->price,         &w->effect_id, &w->claim_id, &w->bought_at,
                               &w->created_at, &w->updated_at,    &w->version };
  const char **const texts[] = { &w->carrier, &w->order_no, &w->tracking_no, &w->route, &w->currency,
                                 &w->why,     &w->again,    &w->reason,      &w->actor };
  int at = 0;
  for (size_t i = 0; i < COUNT(numbers); i++) *numbers[i] = stmt_col_int(s, at++);
  w->unwanted = stmt_col_int(s, at++) != 0;
  const char *state = stmt_col_text(s, at++);
  w->state = WAYBILL_REFUSED;
  for (size_t i = 0; i < COUNT(state_names); i++)
    if (!strcmp(state, state_names[i])) w->state = (enum waybill_state)i;
  for (size_t i = 0; i < COUNT(texts); i++) *texts[i] = stmt_col_copy(s, at++, a);
}

static enum err waybill_one(struct stmt *s, struct arena *a, struct waybill *out)
{
  *out = (struct waybill){ 0 };
  bool found = stmt_row(s);
  if (found) waybill_read(s, a, out);
  TRY(stmt_end(s));
  return found ? ERR_OK : ERR_NOT_FOUND;
}

enum err waybill_get(struct db *db, struct arena *a, int64_t id, struct waybill *out)
{
  static const char SQL[] = COLS " WHERE w.id = $1";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id);
  return waybill_one(s, a, out);
}

enum err waybill_of_fulfilment(struct db *db, struct arena *a, int64_t fulfilment_id, struct waybill *out)
{
  static const char SQL[] = COLS " WHERE w.fulfilment_id = $1 AND w.state <> 'void' AND w.state <> 'refused'";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, fulfilment_id);
  return waybill_one(s, a, out);
}

enum err waybill_by_number(struct db *db, struct arena *a, const char *tracking_no, struct waybill *out)
{
  static const char OWN[] = COLS " WHERE w.tracking_no = $1 ORDER BY w.id DESC LIMIT 1";
  static const char CHILD[] = COLS
    " JOIN waybill_children c ON c.waybill_id = w.id WHERE c.tracking_no = $1 ORDER BY w.id DESC LIMIT 1";
  struct stmt *s = db_stmt(db, OWN);
  stmt_text(s, 1, tracking_no);
  enum err e = waybill_one(s, a, out);
  if (e != ERR_NOT_FOUND) return e;
  s = db_stmt(db, CHILD);
  stmt_text(s, 1, tracking_no);
  return waybill_one(s, a, out);
}

enum err waybill_insert(struct db *db, struct waybill *w, int64_t now_ms)
{
  static const char SQL[] =
    "INSERT INTO waybills (id, fulfilment_id, carrier, order_no, state, pieces, weight, volume, cod, price, unwanted, currency,"
    " why, actor, created_at, updated_at, version) VALUES ($1, $2, $3, $4, 'wanted', $5, $6, $7, $8, $9, 0, $10, $11, $12,"
    " $13, $13, 1)";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, w->id), stmt_int(s, 2, w->fulfilment_id), stmt_text(s, 3, w->carrier);
  stmt_text(s, 4, w->order_no), stmt_int(s, 5, w->pieces), stmt_int(s, 6, w->weight),
    stmt_int(s, 7, w->volume);
  stmt_int(s, 8, w->cod), stmt_int(s, 9, w->price), stmt_text(s, 10, w->currency), stmt_text(s, 11, w->why);
  stmt_text(s, 12, w->actor), stmt_int(s, 13, now_ms);
  w->state = WAYBILL_WANTED, w->created_at = w->updated_at = now_ms, w->version = 1;
  return stmt_run(s);
}

enum err waybill_update(struct db *db, struct waybill *w, int64_t now_ms)
{
  static const char SQL[] =
    "UPDATE waybills SET state = $1, tracking_no = $2, route = $3, price = $4, effect_id = $5, unwanted = $6, again = $7,"
    " reason = $8, bought_at = $9, updated_at = $10, claim_id = $11, version = version + 1 WHERE id = $12 AND version = $13";
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, state_names[w->state]), stmt_text(s, 2, w->tracking_no), stmt_text(s, 3, w->route);
  stmt_int(s, 4, w->price), bind_some(s, 5, w->effect_id), stmt_int(s, 6, w->unwanted),
    stmt_text(s, 7, w->again);
  stmt_text(s, 8, w->reason), bind_some(s, 9, w->bought_at), stmt_int(s, 10, now_ms);
  bind_some(s, 11, w->claim_id), stmt_int(s, 12, w->id), stmt_int(s, 13, w->version);
  TRY(stmt_run(s));
  if (!db_changes(db)) return ERR_STALE;
  w->version++, w->updated_at = now_ms;
  return ERR_OK;
}

enum err waybill_child_put(struct db *db, int64_t id, const char *tracking_no)
{
  static const char SQL[] =
    "INSERT INTO waybill_children (tracking_no, waybill_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, tracking_no), stmt_int(s, 2, id);
  return stmt_run(s);
}

enum err waybill_children(struct db *db, struct arena *a, int64_t id, const char ***list, size_t *n)
{
  static const char SQL[] =
    "SELECT tracking_no FROM waybill_children WHERE waybill_id = $1 ORDER BY tracking_no LIMIT $2";
  struct stmt *s = db_stmt(db, SQL);
  *list = arena_array(a, const char *, WAYBILL_PIECES_MAX), *n = 0;
  stmt_int(s, 1, id), stmt_int(s, 2, WAYBILL_PIECES_MAX);
  while (*n < WAYBILL_PIECES_MAX && stmt_row(s)) (*list)[(*n)++] = stmt_col_copy(s, 0, a);
  return stmt_end(s);
}

size_t waybills_orphaned(struct db *db, const char *cancelled, int64_t *ids, size_t max)
{
  static const char SQL[] =
    "SELECT w.id FROM waybills w JOIN fulfilments f ON f.id = w.fulfilment_id WHERE w.claim_id IS NULL AND"
    " (w.state = 'wanted' OR w.state = 'bought') AND w.unwanted = 0 AND f.status = $1 ORDER BY w.id LIMIT $2";
  struct stmt *s = db_stmt(db, SQL);
  size_t n = 0;
  stmt_text(s, 1, cancelled), stmt_int(s, 2, (int64_t)max);
  while (n < max && stmt_row(s)) ids[n++] = stmt_col_int(s, 0);
  stmt_end(s);
  return n;
}

/* ---- traces ------------------------------------------------------------------------------------------------------ */
static const char *const trace_words[] = { "created",   "picked_up", "in_transit", "out_for_delivery",
                                           "delivered", "failed",    "returned",   "lost" };

bool trace_status_known(const char *status)
{
  for (size_t i = 0; i < COUNT(trace_words); i++)
    if (!strcmp(trace_words[i], status)) return true;
  return false;
}

static int64_t traces_of(struct db *db, const char *tracking_no)
{
  static const char SQL[] = "SELECT count(*) FROM traces WHERE tracking_no = $1";
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, tracking_no);
  int64_t n = stmt_row(s) ? stmt_col_int(s, 0) : 0;
  stmt_end(s);
  return n;
}

enum err trace_put(struct db *db, const char *tracking_no, const char *teller, const struct trace *t,
                   int64_t now_ms, bool *is_new)
{
  static const char SQL[] =
    "INSERT INTO traces (tracking_no, at, status, note, place, teller, told_at) VALUES ($1, $2, $3, $4, $5, $6, $7)"
    " ON CONFLICT DO NOTHING";
  *is_new = false;
  if (traces_of(db, tracking_no) >= TRACES_MAX) return ERR_OK;
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, tracking_no), stmt_int(s, 2, t->at), stmt_text(s, 3, t->status);
  stmt_text(s, 4, t->note ? t->note : ""), stmt_text(s, 5, t->place), stmt_text(s, 6, teller),
    stmt_int(s, 7, now_ms);
  TRY(stmt_run(s));
  *is_new = db_changes(db) > 0;
  return ERR_OK;
}

enum err row_traces(struct db *db, struct jw *w, const char *tracking_no)
{
  static const char SQL[] =
    "SELECT at, status, place, note FROM traces WHERE tracking_no = $1 ORDER BY at DESC, told_at DESC LIMIT $2";
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, tracking_no ? tracking_no : ""), stmt_int(s, 2, TRACES_MAX);
  jw_key(w, "trace"), jw_array(w);
  while (stmt_row(s)) {
    jw_object(w), jw_ktime(w, "at", stmt_col_int(s, 0)), jw_kstring(w, "status", stmt_col_text(s, 1));
    jw_kstring(w, "place", stmt_col_text(s, 2)), jw_kstring(w, "note", stmt_col_text(s, 3)), jw_object_end(w);
  }
  jw_array_end(w);
  return stmt_end(s);
}

/* ---- asking carriers ----------------------------------------------------------------------------------------------- */
enum err trace_polls_enrol(struct db *db, int64_t after, int64_t now_ms, int64_t *last)
{
  static const char SQL[] = "SELECT id, state, carried FROM claims WHERE id > $1 ORDER BY id LIMIT 1000";
  static const char PUT[] =
    "INSERT INTO trace_polls (claim_id, due_at, asked, followed) VALUES ($1, $2, 0, 0) ON CONFLICT DO NOTHING";
  int64_t ids[1000];
  size_t n = 0;
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, after);
  *last = after;
  while (stmt_row(s)) {
    *last = stmt_col_int(s, 0);
    if (strcmp(stmt_col_text(s, 1), "void") != 0) ids[n++] = *last;
  }
  TRY(stmt_end(s));
  for (size_t i = 0; i < n; i++) {
    s = db_stmt(db, PUT);
    stmt_int(s, 1, ids[i]), stmt_int(s, 2, now_ms);
    TRY(stmt_run(s));
  }
  return ERR_OK;
}

enum err trace_polls_due(struct db *db, struct arena *a, int64_t now_ms, size_t max, struct trace_poll **list,
                         size_t *n)
{
  static const char SQL[] =
    "SELECT p.claim_id, p.asked, p.due_at, p.followed, c.claimed_at, c.carrier, c.tracking_no,"
    " c.fulfilment_id FROM trace_polls p JOIN claims c ON c.id = p.claim_id WHERE p.due_at <= $1"
    " ORDER BY p.due_at, p.claim_id LIMIT $2";
  struct stmt *s = db_stmt(db, SQL);
  *list = arena_array(a, struct trace_poll, max + 1), *n = 0;
  stmt_int(s, 1, now_ms), stmt_int(s, 2, (int64_t)max);
  while (*n < max && stmt_row(s))
    (*list)[(*n)++] = (struct trace_poll){ .claim_id = stmt_col_int(s, 0),
                                           .asked = stmt_col_int(s, 1),
                                           .due_at = stmt_col_int(s, 2),
                                           .followed = stmt_col_int(s, 3) != 0,
                                           .claimed_at = stmt_col_int(s, 4),
                                           .carrier = stmt_col_copy(s, 5, a),
                                           .tracking_no = stmt_col_copy(s, 6, a),
                                           .fulfilment_id = stmt_col_int(s, 7) };
  return stmt_end(s);
}

enum err trace_poll_next(struct db *db, int64_t claim_id, int64_t due_at, bool followed)
{
  static const char SQL[] =
    "UPDATE trace_polls SET due_at = $1, asked = asked + 1, followed = CASE WHEN $2 = 1 THEN 1 ELSE followed END"
    " WHERE claim_id = $3";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, due_at), stmt_int(s, 2, followed), stmt_int(s, 3, claim_id);
  return stmt_run(s);
}

enum err trace_polls_prune(struct db *db, int64_t now_ms, int64_t before_ms)
{
  static const char SQL[] =
    "DELETE FROM trace_polls WHERE due_at <= $1 AND claim_id NOT IN (SELECT c.id FROM claims c WHERE c.id = trace_polls.claim_id"
    " AND c.state <> 'void' AND c.claimed_at > $2 AND (c.carried = 'none' OR c.carried = 'label' OR c.carried = 'picked_up'"
    " OR c.carried = 'in_transit'))";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, now_ms), stmt_int(s, 2, before_ms);
  return stmt_run(s);
}

/* ---- JSON out -------------------------------------------------------------------------------------------------------- */
#define VIEW_COLS \
  "SELECT w.id, w.fulfilment_id, w.carrier, w.order_no, w.state, w.tracking_no, w.pieces, w.weight, w.volume, w.cod, w.price," \
  " w.currency, w.route, w.why, w.again, w.unwanted, w.reason, w.effect_id, e.state, e.error, w.actor, w.bought_at," \
  " w.created_at, w.updated_at, w.version, w.claim_id FROM waybills w LEFT JOIN effects e ON e.id = w.effect_id"

static void waybill_fields(struct jw *w, struct stmt *s)
{
  jw_id(w, "id", 'b', stmt_col_int(s, 0)), jw_id(w, "fulfilment", 'f', stmt_col_int(s, 1));
  jw_kstring(w, "carrier", stmt_col_text(s, 2)), jw_kstring(w, "order_no", stmt_col_text(s, 3));
  jw_kstring(w, "state", stmt_col_text(s, 4)), jw_kstring(w, "tracking_no", stmt_col_text(s, 5));
  jw_id(w, "claim", 'k', stmt_col_int(s, 25)), jw_kint(w, "pieces", stmt_col_int(s, 6));
  jw_kint(w, "weight_g", stmt_col_int(s, 7)), jw_kint(w, "volume_cm3", stmt_col_int(s, 8));
  jw_kint(w, "cod_minor", stmt_col_int(s, 9)), jw_kint(w, "price_minor", stmt_col_int(s, 10));
  jw_kstring(w, "currency", stmt_col_text(s, 11)), jw_kstring(w, "route", stmt_col_text(s, 12));
  jw_kraw(w, "why", stmt_col_text(s, 13)), jw_kstring(w, "again", stmt_col_text(s, 14));
  jw_kbool(w, "unwanted", stmt_col_int(s, 15) != 0), jw_kstring(w, "reason", stmt_col_text(s, 16));
  jw_id(w, "effect", 'e', stmt_col_int(s, 17)), jw_kstring(w, "effect_state", stmt_col_text(s, 18));
  jw_kraw(w, "error", stmt_col_text(s, 19)), jw_kstring(w, "actor", stmt_col_text(s, 20));
  jw_ktime_col(w, "bought_at", s, 21), jw_ktime_col(w, "created_at", s, 22),
    jw_ktime_col(w, "updated_at", s, 23);
  jw_kint(w, "version", stmt_col_int(s, 24));
}

static enum err children_put(struct db *db, struct jw *w, int64_t id)
{
  static const char SQL[] =
    "SELECT tracking_no FROM waybill_children WHERE waybill_id = $1 ORDER BY tracking_no";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id);
  jw_key(w, "children"), jw_array(w);
  while (stmt_row(s)) jw_string(w, stmt_col_text(s, 0));
  jw_array_end(w);
  return stmt_end(s);
}

enum err view_waybill(struct db *db, struct arena *a, int64_t id, struct buf *out, int64_t *version)
{
  static const char SQL[] = VIEW_COLS " WHERE w.id = $1";
  struct jw w;
  char *number = NULL;
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id);
  bool found = stmt_row(s);
  jw_init(&w, out);
  if (found) {
    if (version) *version = stmt_col_int(s, 24);
    number = stmt_col_copy(s, 5, a);
    jw_object(&w), waybill_fields(&w, s);
  }
  TRY(stmt_end(s));
  if (!found) return ERR_NOT_FOUND;
  TRY(children_put(db, &w, id));
  TRY(row_traces(db, &w, number));
  jw_object_end(&w);
  return ERR_OK;
}

static enum err waybills_rows(struct db *db, struct arena *a, struct sql *q, int limit, struct jw *w,
                              const char **next)
{
  struct cursor last = { 0 };
  struct stmt *s = sql_prepare(db, q);
  for (int n = 0; stmt_row(s); n++) {
    if (n == limit) {
      *next = cursor_text(a, 'b', last);
      break;
    }
    jw_object(w), waybill_fields(w, s), jw_object_end(w);
    last.id = stmt_col_int(s, 0);
  }
  enum err e = stmt_end(s);
  stmt_drop(s);
  return e;
}

static bool state_known(const char *state)
{
  for (size_t i = 0; i < COUNT(state_names); i++)
    if (!strcmp(state, state_names[i])) return true;
  return false;
}

enum err view_waybills(struct db *db, struct arena *a, const struct waybill_filter *f, struct buf *out,
                       const char **next, const char **why)
{
  struct cursor from;
  struct jw w;
  int limit = f->limit;
  *next = NULL;
  TRY(list_begin(a, 'b', f->cursor, &limit, &from, why));
  if (f->state && !state_known(f->state)) {
    *why = "state is one of wanted, bought, voiding, void, refused";
    return ERR_BAD_REQUEST;
  }
  struct sql q = { 0 };
  sql_piece(&q, VIEW_COLS);
  sql_int(&q, " WHERE w.id < ", from.id, "");
  if (f->state) sql_text(&q, " AND w.state = ", f->state, "");
  if (f->carrier) sql_text(&q, " AND w.carrier = ", f->carrier, "");
  if (f->fulfilment_id) sql_int(&q, " AND w.fulfilment_id = ", f->fulfilment_id, "");
  sql_int(&q, " ORDER BY w.id DESC LIMIT ", limit + 1, "");
  list_open(&w, out);
  enum err e = waybills_rows(db, a, &q, limit, &w, next);
  list_close(&w, *next);
  sql_release(&q);
  return e;
}
