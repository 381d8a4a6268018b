/* import_book.c: a workbook read in a jail.
 *
 *   child: xlsx_read() ─► frames ─► pipe ─► frames ─► rows ─► whoever asked
 *
 * A frame is a head and a text. What comes out of the pipe is checked as if a stranger had written it, for one may have. */
#include "edge.h"

#define PUT_BYTES ((size_t)64 * 1024)
#define TEXT_MAX ((uint32_t)(CSV_ROW_MAX + CSV_CELL_MAX + 2 * CSV_COLUMNS_MAX))

enum frame_kind { FRAME_ROW = 1, FRAME_WHY, FRAME_FAULT, FRAME_END };
struct book_frame {
  uint32_t kind, texts, n; /* n bytes follow: so many texts, each with a NUL */
  int64_t row;
};

/* ---- the child ------------------------------------------------------------------------------------------------ */
struct child {
  const struct buf *file;
  const char *sheet;
  struct buf out;
};

static void out_flush(struct child *c)
{
  jail_put(c->out.data, c->out.len);
  c->out.len = 0;
}

static void frame_put(struct child *c, enum frame_kind kind, int64_t row, char *const *texts, size_t n)
{
  struct book_frame f;
  memset(&f, 0, sizeof f);
  f.kind = kind, f.row = row, f.texts = (uint32_t)n;
  for (size_t i = 0; i < n; i++) f.n += (uint32_t)strlen(texts[i]) + 1;
  buf_put(&c->out, &f, sizeof f);
  for (size_t i = 0; i < n; i++) buf_put(&c->out, texts[i], strlen(texts[i]) + 1);
  if (c->out.len > PUT_BYTES) out_flush(c);
}

static bool row_put(void *arg, int64_t row, char **cells, size_t n, const char *why)
{
  char *reason = (char *)(uintptr_t)why;
  if (why) frame_put(arg, FRAME_WHY, row, &reason, 1);
  else frame_put(arg, FRAME_ROW, row, cells, n);
  return true;
}

static void child_work(void *arg)
{
  struct child *c = arg;
  struct xlsx_fault f;
  if (xlsx_read(c->file->data, c->file->len, c->sheet, row_put, c, &f)) {
    frame_put(c, FRAME_END, 0, NULL, 0);
  } else {
    char *texts[] = { (char *)(uintptr_t)f.code, f.cell, f.detail };
    frame_put(c, FRAME_FAULT, f.row, texts, COUNT(texts));
  }
  out_flush(c);
}

/* ---- the parent ------------------------------------------------------------------------------------------------ */
struct parent {
  struct jail jail;
  csv_row_fn *row;
  void *arg;
  struct xlsx_fault *f;
  struct buf text;
  char *cells[CSV_COLUMNS_MAX];
  int64_t last; /* row */
};
enum step { STEP_ON, STEP_DONE, STEP_WRONG };

/* Cuts the text into cells: exactly so many, each of them UTF-8. */
static bool cells_cut(struct parent *p, const struct book_frame *f)
{
  char *at = p->text.data, *end = at + f->n;
  for (uint32_t i = 0; i < f->texts; i++) {
    char *nul = memchr(at, 0, (size_t)(end - at));
    if (!nul || !utf8_valid(at, (size_t)(nul - at))) return false;
    p->cells[i] = at;
    at = nul + 1;
  }
  return at == end;
}

static bool frame_read(struct parent *p, struct book_frame *f)
{
  if (!jail_read(&p->jail, f, sizeof *f) || f->n > TEXT_MAX || f->texts > CSV_COLUMNS_MAX) return false;
  if (f->row < 0 || f->row > XLSX_ROWS_MAX) return false;
  p->text.len = 0, buf_reserve(&p->text, f->n + 1);
  return jail_read(&p->jail, p->text.data, f->n) && cells_cut(p, f);
}

static bool fault_take(struct parent *p, const struct book_frame *f)
{
  static const char *const codes[] = { "not_a_workbook", "sheet_unknown", "zip_damaged", "zip_refused",
                                       "xml_damaged",    "xml_refused",   "cell_invalid" };
  if (f->texts != 3 || strlen(p->cells[1]) >= sizeof p->f->cell) return false;
  for (size_t i = 0; i < COUNT(codes); i++)
    if (!strcmp(codes[i], p->cells[0])) {
      p->f->row = f->row;
      memcpy(p->f->cell, p->cells[1], strlen(p->cells[1]) + 1);
      return xlsx_fault_set(p->f, codes[i], "%s", p->cells[2]), true;
    }
  return false;
}

static enum step frame_take(struct parent *p)
{
  struct book_frame f;
  if (!frame_read(p, &f)) return STEP_WRONG;
  switch (f.kind) {
  case FRAME_ROW:
  case FRAME_WHY:
    if (f.row <= p->last || !f.texts) return STEP_WRONG;
    p->last = f.row;
    bool more = f.kind == FRAME_ROW ? p->row(p->arg, f.row, p->cells, f.texts, NULL)
                                    : p->row(p->arg, f.row, NULL, 0, p->cells[0]);
    return more ? STEP_ON : STEP_DONE;
  case FRAME_FAULT: return fault_take(p, &f) ? STEP_DONE : STEP_WRONG;
  case FRAME_END: return STEP_DONE;
  default: return STEP_WRONG;
  }
}

static bool broken(struct xlsx_fault *f, const char *what)
{
  return xlsx_fault_set(f, "parser_failed", "The workbook could not be read: %s", what);
}

bool book_read(const struct buf *file, const char *sheet, csv_row_fn *row, void *arg, struct xlsx_fault *f)
{
  struct child c = { .file = file, .sheet = sheet };
  struct parent *p = mem_new(sizeof *p);
  enum step step = STEP_ON;
  *f = (struct xlsx_fault){ 0 };
  p->row = row, p->arg = arg, p->f = f;
  bool opened = jail_open(&p->jail, child_work, &c);
  if (!opened) broken(f, "there is no room for a process of its own");
  while (opened && step == STEP_ON) step = frame_take(p);
  enum jail_end end = opened ? jail_close(&p->jail) : JAIL_DONE;
  if (step == STEP_WRONG)
    broken(f, end == JAIL_TOO_LONG ? "it takes more than a minute"
                                   : "its reader broke off; please report this file");
  buf_release(&p->text);
  mem_free(p);
  return !f->code;
}
