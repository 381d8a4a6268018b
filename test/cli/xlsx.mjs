// Black-box tests of workbooks (XLSX) on the command line: in, out, and refused.
import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';
import { check, ndjson, order, parseCsv, Place, same, test, TOP } from './lib.mjs';

const lastLine = (s) => s.trim().split('\n').pop();

// ---- a ZIP file, and its parts again ---------------------------------------------------------------------------------------
const crc = (b) => { let c = ~0; for (const x of b) { c ^= x; for (let k = 0; k < 8; k++) c = c >>> 1 ^ (c & 1 ? 0xedb88320 : 0); } return ~c >>> 0; };
function zip(parts, { flags = 0, size } = {}) {
  const heads = [], rows = [];
  let at = 0;
  for (const [name, text] of Object.entries(parts)) {
    const data = Buffer.from(text), packed = zlib.deflateRawSync(data), common = Buffer.alloc(26), n = Buffer.from(name);
    common.writeUInt16LE(20, 0), common.writeUInt16LE(flags, 2), common.writeUInt16LE(8, 4), common.writeUInt32LE(crc(data), 10);
    common.writeUInt32LE(packed.length, 14), common.writeUInt32LE(size ?? data.length, 18), common.writeUInt16LE(n.length, 22);
    const head = Buffer.concat([Buffer.from('PK\x03\x04'), common, n, packed]), tail = Buffer.alloc(14);
    tail.writeUInt32LE(at, 10);
    rows.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x00'), common, tail, n]));
    heads.push(head), at += head.length;
  }
  const directory = Buffer.concat(rows), end = Buffer.alloc(22);
  end.write('PK\x05\x06'), end.writeUInt16LE(rows.length, 8), end.writeUInt16LE(rows.length, 10), end.writeUInt32LE(directory.length, 12), end.writeUInt32LE(at, 16);
  return Buffer.concat([...heads, directory, end]);
}
function unzip(file) {
  const parts = {}, end = file.lastIndexOf('PK\x05\x06');
  let at = file.readUInt32LE(end + 16);
  for (let n = file.readUInt16LE(end + 10); n; n--) {
    const packed = file.readUInt32LE(at + 20), name = file.readUInt16LE(at + 28), head = file.readUInt32LE(at + 42);
    const from = head + 30 + file.readUInt16LE(head + 26) + file.readUInt16LE(head + 28);
    const data = zlib.inflateRawSync(file.subarray(from, from + packed));
    same([data.length, crc(data)], [file.readUInt32LE(at + 24), file.readUInt32LE(at + 16)], 'size and checksum');
    parts[file.subarray(at + 46, at + 46 + name).toString()] = data.toString();
    at += 46 + name + file.readUInt16LE(at + 30) + file.readUInt16LE(at + 32);
  }
  return parts;
}

// ---- workbooks -------------------------------------------------------------------------------------------------------------
const text = (s) => `<c t="inlineStr"><is><t xml:space="preserve">${s.replace(/&/g, '&amp;').replace(/</g, '&lt;')}</t></is></c>`;
const cell = (v) => (v === '' || v === null ? '<c/>' : typeof v === 'number' ? `<c><v>${v}</v></c>` : typeof v === 'object' ? v.xml : text(v));
const xml = (s) => ({ xml: s });
const rowsXml = (rows) => rows.map((r) => `<row>${r.map(cell).join('')}</row>`).join('');
const REL = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships';
const STYLES = '<styleSheet><cellXfs><xf numFmtId="0"/><xf numFmtId="22"/><xf numFmtId="11"/></cellXfs></styleSheet>';
function book(sheets, { more = {}, options } = {}) {
  const names = Object.keys(sheets);
  return zip({
    '_rels/.rels': `<Relationships><Relationship Id="r" Type="${REL}/officeDocument" Target="xl/workbook.xml"/></Relationships>`,
    'xl/workbook.xml': `<workbook xmlns:r="${REL}"><sheets>${names.map((n, i) => `<sheet name="${n}"${n.startsWith('~') ? ' state="hidden"' : ''} r:id="s${i}"/>`).join('')}</sheets></workbook>`,
    'xl/_rels/workbook.xml.rels': `<Relationships><Relationship Id="t" Type="${REL}/styles" Target="styles.xml"/>${names.map((n, i) => `<Relationship Id="s${i}" Type="${REL}/worksheet" Target="sheet${i}.xml"/>`).join('')}</Relationships>`,
    'xl/styles.xml': STYLES,
    ...Object.fromEntries(names.map((n, i) => [`xl/sheet${i}.xml`, typeof sheets[n] === 'string' ? sheets[n] : `<worksheet><sheetData>${rowsXml(sheets[n])}</sheetData></worksheet>`])),
    ...more,
  }, options);
}
// The rows of a workbook of ours: cells by column, numbers as numbers.
function bookRows(file, sheet = 'xl/worksheets/sheet1.xml') {
  const plain = (s) => s.replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&quot;/g, '"').replace(/&amp;/g, '&').replace(/_x000D_/g, '\r');
  return [...unzip(file)[sheet].matchAll(/<row r="(\d+)">(.*?)<\/row>/gs)].map((r) => {
    const row = [];
    for (const [, letters, , t, v] of r[2].matchAll(/<c r="([A-Z]+)\d+" s="(\d)"(?: t="inlineStr")?>(?:<is><t xml:space="preserve">(.*?)<\/t><\/is>|<v>(.*?)<\/v>)<\/c>/gs))
      row[[...letters].reduce((n, c) => n * 26 + c.charCodeAt(0) - 64, 0) - 1] = t === undefined ? Number(v) : plain(t);
    return row;
  });
}
const byHead = (rows) => rows.slice(1).map((r) => Object.fromEntries(rows[0].map((h, i) => [h, r[i] ?? ''])));

const HEAD = ['订单编号', '订单状态', '订单创建时间', '商家编码', '数量', '总金额', '联系手机', '收货人姓名', '收货地址'];
const WHEN = xml('<c s="1"><v>46336.003009259257</v></c>'); // 2026-11-10 00:04:20
const paid = (no, more = {}) => [no, '买家已付款，等待卖家发货', more.at ?? WHEN, more.sku ?? 'SOFA-3S', more.n ?? 1, more.total ?? 1299.5, more.phone ?? 19900001234, '张示例', '浙江省 杭州市 西湖区 文三路100号2幢301室'];
const dry = (p, file, more = '') => p.run(`--json import ${file} --channel tmall --dry-run ${more}`.trim()).out.trim().split('\n').map((l) => JSON.parse(l));

// ---- in -----------------------------------------------------------------------------------------------------------------------
test('xlsx: an export of a platform, known by content and headers', () => {
  const p = new Place();
  const rows = [HEAD, paid('2876543219876543219'), paid(xml('<c><v>2.8765432198765432E+18</v></c>')), paid(287654321987654), paid(28765432198765), paid(xml('<c s="2"><v>28765432198</v></c>')),
    paid('2876543219876543220', { sku: xml('<c s="1"><v>46336</v></c>') }), paid('2876543219876543221', { total: 199.98999999999998 }), paid('2876543219876543222', { phone: xml('<c t="e"><v>#REF!</v></c>') })];
  p.write('orders.dat', book({ '~notes': [['read me']], 订单: rows }));
  const shown = dry(p, 'orders.dat');
  same(shown.slice(0, -1).map((r) => [r.row, r.result, r.column ?? '', r.code ?? '']).sort((a, b) => a[0] - b[0]), [[2, 'created', '', ''], [3, 'refused', '订单编号', 'id_damaged'],
    [4, 'refused', '订单编号', 'id_damaged'], [5, 'created', '', ''], [6, 'refused', '订单编号', 'id_damaged'], [7, 'refused', '商家编码', 'sku_damaged'],
    [8, 'created', '', ''], [9, 'refused', '联系手机', 'cell_error']], 'row by row');
  same(p.json('order list').data.length, 0, 'nothing was changed');
  const r = p.is(3, 'import orders.dat --channel tmall');
  check(/What was refused is kept/.test(r.err), r.err);
  const one = p.json('order show tmall:2876543219876543219');
  same([one.placed_at, one.total.amount, one.receiver.phone, one.lines[0].sku, one.status], ['2026-11-09T16:04:20.000Z', '1299.50', '19900001234', 'SOFA-3S', 'paid'], 'read right');
  same(p.json('order show tmall:2876543219876543221').total.amount, '199.99', 'money as the sheet shows it');
  same(p.json('order show tmall:28765432198765').external_id, '28765432198765', 'fourteen digits are all there');
  const kept = p.json('payload list --state failed').data.find((x) => x.error.row === 4);
  same(JSON.parse(p.json(`payload show ${kept.id}`).body)['订单编号'], '287654321987654', 'kept with its row');
  same(JSON.parse(lastLine(p.is(3, '--json import orders.dat --channel tmall').out)).summary.unchanged, 3, 'again');
  const piped = p.is(3, '--json import - --channel tmall --format xlsx', { input: fs.readFileSync(p.path('orders.dat')) });
  same(JSON.parse(lastLine(piped.out)).summary.unchanged, 3, 'from a pipe');
});

test('xlsx: sheets by name, merged and sparse cells', () => {
  const p = new Place();
  const merged = `<worksheet><sheetData>${rowsXml([HEAD, paid('100'), ['', '买家已付款，等待卖家发货', WHEN, 'TABLE', 2, 1299.5, 19900001234, '张示例', '浙江省 杭州市 西湖区 文三路100号2幢301室']])}
    <row r="9"><c r="A9"><v>101</v></c><c r="C9" s="1"><v>46336</v></c><c r="D9" t="inlineStr"><is><t>LAMP</t></is></c><c r="E9"><v>1</v></c><c r="F9"><v>5</v></c></row></sheetData><mergeCells><mergeCell ref="A2:A3"/></mergeCells></worksheet>`;
  p.write('a.xlsx', book({ Notes: [['about', 'this file']], 订单: merged }));
  check(/header_unknown/.test(p.is(3, 'import a.xlsx --channel tmall').out), 'the first sheet is something else');
  const r = p.is(3, '--json import a.xlsx --channel tmall --sheet 订单');
  check(/"row":9.*"status_missing"/.test(r.out), r.out);
  same(p.json('order show tmall:100').lines.map((l) => [l.sku, l.quantity]), [['SOFA-3S', 1], ['TABLE', 2]], 'one order');
  check(/sheet_unknown.*there are: Notes, 订单/.test(p.is(3, 'import a.xlsx --channel tmall --sheet Orders').out), 'no such sheet');
  p.write('a.ndjson', ndjson([order()]));
  check(/--sheet goes with a workbook/.test(p.is(1, 'import a.ndjson --sheet X').err), 'a text has no sheets');
});

test('xlsx: the dictionary and stock', () => {
  const p = new Place();
  p.write('skus.xlsx', book({ skus: [['商品编码', '名称', '条码', '重量(kg)', '安全库存'], ['A-1', '椅子', 6901234567892, 6.5, 2], [12345678901234567, '桌子', '', 1, 0], ['B-2', '灯', '6901234567892000', 0.25, xml('<c s="2"><v>100</v></c>')]] }));
  const all = p.is(3, '--json import skus.xlsx --as skus --all-rows').out.trim().split('\n').map((l) => JSON.parse(l)).slice(0, -1);
  same(all.map((r) => [r.row, r.result, r.code ?? '']).sort((a, b) => a[0] - b[0]), [[2, 'created', ''], [3, 'refused', 'cell_damaged'], [4, 'created', '']], 'skus');
  const [a, b] = ['A-1', 'B-2'].map((k) => p.json(`sku show ${k}`));
  same([a.barcodes, a.weight_g, a.safety, b.barcodes, b.weight_g, b.safety], [['6901234567892'], 6500, 2, ['6901234567892000'], 250, 100], 'as they are');
  p.ok('export skus -o out.xlsx');
  const again = JSON.parse(lastLine(p.ok('--json import out.xlsx --as skus').out)).summary;
  same([again.created, again.updated, again.refused], [0, 0, 0], 'what was written is read');
});

// ---- what is refused ----------------------------------------------------------------------------------------------------------------
test('xlsx: hostile and damaged files change nothing, exit 3 and say why', () => {
  const p = new Place();
  const good = [HEAD, paid('2876543219876543219')], sheet = (inside) => `<worksheet><sheetData>${rowsXml(good)}${inside}</sheetData></worksheet>`;
  const whole = book({ S: good });
  const cases = [
    [whole.subarray(0, whole.length - 30), /^ +0  refused +zip_damaged/],
    [Buffer.from('PK\x03\x04xxxx'), /zip_damaged/],
    [zip({ 'a.txt': 'x' }), /not_a_workbook/],
    [zip({ 'content.xml': '<x/>' }), /OpenDocument/],
    [book({ S: good }, { options: { flags: 1 } }), /encrypted/],
    [book({ S: good }, { options: { size: 70 << 20 } }), /64 MiB/],
    [book({ S: good }, { more: { 'xl/media/a': Buffer.alloc(8 << 20) } }), /a hundred times/],
    [book({ S: good }, { more: { '../../evil': 'x' } }), /leads out of it/],
    [book({ S: good }, { more: Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`f${i}`, 'x'])) }), /more than 200 entries/],
    [book({ S: `<!DOCTYPE w [<!ENTITY x SYSTEM "file:///etc/passwd">]>${sheet('')}` }), /DTD/],
    [book({ S: sheet('<row><c t="str"><v>&x;</v></c></row>') }), /^ +3  refused +xml_damaged/],
    [book({ S: sheet('<row><c/><c t="s"><v>7</v></c></row>') }), /^ +3  refused +B3: cell_invalid: The cell points at text number 7, and there are 0/],
    [book({ S: sheet(`<row>${Array.from({ length: 1000000 }, (_, i) => `<c s="${Math.imul(i, 2654435761) >>> 8}"/>`).join('')}</row>`) }), /^ +3  refused +cell_invalid: .*16,384/],
    [book({ S: sheet(`<row>${'<c>'.repeat(100)}${'</c>'.repeat(100)}</row>`) }), /deeper than 64/],
    [book({ S: sheet('<row><c t="str"><v>&#0;</v></c></row>') }), /xml_damaged/],
  ];
  for (const [file, says] of cases) {
    const r = p.is(3, 'import - --channel tmall', { input: file });
    check(says.test(r.out), `${says}: ${r.out}`);
    check(!/What was refused is kept/.test(r.err), r.err);
  }
  same([p.json('order list').data.length, p.json('payload list').data.length], [0, 0], 'nothing was taken or kept');
  const all = sheet('').replace('</worksheet>', '<mergeCells><mergeCell ref="A1:XFD1048576"/></mergeCells></worksheet>');
  same(JSON.parse(lastLine(p.ok('--json import - --channel tmall', { input: book({ S: all }) }).out)).summary.created, 1, 'one merged cell over everything is no harm');
  check(/XLS/.test(p.is(1, 'import -', { input: Buffer.from([0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1]) }).err), 'an old or locked workbook');
  check(/--format is auto, ndjson, csv or xlsx/.test(p.is(2, 'import x --format xls').err), 'formats');
  check(/zip_damaged/.test(p.is(3, 'import - --format xlsx', { input: 'a,b\n' }).out), 'said to be one');
});

// ---- out -----------------------------------------------------------------------------------------------------------------------------------
test('xlsx: an export has the same rows as CSV, and every digit', () => {
  const p = new Place();
  const long = '28765432198765432190';
  p.write('a.ndjson', ndjson([order({ external_id: long, total: '199.00', remarks: { buyer: '=HYPERLINK("http://x.example","y")', seller: '+1,"2"\r\n <line>&', flag: '' },
    receiver: { name: '@张示例', phone: '19900000001' } }), order({ external_id: '007', total: '0.10' })]));
  p.ok('import a.ndjson');
  const r = p.ok('export orders -o out.xlsx');
  check(/2 rows in out\.xlsx/.test(r.err), r.err);
  same(fs.statSync(p.path('out.xlsx')).mode & 0o777, 0o600, 'it holds personal data');
  const file = fs.readFileSync(p.path('out.xlsx')), rows = byHead(bookRows(file)), one = rows.find((x) => x.external_id === long), two = rows.find((x) => x.external_id === '007');
  same([one.total, one.receiver_phone, one.buyer_remark, one.seller_remark, one.receiver_name, two.total, one.version], [199, '19900000001', '=HYPERLINK("http://x.example","y")',
    '+1,"2"\r\n <line>&', '@张示例', 0.1, 1], 'cells');
  check(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(one.placed_at), one.placed_at);
  const parts = unzip(file);
  check(!/<f>|<f /.test(parts['xl/worksheets/sheet1.xml']) && parts['[Content_Types].xml'].includes('/xl/worksheets/sheet1.xml') && parts['xl/workbook.xml'].includes('name="orders"'), 'parts');
  const piped = p.run('export orders --format xlsx');
  same([piped.status, piped.out.startsWith('PK')], [0, true], 'to a pipe');
  same(p.ok('export orders --format csv -o x.xlsx').status + p.read('x.xlsx').indexOf('id,channel'), 0, 'what is asked for wins over the name');
  check(/--format is csv, xlsx or ndjson/.test(p.is(2, 'export orders --format xls').err) && /for CSV/.test(p.is(2, 'export orders --format xlsx --excel').err), 'options');
  p.is(3, 'export orders --from yesterday -o none.xlsx');
  check(!fs.readdirSync(p.dir).some((f) => f.startsWith('none.xlsx')), 'leaves no file');
});

test('xlsx: every list, and lines that are imported again', () => {
  const p = new Place();
  p.is(3, 'import examples/orders/till.ndjson');
  p.is(3, 'import examples/orders/tmall-demo.csv --channel tmall-demo');
  for (const what of ['orders', 'lines', 'groups', 'events', 'exceptions', 'payloads', 'skus', 'kits', 'mappings', 'warehouses', 'stock', 'ledger']) {
    p.ok(`export ${what} -o ${what}.xlsx`);
    const rows = bookRows(fs.readFileSync(p.path(`${what}.xlsx`))), nd = p.ok(`export ${what} --format ndjson`).out.trim().split('\n').filter(Boolean);
    same(rows.length - 1, nd.length, what);
  }
  const q = new Place();
  fs.copyFileSync(p.path('lines.xlsx'), q.path('lines.xlsx'));
  const took = JSON.parse(lastLine(q.run('--json import lines.xlsx').out)).summary, orders = p.ok('export orders --format ndjson').out.trim().split('\n').map((l) => JSON.parse(l));
  same(took.created + took.refused, took.rows, 'all or refused');
  check(took.created > orders.length * 0.9, `${took.created} of ${orders.length}`);
  const one = orders.find((o) => o.channel === 'tmall-demo'), again = q.json(`order show tmall-demo:${one.external_id}`);
  same([again.external_id, again.lines.map((l) => [l.sku, l.quantity])], [one.external_id, one.lines.map((l) => [l.sku, l.quantity])], 'the same order');
});

test('xlsx: a CSV export saved as a workbook is the same orders', () => {
  const p = new Place(), q = new Place();
  const rows = parseCsv(new TextDecoder('gb18030').decode(fs.readFileSync(path.join(TOP, 'examples/orders/tmall-demo.csv'))));
  p.is(3, 'import examples/orders/tmall-demo.csv --channel tmall-demo');
  q.write('a.xlsx', book({ ExportOrderList: rows }));
  q.run('import a.xlsx --channel tmall-demo');
  const of = (x) => x.ok('export orders --format ndjson').out.trim().split('\n').map((l) => JSON.parse(l)).map((o) => [o.external_id, o.total.amount, o.receiver, o.placed_at, o.status]).sort();
  const here = of(p), there = of(q);
  check(here.length > 20, `${here.length} orders`);
  for (const o of here) check(there.some((x) => JSON.stringify(x) === JSON.stringify(o)), `${JSON.stringify(o)} is missing`);
});
