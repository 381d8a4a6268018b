// The console on a file of a million orders: first paint, a usable list, searches, and every figure of the home page and
// the dashboard.   ORDERD=./orderd node test/bench/page.mjs [orders]
import http from 'node:http';
import { Server } from '../http_api/lib.mjs';
import { closeBrowser, openPage, sleep } from '../page/lib.mjs';

const N = Number(process.argv[2] ?? 1000000);
const s = await new Server({ conf: '[merge]\nwindow = 1s\n' }).start();
const SURNAMES = '赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许', GIVEN = '伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超兰霞平刚桂';
const CITIES = [['浙江省', '杭州市', '西湖区'], ['广东省', '佛山市', '顺德区'], ['上海市', '上海市', '徐汇区'], ['四川省', '成都市', '武侯区'], ['湖北省', '武汉市', '洪山区']];
const pick = (list, n) => list[n % list.length];
const line = (i) => {
  const [province, city, district] = pick(CITIES, i), name = pick(SURNAMES, i) + pick(GIVEN, i >> 3) + pick(GIVEN, i >> 7), at = new Date(Date.now() - ((N - i) * 2592000000) / N).toISOString();
  return JSON.stringify({ channel: `shop-${i % 8}`, external_id: `B${String(i).padStart(9, '0')}`, status: i % 3 ? 'completed' : i % 2 ? 'paid' : 'shipped', placed_at: at, paid_at: at, updated_at: at, currency: 'CNY', total: '99.00',
    receiver: { name, phone: `13${String(100000000 + (i * 7919) % 900000000)}`, country: 'CN', province, city, district, address: `文三路 ${i % 999} 号 ${i % 20} 幢 ${i % 600} 室` }, lines: [{ line_id: '1', sku: `SKU-${i % 500}`, title: '示例商品', quantity: 1, price: '99.00' }] });
};
console.log(`feeding ${N} orders…`);
await new Promise((done, broken) => {
  const req = http.request({ host: '127.0.0.1', port: s.port, method: 'POST', path: '/v1/orders', headers: { host: 'localhost', authorization: `Bearer ${s.admin}`, 'content-type': 'application/x-ndjson', 'transfer-encoding': 'chunked' } }, (res) => { res.resume(); res.on('end', done); });
  req.on('error', broken);
  let i = 0;
  const more = () => { for (; i < N;) { let b = ''; for (let k = 0; k < 500 && i < N; k++) b += line(i++) + '\n'; if (!req.write(b)) { req.once('drain', more); return; } } req.end(); };
  more();
});
for (;;) { // until the last is in the index
  const a = await s.raw('GET', `/v1/orders?q=B${String(N - 1).padStart(9, '0')}&limit=1`), m = await s.raw('GET', '/metrics');
  const behind = /orderd_search_behind (\d+)/.exec(m.text);
  if (a.json?.data?.length && (!behind || behind[1] === '0')) break;
  await sleep(500);
}
await sleep(3000);
const median = (l) => [...l].sort((a, b) => a - b)[l.length >> 1], quantile = (l, q) => [...l].sort((a, b) => a - b)[Math.min(l.length - 1, Math.floor(l.length * q))];
const ms = (n) => `${n.toFixed(1)} ms`;

const paints = [], usable = [];
for (let i = 0; i < 7; i++) {
  for (const [hash, ready] of [['#/', '.cards b.big'], ['#/orders?sort=-placed_at', 'tbody tr']]) {
    const page = await openPage(s, 'cs', 'about', { quiet: true });
    await page.goto(`http://127.0.0.1:${s.port}/${hash}`);
    await page.waitForSelector(ready);
    const paint = await page.evaluate(() => performance.getEntriesByType('paint').find((p) => p.name === 'first-contentful-paint')?.startTime ?? NaN);
    paints.push(paint);
    if (ready === 'tbody tr') usable.push(await page.evaluate(() => performance.now()));
    await page.context().close();
  }
}
console.log(`first contentful paint: median ${ms(median(paints))}, worst ${ms(Math.max(...paints))}; list usable: median ${ms(median(usable))}, worst ${ms(Math.max(...usable))}`);

const asks = [], kinds = [(i) => `B${String((i * 7919) % N).padStart(9, '0')}`, (i) => `13${String(100000000 + ((i * 31) * 7919) % 900000000)}`, (i) => String(1000 + (i * 37) % 9000), (i) => pick(SURNAMES, i) + pick(GIVEN, i >> 1), (i) => ['zwf', 'lxm', 'wjy', 'czn'][i % 4], (i) => `SKU-${i % 500}`];
for (let i = 0; i < 1000; i++) {
  const q = kinds[i % kinds.length](i), t = process.hrtime.bigint();
  await s.raw('GET', `/v1/orders?q=${encodeURIComponent(q)}&limit=8`);
  asks.push(Number(process.hrtime.bigint() - t) / 1e6);
}
console.log(`search, 1,000 of six kinds: median ${ms(median(asks))}, p99 ${ms(quantile(asks, 0.99))}, worst ${ms(Math.max(...asks))}`);
for (const path of ['/v1/stats/orders', '/v1/stats/backlog', '/v1/stats/flow', '/v1/stats/exceptions', '/v1/stats/lead-times', '/v1/orders?limit=50&sort=-placed_at', '/v1/orders?limit=50&status=paid&sort=due_at', '/v1/orders?overdue=true&sort=due_at&limit=10', '/v1/exceptions?state=open&limit=50', '/v1/groups?several=true&limit=50']) {
  const took = [];
  for (let i = 0; i < 30; i++) { const t = process.hrtime.bigint(); await s.raw('GET', path); took.push(Number(process.hrtime.bigint() - t) / 1e6); }
  console.log(`${path}: median ${ms(median(took))}, p99 ${ms(quantile(took, 0.99))}`);
}
await s.drop();
closeBrowser();
process.exit(0);
