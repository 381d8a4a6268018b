/* divisions_test.c: the table that the binary holds packed: every division is found by its name, and sits where its code says. */
#include "base.h"
#include "test.h"
#include <pthread.h>

static int to_units(const char *s, uint16_t *out, int max)
{
  int n = 0;
  while (*s && n < max - 1) {
    uint32_t cp = utf8_next(&s);
    if (cp >= 0x10000) out[n++] = (uint16_t)(0xD800 + ((cp - 0x10000) >> 10)), cp = 0xDC00 + (cp & 0x3FF);
    out[n++] = (uint16_t)cp;
  }
  return n;
}

#define DIVISIONS 45114 /* 3,762 provinces, cities and districts, 41,352 towns */

TEST(every_division_is_found_by_its_name)
{
  struct arena a = { 0 };
  int towns = 0, nameless = 0;
  for (int id = 0; id < DIVISIONS; id++) {
    const char *code = arena_printf(&a, "%u", div_code(id)), *name = div_name(&a, code);
    uint16_t s[64];
    struct div_hit hit[64];
    enum div_form form;
    int level = div_level(id), parent = div_parent(id), n = to_units(name, s, COUNT(s));
    test_note("%s %s", code, name);
    towns += level == DIV_TOWN;
    if (parent >= 0) CHECK(div_level(parent) == level - 1 || level == DIV_DISTRICT);
    if (!div_is(s, n, id, &form)) { /* "市辖区" has no name of its own: it gives its parent's */
      nameless++;
      CHECK(level == DIV_CITY);
      continue;
    }
    CHECK_INT(form, DIV_FULL);
    int hits = div_find(s, n, parent, hit, COUNT(hit)), found = 0;
    for (int i = 0; i < hits; i++) found += hit[i].id == id && hit[i].len == n;
    CHECK_INT(found, 1);
    if (id % 512 == 0) arena_release(&a);
  }
  CHECK_INT(towns, 41352);
  CHECK(nameless > 0 && nameless < 50);
  arena_release(&a);
}

TEST(divisions_of_one_beginning_come_in_the_order_of_their_names)
{
  static const struct {
    const char *text;
    uint32_t code[8]; /* as the table has them: by stem, then by code */
  } rows[] = { { "朝阳", { 110105, 211300, 220104, 0 } }, { "西湖区", { 330106, 360103, 0 } } };
  for (size_t i = 0; i < COUNT(rows); i++) {
    uint16_t s[16];
    struct div_hit hit[64];
    int n = to_units(rows[i].text, s, COUNT(s)), hits = div_find(s, n, -1, hit, COUNT(hit)), at = 0;
    test_note("%s", rows[i].text);
    for (int h = 0; h < hits && rows[i].code[at]; h++) at += div_code(hit[h].id) == rows[i].code[at];
    CHECK_INT(rows[i].code[at], 0);
  }
}

static void *find_one(void *arg)
{
  uint16_t s[16];
  struct div_hit hit[8];
  int n = to_units("浙江省", s, COUNT(s));
  *(uint32_t *)arg = div_find(s, n, -1, hit, COUNT(hit)) > 0 ? div_code(hit[0].id) : 0;
  return NULL;
}

/* Run alone, these are the first to ask. */
TEST(divisions_unpack_once_for_all_threads)
{
  pthread_t t[8];
  uint32_t code[8] = { 0 };
  for (size_t i = 0; i < COUNT(t); i++) REQUIRE(!pthread_create(&t[i], NULL, find_one, &code[i]));
  for (size_t i = 0; i < COUNT(t); i++) pthread_join(t[i], NULL);
  for (size_t i = 0; i < COUNT(t); i++) CHECK_INT(code[i], 330000);
}
