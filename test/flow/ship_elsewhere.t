# Somebody ships in the channel's back end (domain 6.1, 6.2, 6.7)
warehouse.put {"code":"HZ"} => OK
sku.put {"code":"A"} => OK
stock.adjust {"sku":"A","warehouse":"HZ","delta":9,"reason":"received"} => OK
# a number before the split makes the claim
take {"external_id":"1","lines":[{"line_id":"1","sku":"A","quantity":1}]} => OK {"id":"o_1"}
take {"external_id":"1","lines":[{"line_id":"1","sku":"A","quantity":1}],"shipments":[{"carrier":"SF","tracking_no":"SF0001"}]} => OK {"result":"updated"}
show o_1 => OK {"status":"pre_ship","fulfilments":[{"claim":{"tracking_no":"SF0001","channel":"shop-a","told":"accepted"}}]}
stock {"sku":"A"} => OK {"data":[{"on_hand":9,"reserved":0,"frozen":1}]}
# a second one after ours: ours is void before it is handed over
take {"external_id":"2","receiver":{"phone":"13800002222"},"lines":[{"line_id":"1","sku":"A","quantity":1}]} => OK {"id":"o_2"}
order.move o_2 {"to":"split"} => OK {"fulfilments":[{"id":"f_2"}]}
fulfilment.claim f_2 {"carrier":"SF","tracking_no":"SF0002"} => OK {"id":"k_2"}
take {"external_id":"2","receiver":{"phone":"13800002222"},"lines":[{"line_id":"1","sku":"A","quantity":1}],"shipments":[{"carrier":"YTO","tracking_no":"YT0009"}]} => OK {"result":"updated"}
claim k_2 => OK {"state":"void"}
show o_2 => OK {"status":"pre_ship","exceptions":[{"type":"double_shipment"}],"fulfilments":[{"claim":{"tracking_no":"YT0009"}}]}
stock {"sku":"A"} => OK {"data":[{"on_hand":9,"reserved":0,"frozen":2}]}
# shipped without a number, and not by us: off the stock
take {"external_id":"3","receiver":{"phone":"13800003333"},"lines":[{"line_id":"1","sku":"A","quantity":1}]} => OK {"id":"o_3"}
take {"external_id":"3","status":"shipped","receiver":{"phone":"13800003333"},"lines":[{"line_id":"1","sku":"A","quantity":1}]} => OK {"status":"shipped"}
show o_3 => OK {"exceptions":[{"type":"shipped_elsewhere"}]}
stock {"sku":"A"} => OK {"data":[{"on_hand":8,"reserved":0,"frozen":2,"available":6}]}
# both left: two numbers, the carrier has ours
take {"external_id":"4","receiver":{"phone":"13800004444"},"lines":[{"line_id":"1","sku":"A","quantity":1}]} => OK {"id":"o_4"}
order.move o_4 {"to":"split"} => OK {"status":"split"}
fulfilment.claim f_4 {"carrier":"SF","tracking_no":"SF0004"} => OK {"id":"k_4"}
parcel.trace {"tracking_no":"SF0004","status":"picked_up"} => OK {"state":"shipped"}
take {"external_id":"4","receiver":{"phone":"13800004444"},"lines":[{"line_id":"1","sku":"A","quantity":1}],"shipments":[{"carrier":"YTO","tracking_no":"YT0004"}]} => OK {"result":"updated"}
show o_4 => OK {"exceptions":[{"type":"double_shipment"}]}
