/* json.c: parsed JSON values, with cJSON behind our gate.
 *
 * cJSON turns numbers into doubles and forgets their text. Ids and money must not pass through a
 * double, so before cJSON sees the document every number token becomes a string that starts with the
 * byte 0xFF: a byte that the gate lets into no string, hence a mark that nobody can forge.
 * `struct json` is such a cJSON item. */
#include "base.h"
#include <cJSON.h>
#include <stdio.h>

enum { NUMBER_MARK = 0xff };

/* ---- faults ------------------------------------------------------------------------------------- */

void fault_add(struct faults *f, const char *pointer, const char *code, const char *fmt, ...)
{
  if (f->n++ >= (int)COUNT(f->at)) return;
  va_list ap;
  va_start(ap, fmt);
  va_list again;
  va_copy(again, ap);
  int len = vsnprintf(NULL, 0, fmt, ap);
  must(len >= 0);
  char *detail = arena_alloc(f->mem, (size_t)len + 1);
  vsnprintf(detail, (size_t)len + 1, fmt, again);
  va_end(again);
  va_end(ap);
  f->at[f->n - 1] = (struct fault){ arena_str(f->mem, pointer), arena_str(f->mem, code), detail };
}

char *json_pointer(struct arena *a, const char *base, const char *key)
{
  struct buf b = { 0 };
  buf_str(&b, base), buf_char(&b, '/');
  for (const char *p = key; *p; p++) {
    if (*p == '~') buf_str(&b, "~0");
    else if (*p == '/') buf_str(&b, "~1");
    else buf_char(&b, *p);
  }
  char *text = arena_strn(a, b.data, b.len);
  buf_release(&b);
  return text;
}

/* ---- parsing ------------------------------------------------------------------------------------ */

/* cJSON's hooks are global and know no context: the arena of the parse that runs on this thread. */
static _Thread_local struct arena *parse_arena;

static void *hook_alloc(size_t n)
{
  must(parse_arena);
  return arena_alloc(parse_arena, n);
}

static void hook_free(void *p)
{
  (void)p; /* the arena keeps it */
}

/* Before main, so that no two threads can set them at once. */
__attribute__((constructor)) static void hooks_set(void)
{
  cJSON_InitHooks(&(cJSON_Hooks){ hook_alloc, hook_free });
}

/* Behind the closing quote of the string that starts at p. The gate has been here: it ends. */
static const char *string_end(const char *p)
{
  for (p++; *p != '"'; p++)
    if (*p == '\\') p++;
  return p + 1;
}

static bool in_number(char c)
{
  return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

/* Copies a gated document with every number as a marked string. */
static void mark_numbers(struct buf *out, const char *s, const char *end)
{
  buf_reserve(out, (size_t)(end - s) + 64);
  const char *copied = s, *p = s;
  while (p < end) {
    if (*p == '"') {
      p = string_end(p);
    } else if (*p == '-' || (*p >= '0' && *p <= '9')) {
      buf_put(out, copied, (size_t)(p - copied));
      copied = p;
      while (p < end && in_number(*p)) p++;
      buf_put(out, "\"\xff", 2);
      buf_put(out, copied, (size_t)(p - copied));
      buf_char(out, '"');
      copied = p;
    } else {
      p++;
    }
  }
  buf_put(out, copied, (size_t)(end - copied));
}

static cJSON *tree_build(struct arena *a, const char *s, size_t n)
{
  struct buf marked = { 0 };
  mark_numbers(&marked, s, s + n);
  parse_arena = a;
  const char *end = NULL;
  cJSON *root = cJSON_ParseWithLengthOpts(marked.data, marked.len + 1, &end, true);
  parse_arena = NULL;
  buf_release(&marked);
  return root;
}

struct json *json_parse(struct arena *a, const char *s, size_t n, size_t elements_max, struct faults *f)
{
  const char *why;
  size_t at;
  if (!json_gate(s, n, elements_max, &why, &at)) {
    fault_add(f, "", "bad_json", "%s, at byte %zu", why, at);
    return NULL;
  }
  cJSON *root = tree_build(a, s, n);
  must(root); /* what the gate lets through, the library understands */
  return (struct json *)root;
}

/* ---- getters ------------------------------------------------------------------------------------ */

static const cJSON *item(const struct json *j)
{
  return (const cJSON *)j;
}

static const struct json *value(const cJSON *c)
{
  return (const struct json *)c;
}

static bool is_container(const struct json *j)
{
  return j && (item(j)->type & (cJSON_Array | cJSON_Object));
}

enum json_type json_type(const struct json *j)
{
  if (!j) return JSON_NULL;
  switch (item(j)->type & 0xff) {
  case cJSON_False:
  case cJSON_True: return JSON_BOOL;
  case cJSON_Array: return JSON_ARRAY;
  case cJSON_Object: return JSON_OBJECT;
  case cJSON_String: return (unsigned char)item(j)->valuestring[0] == NUMBER_MARK ? JSON_NUMBER : JSON_STRING;
  default: return JSON_NULL;
  }
}

const char *json_string(const struct json *j)
{
  return json_type(j) == JSON_STRING ? item(j)->valuestring : NULL;
}

const char *json_number(const struct json *j)
{
  return json_type(j) == JSON_NUMBER ? item(j)->valuestring + 1 : NULL;
}

bool json_bool(const struct json *j)
{
  return j && (item(j)->type & 0xff) == cJSON_True;
}

bool json_int(const struct json *j, int64_t *out)
{
  const char *p = json_number(j);
  if (!p) return false;
  bool negative = *p == '-';
  int64_t v = 0;
  for (p += negative; *p; p++) {
    if (*p < '0' || *p > '9') return false; /* a fraction or an exponent: not ours to round */
    int digit = negative ? '0' - *p : *p - '0';
    if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, digit, &v)) return false;
  }
  *out = v;
  return true;
}

size_t json_count(const struct json *j)
{
  size_t n = 0;
  for (const struct json *m = json_first(j); m; m = json_next(m)) n++;
  return n;
}

const struct json *json_get(const struct json *obj, const char *key)
{
  if (json_type(obj) != JSON_OBJECT) return NULL;
  for (const cJSON *m = item(obj)->child; m; m = m->next)
    if (m->string[0] == key[0] && !strcmp(m->string, key)) return value(m);
  return NULL;
}

const struct json *json_at(const struct json *arr, size_t i)
{
  const struct json *m = json_first(arr);
  while (m && i--) m = json_next(m);
  return m;
}

const struct json *json_first(const struct json *j)
{
  return is_container(j) ? value(item(j)->child) : NULL;
}

const struct json *json_next(const struct json *j)
{
  return j ? value(item(j)->next) : NULL;
}

const char *json_key(const struct json *member)
{
  return member ? item(member)->string : NULL;
}
