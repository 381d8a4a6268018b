# A factory makes what was ordered: work orders, their progress in any order, what failed is made again (domain 7.2)
warehouse.put {"code":"F1","kind":"factory"} => OK
sku.put {"code":"SOFA","made":true} => OK
take {"external_id":"1","lines":[{"line_id":"1","sku":"SOFA","quantity":2}]} => OK {"id":"o_1"}
order.move o_1 {"to":"split"} => OK {"fulfilments":[{"id":"f_1","warehouse":"F1","work_orders":[]}]}
order.move o_1 {"to":"producing"} => OK {"status":"producing","fulfilments":[{"work_orders":[{"id":"w_1","state":"wanted","quantity":2,"sku":"SOFA","factory":"F1"}]}]}
work.progress w_1 {"seq":3,"state":"started","step":1,"steps":4} => OK {"result":"applied","state":"started","step":1,"steps":4}
work.progress w_1 {"seq":1,"state":"accepted","expected_at":"2026-08-20T12:00:00+08:00"} => OK {"result":"applied","state":"started","step":1,"expected_at":"2026-08-20T04:00:00.000Z"}
work.progress w_1 {"seq":2,"state":"accepted"} => OK {"result":"older","state":"started"}
work.progress w_1 {"seq":3,"state":"scrapped"} => OK {"result":"older","state":"started"}
work.progress w_1 {} => INVALID {"code":"nothing_said"}
work.progress w_1 {"state":"wanted"} => INVALID {"code":"unknown_state"}
work.progress w_9 {"state":"started"} => NOT_FOUND {"code":"work_order_not_found"}
# begun: not cancelled without its factory
order.cancel o_1 {"reason":"second thoughts"} => CONFLICT {"code":"work_started"}
# failed: made again, sooner; passed after all: the rework goes
work.progress w_1 {"seq":5,"state":"failed"} => OK
show o_1 => OK {"exceptions":[{"type":"qc_failed"}],"fulfilments":[{"work_orders":[{"id":"w_1","state":"failed"},{"id":"w_2","state":"wanted","rework_of":"w_1","priority":1}]}]}
work.progress w_1 {"seq":6,"state":"passed"} => OK {"state":"passed"}
show o_1 => OK {"status":"inspected","exceptions":[],"fulfilments":[{"status":"inspected","work_orders":[{"id":"w_1"},{"id":"w_2","state":"cancelled","wanted":false}]}]}
check => OK
# scrapped, and the rework passes
work.progress w_1 {"seq":7,"state":"scrapped"} => OK
show o_1 => OK {"status":"producing","fulfilments":[{"work_orders":[{"id":"w_1"},{"id":"w_2"},{"id":"w_3","state":"wanted","rework_of":"w_1"}]}]}
work.cancel w_3 {"reason":"another machine","again":true} => OK {"state":"cancelled"}
show o_1 => OK {"fulfilments":[{"work_orders":[{"id":"w_1"},{"id":"w_2"},{"id":"w_3"},{"id":"w_4","state":"wanted"}]}]}
work.progress w_4 {"state":"passed"} => OK {"state":"passed"}
show o_1 => OK {"status":"inspected"}
check => OK
# begun, and its factory stops: then the order may go
take {"external_id":"2","receiver":{"phone":"13800002222"},"lines":[{"line_id":"1","sku":"SOFA","quantity":1}]} => OK {"id":"o_2"}
order.move o_2 {"to":"split"} => OK
order.move o_2 {"to":"producing"} => OK {"fulfilments":[{"work_orders":[{"id":"w_5"}]}]}
work.progress w_5 {"state":"started"} => OK
work.cancel w_5 {"reason":"the customer asks"} => OK {"state":"started","cancel":"asked"}
show o_2 => OK {"exceptions":[{"type":"cancel_after_start"}]}
work.progress w_5 {"cancel":"refused"} => OK {"state":"started","cancel":"refused"}
order.cancel o_2 {"reason":"second thoughts"} => CONFLICT {"code":"work_started"}
work.progress w_5 {"state":"cancelled"} => OK {"state":"cancelled"}
order.cancel o_2 {"reason":"second thoughts"} => OK {"status":"cancelled"}
check => OK
# not begun: it goes with its order
take {"external_id":"3","receiver":{"phone":"13800003333"},"lines":[{"line_id":"1","sku":"SOFA","quantity":1}]} => OK {"id":"o_3"}
order.move o_3 {"to":"split"} => OK
order.move o_3 {"to":"producing"} => OK {"fulfilments":[{"work_orders":[{"id":"w_6"}]}]}
order.cancel o_3 {"reason":"second thoughts"} => OK {"status":"cancelled"}
work.cancel w_6 {"reason":"again"} => CONFLICT {"code":"work_over"}
# who may
as viewer
work.progress w_6 {"state":"started"} => FORBIDDEN
check => OK
