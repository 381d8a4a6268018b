/* cli_channel.c: connector files from the command line: their examples run, and a new channel begun. */
#include "edge.h"
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SECRET_MOST = 8192, LISTED_MOST = 1024 };

/* ---- channel test ------------------------------------------------------------------------------------------ */
struct report {
  struct cli *c;
  struct jw *w; /* with --json */
  struct buf out;
  const char *file;
  int examples, examples_failed, failed;
};

static void report_line(struct report *r, const char *example, bool ok, const char *text)
{
  r->failed += !ok;
  if (r->c->json) {
    jw_object(r->w);
    jw_kstring(r->w, "file", r->file), jw_kstring(r->w, "example", example), jw_kbool(r->w, "ok", ok);
    jw_kstring(r->w, "text", text), jw_object_end(r->w);
    return;
  }
  if (ok && example) buf_printf(&r->out, "%s: %s: ", r->file, example);
  else if (ok) buf_printf(&r->out, "%s: ", r->file);
  text_safe(&r->out, !ok && example ? arena_printf(&r->c->mem, "%s (example %s)", text, example) : text);
  buf_char(&r->out, '\n');
}

static void on_example(void *arg, const char *example, bool ok, const char *text)
{
  struct report *r = arg;
  r->examples++, r->examples_failed += !ok;
  report_line(r, example, ok, text);
}

/* What a file's name ends with: channel, messenger, factory, carrier; NULL: none of them. */
static const char *ext_of(const char *arg)
{
  const char *dot = strrchr(arg, '.');
  return dot && dot > arg && (!strcmp(dot + 1, "channel") || party_is(dot + 1)) ? dot + 1 : NULL;
}

/* The file's text, and what its faults are told under: "examples/connectors/shopee" of that file. */
static bool test_read(struct report *r, const char *arg, struct connector_file *file)
{
  struct arena *a = &r->c->mem;
  static const char *const kinds[] = { "channel", "messenger", "factory", "carrier" };
  const char *ext = ext_of(arg);
  if (!ext && !strchr(arg, '/')) {
    for (size_t i = 0; i < COUNT(kinds); i++)
      if (connector_load_as(a, r->c->data, arg, kinds[i], file)) return true;
    report_line(r, NULL, false, arena_printf(a, "%s: there is no connector of that name", arg));
    return false;
  }
  file->ext = ext ? ext : "channel";
  file->name = arena_strn(a, arg, ext ? (size_t)(ext - arg - 1) : strlen(arg));
  file->text = file_read(a, arg, CONNECTOR_FILE_MAX, &file->n);
  if (!file->text) report_line(r, NULL, false, arena_printf(a, "%s: %s", arg, strerror(errno)));
  return file->text;
}

static void test_one(struct report *r, const char *arg)
{
  struct connector_file file;
  struct connector_fault f;
  const char *why = NULL;
  r->file = arg;
  if (!test_read(r, arg, &file)) return;
  int before = r->examples;
  struct connector *c = connector_parse(&r->c->mem, file.name, file.text, file.n, &f);
  if (!c) {
    report_line(r, NULL, false,
                arena_printf(&r->c->mem, "%s.%s:%d:%d: %s", file.name, file.ext, f.line, f.column, f.why));
    return;
  }
  if (connector_test(c, &r->c->mem, on_example, r, &why) < 0) report_line(r, NULL, false, why);
  else if (r->examples == before) report_line(r, NULL, true, "the file is right; it has no examples");
}

int cli_channel_test(struct cli *c)
{
  struct report r = { .c = c };
  struct jw w;
  jw_init(&w, &r.out), r.w = &w;
  if (c->json) jw_array(&w);
  for (size_t i = 0; i < c->args; i++) test_one(&r, c->arg[i]);
  if (c->json) jw_array_end(&w), buf_char(&r.out, '\n');
  fputs(r.out.data, stdout);
  buf_release(&r.out);
  if (r.examples) cli_say(c, "%d examples, %d failed", r.examples, r.examples_failed);
  return r.failed ? EXIT_FAILED : EXIT_DONE;
}

/* ---- channel add ---------------------------------------------------------------------------------------------- */
static const char *builtin_names(struct cli *c)
{
  const struct connector_file *list;
  char names[LISTED_MOST] = "";
  size_t n = connector_builtin(&list), at = 0;
  for (size_t i = 0; i < n && at < sizeof names; i++)
    if (!strcmp(list[i].ext, "channel"))
      at += (size_t)snprintf(names + at, sizeof names - at, "%s%s", at ? ", " : "", list[i].name);
  return arena_str(&c->mem, names);
}

/* Root writes for whoever serves the directory. */
static bool file_give(const struct cli *c, const char *path)
{
  struct stat st;
  return geteuid() != 0 || (stat(c->data, &st) == 0 && chown(path, st.st_uid, st.st_gid) == 0);
}

static bool file_make(const struct cli *c, const char *dir, const char *path, const char *text, size_t n)
{
  return dir_make(dir, 0700) && file_give(c, dir) && file_write(path, text, n, 0600) && file_give(c, path);
}

static int copy_out(struct cli *c, const char *name, const struct connector_file *file)
{
  const char *dir = cli_path(c, "connectors"), *path = arena_printf(&c->mem, "%s/%s.channel", dir, name);
  if (!access(path, F_OK)) return cli_fail(c, "%s is there already", path);
  if (!file_make(c, dir, path, file->text, file->n)) return cli_fail(c, "%s: %s", path, strerror(errno));
  cli_say(c, "%s is written; `orderd channel test %s` checks it", path, name);
  return EXIT_DONE;
}

/* secrets/NAME.KEY of the data directory. false: nothing was given. */
static bool secret_keep(struct cli *c, const struct connector_name *s, const char *file, int *status)
{
  const char *path = cli_path(c, file);
  if (!access(path, F_OK)) return true;
  if (!isatty(STDIN_FILENO)) return false;
  fprintf(stderr, "%s%s\n", s->text, s->optional ? " (may be left empty)" : "");
  char *value = cli_line(c, arena_printf(&c->mem, "%s: ", s->name), SECRET_MOST);
  if (!value || !*value) return false;
  if (file_make(c, cli_path(c, "secrets"), path, value, strlen(value))) return true;
  *status = cli_fail(c, "%s: %s", path, strerror(errno));
  return false;
}

static void section_begin(struct buf *out, const struct connector *k, const char *name, const char *connector)
{
  buf_printf(out, "[channel %s]\nconnector = %s\n", name, connector);
  if (strcmp(k->family, name) != 0) buf_printf(out, "family = %s\n", k->family);
  if (k->kind == CONNECTOR_HTTP && !*k->host) buf_str(out, "# The platform's address:\n# host = https://…\n");
}

static void settings_put(struct buf *out, const struct connector *k)
{
  for (size_t i = 0; i < k->settings; i++)
    if (!strchr(k->setting[i].text, '\n'))
      buf_printf(out, "# %s = %s\n", k->setting[i].name, k->setting[i].text);
}

static int section_put(struct cli *c, struct buf *out, const struct connector *k, const char *name,
                       const char *connector)
{
  int status = EXIT_DONE, missing = 0;
  section_begin(out, k, name, connector);
  for (size_t i = 0; i < k->secrets && !status; i++) {
    const struct connector_name *s = &k->secret[i];
    const char *file = arena_printf(&c->mem, "secrets/%s.%s", name, s->name);
    bool kept = secret_keep(c, s, file, &status);
    buf_printf(out, "# %s%s\n%s%s_file = %s\n", s->text, s->optional ? " (optional)" : "", kept ? "" : "# ",
               s->name, file);
    missing += !kept && !s->optional;
  }
  settings_put(out, k);
  if (missing)
    cli_say(c, "%d secret%s missing: write each to its file below %s (mode 0600) and take the # away",
            missing, missing == 1 ? " is" : "s are", c->data);
  return status;
}

int cli_channel_add(struct cli *c)
{
  const char *name = c->arg[0], *from = cli_option(c, "connector"), *why = NULL;
  struct connector_file file;
  struct connector_fault f;
  struct config config;
  struct buf out = { 0 };
  if (!from) from = name;
  if (!connector_name_ok(name))
    return cli_wrong(c, "a name is made of a-z, 0-9, _ and -, at most 32 of them");
  if (!connector_load(&c->mem, c->data, from, &file))
    return cli_wrong(c, "there is no connector %s; give one by --connector: %s", from, builtin_names(c));
  struct connector *k = connector_parse(&c->mem, from, file.text, file.n, &f);
  if (!k) return cli_fail(c, "%s.channel:%d:%d: %s", from, f.line, f.column, f.why);
  if (!cli_has_data(c)) return EXIT_FAILED;
  if (cli_config(c, &c->mem, &config, &why) &&
      conf_get(&config.conf, arena_printf(&c->mem, "channel %s", name), "connector"))
    return cli_fail(c, "[channel %s] stands in the configuration already", name);
  bool copy = cli_option(c, "copy");
  int status = copy ? copy_out(c, name, &file) : EXIT_DONE;
  if (!status) status = section_put(c, &out, k, name, copy ? name : from);
  if (!status) {
    cli_say(c, "Put this into %s:", c->config_path ? c->config_path : cli_path(c, "orderd.conf"));
    fputs(out.data, stdout);
  }
  buf_release(&out);
  return status;
}
