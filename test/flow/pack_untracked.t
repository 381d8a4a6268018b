# A team without a dictionary packs by what the channel calls its articles, without a warehouse
take {"external_id":"1","lines":[{"line_id":"1","sku":"MUG-RED","title":"Mug","quantity":1},{"line_id":"2","title":"A card","quantity":2},{"line_id":"3","sku":"MUG-RED","title":"Mug","quantity":1}]} => OK {"id":"o_1"}
order.move o_1 {"to":"split"} => OK {"fulfilments":[{"id":"f_1","warehouse":null}]}
wave.make {"limit":5} => OK {"id":"v_1","warehouse":null,"picks":[{"sku":"A card","barcodes":[],"quantity":2},{"sku":"MUG-RED","quantity":2,"totes":[{"fulfilment":"f_1","quantity":2}]}]}
pack.scan f_1 {"barcode":"MUG-RED"} => OK {"result":"right","sku":"MUG-RED","left":3}
pack.scan f_1 {"sku":"MUG-BLUE"} => OK {"result":"wrong"}
pack.scan f_1 {"sku":"MUG-RED"} => OK {"result":"right","left":2}
pack.scan f_1 {"sku":"MUG-RED"} => OK {"result":"too_many"}
pack.short f_1 {"sku":"A card","reason":"short"} => CONFLICT {"code":"no_stock_kept"}
pack.scan f_1 {"sku":"A card","quantity":2} => OK {"result":"done","work":"packed"}
# a label first, where verifying is not asked for: it may be scanned all the same
take {"external_id":"2","receiver":{"phone":"13800002222"},"lines":[{"line_id":"1","sku":"MUG-RED","quantity":1}]} => OK {"id":"o_2"}
order.move o_2 {"to":"split"} => OK {"fulfilments":[{"id":"f_2"}]}
fulfilment.claim f_2 {"carrier":"SF","tracking_no":"SF0001"} => OK {"id":"k_1"}
wave.make {"fulfilments":["f_2"]} => CONFLICT {"code":"already_claimed"}
pack.scan f_2 {"sku":"MUG-RED"} => OK {"result":"done","work":"packed"}
