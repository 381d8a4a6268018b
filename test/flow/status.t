# The status machine (domain 4)
take {"external_id":"S1"} => OK {"id":"o_1","status":"paid"}
order.move o_1 {"to":"shipped"} => CONFLICT {"code":"illegal_transition","allowed":["split","cancelled"]}
order.move o_1 {"to":"nowhere"} => INVALID {"code":"unknown_status"}
order.move o_1 {"to":"split","if_version":7} => STALE {"version":1}
order.move o_1 {"to":"split","if_version":1} => OK {"status":"split","version":2,"next":["producing","pre_ship","cancelled"]}
order.hold o_1 {"reason":"stock"} => OK {"version":3}
order.move o_1 {"to":"pre_ship"} => CONFLICT {"code":"on_hold"}
order.release o_1 {"reason":"other"} => CONFLICT {"code":"not_held"}
order.release o_1 {"reason":"stock"} => OK {"holds":[]}
order.move o_1 {"to":"pre_ship"} => OK {"status":"pre_ship","group":{"state":"locked"}}
order.move o_1 {"to":"shipped"} => CONFLICT {"code":"no_parcel"}
take {"external_id":"S1","status":"shipped","shipments":[{"carrier":"SF","tracking_no":"SF0001","shipped_at":"2026-11-11T10:00:00Z"}]} => OK {"result":"updated","status":"shipped"}
# late news never moves a status back
take {"external_id":"S1","status":"paid"} => OK {"result":"updated","status":"shipped"}
take {"external_id":"S1","status":"completed"} => OK {"status":"completed"}
order.cancel o_1 {"reason":"late"} => CONFLICT {"code":"illegal_transition","allowed":[]}
# cancel after lock
take {"external_id":"S2"} => OK {"id":"o_2"}
order.move o_2 {"to":"split"} => OK
order.move o_2 {"to":"producing"} => OK {"group":{"state":"locked"}}
take {"external_id":"S2","status":"cancelled"} => OK {"status":"cancelled"}
exceptions => OK {"data":[{"type":"cancel_after_lock"}]}
# reopened only by a person
take {"external_id":"S2","status":"paid","total":"10.01"} => OK {"status":"cancelled"}
order.move o_2 {"to":"pending"} => OK {"status":"pending"}
# an order that comes already shipped
take {"external_id":"S3","status":"shipped"} => OK {"id":"o_3","status":"shipped","group":null}
# cancelled by the channel while a parcel is away: a person must stop it
take {"external_id":"S3","status":"cancelled"} => OK {"status":"shipped"}
show o_3 => OK {"channel_status":"cancelled","exceptions":[{"type":"cancel_after_lock"}]}
as viewer
order.hold o_2 {"reason":"x"} => FORBIDDEN
check => OK
