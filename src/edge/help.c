/* help.c: the manual, made from the table of commands and the table of keys. */
#include "edge.h"
#include <stdio.h>

#define OPTION_COLUMN 78

/* "[--status STATUS] [--all]" from "status=STATUS all", broken where it gets long. */
static void options_put(struct buf *out, const char *list, size_t column, size_t indent)
{
  for (const char *p = list ? list : ""; *p; p += strspn(p, " ")) {
    size_t len = strcspn(p, " "), word = strcspn(p, "= ");
    if (column + len + 5 > OPTION_COLUMN) {
      buf_printf(out, "\n%*s", (int)indent, "");
      column = indent;
    }
    buf_printf(out, " [--%.*s", (int)word, p);
    if (word < len) buf_printf(out, " %.*s", (int)(len - word - 1), p + word + 1);
    buf_char(out, ']');
    column += len + 5, p += len;
  }
}

static void usage_put(struct buf *out, const struct cli_command *k)
{
  size_t from = out->len;
  buf_printf(out, "  orderd %s", k->name);
  size_t indent = out->len - from;
  if (k->args) buf_printf(out, " %s", k->args);
  options_put(out, k->options, out->len - from, indent);
  buf_char(out, '\n');
}

static void more_put(struct buf *out, const char *text)
{
  for (const char *p = text; *p;) {
    size_t n = strcspn(p, "\n");
    buf_printf(out, "  %.*s\n", (int)n, p);
    p += n, p += *p == '\n';
  }
}

void help_put(struct buf *out, const struct cli_command *k)
{
  buf_printf(out, "%s\n\nUsage:\n", k->doc);
  usage_put(out, k);
  if (k->more) buf_str(out, "\n"), more_put(out, k->more);
  buf_printf(out, "\nExample:\n  %s\n", k->example);
}

static void help_all(struct buf *out)
{
  buf_str(
    out,
    "orderd takes the orders of all your channels in, once each, and brings together what belongs together.\n\n"
    "Usage:\n  orderd [--data DIR] [--config FILE] [--json] [--quiet] COMMAND …\n\nCommands:\n");
  for (size_t i = 0; i < cli_commands_n; i++)
    buf_printf(out, "  %-18s %s\n", cli_commands[i].name, cli_commands[i].doc);
  buf_str(
    out,
    "\n--data DIR      the data directory; ORDERD_DATA, else ./data\n"
    "--config FILE   the configuration; ORDERD_CONFIG, else DATA/orderd.conf\n"
    "--json          results for machines\n"
    "--quiet         results only\n\n"
    "Results go to standard output, messages to standard error. Exit status: 0 done, 1 failed, 2 wrong usage,\n"
    "3 data refused. While `orderd serve` runs, the other commands ask it through DATA/orderd.sock.\n"
    "`orderd help COMMAND` tells more, `orderd help config` every key of the configuration,\n"
    "`orderd help connectors` how platforms are described.\n");
}

static bool words_match(const struct cli *c, const char *name)
{
  for (size_t i = 0; i < c->args; i++) {
    size_t n = strlen(c->arg[i]);
    if (strncmp(name, c->arg[i], n) != 0 || (name[n] && name[n] != ' ')) return false;
    name += n, name += *name == ' ';
  }
  return true;
}

static void help_json(struct buf *out, const struct cli *c)
{
  struct jw w;
  jw_init(&w, out), jw_array(&w);
  for (size_t i = 0; i < cli_commands_n; i++) {
    const struct cli_command *k = &cli_commands[i];
    if (!words_match(c, k->name)) continue;
    jw_object(&w);
    jw_kstring(&w, "name", k->name), jw_kstring(&w, "args", k->args), jw_kstring(&w, "options", k->options);
    jw_kstring(&w, "doc", k->doc), jw_kstring(&w, "more", k->more), jw_kstring(&w, "example", k->example);
    jw_object_end(&w);
  }
  jw_array_end(&w), buf_char(out, '\n');
}

/* One command, or all that begin with these words. */
static size_t help_some(struct buf *out, const struct cli *c)
{
  const struct cli_command *only = NULL;
  size_t n = 0;
  for (size_t i = 0; i < cli_commands_n; i++)
    if (words_match(c, cli_commands[i].name)) only = &cli_commands[i], n++;
  if (n == 1) help_put(out, only);
  for (size_t i = 0; n > 1 && i < cli_commands_n; i++)
    if (words_match(c, cli_commands[i].name))
      buf_printf(out, "  orderd %-18s %s\n", cli_commands[i].name, cli_commands[i].doc);
  return n;
}

int cli_help(struct cli *c)
{
  struct buf out = { 0 };
  bool config = c->args == 1 && !strcmp(c->arg[0], "config");
  bool connectors = c->args == 1 && !strcmp(c->arg[0], "connectors");
  size_t n = 1;
  if (c->json) help_json(&out, c);
  else if (!c->args) help_all(&out);
  else if (connectors) connector_help(&out);
  else n = help_some(&out, c);
  if (config && !c->json) buf_str(&out, "\n"), config_help(&c->mem, &out);
  if (out.data) fputs(out.data, stdout);
  buf_release(&out);
  return n ? EXIT_DONE : cli_wrong(c, "there is no command of that name");
}
