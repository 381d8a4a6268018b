/* pick.c: waves, rounds of picking in one place. What is in one is fixed: its groups are locked (domain 3.7). */
#include "flow.h"

#define WAVE_USUAL 50
#define WAVE_LOOK_MAX 1000 /* candidates that are looked at for one wave */

struct wave_args {
  const char *warehouse, *fulfilment, *note;
  int64_t limit;
  int64_t *id; /* of the list that was given */
  size_t n;
};

/* ---- making one -------------------------------------------------------------------------------------------------------- */

static void ids_of(struct cmd *c, const struct json *list, struct wave_args *a)
{
  a->id = arena_array(&c->mem, int64_t, json_count(list) + 1);
  for (const struct json *m = json_first(list); m; m = json_next(m)) {
    const char *text = json_string(m), *at = arena_printf(&c->mem, "/fulfilments/%zu", a->n);
    int64_t id = 0;
    if (!text || !id_parse(text, 'f', &id)) fault_add(&c->problem.faults, at, "bad_id", "An id like f_1");
    for (size_t i = 0; id && i < a->n; i++)
      if (a->id[i] == id)
        fault_add(&c->problem.faults, at, "twice", "f_%lld stands here twice", (long long)id);
    a->id[a->n++] = id;
  }
}

enum err flow_wave_make_parse(struct cmd *c, const struct json *body)
{
  struct wave_args *a = arena_new(&c->mem, struct wave_args);
  const struct json *list = NULL;
  const struct arg rows[] = { { "warehouse", ARG_TEXT, false, 64, &a->warehouse },
                              { "limit", ARG_INT, false, 0, &a->limit },
                              { "fulfilments", ARG_TEXTS, false, 0, &list } };
  c->args = a;
  TRY(args_read(c, body, rows, COUNT(rows)));
  if (list && a->limit)
    return refuse_at(c, "/limit", "one_of_two", "Either a list of fulfilments, or how many");
  if (a->limit < 0 || a->limit > WAVE_MAX) return refuse_at(c, "/limit", "out_of_range", "1 to %d", WAVE_MAX);
  if (list && (!json_count(list) || json_count(list) > WAVE_MAX))
    return refuse_at(c, "/fulfilments", "out_of_range", "1 to %d fulfilments", WAVE_MAX);
  if (list) ids_of(c, list, a);
  else if (!a->limit) a->limit = WAVE_USUAL;
  return c->problem.faults.n ? ERR_INVALID : ERR_OK;
}

static enum err holds_none(struct cmd *c, struct db *db, const struct fulfilment *f)
{
  struct fulfilment_line *l;
  size_t n;
  TRY(fulfilment_lines(db, &c->mem, f->id, &l, &n));
  if (!n) return refuse(c, ERR_CONFLICT, "fulfilment_empty", "f_%lld holds nothing", (long long)f->id);
  for (size_t i = 0; i < n; i++)
    if (order_holds(db, l[i].order_id))
      return refuse(c, ERR_CONFLICT, "on_hold", "o_%lld is held: release it first", (long long)l[i].order_id);
  return ERR_OK;
}

/* A factory's pieces are there once they are made and inspected. */
static enum err is_made(struct cmd *c, struct db *db, const struct fulfilment *f)
{
  const struct status_table *t = &c->rules->status;
  struct warehouse w = { 0 };
  int at = status_find(t, f->status);
  if (f->warehouse_id) TRY(warehouse_get(db, &c->mem, f->warehouse_id, &w));
  bool soon = w.factory && stage_rank(t, at) < stage_rank(t, ST_INSPECTED);
  if (!soon && status_move(t, at, ST_PRE_SHIP, TRIGGER_SYSTEM)) return ERR_OK;
  return refuse(c, ERR_CONFLICT, "not_ready", "f_%lld is %s: it is not ready to be picked", (long long)f->id,
                f->status);
}

enum err pick_ready(struct cmd *c, struct db *db, const struct fulfilment *f)
{
  const struct status_table *t = &c->rules->status;
  int at = status_find(t, f->status);
  if (at == ST_CANCELLED)
    return refuse(c, ERR_CONFLICT, "fulfilment_cancelled", "f_%lld is cancelled", (long long)f->id);
  if (stage_rank(t, at) >= stage_rank(t, ST_PRE_SHIP))
    return refuse(c, ERR_CONFLICT, "already_claimed", "f_%lld is %s already", (long long)f->id, f->status);
  TRY(is_made(c, db, f));
  return holds_none(c, db, f);
}

static enum err wave_takes(struct cmd *c, struct db *db, const struct fulfilment *f, int64_t warehouse_id)
{
  if (f->warehouse_id != warehouse_id)
    return refuse(c, ERR_CONFLICT, "other_warehouse", "f_%lld leaves from another warehouse",
                  (long long)f->id);
  if (!strcmp(f->work, "packed"))
    return refuse(c, ERR_CONFLICT, "already_packed", "f_%lld is packed already", (long long)f->id);
  if (f->wave_id)
    return refuse(c, ERR_CONFLICT, "in_wave", "f_%lld is in v_%lld", (long long)f->id, (long long)f->wave_id);
  return pick_ready(c, db, f);
}

static enum err wave_place(struct cmd *c, struct db *db, const struct wave_args *a, int64_t *warehouse_id)
{
  struct warehouse w;
  struct fulfilment f;
  *warehouse_id = 0;
  if (a->warehouse) {
    enum err e = warehouse_find(db, &c->mem, a->warehouse, &w);
    if (e == ERR_NOT_FOUND)
      return refuse_at(c, "/warehouse", "unknown_warehouse", "There is no warehouse %.64s", a->warehouse);
    return *warehouse_id = e ? 0 : w.id, e;
  }
  if (a->n && !fulfilment_get(db, &c->mem, a->id[0], &f)) *warehouse_id = f.warehouse_id;
  return ERR_OK;
}

static enum err wave_named(struct cmd *c, struct db *db, const struct wave_args *a, int64_t warehouse_id,
                           struct fulfilment *f)
{
  for (size_t i = 0; i < a->n; i++) {
    enum err e = fulfilment_get(db, &c->mem, a->id[i], &f[i]);
    if (e == ERR_NOT_FOUND)
      return refuse_at(c, arena_printf(&c->mem, "/fulfilments/%zu", i), "fulfilment_not_found",
                       "There is no fulfilment f_%lld", (long long)a->id[i]);
    TRY(e);
    TRY(wave_takes(c, db, &f[i], warehouse_id));
  }
  return ERR_OK;
}

/* The most urgent ones; what cannot be picked now is left for another wave. */
static enum err wave_gathered(struct cmd *c, struct db *db, const struct wave_args *a, int64_t warehouse_id,
                              struct fulfilment *f, size_t *n)
{
  int64_t ids[WAVE_LOOK_MAX];
  size_t found = wave_candidates(db, warehouse_id, ids, WAVE_LOOK_MAX);
  struct problem before = c->problem;
  *n = 0;
  for (size_t i = 0; i < found && *n < (size_t)a->limit; i++) {
    TRY(fulfilment_get(db, &c->mem, ids[i], &f[*n]));
    enum err e = wave_takes(c, db, &f[*n], warehouse_id);
    if (e && e != ERR_CONFLICT) return e;
    if (e) c->problem = before;
    else ++*n;
  }
  return ERR_OK;
}

static enum err wave_answer(struct cmd *c, struct db *db, int64_t id)
{
  enum privacy show = c->actor.roles & ROLES_GOODS ? SHOW_FULL : SHOW_MASKED;
  TRY(fulfil_settle(c, db));
  return view_wave(db, &c->mem, id, show, &c->out, &c->version);
}

static enum err wave_event(struct cmd *c, struct db *db, int64_t id, const struct fulfilment *f, size_t n)
{
  struct buf b = { 0 };
  struct jw w;
  jw_init(&w, &b), jw_object(&w), jw_key(&w, "fulfilments"), jw_array(&w);
  for (size_t i = 0; i < n; i++) jw_string(&w, id_text(&c->mem, 'f', f[i].id));
  jw_array_end(&w), jw_object_end(&w);
  enum err e = progress_event(c, db, 'v', id, "wave.made", "%s", b.data);
  buf_release(&b);
  return e;
}

enum err pick_begin(struct cmd *c, struct db *db, struct fulfilment *f, int64_t wave_id, const char *because)
{
  TRY(fulfil_fix(c, db, f, because));
  TRY(fulfilment_work(db, f, "picking", wave_id, c->now_ms));
  if (!wave_id) return progress_event(c, db, 'f', f->id, "fulfilment.picking", "{}");
  return progress_event(c, db, 'f', f->id, "fulfilment.picking", "{\"wave\":\"v_%lld\"}", (long long)wave_id);
}

enum err flow_wave_make_run(struct cmd *c, struct db *db)
{
  const struct wave_args *a = c->args;
  struct fulfilment *f = arena_array(&c->mem, struct fulfilment, WAVE_MAX + 1);
  int64_t warehouse_id, id;
  size_t n = a->n;
  TRY(wave_place(c, db, a, &warehouse_id));
  if (n) TRY(wave_named(c, db, a, warehouse_id, f));
  else TRY(wave_gathered(c, db, a, warehouse_id, f, &n));
  if (!n) return refuse(c, ERR_CONFLICT, "nothing_to_pick", "Nothing waits to be picked here");
  TRY(wave_insert(db, warehouse_id, c->actor.name, c->now_ms, &id));
  for (size_t i = 0; i < n; i++) TRY(pick_begin(c, db, &f[i], id, "picked"));
  TRY(wave_event(c, db, id, f, n));
  c->status = 201;
  return wave_answer(c, db, id);
}

/* ---- ending one, and taking out of it ------------------------------------------------------------------------------------- */

static enum err wave_target(struct cmd *c, struct db *db, struct wave *v)
{
  int64_t id;
  enum err e = c->target && id_parse(c->target, 'v', &id) ? wave_get(db, &c->mem, id, v) : ERR_NOT_FOUND;
  if (e == ERR_NOT_FOUND)
    return refuse(c, e, "wave_not_found", "There is no wave %.100s", c->target ? c->target : "");
  TRY(e);
  return version_holds(c, "wave", v->version);
}

enum err flow_wave_end_parse(struct cmd *c, const struct json *body)
{
  const struct arg rows[] = { { "if_version", ARG_VERSION, false, 0, &c->if_version } };
  return args_read(c, body, rows, COUNT(rows));
}

/* What is not packed yet stays what it is: it lies at a bench. */
enum err flow_wave_end_run(struct cmd *c, struct db *db)
{
  struct wave v;
  TRY(wave_target(c, db, &v));
  if (wave_end(db, v.id))
    return refuse(c, ERR_CONFLICT, "wave_done", "v_%lld has ended already", (long long)v.id);
  TRY(progress_event(c, db, 'v', v.id, "wave.ended", "{}"));
  return wave_answer(c, db, v.id);
}

enum err flow_wave_remove_parse(struct cmd *c, const struct json *body)
{
  struct wave_args *a = arena_new(&c->mem, struct wave_args);
  const struct arg rows[] = { { "fulfilment", ARG_TEXT, true, 32, &a->fulfilment },
                              { "note", ARG_TEXT, false, 500, &a->note },
                              { "if_version", ARG_VERSION, false, 0, &c->if_version } };
  c->args = a;
  return args_read(c, body, rows, COUNT(rows));
}

static enum err leaves_wave(struct cmd *c, const struct fulfilment *f, const struct wave *v)
{
  const struct status_table *t = &c->rules->status;
  if (f->wave_id != v->id)
    return refuse(c, ERR_CONFLICT, "not_in_wave", "f_%lld is not in v_%lld", (long long)f->id,
                  (long long)v->id);
  if (!strcmp(f->work, "packed"))
    return refuse(c, ERR_CONFLICT, "already_packed", "f_%lld is packed: begin again at the bench first",
                  (long long)f->id);
  if (stage_rank(t, status_find(t, f->status)) >= stage_rank(t, ST_PRE_SHIP))
    return refuse(c, ERR_CONFLICT, "already_claimed", "f_%lld is %s already", (long long)f->id, f->status);
  return ERR_OK;
}

/* It may be planned anew; its group stays locked. */
enum err flow_wave_remove_run(struct cmd *c, struct db *db)
{
  const struct wave_args *a = c->args;
  struct wave v;
  struct fulfilment f;
  struct fulfilment_line *l;
  struct buf b = { 0 };
  struct jw w;
  size_t n;
  TRY(wave_target(c, db, &v));
  TRY(fulfilment_target(c, db, a->fulfilment, &f));
  TRY(leaves_wave(c, &f, &v));
  TRY(scan_clear(db, f.id));
  TRY(fulfilment_work(db, &f, "open", 0, c->now_ms));
  TRY(wave_changed(db, v.id));
  jw_init(&w, &b), jw_object(&w), jw_id(&w, "fulfilment", 'f', f.id), jw_kstring(&w, "note", a->note),
    jw_object_end(&w);
  enum err e = progress_event(c, db, 'v', v.id, "wave.removed", "%s", b.data);
  buf_release(&b);
  TRY(e);
  TRY(fulfilment_lines(db, &c->mem, f.id, &l, &n));
  for (size_t i = 0; i < n; i++) fulfil_touch(c, l[i].order_id);
  return wave_answer(c, db, v.id);
}
