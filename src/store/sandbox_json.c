/* sandbox_json.c: functions over the letters of JSON texts, for numbers that no double holds and for
 * signatures over what was sent. Nothing here turns a token into a number. */
#include "store.h"
#include <sqlite3.h>
#include <stdlib.h>

/* A piece of a JSON text. */
struct span {
  const char *p, *end;
};

static bool is_digit(char c)
{
  return c >= '0' && c <= '9';
}

/* ---- walking through a text that may be anything -------------------------------------------------- */
static const char *blanks_end(struct span s)
{
  while (s.p < s.end && (*s.p == ' ' || *s.p == '\t' || *s.p == '\n' || *s.p == '\r')) s.p++;
  return s.p;
}

/* Eight letters at a time: does one of them end the string or begin an escape? */
static bool plain_word(const char *p)
{
  uint64_t w, quote, escape, one = 0x0101010101010101, top = 0x8080808080808080;
  memcpy(&w, p, sizeof w);
  quote = w ^ (one * '"'), escape = w ^ (one * '\\');
  return !((((quote - one) & ~quote) | ((escape - one) & ~escape)) & top);
}

/* Behind the string at p, NULL when it does not end. */
static const char *string_end(struct span s)
{
  for (s.p++; s.end - s.p >= 8 && plain_word(s.p);) s.p += 8;
  for (; s.p < s.end; s.p++) {
    if (*s.p == '"') return s.p + 1;
    if (*s.p == '\\') s.p++;
  }
  return NULL;
}

/* Behind the value at p, NULL when there is none. */
static const char *value_end(struct span s)
{
  int depth = 0;
  do {
    s.p = blanks_end(s);
    if (s.p == s.end) return NULL;
    char c = *s.p;
    if (c == '"') {
      if (!(s.p = string_end(s))) return NULL;
    } else if (c == '{' || c == '[') depth++, s.p++;
    else if (c == '}' || c == ']') depth--, s.p++;
    else if (c == ',' || c == ':') {
      if (!depth) return NULL;
      s.p++;
    } else
      while (s.p < s.end && !strchr(" \t\r\n,:{}[]\"", *s.p)) s.p++;
  } while (depth > 0);
  return depth ? NULL : s.p;
}

/* The next member or element of what stands at *at (behind its opening bracket, or behind the last one): its key
 * with the quotes (only in an object), and its value. false at the end. */
static bool member_next(struct span *at, bool in_object, struct span *key, struct span *value)
{
  at->p = blanks_end(*at);
  if (at->p < at->end && *at->p == ',') at->p++, at->p = blanks_end(*at);
  if (at->p == at->end || *at->p == '}' || *at->p == ']') return false;
  if (in_object) {
    if (*at->p != '"') return false;
    key->p = at->p;
    if (!(key->end = at->p = string_end(*at))) return false;
    at->p = blanks_end(*at);
    if (at->p == at->end || *at->p++ != ':') return false;
  }
  value->p = blanks_end(*at);
  const char *end = value_end((struct span){ value->p, at->end });
  if (!end || end == value->p) return false;
  value->end = at->p = end;
  return true;
}

/* ---- letters of a string ----------------------------------------------------------------------------- */
static int hex4(const char *p, const char *end)
{
  int v = 0;
  if (end - p < 4) return -1;
  for (int i = 0; i < 4; i++) {
    char low = (char)(p[i] | 0x20);
    if (!is_digit(p[i]) && (low < 'a' || low > 'f')) return -1;
    v = v * 16 + (is_digit(p[i]) ? p[i] - '0' : low - 'a' + 10);
  }
  return v;
}

/* \uXXXX at p, with its other half; half a pair and NUL become U+FFFD. */
static const char *decode_u(struct buf *out, const char *p, const char *end)
{
  int u = hex4(p + 2, end), low = -1;
  const char *behind = p + 6;
  if (u < 0) return p + 2;
  if (u >= 0xd800 && u <= 0xdbff && end - p >= 12 && p[6] == '\\' && p[7] == 'u') low = hex4(p + 8, end);
  bool is_pair = low >= 0xdc00 && low <= 0xdfff;
  if (is_pair) u = 0x10000 + ((u - 0xd800) << 10) + (low - 0xdc00), behind = p + 12;
  utf8_put(out, !u || (u >= 0xd800 && u <= 0xdfff) ? 0xfffd : (uint32_t)u);
  return behind;
}

/* What the letters between two quotes say. */
static void decode_letters(struct buf *out, const char *p, const char *end)
{
  static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
  buf_reserve(out, (size_t)(end - p) + 2);
  while (p < end) {
    if (*p != '\\' || p + 1 >= end) {
      buf_char(out, *p++);
      continue;
    }
    const char *named = strchr(from, p[1]);
    if (p[1] == 'u') p = decode_u(out, p, end);
    else buf_char(out, named && *named ? to[named - from] : p[1]), p += 2;
  }
}

static void decode(struct buf *out, struct span quoted)
{
  decode_letters(out, quoted.p + 1, quoted.end - 1);
}

static bool says(struct span quoted, struct span name)
{
  size_t n = (size_t)(name.end - name.p);
  if (!memchr(quoted.p, '\\', (size_t)(quoted.end - quoted.p)))
    return (size_t)(quoted.end - quoted.p) == n + 2 && !memcmp(quoted.p + 1, name.p, n);
  struct buf b = { 0 };
  decode(&b, quoted);
  bool same = b.len == n && !memcmp(b.data, name.p, n);
  buf_release(&b);
  return same;
}

/* ---- num_text(json, '$.a.b[3]."c d"') --------------------------------------------------------------------- */
static bool step_key(struct span *value, struct span name)
{
  struct span at = { value->p + 1, value->end }, key, v;
  if (*value->p != '{') return false;
  while (member_next(&at, true, &key, &v))
    if (says(key, name)) return *value = v, true;
  return false;
}

static bool step_index(struct span *value, size_t index)
{
  struct span at = { value->p + 1, value->end }, v;
  if (*value->p != '[') return false;
  while (member_next(&at, false, NULL, &v))
    if (!index--) return *value = v, true;
  return false;
}

static size_t elements(struct span value)
{
  struct span at = { value.p + 1, value.end }, v;
  size_t n = 0;
  while (*value.p == '[' && member_next(&at, false, NULL, &v)) n++;
  return n;
}

/* One step of a path: a name, or an index. */
struct step {
  struct span name; /* p NULL: an index */
  size_t index;
  bool from_end;
};

/* "[3]" or, from the end, "[#-1]". */
static bool path_index(const char **path, struct step *s)
{
  const char *p = *path + 1;
  *s = (struct step){ .from_end = p[0] == '#' && p[1] == '-' };
  p += s->from_end ? 2 : 0;
  if (!is_digit(*p)) return false;
  for (; is_digit(*p); p++)
    if ((s->index = s->index * 10 + (size_t)(*p - '0')) > SANDBOX_VALUE_MAX) return false;
  if (*p != ']') return false;
  *path = p + 1;
  return true;
}

static bool path_key(const char **path, struct step *s)
{
  const char *p = *path + 1;
  bool is_quoted = *p == '"';
  struct span name = { p + is_quoted, NULL };
  name.end = is_quoted ? strchr(name.p, '"') : name.p + strcspn(name.p, ".[");
  if (!name.end || (!is_quoted && name.end == name.p)) return false;
  *path = name.end + is_quoted;
  *s = (struct step){ .name = name };
  return true;
}

static bool path_step(const char **path, struct step *s)
{
  return **path == '.' ? path_key(path, s) : **path == '[' && path_index(path, s);
}

static bool step_take(struct span *value, const struct step *s)
{
  if (value->p >= value->end) return false;
  if (s->name.p) return step_key(value, s->name);
  if (!s->from_end) return step_index(value, s->index);
  size_t n = elements(*value);
  return s->index && s->index <= n && step_index(value, n - s->index);
}

static bool path_walk(const char *path, struct span *value)
{
  struct step s;
  if (*path++ != '$') return false;
  while (*path)
    if (!path_step(&path, &s) || !step_take(value, &s)) return false;
  return true;
}

static struct span span_of(sqlite3_value *v)
{
  const char *p = sqlite3_value_type(v) == SQLITE_BLOB ? NULL : (const char *)sqlite3_value_text(v);
  return (struct span){ p, p ? p + sqlite3_value_bytes(v) : NULL };
}

static void give(sqlite3_context *c, const char *p, size_t n)
{
  sqlite3_result_text64(c, p, n, SQLITE_TRANSIENT, SQLITE_UTF8);
}

static bool is_over(sqlite3_context *c)
{
  bool late = sandbox_late(); /* asked once: it may become true between two */
  if (late) sqlite3_result_error_code(c, SQLITE_INTERRUPT);
  return late;
}

static bool is_word(struct span s, const char *word)
{
  return (size_t)(s.end - s.p) == strlen(word) && !memcmp(s.p, word, strlen(word));
}

static void give_value(sqlite3_context *c, struct span v)
{
  if (v.p == v.end || is_word(v, "null")) return;
  if (*v.p != '"') {
    give(c, v.p, (size_t)(v.end - v.p));
    return;
  }
  struct buf b = { 0 };
  decode(&b, v);
  give(c, b.data, b.len);
  buf_release(&b);
}

/* ---- the same in the engine's binary form --------------------------------------------------------------------
 * A value is a head and its payload. The head's low half byte is the kind; the high one the payload's length, or
 * from 12 on in how many bytes (1, 2, 4, 8) the length follows. Numbers and strings have the letters they came with. */
enum {
  JB_NULL,
  JB_TRUE,
  JB_FALSE,
  JB_FLOAT5 = 6,
  JB_TEXT,
  JB_TEXTJ,
  JB_TEXT5,
  JB_TEXTRAW,
  JB_ARRAY,
  JB_OBJECT
};
struct binary {
  int kind;
  struct span all, payload;
};

static bool binary_read(struct span in, struct binary *out)
{
  if (in.p >= in.end) return false;
  unsigned head = (unsigned char)*in.p, more = head >> 4;
  uint64_t n = more;
  out->kind = (int)(head & 15), out->all.p = in.p++;
  if (more > 11) {
    size_t bytes = (size_t)1 << (more - 12);
    if ((size_t)(in.end - in.p) < bytes) return false;
    for (n = 0; bytes; bytes--) n = n << 8 | (unsigned char)*in.p++;
  }
  if (n > (uint64_t)(in.end - in.p)) return false;
  out->payload = (struct span){ in.p, in.p + n }, out->all.end = in.p + n;
  return true;
}

static bool binary_is_text(const struct binary *b)
{
  return b->kind >= JB_TEXT && b->kind <= JB_TEXTRAW;
}

static bool binary_says(const struct binary *b, struct span name)
{
  size_t n = (size_t)(name.end - name.p);
  if (!binary_is_text(b)) return false;
  if (b->kind == JB_TEXT || b->kind == JB_TEXTRAW)
    return (size_t)(b->payload.end - b->payload.p) == n && !memcmp(b->payload.p, name.p, n);
  struct buf letters = { 0 };
  decode_letters(&letters, b->payload.p, b->payload.end);
  bool same = letters.len == n && !memcmp(letters.data, name.p, n);
  buf_release(&letters);
  return same;
}

static bool binary_key(struct binary *b, struct span name)
{
  struct span at = b->payload;
  struct binary key, value;
  if (b->kind != JB_OBJECT) return false;
  for (; binary_read(at, &key); at.p = value.all.end) {
    if (!binary_read((struct span){ key.all.end, at.end }, &value)) return false;
    if (binary_says(&key, name)) return *b = value, true;
  }
  return false;
}

static bool binary_index(struct binary *b, size_t index, bool from_end)
{
  struct span at = b->payload;
  struct binary value;
  if (b->kind != JB_ARRAY) return false;
  if (from_end) {
    size_t n = 0;
    for (struct span count = at; binary_read(count, &value); count.p = value.all.end) n++;
    if (!index || index > n) return false;
    index = n - index;
  }
  for (; binary_read(at, &value); at.p = value.all.end)
    if (!index--) return *b = value, true;
  return false;
}

static bool binary_walk(const char *path, struct binary *b)
{
  struct step s;
  if (*path++ != '$') return false;
  while (*path) {
    if (!path_step(&path, &s)) return false;
    if (!(s.name.p ? binary_key(b, s.name) : binary_index(b, s.index, s.from_end))) return false;
  }
  return true;
}

/* An object or array comes as what it is, in the binary form. */
static void binary_give(sqlite3_context *c, const struct binary *b)
{
  struct buf letters = { 0 };
  if (b->kind == JB_TEXTJ || b->kind == JB_TEXT5) {
    decode_letters(&letters, b->payload.p, b->payload.end);
    give(c, letters.data ? letters.data : "", letters.len);
    buf_release(&letters);
  } else if (b->kind == JB_TRUE || b->kind == JB_FALSE) {
    give(c, b->kind == JB_TRUE ? "true" : "false", b->kind == JB_TRUE ? 4 : 5);
  } else if (b->kind == JB_ARRAY || b->kind == JB_OBJECT) {
    sqlite3_result_blob64(c, b->all.p, (uint64_t)(b->all.end - b->all.p), SQLITE_TRANSIENT);
  } else if (b->kind != JB_NULL && b->kind <= JB_TEXTRAW)
    give(c, b->payload.p, (size_t)(b->payload.end - b->payload.p));
}

static void binary_num_text(sqlite3_context *c, sqlite3_value *v, const char *path)
{
  struct binary b;
  struct span all = { sqlite3_value_blob(v), NULL };
  all.end = all.p ? all.p + sqlite3_value_bytes(v) : NULL;
  if (all.p && binary_read(all, &b) && b.all.end == all.end && binary_walk(path, &b)) binary_give(c, &b);
}

static void fn_num_text(sqlite3_context *c, int n, sqlite3_value **v)
{
  struct span value = span_of(v[0]);
  const char *path = (const char *)span_of(v[1]).p;
  (void)n;
  if (!path || is_over(c)) return;
  if (sqlite3_value_type(v[0]) == SQLITE_BLOB) binary_num_text(c, v[0], path);
  if (!value.p) return;
  value.p = blanks_end(value);
  const char *end = value_end(value);
  if (!end || blanks_end((struct span){ end, value.end }) != value.end) return;
  value.end = end;
  if (path_walk(path, &value)) give_value(c, value);
}

/* ---- members in the byte order of their names ---------------------------------------------------------------- */
struct member {
  struct span key, value;
  struct buf name; /* decoded */
};

static int member_order(const void *x, const void *y)
{
  const struct member *a = x, *b = y;
  size_t n = a->name.len < b->name.len ? a->name.len : b->name.len;
  int d = memcmp(a->name.data, b->name.data, n);
  return d ? d : (a->name.len > b->name.len) - (a->name.len < b->name.len);
}

/* The members of a gated object, sorted; members_drop() gives them back. */
static struct member *members_of(struct span object, size_t *n)
{
  struct span at = { object.p + 1, object.end }, key, value;
  struct member *m = NULL;
  size_t max = 0;
  for (*n = 0; member_next(&at, true, &key, &value); ++*n) {
    if (*n == max) max = max ? max * 2 : 16, m = mem_grow(m, max * sizeof *m);
    m[*n] = (struct member){ key, value, { 0 } };
    decode(&m[*n].name, key);
  }
  if (*n) qsort(m, *n, sizeof *m, member_order);
  return m;
}

static void members_drop(struct member *m, size_t n)
{
  for (size_t i = 0; i < n; i++) buf_release(&m[i].name);
  mem_free(m);
}

/* Gated, so no deeper than the gate lets through. */
static void sorted_put(struct buf *b, struct span v)
{
  struct span at = { v.p + 1, v.end }, element;
  if (*v.p == '{') {
    size_t n;
    struct member *m = members_of(v, &n);
    buf_char(b, '{');
    for (size_t i = 0; i < n; i++) {
      if (i) buf_char(b, ',');
      buf_put(b, m[i].key.p, (size_t)(m[i].key.end - m[i].key.p));
      buf_char(b, ':');
      sorted_put(b, m[i].value);
    }
    buf_char(b, '}');
    members_drop(m, n);
  } else if (*v.p == '[') {
    buf_char(b, '[');
    for (bool is_first = true; member_next(&at, false, NULL, &element); is_first = false) {
      if (!is_first) buf_char(b, ',');
      sorted_put(b, element);
    }
    buf_char(b, ']');
  } else buf_put(b, v.p, (size_t)(v.end - v.p));
}

static bool gated(struct span *v)
{
  const char *why;
  size_t at;
  if (!v->p || !json_gate(v->p, (size_t)(v->end - v->p), SANDBOX_JSON_ELEMENTS_MAX, &why, &at)) return false;
  v->p = blanks_end(*v);
  while (v->end > v->p && strchr(" \t\r\n", v->end[-1])) v->end--;
  return true;
}

static void fn_sorted_json(sqlite3_context *c, int n, sqlite3_value **v)
{
  struct span value = span_of(v[0]);
  struct buf b = { 0 };
  (void)n;
  if (is_over(c)) return;
  if (!gated(&value)) {
    sqlite3_result_value(c, v[0]);
    return;
  }
  sorted_put(&b, value);
  give(c, b.data, b.len);
  buf_release(&b);
}

/* RFC 3986: letters, digits and -._~ as they are. */
void sandbox_urlencode(struct buf *b, const char *p, size_t n)
{
  static const char digit[] = "0123456789ABCDEF";
  for (size_t i = 0; i < n; i++) {
    unsigned char u = (unsigned char)p[i];
    char low = (char)(u | 0x20);
    if (is_digit(p[i]) || (low >= 'a' && low <= 'z' && u < 0x80) || (u && strchr("-._~", u)))
      buf_char(b, p[i]);
    else buf_char(b, '%'), buf_char(b, digit[u >> 4]), buf_char(b, digit[u & 15]);
  }
}

static void piece_put(struct buf *b, const char *p, size_t n, bool is_encoded)
{
  if (is_encoded) sandbox_urlencode(b, p, n);
  else buf_put(b, p, n);
}

static void value_put(struct buf *b, struct span v, bool is_encoded)
{
  struct buf text = { 0 };
  if (*v.p == '"') decode(&text, v);
  else buf_put(&text, v.p, (size_t)(v.end - v.p));
  piece_put(b, text.data, text.len, is_encoded);
  buf_release(&text);
}

/* sorted_query(json [, between name and value, between pairs [, 'encode']]); members that are null are left out. */
static void fn_sorted_query(sqlite3_context *c, int n, sqlite3_value **v)
{
  struct span object = span_of(v[0]), inner = { 0 }, outer = { 0 };
  struct buf b = { 0 };
  if (is_over(c)) return;
  if (!gated(&object) || *object.p != '{') return;
  if (n > 1) inner = span_of(v[1]);
  if (n > 2) outer = span_of(v[2]);
  bool is_encoded = n > 3 && is_word(span_of(v[3]), "encode");
  size_t count;
  struct member *m = members_of(object, &count);
  for (size_t i = 0, given = 0; i < count; i++) {
    if (is_word(m[i].value, "null")) continue;
    if (given++ && outer.p) buf_put(&b, outer.p, (size_t)(outer.end - outer.p));
    piece_put(&b, m[i].name.data, m[i].name.len, is_encoded);
    if (inner.p) buf_put(&b, inner.p, (size_t)(inner.end - inner.p));
    value_put(&b, m[i].value, is_encoded);
  }
  members_drop(m, count);
  give(c, b.data ? b.data : "", b.len);
  buf_release(&b);
}

void sandbox_json_functions(struct sqlite3 *sql)
{
  static const struct {
    const char *name;
    int args;
    void (*fn)(sqlite3_context *, int, sqlite3_value **);
  } table[] = {
    { "num_text", 2, fn_num_text },         { "sorted_json", 1, fn_sorted_json },
    { "sorted_query", 1, fn_sorted_query }, { "sorted_query", 2, fn_sorted_query },
    { "sorted_query", 3, fn_sorted_query }, { "sorted_query", 4, fn_sorted_query },
  };
  for (size_t i = 0; i < COUNT(table); i++)
    must(sqlite3_create_function_v2(sql, table[i].name, table[i].args, SQLITE_UTF8 | SQLITE_DETERMINISTIC,
                                    NULL, table[i].fn, NULL, NULL, NULL) == SQLITE_OK);
}
