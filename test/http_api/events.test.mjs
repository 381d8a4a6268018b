// The journal, as a list and live.
import http from 'node:http';
import { check, endServer, order, same, sleep, test, withServer } from './lib.mjs';

const s = withServer();
const put = async (more) => (await s.want(201, 'POST', '/v1/orders', { body: order(more) })).json;

function listen(query = '', headers = {}, token = s.admin) {
  const events = [];
  let text = '', head, ended = false, comments = 0;
  const req = http.get({ host: '127.0.0.1', port: s.port, path: `/v1/events${query}`,
    headers: { host: 'localhost', authorization: `Bearer ${token}`, accept: 'text/event-stream', ...headers } });
  const begun = new Promise((done) => {
    req.on('error', () => { ended = true; done(); });
    req.on('response', (res) => {
      head = res;
      done(res.statusCode);
      res.on('data', (d) => {
        text += d;
        const frames = text.split('\n\n');
        text = frames.pop();
        for (const f of frames) {
          const id = /^id: (\d+)$/m.exec(f), data = /^data: (.*)$/m.exec(f);
          if (data) events.push({ id: Number(id[1]), data: JSON.parse(data[1]) });
          else comments++;
        }
      });
      res.on('end', () => { ended = true; });
      res.on('error', () => { ended = true; });
    });
  });
  return { events, begun, head: () => head, ended: () => ended, comments: () => comments, pause: () => head.pause(), resume: () => head.resume(), close: () => req.destroy() };
}
const head = async () => {
  let since = 0;
  for (;;) {
    const a = await s.get(`/v1/events?since=${since}&limit=500`);
    since = a.json.data.at(-1)?.seq ?? since;
    if (!a.json.next) return since;
  }
};

test('the list: in order, without holes, page by page', async () => {
  for (let i = 0; i < 30; i++) await put();
  const all = [];
  let next = '/v1/events?limit=7';
  while (next) {
    const a = await s.want(200, 'GET', next);
    all.push(...a.json.data.map((e) => e.seq));
    next = /^<([^>]+)>; rel="next"$/.exec(a.headers.link ?? '')?.[1];
    same(Boolean(next), a.json.next !== null);
  }
  same(all, Array.from({ length: all.length }, (_, i) => i + 1));
  same((await s.get(`/v1/events?since=${all.length - 2}`)).json.data.length, 2);
  same((await s.get('/v1/events?since=999999')).json, { data: [], next: null });
  for (const q of ['since=-1', 'since=x', 'since=1.5', 'since=', 'limit=501', 'entity=q_1', 'entity=o_', 'entity=', 'kind=o'])
    await s.want(400, 'GET', `/v1/events?${q}`);
});

test("an order's history", async () => {
  const { id } = await put();
  await s.want(200, 'POST', `/v1/orders/${id}/hold`, { body: { reason: 'x' } });
  const own = (await s.want(200, 'GET', `/v1/orders/${id}/events`)).json;
  same(own.data.map((e) => e.type).filter((t) => t !== 'order.group'), ['order.created', 'order.hold']);
  same(own.data.every((e) => e.entity === id), true);
  same((await s.get(`/v1/events?entity=${id}`)).json, own);
  same((await s.get(`/v1/orders/${id}/events?limit=1`)).json.next !== null, true);
  await s.want(404, 'GET', '/v1/orders/o_999999/events');
});

test('live: only what is new, as it happens', async () => {
  const w = listen();
  same(await w.begun, 200);
  same(w.head().headers['content-type'], 'text/event-stream');
  await sleep(300);
  same(w.events.length, 0);
  const from = Date.now();
  const { id } = await put();
  await s.until('the event', () => w.events.some((e) => e.data.entity === id));
  check(Date.now() - from < 2000, 'late');
  same(w.events.every((e) => e.id === e.data.seq), true);
  w.close();
});

test('live from the past, and again from where it broke off: no hole, none twice', async () => {
  const base = await head();
  let last = base, got = [], writing = true;
  const writer = (async () => {
    for (let i = 0; i < 40; i++) await Promise.all(Array.from({ length: 20 }, () => put()));
    writing = false;
  })();
  for (let n = 0; writing || got.at(-1) !== await head(); n++) {
    const w = listen(n % 2 ? `?since=${last}` : '', n % 2 ? {} : { 'last-event-id': String(last) });
    await w.begun;
    await sleep(150);
    w.close();
    got.push(...w.events.map((e) => e.id));
    last = got.at(-1) ?? last;
    if (n > 400) throw new Error('never caught up');
  }
  await writer;
  same(got.length, last - base);
  same(got.every((id, i) => id === base + 1 + i), true);
});

test('Last-Event-ID is newer than the address', async () => {
  const end = await head();
  const w = listen('?since=0', { 'last-event-id': String(end - 1) });
  await s.until('one', () => w.events.length === 1);
  await sleep(200);
  same(w.events.map((e) => e.id), [end]);
  w.close();
});

test('a listener of one entity hears of that one only', async () => {
  const { id } = await put();
  const w = listen(`?entity=${id}&since=0`);
  await w.begun;
  await put();
  await s.want(200, 'POST', `/v1/orders/${id}/hold`, { body: { reason: 'x' } });
  await put();
  await s.until('the hold', () => w.events.some((e) => e.data.type === 'order.hold'));
  same(w.events.every((e) => e.data.entity === id), true);
  w.close();
});

test('many listen, one does not read: everybody gets everything', async () => {
  const base = await head();
  const all = Array.from({ length: 60 }, () => listen(`?since=${base}`));
  await Promise.all(all.map((w) => w.begun));
  all[0].pause();
  for (let i = 0; i < 20; i++) await Promise.all(Array.from({ length: 20 }, () => put()));
  const end = await head();
  await s.until('all', () => all.slice(1).every((w) => w.events.at(-1)?.id === end), 20000);
  all[0].resume();
  await s.until('the sleeper', () => all[0].events.at(-1)?.id === end, 20000);
  for (const w of all) {
    same([w.events.length, w.events[0].id], [end - base, base + 1]);
    w.close();
  }
});

test('a listener whose token is revoked hears no more', async () => {
  const a = await s.want(201, 'POST', '/v1/tokens', { body: { name: 'listener', roles: 'viewer' } });
  const w = listen('', {}, a.json.token);
  await w.begun;
  await s.want(200, 'POST', '/v1/tokens/listener/revoke', { body: {} });
  await s.until('the end', () => w.ended());
});

test('a bad start is a problem, not a stream', async () => {
  for (const [query, headers, status] of [['?since=x', {}, 400], ['', { 'last-event-id': 'x' }, 400], ['?entity=zz', {}, 400], ['', { authorization: 'Bearer x' }, 401]]) {
    const w = listen(query, headers);
    same(await w.begun, status);
    w.close();
  }
});

test('stopping ends the streams', async () => {
  const w = listen();
  await w.begun;
  same(await s.stop(), { code: 0, signal: null });
  check(w.ended(), 'a stream outlived its server');
  await s.start();
});

endServer(s);
