/* picklist.c: pick lists and slips to print: one page of HTML without scripts and without anything from elsewhere. What
 * others wrote stands in <bdi>, escaped; the policy in the head lets only the page's own style in. */
#include "edge.h"
#include <stdio.h>

#define MODULE_UM 375
#define BARS_MM 14

/* ---- words ------------------------------------------------------------------------------------------------------------ */
#define WORD_MAP(X) \
  X(LANG, "en", "zh-CN") \
  X(PICK_LIST, "Pick list", "拣货单") \
  X(SLIP, "Packing slip", "配货单") \
  X(WAREHOUSE, "Warehouse", "仓库") \
  X(MADE_AT, "Made", "生成时间") \
  X(PARCELS, "Parcels", "包裹数") \
  X(PIECES, "Pieces", "件数") \
  X(SKU, "SKU", "商品编码") \
  X(TITLE, "Article", "商品名称") \
  X(BARCODE, "Barcode", "条码") \
  X(QUANTITY, "Qty", "数量") \
  X(TOTES, "For", "分配") \
  X(ORDER, "Order", "订单") \
  X(ORDERED, "Ordered", "订单商品") \
  X(TO_PACK, "Pieces to pack", "实际装箱") \
  X(REMARKS, "Remarks", "备注") \
  X(BUYER, "Customer", "买家留言") \
  X(SELLER, "Seller", "卖家备注") \
  X(FLAG, "Flag", "标记") \
  X(NONE, "Nothing to pick.", "没有需要拣货的商品。") \
  X(CANCELLED, "CANCELLED: do not pack, put back what was picked", "已取消：请勿发货，已拣商品请放回货架") \
  X(PREVIEW, "PREVIEW: it may still change; make a wave before you pick", \
    "预览：内容可能还会变，请先建波次再拣货")
enum word {
#define X(id, en, zh) WORD_##id,
  WORD_MAP(X)
#undef X
    WORD_N
};
static const char *const words[2][WORD_N] = {
  {
#define X(id, en, zh) en,
    WORD_MAP(X)
#undef X
  },
  {
#define X(id, en, zh) zh,
    WORD_MAP(X)
#undef X
  },
};

static const char style[] =
  "@page{margin:8mm}"
  "*{box-sizing:border-box}"
  "body{font:11pt/1.35 system-ui,\"Noto Sans\",\"Noto Sans CJK SC\",\"PingFang SC\",\"Microsoft YaHei\",sans-serif;"
  "margin:0;color:#000;background:#fff}"
  "h1{font-size:18pt;margin:0 0 1mm}h2{font-size:11pt;margin:3mm 0 1mm}p{margin:0 0 2mm}"
  "table{border-collapse:collapse;width:100%}thead{display:table-header-group}tr{break-inside:avoid}"
  "th,td{border:.3mm solid #000;padding:1mm 1.5mm;text-align:left;vertical-align:top;overflow-wrap:anywhere}"
  "th{font-weight:600;background:#eee}"
  ".n{text-align:right;font-weight:700;white-space:nowrap}.b{width:6mm}.c{font-family:ui-monospace,monospace}"
  ".slip{break-before:page}.code128{display:block;margin:0 0 2mm}"
  ".r{border:.5mm solid #000;padding:1mm 2mm;margin:0 0 2mm;break-inside:avoid;white-space:pre-wrap;overflow-wrap:anywhere}"
  ".x{border:1mm solid #000;padding:2mm;font-size:14pt;font-weight:700}"
  "@media screen{body{max-width:210mm;margin:0 auto;padding:8mm}.slip{border-top:.3mm dashed #000;margin-top:8mm;padding-top:8mm}}"
  ".code{display:inline-block;margin:4mm 6mm;break-inside:avoid;text-align:center;font:10pt monospace}.code svg{margin:0 auto}"
  "@media print and (max-width:115mm){body{font-size:9pt}h1{font-size:13pt}th,td{padding:.5mm 1mm}.w{display:none}}"
  "@media print{th{background:none}}";

struct page {
  struct buf *out;
  const char *const *word;
};

static void put(struct page *p, const char *html)
{
  buf_str(p->out, html);
}

static void say(struct page *p, enum word w)
{
  html_put(p->out, p->word[w]);
}

/* A text of others: it neither leaves its place nor turns what stands around it. */
static void quote(struct page *p, const char *text)
{
  put(p, "<bdi>"), html_put(p->out, text), put(p, "</bdi>");
}

static void number(struct page *p, const char *before, int64_t n, const char *after)
{
  put(p, before), buf_int(p->out, n), put(p, after);
}

static void cell(struct page *p, const char *kind, const char *text)
{
  put(p, "<td"), put(p, kind), put(p, ">"), quote(p, text), put(p, "</td>");
}

static void heads(struct page *p, const enum word *w, size_t n)
{
  put(p, "<table><thead><tr>");
  for (size_t i = 0; i < n; i++) {
    put(p, w[i] == WORD_QUANTITY ? "<th class=\"n\">" : w[i] == WORD_BARCODE ? "<th class=\"w\">" : "<th>");
    say(p, w[i]), put(p, "</th>");
  }
  put(p, "<th class=\"b\"></th></tr></thead><tbody>");
}

/* ---- the picks ----------------------------------------------------------------------------------------------------------- */
static void pick_row(struct page *p, const struct pick *k)
{
  put(p, "<tr>"), cell(p, " class=\"c\"", k->sku), cell(p, "", k->title), put(p, "<td class=\"c w\">");
  for (size_t i = 0; i < k->barcodes; i++) put(p, i ? "<br>" : ""), quote(p, k->barcode[i]);
  number(p, "</td><td class=\"n\">", k->quantity, "</td><td>");
  for (size_t i = 0; i < k->totes; i++) {
    number(p, i ? ", f_" : "f_", k->tote[i].fulfilment_id, "");
    number(p, "\xc2\xa0\xc3\x97\xc2\xa0", k->tote[i].quantity, "");
  }
  put(p, "</td><td class=\"b\"></td></tr>\n");
}

static void picks(struct page *p, const struct sheet *s)
{
  static const enum word head[] = { WORD_SKU, WORD_TITLE, WORD_BARCODE, WORD_QUANTITY, WORD_TOTES };
  char made[TIME_TEXT];
  int64_t pieces = 0;
  time_text(s->wave.created_at, made);
  for (size_t i = 0; i < s->picks; i++) pieces += s->pick[i].quantity;
  put(p, "<section><h1>"), say(p, WORD_PICK_LIST), number(p, " v_", s->wave.id, "</h1><p>");
  if (s->warehouse) say(p, WORD_WAREHOUSE), put(p, " "), quote(p, s->warehouse), put(p, " \xc2\xb7 ");
  say(p, WORD_MADE_AT), put(p, " "), put(p, made), put(p, " \xc2\xb7 ");
  say(p, WORD_PARCELS), number(p, " ", (int64_t)s->slips, " \xc2\xb7 ");
  say(p, WORD_PIECES), number(p, " ", pieces, "</p>");
  if (s->picks) {
    heads(p, head, COUNT(head));
    for (size_t i = 0; i < s->picks; i++) pick_row(p, &s->pick[i]);
    put(p, "</tbody></table>");
  } else {
    put(p, "<p>"), say(p, WORD_NONE), put(p, "</p>");
  }
  put(p, "</section>\n");
}

/* ---- a slip ----------------------------------------------------------------------------------------------------------------- */
static void lines(struct page *p, const struct slip *s)
{
  static const enum word head[] = { WORD_SKU, WORD_TITLE, WORD_ORDER, WORD_QUANTITY };
  put(p, "<h2>"), say(p, WORD_ORDERED), put(p, "</h2>");
  heads(p, head, COUNT(head));
  for (size_t i = 0; i < s->lines; i++) {
    put(p, "<tr>"), cell(p, " class=\"c\"", s->line[i].sku), cell(p, "", s->line[i].title);
    number(p, "<td>o_", s->line[i].order_id, "</td>");
    number(p, "<td class=\"n\">", s->line[i].quantity, "</td><td class=\"b\"></td></tr>\n");
  }
  put(p, "</tbody></table>");
}

/* The same articles under the same names need no second table. */
static bool pieces_differ(const struct slip *s)
{
  for (size_t i = 0; i < s->items; i++) {
    int64_t ordered = 0;
    for (size_t k = 0; k < s->lines; k++)
      if (s->line[k].sku && !strcmp(s->line[k].sku, s->item[i].sku)) ordered += s->line[k].quantity;
    if (s->item[i].key > 0 && ordered != s->item[i].wanted) return true;
  }
  return false;
}

static void pieces(struct page *p, const struct slip *s)
{
  static const enum word head[] = { WORD_SKU, WORD_TITLE, WORD_QUANTITY };
  if (!pieces_differ(s)) return;
  put(p, "<h2>"), say(p, WORD_TO_PACK), put(p, "</h2>");
  heads(p, head, COUNT(head));
  for (size_t i = 0; i < s->items; i++) {
    put(p, "<tr>"), cell(p, " class=\"c\"", s->item[i].sku), cell(p, "", s->item[i].title);
    number(p, "<td class=\"n\">", s->item[i].wanted, "</td><td class=\"b\"></td></tr>\n");
  }
  put(p, "</tbody></table>");
}

static void remark(struct page *p, enum word what, const char *text)
{
  if (!text || !*text) return;
  put(p, "<div class=\"r\"><b>"), say(p, what), put(p, "</b> "), quote(p, text), put(p, "</div>");
}

static void remarks(struct page *p, const struct slip *s)
{
  for (size_t i = 0; i < s->remarks; i++) {
    const struct slip_remark *r = &s->remark[i];
    number(p, "<h2>o_", r->order_id, " \xc2\xb7 "), quote(p, r->channel), put(p, " "),
      quote(p, r->external_id), put(p, "</h2>");
    remark(p, WORD_BUYER, r->buyer), remark(p, WORD_SELLER, r->seller), remark(p, WORD_FLAG, r->flag);
  }
}

static void slip(struct page *p, const struct slip *s)
{
  char name[24];
  snprintf(name, sizeof name, "f_%lld", (long long)s->id);
  put(p, "<section class=\"slip\">");
  must(code128_svg(p->out, name, MODULE_UM, BARS_MM));
  put(p, "<h1>"), put(p, name), put(p, "</h1><p>"), say(p, WORD_SLIP);
  if (s->warehouse) put(p, " \xc2\xb7 "), say(p, WORD_WAREHOUSE), put(p, " "), quote(p, s->warehouse);
  if (s->wave_id) number(p, " \xc2\xb7 v_", s->wave_id, "");
  put(p, "</p>");
  if (!strcmp(s->status, "cancelled")) put(p, "<p class=\"x\">"), say(p, WORD_CANCELLED), put(p, "</p>");
  else if (!strcmp(s->work, "open")) put(p, "<p class=\"x\">"), say(p, WORD_PREVIEW), put(p, "</p>");
  lines(p, s), pieces(p, s), remarks(p, s);
  put(p, "</section>\n");
}

/* ---- the page ----------------------------------------------------------------------------------------------------------------- */
static struct page page_begin(struct read *rd, const char *kind, int64_t id)
{
  const char *lang = http_query(rd->call->r, "lang");
  struct page p = { &rd->out, words[lang && !strcmp(lang, "zh")] };
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
  put(&p, "<!doctype html>\n<html lang=\""), say(&p, WORD_LANG);
  put(&p, "\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>");
  number(&p, kind, id, "</title><style>"), put(&p, style), put(&p, "</style></head><body>\n");
  return p;
}

static enum err lang_ok(struct read *rd)
{
  const char *lang = http_query(rd->call->r, "lang");
  return !lang || !strcmp(lang, "en") || !strcmp(lang, "zh") ? ERR_OK : read_bad(rd, "lang is en or zh");
}

enum err picklist_read(struct read *rd, struct db *db)
{
  int64_t id;
  struct sheet s;
  TRY(lang_ok(rd));
  if (!id_parse(rd->call->id, 'v', &id)) return ERR_NOT_FOUND;
  TRY(sheet_read(db, &rd->mem, id, slip_privacy(rd), &s));
  struct page p = page_begin(rd, "v_", id);
  picks(&p, &s);
  for (size_t i = 0; i < s.slips; i++) slip(&p, &s.slip[i]);
  put(&p, "</body></html>\n");
  slips_seen(rd, s.slip, s.slips, "picklist");
  return ERR_OK;
}

/* GET /v1/barcodes?texts=ORDERD-RESET LAMP-1: barcodes for shelves, articles and the bench's commands. */
#define CODES_MAX 100
#define CODE_MAX 40

static enum err codes_put(struct read *rd, struct page *p, const char *texts)
{
  int n = 0;
  for (const char *t = texts + strspn(texts, " \n\r\t"); *t; t += strspn(t, " \n\r\t")) {
    size_t len = strcspn(t, " \n\r\t");
    const char *text = arena_strn(&rd->mem, t, len);
    put(p, "<section class=\"code\">");
    if (len > CODE_MAX || ++n > CODES_MAX || !code128_svg(p->out, text, MODULE_UM, BARS_MM))
      return read_bad(rd, "texts are at most 100 of 40 ASCII characters each, with blanks between them");
    quote(p, text), put(p, "</section>\n");
    t += len;
  }
  return n ? ERR_OK : read_bad(rd, "texts are missing");
}

enum err barcodes_read(struct read *rd, struct db *db)
{
  const char *texts = read_query(rd, "texts");
  (void)db;
  TRY(lang_ok(rd));
  struct page p = page_begin(rd, "", 128);
  enum err e = codes_put(rd, &p, texts ? texts : "");
  if (e) {
    rd->out.len = 0, rd->type = NULL, rd->headers = NULL;
    return e;
  }
  put(&p, "</body></html>\n");
  return ERR_OK;
}

enum err slip_page_read(struct read *rd, struct db *db)
{
  int64_t id;
  struct slip s;
  TRY(lang_ok(rd));
  if (!id_parse(rd->call->id, 'f', &id)) return ERR_NOT_FOUND;
  TRY(slip_read(db, &rd->mem, id, slip_privacy(rd), &s));
  struct page p = page_begin(rd, "f_", id);
  slip(&p, &s);
  put(&p, "</body></html>\n");
  slips_seen(rd, &s, 1, "slip");
  return ERR_OK;
}
