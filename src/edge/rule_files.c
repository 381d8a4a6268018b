/* rule_files.c: DATA/rules/NAME.rule, read at start and on SIGHUP. */
#include "edge.h"
#include <dirent.h>

static struct rule_set *set_new(struct arena *a, const char **why)
{
  struct sandbox *box = sandbox_open(a, why);
  if (!box) return NULL;
  struct rule_set *s = arena_new(a, struct rule_set);
  sandbox_deadline(box, RULE_MS);
  s->box = box, s->rule = arena_array(a, struct rule *, RULES_MAX);
  return s;
}

/* NULL: no rule file, or (*why) one that cannot be read. */
static struct rule *file_take(struct arena *a, struct sandbox *box, const char *folder, const char *file,
                              const char **why)
{
  size_t n = strlen(file), size;
  *why = NULL;
  if (n < 6 || strcmp(file + n - 5, ".rule") != 0) return NULL;
  const char *name = arena_strn(a, file, n - 5);
  if (!rule_name_ok(name)) {
    *why = arena_printf(a, "%s: a rule's name has a-z, 0-9, _ and -, at most 32", file);
    return NULL;
  }
  const char *text = file_read(a, arena_printf(a, "%s/%s", folder, file), RULE_FILE_MAX, &size);
  if (!text) {
    *why = arena_printf(a, "%s: cannot be read, or is longer than %d bytes", file, RULE_FILE_MAX);
    return NULL;
  }
  return rule_parse(a, box, name, text, size, why);
}

bool rule_files_read(struct arena *a, const char *data, bool keep, struct rules *r, const char **why)
{
  const char *folder = arena_printf(a, "%s/rules", data);
  DIR *d = opendir(folder);
  struct rule_set *s = d ? set_new(a, why) : NULL;
  bool ok = !d || s;
  for (struct dirent *e; ok && d && (e = readdir(d));) {
    const char *fault = NULL;
    struct rule *one = e->d_name[0] == '.' ? NULL : file_take(a, s->box, folder, e->d_name, &fault);
    if (one && s->n == RULES_MAX)
      one = NULL, fault = arena_printf(a, "%s: at most %d rules", e->d_name, RULES_MAX);
    if (one) s->rule[s->n++] = one;
    if (fault && keep) log_line(LOG_ERROR, "a rule was left out: %s", fault);
    else if (fault) *why = fault, ok = false;
  }
  if (d) closedir(d);
  if (s && (!ok || !s->n)) sandbox_close(s->box), s = NULL;
  if (s) rule_set_sort(s);
  r->rule_set = s;
  return ok;
}

void rule_files_close(struct rules *r)
{
  if (r->rule_set) sandbox_close(r->rule_set->box);
  r->rule_set = NULL;
}
