/* console.c: the page and its files, as they were packed into the binary. Who is signed in is told in the page itself,
 * which is one request less; everything else comes from the API, with the same permissions as for anybody. */
#include "edge.h"
#include "console.h"

#define PAGE_HEADERS \
  "Content-Security-Policy: " CONSOLE_CSP "\r\nX-Frame-Options: DENY\r\n" \
  "Referrer-Policy: same-origin\r\nCross-Origin-Opener-Policy: same-origin\r\nCache-Control: no-store\r\n" \
  "Permissions-Policy: camera=(), microphone=(), geolocation=()\r\nVary: Cookie, Accept\r\n"

static void roles_put(struct jw *w, const char *key, unsigned roles)
{
  jw_key(w, key), jw_array(w);
  for (int i = 0; i < ROLE_N; i++) {
    struct arena a = { 0 };
    if (roles >> i & 1) jw_string(w, roles_text(&a, 1u << i));
    arena_release(&a);
  }
  jw_array_end(w);
}

void who_put(struct buf *out, const struct call *k)
{
  struct jw w;
  jw_init(&w, out), jw_object(&w);
  jw_key(&w, "user");
  if (k->who.name) jw_object(&w), jw_kstring(&w, "name", k->user ? k->user : k->who.name), jw_object_end(&w);
  else jw_null(&w);
  roles_put(&w, "roles", k->who.roles);
  jw_key(&w, "may"), jw_array(&w);
  for (size_t i = 0; i < route_table_n; i++) {
    const struct route *t = &route_table[i];
    unsigned roles = route_roles(t);
    if (!(roles & ROLE_OPEN) && roles & k->who.roles && (!t->local || k->r->local_admin))
      jw_string(&w, t->op);
  }
  jw_array_end(&w);
  jw_kbool(&w, "setup", auth_setup_open(k->api->auth));
  jw_object_end(&w);
}

static void attribute_put(struct buf *out, const char *s, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    if (s[i] == '&') buf_str(out, "&amp;");
    else if (s[i] == '"') buf_str(out, "&quot;");
    else if (s[i] == '<') buf_str(out, "&lt;");
    else buf_char(out, s[i]);
  }
}

static void page_put(struct call *k)
{
  struct buf out = { 0 }, who = { 0 };
  auth_session(k->api->auth, k); /* without one the page asks for it */
  k->refused = ERR_OK;
  who_put(&who, k);
  buf_put(&out, console_head, sizeof console_head - 1);
  attribute_put(&out, who.data, who.len);
  buf_put(&out, console_tail, sizeof console_tail - 1);
  k->api->answers[2]++;
  http_reply(k->r, 200, "text/html; charset=utf-8", PAGE_HEADERS, out.data, out.len);
  buf_release(&who), buf_release(&out);
}

void home_get(struct call *k)
{
  static const char text[] =
    "{\"name\":\"orderd\",\"api\":\"/v1\",\"description\":\"/openapi.json\",\"health\":\"/healthz\"}";
  const char *accept = http_field(k->r, "accept");
  if (accept && strstr(accept, "text/html")) {
    page_put(k);
    return;
  }
  struct buf out = { 0 };
  buf_str(&out, text);
  call_reply(k, 200, NULL, &out);
  buf_release(&out);
}

static const struct console_file *file_find(const char *name)
{
  for (size_t i = 0; i < COUNT(console_files); i++)
    if (!strcmp(console_files[i].path, name)) return &console_files[i];
  return NULL;
}

void console_file_get(struct call *k)
{
  const struct console_file *f = file_find(k->id);
  const char *accept = http_field(k->r, "accept-encoding");
  if (!f) {
    call_refuse(k, ERR_NOT_FOUND, "no_such_file", NULL, "There is no such file: load the page again.");
    return;
  }
  static const char headers[] =
    "Content-Encoding: gzip\r\nCache-Control: public, max-age=31536000, immutable\r\nVary: Accept-Encoding\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n";
  if (!accept || !strstr(accept, "gzip")) {
    call_refuse(k, ERR_MEDIA, "gzip_only", NULL,
                "The console's files are sent as gzip; ask with Accept-Encoding: gzip.");
    return;
  }
  k->api->answers[2]++;
  http_reply(k->r, 200, f->type, headers, f->gz, f->n);
}
