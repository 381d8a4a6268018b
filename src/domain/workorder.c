/* workorder.c: tables work_orders and work_events, and what an event makes of a work order (domain 7.2). */
#include "domain.h"

static const char *const state_names[] = {
#define X(id, name) [WORK_##id] = name,
  WORK_STATE_MAP(X)
#undef X
};
static const char *const cancel_names[] = { "none", "asked", "refused" };

const char *work_state_name(enum work_state s)
{
  return state_names[s];
}

const char *work_cancel_name(enum work_cancel c)
{
  return cancel_names[c];
}

bool work_state_parse(const char *name, enum work_state *s)
{
  for (size_t i = WORK_ACCEPTED; i < COUNT(state_names); i++)
    if (!strcmp(name, state_names[i])) return *s = (enum work_state)i, true;
  return false;
}

/* ---- the rules, pure ------------------------------------------------------------------------------------------ */

bool work_begun(const struct work_order *w)
{
  return w->state >= WORK_STARTED && w->state <= WORK_PASSED;
}

bool work_live(const struct work_order *w)
{
  return w->covers && w->state != WORK_FAILED && w->state != WORK_SCRAPPED;
}

bool work_apply(struct work_order *w, const struct work_event *e)
{
  bool changed = false;
  if (e->says_state && (!e->seq || e->seq > w->seq)) {
    w->state = e->state, w->step = e->step, w->steps = e->steps;
    if (e->note) w->note = e->note;
    if (e->seq) w->seq = e->seq;
    changed = true;
  }
  if (e->expected_at && (!e->seq || e->seq > w->expected_seq)) {
    w->expected_at = e->expected_at, changed = true;
    if (e->seq) w->expected_seq = e->seq;
  }
  if (e->cancel_refused && w->cancel == CANCEL_ASKED) w->cancel = CANCEL_REFUSED, changed = true;
  return changed;
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

#define COLS \
  "w.id, w.fulfilment_id, w.order_id, w.line_no, w.quantity, w.priority, coalesce(w.rework_of, 0)," \
  " coalesce(w.effect_id, 0), w.seq, w.expected_seq, w.step, w.steps, coalesce(w.wanted_by, 0)," \
  " coalesce(w.expected_at, 0), w.created_at, w.updated_at, w.version, w.state, w.cancel, w.covers, w.sku, w.title," \
  " w.factory, w.note"

static void work_read(struct stmt *s, struct arena *a, struct work_order *w)
{
  int64_t *const numbers[] = { &w->id,        &w->fulfilment_id, &w->order_id,   &w->line_no,
                               &w->quantity,  &w->priority,      &w->rework_of,  &w->effect_id,
                               &w->seq,       &w->expected_seq,  &w->step,       &w->steps,
                               &w->wanted_by, &w->expected_at,   &w->created_at, &w->updated_at,
                               &w->version };
  int at = 0;
  for (size_t i = 0; i < COUNT(numbers); i++) *numbers[i] = stmt_col_int(s, at++);
  const char *state = stmt_col_text(s, at++), *cancel = stmt_col_text(s, at++);
  w->state = WORK_WANTED, w->cancel = CANCEL_NONE;
  for (size_t i = 0; i < COUNT(state_names); i++)
    if (!strcmp(state, state_names[i])) w->state = (enum work_state)i;
  for (size_t i = 0; i < COUNT(cancel_names); i++)
    if (!strcmp(cancel, cancel_names[i])) w->cancel = (enum work_cancel)i;
  w->covers = stmt_col_int(s, at++) != 0;
  w->sku = stmt_col_copy(s, at++, a), w->title = stmt_col_copy(s, at++, a);
  w->factory = stmt_col_copy(s, at++, a), w->note = stmt_col_copy(s, at++, a);
}

static void bind_some(struct stmt *s, int at, int64_t v)
{
  if (v) stmt_int(s, at, v);
  else stmt_null(s, at);
}

enum err work_get(struct db *db, struct arena *a, int64_t id, struct work_order *out)
{
  static const char SQL[] = "SELECT " COLS " FROM work_orders w WHERE w.id = $1";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id);
  bool found = stmt_row(s);
  if (found) work_read(s, a, out);
  TRY(stmt_end(s));
  return found ? ERR_OK : ERR_NOT_FOUND;
}

enum err work_insert(struct db *db, const struct work_order *w, int64_t now_ms, int64_t *id)
{
  static const char SQL[] =
    "INSERT INTO work_orders (id, fulfilment_id, order_id, line_no, quantity, sku, title, factory, state, cancel, covers, seq,"
    " expected_seq, step, steps, priority, wanted_by, rework_of, created_at, updated_at, version)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'wanted', 'none', 1, 0, 0, 0, 0, $9, $10, $11, $12, $13, 1)";
  struct stmt *s = db_stmt(db, SQL);
  *id = db_next_id(db, "work_order");
  stmt_int(s, 1, *id), stmt_int(s, 2, w->fulfilment_id), stmt_int(s, 3, w->order_id),
    stmt_int(s, 4, w->line_no);
  stmt_int(s, 5, w->quantity), stmt_text(s, 6, w->sku), stmt_text(s, 7, w->title),
    stmt_text(s, 8, w->factory);
  stmt_int(s, 9, w->priority), bind_some(s, 10, w->wanted_by), bind_some(s, 11, w->rework_of);
  stmt_int(s, 12, now_ms), stmt_int(s, 13, now_ms);
  return stmt_run(s);
}

enum err work_update(struct db *db, struct work_order *w, int64_t now_ms)
{
  static const char SQL[] =
    "UPDATE work_orders SET state = $1, cancel = $2, covers = $3, seq = $4, expected_seq = $5, step = $6, steps = $7,"
    " expected_at = $8, effect_id = $9, note = $10, updated_at = $11, version = version + 1 WHERE id = $12 AND version = $13";
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, state_names[w->state]), stmt_text(s, 2, cancel_names[w->cancel]), stmt_int(s, 3, w->covers);
  stmt_int(s, 4, w->seq), stmt_int(s, 5, w->expected_seq), stmt_int(s, 6, w->step), stmt_int(s, 7, w->steps);
  bind_some(s, 8, w->expected_at), bind_some(s, 9, w->effect_id), stmt_text(s, 10, w->note);
  stmt_int(s, 11, now_ms), stmt_int(s, 12, w->id), stmt_int(s, 13, w->version);
  TRY(stmt_run(s));
  if (!db_changes(db)) return ERR_STALE;
  w->version++, w->updated_at = now_ms;
  return ERR_OK;
}

enum err work_of_fulfilment(struct db *db, struct arena *a, int64_t fulfilment_id, struct work_order **list,
                            size_t *n)
{
  static const char SQL[] = "SELECT " COLS " FROM work_orders w WHERE w.fulfilment_id = $1 ORDER BY w.id";
  struct stmt *s = db_stmt(db, SQL);
  size_t cap = 0;
  *list = NULL, *n = 0;
  stmt_int(s, 1, fulfilment_id);
  while (stmt_row(s)) {
    if (*n == cap) {
      struct work_order *grown = arena_array(a, struct work_order, cap = cap ? 2 * cap : 4);
      if (*n) memcpy(grown, *list, *n * sizeof *grown);
      *list = grown;
    }
    work_read(s, a, &(*list)[(*n)++]);
  }
  return stmt_end(s);
}

size_t work_fulfilments_of_order(struct db *db, int64_t order_id, int64_t *ids, size_t max)
{
  static const char SQL[] =
    "SELECT DISTINCT fulfilment_id FROM work_orders WHERE order_id = $1 ORDER BY fulfilment_id LIMIT $2";
  struct stmt *s = db_stmt(db, SQL);
  size_t n = 0;
  stmt_int(s, 1, order_id), stmt_int(s, 2, (int64_t)max);
  while (n < max && stmt_row(s)) ids[n++] = stmt_col_int(s, 0);
  return stmt_end(s) ? 0 : n;
}

bool work_started_any(struct db *db, int64_t order_id)
{
  static const char SQL[] =
    "SELECT 1 FROM work_orders WHERE order_id = $1 AND covers = 1 AND (state = 'started' OR"
    " state = 'finished' OR state = 'passed') LIMIT 1";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, order_id);
  bool any = stmt_row(s);
  return !stmt_end(s) && any;
}

static enum err events_of(struct db *db, int64_t id, int64_t seq, int64_t *last, int64_t *kept, bool *known)
{
  static const char SQL[] =
    "SELECT coalesce(max(n), 0), count(*), coalesce(max(CASE WHEN seq = $1 THEN 1 ELSE 0 END), 0) FROM work_events"
    " WHERE work_id = $2";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, seq), stmt_int(s, 2, id);
  *last = *kept = 0, *known = false;
  if (stmt_row(s)) *last = stmt_col_int(s, 0), *kept = stmt_col_int(s, 1), *known = seq && stmt_col_int(s, 2);
  return stmt_end(s);
}

/* The oldest goes; not the one that the state comes from. */
static enum err event_drop(struct db *db, int64_t id)
{
  static const char SQL[] =
    "DELETE FROM work_events WHERE work_id = $1 AND n = (SELECT min(e.n) FROM work_events e JOIN work_orders w ON w.id = e.work_id"
    " WHERE e.work_id = $1 AND (e.seq = 0 OR e.seq <> w.seq))";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id);
  return stmt_run(s);
}

enum err work_event_put(struct db *db, int64_t id, const struct work_event *e, bool applied, int64_t now_ms)
{
  static const char SQL[] =
    "INSERT INTO work_events (work_id, n, seq, state, step, steps, expected_at, cancel_refused, note, actor, applied, at)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
  int64_t last, kept;
  bool known;
  TRY(events_of(db, id, e->seq, &last, &kept, &known));
  if (known || (kept >= WORK_EVENTS_MAX && !applied)) return ERR_CONFLICT;
  if (kept >= WORK_EVENTS_MAX) TRY(event_drop(db, id));
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id), stmt_int(s, 2, last + 1), stmt_int(s, 3, e->seq);
  stmt_text(s, 4, e->says_state ? state_names[e->state] : NULL), stmt_int(s, 5, e->step),
    stmt_int(s, 6, e->steps);
  bind_some(s, 7, e->expected_at), stmt_int(s, 8, e->cancel_refused), stmt_text(s, 9, e->note);
  stmt_text(s, 10, e->actor), stmt_int(s, 11, applied), stmt_int(s, 12, now_ms);
  return stmt_run(s);
}
