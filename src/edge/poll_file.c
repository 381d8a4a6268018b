/* poll_file.c: tills. A folder of sales files, or another program's SQLite database, both only read. */
#include "edge.h"
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { FILES_MAX = 10000, QUERY_ROWS_MAX = 5000 };

/* {folder} and {file} of the sections are settings of the channel. */
static const char *filled(struct arena *a, const struct pollee *p, const char *text)
{
  struct buf b = { 0 };
  for (; *text; text++) {
    const char *end = *text == '{' ? strchr(text, '}') : NULL;
    if (!end) {
      buf_char(&b, *text);
      continue;
    }
    const char *value = poll_setting((void *)(uintptr_t)p, arena_strn(a, text + 1, (size_t)(end - text - 1)));
    buf_str(&b, value ? value : "");
    text = end;
  }
  const char *path = arena_strn(a, b.data ? b.data : "", b.len);
  buf_release(&b);
  return *path == '/' ? path : arena_printf(a, "%s/%s", p->poller->api->data, path);
}

struct found {
  const char *name;
  int64_t changed, size;
};

static int by_time(const void *x, const void *y)
{
  const struct found *a = x, *b = y;
  if (a->changed != b->changed) return a->changed < b->changed ? -1 : 1;
  return strcmp(a->name, b->name);
}

/* Files that changed in [from, until), oldest first. */
static bool folder_list(struct arena *a, const char *folder, const char *match, int64_t from, int64_t until,
                        struct found **list, size_t *n, const char **why)
{
  DIR *d = opendir(folder);
  struct dirent *e;
  *list = arena_array(a, struct found, FILES_MAX), *n = 0;
  if (!d) {
    *why = arena_printf(a, "%s: %s", folder, strerror(errno));
    return false;
  }
  while ((e = readdir(d)) && *n < FILES_MAX) {
    struct stat st;
    const char *path = arena_printf(a, "%s/%s", folder, e->d_name);
    if (e->d_name[0] == '.' || fnmatch(match, e->d_name, 0) || stat(path, &st) || !S_ISREG(st.st_mode))
      continue;
    int64_t changed = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
    if (changed < from || changed >= until) continue;
    (*list)[(*n)++] = (struct found){ path, changed, (int64_t)st.st_size };
  }
  closedir(d);
  qsort(*list, *n, sizeof **list, by_time);
  return true;
}

/* A file that cannot be read as rows is kept whole as a failed payload, and does not stop the others. */
static void file_kept(struct work *w, const char *name, const char *text, size_t n, const char *detail)
{
  struct cmd *c = w->page;
  struct poll_page *page = (struct poll_page *)(uintptr_t)c->args;
  struct problem pr = { .code = "mapping_failed", .detail = detail };
  struct buf raw = { 0 }, why = { 0 };
  struct jw j;
  jw_init(&j, &raw), jw_object(&j), jw_kstring(&j, "file", name);
  if (utf8_valid(text, n)) jw_key(&j, "text"), jw_stringn(&j, text, n);
  jw_object_end(&j);
  problem_put(&why, ERR_INVALID, 0, &pr);
  page->item = arena_new(&c->mem, struct poll_item), page->items = 1;
  page->item->raw = arena_strn(&c->mem, raw.data, raw.len), page->item->raw_n = raw.len;
  page->item->error = arena_strn(&c->mem, why.data, why.len);
  w->rows = w->rows_failed = 1;
  buf_release(&raw), buf_release(&why);
}

static void rows_map(struct pollee *p, struct work *w, const char *name, const char *json, size_t n)
{
  struct connector_order *list = NULL;
  size_t orders = 0;
  const char *why = NULL;
  w->answer = (struct connector_answer){ .status = 200, .body = json, .body_n = n };
  connector_values(p->box, poll_secret, poll_setting, p);
  connector_judge(p->box, &w->mem, "list", &w->answer, &w->vars, &w->verdict);
  if (w->verdict.kind != VERDICT_OK) file_kept(w, name, json, n, w->verdict.message);
  else if (connector_orders(p->box, &w->mem, "orders", &w->answer, &w->vars, &list, &orders, &why))
    work_items(p, w, list, orders);
  else if (!w->keeps && connector_limited(p->box)) w->why = why, w->limited = true;
  else file_kept(w, name, json, n, why);
}

/* One file per step; at: the last one done. */
static bool folder_step(struct pollee *p, struct work *w, int64_t from, int64_t until, int64_t *at,
                        bool *more)
{
  struct found *list;
  size_t n, i = 0, bytes;
  const char *json, *why = NULL;
  size_t json_n;
  if (!folder_list(&w->mem, filled(&w->mem, p, p->connector->folder), p->connector->match, from, until, &list,
                   &n, &w->why))
    return false;
  while (i < n && (int64_t)i < *at) i++;
  *more = i + 1 < n;
  if (i >= n) return true;
  *at = (int64_t)i + 1;
  char *text = file_read(&w->mem, list[i].name, POLL_FILE_MAX, &bytes);
  if (!text) {
    if (errno != ENOENT) /* it was taken away meanwhile */
      file_kept(w, list[i].name, "", 0,
                errno == EFBIG ? "The file is too large; orderd import takes it" : strerror(errno));
    return true;
  }
  if (connector_file_rows(&w->mem, p->connector->format, text, bytes, &json, &json_n, &why))
    rows_map(p, w, list[i].name, json, json_n);
  else file_kept(w, list[i].name, text, bytes, why);
  return true;
}

struct table {
  struct buf out;
  struct jw w;
  const char *const *columns;
  int64_t rows;
};

static bool row_put(void *arg, const struct sandbox_value *v, int n)
{
  struct table *t = arg;
  jw_object(&t->w);
  for (int i = 0; i < n; i++) {
    if (v[i].kind == 'n' || v[i].kind == 'b') jw_kstring(&t->w, t->columns[i], NULL);
    else if (v[i].kind == 'i') jw_kint(&t->w, t->columns[i], v[i].i);
    else jw_kstring(&t->w, t->columns[i], v[i].text);
  }
  jw_object_end(&t->w);
  return ++t->rows < QUERY_ROWS_MAX;
}

static bool database_step(struct pollee *p, struct work *w, int64_t from, int64_t until)
{
  struct table t = { 0 };
  const struct sandbox_param param[] = { { "from_ms", 'i', from, NULL, 0 },
                                         { "to_ms", 'i', until, NULL, 0 },
                                         { "from_s", 'i', from / 1000, NULL, 0 },
                                         { "to_s", 'i', until / 1000, NULL, 0 } };
  jw_init(&t.w, &t.out), jw_array(&t.w);
  enum err e = sandbox_query_file(&w->mem, filled(&w->mem, p, p->connector->file), p->connector->query, param,
                                  COUNT(param), &t.columns, row_put, &t, &w->why);
  jw_array_end(&t.w);
  bool full = t.rows >= QUERY_ROWS_MAX;
  if (!e && full) w->why = "more than 5000 rows in one window: make the channel's window shorter";
  if (!e && !full) rows_map(p, w, p->connector->file, arena_strn(&w->mem, t.out.data, t.out.len), t.out.len);
  buf_release(&t.out);
  return !e && !full;
}

bool file_work(struct pollee *p, struct work *w, enum run_kind kind, int64_t *from, int64_t *until,
               int64_t *at, bool *more)
{
  (void)kind;
  *more = false;
  if (p->connector->kind == CONNECTOR_DATABASE) return database_step(p, w, *from, *until);
  return folder_step(p, w, *from, *until, at, more);
}
