/* serve.c: the process that serves one data directory.
 *
 *   lock ► writer ► readers ► rules, tokens ► listen ► (admin token) ► run ► stop
 *
 * Nothing slow stands before listening. Stopping: no new connection, no new work; what was begun is answered,
 * at most STOP_MS long; then the writer ends, which leaves one whole database file behind. */
#include "edge.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#define ADMIN_TOKEN_TRIES 100
#define STOP_LOOK_MS 20

struct server {
  const struct serve_options *o;
  struct arena mem;
  uv_loop_t loop;
  uv_async_t wake;
  uv_signal_t term, interrupt, hangup;
  uv_timer_t stop_timer;
  const char *db_path;
  int lock;
  struct writer *writer;
  struct readers *readers;
  struct rules_box *rules; /* before the api has it */
  struct api *api;
  struct http_server *http;
  int admin_tries;
  int64_t stop_ms;
  bool stopping, http_closed, stuck;
};

static bool fail(const char *what, const char *why)
{
  log_line(LOG_ERROR, "%s: %s", what, why);
  return false;
}

/* ---- the admin's token --------------------------------------------------------------------------------------- */
static const char *admin_token_path(struct arena *a, const char *data)
{
  return arena_printf(a, "%s/admin.token", data);
}

/* There from before the token is made until its file is there: whoever is killed in between has a token in the
 * database that nobody knows, and the next start makes another. */
static const char *admin_mark_path(struct arena *a, const char *data)
{
  return arena_printf(a, "%s/admin.token.next", data);
}

static void is_admin(void *arg, const struct token *t, const unsigned char digest[32])
{
  (void)digest;
  if (t->roles & ROLE_ADMIN) *(bool *)arg = true;
}

bool admin_token_wanted(struct db *db, const char *data)
{
  struct arena mem = { 0 };
  const char *mark = admin_mark_path(&mem, data);
  bool there = access(admin_token_path(&mem, data), F_OK) == 0, begun = access(mark, F_OK) == 0,
       known = false;
  if (there && begun) unlink(mark);
  arena_release(&mem);
  return !there && (begun || (!token_each(db, is_admin, &known) && !known));
}

/* "admin"; where that name was used before, "admin-2" and so on. */
struct cmd *admin_token_cmd(struct env *env, const struct rules *rules, int attempt)
{
  static const struct actor local = { .name = "local", .roles = ROLE_ADMIN };
  struct cmd *c = cmd_new(CMD_TOKEN_ADD, env, rules, &local);
  const char *name = attempt > 1 ? arena_printf(&c->mem, "admin-%d", attempt) : "admin";
  const char *body = arena_printf(&c->mem, "{\"name\":\"%s\",\"roles\":\"admin\"}", name);
  must(!cmd_parse(c, body, strlen(body)));
  return c;
}

bool admin_token_write(const char *data, const struct cmd *done, const char **why)
{
  struct arena mem = { 0 };
  struct faults f = { .mem = &mem };
  const struct json *j = json_parse(&mem, done->out.data, done->out.len, JSON_ELEMENTS_MAX, &f);
  const char *token = json_string(json_get(j, "token"));
  must(token);
  const char *line = arena_printf(&mem, "%s\n", token);
  bool ok = file_write(admin_token_path(&mem, data), line, strlen(line), 0600);
  if (!ok) *why = strerror(errno);
  else unlink(admin_mark_path(&mem, data));
  arena_release(&mem);
  return ok;
}

static void admin_start(struct server *s);

/* Whoever finds the file can use what is in it. */
static void admin_is_known(void *arg)
{
  struct cmd *c = arg;
  struct server *s = c->owner;
  const char *why = NULL;
  if (admin_token_write(s->o->data, c, &why))
    log_line(LOG_INFO, "a token for the role admin is in %s/admin.token", s->o->data);
  else log_line(LOG_WARN, "admin.token: %s", why);
  api_cmd_free(s->api, c);
}

static void admin_done(struct cmd *c)
{
  struct server *s = c->owner;
  if (!c->job.err) {
    auth_refresh(s->api->auth, admin_is_known, c);
    return;
  }
  if (c->job.err == ERR_CONFLICT && s->admin_tries < ADMIN_TOKEN_TRIES) admin_start(s);
  else log_line(LOG_WARN, "admin.token: %s", err_title(c->job.err));
  api_cmd_free(s->api, c);
}

static void admin_start(struct server *s)
{
  const char *mark = admin_mark_path(&s->mem, s->o->data);
  if (!file_write(mark, "", 0, 0600)) log_line(LOG_WARN, "%s: %s", mark, strerror(errno));
  struct rules_box *box = rules_box_hold(s->api->rules);
  struct cmd *c = admin_token_cmd(s->api->env, &box->rules, ++s->admin_tries);
  if (!api_push(s->api, c, admin_done, s)) api_cmd_free(s->api, c);
}

/* ---- the directory --------------------------------------------------------------------------------------------- */
static bool lock_open(struct server *s)
{
  int holder = 0;
  const char *data = s->o->data;
  if (!dir_make(data, 0700)) return fail(data, strerror(errno));
  s->lock = lock_take(arena_printf(&s->mem, "%s/orderd.lock", data), &holder);
  if (s->lock >= 0) return true;
  if (!holder && errno == EAGAIN) return fail(data, "another process serves this data directory already");
  if (!holder) return fail(data, arena_printf(&s->mem, "orderd.lock cannot be taken: %s", strerror(errno)));
  return fail(data, arena_printf(&s->mem, "process %d serves this data directory already", holder));
}

/* Ballast: a full disk can be made usable again by a person who deletes this file. Never by orderd itself: intake
 * stops before the last bytes are needed. */
static void reserve_make(struct server *s)
{
  const char *path = arena_printf(&s->mem, "%s/reserve", s->o->data);
  int64_t bytes = disk_free(s->o->data);
  if (access(path, F_OK) == 0 || bytes < 10 * DISK_RESERVE_BYTES) return;
  int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
  if (fd < 0) return;
  bool ok = posix_fallocate(fd, 0, DISK_RESERVE_BYTES) == 0;
  close(fd);
  if (!ok) unlink(path);
}

/* ---- stopping ---------------------------------------------------------------------------------------------------- */
static void handle_close(void *h)
{
  if (!uv_is_closing(h)) uv_close(h, NULL);
}

static void loop_end(struct server *s)
{
  handle_close(&s->wake);
  handle_close(&s->term);
  handle_close(&s->interrupt);
  handle_close(&s->hangup);
  handle_close(&s->stop_timer);
  if (s->api) api_close(s->api);
  s->api = NULL;
}

static void stop_look(uv_timer_t *t)
{
  struct server *s = t->data;
  s->stuck = mono_ms() - s->stop_ms > STOP_MS;
  api_collect(s->api);
  if (s->http_closed && api_idle(s->api)) loop_end(s);
  else if (s->stuck) uv_stop(&s->loop);
}

static void http_is_closed(void *arg)
{
  struct server *s = arg;
  s->http_closed = true;
}

static void stop(struct server *s)
{
  if (s->stopping) {
    s->stuck = true; /* asked twice: at once */
    uv_stop(&s->loop);
    return;
  }
  s->stopping = true;
  s->stop_ms = mono_ms();
  chores_stop(s->api->chores);
  poller_stop(s->api->poller);
  deliverer_stop(s->api->deliverer);
  tracer_stop(s->api->tracer);
  parties_stop(s->api->parties);
  api_stopping(s->api);
  http_close(s->http, http_is_closed, s);
  uv_timer_start(&s->stop_timer, stop_look, 0, STOP_LOOK_MS);
}

static void on_stop(uv_signal_t *h, int number)
{
  log_line(LOG_INFO, "%s: stopping", number == SIGINT ? "interrupted" : "terminated");
  stop(h->data);
}

/* ---- reload ----------------------------------------------------------------------------------------------------------- */
static bool server_reload(void *arg)
{
  struct server *s = arg;
  const struct conf *conf = NULL;
  const char *why = "";
  if (s->stopping || !s->o->reload) return false;
  struct rules_box *box = mem_new(sizeof *box);
  box->users = 1;
  if (s->o->reload(s->o->arg, &box->mem, &conf, &why) && rules_box_fill(box, conf, &why) &&
      poll_settings_check(&box->mem, conf, s->o->data, &box->rules, &why) &&
      webhooks_check(&box->mem, conf, s->o->data, &box->rules, &why) &&
      party_settings_check(&box->mem, conf, s->o->data, &box->rules, &why) &&
      rule_files_read(&box->mem, s->o->data, false, &box->rules, &why)) {
    api_rules(s->api, box);
    log_line(LOG_INFO, "the configuration was read again");
    return true;
  } else {
    log_line(LOG_ERROR, "the configuration was not taken, the old one stays: %s", why);
    rules_box_drop(box);
  }
  return false;
}

static void on_hangup(uv_signal_t *h, int number)
{
  (void)number;
  server_reload(h->data);
}

/* ---- starting ---------------------------------------------------------------------------------------------------------- */
static void writer_woke(void *arg)
{
  uv_async_send(arg);
}

static void on_wake(uv_async_t *a)
{
  struct server *s = a->data;
  if (s->api) api_collect(s->api);
}

/* The database is missing, but was there: an empty one would hide that, and take up what the old one left. */
static bool db_lost(struct server *s, const char **why)
{
  static const struct {
    const char *end, *why;
  } signs[] = {
    { ".restored", "is missing: a restore was broken off, run it again" },
    { "-wal", "is missing, but its WAL is there: put the database back, or restore a backup" },
  };
  for (size_t i = 0; i < COUNT(signs); i++) {
    const char *path = arena_printf(&s->mem, "%s%s", s->db_path, signs[i].end);
    if (access(path, F_OK) != 0) continue;
    *why = arena_printf(&s->mem, "%s %s", s->db_path, signs[i].why);
    return true;
  }
  return false;
}

/* Made beside and given its name when it is whole: whoever is killed on the way leaves nothing that a later start
 * would take for a database. The writer syncs the directory when it opens the file. */
static bool db_make(struct server *s, const char **why)
{
  static const char *const parts[] = { "", "-journal", "-wal", "-shm" };
  if (access(s->db_path, F_OK) == 0) return true;
  if (db_lost(s, why)) return false;
  const char *next = arena_printf(&s->mem, "%s.next", s->db_path);
  for (size_t i = 0; i < COUNT(parts); i++) unlink(arena_printf(&s->mem, "%s%s", next, parts[i]));
  struct db *db = db_open(&s->mem, next, DB_CREATE, why);
  if (!db) return false;
  db_close(db);
  if (rename(next, s->db_path) == 0) return true;
  *why = arena_printf(&s->mem, "%s: %s", s->db_path, strerror(errno));
  return false;
}

static bool store_open(struct server *s)
{
  const char *why = "";
  struct writer_options w = { .path = s->db_path, .wake = writer_woke, .wake_arg = &s->wake };
  if (db_make(s, &why)) s->writer = writer_open(&s->mem, &w, &why);
  if (!s->writer) return fail("database", why);
  s->readers = readers_open(&s->mem, s->db_path, READERS_OPEN, READ_DEADLINE_MS, &why);
  return s->readers || fail("database", why);
}

static void handles_init(struct server *s)
{
  uv_async_init(&s->loop, &s->wake, on_wake);
  uv_signal_init(&s->loop, &s->term);
  uv_signal_init(&s->loop, &s->interrupt);
  uv_signal_init(&s->loop, &s->hangup);
  uv_timer_init(&s->loop, &s->stop_timer);
  s->wake.data = s->term.data = s->interrupt.data = s->hangup.data = s->stop_timer.data = s;
  uv_signal_start(&s->term, on_stop, SIGTERM);
  uv_signal_start(&s->interrupt, on_stop, SIGINT);
  uv_signal_start(&s->hangup, on_hangup, SIGHUP);
  signal(SIGPIPE, SIG_IGN);
}

/* Tokens are read before the first request; whether an admin must be made is seen on the way. */
static bool api_start(struct server *s, bool *no_admin)
{
  struct api_options o = {
    .env = env_real(),
    .loop = &s->loop,
    .writer = s->writer,
    .readers = s->readers,
    .rules = s->rules,
    .data = s->o->data,
    .db_path = s->db_path,
    .disk_least = s->o->disk_reserve ? s->o->disk_reserve : DISK_RESERVE_BYTES,
  };
  s->api = api_open(&s->mem, &o);
  if (s->o->reload) s->api->reload = server_reload, s->api->reload_arg = s;
  s->rules = NULL;
  struct db *db = readers_take(s->readers);
  bool ok = auth_load(s->api->auth, db);
  *no_admin = ok && admin_token_wanted(db, s->o->data);
  readers_give(s->readers, db);
  return ok || fail(s->db_path, "the tokens cannot be read");
}

static bool listen_start(struct server *s)
{
  const struct serve_options *o = s->o;
  const char *why = "";
  struct http_options h = {
    .hosts = o->hosts,
    .hosts_n = o->hosts_n,
    .head_ms = o->head_ms,
    .body_ms = o->body_ms,
    .idle_ms = o->idle_ms,
    .write_ms = o->write_ms,
    .connections_max = o->connections_max,
    .per_address_max = o->per_address_max,
    .trust_proxy = o->trust_proxy,
  };
  struct http_handlers handlers = api_handlers(s->api);
  s->http = s->api->http = http_open(&s->loop, &h, &handlers);
  if (o->listen && !http_listen(s->http, &s->mem, o->listen, &why)) return fail("listen", why);
  const char *socket = arena_printf(&s->mem, "unix:%s/orderd.sock", o->data);
  return http_listen(s->http, &s->mem, socket, &why) || fail("listen", why);
}

/* "http://127.0.0.1:7700" with the port that was really taken. */
static const char *url_of(struct server *s)
{
  if (!s->o->listen) return arena_printf(&s->mem, "unix:%s/orderd.sock", s->o->data);
  const char *colon = strrchr(s->o->listen, ':');
  return arena_printf(&s->mem, "http://%.*s:%d", (int)(colon - s->o->listen), s->o->listen,
                      http_port(s->http));
}

static bool rules_start(struct server *s)
{
  const char *why = "";
  s->rules = rules_box_new(&s->mem, s->o->conf, &why);
  return (s->rules && poll_settings_check(&s->rules->mem, s->o->conf, s->o->data, &s->rules->rules, &why) &&
          webhooks_check(&s->rules->mem, s->o->conf, s->o->data, &s->rules->rules, &why) &&
          party_settings_check(&s->rules->mem, s->o->conf, s->o->data, &s->rules->rules, &why) &&
          rule_files_read(&s->rules->mem, s->o->data, true, &s->rules->rules, &why)) ||
         fail("configuration", why);
}

/* As long as nobody can sign in, each start prints a link that makes the first administrator. */
static void setup_link(struct server *s, const char *url)
{
  s->api->setup_code = token_text(&s->mem, s->api->env, "");
  log_line(LOG_INFO, "nobody can sign in yet: set up the console at %s/#/setup?code=%s", url,
           s->api->setup_code);
}

static bool server_start(struct server *s)
{
  bool no_admin = false;
  if (!rules_start(s) || !lock_open(s)) return false;
  s->db_path = arena_printf(&s->mem, "%s/orderd.db", s->o->data);
  if (!store_open(s) || !api_start(s, &no_admin) || !listen_start(s)) return false;
  const char *url = url_of(s);
  s->api->ready = true;
  log_line(LOG_INFO, "listening %s", url);
  if (no_admin) admin_start(s);
  if (s->o->listen && auth_setup_open(s->api->auth)) setup_link(s, url);
  chores_start(s->api->chores);
  poller_start(s->api->poller, !s->o->listen); /* for one command on the command line nobody is polled */
  parties_rules(s->api->parties);
  if (s->o->listen)
    deliverer_start(s->api->deliverer), tracer_start(s->api->tracer); /* and nothing is sent */
  if (s->o->started) s->o->started(s->o->arg, url);
  return true;
}

/* ---- the whole ------------------------------------------------------------------------------------------------------------- */
static void server_close(struct server *s)
{
  writer_close(s->writer);
  readers_close(s->readers);
  if (s->rules) rules_box_drop(s->rules);
  if (s->lock >= 0) close(s->lock);
  arena_release(&s->mem);
}

/* A start that failed half way: what was opened on the loop goes too. */
static void server_abandon(struct server *s)
{
  s->stopping = true;
  if (s->http) http_close(s->http, http_is_closed, s);
  if (s->api) chores_stop(s->api->chores);
  loop_end(s);
  uv_run(&s->loop, UV_RUN_DEFAULT);
}

int serve_run(const struct serve_options *o)
{
  struct server *s = mem_new(sizeof *s);
  s->o = o, s->lock = -1;
  setenv("UV_THREADPOOL_SIZE", POOL_THREADS, 1);
  process_harden();
  uv_loop_init(&s->loop);
  handles_init(s);
  bool started = server_start(s);
  if (!started) {
    server_abandon(s);
  } else {
    reserve_make(s);
    uv_run(&s->loop, UV_RUN_DEFAULT);
  }
  bool stuck = s->stuck;
  if (stuck) {
    log_line(LOG_WARN, "stopped without answering everybody");
    writer_close(s->writer); /* what was taken is stored; nobody is left to be told */
    _exit(0);
  }
  server_close(s);
  uv_loop_close(&s->loop);
  mem_free(s);
  if (started) log_line(LOG_INFO, "stopped");
  return started ? 0 : 1;
}
