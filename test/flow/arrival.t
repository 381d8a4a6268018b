# Without a time of the channel the later arrival wins, also over a payload that waited (domain 2.4)
payload.put {"channel":"shop-a","raw":"{\"channel\":\"shop-a\",\"external_id\":\"1\",\"status\":\"paid\",\"placed_at\":\"2026-11-10T08:00:00+08:00\",\"currency\":\"CNY\",\"total\":\"1.00\",\"lines\":[{\"sku\":\"A\",\"quantity\":1}]}","error":{"code":"x","detail":"not mapped yet"}} => OK {"id":"p_1","state":"failed"}
take {"external_id":"1","status":"cancelled"} => OK {"id":"o_1","status":"cancelled"}
payload.retry p_1 {} => OK {"state":"applied","orders":["o_1"]}
show o_1 => OK {"channel_status":"cancelled","total":{"amount":"10.00"},"exceptions":[],"version":1}
# the same content told again makes what waited before it older
take {"external_id":"2","receiver":{"phone":"13800002222"}} => OK {"id":"o_2"}
payload.put {"channel":"shop-a","raw":"{\"channel\":\"shop-a\",\"external_id\":\"2\",\"status\":\"cancelled\",\"placed_at\":\"2026-11-10T08:00:00+08:00\",\"currency\":\"CNY\",\"total\":\"1.00\",\"lines\":[{\"sku\":\"A\",\"quantity\":1}]}","error":{"code":"x","detail":"not mapped yet"}} => OK {"id":"p_4"}
take {"external_id":"2","receiver":{"phone":"13800002222"},"freight":null} => OK {"result":"unchanged"}
payload.retry p_4 {} => OK {"state":"applied","orders":["o_2"]}
show o_2 => OK {"status":"paid","version":1}
# of two with the same time the later arrival wins too; a newer time beats every arrival
take {"external_id":"3","updated_at":"2026-11-10T09:00:00Z","receiver":{"phone":"13800003333"}} => OK {"id":"o_3"}
payload.put {"channel":"shop-a","raw":"{\"channel\":\"shop-a\",\"external_id\":\"3\",\"status\":\"paid\",\"placed_at\":\"2026-11-10T08:00:00+08:00\",\"updated_at\":\"2026-11-10T10:00:00Z\",\"currency\":\"CNY\",\"total\":\"3.00\",\"lines\":[{\"sku\":\"A\",\"quantity\":1}]}","error":{"code":"x","detail":"not mapped yet"}} => OK {"id":"p_7"}
payload.put {"channel":"shop-a","raw":"{\"channel\":\"shop-a\",\"external_id\":\"3\",\"status\":\"paid\",\"placed_at\":\"2026-11-10T08:00:00+08:00\",\"updated_at\":\"2026-11-10T09:00:00Z\",\"currency\":\"CNY\",\"total\":\"2.00\",\"lines\":[{\"sku\":\"A\",\"quantity\":1}]}","error":{"code":"x","detail":"not mapped yet"}} => OK {"id":"p_8"}
take {"external_id":"3","updated_at":"2026-11-10T09:00:00Z","total":"4.00","receiver":{"phone":"13800003333"}} => OK {"result":"updated"}
payload.retry p_8 {} => OK {"state":"applied"}
show o_3 => OK {"total":{"amount":"4.00"}}
payload.retry p_7 {} => OK {"state":"applied"}
show o_3 => OK {"total":{"amount":"3.00"}}
# told back and forth: the very same bytes again are an arrival when something waits that would be newer
take {"external_id":"4","receiver":{"phone":"13800004444"}} => OK {"id":"o_4"}
payload.put {"channel":"shop-a","raw":"{\"channel\":\"shop-a\",\"external_id\":\"4\",\"status\":\"cancelled\",\"placed_at\":\"2026-11-10T08:00:00+08:00\",\"currency\":\"CNY\",\"total\":\"1.00\",\"lines\":[{\"sku\":\"A\",\"quantity\":1}]}","error":{"code":"x","detail":"not mapped yet"}} => OK {"id":"p_11"}
take {"external_id":"4","receiver":{"phone":"13800004444"}} => OK {"result":"unchanged"}
payload.retry p_11 {} => OK {"state":"applied","orders":["o_4"]}
show o_4 => OK {"status":"paid","version":1}
