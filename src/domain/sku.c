/* sku.c: the team's own articles, their barcodes, what kits are made of, and what channels call them. */
#include "domain.h"

static void bind_known(struct stmt *s, int at, int64_t v)
{
  if (v) stmt_int(s, at, v);
  else stmt_null(s, at);
}

/* ---- codes ----------------------------------------------------------------------------------------------------------- */

/* People read codes aloud, print and type them. So only letters of scripts that are written from left to right
 * without marks on top, in their composed form, and none that merely looks like a Latin one. */
enum script {
  SCRIPT_NONE,
  SCRIPT_SIGN,
  SCRIPT_DIGIT,
  SCRIPT_LATIN,
  SCRIPT_GREEK,
  SCRIPT_CYRILLIC,
  SCRIPT_EAST
};
static const struct {
  uint32_t first, last;
  enum script script;
} code_letters[] = {
  { '0', '9', SCRIPT_DIGIT },        { 'A', 'Z', SCRIPT_LATIN },
  { 'a', 'z', SCRIPT_LATIN },        { 0xC0, 0xD6, SCRIPT_LATIN },
  { 0xD8, 0xF6, SCRIPT_LATIN },      { 0xF8, 0x130, SCRIPT_LATIN }, /* not 131, an i without its dot */
  { 0x134, 0x137, SCRIPT_LATIN },    { 0x139, 0x148, SCRIPT_LATIN },
  { 0x14A, 0x17E, SCRIPT_LATIN },    { 0x386, 0x386, SCRIPT_GREEK },
  { 0x388, 0x3CE, SCRIPT_GREEK },    { 0x400, 0x45F, SCRIPT_CYRILLIC },
  { 0x490, 0x491, SCRIPT_CYRILLIC }, { 0x3005, 0x3005, SCRIPT_EAST },
  { 0x3041, 0x3096, SCRIPT_EAST }, /* kana */
  { 0x30A1, 0x30FA, SCRIPT_EAST },   { 0x30FC, 0x30FC, SCRIPT_EAST },
  { 0x3400, 0x4DBF, SCRIPT_EAST },                                    /* Han */
  { 0x4E00, 0x9FFF, SCRIPT_EAST },   { 0xAC00, 0xD7A3, SCRIPT_EAST }, /* Hangul */
  { 0x20000, 0x323AF, SCRIPT_EAST },
};

static enum script script_of(uint32_t cp)
{
  if (cp < 0x80 && cp && strchr("._-/#+", (int)cp)) return SCRIPT_SIGN;
  for (size_t i = 0; i < COUNT(code_letters); i++)
    if (cp >= code_letters[i].first && cp <= code_letters[i].last) return code_letters[i].script;
  return SCRIPT_NONE;
}

/* Greek and Cyrillic letters that a reader takes for Latin ones. */
static bool looks_latin(uint32_t cp)
{
  static const char twins[] = "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧονυικρ"
                              "АВЕЗКМНОРСТУХЅІЈаеорсухѕіј";
  const char *p = twins;
  for (uint32_t twin; (twin = utf8_next(&p));)
    if (twin == cp) return true;
  return false;
}

static bool is_composed(const char *code)
{
  struct arena mem = { 0 };
  bool same = !strcmp(code, text_nfkc(&mem, code));
  arena_release(&mem);
  return same;
}

/* Codes stand in addresses: no part between slashes is empty or made of dots. */
static bool path_safe(const char *code)
{
  for (const char *p = code;; p++) {
    size_t n = strcspn(p, "/");
    if (strspn(p, ".") == n) return false;
    p += n;
    if (!*p) return true;
  }
}

bool sku_code_ok(const char *code)
{
  size_t n = strlen(code);
  unsigned seen = 0;
  bool own = false; /* a letter that only Greek or Cyrillic has */
  if (!n || n > SKU_CODE_MAX || !utf8_valid(code, n) || strchr("./-+", *code)) return false;
  const char *p = code;
  for (uint32_t cp; (cp = utf8_next(&p));) {
    enum script s = script_of(cp);
    if (!s) return false;
    seen |= 1u << s;
    own = own || ((s == SCRIPT_GREEK || s == SCRIPT_CYRILLIC) && !looks_latin(cp));
  }
  bool latin = seen & 1u << SCRIPT_LATIN, greek = seen & 1u << SCRIPT_GREEK,
       cyrillic = seen & 1u << SCRIPT_CYRILLIC;
  if (latin + greek + cyrillic > 1 || ((greek || cyrillic) && !own)) return false;
  return seen & ~(1u << SCRIPT_SIGN) && path_safe(code) && is_composed(code);
}

/* ---- skus --------------------------------------------------------------------------------------------------------------- */

#define SKU_COLS \
  "SELECT k.id, k.version, k.created_at, k.updated_at, k.code, k.title, k.hazard, k.state, k.weight," \
  " k.length, k.width, k.height, k.safety, k.made, k.cold," \
  " EXISTS (SELECT 1 FROM kit_parts p WHERE p.kit_id = k.id) FROM skus k"

static enum err sku_read(struct stmt *s, struct arena *a, struct sku *out)
{
  bool found = stmt_row(s);
  if (found)
    *out = (struct sku){
      .id = stmt_col_int(s, 0),
      .version = stmt_col_int(s, 1),
      .created_at = stmt_col_int(s, 2),
      .updated_at = stmt_col_int(s, 3),
      .code = stmt_col_copy(s, 4, a),
      .title = stmt_col_copy(s, 5, a),
      .hazard = stmt_col_copy(s, 6, a),
      .state = stmt_col_copy(s, 7, a),
      .weight = stmt_col_int(s, 8),
      .length = stmt_col_int(s, 9),
      .width = stmt_col_int(s, 10),
      .height = stmt_col_int(s, 11),
      .safety = stmt_col_int(s, 12),
      .made = stmt_col_int(s, 13) != 0,
      .cold = stmt_col_int(s, 14) != 0,
      .kit = stmt_col_int(s, 15) != 0,
    };
  enum err e = stmt_end(s);
  return e ? e : found ? ERR_OK : ERR_NOT_FOUND;
}

enum err sku_get(struct db *db, struct arena *a, int64_t id, struct sku *out)
{
  static const char SQL[] = SKU_COLS " WHERE k.id = $1";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id);
  return sku_read(s, a, out);
}

enum err sku_find(struct db *db, struct arena *a, const char *code, struct sku *out)
{
  static const char SQL[] = SKU_COLS " WHERE k.code = $1";
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, code);
  return sku_read(s, a, out);
}

/* The one number that a query gives. */
static enum err one_id(struct stmt *s, int64_t *id)
{
  bool found = stmt_row(s);
  if (found) *id = stmt_col_int(s, 0);
  enum err e = stmt_end(s);
  return e ? e : found ? ERR_OK : ERR_NOT_FOUND;
}

enum err sku_by_barcode(struct db *db, const char *barcode, int64_t *id)
{
  static const char SQL[] = "SELECT sku_id FROM barcodes WHERE barcode = $1";
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, barcode);
  return one_id(s, id);
}

static void sku_bind(struct stmt *s, int at, const struct sku *k)
{
  must(k->weight >= 0 && k->length >= 0 && k->width >= 0 && k->height >= 0 && k->safety >= 0);
  stmt_text(s, at, k->title), stmt_int(s, at + 1, k->made), bind_known(s, at + 2, k->weight);
  bind_known(s, at + 3, k->length), bind_known(s, at + 4, k->width), bind_known(s, at + 5, k->height);
  stmt_text(s, at + 6, k->hazard), stmt_int(s, at + 7, k->cold), stmt_int(s, at + 8, k->safety);
  stmt_text(s, at + 9, k->state);
}

enum err sku_insert(struct db *db, const struct sku *k, int64_t now_ms, int64_t *id)
{
  static const char SQL[] =
    "INSERT INTO skus (id, code, title, made, weight, length, width, height, hazard, cold, safety, state,"
    " created_at, updated_at, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 1)"
    " ON CONFLICT (code) DO NOTHING";
  must(sku_code_ok(k->code));
  *id = db_next_id(db, "sku");
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, *id), stmt_text(s, 2, k->code), sku_bind(s, 3, k);
  stmt_int(s, 13, now_ms), stmt_int(s, 14, now_ms);
  TRY(stmt_run(s));
  return db_changes(db) ? ERR_OK : ERR_CONFLICT;
}

enum err sku_update(struct db *db, const struct sku *k, int64_t now_ms)
{
  static const char SQL[] =
    "UPDATE skus SET title = $1, made = $2, weight = $3, length = $4, width = $5, height = $6, hazard = $7,"
    " cold = $8, safety = $9, state = $10, updated_at = $11, version = version + 1"
    " WHERE id = $12 AND version = $13";
  struct stmt *s = db_stmt(db, SQL);
  sku_bind(s, 1, k), stmt_int(s, 11, now_ms), stmt_int(s, 12, k->id), stmt_int(s, 13, k->version);
  TRY(stmt_run(s));
  return db_changes(db) ? ERR_OK : ERR_STALE;
}

bool sku_any(struct db *db)
{
  static const char SQL[] = "SELECT 1 FROM skus LIMIT 1";
  int64_t one;
  return !one_id(db_stmt(db, SQL), &one);
}

/* ---- barcodes -------------------------------------------------------------------------------------------------------------- */

enum err sku_set_barcodes(struct db *db, int64_t id, const char *const *barcode, size_t n)
{
  static const char SQL_DROP[] = "DELETE FROM barcodes WHERE sku_id = $1";
  static const char SQL_PUT[] =
    "INSERT INTO barcodes (barcode, sku_id) VALUES ($1, $2) ON CONFLICT (barcode) DO NOTHING";
  must(n <= BARCODES_MAX);
  struct stmt *s = db_stmt(db, SQL_DROP);
  stmt_int(s, 1, id);
  TRY(stmt_run(s));
  for (size_t i = 0; i < n; i++) {
    s = db_stmt(db, SQL_PUT);
    stmt_text(s, 1, barcode[i]), stmt_int(s, 2, id);
    TRY(stmt_run(s));
    if (!db_changes(db)) return ERR_CONFLICT;
  }
  return ERR_OK;
}

enum err sku_barcodes(struct db *db, struct arena *a, int64_t id, const char ***barcode, size_t *n)
{
  static const char SQL[] = "SELECT barcode FROM barcodes WHERE sku_id = $1 ORDER BY barcode LIMIT $2";
  struct stmt *s = db_stmt(db, SQL);
  *n = 0, *barcode = arena_array(a, const char *, BARCODES_MAX);
  stmt_int(s, 1, id), stmt_int(s, 2, BARCODES_MAX);
  while (stmt_row(s)) (*barcode)[(*n)++] = stmt_col_copy(s, 0, a);
  return stmt_end(s);
}

bool barcode_ok(const char *text)
{
  size_t n = strlen(text);
  for (const char *p = text; *p; p++)
    if (*p <= ' ' || *p >= 0x7f) return false;
  return n && n <= BARCODE_MAX;
}

/* From the right each second digit counts three times, and all of them make a multiple of ten. */
bool barcode_check_digit(const char *text)
{
  size_t n = strlen(text);
  int sum = 0;
  if ((n != 8 && n != 12 && n != 13 && n != 14) || strspn(text, "0123456789") != n) return true;
  for (size_t i = 0; i < n; i++) sum += (text[n - 1 - i] - '0') * (i % 2 ? 3 : 1);
  return sum % 10 == 0;
}

/* ---- kits ------------------------------------------------------------------------------------------------------------------ */

enum err sku_set_parts(struct db *db, int64_t id, const struct kit_part *part, size_t n)
{
  static const char SQL_DROP[] = "DELETE FROM kit_parts WHERE kit_id = $1";
  static const char SQL_PUT[] = "INSERT INTO kit_parts (kit_id, sku_id, quantity) VALUES ($1, $2, $3)";
  must(n <= KIT_PARTS_MAX);
  struct stmt *s = db_stmt(db, SQL_DROP);
  stmt_int(s, 1, id);
  TRY(stmt_run(s));
  for (size_t i = 0; i < n; i++) {
    must(part[i].sku_id != id && part[i].quantity > 0);
    s = db_stmt(db, SQL_PUT);
    stmt_int(s, 1, id), stmt_int(s, 2, part[i].sku_id), stmt_int(s, 3, part[i].quantity);
    TRY(stmt_run(s));
  }
  return ERR_OK;
}

enum err sku_parts(struct db *db, struct arena *a, int64_t id, struct kit_part **part, size_t *n)
{
  static const char SQL[] =
    "SELECT sku_id, quantity FROM kit_parts WHERE kit_id = $1 ORDER BY sku_id LIMIT $2";
  struct kit_part found[KIT_PARTS_MAX];
  struct stmt *s = db_stmt(db, SQL);
  *n = 0, *part = NULL;
  stmt_int(s, 1, id), stmt_int(s, 2, KIT_PARTS_MAX);
  while (stmt_row(s)) found[(*n)++] = (struct kit_part){ stmt_col_int(s, 0), stmt_col_int(s, 1) };
  TRY(stmt_end(s));
  if (!*n) return ERR_OK;
  *part = arena_array(a, struct kit_part, *n);
  memcpy(*part, found, *n * sizeof *found);
  return ERR_OK;
}

bool sku_is_part(struct db *db, int64_t id)
{
  static const char SQL[] = "SELECT 1 FROM kit_parts WHERE sku_id = $1 LIMIT 1";
  int64_t one;
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id);
  return !one_id(s, &one);
}

/* ---- what channels call them ------------------------------------------------------------------------------------------------- */

enum err channel_sku_put(struct db *db, int64_t channel_id, const char *channel_sku, int64_t sku_id,
                         bool *changed)
{
  static const char SQL[] = "INSERT INTO channel_skus (channel_id, channel_sku, sku_id) VALUES ($1, $2, $3)"
                            " ON CONFLICT (channel_id, channel_sku) DO UPDATE SET sku_id = excluded.sku_id"
                            " WHERE channel_skus.sku_id <> excluded.sku_id";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, channel_id), stmt_text(s, 2, channel_sku), stmt_int(s, 3, sku_id);
  TRY(stmt_run(s));
  *changed = db_changes(db) > 0;
  return ERR_OK;
}

enum err channel_sku_drop(struct db *db, int64_t channel_id, const char *channel_sku)
{
  static const char SQL[] = "DELETE FROM channel_skus WHERE channel_id = $1 AND channel_sku = $2";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, channel_id), stmt_text(s, 2, channel_sku);
  TRY(stmt_run(s));
  return db_changes(db) ? ERR_OK : ERR_NOT_FOUND;
}

enum err channel_sku_get(struct db *db, int64_t channel_id, const char *channel_sku, int64_t *sku_id)
{
  static const char SQL[] = "SELECT sku_id FROM channel_skus WHERE channel_id = $1 AND channel_sku = $2";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, channel_id), stmt_text(s, 2, channel_sku);
  return one_id(s, sku_id);
}

enum err sku_of_channel(struct db *db, int64_t channel_id, const char *channel_sku, int64_t *sku_id)
{
  static const char SQL[] = "SELECT id FROM skus WHERE code = $1";
  enum err e = channel_sku_get(db, channel_id, channel_sku, sku_id);
  if (e != ERR_NOT_FOUND) return e;
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, channel_sku);
  return one_id(s, sku_id);
}
