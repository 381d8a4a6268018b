/* SQL text as a connector's author might write it, as a statement and as an expression, with a body that is the text's
 * own rest. What must hold: it compiles or there is a reason and a place inside of it, it ends, no secret stands in a
 * reason, and nothing is left behind: the sandbox answers as before. */
#include "store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define HIDDEN "t0p-hidden"

static const char *value(void *arg, const char *name)
{
  (void)arg;
  return *name == 's' ? HIDDEN : NULL;
}

static bool seen(void *arg, const struct sandbox_value *v, int n)
{
  for (int i = 0; i < n; i++) {
    must(v[i].n <= SANDBOX_VALUE_MAX && (v[i].kind == 'n' || v[i].text));
    must(v[i].kind == 'n' || v[i].kind == 'b' || !v[i].text[v[i].n]);
  }
  return ++*(int *)arg < SANDBOX_ROWS_MAX;
}

static void run(struct sandbox *s, struct arena *a, const char *sql, const char *body, unsigned how)
{
  static const char *const known[] = { "body", "n", NULL };
  const char *why = NULL;
  int at = -2, rows = 0;
  struct sandbox_sql *q = sandbox_sql(s, a, sql, how, known, &why, &at);
  if (!q) {
    must(why && *why && at >= -1 && at <= (int)strlen(sql));
    return;
  }
  must(sandbox_columns(q) > 0 && (!(how & SANDBOX_EXPRESSION) || sandbox_columns(q) == 1));
  struct sandbox_param p[] = { { "body", 't', 0, body, strlen(body) }, { "n", 'i', 7, NULL, 0 } };
  enum err e = sandbox_run(s, a, q, p, COUNT(p), seen, &rows, &why);
  must(e == ERR_OK ? !why : e == ERR_INVALID && why && *why);
  must(!why || strstr(sql, HIDDEN) || !strstr(why, HIDDEN));
  must(!(how & SANDBOX_EXPRESSION) || rows <= 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
  if (n > 8192) return 0;
  struct arena a = { 0 };
  const char *why = NULL;
  char *sql = arena_strn(&a, (const char *)data, n), *body = memchr(sql, '\x1f', n);
  if (body) *body++ = 0;
  struct sandbox *s = sandbox_open(&a, &why);
  must(s);
  sandbox_values(s, value, value, NULL);
  run(s, &a, sql, body ? body : "{\"a\":[1,{\"b\":\"c\"}]}", 0);
  run(s, &a, sql, body ? body : "[]", SANDBOX_EXPRESSION | SANDBOX_SECRETS);
  int rows = 0, at;
  struct sandbox_sql *q = sandbox_sql(s, &a, "SELECT 1 FROM json_each('[1,2]')", 0, NULL, &why, &at);
  must(q && !sandbox_run(s, &a, q, NULL, 0, seen, &rows, &why) && rows == 2);
  sandbox_close(s);
  arena_release(&a);
  return 0;
}
