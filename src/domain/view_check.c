/* view_check.c: proves what a file alone can show (domain 2.3, 3, 4.3, 4.7). A rule that is one question is a
 * row of a table: each row of its answer is a breach. Rules about histories and groups are walks, so that a
 * file of any size is read in one pass per rule. */
#include "domain.h"
#include <stdio.h>

#define CHECK_SAY_MAX 20 /* breaches of one rule that are named; the rest is counted */
#define CHECK_TEXT 256

struct check {
  struct db *db;
  struct arena *mem;
  const struct status_table *t;
  const struct merge_rules *r;
  void (*say)(void *arg, const char *text);
  void *arg;
  int breaches, of_rule;
};

static void breach(struct check *c, const char *fmt, ...) PRINTF(2, 3);
static void breach(struct check *c, const char *fmt, ...)
{
  char text[CHECK_TEXT];
  va_list ap;
  c->breaches++;
  if (++c->of_rule > CHECK_SAY_MAX) return;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  c->say(c->arg, text);
}

static void rule_end(struct check *c, const char *about)
{
  char text[CHECK_TEXT];
  if (c->of_rule > CHECK_SAY_MAX) {
    snprintf(text, sizeof text, "%s: %d more of this kind", about, c->of_rule - CHECK_SAY_MAX);
    c->say(c->arg, text);
  }
  c->of_rule = 0;
}

/* ---- rules that are one question: the row's id, and what it clashes with --------------------- */
#define COUNTER_RULE(name, table) \
  { \
    "SELECT m.id, m.id FROM (SELECT max(id) AS id FROM " table ") m WHERE m.id >" \
    " coalesce((SELECT value FROM counters WHERE name = '" name "'), 0)", \
      0, "the counter '" name "' is behind the highest id", '#' \
  }

static const struct question {
  const char *sql;
  char kind; /* of the id; 0: not told */
  const char *text;
  char other; /* kind of the second column: 0 none, '#' a plain number */
} question_table[] = {
  { "SELECT min(id), max(id) FROM orders GROUP BY channel_id, external_id HAVING count(*) > 1", 'o',
    "has the identity of another order", 'o' },
  { "SELECT o.id, o.channel_id FROM orders o WHERE o.channel_id NOT IN (SELECT id FROM channels)", 'o',
    "is of a channel that does not exist", 'c' },
  { "SELECT id, placed_slot FROM orders WHERE placed_at >= 0 AND placed_slot <> placed_at / 259200000", 'o',
    "stands in a slot of time that its time of purchase does not give", '#' },
  { "SELECT sum(n), 0 FROM (SELECT status AS t, hour AS h, orders AS n FROM rollup_stages UNION ALL"
    " SELECT status, coalesce(stage_since, received_at) / 3600000, -1 FROM orders) GROUP BY t, h HAVING sum(n) <> 0",
    's', "is by how much the figures of a stage's hour differ from its orders", 0 },
  { "SELECT sum(n), c FROM (SELECT hour AS h, channel_id AS c, orders AS n FROM rollup_hours UNION ALL"
    " SELECT placed_at / 3600000, channel_id, -1 FROM orders) GROUP BY h, c HAVING sum(n) <> 0",
    's', "is by how much the figures of an hour differ from the orders of", 'c' },
  { "SELECT o.id, o.payload_id FROM orders o LEFT JOIN payloads p ON p.id = o.payload_id"
    " WHERE o.payload_id IS NOT NULL AND p.id IS NULL",
    'o', "was told by a payload that does not exist", 'p' },
  { "SELECT p.id, p.order_id FROM payloads p LEFT JOIN orders o ON o.id = p.order_id"
    " WHERE p.order_id IS NOT NULL AND o.id IS NULL",
    'p', "tells about an order that does not exist", 'o' },
  { "SELECT o.id, 0 FROM orders o WHERE NOT EXISTS (SELECT 1 FROM lines l WHERE l.order_id = o.id)", 'o',
    "has no line", 0 },
  { "SELECT order_id, line_no FROM lines WHERE quantity < 1", 'o', "has a line with no quantity", '#' },
  { "SELECT l.order_id, l.line_no FROM lines l LEFT JOIN orders o ON o.id = l.order_id WHERE o.id IS NULL",
    'o', "does not exist but has a line", '#' },
  { "SELECT s.order_id, s.id FROM shipments s LEFT JOIN orders o ON o.id = s.order_id WHERE o.id IS NULL",
    'o', "does not exist but has a shipment", 's' },
  { "SELECT r.order_id, 0 FROM refunds r LEFT JOIN orders o ON o.id = r.order_id WHERE o.id IS NULL", 'o',
    "does not exist but has a refund", 0 },
  { "SELECT h.order_id, 0 FROM holds h LEFT JOIN orders o ON o.id = h.order_id WHERE o.id IS NULL", 'o',
    "does not exist but is held", 0 },
  { "SELECT x.id, x.order_id FROM exceptions x LEFT JOIN orders o ON o.id = x.order_id"
    " WHERE x.order_id IS NOT NULL AND o.id IS NULL",
    'x', "is about an order that does not exist", 'o' },
  { "SELECT min(id), max(id) FROM exceptions WHERE state = 'open' AND order_id IS NOT NULL"
    " GROUP BY order_id, type HAVING count(*) > 1",
    'x', "is open twice for one order and type", 'x' },
  { "SELECT min(id), max(id) FROM exceptions WHERE state = 'open' AND payload_id IS NOT NULL"
    " GROUP BY payload_id, type HAVING count(*) > 1",
    'x', "is open twice for one payload and type", 'x' },
  { "SELECT o.id, o.group_id FROM orders o LEFT JOIN groups g ON g.id = o.group_id"
    " WHERE o.group_id IS NOT NULL AND g.id IS NULL",
    'o', "is in a group that does not exist", 'g' },
  { "SELECT o.id, g.id FROM groups g JOIN orders o ON o.group_id = g.id WHERE g.state = 'empty'", 'o',
    "is in a group that is said to be empty", 'g' },
  { "SELECT g.id, 0 FROM groups g WHERE g.state <> 'empty'"
    " AND NOT EXISTS (SELECT 1 FROM orders o WHERE o.group_id = g.id)",
    'g', "has no orders", 0 },
  { "SELECT d.order_a, d.order_b FROM merge_decisions d JOIN orders a ON a.id = d.order_a"
    " JOIN orders b ON b.id = d.order_b JOIN groups g ON g.id = a.group_id"
    " WHERE d.verdict = 'apart' AND a.group_id = b.group_id AND g.state = 'open'",
    'o', "is in one group with an order that a person took apart from it", 'o' },
  { "SELECT o.id, 0 FROM orders o WHERE o.decided = 0 AND o.id IN"
    " (SELECT order_a FROM merge_decisions UNION SELECT order_b FROM merge_decisions)",
    'o', "does not know that a person decided about it", 0 },
  /* the dictionary */
  { "SELECT m.channel_id, m.sku_id FROM channel_skus m LEFT JOIN skus k ON k.id = m.sku_id WHERE k.id IS NULL",
    'c', "means an article that does not exist", 'n' },
  { "SELECT m.sku_id, m.channel_id FROM channel_skus m LEFT JOIN channels c ON c.id = m.channel_id WHERE c.id IS NULL",
    'n', "is meant by a channel that does not exist", 'c' },
  { "SELECT b.sku_id, 0 FROM barcodes b LEFT JOIN skus k ON k.id = b.sku_id WHERE k.id IS NULL", 'n',
    "does not exist but has a barcode", 0 },
  { "SELECT p.kit_id, p.sku_id FROM kit_parts p LEFT JOIN skus k ON k.id = p.kit_id LEFT JOIN skus q ON q.id = p.sku_id"
    " WHERE k.id IS NULL OR q.id IS NULL",
    'n', "is or has a part that does not exist", 'n' },
  { "SELECT p.kit_id, p.sku_id FROM kit_parts p WHERE p.sku_id IN (SELECT kit_id FROM kit_parts)", 'n',
    "is a kit with a part that is a kit", 'n' },
  { "SELECT s.sku_id, s.warehouse_id FROM stock s LEFT JOIN skus k ON k.id = s.sku_id LEFT JOIN warehouses w ON"
    " w.id = s.warehouse_id WHERE k.id IS NULL OR w.id IS NULL",
    'n', "lies in a warehouse, and one of both does not exist", 'h' },
  { "SELECT s.sku_id, s.warehouse_id FROM stock s JOIN skus k ON k.id = s.sku_id WHERE s.on_hand + s.quarantine > 0 AND"
    " (k.made = 1 OR k.id IN (SELECT kit_id FROM kit_parts))",
    'n', "is a kit or made to order, and lies in a warehouse", 'h' },
  /* stock (domain 5.2): each bucket is the sum of its ledger, whose rows are a chain */
  { "SELECT s.sku_id, s.warehouse_id FROM stock s LEFT JOIN (SELECT sku_id, warehouse_id,"
    " sum(CASE WHEN target IN ('a', 'r', 'f') THEN quantity ELSE 0 END - CASE WHEN source IN ('a', 'r', 'f') THEN quantity ELSE 0 END) AS on_hand,"
    " sum(CASE target WHEN 'r' THEN quantity ELSE 0 END - CASE source WHEN 'r' THEN quantity ELSE 0 END) AS reserved,"
    " sum(CASE target WHEN 'f' THEN quantity ELSE 0 END - CASE source WHEN 'f' THEN quantity ELSE 0 END) AS frozen,"
    " sum(CASE target WHEN 'q' THEN quantity ELSE 0 END - CASE source WHEN 'q' THEN quantity ELSE 0 END) AS quarantine,"
    " max(id) AS newest FROM stock_moves GROUP BY sku_id, warehouse_id) m ON m.sku_id = s.sku_id AND m.warehouse_id = s.warehouse_id"
    " WHERE m.sku_id IS NULL OR s.on_hand <> m.on_hand OR s.reserved <> m.reserved OR s.frozen <> m.frozen"
    " OR s.quarantine <> m.quarantine OR s.move_id <> m.newest",
    'n', "has other stock than its ledger gives, in", 'h' },
  { "SELECT m.sku_id, m.warehouse_id FROM stock_moves m LEFT JOIN stock s ON s.sku_id = m.sku_id AND"
    " s.warehouse_id = m.warehouse_id WHERE s.sku_id IS NULL GROUP BY m.sku_id, m.warehouse_id",
    'n', "has a ledger but no stock, in", 'h' },
  { "SELECT t.sku_id, t.id FROM (SELECT id, sku_id, before, coalesce(lag(id) OVER (PARTITION BY sku_id, warehouse_id ORDER BY id), 0)"
    " AS last FROM stock_moves) t WHERE t.before <> t.last",
    'n', "has a row in its ledger that does not follow the one before it", '#' },
  { "SELECT t.sku_id, t.warehouse_id FROM (SELECT sku_id, warehouse_id, reserved, frozen FROM stock UNION ALL"
    " SELECT sku_id, warehouse_id, CASE state WHEN 'reserved' THEN -quantity ELSE 0 END, CASE state WHEN 'frozen' THEN -quantity ELSE 0 END"
    " FROM units WHERE state = 'reserved' OR state = 'frozen') t GROUP BY t.sku_id, t.warehouse_id"
    " HAVING sum(t.reserved) <> 0 OR sum(t.frozen) <> 0",
    'n', "is reserved or frozen for other pieces than its orders have, in", 'h' },
  /* fulfilments and the pre-ship lock (domain 6.1, 6.5) */
  { "SELECT u.fulfilment_id, u.order_id FROM units u LEFT JOIN fulfilment_lines l ON l.fulfilment_id = u.fulfilment_id"
    " AND l.order_id = u.order_id AND l.line_no = u.line_no WHERE u.fulfilment_id <> 0 AND l.order_id IS NULL",
    'f', "holds pieces of a line that is not in it, of", 'o' },
  { "SELECT f.id, u.order_id FROM units u JOIN fulfilments f ON f.id = u.fulfilment_id WHERE u.state = 'frozen'"
    " AND NOT EXISTS (SELECT 1 FROM claims k WHERE k.fulfilment_id = f.id AND (k.state = 'live' OR k.put_back = 1))",
    'f', "has frozen pieces, and no number that locks them, of", 'o' },
  { "SELECT f.id, u.order_id FROM units u JOIN fulfilments f ON f.id = u.fulfilment_id WHERE u.state = 'reserved'"
    " AND EXISTS (SELECT 1 FROM claims k WHERE k.fulfilment_id = f.id AND k.state <> 'void')",
    'f', "ships under a number, and pieces in it are not locked, of", 'o' },
  { "SELECT u.order_id, u.line_no FROM units u WHERE u.state = 'frozen' AND u.fulfilment_id = 0", 'o',
    "has frozen pieces in no parcel, of line", '#' },
  { "SELECT k.id, k.fulfilment_id FROM claims k JOIN fulfilments f ON f.id = k.fulfilment_id WHERE k.state = 'shipped'"
    " AND f.status <> 'shipped' AND f.status <> 'completed'",
    'k', "has left, and its fulfilment has not", 'f' },
  { "SELECT k.id, k.fulfilment_id FROM claims k JOIN fulfilments f ON f.id = k.fulfilment_id WHERE k.state = 'live'"
    " AND f.status <> 'pre_ship'",
    'k', "is live, and its fulfilment does not stand in pre_ship", 'f' },
  { "SELECT k.id, k.id FROM claims k WHERE k.state = 'shipped' AND (k.picked_up_at IS NULL OR k.told <> 'accepted')",
    'k', "is shipped without both of its facts", 'k' },
  { "SELECT t.order_id, t.line_no FROM (SELECT l.order_id, l.line_no, sum(l.quantity) AS n FROM fulfilment_lines l"
    " JOIN fulfilments f ON f.id = l.fulfilment_id WHERE f.status = 'split' AND f.work = 'open' GROUP BY l.order_id, l.line_no) t"
    " JOIN lines i ON i.order_id = t.order_id AND i.line_no = t.line_no WHERE t.n > i.quantity",
    'o', "has more in parcels that can still be changed than was bought, of line", '#' },
  /* the packing bench; below 0 are texts of lines of which no stock is kept */
  { "SELECT s.fulfilment_id, s.sku_id FROM scans s LEFT JOIN fulfilments f ON f.id = s.fulfilment_id WHERE f.id IS NULL"
    " OR f.work = 'open' OR (s.sku_id > 0 AND s.quantity > (SELECT coalesce(sum(u.quantity), 0) FROM units u WHERE"
    " u.fulfilment_id = s.fulfilment_id AND u.fulfilment_id <> 0 AND u.sku_id = s.sku_id))",
    'f', "has more verified than it holds, of", 'n' },
  { "SELECT f.id, u.sku_id FROM fulfilments f JOIN units u ON u.fulfilment_id = f.id AND u.fulfilment_id <> 0 WHERE"
    " f.work = 'packed' AND (f.status = 'split' OR f.status = 'pre_ship') GROUP BY f.id, u.sku_id HAVING sum(u.quantity) <>"
    " coalesce((SELECT s.quantity FROM scans s WHERE s.fulfilment_id = f.id AND s.sku_id = u.sku_id), 0)",
    'f', "is packed, and not all of it was verified, of", 'n' },
  { "SELECT k.id, c.order_id FROM confirmations c LEFT JOIN claims k ON k.id = c.claim_id WHERE k.id IS NULL",
    'k', "does not exist but was told of for", 'o' },
  { "SELECT min(e.id), max(e.id) FROM effects e WHERE e.state = 'sending' GROUP BY"
    " e.destination, e.subject HAVING count(*) > 1",
    'e', "is under way, and so is another one of the same subject", 'e' },
  /* cases (domain 8.3): no more goes back than was paid, and each step has its own person */
  { "SELECT k.order_id, 0 FROM cases k WHERE k.state <> 'rejected' AND k.state <> 'cancelled' GROUP BY k.order_id"
    " HAVING sum(k.amount) > max(k.ceiling)",
    'o', "gets more back by its cases than was paid", 0 },
  { "SELECT k.order_id, l.line_no FROM cases k JOIN case_lines l ON l.case_id = k.id WHERE k.state <> 'rejected'"
    " AND k.state <> 'cancelled' GROUP BY k.order_id, l.line_no HAVING sum(l.quantity) > max(l.bought)"
    " OR (min(l.worth) > 0 AND sum(l.amount) > max(l.worth))",
    'o', "gets more back by its cases than was bought, of line", '#' },
  { "SELECT k.id, k.order_id FROM cases k WHERE k.amount < (SELECT coalesce(sum(l.amount), 0) FROM case_lines l WHERE"
    " l.case_id = k.id)",
    'c', "is about less than its lines, of", 'o' },
  { "SELECT a.case_id, b.n FROM case_acts a JOIN case_acts b ON b.case_id = a.case_id AND b.person = a.person AND b.n > a.n"
    " WHERE b.act = 'approve' AND (a.act = 'open' OR a.act = 'change' OR (a.act = 'approve' AND a.step <> b.step))",
    'c', "was approved by somebody who asked for it or approved another step, in", '#' },
  { "SELECT k.id, count(*) FROM cases k JOIN case_acts a ON a.case_id = k.id AND a.round = k.round WHERE a.act = 'approve'"
    " GROUP BY k.id HAVING count(DISTINCT a.digest) > 1",
    'c', "was not the same at each of its steps", 0 },
  { "SELECT k.id, k.order_id FROM cases k WHERE (k.state = 'approved' OR k.state = 'done') AND (SELECT count(DISTINCT a.step) FROM"
    " case_acts a WHERE a.case_id = k.id AND a.round = k.round AND (a.act = 'approve' OR a.act = 'skip')) < 3",
    'c', "is approved, and not all of its steps were taken, of", 'o' },
  { "SELECT c.case_id, 0 FROM case_photos c LEFT JOIN photos p ON p.digest = c.digest LEFT JOIN cases k ON k.id = c.case_id"
    " WHERE p.digest IS NULL OR k.id IS NULL",
    'c', "has a photo that is not known, or does not exist", 0 },
  { "SELECT k.id, k.order_id FROM cases k LEFT JOIN orders o ON o.id = k.order_id WHERE o.id IS NULL", 'c',
    "is about an order that does not exist", 'o' },
  { "SELECT l.case_id, l.line_no FROM case_lines l LEFT JOIN cases k ON k.id = l.case_id WHERE k.id IS NULL",
    'c', "does not exist but has line", '#' },
  { "SELECT a.case_id, a.n FROM case_acts a LEFT JOIN cases k ON k.id = a.case_id WHERE k.id IS NULL OR a.round > k.round",
    'c', "does not exist, or is not in that round yet, but was dealt with in", '#' },
  { "SELECT k.id, k.order_id FROM cases k WHERE k.state = 'done' AND ((k.amount > 0 AND k.refund <> 'accepted') OR"
    " k.goods = 'awaited' OR k.goods = 'received')",
    'c', "is done, and its money or its goods are not, of", 'o' },
  { "SELECT k.id, k.order_id FROM cases k WHERE (k.ended_at IS NULL) = (k.state <> 'open' AND k.state <> 'approved')"
    " OR (k.due_at IS NOT NULL AND k.ended_at IS NOT NULL)",
    'c', "has an end that its state does not give, or a deadline after it, of", 'o' },
  { "SELECT k.id, k.order_id FROM cases k LEFT JOIN effects e ON e.id = k.effect_id WHERE k.refund = 'sent' AND"
    " (k.effect_id IS NULL OR e.id IS NOT NULL AND e.kind <> 'refund')",
    'c', "has its refund under way by nothing, of", 'o' },
  { "SELECT min(k.id), max(k.id) FROM cases k WHERE k.refund_id IS NOT NULL AND k.state <> 'rejected' AND k.state <> 'cancelled'"
    " GROUP BY k.order_id, k.refund_id HAVING count(*) > 1",
    'c', "is about the same refund as", 'c' },
  { "SELECT k.id, k.exchange_id FROM cases k LEFT JOIN orders o ON o.id = k.exchange_id WHERE k.exchange_id IS NOT NULL AND"
    " (o.id IS NULL OR k.exchange_id = k.order_id)",
    'c', "was exchanged for what is not there, or for itself:", 'o' },
  /* rules (contract 5) */
  { "SELECT r.order_id, 0 FROM rule_applied r LEFT JOIN orders o ON o.id = r.order_id WHERE o.id IS NULL",
    'o', "does not exist but had a rule applied", 0 },
  { "SELECT r.order_id, 0 FROM rule_applied r WHERE length(r.digest) <> 32 OR r.rule = ''", 'o',
    "had a rule applied that nobody can name", 0 },
  { "SELECT t.order_id, 0 FROM order_tags t LEFT JOIN orders o ON o.id = t.order_id WHERE o.id IS NULL", 'o',
    "does not exist but has a tag", 0 },
  { "SELECT t.order_id, 0 FROM order_tags t WHERE NOT EXISTS (SELECT 1 FROM rule_applied r WHERE r.order_id = t.order_id)",
    'o', "has a tag, and no rule was ever applied to it", 0 },
  { "SELECT w.order_id, 0 FROM order_wishes w LEFT JOIN orders o ON o.id = w.order_id WHERE o.id IS NULL",
    'o', "does not exist but is wanted in some way", 0 },
  { "SELECT w.order_id, 0 FROM order_wishes w WHERE NOT EXISTS (SELECT 1 FROM rule_applied r WHERE r.order_id = w.order_id)",
    'o', "is wanted in some way, and no rule was ever applied to it", 0 },
  { "SELECT w.order_id, w.priority FROM order_wishes w WHERE w.priority < -1000 OR w.priority > 1000 OR w.apart NOT IN (0, 1)"
    " OR w.propose NOT IN (0, 1)",
    'o', "is wanted in a way that no rule can say; priority", '#' },
  { "SELECT r.applied, r.overruns FROM rules r WHERE length(r.digest) <> 32 OR r.applied < 0 OR r.overruns < 0 OR (r.state = 'on' AND"
    " r.overruns >= 5)",
    0, "a rule cannot stand so; overruns", '#' },
  { "SELECT g.order_id, g.line_no FROM gifts g LEFT JOIN orders o ON o.id = g.order_id WHERE o.id IS NULL",
    'o', "does not exist but has a gift", '#' },
  { "SELECT g.order_id, g.line_no FROM gifts g WHERE NOT EXISTS (SELECT 1 FROM rule_applied r WHERE r.order_id = g.order_id AND"
    " r.rule = g.rule AND r.digest = g.digest)",
    'o', "has a gift of a rule that was not applied to it, line", '#' },
  { "SELECT l.order_id, l.line_no FROM fulfilment_lines l LEFT JOIN gifts g ON g.order_id = l.order_id AND g.line_no = l.line_no"
    " JOIN fulfilments f ON f.id = l.fulfilment_id WHERE l.line_no > 1000 GROUP BY l.order_id, l.line_no HAVING max(g.quantity) IS NULL"
    " OR sum(CASE WHEN f.status = 'split' AND f.work = 'open' THEN l.quantity ELSE 0 END) > max(g.quantity)",
    'o', "has more of a gift in parcels than was given, of line", '#' },
  { "SELECT u.order_id, u.line_no FROM units u LEFT JOIN gifts g ON g.order_id = u.order_id AND g.line_no = u.line_no"
    " WHERE u.line_no > 1000 AND g.line_no IS NULL",
    'o', "has pieces of a gift that was not given, line", '#' },
  /* notices */
  { "SELECT n.id, n.effect_id FROM notices n LEFT JOIN effects e ON e.id = n.effect_id WHERE n.state = 'waiting' AND n.effect_id"
    " IS NOT NULL AND (e.id IS NULL OR e.kind <> 'notice' OR e.state = 'done' OR e.state = 'dropped')",
    'm', "waits with a message that is over:", 'e' },
  { "SELECT n.id, 0 FROM notices n WHERE (n.ended_at IS NULL) <> (n.state = 'waiting') OR (n.state = 'sent' AND (n.effect_id IS NULL"
    " OR n.joined_at IS NULL)) OR (n.joined_at IS NOT NULL AND n.effect_id IS NULL)",
    'm', "was told by no message, or has an end that its state does not give", 0 },
  { "SELECT min(n.id), n.effect_id FROM notices n WHERE n.effect_id IS NOT NULL GROUP BY n.effect_id HAVING min(n.room) <> max(n.room)",
    'm', "went with a message to another room, too:", 'e' },
  /* work orders (domain 7.2) */
  { "SELECT w.fulfilment_id, w.line_no FROM work_orders w WHERE w.covers = 1 AND w.state <> 'failed' AND w.state <> 'scrapped'"
    " GROUP BY w.fulfilment_id, w.order_id, w.line_no HAVING count(*) > 1 AND sum(w.quantity) > coalesce((SELECT sum(l.quantity)"
    " FROM fulfilment_lines l WHERE l.fulfilment_id = w.fulfilment_id AND l.order_id = w.order_id AND l.line_no = w.line_no), 0)",
    'f', "has more work orders than pieces, of line", '#' },
  { "SELECT w.id, w.rework_of FROM work_orders w LEFT JOIN work_orders b ON b.id = w.rework_of WHERE w.rework_of IS NOT NULL"
    " AND (b.id IS NULL OR b.id >= w.id OR b.fulfilment_id <> w.fulfilment_id)",
    'w', "makes again what is not there:", 'w' },
  { "SELECT w.id, w.seq FROM work_orders w WHERE w.seq <> coalesce((SELECT max(e.seq) FROM work_events e WHERE e.work_id = w.id"
    " AND e.state IS NOT NULL), 0)",
    'w', "does not stand where its newest event says; it stands at", '#' },
  { "SELECT w.id, w.fulfilment_id FROM work_orders w LEFT JOIN fulfilments f ON f.id = w.fulfilment_id WHERE f.id IS NULL",
    'w', "is made for what does not exist:", 'f' },
  COUNTER_RULE("work_order", "work_orders"),
  COUNTER_RULE("case", "cases"),
  COUNTER_RULE("fulfilment", "fulfilments"),
  COUNTER_RULE("claim", "claims"),
  COUNTER_RULE("waybill", "waybills"),
  COUNTER_RULE("effect", "effects"),
  COUNTER_RULE("wave", "waves"),
  COUNTER_RULE("sku", "skus"),
  COUNTER_RULE("warehouse", "warehouses"),
  COUNTER_RULE("stock_move", "stock_moves"),
  COUNTER_RULE("order", "orders"),
  COUNTER_RULE("payload", "payloads"),
  COUNTER_RULE("group", "groups"),
  COUNTER_RULE("exception", "exceptions"),
  COUNTER_RULE("shipment", "shipments"),
  COUNTER_RULE("channel", "channels"),
  COUNTER_RULE("user", "users"),
  COUNTER_RULE("token", "tokens"),
};

static enum err ask(struct check *c, const struct question *q)
{
  struct stmt *s = db_prepare(c->db, q->sql);
  while (stmt_row(s)) {
    long long id = stmt_col_int(s, 0), other = stmt_col_int(s, 1);
    if (!q->kind) breach(c, "%s: %lld", q->text, other);
    else if (!q->other) breach(c, "%c_%lld %s", q->kind, id, q->text);
    else if (q->other == '#') breach(c, "%c_%lld %s: %lld", q->kind, id, q->text, other);
    else breach(c, "%c_%lld %s: %c_%lld", q->kind, id, q->text, q->other, other);
  }
  enum err e = stmt_end(s);
  stmt_drop(s);
  rule_end(c, q->text);
  return e;
}

/* ---- statuses: does each order's history lead to where it stands? ---------------------------- */
#define WORD_MAX 64
/* The text of one member of flat JSON that we wrote. A quote inside a text is escaped, so the pattern is
 * found only where it is a key. "" when it is not there. */
static void member_text(const char *data, const char *pattern, char out[WORD_MAX])
{
  const char *p = strstr(data, pattern);
  out[0] = 0;
  if (!p) return;
  p += strlen(pattern);
  size_t n = strcspn(p, "\"");
  if (n >= WORD_MAX) return;
  memcpy(out, p, n);
  out[n] = 0;
}

static unsigned trigger_of(const char *name)
{
  static const struct {
    const char *name;
    unsigned bit;
  } table[] = { { "command", TRIGGER_COMMAND },
                { "channel", TRIGGER_CHANNEL },
                { "system", TRIGGER_SYSTEM } };
  for (size_t i = 0; i < COUNT(table); i++)
    if (!strcmp(name, table[i].name)) return table[i].bit;
  return 0;
}

struct track { /* where the events say that an order stands */
  int64_t id;
  char status[WORD_MAX];
  bool broken; /* told once per order */
};

static void track_move(struct check *c, struct track *k, int64_t seq, const char *data)
{
  char from[WORD_MAX], to[WORD_MAX], trigger[WORD_MAX];
  member_text(data, "\"from\":\"", from);
  member_text(data, "\"to\":\"", to);
  member_text(data, "\"trigger\":\"", trigger);
  int a = status_find(c->t, from), b = status_find(c->t, to);
  if (k->broken) return;
  k->broken = true;
  if (!k->status[0])
    breach(c, "o_%lld moves in event %lld before it was created", (long long)k->id, (long long)seq);
  else if (strcmp(from, k->status) != 0)
    breach(c, "o_%lld leaves %s in event %lld, but stood at %s", (long long)k->id, from, (long long)seq,
           k->status);
  else if (a < 0 || b < 0)
    breach(c, "o_%lld moves from %s to %s in event %lld: no such status", (long long)k->id, from, to,
           (long long)seq);
  else if (!status_move(c->t, a, b, trigger_of(trigger)))
    breach(c, "o_%lld moves from %s to %s in event %lld: not allowed", (long long)k->id, from, to,
           (long long)seq);
  else k->broken = false;
  memcpy(k->status, to, sizeof to);
}

static void track_event(struct check *c, struct track *k, struct stmt *s)
{
  const char *type = stmt_col_text(s, 1), *data = journal_data(type, stmt_col_text(s, 2));
  int64_t seq = stmt_col_int(s, 3);
  if (strcmp(type, "order.created") != 0) {
    track_move(c, k, seq, data);
  } else if (k->status[0]) {
    breach(c, "o_%lld was created again in event %lld", (long long)k->id, (long long)seq);
  } else {
    member_text(data, "\"status\":\"", k->status);
  }
}

static void track_end(struct check *c, const struct track *k, const char *status)
{
  if (k->broken) return;
  if (!k->status[0]) breach(c, "o_%lld has no event that created it", (long long)k->id);
  else if (strcmp(k->status, status) != 0)
    breach(c, "o_%lld stands at %s, but its events lead to %s", (long long)k->id, status, k->status);
  else if (status_find(c->t, status) < 0)
    breach(c, "o_%lld stands at %s: no such status", (long long)k->id, status);
}

static const char SQL_STATUS[] = "SELECT id, status FROM orders ORDER BY id";
static const char SQL_MOVES[] = "SELECT entity, type, data, seq FROM events WHERE kind = 'o'"
                                " AND type IN ('order.created', 'order.status') ORDER BY entity, seq";

/* Two walks side by side, both in the order of the ids. */
static enum err check_statuses(struct check *c)
{
  struct stmt *orders = db_stmt(c->db, SQL_STATUS), *moves = db_stmt(c->db, SQL_MOVES);
  bool more = stmt_row(moves);
  while (stmt_row(orders)) {
    struct track k = { .id = stmt_col_int(orders, 0) };
    for (; more && stmt_col_int(moves, 0) <= k.id; more = stmt_row(moves)) {
      if (stmt_col_int(moves, 0) == k.id) track_event(c, &k, moves);
      else breach(c, "event %lld is about an order that does not exist", (long long)stmt_col_int(moves, 3));
    }
    track_end(c, &k, stmt_col_text(orders, 1));
  }
  for (; more; more = stmt_row(moves))
    breach(c, "event %lld is about an order that does not exist", (long long)stmt_col_int(moves, 3));
  enum err e = stmt_end(orders), f = stmt_end(moves);
  rule_end(c, "statuses");
  return e ? e : f;
}

/* ---- groups ---------------------------------------------------------------------------------- */
struct crowd { /* one group while its members pass by */
  int64_t id, from_at, first_at, last_at, orders;
  bool open, decided;
  int64_t bad; /* the first member that must not be there */
  const char *bad_why;
};

static void crowd_end(struct check *c, const struct crowd *g)
{
  if (!g->id || !g->open) return;
  long long id = g->id;
  if (g->from_at ? g->from_at != g->first_at : g->orders > 1)
    breach(c, "g_%lld does not begin with its earliest order", id);
  if (g->orders < 2) return;
  if (g->bad) breach(c, "g_%lld is open and holds o_%lld, which %s", id, (long long)g->bad, g->bad_why);
  if (g->decided) return; /* a person may put together what the rules would not */
  if (g->orders > c->r->group_max)
    breach(c, "g_%lld holds %lld orders, more than %d", id, (long long)g->orders, c->r->group_max);
  if (g->last_at - g->first_at > c->r->window_ms)
    breach(c, "g_%lld holds orders that were not placed within the window", id);
}

enum { G_GROUP, G_ORDER, G_PLACED, G_STATUS, G_NO_MERGE, G_DECIDED, G_STATE, G_FROM, G_HELD };
static const char SQL_MEMBERS[] =
  "SELECT o.group_id, o.id, o.placed_at, o.status, o.no_merge IS NOT NULL, o.decided, g.state, g.from_at,"
  " EXISTS (SELECT 1 FROM holds h WHERE h.order_id = o.id)"
  " FROM orders o JOIN groups g ON g.id = o.group_id WHERE o.group_id IS NOT NULL ORDER BY o.group_id";

/* Why this order may not stand in an open group with others; NULL: it may. */
static const char *member_fault(struct stmt *s)
{
  const char *status = stmt_col_text(s, G_STATUS);
  bool decided = stmt_col_int(s, G_DECIDED);
  if (!strcmp(status, "cancelled")) return "is cancelled";
  if (stmt_col_int(s, G_HELD)) return "is held";
  if (decided) return NULL;
  if (strcmp(status, "paid") != 0 && strcmp(status, "split") != 0) return "is not paid or split";
  return stmt_col_int(s, G_NO_MERGE) ? "may not be merged" : NULL;
}

static void crowd_add(struct crowd *g, struct stmt *s)
{
  int64_t placed = stmt_col_int(s, G_PLACED);
  const char *fault = member_fault(s);
  if (!g->orders || placed < g->first_at) g->first_at = placed;
  if (!g->orders || placed > g->last_at) g->last_at = placed;
  if (fault && !g->bad) g->bad = stmt_col_int(s, G_ORDER), g->bad_why = fault;
  g->decided |= stmt_col_int(s, G_DECIDED) != 0;
  g->orders++;
}

static enum err check_groups(struct check *c)
{
  struct crowd g = { 0 };
  struct stmt *s = db_stmt(c->db, SQL_MEMBERS);
  while (stmt_row(s)) {
    if (stmt_col_int(s, G_GROUP) != g.id) {
      crowd_end(c, &g);
      g = (struct crowd){ .id = stmt_col_int(s, G_GROUP), .from_at = stmt_col_int(s, G_FROM) };
      g.open = !strcmp(stmt_col_text(s, G_STATE), "open");
    }
    crowd_add(&g, s);
  }
  crowd_end(c, &g);
  rule_end(c, "groups");
  return stmt_end(s);
}

/* ---- what a case is, is what was approved ---------------------------------------------------- */
static bool seal_is(const char *text, const unsigned char digest[SHA256_LEN])
{
  unsigned char mine[SHA256_LEN];
  sha256(text ? text : "", text ? strlen(text) : 0, mine);
  return !memcmp(mine, digest, sizeof mine);
}

/* Each approval's text gives its digest. */
static enum err check_approvals(struct check *c)
{
  static const char SQL[] =
    "SELECT case_id, n, sealed, digest FROM case_acts WHERE act = 'approve' ORDER BY case_id, n";
  struct stmt *s = db_stmt(c->db, SQL);
  while (stmt_row(s)) {
    size_t size;
    const char *text = stmt_col_text(s, 2);
    const void *digest = stmt_col_blob(s, 3, &size);
    if (!digest || size != SHA256_LEN || !seal_is(text, digest))
      breach(c, "c_%lld was approved by a seal that is not of its text: %lld", (long long)stmt_col_int(s, 0),
             (long long)stmt_col_int(s, 1));
  }
  rule_end(c, "seals");
  return stmt_end(s);
}

static enum err check_seal(struct check *c, int64_t id)
{
  struct arena mem = { 0 };
  struct aftercase k;
  struct buf text = { 0 };
  unsigned char digest[SHA256_LEN];
  enum err e = case_get(c->db, &mem, id, &k);
  if (!e && case_sealed(c->db, id, k.round, digest)) {
    e = case_seal_text(c->db, &k, &text);
    if (!e && !seal_is(text.data, digest))
      breach(c, "c_%lld is not what was approved: its lines, amount or photos differ", (long long)id);
  }
  buf_release(&text), arena_release(&mem);
  return e;
}

static enum err check_seals(struct check *c)
{
  static const char SQL[] = "SELECT id FROM cases WHERE id > $1 ORDER BY id LIMIT 1";
  int64_t id = 0;
  TRY(check_approvals(c));
  for (;;) {
    struct stmt *s = db_stmt(c->db, SQL);
    stmt_int(s, 1, id);
    bool more = stmt_row(s);
    if (more) id = stmt_col_int(s, 0);
    TRY(stmt_end(s));
    if (!more) break;
    TRY(check_seal(c, id));
  }
  rule_end(c, "cases");
  return ERR_OK;
}

/* ---- the search index does not claim orders that are still to come --------------------------- */
static enum err check_search(struct check *c)
{
  static const char SQL[] = "SELECT coalesce(max(id), 0) FROM orders";
  struct stmt *s = db_stmt(c->db, SQL);
  int64_t newest = stmt_row(s) ? stmt_col_int(s, 0) : 0, done = search_done(c->db);
  if (done > newest)
    breach(c, "the search index is said to reach o_%lld, the newest order is o_%lld", (long long)done,
           (long long)newest);
  rule_end(c, "search");
  return stmt_end(s);
}

static enum err check_all(struct check *c)
{
  for (size_t i = 0; i < COUNT(question_table); i++) TRY(ask(c, &question_table[i]));
  TRY(check_statuses(c));
  TRY(check_groups(c));
  TRY(check_seals(c));
  TRY(check_search(c));
  int broken = journal_check(c->db, c->say, c->arg);
  if (broken < 0) return ERR_IO;
  c->breaches += broken;
  return ERR_OK;
}

int view_check(struct db *db, struct arena *a, const struct status_table *t, const struct merge_rules *r,
               void (*say)(void *arg, const char *text), void *arg)
{
  struct check c = { .db = db, .mem = a, .t = t, .r = r, .say = say, .arg = arg };
  return check_all(&c) ? -1 : c.breaches;
}
