# Three customers put together by hand, the second order ties the other two. It goes to another place and ships:
# it leaves and is locked, the two others part, and no group stays behind without orders (domain 3.7, 3.8)
take {"external_id":"A1","receiver":{"phone":"13800001111"}} => OK {"id":"o_1","group":"g_1"}
take {"external_id":"A2","receiver":{"phone":"13800002222"}} => OK {"id":"o_2","group":"g_2"}
take {"external_id":"A3","receiver":{"phone":"13800003333"}} => OK {"id":"o_3","group":"g_3"}
group.add g_2 {"order":"o_3"} => OK {"orders":[{"id":"o_2"},{"id":"o_3"}]}
group.add g_1 {"order":"o_2"} => OK {"orders":[{"id":"o_1"},{"id":"o_2"},{"id":"o_3"}]}
take {"external_id":"A2","status":"shipped","receiver":{"phone":"13800002222","address":"解放路9号 别处小区 1幢101室"},"shipments":[{"carrier":"SF","tracking_no":"SF1"}]} => OK {"result":"updated","status":"shipped"}
check => OK
show o_1 => OK {"group":{"id":"*","state":"open","orders":["o_1"]}}
show o_2 => OK {"group":{"id":"*","state":"locked","orders":["o_2"]}}
show o_3 => OK {"group":{"id":"*","state":"open","orders":["o_3"]}}
