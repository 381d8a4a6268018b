/* Who ships together, computed anew around an order (domain 3.5 to 3.9), with a reason for everything. */
#include "flow.h"

#define BECAUSE_MAX 20 /* conditions written into one event */
#define TIES_MAX 64
#define CANDIDATES_MAX (MERGE_CROWD_MAX + 2)

/* ---- the set: everybody who can be reached by a key within the window -------------------------------------------- */

struct circle {
  struct cmd *c;
  struct db *db;
  struct merge_order **free; /* those that take part */
  size_t n, cap;
  struct merge_order **near; /* seen around the order in question, but not free, or only shown by a mask */
  size_t near_n, near_cap;
  bool decided; /* a person said something about somebody here */
};

static void list_add(struct arena *a, struct merge_order ***list, size_t *n, size_t *cap,
                     struct merge_order *o)
{
  if (*n == *cap) {
    struct merge_order **grown = arena_array(a, struct merge_order *, *cap = *cap ? 2 * *cap : 8);
    if (*n) memcpy(grown, *list, *n * sizeof *grown);
    *list = grown;
  }
  (*list)[(*n)++] = o;
}

static struct merge_order *list_find(struct merge_order **list, size_t n, int64_t id)
{
  for (size_t i = 0; i < n; i++)
    if (list[i]->id == id) return list[i];
  return NULL;
}

static void circle_add(struct circle *k, const struct merge_order *o)
{
  if (list_find(k->free, k->n, o->id)) return;
  struct merge_order *copy = arena_new(&k->c->mem, struct merge_order);
  *copy = *o;
  list_add(&k->c->mem, &k->free, &k->n, &k->cap, copy);
}

static void circle_near(struct circle *k, const struct merge_order *o)
{
  if (list_find(k->near, k->near_n, o->id)) return;
  struct merge_order *copy = arena_new(&k->c->mem, struct merge_order);
  *copy = *o;
  list_add(&k->c->mem, &k->near, &k->near_n, &k->near_cap, copy);
}

static int64_t token_of(const struct merge_order *o)
{
  return o->token_key ? o->token_key : o->contact_key < 0 ? o->contact_key : 0;
}

static bool shares_key(const struct merge_order *x, const struct merge_order *y)
{
  bool phone = x->contact_key > 0 && (uint32_t)x->contact_key && x->contact_key == y->contact_key;
  return phone || (token_of(x) && token_of(x) == token_of(y));
}

/* Neighbours of one member: by keys, and by what people decided. */
static enum err circle_step(struct circle *k, const struct merge_order *o, bool is_centre)
{
  struct cmd *c = k->c;
  struct merge_order *list;
  size_t n;
  int64_t w = c->rules->merge.window_ms;
  TRY(order_candidates(k->db, &c->mem, o->contact_key, o->token_key, o->placed_at - w, o->placed_at + w,
                       &list, &n, CANDIDATES_MAX));
  for (size_t i = 0; i < n; i++) {
    if (list[i].id == o->id) continue;
    if (list[i].free && shares_key(o, &list[i])) circle_add(k, &list[i]);
    else if (is_centre) circle_near(k, &list[i]);
  }
  int64_t others[TIES_MAX];
  int verdicts[TIES_MAX];
  size_t ties = group_ties(k->db, o->id, others, verdicts, TIES_MAX);
  for (size_t i = 0; i < ties; i++) {
    struct merge_order other;
    k->decided = true;
    if (verdicts[i] < 0) continue;
    TRY(order_as_merge(k->db, &c->mem, others[i], &other));
    if (other.free) circle_add(k, &other);
  }
  return ERR_OK;
}

/* Starts from the order and from the members of its group: whoever it leaves behind is looked at too. */
static enum err circle_draw(struct circle *k, const struct merge_order *centre)
{
  struct merge_order *list;
  size_t n;
  if (centre->free) circle_add(k, centre);
  if (centre->group_id) {
    TRY(order_group_members(k->db, &k->c->mem, centre->group_id, &list, &n));
    for (size_t i = 0; i < n; i++)
      if (list[i].free) circle_add(k, &list[i]);
  }
  if (!centre->free) TRY(circle_step(k, centre, true));
  for (size_t i = 0; i < k->n && k->n <= MERGE_CROWD_MAX; i++)
    TRY(circle_step(k, k->free[i], k->free[i]->id == centre->id));
  return ERR_OK;
}

/* Earliest first, so that of two groups that claim one id the earlier keeps it. */
static void circle_sort(struct circle *k)
{
  for (size_t i = 1; i < k->n; i++)
    for (size_t x = i; x && merge_before(k->free[x], k->free[x - 1]) < 0; x--) {
      struct merge_order *swap = k->free[x];
      k->free[x] = k->free[x - 1], k->free[x - 1] = swap;
    }
}

/* ---- decisions of people, read once ---------------------------------------------------------------------------------- */

struct said {
  size_t n;
  struct {
    int64_t a, b;
    int verdict;
  } at[1024];
};

static int said_about(void *arg, int64_t a, int64_t b)
{
  const struct said *s = arg;
  for (size_t i = 0; i < s->n; i++)
    if ((s->at[i].a == a && s->at[i].b == b) || (s->at[i].a == b && s->at[i].b == a)) return s->at[i].verdict;
  return 0;
}

static struct said *said_read(struct circle *k)
{
  if (!k->decided) return NULL;
  struct said *s = arena_new(&k->c->mem, struct said);
  for (size_t i = 0; i < k->n; i++) {
    int64_t others[TIES_MAX];
    int verdicts[TIES_MAX];
    size_t n = group_ties(k->db, k->free[i]->id, others, verdicts, TIES_MAX);
    for (size_t t = 0; t < n && s->n < COUNT(s->at); t++)
      if (k->free[i]->id < others[t] || !list_find(k->free, k->n, others[t]))
        s->at[s->n].a = k->free[i]->id, s->at[s->n].b = others[t], s->at[s->n++].verdict = verdicts[t];
  }
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
  if (y->mine || y->theirs) jw_kstring(w, "mine", y->mine), jw_kstring(w, "theirs", y->theirs);
  jw_kint(w, "gap_ms", y->gap_ms), jw_kbool(w, "joined", joined);
  jw_object_end(w);
}

/* Why two orders did or did not end together, after the walk. */
static struct merge_why why_of(struct cmd *c, struct said *said, struct merge_order *x, struct merge_order *y,
                               bool joined)
{
  int d = said ? said_about(said, x->id, y->id) : 0;
  struct merge_why w = { 0 };
  if (d)
    w = (struct merge_why){ .verdict = d > 0 ? MERGE_TOGETHER : MERGE_APART,
                            .code = d > 0 ? "decided_together" : "decided_apart" };
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
  const size_t *first; /* index of the group's first order per order */
  int64_t *group;      /* group id per order */
};

static const char *key_of(const struct outcome *t, size_t i)
{
  const struct circle *k = t->k;
  bool company = false;
  for (size_t x = 0; x < k->n; x++) {
    if (t->first[x] != t->first[i] || x == t->first[i]) continue;
    company = true;
    if (t->said && said_about(t->said, k->free[x]->id, k->free[t->first[i]]->id) > 0) return "manual";
  }
  if (!company) return NULL;
  for (size_t x = 0; x < k->n; x++)
    if (t->first[x] == t->first[i] && x != t->first[i]) {
      struct merge_why w = merge_pair(&k->c->mem, &k->c->rules->merge, k->free[t->first[i]], k->free[x]);
      return w.code && !strcmp(w.code, "same_token") ? "token" : "phone_address";
    }
  return "phone_address";
}

/* Keeps ids where it can: a group goes on under the id that its earliest order had, unless an earlier group took it. */
static enum err outcome_ids(struct outcome *t)
{
  struct circle *k = t->k;
  for (size_t f = 0; f < k->n; f++) {
    if (t->first[f] != f) continue;
    int64_t id = 0;
    for (size_t pass = 0; pass < 2 && !id; pass++)
      for (size_t i = 0; i < k->n && !id; i++) {
        if (t->first[i] != f || (pass == 0 && i != f) || !k->free[i]->group_id) continue;
        bool taken = false;
        for (size_t x = 0; x < k->n && !taken; x++)
          taken = t->first[x] == x && t->group[x] == k->free[i]->group_id;
        if (!taken) id = k->free[i]->group_id;
      }
    bool fresh = !id;
    if (fresh) id = db_next_id(k->db, "group");
    if (fresh) TRY(group_insert(k->db, id, key_of(t, f), k->free[f]->placed_at));
    t->group[f] = id;
  }
  for (size_t i = 0; i < k->n; i++) t->group[i] = t->group[t->first[i]];
  return ERR_OK;
}

static void with_put(struct jw *w, const struct outcome *t, size_t i)
{
  struct arena *a = &t->k->c->mem;
  jw_key(w, "with"), jw_array(w);
  for (size_t x = 0; x < t->k->n; x++)
    if (x != i && t->first[x] == t->first[i]) jw_string(w, id_text(a, 'o', t->k->free[x]->id));
  jw_array_end(w);
}

/* One event per order whose group changed, and one for the order in question when somebody was near. */
static enum err outcome_event(const struct outcome *t, size_t i, bool is_centre)
{
  struct circle *k = t->k;
  struct merge_order *o = k->free[i];
  struct buf b = { 0 };
  struct jw w;
  size_t written = 0;
  jw_init(&w, &b), jw_object(&w);
  jw_id(&w, "group", 'g', t->group[i]), jw_id(&w, "was", 'g', o->group_id);
  with_put(&w, t, i);
  jw_key(&w, "because"), jw_array(&w);
  if (k->n > MERGE_CROWD_MAX) {
    jw_object(&w), jw_kstring(&w, "verdict", "apart"), jw_kstring(&w, "code", "crowd"),
      jw_kint(&w, "orders", (int64_t)k->n), jw_object_end(&w);
    written = BECAUSE_MAX;
  }
  for (int pass = 0; pass < 2; pass++) /* those it is with, then those it is not with */
    for (size_t x = 0; x < k->n && written < BECAUSE_MAX; x++) {
      bool joined = t->first[x] == t->first[i];
      if (x == i || joined != !pass) continue;
      if (!joined && !is_centre && k->free[x]->group_id != o->group_id) continue;
      struct merge_why y = why_of(k->c, t->said, o, k->free[x], joined);
      why_put(&w, k->free[x], &y, joined), written++;
    }
  for (size_t x = 0; is_centre && x < k->near_n && written < BECAUSE_MAX; x++) {
    struct merge_why y = why_of(k->c, t->said, o, k->near[x], false);
    why_put(&w, k->near[x], &y, false), written++;
  }
  jw_array_end(&w), jw_object_end(&w);
  enum err e = progress_event(k->c, k->db, 'o', o->id, "order.group", "%s", b.data);
  buf_release(&b);
  return e;
}

/* Who came or went is a change of the group, and so a new version of it. */
static bool members_changed(const struct outcome *t, size_t first)
{
  for (size_t i = 0; i < t->k->n; i++)
    if ((t->first[i] == first) != (t->k->free[i]->group_id == t->group[first])) return true;
  return false;
}

static enum err outcome_groups(const struct outcome *t)
{
  struct circle *k = t->k;
  for (size_t f = 0; f < k->n; f++) {
    struct group g;
    if (t->first[f] != f) continue;
    TRY(group_get(k->db, &k->c->mem, t->group[f], &g));
    const char *key = key_of(t, f);
    if (members_changed(t, f) || strcmp(g.state, "open") || strcmp(g.key ? g.key : "", key ? key : "") ||
        g.from_at != k->free[f]->placed_at)
      TRY(group_update(k->db, t->group[f], "open", key, k->free[f]->placed_at));
  }
  for (size_t i = 0; i < k->n; i++) { /* ids that nobody bears any more */
    int64_t old = k->free[i]->group_id;
    struct merge_order *left;
    size_t n;
    bool borne = !old;
    for (size_t x = 0; x < k->n && !borne; x++) borne = t->group[x] == old;
    if (borne) continue;
    TRY(order_group_members(k->db, &k->c->mem, old, &left, &n));
    if (!n) {
      enum err e = group_update(k->db, old, "empty", NULL, k->free[i]->placed_at);
      if (e && e != ERR_CONFLICT) return e;
    }
  }
  return ERR_OK;
}

/* ---- proposals: only probable, for a person ---------------------------------------------------------------------------------- */

static enum err propose(struct circle *k, struct said *said, struct merge_order *o, struct merge_order *other)
{
  bool is_new;
  if (!other->free || (said && said_about(said, o->id, other->id))) return ERR_OK;
  int64_t gap = o->placed_at - other->placed_at;
  if ((gap < 0 ? -gap : gap) > k->c->rules->merge.window_ms) return ERR_OK;
  struct merge_why w = merge_pair(&k->c->mem, &k->c->rules->merge, o, other);
  bool crowd = k->n > MERGE_CROWD_MAX && w.verdict == MERGE_TOGETHER;
  if (w.verdict != MERGE_PROPOSE && !crowd) return ERR_OK;
  return group_propose(k->db, o->id, other->id, crowd ? "crowd" : w.code, k->c->now_ms, &is_new);
}

static enum err proposals(struct circle *k, const struct outcome *t, struct merge_order *centre)
{
  struct merge_order *me = list_find(k->free, k->n, centre->id);
  TRY(group_unpropose(k->db, centre->id, 0));
  if (!me) return ERR_OK;
  for (size_t i = 0, told = 0; i < k->n && told < BECAUSE_MAX; i++) {
    bool joined = false;
    for (size_t x = 0; x < k->n; x++)
      if (k->free[x] == me) joined = t->first[i] == t->first[x];
    if (k->free[i] == me || joined) continue;
    TRY(propose(k, t->said, me, k->free[i]));
    told++;
  }
  for (size_t i = 0; i < k->near_n && i < BECAUSE_MAX; i++) TRY(propose(k, t->said, me, k->near[i]));
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
    TRY(group_update(db, row.group_id, "open", NULL, o->placed_at));
  if (!ships || !row.shipped_at) return ERR_OK;
  TRY(order_get(db, &c->mem, o->id, &row));
  return group_close(c, db, row.group_id, 0, "parcel_known");
}

/* ---- the verb ------------------------------------------------------------------------------------------------------------------ */

enum err regroup(struct cmd *c, struct db *db, int64_t order_id)
{
  struct merge_order centre;
  struct circle k = { .c = c, .db = db };
  TRY(order_as_merge(db, &c->mem, order_id, &centre));
  TRY(circle_draw(&k, &centre));
  circle_sort(&k);
  struct merge_rules r = c->rules->merge;
  if (k.n > MERGE_CROWD_MAX) r.window_ms = -1; /* a crowd is no customer: only people's decisions hold */
  struct outcome t = { .k = &k, .said = said_read(&k), .group = arena_array(&c->mem, int64_t, k.n + 1) };
  size_t *first = arena_array(&c->mem, size_t, k.n + 1);
  t.first = first;
  merge_groups(&c->mem, &r, k.free, k.n, t.said ? said_about : NULL, t.said, first);
  if (!centre.free) TRY(stand_alone(c, db, &centre));
  TRY(outcome_ids(&t));
  for (size_t i = 0; i < k.n; i++) {
    bool is_centre = k.free[i]->id == order_id, changed = t.group[i] != k.free[i]->group_id;
    if (changed) TRY(order_set_group(db, k.free[i]->id, t.group[i]));
    if (changed || (is_centre && k.n + k.near_n > 1)) TRY(outcome_event(&t, i, is_centre));
  }
  TRY(outcome_groups(&t));
  if (k.n + k.near_n > 1 || !centre.free) TRY(proposals(&k, &t, &centre));
  return ERR_OK;
}

enum err group_close(struct cmd *c, struct db *db, int64_t group_id, int64_t shipped_at, const char *because)
{
  struct merge_order *members;
  size_t n;
  bool was_open;
  int64_t *out;
  size_t out_n = 0;
  TRY(group_lock(db, group_id, c->now_ms, &was_open));
  if (!was_open) return ERR_OK;
  TRY(order_group_members(db, &c->mem, group_id, &members, &n));
  out = arena_array(&c->mem, int64_t, n + 1);
  for (size_t i = 0; shipped_at && i < n; i++) {
    struct order row;
    if (members[i].placed_at < shipped_at) continue; /* placed before the parcel left: it belongs to it */
    TRY(order_get(db, &c->mem, members[i].id, &row));
    if (row.shipped_at) continue; /* it is the parcel's own, whatever the clocks say */
    int64_t id = db_next_id(db, "group");
    TRY(group_insert(db, id, NULL, members[i].placed_at));
    TRY(order_set_group(db, members[i].id, id));
    TRY(progress_event(
      c, db, 'o', members[i].id, "order.group",
      "{\"group\":\"g_%lld\",\"was\":\"g_%lld\",\"with\":[],\"because\":[{\"verdict\":\"apart\",\"code\":\"placed_after_shipping\"}]}",
      (long long)id, (long long)group_id));
    out[out_n++] = members[i].id;
  }
  TRY(progress_event(c, db, 'g', group_id, "group.locked", "{\"because\":\"%s\"}", because));
  for (size_t i = 0; i < out_n; i++) TRY(regroup(c, db, out[i]));
  return ERR_OK;
}
