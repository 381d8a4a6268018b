# A parcel that left is a fact that later messages cannot take back (domain 3.4, 3.7)
take {"external_id":"1","status":"placed","shipments":[{"carrier":"SF","tracking_no":"SF1"}]} => OK {"id":"o_1","status":"pending","group":null}
take {"external_id":"1","status":"paid"} => OK {"id":"o_1","status":"paid"}
show o_1 => OK {"group":{"state":"locked","orders":["o_1"]}}
take {"external_id":"2"} => OK {"id":"o_2"}
show o_2 => OK {"group":{"state":"open","orders":["o_2"]}}
# told as partly shipped while it was not paid here yet
take {"external_id":"3","status":"placed","receiver":{"phone":"13800003333"}} => OK {"id":"o_3"}
take {"external_id":"3","status":"partly_shipped","receiver":{"phone":"13800003333"}} => OK {"status":"paid"}
show o_3 => OK {"group":{"state":"locked","orders":["o_3"]}}
# a clock that stands wrong does not put the parcel's own order out of its group
take {"external_id":"4","receiver":{"phone":"13800004444"}} => OK {"id":"o_4"}
take {"external_id":"5","receiver":{"phone":"13800004444"}} => OK {"id":"o_5"}
take {"external_id":"6","placed_at":"2026-11-11T08:00:00+08:00","receiver":{"phone":"13800004444"}} => OK {"id":"o_6"}
take {"external_id":"4","status":"shipped","receiver":{"phone":"13800004444"},"shipments":[{"tracking_no":"SF4","shipped_at":"2026-11-10T08:00:00+08:00"}]} => OK {"status":"shipped"}
show o_4 => OK {"group":{"state":"locked","orders":["o_4"]}}
show o_5 => OK {"group":{"state":"open","orders":["o_5","o_6"]}}
# shipped to another place than its group: it goes alone, the others stay open
take {"external_id":"7","receiver":{"phone":"13800007777"}} => OK {"id":"o_7"}
take {"external_id":"8","receiver":{"phone":"13800007777"}} => OK {"id":"o_8"}
take {"external_id":"7","status":"shipped","receiver":{"phone":"13800007777","address":"学院路20号 样板公寓 5幢1单元1002室"}} => OK {"status":"shipped"}
show o_7 => OK {"group":{"state":"locked","orders":["o_7"]}}
show o_8 => OK {"group":{"state":"open","orders":["o_8"]}}
