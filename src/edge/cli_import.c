/* cli_import.c: the command around import.c: the file, what is shown, the summary. */
#include "edge.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define PROGRESS_AFTER_MS 1000
#define PROGRESS_EVERY_MS 200
#define SHOWN_MAX 1000 /* refused rows told one by one, unless every row is */

struct shown {
  struct cli *c;
  bool all; /* every row, not only the refused ones */
  int64_t begun_ms, told_ms;
  int64_t refused; /* told so far */
  bool progress;   /* a line of it is on the screen */
};

static void progress_clear(struct shown *s)
{
  if (s->progress) fputs("\r\033[K", stderr);
  s->progress = false;
}

static void on_progress(void *arg, const struct import_counts *n)
{
  struct shown *s = arg;
  int64_t now_ms = mono_ms();
  if (!s->c->err_tty || s->c->quiet || now_ms - s->begun_ms < PROGRESS_AFTER_MS ||
      now_ms - s->told_ms < PROGRESS_EVERY_MS)
    return;
  s->told_ms = now_ms, s->progress = true;
  fprintf(stderr, "\r%lld rows, %lld refused, %lld a second ", (long long)n->rows, (long long)n->refused,
          (long long)(n->rows * 1000 / (now_ms - s->begun_ms + 1)));
}

static void row_json(int64_t row, const char *result, const char *id, const char *column, const char *code,
                     const char *detail)
{
  struct buf out = { 0 };
  struct jw w;
  jw_init(&w, &out), jw_object(&w);
  jw_kint(&w, "row", row), jw_kstring(&w, "result", result);
  if (id && *id) jw_kstring(&w, "id", id);
  if (column && *column) jw_kstring(&w, "column", column);
  if (code) jw_kstring(&w, "code", code);
  if (detail) jw_kstring(&w, "detail", detail);
  jw_object_end(&w);
  printf("%s\n", out.data);
  buf_release(&out);
}

static void row_text(int64_t row, const char *result, const char *id, const char *column, const char *code,
                     const char *detail)
{
  struct buf out = { 0 };
  buf_printf(&out, "%8lld  %-9s  ", (long long)row, result);
  if (id) text_safe(&out, id);
  if (id && *id && code) buf_str(&out, "  ");
  if (column && *column) text_safe(&out, column), buf_str(&out, ": ");
  if (code) buf_printf(&out, "%s: ", code);
  if (detail) text_safe(&out, detail);
  while (out.len && out.data[out.len - 1] == ' ') out.data[--out.len] = 0;
  printf("%s\n", out.data);
  buf_release(&out);
}

static void on_row(void *arg, int64_t row, const char *result, const char *id, const char *column,
                   const char *code, const char *detail)
{
  struct shown *s = arg;
  bool refused = !strcmp(result, "refused");
  bool warned = !refused && code;
  if (!s->all && !warned && (!refused || s->refused >= SHOWN_MAX)) return;
  if (refused) s->refused++;
  progress_clear(s);
  (s->c->json ? row_json : row_text)(row, result, id, column, code, detail);
}

static int import_call(void *arg, struct arena *a, const char *path, const void *body, size_t n,
                       const char *key, struct httpc_answer *out)
{
  struct shown *s = arg;
  return cli_call_in(s->c, a, "POST", path, body, n, key, out);
}

/* ---- the summary ------------------------------------------------------------------------------------------------ */
void import_summary_json(struct jw *w, const struct import_counts *n)
{
  const struct {
    const char *key;
    int64_t n;
  } rows[] = {
    { "rows", n->rows },           { "created", n->created }, { "updated", n->updated },
    { "unchanged", n->unchanged }, { "stale", n->stale },     { "taken", n->taken },
    { "again", n->again },         { "refused", n->refused },
  };
  jw_object(w);
  for (size_t i = 0; i < COUNT(rows); i++) jw_kint(w, rows[i].key, rows[i].n);
  jw_object_end(w);
}

static void summary_text(const struct shown *s, const struct import_counts *n, bool dry)
{
  struct buf out = { 0 };
  buf_printf(&out, "%s%lld rows: %lld %s, %lld updated, %lld unchanged",
             dry ? "dry run, nothing was changed: " : "", (long long)n->rows, (long long)n->created,
             dry ? "new" : "created", (long long)n->updated, (long long)n->unchanged);
  if (n->stale) buf_printf(&out, ", %lld older than what is known", (long long)n->stale);
  if (n->taken) buf_printf(&out, ", %lld taken and applied later", (long long)n->taken);
  if (n->again) buf_printf(&out, ", %lld again in this file", (long long)n->again);
  buf_printf(&out, ", %lld refused", (long long)n->refused);
  if (!s->all && s->refused < n->refused)
    buf_printf(&out, " (%lld of them not shown)", (long long)(n->refused - s->refused));
  cli_say(s->c, "%s", out.data);
  if (n->other_channels)
    cli_say(s->c, "%lld orders are of another channel than --channel; leave it away to take them as they are",
            (long long)n->other_channels);
  if (n->refused && !n->is_refused && !dry && !cli_option(s->c, "as"))
    cli_say(s->c, "What was refused is kept: orderd payload list --state failed");
  buf_release(&out);
}

static void summary_tell(const struct shown *s, const struct import_counts *n, bool dry)
{
  struct buf out = { 0 };
  struct jw w;
  if (!s->c->json) {
    summary_text(s, n, dry);
    return;
  }
  jw_init(&w, &out), jw_object(&w), jw_kbool(&w, "dry_run", dry), jw_key(&w, "summary"),
    import_summary_json(&w, n), jw_object_end(&w);
  printf("%s\n", out.data);
  buf_release(&out);
}

/* ---- the command ------------------------------------------------------------------------------------------------------ */
static int64_t fd_read(void *arg, char *p, size_t n)
{
  ssize_t got;
  do got = read(*(const int *)arg, p, n);
  while (got < 0 && errno == EINTR);
  return got;
}

static int choice(struct cli *c, const char *name, const char *const *words, int n, int *at)
{
  const char *v = cli_option(c, name);
  *at = 0;
  if (!v) return EXIT_DONE;
  for (int i = 0; i < n; i++)
    if (!strcmp(words[i], v)) return *at = i, EXIT_DONE;
  return n == 3 ? cli_wrong(c, "--%s is %s, %s or %s", name, words[0], words[1], words[2])
                : cli_wrong(c, "--%s is %s, %s, %s or %s", name, words[0], words[1], words[2], words[3]);
}

static void on_note(void *arg, const char *text)
{
  struct shown *s = arg;
  progress_clear(s);
  cli_say(s->c, "%s", text);
}

static int import_as(struct cli *c, struct import *o)
{
  o->as = cli_option(c, "as"), o->warehouse = cli_option(c, "warehouse");
  if (o->as && !strcmp(o->as, "orders")) o->as = NULL;
  if (o->as && !goods_kind_ok(o->as)) return cli_wrong(c, "--as is %s", goods_kind_names());
  if (o->warehouse && (!o->as || strcmp(o->as, "stock") != 0))
    return cli_wrong(c, "--warehouse goes with --as stock");
  return EXIT_DONE;
}

static int import_options(struct cli *c, struct import *o)
{
  static const char *const formats[] = { "auto", "ndjson", "csv", "xlsx" };
  static const char *const encodings[] = { "auto", "utf-8", "gb18030" };
  static const int kinds[] = { IMPORT_AUTO, IMPORT_NDJSON, IMPORT_CSV, IMPORT_XLSX };
  int format, encoding;
  int status = choice(c, "format", formats, 4, &format);
  if (!status) status = choice(c, "encoding", encodings, 3, &encoding);
  if (status) return status;
  o->format = kinds[format], o->sheet = cli_option(c, "sheet");
  o->auto_encoding = encoding == 0, o->gb18030 = encoding == 2;
  o->channel = cli_option(c, "channel");
  o->dry_run = cli_option(c, "dry-run") != NULL;
  return import_as(c, o);
}

static int import_file(struct cli *c, struct import *o, int fd)
{
  struct shown s = { .c = c, .all = o->dry_run || cli_option(c, "all-rows"), .begun_ms = mono_ms() };
  struct import_counts n;
  const char *why = NULL;
  o->call = import_call, o->row = on_row, o->progress = on_progress, o->note = on_note, o->arg = &s;
  bool ok = import_run(o, fd_read, &fd, &c->mem, &n, &why);
  progress_clear(&s);
  summary_tell(&s, &n, o->dry_run);
  if (!ok) return cli_fail(c, "%s: %s", c->arg[0], why ? why : "it could not be read to its end");
  return n.refused ? EXIT_REFUSED : EXIT_DONE;
}

int cli_import(struct cli *c)
{
  struct import o = { .name = c->arg[0] };
  int status = import_options(c, &o);
  if (status) return status;
  if (!cli_has_data(c)) return EXIT_FAILED;
  bool is_input = !strcmp(c->arg[0], "-");
  int fd = is_input ? STDIN_FILENO : open(c->arg[0], O_RDONLY | O_CLOEXEC);
  if (fd < 0) return cli_fail(c, "%s: %s", c->arg[0], strerror(errno));
  status = import_file(c, &o, fd);
  if (!is_input) close(fd);
  return status;
}
