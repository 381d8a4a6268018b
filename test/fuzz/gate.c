/* The gate against a second, naive reader of JSON written from the grammar (recursive, every pair of
 * keys compared): both must say the same of every input. What passes is parsed, written again, and
 * must then be the same value. */
#include "base.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define ELEMENTS_MAX 500

struct naive {
  const unsigned char *p, *end;
  size_t elements;
};

static bool value(struct naive *v, int depth);

static void blank(struct naive *v)
{
  while (v->p < v->end && *v->p && strchr(" \t\r\n", *v->p)) v->p++;
}

static bool take(struct naive *v, char c)
{
  blank(v);
  if (v->p == v->end || *v->p != (unsigned char)c) return false;
  v->p++;
  return true;
}

static bool hex(struct naive *v, uint32_t *u)
{
  *u = 0;
  for (int i = 0; i < 4; i++, v->p++) {
    static const char digits[] = "0123456789abcdefABCDEF";
    const char *d = v->p < v->end && *v->p ? strchr(digits, *v->p) : NULL;
    if (!d) return false;
    *u = *u * 16 + (uint32_t)(d - digits > 15 ? d - digits - 6 : d - digits);
  }
  return *u != 0;
}

static bool escape(struct naive *v, struct buf *out)
{
  static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
  if (v->p == v->end || !*v->p) return false;
  unsigned char c = *v->p++;
  uint32_t u, low;
  if (c != 'u') {
    const char *named = strchr(from, c);
    if (named) buf_char(out, to[named - from]);
    return named != NULL;
  }
  if (!hex(v, &u) || (u >= 0xdc00 && u <= 0xdfff)) return false;
  if (u >= 0xd800 && u <= 0xdbff) {
    if (v->end - v->p < 2 || *v->p++ != '\\' || *v->p++ != 'u' || !hex(v, &low)) return false;
    if (low < 0xdc00 || low > 0xdfff) return false;
    u = 0x10000 + (u - 0xd800) * 0x400 + (low - 0xdc00);
  }
  utf8_put(out, u);
  return true;
}

static bool string(struct naive *v, struct buf *out)
{
  const unsigned char *start = v->p;
  for (;;) {
    if (v->p == v->end || *v->p < 0x20) return false;
    unsigned char c = *v->p++;
    if (c == '"') return utf8_valid((const char *)start, (size_t)(v->p - start));
    if (c == '\\' ? !escape(v, out) : (buf_char(out, (char)c), false)) return false;
  }
}

static bool digits(struct naive *v)
{
  const unsigned char *start = v->p;
  while (v->p < v->end && *v->p >= '0' && *v->p <= '9') v->p++;
  return v->p > start;
}

static bool number(struct naive *v)
{
  if (*v->p == '-') v->p++;
  const unsigned char *whole = v->p;
  if (!digits(v) || (*whole == '0' && v->p - whole > 1)) return false;
  if (v->p < v->end && *v->p == '.' && (v->p++, !digits(v))) return false;
  if (v->p == v->end || (*v->p != 'e' && *v->p != 'E')) return true;
  v->p++;
  if (v->p < v->end && (*v->p == '+' || *v->p == '-')) v->p++;
  return digits(v);
}

static bool object(struct naive *v, int depth)
{
  struct arena a = { 0 };
  size_t n = 0, len[ELEMENTS_MAX];
  char *key[ELEMENTS_MAX];
  bool ok = true;
  if (take(v, '}')) return true;
  do {
    struct buf k = { 0 };
    ok = take(v, '"') && string(v, &k) && n < ELEMENTS_MAX && take(v, ':');
    if (ok) key[n] = arena_strn(&a, k.data, k.len), len[n] = k.len;
    for (size_t i = 0; ok && i < n; i++) ok = len[i] != len[n] || memcmp(key[i], key[n], len[i]);
    n++;
    buf_release(&k);
    ok = ok && value(v, depth);
  } while (ok && take(v, ','));
  arena_release(&a);
  return ok && take(v, '}');
}

static bool array(struct naive *v, int depth)
{
  if (take(v, ']')) return true;
  do
    if (!value(v, depth)) return false;
  while (take(v, ','));
  return take(v, ']');
}

static bool value(struct naive *v, int depth)
{
  static const char *const word[] = { "true", "false", "null" };
  struct buf b = { 0 };
  blank(v);
  if (v->p == v->end || ++v->elements > ELEMENTS_MAX) return false;
  if (*v->p == '{' || *v->p == '[') {
    if (depth == JSON_DEPTH_MAX) return false;
    return *v->p++ == '{' ? object(v, depth + 1) : array(v, depth + 1);
  }
  if (*v->p == '"') {
    v->p++;
    bool ok = string(v, &b);
    buf_release(&b);
    return ok;
  }
  for (size_t i = 0; i < COUNT(word); i++)
    if ((size_t)(v->end - v->p) >= strlen(word[i]) && !memcmp(v->p, word[i], strlen(word[i]))) {
      v->p += strlen(word[i]);
      return true;
    }
  return number(v);
}

static bool naive_ok(const uint8_t *data, size_t n)
{
  struct naive v = { data, data + n, 0 };
  if (!value(&v, 0)) return false;
  blank(&v);
  return v.p == v.end;
}

static bool equal(const struct json *x, const struct json *y)
{
  if (json_type(x) != json_type(y) || json_bool(x) != json_bool(y)) return false;
  const char *s = json_type(x) == JSON_NUMBER ? json_number(x) : json_string(x);
  const char *t = json_type(y) == JSON_NUMBER ? json_number(y) : json_string(y);
  if ((s != NULL) != (t != NULL) || (s && strcmp(s, t))) return false;
  for (x = json_first(x), y = json_first(y); x && y; x = json_next(x), y = json_next(y)) {
    const char *k = json_key(x), *l = json_key(y);
    if ((k != NULL) != (l != NULL) || (k && strcmp(k, l)) || !equal(x, y)) return false;
  }
  return !x && !y;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
  const char *why;
  size_t at;
  bool ok = json_gate((const char *)data, n, ELEMENTS_MAX, &why, &at);
  must(ok == naive_ok(data, n));
  must(ok == !why && at <= n);
  if (!ok) return 0;
  struct arena a = { 0 };
  struct faults f = { .mem = &a };
  struct buf again = { 0 };
  struct jw w;
  struct json *x = json_parse(&a, (const char *)data, n, ELEMENTS_MAX, &f);
  must(x);
  jw_init(&w, &again), jw_json(&w, x);
  must(naive_ok((const uint8_t *)again.data, again.len));
  struct json *y = json_parse(&a, again.data, again.len, ELEMENTS_MAX, &f);
  must(y && equal(x, y) && !f.n);
  buf_release(&again);
  arena_release(&a);
  return 0;
}
