/* Who belongs together (domain 3): a row per reason for two orders, and small scenes for the walk over many. */
#include "domain.h"
#include "test.h"
#include <stdio.h>
#include <stdlib.h>

#define MIN 60000ll
#define HOUR (60 * MIN)
static const struct merge_rules standard = { .window_ms = 72 * HOUR, .margin_ms = 4 * HOUR, .across_channels = true, .group_max = 50 };

struct sample {
  const char *channel, *external_id, *family, *phone, *token, *currency, *service, *address, *remark_buyer, *remark_seller, *remark_flag;
  const char *country;
  int64_t placed_at, ship_by;
};

static struct merge_order order_of(int64_t id, const struct sample *s)
{
  struct draft d = { .channel = s->channel, .receiver_phone = s->phone, .country = s->country, .token = s->token };
  draft_keys(&d, s->family);
  struct merge_order o = { .id = id, .channel_id = s->channel[strlen(s->channel) - 1], .placed_at = s->placed_at, .ship_by = s->ship_by,
                           .channel = s->channel, .external_id = s->external_id, .family = s->family, .contact_key = d.contact_key,
                           .token_key = d.token_key, .phone = s->phone, .token = s->token, .currency = s->currency, .service = s->service,
                           .remark_buyer = s->remark_buyer, .remark_seller = s->remark_seller, .remark_flag = s->remark_flag, .free = true };
  o.where = (struct addr_text){ .country = s->country, .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = s->address };
  return o;
}

/* ---- two orders --------------------------------------------------------------------------------------------------- */

#define HOME "文三路100号 示例花园 2幢301室"
#define BASE .channel = "shop-a", .external_id = "1", .family = "own", .currency = "CNY", .country = "CN"
#define PLAIN BASE, .phone = "13800001111", .address = HOME
#define MASKED BASE, .phone = "138****1111"
#define OTHER .channel = "shop-b", .external_id = "2"

TEST(merge_pair_reasons)
{
  static const struct {
    const char *note;
    struct sample x, y;
    const char *rules; /* c: not across channels, r: a remark that differs only proposes */
    enum merge_verdict verdict;
    const char *code, *part;
  } cases[] = {
    { "one customer", { PLAIN }, { PLAIN }, "", MERGE_TOGETHER, "same_phone_address", "room" },
    { "another way to write it", { PLAIN }, { BASE, .phone = "+86 138 0000 1111", .address = "浙江省杭州市西湖区文三路１００号（家里有人）示例花园2号楼301" }, "",
      MERGE_TOGETHER, "same_phone_address", "room" },
    { "another room", { PLAIN }, { BASE, .phone = "13800001111", .address = "文三路100号 示例花园 2幢302室" }, "", MERGE_APART, "address_differs", "room" },
    { "another building", { PLAIN }, { BASE, .phone = "13800001111", .address = "文三路100号 示例花园 3幢301室" }, "", MERGE_APART, "address_differs",
      "building" },
    { "another number", { PLAIN }, { BASE, .phone = "13800001111", .address = "文三路101号 示例花园 2幢301室" }, "", MERGE_APART, "address_differs",
      "number" },
    { "another road", { PLAIN }, { BASE, .phone = "13800001111", .address = "文二路100号 示例花园 2幢301室" }, "", MERGE_APART, "address_differs",
      "road" },
    { "no room told", { PLAIN }, { BASE, .phone = "13800001111", .address = "文三路100号 示例花园" }, "", MERGE_PROPOSE, "address_probable", NULL },
    { "hardly anything told", { PLAIN }, { BASE, .phone = "13800001111", .address = "西湖区" }, "", MERGE_APART, "address_unclear", NULL },
    { "no address", { PLAIN }, { BASE, .phone = "13800001111" }, "", MERGE_APART, "address_unclear", NULL },
    { "masked address", { PLAIN }, { BASE, .phone = "13800001111", .address = "文三路***" }, "", MERGE_APART, "address_masked", NULL },
    { "another phone", { PLAIN }, { BASE, .phone = "13800001112", .address = HOME }, "", MERGE_APART, "other_phone", NULL },
    { "no phone", { PLAIN }, { BASE, .address = HOME }, "", MERGE_APART, "other_phone", NULL },
    { "neither has one", { BASE, .address = HOME }, { BASE, .address = HOME }, "", MERGE_APART, "other_phone", NULL },
    { "a lent number is no key", { BASE, .phone = "18400913965-7576", .address = HOME }, { BASE, .phone = "18400913965-7576", .address = HOME }, "",
      MERGE_APART, "other_phone", NULL },
    { "a short number is no key", { BASE, .phone = "123456", .address = HOME }, { BASE, .phone = "123456", .address = HOME }, "", MERGE_APART,
      "other_phone", NULL },
    { "masked phone, same place", { PLAIN }, { MASKED, .address = HOME }, "", MERGE_PROPOSE, "phone_masked", "room" },
    { "both masked", { MASKED, .address = HOME }, { MASKED, .address = HOME }, "", MERGE_PROPOSE, "phone_masked", "room" },
    { "masked phone, another place", { PLAIN }, { MASKED, .address = "文三路100号 示例花园 2幢302室" }, "", MERGE_APART, "address_differs", "room" },
    { "masked phone, masked place", { PLAIN }, { MASKED, .address = "文三路***" }, "", MERGE_APART, "address_masked", NULL },
    { "the mask shows other digits", { PLAIN }, { BASE, .phone = "138****1112", .address = HOME }, "", MERGE_APART, "other_phone", NULL },
    { "same token", { MASKED, .token = "T", .address = "**" }, { MASKED, .token = "T", .address = "**" }, "", MERGE_TOGETHER, "same_token", NULL },
    { "another token", { MASKED, .token = "T", .address = "**" }, { MASKED, .token = "U", .address = "**" }, "", MERGE_APART, "other_token", NULL },
    { "same token, another family", { MASKED, .token = "T", .address = "**" },
      { OTHER, .family = "else", .currency = "CNY", .phone = "138****1111", .token = "T", .address = "**" }, "", MERGE_APART, "other_phone", NULL },
    { "token against phone", { PLAIN }, { BASE, .phone = "13800001112", .token = "13800001111", .address = HOME }, "", MERGE_APART, "other_phone",
      NULL },
    { "same token beats another phone and place", { PLAIN, .token = "T" },
      { BASE, .phone = "13900002222", .token = "T", .address = "中山路1号 别处 1幢1室" }, "", MERGE_TOGETHER, "same_token", NULL },
    { "another token, but plainly one customer", { PLAIN, .token = "T" }, { PLAIN, .token = "U" }, "", MERGE_TOGETHER, "same_phone_address", "room" },
    { "a token on one side only", { PLAIN, .token = "T" }, { PLAIN }, "", MERGE_TOGETHER, "same_phone_address", "room" },
    { "currency", { PLAIN }, { .channel = "shop-a", .family = "own", .currency = "USD", .country = "CN", .phone = "13800001111", .address = HOME }, "",
      MERGE_APART, "other_currency", NULL },
    { "currency, same token", { MASKED, .token = "T" },
      { .channel = "shop-a", .family = "own", .currency = "USD", .country = "CN", .phone = "138****1111", .token = "T" }, "", MERGE_APART,
      "other_currency", NULL },
    { "service", { PLAIN }, { PLAIN, .service = "cold" }, "", MERGE_APART, "other_service", NULL },
    { "same service", { PLAIN, .service = "cold" }, { PLAIN, .service = "cold" }, "", MERGE_TOGETHER, "same_phone_address", "room" },
    { "across channels", { PLAIN }, { OTHER, .family = "else", .currency = "CNY", .country = "CN", .phone = "13800001111", .address = HOME }, "",
      MERGE_TOGETHER, "same_phone_address", "room" },
    { "not across channels", { PLAIN }, { OTHER, .family = "else", .currency = "CNY", .country = "CN", .phone = "13800001111", .address = HOME }, "c",
      MERGE_APART, "channel_rule", NULL },
    { "in one channel", { PLAIN }, { PLAIN }, "c", MERGE_TOGETHER, "same_phone_address", "room" },
    { "remarks count for nothing", { PLAIN, .remark_buyer = "a" }, { PLAIN, .remark_seller = "b" }, "", MERGE_TOGETHER, "same_phone_address", "room" },
    { "a remark of the buyer", { PLAIN, .remark_buyer = "a" }, { PLAIN }, "r", MERGE_PROPOSE, "remark_differs", NULL },
    { "a note of the seller", { PLAIN }, { PLAIN, .remark_seller = "b" }, "r", MERGE_PROPOSE, "remark_differs", NULL },
    { "a flag", { PLAIN, .remark_flag = "red" }, { PLAIN, .remark_flag = "blue" }, "r", MERGE_PROPOSE, "remark_differs", NULL },
    { "a remark and a token", { MASKED, .token = "T", .remark_buyer = "a" }, { MASKED, .token = "T" }, "r", MERGE_PROPOSE, "remark_differs", NULL },
    { "equal remarks", { PLAIN, .remark_buyer = "a" }, { PLAIN, .remark_buyer = "a" }, "r", MERGE_TOGETHER, "same_phone_address", "room" },
    { "empty is none", { PLAIN, .remark_buyer = "" }, { PLAIN }, "r", MERGE_TOGETHER, "same_phone_address", "room" },
    { "a remark never brings together", { PLAIN, .remark_buyer = "a" }, { BASE, .phone = "13800001112", .address = HOME, .remark_buyer = "b" }, "r",
      MERGE_APART, "other_phone", NULL },
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct arena a = { 0 };
    struct merge_rules r = standard;
    r.across_channels = !strchr(cases[i].rules, 'c'), r.remarks_propose = strchr(cases[i].rules, 'r');
    for (int turn = 0; turn < 2; turn++) { /* whichever is asked about the other */
      struct merge_order x = order_of(1, &cases[i].x), y = order_of(2, &cases[i].y);
      struct merge_why w = turn ? merge_pair(&a, &r, &y, &x) : merge_pair(&a, &r, &x, &y);
      test_note("%s%s", cases[i].note, turn ? ", turned" : "");
      CHECK_INT(w.verdict, cases[i].verdict);
      CHECK_STR(w.code, cases[i].code);
      if (cases[i].part) CHECK_STR(w.part, cases[i].part);
    }
    arena_release(&a);
  }
}

TEST(merge_pair_values)
{
  struct arena a = { 0 };
  struct sample s = { PLAIN, .placed_at = 5 * HOUR }, t = { PLAIN, .placed_at = 2 * HOUR };
  struct merge_order x = order_of(1, &s), y = order_of(2, &t);
  CHECK_INT(merge_pair(&a, &standard, &x, &y).gap_ms, 3 * HOUR);
  CHECK_INT(merge_pair(&a, &standard, &y, &x).gap_ms, -3 * HOUR);
  y.where.detail = "文三路100号 示例花园 2幢302室", y.addr = NULL;
  struct merge_why w = merge_pair(&a, &standard, &x, &y);
  CHECK_STR(w.mine, "301");
  CHECK_STR(w.theirs, "302");
  y.currency = "USD";
  w = merge_pair(&a, &standard, &x, &y);
  CHECK_STR(w.mine, "CNY");
  CHECK_STR(w.theirs, "USD");
  /* two phones whose hashes fell together are still two */
  struct sample u = { BASE, .phone = "13800001112", .address = HOME };
  struct merge_order z = order_of(3, &u);
  z.contact_key = x.contact_key;
  CHECK_STR(merge_pair(&a, &standard, &x, &z).code, "other_phone");
  arena_release(&a);
}

TEST(merge_order_of_the_walk)
{
  static const struct {
    struct sample x, y;
    int sign;
  } cases[] = {
    { { PLAIN, .placed_at = 1 }, { PLAIN, .placed_at = 2 }, -1 },
    { { PLAIN, .placed_at = 1 }, { PLAIN, .placed_at = 1 }, 0 },
    { { PLAIN, .placed_at = 1 }, { OTHER, .placed_at = 1 }, -1 },
    { { PLAIN, .placed_at = 2 }, { OTHER, .placed_at = 1 }, 1 },
    { { .channel = "b", .external_id = "10" }, { .channel = "b", .external_id = "9" }, -1 }, /* ids are text */
    { { .channel = "B", .external_id = "9" }, { .channel = "a", .external_id = "1" }, -1 },
    { { .channel = "a", .external_id = "1", .placed_at = -5 }, { .channel = "a", .external_id = "1", .placed_at = 5 }, -1 },
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct merge_order x = order_of(1, &cases[i].x), y = order_of(2, &cases[i].y);
    int c = merge_before(&x, &y), d = merge_before(&y, &x);
    test_note("%zu", i);
    CHECK_INT((c > 0) - (c < 0), cases[i].sign);
    CHECK_INT((d > 0) - (d < 0), -cases[i].sign);
  }
}

/* ---- scenes ------------------------------------------------------------------------------------------------------------
 * "a@0 b@4320 c@4320+/r2" : order a at minute 0, b at 4320, c a millisecond later and in room 2. Further: /p2 phone,
 * /t2 token (and no phone), /T2 token beside the phone, /s900 to be shipped by minute 900, /k2 channel, /$ another
 * currency, /n2 remark. Groups as "ab|c", each by its letters in order, sorted. */

enum { SCENE_MAX = 16 };
struct scene {
  struct arena mem;
  struct merge_order order[SCENE_MAX];
  char name[SCENE_MAX];
  int n;
  signed char said[SCENE_MAX + 1][SCENE_MAX + 1]; /* by order id, which is the place + 1 */
};

static void scene_attribute(struct scene *s, struct sample *o, char kind, const char *value)
{
  static const char *const rooms[] = { "0", "301室", "302室", "303室" };
  struct arena *a = &s->mem;
  long n = strtol(value, NULL, 10);
  switch (kind) {
  case 'p': o->phone = arena_printf(a, "1380000111%ld", n); break;
  case 'r': o->address = arena_printf(a, "文三路100号 示例花园 2幢%s", rooms[n]); break;
  case 't': o->phone = "138****1111", o->address = "**", o->token = arena_printf(a, "T%ld", n); break;
  case 'T': o->token = arena_printf(a, "T%ld", n); break;
  case 's': o->ship_by = n * MIN; break;
  case 'k': o->channel = arena_printf(a, "shop-%ld", n); break;
  case 'n': o->remark_buyer = arena_printf(a, "remark %ld", n); break;
  case '$': o->currency = "USD"; break;
  default: CHECK(!"attribute");
  }
}

static void scene_read(struct scene *s, const char *text)
{
  char copy[512], *save = NULL, *inner = NULL;
  snprintf(copy, sizeof copy, "%s", text);
  for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
    char *end;
    struct sample o = { PLAIN };
    o.placed_at = strtol(word + 2, &end, 10) * MIN;
    if (*end == '+') o.placed_at++, end++;
    for (char *at = strtok_r(end, "/", &inner); at; at = strtok_r(NULL, "/", &inner)) scene_attribute(s, &o, at[0], at + 1);
    o.external_id = arena_printf(&s->mem, "%c", word[0]);
    s->name[s->n] = word[0];
    s->order[s->n] = order_of(s->n + 1, &o);
    s->n++;
  }
}

static int scene_find(const struct scene *s, char name)
{
  for (int i = 0; i < s->n; i++)
    if (s->name[i] == name) return i;
  return -1;
}

/* "a+b b-c" */
static void scene_say(struct scene *s, const char *text)
{
  for (; *text; text += 3, text += *text == ' ') {
    int x = scene_find(s, text[0]) + 1, y = scene_find(s, text[2]) + 1;
    s->said[x][y] = s->said[y][x] = text[1] == '+' ? 1 : -1;
  }
}

static int scene_said(void *arg, int64_t a, int64_t b)
{
  return ((struct scene *)arg)->said[a][b];
}

static int by_text(const void *x, const void *y)
{
  return strcmp(*(char *const *)x, *(char *const *)y);
}

/* The walk over the orders as they stand in `place`; groups by letters. Says also that a group is named by its earliest. */
static const char *scene_groups(struct scene *s, const struct merge_rules *r, const int *place, bool say)
{
  struct merge_order copy[SCENE_MAX], *list[SCENE_MAX];
  size_t group[SCENE_MAX];
  char *names[SCENE_MAX];
  int groups = 0;
  for (int i = 0; i < s->n; i++) copy[i] = s->order[place[i]], list[i] = &copy[i];
  merge_groups(&s->mem, r, list, (size_t)s->n, say ? scene_said : NULL, s, group);
  for (int i = 0; i < s->n; i++) {
    CHECK(merge_before(list[group[i]], list[i]) <= 0 && group[group[i]] == group[i]);
    if (group[i] != (size_t)i) continue;
    char *name = arena_alloc(&s->mem, SCENE_MAX + 1);
    int n = 0;
    for (char c = 'a'; c <= 'z'; c++)
      for (int m = 0; m < s->n; m++)
        if (s->name[place[m]] == c && group[m] == (size_t)i) name[n++] = c;
    names[groups++] = name;
  }
  qsort(names, (size_t)groups, sizeof names[0], by_text);
  const char *text = "";
  for (int i = 0; i < groups; i++) text = arena_printf(&s->mem, "%s%s%s", text, i ? "|" : "", names[i]);
  return text;
}

static void shuffle(int *place, int n, uint64_t *seed)
{
  for (int i = n - 1; i > 0; i--) {
    int k = (int)(test_random(seed) % (uint64_t)(i + 1)), swap = place[i];
    place[i] = place[k], place[k] = swap;
  }
}

TEST(merge_scenes)
{
  static const struct {
    const char *note, *orders, *said, *rules, *groups; /* rules: "max=3 margin=60 window=10 remarks channels" in minutes */
  } cases[] = {
    { "none", "", "", "", "" },
    { "one", "a@0", "", "", "a" },
    { "the window is inclusive", "a@0 b@4320", "", "", "ab" },
    { "and ends there", "a@0 b@4320+", "", "", "a|b" },
    { "from the earliest, not from the last", "a@0 b@4000 c@8000", "", "", "ab|c" },
    { "what falls out opens the next", "a@0 b@4000 c@8000 d@8001", "", "", "ab|cd" },
    { "letters decide among equals", "b@0 a@0", "", "", "ab" },
    { "a window of ten minutes", "a@0 b@10 c@10+", "", "window=10", "ab|c" },
    { "two rooms", "a@0/r1 b@1/r2 c@2/r1 d@3/r2", "", "", "ac|bd" },
    { "two phones", "a@0/p1 b@1/p2 c@2/p1", "", "", "ac|b" },
    { "currency", "a@0 b@1/$ c@2", "", "", "ac|b" },
    { "tokens", "a@0/t1 b@1/t2 c@2/t1", "", "", "ac|b" },
    { "phone and token are two keys", "a@0/t1 b@1 c@2", "", "", "a|bc" },
    /* b has both keys; it joins the first that it fits, and then every member must fit */
    { "a bridge goes to the first", "a@0/t1 b@1/T1 c@2", "", "", "ab|c" },
    { "a bridge goes to the first, turned", "c@0 b@1/T1 a@2/t1", "", "", "a|bc" },
    { "channels apart", "a@0/k1 b@1/k2 c@2/k1", "", "channels", "ac|b" },
    { "remarks only propose", "a@0 b@1/n1 c@2", "", "remarks", "ac|b" },
    { "the first open group that fits", "a@0 b@4330 c@4320/n0 d@4325", "", "", "ac|bd" },
    /* ship-by, margin 4 h = 240 min */
    { "in time", "a@0/s1000 b@760", "", "", "ab" },
    { "too late for the group", "a@0/s1000 b@761", "", "", "a|b" },
    { "the earliest date counts", "a@0/s3000 b@10/s1000 c@761", "", "", "ab|c" },
    { "one's own date is no matter", "a@0/s3000 b@700/s701", "", "", "ab" },
    { "margin of an hour", "a@0/s1000 b@940 c@941", "", "margin=60", "ab|c" },
    { "what was too late keeps company", "a@0/s1000 b@800 c@900", "", "", "a|bc" },
    /* group_max */
    { "full", "a@0 b@1 c@2 d@3", "", "max=3", "abc|d" },
    { "full, and a second one fills", "a@0 b@1 c@2 d@3 e@4", "", "max=2", "ab|cd|e" },
    { "alone", "a@0 b@1", "", "max=1", "a|b" },
    /* decisions of people */
    { "apart", "a@0 b@1", "a-b", "", "a|b" },
    { "apart from one keeps out of the group", "a@0 b@1 c@2", "a-c", "", "ab|c" },
    { "the others follow", "a@0 b@1 c@2 d@3", "a-c", "", "abd|c" },
    { "together in spite of the phone", "a@0 b@1/p2", "a+b", "", "ab" },
    { "together in spite of the window", "a@0 b@99999", "a+b", "", "ab" },
    { "together in spite of the date", "a@0/s10 b@999", "a+b", "", "ab" },
    { "together in spite of the currency", "a@0 b@1/$", "a+b", "", "ab" },
    { "tied through a third", "a@0 b@9999 c@99999", "a+b b+c", "", "abc" },
    { "a unit joins where each of it fits", "a@0 b@1 c@2/p2", "b+c", "", "a|bc" },
    { "tied to each", "a@0 b@1 c@2/p2", "b+c a+c", "", "abc" },
    { "a tie does not reach over a no", "a@0 b@1/p2 c@2/p3", "a+b b+c a-c", "", "ab|c" },
    { "the later tie of two that clash", "a@0/p1 b@1/p2 c@2/p3", "a+c b+c a-b", "", "ac|b" },
    { "the unit stands at its earliest", "b@1 c@2 a@0/p2", "a+c", "", "ac|b" },
    { "a unit beyond the window takes who fits it", "a@0 b@9000 c@100", "a+b", "", "abc" },
    { "a unit beyond the window, too late for it", "a@0 b@9000 c@8000", "a+b", "", "ab|c" },
    { "a unit does not fit over the maximum", "a@0 b@1 c@2 d@3", "c+d", "max=3", "ab|cd" },
    { "a crowd: nobody by rule, people still decide", "a@0 b@1 c@2", "a+c", "window=-1", "ac|b" },
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct scene s = { 0 };
    struct merge_rules r = standard;
    const char *at;
    scene_read(&s, cases[i].orders), scene_say(&s, cases[i].said);
    if ((at = strstr(cases[i].rules, "max="))) r.group_max = (int)strtol(at + 4, NULL, 10);
    if ((at = strstr(cases[i].rules, "margin="))) r.margin_ms = strtol(at + 7, NULL, 10) * MIN;
    if ((at = strstr(cases[i].rules, "window="))) r.window_ms = strtol(at + 7, NULL, 10) * MIN;
    r.remarks_propose = strstr(cases[i].rules, "remarks"), r.across_channels = !strstr(cases[i].rules, "channels");
    int place[SCENE_MAX];
    uint64_t seed = i;
    for (int k = 0; k < s.n; k++) place[k] = k;
    for (int turn = 0; turn < 30; turn++) { /* in whatever order they stand */
      test_note("%s: %s, turn %d", cases[i].note, cases[i].orders, turn);
      if (!CHECK_STR(scene_groups(&s, &r, place, *cases[i].said), cases[i].groups)) break;
      shuffle(place, s.n, &seed);
    }
    arena_release(&s.mem);
  }
}
