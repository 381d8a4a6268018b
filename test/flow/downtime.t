# Deadlines that were missed while nobody looked fire oldest first, the second one too (domain 4.6)
conf | [stage paid]
conf | remind = 1h
conf | escalate = 3h
take {"external_id":"1"} => OK {"id":"o_1"}
@ +1h
take {"external_id":"2","receiver":{"phone":"13800002222"}} => OK {"id":"o_2"}
restart
@ +100h
history o_1 => OK {"data":[{"type":"order.created"},{"type":"order.reminder"},{"type":"order.overdue"}]}
history o_2 => OK {"data":[{"type":"order.created"},{"type":"order.reminder"},{"type":"order.overdue"}]}
exceptions => OK {"data":[{"type":"overdue:paid","order":"o_2"},{"type":"overdue:paid","order":"o_1"}]}
@ +100h
history o_1 => OK {"data":["*","*","*"]}
