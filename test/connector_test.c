/* Connector files: read, refused with line and column, run against signing vectors and hostile answers. */
#include "edge.h"
#include "test.h"
#include <stdio.h>

static void said(void *arg, const char *example, bool ok, const char *text)
{
  (void)arg;
  if (ok) return;
  test_note("%s: %s", example, text);
  CHECK(ok);
}

TEST(connector_builtin_files_pass)
{
  struct arena a = { 0 };
  const struct connector_file *list;
  size_t n = connector_builtin(&list);
  CHECK(n > 0);
  for (size_t i = 0; i < n; i++) {
    struct connector_fault f;
    struct connector *c = connector_parse(&a, list[i].name, list[i].text, list[i].n, &f);
    const char *why = NULL;
    if (!c) test_note("%s.channel:%d:%d: %s", list[i].name, f.line, f.column, f.why);
    REQUIRE(c);
    CHECK_INT(connector_test(c, &a, said, &a, &why), 0);
    CHECK_STR(why, NULL);
  }
  arena_release(&a);
}
