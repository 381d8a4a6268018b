/* addr_test.c: addresses taken apart and compared (domain 3.2). One row, one reason. All places below the
 * town are invented. */
#include "base.h"
#include "test.h"
#include <stdio.h>
#include <stdlib.h>

/* ---- parts -------------------------------------------------------------------------------------- */
static const struct {
  const char *why;
  struct addr_text text;
  const char *want;
} parts[] = {
  /* the plain form */
  { "long names, every part",
    { .province = "浙江省",
      .city = "杭州市",
      .district = "西湖区",
      .town = "北山街道",
      .detail = "青禾路18号云杉花园5栋2单元1203室" },
    "province=330000 city=330100 district=330106 town=330106002 road=青禾路 number=18 compound=云杉花园 building=5 unit=2 room=1203" },
  { "all in the detail",
    { .detail = "浙江省杭州市西湖区北山街道青禾路18号云杉花园5栋2单元1203室" },
    "province=330000 city=330100 district=330106 town=330106002 road=青禾路 number=18 compound=云杉花园 building=5 unit=2 room=1203" },
  { "a space between all",
    { .detail = "浙江省 杭州市 西湖区 北山街道 青禾路18号 云杉花园 5栋 2单元 1203室" },
    "province=330000 city=330100 district=330106 town=330106002 road=青禾路 number=18 compound=云杉花园 building=5 unit=2 room=1203" },
  { "commas between all",
    { .detail = "浙江省，杭州市，西湖区，青禾路18号，云杉花园，5栋，2单元，1203室" },
    "province=330000 city=330100 district=330106 road=青禾路 number=18 compound=云杉花园 building=5 unit=2 room=1203" },
  { "full-width digits and letters",
    { .province = "浙江省",
      .city = "杭州市",
      .district = "西湖区",
      .detail = "青禾路１８号云杉大厦Ｂ座１２０３室" },
    "province=330000 city=330100 district=330106 road=青禾路 number=18 compound=云杉大厦 building=b room=1203" },
  /* divisions */
  { "short province and city",
    { .detail = "浙江杭州西湖区青禾路18号" },
    "province=330000 city=330100 district=330106 road=青禾路 number=18" },
  { "short province only",
    { .detail = "浙江杭州市西湖区青禾路18号" },
    "province=330000 city=330100 district=330106 road=青禾路 number=18" },
  { "short names in the fields",
    { .province = "浙江", .city = "杭州", .district = "西湖", .detail = "青禾路18号" },
    "province=330000 city=330100 district=330106 road=青禾路 number=18" },
  { "region again in the detail",
    { .province = "浙江省",
      .city = "杭州市",
      .district = "西湖区",
      .detail = "浙江省杭州市西湖区青禾路18号" },
    "province=330000 city=330100 district=330106 road=青禾路 number=18" },
  { "short region again in the detail",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "浙江杭州西湖区青禾路18号" },
    "province=330000 city=330100 district=330106 road=青禾路 number=18" },
  { "city said twice",
    { .province = "浙江省", .city = "杭州市", .detail = "杭州市西湖区青禾路18号" },
    "province=330000 city=330100 district=330106 road=青禾路 number=18" },
  { "province left out",
    { .detail = "杭州市西湖区青禾路18号" },
    "province=330000 city=330100 district=330106 road=青禾路 number=18" },
  { "province and city left out, the district is the only one of its name",
    { .detail = "萧山区青禾路18号" },
    "province=330000 city=330100 district=330109 road=青禾路 number=18" },
  { "district of many cities stays open",
    { .detail = "鼓楼区青禾路18号" },
    "road=青禾路 number=18 maybe=320106 320302 350102 410204" },
  { "the province narrows it down",
    { .detail = "江苏省鼓楼区青禾路18号" },
    "province=320000 road=青禾路 number=18 maybe=320106 320302" },
  { "the city decides it",
    { .detail = "南京市鼓楼区青禾路18号" },
    "province=320000 city=320100 district=320106 road=青禾路 number=18" },
  { "the town decides it",
    { .detail = "鼓楼区宁海路街道青禾路18号" },
    "province=320000 city=320100 district=320106 town=320106001 road=青禾路 number=18" },
  { "district left out, the town says it",
    { .detail = "浙江省杭州市北山街道青禾路18号" },
    "province=330000 city=330100 district=330106 town=330106002 road=青禾路 number=18" },
  { "district left out",
    { .detail = "杭州市青禾路18号" },
    "province=330000 city=330100 road=青禾路 number=18" },
  { "town with its office",
    { .detail = "杭州市西湖区北山街道办事处青禾路18号" },
    "province=330000 city=330100 district=330106 town=330106002 road=青禾路 number=18" },
  { "town as a street's short office",
    { .detail = "杭州市西湖区北山街道办青禾路18号" },
    "province=330000 city=330100 district=330106 town=330106002 road=青禾路 number=18" },
  { "town in its field alone",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .town = "北山", .detail = "青禾路18号" },
    "province=330000 city=330100 district=330106 town=330106002 road=青禾路 number=18" },
  { "county that became a district",
    { .detail = "浙江省杭州市萧山市青禾路18号" },
    "province=330000 city=330100 district=330109 road=青禾路 number=18" },
  { "abolished district",
    { .province = "浙江省", .city = "杭州市", .district = "江干区", .detail = "青禾路18号" },
    "province=330000 city=330100 road=青禾路 number=18 rest=江干区" },
  { "abolished district in the line",
    { .detail = "浙江省杭州市江干区青禾路18号" },
    "province=330000 city=330100 road=青禾路 number=18 rest=江干区" },
  { "unknown town is set aside",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "无名镇青禾路18号" },
    "province=330000 city=330100 district=330106 road=青禾路 number=18 rest=无名镇" },
  { "province in pinyin",
    { .province = "Zhejiang", .city = "杭州市", .detail = "西湖区青禾路18号" },
    "province=330000 city=330100 district=330106 road=青禾路 number=18" },
  { "province in pinyin with a title",
    { .province = "Zhejiang Province", .city = "Hangzhou", .detail = "西湖区青禾路18号" },
    "province=330000 city=330100 district=330106 road=青禾路 number=18" },
  { "sheng in pinyin",
    { .province = "Zhejiang Sheng", .city = "杭州市", .detail = "西湖区青禾路18号" },
    "province=330000 city=330100 district=330106 road=青禾路 number=18" },
  { "Shaanxi is not Shanxi",
    { .province = "Shaanxi", .city = "西安市", .detail = "雁塔区青禾路18号" },
    "province=610000 city=610100 district=610113 road=青禾路 number=18" },
  { "Shanxi is not Shaanxi",
    { .province = "Shanxi", .city = "太原市", .detail = "迎泽区青禾路18号" },
    "province=140000 city=140100 district=140106 road=青禾路 number=18" },
  { "English name of a region",
    { .province = "Inner Mongolia", .city = "呼和浩特市", .detail = "新城区青禾路18号" },
    "province=150000 city=150100 district=150102 road=青禾路 number=18" },
  { "pinyin of a region",
    { .province = "Neimenggu", .city = "包头市", .detail = "青山区青禾路18号" },
    "province=150000 city=150200 district=150204 road=青禾路 number=18" },
  { "autonomous region short",
    { .detail = "内蒙古包头市青山区青禾路18号" },
    "province=150000 city=150200 district=150204 road=青禾路 number=18" },
  { "autonomous region long",
    { .detail = "新疆维吾尔自治区乌鲁木齐市天山区青禾路18号" },
    "province=650000 city=650100 district=650102 road=青禾路 number=18" },
  { "autonomous prefecture short",
    { .detail = "云南大理州大理市青禾路18号" },
    "province=530000 city=532900 district=532901 road=青禾路 number=18" },
  { "autonomous county long",
    { .detail = "浙江省丽水市景宁畲族自治县青禾路18号" },
    "province=330000 city=331100 district=331127 road=青禾路 number=18" },
  { "autonomous county short",
    { .detail = "浙江省丽水市景宁县青禾路18号" },
    "province=330000 city=331100 district=331127 road=青禾路 number=18" },
  { "municipality",
    { .detail = "上海市浦东新区青禾路18号" },
    "province=310000 city=310100 district=310115 road=青禾路 number=18" },
  { "municipality said twice",
    { .province = "上海", .city = "上海市", .district = "浦东新区", .detail = "青禾路18号" },
    "province=310000 city=310100 district=310115 road=青禾路 number=18" },
  { "municipality in pinyin",
    { .province = "Shanghai", .city = "上海", .detail = "浦东新区青禾路18号" },
    "province=310000 city=310100 district=310115 road=青禾路 number=18" },
  { "county of a municipality",
    { .detail = "重庆市云阳县青禾路18号" },
    "province=500000 city=500100 district=500235 road=青禾路 number=18" },
  { "city without districts",
    { .detail = "广东省东莞市南城街道青禾路18号" },
    "province=440000 city=441900 district=441900 town=441900004 road=青禾路 number=18" },
  { "county under the province itself",
    { .detail = "河南省济源市青禾路18号" },
    "province=410000 city=419000 district=419001 road=青禾路 number=18" },
  { "the fill-in name of a level",
    { .province = "北京市", .city = "市辖区", .district = "东城区", .detail = "青禾路18号" },
    "province=110000 city=110100 district=110101 road=青禾路 number=18" },
  { "Hong Kong in traditional characters",
    { .detail = "香港九龍油尖旺區青禾道18號B座12樓" },
    "province=810000 city=810200 district=810201 road=青禾道 number=18 building=b floor=12" },
  { "Macao",
    { .detail = "澳门特别行政区澳门半岛大堂区青禾街18号" },
    "province=820000 city=820100 district=820101 road=青禾街 number=18" },
  { "Taiwan in traditional characters",
    { .detail = "臺北市大安區青禾路四段100號5樓之1" },
    "province=710000 city=710100 district=710101 road=青禾路 number=100 floor=5 room=1 street_extra=段4" },
  { "new area by its full name",
    { .detail = "江苏省镇江市镇江新区青禾路18号" },
    "province=320000 city=321100 district=321171 road=青禾路 number=18" },
  { "development zone as the district",
    { .detail = "河南省郑州市郑州经济技术开发区青禾路18号" },
    "province=410000 city=410100 district=410171 road=青禾路 number=18" },
  { "country in front",
    { .detail = "中国，浙江省杭州市西湖区青禾路18号" },
    "province=330000 city=330100 district=330106 road=青禾路 number=18" },
  { "a road named like a city",
    { .province = "江苏省", .city = "无锡市", .district = "梁溪区", .detail = "南京路18号" },
    "province=320000 city=320200 district=320213 road=南京路 number=18" },
  { "a road named like the own city",
    { .detail = "江苏省南京市南京路18号" },
    "province=320000 city=320100 road=南京路 number=18" },
  { "a road named like a province",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "福建路18号" },
    "province=330000 city=330100 district=330106 road=福建路 number=18" },
  { "a road named like a district",
    { .detail = "浙江省杭州市西湖大道18号" },
    "province=330000 city=330100 road=西湖大道 number=18" },
  { "a compound named like a district",
    { .province = "浙江省", .city = "宁波市", .district = "江北区", .detail = "西湖花园3栋" },
    "province=330000 city=330200 district=330205 compound=西湖花园 building=3" },
  { "short city before a road that points",
    { .detail = "广东省河源西大街18号" },
    "province=440000 city=441600 road=西大街 number=18" },
  /* road and number */
  { "no 号",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "青禾路18" },
    "province=330000 city=330100 district=330106 road=青禾路 number=18" },
  { "number with #",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "青禾路18#云杉花园5#1203" },
    "province=330000 city=330100 district=330106 road=青禾路 number=18 compound=云杉花园 building=5 room=1203" },
  { "no 号 before the compound",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "青禾路18云杉花园5栋" },
    "province=330000 city=330100 district=330106 road=青禾路 number=18 compound=云杉花园 building=5" },
  { "number with a part",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "青禾路18-2号" },
    "province=330000 city=330100 district=330106 road=青禾路 number=18-2" },
  { "annexed number",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "青禾路18号附3号" },
    "province=330000 city=330100 district=330106 road=青禾路 number=18-3" },
  { "number of 之",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "青禾路18号之3" },
    "province=330000 city=330100 district=330106 road=青禾路 number=18-3" },
  { "甲 before the number",
    { .province = "北京市", .city = "北京市", .district = "东城区", .detail = "青禾街甲18号" },
    "province=110000 city=110100 district=110101 road=青禾街 number=甲18" },
  { "yard",
    { .province = "北京市", .city = "北京市", .district = "东城区", .detail = "青禾街甲18号院3号楼" },
    "province=110000 city=110100 district=110101 road=青禾街 number=甲18 building=3" },
  { "Chinese numeral before 号",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "青禾路十八号" },
    "province=330000 city=330100 district=330106 road=青禾路 number=18" },
  { "Chinese hundred",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "青禾路一百零八号" },
    "province=330000 city=330100 district=330106 road=青禾路 number=108" },
  { "Chinese thousand",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "青禾路一千二百零三号" },
    "province=330000 city=330100 district=330106 road=青禾路 number=1203" },
  { "numeral in a road's name stays",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "禾三路18号" },
    "province=330000 city=330100 district=330106 road=禾三路 number=18" },
  { "numeral at a road's start stays",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "八一路18号" },
    "province=330000 city=330100 district=330106 road=八一路 number=18" },
  { "digits in a road's name are written out",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "青禾13街18号" },
    "province=330000 city=330100 district=330106 road=青禾十三街 number=18" },
  { "the finer of two roads",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "云湖大道青禾路18号" },
    "province=330000 city=330100 district=330106 road=青禾路 number=18 rest=云湖大道" },
  { "lane with its house",
    { .province = "上海市", .city = "上海市", .district = "徐汇区", .detail = "青禾路439弄3号502室" },
    "province=310000 city=310100 district=310104 road=青禾路 building=3 room=502 street_extra=弄439" },
  { "lane with Chinese numerals",
    { .province = "上海市", .city = "上海市", .district = "徐汇区", .detail = "青禾路四百三十九弄三号" },
    "province=310000 city=310100 district=310104 road=青禾路 building=3 street_extra=弄439" },
  { "alley by number",
    { .province = "广东省", .city = "广州市", .district = "白云区", .detail = "青禾路3巷5号" },
    "province=440000 city=440100 district=440111 road=青禾路 number=5 street_extra=巷3" },
  { "alley as part of the name",
    { .province = "广东省", .city = "广州市", .district = "白云区", .detail = "青禾街三巷5号" },
    "province=440000 city=440100 district=440111 road=青禾街三巷 number=5" },
  { "hutong",
    { .province = "北京市", .city = "北京市", .district = "东城区", .detail = "青禾胡同5号" },
    "province=110000 city=110100 district=110101 road=青禾胡同 number=5" },
  { "section of a road",
    { .province = "四川省", .city = "成都市", .district = "武侯区", .detail = "青禾南路四段12号" },
    "province=510000 city=510100 district=510107 road=青禾南路 number=12 street_extra=段4" },
  { "national road",
    { .province = "浙江省", .city = "杭州市", .district = "富阳区", .detail = "320国道18号" },
    "province=330000 city=330100 district=330111 road=320国道 number=18" },
  { "crossing is no road",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "青禾路与云湖路交叉口" },
    "province=330000 city=330100 district=330106 road=青禾路 rest=与云湖路 交叉口" },
  { "metres are no number",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "青禾路18号东50米" },
    "province=330000 city=330100 district=330106 road=青禾路 number=18 rest=50m" },
  { "community before the road",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "松涛社区青禾路18号" },
    "province=330000 city=330100 district=330106 road=青禾路 number=18 rest=松涛社区" },
  { "zone before the road",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "松涛工业园区青禾路18号" },
    "province=330000 city=330100 district=330106 road=青禾路 number=18 rest=松涛工业园区" },
  { "postcode in the line",
    { .detail = "310012浙江省杭州市西湖区青禾路18号" },
    "province=330000 city=330100 district=330106 road=青禾路 number=18 postcode=310012" },
  { "postcode field",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "青禾路18号", .zip = "310012" },
    "province=330000 city=330100 district=330106 road=青禾路 number=18 postcode=310012" },
  { "postcode of zeros is none",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "青禾路18号", .zip = "000000" },
    "province=330000 city=330100 district=330106 road=青禾路 number=18" },
  /* village */
  { "village, group, number",
    { .province = "广东省",
      .city = "佛山市",
      .district = "顺德区",
      .town = "大良街道",
      .detail = "桃溪村5组45号" },
    "province=440000 city=440600 district=440606 town=440606005 number=45 compound=桃溪村 street_extra=组5" },
  { "village with a Chinese group",
    { .province = "广东省", .city = "佛山市", .district = "顺德区", .detail = "桃溪村七组45号" },
    "province=440000 city=440600 district=440606 number=45 compound=桃溪村 street_extra=组7" },
  { "village with blanks",
    { .province = "广东省", .city = "佛山市", .district = "顺德区", .detail = "桃溪村 12组 45号" },
    "province=440000 city=440600 district=440606 number=45 compound=桃溪村 street_extra=组12" },
  { "team of a village",
    { .province = "广东省", .city = "佛山市", .district = "顺德区", .detail = "桃溪村3队45号" },
    "province=440000 city=440600 district=440606 number=45 compound=桃溪村 street_extra=组3" },
  { "village without a number's word",
    { .province = "广东省", .city = "佛山市", .district = "顺德区", .detail = "桃溪村45" },
    "province=440000 city=440600 district=440606 number=45 compound=桃溪村" },
  { "estate behind a village",
    { .province = "广东省", .city = "佛山市", .district = "顺德区", .detail = "桃溪村云杉花园3栋" },
    "province=440000 city=440600 district=440606 compound=云杉花园 building=3 rest=桃溪村" },
  { "village and the name of a shop",
    { .province = "广东省", .city = "佛山市", .district = "顺德区", .detail = "桃溪村45号小桔灯文具店" },
    "province=440000 city=440600 district=440606 road=桃溪村 number=45 compound=小桔灯文具店" },
  /* compound, building, unit, floor, room */
  { "幢",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "云杉花园5幢2单元1203室" },
    "province=330000 city=330100 district=330106 compound=云杉花园 building=5 unit=2 room=1203" },
  { "号楼",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "云杉花园5号楼2单元1203室" },
    "province=330000 city=330100 district=330106 compound=云杉花园 building=5 unit=2 room=1203" },
  { "座 for a number",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "云杉花园5座2单元1203室" },
    "province=330000 city=330100 district=330106 compound=云杉花园 building=5 unit=2 room=1203" },
  { "# for the building",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "云杉花园5#2单元1203室" },
    "province=330000 city=330100 district=330106 compound=云杉花园 building=5 unit=2 room=1203" },
  { "楼 for the building",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "云杉花园5楼2单元1203室" },
    "province=330000 city=330100 district=330106 compound=云杉花园 building=5 unit=2 room=1203" },
  { "座 with a letter",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "云杉大厦B座1203室" },
    "province=330000 city=330100 district=330106 compound=云杉大厦 building=b room=1203" },
  { "letter and room in one",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "云杉大厦B1203" },
    "province=330000 city=330100 district=330106 compound=云杉大厦 building=b room=1203" },
  { "letter, dash, room",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "云杉大厦B-1203" },
    "province=330000 city=330100 district=330106 compound=云杉大厦 building=b room=1203" },
  { "区 for the tower",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "云杉大厦B区1203房" },
    "province=330000 city=330100 district=330106 compound=云杉大厦 building=b room=1203" },
  { "compact with three numbers",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "云杉花园5-2-1203" },
    "province=330000 city=330100 district=330106 compound=云杉花园 building=5 unit=2 room=1203" },
  { "compact with long dashes",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "云杉花园5—2—1203室" },
    "province=330000 city=330100 district=330106 compound=云杉花园 building=5 unit=2 room=1203" },
  { "compact with 一 for a dash",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "云杉花园5一2一1203" },
    "province=330000 city=330100 district=330106 compound=云杉花园 building=5 unit=2 room=1203" },
  { "compact with four numbers",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "云杉花园5-2-12-1203" },
    "province=330000 city=330100 district=330106 compound=云杉花园 building=5 unit=2 floor=12 room=1203" },
  { "compact with building and room",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "云杉花园5-1203" },
    "province=330000 city=330100 district=330106 compound=云杉花园 building=5 room=1203" },
  { "compact behind the building",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "云杉花园5栋2-1203" },
    "province=330000 city=330100 district=330106 compound=云杉花园 building=5 unit=2 room=1203" },
  { "compact behind #",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "云杉花园5#2-1203" },
    "province=330000 city=330100 district=330106 compound=云杉花园 building=5 unit=2 room=1203" },
  { "compact without the room",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "云杉花园5-2" },
    "province=330000 city=330100 district=330106 compound=云杉花园 building=5 unit=2" },
  { "dash before the room",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "云杉花园5栋2单元-1203" },
    "province=330000 city=330100 district=330106 compound=云杉花园 building=5 unit=2 room=1203" },
  { "room by 号",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "云杉花园5栋2单元1203号" },
    "province=330000 city=330100 district=330106 compound=云杉花园 building=5 unit=2 room=1203" },
  { "room by 房",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "云杉花园5栋2单元1203房" },
    "province=330000 city=330100 district=330106 compound=云杉花园 building=5 unit=2 room=1203" },
  { "room by 号房",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "云杉花园5栋2单元1203号房" },
    "province=330000 city=330100 district=330106 compound=云杉花园 building=5 unit=2 room=1203" },
  { "room by nothing",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "云杉花园5栋2单元1203" },
    "province=330000 city=330100 district=330106 compound=云杉花园 building=5 unit=2 room=1203" },
  { "room in Chinese digits",
    { .province = "浙江省",
      .city = "杭州市",
      .district = "西湖区",
      .detail = "云杉花园五栋二单元一二〇三室" },
    "province=330000 city=330100 district=330106 compound=云杉花园 building=5 unit=2 room=1203" },
  { "room in Chinese digits without a word",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "云杉花园五栋二单元一二〇三" },
    "province=330000 city=330100 district=330106 compound=云杉花园 building=5 unit=2 room=1203" },
  { "Chinese tens",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "云杉花园二十一栋十二单元" },
    "province=330000 city=330100 district=330106 compound=云杉花园 building=21 unit=12" },
  { "zeros in front",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "云杉花园05栋02单元0301室" },
    "province=330000 city=330100 district=330106 compound=云杉花园 building=5 unit=2 room=301" },
  { "building with a letter",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "云杉花园12a栋302" },
    "province=330000 city=330100 district=330106 compound=云杉花园 building=12a room=302" },
  { "floor of a tower",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "云杉大厦B座12层" },
    "province=330000 city=330100 district=330106 compound=云杉大厦 building=b floor=12" },
  { "floor in Latin",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "云杉大厦B座12F" },
    "province=330000 city=330100 district=330106 compound=云杉大厦 building=b floor=12" },
  { "floor and room",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "云杉大厦12楼1203室" },
    "province=330000 city=330100 district=330106 compound=云杉大厦 floor=12 room=1203" },
  { "gate for the unit",
    { .province = "天津市", .city = "天津市", .district = "和平区", .detail = "云杉里5号楼3门401" },
    "province=120000 city=120100 district=120101 compound=云杉里 building=5 unit=3 room=401" },
  { "phase of an estate",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "云杉花园二期5栋" },
    "province=330000 city=330100 district=330106 compound=云杉花园 building=5 street_extra=期2" },
  { "zone of an estate",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "云杉花园B区5栋" },
    "province=330000 city=330100 district=330106 compound=云杉花园 building=5 street_extra=区b" },
  { "室 without a building",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "云杉公寓1203室" },
    "province=330000 city=330100 district=330106 compound=云杉公寓 room=1203" },
  { "a tower's room by 号",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "青禾路18号云杉大厦1203号" },
    "province=330000 city=330100 district=330106 road=青禾路 number=18 compound=云杉大厦 room=1203" },
  { "name with a numeral",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "第一国际3栋" },
    "province=330000 city=330100 district=330106 compound=第一国际 building=3" },
  { "name with digits",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "云杉1912街区3栋" },
    "province=330000 city=330100 district=330106 compound=云杉1912街区 building=3" },
  { "estate in brackets",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "青禾路18号（云杉花园）5栋" },
    "province=330000 city=330100 district=330106 road=青禾路 number=18 compound=云杉花园 building=5" },
  { "name said twice",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "云杉花园云杉花园5栋" },
    "province=330000 city=330100 district=330106 compound=云杉花园 building=5" },
  { "new village is an estate",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "松涛新村5栋" },
    "province=330000 city=330100 district=330106 compound=松涛新村 building=5" },
  { "a numeral that begins a name",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "三房湾大厦5楼" },
    "province=330000 city=330100 district=330106 compound=三房湾大厦 floor=5" },
  { "university named after its province",
    { .detail = "福建农林大学3栋" },
    "compound=福建农林大学 building=3" },
  { "company named after its city",
    { .detail = "武汉桔灯电子公司3楼" },
    "compound=武汉桔灯电子公司 floor=3" },
  { "beside another",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "松涛公馆对面云杉花园5栋" },
    "province=330000 city=330100 district=330106 compound=云杉花园 building=5 rest=松涛公馆对面" },
  { "direction and distance",
    { .province = "浙江省",
      .city = "杭州市",
      .district = "西湖区",
      .detail = "青禾路与云湖路交叉口东南100米云杉花园" },
    "province=330000 city=330100 district=330106 road=青禾路 compound=云杉花园 rest=与云湖路 交叉口 东南 100m" },
  { "rooms stated twice",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "云杉花园5栋1203室1204室" },
    "province=330000 city=330100 district=330106 compound=云杉花园 building=5 room=1203 rest=1204" },
  /* notes, names, phones */
  { "note in brackets",
    { .province = "浙江省",
      .city = "杭州市",
      .district = "西湖区",
      .detail = "云杉花园5栋1203室（家里有人）" },
    "province=330000 city=330100 district=330106 compound=云杉花园 building=5 room=1203" },
  { "note in square brackets",
    { .province = "浙江省",
      .city = "杭州市",
      .district = "西湖区",
      .detail = "云杉花园5栋1203室【送货前电话联系】" },
    "province=330000 city=330100 district=330106 compound=云杉花园 building=5 room=1203" },
  { "note behind a comma",
    { .province = "浙江省",
      .city = "杭州市",
      .district = "西湖区",
      .detail = "云杉花园5栋1203室，2楼前台代收" },
    "province=330000 city=330100 district=330106 compound=云杉花园 building=5 room=1203" },
  { "note without a mark",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "云杉花园5栋1203放前台" },
    "province=330000 city=330100 district=330106 compound=云杉花园 building=5 room=1203" },
  { "note behind a compact form",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "云杉花园5-2-1203放驿站" },
    "province=330000 city=330100 district=330106 compound=云杉花园 building=5 unit=2 room=1203" },
  { "carrier wished for",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "云杉花园5栋1203室 发顺丰" },
    "province=330000 city=330100 district=330106 compound=云杉花园 building=5 room=1203" },
  { "hour in a note",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "云杉花园5栋1203室(18点后送)" },
    "province=330000 city=330100 district=330106 compound=云杉花园 building=5 room=1203" },
  { "locker",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "云杉花园5栋丰巢柜" },
    "province=330000 city=330100 district=330106 compound=云杉花园 building=5" },
  { "name and phone in front",
    { .detail = "白小川 13800000000 浙江省杭州市西湖区青禾路18号" },
    "province=330000 city=330100 district=330106 road=青禾路 number=18" },
  { "name and phone behind",
    { .detail = "浙江省杭州市西湖区青禾路18号 白小川 138-0000-0000" },
    "province=330000 city=330100 district=330106 road=青禾路 number=18" },
  { "phone with +86 in front",
    { .detail = "白女士 +86 13800000000 浙江省杭州市西湖区青禾路18号" },
    "province=330000 city=330100 district=330106 road=青禾路 number=18" },
  { "phone without blanks",
    { .detail = "13800000000浙江省杭州市西湖区青禾路18号" },
    "province=330000 city=330100 district=330106 road=青禾路 number=18" },
  { "landline",
    { .detail = "浙江省杭州市西湖区青禾路18号 0571-88880000" },
    "province=330000 city=330100 district=330106 road=青禾路 number=18" },
  { "labels of a form",
    { .detail = "收货人：白小川 电话：13800000000 地址：浙江省杭州市西湖区青禾路18号" },
    "province=330000 city=330100 district=330106 road=青禾路 number=18" },
  /* masked */
  { "star in the room",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "云杉花园5栋****室" },
    "province=330000 city=330100 district=330106 compound=云杉花园 building=5 rest=****室 masked" },
  { "star full-width",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "云杉花园＊＊＊" },
    "province=330000 city=330100 district=330106 compound=云杉花园*** masked" },
  { "star in a field",
    { .province = "浙江省", .city = "杭州市", .district = "西**", .detail = "青禾路18号" },
    "province=330000 city=330100 road=青禾路 number=18 rest=西** masked" },
  /* Latin */
  { "number and street",
    { .detail = "120 Elmwood Street, Apt 4B, Springfield, IL 62701" },
    "province=il city=springfield road=elmwood street number=120 room=4b postcode=62701 latin" },
  { "short words",
    { .detail = "120 Elmwood St., #4B, Springfield IL 62701-1234" },
    "province=il city=springfield road=elmwood street number=120 room=4b postcode=62701 latin" },
  { "apartment in front",
    { .detail = "Apt. 4B, 120 Elmwood Street, Springfield, Illinois 62701" },
    "province=il city=springfield road=elmwood street number=120 room=4b postcode=62701 latin" },
  { "ordinal and direction",
    { .detail = "120 W 21st St, Suite 300, Springfield, IL" },
    "province=il city=springfield road=west 21 street number=120 room=300 latin" },
  { "unit is the room",
    { .detail = "120 Elmwood Rd Unit 7, Springfield, IL 62701" },
    "province=il city=springfield road=elmwood road number=120 room=7 postcode=62701 latin" },
  { "saint and street",
    { .detail = "5 St Mary St, Springfield, IL" },
    "province=il city=springfield road=saint mary street number=5 latin" },
  { "number behind the street",
    { .detail = "Ahornstraße 12, 10115 Musterstadt" },
    "city=musterstadt road=ahornstrasse number=12 postcode=10115 latin" },
  { "short street of one word",
    { .detail = "Ahornstr. 12, 10115 Musterstadt" },
    "city=musterstadt road=ahornstrasse number=12 postcode=10115 latin" },
  { "accents",
    { .detail = "12 rue de l'Érable, 75002 Villeneuve" },
    "city=villeneuve road=rue de lerable number=12 postcode=75002 latin" },
  { "post box",
    { .detail = "P.O. Box 123, Springfield, IL 62701" },
    "province=il city=springfield road=po box number=123 postcode=62701 latin" },
  { "British",
    { .detail = "Flat 3, 22B Maple Rd, Londinium NW1 6XE" },
    "city=londinium road=maple road number=22b room=3 postcode=nw16xe latin" },
  { "floor with a stroke",
    { .detail = "5/F, Tower 2, 88 Maple Road, Hong Kong" },
    "province=810000 road=maple road number=88 building=2 floor=5 latin" },
  { "pinyin of China",
    { .detail =
        "Room 1203, Building 5, Yunshan Garden, No. 18 Qinghe Road, Xihu District, Hangzhou, Zhejiang 310012" },
    "province=330000 city=330100 district=330106 road=qinghe road number=18 compound=yunshan garden building=5 room=1203 postcode=310012 latin" },
  { "fields of the platform",
    { .province = "Illinois", .city = "Springfield", .detail = "120 Elmwood Ave", .zip = "62701" },
    "province=il city=springfield road=elmwood avenue number=120 postcode=62701 latin" },
  /* little or nothing */
  { "nothing", { .detail = "" }, "" },
  { "only punctuation", { .detail = "，。、！……（）【】---###" }, "" },
  { "only digits", { .detail = "1203" }, "" },
  { "one character", { .detail = "路" }, "" },
  { "only a division", { .detail = "浙江省杭州市西湖区" }, "province=330000 city=330100 district=330106" },
  { "unbalanced brackets",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "((（（青禾路18号))）" },
    "province=330000 city=330100 district=330106 road=青禾路 number=18" },
  { "a number too long to be one",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "青禾路123456789012345号" },
    "province=330000 city=330100 district=330106 road=青禾路 rest=123456789012345" },
  { "supplementary characters",
    { .province = "浙江省", .city = "杭州市", .district = "西湖区", .detail = "𠮷野路18号" },
    "province=330000 city=330100 district=330106 road=𠮷野路 number=18" },
};

/* "province=330000 road=…": all that is stated, in the order of the parts. */
static const char *addr_dump(struct arena *a, const struct addr *x)
{
  const char *out = "";
  for (int p = 0; p < ADDR_N; p++)
    if (x->part[p])
      out = arena_printf(a, "%s%s%s=%s", out, *out ? " " : "", addr_part_name((enum addr_part)p), x->part[p]);
  if (x->maybe) out = arena_printf(a, "%s%smaybe=%s", out, *out ? " " : "", x->maybe);
  if (x->rest[0]) out = arena_printf(a, "%s%srest=%s", out, *out ? " " : "", x->rest);
  if (x->masked) out = arena_printf(a, "%s%smasked", out, *out ? " " : "");
  return x->latin ? arena_printf(a, "%s%slatin", out, *out ? " " : "") : out;
}

TEST(addr_parts)
{
  struct arena a = { 0 };
  for (size_t i = 0; i < COUNT(parts); i++) {
    struct addr x;
    test_note("%s", parts[i].why);
    addr_parse(&a, &parts[i].text, &x);
    CHECK_STR(addr_dump(&a, &x), parts[i].want);
    arena_reset(&a);
  }
  arena_release(&a);
}

/* ---- agreement ----------------------------------------------------------------------------------- */
static const struct {
  const char *why;
  enum addr_verdict want;
  enum addr_part by;
  const char *x, *y;
} pairs[] = {
  /* one place in two ways */
  { "the same text", ADDR_AGREE, ADDR_ROOM, "浙江省杭州市西湖区青禾路18号云杉花园5栋2单元1203室",
    "浙江省杭州市西湖区青禾路18号云杉花园5栋2单元1203室" },
  { "blanks", ADDR_AGREE, ADDR_ROOM, "浙江省杭州市西湖区青禾路18号云杉花园5栋2单元1203室",
    "浙江省 杭州市 西湖区 青禾路 18号 云杉花园 5栋 2单元 1203室" },
  { "commas", ADDR_AGREE, ADDR_ROOM, "浙江省杭州市西湖区青禾路18号云杉花园5栋2单元1203室",
    "浙江省，杭州市，西湖区，青禾路18号，云杉花园，5栋，2单元，1203室" },
  { "full-width", ADDR_AGREE, ADDR_ROOM, "浙江省杭州市西湖区青禾路18号云杉花园5栋2单元1203室",
    "浙江省杭州市西湖区青禾路１８号云杉花园５栋２单元１２０３室" },
  { "short divisions", ADDR_AGREE, ADDR_ROOM, "浙江省杭州市西湖区青禾路18号云杉花园5栋2单元1203室",
    "浙江杭州西湖区青禾路18号云杉花园5栋2单元1203室" },
  { "province left out", ADDR_AGREE, ADDR_ROOM, "浙江省杭州市西湖区青禾路18号云杉花园5栋2单元1203室",
    "杭州市西湖区青禾路18号云杉花园5栋2单元1203室" },
  { "city left out", ADDR_AGREE, ADDR_ROOM, "浙江省杭州市萧山区青禾路18号云杉花园5栋2单元1203室",
    "浙江省萧山区青禾路18号云杉花园5栋2单元1203室" },
  { "province and city left out", ADDR_AGREE, ADDR_ROOM, "浙江省杭州市萧山区青禾路18号云杉花园5栋2单元1203室",
    "萧山区青禾路18号云杉花园5栋2单元1203室" },
  { "province in pinyin", ADDR_AGREE, ADDR_BUILDING, "浙江省杭州市西湖区青禾路18号云杉花园5栋",
    "Zhejiang 杭州市西湖区青禾路18号云杉花园5栋" },
  { "region said twice", ADDR_AGREE, ADDR_BUILDING, "浙江省杭州市西湖区青禾路18号云杉花园5栋",
    "浙江省杭州市西湖区浙江省杭州市西湖区青禾路18号云杉花园5栋" },
  { "town on one side", ADDR_AGREE, ADDR_BUILDING, "浙江省杭州市西湖区北山街道青禾路18号云杉花园5栋",
    "浙江省杭州市西湖区青禾路18号云杉花园5栋" },
  { "town instead of the district", ADDR_AGREE, ADDR_BUILDING, "浙江省杭州市北山街道青禾路18号云杉花园5栋",
    "浙江省杭州市西湖区青禾路18号云杉花园5栋" },
  { "district left out by one", ADDR_AGREE, ADDR_ROOM, "浙江省杭州市青禾路18号云杉花园5栋2单元1203室",
    "浙江省杭州市西湖区青禾路18号云杉花园5栋2单元1203室" },
  { "district left out by both", ADDR_AGREE, ADDR_ROOM, "浙江省杭州市青禾路18号云杉花园5栋2单元1203室",
    "杭州青禾路18号云杉花园5-2-1203" },
  { "unclear district made clear by the other", ADDR_AGREE, ADDR_BUILDING,
    "鼓楼区宁海路街道青禾路18号云杉花园5栋", "南京市鼓楼区青禾路18号云杉花园5栋" },
  { "unclear district that the other side makes clear", ADDR_AGREE, ADDR_BUILDING,
    "鼓楼区青禾路18号云杉花园5栋", "南京市鼓楼区青禾路18号云杉花园5栋" },
  { "one unclear name on both sides", ADDR_AGREE, ADDR_BUILDING, "鼓楼区青禾路18号云杉花园5栋",
    "鼓楼区青禾路18号云杉花园5栋" },
  { "old name of a district", ADDR_AGREE, ADDR_BUILDING, "浙江省杭州市萧山市青禾路18号云杉花园5栋",
    "浙江省杭州市萧山区青禾路18号云杉花园5栋" },
  { "no 号", ADDR_AGREE, ADDR_BUILDING, "浙江省杭州市西湖区青禾路18号云杉花园5栋",
    "浙江省杭州市西湖区青禾路18云杉花园5栋" },
  { "# for 号", ADDR_AGREE, ADDR_BUILDING, "浙江省杭州市西湖区青禾路18号云杉花园5栋",
    "浙江省杭州市西湖区青禾路18#云杉花园5栋" },
  { "幢 for 栋", ADDR_AGREE, ADDR_BUILDING, "浙江省杭州市西湖区青禾路18号云杉花园5栋",
    "浙江省杭州市西湖区青禾路18号云杉花园5幢" },
  { "号楼 for 栋", ADDR_AGREE, ADDR_BUILDING, "浙江省杭州市西湖区青禾路18号云杉花园5栋",
    "浙江省杭州市西湖区青禾路18号云杉花园5号楼" },
  { "# for 栋", ADDR_AGREE, ADDR_ROOM, "浙江省杭州市西湖区青禾路18号云杉花园5栋1203",
    "浙江省杭州市西湖区青禾路18号云杉花园5#1203" },
  { "座 for 栋", ADDR_AGREE, ADDR_BUILDING, "浙江省杭州市西湖区青禾路18号云杉花园5栋",
    "浙江省杭州市西湖区青禾路18号云杉花园5座" },
  { "compact", ADDR_AGREE, ADDR_ROOM, "浙江省杭州市西湖区青禾路18号云杉花园5栋2单元1203室",
    "浙江省杭州市西湖区青禾路18号云杉花园5-2-1203" },
  { "compact with long dashes", ADDR_AGREE, ADDR_ROOM, "浙江省杭州市西湖区云杉花园5栋2单元1203室",
    "浙江省杭州市西湖区云杉花园5—2—1203" },
  { "half compact", ADDR_AGREE, ADDR_ROOM, "浙江省杭州市西湖区云杉花园5栋2单元1203室",
    "浙江省杭州市西湖区云杉花园5#2-1203" },
  { "号房 for 室", ADDR_AGREE, ADDR_ROOM, "浙江省杭州市西湖区云杉花园5栋2单元1203室",
    "浙江省杭州市西湖区云杉花园5栋2单元1203号房" },
  { "房 for 室", ADDR_AGREE, ADDR_ROOM, "浙江省杭州市西湖区云杉花园5栋2单元1203室",
    "浙江省杭州市西湖区云杉花园5栋2单元1203房" },
  { "室 left out", ADDR_AGREE, ADDR_ROOM, "浙江省杭州市西湖区云杉花园5栋2单元1203室",
    "浙江省杭州市西湖区云杉花园5栋2单元1203" },
  { "dash before the room", ADDR_AGREE, ADDR_ROOM, "浙江省杭州市西湖区云杉花园5栋2单元1203室",
    "浙江省杭州市西湖区云杉花园5栋2单元-1203" },
  { "Chinese numerals", ADDR_AGREE, ADDR_ROOM, "浙江省杭州市西湖区青禾路18号云杉花园5栋2单元1203室",
    "浙江省杭州市西湖区青禾路十八号云杉花园五栋二单元一二〇三室" },
  { "Chinese tens", ADDR_AGREE, ADDR_ROOM, "浙江省杭州市西湖区云杉花园21栋1203室",
    "浙江省杭州市西湖区云杉花园二十一栋1203室" },
  { "note in brackets", ADDR_AGREE, ADDR_ROOM, "浙江省杭州市西湖区云杉花园5栋1203室",
    "浙江省杭州市西湖区云杉花园5栋1203室（家里有人）" },
  { "note behind a comma", ADDR_AGREE, ADDR_ROOM, "浙江省杭州市西湖区云杉花园5栋1203室",
    "浙江省杭州市西湖区云杉花园5栋1203室，2楼前台代收" },
  { "note without a mark", ADDR_AGREE, ADDR_ROOM, "浙江省杭州市西湖区云杉花园5栋1203室",
    "浙江省杭州市西湖区云杉花园5栋1203放前台" },
  { "name and phone pasted in", ADDR_AGREE, ADDR_ROOM, "浙江省杭州市西湖区云杉花园5栋1203室",
    "白小川 13800000000 浙江省杭州市西湖区云杉花园5栋1203室" },
  { "road left out", ADDR_AGREE, ADDR_ROOM, "浙江省杭州市西湖区青禾路18号云杉花园5栋2单元1203室",
    "浙江省杭州市西湖区云杉花园5栋2单元1203室" },
  { "number left out", ADDR_AGREE, ADDR_ROOM, "浙江省杭州市西湖区青禾路18号云杉花园5栋2单元1203室",
    "浙江省杭州市西湖区青禾路云杉花园5栋2单元1203室" },
  { "room left out, the building stays", ADDR_AGREE, ADDR_BUILDING,
    "浙江省杭州市西湖区青禾路18号云杉花园5栋2单元1203室", "浙江省杭州市西湖区青禾路18号云杉花园5栋2单元" },
  { "room and unit left out", ADDR_AGREE, ADDR_BUILDING, "浙江省杭州市西湖区青禾路18号云杉花园5栋2单元1203室",
    "浙江省杭州市西湖区青禾路18号云杉花园5栋" },
  { "unit left out", ADDR_AGREE, ADDR_ROOM, "浙江省杭州市西湖区青禾路18号云杉花园5栋2单元1203室",
    "浙江省杭州市西湖区青禾路18号云杉花园5栋1203室" },
  { "compound left out", ADDR_AGREE, ADDR_ROOM, "浙江省杭州市西湖区青禾路18号云杉花园5栋2单元1203室",
    "浙江省杭州市西湖区青禾路18号5栋2单元1203室" },
  { "compound stated by one, house number by both", ADDR_AGREE, ADDR_NUMBER, "浙江省杭州市西湖区青禾路18号",
    "浙江省杭州市西湖区青禾路18号云杉花园" },
  { "letter tower", ADDR_AGREE, ADDR_ROOM, "浙江省杭州市西湖区云杉大厦B座1203室",
    "浙江省杭州市西湖区云杉大厦B-1203" },
  { "letter tower in one", ADDR_AGREE, ADDR_ROOM, "浙江省杭州市西湖区云杉大厦B座1203室",
    "浙江省杭州市西湖区云杉大厦B1203" },
  { "letter tower called 区", ADDR_AGREE, ADDR_ROOM, "浙江省杭州市西湖区云杉大厦B座1203室",
    "浙江省杭州市西湖区云杉大厦B区1203房" },
  { "letter tower called 区 without the room", ADDR_AGREE, ADDR_BUILDING,
    "浙江省杭州市西湖区青禾路18号云杉大厦B座1203室", "浙江省杭州市西湖区青禾路18号云杉大厦B区" },
  { "village", ADDR_AGREE, ADDR_NUMBER, "广东省佛山市顺德区大良街道桃溪村5组45号",
    "广东佛山顺德区桃溪村五组45号" },
  { "village without its town", ADDR_AGREE, ADDR_NUMBER, "广东省佛山市顺德区大良街道桃溪村5组45号",
    "广东省佛山市顺德区桃溪村 5组 45号" },
  { "lane", ADDR_AGREE, ADDR_ROOM, "上海市徐汇区青禾路439弄3号502室", "上海徐汇区青禾路四百三十九弄3号502" },
  { "lane's building by another word", ADDR_AGREE, ADDR_ROOM, "上海市徐汇区青禾路439弄3号502室",
    "上海市徐汇区青禾路439弄3号楼502室" },
  { "section in Chinese and digits", ADDR_AGREE, ADDR_NUMBER, "四川省成都市武侯区青禾南路四段12号",
    "四川省成都市武侯区青禾南路4段12号" },
  { "street name in digits", ADDR_AGREE, ADDR_NUMBER, "浙江省杭州市西湖区青禾13街18号",
    "浙江省杭州市西湖区青禾十三街18号" },
  { "annex by two words", ADDR_AGREE, ADDR_NUMBER, "浙江省杭州市西湖区青禾路18号附3号",
    "浙江省杭州市西湖区青禾路18号之3" },
  { "traditional and simple", ADDR_AGREE, ADDR_BUILDING, "香港九龍油尖旺區青禾道18號B座12樓",
    "香港九龙油尖旺区青禾道18号B座12楼" },
  { "municipality said once and twice", ADDR_AGREE, ADDR_NUMBER, "上海市浦东新区青禾路18号",
    "上海上海市浦东新区青禾路18号" },
  { "village as a shop's address", ADDR_AGREE, ADDR_NUMBER, "广东省佛山市顺德区桃溪村45号",
    "广东省佛山市顺德区桃溪村45号小桔灯文具店" },
  /* names that are only alike */
  { "like sound in the road", ADDR_AGREE, ADDR_BUILDING, "浙江省杭州市西湖区青禾路18号云杉花园5栋",
    "浙江省杭州市西湖区青河路18号云杉花园5栋" },
  { "like sound in the compound", ADDR_AGREE, ADDR_ROOM, "浙江省杭州市西湖区青禾路18号云杉新城5栋1203",
    "浙江省杭州市西湖区青禾路18号云杉新诚5栋1203" },
  { "like sound, zh and z", ADDR_AGREE, ADDR_BUILDING, "浙江省杭州市西湖区钟秀路18号云杉花园5栋",
    "浙江省杭州市西湖区宗秀路18号云杉花园5栋" },
  { "like sound, ng and n", ADDR_AGREE, ADDR_BUILDING, "浙江省杭州市西湖区兴业路18号云杉花园5栋",
    "浙江省杭州市西湖区新业路18号云杉花园5栋" },
  { "like shape", ADDR_AGREE, ADDR_ROOM, "浙江省杭州市西湖区云杉花园5栋1203",
    "浙江省杭州市西湖区云衫花园5栋1203" },
  { "like shape without like sound", ADDR_AGREE, ADDR_ROOM, "浙江省杭州市西湖区浙水花园5栋1203",
    "浙江省杭州市西湖区淅水花园5栋1203" },
  { "two typing errors in a long name", ADDR_AGREE, ADDR_ROOM, "浙江省杭州市西湖区青禾松涛花园5栋1203",
    "浙江省杭州市西湖区清河松涛花园5栋1203" },
  { "two typing errors in a short name", ADDR_DIFFER, ADDR_COMPOUND, "浙江省杭州市西湖区青禾花园5栋1203",
    "浙江省杭州市西湖区清河花园5栋1203" },
  { "road and compound both only alike", ADDR_PROBABLE, ADDR_BUILDING,
    "浙江省杭州市西湖区青禾路18号云杉新城5栋", "浙江省杭州市西湖区青河路18号云杉新诚5栋" },
  { "alike and nothing behind it but the number", ADDR_PROBABLE, ADDR_NUMBER, "浙江省杭州市西湖区青禾路18号",
    "浙江省杭州市西湖区青河路18号" },
  { "another sound", ADDR_DIFFER, ADDR_ROAD, "浙江省杭州市西湖区青禾路18号云杉花园5栋",
    "浙江省杭州市西湖区青松路18号云杉花园5栋" },
  { "numerals are no typing errors", ADDR_DIFFER, ADDR_ROAD, "浙江省杭州市西湖区禾三路18号云杉花园5栋",
    "浙江省杭州市西湖区禾四路18号云杉花园5栋" },
  { "points of the compass are none", ADDR_DIFFER, ADDR_ROAD, "浙江省杭州市西湖区青禾南路18号云杉花园5栋",
    "浙江省杭州市西湖区青禾北路18号云杉花园5栋" },
  { "numerals of one sound are none", ADDR_DIFFER, ADDR_COMPOUND, "浙江省杭州市西湖区云杉一村5栋1203",
    "浙江省杭州市西湖区云杉七村5栋1203" },
  { "园 is not 苑", ADDR_DIFFER, ADDR_COMPOUND, "浙江省杭州市西湖区云杉园5栋1203",
    "浙江省杭州市西湖区云杉苑5栋1203" },
  { "two characters are too short to be alike", ADDR_DIFFER, ADDR_ROAD,
    "浙江省杭州市西湖区文路18号云杉花园5栋", "浙江省杭州市西湖区温路18号云杉花园5栋" },
  { "with and without a point of the compass", ADDR_DIFFER, ADDR_ROAD,
    "浙江省杭州市西湖区青禾东路18号云杉花园5栋", "浙江省杭州市西湖区青禾路18号云杉花园5栋" },
  { "a name that is a part of the other", ADDR_PROBABLE, ADDR_ROOM, "浙江省杭州市西湖区云杉花园5栋1203",
    "浙江省杭州市西湖区松涛云杉花园5栋1203" },
  { "long names that share most", ADDR_PROBABLE, ADDR_NUMBER,
    "浙江省杭州市西湖区青禾路18号桔灯电子科技有限公司", "浙江省杭州市西湖区青禾路18号桔灯电子科技公司" },
  { "other ending", ADDR_DIFFER, ADDR_COMPOUND, "浙江省杭州市西湖区云杉花园5栋1203",
    "浙江省杭州市西湖区云杉公馆5栋1203" },
  /* a part that both state differs */
  { "other province", ADDR_DIFFER, ADDR_PROVINCE, "浙江省杭州市西湖区青禾路18号云杉花园5栋",
    "江西省南昌市西湖区青禾路18号云杉花园5栋" },
  { "other city", ADDR_DIFFER, ADDR_CITY, "浙江省杭州市青禾路18号云杉花园5栋",
    "浙江省宁波市青禾路18号云杉花园5栋" },
  { "other district", ADDR_DIFFER, ADDR_DISTRICT, "浙江省杭州市西湖区青禾路18号云杉花园5栋",
    "浙江省杭州市滨江区青禾路18号云杉花园5栋" },
  { "other district by its unclear name", ADDR_DIFFER, ADDR_DISTRICT, "江苏省鼓楼区青禾路18号云杉花园5栋",
    "江苏省南京市玄武区青禾路18号云杉花园5栋" },
  { "other road", ADDR_DIFFER, ADDR_ROAD, "浙江省杭州市西湖区青禾路18号云杉花园5栋",
    "浙江省杭州市西湖区云湖路18号云杉花园5栋" },
  { "other house number", ADDR_DIFFER, ADDR_NUMBER, "浙江省杭州市西湖区青禾路18号云杉花园5栋",
    "浙江省杭州市西湖区青禾路81号云杉花园5栋" },
  { "house number with and without a part", ADDR_DIFFER, ADDR_NUMBER, "浙江省杭州市西湖区青禾路18号",
    "浙江省杭州市西湖区青禾路18-2号" },
  { "甲 and none", ADDR_DIFFER, ADDR_NUMBER, "北京市东城区青禾街甲18号3号楼", "北京市东城区青禾街18号3号楼" },
  { "other compound with the same numbers", ADDR_DIFFER, ADDR_COMPOUND,
    "浙江省杭州市西湖区青禾路18号云杉花园5栋2单元1203室",
    "浙江省杭州市西湖区青禾路18号松涛公馆5栋2单元1203室" },
  { "other building", ADDR_DIFFER, ADDR_BUILDING, "浙江省杭州市西湖区云杉花园5栋2单元1203室",
    "浙江省杭州市西湖区云杉花园6栋2单元1203室" },
  { "other building in the compact form", ADDR_DIFFER, ADDR_BUILDING,
    "浙江省杭州市西湖区云杉花园5栋2单元1203室", "浙江省杭州市西湖区云杉花园6-2-1203" },
  { "other letter", ADDR_DIFFER, ADDR_BUILDING, "浙江省杭州市西湖区云杉大厦A座1203室",
    "浙江省杭州市西湖区云杉大厦B座1203室" },
  { "letter behind the building's number", ADDR_DIFFER, ADDR_BUILDING, "浙江省杭州市西湖区云杉花园12栋302",
    "浙江省杭州市西湖区云杉花园12a栋302" },
  { "other unit", ADDR_DIFFER, ADDR_UNIT, "浙江省杭州市西湖区云杉花园5栋2单元1203室",
    "浙江省杭州市西湖区云杉花园5栋1单元1203室" },
  { "other floor", ADDR_DIFFER, ADDR_FLOOR, "浙江省杭州市西湖区云杉大厦B座12层",
    "浙江省杭州市西湖区云杉大厦B座11层" },
  { "other room", ADDR_DIFFER, ADDR_ROOM, "浙江省杭州市西湖区云杉花园5栋2单元1203室",
    "浙江省杭州市西湖区云杉花园5栋2单元1204室" },
  { "room with its digits turned", ADDR_DIFFER, ADDR_ROOM, "浙江省杭州市西湖区云杉花园5栋2单元1203室",
    "浙江省杭州市西湖区云杉花园5栋2单元1230室" },
  { "other room in Chinese digits", ADDR_DIFFER, ADDR_ROOM, "浙江省杭州市西湖区云杉花园5栋2单元1203室",
    "浙江省杭州市西湖区云杉花园五栋二单元一二〇四" },
  { "other lane", ADDR_DIFFER, ADDR_STREET_EXTRA, "上海市徐汇区青禾路439弄3号502室",
    "上海市徐汇区青禾路493弄3号502室" },
  { "other house in the lane", ADDR_DIFFER, ADDR_BUILDING, "上海市徐汇区青禾路439弄3号502室",
    "上海市徐汇区青禾路439弄5号502室" },
  { "other group of a village", ADDR_DIFFER, ADDR_STREET_EXTRA, "广东省佛山市顺德区桃溪村5组45号",
    "广东省佛山市顺德区桃溪村6组45号" },
  { "other number in a village", ADDR_DIFFER, ADDR_NUMBER, "广东省佛山市顺德区桃溪村5组45号",
    "广东省佛山市顺德区桃溪村5组46号" },
  { "other village", ADDR_DIFFER, ADDR_COMPOUND, "广东省佛山市顺德区桃溪村5组45号",
    "广东省佛山市顺德区柳溪村5组45号" },
  { "other phase", ADDR_DIFFER, ADDR_STREET_EXTRA, "浙江省杭州市西湖区云杉花园一期5栋1203",
    "浙江省杭州市西湖区云杉花园二期5栋1203" },
  { "other zone", ADDR_DIFFER, ADDR_STREET_EXTRA, "浙江省杭州市西湖区云杉花园A区5栋1203",
    "浙江省杭州市西湖区云杉花园B区5栋1203" },
  { "other section", ADDR_DIFFER, ADDR_STREET_EXTRA, "四川省成都市武侯区青禾南路四段12号",
    "四川省成都市武侯区青禾南路三段12号" },
  { "numbers shifted by a place", ADDR_DIFFER, ADDR_UNIT, "浙江省杭州市西湖区云杉花园5-2-1203",
    "浙江省杭州市西湖区云杉花园5-21-203" },
  /* in between */
  { "towns differ", ADDR_PROBABLE, ADDR_TOWN, "浙江省杭州市西湖区北山街道青禾路18号云杉花园5栋",
    "浙江省杭州市西湖区西溪街道青禾路18号云杉花园5栋" },
  { "building stated by one only", ADDR_PROBABLE, ADDR_NUMBER, "浙江省杭州市西湖区青禾路18号云杉花园",
    "浙江省杭州市西湖区青禾路18号云杉花园5栋1203室" },
  { "room stated by one only, no building", ADDR_PROBABLE, ADDR_NUMBER, "浙江省杭州市西湖区青禾路18号",
    "浙江省杭州市西湖区青禾路18号1203室" },
  { "no district, no city", ADDR_PROBABLE, ADDR_ROOM, "青禾路18号云杉花园5栋2单元1203室",
    "浙江省杭州市西湖区青禾路18号云杉花园5栋2单元1203室" },
  { "city only, few parts", ADDR_PROBABLE, ADDR_BUILDING, "浙江省杭州市云杉花园5栋",
    "浙江省杭州市西湖区云杉花园5栋" },
  { "group stated by one only", ADDR_PROBABLE, ADDR_NUMBER, "广东省佛山市顺德区桃溪村45号",
    "广东省佛山市顺德区桃溪村5组45号" },
  { "phase stated by one only, building the same", ADDR_AGREE, ADDR_ROOM,
    "浙江省杭州市西湖区云杉花园一期5栋1203", "浙江省杭州市西湖区云杉花园5栋1203" },
  { "zone and building against zone", ADDR_PROBABLE, ADDR_COMPOUND, "浙江省杭州市西湖区云杉花园B区5栋1203",
    "浙江省杭州市西湖区云杉花园B区" },
  { "one unclear name on both sides, few parts", ADDR_PROBABLE, ADDR_BUILDING, "鼓楼区云杉花园5栋",
    "鼓楼区云杉花园5栋" },
  { "road without a number on both sides", ADDR_PROBABLE, ADDR_ROAD, "浙江省杭州市西湖区青禾路",
    "浙江省杭州市西湖区青禾路" },
  { "second number that no part took", ADDR_PROBABLE, ADDR_ROOM, "浙江省杭州市西湖区云杉花园5栋1203室2号柜",
    "浙江省杭州市西湖区云杉花园5栋1203室3号柜" },
  /* too little */
  { "only divisions", ADDR_DIFFER, ADDR_N, "浙江省杭州市西湖区", "浙江省杭州市西湖区" },
  { "road without a number on one side", ADDR_DIFFER, ADDR_N, "浙江省杭州市西湖区青禾路",
    "浙江省杭州市西湖区青禾路18号" },
  { "nothing in common", ADDR_DIFFER, ADDR_N, "浙江省杭州市西湖区青禾路18号",
    "浙江省杭州市西湖区云杉花园5栋" },
  { "nothing at all", ADDR_DIFFER, ADDR_N, "", "" },
  { "one side empty", ADDR_DIFFER, ADDR_N, "浙江省杭州市西湖区青禾路18号", "" },
  { "part of a compound's name, no district", ADDR_DIFFER, ADDR_N, "云杉花园", "松涛云杉花园" },
  /* masked */
  { "masked against whole", ADDR_DIFFER, ADDR_N, "浙江省杭州市西湖区青禾路18号云杉花园5栋****",
    "浙江省杭州市西湖区青禾路18号云杉花园5栋1203" },
  { "masked against itself", ADDR_DIFFER, ADDR_N, "浙江省杭州市西湖区青禾路18号云杉花园5栋****",
    "浙江省杭州市西湖区青禾路18号云杉花园5栋****" },
  /* Latin */
  { "short and long words", ADDR_AGREE, ADDR_ROOM, "120 Elmwood St, Apt 4B, Springfield, IL 62701",
    "120 Elmwood Street, #4B, Springfield, Illinois 62701" },
  { "apartment in front", ADDR_AGREE, ADDR_ROOM, "Apt 4B, 120 Elmwood Street, Springfield, IL 62701",
    "120 Elmwood St Apt 4B, Springfield IL 62701" },
  { "postcode with four more", ADDR_AGREE, ADDR_NUMBER, "120 Elmwood St, Springfield, IL 62701",
    "120 Elmwood St, Springfield, IL 62701-1234" },
  { "state left out", ADDR_AGREE, ADDR_NUMBER, "120 Elmwood St, Springfield, IL 62701",
    "120 Elmwood St, Springfield" },
  { "Straße", ADDR_AGREE, ADDR_NUMBER, "Ahornstraße 12, 10115 Musterstadt",
    "Ahornstr. 12, 10115 Musterstadt" },
  { "accents left out", ADDR_AGREE, ADDR_NUMBER, "12 rue de l'Érable, 75002 Villeneuve",
    "12 Rue de l'Erable, 75002 Villeneuve" },
  { "pinyin in two orders", ADDR_AGREE, ADDR_ROOM,
    "Room 1203, Building 5, Yunshan Garden, No. 18 Qinghe Road, Xihu District, Hangzhou, Zhejiang",
    "18 Qinghe Rd, Yunshan Garden, Building 5, Room 1203, Hangzhou, Zhejiang" },
  { "other apartment", ADDR_DIFFER, ADDR_ROOM, "120 Elmwood St, Apt 4B, Springfield, IL 62701",
    "120 Elmwood St, Apt 4C, Springfield, IL 62701" },
  { "other number", ADDR_DIFFER, ADDR_NUMBER, "120 Elmwood St, Springfield, IL 62701",
    "121 Elmwood St, Springfield, IL 62701" },
  { "typing error in a street", ADDR_AGREE, ADDR_ROOM, "120 Elmwood St, Apt 4B, Springfield, IL 62701",
    "120 Elmwod St, Apt 4B, Springfield, IL 62701" },
  { "street's kind left out", ADDR_PROBABLE, ADDR_NUMBER, "120 Elmwood St, Springfield, IL 62701",
    "120 Elmwood, Springfield, IL 62701" },
  { "other street", ADDR_DIFFER, ADDR_ROAD, "120 Elmwood St, Springfield, IL 62701",
    "120 Oakwood St, Springfield, IL 62701" },
  { "street is not avenue", ADDR_DIFFER, ADDR_ROAD, "120 Elmwood St, Springfield, IL 62701",
    "120 Elmwood Ave, Springfield, IL 62701" },
  { "north is not south", ADDR_DIFFER, ADDR_ROAD, "120 N Elmwood St, Springfield, IL 62701",
    "120 S Elmwood St, Springfield, IL 62701" },
  { "other postcode", ADDR_DIFFER, ADDR_POSTCODE, "120 Elmwood St, Springfield, IL 62701",
    "120 Elmwood St, Springfield, IL 62702" },
  { "other state", ADDR_DIFFER, ADDR_PROVINCE, "120 Elmwood St, Springfield, IL",
    "120 Elmwood St, Springfield, MA" },
  { "apartment by one only", ADDR_PROBABLE, ADDR_NUMBER, "120 Elmwood St, Springfield, IL 62701",
    "120 Elmwood St, Apt 4B, Springfield, IL 62701" },
  { "numbers that no rule knows", ADDR_PROBABLE, ADDR_NUMBER, "Calle Luna 5, 3 B, Villanueva",
    "Calle Luna 5, 4 C, Villanueva" },
  { "pinyin against characters", ADDR_DIFFER, ADDR_N, "18 Qinghe Road, Xihu District, Hangzhou, Zhejiang",
    "浙江省杭州市西湖区青禾路18号" },
};

static struct addr parse_line(struct arena *a, const char *line)
{
  struct addr out;
  addr_parse(a, &(struct addr_text){ .detail = line }, &out);
  return out;
}

TEST(addr_agreement)
{
  struct arena a = { 0 };
  for (size_t i = 0; i < COUNT(pairs); i++) {
    enum addr_part by, by_turned;
    const char *note;
    struct addr x = parse_line(&a, pairs[i].x), y = parse_line(&a, pairs[i].y);
    test_note("%s", pairs[i].why);
    CHECK_STR(addr_verdict_name(addr_agree(&a, &x, &y, &by, &note)), addr_verdict_name(pairs[i].want));
    CHECK_STR(addr_part_name(by), addr_part_name(pairs[i].by));
    CHECK(note && note[0]);
    CHECK_INT(addr_agree(&a, &y, &x, &by_turned, NULL), pairs[i].want);
    CHECK_INT(by_turned, by);
    CHECK_INT(addr_agree(&a, &x, &y, NULL, NULL), pairs[i].want);
    arena_reset(&a);
  }
  arena_release(&a);
}

TEST(addr_notes_speak_to_people)
{
  struct arena a = { 0 };
  const char *note;
  struct addr x = parse_line(&a, "浙江省杭州市西湖区青禾路18号"),
              y = parse_line(&a, "浙江省杭州市滨江区青禾路18号");
  addr_agree(&a, &x, &y, NULL, &note);
  CHECK_STR(note, "district: 西湖区 / 滨江区");
  x = parse_line(&a, "浙江省杭州市西湖区云杉花园5栋"), y = parse_line(&a, "浙江省杭州市西湖区云杉花园6栋");
  addr_agree(&a, &x, &y, NULL, &note);
  CHECK_STR(note, "building: 5 / 6");
  arena_release(&a);
}

/* An address agrees with itself unless it is masked or says too little; then no part is to blame. */
TEST(addr_agrees_with_itself)
{
  struct arena a = { 0 };
  for (size_t i = 0; i < COUNT(parts); i++) {
    struct addr x;
    enum addr_part by;
    test_note("%s", parts[i].why);
    addr_parse(&a, &parts[i].text, &x);
    enum addr_verdict v = addr_agree(&a, &x, &x, &by, NULL);
    if (x.masked) CHECK(v == ADDR_DIFFER && by == ADDR_N);
    else CHECK(v != ADDR_DIFFER || by == ADDR_N);
    bool has_place = (x.part[ADDR_ROAD] && x.part[ADDR_NUMBER]) || x.part[ADDR_COMPOUND];
    if (!x.masked && has_place && x.part[ADDR_DISTRICT]) CHECK_INT(v, ADDR_AGREE);
    arena_reset(&a);
  }
  arena_release(&a);
}

/* Any two of the rows: the same verdict both ways, for the same part. */
TEST(addr_agreement_is_symmetric)
{
  struct arena keep = { 0 }, a = { 0 };
  size_t n = COUNT(parts);
  struct addr *x = arena_array(&keep, struct addr, n);
  int wrong = 0;
  for (size_t i = 0; i < n; i++) addr_parse(&keep, &parts[i].text, &x[i]);
  for (size_t i = 0; i < n; i++)
    for (size_t k = i; k < n; k++) {
      enum addr_part by, turned;
      arena_reset(&a);
      enum addr_verdict v = addr_agree(&a, &x[i], &x[k], &by, NULL);
      if (v == addr_agree(&a, &x[k], &x[i], &turned, NULL) && by == turned) continue;
      if (wrong++ < 5) test_note("%s / %s", parts[i].why, parts[k].why), CHECK(!"symmetric");
    }
  CHECK_INT(wrong, 0);
  arena_release(&a);
  arena_release(&keep);
}

/* ---- ∀ ways of typing: one place typed twice agrees; another building, room or number differs --------- */
static const struct {
  const char *province, *city, *district, *town; /* all but the town with a suffix that may be left out */
  const char *province_short, *city_short;
} regions[] = {
  { "浙江省", "杭州市", "西湖区", "北山街道", "浙江", "杭州" },
  { "江苏省", "南京市", "鼓楼区", "宁海路街道", "江苏", "南京" },
  { "广东省", "佛山市", "顺德区", "大良街道", "广东", "佛山" },
  { "四川省", "成都市", "武侯区", "浆洗街街道", "四川", "成都" },
  { "内蒙古自治区", "包头市", "青山区", "先锋道街道", "内蒙古", "包头" },
  { "上海市", "上海市", "徐汇区", "湖南路街道", "上海", "上海" },
  { "福建省", "厦门市", "思明区", "厦港街道", "福建", "厦门" },
  { "广西壮族自治区", "柳州市", "城中区", "公园街道", "广西", "柳州" },
};
static const char *const roads[] = { "青禾路",   "云湖大道", "松涛街", "禾三路",
                                     "望月南路", "柳溪街",   "星桥路", "白鹭大街" };
static const char *const estates[] = { "云杉花园",   "松涛公馆", "望月家园", "青禾新村",
                                       "白鹭湾小区", "星桥国际", "柳溪名苑", "桔灯小区" };
static const char *const spellings_building[] = { "%d栋", "%d幢", "%d号楼", "%d座", "%d#" };
static const char *const spellings_room[] = { "%d室", "%d房", "%d号房", "%d", "-%d" };
static const char *const notes[] = {
  "", "", "（家里有人）", "，放前台", " 发顺丰", "【送货前电话联系】", "，2楼前台代收", "(周末送)"
};

struct place {
  int region, road, number, estate, building, unit, room;
};

static bool chance(uint64_t *seed, int percent)
{
  return test_random(seed) % 100 < (uint64_t)percent;
}

static void chinese_below_100(struct buf *b, int v)
{
  static const char *const digit[] = { "", "一", "二", "三", "四", "五", "六", "七", "八", "九" };
  if (v >= 20) buf_str(b, digit[v / 10]);
  if (v >= 10) buf_str(b, "十");
  buf_str(b, digit[v % 10]);
}

/* Digits become full-width. */
static void widen(struct buf *b)
{
  struct buf out = { 0 };
  for (size_t i = 0; i < b->len; i++)
    if (b->data[i] >= '0' && b->data[i] <= '9') utf8_put(&out, 0xFF10u + (uint32_t)(b->data[i] - '0'));
    else buf_char(&out, b->data[i]);
  buf_release(b);
  *b = out;
}

static void type_inside(struct buf *b, const struct place *p, uint64_t *seed)
{
  char text[64];
  if (chance(seed, 20)) {
    buf_printf(b, chance(seed, 30) ? "%d—%d—%d" : "%d-%d-%d", p->building, p->unit, p->room);
    return;
  }
  if (chance(seed, 10)) {
    chinese_below_100(b, p->building);
    buf_str(b, "栋");
  } else {
    size_t k = test_random(seed) % COUNT(spellings_building);
    snprintf(text, sizeof text, "%d%s", p->building, spellings_building[k] + 2);
    buf_str(b, text);
  }
  if (chance(seed, 10)) {
    buf_printf(b, "%d-%d", p->unit, p->room);
    return;
  }
  buf_printf(b, "%d单元", p->unit);
  size_t k = test_random(seed) % COUNT(spellings_room);
  bool dash = spellings_room[k][0] == '-';
  buf_printf(b, "%s%d%s", dash ? "-" : "", p->room, dash ? "" : spellings_room[k] + 2);
}

static const char *type_place(struct arena *a, const struct place *p, uint64_t *seed)
{
  struct buf b = { 0 };
  const char *gap = chance(seed, 20) ? " " : chance(seed, 6) ? "，" : "";
  bool is_short = chance(seed, 25);
  if (chance(seed, 8)) buf_str(&b, "白小川 13800000000 ");
  if (chance(seed, 80))
    buf_printf(&b, "%s%s", is_short ? regions[p->region].province_short : regions[p->region].province, gap);
  buf_printf(&b, "%s%s", is_short ? regions[p->region].city_short : regions[p->region].city, gap);
  buf_printf(&b, "%s%s", regions[p->region].district, gap);
  if (chance(seed, 35)) buf_printf(&b, "%s%s", regions[p->region].town, gap);
  if (chance(seed, 92))
    buf_printf(&b, "%s%d%s%s", roads[p->road], p->number, chance(seed, 90) ? "号" : "#", gap);
  buf_printf(&b, "%s%s", estates[p->estate], gap);
  type_inside(&b, p, seed);
  buf_str(&b, notes[test_random(seed) % COUNT(notes)]);
  if (chance(seed, 6)) widen(&b);
  const char *out = arena_strn(a, b.data, b.len);
  buf_release(&b);
  return out;
}

static struct place any_place(uint64_t *seed)
{
  struct place p = { (int)(test_random(seed) % COUNT(regions)),
                     (int)(test_random(seed) % COUNT(roads)),
                     1 + (int)(test_random(seed) % 900),
                     (int)(test_random(seed) % COUNT(estates)),
                     1 + (int)(test_random(seed) % 60),
                     1 + (int)(test_random(seed) % 6),
                     100 * (1 + (int)(test_random(seed) % 33)) + 1 + (int)(test_random(seed) % 8) };
  return p;
}

TEST(addr_every_way_of_typing_agrees)
{
  uint64_t seed = 32;
  struct arena a = { 0 };
  int wrong = 0;
  for (int i = 0; i < 4000; i++) {
    struct place p = any_place(&seed);
    const char *x = type_place(&a, &p, &seed), *y = type_place(&a, &p, &seed), *note;
    struct addr ax = parse_line(&a, x), ay = parse_line(&a, y);
    if (addr_agree(&a, &ax, &ay, NULL, &note) != ADDR_AGREE && wrong++ < 5)
      test_note("%s / %s: %s", x, y, note), CHECK(!"agree");
    arena_reset(&a);
  }
  CHECK_INT(wrong, 0);
  arena_release(&a);
}

TEST(addr_every_other_place_differs)
{
  uint64_t seed = 33;
  struct arena a = { 0 };
  int wrong = 0;
  for (int i = 0; i < 4000; i++) {
    struct place p = any_place(&seed), q = p;
    int step = 1 + (int)(test_random(&seed) % 5);
    switch (i % 5) {
    case 0: q.building += step; break;
    case 1: q.unit += step; break;
    case 2: q.room += step; break;
    case 3: q.estate = (q.estate + step) % (int)COUNT(estates); break;
    case 4: q.region = (q.region + step) % (int)COUNT(regions); break;
    }
    const char *x = type_place(&a, &p, &seed), *y = type_place(&a, &q, &seed);
    struct addr ax = parse_line(&a, x), ay = parse_line(&a, y);
    if (addr_agree(&a, &ax, &ay, NULL, NULL) != ADDR_DIFFER && wrong++ < 5)
      test_note("%s / %s", x, y), CHECK(!"differ");
    arena_reset(&a);
  }
  CHECK_INT(wrong, 0);
  arena_release(&a);
}

/* ---- hostile input ----------------------------------------------------------------------------------- */
#define HOSTILE_USED_MAX (512 * 1024) /* of the arena, whatever comes */

static void survive(const char *text)
{
  struct arena a = { 0 };
  struct addr x, y;
  addr_parse(&a,
             &(struct addr_text){ .country = "CN",
                                  .province = text,
                                  .city = text,
                                  .district = text,
                                  .town = text,
                                  .detail = text,
                                  .zip = text },
             &x);
  addr_parse(&a, &(struct addr_text){ .detail = text }, &y);
  CHECK(x.rest && y.rest);
  for (int p = 0; p < ADDR_N; p++)
    if (y.part[p]) CHECK(y.part[p][0] && utf8_valid(y.part[p], strlen(y.part[p])));
  CHECK(utf8_valid(y.rest, strlen(y.rest)));
  CHECK_INT(addr_agree(&a, &x, &y, NULL, NULL), addr_agree(&a, &y, &x, NULL, NULL));
  CHECK(a.used < HOSTILE_USED_MAX);
  arena_release(&a);
}

TEST(addr_hostile_repeats)
{
  static const char *const again[] = { "路",
                                       "号",
                                       "青禾路18号",
                                       "1",
                                       "1-",
                                       "a",
                                       "a1",
                                       "一",
                                       "一二",
                                       "十",
                                       "(",
                                       ")",
                                       "（",
                                       "#",
                                       "-",
                                       " ",
                                       "*",
                                       "村",
                                       "浙江省",
                                       "杭州",
                                       "西湖区",
                                       "鼓楼区",
                                       "街道",
                                       "5栋",
                                       "与",
                                       "附",
                                       "之3",
                                       "第",
                                       "甲",
                                       "13800000000 ",
                                       "+86",
                                       "放",
                                       "丰巢",
                                       "电话：",
                                       "\xFF",
                                       "\xE6",
                                       "\xF0\x9F\x98\x80",
                                       "\xE2\x80\x8B",
                                       "\xC3\x9F",
                                       "st ",
                                       "apt ",
                                       "12 st,",
                                       "box 1 ",
                                       "xi'an ",
                                       "０",
                                       "零",
                                       "千百十" };
  struct buf b = { 0 };
  for (size_t i = 0; i < COUNT(again); i++) {
    test_note("%s", again[i]);
    b.len = 0;
    while (b.len < 100000) buf_str(&b, again[i]);
    survive(b.data);
    b.data[40] = 0, survive(b.data);
  }
  buf_release(&b);
}

TEST(addr_hostile_pieces_in_any_order)
{
  static const char *const pieces[] = {
    "浙江省",      "浙江",  "杭州市", "西湖区", "鼓楼区", "北山街道", "青禾路", "云杉花园", "桃溪村",
    "5",           "18号",  "栋",     "单元",   "1203",   "室",       "#",      "-",        "—",
    " ",           "，",    "（",     "）",     "二十一", "〇",       "弄",     "组",       "座",
    "B",           "f",     "与",     "交叉口", "放前台", "附",       "*",      "St",       "Apt",
    "13800000000", "100米", "期",     "区",     "楼",     "\xFF",     "第",     "甲",       "之"
  };
  uint64_t seed = 34;
  for (int i = 0; i < 3000; i++) {
    char text[512] = "";
    size_t n = 0, count = 1 + test_random(&seed) % 24;
    for (size_t k = 0; k < count; k++)
      n += (size_t)snprintf(text + n, sizeof text - n, "%s", pieces[test_random(&seed) % COUNT(pieces)]);
    test_note("%s", text);
    survive(text);
  }
}

TEST(addr_hostile_bytes)
{
  uint64_t seed = 35;
  for (int i = 0; i < 2000; i++) {
    char text[128];
    size_t n = test_random(&seed) % (sizeof text - 1);
    for (size_t k = 0; k < n; k++) text[k] = (char)(1 + test_random(&seed) % 255);
    text[n] = 0;
    survive(text);
  }
}

/* ---- divisions ------------------------------------------------------------------------------------------- */
TEST(divisions_know_their_names)
{
  static const struct {
    const char *code, *name;
  } cases[] = {
    { "330000", "浙江省" },
    { "330100", "杭州市" },
    { "330106", "西湖区" },
    { "330106002", "北山街道" },
    { "110000", "北京市" },
    { "110100", "北京市" },
    { "500200", "重庆市" },
    { "419001", "济源市" },
    { "441900", "东莞市" },
    { "441900004", "南城街道" },
    { "331127", "景宁畲族自治县" },
    { "429021", "神农架林区" },
    { "610103", "碑林区" },
    { "310115", "浦东新区" },
    { "441803", "清新区" },
    { "810000", "香港特别行政区" },
    { "710000", "台湾省" },
    { "999999", "999999" },
    { "", "" },
    { "12", "12" },
  };
  struct arena a = { 0 };
  for (size_t i = 0; i < COUNT(cases); i++) {
    test_note("%s", cases[i].code);
    CHECK_STR(div_name(&a, cases[i].code), cases[i].name);
  }
  arena_release(&a);
}

TEST(divisions_in_latin_letters)
{
  static const struct {
    const char *word;
    uint32_t code;
  } cases[] = {
    { "zhejiang", 330000 },       { "shaanxi", 610000 },   { "shanxi", 140000 },
    { "inner mongolia", 150000 }, { "neimenggu", 150000 }, { "tibet", 540000 },
    { "xizang", 540000 },         { "hong kong", 810000 }, { "macao", 820000 },
    { "harbin", 230100 },         { "urumqi", 650100 },    { "xiamen", 350200 },
    { "chongqing", 500000 },      { "xi'an", 610100 },     { "quzhou", 330800 },
    { "luan", 341500 },           { "nowhere", 0 },        { "", 0 },
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    int hit[4], n = div_find_latin(cases[i].word, -1, hit, (int)COUNT(hit));
    test_note("%s", cases[i].word);
    CHECK_INT(n > 0 ? div_code(hit[0]) : 0, cases[i].code);
  }
}

TEST(divisions_sound)
{
  CHECK(div_sound(0x5E86) && div_sound(0x5E86) == div_sound(0x6E05)); /* 庆 清 */
  CHECK(div_sound(0x4E2D) != div_sound(0x56FD));                      /* 中 国 */
  CHECK_INT(div_sound('a'), 0);
  CHECK_INT(div_simple(0x865F), 0x53F7); /* 號 号 */
  CHECK_INT(div_simple(0x53F7), 0x53F7);
}
