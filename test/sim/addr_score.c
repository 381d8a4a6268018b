/* addr_score.c: how good are addr_parse and addr_agree? A program for tuning, and a check of its own.
 *
 *   sim-addr_score [-v] [DATA-DIR]
 *
 * DATA-DIR (default ../shared/data) holds data that the project does not ship: a feed of orders with the
 * truth about their addresses, pairs of addresses labelled by people, and addresses cut into parts by
 * people. What is absent is skipped with a message. -v lists the pairs that went wrong. The exit status is
 * 1 when a target is missed. */
#include "base.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ORDERS_MAX 40000
#define RECORDS_MAX 60000
#define PAIRS_MAX 4000

/* Targets, in hundredths of a percent. */
#define SAME_AGREE_MIN 9850
#define LABEL0_AGREE_MAX 50

static struct arena keep; /* lives as long as the program */
static struct arena line_mem;
static bool verbose;
static int failed;

static void target(bool met, const char *what)
{
  printf("  target: %s: %s\n", what, met ? "met" : "MISSED");
  failed |= !met;
}

/* ---- reading packed files line by line ----------------------------------------------------------- */
static FILE *unpack_open(const char *dir, const char *name)
{
  char command[1024];
  snprintf(command, sizeof command, "%s/%s", dir, name);
  FILE *there = fopen(command, "r");
  if (!there) {
    printf("%s: not at hand, skipped\n", name);
    return NULL;
  }
  fclose(there);
  snprintf(command, sizeof command, "gzip -dc '%s/%s'", dir, name);
  return popen(command, "r");
}

static struct json *line_json(FILE *f, char **line, size_t *cap)
{
  ssize_t n = getline(line, cap, f);
  if (n <= 0) return NULL;
  while (n && ((*line)[n - 1] == '\n' || (*line)[n - 1] == '\r')) n--;
  arena_reset(&line_mem);
  struct faults faults = { .mem = &line_mem };
  struct json *j = json_parse(&line_mem, *line, (size_t)n, JSON_ELEMENTS_MAX, &faults);
  if (!j) fprintf(stderr, "a line that is no JSON: %.80s\n", *line), exit(2);
  return j;
}

static const char *text_of(const struct json *j, const char *key)
{
  const char *s = json_string(json_get(j, key));
  return s ? s : "";
}

/* ---- the truth ----------------------------------------------------------------------------------- */
struct order {
  const char *id, *address, *group, *kind;
  const char *district, *town, *road, *compound;
  char number[16], building[16], unit[16], room[16];
};
struct pair_of_orders {
  const char *a, *b, *detail;
};
struct record {
  const char *id, *order_id;
  struct order *order;
  const char *raw;
  struct addr addr;
};

static struct order orders[ORDERS_MAX];
static struct record records[RECORDS_MAX];
static struct pair_of_orders near_misses[PAIRS_MAX];
static size_t orders_n, records_n, near_n;

static int by_order_id(const void *a, const void *b)
{
  return strcmp(((const struct order *)a)->id, ((const struct order *)b)->id);
}
static int by_record_id(const void *a, const void *b)
{
  return strcmp(((const struct record *)a)->id, ((const struct record *)b)->id);
}

static struct order *order_find(const char *id)
{
  struct order key = { .id = id };
  return bsearch(&key, orders, orders_n, sizeof *orders, by_order_id);
}

/* A part of the truth: text, or a number of which 0 means none; lower case. */
static void truth_part(const struct json *parts, const char *key, char out[16])
{
  const struct json *j = json_get(parts, key);
  const char *s = json_string(j) ? json_string(j) : json_number(j);
  snprintf(out, 16, "%s", s && strcmp(s, "0") != 0 ? s : "");
  for (char *p = out; *p; p++)
    if (*p >= 'A' && *p <= 'Z') *p = (char)(*p + 32);
}

static void truth_order(const struct json *j)
{
  must(orders_n < ORDERS_MAX);
  struct order *o = &orders[orders_n++];
  const struct json *parts = json_get(j, "parts");
  o->id = arena_str(&keep, text_of(j, "order"));
  o->address = arena_str(&keep, text_of(j, "address"));
  o->group = arena_str(&keep, text_of(j, "group"));
  o->kind = arena_str(&keep, text_of(parts, "kind"));
  o->district = arena_str(&keep, text_of(parts, "district_code"));
  o->town = arena_str(&keep, text_of(parts, "town_code"));
  o->road = arena_str(&keep, text_of(parts, "road"));
  o->compound = arena_str(&keep, text_of(parts, "place"));
  truth_part(parts, "no", o->number), truth_part(parts, "building", o->building);
  truth_part(parts, "unit", o->unit), truth_part(parts, "room", o->room);
}

static void truth_read(FILE *f)
{
  char *line = NULL;
  size_t cap = 0;
  for (struct json *j; (j = line_json(f, &line, &cap));) {
    const char *type = text_of(j, "type");
    if (strcmp(type, "order") == 0) {
      truth_order(j);
    } else if (strcmp(type, "near_miss") == 0 && strcmp(text_of(j, "reason"), "phone_other_addr") == 0) {
      const struct json *two = json_get(j, "orders");
      must(near_n < PAIRS_MAX);
      near_misses[near_n++] = (struct pair_of_orders){ arena_str(&keep, json_string(json_at(two, 0))),
                                                       arena_str(&keep, json_string(json_at(two, 1))),
                                                       arena_str(&keep, text_of(j, "detail")) };
    } else if (strcmp(type, "record") == 0 && strcmp(text_of(j, "kind"), "status") != 0) {
      must(records_n < RECORDS_MAX);
      records[records_n++] = (struct record){ .id = arena_str(&keep, text_of(j, "record")),
                                              .order_id = arena_str(&keep, text_of(j, "order")) };
    }
  }
  free(line);
  qsort(orders, orders_n, sizeof *orders, by_order_id);
  qsort(records, records_n, sizeof *records, by_record_id);
  for (size_t i = 0; i < records_n; i++) records[i].order = order_find(records[i].order_id);
}

/* ---- the five channels of the feed ------------------------------------------------------------------- */
static void receiver_of_order(const char *channel, const struct json *p, struct addr_text *t)
{
  if (strcmp(channel, "tmao") == 0) {
    t->province = text_of(p, "receiver_state"), t->city = text_of(p, "receiver_city");
    t->district = text_of(p, "receiver_district"), t->town = text_of(p, "receiver_town");
    t->detail = text_of(p, "receiver_address"), t->zip = text_of(p, "receiver_zip");
  } else if (strcmp(channel, "jdd") == 0) {
    const struct json *c = json_get(p, "consigneeInfo");
    t->province = text_of(c, "province"), t->city = text_of(c, "city"), t->district = text_of(c, "county");
    t->town = text_of(c, "town"), t->detail = text_of(c, "fullAddress");
  } else if (strcmp(channel, "dou") == 0) {
    const struct json *c = json_get(p, "post_addr");
    t->province = text_of(json_get(c, "province"), "name"), t->city = text_of(json_get(c, "city"), "name");
    t->district = text_of(json_get(c, "town"), "name"), t->town = text_of(json_get(c, "street"), "name");
    t->detail = text_of(c, "detail");
  } else if (strcmp(channel, "shop") == 0) {
    const struct json *c = json_get(p, "shipping_address");
    t->country = text_of(c, "country_code"), t->province = text_of(c, "province"),
    t->city = text_of(c, "city");
    t->detail = arena_printf(&line_mem, "%s %s", text_of(c, "address1"), text_of(c, "address2"));
    t->zip = text_of(c, "zip");
  } else {
    t->detail = text_of(json_get(p, "receiver"), "address");
  }
}

static void receiver_of_sheet(const char *channel, const struct json *p, struct addr_text *t)
{
  const struct json *row = json_at(json_get(p, "rows"), 0);
  if (strcmp(channel, "tmao") == 0) {
    t->detail = text_of(row, "收货地址");
  } else if (strcmp(channel, "jdd") == 0) {
    t->detail = text_of(row, "客户地址");
  } else if (strcmp(channel, "shop") == 0) {
    t->province = text_of(row, "Shipping Province"), t->city = text_of(row, "Shipping City");
    t->detail =
      arena_printf(&line_mem, "%s %s", text_of(row, "Shipping Address1"), text_of(row, "Shipping Address2"));
  } else {
    t->province = text_of(row, "省"), t->city = text_of(row, "市"), t->district = text_of(row, "区");
    t->town = text_of(row, "街道"), t->detail = text_of(row, "详细地址");
  }
}

static double now_us(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void feed_read(FILE *f)
{
  char *line = NULL;
  size_t cap = 0;
  double spent = 0;
  long n = 0;
  for (struct json *j; (j = line_json(f, &line, &cap));) {
    const char *kind = text_of(j, "kind"), *channel = text_of(j, "channel");
    if (strcmp(kind, "status") == 0) continue;
    struct record key = { .id = text_of(j, "record_id") };
    struct record *r = bsearch(&key, records, records_n, sizeof *records, by_record_id);
    if (!r) continue;
    struct addr_text t = { .country = "CN" };
    if (strcmp(kind, "order") == 0) receiver_of_order(channel, json_get(j, "payload"), &t);
    else receiver_of_sheet(channel, json_get(j, "payload"), &t);
    double from = now_us();
    addr_parse(&keep, &t, &r->addr);
    spent += now_us() - from, n++;
    r->raw = arena_printf(&keep, "%s|%s|%s|%s|%s", t.province ? t.province : "", t.city ? t.city : "",
                          t.district ? t.district : "", t.town ? t.town : "", t.detail ? t.detail : "");
  }
  free(line);
  printf("feed: %ld addresses, %.1f microseconds each\n", n, n ? spent / (double)n : 0);
}

/* ---- counting ----------------------------------------------------------------------------------------- */
struct count {
  long v[3];
};

static enum addr_verdict judge(struct count *c, const struct record *a, const struct record *b,
                               bool list_agree, int list)
{
  enum addr_part by;
  const char *note;
  arena_reset(&line_mem);
  enum addr_verdict v = addr_agree(&line_mem, &a->addr, &b->addr, &by, &note);
  c->v[v]++;
  bool is_wrong = list_agree ? v != ADDR_DIFFER : v != ADDR_AGREE;
  if (is_wrong && (verbose || list))
    printf("    %s by %s (%s)\n      %s\n      %s\n", addr_verdict_name(v), addr_part_name(by), note, a->raw,
           b->raw);
  return v;
}

static void count_print(const char *what, const struct count *c)
{
  long n = c->v[0] + c->v[1] + c->v[2];
  printf("  %-34s %7ld pairs: differ %ld, probable %ld, agree %ld (%.2f %%)\n", what, n, c->v[ADDR_DIFFER],
         c->v[ADDR_PROBABLE], c->v[ADDR_AGREE], n ? 100.0 * (double)c->v[ADDR_AGREE] / (double)n : 0);
}

static int by_group(const void *a, const void *b)
{
  const struct record *x = a, *y = b;
  int c = strcmp(x->order->group, y->order->group);
  return c ? c : strcmp(x->id, y->id);
}
static int by_order(const void *a, const void *b)
{
  const struct record *x = a, *y = b;
  int c = strcmp(x->order_id, y->order_id);
  return c ? c : strcmp(x->id, y->id);
}
static int by_district(const void *a, const void *b)
{
  const struct record *x = a, *y = b;
  int c = strcmp(x->order->district, y->order->district);
  return c ? c : strcmp(x->id, y->id);
}

static void score_same(void)
{
  struct count c = { 0 };
  qsort(records, records_n, sizeof *records, by_group);
  for (size_t i = 0; i < records_n; i++)
    for (size_t k = i + 1; k < records_n && strcmp(records[k].order->group, records[i].order->group) == 0;
         k++)
      judge(&c, &records[i], &records[k], false, c.v[0] + c.v[1] < 40);
  count_print("one address (orders of one group)", &c);
  long n = c.v[0] + c.v[1] + c.v[2];
  target(c.v[ADDR_AGREE] * 10000 >= n * SAME_AGREE_MIN, "one address agrees in at least 98.5 %");
}

static size_t order_first(const char *order_id)
{
  size_t lo = 0, hi = records_n;
  while (lo < hi) {
    size_t mid = (lo + hi) / 2;
    if (strcmp(records[mid].order_id, order_id) < 0) lo = mid + 1;
    else hi = mid;
  }
  return lo;
}

static void score_near(void)
{
  static const char *const details[] = { "other_place", "same_numbers_other_place",
                                         "same_compound_other_building", "same_compound_other_room" };
  qsort(records, records_n, sizeof *records, by_order);
  long agree = 0;
  for (size_t d = 0; d < COUNT(details); d++) {
    struct count c = { 0 };
    for (size_t m = 0; m < near_n; m++) {
      if (strcmp(near_misses[m].detail, details[d]) != 0) continue;
      for (size_t i = order_first(near_misses[m].a);
           i < records_n && !strcmp(records[i].order_id, near_misses[m].a); i++)
        for (size_t k = order_first(near_misses[m].b);
             k < records_n && !strcmp(records[k].order_id, near_misses[m].b); k++)
          judge(&c, &records[i], &records[k], true, 1);
    }
    count_print(details[d], &c);
    agree += c.v[ADDR_AGREE];
  }
  target(agree == 0, "no near miss agrees");
}

/* All pairs of one district with different true addresses: none may agree. */
static void score_neighbours(void)
{
  struct count c = { 0 };
  qsort(records, records_n, sizeof *records, by_district);
  for (size_t i = 0; i < records_n; i++)
    for (size_t k = i + 1;
         k < records_n && strcmp(records[k].order->district, records[i].order->district) == 0; k++)
      if (strcmp(records[k].order->address, records[i].order->address) != 0)
        judge(&c, &records[i], &records[k], true, 0);
  count_print("other addresses of the district", &c);
  target(c.v[ADDR_AGREE] == 0, "no two addresses of a district agree");
}

static void score_parts(void)
{
  struct {
    long right, missing, wrong;
  } tally[ADDR_N] = { 0 };
  for (size_t i = 0; i < records_n; i++) {
    const struct order *o = records[i].order;
    bool village = strcmp(o->kind, "village") == 0;
    const char *want[ADDR_N] = { [ADDR_DISTRICT] = o->district,
                                 [ADDR_TOWN] = o->town,
                                 [ADDR_ROAD] = o->road,
                                 [ADDR_NUMBER] = o->number,
                                 [ADDR_COMPOUND] = o->compound };
    if (!village) want[ADDR_BUILDING] = o->building, want[ADDR_UNIT] = o->unit, want[ADDR_ROOM] = o->room;
    for (int p = 0; p < ADDR_N; p++) {
      const char *have = records[i].addr.part[p];
      if (!want[p] || !want[p][0]) continue;
      if (!have) tally[p].missing++;
      else if (strcmp(have, want[p]) == 0) tally[p].right++;
      else tally[p].wrong++;
    }
  }
  printf("  parts against the truth (typing errors count as wrong):\n");
  for (int p = 0; p < ADDR_N; p++)
    if (tally[p].right)
      printf("    %-12s right %6ld, not stated or not found %6ld, wrong %4ld\n",
             addr_part_name((enum addr_part)p), tally[p].right, tally[p].missing, tally[p].wrong);
}

static void score_feed(const char *dir)
{
  FILE *truth = unpack_open(dir, "feed/truth.ndjson.gz");
  FILE *feed = truth ? unpack_open(dir, "feed/feed.ndjson.gz") : NULL;
  if (truth && feed) {
    truth_read(truth);
    feed_read(feed);
    score_parts(), score_same(), score_near(), score_neighbours();
  }
  if (feed) pclose(feed);
  if (truth) pclose(truth);
}

/* ---- pairs labelled by people ------------------------------------------------------------------------ */
static struct count labels[3];

static bool label_row(void *arg, int64_t row, char **cells, size_t n, const char *why)
{
  (void)arg, (void)why;
  if (row == 1 || !cells || n < 5) return true;
  struct record a = { .raw = cells[2] }, b = { .raw = cells[3] };
  struct addr_text x = { .detail = cells[2] }, y = { .detail = cells[3] };
  int label = cells[4][0] - '0';
  must(label >= 0 && label <= 2);
  struct arena mem = { 0 };
  addr_parse(&mem, &x, &a.addr), addr_parse(&mem, &y, &b.addr);
  enum addr_verdict v = addr_agree(&mem, &a.addr, &b.addr, NULL, NULL);
  if (label == 0 && v == ADDR_AGREE) judge(&labels[0], &a, &b, true, 1);
  else labels[label].v[v]++;
  arena_release(&mem);
  return true;
}

static void score_labels(const char *dir)
{
  FILE *f = unpack_open(dir, "address/ccks2021_address_pairs.csv.gz");
  if (!f) return;
  struct csv *csv = csv_new(label_row, NULL);
  char block[65536];
  printf("pairs labelled by people (0 no match, 1 partly, 2 the same):\n");
  for (size_t n; (n = fread(block, 1, sizeof block, f)) > 0;) csv_feed(csv, block, n);
  csv_end(csv);
  csv_free(csv);
  pclose(f);
  for (int l = 0; l < 3; l++) {
    char what[32];
    long n = labels[l].v[0] + labels[l].v[1] + labels[l].v[2];
    snprintf(what, sizeof what, "label %d", l);
    count_print(what, &labels[l]);
    printf("  %-34s agree or probably agree: %.2f %%\n", "",
           n ? 100.0 * (double)(labels[l].v[ADDR_AGREE] + labels[l].v[ADDR_PROBABLE]) / (double)n : 0);
  }
  long n = labels[0].v[0] + labels[0].v[1] + labels[0].v[2];
  target(labels[0].v[ADDR_AGREE] * 10000 <= n * LABEL0_AGREE_MAX, "at most 0.5 % of label 0 agree");
}

/* ---- addresses cut into parts by people -------------------------------------------------------------- */
struct cut {
  const char *tag;
  enum addr_part part;
  bool is_number;
  long right, part_of, missing, wrong, stated;
};

static struct cut cuts[] = {
  { "road", ADDR_ROAD, false, 0, 0, 0, 0, 0 },    { "roadno", ADDR_NUMBER, true, 0, 0, 0, 0, 0 },
  { "poi", ADDR_COMPOUND, false, 0, 0, 0, 0, 0 }, { "houseno", ADDR_BUILDING, true, 0, 0, 0, 0, 0 },
  { "cellno", ADDR_UNIT, true, 0, 0, 0, 0, 0 },   { "floorno", ADDR_FLOOR, true, 0, 0, 0, 0, 0 },
  { "roomno", ADDR_ROOM, true, 0, 0, 0, 0, 0 },
};

/* The first run of letters and digits of a tagged piece: "12号楼" is "12". */
static const char *number_of(struct arena *a, const char *piece)
{
  const char *t = text_fold(a, piece);
  size_t from = strcspn(t, "0123456789"), letter = strcspn(t, "abcdefghijklmnopqrstuvwxyz");
  if (letter < from) from = letter;
  size_t n = strspn(t + from, "0123456789abcdefghijklmnopqrstuvwxyz-");
  while (n > 1 && t[from] == '0') from++, n--;
  return arena_strn(a, t + from, n);
}

static void cut_score(const char *text, char piece[][256])
{
  struct addr_text t = { .detail = text };
  struct addr a;
  arena_reset(&line_mem);
  addr_parse(&line_mem, &t, &a);
  for (size_t i = 0; i < COUNT(cuts); i++) {
    struct cut *c = &cuts[i];
    const char *have = a.part[c->part];
    if (!piece[i][0]) continue;
    const char *want = c->is_number ? number_of(&line_mem, piece[i]) : text_fold(&line_mem, piece[i]);
    if (!*want) continue;
    c->stated++;
    if (!have) c->missing++;
    else if (strcmp(have, want) == 0) c->right++;
    else if (strstr(have, want) || strstr(want, have)) c->part_of++;
    else c->wrong++;
    if (verbose && (!have || (!strstr(have, want) && !strstr(want, have))))
      printf("    %s: %s, not %s: %s\n", c->tag, want, have ? have : "-", text);
  }
}

static void score_cuts(const char *dir, const char *name)
{
  FILE *f = unpack_open(dir, name);
  if (!f) return;
  char line[256], text[2048] = "", piece[COUNT(cuts)][256];
  memset(piece, 0, sizeof piece);
  for (;;) {
    bool more = fgets(line, sizeof line, f);
    char *tag = more ? strchr(line, ' ') : NULL;
    if (!tag) {
      if (text[0]) cut_score(text, piece);
      text[0] = 0, memset(piece, 0, sizeof piece);
      if (!more) break;
      continue;
    }
    *tag++ = 0;
    tag[strcspn(tag, "\r\n")] = 0;
    if (strlen(text) + strlen(line) + 1 < sizeof text) strcat(text, line);
    for (size_t i = 0; i < COUNT(cuts); i++)
      if (tag[0] && tag[1] && strcmp(tag + 2, cuts[i].tag) == 0 && (tag[0] == 'I' || !piece[i][0]) &&
          strlen(piece[i]) + strlen(line) + 1 < sizeof piece[i])
        strcat(piece[i], line);
  }
  pclose(f);
}

static void score_all_cuts(const char *dir)
{
  score_cuts(dir, "address/cn_address_parsing_train.conll.gz");
  score_cuts(dir, "address/cn_address_parsing_dev.conll.gz");
  if (cuts[0].stated) printf("addresses cut into parts by people:\n");
  for (size_t i = 0; i < COUNT(cuts); i++) {
    struct cut *c = &cuts[i];
    double n = c->stated ? (double)c->stated : 1;
    if (c->stated)
      printf(
        "  %-8s as %-9s %6ld: the same %.1f %%, one a part of the other %.1f %%, not found %.1f %%, other %.1f %%\n",
        c->tag, addr_part_name(c->part), c->stated, 100 * (double)c->right / n, 100 * (double)c->part_of / n,
        100 * (double)c->missing / n, 100 * (double)c->wrong / n);
  }
}

int main(int argc, char **argv)
{
  const char *dir = "../shared/data";
  for (int i = 1; i < argc; i++)
    if (strcmp(argv[i], "-v") == 0) verbose = true;
    else dir = argv[i];
  score_feed(dir);
  score_labels(dir);
  score_all_cuts(dir);
  arena_release(&keep);
  arena_release(&line_mem);
  return failed;
}
