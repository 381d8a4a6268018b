/* claim.c: who ships a fulfilment under which number (domain 6), and what its channels were told. */
#include "domain.h"

static const char *const carried_names[] = { "none",      "label",    "picked_up", "in_transit",
                                             "delivered", "returned", "lost" };
static const char *const told_names[] = { "none", "sent", "accepted", "refused", "unknown" };

const char *carried_name(enum carried c)
{
  return carried_names[c];
}

const char *told_name(enum told t)
{
  return told_names[t];
}

bool carried_parse(const char *name, enum carried *c)
{
  for (size_t i = 0; i < COUNT(carried_names); i++)
    if (!strcmp(carried_names[i], name)) return *c = (enum carried)i, true;
  return false;
}

static enum told told_of(const char *name)
{
  for (size_t i = 0; i < COUNT(told_names); i++)
    if (!strcmp(told_names[i], name)) return (enum told)i;
  return TOLD_UNKNOWN;
}

char *tracking_norm(struct arena *a, const char *text)
{
  size_t n = strlen(text);
  while (n && (*text == ' ' || *text == '\t')) text++, n--;
  while (n && (text[n - 1] == ' ' || text[n - 1] == '\t')) n--;
  char *out = arena_strn(a, text, n);
  for (char *p = out; *p; p++)
    if (*p >= 'a' && *p <= 'z') *p = (char)(*p - 32);
  return out;
}

bool tracking_ok(const char *text)
{
  size_t n = strlen(text);
  return n >= 4 && n <= 64 && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == n && *text != '-' &&
         text[n - 1] != '-';
}

/* ---- claims ------------------------------------------------------------------------------------------------------------- */

#define COLS \
  "SELECT id, fulfilment_id, coalesce(channel_id, 0), receiver, claimed_at, coalesce(picked_up_at, 0), coalesce(ended_at, 0)," \
  " coalesce(due_at, 0), version, carrier, tracking_no, state, reason, actor, came_from, carried, told, put_back FROM claims"

static enum err claim_one(struct stmt *s, struct arena *a, struct claim *out)
{
  bool found = stmt_row(s);
  if (found) {
    int64_t *const numbers[] = { &out->id,       &out->fulfilment_id, &out->channel_id,
                                 &out->receiver, &out->claimed_at,    &out->picked_up_at,
                                 &out->ended_at, &out->due_at,        &out->version };
    const char **const texts[] = { &out->carrier, &out->tracking_no, &out->state,
                                   &out->reason,  &out->actor,       &out->came_from };
    for (size_t i = 0; i < COUNT(numbers); i++) *numbers[i] = stmt_col_int(s, (int)i);
    for (size_t i = 0; i < COUNT(texts); i++) *texts[i] = stmt_col_copy(s, 9 + (int)i, a);
    must(carried_parse(stmt_col_text(s, 15), &out->carried));
    out->told = told_of(stmt_col_text(s, 16)), out->put_back = stmt_col_int(s, 17) != 0;
  }
  enum err e = stmt_end(s);
  return e ? e : found ? ERR_OK : ERR_NOT_FOUND;
}

enum err claim_get(struct db *db, struct arena *a, int64_t id, struct claim *out)
{
  static const char SQL[] = COLS " WHERE id = $1";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id);
  return claim_one(s, a, out);
}

enum err claim_of_fulfilment(struct db *db, struct arena *a, int64_t fulfilment_id, struct claim *out)
{
  static const char SQL[] = COLS " WHERE fulfilment_id = $1 AND state <> 'void'";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, fulfilment_id);
  return claim_one(s, a, out);
}

enum err claim_by_number(struct db *db, struct arena *a, const char *tracking_no, int64_t since,
                         struct claim *out)
{
  static const char SQL[] =
    COLS " WHERE tracking_no = $1 AND claimed_at >= $2 ORDER BY state <> 'live', id DESC LIMIT 1";
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, tracking_no), stmt_int(s, 2, since);
  return claim_one(s, a, out);
}

static void bind_some(struct stmt *s, int at, int64_t v)
{
  if (v) stmt_int(s, at, v);
  else stmt_null(s, at);
}

enum err claim_insert(struct db *db, const struct claim *c, int64_t *id)
{
  static const char SQL[] =
    "INSERT INTO claims (id, fulfilment_id, carrier, tracking_no, channel_id, receiver, state, carried, told, claimed_at,"
    " picked_up_at, due_at, actor, came_from, version) VALUES ($1, $2, $3, $4, $5, $6, 'live', $7, $8, $9, $10, $11, $12, $13, 1)";
  struct stmt *s = db_stmt(db, SQL);
  *id = db_next_id(db, "claim");
  stmt_int(s, 1, *id), stmt_int(s, 2, c->fulfilment_id), stmt_text(s, 3, c->carrier),
    stmt_text(s, 4, c->tracking_no);
  bind_some(s, 5, c->channel_id), stmt_int(s, 6, c->receiver), stmt_text(s, 7, carried_names[c->carried]);
  stmt_text(s, 8, told_names[c->told]), stmt_int(s, 9, c->claimed_at), bind_some(s, 10, c->picked_up_at);
  bind_some(s, 11, c->due_at), stmt_text(s, 12, c->actor), stmt_text(s, 13, c->came_from);
  return stmt_run(s);
}

enum err claim_update(struct db *db, struct claim *c)
{
  static const char SQL[] =
    "UPDATE claims SET state = $1, carried = $2, told = $3, put_back = $4, picked_up_at = $5, ended_at = $6, reason = $7,"
    " due_at = $8, version = version + 1 WHERE id = $9 AND version = $10";
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, c->state), stmt_text(s, 2, carried_names[c->carried]), stmt_text(s, 3, told_names[c->told]);
  stmt_int(s, 4, c->put_back), bind_some(s, 5, c->picked_up_at), bind_some(s, 6, c->ended_at),
    stmt_text(s, 7, c->reason);
  bind_some(s, 8, c->due_at), stmt_int(s, 9, c->id), stmt_int(s, 10, c->version);
  TRY(stmt_run(s));
  if (!db_changes(db)) return ERR_STALE;
  c->version++;
  return ERR_OK;
}

size_t claim_due(struct db *db, int64_t now_ms, int64_t *ids, size_t max)
{
  static const char SQL[] = "SELECT id FROM claims WHERE due_at <= $1 ORDER BY due_at, id LIMIT $2";
  struct stmt *s = db_stmt(db, SQL);
  size_t n = 0;
  stmt_int(s, 1, now_ms), stmt_int(s, 2, (int64_t)max);
  while (n < max && stmt_row(s)) ids[n++] = stmt_col_int(s, 0);
  stmt_end(s);
  return n;
}

int64_t claim_next_due(struct db *db)
{
  static const char SQL[] = "SELECT due_at FROM claims WHERE due_at IS NOT NULL ORDER BY due_at LIMIT 1";
  struct stmt *s = db_stmt(db, SQL);
  int64_t at = stmt_row(s) ? stmt_col_int(s, 0) : 0;
  stmt_end(s);
  return at;
}

/* ---- confirmations ----------------------------------------------------------------------------------------------------------- */

enum err confirmation_put(struct db *db, const struct confirmation *c)
{
  static const char SQL[] =
    "INSERT INTO confirmations (claim_id, order_id, state, effect_id, at, error) VALUES ($1, $2, $3, $4, $5, $6)"
    " ON CONFLICT (claim_id, order_id) DO UPDATE SET state = excluded.state, effect_id = excluded.effect_id, at = excluded.at,"
    " error = excluded.error";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, c->claim_id), stmt_int(s, 2, c->order_id), stmt_text(s, 3, told_names[c->state]);
  bind_some(s, 4, c->effect_id), stmt_int(s, 5, c->at), stmt_text(s, 6, c->error);
  return stmt_run(s);
}

static void confirmation_read(struct stmt *s, struct arena *a, struct confirmation *c)
{
  *c = (struct confirmation){ .claim_id = stmt_col_int(s, 0),
                              .order_id = stmt_col_int(s, 1),
                              .effect_id = stmt_col_int(s, 2),
                              .at = stmt_col_int(s, 3),
                              .state = told_of(stmt_col_text(s, 4)),
                              .error = stmt_col_copy(s, 5, a) };
}

#define CONFIRMATION_COLS \
  "SELECT claim_id, order_id, coalesce(effect_id, 0), at, state, error FROM confirmations WHERE claim_id = $1"

enum err confirmation_get(struct db *db, struct arena *a, int64_t claim_id, int64_t order_id,
                          struct confirmation *out)
{
  static const char SQL[] = CONFIRMATION_COLS " AND order_id = $2";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, claim_id), stmt_int(s, 2, order_id);
  bool found = stmt_row(s);
  if (found) confirmation_read(s, a, out);
  enum err e = stmt_end(s);
  return e ? e : found ? ERR_OK : ERR_NOT_FOUND;
}

enum err confirmations_of_claim(struct db *db, struct arena *a, int64_t claim_id, struct confirmation **list,
                                size_t *n)
{
  static const char SQL[] = CONFIRMATION_COLS " ORDER BY order_id";
  struct stmt *s = db_stmt(db, SQL);
  size_t cap = 0;
  *list = NULL, *n = 0;
  stmt_int(s, 1, claim_id);
  while (stmt_row(s)) {
    if (*n == cap) {
      struct confirmation *grown = arena_array(a, struct confirmation, cap = cap ? 2 * cap : 4);
      if (*n) memcpy(grown, *list, *n * sizeof *grown);
      *list = grown;
    }
    confirmation_read(s, a, &(*list)[(*n)++]);
  }
  return stmt_end(s);
}

enum err claims_left(struct db *db, struct arena *a, int64_t from_ms, int64_t to_ms, int64_t after,
                     size_t most, struct left **out, size_t *n)
{
  static const char SQL[] =
    "SELECT id, fulfilment_id FROM claims WHERE state = 'shipped' AND ended_at >= $1 AND"
    " ended_at < $2 AND id > $3 ORDER BY id LIMIT $4";
  struct stmt *s = db_stmt(db, SQL);
  size_t cap = 0;
  *out = NULL, *n = 0;
  stmt_int(s, 1, from_ms), stmt_int(s, 2, to_ms), stmt_int(s, 3, after), stmt_int(s, 4, (int64_t)most);
  while (stmt_row(s)) {
    if (*n == cap) {
      struct left *grown = arena_array(a, struct left, cap = cap ? 2 * cap : 256);
      if (*n) memcpy(grown, *out, *n * sizeof **out);
      *out = grown;
    }
    (*out)[(*n)++] = (struct left){ stmt_col_int(s, 0), stmt_col_int(s, 1) };
  }
  return stmt_end(s);
}
