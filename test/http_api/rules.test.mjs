// Rules: a file in DATA/rules, tried over past orders, switched on, applied once, told by an event; a bad file changes nothing.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { BINARY, check, endServer, order, same, sleep, test, withServer } from './lib.mjs';

const s = withServer();
const big = (more = '') => `[rule big]\ntitle = dear ones\nwhen = paid\n[condition]\ncast(:order ->> '$.total.amount' AS REAL) >= 500\n[action]\ntag big\nhold look at it\n${more}`;
const rules = () => { fs.mkdirSync(s.file('rules'), { recursive: true }); return s.file('rules'); };
const write = (name, text) => fs.writeFileSync(path.join(rules(), `${name}.rule`), text);
async function hangup(said) {
  const from = s.log.length;
  s.child.kill('SIGHUP');
  for (let i = 0; i < 1000 && !said.test(s.log.slice(from)); i++) await sleep(5);
  check(said.test(s.log.slice(from)), `the server said ${s.log.slice(from)}`);
}
const taken = /configuration was read again/, refused = /configuration was not taken/;
const post = async (more) => (await s.want(201, 'POST', '/v1/orders', { body: order(more) })).json;
const get = async (p) => (await s.want(200, 'GET', p)).json;
const orderOf = (id) => get(`/v1/orders/${id}`);
const applied = async (id) => (await get(`/v1/orders/${id}/events`)).data.filter((e) => e.type === 'rule.applied');
let past;

test('without rules nothing is listed', async () => {
  same((await get('/v1/rules')).data, []);
  past = await post({ total: '900.00', lines: [{ line_id: '1', sku: 'A', quantity: 1, price: '900.00' }] });
  await post({ total: '9.00', lines: [{ line_id: '1', sku: 'A', quantity: 1, price: '9.00' }] });
});

test('a rule is off until it is switched on; a dry run tells what it would do and writes nothing', async () => {
  write('big', big());
  await hangup(taken);
  const r = (await get('/v1/rules')).data;
  same(r.map((x) => [x.name, x.state, x.when, x.actions]), [['big', 'off', 'paid', ['tag big', 'hold look at it']]]);
  same((await orderOf((await post({ total: '800.00' })).id)).tags, [], 'of a rule that is off');
  const dry = (await s.want(200, 'POST', '/v1/rules/dry-run', { body: { name: 'big', text: big() } })).json;
  same([dry.looked, dry.matched, dry.more], [3, 2, false]);
  same(dry.data.at(-1), { order: past.id, does: ['tag big', 'hold look at it'] });
  same((await orderOf(past.id)).tags, []);
  same((await s.want(200, 'POST', '/v1/rules/dry-run', { body: { name: 'big', limit: 1 } })).json.looked, 1);
  const bad = (await s.want(400, 'POST', '/v1/rules/dry-run', { body: { name: 'big', text: big().replace('tag big', 'tga big') } })).json;
  check(/big\.rule:7:1: the action tga is not known: did you mean tag\?/.test(bad.detail), bad.detail);
});

test('switched on it is applied to what comes, once, and told with its version', async () => {
  same((await s.want(200, 'POST', '/v1/rules/big/on')).json.state, 'on');
  await s.want(404, 'POST', '/v1/rules/none/on');
  const o = await post({ total: '700.00', external_id: 'R-1' }), seen = await orderOf(o.id);
  same([seen.tags, seen.holds.map((h) => h.reason), o.version], [['big'], ['look at it'], seen.version]);
  const events = await applied(o.id);
  same(events.map((e) => [e.data.rule, e.data.stage, e.data.did]), [['big', 'paid', ['tag big', 'hold look at it']]]);
  same(events[0].data.version, (await get('/v1/rules/big')).version);
  await s.want(200, 'POST', `/v1/orders/${o.id}/release`);
  await s.want(200, 'POST', '/v1/orders', { body: order({ total: '750.00', external_id: 'R-1', updated_at: '2026-12-01T00:00:00Z' }) });
  same((await orderOf(o.id)).holds, [], 'an update applies nothing again');
  same((await applied(o.id)).length, 1);
  same((await orderOf((await post({ total: '7.00' })).id)).tags, [], 'a cheap one');
  same((await get('/v1/orders?tag=big')).data.map((x) => x.id), [o.id]);
  same((await get('/v1/rules/big')).applied, 1);
});

test('a file that cannot be read changes nothing; another version is off', async () => {
  write('big', big('frobnicate\n'));
  await hangup(refused);
  check(/big\.rule:9:1: the action frobnicate is not known/.test(s.log), 'the place');
  same((await orderOf((await post({ total: '701.00' })).id)).tags, ['big'], 'the old one stays');
  write('big', big('priority 5\n'));
  await hangup(taken);
  same((await get('/v1/rules/big')).state, 'off');
  same((await orderOf((await post({ total: '702.00' })).id)).tags, []);
});

test('a rule that never ends is skipped, then off, and somebody is told', async () => {
  write('slow', `[rule slow]\nwhen = paid\norder = 1\n[condition]\nWITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n\n[action]\ntag slow\n`);
  await hangup(taken);
  await s.want(200, 'POST', '/v1/rules/slow/on');
  await s.want(200, 'POST', '/v1/rules/big/on');
  for (let i = 0; i < 5; i++) same((await orderOf((await post({ total: '800.00' })).id)).tags, ['big'], `order ${i}`);
  const now = await get('/v1/rules/slow');
  same([now.state, now.applied], ['off', 0]);
  const x = (await get('/v1/exceptions?state=open&type=rule_off:slow')).data;
  same(x.map((e) => e.owner), ['admin']);
  await s.want(200, 'POST', '/v1/rules/slow/on');
  same((await get('/v1/exceptions?state=open&type=rule_off:slow')).data, []);
  await s.want(200, 'POST', '/v1/rules/slow/off');
});

test('only an admin switches; customer service may try', async () => {
  const { token } = (await s.want(201, 'POST', '/v1/tokens', { body: { name: 'desk', roles: 'cs' } })).json;
  await s.want(403, 'POST', '/v1/rules/big/off', { token });
  await s.want(200, 'POST', '/v1/rules/dry-run', { token, body: { name: 'big' } });
  const { token: viewer } = (await s.want(201, 'POST', '/v1/tokens', { body: { name: 'eye', roles: 'viewer' } })).json;
  await s.want(403, 'POST', '/v1/rules/dry-run', { token: viewer, body: { name: 'big' } });
});

test('a gift is shown beside the lines; where there is none a tag says so; the money stays', async () => {
  write('big', '[rule big]\nwhen = paid\n[condition]\n1\n[action]\ngift LAMP 2\n');
  await hangup(taken);
  await s.want(200, 'POST', '/v1/rules/big/on');
  const o = await orderOf((await post({ total: '20.00' })).id), { version } = await get('/v1/rules/big');
  same(o.gifts, [{ line_no: 1001, sku: 'LAMP', quantity: 2, rule: 'big', version }]);
  same([o.total.amount, o.tags], ['20.00', []]);
  await s.want(201, 'POST', '/v1/skus', { body: { code: 'LAMP' } }); // from now on there is a dictionary, and no lamp
  const none = await orderOf((await post({ total: '21.00' })).id);
  same([none.gifts, none.tags], [undefined, ['gift-missing']]);
  const said = (await get(`/v1/orders/${none.id}/events`)).data.filter((e) => e.type === 'order.gift_missing');
  same(said.map((e) => e.data), [{ rule: 'big', version, sku: 'LAMP', quantity: 2, why: 'none_left' }]);
});

test('a priority is shown, and the urgent ones are found', async () => {
  write('big', `[rule big]\nwhen = paid\n[condition]\n:order ->> '$.external_id' LIKE 'U-%'\n[action]\npriority 7\n`);
  await hangup(taken);
  await s.want(200, 'POST', '/v1/rules/big/on');
  const u = await post({ external_id: 'U-1' }), o = await post({ external_id: 'N-1' });
  same([(await orderOf(u.id)).priority, (await orderOf(o.id)).priority], [7, undefined]);
  const urgent = (await get('/v1/orders?urgent=true')).data;
  same([urgent[0].id, urgent.every((x) => x.priority > 0), urgent.some((x) => x.id === o.id)], [u.id, true, false]);
  same((await get('/v1/orders?urgent=true&status=paid')).data[0].priority, 7);
  check(!(await get('/v1/orders?urgent=false')).data.some((x) => x.id === u.id), 'the others');
  const cli = spawnSync(BINARY, ['--data', s.dir, '--json', 'order', 'list', '--urgent', 'true'], { encoding: 'utf8' });
  same(JSON.parse(cli.stdout).data.map((x) => x.id), urgent.map((x) => x.id), cli.stderr);
});

test('a rule over cases is tried over past ones', async () => {
  const o = await post({ total: '40.00', status: 'shipped' });
  const c = (await s.want(201, 'POST', '/v1/cases', { body: { order: o.id, kind: 'refund_only', amount: '5.00', reason: 'late' } })).json;
  const text = `[rule small]\nwhen = case\n[condition]\ncast(:case ->> '$.amount.amount' AS REAL) < 6\n[action]\nskip finance\n`;
  const dry = (await s.want(200, 'POST', '/v1/rules/dry-run', { body: { name: 'small', text } })).json;
  same([dry.data, dry.looked, dry.matched], [[{ order: o.id, case: c.id, does: ['skip finance'] }], 1, 1]);
});

test('the command line lists, tries and switches', async () => {
  const cli = (...a) => spawnSync(BINARY, ['--data', s.dir, ...a], { encoding: 'utf8' });
  check(/big/.test(cli('rule', 'list').stdout), 'list');
  same(cli('--json', 'rule', 'test', path.join(rules(), 'big.rule')).status, 0);
  same(cli('rule', 'off', 'big').status, 0);
  same((await get('/v1/rules/big')).state, 'off');
  for (const f of fs.readdirSync('examples/rules')) {
    const r = cli('rule', 'example', `examples/rules/${f}`);
    check(r.status === 0 && /^[23] examples hold/.test(r.stdout), `${f}: ${r.stderr}`);
  }
});

test('all of that left the file whole', async () => {
  same((await get('/v1/check')).findings ?? [], []);
});

endServer(s);
