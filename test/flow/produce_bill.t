# What a factory is to make: each work order's bill is for its own pieces, not for the line's (domain 7.2)
warehouse.put {"code":"F1","kind":"factory"} => OK
sku.put {"code":"SEAT","title":"Seat","made":true} => OK
sku.put {"code":"LEG","title":"Leg","made":true} => OK
sku.put {"code":"SOFA","parts":[{"sku":"LEG","quantity":4},{"sku":"SEAT","quantity":1}]} => OK
take {"external_id":"1","updated_at":"2026-07-01T08:00:00+08:00","lines":[{"line_id":"1","sku":"SOFA","title":"Sofa, walnut","quantity":3}]} => OK {"id":"o_1"}
order.move o_1 {"to":"split"} => OK
order.move o_1 {"to":"producing"} => OK
work.progress w_1 {"seq":1,"state":"started"} => OK {"quantity":3,"bill":[{"sku":"LEG","quantity":12},{"sku":"SEAT","quantity":3}]}
# fewer are wanted: it was begun for three, and is made again for two
take {"external_id":"1","updated_at":"2026-07-01T09:00:00+08:00","lines":[{"line_id":"1","sku":"SOFA","title":"Sofa, walnut","quantity":2}]} => OK {"id":"o_1"}
show o_1 => OK {"exceptions":[{"type":"lines_after_lock"},{"type":"cancel_after_start"}]}
work.progress w_1 {"seq":2,"state":"failed"} => OK {"quantity":3,"bill":[{"sku":"LEG","quantity":12},{"sku":"SEAT","quantity":3}]}
work.progress w_2 {"seq":1,"state":"started"} => OK {"quantity":2,"rework_of":"w_1","bill":[{"sku":"LEG","quantity":8},{"sku":"SEAT","quantity":2}]}
# none is wanted: the bill is still told
work.progress w_2 {"seq":2,"state":"cancelled"} => OK
check => OK
