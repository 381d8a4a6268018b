# What people book while orders hold pieces (domain 5.2)
warehouse.put {"code":"HZ"} => OK
sku.put {"code":"A"} => OK
stock.adjust {"sku":"A","warehouse":"HZ","delta":6,"reason":"receipt"} => OK
take {"external_id":"1","lines":[{"line_id":"1","sku":"A","quantity":2}]} => OK {"id":"o_1"}
order.move o_1 {"to":"split"} => OK
fulfilment.claim f_1 {"carrier":"SF","tracking_no":"SF0001"} => OK
take {"external_id":"2","receiver":{"phone":"13800002222"},"lines":[{"line_id":"1","sku":"A","quantity":2}]} => OK {"id":"o_2"}
take {"external_id":"3","receiver":{"phone":"13800003333"},"lines":[{"line_id":"1","sku":"A","quantity":1}]} => OK {"id":"o_3"}
stock A => OK {"data":[{"on_hand":6,"reserved":3,"frozen":2,"available":1}]}
# only what is free can be booked out, moved or put aside
stock.adjust {"sku":"A","warehouse":"HZ","delta":-2,"reason":"loss"} => CONFLICT {"code":"not_enough","available":1,"reserved":3,"frozen":2}
stock.move {"sku":"A","warehouse":"HZ","quantity":2,"to_bucket":"quarantine"} => CONFLICT {"code":"not_enough"}
# an article or a place that orders count on stays what it is
sku.put {"code":"A","made":true} => CONFLICT {"code":"has_stock"}
warehouse.put {"code":"HZ","state":"retired"} => CONFLICT {"code":"has_reserved"}
# counted fewer than are free and reserved: the youngest order loses its pieces and waits
stock.count {"sku":"A","warehouse":"HZ","counted":4} => OK {"delta":-2,"on_hand":4,"reserved":2,"frozen":2,"available":0}
show o_3 => OK {"status":"paid","exceptions":[{"type":"oversold"}]}
show o_2 => OK {"exceptions":[]}
# found again: it goes on
stock.count {"sku":"A","warehouse":"HZ","counted":5} => OK {"delta":1}
stock.heal => OK
show o_3 => OK {"exceptions":[]}
stock A => OK {"data":[{"on_hand":5,"reserved":3,"frozen":2,"available":0}]}
# fewer than are in parcels: a person has to stop a parcel first
stock.count {"sku":"A","warehouse":"HZ","counted":1} => CONFLICT {"code":"frozen_held","frozen":2,"held_by":[{"order":"o_1","fulfilment":"f_1","quantity":2}]}
stock A => OK {"data":[{"on_hand":5,"reserved":3,"frozen":2}]}
claim.void f_1 {"reason":"x"} => NOT_FOUND
claim.void k_1 {"reason":"nothing on the shelf"} => OK
stock.count {"sku":"A","warehouse":"HZ","counted":2} => OK {"delta":-3,"on_hand":2,"reserved":2,"frozen":0}
show o_3 => OK {"exceptions":[{"type":"oversold"}]}
show o_2 => OK {"exceptions":[{"type":"oversold"}]}
# a retired article is still what an order means, and is counted
sku.retire A {} => OK
stock.count {"sku":"A","warehouse":"HZ","counted":9} => OK
stock.heal => OK
show o_2 => OK {"exceptions":[]}
