# A paid order reserves its pieces; a cancelled one gives them back; what is short waits and heals (domain 5)
warehouse.put {"code":"HZ"} => OK
sku.put {"code":"A"} => OK
stock.adjust {"sku":"A","warehouse":"HZ","delta":3,"reason":"received"} => OK
take {"external_id":"1","lines":[{"line_id":"1","sku":"A","quantity":2,"price":"5.00"}]} => OK {"id":"o_1","status":"paid"}
stock {"sku":"A"} => OK {"data":[{"sku":"A","warehouse":"HZ","on_hand":3,"reserved":2,"frozen":0,"available":1}]}
take {"external_id":"2","receiver":{"phone":"13800002222"},"lines":[{"line_id":"1","sku":"A","quantity":2,"price":"5.00"}]} => OK {"id":"o_2"}
show o_2 => OK {"exceptions":[{"type":"oversold"}]}
order.move o_2 {"to":"split"} => CONFLICT {"code":"not_reserved"}
stock {"sku":"A"} => OK {"data":[{"reserved":2,"available":1}]}
order.cancel o_1 {"reason":"changed their mind"} => OK {"status":"cancelled"}
stock {"sku":"A"} => OK {"data":[{"on_hand":3,"reserved":0,"available":3}]}
stock.heal => OK
show o_2 => OK {"exceptions":[]}
stock {"sku":"A"} => OK {"data":[{"reserved":2,"available":1}]}
# not known: it waits in paid, and heals when a mapping comes
take {"external_id":"3","receiver":{"phone":"13800003333"},"lines":[{"line_id":"1","sku":"A-red","quantity":1}]} => OK {"id":"o_3"}
show o_3 => OK {"exceptions":[{"type":"unknown_sku"}]}
order.move o_3 {"to":"split"} => CONFLICT {"code":"unknown_sku"}
mapping.put {"channel":"shop-a","channel_sku":"A-red","sku":"A"} => OK
stock.heal => OK
show o_3 => OK {"exceptions":[]}
stock {"sku":"A"} => OK {"data":[{"reserved":3,"available":0}]}
# a part given back before the split frees its pieces
take {"external_id":"2","receiver":{"phone":"13800002222"},"lines":[{"line_id":"1","sku":"A","quantity":2,"price":"5.00"}],"refunds":[{"refund_id":"r","status":"success","amount":"5.00","line_id":"1","quantity":1}]} => OK {"result":"updated"}
stock {"sku":"A"} => OK {"data":[{"reserved":2,"available":1}]}
