// Secrets stand in the sealed place and where a person wrote them, and nowhere else; the configuration is checked.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { BINARY, FAST, Poller, Shop, check, filesWith, same, section, stopShops, test } from './lib.mjs';

const CLI = 'sealed-by-hand/+key=987', ENV = 'from-the-environment+554', FILED = 'from-a-file"1122';
const run = (s, words, input, env = {}) => spawnSync(BINARY, ['--data', s.dir, ...words], { input, encoding: 'utf8', timeout: 30000, env: { ...process.env, ...env } });

test('secrets never appear', async () => {
  const shop = await new Shop({ access: ENV, refresh: FILED }).start();
  const env = { NORD_TOKEN: ENV };
  const s = new Poller(section('shop', shop, '', 'access_token_env = NORD_TOKEN\nrefresh_token_file = refresh.txt\n'), {}, { env });
  fs.writeFileSync(s.file('refresh.txt'), `${FILED}\n`, { mode: 0o600 });
  await s.start();
  const said = [];
  const set = run(s, ['secret', 'set', 'shop', 'key'], `${CLI}\n`, env);
  same(set.status, 0, `secret set: ${set.stderr}`);
  said.push(set.stdout, set.stderr);
  same(fs.statSync(s.file('secret.key')).mode & 0o777, 0o600, 'the key that seals');
  // every kind of failure that shows something, with the secrets in the platform's words, also written in other ways
  const all = [CLI, ENV, FILED];
  const spelled = all.flatMap((x) => [x, encodeURIComponent(x), JSON.stringify(x).slice(1, -1).replaceAll('/', '\\/'), JSON.stringify(x).slice(1, -1).replaceAll('+', '\\u002b')]);
  for (const [status, body] of [[400, { message: spelled }], [500, spelled.join(' ')], [200, { error: 'refused', code: CLI, message: spelled.join(' ') }], [401, { error: 'auth_expired', code: 'x', message: all.join() }], [200, { orders: 'x' }]]) {
    const from = Date.now();
    shop.play = (c, res) => { shop.send(res, status, body); return true; };
    const c = await s.state('shop', (x) => x.poll.error && Date.parse(x.poll.error.at) >= from, `an error by ${status}`);
    said.push(JSON.stringify(c));
  }
  shop.play = null;
  for (const target of ['/v1/channels', '/v1/exceptions?limit=200', '/v1/payloads?limit=200', '/v1/events?limit=200', '/metrics', '/v1/channels/shop']) said.push((await s.raw('GET', target)).text);
  for (const words of [['config'], ['channel', 'list'], ['channel', 'show', 'shop'], ['channel', 'check', 'shop'], ['--json', 'channel', 'show', 'shop'], ['log'], ['check']]) {
    const r = run(s, words, '', env);
    said.push(r.stdout, r.stderr);
  }
  const config = run(s, ['config'], '', env).stdout;
  check(/refresh_token_file\s*=\s*refresh\.txt/.test(config) && /access_token_env/.test(config), `where they stand may be shown: ${config.split('\n').filter((l) => /token/.test(l)).join('; ')}`);
  await s.stop();
  said.push(s.log);
  for (const x of spelled) said.forEach((t, i) => check(!t.includes(x), `answer ${i} has ${x}: ${t.slice(Math.max(0, t.indexOf(x) - 120), t.indexOf(x) + 40)}`));
  same(filesWith(s.dir, all, (name) => name === 'refresh.txt'), [], 'files of the data directory');
  await s.start();
  await s.drop();
  shop.stop();
});

test('a short secret is hidden where it is all of a text or of a parameter', async () => {
  const shop = await new Shop().start();
  const said = { error: 'refused', code: '7q', message: 'key=7q&token=123 "7q" a7q 7q1 1234 {\\"k\\":\\"123\\"} r=%C3%A9-1', list: ['123', 'x123', '\u00e9-1'] };
  shop.play = (c, res) => { shop.send(res, 200, said); return true; };
  const s = await new Poller(section('shop', shop, '', 'key = 7q\naccess_token = 123\nrefresh_token = é-1\n')).start();
  const e = (await s.state('shop', (c) => c.poll?.error, 'an error')).poll.error;
  same(e.code === '7q', false, 'the code alone');
  same([e.message.includes('key=***&token=***'), e.message.includes('"***" a7q 7q1 1234'), e.message.includes('r=***')], [true, true, true], e.message);
  check(/"code":"\*\*\*"/.test(e.answer) && /\["\*\*\*","x123","\*\*\*"\]/.test(e.answer), e.answer);
  await s.drop();
  shop.stop();
});

test('orderd config hides values of secrets; unknown and wrong keys are refused by name', async () => {
  const s = new Poller(`[channel shop]\nconnector = plain\n${FAST}key = visible-to-nobody-1\naccess_token = visible-to-nobody-2\nrefresh_token = visible-to-nobody-3\n`);
  const r = run(s, ['config']);
  check(r.status === 0 && !/visible-to-nobody/.test(r.stdout + r.stderr) && (r.stdout.match(/\*\*\*/g) ?? []).length >= 3, r.stdout.slice(-800) + r.stderr);
  const table = [['acces_token = x', /acces_token.*access_token/], ['evry = 1s', /evry.*every/], ['keey_file = x', /keey_file.*key/], ['every = soon', /every/], ['every = 0s', /every/], ['breaker = -1s', /breaker/],
    ['connector = nosuch', /nosuch/], ['connector = ../plain', /plain|connector/], ['key_file = missing.txt', /missing\.txt|No such file/], ['key_env = NOT_SET_ANYWHERE', /NOT_SET_ANYWHERE/], ['host = ftp://x', /host|address/], ['key = a\nkey = b', /twice|already/], ['key = a\nkey_env = HOME', /key twice/]];
  for (const [line, why] of table) {
    fs.writeFileSync(s.file('orderd.conf'), `[channel shop]\n${line.startsWith('connector') ? '' : 'connector = plain\n'}${line}\n`);
    const x = run(s, ['serve', '--listen', '127.0.0.1:0'], '');
    check(x.status !== 0 && x.status !== null && why.test(x.stderr), `${line}: exit ${x.status}: ${x.stderr.slice(0, 300)}`);
  }
  fs.rmSync(s.dir, { recursive: true });
});

test('a wrong configuration read again leaves the old one in use', async () => {
  const shop = await new Shop().start(), s = await new Poller(section('shop', shop)).start();
  const was = fs.readFileSync(s.file('orderd.conf'), 'utf8');
  fs.writeFileSync(s.file('orderd.conf'), `${was}nonsense_key = 1\n`);
  s.child.kill('SIGHUP');
  await s.until('it says so', () => /was not taken.*nonsense_key/.test(s.log));
  const o = shop.put();
  await s.until('polling goes on', async () => await s.has('shop', o.id));
  fs.writeFileSync(s.file('orderd.conf'), was + section('second', shop));
  s.child.kill('SIGHUP');
  await s.until('a new channel', async () => await s.has('second', o.id));
  fs.writeFileSync(s.file('orderd.conf'), was);
  s.child.kill('SIGHUP');
  await s.until('and gone again', async () => (await s.want(200, 'GET', '/v1/channels')).json.data.find((c) => c.name === 'second')?.poll?.now === null);
  await s.want(404, 'POST', '/v1/channels/second/sync');
  await s.drop();
  stopShops();
});
