# A locked group neither takes nor gives (domain 3.5, 3.7)
take {"external_id":"1","placed_at":"2026-11-10T08:00:00+08:00"} => OK {"id":"o_1","group":"g_1"}
take {"external_id":"2","placed_at":"2026-11-10T09:00:00+08:00"} => OK {"id":"o_2","group":"g_1"}
take {"external_id":"3","placed_at":"2026-11-10T10:00:00+08:00"} => OK {"id":"o_3","group":"g_1"}
take {"external_id":"4","placed_at":"2026-11-10T11:00:00+08:00"} => OK {"id":"o_4","group":"g_1"}
# the first parcel left at ten: who was placed at that moment or later cannot be in it, and goes together
take {"external_id":"1","placed_at":"2026-11-10T08:00:00+08:00","status":"shipped","shipments":[{"tracking_no":"SF1","shipped_at":"2026-11-10T10:00:00+08:00"}]} => OK {"status":"shipped"}
group g_1 => OK {"state":"locked","orders":[{"id":"o_1"},{"id":"o_2"}]}
show o_3 => OK {"group":{"state":"open","orders":["o_3","o_4"]}}
history o_3 => OK {"data":["*","*","*",{"type":"order.group","data":{"because":[{"code":"placed_after_shipping"}]}},"*"]}
# a later order goes to the open one, a member that changes stays where the parcel is
take {"external_id":"5","placed_at":"2026-11-10T07:00:00+08:00"} => OK {"id":"o_5"}
show o_5 => OK {"group":{"state":"open","orders":["o_5","o_3","o_4"]}}
take {"external_id":"2","placed_at":"2026-11-10T09:00:00+08:00","remarks":{"buyer":"x"}} => OK {"result":"updated","group":"g_1"}
group.add g_1 {"order":"o_5"} => CONFLICT {"code":"group_locked"}
group.lock g_1 {} => CONFLICT {"code":"group_locked"}
# before the lock an address that changes takes the order to whom it belongs now
take {"external_id":"6","placed_at":"2026-11-10T08:30:00+08:00","receiver":{"address":"学院路20号 样板公寓 5幢1单元1002室"}} => OK {"id":"o_6"}
take {"external_id":"5","placed_at":"2026-11-10T07:00:00+08:00","receiver":{"address":"学院路20号 样板公寓 5幢1单元1002室"}} => OK {"id":"o_5"}
show o_5 => OK {"group":{"orders":["o_5","o_6"]},"exceptions":[]}
show o_3 => OK {"group":{"orders":["o_3","o_4"]}}
