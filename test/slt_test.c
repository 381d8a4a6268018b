/* slt_test.c: runs test/sql/ *.slt, each against a fresh database made of schema.sql.
 *
 *   statement ok                 the SQL of the lines below, up to an empty line, works
 *   statement count 2            and changes two rows
 *   statement error UNIQUE       is refused; the message holds this text (all that follows)
 *   query [rowsort]              the rows below ---- come, a row a line: columns joined by one space,
 *                                NULL as NULL, an empty text as (empty)
 *   # a comment    skipif sqlite    onlyif sqlite    (for the next record; later runs on another engine) */
#include "store.h"
#include "test.h"
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

#define FILE_MAX (1 << 20)
#define ROWS_MAX 200

struct slt {
  const char *name;
  struct arena mem;
  struct db *db;
  char *at; /* the next line, cut out of the text as we go */
  int line; /* its number less one */
  bool skip;
  int records;
};

static char *line_next(struct slt *t)
{
  if (!t->at) return NULL;
  char *line = t->at, *end = strchr(line, '\n');
  t->at = end ? end + 1 : NULL;
  if (end) *end = 0;
  t->line++;
  return line;
}

/* Lines up to an empty one or to `stop`; *stopped tells which. */
static char *lines_until(struct slt *t, const char *stop, bool *stopped)
{
  struct buf b = { 0 };
  *stopped = false;
  for (char *line; (line = line_next(t)) && *line;) {
    if (stop && !strcmp(line, stop)) {
      *stopped = true;
      break;
    }
    buf_printf(&b, "%s%s", b.len ? "\n" : "", line);
  }
  char *text = arena_str(&t->mem, b.data ? b.data : "");
  buf_release(&b);
  return text;
}

static void statement_run(struct slt *t, char *want)
{
  bool stopped;
  char *sql = lines_until(t, NULL, &stopped);
  if (t->skip) return;
  enum err e = db_exec(t->db, sql);
  if (!strncmp(want, "error", 5)) {
    want += strspn(want + 5, " ") + 5;
    if (CHECK(e != ERR_OK) && !CHECK(strstr(db_err_text(t->db), want)))
      printf("    said %s\n", db_err_text(t->db));
    return;
  }
  if (!CHECK(!e)) printf("    said %s\n", db_err_text(t->db));
  if (!strncmp(want, "count ", 6)) CHECK_INT(db_changes(t->db), strtol(want + 6, NULL, 10));
}

static char *row_text(struct slt *t, struct stmt *s)
{
  struct buf b = { 0 };
  for (int i = 0; i < stmt_cols(s); i++) {
    const char *v = stmt_col_text(s, i);
    buf_printf(&b, "%s%s", i ? " " : "", !v ? "NULL" : *v ? v : "(empty)");
  }
  char *text = arena_str(&t->mem, b.data);
  buf_release(&b);
  return text;
}

static int text_order(const void *x, const void *y)
{
  return strcmp(*(char *const *)x, *(char *const *)y);
}

static char *join(struct slt *t, char **row, size_t n, bool sort)
{
  struct buf b = { 0 };
  if (sort) qsort(row, n, sizeof *row, text_order);
  for (size_t i = 0; i < n; i++) buf_printf(&b, "%s%s", i ? "\n" : "", row[i]);
  char *text = arena_str(&t->mem, b.data ? b.data : "");
  buf_release(&b);
  return text;
}

static void query_run(struct slt *t, bool sort)
{
  char *row[ROWS_MAX];
  size_t n = 0;
  bool stopped;
  char *sql = lines_until(t, "----", &stopped);
  if (!CHECK(stopped)) return;
  char *want = lines_until(t, NULL, &stopped);
  if (t->skip) return;
  struct stmt *s = db_prepare(t->db, sql);
  while (n < ROWS_MAX && stmt_row(s)) row[n++] = row_text(t, s);
  CHECK(n < ROWS_MAX);
  if (!CHECK(!stmt_end(s))) printf("    said %s\n", db_err_text(t->db));
  stmt_drop(s);
  CHECK_STR(join(t, row, n, sort), want);
}

/* "skipif x" and "onlyif x": about the next record. */
static bool condition(struct slt *t, const char *line)
{
  bool skipif = !strncmp(line, "skipif ", 7), onlyif = !strncmp(line, "onlyif ", 7);
  if (skipif || onlyif) t->skip = !strcmp(line + 7, "sqlite") == skipif;
  return skipif || onlyif;
}

static void record_run(struct slt *t, char *line)
{
  test_note("%s:%d", t->name, t->line);
  t->records++;
  if (!strncmp(line, "statement ", 10)) statement_run(t, line + 10);
  else if (!strncmp(line, "query", 5)) query_run(t, strstr(line, "rowsort") != NULL);
  else CHECK(!"a line that is no record");
  t->skip = false;
}

static void file_run(const char *path)
{
  struct slt t = { .name = strrchr(path, '/') + 1 };
  const char *why = "";
  size_t n;
  store_hooks = (struct store_hooks){ 0 };
  t.at = file_read(&t.mem, path, FILE_MAX, &n);
  if (!CHECK(t.at != NULL)) return;
  t.db = db_open(&t.mem, arena_printf(&t.mem, "%s/%s.db", test_dir(), t.name), DB_CREATE, &why);
  if (!CHECK(t.db != NULL)) printf("    %s\n", why);
  for (char *line; t.db && (line = line_next(&t));)
    if (*line && *line != '#' && !condition(&t, line)) record_run(&t, line);
  CHECK(t.records > 0);
  db_close(t.db);
  arena_release(&t.mem);
}

TEST(slt_files)
{
  char pattern[512];
  snprintf(pattern, sizeof pattern, "%.*s/sql/*.slt", (int)(strrchr(__FILE__, '/') - __FILE__), __FILE__);
  glob_t found;
  REQUIRE(!glob(pattern, 0, NULL, &found));
  CHECK(found.gl_pathc > 0);
  for (size_t i = 0; i < found.gl_pathc; i++) file_run(found.gl_pathv[i]);
  globfree(&found);
}
