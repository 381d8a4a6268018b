/* aftersale.c: cases (domain 8), what was done with them, and the photos that are their evidence. */
#include "domain.h"

static const char *const kind_names[] = { "return", "exchange", "refund_only", "repair" };
static const char *const step_names[] = { "cs", "warehouse", "finance", NULL };
static const char *const state_names[] = { "open", "approved", "done", "rejected", "cancelled" };
static const char *const act_names[] = { "open",   "change",    "photo",   "approve", "skip",
                                         "reject", "send_back", "receive", "cancel",  "refunded" };

const char *case_kind_name(enum case_kind k)
{
  return kind_names[k];
}

const char *case_step_name(enum case_step s)
{
  return step_names[s];
}

const char *case_state_name(enum case_state s)
{
  return state_names[s];
}

const char *case_act_name(enum case_act a)
{
  return act_names[a];
}

/* The place of a name, or n. */
static size_t name_at(const char *const *names, size_t n, const char *name)
{
  size_t i = 0;
  while (i < n && (!name || strcmp(names[i], name) != 0)) i++;
  return i;
}

bool case_kind_parse(const char *name, enum case_kind *k)
{
  size_t i = name_at(kind_names, CASE_KINDS, name);
  if (i == CASE_KINDS) return false;
  return *k = (enum case_kind)i, true;
}

enum case_step case_step_parse(const char *name)
{
  return (enum case_step)name_at(step_names, CASE_STEPS, name);
}

/* ---- who may do what: one table ---------------------------------------------------------------------------------- */

static const unsigned step_roles[] = { ROLE_CS, ROLE_WAREHOUSE, ROLE_FINANCE, 0 };

unsigned case_step_role(enum case_step s)
{
  return step_roles[s];
}

bool case_has_goods(enum case_kind k)
{
  return k != CASE_REFUND_ONLY;
}

#define TURN 0u /* whose turn the step is */
static const struct {
  unsigned states; /* bits of enum case_state */
  unsigned roles;
} acts[CASE_ACTS] = {
  [ACT_OPEN] = { 1u << CASE_OPEN, ROLES_CASES },
  [ACT_CHANGE] = { 1u << CASE_OPEN, ROLES_CASES },
  [ACT_PHOTO] = { 1u << CASE_OPEN, ROLES_CASES },
  [ACT_APPROVE] = { 1u << CASE_OPEN, TURN },
  [ACT_SKIP] = { 1u << CASE_OPEN, 0 },
  [ACT_REJECT] = { 1u << CASE_OPEN, TURN },
  [ACT_SEND_BACK] = { 1u << CASE_OPEN, TURN },
  [ACT_RECEIVE] = { 1u << CASE_OPEN | 1u << CASE_APPROVED, ROLE_WAREHOUSE },
  [ACT_CANCEL] = { 1u << CASE_OPEN, ROLE_CS },
  [ACT_REFUNDED] = { 1u << CASE_APPROVED, ROLE_FINANCE },
};

enum err case_may(enum case_state state, enum case_step step, enum case_act act, unsigned roles)
{
  if (!(roles & ROLES_CASES)) return ERR_FORBIDDEN;
  unsigned needed = acts[act].roles ? acts[act].roles : step_roles[step];
  if (!(acts[act].states & 1u << state)) return ERR_CONFLICT;
  if (!(roles & (needed | ROLE_ADMIN))) return ERR_FORBIDDEN;
  return act == ACT_SEND_BACK && step == STEP_CS ? ERR_CONFLICT : ERR_OK;
}

/* ---- cases ---------------------------------------------------------------------------------------------------------- */

#define COLS \
  "SELECT id, order_id, round, amount, ceiling, coalesce(effect_id, 0), coalesce(warehouse_id, 0), coalesce(exchange_id, 0)," \
  " created_at, updated_at, step_since, coalesce(due_at, 0), coalesce(ended_at, 0), version, due_step, kind, state, step," \
  " currency, reason, note, refund, refund_id, goods, actor FROM cases"

static enum err case_one(struct stmt *s, struct arena *a, struct aftercase *out)
{
  bool found = stmt_row(s);
  if (found) {
    int64_t *const numbers[] = { &out->id,         &out->order_id,   &out->round,        &out->amount,
                                 &out->ceiling,    &out->effect_id,  &out->warehouse_id, &out->exchange_id,
                                 &out->created_at, &out->updated_at, &out->step_since,   &out->due_at,
                                 &out->ended_at,   &out->version };
    const char **const texts[] = { &out->currency,  &out->reason, &out->note, &out->refund,
                                   &out->refund_id, &out->goods,  &out->actor };
    for (size_t i = 0; i < COUNT(numbers); i++) *numbers[i] = stmt_col_int(s, (int)i);
    out->due_step = (int)stmt_col_int(s, 14);
    out->kind = (enum case_kind)name_at(kind_names, CASE_KINDS, stmt_col_text(s, 15));
    out->state = (enum case_state)name_at(state_names, CASE_STATES, stmt_col_text(s, 16));
    out->step = case_step_parse(stmt_col_text(s, 17));
    must(out->kind < CASE_KINDS && out->state < CASE_STATES);
    for (size_t i = 0; i < COUNT(texts); i++) *texts[i] = stmt_col_copy(s, 18 + (int)i, a);
  }
  enum err e = stmt_end(s);
  return e ? e : found ? ERR_OK : ERR_NOT_FOUND;
}

enum err case_get(struct db *db, struct arena *a, int64_t id, struct aftercase *out)
{
  static const char SQL[] = COLS " WHERE id = $1";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id);
  return case_one(s, a, out);
}

static void bind_some(struct stmt *s, int at, int64_t v)
{
  if (v) stmt_int(s, at, v);
  else stmt_null(s, at);
}

#define OTHERS " (SELECT coalesce(sum(o.amount), 0) FROM cases o WHERE o.order_id = "
#define LIVE " o.state <> 'rejected' AND o.state <> 'cancelled')"

enum err case_insert(struct db *db, struct aftercase *c, int64_t room)
{
  static const char SQL[] =
    "INSERT INTO cases (id, order_id, kind, state, step, round, currency, amount, ceiling, reason, note, refund, refund_id, goods,"
    " created_at, updated_at, step_since, due_at, due_step, actor, version)"
    " SELECT $1, $2, $3, 'open', $4, 1, $5, $6, $7, $8, $9, 'none', $10, $11, $12, $12, $12, $13, $14, $15, 1"
    " WHERE" OTHERS "$2 AND" LIVE " + $6 <= $16";
  struct stmt *s = db_stmt(db, SQL);
  c->id = db_next_id(db, "case"), c->version = c->round = 1, c->state = CASE_OPEN;
  stmt_int(s, 1, c->id), stmt_int(s, 2, c->order_id), stmt_text(s, 3, kind_names[c->kind]);
  stmt_text(s, 4, step_names[c->step]), stmt_text(s, 5, c->currency), stmt_int(s, 6, c->amount);
  stmt_int(s, 7, c->ceiling), stmt_text(s, 8, c->reason), stmt_text(s, 9, c->note),
    stmt_text(s, 10, c->refund_id);
  stmt_text(s, 11, c->goods), stmt_int(s, 12, c->created_at), bind_some(s, 13, c->due_at);
  stmt_int(s, 14, c->due_step), stmt_text(s, 15, c->actor), stmt_int(s, 16, room);
  TRY(stmt_run(s));
  return db_changes(db) ? ERR_OK : ERR_CONFLICT;
}

enum err case_amount(struct db *db, struct aftercase *c, int64_t amount, int64_t ceiling, int64_t room)
{
  static const char SQL[] =
    "UPDATE cases SET amount = $1, ceiling = $2, version = version + 1 WHERE id = $3 AND version = $4 AND" OTHERS
    "cases.order_id AND o.id <> cases.id AND" LIVE " + $1 <= $5";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, amount), stmt_int(s, 2, ceiling), stmt_int(s, 3, c->id), stmt_int(s, 4, c->version);
  stmt_int(s, 5, room);
  TRY(stmt_run(s));
  if (!db_changes(db)) return ERR_CONFLICT;
  c->amount = amount, c->ceiling = ceiling, c->version++;
  return ERR_OK;
}

enum err case_update(struct db *db, struct aftercase *c, int64_t now_ms)
{
  static const char SQL[] =
    "UPDATE cases SET state = $1, step = $2, round = $3, note = $4, refund = $5, refund_id = $6, effect_id = $7, goods = $8,"
    " warehouse_id = $9, exchange_id = $10, updated_at = $11, step_since = $12, due_at = $13, due_step = $14, ended_at = $15,"
    " reason = $16, version = version + 1 WHERE id = $17 AND version = $18";
  struct stmt *s = db_stmt(db, SQL);
  c->updated_at = now_ms;
  stmt_text(s, 1, state_names[c->state]), stmt_text(s, 2, step_names[c->step]), stmt_int(s, 3, c->round);
  stmt_text(s, 4, c->note), stmt_text(s, 5, c->refund), stmt_text(s, 6, c->refund_id);
  bind_some(s, 7, c->effect_id), stmt_text(s, 8, c->goods), bind_some(s, 9, c->warehouse_id);
  bind_some(s, 10, c->exchange_id), stmt_int(s, 11, now_ms), stmt_int(s, 12, c->step_since);
  bind_some(s, 13, c->due_at), stmt_int(s, 14, c->due_step), bind_some(s, 15, c->ended_at),
    stmt_text(s, 16, c->reason);
  stmt_int(s, 17, c->id), stmt_int(s, 18, c->version);
  TRY(stmt_run(s));
  if (!db_changes(db)) return ERR_STALE;
  c->version++;
  return ERR_OK;
}

enum err case_set_due(struct db *db, int64_t id, int64_t due_at, int due_step)
{
  static const char SQL[] = "UPDATE cases SET due_at = $1, due_step = $2 WHERE id = $3";
  struct stmt *s = db_stmt(db, SQL);
  bind_some(s, 1, due_at), stmt_int(s, 2, due_step), stmt_int(s, 3, id);
  return stmt_run(s);
}

/* ---- lines ------------------------------------------------------------------------------------------------------------ */

enum err case_set_lines(struct db *db, int64_t id, const struct case_line *l, size_t n)
{
  static const char SQL_NONE[] = "DELETE FROM case_lines WHERE case_id = $1";
  static const char SQL[] =
    "INSERT INTO case_lines (case_id, line_no, quantity, amount, worth, bought, instead)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7)";
  struct stmt *s = db_stmt(db, SQL_NONE);
  stmt_int(s, 1, id);
  TRY(stmt_run(s));
  for (size_t i = 0; i < n; i++) {
    s = db_stmt(db, SQL);
    stmt_int(s, 1, id), stmt_int(s, 2, l[i].line_no), stmt_int(s, 3, l[i].quantity),
      stmt_int(s, 4, l[i].amount);
    stmt_int(s, 5, l[i].worth), stmt_int(s, 6, l[i].bought), stmt_text(s, 7, l[i].instead);
    TRY(stmt_run(s));
  }
  return ERR_OK;
}

enum err case_line_in(struct db *db, int64_t id, const struct case_line *l)
{
  static const char SQL[] =
    "UPDATE case_lines SET received = $1, good = $2, damaged = $3 WHERE case_id = $4 AND line_no = $5";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, l->received), stmt_int(s, 2, l->good), stmt_int(s, 3, l->damaged), stmt_int(s, 4, id);
  stmt_int(s, 5, l->line_no);
  return stmt_run(s);
}

enum err case_lines(struct db *db, struct arena *a, int64_t id, struct case_line **list, size_t *n)
{
  static const char SQL[] =
    "SELECT line_no, quantity, amount, worth, bought, received, good, damaged, instead FROM case_lines"
    " WHERE case_id = $1 ORDER BY line_no";
  struct stmt *s = db_stmt(db, SQL);
  *list = arena_array(a, struct case_line, CASE_LINES_MAX), *n = 0;
  stmt_int(s, 1, id);
  while (*n < CASE_LINES_MAX && stmt_row(s)) {
    struct case_line *l = &(*list)[(*n)++];
    int64_t *const numbers[] = { &l->line_no, &l->quantity, &l->amount, &l->worth,
                                 &l->bought,  &l->received, &l->good,   &l->damaged };
    for (size_t i = 0; i < COUNT(numbers); i++) *numbers[i] = stmt_col_int(s, (int)i);
    l->instead = stmt_col_copy(s, 8, a);
  }
  return stmt_end(s);
}

/* ---- looking ------------------------------------------------------------------------------------------------------------ */

static size_t ids_of(struct stmt *s, int64_t *ids, size_t max)
{
  size_t n = 0;
  while (n < max && stmt_row(s)) ids[n++] = stmt_col_int(s, 0);
  return stmt_end(s) ? 0 : n;
}

size_t cases_of_order(struct db *db, int64_t order_id, int64_t *ids, size_t max)
{
  static const char SQL[] = "SELECT id FROM cases WHERE order_id = $1 ORDER BY id";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, order_id);
  return ids_of(s, ids, max);
}

size_t case_due(struct db *db, int64_t now_ms, int64_t *ids, size_t max)
{
  static const char SQL[] = "SELECT id FROM cases WHERE due_at <= $1 ORDER BY due_at, id LIMIT $2";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, now_ms), stmt_int(s, 2, (int64_t)max);
  return ids_of(s, ids, max);
}

int64_t case_next_due(struct db *db)
{
  static const char SQL[] = "SELECT due_at FROM cases WHERE due_at IS NOT NULL ORDER BY due_at LIMIT 1";
  int64_t due;
  return ids_of(db_stmt(db, SQL), &due, 1) ? due : 0;
}

enum err case_given(struct db *db, int64_t order_id, int64_t but_case, int64_t line_no, int64_t *amount,
                    int64_t *pieces)
{
  static const char SQL_ORDER[] =
    "SELECT coalesce(sum(o.amount), 0), 0 FROM cases o WHERE o.order_id = $1 AND o.id <> $2"
    " AND o.state <> 'rejected' AND o.state <> 'cancelled'";
  static const char SQL_LINE[] =
    "SELECT coalesce(sum(l.amount), 0), coalesce(sum(l.quantity), 0) FROM cases o JOIN case_lines l ON l.case_id = o.id"
    " WHERE o.order_id = $1 AND o.id <> $2 AND l.line_no = $3 AND o.state <> 'rejected' AND o.state <> 'cancelled'";
  struct stmt *s = db_stmt(db, line_no ? SQL_LINE : SQL_ORDER);
  stmt_int(s, 1, order_id), stmt_int(s, 2, but_case);
  if (line_no) stmt_int(s, 3, line_no);
  if (stmt_row(s)) *amount = stmt_col_int(s, 0), *pieces = stmt_col_int(s, 1);
  return stmt_end(s);
}

enum err case_refund_ids(struct db *db, struct arena *a, int64_t order_id, const char **ids, size_t max,
                         size_t *n)
{
  static const char SQL[] = "SELECT refund_id FROM cases WHERE order_id = $1 AND refund_id IS NOT NULL"
                            " AND state <> 'rejected' AND state <> 'cancelled' ORDER BY id";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, order_id);
  *n = 0;
  while (*n < max && stmt_row(s)) ids[(*n)++] = stmt_col_copy(s, 0, a);
  return stmt_end(s);
}

/* ---- what was done --------------------------------------------------------------------------------------------------------- */

enum err case_act_put(struct db *db, const struct case_did *d)
{
  static const char SQL[] =
    "INSERT INTO case_acts (case_id, n, round, step, act, person, actor, at, note, sealed, digest)"
    " SELECT $1, coalesce(max(n), 0) + 1, $2, $3, $4, $5, $6, $7, $8, $9, $10 FROM case_acts WHERE case_id = $1"
    " HAVING coalesce(max(n), 0) < $11";
  struct stmt *s = db_stmt(db, SQL);
  must(d->person && d->actor);
  stmt_int(s, 1, d->case_id), stmt_int(s, 2, d->round), stmt_text(s, 3, step_names[d->step]);
  stmt_text(s, 4, act_names[d->act]), stmt_text(s, 5, d->person), stmt_text(s, 6, d->actor),
    stmt_int(s, 7, d->at);
  stmt_text(s, 8, d->note), stmt_text(s, 9, d->sealed);
  if (d->digest) stmt_blob(s, 10, d->digest, SHA256_LEN);
  else stmt_null(s, 10);
  stmt_int(s, 11, CASE_ACTS_MAX);
  TRY(stmt_run(s));
  return db_changes(db) ? ERR_OK : ERR_CONFLICT;
}

const char *case_barred(struct db *db, int64_t id, const char *person, enum case_step step)
{
  static const char SQL[] =
    "SELECT act FROM case_acts WHERE case_id = $1 AND person = $2 AND (act = 'open' OR act = 'change'"
    " OR (act = 'approve' AND step <> $3)) ORDER BY n LIMIT 1";
  struct stmt *s = db_stmt(db, SQL);
  const char *why = NULL;
  stmt_int(s, 1, id), stmt_text(s, 2, person), stmt_text(s, 3, step_names[step]);
  if (stmt_row(s)) why = strcmp(stmt_col_text(s, 0), "approve") ? "own_request" : "approved_other_step";
  return stmt_end(s) ? "own_request" : why;
}

bool case_sealed(struct db *db, int64_t id, int64_t round, unsigned char digest[32])
{
  static const char SQL[] =
    "SELECT digest FROM case_acts WHERE case_id = $1 AND round = $2 AND act = 'approve'"
    " ORDER BY n DESC LIMIT 1";
  struct stmt *s = db_stmt(db, SQL);
  size_t n = 0;
  stmt_int(s, 1, id), stmt_int(s, 2, round);
  const void *p = stmt_row(s) ? stmt_col_blob(s, 0, &n) : NULL;
  bool found = p && n == SHA256_LEN;
  if (found) memcpy(digest, p, n);
  stmt_end(s);
  return found;
}

static enum err photos_seal(struct db *db, int64_t id, struct buf *out)
{
  static const char SQL[] = "SELECT digest FROM case_photos WHERE case_id = $1 ORDER BY digest";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id);
  while (stmt_row(s)) {
    size_t n = 0;
    const void *p = stmt_col_blob(s, 0, &n);
    buf_str(out, "photo "), hex_put(out, p, n), buf_char(out, '\n');
  }
  return stmt_end(s);
}

enum err case_seal_text(struct db *db, const struct aftercase *c, struct buf *out)
{
  struct arena mem = { 0 };
  struct case_line *l;
  size_t n;
  enum err e = case_lines(db, &mem, c->id, &l, &n);
  buf_printf(out, "case c_%lld\norder o_%lld\nkind %s\namount %lld %s\n", (long long)c->id,
             (long long)c->order_id, kind_names[c->kind], (long long)c->amount, c->currency);
  for (size_t i = 0; !e && i < n; i++) {
    buf_printf(out, "line %lld quantity %lld amount %lld", (long long)l[i].line_no, (long long)l[i].quantity,
               (long long)l[i].amount);
    if (l[i].instead) buf_str(out, " instead "), buf_str(out, l[i].instead);
    buf_char(out, '\n');
  }
  arena_release(&mem);
  return e ? e : photos_seal(db, c->id, out);
}

/* ---- photos --------------------------------------------------------------------------------------------------------------------- */

enum err photo_of_case(struct db *db, struct arena *a, int64_t case_id,
                       const unsigned char digest[PHOTO_DIGEST], struct photo_row *out)
{
  static const char SQL[] =
    "SELECT p.type, p.width, p.height, p.size FROM case_photos c JOIN photos p ON p.digest = c.digest"
    " WHERE c.case_id = $1 AND c.digest = $2";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, case_id), stmt_blob(s, 2, digest, PHOTO_DIGEST);
  bool found = stmt_row(s);
  if (found) {
    memcpy(out->digest, digest, PHOTO_DIGEST);
    out->type = stmt_col_copy(s, 0, a), out->width = stmt_col_int(s, 1);
    out->height = stmt_col_int(s, 2), out->size = stmt_col_int(s, 3);
  }
  enum err e = stmt_end(s);
  return e ? e : found ? ERR_OK : ERR_NOT_FOUND;
}

enum err photo_add(struct db *db, int64_t case_id, const struct photo_row *p, const char *actor,
                   int64_t now_ms, bool *is_new)
{
  static const char SQL_PHOTO[] = "INSERT INTO photos (digest, type, width, height, size, created_at)"
                                  " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (digest) DO NOTHING";
  static const char SQL[] = "INSERT INTO case_photos (case_id, digest, actor, at) VALUES ($1, $2, $3, $4)"
                            " ON CONFLICT (case_id, digest) DO NOTHING";
  struct stmt *s = db_stmt(db, SQL_PHOTO);
  stmt_blob(s, 1, p->digest, PHOTO_DIGEST), stmt_text(s, 2, p->type), stmt_int(s, 3, p->width);
  stmt_int(s, 4, p->height), stmt_int(s, 5, p->size), stmt_int(s, 6, now_ms);
  TRY(stmt_run(s));
  s = db_stmt(db, SQL);
  stmt_int(s, 1, case_id), stmt_blob(s, 2, p->digest, PHOTO_DIGEST), stmt_text(s, 3, actor),
    stmt_int(s, 4, now_ms);
  TRY(stmt_run(s));
  *is_new = db_changes(db) > 0;
  return ERR_OK;
}

bool photo_next(struct db *db, unsigned char digest[PHOTO_DIGEST])
{
  static const char SQL[] = "SELECT digest FROM photos WHERE digest > $1 ORDER BY digest LIMIT 1";
  struct stmt *s = db_stmt(db, SQL);
  size_t n = 0;
  stmt_blob(s, 1, digest, PHOTO_DIGEST);
  const void *p = stmt_row(s) ? stmt_col_blob(s, 0, &n) : NULL;
  bool found = p && n == PHOTO_DIGEST;
  if (found) memcpy(digest, p, n);
  return !stmt_end(s) && found;
}

bool photo_known(struct db *db, const unsigned char digest[PHOTO_DIGEST])
{
  static const char SQL[] = "SELECT size FROM photos WHERE digest = $1";
  struct stmt *s = db_stmt(db, SQL);
  stmt_blob(s, 1, digest, PHOTO_DIGEST);
  bool found = stmt_row(s);
  return stmt_end(s) || found; /* what could not be asked is not thrown away */
}

enum err photo_sums(struct db *db, int64_t case_id, int64_t *of_case, int64_t *bytes)
{
  static const char SQL[] = "SELECT (SELECT count(*) FROM case_photos WHERE case_id = $1),"
                            " (SELECT coalesce(sum(size), 0) FROM photos)";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, case_id);
  if (stmt_row(s)) *of_case = stmt_col_int(s, 0), *bytes = stmt_col_int(s, 1);
  return stmt_end(s);
}
