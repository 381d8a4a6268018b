/* domain/view.h: part of layer 4. What search.c and the view files share among themselves; not for other
 * layers. */
#ifndef ORDERD_DOMAIN_VIEW_H
#define ORDERD_DOMAIN_VIEW_H
#include "store.h"

/* ---- search: what a person typed, and does an order hold it? ------------------------------------
 * Every blank-separated word must be found in the order: in a name, in the address, in a SKU, or as the
 * whole or the last four digits of a phone. Words of letters and digits are found whole, the last one also as
 * the beginning of a longer one; in scripts without blanks any part is found. Who may see masked data only
 * finds by SKU and last four. */
#define SEARCH_TEXT_MAX 200 /* code points */
#define SEARCH_WORDS_MAX 16
struct search_word {
  const char *text;  /* folded */
  char last4[5];     /* the word may be a phone or its last four digits; else "" */
  bool is_phone;     /* more than the last four */
  bool open;         /* the last one: more letters may follow */
};
struct search_query {
  struct search_word word[SEARCH_WORDS_MAX];
  int n;
  bool full;         /* may be found by name, address and whole phone */
  const char *exact; /* trimmed and in normal form: an order, channel or tracking number */
  const char *expr;  /* for the index; NULL: nothing in it can be asked for */
  bool open;         /* asks the index for all terms with a beginning: look at the newest orders first */
};
bool search_parse(struct arena *a, const char *q, bool full, struct search_query *out, const char **why);
char *search_sku_expr(struct arena *a, const char *sku); /* NULL: a SKU without a letter or digit */
/* Rows of one column, ids of orders <= from, newest first (or >= from, oldest first). */
struct stmt *search_open(struct db *db, const char *expr, bool down, int64_t from);

#define SEARCH_COLS                                                                                      \
  "receiver_name, buyer_name, receiver_phone, buyer_phone, country, province, city, district, town, address"
#define SEARCH_COLS_N 10
struct search_order {
  const char *receiver_name, *buyer_name, *receiver_phone, *buyer_phone, *country;
  const char *place[5]; /* province city district town address */
};
/* The columns of SEARCH_COLS from `at` on; the texts live until the statement's next step. */
void search_read(struct stmt *s, int at, struct search_order *o);
bool search_hit(struct db *db, struct arena *a, const struct search_query *q, int64_t order_id,
                const struct search_order *o);

/* ---- lists: pages by keyset ---------------------------------------------------------------------
 * A cursor is opaque to others: the list and sort it belongs to, the last row's key and id, a checksum. */
struct cursor {
  int64_t key, id;
};
#define LIST_LIMIT_DEFAULT 50
#define LIST_BYTES_MAX (2u << 20) /* after so many a page of orders ends early, with a cursor */
#define LIST_LOOK_MAX 100000 /* rows that a page looks at in vain before it ends early, with a cursor */
char *cursor_text(struct arena *a, char list, struct cursor c);
bool cursor_parse(const char *text, char list, struct cursor *c);
/* What every list checks: the limit (0: default) and the cursor (NULL: none). */
enum err list_begin(struct arena *a, char list, const char *cursor, int *limit, struct cursor *from,
                    const char **why);
/* {"data":[ … written between … ],"next":…} */
void list_open(struct jw *w, struct buf *out);
void list_close(struct jw *w, const char *next);

/* SQL put together from fixed pieces, its values bound: "$1" is written and the value kept at once. */
#define SQL_ARGS_MAX 64
struct sql {
  struct buf text;
  struct {
    const char *text; /* NULL: the number */
    int64_t number;
  } arg[SQL_ARGS_MAX];
  int n;
};
void sql_piece(struct sql *q, const char *fixed);
void sql_int(struct sql *q, const char *before, int64_t v, const char *after);
void sql_text(struct sql *q, const char *before, const char *v, const char *after);
/* Prepared and bound; afterwards stmt_drop and sql_release. */
struct stmt *sql_prepare(struct db *db, struct sql *q);
void sql_release(struct sql *q);

/* ---- pieces of answers ----------------------------------------------------------------------- */
void jw_kraw(struct jw *w, const char *key, const char *json);      /* NULL: null */
void jw_ktime_col(struct jw *w, const char *key, struct stmt *s, int col);
/* Event data as it stands, but without the two values that a merge compared, unless they may be seen. */
void jw_event_data(struct jw *w, struct arena *a, const char *data, enum privacy p);
/* One order; every list and the single view write the same row. NOT_FOUND. */
enum err row_order(struct db *db, struct arena *a, const struct status_table *t, int64_t id, enum privacy p,
                   struct jw *w, int64_t *version);
enum err row_exceptions(struct db *db, struct jw *w, int64_t order_id);
enum err row_cases(struct db *db, struct jw *w, int64_t order_id); /* "cases":[…] of an order */
enum err row_fulfilments(struct db *db, struct jw *w, int64_t order_id); /* "fulfilments":[…] of an order */
enum err row_holds(struct db *db, struct arena *a, struct jw *w, int64_t order_id, enum privacy p);
/* What people typed: runs of 7 digits and more become stars, with whatever signs stand between them. */
char *remark_mask(struct arena *a, const char *text);

#endif
