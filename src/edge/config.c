/* config.c: one table of keys, and what is in force: flag > environment > file > default (contract 6). */
#include "edge.h"
#include <stdio.h>

#define SECOND_MS 1000ll
#define HOUR_MS (3600 * SECOND_MS)
#define DAY_MS (24 * HOUR_MS)
#define MIB (1ll << 20)
#define STAGE_ANY "stage *"
#define CHANNEL_ANY "channel *"
#define WEBHOOK_ANY "webhook *"
#define NOTIFY_ANY "notify *"
#define CUSTOMERS_ANY "customers *"
#define MESSENGER_ANY "messenger *"
#define FACTORY_ANY "factory *"
#define CARRIER_ANY "carrier *"
#define SENDER_ANY "sender *"
/* Who sends: what waybills and labels say. */
#define SENDER_KEYS(section) \
  { section, "name", CONFIG_TEXT, true, NULL, 0, 0, NULL, "Who hands the parcels over." }, \
    { section, "phone", CONFIG_TEXT, true, NULL, 0, 0, NULL, "The telephone that carriers call." }, \
    { section, "company", CONFIG_TEXT, true, NULL, 0, 0, NULL, "The shop's name on the label." }, \
    { section, "province", CONFIG_TEXT, true, NULL, 0, 0, NULL, "Where they are fetched." }, \
    { section, "city", CONFIG_TEXT, true, NULL, 0, 0, NULL, "Part of that address." }, \
    { section, "district", CONFIG_TEXT, true, NULL, 0, 0, NULL, "Part of that address." }, \
  { \
    section, "address", CONFIG_TEXT, true, NULL, 0, 0, NULL, "Street and house." \
  }
/* What is told and asked by a file of its own (party.c). */
#define PARTY_KEYS(any, of) \
  { any, \
    "connector", \
    CONFIG_TEXT, \
    true, \
    NULL, \
    0, \
    0, \
    NULL, \
    "The file that says how: DATA/connectors/FILE." of \
    " or a built-in one; without it the one of this name." }, \
    { any, "host", CONFIG_TEXT, true, NULL, 0, 0, NULL, "Its address, where it is not the file's." }, \
    { any, "push_url", CONFIG_TEXT, true, NULL, 0, 0, NULL, "The address that it was told for its callbacks." }, \
    { any, "timeout", CONFIG_DURATION, true, "30s", 100, HOUR_MS, NULL, "How long one call may take." }, \
    { any, "max_rps", CONFIG_TEXT, true, NULL, 0, 0, NULL, "Calls a second at most, instead of the file's." }, \
  { \
    any, CONFIG_ANY_NAME, CONFIG_TEXT, true, NULL, 0, 0, NULL, \
      "A secret or setting of the file by its name; NAME_file and NAME_env say where it stands." \
  }

/* Rows of one section stand together: the template and the help follow this order. */
const struct config_key config_keys[] = {
  { "server", "listen", CONFIG_ADDRESS, false, "127.0.0.1:7700", 0, 0, NULL,
    "Address and port of HTTP. Behind a proxy that does TLS, leave it on the loopback." },
  { "server", "hosts", CONFIG_HOSTS, false, "", 0, 0, NULL,
    "Names this server is called by besides localhost, by blanks; any other Host is refused with 421." },
  { "server", "trusted_proxy", CONFIG_YES, false, "no", 0, 0, NULL,
    "yes: a proxy on the loopback may name the client (X-Forwarded-For) and the scheme." },
  { "server", "head_timeout", CONFIG_DURATION, false, "10s", 100, HOUR_MS, NULL,
    "How long the head of a request may take." },
  { "server", "body_timeout", CONFIG_DURATION, false, "30s", 100, HOUR_MS, NULL,
    "How long a body may take; streams of orders may go on while they move." },
  { "server", "idle_timeout", CONFIG_DURATION, false, "60s", 100, HOUR_MS, NULL,
    "How long an open connection may be silent." },
  { "server", "write_timeout", CONFIG_DURATION, false, "30s", 100, HOUR_MS, NULL,
    "How long a client may take nothing of its answer." },
  { "server", "connections_max", CONFIG_COUNT, false, "1024", 17, 100000, NULL, "Open connections at most." },
  { "server", "connections_per_address", CONFIG_COUNT, false, "64", 1, 100000, NULL,
    "Open connections of one address at most; the loopback has more." },

  { "data", "disk_reserve", CONFIG_SIZE, false, "64M", MIB, MIB << 20, NULL,
    "Intake answers 507 when less than this is free on the disk of the data; reading goes on." },

  { "log", "level", CONFIG_WORD, true, "info", 0, 0, "debug info warn error",
    "The least that is written to standard error." },

  { "intake", "new_channels", CONFIG_YES, true, "yes", 0, 0, NULL,
    "yes: an order of an unknown channel opens the channel; no: it is refused." },
  { "intake", "surge_queue", CONFIG_COUNT, true, "2000", 0, 0, NULL,
    "Waiting writes beyond which an order is only taken (202) and applied later." },
  { "intake", "surge_pending", CONFIG_COUNT, true, "1000000", 0, 0, NULL,
    "Taken orders that may wait to be applied; beyond, intake answers 503." },
  { "intake", "payload_keep", CONFIG_DURATION, true, "90d", 0, 0, NULL,
    "How long the bytes of an applied payload are kept; failed ones stay until they are settled." },
  { "intake", "backlog_alarm", CONFIG_COUNT, true, "500", 0, 0, NULL,
    "Failed payloads and dead payloads and effects that raise the backlog alarm: an event, /healthz and the metrics." },

  { "merge", "window", CONFIG_DURATION, true, "72h", 0, 0, NULL,
    "An order joins a group when it was placed at most this long after the group's first order." },
  { "merge", "margin", CONFIG_DURATION, true, "4h", 0, 0, NULL,
    "An order that comes later than the group's ship-by time less this does not join." },
  { "merge", "remarks", CONFIG_WORD, true, "merge", 0, 0, "merge propose",
    "propose: orders whose remarks differ are only proposed for merging." },
  { "merge", "across_channels", CONFIG_YES, true, "yes", 0, 0, NULL,
    "no: only orders of one channel are merged." },
  { "merge", "group_max", CONFIG_COUNT, true, "50", 0, 0, NULL, "Orders in one group at most." },

  { "stock", "track", CONFIG_WORD, true, "auto", 0, 0, "auto yes no",
    "Whether stock is kept and SKUs must be known; auto: from the first SKU of the dictionary on." },
  { "stock", "reserve", CONFIG_WORD, true, "paid", 0, 0, "paid placed",
    "When an order's pieces are reserved: when it is paid, or when it is placed." },

  { "split", "parcel_weight_max", CONFIG_COUNT, true, "0", 0, 0, NULL,
    "Grams that one parcel may weigh; 0: no limit." },
  { "split", "parcel_length_max", CONFIG_COUNT, true, "0", 0, 0, NULL,
    "Millimetres of a parcel's longest side; 0: no limit." },
  { "split", "parcel_girth_max", CONFIG_COUNT, true, "0", 0, 0, NULL,
    "Millimetres of length + 2 x (width + height); 0: no limit." },
  { "split", "parcel_volume_max", CONFIG_COUNT, true, "0", 0, 0, NULL,
    "Cubic centimetres of a parcel; 0: no limit." },
  { "split", "value_min", CONFIG_COUNT, true, "0", 0, 0, NULL,
    "Minor units of the currency: what is worth less is not spread over warehouses." },
  { "split", "places_max", CONFIG_COUNT, true, "0", 0, 0, NULL,
    "Warehouses that one group may be spread over; 0: as many as it takes." },

  { "pack", "verify", CONFIG_YES, true, "no", 0, 0, NULL,
    "yes: no parcel is claimed before its pieces were verified by scanning." },

  { "rates", "percentile", CONFIG_COUNT, true, "90", 1, 100, NULL,
    "A carrier's lead time to a province is what so many per cent of its parcels took there." },
  { "rates", "observed", CONFIG_COUNT, true, "20", 1, 1000000, NULL,
    "So many parcels make a lead time; before that the days on the rate card count." },

  { "ship", "pickup_due", CONFIG_DURATION, true, "24h", 0, 0, NULL,
    "How long a parcel that its channel knows may wait for the carrier." },
  { "ship", "confirm_due", CONFIG_DURATION, true, "24h", 0, 0, NULL,
    "How long a parcel that the carrier has may be unknown to its channel." },
  { "ship", "number_reuse", CONFIG_DURATION, true, "180d", 0, 0, NULL,
    "How long a tracking number that was used must not come again." },

  { "rules", "trust", CONFIG_YES, true, "no", 0, 0, NULL,
    "yes: a rule in DATA/rules/ is on as soon as it is read; no: each version is switched on by hand." },

  { "returns", "cs_remind", CONFIG_DURATION, true, "24h", 0, 0, NULL,
    "When customer service is reminded of a case that waits for it; 0s: never." },
  { "returns", "cs_escalate", CONFIG_DURATION, true, "48h", 0, 0, NULL,
    "When the exception case_overdue:cs opens." },
  { "returns", "warehouse_remind", CONFIG_DURATION, true, "24h", 0, 0, NULL, "The same of the warehouse." },
  { "returns", "warehouse_escalate", CONFIG_DURATION, true, "48h", 0, 0, NULL,
    "When case_overdue:warehouse opens." },
  { "returns", "finance_remind", CONFIG_DURATION, true, "24h", 0, 0, NULL, "The same of finance." },
  { "returns", "finance_escalate", CONFIG_DURATION, true, "48h", 0, 0, NULL,
    "When case_overdue:finance opens." },
  { "returns", "clock", CONFIG_WORD, true, "always", 0, 0, "always working",
    "working: these deadlines count the hours of [calendar] only." },
  { "returns", "skip_below", CONFIG_COUNT, true, "0", 0, 0, NULL,
    "Minor units of the currency: a case about less leaves out the steps that skip names; 0: none does." },
  { "returns", "skip", CONFIG_TEXT, true, "finance", 0, 0, NULL, "These: warehouse, finance, or both." },
  { "returns", "cs_limit", CONFIG_COUNT, true, "0", 0, 0, NULL,
    "Minor units: more than this only an admin approves in place of customer service; 0: no limit." },
  { "returns", "warehouse_limit", CONFIG_COUNT, true, "0", 0, 0, NULL, "The same of the warehouse." },
  { "returns", "finance_limit", CONFIG_COUNT, true, "0", 0, 0, NULL, "The same of finance." },
  { "returns", "people_only", CONFIG_YES, true, "no", 0, 0, NULL,
    "yes: a token that belongs to no user approves nothing, so that nobody is two people by having two tokens." },
  { "returns", "receive_first", CONFIG_YES, true, "no", 0, 0, NULL,
    "yes: the warehouse approves only what it has received and inspected." },
  { "returns", "goods_due", CONFIG_DURATION, true, "14d", 0, 0, NULL,
    "How long the goods of an approved case may take, before return_overdue opens; 0s: for ever." },
  { "returns", "photos_max", CONFIG_COUNT, true, "20", 0, 0, NULL, "Photos of one case at most." },
  { "returns", "photos_mib", CONFIG_COUNT, true, "4096", 0, 0, NULL,
    "MiB that all photos may take together." },

  { "outbox", "timeout", CONFIG_DURATION, true, "30s", 0, 0, NULL,
    "How long one call of a webhook may take, of which 5s to connect." },
  { "outbox", "backoff", CONFIG_DURATION, true, "5s", 0, 0, NULL,
    "The longest wait after an effect's first failure; it doubles with each, and the wait is a random part of it." },
  { "outbox", "backoff_most", CONFIG_DURATION, true, "1h", 0, 0, NULL, "What it doubles to." },
  { "outbox", "breaker", CONFIG_DURATION, true, "30s", 0, 0, NULL,
    "After five failed calls in a row a destination is left alone this long; it doubles." },
  { "outbox", "breaker_most", CONFIG_DURATION, true, "15m", 0, 0, NULL, "What that doubles to." },
  { "outbox", "dead_after", CONFIG_DURATION, true, "72h", 0, 0, NULL,
    "An effect that could not be made for so long is dead: a person looks at it and retries or drops it." },
  { "outbox", "keep", CONFIG_DURATION, true, "7d", 0, 0, NULL,
    "How long effects that are done or dropped are kept." },
  { "outbox", "stock_delay", CONFIG_DURATION, true, "1s", 0, 0, NULL,
    "Changes of an article's stock within this time make one push to a channel." },
  { "outbox", "allow", CONFIG_TEXT, true, "", 0, 0, NULL,
    "Hosts of webhooks that may have private addresses, by blanks; all others are refused when they do." },

  { "calendar", "zone", CONFIG_TEXT, true, "+08:00", 0, 0, NULL, "The zone that working hours are told in." },
  { "calendar", "hours", CONFIG_TEXT, true, "09:00-18:00", 0, 0, NULL,
    "Working hours, for stages with clock = working." },
  { "calendar", "days", CONFIG_TEXT, true, "mon tue wed thu fri", 0, 0, NULL, "Days that are worked." },
  { "calendar", "holidays", CONFIG_TEXT, true, "", 0, 0, NULL,
    "Days that are not, like 2026-10-01, by blanks." },

  { STAGE_ANY, "after", CONFIG_TEXT, true, NULL, 0, 0, NULL,
    "For a stage of your own: the stage it comes after, from paid on and before pre_ship." },
  { STAGE_ANY, "next", CONFIG_TEXT, true, NULL, 0, 0, NULL,
    "Where an order may go from here by command, instead of the built-in ways." },
  { STAGE_ANY, "label", CONFIG_TEXT, true, NULL, 0, 0, NULL, "The name that people see." },
  { STAGE_ANY, "label_zh", CONFIG_TEXT, true, NULL, 0, 0, NULL, "The same in Chinese." },
  { STAGE_ANY, "owner", CONFIG_TEXT, true, NULL, 0, 0, NULL, "Who has to act: a role, or user:NAME." },
  { STAGE_ANY, "lead", CONFIG_TEXT, true, NULL, 0, 0, NULL,
    "Who is told when the second deadline has passed: a role, or user:NAME." },
  { STAGE_ANY, "remind", CONFIG_TEXT, true, NULL, 0, 0, NULL,
    "The first deadline after an order has come here: 2h, 3d, never." },
  { STAGE_ANY, "escalate", CONFIG_TEXT, true, NULL, 0, 0, NULL,
    "The second deadline; the exception overdue:NAME opens." },
  { STAGE_ANY, "clock", CONFIG_WORD, true, NULL, 0, 0, "always working",
    "working: deadlines count the hours of [calendar] only." },

  { CHANNEL_ANY, "family", CONFIG_TEXT, true, NULL, 0, 0, NULL,
    "The platform family, whose tokens are comparable: taobao, douyin, pinduoduo …; the channel's own name where it is not set." },
  { CHANNEL_ANY, "merge", CONFIG_YES, true, "yes", 0, 0, NULL,
    "no: orders of this channel are never merged." },
  { CHANNEL_ANY, "connector", CONFIG_TEXT, true, NULL, 0, 0, NULL,
    "What polls it: shopee, lazada, taobao, jd, douyin, pinduoduo, amazon, shopify, woocommerce, till, till-db, or a file of your own (orderd help connectors)." },
  { CHANNEL_ANY, "host", CONFIG_TEXT, true, NULL, 0, 0, NULL,
    "The platform's address, where it is not the connector's own." },
  { CHANNEL_ANY, "push_url", CONFIG_TEXT, true, NULL, 0, 0, NULL,
    "The address that the platform was told to push to, letter by letter, where its signature covers it." },
  { CHANNEL_ANY, "every", CONFIG_DURATION, true, "10m", SECOND_MS, 30 * DAY_MS, NULL,
    "How often it is polled. This and the next four: unless the connector says otherwise." },
  { CHANNEL_ANY, "overlap", CONFIG_DURATION, true, "30m", 0, 7 * DAY_MS, NULL,
    "How far each poll looks back behind what was read: what a platform shows late is found." },
  { CHANNEL_ANY, "settle", CONFIG_DURATION, true, "60s", 0, DAY_MS, NULL,
    "How long before now a poll ends." },
  { CHANNEL_ANY, "window", CONFIG_DURATION, true, "1d", SECOND_MS, 365 * DAY_MS, NULL,
    "The longest time that one question covers." },
  { CHANNEL_ANY, "start", CONFIG_DURATION, true, "3d", SECOND_MS, 3650 * DAY_MS, NULL,
    "How far back a new channel begins." },
  { CHANNEL_ANY, "sweep", CONFIG_DURATION, true, "24h", SECOND_MS, 365 * DAY_MS, NULL,
    "How often the last days are listed again, to prove that nothing was missed: 24h." },
  { CHANNEL_ANY, "sweep_back", CONFIG_DURATION, true, "3d", SECOND_MS, 365 * DAY_MS, NULL,
    "How far back that looks: 3d." },
  { CHANNEL_ANY, "max_rps", CONFIG_TEXT, true, NULL, 0, 0, NULL,
    "Calls a second at most, for each kind of call, where the platform allows this shop more or less than the connector says; 0: no limit." },
  { CHANNEL_ANY, "backoff", CONFIG_DURATION, true, "1s", 1, DAY_MS, NULL,
    "The first wait after a failed call, at most: 1s; it doubles." },
  { CHANNEL_ANY, "backoff_most", CONFIG_DURATION, true, "1m", 1, DAY_MS, NULL, "The longest wait: 1m." },
  { CHANNEL_ANY, "breaker", CONFIG_DURATION, true, "30s", 1, DAY_MS, NULL,
    "After five failed calls in a row the channel is left alone this long: 30s; it doubles." },
  { CHANNEL_ANY, "breaker_most", CONFIG_DURATION, true, "15m", 1, DAY_MS, NULL,
    "The longest of these: 15m." },
  { CHANNEL_ANY, "timeout", CONFIG_DURATION, true, "30s", 100, HOUR_MS, NULL,
    "How long one call may take, where it is not the connector's own 30s." },
  { CHANNEL_ANY, "contact", CONFIG_WORD, true, "consent", 0, 0, "consent yes no",
    "Which of its customers are written to: those of orders with consent_sms, all, or none, where the platform forbids it." },
  { CHANNEL_ANY, "share", CONFIG_COUNT, true, "100", 1, 100, NULL,
    "Percent of the stock that may be sold, less what is kept back as safety, that the channel is told of." },
  { CHANNEL_ANY, "stock", CONFIG_WORD, true, "no", 0, 0, "yes no",
    "Whether the channel is told how many there are; its connector must be able to." },
  { CHANNEL_ANY, CONFIG_ANY_NAME, CONFIG_TEXT, true, NULL, 0, 0, NULL,
    "A secret or setting by the name that the connector gives it; NAME_file and NAME_env say where the value stands instead." },
  PARTY_KEYS(MESSENGER_ANY, "messenger"),
  PARTY_KEYS(FACTORY_ANY, "factory"),
  PARTY_KEYS(CARRIER_ANY, "carrier"),
  { CARRIER_ANY, "every", CONFIG_DURATION, true, "30m", SECOND_MS, 30 * DAY_MS, NULL,
    "How often it is asked where its parcels are." },

  SENDER_KEYS("sender"),
  SENDER_KEYS(SENDER_ANY),
  { WEBHOOK_ANY, "url", CONFIG_TEXT, true, NULL, 0, 0, NULL,
    "Where events are posted to: https://… or http://…; a private address only where [outbox] allow names its host." },
  { WEBHOOK_ANY, "events", CONFIG_TEXT, true, "*", 0, 0, NULL,
    "Which ones, by blanks: order.status claim.* backlog.alarm, or * for all." },
  { WEBHOOK_ANY, "secret", CONFIG_TEXT, true, NULL, 0, 0, NULL,
    "What calls are signed with, 24 bytes at least; whsec_… is read as base64. Better: secret_file." },
  { WEBHOOK_ANY, "secret_file", CONFIG_TEXT, true, NULL, 0, 0, NULL,
    "The file where it stands, beside the database or by its whole path." },
  { WEBHOOK_ANY, "secret_env", CONFIG_TEXT, true, NULL, 0, 0, NULL, "Its name in the environment." },
  { WEBHOOK_ANY, "timeout", CONFIG_DURATION, true, "30s", 0, 0, NULL,
    "How long one call may take, where it is not that of [outbox]." },
  { WEBHOOK_ANY, "at_once", CONFIG_COUNT, true, "4", 1, 16, NULL,
    "Calls under way at a time; those about one order always go one by one." },

  { NOTIFY_ANY, "to", CONFIG_TEXT, true, NULL, 0, 0, NULL,
    "The messenger that tells them: the NAME of a [messenger NAME]." },
  { NOTIFY_ANY, "on", CONFIG_TEXT, true, "remind escalate backlog", 0, 0, NULL,
    "What is told, by blanks: remind, escalate, backlog, exception:double_shipment, exception:*." },
  { NOTIFY_ANY, "roles", CONFIG_TEXT, true, "", 0, 0, NULL,
    "Only what these owners have to act upon: roles and user:NAME, by blanks; of what is escalated, the stage's lead." },
  { NOTIFY_ANY, "stages", CONFIG_TEXT, true, "", 0, 0, NULL,
    "Of reminders and escalations of orders only those of these stages." },
  { NOTIFY_ANY, "urgent", CONFIG_TEXT, true, "backlog exception:double_shipment exception:intercept", 0, 0,
    NULL, "What is told in quiet hours, too." },
  { NOTIFY_ANY, "quiet", CONFIG_TEXT, true, "", 0, 0, NULL,
    "Hours when only what is urgent is told, in the zone of [calendar]: 22:00-08:00." },
  { NOTIFY_ANY, "digest", CONFIG_DURATION, true, "1m", 1000, 24 * HOUR_MS, NULL,
    "One message at most in this time; what comes meanwhile goes with the next." },
  { NOTIFY_ANY, "limit", CONFIG_COUNT, true, "60000", 200, 60000, NULL,
    "Bytes of one message's text, where the messenger takes as many; what is over it is counted." },
  { NOTIFY_ANY, "phones", CONFIG_TEXT, true, "", 0, 0, NULL,
    "Of text messages: whom they go to, by blanks; each gets one of their own." },
  { NOTIFY_ANY, "mention", CONFIG_TEXT, true, "", 0, 0, NULL,
    "Who is called by name in a message with something urgent, by blanks, as the messenger knows them." },
  { NOTIFY_ANY, "template", CONFIG_TEXT, true, "", 0, 0, NULL,
    "Of text messages: the template's code; its params are count and text." },
  { NOTIFY_ANY, "link", CONFIG_TEXT, true, "", 0, 0, NULL,
    "What stands before the id in links: https://orders.example.com/o." },
  { NOTIFY_ANY, "language", CONFIG_WORD, true, "en", 0, 0, "en zh",
    "What is told is told in this language." },

  { CUSTOMERS_ANY, "to", CONFIG_TEXT, true, NULL, 0, 0, NULL,
    "The messenger that writes to them: the NAME of a [messenger NAME]." },
  { CUSTOMERS_ANY, "template", CONFIG_TEXT, true, "", 0, 0, NULL, "The template's code at the messenger." },
  { CUSTOMERS_ANY, "template_en", CONFIG_TEXT, true, "", 0, 0, NULL,
    "The same for addresses outside of China." },
  { CUSTOMERS_ANY, "params", CONFIG_TEXT, true, "order carrier tracking_no shop", 0, 0, NULL,
    "The template's variables, in its order." },
  { CUSTOMERS_ANY, "text", CONFIG_TEXT, true, "", 0, 0, NULL,
    "What it says, where the messenger takes texts: with {order} {carrier} {tracking_no} {shop}; built in." },
  { CUSTOMERS_ANY, "text_en", CONFIG_TEXT, true, "", 0, 0, NULL, "The same for addresses outside of China." },
  { CUSTOMERS_ANY, "quiet", CONFIG_TEXT, true, "21:00-09:00", 0, 0, NULL,
    "Hours when nobody is written to, in the zone of [calendar]." },
};
const size_t config_keys_n = COUNT(config_keys);

static const struct {
  const char *section, *doc;
} section_docs[] = {
  { "server", "HTTP in" },
  { "data", "The data directory" },
  { "log", "Messages on standard error" },
  { "intake", "Orders in" },
  { "merge", "Which orders of one customer are handled and shipped together" },
  { "stock", "What lies on the shelves" },
  { "split", "How orders are split over warehouses and parcels" },
  { "pack", "The packing bench" },
  { "rates", "Choosing a carrier by rate cards" },
  { "ship", "The pre-ship lock" },
  { "rules", "Rules of your own: DATA/rules/NAME.rule" },
  { "returns", "Returns, exchanges, refunds and repairs: their steps, deadlines and photos" },
  { "outbox", "What is made outside: webhooks, confirmations, pushes of stock" },
  { "calendar", "Working hours, for deadlines that count them" },
  { STAGE_ANY,
    "One section per stage: who drives it and by when. Stages of your own may stand between paid and pre_ship" },
  { CHANNEL_ANY, "One section per channel" },
  { MESSENGER_ANY, "One section per messenger: a room, SMS, mail" },
  { FACTORY_ANY, "One section per factory that takes work orders" },
  { CARRIER_ANY, "One section per carrier with an interface" },
  { "sender", "Who sends, on waybills and labels" },
  { SENDER_ANY, "One section per warehouse that sends from elsewhere" },
  { WEBHOOK_ANY, "One section per program that is told of events; calls are signed" },
  { CUSTOMERS_ANY,
    "[customers shipped] and [customers delayed]: who wants it is written to about the parcel" },
  { NOTIFY_ANY, "One section per room or list of people that are told what waits for them" },
};

static const char *const origin_names[] = { "default", "file", "environment", "flag" };

const char *config_origin_name(enum config_origin o)
{
  return origin_names[o];
}

/* ---- sections that bear a name --------------------------------------------------------------------------- */
static bool section_is(const char *pattern, const char *section)
{
  size_t n = strlen(pattern);
  if (n < 2 || pattern[n - 1] != '*') return !strcmp(pattern, section);
  return !strncmp(pattern, section, n - 1) && section[n - 1];
}

static bool section_named(const char *pattern)
{
  return pattern[strlen(pattern) - 1] == '*';
}

/* A key of a channel that none of ours is named like: its connector knows it (poll_settings_check). */
static const struct config_key *key_of_connector(const char *section)
{
  for (size_t i = 0; i < config_keys_n; i++)
    if (!strcmp(config_keys[i].key, CONFIG_ANY_NAME) && section_is(config_keys[i].section, section))
      return &config_keys[i];
  return NULL;
}

static const struct config_key *key_find(const char *section, const char *key)
{
  for (size_t i = 0; i < config_keys_n; i++)
    if (!strcmp(config_keys[i].key, key) && section_is(config_keys[i].section, section))
      return &config_keys[i];
  return NULL;
}

/* The rows are sorted by section: the first row of each. */
static bool section_first(size_t i)
{
  return !i || strcmp(config_keys[i].section, config_keys[i - 1].section) != 0;
}

/* ---- names of the environment ------------------------------------------------------------------------------ */
static void env_word_put(struct buf *b, const char *s)
{
  for (; *s; s++) {
    if (*s >= 'a' && *s <= 'z') buf_char(b, (char)(*s - 32));
    else if ((*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9')) buf_char(b, *s);
    else buf_char(b, '_');
  }
}

char *config_env_name(struct arena *a, const char *section, const char *key)
{
  struct buf b = { 0 };
  buf_str(&b, "ORDERD_");
  env_word_put(&b, section);
  buf_char(&b, '_');
  env_word_put(&b, key);
  char *name = arena_strn(a, b.data, b.len);
  buf_release(&b);
  return name;
}

static const char *env_get(char *const *environ, const char *name)
{
  size_t n = strlen(name);
  for (; environ && *environ; environ++)
    if (!strncmp(*environ, name, n) && (*environ)[n] == '=') return *environ + n + 1;
  return NULL;
}

/* ---- values ---------------------------------------------------------------------------------------------------- */
static bool whole_parse(const char *s, int64_t *n)
{
  *n = 0;
  if (!*s || strlen(s) > 15) return false;
  for (; *s; s++) {
    if (*s < '0' || *s > '9') return false;
    *n = *n * 10 + (*s - '0');
  }
  return true;
}

bool size_parse(const char *text, int64_t *bytes)
{
  static const char units[] = "kMGT";
  char digits[16] = { 0 };
  size_t n = strspn(text, "0123456789");
  if (!n || n >= sizeof digits) return false;
  memcpy(digits, text, n);
  const char *unit = text + n;
  const char *u = *unit ? strchr(units, *unit == 'K' ? 'k' : *unit) : NULL;
  int shift = u ? 10 * (int)(u - units + 1) : 0;
  if (*unit && (!u || unit[1])) return false;
  return whole_parse(digits, bytes) && !__builtin_mul_overflow(*bytes, (int64_t)1 << shift, bytes);
}

/* "127.0.0.1:7700", "[::1]:7700": the form alone; listening tells the rest. */
static bool address_ok(const char *s)
{
  int64_t port;
  const char *colon = strrchr(s, ':');
  if (!colon || colon == s || !whole_parse(colon + 1, &port) || port > 65535) return false;
  if (*s == '[') return colon[-1] == ']';
  return strspn(s, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-") == (size_t)(colon - s);
}

static bool hosts_ok(const char *s)
{
  return strspn(s, "0123456789abcdefghijklmnopqrstuvwxyz.- \n\t") == strlen(s);
}

static bool word_in(const char *words, const char *word)
{
  size_t n = strlen(word);
  for (const char *p = words; n && *p; p += strspn(p, " ")) {
    size_t len = strcspn(p, " ");
    if (len == n && !memcmp(p, word, n)) return true;
    p += len;
  }
  return false;
}

static bool in_range(const struct config_key *k, int64_t n)
{
  return !k->most || (n >= k->least && n <= k->most);
}

/* NULL when the value is right, else what it must be. */
static const char *value_fault(struct arena *a, const struct config_key *k, const char *v)
{
  int64_t n;
  switch (k->type) {
  case CONFIG_TEXT: return NULL;
  case CONFIG_COUNT:
    if (whole_parse(v, &n) && in_range(k, n)) return NULL;
    return k->most
             ? arena_printf(a, "a whole number from %lld to %lld", (long long)k->least, (long long)k->most)
             : "a whole number";
  case CONFIG_DURATION:
    if (duration_parse(v, &n) && in_range(k, n)) return NULL;
    return k->most ? arena_printf(a, "a duration from %s to %s", duration_text(a, k->least),
                                  duration_text(a, k->most))
                   : "a duration, like 10m, 72h or 3d";
  case CONFIG_SIZE:
    return size_parse(v, &n) && in_range(k, n) ? NULL : "a size, like 64M or 2G, of 1M at least";
  case CONFIG_YES: return !strcmp(v, "yes") || !strcmp(v, "no") ? NULL : "yes or no";
  case CONFIG_HOSTS: return hosts_ok(v) ? NULL : "names of hosts in lower case, without a port, by blanks";
  case CONFIG_ADDRESS:
    return address_ok(v) ? NULL : "an address and a port, like 127.0.0.1:7700 or [::1]:7700";
  case CONFIG_WORD: return word_in(k->words, v) ? NULL : arena_printf(a, "one of: %s", k->words);
  }
  return NULL;
}

/* ---- gathering ---------------------------------------------------------------------------------------------------- */
struct gather {
  struct arena *mem;
  const struct config_source *source;
  struct config *out;
  const char *base; /* the file's name without its directory */
  struct conf file;
  size_t room;
  const char *why;
};

static bool conf_fail(struct gather *g, const char *fmt, ...) PRINTF(2, 3);
static bool conf_fail(struct gather *g, const char *fmt, ...)
{
  char text[1024];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  g->why = arena_str(g->mem, text);
  return false;
}

static bool file_take(struct gather *g)
{
  const char *path = g->source->path, *slash = path ? strrchr(path, '/') : NULL, *why = NULL;
  size_t n = 0;
  g->base = slash ? slash + 1 : path;
  if (!path) return true;
  char *text = file_read(g->mem, path, CONF_FILE_MAX, &n);
  if (!text && !g->source->must_exist) return true;
  if (!text) return conf_fail(g, "%s cannot be read", path);
  return conf_parse(g->mem, text, n, &g->file, &why) || conf_fail(g, "%s, %s", path, why);
}

/* The nearest known word to a section or a key, as "; did you mean …", else "". */
static const char *meant(struct gather *g, const char *word, const char *const *known, size_t n)
{
  const char *near = word_nearest(word, known, n);
  return near ? arena_printf(g->mem, "; did you mean %s?", near) : "";
}

static bool unknown_section(struct gather *g, const struct conf_entry *e)
{
  const char *known[COUNT(config_keys)];
  size_t n = 0;
  for (size_t i = 0; i < config_keys_n; i++)
    if (section_first(i) && !section_named(config_keys[i].section)) known[n++] = config_keys[i].section;
  if (!strcmp(e->section, "stage") || !strcmp(e->section, "channel") || !strcmp(e->section, "webhook") ||
      !strcmp(e->section, "notify") || !strcmp(e->section, "customers"))
    return conf_fail(g, "%s, line %d: the section names its %s: [%s NAME]", g->base, e->line, e->section,
                     e->section);
  if (!*e->section)
    return conf_fail(g, "%s, line %d: %s stands before the first [section]", g->base, e->line, e->key);
  return conf_fail(g, "%s, line %d: there is no section [%s]%s", g->base, e->line, e->section,
                   meant(g, e->section, known, n));
}

static bool entry_known(struct gather *g, const struct conf_entry *e)
{
  const char *known[COUNT(config_keys)];
  size_t n = 0;
  if (key_find(e->section, e->key)) return true;
  if (key_of_connector(e->section) && conf_get(&g->file, e->section, "connector")) return true;
  for (size_t i = 0; i < config_keys_n; i++)
    if (section_is(config_keys[i].section, e->section)) known[n++] = config_keys[i].key;
  if (!n) return unknown_section(g, e);
  const char *hint = meant(g, e->key, known, n);
  for (size_t i = 0; !*hint && i < config_keys_n; i++)
    if (!strcmp(config_keys[i].key, e->key))
      hint = arena_printf(g->mem, "; [%s] has one", config_keys[i].section);
  return conf_fail(g, "%s, line %d: [%s] has no key %s%s", g->base, e->line, e->section, e->key, hint);
}

static struct config_value *value_add(struct gather *g, const char *section, const struct config_key *row)
{
  struct config *c = g->out;
  if (c->n == g->room) {
    size_t room = g->room ? g->room * 2 : 64;
    struct config_value *at = arena_array(g->mem, struct config_value, room);
    if (c->n) memcpy(at, c->at, c->n * sizeof *at);
    c->at = at, g->room = room;
  }
  struct config_value *v = &c->at[c->n++];
  *v = (struct config_value){ .section = section, .key = row->key, .row = row, .value = row->fallback };
  v->origin = CONFIG_DEFAULT, v->where = origin_names[CONFIG_DEFAULT];
  return v;
}

/* What the status machine has built in, as text. */
static const char *stage_default(struct arena *a, const struct status_table *t, const char *section,
                                 const char *key)
{
  int at = status_find(t, section + strlen("stage "));
  if (at < 0) return NULL;
  const struct stage *s = &t->stage[at];
  const struct {
    const char *key, *value;
  } rows[] = {
    { "label", s->label },
    { "label_zh", s->label_zh },
    { "owner", s->owner },
    { "lead", s->lead },
    { "remind", s->remind_ms ? duration_text(a, s->remind_ms) : "never" },
    { "escalate", s->escalate_ms ? duration_text(a, s->escalate_ms) : "never" },
    { "clock", s->working_time ? "working" : "always" },
  };
  for (size_t i = 0; i < COUNT(rows); i++)
    if (!strcmp(rows[i].key, key)) return rows[i].value;
  return NULL;
}

/* The value in force: the strongest of those who set it. */
static void value_settle(struct gather *g, struct config_value *v)
{
  const char *name = config_env_name(g->mem, v->section, v->key), *env = env_get(g->source->environ, name);
  const struct conf_entry *e = conf_get(&g->file, v->section, v->key);
  if (e) {
    v->value = e->value, v->origin = CONFIG_FILE, v->line = e->line;
    v->where = arena_printf(g->mem, "%s:%d", g->base, e->line);
  }
  if (env) v->value = env, v->origin = CONFIG_ENV, v->where = name;
  for (size_t i = 0; i < g->source->flags_n; i++) {
    const struct config_flag *f = &g->source->flag[i];
    if (strcmp(f->section, v->section) != 0 || strcmp(f->key, v->key) != 0) continue;
    v->value = f->value, v->origin = CONFIG_FLAG, v->where = f->flag;
  }
}

static bool section_add(struct gather *g, const char *section, const struct status_table *stages)
{
  for (size_t i = 0; i < g->out->n; i++)
    if (!strcmp(g->out->at[i].section, section)) return true;
  for (size_t i = 0; i < config_keys_n; i++) {
    if (!section_is(config_keys[i].section, section) || !strcmp(config_keys[i].key, CONFIG_ANY_NAME))
      continue;
    struct config_value *v = value_add(g, section, &config_keys[i]);
    if (stages && !strncmp(section, "stage ", 6)) v->value = stage_default(g->mem, stages, section, v->key);
    value_settle(g, v);
    const char *fault =
      v->value && v->origin != CONFIG_DEFAULT ? value_fault(g->mem, v->row, v->value) : NULL;
    if (fault)
      return conf_fail(g, "%s: [%s] %s = %s: it must be %s", v->where, section, v->key, v->value, fault);
  }
  return true;
}

static void named_add(struct gather *g, const struct conf_entry *e)
{
  struct config_value *v = value_add(g, e->section, key_of_connector(e->section));
  v->key = e->key, v->value = e->value, v->origin = CONFIG_FILE, v->line = e->line;
  v->where = arena_printf(g->mem, "%s:%d", g->base, e->line);
}

const char *config_shown(const struct config_value *v)
{
  size_t n = strlen(v->key);
  if (v->value && !strcmp(v->key, "secret")) return "***";
  if (!v->value || strcmp(v->row->key, CONFIG_ANY_NAME) != 0) return v->value;
  bool where = (n > 5 && !strcmp(v->key + n - 5, "_file")) || (n > 4 && !strcmp(v->key + n - 4, "_env"));
  return where ? v->value : "***";
}

/* All sections that are there without being asked for, then those of the file. */
static bool values_take(struct gather *g)
{
  struct status_table *stages = arena_new(g->mem, struct status_table);
  status_table_default(stages);
  for (size_t i = 0; i < config_keys_n; i++)
    if (section_first(i) && !section_named(config_keys[i].section) &&
        !section_add(g, config_keys[i].section, stages))
      return false;
  for (int i = 0; i < stages->stages; i++)
    if (!section_add(g, arena_printf(g->mem, "stage %s", stages->stage[i].name), stages)) return false;
  for (size_t i = 0; i < g->file.n; i++) {
    if (!entry_known(g, &g->file.at[i])) return false;
    if (!section_add(g, g->file.at[i].section, stages)) return false;
    if (!key_find(g->file.at[i].section, g->file.at[i].key)) named_add(g, &g->file.at[i]);
  }
  return true;
}

/* A mistyped name in the environment does not stop us: others put their own ORDERD_… there (a container's service
 * addresses). It is worth a warning. */
static void env_unknown(struct gather *g)
{
  for (char *const *e = g->source->environ; e && *e; e++) {
    if (strncmp(*e, "ORDERD_", 7) != 0) continue;
    size_t n = strcspn(*e, "=");
    const char *name = arena_strn(g->mem, *e, n);
    bool known = !strcmp(name, "ORDERD_DATA") || !strcmp(name, "ORDERD_CONFIG");
    for (size_t i = 0; !known && i < g->out->n; i++)
      known = !strcmp(name, config_env_name(g->mem, g->out->at[i].section, g->out->at[i].key));
    if (!known) {
      g->out->unknown_env = name;
      return;
    }
  }
}

/* What rules_load reads: only what somebody set. Lines below 0 count the values that have none. */
static void conf_build(struct gather *g)
{
  struct config *c = g->out;
  c->conf.at = arena_array(g->mem, struct conf_entry, c->n ? c->n : 1);
  for (size_t i = 0; i < c->n; i++) {
    const struct config_value *v = &c->at[i];
    if (v->origin == CONFIG_DEFAULT) continue;
    int line = v->origin == CONFIG_FILE ? v->line : -(int)(i + 1);
    c->conf.at[c->conf.n++] = (struct conf_entry){ v->section, v->key, v->value, line };
  }
}

/* "line 12: …" of the rules says where in the file; "line -7: …" is a value that came another way. */
static bool rules_refuse(struct gather *g, const char *why)
{
  size_t at = 0;
  if (strncmp(why, "line -", 6) != 0) return conf_fail(g, "%s, %s", g->base ? g->base : "configuration", why);
  const char *p = why + 6;
  for (; *p >= '0' && *p <= '9'; p++) at = at * 10 + (size_t)(*p - '0');
  must(at >= 1 && at <= g->out->n);
  return conf_fail(g, "%s%s", g->out->at[at - 1].where, p);
}

static bool rules_check(struct gather *g)
{
  const char *why = NULL;
  struct rules *r = arena_new(g->mem, struct rules);
  return rules_load(g->mem, &g->out->conf, r, &why) || rules_refuse(g, why);
}

bool config_load(struct arena *a, const struct config_source *s, struct config *out, const char **why)
{
  struct gather g = { .mem = a, .source = s, .out = out };
  *out = (struct config){ 0 };
  bool ok = file_take(&g) && values_take(&g);
  if (ok) conf_build(&g), env_unknown(&g), ok = rules_check(&g);
  *why = g.why;
  return ok;
}

/* ---- asking ----------------------------------------------------------------------------------------------------------- */
static const struct config_value *value_get(const struct config *c, const char *section, const char *key)
{
  for (size_t i = 0; i < c->n; i++)
    if (!strcmp(c->at[i].key, key) && !strcmp(c->at[i].section, section)) return &c->at[i];
  must(!"a key of the table");
  return NULL;
}

const char *config_text(const struct config *c, const char *section, const char *key)
{
  const struct config_value *v = value_get(c, section, key);
  return v->value ? v->value : "";
}

int64_t config_number(const struct config *c, const char *section, const char *key)
{
  const struct config_value *v = value_get(c, section, key);
  int64_t n = 0;
  switch (v->row->type) {
  case CONFIG_COUNT: must(whole_parse(v->value, &n)); break;
  case CONFIG_DURATION: must(duration_parse(v->value, &n)); break;
  case CONFIG_SIZE: must(size_parse(v->value, &n)); break;
  case CONFIG_YES: n = !strcmp(v->value, "yes"); break;
  default: must(!"a key with a number");
  }
  return n;
}

size_t config_hosts(struct arena *a, const struct config *c, const char ***hosts)
{
  const char *text = config_text(c, "server", "hosts");
  size_t n = 0;
  *hosts = arena_array(a, const char *, strlen(text) / 2 + 1);
  for (const char *p = text; *p;) {
    size_t len = strcspn(p, " \t\n");
    if (len) (*hosts)[n++] = arena_strn(a, p, len);
    p += len;
    p += strspn(p, " \t\n");
  }
  return n;
}

/* ---- the file that init writes, and the help ------------------------------------------------------------------------ */
static const char *section_doc(const char *section)
{
  for (size_t i = 0; i < COUNT(section_docs); i++)
    if (!strcmp(section_docs[i].section, section)) return section_docs[i].doc;
  return "";
}

static const char *section_example(const char *section)
{
  if (!strcmp(section, STAGE_ANY)) return "stage paid";
  if (!strcmp(section, WEBHOOK_ANY)) return "webhook my-erp";
  if (!strcmp(section, SENDER_ANY)) return "sender GZ";
  if (!strcmp(section, MESSENGER_ANY)) return "messenger office";
  if (!strcmp(section, NOTIFY_ANY)) return "notify cs-room";
  if (!strcmp(section, CUSTOMERS_ANY)) return "customers shipped";
  if (!strcmp(section, FACTORY_ANY)) return "factory my-workshop";
  if (!strcmp(section, CARRIER_ANY)) return "carrier sf";
  return !strcmp(section, CHANNEL_ANY) ? "channel my-shop" : section;
}

/* A value to show where there is no default. */
static const char *value_example(struct arena *a, const struct config_key *k, const struct status_table *t)
{
  if (k->fallback) return k->fallback;
  if (!strcmp(k->section, STAGE_ANY)) return stage_default(a, t, section_example(k->section), k->key);
  if (!strcmp(k->key, "url")) return "https://erp.example.com/orderd";
  if (!strcmp(k->key, "to")) return "office";
  return !strcmp(k->key, "family") ? "taobao" : NULL;
}

static void comment_put(struct buf *out, const char *indent, const char *text)
{
  size_t column = 0;
  for (const char *p = text; *p; p += strspn(p, " ")) {
    size_t len = strcspn(p, " ");
    if (!column || column + len > 96) {
      if (column) buf_char(out, '\n');
      buf_str(out, indent);
      column = strlen(indent);
    } else {
      buf_char(out, ' ');
    }
    buf_put(out, p, len);
    column += len + 1, p += len;
  }
  buf_char(out, '\n');
}

void config_template(struct arena *a, struct buf *out)
{
  struct status_table *stages = arena_new(a, struct status_table);
  status_table_default(stages);
  buf_str(
    out,
    "# The configuration of orderd. Every key stands here with its default; take the # away to change one.\n"
    "# A flag is stronger than the environment (ORDERD_SERVER_LISTEN), which is stronger than this file.\n"
    "# `orderd config` shows what is in force; SIGHUP makes a running orderd read this file again.\n");
  for (size_t i = 0; i < config_keys_n; i++) {
    const struct config_key *k = &config_keys[i];
    if (section_first(i)) {
      buf_char(out, '\n');
      comment_put(out, "# ", arena_printf(a, "---- %s", section_doc(k->section)));
      buf_printf(out, "%s[%s]\n", section_named(k->section) ? "#" : "", section_example(k->section));
    }
    const char *value = value_example(a, k, stages);
    comment_put(out, "# ", k->doc);
    buf_printf(out, "#%s =%s%s\n", k->key, value && *value ? " " : "", value ? value : "");
  }
}

static const char *const type_names[] = { "text",      "number", "duration", "size",
                                          "yes or no", "hosts",  "address",  "word" };

static void key_help(struct arena *a, struct buf *out, const struct config_key *k)
{
  buf_printf(out, "  %-24s %s", k->key, k->words ? k->words : type_names[k->type]);
  if (k->fallback && *k->fallback) buf_printf(out, ", default %s", k->fallback);
  if (!k->reload) buf_str(out, ", read at start only");
  buf_char(out, '\n');
  comment_put(out, "      ", k->doc);
  if (!section_named(k->section)) buf_printf(out, "      %s\n", config_env_name(a, k->section, k->key));
}

void config_help(struct arena *a, struct buf *out)
{
  buf_str(out,
          "orderd is configured by DATA/orderd.conf, or the file that --config names:\n\n"
          "  # a comment\n  [section]\n  key = value\n\n"
          "A flag is stronger than the environment, which is stronger than the file, which is stronger than\n"
          "the default. Durations are 500ms, 10s, 5m, 72h, 3d; sizes 512k, 64M, 2G. SIGHUP reads the file\n"
          "again; a file with a mistake is refused as a whole and what was in force stays.\n");
  for (size_t i = 0; i < config_keys_n; i++) {
    const struct config_key *k = &config_keys[i];
    if (section_first(i)) {
      buf_printf(out, "\n[%s]\n",
                 section_named(k->section)
                   ? arena_printf(a, "%.*s NAME", (int)strcspn(k->section, " "), k->section)
                   : k->section);
      comment_put(out, "  ", section_doc(k->section));
      if (section_named(k->section))
        buf_printf(
          out, "  In the environment: %sKEY, where the section stands in the file%s.\n",
          config_env_name(a, arena_printf(a, "%.*s NAME", (int)strcspn(k->section, " "), k->section), ""),
          !strcmp(k->section, STAGE_ANY) ? " or the stage is built in" : "");
    }
    key_help(a, out, k);
  }
}
