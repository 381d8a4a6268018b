/* The grouping of orders that are not locked depends only on the set of orders (domain 3.6).
 *
 *   sim-invariance [--slice] [--sets N] [--seed S] [--seconds N]
 *
 * A set of orders, each with its news in the order in which the channel told them, is applied again and again, every
 * time in another order of arrival, between unrelated orders, some of them taken first and applied later. Each time
 * the partition must be the same; and it must be what the walk says about the whole set at once, without a data base,
 * ring by ring. Some sets carry decisions of people, which are made as soon as the orders are there; some are crowds,
 * and some stand just at the limit of one. */
#include "lib/shop.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MINUTE 60000ll
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

enum { ORDERS_MAX = 450, NEWS_MAX = 4 * ORDERS_MAX, STRANGERS = 6 };

static uint64_t splitmix(uint64_t *seed)
{
  uint64_t z = *seed += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

static int pick(uint64_t *seed, size_t n)
{
  return (int)(splitmix(seed) % n);
}

/* ---- a set ------------------------------------------------------------------------------------------------------------ */

static const char *const channel_names[] = { "b-shop", "a-shop", "tm-1", "tm-2" };
static const char *const families[] = { "b-shop", "a-shop", "taobao", "taobao" };
static const char conf[] = "[channel tm-1]\nfamily = taobao\n[channel tm-2]\nfamily = taobao\n";
static const char *const rooms[] = { "2幢301室", "2幢302室", "2幢", "3幢301室", "" };
static const char *const tokens[] = { NULL, NULL, "OAID-1", "OAID-2" };

struct word { /* one message; the last of an order is what counts in the end */
  int order, channel, phone, room, token;
  bool masked, usd, placed, cancelled;
  int64_t placed_at, ship_by;
  uint64_t luck; /* of its arrival; it keeps it when the set is cut down */
};
struct set {
  struct word word[NEWS_MAX];
  int words, orders;
  struct word last[ORDERS_MAX];
  bool there[ORDERS_MAX];
  int decisions;
  struct {
    int a, b, verdict;
  } decision[64];
  int crowd_max, group_max;
  int64_t window;
};

static struct word word_random(const struct set *s, int order, uint64_t *r, int phones, int64_t span)
{
  static const int64_t gaps[] = { 0, 0, 1, MINUTE, HOUR, 71 * HOUR, 72 * HOUR, 72 * HOUR + 1, 144 * HOUR };
  struct word w = { .order = order, .channel = pick(r, COUNT(channel_names)), .phone = pick(r, (size_t)phones), .token = pick(r, COUNT(tokens)) };
  w.room = pick(r, 3) ? pick(r, 3) : pick(r, COUNT(rooms));
  w.masked = tokens[w.token] && pick(r, 2);
  w.usd = !pick(r, 12);
  w.placed_at = pick(r, 2) ? gaps[pick(r, COUNT(gaps))] : (int64_t)(splitmix(r) % (uint64_t)span) / MINUTE * MINUTE;
  w.ship_by = pick(r, 4) ? 0 : w.placed_at + 3 * HOUR + pick(r, 90) * HOUR;
  (void)s;
  return w;
}

static void set_word(struct set *s, struct word w)
{
  if (!w.luck) w.luck = (uint64_t)s->words + 1;
  s->word[s->words++] = w;
  s->last[w.order] = w, s->there[w.order] = true;
}

/* Orders with some news each. An order keeps its channel: that is who it is. */
static void set_random(struct set *s, uint64_t *r)
{
  int phones = 1 + pick(r, 3);
  int64_t span = (2 + pick(r, 10)) * DAY;
  s->orders = 3 + pick(r, 22), s->crowd_max = pick(r, 3) ? 200 : 3 + pick(r, 10), s->group_max = pick(r, 3) ? 50 : 2 + pick(r, 4);
  s->window = pick(r, 4) ? 72 * HOUR : 24 * HOUR;
  for (int i = 0; i < s->orders; i++) {
    struct word w = word_random(s, i, r, phones, span);
    w.placed = !pick(r, 4);
    set_word(s, w);
    for (int n = pick(r, 3); n; n--) { /* placed, then paid; another address; another time; cancelled at last */
      struct word news = word_random(s, i, r, phones, span);
      news.channel = w.channel;
      if (pick(r, 3)) news.placed_at = w.placed_at, news.phone = w.phone, news.masked = w.masked, news.token = w.token;
      set_word(s, news);
    }
    if (s->last[i].placed) set_word(s, (w = s->last[i], w.placed = false, w.luck = 0, w));
    if (!pick(r, 8)) set_word(s, (w = s->last[i], w.cancelled = true, w.luck = 0, w));
  }
}

/* One phone, so many orders on a chain of days: at the limit of a crowd, or just over it, or two chains and a bridge. */
static void set_crowd(struct set *s, uint64_t *r)
{
  static const int sizes[] = { 199, 200, 201, 205 };
  s->orders = sizes[pick(r, COUNT(sizes))], s->crowd_max = 200, s->group_max = 50, s->window = 72 * HOUR;
  int bridge = pick(r, 2) ? s->orders / 2 : -1;
  for (int i = 0; i < s->orders; i++) {
    struct word w = { .order = i, .channel = pick(r, COUNT(channel_names)), .placed_at = i * 5 * HOUR / 2 };
    if (bridge >= 0) w.placed_at = (i > bridge ? 140 * HOUR : i == bridge ? 71 * HOUR : 0) + i % 97 * MINUTE;
    set_word(s, w);
    if (i == bridge && pick(r, 2)) w.cancelled = true, set_word(s, w);
  }
}

static void set_decide(struct set *s, uint64_t *r)
{
  s->decisions = pick(r, 3) ? 0 : 1 + pick(r, 6);
  for (int i = 0; i < s->decisions; i++) {
    int a = pick(r, (size_t)s->orders), b = pick(r, (size_t)s->orders);
    if (a == b) b = (a + 1) % s->orders;
    s->decision[i].a = a, s->decision[i].b = b, s->decision[i].verdict = pick(r, 2) ? 1 : -1;
  }
}

static const char *word_json(struct arena *a, const struct word *w)
{
  char at[TIME_TEXT], by[TIME_TEXT];
  const int64_t base = 1794200000000;
  const char *ship_by = w->ship_by ? arena_printf(a, ",\"ship_by\":\"%s\"", time_text(base + w->ship_by, by)) : "";
  const char *token = tokens[w->token] ? arena_printf(a, ",\"token\":\"%s\"", tokens[w->token]) : "";
  const char *phone = arena_printf(a, w->masked ? "138****000%d" : "1380000000%d", w->phone);
  return arena_printf(a, "{\"channel\":\"%s\",\"external_id\":\"%d\",\"status\":\"%s\",\"placed_at\":\"%s\"%s,\"currency\":\"%s\","
                         "\"receiver\":{\"phone\":\"%s\",\"address\":\"文三路100号 示例花园 %s\"%s}}",
                      channel_names[w->channel], w->order, w->cancelled ? "cancelled" : w->placed ? "placed" : "paid",
                      time_text(base + w->placed_at, at), ship_by, w->usd ? "USD" : "CNY", phone, rooms[w->room], token);
}

/* ---- what the walk says about all at once ------------------------------------------------------------------------------- */

struct whole {
  const struct set *s;
  struct arena *mem;
  struct merge_order order[ORDERS_MAX];
  int number[ORDERS_MAX]; /* place in the list -> order */
};

static int whole_said(void *arg, int64_t a, int64_t b)
{
  const struct set *s = ((struct whole *)arg)->s;
  int verdict = 0;
  for (int i = 0; i < s->decisions; i++)
    if ((s->decision[i].a == a && s->decision[i].b == b) || (s->decision[i].a == b && s->decision[i].b == a)) verdict = s->decision[i].verdict;
  return verdict;
}

static struct merge_order whole_order(struct whole *w, const struct word *x)
{
  struct arena *a = w->mem;
  struct faults f = { .mem = a };
  const char *text = shop_order(a, word_json(a, x));
  struct draft *d = draft_parse(a, json_parse(a, text, strlen(text), 1000, &f), "", &f);
  must(d);
  draft_keys(d, families[x->channel]);
  return (struct merge_order){ .id = x->order, .channel_id = x->channel, .placed_at = d->placed_at, .ship_by = d->ship_by, .channel = d->channel,
    .external_id = d->external_id, .family = families[x->channel], .contact_key = d->contact_key, .token_key = d->token_key,
    .phone = d->receiver_phone, .token = d->token, .currency = d->currency, .free = true,
    .where = { d->country, d->province, d->city, d->district, d->town, d->address, d->zip } };
}

static int64_t whole_token(const struct merge_order *o)
{
  return o->token_key ? o->token_key : o->contact_key < 0 ? o->contact_key : 0;
}

static bool whole_linked(struct whole *w, const struct merge_order *x, const struct merge_order *y)
{
  int64_t gap = x->placed_at - y->placed_at;
  if (whole_said(w, x->id, y->id) > 0) return true;
  if (gap > w->s->window || -gap > w->s->window) return false;
  bool phone = x->contact_key > 0 && (uint32_t)x->contact_key && x->contact_key == y->contact_key;
  return phone || (whole_token(x) && whole_token(x) == whole_token(y));
}

/* group[order] is the number of an order of the same group; -1: none. */
static void whole_groups(const struct set *s, int *group)
{
  static struct whole w;
  struct arena a = { 0 };
  struct merge_rules rules = { .window_ms = s->window, .margin_ms = 4 * HOUR, .across_channels = true, .group_max = s->group_max };
  int n = 0, ring[ORDERS_MAX];
  w.s = s, w.mem = &a;
  for (int i = 0; i < s->orders; i++) {
    group[i] = -1;
    if (!s->there[i] || s->last[i].cancelled || s->last[i].placed) continue;
    w.order[n] = whole_order(&w, &s->last[i]), w.number[n] = i, ring[n] = n, n++;
  }
  for (bool more = true; more;) {
    more = false;
    for (int i = 0; i < n; i++)
      for (int k = 0; k < n; k++)
        if (ring[k] < ring[i] && whole_linked(&w, &w.order[i], &w.order[k])) ring[i] = ring[k], more = true;
  }
  for (int r = 0; r < n; r++) {
    struct merge_order *list[ORDERS_MAX];
    size_t out[ORDERS_MAX], size = 0;
    int place[ORDERS_MAX];
    for (int i = 0; i < n; i++)
      if (ring[i] == r) place[size] = i, list[size++] = &w.order[i];
    struct merge_rules mine = rules;
    if ((int)size > s->crowd_max) mine.window_ms = -1;
    merge_groups(&a, &mine, list, size, s->decisions ? whole_said : NULL, &w, out);
    for (size_t i = 0; i < size; i++) group[w.number[place[i]]] = w.number[place[out[i]]];
  }
  arena_release(&a);
}

/* ---- the engine, in one order of arrival ---------------------------------------------------------------------------------- */

static const char *where = "/dev/shm";
static int serial;

static void remove_file(const char *path)
{
  char other[300];
  unlink(path);
  snprintf(other, sizeof other, "%s-wal", path), unlink(other);
  snprintf(other, sizeof other, "%s-shm", path), unlink(other);
}

static const char SQL_GROUP[] = "SELECT o.id, coalesce(o.group_id, 0) FROM orders o JOIN channels c ON c.id = o.channel_id WHERE c.name = $1 AND o.external_id = $2";

static int64_t find(struct shop *shop, const struct set *s, int order, int64_t *group)
{
  char ext[16];
  struct stmt *q = db_stmt(shop->db, SQL_GROUP);
  int64_t id = 0;
  snprintf(ext, sizeof ext, "%d", order);
  stmt_text(q, 1, channel_names[s->last[order].channel]), stmt_text(q, 2, ext);
  if (stmt_row(q)) id = stmt_col_int(q, 0), *group = stmt_col_int(q, 1);
  stmt_end(q);
  return id;
}

/* Decisions as rows, as soon as both orders are there: what a person said, without the group that it was said about. */
static bool decide(struct shop *shop, const struct set *s, bool *made)
{
  for (int i = 0; i < s->decisions; i++) {
    int64_t group, a = find(shop, s, s->decision[i].a, &group), b = find(shop, s, s->decision[i].b, &group);
    if (made[i] || !a || !b) continue;
    made[i] = true;
    bool last = true; /* of several about one pair the last counts */
    for (int k = i + 1; k < s->decisions; k++)
      last &= !((s->decision[k].a == s->decision[i].a && s->decision[k].b == s->decision[i].b) ||
                (s->decision[k].a == s->decision[i].b && s->decision[k].b == s->decision[i].a));
    if (!last) continue;
    if (!tx_begin(shop->db)) return false;
    struct cmd *c = cmd_new(CMD_GROUP_ADD, &shop->env.env, &shop->rules, &shop->actor);
    bool ok = !group_decide(shop->db, a, b, s->decision[i].verdict > 0 ? "together" : "apart", "test", c->now_ms) &&
              !order_set_decided(shop->db, a) && !order_set_decided(shop->db, b) && !regroup(c, shop->db, a) && !regroup(c, shop->db, b);
    cmd_free(c);
    if (!tx_commit(shop->db) || !ok) return false;
  }
  return true;
}

static void say_breach(void *arg, const char *text)
{
  printf("  check: %s\n", text);
  (void)arg;
}

static bool stranger(struct shop *shop, int n, int at)
{
  char body[256];
  snprintf(body, sizeof body, "{\"channel\":\"x-%d\",\"external_id\":\"%d\",\"receiver\":{\"phone\":\"1390000000%d\"}}", n % 3, at * 100 + n, n % 3);
  struct arena a = { 0 };
  enum err e = shop_do(shop, "order.ingest", NULL, shop_order(&a, body));
  arena_release(&a);
  return !e;
}

/* Applies the words as they stand; group[order]: the group's number, 0 none. */
static bool apply(const struct set *s, uint64_t luck, bool strangers, int64_t *group)
{
  static struct shop shop;
  char path[256];
  bool made[64] = { false }, ok = true;
  struct arena a = { 0 };
  snprintf(path, sizeof path, "%s/orderd-invariance-%d-%d.db", where, (int)getpid(), serial++);
  const char *text = arena_printf(&a, "%s[merge]\nwindow = %lldh\ngroup_max = %d\n", conf, (long long)(s->window / HOUR), s->group_max);
  must(shop_open(&shop, path, text));
  shop.rules.merge.crowd_max = s->crowd_max;
  for (int i = 0; i < s->words && ok; i++) {
    uint64_t r = luck ^ s->word[i].luck * 0x9e3779b97f4a7c15;
    shop.defer = !pick(&r, 6);
    ok = !shop_do(&shop, "order.ingest", NULL, shop_order(&a, word_json(&a, &s->word[i])));
    shop.defer = false;
    if (strangers && !pick(&r, 3)) ok = ok && stranger(&shop, pick(&r, STRANGERS), i);
    for (int n = i == s->words - 1 ? s->words / 64 + 1 : !pick(&r, 5); n > 0; n--) ok = ok && !shop_do(&shop, "payloads.apply", NULL, NULL);
    ok = ok && decide(&shop, s, made);
    if (i % 32 == 31) arena_reset(&a);
  }
  for (int i = 0; i < s->orders && ok; i++)
    if (group[i] = 0, s->there[i]) ok = find(&shop, s, i, &group[i]) > 0;
  ok = ok && !view_check(shop.db, &a, &shop.rules.status, &shop.rules.merge, say_breach, NULL);
  arena_release(&a);
  shop_close(&shop);
  remove_file(path);
  return ok;
}

/* ---- sets ------------------------------------------------------------------------------------------------------------------ */

/* Any order of arrival in which the news of one order stay in order. */
static void shuffle(const struct set *s, int *turn, uint64_t *r)
{
  int next[ORDERS_MAX] = { 0 }, at[NEWS_MAX];
  for (int i = 0; i < s->words; i++) at[i] = s->word[i].order;
  for (int i = s->words - 1; i > 0; i--) {
    int k = pick(r, (size_t)i + 1), swap = at[i];
    at[i] = at[k], at[k] = swap;
  }
  for (int i = 0; i < s->words; i++) { /* the next word of this order */
    while (s->word[next[at[i]]].order != at[i]) next[at[i]]++;
    turn[i] = next[at[i]]++;
  }
}

static bool same_partition(const struct set *s, const int *want, const int64_t *got, int *x, int *y)
{
  for (*x = 0; *x < s->orders; ++*x)
    for (*y = 0; *y <= *x; ++*y) {
      if ((want[*x] < 0) != (got[*x] == 0)) return false;
      if (want[*x] >= 0 && want[*y] >= 0 && (want[*x] == want[*y]) != (got[*x] == got[*y])) return false;
    }
  return true;
}

static void set_print(const struct set *s)
{
  struct arena a = { 0 };
  printf("conf | [merge]\nconf | window = %lldh\nconf | group_max = %d\n# crowd_max %d\n", (long long)(s->window / HOUR), s->group_max, s->crowd_max);
  for (int i = 0; i < s->words; i++) printf("take %s => OK\n", word_json(&a, &s->word[i]));
  for (int i = 0; i < s->decisions; i++) printf("# %d and %d: %s\n", s->decision[i].a, s->decision[i].b, s->decision[i].verdict > 0 ? "together" : "apart");
  arena_release(&a);
}

/* One order of arrival: is all as it should be? x, y: the two orders that are not. */
static bool set_holds(const struct set *s, uint64_t luck, bool strangers, int *x, int *y)
{
  static int want[ORDERS_MAX];
  static int64_t got[ORDERS_MAX];
  whole_groups(s, want);
  *x = *y = -1;
  if (!apply(s, luck, strangers, got)) return false;
  return same_partition(s, want, got, x, y);
}

/* The same set without what is not needed to fail. */
static void set_cut(struct set *s, uint64_t luck, bool strangers)
{
  static struct set less;
  int x, y;
  for (int part = s->words / 2; part; part /= 2)
    for (int at = 0; at + part <= s->words;) {
      less = *s, less.words = 0;
      memset(less.there, 0, sizeof less.there);
      for (int i = 0; i < s->words; i++)
        if (i < at || i >= at + part) set_word(&less, s->word[i]);
      if (set_holds(&less, luck, strangers, &x, &y)) at += part;
      else *s = less;
    }
  for (int i = s->decisions - 1; i >= 0; i--) {
    less = *s;
    for (int k = i + 1; k < s->decisions; k++) less.decision[k - 1] = s->decision[k];
    less.decisions--;
    if (!set_holds(&less, luck, strangers, &x, &y)) *s = less;
  }
}

static bool set_try(uint64_t seed, bool crowd)
{
  static struct set s, turned;
  static int turn[NEWS_MAX];
  uint64_t r = seed;
  int x, y;
  memset(&s, 0, sizeof s);
  if (crowd) set_crowd(&s, &r);
  else set_random(&s, &r), set_decide(&s, &r);
  for (int i = 0; i < s.words; i++) turn[i] = i;
  for (int round = 0; round < (crowd ? 2 : 6); round++) {
    bool strangers = !crowd && round % 2;
    if (round) shuffle(&s, turn, &r);
    turned = s;
    for (int i = 0; i < s.words; i++) turned.word[i] = s.word[turn[i]];
    uint64_t luck = splitmix(&r);
    if (set_holds(&turned, luck, strangers, &x, &y)) continue;
    printf("seed %llu%s, round %d: orders %d and %d\n", (unsigned long long)seed, crowd ? " (crowd)" : "", round, x, y);
    set_cut(&turned, luck, strangers);
    set_holds(&turned, luck, strangers, &x, &y);
    if (x < 0) printf("cut down: a command failed, or the check found something\n");
    else printf("cut down: orders %d and %d should not be %s\n", x, y, "as they are");
    set_print(&turned);
    return false;
  }
  return true;
}

int main(int argc, char **argv)
{
  int sets = 300, crowds = 6, passed = 0, failed = 0;
  int64_t seed = 1, seconds = 0, began = mono_ms();
  for (int i = 1; i < argc; i++) {
    const char *value = i + 1 < argc ? argv[i + 1] : "0";
    if (!strcmp(argv[i], "--slice")) sets = 60, crowds = 2;
    else if (!strcmp(argv[i], "--sets")) sets = (int)strtol(value, NULL, 10), i++;
    else if (!strcmp(argv[i], "--crowds")) crowds = (int)strtol(value, NULL, 10), i++;
    else if (!strcmp(argv[i], "--seed")) seed = strtoll(value, NULL, 10), i++;
    else if (!strcmp(argv[i], "--seconds")) seconds = strtoll(value, NULL, 10), sets = crowds = 1 << 28, i++;
    else return fprintf(stderr, "usage: %s [--slice] [--sets N] [--crowds N] [--seed S] [--seconds N]\n", argv[0]), 2;
  }
  if (access(where, W_OK) != 0) where = "/tmp";
  for (int i = 0; i < sets + crowds && failed < 5; i++) {
    bool crowd = seconds ? i % 50 == 49 : i >= sets;
    if (seconds && mono_ms() - began > seconds * 1000) break;
    if (set_try((uint64_t)seed + (uint64_t)i, crowd)) passed++;
    else failed++;
    fflush(stdout);
  }
  printf("%d passed, %d failed\n", passed, failed);
  return failed ? 1 : 0;
}
