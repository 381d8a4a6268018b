/* poll_file.c: tills. A folder of sales files, or another program's SQLite database, both only read. */
#include "edge.h"
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { QUERY_ROWS_MAX = 5000 };

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

/* Where the folder stands: by the time of the last change, then by name. A file that is moved into it keeps its own time,
 * but gets one for the move. */
static int64_t changed_of(const struct stat *st)
{
  int64_t written = (int64_t)st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000,
          moved = (int64_t)st->st_ctim.tv_sec * 1000 + st->st_ctim.tv_nsec / 1000000;
  return written > moved ? written : moved;
}

static int by_time(const void *x, const void *y)
{
  const struct poll_found *a = x, *b = y;
  if (a->changed != b->changed) return a->changed < b->changed ? -1 : 1;
  return strcmp(a->name, b->name);
}

static bool is_next(const struct poll_files *f, const struct poll_found *at)
{
  return !*f->last.name || by_time(&f->last, at) < 0;
}

/* Of twice as many as are wanted the first half stays. */
static void found_add(struct poll_files *f, const struct poll_found *at)
{
  if (f->n == 2 * POLL_FILES_MAX) {
    qsort(f->at, f->n, sizeof *f->at, by_time);
    f->n = POLL_FILES_MAX, f->more = true;
  }
  if (f->more && by_time(at, &f->at[POLL_FILES_MAX - 1]) > 0) return;
  f->at[f->n++] = *at;
}

/* The next files that changed in [from, until), oldest first; more: there are others behind them. */
static bool folder_list(struct poll_files *f, struct arena *a, const char *folder, const char *match,
                        int64_t from, int64_t until, const char **why)
{
  DIR *d = opendir(folder);
  struct dirent *e;
  f->n = f->done = 0, f->more = false;
  if (!f->at) f->at = mem_new(2 * POLL_FILES_MAX * sizeof *f->at);
  if (!d) {
    *why = arena_printf(a, "%s: %s", folder, strerror(errno));
    return false;
  }
  while ((e = readdir(d))) {
    struct stat st;
    struct poll_found at = { 0 };
    if (e->d_name[0] == '.' || fnmatch(match, e->d_name, 0) || strlen(e->d_name) >= sizeof at.name) continue;
    if (fstatat(dirfd(d), e->d_name, &st, 0) || !S_ISREG(st.st_mode)) continue;
    at.changed = changed_of(&st);
    memcpy(at.name, e->d_name, strlen(e->d_name) + 1);
    if (at.changed >= from && at.changed < until && is_next(f, &at)) found_add(f, &at);
  }
  closedir(d);
  qsort(f->at, f->n, sizeof *f->at, by_time);
  if (f->n > POLL_FILES_MAX) f->n = POLL_FILES_MAX, f->more = true;
  return true;
}

void poll_files_release(struct poll_files *f)
{
  mem_free(f->at);
  *f = (struct poll_files){ 0 };
}

/* {"file":…,"text":…}: what it held as text where it can be told as such; neither: it was not read. */
static void file_raw(struct buf *raw, const char *name, const char *text, size_t n)
{
  struct jw j;
  jw_init(&j, raw), jw_object(&j), jw_kstring(&j, "file", name);
  if (text && utf8_valid(text, n) && !memchr(text, 0, n) && n <= POLL_FILE_MAX / 2)
    jw_key(&j, "text"), jw_stringn(&j, text, n);
  else if (text) {
    struct buf coded = { 0 };
    base64_put(&coded, text, n);
    jw_key(&j, "base64"), jw_stringn(&j, coded.data ? coded.data : "", coded.len);
    buf_release(&coded);
  }
  jw_object_end(&j);
}

/* What cannot be read as rows, or mapped, is kept whole as a failed payload, and does not stop the others. */
static void raw_kept(struct work *w, struct buf *raw, const char *detail)
{
  struct cmd *c = w->page;
  struct poll_page *page = (struct poll_page *)(uintptr_t)c->args;
  struct problem pr = { .code = "mapping_failed", .detail = detail };
  struct buf why = { 0 };
  problem_put(&why, ERR_INVALID, 0, &pr);
  page->item = arena_new(&c->mem, struct poll_item), page->items = 1;
  page->item->raw = arena_strn(&c->mem, raw->data, raw->len), page->item->raw_n = raw->len;
  page->item->error = arena_strn(&c->mem, why.data, why.len);
  w->rows = w->rows_failed = 1;
  buf_release(raw), buf_release(&why);
}

static void file_kept(struct work *w, const char *name, const char *text, size_t n, const char *detail)
{
  struct buf raw = { 0 };
  file_raw(&raw, name, text, n);
  raw_kept(w, &raw, detail);
}

static bool rows_map(struct pollee *p, struct connector_box *box, struct work *w, const char *json, size_t n,
                     const char **why)
{
  struct connector_order *list = NULL;
  size_t orders = 0;
  w->answer = (struct connector_answer){ .status = 200, .body = json, .body_n = n };
  connector_values(box, poll_secret, poll_setting, p);
  connector_judge(box, &w->mem, "list", &w->answer, &w->vars, &w->verdict);
  if (w->verdict.kind != VERDICT_OK) {
    *why = w->verdict.message;
    return false;
  }
  if (connector_orders(box, &w->mem, "orders", &w->answer, &w->vars, &list, &orders, why)) {
    work_items(p, w, list, orders);
    return true;
  }
  w->limited = connector_limited(box);
  return false;
}

/* *why: it cannot be mapped. */
static bool file_map(struct pollee *p, struct connector_box *box, struct work *w, const char *text, size_t n,
                     const char **why)
{
  const char *json;
  size_t json_n;
  return connector_file_rows(&w->mem, p->connector->format, text, n, &json, &json_n, why) &&
         rows_map(p, box, w, json, json_n, why);
}

/* NULL with *why; NULL without it: it was taken away meanwhile. */
static char *file_text(struct arena *a, const char *path, size_t *n, const char **why)
{
  char *text = file_read(a, path, POLL_FILE_MAX, n);
  if (!text && errno != ENOENT)
    *why = errno == EFBIG ? "The file is too large; orderd import takes it" : strerror(errno);
  return text;
}

/* One file per step. */
static bool folder_step(struct pollee *p, struct work *w, struct poll_files *f, int64_t from, int64_t until,
                        bool *more)
{
  const char *folder = filled(&w->mem, p, p->connector->folder), *why = NULL;
  size_t bytes = 0;
  if (f->done == f->n && !folder_list(f, &w->mem, folder, p->connector->match, from, until, &w->why))
    return false;
  if (!f->n) return true;
  struct poll_found at = f->at[f->done];
  const char *path = arena_printf(&w->mem, "%s/%s", folder, at.name);
  char *text = file_text(&w->mem, path, &bytes, &why);
  if (text && !file_map(p, p->box, w, text, bytes, &why) && w->limited && !w->keeps) {
    w->why = why, *more = true;
    return true;
  }
  w->limited = false;
  if (why) file_kept(w, path, text, bytes, why);
  f->last = at, f->done++;
  *more = f->done < f->n || f->more;
  return true;
}

bool file_is_kept(const char *raw)
{
  return raw && !strncmp(raw, "{\"file\":", 8);
}

bool file_again(struct pollee *p, struct connector_box *box, struct work *w, const char *raw,
                const char **why)
{
  struct faults f = { .mem = &w->mem };
  const struct json *j = json_parse(&w->mem, raw, strlen(raw), JSON_ELEMENTS_MAX, &f);
  const char *text = json_string(json_get(j, "text")), *coded = json_string(json_get(j, "base64"));
  size_t n = text ? strlen(text) : 0;
  if (coded) {
    struct buf b = { 0 };
    if (base64_get(&b, coded, strlen(coded))) text = arena_strn(&w->mem, b.data ? b.data : "", n = b.len);
    buf_release(&b);
  } else if (!text && json_string(json_get(j, "file")))
    text = file_text(&w->mem, json_string(json_get(j, "file")), &n, why);
  if (!text && !*why) *why = "The file is not there any more";
  return text && file_map(p, box, w, text, n, why);
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

/* In the form of a page that was kept whole. */
static void rows_kept(struct work *w, const char *rows, size_t n, const char *why)
{
  struct buf raw = { 0 };
  struct jw j;
  jw_init(&j, &raw), jw_object(&j), jw_kstring(&j, "at", "$"), jw_kstring(&j, "call", "list");
  jw_key(&j, "order"), jw_raw(&j, rows, n), jw_object_end(&j);
  w->limited = false;
  raw_kept(w, &raw, why);
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
  const char *rows = arena_strn(&w->mem, t.out.data, t.out.len), *why = NULL;
  size_t n = t.out.len;
  buf_release(&t.out);
  if (e) return false;
  if (t.rows >= QUERY_ROWS_MAX) w->why = "more than 5000 rows in a window", w->full = true;
  else if (rows_map(p, p->box, w, rows, n, &why)) return true;
  else if (w->limited && !w->keeps) w->why = why, w->full = true;
  else rows_kept(w, rows, n, why);
  return true;
}

bool file_work(struct pollee *p, struct work *w, struct poll_files *f, int64_t from, int64_t until,
               bool *more)
{
  *more = false;
  if (p->connector->kind == CONNECTOR_DATABASE) return database_step(p, w, from, until);
  return folder_step(p, w, f, from, until, more);
}
