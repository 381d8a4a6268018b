/* sheet.c: from rows to orders: which column is which, which rows belong together, what is refused.
 *
 *   row ─► header? ─► cells ─► damage? ─► same order as the row above? ─► (order ends) ─► given or refused
 *
 * The rows of one order wait in `line`; when the order ends they leave together. */
#include "base.h"

enum { COLUMNS_PER_FIELD = 6, SEEN_FIRST = 1024 };

struct column {
  int at, rank;
};

struct seen { /* an order of this file */
  uint64_t id, content;
};

struct sheet {
  struct sheet_options o;
  sheet_order_fn *order;
  sheet_refuse_fn *refuse;
  void *arg;
  struct arena mem; /* headers and options */

  char **header; /* NULL until it was found */
  size_t header_n;
  struct column column[SHEET_FIELD_N][COLUMNS_PER_FIELD];
  int columns[SHEET_FIELD_N];
  int looked;    /* rows looked at for the header */
  int missing_n; /* of the best candidate */
  int64_t missing_row;
  char *missing;
  bool stopped;

  struct arena rows; /* the waiting order */
  struct sheet_line *line[SHEET_ROWS_MAX];
  size_t lines;
  int64_t lost_row; /* a row that could not be read since the last good one */
  bool beside_lost; /* such a row stands before or behind the waiting order: was it part of it? */
  struct buf json, raw;

  struct seen *seen;
  size_t seen_n, seen_max;
};

/* ---- life --------------------------------------------------------------------------------------- */

struct sheet *sheet_new(const struct sheet_options *o, sheet_order_fn *order, sheet_refuse_fn *refuse,
                        void *arg)
{
  must(order && refuse);
  struct sheet *s = mem_new(sizeof(*s));
  s->o = *o, s->order = order, s->refuse = refuse, s->arg = arg;
  s->o.channel = arena_str(&s->mem, o->channel);
  s->o.currency = arena_str(&s->mem, o->currency);
  s->o.status = arena_str(&s->mem, o->status);
  return s;
}

void sheet_free(struct sheet *s)
{
  if (!s) return;
  arena_release(&s->mem), arena_release(&s->rows);
  buf_release(&s->json), buf_release(&s->raw);
  mem_free(s->seen);
  mem_free(s);
}

/* ---- refusing ----------------------------------------------------------------------------------- */

/* The header of column i; a second column of the same name and one without a name get their number. */
static const char *column_name(struct sheet *s, struct arena *a, size_t i)
{
  if (i >= s->header_n || !*s->header[i]) return arena_printf(a, "#%zu", i + 1);
  for (size_t k = 0; k < i; k++)
    if (!strcmp(s->header[k], s->header[i])) return arena_printf(a, "%s #%zu", s->header[i], i + 1);
  return s->header[i];
}

/* The cells that say something, as an object. */
static void raw_put(struct sheet *s, struct arena *a, char **cells, size_t n)
{
  struct jw w;
  s->raw.len = 0;
  jw_init(&w, &s->raw), jw_object(&w);
  for (size_t i = 0; i < n; i++)
    if (*cells[i]) jw_kstring(&w, column_name(s, a, i), cells[i] + (*cells[i] == SHEET_INEXACT));
  jw_object_end(&w);
}

static void row_refuse(struct sheet *s, struct arena *a, int64_t row, const char *column, const char *code,
                       const char *detail, char **cells, size_t n)
{
  raw_put(s, a, cells, n);
  s->refuse(s->arg, row, column, code, detail, s->raw.data, s->raw.len);
}

static void line_refuse(struct sheet *s, const struct sheet_line *l)
{
  row_refuse(s, &s->rows, l->row, l->column, l->code, l->detail, l->raw, l->raw_n);
}

/* ---- the header --------------------------------------------------------------------------------- */

static bool has(const struct sheet *s, enum sheet_field f)
{
  return s->columns[f] > 0;
}

static void column_add(struct sheet *s, enum sheet_field f, int at, int rank)
{
  int n = s->columns[f];
  if (n == COLUMNS_PER_FIELD) return;
  for (; n > 0 && s->column[f][n - 1].rank > rank; n--) s->column[f][n] = s->column[f][n - 1];
  s->column[f][n] = (struct column){ at, rank };
  s->columns[f]++;
}

static const char *header_text(struct arena *a, const char *raw)
{
  const char *text = sheet_cell_read(a, raw, true).text;
  return text ? text : "";
}

static void columns_read(struct sheet *s, struct arena *a, char **cells, size_t n)
{
  bool has_line_items = false;
  for (size_t i = 0; i < n; i++) has_line_items = has_line_items || sheet_is_line_item(a, cells[i]);
  memset(s->columns, 0, sizeof(s->columns));
  for (size_t i = 0; i < n; i++) {
    int rank;
    enum sheet_field f = sheet_field_of(a, header_text(a, cells[i]), has_line_items, &rank);
    if (f < SHEET_FIELD_N) column_add(s, f, (int)i, rank);
  }
  if (!has(s, SHEET_ORDER_NO) && has(s, SHEET_ORDER_NAME)) { /* the only number there is */
    memcpy(s->column[SHEET_ORDER_NO], s->column[SHEET_ORDER_NAME], sizeof(s->column[0]));
    s->columns[SHEET_ORDER_NO] = s->columns[SHEET_ORDER_NAME], s->columns[SHEET_ORDER_NAME] = 0;
  }
}

/* What a sheet must say; any one field of a row is enough. */
static const struct {
  const char *name;
  enum sheet_field fields[4];
  int n;
} needs[] = {
  { "order number", { SHEET_ORDER_NO }, 1 },
  { "time of the order", { SHEET_PLACED_AT, SHEET_PAID_AT }, 2 },
  { "SKU or title", { SHEET_SKU, SHEET_TITLE }, 2 },
  { "quantity", { SHEET_QUANTITY }, 1 },
  { "amount", { SHEET_TOTAL, SHEET_PAID, SHEET_GOODS, SHEET_PRICE }, 4 },
};

static int missing_count(const struct sheet *s, struct buf *names)
{
  int missing = 0;
  for (size_t i = 0; i < COUNT(needs); i++) {
    bool any = false;
    for (int k = 0; k < needs[i].n; k++) any = any || has(s, needs[i].fields[k]);
    if (any) continue;
    buf_printf(names, "%s%s", missing++ ? ", " : "", needs[i].name);
  }
  return missing;
}

static void header_keep(struct sheet *s, char **cells, size_t n)
{
  s->header = arena_array(&s->mem, char *, n);
  s->header_n = n;
  for (size_t i = 0; i < n; i++) s->header[i] = arena_str(&s->mem, header_text(&s->mem, cells[i]));
}

static void header_give_up(struct sheet *s)
{
  const char *why =
    s->missing ? arena_printf(&s->mem, "The headers do not say: %s", s->missing) : "The file has no rows";
  s->stopped = true;
  s->refuse(s->arg, s->missing_row, "", "header_unknown", why, "{}", 2);
}

/* Titles and notes may stand above the header, so some rows are tried. */
static bool header_try(struct sheet *s, int64_t row, char **cells, size_t n)
{
  struct arena a = { 0 };
  struct buf names = { 0 };
  columns_read(s, &a, cells, n);
  int missing = missing_count(s, &names);
  if (!missing) {
    header_keep(s, cells, n);
  } else {
    if (!s->missing || missing < s->missing_n) {
      s->missing = arena_strn(&s->mem, names.data, names.len);
      s->missing_n = missing, s->missing_row = row;
    }
    if (++s->looked == SHEET_PREAMBLE_MAX) header_give_up(s);
  }
  buf_release(&names);
  arena_release(&a);
  return !s->stopped;
}

/* ---- orders seen ---------------------------------------------------------------------------------- */

static struct seen *seen_slot(struct seen *table, size_t max, uint64_t id)
{
  size_t i = (size_t)(id & (max - 1));
  while (table[i].id && table[i].id != id) i = (i + 1) & (max - 1);
  return &table[i];
}

static void seen_grow(struct sheet *s)
{
  size_t max = s->seen_max ? s->seen_max * 2 : SEEN_FIRST;
  struct seen *table = mem_new(max * sizeof(*table));
  for (size_t i = 0; i < s->seen_max; i++)
    if (s->seen[i].id) *seen_slot(table, max, s->seen[i].id) = s->seen[i];
  mem_free(s->seen);
  s->seen = table, s->seen_max = max;
}

/* Notes an order; false when it stood in the file before with other content. */
static bool seen_add(struct sheet *s, const char *order_no, uint64_t content)
{
  if (s->seen_n * 2 >= s->seen_max) seen_grow(s);
  uint64_t id = hash64(order_no, strlen(order_no), 1) | 1;
  struct seen *slot = seen_slot(s->seen, s->seen_max, id);
  if (slot->id) return slot->content == content;
  *slot = (struct seen){ id, content };
  s->seen_n++;
  return true;
}

/* ---- one order ends --------------------------------------------------------------------------------- */

static void line_fault(struct sheet_line *l, const char *column, const char *code, const char *detail)
{
  if (l->code) return; /* the first fault of a row is told */
  l->column = column, l->code = code, l->detail = detail;
}

static const char *order_no_of(const struct sheet_line *l)
{
  const struct sheet_cell *c = &l->cell[SHEET_ORDER_NO];
  return sheet_cell_damaged(c) || sheet_cell_error(c) ? NULL : c->text;
}

static bool order_give(struct sheet *s)
{
  struct sheet_line *first = s->line[0];
  const char *order_no = order_no_of(first), *column = first->cell[SHEET_ORDER_NO].column;
  for (size_t i = 0; i < s->lines; i++)
    if (s->line[i]->code) {
      if (order_no) seen_add(s, order_no, 0);
      return false;
    }
  s->json.len = 0;
  bool has_status = has(s, SHEET_STATUS) || has(s, SHEET_PAY_STATUS) || has(s, SHEET_FULFIL_STATUS);
  bool adds_up, ok = sheet_order_put(&s->rows, &s->o, has_status, s->line, s->lines, &s->json, &adds_up);
  if (ok && s->beside_lost && !adds_up)
    line_fault(first, "", "row_lost",
               "The row above or below could not be read, and without it the amounts do not add up"),
      ok = false;
  if (s->seen_n >= SHEET_ORDERS_MAX)
    line_fault(first, "", "too_many_rows", "The file has too many orders; cut it into several"), ok = false;
  else if (!seen_add(s, order_no, ok ? hash64(s->json.data, s->json.len, 1) | 1 : 0) && ok)
    line_fault(first, column, "id_repeated",
               "This order stands further up with other content; put its rows together"),
      ok = false;
  if (ok) s->order(s->arg, first->row, s->json.data, s->json.len);
  return ok;
}

static void order_refuse(struct sheet *s)
{
  int64_t why = 0;
  for (size_t i = 0; i < s->lines && !why; i++)
    if (s->line[i]->code) why = s->line[i]->row;
  for (size_t i = 0; i < s->lines; i++) {
    line_fault(s->line[i], "", "order_refused",
               arena_printf(&s->rows, "Row %lld of the same order was refused", (long long)why));
    line_refuse(s, s->line[i]);
  }
}

static void order_end(struct sheet *s)
{
  if (!s->lines) return;
  if (!order_give(s)) order_refuse(s);
  s->lines = 0, s->beside_lost = false;
  arena_reset(&s->rows);
}

/* ---- rows --------------------------------------------------------------------------------------- */

static bool is_number_field(enum sheet_field f)
{
  static const enum sheet_field texts[] = { SHEET_NAME,       SHEET_ADDRESS,      SHEET_ADDRESS_MORE,
                                            SHEET_BUYER_NAME, SHEET_BUYER_REMARK, SHEET_SELLER_REMARK,
                                            SHEET_TITLE,      SHEET_SPEC,         SHEET_REGION };
  for (size_t i = 0; i < COUNT(texts); i++)
    if (texts[i] == f) return false;
  return true;
}

/* Fields that are compared byte for byte: no full-width digits, nothing invisible. */
static bool is_id_field(enum sheet_field f)
{
  return f == SHEET_ORDER_NO || f == SHEET_ORDER_NAME || f == SHEET_LINE_ID || f == SHEET_SKU ||
         f == SHEET_BUYER_ID;
}

static struct sheet_cell field_read(struct sheet *s, enum sheet_field f, char **cells, size_t n)
{
  struct sheet_cell c = { 0 };
  for (int k = 0; k < s->columns[f] && !c.text; k++) {
    size_t at = (size_t)s->column[f][k].at;
    if (at < n) c = sheet_cell_read(&s->rows, cells[at], is_number_field(f));
    c.column = s->header[at];
  }
  if (s->columns[f] && !c.text) c.column = s->header[s->column[f][0].at];
  if (c.text && is_id_field(f)) c.text = text_nfkc(&s->rows, c.text);
  if (c.text && !*c.text) c.text = NULL;
  return c;
}

static struct sheet_line *line_read(struct sheet *s, int64_t row, char **cells, size_t n)
{
  struct sheet_line *l = arena_new(&s->rows, struct sheet_line);
  l->row = row, l->raw_n = n;
  l->raw = arena_array(&s->rows, char *, n);
  for (size_t i = 0; i < n; i++) l->raw[i] = arena_str(&s->rows, cells[i]);
  for (int f = 0; f < SHEET_FIELD_N; f++) l->cell[f] = field_read(s, (enum sheet_field)f, l->raw, n);
  if (sheet_cell_damaged(&l->cell[SHEET_BUYER_ID]))
    l->cell[SHEET_BUYER_ID].text = NULL; /* of no use, and not needed */
  return l;
}

static void line_check(struct sheet_line *l)
{
  static const struct {
    enum sheet_field field;
    const char *code, *detail;
  } numbers[] = {
    { SHEET_ORDER_NO, "id_damaged", "A spreadsheet has rounded the order number; export it again as text" },
    { SHEET_LINE_ID, "id_damaged", "A spreadsheet has rounded the line number; export it again as text" },
    { SHEET_PHONE, "phone_damaged", "A spreadsheet has rounded the phone number; export it again as text" },
    { SHEET_SKU, "sku_damaged", "A spreadsheet has rounded the SKU; export it again as text" },
    { SHEET_WAYBILL, "waybill_damaged",
      "A spreadsheet has rounded the tracking number; export it again as text" },
  };
  for (size_t i = 0; i < COUNT(numbers); i++)
    if (sheet_cell_damaged(&l->cell[numbers[i].field]))
      line_fault(l, l->cell[numbers[i].field].column, numbers[i].code, numbers[i].detail);
  for (int f = 0; f < SHEET_FIELD_N; f++)
    if (sheet_cell_error(&l->cell[f]))
      line_fault(l, l->cell[f].column, "cell_error", "The spreadsheet has an error in this cell");
}

/* A row without an order number that says nothing of an order either, only of an item. */
static bool is_item_only(const struct sheet_line *l)
{
  static const enum sheet_field order_fields[] = { SHEET_STATUS,  SHEET_PAY_STATUS, SHEET_PLACED_AT,
                                                   SHEET_PAID_AT, SHEET_NAME,       SHEET_PHONE,
                                                   SHEET_ADDRESS, SHEET_TOTAL,      SHEET_PAID };
  for (size_t i = 0; i < COUNT(order_fields); i++)
    if (l->cell[order_fields[i]].text) return false;
  return l->cell[SHEET_SKU].text || l->cell[SHEET_TITLE].text;
}

static bool same_text(const char *a, const char *b)
{
  return a && b && !strcmp(a, b);
}

static bool is_same_order(const struct sheet *s, const struct sheet_line *l)
{
  if (!s->lines) return false;
  const struct sheet_cell *above = s->line[0]->cell, *here = l->cell;
  const char *no_above = above[SHEET_ORDER_NO].text, *no_here = here[SHEET_ORDER_NO].text;
  if (no_above && no_here) return !strcmp(no_above, no_here);
  return same_text(above[SHEET_ORDER_NAME].text, here[SHEET_ORDER_NAME].text) ||
         (!no_here && is_item_only(l));
}

static void line_add(struct sheet *s, struct sheet_line *l, bool goes_on)
{
  if (s->lost_row && goes_on)
    line_fault(l, "", "row_lost",
               arena_printf(&s->rows, "Row %lld among the rows of this order could not be read",
                            (long long)s->lost_row));
  if (s->lost_row && !goes_on) s->beside_lost = true;
  if (!goes_on && !l->cell[SHEET_ORDER_NO].text)
    line_fault(l, l->cell[SHEET_ORDER_NO].column, "id_missing", "The row has no order number");
  line_check(l);
  s->line[s->lines++] = l;
  s->lost_row = 0;
}

static void row_take(struct sheet *s, int64_t row, char **cells, size_t n)
{
  struct sheet_line *l = line_read(s, row, cells, n);
  bool goes_on = is_same_order(s, l), is_full = s->lines == SHEET_ROWS_MAX;
  if (goes_on && is_full) line_fault(s->line[0], "", "too_many_rows", "The order has too many rows");
  if (s->lines && (!goes_on || is_full)) { /* the rest of too long an order is then refused as repeated */
    order_end(s);
    l = line_read(s, row, cells, n); /* the memory of the rows went with the order */
    goes_on = false;
  }
  line_add(s, l, goes_on);
}

static void row_lose(struct sheet *s, int64_t row, const char *code, const char *why, char **cells, size_t n)
{
  struct arena a = { 0 };
  s->lost_row = row;
  s->beside_lost = s->lines > 0;
  row_refuse(s, &a, row, "", code, why, cells, n);
  arena_release(&a);
}

bool sheet_row(void *sheet, int64_t row, char **cells, size_t n, const char *why)
{
  struct sheet *s = sheet;
  if (s->stopped) return false;
  if (!cells) {
    row_lose(s, row, "bad_row", why, NULL, 0);
    return true;
  }
  size_t used = n;
  while (used && !*cells[used - 1]) used--;
  if (!used) return true;
  if (!s->header) return header_try(s, row, cells, n);
  n = used;
  if (n > s->header_n)
    row_lose(s, row, "too_many_cells",
             "The row has more cells than there are headers; is a comma without quotes in it?", cells, n);
  else row_take(s, row, cells, n);
  return true;
}

void sheet_end(struct sheet *s)
{
  if (s->stopped) return;
  if (s->header) order_end(s);
  else header_give_up(s);
  s->stopped = true;
}
