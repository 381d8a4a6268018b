/* zip.h: ZIP files and workbooks for tests, right ones and wrong ones. */
#ifndef ORDERD_TEST_ZIP_H
#define ORDERD_TEST_ZIP_H
#include "base.h"

struct zip_part {
  const char *name, *data;
  size_t n;        /* 0: data ends with a NUL */
  bool stored;     /* else deflated */
  bool follows;    /* sizes stand behind the data */
  bool zip64;      /* sizes stand in extra fields */
  uint32_t flags;  /* more of them */
  uint32_t method; /* said instead of the true one; 0: the true one */
  uint32_t mode;   /* Unix mode */
  int64_t size;    /* said in directory and head instead of the true one; 0: the true one */
};
struct zip_end { /* what the end says instead of the truth; 0: the truth */
  int64_t entries, at;
  bool zip64;            /* an end of that kind, too */
  int64_t zip64_entries; /* said there */
};
void zip_put(struct buf *out, const struct zip_part *part, size_t n, const struct zip_end *end);

/* A workbook: the inside of sheetData (or a whole worksheet, when it begins with "<?" or "<w"), of sst and of
 * styleSheet; NULL: no such part. */
struct book_parts {
  const char *rows, *strings, *styles, *workbook;
};
void book_put(struct buf *out, const struct book_parts *b);
#endif
