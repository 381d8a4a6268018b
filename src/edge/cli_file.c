/* cli_file.c: the database as a file: check, backup, restore. */
#include "edge.h"
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- check -------------------------------------------------------------------------------------------------- */
struct findings {
  struct cli *c;
  struct jw *w; /* NULL: lines of text */
  int n;
};

static void finding(void *arg, const char *text)
{
  struct findings *f = arg;
  struct buf b = { 0 };
  f->n++;
  if (f->w) {
    jw_string(f->w, text);
    return;
  }
  text_safe(&b, text);
  printf("%s\n", b.data);
  buf_release(&b);
}

static int findings_end(const struct findings *f, const char *what)
{
  if (f->n) return cli_fail(f->c, "%s: %d findings", what, f->n);
  if (!f->c->json) printf("%s is whole: structure, journal, orders, groups\n", what);
  return EXIT_DONE;
}

/* Rules decide which statuses there are; without a configuration, the built-in ones. */
static bool check_rules(struct cli *c, struct rules *r)
{
  struct config k;
  const char *why = NULL;
  if (cli_config(c, &c->mem, &k, &why) && rules_load(&c->mem, &k.conf, r, &why)) return true;
  cli_fail(c, "%s", why);
  return false;
}

static bool check_db(struct cli *c, struct db *db, struct findings *f)
{
  struct rules *r = arena_new(&c->mem, struct rules);
  if (!check_rules(c, r)) return false;
  db_lenient(db, true);
  bool whole = tx_begin(db); /* one state of the file, also while somebody writes it */
  whole = whole && db_integrity(db, finding, f) >= 0 && journal_check(db, finding, f) >= 0;
  whole = whole && view_check(db, &c->mem, &r->status, &r->merge, finding, f) >= 0;
  if (tx_open(db)) tx_rollback(db);
  if (!whole) finding(f, "the file is too damaged to be read to its end");
  return true;
}

/* A file that nobody serves, or a backup. */
static int check_file(struct cli *c, const char *path)
{
  const char *why = NULL;
  struct buf out = { 0 };
  struct jw w;
  struct findings f = { .c = c, .w = c->json ? &w : NULL };
  struct db *db = db_open(&c->mem, path, DB_READ, &why);
  if (!db) return cli_fail(c, "%s: %s", path, why);
  jw_init(&w, &out), jw_object(&w), jw_key(&w, "findings"), jw_array(&w);
  bool ok = check_db(c, db, &f);
  const char *photos = c->args ? arena_printf(&c->mem, "%s.photos", path) : cli_path(c, "photos");
  if (ok && (!c->args || access(photos, F_OK) == 0))
    photos_check(db, photos, finding, &f); /* a file alone has none beside */
  db_close(db);
  jw_array_end(&w), jw_kint(&w, "count", f.n), jw_kbool(&w, "ok", !f.n), jw_object_end(&w);
  if (c->json && ok) printf("%s\n", out.data);
  buf_release(&out);
  return ok ? findings_end(&f, path) : EXIT_FAILED;
}

static int check_served(struct cli *c)
{
  struct httpc_answer a;
  struct faults faults = { .mem = &c->mem };
  struct findings f = { .c = c };
  int status = cli_call(c, "GET", "/v1/check", NULL, 0, NULL, &a);
  if (status < 0) return EXIT_FAILED;
  if (status != 200) return cli_refused(c, &a);
  const struct json *j = json_parse(&c->mem, a.body, a.body_n, JSON_ELEMENTS_BATCH_MAX, &faults);
  const struct json *list = json_get(j, "findings"),
                    *x = json_type(list) == JSON_ARRAY ? json_first(list) : NULL;
  int64_t count = 0;
  if (!j || !json_int(json_get(j, "count"), &count)) return cli_fail(c, "the answer cannot be understood");
  if (c->json) printf("%s\n", a.body);
  for (; x && !c->json; x = json_next(x)) finding(&f, json_string(x) ? json_string(x) : "");
  f.n = (int)count;
  return findings_end(&f, c->data);
}

int cli_check(struct cli *c)
{
  if (c->args) return check_file(c, c->arg[0]);
  if (!cli_has_data(c)) return EXIT_FAILED;
  return cli_serving(c) ? check_served(c) : check_file(c, cli_path(c, "orderd.db"));
}

/* ---- backup --------------------------------------------------------------------------------------------------- */
/* From the root, as the server sees it: its directory must be there, the file need not. */
static const char *absolute(struct cli *c, const char *path)
{
  char dir[PATH_MAX];
  const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
  const char *parent = !slash ? "." : slash == path ? "/" : arena_strn(&c->mem, path, (size_t)(slash - path));
  if (!*name || !realpath(parent, dir)) {
    cli_fail(c, "%s: %s", path, *name ? strerror(errno) : "names a directory");
    return NULL;
  }
  return arena_printf(&c->mem, "%s/%s", strcmp(dir, "/") ? dir : "", name);
}

/* ---- what goes along: a database alone does not say how it was worked with, and opens no sealed secret ------------ */
static int file_copy(struct cli *c, const char *from, const char *to)
{
  size_t n;
  char *text = file_read(&c->mem, from, CONF_FILE_MAX, &n);
  if (!text) return errno == ENOENT ? EXIT_DONE : cli_fail(c, "%s: %s", from, strerror(errno));
  return file_write(to, text, n, 0600) ? EXIT_DONE : cli_fail(c, "%s: %s", to, strerror(errno));
}

/* What is there stays. */
static int file_put_back(struct cli *c, const char *from, const char *to)
{
  return access(to, F_OK) == 0 ? EXIT_DONE : file_copy(c, from, to);
}

/* The files of a directory, not what is below it. */
static int dir_copy(struct cli *c, const char *from, const char *to,
                    int (*copy)(struct cli *c, const char *from, const char *to))
{
  struct stat st;
  int status = EXIT_DONE;
  DIR *d = opendir(from);
  if (!d) return errno == ENOENT ? EXIT_DONE : cli_fail(c, "%s: %s", from, strerror(errno));
  if (!dir_make(to, 0700)) status = cli_fail(c, "%s: %s", to, strerror(errno));
  for (struct dirent *e; !status && (e = readdir(d));) {
    const char *path = arena_printf(&c->mem, "%s/%s", from, e->d_name);
    if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
      status = copy(c, path, arena_printf(&c->mem, "%s/%s", to, e->d_name));
  }
  closedir(d);
  return status;
}

/* Of DATA, and FILE.NAME of a backup. */
static const char *const dirs_along[] = { "connectors", "secrets" };

/* Photos lie in directories by the beginning of their digest; each is small and never changes. */
static int photos_copy(struct cli *c, const char *from, const char *to,
                       int (*copy)(struct cli *, const char *, const char *))
{
  int status = EXIT_DONE;
  if (access(from, F_OK) != 0) return EXIT_DONE;
  if (!dir_make(to, 0700)) return cli_fail(c, "%s: %s", to, strerror(errno));
  for (int i = 0; !status && i < 256; i++) {
    const char *dir = arena_printf(&c->mem, "%s/%02x", from, (unsigned)i);
    if (access(dir, F_OK) == 0)
      status = dir_copy(c, dir, arena_printf(&c->mem, "%s/%02x", to, (unsigned)i), copy);
  }
  return status;
}

static int photo_copy(struct cli *c, const char *from, const char *to)
{
  struct arena mem = { 0 };
  size_t n;
  const char *name = strrchr(from, '/') + 1;
  if (strspn(name, "0123456789abcdef") != strlen(name))
    return EXIT_DONE; /* the rest of a write that was cut */
  char *bytes = file_read(&mem, from, PHOTO_BYTES_MAX, &n);
  int status = !bytes && errno == ENOENT        ? EXIT_DONE
               : !bytes                         ? cli_fail(c, "%s: %s", from, strerror(errno))
               : file_write(to, bytes, n, 0600) ? EXIT_DONE
                                                : cli_fail(c, "%s: %s", to, strerror(errno));
  arena_release(&mem);
  return status;
}

static int photo_put_back(struct cli *c, const char *from, const char *to)
{
  return access(to, F_OK) == 0 ? EXIT_DONE : photo_copy(c, from, to);
}

static int along_copy(struct cli *c, const char *file)
{
  const char *conf = c->config_path ? c->config_path : cli_path(c, "orderd.conf");
  int status = file_copy(c, conf, arena_printf(&c->mem, "%s.conf", file));
  if (!status) status = file_copy(c, cli_path(c, "secret.key"), arena_printf(&c->mem, "%s.key", file));
  for (size_t i = 0; !status && i < COUNT(dirs_along); i++)
    status =
      dir_copy(c, cli_path(c, dirs_along[i]), arena_printf(&c->mem, "%s.%s", file, dirs_along[i]), file_copy);
  if (!status)
    status = photos_copy(c, cli_path(c, "photos"), arena_printf(&c->mem, "%s.photos", file), photo_copy);
  return status;
}

int cli_backup(struct cli *c)
{
  struct buf body = { 0 };
  struct httpc_answer a;
  struct jw w;
  if (!cli_has_data(c)) return EXIT_FAILED;
  const char *file = absolute(c, c->arg[0]);
  if (!file) return EXIT_FAILED;
  jw_init(&w, &body), jw_object(&w), jw_kstring(&w, "file", file), jw_object_end(&w);
  int status = cli_call(c, "POST", "/v1/backups", body.data, body.len, NULL, &a);
  buf_release(&body);
  if (status < 0) return EXIT_FAILED;
  if (status / 100 != 2) return cli_refused(c, &a);
  status = along_copy(c, file);
  if (status) return status;
  if (c->json) printf("%s\n", a.body);
  else printf("%s was written, opened, checked and compared\n", c->arg[0]);
  return EXIT_DONE;
}

/* ---- restore ---------------------------------------------------------------------------------------------------- */
static const char *const db_parts[] = { "orderd.db", "orderd.db-wal", "orderd.db-shm" };

static int aside(struct cli *c, const char *name, const char *now)
{
  const char *from = cli_path(c, name), *to = arena_printf(&c->mem, "%s/before-%s-%s", c->data, now, name);
  if (rename(from, to) != 0 && errno != ENOENT) return cli_fail(c, "%s: %s", from, strerror(errno));
  if (name == db_parts[0] && access(to, F_OK) == 0) cli_say(c, "the database that was there is now %s", to);
  return EXIT_DONE;
}

static const char *moment(struct cli *c)
{
  char now[TIME_TEXT];
  time_text(env_real()->now_ms(env_real()), now);
  for (char *p = now; *p; p++)
    if (*p == ':') *p = '-';
  return arena_str(&c->mem, now);
}

/* What was there is not thrown away: it goes aside under the moment's name, the database first: a WAL alone is a
 * sign that something is missing, a database without its WAL is not. */
static int db_aside(struct cli *c, const char *now)
{
  int status = EXIT_DONE;
  for (size_t i = 0; !status && i < COUNT(db_parts); i++) status = aside(c, db_parts[i], now);
  return status;
}

/* The backup's key opens the backup's secrets; another one, of another database, does not. */
static int key_put_back(struct cli *c, const char *file, const char *now)
{
  size_t n = 0, was_n = 0;
  const char *from = arena_printf(&c->mem, "%s.key", file), *to = cli_path(c, "secret.key");
  const char *key = file_read(&c->mem, from, CONF_FILE_MAX, &n),
             *was = file_read(&c->mem, to, CONF_FILE_MAX, &was_n);
  if (!key || (was && n == was_n && !memcmp(key, was, n))) return EXIT_DONE;
  int status = was ? aside(c, "secret.key", now) : EXIT_DONE;
  return status ? status : file_copy(c, from, to);
}

static int along_put_back(struct cli *c, const char *file, const char *now)
{
  int status = file_put_back(c, arena_printf(&c->mem, "%s.conf", file), cli_path(c, "orderd.conf"));
  if (!status) status = key_put_back(c, file, now);
  for (size_t i = 0; !status && i < COUNT(dirs_along); i++)
    status = dir_copy(c, arena_printf(&c->mem, "%s.%s", file, dirs_along[i]), cli_path(c, dirs_along[i]),
                      file_put_back);
  if (!status)
    status = photos_copy(c, arena_printf(&c->mem, "%s.photos", file), cli_path(c, "photos"), photo_put_back);
  return status;
}

/* Nothing leaves a restored database until a person says so: the outside may have moved on. */
static int outbox_hold(struct cli *c, const char *path)
{
  const char *why = NULL;
  struct db *db = db_open(&c->mem, path, DB_WRITE, &why);
  if (!db) return cli_fail(c, "%s: %s", path, why);
  bool ok = tx_begin(db);
  /* Numbers that the lost time gave out are given out again: ids of webhooks must not be those that were sent. */
  ok = ok && !meta_put(db, META_OUTBOX_HELD, "1") && !meta_put(db, META_INSTANCE, "") && tx_commit(db);
  db_close(db);
  return ok ? EXIT_DONE : cli_fail(c, "%s: the outbox could not be held", path);
}

static int backup_check(struct cli *c, const char *file)
{
  bool json = c->json, quiet = c->quiet;
  c->json = false, c->quiet = true;
  int status = check_file(c, file);
  c->json = json, c->quiet = quiet;
  return status;
}

/* A restore that was broken off is begun anew. */
static void restore_begin(struct cli *c, const char *next)
{
  static const char *const parts[] = { "", "-wal", "-shm", "-journal" };
  for (size_t i = 0; i < COUNT(parts); i++) unlink(arena_printf(&c->mem, "%s%s", next, parts[i]));
}

/* The copy is made beside, whole and on the disk, before anything of the old is moved. */
static int restore_locked(struct cli *c, const char *file)
{
  const char *why = NULL, *path = cli_path(c, "orderd.db"), *next = cli_path(c, "orderd.db.restored");
  const char *now = moment(c);
  bool there = access(path, F_OK) == 0;
  if (there && !cli_option(c, "force")) return cli_fail(c, "%s is there; --force moves it aside", path);
  int status = backup_check(c, file);
  if (status) return status;
  restore_begin(c, next);
  if (db_backup(&c->mem, file, next, &why))
    return cli_fail(c, "%s: %s", file, why ? why : "it could not be copied");
  if ((status = outbox_hold(c, next)) || (status = db_aside(c, now))) return status;
  if (!file_rename(next, path)) return cli_fail(c, "%s: %s", path, strerror(errno));
  status = along_put_back(c, file, now);
  if (!status && !c->json)
    printf("%s was checked and is now the database in %s; nothing is sent outside until it is released\n",
           file, c->data);
  if (!status && c->json) printf("{\"restored\":true,\"outbox_held\":true}\n");
  return status;
}

int cli_restore(struct cli *c)
{
  int holder = 0;
  struct stat st;
  const char *file = c->arg[0];
  if (stat(file, &st) != 0) return cli_fail(c, "%s: %s", file, strerror(errno));
  if (!dir_make(c->data, 0700)) return cli_fail(c, "%s: %s", c->data, strerror(errno));
  int lock = lock_take(cli_path(c, "orderd.lock"), &holder);
  if (lock < 0) return cli_fail(c, "process %d serves %s; stop it first", holder, c->data);
  int status = restore_locked(c, file);
  close(lock);
  return status;
}
