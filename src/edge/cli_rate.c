/* cli_rate.c: what always using one carrier would have cost: of parcels that left, or of files, without a database. */
#include "edge.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define FILE_MOST (256ll << 20)
#define CARDS_MOST 256

struct sheet_rows {
  struct arena *a;
  const char *path, *why;
  char **head;
  size_t heads;
  struct rate_card *card;
  size_t cards;
  struct rate *rate;
  size_t rates, cap;
  struct what_if sum;
  int64_t now_ms, last;
};

static const char *cell(const struct sheet_rows *s, char **cells, size_t n, const char *key)
{
  for (size_t i = 0; i < s->heads && i < n; i++)
    if (!strcmp(s->head[i], key)) return cells[i];
  return "";
}

static bool stop(struct sheet_rows *s, int64_t row, const char *why)
{
  s->why = arena_printf(s->a, "%s: row %lld: %s", s->path, (long long)row, why);
  return false;
}

static bool head_take(struct sheet_rows *s, char **cells, size_t n)
{
  s->head = arena_array(s->a, char *, n + 1), s->heads = n;
  for (size_t i = 0; i < n; i++) s->head[i] = text_fold(s->a, cells[i]);
  return true;
}

/* ---- the cards: headers as the members of `rate put` --------------------------------------------------------------- */
static struct rate_card *card_of(struct sheet_rows *s, const struct rate_row *row)
{
  for (size_t i = 0; i < s->cards; i++)
    if (!strcmp(s->card[i].code, row->card.code)) {
      if (!rate_currency_fits(&s->card[i], row)) return NULL;
      rate_card_merge(&s->card[i], row);
      return &s->card[i];
    }
  if (s->cards == CARDS_MOST) return NULL;
  s->card[s->cards] = row->card;
  s->card[s->cards].id = (int64_t)s->cards + 1;
  return &s->card[s->cards++];
}

static bool rate_keep(struct sheet_rows *s, const struct rate_row *row, int64_t card_id)
{
  if (s->rates == s->cap) {
    struct rate *grown = arena_array(s->a, struct rate, s->cap = s->cap ? 2 * s->cap : 256);
    if (s->rates) memcpy(grown, s->rate, s->rates * sizeof *grown);
    s->rate = grown;
  }
  s->rate[s->rates] = row->rate, s->rate[s->rates].card_id = card_id;
  s->rates++, s->rate[s->rates - 1].id = (int64_t)s->rates;
  return true;
}

static bool card_row(void *arg, int64_t at, char **cells, size_t n, const char *why)
{
  struct sheet_rows *s = arg;
  struct faults f = { .mem = s->a };
  struct rate_row row;
  struct buf b = { 0 };
  struct jw w;
  if (why) return stop(s, at, why);
  if (!s->head) return head_take(s, cells, n);
  jw_init(&w, &b), jw_object(&w);
  for (size_t i = 0; rate_keys[i]; i++)
    if (*cell(s, cells, n, rate_keys[i])) jw_kstring(&w, rate_keys[i], cell(s, cells, n, rate_keys[i]));
  jw_object_end(&w);
  const struct json *j = json_parse(s->a, b.data, b.len, 1000, &f);
  bool ok = j && rate_row_read(s->a, j, &row, &f);
  buf_release(&b);
  if (!ok) return stop(s, at, arena_printf(s->a, "%s: %s", f.at[0].pointer, f.at[0].detail));
  const struct rate_card *card = card_of(s, &row);
  return card ? rate_keep(s, &row, card->id) : stop(s, at, "too many cards, or a row in another currency");
}

static int by_card(const void *x, const void *y)
{
  const struct rate *a = x, *b = y;
  return a->card_id < b->card_id ? -1 : a->card_id > b->card_id;
}

/* ---- the orders ------------------------------------------------------------------------------------------------------- */
static bool number_of(const char *text, int64_t *out)
{
  char *end;
  *out = strtoll(text, &end, 10);
  return !*end && *out >= 0 && *out <= 1000000000000;
}

static bool order_row(void *arg, int64_t at, char **cells, size_t n, const char *why)
{
  struct sheet_rows *s = arg;
  struct parcel_goods g = { 0 };
  struct rate_candidate k[CARDS_MOST];
  struct arena a = { 0 };
  const struct rate_rules rules = { 90, 1 };
  if (why) return stop(s, at, why);
  if (!s->head) return head_take(s, cells, n);
  g.province = cell(s, cells, n, "province"), g.city = cell(s, cells, n, "city");
  if (!number_of(cell(s, cells, n, "weight_g"), &g.weight_g) ||
      !number_of(cell(s, cells, n, "volume_cm3"), &g.volume_cm3) || !*g.province)
    return stop(s, at, "province, weight_g and volume_cm3 are needed");
  int best =
    rate_choose(&a, s->card, s->cards, s->rate, s->rates, NULL, 0, &rules, &g, NULL, 0, s->now_ms, k);
  what_if_add(&s->sum, k, s->cards, best);
  arena_release(&a);
  return true;
}

static bool file_rows(struct sheet_rows *s, const char *path, csv_row_fn *row)
{
  size_t n;
  char *text = file_read(s->a, path, FILE_MOST, &n);
  if (!text) return s->why = arena_printf(s->a, "%s: %s", path, strerror(errno)), false;
  s->path = path, s->head = NULL;
  struct csv *c = csv_new(row, s);
  bool ok = csv_feed(c, text, n) && csv_end(c);
  csv_free(c);
  return ok && !s->why;
}

/* ---- out -------------------------------------------------------------------------------------------------------------- */
static void money_print(int64_t minor)
{
  printf("%lld.%02lld", (long long)(minor / 100), (long long)(minor % 100));
}

static int answer(struct cli *c, const char *text, size_t n)
{
  struct faults f = { .mem = &c->mem };
  int64_t parcels = 0, not_priced = 0, v[4];
  if (c->json) return printf("%s\n", text), EXIT_DONE;
  const struct json *j = json_parse(&c->mem, text, n, 10000, &f);
  json_int(json_get(j, "parcels"), &parcels), json_int(json_get(j, "not_priced"), &not_priced);
  printf("%lld parcels, %lld that no card prices\n", (long long)parcels, (long long)not_priced);
  for (const struct json *k = json_first(json_get(j, "always")); k; k = json_next(k)) {
    static const char *const keys[] = { "parcels", "always_minor", "chosen_minor", "saved_bp" };
    for (size_t i = 0; i < COUNT(keys); i++) json_int(json_get(k, keys[i]), &v[i]);
    printf("always %s: %lld parcels, ", json_string(json_get(k, "carrier")), (long long)v[0]);
    money_print(v[1]), printf("; the best for each: "), money_print(v[2]);
    printf("; saved %lld.%02lld %%\n", (long long)(v[3] / 100), (long long)(v[3] % 100));
  }
  return EXIT_DONE;
}

static int from_files(struct cli *c, const char *orders, const char *cards)
{
  struct sheet_rows *s = arena_new(&c->mem, struct sheet_rows);
  struct buf out = { 0 };
  struct env *e = env_real();
  s->a = &c->mem, s->now_ms = e->now_ms(e), s->card = arena_array(&c->mem, struct rate_card, CARDS_MOST);
  what_if_open(&c->mem, &s->sum);
  if (!file_rows(s, cards, card_row)) return cli_fail(c, "%s", s->why);
  for (size_t i = 1; i < s->cards; i++)
    if (strcmp(s->card[i].currency, s->card[0].currency) != 0)
      return cli_fail(c, "%s: %s is in %s, %s in %s: one currency is compared at a time", cards,
                      s->card[0].code, s->card[0].currency, s->card[i].code, s->card[i].currency);
  if (s->rates) qsort(s->rate, s->rates, sizeof *s->rate, by_card);
  if (!file_rows(s, orders, order_row)) return cli_fail(c, "%s", s->why);
  what_if_put(&out, &s->sum);
  int status = answer(c, out.data, out.len);
  buf_release(&out);
  return status;
}

static void sums_take(struct cli *c, const struct json *j, struct what_if *sum)
{
  int64_t parcels = 0, not_priced = 0, chosen = 0;
  json_int(json_get(j, "parcels"), &parcels), json_int(json_get(j, "not_priced"), &not_priced);
  json_int(json_get(j, "chosen_minor"), &chosen);
  sum->parcels += parcels, sum->not_priced += not_priced, sum->chosen += chosen;
  for (const struct json *k = json_first(json_get(j, "always")); k; k = json_next(k)) {
    struct always_sum s = { .carrier = json_string(json_get(k, "carrier")) };
    size_t at = 0;
    if (!s.carrier) continue;
    json_int(json_get(k, "parcels"), &s.parcels), json_int(json_get(k, "always_minor"), &s.sum);
    json_int(json_get(k, "chosen_minor"), &s.ours);
    while (at < sum->sums && strcmp(sum->sum[at].carrier, s.carrier) != 0) at++;
    if (at == WHAT_IF_CARRIERS) continue;
    if (at == sum->sums)
      sum->sum[sum->sums++] = (struct always_sum){ .carrier = arena_str(&c->mem, s.carrier) };
    struct always_sum *t = &sum->sum[at];
    t->parcels += s.parcels, t->sum += s.sum, t->ours += s.ours;
  }
}

static int from_shop(struct cli *c)
{
  int64_t next = 0;
  struct what_if sum;
  struct buf out = { 0 };
  what_if_open(&c->mem, &sum);
  do {
    struct faults f = { .mem = &c->mem };
    struct httpc_answer got;
    struct buf body = { 0 };
    struct jw w;
    jw_init(&w, &body), jw_object(&w);
    if (cli_option(c, "from")) jw_kstring(&w, "from", cli_option(c, "from"));
    if (cli_option(c, "to")) jw_kstring(&w, "to", cli_option(c, "to"));
    if (next) jw_kint(&w, "after", next);
    jw_object_end(&w);
    int http = cli_call(c, "POST", "/v1/rates/what-if", body.data, body.len, NULL, &got);
    buf_release(&body);
    if (http < 0) return EXIT_FAILED;
    if (http / 100 != 2) return cli_refused(c, &got);
    const struct json *j = json_parse(&c->mem, got.body, got.body_n, 10000, &f);
    if (!json_int(json_get(j, "next"), &next)) next = 0;
    sums_take(c, j, &sum);
  } while (next);
  what_if_put(&out, &sum);
  int status = answer(c, out.data, out.len);
  buf_release(&out);
  return status;
}

int cli_what_if(struct cli *c)
{
  const char *orders = cli_option(c, "orders"), *cards = cli_option(c, "cards");
  if (!orders != !cards) return cli_wrong(c, "--orders and --cards come together");
  if (orders) return from_files(c, orders, cards);
  if (!cli_has_data(c)) return EXIT_FAILED;
  return from_shop(c);
}
