/* view_effect.c: the outbox as people see it, and what its effects are about: SELECT only. */
#include "domain.h"

/* ---- lists ------------------------------------------------------------------------------------------------------ */
#define EFFECT_COLS \
  "id, kind, destination, subject, state, safe, attempts, created_at, due_at, sent_at, ended_at, data, error, version"

static void effect_fields(struct jw *w, struct stmt *s)
{
  const char *state = stmt_col_text(s, 4);
  bool waits = !strcmp(state, "waiting") || !strcmp(state, "unknown");
  jw_id(w, "id", 'e', stmt_col_int(s, 0));
  jw_kstring(w, "kind", stmt_col_text(s, 1));
  jw_kstring(w, "destination", stmt_col_text(s, 2));
  jw_kstring(w, "subject", stmt_col_text(s, 3));
  jw_kstring(w, "state", state);
  jw_kbool(w, "safe", stmt_col_int(s, 5) != 0);
  jw_kint(w, "attempts", stmt_col_int(s, 6));
  jw_ktime_col(w, "created_at", s, 7);
  jw_ktime(w, "due_at", waits ? stmt_col_int(s, 8) : 0);
  jw_ktime_col(w, "sent_at", s, 9);
  jw_ktime_col(w, "ended_at", s, 10);
  jw_kraw(w, "data", stmt_col_text(s, 11));
  jw_kraw(w, "error", stmt_col_text(s, 12));
  jw_kint(w, "version", stmt_col_int(s, 13));
}

enum err view_effect(struct db *db, struct arena *a, int64_t id, struct buf *out, int64_t *version)
{
  static const char SQL[] = "SELECT " EFFECT_COLS " FROM effects WHERE id = $1";
  struct jw w;
  (void)a;
  jw_init(&w, out);
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id);
  bool found = stmt_row(s);
  if (found) {
    if (version) *version = stmt_col_int(s, 13);
    jw_object(&w);
    effect_fields(&w, s);
    jw_object_end(&w);
  }
  enum err e = stmt_end(s);
  return e ? e : found ? ERR_OK : ERR_NOT_FOUND;
}

static bool is_word(const char *word, const char *const *known, size_t n)
{
  for (size_t i = 0; i < n; i++)
    if (!strcmp(word, known[i])) return true;
  return false;
}

static enum err effects_rows(struct db *db, struct arena *a, struct sql *q, int limit, struct jw *w,
                             const char **next)
{
  struct cursor last = { 0 };
  struct stmt *s = sql_prepare(db, q);
  for (int n = 0; stmt_row(s); n++) {
    if (n == limit) {
      *next = cursor_text(a, 'e', last);
      break;
    }
    jw_object(w);
    effect_fields(w, s);
    jw_object_end(w);
    last.id = stmt_col_int(s, 0);
  }
  enum err e = stmt_end(s);
  stmt_drop(s);
  return e;
}

enum err view_effects(struct db *db, struct arena *a, const char *state, const char *kind,
                      const char *destination, const char *cursor, int limit, struct buf *out,
                      const char **next, const char **why)
{
  static const char *const states[] = { "done", "dropped", "waiting", "sending", "unknown", "dead" };
  struct cursor from;
  struct jw w;
  *next = NULL;
  TRY(list_begin(a, 'e', cursor, &limit, &from, why));
  if (state && !is_word(state, states, COUNT(states))) {
    *why = "state is one of waiting, sending, unknown, dead, done, dropped";
    return ERR_BAD_REQUEST;
  }
  struct sql q = { 0 };
  sql_piece(&q, "SELECT " EFFECT_COLS " FROM effects");
  sql_int(&q, " WHERE id < ", from.id, "");
  if (state && is_word(state, states, 2)) sql_text(&q, " AND state = ", state, "");
  else if (state) sql_text(&q, " AND state <> 'done' AND state <> 'dropped' AND state = ", state, "");
  if (kind) sql_text(&q, " AND kind = ", kind, "");
  if (destination) sql_text(&q, " AND destination = ", destination, "");
  sql_int(&q, " ORDER BY id DESC LIMIT ", limit + 1, "");
  list_open(&w, out);
  enum err e = effects_rows(db, a, &q, limit, &w, next);
  list_close(&w, *next);
  sql_release(&q);
  return e;
}

/* ---- webhooks: one event, without what is personal ----------------------------------------------------------------- */

/* What a merge compared are names, phones and places; what people typed may hold anything. */
static bool is_personal(const char *key)
{
  static const char *const keys[] = { "mine", "theirs", "note", "reason" };
  return is_word(key, keys, COUNT(keys));
}

static void jw_thin(struct jw *w, const struct json *j)
{
  if (json_type(j) == JSON_OBJECT) {
    jw_object(w);
    for (const struct json *m = json_first(j); m; m = json_next(m))
      if (!is_personal(json_key(m))) jw_key(w, json_key(m)), jw_thin(w, m);
    jw_object_end(w);
  } else if (json_type(j) == JSON_ARRAY) {
    jw_array(w);
    for (const struct json *m = json_first(j); m; m = json_next(m)) jw_thin(w, m);
    jw_array_end(w);
  } else {
    jw_json(w, j);
  }
}

static void thin_data(struct jw *w, struct arena *a, const char *data)
{
  struct faults f = { .mem = a };
  struct json *j = json_parse(a, data, strlen(data), JSON_ELEMENTS_BATCH_MAX, &f);
  if (j) jw_thin(w, j);
  else jw_raw(w, "{}", 2); /* a tampered file */
}

enum err view_event_thin(struct db *db, struct arena *a, int64_t seq, const char *id, struct buf *out)
{
  static const char SQL[] = "SELECT at, kind, entity, type, data FROM events WHERE seq = $1";
  struct jw w;
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, seq);
  bool found = stmt_row(s);
  if (found) {
    const char *type = stmt_col_text(s, 3);
    jw_init(&w, out), jw_object(&w);
    jw_kstring(&w, "id", id), jw_kstring(&w, "type", type);
    jw_ktime(&w, "at", stmt_col_int(s, 0)), jw_kint(&w, "seq", seq);
    jw_id(&w, "entity", stmt_col_text(s, 1)[0], stmt_col_int(s, 2));
    jw_key(&w, "data"), thin_data(&w, a, journal_data(type, stmt_col_text(s, 4)));
    jw_object_end(&w);
  }
  enum err e = stmt_end(s);
  return e ? e : found ? ERR_OK : ERR_NOT_FOUND;
}

/* ---- pushes of stock ----------------------------------------------------------------------------------------------- */

enum err view_stock_moved(struct db *db, int64_t after, int64_t *skus, size_t max, size_t *n, int64_t *last)
{
  static const char SQL[] = "SELECT id, sku_id FROM stock_moves WHERE id > $1 ORDER BY id LIMIT $2";
  struct stmt *s = db_stmt(db, SQL);
  *n = 0, *last = after;
  stmt_int(s, 1, after), stmt_int(s, 2, STOCK_MOVED_MAX);
  while (*n < max && stmt_row(s)) {
    int64_t sku = stmt_col_int(s, 1);
    size_t i = 0;
    while (i < *n && skus[i] != sku) i++;
    if (i == *n) skus[(*n)++] = sku;
    *last = stmt_col_int(s, 0);
  }
  return stmt_end(s);
}

int64_t view_stock_last_move(struct db *db)
{
  static const char SQL[] = "SELECT coalesce(max(id), 0) FROM stock_moves";
  struct stmt *s = db_stmt(db, SQL);
  int64_t id = stmt_row(s) ? stmt_col_int(s, 0) : 0;
  return stmt_end(s) ? 0 : id;
}

enum err view_listings(struct db *db, struct arena *a, int64_t sku_id, struct listing **list, size_t *n)
{
  static const char SQL[] =
    "SELECT c.name, s.channel_sku, s.sku_id FROM channel_skus s JOIN channels c ON c.id = s.channel_id"
    " WHERE s.sku_id = $1 OR s.sku_id IN (SELECT kit_id FROM kit_parts WHERE sku_id = $1)"
    " ORDER BY c.name, s.channel_sku LIMIT $2";
  struct stmt *s = db_stmt(db, SQL);
  *list = arena_array(a, struct listing, LISTINGS_MAX), *n = 0;
  stmt_int(s, 1, sku_id), stmt_int(s, 2, LISTINGS_MAX);
  while (*n < LISTINGS_MAX && stmt_row(s))
    (*list)[(*n)++] = (struct listing){ stmt_col_copy(s, 0, a), stmt_col_copy(s, 1, a), stmt_col_int(s, 2) };
  return stmt_end(s);
}
