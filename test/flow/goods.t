# The data dictionary (domain 5.5): articles, kits, mappings, warehouses
sku.put {"code":"A","title":"Sofa","weight_g":1500,"barcodes":["6901234567892"]} => OK {"result":"created","code":"A","version":1,"state":"active","kit":false,"made":false,"weight_g":1500,"length_mm":null,"barcodes":["6901234567892"],"parts":[],"warnings":[],"available":0,"safety":0}
# what is not named stays, null clears, the same again changes nothing
sku.put {"code":"A","safety":2} => OK {"result":"updated","version":2,"title":"Sofa","weight_g":1500,"safety":2,"barcodes":["6901234567892"]}
sku.put {"code":"A","weight_g":null} => OK {"result":"updated","version":3,"weight_g":null,"title":"Sofa"}
sku.put {"code":"A","title":"Sofa","safety":2,"barcodes":["6901234567892"],"parts":[]} => OK {"result":"unchanged","version":3}
history n_1 => OK {"data":[{"type":"sku.created","entity":"n_1","data":{"code":"A"}},{"type":"sku.updated","data":{"changed":{"safety":{"from":0,"to":2}}}},{"type":"sku.updated","data":{"changed":{"weight_g":{"from":1500,"to":null}}}}]}
# versions
sku.put {"code":"A","title":"x","if_version":2} => STALE {"code":"stale_version","version":3}
sku.put {"code":"NEW","if_version":1} => STALE {"code":"stale_version"}
# codes that are no codes
sku.put {"code":"SOFA А"} => INVALID {"code":"bad_code"}
sku.put {"code":"SOFA-А"} => INVALID {"code":"bad_code"}
sku.put {"code":""} => INVALID {"errors":[{"pointer":"/code"}]}
sku.put {} => INVALID {"code":"missing"}
# values
sku.put {"code":"B","weight_g":0} => INVALID {"code":"out_of_range","errors":[{"pointer":"/weight_g"}]}
sku.put {"code":"B","weight_g":-1} => INVALID {"code":"out_of_range"}
sku.put {"code":"B","height_mm":100001} => INVALID {"code":"out_of_range"}
sku.put {"code":"B","safety":-1} => INVALID {"code":"out_of_range"}
sku.put {"code":"B","weight_g":"5"} => INVALID {"code":"not_a_number"}
sku.put {"code":"B","weight_g":1.5} => INVALID {"code":"not_a_number"}
sku.put {"code":"B","made":1} => INVALID {"code":"not_a_bool"}
sku.put {"code":"B","hazard":"Li Ion"} => INVALID {"code":"bad_characters"}
sku.put {"code":"B","state":"gone"} => INVALID {"code":"unknown_state"}
sku.put {"code":"B","on_hand":5} => INVALID {"code":"unknown_key"}
sku.put {"code":"B","reserved":5,"version":9} => INVALID {"errors":[{"pointer":"/reserved","code":"unknown_key"},{"pointer":"/version","code":"unknown_key"}]}
sku B => NOT_FOUND
# barcodes: one article each, a wrong check digit is only told
sku.put {"code":"B","barcodes":["6901234567892"]} => CONFLICT {"code":"barcode_taken"}
sku.put {"code":"B","barcodes":["A"]} => CONFLICT {"code":"barcode_taken"}
sku.put {"code":"6901234567892"} => CONFLICT {"code":"barcode_taken"}
sku.put {"code":"B","barcodes":["x","x"]} => INVALID {"code":"barcode_repeated"}
sku.put {"code":"B","barcodes":["x y"]} => INVALID {"code":"bad_barcode"}
sku.put {"code":"B","barcodes":[""]} => INVALID {"code":"bad_barcode"}
sku.put {"code":"B","barcodes":[5]} => INVALID {"code":"bad_barcode"}
sku.put {"code":"B","barcodes":"x"} => INVALID {"code":"not_a_list"}
sku B => NOT_FOUND
sku.put {"code":"B","barcodes":["6901234567891","ANY-3","12345670"]} => OK {"result":"created","warnings":[{"pointer":"/barcodes/0","code":"check_digit"}],"barcodes":["12345670","6901234567891","ANY-3"]}
sku.put {"code":"B","barcodes":["12345670","ANY-3","6901234567891"]} => OK {"result":"unchanged"}
sku.put {"code":"B","barcodes":[]} => OK {"result":"updated","barcodes":[],"version":2}
# kits: one level, of known articles, each once
sku.put {"code":"KIT","parts":[{"sku":"A","quantity":1},{"sku":"B","quantity":4}]} => OK {"kit":true,"parts":[{"sku":"A","quantity":1},{"sku":"B","quantity":4}],"available":0}
sku.put {"code":"KIT","parts":[{"sku":"B","quantity":4},{"sku":"A","quantity":1}]} => OK {"result":"unchanged"}
sku.put {"code":"K2","parts":[{"sku":"KIT","quantity":1}]} => INVALID {"code":"kit_in_kit","errors":[{"pointer":"/parts/0/sku"}]}
sku.put {"code":"K2","parts":[{"sku":"K2","quantity":1}]} => INVALID {"code":"kit_cycle"}
sku.put {"code":"K2","parts":[{"sku":"Z","quantity":1}]} => INVALID {"code":"unknown_sku"}
sku.put {"code":"K2","parts":[{"sku":"A","quantity":0}]} => INVALID {"code":"out_of_range"}
sku.put {"code":"K2","parts":[{"sku":"A"}]} => INVALID {"code":"out_of_range"}
sku.put {"code":"K2","parts":[{"quantity":1}]} => INVALID {"code":"missing"}
sku.put {"code":"K2","parts":["A"]} => INVALID {"code":"missing"}
sku.put {"code":"K2","parts":[{"sku":"A","quantity":1,"price":2}]} => INVALID {"code":"unknown_key"}
sku.put {"code":"K2","parts":[{"sku":"A","quantity":1},{"sku":"A","quantity":2}]} => INVALID {"code":"part_repeated"}
sku.put {"code":"K2","made":true,"parts":[{"sku":"A","quantity":1}]} => INVALID {"code":"kit_made"}
sku.put {"code":"A","parts":[{"sku":"B","quantity":1}]} => CONFLICT {"code":"is_part"}
sku.put {"code":"KIT","made":true} => INVALID {"code":"kit_made"}
sku K2 => NOT_FOUND
# retired
sku.retire A {} => CONFLICT {"code":"is_part"}
sku.put {"code":"A","state":"retired"} => CONFLICT {"code":"is_part"}
sku.retire Z {} => NOT_FOUND {"code":"sku_not_found"}
sku.retire KIT {"note":"no longer sold","if_version":9} => STALE {"code":"stale_version"}
sku.retire KIT {"note":"no longer sold"} => OK {"result":"updated","state":"retired","version":2}
sku.retire KIT {} => OK {"result":"unchanged"}
sku.put {"code":"KIT","parts":[]} => OK {"kit":false,"parts":[],"state":"retired"}
sku.retire A {} => OK {"state":"retired"}
sku.put {"code":"K2","parts":[{"sku":"A","quantity":1}]} => INVALID {"code":"part_retired"}
sku.put {"code":"A","state":"active"} => OK {"state":"active"}
# found by a part of code, title or barcode
sku.put {"code":"沙发-灰","title":"三人沙发","barcodes":["QX-77"]} => OK
skus {"q":"沙发"} => OK {"data":[{"code":"沙发-灰"}],"next":null}
skus {"q":"sof"} => OK {"data":[{"code":"A"}]}
skus {"q":"x-7"} => OK {"data":[{"code":"沙发-灰"}]}
skus {"q":"nothing"} => OK {"data":[]}
skus {"state":"retired"} => OK {"data":[{"code":"KIT"}]}
# what channels call them
mapping.put {"channel":"tmall","channel_sku":"7001","sku":"A"} => OK {"result":"created","channel":"tmall","channel_sku":"7001","sku":"A"}
mapping.put {"channel":"tmall","channel_sku":"7001","sku":"A"} => OK {"result":"unchanged"}
mapping.put {"channel":"tmall","channel_sku":"7001","sku":"B"} => OK {"result":"updated","sku":"B"}
mapping.put {"channel":"tmall","channel_sku":"7002","sku":"Z"} => INVALID {"code":"unknown_sku"}
mapping.put {"channel":"tm all","channel_sku":"7002","sku":"A"} => INVALID {"code":"bad_characters","errors":[{"pointer":"/channel"}]}
mapping.put {"channel":"tmall","channel_sku":" 7002","sku":"A"} => INVALID {"code":"bad_characters","errors":[{"pointer":"/channel_sku"}]}
mapping.put {"channel":"tmall","channel_sku":"７","sku":"A"} => INVALID {"code":"bad_characters"}
mapping.put {"channel":"tmall","sku":"A"} => INVALID {"code":"missing"}
mapping.put {"channel":"shopee","channel_sku":"7001","sku":"A"} => OK
mappings {"channel":"tmall"} => OK {"data":[{"channel":"tmall","channel_sku":"7001","sku":"B"}],"next":null}
mappings {"sku":"A"} => OK {"data":[{"channel":"shopee","channel_sku":"7001"}]}
mapping.drop {"channel":"tmall","channel_sku":"7001"} => OK {"result":"dropped","sku":"B"}
mapping.drop {"channel":"tmall","channel_sku":"7001"} => NOT_FOUND {"code":"mapping_not_found"}
mapping.drop {"channel":"nowhere","channel_sku":"7001"} => NOT_FOUND {"code":"mapping_not_found"}
# warehouses
warehouse.put {"code":"HZ","title":"杭州","division":"330106","regions":["33","3101","SG"],"capacity":300} => OK {"result":"created","kind":"warehouse","country":"CN","division":"330106","regions":["33","3101","SG"],"capacity":300,"state":"active","version":1}
warehouse.put {"code":"HZ","capacity":null} => OK {"result":"updated","capacity":null,"division":"330106","version":2}
warehouse.put {"code":"HZ","regions":[]} => OK {"regions":[]}
warehouse.put {"code":"HZ","country":"CN","kind":"warehouse"} => OK {"result":"unchanged"}
warehouse.put {"code":"HZ","if_version":1} => STALE {"code":"stale_version"}
warehouse.put {"code":"SG1","country":"SG"} => OK {"country":"SG","division":null}
warehouse.put {"code":"F1","kind":"factory"} => OK {"kind":"factory"}
warehouse.put {"code":"W","kind":"shed"} => INVALID {"code":"unknown_kind"}
warehouse.put {"code":"W","country":"cn"} => INVALID {"code":"bad_country"}
warehouse.put {"code":"W","division":"999999"} => INVALID {"code":"unknown_division"}
warehouse.put {"code":"W","division":"33010"} => INVALID {"code":"unknown_division"}
warehouse.put {"code":"W","regions":["Zhejiang"]} => INVALID {"code":"unknown_region"}
warehouse.put {"code":"W","regions":[33]} => INVALID {"code":"unknown_region"}
warehouse.put {"code":"W","capacity":0} => INVALID {"code":"out_of_range"}
warehouse.put {"code":"W W"} => INVALID {"code":"bad_code"}
warehouse W => NOT_FOUND
# who may
as viewer
sku.put {"code":"C"} => FORBIDDEN
stock.adjust {"sku":"A","warehouse":"HZ","delta":1,"reason":"receipt"} => FORBIDDEN
as warehouse
sku.put {"code":"C"} => OK
as cs
mapping.put {"channel":"tmall","channel_sku":"1","sku":"C"} => OK
restart
sku C => OK {"version":1}
