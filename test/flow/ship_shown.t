# A number that the channel shows while the order waits for pieces is taken up when they come (domain 6.1)
warehouse.put {"code":"HZ"} => OK
sku.put {"code":"A"} => OK
stock.adjust {"sku":"A","warehouse":"HZ","delta":1,"reason":"received"} => OK
take {"external_id":"1","lines":[{"line_id":"1","sku":"A","quantity":1}]} => OK {"id":"o_1"}
take {"external_id":"2","receiver":{"phone":"13800002222"},"lines":[{"line_id":"1","sku":"A","quantity":1}]} => OK {"id":"o_2"}
take {"external_id":"2","receiver":{"phone":"13800002222"},"lines":[{"line_id":"1","sku":"A","quantity":1}],"shipments":[{"carrier":"SF","tracking_no":"OFF0001"}]} => OK {"result":"updated"}
show o_2 => OK {"status":"paid","exceptions":[{"type":"oversold"}],"fulfilments":[]}
order.cancel o_1 {"reason":"second thoughts"} => OK
stock.heal => OK
show o_2 => OK {"status":"pre_ship","fulfilments":[{"claim":{"tracking_no":"OFF0001","state":"live","told":"accepted"}}]}
stock {"sku":"A"} => OK {"data":[{"on_hand":1,"reserved":0,"frozen":1}]}
fulfilment.claim f_1 {"carrier":"SF","tracking_no":"OUR0002"} => CONFLICT {"code":"already_claimed"}
check => OK
