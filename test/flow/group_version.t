# Who comes or goes makes a new version of the group, so if_version sees it
take {"external_id":"1"} => OK {"id":"o_1","group":"g_1"}
take {"external_id":"2"} => OK {"id":"o_2","group":"g_1"}
group g_1 => OK {"version":2}
take {"external_id":"3"} => OK {"id":"o_3","group":"g_1"}
group g_1 => OK {"version":3}
group.remove g_1 {"order":"o_3","if_version":2} => STALE {"version":3}
order.hold o_3 {"reason":"x"} => OK
group.lock g_1 {"if_version":3} => STALE
# an order that moved in time takes its group along, also when it may not be merged
take {"external_id":"4","flags":["cod"],"receiver":{"phone":"13800004444"}} => OK {"id":"o_4"}
take {"external_id":"4","flags":["cod"],"placed_at":"2026-11-09T08:00:00+08:00","receiver":{"phone":"13800004444"}} => OK {"id":"o_4"}
check => OK
