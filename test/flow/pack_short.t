# The bench finds fewer, or damaged ones: what is lost is booked, the rest is planned anew, nothing else is lost
warehouse.put {"code":"HZ"} => OK
warehouse.put {"code":"GZ"} => OK
sku.put {"code":"A"} => OK
sku.put {"code":"B"} => OK
sku.put {"code":"KIT","parts":[{"sku":"A","quantity":2},{"sku":"B","quantity":1}]} => OK
stock.adjust {"sku":"A","warehouse":"HZ","delta":4,"reason":"received"} => OK
# one is damaged, others lie on the shelf: the parcel stays as it is
take {"external_id":"1","lines":[{"line_id":"1","sku":"A","quantity":3}]} => OK {"id":"o_1"}
order.move o_1 {"to":"split"} => OK {"fulfilments":[{"id":"f_1","warehouse":"HZ"}]}
pack.short f_1 {"sku":"A","reason":"lost"} => INVALID {"code":"unknown_reason"}
pack.short f_1 {"sku":"B","reason":"short"} => CONFLICT {"code":"not_in_parcel"}
pack.short f_1 {"sku":"A","quantity":4,"reason":"short"} => CONFLICT {"code":"too_many"}
pack.scan f_1 {"sku":"A"} => OK {"result":"right","left":2}
pack.short f_1 {"sku":"A","reason":"damaged","note":"a corner is crushed"} => OK {"result":"replaced","replaced":1,"lost":0,"left":2,"expected":[{"sku":"A","wanted":3,"scanned":1}]}
stock A => OK {"data":[{"warehouse":"HZ","on_hand":3,"reserved":3,"available":0,"quarantine":1}]}
ledger {"sku":"A"} => OK {"data":[{"from":"available","to":"reserved","quantity":1,"reason":"replaced","ref":"f_1"},{"from":"reserved","to":"quarantine","quantity":1,"reason":"damaged","ref":"f_1"},{},{}]}
exceptions => OK {"data":[{"type":"short_pick","order":"o_1","owner":"warehouse"}]}
exception.resolve x_1 {"note":"seen"} => OK
# none on this shelf, one elsewhere: a second parcel from there; what was scanned stays scanned
stock.adjust {"sku":"A","warehouse":"GZ","delta":1,"reason":"received"} => OK
pack.short f_1 {"sku":"A","reason":"short"} => OK {"result":"replanned","replaced":0,"lost":1,"left":1,"expected":[{"sku":"A","wanted":2,"scanned":1}]}
fulfilment f_2 => OK {"warehouse":"GZ","work":"open","units":[{"sku":"A","quantity":1}]}
stock A => OK {"data":[{"warehouse":"HZ","on_hand":2,"reserved":2,"quarantine":1},{"warehouse":"GZ","on_hand":1,"reserved":1}]}
show o_1 => OK {"status":"split","exceptions":[{"type":"short_pick"}]}
# none anywhere: the rest goes, one piece waits; what was scanned makes it complete
pack.short f_1 {"sku":"A","reason":"short"} => OK {"result":"waits","lost":1,"left":0,"work":"packed"}
show o_1 => OK {"status":"split","exceptions":[{"type":"short_pick"},{"type":"oversold"}]}
stock A => OK {"data":[{"warehouse":"HZ","on_hand":1,"reserved":1},{"warehouse":"GZ","on_hand":1,"reserved":0}]}
stock.adjust {"sku":"A","warehouse":"GZ","delta":-1,"reason":"lost"} => OK
check => OK
# stock comes: what waited gets a parcel
stock.adjust {"sku":"A","warehouse":"HZ","delta":5,"reason":"received"} => OK
stock.heal => OK
show o_1 => OK {"exceptions":[{"type":"short_pick"}]}
fulfilment f_3 => OK {"warehouse":"HZ","units":[{"sku":"A","quantity":2}]}
# a part of a kit: the whole kit is planned anew, its good parts with it
stock.adjust {"sku":"B","warehouse":"HZ","delta":1,"reason":"received"} => OK
stock A => OK {"data":[{"warehouse":"HZ","on_hand":6,"reserved":3,"available":3},{}]}
take {"external_id":"2","receiver":{"phone":"13800002222"},"lines":[{"line_id":"1","sku":"KIT","quantity":1},{"line_id":"2","sku":"A","quantity":1}]} => OK {"id":"o_2"}
order.move o_2 {"to":"split"} => OK {"fulfilments":[{"id":"f_4"}]}
pack.scan f_4 {"sku":"A","quantity":2} => OK {"result":"right"}
pack.short f_4 {"sku":"B","reason":"damaged"} => OK {"result":"waits","lost":1,"expected":[{"sku":"A","wanted":1,"scanned":0}],"left":1}
stock A => OK {"data":[{"on_hand":6,"reserved":4,"available":2},{}]}
stock B => OK {"data":[{"on_hand":0,"reserved":0,"quarantine":1}]}
check => OK
# all of a parcel: it is over, the order waits
stock.adjust {"sku":"A","warehouse":"HZ","delta":1,"reason":"received"} => OK
take {"external_id":"3","receiver":{"phone":"13800003333"},"lines":[{"line_id":"1","sku":"A","quantity":3}]} => OK {"id":"o_3"}
order.move o_3 {"to":"split"} => OK {"fulfilments":[{"id":"f_5"}]}
wave.make {"fulfilments":["f_5"]} => OK {"id":"v_1"}
pack.short f_5 {"sku":"A","quantity":3,"reason":"short"} => OK {"result":"waits","status":"cancelled","expected":[]}
wave v_1 => OK {"picks":[],"fulfilments":[{"id":"f_5","status":"cancelled"}]}
show o_3 => OK {"status":"split","fulfilments":[],"exceptions":[{"type":"oversold"},{"type":"short_pick"}]}
check => OK
stock.adjust {"sku":"A","warehouse":"HZ","delta":3,"reason":"received"} => OK
stock.heal => OK
show o_3 => OK {"fulfilments":[{"id":"f_6","work":"open"}]}
# merged orders: only the one that lacks something waits
stock.adjust {"sku":"A","warehouse":"HZ","delta":3,"reason":"received"} => OK
take {"external_id":"4","receiver":{"phone":"13800004444"},"lines":[{"line_id":"1","sku":"A","quantity":1}]} => OK {"id":"o_4"}
take {"external_id":"5","receiver":{"phone":"13800004444"},"lines":[{"line_id":"1","sku":"A","quantity":2}]} => OK {"id":"o_5"}
order.move o_4 {"to":"split"} => OK {"fulfilments":[{"id":"f_7","lines":[{"order":"o_4"},{"order":"o_5"}]}]}
pack.scan f_7 {"sku":"A"} => OK {"result":"right"}
pack.short f_7 {"sku":"A","quantity":1,"reason":"short"} => OK {"result":"waits","left":1}
show o_4 => OK {"exceptions":[]}
show o_5 => OK {"exceptions":[{"type":"oversold"},{"type":"short_pick"}]}
pack.scan f_7 {"sku":"A"} => OK {"result":"done"}
fulfilment.claim f_7 {"carrier":"SF","tracking_no":"SF0007"} => OK
show o_5 => OK {"status":"split"}
show o_4 => OK {"status":"pre_ship"}
