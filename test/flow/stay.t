# Deadlines once per stay in a stage, in working hours where the team says so (domain 4.6)
conf | [stage paid]
conf | remind = never
conf | escalate = never
conf | [stage split]
conf | remind = never
conf | escalate = never
conf | [stage producing]
conf | remind = 1h
conf | escalate = never
conf | [stage inspected]
conf | remind = 9h
conf | escalate = 18h
conf | clock = working
conf | [calendar]
conf | hours = 09:00-18:00
conf | holidays = 2026-11-11
# it is Tuesday, 2026-11-10, 16:40 in the shop
take {"external_id":"1"} => OK {"id":"o_1"}
order.move o_1 {"to":"split"} => OK
order.move o_1 {"to":"producing"} => OK
@ +2h
order.move o_1 {"to":"inspected"} => OK
# 18:40: nine working hours end on Thursday at 18:00, after a holiday
@ +47h
history o_1 => OK {"data":["*","*","*",{"type":"order.reminder","data":{"stage":"producing"}},"*"]}
@ +20m
history o_1 => OK {"data":["*","*","*","*","*",{"type":"order.reminder","data":{"stage":"inspected"}}]}
# back to the bench: a new stay has its own reminder; the old stage's second deadline never comes
order.move o_1 {"to":"producing"} => OK
@ +72h
history o_1 => OK {"data":["*","*","*","*","*","*","*",{"type":"order.reminder","data":{"stage":"producing"}}]}
exceptions => OK {"data":[]}
