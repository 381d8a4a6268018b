/* A naive model beside the real engine: the same random histories, compared after every step (domain 2, 3, 4).
 *
 *   sim-model [--slice] [--histories N] [--steps N] [--seed S] [--seconds N] [--window] [-v]
 *
 * The model is written from the text of the domain, with simple lists: it knows how an address and a phone are read
 * and when a deadline falls, and nothing else of the engine. What it checks after every step: the orders there are,
 * what each command answered, statuses and what the channels say, holds, who is in a group with whom and which groups
 * are locked, deadlines, reminders, the moves in the history, open exceptions, the inbox, versions; that a refused
 * command changed nothing; now and then every invariant that the file can show; and that the same seed writes the
 * same bytes. A history that fails is cut down and printed as a story. */
#include "lib/shop.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MINUTE 60000ll
#define HOUR (60 * MINUTE)
#define WINDOW (72 * HOUR)

/* ---- the little world ---------------------------------------------------------------------------------------------- */

enum { CHANNELS = 6, EXTS = 6, ORDERS = CHANNELS * EXTS, STEPS_MAX = 1000, SENT_MAX = STEPS_MAX + 1, OP_WEIGHTS = 100 };

static const struct {
  const char *name, *family;
  bool merges;
} channels[CHANNELS] = {
  { "shop-a", "shop-a", true }, { "shop-b", "shop-b", true }, { "tm-1", "taobao", true },
  { "tm-2", "taobao", true },   { "dy-1", "dy-1", true },     { "till", "till", false },
};
static const char conf_channels[] = "[channel tm-1]\nfamily = taobao\n[channel tm-2]\nfamily = taobao\n[channel till]\nmerge = no\n";

/* Each history has one of these. */
static const struct {
  const char *conf;
  int64_t window, margin;
  bool remarks, across;
  int most, crowd;
} worlds[] = {
  { "", WINDOW, 4 * HOUR, false, true, 50, 200 },
  { "[merge]\ngroup_max = 3\n", WINDOW, 4 * HOUR, false, true, 3, 200 },
  { "[merge]\nremarks = propose\nmargin = 1h\n", WINDOW, HOUR, true, true, 50, 200 },
  { "[merge]\nacross_channels = no\nwindow = 24h\n", 24 * HOUR, 4 * HOUR, false, false, 50, 200 },
  { "", WINDOW, 4 * HOUR, false, true, 50, 4 }, /* five orders make a crowd */
  { "[merge]\nwindow = 24h\n", 24 * HOUR, 4 * HOUR, false, true, 50, 3 },
  { "[stage paid]\nremind = 1h\nescalate = 2h\n[stage split]\nclock = working\n[stage pre_ship]\nremind = never\n[stage shipped]\nescalate = never\n"
    "[stage pending]\nremind = 1h\nescalate = 1h\n[calendar]\nholidays = 2026-11-11\n", WINDOW, 4 * HOUR, false, true, 50, 200 },
};

static const char *const phones[] = { "13800001111", "+86 138-0000-1111", "13800002222", "13900003333", "138****1111", "138****2222",
                                      "13800001111-7576", "12345", NULL };
static const char *const addresses[] = {
  "文三路100号 示例花园 2幢301室", "浙江省杭州市西湖区文三路100号示例花园2号楼301", "文三路100号 示例花园 2幢302室",
  "文三路100号 示例花园 2幢", "文三路100号 示例花园", "文三路***", "学院路20号 样板公寓 5幢1单元1002室",
};
static const char *const tokens[] = { NULL, NULL, NULL, "OAID-1", "OAID-2" };
static const char *const currencies[] = { "CNY", "CNY", "CNY", "CNY", "CNY", "USD" };
static const char *const services[] = { NULL, NULL, NULL, NULL, NULL, "cold", "standard" };
static const char *const remarks[] = { NULL, NULL, "leave at the door", "call first" };
/* ships: from our own house; merges: nothing speaks against it */
static const struct {
  const char *json;
  bool ships, merges;
} flag_sets[] = { { "", true, true }, { "", true, true },  { "", true, true },  { "", true, true },  { "", true, true },   { "", true, true },
                  { "", true, true }, { "\"cod\"", true, false }, { "\"gift\",\"sealed\"", true, false }, { "\"platform_warehouse\"", false, false } };
static const struct {
  const char *json;
  bool line, order; /* all that the line was worth is given back; 10.00 of the order are */
} refund_sets[] = {
  { "", false, false }, { "", false, false }, { "", false, false }, { "", false, false }, { "", false, false },
  { "{\"refund_id\":\"r1\",\"status\":\"success\",\"amount\":\"4.00\",\"line_id\":\"1\"}", false, false },
  { "{\"refund_id\":\"r1\",\"status\":\"success\",\"amount\":\"10.00\",\"line_id\":\"1\"}", true, false },
  { "{\"refund_id\":\"r1\",\"status\":\"closed\",\"amount\":\"10.00\",\"line_id\":\"1\"}", false, false },
  { "{\"refund_id\":\"r1\",\"status\":\"requested\",\"amount\":\"10.00\"}", false, true },
};
static const char *const reasons[] = { "stock", "address" };

enum { PENDING, PAID, SPLIT, PRODUCING, INSPECTED, PRE_SHIP, SHIPPED, COMPLETED, CANCELLED, STATUSES };
static const char *const statuses[STATUSES] = { "pending", "paid", "split", "producing", "inspected", "pre_ship", "shipped", "completed", "cancelled" };
static const struct {
  const char *word;
  int status;
} words[] = { { "placed", PENDING },  { "paid", PAID },           { "partly_shipped", PAID },
              { "shipped", SHIPPED }, { "completed", COMPLETED }, { "cancelled", CANCELLED } };
enum { PARTLY = 2 };

/* The allowed moves: from, to, who (c command, h channel), what must hold (h no hold, p no parcel left, t a tracking
 * number unless the channel says so), l: the group is locked. */
static const struct {
  int from, to;
  const char *who, *guards;
} moves[] = {
  { PENDING, PAID, "ch", "h" },        { PENDING, CANCELLED, "ch", "" },     { PAID, SPLIT, "c", "h" },          { PAID, CANCELLED, "ch", "p" },
  { PAID, SHIPPED, "h", "hl" },        { SPLIT, PRODUCING, "c", "hl" },      { SPLIT, PRE_SHIP, "c", "hl" },     { SPLIT, CANCELLED, "ch", "p" },
  { SPLIT, SHIPPED, "h", "hl" },       { PRODUCING, INSPECTED, "c", "h" },   { PRODUCING, CANCELLED, "ch", "p" }, { PRODUCING, SHIPPED, "h", "hl" },
  { INSPECTED, PRE_SHIP, "c", "hl" },  { INSPECTED, PRODUCING, "c", "" },    { INSPECTED, CANCELLED, "ch", "p" }, { INSPECTED, SHIPPED, "h", "hl" },
  { PRE_SHIP, SHIPPED, "ch", "htl" },  { PRE_SHIP, SPLIT, "c", "p" },        { PRE_SHIP, CANCELLED, "ch", "p" },  { SHIPPED, COMPLETED, "ch", "h" },
  { CANCELLED, PENDING, "c", "" },
};

enum { X_CANCEL = 1, X_ADDRESS = 2, X_DISAGREES = 4, X_AHEAD = 8, X_OVERDUE = 16 }; /* X_OVERDUE << status */
static const char *const exceptions[] = { "cancel_after_lock", "address_after_lock", "channel_disagrees", "channel_ahead" };

/* What a channel tells, by numbers into the lists above. bytes: two messages may say the same in other bytes. */
struct msg {
  int channel, ext, word, phone, address, token, currency, service, remark, flags, refund, total, parcels, bytes;
  int64_t placed_at, updated_at, ship_by, left_at;
};

static bool same_content(const struct msg *x, const struct msg *y)
{
  struct msg a = *x, b = *y;
  a.updated_at = b.updated_at = 0, a.bytes = b.bytes = 0;
  if (!services[a.service] || !strcmp(services[a.service], "standard")) a.service = 0;
  if (!services[b.service] || !strcmp(services[b.service], "standard")) b.service = 0;
  if (!tokens[a.token]) a.token = 0;
  if (!tokens[b.token]) b.token = 0;
  if (!strcmp(currencies[a.currency], currencies[b.currency])) b.currency = a.currency;
  if (!remarks[a.remark]) a.remark = 0;
  if (!remarks[b.remark]) b.remark = 0;
  if (!strcmp(flag_sets[a.flags].json, flag_sets[b.flags].json)) b.flags = a.flags;
  if (!strcmp(refund_sets[a.refund].json, refund_sets[b.refund].json)) b.refund = a.refund;
  return !memcmp(&a, &b, sizeof a);
}

static void put_time(struct jw *w, const char *key, int64_t ms)
{
  if (ms) jw_ktime(w, key, ms);
}

static char *msg_json(struct arena *a, const struct msg *m)
{
  struct buf b = { 0 };
  struct jw w;
  jw_init(&w, &b), jw_object(&w);
  jw_kstring(&w, "channel", channels[m->channel].name), jw_kstring(&w, "external_id", arena_printf(a, "%d", m->ext + 1));
  jw_kstring(&w, "status", words[m->word].word);
  put_time(&w, "placed_at", m->placed_at), put_time(&w, "updated_at", m->updated_at), put_time(&w, "ship_by", m->ship_by);
  jw_kstring(&w, "currency", currencies[m->currency]), jw_kstring(&w, "total", m->total ? "11.00" : "10.00");
  jw_key(&w, "receiver"), jw_object(&w);
  jw_kstring(&w, "phone", phones[m->phone]), jw_kstring(&w, "token", tokens[m->token]), jw_kstring(&w, "address", addresses[m->address]);
  jw_kstring(&w, "country", "CN"), jw_kstring(&w, "province", "浙江省"), jw_kstring(&w, "city", "杭州市"), jw_kstring(&w, "district", "西湖区");
  jw_object_end(&w);
  jw_key(&w, "lines"), jw_array(&w), jw_object(&w);
  jw_kstring(&w, "line_id", "1"), jw_kstring(&w, "sku", "SKU-A"), jw_kint(&w, "quantity", 1), jw_kstring(&w, "price", "10.00");
  jw_object_end(&w), jw_array_end(&w);
  jw_key(&w, "remarks"), jw_object(&w), jw_kstring(&w, "buyer", remarks[m->remark]), jw_object_end(&w);
  jw_kstring(&w, "service", services[m->service]);
  const char *flags = arena_printf(a, "[%s]", flag_sets[m->flags].json), *refunds = arena_printf(a, "[%s]", refund_sets[m->refund].json);
  jw_key(&w, "flags"), jw_raw(&w, flags, strlen(flags)), jw_key(&w, "refunds"), jw_raw(&w, refunds, strlen(refunds));
  if (m->parcels) {
    jw_key(&w, "shipments"), jw_array(&w), jw_object(&w), jw_kstring(&w, "carrier", "SF");
    if (m->parcels > 1) jw_kstring(&w, "tracking_no", arena_printf(a, "SF%d%d", m->channel, m->ext));
    put_time(&w, "shipped_at", m->left_at);
    jw_object_end(&w), jw_array_end(&w);
  }
  jw_object_end(&w);
  if (m->bytes) buf_str(&b, "  ");
  char *text = arena_strn(a, b.data, b.len);
  buf_release(&b);
  return text;
}

/* ---- the model ---------------------------------------------------------------------------------------------------------- */

struct payload_model {
  int64_t arrival;
  bool known; /* it holds an order, else rubbish */
  enum payload_state state;
  struct msg m;
  uint64_t bytes;
};
struct order_model {
  bool exists, tracking, gone; /* gone: with no_merge for good, because a parcel left */
  struct msg m;
  int status, locked; /* the lock's number; 0: none */
  unsigned holds, open;
  int64_t told_at, left_at, since, due_at, arrival;
  uint64_t bytes; /* of the newest payload that told something */
  int due_step, reminders, overdues;
  uint64_t moves;
};
struct model {
  int world;
  bool narrow; /* few customers with many orders each */
  int64_t now;
  struct order_model order[ORDERS];
  signed char said[ORDERS][ORDERS];
  int locks;
  struct payload_model payload[SENT_MAX * 2];
  int payloads;
  int64_t arrivals;
  const struct status_table *table; /* only for its deadlines */
  signed char agree[COUNT(addresses)][COUNT(addresses)];
  struct phone phone[COUNT(phones)];
};

/* A line or the whole order, which costs 10.00 or 11.00. */
static bool given_back(const struct msg *m)
{
  return refund_sets[m->refund].line || (refund_sets[m->refund].order && !m->total);
}

static bool held(const struct order_model *o)
{
  return o->holds != 0;
}

static bool model_ships(const struct order_model *o)
{
  return o->exists && o->status >= PAID && o->status <= PRE_SHIP && flag_sets[o->m.flags].ships;
}

static bool may_merge(const struct order_model *o)
{
  return flag_sets[o->m.flags].merges && o->m.word != PARTLY && !given_back(&o->m) && !o->left_at && channels[o->m.channel].merges;
}

static bool model_free(const struct order_model *o)
{
  return o->exists && (o->status == PAID || o->status == SPLIT) && may_merge(o) && !held(o) && !o->locked;
}

static bool same_word(const char *x, const char *y)
{
  return !strcmp(x ? x : "", y ? y : "");
}

/* Domain 3.1 to 3.4 for two orders. */
static bool belong_together(const struct model *w, int i, int k)
{
  const struct msg *x = &w->order[i].m, *y = &w->order[k].m;
  if (w->said[i][k]) return w->said[i][k] > 0;
  const char *sx = services[x->service], *sy = services[y->service];
  if (sx && !strcmp(sx, "standard")) sx = NULL;
  if (sy && !strcmp(sy, "standard")) sy = NULL;
  if (!same_word(currencies[x->currency], currencies[y->currency]) || !same_word(sx, sy)) return false;
  if (!worlds[w->world].across && x->channel != y->channel) return false;
  if (worlds[w->world].remarks && !same_word(remarks[x->remark], remarks[y->remark])) return false;
  if (tokens[x->token] && tokens[y->token] && !strcmp(channels[x->channel].family, channels[y->channel].family) &&
      !strcmp(tokens[x->token], tokens[y->token]))
    return true;
  const struct phone *p = &w->phone[x->phone], *q = &w->phone[y->phone];
  if (p->kind != PHONE_FULL || q->kind != PHONE_FULL || strcmp(p->digits, q->digits) != 0) return false;
  return w->agree[x->address][y->address] == ADDR_AGREE;
}

/* Who leads to whom: by a key within the window, or because a person put them together. */
static bool lead_to(const struct model *w, int i, int k)
{
  const struct msg *x = &w->order[i].m, *y = &w->order[k].m;
  if (w->said[i][k] > 0) return true;
  int64_t gap = x->placed_at - y->placed_at;
  if (gap > worlds[w->world].window || -gap > worlds[w->world].window) return false;
  const struct phone *p = &w->phone[x->phone], *q = &w->phone[y->phone];
  if (p->kind == PHONE_FULL && q->kind == PHONE_FULL && !strcmp(p->digits, q->digits)) return true;
  return tokens[x->token] && tokens[y->token] && !strcmp(channels[x->channel].family, channels[y->channel].family) &&
         !strcmp(tokens[x->token], tokens[y->token]);
}

static int earlier(const struct model *w, int i, int k)
{
  const struct msg *x = &w->order[i].m, *y = &w->order[k].m;
  if (x->placed_at != y->placed_at) return x->placed_at < y->placed_at ? -1 : 1;
  int c = strcmp(channels[x->channel].name, channels[y->channel].name);
  return c ? c : x->ext - y->ext; /* one digit each: as text */
}

/* Domain 3.5: may order i stand in this group? In a crowd only people put orders together. */
static bool fits_in(const struct model *w, int i, const int *member, int n, bool crowd)
{
  int64_t first = 0, ship_by = 0;
  bool tied = true;
  for (int m = 0; m < n; m++) {
    const struct msg *o = &w->order[member[m]].m;
    if (!m || o->placed_at < first) first = o->placed_at;
    if (o->ship_by && (!ship_by || o->ship_by < ship_by)) ship_by = o->ship_by;
    tied &= w->said[i][member[m]] > 0;
    if (!belong_together(w, i, member[m])) return false;
  }
  if (tied || crowd) return tied; /* a person said so of each */
  int64_t placed = w->order[i].m.placed_at;
  return placed - first <= worlds[w->world].window && (!ship_by || placed <= ship_by - worlds[w->world].margin);
}

/* Those that people tied together, by their earliest; no tie reaches across two that people took apart. */
static void tie_units(const struct model *w, const int *list, int n, int *unit)
{
  for (int i = 0; i < n; i++) unit[i] = i;
  for (int i = 0; i < n; i++)
    for (int k = 0; k < i; k++) {
      if (w->said[list[i]][list[k]] <= 0 || unit[i] == unit[k]) continue;
      bool clash = false;
      for (int x = 0; x < n; x++)
        for (int y = 0; y < n; y++)
          if (unit[x] == unit[i] && unit[y] == unit[k] && w->said[list[x]][list[y]] < 0) clash = true;
      if (clash) continue;
      int low = unit[i] < unit[k] ? unit[i] : unit[k], high = unit[i] < unit[k] ? unit[k] : unit[i];
      for (int x = 0; x < n; x++)
        if (unit[x] == high) unit[x] = low;
    }
}

/* Greedily in the order of the list; group[i] is a number per order, from *groups on. */
static void group_greedily(const struct model *w, const int *list, int n, int *group, int *numbers)
{
  int unit[ORDERS], member[ORDERS][ORDERS], size[ORDERS], groups = 0;
  bool crowd = n > worlds[w->world].crowd;
  tie_units(w, list, n, unit);
  for (int u = 0; u < n; u++) {
    int mine[ORDERS], mine_n = 0, to = -1;
    for (int i = 0; i < n; i++)
      if (unit[i] == u) mine[mine_n++] = list[i];
    if (!mine_n) continue;
    for (int g = 0; g < groups && to < 0; g++) {
      bool fits = size[g] + mine_n <= worlds[w->world].most;
      for (int i = 0; i < mine_n && fits; i++) fits = fits_in(w, mine[i], member[g], size[g], crowd);
      if (fits) to = g;
    }
    if (to < 0) to = groups++, size[to] = 0;
    for (int i = 0; i < mine_n; i++) member[to][size[to]++] = mine[i], group[mine[i]] = *numbers + to;
  }
  *numbers += groups;
}

/* Everybody's group: 0 none, 1… by the rules, ORDERS + 1… alone, 10000… locked. */
static void partition(const struct model *w, int *group)
{
  int list[ORDERS], n = 0;
  for (int i = 0; i < ORDERS; i++) {
    const struct order_model *o = &w->order[i];
    group[i] = o->locked ? 10000 + o->locked : model_ships(o) ? ORDERS + 1 + i : 0;
    if (!model_free(o)) continue;
    int k = n++;
    for (; k && earlier(w, i, list[k - 1]) < 0; k--) list[k] = list[k - 1];
    list[k] = i;
  }
  int numbers = 1, ring[ORDERS], mine[ORDERS];
  for (int i = 0; i < n; i++) ring[i] = i;
  for (bool more = true; more;) { /* rings of orders that lead to one another */
    more = false;
    for (int i = 0; i < n; i++)
      for (int k = 0; k < n; k++)
        if (ring[k] < ring[i] && lead_to(w, list[i], list[k])) ring[i] = ring[k], more = true;
  }
  for (int r = 0; r < n; r++) {
    int mine_n = 0;
    for (int i = 0; i < n; i++)
      if (ring[i] == r) mine[mine_n++] = list[i];
    group_greedily(w, mine, mine_n, group, &numbers);
  }
}

/* A parcel leaves or a person locks: those placed after the parcel left are put out (domain 3.5, 3.7). */
static void lock_with(struct model *w, int i, const int *group, int64_t left_at)
{
  if (w->order[i].locked || !group[i]) return;
  w->locks++;
  for (int k = 0; k < ORDERS; k++)
    if (group[k] == group[i] && (!left_at || k == i || w->order[k].m.placed_at < left_at || w->order[k].left_at)) w->order[k].locked = w->locks;
}

/* An order whose parcel is known and that ships is locked, at least alone. */
static void settle(struct model *w, int i)
{
  struct order_model *o = &w->order[i];
  if (model_ships(o) && o->left_at && !o->locked) o->locked = ++w->locks;
}

static void enter(struct model *w, struct order_model *o, int status)
{
  const struct stage *s = &w->table->stage[status];
  o->status = status, o->since = w->now, o->due_at = 0, o->due_step = 0;
  int64_t ms = s->remind_ms ? s->remind_ms : s->escalate_ms;
  if (!ms) return;
  o->due_step = s->remind_ms ? 1 : 2;
  o->due_at = calendar_add(&w->table->calendar, w->now, ms, s->working_time);
}

static const char *allowed(const struct model *w, const struct order_model *o, int to, char who)
{
  (void)w;
  for (size_t i = 0; i < COUNT(moves); i++) {
    if (moves[i].from != o->status || moves[i].to != to || !strchr(moves[i].who, who)) continue;
    if (strchr(moves[i].guards, 'h') && held(o)) return "on_hold";
    if (strchr(moves[i].guards, 'p') && o->left_at) return "parcel_left";
    if (strchr(moves[i].guards, 't') && who == 'c' && !o->tracking) return "no_parcel";
    return strchr(moves[i].guards, 'l') ? "lock" : "";
  }
  return "illegal_transition";
}

/* One allowed move with all that follows; the caller asked allowed() before. */
static void move(struct model *w, int i, int to, char who, bool locks)
{
  struct order_model *o = &w->order[i];
  int group[ORDERS];
  partition(w, group);
  o->open &= ~((unsigned)X_OVERDUE << o->status);
  o->moves = o->moves * 1000003 + (uint64_t)(o->status * 100 + to * 4 + (who == 'c'));
  if (to == SHIPPED && !o->left_at) o->left_at = w->now;
  enter(w, o, to);
  if (to == CANCELLED && o->locked) o->open |= X_CANCEL;
  if (locks) lock_with(w, i, group, to == SHIPPED ? o->left_at : 0);
}

/* What the channel says, as far as it leads forward (domain 4.3, 11: late messages never move back). */
static void follow(struct model *w, int i)
{
  struct order_model *o = &w->order[i];
  int to = words[o->m.word].status;
  if (o->status == to) return;
  if (to == CANCELLED) {
    if (o->status == COMPLETED) return;
    if (o->status == SHIPPED || o->left_at) o->open |= X_CANCEL;
    else move(w, i, CANCELLED, 'h', false);
    return;
  }
  if (o->status == CANCELLED) {
    o->open |= X_DISAGREES;
    return;
  }
  while (o->status < to) {
    int next = o->status == PENDING ? PAID : o->status < SHIPPED ? SHIPPED : COMPLETED;
    if (next > to) return; /* split is further than paid already */
    const char *why = allowed(w, o, next, 'h');
    if (*why && strcmp(why, "lock") != 0) {
      o->open |= X_AHEAD;
      return;
    }
    move(w, i, next, 'h', false); /* a parcel that left has locked it already */
  }
}

static int64_t left_of(const struct model *w, const struct msg *m)
{
  bool gone = m->parcels || m->word == PARTLY || words[m->word].status == SHIPPED || words[m->word].status == COMPLETED;
  if (!gone) return 0;
  return m->parcels && m->left_at ? m->left_at : m->updated_at ? m->updated_at : w->now;
}

static bool same_place(const struct model *w, const struct msg *x, const struct msg *y)
{
  (void)w;
  return same_word(phones[x->phone], phones[y->phone]) && x->address == y->address && same_word(tokens[x->token], tokens[y->token]);
}

static int order_index(const struct msg *m)
{
  return m->channel * EXTS + m->ext;
}

/* Domain 2.3 and 2.4. */
static enum ingest_result tell(struct model *w, const struct msg *m, int64_t arrival, uint64_t bytes, bool kept)
{
  int i = order_index(m);
  struct order_model *o = &w->order[i];
  int group[ORDERS];
  if (!o->exists) {
    *o = (struct order_model){ .exists = true, .m = *m, .told_at = m->updated_at, .arrival = arrival, .bytes = bytes };
    o->left_at = left_of(w, m), o->tracking = m->parcels > 1;
    enter(w, o, words[m->word].status);
    settle(w, i);
    return INGEST_CREATED;
  }
  bool same = same_content(&o->m, m), older = arrival < o->arrival;
  if (m->updated_at ? m->updated_at < o->told_at : !same && o->told_at) return INGEST_STALE;
  bool untimed = !m->updated_at || m->updated_at == o->told_at;
  if (!same && untimed && older) return INGEST_STALE;
  if (m->updated_at > o->told_at) o->told_at = m->updated_at;
  kept |= bytes != o->bytes; /* the very same bytes again are not kept, unless something waits that would be newer */
  for (int p = 0; p < w->payloads; p++)
    kept |= (w->payload[p].state == PAYLOAD_PENDING || w->payload[p].state == PAYLOAD_FAILED) && w->payload[p].arrival > o->arrival;
  if (kept && (!same || !older)) o->arrival = arrival, o->bytes = bytes;
  if (same) return INGEST_UNCHANGED;
  struct msg was = o->m;
  int64_t left = left_of(w, m);
  bool moved = !same_place(w, &was, m), under_way = o->status <= SHIPPED;
  partition(w, group);
  o->m = *m;
  if (m->parcels) o->tracking = m->parcels > 1;
  if (o->locked && moved && under_way) o->open |= X_ADDRESS;
  if (o->locked && given_back(m) && !given_back(&was) && model_ships(o)) o->open |= X_CANCEL;
  if (left && !o->left_at) {
    o->left_at = left;
    if (moved && group[i]) settle(w, i);
    else lock_with(w, i, group, left);
  }
  follow(w, i);
  settle(w, i);
  return INGEST_UPDATED;
}

static void fire_timers(struct model *w)
{
  for (int i = 0; i < ORDERS; i++) {
    struct order_model *o = &w->order[i];
    const struct stage *s = &w->table->stage[o->status];
    while (o->exists && o->due_at && o->due_at <= w->now) {
      if (o->due_step == 1) {
        o->reminders++;
        o->due_step = s->escalate_ms ? 2 : 0;
        o->due_at = s->escalate_ms ? calendar_add(&w->table->calendar, o->since, s->escalate_ms, s->working_time) : 0;
      } else {
        o->overdues++, o->due_at = 0, o->due_step = 0;
        o->open |= (unsigned)X_OVERDUE << o->status;
      }
    }
  }
}

/* ---- the engine as it shows itself ----------------------------------------------------------------------------------------- */

struct order_seen {
  bool exists, locked;
  int64_t id, version, group, due_at, left_at;
  int due_step, holds, status;
  char channel_status[24];
  unsigned open;
  uint64_t moves;
  int reminders, overdues, told; /* told: events that say why the group is what it is */
};
struct sim {
  struct shop shop;
  struct model w;
  struct order_seen seen[ORDERS], before[ORDERS];
  int64_t event; /* the last one read */
  int64_t groups_before[ORDERS * 8][3]; /* id, version, a digest of the members */
  int groups_n;
  struct msg sent[SENT_MAX];
  int sent_n;
  struct arena mem; /* of one step */
  char why[1024];
  bool say;
  int step;
};

static bool differ(struct sim *s, const char *fmt, ...) PRINTF(2, 3);
static bool differ(struct sim *s, const char *fmt, ...)
{
  va_list ap;
  if (*s->why) return false;
  va_start(ap, fmt);
  vsnprintf(s->why, sizeof s->why, fmt, ap);
  va_end(ap);
  return false;
}

static int word_of(const char *text, const char *const *list, int n)
{
  for (int i = 0; i < n; i++)
    if (!strcmp(text, list[i])) return i;
  return -1;
}

static int channel_of(const char *name)
{
  for (int i = 0; i < CHANNELS; i++)
    if (!strcmp(channels[i].name, name)) return i;
  return -1;
}

static const char SQL_ORDERS[] =
  "SELECT o.id, c.name, o.external_id, o.status, o.channel_status, o.version, coalesce(o.group_id, 0), coalesce(g.state, ''), coalesce(o.due_at, 0),"
  " o.due_step, coalesce(o.shipped_at, 0), (SELECT count(*) FROM holds h WHERE h.order_id = o.id)"
  " FROM orders o JOIN channels c ON c.id = o.channel_id LEFT JOIN groups g ON g.id = o.group_id ORDER BY o.id";

static bool see_orders(struct sim *s)
{
  struct stmt *q = db_stmt(s->shop.db, SQL_ORDERS);
  bool ok = true;
  for (int i = 0; i < ORDERS; i++) s->seen[i].exists = false;
  while (stmt_row(q)) {
    int channel = channel_of(stmt_col_text(q, 1)), ext = (int)strtol(stmt_col_text(q, 2), NULL, 10) - 1;
    struct order_seen *o = &s->seen[channel * EXTS + ext];
    if (o->exists) ok = differ(s, "two orders %s:%d", channels[channel].name, ext + 1);
    o->exists = true, o->id = stmt_col_int(q, 0), o->status = word_of(stmt_col_text(q, 3), statuses, STATUSES);
    snprintf(o->channel_status, sizeof o->channel_status, "%s", stmt_col_text(q, 4));
    o->version = stmt_col_int(q, 5), o->group = stmt_col_int(q, 6), o->locked = !strcmp(stmt_col_text(q, 7), "locked");
    o->due_at = stmt_col_int(q, 8), o->due_step = (int)stmt_col_int(q, 9), o->left_at = stmt_col_int(q, 10), o->holds = (int)stmt_col_int(q, 11);
    o->open = 0;
  }
  stmt_end(q);
  return ok;
}

static struct order_seen *seen_by_id(struct sim *s, int64_t id)
{
  for (int i = 0; i < ORDERS; i++)
    if (s->seen[i].exists && s->seen[i].id == id) return &s->seen[i];
  return NULL;
}

static const char SQL_OPEN[] = "SELECT order_id, type FROM exceptions WHERE state = 'open' AND order_id IS NOT NULL";

static bool see_exceptions(struct sim *s)
{
  struct stmt *q = db_stmt(s->shop.db, SQL_OPEN);
  bool ok = true;
  while (stmt_row(q)) {
    struct order_seen *o = seen_by_id(s, stmt_col_int(q, 0));
    const char *type = stmt_col_text(q, 1);
    int x = word_of(type, exceptions, COUNT(exceptions)), stage = strncmp(type, "overdue:", 8) ? -1 : word_of(type + 8, statuses, STATUSES);
    unsigned bit = x >= 0 ? 1u << x : stage >= 0 ? (unsigned)X_OVERDUE << stage : 0;
    if (!o || !bit || (o->open & bit)) ok = differ(s, "exception %s of o_%lld", type, (long long)stmt_col_int(q, 0));
    else o->open |= bit;
  }
  stmt_end(q);
  return ok;
}

static int member_status(const char *data, const char *key)
{
  const char *at = strstr(data, key);
  char word[16] = "";
  if (at) sscanf(at + strlen(key), "%15[a-z_]", word);
  return word_of(word, statuses, STATUSES);
}

static const char SQL_EVENTS[] = "SELECT seq, entity, type, data FROM events WHERE seq > $1 AND kind = 'o' ORDER BY seq";

static bool see_events(struct sim *s)
{
  struct stmt *q = db_stmt(s->shop.db, SQL_EVENTS);
  bool ok = true;
  stmt_int(q, 1, s->event);
  while (stmt_row(q)) {
    struct order_seen *o = seen_by_id(s, stmt_col_int(q, 1));
    const char *type = stmt_col_text(q, 2), *data = stmt_col_text(q, 3);
    s->event = stmt_col_int(q, 0);
    if (!o) ok = differ(s, "an event of no order: %s", data);
    else if (!strcmp(type, "order.reminder")) o->reminders++;
    else if (!strcmp(type, "order.overdue")) o->overdues++;
    else if (!strcmp(type, "order.group")) o->told += strstr(data, "\"because\":[{") != NULL;
    else if (!strcmp(type, "order.status")) {
      int from = member_status(data, "\"from\":\""), to = member_status(data, "\"to\":\"");
      o->moves = o->moves * 1000003 + (uint64_t)(from * 100 + to * 4 + (strstr(data, "\"trigger\":\"command\"") != NULL));
    }
  }
  stmt_end(q);
  return ok;
}

static const char SQL_PAYLOADS[] = "SELECT state, count(*) FROM payloads GROUP BY state";
static const char SQL_MAPPING[] = "SELECT count(*) FROM exceptions WHERE state = 'open' AND type = 'mapping_failed'";

static bool see_payloads(struct sim *s)
{
  int64_t want[4] = { 0 }, got[4] = { 0 }, open = 0;
  for (int i = 0; i < s->w.payloads; i++) want[s->w.payload[i].state]++;
  struct stmt *q = db_stmt(s->shop.db, SQL_PAYLOADS);
  while (stmt_row(q))
    for (int i = 0; i < 4; i++)
      if (!strcmp(stmt_col_text(q, 0), payload_state_name((enum payload_state)i))) got[i] = stmt_col_int(q, 1);
  stmt_end(q);
  q = db_stmt(s->shop.db, SQL_MAPPING);
  if (stmt_row(q)) open = stmt_col_int(q, 0);
  stmt_end(q);
  for (int i = PAYLOAD_PENDING; i <= PAYLOAD_DEAD; i++)
    if (got[i] != want[i]) return differ(s, "%lld payloads %s, not %lld", (long long)got[i], payload_state_name((enum payload_state)i), (long long)want[i]);
  if (open != want[PAYLOAD_FAILED]) return differ(s, "%lld exceptions mapping_failed, not %lld", (long long)open, (long long)want[PAYLOAD_FAILED]);
  return true;
}

/* A group whose members or state changed has a new version. */
static const char SQL_GROUPS[] =
  "SELECT g.id, g.version, g.state, coalesce(sum((o.id + 7) * (o.id + 13) * 31), 0) FROM groups g LEFT JOIN orders o ON o.group_id = g.id"
  " GROUP BY g.id ORDER BY g.id";

static bool see_groups(struct sim *s)
{
  struct stmt *q = db_stmt(s->shop.db, SQL_GROUPS);
  bool ok = true;
  int n = 0, at = 0;
  static int64_t now[ORDERS * 8][3];
  while (stmt_row(q) && n < (int)COUNT(now)) {
    int64_t id = stmt_col_int(q, 0), version = stmt_col_int(q, 1), members = stmt_col_int(q, 3) * 5 + stmt_col_text(q, 2)[0];
    now[n][0] = id, now[n][1] = version, now[n][2] = members, n++;
    while (at < s->groups_n && s->groups_before[at][0] < id) at++;
    bool known = at < s->groups_n && s->groups_before[at][0] == id;
    if (known && s->groups_before[at][2] != members && s->groups_before[at][1] >= version)
      ok = differ(s, "g_%lld changed and kept its version %lld", (long long)id, (long long)version);
  }
  stmt_end(q);
  memcpy(s->groups_before, now, sizeof now), s->groups_n = n;
  return ok;
}

/* Proposals are about two orders that could still be put together. */
static const char SQL_PROPOSALS[] =
  "SELECT p.order_a, p.order_b, p.code FROM merge_proposals p JOIN orders a ON a.id = p.order_a JOIN orders b ON b.id = p.order_b"
  " WHERE a.group_id = b.group_id OR a.status NOT IN ('paid', 'split') OR b.status NOT IN ('paid', 'split')";

static bool see_proposals(struct sim *s)
{
  struct stmt *q = db_stmt(s->shop.db, SQL_PROPOSALS);
  bool ok = true;
  while (stmt_row(q))
    ok = differ(s, "o_%lld and o_%lld are proposed (%s) but are together or on their way", (long long)stmt_col_int(q, 0), (long long)stmt_col_int(q, 1),
                stmt_col_text(q, 2));
  stmt_end(q);
  return ok;
}

static const char *name_of(struct sim *s, int i)
{
  return arena_printf(&s->mem, "%s:%d", channels[i / EXTS].name, i % EXTS + 1);
}

#define SAME(field, want)                                                                                           \
  if ((int64_t)(g->field) != (int64_t)(want))                                                                       \
    return differ(s, "%s: " #field " is %lld, not %lld", name_of(s, i), (long long)(g->field), (long long)(want))

static bool compare_order(struct sim *s, int i)
{
  const struct order_model *o = &s->w.order[i];
  const struct order_seen *g = &s->seen[i];
  SAME(exists, o->exists);
  if (!o->exists) return true;
  if (g->status != o->status) return differ(s, "%s is %s, not %s", name_of(s, i), g->status < 0 ? "?" : statuses[g->status], statuses[o->status]);
  if (strcmp(g->channel_status, words[o->m.word].word) != 0)
    return differ(s, "%s: the channel says %s, not %s", name_of(s, i), g->channel_status, words[o->m.word].word);
  SAME(holds, __builtin_popcount(o->holds));
  SAME(open, o->open);
  SAME(locked, o->locked != 0);
  SAME(due_at, o->due_at);
  SAME(due_step, o->due_step);
  SAME(left_at, o->left_at);
  SAME(reminders, o->reminders);
  SAME(overdues, o->overdues);
  if (g->moves != o->moves) return differ(s, "%s: its history shows other moves", name_of(s, i));
  const struct order_seen *b = &s->before[i];
  if (!b->exists) return true;
  if (g->version < b->version) return differ(s, "%s: the version went back", name_of(s, i));
  bool changed = g->status != b->status || strcmp(g->channel_status, b->channel_status) != 0 || g->group != b->group || g->holds != b->holds;
  if (changed && g->version == b->version) return differ(s, "%s changed and kept its version", name_of(s, i));
  if (b->group && g->group && g->group != b->group && g->told == b->told) return differ(s, "%s changed its group without a reason", name_of(s, i));
  return true;
}

static bool compare_groups(struct sim *s)
{
  int want[ORDERS];
  partition(&s->w, want);
  for (int i = 0; i < ORDERS; i++) {
    if (!s->seen[i].exists) continue;
    if (!s->seen[i].group != !want[i]) return differ(s, "%s has %s group", name_of(s, i), want[i] ? "no" : "a");
    for (int k = 0; k < i; k++) {
      if (!s->seen[k].exists || !want[i] || !want[k]) continue;
      bool is = s->seen[i].group == s->seen[k].group, should = want[i] == want[k];
      if (is != should) return differ(s, "%s and %s are %s, not %s", name_of(s, k), name_of(s, i), is ? "together" : "apart", should ? "together" : "apart");
    }
  }
  return true;
}

static bool compare(struct sim *s)
{
  memcpy(s->before, s->seen, sizeof s->seen);
  if (!see_orders(s) || !see_exceptions(s) || !see_events(s) || !see_payloads(s)) return false;
  for (int i = 0; i < ORDERS; i++)
    if (!compare_order(s, i)) return false;
  return compare_groups(s) && see_groups(s) && see_proposals(s);
}

static void say_breach(void *arg, const char *text)
{
  differ(arg, "check: %s", text);
}

static bool check(struct sim *s)
{
  struct arena a = { 0 };
  int n = view_check(s->shop.db, &a, &s->shop.rules.status, &s->shop.rules.merge, say_breach, s);
  arena_release(&a);
  return n == 0 || differ(s, "check found %d breaches", n);
}

/* ---- all that the file holds, as one digest ------------------------------------------------------------------------------------ */

static const char SQL_TABLES[] = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'counters' ORDER BY name";

static void digest_table(struct db *db, const char *table, uint64_t *h)
{
  char sql[128];
  snprintf(sql, sizeof sql, "SELECT * FROM \"%.60s\"", table);
  struct stmt *q = db_prepare(db, sql);
  while (stmt_row(q))
    for (int i = 0; i < stmt_cols(q); i++) {
      size_t n = 0;
      const void *p = stmt_col_blob(q, i, &n);
      *h = hash64(p ? p : "", p ? n : 0, *h + (p != NULL));
    }
  stmt_end(q);
  stmt_drop(q);
}

static uint64_t digest(struct sim *s)
{
  char names[64][64];
  int n = 0;
  uint64_t h = 1;
  struct stmt *q = db_stmt(s->shop.db, SQL_TABLES);
  while (stmt_row(q) && n < 64) snprintf(names[n++], sizeof names[0], "%s", stmt_col_text(q, 0));
  stmt_end(q);
  for (int i = 0; i < n; i++) digest_table(s->shop.db, names[i], &h);
  return h;
}

/* ---- operations --------------------------------------------------------------------------------------------------------------------- */

struct op {
  int kind;
  uint64_t seed;
};

static uint64_t splitmix(uint64_t *seed)
{
  uint64_t z = *seed += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

static uint64_t pick(uint64_t *seed, uint64_t n)
{
  return splitmix(seed) % n;
}

static void note(struct sim *s, const char *text)
{
  if (s->say) printf("%s\n", text);
}

/* Runs a command; what it must answer is known. code: NULL for any. A refusal changes nothing. */
static struct cmd *run(struct sim *s, const char *name, const char *target, const char *body, enum err want, const char *code)
{
  bool changes = !want && !s->shop.dry_run;
  uint64_t before = changes ? 0 : digest(s);
  struct cmd *c = shop_run(&s->shop, name, target, body);
  if (c->job.err && !cmd_err(c)) c->job.err = ERR_OK; /* a dry run that went through */
  bool take = !strcmp(name, "order.ingest");
  note(s, arena_printf(&s->mem, "%s%s%s%s%s => %s", take ? s->shop.defer ? "# taken only: take" : s->shop.dry_run ? "# dry: take" : "take" : name, target ? " " : "", target ? target : "",
                       body ? " " : "", body ? body : "", err_code(c->job.err)));
  const char *got = c->problem.code ? c->problem.code : err_code(c->job.err);
  if (c->job.err != want || (want && code && strcmp(got, code) != 0))
    differ(s, "%s %s %s answers %s, not %s", name, target ? target : "", body ? body : "", got, want && code ? code : err_code(want));
  if (!changes && digest(s) != before) differ(s, "%s %s changed something", name, target ? target : "");
  return c;
}

static void finish(struct sim *s, const char *name, const char *target, const char *body, enum err want, const char *code)
{
  cmd_free(run(s, name, target, body, want, code));
}

static int64_t some_time(uint64_t *r, int64_t base)
{
  static const int64_t gaps[] = { 0, 0, 1, MINUTE, HOUR, 5 * HOUR, 20 * HOUR, 24 * HOUR, 24 * HOUR + 1, 48 * HOUR, 71 * HOUR,
                                  WINDOW, WINDOW, WINDOW + 1, 100 * HOUR, 144 * HOUR };
  return base + gaps[pick(r, COUNT(gaps))];
}

/* One member of the message anew. */
static void msg_change(struct model *w, struct msg *m, int member, uint64_t *r)
{
  static const int usual[] = { 1, 1, 1, 1, 1, 1, 0, 0, 2, 3, 3, 4, 5, 5 }; /* mostly paid */
  static const int64_t dates[] = { 3 * HOUR, 4 * HOUR, 10 * HOUR, 50 * HOUR, 80 * HOUR };
  switch (member) {
  case 0: m->word = usual[pick(r, COUNT(usual))]; break;
  case 1: m->phone = (int)(w->narrow && pick(r, 12) ? pick(r, 2) : pick(r, 3) ? pick(r, 3) : pick(r, COUNT(phones))); break;
  case 2: m->address = (int)(w->narrow && pick(r, 12) ? pick(r, 2) : pick(r, 2) ? pick(r, 4) : pick(r, COUNT(addresses))); break;
  case 3: m->token = (int)pick(r, COUNT(tokens)); break;
  case 4: m->currency = (int)pick(r, COUNT(currencies)); break;
  case 5: m->service = (int)pick(r, COUNT(services)); break;
  case 6: m->remark = (int)pick(r, COUNT(remarks)); break;
  case 7: m->flags = (int)pick(r, COUNT(flag_sets)); break;
  case 8: m->refund = (int)pick(r, COUNT(refund_sets)); break;
  case 9: m->placed_at = some_time(r, 1794300000000 - 40 * HOUR); break;
  case 10: m->ship_by = pick(r, 3) ? 0 : m->placed_at + dates[pick(r, COUNT(dates))]; break;
  case 11:
    m->parcels = pick(r, 4) ? 0 : 1 + (int)pick(r, 2);
    m->left_at = m->parcels && pick(r, 4) ? some_time(r, 1794300000000 - 60 * HOUR) : 0;
    break;
  case 12: m->total = (int)pick(r, 2); break;
  default: break;
  }
}

static struct msg msg_new(struct sim *s, uint64_t *r)
{
  static const int rare[] = { 4, 5, 6, 7, 8, 10, 11 };
  struct msg m = { .channel = (int)pick(r, CHANNELS), .ext = (int)pick(r, EXTS) };
  const struct order_model *o = &s->w.order[order_index(&m)];
  if (o->exists) {
    m = o->m;
    if (pick(r, 10) < 6) msg_change(&s->w, &m, 0, r);
    if (m.word >= PARTLY && m.word <= 4 && pick(r, 2)) msg_change(&s->w, &m, 11, r);
    for (uint64_t n = pick(r, 3); n; n--) msg_change(&s->w, &m, 1 + (int)pick(r, 12), r);
  } else {
    for (int member = 0; member < 4; member++) msg_change(&s->w, &m, member, r);
    msg_change(&s->w, &m, 9, r);
    for (uint64_t n = s->w.narrow ? !pick(r, 3) : pick(r, 4); n; n--) msg_change(&s->w, &m, rare[pick(r, COUNT(rare))], r);
  }
  m.bytes = (int)pick(r, 2);
  m.updated_at = 0;
  if (pick(r, 5) < 2) m.updated_at = (o->told_at ? o->told_at : 1794300000000) + ((int64_t)pick(r, 5) - 2) * MINUTE;
  return m;
}

static uint64_t bytes_of(const char *json)
{
  return hash64(json, strlen(json), 5);
}

static struct payload_model *payload_new(struct sim *s, const struct msg *m, const char *json, enum payload_state state)
{
  struct payload_model *p = &s->w.payload[s->w.payloads++];
  *p = (struct payload_model){ .arrival = ++s->w.arrivals, .known = m != NULL, .state = state, .bytes = bytes_of(json) };
  if (m) p->m = *m;
  return p;
}

static void take(struct sim *s, const struct msg *m)
{
  const char *json = msg_json(&s->mem, m);
  s->sent[s->sent_n++] = *m;
  if (s->shop.defer) {
    payload_new(s, m, json, PAYLOAD_PENDING);
    finish(s, "order.ingest", NULL, json, ERR_OK, NULL);
    return;
  }
  enum ingest_result want = tell(&s->w, m, ++s->w.arrivals, bytes_of(json), false);
  struct cmd *c = run(s, "order.ingest", NULL, json, ERR_OK, NULL);
  if (!c->job.err && c->numbers[2] != (int64_t)want)
    differ(s, "%s is %s, not %s", json, ingest_result_name((enum ingest_result)c->numbers[2]), ingest_result_name(want));
  cmd_free(c);
}

static void op_take(struct sim *s, uint64_t *r)
{
  struct msg m = msg_new(s, r);
  take(s, &m);
}

static void op_again(struct sim *s, uint64_t *r)
{
  if (!s->sent_n) return;
  struct msg m = s->sent[pick(r, (uint64_t)s->sent_n)];
  if (!pick(r, 4)) m.bytes = !m.bytes;
  take(s, &m);
}

static void op_defer(struct sim *s, uint64_t *r)
{
  s->shop.defer = true;
  if (pick(r, 4)) op_take(s, r);
  else op_again(s, r);
  s->shop.defer = false;
}

static void op_apply(struct sim *s, uint64_t *r)
{
  (void)r;
  for (int i = 0; i < s->w.payloads; i++) {
    struct payload_model *p = &s->w.payload[i];
    if (p->state == PAYLOAD_PENDING) tell(&s->w, &p->m, p->arrival, p->bytes, true), p->state = PAYLOAD_APPLIED;
  }
  finish(s, "payloads.apply", NULL, NULL, ERR_OK, NULL);
}

static void op_put(struct sim *s, uint64_t *r)
{
  struct msg m = msg_new(s, r);
  bool known = pick(r, 3);
  const char *raw = known ? msg_json(&s->mem, &m) : "no order at all";
  struct buf b = { 0 };
  struct jw w;
  jw_init(&w, &b), jw_object(&w), jw_kstring(&w, "channel", channels[m.channel].name), jw_kstring(&w, "raw", raw);
  jw_key(&w, "error"), jw_object(&w), jw_kstring(&w, "code", "x"), jw_kstring(&w, "detail", "y"), jw_object_end(&w), jw_object_end(&w);
  payload_new(s, known ? &m : NULL, raw, PAYLOAD_FAILED);
  finish(s, "payload.put", NULL, b.data, ERR_OK, NULL);
  buf_release(&b);
}

/* The engine's number of a payload: the same order of arrival, but what was applied at once has one too. */
static const char SQL_WAITING[] = "SELECT id FROM payloads WHERE order_id IS NULL OR state <> 'applied' OR attempts > 0 ORDER BY id";

static const char *payload_name(struct sim *s, int at)
{
  struct stmt *q = db_stmt(s->shop.db, SQL_WAITING);
  int64_t id = 0;
  for (int i = 0; i <= at && stmt_row(q); i++) id = stmt_col_int(q, 0);
  stmt_end(q);
  return arena_printf(&s->mem, "p_%lld", (long long)id);
}

static void op_retry(struct sim *s, uint64_t *r)
{
  if (!s->w.payloads) return;
  int at = (int)pick(r, (uint64_t)s->w.payloads);
  struct payload_model *p = &s->w.payload[at];
  const char *name = payload_name(s, at), *body = "{}";
  bool mended = !pick(r, 3);
  struct msg m = p->known && !mended ? p->m : msg_new(s, r);
  if (mended) body = arena_printf(&s->mem, "{\"order\":%s}", msg_json(&s->mem, &m));
  if (p->state != PAYLOAD_FAILED && p->state != PAYLOAD_PENDING) {
    finish(s, "payload.retry", name, body, ERR_CONFLICT, "not_failed");
    return;
  }
  if (p->known || mended) tell(&s->w, &m, p->arrival, p->bytes, true), p->state = PAYLOAD_APPLIED;
  else p->state = PAYLOAD_FAILED;
  finish(s, "payload.retry", name, body, ERR_OK, NULL);
}

static void op_retry_all(struct sim *s, uint64_t *r)
{
  (void)r;
  for (int i = 0; i < s->w.payloads; i++) {
    struct payload_model *p = &s->w.payload[i];
    if (p->state == PAYLOAD_FAILED && p->known) tell(&s->w, &p->m, p->arrival, p->bytes, true), p->state = PAYLOAD_APPLIED;
  }
  finish(s, "payload.retry_all", NULL, "{}", ERR_OK, NULL);
}

static void op_discard(struct sim *s, uint64_t *r)
{
  if (!s->w.payloads) return;
  int at = (int)pick(r, (uint64_t)s->w.payloads);
  struct payload_model *p = &s->w.payload[at];
  bool open = p->state == PAYLOAD_FAILED || p->state == PAYLOAD_PENDING;
  if (open) p->state = PAYLOAD_DEAD;
  finish(s, "payload.discard", payload_name(s, at), "{\"note\":\"x\"}", open ? ERR_OK : ERR_CONFLICT, "not_failed");
}

/* An order that is there, mostly; -1 when none is. */
static int some_order(struct sim *s, uint64_t *r)
{
  int from = (int)pick(r, ORDERS);
  for (int i = 0; i < ORDERS; i++)
    if (s->w.order[(from + i) % ORDERS].exists) return (from + i) % ORDERS;
  return -1;
}

/* Of two the one whose status is less advanced: histories are to get far, but not too fast. */
static int some_live_order(struct sim *s, uint64_t *r)
{
  int i = some_order(s, r), k = some_order(s, r);
  return i >= 0 && s->w.order[k].status < s->w.order[i].status ? k : i;
}

/* Sometimes the version is asked for, sometimes a wrong one. */
static const char *version_asked(struct sim *s, int i, uint64_t *r, bool *stale)
{
  uint64_t n = pick(r, 12);
  *stale = n == 0;
  if (n > 3) return "";
  return arena_printf(&s->mem, ",\"if_version\":%lld", (long long)(s->seen[i].version + (n == 0)));
}

static void op_move(struct sim *s, uint64_t *r)
{
  int i = some_live_order(s, r), to = (int)pick(r, STATUSES);
  bool stale;
  if (i < 0) return;
  struct order_model *o = &s->w.order[i];
  for (int n = 0; n < 3 && !strcmp(allowed(&s->w, o, to, 'c'), "illegal_transition"); n++) to = (int)pick(r, STATUSES);
  const char *body = arena_printf(&s->mem, "{\"to\":\"%s\"%s}", statuses[to], version_asked(s, i, r, &stale)), *why = allowed(&s->w, o, to, 'c');
  bool refused = *why && strcmp(why, "lock") != 0;
  if (!stale && !refused) move(&s->w, i, to, 'c', *why), settle(&s->w, i);
  finish(s, "order.move", name_of(s, i), body, stale ? ERR_STALE : refused ? ERR_CONFLICT : ERR_OK, stale ? "stale_version" : why);
}

static void op_cancel(struct sim *s, uint64_t *r)
{
  int i = some_live_order(s, r);
  bool stale;
  if (i < 0) return;
  const char *body = arena_printf(&s->mem, "{\"reason\":\"x\"%s}", version_asked(s, i, r, &stale)), *why = allowed(&s->w, &s->w.order[i], CANCELLED, 'c');
  if (!stale && !*why) move(&s->w, i, CANCELLED, 'c', false);
  finish(s, "order.cancel", name_of(s, i), body, stale ? ERR_STALE : *why ? ERR_CONFLICT : ERR_OK, stale ? "stale_version" : why);
}

static void op_hold(struct sim *s, uint64_t *r)
{
  int i = some_live_order(s, r), reason = (int)pick(r, COUNT(reasons));
  bool stale;
  if (i < 0) return;
  struct order_model *o = &s->w.order[i];
  const char *body = arena_printf(&s->mem, "{\"reason\":\"%s\"%s}", reasons[reason], version_asked(s, i, r, &stale));
  bool over = o->status >= COMPLETED, is_new = !(o->holds >> reason & 1);
  if (!stale && !over) {
    o->holds |= 1u << reason;
    if (is_new && o->locked && model_ships(o)) o->open |= X_CANCEL;
  }
  finish(s, "order.hold", name_of(s, i), body, stale ? ERR_STALE : over ? ERR_CONFLICT : ERR_OK, stale ? "stale_version" : "terminal");
}

static void op_release(struct sim *s, uint64_t *r)
{
  int i = some_order(s, r), reason = (int)pick(r, COUNT(reasons) + 1);
  for (int n = 0; n < 6 && i >= 0 && !held(&s->w.order[i]); n++) i = some_order(s, r);
  if (i < 0) return;
  struct order_model *o = &s->w.order[i];
  unsigned off = reason < (int)COUNT(reasons) ? 1u << reason : ~0u;
  const char *body = reason < (int)COUNT(reasons) ? arena_printf(&s->mem, "{\"reason\":\"%s\"}", reasons[reason]) : "{}";
  bool any = o->holds & off;
  if (any) {
    o->holds &= ~off;
    if (!o->holds) o->open &= ~(unsigned)X_AHEAD, follow(&s->w, i), settle(&s->w, i);
  }
  finish(s, "order.release", name_of(s, i), body, any ? ERR_OK : ERR_CONFLICT, "not_held");
}

static const char *group_name(struct sim *s, int64_t id)
{
  return arena_printf(&s->mem, "g_%lld", (long long)id);
}

/* A group: mostly that of an order, at times one that is empty or not there. */
static int64_t some_group(struct sim *s, uint64_t *r, int *of)
{
  *of = -1;
  int i = some_live_order(s, r);
  int64_t id = pick(r, 8) && i >= 0 ? s->seen[i].group : 1 + (int64_t)pick(r, 30);
  for (int k = 0; k < ORDERS; k++)
    if (s->seen[k].exists && id && s->seen[k].group == id) *of = k;
  return id;
}

/* What group.remove and the like say about a group itself. of: an order of it. */
static const char *group_state(struct sim *s, int64_t id, int of)
{
  bool known = false;
  for (int i = 0; i < s->groups_n; i++) known |= s->groups_before[i][0] == id;
  return !known ? "group_not_found" : of < 0 ? "group_empty" : s->w.order[of].locked ? "group_locked" : "";
}

static enum err err_of(const char *why)
{
  return !*why ? ERR_OK : strstr(why, "not_found") ? ERR_NOT_FOUND : ERR_CONFLICT;
}

static void decide(struct model *w, int i, const int *group, int other, int verdict)
{
  for (int k = 0; k < ORDERS; k++)
    if (k != i && w->order[k].exists && group[k] == group[other]) w->said[i][k] = w->said[k][i] = (signed char)verdict;
}

static int mates(const int *group, int of)
{
  int n = 0;
  for (int k = 0; k < ORDERS; k++) n += group[k] == group[of];
  return n;
}

/* Is the order proposed to somebody of this group? What is proposed is not the model's to know. */
static const char SQL_PROPOSED[] = "SELECT 1 FROM merge_proposals WHERE order_a = $1 AND order_b = $2";

static bool is_proposed(struct sim *s, int i, const int *group, int of)
{
  bool any = false;
  for (int k = 0; k < ORDERS; k++) {
    if (group[k] != group[of] || k == i) continue;
    int64_t a = s->seen[i].id, b = s->seen[k].id;
    struct stmt *q = db_stmt(s->shop.db, SQL_PROPOSED);
    stmt_int(q, 1, a < b ? a : b), stmt_int(q, 2, a < b ? b : a);
    any |= stmt_row(q);
    stmt_end(q);
  }
  return any;
}

static void op_remove(struct sim *s, uint64_t *r)
{
  int of, group[ORDERS], i = some_live_order(s, r);
  int64_t id = some_group(s, r, &of);
  if (i < 0) return;
  partition(&s->w, group);
  for (int n = 0; n < 8 && (!group[i] || mates(group, i) < 2); n++) i = some_live_order(s, r);
  if (pick(r, 6)) id = s->seen[i].group, of = id ? i : -1;
  const char *why = group_state(s, id, of);
  bool other = err_of(why) != ERR_NOT_FOUND && (of < 0 || group[i] != group[of]);
  bool refused = other && !*why && is_proposed(s, i, group, of); /* only proposed: it is to stay out */
  if (other && !refused) why = "not_in_group";
  if (!*why && !refused && mates(group, i) < 2) why = "alone";
  if (!*why) decide(&s->w, i, group, refused ? of : i, -1);
  finish(s, "group.remove", group_name(s, id), arena_printf(&s->mem, "{\"order\":\"%s\"}", name_of(s, i)),
         err_of(why), why);
}

static const char *may_add(struct sim *s, int i, const int *group, int of)
{
  const struct order_model *o = &s->w.order[i];
  if (group[i] && group[i] == group[of]) return "in_group";
  if (o->locked) return "group_locked";
  if (!model_free(o)) return "not_free";
  for (int k = 0; k < ORDERS; k++) { /* by place in the group, as the engine looks */
    if (group[k] != group[of]) continue;
    if (!model_free(&s->w.order[k])) return "not_free";
  }
  for (int k = 0; k < ORDERS; k++)
    if (group[k] == group[of] && strcmp(currencies[s->w.order[k].m.currency], currencies[o->m.currency]) != 0) return "other_currency";
  return mates(group, of) + 1 > worlds[s->w.world].most ? "group_full" : "";
}

static void op_add(struct sim *s, uint64_t *r)
{
  int of, group[ORDERS], i = some_live_order(s, r);
  int64_t id = some_group(s, r, &of);
  if (i < 0) return;
  partition(&s->w, group);
  const char *why = group_state(s, id, of);
  if (!*why) why = may_add(s, i, group, of);
  if (!*why) decide(&s->w, i, group, of, 1);
  finish(s, "group.add", group_name(s, id), arena_printf(&s->mem, "{\"order\":\"%s\"}", name_of(s, i)),
         err_of(why), why);
}

static void op_lock(struct sim *s, uint64_t *r)
{
  int of, group[ORDERS];
  int64_t id = some_group(s, r, &of);
  const char *why = group_state(s, id, of);
  partition(&s->w, group);
  if (!*why) lock_with(&s->w, of, group, 0);
  finish(s, "group.lock", group_name(s, id), "{}", err_of(why), why);
}

static const char SQL_SOME_OPEN[] = "SELECT id, order_id, type FROM exceptions WHERE state = 'open' AND order_id IS NOT NULL ORDER BY id LIMIT 1 OFFSET $1";

static void op_resolve(struct sim *s, uint64_t *r)
{
  struct stmt *q = db_stmt(s->shop.db, SQL_SOME_OPEN);
  stmt_int(q, 1, (int64_t)pick(r, 4));
  int64_t id = 0;
  if (stmt_row(q)) {
    struct order_seen *o = seen_by_id(s, stmt_col_int(q, 1));
    const char *type = stmt_col_text(q, 2);
    int x = word_of(type, exceptions, COUNT(exceptions));
    unsigned bit = x >= 0 ? 1u << x : (unsigned)X_OVERDUE << word_of(type + 8, statuses, STATUSES);
    s->w.order[o - s->seen].open &= ~bit;
    id = stmt_col_int(q, 0);
  }
  stmt_end(q);
  if (id) finish(s, "exception.resolve", arena_printf(&s->mem, "x_%lld", (long long)id), "{\"note\":\"done\"}", ERR_OK, NULL);
}

static void op_clock(struct sim *s, uint64_t *r)
{
  static const int64_t steps[] = { MINUTE, HOUR, HOUR, 2 * HOUR, 5 * HOUR, 24 * HOUR, 72 * HOUR, 300 * HOUR };
  int64_t ms = steps[pick(r, COUNT(steps))];
  s->w.now += ms, s->shop.env.now_ms += ms;
  fire_timers(&s->w);
  note(s, arena_printf(&s->mem, "@ +%s", duration_text(&s->mem, ms)));
  for (int i = 0; i < 20; i++) {
    struct cmd *c = shop_run(&s->shop, "timers.fire", NULL, NULL);
    bool more = c->left;
    if (c->job.err) differ(s, "timers.fire fails");
    cmd_free(c);
    if (!more) return;
  }
  differ(s, "timers.fire never ends");
}

static char *world_conf(struct arena *a, int world)
{
  return arena_printf(a, "%s%s", conf_channels, worlds[world].conf);
}

static void op_restart(struct sim *s, uint64_t *r)
{
  (void)r;
  note(s, "restart");
  must(shop_reopen(&s->shop, world_conf(&s->shop.mem, s->w.world)));
  s->shop.rules.merge.crowd_max = worlds[s->w.world].crowd;
  s->w.table = &s->shop.rules.status;
}

static void op_house(struct sim *s, uint64_t *r)
{
  finish(s, pick(r, 2) ? "house.keep" : "search.step", NULL, NULL, ERR_OK, NULL);
}

/* Any of these as a dry run: the same answer, and nothing is changed. */
static void op_dry(struct sim *s, uint64_t *r)
{
  static void (*const any[])(struct sim *, uint64_t *) = { op_take, op_take, op_take, op_again, op_move, op_cancel, op_hold, op_release, op_remove, op_add, op_lock };
  static struct model before;
  before = s->w;
  int sent = s->sent_n;
  s->shop.dry_run = true;
  any[pick(r, COUNT(any))](s, r);
  s->shop.dry_run = false;
  s->w = before, s->sent_n = sent;
}

/* Three kinds of days: the usual one, one of much news, one of people who decide. */
enum { KINDS_OF_DAYS = 3 };
static const struct {
  void (*run)(struct sim *s, uint64_t *r);
  int weight[KINDS_OF_DAYS];
} ops[] = {
  { op_take, { 32, 46, 22 } },   { op_again, { 7, 10, 2 } },   { op_defer, { 5, 10, 2 } },  { op_apply, { 3, 6, 2 } },
  { op_put, { 3, 4, 0 } },       { op_retry, { 3, 4, 0 } },    { op_retry_all, { 1, 1, 1 } }, { op_discard, { 1, 1, 0 } },
  { op_move, { 12, 4, 8 } },     { op_cancel, { 2, 1, 3 } },   { op_hold, { 4, 2, 6 } },    { op_release, { 4, 2, 6 } },
  { op_remove, { 3, 1, 10 } },   { op_add, { 4, 1, 26 } },     { op_lock, { 2, 0, 2 } },    { op_resolve, { 2, 1, 2 } },
  { op_clock, { 5, 1, 2 } },     { op_restart, { 2, 1, 1 } },  { op_house, { 1, 0, 1 } },
  { op_dry, { 4, 4, 4 } },
};

/* ---- histories -------------------------------------------------------------------------------------------------------------------------- */

static const char *where = "/dev/shm";
static int serial;

static void remove_file(const char *path)
{
  char other[300];
  unlink(path);
  snprintf(other, sizeof other, "%s-wal", path), unlink(other);
  snprintf(other, sizeof other, "%s-shm", path), unlink(other);
}

static void model_init(struct model *w, struct sim *s, int world, bool narrow)
{
  struct arena a = { 0 };
  struct addr parsed[COUNT(addresses)];
  *w = (struct model){ .world = world, .narrow = narrow, .now = s->shop.env.now_ms, .table = &s->shop.rules.status };
  for (size_t i = 0; i < COUNT(phones); i++) phone_parse(phones[i], "CN", &w->phone[i]);
  for (size_t i = 0; i < COUNT(addresses); i++) {
    struct addr_text t = { .country = "CN", .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = addresses[i] };
    addr_parse(&a, &t, &parsed[i]);
  }
  for (size_t i = 0; i < COUNT(addresses); i++)
    for (size_t k = 0; k < COUNT(addresses); k++) w->agree[i][k] = (signed char)addr_agree(&a, &parsed[i], &parsed[k], NULL, NULL);
  arena_release(&a);
}

static bool step(struct sim *s, const struct op *op)
{
  uint64_t r = op->seed;
  ops[op->kind].run(s, &r);
  bool ok = !*s->why && compare(s) && (s->step % 20 != 19 || check(s));
  arena_reset(&s->mem);
  s->step++;
  return ok && !*s->why;
}

/* Runs a history; the step that failed, or -1. out: the digest of all that was written. */
static int history(const struct op *op, int n, int kind, bool say, char why[1024], uint64_t *out)
{
  static struct sim s;
  int world = kind % (int)COUNT(worlds);
  char path[256];
  int failed = -1;
  memset(&s, 0, sizeof s);
  snprintf(path, sizeof path, "%s/orderd-model-%d-%d.db", where, (int)getpid(), serial++);
  struct arena a = { 0 };
  must(shop_open(&s.shop, path, world_conf(&a, world)));
  arena_release(&a);
  s.shop.rules.merge.crowd_max = worlds[world].crowd;
  s.say = say;
  if (say)
    for (const char *p = conf_channels, *q = worlds[world].conf; *p || *q;) {
      const char *line = *p ? p : q;
      int len = (int)strcspn(line, "\n");
      printf("conf | %.*s\n", len, line);
      if (*p) p += len + 1;
      else q += len + 1;
    }
  model_init(&s.w, &s, world, kind >= (int)COUNT(worlds));
  for (int i = 0; i < n && failed < 0; i++)
    if (!step(&s, &op[i])) failed = i;
  if (failed < 0 && !check(&s)) failed = n - 1;
  if (why) memcpy(why, s.why, sizeof s.why);
  if (out) *out = digest(&s);
  arena_release(&s.mem);
  shop_close(&s.shop);
  remove_file(path);
  return failed;
}

static void history_make(uint64_t seed, struct op *op, int n)
{
  size_t day = pick(&seed, KINDS_OF_DAYS);
  for (int i = 0; i < n; i++) {
    int at = (int)pick(&seed, OP_WEIGHTS), kind = 0;
    while (at >= ops[kind].weight[day]) at -= ops[kind].weight[day], kind++;
    op[i] = (struct op){ kind, splitmix(&seed) };
  }
}

/* Leaves out what is not needed to fail: halves, quarters, single steps. */
static int history_cut(struct op *op, int n, int kind)
{
  struct op less[STEPS_MAX];
  int was = n + 1;
  for (int part = n / 2; part; was = part > 1 ? was : n, part = part > 1 ? part / 2 : n < was ? 1 : 0)
    for (int at = 0; at + part <= n;) {
      memcpy(less, op, sizeof *op * (size_t)at);
      memcpy(less + at, op + at + part, sizeof *op * (size_t)(n - at - part));
      int failed = history(less, n - part, kind, false, NULL, NULL);
      if (failed < 0) at += part;
      else n = failed + 1, memcpy(op, less, sizeof *op * (size_t)n);
    }
  return n;
}

static bool history_try(uint64_t seed, int steps, bool twice)
{
  static struct op op[STEPS_MAX];
  char why[1024];
  int kind = (int)(seed % (2 * COUNT(worlds)));
  uint64_t once, again;
  history_make(seed, op, steps);
  int failed = history(op, steps, kind, false, why, &once);
  if (failed < 0 && twice) {
    if (history(op, steps, kind, false, why, &again) < 0 && once == again) return true;
    printf("seed %llu: the same history twice wrote two different files\n", (unsigned long long)seed);
    return false;
  }
  if (failed < 0) return true;
  printf("seed %llu, step %d: %s\n", (unsigned long long)seed, failed, why);
  int n = history_cut(op, failed + 1, kind);
  printf("cut down to %d steps:\n", n);
  history(op, n, kind, true, why, NULL);
  printf("# %s\n", why);
  return false;
}

int main(int argc, char **argv)
{
  int histories = 1000, steps = 60, passed = 0, failed = 0;
  int64_t seed = 1, seconds = 0, began = mono_ms();
  for (int i = 1; i < argc; i++) {
    const char *value = i + 1 < argc ? argv[i + 1] : "0";
    if (!strcmp(argv[i], "--slice")) histories = 300;
    else if (!strcmp(argv[i], "--histories")) histories = (int)strtol(value, NULL, 10), i++;
    else if (!strcmp(argv[i], "--steps")) steps = (int)strtol(value, NULL, 10), i++;
    else if (!strcmp(argv[i], "--seed")) seed = strtoll(value, NULL, 10), i++;
    else if (!strcmp(argv[i], "--seconds")) seconds = strtoll(value, NULL, 10), histories = 1 << 30, i++;
    else return fprintf(stderr, "usage: %s [--slice] [--histories N] [--steps N] [--seed S] [--seconds N]\n", argv[0]), 2;
  }
  if (steps < 1 || steps > STEPS_MAX) return fprintf(stderr, "1 to %d steps\n", STEPS_MAX), 2;
  if (access(where, W_OK) != 0) where = "/tmp";
  for (int i = 0; i < histories && failed < 5; i++) {
    if (seconds && mono_ms() - began > seconds * 1000) break;
    if (history_try((uint64_t)seed + (uint64_t)i, steps, i % 10 == 0)) passed++;
    else failed++;
    fflush(stdout);
  }
  printf("%d passed, %d failed\n", passed, failed);
  return failed ? 1 : 0;
}
