/* api_admin.c: tokens, backups, the check, and the pages that say what this is. */
#include "edge.h"
#include <uv.h>

/* ---- tokens: the table in memory follows before the answer ------------------------------------------------------- */
static void table_is_new(void *arg)
{
  call_done(arg);
}

static void token_done(struct cmd *c)
{
  struct call *k = c->owner;
  if (c->job.err) call_done(c);
  else auth_refresh(k->api->auth, table_is_new, c);
}

void tokens_write(struct call *k)
{
  struct cmd *c = call_cmd(k, (enum cmd_id)k->route->cmd);
  if (c) call_send_to(k, c, k->r->body, k->r->body_n, token_done);
}

/* ---- POST /v1/backups {"file":"/path"} ------------------------------------------------------------------------------- */
#define BACKUP_PATH_MAX 4000

struct backup {
  uv_work_t work;
  struct call *k;
  struct arena mem;
  const char *file, *why;
  enum err err;
};

static void backup_run(uv_work_t *w)
{
  struct backup *b = w->data;
  b->err = db_backup(&b->mem, b->k->api->db_path, b->file, &b->why);
}

static void backup_done(uv_work_t *w, int status)
{
  (void)status;
  struct backup *b = w->data;
  struct call *k = b->k;
  struct buf out = { 0 };
  struct jw json;
  k->api->backing_up = false;
  if (b->err) {
    call_refuse(k, b->err, "backup_failed", NULL, "%s", b->why ? b->why : err_title(b->err));
  } else {
    jw_init(&json, &out), jw_object(&json);
    jw_kstring(&json, "file", b->file);
    jw_kbool(&json, "checked", true);
    jw_object_end(&json);
    call_reply(k, 201, NULL, &out);
  }
  buf_release(&out);
  arena_release(&b->mem);
  mem_free(b);
}

static const char *backup_file(struct call *k, struct problem *p)
{
  struct json *j = json_parse(&k->r->mem, k->r->body, k->r->body_n, JSON_ELEMENTS_MAX, &p->faults);
  if (!j) return NULL;
  const char *file = json_string(json_get(j, "file"));
  if (json_type(j) != JSON_OBJECT || !file)
    fault_add(&p->faults, "/file", "missing", "The name of the file to write, as text");
  else if (file[0] != '/' || strlen(file) > BACKUP_PATH_MAX)
    fault_add(&p->faults, "/file", "not_absolute", "The file is named from the root, as the server sees it");
  for (const struct json *m = json_first(j); m && json_type(j) == JSON_OBJECT; m = json_next(m))
    if (strcmp(json_key(m), "file") != 0)
      fault_add(&p->faults, "", "unknown_key", "Beside file nothing is known here");
  return p->faults.n ? NULL : file;
}

void backups_post(struct call *k)
{
  struct problem p = { .faults = { .mem = &k->r->mem } };
  const char *file = backup_file(k, &p);
  if (!file) {
    bool bad = p.faults.n && !strcmp(p.faults.at[0].code, "bad_json");
    call_refuse_with(k, bad ? ERR_BAD_REQUEST : ERR_INVALID, &p);
  } else if (k->api->backing_up) {
    call_refuse(k, ERR_CONFLICT, "backup_runs", NULL, "A backup is being written already.");
  } else {
    struct backup *b = mem_new(sizeof *b);
    b->work.data = b, b->k = k;
    b->file = arena_str(&b->mem, file);
    k->api->backing_up = true;
    must(!uv_queue_work(k->api->loop, &b->work, backup_run, backup_done));
  }
}

/* ---- GET /v1/check ------------------------------------------------------------------------------------------------------ */
#define FINDINGS_MAX 1000

struct findings {
  struct jw w;
  int n;
};

static void finding_say(void *arg, const char *text)
{
  struct findings *f = arg;
  if (f->n++ < FINDINGS_MAX) jw_string(&f->w, text);
}

/* A transaction of its own per part: one state of the file is kept alive no longer than needed, because the
 * WAL cannot begin anew meanwhile, and writing stops when it is at its limit. */
static void tx_anew(struct db *db, int64_t deadline_ms)
{
  tx_rollback(db);
  db_deadline(db, deadline_ms);
  tx_begin(db);
}

static bool check_all(struct read *rd, struct db *db, struct findings *f)
{
  const struct rules *r = &rd->rules->rules;
  tx_anew(db, READ_LONG_MS);
  if (db_integrity(db, finding_say, f) < 0) return false;
  tx_anew(db, READ_LONG_MS);
  if (journal_check(db, finding_say, f) < 0) return false;
  tx_anew(db, READ_LONG_MS);
  if (view_check(db, &rd->mem, &r->status, &r->merge, finding_say, f) < 0) return false;
  tx_anew(db, READ_LONG_MS);
  photos_check(db, arena_printf(&rd->mem, "%s/photos", rd->api->data), finding_say, f);
  return true;
}

enum err check_read(struct read *rd, struct db *db)
{
  struct findings f = { .n = 0 };
  jw_init(&f.w, &rd->out), jw_object(&f.w);
  jw_key(&f.w, "findings"), jw_array(&f.w);
  bool whole = check_all(rd, db, &f);
  enum err e = whole ? ERR_OK : db_err(db) ? db_err(db) : ERR_IO;
  tx_anew(db, READ_DEADLINE_MS);
  if (e) return e;
  jw_array_end(&f.w);
  jw_kint(&f.w, "count", f.n);
  jw_kbool(&f.w, "ok", !f.n);
  jw_object_end(&f.w);
  return ERR_OK;
}

/* ---- what this is ------------------------------------------------------------------------------------------------------------ */
void openapi_get(struct call *k)
{
  k->api->answers[2]++;
  size_t n;
  const char *text = openapi_text(&n);
  http_reply(k->r, 200, "application/json", NULL, text, n);
}
