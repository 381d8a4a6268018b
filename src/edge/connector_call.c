/* connector_call.c: a request built from its section: variables, address, then the parameters in the file's order, so
 * that a signature that stands last signs all that is above it. */
#include "edge.h"
#include <stdio.h>

#define SHOWN_SECRET_LEAST 4 /* shorter ones would hide half of every address */

struct build {
  struct connector_box *b;
  struct arena *a;
  const struct connector *c;
  const struct connector_request *q;
  const struct connector_plan *plan;
  struct connector_params p;
  struct connector_call *out;
  struct buf url, shown; /* shown: with *** */
  struct buf query, query_shown, form, body;
  struct buf query_json, form_json; /* members so far */
  const char *why;
};

static bool cannot(struct build *k, const char *fmt, ...) PRINTF(2, 3);
static bool cannot(struct build *k, const char *fmt, ...)
{
  char text[256];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  k->why = arena_printf(k->a, "%s.%s: [request %s] %s", k->c->name, k->c->ext, k->q->name, text);
  return false;
}

/* ---- what people may see ---------------------------------------------------------------------------------------- */
static bool name_is_hidden(const char *name)
{
  static const char *const words[] = { "sign", "token", "secret", "key", "auth", "password", "session" };
  char low[64];
  size_t n = 0;
  for (; name[n] && n < sizeof low - 1; n++)
    low[n] = name[n] >= 'A' && name[n] <= 'Z' ? (char)(name[n] + 32) : name[n];
  low[n] = 0;
  for (size_t i = 0; i < COUNT(words); i++)
    if (strstr(low, words[i])) return true;
  return false;
}

static bool holds_secret(struct build *k, const char *value)
{
  for (size_t i = 0; i < k->c->secrets; i++) {
    const char *secret = box_secret(k->b, k->c->secret[i].name);
    if (secret && strlen(secret) >= SHOWN_SECRET_LEAST && strstr(value, secret)) return true;
  }
  return false;
}

/* ---- parameters --------------------------------------------------------------------------------------------------- */
static void encoded_put(struct buf *b, const char *text, size_t n)
{
  sandbox_urlencode(b, text, n);
}

static void pair_put(struct buf *b, const char *name, const char *value, size_t n)
{
  if (b->len) buf_char(b, '&');
  encoded_put(b, name, strlen(name)), buf_char(b, '=');
  if (value) encoded_put(b, value, n);
  else buf_str(b, "***");
}

static void member_put(struct buf *b, const char *name, const char *value, size_t n)
{
  struct jw w;
  if (b->len) buf_char(b, ',');
  jw_init(&w, b), jw_string(&w, name);
  buf_char(b, ':');
  jw_init(&w, b), jw_stringn(&w, value, n);
}

/* {…} of the members so far, for the next expression. */
static void object_param(struct build *k, const char *name, const struct buf *members)
{
  const char *text = arena_printf(k->a, "{%s}", members->len ? members->data : "");
  params_text(&k->p, name, text, strlen(text));
}

static bool header_put(struct build *k, const char *name, const struct box_value *v)
{
  for (size_t i = 0; i < v->n; i++)
    if ((unsigned char)v->text[i] < ' ' || v->text[i] == 127)
      return cannot(k, "the header %s would hold a control character", name);
  struct connector_call *out = k->out;
  out->header[out->headers++] = (struct http_field){ name, v->text };
  return true;
}

static void var_put(struct build *k, const char *name, const struct box_value *v)
{
  if (v->kind == 'i') params_int(&k->p, name, v->i);
  else params_text(&k->p, name, v->text, v->n);
}

static bool param_place(struct build *k, const struct connector_param *m, const struct box_value *v)
{
  switch (m->part) {
  case PART_VAR: var_put(k, m->name, v); break;
  case PART_QUERY:
    pair_put(&k->query, m->name, v->text, v->n);
    pair_put(&k->query_shown, m->name, name_is_hidden(m->name) || holds_secret(k, v->text) ? NULL : v->text,
             v->n);
    member_put(&k->query_json, m->name, v->text, v->n);
    break;
  case PART_FORM:
    pair_put(&k->form, m->name, v->text, v->n);
    member_put(&k->form_json, m->name, v->text, v->n);
    break;
  case PART_HEADER: return header_put(k, m->name, v);
  case PART_BODY: buf_put(&k->body, v->text, v->n), k->out->body = ""; break;
  }
  return true;
}

static bool param_run(struct build *k, const struct connector_param *m)
{
  struct box_value v;
  const char *missing;
  object_param(k, "query", &k->query_json), object_param(k, "form", &k->form_json);
  box_missing(k->b);
  if (!box_value(k->b, k->a, m->sql, &k->p, &v, &k->why)) return false;
  if ((missing = box_missing(k->b))) return cannot(k, "needs the secret %s, which is not set", missing);
  if (v.kind == 'b') return cannot(k, "%s gives a BLOB; hex() or base64() make a text of it", m->sql->key);
  if (v.kind == 'n') {
    if (m->part == PART_VAR) var_put(k, m->name, &v);
    return true;
  }
  if (memchr(v.text, 0, v.n) || !utf8_valid(v.text, v.n))
    return cannot(k, "%s gives a text that is no UTF-8", m->sql->key);
  return param_place(k, m, &v);
}

/* ---- the address -------------------------------------------------------------------------------------------------------- */
static const char *text_of(struct build *k, const char *name)
{
  for (size_t i = 0; i < k->p.n; i++) {
    const struct sandbox_param *p = &k->p.at[i];
    if (strcmp(p->name, name) != 0) continue;
    return p->kind == 'i' ? arena_printf(k->a, "%lld", (long long)p->i) : p->text;
  }
  return NULL;
}

static const char *place_value(struct build *k, const char *name)
{
  for (size_t i = 0; i < k->plan->early; i++)
    if (k->plan->param[i].part == PART_VAR && !strcmp(k->plan->param[i].name, name)) return text_of(k, name);
  return box_setting(k->b, name);
}

static void host_put(struct build *k, const char *host, bool slash_follows)
{
  size_t n = strlen(host);
  while (slash_follows && n && host[n - 1] == '/') n--;
  buf_put(&k->url, host, n), buf_put(&k->shown, host, n);
}

static bool address_part(struct build *k, const char *name, char next, const char *host)
{
  if (!strcmp(name, "host")) {
    if (!host || !*host) return cannot(k, "has no host; the channel's configuration must give one");
    host_put(k, host, next == '/');
    return true;
  }
  const char *value = place_value(k, name);
  if (!value || !*value) return cannot(k, "needs {%s} in its address, which is not set", name);
  if (!k->url.len) { /* at its very beginning another base address */
    host_put(k, value, next == '/');
    return true;
  }
  encoded_put(&k->url, value, strlen(value));
  if (holds_secret(k, value)) buf_str(&k->shown, "***");
  else encoded_put(&k->shown, value, strlen(value));
  return true;
}

static bool url_check(struct build *k)
{
  const char *u = k->url.data;
  bool is_mail = !strcmp(k->q->method, "MAIL");
  bool ok = is_mail ? !strncmp(u, "smtps://", 8) || !strncmp(u, "smtp://", 7)
                    : !strncmp(u, "https://", 8) || !strncmp(u, "http://", 7);
  const char *authority = ok ? strstr(u, "://") + 3 : u;
  for (const char *p = u; *p; p++) ok = ok && *p > ' ' && *p < 127 && *p != '#' && *p != '\\';
  for (const char *p = authority; ok && *p && *p != '/' && *p != '?'; p++) ok = *p != '@' && *p != '%';
  ok = ok && *authority && *authority != '/' && *authority != '?';
  return ok || cannot(k, "would ask an address that is none");
}

static bool address_build(struct build *k, const char *host)
{
  for (const char *p = k->q->address; *p;) {
    const char *end = *p == '{' ? strchr(p, '}') : NULL;
    if (!end) {
      buf_char(&k->url, *p), buf_char(&k->shown, *p), p++;
      continue;
    }
    if (!address_part(k, arena_strn(k->a, p + 1, (size_t)(end - p - 1)), end[1], host)) return false;
    p = end + 1;
  }
  if (!url_check(k)) return false;
  const char *u = arena_strn(k->a, k->url.data, k->url.len), *authority = strstr(u, "://") + 3;
  size_t n = strcspn(u, "?"), from = (size_t)(authority - u) + strcspn(authority, "/?");
  params_text(&k->p, "method", k->q->method, strlen(k->q->method));
  params_text(&k->p, "url", u, n);
  params_text(&k->p, "path", from < n ? u + from : "/", from < n ? n - from : 1);
  return true;
}

/* ---- together -------------------------------------------------------------------------------------------------------------- */
static void query_append(struct buf *url, const struct buf *query)
{
  if (!query->len) return;
  buf_char(url, strchr(url->data, '?') ? '&' : '?');
  buf_put(url, query->data, query->len);
}

static bool build_all(struct build *k, const struct connector_vars *v)
{
  size_t i = 0;
  for (; i < k->plan->early; i++)
    if (k->plan->param[i].part == PART_VAR && !param_run(k, &k->plan->param[i])) return false;
  if (!address_build(k, v->host ? v->host : k->c->host)) return false;
  for (i = 0; i < k->plan->params; i++)
    if ((i >= k->plan->early || k->plan->param[i].part != PART_VAR) && !param_run(k, &k->plan->param[i]))
      return false;
  query_append(&k->url, &k->query), query_append(&k->shown, &k->query_shown);
  return true;
}

static void body_done(struct build *k)
{
  struct connector_call *out = k->out;
  const struct buf *b = k->plan->has_form ? &k->form : &k->body;
  if (!k->plan->has_form && !out->body) return;
  out->body = arena_strn(k->a, b->data ? b->data : "", b->len), out->body_n = b->len;
  out->content_type = k->plan->content_type ? k->plan->content_type
                      : k->plan->has_form   ? "application/x-www-form-urlencoded"
                                            : "application/json";
}

bool connector_when(struct connector_box *b, struct arena *a, const char *request,
                    const struct connector_vars *v, const char **why)
{
  const struct connector *c = box_connector(b);
  const struct connector_request *q = connector_request(c, request);
  const struct connector_sql *when = q ? c->text->plan[q - c->request].when : NULL;
  struct connector_params p = { .n = 0 };
  struct box_value said;
  *why = NULL;
  if (!when) return q;
  params_vars(&p, c, request, v);
  params_text(&p, "query", "{}", 2), params_text(&p, "form", "{}", 2);
  return box_value(b, a, when, &p, &said, why) && said.kind == 'i' && said.i == 1;
}

bool connector_build(struct connector_box *b, struct arena *a, const char *request,
                     const struct connector_vars *v, struct connector_call *out, const char **why)
{
  const struct connector *c = box_connector(b);
  const struct connector_request *q = connector_request(c, request);
  struct build k = { .b = b, .a = a, .c = c, .q = q, .out = out };
  if (!q) return *why = arena_printf(a, "%s has no [request %s]", c->name, request), false;
  k.plan = &c->text->plan[q - c->request];
  *out = (struct connector_call){ .method = q->method, .timeout_ms = q->timeout_ms };
  out->header = arena_array(a, struct http_field, k.plan->params + 1);
  params_vars(&k.p, c, request, v);
  bool ok = build_all(&k, v);
  if (ok) {
    out->url = arena_strn(a, k.url.data, k.url.len);
    out->shown = arena_printf(a, "%s %s", q->method, k.shown.data);
    body_done(&k);
  }
  struct buf *all[] = { &k.url,  &k.shown, &k.query,      &k.query_shown,
                        &k.form, &k.body,  &k.query_json, &k.form_json };
  for (size_t i = 0; i < COUNT(all); i++) buf_release(all[i]);
  *why = k.why;
  return ok;
}
