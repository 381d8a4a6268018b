/* api_connectors.c: connectors as text, for an administrator in the console. A file counts only when it can be read and
 * its own examples pass, unless the person says that it shall all the same. Reading, trying and writing happen on a
 * pool thread; then the configuration is read again, as SIGHUP does, and an event says who changed what. */
#include "edge.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define EXT ".channel"
#define NAMES_MAX 200
#define DIGEST_TEXT (2 * SHA256_LEN)

static const char *own_path(struct arena *a, const char *data, const char *name)
{
  return arena_printf(a, "%s/connectors/%s" EXT, data, name);
}

static bool is_builtin(const char *name)
{
  const struct connector_file *list;
  size_t n = connector_builtin(&list);
  for (size_t i = 0; i < n; i++)
    if (!strcmp(list[i].name, name) && !strcmp(list[i].ext, "channel")) return true;
  return false;
}

/* What a person read, as a word that says whether it is still that. */
static const char *version_of(struct arena *a, const char *text, size_t n)
{
  unsigned char digest[SHA256_LEN];
  struct buf b = { 0 };
  sha256(text, n, digest);
  hex_put(&b, digest, sizeof digest);
  const char *s = arena_strn(a, b.data, DIGEST_TEXT);
  buf_release(&b);
  return s;
}

/* ---- trying one ------------------------------------------------------------------------------------------------ */
struct trial {
  struct jw *w; /* the list of examples; NULL: only counted */
  int examples, failed;
};

static void example_put(void *arg, const char *example, bool ok, const char *text)
{
  struct trial *t = arg;
  t->examples++, t->failed += !ok;
  if (!t->w) return;
  jw_object(t->w), jw_kstring(t->w, "name", example), jw_kbool(t->w, "passed", ok);
  jw_key(t->w, "differences"), jw_array(t->w);
  if (!ok) jw_string(t->w, text);
  jw_array_end(t->w), jw_object_end(t->w);
}

static void error_put(struct jw *w, const struct connector_fault *f)
{
  jw_key(w, "error");
  if (!f) {
    jw_null(w);
    return;
  }
  jw_object(w), jw_kint(w, "line", f->line), jw_kint(w, "column", f->column), jw_kstring(w, "detail", f->why);
  jw_object_end(w);
}

/* {"ok","error","examples"} into out; whether it could be read, and how many examples failed. */
static bool trial_put(struct arena *a, const char *name, const char *text, struct buf *out, struct trial *t)
{
  struct connector_fault f = { 0 };
  const char *why = NULL;
  struct buf list = { 0 };
  struct jw w, examples;
  struct connector *c = connector_parse(a, name, text, strlen(text), &f);
  jw_init(&examples, &list), jw_array(&examples);
  t->w = &examples;
  if (c && connector_test(c, a, example_put, t, &why) < 0) f.why = why, c = NULL;
  jw_array_end(&examples);
  jw_init(&w, out), jw_object(&w), jw_kbool(&w, "ok", c && !t->failed);
  error_put(&w, c ? NULL : &f);
  jw_key(&w, "examples"), jw_raw(&w, list.data, list.len), jw_object_end(&w);
  buf_release(&list);
  return c;
}

/* ---- the list ------------------------------------------------------------------------------------------------------ */
struct names {
  const char *at[NAMES_MAX];
  size_t n;
};

static void name_add(struct names *l, struct arena *a, const char *name)
{
  for (size_t i = 0; i < l->n; i++)
    if (!strcmp(l->at[i], name)) return;
  if (l->n < NAMES_MAX) l->at[l->n++] = arena_str(a, name);
}

static void names_find(struct read *rd, struct names *l)
{
  const struct connector_file *list;
  size_t n = connector_builtin(&list);
  for (size_t i = 0; i < n; i++)
    if (!strcmp(list[i].ext, "channel")) name_add(l, &rd->mem, list[i].name);
  DIR *d = opendir(arena_printf(&rd->mem, "%s/connectors", rd->api->data));
  for (struct dirent *e; d && (e = readdir(d));) {
    size_t len = strlen(e->d_name), end = strlen(EXT);
    if (len <= end || strcmp(e->d_name + len - end, EXT) != 0) continue;
    const char *name = arena_strn(&rd->mem, e->d_name, len - end);
    if (connector_name_ok(name)) name_add(l, &rd->mem, name);
  }
  if (d) closedir(d);
}

static void channels_put(struct jw *w, struct read *rd, const char *name)
{
  const struct conf *k = rd->rules->rules.conf;
  jw_key(w, "channels"), jw_array(w);
  for (size_t i = 0; k && i < rd->rules->rules.families; i++) {
    const char *channel = rd->rules->rules.family[i].channel;
    const struct conf_entry *e = conf_get(k, arena_printf(&rd->mem, "channel %s", channel), "connector");
    if (!strcmp(e ? e->value : channel, name)) jw_string(w, channel);
  }
  jw_array_end(w);
}

static void connector_row(struct jw *w, struct read *rd, const char *name)
{
  struct arena one = { 0 };
  struct connector_file file;
  struct connector_fault f = { 0 };
  if (connector_load(&one, rd->api->data, name, &file)) {
    const struct connector *c = connector_parse(&one, name, file.text, file.n, &f);
    jw_object(w), jw_kstring(w, "name", name), jw_kstring(w, "family", c ? c->family : NULL);
    jw_kbool(w, "own", access(own_path(&one, rd->api->data, name), F_OK) == 0);
    jw_kbool(w, "built_in", is_builtin(name)), jw_kint(w, "examples", c ? (int64_t)c->examples : 0);
    channels_put(w, rd, name), error_put(w, c ? NULL : &f), jw_object_end(w);
  }
  arena_release(&one);
}

enum err connectors_read(struct read *rd, struct db *db)
{
  struct names l = { .n = 0 };
  struct jw w;
  (void)db; /* they are files */
  names_find(rd, &l);
  jw_init(&w, &rd->out), jw_object(&w), jw_key(&w, "data"), jw_array(&w);
  for (size_t i = 0; i < l.n; i++) connector_row(&w, rd, l.at[i]);
  jw_array_end(&w), jw_object_end(&w);
  return ERR_OK;
}

enum err connector_one_read(struct read *rd, struct db *db)
{
  struct connector_file file;
  struct jw w;
  const char *name = rd->call->id;
  (void)db;
  if (!connector_load(&rd->mem, rd->api->data, name, &file)) return ERR_NOT_FOUND;
  jw_init(&w, &rd->out), jw_object(&w), jw_kstring(&w, "name", name);
  jw_kbool(&w, "own", access(own_path(&rd->mem, rd->api->data, name), F_OK) == 0);
  jw_kbool(&w, "built_in", is_builtin(name)), jw_key(&w, "text"), jw_stringn(&w, file.text, file.n);
  jw_kstring(&w, "version", version_of(&rd->mem, file.text, file.n)), jw_object_end(&w);
  return ERR_OK;
}

/* ---- what a person sends ------------------------------------------------------------------------------------------- */
struct wish {
  const char *name, *text, *if_version, *code, *detail;
  bool force, reset;
  struct buf trial; /* of a text that is refused */
};

static bool wish_parse(struct call *k, struct arena *a, struct wish *w, bool writes)
{
  struct problem p = { .faults = { .mem = &k->r->mem } };
  struct json *j = json_parse(&k->r->mem, k->r->body, k->r->body_n, JSON_ELEMENTS_MAX, &p.faults);
  bool bad_json = !j;
  for (const struct json *m = j && json_type(j) == JSON_OBJECT ? json_first(j) : NULL; m; m = json_next(m)) {
    const char *key = json_key(m);
    if (!strcmp(key, "text") && json_string(m)) w->text = arena_str(a, json_string(m));
    else if (writes && !strcmp(key, "if_version") && json_string(m))
      w->if_version = arena_str(a, json_string(m));
    else if (writes && !strcmp(key, "force") && json_type(m) == JSON_BOOL) w->force = json_bool(m);
    else fault_add(&p.faults, json_pointer(&k->r->mem, "", key), "unknown_key", "This has no meaning here");
  }
  if (j && !w->text && !p.faults.n) fault_add(&p.faults, "/text", "missing", "The connector's text");
  if (p.faults.n) call_refuse_with(k, bad_json ? ERR_BAD_REQUEST : ERR_INVALID, &p);
  return !p.faults.n;
}

static enum err try_run(struct read *rd, struct db *db)
{
  const struct wish *w = rd->args;
  struct trial t = { .examples = 0 };
  (void)db;
  trial_put(&rd->mem, w->name, w->text, &rd->out, &t);
  return ERR_OK;
}

void connector_try_post(struct call *k)
{
  struct read *rd = read_new(k->api, k);
  struct wish *w = rd->args = arena_new(&rd->mem, struct wish);
  w->name = arena_str(&rd->mem, k->id);
  if (!connector_name_ok(k->id)) {
    read_free(rd);
    call_refuse(k, ERR_NOT_FOUND, "no_such_connector", NULL, "A connector's name is a-z, 0-9, _ and -");
  } else if (!wish_parse(k, &rd->mem, w, false)) {
    read_free(rd);
  } else {
    rd->run = try_run, rd->done = read_reply, rd->heavy = true;
    read_or_refuse(rd);
  }
}

/* ---- writing --------------------------------------------------------------------------------------------------------- */
static enum err wish_refuse(struct wish *w, enum err e, const char *code, const char *detail)
{
  w->code = code, w->detail = detail;
  return e;
}

static enum err file_put(struct read *rd, struct wish *w)
{
  const char *dir = arena_printf(&rd->mem, "%s/connectors", rd->api->data);
  if (dir_make(dir, 0700) &&
      file_write(own_path(&rd->mem, rd->api->data, w->name), w->text, strlen(w->text), 0600))
    return ERR_OK;
  return wish_refuse(w, errno == ENOSPC ? ERR_DISK_FULL : ERR_IO, NULL, strerror(errno));
}

static enum err write_run(struct read *rd, struct db *db)
{
  struct wish *w = rd->args;
  struct trial t = { .examples = 0 };
  struct connector_file now;
  (void)db;
  bool known = connector_load(&rd->mem, rd->api->data, w->name, &now);
  if (w->reset) {
    if (!is_builtin(w->name))
      return wish_refuse(w, ERR_NOT_FOUND, "not_built_in", "No connector of this name is built in");
    if (unlink(own_path(&rd->mem, rd->api->data, w->name)) == 0) return ERR_OK;
    return errno == ENOENT ? wish_refuse(w, ERR_CONFLICT, "not_own", "It is the built-in one already")
                           : wish_refuse(w, ERR_IO, NULL, strerror(errno));
  }
  if (w->if_version && (!known || strcmp(version_of(&rd->mem, now.text, now.n), w->if_version) != 0))
    return wish_refuse(w, ERR_STALE, "stale_version", "Somebody has changed it since you read it");
  bool reads = trial_put(&rd->mem, w->name, w->text, &w->trial, &t);
  if (!reads) return wish_refuse(w, ERR_INVALID, "connector_fault", "It cannot be read: nothing was written");
  if (t.failed && !w->force)
    return wish_refuse(w, ERR_INVALID, "examples_fail", "Its own examples fail: nothing was written");
  return file_put(rd, w);
}

static void event_noted(struct cmd *c)
{
  call_done(c);
}

static void written(struct read *rd)
{
  struct wish *w = rd->args;
  struct call *k = rd->call;
  k->api->connector_writing = false;
  if (rd->err) {
    struct problem p = { .code = w->code, .detail = w->detail ? w->detail : err_title(rd->err) };
    if (w->trial.len) p.extra = arena_printf(&k->r->mem, "\"trial\":%.*s", (int)w->trial.len, w->trial.data);
    call_refuse_with(k, rd->err, &p);
  } else {
    bool in_force = k->api->reload && k->api->reload(k->api->reload_arg);
    struct cmd *c = api_cmd(k->api, CMD_CONNECTOR_CHANGED, &k->who);
    struct buf b = { 0 };
    struct jw j;
    jw_init(&j, &b), jw_object(&j), jw_kstring(&j, "name", w->name);
    jw_kstring(&j, "version", w->reset ? "built-in" : version_of(&c->mem, w->text, strlen(w->text)));
    jw_kbool(&j, "in_force", in_force), jw_object_end(&j);
    struct json *body = json_parse(&c->mem, b.data, b.len, JSON_ELEMENTS_MAX, &c->problem.faults);
    must(body && !cmd_kind(c->id)->parse(c, body));
    buf_release(&b);
    call_push(k, c, event_noted);
  }
  buf_release(&w->trial);
  read_free(rd);
}

static void write_start(struct call *k, bool reset)
{
  struct read *rd = read_new(k->api, k);
  struct wish *w = rd->args = arena_new(&rd->mem, struct wish);
  w->name = arena_str(&rd->mem, k->id), w->reset = reset;
  if (!connector_name_ok(k->id)) {
    read_free(rd);
    call_refuse(k, ERR_NOT_FOUND, "no_such_connector", NULL, "A connector's name is a-z, 0-9, _ and -");
  } else if (!reset && !wish_parse(k, &rd->mem, w, true)) {
    read_free(rd);
  } else if (k->api->connector_writing) {
    read_free(rd);
    call_refuse(k, ERR_BUSY, "connector_is_written", NULL,
                "A connector is being written already; try again.");
  } else {
    rd->run = write_run, rd->done = written, rd->heavy = true;
    k->api->connector_writing = true;
    read_start_always(rd); /* one at a time: there is room for it */
  }
}

void connector_put_post(struct call *k)
{
  write_start(k, false);
}

void connector_reset_post(struct call *k)
{
  write_start(k, true);
}
