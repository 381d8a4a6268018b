/* cli_rule.c: rule files from the command line: tried over past orders, or on their own examples. */
#include "edge.h"
#include <stdio.h>

/* NAME of …/NAME.rule; NULL: no such. */
static const char *name_of(struct arena *a, const char *path)
{
  const char *slash = strrchr(path, '/'), *file = slash ? slash + 1 : path;
  size_t n = strlen(file);
  if (n < 6 || strcmp(file + n - 5, ".rule") != 0) return NULL;
  const char *name = arena_strn(a, file, n - 5);
  return rule_name_ok(name) ? name : NULL;
}

static const char *text_of(struct cli *c, const char **name, size_t *n)
{
  *name = name_of(&c->mem, c->arg[0]);
  const char *text = *name ? file_read(&c->mem, c->arg[0], RULE_FILE_MAX, n) : NULL;
  if (!*name) cli_fail(c, "%s: a rule's file is named NAME.rule, of a-z, 0-9, _ and -", c->arg[0]);
  else if (!text) cli_fail(c, "%s: cannot be read, or is longer than %d bytes", c->arg[0], RULE_FILE_MAX);
  return text;
}

int cli_rule_test(struct cli *c)
{
  const char *name, *limit = cli_option(c, "limit");
  size_t n;
  struct buf body = { 0 };
  struct jw w;
  const char *text = text_of(c, &name, &n);
  if (!text || !cli_has_data(c)) return EXIT_FAILED;
  jw_init(&w, &body), jw_object(&w), jw_kstring(&w, "name", name), jw_kstring(&w, "text", text);
  if (cli_option(c, "from")) jw_kstring(&w, "from", cli_option(c, "from"));
  if (cli_option(c, "to")) jw_kstring(&w, "to", cli_option(c, "to"));
  if (limit) {
    if (!*limit || strlen(limit) > 6 || strspn(limit, "0123456789") != strlen(limit)) {
      buf_release(&body);
      return cli_wrong(c, "--limit is a number");
    }
    jw_key(&w, "limit"), jw_raw(&w, limit, strlen(limit));
  }
  jw_object_end(&w);
  int status = cli_body_call(c, "/v1/rules/dry-run", &body);
  buf_release(&body);
  return status;
}

static void say(void *arg, const char *text)
{
  cli_say(arg, "%s", text);
}

int cli_rule_example(struct cli *c)
{
  const char *name, *why = "";
  size_t n;
  const char *text = text_of(c, &name, &n);
  if (!text) return EXIT_FAILED;
  struct sandbox *box = sandbox_open(&c->mem, &why);
  struct rule *r = box ? rule_parse(&c->mem, box, name, text, n, &why) : NULL;
  int failed = r ? rule_examples(box, &c->mem, r, say, c) : 1, status = EXIT_DONE;
  if (!r) status = cli_fail(c, "%s", why);
  else if (failed) status = cli_fail(c, "%d of %zu examples fail", failed, r->examples);
  else if (c->json) printf("{\"examples\":%zu,\"failed\":0}\n", r->examples);
  else printf("%zu examples hold\n", r->examples);
  if (box) sandbox_close(box);
  return status;
}
