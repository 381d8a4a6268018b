# What could not be mapped is kept, shown, mended or put aside (domain 2.2)
payload.put {"channel":"sheet","raw":"{\"订单编号\":\"1.23E+17\"}","error":{"code":"id_damaged","detail":"a number in scientific notation","row":7}} => OK {"id":"p_1","state":"failed"}
exceptions => OK {"data":[{"type":"mapping_failed"}]}
payload.retry p_1 {} => OK {"state":"failed"}
payload.retry p_1 {"order":{"channel":"sheet","external_id":"123","status":"paid","placed_at":"2026-11-10T08:00:00+08:00","currency":"CNY","total":"1.00","lines":[{"sku":"A","quantity":1}]}} => OK {"state":"applied","orders":["o_1"]}
exceptions => OK {"data":[]}
payload.retry p_1 {} => CONFLICT {"code":"not_failed"}
payload.put {"channel":"sheet","raw":"rubbish","error":{"code":"status_unknown","detail":"?"}} => OK {"id":"p_2"}
payload.discard p_2 {"note":"test row"} => OK {"state":"dead"}
payload.retry_all => OK {"applied":0,"failed":0}
# taken under surge, applied later
