# One customer's orders, same phone and address within 72 h (domain 3)
take {"external_id":"A1"} => OK {"id":"o_1","group":"g_1"}
take {"channel":"shop-b","external_id":"B1","placed_at":"2026-11-12T08:00:00+08:00","receiver":{"phone":"+86 138-0000-1111","province":"浙江","city":"杭州","address":"文三路100号示例花园2号楼301"}} => OK {"id":"o_2","group":"g_1","version":2}
group g_1 => OK {"state":"open","key":"phone_address","orders":[{"id":"o_1"},{"id":"o_2"}]}
# exactly 72 h after the first still counts, a minute more does not
take {"external_id":"A2","placed_at":"2026-11-13T08:00:00+08:00"} => OK {"id":"o_3","group":"g_1"}
take {"external_id":"A3","placed_at":"2026-11-13T08:01:00+08:00"} => OK {"id":"o_4","group":"g_4"}
why o_4 => OK {"conditions":["*","*","*"]}
# another room, another phone, another currency: never
take {"external_id":"A5","receiver":{"address":"文三路100号 示例花园 2幢302室"}} => OK {"id":"o_5","group":"g_5"}
take {"external_id":"A6","receiver":{"phone":"13800001112"}} => OK {"id":"o_6","group":"g_6"}
take {"external_id":"A7","currency":"USD"} => OK {"id":"o_7","group":"g_7"}
# not eligible: cash on delivery ships, but alone
take {"external_id":"A8","flags":["cod"]} => OK {"id":"o_8","group":"g_8"}
# not paid yet: no group; when it is paid it joins
take {"external_id":"A9","status":"placed"} => OK {"id":"o_9","status":"pending","group":null}
take {"external_id":"A9","status":"paid"} => OK {"id":"o_9","result":"updated","status":"paid","group":"g_1"}
# an order that a person takes out stays out
group.remove g_1 {"order":"o_3","note":"customer wants two parcels"} => OK {"id":"g_1","orders":[{"id":"o_1"},{"id":"o_9"},{"id":"o_2"}]}
take {"external_id":"A2","placed_at":"2026-11-13T08:00:00+08:00","remarks":{"buyer":"x"}} => OK {"result":"updated"}
# A2 belongs to nobody of g_1 now, but A3 (a minute later) may keep it company
show o_3 => OK {"group":{"id":"*","orders":["o_3","o_4"]}}
# put together by hand although the phone differs
group.add g_1 {"order":"o_6"} => OK {"id":"g_1","key":"manual"}
show o_6 => OK {"group":{"id":"g_1","orders":["o_1","o_6","o_9","o_2"]}}
group.add g_1 {"order":"o_7"} => CONFLICT {"code":"other_currency"}
# held: leaves; released: comes back
order.hold o_2 {"reason":"address unclear"} => OK {"holds":[{"reason":"address unclear"}]}
group g_1 => OK {"orders":[{"id":"o_1"},{"id":"o_6"},{"id":"o_9"}]}
order.release o_2 {} => OK {"holds":[]}
# cancelled: leaves
order.cancel o_9 {"reason":"customer"} => OK {"status":"cancelled","group":null}
# locked: neither takes nor gives
group.lock g_1 {} => OK {"state":"locked"}
take {"external_id":"A10"} => OK {"id":"o_10","group":"*"}
group.remove g_1 {"order":"o_1"} => CONFLICT {"code":"group_locked"}
take {"external_id":"A1","receiver":{"address":"文三路200号 别处小区 1幢101室"}} => OK {"result":"updated","group":"g_1"}
exceptions => OK {"data":[{"type":"address_after_lock"}]}
check => OK
