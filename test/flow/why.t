# Both sides of a merge can say why; and again when one leaves (domain 3.9)
take {"external_id":"1"} => OK {"id":"o_1","group":"g_1"}
take {"channel":"shop-b","external_id":"2"} => OK {"id":"o_2","group":"g_1"}
why o_2 => OK {"conditions":[{"order":"o_1","verdict":"together","code":"same_phone_address","joined":true}]}
why o_1 => OK {"conditions":[{"order":"o_2","verdict":"together","code":"same_phone_address","joined":true}]}
order.hold o_1 {"reason":"stock"} => OK
why o_2 => OK {"conditions":[{"order":"o_1","verdict":"apart","code":"locked_or_not_free","joined":false}]}
order.release o_1 {} => OK
why o_2 => OK {"conditions":[{"order":"o_1","verdict":"together","joined":true}]}
order.cancel o_2 {"reason":"changed my mind"} => OK
why o_1 => OK {"conditions":[{"order":"o_2","verdict":"apart","joined":false}]}
check => OK
