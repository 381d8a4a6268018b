// Addresses that only we can reach: refused when the connection is made, whatever the name says.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { BINARY, Receiver, SECRET, Teller, check, hook, outbox, same, sleep, test } from './lib.mjs';

test('private addresses are never connected to, unless the host is named', async () => {
  const r = await new Receiver().start(), open = await new Receiver().start();
  const to = (host) => `http://${host}:${r.port}/in`;
  const hosts = ['localhost', '127.0.0.1', '127.0.0.2', '0.0.0.0', '[::1]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]', 'localhost.'];
  const conf = outbox().replace('allow = 127.0.0.1', 'allow = allowed.example') + hosts.map((h, i) => hook(`h${i}`, to(h))).join('');
  const s = await new Teller(conf).start();
  await s.orders(1);
  for (let i = 0; i < hosts.length; i++) {
    let e;
    await s.until(`${hosts[i]} is refused`, async () => { [e] = await s.effects(`destination=webhook:h${i}&state=waiting`); return e?.error; });
    check(['private_address', 'no_answer'].includes(e?.error?.kind), `${hosts[i]}: ${JSON.stringify(e?.error)}`);
    if (i < 4) same(e?.error?.kind, 'private_address', hosts[i]);
  }
  same(r.sockets, 0, 'connections');
  // The same address under a name that may be private.
  fs.writeFileSync(s.file('orderd.conf'), outbox() + hook('named', open));
  s.child.kill('SIGHUP');
  await s.until('read again', () => /read again/.test(s.log));
  await s.orders(1);
  await s.until('told', () => open.ledger.size > 0);
  await s.drop();
  r.stop();
  open.stop();
});

test('a redirect to a private address is not followed', async () => {
  const inside = await new Receiver().start();
  const r = await new Receiver((c, res) => { res.writeHead(307, { location: inside.url }).end(); return true; }).start();
  const s = await new Teller(outbox() + hook('erp', r)).start();
  await s.orders(1);
  await s.until('three tries', () => r.calls.length >= 3);
  same(inside.sockets, 0, 'the other address');
  await s.until('it says why', async () => (await s.effects('state=waiting')).some((e) => e.error?.kind === 'http_307'));
  await s.drop();
  r.stop();
  inside.stop();
});

test('an endless answer is cut, and was a yes', async () => {
  let sent = 0;
  const r = await new Receiver((c, res) => {
    c.take();
    res.writeHead(200);
    const more = () => { while (!res.destroyed && sent < 1 << 30 && res.write('x'.repeat(65536))) sent += 65536; };
    res.on('drain', more);
    more();
    return true;
  }).start();
  const s = await new Teller(outbox().replace('timeout = 400ms', 'timeout = 60s') + hook('erp', r, 'at_once = 1')).start();
  await s.orders(1);
  await s.settled();
  check(sent < 32 << 20, `${sent} bytes were taken or lay in buffers`);
  same(r.calls.length, r.ledger.size, 'not sent again');
  await s.drop();
  r.stop();
});

test('mistakes of the configuration are refused at start, by their line, and secrets are not shown', async () => {
  const s = new Teller('');
  const run = (conf, ...args) => { fs.writeFileSync(s.file('orderd.conf'), conf); return spawnSync(BINARY, ['--data', s.dir, ...args], { encoding: 'utf8', env: { ...process.env, ORDERD_SERVER_LISTEN: '127.0.0.1:0' }, timeout: 20000 }); };
  const good = hook('erp', 'https://erp.example/in');
  for (const [conf, says] of [
    [good.replace('https://erp.example', 'http://good@evil.example'), /line 2.*names a user/], [good.replace('https://erp.example', 'ftp://erp.example'), /http/],
    [good.replace('https://erp.example', 'http://2130706433'), /odd form/], [good.replace('https://erp.example', 'http://0177.0.0.1'), /odd form/],
    [good.replace('https://erp.example', `https://${'a'.repeat(250)}.example`), /too long/], [good.replace('/in', '/in\n  X: 1'), /line ends/],
    [good.replace('events = order.*', 'evnts = order.*'), /did you mean events/], [good.replace(SECRET, 'short'), /24 at least/],
    [good.replace(`secret = ${SECRET}`, ''), /no secret/], [good.replace('[webhook erp]', '[webhook]'), /webhook NAME/],
  ]) {
    const a = run(conf, 'serve');
    check(a.status === 1 && says.test(a.stderr), `${says}: ${a.status} ${a.stderr.slice(0, 300)}`);
    check(!a.stderr.includes(SECRET), 'the secret is not shown');
  }
  const shown = run(good, 'config');
  check(shown.status === 0 && /secret\s.*\*\*\*/.test(shown.stdout) && !shown.stdout.includes(SECRET), `config: ${shown.stdout.slice(-600)}`);
  fs.rmSync(s.dir, { recursive: true, force: true });
  await sleep(0);
});
