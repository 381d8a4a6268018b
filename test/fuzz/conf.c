/* Configuration text: what is accepted stands in the text at the line it says, no key twice in one
 * section, and written out plainly it is read back the same. What is refused names a line. */
#include "base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char *line_start(const char *text, const char *end, int line)
{
  while (--line > 0) {
    text = memchr(text, '\n', (size_t)(end - text));
    must(text);
    text++;
  }
  return text;
}

/* The first line of the entry holds its key; every line of its value follows in order. */
static void entry_is_in(const struct conf_entry *e, const char *text, const char *end)
{
  const char *p = line_start(text, end, e->line), *v = e->value;
  const char *key = memmem(p, (size_t)(end - p), e->key, strlen(e->key));
  must(key && !memchr(p, '\n', (size_t)(key - p)));
  p = key + strlen(e->key);
  while (*v) {
    size_t len = strcspn(v, "\n");
    p = memmem(p, (size_t)(end - p), v, len);
    must(p);
    p += len, v += len + (v[len] == '\n');
  }
}

static void write_plain(struct buf *out, const struct conf *c)
{
  const char *section = "";
  for (size_t i = 0; i < c->n; i++) {
    if (strcmp(section, c->at[i].section)) buf_printf(out, "[%s]\n", section = c->at[i].section);
    buf_printf(out, "%s = ", c->at[i].key);
    for (const char *v = c->at[i].value; *v; v++) buf_str(out, *v == '\n' ? "\n  " : (char[]){ *v, 0 });
    buf_char(out, '\n');
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
  struct arena a = { 0 };
  struct conf c, again;
  struct buf plain = { 0 };
  const char *why, *text = (const char *)data;
  if (!conf_parse(&a, text, n, &c, &why)) {
    must(why && (!strncmp(why, "line ", 5) || n > CONF_FILE_MAX) && !c.n);
  } else {
    must(!why);
    for (size_t i = 0; i < c.n; i++) {
      entry_is_in(&c.at[i], text, text + n);
      must(conf_get(&c, c.at[i].section, c.at[i].key) == &c.at[i]);
    }
    write_plain(&plain, &c);
    must(conf_parse(&a, plain.data ? plain.data : "", plain.len, &again, &why) && again.n == c.n);
    for (size_t i = 0; i < c.n; i++)
      must(!strcmp(c.at[i].section, again.at[i].section) && !strcmp(c.at[i].key, again.at[i].key) &&
           !strcmp(c.at[i].value, again.at[i].value));
  }
  buf_release(&plain);
  arena_release(&a);
  return 0;
}
