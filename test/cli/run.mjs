// Black-box tests of the command line against the real binary.
//   ORDERD=./orderd node test/cli/run.mjs [-v] [part of a name]...
import { spawn, spawnSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { BINARY, Place, check, ndjson, order, parseCsv, same, sleep, takeFailures, test, tests, tidyUp, TOP } from './lib.mjs';
import './goods.mjs';
import './sim.mjs';
import './xlsx.mjs';

const FILES = ['tmall-demo.csv --channel tmall-demo', 'till.ndjson', 'shop-demo.ndjson', 'tmall-demo.ndjson'].map((f) => `import examples/orders/${f}`);
const fed = (p) => { for (const f of FILES) p.run(f); };
const counts = (p) => {
  const orders = p.ok('export orders --format ndjson').out.trim().split('\n').filter(Boolean).length;
  const events = p.ok('export events --format ndjson').out.split('\n').filter((l) => l && !l.includes('"pii.seen"')); // looking is an event too
  return { orders, events: events.length };
};
const lastLine = (text) => text.trim().split('\n').pop();

// ---- the table of commands -------------------------------------------------------------------------------------------
// Examples whose files hold damaged rows, and that say so.
const REFUSES = new Set(['import', 'payload retry']);
const words = (text) => text.match(/'[^']*'|\S+/g).map((w) => w.replace(/^'|'$/g, ''));

// The work order that the examples speak of; it comes after the fulfilments that others speak of. Its factory does not answer.
function making(p) {
  p.ok('warehouse put SOFAS --kind factory'), p.ok('sku put SOFA-MADE --made yes');
  p.write('made.ndjson', ndjson([order({ external_id: 'MADE', lines: [{ line_id: '1', sku: 'SOFA-MADE', quantity: 2 }] })]));
  p.ok('import made.ndjson');
  for (const to of ['split', 'producing']) p.ok(`order move till:MADE ${to}`);
}

// The fulfilment that a waybill is bought for: one whose receiver is known in full.
function sent(p) {
  p.write('sent.ndjson', ndjson([order({ external_id: 'SENT' })]));
  p.ok('import sent.ndjson'), p.ok('order move till:SENT split');
  return JSON.parse(p.ok('order show till:SENT --json').out).fulfilments[0].id;
}

async function runExample(p, k) {
  const args = words(k.example).slice(1).map((w) => w.replace(/^127\.0\.0\.1:\d+$/, '127.0.0.1:0')).filter((w) => w !== './data' && w !== '--data');
  if (k.name === 'work list') making(p);
  if (k.name === 'waybill buy') args[args.indexOf('f_1')] = sent(p);
  if (k.name === 'serve' || k.name === 'demo') {
    const place = k.name === 'demo' ? new Place({ init: false }) : p;
    const s = await place.start(args.join(' '), { wait: /(listening|Ctrl-C)/ });
    same((await s.stop('SIGINT')).code, 0, k.example);
    return;
  }
  if (k.name === 'sim') {
    const s = await p.start(args.join(' '), { wait: /"control":"(\S+?)"/ });
    same((await s.stop('SIGINT')).code, 0, k.example);
    return;
  }
  const from = args.findIndex((w) => w.startsWith('<')); // standard input
  const r = p.run(from < 0 ? args : args.slice(0, from), { input: from < 0 ? undefined : 'a fictional secret\n' });
  const want = REFUSES.has(k.name) ? 3 : 0;
  check(r.status === want, `${k.example}: exit ${r.status}, want ${want}: ${(r.err + r.out).slice(0, 400)}`);
  check(r.out.length > 0, `${k.example}: no result`);
}

// Channels that are polled: a till's folder, and a shop whose platform does not answer.
const POLLED = '[channel counter]\nconnector = till\nfolder = ../sales\nevery = 1h\n\n[channel shop-sg]\nconnector = shopee\nhost = http://127.0.0.1:9\n' +
  // A private address is refused, so that effects are there and stay.
  '[webhook crm]\nurl = http://127.0.0.1:9/in\nevents = order.created\nsecret = a-fictional-secret-of-the-crm\n\n[outbox]\nbreaker = 1h\nbackoff = 1h\n' +
  '[factory SOFAS]\nconnector = mes\nhost = http://127.0.0.1:9\nsecret = a-fictional-secret-of-the-factory\n' +
  '[carrier SF]\nconnector = sf\nhost = http://127.0.0.1:9\npartner_id = EXAMPLE\ncheckword = a-fictional-word\n' +
  '[sender]\nname = Depot\nphone = 13900000001\nprovince = 广东省\ncity = 深圳市\ndistrict = 南山区\naddress = 示例路1号\n' +
  '[messenger office]\nconnector = robot\nhost = http://127.0.0.1:9\n[notify cs-room]\nto = office\n';
const ROBOT = '[messenger robot]\n[request send]\nPOST {host}/say\nbody = :what\n';
function polled() {
  const p = new Place({ conf: POLLED, init: false });
  fs.mkdirSync(path.join(p.data, 'connectors'));
  fs.writeFileSync(path.join(p.data, 'connectors/robot.messenger'), ROBOT);
  p.ok('init');
  fs.mkdirSync(p.path('sales'));
  fs.cpSync(path.join(TOP, 'examples/rules'), path.join(p.data, 'rules'), { recursive: true });
  return p;
}

// The notice, the cases and the callback that the examples speak of: two cases wait, one is approved. Nobody at the machine has had a part in
// them.
async function asked(p, url) {
  const who = {};
  for (const [name, roles] of [['clerk', 'cs'], ['clerk-2', 'cs'], ['shelf', 'warehouse'], ['books', 'finance']])
    who[name] = p.json(`token add case-${name} --roles ${roles}`).token;
  const post = async (name, where, body) => {
    const r = await fetch(`${url}${where}`, { method: 'POST', headers: { authorization: `Bearer ${who[name]}`, 'content-type': 'application/json' }, body: JSON.stringify(body) });
    check(r.ok, `${where}: ${r.status}`);
    return r.json();
  };
  const body = '{"id":"1","work_order":"w_99","seq":1,"state":"started"}', time = String(Math.floor(Date.now() / 1000));
  const sign = createHmac('sha256', 'a-fictional-secret-of-the-factory').update(`${time}.${body}`).digest('hex');
  const told = await fetch(`${url}/v1/hooks/mes/SOFAS`, { method: 'POST', headers: { 'mes-time': time, 'mes-signature': `v1=${sign}` }, body });
  check(told.ok, `a callback: ${told.status}`);
  await post('clerk', '/v1/notices/test', { room: 'cs-room' });
  const { id } = await post('clerk', '/v1/orders', order({ external_id: 'CASES', status: 'shipped', paid: '19.90' }));
  for (const amount of ['1.00', '2.00', '3.00']) await post('clerk', '/v1/cases', { order: id, kind: 'refund_only', amount, reason: 'a scratch' });
  for (const name of ['clerk-2', 'shelf', 'books']) await post(name, '/v1/cases/c_3/approve', {});
}

test('every command has its page and an example that runs', async () => {
  const p = polled();
  fed(p);
  const serving = await p.serve();
  await asked(p, serving.url);
  await serving.stop();
  const table = p.json('help');
  check(table.length > 40, `${table.length} commands`);
  const all = p.ok('help').out;
  for (const k of table) {
    check(k.doc && k.doc.endsWith('.'), `${k.name}: a sentence`);
    check(k.example.startsWith('orderd '), `${k.name}: an example`);
    check(all.includes(`  ${k.name} `), `${k.name} is not in help`);
    const page = p.ok(`help ${k.name}`).out;
    check(page.includes(k.doc) && page.includes(k.example), `help ${k.name}`);
    same(p.ok(`${k.name} --help`).out.includes(k.example), true, `${k.name} --help`);
    await runExample(p, k);
  }
});

test('the examples run the same way while somebody serves', async () => {
  const p = polled();
  const s = await p.serve();
  fed(p);
  await asked(p, s.url);
  for (const k of p.json('help')) {
    if (k.name === 'serve' || k.name === 'demo') continue;
    if (k.name === 'restore') { check(/serves/.test(p.is(1, 'restore backup.db --force').err), 'restore while serving'); continue; }
    await runExample(p, k);
  }
  same((await s.stop()).code, 0, 'serve ends');
  p.ok('check');
});

test('exit status and message of wrong usage', () => {
  const p = new Place();
  const table = [
    ['', /help/], ['ordr', /no command ordr/], ['ordre list', /did you mean|no command/], ['order', /order show/], ['order shw', /Of order there are/],
    ['order show', /needs: ID/], ['order show o_1 o_2', /only: ID/], ['order list --limit', /needs a value/], ['order list --statu paid', /did you mean --status/],
    ['order list --json=1', /takes no value/], ['order list --status a --status b', /twice/], ['import x --format xml', /auto, ndjson, csv or xlsx/],
    ['export ordres', /did you mean orders/], ['export groups --status paid', /no filter --status/], ['export orders --format xml', /csv, xlsx or ndjson/],
    ['export orders --json --bom', /are for CSV/], ['address', /one or two/], ['user add amy', /--roles/], ['token add t --roles cs --expires soon', /duration/],
    ['payload retry', /--all/], ['order move o_1 split --if-version x', /number/], ['-x', /no option -x/], ['help nosuch', /no command/],
  ];
  for (const [line, says] of table) {
    const r = p.is(2, line ? line.split(' ') : []);
    check(says.test(r.err), `${line}: ${r.err}`);
    same(r.out, '', line);
  }
});

test('exit status of what fails and what is refused', () => {
  const p = new Place();
  const none = new Place({ init: false });
  for (const line of ['order list', 'import examples/orders/till.ndjson', 'check', 'backup x.db', 'export orders', 'user list', 'event list --follow'])
    check(/init/.test(none.is(1, line).err), `${line} without data says how to begin`);
  for (const line of ['order show o_9', 'order show till:9', 'group show g_9', 'payload show p_9', 'exception show x_9', 'token revoke nobody', 'user revoke nobody',
    'import nosuch.csv', 'address --file nosuch', 'restore nosuch.db', 'check nosuch.db', 'backup /nosuch/dir/x.db']) {
    const r = p.is(1, line);
    check(r.err.startsWith('orderd: '), `${line}: ${r.err}`);
  }
  check(/bad_cursor|cursor/.test(p.is(3, 'order list --cursor nonsense').err), 'a cursor that nobody gave out');
  const r = p.is(3, 'user add x --roles wizard');
  check(/\/roles/.test(r.err) && /unknown_role/.test(r.err), r.err);
  const problem = JSON.parse(p.is(3, '--json user add x --roles wizard').out);
  same([problem.code, problem.status], ['unknown_role', 422], 'the problem as JSON');
});

// ---- configuration ------------------------------------------------------------------------------------------------------
test('flag before environment before file before default', () => {
  const p = new Place({ conf: '[server]\nlisten = 127.0.0.1:1001\n[merge]\nwindow = 70h\n[stage paid]\nremind = 90m\n[channel a-b]\nfamily = taobao\n' });
  const get = (list, s, k) => list.find((v) => v.section === s && v.key === k) ?? {};
  const has = (list, s, k, value, origin, where) => {
    const v = get(list, s, k);
    same([v.value, v.origin, v.where], [value, origin, where], `[${s}] ${k}`);
  };
  const file = p.json('config');
  has(file, 'server', 'listen', '127.0.0.1:1001', 'file', 'orderd.conf:2');
  has(file, 'merge', 'window', '70h', 'file', 'orderd.conf:4');
  has(file, 'merge', 'margin', '4h', 'default', null);
  has(file, 'stage paid', 'remind', '90m', 'file', 'orderd.conf:6');
  has(file, 'stage split', 'owner', 'warehouse', 'default', null);
  has(file, 'channel a-b', 'family', 'taobao', 'file', 'orderd.conf:8');
  const env = p.json('config', { env: { ORDERD_SERVER_LISTEN: '127.0.0.1:1002', ORDERD_STAGE_PAID_REMIND: '80m', ORDERD_CHANNEL_A_B_FAMILY: 'douyin' } });
  has(env, 'server', 'listen', '127.0.0.1:1002', 'environment', 'ORDERD_SERVER_LISTEN');
  has(env, 'stage paid', 'remind', '80m', 'environment', 'ORDERD_STAGE_PAID_REMIND');
  has(env, 'channel a-b', 'family', 'douyin', 'environment', 'ORDERD_CHANNEL_A_B_FAMILY');
  check(/ORDERD_MERGE_WINDWO/.test(p.ok('config', { env: { ORDERD_MERGE_WINDWO: '1h' } }).err), 'an unknown name in the environment is told');
});

test('the flag is the strongest', async () => {
  const p = new Place({ conf: '[server]\nlisten = 127.0.0.1:1\n' });
  const s = await p.start('serve --listen 127.0.0.1:0', { env: { ORDERD_SERVER_LISTEN: '127.0.0.1:2' } });
  check(/^http:\/\/127\.0\.0\.1:\d{4,5}$/.test(s.url), s.url);
  await s.stop();
});

test('a wrong configuration is told with its line and the nearest word', () => {
  const table = [
    ['[server]\nlisen = 1\n', /line 2: \[server\] has no key lisen; did you mean listen\?/], ['[servr]\nlisten = 1\n', /no section \[servr\]; did you mean server\?/],
    ['[server]\n\nlisten = nowhere\n', /orderd\.conf:3: \[server\] listen = nowhere/], ['[merge]\nwindow = soon\n', /orderd\.conf:2: .*duration/],
    ['[merge]\nwindow = 400d\n', /line 2: \[merge\] window = 400d: out of range/], ['[data]\ndisk_reserve = 5\n', /size/], ['[intake]\nnew_channels = maybe\n', /yes or no/],
    ['[log]\nlevel = loud\n', /debug info warn error/], ['window = 3h\n', /before the first \[section\]/], ['[stage]\nowner = cs\n', /\[stage NAME\]/],
    ['[stage paid]\nownr = cs\n', /has no key ownr; did you mean owner\?/], ['[stage paid]\nowner = nobody\n', /line 2/], ['[stage check]\nowner = cs\n', /needs after/],
    ['[server]\nwindow = 1h\n', /\[merge\] has one/], ['[server]\nlisten = 127.0.0.1:1\nlisten = 127.0.0.1:2\n', /line 3/], ['nonsense\n', /line 1/],
  ];
  for (const [conf, says] of table) {
    const p = new Place({ init: false, conf });
    const r = p.is(1, 'config');
    check(says.test(r.err), `${JSON.stringify(conf)}: ${r.err}`);
    check(says.test(p.is(1, 'serve').err), `serve: ${JSON.stringify(conf)}`);
  }
  const p = new Place();
  check(/cannot be read/.test(p.is(1, '--config nosuch.conf config').err), 'a named file must be there');
  check(/ORDERD_MERGE_WINDOW/.test(p.is(1, 'config', { env: { ORDERD_MERGE_WINDOW: '400d' } }).err), 'the environment is named');
});

test('the file that init writes holds every key at its default', () => {
  const p = new Place();
  const before = p.json('config');
  const conf = path.join(p.data, 'orderd.conf');
  same(fs.statSync(conf).mode & 0o777, 0o600, 'mode');
  const text = fs.readFileSync(conf, 'utf8');
  for (const v of before) if (!/^(stage|channel) /.test(v.section)) check(text.includes(`#${v.key} =`), `${v.section}.${v.key}`);
  fs.writeFileSync(conf, text.replace(/^#(?=[a-z_]+ =|\[)/gm, '').replace(/^(after|next) =.*\n/gm, ''));
  const after = p.json('config');
  for (const v of before) {
    const now = after.find((x) => x.section === v.section && x.key === v.key);
    if (v.value !== null) same(now.value, v.value, `[${v.section}] ${v.key}`);
  }
  const help = p.ok('help config').out;
  for (const v of before) check(help.includes(`  ${v.key} `), `help config: ${v.key}`);
});

test('SIGHUP takes a good file and refuses a bad one as a whole', async () => {
  const p = new Place({ conf: '[intake]\nnew_channels = yes\n' });
  const s = await p.serve();
  const conf = path.join(p.data, 'orderd.conf');
  const told = async (what) => { for (let i = 0; i < 400 && !what.test(s.log); i++) await sleep(5); check(what.test(s.log), `${what}: ${s.log}`); };
  fs.writeFileSync(conf, '[intake]\nnew_channels = no\n[merge]\nwindw = 3h\n');
  s.child.kill('SIGHUP');
  await told(/the old one stays.*did you mean window/);
  p.write('a.ndjson', ndjson([order({ channel: 'one' })]));
  p.ok('import a.ndjson');
  fs.writeFileSync(conf, '[intake]\nnew_channels = no\n[server]\nidle_timeout = 5s\n');
  s.child.kill('SIGHUP');
  await told(/was read again/);
  check(/idle_timeout = 5s counts from the next start on; now it is 60s/.test(s.log), s.log);
  p.write('b.ndjson', ndjson([order({ channel: 'two' })]));
  const r = p.run('import b.ndjson');
  check(r.status !== 0 && /unknown_channel/.test(r.out + r.err), `a new channel is refused now: ${r.out}${r.err}`);
  await s.stop();
});

// ---- the process ----------------------------------------------------------------------------------------------------------
test('one process serves a directory, the second says who', async () => {
  const p = new Place();
  const s = await p.serve();
  const r = p.is(1, 'serve --listen 127.0.0.1:0');
  check(r.err.includes(String(s.child.pid)), r.err);
  same((await s.stop()).code, 0, 'SIGTERM');
  const again = await p.serve();
  same((await again.stop('SIGINT')).code, 0, 'SIGINT');
});

test('commands leave no process and no lock behind', async () => {
  const p = new Place();
  p.ok('order list');
  const s = await p.serve();
  await s.stop();
  check(!fs.existsSync(path.join(p.data, 'orderd.db-wal')) || fs.statSync(path.join(p.data, 'orderd.db-wal')).size === 0, 'a whole file is left');
});

test('many commands at once, with nobody serving', async () => {
  const p = new Place();
  const runs = [];
  for (let i = 0; i < 6; i++) {
    p.write(`f${i}.ndjson`, ndjson(Array.from({ length: 20 }, () => order())));
    runs.push(new Promise((done) => {
      const child = spawn(BINARY, ['--data', p.data, 'import', `f${i}.ndjson`], { cwd: p.dir, env: p.env(), stdio: ['ignore', 'pipe', 'pipe'] });
      let text = '';
      child.stdout.on('data', (d) => { text += d; });
      child.stderr.on('data', (d) => { text += d; });
      child.on('exit', (code) => done({ code, text }));
    }));
  }
  for (const r of await Promise.all(runs)) check(r.code === 0, `exit ${r.code}: ${r.text}`);
  same(counts(p).orders, 120, 'orders');
  p.ok('check');
});

test('commands that begin while another\'s server stops', async () => {
  const p = new Place();
  const line = (i) => new Promise((done) => {
    const child = spawn(BINARY, ['--data', p.data, 'token', 'add', `t${i}`, '--roles', 'viewer'], { cwd: p.dir, env: p.env(), stdio: ['ignore', 'ignore', 'pipe'] });
    let text = '';
    child.stderr.on('data', (d) => { text += d; });
    child.on('exit', (code) => done({ code, text }));
  });
  const runs = [];
  for (let i = 0; i < 40; i++) { runs.push(line(i)); await sleep(12); }
  for (const r of await Promise.all(runs)) check(r.code === 0, `exit ${r.code}: ${r.text}`);
  same(p.json('token list').data.length, 41, 'each once');
});

test('a killed command takes its server along and loses nothing', async () => {
  const p = new Place();
  p.write('many.ndjson', ndjson(Array.from({ length: 3000 }, () => order())));
  const child = spawn(BINARY, ['--data', p.data, 'import', 'many.ndjson', '--all-rows'], { cwd: p.dir, env: p.env(), stdio: ['ignore', 'pipe', 'ignore'] });
  let told = '';
  child.stdout.on('data', (d) => { told += d; if (told.length > 20000) child.kill('SIGKILL'); });
  await new Promise((done) => child.on('exit', done));
  const shown = told.split('\n').slice(0, -1).filter((l) => / created /.test(l)).length;
  p.ok('check');
  check(counts(p).orders >= shown, `${shown} were told`);
  const r = p.ok('import many.ndjson');
  check(/3000 rows/.test(r.err), r.err);
  same(counts(p).orders, 3000, 'every order once');
});

test('init twice changes nothing; the token opens the API', async () => {
  const p = new Place();
  const token = p.token(), conf = fs.readFileSync(path.join(p.data, 'orderd.conf'), 'utf8');
  same(fs.statSync(path.join(p.data, 'admin.token')).mode & 0o777, 0o600, 'mode');
  same(p.json('init').created, false, 'created');
  same([p.token(), fs.readFileSync(path.join(p.data, 'orderd.conf'), 'utf8')], [token, conf], 'as before');
  const s = await p.serve();
  const get = async (t) => (await fetch(`${s.url}/v1/orders`, { headers: { authorization: `Bearer ${t}` } })).status;
  same([await get(token), await get('ord_wrong')], [200, 401], 'tokens');
  const own = p.ok('token add other --roles viewer').out.trim();
  same(await get(own), 200, 'a new one');
  p.ok('token revoke other');
  same(await get(own), 401, 'a revoked one');
  await s.stop();
});

// ---- import ---------------------------------------------------------------------------------------------------------------
test('import: each result, and the same again changes nothing', () => {
  const p = new Place();
  const a = order(), b = order();
  const newer = { ...a, remarks: { buyer: 'later', seller: '', flag: '' }, updated_at: '2026-01-05T11:00:00+08:00' };
  const older = { ...a, remarks: { buyer: 'before', seller: '', flag: '' }, updated_at: '2026-01-05T09:00:00+08:00' };
  p.write('a.ndjson', ndjson([a, b, a, newer, older]));
  const first = JSON.parse(lastLine(p.ok('--json import a.ndjson').out)).summary;
  same([first.rows, first.created, first.unchanged, first.updated, first.stale, first.refused], [5, 2, 1, 1, 1, 0], 'first');
  const before = counts(p);
  const second = JSON.parse(lastLine(p.ok('--json import a.ndjson').out)).summary;
  same([second.rows, second.created, second.updated, second.refused], [5, 0, 0, 0], 'second');
  same(counts(p), before, 'nothing changed');
  same(p.json(['order', 'show', `till:${a.external_id}`]).remarks.buyer, 'later', 'the newest stands');
});

test('import: a dry run tells what would happen and changes nothing', () => {
  const p = new Place();
  const a = order(), b = order();
  p.write('a.ndjson', ndjson([a, b]));
  p.ok('import a.ndjson');
  const before = counts(p);
  const news = { ...a, remarks: { buyer: 'x', seller: '', flag: '' }, updated_at: '2026-01-05T11:00:00+08:00' };
  p.write('b.ndjson', ndjson([news, b, order(), { ...order(), total: '1.999' }, 'broken', b]));
  const rows = p.is(3, '--json import b.ndjson --dry-run').out.trim().split('\n').map((l) => JSON.parse(l));
  const sum = rows.pop();
  same(sum.dry_run, true, 'dry_run');
  const result = Object.fromEntries(rows.map((r) => [r.row, r.result]));
  same(result, { 1: 'updated', 2: 'unchanged', 3: 'created', 4: 'refused', 5: 'refused', 6: 'again' }, 'row by row');
  same(rows.find((r) => r.row === 4).column, '/total', 'where');
  check(!('id' in rows.find((r) => r.row === 3)), 'what is not there has no id');
  same(counts(p), before, 'nothing changed');
  same(p.json('payload list --state failed').data.length, 0, 'nothing kept');
  p.is(3, 'import b.ndjson');
  same(counts(p).orders, before.orders + 1, 'now it is');
});

test('import: refused rows are listed, kept once, and can be mended', () => {
  const p = new Place();
  const bad = order();
  delete bad.currency;
  p.write('a.ndjson', ndjson([order(), bad, '{"half":', { ...order(), external_id: 7 }]));
  const r = p.is(3, 'import a.ndjson');
  for (const says of [/ 2  refused +\/currency: missing/, / 3  refused +bad_json/, / 4  refused +\/external_id: id_must_be_text/]) check(says.test(r.out), `${says}: ${r.out}`);
  p.is(3, 'import a.ndjson');
  const failed = p.json('payload list --state failed').data;
  same(failed.length, 3, 'kept once');
  same(new Set(failed.map((x) => x.channel)), new Set(['till']), 'whose they are');
  const it = failed.find((x) => x.error.row === 2);
  same([it.source, it.error.code, it.error.column], ['file', 'missing', '/currency'], 'with the reason');
  same(JSON.parse(p.json(`payload show ${it.id}`).body).external_id, bad.external_id, 'with its bytes');
  same(p.json('exception list --type mapping_failed').data.length, 3, 'exceptions');
  p.is(3, `payload retry ${it.id}`);
  p.write('mended.json', JSON.stringify({ ...bad, currency: 'CNY' }, null, 1));
  p.ok(`payload retry ${it.id} --order mended.json`);
  same(p.json(['order', 'show', `till:${bad.external_id}`]).currency, 'CNY', 'mended');
  p.ok(['payload', 'discard', failed.find((x) => x.error.row === 3).id, '--note', 'not ours']);
  same(p.json('exception list --type mapping_failed --state open').data.length, 1, 'one is left');
});

test('import: a channel is the order\'s own', () => {
  const p = new Place();
  p.write('a.ndjson', ndjson([order(), order({ channel: 'shop' })]));
  const r = p.is(3, 'import a.ndjson --channel till');
  check(/2  refused +\/channel: other_channel/.test(r.out), r.out);
  check(/another channel/.test(r.err), r.err);
  same(p.json('order list').data.map((o) => o.channel), ['till'], 'only its own');
});

test('import: sheets in GB18030 and UTF-8, damage by row and column', () => {
  const p = new Place();
  const sheet = fs.readFileSync(path.join(TOP, 'examples/orders/tmall-demo.csv'));
  const r = p.is(3, 'import examples/orders/tmall-demo.csv --channel tmall-demo');
  for (const says of [/26  refused +订单编号: id_damaged/, /28  refused +联系手机: phone_damaged/, /29  refused +总金额: cell_error/, /30  refused +订单状态: status_unknown/])
    check(says.test(r.out), `${says}: ${r.out}`);
  const one = p.json('order show tmall-demo:2876543219803959500');
  same([one.receiver.name, one.receiver.phone, one.total.amount, one.lines[0].title], ['周占位', '19900005625', '299.00', '橡木餐椅'], 'read right');
  check(one.receiver.address.includes('小区') || one.receiver.address.includes('花园') || one.receiver.address.includes('公寓') || one.receiver.address.includes('新村'), one.receiver.address);
  const utf8 = `\ufeff${new TextDecoder('gb18030').decode(sheet)}`;
  p.write('utf8.csv', utf8);
  const again = JSON.parse(lastLine(p.is(3, '--json import utf8.csv --channel tmall-demo').out)).summary;
  same([again.created, again.updated, again.unchanged], [0, 0, 24], 'the same orders in UTF-8');
  check(/channel_missing/.test(p.is(3, 'import utf8.csv').out), 'a sheet needs to be told whose it is');
  check(/header_unknown/.test(p.is(3, 'import - --channel x', { input: 'a,b\n1,2\n' }).out), 'unknown headers');
});

test('import: what is no such file is told', () => {
  const p = new Place();
  const table = [['[{"a":1}]', /one order per line/], [Buffer.from([0x1f, 0x8b, 8, 0]), /compressed/], [Buffer.from([0xff, 0xfe, 0x61, 0]), /UTF-16/]];
  for (const [input, says] of table) check(says.test(p.is(1, 'import - --channel x', { input }).err), String(says));
  check(/header_unknown/.test(p.is(3, 'import -', { input: '' }).out), 'nothing in it');
  const long = `{"channel":"till","external_id":"${'x'.repeat(1 << 20)}"}`;
  check(/line_too_long/.test(p.is(3, 'import -', { input: `${long}\n${ndjson([order()])}` }).out), 'a line over the limit');
  same(counts(p).orders, 1, 'the next one is taken');
  check(/bad_json/.test(p.is(3, 'import - --format ndjson', { input: Buffer.from('{"a":"\xff"}\n', 'latin1') }).out), 'not UTF-8');
  same(p.ok('import -', { input: `\ufeff${ndjson([order()])}\r\n\n` }).status, 0, 'a mark, blank lines, CR LF');
});

test('import: many orders, with and without a server', async () => {
  const p = new Place();
  const list = Array.from({ length: 1500 }, () => order());
  p.write('a.ndjson', ndjson(list.slice(0, 750)));
  p.write('b.ndjson', ndjson(list.slice(700)));
  p.ok('import a.ndjson');
  const s = await p.serve();
  const sum = JSON.parse(lastLine(p.ok('--json import b.ndjson').out)).summary;
  same([sum.created, sum.unchanged], [750, 50], 'b');
  await s.stop();
  same(counts(p).orders, 1500, 'all');
});

// ---- export ---------------------------------------------------------------------------------------------------------------
const asObjects = (rows) => rows.slice(1).map((r) => Object.fromEntries(rows[0].map((h, i) => [h, r[i]])));

test('export: what went in comes out, in both forms', () => {
  const p = new Place();
  fed(p);
  const nd = p.ok('export orders --format ndjson').out.trim().split('\n').map((l) => JSON.parse(l));
  const csv = asObjects(parseCsv(p.ok('export orders').out));
  same(csv.length, nd.length, 'as many');
  check(nd.length > 200, `${nd.length} orders`);
  for (let i = 0; i < nd.length; i++) {
    same([csv[i].id, csv[i].external_id, csv[i].total, csv[i].receiver_name, csv[i].group], [nd[i].id, nd[i].external_id, nd[i].total.amount, nd[i].receiver?.name ?? '',
      nd[i].group?.id ?? ''], nd[i].id);
  }
  const lines = asObjects(parseCsv(p.ok('export lines').out));
  same(lines.length, nd.reduce((n, o) => n + o.lines.length, 0), 'a row per line');
  const some = asObjects(parseCsv(p.ok('export orders --status cancelled --channel till').out));
  same([some.length > 0, some.every((o) => o.status === 'cancelled' && o.channel === 'till')], [true, true], 'filters');
  for (const what of ['groups', 'events', 'exceptions', 'payloads']) {
    const a = parseCsv(p.ok(`export ${what}`).out), b = p.ok(`export ${what} --format ndjson`).out.trim().split('\n');
    same(a.length - 1, b.length, what);
    check(b.length > 9, `${what}: ${b.length}`);
  }
  same(asObjects(parseCsv(p.ok('export events --since 10').out))[0].seq, '11', 'events after a number');
});

test('export: safe for spreadsheets, whole digits, whole files', () => {
  const p = new Place();
  const long = '28765432198765432190';
  p.write('a.ndjson', ndjson([order({ external_id: long, remarks: { buyer: '=HYPERLINK("http://x.example","y")', seller: '+1,"2"\nline', flag: '' },
    receiver: { name: '@张示例', phone: '19900000001' } })]));
  p.ok('import a.ndjson');
  const text = p.ok('export orders').out, row = asObjects(parseCsv(text))[0];
  same([row.external_id, row.buyer_remark[0], row.seller_remark, row.receiver_name], [long, "'", '\'+1,"2"\nline', "'@张示例"], 'harmless');
  check(text.endsWith('\r\n') && !text.startsWith('\ufeff'), 'plain');
  const excel = p.ok('export orders --excel --bom').out;
  check(excel.startsWith('\ufeff') && excel.includes(`"=""${long}"""`), 'for a double click');
  const r = p.ok('export orders -o out.csv');
  same([r.out, p.read('out.csv')], ['', text], 'into a file');
  check(/1 rows in out\.csv/.test(r.err), r.err);
  same(fs.statSync(p.path('out.csv')).mode & 0o777, 0o600, 'it holds personal data');
  p.is(1, 'export orders -o /nosuch/dir/x.csv');
  same(p.is(3, 'export orders --from yesterday -o none.csv').status, 3, 'a wrong filter');
  check(!fs.readdirSync(p.dir).some((f) => f.startsWith('none.csv')), 'leaves no file');
});

// ---- the file ------------------------------------------------------------------------------------------------------------------
test('backup and restore', async () => {
  const p = new Place();
  fed(p);
  const before = counts(p);
  const s = await p.serve();
  p.ok('backup served.db');
  p.ok('check');
  await s.stop();
  p.ok('backup plain.db');
  for (const name of ['served.db', 'plain.db']) {
    p.ok(`check ${name}`);
    const q = new Place({ init: false });
    q.ok(['restore', p.path(name)]);
    const now = counts(q);
    same([now.orders, now.events >= before.events], [before.orders, true], name);
    q.ok('check');
    check(fs.existsSync(path.join(q.data, 'orderd.conf')), 'the configuration came along');
    check(/--force/.test(q.is(1, ['restore', p.path(name)]).err), 'not over a database');
    q.ok(['restore', p.path(name), '--force']);
    same(fs.readdirSync(q.data).filter((f) => /^before-.*orderd\.db$/.test(f)).length, 1, 'the old one stands aside');
  }
  const bytes = fs.readFileSync(p.path('plain.db'));
  for (let at = 8192; at < bytes.length; at += 3000) bytes[at] ^= 0xa5;
  fs.writeFileSync(p.path('hurt.db'), bytes);
  const r = p.run('check hurt.db');
  check(r.status === 1 && (r.out + r.err).length > 20, `a damaged file: ${r.status} ${r.out.slice(0, 200)} ${r.err.slice(0, 200)}`);
  const q = new Place({ init: false });
  q.is(1, ['restore', p.path('hurt.db')]);
  check(!fs.existsSync(path.join(q.data, 'orderd.db')), 'a damaged file becomes no database');
});

test('a backup takes the key of the secrets and what a shop has of its own', async () => {
  const p = new Place();
  p.ok('channel add corner --connector till --copy');
  fs.mkdirSync(p.path('sales'));
  fs.mkdirSync(path.join(p.data, 'secrets'));
  fs.writeFileSync(path.join(p.data, 'secrets/app.key'), 'fictional', { mode: 0o600 });
  fs.appendFileSync(path.join(p.data, 'orderd.conf'), `\n[channel corner]\nconnector = corner\nfolder = ${p.path('sales')}\n`);
  const s = await p.serve(); // a channel that is polled: the key is made
  const key = path.join(p.data, 'secret.key');
  for (let i = 0; !fs.existsSync(key) && i < 600; i++) await sleep(5);
  p.ok('backup b.db');
  await s.stop();
  for (const f of ['b.db', 'b.db.conf', 'b.db.key', 'b.db.connectors/corner.channel', 'b.db.secrets/app.key'])
    same(fs.statSync(p.path(f)).mode & 0o777, 0o600, f);
  const q = new Place({ init: false }), at = (f) => path.join(q.data, f), bytes = fs.readFileSync(key);
  q.ok(['restore', p.path('b.db')]);
  check(fs.readFileSync(at('secret.key')).equals(bytes), 'the same key');
  same(fs.statSync(at('secret.key')).mode & 0o777, 0o600, 'for the owner');
  same([fs.readFileSync(at('secrets/app.key'), 'utf8'), fs.existsSync(at('connectors/corner.channel'))], ['fictional', true], 'put back');
  q.ok('config');
  fs.writeFileSync(at('secret.key'), 'of another database');
  fs.writeFileSync(at('connectors/corner.channel'), '# newer');
  q.ok(['restore', p.path('b.db'), '--force']);
  check(fs.readFileSync(at('secret.key')).equals(bytes), 'the key of the backup');
  same(fs.readdirSync(q.data).filter((f) => /^before-.*secret\.key$/.test(f)).length, 1, 'the other key stands aside');
  same(fs.readFileSync(at('connectors/corner.channel'), 'utf8'), '# newer', 'what is there stays');
});

// ---- addresses --------------------------------------------------------------------------------------------------------------------
test('address: parts, two, and a file of pairs', () => {
  const p = new Place({ init: false });
  const x = p.json(['address', '浙江省杭州市西湖区文三路100号2幢301室']);
  same([x.parts.district, x.names.district, x.parts.room, x.masked], ['330106', '西湖区', '301', false], 'parts');
  const verdict = (a, b) => p.json(['address', a, b]).verdict;
  same(verdict('浙江省杭州市西湖区文三路100号2幢301室', '杭州西湖区文三路１００号 2栋301'), 'agree', 'typed another way');
  same(verdict('浙江省杭州市西湖区文三路100号2幢301室', '浙江省杭州市西湖区文三路100号2幢302室'), 'differ', 'next door');
  check(/room/.test(p.ok(['address', '杭州市西湖区文三路100号2幢301室', '杭州市西湖区文三路100号2幢302室']).out), 'by which part');
  p.write('pairs.tsv', '杭州市西湖区文三路100号2幢301室\t杭州西湖区文三路100号2幢302室\t0\n杭州市西湖区文三路100号2幢301室\t杭州西湖区文三路100号2栋301\t2\n');
  const r = p.ok('address --file pairs.tsv');
  same(r.out.trim().split('\n').map((l) => l.split('\t').slice(0, 2)), [['1', 'differ'], ['2', 'agree']], 'a verdict per line');
  check(/label +pairs/.test(r.err), 'a summary');
  const sum = JSON.parse(lastLine(p.ok('--json address --file pairs.tsv').out));
  same(sum.summary.map((s) => [s.label, s.agree, s.differ]), [['0', 0, 1], ['2', 1, 0]], 'the summary as JSON');
  check(/line 1/.test(p.is(3, 'address --file -', { input: 'no tab\n' }).err), 'a line that is no pair');
});

// ---- for people -----------------------------------------------------------------------------------------------------------------------
test('what came from outside cannot steer the terminal', () => {
  const p = new Place();
  const nasty = '\u001b[2J\u001b]0;x\u0007\u202ehidden\u009b';
  p.write('a.ndjson', ndjson([order({ remarks: { buyer: nasty, seller: '', flag: '' } })]));
  p.run('import a.ndjson --all-rows');
  for (const line of ['order show o_1', 'order list', 'order events o_1', 'payload list']) {
    const r = p.ok(line);
    // eslint-disable-next-line no-control-regex
    check(!/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/.test(r.out + r.err), `${line}: ${JSON.stringify(r.out)}`);
  }
  // eslint-disable-next-line no-control-regex
  check(!/\u001b/.test(p.ok('help').out + p.is(2, ['\u001b[31m']).err), 'no escape codes where nobody looks');
});

test('the journal is followed as it is written', async () => {
  const p = new Place();
  const s = await p.serve();
  const f = spawn(BINARY, ['--data', p.data, '--json', 'event', 'list', '--follow', '--since', '0'], { cwd: p.dir, env: p.env(), stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  f.stdout.on('data', (d) => { text += d; });
  p.write('a.ndjson', ndjson([order()]));
  p.ok('import a.ndjson');
  for (let i = 0; i < 600 && !/order\.created/.test(text); i++) await sleep(5);
  const types = text.trim().split('\n').map((l) => JSON.parse(l).type);
  check(types.includes('order.created') && types.includes('channel.created'), types.join(' '));
  await s.stop();
  const code = await new Promise((done) => (f.exitCode !== null ? done(f.exitCode) : f.on('exit', done)));
  same(code, 0, 'it ends with the server');
});

test('passwords come from standard input and are held to a length', () => {
  const p = new Place();
  p.ok('user add amy --roles cs --password', { input: 'correct horse battery\n' });
  same(p.json('user list').data.map((u) => [u.name, u.has_password, u.state]), [['amy', true, 'active']], 'listed');
  check(/too_short/.test(p.is(3, 'user add bob --roles cs --password', { input: 'short\n' }).err), 'too short');
  p.is(2, 'user add bob --roles cs --password', { input: '' });
  p.is(1, 'user add amy --roles cs');
  p.ok('user roles amy viewer');
  p.ok('user revoke amy');
  same(p.json('user list').data.map((u) => [u.roles, u.state]), [[['viewer'], 'revoked']], 'changed');
});

// ---- connectors --------------------------------------------------------------------------------------------------------
test('connector files: examples run, faults have their place', () => {
  const p = new Place({ init: false });
  const good = p.ok('channel test till shopee examples/connectors/taobao.channel');
  check(good.out.split('\n').filter(Boolean).every((l) => l.endsWith(': ok')), good.out);
  check(/^\d+ examples, 0 failed$/m.test(good.err), good.err);
  p.write('bad.channel', '[channel bad]\n[request list]\nGET {host}/o\nquery.a = lowr(1)\n[orders]\nSELECT 1\n');
  same(p.is(1, 'channel test bad.channel').out, 'bad.channel:4:11: no such function: lowr\n');
  same(p.is(1, 'channel test ./bad.channel till').out.split('\n')[0], './bad.channel:4:11: no such function: lowr');
  p.write('odd.channel', '[channel odd]\n[files]\nfolder = x\n[orders]\nSELECT \'{}\'\n[example one]\nsection = orders\nbody = []\nexpect = []\n');
  same(p.is(1, 'channel test odd.channel').out.split('\n')[0], 'odd.channel:6: it has 1 elements, expected 0: [{}] (example one)');
  const list = p.json('channel test till');
  check(list.length > 0 && list.every((e) => e.ok && e.file === 'till' && e.example), JSON.stringify(list));
  same(p.is(1, 'channel test nix').out, 'nix: there is no connector of that name\n');
  same(p.is(1, 'channel test nix.channel').out, 'nix.channel: No such file or directory\n');
  p.is(1, 'channel test ../till');
});

test('a channel begins with the section that its connector asks for', () => {
  const p = new Place();
  const r = p.ok('channel add my-shop --connector shopee');
  check(r.out.startsWith('[channel my-shop]\nconnector = shopee\nfamily = shopee\n'), r.out);
  check(/^# partner_key_file = secrets\/my-shop\.partner_key$/m.test(r.out) && /secrets are missing/.test(r.err), r.out + r.err);
  fs.mkdirSync(path.join(p.data, 'secrets'));
  for (const name of ['partner_id', 'partner_key', 'shop_id', 'access_token', 'refresh_token'])
    fs.writeFileSync(path.join(p.data, 'secrets', `my-shop.${name}`), `fictional-${name}`, { mode: 0o600 });
  const full = p.ok('channel add my-shop --connector shopee');
  check(/^partner_key_file = secrets\/my-shop\.partner_key$/m.test(full.out) && !/missing/.test(full.err), full.out + full.err);
  check(!/fictional/.test(full.out + full.err), 'a secret is shown');
  fs.appendFileSync(path.join(p.data, 'orderd.conf'), `\n${full.out}`);
  p.ok('config');
  check(/stands in the configuration already/.test(p.is(1, 'channel add my-shop --connector shopee').err), 'twice');
  check(/give one by --connector: .*shopee/.test(p.is(2, 'channel add other').err), 'which connector');
  p.is(2, 'channel add Other --connector shopee');
  p.is(2, 'channel add ../x --connector shopee');
});

test('a built-in connector is the start of one of your own', () => {
  const p = new Place();
  check(p.ok('channel add corner --connector till --copy').out.startsWith('[channel corner]\nconnector = corner\nfamily = till\n'), 'section');
  const file = path.join(p.data, 'connectors', 'corner.channel');
  same(fs.readFileSync(file, 'utf8'), fs.readFileSync(path.join(TOP, 'examples/connectors/till.channel'), 'utf8'));
  same(fs.statSync(file).mode & 0o777, 0o600);
  p.ok('channel test corner');
  check(/is there already/.test(p.is(1, 'channel add corner --connector till --copy').err), 'kept');
  fs.appendFileSync(file, '\n[oders]\n');
  check(/did you mean \[orders\]/.test(p.is(1, 'channel test corner').out), 'own before built-in');
});

test('the manual of connectors holds a file that passes', () => {
  const p = new Place({ init: false });
  const text = p.ok('help connectors').out, from = text.indexOf('---- tea.channel\n');
  check(from > 0 && /\[request R\]/.test(text), 'the manual');
  p.write('tea.channel', text.slice(from + '---- tea.channel\n'.length));
  same(p.ok('channel test tea.channel').out.split('\n').length, 5);
});

test('demo: polled and fed once, summed up, and still there the next time', async () => {
  const p = new Place({ init: false }), conf = path.join(p.data, 'orderd.conf');
  const refused = (url) => fetch(url).then(() => false, () => true);
  const demo = async (signal) => {
    const s = await p.start('--json demo --listen 127.0.0.1:0', { wait: /"url":"([^"]+)"/ });
    await sleep(50);
    const sum = JSON.parse(lastLine(s.out));
    check(/process \d+ serves/.test(p.is(1, 'demo --listen 127.0.0.1:0').err), 'one at a time');
    const hosts = [...fs.readFileSync(conf, 'utf8').matchAll(/^host = (\S+)$/gm)].map((m) => m[1]);
    check(!(await refused(hosts[0])), 'the simulator plays');
    const end = await s.stop(signal);
    if (signal === 'SIGINT') same(end.code, 0, 'Ctrl-C');
    for (let i = 0; !(await refused(hosts[0])) && i < 600; i++) await sleep(5);
    check(await refused(hosts[0]), `${signal}: no simulator is left behind`);
    return { ...sum, hosts };
  };
  const polled = (sum) => sum.channels.filter((c) => 'read' in c);
  const total = (sum, key) => polled(sum).reduce((n, c) => n + c[key], 0);
  const first = await demo('SIGKILL');
  same(polled(first).length, first.hosts.length, 'a channel for every platform');
  check(polled(first).length >= 3 && polled(first).every((c) => c.name === 'amazon' || (c.read && c.created > 50 && c.misses === 0)), JSON.stringify(first.channels));
  check(total(first, 'came_again') > 5 && polled(first).some((c) => c.groups > 10), JSON.stringify(first.channels));
  check(first.fed.created > 200 && first.fed.refused === 10 && first.counts.groups_several > 20 && first.proposals > 3, JSON.stringify(first));
  check(first.fed.unchanged > 10 && first.fed.stale > 5 && first.fed.updated > 5, JSON.stringify(first.fed));
  const text = fs.readFileSync(conf, 'utf8');
  fs.writeFileSync(conf, `${text}\n[channel outlet]\nmerge = no\n`.replace('every = 20s', 'every = 1h'));
  const second = await demo('SIGINT');
  same([second.fed.created, second.fed.updated], [0, 0], 'no example is new');
  const last = fs.readFileSync(conf, 'utf8');
  check(last.endsWith('\n[channel outlet]\nmerge = no\n') && !last.includes('every = 1h'), 'only its own part is written anew');
  same(last.replace(/= http:\S+/g, '').length, `${text}\n[channel outlet]\nmerge = no\n`.replace(/= http:\S+/g, '').length, 'secrets are the same');
  // New are only orders of the time in between, a few a minute; but a slow platform may still have been reading.
  const quick = (sum) => ({ channels: sum.channels.filter((c) => c.name !== 'amazon') });
  check(total(quick(second), 'created') < 40, `${total(quick(second), 'created')} orders came with the second demo`);
  const grown = total(quick(second), 'orders') - total(quick(first), 'orders');
  check(grown >= 0 && grown < 60, `${grown} orders more`);
  same([total(second, 'misses'), second.counts.failed], [0, first.counts.failed], 'nothing missed, nothing new that failed');
  const newest = p.json('order list --channel till --sort -placed_at --limit 1').data[0];
  const age = Date.now() - Date.parse(newest.placed_at);
  check(age > 0 && age < 24 * 3600 * 1000, `the newest order is of ${newest.placed_at}`);
  p.ok('check');
  fs.writeFileSync(conf, last.replace(/# ---- The end of .*\n/, ''));
  check(/ends the demo's part/.test(p.is(1, 'demo --listen 127.0.0.1:0').err), 'a mark is missing');
  fs.writeFileSync(conf, last);
  p.is(2, ['--config', conf, 'demo']);
  const s = await p.start('demo --listen 127.0.0.1:0', { wait: /(Ctrl-C)/ });
  check(/curl .*\/v1\/groups/.test(s.out) && s.out.includes(p.token()), s.out);
  check(/channel +orders +new +came again +groups +missed +read in\n  \S/.test(s.out), s.out);
  await s.stop('SIGINT');
});

test('the example configuration and scripts work', async () => {
  const p = new Place({ conf: fs.readFileSync(path.join(TOP, 'examples/orderd.conf'), 'utf8') });
  const values = p.json('config');
  same(values.find((v) => v.section === 'stage engraving' && v.key === 'owner').value, 'production', 'a stage of its own');
  const q = new Place();
  const s = await q.serve();
  const sh = (...args) => spawnSync('sh', args, { cwd: q.dir, encoding: 'utf8', env: { ...q.env(), ORDERD: BINARY } });
  const first = sh('examples/first_order.sh', s.url, path.join(q.data, 'admin.token'));
  const [made, shown, again] = first.stdout.trim().split('\n').map((l) => JSON.parse(l));
  same([first.status, made.result, shown.external_id, again.result], [0, 'created', 'EXAMPLE-1', 'unchanged'], `first_order.sh ${first.stderr}`);
  const night = sh('examples/nightly_backup.sh', q.data, q.path('kept'));
  same([night.status, fs.readdirSync(q.path('kept')).length], [0, 2], `nightly_backup.sh ${night.stderr}`);
  await s.stop();
});

test('the example orders are what their maker makes', () => {
  const p = new Place({ init: false });
  const python = spawnSync('python3', [path.join(TOP, 'examples/make_orders.py'), p.path('orders')], { encoding: 'utf8' });
  if (python.error) { console.log('python3 is not here: the maker of the examples was not run'); return; }
  for (const f of fs.readdirSync(path.join(TOP, 'examples/orders')))
    check(fs.readFileSync(p.path(`orders/${f}`)).equals(fs.readFileSync(path.join(TOP, 'examples/orders', f))), f);
});

test('version names everything that is linked in', () => {
  const p = new Place({ init: false });
  const v = p.json('version');
  for (const lib of ['sqlite', 'libuv', 'llhttp', 'curl', 'cjson', 'mbedtls', 'utf8proc', 'argon2', 'zlib']) check(v.libraries[lib], lib);
  check(/^\d+\.\d+\.\d+$/.test(v.version) && v.commit, JSON.stringify(v));
  same(p.ok('--version').out, p.ok('version').out, '--version');
});

// ---- run -----------------------------------------------------------------------------------------------------------------------------------
const loud = process.argv.includes('-v');
const parts = process.argv.slice(2).filter((a) => a !== '-v');
if (!fs.existsSync(BINARY)) {
  console.error(`${BINARY} is not there: make it first, or name it in ORDERD`);
  process.exit(2);
}
let passed = 0, failed = 0;
for (const t of tests.filter((x) => !parts.length || parts.some((w) => x.name.includes(w)))) {
  const begun = Date.now();
  try { await t.run(); } catch (e) { check(false, e.stack ?? e); }
  const wrong = takeFailures();
  for (const w of wrong.slice(0, 20)) console.log(`${t.name}: ${w}`);
  if (wrong.length) failed++;
  else passed++;
  if (loud) console.log(`${t.name}: ${wrong.length ? 'FAILED' : 'ok'}, ${Date.now() - begun} ms`);
}
tidyUp();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
