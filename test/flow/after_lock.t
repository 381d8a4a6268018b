# After the lock a person must stop the parcel: cancelled, held, refunded, another address (domain 3.8)
take {"external_id":"1"} => OK {"id":"o_1"}
group.lock g_1 {} => OK
order.hold o_1 {"reason":"customer calls"} => OK
show o_1 => OK {"exceptions":[{"type":"cancel_after_lock"}],"group":{"state":"locked"}}
take {"external_id":"2","receiver":{"phone":"13800002222"}} => OK {"id":"o_2"}
group.lock g_2 {} => OK
take {"external_id":"2","receiver":{"phone":"13800002222"},"refunds":[{"refund_id":"r1","status":"requested","amount":"4.00","line_id":"1"}]} => OK {"result":"updated"}
show o_2 => OK {"exceptions":[]}
take {"external_id":"2","receiver":{"phone":"13800002222"},"refunds":[{"refund_id":"r1","status":"requested","amount":"10.00","line_id":"1"}]} => OK {"result":"updated"}
show o_2 => OK {"exceptions":[{"type":"cancel_after_lock"}]}
# once looked at, it does not come back for the same refund
exception.resolve x_2 {"note":"stopped"} => OK
take {"external_id":"2","receiver":{"phone":"13800002222"},"remarks":{"buyer":"x"},"refunds":[{"refund_id":"r1","status":"success","amount":"10.00","line_id":"1"}]} => OK {"result":"updated"}
show o_2 => OK {"exceptions":[]}
# cash on delivery and given back: seen too
take {"external_id":"3","flags":["cod"],"receiver":{"phone":"13800003333"}} => OK {"id":"o_3"}
group.lock g_3 {} => OK
take {"external_id":"3","flags":["cod"],"receiver":{"phone":"13800003333"},"refunds":[{"refund_id":"r1","status":"success","amount":"10.00"}]} => OK
show o_3 => OK {"exceptions":[{"type":"cancel_after_lock"}]}
# platforms mask the receiver when all is over: nobody has to stop anything
take {"external_id":"4","status":"paid","receiver":{"phone":"13800004444"}} => OK {"id":"o_4"}
take {"external_id":"4","status":"shipped","receiver":{"phone":"13800004444"}} => OK
take {"external_id":"4","status":"completed","receiver":{"phone":"13800004444"}} => OK {"status":"completed"}
take {"external_id":"4","status":"completed","receiver":{"phone":"138****4444","address":"文三路***"}} => OK {"result":"updated"}
show o_4 => OK {"exceptions":[]}
