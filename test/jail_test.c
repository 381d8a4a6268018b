/* Work in a process of its own, and workbooks read there. */
#include "edge.h"
#include "lib/zip.h"
#include "test.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static void answer(void *arg)
{
  const char *text = arg;
  jail_put(text, strlen(text));
}

TEST(jail_answers)
{
  struct jail j;
  char got[6] = "";
  char text[] = "hello";
  REQUIRE(jail_open(&j, answer, text));
  CHECK(jail_read(&j, got, 5));
  CHECK(!jail_read(&j, got + 5, 1));
  CHECK_INT(jail_close(&j), JAIL_DONE);
  CHECK_STR(got, "hello");
}

/* Files, descriptors, and what it puts into memory. */
static void try_things(void *arg)
{
  int *shared = arg;
  char got[3] = { 0, 0, 0 };
  got[0] = open("/", O_RDONLY) < 0;
  got[1] = write(STDOUT_FILENO, "x", 1) < 0 && write(STDERR_FILENO, "x", 1) < 0;
  got[2] = dup(STDIN_FILENO) < 0;
  *shared = 7;
  jail_put(got, sizeof got);
}

TEST(jail_can_do_nothing_else)
{
  struct jail j;
  char got[3] = { 0, 0, 0 };
  int mine = 1;
  REQUIRE(jail_open(&j, try_things, &mine));
  CHECK(jail_read(&j, got, sizeof got));
  CHECK_INT(jail_close(&j), JAIL_DONE);
  CHECK(got[0] && got[1] && got[2]);
  CHECK_INT(mine, 1);
}

static void die(void *arg)
{
  jail_put("ab", 2);
  _exit(*(const int *)arg);
}

TEST(jail_end_is_told)
{
  struct jail j;
  char got[3];
  int status = 3;
  REQUIRE(jail_open(&j, die, &status));
  CHECK(!jail_read(&j, got, 3));
  CHECK_INT(jail_close(&j), JAIL_BROKEN);
}

static void talk(void *arg)
{
  (void)arg;
  for (;;) jail_put("endless ", 8);
}

TEST(jail_ends_when_nobody_listens)
{
  struct jail j;
  char got[8];
  REQUIRE(jail_open(&j, talk, NULL));
  CHECK(jail_read(&j, got, 8));
  CHECK_INT(jail_close(&j), JAIL_DONE);
}

/* ---- workbooks --------------------------------------------------------------------------------------------------- */
struct rows_got {
  struct buf text;
  int64_t stop_at;
};

static bool on_row(void *arg, int64_t row, char **cells, size_t n, const char *why)
{
  struct rows_got *r = arg;
  buf_printf(&r->text, "%lld:%s", (long long)row, why ? why : "");
  for (size_t i = 0; i < n; i++) buf_printf(&r->text, "%s|", cells[i]);
  return row != r->stop_at;
}

#define MANY 3000

/* A row for each number, with line ends, nothing in the middle, and one too wide. */
static void many_rows(struct buf *out)
{
  for (int i = 1; i <= MANY; i++)
    buf_printf(out, "<row r=\"%d\"><c t=\"str\"><v>row %d\n\u5f20</v></c><c/><c><v>%d.5</v></c></row>", i * 2, i, i);
  buf_printf(out, "<row><c r=\"ZZ%d\"><v>1</v></c></row>", MANY * 2 + 1);
}

TEST(book_rows_are_the_same_in_a_jail)
{
  struct buf rows = { 0 }, file = { 0 };
  struct rows_got here = { 0 }, there = { 0 };
  struct xlsx_fault f;
  many_rows(&rows);
  book_put(&file, &(struct book_parts){ .rows = rows.data });
  CHECK(xlsx_read(file.data, file.len, NULL, on_row, &here, &f));
  CHECK(book_read(&file, NULL, on_row, &there, &f));
  CHECK(here.text.len > 60000);
  CHECK_MEM(there.text.data, there.text.len, here.text.data, here.text.len);
  there.text.len = 0, there.stop_at = 10;
  CHECK(book_read(&file, "orders", on_row, &there, &f));
  CHECK_MEM(there.text.data, there.text.len, here.text.data, there.text.len);
  CHECK(there.text.len > 50 && there.text.len < 200);
  buf_release(&rows), buf_release(&file), buf_release(&here.text), buf_release(&there.text);
}

TEST(book_faults_are_the_same_in_a_jail)
{
  static const char *const rows[] = { "<row><c t=\"s\"><v>1</v></c></row>", "<!DOCTYPE x><x/>", "<row>", "<row r=\"x\"/>" };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct buf file = { 0 };
    struct rows_got r = { 0 };
    struct xlsx_fault here, there;
    book_put(&file, &(struct book_parts){ .rows = rows[i] });
    CHECK(!xlsx_read(file.data, file.len, NULL, on_row, &r, &here));
    CHECK(!book_read(&file, NULL, on_row, &r, &there));
    CHECK_INT(r.text.len, 0);
    CHECK_STR(there.code, here.code);
    CHECK_STR(there.detail, here.detail);
    CHECK_STR(there.cell, here.cell);
    CHECK_INT(there.row, here.row);
    buf_release(&file);
  }
}
