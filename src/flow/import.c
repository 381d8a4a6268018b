/* import.c: a file that a person dropped into the console, in three commands of people and two of our own.
 *
 *   import.put (pieces of rows) ─► preview ─► import.confirm ─► import.step … ─► done ─► import.undo ─► import.step … ─► undone
 *
 * A step applies or takes back a few rows in one transaction and notes how far it is, so that a kill in the middle
 * costs nothing and nothing comes twice; between two steps everybody else has their turn. */
#include "flow.h"

#define STEP_ROWS 16
#define BUILT_SHOWN 20

enum err flow_import_put_parse(struct cmd *c, const struct json *body)
{
  (void)body; /* its args are made by the edge that read the file */
  return refuse(c, ERR_INVALID, "not_by_json", "Rows are put by the file's reader");
}

enum err flow_import_put_run(struct cmd *c, struct db *db)
{
  const struct import_put *p = c->args;
  int64_t id = p->id;
  if (!id)
    TRY(imports_add(db, p->name, p->channel, c->actor.person ? c->actor.person : c->actor.name, c->now_ms,
                    &id));
  for (size_t i = 0; i < p->n; i++) TRY(imports_row(db, id, &p->rows[i]));
  c->numbers[0] = id;
  if (!p->last) return ERR_OK;
  TRY(imports_rows(db, id, p->total));
  TRY(imports_move(db, id, "preview", 0));
  c->status = 201;
  TRY(progress_event(c, db, 'i', id, "import.read", "{\"rows\":%lld}", (long long)p->total));
  return view_import(db, id, &c->out, &c->version);
}

/* ---- what people say ---------------------------------------------------------------------------------------- */
struct import_args {
  bool keep_changed;
};

static enum err import_parse(struct cmd *c, const struct json *body, bool undo)
{
  struct import_args *a = arena_new(&c->mem, struct import_args);
  const struct arg rows[] = { { "keep_changed", ARG_BOOL, false, 0, &a->keep_changed } };
  c->args = a;
  return args_read(c, body, rows, undo ? 1 : 0);
}

static enum err import_target(struct cmd *c, struct db *db, const char *state, struct import_state *i)
{
  int64_t id;
  enum err e = c->target && id_parse(c->target, 'i', &id) ? imports_get(db, &c->mem, id, i) : ERR_NOT_FOUND;
  if (e == ERR_NOT_FOUND || (!e && !strcmp(i->state, "reading")))
    return refuse(c, ERR_NOT_FOUND, "import_not_found", "There is no import %.64s",
                  c->target ? c->target : "");
  TRY(e);
  TRY(version_holds(c, "import", i->version));
  if (!strcmp(i->state, state)) return ERR_OK;
  return refuse(c, ERR_CONFLICT, "import_state", "The import is %s, not %s", i->state, state);
}

static enum err import_answer(struct cmd *c, struct db *db, int64_t id)
{
  return view_import(db, id, &c->out, &c->version);
}

enum err flow_import_confirm_parse(struct cmd *c, const struct json *body)
{
  return import_parse(c, body, false);
}

enum err flow_import_confirm_run(struct cmd *c, struct db *db)
{
  struct import_state i;
  TRY(import_target(c, db, "preview", &i));
  TRY(imports_move(db, i.id, "applying", 0));
  TRY(progress_event(c, db, 'i', i.id, "import.confirmed", "{}"));
  c->status = 202;
  return import_answer(c, db, i.id);
}

enum err flow_import_discard_parse(struct cmd *c, const struct json *body)
{
  return import_parse(c, body, false);
}

enum err flow_import_discard_run(struct cmd *c, struct db *db)
{
  struct import_state i;
  TRY(import_target(c, db, "preview", &i));
  TRY(imports_drop(db, i.id));
  TRY(imports_move(db, i.id, "discarded", c->now_ms));
  TRY(progress_event(c, db, 'i', i.id, "import.discarded", "{}"));
  return import_answer(c, db, i.id);
}

enum err flow_import_undo_parse(struct cmd *c, const struct json *body)
{
  return import_parse(c, body, true);
}

static enum err built_upon(struct cmd *c, const int64_t *ids, int64_t n)
{
  struct buf b = { 0 };
  struct jw w;
  jw_init(&w, &b), jw_array(&w);
  for (int64_t k = 0; k < n && k < BUILT_SHOWN; k++) jw_id(&w, NULL, 'o', ids[k]);
  jw_array_end(&w);
  c->problem.extra = arena_printf(&c->mem, "\"orders\":%s", b.data);
  buf_release(&b);
  return refuse(c, ERR_CONFLICT, "import_built_upon",
                "Something was done with %lld of its orders since: they cannot be taken back together",
                (long long)n);
}

enum err flow_import_undo_run(struct cmd *c, struct db *db)
{
  const struct import_args *a = c->args;
  struct import_state i;
  int64_t ids[BUILT_SHOWN], n = 0;
  TRY(import_target(c, db, "done", &i));
  int64_t changed = imports_count(db, i.id, "updated");
  if (changed && !a->keep_changed)
    return refuse(
      c, ERR_CONFLICT, "import_changed_orders",
      "It changed %lld orders that were there before; with keep_changed they stay changed and only new"
      " ones are taken back",
      (long long)changed);
  TRY(imports_built_upon(db, i.id, 0, ids, BUILT_SHOWN, &n));
  if (n) return built_upon(c, ids, n);
  TRY(imports_done(db, i.id, 0));
  TRY(imports_move(db, i.id, "undoing", 0));
  TRY(progress_event(c, db, 'i', i.id, "import.undoing", "{}"));
  c->status = 202;
  return import_answer(c, db, i.id);
}

/* ---- steps ------------------------------------------------------------------------------------------------------ */
static const char *error_text(struct cmd *c, enum err e)
{
  struct buf b = { 0 };
  problem_put(&b, e, 0, &c->problem);
  const char *text = arena_strn(&c->mem, b.data, b.len);
  buf_release(&b);
  return text;
}

static bool disk_trouble(enum err e)
{
  return e == ERR_IO || e == ERR_DISK_FULL || e == ERR_BUSY;
}

static enum err row_ingest(struct cmd *c, struct db *db, const struct import_row *r,
                           enum ingest_result *result, int64_t *order_id)
{
  int64_t group;
  struct json *j = json_parse(&c->mem, r->body, r->body_n, JSON_ELEMENTS_MAX, &c->problem.faults);
  struct draft *d = j ? draft_parse(&c->mem, j, "", &c->problem.faults) : NULL;
  if (!d) return ERR_INVALID;
  draft_seal(&c->mem, d, r->body, r->body_n);
  return ingest_apply(c, db, d, 0, result, order_id, &group);
}

/* In a savepoint of its own: an order that is refused by now stops no other. */
static enum err row_apply(struct cmd *c, struct db *db, int64_t id, const struct import_row *r)
{
  enum ingest_result result = INGEST_UNCHANGED;
  int64_t order_id = 0;
  if (!r->body || !strcmp(r->result, "refused") || !strcmp(r->result, "again")) return ERR_OK;
  c->problem = (struct problem){ .faults.mem = &c->mem };
  if (!tx_mark(db)) return db_err(db);
  enum err e = row_ingest(c, db, r, &result, &order_id);
  if (e) {
    if (!tx_undo(db)) return db_err(db);
    if (disk_trouble(e)) {
      tx_keep(db);
      return e;
    }
  }
  if (!tx_keep(db)) return db_err(db);
  const char *error = e ? error_text(c, e) : NULL;
  c->problem = (struct problem){ .faults.mem = &c->mem };
  return imports_settle(db, id, r->seq, e ? "refused" : ingest_result_name(result), order_id, error);
}

static enum err order_undo(struct cmd *c, struct db *db, int64_t id, int64_t order_id)
{
  struct order o;
  int64_t built, n;
  TRY(imports_built_upon(db, id, order_id, &built, 1, &n));
  if (n) return refuse(c, ERR_CONFLICT, "import_built_upon", "Somebody has worked with it since");
  TRY(order_get(db, &c->mem, order_id, &o));
  if (strcmp(o.status, "cancelled") != 0) {
    TRY(progress_move(c, db, &o, ST_CANCELLED, TRIGGER_COMMAND, "the import was undone"));
    TRY(regroup(c, db, o.id));
  }
  return order_free_number(db, o.id, arena_printf(&c->mem, "#i_%lld", (long long)id));
}

/* The order is cancelled with us and gives its number back, so that the same file can come again. Whoever was quicker
 * than we is not run over: that order is kept, and nothing waits for it. */
static enum err row_undo(struct cmd *c, struct db *db, int64_t id, const struct import_row *r)
{
  if (strcmp(r->result, "created") != 0) return ERR_OK;
  c->problem = (struct problem){ .faults.mem = &c->mem };
  if (!tx_mark(db)) return db_err(db);
  enum err e = order_undo(c, db, id, r->order_id);
  if (e && !tx_undo(db)) return db_err(db);
  if (!tx_keep(db)) return db_err(db);
  if (disk_trouble(e)) return e;
  const char *error = e ? error_text(c, e) : NULL;
  c->problem = (struct problem){ .faults.mem = &c->mem };
  return imports_settle(db, id, r->seq, e ? "kept" : "undone", 0, error);
}

static enum err import_end(struct cmd *c, struct db *db, const struct import_state *i, bool undone)
{
  TRY(progress_event(c, db, 'i', i->id, undone ? "import.undone" : "import.done", "{\"rows\":%lld}",
                     (long long)i->rows));
  return imports_move(db, i->id, undone ? "undone" : "done", c->now_ms);
}

enum err flow_import_step_parse(struct cmd *c, const struct json *body)
{
  return args_read(c, body, NULL, 0);
}

enum err flow_import_step_run(struct cmd *c, struct db *db)
{
  struct import_row rows[STEP_ROWS];
  struct import_state i;
  int64_t id = imports_next(db);
  if (!id) return ERR_OK;
  TRY(imports_get(db, &c->mem, id, &i));
  bool undo = !strcmp(i.state, "undoing");
  size_t n = imports_take(db, &c->mem, id, i.done, rows, STEP_ROWS);
  c->source = "file";
  for (size_t k = 0; k < n; k++) TRY((undo ? row_undo : row_apply)(c, db, id, &rows[k]));
  TRY(fulfil_settle(c, db)); /* what it does is part of the import */
  if (n) TRY(imports_done(db, id, rows[n - 1].seq));
  if (n && !undo) TRY(imports_applied(db, id, rows[0].seq, rows[n - 1].seq, journal_head(db)));
  c->left = 1;
  c->numbers[0] = (int64_t)n;
  return n < STEP_ROWS ? import_end(c, db, &i, undo) : ERR_OK;
}
