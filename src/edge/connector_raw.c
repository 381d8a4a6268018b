/* connector_raw.c: rows become orders, and what the inbox keeps of a row: its very bytes, cut out of the answer by
 * its path, in an envelope that says where they stood. From an envelope a small page is built with the row at its
 * place, and mapped as the answer was. */
#include "edge.h"
#include <stdlib.h>

enum { STEPS_MAX = 16, SEVERAL_MAX = 1000 };

/* ---- spans of gated JSON ------------------------------------------------------------------------------------- */
static const char *blanks(const char *p, const char *end)
{
  while (p < end && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n')) p++;
  return p;
}

/* Eight letters at a time: does one of them end the string or begin an escape? */
static bool plain_word(const char *p)
{
  uint64_t w, quote, escape, one = 0x0101010101010101, top = 0x8080808080808080;
  memcpy(&w, p, sizeof w);
  quote = w ^ (one * '"'), escape = w ^ (one * '\\');
  return !((((quote - one) & ~quote) | ((escape - one) & ~escape)) & top);
}

static const char *string_end(const char *p, const char *end)
{
  for (p++; end - p >= 8 && plain_word(p);) p += 8;
  for (; p < end && *p != '"'; p++)
    if (*p == '\\') p++;
  return p < end ? p + 1 : end;
}

static const char *value_end(const char *p, const char *end)
{
  int depth = 0;
  while (p < end) {
    char ch = *p;
    if (ch == '"') p = string_end(p, end);
    else if (depth ||
             (ch != ',' && ch != '}' && ch != ']' && ch != ' ' && ch != '\t' && ch != '\r' && ch != '\n')) {
      depth += ch == '{' || ch == '[' ? 1 : ch == '}' || ch == ']' ? -1 : 0;
      p++;
    } else break;
    if (!depth && (ch == '"' || ch == '}' || ch == ']')) break;
  }
  return p;
}

struct json_span json_span_of(const char *s, size_t n)
{
  const char *p = blanks(s, s + n);
  return (struct json_span){ p, value_end(p, s + n) };
}

/* The next member or element at *p (behind a bracket or a comma). */
static bool span_next(const char **p, const char *end, bool has_keys, struct json_span *key,
                      struct json_span *value)
{
  const char *at = blanks(*p, end);
  if (at >= end || *at == '}' || *at == ']') return false;
  if (*at == ',') at = blanks(at + 1, end);
  if (has_keys) {
    *key = (struct json_span){ at, string_end(at, end) };
    at = blanks(key->end, end);
    if (at < end) at++;
  }
  at = blanks(at, end);
  *value = (struct json_span){ at, value_end(at, end) };
  *p = value->end;
  return value->end > at;
}

static bool member_of(struct json_span object, const char *name, size_t n, struct json_span *out)
{
  struct json_span key, value;
  if (object.p >= object.end || *object.p != '{') return false;
  for (const char *p = object.p + 1; span_next(&p, object.end, true, &key, &value);)
    if ((size_t)(key.end - key.p) == n + 2 && !memcmp(key.p + 1, name, n)) return *out = value, true;
  return false;
}

bool json_span_member(struct json_span object, const char *key, struct json_span *out)
{
  return member_of(object, key, strlen(key), out);
}

static bool element_of(struct json_span array, size_t index, struct json_span *out)
{
  struct json_span key, value;
  if (array.p >= array.end || *array.p != '[') return false;
  for (const char *p = array.p + 1; span_next(&p, array.end, false, &key, &value);)
    if (!index--) return *out = value, true;
  return false;
}

/* ---- paths: $.response."order list"[3] ---------------------------------------------------------------------------- */
struct step {
  const char *name; /* as it stands in the JSON, escapes and all; NULL: an index */
  size_t n, index;
};
struct path {
  struct step step[STEPS_MAX];
  size_t steps;
};

static bool step_index(const char **p, struct step *out)
{
  const char *from = ++*p;
  *out = (struct step){ .name = NULL };
  for (; **p >= '0' && **p <= '9'; ++*p)
    if ((out->index = out->index * 10 + (size_t)(**p - '0')) > CONNECTOR_ELEMENTS_MAX) return false;
  if (*p == from || **p != ']') return false;
  ++*p;
  return true;
}

static bool step_name(const char **p, struct step *out)
{
  const char *from = ++*p;
  if (*from == '"') {
    const char *end = string_end(from, from + strlen(from));
    if (end - from < 2 || end[-1] != '"') return false;
    *out = (struct step){ .name = from + 1, .n = (size_t)(end - from) - 2 };
    *p = end;
    return true;
  }
  *out = (struct step){ .name = from, .n = strcspn(from, ".[") };
  *p += out->n;
  return out->n > 0;
}

static bool path_read(const char *text, struct path *out)
{
  out->steps = 0;
  if (*text++ != '$') return false;
  while (*text) {
    if (out->steps == STEPS_MAX) return false;
    struct step *s = &out->step[out->steps++];
    if (*text == '[' ? !step_index(&text, s) : *text == '.' ? !step_name(&text, s) : true) return false;
  }
  return true;
}

bool json_path_ok(const char *path)
{
  struct path p;
  return path_read(path, &p);
}

bool json_has(const char *s, size_t n, const char *path)
{
  struct path p;
  struct json_span at = json_span_of(s, n);
  if (!path_read(path, &p)) return false;
  for (size_t i = 0; i < p.steps; i++)
    if (p.step[i].name ? !member_of(at, p.step[i].name, p.step[i].n, &at)
                       : !element_of(at, p.step[i].index, &at))
      return false;
  return at.p < at.end;
}

/* Each array or object on the way is read once for all paths through it: a page of 5,000 rows would be read 5,000
 * times otherwise. */
struct container {
  const char *at;
  struct json_span *key, *value; /* key NULL: an array */
  size_t n;
};
struct index {
  struct arena *a;
  struct container *slot; /* by hash of at, open */
  size_t cap, n;
};

static struct container *index_slot(const struct index *x, const char *at)
{
  size_t i = (size_t)hash64(&at, sizeof at, 7) & (x->cap - 1);
  while (x->slot[i].at && x->slot[i].at != at) i = (i + 1) & (x->cap - 1);
  return &x->slot[i];
}

static void index_grow(struct index *x)
{
  struct index bigger = { .a = x->a, .cap = x->cap ? x->cap * 2 : 64, .n = x->n };
  bigger.slot = arena_array(x->a, struct container, bigger.cap);
  for (size_t i = 0; i < x->cap; i++)
    if (x->slot[i].at) *index_slot(&bigger, x->slot[i].at) = x->slot[i];
  *x = bigger;
}

static void span_add(struct index *x, struct json_span **list, size_t n, size_t *room, struct json_span span)
{
  if (n == *room) {
    struct json_span *grown = arena_array(x->a, struct json_span, *room * 4);
    memcpy(grown, *list, n * sizeof *grown);
    *list = grown, *room *= 4;
  }
  (*list)[n] = span;
}

static void container_read(struct index *x, struct container *c, struct json_span span)
{
  bool has_keys = *span.p == '{';
  struct json_span key, value;
  size_t room = 16, rooms = 16;
  c->value = arena_array(x->a, struct json_span, room);
  if (has_keys) c->key = arena_array(x->a, struct json_span, rooms);
  for (const char *p = span.p + 1; span_next(&p, span.end, has_keys, &key, &value); c->n++) {
    span_add(x, &c->value, c->n, &room, value);
    if (has_keys) span_add(x, &c->key, c->n, &rooms, key);
  }
  c->at = span.p;
}

static const struct container *index_get(struct index *x, struct json_span span)
{
  if (x->n * 2 >= x->cap) index_grow(x);
  struct container *c = index_slot(x, span.p);
  if (!c->at) container_read(x, c, span), x->n++;
  return c;
}

static bool step_take(struct index *x, const struct step *s, struct json_span *span)
{
  if (span->p >= span->end || *span->p != (s->name ? '{' : '[')) return false;
  const struct container *c = index_get(x, *span);
  size_t i = s->index;
  if (s->name)
    for (i = 0; i < c->n; i++)
      if ((size_t)(c->key[i].end - c->key[i].p) == s->n + 2 && !memcmp(c->key[i].p + 1, s->name, s->n)) break;
  if (i >= c->n) return false;
  *span = c->value[i];
  return true;
}

static bool path_walk(struct index *x, struct json_span root, const char *text, struct json_span *out)
{
  struct path path;
  if (!path_read(text, &path)) return false;
  for (size_t i = 0; i < path.steps; i++)
    if (!step_take(x, &path.step[i], &root)) return false;
  *out = root;
  return true;
}

/* Two places in the same array. */
static bool same_array(const struct path *a, const struct path *b)
{
  if (!a->steps || a->steps != b->steps || a->step[a->steps - 1].name || b->step[b->steps - 1].name)
    return false;
  for (size_t i = 0; i + 1 < a->steps; i++) {
    const struct step *x = &a->step[i], *y = &b->step[i];
    if (!x->name != !y->name || x->n != y->n ||
        (x->name ? memcmp(x->name, y->name, x->n) != 0 : x->index != y->index))
      return false;
  }
  return true;
}

/* ---- envelopes ----------------------------------------------------------------------------------------------------- */
struct mapping {
  struct connector_box *b;
  struct arena *a;
  const struct connector_sql *q;
  const char *section;
  const char *body; /* what :body was */
  size_t body_n;
  struct json_span root; /* of the body, once somebody asked */
  bool has_raw;          /* rows are cut out */
  struct index index;
  struct connector_order *list;
  size_t n, room, whole; /* whole: orders that keep the whole body */
  const char *fault;
};

static bool fault(struct mapping *m, const char *why)
{
  m->fault = why;
  return false;
}

/* The order among those that a whole body gives; of a row there is but one. */
static void envelope_head(struct mapping *m, struct jw *w, const char *at, int64_t index)
{
  jw_object(w);
  jw_key(w, "at");
  if (*at == '[') jw_raw(w, at, strlen(at));
  else jw_string(w, at);
  if (!strcmp(m->section, "orders one")) jw_kstring(w, "call", "one");
  if (index >= 0) jw_kint(w, "n", index);
}

static void envelope_end(struct mapping *m, struct buf *b, struct jw *w, struct connector_order *o)
{
  jw_object_end(w);
  o->raw = arena_strn(m->a, b->data, b->len), o->raw_n = b->len;
  buf_release(b);
}

static bool keep_whole(struct mapping *m, struct connector_order *o, const char *row, size_t row_n)
{
  struct buf b = { 0 };
  struct jw w;
  if (++m->whole * m->body_n > CONNECTOR_BODY_MAX)
    return fault(m, "the paths of its rows are not in the answer; give o.fullkey of json_each");
  jw_init(&w, &b), envelope_head(m, &w, "$", (int64_t)m->n - 1);
  if (row) jw_key(&w, "rows"), jw_raw(&w, "[", 1), buf_put(&b, row, row_n), buf_char(&b, ']');
  jw_key(&w, "order"), jw_raw(&w, m->body, m->body_n);
  envelope_end(m, &b, &w, o);
  return true;
}

/* Gated: one value, and nothing but blanks around it. */
static struct json_span root_of(const char *s, size_t n)
{
  struct json_span root = { blanks(s, s + n), s + n };
  while (root.end > root.p && strchr(" \t\r\n", root.end[-1])) root.end--;
  return root;
}

/* path: one path, or the JSON array of several that stand in one array. */
static size_t paths_read(struct mapping *m, const char *text, const char **path, struct json_span *span,
                         size_t max)
{
  if (!m->root.p) m->root = root_of(m->body, m->body_n);
  struct json_span body = m->root;
  struct path first, next;
  const char *why;
  size_t at, n = 0;
  if (*text != '[') {
    *path = text;
    return path_walk(&m->index, body, text, span) ? 1 : 0;
  }
  if (!json_gate(text, strlen(text), SEVERAL_MAX * 2, &why, &at)) return 0;
  struct faults f = { .mem = m->a };
  const struct json *list = json_parse(m->a, text, strlen(text), SEVERAL_MAX * 2, &f);
  for (const struct json *j = json_first(list); j; j = json_next(j), n++) {
    if (n == max || !json_string(j) || !path_read(json_string(j), &next)) return 0;
    if (!n) first = next;
    if (!same_array(&first, &next) || !path_walk(&m->index, body, json_string(j), &span[n])) return 0;
  }
  return n;
}

static bool keep_row(struct mapping *m, struct connector_order *o, const char *path, const char *row,
                     size_t row_n)
{
  struct json_span *span = arena_array(m->a, struct json_span, path && *path == '[' ? SEVERAL_MAX : 1);
  const char *one = NULL;
  size_t n = path ? paths_read(m, path, &one, span, *path == '[' ? SEVERAL_MAX : 1) : 0;
  if (!n) return keep_whole(m, o, row, row_n);
  struct buf b = { 0 };
  struct jw w;
  jw_init(&w, &b), envelope_head(m, &w, path, -1);
  if (row) jw_key(&w, "row"), jw_raw(&w, row, row_n);
  jw_key(&w, "order");
  if (!one) buf_char(&b, '[');
  for (size_t i = 0; i < n; i++) {
    if (i) buf_char(&b, ',');
    if (one) jw_raw(&w, span[i].p, (size_t)(span[i].end - span[i].p));
    else buf_put(&b, span[i].p, (size_t)(span[i].end - span[i].p));
  }
  if (!one) buf_char(&b, ']');
  envelope_end(m, &b, &w, o);
  return true;
}

/* ---- mapping -------------------------------------------------------------------------------------------------------- */
static struct connector_order *order_new(struct mapping *m)
{
  if (m->n == m->room) {
    size_t room = m->room ? m->room * 2 : 64;
    struct connector_order *list = arena_array(m->a, struct connector_order, room);
    if (m->n) memcpy(list, m->list, m->n * sizeof *list);
    m->list = list, m->room = room;
  }
  return &m->list[m->n++];
}

static bool is_json(const struct sandbox_value *v, char first)
{
  const char *why;
  size_t at;
  if (v->kind != 't' || !json_gate(v->text, v->n, CONNECTOR_ELEMENTS_MAX, &why, &at)) return false;
  const char *p = blanks(v->text, v->text + v->n);
  return !first || *p == first;
}

static bool order_row(void *arg, const struct sandbox_value *v, int n)
{
  struct mapping *m = arg;
  struct connector_order *o = order_new(m);
  if (!is_json(&v[0], '{'))
    return fault(
      m, arena_printf(m->a, "order %zu is no JSON object without duplicate keys (json_object() gives one)",
                      m->n));
  o->order = arena_strn(m->a, v[0].text, v[0].n), o->order_n = v[0].n;
  if (!m->has_raw) return true;
  const char *path = n > 1 && v[1].kind == 't' ? arena_strn(m->a, v[1].text, v[1].n) : NULL;
  bool has_row = n > 2 && v[2].kind != 'n';
  if (has_row && !is_json(&v[2], 0))
    return fault(m, arena_printf(m->a, "the row of order %zu is no JSON text", m->n));
  return keep_row(m, o, path, has_row ? v[2].text : NULL, has_row ? v[2].n : 0);
}

/* [orders one] may be left out where [orders] reads both. */
static const struct connector_sql *orders_section(const struct connector *c, const char *section)
{
  const struct connector_sql *own = connector_section(c, section);
  return own ? own : connector_section(c, "orders");
}

/* With [next detail] the mapping reads the array of all pages, also of one. */
static void body_of(struct mapping *m, const struct connector *c, const struct connector_answer *ans)
{
  const char *p = blanks(ans->body, ans->body + ans->body_n);
  m->body = ans->body, m->body_n = ans->body_n;
  if (strcmp(m->section, "orders") != 0 || !connector_section(c, "next detail") || *p == '[') return;
  m->body = arena_printf(m->a, "[%s]", ans->body), m->body_n = ans->body_n + 2;
}

static const char *request_of(const struct connector *c, const char *section)
{
  return !strcmp(section, "orders one") ? "one" : c->has_detail ? "detail" : "list";
}

static bool map(struct mapping *m, const struct connector_answer *ans, const struct connector_vars *v,
                const char **why)
{
  const struct connector *c = box_connector(m->b);
  struct connector_params p = { .n = 0 };
  const char *gate = NULL;
  m->q = orders_section(c, m->section);
  if (!answer_gate(m->a, ans, &gate)) {
    *why = connector_said(m->a, c, m->q, gate);
    return false;
  }
  body_of(m, c, ans);
  params_vars(&p, c, request_of(c, m->section), v);
  params_answer(&p, m->a, ans, true, 4096);
  params_text(&p, "body", m->body, m->body_n);
  if (!box_run(m->b, m->a, m->q, &p, order_row, m, why)) return false;
  if (m->fault) *why = connector_said(m->a, c, m->q, m->fault);
  return !m->fault;
}

bool connector_orders(struct connector_box *b, struct arena *a, const char *section,
                      const struct connector_answer *ans, const struct connector_vars *v,
                      struct connector_order **list, size_t *n, const char **why)
{
  struct mapping m = { .b = b, .a = a, .section = section, .has_raw = true, .index.a = a };
  *list = NULL, *n = 0;
  if (!map(&m, ans, v, why)) return false;
  *list = m.list, *n = m.n;
  return true;
}

/* ---- again ------------------------------------------------------------------------------------------------------------ */
/* {"response":{"order_list":[…]}} around the bytes that stood at $.response.order_list[3]. */
static bool page_around(struct buf *out, const char *at, struct json_span order, bool is_several)
{
  struct path path;
  if (!path_read(at, &path)) return false;
  size_t n = path.steps - (is_several && path.steps ? 1 : 0);
  for (size_t i = 0; i < n; i++) {
    const struct step *s = &path.step[i];
    if (s->name) buf_str(out, "{\""), buf_put(out, s->name, s->n), buf_str(out, "\":");
    else buf_char(out, '[');
  }
  buf_put(out, order.p, (size_t)(order.end - order.p));
  for (size_t i = n; i-- > 0;) buf_char(out, path.step[i].name ? '}' : ']');
  return true;
}

static const char *span_text(struct arena *a, struct json_span s)
{
  return arena_strn(a, s.p, (size_t)(s.end - s.p));
}

/* "$.x" of a JSON string, or the first of an array of them. */
static const char *at_of(struct arena *a, struct json_span at, bool *is_several)
{
  *is_several = *at.p == '[';
  if (*is_several && !element_of(at, 0, &at)) return NULL;
  struct faults f = { .mem = a };
  const struct json *j = json_parse(a, at.p, (size_t)(at.end - at.p), 4, &f);
  return json_string(j);
}

static bool map_page(struct mapping *m, const char *page, size_t n, struct json_span envelope,
                     const struct connector_vars *v, const char **why)
{
  struct connector_vars vars = *v;
  struct json_span row;
  struct connector_answer ans = { .status = 200, .body = page, .body_n = n };
  if (json_span_member(envelope, "rows", &row)) vars.rows = span_text(m->a, row);
  else if (json_span_member(envelope, "row", &row))
    vars.rows = arena_printf(m->a, "[%s]", span_text(m->a, row));
  return map(m, &ans, &vars, why);
}

static bool pick(struct mapping *m, struct json_span envelope, struct connector_order *out, const char **why)
{
  struct json_span span;
  size_t at = json_span_member(envelope, "n", &span) ? (size_t)strtoul(span.p, NULL, 10)
              : m->n == 1                            ? 0
                                                     : m->n;
  if (at < m->n) return *out = m->list[at], true;
  *why = connector_said(m->a, box_connector(m->b), m->q,
                        m->n ? arena_printf(m->a, "what was kept holds %zu orders, not one", m->n)
                             : "it finds no order in what was kept");
  return false;
}

bool connector_again(struct connector_box *b, struct arena *a, const char *raw, size_t raw_n,
                     const struct connector_vars *v, struct connector_order *out, const char **why)
{
  struct mapping m = { .b = b, .a = a, .section = "orders" };
  struct json_span envelope, at, order, call;
  struct buf page = { 0 };
  const char *gate;
  size_t where;
  bool is_several = false;
  *why = "this payload is no row that a connector has kept";
  if (!json_gate(raw, raw_n, CONNECTOR_ELEMENTS_MAX, &gate, &where)) return false;
  envelope = json_span_of(raw, raw_n);
  if (!json_span_member(envelope, "at", &at) || !json_span_member(envelope, "order", &order)) return false;
  const char *path = at_of(a, at, &is_several);
  if (json_span_member(envelope, "call", &call) && call.end - call.p == 5 && !memcmp(call.p, "\"one\"", 5))
    m.section = "orders one";
  if (!path || !page_around(&page, path, order, is_several)) {
    buf_release(&page);
    return false;
  }
  bool ok = map_page(&m, arena_strn(a, page.data, page.len), page.len, envelope, v, why) &&
            pick(&m, envelope, out, why);
  buf_release(&page);
  if (ok) out->raw = arena_strn(a, raw, raw_n), out->raw_n = raw_n;
  return ok;
}
