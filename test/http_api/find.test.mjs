// What the search box finds: every way in which somebody asks for an order.
import { check, endServer, order, same, test, withServer } from './lib.mjs';

const s = withServer({ conf: '[merge]\nwindow = 1s\n' });
let cs, finance, ids = {};
const found = async (q, token) => (await s.want(200, 'GET', `/v1/orders?q=${encodeURIComponent(q)}`, { token })).json.data.map((o) => o.id).sort();

test('orders to find', async () => {
  cs = await s.token('cs', 'cs'); finance = await s.token('fin', 'finance');
  const put = async (name, more) => { ids[name] = (await s.want(201, 'POST', '/v1/orders', { body: order(more) })).json.id; };
  const r = order().receiver;
  await put('one', { external_id: 'FIND-0001', receiver: { ...r, name: '欧阳娜娜', phone: '13712345678' }, buyer: { id: 'x', name: '单雄信', phone: null },
    status: 'shipped', shipments: [{ carrier: 'SF', tracking_no: 'SF1234567890123', shipped_at: '2026-11-12T10:00:00+08:00' }] });
  await put('two', { external_id: 'FIND-0002', receiver: { ...r, name: '王小明', phone: '13899990000' }, buyer: { id: 'y', name: null, phone: null }, lines: [{ line_id: '1', sku: 'KETTLE-RED', title: 'Kettle', quantity: 1, price: '10.00' }] });
  await s.until('both are in the index', async () => (await found('王小明')).length === 1 && (await found('oynn')).length === 1);
});

test('each way finds its order, and only that', async () => {
  const cases = [
    ['FIND-0001', 'one'], ['ｆｉｎｄ－０００２', 'two'], ['SF1234567890123', 'one'], ['sf1234567890123', 'one'], ['13712345678', 'one'], ['１３７１２３４５６７８', 'one'], ['5678', 'one'],
    ['欧阳', 'one'], ['娜娜', 'one'], ['oynn', 'one'], ['oyn', 'one'], ['OYNN', 'one'], ['ｏｙｎｎ', 'one'], ['oy', 'one'], ['sxx', 'one'], ['wxm', 'two'], ['wx', 'two'], ['KETTLE-RED', 'two'], ['kettle', 'two'], ['王小明 kettle', 'two'], ['wxm kettle', 'two'],
  ];
  for (const [q, name] of cases) same(await found(q, cs), [ids[name]], q);
  for (const q of ['oynnx', 'zzz', 'xm', 'FIND-000', 'wxm 5678']) same(await found(q, cs), [], q);
});

test('who may not see names does not find by them', async () => {
  for (const q of ['oynn', 'wxm', '欧阳']) same(await found(q, finance), [], q);
  same(await found('KETTLE-RED', finance), [ids.two]);
});

test('a name that changes is found by its new letters', async () => {
  const o = order({ external_id: 'FIND-0003', updated_at: '2026-11-11T00:03:41+08:00', buyer: { id: 'z', name: null, phone: null }, receiver: { ...order().receiver, name: '赵六七' } });
  const id = (await s.want(201, 'POST', '/v1/orders', { body: o })).json.id;
  await s.until('found', async () => (await found('zlq')).includes(id));
  await s.want(200, 'POST', '/v1/orders', { body: { ...o, updated_at: '2026-11-11T01:03:41+08:00', receiver: { ...o.receiver, name: '孙八九' } } });
  await s.until('found by the new', async () => (await found('sbj')).includes(id));
  same(await found('zlq'), []);
});

endServer(s);
