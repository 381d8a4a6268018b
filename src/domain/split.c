/* Which place sends what, in how many parcels (domain 7.1). Pure: the same values give the same plan, in whatever
 * order they come.
 *
 *   lines -> made in a factory | counted stock | not counted
 *   counted: lines of the same parts are one want; a choice of warehouses fills every want or it is none
 *   choice:  one warehouse, else all choices of two, of three … (up to SEARCH_MAX warehouses), else one that was
 *            gathered greedily
 *   place by place: parcels, first fit decreasing
 *
 * Wants that share no SKU with others need no search: what a place can give of each is a number, and numbers add up.
 * Those that share one (a kit and its own part, packs of two and of three) are fitted in depth first, in so many steps
 * at most: beyond that a choice counts as one that cannot fill. */
#include "domain.h"
#include <stdlib.h>

#define SEARCH_MAX 12        /* warehouses of which all choices are tried: 4,095 */
#define FIT_STEPS 4000       /* of going back and trying other quantities, in one choice of warehouses */
#define FIT_STEPS_ALL 100000 /* and in all choices together */
#define CROWD_LOOK 32        /* up to so many wants that share SKUs, each step looks ahead */
#define PIECES_MOST 1000000000000000 /* what lies in one place never counts for more: sums stay exact */

enum sort { SORT_COUNTED, SORT_UNCOUNTED, SORT_MADE };

struct item { /* a line; its parts in the order of their SKUs, each SKU once */
  const struct split_line *line;
  size_t index;
  enum sort sort;
  const struct split_part *part;
  size_t parts;
  int64_t left;
};
struct need { /* of one unit */
  size_t sku;
  int64_t quantity;
};
struct want { /* lines that are made of the same parts */
  struct item *item;
  size_t items;
  struct need *need;
  size_t needs;
  int64_t quantity, left;
  int64_t *room; /* per place: units that it could send if it sent nothing else */
  int64_t *x;    /* per place: units that it sends */
  size_t crowd;  /* the first want with which it shares SKUs, itself when alone */
  bool shared;
};
/* A choice of places can only fill when what they have in this row adds up to as much as is needed. */
struct gate {
  const int64_t *row;
  int64_t need;
};
struct step {
  int64_t x, least;
};
struct put { /* so many units of an item from this place */
  const struct item *item;
  int64_t quantity, first, second; /* sizes in the order in which they count */
  int place;
};
struct box {
  int64_t weight, volume;
};
struct work {
  struct arena *a;
  const struct split_rules *r;
  struct item *item;
  size_t items, counted,
    uncounted;               /* counted ones come first, then those that nobody counts, then made ones */
  struct split_place *shelf; /* warehouses, the best first */
  int shelves;
  const struct split_place *factory;
  int64_t *sku, *wanted, *have; /* have: a row per SKU, a column per warehouse */
  size_t skus;
  struct want *want;
  size_t wants;
  struct want **crowd; /* wants that share SKUs, together with those they share with */
  size_t crowded;
  struct gate *gate;
  size_t gates;
  struct step *step;
  int64_t steps;
  int *useful, *set; /* warehouses that have anything; those chosen */
  int useful_n, set_n;
  struct put *put;
  size_t puts;
  struct box *parcel;
  size_t parcels_max, takes_max;
  struct split_plan plan;
};

/* ---- numbers ------------------------------------------------------------------------------------------------------ */

static int64_t times(int64_t x, int64_t y)
{
  int64_t z;
  return __builtin_mul_overflow(x, y, &z) ? INT64_MAX : z;
}

static int64_t plus(int64_t x, int64_t y)
{
  int64_t z;
  return __builtin_add_overflow(x, y, &z) ? INT64_MAX : z;
}

static int64_t least(int64_t x, int64_t y)
{
  return x < y ? x : y;
}

static int cmp(int64_t x, int64_t y)
{
  return (x > y) - (x < y);
}

/* ---- lines -------------------------------------------------------------------------------------------------------- */

static int line_order(const struct split_line *x, const struct split_line *y)
{
  int c = cmp(x->order_id, y->order_id);
  return c ? c : cmp(x->line_no, y->line_no);
}

/* By the number that a row begins with: an id. */
static int id_order(const void *p, const void *q)
{
  return cmp(*(const int64_t *)p, *(const int64_t *)q);
}

/* Those with the most parts, and the bigger packs, come first: what is harder to place is placed first. */
static int parts_order(const struct item *x, const struct item *y)
{
  int c = cmp((int64_t)y->parts, (int64_t)x->parts);
  for (size_t i = 0; !c && i < x->parts; i++) {
    c = cmp(x->part[i].sku_id, y->part[i].sku_id);
    if (!c) c = cmp(y->part[i].quantity, x->part[i].quantity);
  }
  return c;
}

static int item_order(const void *p, const void *q)
{
  const struct item *x = p, *y = q;
  int c = cmp(x->sort, y->sort);
  if (!c && x->sort == SORT_COUNTED) c = parts_order(x, y);
  if (!c && x->sort == SORT_COUNTED) c = cmp(y->left, x->left); /* so that the most lines stay whole */
  return c ? c : line_order(x->line, y->line);
}

static void item_parts(struct work *w, struct item *it)
{
  it->part = it->line->part, it->parts = it->line->parts;
  if (it->parts < 2) return;
  struct split_part *part = arena_array(w->a, struct split_part, it->parts);
  memcpy(part, it->part, it->parts * sizeof *part);
  qsort(part, it->parts, sizeof *part, id_order);
  size_t n = 1;
  for (size_t i = 1; i < it->parts; i++)
    if (part[i].sku_id == part[n - 1].sku_id)
      part[n - 1].quantity = plus(part[n - 1].quantity, part[i].quantity);
    else part[n++] = part[i];
  it->part = part, it->parts = n;
}

static enum sort sort_of(const struct split_line *l)
{
  for (size_t i = 0; i < l->parts; i++) {
    must(l->part[i].quantity > 0);
    if (l->part[i].made) return SORT_MADE;
  }
  return l->parts ? SORT_COUNTED : SORT_UNCOUNTED;
}

static void items_read(struct work *w, const struct split_line *line, size_t lines)
{
  w->item = arena_array(w->a, struct item, lines);
  for (size_t i = 0; i < lines; i++) {
    const struct split_line *l = &line[i];
    must(l->quantity >= 0 && l->weight >= 0 && l->length >= 0 && l->width >= 0 && l->height >= 0 &&
         l->volume >= 0);
    if (!l->quantity) continue;
    struct item *it = &w->item[w->items++];
    *it = (struct item){ .line = l, .index = i, .left = l->quantity, .sort = sort_of(l) };
    if (it->sort == SORT_COUNTED) item_parts(w, it), w->counted++;
    if (it->sort == SORT_UNCOUNTED) w->uncounted++;
  }
  if (w->items > 1) qsort(w->item, w->items, sizeof *w->item, item_order);
}

/* ---- places ------------------------------------------------------------------------------------------------------- */

static int shelf_order(const void *p, const void *q)
{
  const struct split_place *x = p, *y = q;
  int c = cmp(x->distance, y->distance);
  if (!c) c = cmp(x->load, y->load);
  return c ? c : cmp(x->id, y->id);
}

static bool factory_before(const struct split_place *x, const struct split_place *y)
{
  int c = cmp(x->load, y->load);
  if (!c) c = cmp(x->distance, y->distance);
  return (c ? c : cmp(x->id, y->id)) < 0;
}

static void places_read(struct work *w, const struct split_place *place, size_t places)
{
  w->shelf = arena_array(w->a, struct split_place, places);
  for (size_t i = 0; i < places; i++)
    if (!place[i].factory) w->shelf[w->shelves++] = place[i];
    else if (!w->factory || factory_before(&place[i], w->factory)) w->factory = &place[i];
  if (w->shelves > 1) qsort(w->shelf, (size_t)w->shelves, sizeof *w->shelf, shelf_order);
}

/* ---- what is wanted and what is there ------------------------------------------------------------------------------- */

static size_t sku_row(const struct work *w, int64_t id) /* skus: not wanted */
{
  const int64_t *at = bsearch(&id, w->sku, w->skus, sizeof id, id_order);
  return at ? (size_t)(at - w->sku) : w->skus;
}

static void skus_read(struct work *w)
{
  size_t n = 0;
  for (size_t i = 0; i < w->counted; i++) n += w->item[i].parts;
  w->sku = arena_array(w->a, int64_t, n);
  n = 0;
  for (size_t i = 0; i < w->counted; i++)
    for (size_t k = 0; k < w->item[i].parts; k++) w->sku[n++] = w->item[i].part[k].sku_id;
  if (n > 1) qsort(w->sku, n, sizeof *w->sku, id_order);
  for (size_t i = 0; i < n; i++)
    if (!i || w->sku[i] != w->sku[w->skus - 1]) w->sku[w->skus++] = w->sku[i];
  w->wanted = arena_array(w->a, int64_t, w->skus);
}

struct seat { /* a warehouse's column by its id */
  int64_t id;
  int shelf;
};

static void stock_read(struct work *w, const struct split_free *have, size_t have_n)
{
  size_t columns = (size_t)w->shelves;
  struct seat *seat = arena_array(w->a, struct seat, columns);
  for (int s = 0; s < w->shelves; s++) seat[s] = (struct seat){ w->shelf[s].id, s };
  if (columns > 1) qsort(seat, columns, sizeof *seat, id_order);
  w->have = arena_array(w->a, int64_t, w->skus * columns);
  for (size_t i = 0; i < have_n; i++) {
    const struct seat *s = bsearch(&have[i].place_id, seat, columns, sizeof *seat, id_order);
    size_t row = sku_row(w, have[i].sku_id);
    if (!s || row == w->skus || have[i].quantity <= 0) continue;
    int64_t *at = &w->have[row * columns + (size_t)s->shelf];
    *at = least(plus(*at, have[i].quantity), PIECES_MOST);
  }
}

static int64_t units_at(const struct work *w, const struct want *k, int shelf)
{
  int64_t most = PIECES_MOST;
  for (size_t i = 0; i < k->needs; i++)
    most = least(most, w->have[k->need[i].sku * (size_t)w->shelves + (size_t)shelf] / k->need[i].quantity);
  return most;
}

static void want_open(struct work *w, struct item *it)
{
  struct want *k = &w->want[w->wants++];
  *k = (struct want){ .item = it, .needs = it->parts, .crowd = w->wants - 1 };
  k->need = arena_array(w->a, struct need, k->needs);
  k->room = arena_array(w->a, int64_t, w->shelves);
  k->x = arena_array(w->a, int64_t, w->shelves);
  for (size_t i = 0; i < k->needs; i++)
    k->need[i] = (struct need){ sku_row(w, it->part[i].sku_id), it->part[i].quantity };
  for (int s = 0; s < w->shelves; s++) k->room[s] = units_at(w, k, s);
}

static void wants_read(struct work *w)
{
  w->want = arena_array(w->a, struct want, w->counted);
  for (size_t i = 0; i < w->counted; i++) {
    struct item *it = &w->item[i];
    if (!i || parts_order(&w->item[i - 1], it)) want_open(w, it);
    struct want *k = &w->want[w->wants - 1];
    k->items++, k->quantity = plus(k->quantity, it->left);
  }
  for (size_t i = 0; i < w->wants; i++)
    for (size_t n = 0; n < w->want[i].needs; n++) {
      const struct need *need = &w->want[i].need[n];
      w->wanted[need->sku] = plus(w->wanted[need->sku], times(need->quantity, w->want[i].quantity));
    }
}

/* ---- wants that share SKUs -------------------------------------------------------------------------------------------- */

static size_t crowd_of(struct work *w, size_t i)
{
  while (w->want[i].crowd != i) i = w->want[i].crowd = w->want[w->want[i].crowd].crowd;
  return i;
}

static int crowd_order(const void *p, const void *q)
{
  const struct want *x = *(struct want *const *)p, *y = *(struct want *const *)q;
  int c = cmp((int64_t)x->crowd, (int64_t)y->crowd);
  return c ? c : (x > y) - (x < y);
}

static void crowds_find(struct work *w)
{
  if (w->wants < 2) return;
  size_t *user = arena_array(w->a, size_t, w->skus); /* the first want of each SKU, + 1 */
  for (size_t i = 0; i < w->wants; i++)
    for (size_t n = 0; n < w->want[i].needs; n++) {
      size_t *u = &user[w->want[i].need[n].sku];
      if (!*u) *u = i + 1;
      size_t x = crowd_of(w, *u - 1), y = crowd_of(w, i);
      if (x == y) continue;
      w->want[x > y ? x : y].crowd = x < y ? x : y;
      w->want[*u - 1].shared = w->want[i].shared = true;
    }
  w->crowd = arena_array(w->a, struct want *, w->wants);
  for (size_t i = 0; i < w->wants; i++) {
    w->want[i].crowd = crowd_of(w, i);
    w->want[w->want[i].crowd].shared |= w->want[i].shared;
  }
  for (size_t i = 0; i < w->wants; i++)
    if (w->want[i].crowd != i || w->want[i].shared) w->crowd[w->crowded++] = &w->want[i];
  if (w->crowded > 1) qsort(w->crowd, w->crowded, sizeof *w->crowd, crowd_order);
  w->step = arena_array(w->a, struct step, w->crowded * (size_t)w->shelves);
}

static void send_at(struct work *w, struct want *k, int shelf, int64_t units) /* negative: back again */
{
  for (size_t i = 0; i < k->needs; i++)
    w->have[k->need[i].sku * (size_t)w->shelves + (size_t)shelf] -= k->need[i].quantity * units;
  k->left -= units;
}

/* As much as this place can give, when the places after it can give the rest. */
static bool step_in(struct work *w, struct want *k, struct step *st, const int *set, int n)
{
  int64_t later = 0, most = least(k->left, units_at(w, k, *set));
  for (int i = 1; i < n; i++) later += units_at(w, k, set[i]);
  *st = (struct step){ .x = most, .least = k->left > later ? k->left - later : 0 };
  if (most < st->least) return false;
  send_at(w, k, *set, most);
  return true;
}

static bool step_less(struct work *w, struct want *k, struct step *st, int shelf)
{
  bool can = st->x > st->least;
  send_at(w, k, shelf, can ? -1 : -st->x);
  st->x -= can ? 1 : st->x;
  return can;
}

static bool rest_has_room(struct work *w, struct want **want, size_t m, const int *set, int n)
{
  for (size_t i = 0; i < m; i++) {
    int64_t room = 0;
    for (int s = 0; s < n; s++) room += units_at(w, want[i], set[s]);
    if (room < want[i]->quantity) return false;
  }
  return true;
}

/* Depth first over wants and places, the most first; leaves have as it was, and the answer in x. */
static bool crowd_fits(struct work *w, struct want **want, size_t m, const int *set, int n)
{
  size_t width = (size_t)n, all = m * width, v = 0;
  int64_t budget = (int64_t)all + (w->steps < FIT_STEPS_ALL ? FIT_STEPS : 0);
  for (size_t i = 0; i < m; i++) want[i]->left = want[i]->quantity;
  bool down = true, open = true;
  while (open && v < all && budget-- > 0) {
    struct want *k = want[v / width];
    struct step *st = &w->step[v];
    size_t at = v % width;
    bool in = down ? step_in(w, k, st, set + at, n - (int)at) : step_less(w, k, st, set[at]);
    if (in && at == width - 1 && m <= CROWD_LOOK &&
        !rest_has_room(w, want + v / width + 1, m - v / width - 1, set, n))
      in = step_less(w, k, st, set[at]);
    w->steps++;
    down = in;
    if (in) v++;
    else if (v) v--;
    else open = false;
  }
  bool fits = open && v == all;
  /* Going back, the step at v has given nothing back yet. */
  size_t taken = open && !fits && !down ? v + 1 : open ? v : 0;
  for (size_t u = 0; u < taken; u++) {
    if (fits) want[u / width]->x[set[u % width]] = w->step[u].x;
    send_at(w, want[u / width], set[u % width], -w->step[u].x);
  }
  return fits;
}

/* ---- does a choice of places fill all that is counted? ---------------------------------------------------------------- */

static void gates_read(struct work *w)
{
  w->gate = arena_array(w->a, struct gate, w->wants + (w->crowded ? w->skus : 0));
  for (size_t i = 0; i < w->wants; i++)
    w->gate[w->gates++] = (struct gate){ w->want[i].room, w->want[i].quantity };
  for (size_t i = 0; w->crowded && i < w->skus; i++)
    w->gate[w->gates++] = (struct gate){ w->have + i * (size_t)w->shelves, w->wanted[i] };
  w->useful = arena_array(w->a, int, w->shelves);
  w->set = arena_array(w->a, int, w->shelves);
  for (int s = 0; s < w->shelves; s++) {
    bool any = false;
    for (size_t i = 0; i < w->wants && !any; i++) any = w->want[i].room[s] > 0;
    if (any) w->useful[w->useful_n++] = s;
  }
}

static bool gate_holds(const struct gate *g, const int *set, int n)
{
  int64_t sum = 0;
  for (int i = 0; i < n; i++) sum += g->row[set[i]];
  return sum >= g->need;
}

static bool fills(struct work *w, const int *set, int n)
{
  for (size_t i = 0; i < w->gates; i++) {
    if (gate_holds(&w->gate[i], set, n)) continue;
    /* What stopped this choice will stop most of the next ones: ask it first. */
    struct gate g = w->gate[0];
    w->gate[0] = w->gate[i], w->gate[i] = g;
    return false;
  }
  for (size_t i = 0, m; i < w->crowded; i += m) {
    for (m = 1; i + m < w->crowded && w->crowd[i + m]->crowd == w->crowd[i]->crowd;) m++;
    if (!crowd_fits(w, w->crowd + i, m, set, n)) return false;
  }
  return true;
}

/* ---- which places ------------------------------------------------------------------------------------------------------- */

static const char *because_of(const struct split_place *best, const struct split_place *next)
{
  return !next ? "single_place" : best->distance != next->distance ? "nearest" : "least_load";
}

static int next_that_fills(struct work *w, int i)
{
  while (i < w->useful_n && !fills(w, &w->useful[i], 1)) i++;
  return i;
}

/* The best warehouse that can fill all of it, alone; the next one that could says why it is the best. */
static bool choose_one(struct work *w)
{
  int one = next_that_fills(w, 0);
  if (one == w->useful_n) return false;
  int other = next_that_fills(w, one + 1);
  w->set[w->set_n++] = w->useful[one];
  w->plan.because =
    because_of(&w->shelf[w->useful[one]], other < w->useful_n ? &w->shelf[w->useful[other]] : NULL);
  return true;
}

/* Of two choices of as many places: sum of distances, then of loads, then the lower ids. */
static bool choice_before(const struct work *w, const int *cand, unsigned x, unsigned y)
{
  int64_t distance = 0, load = 0, lowest = INT64_MAX;
  bool mine = false;
  unsigned apart = x ^ y;
  for (int i = 0; apart >> i; i++) {
    if (!(apart >> i & 1)) continue;
    const struct split_place *p = &w->shelf[cand[i]];
    bool in_x = x >> i & 1;
    distance += in_x ? p->distance : -(int64_t)p->distance;
    load = plus(load, in_x ? p->load : -p->load);
    if (p->id < lowest) lowest = p->id, mine = in_x;
  }
  return distance ? distance < 0 : load ? load < 0 : mine;
}

/* How many places it takes at least, and those that no choice can do without. */
static int choice_bounds(const struct work *w, const int *cand, int n, unsigned *forced)
{
  int most = 2;
  for (size_t g = 0; g < w->gates; g++) {
    const struct gate *gate = &w->gate[g];
    int64_t sum = 0, top[SEARCH_MAX];
    for (int i = 0; i < n; i++) {
      int64_t v = gate->row[cand[i]];
      int k = i;
      for (; k && top[k - 1] < v; k--) top[k] = top[k - 1];
      top[k] = v, sum += v;
    }
    for (int i = 0; i < n; i++)
      if (sum - gate->row[cand[i]] < gate->need) *forced |= 1u << i;
    int k = 0;
    for (int64_t left = gate->need; k < n && left > 0; k++) left -= top[k];
    if (k > most) most = k;
  }
  int f = __builtin_popcount(*forced);
  return f > most ? f : most;
}

static unsigned next_of_same_size(unsigned m)
{
  unsigned low = m & -m, up = m + low;
  return up | ((m ^ up) / low >> 2);
}

static void choice_set(struct work *w, const int *cand, unsigned m)
{
  w->set_n = 0;
  for (int i = 0; m >> i; i++)
    if (m >> i & 1) w->set[w->set_n++] = cand[i];
}

/* All choices of two, three … up to most of n <= SEARCH_MAX places, which fill it all together. */
static bool choose_exactly(struct work *w, const int *cand, int n, int most)
{
  unsigned forced = 0, end = 1u << n;
  for (int k = choice_bounds(w, cand, n, &forced); k <= most && k <= n; k++) {
    unsigned best = 0;
    for (unsigned m = (1u << k) - 1; m < end; m = next_of_same_size(m)) {
      if ((m & forced) != forced || (best && !choice_before(w, cand, m, best))) continue;
      choice_set(w, cand, m);
      if (k == n || fills(w, w->set, k)) best = m;
    }
    if (!best) continue;
    choice_set(w, cand, best);
    return true;
  }
  w->set_n = 0;
  return false;
}

/* Again and again the place that sends the most units of what is left. */
static bool gather_next(struct work *w, bool *in)
{
  int best = -1;
  int64_t most = 0;
  for (int i = 0; i < w->useful_n; i++) {
    int64_t units = 0;
    for (size_t k = 0; !in[i] && k < w->wants; k++)
      units = plus(units, least(w->want[k].left, w->want[k].room[w->useful[i]]));
    if (units > most) most = units, best = i;
  }
  if (best < 0) return false;
  in[best] = true;
  for (size_t k = 0; k < w->wants; k++)
    w->want[k].left -= least(w->want[k].left, w->want[k].room[w->useful[best]]);
  return true;
}

static int gathered(const struct work *w, const bool *in, int *set)
{
  int n = 0;
  for (int i = 0; i < w->useful_n; i++)
    if (in[i]) set[n++] = w->useful[i];
  return n;
}

/* Too many places to try all choices: gather enough, then try all choices of those, or do without each in turn. */
static bool choose_greedily(struct work *w, int most)
{
  bool *in = arena_array(w->a, bool, w->useful_n);
  int *set = arena_array(w->a, int, w->shelves), n;
  for (size_t k = 0; k < w->wants; k++) w->want[k].left = w->want[k].quantity;
  while (gather_next(w, in)) {}
  n = gathered(w, in, set);
  for (int i = 0; i < w->useful_n && !fills(w, set, n); i++)
    if (!in[i]) in[i] = true, n = gathered(w, in, set);
  for (int i = 0; n < SEARCH_MAX && i < w->useful_n; i++)
    if (!in[i]) in[i] = true, n = gathered(w, in, set);
  if (n <= SEARCH_MAX) return choose_exactly(w, set, n, most);
  for (int i = w->useful_n - 1; i >= 0; i--) {
    if (!in[i]) continue;
    in[i] = false;
    n = gathered(w, in, set);
    if (!fills(w, set, n)) in[i] = true;
  }
  w->set_n = gathered(w, in, w->set);
  return w->set_n <= most;
}

/* ---- what is missing ------------------------------------------------------------------------------------------------- */

static void missing_add(struct work *w, size_t sku, int64_t there)
{
  if (!w->plan.missing) w->plan.missing = arena_array(w->a, struct split_short, w->skus);
  w->plan.missing[w->plan.missing_n++] = (struct split_short){ w->sku[sku], w->wanted[sku], there };
}

/* Enough of each SKU, but a kit's parts do not lie together, or rests are smaller than a pack: what cannot be used. */
static void missing_apart(struct work *w)
{
  int64_t *lost = arena_array(w->a, int64_t, w->skus);
  for (size_t i = 0; i < w->wants; i++) {
    struct want *k = &w->want[i];
    k->left = k->quantity;
    for (int s = 0; s < w->useful_n; s++)
      send_at(w, k, w->useful[s], least(k->left, units_at(w, k, w->useful[s])));
    for (size_t n = 0; n < k->needs; n++)
      lost[k->need[n].sku] = plus(lost[k->need[n].sku], times(k->left, k->need[n].quantity));
  }
  for (size_t i = 0; i < w->skus; i++)
    if (lost[i]) missing_add(w, i, w->wanted[i] - least(lost[i], w->wanted[i]));
}

static bool fail(struct work *w, const char *why)
{
  w->plan.why = why;
  return false;
}

static bool fail_short(struct work *w)
{
  for (size_t i = 0; i < w->skus; i++) {
    int64_t there = 0;
    for (int s = 0; s < w->shelves; s++) there = plus(there, w->have[i * (size_t)w->shelves + (size_t)s]);
    if (there < w->wanted[i]) missing_add(w, i, there);
  }
  if (!w->plan.missing_n) missing_apart(w);
  return fail(w, "short");
}

/* ---- the choice as a whole ------------------------------------------------------------------------------------------- */

static bool worth_spreading(const struct work *w)
{
  int64_t value = 0;
  for (size_t i = 0; i < w->items; i++)
    if (w->item[i].line->value > 0) value = plus(value, w->item[i].line->value);
  return value >= w->r->value_min;
}

static bool too_big(const struct split_rules *r, const struct split_line *l)
{
  int64_t sum = plus(plus(l->length, l->width), l->height), longest = l->length;
  if (l->width > longest) longest = l->width;
  if (l->height > longest) longest = l->height;
  int64_t girth = plus(longest, times(2, sum - longest));
  return (r->parcel_weight_max && l->weight > r->parcel_weight_max) ||
         (r->parcel_length_max && longest > r->parcel_length_max) ||
         (r->parcel_girth_max && girth > r->parcel_girth_max) ||
         (r->parcel_volume_max && l->volume > r->parcel_volume_max);
}

static bool sizes_fit(struct work *w)
{
  for (size_t i = 0; i < w->items; i++)
    if (too_big(w->r, w->item[i].line)) return fail(w, "too_big");
  return true;
}

static bool choose_several(struct work *w)
{
  int most = w->r->places_max > 0 ? w->r->places_max : w->shelves;
  if (!worth_spreading(w)) return fail(w, "below_value");
  w->steps = 0;
  bool found = most > 1 && (w->useful_n <= SEARCH_MAX ? choose_exactly(w, w->useful, w->useful_n, most)
                                                      : choose_greedily(w, most));
  w->plan.because = "fewest_parcels";
  return found || fail(w, "too_many_places");
}

static bool choose(struct work *w)
{
  if (!w->counted) return sizes_fit(w);
  gates_read(w);
  if (choose_one(w)) return sizes_fit(w);
  w->steps = 0;
  if (!fills(w, w->useful, w->useful_n)) return fail_short(w);
  return sizes_fit(w) && choose_several(w);
}

static bool places_there(struct work *w)
{
  size_t made = w->items - w->counted - w->uncounted;
  if ((made && !w->factory) || (w->counted && !w->shelves)) return fail(w, "no_place");
  return true;
}

/* ---- who sends which line -------------------------------------------------------------------------------------------- */

static void put_add(struct work *w, struct item *it, int place, int64_t quantity)
{
  const struct split_line *l = it->line;
  bool weighs = w->r->parcel_weight_max;
  w->put[w->puts++] =
    (struct put){ it, quantity, weighs ? l->weight : l->volume, weighs ? l->volume : l->weight, place };
  it->left -= quantity;
}

/* The whole want from the nearest place that can, else from the nearest as much as it has. */
static void want_share(struct work *w, struct want *k)
{
  int64_t left = k->quantity;
  for (int i = 0; i < w->set_n && left; i++)
    if (k->room[w->set[i]] >= left) k->x[w->set[i]] = left, left = 0;
  for (int i = 0; i < w->set_n && left; i++) {
    int64_t x = least(left, k->room[w->set[i]]);
    k->x[w->set[i]] = x, left -= x;
  }
  must(!left);
}

/* Lines that a place can send whole first: the fewer lines in two parcels, the better. */
static void want_put(struct work *w, struct want *k)
{
  for (size_t i = 0; i < k->items; i++)
    for (int p = 0; p < w->set_n; p++) {
      int64_t *x = &k->x[w->set[p]];
      if (*x < k->item[i].left) continue;
      *x -= k->item[i].left;
      put_add(w, &k->item[i], p, k->item[i].left);
      break;
    }
  for (size_t i = 0; i < k->items; i++)
    for (int p = 0; p < w->set_n && k->item[i].left; p++) {
      int64_t *x = &k->x[w->set[p]], n = least(*x, k->item[i].left);
      if (!n) continue;
      *x -= n;
      put_add(w, &k->item[i], p, n);
    }
}

/* What nobody counts goes along with what goes anyway. */
static int place_of_uncounted(struct work *w)
{
  bool made = w->items > w->counted + w->uncounted;
  if (w->set_n || (made && w->factory)) return w->set_n ? 0 : -1;
  if (!w->shelves) return -1;
  w->set = arena_new(w->a, int);
  w->set_n = 1;
  w->plan.because = because_of(&w->shelf[0], w->shelves > 1 ? &w->shelf[1] : NULL);
  return 0;
}

static void puts_make(struct work *w)
{
  w->put = arena_array(w->a, struct put, w->items + w->counted * (size_t)w->set_n);
  if (w->crowded) {
    w->steps = 0;
    must(fills(w, w->set, w->set_n)); /* leaves the quantities in x */
  }
  for (size_t i = 0; i < w->wants; i++) {
    struct want *k = &w->want[i];
    if (k->crowd == i && !k->shared) want_share(w, k);
    want_put(w, k);
  }
  size_t i = w->counted;
  if (w->uncounted)
    for (int at = place_of_uncounted(w); i < w->counted + w->uncounted; i++)
      put_add(w, &w->item[i], at < 0 ? w->set_n : at, w->item[i].left);
  for (; i < w->items; i++) put_add(w, &w->item[i], w->set_n, w->item[i].left);
}

/* ---- parcels ----------------------------------------------------------------------------------------------------------- */

static const char *hazard_of(const struct put *p)
{
  return p->item->line->hazard ? p->item->line->hazard : "";
}

static int batch_order(const struct put *x, const struct put *y) /* 0: they may lie in one parcel */
{
  int c = cmp(x->place, y->place);
  if (!c) c = cmp(x->item->line->cold, y->item->line->cold);
  return c ? c : strcmp(hazard_of(x), hazard_of(y));
}

static int put_order(const void *p, const void *q)
{
  const struct put *x = p, *y = q;
  int c = batch_order(x, y);
  if (!c) c = cmp(y->first, x->first);
  if (!c) c = cmp(y->second, x->second);
  return c ? c : line_order(x->item->line, y->item->line);
}

static int64_t place_id(const struct work *w, int place)
{
  return place < w->set_n ? w->shelf[w->set[place]].id : w->factory ? w->factory->id : 0;
}

static void take_add(struct work *w, const struct put *p, int parcel, int64_t quantity)
{
  struct split_plan *plan = &w->plan;
  if (plan->n == w->takes_max) {
    struct split_take *more = arena_array(w->a, struct split_take, w->takes_max = 2 * w->takes_max + w->puts);
    if (plan->n) memcpy(more, plan->take, plan->n * sizeof *more);
    plan->take = more;
  }
  plan->take[plan->n++] = (struct split_take){ p->item->index, place_id(w, p->place), quantity, parcel };
}

static bool parcel_open(struct work *w)
{
  size_t n = (size_t)w->plan.parcels;
  if (n == SPLIT_PARCELS_MAX) return false;
  if (n == w->parcels_max) {
    struct box *more = arena_array(w->a, struct box, w->parcels_max = 2 * n + 4);
    if (n) memcpy(more, w->parcel, n * sizeof *more);
    w->parcel = more;
  }
  w->plan.parcels++;
  return true;
}

static int64_t parcel_room(const struct work *w, const struct box *p, const struct split_line *l)
{
  int64_t n = INT64_MAX;
  if (w->r->parcel_weight_max && l->weight) n = (w->r->parcel_weight_max - p->weight) / l->weight;
  if (w->r->parcel_volume_max && l->volume) n = least(n, (w->r->parcel_volume_max - p->volume) / l->volume);
  return n;
}

/* First fit: units of one line are alike, so each parcel takes as many as go in. */
static bool put_pack(struct work *w, const struct put *p, int first)
{
  const struct split_line *l = p->item->line;
  int64_t left = p->quantity;
  for (int i = first; left; i++) {
    if (i == w->plan.parcels && !parcel_open(w)) return fail(w, "too_many_parcels");
    struct box *box = &w->parcel[i];
    int64_t n = least(left, parcel_room(w, box, l));
    if (!n) continue;
    box->weight = plus(box->weight, times(n, l->weight));
    box->volume = plus(box->volume, times(n, l->volume));
    take_add(w, p, i, n);
    left -= n;
  }
  return true;
}

struct tagged { /* a take with what it is sorted by */
  struct split_take take;
  const struct split_line *line;
};

static int take_order(const void *p, const void *q)
{
  const struct tagged *x = p, *y = q;
  int c = cmp(x->take.parcel, y->take.parcel);
  return c ? c : line_order(x->line, y->line);
}

static void takes_sort(struct work *w, const struct split_line *line)
{
  size_t n = w->plan.n;
  if (n < 2) return;
  struct tagged *t = arena_array(w->a, struct tagged, n);
  for (size_t i = 0; i < n; i++) t[i] = (struct tagged){ w->plan.take[i], &line[w->plan.take[i].line] };
  qsort(t, n, sizeof *t, take_order);
  for (size_t i = 0; i < n; i++) w->plan.take[i] = t[i].take;
}

static bool pack_all(struct work *w)
{
  int first = 0;
  if (w->puts > 1) qsort(w->put, w->puts, sizeof *w->put, put_order);
  for (size_t i = 0; i < w->puts; i++) {
    if (i && batch_order(&w->put[i - 1], &w->put[i])) first = w->plan.parcels;
    if (!put_pack(w, &w->put[i], first)) return false;
  }
  return true;
}

static void because_of_factory(struct work *w, const struct split_place *place, size_t places)
{
  const struct split_place *next = NULL;
  if (w->plan.because) return;
  for (size_t i = 0; i < places; i++)
    if (place[i].factory && place[i].id != w->factory->id && (!next || factory_before(&place[i], next)))
      next = &place[i];
  bool by_load = next && (next->load != w->factory->load || next->distance == w->factory->distance);
  w->plan.because = !next ? "single_place" : by_load ? "least_load" : "nearest";
}

struct split_plan split(struct arena *a, const struct split_rules *r, const struct split_line *line,
                        size_t lines, const struct split_place *place, size_t places,
                        const struct split_free *have, size_t have_n)
{
  struct work w = { .a = a, .r = r };
  items_read(&w, line, lines);
  places_read(&w, place, places);
  skus_read(&w);
  stock_read(&w, have, have_n);
  wants_read(&w);
  crowds_find(&w);
  if (places_there(&w) && choose(&w)) {
    puts_make(&w);
    w.plan.ok = pack_all(&w);
  }
  if (!w.plan.ok)
    return (struct split_plan){ .why = w.plan.why, .missing = w.plan.missing, .missing_n = w.plan.missing_n };
  takes_sort(&w, line);
  if (w.factory) because_of_factory(&w, place, places);
  if (!w.plan.because) w.plan.because = "single_place";
  return w.plan;
}
