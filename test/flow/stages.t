# A stage of the team's own: work on it begins, so its group neither takes nor gives from then on
conf | [stage engraving]
conf | after = split
conf | [intake]
conf | new_channels = no
conf | [channel shop-a]
conf | merge = yes
take {"external_id":"1"} => OK {"id":"o_1","group":"g_1"}
take {"external_id":"2"} => OK {"id":"o_2","group":"g_1"}
# a channel that the configuration names is known, another is not
take {"channel":"shop-x","external_id":"3"} => INVALID {"code":"unknown_channel"}
order.move o_1 {"to":"split"} => OK
order.move o_1 {"to":"engraving"} => OK {"status":"engraving","group":{"id":"g_1","state":"locked","orders":["o_1","o_2"]}}
order.move o_1 {"to":"pre_ship"} => OK
check => OK
