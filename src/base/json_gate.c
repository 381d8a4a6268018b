/* json_gate.c: the strict check that stands before the JSON library.
 *
 * One pass over the bytes, no recursion, no tree. The library behind it is generous (it lets the
 * first of two equal keys win, takes broken UTF-8, cuts strings at \u0000), so whatever is not plainly
 * right is refused here and never gets there.
 *
 * Equal keys: every key of an open object is kept as (first eight decoded bytes, where it stands).
 * Small objects compare as keys come in; an object that grows past LINEAR_MAX keys is sorted once when
 * it closes. Sorting, not hashing: nobody can prepare keys that make it slow. "a" and "\u0061" are the
 * same key, because keys are compared decoded. */
#include "base.h"
#include <stdlib.h>

enum { LINEAR_MAX = 24, KEYS_LOCAL = 64 };

struct gate_key {
  uint64_t head;    /* first eight decoded bytes, big-endian, zero filled */
  const char *text; /* raw, behind the opening quote */
  uint32_t len;     /* raw */
  bool escaped;
};

struct gate {
  const char *start, *p, *end;
  const char *why;
  size_t elements, elements_max;
  int depth;
  char kind[JSON_DEPTH_MAX];        /* '{' or '[' per open level */
  size_t first_key[JSON_DEPTH_MAX]; /* where the level's keys begin in keys[] */
  struct gate_key *keys;
  size_t keys_n, keys_max;
  struct gate_key local[KEYS_LOCAL]; /* enough for an ordinary order: no heap */
};

static bool refuse(struct gate *g, const char *at, const char *why)
{
  g->p = at, g->why = why;
  return false;
}

/* ---- strings ------------------------------------------------------------------------------------ */

/* What a byte means inside a string. */
enum { PLAIN, QUOTE, ESCAPE, CONTROL, LEAD2, LEAD3, LEAD4, BAD };
/* clang-format off */
static const unsigned char string_class[256] = {
  [0x00 ... 0x1f] = CONTROL, ['"'] = QUOTE, ['\\'] = ESCAPE,
  [0x80 ... 0xc1] = BAD,     [0xc2 ... 0xdf] = LEAD2, [0xe0 ... 0xef] = LEAD3,
  [0xf0 ... 0xf4] = LEAD4,   [0xf5 ... 0xff] = BAD,
};
/* clang-format on */

static bool is_trail(const char *p, const char *end)
{
  return p < end && ((unsigned char)*p & 0xc0) == 0x80;
}

/* Length of the UTF-8 sequence of 2 to 4 bytes at p, 0 when it is broken, overlong or a surrogate. */
static int sequence_len(const char *p, const char *end, int class)
{
  unsigned lead = (unsigned char)p[0];
  if (!is_trail(p + 1, end)) return 0;
  if (class == LEAD2) return 2;
  unsigned next = (unsigned char)p[1];
  if ((lead == 0xe0 && next < 0xa0) || (lead == 0xed && next > 0x9f)) return 0;
  if (!is_trail(p + 2, end)) return 0;
  if (class == LEAD3) return 3;
  if ((lead == 0xf0 && next < 0x90) || (lead == 0xf4 && next > 0x8f)) return 0;
  return is_trail(p + 3, end) ? 4 : 0;
}

static int hex_digit(char c)
{
  if (c >= '0' && c <= '9') return c - '0';
  c = (char)(c | 0x20);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four digits behind \u, or -1. */
static int32_t hex4(const char *p, const char *end)
{
  if (end - p < 4) return -1;
  int32_t v = 0;
  for (int i = 0; i < 4; i++) {
    int d = hex_digit(p[i]);
    if (d < 0) return -1;
    v = v * 16 + d;
  }
  return v;
}

/* Checks the escape at p (a backslash); moves on behind it. */
static bool escape_ok(struct gate *g, const char **at)
{
  const char *p = *at;
  if (g->end - p < 2) return refuse(g, p, "a string does not end");
  if (p[1] != 'u') {
    if (!p[1] || !strchr("\"\\/bfnrt", p[1])) return refuse(g, p, "an unknown escape in a string");
    *at = p + 2;
    return true;
  }
  int32_t u = hex4(p + 2, g->end);
  if (u < 0) return refuse(g, p, "\\u needs four hexadecimal digits");
  if (u == 0) return refuse(g, p, "the character \\u0000 is not allowed");
  if (u >= 0xdc00 && u <= 0xdfff) return refuse(g, p, "half of a surrogate pair");
  if (u < 0xd800 || u > 0xdbff) {
    *at = p + 6;
    return true;
  }
  bool pair = g->end - p >= 12 && p[6] == '\\' && p[7] == 'u';
  int32_t low = pair ? hex4(p + 8, g->end) : -1;
  if (low < 0xdc00 || low > 0xdfff) return refuse(g, p, "half of a surrogate pair");
  *at = p + 12;
  return true;
}

/* Behind the plain letters at p, eight at a time: no quote, no backslash, nothing below a blank, nothing above ASCII. */
static const char *plain_end(const char *p, const char *end)
{
  const uint64_t one = 0x0101010101010101, top = one << 7;
  for (uint64_t w; end - p >= 8; p += 8) {
    memcpy(&w, p, sizeof w);
    uint64_t quote = w ^ one * '"', escape = w ^ one * '\\';
    uint64_t low = (w - one * ' ') & ~w, other = ((quote - one) & ~quote) | ((escape - one) & ~escape);
    if ((low | other | w) & top) break;
  }
  return p;
}

/* At an opening quote; stops behind the closing one. */
static bool string_ok(struct gate *g, bool *escaped)
{
  const char *p = g->p + 1, *end = g->end;
  *escaped = false;
  for (;;) {
    p = plain_end(p, end);
    while (p < end && string_class[(unsigned char)*p] == PLAIN) p++;
    if (p == end) return refuse(g, p, "a string does not end");
    int class = string_class[(unsigned char)*p];
    if (class == QUOTE) break;
    if (class == CONTROL) return refuse(g, p, "a control character in a string");
    if (class == BAD) return refuse(g, p, "not valid UTF-8");
    if (class == ESCAPE) {
      *escaped = true;
      if (!escape_ok(g, &p)) return false;
    } else {
      int len = sequence_len(p, end, class);
      if (!len) return refuse(g, p, "not valid UTF-8");
      p += len;
    }
  }
  g->p = p + 1;
  return true;
}

/* ---- keys --------------------------------------------------------------------------------------- */

/* Gives the decoded bytes of a checked key one by one. */
struct key_walk {
  const char *p, *end;
  unsigned char ahead[4]; /* the rest of a decoded \u, last byte first */
  int ahead_n;
};

static uint32_t walk_escape_u(struct key_walk *w)
{
  uint32_t u = (uint32_t)hex4(w->p + 2, w->end);
  w->p += 6;
  if (u < 0xd800 || u > 0xdbff) return u;
  uint32_t low = (uint32_t)hex4(w->p + 2, w->end);
  w->p += 6;
  return 0x10000 + ((u - 0xd800) << 10) + (low - 0xdc00);
}

static int walk_utf8(struct key_walk *w, uint32_t u)
{
  if (u < 0x80) return (int)u;
  int trail = u < 0x800 ? 1 : u < 0x10000 ? 2 : 3;
  static const unsigned char lead[] = { 0, 0xc0, 0xe0, 0xf0 };
  w->ahead_n = 0;
  for (int i = 0; i < trail; i++, u >>= 6) w->ahead[w->ahead_n++] = (unsigned char)(0x80 | (u & 0x3f));
  return (int)(lead[trail] | u);
}

/* The next decoded byte, -1 at the end. */
static int walk_next(struct key_walk *w)
{
  if (w->ahead_n) return w->ahead[--w->ahead_n];
  if (w->p == w->end) return -1;
  if (*w->p != '\\') return (unsigned char)*w->p++;
  if (w->p[1] == 'u') return walk_utf8(w, walk_escape_u(w));
  static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
  char c = w->p[1];
  const char *named = strchr(from, c);
  w->p += 2;
  return named ? to[named - from] : c;
}

static struct key_walk walk_start(const struct gate_key *k)
{
  return (struct key_walk){ .p = k->text, .end = k->text + k->len };
}

static uint64_t key_head_plain(const struct gate_key *k)
{
  uint64_t head = 0;
  uint32_t n = k->len < 8 ? k->len : 8;
  for (uint32_t i = 0; i < n; i++) head = head << 8 | (unsigned char)k->text[i];
  return n ? head << (8 * (8 - n)) : 0;
}

static uint64_t key_head(const struct gate_key *k)
{
  if (!k->escaped) return key_head_plain(k);
  struct key_walk w = walk_start(k);
  uint64_t head = 0;
  for (int i = 0; i < 8; i++) {
    int c = walk_next(&w);
    head = head << 8 | (uint64_t)(c < 0 ? 0 : c);
    if (c < 0) return head << (8 * (7 - i)); /* keys hold no NUL, so zero filling is unambiguous */
  }
  return head;
}

/* Order of the decoded bytes. */
static int key_order(const struct gate_key *a, const struct gate_key *b)
{
  if (a->head != b->head) return a->head < b->head ? -1 : 1;
  if (!a->escaped && !b->escaped) {
    uint32_t n = a->len < b->len ? a->len : b->len;
    int d = memcmp(a->text, b->text, n);
    return d ? d : (a->len > b->len) - (a->len < b->len);
  }
  struct key_walk x = walk_start(a), y = walk_start(b);
  for (;;) {
    int c = walk_next(&x), d = walk_next(&y);
    if (c != d) return c < d ? -1 : 1;
    if (c < 0) return 0;
  }
}

static int key_order_void(const void *a, const void *b)
{
  return key_order(a, b);
}

static void keys_grow(struct gate *g)
{
  size_t max = g->keys_max * 2;
  if (g->keys == g->local) {
    g->keys = mem_new(max * sizeof(*g->keys));
    memcpy(g->keys, g->local, sizeof(g->local));
  } else {
    g->keys = mem_grow(g->keys, max * sizeof(*g->keys));
  }
  g->keys_max = max;
}

static bool key_add(struct gate *g, const char *text, uint32_t len, bool escaped)
{
  if (g->keys_n == g->keys_max) keys_grow(g);
  struct gate_key *k = &g->keys[g->keys_n];
  *k = (struct gate_key){ 0, text, len, escaped };
  k->head = key_head(k);
  size_t first = g->first_key[g->depth - 1];
  if (g->keys_n - first < LINEAR_MAX)
    for (size_t i = first; i < g->keys_n; i++)
      if (!key_order(&g->keys[i], k)) return refuse(g, text - 1, "the same key twice in one object");
  g->keys_n++;
  return true;
}

/* When an object closes: the big ones are looked through now. Drops its keys. */
static bool keys_close(struct gate *g)
{
  struct gate_key *k = g->keys + g->first_key[g->depth - 1];
  size_t n = (size_t)(g->keys + g->keys_n - k);
  g->keys_n -= n;
  if (n <= LINEAR_MAX) return true;
  qsort(k, n, sizeof(*k), key_order_void);
  for (size_t i = 1; i < n; i++) {
    if (key_order(&k[i - 1], &k[i])) continue;
    const char *later = k[i].text > k[i - 1].text ? k[i].text : k[i - 1].text;
    return refuse(g, later - 1, "the same key twice in one object");
  }
  return true;
}

/* ---- numbers and words -------------------------------------------------------------------------- */

static bool is_digit(const char *p, const char *end)
{
  return p < end && *p >= '0' && *p <= '9';
}

static const char *digits_end(const char *p, const char *end)
{
  while (is_digit(p, end)) p++;
  return p;
}

static bool number_ok(struct gate *g)
{
  const char *p = g->p, *end = g->end;
  if (*p == '-') p++;
  if (!is_digit(p, end)) return refuse(g, g->p, "not a number");
  if (*p == '0' && is_digit(p + 1, end)) return refuse(g, g->p, "a number with a leading zero");
  p = digits_end(p, end);
  if (p < end && *p == '.') {
    if (!is_digit(p + 1, end)) return refuse(g, g->p, "a number needs digits after the point");
    p = digits_end(p + 1, end);
  }
  if (p < end && (*p | 0x20) == 'e') {
    p++;
    if (p < end && (*p == '+' || *p == '-')) p++;
    if (!is_digit(p, end)) return refuse(g, g->p, "a number needs digits in its exponent");
    p = digits_end(p, end);
  }
  g->p = p;
  return true;
}

static bool word_ok(struct gate *g, const char *word)
{
  size_t n = strlen(word);
  if ((size_t)(g->end - g->p) < n || memcmp(g->p, word, n)) return refuse(g, g->p, "not a JSON value");
  g->p += n;
  return true;
}

/* ---- the document ------------------------------------------------------------------------------- */

static void skip_blank(struct gate *g)
{
  while (g->p < g->end && (*g->p == ' ' || *g->p == '\n' || *g->p == '\r' || *g->p == '\t')) g->p++;
}

static bool next_is(struct gate *g, char c)
{
  skip_blank(g);
  if (g->p == g->end || *g->p != c) return false;
  g->p++;
  return true;
}

static bool level_open(struct gate *g)
{
  if (g->depth == JSON_DEPTH_MAX) return refuse(g, g->p, "nested too deeply");
  g->kind[g->depth] = *g->p++;
  g->first_key[g->depth++] = g->keys_n;
  return true;
}

static bool level_close(struct gate *g)
{
  if (g->kind[g->depth - 1] == '{' && !keys_close(g)) return false;
  g->depth--;
  return true;
}

/* "key": in the innermost object. */
static bool key_ok(struct gate *g)
{
  skip_blank(g);
  if (g->p == g->end) return refuse(g, g->p, "the document ends too early");
  if (*g->p != '"') return refuse(g, g->p, "a key in quotes was expected");
  const char *text = g->p + 1;
  bool escaped;
  if (!string_ok(g, &escaped)) return false;
  if (!key_add(g, text, (uint32_t)(g->p - 1 - text), escaped)) return false;
  return next_is(g, ':') || refuse(g, g->p, "a colon was expected after the key");
}

/* One value that is not a container is read whole; of a container only its opening bracket. */
static bool value_ok(struct gate *g)
{
  bool escaped;
  skip_blank(g);
  if (g->p == g->end) return refuse(g, g->p, "the document ends too early");
  if (++g->elements > g->elements_max) return refuse(g, g->p, "too many elements");
  switch (*g->p) {
  case '{':
  case '[': return level_open(g);
  case '"': return string_ok(g, &escaped);
  case 't': return word_ok(g, "true");
  case 'f': return word_ok(g, "false");
  case 'n': return word_ok(g, "null");
  default: break;
  }
  if (*g->p == '-' || is_digit(g->p, g->end)) return number_ok(g);
  return refuse(g, g->p, "not a JSON value");
}

/* After a finished value: closes what ends here, goes to the next value, or to depth 0. */
static bool value_end(struct gate *g)
{
  while (g->depth) {
    bool in_object = g->kind[g->depth - 1] == '{';
    if (next_is(g, ',')) return !in_object || key_ok(g);
    if (g->p == g->end) return refuse(g, g->p, "the document ends too early");
    if (!next_is(g, in_object ? '}' : ']'))
      return refuse(g, g->p, "a comma or a closing bracket was expected");
    if (!level_close(g)) return false;
  }
  return true;
}

static bool document_ok(struct gate *g)
{
  do {
    int depth = g->depth;
    if (!value_ok(g)) return false;
    if (g->depth > depth) { /* opened: empty, or its first value comes next */
      bool in_object = g->kind[depth] == '{';
      if (!next_is(g, in_object ? '}' : ']')) {
        if (in_object && !key_ok(g)) return false;
        continue;
      }
      if (!level_close(g)) return false;
    }
    if (!value_end(g)) return false;
  } while (g->depth);
  skip_blank(g);
  return g->p == g->end || refuse(g, g->p, "something follows the document");
}

bool json_gate(const char *s, size_t n, size_t elements_max, const char **why, size_t *at)
{
  struct gate g = { .start = s, .p = s, .end = s + n, .elements_max = elements_max };
  g.keys = g.local, g.keys_max = KEYS_LOCAL;
  bool ok;
  if (n > UINT32_MAX) ok = refuse(&g, s, "the document is too long");
  else if (n >= 3 && !memcmp(s, "\xef\xbb\xbf", 3))
    ok = refuse(&g, s, "a byte order mark stands before the document");
  else ok = document_ok(&g);
  if (g.keys != g.local) mem_free(g.keys);
  *why = ok ? NULL : g.why;
  *at = (size_t)(g.p - g.start);
  return ok;
}
