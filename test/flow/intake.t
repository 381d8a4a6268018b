# One order per channel and external id, however often it comes (domain 2.3, 2.4)
take {"external_id":"T1"} => OK {"result":"created","id":"o_1","version":1,"status":"paid","group":"g_1"}
take {"external_id":"T1"} => OK {"result":"unchanged","id":"o_1","version":1,"group":"g_1"}
take {"external_id":"T1","remarks":{"buyer":"leave at the door"}} => OK {"result":"updated","id":"o_1","version":2}
take {"channel":"shop-b","external_id":"T1","receiver":{"phone":"13900002222"}} => OK {"result":"created","id":"o_2"}
show o_1 => OK {"channel":"shop-a","external_id":"T1","status":"paid","channel_status":"paid","version":2,"currency":"CNY","total":{"amount":"10.00","currency":"CNY"},"lines":[{"line_id":"1","sku":"SKU-A","quantity":1}],"group":{"id":"g_1","state":"open","orders":["o_1"]},"next":["split","cancelled"]}
show shop-a:T1 => OK {"id":"o_1"}
show shop-a:T9 => NOT_FOUND

# with the platform's own time: older is stale, equal but different is a conflict, newer wins
take {"external_id":"T2","updated_at":"2026-11-10T09:00:00Z","receiver":{"phone":"13900003333"}} => OK {"result":"created","id":"o_3"}
take {"external_id":"T2","updated_at":"2026-11-10T08:59:59Z","total":"1.00","receiver":{"phone":"13900003333"}} => OK {"result":"stale","id":"o_3","version":1}
take {"external_id":"T2","updated_at":"2026-11-10T09:00:00Z","total":"11.00","receiver":{"phone":"13900003333"}} => OK {"result":"updated","version":2}
take {"external_id":"T2","total":"12.00","receiver":{"phone":"13900003333"}} => OK {"result":"stale","version":2}
take {"external_id":"T2","updated_at":"2026-11-10T10:00:00Z","total":"11.00","receiver":{"phone":"13900003333"}} => OK {"result":"unchanged","version":2}
take {"external_id":"T2","updated_at":"2026-11-10T09:30:00Z","total":"13.00","receiver":{"phone":"13900003333"}} => OK {"result":"stale"}
history o_3 => OK {"data":[{"type":"order.created"},{"type":"order.conflict","data":{"changed":["total"]}}]}

# what cannot be read is refused with its place and leaves nothing
take {"external_id":"T3","total":12.5} => INVALID {"code":"money_must_be_text","errors":[{"pointer":"/total"}]}
take {"external_id":12345} => INVALID {"code":"id_must_be_text","errors":[{"pointer":"/external_id"}]}
take {"external_id":"T3","colour":"red"} => INVALID {"code":"unknown_key","errors":[{"pointer":"/colour"}]}
take {"external_id":"T3","lines":[]} => INVALID {"errors":[{"pointer":"/lines","code":"empty"}]}
take {"external_id":"T3","placed_at":"2026-11-10 08:00:00"} => INVALID {"code":"bad_time"}
take {"external_id":"T3","currency":"XYZ"} => INVALID {"code":"unknown_currency"}
show shop-a:T3 => NOT_FOUND

# platform ids keep every digit
take {"external_id":"9007199254740993","receiver":{"phone":"13900004444"}} => OK {"result":"created"}
show shop-a:9007199254740993 => OK {"external_id":"9007199254740993"}
check => OK
