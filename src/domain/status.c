/* The status machine as data (domain 4). Pure: no SQL, no clock. */
#include "domain.h"
#include <stdio.h>

#define HOUR_MS (3600ll * 1000)
#define DAY_MS (24 * HOUR_MS)

/* The built-in stages: who drives an order out of each, and by when. A team overrides them by [stage NAME]. */
static const struct stage stages_builtin[ST_BUILTIN_N] = {
  { "pending", "To confirm", "待确认", "cs", "admin", 4 * HOUR_MS, 24 * HOUR_MS, false, false },
  { "paid", "Paid", "已付款", "cs", "admin", 2 * HOUR_MS, 4 * HOUR_MS, false, false },
  { "split", "Split", "已拆单", "warehouse", "admin", 2 * HOUR_MS, 4 * HOUR_MS, false, false },
  { "producing", "In production", "生产中", "production", "admin", 3 * DAY_MS, 5 * DAY_MS, false, false },
  { "inspected", "Inspected", "质检完成", "warehouse", "admin", 4 * HOUR_MS, 8 * HOUR_MS, false, false },
  { "pre_ship", "Ready to ship", "预发货", "warehouse", "admin", 12 * HOUR_MS, 24 * HOUR_MS, false, false },
  { "shipped", "Shipped", "已发货", "cs", "admin", 7 * DAY_MS, 10 * DAY_MS, false, false },
  { "completed", "Completed", "已完成", "", "", 0, 0, false, true },
  { "cancelled", "Cancelled", "已取消", "", "", 0, 0, false, true },
};

#define CMD TRIGGER_COMMAND
#define CHN TRIGGER_CHANNEL
#define SYS TRIGGER_SYSTEM
/* X(from, to, triggers, guard, forward, locks the group).
 *
 *  pending -> paid -> split -> producing -> inspected -> pre_ship -> shipped -> completed
 *                       \______________________________/
 *  cancelled <- everything before shipped; the channel may say shipped or completed at any time,
 *  because that is a fact outside; cancelled goes back to pending only by an explicit reopen. */
#define MOVE_MAP(X) \
  X(PENDING, PAID, CMD | CHN, NO_HOLD, true, false) \
  X(PENDING, CANCELLED, CMD | CHN, NONE, false, false) \
  X(PAID, SPLIT, CMD | SYS, KNOWN_SKUS, true, false) \
  X(PAID, CANCELLED, CMD | CHN, NO_PARCEL, false, false) \
  X(PAID, SHIPPED, CHN, NO_HOLD, true, true) \
  X(SPLIT, PRODUCING, CMD | SYS, NO_HOLD, true, true) \
  X(SPLIT, PRE_SHIP, CMD | SYS, NO_HOLD, true, true) \
  X(SPLIT, CANCELLED, CMD | CHN, NO_PARCEL, false, false) \
  X(SPLIT, SHIPPED, CHN, NO_HOLD, true, true) \
  X(PRODUCING, SPLIT, SYS, NO_PARCEL, false, false) \
  X(PRODUCING, INSPECTED, CMD | SYS, NO_HOLD, true, false) \
  X(PRODUCING, CANCELLED, CMD | CHN, NO_PARCEL, false, false) \
  X(PRODUCING, SHIPPED, CHN, NO_HOLD, true, true) \
  X(INSPECTED, PRE_SHIP, CMD | SYS, NO_HOLD, true, true) \
  X(INSPECTED, SPLIT, SYS, NO_PARCEL, false, false) \
  X(INSPECTED, PRODUCING, CMD | SYS, NONE, false, false) \
  X(INSPECTED, CANCELLED, CMD | CHN, NO_PARCEL, false, false) \
  X(INSPECTED, SHIPPED, CHN, NO_HOLD, true, true) \
  X(PRE_SHIP, SHIPPED, CMD | CHN | SYS, PARCEL, true, true) \
  X(PRE_SHIP, SPLIT, CMD | SYS, NO_PARCEL, false, false) \
  X(PRE_SHIP, INSPECTED, SYS, NO_PARCEL, false, false) \
  X(PRE_SHIP, CANCELLED, CMD | CHN, NO_PARCEL, false, false) \
  X(SHIPPED, COMPLETED, CMD | CHN | SYS, NO_HOLD, true, false) \
  X(CANCELLED, PENDING, CMD, NONE, false, false)

static const struct move moves_builtin[] = {
#define X(f, t, trig, g, fwd, lock) { ST_##f, ST_##t, trig, GUARD_##g, fwd, lock },
  MOVE_MAP(X)
#undef X
};

static const struct {
  const char *code, *text;
} guards[] = {
#define X(id, code, text) { code, text },
  GUARD_MAP(X)
#undef X
};

const char *guard_code(enum guard g)
{
  return guards[g].code;
}

const char *guard_text(enum guard g)
{
  return guards[g].text;
}

/* What the channel's words mean for us. partly_shipped says that one parcel left: the order as a whole has not. */
static const struct {
  const char *word;
  int status;
} channel_words[] = {
  { "placed", ST_PENDING },  { "paid", ST_PAID },           { "partly_shipped", ST_PAID },
  { "shipped", ST_SHIPPED }, { "completed", ST_COMPLETED }, { "cancelled", ST_CANCELLED },
};

bool status_channel_known(const char *word)
{
  for (size_t i = 0; i < COUNT(channel_words); i++)
    if (!strcmp(channel_words[i].word, word)) return true;
  return false;
}

int status_of_channel(const char *word)
{
  for (size_t i = 0; i < COUNT(channel_words); i++)
    if (!strcmp(channel_words[i].word, word)) return channel_words[i].status;
  return -1;
}

void status_table_default(struct status_table *t)
{
  memset(t, 0, sizeof *t);
  memcpy(t->stage, stages_builtin, sizeof stages_builtin);
  t->stages = ST_BUILTIN_N;
  memcpy(t->move, moves_builtin, sizeof moves_builtin);
  t->moves = (int)COUNT(moves_builtin);
  t->calendar = (struct calendar){ .zone_min = 480, .from_min = 9 * 60, .to_min = 18 * 60, .days = 0x1f };
}

int status_find(const struct status_table *t, const char *name)
{
  for (int i = 0; name && i < t->stages; i++)
    if (!strcmp(t->stage[i].name, name)) return i;
  return -1;
}

const struct move *status_move(const struct status_table *t, int from, int to, unsigned trigger)
{
  for (int i = 0; i < t->moves; i++)
    if (t->move[i].from == from && t->move[i].to == to && (t->move[i].triggers & trigger)) return &t->move[i];
  return NULL;
}

int status_way(const struct status_table *t, int from, int to, unsigned trigger, int way[STATUS_MAX])
{
  int before[STATUS_MAX], queue[STATUS_MAX], head = 0, tail = 0, n = 0, swap;
  if (from == to || from < 0 || to < 0) return 0;
  for (int i = 0; i < STATUS_MAX; i++) before[i] = -1;
  queue[tail++] = from, before[from] = from;
  while (head < tail && before[to] < 0) {
    int at = queue[head++];
    for (int i = 0; i < t->moves; i++) {
      const struct move *m = &t->move[i];
      if (m->from != at || !(m->triggers & trigger) || before[m->to] >= 0) continue;
      before[m->to] = at, queue[tail++] = m->to;
    }
  }
  if (before[to] < 0) return 0;
  for (int at = to; at != from; at = before[at]) way[n++] = at;
  for (int i = 0; i < n / 2; i++) swap = way[i], way[i] = way[n - 1 - i], way[n - 1 - i] = swap;
  return n;
}

/* ---- deadlines --------------------------------------------------------------------------------------------- */

static bool calendar_holiday(const struct calendar *c, const struct civil *d)
{
  int ymd = d->year * 10000 + d->month * 100 + d->day;
  for (int i = 0; i < c->holidays_n; i++)
    if (c->holidays[i] == ymd) return true;
  return false;
}

/* Walks day by day and takes the hours that are worked; a day costs nothing to skip, ten years are the limit. */
int64_t calendar_add(const struct calendar *c, int64_t since, int64_t ms, bool working_time)
{
  if (!working_time || ms <= 0) return since + ms;
  int64_t at = since, left = ms;
  for (int days = 0; days < 3660; days++) {
    struct civil d = time_civil(at, c->zone_min);
    struct civil midnight = { d.year, d.month, d.day, 0, 0, 0, d.weekday };
    int64_t day = time_from_civil(&midnight, c->zone_min);
    int64_t from = day + c->from_min * 60000ll, to = day + c->to_min * 60000ll;
    if ((c->days >> d.weekday & 1) && !calendar_holiday(c, &d) && at < to) {
      if (at < from) at = from;
      if (left <= to - at) return at + left;
      left -= to - at;
    }
    at = day + DAY_MS;
  }
  return at + left;
}

/* ---- the team's own table ---------------------------------------------------------------------------------- */

struct load {
  struct arena *a;
  const struct conf *conf;
  struct status_table *t;
  const char **why;
};

static bool load_fail(struct load *l, const struct conf_entry *e, const char *fmt, ...) PRINTF(3, 4);
static bool load_fail(struct load *l, const struct conf_entry *e, const char *fmt, ...)
{
  va_list ap;
  struct buf b = { 0 };
  char text[512];
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  if (e) buf_printf(&b, "line %d: ", e->line);
  buf_str(&b, text);
  *l->why = arena_str(l->a, b.data);
  buf_release(&b);
  return false;
}

static const char *stage_section(const struct conf_entry *e)
{
  return strncmp(e->section, "stage ", 6) ? NULL : e->section + 6;
}

/* "a, b c" into words in the arena; returns how many, -1 when over max. */
static int words_split(struct arena *a, const char *text, const char **word, int max)
{
  int n = 0;
  for (const char *p = text; *p;) {
    size_t len = strcspn(p, ", \t\n");
    if (len) {
      if (n == max) return -1;
      word[n++] = arena_strn(a, p, len);
    }
    p += len;
    p += strspn(p, ", \t\n");
  }
  return n;
}

static bool owner_ok(const char *who)
{
  unsigned roles;
  if (!*who || (!strncmp(who, "user:", 5) && who[5])) return true;
  return roles_parse(who, &roles) && !strchr(who, ',');
}

static bool move_add(struct status_table *t, struct move m)
{
  if (status_move(t, m.from, m.to, ~0u)) return true;
  if (t->moves == MOVES_MAX) return false;
  t->move[t->moves++] = m;
  return true;
}

/* A new stage behind `after`: what went forward by command from `after` now goes through it. */
static bool stage_insert(struct load *l, const struct conf_entry *e, int stage, int after)
{
  struct status_table *t = l->t;
  if (after < ST_PAID || after == ST_PRE_SHIP || t->stage[after].terminal || after == ST_SHIPPED ||
      after == stage)
    return load_fail(l, e, "a stage of yours stands between paid and pre_ship, not after %s",
                     t->stage[after].name);
  int n = t->moves;
  for (int i = 0; i < n; i++) {
    struct move *m = &t->move[i];
    if (m->from != after || !m->forward || !(m->triggers & CMD) || m->to == stage) continue;
    struct move on = *m;
    on.from = stage, on.triggers |= CMD | SYS;
    m->triggers &= (unsigned)CHN;
    if (!move_add(t, on)) return load_fail(l, e, "too many moves");
  }
  /* Somebody's work on it begins: nothing joins or leaves its group any more (domain 3.7). */
  struct move in = {
    after, stage, CMD | SYS, after == ST_PAID ? GUARD_KNOWN_SKUS : GUARD_NO_HOLD, true, true
  };
  struct move out = { stage, ST_CANCELLED, CMD | CHN, GUARD_NO_PARCEL, false, false };
  struct move gone = { stage, ST_SHIPPED, CHN, GUARD_NO_HOLD, true, true };
  if (!move_add(t, in) || !move_add(t, out) || !move_add(t, gone)) return load_fail(l, e, "too many moves");
  return true;
}

static bool is_between(const struct status_table *t, int stage)
{
  return stage >= ST_PAID && stage != ST_PRE_SHIP && stage != ST_SHIPPED && !t->stage[stage].terminal;
}

/* `next = a, b` replaces all forward moves by people and by the system out of a stage. Between paid and pre_ship only:
 * what ships, ends or comes back keeps its guards. */
static bool stage_next(struct load *l, const struct conf_entry *e, int stage)
{
  struct status_table *t = l->t;
  const char *word[STATUS_MAX];
  int n = words_split(l->a, e->value, word, STATUS_MAX);
  if (n < 0) return load_fail(l, e, "too many stages");
  if (!is_between(t, stage))
    return load_fail(l, e, "next is for stages from paid on and before pre_ship, not for %s",
                     t->stage[stage].name);
  for (int i = 0; i < t->moves; i++)
    if (t->move[i].from == stage && t->move[i].forward) t->move[i].triggers &= (unsigned)CHN;
  for (int i = 0; i < n; i++) {
    int to = status_find(t, word[i]);
    if (to < 0) return load_fail(l, e, "unknown stage %s", word[i]);
    if (to == stage || to == ST_PAID || (to != ST_PRE_SHIP && !is_between(t, to)))
      return load_fail(l, e, "%s cannot follow %s", word[i], t->stage[stage].name);
    bool again = false;
    for (int k = 0; k < t->moves && !again; k++)
      if (t->move[k].from == stage && t->move[k].to == to) t->move[k].triggers |= CMD | SYS, again = true;
    enum guard guard = stage == ST_PAID ? GUARD_KNOWN_SKUS : GUARD_NO_HOLD;
    struct move m = { stage, to, CMD | SYS, guard, true, to == ST_PRE_SHIP || to == ST_PRODUCING };
    if (!again && !move_add(t, m)) return load_fail(l, e, "too many moves");
  }
  return true;
}

enum stage_key {
  KEY_AFTER,
  KEY_NEXT,
  KEY_LABEL,
  KEY_LABEL_ZH,
  KEY_OWNER,
  KEY_LEAD,
  KEY_REMIND,
  KEY_ESCALATE,
  KEY_CLOCK,
  KEY_N
};
static const char *const stage_keys[KEY_N] = { "after", "next",   "label",    "label_zh", "owner",
                                               "lead",  "remind", "escalate", "clock" };

static int word_index(const char *word, const char *const *list, int n)
{
  for (int i = 0; i < n; i++)
    if (!strcmp(word, list[i])) return i;
  return -1;
}

static bool stage_set(struct load *l, const struct conf_entry *e, struct stage *s)
{
  int key = word_index(e->key, stage_keys, KEY_N);
  const char *near = word_nearest(e->key, stage_keys, KEY_N);
  if (key < 0)
    return load_fail(l, e, "[%s] has no key %s%s%s", e->section, e->key, near ? "; did you mean " : "",
                     near ? near : "");
  switch (key) {
  case KEY_LABEL: s->label = e->value; return true;
  case KEY_LABEL_ZH: s->label_zh = e->value; return true;
  case KEY_OWNER:
  case KEY_LEAD:
    if (!owner_ok(e->value)) return load_fail(l, e, "%s is neither a role nor user:NAME", e->value);
    *(key == KEY_OWNER ? &s->owner : &s->lead) = e->value;
    return true;
  case KEY_REMIND:
  case KEY_ESCALATE: {
    int64_t ms = 0;
    if (strcmp(e->value, "never") && (!duration_parse(e->value, &ms) || ms < 1000))
      return load_fail(l, e, "%s is no duration of a second or more (10m, 4h, 2d, never)", e->value);
    *(key == KEY_REMIND ? &s->remind_ms : &s->escalate_ms) = ms;
    return true;
  }
  case KEY_CLOCK:
    if (strcmp(e->value, "always") && strcmp(e->value, "working"))
      return load_fail(l, e, "clock is always or working");
    s->working_time = !strcmp(e->value, "working");
    return true;
  default: return true; /* after and next need all stages first */
  }
}

static bool stage_name_ok(const char *name)
{
  size_t n = strlen(name);
  if (n < 2 || n > 24 || name[0] < 'a' || name[0] > 'z') return false;
  return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == n;
}

static bool stages_name(struct load *l)
{
  struct status_table *t = l->t;
  for (size_t i = 0; i < l->conf->n; i++) {
    const struct conf_entry *e = &l->conf->at[i];
    const char *name = stage_section(e);
    if (!name || status_find(t, name) >= 0) continue;
    if (!stage_name_ok(name)) return load_fail(l, e, "%s is no name for a stage (a-z, 0-9, _)", name);
    if (!conf_get(l->conf, e->section, "after"))
      return load_fail(l, e, "[stage %s] needs after = STAGE", name);
    if (t->stages == STATUS_MAX) return load_fail(l, e, "more than %d stages", STATUS_MAX);
    t->stage[t->stages++] = (struct stage){ .name = name,
                                            .label = name,
                                            .label_zh = name,
                                            .owner = "cs",
                                            .lead = "admin",
                                            .remind_ms = 4 * HOUR_MS,
                                            .escalate_ms = 8 * HOUR_MS };
  }
  return true;
}

static bool stages_set(struct load *l)
{
  for (size_t i = 0; i < l->conf->n; i++) {
    const struct conf_entry *e = &l->conf->at[i];
    const char *name = stage_section(e);
    if (name && !stage_set(l, e, &l->t->stage[status_find(l->t, name)])) return false;
  }
  return true;
}

/* One stage of ours whose `after` stands already: its entry, or NULL when none is left that can be put in. */
static const struct conf_entry *stage_ready(struct load *l, const bool *stands, int *stage, int *after,
                                            const struct conf_entry **left)
{
  *left = NULL;
  for (size_t i = 0; i < l->conf->n; i++) {
    const struct conf_entry *e = &l->conf->at[i];
    const char *name = stage_section(e);
    if (!name || strcmp(e->key, "after") != 0) continue;
    *stage = status_find(l->t, name), *after = status_find(l->t, e->value);
    if (*stage >= ST_BUILTIN_N && stands[*stage]) continue;
    *left = e;
    if (*stage < ST_BUILTIN_N || *after < 0 || *after == *stage || stands[*after]) return e;
  }
  return NULL;
}

/* In whatever order the file names them. */
static bool stages_insert(struct load *l)
{
  bool stands[STATUS_MAX] = { false };
  const struct conf_entry *e, *left;
  int stage, after;
  for (int i = 0; i < ST_BUILTIN_N; i++) stands[i] = true;
  while ((e = stage_ready(l, stands, &stage, &after, &left))) {
    if (after < 0) return load_fail(l, e, "unknown stage %s", e->value);
    if (stage < ST_BUILTIN_N)
      return load_fail(l, e, "%s is built in: only next can move it", l->t->stage[stage].name);
    if (!stage_insert(l, e, stage, after)) return false;
    stands[stage] = true;
  }
  return !left || load_fail(l, left, "stages of yours stand after one another in a circle");
}

static bool stages_wire(struct load *l)
{
  if (!stages_set(l) || !stages_insert(l)) return false;
  for (size_t i = 0; i < l->conf->n; i++) {
    const struct conf_entry *e = &l->conf->at[i];
    const char *name = stage_section(e);
    if (name && !strcmp(e->key, "next") && !stage_next(l, e, status_find(l->t, name))) return false;
  }
  return true;
}

/* Every stage can be reached from pending and leads to completed, forward and by moves that are ours or the system's:
 * to cancel and to reopen is no way on. */
static bool table_sound(struct load *l)
{
  const unsigned any = CMD | SYS;
  int way[STATUS_MAX];
  struct status_table *t = arena_new(l->a, struct status_table);
  *t = *l->t, t->moves = 0;
  for (int i = 0; i < l->t->moves; i++)
    if (l->t->move[i].forward) t->move[t->moves++] = l->t->move[i];
  for (int s = 0; s < t->stages; s++) {
    const struct stage *g = &t->stage[s];
    if (s != ST_PENDING && s != ST_CANCELLED && !status_way(t, ST_PENDING, s, any, way))
      return load_fail(l, NULL, "stage %s cannot be reached from pending", g->name);
    if (!g->terminal && !status_way(t, s, ST_COMPLETED, any, way))
      return load_fail(l, NULL, "stage %s is a dead end: nothing leads from it to completed", g->name);
    if (g->remind_ms && g->escalate_ms && g->escalate_ms < g->remind_ms)
      return load_fail(l, NULL, "stage %s escalates before it reminds", g->name);
  }
  return true;
}

static bool clock_parse(const char *s, int *min)
{
  if (strlen(s) != 5 || s[2] != ':' || strspn(s, "0123456789:") != 5) return false;
  int h = (s[0] - '0') * 10 + s[1] - '0', m = (s[3] - '0') * 10 + s[4] - '0';
  if (h > 24 || m > 59 || (h == 24 && m)) return false;
  *min = h * 60 + m;
  return true;
}

static bool zone_parse(const char *s, int *min)
{
  int sign = *s == '-' ? -1 : 1;
  if ((*s != '+' && *s != '-') || !clock_parse(s + 1, min) || *min > 14 * 60) return false;
  *min *= sign;
  return true;
}

static bool calendar_days(struct load *l, const struct conf_entry *e, struct calendar *c)
{
  static const char *const names[] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun" };
  const char *word[8];
  int n = words_split(l->a, e->value, word, 7);
  c->days = 0;
  for (int i = 0; i < n; i++) {
    int d = word_index(word[i], names, 7);
    if (d < 0) return load_fail(l, e, "%s is no day (mon … sun)", word[i]);
    c->days |= 1u << d;
  }
  return c->days || load_fail(l, e, "at least one day is worked");
}

static bool calendar_holidays(struct load *l, const struct conf_entry *e, struct calendar *c)
{
  const char *word[COUNT(c->holidays)];
  int n = words_split(l->a, e->value, word, (int)COUNT(c->holidays));
  if (n < 0) return load_fail(l, e, "more than %zu holidays", COUNT(c->holidays));
  for (int i = 0; i < n; i++) {
    int64_t ms;
    if (!time_parse_loose(word[i], c->zone_min, &ms))
      return load_fail(l, e, "%s is no date (2026-10-01)", word[i]);
    struct civil d = time_civil(ms, c->zone_min);
    c->holidays[i] = d.year * 10000 + d.month * 100 + d.day;
  }
  c->holidays_n = n;
  return true;
}

static bool calendar_load(struct load *l)
{
  static const char *const keys[] = { "zone", "hours", "days", "holidays" };
  struct calendar *c = &l->t->calendar;
  for (size_t i = 0; i < l->conf->n; i++) {
    const struct conf_entry *e = &l->conf->at[i];
    if (strcmp(e->section, "calendar")) continue;
    const char *near = word_nearest(e->key, keys, COUNT(keys));
    bool ok;
    switch (word_index(e->key, keys, COUNT(keys))) {
    case 0:
      if (!zone_parse(e->value, &c->zone_min)) return load_fail(l, e, "%s is no zone (+08:00)", e->value);
      break;
    case 1: {
      const char *dash = strchr(e->value, '-');
      ok = dash && clock_parse(arena_strn(l->a, e->value, (size_t)(dash - e->value)), &c->from_min) &&
           clock_parse(dash + 1, &c->to_min) && c->from_min < c->to_min;
      if (!ok) return load_fail(l, e, "%s are no hours (09:00-18:00)", e->value);
      break;
    }
    case 2:
      if (!calendar_days(l, e, c)) return false;
      break;
    case 3:
      if (!calendar_holidays(l, e, c)) return false;
      break;
    default:
      return load_fail(l, e, "[calendar] has no key %s%s%s", e->key, near ? "; did you mean " : "",
                       near ? near : "");
    }
  }
  return true;
}

bool status_table_load(struct arena *a, const struct conf *c, struct status_table *t, const char **why)
{
  struct load l = { a, c, t, why };
  status_table_default(t);
  return stages_name(&l) && stages_wire(&l) && calendar_load(&l) && table_sound(&l);
}
