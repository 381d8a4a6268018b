// Returns over HTTP: three steps by three people, photos as evidence, never more back than was paid.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { BINARY, check, endServer, order, same, sleep, test, withServer } from './lib.mjs';
import { chunk, comment, exif, jpeg, png, webp, xmp } from '../lib/photos.mjs';

const s = withServer({ conf: '[merge]\nwindow = 1s\n[returns]\nphotos_max = 3\nskip_below = 500\n' });
const who = {};
let shown = '';
const as = (name) => ({ token: who[name] });

async function token(name, roles, user) {
  const made = (await s.want(201, 'POST', '/v1/tokens', { body: { name, roles, ...(user ? { user } : {}) } })).json;
  return made.token;
}

async function shipped(more = {}) {
  return (await s.want(201, 'POST', '/v1/orders', { body: order({ status: 'shipped', total: '200.00', paid: '200.00', freight: '10.00',
    lines: [{ line_id: '1', sku: 'CHAIR', title: 'Chair', quantity: 2, price: '70.00' }, { line_id: '2', sku: 'LAMP', title: 'Lamp', quantity: 1, price: '50.00' }],
    shipments: [{ carrier: 'SF', tracking_no: `SFC${Math.floor(Math.random() * 1e12)}`, shipped_at: '2026-11-12T10:00:00+08:00' }], ...more }) })).json.id;
}
const open = async (body, want = 201, name = 'asker') => (await s.want(want, 'POST', '/v1/cases', { body: { kind: 'return', reason: 'a leg is loose', ...body }, ...as(name) })).json;
const act = async (id, what, name, body = {}, want = 200) => (await s.want(want, 'POST', `/v1/cases/${id}/${what}`, { body, ...as(name) })).json;

test('people of each role', async () => {
  for (const [name, roles] of [['asker', 'cs'], ['cs', 'cs'], ['warehouse', 'warehouse'], ['finance', 'finance'], ['all', 'cs,warehouse,finance'],
    ['boss', 'admin'], ['viewer', 'viewer'], ['production', 'production']]) who[name] = await token(name, roles);
  check(Object.keys(who).length === 8, 'tokens');
});

test('a return passes three steps by three people and waits for its refund', async () => {
  const o = await shipped();
  const k = await open({ order: o, lines: [{ line_id: '1', quantity: 1 }] });
  same((await s.want(200, 'GET', `/v1/orders/${o}`)).json.cases, [{ id: k.id, kind: 'return', state: 'open', step: 'cs' }]);
  same([k.state, k.step, k.amount.amount, k.goods, k.lines[0].quantity], ['open', 'cs', '70.00', 'awaited', 1]);
  same((await act(k.id, 'approve', 'asker', {}, 403)).code, 'own_request');
  same((await act(k.id, 'approve', 'warehouse', {}, 403)).code, 'not_your_step');
  same((await act(k.id, 'approve', 'viewer', {}, 403)).code, 'forbidden');
  same((await act(k.id, 'approve', 'all')).step, 'warehouse');
  same((await act(k.id, 'approve', 'all', {}, 403)).code, 'approved_other_step');
  same((await act(k.id, 'approve', 'warehouse')).step, 'finance');
  const done = await act(k.id, 'approve', 'finance', { note: 'as sealed' });
  same([done.state, done.step, done.refund], ['approved', null, 'by_hand']);
  const seals = done.steps.filter((x) => x.act === 'approve').map((x) => x.sealed);
  check(seals.length === 3 && new Set(seals).size === 1 && /^[0-9a-f]{64}$/.test(seals[0]), `seals ${seals}`);
  const x = (await s.want(200, 'GET', `/v1/exceptions?order=${o}&state=open`)).json.data;
  same(x.filter((e) => e.type === 'refund_by_hand').map((e) => e.owner), ['finance']);
  same((await act(k.id, 'receive', 'finance', {}, 403)).code, 'forbidden');
  same((await act(k.id, 'receive', 'warehouse', { lines: [{ line_id: '1', quantity: 1 }] })).goods, 'received');
  same((await act(k.id, 'receive', 'warehouse', { lines: [{ line_id: '1', good: 1 }] })).goods, 'inspected');
  same((await act(k.id, 'refunded', 'finance', { refund_id: 'till-7' })).state, 'done');
  same((await s.want(200, 'GET', `/v1/exceptions?order=${o}&state=open`)).json.data.map((e) => e.type), []);
  same((await act(k.id, 'approve', 'boss', {}, 409)).code, 'case_closed');
});

test('a token of a user is that user, also for an admin', async () => {
  await s.want(201, 'POST', '/v1/users', { body: { name: 'amy', roles: 'admin' } });
  await s.want(201, 'POST', '/v1/users', { body: { name: 'kim', roles: 'cs,warehouse' } });
  who.amy1 = await token('amy-1', 'admin', 'amy'), who.kim1 = await token('kim-1', 'cs', 'kim'), who.kim2 = await token('kim-2', 'warehouse', 'kim');
  const k = await open({ order: await shipped(), lines: [{ line_id: '2' }] }, 201, 'amy1');
  same((await act(k.id, 'approve', 'amy1', {}, 403)).code, 'own_request');
  same((await s.want(422, 'POST', '/v1/tokens', { body: { name: 'amy-3', roles: 'finance', user: 'kim' } })).json.code, 'not_the_users');
  same((await s.want(422, 'POST', '/v1/tokens', { body: { name: 'bea-1', roles: 'finance', user: 'bea' } })).json.code, 'unknown_user');
  const again = await token('amy-4', 'admin', 'amy');
  same((await s.want(403, 'POST', `/v1/cases/${k.id}/approve`, { body: {}, token: again })).json.code, 'own_request');
  await act(k.id, 'approve', 'boss');
  same((await act(k.id, 'approve', 'boss', {}, 403)).code, 'approved_other_step');
  const two = await open({ order: await shipped(), lines: [{ line_id: '2' }] });
  same((await act(two.id, 'approve', 'kim1')).steps[1].person, 'user:kim');
  same((await act(two.id, 'approve', 'kim2', {}, 403)).code, 'approved_other_step');
  const kim = (await s.want(200, 'GET', '/v1/users')).json.data.find((u) => u.name === 'kim');
  same((await s.want(200, 'GET', '/v1/tokens')).json.data.filter((t) => t.user === 'kim').length, 2);
  await s.want(200, 'POST', `/v1/users/${kim.id}`, { body: { roles: 'cs' } });
  same((await act(two.id, 'receive', 'kim2', {}, 403)).code, 'forbidden', 'the role is gone');
  await s.want(200, 'POST', `/v1/users/${kim.id}`, { body: { state: 'revoked' } });
  await s.want(401, 'GET', '/v1/cases', as('kim2'));
});

test('never more than was paid, per line and per order, over all cases and the channel', async () => {
  const o = await shipped();
  await open({ order: o, lines: [{ line_id: '2' }] });
  const no = await open({ order: o, kind: 'refund_only', lines: [{ line_id: '2', quantity: 0, amount: '0.01' }] }, 409);
  same([no.code, no.left.amount], ['over_refund', '0.00']);
  same((await open({ order: o, lines: [{ line_id: '2', quantity: 1, amount: '0.00' }] }, 409)).code, 'too_many_pieces');
  const rest = await open({ order: o, kind: 'refund_only', amount: '150.00' });
  same((await open({ order: o, kind: 'refund_only', amount: '0.01' }, 409)).code, 'over_refund');
  await act(rest.id, 'cancel', 'cs', { reason: 'a mistake' });
  const smaller = await open({ order: o, kind: 'refund_only', amount: '100.00' });
  same((await act(smaller.id, 'change', 'cs', { amount: '150.01' }, 409)).code, 'over_refund');
  same((await act(smaller.id, 'change', 'cs', { amount: '150.00' })).amount.amount, '150.00');
  same((await open({ order: o, kind: 'exchange', amount: '1.00', lines: [{ line_id: '1' }] }, 422)).code, 'no_refund');
  same((await open({ order: o, kind: 'gift' }, 422)).code, 'unknown_kind');
  same((await open({ order: 'o_999999', kind: 'refund_only', amount: '1.00' }, 404)).code, 'order_not_found');
});

test('a refund by the channel counts, and closes the step', async () => {
  const shop = order({ status: 'shipped', total: '100.00', paid: '100.00', updated_at: '2026-11-12T10:00:00+08:00', lines: [{ line_id: '1', sku: 'A', title: 'A', quantity: 1, price: '100.00' }] });
  const o = (await s.want(201, 'POST', '/v1/orders', { body: shop })).json.id;
  const k = await open({ order: o, kind: 'refund_only', amount: '40.00', lines: [{ line_id: '1', quantity: 0 }] });
  const told = (minute, refunds) => s.want(200, 'POST', '/v1/orders', { body: { ...shop, updated_at: `2026-11-12T10:${minute}:00+08:00`, refunds } });
  await told('01', [{ refund_id: 'r1', status: 'refunded', amount: '70.00', line_id: '1' }]);
  same((await act(k.id, 'approve', 'cs', {}, 409)).code, 'over_refund');
  same((await s.want(200, 'GET', `/v1/cases/${k.id}`)).json.step, 'cs');
  await told('02', [{ refund_id: 'r1', status: 'refunded', amount: '60.00', line_id: '1' }, { refund_id: 'r2', status: 'refunded', amount: '40.00', line_id: '1' }]);
  const now = (await s.want(200, 'GET', `/v1/cases/${k.id}`)).json;
  same([now.state, now.refund, now.refund_id, now.steps.map((x) => x.act)], ['done', 'accepted', 'r2', ['open', 'refunded', 'skip', 'skip', 'skip']]);
});

test('a change begins anew; its author approves nothing of it; send back and reject', async () => {
  const k = await open({ order: await shipped(), lines: [{ line_id: '1', quantity: 1 }] });
  await act(k.id, 'approve', 'cs'), await act(k.id, 'approve', 'warehouse');
  same((await act(k.id, 'send-back', 'finance', {}, 422)).code, 'missing');
  same((await act(k.id, 'send-back', 'finance', { reason: 'one more look' })).step, 'warehouse');
  await act(k.id, 'approve', 'warehouse');
  const changed = await act(k.id, 'change', 'finance', { amount: '60.00' });
  same([changed.step, changed.round, changed.amount.amount], ['cs', 2, '60.00']);
  await act(k.id, 'approve', 'cs'), await act(k.id, 'approve', 'warehouse');
  same((await act(k.id, 'approve', 'finance', {}, 403)).code, 'own_request');
  same((await act(k.id, 'approve', 'boss', { if_version: 1 }, 412)).code, 'stale_version');
  same((await act(k.id, 'reject', 'finance', { reason: 'not ours' })).state, 'rejected');
  same((await act(k.id, 'send-back', 'boss', { reason: 'x' }, 409)).code, 'case_closed');
  const first = await open({ order: await shipped(), lines: [{ line_id: '1' }] });
  same((await act(first.id, 'send-back', 'cs', { reason: 'x' }, 409)).code, 'first_step');
});

test('a small amount leaves finance out; an exchange sends a new order at no price', async () => {
  const small = await open({ order: await shipped(), kind: 'refund_only', amount: '4.00' });
  await act(small.id, 'approve', 'cs');
  same((await act(small.id, 'approve', 'warehouse')).state, 'approved');
  const o = await shipped();
  const k = await open({ order: o, kind: 'exchange', lines: [{ line_id: '1', quantity: 1, instead: 'STOOL' }] });
  await act(k.id, 'approve', 'cs'), await act(k.id, 'approve', 'warehouse');
  const now = await act(k.id, 'approve', 'finance');
  const made = (await s.want(200, 'GET', `/v1/orders/${now.exchange}`)).json;
  same([made.channel, made.external_id, made.total.amount, made.lines[0].sku, made.lines[0].quantity, made.status], ['exchange', k.id, '0.00', 'STOOL', 1, 'paid']);
  same((await act(k.id, 'receive', 'warehouse', { lines: [{ line_id: '1', damaged: 1 }] })).state, 'done');
});

test('an order that has not left waits until its case is over', async () => {
  const o = (await s.want(201, 'POST', '/v1/orders', { body: order({}) })).json.id;
  const line = (await s.want(200, 'GET', `/v1/orders/${o}`)).json.lines[0].line_id;
  const k = await open({ order: o, kind: 'refund_only', lines: [{ line_id: line }] });
  same((await s.want(409, 'POST', `/v1/orders/${o}/transitions`, { body: { to: 'split' } })).json.code, 'on_hold');
  await act(k.id, 'reject', 'cs', { reason: 'the customer wants it after all' });
  await s.want(200, 'POST', `/v1/orders/${o}/transitions`, { body: { to: 'split' } });
});

const photo = (id, body, name = 'cs', type = 'image/jpeg') => s.call('POST', `/v1/cases/${id}/photos`, { body, type, ...as(name) });

test('a photo is told by its content, stripped, sealed and shown as a download to few', async () => {
  const k = await open({ order: await shipped(), lines: [{ line_id: '1', quantity: 1 }] });
  await act(k.id, 'approve', 'cs');
  const sent = jpeg({ before: [exif(6), xmp('<script>alert(1)</script>'), comment('<svg onload=alert(2)>')], after: [Buffer.from('PK\x03\x04evil.zip')] });
  const got = await photo(k.id, sent);
  same([got.status, got.json?.step, got.json?.photos.length, got.json?.photos[0].type], [201, 'cs', 1, 'image/jpeg']);
  same((await photo(k.id, sent)).status, 200, 'the same again');
  const digest = shown = got.json.photos[0].digest, url = `/v1/cases/${k.id}/photos/${digest}`;
  const back = await s.raw('GET', url, as('warehouse'));
  same([back.status, back.headers['content-type'], back.headers['x-content-type-options'], back.headers['cache-control']], [200, 'image/jpeg', 'nosniff', 'no-store']);
  check(/^attachment; filename="c_\d+-[0-9a-f]{12}\.jpg"$/.test(back.headers['content-disposition']), back.headers['content-disposition']);
  check(/^sandbox;/.test(back.headers['content-security-policy']), back.headers['content-security-policy']);
  const kept = fs.readFileSync(path.join(s.dir, 'photos', digest.slice(0, 2), digest.slice(2)));
  for (const gone of ['N30 15 0', '<script', '<svg', 'evil.zip', 'ns.adobe', 'GPS']) check(!kept.includes(gone), `${gone} is still in it`);
  check(kept.length < sent.length && kept.subarray(0, 2).equals(Buffer.from([0xff, 0xd8])) && kept.subarray(-2).equals(Buffer.from([0xff, 0xd9])), 'not a whole JPEG');
  same(fs.statSync(path.join(s.dir, 'photos', digest.slice(0, 2), digest.slice(2))).mode & 0o777, 0o600);
  for (const name of ['viewer', 'production']) same((await s.raw('GET', url, as(name))).status, 404, name);
  const other = await open({ order: await shipped(), lines: [{ line_id: '2' }] });
  same((await s.raw('GET', `/v1/cases/${other.id}/photos/${digest}`, as('cs'))).status, 404);
  for (const name of ['..%2f..%2forderd.db', digest.toUpperCase(), digest.slice(1), `${digest}0`])
    check([400, 404].includes((await s.raw('GET', `/v1/cases/${k.id}/photos/${name}`, as('cs'))).status), name);
  same((await s.want(200, 'GET', `/v1/cases/${k.id}`, as('viewer'))).json.photos[0].digest, null);
  await sleep(1500);
  const seen = (await s.want(200, 'GET', '/v1/events?limit=500')).json.data.filter((e) => e.type === 'pii.seen' && e.data.what === 'photo');
  check(seen.some((e) => e.actor === 'token:warehouse'), 'nobody noted who looked');
  same((await photo(k.id, png())).status, 201), same((await photo(k.id, webp({ more: [['EXIF', 'GPSdata'], ['XMP ', '<x/>']] }))).status, 201);
  same((await photo(k.id, png({ width: 3 }))).json.code, 'too_many_photos');
});

test('hostile photos are refused', async () => {
  const k = await open({ order: await shipped(), lines: [{ line_id: '1', quantity: 1 }] });
  const codes = async (body, type) => { const r = await photo(k.id, body, 'cs', type); return [r.status, r.json?.code]; };
  for (const text of ['<html><script>alert(1)</script></html>', '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', 'GIF89a', '%PDF-1.7', 'PK\x03\x04'])
    same(await codes(Buffer.from(text)), [415, 'photo_unknown'], text);
  same(await codes(jpeg({ width: 65535, height: 65535 })), [413, 'photo_too_large']);
  same(await codes(png({ width: 65535, height: 65535 })), [413, 'photo_too_large']);
  same(await codes(jpeg().subarray(0, -2)), [415, 'photo_damaged']);
  same(await codes(png().subarray(0, -1)), [415, 'photo_damaged']);
  same(await codes(webp().subarray(0, -1)), [415, 'photo_damaged']);
  same(await codes(png({ before: [chunk('acTL', Buffer.alloc(8)), chunk('EVIL')] })), [415, 'photo_unknown']);
  same(await codes(jpeg(), 'text/html'), [415, 'media']);
  same((await s.raw('POST', `/v1/cases/${k.id}/photos`, { body: Buffer.alloc(8 * 1024 * 1024 + 1, 0xff), type: 'image/jpeg', ...as('cs') })).status, 413);
  same((await s.want(403, 'POST', `/v1/cases/${k.id}/photos`, { body: jpeg(), type: 'image/jpeg', ...as('viewer') })).json.code, 'forbidden');
  same((await s.want(404, 'POST', '/v1/cases/c_999999/photos', { body: jpeg(), type: 'image/jpeg', ...as('cs') })).json.code, 'case_not_found');
  same((await s.want(200, 'GET', `/v1/cases/${k.id}`)).json.photos, []);
});

test('cases are exported as a table', async () => {
  const cli = (...a) => spawnSync(BINARY, ['--data', s.dir, ...a], { encoding: 'utf8' });
  const all = (await s.want(200, 'GET', '/v1/cases?limit=500', as('boss'))).json.data;
  const r = cli('export', 'cases', '--format', 'ndjson');
  same(r.status, 0, r.stderr);
  const rows = r.stdout.trim().split('\n').map((x) => JSON.parse(x));
  same(rows.map((x) => [x.id, x.order, x.state, x.amount.amount]), all.map((k) => [k.id, k.order, k.state, k.amount.amount]));
  same(cli('export', 'cases', '--state', 'rejected', '--format', 'ndjson').stdout.trim().split('\n').length, all.filter((k) => k.state === 'rejected').length);
  check(/^case,order,channel,/.test(cli('export', 'cases', '--format', 'csv').stdout), 'the header');
});

test('lists, the command line, a backup with its photos, a restart, and the check', async () => {
  const mine = (await s.want(200, 'GET', '/v1/cases?state=open&limit=2')).json;
  same(mine.data.length, 2), check(mine.next, 'there are more');
  await s.want(400, 'GET', '/v1/cases?state=eaten'), await s.want(400, 'GET', '/v1/cases?step=4');
  const due = (await s.want(200, 'GET', `/v1/cases/${mine.data[0].id}`)).json.due_at;
  const run = (...args) => spawnSync(BINARY, ['--data', s.dir, ...args], { encoding: 'utf8', env: { PATH: process.env.PATH } });
  check(run('case', 'list', '--state', 'open').stdout.includes(mine.data[0].id), 'not in the list');
  const k = await open({ order: await shipped(), lines: [{ line_id: '1' }] });
  same(JSON.parse(run('--json', 'case', 'approve', k.id, '--note', 'seen').stdout).step, 'warehouse');
  same(JSON.parse(run('--json', 'case', 'show', k.id).stdout).steps[1].person, 'local');
  same(run('case', 'approve', k.id).status, 1, 'twice by one person');
  same(JSON.parse(run('--json', 'case', 'reject', k.id, '--reason', 'no').stdout).state, 'rejected');
  const file = path.join(s.dir, 'copy.db');
  same(run('backup', file).status, 0);
  const names = (dir) => fs.readdirSync(dir, { recursive: true }).filter((f) => f.includes('/')).sort();
  same(names(`${file}.photos`), names(path.join(s.dir, 'photos')));
  await s.stop(), await s.start();
  same((await s.want(200, 'GET', `/v1/cases/${mine.data[0].id}`)).json.due_at, due, 'the deadline');
  same((await s.want(200, 'GET', '/v1/check')).json.findings, []);
  const hurt = path.join(s.dir, 'photos', shown.slice(0, 2), shown.slice(2));
  fs.appendFileSync(hurt, 'x');
  check(/^the photo [0-9a-f]{64}: it is not what its name says$/.test((await s.want(200, 'GET', '/v1/check')).json.findings[0]), 'a changed photo');
  same(run('check', file).status, 0, 'the backup');
  fs.unlinkSync(hurt);
  same(run('check').status, 1, 'a lost photo');
});

endServer(s);
