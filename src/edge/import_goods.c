/* import_goods.c: rows of a sheet into the dictionary and stock.
 *
 *   rows ─► headers known in English and Chinese ─► one JSON object per row (a kit: per kit) ─► batches ─► POST
 *
 * An empty cell leaves what is known as it is. What is not sure (a weight without its unit, a number that a
 * spreadsheet has rounded) is refused by row, never guessed. */
#include "edge.h"
#include <poll.h>
#include <stdio.h>

#define POST_TRIES 40
#define POST_WAIT_MS 500
#define COLUMNS_MAX 40
#define KITS_FIRST 256
#define REASON_DEFAULT "import"

/* ---- what a column may be ---------------------------------------------------------------------------------------------- */

enum cell_kind {
  CELL_TEXT,
  CELL_LIST,
  CELL_GRAMS,
  CELL_MM,
  CELL_COUNT,
  CELL_SIGNED,
  CELL_YES,
  CELL_STATE,
  CELL_PLACE
};
struct goods_column {
  const char *key;
  enum cell_kind kind;
  bool required;
  const char *words; /* headers beside the key: folded, without blanks, _ - * and units in brackets */
};
#define STATE_WORDS "status 状态 是否启用"
static const struct goods_column sku_columns[] = {
  { "code", CELL_TEXT, true,
    "sku skucode itemcode article articleno sellersku 货号 商品编码 商家编码 编码 sku编码 商品货号 规格编码 物料编码 单品编码" },
  { "title", CELL_TEXT, false,
    "name productname itemname producttitle 名称 商品名称 品名 商品标题 标题 产品名称" },
  { "barcodes", CELL_LIST, false, "barcode ean upc gtin 条码 条形码 商品条码 国际条码 69码" },
  { "weight_g", CELL_GRAMS, false, "weight grossweight packedweight 重量 毛重 包装重量 商品重量" },
  { "length_mm", CELL_MM, false, "length 长 长度 包装长" },
  { "width_mm", CELL_MM, false, "width 宽 宽度 包装宽" },
  { "height_mm", CELL_MM, false, "height 高 高度 包装高" },
  { "hazard", CELL_TEXT, false, "hazards dangerousgoods 危险品 危险品类型" },
  { "safety", CELL_COUNT, false, "safetystock bufferstock 安全库存" },
  { "made", CELL_YES, false, "madetoorder 定制 是否定制 按单生产 按订单生产" },
  { "cold", CELL_YES, false, "coldchain 冷链 是否冷链" },
  { "state", CELL_STATE, false, STATE_WORDS },
  { NULL, CELL_TEXT, false, NULL },
};
static const struct goods_column kit_columns[] = {
  { "code", CELL_TEXT, true,
    "kit kitcode kitsku bundle bundlesku bundlecode set setsku 套装编码 组合编码 组合商品编码 套餐编码 组合装编码 组合装商品编码" },
  { "sku", CELL_TEXT, true,
    "part partsku partcode component componentsku itemsku 子商品编码 组件编码 单品编码 明细编码 子件编码 子商品 商品编码" },
  { "quantity", CELL_COUNT, true, "qty pieces 数量 件数 组合数量" },
  { "title", CELL_TEXT, false, "kittitle kitname bundlename 套装名称 组合名称 套餐名称 组合装名称" },
  { NULL, CELL_TEXT, false, NULL },
};
static const struct goods_column mapping_columns[] = {
  { "channel", CELL_TEXT, true, "shop store 渠道 店铺 平台店铺 店铺名称 渠道名称" },
  { "channel_sku", CELL_TEXT, true,
    "channelsku platformsku listingsku shopsku listing 平台编码 平台sku 渠道编码 渠道sku 线上编码 平台商品编码 店铺商品编码 线上商品编码" },
  { "sku", CELL_TEXT, true,
    "code ownsku sellersku skucode 商品编码 系统编码 货号 商家编码 系统商品编码 本地编码" },
  { NULL, CELL_TEXT, false, NULL },
};
static const struct goods_column warehouse_columns[] = {
  { "code", CELL_TEXT, true, "warehouse warehousecode 仓库编码 仓库代码 编码 仓库编号" },
  { "title", CELL_TEXT, false, "name warehousename 仓库名称 名称 仓库" },
  { "kind", CELL_PLACE, false, "type 类型 仓库类型" },
  { "country", CELL_TEXT, false, "国家 国家代码" },
  { "division", CELL_TEXT, false, "divisioncode 行政区划 行政区划代码 地区编码 所在地区编码" },
  { "regions", CELL_LIST, false, "region serves 服务区域 覆盖区域 配送区域" },
  { "capacity", CELL_COUNT, false, "dailycapacity 产能 日处理量 日产能" },
  { "state", CELL_STATE, false, STATE_WORDS },
  { NULL, CELL_TEXT, false, NULL },
};
static const struct goods_column stock_columns[] = {
  { "sku", CELL_TEXT, true,
    "code skucode itemcode sellersku 商品编码 货号 商家编码 编码 sku编码 规格编码 物料编码" },
  { "warehouse", CELL_TEXT, true, "warehousecode location 仓库 仓库编码 仓库代码" },
  { "counted", CELL_COUNT, false,
    "count quantity qty onhand stock 库存 数量 实盘数量 盘点数量 现有库存 库存数量 实际库存" },
  { "delta", CELL_SIGNED, false, "change adjustment 增减 调整数量 变动数量 入库数量" },
  { "reason", CELL_TEXT, false, "原因 调整原因 类型" },
  { "note", CELL_TEXT, false, "notes remark 备注 说明" },
  { NULL, CELL_TEXT, false, NULL },
};

static const struct goods_column rate_columns[] = {
  { "card", CELL_TEXT, false, "ratecard pricelist 价目表 报价单" },
  { "carrier", CELL_TEXT, true, "carriercode 承运商 物流公司 快递公司 物流商" },
  { "service", CELL_TEXT, false, "product 服务 产品 服务类型" },
  { "origin", CELL_TEXT, false, "from 始发地 发货地" },
  { "currency", CELL_TEXT, false, "币种" },
  { "divisor", CELL_TEXT, false, "volumetricdivisor 体积系数 泡重比 抛比" },
  { "step_kg", CELL_TEXT, false, "step weightstep 计费步长 进位" },
  { "minimum", CELL_TEXT, false, "minimumprice minprice 最低收费 最低一票" },
  { "fuel_percent", CELL_TEXT, false, "fuel fuelsurcharge 燃油附加费 燃油" },
  { "cod_percent", CELL_TEXT, false, "cod 代收手续费" },
  { "cod_minimum", CELL_TEXT, false, "代收最低" },
  { "insured_percent", CELL_TEXT, false, "insurance 保价费率 保价" },
  { "insured_minimum", CELL_TEXT, false, "保价最低" },
  { "max_kg", CELL_TEXT, false, "maxweight 限重 最大重量" },
  { "max_side_cm", CELL_TEXT, false, "maxside maxlength 限长 最长边" },
  { "valid_from", CELL_TEXT, false, "validfrom 生效日期" },
  { "valid_to", CELL_TEXT, false, "validto 失效日期" },
  { "dangerous", CELL_TEXT, false, "危险品" },
  { "cold", CELL_TEXT, false, "冷链" },
  { "retired", CELL_TEXT, false, "停用" },
  { "province", CELL_TEXT, false, "destprovince zone state 省 省份 目的省 目的省份 目的地" },
  { "city", CELL_TEXT, false, "destcity 城市 市 目的城市" },
  { "model", CELL_TEXT, false, "pricing 计价方式 计费方式" },
  { "from_kg", CELL_TEXT, false, "tierfrom weightfrom 起始重量 重量从" },
  { "to_kg", CELL_TEXT, false, "tierto weightto 截止重量 重量到" },
  { "first_kg", CELL_TEXT, false, "firstweight first 首重" },
  { "first_price", CELL_TEXT, false, "firstpricecny 首重价格 首重费用 首重费" },
  { "price_per_kg", CELL_TEXT, false,
    "priceperkgcny perkg furtherprice 续重单价 续重价格 续重 单价 每公斤价格" },
  { "remote", CELL_TEXT, false, "remotesurcharge 偏远附加费" },
  { "days", CELL_TEXT, false, "leadtime leadtimetext transitdays 时效 天数" },
  { NULL, CELL_TEXT, false, NULL },
};

static const struct goods_kind {
  const char *name, *list, *path;
  const struct goods_column *columns;
} goods_kinds[] = {
  { "skus", "skus", "/v1/skus", sku_columns },
  { "kits", "skus", "/v1/skus", kit_columns },
  { "mappings", "mappings", "/v1/mappings", mapping_columns },
  { "warehouses", "warehouses", "/v1/warehouses", warehouse_columns },
  { "stock", "counts", "/v1/stock", stock_columns },
  { "rates", "rates", "/v1/rates", rate_columns },
};

struct goods {
  const struct import *o;
  struct import_counts *n;
  struct arena *mem; /* for why, headers, the kits seen */
  const struct goods_kind *kind;
  const char *list, *path;
  bool is_kits, is_stock, adjusts;
  struct goods_at {
    int cell;         /* -1: the sheet has no such column */
    const char *head; /* as it stands there */
    int64_t unit;     /* of its header, in thousandths of grams or millimetres; 0: not said */
  } at[COLUMNS_MAX];
  size_t cells;
  bool has_head;
  int64_t looked;
  struct buf row; /* the object that is being put together */
  struct buf batch;
  int64_t rows[IMPORT_BATCH_ROWS];
  size_t n_rows;
  struct { /* the kit whose parts go by */
    char *code;
    int64_t row;
    bool bad;
    bool lost; /* a row that could not be read may have been the next one's */
    struct buf body;
  } kit;
  uint64_t *kits; /* hashes of those that went by, open addressing */
  size_t kits_n, kits_cap;
  const char *why;
};

const char *goods_kind_names(void)
{
  return "orders, skus, kits, mappings, warehouses, stock or rates";
}

bool goods_kind_ok(const char *name)
{
  for (size_t i = 0; i < COUNT(goods_kinds); i++)
    if (!strcmp(goods_kinds[i].name, name)) return true;
  return false;
}

static bool stop(struct goods *g, const char *why)
{
  if (!g->why) g->why = arena_str(g->mem, why);
  return false;
}

static void tell(struct goods *g, int64_t row, const char *result, const char *id, const char *column,
                 const char *code, const char *detail)
{
  if (g->o->row) g->o->row(g->o->arg, row, result, id, column, code, detail);
  if (g->o->progress) g->o->progress(g->o->arg, g->n);
}

static bool refused(struct goods *g, int64_t row, const char *column, const char *code, const char *detail)
{
  g->n->rows++, g->n->refused++;
  tell(g, row, "refused", NULL, column, code, detail);
  return false;
}

/* ---- headers --------------------------------------------------------------------------------------------------------------- */

static const struct {
  const char *word;
  int64_t milli; /* thousandths of a gram or a millimetre */
  enum cell_kind kind;
} units[] = {
  { "kg", 1000000, CELL_GRAMS }, { "千克", 1000000, CELL_GRAMS }, { "公斤", 1000000, CELL_GRAMS },
  { "g", 1000, CELL_GRAMS },     { "克", 1000, CELL_GRAMS },      { "mm", 1000, CELL_MM },
  { "毫米", 1000, CELL_MM },     { "cm", 10000, CELL_MM },        { "厘米", 10000, CELL_MM },
  { "m", 1000000, CELL_MM },     { "米", 1000000, CELL_MM },
};

static int64_t unit_of(const char *word, enum cell_kind kind)
{
  for (size_t i = 0; i < COUNT(units); i++)
    if (units[i].kind == kind && !strcmp(units[i].word, word)) return units[i].milli;
  return 0;
}

/* "Weight (kg)" and "weight_kg" are "weight" with the unit kg. */
static char *header_fold(struct arena *a, const char *head, char **unit)
{
  char *folded = text_fold(a, head), *to = folded, *bracket = strpbrk(folded, "(["), *last = NULL;
  *unit = "";
  if (bracket) {
    *unit = arena_strn(a, bracket + 1, strcspn(bracket + 1, ")]"));
    *bracket = 0;
  }
  for (char *p = folded; *p; p++)
    if (*p == '_' || *p == ' ') last = p + 1;
  if (!bracket && !last) /* 重量kg */
    for (char *p = folded; *p; p++)
      if (*p & 0x80) last = p + 1;
  if (!bracket && last && (unit_of(last, CELL_GRAMS) || unit_of(last, CELL_MM))) {
    *unit = arena_str(a, last);
    *last = 0;
  }
  for (const char *p = folded; *p; p++)
    if (!strchr(" _-*:", *p)) *to++ = *p;
  *to = 0;
  return folded;
}

static bool word_among(const char *list, const char *word)
{
  size_t n = strlen(word);
  for (const char *p = list; n && *p; p += strspn(p, " ")) {
    size_t len = strcspn(p, " ");
    if (len == n && !memcmp(p, word, n)) return true;
    p += len;
  }
  return false;
}

static bool is_key(const char *key, const char *folded)
{
  for (; *key; key++) {
    if (*key == '_') continue;
    if (*folded++ != *key) return false;
  }
  return !*folded;
}

static bool header_is(const struct goods_column *c, const char *folded, const char *whole)
{
  return is_key(c->key, folded) || is_key(c->key, whole) || word_among(c->words, folded);
}

static bool head_take(struct goods *g, const char *head, int cell)
{
  char *unit, *folded = header_fold(g->mem, head, &unit);
  const char *whole = arena_printf(g->mem, "%s%s", folded, unit);
  for (size_t i = 0; g->kind->columns[i].key; i++) {
    const struct goods_column *c = &g->kind->columns[i];
    if (g->at[i].cell >= 0 || !header_is(c, folded, whole)) continue;
    g->at[i] = (struct goods_at){ cell, arena_str(g->mem, head), 0 };
    if (c->kind == CELL_GRAMS || c->kind == CELL_MM) g->at[i].unit = unit_of(unit, c->kind);
    return true;
  }
  return false;
}

static bool head_enough(const struct goods *g)
{
  bool figure = false;
  for (size_t i = 0; g->kind->columns[i].key; i++) {
    const struct goods_column *c = &g->kind->columns[i];
    bool given =
      (g->o->channel && !strcmp(c->key, "channel")) || (g->o->warehouse && !strcmp(c->key, "warehouse"));
    if (c->required && g->at[i].cell < 0 && !given) return false;
    if ((!strcmp(c->key, "counted") || !strcmp(c->key, "delta")) && g->at[i].cell >= 0) figure = true;
  }
  return !g->is_stock || figure;
}

static int column_of(const struct goods *g, const char *key)
{
  for (int i = 0; g->kind->columns[i].key; i++)
    if (!strcmp(g->kind->columns[i].key, key)) return i;
  return -1;
}

static void head_note(struct goods *g, struct buf *strange)
{
  if (strange->len && g->o->note)
    g->o->note(g->o->arg, arena_printf(g->mem, "columns that were not read: %s", strange->data));
}

static bool head_find(struct goods *g, char **cells, size_t n)
{
  struct buf strange = { 0 };
  for (size_t i = 0; i < COLUMNS_MAX; i++) g->at[i].cell = -1;
  for (size_t i = 0; i < n; i++) {
    struct sheet_cell c = sheet_cell_read(g->mem, cells[i], false);
    if (!c.text || head_take(g, c.text, (int)i)) continue;
    if (strange.len) buf_str(&strange, ", ");
    buf_str(&strange, c.text);
  }
  g->has_head = head_enough(g), g->cells = n;
  if (g->has_head) {
    head_note(g, &strange);
    g->adjusts = g->is_stock && g->at[column_of(g, "delta")].cell >= 0;
    if (g->adjusts && g->at[column_of(g, "counted")].cell >= 0)
      stop(g, "the sheet has both counted and delta: which of them is meant?");
    if (g->adjusts) g->list = "adjustments", g->path = "/v1/stock/adjustments";
  }
  buf_release(&strange);
  return g->has_head;
}

/* ---- cells ------------------------------------------------------------------------------------------------------------------- */

/* Decimal text in thousandths; false when it is none, or finer than that. */
static bool milli_parse(const char *s, size_t n, int64_t *out)
{
  size_t whole = strspn(s, "0123456789"), fine;
  *out = 0;
  if (!whole || whole > 9 || whole > n) return false;
  for (size_t i = 0; i < whole; i++) *out = *out * 10 + (s[i] - '0');
  fine = whole < n && s[whole] == '.' ? strspn(s + whole + 1, "0123456789") : 0;
  if (whole + (fine ? fine + 1 : 0) != n) return false;
  for (size_t i = 0; i < 3; i++) *out = *out * 10 + (i < fine ? s[whole + 1 + i] - '0' : 0);
  for (size_t i = 3; i < fine; i++)
    if (s[whole + 1 + i] != '0') return false;
  return true;
}

/* "1.5", "1.5kg": in grams or millimetres, the nearest whole one. */
static bool measure_parse(struct arena *a, const char *text, int64_t unit, enum cell_kind kind, int64_t *out,
                          const char **code)
{
  const char *s = text_fold(a, text);
  size_t n = strspn(s, "0123456789.");
  const char *own = s + n + strspn(s + n, " ");
  int64_t milli, by = *own ? unit_of(own, kind) : unit;
  *code = !by && !*own ? "unit_missing" : "not_a_measure";
  if (!by || !milli_parse(s, n, &milli) || milli > 1000000000) return false;
  *out = (milli * by + 500000) / 1000000;
  return true;
}

static bool whole_parse(struct arena *a, const char *text, bool is_signed, int64_t *out)
{
  const char *s = text_nfkc(a, text);
  bool minus = is_signed && *s == '-';
  int64_t milli;
  if (is_signed && (*s == '-' || *s == '+')) s++;
  if (!milli_parse(s, strlen(s), &milli) || milli % 1000) return false;
  *out = minus ? -(milli / 1000) : milli / 1000;
  return true;
}

static bool word_parse(const char *word, const char *yes, const char *no, bool *out)
{
  *out = word_among(yes, word);
  return *out || word_among(no, word);
}

static void list_put(struct jw *w, const char *text)
{
  jw_array(w);
  for (const char *p = text + strspn(text, " ,;/|\n"); *p; p += strspn(p, " ,;/|\n")) {
    size_t n = strcspn(p, " ,;/|\n");
    jw_stringn(w, p, n);
    p += n;
  }
  jw_array_end(w);
}

/* One cell as the value of its key; NULL, or the code of what is wrong with it. */
static const char *goods_cell_put(struct goods *g, struct arena *a, struct jw *w, size_t i,
                                  const struct sheet_cell *c)
{
  const struct goods_column *col = &g->kind->columns[i];
  const char *code = "", *word = text_fold(a, c->text);
  int64_t n = 0;
  bool yes = false, ok = true;
  if (sheet_cell_error(c)) return "cell_error";
  if (sheet_cell_damaged(c)) return "cell_damaged";
  switch (col->kind) {
  case CELL_GRAMS:
  case CELL_MM: ok = measure_parse(a, c->text, g->at[i].unit, col->kind, &n, &code); break;
  case CELL_COUNT:
  case CELL_SIGNED: ok = whole_parse(a, c->text, col->kind == CELL_SIGNED, &n), code = "not_a_number"; break;
  case CELL_YES:
    ok = word_parse(word, "yes y true 1 是 有 √", "no n false 0 否 无 ×", &yes), code = "not_yes_or_no";
    break;
  case CELL_STATE:
    ok =
      word_parse(word, "active 启用 在售 正常 是 yes true 1", "retired 停用 下架 停售 否 no false 0", &yes),
    code = "unknown_state";
    break;
  case CELL_PLACE:
    ok = word_parse(word, "factory 工厂", "warehouse 仓库", &yes), code = "unknown_kind";
    break;
  default: break;
  }
  if (!ok) return code;
  jw_key(w, col->key);
  if (col->kind == CELL_TEXT) jw_string(w, c->text);
  else if (col->kind == CELL_LIST) list_put(w, text_nfkc(a, c->text));
  else if (col->kind == CELL_YES) jw_bool(w, yes);
  else if (col->kind == CELL_STATE) jw_string(w, yes ? "active" : "retired");
  else if (col->kind == CELL_PLACE) jw_string(w, yes ? "factory" : "warehouse");
  else jw_int(w, n);
  return NULL;
}

static const char *detail_of(const char *code)
{
  static const struct {
    const char *code, *detail;
  } rows[] = {
    { "cell_error", "The cell holds an error of the spreadsheet" },
    { "cell_damaged", "A spreadsheet has rounded this number: its digits are lost" },
    { "unit_missing", "No unit: write it in the header, weight (kg), or in the cell, 1.5 kg" },
    { "not_a_measure", "This is no number with a unit that fits" },
    { "not_a_number", "This is no whole number" },
    { "not_yes_or_no", "yes or no" },
    { "unknown_state", "active or retired" },
    { "unknown_kind", "warehouse or factory" },
  };
  for (size_t i = 0; i < COUNT(rows); i++)
    if (!strcmp(rows[i].code, code)) return rows[i].detail;
  return "";
}

/* ---- batches ------------------------------------------------------------------------------------------------------------------- */

static const char *text_of(const struct json *j, const char *key, const char *otherwise)
{
  const char *s = json_string(json_get(j, key));
  return s ? s : otherwise;
}

static void result_take(struct goods *g, int64_t row, const struct json *r, int64_t status)
{
  const struct json *problem = json_get(r, "problem"), *first = json_first(json_get(problem, "errors"));
  const char *result = text_of(r, "result", NULL);
  int64_t delta = 0;
  if (status >= 300) {
    refused(g, row, text_of(first, "pointer", ""),
            text_of(first, "code", text_of(problem, "code", "refused")),
            text_of(first, "detail", text_of(problem, "detail", "")));
    return;
  }
  if (!result) result = json_int(json_get(r, "delta"), &delta) && !delta ? "unchanged" : "updated";
  g->n->rows++;
  if (!strcmp(result, "created")) g->n->created++;
  else if (!strcmp(result, "updated")) g->n->updated++;
  else g->n->unchanged++;
  const struct json *warning = json_first(json_get(r, "warnings"));
  tell(g, row, result, text_of(r, "code", text_of(r, "channel_sku", text_of(r, "sku", ""))),
       text_of(warning, "pointer", NULL), text_of(warning, "code", NULL), text_of(warning, "detail", NULL));
}

/* All results, or none: what is asked again must not be told twice. */
static bool results_take(struct goods *g, const struct json *results, bool *again)
{
  int64_t status;
  const struct json *r = json_first(results);
  for (size_t i = 0; i < g->n_rows; i++, r = json_next(r)) {
    if (!r || !json_int(json_get(r, "status"), &status)) return stop(g, "the answer cannot be understood");
    if (status == 507) return stop(g, "the disk is nearly full: nothing more is taken");
    if (status == 500) return stop(g, text_of(json_get(r, "problem"), "detail", "the server failed"));
    if (status == 503 || status == 429) *again = true;
  }
  r = json_first(results);
  for (size_t i = 0; i < g->n_rows && !*again; i++, r = json_next(r)) {
    json_int(json_get(r, "status"), &status);
    result_take(g, g->rows[i], r, status);
  }
  return true;
}

/* Bookings of the same rows are made once, also when the file is imported again; all else may be done twice. */
static const char *batch_key(struct goods *g, struct arena *a, const struct buf *body)
{
  unsigned char digest[SHA256_LEN];
  struct buf key = { 0 };
  if (!g->adjusts) return NULL;
  sha256(body->data, body->len, digest);
  buf_str(&key, "import-"), hex_put(&key, digest, sizeof digest);
  const char *text = arena_strn(a, key.data, key.len);
  buf_release(&key);
  return text;
}

static bool batch_post(struct goods *g, bool *again)
{
  struct arena a = { 0 };
  struct faults f = { .mem = &a };
  struct buf body = { 0 };
  struct httpc_answer answer;
  bool ok = false;
  *again = false;
  buf_printf(&body, "{\"%s\":[%s]}", g->list, g->batch.data);
  const char *path = arena_printf(&a, "%s%s", g->path, g->o->dry_run ? "?dry_run=true" : "");
  int status = g->o->call(g->o->arg, &a, path, body.data, body.len,
                          g->o->dry_run ? NULL : batch_key(g, &a, &body), &answer);
  buf_release(&body);
  const struct json *j = status > 0 ? json_parse(&a, answer.body, answer.body_n, SIZE_MAX, &f) : NULL;
  if (status == 207 && j) ok = results_take(g, json_get(j, "results"), again);
  else if (status == 503 || status == 429) ok = *again = true;
  else if (status < 0) stop(g, "there was no answer");
  else
    stop(g, arena_printf(&a, "%s (%s)", text_of(j, "detail", "the answer cannot be understood"),
                         text_of(j, "code", "?")));
  arena_release(&a);
  return ok;
}

static bool batch_flush(struct goods *g)
{
  bool again = g->n_rows > 0;
  for (int tries = 0; again; tries++) {
    if (tries == POST_TRIES)
      return stop(g, "the server is too busy to take more; import the file again later");
    if (tries) poll(NULL, 0, POST_WAIT_MS);
    if (!batch_post(g, &again)) return false;
  }
  g->n_rows = 0, g->batch.len = 0;
  return true;
}

bool goods_object(struct goods *g, int64_t row, const char *json, size_t n)
{
  if ((g->n_rows == IMPORT_BATCH_ROWS || g->batch.len + n > IMPORT_BATCH_BYTES) && !batch_flush(g))
    return false;
  if (g->n_rows) buf_char(&g->batch, ',');
  g->rows[g->n_rows++] = row;
  buf_put(&g->batch, json, n);
  return true;
}

/* ---- kits: rows that follow each other are one ----------------------------------------------------------------------------------- */

static bool kit_end(struct goods *g)
{
  bool ok = true;
  if (g->kit.code && !g->kit.bad) {
    buf_str(&g->kit.body, "]}");
    ok = goods_object(g, g->kit.row, g->kit.body.data, g->kit.body.len);
  } else if (g->kit.code) {
    refused(g, g->kit.row, "", "kit_refused", "Another row of the same kit was refused");
  }
  g->kit.code = NULL, g->kit.body.len = 0;
  return ok;
}

static uint64_t *kit_find(uint64_t *at, size_t cap, uint64_t hash)
{
  size_t i = (size_t)hash & (cap - 1);
  while (at[i] && at[i] != hash) i = (i + 1) & (cap - 1);
  return &at[i];
}

static bool kit_seen(struct goods *g, const char *code)
{
  uint64_t hash = hash64(code, strlen(code), 7) | 1;
  if (g->kits_n * 2 >= g->kits_cap) {
    size_t cap = g->kits_cap ? g->kits_cap * 2 : KITS_FIRST;
    uint64_t *grown = mem_new(cap * sizeof *grown);
    for (size_t i = 0; i < g->kits_cap; i++)
      if (g->kits[i]) *kit_find(grown, cap, g->kits[i]) = g->kits[i];
    mem_free(g->kits);
    g->kits = grown, g->kits_cap = cap;
  }
  uint64_t *at = kit_find(g->kits, g->kits_cap, hash);
  if (*at) return true;
  *at = hash, g->kits_n++;
  return false;
}

/* Makes this one the kit that is under way; false: the row is refused. */
static bool kit_turn(struct goods *g, int64_t row, const char *code, const char *title)
{
  struct jw w;
  if (g->kit.code && !strcmp(g->kit.code, code)) return true;
  if (!kit_end(g)) return false;
  if (kit_seen(g, code))
    return refused(g, row, "", "kit_scattered",
                   "The rows of a kit stand together; this one stood further up");
  g->kit.code = arena_str(g->mem, code);
  g->kit.row = row, g->kit.bad = g->kit.lost, g->kit.lost = false;
  jw_init(&w, &g->kit.body), jw_object(&w), jw_kstring(&w, "code", code);
  if (title) jw_kstring(&w, "title", title);
  jw_key(&w, "parts"), jw_array(&w);
  return true;
}

/* {"code":…,"sku":…,"quantity":…} as one part of the kit that is under way. */
static void kit_row(struct goods *g, int64_t row, const struct json *j)
{
  struct jw w;
  if (!kit_turn(g, row, json_string(json_get(j, "code")), json_string(json_get(j, "title")))) return;
  if (g->kit.body.data[g->kit.body.len - 1] != '[') buf_char(&g->kit.body, ',');
  jw_init(&w, &g->kit.body), jw_object(&w);
  jw_key(&w, "sku"), jw_json(&w, json_get(j, "sku")), jw_key(&w, "quantity"),
    jw_json(&w, json_get(j, "quantity"));
  jw_object_end(&w);
}

/* A kit of which one part is not known is not made of the others. */
static void kit_spoiled(struct goods *g, struct arena *a, int64_t row, char **cells, size_t n)
{
  int at = g->at[column_of(g, "code")].cell;
  struct sheet_cell c = { 0 };
  if (at >= 0 && (size_t)at < n) c = sheet_cell_read(a, cells[at], false);
  if (c.text) kit_turn(g, row, c.text, NULL);
  g->kit.bad = true;
}

/* ---- rows --------------------------------------------------------------------------------------------------------------------------- */

static bool row_empty(char **cells, size_t n)
{
  for (size_t i = 0; i < n; i++)
    if (cells[i][strspn(cells[i], " \t")]) return false;
  return true;
}

/* What the person said for the whole file, where a row does not. */
static const char *given(const struct goods *g, const char *key)
{
  if (!strcmp(key, "channel")) return g->o->channel;
  if (!strcmp(key, "warehouse")) return g->o->warehouse;
  if (g->is_kits && !strcmp(key, "code")) return g->kit.code; /* told once, in the first of its rows */
  return !strcmp(key, "reason") && g->adjusts ? REASON_DEFAULT : NULL;
}

static bool row_put(struct goods *g, struct arena *a, int64_t row, char **cells, size_t n, struct jw *w)
{
  for (size_t i = 0; g->kind->columns[i].key; i++) {
    const struct goods_column *col = &g->kind->columns[i];
    int at = g->at[i].cell;
    struct sheet_cell c = { 0 };
    if (at >= 0 && (size_t)at < n)
      c = sheet_cell_read(a, cells[at], col->kind == CELL_COUNT || col->kind == CELL_SIGNED);
    if (col->kind != CELL_TEXT && col->kind != CELL_LIST) c.is_inexact = false; /* fit to count with */
    if (!c.text) c.text = given(g, col->key);
    if (g->is_stock && !strcmp(col->key, g->adjusts ? "counted" : "delta")) continue;
    if (g->is_stock && !g->adjusts && !strcmp(col->key, "reason")) continue;
    bool needed = col->required || (g->is_stock && !strcmp(col->key, g->adjusts ? "delta" : "counted"));
    const char *head = g->at[i].head ? g->at[i].head : col->key;
    if (!c.text && needed) return refused(g, row, head, "missing", "This is required");
    const char *code = c.text ? goods_cell_put(g, a, w, i, &c) : NULL;
    if (code) return refused(g, row, head, code, detail_of(code));
  }
  return true;
}

static bool row_take(struct goods *g, int64_t row, char **cells, size_t n)
{
  struct arena a = { 0 };
  struct faults f = { .mem = &a };
  struct jw w;
  g->row.len = 0;
  jw_init(&w, &g->row), jw_object(&w);
  if (!row_put(g, &a, row, cells, n, &w)) {
    if (g->is_kits) kit_spoiled(g, &a, row, cells, n);
  } else {
    jw_object_end(&w);
    if (g->is_kits) kit_row(g, row, json_parse(&a, g->row.data, g->row.len, 100, &f));
    else goods_object(g, row, g->row.data, g->row.len);
  }
  arena_release(&a);
  return !g->why;
}

bool goods_row(void *arg, int64_t row, char **cells, size_t n, const char *why)
{
  struct goods *g = arg;
  if (g->why) return false;
  if (why) return refused(g, row, "", "bad_row", why), g->kit.lost = g->kit.bad = true;
  if (row_empty(cells, n)) return true;
  if (!g->has_head) {
    if (head_find(g, cells, n)) return !g->why;
    if (++g->looked < SHEET_PREAMBLE_MAX) return true;
    goods_end(g);
    return false;
  }
  if (n > g->cells && !row_empty(cells + g->cells, n - g->cells))
    return refused(g, row, "", "too_many_cells",
                   "More cells than headers: a comma without quotes has shifted the row"),
           g->kit.lost = g->kit.bad = true;
  return row_take(g, row, cells, n);
}

static void head_missing(struct goods *g)
{
  struct buf b = { 0 };
  buf_printf(&b, "the headers do not say enough for %s; needed: ", g->kind->name);
  for (size_t i = 0, n = 0; g->kind->columns[i].key; i++)
    if (g->kind->columns[i].required) buf_printf(&b, "%s%s", n++ ? ", " : "", g->kind->columns[i].key);
  if (g->is_stock) buf_str(&b, ", and counted or delta");
  stop(g, b.data);
  buf_release(&b);
}

bool goods_end(struct goods *g)
{
  if (g->why) return false;
  if (!g->has_head && !g->n_rows && !g->n->rows) return head_missing(g), false;
  return kit_end(g) && batch_flush(g);
}

struct goods *goods_new(const struct import *o, struct arena *a, struct import_counts *n)
{
  struct goods *g = mem_new(sizeof *g);
  for (size_t i = 0; i < COUNT(goods_kinds); i++)
    if (!strcmp(goods_kinds[i].name, o->as)) g->kind = &goods_kinds[i];
  must(g->kind);
  g->o = o, g->mem = a, g->n = n, g->list = g->kind->list, g->path = g->kind->path;
  g->is_kits = !strcmp(g->kind->name, "kits"), g->is_stock = !strcmp(g->kind->name, "stock");
  return g;
}

const char *goods_why(const struct goods *g)
{
  return g->why;
}

void goods_free(struct goods *g)
{
  if (!g) return;
  buf_release(&g->row), buf_release(&g->batch), buf_release(&g->kit.body);
  mem_free(g->kits);
  mem_free(g);
}
