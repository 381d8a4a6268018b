/* cli_print.c: answers for people: tables and indented objects. What came from outside cannot steer the terminal. */
#include "edge.h"
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define COLUMNS_MAX 16
#define CELL_WIDTH_MAX 60
#define WIDTH_UNKNOWN 120

/* ---- text on a terminal ----------------------------------------------------------------------------------- */
/* East Asian wide and full-width letters, and what draws pictures, take two places. */
static const struct {
  uint32_t from, to;
} wide[] = {
  { 0x1100, 0x115F }, { 0x2E80, 0x303E },   { 0x3041, 0x33FF },   { 0x3400, 0x4DBF },   { 0x4E00, 0x9FFF },
  { 0xA000, 0xA4CF }, { 0xAC00, 0xD7A3 },   { 0xF900, 0xFAFF },   { 0xFE30, 0xFE4F },   { 0xFF00, 0xFF60 },
  { 0xFFE0, 0xFFE6 }, { 0x1F300, 0x1F64F }, { 0x1F900, 0x1F9FF }, { 0x20000, 0x3FFFD },
};

static size_t point_width(uint32_t cp)
{
  if (cp >= 0x300 && cp <= 0x36F) return 0; /* combining marks */
  for (size_t i = 0; i < COUNT(wide); i++)
    if (cp >= wide[i].from && cp <= wide[i].to) return 2;
  return 1;
}

size_t text_width(const char *s)
{
  size_t n = 0;
  while (*s) n += point_width(utf8_next(&s));
  return n;
}

/* Could end the line, move the cursor or turn the text around. */
static bool is_unsafe(uint32_t cp)
{
  return cp < 0x20 || (cp >= 0x7F && cp < 0xA0) || cp == 0x61C || (cp >= 0x200B && cp <= 0x200F) ||
         (cp >= 0x2028 && cp <= 0x202E) || (cp >= 0x2060 && cp <= 0x206F) || cp == 0xFEFF;
}

void text_safe(struct buf *out, const char *s)
{
  while (*s) {
    const char *from = s;
    uint32_t cp = utf8_next(&s);
    if (cp == '\n') buf_str(out, "\\n");
    else if (cp == '\t') buf_char(out, ' ');
    else if (is_unsafe(cp)) buf_printf(out, "\\u%04x", (unsigned)cp);
    else buf_put(out, from, (size_t)(s - from));
  }
}

void cli_url_put(struct buf *out, const char *s)
{
  for (; *s; s++) {
    unsigned char ch = (unsigned char)*s;
    bool plain =
      (ch >= '0' && ch <= '9') || (ch >= 'A' && ch <= 'Z') || (ch >= 'a' && ch <= 'z') || strchr("-._~", ch);
    if (plain) buf_char(out, (char)ch);
    else buf_printf(out, "%%%02X", ch);
  }
}

/* ---- values ---------------------------------------------------------------------------------------------------- */
const struct json *json_path(const struct json *j, const char *path)
{
  char key[64];
  while (j && *path) {
    size_t n = strcspn(path, "/");
    must(n < sizeof key);
    memcpy(key, path, n), key[n] = 0;
    j = json_type(j) == JSON_OBJECT ? json_get(j, key) : NULL;
    path += n, path += *path == '/';
  }
  return j;
}

static bool is_money(const struct json *j)
{
  return json_type(j) == JSON_OBJECT && json_count(j) == 2 && json_string(json_get(j, "amount")) &&
         json_string(json_get(j, "currency"));
}

static bool is_scalar(const struct json *j)
{
  return (json_type(j) != JSON_OBJECT && json_type(j) != JSON_ARRAY) || is_money(j);
}

static bool all_scalars(const struct json *list)
{
  for (const struct json *v = json_first(list); v; v = json_next(v))
    if (!is_scalar(v)) return false;
  return true;
}

/* A list of things that are told by their id. */
static void list_put(struct buf *out, const struct json *list)
{
  bool first = true;
  for (const struct json *v = json_first(list); v; v = json_next(v)) {
    if (!first) buf_char(out, ' ');
    first = false;
    const struct json *id = json_type(v) == JSON_OBJECT ? json_get(v, "id") : NULL;
    const struct json *type = json_type(v) == JSON_OBJECT ? json_get(v, "type") : NULL;
    const struct json *order = json_type(v) == JSON_OBJECT ? json_get(v, "order") : NULL; /* of a line */
    cell_put(out, type ? type : id ? id : order ? order : v);
  }
}

void cell_put(struct buf *out, const struct json *j)
{
  switch (json_type(j)) {
  case JSON_NULL: break;
  case JSON_BOOL: buf_str(out, json_bool(j) ? "yes" : "no"); break;
  case JSON_NUMBER: buf_str(out, json_number(j)); break;
  case JSON_STRING: text_safe(out, json_string(j)); break;
  case JSON_ARRAY: list_put(out, j); break;
  case JSON_OBJECT:
    if (!is_money(j)) {
      buf_str(out, "…");
      break;
    }
    text_safe(out, json_string(json_get(j, "amount"))), buf_char(out, ' '),
      text_safe(out, json_string(json_get(j, "currency")));
    break;
  }
}

/* ---- tables --------------------------------------------------------------------------------------------------------- */
static size_t screen_width(void)
{
  struct winsize size = { 0 };
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 40) return WIDTH_UNKNOWN;
  return size.ws_col;
}

/* Cut to the width, with … where something is missing. */
static void fit_put(struct buf *out, const char *s, size_t width, bool pad)
{
  size_t n = text_width(s), used = 0;
  bool cut = n > width;
  while (*s) {
    const char *from = s;
    size_t w = point_width(utf8_next(&s));
    if (cut && used + w > width - 1) break;
    buf_put(out, from, (size_t)(s - from));
    used += w;
  }
  if (cut) buf_str(out, "…"), used++;
  for (; pad && used < width; used++) buf_char(out, ' ');
}

struct table {
  const struct cli *c;
  const struct cli_column *col;
  size_t n, width[COLUMNS_MAX];
};

static void widths_find(struct table *t, const struct json *rows)
{
  struct buf cell = { 0 };
  for (size_t i = 0; i < t->n; i++) t->width[i] = text_width(t->col[i].head);
  for (const struct json *r = json_first(rows); r; r = json_next(r))
    for (size_t i = 0; i < t->n; i++) {
      cell.len = 0, buf_str(&cell, ""), cell_put(&cell, json_path(r, t->col[i].path));
      size_t w = text_width(cell.data);
      if (w > t->width[i]) t->width[i] = w;
    }
  buf_release(&cell);
}

/* On a terminal the widest columns give way until the row fits. Elsewhere nothing is cut. */
static void widths_fit(struct table *t)
{
  size_t room = screen_width(), sum = 0;
  if (!t->c->out_tty) return;
  for (size_t i = 0; i < t->n; i++) {
    if (t->width[i] > CELL_WIDTH_MAX) t->width[i] = CELL_WIDTH_MAX;
    sum += t->width[i] + 2;
  }
  while (sum > room + 2) {
    size_t widest = 0;
    for (size_t i = 1; i < t->n; i++)
      if (t->width[i] > t->width[widest]) widest = i;
    if (t->width[widest] <= 8) return;
    t->width[widest]--, sum--;
  }
}

static void row_print(const struct table *t, const struct json *r)
{
  struct buf line = { 0 }, cell = { 0 };
  for (size_t i = 0; i < t->n; i++) {
    cell.len = 0, buf_str(&cell, "");
    if (r) cell_put(&cell, json_path(r, t->col[i].path));
    else buf_str(&cell, t->col[i].head);
    fit_put(&line, cell.data, t->width[i], i + 1 < t->n);
    if (i + 1 < t->n) buf_str(&line, "  ");
  }
  while (line.len && line.data[line.len - 1] == ' ') line.data[--line.len] = 0;
  printf(!r && t->c->color ? "\033[1m%s\033[0m\n" : "%s\n", line.data);
  buf_release(&line), buf_release(&cell);
}

void table_print(const struct cli *c, const struct json *rows, const struct cli_column *col)
{
  struct table t = { .c = c, .col = col };
  while (col[t.n].head) must(++t.n <= COLUMNS_MAX);
  if (!json_first(rows)) {
    cli_say(c, "nothing");
    return;
  }
  widths_find(&t, rows);
  widths_fit(&t);
  row_print(&t, NULL);
  for (const struct json *r = json_first(rows); r; r = json_next(r)) row_print(&t, r);
}

/* ---- objects ---------------------------------------------------------------------------------------------------------- */
static void object_lines(const struct cli *c, const struct json *j, int depth);

static void key_print(const struct cli *c, const char *key, int depth)
{
  struct buf b = { 0 };
  text_safe(&b, key ? key : "-");
  printf(c->color ? "%*s\033[1m%s\033[0m" : "%*s%s", depth * 2, "", b.data ? b.data : "");
  buf_release(&b);
}

/* Nothing in it, however deep. */
static bool is_empty(const struct json *v)
{
  if (is_scalar(v)) return json_type(v) == JSON_NULL || (json_string(v) && !*json_string(v));
  for (const struct json *m = json_first(v); m; m = json_next(m))
    if (!is_empty(m)) return false;
  return true;
}

static bool is_flat(const struct json *obj)
{
  for (const struct json *m = json_first(obj); m; m = json_next(m))
    if (!is_scalar(m) && !(json_type(m) == JSON_ARRAY && all_scalars(m))) return false;
  return true;
}

/* A thing of a list in one line: "- line_id: 1  sku: LAMP". */
static void flat_print(const struct json *obj, int depth)
{
  struct buf b = { 0 };
  for (const struct json *m = json_first(obj); m; m = json_next(m)) {
    if (is_empty(m)) continue;
    buf_str(&b, "  "), text_safe(&b, json_key(m)), buf_str(&b, ": "), cell_put(&b, m);
  }
  printf("%*s-%s\n", depth * 2, "", b.data ? b.data + 1 : "");
  buf_release(&b);
}

static void member_print(const struct cli *c, const struct json *v, int depth)
{
  struct buf b = { 0 };
  if (is_scalar(v) || (json_type(v) == JSON_ARRAY && all_scalars(v))) {
    key_print(c, json_key(v), depth);
    cell_put(&b, v);
    printf("%s%s\n", json_key(v) ? ": " : " ", b.data ? b.data : "");
    buf_release(&b);
    return;
  }
  if (json_type(v) == JSON_OBJECT && !json_key(v)) {
    if (is_flat(v)) {
      flat_print(v, depth);
      return;
    }
    key_print(c, NULL, depth);
    printf("\n");
  } else {
    key_print(c, json_key(v), depth);
    printf(":\n");
  }
  object_lines(c, v, depth + 1);
}

/* What is not told is left out. */
static void object_lines(const struct cli *c, const struct json *j, int depth)
{
  for (const struct json *v = json_first(j); v; v = json_next(v))
    if (!is_empty(v)) member_print(c, v, depth);
}

void object_print(const struct cli *c, const struct json *j)
{
  if (json_type(j) == JSON_OBJECT || json_type(j) == JSON_ARRAY) {
    object_lines(c, j, 0);
    return;
  }
  struct buf b = { 0 };
  cell_put(&b, j);
  printf("%s\n", b.data ? b.data : "");
  buf_release(&b);
}
