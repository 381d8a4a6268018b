/* live.c: see live.h. */
#include "live.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOG_MAX (64u << 20)
#define PATH_SIZE 512

const char *live_binary(void)
{
  static char path[PATH_SIZE];
  const char *said = getenv("ORDERD"), *b = getenv("B");
  if (said && *said) return said;
  snprintf(path, sizeof path, "%s/release/orderd", b && *b ? b : "build");
  return access(path, X_OK) == 0 ? path : "./orderd";
}

/* ---- directories ------------------------------------------------------------------------------------------- */
const char *live_scratch(struct arena *a, const char *name)
{
  const char *tmp = getenv("TMPDIR");
  char *dir = arena_printf(a, "%s/orderd-%s-XXXXXX", tmp && *tmp ? tmp : "/tmp", name);
  if (mkdtemp(dir)) return dir;
  fprintf(stderr, "%s: %s\n", dir, strerror(errno));
  exit(1);
}

static int remove_one(const char *path, const struct stat *st, int what, struct FTW *at)
{
  (void)st, (void)what, (void)at;
  remove(path);
  return 0;
}

void live_scratch_remove(const char *dir)
{
  nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void live_init(struct live *l, struct arena *a, const char *dir)
{
  *l = (struct live){ .orderd = live_binary(),
                      .data = arena_printf(a, "%s/data", dir),
                      .log = arena_printf(a, "%s/log", dir) };
}

/* ---- the child ------------------------------------------------------------------------------------------------ */
static _Noreturn void child(char **args, int out, int err, int64_t memory_max, int uid)
{
  struct rlimit limit = { (rlim_t)memory_max, (rlim_t)memory_max };
  dup2(out, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  if (memory_max) setrlimit(RLIMIT_DATA, &limit);
  if (uid && (setgid((gid_t)uid) != 0 || setuid((uid_t)uid) != 0)) _exit(126);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  execv(args[0], args);
  fprintf(stderr, "%s: %s\n", args[0], strerror(errno));
  _exit(127);
}

static int fork_with(char **args, int out, int err, int64_t memory_max, int uid)
{
  fflush(NULL);
  int pid = fork();
  if (pid == 0) child(args, out, err, memory_max, uid);
  must(pid > 0);
  return pid;
}

static int log_open_end(struct live *l)
{
  int fd = open(l->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  must(fd >= 0);
  l->log_from = lseek(fd, 0, SEEK_END);
  return fd;
}

void live_spawn(struct live *l)
{
  char listen[32];
  char *args[8 + LIVE_ARGS_MAX] = { (char *)l->orderd, (char *)"--data",   (char *)l->data,
                                    (char *)"serve",   (char *)"--listen", listen };
  must(!l->pid);
  snprintf(listen, sizeof listen, "127.0.0.1:%d", l->port);
  for (int i = 0; i < LIVE_ARGS_MAX && l->more[i]; i++) args[6 + i] = (char *)l->more[i];
  int fd = log_open_end(l);
  l->status = 0, l->ready_ms = -1, l->started_us = mono_us();
  l->pid = fork_with(args, fd, fd, l->memory_max, l->uid);
  close(fd);
}

bool live_ended(struct live *l, int64_t timeout_ms)
{
  int64_t until = mono_ms() + timeout_ms;
  while (l->pid) {
    int got = waitpid(l->pid, &l->status, WNOHANG);
    if (got == l->pid) l->pid = 0;
    else if (mono_ms() >= until) return false;
    else poll(NULL, 0, 1);
  }
  return true;
}

void live_signal(struct live *l, int number)
{
  if (l->pid) kill(l->pid, number);
}

void live_kill(struct live *l)
{
  if (!l->pid) return;
  kill(l->pid, SIGKILL);
  must(waitpid(l->pid, &l->status, 0) == l->pid);
  l->pid = 0;
}

int live_exit(const struct live *l)
{
  return WIFEXITED(l->status) ? WEXITSTATUS(l->status) : 128 + WTERMSIG(l->status);
}

static const char *file_from(struct arena *a, const char *path, int64_t from)
{
  FILE *f = fopen(path, "re");
  if (!f) return "";
  struct buf b = { 0 };
  char piece[4096];
  size_t n;
  fseek(f, (long)from, SEEK_SET);
  while (b.len < LOG_MAX && (n = fread(piece, 1, sizeof piece, f)) > 0) buf_put(&b, piece, n);
  fclose(f);
  const char *text = b.len ? arena_strn(a, b.data, b.len) : "";
  buf_release(&b);
  return text;
}

const char *live_said(struct live *l, struct arena *a)
{
  return file_from(a, l->log, l->log_from);
}

/* ---- ready? ------------------------------------------------------------------------------------------------------ */
static bool port_read(struct live *l)
{
  static const char mark[] = "listening http://127.0.0.1:";
  struct arena mem = { 0 };
  const char *at = l->port ? NULL : strstr(live_said(l, &mem), mark);
  if (at) l->port = (int)strtol(at + sizeof mark - 1, NULL, 10);
  arena_release(&mem);
  snprintf(l->base, sizeof l->base, "http://127.0.0.1:%d", l->port);
  return l->port != 0;
}

static bool answers(struct live *l)
{
  struct arena mem = { 0 };
  struct httpc_answer out;
  bool ok = port_read(l) && live_call(l, &mem, "GET", "/readyz", NULL, &out) == 200;
  arena_release(&mem);
  return ok;
}

bool live_ready(struct live *l, int64_t timeout_ms)
{
  int64_t until = mono_ms() + timeout_ms;
  while (!answers(l)) {
    if (live_ended(l, 0) || mono_ms() >= until) return false;
    usleep(300);
  }
  l->ready_ms = (mono_us() - l->started_us + 999) / 1000;
  return true;
}

bool live_token(struct live *l, int64_t timeout_ms)
{
  struct arena mem = { 0 };
  int64_t until = mono_ms() + timeout_ms;
  const char *path = arena_printf(&mem, "%s/admin.token", l->data), *text = NULL;
  size_t n = 0;
  while (!(text = file_read(&mem, path, sizeof l->token - 1, &n)) && mono_ms() < until) poll(NULL, 0, 1);
  snprintf(l->token, sizeof l->token, "%.*s", text ? (int)strcspn(text, "\n") : 0, text ? text : "");
  arena_release(&mem);
  return l->token[0] != 0;
}

bool live_start(struct live *l)
{
  struct arena mem = { 0 };
  live_spawn(l);
  bool ok = live_ready(l, 20000) && (l->token[0] || live_token(l, 5000));
  if (!ok) fprintf(stderr, "%s does not start:\n%s", l->orderd, live_said(l, &mem));
  arena_release(&mem);
  return ok;
}

/* ---- asking ------------------------------------------------------------------------------------------------------ */
int live_call(struct live *l, struct arena *a, const char *method, const char *path, const char *body,
              struct httpc_answer *out)
{
  const char *bearer = arena_printf(a, "Bearer %s", l->token);
  const struct http_field fields[] = { { "Authorization", bearer }, { "Content-Type", "application/json" } };
  const struct httpc_call call = {
    .base = l->base,
    .method = method,
    .path = path,
    .headers = l->token[0] ? fields : fields + 1,
    .headers_n = l->token[0] ? 2 : 1,
    .body = body,
    .body_n = body ? strlen(body) : 0,
    .timeout_ms = 20000,
  };
  return httpc_run(a, &call, out);
}

static int program_start(struct live *l, struct arena *a, const char **path, const char *first, va_list ap)
{
  char *args[16] = { (char *)l->orderd, (char *)"--data", (char *)l->data };
  int n = 3;
  for (const char *s = first; s && n < 15; s = va_arg(ap, const char *)) args[n++] = (char *)s;
  *path = arena_printf(a, "%s.run", l->log);
  int fd = open(*path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  must(fd >= 0);
  int pid = fork_with(args, fd, fd, 0, 0);
  close(fd);
  return pid;
}

int live_run(struct live *l, struct arena *a, const char **said, const char *first, ...)
{
  const char *path;
  int status;
  va_list ap;
  va_start(ap, first);
  int pid = program_start(l, a, &path, first, ap);
  va_end(ap);
  must(waitpid(pid, &status, 0) == pid);
  *said = file_from(a, path, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int live_run_pid(struct live *l, struct arena *a, const char *first, ...)
{
  const char *path;
  va_list ap;
  va_start(ap, first);
  int pid = program_start(l, a, &path, first, ap);
  va_end(ap);
  return pid;
}
