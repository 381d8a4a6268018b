/* cli.c: the table of commands, their options, and what all of them share. */
#include "edge.h"
#include <stdio.h>
#include <unistd.h>

#define LIST_OPTIONS "limit=N cursor=CURSOR"
#define CHANGE_OPTIONS "note=TEXT if-version=N"

static const struct cli_column order_columns[] = {
  { "id", "id" },
  { "channel", "channel" },
  { "external_id", "external_id" },
  { "status", "status" },
  { "placed_at", "placed_at" },
  { "total", "total" },
  { "receiver", "receiver/name" },
  { "city", "receiver/city" },
  { "group", "group/id" },
  { "holds", "holds" },
  { "exceptions", "exceptions" },
  { NULL, NULL },
};
static const struct cli_column event_columns[] = {
  { "seq", "seq" },     { "at", "at" },          { "entity", "entity" }, { "type", "type" },
  { "actor", "actor" }, { "from", "data/from" }, { "to", "data/to" },    { NULL, NULL },
};
static const struct cli_column group_columns[] = {
  { "id", "id" },       { "state", "state" },   { "key", "key" }, { "from", "from" },
  { "until", "until" }, { "orders", "orders" }, { NULL, NULL },
};
static const struct cli_column fulfilment_columns[] = {
  { "id", "id" },
  { "warehouse", "warehouse" },
  { "status", "status" },
  { "work", "work" },
  { "wave", "wave" },
  { "group", "group" },
  { "orders", "lines" },
  { "carrier", "claim/carrier" },
  { "tracking_no", "claim/tracking_no" },
  { NULL, NULL },
};
static const struct cli_column wave_columns[] = {
  { "id", "id" },         { "warehouse", "warehouse" },
  { "state", "state" },   { "fulfilments", "fulfilments" },
  { "packed", "packed" }, { "made", "created_at" },
  { "by", "actor" },      { NULL, NULL },
};
static const struct cli_column payload_columns[] = {
  { "id", "id" },         { "channel", "channel" },         { "source", "source" },
  { "state", "state" },   { "received_at", "received_at" }, { "orders", "orders" },
  { "row", "error/row" }, { "code", "error/code" },         { "detail", "error/detail" },
  { NULL, NULL },
};
static const struct cli_column exception_columns[] = {
  { "id", "id" },       { "type", "type" },         { "state", "state" },
  { "order", "order" }, { "payload", "payload" },   { "since", "since" },
  { "owner", "owner" }, { "assignee", "assignee" }, { NULL, NULL },
};
static const struct cli_column effect_columns[] = {
  { "id", "id" },           { "kind", "kind" },        { "destination", "destination" },
  { "subject", "subject" }, { "state", "state" },      { "tries", "attempts" },
  { "due", "due_at" },      { "error", "error/kind" }, { NULL, NULL },
};
static const struct cli_column callback_columns[] = {
  { "id", "id" },       { "from", "destination" }, { "at", "at" },
  { "state", "state" }, { "error", "error/kind" }, { NULL, NULL },
};
static const struct cli_column waybill_columns[] = {
  { "id", "id" },       { "fulfilment", "fulfilment" }, { "carrier", "carrier" }, { "number", "tracking_no" },
  { "state", "state" }, { "effect", "effect_state" },   { "claim", "claim" },     { "bought", "bought_at" },
  { NULL, NULL },
};
static const struct cli_column notice_columns[] = {
  { "id", "id" },       { "at", "at" },     { "room", "room" }, { "kind", "kind" },
  { "state", "state" }, { "text", "text" }, { NULL, NULL },
};
static const struct cli_column rule_columns[] = {
  { "name", "name" },         { "state", "state" },     { "when", "when" },
  { "order", "order" },       { "does", "actions" },    { "applied", "applied" },
  { "overruns", "overruns" }, { "version", "version" }, { NULL, NULL },
};
static const struct cli_column case_columns[] = {
  { "id", "id" },      { "order", "order" },   { "kind", "kind" },     { "state", "state" },
  { "step", "step" },  { "amount", "amount" }, { "refund", "refund" }, { "goods", "goods" },
  { "due", "due_at" }, { NULL, NULL },
};
static const struct cli_column work_columns[] = {
  { "id", "id" },
  { "order", "order" },
  { "sku", "sku" },
  { "pieces", "quantity" },
  { "factory", "factory" },
  { "state", "state" },
  { "step", "step" },
  { "of", "steps" },
  { "wanted_by", "wanted_by" },
  { "expected", "expected_at" },
  { NULL, NULL },
};
static const struct cli_column sku_columns[] = {
  { "code", "code" },         { "title", "title" }, { "state", "state" }, { "available", "available" },
  { "safety", "safety" },     { "made", "made" },   { "kit", "kit" },     { "weight_g", "weight_g" },
  { "barcodes", "barcodes" }, { NULL, NULL },
};
static const struct cli_column mapping_columns[] = {
  { "channel", "channel" },
  { "channel_sku", "channel_sku" },
  { "sku", "sku" },
  { NULL, NULL },
};
static const struct cli_column rate_columns[] = {
  { "code", "code" },       { "carrier", "carrier" }, { "bands", "bands" },     { "divisor", "divisor" },
  { "from", "valid_from" }, { "to", "valid_to" },     { "retired", "retired" }, { NULL, NULL },
};
static const struct cli_column warehouse_columns[] = {
  { "code", "code" },         { "title", "title" },       { "kind", "kind" },
  { "country", "country" },   { "division", "division" }, { "regions", "regions" },
  { "capacity", "capacity" }, { "state", "state" },       { NULL, NULL },
};
static const struct cli_column stock_columns[] = {
  { "sku", "sku" },
  { "warehouse", "warehouse" },
  { "on_hand", "on_hand" },
  { "reserved", "reserved" },
  { "frozen", "frozen" },
  { "available", "available" },
  { "quarantine", "quarantine" },
  { NULL, NULL },
};
static const struct cli_column ledger_columns[] = {
  { "id", "id" },
  { "at", "at" },
  { "sku", "sku" },
  { "warehouse", "warehouse" },
  { "from", "from" },
  { "to", "to" },
  { "quantity", "quantity" },
  { "reason", "reason" },
  { "ref", "ref" },
  { "actor", "actor" },
  { NULL, NULL },
};
static const struct cli_column channel_columns[] = {
  { "name", "name" },
  { "connector", "connector" },
  { "orders", "orders" },
  { "now", "poll/now/phase" },
  { "read until", "poll/watermark" },
  { "last good run", "poll/last_ok_at" },
  { "missed", "poll/misses" },
  { "failed", "failed_payloads" },
  { "error", "poll/error/code" },
  { NULL, NULL },
};
static const struct cli_column user_columns[] = {
  { "id", "id" },
  { "name", "name" },
  { "roles", "roles" },
  { "state", "state" },
  { "password", "has_password" },
  { "since", "created_at" },
  { NULL, NULL },
};
static const struct cli_column token_columns[] = {
  { "id", "id" },       { "name", "name" },        { "roles", "roles" },        { "channel", "channel" },
  { "state", "state" }, { "since", "created_at" }, { "expires", "expires_at" }, { NULL, NULL },
};

/* Examples stand as they run: from the top of the source tree, in this order of their files of examples/. */
const struct cli_command cli_commands[] = {
  { .name = "init",
    .run = cli_init,
    .doc = "Make a data directory: a commented configuration, an empty database, an admin token.",
    .more =
      "What is there already stays as it is. The token is written to DATA/admin.token, readable by you alone.",
    .example = "orderd --data ./data init" },
  { .name = "serve",
    .options = "listen=ADDRESS:PORT",
    .run = cli_serve,
    .doc = "Serve a data directory over HTTP until SIGTERM or Ctrl-C.",
    .more =
      "The first start makes what is missing. SIGHUP reads the configuration again. One process serves one\n"
      "directory; a second one exits with 1 and says who holds it.",
    .example = "orderd serve --listen 127.0.0.1:7700" },
  { .name = "demo",
    .options = "listen=ADDRESS:PORT shop",
    .run = cli_demo,
    .doc = "Serve a directory of its own with simulated platforms that are polled, and example orders.",
    .more =
      "The simulator plays every platform it knows, with 2,000 orders of two days and a few new ones a minute; its\n"
      "channels are written to DATA/orderd.conf. The data are in ./demo unless --data names another place; a second\n"
      "demo goes on with them: nothing comes twice, and what the platforms have sold in between is read.\n"
      "A person to sign in to the console as is made; --shop adds articles, stock, a wave, holds and returns.",
    .example = "orderd demo --listen 127.0.0.1:7701" },
  { .name = "sim",
    .options =
      "listen=ADDRESS:PORT platforms=LIST orders=N days=N seed=N rate=N changes=N token-life=DURATION "
      "refresh-grace=DURATION skew=MS no-limits push=URL truth=FILE duplicates=SHARE reorder=SHARE late-cancel=SHARE "
      "timeouts=SHARE errors=SHARE html=SHARE truncated=SHARE same-page=SHARE rate-limit=SHARE lost-pushes=SHARE "
      "confirm-refusals=SHARE confirm-timeouts=SHARE confirm-errors=SHARE back-office=SHARE late-refunds=SHARE "
      "unpicked=SHARE traces=URL token-file=FILE pickup=DURATION factories=LIST carriers=LIST make-time=DURATION qc-failures=SHARE "
      "mes-refusals=SHARE cancel-refusals=SHARE",
    .run = cli_sim,
    .doc = "Play market places over HTTP, with their signatures, pages, limits and failures.",
    .more =
      "For trying orderd, and for drills. Every shop has a port of its own, the control port is the first; port 0\n"
      "takes free ones. The first line on standard output says in JSON where they are. --config FILE writes the\n"
      "channels with their secrets for orderd.conf; --truth FILE writes at the end what a perfect engine would have.\n"
      "  --platforms   a list with commas; one named twice has two shops. Default: all\n"
      "  --orders      in the past --days (1000 in 3); --rate and --changes: new ones and changes per second\n"
      "  --seed        the same seed plays the same world\n"
      "  --token-life  of access tokens, where the platform's are to be refreshed; --refresh-grace: how long the\n"
      "                last refresh token is taken once more when an answer was lost (60s)\n"
      "  --skew        how far the platforms' clock is ahead, in milliseconds\n"
      "  --no-limits   as many calls as one likes; storms come all the same\n"
      "  --push        the address of orderd: changes are pushed to /v1/hooks/channel/SHOP\n"
      "  --traces      the address of orderd: carriers tell of pick-ups at /v1/shipments/trace, with the token in\n"
      "                --token-file, about --pickup (30m) after a parcel was made known\n"
      "  --factories   a list with commas: factories of these names take work orders (mes.factory), make them in\n"
      "                --make-time (1h), and call /v1/hooks/mes/NAME at --push\n"
      "  --carriers    SF,DEPPON,JDL,kuaidi100: carriers that sell waybills and tell of parcels, a step each --pickup\n"
      "Shares are 0 to 1 or per cent: --duplicates rows and pushes that come twice, --reorder rows, pushes and\n"
      "changes out of order, --late-cancel paid orders cancelled later, --timeouts requests carried out but not\n"
      "answered, --errors, --html, --truncated broken answers, --same-page walks that never get on, --rate-limit\n"
      "storms of refusals, --lost-pushes. Of shipments: --confirm-refusals, --confirm-timeouts and --confirm-errors (of\n"
      "both half are carried out), --back-office orders shipped by hand elsewhere, --late-refunds paid back between label\n"
      "and pick-up, --unpicked parcels that no carrier comes for. Of work orders: --qc-failures, --mes-refusals, and\n"
      "--cancel-refusals: factories that go on with what they have begun.\n"
      "Control port: GET /sim/state /sim/truth /sim/config /sim/ledger (what the platforms were told of shipments, refunds\n"
      "and stock, and when); POST /sim/advance {\"ms\":60000} moves the clock and lets happen what is due, /sim/faults\n"
      "{\"timeouts\":0.02}, /sim/push {\"shop\":\"shopee\",\"id\":\"…\"}, /sim/ship and /sim/refund (the same), /sim/label\n"
      "{\"tracking_no\":\"…\",\"carrier\":\"SF\",\"after_ms\":0}, /sim/pickup {\"tracking_no\":\"…\"}, /sim/expire {\"shop\":\"…\"},\n"
      "/sim/fail {\"shop\":\"…\",\"call\":\"confirm\",\"how\":\"refuse\",\"times\":1} (or stock; or lost, hang, error, taken_error,\n"
      "cut; or a call's own name with throttle), /sim/stop-changes; GET /sim/carriers, and POST {\"carrier\":\"SF\",\"lose\":1} (refuse, throttle): its next\n"
      "answers; GET /sim/factories, and POST\n"
      "{\"factory\":\"…\",\"work_order\":\"w_1\",\"qc\":\"failed\",\"cancel\":\"no\"}: what is decided when it comes to that.",
    .example = "orderd sim --listen 127.0.0.1:0 --orders 500 --seed 7 --duplicates 0.02 --truth truth.json" },

  { .name = "import",
    .args = "FILE",
    .options =
      "as=WHAT channel=NAME warehouse=CODE sheet=NAME dry-run format=auto|ndjson|csv|xlsx encoding=auto|utf-8|gb18030 "
      "all-rows",
    .run = cli_import,
    .doc =
      "Take orders from a file: NDJSON of canonical orders, or a platform's export sheet as CSV or XLSX.",
    .more =
      "FILE may be - for standard input; what it is shows in its content, not in its name. The platform is known by\n"
      "the headers; --channel says which shop it is, and must agree where the orders say it themselves.\n"
      "--dry-run changes nothing and shows what each row would do. Refused rows are listed, kept as failed payloads\n"
      "(`orderd payload list --state failed`), and make the exit status 3; the others are taken all the same.\n"
      "Importing a file twice changes nothing.\n"
      "--all-rows lists the rows that were taken too.\n"
      "Of a workbook (XLSX) the first sheet that is not hidden is read, or --sheet NAME. Order numbers, SKUs and phones\n"
      "that it keeps as numbers of 15 or more digits, in scientific notation or as dates are refused with their row.\n"
      "It has at most 64 MiB, packed and unpacked; one that is damaged or unsafe is refused before any row is taken.\n"
      "--as skus, kits, mappings, warehouses, stock or rates reads the data dictionary or stock instead, from CSV or XLSX with\n"
      "English or Chinese headers, or from NDJSON of the API's objects. What a cell leaves empty stays as it is;\n"
      "weights and sizes say their unit (weight_g, 重量(kg), 1.5kg). A kit is the rows that follow each other with\n"
      "its code, one part each. Stock is what was counted, or with a column delta what came and went: those are\n"
      "booked once, also when the same file is imported again within 7 days. --channel and --warehouse stand where\n"
      "the sheet has no such column.",
    .example = "orderd import examples/orders/till.ndjson" },
  { .name = "export",
    .args = "orders|lines|groups|events|exceptions|cases|payloads|skus|kits|mappings|warehouses|stock|ledger",
    .options =
      "format=csv|xlsx|ndjson output=FILE bom excel status=STATUS channel=NAME group=ID sku=SKU owner=WHO exception=TYPE overdue=true|false "
      "urgent=true|false tag=NAME from=TIME to=TIME q=TEXT sort=FIELD state=STATE type=TYPE kind=KIND step=STEP order=ID several=true|false proposed=true|false since=SEQ entity=ID "
      "warehouse=CODE",
    .run = cli_export,
    .doc = "Write all that match as CSV, XLSX or NDJSON, to standard output or a file.",
    .more =
      "The filters are those of the API. Cells that a spreadsheet would run as formulas are made harmless. --format\n"
      "xlsx, or an output file called .xlsx, writes a workbook: ids, phones and times as text, money and quantities as\n"
      "numbers where none of their digits is lost; more than 1,048,575 rows go on in a next sheet. Of CSV, --bom begins\n"
      "the file with a byte order mark, and --excel writes numbers of 12 digits and more as =\"…\", so that a\n"
      "spreadsheet that opens the file by a double click keeps their digits.",
    .example = "orderd export lines --status paid --format csv" },
  { .name = "address",
    .args = "[TEXT] [TEXT]",
    .options = "file=FILE",
    .run = cli_address,
    .doc = "The parts an address was read as; with two, whether they agree, and by which part.",
    .more =
      "--file FILE judges pairs, one a line, separated by a TAB, maybe with a label in a third column; - reads\n"
      "standard input. A summary by label ends it.",
    .example = "orderd address '浙江省杭州市西湖区文三路100号2幢301室' '杭州文三路100号2栋301'" },

  { .name = "order show",
    .args = "ID",
    .run = cli_api,
    .method = "GET",
    .path = "/v1/orders/{1}",
    .doc = "One order with its lines, group, exceptions, stage and next statuses.",
    .more = "ID is our own (o_12) or CHANNEL:EXTERNAL_ID.",
    .example = "orderd order show o_1" },
  { .name = "order find",
    .args = "TEXT...",
    .options = LIST_OPTIONS,
    .run = cli_api,
    .method = "GET",
    .path = "/v1/orders?q={1}",
    .query = "limit cursor",
    .columns = order_columns,
    .doc = "Orders by number, phone or its last four, name, address, tracking number or SKU.",
    .example = "orderd order find 示例路" },
  { .name = "order list",
    .options =
      "status=STATUS channel=NAME group=ID sku=SKU owner=WHO exception=TYPE overdue=true|false urgent=true|false "
      "tag=NAME from=TIME to=TIME q=TEXT sort=FIELD " LIST_OPTIONS,
    .run = cli_api,
    .method = "GET",
    .path = "/v1/orders",
    .query = "status channel group sku owner exception overdue urgent tag from to q sort limit cursor",
    .columns = order_columns,
    .doc = "Orders by filters, newest first.",
    .example = "orderd order list --status paid --limit 10" },
  { .name = "order events",
    .args = "ID",
    .options = "since=SEQ limit=N",
    .run = cli_api,
    .method = "GET",
    .path = "/v1/orders/{1}/events",
    .query = "since limit",
    .columns = event_columns,
    .doc = "The history of an order.",
    .example = "orderd order events o_1" },
  { .name = "order why",
    .args = "ID",
    .run = cli_api,
    .method = "GET",
    .path = "/v1/orders/{1}/why",
    .doc = "Why an order was merged or not, and what holds it: each condition with its value.",
    .example = "orderd order why o_1" },
  { .name = "order move",
    .args = "ID STATUS",
    .options = CHANGE_OPTIONS,
    .run = cli_api,
    .method = "POST",
    .path = "/v1/orders/{1}/transitions",
    .body = "to=2 note if_version#",
    .doc = "Move an order to another status.",
    .example = "orderd order move o_1 split --note 'by hand'" },
  { .name = "order hold",
    .args = "ID",
    .options = "reason=TEXT " CHANGE_OPTIONS,
    .run = cli_api,
    .method = "POST",
    .path = "/v1/orders/{1}/hold",
    .body = "reason note if_version#",
    .doc = "Stop an order with a reason.",
    .example = "orderd order hold o_2 --reason 'address in doubt'" },
  { .name = "order release",
    .args = "ID",
    .options = "reason=TEXT " CHANGE_OPTIONS,
    .run = cli_api,
    .method = "POST",
    .path = "/v1/orders/{1}/release",
    .body = "reason note if_version#",
    .doc = "Take one hold, or all of them, off an order.",
    .example = "orderd order release o_2 --note 'the customer confirmed it'" },
  { .name = "order cancel",
    .args = "ID",
    .options = "reason=TEXT " CHANGE_OPTIONS,
    .run = cli_api,
    .method = "POST",
    .path = "/v1/orders/{1}/cancel",
    .body = "reason note if_version#",
    .doc = "Cancel an order with a reason.",
    .example = "orderd order cancel o_3 --reason 'the customer asked for it'" },

  { .name = "group list",
    .options = "state=open|locked proposed=true|false several=true|false " LIST_OPTIONS,
    .run = cli_api,
    .method = "GET",
    .path = "/v1/groups",
    .query = "state proposed several limit cursor",
    .columns = group_columns,
    .doc = "Groups of orders that are handled and shipped together, newest first.",
    .example = "orderd group list --several true" },
  { .name = "group show",
    .args = "ID",
    .run = cli_api,
    .method = "GET",
    .path = "/v1/groups/{1}",
    .doc = "One group with its orders.",
    .example = "orderd group show g_1" },
  { .name = "group remove",
    .args = "ID ORDER",
    .options = CHANGE_OPTIONS,
    .run = cli_api,
    .method = "POST",
    .path = "/v1/groups/{1}/remove",
    .body = "order=2 note if_version#",
    .doc = "Take an order out of its group, for good.",
    .example = "orderd group remove g_46 shop-demo:5000005550637" },
  { .name = "group add",
    .args = "ID ORDER",
    .options = CHANGE_OPTIONS,
    .run = cli_api,
    .method = "POST",
    .path = "/v1/groups/{1}/add",
    .body = "order=2 note if_version#",
    .doc = "Put an order into a group, for good.",
    .example = "orderd group add g_46 shop-demo:5000005550637" },
  { .name = "group lock",
    .args = "ID",
    .options = CHANGE_OPTIONS,
    .run = cli_api,
    .method = "POST",
    .path = "/v1/groups/{1}/lock",
    .body = "note if_version#",
    .doc = "Lock a group: it neither takes nor gives orders.",
    .example = "orderd group lock g_4" },

  { .name = "fulfilment list",
    .options =
      "status=STATUS warehouse=CODE work=open|picking|packed order=ID group=ID wave=ID " LIST_OPTIONS,
    .run = cli_api,
    .method = "GET",
    .path = "/v1/fulfilments",
    .query = "status warehouse work order group wave limit cursor",
    .columns = fulfilment_columns,
    .doc = "What is sent from one place in one parcel, newest first.",
    .example = "orderd fulfilment list --status split" },
  { .name = "fulfilment show",
    .args = "ID",
    .run = cli_api,
    .method = "GET",
    .path = "/v1/fulfilments/{1}",
    .doc = "One fulfilment with its lines, pieces and claim.",
    .example = "orderd fulfilment show f_1" },
  { .name = "wave make",
    .options = "warehouse=CODE limit=N fulfilments=LIST",
    .run = cli_api,
    .method = "POST",
    .path = "/v1/waves",
    .body = "warehouse limit# fulfilments,",
    .doc = "Gather fulfilments for picking: the most urgent (50), or a list.",
    .more =
      "Their groups lock. What is held, claimed or in another wave is left out; in a list it is refused.\n"
      "GET /v1/waves/ID/picklist is the page to print.",
    .example = "orderd wave make --limit 20" },
  { .name = "wave list",
    .options = "state=open|done warehouse=CODE " LIST_OPTIONS,
    .run = cli_api,
    .method = "GET",
    .path = "/v1/waves",
    .query = "state warehouse limit cursor",
    .columns = wave_columns,
    .doc = "Rounds of picking, newest first.",
    .example = "orderd wave list --state open" },
  { .name = "wave show",
    .args = "ID",
    .run = cli_api,
    .method = "GET",
    .path = "/v1/waves/{1}",
    .doc = "One wave: what is picked, and for which fulfilments.",
    .example = "orderd wave show v_1" },
  { .name = "wave end",
    .args = "ID",
    .options = "if-version=N",
    .run = cli_api,
    .method = "POST",
    .path = "/v1/waves/{1}/end",
    .body = "if_version#",
    .doc = "End a wave: it is picked.",
    .example = "orderd wave end v_1" },
  { .name = "claim make",
    .args = "FULFILMENT CARRIER TRACKING_NO",
    .options = "channel=NAME if-version=N",
    .run = cli_api,
    .method = "POST",
    .path = "/v1/fulfilments/{1}/claims",
    .body = "carrier=2 tracking_no=3 channel if_version#",
    .doc = "Claim a fulfilment with a tracking number: nothing else ships its pieces.",
    .more = "--channel says whose back end uploaded the number: that channel knows it already.",
    .example = "orderd claim make f_1 SF SF1234567890123" },
  { .name = "claim show",
    .args = "ID",
    .run = cli_api,
    .method = "GET",
    .path = "/v1/claims/{1}",
    .doc = "One claim: what the carrier did, and what each channel knows.",
    .example = "orderd claim show k_1" },
  { .name = "claim confirm",
    .args = "ID",
    .options = "outcome=accepted|refused|again order=ID reason=TEXT if-version=N",
    .run = cli_api,
    .method = "POST",
    .path = "/v1/claims/{1}/confirm",
    .body = "outcome order reason if_version#",
    .doc = "Say what a channel knows of a parcel, or tell it again.",
    .example = "orderd claim confirm k_1 --outcome accepted --reason 'seen in the back office'" },
  { .name = "claim void",
    .args = "ID",
    .options = "reason=TEXT if-version=N",
    .run = cli_api,
    .method = "POST",
    .path = "/v1/claims/{1}/void",
    .body = "reason if_version#",
    .doc = "Void a label that no carrier has: its pieces are the orders' again.",
    .example = "orderd claim void k_1 --reason 'the label tore'" },
  { .name = "parcel trace",
    .args = "TRACKING_NO STATUS",
    .options = "carrier=CODE at=TIME",
    .run = cli_api,
    .method = "POST",
    .path = "/v1/shipments/trace",
    .body = "tracking_no=1 status=2 carrier at",
    .doc = "Note what the carrier did with a parcel.",
    .more =
      "STATUS is created, picked_up, in_transit, out_for_delivery, delivered, failed, returned or lost.",
    .example = "orderd parcel trace SF1234567890123 picked_up" },

  { .name = "pack show",
    .args = "FULFILMENT",
    .run = cli_api,
    .method = "GET",
    .path = "/v1/pack/{1}",
    .doc = "What a parcel is to hold, and what was scanned.",
    .example = "orderd pack show f_1" },
  { .name = "pack scan",
    .args = "FULFILMENT BARCODE",
    .options = "quantity=N",
    .run = cli_api,
    .method = "POST",
    .path = "/v1/pack/{1}/scan",
    .body = "barcode=2 quantity#",
    .doc = "Scan a piece at the packing bench: right, wrong, too many, done.",
    .example = "orderd pack scan f_1 MIRROR-80" },
  { .name = "pack reset",
    .args = "FULFILMENT",
    .run = cli_api,
    .method = "POST",
    .path = "/v1/pack/{1}/reset",
    .doc = "Begin again to scan a fulfilment.",
    .example = "orderd pack reset f_1" },

  { .name = "payload list",
    .options = "state=applied|pending|failed|dead channel=NAME " LIST_OPTIONS,
    .run = cli_api,
    .method = "GET",
    .path = "/v1/payloads",
    .query = "state channel limit cursor",
    .columns = payload_columns,
    .doc = "What arrived, newest first; failed ones wait to be mended.",
    .example = "orderd payload list --state failed" },
  { .name = "payload show",
    .args = "ID",
    .run = cli_api,
    .method = "GET",
    .path = "/v1/payloads/{1}",
    .doc = "One payload with the bytes that arrived.",
    .example = "orderd payload show p_1" },
  { .name = "payload retry",
    .args = "[ID]",
    .options = "all order=FILE",
    .run = cli_payload_retry,
    .doc = "Apply a failed payload again, as it is or mended; or all of them.",
    .more = "--order FILE: the canonical order, as JSON, that it should have been.",
    .example = "orderd payload retry --all" },
  { .name = "payload discard",
    .args = "ID",
    .options = "note=TEXT",
    .run = cli_api,
    .method = "POST",
    .path = "/v1/payloads/{1}/discard",
    .body = "note",
    .doc = "Put a failed payload aside for good.",
    .example = "orderd payload discard p_1 --note 'a test of theirs'" },

  { .name = "effect list",
    .options = "state=waiting|sending|unknown|dead|done|dropped kind=KIND destination=NAME " LIST_OPTIONS,
    .run = cli_api,
    .method = "GET",
    .path = "/v1/effects",
    .query = "state kind destination limit cursor",
    .columns = effect_columns,
    .doc = "What is to be done outside, newest first; dead ones wait for a person.",
    .example = "orderd effect list --state waiting" },
  { .name = "effect show",
    .args = "ID",
    .run = cli_api,
    .method = "GET",
    .path = "/v1/effects/{1}",
    .doc = "One effect with the error of its last try.",
    .example = "orderd effect show e_1" },
  { .name = "effect drop",
    .args = "ID",
    .options = "reason=TEXT",
    .run = cli_api,
    .method = "POST",
    .path = "/v1/effects/{1}/drop",
    .body = "reason",
    .doc = "Give an effect up: it is no longer wanted.",
    .example = "orderd effect drop e_2 --reason 'a shop that is closed'" },
  { .name = "effect retry",
    .args = "[ID]",
    .options = "all destination=NAME kind=KIND",
    .run = cli_effect_retry,
    .doc = "Make a dead effect again, a waiting one at once; or all dead ones.",
    .more = "--destination webhook:NAME or channel:NAME: all dead ones of it.\n"
            "One whose last try may have been taken is asked about before it is sent.",
    .example = "orderd effect retry --all" },
  { .name = "waybill buy",
    .args = "FULFILMENT",
    .options = "carrier=NAME pieces=N weight-g=GRAMS",
    .run = cli_api,
    .method = "POST",
    .path = "/v1/waybills",
    .body = "fulfilment=1 carrier pieces# weight_g#",
    .doc = "Buy a waybill of a fulfilment, once; its number claims the fulfilment.",
    .more = "Without --carrier the best one. Where the parcel is not packed yet, the number claims it then.",
    .example = "orderd waybill buy f_1 --carrier SF" },
  { .name = "waybill list",
    .options = "state=wanted|bought|voiding|void|refused carrier=NAME fulfilment=ID " LIST_OPTIONS,
    .run = cli_api,
    .method = "GET",
    .path = "/v1/waybills",
    .query = "state carrier fulfilment limit cursor",
    .columns = waybill_columns,
    .doc = "Waybills, newest first.",
    .example = "orderd waybill list --state wanted" },
  { .name = "waybill show",
    .args = "ID",
    .run = cli_api,
    .method = "GET",
    .path = "/v1/waybills/{1}",
    .doc = "One waybill, with what its carrier told of the parcel.",
    .example = "orderd waybill show b_1" },
  { .name = "waybill void",
    .args = "ID",
    .options = "reason=TEXT by-hand",
    .run = cli_api,
    .method = "POST",
    .path = "/v1/waybills/{1}/void",
    .body = "reason by_hand?",
    .doc = "Take a waybill back, and the claim with its number.",
    .more = "--by-hand: the carrier knows already; it is not told.",
    .example = "orderd waybill void b_1 --reason 'the box is too small'" },
  { .name = "waybill again",
    .args = "ID",
    .options = "reason=TEXT carrier=NAME",
    .run = cli_api,
    .method = "POST",
    .path = "/v1/waybills/{1}/again",
    .body = "reason carrier",
    .doc = "Take a waybill back, and buy another as soon as it is void.",
    .example = "orderd waybill again b_1 --reason 'the box is too small'" },
  { .name = "callback list",
    .options = "state=applied|failed|dropped destination=NAME " LIST_OPTIONS,
    .run = cli_api,
    .method = "GET",
    .path = "/v1/callbacks",
    .query = "state destination limit cursor",
    .columns = callback_columns,
    .doc = "What factories and carriers told, newest first; failed ones wait for a person.",
    .example = "orderd callback list --state failed" },
  { .name = "callback show",
    .args = "ID",
    .run = cli_api,
    .method = "GET",
    .path = "/v1/callbacks/{1}",
    .doc = "One callback: its bytes, what it tells, and why it could not be applied.",
    .example = "orderd callback show q_1" },
  { .name = "callback retry",
    .args = "ID",
    .run = cli_api,
    .method = "POST",
    .path = "/v1/callbacks/{1}/retry",
    .body = "",
    .doc = "Apply a callback that failed, once more.",
    .example = "orderd callback retry q_1" },
  { .name = "callback drop",
    .args = "ID",
    .run = cli_api,
    .method = "POST",
    .path = "/v1/callbacks/{1}/drop",
    .body = "",
    .doc = "Put a callback that failed aside: a person has dealt with it.",
    .example = "orderd callback drop q_1" },
  { .name = "notice list",
    .options = "room=NAME state=waiting|sent|dropped about=ID " LIST_OPTIONS,
    .run = cli_api,
    .method = "GET",
    .path = "/v1/notices",
    .query = "room state about limit cursor",
    .columns = notice_columns,
    .doc = "What rooms and customers were told, or wait for, newest first.",
    .example = "orderd notice list --state waiting" },
  { .name = "notice show",
    .args = "ID",
    .run = cli_api,
    .method = "GET",
    .path = "/v1/notices/{1}",
    .doc = "One notice, and the message (an effect) that took it along.",
    .example = "orderd notice show m_1" },
  { .name = "notice test",
    .args = "ROOM",
    .run = cli_api,
    .method = "POST",
    .path = "/v1/notices/test",
    .body = "room=1",
    .doc = "Send a room ([notify ROOM] of the configuration) a message that says it works.",
    .example = "orderd notice test cs-room" },
  { .name = "outbox release",
    .run = cli_api,
    .method = "POST",
    .path = "/v1/effects/release",
    .body = "",
    .doc = "Let a restored database's effects go out.",
    .more =
      "After a restore nothing is sent: the outside may know more than the backup does. Look first at what\n"
      "waits (orderd effect list --state waiting), and drop what was done since.",
    .example = "orderd outbox release" },

  { .name = "case list",
    .options =
      "state=open|approved|done|rejected|cancelled kind=KIND step=STEP order=ID overdue=true " LIST_OPTIONS,
    .run = cli_api,
    .method = "GET",
    .path = "/v1/cases",
    .query = "state kind step order overdue limit cursor",
    .columns = case_columns,
    .doc = "Returns, exchanges, refunds and repairs, newest first.",
    .example = "orderd case list --state open" },
  { .name = "case show",
    .args = "ID",
    .run = cli_api,
    .method = "GET",
    .path = "/v1/cases/{1}",
    .doc = "One case with its lines, photos and steps.",
    .example = "orderd case show c_1" },
  { .name = "case approve",
    .args = "ID",
    .options = "note=TEXT",
    .run = cli_api,
    .method = "POST",
    .path = "/v1/cases/{1}/approve",
    .body = "note",
    .doc = "Approve the step that a case stands at.",
    .more =
      "Who sits at the machine is an admin, one person for all of this: a second step needs somebody else's token.",
    .example = "orderd case approve c_1 --note 'as the photos show'" },
  { .name = "case reject",
    .args = "ID",
    .options = "reason=TEXT",
    .run = cli_api,
    .method = "POST",
    .path = "/v1/cases/{1}/reject",
    .body = "reason",
    .doc = "Reject a case, which ends it.",
    .example = "orderd case reject c_2 --reason 'worn for a month'" },
  { .name = "case refunded",
    .args = "ID",
    .options = "note=TEXT refund-id=ID",
    .run = cli_api,
    .method = "POST",
    .path = "/v1/cases/{1}/refunded",
    .body = "note refund_id",
    .doc = "Say that the refund of an approved case was made by hand.",
    .example = "orderd case refunded c_3 --note 'paid back at the till'" },

  { .name = "rule list",
    .run = cli_api,
    .method = "GET",
    .path = "/v1/rules",
    .columns = rule_columns,
    .doc = "The rules in DATA/rules/, in the order they are asked.",
    .example = "orderd rule list" },
  { .name = "rule show",
    .args = "NAME",
    .run = cli_api,
    .method = "GET",
    .path = "/v1/rules/{1}",
    .doc = "One rule with its text.",
    .example = "orderd rule show big-orders" },
  { .name = "rule on",
    .args = "NAME",
    .run = cli_api,
    .method = "POST",
    .path = "/v1/rules/{1}/on",
    .doc = "Switch a rule on, in the version that was read last.",
    .more =
      "A file that changes is a new version: it is off until it is switched on again ([rules] trust = yes: on).",
    .example = "orderd rule on big-orders" },
  { .name = "rule off",
    .args = "NAME",
    .run = cli_api,
    .method = "POST",
    .path = "/v1/rules/{1}/off",
    .doc = "Switch a rule off.",
    .example = "orderd rule off big-orders" },
  { .name = "rule test",
    .args = "FILE",
    .options = "from=TIME to=TIME limit=N",
    .run = cli_rule_test,
    .doc = "Which past orders a rule would change, and how; nothing is written.",
    .more = "Looks at the newest 1000 orders (--limit: up to 20000) as they are now.",
    .example = "orderd rule test examples/rules/big-orders.rule --limit 5000" },
  { .name = "rule example",
    .args = "FILE",
    .run = cli_rule_example,
    .doc = "Try a rule on the examples in its file; needs no running orderd.",
    .example = "orderd rule example examples/rules/big-orders.rule" },

  { .name = "work list",
    .options = "state=STATE factory=CODE order=ID overdue=true " LIST_OPTIONS,
    .run = cli_api,
    .method = "GET",
    .path = "/v1/work-orders",
    .query = "state factory order overdue limit cursor",
    .columns = work_columns,
    .doc = "What factories make, newest first.",
    .more =
      "States: wanted, sent, accepted, started, finished, passed, failed, scrapped, refused, cancelled.",
    .example = "orderd work list --factory SOFAS" },
  { .name = "work show",
    .args = "ID",
    .run = cli_api,
    .method = "GET",
    .path = "/v1/work-orders/{1}",
    .doc = "One work order with its bill of what to make, and what its factory said.",
    .example = "orderd work show w_1" },
  { .name = "work progress",
    .args = "ID",
    .options = "state=STATE step=N steps=M expected-at=TIME cancel=refused note=TEXT if-version=N",
    .run = cli_api,
    .method = "POST",
    .path = "/v1/work-orders/{1}/progress",
    .body = "state step# steps# expected_at cancel note if_version#",
    .doc = "Note how far a factory is with it.",
    .more =
      "--cancel refused: it was asked to stop, and goes on. Failed or scrapped: the pieces are ordered anew.",
    .example = "orderd work progress w_1 --state started --step 1 --steps 4" },
  { .name = "work cancel",
    .args = "ID",
    .options = "reason=TEXT again=yes if-version=N",
    .run = cli_api,
    .method = "POST",
    .path = "/v1/work-orders/{1}/cancel",
    .body = "reason again? if_version#",
    .doc = "Ask a factory not to make it; once it has begun it must agree.",
    .more =
      "--again yes orders the same pieces anew, e.g. when it was refused, or of another factory's machine.",
    .example = "orderd work cancel w_1 --reason 'the customer asks'" },

  { .name = "exception list",
    .options = "state=open|resolved type=TYPE owner=WHO order=ID " LIST_OPTIONS,
    .run = cli_api,
    .method = "GET",
    .path = "/v1/exceptions",
    .query = "state type owner order limit cursor",
    .columns = exception_columns,
    .doc = "What needs a person, newest first.",
    .example = "orderd exception list --state open" },
  { .name = "exception show",
    .args = "ID",
    .run = cli_api,
    .method = "GET",
    .path = "/v1/exceptions/{1}",
    .doc = "One exception.",
    .example = "orderd exception show x_2" },
  { .name = "exception assign",
    .args = "ID",
    .options = "owner=ROLE assignee=USER",
    .run = cli_api,
    .method = "POST",
    .path = "/v1/exceptions/{1}/assign",
    .body = "owner assignee",
    .doc = "Give an exception to a role or a user.",
    .example = "orderd exception assign x_2 --owner warehouse" },
  { .name = "exception resolve",
    .args = "ID",
    .options = "note=TEXT",
    .run = cli_api,
    .method = "POST",
    .path = "/v1/exceptions/{1}/resolve",
    .body = "note",
    .doc = "Close an exception with a note.",
    .example = "orderd exception resolve x_2 --note 'typed in by hand'" },

  { .name = "event list",
    .options = "since=SEQ entity=ID limit=N follow",
    .run = cli_events,
    .method = "GET",
    .path = "/v1/events",
    .query = "since entity limit",
    .columns = event_columns,
    .doc = "The journal; with --follow, as it is written.",
    .more = "--follow begins with what comes next, or after --since, and ends with Ctrl-C or the server.",
    .example = "orderd event list --since 10 --limit 5" },
  { .name = "channel list",
    .run = cli_api,
    .method = "GET",
    .path = "/v1/channels",
    .columns = channel_columns,
    .doc = "Channels: their orders, and how asking them goes.",
    .example = "orderd channel list" },
  { .name = "channel test",
    .args = "FILE|NAME...",
    .run = cli_channel_test,
    .doc = "Check connector files and run their examples, without a network.",
    .more =
      "A file, or a connector by its name: that of DATA/connectors/ before the built-in one. Exit 0 when every\n"
      "example passes, else 1; what is wrong in a file is told as FILE:LINE:COLUMN. `orderd help connectors`\n"
      "describes the files.",
    .example = "orderd channel test examples/connectors/shopee.channel till" },
  { .name = "channel add",
    .args = "NAME",
    .options = "connector=CONNECTOR copy",
    .run = cli_channel_add,
    .doc = "The section of a new channel for the configuration, with the secrets its connector asks for.",
    .more =
      "On a terminal each secret is asked for and kept in DATA/secrets/ (mode 0600). --copy also writes the\n"
      "connector's file to DATA/connectors/NAME.channel, as a start for one of your own.",
    .example = "orderd channel add my-shop --connector shopee" },
  { .name = "channel show",
    .args = "NAME",
    .run = cli_api,
    .method = "GET",
    .path = "/v1/channels/{1}",
    .doc = "One channel: state, last error with request and answer, last runs.",
    .example = "orderd channel show counter" },
  { .name = "channel sync",
    .args = "NAME",
    .options = "wait=DURATION",
    .run = cli_channel_sync,
    .doc = "Poll a channel now and say what came.",
    .more = "Waits for the end of the run, 60s at most or as long as --wait says; with --wait 0s not at all.",
    .example = "orderd channel sync counter --wait 0s" },
  { .name = "channel check",
    .args = "NAME",
    .run = cli_channel_check,
    .doc = "Check a channel's connector, secrets and clock by a poll.",
    .more = "Exit 0 when the platform answers as it should, else 1 with its words and what to do.",
    .example = "orderd channel check counter" },
  { .name = "channel pause",
    .args = "NAME",
    .run = cli_api,
    .method = "POST",
    .path = "/v1/channels/{1}/pause",
    .body = "",
    .doc = "Stop polling a channel; pushes are still kept.",
    .example = "orderd channel pause counter" },
  { .name = "channel resume",
    .args = "NAME",
    .run = cli_api,
    .method = "POST",
    .path = "/v1/channels/{1}/resume",
    .body = "",
    .doc = "Poll a channel again, from where it stopped.",
    .example = "orderd channel resume counter" },
  { .name = "secret set",
    .args = "CHANNEL NAME",
    .run = cli_secret_set,
    .doc = "Keep a secret of a channel, sealed; it is read from standard input.",
    .more = "Sealed with DATA/secret.key (mode 0600, made when it is first needed), and never shown again.",
    .example = "orderd secret set shop-sg partner_key <partner_key.txt" },

  { .name = "warehouse put",
    .args = "CODE",
    .options =
      "title=TEXT kind=warehouse|factory country=CC division=CODE regions=LIST capacity=N state=active|retired if-version=N",
    .run = cli_api,
    .method = "POST",
    .path = "/v1/warehouses",
    .body = "code=1 title kind country division regions, capacity# state if_version#",
    .doc = "Make or change a warehouse, or a factory that makes to order.",
    .more =
      "--division says where it stands, --regions what it serves (everywhere, when it is left out): countries of\n"
      "two letters and codes of provinces, cities and districts (GB/T 2260), by commas. What is not named stays.",
    .example = "orderd warehouse put HZ --title '杭州仓' --division 330110 --capacity 500" },
  { .name = "rate put",
    .args = "CARRIER",
    .options =
      "card=CODE service=TEXT province=TEXT city=TEXT model=first_add|per_kg|total from-kg=N to-kg=N first-kg=N first-price=N "
      "price-per-kg=N days=TEXT divisor=N step-kg=N minimum=N fuel-percent=N remote=N retired=yes|no",
    .run = cli_api,
    .method = "POST",
    .path = "/v1/rates",
    .body =
      "carrier=1 card service province city model from_kg to_kg first_kg first_price price_per_kg days divisor step_kg minimum "
      "fuel_percent remote retired",
    .doc = "Enter a band of a rate card, and what holds for the whole card.",
    .more =
      "Whole cards come from a sheet: orderd import FILE --as rates. first_add: the first price up to the first weight,\n"
      "then the price per kg for what is beyond; per_kg: weight by price; total: the band's price whatever the weight.",
    .example =
      "orderd rate put sf --province 浙江省 --first-kg 1 --first-price 6 --price-per-kg 0.9 --step-kg 0.1" },
  { .name = "rate list",
    .run = cli_api,
    .method = "GET",
    .path = "/v1/rates",
    .columns = rate_columns,
    .doc = "Rate cards: what carriers cost.",
    .example = "orderd rate list" },
  { .name = "rate show",
    .args = "CARD",
    .run = cli_api,
    .method = "GET",
    .path = "/v1/rates/{1}",
    .doc = "One rate card with its bands.",
    .example = "orderd rate show sf" },
  { .name = "quote",
    .args = "[FULFILMENT]",
    .options =
      "province=TEXT city=TEXT weight-g=N volume-cm3=N longest-mm=N cod-minor=N insured-minor=N days=N",
    .run = cli_api,
    .method = "POST",
    .path = "/v1/shipments/quote",
    .body = "fulfilment=1 province city weight_g# volume_cm3# longest_mm# cod_minor# insured_minor# days#",
    .doc = "Price a parcel with every rate card: who wins, and why the others lose.",
    .more =
      "A fulfilment as its articles weigh and where it goes, or a province and a weight. --days: it must be there by then.",
    .example = "orderd quote --province 浙江省 --weight-g 2500" },
  { .name = "what-if carriers",
    .options = "from=DAY to=DAY orders=FILE cards=FILE",
    .run = cli_what_if,
    .doc = "What always using one carrier would have cost, against the best for each parcel.",
    .more =
      "Of the parcels that left, or of those in a file: --orders is CSV with province, city, weight_g, volume_cm3; --cards the\n"
      "rate cards as import reads them. A carrier is compared over the parcels that it takes.",
    .example = "orderd what-if carriers --from 2026-01-01" },
  { .name = "warehouse list",
    .run = cli_api,
    .method = "GET",
    .path = "/v1/warehouses",
    .columns = warehouse_columns,
    .doc = "Warehouses and factories.",
    .example = "orderd warehouse list" },
  { .name = "warehouse show",
    .args = "CODE",
    .run = cli_api,
    .method = "GET",
    .path = "/v1/warehouses/{+1}",
    .doc = "One warehouse.",
    .example = "orderd warehouse show HZ" },
  { .name = "sku put",
    .args = "CODE",
    .options =
      "title=TEXT barcodes=LIST parts=LIST weight-g=N length-mm=N width-mm=N height-mm=N hazard=WORD safety=N "
      "made=yes|no cold=yes|no state=active|retired if-version=N",
    .run = cli_api,
    .method = "POST",
    .path = "/v1/skus",
    .body =
      "code=1 title barcodes, parts* weight_g# length_mm# width_mm# height_mm# hazard safety# made? cold? state if_version#",
    .doc = "Make or change an article of the data dictionary.",
    .more =
      "From the first article on stock is kept: paid orders reserve pieces. --parts CODE:N,CODE:N makes it a kit,\n"
      "--safety keeps so many pieces from the channels, --made says that a factory makes it to order. What is not\n"
      "named stays as it is.",
    .example =
      "orderd sku put CHAIR-OAK --title '橡木椅' --barcodes 6901234567892 --weight-g 6500 --safety 2" },
  { .name = "sku list",
    .options = "q=TEXT state=active|retired " LIST_OPTIONS,
    .run = cli_api,
    .method = "GET",
    .path = "/v1/skus",
    .query = "q state limit cursor",
    .columns = sku_columns,
    .doc = "Articles; --q finds a part of code, title or barcode.",
    .example = "orderd sku list --q chair" },
  { .name = "sku show",
    .args = "CODE",
    .run = cli_api,
    .method = "GET",
    .path = "/v1/skus/{+1}",
    .doc = "One article with its barcodes, parts and what is available.",
    .example = "orderd sku show CHAIR-OAK" },
  { .name = "mapping put",
    .args = "CHANNEL CHANNEL_SKU SKU",
    .run = cli_api,
    .method = "POST",
    .path = "/v1/mappings",
    .body = "channel=1 channel_sku=2 sku=3",
    .doc = "Say which article a channel means by a SKU of its own.",
    .more = "Orders that waited for it go on by themselves.",
    .example = "orderd mapping put counter 70012345 CHAIR-OAK" },
  { .name = "mapping list",
    .options = "channel=NAME sku=CODE " LIST_OPTIONS,
    .run = cli_api,
    .method = "GET",
    .path = "/v1/mappings",
    .query = "channel sku limit cursor",
    .columns = mapping_columns,
    .doc = "What channels call the articles.",
    .example = "orderd mapping list --channel counter" },
  { .name = "mapping drop",
    .args = "CHANNEL CHANNEL_SKU",
    .run = cli_api,
    .method = "POST",
    .path = "/v1/mappings/drop",
    .body = "channel=1 channel_sku=2",
    .doc = "Forget what a channel meant by a SKU.",
    .example = "orderd mapping drop counter 70012345" },
  { .name = "stock adjust",
    .args = "SKU WAREHOUSE DELTA",
    .options = "reason=TEXT note=TEXT",
    .run = cli_api,
    .method = "POST",
    .path = "/v1/stock/adjustments",
    .body = "sku=1 warehouse=2 delta=3# reason note",
    .doc = "Book pieces in (12) or out (-1), with a reason.",
    .example = "orderd stock adjust CHAIR-OAK HZ 12 --reason receipt --note 'delivery 7'" },
  { .name = "stock count",
    .args = "SKU WAREHOUSE COUNTED",
    .options = "note=TEXT",
    .run = cli_api,
    .method = "POST",
    .path = "/v1/stock",
    .body = "sku=1 warehouse=2 counted=3# note",
    .doc = "Book what was counted on the shelf, with the pieces of parcels under way.",
    .more =
      "Fewer than are reserved: the youngest orders lose theirs and wait as oversold. Fewer than are in parcels\n"
      "under way is refused with the parcels.",
    .example = "orderd stock count CHAIR-OAK HZ 211 --note 'one was broken'" },
  { .name = "stock move",
    .args = "SKU WAREHOUSE QUANTITY",
    .options =
      "to=WAREHOUSE from-bucket=available|quarantine to-bucket=available|quarantine reason=TEXT note=TEXT",
    .run = cli_api,
    .method = "POST",
    .path = "/v1/stock/moves",
    .body = "sku=1 warehouse=2 quantity=3# to from_bucket to_bucket reason note",
    .doc = "Move pieces to another warehouse, or into or out of quarantine.",
    .example = "orderd stock move CHAIR-OAK HZ 1 --to-bucket quarantine --reason damaged" },
  { .name = "stock list",
    .options = "sku=CODE warehouse=CODE " LIST_OPTIONS,
    .run = cli_api,
    .method = "GET",
    .path = "/v1/stock",
    .query = "sku warehouse limit cursor",
    .columns = stock_columns,
    .doc = "How many pieces lie where, and how many of them are available.",
    .example = "orderd stock list --warehouse HZ" },
  { .name = "stock ledger",
    .options = "sku=CODE warehouse=CODE " LIST_OPTIONS,
    .run = cli_api,
    .method = "GET",
    .path = "/v1/stock/ledger",
    .query = "sku warehouse limit cursor",
    .columns = ledger_columns,
    .doc = "Every change of stock with its reason, newest first.",
    .example = "orderd stock ledger --sku CHAIR-OAK --warehouse HZ" },
  { .name = "sku retire",
    .args = "CODE",
    .options = CHANGE_OPTIONS,
    .run = cli_api,
    .method = "POST",
    .path = "/v1/skus/{+1}/retire",
    .body = "note if_version#",
    .doc = "Retire an article: it is known to orders, and no longer offered.",
    .example = "orderd sku retire CHAIR-OAK --note 'no longer made'" },

  { .name = "check",
    .args = "[FILE]",
    .run = cli_check,
    .doc = "Prove the invariants of the data; exit 0, or 1 and a list of what is broken.",
    .more = "Without FILE it is the database of --data, also while it is served. FILE may be a backup.",
    .example = "orderd check" },
  { .name = "backup",
    .args = "FILE",
    .run = cli_backup,
    .doc = "Write a checked copy of the database, also while it is served.",
    .more =
      "The copy is opened, checked and compared before it counts. The configuration goes along as FILE.conf, the key\n"
      "that opens sealed secrets as FILE.key, connectors and secrets of your own as FILE.connectors and FILE.secrets:\n"
      "whoever has all of them can act as your shops.",
    .example = "orderd backup backup.db" },
  { .name = "restore",
    .args = "FILE",
    .options = "force",
    .run = cli_restore,
    .doc = "Put a backup in place of the database.",
    .more =
      "Refused while somebody serves, and when there is a database already; --force moves that one aside.\n"
      "The backup's key replaces the one that is there, which moves aside too; of configuration, connectors and\n"
      "secrets what is there stays, and what is missing comes back.\n"
      "Nothing is sent outside from a restored database until a person releases it (orderd outbox release).",
    .example = "orderd restore backup.db --force" },

  { .name = "user add",
    .args = "NAME",
    .options = "roles=LIST password",
    .run = cli_user_add,
    .doc = "Add a user.",
    .more =
      "Roles: admin, cs, warehouse, production, finance, viewer, by commas. --password asks for one on the\n"
      "terminal, or reads a line from standard input.",
    .example = "orderd user add amy --roles cs,warehouse" },
  { .name = "user list",
    .run = cli_api,
    .method = "GET",
    .path = "/v1/users",
    .columns = user_columns,
    .doc = "Users with their roles.",
    .example = "orderd user list" },
  { .name = "user roles",
    .args = "NAME LIST",
    .run = cli_api,
    .method = "POST",
    .path = "/v1/users/{1}",
    .body = "roles=2",
    .doc = "Give a user other roles.",
    .example = "orderd user roles amy viewer" },
  { .name = "user revoke",
    .args = "NAME",
    .run = cli_user_revoke,
    .doc = "Take a user's access away; the name stays in the history.",
    .example = "orderd user revoke amy" },
  { .name = "token add",
    .args = "NAME",
    .options = "roles=LIST channel=NAME user=NAME expires=TIME",
    .run = cli_token_add,
    .doc = "Make an access token; it is shown this once.",
    .more =
      "The role channel stands alone and names its channel. --user says whose it is: it has no role that the user has\n"
      "not, counts as that person where two must agree, and ends with the user. --expires is a time with a zone, or a duration: 90d.",
    .example = "orderd token add till-1 --roles channel --channel till --expires 90d" },
  { .name = "token list",
    .run = cli_api,
    .method = "GET",
    .path = "/v1/tokens",
    .columns = token_columns,
    .doc = "Access tokens, without the tokens.",
    .example = "orderd token list" },
  { .name = "token revoke",
    .args = "NAME",
    .run = cli_api,
    .method = "POST",
    .path = "/v1/tokens/{1}/revoke",
    .body = "",
    .doc = "Revoke an access token, by its name or id.",
    .example = "orderd token revoke till-1" },

  { .name = "config",
    .run = cli_config_show,
    .doc = "Every value of the configuration, and where it came from.",
    .more = "`orderd help config` documents every key.",
    .example = "orderd config" },
  { .name = "version",
    .run = cli_version,
    .doc = "Our version and commit, and the versions of everything linked in.",
    .example = "orderd version" },
  { .name = "help",
    .args = "[COMMAND...]",
    .run = cli_help,
    .doc = "This list, or all about one command.",
    .example = "orderd help order show" },
};
const size_t cli_commands_n = COUNT(cli_commands);

static const char GLOBAL_OPTIONS[] = "data=DIR config=FILE json quiet help version";

/* ---- messages --------------------------------------------------------------------------------------------------- */
static void say(const char *before, const char *fmt, va_list ap) PRINTF(2, 0);
static void say(const char *before, const char *fmt, va_list ap)
{
  char text[2048];
  struct buf safe = { 0 };
  vsnprintf(text, sizeof text, fmt, ap);
  text_safe(&safe, text);
  fflush(stdout);
  fprintf(stderr, "%s%s\n", before, safe.data ? safe.data : "");
  buf_release(&safe);
}

int cli_fail(const struct cli *c, const char *fmt, ...)
{
  (void)c;
  va_list ap;
  va_start(ap, fmt);
  say("orderd: ", fmt, ap);
  va_end(ap);
  return EXIT_FAILED;
}

int cli_wrong(const struct cli *c, const char *fmt, ...)
{
  va_list ap;
  va_start(ap, fmt);
  say("orderd: ", fmt, ap);
  va_end(ap);
  if (c->command) fprintf(stderr, "See: orderd help %s\n", c->command->name);
  else fprintf(stderr, "See: orderd help\n");
  return EXIT_USAGE;
}

void cli_say(const struct cli *c, const char *fmt, ...)
{
  va_list ap;
  if (c->quiet) return;
  va_start(ap, fmt);
  say("", fmt, ap);
  va_end(ap);
}

/* ---- options ------------------------------------------------------------------------------------------------------ */
const char *cli_option(const struct cli *c, const char *name)
{
  for (size_t i = 0; i < c->options; i++)
    if (!strcmp(c->option[i].name, name)) return c->option[i].value;
  return NULL;
}

bool cli_number(struct cli *c, const char *name, int64_t least, int64_t most, int64_t *out)
{
  const char *v = cli_option(c, name);
  int64_t n = 0;
  if (!v) return true;
  size_t len = strspn(v, "0123456789");
  for (size_t i = 0; i < len && len <= 18; i++) n = n * 10 + (v[i] - '0');
  if (len && len <= 18 && !v[len] && n >= least && n <= most) {
    *out = n;
    return true;
  }
  cli_wrong(c, "--%s is a number from %lld to %lld", name, (long long)least, (long long)most);
  return false;
}

/* In a list like "status=STATUS all": *takes says whether a value belongs to it. */
static bool option_known(const char *list, const char *name, size_t n, bool *takes)
{
  for (const char *p = list ? list : ""; *p; p += strspn(p, " ")) {
    size_t len = strcspn(p, " "), word = strcspn(p, "= ");
    if (word == n && !memcmp(p, name, n)) {
      *takes = p[word] == '=';
      return true;
    }
    p += len;
  }
  return false;
}

static size_t option_names(struct arena *a, const char *list, const char **names, size_t max)
{
  size_t n = 0;
  for (const char *p = list ? list : ""; *p && n < max; p += strspn(p, " ")) {
    names[n++] = arena_strn(a, p, strcspn(p, "= "));
    p += strcspn(p, " ");
  }
  return n;
}

static int option_unknown(struct cli *c, const char *name)
{
  const char *names[64];
  size_t n = option_names(&c->mem, c->command ? c->command->options : NULL, names, COUNT(names));
  n += option_names(&c->mem, GLOBAL_OPTIONS, names + n, COUNT(names) - n);
  const char *near = word_nearest(name, names, n);
  return near ? cli_wrong(c, "there is no option --%s; did you mean --%s?", name, near)
              : cli_wrong(c, "there is no option --%s", name);
}

static const struct {
  const char *brief, *name;
} brief_options[] = { { "-o", "--output" }, { "-h", "--help" }, { "-q", "--quiet" } };

static const char *option_long(const char *word)
{
  for (size_t i = 0; i < COUNT(brief_options); i++)
    if (!strcmp(brief_options[i].brief, word)) return brief_options[i].name;
  return word;
}

static void option_keep(struct cli *c, const char *name, const char *value)
{
  if (!strcmp(name, "data")) c->data = value;
  else if (!strcmp(name, "config")) c->config_path = value;
  else if (!strcmp(name, "json")) c->json = true;
  else if (!strcmp(name, "quiet")) c->quiet = true;
  else c->option[c->options].name = name, c->option[c->options++].value = value;
}

/* --name VALUE, --name=VALUE, --name. *used: how many words it took; 0: an error was told. */
static int option_take(struct cli *c, const char *list, char **word, int left, int *used)
{
  const char *text = option_long(word[0]) + 2, *equals = strchr(text, '=');
  size_t n = equals ? (size_t)(equals - text) : strlen(text);
  bool takes = false;
  const char *name = arena_strn(&c->mem, text, n);
  *used = 1;
  if (!option_known(GLOBAL_OPTIONS, name, n, &takes) && !option_known(list, name, n, &takes))
    return option_unknown(c, name);
  if (c->options == CLI_OPTIONS_MAX || cli_option(c, name)) return cli_wrong(c, "--%s is given twice", name);
  if (!takes && equals) return cli_wrong(c, "--%s takes no value", name);
  const char *value = equals ? equals + 1 : "";
  if (takes && !equals) {
    if (left < 2) return cli_wrong(c, "--%s needs a value", name);
    value = word[1], *used = 2;
  }
  option_keep(c, name, value);
  return EXIT_DONE;
}

/* "-" is a file and "-3" a number. */
static bool is_option(const char *word)
{
  return word[0] == '-' && word[1] && !(word[1] >= '0' && word[1] <= '9');
}

/* ---- the command ---------------------------------------------------------------------------------------------------- */
/* The row whose name is the most of the next words; *used of them. */
static const struct cli_command *command_find(char **word, int n, int *used)
{
  const struct cli_command *best = NULL;
  *used = 0;
  for (size_t i = 0; i < cli_commands_n; i++) {
    const char *p = cli_commands[i].name;
    int at = 0;
    while (*p && at < n) {
      size_t len = strcspn(p, " ");
      if (strlen(word[at]) != len || memcmp(word[at], p, len) != 0) break;
      p += len, p += *p == ' ', at++;
    }
    if (!*p && at > *used) best = &cli_commands[i], *used = at;
  }
  return best;
}

static int command_unknown(struct cli *c, char **word, int n)
{
  const char *names[COUNT(cli_commands)];
  size_t group = strlen(word[0]);
  bool any = false;
  for (size_t i = 0; i < cli_commands_n; i++) {
    names[i] = cli_commands[i].name;
    if (strncmp(names[i], word[0], group) != 0 || names[i][group] != ' ') continue;
    if (!any)
      fprintf(stderr,
              n > 1 && !is_option(word[1]) ? "orderd: there is no command of that name. Of %s there are:\n"
                                           : "%s, and then:\n",
              word[0]);
    any = true;
    fprintf(stderr, "  orderd %-20s %s\n", names[i], cli_commands[i].doc);
  }
  if (any) return EXIT_USAGE;
  const char *near = word_nearest(word[0], names, cli_commands_n);
  return near ? cli_wrong(c, "there is no command %s; did you mean %s?", word[0], near)
              : cli_wrong(c, "there is no command %s", word[0]);
}

/* How many arguments "ID [TEXT] NAME..." takes. */
static void args_count(const char *spec, size_t *least, size_t *most)
{
  *least = *most = 0;
  for (const char *p = spec ? spec : ""; *p; p += strspn(p, " ")) {
    size_t len = strcspn(p, " ");
    bool optional = *p == '[', many = len > 3 && memmem(p, len, "...", 3);
    *most = many ? CLI_ARGS_MAX : *most + 1;
    if (!optional) ++*least;
    p += len;
  }
}

static int args_check(struct cli *c)
{
  size_t least, most;
  args_count(c->command->args, &least, &most);
  if (c->args < least) return cli_wrong(c, "%s needs: %s", c->command->name, c->command->args);
  if (c->args > most)
    return cli_wrong(c, "%s takes %s%s", c->command->name, c->command->args ? "only: " : "no arguments",
                     c->command->args ? c->command->args : "");
  return EXIT_DONE;
}

static int words_take(struct cli *c, char **word, int n)
{
  int used, status;
  bool only_args = false;
  for (int i = 0; i < n; i += used) {
    used = 1;
    if (!only_args && !strcmp(word[i], "--")) {
      only_args = true;
    } else if (!only_args && is_option(word[i])) {
      if (strncmp(option_long(word[i]), "--", 2) != 0) return cli_wrong(c, "there is no option %s", word[i]);
      if ((status = option_take(c, c->command ? c->command->options : NULL, word + i, n - i, &used)))
        return status;
    } else if (!c->command) {
      c->command = command_find(word + i, n - i, &used);
      if (!c->command) return command_unknown(c, word + i, n - i);
    } else if (c->args == CLI_ARGS_MAX) {
      return cli_wrong(c, "too many arguments");
    } else {
      c->arg[c->args++] = word[i];
    }
  }
  return EXIT_DONE;
}

/* ---- the environment and the configuration ------------------------------------------------------------------------------ */
static const char *env_value(const struct cli *c, const char *name)
{
  size_t n = strlen(name);
  for (char *const *e = c->environ; e && *e; e++)
    if (!strncmp(*e, name, n) && (*e)[n] == '=' && (*e)[n + 1]) return *e + n + 1;
  return NULL;
}

const char *cli_path(struct cli *c, const char *name)
{
  return arena_printf(&c->mem, "%s/%s", c->data, name);
}

bool cli_config(struct cli *c, struct arena *a, struct config *out, const char **why)
{
  struct config_flag flag[1];
  struct config_source s = { .flag = flag, .environ = c->environ };
  const char *listen = cli_option(c, "listen");
  s.path = c->config_path ? c->config_path : arena_printf(a, "%s/orderd.conf", c->data);
  s.must_exist = c->config_path != NULL;
  if (listen) flag[s.flags_n++] = (struct config_flag){ "server", "listen", listen, "--listen" };
  return config_load(a, &s, out, why);
}

static void cli_begin(struct cli *c, char *const *envp)
{
  c->environ = envp;
  c->out_tty = isatty(STDOUT_FILENO), c->err_tty = isatty(STDERR_FILENO);
  const char *term = env_value(c, "TERM");
  c->color = c->out_tty && !env_value(c, "NO_COLOR") && term && strcmp(term, "dumb") != 0;
  log_open(LOG_INFO, c->err_tty && !env_value(c, "NO_COLOR"));
}

/* Where nothing was said: the environment, then the place that fits the command. */
static void cli_defaults(struct cli *c)
{
  const char *own = c->command->run == cli_demo ? "demo" : "data";
  if (!c->data) c->data = env_value(c, "ORDERD_DATA");
  if (!c->data || !*c->data) c->data = own;
  if (!c->config_path) c->config_path = env_value(c, "ORDERD_CONFIG");
}

static int no_command(struct cli *c)
{
  if (cli_option(c, "version")) return cli_version(c);
  if (cli_option(c, "help")) return cli_help(c);
  fprintf(stderr, "orderd keeps the orders of a small shop together. See: orderd help\n");
  return EXIT_USAGE;
}

static void help_print(const struct cli_command *k)
{
  struct buf out = { 0 };
  help_put(&out, k);
  fputs(out.data, stdout);
  buf_release(&out);
}

static int cli_run(struct cli *c, int argc, char **argv)
{
  int status = words_take(c, argv + 1, argc - 1);
  if (status) return status;
  const struct cli_command *k = c->command;
  bool help = cli_option(c, "help") != NULL;
  if (!k) return no_command(c);
  if (help) help_print(k);
  cli_defaults(c);
  status = help ? EXIT_DONE : args_check(c);
  return help || status ? status : k->run(c);
}

/* A result that could not be written is no result. */
static int out_close(struct cli *c, int status)
{
  bool lost = fflush(stdout) != 0 || ferror(stdout);
  if (lost && status == EXIT_DONE) return cli_fail(c, "standard output could not be written");
  return status;
}

int cli_main(int argc, char **argv, char **envp)
{
  struct cli *c = mem_new(sizeof *c);
  cli_begin(c, envp);
  int status = cli_run(c, argc, argv);
  status = out_close(c, status);
  cli_link_close(c);
  arena_release(&c->mem);
  mem_free(c);
  return status;
}
