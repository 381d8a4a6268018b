/* view_list.c: lists of orders. First the ids of one page, by the way that fits the filters; then their rows.
 *
 *   q or sku      the search index gives candidates, newest (or oldest) first; each is checked
 *   exception     the open exceptions give the orders
 *   few days      the index of placed_at gives the orders
 *   statuses      a walk per status, put together by id
 *   else          a walk in the order of the sort
 *
 * A walk looks at LIST_LOOK_MAX orders per page and a search at SEARCH_LOOK_MAX: then the page ends early,
 * with a cursor, instead of keeping its reader busy. */
#include "domain.h"
#include <stdlib.h>

#define SEARCH_LOOK_MAX 20000 /* candidates that are checked for one page */
/* A beginning that very many terms have costs the index much and a look at the newest orders little: when of
 * SEARCH_SAMPLE newest ones at least every SEARCH_RARE-th is a hit, the look goes on. */
#define SEARCH_SAMPLE 300
#define SEARCH_RARE 50
#define SEARCH_FRESH 3000
#define SEARCH_SORT_MAX 2000  /* matches that can be sorted otherwise than by id */
#define SEARCH_EXTRA_MAX 2000 /* exact numbers, and orders whose words changed */
#define EXACT_MAX 200         /* orders that bear one number or tracking number */
#define FEW_DAYS_ROWS 20000   /* of an interval of time that is read and sorted */
#define SOME_DAYS_ROWS 500000 /* of one whose first and last id are looked up, to walk between them */

enum sort { SORT_ID_DOWN, SORT_ID_UP, SORT_PLACED_DOWN, SORT_PLACED_UP, SORT_DUE };
static const struct {
  const char *name, *column;
  bool down;
  char list; /* in cursors */
} sort_table[] = {
  [SORT_ID_DOWN] = { "-id", "id", true, 'a' },
  [SORT_ID_UP] = { "id", "id", false, 'b' },
  [SORT_PLACED_DOWN] = { "-placed_at", "placed_at", true, 'c' },
  [SORT_PLACED_UP] = { "placed_at", "placed_at", false, 'd' },
  [SORT_DUE] = { "due_at", "due_at", false, 'e' },
};

struct hit {
  int64_t key, id;
};
struct list {
  struct db *db;
  struct arena *mem;
  const struct status_table *t;
  const struct order_filter *f;
  enum sort sort;
  bool by_id, down;
  int64_t channel_id;
  const char *status[STATUS_MAX];
  int statuses;  /* 0: all */
  bool none;     /* the filters exclude each other: an empty list */
  bool searches; /* q or sku */
  struct search_query query;
  bool has_query;
  const char *expr; /* for the index: q and sku */
  bool few_days;
  int64_t low_id, high_id; /* 0: not known */
  struct cursor from;
  bool has_cursor;
  int limit;
  struct hit *hit;
  int hits, room;
  bool early; /* the page ended early, after this one: */
  struct hit edge;
  const char *why;
};

/* ---- what was asked for ---------------------------------------------------------------------- */
static enum err refuse(struct list *l, const char *why)
{
  l->why = why;
  return ERR_BAD_REQUEST;
}

static enum err ask_sort(struct list *l)
{
  const char *name = l->f->sort ? l->f->sort : "-id";
  for (size_t i = 0; i < COUNT(sort_table); i++) {
    if (strcmp(name, sort_table[i].name) != 0) continue;
    l->sort = (enum sort)i, l->down = sort_table[i].down, l->by_id = i <= SORT_ID_UP;
    return ERR_OK;
  }
  return refuse(l, "sort is one of -id, id, -placed_at, placed_at, due_at");
}

static bool status_listed(const struct list *l, const char *name)
{
  for (int i = 0; i < l->statuses; i++)
    if (!strcmp(l->status[i], name)) return true;
  return false;
}

/* "paid,split" */
static enum err ask_status(struct list *l)
{
  if (!l->f->status) return ERR_OK;
  for (const char *p = l->f->status;;) {
    size_t n = strcspn(p, ",");
    int at = status_find(l->t, arena_strn(l->mem, p, n));
    if (at < 0)
      return refuse(l, arena_printf(l->mem, "there is no status \"%.*s\"", (int)(n < 40 ? n : 40), p));
    if (!status_listed(l, l->t->stage[at].name)) l->status[l->statuses++] = l->t->stage[at].name;
    if (!p[n]) return ERR_OK;
    p += n + 1;
  }
}

/* The statuses that this owner has to move on. */
static enum err ask_owner(struct list *l)
{
  const char *owned[STATUS_MAX];
  int n = 0;
  unsigned roles;
  if (!l->f->owner) return ERR_OK;
  if (!roles_parse(l->f->owner, &roles) && strncmp(l->f->owner, "user:", 5) != 0)
    return refuse(l, "owner is a role or user:NAME");
  for (int i = 0; i < l->t->stages; i++) {
    const struct stage *g = &l->t->stage[i];
    if (!strcmp(g->owner, l->f->owner) && (!l->statuses || status_listed(l, g->name))) owned[n++] = g->name;
  }
  memcpy(l->status, owned, sizeof *owned * (size_t)n);
  l->statuses = n;
  l->none |= !n;
  return ERR_OK;
}

static enum err ask_channel(struct list *l)
{
  static const char SQL[] = "SELECT id FROM channels WHERE name = $1";
  if (!l->f->channel) return ERR_OK;
  struct stmt *s = db_stmt(l->db, SQL);
  stmt_text(s, 1, l->f->channel);
  l->channel_id = stmt_row(s) ? stmt_col_int(s, 0) : 0;
  l->none |= !l->channel_id;
  return stmt_end(s);
}

static enum err ask_search(struct list *l, enum privacy p)
{
  const char *sku = NULL;
  if (l->f->q) {
    if (!search_parse(l->mem, l->f->q, p == SHOW_FULL || l->f->finds_all, &l->query, &l->why))
      return ERR_BAD_REQUEST;
    l->has_query = *l->query.exact != 0;
  }
  if (l->f->sku) {
    size_t n = strlen(l->f->sku);
    if (n > SEARCH_TEXT_MAX * 4 || !utf8_valid(l->f->sku, n))
      return refuse(l, "sku is too long or not UTF-8");
    sku = search_sku_expr(l->mem, l->f->sku);
  }
  const char *q = l->has_query ? l->query.expr : NULL;
  l->expr = q && sku ? arena_printf(l->mem, "%s AND %s", q, sku) : q ? q : sku;
  l->searches = l->has_query || sku;
  return ERR_OK;
}

/* How to walk by id through an interval of placed_at: a short one is read whole and sorted; of a longer one
 * only the ids between its first and last are looked at. */
static enum err ask_days(struct list *l)
{
  static const char SQL[] =
    "SELECT count(*), min(id), max(id) FROM"
    " (SELECT id FROM orders WHERE placed_at >= $1 AND placed_at < $2 ORDER BY placed_at LIMIT $3) t";
  if (!l->by_id || (!l->f->from && !l->f->to)) return ERR_OK;
  struct stmt *s = db_stmt(l->db, SQL);
  stmt_int(s, 1, l->f->from), stmt_int(s, 2, l->f->to ? l->f->to : INT64_MAX), stmt_int(s, 3, SOME_DAYS_ROWS);
  int64_t n = stmt_row(s) ? stmt_col_int(s, 0) : 0;
  l->few_days = n < FEW_DAYS_ROWS;
  if (!l->few_days && n < SOME_DAYS_ROWS) l->low_id = stmt_col_int(s, 1), l->high_id = stmt_col_int(s, 2);
  return stmt_end(s);
}

static enum err list_ask(struct list *l, enum privacy p)
{
  TRY(ask_sort(l));
  TRY(list_begin(l->mem, sort_table[l->sort].list, l->f->cursor, &l->limit, &l->from, &l->why));
  l->has_cursor = l->f->cursor != NULL;
  TRY(ask_status(l));
  TRY(ask_owner(l));
  TRY(ask_channel(l));
  TRY(ask_search(l, p));
  return ask_days(l);
}

/* ---- the filters as SQL ---------------------------------------------------------------------- */
static void put_overdue(struct sql *q, int overdue)
{
  if (!overdue) return;
  sql_piece(q, overdue > 0 ? " AND EXISTS" : " AND NOT EXISTS");
  sql_piece(q, " (SELECT 1 FROM exceptions x WHERE x.order_id = o.id AND x.state = 'open'"
               " AND x.type = 'overdue:' || o.status)");
}

static void put_held(struct sql *q, int held)
{
  if (!held) return;
  sql_piece(q, held > 0 ? " AND o.id IN (SELECT h.order_id FROM holds h)"
                        : " AND NOT EXISTS (SELECT 1 FROM holds h WHERE h.order_id = o.id)");
}

static void put_warehouse(struct sql *q, const char *code)
{
  if (!code) return;
  sql_text(
    q,
    " AND EXISTS (SELECT 1 FROM fulfilment_lines fl JOIN fulfilments f ON f.id = fl.fulfilment_id"
    " JOIN warehouses h ON h.id = f.warehouse_id WHERE fl.order_id = o.id AND f.status <> 'cancelled' AND h.code = ",
    code, ")");
}

/* What an index can serve. */
static void put_bounds(struct list *l, struct sql *q)
{
  const struct order_filter *f = l->f;
  bool placed = !l->by_id || l->few_days;
  if (f->group_id) sql_int(q, " AND o.group_id = ", f->group_id, "");
  if (placed && f->from) sql_int(q, " AND o.placed_at >= ", f->from, "");
  if (placed && f->to) sql_int(q, " AND o.placed_at < ", f->to, "");
  if (l->low_id) sql_int(q, " AND o.id >= ", l->low_id, "");
  if (l->high_id) sql_int(q, " AND o.id <= ", l->high_id, "");
  if (l->sort == SORT_DUE) sql_piece(q, " AND o.due_at IS NOT NULL");
}

/* What is looked at in each order; never the reason to choose an index, so that the way stays ours. */
#define URGENT " (SELECT u.order_id FROM order_wishes u WHERE u.priority <> 0 AND u.priority > 0)"

static void put_checks(struct list *l, struct sql *q, bool with_status)
{
  const struct order_filter *f = l->f;
  bool placed = l->by_id && !l->few_days;
  if (placed && f->from) sql_int(q, " AND o.placed_at >= ", f->from, "");
  if (placed && f->to) sql_int(q, " AND o.placed_at < ", f->to, "");
  if (l->channel_id) sql_int(q, " AND o.channel_id = ", l->channel_id, "");
  for (int i = 0; with_status && i < l->statuses; i++)
    sql_text(q, i ? ", " : " AND o.status IN (", l->status[i], i == l->statuses - 1 ? ")" : "");
  put_overdue(q, f->overdue), put_held(q, f->held), put_warehouse(q, f->warehouse);
  if (f->exception) {
    sql_text(
      q, " AND EXISTS (SELECT 1 FROM exceptions x WHERE x.order_id = o.id AND x.state = 'open' AND x.type = ",
      f->exception, ")");
  }
  if (f->tag)
    sql_text(q, " AND EXISTS (SELECT 1 FROM order_tags g WHERE g.order_id = o.id AND g.tag = ", f->tag, ")");
  if (f->urgent) sql_piece(q, f->urgent > 0 ? " AND o.id IN" URGENT : " AND o.id NOT IN" URGENT);
  if (f->sku)
    sql_text(q, " AND EXISTS (SELECT 1 FROM lines n WHERE n.order_id = o.id AND n.sku = ", f->sku, ")");
}

/* The orders that open exceptions speak about: few. */
static void put_exceptional(struct list *l, struct sql *q)
{
  sql_piece(
    q, " AND o.id IN (SELECT x.order_id FROM exceptions x WHERE x.state = 'open' AND x.order_id IS NOT NULL");
  if (l->f->exception) sql_text(q, " AND x.type = ", l->f->exception, ")");
  else sql_piece(q, " AND x.type >= 'overdue:' AND x.type < 'overdue;')");
}

static void put_after_cursor(struct list *l, struct sql *q)
{
  if (!l->has_cursor) return;
  if (l->by_id) {
    sql_int(q, l->down ? " AND o.id < " : " AND o.id > ", l->from.id, "");
    return;
  }
  sql_piece(q, l->sort == SORT_DUE ? " AND (o.due_at, o.id)" : " AND (o.placed_at, o.id)");
  sql_int(q, l->down ? " < (" : " > (", l->from.key, ", ");
  sql_int(q, "", l->from.id, ")");
}

static void put_order(struct list *l, struct sql *q)
{
  static const char *const by[] = {
    [SORT_ID_DOWN] = " ORDER BY o.id DESC",
    [SORT_ID_UP] = " ORDER BY o.id",
    [SORT_PLACED_DOWN] = " ORDER BY o.placed_at DESC, o.id DESC",
    [SORT_PLACED_UP] = " ORDER BY o.placed_at, o.id",
    [SORT_DUE] = " ORDER BY o.due_at, o.id",
  };
  sql_piece(q, by[l->sort]);
}

/* ---- hits ------------------------------------------------------------------------------------ */
static void hit_add(struct list *l, int64_t key, int64_t id)
{
  if (l->hits == l->room) {
    struct hit *more = arena_array(l->mem, struct hit, l->room = l->room ? l->room * 2 : 64);
    if (l->hits) memcpy(more, l->hit, sizeof *more * (size_t)l->hits);
    l->hit = more;
  }
  l->hit[l->hits++] = (struct hit){ key, id };
}

static int hit_up(const void *x, const void *y)
{
  const struct hit *a = x, *b = y;
  if (a->key != b->key) return a->key < b->key ? -1 : 1;
  return (a->id > b->id) - (a->id < b->id);
}

static int hit_down(const void *x, const void *y)
{
  return hit_up(y, x);
}

static void hits_sort(struct list *l)
{
  if (l->hits) qsort(l->hit, (size_t)l->hits, sizeof *l->hit, l->down ? hit_down : hit_up);
}

/* ---- walks ----------------------------------------------------------------------------------- */
static int hit_cmp(const struct list *l, const struct hit *a, const struct hit *b)
{
  return l->down ? hit_down(a, b) : hit_up(a, b);
}

/* Of several walks the one that ended first tells how far the page is whole. */
static void ended_early(struct list *l, struct hit edge)
{
  if (!l->early || hit_cmp(l, &edge, &l->edge) < 0) l->edge = edge;
  l->early = true;
}

static void walk_rows(struct list *l, struct stmt *s, int look_max)
{
  int before = l->hits;
  for (int looked = 0; l->hits - before <= l->limit && stmt_row(s);) {
    struct hit here = { stmt_col_int(s, 1), stmt_col_int(s, 0) };
    if (stmt_col_int(s, 2)) hit_add(l, here.key, here.id);
    else if (++looked == look_max) {
      ended_early(l, here);
      return;
    }
  }
}

/* The checks are a column and not a condition: so every row that was looked at is counted. */
static enum err walk(struct list *l, const char *status, int look_max)
{
  struct sql q = { 0 };
  sql_piece(&q, "SELECT o.id, o.");
  sql_piece(&q, sort_table[l->sort].column);
  sql_piece(&q, ", CASE WHEN 1 = 1");
  put_checks(l, &q, !status);
  sql_piece(&q, " THEN 1 ELSE 0 END FROM orders o WHERE 1 = 1");
  if (status) sql_text(&q, " AND o.status = ", status, "");
  if (l->f->exception || l->f->overdue > 0) put_exceptional(l, &q);
  if (l->f->urgent > 0) sql_piece(&q, " AND o.id IN" URGENT);
  if (l->f->held > 0) put_held(&q, 1);
  put_bounds(l, &q);
  put_after_cursor(l, &q);
  put_order(l, &q);
  struct stmt *s = sql_prepare(l->db, &q);
  walk_rows(l, s, look_max);
  enum err e = stmt_end(s);
  stmt_drop(s);
  sql_release(&q);
  return e;
}

/* A status at a time, so that each is a walk along its own index; put together by id. */
static enum err walk_statuses(struct list *l)
{
  for (int i = 0; i < l->statuses; i++) TRY(walk(l, l->status[i], LIST_LOOK_MAX / l->statuses));
  hits_sort(l);
  while (l->early && l->hits && hit_cmp(l, &l->hit[l->hits - 1], &l->edge) > 0) l->hits--;
  return ERR_OK;
}

/* ---- search: ids in the order of the walk, each checked -------------------------------------- */
struct extra {
  int64_t id;
  bool exact; /* found by its number: nothing more to check but the filters */
};
struct hunt {
  struct list *l;
  struct stmt *one; /* an order by id, with the filters */
  struct arena scratch;
  struct extra extra[SEARCH_EXTRA_MAX];
  int extras, next; /* sorted in the order of the walk */
  bool down;
  int64_t last; /* the id handled last */
  int64_t looked;
  int64_t sample_from, sampled; /* looking at the newest: looked and hits when it began */
  bool sampling;
  int hits_max;
  enum err err;
};

static bool hunt_over(const struct hunt *h)
{
  return h->err || h->l->hits >= h->hits_max || h->looked >= SEARCH_LOOK_MAX;
}

static enum err one_prepare(struct hunt *h)
{
  struct sql q = { 0 };
  sql_piece(&q, "SELECT " SEARCH_COLS ", o.");
  sql_piece(&q, sort_table[h->l->sort].column);
  sql_int(&q, " FROM orders o WHERE o.id = ", 0, "");
  put_bounds(h->l, &q);
  put_checks(h->l, &q, true);
  h->one = sql_prepare(h->l->db, &q);
  sql_release(&q);
  return db_err(h->l->db);
}

static void hunt_check(struct hunt *h, int64_t id, bool exact)
{
  struct list *l = h->l;
  struct search_order o;
  stmt_int(h->one, 1, id);
  if (stmt_row(h->one)) {
    int64_t key = stmt_col_int(h->one, SEARCH_COLS_N);
    search_read(h->one, 0, &o);
    if (exact || !l->has_query || search_hit(l->db, &h->scratch, &l->query, id, &o)) hit_add(l, key, id);
  }
  h->err = stmt_end(h->one);
  h->last = id;
  h->looked++;
  arena_reset(&h->scratch);
}

static bool hunt_before(const struct hunt *h, int64_t a, int64_t b)
{
  return h->down ? a > b : a < b;
}

/* The extras that come before this id in the order of the walk, then (when it is one) the id itself. */
static void hunt_take(struct hunt *h, int64_t id, bool with_id)
{
  while (h->next < h->extras && !hunt_over(h) && !hunt_before(h, id, h->extra[h->next].id)) {
    struct extra *x = &h->extra[h->next++];
    hunt_check(h, x->id, x->exact);
  }
  if (with_id && !hunt_over(h) && h->last != id) hunt_check(h, id, false);
}

static bool sample_over(const struct hunt *h)
{
  int64_t n = h->looked - h->sample_from, hits = h->l->hits - h->sampled;
  return h->sampling && (n >= SEARCH_FRESH || (n >= SEARCH_SAMPLE && hits * SEARCH_RARE < n));
}

/* Orders that the index does not hold yet, or the newest ones as a sample. */
static void hunt_walk(struct hunt *h, int64_t low, int64_t high)
{
  static const char SQL_DOWN[] = "SELECT id FROM orders WHERE id >= $1 AND id <= $2 ORDER BY id DESC";
  static const char SQL_UP[] = "SELECT id FROM orders WHERE id >= $1 AND id <= $2 ORDER BY id";
  if (low > high || hunt_over(h)) return;
  struct stmt *s = db_stmt(h->l->db, h->down ? SQL_DOWN : SQL_UP);
  stmt_int(s, 1, low), stmt_int(s, 2, high);
  while (!hunt_over(h) && !sample_over(h) && stmt_row(s)) hunt_take(h, stmt_col_int(s, 0), true);
  enum err e = stmt_end(s);
  if (!h->err) h->err = e;
}

/* How far the index still has to answer. */
static int64_t hunt_sample(struct hunt *h, int64_t low, int64_t high)
{
  int64_t before = h->looked;
  h->sampling = true, h->sample_from = h->looked, h->sampled = h->l->hits;
  hunt_walk(h, low, high);
  h->sampling = false;
  return h->looked == before ? high : h->last - 1;
}

static void hunt_index(struct hunt *h, int64_t low, int64_t high)
{
  if (low > high || hunt_over(h) || !h->l->expr) return;
  struct stmt *s = search_open(h->l->db, h->l->expr, h->down, h->down ? high : low);
  while (!hunt_over(h) && stmt_row(s)) {
    int64_t id = stmt_col_int(s, 0);
    if (id < low || id > high) break;
    hunt_take(h, id, true);
  }
  enum err e = stmt_end(s);
  if (!h->err) h->err = e;
}

static int extra_up(const void *x, const void *y)
{
  const struct extra *a = x, *b = y;
  if (a->id != b->id) return a->id < b->id ? -1 : 1;
  return b->exact - a->exact; /* of two the exact one first */
}

static int extra_down(const void *x, const void *y)
{
  const struct extra *a = x, *b = y;
  if (a->id != b->id) return a->id > b->id ? -1 : 1;
  return b->exact - a->exact;
}

static void extras_sort(struct hunt *h)
{
  int n = 0;
  qsort(h->extra, (size_t)h->extras, sizeof *h->extra, h->down ? extra_down : extra_up);
  for (int i = 0; i < h->extras; i++)
    if (!n || h->extra[n - 1].id != h->extra[i].id) h->extra[n++] = h->extra[i];
  h->extras = n;
}

static void extras_read(struct hunt *h, struct stmt *s, bool exact, int64_t low, int64_t high)
{
  while (h->extras < SEARCH_EXTRA_MAX && stmt_row(s)) {
    int64_t id = stmt_col_int(s, 0);
    if (id >= low && id <= high) h->extra[h->extras++] = (struct extra){ id, exact };
  }
  enum err e = stmt_end(s);
  if (!h->err) h->err = e;
}

/* Order numbers as they stand on any channel, our own ids, tracking numbers in the case that carriers use. */
static void extras_exact(struct hunt *h, int64_t low, int64_t high)
{
  static const char SQL_NUMBER[] =
    "SELECT id FROM orders WHERE external_id = $1 AND channel_id IN (SELECT id FROM channels) LIMIT $2";
  static const char SQL_TRACKING[] = "SELECT order_id FROM shipments WHERE tracking_no = $1 LIMIT $2";
  static const char SQL_CLAIM[] =
    "SELECT DISTINCT l.order_id FROM claims k JOIN fulfilment_lines l ON l.fulfilment_id = k.fulfilment_id"
    " WHERE k.tracking_no = $1 LIMIT $2";
  static const char SQL_ID[] = "SELECT id FROM orders WHERE id = $1";
  const char *text = h->l->query.exact;
  char *upper = arena_str(h->l->mem, text);
  for (char *p = upper; *p; p++)
    if (*p >= 'a' && *p <= 'z') *p = (char)(*p - 'a' + 'A');
  const struct {
    const char *sql, *text;
  } tries[] = {
    { SQL_NUMBER, text },  { SQL_TRACKING, text },  { SQL_CLAIM, upper },
    { SQL_NUMBER, upper }, { SQL_TRACKING, upper },
  };
  for (size_t i = 0; i < COUNT(tries) && !h->err; i++) {
    if (i >= 3 && !strcmp(text, upper)) break;
    struct stmt *s = db_stmt(h->l->db, tries[i].sql);
    stmt_text(s, 1, tries[i].text), stmt_int(s, 2, EXACT_MAX);
    extras_read(h, s, true, low, high);
  }
  int64_t id;
  if (h->err || !id_parse(text, 'o', &id)) return;
  struct stmt *s = db_stmt(h->l->db, SQL_ID);
  stmt_int(s, 1, id);
  extras_read(h, s, true, low, high);
}

/* The index still has the old words of these. */
static void extras_changed(struct hunt *h, int64_t low, int64_t high)
{
  static const char SQL[] = "SELECT order_id FROM search_todo ORDER BY order_id DESC LIMIT $1";
  struct stmt *s = db_stmt(h->l->db, SQL);
  stmt_int(s, 1, SEARCH_EXTRA_MAX);
  extras_read(h, s, false, low, high);
}

static enum err newest_order(struct db *db, int64_t *id)
{
  static const char SQL[] = "SELECT id FROM orders ORDER BY id DESC LIMIT 1";
  struct stmt *s = db_stmt(db, SQL);
  *id = stmt_row(s) ? stmt_col_int(s, 0) : 0;
  return stmt_end(s);
}

static void hunt_run(struct hunt *h, int64_t low, int64_t high)
{
  struct list *l = h->l;
  int64_t newest = 0, indexed = search_done(l->db);
  bool words = l->expr != NULL; /* nothing but signs: only exact numbers can be meant */
  if (l->has_query) extras_exact(h, low, high);
  if (words && !h->err) extras_changed(h, low, high);
  extras_sort(h);
  if (!h->err) h->err = newest_order(l->db, &newest);
  if (high > newest) high = newest;
  int64_t walk_low = indexed >= low ? indexed + 1 : low, index_high = indexed < high ? indexed : high;
  if (words && h->down) hunt_walk(h, walk_low, high);
  if (words && h->down && l->query.open) index_high = hunt_sample(h, low, index_high);
  if (words) hunt_index(h, low, index_high);
  if (words && !h->down) hunt_walk(h, walk_low, high);
  hunt_take(h, h->down ? low : high, false);
}

static enum err hunt_ids(struct list *l, bool down, int hits_max, bool *cut)
{
  struct hunt *h = arena_new(l->mem, struct hunt);
  *h = (struct hunt){ .l = l, .down = down, .hits_max = hits_max };
  bool cursor = l->has_cursor && l->by_id;
  h->err = one_prepare(h);
  if (!h->err)
    hunt_run(h, cursor && !down ? l->from.id + 1 : 1, cursor && down ? l->from.id - 1 : INT64_MAX - 1);
  *cut = h->looked >= SEARCH_LOOK_MAX && l->hits < hits_max;
  if (*cut) ended_early(l, (struct hit){ h->last, h->last });
  stmt_drop(h->one);
  arena_release(&h->scratch);
  return h->err;
}

/* Sorted otherwise than by id: all matches are gathered, then the page is cut out of them. */
static enum err hunt_sorted(struct list *l)
{
  bool cut;
  TRY(hunt_ids(l, true, SEARCH_SORT_MAX + 1, &cut));
  if (cut || l->hits > SEARCH_SORT_MAX)
    return refuse(l, "too many orders match to sort them this way: ask for more words, or sort by -id");
  hits_sort(l);
  int n = 0;
  struct hit from = { l->from.key, l->from.id };
  for (int i = 0; i < l->hits && n <= l->limit; i++)
    if (!l->has_cursor || hit_cmp(l, &l->hit[i], &from) > 0) l->hit[n++] = l->hit[i];
  l->hits = n;
  return ERR_OK;
}

static enum err list_find(struct list *l)
{
  bool cut;
  if (l->none) return ERR_OK;
  if (l->searches) return l->by_id ? hunt_ids(l, l->down, l->limit + 1, &cut) : hunt_sorted(l);
  bool small = l->f->group_id || l->f->exception || l->f->overdue > 0 || l->f->urgent > 0 || l->f->held > 0 ||
               l->few_days;
  return l->by_id && !small && l->statuses ? walk_statuses(l) : walk(l, NULL, LIST_LOOK_MAX);
}

/* ---- the answer ------------------------------------------------------------------------------ */
/* n: rows that were written. */
static const char *list_next(struct list *l, int n)
{
  if (l->hits <= n && !l->early) return NULL;
  struct hit last = l->hits > n ? l->hit[n - 1] : l->edge;
  return cursor_text(l->mem, sort_table[l->sort].list, (struct cursor){ last.key, last.id });
}

/* Orders of many long lines fill a page by their bytes: it has one of them at least. */
static enum err list_write(struct list *l, enum privacy p, struct buf *out, const char **next)
{
  struct jw w;
  size_t from = out->len;
  int n = 0;
  list_open(&w, out);
  for (; n < l->hits && n < l->limit && out->len - from < LIST_BYTES_MAX; n++)
    TRY(row_order(l->db, l->mem, l->t, l->hit[n].id, p, &w, NULL));
  *next = list_next(l, n);
  list_close(&w, *next);
  return ERR_OK;
}

enum err view_orders(struct db *db, struct arena *a, const struct status_table *t,
                     const struct order_filter *f, enum privacy p, struct buf *out, const char **next,
                     const char **why)
{
  struct list l = { .db = db, .mem = a, .t = t, .f = f, .limit = f->limit };
  *next = *why = NULL;
  enum err e = list_ask(&l, p);
  if (!e) e = list_find(&l);
  *why = l.why;
  if (e) return e;
  return list_write(&l, p, out, next);
}
