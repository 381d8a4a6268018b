/* Sheets: whatever stands under a header, every row is in exactly one order or refused once; an order
 * passes the gate, has a number, a status and lines. The first byte chooses the header. */
#include "base.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char *const heads[] = {
  "订单号,子订单编号,订单状态,下单时间,商品,数量,商品金额,运费,总金额,手机,快递信息\n",
  "订单编号,买家应付货款,买家应付邮费,买家实际支付金额,订单状态,收货地址,联系手机,订单创建时间,宝贝标题,物流单号,物流公司,宝贝总数量\n",
  "Name,Id,Financial Status,Fulfillment Status,Currency,Total,Shipping,Created at,Lineitem quantity,Lineitem name,Lineitem price,Cancelled at\n",
  "external_id,status,placed_at,sku,quantity,price,discount,currency,refunded,line_id\n",
};

struct tally {
  int64_t given, refused, rows;
};

static void on_order(void *arg, int64_t first_row, const char *json, size_t n)
{
  struct tally *t = arg;
  struct arena a = { 0 };
  struct faults f = { .mem = &a };
  const struct json *j = json_parse(&a, json, n, JSON_ELEMENTS_MAX, &f);
  must(j && first_row > 1);
  must(*json_string(json_get(j, "external_id")) && json_string(json_get(j, "status")) &&
       json_string(json_get(j, "total")));
  must(json_count(json_get(j, "lines")) > 0);
  t->given += (int64_t)json_count(json_get(j, "lines"));
  arena_release(&a);
}

static void on_refuse(void *arg, int64_t row, const char *column, const char *code, const char *detail,
                      const char *raw_json, size_t n)
{
  struct tally *t = arg;
  const char *why;
  size_t at;
  must(row > 1 && column && *code && *detail && json_gate(raw_json, n, JSON_ELEMENTS_MAX, &why, &at));
  t->refused++;
}

struct both {
  struct sheet *sheet;
  struct tally *tally;
};

static bool on_row(void *arg, int64_t row, char **cells, size_t n, const char *why)
{
  struct both *b = arg;
  bool says = !cells;
  for (size_t i = 0; i < n; i++) says = says || *cells[i];
  if (says && row > 1) b->tally->rows++;
  return sheet_row(b->sheet, row, cells, n, why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
  if (!n) return 0;
  const char *head = heads[data[0] % COUNT(heads)];
  struct tally t = { 0 };
  struct sheet_options o = SHEET_OPTIONS("shop");
  struct both b = { sheet_new(&o, on_order, on_refuse, &t), &t };
  struct csv *c = csv_new(on_row, &b);
  csv_feed(c, head, strlen(head));
  csv_feed(c, (const char *)data + 1, n - 1);
  must(csv_end(c));
  sheet_end(b.sheet);
  must(t.given + t.refused == t.rows);
  csv_free(c), sheet_free(b.sheet);
  return 0;
}
