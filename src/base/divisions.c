/* divisions.c: the table of provinces, cities, districts and towns, and how their names are found.
 *
 * divisions.h is generated: the table is a third of its size there, and is unpacked when it is first asked. A name
 * is a stem and a suffix in one pool of UTF-16 units, in 32 bits: offset 18, length of the stem 5, suffix 9. Upper
 * divisions stand sorted by code; towns too, so that the towns of a district are a run. Ids below DIV_UPPER_N are
 * upper ones, towns follow. */
#include "base.h"
#include "divisions.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <uchar.h>

/* What people write instead of the true suffix: a county that became a district, a street's office. */
static const char16_t *const other_suffixes[4][8] = {
  [DIV_PROVINCE] = { u"特别行政区", u"自治区", u"省", u"市" },
  [DIV_CITY] = { u"自治州", u"地区", u"州", u"盟", u"市" },
  [DIV_DISTRICT] = { u"自治县", u"新区", u"区", u"县", u"市", u"旗" },
  [DIV_TOWN] = { u"街道办事处", u"街道办", u"街道", u"民族乡", u"地区", u"镇", u"乡" },
};

#define X(name, type, n, differ) static type div_##name[n];
DIV_KEPT(X)
#undef X
static uint16_t div_pool[DIV_POOL_N];
static uint32_t div_name_of[DIV_UPPER_N + DIV_TOWN_N],
  div_suffix[DIV_SUFFIX_N];                                                 /* suffix: offset, length 5 */
static uint16_t div_upper_sorted[DIV_UPPER_N], div_town_sorted[DIV_TOWN_N]; /* by stem, then by place */
static int div_upper_sorted_n, div_town_sorted_n;

static const uint16_t *name_stem(uint32_t name, int *len)
{
  *len = name >> 9 & 31;
  return div_pool + (name >> 14);
}

static const uint16_t *name_suffix(uint32_t name, int *len)
{
  uint32_t s = div_suffix[name & 511];
  *len = s & 31;
  return div_pool + (s >> 5);
}

/* The first two units of a stem; a second one that is missing sorts first. */
static uint32_t name_head(uint32_t name)
{
  int len;
  const uint16_t *stem = name_stem(name, &len);
  return (uint32_t)stem[0] << 16 | (len > 1 ? stem[1] : 0);
}

/* ---- unpacking ----------------------------------------------------------------------------------------------------- */
struct names { /* as they were packed: needed until the pool stands */
#define X(name, type, n, differ) type name[n];
  DIV_NAMES(X)
#undef X
};

static void column_take(const unsigned char **from, void *to, size_t n, size_t width, bool differ)
{
  uint32_t v = 0;
  for (size_t i = 0; i < n; i++) {
    uint32_t x = 0;
    for (size_t plane = 0; plane < width; plane++) x |= (uint32_t)(*from)[plane * n + i] << 8 * plane;
    v = differ ? v + x : x;
    if (width == 1) ((uint8_t *)to)[i] = (uint8_t)v;
    else if (width == 2) ((uint16_t *)to)[i] = (uint16_t)v;
    else ((uint32_t *)to)[i] = v;
  }
  *from += n * width;
}

static void pool_fill(const struct names *p)
{
  const uint8_t *in = p->coded;
  for (size_t i = 0; i < DIV_POOL_N; i++) {
    unsigned letter = *in++;
    if (letter >= DIV_LETTERS_SHORT) letter = DIV_LETTERS_SHORT + ((letter - DIV_LETTERS_SHORT) << 8) + *in++;
    div_pool[i] = p->letters[letter];
  }
  must(in == p->coded + COUNT(p->coded));
  uint32_t at = 0;
  for (size_t i = 0; i < COUNT(p->length); at += p->length[i++])
    if (i < COUNT(div_name_of)) div_name_of[i] = at << 14 | (uint32_t)p->length[i] << 9 | p->suffix[i];
    else div_suffix[i - COUNT(div_name_of)] = at << 5 | p->length[i];
  must(at == DIV_POOL_N);
}

static int stem_compare(uint32_t a, uint32_t b)
{
  int an, bn, i = 0;
  const uint16_t *x = name_stem(a, &an), *y = name_stem(b, &bn);
  while (i < an && i < bn && x[i] == y[i]) i++;
  return i < an && i < bn ? x[i] - y[i] : an - bn;
}

/* By the heads with counting, which keeps the order of what is equal; the few of one head are put right one by one. */
static int sort_by_stem(uint16_t *sorted, const uint32_t *name, int n)
{
  uint64_t *key = mem_new(2 * (size_t)n * sizeof *key), *other = key + n;
  int count = 0;
  for (int i = 0; i < n; i++)
    if (name[i] >> 9 & 31) key[count++] = (uint64_t)name_head(name[i]) << 16 | (unsigned)i;
  for (int shift = 16; shift < 48; shift += 8) {
    int at[257] = { 0 };
    for (int i = 0; i < count; i++) at[(key[i] >> shift & 255) + 1]++;
    for (int i = 0; i < 256; i++) at[i + 1] += at[i];
    for (int i = 0; i < count; i++) other[at[key[i] >> shift & 255]++] = key[i];
    uint64_t *swap = key;
    key = other, other = swap;
  }
  for (int i = 0; i < count; i++) {
    int to = i;
    for (; to && key[to - 1] >> 16 == key[i] >> 16; to--) {
      if (stem_compare(name[sorted[to - 1]], name[key[i] & 65535]) <= 0) break;
      sorted[to] = sorted[to - 1];
    }
    sorted[to] = (uint16_t)key[i];
  }
  mem_free(key); /* after an even number of rounds, what was asked for */
  return count;
}

static void table_unpack(void)
{
  struct packed_text t = { div_gz, sizeof div_gz, NULL, 0 };
  struct names *names = mem_new(sizeof *names);
  packed_text_open(&t);
  const unsigned char *p = (const unsigned char *)t.text;
#define X(name, type, n, differ) column_take(&p, names->name, n, sizeof(type), differ);
  DIV_NAMES(X)
#undef X
#define X(name, type, n, differ) column_take(&p, div_##name, n, sizeof(type), differ);
  DIV_KEPT(X)
#undef X
  must(p == (const unsigned char *)t.text + t.text_n);
  pool_fill(names);
  mem_free(names);
  mem_free(t.text);
  div_upper_sorted_n = sort_by_stem(div_upper_sorted, div_name_of, DIV_UPPER_N);
  div_town_sorted_n = sort_by_stem(div_town_sorted, div_name_of + DIV_UPPER_N, DIV_TOWN_N);
}

static atomic_bool stands;
static void table_make(void)
{
  table_unpack();
  atomic_store_explicit(&stands, true, memory_order_release);
}

/* What others call asks for it first; a parser does so a thousand times an address. */
static void table_open(void)
{
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  if (!atomic_load_explicit(&stands, memory_order_acquire)) pthread_once(&once, table_make);
}

/* ---- names and codes ----------------------------------------------------------------------------------------------- */
static uint32_t name_of(int id)
{
  must(id >= 0 && id < DIV_UPPER_N + DIV_TOWN_N);
  return div_name_of[id];
}

static bool begins(const uint16_t *s, int n, const uint16_t *word, int len)
{
  return n >= len && memcmp(s, word, (size_t)len * sizeof *s) == 0;
}

static int begins_word(const uint16_t *s, int n, const char16_t *word)
{
  int i = 0;
  while (word[i] && i < n && s[i] == word[i]) i++;
  return word[i] ? 0 : i;
}

int div_level(int id)
{
  table_open();
  must(id >= 0 && id < DIV_UPPER_N + DIV_TOWN_N);
  return id < DIV_UPPER_N ? div_upper_level[id] : DIV_TOWN;
}

/* The district that a town belongs to: the last whose towns begin at or before it. */
static int town_district(int town)
{
  int lo = 0, hi = DIV_UPPER_N;
  while (hi - lo > 1) {
    int mid = (lo + hi) / 2;
    if (div_town_first[mid] <= town) lo = mid;
    else hi = mid;
  }
  return lo;
}

uint32_t div_code(int id)
{
  table_open();
  must(id >= 0 && id < DIV_UPPER_N + DIV_TOWN_N);
  if (id < DIV_UPPER_N) return div_upper_code[id];
  int town = id - DIV_UPPER_N;
  return div_upper_code[town_district(town)] * 1000 + div_town_tail[town];
}

static int upper_find(uint32_t code, int level)
{
  int lo = 0, hi = DIV_UPPER_N;
  while (lo < hi) {
    int mid = (lo + hi) / 2;
    bool less = div_upper_code[mid] != code ? div_upper_code[mid] < code : div_upper_level[mid] < level;
    if (less) lo = mid + 1;
    else hi = mid;
  }
  return lo < DIV_UPPER_N && div_upper_code[lo] == code && div_upper_level[lo] == level ? lo : -1;
}

int div_parent(int id)
{
  int level = div_level(id);
  if (level == DIV_TOWN) return town_district(id - DIV_UPPER_N);
  uint32_t code = div_upper_code[id];
  if (level == DIV_DISTRICT) return upper_find(code / 100 * 100, DIV_CITY);
  return level == DIV_CITY ? upper_find(code / 10000 * 10000, DIV_PROVINCE) : -1;
}

/* A stem of one character means nothing without its suffix. */
int div_is(const uint16_t *s, int n, int id, enum div_form *form)
{
  int len, more;
  table_open();
  const uint16_t *stem = name_stem(name_of(id), &len);
  if (len == 0 || !begins(s, n, stem, len)) return 0;
  const uint16_t *suffix = name_suffix(name_of(id), &more);
  *form = DIV_FULL;
  if (begins(s + len, n - len, suffix, more)) return len + more;
  if (len == 1) return 0;
  *form = DIV_OTHER;
  const char16_t *const *other = other_suffixes[div_level(id)];
  for (; *other; other++)
    if ((more = begins_word(s + len, n - len, *other))) return len + more;
  *form = DIV_SHORT;
  return len;
}

/* The range of ids that lie inside of within. */
static bool is_inside(int id, int within)
{
  if (within < 0) return true;
  static const uint32_t unit[] = { [DIV_PROVINCE] = 10000, [DIV_CITY] = 100, [DIV_DISTRICT] = 1 };
  int level = div_level(within);
  if (level >= DIV_TOWN || div_level(id) <= level) return false;
  int district = id < DIV_UPPER_N ? id : town_district(id - DIV_UPPER_N);
  return div_upper_code[district] / unit[level] == div_upper_code[within] / unit[level];
}

struct search {
  const uint16_t *s;
  int n, within;
  struct div_hit *out;
  int hits, max;
};

static void search_try(struct search *q, int id)
{
  struct div_hit h = { .id = id, .level = div_level(id) };
  if (q->hits == q->max || !is_inside(id, q->within)) return;
  h.len = div_is(q->s, q->n, id, &h.form);
  if (h.len) q->out[q->hits++] = h;
}

static void search_sorted(struct search *q, const uint16_t *sorted, int n, int first_id, uint32_t head)
{
  int lo = 0, hi = n;
  while (lo < hi) {
    int mid = (lo + hi) / 2;
    if (name_head(name_of(first_id + sorted[mid])) < head) lo = mid + 1;
    else hi = mid;
  }
  for (; lo < n && name_head(name_of(first_id + sorted[lo])) == head; lo++)
    search_try(q, first_id + sorted[lo]);
}

int div_find(const uint16_t *s, int n, int within, struct div_hit *out, int max)
{
  struct search q = { s, n, within, out, 0, max };
  table_open();
  if (n < 2) return 0;
  if (within >= 0 && div_level(within) == DIV_DISTRICT) {
    for (int t = div_town_first[within]; t < div_town_first[within + 1]; t++) search_try(&q, DIV_UPPER_N + t);
    return q.hits;
  }
  for (int two = 0; two <= 1; two++) {
    uint32_t head = (uint32_t)s[0] << 16 | (two ? s[1] : 0u);
    search_sorted(&q, div_upper_sorted, div_upper_sorted_n, 0, head);
    search_sorted(&q, div_town_sorted, div_town_sorted_n, DIV_UPPER_N, head);
  }
  return q.hits;
}

int div_find_latin(const char *word, int within, int *out, int max)
{
  int lo = 0, hi = DIV_LATIN_N, hits = 0;
  table_open();
  while (lo < hi) {
    int mid = (lo + hi) / 2;
    if (strcmp((const char *)div_latin + div_latin_at[mid], word) < 0) lo = mid + 1;
    else hi = mid;
  }
  for (; lo < DIV_LATIN_N && hits < max && strcmp((const char *)div_latin + div_latin_at[lo], word) == 0;
       lo++)
    if (is_inside(div_latin_upper[lo], within)) out[hits++] = div_latin_upper[lo];
  return hits;
}

static int code_find(const char *code)
{
  table_open();
  uint64_t value = strtoull(code, NULL, 10);
  uint32_t upper = (uint32_t)(strlen(code) > 6 ? value / 1000 : value);
  int id = upper_find(upper, DIV_DISTRICT);
  if (id < 0) id = upper_find(upper, upper % 10000 ? DIV_CITY : DIV_PROVINCE);
  if (id < 0 || strlen(code) <= 6) return id;
  for (int t = div_town_first[id]; t < div_town_first[id + 1]; t++)
    if (div_town_tail[t] == value % 1000) return DIV_UPPER_N + t;
  return -1;
}

const char *div_name(struct arena *a, const char *code)
{
  int id = code_find(code), len[2];
  if (id < 0) return code;
  const uint16_t *part[2] = { name_stem(name_of(id), &len[0]), name_suffix(name_of(id), &len[1]) };
  if (len[0] == 0)
    return div_parent(id) < 0 ? code : div_name(a, arena_printf(a, "%u", div_code(div_parent(id))));
  struct buf b = { 0 };
  for (int p = 0; p < 2; p++)
    for (int i = 0; i < len[p]; i++) {
      uint32_t cp = part[p][i];
      if (cp >= 0xD800 && cp < 0xDC00 && i + 1 < len[p])
        cp = 0x10000 + ((cp - 0xD800) << 10) + (part[p][++i] - 0xDC00u);
      utf8_put(&b, cp);
    }
  char *name = arena_strn(a, b.data, b.len);
  buf_release(&b);
  return name;
}

static int sorted_find(const uint16_t *sorted, int n, uint32_t c)
{
  int lo = 0, hi = n;
  while (lo < hi) {
    int mid = (lo + hi) / 2;
    if (sorted[mid] < c) lo = mid + 1;
    else hi = mid;
  }
  return lo < n && sorted[lo] == c ? lo : -1;
}

int div_sound(uint32_t cp)
{
  table_open();
  int i = sorted_find(div_sound_of, COUNT(div_sound_of), cp);
  return i < 0 ? 0 : div_sound_is[i];
}

uint16_t div_simple(uint16_t c)
{
  int i = sorted_find(div_traditional, COUNT(div_traditional), c);
  return i < 0 ? c : div_simple_is[i];
}
