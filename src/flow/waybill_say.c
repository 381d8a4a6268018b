/* waybill_say.c: what a carrier is told of a parcel: who sends it, who gets it, what is in it, what it weighs. */
#include "flow.h"

#define WEIGHT_UNKNOWN 1000 /* grams of a parcel whose articles have no weight */

enum err waybill_measure(struct arena *a, struct db *db, int64_t fulfilment_id, int64_t *weight,
                         int64_t *volume)
{
  struct unit *u;
  size_t n;
  *weight = *volume = 0;
  TRY(units_of_fulfilment(db, a, fulfilment_id, &u, &n));
  for (size_t i = 0; i < n; i++) {
    struct sku s;
    enum err e = sku_get(db, a, u[i].sku_id, &s);
    if (e == ERR_NOT_FOUND) continue;
    TRY(e);
    int64_t size, all, mass;
    if (__builtin_mul_overflow(s.length * s.width, s.height, &size) ||
        __builtin_mul_overflow(size / 1000, u[i].quantity, &all) ||
        __builtin_mul_overflow(s.weight, u[i].quantity, &mass))
      continue;
    *volume += all, *weight += mass;
  }
  if (!*weight) *weight = WEIGHT_UNKNOWN;
  return ERR_OK;
}

/* ---- the sender: [sender WAREHOUSE], else [sender] ------------------------------------------------------------------ */
static const char *sender(struct cmd *c, const char *warehouse, const char *key)
{
  const struct conf *conf = c->rules->conf;
  const struct conf_entry *e = NULL;
  if (!conf) return NULL;
  if (warehouse) e = conf_get(conf, arena_printf(&c->mem, "sender %s", warehouse), key);
  if (!e) e = conf_get(conf, "sender", key);
  return e && *e->value ? e->value : NULL;
}

static enum err sender_put(struct cmd *c, const char *warehouse, struct jw *w)
{
  static const char *const keys[] = { "name", "phone", "province", "city", "district", "address", "company" };
  static const size_t needed[] = { 0, 1, 5 };
  for (size_t i = 0; i < COUNT(needed); i++)
    if (!sender(c, warehouse, keys[needed[i]]))
      return refuse(c, ERR_CONFLICT, "no_sender", "Say who sends: %s under [sender]%s in orderd.conf",
                    keys[needed[i]], warehouse ? " or [sender WAREHOUSE]" : "");
  jw_key(w, "sender"), jw_object(w);
  for (size_t i = 0; i < COUNT(keys); i++) {
    const char *v = sender(c, warehouse, keys[i]);
    jw_kstring(w, keys[i], v ? v : "");
  }
  jw_object_end(w);
  return ERR_OK;
}

/* ---- the receiver ------------------------------------------------------------------------------------------------------ */
static bool masked(const char *text)
{
  return !text || !*text || strchr(text, '*');
}

static enum err receiver_put(struct cmd *c, const struct order *o, struct jw *w)
{
  if (masked(o->receiver_name) || masked(o->phone) || masked(o->address))
    return refuse(c, ERR_CONFLICT, "receiver_masked",
                  "The receiver of o_%lld is masked or incomplete: its platform's own waybills must be used",
                  (long long)o->id);
  const char *town = o->town ? o->town : "";
  jw_key(w, "receiver"), jw_object(w);
  jw_kstring(w, "name", o->receiver_name), jw_kstring(w, "phone", o->phone);
  jw_kstring(w, "country", o->country);
  jw_kstring(w, "province", o->province ? o->province : ""), jw_kstring(w, "city", o->city ? o->city : "");
  jw_kstring(w, "district", o->district ? o->district : ""), jw_kstring(w, "town", town);
  bool has_town = *town && strncmp(o->address, town, strlen(town)) == 0;
  jw_kstring(w, "address", has_town ? o->address : arena_printf(&c->mem, "%s%s", town, o->address));
  jw_object_end(w);
  return ERR_OK;
}

/* ---- the goods --------------------------------------------------------------------------------------------------------- */
static const char *title_of(const struct slip_line *l)
{
  return l->title && *l->title ? l->title : l->sku ? l->sku : "";
}

static void goods_put(struct cmd *c, const struct slip *p, struct jw *w)
{
  int64_t pieces = 0;
  jw_key(w, "items"), jw_array(w);
  for (size_t i = 0; i < p->lines; i++) {
    jw_object(w), jw_kstring(w, "title", title_of(&p->line[i])), jw_kint(w, "quantity", p->line[i].quantity);
    jw_object_end(w), pieces += p->line[i].quantity;
  }
  jw_array_end(w);
  const char *first = p->lines ? title_of(&p->line[0]) : "";
  size_t keep = strlen(first) > 60 ? 60 : strlen(first);
  while (keep && (first[keep] & 0xc0) == 0x80) keep--;
  const char *name = arena_strn(&c->mem, first, keep);
  jw_kstring(w, "goods", p->lines > 1 ? arena_printf(&c->mem, "%s 等%lld件", name, (long long)pieces) : name);
}

static void amount_put(struct cmd *c, const struct waybill *b, struct jw *w)
{
  jw_kint(w, "cod_minor", b->cod), jw_kstring(w, "currency", b->currency);
  jw_kstring(w, "cod", b->cod ? money_text(&c->mem, b->cod, b->currency) : "");
}

enum err waybill_say(struct cmd *c, struct db *db, const struct waybill *b, const char **what)
{
  struct fulfilment_line *l;
  struct fulfilment f;
  struct warehouse from = { 0 };
  struct order o;
  struct slip slip;
  struct buf out = { 0 };
  struct jw w;
  size_t n;
  TRY(fulfilment_get(db, &c->mem, b->fulfilment_id, &f));
  TRY(fulfilment_lines(db, &c->mem, f.id, &l, &n));
  if (!n) return refuse(c, ERR_CONFLICT, "fulfilment_empty", "f_%lld holds nothing", (long long)f.id);
  TRY(order_get(db, &c->mem, l[0].order_id, &o));
  TRY(slip_read(db, &c->mem, f.id, SHOW_FULL, &slip));
  if (f.warehouse_id) TRY(warehouse_get(db, &c->mem, f.warehouse_id, &from));
  jw_init(&w, &out), jw_object(&w), jw_id(&w, "waybill", 'b', b->id);
  jw_kstring(&w, "order_no", b->order_no), jw_kstring(&w, "carrier", b->carrier);
  jw_id(&w, "fulfilment", 'f', f.id), jw_kint(&w, "pieces", b->pieces), jw_kint(&w, "weight_g", b->weight);
  jw_kint(&w, "volume_cm3", b->volume), amount_put(c, b, &w);
  enum err e = sender_put(c, from.code, &w);
  if (!e) e = receiver_put(c, &o, &w);
  if (!e) goods_put(c, &slip, &w);
  jw_kstring(&w, "remark", NULL), jw_object_end(&w);
  *what = e ? NULL : arena_strn(&c->mem, out.data, out.len);
  buf_release(&out);
  return e;
}
