/* httpd_addr.c: where to listen, and who is calling. */
#include "edge.h"
#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

bool http_unix_clear(struct arena *a, const char *path, const char **why)
{
  struct sockaddr_un un = { .sun_family = AF_UNIX };
  struct stat st;
  if (!*path || strlen(path) >= sizeof un.sun_path) {
    *why = arena_printf(a, "%s: the path of a Unix socket has 1 to %zu bytes", path, sizeof un.sun_path - 1);
    return false;
  }
  memcpy(un.sun_path, path, strlen(path) + 1);
  if (lstat(path, &st)) return true;
  if (!S_ISSOCK(st.st_mode)) {
    *why = arena_printf(a, "%s: is there and no socket", path);
    return false;
  }
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  bool answers = fd < 0 || connect(fd, (struct sockaddr *)&un, sizeof un) == 0 || errno == EAGAIN;
  if (fd >= 0) close(fd);
  if (answers) *why = arena_printf(a, "%s: another process listens there", path);
  else if (unlink(path) && errno != ENOENT) *why = arena_printf(a, "%s: %s", path, strerror(errno));
  else return true;
  return false;
}

/* ":7700" to 7700; -1 */
static int port_parse(const char *s)
{
  int port = 0;
  if (*s++ != ':') return -1;
  size_t digits = strspn(s, "0123456789");
  if (!digits || digits > 5 || s[digits]) return -1;
  for (; *s; s++) port = port * 10 + (*s - '0');
  return port <= 65535 ? port : -1;
}

bool http_addr_parse(const char *where, struct sockaddr_storage *out)
{
  char host[INET6_ADDRSTRLEN];
  bool is_v6 = *where == '[';
  const char *begin = where + is_v6, *end = strchr(where, is_v6 ? ']' : ':');
  if (!end || (size_t)(end - begin) >= sizeof host) return false;
  memcpy(host, begin, (size_t)(end - begin)), host[end - begin] = 0;
  int port = port_parse(end + is_v6);
  if (port < 0) return false;
  *out = (struct sockaddr_storage){ .ss_family = is_v6 ? AF_INET6 : AF_INET };
  struct sockaddr_in *v4 = (struct sockaddr_in *)out;
  struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
  if (is_v6) v6->sin6_port = htons((uint16_t)port);
  else v4->sin_port = htons((uint16_t)port);
  return inet_pton(out->ss_family, host, is_v6 ? (void *)&v6->sin6_addr : (void *)&v4->sin_addr) == 1;
}

static void peer_v4(const void *addr, struct http_peer *out)
{
  memcpy(out->key, addr, 4);
  out->is_loopback = out->key[0] == 127;
  inet_ntop(AF_INET, addr, out->text, sizeof out->text);
}

void http_peer(const struct sockaddr *a, struct http_peer *out)
{
  *out = (struct http_peer){ .text = "unknown" };
  if (a->sa_family == AF_INET) {
    peer_v4(&((const struct sockaddr_in *)a)->sin_addr, out);
  } else if (a->sa_family == AF_INET6) {
    const struct in6_addr *v6 = &((const struct sockaddr_in6 *)a)->sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(v6)) {
      peer_v4(v6->s6_addr + 12, out);
      return;
    }
    out->is_loopback = IN6_IS_ADDR_LOOPBACK(v6);
    memcpy(out->key, v6->s6_addr, 8), out->key[15] = 6;
    inet_ntop(AF_INET6, v6, out->text, sizeof out->text);
  }
}
