/* ask.c: whose company a platform should be asked about (domain 3.3): a buyer's free orders that stand near in time. */
#include "domain.h"
#include <stdlib.h>

#define ASK_MAX 20000

struct candidate {
  struct token_order o;
  const char *buyer;
  int64_t placed_at;
  uint64_t address;
};

static int by_buyer(const void *x, const void *y)
{
  const struct candidate *a = x, *b = y;
  int c = strcmp(a->buyer, b->buyer);
  if (c) return c;
  if (a->placed_at != b->placed_at) return a->placed_at < b->placed_at ? -1 : 1;
  return a->o.id < b->o.id ? -1 : a->o.id > b->o.id;
}

static uint64_t text_hash(const char *s)
{
  return s ? hash64(s, strlen(s), 7) : 0;
}

/* The buyer, else the receiver's token, names the company. */
static enum err candidates(struct db *db, struct arena *a, int64_t channel_id, int64_t since,
                           struct candidate **list, size_t *n)
{
  static const char SQL[] =
    "SELECT o.id, o.external_id, o.token, coalesce(o.buyer_id, o.token), o.placed_at, o.province, o.city, o.district,"
    " o.address FROM orders o WHERE o.placed_slot >= $1 AND o.contact_key IS NOT NULL AND o.channel_id = $2"
    " AND o.token IS NOT NULL AND o.no_merge IS NULL AND (o.status = 'paid' OR o.status = 'split')"
    " AND o.placed_at >= $3 LIMIT $4";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, slot_of(since)), stmt_int(s, 2, channel_id), stmt_int(s, 3, since), stmt_int(s, 4, ASK_MAX);
  *list = arena_array(a, struct candidate, ASK_MAX), *n = 0;
  while (*n < ASK_MAX && stmt_row(s)) {
    struct candidate *c = &(*list)[(*n)++];
    c->o.id = stmt_col_int(s, 0);
    c->o.external_id = stmt_col_copy(s, 1, a), c->o.token = stmt_col_copy(s, 2, a);
    c->buyer = stmt_col_copy(s, 3, a), c->placed_at = stmt_col_int(s, 4);
    c->address = text_hash(c->o.token);
    for (int i = 5; i < 9; i++) c->address = c->address * 31 + text_hash(stmt_col_text(s, i));
  }
  return stmt_end(s);
}

/* What a company looked like when it was asked about: its orders, their tokens and addresses. */
static enum err company_new(struct db *db, struct candidate *c, size_t n, bool *is_new)
{
  uint64_t content = n;
  for (size_t i = 0; i < n; i++) {
    const uint64_t words[] = { content, (uint64_t)c[i].o.id, c[i].address };
    content = hash64(words, sizeof words, 3);
  }
  *is_new = false;
  for (size_t i = 0; i < n; i++) {
    int64_t was = 0;
    enum err e = merge_asked_get(db, c[i].o.id, &was);
    if (e && e != ERR_NOT_FOUND) return e;
    c[i].o.content = (int64_t)content;
    *is_new = *is_new || e || was != (int64_t)content;
  }
  return ERR_OK;
}

enum err order_ask_platform(struct db *db, struct arena *a, int64_t channel_id, int64_t since,
                            int64_t window_ms, struct token_order **list, size_t *n)
{
  struct candidate *c;
  size_t all;
  *n = 0;
  TRY(candidates(db, a, channel_id, since, &c, &all));
  qsort(c, all, sizeof *c, by_buyer);
  *list = arena_array(a, struct token_order, all + 1);
  for (size_t i = 0, k; i < all; i = k) {
    bool is_new;
    for (k = i + 1;
         k < all && !strcmp(c[k].buyer, c[i].buyer) && c[k].placed_at - c[k - 1].placed_at <= window_ms;)
      k++;
    if (k - i < 2) continue;
    TRY(company_new(db, &c[i], k - i, &is_new));
    for (size_t x = i; is_new && x < k; x++) (*list)[(*n)++] = c[x].o;
  }
  return ERR_OK;
}
