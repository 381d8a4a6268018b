# The first number locks the pieces; a second one is refused; both facts together ship (domain 6)
warehouse.put {"code":"HZ"} => OK
sku.put {"code":"A"} => OK
stock.adjust {"sku":"A","warehouse":"HZ","delta":5,"reason":"received"} => OK
take {"external_id":"1","lines":[{"line_id":"1","sku":"A","quantity":2}]} => OK {"id":"o_1"}
order.move o_1 {"to":"split"} => OK {"status":"split","fulfilments":[{"id":"f_1","warehouse":"HZ","status":"split","lines":[{"order":"o_1","quantity":2}],"units":[{"sku":"A","state":"reserved","quantity":2}],"claim":null}]}
order.move o_1 {"to":"pre_ship"} => CONFLICT {"code":"no_claim"}
fulfilment.claim f_1 {"carrier":"SF","tracking_no":"sf0001"} => OK {"id":"k_1","tracking_no":"SF0001","state":"live","carried":"label","told":"accepted"}
stock {"sku":"A"} => OK {"data":[{"on_hand":5,"reserved":0,"frozen":2,"available":3}]}
show o_1 => OK {"status":"pre_ship","group":{"state":"locked"}}
fulfilment.claim f_1 {"carrier":"SF","tracking_no":"SF0001"} => OK {"id":"k_1"}
fulfilment.claim f_1 {"carrier":"YTO","tracking_no":"YT0002"} => CONFLICT {"code":"already_claimed","claim":{"id":"k_1","tracking_no":"SF0001"}}
parcel.trace {"tracking_no":"SF0001","status":"picked_up"} => OK {"state":"shipped","carried":"picked_up"}
show o_1 => OK {"status":"shipped","fulfilments":[{"status":"shipped","units":[{"state":"shipped"}]}]}
stock {"sku":"A"} => OK {"data":[{"on_hand":3,"reserved":0,"frozen":0,"available":3}]}
parcel.trace {"tracking_no":"SF0001","status":"delivered"} => OK {"carried":"delivered"}
# voided: the pieces are the order's again, another number may come; a number that was used may not
take {"external_id":"2","receiver":{"phone":"13800002222"},"lines":[{"line_id":"1","sku":"A","quantity":1}]} => OK {"id":"o_2"}
order.move o_2 {"to":"split"} => OK {"fulfilments":[{"id":"f_2"}]}
fulfilment.claim f_2 {"carrier":"SF","tracking_no":"SF0001"} => CONFLICT {"code":"tracking_reused"}
fulfilment.claim f_2 {"carrier":"SF","tracking_no":"SF0002"} => OK {"id":"k_2"}
claim.void k_2 {"reason":"the label tore"} => OK {"state":"void"}
show o_2 => OK {"status":"split"}
stock {"sku":"A"} => OK {"data":[{"on_hand":3,"reserved":1,"frozen":0,"available":2}]}
fulfilment.claim f_2 {"carrier":"SF","tracking_no":"SF0003"} => OK {"id":"k_3"}
claim.void k_2 {"reason":"again"} => CONFLICT {"code":"void"}
# not picked up: a person hears of it, once
@ +24h
show o_2 => OK {"exceptions":[{"type":"overdue:pre_ship"},{"type":"pickup_overdue"}]}
parcel.trace {"tracking_no":"SF0003","status":"picked_up"} => OK {"state":"shipped"}
show o_2 => OK {"status":"shipped"}
# cancelled with its label: the pieces come back by scans only
take {"external_id":"3","receiver":{"phone":"13800003333"},"lines":[{"line_id":"1","sku":"A","quantity":2}]} => OK {"id":"o_3"}
order.move o_3 {"to":"split"} => OK {"fulfilments":[{"id":"f_3"}]}
fulfilment.claim f_3 {"carrier":"SF","tracking_no":"SF0004"} => OK {"id":"k_4"}
take {"external_id":"3","status":"cancelled","receiver":{"phone":"13800003333"},"lines":[{"line_id":"1","sku":"A","quantity":2}]} => OK {"status":"cancelled"}
claim k_4 => OK {"state":"void","put_back":true}
stock {"sku":"A"} => OK {"data":[{"on_hand":2,"frozen":2,"available":0}]}
claim.put_back k_4 {"sku":"A"} => OK {"put_back":true}
stock {"sku":"A"} => OK {"data":[{"on_hand":2,"frozen":1,"available":1}]}
claim.put_back k_4 {"sku":"A","quantity":2} => CONFLICT {"code":"too_many"}
claim.put_back k_4 {"sku":"A","condition":"damaged"} => OK {"put_back":false}
stock {"sku":"A"} => OK {"data":[{"on_hand":1,"frozen":0,"available":1,"quarantine":1}]}
fulfilment f_3 => OK {"status":"cancelled"}
