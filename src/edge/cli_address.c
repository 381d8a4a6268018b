/* cli_address.c: what an address was read as, and whether two agree (domain 3.2). Needs no data. */
#include "edge.h"
#include <errno.h>
#include <stdio.h>

#define PAIR_LINE_MAX (64 * 1024)
#define LABELS_MAX 32

/* ---- one ---------------------------------------------------------------------------------------------------- */
static void addr_read(struct arena *a, const char *text, struct addr *out)
{
  struct addr_text t = { .detail = text };
  addr_parse(a, &t, out);
}

static bool part_is_code(enum addr_part p)
{
  return p <= ADDR_TOWN;
}

static void parts_json(struct arena *a, struct jw *w, const char *text, const struct addr *x)
{
  jw_object(w);
  jw_kstring(w, "text", text);
  jw_key(w, "parts"), jw_object(w);
  for (enum addr_part p = 0; p < ADDR_N; p++)
    if (x->part[p]) jw_kstring(w, addr_part_name(p), x->part[p]);
  jw_object_end(w);
  jw_key(w, "names"), jw_object(w);
  for (enum addr_part p = 0; p <= ADDR_TOWN; p++)
    if (x->part[p]) jw_kstring(w, addr_part_name(p), div_name(a, x->part[p]));
  jw_object_end(w);
  jw_kstring(w, "maybe", x->maybe), jw_kstring(w, "rest", x->rest);
  jw_kbool(w, "masked", x->masked), jw_kbool(w, "latin", x->latin);
  jw_object_end(w);
}

static void part_print(struct cli *c, const char *name, const char *value, const char *more)
{
  struct buf b = { 0 };
  text_safe(&b, value);
  printf("%-14s %s%s%s\n", name, b.data ? b.data : "", more ? "  " : "", more ? more : "");
  buf_release(&b);
  (void)c;
}

static void parts_print(struct cli *c, const struct addr *x)
{
  for (enum addr_part p = 0; p < ADDR_N; p++)
    if (x->part[p])
      part_print(c, addr_part_name(p), x->part[p], part_is_code(p) ? div_name(&c->mem, x->part[p]) : NULL);
  if (x->maybe) part_print(c, "one of", x->maybe, NULL);
  if (x->rest && *x->rest) part_print(c, "rest", x->rest, NULL);
  if (x->masked) printf("masked: it agrees with nothing\n");
}

static int address_one(struct cli *c)
{
  struct addr x;
  struct buf out = { 0 };
  struct jw w;
  addr_read(&c->mem, c->arg[0], &x);
  if (c->json) {
    jw_init(&w, &out);
    parts_json(&c->mem, &w, c->arg[0], &x);
    printf("%s\n", out.data);
  } else {
    parts_print(c, &x);
  }
  buf_release(&out);
  return EXIT_DONE;
}

/* ---- two ------------------------------------------------------------------------------------------------------ */
struct pair_verdict {
  enum addr_verdict is;
  const char *part, *note;
};

static struct pair_verdict judge(struct arena *a, const char *left, const char *right)
{
  struct addr x, y;
  enum addr_part by = ADDR_N;
  struct pair_verdict v = { 0 };
  addr_read(a, left, &x), addr_read(a, right, &y);
  v.is = addr_agree(a, &x, &y, &by, &v.note);
  v.part = by < ADDR_N ? addr_part_name(by) : NULL;
  return v;
}

static void verdict_json(struct jw *w, const struct pair_verdict *v)
{
  jw_kstring(w, "verdict", addr_verdict_name(v->is)), jw_kstring(w, "by", v->part),
    jw_kstring(w, "note", v->note);
}

static int address_two(struct cli *c)
{
  struct pair_verdict v = judge(&c->mem, c->arg[0], c->arg[1]);
  struct addr x, y;
  struct buf out = { 0 };
  struct jw w;
  addr_read(&c->mem, c->arg[0], &x), addr_read(&c->mem, c->arg[1], &y);
  if (c->json) {
    jw_init(&w, &out), jw_object(&w), verdict_json(&w, &v);
    jw_key(&w, "left"), parts_json(&c->mem, &w, c->arg[0], &x);
    jw_key(&w, "right"), parts_json(&c->mem, &w, c->arg[1], &y);
    jw_object_end(&w);
    printf("%s\n", out.data);
  } else {
    parts_print(c, &x), printf("\n"), parts_print(c, &y);
    printf("\n%s%s%s%s%s\n", addr_verdict_name(v.is), v.part ? " by " : "", v.part ? v.part : "",
           v.note && *v.note ? ": " : "", v.note ? v.note : "");
  }
  buf_release(&out);
  return EXIT_DONE;
}

/* ---- a file of pairs ------------------------------------------------------------------------------------------------ */
struct pairs {
  struct cli *c;
  int64_t line, n, bad;
  struct {
    char text[64];
    int64_t n[3]; /* by verdict */
  } label[LABELS_MAX];
  size_t labels;
};

/* The row of a label; what does not fit any more is counted under the last one. */
static size_t label_at(struct pairs *p, const char *text)
{
  size_t i = 0;
  while (i < p->labels && strcmp(p->label[i].text, text) != 0) i++;
  if (i < p->labels) return i;
  if (p->labels == LABELS_MAX) return LABELS_MAX - 1;
  snprintf(p->label[i].text, sizeof p->label[i].text, "%s", text);
  return p->labels++;
}

static void pair_print(struct pairs *p, const char *label, const struct pair_verdict *v)
{
  struct buf out = { 0 };
  struct jw w;
  if (p->c->json) {
    jw_init(&w, &out), jw_object(&w), jw_kint(&w, "line", p->line);
    verdict_json(&w, v);
    if (label) jw_kstring(&w, "label", label);
    jw_object_end(&w);
  } else {
    buf_printf(&out, "%lld\t%s\t%s\t", (long long)p->line, addr_verdict_name(v->is), v->part ? v->part : "-");
    text_safe(&out, label ? label : "-"), buf_char(&out, '\t');
    text_safe(&out, v->note ? v->note : "");
  }
  printf("%s\n", out.data);
  buf_release(&out);
}

/* One line; false: it is no pair. */
static bool pair_take(struct pairs *p, char *text)
{
  struct arena a = { 0 };
  char *left = text, *right = strchr(text, '\t'), *label = right ? strchr(right + 1, '\t') : NULL;
  if (!right || !utf8_valid(text, strlen(text))) {
    p->bad++;
    cli_fail(p->c, "line %lld: two addresses with a TAB between them, in UTF-8", (long long)p->line);
    return false;
  }
  *right++ = 0;
  if (label) *label++ = 0, label[strcspn(label, "\t")] = 0;
  struct pair_verdict v = judge(&a, left, right);
  pair_print(p, label, &v);
  p->label[label_at(p, label ? label : "")].n[v.is]++, p->n++;
  arena_release(&a);
  return true;
}

static void summary_json(const struct pairs *p)
{
  struct buf out = { 0 };
  struct jw w;
  jw_init(&w, &out), jw_object(&w), jw_key(&w, "summary"), jw_array(&w);
  for (size_t i = 0; i < p->labels; i++) {
    jw_object(&w), jw_kstring(&w, "label", *p->label[i].text ? p->label[i].text : NULL);
    for (enum addr_verdict v = ADDR_DIFFER; v <= ADDR_AGREE; v++)
      jw_kint(&w, addr_verdict_name(v), p->label[i].n[v]);
    jw_object_end(&w);
  }
  jw_array_end(&w), jw_kint(&w, "pairs", p->n), jw_kint(&w, "bad", p->bad), jw_object_end(&w);
  printf("%s\n", out.data);
  buf_release(&out);
}

static void summary_print(const struct pairs *p)
{
  fflush(stdout);
  fprintf(stderr, "%-12s %10s %10s %10s %10s %9s\n", "label", "pairs", "agree", "probable", "differ",
          "agree %");
  for (size_t i = 0; i < p->labels; i++) {
    const int64_t *n = p->label[i].n;
    int64_t all = n[0] + n[1] + n[2];
    fprintf(stderr, "%-12s %10lld %10lld %10lld %10lld %9.2f\n", *p->label[i].text ? p->label[i].text : "-",
            (long long)all, (long long)n[ADDR_AGREE], (long long)n[ADDR_PROBABLE], (long long)n[ADDR_DIFFER],
            100.0 * (double)n[ADDR_AGREE] / (double)all);
  }
}

static bool pairs_read(struct pairs *p, FILE *in)
{
  static char text[PAIR_LINE_MAX];
  while (fgets(text, sizeof text, in)) {
    size_t n = strlen(text);
    p->line++;
    if (n == sizeof text - 1 && text[n - 1] != '\n')
      return cli_fail(p->c, "line %lld is longer than %d bytes", (long long)p->line, PAIR_LINE_MAX), false;
    text[strcspn(text, "\r\n")] = 0;
    if (*text) pair_take(p, text);
  }
  return !ferror(in);
}

static int address_file(struct cli *c, const char *file)
{
  struct pairs *p = arena_new(&c->mem, struct pairs);
  bool is_input = !strcmp(file, "-");
  FILE *in = is_input ? stdin : fopen(file, "re");
  p->c = c;
  if (!in) return cli_fail(c, "%s: %s", file, strerror(errno));
  bool ok = pairs_read(p, in);
  if (!is_input) fclose(in);
  if (c->json) summary_json(p);
  else if (!c->quiet) summary_print(p);
  return !ok ? EXIT_FAILED : p->bad ? EXIT_REFUSED : EXIT_DONE;
}

int cli_address(struct cli *c)
{
  const char *file = cli_option(c, "file");
  if (!file == !c->args) return cli_wrong(c, "one or two addresses, or --file");
  for (size_t i = 0; i < c->args; i++)
    if (!utf8_valid(c->arg[i], strlen(c->arg[i]))) return cli_wrong(c, "an address is text in UTF-8");
  if (file) return address_file(c, file);
  return c->args == 1 ? address_one(c) : address_two(c);
}
