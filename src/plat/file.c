/* file.c: whole files, the lock, the disk, the process. */
#include "plat.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* Gives errno of the first fault back through a close(). */
static void close_quietly(int fd)
{
  int was = errno;
  close(fd);
  errno = was;
}

/* ---- reading ------------------------------------------------------------------------------------ */
#define READ_STEP 65536

/* Until the end; false with errno. One byte more than max is asked for, to see that there is one. */
static bool read_all(int fd, struct buf *b, size_t max)
{
  for (;;) {
    size_t step = max - b->len < READ_STEP ? max - b->len + 1 : READ_STEP;
    buf_reserve(b, step);
    ssize_t got = read(fd, b->data + b->len, step);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return false;
    if (!got) break;
    b->len += (size_t)got;
    if (b->len > max) return errno = EFBIG, false;
  }
  b->data[b->len] = 0;
  return true;
}

char *file_read(struct arena *a, const char *path, size_t max, size_t *n)
{
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) return NULL;
  struct buf b = { 0 };
  char *text = NULL;
  if (read_all(fd, &b, max)) {
    text = arena_strn(a, b.data, b.len);
    if (n) *n = b.len;
  }
  close_quietly(fd);
  buf_release(&b);
  return text;
}

/* ---- writing ------------------------------------------------------------------------------------- */
static bool write_all(int fd, const char *p, size_t n)
{
  while (n) {
    ssize_t put = write(fd, p, n);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return false;
    p += put, n -= (size_t)put;
  }
  return true;
}

/* A new name is only on the disk when its directory is. */
static bool dir_sync(const char *path)
{
  char dir[PATH_MAX];
  const char *slash = strrchr(path, '/');
  int n = !slash ? snprintf(dir, sizeof dir, ".")
                 : snprintf(dir, sizeof dir, "%.*s", (int)(slash - path + 1), path);
  if (n < 0 || (size_t)n >= sizeof dir) return errno = ENAMETOOLONG, false;
  int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return false;
  bool ok = fsync(fd) == 0;
  close_quietly(fd);
  return ok;
}

/* The name beside: no other process and no other thread uses it. What a crash left there is cut. */
static bool beside(char *out, size_t n, const char *path)
{
  static atomic_uint counter;
  int len = snprintf(out, n, "%s.%ld-%u.new", path, (long)getpid(), atomic_fetch_add(&counter, 1));
  if (len > 0 && (size_t)len < n) return true;
  errno = ENAMETOOLONG;
  return false;
}

bool file_write(const char *path, const void *p, size_t n, int mode)
{
  char name[PATH_MAX];
  if (!beside(name, sizeof name, path)) return false;
  int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  bool ok = fchmod(fd, (mode_t)mode) == 0 && write_all(fd, p, n) && fsync(fd) == 0;
  close_quietly(fd);
  if (ok && rename(name, path) == 0) return dir_sync(path);
  int was = errno;
  unlink(name);
  errno = was;
  return false;
}

bool file_rename(const char *from, const char *to)
{
  return rename(from, to) == 0 && dir_sync(to);
}

bool dir_make(const char *path, int mode)
{
  struct stat st;
  if (mkdir(path, (mode_t)mode) == 0) return dir_sync(path);
  if (errno != EEXIST || stat(path, &st) != 0) return false;
  if (S_ISDIR(st.st_mode)) return true;
  errno = ENOTDIR;
  return false;
}

int64_t disk_free(const char *path)
{
  struct statvfs v;
  if (statvfs(path, &v) != 0) return -1;
  int64_t bytes;
  return __builtin_mul_overflow(v.f_bavail, v.f_frsize, &bytes) ? INT64_MAX : bytes;
}

/* ---- the lock -------------------------------------------------------------------------------------
 * The kernel's lock counts (it ends with the process, however it ends); the number in the file is only
 * for people. It belongs to the open file, not to the process as older locks do: closing another
 * descriptor of the same file does not let it go. */
static int holder_read(int fd)
{
  char text[16] = { 0 };
  int pid = 0;
  if (pread(fd, text, sizeof text - 1, 0) <= 0) return 0;
  for (const char *p = text; *p >= '0' && *p <= '9'; p++)
    pid = pid < INT_MAX / 10 - 1 ? pid * 10 + (*p - '0') : 0;
  return pid;
}

int lock_take(const char *path, int *holder)
{
  struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
  *holder = 0;
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return -1;
  if (fcntl(fd, F_OFD_SETLK, &whole) == 0) {
    char text[16];
    int n = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    /* Where a full disk has no room for the number, the lock holds all the same. */
    bool told = pwrite(fd, text, (size_t)n, 0) == n && ftruncate(fd, n) == 0;
    (void)told;
    return fd;
  } else if (errno == EAGAIN || errno == EACCES) {
    *holder = holder_read(fd);
    errno = EAGAIN;
  }
  close_quietly(fd);
  return -1;
}

bool lock_is_held(const char *path, int *holder)
{
  struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
  *holder = 0;
  int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return false;
  bool held = fcntl(fd, F_OFD_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
  if (held) *holder = holder_read(fd);
  close_quietly(fd);
  return held;
}

void process_harden(void)
{
  must(setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 }) == 0);
#ifndef ORDERD_SANITIZE /* the leak check traces the process when it ends */
  must(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0);
#endif
}
