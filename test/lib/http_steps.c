/* http_steps.c: see http_steps.h. */
#include "http_steps.h"

struct steps {
  struct http_parser *parser;
  struct http_request r;
  struct buf *out, wait, body; /* wait: arrived and not used */
  size_t wait_at;
  bool keep_alive, stopped;
};

static void put_fields(struct buf *out, const char *what, const struct http_field *field, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    must(strlen(field[i].name) < HTTP_LINE_MAX + HTTP_HEADERS_MAX);
    buf_printf(out, " %s[%s]=[%s]", what, field[i].name, field[i].value);
  }
}

/* What the parser promises of a head, whatever the bytes were. */
static void check_head(const struct http_request *r)
{
  must(r->path[0] == '/' && !strchr(r->path, '\\') && !strstr(r->path, "//") && !strchr(r->path, ';'));
  for (const char *s = r->path; (s = strchr(s, '/')); s++)
    must(strncmp(s, "/../", 4) && strncmp(s, "/./", 3) && strcmp(s, "/..") && strcmp(s, "/."));
  must(utf8_valid(r->path, strlen(r->path)));
  must(r->field_n <= HTTP_FIELDS_MAX && r->query_n <= 64 && r->host && *r->host);
  for (size_t i = 0; i < r->field_n; i++)
    must(utf8_valid(r->field[i].value, strlen(r->field[i].value)) && !strpbrk(r->field[i].value, "\r\n"));
}

static void on_head(struct steps *t)
{
  const struct http_message *m = http_parser_message(t->parser);
  check_head(&t->r);
  t->keep_alive = m->keep_alive;
  must(!(m->chunked && m->length));
  buf_printf(t->out, "HEAD %s %s keep=%d chunked=%d length=%llu", t->r.method, t->r.path, m->keep_alive,
             m->chunked, (unsigned long long)m->length);
  put_fields(t->out, "q", t->r.query, t->r.query_n);
  put_fields(t->out, "f", t->r.field, t->r.field_n);
  buf_char(t->out, '\n');
  http_parser_limit(t->parser, strcmp(t->r.path, "/small") ? 4096 : 16);
}

static void on_end(struct steps *t)
{
  buf_str(t->out, "BODY ");
  if (t->body.len) buf_put(t->out, t->body.data, t->body.len);
  buf_char(t->out, '\n');
  t->body.len = 0;
  arena_reset(&t->r.mem);
  t->stopped = !t->keep_alive;
}

static bool step(struct steps *t, const char *s, size_t n, size_t *used)
{
  const struct http_message *m = http_parser_message(t->parser);
  enum http_step k = http_parse(t->parser, &t->r, s, n, used);
  must(*used <= n);
  if (k == HTTP_STEP_HEAD) on_head(t);
  else if (k == HTTP_STEP_DATA) must(m->data_n), buf_put(&t->body, m->data, m->data_n);
  else if (k == HTTP_STEP_END) on_end(t);
  else if (k == HTTP_STEP_BAD) {
    must(m->status >= 400 && m->status <= 599 && m->code && m->detail);
    buf_printf(t->out, "BAD %d\n", m->status);
    t->stopped = true;
  }
  return k != HTTP_STEP_MORE && !t->stopped;
}

/* The waiting bytes are shown in a block of just their size, so that a look behind them is found. */
static void feed(struct steps *t, const char *s, size_t n)
{
  buf_put(&t->wait, s, n);
  size_t len = t->wait.len - t->wait_at, at = 0;
  char *exact = mem_new(len);
  memcpy(exact, t->wait.data + t->wait_at, len);
  for (bool more = !t->stopped; more;) {
    size_t used = 0;
    more = step(t, exact + at, len - at, &used);
    at += used;
  }
  t->wait_at += at;
  mem_free(exact);
}

void http_steps(struct buf *out, const char *s, size_t n, const size_t *cut, size_t cuts)
{
  static const char *const hosts[] = { "orders.example.com" };
  struct steps t = { .parser = http_parser_new(hosts, COUNT(hosts)), .out = out };
  size_t from = 0;
  for (size_t i = 0; i < cuts; i++) {
    must(cut[i] >= from && cut[i] <= n);
    feed(&t, s + from, cut[i] - from);
    from = cut[i];
  }
  feed(&t, s + from, n - from);
  http_parser_free(t.parser);
  arena_release(&t.r.mem);
  buf_release(&t.wait);
  buf_release(&t.body);
}

void http_steps_bytes(struct buf *out, const char *s, size_t n)
{
  size_t *cut = mem_new(n * sizeof *cut);
  for (size_t i = 0; i < n; i++) cut[i] = i;
  http_steps(out, s, n, cut, n);
  mem_free(cut);
}
