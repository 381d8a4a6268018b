/* drill.c: what may happen to a server in its life, each once, with the real binary on a real directory.
 *
 *   crash-drill [--slice] [--seconds N] [part of a drill's name]...
 *
 * Full disks, read-only directories, damaged and newer files, a second process, a reader that does not let go,
 * little memory, nobody who reads the log, kills of backups and imports. Drills that need a file system of their own
 * mount a tmpfs in a name space of their own, and are left out, with a message, where that is not allowed. */
#include "live.h"
#include "crash.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB (1ll << 20)
#define NOBODY 65534
#define WAL_LIMIT (256 * MIB)

static struct {
  struct arena mem;
  struct live live;
  const char *dir, *name, *left_out;
  uint64_t seed;
  bool mounts; /* we have a name space of our own */
  int64_t failures;
  char note[256];
} now;

#define CHECK(c, ...) ((c) ? true : (failed(__LINE__, #c, __VA_ARGS__), false))
static void failed(int line, const char *what, const char *fmt, ...) PRINTF(3, 4);
static void failed(int line, const char *what, const char *fmt, ...)
{
  char text[1024];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  now.failures++;
  fprintf(stderr, "drill.c:%d: %s: %s: %s\n", line, now.name, what, text);
}

static void note(const char *fmt, ...) PRINTF(1, 2);
static void note(const char *fmt, ...)
{
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(now.note, sizeof now.note, fmt, ap);
  va_end(ap);
}

/* ---- orders -------------------------------------------------------------------------------------------------- */
/* lines: how many lines with long titles that cannot be packed well; 0: one short line. */
static void body_put(struct buf *out, int n, int lines)
{
  buf_printf(
    out,
    "{\"channel\":\"drill\",\"external_id\":\"D%06d\",\"status\":\"paid\",\"placed_at\":\"2026-11-11T00:00:00+08:00\","
    "\"currency\":\"CNY\",\"total\":\"9.00\",\"receiver\":{\"name\":\"示例\",\"phone\":\"137%08d\",\"country\":\"CN\","
    "\"province\":\"浙江省\",\"city\":\"杭州市\",\"district\":\"西湖区\",\"address\":\"文三路%d号 2幢301室\"},\"lines\":[",
    n, n, n % 900 + 1);
  for (int i = 0; i < (lines ? lines : 1); i++) {
    buf_printf(out, "%s{\"line_id\":\"%d\",\"sku\":\"SKU-%d\",\"quantity\":1,\"title\":\"", i ? "," : "",
               i + 1, i);
    for (int k = 0; k < 12 && lines; k++)
      buf_printf(out, "%016llx", (unsigned long long)crash_random(&now.seed));
    buf_str(out, "杯\"}");
  }
  buf_str(out, "]}");
}

static int order_send(int n, struct httpc_answer *out)
{
  struct buf body = { 0 };
  body_put(&body, n, 0);
  int status = live_call(&now.live, &now.mem, "POST", "/v1/orders", body.data, out);
  buf_release(&body);
  return status;
}

static int order_ask(int n)
{
  struct httpc_answer out;
  return live_call(&now.live, &now.mem, "GET", arena_printf(&now.mem, "/v1/orders/drill:D%06d", n), NULL,
                   &out);
}

struct lines {
  int done, full, busy, other; /* 2xx, 507, 503 */
  int status;
};

static void line_count(struct lines *l, int status)
{
  if (status >= 200 && status < 300) l->done++;
  else if (status == 507) l->full++;
  else if (status == 503) l->busy++;
  else l->other++;
}

/* Orders from..from+n as a stream; told[i] is set for what was promised. */
static struct lines lines_send(int from, int n, int lines, bool *told)
{
  struct lines l = { 0 };
  struct buf body = { 0 };
  struct httpc_answer out;
  struct arena mem = { 0 };
  for (int i = 0; i < n; i++) body_put(&body, from + i, lines), buf_char(&body, '\n');
  const char *bearer = arena_printf(&mem, "Bearer %s", now.live.token);
  const struct http_field fields[] = { { "Authorization", bearer },
                                       { "Content-Type", "application/x-ndjson" } };
  const struct httpc_call call = { .base = now.live.base,
                                   .method = "POST",
                                   .path = "/v1/orders",
                                   .headers = fields,
                                   .headers_n = 2,
                                   .body = body.data,
                                   .body_n = body.len,
                                   .timeout_ms = 60000 };
  l.status = httpc_run(&mem, &call, &out);
  const char *at = l.status == 200 ? out.body : "";
  for (const char *end; (end = strchr(at, '\n')); at = end + 1) {
    struct faults f = { .mem = &mem };
    int64_t index = -1, status = 0;
    const struct json *j = json_parse(&mem, at, (size_t)(end - at), JSON_ELEMENTS_MAX, &f);
    json_int(json_get(j, "index"), &index), json_int(json_get(j, "status"), &status);
    line_count(&l, (int)status);
    if (told && status >= 200 && status < 300 && index >= 0 && index < n) told[index] = true;
  }
  arena_release(&mem), buf_release(&body);
  return l;
}

static int64_t counted(const char *what)
{
  struct httpc_answer out;
  struct faults f = { .mem = &now.mem };
  int64_t n = -1;
  if (live_call(&now.live, &now.mem, "GET", "/v1/stats/counts", NULL, &out) != 200) return -1;
  json_int(json_get(json_parse(&now.mem, out.body, out.body_n, JSON_ELEMENTS_MAX, &f), what), &n);
  return n;
}

static bool health_says(const char *text, int status)
{
  struct httpc_answer out;
  int got = live_call(&now.live, &now.mem, "GET", "/healthz", NULL, &out);
  return got == status && strstr(out.body, text);
}

/* ---- set-up ------------------------------------------------------------------------------------------------------- */
static void conf_put(const char *text)
{
  must(dir_make(now.live.data, 0700));
  must(file_write(arena_printf(&now.mem, "%s/orderd.conf", now.live.data), text, strlen(text), 0600));
}

static const char *in_data(const char *name)
{
  return arena_printf(&now.mem, "%s/%s", now.live.data, name);
}

static void whole(const char *when)
{
  const char *said;
  int status = live_run(&now.live, &now.mem, &said, "check", NULL);
  CHECK(status == 0, "orderd check %s: exit %d: %s", when, status, said);
}

/* It must not start: its exit status, and what it says. */
static void refuses(int status, const char *says)
{
  live_spawn(&now.live);
  bool ended = live_ended(&now.live, 5000);
  const char *said = live_said(&now.live, &now.mem);
  CHECK(ended, "it starts: %s", said);
  CHECK(ended && live_exit(&now.live) == status, "exit %d: %s", live_exit(&now.live), said);
  CHECK(strstr(said, says), "it does not say \"%s\": %s", says, said);
  live_kill(&now.live);
}

static bool stops(void)
{
  live_signal(&now.live, SIGTERM);
  bool ok = CHECK(live_ended(&now.live, 15000), "SIGTERM does not end it");
  ok = ok && CHECK(live_exit(&now.live) == 0, "exit %d", live_exit(&now.live));
  live_kill(&now.live);
  return ok;
}

/* A small file system of our own at dir/room. False: not allowed here. */
static bool room_make(int64_t bytes)
{
  const char *room = arena_printf(&now.mem, "%s/room", now.dir);
  char size[32];
  must(dir_make(room, 0755));
  snprintf(size, sizeof size, "size=%lld", (long long)bytes);
  if (!now.mounts || mount("tmpfs", room, "tmpfs", 0, size) != 0) {
    now.left_out = "no file system of its own may be mounted here";
    return false;
  }
  now.live.data = arena_printf(&now.mem, "%s/data", room);
  return true;
}

static void room_remove(void)
{
  live_kill(&now.live);
  umount2(arena_printf(&now.mem, "%s/room", now.dir), MNT_DETACH);
}

/* A name space for mounts; as somebody else than root only together with one for users. */
static bool names_own(void)
{
  char map[64];
  int uid = (int)getuid(), gid = (int)getgid();
  if (unshare(CLONE_NEWNS) != 0) {
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
    int n = snprintf(map, sizeof map, "0 %d 1", uid);
    struct {
      const char *path, *text;
      int n;
    } files[] = { { "/proc/self/setgroups", "deny", 4 }, { "/proc/self/uid_map", map, n } };
    for (size_t i = 0; i < COUNT(files); i++) {
      int fd = open(files[i].path, O_WRONLY | O_CLOEXEC);
      if (fd >= 0 && write(fd, files[i].text, (size_t)files[i].n) < 0) uid = -1;
      if (fd >= 0) close(fd);
    }
    n = snprintf(map, sizeof map, "0 %d 1", gid);
    int fd = open("/proc/self/gid_map", O_WRONLY | O_CLOEXEC);
    if (fd >= 0 && write(fd, map, (size_t)n) < 0) uid = -1;
    if (fd >= 0) close(fd);
    if (uid < 0) return false;
  }
  return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

/* ---- a second process ------------------------------------------------------------------------------------------------ */
static void two_processes(void)
{
  struct live second = now.live;
  char pid[32];
  if (!CHECK(live_start(&now.live), "no start")) return;
  second.log = arena_printf(&now.mem, "%s/log2", now.dir);
  live_spawn(&second);
  snprintf(pid, sizeof pid, "process %d ", now.live.pid);
  CHECK(live_ended(&second, 5000), "the second one goes on");
  const char *said = live_said(&second, &now.mem);
  CHECK(live_exit(&second) == 1 && strstr(said, pid), "exit %d: %s", live_exit(&second), said);
  live_kill(&second);
  CHECK(order_send(1, &(struct httpc_answer){ 0 }) == 201, "the first one does not answer any more");
  live_kill(&now.live); /* its lock ends with it */
  CHECK(live_start(&now.live), "the lock of a dead process holds");
}

/* ---- a full disk --------------------------------------------------------------------------------------------------------- */
static int64_t room_free(void)
{
  struct statvfs v;
  return statvfs(now.dir ? arena_printf(&now.mem, "%s/room", now.dir) : "/", &v)
           ? -1
           : (int64_t)(v.f_bavail * v.f_frsize);
}

static const char *ballast_path(void)
{
  return arena_printf(&now.mem, "%s/room/ballast", now.dir);
}

/* Fills the room until so much is left. */
static void ballast(int64_t left)
{
  static char piece[1 << 16];
  int fd = open(ballast_path(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  must(fd >= 0);
  for (int64_t more; (more = room_free() - left) > 0;)
    if (write(fd, piece, (size_t)(more < (int64_t)sizeof piece ? more : (int64_t)sizeof piece)) <= 0) break;
  close(fd);
}

static bool waits_for(int (*what)(void), int want, int64_t ms)
{
  int64_t until = mono_ms() + ms;
  while (what() != want)
    if (mono_ms() > until) return false;
    else poll(NULL, 0, 20);
  return true;
}

static int next_order = 1;
static int post_next(void)
{
  struct httpc_answer out = { 0 };
  int status = order_send(next_order, &out);
  if (status == 201) next_order++;
  return status;
}

static int health(void)
{
  struct httpc_answer out;
  return live_call(&now.live, &now.mem, "GET", "/healthz", NULL, &out);
}

static void all_there(int from, int to, const char *when)
{
  for (int n = from; n < to; n++) {
    int status = order_ask(n);
    if (!CHECK(status == 200, "%s: order %d is answered with %d", when, n, status)) return;
  }
}

static void disk_nearly_full(void)
{
  struct httpc_answer out = { 0 };
  if (!room_make(64 * MIB)) return;
  conf_put("[data]\ndisk_reserve = 8M\n");
  next_order = 1;
  if (!CHECK(live_start(&now.live), "no start")) return;
  for (int i = 0; i < 50; i++) CHECK(post_next() == 201, "before");
  ballast(4 * MIB);
  CHECK(waits_for(post_next, 507, 5000), "intake goes on below the reserve");
  CHECK(order_send(next_order, &out) == 507 && strstr(out.body, "\"disk_full\""), "%d %.200s", out.status,
        out.body);
  struct lines l = lines_send(next_order, 20, 0, NULL);
  CHECK(l.full == 20 || l.status == 507, "a stream: %d done, %d full, status %d", l.done, l.full, l.status);
  CHECK(health_says("\"full\":true", 503), "/healthz does not say so");
  all_there(1, next_order, "while the disk is full");
  CHECK(counted("orders") == next_order - 1, "%lld orders", (long long)counted("orders"));
  whole("with a full disk");
  unlink(ballast_path());
  CHECK(waits_for(health, 200, 5000), "/healthz does not recover");
  CHECK(waits_for(post_next, 201, 5000), "intake does not recover by itself");
  all_there(1, next_order, "afterwards");
  whole("afterwards");
  stops();
}

/* Not a byte is left, from one moment to the next. */
static void disk_full_at_once(void)
{
  int first, done = 0, full = 0, other = 0;
  static bool told[2000];
  memset(told, 0, sizeof told);
  if (!room_make(48 * MIB)) return;
  conf_put("[data]\ndisk_reserve = 4M\n");
  next_order = 1;
  if (!CHECK(live_start(&now.live), "no start")) return;
  for (int i = 0; i < 50; i++) CHECK(post_next() == 201, "before");
  first = next_order;
  ballast(0);
  for (int i = 0; i < 100; i++) {
    int status = post_next();
    if (status == 201) done++;
    else if (status == 507) full++;
    else if (!CHECK(status == 503, "status %d", status)) other++;
  }
  struct lines l = lines_send(1000, 400, 40, told);
  CHECK(l.status == 200 || l.status == 507, "a stream: status %d", l.status);
  CHECK(!l.other, "%d lines with another status", l.other);
  CHECK(full > 0, "the disk was never full: the drill sees nothing");
  CHECK(waits_for(health, 503, 3000) && health_says("\"full\":true", 503), "/healthz does not say so");
  all_there(1, next_order, "while the disk is full");
  CHECK(order_send(900, &(struct httpc_answer){ 0 }) == 507, "intake without room");
  live_kill(&now.live); /* and now without power, into the bargain */
  CHECK(live_start(&now.live), "it does not start with a full disk");
  CHECK(waits_for(health, 503, 3000), "/healthz after the start");
  all_there(1, next_order, "after a kill with a full disk");
  CHECK(order_send(900, &(struct httpc_answer){ 0 }) == 507, "intake without room, after the start");
  unlink(ballast_path());
  CHECK(waits_for(post_next, 201, 5000), "intake does not recover by itself");
  all_there(1, next_order, "afterwards");
  for (int i = 0; i < 400; i++)
    CHECK(!told[i] || order_ask(1000 + i) == 200, "order %d was promised", 1000 + i);
  whole("afterwards");
  stops();
  note("%d orders taken, %d refused while not a byte was free; of a stream %d and %d", next_order - first,
       full, l.done, l.full);
  (void)done, (void)other;
}

/* ---- directories that cannot be written to ---------------------------------------------------------------------------------- */
static void read_only(void)
{
  if (!room_make(32 * MIB)) return;
  const char *room = arena_printf(&now.mem, "%s/room", now.dir);
  conf_put("[data]\ndisk_reserve = 1M\n");
  if (!CHECK(live_start(&now.live), "no start")) return;
  CHECK(order_send(1, &(struct httpc_answer){ 0 }) == 201, "before");
  stops();
  if (!CHECK(mount(NULL, room, NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0, "remount: %s", strerror(errno)))
    return;
  refuses(1, "ead-only");
  now.live.data = arena_printf(&now.mem, "%s/other", room);
  refuses(1, "ead-only"); /* nor can a new one be made */
  now.live.data = arena_printf(&now.mem, "%s/data", room);
  CHECK(mount(NULL, room, NULL, MS_REMOUNT, NULL) == 0, "remount: %s", strerror(errno));
  CHECK(live_start(&now.live), "no start once it can be written to");
  CHECK(order_ask(1) == 200, "the order is lost");
}

static void file_copy(const char *from, const char *to, mode_t mode)
{
  size_t n;
  struct arena mem = { 0 };
  const char *p = file_read(&mem, from, 512u << 20, &n);
  must(p && file_write(to, p, n, (int)mode));
  arena_release(&mem);
}

static void no_permission(void)
{
  const char *copy = arena_printf(&now.mem, "%s/orderd", now.dir);
  if (getuid() != 0) {
    now.left_out = "only root can try it as somebody else";
    return;
  }
  file_copy(now.live.orderd, copy, 0755);
  chmod(now.dir, 0755);
  must(dir_make(now.live.data, 0755));
  now.live.orderd = copy, now.live.uid = NOBODY;
  live_spawn(&now.live);
  live_ended(&now.live, 5000);
  const char *said = live_said(&now.live, &now.mem);
  if (live_exit(&now.live) >= 126) {
    now.left_out = "the test's directory cannot be reached by somebody else";
    return;
  }
  CHECK(live_exit(&now.live) == 1 && strstr(said, "ermission"), "exit %d: %s", live_exit(&now.live), said);
  now.live.uid = 0;
  if (!CHECK(live_start(&now.live), "no start as ourselves")) return;
  stops();
  now.live.uid = NOBODY;
  chmod(in_data("orderd.lock"), 0666);
  refuses(1, "ermission");
}

/* ---- files that are not ours, or not whole ------------------------------------------------------------------------------------- */
static void made_once(int orders)
{
  if (!CHECK(live_start(&now.live), "no start")) return;
  struct lines l = lines_send(1, orders, 0, NULL);
  CHECK(l.done == orders, "%d of %d", l.done, orders);
  stops();
}

static void digest_of(const char *path, unsigned char out[SHA256_LEN])
{
  size_t n;
  struct arena mem = { 0 };
  const char *p = file_read(&mem, path, 512u << 20, &n);
  must(p);
  sha256(p, n, out);
  arena_release(&mem);
}

static void newer_file(void)
{
  sqlite3 *db;
  unsigned char before[SHA256_LEN], after[SHA256_LEN];
  const char *said;
  made_once(10);
  must(sqlite3_open(in_data("orderd.db"), &db) == SQLITE_OK);
  must(sqlite3_exec(db, "PRAGMA journal_mode = DELETE; PRAGMA user_version = 4711", NULL, NULL, NULL) ==
       SQLITE_OK);
  sqlite3_close(db);
  digest_of(in_data("orderd.db"), before);
  refuses(1, "newer orderd");
  CHECK(live_run(&now.live, &now.mem, &said, "check", NULL) == 1 && strstr(said, "newer orderd"), "%s", said);
  digest_of(in_data("orderd.db"), after);
  CHECK(!memcmp(before, after, sizeof before), "the file was changed");
}

static void bytes_put(const char *path, int64_t at, const void *p, size_t n)
{
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  must(fd >= 0 && pwrite(fd, p, n, at) == (ssize_t)n);
  close(fd);
}

static void other_file(void)
{
  sqlite3 *db;
  static const char text[] = "This is no database at all, whatever its name says.\n";
  must(dir_make(now.live.data, 0700));
  must(file_write(in_data("orderd.db"), text, sizeof text - 1, 0600));
  refuses(1, "not a database");
  must(file_write(in_data("orderd.db"), "", 0, 0600));
  refuses(1, "holds no database");
  unlink(in_data("orderd.db"));
  must(sqlite3_open(in_data("orderd.db"), &db) == SQLITE_OK);
  must(sqlite3_exec(db, "CREATE TABLE songs(id INTEGER PRIMARY KEY, title TEXT)", NULL, NULL, NULL) ==
       SQLITE_OK);
  sqlite3_close(db);
  refuses(1, "not a database of orderd");
}

/* Somebody took the database away and left its WAL. */
static void missing_file(void)
{
  const char *path = in_data("orderd.db"), *away = arena_printf(&now.mem, "%s/away.db", now.dir);
  if (!CHECK(live_start(&now.live), "no start")) return;
  CHECK(lines_send(1, 100, 0, NULL).done == 100, "before");
  live_kill(&now.live);
  CHECK(access(in_data("orderd.db-wal"), F_OK) == 0, "no WAL: the drill sees nothing");
  must(rename(path, away) == 0);
  refuses(1, "is missing");
  must(rename(away, path) == 0);
  CHECK(live_start(&now.live), "no start with the file back");
  all_there(1, 101, "afterwards");
}

/* Random bytes over one page after the other: it does not start, or it ends when it comes across them, or it says
 * 5xx; it never crashes, and check finds the damage. */
static void damaged_file(void)
{
  unsigned char junk[4096];
  struct stat st;
  int refused = 0, found = 0, ended = 0;
  made_once(3000);
  const char *path = in_data("orderd.db"), *kept = arena_printf(&now.mem, "%s/kept.db", now.dir), *said;
  file_copy(path, kept, 0600);
  must(stat(kept, &st) == 0);
  for (int i = 0; i < 24; i++) {
    struct arena mem = { 0 };
    int64_t pages = st.st_size / 4096, page = i ? (int64_t)(crash_random(&now.seed) % (uint64_t)pages) : 0;
    for (size_t k = 0; k < sizeof junk; k++) junk[k] = (unsigned char)crash_random(&now.seed);
    unlink(in_data("orderd.db-wal")), unlink(in_data("orderd.db-shm"));
    file_copy(kept, path, 0600);
    bytes_put(path, page * 4096, junk, sizeof junk);
    int status = live_run(&now.live, &mem, &said, "check", NULL);
    found += status == 1;
    CHECK(status == 1, "page %lld: check ends with %d: %s", (long long)page, status, said);
    live_spawn(&now.live);
    if (!live_ready(&now.live, 5000)) {
      CHECK(live_ended(&now.live, 0) && live_exit(&now.live) < 126, "page %lld: exit %d", (long long)page,
            live_exit(&now.live));
      refused++;
    } else {
      lines_send(2950, 100, 0, NULL);
      for (int n = 1; n < 3000; n += 500) order_ask(n);
      if (live_ended(&now.live, 50)) {
        ended++;
        said = live_said(&now.live, &mem);
        CHECK(live_exit(&now.live) < 126 && strstr(said, "damaged"), "page %lld: exit %d: %s",
              (long long)page, live_exit(&now.live), said);
      }
    }
    live_kill(&now.live);
    arena_release(&mem);
  }
  CHECK(refused > 0, "page 0 is junk, and it starts");
  note("24 damaged pages: check found %d, %d starts refused, %d ended with a message", found, refused, ended);
}

/* Cut short, as by a copy that was broken off. */
static void cut_file(void)
{
  struct stat st;
  const char *said;
  made_once(2000);
  must(stat(in_data("orderd.db"), &st) == 0);
  must(truncate(in_data("orderd.db"), st.st_size / 2 / 4096 * 4096) == 0);
  CHECK(live_run(&now.live, &now.mem, &said, "check", NULL) == 1, "%s", said);
  live_spawn(&now.live);
  if (live_ready(&now.live, 5000)) {
    struct lines l = lines_send(1900, 200, 0, NULL);
    bool ended = live_ended(&now.live, 1000);
    CHECK(ended || !l.done, "half of the file is gone, and %d orders are taken", l.done);
    CHECK(!ended || strstr(live_said(&now.live, &now.mem), "damaged"), "exit %d: %s", live_exit(&now.live),
          live_said(&now.live, &now.mem));
  } else {
    CHECK(live_ended(&now.live, 0) && live_exit(&now.live) < 126, "exit %d", live_exit(&now.live));
  }
}

/* ---- asked to stop ----------------------------------------------------------------------------------------------------------------- */
static int raw_connect(void)
{
  struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)now.live.port) };
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  must(fd >= 0);
  if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0) return fd;
  close(fd);
  return -1;
}

static void raw_send(int fd, const struct buf *b)
{
  must(send(fd, b->data, b->len, MSG_NOSIGNAL) == (ssize_t)b->len);
}

/* A stream whose client has gone to sleep in the middle does not keep it from stopping; its lines are there. */
static void stop_with_sleeper(void)
{
  struct buf head = { 0 }, line = { 0 };
  char answer[65536];
  size_t n = 0;
  int lines = 0;
  if (!CHECK(live_start(&now.live), "no start")) return;
  int fd = raw_connect();
  buf_printf(
    &head,
    "POST /v1/orders HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Type: application/x-ndjson\r\n"
    "Transfer-Encoding: chunked\r\n\r\n",
    now.live.token);
  raw_send(fd, &head);
  for (int i = 1; i <= 20; i++) {
    struct buf text = { 0 };
    body_put(&text, i, 0), buf_char(&text, '\n');
    buf_printf(&line, "%zx\r\n%s\r\n", text.len, text.data);
    buf_release(&text);
  }
  raw_send(fd, &line);
  struct pollfd p = { .fd = fd, .events = POLLIN };
  while (n < sizeof answer - 1 && poll(&p, 1, 500) > 0) {
    ssize_t got = recv(fd, answer + n, sizeof answer - 1 - n, 0);
    if (got <= 0) break;
    n += (size_t)got;
  }
  answer[n] = 0;
  for (const char *at = answer; (at = strstr(at, "\"created\"")); at++) lines++;
  CHECK(lines == 20, "%d of 20 lines were answered", lines);
  int64_t from = mono_ms();
  stops();
  note("stopped after %lld ms", (long long)(mono_ms() - from));
  close(fd);
  buf_release(&head), buf_release(&line);
  CHECK(live_start(&now.live), "no start");
  all_there(1, 21, "afterwards");
}

/* ---- a reader that does not let go ---------------------------------------------------------------------------------------------------- */
static int64_t file_bytes(const char *path)
{
  struct stat st;
  return stat(path, &st) == 0 ? (int64_t)st.st_size : 0;
}

static void long_reader(void)
{
  sqlite3 *db;
  sqlite3_stmt *s;
  const char *wal = in_data("orderd.db-wal");
  int64_t most = 0, busy = 0, done = 0;
  int n = 1000;
  static bool told[20000];
  memset(told, 0, sizeof told);
  if (!CHECK(live_start(&now.live), "no start")) return;
  CHECK(lines_send(1, 200, 0, NULL).done == 200, "before");
  must(sqlite3_open_v2(in_data("orderd.db"), &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK);
  must(sqlite3_exec(db, "BEGIN", NULL, NULL, NULL) == SQLITE_OK);
  must(sqlite3_prepare_v2(db, "SELECT count(*) FROM orders", -1, &s, NULL) == SQLITE_OK);
  must(sqlite3_step(s) == SQLITE_ROW && sqlite3_column_int(s, 0) == 200);
  for (; !busy && n < 16000; n += 200) {
    struct lines l = lines_send(n, 200, 200, told + n);
    CHECK(l.status == 200 && !l.other && !l.full, "status %d, %d others, %d full", l.status, l.other, l.full);
    busy += l.busy, done += l.done;
    if (file_bytes(wal) > most) most = file_bytes(wal);
  }
  CHECK(most > WAL_LIMIT / 2, "the WAL has %lld bytes only: the drill sees nothing", (long long)most);
  CHECK(most <= WAL_LIMIT, "the WAL has %lld bytes", (long long)most);
  CHECK(busy, "nobody was told to wait");
  CHECK(order_ask(1) == 200, "reading does not go on");
  must(sqlite3_step(s) == SQLITE_DONE || sqlite3_column_int(s, 0) == 200);
  sqlite3_finalize(s), sqlite3_close(db);
  next_order = 900000;
  CHECK(waits_for(post_next, 201, 10000), "writing does not go on after the reader has left");
  struct lines l = lines_send(n, 200, 20, told + n);
  CHECK(l.done == 200, "%d of 200 afterwards", l.done);
  if (file_bytes(wal) > most) most = file_bytes(wal);
  CHECK(most <= WAL_LIMIT, "the WAL has %lld bytes afterwards", (long long)most);
  live_kill(&now.live);
  CHECK(live_start(&now.live), "no start with a long WAL");
  CHECK(now.live.ready_ms <= 2000, "ready after %lld ms", (long long)now.live.ready_ms);
  for (int i = 1000; i < n + 200; i += 7) CHECK(!told[i] || order_ask(i) == 200, "order %d was promised", i);
  whole("afterwards");
  note("%lld orders, %lld told to wait, WAL at most %lld MiB; ready %lld ms after a kill with it",
       (long long)done, (long long)busy, (long long)(most / MIB), (long long)now.live.ready_ms);
}

/* ---- little memory ------------------------------------------------------------------------------------------------------------------------ */
static int64_t status_kib(int pid, const char *key)
{
  size_t n;
  const char *text = file_read(&now.mem, arena_printf(&now.mem, "/proc/%d/status", pid), 65536, &n);
  const char *at = text ? strstr(text, key) : NULL;
  return at ? strtoll(at + strlen(key), NULL, 10) : -1;
}

static void little_memory(void)
{
  struct httpc_answer out = { 0 };
  struct buf big = { 0 };
  now.live.memory_max = 128 * MIB;
  if (!CHECK(live_start(&now.live), "no start with 128 MiB")) return;
  for (int i = 0; i < 5; i++) {
    struct lines l = lines_send(1 + i * 4000, 4000, 0, NULL);
    CHECK(l.status == 200 && l.done + l.busy == 4000, "status %d, %d done, %d busy", l.status, l.done,
          l.busy);
  }
  struct lines l = lines_send(100000, 200, 200, NULL);
  CHECK(l.status == 200 && l.done + l.busy == 200, "large: status %d, %d done", l.status, l.done);
  buf_str(&big, "{\"orders\":[");
  for (int i = 0; i < 60; i++) {
    if (i) buf_char(&big, ',');
    body_put(&big, 200000 + i, 250);
  }
  buf_str(&big, "]}");
  int status = live_call(&now.live, &now.mem, "POST", "/v1/orders", big.data, &out);
  CHECK(status == 207 || status == 503, "a batch of %zu bytes: %d", big.len, status);
  static const char *const asks[] = { "/v1/orders?limit=500", "/v1/orders?q=%E7%A4%BA%E4%BE%8B&limit=500",
                                      "/v1/events?limit=500", "/v1/groups?limit=500", "/metrics" };
  for (int i = 0; i < 20; i++) {
    status = live_call(&now.live, &now.mem, "GET", asks[(size_t)i % COUNT(asks)], NULL, &out);
    CHECK(status == 200 || status == 503, "%s: %d", asks[(size_t)i % COUNT(asks)], status);
  }
  int64_t peak = status_kib(now.live.pid, "VmHWM:"), is = status_kib(now.live.pid, "VmRSS:");
  CHECK(!live_ended(&now.live, 0), "it ended with %d: %s", live_exit(&now.live),
        live_said(&now.live, &now.mem));
  CHECK(peak < 128 * 1024, "%lld KiB at most", (long long)peak);
  buf_release(&big);
  stops();
  note("20,200 orders and a batch of 4 MB with RLIMIT_DATA of 128 MiB: at most %lld MiB, %lld MiB at the end",
       (long long)peak / 1024, (long long)is / 1024);
}

/* ---- the log ---------------------------------------------------------------------------------------------------------------------------------- */
/* Standard error is full: the server answers as ever. It cannot say its port, so it gets one. */
static void log_full(void)
{
  now.live.log = "/dev/full";
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in at = { .sin_family = AF_INET };
  socklen_t n = sizeof at;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  must(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0 &&
       getsockname(fd, (struct sockaddr *)&at, &n) == 0);
  close(fd);
  now.live.port = ntohs(at.sin_port);
  live_spawn(&now.live);
  CHECK(live_ready(&now.live, 5000) && live_token(&now.live, 3000), "no start without a log");
  CHECK(order_send(1, &(struct httpc_answer){ 0 }) == 201, "no order without a log");
  stops();
}

/* ---- kills of what takes long -------------------------------------------------------------------------------------------------------------------- */
static void backup_killed(void)
{
  const char *to = arena_printf(&now.mem, "%s/copy.db", now.dir), *said;
  int there = 0, killed = 0;
  if (!CHECK(live_start(&now.live), "no start")) return;
  CHECK(lines_send(1, 4000, 0, NULL).done == 4000, "before");
  for (int i = 0; i < 12; i++) {
    int status;
    unlink(to);
    int pid = live_run_pid(&now.live, &now.mem, "backup", to, NULL);
    usleep((useconds_t)(crash_random(&now.seed) % 120000));
    if (i % 3 == 2) live_kill(&now.live); /* the server, which does the work */
    else kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    killed += !WIFEXITED(status) || WEXITSTATUS(status);
    if (i % 3 == 2) CHECK(live_start(&now.live), "no start");
    poll(NULL, 0, 150); /* the server may still finish it */
    if (access(to, F_OK) != 0) continue;
    there++;
    status = live_run(&now.live, &now.mem, &said, "check", to, NULL);
    CHECK(status == 0, "a backup that was broken off passes for one: %s", said);
  }
  unlink(to);
  CHECK(live_run(&now.live, &now.mem, &said, "backup", to, NULL) == 0, "no backup any more: %s", said);
  CHECK(live_run(&now.live, &now.mem, &said, "check", to, NULL) == 0, "%s", said);
  note("12 tries, %d broken off, %d whole copies", killed, there);
}

/* Whenever it is broken off: what was there, what is restored, or a sentence; and once more makes it good. */
static void restore_killed(void)
{
  const char *backup = arena_printf(&now.mem, "%s/copy.db", now.dir), *said;
  int old = 0, new = 0, neither = 0;
  made_once(2000);
  CHECK(live_run(&now.live, &now.mem, &said, "backup", backup, NULL) == 0, "%s", said);
  made_once(2500);
  for (int i = 0; i < 16; i++) {
    int status;
    int pid = live_run_pid(&now.live, &now.mem, "restore", backup, "--force", NULL);
    usleep((useconds_t)(crash_random(&now.seed) % 50000));
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    live_spawn(&now.live);
    if (live_ready(&now.live, 5000)) {
      int64_t n = counted("orders");
      CHECK(n == 2000 || n == 2500, "%lld orders", (long long)n);
      old += n == 2500, new += n == 2000;
      whole("after a restore that was broken off");
    } else {
      CHECK(strstr(live_said(&now.live, &now.mem), "restore"), "%s", live_said(&now.live, &now.mem));
      neither++;
    }
    live_kill(&now.live);
    status = live_run(&now.live, &now.mem, &said, "restore", backup, "--force", NULL);
    CHECK(status == 0, "exit %d: %s", status, said);
    if (!CHECK(live_start(&now.live), "no start")) return;
    CHECK(counted("orders") == 2000, "%lld orders", (long long)counted("orders"));
    live_kill(&now.live); /* with a WAL of its own, which the next restore must not mix up with another */
    made_once(2500);
  }
  note("16 kills: %d times the old, %d times the restored, %d times a sentence", old, new, neither);
}

static void import_killed(void)
{
  struct buf rows = { 0 };
  const char *path = arena_printf(&now.mem, "%s/rows.ndjson", now.dir), *said;
  int status = 1, tries = 0, kills = 0;
  for (int i = 1; i <= 10000; i++) body_put(&rows, i, 0), buf_char(&rows, '\n');
  must(file_write(path, rows.data, rows.len, 0600));
  buf_release(&rows);
  if (!CHECK(live_start(&now.live), "no start")) return;
  for (; tries < 12 && kills < 6; tries++) {
    int pid = live_run_pid(&now.live, &now.mem, "import", path, "--channel", "drill", NULL);
    usleep((useconds_t)(crash_random(&now.seed) % 400000));
    if (tries % 2) live_kill(&now.live), kills++;
    else kill(pid, SIGKILL), kills++;
    waitpid(pid, &status, 0);
    if (tries % 2) CHECK(live_start(&now.live), "no start");
  }
  status = live_run(&now.live, &now.mem, &said, "import", path, "--channel", "drill", NULL);
  CHECK(status == 0, "the import ends with %d: %.400s", status, said);
  int64_t until = mono_ms() + 20000;
  while (counted("pending") > 0 && mono_ms() < until) poll(NULL, 0, 50);
  CHECK(counted("orders") == 10000, "%lld orders of 10,000 rows", (long long)counted("orders"));
  whole("afterwards");
  note("%d kills, then once more: each of 10,000 rows once", kills);
}

/* ---- the program ------------------------------------------------------------------------------------------------------------------------------------ */
static const struct drill {
  const char *name;
  void (*run)(void);
} drill_table[] = {
  { "two processes on one directory", two_processes },
  { "disk nearly full", disk_nearly_full },
  { "disk full at once", disk_full_at_once },
  { "read-only file system", read_only },
  { "no permission", no_permission },
  { "file of a newer orderd", newer_file },
  { "file of something else", other_file },
  { "file that is missing", missing_file },
  { "damaged file", damaged_file },
  { "file cut in half", cut_file },
  { "stop with a sleeping client", stop_with_sleeper },
  { "reader that does not let go", long_reader },
  { "128 MiB of memory", little_memory },
  { "log that cannot be written", log_full },
  { "backup killed", backup_killed },
  { "restore killed", restore_killed },
  { "import killed", import_killed },
};

static bool wanted(const char *name, int argc, char **argv)
{
  bool any = false;
  for (int i = 1; i < argc; i++) {
    if (!strcmp(argv[i], "--slice")) continue;
    if (!strcmp(argv[i], "--seconds")) {
      i++;
      continue;
    }
    if (strstr(name, argv[i])) return true;
    any = true;
  }
  return !any;
}

static bool drill_run(const struct drill *d)
{
  int64_t from = mono_ms(), before = now.failures;
  now.name = d->name, now.left_out = NULL, now.note[0] = 0;
  now.dir = live_scratch(&now.mem, "drill");
  live_init(&now.live, &now.mem, now.dir);
  d->run();
  live_kill(&now.live);
  if (now.mounts) room_remove();
  bool ok = now.failures == before;
  const char *how = !ok ? "FAILED" : now.left_out ? "left out" : "ok";
  const char *more = now.left_out ? now.left_out : now.note;
  printf("drill: %-30s %s, %.1f s%s%s\n", d->name, how, (double)(mono_ms() - from) / 1000, *more ? ": " : "",
         more);
  fflush(stdout);
  if (ok) live_scratch_remove(now.dir);
  else fprintf(stderr, "the directory stays: %s\n", now.dir);
  arena_release(&now.mem);
  return ok;
}

int main(int argc, char **argv)
{
  int passed = 0, failed_n = 0;
  signal(SIGPIPE, SIG_IGN);
  log_open(LOG_ERROR, false);
  now.seed = 1;
  now.mounts = names_own();
  for (size_t i = 0; i < COUNT(drill_table); i++) {
    if (!wanted(drill_table[i].name, argc, argv)) continue;
    bool ok = drill_run(&drill_table[i]);
    if (!ok) failed_n++;
    else if (!now.left_out) passed++;
  }
  printf("%d passed, %d failed\n", passed, failed_n);
  return failed_n != 0;
}
