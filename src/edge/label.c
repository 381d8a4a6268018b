/* label.c: waybills as people read them, and as labels of 100 × 150 mm: one page per piece, without scripts and without
 * anything from elsewhere. What others wrote stands in <bdi>, escaped. */
#include "edge.h"
#include <stdio.h>

#define MODULE_UM 375
#define MODULE_NARROW_UM 250
#define BARS_MM 18
#define NARROW_FROM 20 /* characters of a number that would be wider than the label */

enum err waybill_one_read(struct read *rd, struct db *db)
{
  int64_t id;
  if (!id_parse(rd->call->id, 'b', &id)) return ERR_NOT_FOUND;
  return view_waybill(db, &rd->mem, id, &rd->out, &rd->version);
}

enum err waybills_read(struct read *rd, struct db *db)
{
  struct waybill_filter f = { .state = read_query(rd, "state"),
                              .carrier = read_query(rd, "carrier"),
                              .cursor = read_query(rd, "cursor") };
  TRY(read_limit(rd, &f.limit));
  TRY(read_id(rd, "fulfilment", 'f', &f.fulfilment_id));
  return view_waybills(db, &rd->mem, &f, &rd->out, &rd->cursor, &rd->why);
}

/* ---- the page ------------------------------------------------------------------------------------------------------ */
static const char style[] =
  "@page{size:100mm 150mm;margin:3mm}*{box-sizing:border-box}"
  "body{margin:0;color:#000;background:#fff;font:10pt/1.3 system-ui,\"Noto Sans\",\"Noto Sans CJK SC\",\"PingFang SC\","
  "\"Microsoft YaHei\",sans-serif}"
  ".l{width:94mm;height:143mm;border:.4mm solid #000;display:flex;flex-direction:column;break-after:page;overflow:hidden}"
  ".l>div{border-bottom:.3mm solid #000;padding:1.5mm 2mm;overflow-wrap:anywhere}"
  ".t{display:flex;justify-content:space-between;font-weight:700;font-size:13pt}"
  ".r{font-size:20pt;font-weight:700;text-align:center}.n{text-align:center}.n b{font-size:16pt;letter-spacing:.3mm}"
  ".n svg{display:block;margin:0 auto}.to{font-size:13pt;font-weight:600;flex:1}.from{font-size:8.5pt}"
  ".cod{font-size:16pt;font-weight:700;text-align:center;border:1mm solid #000!important}"
  ".x{font-size:16pt;font-weight:700;background:#000;color:#fff}"
  ".f{display:flex;justify-content:space-between;border:0!important;font-size:9pt}"
  "@media screen{body{background:#ddd;padding:5mm}.l{background:#fff;margin:0 auto 5mm}}";

static void put(struct buf *b, const char *html)
{
  buf_str(b, html);
}

static void quote(struct buf *b, const char *text)
{
  put(b, "<bdi>"), html_put(b, text), put(b, "</bdi>");
}

static void page_begin(struct read *rd, int64_t id)
{
  unsigned char digest[SHA256_LEN];
  struct buf b64 = { 0 };
  sha256(style, sizeof style - 1, digest);
  base64_put(&b64, digest, sizeof digest);
  rd->headers =
    arena_printf(&rd->mem,
                 "Content-Security-Policy: default-src 'none'; style-src 'sha256-%s'; base-uri 'none'; "
                 "form-action 'none'; frame-ancestors 'none'\r\nReferrer-Policy: no-referrer\r\n",
                 b64.data);
  buf_release(&b64);
  rd->type = "text/html; charset=utf-8";
  put(&rd->out, "<!doctype html>\n<html lang=\"zh-CN\"><head><meta charset=\"utf-8\">"
                "<meta name=\"viewport\" content=\"width=device-width\"><title>b_");
  buf_int(&rd->out, id);
  put(&rd->out, "</title><style>"), put(&rd->out, style), put(&rd->out, "</style></head><body>\n");
}

struct label {
  const struct waybill *w;
  const char *number, *sender, *sender_address, *name, *phone, *address;
  int64_t piece;
  bool void_; /* it must not be stuck on anything */
};

static void number_put(struct buf *b, const char *number)
{
  put(b, "<div class=\"n\">");
  if (!code128_svg(b, number, strlen(number) < NARROW_FROM ? MODULE_UM : MODULE_NARROW_UM, BARS_MM))
    put(b, "<p>—</p>");
  put(b, "<b>"), quote(b, number), put(b, "</b></div>");
}

static void label_put(struct buf *b, const struct label *l)
{
  put(b, "<section class=\"l\"><div class=\"t\"><span>"), quote(b, l->w->carrier), put(b, "</span><span>");
  buf_int(b, l->piece), put(b, "/"), buf_int(b, l->w->pieces), put(b, "</span></div>");
  if (l->void_) put(b, "<div class=\"x\">作废 VOID</div>");
  if (l->w->route && *l->w->route) put(b, "<div class=\"r\">"), quote(b, l->w->route), put(b, "</div>");
  number_put(b, l->number);
  put(b, "<div class=\"to\">收 "), quote(b, l->name), put(b, " "), quote(b, l->phone), put(b, "<br>");
  quote(b, l->address), put(b, "</div><div class=\"from\">寄 "), quote(b, l->sender), put(b, "<br>");
  quote(b, l->sender_address), put(b, "</div>");
  if (l->w->cod) {
    put(b, "<div class=\"cod\">代收货款 COD "), money_put(b, l->w->cod, l->w->currency), put(b, " ");
    quote(b, l->w->currency), put(b, "</div>");
  }
  put(b, "<div class=\"f\"><span>b_"), buf_int(b, l->w->id), put(b, " · f_"), buf_int(b, l->w->fulfilment_id);
  put(b, " · "), quote(b, l->w->order_no), put(b, "</span><span>");
  buf_printf(b, "%lld.%03lld kg", (long long)(l->w->weight / 1000), (long long)(l->w->weight % 1000));
  put(b, "</span></div></section>\n");
}

/* ---- what stands on it --------------------------------------------------------------------------------------------- */
static const char *sender(struct read *rd, const char *warehouse, const char *key)
{
  const struct conf *conf = rd->rules->rules.conf;
  const struct conf_entry *e = NULL;
  if (conf && warehouse) e = conf_get(conf, arena_printf(&rd->mem, "sender %s", warehouse), key);
  if (conf && !e) e = conf_get(conf, "sender", key);
  return e ? e->value : "";
}

static const char *some(const char *text)
{
  return text ? text : "";
}

static enum err label_fill(struct read *rd, struct db *db, const struct waybill *w, struct label *l)
{
  struct fulfilment f;
  struct fulfilment_line *line;
  struct warehouse from = { 0 };
  struct order o;
  size_t n;
  bool full = call_full_view(rd->call);
  TRY(fulfilment_get(db, &rd->mem, w->fulfilment_id, &f));
  TRY(fulfilment_lines(db, &rd->mem, f.id, &line, &n));
  if (f.warehouse_id) TRY(warehouse_get(db, &rd->mem, f.warehouse_id, &from));
  *l = (struct label){ .w = w, .void_ = w->state != WAYBILL_BOUGHT || w->unwanted };
  l->sender = arena_printf(&rd->mem, "%s %s %s", sender(rd, from.code, "name"),
                           sender(rd, from.code, "phone"), sender(rd, from.code, "company"));
  l->sender_address =
    arena_printf(&rd->mem, "%s%s%s%s", sender(rd, from.code, "province"), sender(rd, from.code, "city"),
                 sender(rd, from.code, "district"), sender(rd, from.code, "address"));
  l->name = l->phone = l->address = "";
  if (!n) return ERR_OK; /* its lines left: it is void, or will be */
  TRY(order_get(db, &rd->mem, line[0].order_id, &o));
  l->name = full ? some(o.receiver_name) : name_mask(&rd->mem, some(o.receiver_name));
  l->phone = full ? some(o.phone) : phone_mask(&rd->mem, some(o.phone));
  l->address = arena_printf(&rd->mem, "%s%s%s%s%s", some(o.province), some(o.city), some(o.district),
                            some(o.town), full ? some(o.address) : " ***");
  rd->seen = arena_array(&rd->mem, int64_t, 1), rd->what = "label";
  rd->seen[0] = o.id, rd->seen_n = full;
  return ERR_OK;
}

enum err label_read(struct read *rd, struct db *db)
{
  int64_t id;
  struct waybill w;
  struct label l;
  const char **child;
  size_t children;
  if (!id_parse(rd->call->id, 'b', &id)) return ERR_NOT_FOUND;
  TRY(waybill_get(db, &rd->mem, id, &w));
  if (!w.tracking_no) return read_bad(rd, "It has no number yet: there is nothing to print");
  TRY(waybill_children(db, &rd->mem, id, &child, &children));
  TRY(label_fill(rd, db, &w, &l));
  page_begin(rd, id);
  for (l.piece = 1; l.piece <= w.pieces; l.piece++) {
    size_t at = (size_t)l.piece - 2;
    l.number = l.piece > 1 && at < children ? child[at] : w.tracking_no;
    label_put(&rd->out, &l);
  }
  put(&rd->out, "</body></html>\n");
  return ERR_OK;
}
