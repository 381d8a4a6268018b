/* poll_rows.c: which rows a walk through pages has brought already. A platform that gives the same page for ever, or an
 * earlier page for a later one, brings nothing new: that is how it is noticed, whatever else differs in its answers. */
#include "edge.h"

enum { ROWS_FIRST = 256 };

void rows_release(struct rows_seen *s)
{
  mem_free(s->at);
  *s = (struct rows_seen){ 0 };
}

void rows_clear(struct rows_seen *s)
{
  if (s->cap > 64 * ROWS_FIRST) rows_release(s);
  else if (s->n) memset(s->at, 0, s->cap * sizeof *s->at);
  s->n = 0;
}

bool rows_has(const struct rows_seen *s, uint64_t row)
{
  if (!s->n) return false;
  for (size_t i = row & (s->cap - 1); s->at[i]; i = (i + 1) & (s->cap - 1))
    if (s->at[i] == row) return true;
  return false;
}

static void rows_grow(struct rows_seen *s)
{
  struct rows_seen grown = { .cap = s->cap ? 2 * s->cap : ROWS_FIRST };
  grown.at = mem_new(grown.cap * sizeof *grown.at);
  for (size_t i = 0; i < s->cap; i++)
    if (s->at[i]) rows_add(&grown, s->at[i]);
  mem_free(s->at);
  *s = grown;
}

bool rows_add(struct rows_seen *s, uint64_t row)
{
  if (2 * s->n >= s->cap) rows_grow(s);
  row += !row; /* 0 marks a free place */
  size_t i = row & (s->cap - 1);
  for (; s->at[i]; i = (i + 1) & (s->cap - 1))
    if (s->at[i] == row) return false;
  s->at[i] = row, s->n++;
  return true;
}
