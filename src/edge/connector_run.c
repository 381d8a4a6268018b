/* connector_run.c: a connector at work. One sandbox with all its statements; what each of them sees; answers judged
 * and read. Building requests is connector_call.c, mapping rows to orders connector_raw.c. */
#include "edge.h"
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { TEXT_MAX = 4096, SAID_MAX = 300 };
#define RETRY_AFTER_MAX_MS (24ll * 3600 * 1000)
#define PUSH_RECENT_MS (5ll * 60 * 1000)

struct connector_box {
  const struct connector *c;
  struct sandbox *s;
  struct sandbox_sql **sql; /* by index */
  connector_value_fn *secret, *setting;
  void *arg;
  const char *missing;
};

/* ---- opening --------------------------------------------------------------------------------------------- */
static const char *secret_fn(void *box, const char *name)
{
  return box_secret(box, name);
}

static const char *setting_fn(void *box, const char *name)
{
  return box_setting(box, name);
}

struct connector_box *connector_open(const struct connector *c, struct arena *a, const char **why)
{
  struct sandbox *s = sandbox_open(a, why);
  if (!s) return NULL;
  struct connector_box *b = arena_new(a, struct connector_box);
  b->c = c, b->s = s;
  b->sql = arena_array(a, struct sandbox_sql *, c->text->sqls + 1);
  sandbox_values(s, secret_fn, setting_fn, b);
  for (size_t i = 0; i < c->text->sqls; i++) {
    const struct connector_sql *q = c->text->sql[i];
    int at;
    b->sql[i] = sandbox_sql(s, a, q->sql, q->how, q->known, why, &at);
    if (b->sql[i]) continue;
    *why = connector_said(a, c, q, *why);
    sandbox_close(s);
    return NULL;
  }
  return b;
}

void connector_close(struct connector_box *b)
{
  if (!b) return;
  sandbox_close(b->s);
  b->s = NULL;
}

void connector_values(struct connector_box *b, connector_value_fn *secret, connector_value_fn *setting,
                      void *arg)
{
  b->secret = secret, b->setting = setting, b->arg = arg;
}

const struct connector *box_connector(const struct connector_box *b)
{
  return b->c;
}

const char *box_secret(struct connector_box *b, const char *name)
{
  const char *value = b->secret ? b->secret(b->arg, name) : NULL;
  if (value && *value) return value;
  for (size_t i = 0; i < b->c->secrets; i++)
    if (!strcmp(b->c->secret[i].name, name) && !b->c->secret[i].optional) b->missing = b->c->secret[i].name;
  return value;
}

const char *box_setting(struct connector_box *b, const char *name)
{
  const char *value = b->setting ? b->setting(b->arg, name) : NULL;
  for (size_t i = 0; i < b->c->settings && !value; i++)
    if (!strcmp(b->c->setting[i].name, name)) value = b->c->setting[i].text;
  return value;
}

const char *box_missing(struct connector_box *b)
{
  const char *name = b->missing;
  b->missing = NULL;
  return name;
}

/* ---- what a statement sees ------------------------------------------------------------------------------------ */
static struct sandbox_param *param_new(struct connector_params *p, const char *name)
{
  for (size_t i = 0; i < p->n; i++)
    if (!strcmp(p->at[i].name, name)) return &p->at[i];
  must(p->n < COUNT(p->at));
  p->at[p->n].name = name;
  return &p->at[p->n++];
}

void params_int(struct connector_params *p, const char *name, int64_t v)
{
  *param_new(p, name) = (struct sandbox_param){ name, 'i', v, NULL, 0 };
}

void params_text(struct connector_params *p, const char *name, const char *text, size_t n)
{
  *param_new(p, name) = (struct sandbox_param){ name, text ? 't' : 'n', 0, text, n };
}

static void put_text(struct connector_params *p, const char *name, const char *text)
{
  params_text(p, name, text, text ? strlen(text) : 0);
}

static void params_effect(struct connector_params *p, const struct connector_effect *e)
{
  static const struct connector_effect none;
  if (!e) e = &none;
  put_text(p, "order_id", e->order_id), put_text(p, "carrier", e->carrier),
    put_text(p, "carrier_code", e->carrier_code);
  put_text(p, "tracking_no", e->tracking_no), put_text(p, "lines", e->lines ? e->lines : "[]");
  put_text(p, "prepared", e->prepared), put_text(p, "sku", e->sku);
  params_int(p, "shipped_ms", e->shipped_ms), params_int(p, "parcel", e->parcel);
  params_int(p, "whole", e->whole), params_int(p, "quantity", e->quantity);
  put_text(p, "case_id", e->case_id), put_text(p, "refund_id", e->refund_id),
    put_text(p, "amount", e->amount);
  put_text(p, "what", e->what ? e->what : "{}");
  put_text(p, "currency", e->currency);
  put_text(p, "reason", e->reason), params_int(p, "amount_minor", e->amount_minor);
}

void params_vars(struct connector_params *p, const struct connector *c, const char *request,
                 const struct connector_vars *v)
{
  const struct connector_request *q = connector_request(c, request);
  params_int(p, "now_ms", v->now_ms), params_int(p, "ts", v->now_ms / 1000);
  params_int(p, "from_ms", v->from_ms), params_int(p, "to_ms", v->to_ms);
  params_int(p, "from_s", v->from_ms / 1000), params_int(p, "to_s", v->to_ms / 1000);
  params_int(p, "page", v->page), params_int(p, "page_size",
                                             v->page_size ? v->page_size
                                             : q          ? q->page_size
                                                          : 0);
  put_text(p, "cursor", v->cursor ? v->cursor : "");
  put_text(p, "id", v->id), put_text(p, "ids", v->ids), put_text(p, "rows", v->rows);
  put_text(p, "host", v->host ? v->host : c->host), put_text(p, "nonce", v->nonce);
  if (request_is_effect(request)) params_effect(p, v->effect);
}

/* What is no UTF-8 becomes '?', so does NUL. */
static const char *clean_text(struct arena *a, const char *s, size_t n)
{
  char *out = arena_strn(a, s ? s : "", n);
  for (size_t i = 0, len; i < n; i += len) {
    len = 1;
    while (len < 4 && i + len < n && ((unsigned char)out[i + len] & 0xc0) == 0x80) len++;
    while (len > 1 && !utf8_valid(out + i, len)) len--;
    if (!utf8_valid(out + i, len)) out[i] = '?';
  }
  return out;
}

static const char *headers_json(struct arena *a, const struct connector_answer *ans)
{
  struct buf b = { 0 };
  struct jw w;
  jw_init(&w, &b), jw_object(&w);
  for (size_t i = 0; i < ans->headers; i++) {
    size_t k = 0;
    while (k < i && strcmp(ans->header[k].name, ans->header[i].name) != 0) k++;
    if (k < i) continue;
    const char *name = ans->header[i].name, *value = ans->header[i].value;
    jw_kstring(&w, clean_text(a, name, strlen(name)), clean_text(a, value, strlen(value)));
  }
  jw_object_end(&w);
  const char *text = arena_strn(a, b.data, b.len);
  buf_release(&b);
  return text;
}

static const char *header_of(const struct connector_answer *ans, const char *name)
{
  for (size_t i = 0; i < ans->headers; i++)
    if (!strcmp(ans->header[i].name, name)) return ans->header[i].value;
  return NULL;
}

void params_answer(struct connector_params *p, struct arena *a, const struct connector_answer *ans,
                   bool gated, size_t text_max)
{
  size_t n = ans->body_n < text_max ? ans->body_n : text_max;
  while (n && n < ans->body_n && ((unsigned char)ans->body[n] & 0xc0) == 0x80) n--;
  params_text(p, "body", gated ? ans->body : NULL, ans->body_n);
  bool is_clean = gated || text_max != TEXT_MAX;
  params_text(p, "text", !is_clean ? clean_text(a, ans->body, n) : ans->body ? ans->body : "", n);
  params_int(p, "status", ans->status);
  put_text(p, "headers", headers_json(a, ans));
}

bool connector_limited(const struct connector_box *b)
{
  return sandbox_limited(b->s);
}

bool box_run(struct connector_box *b, struct arena *a, const struct connector_sql *q,
             const struct connector_params *p, sandbox_row_fn *row, void *arg, const char **why)
{
  if (sandbox_run(b->s, a, b->sql[q->index], p->at, p->n, row, arg, why) == ERR_OK) return true;
  *why = connector_said(a, b->c, q, *why);
  return false;
}

struct keeper {
  struct arena *a;
  struct box_value *v;
};

static struct box_value kept(struct arena *a, const struct sandbox_value *v)
{
  return (struct box_value){ v->kind, v->i, v->kind == 'n' ? NULL : arena_strn(a, v->text, v->n), v->n };
}

static bool value_row(void *arg, const struct sandbox_value *v, int n)
{
  struct keeper *k = arg;
  (void)n;
  *k->v = kept(k->a, v);
  return false;
}

bool box_value(struct connector_box *b, struct arena *a, const struct connector_sql *q,
               const struct connector_params *p, struct box_value *out, const char **why)
{
  struct keeper k = { a, out };
  *out = (struct box_value){ .kind = 'n' };
  return box_run(b, a, q, p, value_row, &k, why);
}

/* A column as an integer: 12, 12.0 and '12' are; false for NULL and what is none. */
static bool value_int(const struct sandbox_value *v, int64_t *out)
{
  char *end;
  if (v->kind == 'n' || v->kind == 'b' || !v->n) return false;
  if (v->kind == 'i') return *out = v->i, true;
  long long whole = strtoll(v->text, &end, 10);
  if (*end == '.') end += strspn(end + 1, "0123456789") + 1;
  *out = whole;
  return end != v->text && !*end;
}

/* ---- judging -------------------------------------------------------------------------------------------------------- */
static const char *const verdict_names[] = {
#define X(id, name) name,
  VERDICT_MAP(X)
#undef X
};

const char *verdict_name(enum verdict_kind k)
{
  return verdict_names[k];
}

static bool is_html(const struct connector_answer *ans)
{
  size_t i = 0;
  while (i < ans->body_n && strchr(" \t\r\n\xef\xbb\xbf", ans->body[i]) && ans->body[i]) i++;
  return i < ans->body_n && ans->body[i] == '<';
}

bool answer_gate(struct arena *a, const struct connector_answer *ans, const char **why)
{
  size_t at;
  const char *said = NULL;
  if (ans->gated) return true;
  if (!ans->body_n) *why = "the answer is empty";
  else if (ans->body_n > CONNECTOR_BODY_MAX)
    *why = arena_printf(a, "the answer is longer than %d MB", CONNECTOR_BODY_MAX >> 20);
  else if (json_gate(ans->body, ans->body_n, CONNECTOR_ELEMENTS_MAX, &said, &at)) return true;
  else if (is_html(ans)) *why = "the answer is a page of HTML or XML, not JSON";
  else *why = arena_printf(a, "the answer is no JSON that can be taken: %s, at byte %zu", said, at);
  return false;
}

static int64_t retry_after(const struct connector_answer *ans, int64_t now_ms)
{
  const char *text = header_of(ans, "retry-after");
  int64_t ms = 0, at;
  if (!text) return 0;
  if (*text >= '0' && *text <= '9' && strlen(text) <= 9) {
    char *end;
    ms = strtoll(text, &end, 10) * 1000;
    if (*end) ms = 0;
  } else if (http_date_read(text, &at) && at > now_ms) ms = at - now_ms;
  return ms > RETRY_AFTER_MAX_MS ? RETRY_AFTER_MAX_MS : ms;
}

struct judging {
  struct arena *a;
  struct verdict *v;
  bool said;
  const char *unknown;
  bool is_effect;
};

static bool verdict_row(void *arg, const struct sandbox_value *v, int n)
{
  struct judging *j = arg;
  j->said = true;
  for (size_t k = 0; k < COUNT(verdict_names); k++)
    if (v[0].kind == 't' && !strcmp(verdict_names[k], v[0].text) &&
        ((k != VERDICT_DONE && k != VERDICT_ASK) || j->is_effect)) {
      j->v->kind = (enum verdict_kind)k;
      j->v->code = n > 1 && v[1].kind != 'n' ? clean_text(j->a, v[1].text, v[1].n) : "";
      j->v->message = n > 2 && v[2].kind != 'n' ? clean_text(j->a, v[2].text, v[2].n) : "";
      if (n > 3 && value_int(&v[3], &j->v->retry_after_ms) &&
          (j->v->retry_after_ms < 0 || j->v->retry_after_ms > RETRY_AFTER_MAX_MS))
        j->v->retry_after_ms = j->v->retry_after_ms < 0 ? 0 : RETRY_AFTER_MAX_MS;
      return false;
    }
  j->unknown = v[0].kind == 'n' ? "NULL" : clean_text(j->a, v[0].text, v[0].n < 64 ? v[0].n : 64);
  return false;
}

/* What one section of errors says; false: nothing. A fault of its own is said too. */
static bool section_says(struct connector_box *b, struct arena *a, const struct connector_sql *q,
                         const struct connector_params *p, bool is_effect, struct verdict *out)
{
  struct judging j = { .a = a, .v = out, .is_effect = is_effect };
  const char *why = NULL;
  if (box_run(b, a, q, p, verdict_row, &j, &why) && !j.unknown) return j.said;
  if (j.unknown)
    why = connector_said(
      a, b->c, q,
      arena_printf(a, "the kind %s is none of rate_limited, auth_expired, not_found, refused, retry%s",
                   j.unknown, is_effect ? ", done, ask" : ""));
  *out = (struct verdict){ VERDICT_REFUSED, "connector_failed", why, 0 };
  return true;
}

/* [errors R] instead of [errors]; of what is told to the platform first the one, and where it says nothing the other. */
static bool errors_say(struct connector_box *b, struct arena *a, const char *request,
                       const struct connector_answer *ans, const struct connector_vars *v, bool gated,
                       struct verdict *out)
{
  const struct connector_sql *own = connector_section(b->c, arena_printf(a, "errors %s", request)),
                             *common = connector_section(b->c, "errors");
  bool is_effect = request_is_effect(request);
  struct connector_params p = { .n = 0 };
  if (!own && !common) return false;
  params_vars(&p, b->c, request, v);
  params_answer(&p, a, ans, gated, TEXT_MAX);
  if (own && section_says(b, a, own, &p, is_effect, out)) return true;
  return (!own || is_effect) && common && section_says(b, a, common, &p, is_effect, out);
}

/* What a status means where the connector says nothing. */
static enum verdict_kind status_kind(int status, const char *request)
{
  if (status >= 200 && status < 300) return VERDICT_OK;
  if (status == 429) return VERDICT_RATE_LIMITED;
  if (status == 401) return VERDICT_AUTH_EXPIRED;
  if (status >= 500 || status == 408 || status == 425 || status < 200) return VERDICT_RETRY;
  bool asks = !strcmp(request, "one") || !strcmp(request, "prepare") || !strcmp(request, "shipped") ||
              !strcmp(request, "ask");
  if (asks && (status == 404 || status == 410)) return VERDICT_NOT_FOUND;
  return VERDICT_REFUSED;
}

static const char *status_message(struct arena *a, const struct connector_answer *ans, bool gated)
{
  const char *where = header_of(ans, "location");
  if (ans->status >= 300 && ans->status < 400 && where)
    return arena_printf(a, "HTTP %d, which points elsewhere; addresses are not followed", ans->status);
  if (!gated || !ans->body_n) return arena_printf(a, "HTTP %d", ans->status);
  size_t n = ans->body_n < SAID_MAX ? ans->body_n : SAID_MAX;
  while (n && !utf8_valid(ans->body, n)) n--;
  return arena_printf(a, "HTTP %d: %.*s", ans->status, (int)n, ans->body);
}

/* Who is asked says something; of the others an empty 2xx is enough. */
static bool may_be_empty(const struct connector_answer *ans, const char *request)
{
  static const char *const asking[] = { "list", "detail", "one", "prepare", "shipped" };
  for (size_t i = 0; i < COUNT(asking); i++)
    if (!strcmp(asking[i], request)) return false;
  return !ans->body_n && ans->status >= 200 && ans->status < 300;
}

/* A good answer that has not what the request expects is no empty page: the platform told something else. */
static void expected(struct connector_box *b, struct arena *a, const char *request,
                     const struct connector_answer *ans, struct verdict *out)
{
  const struct connector_request *q = connector_request(b->c, request);
  const char *const *path = q ? b->c->text->plan[q - b->c->request].expect : NULL;
  for (; path && *path; path++) {
    if (json_has(ans->body, ans->body_n, *path)) continue;
    enum verdict_kind kind = !strcmp(request, "list") ? VERDICT_RETRY : VERDICT_REFUSED;
    *out = (struct verdict){ kind, "unexpected", arena_printf(a, "the answer has no %s", *path), 0 };
    return;
  }
}

void connector_judge(struct connector_box *b, struct arena *a, const char *request,
                     const struct connector_answer *ans, const struct connector_vars *v, struct verdict *out)
{
  const char *why = NULL;
  bool gated = answer_gate(a, ans, &why), fit = gated || may_be_empty(ans, request);
  *out = (struct verdict){ VERDICT_OK, "", "", 0 };
  if (ans->body_n > CONNECTOR_BODY_MAX) {
    *out = (struct verdict){ VERDICT_REFUSED, "too_large", why, 0 };
    return;
  }
  bool said = errors_say(b, a, request, ans, v, gated, out);
  if (!said || (out->kind == VERDICT_OK && !fit)) {
    enum verdict_kind k = status_kind(ans->status, request);
    *out = (struct verdict){ k, "", "", 0 };
    if (k != VERDICT_OK)
      out->code = arena_printf(a, "http_%d", ans->status), out->message = status_message(a, ans, gated);
    else if (!fit) *out = (struct verdict){ VERDICT_RETRY, "not_json", why, 0 };
  }
  if (out->kind == VERDICT_OK) expected(b, a, request, ans, out);
  if (out->kind != VERDICT_OK && !out->retry_after_ms) out->retry_after_ms = retry_after(ans, v->now_ms);
  if (out->kind == VERDICT_OK) out->retry_after_ms = 0;
}

/* ---- reading ------------------------------------------------------------------------------------------------------------- */
/* Runs a section over an answer; what is no JSON is NULL to it. */
static bool read_section(struct connector_box *b, struct arena *a, const char *section, const char *request,
                         const struct connector_answer *ans, const struct connector_vars *v,
                         sandbox_row_fn *row, void *arg, const char **why)
{
  const struct connector_sql *q = connector_section(b->c, section);
  struct connector_params p = { .n = 0 };
  const char *ignored;
  if (!q) return true;
  params_vars(&p, b->c, request, v);
  params_answer(&p, a, ans, answer_gate(a, ans, &ignored), TEXT_MAX);
  return box_run(b, a, q, &p, row, arg, why);
}

static bool fault_said(struct connector_box *b, struct arena *a, const char *section, const char *fault,
                       const char **why)
{
  const struct connector_sql *q = connector_section(b->c, section);
  if (fault)
    *why = q ? connector_said(a, b->c, q, fault) : arena_printf(a, "%s has no [%s]", b->c->name, section);
  return !fault;
}

bool connector_next(struct connector_box *b, struct arena *a, const char *request,
                    const struct connector_answer *ans, const struct connector_vars *v, const char **cursor,
                    const char **why)
{
  struct box_value value = { .kind = 'n' };
  struct keeper k = { a, &value };
  *cursor = NULL;
  if (!read_section(b, a, arena_printf(a, "next %s", request), request, ans, v, value_row, &k, why))
    return false;
  if (value.kind != 'n' && value.n) *cursor = clean_text(a, value.text, value.n);
  return true;
}

struct pages {
  int64_t n;
  bool ok;
};

static bool pages_row(void *arg, const struct sandbox_value *v, int n)
{
  struct pages *p = arg;
  (void)n;
  p->ok = v->kind == 'n' || value_int(v, &p->n);
  return false;
}

bool connector_pages(struct connector_box *b, struct arena *a, const struct connector_answer *ans,
                     const struct connector_vars *v, int64_t *pages, const char **why)
{
  struct pages p = { 1, true };
  if (!read_section(b, a, "pages list", "list", ans, v, pages_row, &p, why)) return false;
  *pages = p.n < 1 ? 1 : p.n;
  return fault_said(b, a, "pages list", p.ok ? NULL : "the number of pages is no number", why);
}

/* Rows into a growing list. */
struct list {
  struct arena *a;
  struct connector_box *b;
  void *at;
  size_t n, room;
  const char *fault;
};

static void *list_new(struct list *l, size_t size)
{
  if (l->n == l->room) {
    size_t room = l->room ? l->room * 2 : 64;
    void *at = arena_alloc(l->a, room * size);
    if (l->n) memcpy(at, l->at, l->n * size);
    l->at = at, l->room = room;
  }
  return (char *)l->at + l->n++ * size;
}

static bool list_fault(struct list *l, const char *fault)
{
  l->fault = fault;
  return false;
}

static const char *value_text(struct arena *a, const struct sandbox_value *v)
{
  return v->kind == 'n' || v->kind == 'b' ? NULL : clean_text(a, v->text, v->n);
}

static bool ids_row(void *arg, const struct sandbox_value *v, int n)
{
  struct list *l = arg;
  const char *id = value_text(l->a, &v[0]), *gate;
  size_t at;
  if (!id || !*id || strlen(id) > 200) return list_fault(l, "an id is NULL, empty or longer than 200 bytes");
  struct connector_id *out = list_new(l, sizeof *out);
  out->id = id;
  if (n > 1 && v[1].kind != 'n') {
    if (!json_gate(v[1].text, v[1].n, CONNECTOR_ELEMENTS_MAX, &gate, &at))
      return list_fault(l, "a row is no JSON text");
    out->row = arena_strn(l->a, v[1].text, v[1].n);
  }
  if (n > 2 && v[2].kind != 'n' && !value_int(&v[2], &out->updated_ms))
    return list_fault(l, "updated_ms is no number of milliseconds");
  return true;
}

bool connector_ids(struct connector_box *b, struct arena *a, const char *section,
                   const struct connector_answer *ans, const struct connector_vars *v,
                   struct connector_id **list, size_t *n, const char **why)
{
  struct list l = { .a = a, .b = b };
  if (!read_section(b, a, section, "list", ans, v, ids_row, &l, why)) return false;
  *list = l.at, *n = l.n;
  return fault_said(b, a, section, l.fault, why);
}

static bool tokens_row(void *arg, const struct sandbox_value *v, int n)
{
  struct list *l = arg;
  const char *name = value_text(l->a, &v[0]), *value = value_text(l->a, &v[1]);
  size_t k = 0;
  while (name && k < l->b->c->secrets && strcmp(l->b->c->secret[k].name, name) != 0) k++;
  if (!name || k == l->b->c->secrets)
    return list_fault(l, arena_printf(l->a, "the token %s is not in [secrets]", name ? name : "NULL"));
  if (!value || !*value) return list_fault(l, arena_printf(l->a, "the answer holds no value for %s", name));
  struct connector_token *out = list_new(l, sizeof *out);
  out->name = l->b->c->secret[k].name, out->value = value;
  if (n > 2 && v[2].kind != 'n' && !value_int(&v[2], &out->expires_in_ms))
    return list_fault(l, "expires_in_ms is no number of milliseconds");
  if (out->expires_in_ms < 0) out->expires_in_ms = 0;
  return true;
}

bool connector_tokens(struct connector_box *b, struct arena *a, const struct connector_answer *ans,
                      const struct connector_vars *v, struct connector_token **list, size_t *n,
                      const char **why)
{
  struct list l = { .a = a, .b = b };
  if (!read_section(b, a, "tokens", "refresh", ans, v, tokens_row, &l, why)) return false;
  *list = l.at, *n = l.n;
  return fault_said(b, a, "tokens", l.fault ? l.fault : l.n ? NULL : "the answer holds no token", why);
}

static bool groups_row(void *arg, const struct sandbox_value *v, int n)
{
  struct list *l = arg;
  const char *group = value_text(l->a, &v[0]), *id = value_text(l->a, &v[1]);
  (void)n;
  if (!group || !*group || !id || !*id) return list_fault(l, "group_no or external_id is NULL or empty");
  *(struct connector_group *)list_new(l, sizeof(struct connector_group)) =
    (struct connector_group){ group, id };
  return true;
}

bool connector_groups(struct connector_box *b, struct arena *a, const struct connector_answer *ans,
                      const struct connector_vars *v, struct connector_group **list, size_t *n,
                      const char **why)
{
  struct list l = { .a = a, .b = b };
  if (!read_section(b, a, "groups merge", "merge", ans, v, groups_row, &l, why)) return false;
  *list = l.at, *n = l.n;
  return fault_said(b, a, "groups merge", l.fault, why);
}

/* ---- what was shipped ------------------------------------------------------------------------------------------------- */
static bool shipped_row(void *arg, const struct sandbox_value *v, int n)
{
  struct list *l = arg;
  const char *no = value_text(l->a, &v[0]);
  (void)n;
  *(struct connector_shipped *)list_new(l, sizeof(struct connector_shipped)) =
    (struct connector_shipped){ no && *no ? no : NULL };
  return true;
}

bool connector_shipped(struct connector_box *b, struct arena *a, const struct connector_answer *ans,
                       const struct connector_vars *v, struct connector_shipped **list, size_t *n,
                       const char **why)
{
  struct list l = { .a = a, .b = b };
  if (!read_section(b, a, "shipped", "shipped", ans, v, shipped_row, &l, why)) return false;
  *list = l.at, *n = l.n;
  return true;
}

static const char *carrier_listed(const struct connector *c, const char *code)
{
  for (size_t i = 0; i < c->carriers; i++)
    if (!strcasecmp(c->carrier[i].name, code)) return c->carrier[i].text;
  return NULL;
}

bool connector_carrier(struct connector_box *b, struct arena *a, const char *code, const char **name)
{
  const char *own = b->setting ? b->setting(b->arg, arena_printf(a, "carrier.%s", code)) : NULL;
  if (!own && !b->c->carriers) own = code;
  if (!own) own = carrier_listed(b->c, code);
  if (!own) own = carrier_listed(b->c, "other");
  *name = own && !strcmp(own, "*") ? code : own;
  return own;
}

/* ---- pushes ------------------------------------------------------------------------------------------------------------------ */
static void piece_decode(struct buf *out, const char *p, size_t n)
{
  static const char hex[] = "0123456789abcdef";
  for (size_t i = 0; i < n; i++) {
    const char *x = i + 2 < n && p[i] == '%' ? strchr(hex, p[i + 1] | 0x20) : NULL;
    const char *y = x && *x ? strchr(hex, p[i + 2] | 0x20) : NULL;
    if (y && *y) buf_char(out, (char)((x - hex) * 16 + (y - hex))), i += 2;
    else buf_char(out, p[i] == '+' ? ' ' : p[i]);
  }
}

static const char *decoded(struct arena *a, const char *p, size_t n)
{
  struct buf b = { 0 };
  piece_decode(&b, p, n);
  const char *text = clean_text(a, b.data ? b.data : "", b.len);
  buf_release(&b);
  return text;
}

/* a=1&b=2 as a JSON object of texts; of a name that comes twice the first counts. */
static const char *pairs_json(struct arena *a, const char *p, size_t n)
{
  struct buf b = { 0 };
  struct jw w;
  const char *name[64];
  size_t names = 0;
  jw_init(&w, &b), jw_object(&w);
  for (const char *end = p + n; p < end && names < COUNT(name);) {
    const char *amp = memchr(p, '&', (size_t)(end - p)), *stop = amp ? amp : end;
    const char *eq = memchr(p, '=', (size_t)(stop - p)), *key_end = eq ? eq : stop;
    const char *key = decoded(a, p, (size_t)(key_end - p)),
               *value = eq ? decoded(a, eq + 1, (size_t)(stop - eq - 1)) : "";
    size_t k = 0;
    while (k < names && strcmp(name[k], key) != 0) k++;
    if (k == names && *key) jw_kstring(&w, key, value), name[names++] = key;
    p = amp ? amp + 1 : end;
  }
  jw_object_end(&w);
  const char *text = arena_strn(a, b.data, b.len);
  buf_release(&b);
  return text;
}

static void push_address(struct connector_params *p, struct arena *a, const char *url,
                         const struct connector_answer *push)
{
  const char *query = strchr(url, '?'), *type = header_of(push, "content-type");
  size_t n = query ? (size_t)(query - url) : strlen(url);
  const char *authority = strstr(url, "://"), *path = strchr(authority ? authority + 3 : url, '/');
  bool is_form = type && strstr(type, "x-www-form-urlencoded");
  params_text(p, "method", "POST", 4), params_text(p, "url", url, strlen(url));
  params_text(p, "path", path && path < url + n ? path : "/",
              path && path < url + n ? (size_t)(url + n - path) : 1);
  put_text(p, "query", pairs_json(a, query ? query + 1 : "", query ? strlen(query + 1) : 0));
  put_text(p, "form", pairs_json(a, is_form ? push->body : "", is_form ? push->body_n : 0));
}

bool connector_push(struct connector_box *b, struct arena *a, const char *url,
                    const struct connector_answer *push, const struct connector_vars *v,
                    struct connector_push *out, const char **why)
{
  const struct connector_text *t = b->c->text;
  struct connector_params p = { .n = 0 };
  struct box_value genuine, ping, id = { .kind = 'n' }, at = { .kind = 'n' };
  const char *gate = NULL;
  *out = (struct connector_push){ .reply = t->reply, .reply_type = t->reply_type };
  if (!t->verify) return *why = "this connector takes no pushes", false;
  params_vars(&p, b->c, "list", v);
  params_answer(&p, a, push, answer_gate(a, push, &gate), CONNECTOR_BODY_MAX);
  push_address(&p, a, url, push);
  if (t->push_ping && !box_value(b, a, t->push_ping, &p, &ping, why)) return false;
  if (t->push_ping && ping.kind == 'i' && ping.i == 1) return out->ping = true;
  box_missing(b);
  if (!box_value(b, a, t->verify, &p, &genuine, why)) return false;
  const char *missing = box_missing(b);
  if (missing) return *why = arena_printf(a, "the secret %s is not set", missing), false;
  if (t->push_id && !box_value(b, a, t->push_id, &p, &id, why)) return false;
  if (t->push_at && !box_value(b, a, t->push_at, &p, &at, why)) return false;
  struct sandbox_value moment = { at.kind, at.i, at.text, at.n };
  int64_t ms = 0;
  out->genuine = genuine.kind == 'i' && genuine.i == 1;
  bool told = t->push_at && value_int(&moment, &ms);
  out->recent = !t->push_at || (told && ms > v->now_ms - PUSH_RECENT_MS && ms < v->now_ms + PUSH_RECENT_MS);
  out->timeless = out->genuine && t->push_at && !told;
  out->why_timeless = gate ? gate : "it does not say when it was sent";
  if (id.kind != 'n' && id.kind != 'b' && id.n) out->id = clean_text(a, id.text, id.n);
  return true;
}

/* ---- parties: objects ------------------------------------------------------------------------------------------------------- */
static bool object_row(void *arg, const struct sandbox_value *v, int n)
{
  struct list *l = arg;
  const char *gate;
  size_t at;
  (void)n;
  if (v[0].kind == 'n') return true;
  if (v[0].kind != 't' || !json_gate(v[0].text, v[0].n, CONNECTOR_ELEMENTS_MAX, &gate, &at))
    return list_fault(l, "a row is no JSON object");
  struct json_span s = json_span_of(v[0].text, v[0].n), *out = list_new(l, sizeof *out);
  const char *text = arena_strn(l->a, s.p, (size_t)(s.end - s.p));
  *out = (struct json_span){ text, text + (s.end - s.p) };
  return *text == '{' || list_fault(l, "a row is no JSON object");
}

bool connector_events(struct connector_box *b, struct arena *a, const char *url,
                      const struct connector_answer *ans, const struct connector_vars *v, const char **json,
                      const char **why)
{
  const char *section = url ? "events" : "events trace", *ignored;
  const struct connector_sql *q = connector_section(b->c, section);
  struct connector_params p = { .n = 0 };
  struct list l = { .a = a, .b = b };
  if (!q) return *why = arena_printf(a, "%s has no [%s]", b->c->name, section), false;
  params_vars(&p, b->c, url ? "" : "trace", v);
  params_answer(&p, a, ans, answer_gate(a, ans, &ignored), url ? CONNECTOR_BODY_MAX : TEXT_MAX);
  if (url) push_address(&p, a, url, ans);
  if (!box_run(b, a, q, &p, object_row, &l, why) || !fault_said(b, a, section, l.fault, why)) return false;
  struct buf out = { 0 };
  buf_char(&out, '[');
  for (size_t i = 0; i < l.n; i++) {
    const struct json_span *s = (const struct json_span *)l.at + i;
    buf_str(&out, i ? "," : ""), buf_put(&out, s->p, (size_t)(s->end - s->p));
  }
  buf_char(&out, ']');
  *json = arena_strn(a, out.data, out.len);
  buf_release(&out);
  return true;
}

bool connector_result(struct connector_box *b, struct arena *a, const char *request,
                      const struct connector_answer *ans, const struct connector_vars *v, const char **json,
                      const char **why)
{
  const char *section = arena_printf(a, "result %s", request);
  struct list l = { .a = a, .b = b };
  *json = NULL;
  if (!connector_section(b->c, section)) return true;
  if (!read_section(b, a, section, request, ans, v, object_row, &l, why)) return false;
  if (l.n) *json = ((const struct json_span *)l.at)->p;
  return fault_said(b, a, section, l.n > 1 && !l.fault ? "it gives more than one row" : l.fault, why);
}
