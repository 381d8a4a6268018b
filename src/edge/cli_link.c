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
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_WAIT_MS 20000 /* for a process that starts, or stops, to do so */
#define START_STEP_MS 20
#define START_TRIES 3
#define CALL_TIMEOUT_MS (15 * 60 * 1000)
#define CALL_TRIES 5

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
/* What the child says before it serves is shown only when the command gives up: mostly somebody else was faster. */
struct host {
  int started; /* a pipe: one byte when it listens */
  int log;     /* what it said until then */
  int err;     /* the person's standard error */
};

static void on_started(void *arg, const char *url)
{
  (void)url;
  const struct host *h = arg;
  dup2(h->err, STDERR_FILENO);
  if (write(h->started, "y", 1) != 1) log_line(LOG_DEBUG, "nobody waits for this server any more");
}

/* In the child. The person's signals end the parent, whose end ends us. */
static int host_run(struct cli *c, struct host *h, pid_t parent)
{
  struct config config;
  const char *why = NULL;
  if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != parent) return EXIT_FAILED;
  setpgid(0, 0);
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) null = memfd_create("null", MFD_CLOEXEC); /* an empty chroot has none */
  h->err = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
  if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
      dup2(h->log, STDERR_FILENO) < 0)
    return EXIT_FAILED;
  log_open(LOG_WARN, false);
  if (!cli_config(c, &c->mem, &config, &why)) {
    log_line(LOG_ERROR, "%s", why);
    return EXIT_FAILED;
  }
  struct serve_options o = { .data = c->data, .conf = &config.conf, .started = on_started, .arg = h };
  o.disk_reserve = config_number(&config, "data", "disk_reserve");
  return serve_run(&o);
}

static void log_show(int fd)
{
  char text[4096];
  ssize_t n;
  for (off_t at = 0; (n = pread(fd, text, sizeof text, at)) > 0; at += n)
    if (write(STDERR_FILENO, text, (size_t)n) < 0) return;
}

/* True when the child listens. */
static bool host_start(struct cli *c, int log)
{
  int pipe_fd[2];
  char byte;
  ssize_t got;
  if (ftruncate(log, 0) != 0 || lseek(log, 0, SEEK_SET) != 0 || pipe2(pipe_fd, O_CLOEXEC) != 0) return false;
  fflush(NULL);
  pid_t parent = getpid(), child = fork();
  if (!child) {
    struct host h = { .started = pipe_fd[1], .log = log };
    close(pipe_fd[0]);
    _exit(host_run(c, &h, parent));
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

/* Where several begin at once, one becomes the server and the others find it: a start that failed is only an answer
 * when nobody holds the lock, and then again. */
static bool link_wait(struct cli *c, int log)
{
  struct link *l = link_of(c);
  int holder = 0, failed = 0;
  int64_t until_ms = mono_ms() + START_WAIT_MS;
  while (mono_ms() < until_ms) {
    enum answer is = ask_ready(c);
    if (is == ANSWER_READY) return l->ready = true;
    if (is == ANSWER_NOT_YET || lock_is_held(cli_path(c, "orderd.lock"), &holder)) {
      failed = 0;
      nap();
    } else if (host_start(c, log)) {
      return l->ready = true;
    } else if (++failed == START_TRIES) {
      log_show(log);
      return cli_fail(c, "the data in %s cannot be opened", c->data), false;
    }
  }
  return cli_fail(c, "%s is held by process %d, which does not answer", c->data, holder), false;
}

static bool link_open(struct cli *c)
{
  if (link_of(c)->ready) return true;
  int log = memfd_create("log", MFD_CLOEXEC);
  if (log < 0) return cli_fail(c, "no memory file: %s", strerror(errno)), false;
  bool ok = link_wait(c, log);
  close(log);
  return ok;
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

/* Our own server does not stop before we do; if it died, that is the answer. */
static bool link_lost(struct cli *c, const struct httpc_call *call, const struct httpc_answer *out)
{
  bool stopping = out->status == 503 && strstr(out->body, "\"stopping\"");
  if (c->link->child || (out->status >= 0 && !stopping)) return false;
  return out->absent || stopping || !call->answer_write;
}

/* The one that served us may stop between two calls, or in the middle of one: then we go on with the next, or serve
 * ourselves. Every write carries a key, or is an order, so that asking again does nothing twice. */
static int call_run(struct cli *c, struct arena *a, struct httpc_call *call, struct httpc_answer *out)
{
  for (int tries = 0; tries < CALL_TRIES; tries++) {
    if (!link_open(c)) return -1;
    call->socket_path = c->link->socket;
    httpc_run(a, call, out);
    if (!link_lost(c, call, out)) break;
    c->link->ready = false;
    nap();
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
  if (body && !key) key = token_text(a, env_real(), "cli-");
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
