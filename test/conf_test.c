/* Sectioned text files and the nearest word. */
#include "base.h"
#include "test.h"

/* The whole file as one line of text: section/key=value@line, line feeds of values as |. */
static const char *told(struct arena *a, const struct conf *c)
{
  struct buf b = { 0 };
  for (size_t i = 0; i < c->n; i++)
    buf_printf(&b, "%s%s/%s=%s@%d", i ? " " : "", c->at[i].section, c->at[i].key, c->at[i].value,
               c->at[i].line);
  for (size_t i = 0; i < b.len; i++)
    if (b.data[i] == '\n') b.data[i] = '|';
  const char *text = arena_strn(a, b.data, b.len);
  buf_release(&b);
  return text;
}

struct conf_case {
  const char *text;
  size_t n;
  const char *want; /* what told() says, or the reason */
  bool ok;
};
#define OK(t, want) \
  { \
    t, sizeof(t) - 1, want, true \
  }
#define NO(t, why) \
  { \
    t, sizeof(t) - 1, why, false \
  }

static const struct conf_case cases[] = {
  OK("", ""),
  OK("\n\n", ""),
  OK("# only a comment", ""),
  OK("a = 1", "/a=1@1"),
  OK("a=1\nb=2\n", "/a=1@1 /b=2@2"),
  OK("a=1\r\nb=2\r\n", "/a=1@1 /b=2@2"),
  OK("\xef\xbb\xbf"
     "a=1",
     "/a=1@1"),
  OK("a =\t 1 2  \t", "/a=1 2@1"),
  OK("a=", "/a=@1"),
  OK("a = b = c", "/a=b = c@1"),
  OK("a = # not a comment", "/a=# not a comment@1"),
  OK("a = 张三", "/a=张三@1"),
  OK("query.sign = hex(:x)\nmax_rps=5\nx-y=1\n1=2", "/query.sign=hex(:x)@1 /max_rps=5@2 /x-y=1@3 /1=2@4"),
  OK("[s]\na=1\n[t]\na=2", "s/a=1@2 t/a=2@4"),
  OK("[ channel   shopee\thome ]\na=1", "channel shopee home/a=1@2"),
  OK("[s]", ""),
  OK("[s]\na=1\n[t]\n[s]\nb=2", "s/a=1@2 s/b=2@5"),
  OK("a=1\nA=2", "/a=1@1 /A=2@2"),
  OK("a = x\n  y\n\tz\nb=1", "/a=x|y|z@1 /b=1@4"),
  OK("a =\n  x\n  y", "/a=x|y@1"),
  OK("a = x\n# comment\n  y", "/a=x|y@1"),
  OK("a = x\n  # part of it\n  b = 2\n  [t]", "/a=x|# part of it|b = 2|[t]@1"),
  OK("a = x\r\n  y\r\n", "/a=x|y@1"),
  OK("#a=1\n#\n##\nb=2", "/b=2@4"),
  OK("[渠道 一]\na=1", "渠道 一/a=1@2"),
  NO("a", "line 1: expected key = value, [section] or a # comment"),
  NO("a=1\n\nb 2\n", "line 3: expected key = value, [section] or a # comment"),
  NO("  a = 1", "line 1: an indented line with no value above it to go on with"),
  NO("a = 1\n\n  b = 2", "line 3: an indented line with no value above it to go on with"),
  NO("[s]\n  b = 2", "line 2: an indented line with no value above it to go on with"),
  NO("= 1", "line 1: a key is made of letters, digits, _ . and -"),
  NO("a b = 1", "line 1: a key is made of letters, digits, _ . and -"),
  NO("键 = 1", "line 1: a key is made of letters, digits, _ . and -"),
  NO("a=1\n[s]\nb=1\nb=1", "line 4: b is set already in line 3"),
  NO("[s]\na=1\n[t]\nx=1\n[ s ]\na=1", "line 6: a is set already in line 2"),
  NO("[s\na=1", "line 1: a section is written [name]"),
  NO("[s] x\na=1", "line 1: a section is written [name]"),
  NO("[", "line 1: a section is written [name]"),
  NO("[]", "line 1: a section needs a name"),
  NO("[ \t ]", "line 1: a section needs a name"),
  NO("[[s]]", "line 1: a bracket in a section's name"),
  NO("a=1\nb=\xff", "line 2: not valid UTF-8 (or a NUL byte)"),
  NO("a=1\nb=x\0y", "line 2: not valid UTF-8 (or a NUL byte)"),
  NO("a=\x01", "line 1: a control character"),
  NO("a=1\rb=2", "line 1: a control character"),
  NO("a=\x7f", "line 1: a control character"),
  NO("# \x1b[31m", "line 1: a control character"),
};

TEST(conf_table)
{
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct arena a = { 0 };
    struct conf c;
    const char *why;
    test_note("row %zu: %s", i, cases[i].text);
    char *exact = mem_new(cases[i].n);
    memcpy(exact, cases[i].text, cases[i].n);
    bool ok = conf_parse(&a, exact, cases[i].n, &c, &why);
    mem_free(exact);
    CHECK_INT(ok, cases[i].ok);
    CHECK_STR(ok ? told(&a, &c) : why, cases[i].want);
    if (!ok) CHECK_INT(c.n, 0);
    arena_release(&a);
  }
}

TEST(conf_get_finds_by_section_and_key)
{
  struct arena a = { 0 };
  struct conf c;
  const char *why, *text = "a=0\n[s]\na=1\n[t]\nb=2\n";
  REQUIRE(conf_parse(&a, text, strlen(text), &c, &why));
  CHECK_STR(conf_get(&c, "", "a")->value, "0");
  CHECK_STR(conf_get(&c, "s", "a")->value, "1");
  CHECK_INT(conf_get(&c, "t", "b")->line, 5);
  CHECK(!conf_get(&c, "t", "a") && !conf_get(&c, "S", "a") && !conf_get(&c, "s", "A"));
  arena_release(&a);
}

static bool parses(const struct buf *b, const char **why, struct arena *a)
{
  struct conf c;
  return conf_parse(a, b->data, b->len, &c, why);
}

TEST(conf_limits)
{
  static const struct {
    const char *line; /* repeated with a number */
    int n;
    const char *why;
  } limits[] = {
    { "k%d=v\n", 4096, NULL },
    { "k%d=v\n", 4097, "line 4097: too many keys" },
    { "[s%d]\n", 1024, NULL },
    { "[s%d]\n", 1025, "line 1025: too many sections" },
    { "# comment %d\n", 50000, NULL },
    { "# a comment long enough to fill the file %d\n", 50000, "the file is longer than 1048576 bytes" },
  };
  for (size_t i = 0; i < COUNT(limits); i++) {
    struct arena a = { 0 };
    struct buf b = { 0 };
    const char *why;
    for (int n = 0; n < limits[i].n; n++) {
      const char *hole = strchr(limits[i].line, '%');
      buf_put(&b, limits[i].line, (size_t)(hole - limits[i].line));
      buf_int(&b, n);
      buf_str(&b, hole + 2);
    }
    test_note("row %zu", i);
    CHECK_INT(parses(&b, &why, &a), limits[i].why == NULL);
    CHECK_STR(why, limits[i].why);
    buf_release(&b);
    arena_release(&a);
  }
}

TEST(conf_names_have_a_length)
{
  for (int n = 127; n <= 130; n++)
    for (int section = 0; section < 2; section++) {
      struct arena a = { 0 };
      struct buf b = { 0 };
      const char *why;
      if (section) buf_char(&b, '[');
      for (int i = 0; i < n; i++) buf_char(&b, 'x');
      buf_str(&b, section ? "]" : "=1");
      CHECK_INT(parses(&b, &why, &a), n <= 128);
      buf_release(&b);
      arena_release(&a);
    }
}

TEST(word_nearest_table)
{
  static const char *const known[] = { "listen",       "window", "overlap",
                                       "merge_window", "zone",   "escalate_after_minutes" };
  static const struct {
    const char *word, *want;
  } words[] = {
    { "listen", "listen" },
    { "lisen", "listen" },
    { "Listen", "listen" },
    { "windwo", "window" },
    { "overlaps", "overlap" },
    { "merge_windows", "merge_window" },
    { "zoen", "zone" },
    { "escalate_minutes", NULL },
    { "escalate_aftr_minuts", "escalate_after_minutes" },
    { "esclate_after_mins", "escalate_after_minutes" },
    { "xyz", NULL },
    { "", NULL },
    { "a", NULL },
    { "ab", NULL },
    { "completely_else", NULL },
  };
  for (size_t i = 0; i < COUNT(words); i++) {
    test_note("%s", words[i].word);
    CHECK_STR(word_nearest(words[i].word, known, COUNT(known)), words[i].want);
  }
  CHECK(!word_nearest("listen", known, 0));
}
