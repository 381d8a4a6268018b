# Stock as people change it (domain 5.1, 5.2)
sku.put {"code":"A"} => OK
sku.put {"code":"MADE","made":true} => OK
sku.put {"code":"KIT","parts":[{"sku":"A","quantity":2}]} => OK
warehouse.put {"code":"HZ"} => OK
warehouse.put {"code":"SH"} => OK
warehouse.put {"code":"F","kind":"factory"} => OK
# receipts and losses
stock.adjust {"sku":"A","warehouse":"HZ","delta":10,"reason":"receipt","note":"PO 7"} => OK {"sku":"A","warehouse":"HZ","delta":10,"on_hand":10,"reserved":0,"frozen":0,"available":10,"quarantine":0}
stock.adjust {"sku":"A","warehouse":"HZ","delta":-3,"reason":"loss"} => OK {"delta":-3,"on_hand":7,"available":7}
stock.adjust {"sku":"A","warehouse":"HZ","delta":-8,"reason":"loss"} => CONFLICT {"code":"not_enough","on_hand":7,"available":7}
stock.adjust {"sku":"A","warehouse":"SH","delta":-1,"reason":"loss"} => CONFLICT {"code":"not_enough","available":0}
stock.adjust {"sku":"A","warehouse":"HZ","delta":0,"reason":"loss"} => INVALID {"code":"out_of_range"}
stock.adjust {"sku":"A","warehouse":"HZ","delta":1000000001,"reason":"receipt"} => INVALID {"code":"out_of_range"}
stock.adjust {"sku":"A","warehouse":"HZ","delta":1} => INVALID {"code":"missing","errors":[{"pointer":"/reason"}]}
stock.adjust {"sku":"Z","warehouse":"HZ","delta":1,"reason":"receipt"} => INVALID {"code":"unknown_sku"}
stock.adjust {"sku":"A","warehouse":"Z","delta":1,"reason":"receipt"} => INVALID {"code":"unknown_warehouse"}
stock.adjust {"sku":"A","warehouse":"F","delta":1,"reason":"receipt"} => INVALID {"code":"factory_has_no_stock"}
stock.adjust {"sku":"KIT","warehouse":"HZ","delta":1,"reason":"receipt"} => INVALID {"code":"kit_has_no_stock"}
stock.adjust {"sku":"MADE","warehouse":"HZ","delta":1,"reason":"receipt"} => INVALID {"code":"made_has_no_stock"}
stock {} => OK {"data":[{"sku":"A","warehouse":"HZ","on_hand":7,"reserved":0,"frozen":0,"available":7,"quarantine":0}],"next":null}
# a kit gives what its parts give
sku KIT => OK {"available":3}
sku A => OK {"available":7}
sku MADE => OK {"available":null}
# what lies on a shelf is neither a kit nor made
sku.put {"code":"A","made":true} => CONFLICT {"code":"has_stock"}
sku.put {"code":"B"} => OK
sku.put {"code":"C"} => OK
stock.adjust {"sku":"C","warehouse":"HZ","delta":1,"reason":"receipt"} => OK
sku.put {"code":"C","parts":[{"sku":"B","quantity":1}]} => CONFLICT {"code":"has_stock"}
stock.adjust {"sku":"C","warehouse":"HZ","delta":-1,"reason":"correction"} => OK
sku.put {"code":"C","parts":[{"sku":"B","quantity":1}]} => OK {"kit":true}
warehouse.put {"code":"HZ","kind":"factory"} => CONFLICT {"code":"has_stock"}
# counts: only the difference is booked
stock.count {"sku":"A","warehouse":"HZ","counted":9} => OK {"delta":2,"on_hand":9}
stock.count {"sku":"A","warehouse":"HZ","counted":9,"note":"again"} => OK {"delta":0,"on_hand":9}
stock.count {"sku":"A","warehouse":"HZ","counted":4} => OK {"delta":-5,"on_hand":4}
stock.count {"sku":"A","warehouse":"SH","counted":0} => OK {"delta":0,"on_hand":0}
stock.count {"sku":"A","warehouse":"HZ","counted":-1} => INVALID {"code":"out_of_range"}
stock.count {"sku":"A","warehouse":"HZ"} => INVALID {"code":"missing"}
stock.count {"sku":"KIT","warehouse":"HZ","counted":1} => INVALID {"code":"kit_has_no_stock"}
ledger {"sku":"A","warehouse":"HZ"} => OK {"data":[{"from":"available","to":"outside","quantity":5,"reason":"count","entries":[{"bucket":"available","delta":-5}]},{"from":"outside","to":"available","quantity":2,"reason":"count"},{"quantity":3,"reason":"loss"},{"quantity":10,"reason":"receipt","ref":"PO 7","entries":[{"bucket":"available","delta":10}]}],"next":null}
ledger {"warehouse":"HZ"} => OK {"data":[{"sku":"A"},{"sku":"A"},{"sku":"C"},{"sku":"C"},{"sku":"A"},{"sku":"A"}]}
# moves: to another warehouse, into and out of quarantine
stock.move {"sku":"A","warehouse":"HZ","to":"SH","quantity":3} => OK {"quantity":3,"from":{"warehouse":"HZ","on_hand":1},"to":{"warehouse":"SH","on_hand":3}}
stock.move {"sku":"A","warehouse":"HZ","to":"SH","quantity":2} => CONFLICT {"code":"not_enough"}
stock.move {"sku":"A","warehouse":"SH","quantity":2,"to_bucket":"quarantine","reason":"damaged"} => OK {"from":{"on_hand":1,"quarantine":2,"available":1}}
stock.move {"sku":"A","warehouse":"SH","quantity":3,"from_bucket":"quarantine"} => CONFLICT {"code":"not_enough","quarantine":2}
stock.move {"sku":"A","warehouse":"SH","quantity":1,"from_bucket":"quarantine"} => OK {"to":{"on_hand":2,"quarantine":1}}
stock.move {"sku":"A","warehouse":"SH","to":"SH","quantity":1} => INVALID {"code":"same_place"}
stock.move {"sku":"A","warehouse":"SH","to":"F","quantity":1} => INVALID {"code":"factory_has_no_stock","errors":[{"pointer":"/to"}]}
stock.move {"sku":"A","warehouse":"SH","to":"HZ","quantity":0} => INVALID {"code":"out_of_range"}
stock.move {"sku":"A","warehouse":"SH","quantity":1,"to_bucket":"frozen"} => INVALID {"code":"unknown_bucket"}
ledger {"sku":"A","warehouse":"SH"} => OK {"data":[{"from":"quarantine","to":"available","entries":[{"bucket":"quarantine","delta":-1},{"bucket":"available","delta":1}]},{"reason":"damaged"},{"from":"outside","to":"available","ref":"from HZ"}]}
restart
stock {"warehouse":"SH"} => OK {"data":[{"on_hand":2,"available":2,"quarantine":1}]}
stock {"sku":"A"} => OK {"data":[{"warehouse":"HZ","on_hand":1},{"warehouse":"SH"}]}
stock {"sku":"nothing"} => OK {"data":[]}
