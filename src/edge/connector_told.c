/* connector_told.c: what a platform's own word on an order says about one parcel of it: has it been told of this number
 * (domain 6.4)? The order comes as the connector maps it, so that every platform's answer is read in one way. */
#include "edge.h"

static bool same_number(struct arena *a, const char *x, const char *y)
{
  return x && y && !strcmp(tracking_norm(a, x), tracking_norm(a, y));
}

static const struct json *with_text(const struct json *list, const char *key, const char *value)
{
  for (const struct json *j = json_first(list); j; j = json_next(j)) {
    const char *is = json_string(json_get(j, key));
    if (is && !strcmp(is, value)) return j;
  }
  return NULL;
}

static int64_t quantity_of(const struct json *line)
{
  int64_t n = 0;
  return json_int(json_get(line, "quantity"), &n) ? n : 0;
}

/* Does another parcel hold a line of ours? In part: it may be the rest of a line that was shared out. */
enum overlap { OVERLAP_NONE, OVERLAP_PART, OVERLAP_WHOLE };
static enum overlap overlap_of(const struct json *shipment, const struct json *order_lines,
                               const struct json *ours)
{
  enum overlap found = OVERLAP_NONE;
  for (const struct json *id = json_first(json_get(shipment, "line_ids")); id; id = json_next(id)) {
    const char *line_id = json_string(id);
    const struct json *mine = line_id ? with_text(ours, "line_id", line_id) : NULL;
    if (!mine) continue;
    if (quantity_of(mine) >= quantity_of(with_text(order_lines, "line_id", line_id))) return OVERLAP_WHOLE;
    found = OVERLAP_PART;
  }
  return found;
}

static struct told_answer say(enum outcome_kind kind, const char *code, const char *message)
{
  return (struct told_answer){ kind, code, message };
}

static bool is_gone(const char *status)
{
  return !strcmp(status, "shipped") || !strcmp(status, "completed");
}

struct told_answer told_by_order(struct arena *a, const char *order, size_t n,
                                 const struct connector_effect *e)
{
  struct faults f = { .mem = a };
  const struct json *j = json_parse(a, order, n, JSON_ELEMENTS_MAX, &f),
                    *ours = json_parse(a, e->lines, strlen(e->lines), JSON_ELEMENTS_MAX, &f),
                    *list = json_get(j, "shipments");
  const char *status = json_string(json_get(j, "status")), *other = NULL;
  bool shared = false;
  if (!status)
    return say(OUTCOME_UNKNOWN, "not_understood", "What the platform says of the order has no status");
  for (const struct json *s = json_first(list); s; s = json_next(s)) {
    const char *no = json_string(json_get(s, "tracking_no"));
    if (same_number(a, no, e->tracking_no)) return say(OUTCOME_ACCEPTED, NULL, NULL);
    bool whole = !json_count(json_get(s, "line_ids"));
    enum overlap o = whole ? OVERLAP_NONE : overlap_of(s, json_get(j, "lines"), ours);
    if (o == OVERLAP_WHOLE || (whole && is_gone(status))) other = no ? no : "?";
    shared = shared || o == OVERLAP_PART;
  }
  if (!strcmp(status, "cancelled")) return say(OUTCOME_REFUSED, "order_cancelled", "The order is cancelled");
  if (other)
    return say(OUTCOME_REFUSED, "shipped_with_another",
               arena_printf(a, "The platform has it as shipped with %.64s", other));
  bool vague = is_gone(status) || (!strcmp(status, "partly_shipped") && !json_count(list));
  if (vague || (shared && is_gone(status)))
    return say(OUTCOME_UNKNOWN, "number_not_told",
               "The platform does not say with which number it was shipped");
  return say(OUTCOME_RETRY, "not_shipped", "The platform has not been told of it");
}

/* Of orders that may go in several parcels another number says nothing about this one. */
struct told_answer told_by_numbers(struct arena *a, const struct connector_shipped *list, size_t n,
                                   const struct connector_effect *e)
{
  const char *other = NULL;
  bool unnamed = false;
  for (size_t i = 0; i < n; i++) {
    if (same_number(a, list[i].tracking_no, e->tracking_no)) return say(OUTCOME_ACCEPTED, NULL, NULL);
    if (list[i].tracking_no) other = list[i].tracking_no;
    else unnamed = true;
  }
  if (unnamed)
    return say(OUTCOME_UNKNOWN, "number_not_told",
               "The platform does not say with which number it was shipped");
  if (other && e->whole)
    return say(OUTCOME_REFUSED, "shipped_with_another",
               arena_printf(a, "The platform has it as shipped with %.64s", other));
  return say(OUTCOME_RETRY, "not_shipped", "The platform has not been told of it");
}
