/* json_write.c: the streaming writer. Whatever goes in, what comes out passes our own gate: control
 * characters are escaped, bytes that are not UTF-8 (and NUL) become U+FFFD. */
#include "base.h"

static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */

void jw_init(struct jw *w, struct buf *out)
{
  *w = (struct jw){ .out = out };
}

/* Before every value and key: a comma unless it is the first, or follows its key. */
static void value_start(struct jw *w)
{
  if (w->comma[w->depth]) buf_char(w->out, ',');
  w->comma[w->depth] = true;
}

static void level_start(struct jw *w, char bracket)
{
  must(w->depth < JSON_DEPTH_MAX);
  value_start(w);
  buf_char(w->out, bracket);
  w->comma[++w->depth] = false;
}

static void level_end(struct jw *w, char bracket)
{
  must(w->depth > 0);
  w->depth--;
  buf_char(w->out, bracket);
}

void jw_object(struct jw *w)
{
  level_start(w, '{');
}

void jw_object_end(struct jw *w)
{
  level_end(w, '}');
}

void jw_array(struct jw *w)
{
  level_start(w, '[');
}

void jw_array_end(struct jw *w)
{
  level_end(w, ']');
}

/* Length of the UTF-8 sequence at p when it is right, else 0. The lengths are tried with the one
 * judge of UTF-8 that the program has. */
static size_t sequence_len(const char *p, size_t left)
{
  unsigned char lead = (unsigned char)*p;
  size_t len = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  return len <= left && utf8_valid(p, len) ? len : 0;
}

static void escape_put(struct buf *out, unsigned char c)
{
  static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
  const char *named = c ? strchr(from, c) : NULL;
  if (!c) {
    buf_str(out, replacement);
  } else if (named) {
    buf_char(out, '\\');
    buf_char(out, to[named - from]);
  } else {
    buf_printf(out, "\\u%04x", c);
  }
}

static bool is_plain(unsigned char c)
{
  return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

static void string_put(struct buf *out, const char *s, size_t n)
{
  buf_char(out, '"');
  for (size_t i = 0; i < n;) {
    size_t from = i;
    while (i < n && is_plain((unsigned char)s[i])) i++;
    buf_put(out, s + from, i - from);
    if (i == n) break;
    if ((unsigned char)s[i] < 0x80) {
      escape_put(out, (unsigned char)s[i++]);
      continue;
    }
    size_t len = sequence_len(s + i, n - i);
    if (len) buf_put(out, s + i, len);
    else buf_str(out, replacement);
    i += len ? len : 1;
  }
  buf_char(out, '"');
}

void jw_key(struct jw *w, const char *key)
{
  value_start(w);
  string_put(w->out, key, strlen(key));
  buf_char(w->out, ':');
  w->comma[w->depth] = false;
}

void jw_string(struct jw *w, const char *s)
{
  if (s) jw_stringn(w, s, strlen(s));
  else jw_null(w);
}

void jw_stringn(struct jw *w, const char *s, size_t n)
{
  value_start(w);
  string_put(w->out, s, n);
}

void jw_int(struct jw *w, int64_t v)
{
  value_start(w);
  buf_int(w->out, v);
}

void jw_bool(struct jw *w, bool v)
{
  value_start(w);
  buf_str(w->out, v ? "true" : "false");
}

void jw_null(struct jw *w)
{
  value_start(w);
  buf_str(w->out, "null");
}

void jw_raw(struct jw *w, const char *json, size_t n)
{
  must(n > 0);
  value_start(w);
  buf_put(w->out, json, n);
}

void jw_time(struct jw *w, int64_t ms)
{
  if (!ms) {
    jw_null(w);
    return;
  }
  value_start(w);
  buf_char(w->out, '"');
  time_put(w->out, ms);
  buf_char(w->out, '"');
}

void jw_money(struct jw *w, int64_t minor, const char *currency)
{
  jw_object(w);
  jw_key(w, "amount");
  value_start(w);
  buf_char(w->out, '"');
  money_put(w->out, minor, currency);
  buf_char(w->out, '"');
  jw_kstring(w, "currency", currency);
  jw_object_end(w);
}

/* Bounded by the gate's depth. */
void jw_json(struct jw *w, const struct json *j)
{
  switch (json_type(j)) {
  case JSON_NULL: jw_null(w); return;
  case JSON_BOOL: jw_bool(w, json_bool(j)); return;
  case JSON_NUMBER: jw_raw(w, json_number(j), strlen(json_number(j))); return;
  case JSON_STRING: jw_string(w, json_string(j)); return;
  case JSON_ARRAY:
    jw_array(w);
    for (const struct json *m = json_first(j); m; m = json_next(m)) jw_json(w, m);
    jw_array_end(w);
    return;
  case JSON_OBJECT:
    jw_object(w);
    for (const struct json *m = json_first(j); m; m = json_next(m)) jw_key(w, json_key(m)), jw_json(w, m);
    jw_object_end(w);
    return;
  }
}

void jw_kstring(struct jw *w, const char *key, const char *s)
{
  jw_key(w, key);
  jw_string(w, s);
}

void jw_kint(struct jw *w, const char *key, int64_t v)
{
  jw_key(w, key);
  jw_int(w, v);
}

void jw_kbool(struct jw *w, const char *key, bool v)
{
  jw_key(w, key);
  jw_bool(w, v);
}

void jw_ktime(struct jw *w, const char *key, int64_t ms)
{
  jw_key(w, key);
  jw_time(w, ms);
}

void jw_kmoney(struct jw *w, const char *key, int64_t minor, const char *currency)
{
  jw_key(w, key);
  jw_money(w, minor, currency);
}
