/* connector_form.c: what may stand in a connector's file: its sections, their keys or columns, the parameters that a
 * piece of SQL may name, and which section needs which. Tables, read by connector.c. */
#include "edge.h"

static const char *const channel_keys[] = { "title", "title_zh", "family",   "host",
                                            "every", "overlap",  "settle",   "window",
                                            "start", "zone",     "currency", "counts_as_shipped",
                                            "clock", NULL };
static const char *const request_keys[] = { "content_type", "page_size", "batch",  "walk",
                                            "first_page",   "max_rps",   "burst",  "timeout",
                                            "body",         "query.",    "form.",  "header.",
                                            "var.",         "when",      "expect", NULL };
static const char *const messenger_keys[] = { "title",  "title_zh",   "host",    "zone", "clock",
                                              "length", "per_minute", "at_once", NULL };
static const char *const factory_keys[] = { "title", "title_zh", "host", "zone", "clock", "at_once", NULL };
static const char *const carrier_keys[] = { "title", "title_zh", "host",  "zone",
                                            "clock", "at_once",  "every", NULL };
static const char *const push_keys[] = { "verify", "id", "at", "ping", "reply", "reply_type", NULL };
static const char *const files_keys[] = { "folder", "match", "format", NULL };
static const char *const database_keys[] = { "file", NULL };
static const char *const example_keys[] = {
  "section",  "status",  "headers",   "body",    "rows",         "expect", "now",   "from",     "to",
  "page",     "cursor",  "ids",       "id",      "host",         "url",    "nonce", "secrets",  "settings",
  "order_id", "carrier", "lines",     "shipped", "tracking_no",  "parcel", "whole", "prepared", "sku",
  "quantity", "case_id", "refund_id", "amount",  "amount_minor", "reason", "what",  "currency", NULL
};
static const char *const request_names[] = { "list",    "detail",  "one",     "refresh",   "merge",
                                             "prepare", "confirm", "shipped", "stock",     "refund",
                                             "send",    "make",    "cancel",  "ask",       "waybill",
                                             "void",    "trace",   "follow",  "refundable" };
/* Which of them a party may have. */
static const struct {
  const char *ext;
  const char *request[6];
} party_table[] = {
  { "messenger", { "send" } },
  { "factory", { "make", "cancel", "ask" } },
  { "carrier", { "waybill", "trace", "void", "ask", "follow" } },
};

/* clang-format off */
static const struct section_kind section_table[] = {
  { "channel NAME", FORM_KEYS, channel_keys, 0, 0, NULL },
  { "messenger NAME", FORM_KEYS, messenger_keys, 0, 0, NULL },
  { "factory NAME", FORM_KEYS, factory_keys, 0, 0, NULL },
  { "carrier NAME", FORM_KEYS, carrier_keys, 0, 0, NULL },
  { "secrets", FORM_NAMES, NULL, 0, 0, NULL },
  { "settings", FORM_NAMES, NULL, 0, 0, NULL },
  { "carriers", FORM_NAMES, NULL, 0, 0, NULL },
  { "request R", FORM_KEYS, request_keys, 0, 0, NULL },
  { "next list", FORM_SQL, NULL, 1, 1, "the cursor" },
  { "next detail", FORM_SQL, NULL, 1, 1, "the cursor" },
  { "pages list", FORM_SQL, NULL, 1, 1, "the number of pages" },
  { "ids list", FORM_SQL, NULL, 1, 3, "id, row, updated_ms" },
  { "ids one", FORM_SQL, NULL, 1, 3, "id, row, updated_ms" },
  { "ids push", FORM_SQL, NULL, 1, 3, "id, row, updated_ms" },
  { "orders", FORM_SQL, NULL, 1, 3, "order, path, row" },
  { "orders one", FORM_SQL, NULL, 1, 3, "order, path, row" },
  { "shipped", FORM_SQL, NULL, 1, 1, "tracking_no" },
  { "result R", FORM_SQL, NULL, 1, 1, "the result as a JSON object" },
  { "events", FORM_SQL, NULL, 1, 1, "an event as a JSON object" },
  { "events trace", FORM_SQL, NULL, 1, 1, "an event as a JSON object" },
  { "errors", FORM_SQL, NULL, 1, 4, "kind, code, message, retry_after_ms" },
  { "errors R", FORM_SQL, NULL, 1, 4, "kind, code, message, retry_after_ms" },
  { "tokens", FORM_SQL, NULL, 2, 3, "name, value, expires_in_ms" },
  { "push", FORM_KEYS, push_keys, 0, 0, NULL },
  { "groups merge", FORM_SQL, NULL, 2, 2, "group_no, external_id" },
  { "files", FORM_KEYS, files_keys, 0, 0, NULL },
  { "database", FORM_KEYS, database_keys, 0, 0, NULL },
  { "query", FORM_SQL, NULL, 0, 0, NULL },
  { "example NAME", FORM_KEYS, example_keys, 0, 0, NULL },
};
#define ANSWER_NAMES "body", "text", "status", "headers"
#define VARS_NAMES "now_ms", "ts", "from_ms", "to_ms", "from_s", "to_s", "page", "page_size", "cursor", "id", "ids", \
  "rows", "host", "nonce"
#define ADDRESS_NAMES "method", "path", "url", "query", "form"
#define EFFECT_NAMES "order_id", "carrier", "carrier_code", "tracking_no", "lines", "shipped_ms", "parcel", "whole", "prepared", \
  "sku", "quantity", "case_id", "refund_id", "amount", "amount_minor", "currency", "reason", "what"
static const char *const answer_known[] = { ANSWER_NAMES, VARS_NAMES, NULL };
static const char *const push_known[] = { ANSWER_NAMES, VARS_NAMES, ADDRESS_NAMES, NULL };
static const char *const request_known[] = { VARS_NAMES, ADDRESS_NAMES, NULL };
static const char *const effect_answer_known[] = { ANSWER_NAMES, VARS_NAMES, EFFECT_NAMES, NULL };
static const char *const effect_request_known[] = { VARS_NAMES, ADDRESS_NAMES, EFFECT_NAMES, NULL };
static const char *const taken[] = { ANSWER_NAMES, VARS_NAMES, ADDRESS_NAMES, NULL };
static const char *const effect_taken[] = { ANSWER_NAMES, VARS_NAMES, ADDRESS_NAMES, EFFECT_NAMES, NULL };

static const struct section_need need_table[] = {
  { "request detail", "ids list", "which says what must be fetched" },
  { "ids list", "request detail", "which fetches them" },
  { "ids one", "request one", "whose answer it reads" },
  { "ids one", "request detail", "which fetches them" },
  { "request refresh", "tokens", "which reads its answer" },
  { "tokens", "request refresh", "whose answer it reads" },
  { "request merge", "groups merge", "which reads its answer" },
  { "groups merge", "request merge", "whose answer it reads" },
  { "request prepare", "request confirm", "which it prepares" },
  { "request refundable", "request refund", "which it prepares" },
  { "request shipped", "shipped", "which reads its answer" },
  { "shipped", "request shipped", "whose answer it reads" },
  { "carriers", "request confirm", "which names them" },
  { "ids push", "push", "which says whether a push is genuine" },
  { "events", "push", "which says whether a callback is genuine" },
  { "events trace", "request trace", "whose answer it reads" },
  { "request trace", "events trace", "which reads its answer" },
  { "orders one", "request one", "whose answer it reads" },
  { "next detail", "request detail", "whose pages it reads" },
  { "query", "database", "which names the file" },
};
/* clang-format on */

static bool is_request_name(const char *name)
{
  for (size_t i = 0; i < COUNT(request_names); i++)
    if (!strcmp(request_names[i], name)) return true;
  return false;
}

bool request_is_effect(const char *request)
{
  static const char *const names[] = { "prepare", "confirm", "shipped", "stock",     "refund",
                                       "send",    "make",    "cancel",  "ask",       "void",
                                       "waybill", "trace",   "follow",  "refundable" };
  for (size_t i = 0; i < COUNT(names); i++)
    if (!strcmp(names[i], request)) return true;
  return false;
}

static bool kind_fits(const struct section_kind *k, const char *name, const char *word, const char *arg)
{
  if (!strcmp(k->name, name)) return true;
  size_t n = strlen(word);
  if (!*arg || strncmp(k->name, word, n) != 0 || k->name[n] != ' ') return false;
  return !strcmp(k->name + n + 1, "NAME") || (!strcmp(k->name + n + 1, "R") && is_request_name(arg));
}

const struct section_kind *section_kind_of(const char *name, const char *word, const char *arg)
{
  for (size_t i = 0; i < COUNT(section_table); i++)
    if (kind_fits(&section_table[i], name, word, arg)) return &section_table[i];
  return NULL;
}

const char *section_nearest(struct arena *a, const char *name)
{
  const char *known[COUNT(section_table) + 3 * COUNT(request_names)];
  size_t n = 0;
  for (size_t i = 0; i < COUNT(section_table); i++)
    if (!strstr(section_table[i].name, " R") && !strstr(section_table[i].name, "NAME"))
      known[n++] = section_table[i].name;
  for (size_t i = 0; i < COUNT(request_names); i++) {
    known[n++] = arena_printf(a, "request %s", request_names[i]);
    known[n++] = arena_printf(a, "errors %s", request_names[i]);
    known[n++] = arena_printf(a, "result %s", request_names[i]);
  }
  return word_nearest(name, known, n);
}

const char *const *section_known(const char *section)
{
  const char *arg = strchr(section, ' ');
  if (!strcmp(section, "ids push") || !strcmp(section, "push") || !strcmp(section, "events"))
    return push_known;
  if (!strcmp(section, "shipped") || !strcmp(section, "events trace") || !strncmp(section, "result ", 7))
    return effect_answer_known;
  if (!strncmp(section, "request ", 8))
    return request_is_effect(arg + 1) ? effect_request_known : request_known;
  if (!strncmp(section, "errors ", 7) && request_is_effect(arg + 1)) return effect_answer_known;
  return answer_known;
}

const char *const *section_taken(const char *section)
{
  return request_is_effect(section + strcspn(section, " ") + 1) ? effect_taken : taken;
}

bool party_is(const char *ext)
{
  for (size_t i = 0; i < COUNT(party_table); i++)
    if (!strcmp(party_table[i].ext, ext)) return true;
  return false;
}

bool party_request_is(const char *ext, const char *request)
{
  bool is_party = false, of_any = false;
  for (size_t i = 0; i < COUNT(party_table); i++)
    for (size_t k = 0; k < COUNT(party_table[i].request) && party_table[i].request[k]; k++) {
      if (strcmp(party_table[i].request[k], request) != 0) continue;
      of_any = true;
      is_party = is_party || !strcmp(party_table[i].ext, ext);
    }
  return party_is(ext) ? is_party : !of_any;
}

const struct section_need *section_needs(size_t *n)
{
  *n = COUNT(need_table);
  return need_table;
}
