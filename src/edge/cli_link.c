/* cli_link.c: who answers the command line.
 *
 *   DATA/orderd.sock ── somebody serves ──────────────► ask there
 *                    └─ nobody ─► fork: serve_run() without a port, quiet, until we are done ─► ask there
 *
 * So there is one way to the data: permissions, limits, journal and timers are those of a running orderd. */
#include "edge.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_WAIT_MS 20000 /* for a process that starts, or stops, to do so */
#define START_STEP_MS 20
#define CALL_TIMEOUT_MS (15 * 60 * 1000)

struct link {
  const char *socket;
  pid_t child; /* serves for us; 0: somebody else does */
  bool ready;
};

static void nap(void)
{
  poll(NULL, 0, START_STEP_MS);
}

static struct link *link_of(struct cli *c)
{
  if (!c->link) {
    c->link = arena_new(&c->mem, struct link);
    c->link->socket = cli_path(c, "orderd.sock");
  }
  return c->link;
}

enum answer { ANSWER_READY, ANSWER_NOT_YET, ANSWER_NOBODY };
static enum answer ask_ready(struct cli *c)
{
  struct arena a = { 0 };
  struct httpc_answer answer;
  struct httpc_call call = {
    .socket_path = link_of(c)->socket, .method = "GET", .path = "/readyz", .timeout_ms = START_WAIT_MS
  };
  int status = httpc_run(&a, &call, &answer);
  enum answer is = status == 200                 ? ANSWER_READY
                   : status < 0 && answer.absent ? ANSWER_NOBODY
                                                 : ANSWER_NOT_YET;
  arena_release(&a);
  return is;
}

bool cli_serving(struct cli *c)
{
  return link_of(c)->ready ? !link_of(c)->child : ask_ready(c) != ANSWER_NOBODY;
}

bool cli_has_data(struct cli *c)
{
  struct stat st;
  if (stat(cli_path(c, "orderd.db"), &st) == 0) return true;
  cli_fail(c, "there is no database in %s; make one: orderd --data %s init", c->data, c->data);
  return false;
}

/* ---- serving ourselves ------------------------------------------------------------------------------------ */
static void on_started(void *arg, const char *url)
{
  (void)url;
  const int *fd = arg;
  if (write(*fd, "y", 1) != 1) log_line(LOG_DEBUG, "nobody waits for this server any more");
}

/* In the child. The person's signals end the parent, whose end ends us. */
static int host_run(struct cli *c, int fd, pid_t parent)
{
  struct config config;
  const char *why = NULL;
  if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != parent) return EXIT_FAILED;
  setpgid(0, 0);
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0) return EXIT_FAILED;
  log_open(LOG_WARN, false);
  if (!cli_config(c, &c->mem, &config, &why)) {
    log_line(LOG_ERROR, "%s", why);
    return EXIT_FAILED;
  }
  struct serve_options o = { .data = c->data, .conf = &config.conf, .started = on_started, .arg = &fd };
  o.disk_reserve = config_number(&config, "data", "disk_reserve");
  return serve_run(&o);
}

/* True when the child listens. */
static bool host_start(struct cli *c)
{
  int pipe_fd[2];
  char byte;
  ssize_t got;
  if (pipe2(pipe_fd, O_CLOEXEC) != 0) return false;
  fflush(NULL);
  pid_t parent = getpid(), child = fork();
  if (!child) {
    close(pipe_fd[0]);
    _exit(host_run(c, pipe_fd[1], parent));
  }
  close(pipe_fd[1]);
  do got = child < 0 ? -1 : read(pipe_fd[0], &byte, 1);
  while (got < 0 && child > 0 && errno == EINTR);
  close(pipe_fd[0]);
  if (got == 1) {
    link_of(c)->child = child;
    return true;
  }
  if (child > 0) waitpid(child, NULL, 0);
  return false;
}

/* Nobody answers, and nobody holds the lock who is about to. */
static bool lock_is_free(struct cli *c, int *holder)
{
  int fd = lock_take(cli_path(c, "orderd.lock"), holder);
  if (fd < 0) return false;
  close(fd);
  return true;
}

static bool link_open(struct cli *c)
{
  struct link *l = link_of(c);
  int holder = 0;
  int64_t until_ms = mono_ms() + START_WAIT_MS;
  while (!l->ready && mono_ms() < until_ms) {
    enum answer is = ask_ready(c);
    if (is == ANSWER_READY) l->ready = true;
    else if (is == ANSWER_NOBODY && lock_is_free(c, &holder)) {
      if (!host_start(c)) return cli_fail(c, "the data in %s cannot be opened", c->data), false;
      l->ready = true;
    } else {
      nap();
    }
  }
  if (!l->ready) cli_fail(c, "%s is held by process %d, which does not answer", c->data, holder);
  return l->ready;
}

void cli_link_close(struct cli *c)
{
  if (!c->link || !c->link->child) return;
  int status = 0;
  kill(c->link->child, SIGTERM);
  while (waitpid(c->link->child, &status, 0) < 0 && errno == EINTR) {}
  if (!WIFEXITED(status) || WEXITSTATUS(status))
    log_line(LOG_WARN, "closing the data in %s did not go well", c->data);
  c->link->child = 0, c->link->ready = false;
}

/* ---- calls -------------------------------------------------------------------------------------------------------- */
static size_t call_headers(struct httpc_call *call, struct http_field *f, bool body, const char *key)
{
  size_t n = 0;
  if (body) f[n++] = (struct http_field){ "Content-Type", "application/json" };
  if (key) f[n++] = (struct http_field){ "Idempotency-Key", key };
  call->headers = f, call->headers_n = n;
  return n;
}

/* The one that served us may stop between two calls: then we go on with the next, or serve ourselves. Nothing was
 * sent when nobody listened, so asking again does nothing twice. */
static int call_run(struct cli *c, struct arena *a, struct httpc_call *call, struct httpc_answer *out)
{
  for (int tries = 0; tries < 3; tries++) {
    if (!link_open(c)) return -1;
    call->socket_path = c->link->socket;
    int status = httpc_run(a, call, out);
    if (status >= 0 || !out->absent) break;
    c->link->ready = false;
  }
  if (out->status < 0) cli_fail(c, "%s: %s", c->link->socket, out->why);
  return out->status;
}

int cli_call_in(struct cli *c, struct arena *a, const char *method, const char *path, const void *body,
                size_t n, const char *key, struct httpc_answer *out)
{
  struct http_field f[2];
  struct httpc_call call = {
    .method = method, .path = path, .body = body, .body_n = n, .timeout_ms = CALL_TIMEOUT_MS
  };
  call_headers(&call, f, body != NULL, key);
  return call_run(c, a, &call, out);
}

int cli_call(struct cli *c, const char *method, const char *path, const void *body, size_t n, const char *key,
             struct httpc_answer *out)
{
  return cli_call_in(c, &c->mem, method, path, body, n, key, out);
}

int cli_stream(struct cli *c, const char *path, const char *accept,
               bool (*write_to)(void *arg, const char *p, size_t n), void *arg)
{
  struct http_field f = { "Accept", accept };
  struct httpc_answer out;
  struct httpc_call call = {
    .method = "GET", .path = path, .headers = &f, .headers_n = 1, .answer_write = write_to, .arg = arg
  };
  int status = call_run(c, &c->mem, &call, &out);
  if (status < 0) return EXIT_FAILED;
  return status / 100 == 2 ? EXIT_DONE : cli_refused(c, &out);
}

/* ---- refusals ------------------------------------------------------------------------------------------------------- */
static const char *text_of(const struct json *j, const char *key, const char *otherwise)
{
  const char *s = json_string(json_get(j, key));
  return s ? s : otherwise;
}

int cli_refused(struct cli *c, const struct httpc_answer *a)
{
  struct faults f = { .mem = &c->mem };
  const struct json *p = json_parse(&c->mem, a->body, a->body_n, JSON_ELEMENTS_MAX, &f), *e;
  const struct json *errors = json_get(p, "errors");
  bool data = a->status == 400 || a->status == 422;
  if (c->json && p) printf("%s\n", a->body);
  cli_fail(c, "%s (%s)", text_of(p, "detail", "the answer cannot be understood"), text_of(p, "code", "?"));
  for (e = json_type(errors) == JSON_ARRAY ? json_first(errors) : NULL; e; e = json_next(e)) {
    struct buf line = { 0 };
    buf_str(&line, "  "), text_safe(&line, text_of(e, "pointer", "")), buf_str(&line, ": "),
      text_safe(&line, text_of(e, "detail", ""));
    fprintf(stderr, "%s\n", line.data);
    buf_release(&line);
  }
  return data ? EXIT_REFUSED : EXIT_FAILED;
}
