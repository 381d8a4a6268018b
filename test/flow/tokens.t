# Tokens group inside one platform family only, never with phones (domain 3.3)
conf | [channel tm-1]
conf | family = taobao
conf | [channel tm-2]
conf | family = taobao
take {"channel":"tm-1","external_id":"1","receiver":{"name":"张**","phone":"138****1111","address":"文三路***","token":"OAID-1"}} => OK {"id":"o_1","group":"g_1"}
take {"channel":"tm-2","external_id":"2","receiver":{"name":"张**","phone":"138****1111","address":"**","token":"OAID-1"}} => OK {"id":"o_2","group":"g_1"}
group g_1 => OK {"key":"token"}
take {"channel":"dy-1","external_id":"3","receiver":{"phone":"138****1111","address":"**","token":"OAID-1"}} => OK {"id":"o_3","group":"g_3"}
take {"channel":"shop-b","external_id":"4"} => OK {"id":"o_4","group":"g_4"}
# an order with a plain phone and a token stands in both rows
take {"channel":"tm-1","external_id":"5","receiver":{"token":"OAID-9"}} => OK {"id":"o_5","group":"g_4"}
take {"channel":"tm-1","external_id":"6","receiver":{"phone":"139****9999","address":"**","token":"OAID-9"}} => OK {"id":"o_6"}
# a masked phone with a readable address is only proposed
take {"channel":"jd-1","external_id":"7","receiver":{"phone":"138****1111"}} => OK {"id":"o_7","group":"*"}
why o_7 => OK {"proposals":["*","*"]}
check => OK
# a person may refuse what is proposed: it is proposed no more
group.remove g_1 {"order":"o_7"} => CONFLICT {"code":"not_in_group"}
group.remove g_4 {"order":"o_7","note":"another household"} => OK {"id":"g_4","proposals":[]}
why o_7 => OK {"proposals":[],"decisions":["*","*"]}
take {"channel":"jd-1","external_id":"7","receiver":{"phone":"138****1111"},"remarks":{"buyer":"x"}} => OK {"result":"updated"}
why o_7 => OK {"proposals":[]}
