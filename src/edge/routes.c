/* routes.c: the table of routes and the search in it. Pure. */
#include "edge.h"

#define LIST "limit cursor"

/* A literal path stands before one with {id} that would match it too. */
const struct route route_table[] = {
  { "GET", "/", ROLE_OPEN, "home", CMD_N, .run = home_get,
    .doc = "The console for browsers; for others, what this is and where it is described." },
  { "GET", "/console/{id}", ROLE_OPEN, "getConsoleFile", CMD_N, .run = console_file_get,
    .doc = "A file of the console, by a name that changes with what is in it." },
  { "GET", "/healthz", ROLE_OPEN, "healthz", CMD_N, .run = health_get,
    .doc = "Alive, disk, writer, backlog and surge; 503 when something is wrong." },
  { "GET", "/readyz", ROLE_OPEN, "readyz", CMD_N, .run = ready_get, .doc = "Ready to take requests." },
  { "GET", "/metrics", ROLES_PEOPLE, "metrics", CMD_N, .run = metrics_get,
    .doc = "Figures as Prometheus text." },
  { "GET", "/openapi.json", ROLES_ANYONE, "openapi", CMD_N, .run = openapi_get,
    .doc = "This description of the API." },

  { "POST", "/v1/orders", ROLES_OF_CMD, "postOrders", CMD_ORDER_INGEST, .run = orders_post,
    .body = BODY_ORDERS, .query = "dry_run source",
    .doc = "Take one order, a batch, or a stream of orders; idempotent by channel and external id." },
  { "GET", "/v1/orders", ROLES_ANYONE, "listOrders", CMD_N, .read = orders_read, .heavy = true,
    .query =
      "status channel group sku warehouse owner overdue held urgent exception tag from to q sort " LIST,
    .doc = "List orders, newest first, by filters or a search." },
  { "GET", "/v1/orders/{id}", ROLES_ANYONE, "getOrder", CMD_N, .read = order_read,
    .doc = "One order, by its id or by channel:external_id." },
  { "GET", "/v1/orders/{id}/events", ROLES_PEOPLE, "listOrderEvents", CMD_N, .read = order_events_read,
    .query = "since cursor limit", .doc = "The history of an order." },
  { "GET", "/v1/orders/{id}/why", ROLES_PEOPLE, "getOrderWhy", CMD_N, .read = order_why_read, .heavy = true,
    .doc = "Why an order was merged, or not, and what holds it: each condition with its value." },
  { "POST", "/v1/orders/{id}/transitions", ROLES_OF_CMD, "moveOrder", CMD_ORDER_MOVE, .body = BODY_JSON,
    .doc = "Move an order to another status." },
  { "POST", "/v1/orders/{id}/hold", ROLES_OF_CMD, "holdOrder", CMD_ORDER_HOLD, .body = BODY_JSON,
    .doc = "Stop an order with a reason." },
  { "POST", "/v1/orders/{id}/release", ROLES_OF_CMD, "releaseOrder", CMD_ORDER_RELEASE, .body = BODY_MAYBE,
    .doc = "Take one hold, or all of them, off an order." },
  { "POST", "/v1/orders/{id}/cancel", ROLES_OF_CMD, "cancelOrder", CMD_ORDER_CANCEL, .body = BODY_JSON,
    .doc = "Cancel an order with a reason." },

  { "GET", "/v1/groups", ROLES_PEOPLE, "listGroups", CMD_N, .read = groups_read, .heavy = true,
    .query = "state proposed several " LIST, .doc = "List merge groups, newest first." },
  { "GET", "/v1/groups/{id}", ROLES_PEOPLE, "getGroup", CMD_N, .read = group_read,
    .doc = "One group with its orders." },
  { "POST", "/v1/groups/{id}/remove", ROLES_OF_CMD, "removeFromGroup", CMD_GROUP_REMOVE, .body = BODY_JSON,
    .doc = "Take an order out of its group, for good." },
  { "POST", "/v1/groups/{id}/add", ROLES_OF_CMD, "addToGroup", CMD_GROUP_ADD, .body = BODY_JSON,
    .doc = "Put an order into a group, for good." },
  { "POST", "/v1/groups/{id}/lock", ROLES_OF_CMD, "lockGroup", CMD_GROUP_LOCK, .body = BODY_MAYBE,
    .doc = "Lock a group, so that it neither takes nor gives orders." },

  { "GET", "/v1/fulfilments", ROLES_PEOPLE, "listFulfilments", CMD_N, .read = fulfilments_read, .heavy = true,
    .query = "status warehouse work order group wave " LIST, .doc = "List fulfilments, newest first." },
  { "GET", "/v1/fulfilments/{id}", ROLES_PEOPLE, "getFulfilment", CMD_N, .read = fulfilment_read,
    .doc = "One fulfilment with its lines, pieces and claim." },
  { "POST", "/v1/fulfilments/{id}/claims", ROLES_OF_CMD, "claimFulfilment", CMD_FULFILMENT_CLAIM,
    .body = BODY_JSON, .doc = "Claim a fulfilment with a tracking number." },
  { "GET", "/v1/fulfilments/{id}/slip", ROLES_PEOPLE, "getSlip", CMD_N, .prints = true,
    .read = slip_page_read, .query = "lang",
    .doc = "A fulfilment's slip to print: barcode, lines and remarks." },
  { "GET", "/v1/barcodes", ROLES_PEOPLE, "getBarcodes", CMD_N, .read = barcodes_read, .query = "texts lang",
    .doc = "Barcodes to print, for shelves, articles and the bench's commands." },
  { "GET", "/v1/waves", ROLES_PEOPLE, "listWaves", CMD_N, .read = waves_read,
    .query = "state warehouse " LIST, .doc = "List rounds of picking, newest first." },
  { "POST", "/v1/waves", ROLES_OF_CMD, "makeWave", CMD_WAVE_MAKE, .body = BODY_JSON,
    .doc = "Gather fulfilments of a warehouse for picking: named ones, or the most urgent." },
  { "GET", "/v1/waves/{id}", ROLES_PEOPLE, "getWave", CMD_N, .read = wave_read, .heavy = true,
    .doc = "One wave: what is picked, and for which fulfilments." },
  { "GET", "/v1/waves/{id}/picklist", ROLES_PEOPLE, "getPicklist", CMD_N, .prints = true,
    .read = picklist_read, .heavy = true, .query = "lang", .doc = "A wave's pick list and slips to print." },
  { "POST", "/v1/waves/{id}/end", ROLES_OF_CMD, "endWave", CMD_WAVE_END, .body = BODY_MAYBE,
    .doc = "End a wave: it is picked." },
  { "POST", "/v1/waves/{id}/remove", ROLES_OF_CMD, "removeFromWave", CMD_WAVE_REMOVE, .body = BODY_JSON,
    .doc = "Take a fulfilment out of its wave before it is packed." },
  { "GET", "/v1/pack/{id}", ROLES_PEOPLE, "getPack", CMD_N, .read = pack_read,
    .doc = "What the packing bench expects of a fulfilment." },
  { "POST", "/v1/pack/{id}/scan", ROLES_OF_CMD, "scanPack", CMD_PACK_SCAN, .body = BODY_JSON,
    .doc = "Scan a piece at the packing bench: right, wrong, too many, done." },
  { "POST", "/v1/pack/{id}/reset", ROLES_OF_CMD, "resetPack", CMD_PACK_RESET, .body = BODY_MAYBE,
    .doc = "Begin again to scan a fulfilment." },
  { "POST", "/v1/pack/{id}/short", ROLES_OF_CMD, "shortPack", CMD_PACK_SHORT, .body = BODY_JSON,
    .doc = "Say at the bench that pieces lack or are damaged: the rest is planned anew." },
  { "GET", "/v1/claims/{id}", ROLES_PEOPLE, "getClaim", CMD_N, .read = claim_read,
    .doc = "One claim: its two facts, and what each channel knows." },
  { "POST", "/v1/claims/{id}/void", ROLES_OF_CMD, "voidClaim", CMD_CLAIM_VOID, .body = BODY_JSON,
    .doc = "Void a label that no carrier has: its pieces are the orders' again." },
  { "POST", "/v1/claims/{id}/confirm", ROLES_OF_CMD, "confirmClaim", CMD_CLAIM_CONFIRM, .body = BODY_JSON,
    .doc = "Say what a channel knows of a parcel, or tell it again." },
  { "POST", "/v1/claims/{id}/put-back", ROLES_OF_CMD, "putBackClaim", CMD_CLAIM_PUT_BACK, .body = BODY_JSON,
    .doc = "Scan pieces of a void parcel back to the shelf." },
  { "POST", "/v1/shipments/trace", ROLES_OF_CMD, "traceParcel", CMD_PARCEL_TRACE, .body = BODY_JSON,
    .doc = "Note what the carrier did with a parcel." },
  { "GET", "/v1/waybills", ROLES_PEOPLE, "listWaybills", CMD_N, .read = waybills_read,
    .query = "state carrier fulfilment " LIST, .doc = "List waybills, newest first." },
  { "POST", "/v1/waybills", ROLES_OF_CMD, "buyWaybill", CMD_WAYBILL_BUY, .body = BODY_JSON,
    .doc = "Buy a waybill of a fulfilment, once: from the carrier that is named, else the best one." },
  { "GET", "/v1/waybills/{id}", ROLES_PEOPLE, "getWaybill", CMD_N, .read = waybill_one_read,
    .doc = "One waybill with what its carrier told of the parcel." },
  { "GET", "/v1/waybills/{id}/label", ROLES_PEOPLE, "getLabel", CMD_N, .prints = true, .read = label_read,
    .doc = "A waybill's label to print, 100 by 150 mm, a page per piece." },
  { "POST", "/v1/waybills/{id}/void", ROLES_OF_CMD, "voidWaybill", CMD_WAYBILL_VOID, .body = BODY_JSON,
    .doc = "Take a waybill back, and the claim with its number." },
  { "POST", "/v1/waybills/{id}/again", ROLES_OF_CMD, "againWaybill", CMD_WAYBILL_AGAIN, .body = BODY_JSON,
    .doc = "Take a waybill back and buy another as soon as it is void." },

  { "GET", "/v1/cases", ROLES_PEOPLE, "listCases", CMD_N, .read = cases_read,
    .query = "state kind step order overdue " LIST,
    .doc = "List returns, exchanges, refunds and repairs, newest first." },
  { "POST", "/v1/cases", ROLES_OF_CMD, "openCase", CMD_CASE_OPEN, .body = BODY_JSON,
    .doc = "Ask for a return, an exchange, a refund or a repair of lines of an order." },
  { "GET", "/v1/cases/{id}", ROLES_PEOPLE, "getCase", CMD_N, .read = case_read,
    .doc = "One case with its lines, photos and steps." },
  { "POST", "/v1/cases/{id}/approve", ROLES_OF_CMD, "approveCase", CMD_CASE_APPROVE, .body = BODY_MAYBE,
    .doc = "Approve the step that a case stands at; nobody approves two, nor what they asked for." },
  { "POST", "/v1/cases/{id}/reject", ROLES_OF_CMD, "rejectCase", CMD_CASE_REJECT, .body = BODY_JSON,
    .doc = "Reject a case with a reason, which ends it." },
  { "POST", "/v1/cases/{id}/send-back", ROLES_OF_CMD, "sendBackCase", CMD_CASE_SEND_BACK, .body = BODY_JSON,
    .doc = "Send a case back one step, with a reason." },
  { "POST", "/v1/cases/{id}/change", ROLES_OF_CMD, "changeCase", CMD_CASE_CHANGE, .body = BODY_JSON,
    .doc = "Change lines or amount of a case: its steps begin anew." },
  { "POST", "/v1/cases/{id}/receive", ROLES_OF_CMD, "receiveCase", CMD_CASE_RECEIVE, .body = BODY_MAYBE,
    .doc = "Note which pieces came back into quarantine, and which are good or damaged." },
  { "POST", "/v1/cases/{id}/cancel", ROLES_OF_CMD, "cancelCase", CMD_CASE_CANCEL, .body = BODY_JSON,
    .doc = "Withdraw a case, with a reason." },
  { "POST", "/v1/cases/{id}/refunded", ROLES_OF_CMD, "refundedCase", CMD_CASE_REFUNDED, .body = BODY_MAYBE,
    .doc = "Say that the refund of an approved case was made by hand." },
  { "POST", "/v1/cases/{id}/photos", ROLES_OF_CMD, "addCasePhoto", CMD_CASE_PHOTO, .run = case_photo_post,
    .body = BODY_PHOTO, .doc = "Add a photo to a case, without its metadata: its steps begin anew." },
  { "GET", "/v1/cases/{id}/photos/{digest}", ROLES_ANYONE, "getCasePhoto", CMD_N, .read = case_photo_read,
    .heavy = true, .doc = "One photo of a case, as a download; 404 for who may not see it." },

  { "GET", "/v1/work-orders", ROLES_PEOPLE, "listWorkOrders", CMD_N, .read = works_read,
    .query = "state factory order overdue " LIST, .doc = "List what factories make, newest first." },
  { "GET", "/v1/work-orders/{id}", ROLES_PEOPLE, "getWorkOrder", CMD_N, .read = work_read_one,
    .doc = "One work order with its bill of what to make, and its history." },
  { "POST", "/v1/work-orders/{id}/progress", ROLES_OF_CMD, "progressWorkOrder", CMD_WORK_PROGRESS,
    .body = BODY_JSON, .doc = "Note how far a factory is, when it will be ready, or that it does not stop." },
  { "POST", "/v1/work-orders/{id}/cancel", ROLES_OF_CMD, "cancelWorkOrder", CMD_WORK_CANCEL,
    .body = BODY_JSON, .doc = "Ask a factory not to make something; once begun, it must agree." },

  { "GET", "/v1/skus", ROLES_PEOPLE, "listSkus", CMD_N, .read = skus_read, .heavy = true,
    .query = "q state " LIST, .doc = "List the articles of the dictionary, or find some." },
  { "POST", "/v1/skus", ROLES_OF_CMD, "putSkus", CMD_SKU_PUT, .run = skus_post, .body = BODY_ROWS,
    .query = "dry_run", .doc = "Make or change an article, or many: what is not named stays as it is." },
  { "POST", "/v1/skus/{id}/retire", ROLES_OF_CMD, "retireSku", CMD_SKU_RETIRE, .body = BODY_MAYBE,
    .slashes = true, .doc = "Retire an article: it is known, and no longer offered." },
  { "GET", "/v1/skus/{id}", ROLES_PEOPLE, "getSku", CMD_N, .read = sku_read_one, .slashes = true,
    .doc = "One article, by its code." },
  { "GET", "/v1/mappings", ROLES_PEOPLE, "listMappings", CMD_N, .read = mappings_read, .heavy = true,
    .query = "channel sku " LIST, .doc = "List what channels call the articles." },
  { "POST", "/v1/mappings", ROLES_OF_CMD, "putMappings", CMD_MAPPING_PUT, .run = mappings_post,
    .body = BODY_ROWS, .query = "dry_run", .doc = "Say which article a channel means, once or many times." },
  { "POST", "/v1/mappings/drop", ROLES_OF_CMD, "dropMapping", CMD_MAPPING_DROP, .body = BODY_JSON,
    .doc = "Forget what a channel meant by a SKU." },
  { "GET", "/v1/rates", ROLES_PEOPLE, "listRateCards", CMD_N, .read = rate_cards_read,
    .doc = "List rate cards." },
  { "POST", "/v1/rates", ROLES_OF_CMD, "putRates", CMD_RATE_PUT, .run = rates_post, .body = BODY_ROWS,
    .query = "dry_run", .doc = "Enter bands of rate cards, one or many." },
  { "POST", "/v1/rates/what-if", ROLE_ADMIN | ROLE_WAREHOUSE | ROLE_FINANCE, "whatIfRates", CMD_N,
    .read = rates_what_if, .heavy = true, .body = BODY_JSON,
    .doc = "Price what has left with every rate card." },
  { "GET", "/v1/rates/{id}", ROLES_PEOPLE, "getRateCard", CMD_N, .read = rate_card_read, .slashes = true,
    .doc = "One rate card with its bands." },
  { "POST", "/v1/shipments/quote", ROLES_OF_CMD, "quoteParcel", CMD_RATE_QUOTE, .body = BODY_JSON,
    .doc = "Price a parcel with every rate card: who wins, and why the others lose." },
  { "GET", "/v1/warehouses", ROLES_PEOPLE, "listWarehouses", CMD_N, .read = warehouses_read,
    .doc = "List warehouses and factories." },
  { "POST", "/v1/warehouses", ROLES_OF_CMD, "putWarehouses", CMD_WAREHOUSE_PUT, .run = warehouses_post,
    .body = BODY_ROWS, .query = "dry_run", .doc = "Make or change a warehouse or a factory, or many." },
  { "GET", "/v1/warehouses/{id}", ROLES_PEOPLE, "getWarehouse", CMD_N, .read = warehouse_read_one,
    .slashes = true, .doc = "One warehouse, by its code." },
  { "GET", "/v1/stock", ROLES_PEOPLE, "listStock", CMD_N, .read = stock_read_all, .heavy = true,
    .query = "sku warehouse " LIST, .doc = "List how many pieces lie where, and whose they are." },
  { "POST", "/v1/stock", ROLES_OF_CMD, "countStock", CMD_STOCK_COUNT, .run = counts_post, .body = BODY_ROWS,
    .query = "dry_run", .doc = "Book what was counted on a shelf, or on many." },
  { "POST", "/v1/stock/adjustments", ROLES_OF_CMD, "adjustStock", CMD_STOCK_ADJUST, .run = adjustments_post,
    .body = BODY_ROWS, .query = "dry_run",
    .doc = "Book pieces in or out with a reason, once or many times." },
  { "POST", "/v1/stock/moves", ROLES_OF_CMD, "moveStock", CMD_STOCK_SHIFT, .body = BODY_JSON,
    .doc = "Move pieces to another warehouse, or into or out of quarantine." },
  { "GET", "/v1/stock/ledger", ROLES_PEOPLE, "listStockMoves", CMD_N, .read = ledger_read, .heavy = true,
    .query = "sku warehouse " LIST, .doc = "List the rows of the stock ledger, newest first." },

  { "GET", "/v1/payloads", ROLES_PEOPLE, "listPayloads", CMD_N, .read = payloads_read, .heavy = true,
    .query = "state channel " LIST, .doc = "List what arrived, newest first." },
  { "POST", "/v1/payloads", ROLES_OF_CMD, "putPayload", CMD_PAYLOAD_PUT, .body = BODY_JSON,
    .doc = "Keep something that could not be mapped to an order, with the reason." },
  { "POST", "/v1/payloads/retry", ROLES_OF_CMD, "retryPayloads", CMD_PAYLOAD_RETRY_ALL,
    .run = payloads_retry_post, .body = BODY_MAYBE, .doc = "Apply all failed payloads again." },
  { "GET", "/v1/payloads/{id}", ROLES_ANYONE, "getPayload", CMD_N, .read = payload_read,
    .doc = "One payload; with what arrived for those who may see it." },
  { "POST", "/v1/payloads/{id}/retry", ROLES_OF_CMD, "retryPayload", CMD_PAYLOAD_RETRY,
    .run = payload_retry_post, .body = BODY_MAYBE,
    .doc = "Apply a failed payload again, as it is or mended." },
  { "POST", "/v1/payloads/{id}/discard", ROLES_OF_CMD, "discardPayload", CMD_PAYLOAD_DISCARD,
    .body = BODY_JSON, .doc = "Put a failed payload aside for good." },

  { "GET", "/v1/effects", ROLES_PEOPLE, "listEffects", CMD_N, .read = effects_read, .heavy = true,
    .query = "state kind destination " LIST, .doc = "List what is to be done outside, newest first." },
  { "POST", "/v1/effects/retry", ROLES_OF_CMD, "retryEffects", CMD_EFFECT_RETRY_ALL, .body = BODY_MAYBE,
    .doc = "Make all dead effects again, or those of one destination." },
  { "POST", "/v1/effects/release", ROLES_OF_CMD, "releaseOutbox", CMD_OUTBOX_RELEASE, .body = BODY_MAYBE,
    .doc = "Let a restored database's effects go out." },
  { "GET", "/v1/effects/{id}", ROLES_PEOPLE, "getEffect", CMD_N, .read = effect_one_read,
    .doc = "One effect." },
  { "POST", "/v1/effects/{id}/retry", ROLES_OF_CMD, "retryEffect", CMD_EFFECT_RETRY, .body = BODY_MAYBE,
    .doc = "Make a dead effect again, or a waiting one at once." },
  { "POST", "/v1/effects/{id}/drop", ROLES_OF_CMD, "dropEffect", CMD_EFFECT_DROP, .body = BODY_JSON,
    .doc = "Give an effect up, with a reason." },

  { "GET", "/v1/exceptions", ROLES_PEOPLE, "listExceptions", CMD_N, .read = exceptions_read, .heavy = true,
    .query = "state type owner order " LIST, .doc = "List what needs a person." },
  { "GET", "/v1/exceptions/{id}", ROLES_PEOPLE, "getException", CMD_N, .read = exception_read,
    .doc = "One exception." },
  { "POST", "/v1/exceptions/{id}/assign", ROLES_OF_CMD, "assignException", CMD_EXCEPTION_ASSIGN,
    .body = BODY_JSON, .doc = "Give an exception to a role or a user." },
  { "POST", "/v1/exceptions/{id}/resolve", ROLES_OF_CMD, "resolveException", CMD_EXCEPTION_RESOLVE,
    .body = BODY_JSON, .doc = "Close an exception with a note." },

  { "GET", "/v1/rules", ROLES_PEOPLE, "listRules", CMD_N, .read = rules_read,
    .doc = "List the rules that were read, in the order they are asked." },
  { "POST", "/v1/rules/dry-run", ROLE_ADMIN | ROLE_CS, "dryRunRule", CMD_N, .read = rules_dry_run,
    .heavy = true, .body = BODY_JSON,
    .doc = "Which past orders a rule would change, and how; nothing is written." },
  { "GET", "/v1/rules/{id}", ROLES_PEOPLE, "getRule", CMD_N, .read = rule_read,
    .doc = "One rule with its text." },
  { "POST", "/v1/rules/{id}/on", ROLES_OF_CMD, "switchRuleOn", CMD_RULE_ON, .body = BODY_MAYBE,
    .doc = "Switch a rule on, in the version that was read last." },
  { "POST", "/v1/rules/{id}/off", ROLES_OF_CMD, "switchRuleOff", CMD_RULE_OFF, .body = BODY_MAYBE,
    .doc = "Switch a rule off." },

  { "GET", "/v1/channels", ROLES_PEOPLE, "listChannels", CMD_N, .run = channels_get,
    .doc = "List channels: what they sent, and how asking them goes." },
  { "GET", "/v1/channels/{id}", ROLES_PEOPLE, "getChannel", CMD_N, .run = channel_get,
    .doc = "One channel with its last runs." },
  { "POST", "/v1/channels/{id}/sync", ROLES_OF_CMD, "syncChannel", CMD_CHANNEL_SYNC, .run = channel_sync_post,
    .body = BODY_MAYBE, .doc = "Poll a channel now." },
  { "POST", "/v1/channels/{id}/pause", ROLES_OF_CMD, "pauseChannel", CMD_CHANNEL_PAUSE, .run = channel_write,
    .body = BODY_MAYBE, .doc = "Stop polling a channel." },
  { "POST", "/v1/channels/{id}/resume", ROLES_OF_CMD, "resumeChannel", CMD_CHANNEL_RESUME,
    .run = channel_write, .body = BODY_MAYBE, .doc = "Poll a channel again." },
  { "POST", "/v1/channels/{id}/secrets", ROLES_OF_CMD, "setChannelSecret", CMD_CHANNEL_SECRET,
    .run = channel_secret_post, .local = true, .body = BODY_JSON,
    .doc = "Keep a secret of a channel, sealed; over the Unix socket only." },
  { "POST", "/v1/hooks/channel/{id}", ROLE_OPEN, "pushFromChannel", CMD_N, .run = hooks_channel_post,
    .body = BODY_RAW, .doc = "A platform says that something changed: its signature is its permission." },
  { "POST", "/v1/hooks/mes/{id}", ROLE_OPEN, "callbackFromFactory", CMD_N, .run = hooks_mes_post,
    .body = BODY_RAW, .doc = "A factory tells how work orders go: its signature is its permission." },
  { "POST", "/v1/hooks/carrier/{id}", ROLE_OPEN, "callbackFromCarrier", CMD_N, .run = hooks_carrier_post,
    .body = BODY_RAW, .doc = "A carrier tells where parcels are: its signature is its permission." },
  { "GET", "/v1/callbacks", ROLES_PEOPLE, "listCallbacks", CMD_N, .read = callbacks_read,
    .query = "state destination " LIST, .doc = "List what factories and carriers told, newest first." },
  { "GET", "/v1/callbacks/{id}", ROLES_PEOPLE, "getCallback", CMD_N, .read = callback_read,
    .doc = "One callback with its bytes." },
  { "POST", "/v1/callbacks/{id}/retry", ROLES_OF_CMD, "retryCallback", CMD_CALLBACK_RETRY, .body = BODY_MAYBE,
    .doc = "Apply a callback that failed, once more." },
  { "POST", "/v1/callbacks/{id}/drop", ROLES_OF_CMD, "dropCallback", CMD_CALLBACK_DROP, .body = BODY_MAYBE,
    .doc = "Put a callback that failed aside." },
  { "GET", "/v1/notices", ROLE_ADMIN | ROLE_CS, "listNotices", CMD_N, .read = notices_read,
    .query = "room state about " LIST,
    .doc = "List what rooms and customers were told, or wait for, newest first." },
  { "GET", "/v1/notices/{id}", ROLE_ADMIN | ROLE_CS, "getNotice", CMD_N, .read = notice_read,
    .doc = "One notice." },
  { "POST", "/v1/notices/test", ROLES_OF_CMD, "testNotice", CMD_NOTICE_TEST, .body = BODY_JSON,
    .doc = "Send a room a message that says it works." },
  { "GET", "/v1/events", ROLES_PEOPLE, "listEvents", CMD_N, .run = events_get,
    .query = "since cursor limit entity",
    .doc = "The journal after a number, as a list or live as Server-Sent Events." },
  { "GET", "/v1/stats/counts", ROLES_PEOPLE, "getCounts", CMD_N, .read = counts_read, .heavy = true,
    .doc = "How many of each there are." },

  { "GET", "/v1/connectors", ROLE_ADMIN, "listConnectors", CMD_N, .read = connectors_read, .heavy = true,
    .doc = "List the connectors of channels: built in, or files of your own." },
  { "GET", "/v1/connectors/{id}", ROLE_ADMIN, "getConnector", CMD_N, .read = connector_one_read,
    .doc = "One connector's text." },
  { "POST", "/v1/connectors/{id}", ROLE_ADMIN, "putConnector", CMD_N, .run = connector_put_post,
    .body = BODY_JSON, .doc = "Write a connector of your own and use it at once; its examples must pass." },
  { "POST", "/v1/connectors/{id}/test", ROLE_ADMIN, "testConnector", CMD_N, .run = connector_try_post,
    .body = BODY_JSON, .doc = "Read a connector's text and run its examples; nothing is written." },
  { "POST", "/v1/connectors/{id}/reset", ROLE_ADMIN, "resetConnector", CMD_N, .run = connector_reset_post,
    .body = BODY_MAYBE, .doc = "Remove a connector of your own: the built-in one counts again." },
  { "GET", "/v1/imports", ROLE_ADMIN | ROLE_CS, "listImports", CMD_N, .read = imports_read, .query = LIST,
    .doc = "List files that were dropped into the console, newest first." },
  { "POST", "/v1/imports", ROLE_ADMIN | ROLE_CS, "putImport", CMD_N, .run = imports_post, .body = BODY_FILE,
    .query = "channel name", .doc = "Look through a file of orders: what is new, changed, refused and why." },
  { "GET", "/v1/imports/{id}", ROLE_ADMIN | ROLE_CS, "getImport", CMD_N, .read = import_read,
    .doc = "One file: how far it is, and how many rows of each kind." },
  { "GET", "/v1/imports/{id}/rows", ROLE_ADMIN | ROLE_CS, "listImportRows", CMD_N, .read = import_rows_read,
    .query = "result " LIST, .doc = "The rows of a file, in its order." },
  { "POST", "/v1/imports/{id}/confirm", ROLES_OF_CMD, "confirmImport", CMD_IMPORT_CONFIRM, .body = BODY_MAYBE,
    .doc = "Apply a file that was looked through." },
  { "POST", "/v1/imports/{id}/discard", ROLES_OF_CMD, "discardImport", CMD_IMPORT_DISCARD, .body = BODY_MAYBE,
    .doc = "Drop a file that was looked through." },
  { "POST", "/v1/imports/{id}/undo", ROLES_OF_CMD, "undoImport", CMD_IMPORT_UNDO, .body = BODY_MAYBE,
    .doc = "Take back an import that nothing was built upon." },
  { "GET", "/v1/stages", ROLES_PEOPLE, "listStages", CMD_N, .read = stages_read,
    .doc = "The stages of an order: who drives each, and by when." },
  { "GET", "/v1/stats/orders", ROLES_PEOPLE, "getOrderStats", CMD_N, .read = stats_orders_read,
    .doc = "How many orders stand in each status, are held or late; and what can be filtered by." },
  { "GET", "/v1/stats/backlog", ROLES_PEOPLE, "getBacklog", CMD_N, .read = stats_backlog_read,
    .doc = "Open orders by status and by how long they stand there." },
  { "GET", "/v1/stats/flow", ROLES_PEOPLE, "getFlow", CMD_N, .read = stats_flow_read, .query = "from to",
    .doc = "Orders placed, by hour and channel." },
  { "GET", "/v1/stats/exceptions", ROLES_PEOPLE, "getExceptionStats", CMD_N, .read = stats_exceptions_read,
    .heavy = true, .query = "from to",
    .doc = "Exceptions by type: open, and opened and resolved in a time." },
  { "GET", "/v1/stats/lead-times", ROLES_PEOPLE, "getLeadTimes", CMD_N, .read = stats_leads_read,
    .query = "channel from to", .doc = "How long orders took from paid to shipped." },
  { "GET", "/v1/session", ROLES_PEOPLE, "getSession", CMD_N, .run = session_get,
    .doc = "Who this is, and what they may do." },
  { "POST", "/v1/session", ROLE_OPEN, "signIn", CMD_N, .run = session_post, .body = BODY_JSON,
    .doc = "Sign in to the console with a name and a password; the answer sets the session's cookie." },
  { "POST", "/v1/session/end", ROLES_PEOPLE, "signOut", CMD_N, .run = session_end_post, .body = BODY_MAYBE,
    .doc = "Sign out of the console." },
  { "POST", "/v1/session/password", ROLES_PEOPLE, "changeOwnPassword", CMD_N, .run = session_password_post,
    .body = BODY_JSON, .doc = "Change one's own password; every other session of the user ends." },
  { "POST", "/v1/setup", ROLE_OPEN, "setUp", CMD_N, .run = setup_post, .body = BODY_JSON,
    .doc = "Make the first administrator with the code of the link that serve printed." },
  { "GET", "/v1/tokens", ROLE_ADMIN, "listTokens", CMD_N, .read = tokens_read,
    .doc = "List access tokens, without the tokens." },
  { "POST", "/v1/tokens", ROLES_OF_CMD, "addToken", CMD_TOKEN_ADD, .run = tokens_write, .body = BODY_JSON,
    .doc = "Make an access token; it is shown once." },
  { "POST", "/v1/tokens/{id}/revoke", ROLES_OF_CMD, "revokeToken", CMD_TOKEN_REVOKE, .run = tokens_write,
    .body = BODY_MAYBE, .doc = "Revoke an access token." },
  { "GET", "/v1/users", ROLE_ADMIN, "listUsers", CMD_N, .read = users_read, .doc = "List users." },
  { "POST", "/v1/users", ROLES_OF_CMD, "addUser", CMD_USER_ADD, .body = BODY_JSON, .doc = "Add a user." },
  { "POST", "/v1/users/{id}", ROLES_OF_CMD, "updateUser", CMD_USER_UPDATE, .run = tokens_write,
    .body = BODY_JSON, .doc = "Change a user's roles, password or state." },
  { "POST", "/v1/backups", ROLE_ADMIN, "backup", CMD_N, .run = backups_post, .local = true, .body = BODY_JSON,
    .doc = "Write a checked copy of the database to a file; over the Unix socket only." },
  { "GET", "/v1/check", ROLE_ADMIN, "check", CMD_N, .read = check_read, .heavy = true,
    .doc = "Prove the invariants of the data; may take long." },
};
const size_t route_table_n = COUNT(route_table);

unsigned route_roles(const struct route *t)
{
  if (t->roles != ROLES_OF_CMD) return t->roles;
  must(t->cmd != CMD_N);
  return cmd_kind((enum cmd_id)t->cmd)->roles;
}

/* {id} stands for one whole segment, or for all up to what the pattern ends with. */
static bool path_match(const struct route *t, const char *path, const char **id, size_t *id_n)
{
  const char *pattern = t->path;
  *id = NULL;
  while (*pattern) {
    if (*pattern == '{') {
      pattern += strcspn(pattern, "}") + 1;
      size_t n = strcspn(path, "/"), all = strlen(path), tail = strlen(pattern);
      if (t->slashes && all > tail && !strcmp(path + all - tail, pattern)) n = all - tail;
      if (!n) return false;
      if (!*id) *id = path, *id_n = n;
      path += n;
    } else if (*pattern++ != *path++) {
      return false;
    }
  }
  return !*path;
}

static void allow_add(struct buf *allow, const char *method)
{
  if (allow->len) buf_str(allow, ", ");
  buf_str(allow, method);
  if (!strcmp(method, "GET")) buf_str(allow, ", HEAD");
}

/* HEAD is answered like GET; httpd leaves the body away. */
const struct route *route_find(struct arena *a, const char *method, const char *path, const char **id,
                               const char **allow)
{
  struct buf methods = { 0 };
  const char *part;
  size_t part_n = 0;
  if (!strcmp(method, "HEAD")) method = "GET";
  *id = NULL;
  for (size_t i = 0; i < route_table_n; i++) {
    const struct route *t = &route_table[i];
    if (methods.len && t->slashes) continue; /* its end is the verb of a row above */
    if (!path_match(t, path, &part, &part_n)) continue;
    if (!strcmp(t->method, method)) {
      if (part) *id = arena_strn(a, part, part_n);
      buf_release(&methods);
      return t;
    }
    allow_add(&methods, t->method);
  }
  *allow = arena_str(a, methods.data ? methods.data : "");
  buf_release(&methods);
  return NULL;
}
