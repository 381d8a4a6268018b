/* view.c: SELECT-only answers. Here: what all lists share, and the lists that are one plain table. */
#include "domain.h"

/* ---- cursors: list, key, id and a checksum, as base64url ------------------------------------- */
#define CURSOR_BYTES 21
#define CURSOR_TEXT 28
static const char base64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void put_bytes(unsigned char *p, uint64_t v, int n)
{
  for (int i = 0; i < n; i++) p[i] = (unsigned char)(v >> (8 * (n - 1 - i)));
}

static uint64_t get_bytes(const unsigned char *p, int n)
{
  uint64_t v = 0;
  for (int i = 0; i < n; i++) v = v << 8 | p[i];
  return v;
}

static uint32_t cursor_sum(const unsigned char *p)
{
  return (uint32_t)hash64(p, CURSOR_BYTES - 4, 0x6f7264657264);
}

char *cursor_text(struct arena *a, char list, struct cursor c)
{
  unsigned char raw[CURSOR_BYTES] = { (unsigned char)list };
  put_bytes(raw + 1, (uint64_t)c.key, 8), put_bytes(raw + 9, (uint64_t)c.id, 8);
  put_bytes(raw + 17, cursor_sum(raw), 4);
  char *text = arena_alloc(a, CURSOR_TEXT + 1);
  for (int i = 0; i < CURSOR_TEXT; i++) {
    uint64_t three = get_bytes(raw + i / 4 * 3, 3);
    text[i] = base64url[three >> (18 - i % 4 * 6) & 63];
  }
  return text;
}

bool cursor_parse(const char *text, char list, struct cursor *c)
{
  unsigned char raw[CURSOR_BYTES];
  if (strlen(text) != CURSOR_TEXT) return false;
  for (int i = 0; i < CURSOR_TEXT; i += 4) {
    uint64_t three = 0;
    for (int k = 0; k < 4; k++) {
      const char *at = strchr(base64url, text[i + k]);
      if (!at) return false;
      three = three << 6 | (uint64_t)(at - base64url);
    }
    put_bytes(raw + i / 4 * 3, three, 3);
  }
  if (raw[0] != (unsigned char)list || get_bytes(raw + 17, 4) != cursor_sum(raw)) return false;
  c->key = (int64_t)get_bytes(raw + 1, 8), c->id = (int64_t)get_bytes(raw + 9, 8);
  return true;
}

enum err list_begin(struct arena *a, char list, const char *cursor, int *limit, struct cursor *from,
                    const char **why)
{
  *from = (struct cursor){ INT64_MAX, INT64_MAX };
  if (!*limit) *limit = LIST_LIMIT_DEFAULT;
  if (*limit < 1 || *limit > LIST_LIMIT_MAX) {
    *why = arena_printf(a, "limit is from 1 to %d", LIST_LIMIT_MAX);
    return ERR_BAD_REQUEST;
  }
  if (!cursor || cursor_parse(cursor, list, from)) return ERR_OK;
  *why = "cursor is not one that this list gave out";
  return ERR_BAD_REQUEST;
}

void list_open(struct jw *w, struct buf *out)
{
  jw_init(w, out);
  jw_object(w);
  jw_key(w, "data");
  jw_array(w);
}

void list_close(struct jw *w, const char *next)
{
  jw_array_end(w);
  jw_kstring(w, "next", next);
  jw_object_end(w);
}

/* ---- SQL from fixed pieces ------------------------------------------------------------------- */
void sql_piece(struct sql *q, const char *fixed)
{
  buf_str(&q->text, fixed);
}

static void sql_arg(struct sql *q, const char *before, const char *after)
{
  must(q->n < SQL_ARGS_MAX);
  buf_printf(&q->text, "%s$%d%s", before, ++q->n, after);
}

void sql_int(struct sql *q, const char *before, int64_t v, const char *after)
{
  sql_arg(q, before, after);
  q->arg[q->n - 1].number = v;
}

void sql_text(struct sql *q, const char *before, const char *v, const char *after)
{
  must(v);
  sql_arg(q, before, after);
  q->arg[q->n - 1].text = v;
}

struct stmt *sql_prepare(struct db *db, struct sql *q)
{
  struct stmt *s = db_prepare(db, q->text.data);
  for (int i = 0; i < q->n; i++) {
    if (q->arg[i].text) stmt_text(s, i + 1, q->arg[i].text);
    else stmt_int(s, i + 1, q->arg[i].number);
  }
  return s;
}

void sql_release(struct sql *q)
{
  buf_release(&q->text);
}

/* ---- pieces ---------------------------------------------------------------------------------- */
void jw_kraw(struct jw *w, const char *key, const char *json)
{
  jw_key(w, key);
  if (json) jw_raw(w, json, strlen(json));
  else jw_null(w);
}

void jw_ktime_col(struct jw *w, const char *key, struct stmt *s, int col)
{
  jw_ktime(w, key, stmt_col_int(s, col)); /* NULL reads as 0, which is written as null */
}

/* "a,b" as ["a","b"] */
static void jw_klist(struct jw *w, const char *key, const char *list)
{
  jw_key(w, key);
  jw_array(w);
  for (const char *p = list ? list : ""; *p;) {
    size_t n = strcspn(p, ",");
    jw_stringn(w, p, n);
    p += n + (p[n] == ',');
  }
  jw_array_end(w);
}

#define MASKED "***"
static bool is_compared_value(const char *key)
{
  return key && (!strcmp(key, "mine") || !strcmp(key, "theirs"));
}

/* "not_free" compares nothing: its value is a code. */
static bool is_comparison(const struct json *obj)
{
  const char *code = json_string(json_get(obj, "code"));
  return !code || strcmp(code, "not_free") != 0;
}

static bool is_typed(const char *key)
{
  return !strcmp(key, "note") || !strcmp(key, "reason");
}

static void jw_without_values(struct jw *w, struct arena *a, const struct json *j)
{
  enum json_type type = json_type(j);
  if (type == JSON_OBJECT) {
    bool hide = is_comparison(j);
    jw_object(w);
    for (const struct json *m = json_first(j); m; m = json_next(m)) {
      jw_key(w, json_key(m));
      if (hide && is_compared_value(json_key(m)) && json_type(m) != JSON_NULL) jw_string(w, MASKED);
      else if (is_typed(json_key(m)) && json_string(m)) jw_string(w, remark_mask(a, json_string(m)));
      else jw_without_values(w, a, m);
    }
    jw_object_end(w);
  } else if (type == JSON_ARRAY) {
    jw_array(w);
    for (const struct json *m = json_first(j); m; m = json_next(m)) jw_without_values(w, a, m);
    jw_array_end(w);
  } else {
    jw_json(w, j);
  }
}

void jw_event_data(struct jw *w, struct arena *a, const char *data, enum privacy p)
{
  static const char *const keys[] = { "\"mine\"", "\"theirs\"", "\"note\"", "\"reason\"" };
  bool has = false;
  for (size_t i = 0; i < COUNT(keys); i++) has = has || strstr(data, keys[i]);
  if (p == SHOW_FULL || !has) {
    jw_raw(w, data, strlen(data));
    return;
  }
  struct faults f = { .mem = a };
  struct json *j = json_parse(a, data, strlen(data), JSON_ELEMENTS_BATCH_MAX, &f);
  if (j) jw_without_values(w, a, j);
  else jw_raw(w, "{}", 2); /* a tampered file; `check` tells */
}

/* ---- payloads -------------------------------------------------------------------------------- */
#define PAYLOAD_BODY_MAX (16u << 20)
#define PAYLOAD_COLS \
  "p.id, c.name, p.source, p.state, p.received_at, p.error, p.order_id, p.attempts, p.size," \
  " p.body IS NOT NULL"
#define PAYLOAD_FROM " FROM payloads p LEFT JOIN channels c ON c.id = p.channel_id"

static void payload_fields(struct jw *w, struct stmt *s)
{
  jw_id(w, "id", 'p', stmt_col_int(s, 0));
  jw_kstring(w, "channel", stmt_col_text(s, 1));
  jw_kstring(w, "source", stmt_col_text(s, 2));
  jw_kstring(w, "state", stmt_col_text(s, 3));
  jw_ktime_col(w, "received_at", s, 4);
  jw_kraw(w, "error", stmt_col_text(s, 5));
  jw_key(w, "orders");
  jw_array(w);
  if (!stmt_col_null(s, 6)) jw_id(w, NULL, 'o', stmt_col_int(s, 6));
  jw_array_end(w);
  jw_kint(w, "attempts", stmt_col_int(s, 7));
  jw_kint(w, "size", stmt_col_int(s, 8));
  jw_kbool(w, "kept", stmt_col_int(s, 9));
}

/* As text where it is text; else in hex, so that not a byte is lost. */
static void payload_body(struct jw *w, struct stmt *s, int col)
{
  struct buf b = { 0 }, hex = { 0 };
  size_t n;
  const void *packed = stmt_col_blob(s, col, &n);
  bool kept = packed && unpack(&b, packed, n, PAYLOAD_BODY_MAX);
  bool is_text = kept && utf8_valid(b.data ? b.data : "", b.len);
  if (kept && !is_text) hex_put(&hex, b.data, b.len);
  jw_key(w, "body");
  if (is_text) jw_stringn(w, b.data ? b.data : "", b.len);
  else jw_null(w);
  if (hex.len) jw_kstring(w, "body_hex", hex.data);
  buf_release(&b), buf_release(&hex);
}

enum err view_payload(struct db *db, struct arena *a, int64_t id, bool body, struct buf *out)
{
  static const char SQL[] = "SELECT " PAYLOAD_COLS ", p.body" PAYLOAD_FROM " WHERE p.id = $1";
  struct jw w;
  (void)a;
  jw_init(&w, out);
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id);
  bool found = stmt_row(s);
  if (found) {
    jw_object(&w);
    payload_fields(&w, s);
    if (body) payload_body(&w, s, 10);
    jw_object_end(&w);
  }
  enum err e = stmt_end(s);
  return e ? e : found ? ERR_OK : ERR_NOT_FOUND;
}

static bool is_one_of(const char *word, const char *const *known, size_t n)
{
  for (size_t i = 0; i < n; i++)
    if (!strcmp(word, known[i])) return true;
  return false;
}

/* Runs a list of newest-first ids: one row more than asked for tells that there is a next page. */
static enum err list_rows(struct db *db, struct arena *a, struct sql *q, char list, int limit, struct jw *w,
                          void (*fields)(struct jw *w, struct stmt *s), const char **next)
{
  struct cursor last = { 0 };
  int n = 0;
  *next = NULL;
  struct stmt *s = sql_prepare(db, q);
  while (stmt_row(s)) {
    if (n++ == limit) {
      *next = cursor_text(a, list, last);
      break;
    }
    jw_object(w);
    fields(w, s);
    jw_object_end(w);
    last.id = stmt_col_int(s, 0);
  }
  enum err e = stmt_end(s);
  stmt_drop(s);
  return e;
}

enum err view_payloads(struct db *db, struct arena *a, const char *state, const char *channel,
                       const char *cursor, int limit, struct buf *out, const char **next, const char **why)
{
  static const char *const states[] = { "applied", "pending", "failed", "dead" };
  struct cursor from;
  struct jw w;
  *next = NULL;
  TRY(list_begin(a, 'p', cursor, &limit, &from, why));
  if (state && !is_one_of(state, states, COUNT(states))) {
    *why = "state is one of applied, pending, failed, dead";
    return ERR_BAD_REQUEST;
  }
  struct sql q = { 0 };
  sql_piece(&q, "SELECT " PAYLOAD_COLS PAYLOAD_FROM);
  sql_int(&q, " WHERE p.id < ", from.id, "");
  if (state && !strcmp(state, states[0])) sql_piece(&q, " AND p.state = 'applied'");
  else if (state)
    sql_text(&q, " AND p.state <> 'applied' AND p.state = ", state, ""); /* the index of the few */
  if (channel) sql_text(&q, " AND c.name = ", channel, "");
  sql_int(&q, " ORDER BY p.id DESC LIMIT ", limit + 1, "");
  list_open(&w, out);
  enum err e = list_rows(db, a, &q, 'p', limit, &w, payload_fields, next);
  list_close(&w, *next);
  sql_release(&q);
  return e;
}

/* ---- exceptions ------------------------------------------------------------------------------ */
#define EXCEPTION_COLS \
  "x.id, x.type, x.state, x.order_id, x.payload_id, c.name, x.since, x.due_at, x.owner, x.assignee," \
  " x.data, " \
  "x.resolved_at, x.resolved_by, x.note, x.version"
#define EXCEPTION_FROM " FROM exceptions x LEFT JOIN channels c ON c.id = x.channel_id"

static void exception_fields(struct jw *w, struct stmt *s)
{
  jw_id(w, "id", 'x', stmt_col_int(s, 0));
  jw_kstring(w, "type", stmt_col_text(s, 1));
  jw_kstring(w, "state", stmt_col_text(s, 2));
  jw_id(w, "order", 'o', stmt_col_int(s, 3));
  jw_id(w, "payload", 'p', stmt_col_int(s, 4));
  jw_kstring(w, "channel", stmt_col_text(s, 5));
  jw_ktime_col(w, "since", s, 6);
  jw_ktime_col(w, "due_at", s, 7);
  jw_kstring(w, "owner", stmt_col_text(s, 8));
  jw_kstring(w, "assignee", stmt_col_text(s, 9));
  jw_kraw(w, "data", stmt_col_text(s, 10));
  jw_ktime_col(w, "resolved_at", s, 11);
  jw_kstring(w, "resolved_by", stmt_col_text(s, 12));
  jw_kstring(w, "note", stmt_col_text(s, 13));
  jw_kint(w, "version", stmt_col_int(s, 14));
}

enum err view_exception(struct db *db, struct arena *a, int64_t id, struct buf *out, int64_t *version)
{
  static const char SQL[] = "SELECT " EXCEPTION_COLS EXCEPTION_FROM " WHERE x.id = $1";
  struct jw w;
  (void)a;
  jw_init(&w, out);
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id);
  bool found = stmt_row(s);
  if (found) {
    if (version) *version = stmt_col_int(s, 14);
    jw_object(&w);
    exception_fields(&w, s);
    jw_object_end(&w);
  }
  enum err e = stmt_end(s);
  return e ? e : found ? ERR_OK : ERR_NOT_FOUND;
}

enum err view_exceptions(struct db *db, struct arena *a, const char *state, const char *type,
                         const char *owner, int64_t order_id, const char *cursor, int limit, struct buf *out,
                         const char **next, const char **why)
{
  struct cursor from;
  struct jw w;
  *next = NULL;
  TRY(list_begin(a, 'x', cursor, &limit, &from, why));
  if (state && strcmp(state, "open") != 0 && strcmp(state, "resolved") != 0) {
    *why = "state is one of open, resolved";
    return ERR_BAD_REQUEST;
  }
  struct sql q = { 0 };
  size_t type_n = type ? strlen(type) : 0;
  sql_piece(&q, "SELECT " EXCEPTION_COLS EXCEPTION_FROM);
  sql_int(&q, " WHERE x.id < ", from.id, "");
  if (state) sql_text(&q, " AND x.state = ", state, "");
  if (type_n && type[type_n - 1] == ':') { /* "overdue:": all that begin with it */
    sql_text(&q, " AND x.type >= ", type, "");
    sql_text(&q, " AND x.type < ", arena_printf(a, "%.*s;", (int)type_n - 1, type), "");
  } else if (type) {
    sql_text(&q, " AND x.type = ", type, "");
  }
  if (owner) {
    sql_text(&q, " AND (x.owner = ", owner, "");
    sql_text(&q, " OR x.assignee = ", owner, ")");
  }
  if (order_id) sql_int(&q, " AND x.order_id = ", order_id, "");
  sql_int(&q, " ORDER BY x.id DESC LIMIT ", limit + 1, "");
  list_open(&w, out);
  enum err e = list_rows(db, a, &q, 'x', limit, &w, exception_fields, next);
  list_close(&w, *next);
  sql_release(&q);
  return e;
}

/* ---- users, tokens, channels: short tables, shown whole -------------------------------------- */
static void user_fields(struct jw *w, struct stmt *s)
{
  jw_id(w, "id", 'u', stmt_col_int(s, 0));
  jw_kstring(w, "name", stmt_col_text(s, 1));
  jw_klist(w, "roles", stmt_col_text(s, 2));
  jw_kstring(w, "state", stmt_col_text(s, 3));
  jw_kbool(w, "has_password", stmt_col_int(s, 4));
  jw_ktime_col(w, "created_at", s, 5);
  jw_kint(w, "version", stmt_col_int(s, 6));
}

static void token_fields(struct jw *w, struct stmt *s)
{
  jw_id(w, "id", 't', stmt_col_int(s, 0));
  jw_kstring(w, "name", stmt_col_text(s, 1));
  jw_klist(w, "roles", stmt_col_text(s, 2));
  jw_kstring(w, "channel", stmt_col_text(s, 3));
  jw_kstring(w, "state", stmt_col_text(s, 4));
  jw_ktime_col(w, "created_at", s, 5);
  jw_ktime_col(w, "expires_at", s, 6);
  jw_kint(w, "version", stmt_col_int(s, 7));
  jw_kstring(w, "user", stmt_col_text(s, 8));
}

static enum err whole_table(struct db *db, const char *sql, void (*fields)(struct jw *w, struct stmt *s),
                            struct buf *out)
{
  struct jw w;
  list_open(&w, out);
  struct stmt *s = db_stmt(db, sql);
  while (stmt_row(s)) {
    jw_object(&w);
    fields(&w, s);
    jw_object_end(&w);
  }
  list_close(&w, NULL);
  return stmt_end(s);
}

enum err view_users(struct db *db, struct arena *a, struct buf *out)
{
  static const char SQL[] =
    "SELECT id, name, roles, state, password IS NOT NULL, created_at, version FROM users ORDER BY id";
  (void)a;
  return whole_table(db, SQL, user_fields, out);
}

enum err view_tokens(struct db *db, struct arena *a, struct buf *out)
{
  static const char SQL[] =
    "SELECT t.id, t.name, t.roles, c.name, t.state, t.created_at, t.expires_at, t.version, u.name"
    " FROM tokens t LEFT JOIN channels c ON c.id = t.channel_id LEFT JOIN token_users b ON b.token_id = t.id"
    " LEFT JOIN users u ON u.id = b.user_id ORDER BY t.id";
  (void)a;
  return whole_table(db, SQL, token_fields, out);
}

/* ---- counts ---------------------------------------------------------------------------------- */
static const char SQL_COUNT_ORDERS[] = "SELECT count(*) FROM orders";
static const char SQL_COUNT_LINES[] = "SELECT count(*) FROM lines";
static const char SQL_COUNT_EVENTS[] = "SELECT coalesce(max(seq), 0) FROM events"; /* append only from 1 */
static const char SQL_COUNT_OPEN[] = "SELECT count(*) FROM groups WHERE state = 'open'";
static const char SQL_COUNT_SEVERAL[] =
  "SELECT count(*) FROM (SELECT 1 FROM orders WHERE group_id IS NOT NULL GROUP BY group_id HAVING"
  " count(*) > 1) t";
/* Numbers given out (an undone command leaves a gap): counting would read every body's page. */
static const char SQL_COUNT_PAYLOADS[] = "SELECT coalesce(max(id), 0) FROM payloads";
static const char SQL_COUNT_FAILED[] =
  "SELECT count(*) FROM payloads WHERE state <> 'applied' AND state = 'failed'";
static const char SQL_COUNT_PENDING[] =
  "SELECT count(*) FROM payloads WHERE state <> 'applied' AND state = 'pending'";
static const char SQL_COUNT_DEAD[] =
  "SELECT count(*) FROM payloads WHERE state <> 'applied' AND state = 'dead'";
static const char SQL_COUNT_EXCEPTIONS[] = "SELECT count(*) FROM exceptions WHERE state = 'open'";

enum err view_counts(struct db *db, struct counts *c)
{
  const struct {
    const char *sql;
    int64_t *to;
  } table[] = {
    { SQL_COUNT_ORDERS, &c->orders },
    { SQL_COUNT_LINES, &c->lines },
    { SQL_COUNT_EVENTS, &c->events },
    { SQL_COUNT_OPEN, &c->groups_open },
    { SQL_COUNT_SEVERAL, &c->groups_several },
    { SQL_COUNT_PAYLOADS, &c->payloads },
    { SQL_COUNT_FAILED, &c->failed },
    { SQL_COUNT_PENDING, &c->pending },
    { SQL_COUNT_DEAD, &c->dead },
    { SQL_COUNT_EXCEPTIONS, &c->exceptions_open },
  };
  for (size_t i = 0; i < COUNT(table); i++) {
    struct stmt *s = db_stmt(db, table[i].sql);
    *table[i].to = stmt_row(s) ? stmt_col_int(s, 0) : 0;
    TRY(stmt_end(s));
  }
  return ERR_OK;
}
