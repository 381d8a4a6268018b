#!/usr/bin/env python3
"""Makes examples/orders/: some 300 orders of three channels, always the same ones.

People, phones (199 0000 ....), roads and compounds are invented; provinces, cities and districts are real. Among the
orders are what intake and merging are there for: exact redeliveries, news and stale news of known orders, a sheet of
the same shop, follow-ons of one customer within 72 h on the same and on other channels, near misses of each kind,
masked phones and tokens, orders that may not be merged, and rows that a spreadsheet or a machine has damaged.

    python3 examples/make_orders.py [DIRECTORY]
"""
import json
import os
import sys
from datetime import datetime, timedelta, timezone

ZONE = timezone(timedelta(hours=8))
NEWEST = datetime(2026, 1, 15, 12, 0, 0, tzinfo=ZONE)  # nothing is later; the demo moves this to now
OUT = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "orders")


class Dice:
    """A generator of our own: the same numbers with every version of Python."""

    def __init__(self, seed):
        self.state = seed

    def next(self, n):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 33) % n

    def pick(self, items):
        return items[self.next(len(items))]


dice = Dice(20260115)

FAMILY = "张李王赵陈周吴郑孙钱冯何吕许沈韩杨朱秦尤"
GIVEN = ["示例", "样本", "测试", "演示", "范例", "虚构", "占位", "试样"]
LATIN = ["Ada Example", "Ben Sample", "Carla Placeholder", "Dan Testcase", "Eve Specimen", "Finn Mockup"]
PLACES = [
    ("浙江省", "杭州市", "西湖区"), ("浙江省", "宁波市", "鄞州区"), ("江苏省", "南京市", "鼓楼区"), ("江苏省", "苏州市", "吴中区"),
    ("上海市", "上海市", "浦东新区"), ("北京市", "北京市", "海淀区"), ("广东省", "广州市", "天河区"), ("广东省", "深圳市", "南山区"),
    ("四川省", "成都市", "武侯区"), ("湖北省", "武汉市", "洪山区"), ("山东省", "青岛市", "市南区"), ("陕西省", "西安市", "雁塔区"),
]
ROADS = ["示例路", "样本街", "测试大道", "演示路", "范例街", "虚构路"]
COMPOUNDS = ["样例小区", "虚构花园", "占位公寓", "试样新村"]
GOODS = [
    ("SOFA-3S-GREY", "三人沙发 灰色", 189900), ("TABLE-OAK-140", "橡木餐桌 1.4 米", 129900), ("CHAIR-OAK", "橡木餐椅", 29900),
    ("LAMP-FLOOR", "落地灯", 19900), ("RUG-200", "地毯 2 米", 45900), ("SHELF-5", "五层书架", 25900), ("MUG-WHITE", "白色马克杯", 3900),
    ("PILLOW-2", "靠枕 两只", 8900), ("MIRROR-80", "穿衣镜 80 厘米", 32900), ("CURTAIN-240", "窗帘 2.4 米", 21900),
]


def money(minor):
    return "%d.%02d" % (minor // 100, minor % 100)


def when(t):
    return t.isoformat(timespec="seconds")


class Person:
    def __init__(self, number):
        self.number = number
        self.name = FAMILY[number % len(FAMILY)] + GIVEN[number // len(FAMILY) % len(GIVEN)]
        if number % 23 == 7:
            self.name = LATIN[number // 23 % len(LATIN)]
        self.phone = "1990000%04d" % (1000 + number * 37)
        self.place = PLACES[number % len(PLACES)]
        self.road, self.no = ROADS[number // 3 % len(ROADS)], 1 + number * 7 % 300
        self.compound = COMPOUNDS[number % len(COMPOUNDS)]
        self.building, self.unit, self.room = 1 + number % 18, 1 + number % 4, 101 + number % 20 * 100 + number % 4
        self.token = "oaid-%032x" % (number * 2654435761 % 2**64 * 40503)

    def detail(self, style=0, room=None):
        """One place, typed in several ways."""
        room = room or self.room
        return [
            "%s%d号%s%d幢%d单元%d室" % (self.road, self.no, self.compound, self.building, self.unit, room),
            "%s %d 号 %s %d 栋 %d 单元 %d" % (self.road, self.no, self.compound, self.building, self.unit, room),
            "%s%d号%s%d-%d-%d" % (self.road, self.no, self.compound, self.building, self.unit, room),
            "%s%d号%s%d号楼%d单元%d室（家里有人）" % (self.road, self.no, self.compound, self.building, self.unit, room),
        ][style % 4]

    def receiver(self, style=0, room=None, phone=None):
        province, city, district = self.place
        r = {"name": self.name, "phone": phone or self.phone, "country": "CN", "province": province, "city": city,
             "district": district, "address": self.detail(style, room)}
        if style == 1:
            r["phone"] = "+86 %s-%s-%s" % (r["phone"][:3], r["phone"][3:7], r["phone"][7:])
        if style == 2:  # all in one line
            whole = province + ("" if city == province else city) + district + r["address"]
            r = {"name": r["name"], "phone": r["phone"], "country": "CN", "address": whole}
        return r

    def masked(self):
        province, city, district = self.place
        return {"name": self.name[0] + "*" * (len(self.name) - 1), "phone": self.phone[:3] + "****" + self.phone[7:], "country": "CN",
                "province": province, "city": city, "district": district, "address": "%s***" % self.road[:1], "token": self.token}


def lines_of(count):
    lines = []
    for i in range(count):
        sku, title, price = dice.pick(GOODS)
        lines.append({"line_id": str(i + 1), "sku": sku, "title": title, "quantity": 1 + (dice.next(5) == 0), "price": money(price)})
    return lines


def order(channel, external_id, placed, receiver, status="paid", lines=None, **more):
    lines = lines or lines_of(1 + (dice.next(3) == 0))
    total = sum(int(x["price"].replace(".", "")) * x["quantity"] for x in lines)
    o = {"channel": channel, "external_id": external_id, "status": status, "placed_at": when(placed)}
    if status != "placed":
        o["paid_at"] = when(placed + timedelta(minutes=2))
    o["updated_at"] = when(placed + timedelta(minutes=3))
    o.update({"currency": "CNY", "total": money(total), "paid": money(total if status != "placed" else 0), "receiver": receiver,
              "lines": lines})
    o.update(more)
    return o


def tmall_no(n):
    return "28765432198%08d" % (n * 7919 % 10**8)


def shop_no(n):
    return "5%012d" % (n * 104729)


def till_no(n):
    return "T%04d" % n


people = [Person(i) for i in range(160)]
till, shop, tmall = [], [], []
numbers = {"till": 0, "shop": 0, "tmall": 0}


def new(channel, person, placed, style=None, receiver=None, **more):
    """The next order of a channel, by this person."""
    numbers[channel] += 1
    n = numbers[channel]
    style = dice.next(4) if style is None else style
    if channel == "tmall":
        o = order("tmall-demo", tmall_no(n), placed, receiver or person.masked(), buyer={"id": "tb_%d" % person.number},
                  ship_by=when(placed + timedelta(hours=48)), raw_status="WAIT_SELLER_SEND_GOODS", **more)
        tmall.append(o)
    elif channel == "shop":
        o = order("shop-demo", shop_no(n), placed, receiver or person.receiver(style), **more)
        shop.append(o)
    else:
        o = order("till", till_no(n), placed, receiver or person.receiver(style), **more)
        till.append(o)
    return o


def ago(hours, minutes=0):
    return NEWEST - timedelta(hours=hours, minutes=minutes)


# ---- everyday orders: one person each, no two of them belong together -----------------------------------------
for i in range(60):
    new("till", people[i], ago(4 + i * 2 % 110, i * 7 % 60))
for i in range(60, 105):
    new("shop", people[i], ago(4 + i * 3 % 110, i * 11 % 60))
for i in range(105, 150):
    new("tmall", people[i], ago(4 + i * 5 % 110, i * 13 % 60))

# ---- follow-ons: the same customer again within 72 h, typed another way, on another channel --------------------
for i in range(0, 36, 3):
    first = till[i]
    new("shop", people[i], datetime.fromisoformat(first["placed_at"]) + timedelta(hours=1 + i % 3), style=(i + 1) % 4)
for i in range(60, 75, 3):
    first = shop[i - 60]
    new("shop", people[i], datetime.fromisoformat(first["placed_at"]) + timedelta(hours=2), style=(i + 2) % 4)
for i in range(105, 125, 2):  # by token: what the platform masks, it also tells apart
    first = tmall[i - 105]
    new("tmall", people[i], datetime.fromisoformat(first["placed_at"]) + timedelta(hours=3))
triple = people[150]  # three orders on two channels, and one exactly 72 h after the first
new("till", triple, ago(80), style=0)
new("shop", triple, ago(50), style=1)
new("till", triple, ago(20), style=2)
new("shop", triple, ago(8), style=3)

# ---- near misses: each differs in one thing that matters ----------------------------------------------------------
for k in range(4):
    p = people[151 + k]
    new("till", p, ago(90 - k), style=0)
    new("shop", p, ago(88 - k), style=0, receiver=p.receiver(0, room=p.room + 1))  # next door
for k in range(3):
    p = people[155 + k]
    new("till", p, ago(100 - k), style=0)
    new("shop", p, ago(28 - k) + timedelta(minutes=1), style=1)  # 72 h and a minute
for k in range(2):
    p = people[158 + k]
    new("till", p, ago(60 - k), style=0)
    new("shop", p, ago(59 - k), style=0, receiver=p.receiver(0, phone=p.phone[:-1] + str((int(p.phone[-1]) + 1) % 10)))  # other phone
for i in range(36, 42):  # a masked phone: only proposed
    p = people[i]
    placed = datetime.fromisoformat(till[i]["placed_at"]) + timedelta(hours=1)
    new("shop", p, placed, receiver=p.receiver(0, phone=p.phone[:3] + "****" + p.phone[7:]))

# ---- what may not be merged, and what has gone on -----------------------------------------------------------------
for i, flag in enumerate(["cod", "gift", "cod", "presale_unpaid"]):
    placed = datetime.fromisoformat(till[42 + i]["placed_at"]) + timedelta(hours=1)
    new("shop", people[42 + i], placed, flags=[flag])
for i in range(46, 52):
    new("till", people[i], ago(6, i), status="cancelled")
for i in range(52, 58):
    placed = ago(30, i)
    new("till", people[i], placed, status="shipped",
        shipments=[{"carrier": "SF", "tracking_no": "SF99%011d" % (i * 7), "shipped_at": when(placed + timedelta(hours=5))}])
for i in range(75, 80):
    new("shop", people[i], ago(2, i % 60), status="placed")
new("till", people[58], ago(3), remarks={"buyer": "请送货前打电话", "seller": "", "flag": ""})

# ---- the same again, news, and old news -----------------------------------------------------------------------------
again = [dict(o) for o in till[2:40:6] + shop[4:60:8]] + [dict(o) for o in tmall[3:40:7]]
news, stale = [], []
for o in till[5:11] + shop[10:14]:
    later = json.loads(json.dumps(o))
    later["remarks"] = {"buyer": "", "seller": "客户改了留言", "flag": "red"}
    later["updated_at"] = when(datetime.fromisoformat(o["updated_at"]) + timedelta(minutes=30))
    news.append(later)
for o in till[12:16]:
    early = json.loads(json.dumps(o))
    early["status"] = "placed"
    del early["paid_at"]
    early["paid"] = "0.00"
    early["updated_at"] = when(datetime.fromisoformat(o["updated_at"]) - timedelta(minutes=2))
    stale.append(early)


def home(o):
    return {"till": till, "shop-demo": shop, "tmall-demo": tmall}[o["channel"]]


for o in again + news + stale:
    home(o).append(o)

# ---- rows that a machine has damaged -----------------------------------------------------------------------------------
bad = order("shop-demo", "x", ago(5), people[90].receiver())
bad["external_id"] = 5000000000000123456
shop.append(bad)
bad = order("shop-demo", "5900000000001", ago(5), people[91].receiver())
del bad["currency"]
shop.append(bad)
bad = order("till", "T9001", ago(5), people[20].receiver())
bad["total"] = "-12.00"
till.append(bad)
bad = order("till", "T9002", ago(5), people[21].receiver())
bad["lines"][0]["quantity"] = 0
till.append(bad)


def write_ndjson(name, orders, tail=""):
    with open(os.path.join(OUT, name), "w", encoding="utf-8", newline="\n") as f:
        for o in orders:
            f.write(json.dumps(o, ensure_ascii=False, separators=(",", ":")) + "\n")
        f.write(tail)


# ---- an export sheet of the tmall shop: GB18030, orders that are known by now and some that are not -------------------
HEAD = ["订单编号", "买家会员名", "总金额", "买家实际支付金额", "订单状态", "买家留言", "收货人姓名", "收货地址 ", "联系手机", "订单创建时间",
        "订单付款时间", "宝贝标题", "宝贝总数量", "店铺名称"]


def cell(s):
    s = str(s)
    return '"' + s.replace('"', '""') + '"' if any(c in s for c in ',"\n') else s


def sheet_row(number, person, placed, total, status="买家已付款，等待卖家发货", phone=None, address=None, remark="", paid_at=None):
    paid_at = placed + timedelta(minutes=2) if paid_at is None else paid_at
    text = lambda t: t.astimezone(ZONE).strftime("%Y-%m-%d %H:%M:%S") if t else ""
    place = " ".join(person.place)
    return [number, "tb_%d" % person.number, total, total, status, remark, person.name, address or place + " " + person.detail(0),
            phone or "'" + person.phone, text(placed), text(paid_at), "橡木餐椅", "1", "示例家居旗舰店"]


rows = [HEAD]
for i in range(0, 24, 2):
    o = tmall[i]
    rows.append(sheet_row('="%s"' % o["external_id"], people[105 + i], datetime.fromisoformat(o["placed_at"]), o["total"]))
for i in range(12):
    remark = ["", "请放门口", "第一行\n第二行, \"加急\""][i % 3]
    rows.append(sheet_row('="%s"' % tmall_no(500 + i), people[125 + i], ago(7 + i * 4), "299.00", remark=remark))
rows.append(sheet_row("1.23457E+18", people[140], ago(9), "299.00"))
rows.append(sheet_row("2876543219870000000", people[141], ago(9), "299.00"))
rows.append(sheet_row('="%s"' % tmall_no(601), people[142], ago(9), "299.00", phone="1.99E+10"))
rows.append(sheet_row('="%s"' % tmall_no(602), people[143], ago(9), "#REF!"))
rows.append(sheet_row('="%s"' % tmall_no(603), people[144], ago(9), "299.00", status="状态不明"))

os.makedirs(OUT, exist_ok=True)
write_ndjson("till.ndjson", till)
write_ndjson("shop-demo.ndjson", shop, tail='{"channel":"shop-demo","external_id":"5900000000002","status":"pa\n')
write_ndjson("tmall-demo.ndjson", tmall)
with open(os.path.join(OUT, "tmall-demo.csv"), "wb") as f:
    f.write("".join(",".join(cell(c) for c in r) + "\r\n" for r in rows).encode("gb18030"))
print("%d till, %d shop, %d tmall, %d rows in the sheet" % (len(till), len(shop) + 1, len(tmall), len(rows) - 1))
