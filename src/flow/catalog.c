/* The data dictionary: articles with their barcodes and kits, what channels call them, and warehouses. What is named
 * in a body is set, what is not named stays as it is, so that a file with three columns changes three things. */
#include "flow.h"

/* ---- fields as rows: which key, where it goes, what it may be --------------------------------------------------- */

enum value_kind { VALUE_TEXT, VALUE_COUNT, VALUE_YES };
struct field {
  const char *key;
  enum value_kind kind;
  size_t at;
  int64_t least, most; /* of a count; of a text the characters */
};
#define FIELDS_MAX 16

static const enum arg_kind arg_of[] = {
  [VALUE_TEXT] = ARG_TEXT, [VALUE_COUNT] = ARG_INT, [VALUE_YES] = ARG_BOOL
};

/* Reads the fields into values and the other keys by their own rows; *set: which fields were named. */
static enum err fields_read(struct cmd *c, const struct json *body, const struct field *f, size_t n,
                            void *values, const struct arg *more, size_t more_n, unsigned *set)
{
  struct arg rows[FIELDS_MAX + 8];
  must(n <= FIELDS_MAX && more_n <= 8);
  for (size_t i = 0; i < n; i++)
    rows[i] = (struct arg){ f[i].key, arg_of[f[i].kind], false, (size_t)f[i].most, (char *)values + f[i].at };
  memcpy(rows + n, more, more_n * sizeof *more);
  TRY(args_read(c, body, rows, n + more_n));
  *set = 0;
  for (size_t i = 0; i < n; i++) {
    const struct json *v = json_get(body, f[i].key);
    if (v) *set |= 1u << i;
    if (f[i].kind != VALUE_COUNT || json_type(v) == JSON_NULL) continue;
    int64_t count = *(int64_t *)((char *)values + f[i].at);
    if (count < f[i].least || count > f[i].most)
      refuse_at(c, json_pointer(&c->mem, "", f[i].key), "out_of_range",
                "A whole number from %lld to %lld, or null", (long long)f[i].least, (long long)f[i].most);
  }
  return ERR_OK;
}

static bool text_same(const char *x, const char *y)
{
  return x && y ? !strcmp(x, y) : x == y;
}

static void value_put(struct jw *w, const struct field *f, const void *values)
{
  const char *p = (const char *)values + f->at;
  switch (f->kind) {
  case VALUE_TEXT: jw_string(w, *(const char *const *)p); break;
  case VALUE_COUNT:
    if (f->least && !*(const int64_t *)p) jw_null(w); /* not known */
    else jw_int(w, *(const int64_t *)p);
    break;
  case VALUE_YES: jw_bool(w, *(const bool *)p); break;
  }
}

static bool value_same(const struct field *f, const void *x, const void *y)
{
  const char *p = (const char *)x + f->at, *q = (const char *)y + f->at;
  switch (f->kind) {
  case VALUE_TEXT: return text_same(*(const char *const *)p, *(const char *const *)q);
  case VALUE_COUNT: return *(const int64_t *)p == *(const int64_t *)q;
  default: return *(const bool *)p == *(const bool *)q;
  }
}

static void value_copy(const struct field *f, void *to, const void *from)
{
  static const size_t size[] = {
    [VALUE_TEXT] = sizeof(const char *), [VALUE_COUNT] = sizeof(int64_t), [VALUE_YES] = sizeof(bool)
  };
  memcpy((char *)to + f->at, (const char *)from + f->at, size[f->kind]);
}

/* What an event tells of a change: {"code":"A","changed":{"title":{"from":null,"to":"Sofa"}}}. */
struct change {
  struct buf text;
  struct jw w;
  bool any;
};

static void change_begin(struct change *ch, const char *code)
{
  *ch = (struct change){ .any = false };
  jw_init(&ch->w, &ch->text), jw_object(&ch->w), jw_kstring(&ch->w, "code", code);
  jw_key(&ch->w, "changed"), jw_object(&ch->w);
}

static void fields_merge(struct change *ch, const struct field *f, size_t n, unsigned set, void *now,
                         const void *values)
{
  for (size_t i = 0; i < n; i++) {
    if (!(set & 1u << i) || value_same(&f[i], now, values)) continue;
    jw_key(&ch->w, f[i].key), jw_object(&ch->w);
    jw_key(&ch->w, "from"), value_put(&ch->w, &f[i], now);
    jw_key(&ch->w, "to"), value_put(&ch->w, &f[i], values);
    jw_object_end(&ch->w);
    value_copy(&f[i], now, values);
    ch->any = true;
  }
}

static enum err change_end(struct cmd *c, struct db *db, struct change *ch, char kind, int64_t id,
                           const char *type)
{
  jw_object_end(&ch->w), jw_object_end(&ch->w);
  enum err e = progress_event(c, db, kind, id, type, "%s", ch->text.data);
  buf_release(&ch->text);
  return e;
}

/* {"result":"created","warnings":[…], … the thing itself … } */
static enum err answer(struct cmd *c, bool is_new, bool changed, const char *warnings, enum err viewed,
                       const struct buf *view)
{
  TRY(viewed);
  c->status = is_new ? 201 : 200;
  buf_printf(&c->out, "{\"result\":\"%s\",\"warnings\":[%s],",
             is_new    ? "created"
             : changed ? "updated"
                       : "unchanged",
             warnings ? warnings : "");
  buf_str(&c->out, view->data + 1);
  return ERR_OK;
}

static enum err state_check(struct cmd *c, const char *state)
{
  if (!state || !strcmp(state, "active") || !strcmp(state, "retired")) return ERR_OK;
  return refuse_at(c, "/state", "unknown_state", "active or retired");
}

/* ---- articles ------------------------------------------------------------------------------------------------------ */

#define AT(m) offsetof(struct sku, m)
static const struct field sku_fields[] = {
  { "title", VALUE_TEXT, AT(title), 0, 200 },
  { "weight_g", VALUE_COUNT, AT(weight), 1, 10000000 },
  { "length_mm", VALUE_COUNT, AT(length), 1, 100000 },
  { "width_mm", VALUE_COUNT, AT(width), 1, 100000 },
  { "height_mm", VALUE_COUNT, AT(height), 1, 100000 },
  { "hazard", VALUE_TEXT, AT(hazard), 0, 32 },
  { "safety", VALUE_COUNT, AT(safety), 0, 1000000000 },
  { "made", VALUE_YES, AT(made), 0, 0 },
  { "cold", VALUE_YES, AT(cold), 0, 0 },
  { "state", VALUE_TEXT, AT(state), 0, 8 },
};
#undef AT

struct part_args {
  const char *code;
  int64_t quantity;
};
struct sku_args {
  struct sku values;
  unsigned set;
  const char *code;
  const struct json *barcode_list, *part_list; /* NULL: not named */
  const char *barcode[BARCODES_MAX];
  size_t barcodes;
  struct part_args part[KIT_PARTS_MAX];
  size_t parts;
  const char *warnings; /* JSON, without its brackets */
};

static void warn(struct cmd *c, struct sku_args *a, const char *pointer, const char *code, const char *detail)
{
  struct buf b = { 0 };
  struct jw w;
  if (a->warnings) buf_str(&b, a->warnings), buf_char(&b, ',');
  jw_init(&w, &b), jw_object(&w);
  jw_kstring(&w, "pointer", pointer), jw_kstring(&w, "code", code), jw_kstring(&w, "detail", detail);
  jw_object_end(&w);
  a->warnings = arena_strn(&c->mem, b.data, b.len);
  buf_release(&b);
}

static void barcodes_read(struct cmd *c, struct sku_args *a)
{
  size_t i = 0;
  for (const struct json *v = json_first(a->barcode_list); v; v = json_next(v), i++) {
    const char *at = arena_printf(&c->mem, "/barcodes/%zu", i), *text = json_string(v);
    if (i == BARCODES_MAX) {
      refuse_at(c, "/barcodes", "too_many", "At most %d barcodes", BARCODES_MAX);
      return;
    }
    if (!text || !barcode_ok(text)) {
      refuse_at(c, at, "bad_barcode", "Text of 1 to %d visible ASCII characters", BARCODE_MAX);
      continue;
    }
    for (size_t k = 0; k < a->barcodes; k++)
      if (!strcmp(a->barcode[k], text))
        refuse_at(c, at, "barcode_repeated", "This barcode stands in the list twice");
    if (!barcode_check_digit(text))
      warn(c, a, at, "check_digit", "The last digit does not fit the others: maybe a typing error");
    a->barcode[a->barcodes++] = text;
  }
}

#define PART_QUANTITY_MAX 100000
static void part_read(struct cmd *c, struct sku_args *a, const struct json *v, size_t i)
{
  struct part_args *p = &a->part[a->parts];
  const char *at = arena_printf(&c->mem, "/parts/%zu", i);
  for (const struct json *m = json_type(v) == JSON_OBJECT ? json_first(v) : NULL; m; m = json_next(m))
    if (strcmp(json_key(m), "sku") != 0 && strcmp(json_key(m), "quantity") != 0)
      refuse_at(c, json_pointer(&c->mem, at, json_key(m)), "unknown_key", "This key is not known here");
  p->code = json_type(v) == JSON_OBJECT ? json_string(json_get(v, "sku")) : NULL;
  if (!p->code) {
    refuse_at(c, at, "missing", "A part is {\"sku\":…,\"quantity\":…}");
    return;
  }
  if (!json_int(json_get(v, "quantity"), &p->quantity) || p->quantity < 1 ||
      p->quantity > PART_QUANTITY_MAX) {
    refuse_at(c, json_pointer(&c->mem, at, "quantity"), "out_of_range", "A whole number from 1 to %d",
              PART_QUANTITY_MAX);
    return;
  }
  for (size_t k = 0; k < a->parts; k++)
    if (!strcmp(a->part[k].code, p->code))
      refuse_at(c, at, "part_repeated", "This part stands in the list twice");
  if (!strcmp(p->code, a->code)) refuse_at(c, at, "kit_cycle", "A kit is not a part of itself");
  a->parts++;
}

static void parts_read(struct cmd *c, struct sku_args *a)
{
  size_t i = 0;
  for (const struct json *v = json_first(a->part_list); v; v = json_next(v), i++) {
    if (i == KIT_PARTS_MAX) {
      refuse_at(c, "/parts", "too_many", "At most %d parts", KIT_PARTS_MAX);
      return;
    }
    part_read(c, a, v, i);
  }
}

static bool hazard_ok(const char *s)
{
  size_t n = strlen(s);
  return n && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_-") == n;
}

enum err flow_sku_put_parse(struct cmd *c, const struct json *body)
{
  struct sku_args *a = arena_new(&c->mem, struct sku_args);
  const struct arg rows[] = { { "code", ARG_TEXT, true, SKU_CODE_MAX, &a->code },
                              { "barcodes", ARG_TEXTS, false, 0, &a->barcode_list },
                              { "parts", ARG_TEXTS, false, 0, &a->part_list },
                              { "if_version", ARG_VERSION, false, 0, &c->if_version } };
  c->args = a;
  TRY(fields_read(c, body, sku_fields, COUNT(sku_fields), &a->values, rows, COUNT(rows), &a->set));
  if (!sku_code_ok(a->code))
    refuse_at(c, "/code", "bad_code",
              "Letters of one alphabet, digits and . _ - / # +, at most %d bytes; no blanks, no look-alikes",
              SKU_CODE_MAX);
  if (a->values.hazard && !hazard_ok(a->values.hazard))
    refuse_at(c, "/hazard", "bad_characters", "One word of a-z, 0-9, _ and -: battery, liquid, magnet");
  state_check(c, a->values.state);
  barcodes_read(c, a), parts_read(c, a);
  return c->problem.faults.n ? ERR_INVALID : ERR_OK;
}

/* ---- kits: one level, of articles that lie on shelves or are made ----------------------------------------------------- */

static enum err part_check(struct cmd *c, struct db *db, const struct part_args *p, size_t i,
                           struct kit_part *out)
{
  struct sku k;
  const char *at = arena_printf(&c->mem, "/parts/%zu/sku", i);
  enum err e = sku_find(db, &c->mem, p->code, &k);
  if (e == ERR_NOT_FOUND) return refuse_at(c, at, "unknown_sku", "There is no SKU %.64s", p->code);
  TRY(e);
  if (k.kit) return refuse_at(c, at, "kit_in_kit", "%s is a kit itself: name its parts", k.code);
  if (!strcmp(k.state, "retired")) return refuse_at(c, at, "part_retired", "%s is retired", k.code);
  *out = (struct kit_part){ k.id, p->quantity };
  return ERR_OK;
}

static bool parts_same(const struct kit_part *x, size_t x_n, const struct kit_part *y, size_t y_n)
{
  size_t same = 0;
  for (size_t i = 0; i < x_n; i++)
    for (size_t k = 0; k < y_n; k++) same += x[i].sku_id == y[k].sku_id && x[i].quantity == y[k].quantity;
  return x_n == y_n && same == x_n;
}

/* Pieces on a shelf under the kit's own code would be counted by nobody. */
static enum err kit_allowed(struct cmd *c, struct db *db, const struct sku *k)
{
  if (k->made) return refuse_at(c, "/made", "kit_made", "A kit is not made itself: its parts may be");
  if (k->id && sku_is_part(db, k->id))
    return refuse(c, ERR_CONFLICT, "is_part", "%s is a part of a kit: it cannot be a kit itself", k->code);
  if (k->id && stock_of_sku(db, k->id))
    return refuse(c, ERR_CONFLICT, "has_stock", "%s lies on a shelf: a kit has no stock of its own", k->code);
  return ERR_OK;
}

static enum err parts_set(struct cmd *c, struct db *db, const struct sku_args *a, struct sku *k,
                          struct change *ch)
{
  struct kit_part part[KIT_PARTS_MAX], *was = NULL;
  size_t was_n = 0;
  if (a->part_list) {
    for (size_t i = 0; i < a->parts; i++) TRY(part_check(c, db, &a->part[i], i, &part[i]));
    TRY(sku_parts(db, &c->mem, k->id, &was, &was_n));
    k->kit = a->parts > 0;
  }
  if (k->kit) TRY(kit_allowed(c, db, k));
  if (!a->part_list || parts_same(part, a->parts, was, was_n)) return ERR_OK;
  ch->any = true;
  jw_key(&ch->w, "parts"), jw_json(&ch->w, a->part_list);
  return sku_set_parts(db, k->id, part, a->parts);
}

/* ---- barcodes ------------------------------------------------------------------------------------------------------------ */

/* A scanner knows no difference between a barcode and a code: what it reads is one article. */
static enum err barcode_free(struct cmd *c, struct db *db, const char *text, int64_t own, const char *what)
{
  struct sku k;
  int64_t id = 0;
  enum err e = sku_by_barcode(db, text, &id);
  if (e && e != ERR_NOT_FOUND) return e;
  if (e) e = sku_find(db, &c->mem, text, &k), id = e ? 0 : k.id;
  if (e && e != ERR_NOT_FOUND) return e;
  if (!id || id == own) return ERR_OK;
  TRY(sku_get(db, &c->mem, id, &k));
  return refuse(c, ERR_CONFLICT, "barcode_taken", "%s %s stands for SKU %s", what, text, k.code);
}

static bool barcodes_same(const struct sku_args *a, const char *const *was, size_t n)
{
  size_t same = 0;
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < a->barcodes; k++) same += !strcmp(was[i], a->barcode[k]);
  return n == a->barcodes && same == n;
}

static enum err barcodes_set(struct cmd *c, struct db *db, const struct sku_args *a, const struct sku *k,
                             struct change *ch)
{
  const char **was;
  size_t n;
  if (!a->barcode_list) return ERR_OK;
  for (size_t i = 0; i < a->barcodes; i++) TRY(barcode_free(c, db, a->barcode[i], k->id, "The barcode"));
  TRY(sku_barcodes(db, &c->mem, k->id, &was, &n));
  if (barcodes_same(a, was, n)) return ERR_OK;
  ch->any = true;
  jw_key(&ch->w, "barcodes"), jw_json(&ch->w, a->barcode_list);
  return sku_set_barcodes(db, k->id, a->barcode, a->barcodes);
}

/* ---- put and retire -------------------------------------------------------------------------------------------------------- */

static enum err sku_guards(struct cmd *c, struct db *db, const struct sku *k, bool was_made)
{
  if (k->made && !was_made && k->id && stock_of_sku(db, k->id))
    return refuse(c, ERR_CONFLICT, "has_stock", "%s lies on a shelf: what is made to order has no stock",
                  k->code);
  if (!strcmp(k->state, "retired") && k->id && sku_is_part(db, k->id))
    return refuse(c, ERR_CONFLICT, "is_part", "%s is a part of a kit: change or retire the kit first",
                  k->code);
  return ERR_OK;
}

/* A version more for barcodes or parts alone, too: they are seen with the article. */
static enum err sku_write(struct cmd *c, struct db *db, const struct sku_args *a, struct sku *k,
                          struct change *ch, bool is_new)
{
  bool was_made = k->made;
  fields_merge(ch, sku_fields, COUNT(sku_fields), a->set, k, &a->values);
  if (!k->state) k->state = "active";
  if (is_new) TRY(barcode_free(c, db, k->code, 0, "The code"));
  TRY(sku_guards(c, db, k, was_made));
  if (is_new) TRY(sku_insert(db, k, c->now_ms, &k->id));
  TRY(barcodes_set(c, db, a, k, ch));
  TRY(parts_set(c, db, a, k, ch));
  return is_new || !ch->any ? ERR_OK : sku_update(db, k, c->now_ms);
}

static enum err sku_answer(struct cmd *c, struct db *db, const char *code, bool is_new, bool changed,
                           const char *warnings)
{
  struct buf view = { 0 };
  enum err e = view_sku(db, &c->mem, code, &view, &c->version);
  e = answer(c, is_new, changed, warnings, e, &view);
  buf_release(&view);
  return e;
}

static enum err sku_put(struct cmd *c, struct db *db, const struct sku_args *a, struct change *ch)
{
  struct sku k = { .code = a->code, .state = "active" };
  enum err e = sku_find(db, &c->mem, a->code, &k);
  if (e && e != ERR_NOT_FOUND) return e;
  bool is_new = e == ERR_NOT_FOUND;
  TRY(version_holds(c, "SKU", k.version));
  TRY(sku_write(c, db, a, &k, ch, is_new));
  if (is_new || ch->any) {
    TRY(change_end(c, db, ch, 'n', k.id, is_new ? "sku.created" : "sku.updated"));
    TRY(effect_stock_tell(c, db,
                          k.id)); /* what is kept back, its parts, its state: another figure without a move */
    TRY(fulfil_wake(c, db));
  }
  return sku_answer(c, db, k.code, is_new, ch->any, a->warnings);
}

enum err flow_sku_put_run(struct cmd *c, struct db *db)
{
  const struct sku_args *a = c->args;
  struct change ch;
  change_begin(&ch, a->code);
  enum err e = sku_put(c, db, a, &ch);
  buf_release(&ch.text);
  return e;
}

struct note_args {
  const char *note;
};

enum err flow_sku_retire_parse(struct cmd *c, const struct json *body)
{
  struct note_args *a = arena_new(&c->mem, struct note_args);
  const struct arg rows[] = { { "note", ARG_TEXT, false, 500, &a->note },
                              { "if_version", ARG_VERSION, false, 0, &c->if_version } };
  c->args = a;
  return args_read(c, body, rows, COUNT(rows));
}

enum err flow_sku_retire_run(struct cmd *c, struct db *db)
{
  const struct note_args *a = c->args;
  struct sku k;
  struct buf b = { 0 };
  struct jw w;
  enum err e = c->target ? sku_find(db, &c->mem, c->target, &k) : ERR_NOT_FOUND;
  if (e == ERR_NOT_FOUND)
    return refuse(c, e, "sku_not_found", "There is no SKU %.64s", c->target ? c->target : "");
  TRY(e);
  TRY(version_holds(c, "SKU", k.version));
  if (!strcmp(k.state, "retired")) return sku_answer(c, db, k.code, false, false, NULL);
  k.state = "retired";
  TRY(sku_guards(c, db, &k, k.made));
  TRY(sku_update(db, &k, c->now_ms));
  jw_init(&w, &b), jw_object(&w), jw_kstring(&w, "code", k.code);
  if (a->note) jw_kstring(&w, "note", a->note);
  jw_object_end(&w);
  e = progress_event(c, db, 'n', k.id, "sku.retired", "%s", b.data);
  buf_release(&b);
  TRY(e);
  TRY(effect_stock_tell(c, db, k.id));
  return sku_answer(c, db, k.code, false, true, NULL);
}

/* ---- what channels call them -------------------------------------------------------------------------------------------------- */

struct mapping_args {
  const char *channel, *channel_sku, *sku;
};

static bool channel_name_ok(const char *s)
{
  size_t n = strlen(s);
  return n && strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == n;
}

/* As lines of orders are taken: else a mapping would never be found. */
static bool channel_sku_ok(struct cmd *c, const char *s)
{
  size_t n = strlen(s);
  for (const char *p = s; *p; p++)
    if ((unsigned char)*p < 0x20 || *p == 0x7f) return false;
  return n && s[0] != ' ' && s[n - 1] != ' ' && !strcmp(s, text_nfkc(&c->mem, s));
}

#define CHANNEL_SKU_MAX 100
static enum err mapping_parse(struct cmd *c, const struct json *body, size_t keys)
{
  struct mapping_args *a = arena_new(&c->mem, struct mapping_args);
  const struct arg rows[] = { { "channel", ARG_TEXT, true, 64, &a->channel },
                              { "channel_sku", ARG_TEXT, true, CHANNEL_SKU_MAX, &a->channel_sku },
                              { "sku", ARG_TEXT, true, SKU_CODE_MAX, &a->sku } };
  c->args = a;
  TRY(args_read(c, body, rows, keys));
  if (!channel_name_ok(a->channel))
    refuse_at(c, "/channel", "bad_characters", "A channel's name has letters, digits, . _ -");
  if (!channel_sku_ok(c, a->channel_sku))
    refuse_at(c, "/channel_sku", "bad_characters",
              "Blanks around, invisible or compatibility characters are not allowed here");
  return c->problem.faults.n ? ERR_INVALID : ERR_OK;
}

enum err flow_mapping_put_parse(struct cmd *c, const struct json *body)
{
  return mapping_parse(c, body, 3);
}

enum err flow_mapping_drop_parse(struct cmd *c, const struct json *body)
{
  return mapping_parse(c, body, 2);
}

static void mapping_body(struct buf *b, const char *result, const struct mapping_args *a, const char *sku)
{
  struct jw w;
  jw_init(&w, b), jw_object(&w);
  if (result) jw_kstring(&w, "result", result);
  jw_kstring(&w, "channel", a->channel), jw_kstring(&w, "channel_sku", a->channel_sku),
    jw_kstring(&w, "sku", sku);
  jw_object_end(&w);
}

static enum err mapping_event(struct cmd *c, struct db *db, const struct sku *k, const char *type)
{
  struct buf b = { 0 };
  mapping_body(&b, NULL, c->args, k->code);
  enum err e = progress_event(c, db, 'n', k->id, type, "%s", b.data);
  buf_release(&b);
  return e;
}

enum err flow_mapping_put_run(struct cmd *c, struct db *db)
{
  const struct mapping_args *a = c->args;
  struct channel ch;
  struct sku k;
  bool changed;
  int64_t was = 0;
  enum err e = sku_find(db, &c->mem, a->sku, &k);
  if (e == ERR_NOT_FOUND) return refuse_at(c, "/sku", "unknown_sku", "There is no SKU %.64s", a->sku);
  TRY(e);
  TRY(ingest_channel(c, db, a->channel, &ch));
  e = channel_sku_get(db, ch.id, a->channel_sku, &was);
  if (e && e != ERR_NOT_FOUND) return e;
  TRY(channel_sku_put(db, ch.id, a->channel_sku, k.id, &changed));
  if (changed) {
    TRY(mapping_event(c, db, &k, "mapping.put"));
    TRY(effect_stock_tell(c, db, k.id));
    TRY(fulfil_wake(c, db));
  }
  c->status = changed && !was ? 201 : 200;
  mapping_body(&c->out, !changed ? "unchanged" : was ? "updated" : "created", a, k.code);
  return ERR_OK;
}

enum err flow_mapping_drop_run(struct cmd *c, struct db *db)
{
  const struct mapping_args *a = c->args;
  struct channel ch;
  struct sku k;
  int64_t id = 0;
  enum err e = channel_find(db, &c->mem, a->channel, &ch);
  if (!e) e = channel_sku_get(db, ch.id, a->channel_sku, &id);
  if (e == ERR_NOT_FOUND)
    return refuse(c, e, "mapping_not_found", "%.64s has no mapping for %.100s", a->channel, a->channel_sku);
  TRY(e);
  TRY(sku_get(db, &c->mem, id, &k));
  TRY(channel_sku_drop(db, ch.id, a->channel_sku));
  TRY(mapping_event(c, db, &k, "mapping.dropped"));
  TRY(fulfil_wake(c, db));
  mapping_body(&c->out, "dropped", a, k.code);
  return ERR_OK;
}

/* ---- warehouses ------------------------------------------------------------------------------------------------------------------ */

#define AT(m) offsetof(struct warehouse, m)
static const struct field warehouse_fields[] = {
  { "title", VALUE_TEXT, AT(title), 0, 200 },
  { "country", VALUE_TEXT, AT(country), 0, 2 },
  { "capacity", VALUE_COUNT, AT(capacity), 1, 100000000 },
  { "state", VALUE_TEXT, AT(state), 0, 8 },
};
/* As their rows hold them; the body says them in another form. */
static const struct field warehouse_more[] = {
  { "division", VALUE_COUNT, AT(division), 1, 0 },
  { "regions", VALUE_TEXT, AT(regions), 0, 0 },
  { "factory", VALUE_YES, AT(factory), 0, 0 },
};
#undef AT
enum { SET_DIVISION = 1, SET_REGIONS = 2, SET_KIND = 4 };

struct warehouse_args {
  struct warehouse values;
  unsigned set, more;
  const char *code, *division, *kind;
  const struct json *region_list;
};

/* "33", "3301" or "330106", and there is such a place. */
static bool division_ok(struct cmd *c, const char *text)
{
  size_t n = strlen(text);
  if ((n != 2 && n != 4 && n != 6) || strspn(text, "0123456789") != n) return false;
  const char *whole = arena_printf(&c->mem, "%s%s", text, &"0000"[n - 2]);
  return strcmp(div_name(&c->mem, whole), whole) != 0;
}

static bool country_ok(const char *s)
{
  return strlen(s) == 2 && strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 2;
}

#define REGIONS_MAX 400
static void regions_read(struct cmd *c, struct warehouse_args *a)
{
  struct buf b = { 0 };
  struct jw w;
  size_t i = 0;
  if (!a->region_list || !json_count(a->region_list)) return;
  if (json_count(a->region_list) > REGIONS_MAX) {
    refuse_at(c, "/regions", "too_many", "At most %d regions", REGIONS_MAX);
    return;
  }
  jw_init(&w, &b), jw_array(&w);
  for (const struct json *v = json_first(a->region_list); v; v = json_next(v), i++) {
    const char *text = json_string(v);
    if (!text || (!country_ok(text) && !division_ok(c, text)))
      refuse_at(
        c, arena_printf(&c->mem, "/regions/%zu", i), "unknown_region",
        "A country of two capital letters, or the code of a province, city or district (GB/T 2260) as text");
    else jw_string(&w, text);
  }
  jw_array_end(&w);
  a->values.regions = arena_strn(&c->mem, b.data, b.len);
  buf_release(&b);
}

static void division_read(struct cmd *c, struct warehouse_args *a)
{
  if (!a->division) return;
  if (!division_ok(c, a->division)) {
    refuse_at(c, "/division", "unknown_division",
              "The code of a province, city or district (GB/T 2260): 330106");
    return;
  }
  for (size_t i = 0; i < 6; i++)
    a->values.division = a->values.division * 10 + (i < strlen(a->division) ? a->division[i] - '0' : 0);
}

enum err flow_warehouse_put_parse(struct cmd *c, const struct json *body)
{
  struct warehouse_args *a = arena_new(&c->mem, struct warehouse_args);
  const struct arg rows[] = { { "code", ARG_TEXT, true, SKU_CODE_MAX, &a->code },
                              { "kind", ARG_TEXT, false, 9, &a->kind },
                              { "division", ARG_TEXT, false, 6, &a->division },
                              { "regions", ARG_TEXTS, false, 0, &a->region_list },
                              { "if_version", ARG_VERSION, false, 0, &c->if_version } };
  c->args = a;
  TRY(
    fields_read(c, body, warehouse_fields, COUNT(warehouse_fields), &a->values, rows, COUNT(rows), &a->set));
  a->more = (json_get(body, "division") ? SET_DIVISION : 0) | (json_get(body, "regions") ? SET_REGIONS : 0) |
            (a->kind ? SET_KIND : 0);
  if (!sku_code_ok(a->code))
    refuse_at(c, "/code", "bad_code", "Letters of one alphabet, digits and . _ - / # +, at most %d bytes",
              SKU_CODE_MAX);
  if (a->kind && strcmp(a->kind, "warehouse") != 0 && strcmp(a->kind, "factory") != 0)
    refuse_at(c, "/kind", "unknown_kind", "warehouse or factory");
  if (a->values.country && !country_ok(a->values.country))
    refuse_at(c, "/country", "bad_country", "Two capital letters: CN");
  a->values.factory = a->kind && !strcmp(a->kind, "factory");
  state_check(c, a->values.state);
  division_read(c, a), regions_read(c, a);
  return c->problem.faults.n ? ERR_INVALID : ERR_OK;
}

static enum err warehouse_guards(struct cmd *c, struct db *db, const struct warehouse *w)
{
  if (!w->id) return ERR_OK;
  if (w->factory && stock_of_warehouse(db, w->id, false))
    return refuse(c, ERR_CONFLICT, "has_stock", "Pieces lie in %s: a factory keeps no stock", w->code);
  if (!strcmp(w->state, "retired") && stock_of_warehouse(db, w->id, true))
    return refuse(c, ERR_CONFLICT, "has_reserved",
                  "Orders have reserved pieces in %s: ship or move them first", w->code);
  return ERR_OK;
}

static enum err warehouse_answer(struct cmd *c, struct db *db, const char *code, bool is_new, bool changed)
{
  struct buf view = { 0 };
  enum err e = view_warehouse(db, &c->mem, code, &view, &c->version);
  e = answer(c, is_new, changed, NULL, e, &view);
  buf_release(&view);
  return e;
}

/* Pieces in a retired warehouse are not offered any more, and are again when it comes back. */
static enum err warehouse_tell(struct cmd *c, struct db *db, int64_t id)
{
  int64_t *skus;
  size_t n;
  TRY(stock_skus(db, &c->mem, id, &skus, &n));
  for (size_t i = 0; i < n; i++) TRY(effect_stock_tell(c, db, skus[i]));
  return ERR_OK;
}

static enum err warehouse_put(struct cmd *c, struct db *db, const struct warehouse_args *a, struct change *ch)
{
  struct warehouse w = { .code = a->code };
  enum err e = warehouse_find(db, &c->mem, a->code, &w);
  if (e && e != ERR_NOT_FOUND) return e;
  bool is_new = e == ERR_NOT_FOUND;
  TRY(version_holds(c, "warehouse", w.version));
  const char *state = w.state;
  fields_merge(ch, warehouse_fields, COUNT(warehouse_fields), a->set, &w, &a->values);
  fields_merge(ch, warehouse_more, COUNT(warehouse_more), a->more, &w, &a->values);
  if (!w.country) w.country = "CN";
  if (!w.state) w.state = "active";
  TRY(warehouse_guards(c, db, &w));
  if (is_new) TRY(warehouse_insert(db, &w, c->now_ms, &w.id));
  else if (ch->any) TRY(warehouse_update(db, &w));
  if (state && strcmp(state, w.state) != 0) TRY(warehouse_tell(c, db, w.id));
  if (is_new || ch->any) {
    TRY(change_end(c, db, ch, 'h', w.id, is_new ? "warehouse.created" : "warehouse.updated"));
    TRY(fulfil_wake(c, db));
  }
  return warehouse_answer(c, db, w.code, is_new, ch->any);
}

enum err flow_warehouse_put_run(struct cmd *c, struct db *db)
{
  const struct warehouse_args *a = c->args;
  struct change ch;
  change_begin(&ch, a->code);
  enum err e = warehouse_put(c, db, a, &ch);
  buf_release(&ch.text);
  return e;
}
