/* xlsx_read.c: the parts of a workbook, and the rows of one of its sheets.
 *
 *   _rels/.rels ─► workbook.xml ─► its rels ─► styles.xml, sharedStrings.xml ─► sheetN.xml, twice
 *
 * Elements are known by their names without a prefix, for writers differ in those. A DTD is refused, so there are no
 * entities but the five of XML itself. */
#include "base.h"
#include <expat.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum {
  FORMATS_MAX = 4096,
  RELS_MAX = 1000,
  NAME_BITS = 65536,
  RAW_MAX = 7 * CSV_CELL_MAX, /* an escape is 7 bytes: what is cut here is too long when it is decoded, too */
  NAMES_SHOWN = 8,
  SHOWN_BYTES = 60,      /* of a text of the file in a message */
  HELD_BYTES_MAX = 4096, /* of a merged cell that is told again */
  DIGITS_KEPT = 15,
};

struct format {
  int id;
  enum xlsx_format format;
};
struct rel {
  const char *id, *type, *target;
};
struct rels {
  struct rel *at;
  size_t n;
};
struct sheet_name {
  const char *name, *rel;
  bool is_hidden;
};

struct book {
  struct arena mem;
  struct xlsx_zip zip;
  struct xlsx_fault *f;
  bool from_1904;
  struct sheet_name *sheet;
  size_t sheets;
  struct format *format; /* the workbook's own */
  size_t formats;
  unsigned char *style; /* an enum xlsx_format each */
  size_t styles;
  struct buf text; /* all shared strings, one behind the other */
  uint32_t *string_end;
  size_t strings, strings_cap;
};

/* A text of the file as a message may have it: short, and cut between characters. */
static const char *shown(struct book *b, const char *s)
{
  size_t n = s ? strlen(s) : 0;
  if (n > SHOWN_BYTES)
    for (n = SHOWN_BYTES; n && ((unsigned char)s[n] & 0xc0) == 0x80;) n--;
  return n ? arena_strn(&b->mem, s, n) : "";
}

/* ---- XML ------------------------------------------------------------------------------------------------------- */

/* One part that is being read: who listens, and what was heard. */
struct xml {
  XML_Parser parser;
  struct book *b;
  const char *part; /* its name */
  void (*start)(struct xml *m, const char *name, const char **attr);
  void (*end)(struct xml *m, const char *name);
  void (*text)(struct xml *m, const char *s, size_t n); /* NULL: text says nothing here */
  void *arg;
  int depth;
  size_t fed, heard; /* bytes, and those before the last thing that was understood */
  size_t names;      /* different ones of elements and attributes, and a bit for the hash of each */
  unsigned char name_bit[NAME_BITS / 8];
  bool stop;   /* wanted, no fault */
  bool inside; /* of the element whose children count */
};

static const char *local(const char *name)
{
  const char *colon = strchr(name, ':');
  return colon ? colon + 1 : name;
}

static bool is(const char *a, const char *b)
{
  return a && !strcmp(a, b);
}

static const char *attr_of(const char **attr, const char *name)
{
  for (; *attr; attr += 2)
    if (is(*attr, name)) return attr[1];
  return NULL;
}

/* The one with any prefix: r:id beside an id of another meaning. */
static const char *attr_prefixed(const char **attr, const char *name)
{
  for (; *attr; attr += 2)
    if (strchr(*attr, ':') && is(local(*attr), name)) return attr[1];
  return NULL;
}

static void xml_halt(struct xml *m)
{
  XML_StopParser(m->parser, XML_FALSE);
}

static void xml_refuse(struct xml *m, const char *what)
{
  xlsx_fault_set(m->b->f, "xml_refused", "%s is refused: %s", m->part, what);
  xml_halt(m);
}

/* The parser keeps each name that it ever saw. */
static void name_count(struct xml *m, const char *name)
{
  size_t bit = (size_t)(hash64(name, strlen(name), 1) % NAME_BITS);
  unsigned char mask = (unsigned char)(1 << bit % 8);
  m->names += !(m->name_bit[bit / 8] & mask);
  m->name_bit[bit / 8] |= mask;
}

static bool names_check(struct xml *m, const char *name, const char **attr)
{
  name_count(m, name);
  for (; *attr; attr += 2) name_count(m, *attr);
  if (m->names > XLSX_NAMES_MAX) xml_refuse(m, "elements and attributes have more than 2,000 names");
  return m->names <= XLSX_NAMES_MAX;
}

static void XMLCALL on_start(void *arg, const XML_Char *name, const XML_Char **attr)
{
  struct xml *m = arg;
  m->heard = m->fed;
  if (m->stop || m->b->f->code) return; /* what was on its way when the parser was told to stop */
  if (++m->depth > XLSX_DEPTH_MAX) xml_refuse(m, "elements are nested deeper than 64");
  else if (names_check(m, name, attr)) m->start(m, local(name), attr);
  if (m->stop || m->b->f->code) xml_halt(m);
}

static void XMLCALL on_end(void *arg, const XML_Char *name)
{
  struct xml *m = arg;
  m->heard = m->fed;
  if (m->stop || m->b->f->code) return;
  m->depth--;
  m->end(m, local(name));
  if (m->stop || m->b->f->code) xml_halt(m);
}

static void XMLCALL on_text(void *arg, const XML_Char *s, int n)
{
  struct xml *m = arg;
  m->heard = m->fed;
  if (m->text && !m->stop && !m->b->f->code) m->text(m, s, (size_t)n);
}

static void XMLCALL on_doctype(void *arg, const XML_Char *name, const XML_Char *system_id,
                               const XML_Char *public_id, int has_subset)
{
  (void)name, (void)system_id, (void)public_id, (void)has_subset;
  xml_refuse(arg, "it has a DTD");
}

static bool xml_take(void *arg, const char *p, size_t n, bool is_last)
{
  struct xml *m = arg;
  m->fed += n;
  if (XML_Parse(m->parser, p, (int)n, is_last) == XML_STATUS_ERROR) {
    if (!m->stop)
      xlsx_fault_set(m->b->f, "xml_damaged", "%s, line %lu: %s", m->part,
                     (unsigned long)XML_GetCurrentLineNumber(m->parser),
                     XML_ErrorString(XML_GetErrorCode(m->parser)));
    return false;
  }
  if (m->fed - m->heard > XLSX_TAG_MAX) xml_refuse(m, "a tag or a comment is longer than 1 MiB");
  return !m->b->f->code;
}

static void end_nothing(struct xml *m, const char *name)
{
  (void)m, (void)name;
}

static bool xml_read(struct xml *m, const struct xlsx_entry *e)
{
  static const XML_Memory_Handling_Suite memory = { .malloc_fcn = mem_new,
                                                    .realloc_fcn = mem_grow,
                                                    .free_fcn = mem_free };
  m->part = shown(m->b, e->name);
  m->parser = XML_ParserCreate_MM(NULL, &memory, NULL);
  must(m->parser);
  if (!m->end) m->end = end_nothing;
  XML_SetUserData(m->parser, m);
  XML_SetElementHandler(m->parser, on_start, on_end);
  XML_SetCharacterDataHandler(m->parser, on_text);
  XML_SetStartDoctypeDeclHandler(m->parser, on_doctype);
  bool ok = xlsx_zip_read(&m->b->zip, e, xml_take, m, m->b->f);
  XML_ParserFree(m->parser);
  return ok;
}

/* ---- which part is which ----------------------------------------------------------------------------------------- */
static void on_rel(struct xml *m, const char *name, const char **attr)
{
  struct rels *r = m->arg;
  const char *id = attr_of(attr, "Id"), *type = attr_of(attr, "Type"), *target = attr_of(attr, "Target");
  const char *slash = type ? strrchr(type, '/') : NULL;
  if (!is(name, "Relationship") || !id || !slash || !target || is(attr_of(attr, "TargetMode"), "External"))
    return;
  if (r->n == RELS_MAX) {
    xml_refuse(m, "it names more than 1,000 parts");
    return;
  }
  struct arena *a = &m->b->mem;
  r->at[r->n++] = (struct rel){ arena_str(a, id), arena_str(a, slash + 1), arena_str(a, target) };
}

/* Relations of a part stand in a file beside it; without one there are none. */
static bool rels_read(struct book *b, const char *part, struct rels *out)
{
  const char *slash = strrchr(part, '/'), *base = slash ? slash + 1 : part;
  const char *name = arena_printf(&b->mem, "%.*s_rels/%s.rels", (int)(base - part), part, base);
  const struct xlsx_entry *e = xlsx_zip_find(&b->zip, name);
  struct xml m = { .b = b, .start = on_rel, .arg = out };
  *out = (struct rels){ .at = arena_array(&b->mem, struct rel, RELS_MAX) };
  return !e || xml_read(&m, e);
}

/* "../styles.xml" seen from "xl/workbook.xml". */
static const char *target_path(struct book *b, const char *from, const char *target)
{
  const char *slash = strrchr(from, '/');
  if (*target == '/') return target + 1;
  size_t dir = slash ? (size_t)(slash + 1 - from) : 0;
  for (;; target += target[1] == '.' ? 3 : 2) {
    if (strncmp(target, "./", 2) != 0 && strncmp(target, "../", 3) != 0) break;
    if (target[1] != '.' || !dir) continue;
    for (dir--; dir && from[dir - 1] != '/';) dir--;
  }
  return arena_printf(&b->mem, "%.*s%s", (int)dir, from, target);
}

static const struct xlsx_entry *rel_entry(struct book *b, const char *from, const struct rel *r)
{
  return r ? xlsx_zip_find(&b->zip, target_path(b, from, r->target)) : NULL;
}

static const struct rel *rel_of_type(const struct rels *r, const char *type)
{
  for (size_t i = 0; i < r->n; i++)
    if (is(r->at[i].type, type)) return &r->at[i];
  return NULL;
}

static const struct rel *rel_of_id(const struct rels *r, const char *id)
{
  for (size_t i = 0; id && i < r->n; i++)
    if (is(r->at[i].id, id)) return &r->at[i];
  return NULL;
}

/* ---- the workbook ---------------------------------------------------------------------------------------------------- */
static bool is_true(const char *word)
{
  return is(word, "1") || is(word, "true") || is(word, "on");
}

static void on_workbook(struct xml *m, const char *name, const char **attr)
{
  struct book *b = m->b;
  if (is(name, "workbookPr") && is_true(attr_of(attr, "date1904"))) b->from_1904 = true;
  if (!is(name, "sheet") || !attr_of(attr, "name")) return;
  if (b->sheets == XLSX_SHEETS_MAX) {
    xml_refuse(m, "it has more than 200 sheets");
    return;
  }
  const char *state = attr_of(attr, "state");
  b->sheet[b->sheets++] = (struct sheet_name){ .name = arena_str(&b->mem, attr_of(attr, "name")),
                                               .rel = arena_str(&b->mem, attr_prefixed(attr, "id")),
                                               .is_hidden = state && !is(state, "visible") };
}

static bool not_a_workbook(struct book *b)
{
  static const struct {
    const char *entry, *what;
  } others[] = {
    { "xl/workbook.bin", "a binary workbook (XLSB)" }, { "content.xml", "an OpenDocument file" },
    { "word/document.xml", "a text document" },        { "ppt/presentation.xml", "a presentation" },
    { "Index/Document.iwa", "a Numbers document" },
  };
  for (size_t i = 0; i < COUNT(others); i++)
    if (xlsx_zip_find(&b->zip, others[i].entry))
      return xlsx_fault_set(b->f, "not_a_workbook", "This is %s; save it as XLSX or CSV", others[i].what);
  return xlsx_fault_set(b->f, "not_a_workbook", "This is a ZIP file, but not a workbook (XLSX)");
}

static const char *workbook_find(struct book *b)
{
  struct rels top;
  if (!rels_read(b, "", &top)) return NULL;
  const struct rel *r = rel_of_type(&top, "officeDocument");
  const char *path = r ? target_path(b, "", r->target) : "xl/workbook.xml";
  size_t n = strlen(path);
  if (!xlsx_zip_find(&b->zip, path) || n < 4 || strcasecmp(path + n - 4, ".xml") != 0 ||
      xlsx_zip_find(&b->zip, "word/document.xml") || xlsx_zip_find(&b->zip, "ppt/presentation.xml"))
    return not_a_workbook(b), NULL;
  return path;
}

/* ---- styles: which cells are times -------------------------------------------------------------------------------------- */
static int int_of(const char *s, int otherwise)
{
  int v = 0;
  if (!s || !*s) return otherwise;
  for (; *s >= '0' && *s <= '9' && v < 100000000; s++) v = v * 10 + (*s - '0');
  return *s ? otherwise : v;
}

static enum xlsx_format format_of(const struct book *b, int id)
{
  for (size_t i = b->formats; i-- > 0;)
    if (b->format[i].id == id) return b->format[i].format;
  return xlsx_format_builtin(id);
}

static void on_style(struct xml *m, const char *name, const char **attr)
{
  struct book *b = m->b;
  int id = int_of(attr_of(attr, "numFmtId"), 0);
  const char *code = attr_of(attr, "formatCode");
  if (m->depth == 2) m->inside = is(name, "numFmts") || is(name, "cellXfs");
  if (m->depth != 3 || !m->inside) return;
  if (is(name, "numFmt") && code && b->formats < FORMATS_MAX)
    b->format[b->formats++] = (struct format){ id, xlsx_format_read(code) };
  if (is(name, "xf") && b->styles < XLSX_STYLES_MAX) b->style[b->styles++] = (unsigned char)format_of(b, id);
}

/* ---- shared strings ------------------------------------------------------------------------------------------------------- */

/* Text of <t>, but not of what tells how it is pronounced. */
struct texts {
  struct buf piece; /* of one <t>, as it stands there */
  bool in_t;
  int phonetic;
};

static void texts_start(struct texts *t, const char *name)
{
  if (is(name, "rPh")) t->phonetic++;
  if (is(name, "t") && !t->phonetic) t->in_t = true, t->piece.len = 0, buf_str(&t->piece, "");
}

static void texts_end(struct texts *t, const char *name, struct buf *out)
{
  if (is(name, "rPh") && t->phonetic) t->phonetic--;
  if (!is(name, "t") || !t->in_t) return;
  t->in_t = false;
  xlsx_unescape(out, t->piece.data, t->piece.len);
}

static void on_string_start(struct xml *m, const char *name, const char **attr)
{
  struct texts *t = m->arg;
  (void)attr;
  if (is(name, "si")) m->inside = true, t->phonetic = 0;
  if (m->inside) texts_start(t, name);
}

static void on_string_end(struct xml *m, const char *name)
{
  struct book *b = m->b;
  if (m->inside) texts_end(m->arg, name, &b->text);
  if (!is(name, "si")) return;
  m->inside = false;
  if (b->strings == XLSX_STRINGS_MAX) {
    xml_refuse(m, "it has more than 2,000,000 texts");
    return;
  }
  if (b->strings == b->strings_cap) {
    b->strings_cap = b->strings_cap ? b->strings_cap * 2 : 1024;
    b->string_end = mem_grow(b->string_end, b->strings_cap * sizeof *b->string_end);
  }
  b->string_end[b->strings++] = (uint32_t)b->text.len;
}

static void on_string_text(struct xml *m, const char *s, size_t n)
{
  struct texts *t = m->arg;
  if (t->in_t && t->piece.len <= RAW_MAX) buf_put(&t->piece, s, n);
}

static bool strings_read(struct book *b, const struct xlsx_entry *e)
{
  struct texts t = { 0 };
  struct xml m = {
    .b = b, .start = on_string_start, .end = on_string_end, .text = on_string_text, .arg = &t
  };
  buf_reserve(&b->text, e->size); /* once, for there is no more text than that */
  bool ok = xml_read(&m, e);
  buf_release(&t.piece);
  return ok;
}

/* ---- cells ---------------------------------------------------------------------------------------------------------------- */
enum cell_type {
  CELL_NUMBER,
  CELL_SHARED,
  CELL_INLINE,
  CELL_STRING,
  CELL_BOOL,
  CELL_ERROR,
  CELL_DATE,
  CELL_UNKNOWN
};

struct merge {
  int column, from, to; /* rows */
};

struct reader {
  struct book *b;
  csv_row_fn *row;
  void *arg;
  bool gives; /* rows; else it only looks */
  bool in_data, in_row, in_cell, in_value, in_inline;
  int row_no, column; /* from 1; from 0, -1 before the first */
  enum cell_type type;
  size_t style;
  bool has_formula, has_value;
  struct texts t;   /* of an inline string */
  struct buf value; /* as it stands there; of an inline string decoded */
  struct buf text;  /* the row, cell behind cell, each with a NUL; the first byte is an empty cell */
  size_t at[CSV_COLUMNS_MAX], cells;
  const char *why; /* the row is not given */
  size_t text_all;
  struct merge *merge;
  size_t merges, merge_cap, merge_next;
  struct {
    char *text;
    int to;
  } held[CSV_COLUMNS_MAX]; /* what merged cells say below */
  int held_to;             /* the last row of any of them */
};

static void cell_fault(struct xml *m, const char *fmt, ...) PRINTF(2, 3);
static void cell_fault(struct xml *m, const char *fmt, ...)
{
  struct reader *r = m->arg;
  struct xlsx_fault *f = m->b->f;
  char what[160];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(what, sizeof what, fmt, ap);
  va_end(ap);
  if (f->code) return;
  f->row = r->row_no;
  if (r->in_cell) xlsx_cell_name(f->cell, r->column, r->row_no);
  xlsx_fault_set(f, "cell_invalid", "%s", what);
}

static enum cell_type type_of(const char *word)
{
  static const char *const words[] = { "n", "s", "inlineStr", "str", "b", "e", "d" };
  for (size_t i = 0; word && i < COUNT(words); i++)
    if (is(word, words[i])) return (enum cell_type)i;
  return word ? CELL_UNKNOWN : CELL_NUMBER;
}

/* Puts the next cell into the row. mark: 0 or what the text begins with. */
static void cell_put(struct xml *m, char mark, const char *p, size_t n)
{
  struct reader *r = m->arg;
  r->text_all += n;
  if (r->text_all > XLSX_TEXT_MAX) xml_refuse(m, "its cells would have more than 256 MiB of text");
  else if (!n || r->why) return;
  else if (r->column >= CSV_COLUMNS_MAX) r->why = "the row has too many columns";
  else if (n > CSV_CELL_MAX) r->why = "a cell is too long";
  else if (r->text.len + n > CSV_ROW_MAX) r->why = "the row is too long";
  if (r->why || m->b->f->code) return;
  while (r->cells < (size_t)r->column) r->at[r->cells++] = 0;
  r->at[r->cells++] = r->text.len;
  if (mark) buf_char(&r->text, mark);
  buf_put(&r->text, p, n);
  buf_char(&r->text, 0);
}

/* Its digits are all there, for it is a text. */
static void text_put(struct xml *m, const char *p, size_t n)
{
  size_t digits = 0;
  while (digits < n && p[digits] >= '0' && p[digits] <= '9') digits++;
  cell_put(m, n > DIGITS_KEPT && digits == n ? '\t' : 0, p, n);
}

static void word_put(struct xml *m, const char *word)
{
  cell_put(m, 0, word, strlen(word));
}

static void number_cell(struct xml *m)
{
  struct reader *r = m->arg;
  enum xlsx_format f = r->style < m->b->styles ? (enum xlsx_format)m->b->style[r->style] : XLSX_PLAIN;
  struct buf out = { 0 };
  bool is_exact = false, is_time = f == XLSX_TIME || f == XLSX_ELAPSED;
  if (is_time) is_time = xlsx_time_put(&out, r->value.data, f, m->b->from_1904);
  if (is_time) cell_put(m, SHEET_INEXACT, out.data, out.len);
  else if (xlsx_number_put(&out, r->value.data, &is_exact))
    cell_put(m, is_exact && f != XLSX_SCIENTIFIC ? 0 : SHEET_INEXACT, out.data, out.len);
  else if (strpbrk(r->value.data, "nN")) word_put(m, "#NUM!"); /* NaN, INF: no number, but some write it */
  else cell_fault(m, "This is not a number: %s", shown(m->b, r->value.data));
  buf_release(&out);
}

static void shared_cell(struct xml *m)
{
  struct reader *r = m->arg;
  const struct book *b = m->b;
  int i = int_of(r->value.data, -1);
  if (i < 0 || (size_t)i >= b->strings) {
    cell_fault(m, "The cell points at text number %s, and there are %zu", shown(m->b, r->value.data),
               b->strings);
    return;
  }
  size_t from = i ? b->string_end[i - 1] : 0;
  text_put(m, b->text.data + from, b->string_end[i] - from);
}

static void string_cell(struct xml *m)
{
  struct reader *r = m->arg;
  struct buf out = { 0 };
  xlsx_unescape(&out, r->value.data, r->value.len);
  text_put(m, out.data, out.len);
  buf_release(&out);
}

static void bool_cell(struct xml *m)
{
  const char *v = ((struct reader *)m->arg)->value.data;
  if (is(v, "1") || is(v, "true")) word_put(m, "TRUE");
  else if (is(v, "0") || is(v, "false")) word_put(m, "FALSE");
  else cell_fault(m, "This is neither true nor false: %s", shown(m->b, v));
}

static void error_cell(struct xml *m)
{
  const char *v = ((struct reader *)m->arg)->value.data;
  struct sheet_cell c = { .text = v };
  word_put(m, sheet_cell_error(&c) ? v : "#N/A");
}

static void date_cell(struct xml *m)
{
  struct reader *r = m->arg;
  cell_put(m, SHEET_INEXACT, r->value.data, r->value.len);
}

static void unknown_cell(struct xml *m)
{
  cell_fault(m, "The cell is of a kind that is not known");
}

static void cell_end(struct xml *m)
{
  static void (*const kinds[])(struct xml *) = {
    [CELL_NUMBER] = number_cell, [CELL_SHARED] = shared_cell,   [CELL_INLINE] = NULL,
    [CELL_STRING] = string_cell, [CELL_BOOL] = bool_cell,       [CELL_ERROR] = error_cell,
    [CELL_DATE] = date_cell,     [CELL_UNKNOWN] = unknown_cell,
  };
  struct reader *r = m->arg;
  if (r->type == CELL_INLINE) text_put(m, r->value.data, r->value.len);
  else if (r->has_value && (r->value.len || r->type == CELL_UNKNOWN)) kinds[r->type](m);
  else if (r->has_formula && !r->has_value) word_put(m, "#N/A"); /* nobody has worked it out yet */
  r->in_cell = false;
}

static void cell_start(struct xml *m, const char **attr)
{
  struct reader *r = m->arg;
  const char *ref = attr_of(attr, "r");
  int column = r->column + 1, row = r->row_no;
  if (ref && !xlsx_cell_parse(ref, &column, &row)) {
    cell_fault(m, "There is no cell %s", shown(m->b, ref));
  } else if (row != r->row_no || column <= r->column) {
    cell_fault(m, "The cell %s stands in the wrong place", shown(m->b, ref));
  } else if (column >= XLSX_COLUMNS_MAX) {
    cell_fault(m, "The row has more than 16,384 cells");
  } else {
    r->in_cell = true, r->column = column;
    r->type = type_of(attr_of(attr, "t"));
    r->style = (size_t)int_of(attr_of(attr, "s"), 0);
    r->has_formula = r->has_value = false;
    r->value.len = 0, buf_str(&r->value, "");
    r->t.phonetic = 0;
  }
}

/* ---- merged cells ------------------------------------------------------------------------------------------------------------ */

/* One that reaches down is told again in each of its rows; one that only goes to the right is not. */
static void merge_add(struct xml *m, const char *ref)
{
  struct reader *r = m->arg;
  const char *colon = ref ? strchr(ref, ':') : NULL;
  char first[16];
  struct merge g = { 0 };
  int column;
  if (!colon || colon - ref > 15) return;
  snprintf(first, sizeof first, "%.*s", (int)(colon - ref), ref);
  if (!xlsx_cell_parse(first, &g.column, &g.from) || !xlsx_cell_parse(colon + 1, &column, &g.to) ||
      column < g.column || g.to < g.from) {
    cell_fault(m, "Cells are merged that are none: %s", shown(m->b, ref));
    return;
  }
  if (g.to == g.from || g.to - g.from >= SHEET_ROWS_MAX || g.column >= CSV_COLUMNS_MAX) return;
  if (r->merges == XLSX_MERGES_MAX) {
    xml_refuse(m, "it has more than 100,000 merged cells");
    return;
  }
  if (r->merges == r->merge_cap) {
    r->merge_cap = r->merge_cap ? r->merge_cap * 2 : 64;
    r->merge = mem_grow(r->merge, r->merge_cap * sizeof *r->merge);
  }
  r->merge[r->merges++] = g;
}

static int merge_compare(const void *a, const void *b)
{
  const struct merge *x = a, *y = b;
  return x->from != y->from ? (x->from > y->from) - (x->from < y->from)
                            : (x->column > y->column) - (x->column < y->column);
}

/* Cells of this row that stand below a merged one. */
static void held_fill(struct reader *r)
{
  for (int i = 0; i < CSV_COLUMNS_MAX && r->row_no <= r->held_to; i++) {
    size_t n = r->held[i].text && r->held[i].to >= r->row_no ? strlen(r->held[i].text) : 0;
    if (!n || ((size_t)i < r->cells && r->at[i]) || r->text.len + n > CSV_ROW_MAX) continue;
    while (r->cells <= (size_t)i) r->at[r->cells++] = 0;
    r->at[i] = r->text.len;
    buf_put(&r->text, r->held[i].text, n + 1);
    r->text_all += n;
  }
}

/* Cells of this row that are told again below. */
static void held_take(struct reader *r)
{
  while (r->merge_next < r->merges && r->merge[r->merge_next].from < r->row_no) r->merge_next++;
  for (; r->merge_next < r->merges && r->merge[r->merge_next].from == r->row_no; r->merge_next++) {
    const struct merge *g = &r->merge[r->merge_next];
    size_t at = (size_t)g->column < r->cells ? r->at[g->column] : 0, n = at ? strlen(r->text.data + at) : 0;
    if (!n || n > HELD_BYTES_MAX) continue;
    char *text = mem_grow(r->held[g->column].text, n + 1);
    memcpy(text, r->text.data + at, n + 1);
    r->held[g->column].text = text, r->held[g->column].to = g->to;
    if (g->to > r->held_to) r->held_to = g->to;
  }
}

/* ---- rows ------------------------------------------------------------------------------------------------------------------------ */
static void row_start(struct xml *m, const char **attr)
{
  struct reader *r = m->arg;
  const char *ref = attr_of(attr, "r");
  int row = ref ? int_of(ref, 0) : r->row_no + 1;
  if (row <= r->row_no || row > XLSX_ROWS_MAX) {
    cell_fault(m, "The row %s stands in the wrong place", shown(m->b, ref));
    return;
  }
  r->in_row = true, r->row_no = row, r->column = -1, r->cells = 0, r->why = NULL;
  r->text.len = 0, buf_char(&r->text, 0);
}

static void row_give(struct xml *m)
{
  struct reader *r = m->arg;
  char *cells[CSV_COLUMNS_MAX];
  if (r->why) {
    m->stop = !r->row(r->arg, r->row_no, NULL, 0, r->why);
    return;
  }
  held_fill(r);
  held_take(r);
  if (r->text_all > XLSX_TEXT_MAX) xml_refuse(m, "its cells would have more than 256 MiB of text");
  for (size_t i = 0; i < r->cells; i++) cells[i] = r->text.data + r->at[i];
  if (r->cells) m->stop = !r->row(r->arg, r->row_no, cells, r->cells, NULL);
}

static void on_sheet_start(struct xml *m, const char *name, const char **attr)
{
  struct reader *r = m->arg;
  if (m->depth == 2 && is(name, "sheetData")) r->in_data = true;
  if (is(name, "mergeCell") && !r->in_data && !r->gives) merge_add(m, attr_of(attr, "ref"));
  if (!r->in_data) return;
  if (m->depth == 3 && is(name, "row")) row_start(m, attr);
  if (m->depth == 4 && r->in_row && is(name, "c")) cell_start(m, attr);
  if (!r->in_cell) return;
  if (m->depth == 5 && is(name, "f")) r->has_formula = true;
  if (m->depth == 5 && is(name, "v")) r->has_value = r->in_value = true;
  if (m->depth == 5 && is(name, "is")) r->in_inline = true;
  if (r->in_inline) texts_start(&r->t, name);
}

static void on_sheet_end(struct xml *m, const char *name)
{
  struct reader *r = m->arg;
  if (r->in_inline) texts_end(&r->t, name, &r->value);
  switch (m->depth) {
  case 4: r->in_value = r->in_inline = r->t.in_t = false; break;
  case 3:
    if (r->in_cell) cell_end(m);
    break;
  case 2:
    if (r->in_row && r->gives) row_give(m);
    r->in_row = false;
    break;
  case 1: r->in_data = false; break;
  default: break;
  }
}

/* What is longer than a cell may be is reported with its row; it need not be kept until then. */
static void on_sheet_text(struct xml *m, const char *s, size_t n)
{
  struct reader *r = m->arg;
  if (r->in_value && r->value.len <= RAW_MAX) buf_put(&r->value, s, n);
  if (r->in_inline && r->t.in_t && r->t.piece.len <= RAW_MAX) buf_put(&r->t.piece, s, n);
}

static bool sheet_pass(struct reader *r, const struct xlsx_entry *e)
{
  struct xml m = { .b = r->b, .start = on_sheet_start, .end = on_sheet_end, .text = on_sheet_text, .arg = r };
  r->in_data = r->in_row = r->in_cell = r->in_value = r->in_inline = false;
  r->row_no = 0, r->text_all = 0;
  bool ok = xml_read(&m, e);
  if (!ok && !r->b->f->row) r->b->f->row = r->row_no;
  return ok;
}

static bool rows_read(struct book *b, const struct xlsx_entry *e, csv_row_fn *row, void *arg)
{
  struct reader *r = mem_new(sizeof *r);
  r->b = b, r->row = row, r->arg = arg;
  bool ok = sheet_pass(r, e);
  if (r->merges) qsort(r->merge, r->merges, sizeof *r->merge, merge_compare);
  r->gives = true;
  ok = ok && sheet_pass(r, e);
  for (size_t i = 0; i < CSV_COLUMNS_MAX; i++) mem_free(r->held[i].text);
  buf_release(&r->value), buf_release(&r->text), buf_release(&r->t.piece);
  mem_free(r->merge);
  mem_free(r);
  return ok;
}

/* ---- which sheet -------------------------------------------------------------------------------------------------------------------- */
static const char *names_list(struct book *b)
{
  struct buf out = { 0 };
  for (size_t i = 0; i < b->sheets && i < NAMES_SHOWN; i++)
    buf_printf(&out, "%s%s", i ? ", " : "", shown(b, b->sheet[i].name));
  if (b->sheets > NAMES_SHOWN) buf_str(&out, ", …");
  const char *list = arena_strn(&b->mem, out.data ? out.data : "", out.len);
  buf_release(&out);
  return list;
}

static const struct sheet_name *sheet_named(const struct book *b, const char *name)
{
  for (size_t i = 0; i < b->sheets; i++)
    if (is(b->sheet[i].name, name)) return &b->sheet[i];
  for (size_t i = 0; i < b->sheets; i++)
    if (!strcasecmp(b->sheet[i].name, name)) return &b->sheet[i];
  return NULL;
}

static const struct sheet_name *sheet_seen(const struct book *b, const struct rels *rels)
{
  for (size_t i = 0; i < b->sheets; i++) {
    const struct rel *r = rel_of_id(rels, b->sheet[i].rel);
    if (!b->sheet[i].is_hidden && r && is(r->type, "worksheet")) return &b->sheet[i];
  }
  return NULL;
}

static const struct xlsx_entry *sheet_find(struct book *b, const char *path, const struct rels *rels,
                                           const char *name)
{
  const struct sheet_name *s = name ? sheet_named(b, name) : sheet_seen(b, rels);
  if (!s && name)
    xlsx_fault_set(b->f, "sheet_unknown", "No sheet is called %s; there are: %s", shown(b, name),
                   names_list(b));
  else if (!s) xlsx_fault_set(b->f, "sheet_unknown", "No sheet can be seen; there are: %s", names_list(b));
  if (!s) return NULL;
  const struct rel *r = rel_of_id(rels, s->rel);
  const struct xlsx_entry *e = r && is(r->type, "worksheet") ? rel_entry(b, path, r) : NULL;
  if (!e) xlsx_fault_set(b->f, "sheet_unknown", "The sheet %s has no cells", shown(b, s->name));
  return e;
}

/* ---- all of it ------------------------------------------------------------------------------------------------------------------------ */
static bool book_read(struct book *b, const char *path, const char *sheet, csv_row_fn *row, void *arg)
{
  struct rels rels;
  struct xml workbook = { .b = b, .start = on_workbook }, styles = { .b = b, .start = on_style };
  b->sheet = arena_array(&b->mem, struct sheet_name, XLSX_SHEETS_MAX);
  b->format = arena_array(&b->mem, struct format, FORMATS_MAX);
  b->style = arena_array(&b->mem, unsigned char, XLSX_STYLES_MAX);
  if (!xml_read(&workbook, xlsx_zip_find(&b->zip, path)) || !rels_read(b, path, &rels)) return false;
  const struct xlsx_entry *e = sheet_find(b, path, &rels, sheet);
  const struct xlsx_entry *style = rel_entry(b, path, rel_of_type(&rels, "styles"));
  const struct xlsx_entry *strings = rel_entry(b, path, rel_of_type(&rels, "sharedStrings"));
  return e && (!style || xml_read(&styles, style)) && (!strings || strings_read(b, strings)) &&
         rows_read(b, e, row, arg);
}

bool xlsx_read(const void *p, size_t n, const char *sheet, csv_row_fn *row, void *arg,
               struct xlsx_fault *fault)
{
  must(row && fault);
  struct book b = { .f = fault };
  *fault = (struct xlsx_fault){ 0 };
  const char *path = xlsx_zip_open(&b.mem, &b.zip, p, n, fault) ? workbook_find(&b) : NULL;
  bool ok = path && book_read(&b, path, sheet, row, arg);
  must(ok == !fault->code);
  buf_release(&b.text);
  mem_free(b.string_end);
  arena_release(&b.mem);
  return ok;
}
