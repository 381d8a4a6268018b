/* search.c: the words of orders, and what a person typed.
 *
 * An order's terms: names and address as they are cut by text_terms; words of SKUs behind MARK_SKU, so that
 * somebody who sees masked data asks for these alone; the last four digits of phones behind MARK_PHONE; the first
 * letters of the readings of names (张三: zs) behind MARK_INITIALS.
 * The marks are control characters, which folding takes out of every text: no text can look like one. */
#include "domain.h"
#include <stdlib.h>

#define MARK_SKU "\xc2\x81"
#define MARK_PHONE "\xc2\x82"
#define MARK_INITIALS "\xc2\x83"
#define MARK_MAX 2
#define SEARCH_TERMS_MAX 4096 /* of one order; what is over is not found by the index */

/* ---- terms, each once ------------------------------------------------------------------------ */
struct term {
  const char *p;
  size_t n;
  uint64_t hash;
};
struct terms {
  struct arena *mem;
  const char *mark;
  struct term *at;
  size_t n, room;
};

static void terms_put(struct terms *t, const char *p, size_t n)
{
  size_t mark_n = strlen(t->mark);
  char text[MARK_MAX + TERM_MAX];
  must(mark_n <= MARK_MAX && n <= TERM_MAX);
  memcpy(text, t->mark, mark_n), memcpy(text + mark_n, p, n);
  n += mark_n;
  uint64_t hash = hash64(text, n, 0);
  for (size_t i = 0; i < t->n; i++)
    if (t->at[i].hash == hash) return;
  if (t->n == SEARCH_TERMS_MAX) return;
  if (t->n == t->room) {
    struct term *more = arena_array(t->mem, struct term, t->room = t->room ? t->room * 4 : 64);
    if (t->n) memcpy(more, t->at, t->n * sizeof *more);
    t->at = more;
  }
  t->at[t->n++] = (struct term){ arena_strn(t->mem, text, n), n, hash };
}

static void on_term(void *arg, const char *p, size_t n)
{
  terms_put(arg, p, n);
}

/* Scripts without blanks, which text_terms cuts into pairs. */
static bool is_paired(uint32_t cp)
{
  return cp >= 0x2E80 || (cp >= 0x0E00 && cp < 0x1200) || (cp >= 0x1780 && cp < 0x1800);
}

/* The code points of a term of one or two paired characters; 0: another term. */
static int pair_count(const char *p, const char **second)
{
  int n = 0;
  for (const char *q = p; *q; n++) {
    *second = q;
    if (!is_paired(utf8_next(&q)) || n == 2) return 0;
  }
  return n;
}

static bool terms_begin(const struct terms *t, const char *p, size_t n)
{
  for (size_t i = 0; i < t->n; i++)
    if (t->at[i].n >= n && !memcmp(t->at[i].p, p, n)) return true;
  return false;
}

/* One character is asked for by "a term that begins with it", so the last one of each run, which begins
 * no pair, becomes a term of its own. */
static void terms_close(struct terms *t, size_t from)
{
  size_t mark_n = strlen(t->mark);
  for (size_t i = from, n = t->n; i < n; i++) {
    const char *p = t->at[i].p + mark_n, *second;
    if (pair_count(p, &second) != 2) continue;
    char marked[MARK_MAX + 8];
    size_t second_n = strlen(second);
    memcpy(marked, t->mark, mark_n), memcpy(marked + mark_n, second, second_n);
    if (!terms_begin(t, marked, mark_n + second_n)) terms_put(t, second, second_n);
  }
}

static void terms_text(struct terms *t, const char *mark, const char *text)
{
  if (!text || !*text) return;
  size_t from = t->n;
  t->mark = mark;
  text_terms(text, on_term, t);
  terms_close(t, from);
}

/* ---- phones ---------------------------------------------------------------------------------- */
/* The last four digits as far as they are shown; false when there are none. */
static bool phone_last4(const struct phone *p, char out[5])
{
  size_t n = strlen(p->digits);
  if (n < 4) return false;
  memcpy(out, p->digits + n - 4, 5);
  return strspn(out, "0123456789") == 4;
}

static void terms_phone(struct terms *t, const char *text, const char *country)
{
  struct phone p;
  char last4[5];
  if (!text || !*text) return;
  phone_parse(text, country, &p);
  t->mark = MARK_PHONE;
  if (phone_last4(&p, last4)) terms_put(t, last4, 4);
}

/* ---- initials -------------------------------------------------------------------------------- */
static void terms_initials(struct terms *t, const char *name)
{
  char letters[INITIALS_MAX + 1];
  t->mark = MARK_INITIALS;
  if (name && initials_of(name, letters)) terms_put(t, letters, strlen(letters));
}

/* "zs", "zsf": what may be the first letters of a name. */
static bool word_is_initials(const struct search_word *w)
{
  size_t n = strlen(w->text);
  return n >= 2 && n <= INITIALS_MAX && strspn(w->text, "abcdefghijklmnopqrstuvwxyz") == n;
}

static bool initials_have(const char *name, const struct search_word *w)
{
  char letters[INITIALS_MAX + 1];
  return name && initials_of(name, letters) && !strncmp(letters, w->text, strlen(w->text));
}

/* ---- one order's texts ----------------------------------------------------------------------- */
void search_read(struct stmt *s, int at, struct search_order *o)
{
  o->receiver_name = stmt_col_text(s, at), o->buyer_name = stmt_col_text(s, at + 1);
  o->receiver_phone = stmt_col_text(s, at + 2), o->buyer_phone = stmt_col_text(s, at + 3);
  o->country = stmt_col_text(s, at + 4);
  for (int i = 0; i < 5; i++) o->place[i] = stmt_col_text(s, at + 5 + i);
}

static bool is_alnum(char c)
{
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* The parts of an address as one text: 浙江省杭州市, but "San Jose CA". */
static char *place_text(struct arena *a, const struct search_order *o)
{
  struct buf b = { 0 };
  for (int i = 0; i < 5; i++) {
    const char *p = o->place[i];
    if (!p || !*p) continue;
    if (b.len && is_alnum(b.data[b.len - 1]) && is_alnum(*p)) buf_char(&b, ' ');
    buf_str(&b, p);
  }
  char *text = arena_strn(a, b.data ? b.data : "", b.len);
  buf_release(&b);
  return text;
}

static const char SQL_SKUS[] =
  "SELECT sku FROM lines WHERE order_id = $1 AND sku IS NOT NULL ORDER BY line_no";

/* ---- the index ------------------------------------------------------------------------------- */
static enum err search_put(struct db *db, struct arena *a, int64_t id, const struct search_order *o)
{
  static const char SQL[] = "INSERT INTO search (rowid, terms) VALUES ($1, $2)";
  struct terms t = { .mem = a };
  terms_text(&t, "", o->receiver_name);
  if (o->buyer_name && (!o->receiver_name || strcmp(o->buyer_name, o->receiver_name) != 0))
    terms_text(&t, "", o->buyer_name);
  terms_initials(&t, o->receiver_name);
  terms_initials(&t, o->buyer_name);
  terms_text(&t, "", place_text(a, o));
  terms_phone(&t, o->receiver_phone, o->country);
  terms_phone(&t, o->buyer_phone, o->country);
  struct stmt *s = db_stmt(db, SQL_SKUS);
  stmt_int(s, 1, id);
  while (stmt_row(s)) terms_text(&t, MARK_SKU, stmt_col_text(s, 0));
  TRY(stmt_end(s));
  struct buf b = { 0 };
  for (size_t i = 0; i < t.n; i++) {
    if (i) buf_char(&b, ' ');
    buf_put(&b, t.at[i].p, t.at[i].n);
  }
  s = db_stmt(db, SQL);
  stmt_int(s, 1, id), stmt_textn(s, 2, b.data ? b.data : "", b.len);
  enum err e = stmt_run(s);
  buf_release(&b);
  return e;
}

enum err search_mark(struct db *db, int64_t order_id)
{
  static const char SQL[] =
    "INSERT INTO search_todo (order_id) VALUES ($1) ON CONFLICT (order_id) DO NOTHING";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, order_id);
  return stmt_run(s);
}

int64_t search_done(struct db *db)
{
  struct arena mem = { 0 };
  char *value;
  int64_t done = meta_get(db, &mem, "search_done", &value) ? 0 : strtoll(value, NULL, 10);
  arena_release(&mem);
  return done;
}

static enum err search_done_put(struct db *db, struct arena *a, int64_t id)
{
  return meta_put(db, "search_done", arena_printf(a, "%lld", (long long)id));
}

/* One that is in the index, anew. */
static enum err search_again(struct db *db, struct arena *a, int64_t id)
{
  static const char SQL_GONE[] = "DELETE FROM search WHERE rowid = $1";
  static const char SQL_ORDER[] = "SELECT " SEARCH_COLS " FROM orders WHERE id = $1";
  struct stmt *s = db_stmt(db, SQL_GONE);
  stmt_int(s, 1, id);
  TRY(stmt_run(s));
  s = db_stmt(db, SQL_ORDER);
  stmt_int(s, 1, id);
  if (stmt_row(s)) {
    struct search_order o;
    search_read(s, 0, &o);
    TRY(search_put(db, a, id, &o));
  }
  return stmt_end(s);
}

static enum err search_unmark(struct db *db, int64_t id)
{
  static const char SQL[] = "DELETE FROM search_todo WHERE order_id = $1";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id);
  return stmt_run(s);
}

/* Those whose words changed; one that is not in the index yet is indexed with the new ones. */
static enum err search_changed(struct db *db, struct arena *a, int64_t done, int limit, int *n)
{
  static const char SQL[] = "SELECT order_id FROM search_todo ORDER BY order_id LIMIT $1";
  int64_t *ids = arena_array(a, int64_t, limit);
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, limit);
  for (*n = 0; *n < limit && stmt_row(s);) ids[(*n)++] = stmt_col_int(s, 0);
  TRY(stmt_end(s));
  struct arena one = { 0 };
  enum err e = ERR_OK;
  for (int i = 0; i < *n && !e; i++, arena_reset(&one)) {
    e = ids[i] <= done ? search_again(db, &one, ids[i]) : ERR_OK;
    if (!e) e = search_unmark(db, ids[i]);
  }
  arena_release(&one);
  return e;
}

static enum err search_new(struct db *db, int64_t *done, int limit, int *n)
{
  static const char SQL[] = "SELECT " SEARCH_COLS ", id FROM orders WHERE id > $1 ORDER BY id LIMIT $2";
  struct arena one = { 0 };
  enum err e = ERR_OK;
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, *done), stmt_int(s, 2, limit);
  for (*n = 0; !e && stmt_row(s); (*n)++, arena_reset(&one)) {
    struct search_order o;
    search_read(s, 0, &o);
    *done = stmt_col_int(s, SEARCH_COLS_N);
    e = search_put(db, &one, *done, &o);
  }
  arena_release(&one);
  enum err end = stmt_end(s);
  return e ? e : end;
}

enum err search_step(struct db *db, int limit, bool *left)
{
  struct arena mem = { 0 };
  int64_t done = search_done(db), before = done;
  int changed = 0, fresh = 0;
  must(limit > 0);
  enum err e = search_changed(db, &mem, done, limit, &changed);
  if (!e && changed < limit) e = search_new(db, &done, limit - changed, &fresh);
  if (!e && done != before) e = search_done_put(db, &mem, done);
  *left = changed + fresh >= limit;
  arena_release(&mem);
  return e;
}

/* ---- what a person typed --------------------------------------------------------------------- */
static bool is_blank(const char *p, size_t *n)
{
  if (*p == ' ' || (*p >= '\t' && *p <= '\r')) return *n = 1, true;
  return false; /* the normal form has no other blanks */
}

/* "138 0000 0000" is one phone, however it is written. */
#define PHONE_DIGITS_MIN 10
static bool is_phone_like(const char *s)
{
  size_t digits = 0;
  for (; *s; s++) {
    if (*s >= '0' && *s <= '9') digits++;
    else if (!strchr(" +-().*", *s)) return false;
    else if (*s == '*') digits++;
  }
  return digits >= PHONE_DIGITS_MIN;
}

static void word_set(struct search_word *w, const char *text, bool full)
{
  struct phone p;
  *w = (struct search_word){ .text = text };
  if (strlen(text) == 4 && strspn(text, "0123456789") == 4) {
    memcpy(w->last4, text, 5);
  } else if (full && (is_phone_like(text) || strspn(text, "0123456789-") == strlen(text))) {
    phone_parse(text, "CN", &p);
    w->is_phone = p.kind != PHONE_NONE && p.kind != PHONE_SHORT && phone_last4(&p, w->last4);
    if (!w->is_phone) w->last4[0] = 0;
  }
}

static bool words_split(struct arena *a, char *folded, struct search_query *out)
{
  size_t n;
  if (is_phone_like(folded)) {
    word_set(&out->word[0], folded, out->full);
    if (out->word[0].is_phone) return out->n = 1, true;
  }
  for (char *p = folded; *p;) {
    if (is_blank(p, &n)) {
      p += n;
      continue;
    }
    char *end = p;
    while (*end && !is_blank(end, &n)) end++;
    if (out->n == SEARCH_WORDS_MAX) return false;
    word_set(&out->word[out->n++], arena_strn(a, p, (size_t)(end - p)), out->full);
    p = end;
  }
  return true;
}

/* ---- the question for the index: only quoted terms of letters and digits, AND, OR and * ------ */
#define BROAD_BYTES 2
struct ask { /* of one word */
  bool broad, open;
};

/* The term that ends the last word may be the beginning of a longer one; a lone character may be the first of
 * a pair. */
static bool term_is_open(const struct search_word *w, const char *term, size_t n)
{
  const char *second;
  int paired = pair_count(term, &second);
  size_t word_n = strlen(w->text);
  return paired == 1 ||
         (w->open && !paired && n < TERM_MAX && word_n >= n && !memcmp(w->text + word_n - n, term, n));
}

static bool term_is_broad(const char *term, size_t n)
{
  const char *second;
  return n <= BROAD_BYTES || pair_count(term, &second) == 1;
}

static void expr_term(struct buf *b, const char *p, size_t n, bool open)
{
  buf_char(b, '"'), buf_put(b, p, n), buf_str(b, open ? "\"*" : "\"");
}

/* How rare a term is, roughly. In an index of a million addresses "单元" or a lone "2" stand in a part of all orders,
 * and whoever asks for them reads through all these. */
static int term_rare(const char *term, size_t n)
{
  static const char *const common[] = { "单元", "小区", "花园", "街道", "大道", "公寓", "号楼", "大厦",
                                        "新村", "家园", "中心", "广场", "有限", "公司", "人民", "中山" };
  const char *second;
  int paired = pair_count(term, &second);
  if (!paired) return n >= 3 ? 20 + (int)(n < TERM_MAX ? n : TERM_MAX) : (int)n;
  for (size_t i = 0; i < COUNT(common); i++)
    if (n == strlen(common[i]) && !memcmp(term, common[i], n)) return 3;
  return paired == 2 ? 10 : 0;
}

/* Enough to find it: the check of each order looks at the whole word. Which of the terms are not asked for. */
#define ASK_TERMS_MAX 5
static void terms_spare(const struct terms *t, size_t mark_n, bool *spare)
{
  for (size_t left = t->n; left > ASK_TERMS_MAX; left--) {
    size_t least = t->n;
    for (size_t i = 0; i < t->n; i++)
      if (!spare[i] && (least == t->n || term_rare(t->at[i].p + mark_n, t->at[i].n - mark_n) <=
                                           term_rare(t->at[least].p + mark_n, t->at[least].n - mark_n)))
        least = i;
    spare[least] = true;
  }
}

/* (the terms of the word behind this mark that narrow it most). A lone character or a short beginning stands in so
 * many orders that it is left to the check of each, where the word has other terms. */
static bool expr_marked(struct arena *a, struct buf *b, const struct search_word *w, const char *mark,
                        struct ask *ask)
{
  struct terms t = { .mem = a, .mark = mark };
  size_t mark_n = strlen(mark), put = 0, narrow = 0;
  text_terms(w->text, on_term, &t);
  bool *spare = arena_array(a, bool, t.n + 1);
  terms_spare(&t, mark_n, spare);
  for (int pass = 0; pass < 2; pass++)
    for (size_t i = 0; i < t.n; i++) {
      if (spare[i]) continue;
      const char *bare = t.at[i].p + mark_n;
      size_t bare_n = t.at[i].n - mark_n;
      bool open = term_is_open(w, bare, bare_n), broad = open && term_is_broad(bare, bare_n);
      if (pass == 0) narrow += !broad;
      if (pass == 0 || (broad && narrow)) continue;
      ask->broad |= broad, ask->open |= open;
      buf_str(b, put++ ? " AND " : "(");
      expr_term(b, t.at[i].p, t.at[i].n, open);
    }
  if (put) buf_char(b, ')');
  return put > 0;
}

static bool expr_word(struct arena *a, struct buf *b, const struct search_word *w, bool full, struct ask *ask)
{
  static const char *const marks[] = { MARK_SKU, "" };
  struct buf part = { 0 };
  bool any = false;
  for (int i = 0; i < (full ? 2 : 1); i++, part.len = 0) {
    if (!expr_marked(a, &part, w, marks[i], ask)) continue;
    buf_str(b, any ? " OR " : "("), buf_put(b, part.data, part.len);
    any = true;
  }
  buf_release(&part);
  if (w->last4[0]) {
    buf_str(b, any ? " OR " : "(");
    expr_term(b, arena_printf(a, MARK_PHONE "%s", w->last4), MARK_MAX + 4, false);
    any = true;
  }
  if (full && word_is_initials(w)) {
    buf_str(b, any ? " OR " : "(");
    expr_term(b, arena_printf(a, MARK_INITIALS "%s", w->text), MARK_MAX + strlen(w->text), true);
    ask->open = any = true;
    ask->broad |= strlen(w->text) <= BROAD_BYTES;
  }
  if (any) buf_char(b, ')');
  return any;
}

/* A word that would make the index read very much is left to the check of each order, where another
 * word narrows enough. */
static void expr_make(struct arena *a, struct search_query *q)
{
  struct buf narrow = { 0 }, wide = { 0 }, one = { 0 };
  for (int i = 0; i < q->n; i++) {
    struct ask ask = { 0 };
    one.len = 0;
    if (!expr_word(a, &one, &q->word[i], q->full, &ask)) continue;
    struct buf *b = ask.broad ? &wide : &narrow;
    if (!ask.broad) q->open |= ask.open;
    if (b->len) buf_str(b, " AND ");
    buf_put(b, one.data, one.len);
  }
  struct buf *b = narrow.len ? &narrow : &wide;
  q->open |= !narrow.len;
  q->expr = b->len ? arena_strn(a, b->data, b->len) : NULL;
  buf_release(&narrow), buf_release(&wide), buf_release(&one);
}

bool search_parse(struct arena *a, const char *q, bool full, struct search_query *out, const char **why)
{
  size_t n = strlen(q);
  *out = (struct search_query){ .full = full };
  if (n > SEARCH_TEXT_MAX * 4 || !utf8_valid(q, n) || utf8_count(q) > SEARCH_TEXT_MAX) {
    *why = arena_printf(a, "q is UTF-8 of at most %d characters", SEARCH_TEXT_MAX);
    return false;
  }
  char *exact = text_nfkc(a, q), blank;
  while (*exact && ((blank = *exact) == ' ' || (blank >= '\t' && blank <= '\r'))) exact++;
  size_t end = strlen(exact);
  while (end && (exact[end - 1] == ' ' || (exact[end - 1] >= '\t' && exact[end - 1] <= '\r')))
    exact[--end] = 0;
  out->exact = exact;
  if (!words_split(a, text_fold(a, exact), out)) {
    *why = arena_printf(a, "q has at most %d words", SEARCH_WORDS_MAX);
    return false;
  }
  if (out->n) out->word[out->n - 1].open = true;
  expr_make(a, out);
  return true;
}

char *search_sku_expr(struct arena *a, const char *sku)
{
  struct terms t = { .mem = a, .mark = MARK_SKU };
  struct buf b = { 0 };
  text_terms(sku, on_term, &t);
  for (size_t i = 0; i < t.n; i++) {
    if (i) buf_str(&b, " AND ");
    expr_term(&b, t.at[i].p, t.at[i].n, pair_count(t.at[i].p + MARK_MAX, &(const char *){ NULL }) == 1);
  }
  char *expr = t.n ? arena_strn(a, b.data, b.len) : NULL;
  buf_release(&b);
  return expr;
}

struct stmt *search_open(struct db *db, const char *expr, bool down, int64_t from)
{
  static const char SQL_DOWN[] =
    "SELECT rowid FROM search WHERE search MATCH $1 AND rowid <= $2 ORDER BY rowid DESC";
  static const char SQL_UP[] =
    "SELECT rowid FROM search WHERE search MATCH $1 AND rowid >= $2 ORDER BY rowid";
  struct stmt *s = db_stmt(db, down ? SQL_DOWN : SQL_UP);
  stmt_text(s, 1, expr), stmt_int(s, 2, from);
  return s;
}

/* ---- does this order hold it? ---------------------------------------------------------------- */
/* Letters and digits of scripts with blanks, roughly as text_terms sees them. */
static bool is_wordy(uint32_t cp)
{
  if (cp < 0x80) return is_alnum((char)cp);
  return cp >= 0xAA && !is_paired(cp) && cp != 0xB7 && cp != 0xD7 && cp != 0xF7 &&
         !(cp >= 0x2000 && cp < 0x2E80);
}

/* Folded, and without the blanks that stand between the two kinds of script ("文三路 100 号"). */
static char *hay_text(struct arena *a, const char *text)
{
  char *s = text_fold(a, text), *to = s;
  uint32_t before = 0;
  for (const char *p = s; *p;) {
    const char *here = p;
    uint32_t cp = utf8_next(&p);
    const char *next = p;
    if (cp == ' ' && before && *next && is_paired(before) != is_paired(utf8_next(&next))) continue;
    memmove(to, here, (size_t)(p - here));
    to += p - here;
    before = cp;
  }
  *to = 0;
  return s;
}

/* The code point that ends just before p; 0 at the start. */
static uint32_t before_of(const char *start, const char *p)
{
  if (p == start) return 0;
  do p--;
  while (p > start && ((unsigned char)*p & 0xC0) == 0x80);
  return utf8_next(&p);
}

/* A word of letters begins where a word begins, and ends where one ends unless it is open. */
static bool hay_has(const char *hay, const struct search_word *w)
{
  const char *p = w->text, *end;
  size_t n = strlen(w->text);
  bool first = is_wordy(utf8_next(&p)), last = !w->open && is_wordy(before_of(w->text, w->text + n));
  for (p = hay; (p = strstr(p, w->text)); p++) {
    end = p + n;
    if ((!first || !is_wordy(before_of(hay, p))) && (!last || !is_wordy(utf8_next(&end)))) return true;
  }
  return false;
}

static bool phone_has(const char *text, const char *country, const struct search_word *w)
{
  struct phone mine, theirs;
  char last4[5];
  if (!text || !*text || !w->last4[0]) return false;
  phone_parse(text, country, &mine);
  if (!phone_last4(&mine, last4) || memcmp(last4, w->last4, 4) != 0) return false;
  if (!w->is_phone) return true;
  phone_parse(w->text, country, &theirs);
  return !strcmp(mine.digits, theirs.digits) &&
         (!theirs.extension[0] || !strcmp(mine.extension, theirs.extension));
}

#define SKUS_MAX 500
struct hay {
  const char *text[3]; /* names, address */
  const char **sku;
  int skus;
};

static enum err hay_skus(struct db *db, struct arena *a, int64_t order_id, struct hay *h)
{
  struct stmt *s = db_stmt(db, SQL_SKUS);
  h->sku = arena_array(a, const char *, SKUS_MAX);
  stmt_int(s, 1, order_id);
  while (h->skus < SKUS_MAX && stmt_row(s)) h->sku[h->skus++] = hay_text(a, stmt_col_text(s, 0));
  return stmt_end(s);
}

static bool word_hit(const struct hay *h, const struct search_word *w, const struct search_order *o)
{
  for (size_t i = 0; i < COUNT(h->text); i++)
    if (h->text[i] && hay_has(h->text[i], w)) return true;
  if (h->text[2] && word_is_initials(w) &&
      (initials_have(o->receiver_name, w) || initials_have(o->buyer_name, w)))
    return true;
  if (phone_has(o->receiver_phone, o->country, w) || phone_has(o->buyer_phone, o->country, w)) return true;
  for (int i = 0; i < h->skus; i++)
    if (hay_has(h->sku[i], w)) return true;
  return false;
}

bool search_hit(struct db *db, struct arena *a, const struct search_query *q, int64_t order_id,
                const struct search_order *o)
{
  struct hay h = { 0 };
  if (q->full) {
    h.text[0] = o->receiver_name ? hay_text(a, o->receiver_name) : NULL;
    h.text[1] = o->buyer_name ? hay_text(a, o->buyer_name) : NULL;
    h.text[2] = hay_text(a, place_text(a, o));
  }
  if (hay_skus(db, a, order_id, &h)) return false;
  for (int i = 0; i < q->n; i++)
    if (!word_hit(&h, &q->word[i], o)) return false;
  return q->n > 0;
}
