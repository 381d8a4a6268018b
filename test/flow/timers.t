# Deadlines: a reminder, then an exception; once per stay; over a restart (domain 4.6)
conf | [stage paid]
conf | remind = 1h
conf | escalate = 2h
take {"external_id":"1"} => OK {"id":"o_1"}
@ +59m
history o_1 => OK {"data":[{"type":"order.created"}]}
@ +1m
history o_1 => OK {"data":[{"type":"order.created"},{"type":"order.reminder","data":{"stage":"paid","owner":"cs"}}]}
restart
@ +2h
history o_1 => OK {"data":["*","*",{"type":"order.overdue"}]}
find {"exception":"overdue:paid"} => OK ["o_1"]
@ +72h
history o_1 => OK {"data":["*","*","*"]}
order.move o_1 {"to":"split"} => OK
find {"exception":"overdue:paid"} => OK []
# never after the order has left the stage
take {"external_id":"2","receiver":{"phone":"13900000002"}} => OK {"id":"o_2"}
order.move o_2 {"to":"split"} => OK
@ +90m
history o_2 => OK {"data":["*",{"type":"order.status"}]}
