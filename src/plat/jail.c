/* jail.c: work on bytes that strangers made, in a process of its own that may do nothing but compute and answer.
 *
 *   parent ── fork ──► child: no descriptors but the pipe, limits, a filter of system calls ── work() ──► pipe ─► parent
 *
 * Whoever takes the child over by a fault in a library has the bytes it came with and a pipe, at whose other end nothing is
 * believed. The filter answers with EPERM, so that a library which asks for more than it needs goes on without. Where the
 * kernel has no filters, or under a sanitizer, which needs more calls than a program, the rest holds all the same. */
#include "plat.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CPU_S 60
#define MEMORY_BYTES ((rlim_t)1 << 30)

/* ---- what the child may do ----------------------------------------------------------------------------------- */
#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#endif

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define CALL(nr) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_##nr, 0, 1), ALLOW

#if defined(ARCH) && !defined(ORDERD_SANITIZE)
/* Memory, but none that can be run; the pipe; an end. */
static void calls_limit(void)
{
  static struct sock_filter code[] = {
    LOAD(arch),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    LOAD(nr),
    CALL(write),
    CALL(exit_group),
    CALL(exit),
    CALL(brk),
    CALL(munmap),
    CALL(mremap),
    CALL(madvise),
    CALL(futex),
    CALL(getrandom),
    CALL(rt_sigreturn),
    CALL(rt_sigprocmask),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_mmap, 2, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_mprotect, 1, 0),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
    LOAD(args[2]), /* the low half: PROT_EXEC is in it */
    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
    ALLOW,
  };
  struct sock_fprog program = { .len = COUNT(code), .filter = code };
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}
#else
static void calls_limit(void) {}
#endif

static void limit(int what, rlim_t most)
{
  struct rlimit r = { most, most };
  setrlimit(what, &r);
}

static void limits_set(void)
{
  limit(RLIMIT_CPU, CPU_S);
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_FSIZE, 0);
  limit(RLIMIT_NOFILE, 0);
#ifndef ORDERD_SANITIZE
  limit(RLIMIT_DATA, MEMORY_BYTES);
#endif
}

/* The pipe becomes descriptor 0, and there is no other. */
static void descriptors_close(int out)
{
  dup2(out, STDIN_FILENO);
  long most = sysconf(_SC_OPEN_MAX);
  if (syscall(SYS_close_range, 1U, ~0U, 0U) == 0) return;
  for (int fd = 1; fd < (most > 0 && most < 65536 ? most : 65536); fd++) close(fd);
}

/* ---- the child ------------------------------------------------------------------------------------------------ */
void jail_put(const void *p, size_t n)
{
  for (const char *from = p; n;) {
    ssize_t put = write(STDIN_FILENO, from, n);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) _exit(0); /* nobody wants to know any more */
    from += put, n -= (size_t)put;
  }
}

_Noreturn static void child_run(int out, pid_t parent, jail_work *work, void *arg)
{
  signal(SIGPIPE, SIG_IGN);
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) _exit(1);
  descriptors_close(out);
  limits_set();
  calls_limit();
  work(arg);
  _exit(0);
}

/* ---- the parent ------------------------------------------------------------------------------------------------ */
bool jail_open(struct jail *j, jail_work *work, void *arg)
{
  int fd[2];
  pid_t parent = getpid();
  if (pipe2(fd, O_CLOEXEC) != 0) return false;
  fflush(NULL); /* else both processes write what waits */
  j->pid = fork();
  if (!j->pid) child_run(fd[1], parent, work, arg);
  close(fd[1]);
  j->fd = fd[0];
  if (j->pid < 0) close(fd[0]);
  return j->pid > 0;
}

bool jail_read(struct jail *j, void *p, size_t n)
{
  for (char *to = p; n;) {
    ssize_t got = read(j->fd, to, n);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    to += got, n -= (size_t)got;
  }
  return true;
}

enum jail_end jail_close(struct jail *j)
{
  int status = 0;
  close(j->fd);
  while (waitpid(j->pid, &status, 0) < 0 && errno == EINTR) {}
  if (WIFEXITED(status) && !WEXITSTATUS(status)) return JAIL_DONE;
  return WIFSIGNALED(status) && (WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL) ? JAIL_TOO_LONG
                                                                                             : JAIL_BROKEN;
}
