/* xlsx.h: workbooks (XLSX) in and out. Part of base.h.
 *
 * In: the bytes of a whole file, which may be hostile, become rows as csv.c gives them. The file is looked at twice:
 * first everything is checked, then rows are given. So nothing of a file that is damaged somewhere is ever given.
 * Nothing is written anywhere, no name of an entry is opened, and memory stays within the limits below.
 *
 * Out: rows become one ZIP stream that is never gone back in, so it may be a pipe; a million rows cost the memory of one. */
#ifndef ORDERD_BASE_XLSX_H
#define ORDERD_BASE_XLSX_H

#define XLSX_FILE_MAX ((size_t)64 << 20)
#define XLSX_ENTRIES_MAX 200
#define XLSX_INFLATED_MAX ((size_t)64 << 20) /* of all entries together */
#define XLSX_RATIO_MAX 100                   /* inflated : packed, of an entry over XLSX_RATIO_FREE */
#define XLSX_RATIO_FREE ((size_t)64 << 10)
#define XLSX_TEXT_MAX ((size_t)256 << 20)    /* of all cells given: one long text may be in many */
#define XLSX_DEPTH_MAX 64
#define XLSX_TAG_MAX ((size_t)1 << 20)       /* a tag, a comment */
#define XLSX_NAMES_MAX 2000                  /* of elements and attributes of one part */
#define XLSX_STRINGS_MAX 2000000
#define XLSX_STYLES_MAX 65536
#define XLSX_SHEETS_MAX 200
#define XLSX_MERGES_MAX 100000
#define XLSX_ROWS_MAX 1048576                /* what a sheet can have; cells with text are given up to CSV_COLUMNS_MAX */
#define XLSX_COLUMNS_MAX 16384
#define XLSX_CELL_MAX 32767                  /* UTF-16 units that a cell can hold */

/* Why a workbook was not read:
 *  not_a_workbook     a ZIP file of something else, or an old or encrypted workbook
 *  sheet_unknown      no sheet of this name, or none that can be seen
 *  zip_damaged        cut short, or its parts contradict each other
 *  zip_refused        over a limit, encrypted, or with names that lead elsewhere
 *  xml_damaged        not well-formed
 *  xml_refused        over a limit, or with a DTD
 *  cell_invalid       a cell of no meaning; row and cell say where */
struct xlsx_fault {
  const char *code; /* NULL: none */
  int64_t row;      /* 0: the file as a whole */
  char cell[16];    /* "B7" */
  char detail[256];
};
bool xlsx_is(const char *p, size_t n); /* begins like a ZIP file */
/* sheet NULL: the first that is not hidden. Rows and their numbers are as the sheet shows them; empty ones are not
 * given. Cells are text: numbers in decimal, dates as "2016-10-04 10:41:17", TRUE and FALSE, errors as #N/A.
 * A number or a date that cannot be an id begins with SHEET_INEXACT; a text that is digits only begins with a TAB.
 * A cell merged downwards (over SHEET_ROWS_MAX rows at most) says the same in each row.
 * false with the fault; row() may stop it, that is none. */
bool xlsx_read(const void *p, size_t n, const char *sheet, csv_row_fn *row, void *arg, struct xlsx_fault *fault);

/* Rows out. put() takes the next bytes of the file and may return false: then nothing more is written. */
struct xlsx_writer;
typedef bool xlsx_put_fn(void *arg, const void *p, size_t n);
/* Columns begin each sheet as a row in bold; a sheet that is full goes on in the next one ("orders 2"). */
struct xlsx_writer *xlsx_new(const char *sheet, const char *const *columns, size_t n, xlsx_put_fn *put, void *arg);
void xlsx_rows_max_set(struct xlsx_writer *x, int64_t rows); /* of a sheet, its head among them; for tests */
void xlsx_text(struct xlsx_writer *x, const char *text); /* the next cell of the row; NULL or "": an empty one */
/* Decimal text: as a number where a spreadsheet keeps each of its digits, else as text. */
void xlsx_number(struct xlsx_writer *x, const char *decimal);
bool xlsx_row_end(struct xlsx_writer *x);
bool xlsx_end(struct xlsx_writer *x);            /* false: put() or the size of the file said no */
int64_t xlsx_cut_count(const struct xlsx_writer *x); /* texts that were longer than a cell and were cut */
void xlsx_free(struct xlsx_writer *x);

/* ---- the parts of it ------------------------------------------------------------------------------------------ */
/* xlsx_zip.c: the container. */
struct xlsx_entry {
  const char *name; /* with / between its parts */
  bool is_deflated;
  uint32_t crc;
  size_t head, at, packed, size; /* in the file; inflated */
};
struct xlsx_zip {
  const unsigned char *p;
  size_t n;
  struct xlsx_entry *at;
  size_t entries;
};
bool xlsx_fault_set(struct xlsx_fault *f, const char *code, const char *fmt, ...) PRINTF(3, 4); /* false; the first stays */
bool xlsx_zip_open(struct arena *a, struct xlsx_zip *z, const void *p, size_t n, struct xlsx_fault *f);
const struct xlsx_entry *xlsx_zip_find(const struct xlsx_zip *z, const char *name); /* in any case; NULL */
/* Inflated bytes as they come, at most 64 KiB at once; take() may stop it: that is true too. */
typedef bool xlsx_take_fn(void *arg, const char *p, size_t n, bool is_last);
bool xlsx_zip_read(const struct xlsx_zip *z, const struct xlsx_entry *e, xlsx_take_fn *take, void *arg, struct xlsx_fault *f);

/* xlsx_cell.c: what a cell says. */
enum xlsx_format { XLSX_PLAIN, XLSX_TIME, XLSX_ELAPSED, XLSX_SCIENTIFIC };
enum xlsx_format xlsx_format_builtin(int id);
enum xlsx_format xlsx_format_read(const char *code); /* "yyyy\-mm\-dd;@" */
/* "4.6E+18" in plain decimal; with a fraction, 15 digits, for more are only noise of a binary number. *is_exact: a
 * spreadsheet keeps all digits of such a number. false: not a number. */
bool xlsx_number_put(struct buf *out, const char *v, bool *is_exact);
/* Days since 1900 (or 1904) as local time; elapsed time as hours:minutes:seconds. false: out of what a sheet shows. */
bool xlsx_time_put(struct buf *out, const char *v, enum xlsx_format f, bool from_1904);
/* "BC23" to column 54 (from 0) and row 23; false: no such cell. */
bool xlsx_cell_parse(const char *ref, int *column, int *row);
void xlsx_cell_name(char out[16], int column, int64_t row);
void xlsx_unescape(struct buf *out, const char *s, size_t n); /* _x000D_ */
/* As text of an XML element or attribute; false: only the first units_max UTF-16 units of it. */
bool xlsx_escape(struct buf *out, const char *s, size_t n, size_t units_max);

#endif
