/* rule_file.c: reads NAME.rule: sections, the condition's SQL as it stands, actions line by line. */
#include "domain.h"
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

static const char *const params[] = { "order", "now_ms", "case", NULL };
static const char *const stages[] = { "taken",     "pending",   "paid",        "split",
                                      "producing", "inspected", "pre_ship",    "shipped",
                                      "completed", "cancelled", RULE_WHEN_CASE };
#define STAGES_BEFORE_SPLIT 3

enum part { PART_NONE, PART_RULE, PART_CONDITION, PART_ACTION, PART_EXAMPLE };

struct reader {
  struct arena *mem;
  struct rule *rule;
  const char *name;
  enum part part;
  int line, sql_line, action_line;
  struct buf sql, value;
  const char *key; /* of an example, while its value goes on */
  struct rule_example *example;
  bool told_matches, seen[PART_EXAMPLE + 1];
  const char *why;
};

static bool wrong(struct reader *r, int column, const char *fmt, ...) PRINTF(3, 4);
static bool wrong(struct reader *r, int column, const char *fmt, ...)
{
  char text[400];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  r->why = arena_printf(r->mem, "%s.rule:%d:%d: %s", r->name, r->line, column, text);
  return false;
}

static bool unknown(struct reader *r, int column, const char *what, const char *word,
                    const char *const *known, size_t n)
{
  const char *near = word_nearest(word, known, n);
  return wrong(r, column, "%s %.60s is not known%s%s%s", what, word, near ? ": did you mean " : "",
               near ? near : "", near ? "?" : "");
}

static char *trimmed(struct arena *a, const char *p, size_t n)
{
  while (n && (*p == ' ' || *p == '\t')) p++, n--;
  while (n && (p[n - 1] == ' ' || p[n - 1] == '\t' || p[n - 1] == '\r')) n--;
  return arena_strn(a, p, n);
}

static int indent(const char *p)
{
  return 1 + (int)strspn(p, " \t");
}

/* ---- [example NAME] ---------------------------------------------------------------------------------------------------- */
static bool example_value(struct reader *r)
{
  struct rule_example *x = r->example;
  const char *key = r->key, *v = arena_strn(r->mem, r->value.data ? r->value.data : "", r->value.len);
  r->key = NULL, r->value.len = 0;
  if (!key) return true;
  if (!strcmp(key, "order") || !strcmp(key, "case")) {
    struct faults f = { .mem = r->mem };
    if (json_type(json_parse(r->mem, v, strlen(v), JSON_ELEMENTS_MAX, &f)) != JSON_OBJECT)
      return wrong(r, 1, "the example's %s is not a JSON object", key);
    *(*key == 'o' ? &x->order : &x->of_case) = v;
    return true;
  }
  if (!strcmp(key, "now"))
    return time_parse(v, &x->now_ms) || wrong(r, 1, "now is a time: 2026-11-11T08:00:00Z");
  bool yes = !strcmp(v, "yes");
  if (!yes && strcmp(v, "no") != 0) return wrong(r, 1, "matches is yes or no");
  x->matches = yes, r->told_matches = true;
  return true;
}

static bool example_end(struct reader *r)
{
  if (!r->example) return true;
  if (!example_value(r)) return false;
  if (!r->example->order || !r->told_matches)
    return wrong(r, 1, "[example %s] needs order and matches", r->example->name);
  r->example = NULL;
  return true;
}

static bool example_line(struct reader *r, const char *p)
{
  static const char *const keys[] = { "order", "matches", "now", "case" };
  const char *equals = strchr(p, '=');
  if (*p == ' ' || *p == '\t') {
    if (!r->key) return wrong(r, indent(p), "a line that goes on with nothing");
    buf_char(&r->value, '\n'), buf_str(&r->value, p);
    return true;
  }
  if (!example_value(r)) return false;
  if (!equals) return wrong(r, 1, "expected order, matches, now or case = …");
  const char *key = trimmed(r->mem, p, (size_t)(equals - p));
  size_t i = 0;
  while (i < COUNT(keys) && strcmp(keys[i], key) != 0) i++;
  if (i == COUNT(keys)) return unknown(r, 1, "the key", key, keys, COUNT(keys));
  r->key = keys[i];
  buf_str(&r->value, trimmed(r->mem, equals + 1, strlen(equals + 1)));
  return true;
}

/* ---- [rule NAME] --------------------------------------------------------------------------------------------------------- */
static bool number(const char *text, int64_t least, int64_t most, int64_t *out)
{
  char *end;
  if (!*text || strlen(text) > 9) return false;
  *out = strtoll(text, &end, 10);
  return !*end && *out >= least && *out <= most;
}

static bool rule_line(struct reader *r, const char *p)
{
  static const char *const keys[] = { "title", "when", "order", "stop" };
  const char *equals = strchr(p, '=');
  if (!equals) return wrong(r, indent(p), "expected title, when, order or stop = …");
  const char *key = trimmed(r->mem, p, (size_t)(equals - p)),
             *v = trimmed(r->mem, equals + 1, strlen(equals + 1));
  int at = (int)(equals - p) + 1 + indent(equals + 1);
  struct rule *x = r->rule;
  if (!strcmp(key, "title")) {
    x->title = v;
  } else if (!strcmp(key, "when")) {
    size_t i = 0;
    while (i < COUNT(stages) && strcmp(stages[i], v) != 0) i++;
    if (i == COUNT(stages)) return unknown(r, at, "the stage", v, stages, COUNT(stages));
    x->when = stages[i];
  } else if (!strcmp(key, "order")) {
    if (!number(v, 0, 1000000, &x->order)) return wrong(r, at, "order is a number from 0 to 1000000");
  } else if (!strcmp(key, "stop")) {
    x->stop = !strcmp(v, "yes");
    if (!x->stop && strcmp(v, "no") != 0) return wrong(r, at, "stop is yes or no");
  } else return unknown(r, indent(p), "the key", key, keys, COUNT(keys));
  return true;
}

/* ---- [action] -------------------------------------------------------------------------------------------------------------- */
static bool is_word(const char *s, size_t most)
{
  size_t n = strlen(s);
  for (size_t i = 0; i < n; i++)
    if (strchr(" \t\",", s[i]) || (unsigned char)s[i] < ' ') return false;
  return n && n <= most;
}

/* SKU QUANTITY: the SKU becomes the action's text. */
static bool gift_read(struct reader *r, struct rule_action *x, const char *rest)
{
  size_t n = strcspn(rest, " \t");
  x->text = arena_strn(r->mem, rest, n);
  return is_word(x->text, SKU_CODE_MAX) &&
         number(rest + n + strspn(rest + n, " \t"), 1, RULE_GIFT_MOST, &x->n);
}

/* Somebody has to look: the first step stays. */
static bool skip_read(struct rule_action *x, const char *rest)
{
  enum case_step s = case_step_parse(rest);
  x->n = s;
  return s != CASE_STEPS && s != STEP_CS;
}

static bool action_read(struct reader *r, int at, enum rule_act act, const char *rest)
{
  static const char *const forms[] = {
#define X(id, name, form) form,
    RULE_ACT_MAP(X)
#undef X
  };
  static const char *const ranges[RULE_ACT_N] = { [RULE_PRIORITY] = ", from -1000 to 1000",
                                                  [RULE_GIFT] = ": one SKU of ours, 1 to 99 pieces",
                                                  [RULE_SKIP] = ": warehouse or finance" };
  struct rule_action x = { .act = act, .text = rest };
  bool ok = false;
  switch (act) {
  case RULE_HOLD: ok = *rest && utf8_count(rest) <= 100; break;
  case RULE_TAG: ok = is_word(rest, 64); break;
  case RULE_ROUTE: ok = is_word(rest, 64); break;
  case RULE_PRIORITY: ok = number(rest, -1000, 1000, &x.n); break;
  case RULE_SPLIT: ok = !strcmp(rest, "apart"); break;
  case RULE_PROPOSE: ok = !*rest; break;
  case RULE_GIFT: ok = gift_read(r, &x, rest); break;
  case RULE_SKIP: ok = skip_read(&x, rest); break;
  case RULE_ACT_N: break;
  }
  if (!ok) return wrong(r, at, "expected %s%s", forms[act], ranges[act] ? ranges[act] : "");
  x.line = r->line;
  if (r->rule->actions == RULE_ACTIONS_MAX) return wrong(r, at, "at most %d actions", RULE_ACTIONS_MAX);
  r->rule->action[r->rule->actions++] = x;
  return true;
}

static bool action_line(struct reader *r, const char *p)
{
  static const char *const names[] = {
#define X(id, name, form) name,
    RULE_ACT_MAP(X)
#undef X
  };
  int at = indent(p);
  const char *text = trimmed(r->mem, p, strlen(p));
  size_t n = strcspn(text, " \t");
  const char *word = arena_strn(r->mem, text, n), *rest = trimmed(r->mem, text + n, strlen(text + n));
  for (int i = 0; i < RULE_ACT_N; i++)
    if (!strcmp(word, names[i])) return action_read(r, at, (enum rule_act)i, rest);
  return unknown(r, at, "the action", word, names, COUNT(names));
}

/* ---- the file ----------------------------------------------------------------------------------------------------------------- */
static bool section(struct reader *r, const char *p)
{
  static const char *const names[] = { "rule", "condition", "action", "example" };
  const char *end = strchr(p, ']');
  if (!end || *trimmed(r->mem, end + 1, strlen(end + 1))) return wrong(r, 1, "a section is written [name]");
  const char *text = trimmed(r->mem, p + 1, (size_t)(end - p - 1));
  size_t n = strcspn(text, " \t"), i = 0;
  const char *word = arena_strn(r->mem, text, n), *rest = trimmed(r->mem, text + n, strlen(text + n));
  while (i < COUNT(names) && strcmp(names[i], word) != 0) i++;
  if (i == COUNT(names)) return unknown(r, 2, "the section", word, names, COUNT(names));
  if (!example_end(r)) return false;
  r->part = (enum part)(i + 1);
  if (r->part != PART_EXAMPLE && r->seen[r->part]) return wrong(r, 1, "[%s] stands here twice", word);
  r->seen[r->part] = true;
  if (r->part == PART_RULE && strcmp(rest, r->name) != 0)
    return wrong(r, 2, "the file is named %s.rule: write [rule %s]", r->name, r->name);
  if ((r->part == PART_CONDITION || r->part == PART_ACTION) && *rest)
    return wrong(r, 2, "[%s] has no name", word);
  if (r->part == PART_EXAMPLE) {
    struct rule *x = r->rule;
    struct rule_example *more = arena_array(r->mem, struct rule_example, x->examples + 1);
    if (x->examples) memcpy(more, x->example, x->examples * sizeof *more);
    x->example = more;
    r->example = &more[x->examples++], r->told_matches = false;
    *r->example = (struct rule_example){ .name = rest, .line = r->line };
    if (x->examples > 50) return wrong(r, 1, "at most 50 examples");
  }
  if (r->part == PART_CONDITION) r->sql_line = r->line + 1;
  return true;
}

static bool line_read(struct reader *r, const char *p)
{
  if (r->part == PART_CONDITION && *p != '[') { /* as it stands: places of errors are counted in it */
    buf_str(&r->sql, p), buf_char(&r->sql, '\n');
    return true;
  }
  if (*p == '#' || !*trimmed(r->mem, p, strlen(p))) return true;
  if (*p == '[') return section(r, p);
  switch (r->part) {
  case PART_RULE: return rule_line(r, p);
  case PART_ACTION: return action_line(r, p);
  case PART_EXAMPLE: return example_line(r, p);
  default: return wrong(r, 1, "a rule begins with [rule %s]", r->name);
  }
}

static bool lines_read(struct reader *r, const char *p, const char *end)
{
  while (p < end) {
    const char *lf = memchr(p, '\n', (size_t)(end - p)), *stop = lf ? lf : end;
    r->line++;
    size_t n = (size_t)(stop - p);
    if (n && p[n - 1] == '\r') n--;
    if (!utf8_valid(p, n)) return wrong(r, 1, "not valid UTF-8 (or a NUL byte)");
    if (!line_read(r, arena_strn(r->mem, p, n))) return false;
    p = stop + 1;
  }
  return example_end(r);
}

/* One SELECT, or an expression? */
static bool is_select(const char *sql)
{
  for (;;) {
    sql += strspn(sql, " \t\n");
    if (strncmp(sql, "--", 2) != 0) break;
    sql += strcspn(sql, "\n");
  }
  return !strncasecmp(sql, "select", 6) || !strncasecmp(sql, "with", 4) || !strncasecmp(sql, "values", 6);
}

static bool condition_read(struct reader *r, struct sandbox *box)
{
  int at = -1, column = 1;
  const char *why = "", *sql = r->sql.data ? arena_strn(r->mem, r->sql.data, r->sql.len) : "";
  r->line = r->sql_line;
  if (!*trimmed(r->mem, sql, strlen(sql)) || strspn(sql, " \t\n") == strlen(sql))
    return wrong(r, 1, "[condition] is missing or empty: 1 means always");
  r->rule->condition =
    sandbox_sql(box, r->mem, sql, is_select(sql) ? 0 : SANDBOX_EXPRESSION, params, &why, &at);
  if (r->rule->condition) return true;
  for (int i = 0; i < at && sql[i]; i++) {
    column += ((unsigned char)sql[i] & 0xc0) != 0x80;
    if (sql[i] == '\n') r->line++, column = 1;
  }
  return wrong(r, column, "%s", why);
}

/* A gift goes into the order's parcels, so it comes before they are planned; and what is asked of a case is its steps. */
static bool actions_fit(struct reader *r)
{
  struct rule *x = r->rule;
  bool early = false, of_case = !strcmp(x->when, RULE_WHEN_CASE);
  for (size_t i = 0; i < STAGES_BEFORE_SPLIT; i++) early = early || !strcmp(x->when, stages[i]);
  for (size_t i = 0; i < x->actions; i++) {
    enum rule_act act = x->action[i].act;
    r->line = x->action[i].line;
    if (act == RULE_GIFT && !early)
      return wrong(r, 1, "gift needs when = taken, pending or paid: later its parcels are planned");
    if (act == RULE_SKIP && !of_case)
      return wrong(r, 1, "skip needs when = case: it is about a case's steps");
    if (act != RULE_SKIP && of_case)
      return wrong(r, 1, "with when = case there is only skip: other actions are about an order on its way");
  }
  return true;
}

static bool whole(struct reader *r, struct sandbox *box)
{
  if (!r->seen[PART_RULE]) return wrong(r, 1, "[rule %s] is missing", r->name);
  if (!r->rule->when) return wrong(r, 1, "[rule %s] needs when = a stage", r->name);
  if (!r->rule->actions) return wrong(r, 1, "[action] is missing or empty");
  return actions_fit(r) && condition_read(r, box);
}

bool rule_name_ok(const char *name)
{
  size_t n = strlen(name);
  return n && n <= 32 && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == n;
}

struct rule *rule_parse(struct arena *a, struct sandbox *box, const char *name, const char *text, size_t n,
                        const char **why)
{
  struct reader r = { .mem = a, .rule = arena_new(a, struct rule), .name = name };
  struct rule *x = r.rule;
  *x = (struct rule){
    .name = arena_str(a, name), .title = "", .order = 100, .text = arena_strn(a, text, n), .text_n = n
  };
  bool ok = n > RULE_FILE_MAX ? wrong(&r, 1, "the file is longer than %d bytes", RULE_FILE_MAX)
                              : lines_read(&r, text, text + n) && whole(&r, box);
  sha256(text, n, x->digest);
  digest_shown(x->digest, x->version);
  buf_release(&r.sql), buf_release(&r.value);
  *why = ok ? NULL : r.why;
  return ok ? x : NULL;
}

void digest_shown(const unsigned char digest[RULE_DIGEST], char out[RULE_VERSION + 1])
{
  for (int i = 0; i < RULE_VERSION / 2; i++) snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

bool rule_skips(const struct rule *r, int64_t step)
{
  for (size_t i = 0; i < r->actions; i++)
    if (r->action[i].act == RULE_SKIP && r->action[i].n == step) return true;
  return false;
}

void rule_action_put(const struct rule_action *x, struct buf *out)
{
  static const char *const names[] = {
#define X(id, name, form) name,
    RULE_ACT_MAP(X)
#undef X
  };
  buf_str(out, names[x->act]);
  if (x->act == RULE_PRIORITY) buf_printf(out, " %lld", (long long)x->n);
  else if (*x->text) buf_char(out, ' '), buf_str(out, x->text);
  if (x->act == RULE_GIFT) buf_printf(out, " %lld", (long long)x->n);
}

/* ---- asking ------------------------------------------------------------------------------------------------------------------- */
static bool first_row(void *arg, const struct sandbox_value *v, int n)
{
  bool *match = arg;
  if (n && v[0].kind == 'i') *match = v[0].i != 0;
  else if (n && (v[0].kind == 'r' || v[0].kind == 't')) *match = strtod(v[0].text, NULL) != 0;
  return false;
}

enum err rule_ask_case(struct sandbox *box, struct arena *a, const struct rule *r, const char *order,
                       size_t order_n, const char *of_case, int64_t now_ms, bool *match, const char **why)
{
  struct sandbox_param p[] = {
    { .name = "order", .kind = 't', .text = order, .n = order_n },
    { .name = "now_ms", .kind = 'i', .i = now_ms },
    { .name = "case", .kind = of_case ? 't' : 'n', .text = of_case, .n = of_case ? strlen(of_case) : 0 }
  };
  *match = false;
  return sandbox_run(box, a, r->condition, p, COUNT(p), first_row, match, why);
}

enum err rule_ask(struct sandbox *box, struct arena *a, const struct rule *r, const char *order,
                  size_t order_n, int64_t now_ms, bool *match, const char **why)
{
  return rule_ask_case(box, a, r, order, order_n, NULL, now_ms, match, why);
}

int rule_examples(struct sandbox *box, struct arena *a, const struct rule *r,
                  void (*say)(void *arg, const char *text), void *arg)
{
  int failed = 0;
  for (size_t i = 0; i < r->examples; i++) {
    const struct rule_example *x = &r->example[i];
    const char *why = NULL;
    bool match;
    enum err e = rule_ask_case(box, a, r, x->order, strlen(x->order), x->of_case, x->now_ms, &match, &why);
    if (!e && match == x->matches) continue;
    failed++;
    say(arg, arena_printf(a, "%s.rule:%d: [example %s] %s", r->name, x->line, x->name,
                          e       ? why
                          : match ? "matches"
                                  : "does not match"));
  }
  return failed;
}

const struct rule *rule_find(const struct rule_set *s, const char *name)
{
  for (size_t i = 0; s && name && i < s->n; i++)
    if (!strcmp(s->rule[i]->name, name)) return s->rule[i];
  return NULL;
}

static int rule_before(const void *x, const void *y)
{
  const struct rule *a = *(struct rule *const *)x, *b = *(struct rule *const *)y;
  return a->order != b->order ? (a->order > b->order) - (a->order < b->order) : strcmp(a->name, b->name);
}

void rule_set_sort(struct rule_set *s)
{
  if (s->n) qsort(s->rule, s->n, sizeof *s->rule, rule_before);
}
