/* text.c: UTF-8, normal forms, likeness. The only file that includes utf8proc. */
#include "base.h"
#include <utf8proc.h>

#define REPLACEMENT 0xFFFD

/* ---- UTF-8 ----------------------------------------------------------------------------------
 * What the first byte says: how many bytes follow, and the smallest code point that needs them. */
static int utf8_follow(unsigned char c)
{
  return c < 0x80 ? 0 : c < 0xC2 ? -1 : c < 0xE0 ? 1 : c < 0xF0 ? 2 : c < 0xF5 ? 3 : -1;
}

/* Decodes at p, end is one past the last byte. Returns the length, 0 when it is not a code point. */
static int utf8_decode(const unsigned char *p, const unsigned char *end, uint32_t *cp)
{
  static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
  static const unsigned char bits[] = { 0x7F, 0x1F, 0x0F, 0x07 };
  int follow = utf8_follow(*p);
  if (follow < 0 || end - p <= follow) return 0;
  uint32_t x = *p & bits[follow];
  for (int i = 1; i <= follow; i++) {
    if ((p[i] & 0xC0) != 0x80) return 0;
    x = x << 6 | (p[i] & 0x3Fu);
  }
  if (x < least[follow] || x > 0x10FFFF || (x >= 0xD800 && x < 0xE000)) return 0;
  *cp = x;
  return follow + 1;
}

bool utf8_valid(const char *s, size_t n)
{
  const unsigned char *p = (const unsigned char *)s, *end = p + n;
  uint32_t cp = 1;
  while (p < end) {
    uint64_t eight;
    if (end - p >= 8) { /* most text is ASCII or comes in long ASCII runs: look at eight bytes at once */
      memcpy(&eight, p, 8);
      bool has_nul = (eight - 0x0101010101010101u) & ~eight & 0x8080808080808080u;
      if (!(eight & 0x8080808080808080u) && !has_nul) {
        p += 8;
        continue;
      }
    }
    int len = utf8_decode(p, end, &cp);
    if (!len || !cp) return false;
    p += len;
  }
  return true;
}

size_t utf8_count(const char *s)
{
  size_t n = 0;
  for (; *s; s++) n += (*s & 0xC0) != 0x80;
  return n;
}

/* Bytes that are no UTF-8 come out as U+FFFD, one by one, so that a mistake elsewhere reads nothing
 * behind the end. */
uint32_t utf8_next(const char **s)
{
  const unsigned char *p = (const unsigned char *)*s;
  if (*p < 0x80) {
    *s += *p != 0;
    return *p;
  }
  size_t rest = strnlen(*s, 4);
  uint32_t cp;
  int len = utf8_decode(p, p + rest, &cp);
  *s += len ? len : 1;
  return len ? cp : REPLACEMENT;
}

void utf8_put(struct buf *b, uint32_t cp)
{
  if (cp > 0x10FFFF || (cp >= 0xD800 && cp < 0xE000) || !cp) cp = REPLACEMENT;
  unsigned char out[4];
  size_t n = cp < 0x80 ? 1 : cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
  static const unsigned char lead[] = { 0, 0, 0xC0, 0xE0, 0xF0 };
  for (size_t i = n - 1; i > 0; i--, cp >>= 6) out[i] = (unsigned char)(0x80 | (cp & 0x3F));
  out[0] = (unsigned char)(lead[n] | cp);
  buf_put(b, out, n);
}

/* ---- normal forms ---------------------------------------------------------------------------- */
/* What a reader cannot see and a comparison must not: zero-width and bidi marks, soft hyphens,
 * variation selectors, tags, fillers, annotation marks. */
static bool is_invisible(uint32_t cp)
{
  return utf8proc_get_property((utf8proc_int32_t)cp)->ignorable || cp == 0x3164 || cp == 0xFFA0 ||
         (cp >= 0xFFF9 && cp <= 0xFFFB);
}

/* Control characters and line ends stand where a space would. */
static bool is_control(uint32_t cp)
{
  return cp < 0x20 || (cp >= 0x7F && cp < 0xA0) || cp == 0x2028 || cp == 0x2029;
}

/* The usual text: visible ASCII and common Han characters, which no normal form changes and which
 * combine with nothing among themselves. */
static bool is_plain(const char *s)
{
  const unsigned char *p = (const unsigned char *)s;
  while (*p) {
    if (*p >= 0x20 && *p < 0x7F) {
      p++;
    } else { /* U+4E00 to U+9FBF: E4 B8 80 to E9 BE BF */
      bool is_han = (*p > 0xE4 && *p < 0xE9) || (*p == 0xE4 && p[1] >= 0xB8) || (*p == 0xE9 && p[1] < 0xBF);
      if (!is_han || (p[1] & 0xC0) != 0x80 || (p[2] & 0xC0) != 0x80) return false;
      p += 3;
    }
  }
  return true;
}

/* Appends the decomposition of s to out (room for n); returns how many code points there are. */
static size_t decompose(const char *s, int32_t *out, size_t n, utf8proc_option_t how)
{
  size_t len = 0;
  int last = 0;
  for (uint32_t cp; (cp = utf8_next(&s));) {
    if (is_invisible(cp)) continue;
    if (is_control(cp)) cp = ' ';
    size_t room = len < n ? n - len : 0;
    utf8proc_ssize_t k = utf8proc_decompose_char((utf8proc_int32_t)cp, room ? out + len : out,
                                                 (utf8proc_ssize_t)room, how, &last);
    must(k >= 0);
    len += (size_t)k;
  }
  return len;
}

/* Combining marks in canonical order: a stable insertion sort, runs of them are short. The length of a
 * run is bounded by MARKS_MAX so that a text of nothing but marks cannot cost the square of its length;
 * what lies behind keeps its order. */
#define MARKS_MAX 32
static void order_marks(int32_t *cp, size_t n)
{
  size_t run = 0;
  for (size_t i = 0; i < n; i++) {
    int class = utf8proc_get_property(cp[i])->combining_class;
    run = class ? run + 1 : 0;
    if (!class || run > MARKS_MAX) continue;
    int32_t x = cp[i];
    size_t k = i;
    for (; k > i + 1 - run && utf8proc_get_property(cp[k - 1])->combining_class > class; k--)
      cp[k] = cp[k - 1];
    cp[k] = x;
  }
}

static char *normalise(struct arena *a, const char *s, utf8proc_option_t how)
{
  how |= UTF8PROC_COMPAT | UTF8PROC_COMPOSE | UTF8PROC_STABLE;
  int32_t small[256], *cp = small;
  size_t n = decompose(s, cp, COUNT(small), how);
  if (n + 1 > COUNT(small)) { /* one more, which the library asks for */
    cp = mem_new((n + 1) * sizeof *cp);
    must(decompose(s, cp, n, how) == n);
  }
  order_marks(cp, n);
  utf8proc_ssize_t len = utf8proc_normalize_utf32(cp, (utf8proc_ssize_t)n, how);
  must(len >= 0);
  struct buf out = { 0 };
  buf_reserve(&out, (size_t)len * 4);
  for (utf8proc_ssize_t i = 0; i < len; i++) utf8_put(&out, (uint32_t)cp[i]);
  char *text = arena_strn(a, out.data, out.len);
  buf_release(&out);
  if (cp != small) mem_free(cp);
  return text;
}

char *text_nfkc(struct arena *a, const char *s)
{
  if (!s || is_plain(s)) return arena_str(a, s);
  return normalise(a, s, 0);
}

char *text_fold(struct arena *a, const char *s)
{
  if (!s || !is_plain(s)) return s ? normalise(a, s, UTF8PROC_CASEFOLD) : NULL;
  char *t = arena_str(a, s);
  for (char *p = t; *p; p++)
    if (*p >= 'A' && *p <= 'Z') *p = (char)(*p - 'A' + 'a');
  return t;
}

/* ---- likeness ---------------------------------------------------------------------------------
 * Levenshtein's distance over what remains between the common start and end. When more than EDITS_MAX
 * code points remain, their number is the answer: an upper bound, for texts that nobody means to compare. */
#define EDITS_MAX 256

struct codes {
  uint32_t at[EDITS_MAX + 1];
  size_t n, more; /* more: code points that did not fit */
};

static void codes_read(struct codes *c, const char *from, const char *end)
{
  c->n = c->more = 0;
  while (from < end) {
    uint32_t cp = utf8_next(&from);
    if (c->n < EDITS_MAX) c->at[c->n++] = cp;
    else c->more++;
  }
}

static int edits(const struct codes *x, const struct codes *y)
{
  int row[EDITS_MAX + 1];
  for (size_t k = 0; k <= y->n; k++) row[k] = (int)k;
  for (size_t i = 0; i < x->n; i++) {
    int diagonal = row[0];
    row[0] = (int)i + 1;
    for (size_t k = 1; k <= y->n; k++) {
      int best = diagonal + (x->at[i] != y->at[k - 1]);
      if (row[k] + 1 < best) best = row[k] + 1;
      if (row[k - 1] + 1 < best) best = row[k - 1] + 1;
      diagonal = row[k];
      row[k] = best;
    }
  }
  return row[y->n];
}

/* Both are cut only where a code point starts. */
static void common_cut(const char **a, const char **a_end, const char **b, const char **b_end)
{
  const char *x = *a, *y = *b;
  while (*x && *x == *y) x++, y++;
  while (x > *a && ((*x & 0xC0) == 0x80 || (*y & 0xC0) == 0x80)) x--, y--;
  const char *p = *a_end, *q = *b_end;
  while (p > x && q > y && p[-1] == q[-1]) p--, q--;
  while (p < *a_end && ((*p & 0xC0) == 0x80)) p++, q++;
  *a = x, *b = y, *a_end = p, *b_end = q;
}

int text_edits(const char *a, const char *b)
{
  a = a ? a : "", b = b ? b : "";
  const char *a_end = a + strlen(a), *b_end = b + strlen(b);
  common_cut(&a, &a_end, &b, &b_end);
  struct codes x, y;
  codes_read(&x, a, a_end), codes_read(&y, b, b_end);
  if (!x.more && !y.more) return edits(&x, &y);
  size_t m = x.n + x.more, n = y.n + y.more;
  return (int)(m > n ? m : n);
}

int text_likeness(const char *a, const char *b)
{
  a = a ? a : "", b = b ? b : "";
  size_t m = utf8_count(a), n = utf8_count(b), longer = m > n ? m : n;
  return longer ? (int)(1000 - 1000 * (int64_t)text_edits(a, b) / (int64_t)longer) : 1000;
}

/* ---- search terms ------------------------------------------------------------------------------
 * The text is folded first. Scripts that are written without blanks give every two neighbours (a lone
 * character gives itself), so that any part of a name of two characters or more is found. Everything
 * else gives whole words: letters and digits that stand together are one word ("sf1234", "3s"), cut to
 * TERM_MAX bytes. A term comes as often as it stands in the text. */
static const struct {
  uint32_t first, last;
} pair_scripts[] = {
  { 0x0E00, 0x0EFF },   /* Thai, Lao */
  { 0x1000, 0x109F },   /* Burmese */
  { 0x1100, 0x11FF },   /* Hangul parts */
  { 0x1780, 0x17FF },   /* Khmer */
  { 0x2E80, 0x2FDF },   /* Han radicals */
  { 0x3005, 0x31FF },   /* kana, Bopomofo, iteration marks */
  { 0x3400, 0x9FFF },   /* Han */
  { 0xA960, 0xA97F },   /* Hangul parts */
  { 0xAC00, 0xD7FF },   /* Hangul */
  { 0xF900, 0xFAFF },   /* Han */
  { 0x1B000, 0x1B16F }, /* kana */
  { 0x20000, 0x3FFFF }, /* Han */
};

enum term_class { TERM_GAP, TERM_WORD, TERM_PAIR };

static bool is_wordy(uint32_t cp)
{
  switch (utf8proc_category((utf8proc_int32_t)cp)) {
  case UTF8PROC_CATEGORY_LU:
  case UTF8PROC_CATEGORY_LL:
  case UTF8PROC_CATEGORY_LT:
  case UTF8PROC_CATEGORY_LM:
  case UTF8PROC_CATEGORY_LO:
  case UTF8PROC_CATEGORY_MN:
  case UTF8PROC_CATEGORY_MC:
  case UTF8PROC_CATEGORY_ND:
  case UTF8PROC_CATEGORY_NL:
  case UTF8PROC_CATEGORY_NO: return true;
  default: return false;
  }
}

static enum term_class term_class(uint32_t cp)
{
  if (cp < 0x80)
    return (cp >= 'a' && cp <= 'z') || (cp >= '0' && cp <= '9') ? TERM_WORD : TERM_GAP; /* folded */
  if (!is_wordy(cp)) return TERM_GAP;
  for (size_t i = 0; i < COUNT(pair_scripts) && cp >= pair_scripts[i].first; i++)
    if (cp <= pair_scripts[i].last) return TERM_PAIR;
  return TERM_WORD;
}

typedef void term_fn(void *arg, const char *term, size_t n);

static void word_put(const char *from, const char *end, term_fn *put, void *arg)
{
  size_t n = (size_t)(end - from);
  if (n > TERM_MAX)
    for (n = TERM_MAX; (from[n] & 0xC0) == 0x80;) n--;
  put(arg, from, n);
}

/* All neighbours of one run. */
static void pairs_put(const char *from, const char *end, term_fn *put, void *arg)
{
  const char *second = from;
  utf8_next(&second);
  if (second == end) put(arg, from, (size_t)(end - from));
  while (second < end) {
    const char *after = second;
    utf8_next(&after);
    put(arg, from, (size_t)(after - from));
    from = second, second = after;
  }
}

void text_terms(const char *s, term_fn *put, void *arg)
{
  if (!s) return;
  struct arena mem = { 0 };
  const char *p = text_fold(&mem, s), *from = p;
  enum term_class now = TERM_GAP;
  for (;;) {
    const char *here = p;
    uint32_t cp = utf8_next(&p);
    enum term_class next = cp ? term_class(cp) : TERM_GAP;
    if (next != now) {
      if (now == TERM_WORD) word_put(from, here, put, arg);
      if (now == TERM_PAIR) pairs_put(from, here, put, arg);
      from = here, now = next;
    }
    if (!cp) break;
  }
  arena_release(&mem);
}
