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

/* The manual's example is a file that passes. */
TEST(connector_help_example_passes)
{
  struct arena a = { 0 };
  struct buf help = { 0 };
  struct connector_fault f;
  const char *why = NULL;
  connector_help(&help);
  const char *from = strstr(help.data, "---- tea.channel\n");
  REQUIRE(from);
  from += strlen("---- tea.channel\n");
  struct connector *c = connector_parse(&a, "tea", from, strlen(from), &f);
  if (!c) test_note("%d:%d: %s", f.line, f.column, f.why);
  REQUIRE(c);
  CHECK_INT(c->examples, 4);
  CHECK_INT(connector_test(c, &a, said, &a, &why), 0);
  buf_release(&help), arena_release(&a);
}
