// What was acknowledged is there: after a kill in the middle of writing, and after a stop.
import { check, order, same, Server, sleep, test } from './lib.mjs';

async function flood(s, acknowledged, lanes) {
  const lane = async () => {
    for (;;) {
      const o = order({ channel: 'durable' });
      const a = await s.raw('POST', '/v1/orders', { body: o });
      if (a.status === 201) acknowledged.push({ external: o.external_id, id: a.json.id });
      else if (a.status !== 503) check(false, `${a.status} ${a.text}`);
    }
  };
  await Promise.allSettled(Array.from({ length: lanes }, lane));
}

test('kill -9 while 32 write, three times: nothing lost, nothing doubled', async () => {
  const s = await new Server().start();
  const acknowledged = [];
  for (let round = 0; round < 3; round++) {
    const writing = flood(s, acknowledged, 32);
    await sleep(700);
    await s.stop('SIGKILL');
    await writing;
    const from = Date.now();
    await s.start();
    check(Date.now() - from < 5000, `start took ${Date.now() - from} ms`);
  }
  check(acknowledged.length > 100, `${acknowledged.length} acknowledged`);
  for (const { external, id } of acknowledged) {
    const a = await s.raw('GET', `/v1/orders/durable:${external}`);
    if (!same([a.status, a.json?.id], [200, id], external)) break;
  }
  const all = await s.raw('GET', '/v1/check');
  same([all.json?.ok, all.json?.findings], [true, []]);
  same(await s.drop(), { code: 0, signal: null });
});

test('SIGTERM while 32 write: all answers given are true, and it ends at once', async () => {
  const s = await new Server().start();
  const acknowledged = [];
  const writing = flood(s, acknowledged, 32);
  await sleep(500);
  const from = Date.now();
  same(await s.stop(), { code: 0, signal: null });
  check(Date.now() - from < 10500, `${Date.now() - from} ms`);
  await writing;
  await s.start();
  check(acknowledged.length > 50, `${acknowledged.length} acknowledged`);
  for (const { external } of acknowledged) if (!same((await s.raw('GET', `/v1/orders/durable:${external}`)).status, 200, external)) break;
  await s.drop();
});
