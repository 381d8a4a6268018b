/* view_goods.c: articles and what channels call them, as JSON. */
#include "domain.h"

/* ---- an article ------------------------------------------------------------------------------------------------------- */

/* Of a kit as many as its parts give; parts that are made to order do not limit it. */
#define SKU_COLS \
  "k.id, k.code, k.title, k.state, k.made, k.weight, k.length, k.width, k.height, k.hazard, k.cold, k.safety," \
  " k.created_at, k.updated_at, k.version, EXISTS (SELECT 1 FROM kit_parts p WHERE p.kit_id = k.id)," \
  " (SELECT coalesce(sum(s.on_hand - s.reserved - s.frozen), 0) FROM stock s JOIN warehouses w ON" \
  " w.id = s.warehouse_id WHERE s.sku_id = k.id AND w.state = 'active')," \
  " (SELECT min((SELECT coalesce(sum(s.on_hand - s.reserved - s.frozen), 0) FROM stock s JOIN warehouses w ON" \
  " w.id = s.warehouse_id WHERE s.sku_id = p.sku_id AND w.state = 'active') / p.quantity)" \
  " FROM kit_parts p JOIN skus q ON q.id = p.sku_id WHERE p.kit_id = k.id AND q.made = 0)"

static void jw_known(struct jw *w, const char *key, struct stmt *s, int col)
{
  if (!stmt_col_null(s, col)) jw_kint(w, key, stmt_col_int(s, col));
  else jw_key(w, key), jw_null(w);
}

static enum err row_barcodes(struct db *db, struct jw *w, int64_t id)
{
  static const char SQL[] = "SELECT barcode FROM barcodes WHERE sku_id = $1 ORDER BY barcode";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id);
  jw_key(w, "barcodes"), jw_array(w);
  while (stmt_row(s)) jw_string(w, stmt_col_text(s, 0));
  jw_array_end(w);
  return stmt_end(s);
}

static enum err row_parts(struct db *db, struct jw *w, int64_t id)
{
  static const char SQL[] = "SELECT k.code, p.quantity FROM kit_parts p JOIN skus k ON k.id = p.sku_id"
                            " WHERE p.kit_id = $1 ORDER BY p.sku_id";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id);
  jw_key(w, "parts"), jw_array(w);
  while (stmt_row(s)) {
    jw_object(w), jw_kstring(w, "sku", stmt_col_text(s, 0)), jw_kint(w, "quantity", stmt_col_int(s, 1));
    jw_object_end(w);
  }
  jw_array_end(w);
  return stmt_end(s);
}

static enum err row_sku(struct db *db, struct stmt *s, struct jw *w)
{
  int64_t id = stmt_col_int(s, 0);
  bool made = stmt_col_int(s, 4) != 0, kit = stmt_col_int(s, 15) != 0;
  jw_object(w);
  jw_id(w, "id", 'n', id);
  jw_kstring(w, "code", stmt_col_text(s, 1)), jw_kstring(w, "title", stmt_col_text(s, 2));
  jw_kstring(w, "state", stmt_col_text(s, 3)), jw_kbool(w, "made", made), jw_kbool(w, "kit", kit);
  TRY(row_barcodes(db, w, id));
  TRY(row_parts(db, w, id));
  jw_known(w, "weight_g", s, 5), jw_known(w, "length_mm", s, 6), jw_known(w, "width_mm", s, 7);
  jw_known(w, "height_mm", s, 8);
  jw_kstring(w, "hazard", stmt_col_text(s, 9)), jw_kbool(w, "cold", stmt_col_int(s, 10) != 0);
  jw_kint(w, "safety", stmt_col_int(s, 11));
  if (made) jw_key(w, "available"), jw_null(w);
  else jw_known(w, "available", s, kit ? 17 : 16);
  jw_ktime_col(w, "created_at", s, 12), jw_ktime_col(w, "updated_at", s, 13);
  jw_kint(w, "version", stmt_col_int(s, 14));
  jw_object_end(w);
  return ERR_OK;
}

enum err view_sku(struct db *db, struct arena *a, const char *code, struct buf *out, int64_t *version)
{
  static const char SQL[] = "SELECT " SKU_COLS " FROM skus k WHERE k.code = $1";
  struct jw w;
  (void)a;
  jw_init(&w, out);
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, code);
  bool found = stmt_row(s);
  enum err part = ERR_OK;
  if (found) {
    if (version) *version = stmt_col_int(s, 14);
    part = row_sku(db, s, &w);
  }
  enum err e = stmt_end(s);
  return e ? e : part ? part : found ? ERR_OK : ERR_NOT_FOUND;
}

/* ---- articles --------------------------------------------------------------------------------------------------------- */

struct sku_look {
  const char *q; /* folded; NULL: all */
  struct arena scratch;
};

static bool text_holds(struct sku_look *l, const char *text)
{
  return text && strstr(text_fold(&l->scratch, text), l->q);
}

static bool barcode_holds(struct db *db, struct sku_look *l, int64_t id)
{
  static const char SQL[] = "SELECT barcode FROM barcodes WHERE sku_id = $1";
  bool found = false;
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id);
  while (!found && stmt_row(s)) found = text_holds(l, stmt_col_text(s, 0));
  stmt_end(s);
  return found;
}

static bool sku_fits(struct db *db, struct sku_look *l, struct stmt *s)
{
  if (!l->q) return true;
  bool fits = text_holds(l, stmt_col_text(s, 1)) || text_holds(l, stmt_col_text(s, 2)) ||
              barcode_holds(db, l, stmt_col_int(s, 0));
  arena_reset(&l->scratch);
  return fits;
}

static bool is_state(const char *state)
{
  return !strcmp(state, "active") || !strcmp(state, "retired");
}

static enum err skus_ask(struct arena *a, const struct sku_filter *f, int *limit, struct cursor *from,
                         struct sku_look *look, const char **why)
{
  TRY(list_begin(a, 'k', f->cursor, limit, from, why));
  if (!f->cursor) from->id = 0;
  if (f->state && !is_state(f->state)) return *why = "state is one of active, retired", ERR_BAD_REQUEST;
  if (!f->q) return ERR_OK;
  size_t n = strlen(f->q);
  if (n > SEARCH_TEXT_MAX * 4 || !utf8_valid(f->q, n))
    return *why = "q is too long or not UTF-8", ERR_BAD_REQUEST;
  look->q = *f->q ? text_fold(a, f->q) : NULL;
  return ERR_OK;
}

enum err view_skus(struct db *db, struct arena *a, const struct sku_filter *f, struct buf *out,
                   const char **next, const char **why)
{
  struct cursor from, last = { 0 };
  struct sku_look look = { .q = NULL };
  struct sql q = { 0 };
  struct jw w;
  int limit = f->limit;
  *next = NULL;
  TRY(skus_ask(a, f, &limit, &from, &look, why));
  sql_int(&q, "SELECT " SKU_COLS " FROM skus k WHERE k.id > ", from.id, "");
  if (f->state) sql_text(&q, " AND k.state = ", f->state, "");
  sql_piece(&q, " ORDER BY k.id");
  struct stmt *s = sql_prepare(db, &q);
  enum err part = ERR_OK;
  list_open(&w, out);
  for (int n = 0, vain = 0; !part && !*next && stmt_row(s);) {
    bool fits = sku_fits(db, &look, s);
    if (fits && n == limit) {
      *next = cursor_text(a, 'k', last);
      break;
    }
    last.id = stmt_col_int(s, 0);
    if (fits) part = row_sku(db, s, &w), n++;
    else if (++vain == LIST_LOOK_MAX) *next = cursor_text(a, 'k', last);
  }
  list_close(&w, *next);
  enum err e = stmt_end(s);
  stmt_drop(s);
  sql_release(&q);
  arena_release(&look.scratch);
  return e ? e : part;
}

/* ---- what channels call them -------------------------------------------------------------------------------------------- */

/* The last row's channel and its word for the article, as hex: no number stands for them. */
static char *mapping_cursor(struct arena *a, int64_t channel_id, const char *channel_sku)
{
  struct buf b = { 0 }, hex = { 0 };
  buf_printf(&b, "%lld %s", (long long)channel_id, channel_sku);
  uint64_t sum = hash64(b.data, b.len, 0x6d6170);
  buf_printf(&hex, "%08x", (unsigned)(sum & 0xffffffff));
  hex_put(&hex, (const unsigned char *)b.data, b.len);
  char *text = arena_strn(a, hex.data, hex.len);
  buf_release(&b), buf_release(&hex);
  return text;
}

static int hex_value(char c)
{
  return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool mapping_from(struct arena *a, const char *cursor, int64_t *channel_id, const char **channel_sku)
{
  size_t n = strlen(cursor);
  if (n < 12 || n % 2 || n > 2048) return false;
  char *raw = arena_alloc(a, n / 2);
  for (size_t i = 8; i < n; i += 2) {
    int high = hex_value(cursor[i]), low = hex_value(cursor[i + 1]);
    if (high < 0 || low < 0) return false;
    raw[i / 2 - 4] = (char)(high << 4 | low);
  }
  char *blank = strchr(raw, ' ');
  if (!blank || !id_parse(arena_printf(a, "c_%.*s", (int)(blank - raw), raw), 'c', channel_id)) return false;
  *channel_sku = blank + 1;
  return !strcmp(mapping_cursor(a, *channel_id, *channel_sku), cursor);
}

static enum err mapping_ask(struct arena *a, const struct mapping_filter *f, struct sql *q, const char **why)
{
  int64_t channel_id;
  const char *channel_sku;
  sql_piece(q, "SELECT m.channel_id, c.name, m.channel_sku, k.code FROM channel_skus m JOIN channels c ON"
               " c.id = m.channel_id JOIN skus k ON k.id = m.sku_id WHERE 1 = 1");
  if (f->channel) sql_text(q, " AND m.channel_id = (SELECT id FROM channels WHERE name = ", f->channel, ")");
  if (f->sku) sql_text(q, " AND m.sku_id = (SELECT id FROM skus WHERE code = ", f->sku, ")");
  if (f->cursor) {
    if (!mapping_from(a, f->cursor, &channel_id, &channel_sku))
      return *why = "cursor is not one that this list gave out", ERR_BAD_REQUEST;
    sql_int(q, " AND (m.channel_id, m.channel_sku) > (", channel_id, ", ");
    sql_text(q, "", channel_sku, ")");
  }
  sql_piece(q, " ORDER BY m.channel_id, m.channel_sku");
  return ERR_OK;
}

static void mappings_put(struct stmt *s, struct arena *a, int limit, struct jw *w, const char **next)
{
  int64_t channel_id = 0;
  const char *last = NULL;
  for (int n = 0; stmt_row(s); n++) {
    if (n == limit) {
      *next = mapping_cursor(a, channel_id, last);
      return;
    }
    channel_id = stmt_col_int(s, 0), last = stmt_col_copy(s, 2, a);
    jw_object(w), jw_kstring(w, "channel", stmt_col_text(s, 1)), jw_kstring(w, "channel_sku", last);
    jw_kstring(w, "sku", stmt_col_text(s, 3)), jw_object_end(w);
  }
}

enum err view_channel_skus(struct db *db, struct arena *a, const struct mapping_filter *f, struct buf *out,
                           const char **next, const char **why)
{
  struct cursor none;
  struct sql q = { 0 };
  struct jw w;
  int limit = f->limit;
  *next = NULL;
  TRY(list_begin(a, 'm', NULL, &limit, &none, why));
  enum err e = mapping_ask(a, f, &q, why);
  if (!e) {
    struct stmt *s = sql_prepare(db, &q);
    list_open(&w, out);
    mappings_put(s, a, limit, &w, next);
    list_close(&w, *next);
    e = stmt_end(s);
    stmt_drop(s);
  }
  sql_release(&q);
  return e;
}
