# A hold stops every forward move and nothing else; a refusal changes nothing (domain 4.1, 4.3)
take {"external_id":"1"} => OK {"id":"o_1","version":1}
order.hold o_1 {"reason":"stock"} => OK {"version":2}
order.hold o_1 {"reason":"stock"} => OK {"version":2}
order.hold o_1 {"reason":"address"} => OK {"version":3}
order.move o_1 {"to":"split"} => CONFLICT {"code":"on_hold","status_now":"paid","allowed":["split","cancelled"]}
order.move o_1 {"to":"shipped"} => CONFLICT {"code":"illegal_transition"}
order.release o_1 {"reason":"stock"} => OK {"version":4}
order.move o_1 {"to":"split"} => CONFLICT {"code":"on_hold"}
history o_1 => OK {"data":[{"type":"order.created"},{"type":"order.hold"},{"type":"order.hold"},{"type":"order.release"}]}
# the channel shipped it all the same: that is known, and for a person
take {"external_id":"1","status":"shipped"} => OK {"result":"updated","status":"paid"}
show o_1 => OK {"channel_status":"shipped","exceptions":[{"type":"channel_ahead"}],"group":{"state":"locked"}}
order.release o_1 {} => OK {"status":"shipped","exceptions":[]}
# a held order can be cancelled
take {"external_id":"2","receiver":{"phone":"13800002222"}} => OK {"id":"o_2"}
order.hold o_2 {"reason":"fraud"} => OK
order.cancel o_2 {"reason":"fraud"} => OK {"status":"cancelled"}
order.hold o_2 {"reason":"x"} => CONFLICT {"code":"terminal"}
# late word that it was paid: the order stays cancelled, a person is told; what is older is not even that
take {"external_id":"2","receiver":{"phone":"13800002222"},"total":"10.01"} => OK {"status":"cancelled"}
show o_2 => OK {"status":"cancelled","channel_status":"paid","exceptions":[{"type":"channel_disagrees"}]}
order.move o_2 {"to":"paid"} => CONFLICT {"code":"illegal_transition","allowed":["pending"]}
order.move o_2 {"to":"pending"} => OK {"status":"pending"}
order.move o_2 {"to":"paid"} => CONFLICT {"code":"on_hold"}
