/* api_batch.c: many rows in one body, {"orders":[…]}: each is a command of its own, with a result of its own. */
#include "edge.h"

struct batch {
  struct call *k;
  const struct batch_kind *kind;
  struct cmd *row[ORDERS_BATCH_MAX];
  enum err err[ORDERS_BATCH_MAX];
  size_t n, waiting;
};

static const char *blanks(const char *p)
{
  return p + strspn(p, " \t\r\n");
}

/* {"orders": … is what makes a body a batch: looked for as the first key, so that one order costs nothing. */
const char *api_batch_of(const char *body, const char *key)
{
  const char *p = blanks(body);
  size_t n = strlen(key);
  if (*p != '{') return NULL;
  p = blanks(p + 1);
  if (*p != '"' || strncmp(p + 1, key, n) != 0 || p[n + 1] != '"') return NULL;
  p = blanks(p + n + 2);
  return *p == ':' ? blanks(p + 1) : NULL;
}

/* The end of the value at p, in text that the gate has passed. */
static const char *value_end(const char *p)
{
  int depth = 0;
  bool text = false;
  for (; *p; p++) {
    if (text) {
      if (*p == '\\') p++;
      else if (*p == '"' && (text = false, !depth)) return p + 1;
    } else if (*p == '"') {
      text = true;
    } else if (*p == '{' || *p == '[') {
      depth++;
    } else if (*p == '}' || *p == ']') {
      if (!depth) return p;
      if (!--depth) return p + 1;
    } else if (*p == ',' && !depth) {
      return p;
    }
  }
  return p;
}

static void batch_answer(struct batch *b)
{
  struct buf out = { 0 };
  buf_str(&out, "{\"results\":[");
  for (size_t i = 0; i < b->n; i++) {
    if (i) buf_char(&out, ',');
    b->kind->row(&out, (int64_t)i, b->row[i], b->err[i]);
    api_cmd_free(b->k->api, b->row[i]);
  }
  buf_str(&out, "]}");
  call_reply(b->k, 207, NULL, &out);
  buf_release(&out);
  mem_free(b);
}

struct batch_owner {
  struct batch *b;
  size_t index;
};

static void batch_done(struct cmd *c)
{
  struct batch_owner *o = c->owner;
  o->b->err[o->index] = cmd_err(c);
  if (!--o->b->waiting) batch_answer(o->b);
}

static void batch_row(struct batch *b, const char *raw, size_t n)
{
  struct api *api = b->k->api;
  struct cmd *c = b->kind->make(b->k, b->n, raw, n);
  struct batch_owner *o = arena_new(&c->mem, struct batch_owner);
  *o = (struct batch_owner){ b, b->n };
  enum err e = cmd_parse(c, raw, n);
  if (!e && !api_push(api, c, batch_done, o)) e = ERR_BUSY;
  else if (!e) b->waiting++;
  b->row[b->n] = c;
  b->err[b->n++] = e;
}

static bool batch_refuse(struct call *k, const struct batch_kind *kind, const char *code, const char *detail)
{
  const char *pointer = arena_printf(&k->r->mem, "/%s", kind->list);
  struct problem p = { .code = code, .detail = detail, .faults = { .mem = &k->r->mem } };
  fault_add(&p.faults, pointer, code, "%s", detail);
  call_refuse_with(k, ERR_INVALID, &p);
  return false;
}

/* Nothing of a body that is wrong as a whole is taken: its shape is looked at before the first row starts. */
static bool batch_shape(struct call *k, const struct batch_kind *kind, const char *list, size_t *count)
{
  struct arena *a = &k->r->mem;
  const char *p = list;
  *count = 0;
  if (*p != '[') return batch_refuse(k, kind, "not_a_list", arena_printf(a, "%s is a list", kind->list));
  for (p = blanks(p + 1); *p != ']'; p = blanks(*p == ',' ? p + 1 : p)) p = blanks(value_end(p)), ++*count;
  p = blanks(p + 1);
  if (*p == ',')
    return batch_refuse(k, kind, "unknown_key",
                        arena_printf(a, "Beside %s there is nothing in a batch", kind->list));
  if (!*count) return batch_refuse(k, kind, "empty", arena_printf(a, "There is no %s in it", kind->one));
  if (*count > ORDERS_BATCH_MAX)
    return batch_refuse(k, kind, kind->too_many,
                        arena_printf(a, "A batch has at most %d of them", ORDERS_BATCH_MAX));
  return true;
}

void api_batch_post(struct call *k, const struct batch_kind *kind, const char *list)
{
  struct http_request *r = k->r;
  const char *why = NULL;
  size_t at, count;
  const char *key = http_field(r, "idempotency-key");
  if (!json_gate(r->body, r->body_n, JSON_ELEMENTS_BATCH_MAX, &why, &at)) {
    call_refuse(k, ERR_BAD_REQUEST, "bad_json", NULL, "At byte %zu: %s", at, why);
    return;
  }
  if (key && !idempotency_key_ok(key)) {
    call_refuse(k, ERR_BAD_REQUEST, "bad_idempotency_key", NULL,
                "Idempotency-Key is 1 to 255 visible ASCII characters.");
    return;
  }
  if (http_field(r, "if-match")) {
    call_refuse(k, ERR_BAD_REQUEST, "bad_if_match", NULL, IF_MATCH_OF_MANY);
    return;
  }
  if (!batch_shape(k, kind, list, &count)) return;
  struct batch *b = mem_new(sizeof *b);
  b->k = k, b->kind = kind;
  for (const char *p = blanks(list + 1), *end; *p != ']'; p = blanks(*end == ',' ? end + 1 : end)) {
    end = value_end(p);
    size_t n = (size_t)(end - p);
    end = blanks(end);
    batch_row(b, p, n);
  }
  must(b->n == count);
  if (!b->waiting) batch_answer(b);
}
