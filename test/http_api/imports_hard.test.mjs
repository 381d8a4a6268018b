// Files dropped into the console, where it gets hard: work between the steps, orders that cannot be cancelled, kills while
// taking back, workbooks good and hostile, and an undo that two people ask for.
import zlib from 'node:zlib';
import { check, endServer, order, same, Server, test, unique, withServer } from './lib.mjs';

const s = withServer({ conf: '[merge]\nwindow = 1s\n' });
let cs;
const ndjson = (orders) => orders.map((o) => JSON.stringify(o)).join('\n') + '\n';
const put = (body, { query = 'name=file', token = cs, at = s } = {}) =>
  at.want(201, 'POST', `/v1/imports?${query}`, { token, body: Buffer.from(body), type: 'application/octet-stream' });
const get = async (id, at = s) => (await at.want(200, 'GET', `/v1/imports/${id}`)).json;
const rows = async (id, more = '') => (await s.want(200, 'GET', `/v1/imports/${id}/rows?limit=500${more}`, { token: cs })).json.data;
async function ended(id, state, at = s) {
  await at.until(`${id} is ${state}`, async () => (await get(id, at)).state === state);
  return get(id, at);
}
async function applied(orders, at = s) {
  const i = (await put(ndjson(orders), { at, token: at === s ? cs : at.admin })).json;
  await at.want(202, 'POST', `/v1/imports/${i.id}/confirm`, { body: {} });
  await ended(i.id, 'done', at);
  return i.id;
}
const undo = (id, at = s) => at.call('POST', `/v1/imports/${id}/undo`, { body: {} });
const some = (n, more) => Array.from({ length: n }, () => order({ external_id: unique('H'), ...more }));

test('people', async () => { cs = await s.token('cs', 'cs'); });

test('an order that is shipped cannot be taken back, and stops no other import', async () => {
  for (const status of ['shipped', 'completed']) {
    const list = [...some(2), ...some(1, { status })], id = await applied(list);
    const no = await undo(id);
    same([no.status, no.json.code], [409, 'import_built_upon'], status);
    same((await get(id)).state, 'done', status);
    same((await s.want(200, 'GET', `/v1/orders/tmall-home:${list[0].external_id}`)).json.status, 'paid', 'all or nothing');
  }
  await applied(some(1));
});

test('an order that came cancelled is taken back too', async () => {
  const list = some(2, { status: 'cancelled' }), id = await applied(list);
  same((await undo(id)).status, 202);
  same((await ended(id, 'undone')).counts.undone, 2);
  await applied(list);
});

test('what a person does between two steps is built upon as well', async () => {
  const list = some(400), i = (await put(ndjson(list))).json, first = `tmall-home:${list[0].external_id}`;
  await s.want(202, 'POST', `/v1/imports/${i.id}/confirm`, { token: cs, body: {} });
  await s.until('the first is there', async () => (await s.raw('GET', `/v1/orders/${first}`)).status === 200);
  const id = (await s.raw('GET', `/v1/orders/${first}`)).json.id;
  await s.want(200, 'POST', `/v1/orders/${id}/hold`, { body: { reason: 'the customer asks' } });
  await ended(i.id, 'done');
  const no = await undo(i.id);
  same([no.status, no.json.code, no.json.orders], [409, 'import_built_upon', [id]]);
});

test('built upon: a case, a newer version of the channel', async () => {
  const deeds = {
    case: async (o) => s.want(201, 'POST', '/v1/cases', { body: { order: o.id, kind: 'refund_only', reason: 'late', amount: o.total.amount } }),
    version: async (o, was) => s.want(200, 'POST', '/v1/orders', { body: { ...was, updated_at: '2026-11-12T00:00:00+08:00', remarks: { buyer: 'call first', seller: '', flag: '' } } }),
    split: async (o) => s.want(200, 'POST', `/v1/orders/${o.id}/transitions`, { body: { to: 'split' } }),
  };
  for (const [name, deed] of Object.entries(deeds)) {
    const list = some(2, name === 'split' ? { lines: [{ line_id: '1', sku: 'HARD', title: 'x', quantity: 1, price: '1.00' }] } : {});
    if (name === 'split') {
      await s.want(201, 'POST', '/v1/warehouses', { body: { code: 'HZ' } });
      await s.want(201, 'POST', '/v1/skus', { body: { code: 'HARD' } });
      await s.want(201, 'POST', '/v1/stock/adjustments', { body: { sku: 'HARD', warehouse: 'HZ', delta: 9, reason: 'received' } });
    }
    const id = await applied(list), o = (await s.want(200, 'GET', `/v1/orders/tmall-home:${list[1].external_id}`)).json;
    await deed(o, list[1]);
    const no = await undo(id);
    same([no.status, no.json.code, no.json.orders], [409, 'import_built_upon', [o.id]], name);
  }
});

test('rows come in the order of the file', async () => {
  const list = some(6).map((o) => JSON.stringify(o));
  list[2] = '{broken', list[4] = '{"no":"order"}';
  const i = (await put(list.join('\n'))).json;
  same((await rows(i.id)).map((r) => r.row), [1, 2, 3, 4, 5, 6]);
});

test('two confirm, two undo: one each', async () => {
  const list = some(40), i = (await put(ndjson(list))).json;
  const both = (what) => Promise.all([1, 2, 3].map(() => s.call('POST', `/v1/imports/${i.id}/${what}`, { token: cs, body: {} })));
  same((await both('confirm')).map((a) => a.status).sort(), [202, 409, 409]);
  await ended(i.id, 'done');
  same((await both('undo')).map((a) => a.status).sort(), [202, 409, 409]);
  same((await ended(i.id, 'undone')).counts.undone, 40);
  await s.want(412, 'POST', `/v1/imports/${(await put(ndjson(list))).json.id}/confirm`, { token: cs, body: {}, headers: { 'if-match': '"77"' } });
});

test('what was taken back is not found as what came again', async () => {
  const list = some(1), id = await applied(list);
  same((await undo(id)).status, 202);
  await ended(id, 'undone');
  const again = await applied(list), o = (await s.want(200, 'GET', `/v1/orders/tmall-home:${list[0].external_id}`)).json;
  await s.until('the search knows it', async () => (await s.want(200, 'GET', `/v1/orders?q=${list[0].external_id}`)).json.data.some((x) => x.id === o.id));
  same(o.status, 'paid');
  same((await get(again)).counts.created, 1);
});

test('a kill while it is taken back', async () => {
  const t = await new Server({ conf: '[merge]\nwindow = 1s\n' }).start(), list = some(600), id = await applied(list, t);
  same((await undo(id, t)).status, 202);
  await t.until('some are back', async () => (await get(id, t)).counts.undone > 0);
  await t.stop('SIGKILL');
  await t.start();
  same((await ended(id, 'undone', t)).counts.undone, 600);
  same((await t.want(200, 'GET', '/v1/check')).json.findings, []);
  same((await get(await applied(list, t), t)).counts.created, 600, 'and again');
  same((await t.want(200, 'GET', '/v1/check')).json.findings, []);
  await t.drop();
});

// ---- workbooks ------------------------------------------------------------------------------------------------------
const crc = (b) => { let c = ~0; for (const x of b) { c ^= x; for (let k = 0; k < 8; k++) c = c >>> 1 ^ (c & 1 ? 0xedb88320 : 0); } return ~c >>> 0; };
function zip(parts) {
  const heads = [], list = [];
  let at = 0;
  for (const [name, text] of Object.entries(parts)) {
    const data = Buffer.from(text), packed = zlib.deflateRawSync(data), common = Buffer.alloc(26), n = Buffer.from(name), tail = Buffer.alloc(14);
    common.writeUInt16LE(20, 0), common.writeUInt16LE(8, 4), common.writeUInt32LE(crc(data), 10);
    common.writeUInt32LE(packed.length, 14), common.writeUInt32LE(data.length, 18), common.writeUInt16LE(n.length, 22);
    const head = Buffer.concat([Buffer.from('PK\x03\x04'), common, n, packed]);
    tail.writeUInt32LE(at, 10);
    list.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x00'), common, tail, n])), heads.push(head), at += head.length;
  }
  const directory = Buffer.concat(list), end = Buffer.alloc(22);
  end.write('PK\x05\x06'), end.writeUInt16LE(list.length, 8), end.writeUInt16LE(list.length, 10), end.writeUInt32LE(directory.length, 12), end.writeUInt32LE(at, 16);
  return Buffer.concat([...heads, directory, end]);
}
const REL = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships';
const cell = (v) => `<c t="inlineStr"><is><t>${v}</t></is></c>`;
const sheet = (list, more = '') => `<worksheet><sheetData>${list.map((r) => `<row>${r.map(cell).join('')}</row>`).join('')}${more}</sheetData></worksheet>`;
const book = (xml, more = {}) => zip({
  '_rels/.rels': `<Relationships><Relationship Id="r" Type="${REL}/officeDocument" Target="xl/workbook.xml"/></Relationships>`,
  'xl/workbook.xml': `<workbook xmlns:r="${REL}"><sheets><sheet name="S" r:id="s0"/></sheets></workbook>`,
  'xl/_rels/workbook.xml.rels': `<Relationships><Relationship Id="s0" Type="${REL}/worksheet" Target="sheet0.xml"/></Relationships>`,
  'xl/sheet0.xml': xml, ...more,
});
const HEAD = ['订单编号', '订单状态', '订单创建时间', '商家编码', '数量', '总金额', '联系手机', '收货人姓名', '收货地址'];
const line = (no, sku, more = {}) => [no, '买家已付款，等待卖家发货', '2026-11-10 00:04:20', sku, '1', '1299.50', more.phone ?? '19900001234', '张示例', '浙江省 杭州市 西湖区 文三路100号2幢301室'];

test('a workbook: rows of one order become one, damaged ones name their row and column', async () => {
  const i = (await put(book(sheet([HEAD, line('2876543219876543219', 'SOFA'), line('2876543219876543219', 'TABLE'), line('2.8765432E+18', 'LAMP'), line('2876543219876543220', 'LAMP')])),
    { query: 'name=%E8%AE%A2%E5%8D%95.xlsx&channel=tmall-book' })).json;
  same([i.name, i.channel, i.counts.new, i.counts.refused], ['订单.xlsx', 'tmall-book', 2, 1]);
  const [one] = await rows(i.id, '&result=new'), [no] = await rows(i.id, '&result=refused');
  same([one.row, one.lines, one.total, one.receiver.includes('示例')], [2, 2, '1299.50', false]);
  same([no.row, no.error.code, no.error.column], [4, 'id_damaged', '订单编号']);
});

test('hostile workbooks are told, and leave the server well', async () => {
  const good = sheet([HEAD, line('2876543219876543230', 'SOFA')]);
  for (const [file, code] of [[book(good).subarray(0, 200), 'zip_damaged'], [book(`<!DOCTYPE w [<!ENTITY x SYSTEM "file:///etc/passwd">]>${good}`), 'xml_refused'],
    [book(good, { 'xl/media/a': Buffer.alloc(8 << 20) }), 'zip_refused'], [book(good, { '../../evil': 'x' }), 'zip_refused']]) {
    const i = (await put(file, { query: 'name=evil.xlsx&channel=evil' })).json;
    same([i.counts.new, i.counts.refused], [0, 1], code);
    same((await rows(i.id)).map((r) => r.error.code), [code]);
  }
  const old = await s.call('POST', '/v1/imports', { token: cs, body: Buffer.from([0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1]), type: 'application/octet-stream' });
  same([old.status, /XLS/.test(old.json.detail)], [422, true]);
  await s.want(413, 'POST', '/v1/imports', { token: cs, body: Buffer.alloc((16 << 20) + 1, 'x'), type: 'application/octet-stream' });
  same((await s.want(200, 'GET', '/healthz')).status, 200);
});

test('who works alone with the API sees no import', async () => {
  const tokens = {};
  for (const role of ['warehouse', 'production', 'finance', 'viewer']) tokens[role] = await s.token(`h-${role}`, role);
  tokens.channel = await s.token('h-channel', 'channel', { channel: 'tmall-home' });
  const i = (await put(ndjson(some(1)))).json;
  for (const [role, token] of Object.entries(tokens)) {
    for (const p of ['', `/${i.id}`, `/${i.id}/rows`]) same((await s.call('GET', `/v1/imports${p}`, { token })).status, 403, `${role} ${p}`);
    for (const v of ['confirm', 'discard', 'undo']) same((await s.call('POST', `/v1/imports/${i.id}/${v}`, { token, body: {} })).status, 403, `${role} ${v}`);
  }
});

test('nothing is broken by all this', async () => same((await s.want(200, 'GET', '/v1/check')).json.findings, []));

endServer(s);
