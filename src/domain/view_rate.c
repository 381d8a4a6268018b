/* view_rate.c: rate cards as people see them: SELECT only. */
#include "domain.h"

#define COLS \
  "id, code, carrier, service, origin, currency, divisor, step_g, minimum, fuel_bp, cod_bp, cod_minimum, insured_bp," \
  " insured_minimum, weight_max_g, side_max_mm, valid_from, valid_to, dangerous, cold, retired, version," \
  " (SELECT count(*) FROM rates r WHERE r.card_id = rate_cards.id)"

static void card_put(struct jw *w, struct stmt *s)
{
  static const char *const numbers[] = {
    "divisor",           "step_g",     "minimum_minor",         "fuel_bp",      "cod_bp",
    "cod_minimum_minor", "insured_bp", "insured_minimum_minor", "weight_max_g", "side_max_mm"
  };
  jw_kstring(w, "code", stmt_col_text(s, 1)), jw_kstring(w, "carrier", stmt_col_text(s, 2));
  jw_kstring(w, "service", stmt_col_text(s, 3)), jw_kstring(w, "origin", stmt_col_text(s, 4));
  jw_kstring(w, "currency", stmt_col_text(s, 5));
  for (size_t i = 0; i < COUNT(numbers); i++) jw_kint(w, numbers[i], stmt_col_int(s, (int)i + 6));
  jw_ktime(w, "valid_from", stmt_col_int(s, 16)), jw_ktime(w, "valid_to", stmt_col_int(s, 17));
  jw_kbool(w, "dangerous", stmt_col_int(s, 18) != 0), jw_kbool(w, "cold", stmt_col_int(s, 19) != 0);
  jw_kbool(w, "retired", stmt_col_int(s, 20) != 0);
  jw_kint(w, "version", stmt_col_int(s, 21)), jw_kint(w, "bands", stmt_col_int(s, 22));
}

static void band_put(struct jw *w, struct stmt *s)
{
  static const char *const numbers[] = { "from_g",       "to_g",         "first_g",    "first_minor",
                                         "per_kg_milli", "remote_minor", "days_least", "days_most" };
  jw_object(w), jw_kstring(w, "province", stmt_col_text(s, 0)), jw_kstring(w, "city", stmt_col_text(s, 1));
  jw_kstring(w, "model", rate_model_name((enum rate_model)stmt_col_int(s, 2)));
  for (size_t i = 0; i < COUNT(numbers); i++) jw_kint(w, numbers[i], stmt_col_int(s, (int)i + 3));
  jw_object_end(w);
}

static enum err bands_put(struct db *db, struct jw *w, int64_t card_id)
{
  static const char SQL[] =
    "SELECT province, city, model, from_g, to_g, first_g, first, per_kg, remote, days_least, days_most FROM rates"
    " WHERE card_id = $1 ORDER BY province, city, from_g LIMIT 20000";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, card_id);
  while (stmt_row(s)) band_put(w, s);
  return stmt_end(s);
}

enum err view_rate_card(struct db *db, struct arena *a, const char *code, struct buf *out, int64_t *version)
{
  struct stmt *s = db_stmt(db, "SELECT " COLS " FROM rate_cards WHERE code = $1");
  struct jw w;
  int64_t id = 0;
  (void)a;
  jw_init(&w, out);
  stmt_text(s, 1, code);
  if (stmt_row(s)) id = stmt_col_int(s, 0), *version = stmt_col_int(s, 21), jw_object(&w), card_put(&w, s);
  enum err e = stmt_end(s);
  if (e || !id) return e ? e : ERR_NOT_FOUND;
  jw_key(&w, "rates"), jw_array(&w);
  e = bands_put(db, &w, id);
  jw_array_end(&w), jw_object_end(&w);
  return e;
}

enum err view_rate_cards(struct db *db, struct arena *a, struct buf *out)
{
  struct stmt *s = db_stmt(db, "SELECT " COLS " FROM rate_cards ORDER BY code LIMIT 1000");
  struct jw w;
  (void)a;
  list_open(&w, out);
  while (stmt_row(s)) jw_object(&w), card_put(&w, s), jw_object_end(&w);
  list_close(&w, NULL);
  return stmt_end(s);
}
