/* httpc.c: one HTTP call that blocks until its answer is there. The command line talks to a serving orderd with it. */
#include "edge.h"
#include <curl/curl.h>
#include <pthread.h>

struct transfer {
  const struct httpc_call *call;
  struct httpc_answer *out;
  struct arena *mem;
  CURL *easy;
  struct curl_slist *headers;
  struct buf body;
  struct http_field field[HTTP_FIELDS_MAX];
  size_t field_n;
  const char *gave_up; /* why a callback ended the call */
  char error[CURL_ERROR_SIZE];
};

static void curl_start(void)
{
  must(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
}

static char *lower_text(struct arena *a, const char *s, size_t n)
{
  char *t = arena_strn(a, s, n);
  for (char *c = t; *c; c++)
    if (*c >= 'A' && *c <= 'Z') *c = (char)(*c + 32);
  return t;
}

static bool is_blank(char ch)
{
  return ch == ' ' || ch == '\t' || ch == '\r' || ch == '\n';
}

/* One header line. A status line begins anew: before the answer there may be 100 Continue. */
static size_t on_header(char *s, size_t size, size_t n, void *arg)
{
  struct transfer *t = arg;
  (void)size;
  const char *colon = memchr(s, ':', n), *end = s + n;
  if (n > 5 && !memcmp(s, "HTTP/", 5)) t->field_n = 0;
  else if (colon && t->field_n < HTTP_FIELDS_MAX) {
    const char *value = colon + 1;
    while (value < end && is_blank(*value)) value++;
    while (value < end && is_blank(end[-1])) end--;
    t->field[t->field_n++] = (struct http_field){ lower_text(t->mem, s, (size_t)(colon - s)),
                                                  arena_strn(t->mem, value, (size_t)(end - value)) };
  }
  return n;
}

static size_t give_up(struct transfer *t, const char *why)
{
  t->gave_up = why;
  return CURL_WRITEFUNC_ERROR;
}

static size_t on_answer(char *s, size_t size, size_t n, void *arg)
{
  struct transfer *t = arg;
  long status = 0;
  (void)size;
  curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
  if (t->call->answer_write && status / 100 == 2)
    return t->call->answer_write(t->call->arg, s, n) ? n : give_up(t, "stopped");
  if (t->body.len + n > HTTPC_ANSWER_MAX) return give_up(t, "the answer is too long");
  buf_put(&t->body, s, n);
  return n;
}

static size_t on_body(char *s, size_t size, size_t n, void *arg)
{
  struct transfer *t = arg;
  int64_t got = t->call->body_read(t->call->arg, s, size * n);
  if (got >= 0) return (size_t)got;
  t->gave_up = "stopped";
  return CURL_READFUNC_ABORT;
}

static void set_headers(struct transfer *t)
{
  bool typed = false;
  for (size_t i = 0; i < t->call->headers_n; i++) {
    const struct http_field *f = &t->call->headers[i];
    typed = typed || !strcasecmp(f->name, "content-type");
    t->headers =
      curl_slist_append(t->headers, arena_printf(t->mem, *f->value ? "%s: %s" : "%s;%s", f->name, f->value));
  }
  if (!typed) t->headers = curl_slist_append(t->headers, "Content-Type:"); /* curl would say it is a form */
  curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
}

static void set_body(struct transfer *t)
{
  const struct httpc_call *call = t->call;
  if (call->body_read) {
    curl_easy_setopt(t->easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(t->easy, CURLOPT_READFUNCTION, on_body);
    curl_easy_setopt(t->easy, CURLOPT_READDATA, t);
  } else if (call->body || !strcmp(call->method, "POST")) {
    curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body_n);
    curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, call->body ? call->body : "");
  } else if (!strcmp(call->method, "HEAD")) {
    curl_easy_setopt(t->easy, CURLOPT_NOBODY, 1L);
  }
  curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, call->method);
}

static void set_all(struct transfer *t)
{
  const struct httpc_call *call = t->call;
  const char *base = call->socket_path ? "http://localhost" : call->base;
  curl_easy_setopt(t->easy, CURLOPT_URL, arena_printf(t->mem, "%s%s", base, call->path));
  if (call->socket_path) curl_easy_setopt(t->easy, CURLOPT_UNIX_SOCKET_PATH, call->socket_path);
  curl_easy_setopt(t->easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(t->easy, CURLOPT_PROXY, "");
  curl_easy_setopt(t->easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(t->easy, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(t->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(t->easy, CURLOPT_CONNECTTIMEOUT_MS, 5000L);
  if (call->timeout_ms) curl_easy_setopt(t->easy, CURLOPT_TIMEOUT_MS, (long)call->timeout_ms);
  curl_easy_setopt(t->easy, CURLOPT_ERRORBUFFER, t->error);
  curl_easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(t->easy, CURLOPT_HEADERDATA, t);
  curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, on_answer);
  curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
  set_body(t);
  set_headers(t);
}

static void take_answer(struct transfer *t)
{
  long status = 0;
  struct httpc_answer *out = t->out;
  curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
  out->status = (int)status;
  out->field = arena_array(t->mem, struct http_field, t->field_n);
  out->field_n = t->field_n;
  if (t->field_n) memcpy(out->field, t->field, t->field_n * sizeof *t->field);
  for (size_t i = 0; i < out->field_n; i++)
    if (!strcmp(out->field[i].name, "content-type")) out->type = out->field[i].value;
  out->body = arena_strn(t->mem, t->body.data, t->body.len);
  out->body_n = t->body.len;
}

int httpc_run(struct arena *a, const struct httpc_call *call, struct httpc_answer *out)
{
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, curl_start);
  *out = (struct httpc_answer){ .status = -1, .type = "", .body = "" };
  struct transfer *t = mem_new(sizeof *t);
  t->call = call, t->out = out, t->mem = a;
  t->easy = curl_easy_init();
  must(t->easy);
  set_all(t);
  CURLcode e = curl_easy_perform(t->easy);
  if (e == CURLE_OK) {
    take_answer(t);
  } else {
    out->absent = e == CURLE_COULDNT_CONNECT;
    out->why = arena_str(a, t->gave_up ? t->gave_up : *t->error ? t->error : curl_easy_strerror(e));
  }
  curl_easy_cleanup(t->easy);
  curl_slist_free_all(t->headers);
  buf_release(&t->body);
  mem_free(t);
  return out->status;
}

int httpc_unix(struct arena *a, const char *socket_path, const char *method, const char *path,
               const struct http_field *headers, size_t n, const void *body, size_t body_n,
               struct httpc_answer *out)
{
  struct httpc_call call = {
    .socket_path = socket_path,
    .method = method,
    .path = path,
    .headers = headers,
    .headers_n = n,
    .body = body,
    .body_n = body_n,
  };
  return httpc_run(a, &call, out);
}
