/* For tests: a host whose clock is set. Loaded before orderd, adds what stands in the file $CLOCK_FILE (8 bytes, ms) to
 * the time of day; what counts from the start of the machine stays as it is, as on a real one. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *by;

__attribute__((constructor)) static void clock_open(void)
{
  const char *path = getenv("CLOCK_FILE");
  int fd = path ? open(path, O_RDONLY) : -1;
  void *at = fd < 0 ? MAP_FAILED : mmap(NULL, 8, PROT_READ, MAP_SHARED, fd, 0);
  if (at != MAP_FAILED) by = at;
  if (fd >= 0) close(fd);
}

int clock_gettime(clockid_t id, struct timespec *t)
{
  int rc = (int)syscall(SYS_clock_gettime, id, t);
  if (rc || !by || (id != CLOCK_REALTIME && id != CLOCK_REALTIME_COARSE)) return rc;
  int64_t ms = (int64_t)t->tv_sec * 1000 + t->tv_nsec / 1000000 + *by;
  t->tv_sec = ms / 1000, t->tv_nsec = ms % 1000 * 1000000 + t->tv_nsec % 1000000;
  return 0;
}
