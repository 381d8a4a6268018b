# A wave fixes what is picked; the bench compares; nothing ships unverified when the team says so (domain 7.1, contract 3)
conf | [pack]
conf | verify = yes
warehouse.put {"code":"HZ"} => OK
warehouse.put {"code":"GZ"} => OK
sku.put {"code":"A","barcodes":["6900000000001"]} => OK
sku.put {"code":"B","barcodes":["6900000000018"]} => OK
sku.put {"code":"KIT","parts":[{"sku":"A","quantity":2},{"sku":"B","quantity":1}]} => OK
stock.adjust {"sku":"A","warehouse":"HZ","delta":10,"reason":"received"} => OK
stock.adjust {"sku":"B","warehouse":"HZ","delta":10,"reason":"received"} => OK
take {"external_id":"1","remarks":{"buyer":"ring twice","seller":"","flag":""},"lines":[{"line_id":"1","sku":"A","quantity":2}]} => OK {"id":"o_1"}
take {"external_id":"2","receiver":{"phone":"13800002222"},"lines":[{"line_id":"1","sku":"KIT","quantity":1}]} => OK {"id":"o_2"}
wave.make {"warehouse":"HZ"} => CONFLICT {"code":"nothing_to_pick"}
order.move o_1 {"to":"split"} => OK {"fulfilments":[{"id":"f_1","warehouse":"HZ","work":"open"}]}
order.move o_2 {"to":"split"} => OK {"fulfilments":[{"id":"f_2"}]}
fulfilment.claim f_1 {"carrier":"SF","tracking_no":"SF0001"} => CONFLICT {"code":"not_verified"}
# what a wave refuses
wave.make {"warehouse":"XX"} => INVALID {"code":"unknown_warehouse"}
wave.make {"warehouse":"GZ"} => CONFLICT {"code":"nothing_to_pick"}
wave.make {"warehouse":"GZ","fulfilments":["f_1"]} => CONFLICT {"code":"other_warehouse"}
wave.make {"fulfilments":["f_9"]} => INVALID {"code":"fulfilment_not_found"}
wave.make {"fulfilments":["f_1","f_1"]} => INVALID {"code":"twice"}
wave.make {"fulfilments":["o_1"]} => INVALID {"code":"bad_id"}
wave.make {"fulfilments":["f_1"],"limit":2} => INVALID {"code":"one_of_two"}
wave.make {"limit":201} => INVALID {"code":"out_of_range"}
order.hold o_2 {"reason":"address in doubt"} => OK
wave.make {"warehouse":"HZ","fulfilments":["f_1","f_2"]} => CONFLICT {"code":"on_hold"}
group g_1 => OK {"state":"open"}
# what is held is left for another wave
wave.make {"warehouse":"HZ","limit":10} => OK {"id":"v_1","state":"open","warehouse":"HZ","picks":[{"sku":"A","barcodes":["6900000000001"],"quantity":2,"totes":[{"fulfilment":"f_1","quantity":2}]}],"fulfilments":[{"id":"f_1","work":"picking","left":2,"remarks":[{"order":"o_1","buyer":"ring twice"}]}]}
group g_1 => OK {"state":"locked"}
order.release o_2 {} => OK
wave.make {"warehouse":"HZ","fulfilments":["f_1"]} => CONFLICT {"code":"in_wave"}
wave.make {"warehouse":"HZ","fulfilments":["f_2"]} => OK {"id":"v_2","picks":[{"sku":"A","quantity":2},{"sku":"B","quantity":1}]}
# the bench: wrong and too many change nothing
pack.scan f_1 {} => INVALID {"code":"one_of_two"}
pack.scan f_1 {"barcode":"6900000000018"} => OK {"result":"wrong","sku":null,"left":2,"expected":[{"sku":"A","wanted":2,"scanned":0}]}
pack.scan f_1 {"barcode":"nobody knows"} => OK {"result":"wrong"}
pack.scan f_1 {"barcode":"6900000000001"} => OK {"result":"right","sku":"A","left":1,"work":"picking"}
pack.scan f_1 {"sku":"A","quantity":2} => OK {"result":"too_many","left":1}
fulfilment.claim f_1 {"carrier":"SF","tracking_no":"SF0001"} => CONFLICT {"code":"not_verified"}
pack.scan f_1 {"sku":"A"} => OK {"result":"done","left":0,"work":"packed"}
pack.scan f_1 {"sku":"A"} => OK {"result":"too_many","left":0,"work":"packed"}
pack f_1 => OK {"work":"packed","left":0,"remarks":[{"buyer":"ring twice"}]}
history f_1 => OK {"data":[{"type":"fulfilment.created"},{"type":"fulfilment.picking"},{"type":"pack.wrong"},{"type":"pack.wrong"},{"type":"pack.right"},{"type":"pack.too_many"},{"type":"pack.right"},{"type":"pack.done"},{"type":"pack.too_many"}]}
# a kit is verified by its parts; its own name is none of them
pack.scan f_2 {"sku":"KIT"} => OK {"result":"wrong"}
pack.scan f_2 {"barcode":"6900000000001","quantity":2} => OK {"result":"right","left":1}
pack.scan f_2 {"barcode":"B"} => OK {"result":"done"}
wave.remove v_2 {"fulfilment":"f_2"} => CONFLICT {"code":"already_packed"}
# begin again
pack.reset f_2 {} => OK {"result":"reset","left":3,"work":"picking"}
wave.remove v_2 {"fulfilment":"f_1"} => CONFLICT {"code":"not_in_wave"}
wave.remove v_2 {"fulfilment":"f_2","note":"no room on the cart"} => OK {"id":"v_2","fulfilments":[],"version":2}
fulfilment f_2 => OK {"work":"open","wave":null}
wave.end v_2 {} => OK {"state":"done"}
wave.end v_2 {} => CONFLICT {"code":"wave_done"}
wave.end v_9 {} => NOT_FOUND {"code":"wave_not_found"}
# without a wave the first right scan begins the work
pack.scan f_2 {"sku":"A"} => OK {"result":"right","work":"picking"}
group g_2 => OK {"state":"locked"}
# given back in part after packing: it is verified again
take {"external_id":"1","lines":[{"line_id":"1","sku":"A","quantity":2,"price":"5.00"}],"refunds":[{"refund_id":"r","status":"success","amount":"5.00","line_id":"1","quantity":1}]} => OK {"result":"updated"}
pack f_1 => OK {"work":"picking","left":1,"expected":[{"sku":"A","wanted":1,"scanned":0}]}
fulfilment.claim f_1 {"carrier":"SF","tracking_no":"SF0001"} => CONFLICT {"code":"not_verified"}
pack.scan f_1 {"sku":"A"} => OK {"result":"done"}
fulfilment.claim f_1 {"carrier":"SF","tracking_no":"SF0001"} => OK {"id":"k_1"}
pack.reset f_1 {} => CONFLICT {"code":"already_claimed"}
pack.short f_1 {"sku":"A","reason":"damaged"} => CONFLICT {"code":"already_claimed"}
# a void label: picked and verified anew
claim.void k_1 {"reason":"the label tore"} => OK
pack f_1 => OK {"work":"open","left":1}
pack.scan f_1 {"sku":"A"} => OK {"result":"done"}
fulfilment.claim f_1 {"carrier":"SF","tracking_no":"SF0002"} => OK
parcel.trace {"tracking_no":"SF0002","status":"picked_up"} => OK
pack.scan f_1 {"sku":"A"} => CONFLICT {"code":"shipped"}
# who may
as viewer
pack.scan f_2 {"sku":"A"} => FORBIDDEN
as warehouse
pack.scan f_2 {"sku":"A"} => OK {"result":"right"}
order.cancel o_2 {"reason":"x"} => FORBIDDEN
as cs
order.cancel o_2 {"reason":"changed their mind"} => OK
pack.scan f_2 {"sku":"B"} => CONFLICT {"code":"fulfilment_cancelled"}
