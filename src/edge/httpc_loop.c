/* httpc_loop.c: libcurl's multi interface on the libuv loop. No redirects, no proxy, no cookies, http and https only, and
 * smtp for mail; every call has an end in time and in bytes. */
#include "edge.h"
#include <curl/curl.h>
#include <sys/socket.h>
#include <uv.h>

struct fetcher {
  uv_loop_t *loop;
  CURLM *multi;
  uv_timer_t timer;
  int handles; /* not yet closed */
  bool closing;
};

struct socket {
  uv_poll_t poll;
  struct fetcher *owner;
  curl_socket_t fd;
};

struct transfer {
  struct fetch *call;
  struct fetcher *owner;
  CURL *easy;
  struct curl_slist *headers;
  struct buf body;
  struct http_field field[HTTP_FIELDS_MAX];
  size_t fields, head;
  const char *gave_up;
  bool is_private, head_over;
  struct curl_slist *receivers; /* of a mail */
  size_t mailed;                /* so many bytes of it were read */
  struct buf said;              /* the server's last line */
  int64_t since_ms;
  char error[CURL_ERROR_SIZE];
};

/* ---- what comes back ------------------------------------------------------------------------------------------ */
static bool is_blank(char ch)
{
  return ch == ' ' || ch == '\t' || ch == '\r' || ch == '\n';
}

static size_t on_header(char *s, size_t size, size_t n, void *arg)
{
  struct transfer *t = arg;
  (void)size;
  const char *colon = memchr(s, ':', n), *end = s + n;
  t->head += n;
  if (t->head > FETCH_HEAD_MAX) {
    t->gave_up = "the head of the answer is longer than is taken";
    return 0;
  }
  if (n <= 2) t->head_over = true;
  if (n > 5 && !memcmp(s, "HTTP/", 5)) {
    t->fields = 0, t->head_over = false;
    return n;
  }
  if (!colon || t->fields == HTTP_FIELDS_MAX) return n;
  char *name = arena_strn(&t->call->mem, s, (size_t)(colon - s));
  for (char *c = name; *c; c++)
    if (*c >= 'A' && *c <= 'Z') *c = (char)(*c + 32);
  const char *value = colon + 1;
  while (value < end && is_blank(*value)) value++;
  while (value < end && is_blank(end[-1])) end--;
  t->field[t->fields++] =
    (struct http_field){ name, arena_strn(&t->call->mem, value, (size_t)(end - value)) };
  return n;
}

/* ---- mail: the method MAIL; the answer is {"code","line"} of its last word ----------------------- */
static bool is_mail(const struct fetch *f)
{
  return !strcmp(f->method, "MAIL");
}

static const char *envelope(const struct fetch *f, const char *name)
{
  for (size_t i = 0; i < f->headers; i++)
    if (!strcmp(f->header[i].name, name)) return f->header[i].value;
  return NULL;
}

static size_t on_said(char *s, size_t size, size_t all, void *arg)
{
  struct transfer *t = arg;
  size_t n = all;
  (void)size;
  if (n >= 3 && !memcmp(s, "221", 3)) return all; /* its goodbye is no answer */
  while (n && is_blank(s[n - 1])) n--;
  t->said.len = 0;
  buf_put(&t->said, s, n < 500 ? n : 500);
  return all;
}

static size_t on_mail(char *to, size_t size, size_t n, void *arg)
{
  struct transfer *t = arg;
  size_t left = t->call->body_n - t->mailed, take = left < size * n ? left : size * n;
  memcpy(to, t->call->body + t->mailed, take);
  t->mailed += take;
  return take;
}

static bool is_loopback(const char *url)
{
  const char *host = strstr(url, "://");
  host = host ? host + 3 : url;
  return !strncmp(host, "127.", 4) || !strncmp(host, "[::1]", 5) || !strncmp(host, "localhost", 9);
}

/* "a@example.com, b@example.com" */
static void receivers_add(struct transfer *t, const char *list)
{
  struct buf one = { 0 };
  for (const char *p = list; p && *p;) {
    p += strspn(p, ", ");
    size_t n = strcspn(p, ", ");
    one.len = 0;
    if (n) buf_printf(&one, "<%.*s>", (int)n, p), t->receivers = curl_slist_append(t->receivers, one.data);
    p += n;
  }
  buf_release(&one);
}

static void mail_set(struct transfer *t)
{
  const struct fetch *f = t->call;
  const char *user = envelope(f, "mail-user"), *password = envelope(f, "mail-password"),
             *from = envelope(f, "mail-from");
  CURL *e = t->easy;
  bool must_hide = (user || password) && !is_loopback(f->url);
  curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
  curl_easy_setopt(e, CURLOPT_USE_SSL, must_hide ? (long)CURLUSESSL_ALL : (long)CURLUSESSL_TRY);
  if (user) curl_easy_setopt(e, CURLOPT_USERNAME, user);
  if (password) curl_easy_setopt(e, CURLOPT_PASSWORD, password);
  receivers_add(t, envelope(f, "mail-to"));
  curl_easy_setopt(e, CURLOPT_MAIL_FROM, from ? from : "");
  curl_easy_setopt(e, CURLOPT_MAIL_RCPT, t->receivers);
  curl_easy_setopt(e, CURLOPT_UPLOAD, 1l);
  curl_easy_setopt(e, CURLOPT_READFUNCTION, on_mail);
  curl_easy_setopt(e, CURLOPT_READDATA, t);
  curl_easy_setopt(e, CURLOPT_INFILESIZE_LARGE, (curl_off_t)f->body_n);
  curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_said);
}

static size_t on_body(char *s, size_t size, size_t n, void *arg)
{
  struct transfer *t = arg;
  (void)size;
  if (t->body.len + n > t->call->answer_max) {
    t->gave_up = "the answer is longer than is taken";
    return CURL_WRITEFUNC_ERROR;
  }
  buf_put(&t->body, s, n);
  return n;
}

/* ---- one call ---------------------------------------------------------------------------------------------------- */
static void transfer_free(struct transfer *t)
{
  t->call->transfer = NULL;
  curl_multi_remove_handle(t->owner->multi, t->easy);
  curl_easy_cleanup(t->easy);
  curl_slist_free_all(t->headers), curl_slist_free_all(t->receivers);
  buf_release(&t->body), buf_release(&t->said);
  mem_free(t);
}

static const char *field_of(const struct transfer *t, const char *name)
{
  for (size_t i = 0; i < t->fields; i++)
    if (!strcmp(t->field[i].name, name)) return t->field[i].value;
  return NULL;
}

/* A server that says no has answered, whatever step it was. */
static bool mail_end(struct transfer *t, CURLcode code, long status)
{
  struct fetch *f = t->call;
  if (!is_mail(f)) return false;
  f->sent = t->mailed > 0;
  if (code != CURLE_OK && (status < 400 || t->gave_up || code == CURLE_OPERATION_TIMEDOUT)) return false;
  f->status = (int)status;
  struct buf b = { 0 };
  struct jw w;
  for (size_t i = 0; i < t->said.len; i++)
    if (t->said.data[i] < ' ' || t->said.data[i] > '~') t->said.data[i] = '?';
  jw_init(&w, &b), jw_object(&w), jw_kint(&w, "code", status);
  jw_kstring(&w, "line", t->said.len ? t->said.data : ""), jw_object_end(&w);
  f->answer = arena_strn(&f->mem, b.data, b.len), f->answer_n = b.len;
  buf_release(&b);
  return true;
}

static void transfer_end(struct transfer *t, CURLcode code)
{
  struct fetch *f = t->call;
  long status = 0, bytes = 0;
  curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(t->easy, CURLINFO_REQUEST_SIZE, &bytes);
  f->sent = bytes > 0;
  f->took_ms = mono_ms() - t->since_ms;
  if (mail_end(t, code, status)) {
  } else if (code == CURLE_OK) {
    const char *date = field_of(t, "date");
    time_t s = date ? curl_getdate(date, NULL) : -1;
    f->status = (int)status;
    f->date_ms = s > 0 ? (int64_t)s * 1000 : 0;
    f->fields = t->fields;
    f->field = arena_array(&f->mem, struct http_field, t->fields + 1);
    memcpy(f->field, t->field, t->fields * sizeof *t->field);
    f->answer = arena_strn(&f->mem, t->body.data ? t->body.data : "", t->body.len);
    f->answer_n = t->body.len;
  } else {
    const char *why = t->gave_up ? t->gave_up : *t->error ? t->error : curl_easy_strerror(code);
    f->status = 0, f->why = arena_str(&f->mem, why);
    f->head_status = t->head_over ? (int)status : 0, f->is_private = t->is_private,
    f->is_late = code == CURLE_OPERATION_TIMEDOUT;
  }
  transfer_free(t);
  f->done(f);
}

/* ---- where to: the address that is really connected to decides, not the one that was looked up before ------------ */
#define NOT_PUBLIC "its address is not public, and [outbox] allow does not name the host"

static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
  struct transfer *t = arg;
  (void)purpose;
  if (addr_is_public(&a->addr)) return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
  t->is_private = true, t->gave_up = NOT_PUBLIC;
  return CURL_SOCKET_BAD;
}

/* Also of a connection that is used again. */
static int on_connected(void *arg, char *address, char *own, int port, int own_port)
{
  struct transfer *t = arg;
  (void)own, (void)port, (void)own_port;
  if (addr_text_is_public(address)) return CURL_PREREQFUNC_OK;
  t->is_private = true, t->gave_up = NOT_PUBLIC;
  return CURL_PREREQFUNC_ABORT;
}

static void public_only(struct transfer *t)
{
  curl_easy_setopt(t->easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
  curl_easy_setopt(t->easy, CURLOPT_OPENSOCKETDATA, t);
  curl_easy_setopt(t->easy, CURLOPT_PREREQFUNCTION, on_connected);
  curl_easy_setopt(t->easy, CURLOPT_PREREQDATA, t);
}

static void reap(struct fetcher *f)
{
  CURLMsg *m;
  int left;
  while (!f->closing && (m = curl_multi_info_read(f->multi, &left))) {
    struct transfer *t = NULL;
    if (m->msg != CURLMSG_DONE) continue;
    CURLcode code = m->data.result;
    curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t);
    transfer_end(t, code);
  }
}

static void headers_set(struct transfer *t)
{
  const struct fetch *f = t->call;
  struct buf line = { 0 };
  t->headers = curl_slist_append(t->headers, "Expect:");
  for (size_t i = 0; i < f->headers; i++) {
    line.len = 0;
    buf_printf(&line, *f->header[i].value ? "%s: %s" : "%s;", f->header[i].name, f->header[i].value);
    t->headers = curl_slist_append(t->headers, line.data);
  }
  if (f->body && f->content_type) {
    line.len = 0;
    buf_printf(&line, "Content-Type: %s", f->content_type);
    t->headers = curl_slist_append(t->headers, line.data);
  }
  buf_release(&line);
  must(t->headers);
  curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
}

void fetch_start(struct fetcher *f, struct fetch *call)
{
  struct transfer *t = mem_new(sizeof *t);
  must(!call->transfer && call->done && !f->closing);
  call->transfer = t;
  t->call = call, t->owner = f, t->since_ms = mono_ms();
  CURL *e = t->easy = curl_easy_init();
  must(e);
  curl_easy_setopt(e, CURLOPT_PRIVATE, t);
  curl_easy_setopt(e, CURLOPT_URL, call->url);
  curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(e, CURLOPT_PROXY, "");
  curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1l);
  curl_easy_setopt(e, CURLOPT_USERAGENT, "orderd");
  curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->error);
  curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)FETCH_CONNECT_MS);
  curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)call->timeout_ms);
  curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(e, CURLOPT_HEADERDATA, t);
  curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
  if (call->alone) curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, 1l);
  if (call->public_only) public_only(t);
  if (is_mail(call)) {
    mail_set(t);
    must(curl_multi_add_handle(f->multi, e) == CURLM_OK);
    return;
  }
  if (call->body) {
    curl_easy_setopt(e, CURLOPT_POSTFIELDS, call->body);
    curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body_n);
  }
  curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, call->method);
  headers_set(t);
  must(curl_multi_add_handle(f->multi, e) == CURLM_OK);
}

void fetch_stop(struct fetcher *f, struct fetch *call)
{
  (void)f;
  if (call->transfer) transfer_free(call->transfer);
}

/* ---- the library's sockets and its timer on our loop ------------------------------------------------------------------ */
static void on_timer(uv_timer_t *timer)
{
  struct fetcher *f = timer->data;
  int running;
  curl_multi_socket_action(f->multi, CURL_SOCKET_TIMEOUT, 0, &running);
  reap(f);
}

static int timer_wanted(CURLM *m, long ms, void *arg)
{
  struct fetcher *f = arg;
  (void)m;
  if (f->closing) return 0;
  if (ms < 0) uv_timer_stop(&f->timer);
  else uv_timer_start(&f->timer, on_timer, (uint64_t)ms, 0);
  return 0;
}

static void on_socket(uv_poll_t *poll, int status, int events)
{
  struct socket *s = poll->data;
  struct fetcher *f = s->owner;
  int flags = status < 0 ? CURL_CSELECT_ERR : 0, running;
  if (events & UV_READABLE) flags |= CURL_CSELECT_IN;
  if (events & UV_WRITABLE) flags |= CURL_CSELECT_OUT;
  curl_multi_socket_action(f->multi, s->fd, flags, &running);
  reap(f);
}

static void fetcher_unref(struct fetcher *f)
{
  if (--f->handles == 0 && f->closing) mem_free(f);
}

static void socket_closed(uv_handle_t *h)
{
  struct socket *s = h->data;
  fetcher_unref(s->owner);
  mem_free(s);
}

static int socket_wanted(CURL *e, curl_socket_t fd, int what, void *arg, void *known)
{
  struct fetcher *f = arg;
  struct socket *s = known;
  (void)e;
  if (what == CURL_POLL_REMOVE) {
    if (!s) return 0;
    uv_poll_stop(&s->poll);
    uv_close((uv_handle_t *)&s->poll, socket_closed);
    curl_multi_assign(f->multi, fd, NULL);
    return 0;
  }
  if (!s) {
    s = mem_new(sizeof *s);
    s->owner = f, s->fd = fd, s->poll.data = s;
    must(!uv_poll_init_socket(f->loop, &s->poll, fd));
    f->handles++;
    curl_multi_assign(f->multi, fd, s);
  }
  int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
  uv_poll_start(&s->poll, events, on_socket);
  return 0;
}

static void timer_closed(uv_handle_t *h)
{
  fetcher_unref(h->data);
}

struct fetcher *fetcher_open(struct uv_loop_s *loop)
{
  struct fetcher *f = mem_new(sizeof *f);
  must(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
  f->loop = loop;
  f->multi = curl_multi_init();
  must(f->multi);
  uv_timer_init(loop, &f->timer);
  f->timer.data = f, f->handles = 1;
  curl_multi_setopt(f->multi, CURLMOPT_SOCKETFUNCTION, socket_wanted);
  curl_multi_setopt(f->multi, CURLMOPT_SOCKETDATA, f);
  curl_multi_setopt(f->multi, CURLMOPT_TIMERFUNCTION, timer_wanted);
  curl_multi_setopt(f->multi, CURLMOPT_TIMERDATA, f);
  curl_multi_setopt(f->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)FETCH_AT_ONCE);
  return f;
}

void fetcher_at_once(struct fetcher *f, int most)
{
  curl_multi_setopt(f->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)most);
}

void fetcher_close(struct fetcher *f)
{
  f->closing = true;
  curl_multi_cleanup(f->multi); /* closes its connections, which takes their handles off the loop */
  uv_close((uv_handle_t *)&f->timer, timer_closed);
}
