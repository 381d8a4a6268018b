/* divisions.c: the table of provinces, cities, districts and towns, and how their names are found.
 *
 * divisions.h is generated. A name is a stem and a suffix in one pool of UTF-16 units, packed into
 * 32 bits: offset 18, length of the stem 5, suffix 9. Upper divisions stand sorted by code; towns too,
 * so that the towns of a district are a run. Ids below DIV_UPPER_N are upper ones, towns follow. */
#include "base.h"
#include "divisions.h"
#include <stdlib.h>
#include <uchar.h>

/* What people write instead of the true suffix: a county that became a district, a street's office. */
static const char16_t *const other_suffixes[4][8] = {
  [DIV_PROVINCE] = { u"特别行政区", u"自治区", u"省", u"市" },
  [DIV_CITY] = { u"自治州", u"地区", u"州", u"盟", u"市" },
  [DIV_DISTRICT] = { u"自治县", u"新区", u"区", u"县", u"市", u"旗" },
  [DIV_TOWN] = { u"街道办事处", u"街道办", u"街道", u"民族乡", u"地区", u"镇", u"乡" },
};

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

static uint32_t name_of(int id)
{
  must(id >= 0 && id < DIV_UPPER_N + DIV_TOWN_N);
  return id < DIV_UPPER_N ? div_upper_name[id] : div_town_name[id - DIV_UPPER_N];
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

/* The first two units of a stem; a second one that is missing sorts first. */
static uint32_t name_head(uint32_t name)
{
  int len;
  const uint16_t *stem = name_stem(name, &len);
  return (uint32_t)stem[0] << 16 | (len > 1 ? stem[1] : 0);
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
  if (n < 2) return 0;
  if (within >= 0 && div_level(within) == DIV_DISTRICT) {
    for (int t = div_town_first[within]; t < div_town_first[within + 1]; t++) search_try(&q, DIV_UPPER_N + t);
    return q.hits;
  }
  for (int two = 0; two <= 1; two++) {
    uint32_t head = (uint32_t)s[0] << 16 | (two ? s[1] : 0u);
    search_sorted(&q, div_upper_sorted, COUNT(div_upper_sorted), 0, head);
    search_sorted(&q, div_town_sorted, COUNT(div_town_sorted), DIV_UPPER_N, head);
  }
  return q.hits;
}

int div_find_latin(const char *word, int within, int *out, int max)
{
  int lo = 0, hi = DIV_LATIN_N, hits = 0;
  while (lo < hi) {
    int mid = (lo + hi) / 2;
    if (strcmp(div_latin + div_latin_at[mid], word) < 0) lo = mid + 1;
    else hi = mid;
  }
  for (; lo < DIV_LATIN_N && hits < max && strcmp(div_latin + div_latin_at[lo], word) == 0; lo++)
    if (is_inside(div_latin_upper[lo], within)) out[hits++] = div_latin_upper[lo];
  return hits;
}

static int code_find(const char *code)
{
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
  int i = sorted_find(div_sound_of, COUNT(div_sound_of), cp);
  return i < 0 ? 0 : div_sound_is[i];
}

uint16_t div_simple(uint16_t c)
{
  int i = sorted_find(div_traditional, COUNT(div_traditional), c);
  return i < 0 ? c : div_simple_is[i];
}
