/* sandbox.c: SQL of connectors and rules, behind a fence.
 *
 * What fences it: a connection of its own that has no file; an authorizer that knows what is allowed, not
 * what is forbidden; the engine's limits on lengths; a clock and a bound on memory (sandbox_guard.c); our
 * own versions of the functions whose cost grows with the product of two lengths (sandbox_func.c). */
#include "store.h"
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define MEMORY_MAX (128 << 20)
#define PROGRESS_OPS 64 /* one of them may be a function over a value of 8 MB */
#define FILE_BUSY_MS 2000
#define REFUSED_TEXT 128
#define ERROR_TEXT_MAX 200 /* the engine quotes what it could not read, which may be as long as a value */

struct sandbox {
  struct sqlite3 *sql;
  struct sandbox_source source;
  struct sandbox_guard guard;
  struct sandbox_sql *first;
  int64_t ms, rows_max;
  bool has_tables;             /* a file's: they may be read */
  bool may_secret, saw_secret; /* of the statement that is being compiled */
  char refused[REFUSED_TEXT];
  int rc; /* the last failure */
  bool limited;
};

struct sandbox_sql {
  struct sandbox_sql *next;
  sqlite3_stmt *s;
  int columns;
  bool may_secret, saw_secret, running;
  struct sandbox_value *row;
};

/* ---- what is allowed ----------------------------------------------------------------------------
 * Not here, each for a reason: printf and format (one call can run for minutes), random, the functions of
 * dates (they know now), load_extension, everything about the engine or its connection, json_patch and
 * json_pretty (their cost is a product). */
/* clang-format off */
static const char *const function_table[] = {
  "->", "->>", "abs", "avg", "ceil", "ceiling", "char", "coalesce", "concat", "concat_ws", "count",
  "cume_dist", "dense_rank", "exp", "first_value", "floor", "glob", "group_concat", "hex", "if", "ifnull",
  "iif", "instr", "json", "json_array", "json_array_insert", "json_array_length", "json_error_position",
  "json_extract", "json_group_array", "json_group_object", "json_insert", "json_object", "json_quote",
  "json_remove", "json_replace", "json_set", "json_type", "json_valid", "jsonb", "jsonb_extract",
  "jsonb_group_array", "lag", "last_value", "lead",
  "length", "like", "likelihood", "likely", "ln", "log", "log10", "log2", "lower", "ltrim", "max", "min",
  "mod", "nth_value", "ntile", "nullif", "octet_length", "percent_rank", "pow", "power", "quote", "rank",
  "replace", "round", "row_number", "rtrim", "sign", "sqrt", "string_agg", "substr", "substring", "sum",
  "total", "trim", "trunc", "typeof", "unhex", "unicode", "unistr", "unlikely", "upper", "zeroblob",
  /* ours */
  "base64", "base64_decode", "hmac_md5", "hmac_sha1", "hmac_sha256", "html_text", "md5", "money", "ms",
  "nfkc", "num_text", "same", "setting", "sha1", "sha256", "sorted_json", "sorted_query", "ts", "ts_ms", "ts_s",
  "ts_text", "urlencode",
};
/* clang-format on */

static bool is_function_allowed(struct sandbox *s, const char *name)
{
  if (!strcmp(name, "secret")) {
    s->saw_secret = true;
    return s->may_secret;
  }
  for (size_t i = 0; i < COUNT(function_table); i++)
    if (!strcmp(name, function_table[i])) return true;
  return false;
}

/* The first thing that was refused is what the text is about. */
static int refuse(struct sandbox *s, const char *what, const char *name, const char *rest)
{
  if (!*s->refused) snprintf(s->refused, sizeof s->refused, "%s%.60s%s", what, name, rest);
  return SQLITE_DENY;
}

static const char *module_table[] = { "json_each", "json_tree", "jsonb_each", "jsonb_tree", NULL };

/* A query's own WITH and FROM (SELECT …) are asked about too when no column of theirs is used, by a name like any
 * other and with an empty column. Of the engine's own tables only those with these names are left: see fence(). */
static bool may_read(const struct sandbox *s, const char *table, const char *column)
{
  for (size_t i = 0; module_table[i]; i++)
    if (!strcmp(table, module_table[i])) return true;
  bool is_engines = !sqlite3_strnicmp(table, "sqlite_", 7) || !sqlite3_strnicmp(table, "pragma_", 7);
  return !is_engines && (s->has_tables || !*column);
}

static int authorize(void *arg, int what, const char *x, const char *y, const char *schema,
                     const char *inside)
{
  struct sandbox *s = arg;
  (void)schema, (void)inside;
  switch (what) {
  case SQLITE_SELECT:
  case SQLITE_RECURSIVE: return SQLITE_OK;
  case SQLITE_FUNCTION:
    if (is_function_allowed(s, y)) return SQLITE_OK;
    return refuse(s, "the function ", y, "() may not be used here");
  case SQLITE_READ:
    if (may_read(s, x, y)) return SQLITE_OK;
    return refuse(s, "the table ", x, " may not be read here");
  default: return refuse(s, "only one SELECT may stand here", "", "");
  }
}

static const struct {
  int what, most;
} limit_table[] = {
  { SQLITE_LIMIT_LENGTH, SANDBOX_VALUE_MAX },
  { SQLITE_LIMIT_SQL_LENGTH, SANDBOX_SQL_MAX + 64 }, /* with what an expression is wrapped in */
  { SQLITE_LIMIT_EXPR_DEPTH, 300 },
  { SQLITE_LIMIT_COMPOUND_SELECT, 50 },
  { SQLITE_LIMIT_COLUMN, 200 },
  { SQLITE_LIMIT_FUNCTION_ARG, 200 },
  { SQLITE_LIMIT_VDBE_OP, 50000 },
  { SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000 },
  { SQLITE_LIMIT_VARIABLE_NUMBER, 200 },
  { SQLITE_LIMIT_TRIGGER_DEPTH, 1 },
  { SQLITE_LIMIT_ATTACHED, 0 },
  { SQLITE_LIMIT_WORKER_THREADS, 0 },
};

static const struct {
  int what, on;
} switch_table[] = {
  { SQLITE_DBCONFIG_DEFENSIVE, 1 },        { SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0 },
  { SQLITE_DBCONFIG_ENABLE_TRIGGER, 0 },   { SQLITE_DBCONFIG_DQS_DML, 0 },
  { SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1 },
};

static int is_late(void *arg)
{
  (void)arg;
  return sandbox_late();
}

/* A table of the engine is made at its first use, which the authorizer would not let pass. */
static int fence(struct sandbox *s)
{
  for (size_t i = 0; i < COUNT(switch_table); i++)
    must(!sqlite3_db_config(s->sql, switch_table[i].what, switch_table[i].on, NULL));
  sandbox_functions(s->sql, &s->source);
  sandbox_json_functions(s->sql);
  must(!sqlite3_drop_modules(s->sql, module_table));
  static const char all[] =
    "SELECT 1 FROM json_each('[]'), json_tree('[]'), jsonb_each('[]'), jsonb_tree('[]')";
  int rc = sqlite3_exec(s->sql, all, NULL, NULL, NULL);
  for (size_t i = 0; i < COUNT(limit_table); i++)
    if (!s->has_tables || limit_table[i].what != SQLITE_LIMIT_COLUMN)
      sqlite3_limit(s->sql, limit_table[i].what, limit_table[i].most);
  sqlite3_progress_handler(s->sql, PROGRESS_OPS, is_late, s);
  must(!sqlite3_set_authorizer(s->sql, authorize, s));
  return rc;
}

static struct sandbox *sandbox_new(int64_t ms, int64_t rows_max)
{
  struct sandbox *s = mem_new(sizeof *s);
  s->ms = ms, s->rows_max = rows_max, s->guard.max = MEMORY_MAX;
  return s;
}

struct sandbox *sandbox_open(struct arena *a, const char **why)
{
  struct sandbox *s = sandbox_new(SANDBOX_MS, SANDBOX_ROWS_MAX);
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX;
  int rc = sqlite3_open_v2(":memory:", &s->sql, flags | SQLITE_OPEN_EXRESCODE, NULL);
  if (!rc) rc = fence(s);
  if (!rc) return s;
  *why = arena_printf(a, "cannot open the sandbox: %s", sqlite3_errstr(rc));
  sandbox_close(s);
  return NULL;
}

void sandbox_close(struct sandbox *s)
{
  if (!s) return;
  for (struct sandbox_sql *q = s->first, *next; q; q = next) {
    next = q->next;
    must(!q->running);
    sqlite3_finalize(q->s);
    mem_free(q->row);
    mem_free(q);
  }
  must(sqlite3_close(s->sql) == SQLITE_OK);
  mem_free(s);
}

void sandbox_values(struct sandbox *s, sandbox_value_fn *secret, sandbox_value_fn *setting, void *arg)
{
  s->source = (struct sandbox_source){ secret, setting, arg };
}

void sandbox_deadline(struct sandbox *s, int64_t ms)
{
  s->ms = ms;
}

bool sandbox_limited(const struct sandbox *s)
{
  return s->limited;
}

/* ---- the clock and the memory of one call ---------------------------------------------------------- */
struct watch {
  struct sandbox_guard *outer;
  int64_t outer_until;
};

static struct watch watch_begin(struct sandbox *s)
{
  struct watch w = { .outer_until = s->guard.until_us };
  s->guard.until_us = thread_us() + s->ms * 1000, s->guard.wall_us = mono_us() + s->ms * 1000;
  s->guard.full = s->guard.late = false;
  w.outer = sandbox_guard(&s->guard);
  return w;
}

static void watch_end(struct sandbox *s, const struct watch *w)
{
  sandbox_guard(w->outer);
  s->guard.until_us = w->outer_until;
}

/* What happened, for people. What the engine quotes may be what a secret said. */
static const char *told(struct arena *a, struct sandbox *s, int rc, bool has_secret)
{
  s->rc = rc & 0xff;
  s->limited = s->guard.late || s->guard.full || s->rc == SQLITE_INTERRUPT || s->rc == SQLITE_NOMEM ||
               s->rc == SQLITE_TOOBIG;
  if (s->guard.late || s->rc == SQLITE_INTERRUPT)
    return arena_printf(a, "it took longer than %lld ms", (long long)s->ms);
  if (s->guard.full || s->rc == SQLITE_NOMEM)
    return arena_printf(a, "it needs more than %d MB of memory", MEMORY_MAX >> 20);
  if (s->rc == SQLITE_TOOBIG) return arena_printf(a, "a value is longer than %d MB", SANDBOX_VALUE_MAX >> 20);
  const char *text = sqlite3_errmsg(s->sql);
  if (has_secret && strcmp(text, "malformed JSON") != 0)
    return "an error (its text is left out, because the statement reads secrets)";
  size_t n = strlen(text), cut = n > ERROR_TEXT_MAX ? ERROR_TEXT_MAX : n;
  while (cut < n && cut && ((unsigned char)text[cut] & 0xc0) == 0x80) cut--;
  return arena_printf(a, "%.*s%s", (int)cut, text, cut < n ? "…" : "");
}

/* ---- reading the text before the engine does -----------------------------------------------------------
 * Enough of its words to know where a statement and an expression end and which parameters it names. */
struct scan {
  const char *text, *p;
  const char *why;
  int at, depth;
  bool is_over; /* behind the semicolon */
};

static bool is_word(char c)
{
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' ||
         (unsigned char)c >= 0x80;
}

/* Behind a blank or comment at p; p itself when there is none. */
static const char *blank_end(const char *p)
{
  if (*p == ' ' || (*p >= '\t' && *p <= '\r' && *p != '\v')) return p + 1;
  if (p[0] == '-' && p[1] == '-') return p + strcspn(p, "\n");
  if (p[0] != '/' || p[1] != '*') return p;
  const char *end = strstr(p + 2, "*/");
  return end ? end + 2 : p + strlen(p);
}

/* Behind the quoted text at p; a doubled quote is one of its letters. */
static const char *quoted_end(const char *p)
{
  char end = *p == '[' ? ']' : *p;
  for (p++; *p; p++) {
    if (*p != end) continue;
    if (end == ']' || p[1] != end) return p + 1;
    p++;
  }
  return p;
}

static bool scan_fail(struct scan *s, const char *at, const char *why)
{
  s->why = why, s->at = (int)(at - s->text);
  return false;
}

static bool scan_param(struct arena *a, struct scan *s, const char *const *known)
{
  const char *name = s->p + 1, *end = name;
  while (is_word(*end)) end++;
  size_t n = (size_t)(end - name);
  if (*s->p != ':' || !n) return scan_fail(s, s->p, "a parameter is written :name");
  for (; known && *known; known++)
    if (strlen(*known) == n && !memcmp(*known, name, n)) break;
  if (!known || !*known)
    return scan_fail(s, s->p,
                     arena_printf(a, "there is no parameter :%.*s here", n > 60 ? 60 : (int)n, name));
  s->p = end;
  return true;
}

static bool scan_mark(struct scan *s, bool is_expression)
{
  const char *p = s->p++;
  if (*p == '(') s->depth++;
  if (*p == ')' && !s->depth--) return scan_fail(s, p, "a parenthesis is closed that was not opened");
  if (*p != ';') return true;
  if (is_expression) return scan_fail(s, p, "an expression has no semicolon");
  s->is_over = true;
  return true;
}

static bool scan_all(struct arena *a, struct scan *s, unsigned how, const char *const *known)
{
  while (*s->p) {
    const char *behind = blank_end(s->p);
    if (behind != s->p) {
      s->p = behind;
      continue;
    }
    if (s->is_over) return scan_fail(s, s->p, "there is more than one statement");
    if (strchr("'\"`[", *s->p)) s->p = quoted_end(s->p);
    else if (strchr(":?@$#", *s->p)) {
      if (!scan_param(a, s, known)) return false;
    } else if (is_word(*s->p)) {
      while (is_word(*s->p)) s->p++;
    } else if (!scan_mark(s, how & SANDBOX_EXPRESSION)) return false;
  }
  return !s->depth || scan_fail(s, s->p, "a parenthesis is not closed");
}

/* ---- compiling ------------------------------------------------------------------------------------------- */
/* The line end is for an expression that ends with a comment. */
static const char before_expression[] = "SELECT (", behind_expression[] = "\n)";

/* What the engine's answer must be like besides being one. */
static const char *unfit(sqlite3_stmt *st, unsigned how, const char *const *known)
{
  if (!st) return "it is empty";
  int columns = sqlite3_column_count(st);
  if (!columns || !sqlite3_stmt_readonly(st) || sqlite3_stmt_isexplain(st))
    return "only one SELECT may stand here";
  if ((how & SANDBOX_EXPRESSION) && columns != 1) return "an expression is one value";
  for (int i = 1; i <= sqlite3_bind_parameter_count(st); i++) {
    const char *name = sqlite3_bind_parameter_name(st, i);
    const char *const *k = known;
    while (name && k && *k && strcmp(*k, name + 1) != 0) k++;
    if (!name || !k || !*k) return "a parameter is written :name";
  }
  return NULL;
}

static const char *compile(struct sandbox *s, struct arena *a, const char *sql, unsigned how,
                           const char *const *known, sqlite3_stmt **st, int *at)
{
  bool is_wrapped = how & SANDBOX_EXPRESSION;
  int shift = is_wrapped ? (int)sizeof before_expression - 1 : 0, n = (int)strlen(sql);
  if (is_wrapped) sql = arena_printf(a, "%s%s%s", before_expression, sql, behind_expression);
  s->may_secret = how & SANDBOX_SECRETS, s->saw_secret = false, *s->refused = 0;
  struct watch w = watch_begin(s);
  int rc = sqlite3_prepare_v3(s->sql, sql, -1, SQLITE_PREPARE_PERSISTENT, st, NULL);
  int offset = rc ? sqlite3_error_offset(s->sql) : -1;
  watch_end(s, &w);
  if (!rc) return unfit(*st, how, known);
  if (offset >= 0) *at = offset < shift ? 0 : offset - shift > n ? n : offset - shift;
  const char *text = told(a, s, rc, false);
  return *s->refused ? arena_str(a, s->refused) : text;
}

struct sandbox_sql *sandbox_sql(struct sandbox *s, struct arena *a, const char *sql, unsigned how,
                                const char *const *known, const char **why, int *at)
{
  struct scan scan = { .text = sql, .p = sql };
  sqlite3_stmt *st = NULL;
  *at = -1, s->rc = SQLITE_ERROR;
  if (strlen(sql) > SANDBOX_SQL_MAX) {
    *why = arena_printf(a, "it is longer than %d KB", SANDBOX_SQL_MAX / 1024);
    return NULL;
  }
  if (!utf8_valid(sql, strlen(sql))) *why = "it is not valid UTF-8";
  else if (scan_all(a, &scan, how, known)) *why = compile(s, a, sql, how, known, &st, at);
  else *why = scan.why, *at = scan.at;
  if (*why) {
    sqlite3_finalize(st);
    return NULL;
  }
  struct sandbox_sql *q = mem_new(sizeof *q);
  q->s = st, q->columns = sqlite3_column_count(st);
  q->may_secret = s->may_secret, q->saw_secret = s->saw_secret;
  q->row = mem_new((size_t)q->columns * sizeof *q->row);
  q->next = s->first, s->first = q;
  return q;
}

int sandbox_columns(const struct sandbox_sql *q)
{
  return q->columns;
}

/* ---- running ---------------------------------------------------------------------------------------------- */
static int bind_one(sqlite3_stmt *st, int at, const struct sandbox_param *p)
{
  if (p->kind == 'i') return sqlite3_bind_int64(st, at, p->i);
  if (p->kind == 'n' || !p->text) return sqlite3_bind_null(st, at);
  must(p->kind == 't');
  return sqlite3_bind_text64(st, at, p->text, p->n, SQLITE_STATIC, SQLITE_UTF8);
}

static const char *bind_all(struct arena *a, struct sandbox_sql *q, const struct sandbox_param *p, size_t n)
{
  for (int i = 1; i <= sqlite3_bind_parameter_count(q->s); i++) {
    const char *name = sqlite3_bind_parameter_name(q->s, i) + 1;
    size_t k = 0;
    while (k < n && strcmp(p[k].name, name) != 0) k++;
    if (k < n && bind_one(q->s, i, &p[k]) != SQLITE_OK)
      return arena_printf(a, "the parameter :%s is longer than %d MB", name, SANDBOX_VALUE_MAX >> 20);
  }
  return NULL;
}

/* false: no memory for a text */
static bool row_read(struct sandbox_sql *q)
{
  static const char kind[] = { [SQLITE_INTEGER] = 'i',
                               [SQLITE_FLOAT] = 'r',
                               [SQLITE_TEXT] = 't',
                               [SQLITE_BLOB] = 'b',
                               [SQLITE_NULL] = 'n' };
  for (int i = 0; i < q->columns; i++) {
    struct sandbox_value v = { .kind = kind[sqlite3_column_type(q->s, i)] };
    if (v.kind == 'i') v.i = sqlite3_column_int64(q->s, i);
    if (v.kind == 'b') v.text = sqlite3_column_blob(q->s, i);
    else if (v.kind != 'n') v.text = (const char *)sqlite3_column_text(q->s, i);
    v.n = (size_t)sqlite3_column_bytes(q->s, i);
    if (v.kind == 'b' && !v.n) v.text = "";
    if (v.kind != 'n' && !v.text) return false;
    q->row[i] = v;
  }
  return true;
}

/* The time and the memory of who gets the row are not the statement's. */
static bool row_give(struct sandbox *s, struct sandbox_sql *q, const struct watch *w, sandbox_row_fn *row,
                     void *arg)
{
  struct sandbox_guard kept = s->guard;
  int64_t began = mono_us();
  sandbox_guard(w->outer);
  bool goes_on = row(arg, q->row, q->columns);
  sandbox_guard(&s->guard);
  int64_t took = mono_us() - began;
  s->guard.until_us = kept.until_us + took, s->guard.wall_us = kept.wall_us + took;
  s->guard.full = kept.full, s->guard.late = kept.late;
  return goes_on;
}

enum err sandbox_run(struct sandbox *s, struct arena *a, struct sandbox_sql *q, const struct sandbox_param *p,
                     size_t n, sandbox_row_fn *row, void *arg, const char **why)
{
  must(!q->running);
  *why = bind_all(a, q, p, n), s->rc = SQLITE_TOOBIG, s->limited = false;
  q->running = true, s->may_secret = q->may_secret;
  struct watch w = watch_begin(s);
  int rc = *why ? SQLITE_DONE : sqlite3_step(q->s);
  for (int64_t rows = 0; rc == SQLITE_ROW; rc = sqlite3_step(q->s)) {
    if (!row_read(q)) {
      rc = SQLITE_NOMEM;
      break;
    }
    if (++rows > s->rows_max) {
      *why = arena_printf(a, "it gives more than %lld rows", (long long)s->rows_max), s->limited = true;
      break;
    }
    if (!row_give(s, q, &w, row, arg)) break;
  }
  /* Who met a limit does not count, whatever it came to in its last moments. */
  bool is_good = (rc == SQLITE_ROW || rc == SQLITE_DONE) && !s->guard.late && !s->guard.full;
  if (!*why && !is_good) *why = told(a, s, rc, q->saw_secret);
  sqlite3_reset(q->s);
  sqlite3_clear_bindings(q->s);
  watch_end(s, &w);
  q->running = false;
  return *why ? ERR_INVALID : ERR_OK;
}

/* ---- another SQLite file ------------------------------------------------------------------------------------
 * A file in WAL mode that nobody has open has no -wal beside it. Opening it the ordinary way would make one, and
 * a -shm, that belong to us, and its owner might then be locked out of its own file: such a file is read as one
 * that does not change, and looked at again afterwards. Where there is a -wal its -shm is needed too. */
struct look {
  int64_t size, changed_ns;
  bool is_wal, has_wal;
};

static enum err look_at(struct arena *a, const char *path, struct look *out, const char **why)
{
  unsigned char head[20] = { 0 }; /* the 18th and 19th byte say who may write and read: 2 is WAL */
  struct stat st, wal;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) {
    *why = arena_printf(a, "there is no file %s", path);
    return ERR_NOT_FOUND;
  }
  bool ok = fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode) && pread(fd, head, sizeof head, 0) >= 0;
  if (!ok) *why = arena_printf(a, "%s cannot be read: %s", path, errno ? strerror(errno) : "not a file");
  if (fd >= 0) close(fd);
  if (!ok) return ERR_IO;
  *out = (struct look){ .size = st.st_size, .is_wal = head[18] == 2 || head[19] == 2 };
  out->changed_ns = st.st_mtim.tv_sec * 1000000000ll + st.st_mtim.tv_nsec;
  out->has_wal = !stat(arena_printf(a, "%s-wal", path), &wal);
  return ERR_OK;
}

static const char *file_address(struct arena *a, const char *path, bool is_still)
{
  struct buf b = { 0 };
  buf_str(&b, *path == '/' ? "file://" : "file:");
  for (const unsigned char *p = (const unsigned char *)path; *p; p++)
    if (is_word((char)*p) ? *p < 0x80 && *p != '$' : *p && strchr("/.-", *p)) buf_char(&b, (char)*p);
    else buf_printf(&b, "%%%02X", *p);
  if (is_still) buf_str(&b, "?immutable=1");
  const char *text = arena_strn(a, b.data, b.len);
  buf_release(&b);
  return text;
}

/* What the engine says of a file, as errors that tell a person whom to ask. */
static enum err file_err(int rc)
{
  switch (rc & 0xff) {
  case SQLITE_BUSY:
  case SQLITE_LOCKED: return ERR_BUSY;
  case SQLITE_IOERR:
  case SQLITE_CORRUPT:
  case SQLITE_NOTADB:
  case SQLITE_CANTOPEN:
  case SQLITE_PERM:
  case SQLITE_PROTOCOL:
  case SQLITE_READONLY: return ERR_IO;
  default: return ERR_INVALID;
  }
}

static struct sandbox_sql *file_compile(struct sandbox *s, struct arena *a, const char *sql,
                                        const struct sandbox_param *p, size_t n, const char **why)
{
  const char **known = arena_array(a, const char *, n + 1);
  for (size_t i = 0; i < n; i++) known[i] = p[i].name;
  int at;
  struct sandbox_sql *q = sandbox_sql(s, a, sql, 0, known, why, &at);
  if (!q && at >= 0) *why = arena_printf(a, "%s, at byte %d of the query", *why, at);
  return q;
}

static const char *const *file_columns(struct arena *a, const struct sandbox_sql *q)
{
  const char **name = arena_array(a, const char *, q->columns + 1);
  for (int i = 0; i < q->columns; i++) name[i] = arena_str(a, sqlite3_column_name(q->s, i));
  return name;
}

static int file_open(struct sandbox *s, struct arena *a, const char *path, bool is_still)
{
  int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_URI;
  int rc = sqlite3_open_v2(file_address(a, path, is_still), &s->sql, flags, NULL);
  if (rc) return rc;
  must(!sqlite3_busy_timeout(s->sql, FILE_BUSY_MS));
  s->has_tables = true;
  return fence(s);
}

enum err sandbox_query_file(struct arena *a, const char *path, const char *sql, const struct sandbox_param *p,
                            size_t n, const char *const **columns, sandbox_row_fn *row, void *arg,
                            const char **why)
{
  struct look before, after;
  TRY(look_at(a, path, &before, why));
  bool is_still = before.is_wal && !before.has_wal;
  struct sandbox *s = sandbox_new(SANDBOX_FILE_MS, SANDBOX_FILE_ROWS_MAX);
  enum err e = ERR_OK;
  int rc = file_open(s, a, path, is_still);
  struct sandbox_sql *q = NULL;
  if (rc) {
    *why = arena_printf(a, "%s cannot be read: %s", path, sqlite3_errmsg(s->sql));
    e = file_err(rc) == ERR_BUSY ? ERR_BUSY : ERR_IO;
  } else if (!(q = file_compile(s, a, sql, p, n, why))) e = file_err(s->rc);
  if (q) *columns = file_columns(a, q), e = sandbox_run(s, a, q, p, n, row, arg, why);
  if (q && e) e = file_err(s->rc);
  sandbox_close(s);
  if (e || !is_still) return e;
  TRY(look_at(a, path, &after, why));
  if (after.size == before.size && after.changed_ns == before.changed_ns && !after.has_wal) return ERR_OK;
  *why = arena_printf(a, "%s was changed while it was read", path);
  return ERR_BUSY;
}
