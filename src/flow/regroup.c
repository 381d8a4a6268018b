/* Who ships together, computed anew around an order (domain 3.5 to 3.9), with a reason for everything. */
#include "flow.h"
#include <stdlib.h>

#define BECAUSE_MAX 20 /* conditions written into one event */
/* ---- rings: free orders that reach one another -------------------------------------------------------------------------
 *
 * Two free orders are neighbours when they share a key and were placed within the window of one another, or when a
 * person put them together. Those that neighbours lead to make a ring, and the walk (merge.c) groups each ring by
 * itself. A ring of more than crowd_max orders is a crowd: no customer orders so much, so in it people alone decide.
 * A crowd that was one already has nothing to be changed but what people tied to the order in question; so however
 * large it is, little more than crowd_max orders are read. */

struct ring {
  struct merge_order **at;
  size_t n, cap;
};

struct ids { /* a set; open addressing, 0 is an empty place */
  int64_t *at;
  size_t n, cap;
};

struct part { /* a ring that is grouped anew */
  size_t from, n;
  bool crowd;
};

struct circle {
  struct cmd *c;
  struct db *db;
  struct ring free; /* all that are grouped anew, part by part; sorted by circle_sort */
  struct part *part;
  size_t parts, parts_cap;
  size_t *part_of;          /* per order in free, after circle_sort */
  struct ring near;         /* seen around the centre, but not free, or only shown by a mask, or in a crowd */
  struct ids taken, passed; /* in free; looked at */
  bool decided;             /* a person said something about somebody here */
};

static bool ids_has(const struct ids *s, int64_t id)
{
  for (size_t i = s->cap ? (size_t)id & (s->cap - 1) : 0; s->cap && s->at[i]; i = (i + 1) & (s->cap - 1))
    if (s->at[i] == id) return true;
  return false;
}

/* False when it is there already. */
static bool ids_add(struct arena *a, struct ids *s, int64_t id)
{
  if (ids_has(s, id)) return false;
  if (2 * s->n >= s->cap) {
    struct ids old = *s;
    s->cap = old.cap ? 4 * old.cap : 16, s->n = 0, s->at = arena_array(a, int64_t, s->cap);
    for (size_t i = 0; i < old.cap; i++)
      if (old.at[i]) ids_add(a, s, old.at[i]);
  }
  size_t i = (size_t)id & (s->cap - 1);
  while (s->at[i]) i = (i + 1) & (s->cap - 1);
  s->at[i] = id, s->n++;
  return true;
}

static void ring_add(struct arena *a, struct ring *r, struct merge_order *o)
{
  if (r->n == r->cap) {
    struct merge_order **grown = arena_array(a, struct merge_order *, r->cap = r->cap ? 2 * r->cap : 8);
    if (r->n) memcpy(grown, r->at, r->n * sizeof *grown);
    r->at = grown;
  }
  r->at[r->n++] = o;
}

static struct merge_order *ring_find(const struct ring *r, int64_t id)
{
  for (size_t i = 0; i < r->n; i++)
    if (r->at[i]->id == id) return r->at[i];
  return NULL;
}

static int64_t token_of(const struct merge_order *o)
{
  return o->token_key ? o->token_key : o->contact_key < 0 ? o->contact_key : 0;
}

static bool has_phone(const struct merge_order *o)
{
  return o->contact_key > 0 && (uint32_t)o->contact_key;
}

static bool shares_key(const struct merge_order *x, const struct merge_order *y)
{
  bool phone = has_phone(x) && x->contact_key == y->contact_key;
  return phone || (token_of(x) && token_of(x) == token_of(y));
}

static size_t crowd_max(const struct circle *k)
{
  return (size_t)k->c->rules->merge.crowd_max;
}

/* All that people said about one order. */
struct ties {
  int64_t *other;
  int *verdict;
  size_t n;
};

static struct ties ties_of(struct circle *k, int64_t id)
{
  struct ties t = { 0 };
  for (size_t cap = 32;; cap *= 8) {
    t.other = arena_array(&k->c->mem, int64_t, cap), t.verdict = arena_array(&k->c->mem, int, cap);
    t.n = group_ties(k->db, id, t.other, t.verdict, cap);
    if (t.n < cap) break;
  }
  k->decided |= t.n > 0;
  return t;
}

static enum err neighbours_by_tie(struct circle *k, const struct merge_order *o, struct ring *out)
{
  struct ties t = ties_of(k, o->id);
  for (size_t i = 0; i < t.n; i++) {
    struct merge_order *other = arena_new(&k->c->mem, struct merge_order);
    if (t.verdict[i] < 0) continue;
    TRY(order_as_merge(k->db, &k->c->mem, t.other[i], other));
    if (other->free) ring_add(&k->c->mem, out, other);
  }
  return ERR_OK;
}

static enum err free_between(struct circle *k, int64_t key, int64_t from, int64_t to, struct ring *out)
{
  struct merge_order *list;
  size_t n;
  if (from > to) return ERR_OK;
  TRY(order_candidates_free(k->db, &k->c->mem, key > 0 ? key : 0, key < 0 ? key : 0, from, to, &list, &n,
                            crowd_max(k) + 2));
  for (size_t i = 0; i < n; i++) ring_add(&k->c->mem, out, &list[i]);
  return ERR_OK;
}

/* Those that count alone, with one key. Of very many only some: but some of each side, and all that stand on one side
 * of an order within the window are neighbours of one another. */
static enum err neighbours_both_sides(struct circle *k, const struct merge_order *o, int64_t key,
                                      struct ring *out)
{
  int64_t w = k->c->rules->merge.window_ms;
  TRY(free_between(k, key, o->placed_at - w, o->placed_at, out));
  return free_between(k, key, o->placed_at, o->placed_at + w, out);
}

/* The centre's neighbours, and who is near without being one, for `why` and for proposals. */
static enum err neighbours(struct circle *k, const struct merge_order *o, struct ring *out)
{
  struct cmd *c = k->c;
  struct merge_order *list;
  struct ring some = { 0 };
  size_t n, most = crowd_max(k) + 2;
  int64_t from = o->placed_at - c->rules->merge.window_ms, to = o->placed_at + c->rules->merge.window_ms;
  TRY(order_candidates(k->db, &c->mem, o->contact_key, o->token_key, from, to, &list, &n, most));
  for (size_t i = 0; i < n && k->near.n < 2 * BECAUSE_MAX; i++)
    if (list[i].id != o->id && !(list[i].free && shares_key(o, &list[i])))
      ring_add(&c->mem, &k->near, &list[i]);
  for (size_t i = 0; i < n && n < most; i++)
    if (list[i].free && shares_key(o, &list[i])) ring_add(&c->mem, &some, &list[i]);
  if (n >= most && has_phone(o)) TRY(neighbours_both_sides(k, o, o->contact_key, &some));
  if (n >= most && token_of(o)) TRY(neighbours_both_sides(k, o, token_of(o), &some));
  for (size_t i = 0; i < some.n; i++)
    if (some.at[i]->id != o->id) ring_add(&c->mem, out, some.at[i]);
  return neighbours_by_tie(k, o, out);
}

/* How far in time a key has been looked at, so that orders that stand close together are read once. */
struct cover {
  int64_t key, from, to;
};

struct covers {
  struct cover *at;
  size_t n, cap;
};

static void cover_add(struct arena *a, struct covers *v, int64_t key, int64_t from, int64_t to)
{
  if (v->n == v->cap) {
    struct cover *grown = arena_array(a, struct cover, v->cap = v->cap ? 2 * v->cap : 4);
    if (v->n) memcpy(grown, v->at, v->n * sizeof *grown);
    v->at = grown;
  }
  v->at[v->n++] = (struct cover){ key, from, to };
}

static enum err neighbours_by_key(struct circle *k, struct covers *v, int64_t key, int64_t at,
                                  struct ring *out)
{
  int64_t w = k->c->rules->merge.window_ms;
  struct cover *c = NULL;
  for (size_t i = 0; i < v->n && !c; i++)
    if (v->at[i].key == key && at >= v->at[i].from && at <= v->at[i].to) c = &v->at[i];
  if (!c) {
    cover_add(&k->c->mem, v, key, at - w, at + w);
    return free_between(k, key, at - w, at + w, out);
  }
  int64_t from = c->from, to = c->to;
  if (at - w < from) c->from = at - w;
  if (at + w > to) c->to = at + w;
  TRY(free_between(k, key, at - w, from - 1, out));
  return free_between(k, key, to + 1, at + w, out);
}

static void covered(struct circle *k, struct covers *v, const struct merge_order *o)
{
  int64_t w = k->c->rules->merge.window_ms;
  if (has_phone(o)) cover_add(&k->c->mem, v, o->contact_key, o->placed_at - w, o->placed_at + w);
  if (token_of(o)) cover_add(&k->c->mem, v, token_of(o), o->placed_at - w, o->placed_at + w);
}

/* From the orders in r on to all that they lead to, but not through `except`; ends when it is a crowd. The neighbours
 * of the first ones, before `from`, are in r already. */
static enum err ring_draw(struct circle *k, struct ring *r, size_t from, int64_t except, bool ties_alone)
{
  struct ids in = { 0 };
  struct covers v = { 0 };
  for (size_t i = 0; i < r->n; i++) ids_add(&k->c->mem, &in, r->at[i]->id);
  for (size_t i = 0; i < from; i++) covered(k, &v, r->at[i]);
  for (size_t i = from; i < r->n && (ties_alone || r->n <= crowd_max(k)); i++) {
    const struct merge_order *o = r->at[i];
    struct ring next = { 0 };
    if (!ties_alone && has_phone(o)) TRY(neighbours_by_key(k, &v, o->contact_key, o->placed_at, &next));
    if (!ties_alone && token_of(o)) TRY(neighbours_by_key(k, &v, token_of(o), o->placed_at, &next));
    TRY(neighbours_by_tie(k, o, &next));
    for (size_t x = 0; x < next.n; x++)
      if (next.at[x]->id != except && ids_add(&k->c->mem, &in, next.at[x]->id))
        ring_add(&k->c->mem, r, next.at[x]);
  }
  return ERR_OK;
}

static void part_begin(struct circle *k, bool crowd)
{
  if (k->parts == k->parts_cap) {
    struct part *grown =
      arena_array(&k->c->mem, struct part, k->parts_cap = k->parts_cap ? 2 * k->parts_cap : 4);
    if (k->parts) memcpy(grown, k->part, k->parts * sizeof *grown);
    k->part = grown;
  }
  k->part[k->parts++] = (struct part){ k->free.n, 0, crowd };
}

/* Into the part that was begun last. */
static void part_take(struct circle *k, const struct ring *r)
{
  for (size_t i = 0; i < r->n; i++) {
    ids_add(&k->c->mem, &k->passed, r->at[i]->id);
    if (!ids_add(&k->c->mem, &k->taken, r->at[i]->id)) continue;
    ring_add(&k->c->mem, &k->free, r->at[i]);
    k->part[k->parts - 1].n++;
  }
}

static void ring_pass(struct circle *k, const struct ring *r)
{
  for (size_t i = 0; i < r->n; i++) ids_add(&k->c->mem, &k->passed, r->at[i]->id);
}

static enum err ring_one(struct circle *k, struct merge_order *o, struct ring *r, int64_t except,
                         bool ties_alone)
{
  *r = (struct ring){ 0 };
  ring_add(&k->c->mem, r, o);
  return ring_draw(k, r, 0, except, ties_alone);
}

/* The centre makes a crowd, or stands in one: with it goes what people tied to it, and whatever was no crowd without it. */
static enum err crowd_around(struct circle *k, struct merge_order *centre, const struct ring *around)
{
  struct ring r;
  part_begin(k, true);
  for (size_t i = 0; i < around->n; i++) {
    ring_add(&k->c->mem, &k->near, around->at[i]);
    if (ids_has(&k->passed, around->at[i]->id)) continue;
    TRY(ring_one(k, around->at[i], &r, centre->id, false));
    if (r.n <= crowd_max(k)) part_take(k, &r);
    else ring_pass(k, &r);
  }
  TRY(ring_one(k, centre, &r, 0, true));
  part_take(k, &r);
  return ERR_OK;
}

/* The ring of an order beside the centre: whom the centre left, or whom it would have been with. */
static enum err ring_beside(struct circle *k, struct merge_order *o, bool is_mate)
{
  struct ring r;
  if (ids_has(&k->taken, o->id) || (!is_mate && ids_has(&k->passed, o->id))) return ERR_OK;
  TRY(ring_one(k, o, &r, 0, false));
  ring_pass(k, &r);
  bool crowd = r.n > crowd_max(k);
  if (crowd && !is_mate) return ERR_OK;
  if (crowd) TRY(ring_one(k, o, &r, 0, true));
  part_begin(k, crowd);
  part_take(k, &r);
  return ERR_OK;
}

/* Starts from the order and from the members of its group: whoever it leaves behind is looked at too. */
static enum err circle_draw(struct circle *k, struct merge_order *centre)
{
  struct ring around = { 0 };
  struct merge_order *mates;
  size_t n = 0;
  TRY(neighbours(k, centre, &around));
  if (centre->free) {
    struct ring r = { 0 };
    ring_add(&k->c->mem, &r, centre);
    for (size_t i = 0; i < around.n; i++)
      if (!ring_find(&r, around.at[i]->id)) ring_add(&k->c->mem, &r, around.at[i]);
    TRY(ring_draw(k, &r, 1, 0, false));
    if (r.n > crowd_max(k)) TRY(crowd_around(k, centre, &around));
    else part_begin(k, false), part_take(k, &r);
  }
  if (centre->group_id) TRY(order_group_members(k->db, &k->c->mem, centre->group_id, &mates, &n));
  for (size_t i = 0; i < n; i++)
    if (mates[i].free) TRY(ring_beside(k, &mates[i], true));
  for (size_t i = 0; i < around.n; i++) TRY(ring_beside(k, around.at[i], false));
  return ERR_OK;
}

/* Rules want a person to decide about these. */
static void circle_ask(struct circle *k)
{
  for (size_t i = 0; k->c->rules->rule_set && i < k->free.n; i++) {
    struct order_wish w;
    if (!wish_get(k->db, &k->c->mem, k->free.at[i]->id, &w)) k->free.at[i]->ask = w.propose;
  }
}

/* Earliest first, so that of two groups that claim one id the earlier keeps it. */
static void circle_sort(struct circle *k)
{
  k->part_of = arena_array(&k->c->mem, size_t, k->free.n + 1);
  for (size_t p = 0; p < k->parts; p++)
    for (size_t i = 0; i < k->part[p].n; i++) k->part_of[k->part[p].from + i] = p;
  for (size_t i = 1; i < k->free.n; i++)
    for (size_t x = i; x && merge_before(k->free.at[x], k->free.at[x - 1]) < 0; x--) {
      struct merge_order *swap = k->free.at[x];
      size_t part = k->part_of[x];
      k->free.at[x] = k->free.at[x - 1], k->free.at[x - 1] = swap;
      k->part_of[x] = k->part_of[x - 1], k->part_of[x - 1] = part;
    }
}

/* ---- decisions of people, read once ---------------------------------------------------------------------------------- */

struct saying {
  int64_t a, b; /* a < b */
  int verdict;
};

struct said {
  size_t n, cap;
  struct saying *at;
};

static int saying_order(const void *x, const void *y)
{
  const struct saying *s = x, *t = y;
  if (s->a != t->a) return s->a < t->a ? -1 : 1;
  return (s->b > t->b) - (s->b < t->b);
}

static int said_about(void *arg, int64_t a, int64_t b)
{
  const struct said *s = arg;
  struct saying key = { a < b ? a : b, a < b ? b : a, 0 };
  const struct saying *found = s->n ? bsearch(&key, s->at, s->n, sizeof key, saying_order) : NULL;
  return found ? found->verdict : 0;
}

static struct said *said_read(struct circle *k)
{
  if (!k->decided) return NULL;
  struct said *s = arena_new(&k->c->mem, struct said);
  for (size_t i = 0; i < k->free.n; i++) {
    int64_t id = k->free.at[i]->id;
    struct ties t = ties_of(k, id);
    for (size_t x = 0; x < t.n; x++) {
      if (t.other[x] < id && ids_has(&k->taken, t.other[x])) continue; /* was read from the other side */
      if (s->n == s->cap) {
        struct saying *grown = arena_array(&k->c->mem, struct saying, s->cap = s->cap ? 2 * s->cap : 16);
        if (s->n) memcpy(grown, s->at, s->n * sizeof *grown);
        s->at = grown;
      }
      int64_t other = t.other[x];
      s->at[s->n++] = (struct saying){ id < other ? id : other, id < other ? other : id, t.verdict[x] };
    }
  }
  if (s->n) qsort(s->at, s->n, sizeof s->at[0], saying_order);
  return s;
}

/* ---- why: one condition per pair, with its values ---------------------------------------------------------------------- */

static const char *verdict_name(enum merge_verdict v)
{
  return v == MERGE_TOGETHER ? "together" : v == MERGE_PROPOSE ? "propose" : "apart";
}

static void why_put(struct jw *w, const struct merge_order *other, const struct merge_why *y, bool joined)
{
  char id[24];
  jw_object(w);
  struct buf b = { 0 };
  buf_printf(&b, "o_%lld", (long long)other->id);
  must(b.len < sizeof id);
  jw_kstring(w, "order", b.data);
  buf_release(&b);
  jw_kstring(w, "verdict", verdict_name(y->verdict)), jw_kstring(w, "code", y->code);
  if (y->part) jw_kstring(w, "part", y->part);
  if (y->mine || y->theirs) jw_kstring(w, "mine", y->mine);
  bool same = y->mine && y->theirs && !strcmp(y->mine, y->theirs); /* then one tells both */
  if ((y->mine || y->theirs) && !same) jw_kstring(w, "theirs", y->theirs);
  jw_kint(w, "gap_ms", y->gap_ms), jw_kbool(w, "joined", joined);
  jw_object_end(w);
}

/* Why two orders did or did not end together, after the walk. */
static struct merge_why why_of(struct cmd *c, struct said *said, struct merge_order *x, struct merge_order *y,
                               bool joined)
{
  int d = said ? said_about(said, x->id, y->id) : 0;
  struct merge_why w = { 0 };
  if (d == PLATFORM_TOGETHER) w = merge_pair_platform(&c->mem, &c->rules->merge, x, y);
  else if (d)
    w = (struct merge_why){ .verdict = d > 0 ? MERGE_TOGETHER : MERGE_APART,
                            .code = d > 0             ? "decided_together"
                                    : d == SAID_APART ? "decided_apart"
                                                      : "platform_apart" };
  else w = merge_pair(&c->mem, &c->rules->merge, x, y);
  w.gap_ms = x->placed_at - y->placed_at;
  if (joined || w.verdict != MERGE_TOGETHER) return w;
  w.verdict = MERGE_APART;
  int64_t gap = w.gap_ms < 0 ? -w.gap_ms : w.gap_ms;
  w.code = !y->free                          ? "locked_or_not_free"
           : !x->free                        ? "not_free"
           : gap > c->rules->merge.window_ms ? "outside_window"
                                             : "other_member_or_window";
  return w;
}

/* ---- writing the outcome -------------------------------------------------------------------------------------------------- */

struct outcome {
  struct circle *k;
  struct said *said;
  const size_t *first;      /* index of the group's first order per order */
  int64_t *group;           /* group id per order */
  struct merge_order *left; /* who is not free any more and so leaves the others, or NULL */
};

static const char *key_of(const struct outcome *t, size_t i)
{
  const struct circle *k = t->k;
  bool company = false, platform = false;
  for (size_t x = 0; x < k->free.n; x++) {
    if (t->first[x] != t->first[i] || x == t->first[i]) continue;
    company = true;
    int d = t->said ? said_about(t->said, k->free.at[x]->id, k->free.at[t->first[i]]->id) : SAID_NOTHING;
    if (d == SAID_TOGETHER) return "manual";
    platform = platform || d == PLATFORM_TOGETHER;
  }
  if (!company || platform) return platform ? "platform" : NULL;
  for (size_t x = 0; x < k->free.n; x++)
    if (t->first[x] == t->first[i] && x != t->first[i]) {
      struct merge_why w =
        merge_pair(&k->c->mem, &k->c->rules->merge, k->free.at[t->first[i]], k->free.at[x]);
      return w.code && !strcmp(w.code, "same_token") ? "token" : "phone_address";
    }
  return "phone_address";
}

/* Keeps ids where it can: a group goes on under the id that its earliest order had, unless an earlier group took it. */
static enum err outcome_ids(struct outcome *t)
{
  struct circle *k = t->k;
  for (size_t f = 0; f < k->free.n; f++) {
    if (t->first[f] != f) continue;
    int64_t id = 0;
    for (size_t pass = 0; pass < 2 && !id; pass++)
      for (size_t i = 0; i < k->free.n && !id; i++) {
        if (t->first[i] != f || (pass == 0 && i != f) || !k->free.at[i]->group_id) continue;
        bool taken = false;
        for (size_t x = 0; x < k->free.n && !taken; x++)
          taken = t->first[x] == x && t->group[x] == k->free.at[i]->group_id;
        if (!taken) id = k->free.at[i]->group_id;
      }
    bool fresh = !id;
    if (fresh) id = db_next_id(k->db, "group");
    if (fresh) TRY(group_insert(k->db, id, key_of(t, f), k->free.at[f]->placed_at));
    t->group[f] = id;
  }
  for (size_t i = 0; i < k->free.n; i++) t->group[i] = t->group[t->first[i]];
  return ERR_OK;
}

static void with_put(struct jw *w, const struct outcome *t, size_t i)
{
  struct arena *a = &t->k->c->mem;
  jw_key(w, "with"), jw_array(w);
  for (size_t x = 0; x < t->k->free.n; x++)
    if (x != i && t->first[x] == t->first[i]) jw_string(w, id_text(a, 'o', t->k->free.at[x]->id));
  jw_array_end(w);
}

/* One event per order whose group changed, and one for the order in question when somebody was near. */
static enum err outcome_event(const struct outcome *t, size_t i, bool is_centre)
{
  struct circle *k = t->k;
  struct merge_order *o = k->free.at[i];
  struct buf b = { 0 };
  struct jw w;
  size_t written = 0;
  jw_init(&w, &b), jw_object(&w);
  jw_id(&w, "group", 'g', t->group[i]), jw_id(&w, "was", 'g', o->group_id);
  with_put(&w, t, i);
  jw_key(&w, "because"), jw_array(&w);
  const struct part *part = &k->part[k->part_of[i]];
  if (part->crowd) {
    jw_object(&w), jw_kstring(&w, "verdict", "apart"), jw_kstring(&w, "code", "crowd"),
      jw_kint(&w, "more_than", (int64_t)crowd_max(k)), jw_object_end(&w);
    written = BECAUSE_MAX;
  }
  for (int pass = 0; pass < 2; pass++) /* those it is with, then those it is not with */
    for (size_t x = 0; x < k->free.n && written < BECAUSE_MAX; x++) {
      bool joined = t->first[x] == t->first[i];
      if (x == i || joined != !pass) continue;
      if (!joined && !is_centre && k->free.at[x]->group_id != o->group_id) continue;
      struct merge_why y = why_of(k->c, t->said, o, k->free.at[x], joined);
      why_put(&w, k->free.at[x], &y, joined), written++;
    }
  if (t->left && o->group_id && t->left->group_id == o->group_id && written < BECAUSE_MAX) {
    struct merge_why y = why_of(k->c, t->said, o, t->left, false);
    why_put(&w, t->left, &y, false), written++;
  }
  for (size_t x = 0; is_centre && x < k->near.n && written < BECAUSE_MAX; x++) {
    struct merge_why y = why_of(k->c, t->said, o, k->near.at[x], false);
    why_put(&w, k->near.at[x], &y, false), written++;
  }
  jw_array_end(&w), jw_object_end(&w);
  enum err e = progress_event(k->c, k->db, 'o', o->id, "order.group", "%s", b.data);
  buf_release(&b);
  return e;
}

/* Does order i share its group with others than before? Those that stay are told as well as those that move. */
static bool company_changed(const struct outcome *t, size_t i)
{
  const struct circle *k = t->k;
  int64_t was = k->free.at[i]->group_id;
  if (t->left && was && t->left->group_id == was) return true;
  for (size_t x = 0; x < k->free.n; x++) {
    bool before = was && k->free.at[x]->group_id == was;
    if (x != i && before != (t->first[x] == t->first[i])) return true;
  }
  return false;
}

/* Who came or went is a change of the group, and so a new version of it. */
static bool members_changed(const struct outcome *t, size_t first)
{
  for (size_t i = 0; i < t->k->free.n; i++)
    if ((t->first[i] == first) != (t->k->free.at[i]->group_id == t->group[first])) return true;
  return false;
}

static enum err outcome_groups(const struct outcome *t)
{
  struct circle *k = t->k;
  for (size_t f = 0; f < k->free.n; f++) {
    struct group g;
    if (t->first[f] != f) continue;
    TRY(group_get(k->db, &k->c->mem, t->group[f], &g));
    const char *key = key_of(t, f);
    if (members_changed(t, f) || strcmp(g.state, "open") || strcmp(g.key ? g.key : "", key ? key : "") ||
        g.from_at != k->free.at[f]->placed_at)
      TRY(group_update(k->db, t->group[f], "open", key, k->free.at[f]->placed_at));
  }
  for (size_t i = 0; i < k->free.n; i++) { /* ids that nobody bears any more */
    int64_t old = k->free.at[i]->group_id;
    struct merge_order *left;
    size_t n;
    bool borne = !old;
    for (size_t x = 0; x < k->free.n && !borne; x++) borne = t->group[x] == old;
    if (borne) continue;
    TRY(order_group_members(k->db, &k->c->mem, old, &left, &n));
    if (!n) {
      enum err e = group_update(k->db, old, "empty", NULL, k->free.at[i]->placed_at);
      if (e && e != ERR_CONFLICT) return e;
    }
  }
  return ERR_OK;
}

/* ---- proposals: only probable, for a person ---------------------------------------------------------------------------------- */

static enum err propose(struct circle *k, struct said *said, struct merge_order *o, struct merge_order *other,
                        bool in_crowd)
{
  bool is_new;
  if (!other->free || (said && said_about(said, o->id, other->id))) return ERR_OK;
  int64_t gap = o->placed_at - other->placed_at;
  if ((gap < 0 ? -gap : gap) > k->c->rules->merge.window_ms) return ERR_OK;
  struct merge_why w = merge_pair(&k->c->mem, &k->c->rules->merge, o, other);
  bool crowd = in_crowd && w.verdict == MERGE_TOGETHER;
  if (w.verdict != MERGE_PROPOSE && !crowd) return ERR_OK;
  return group_propose(k->db, o->id, other->id, crowd ? "crowd" : w.code, k->c->now_ms, &is_new);
}

/* What was proposed about two that are together now has been settled. */
static enum err proposals_settled(const struct outcome *t, size_t i)
{
  for (size_t x = 0; x < t->k->free.n; x++)
    if (x != i && t->first[x] == t->first[i])
      TRY(group_unpropose(t->k->db, t->k->free.at[i]->id, t->k->free.at[x]->id));
  return ERR_OK;
}

static enum err proposals(struct circle *k, const struct outcome *t, struct merge_order *centre)
{
  size_t me = 0;
  TRY(group_unpropose(k->db, centre->id, 0));
  while (me < k->free.n && k->free.at[me]->id != centre->id) me++;
  if (me == k->free.n) return ERR_OK;
  bool crowd = k->part[k->part_of[me]].crowd;
  for (size_t i = 0, told = 0; i < k->free.n && told < BECAUSE_MAX; i++) {
    if (t->first[i] == t->first[me]) continue;
    TRY(propose(k, t->said, k->free.at[me], k->free.at[i], crowd));
    told++;
  }
  for (size_t i = 0; i < k->near.n && i < 2 * BECAUSE_MAX; i++)
    if (!ids_has(&k->taken, k->near.at[i]->id))
      TRY(propose(k, t->said, k->free.at[me], k->near.at[i], crowd));
  return ERR_OK;
}

/* ---- an order that is not free: alone, or without a group ------------------------------------------------------------------- */

/* Out of its group: into one of its own when it ships, else into none. */
static enum err leave(struct cmd *c, struct db *db, const struct merge_order *o, const struct order *row,
                      const struct group *g, size_t members_n, bool ships)
{
  int64_t id = 0;
  if (ships) {
    id = db_next_id(db, "group");
    TRY(group_insert(db, id, NULL, o->placed_at));
  }
  TRY(order_set_group(db, o->id, id));
  fulfil_touch(c, o->id);
  if (members_n) TRY(group_update(db, row->group_id, members_n == 1 ? "empty" : "open", g->key, g->from_at));
  const char *because = order_holds(db, o->id) ? "held" : row->no_merge ? row->no_merge : row->status;
  const char *now = id ? arena_printf(&c->mem, "\"g_%lld\"", (long long)id) : "null";
  const char *was = row->group_id ? arena_printf(&c->mem, "\"g_%lld\"", (long long)row->group_id) : "null";
  return progress_event(
    c, db, 'o', o->id, "order.group",
    "{\"group\":%s,\"was\":%s,\"with\":[],\"because\":[{\"verdict\":\"apart\",\"code\":\"not_free\",\"mine\":\"%s\"}]}",
    now, was, because);
}

static enum err stand_alone(struct cmd *c, struct db *db, struct merge_order *o)
{
  struct order row;
  struct group g = { 0 };
  struct merge_order *members;
  size_t n = 0;
  TRY(order_get(db, &c->mem, o->id, &row));
  if (row.group_id) TRY(group_get(db, &c->mem, row.group_id, &g));
  if (row.group_id && !strcmp(g.state, "locked")) return ERR_OK;
  bool ships = order_ships(c->rules, row.status, row.flags);
  if (row.group_id) TRY(order_group_members(db, &c->mem, row.group_id, &members, &n));
  if (ships ? !row.group_id || n > 1 : row.group_id != 0) TRY(leave(c, db, o, &row, &g, n, ships));
  else if (ships && g.from_at != o->placed_at)
    return group_update(db, row.group_id, "open", NULL, o->placed_at);
  return ERR_OK;
}

/* An order of which a parcel is known stands alone by now: its group is closed. That groups the others anew, so it
 * comes when they have been written. */
static enum err close_alone(struct cmd *c, struct db *db, int64_t order_id)
{
  struct order row;
  TRY(order_get(db, &c->mem, order_id, &row));
  bool ships = order_ships(c->rules, row.status, row.flags);
  return ships && row.shipped_at && row.group_id ? group_close(c, db, row.group_id, 0, "parcel_known")
                                                 : ERR_OK;
}

/* ---- the verb ------------------------------------------------------------------------------------------------------------------ */

/* Each part by itself; in a crowd only what people decided holds. */
static void circle_groups(struct circle *k, struct said *said, size_t *first)
{
  struct merge_order **list = arena_array(&k->c->mem, struct merge_order *, k->free.n + 1);
  size_t *place = arena_array(&k->c->mem, size_t, k->free.n + 1),
         *group = arena_array(&k->c->mem, size_t, k->free.n + 1);
  for (size_t p = 0; p < k->parts; p++) {
    struct merge_rules r = k->c->rules->merge;
    size_t n = 0;
    if (k->part[p].crowd) r.window_ms = -1;
    for (size_t i = 0; i < k->free.n; i++)
      if (k->part_of[i] == p) place[n] = i, list[n++] = k->free.at[i];
    merge_groups(&k->c->mem, &r, list, n, said ? said_about : NULL, said, group);
    for (size_t i = 0; i < n; i++) first[place[i]] = place[group[i]];
  }
}

static enum err circle_write(struct outcome *t, int64_t centre)
{
  struct circle *k = t->k;
  TRY(outcome_ids(t));
  for (size_t i = 0; i < k->free.n; i++) {
    struct merge_order *o = k->free.at[i];
    bool is_centre = o->id == centre, changed = t->group[i] != o->group_id;
    if (changed) TRY(order_set_group(k->db, o->id, t->group[i]));
    if (changed) fulfil_touch(k->c, o->id);
    if (changed || is_centre) TRY(proposals_settled(t, i));
    if (changed || (is_centre && k->free.n + k->near.n > 1) || company_changed(t, i))
      TRY(outcome_event(t, i, is_centre));
  }
  return outcome_groups(t);
}

static struct outcome circle_outcome(struct circle *k)
{
  circle_ask(k);
  circle_sort(k);
  size_t *first = arena_array(&k->c->mem, size_t, k->free.n + 1);
  struct outcome t = { .k = k, .said = said_read(k), .first = first };
  t.group = arena_array(&k->c->mem, int64_t, k->free.n + 1);
  circle_groups(k, t.said, first);
  return t;
}

enum err regroup(struct cmd *c, struct db *db, int64_t order_id)
{
  struct merge_order centre;
  struct circle k = { .c = c, .db = db };
  TRY(order_as_merge(db, &c->mem, order_id, &centre));
  TRY(circle_draw(&k, &centre));
  struct outcome t = circle_outcome(&k);
  if (!centre.free) {
    t.left = &centre;
    TRY(stand_alone(c, db, &centre));
  }
  TRY(circle_write(&t, order_id));
  if (!centre.free) TRY(close_alone(c, db, order_id));
  return k.free.n + k.near.n > 1 || !centre.free ? proposals(&k, &t, &centre) : ERR_OK;
}

enum err regroup_left(struct cmd *c, struct db *db, const struct order *was)
{
  struct merge_order gone = {
    .id = was->id, .placed_at = was->placed_at, .contact_key = was->contact_key, .token_key = was->token_key
  };
  struct circle k = { .c = c, .db = db };
  TRY(circle_draw(&k, &gone));
  struct outcome t = circle_outcome(&k);
  return circle_write(&t, 0);
}

/* After a lock: those that were put out, and those for whom the locked ones no longer make a crowd. */
static enum err regroup_rest(struct cmd *c, struct db *db, const struct merge_order *members, size_t n)
{
  struct circle k = { .c = c, .db = db };
  for (size_t i = 0; i < n; i++) {
    struct merge_order *o = arena_new(&c->mem, struct merge_order);
    struct ring around = { 0 };
    TRY(order_as_merge(db, &c->mem, members[i].id, o));
    if (!o->free) TRY(group_unpropose(db, o->id, 0));
    if (o->free) ring_add(&c->mem, &around, o);
    else TRY(neighbours(&k, o, &around));
    for (size_t x = 0; x < around.n; x++) TRY(ring_beside(&k, around.at[x], o->free));
  }
  struct outcome t = circle_outcome(&k);
  return circle_write(&t, 0);
}

enum err group_close(struct cmd *c, struct db *db, int64_t group_id, int64_t shipped_at, const char *because)
{
  struct merge_order *members;
  size_t n;
  bool was_open;
  TRY(group_lock(db, group_id, c->now_ms, &was_open));
  if (!was_open) return ERR_OK;
  TRY(order_group_members(db, &c->mem, group_id, &members, &n));
  for (size_t i = 0; shipped_at && i < n; i++) {
    struct order row;
    if (members[i].placed_at < shipped_at) continue; /* placed before the parcel left: it belongs to it */
    TRY(order_get(db, &c->mem, members[i].id, &row));
    if (row.shipped_at) continue; /* it is the parcel's own, whatever the clocks say */
    int64_t id = db_next_id(db, "group");
    TRY(group_insert(db, id, NULL, members[i].placed_at));
    TRY(order_set_group(db, members[i].id, id));
    fulfil_touch(c, members[i].id);
    TRY(progress_event(
      c, db, 'o', members[i].id, "order.group",
      "{\"group\":\"g_%lld\",\"was\":\"g_%lld\",\"with\":[],\"because\":[{\"verdict\":\"apart\",\"code\":\"placed_after_shipping\"}]}",
      (long long)id, (long long)group_id));
  }
  TRY(progress_event(c, db, 'g', group_id, "group.locked", "{\"because\":\"%s\"}", because));
  return regroup_rest(c, db, members, n);
}
