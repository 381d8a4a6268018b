// Black-box tests of the dictionary and stock on the command line: put, list, and files in and out.
import { check, Place, same, test } from './lib.mjs';

const rows = (p, words) => p.json(words).data;
const results = (r) => r.out.trim().split('\n').map((l) => JSON.parse(l));
// A file of these lines, imported; a result per row and the summary at the end.
function take(p, as, lines, status = 0, more = '') {
  p.write('in.csv', lines.join('\n') + '\n');
  const all = results(p.is(status, `--json import in.csv --as ${as} --all-rows ${more}`.trim()));
  return { summary: all.pop().summary, rows: all.map((r) => [r.row, r.result, r.id ?? r.code]), all };
}

test('goods: put, show, list, adjust, count, move, ledger', () => {
  const p = new Place();
  p.ok('warehouse put HZ --title Hangzhou --division 330110 --regions 33,31,SG --capacity 500');
  p.ok('warehouse put SH');
  same(rows(p, 'warehouse list').map((w) => [w.code, w.regions]), [['HZ', ['33', '31', 'SG']], ['SH', []]], 'warehouses');
  const a = p.json(['sku', 'put', 'A/1', '--title', '椅子', '--barcodes', '6901234567892,ABC', '--weight-g', '6500', '--safety', '2', '--made', 'no']);
  same([a.result, a.title, a.barcodes, a.weight_g, a.safety], ['created', '椅子', ['6901234567892', 'ABC'], 6500, 2], 'put');
  same(p.json('sku put KIT --parts A/1:4').parts, [{ sku: 'A/1', quantity: 4 }], 'a kit');
  same(p.json('sku show A/1').code, 'A/1', 'a code with a slash');
  same(rows(p, 'sku list --q 456789').map((k) => k.code), ['A/1'], 'found by a barcode');
  same(p.json('stock adjust A/1 HZ 12 --reason receipt').on_hand, 12, 'in');
  same(p.json('stock adjust A/1 HZ -1 --reason loss').on_hand, 11, 'out');
  check(/not_enough/.test(p.is(1, 'stock adjust A/1 HZ -12 --reason loss').err), 'more than there are');
  same(p.json('stock count A/1 HZ 10').delta, -1, 'counted');
  same(p.json('stock move A/1 HZ 3 --to SH').to.on_hand, 3, 'moved');
  same(p.json('stock move A/1 SH 1 --to-bucket quarantine').to.quarantine, 1, 'put aside');
  same(rows(p, 'stock ledger --sku A/1 --warehouse HZ').map((m) => [m.reason, m.quantity]), [['move', 3], ['count', 1], ['loss', 1], ['receipt', 12]], 'ledger');
  same(p.json('sku show KIT').available, 2, 'a kit gives what its parts give');
  p.ok('mapping put tmall 700 KIT');
  same(rows(p, 'mapping list --channel tmall'), [{ channel: 'tmall', channel_sku: '700', sku: 'KIT' }], 'mapping');
  p.ok('mapping drop tmall 700');
  same(p.json('sku retire KIT').state, 'retired', 'retired');
  for (const wrong of ['sku put', 'sku put B --weight-g heavy', 'sku put B --made maybe', 'sku put B --parts A', 'stock adjust A/1 HZ many', 'sku put B --colour red'])
    p.is(2, wrong);
  check(/bad_code/.test(p.is(3, ['sku', 'put', 'A B']).err), 'a code with a blank');
  p.ok('check');
});

test('goods: the example files, in, out and in again', () => {
  const p = new Place();
  const files = [['warehouses', 3], ['skus', 5], ['kits', 2], ['mappings', 3], ['stock', 5]];
  for (const [what, n] of files) {
    same(p.json(`import examples/goods/${what}.csv --as ${what}`).summary.refused, 0, what);
    same(p.json(`import examples/goods/${what}.csv --as ${what}`).summary.unchanged, n, `${what} again`);
  }
  const before = rows(p, 'stock list');
  for (const [what, n] of files) {
    p.ok(`export ${what} --output out.csv`);
    const again = p.json('import out.csv --as ' + what).summary;
    check(again.refused === 0 && again.unchanged >= n && again.updated + again.created === 0, `${what}: ${JSON.stringify(again)}`);
  }
  same(rows(p, 'stock list'), before, 'stock');
  p.ok('import examples/goods/receipts.csv --as stock');
  p.ok('check');
});

test('goods: headers in two languages, and units where people write them', () => {
  const p = new Place();
  same(take(p, 'skus', ['货号,品名,重量（公斤）,长(厘米),宽_cm,height (mm),条码,定制,冷链,状态', '椅1,橡木椅,6.5,52,56,840,6901234567892;X-1,否,是,停用']).rows,
    [[2, 'created', '椅1']], 'Chinese');
  const k = p.json(['sku', 'show', '椅1']);
  same([k.weight_g, k.length_mm, k.width_mm, k.height_mm, k.barcodes, k.made, k.cold, k.state],
    [6500, 520, 560, 840, ['6901234567892', 'X-1'], false, true, 'retired'], 'values');
  take(p, 'skus', ['', 'List of articles,,', 'SKU,Weight,Safety Stock', 'C1,1.25 kg,3', 'C2,300g,', 'C3,,0']);
  same([p.json('sku show C1').weight_g, p.json('sku show C2').weight_g, p.json('sku show C1').safety], [1250, 300, 3], 'units in cells');
  // an empty cell leaves what is known
  same(take(p, 'skus', ['code,weight_g,title', 'C1,,Chair']).rows, [[2, 'updated', 'C1']], 'a third column');
  same(p.json('sku show C1').weight_g, 1250, 'stays');
  const wrong = take(p, 'skus', ['code,weight,safety,made,state,length_mm', 'W1,5,,,,', 'W2,,1.5,,,', 'W3,,,maybe,,', 'W4,,,,sold,', 'W5,,,,,12 kg', ',,,,,1', 'W6,,1E+12,,,', 'W7,,#REF!,,,', 'W 8,,,,,', 'W9,,1,,,,,extra'], 3);
  same(wrong.rows.map((r) => [r[0], r[2]]).sort((a, b) => a[0] - b[0]), [[2, 'unit_missing'], [3, 'not_a_number'], [4, 'not_yes_or_no'], [5, 'unknown_state'],
    [6, 'not_a_measure'], [7, 'missing'], [8, 'cell_damaged'], [9, 'cell_error'], [10, 'bad_code'], [11, 'too_many_cells']], 'each refused by its row');
  same([wrong.summary.rows, wrong.summary.refused], [10, 10], 'counted');
  same(rows(p, 'sku list').map((x) => x.code), ['椅1', 'C1', 'C2', 'C3'], 'nothing else came');
  check(/columns that were not read: Colour/.test(p.ok(['import', p.write('c.csv', 'code,Colour\nC1,red\n'), '--as', 'skus']).err), 'strange columns are told');
  check(/headers do not say enough for skus; needed: code/.test(p.is(1, ['import', p.write('c.csv', 'Colour\nred\n'), '--as', 'skus']).err), 'no code');
  p.is(2, 'import c.csv --as shelves');
  p.is(2, 'import c.csv --as skus --warehouse HZ');
});

test('goods: a barcode with a wrong check digit is taken and told', () => {
  const p = new Place();
  const a = take(p, 'skus', ['code,ean', 'A,6901234567891']);
  same([a.rows, a.all[0].code, a.summary.created], [[[2, 'created', 'A']], 'check_digit', 1], 'warning');
});

test('goods: kits are taken whole or not at all', () => {
  const p = new Place();
  take(p, 'skus', ['code', 'A', 'B', 'C']);
  const a = take(p, 'kits', ['kit,part,qty', 'K1,A,1', ',B,2', 'K2,A,1', 'K2,NONE,1', 'K3,A,', 'K3,B,1', 'K4,C,1', 'K1,C,9', 'K5,A,1', 'K5,A,2'], 3);
  same(a.all.map((r) => [r.row, r.result, r.code]).sort((x, y) => x[0] - y[0] || String(x[2]).localeCompare(String(y[2]))),
    [[2, 'created', undefined], [4, 'refused', 'unknown_sku'], [6, 'refused', 'kit_refused'], [6, 'refused', 'missing'], [8, 'created', undefined],
      [9, 'refused', 'kit_scattered'], [10, 'refused', 'part_repeated']], 'kits');
  same(p.json('sku show K1').parts, [{ sku: 'A', quantity: 1 }, { sku: 'B', quantity: 2 }], 'K1');
  same(p.json('sku show K4').parts, [{ sku: 'C', quantity: 1 }], 'K4');
  for (const none of ['K2', 'K3', 'K5']) p.is(1, `sku show ${none}`);
});

test('goods: stock is counted, or booked once', () => {
  const p = new Place();
  take(p, 'skus', ['code', 'A', 'B']), take(p, 'warehouses', ['code', 'HZ']);
  const on = () => rows(p, 'stock list').map((r) => [r.sku, r.on_hand]);
  same(take(p, 'stock', ['sku,counted', 'A,5', 'B,0', 'Z,1'], 3, '--warehouse HZ').rows, [[2, 'updated', 'A'], [3, 'unchanged', 'B'], [4, 'refused', 'unknown_sku']], 'counted');
  take(p, 'stock', ['货号,仓库,库存', 'A,HZ,7']);
  same(on(), [['A', 7]], 'counted again');
  const delta = ['sku,warehouse,delta,reason', 'A,HZ,10,receipt', 'A,HZ,-2,loss', 'A,HZ,+1,found'];
  take(p, 'stock', delta), take(p, 'stock', delta);
  same(on(), [['A', 16]], 'the same file twice');
  take(p, 'stock', [...delta, 'A,HZ,-99,loss'], 3);
  same(on(), [['A', 25]], 'another file is another delivery');
  check(/both counted and delta/.test(p.is(1, ['import', p.write('c.csv', 'sku,warehouse,delta,counted\nA,HZ,1,1\n'), '--as', 'stock']).err), 'which of them');
  p.ok('check');
});

test('goods: a dry run of each changes nothing; NDJSON is taken too', () => {
  const p = new Place();
  same(take(p, 'skus', ['code', 'A', 'A B'], 3, '--dry-run').rows, [[2, 'created', 'A'], [3, 'refused', 'bad_code']], 'dry');
  same(rows(p, 'sku list'), [], 'nothing');
  p.write('a.ndjson', '{"code":"A","parts":[]}\n{"code":"B","price":1}\n{"code":\n');
  const r = results(p.is(3, '--json import a.ndjson --as skus --all-rows'));
  same(r.slice(0, -1).map((x) => [x.row, x.result, x.code ?? x.id]).sort((x, y) => x[0] - y[0]), [[1, 'created', 'A'], [2, 'refused', 'unknown_key'], [3, 'refused', 'bad_json']], 'NDJSON');
  same(rows(p, 'payload list'), [], 'rows of the dictionary are no payloads');
});

test('goods: many rows, with a server and without', async () => {
  const p = new Place();
  const lines = ['code,title,weight_g', ...Array.from({ length: 3000 }, (_, i) => `S${i},"Thing, ""${i}""",${i + 1}`)];
  same(take(p, 'skus', lines).summary.created, 3000, 'created');
  const s = await p.serve();
  same(take(p, 'skus', lines).summary.unchanged, 3000, 'the same again');
  same((await s.stop()).code, 0, 'serve ends');
  p.ok('export skus --output out.csv');
  same(p.read('out.csv').trim().split('\r\n').length, 3001, 'exported');
  same(p.json('import out.csv --as skus').summary.unchanged, 3000, 'in again');
});
