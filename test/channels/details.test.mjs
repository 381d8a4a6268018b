// A detail call whose answer has several pages: all are fetched, each with its own cursor, and mapped as one.
import { PARTS, Poller, Shop, check, connector, same, same_set, section, stopShops, test } from './lib.mjs';

const FILE = connector({
  ids: "[ids list]\nSELECT value ->> '$.id', value FROM json_each(:body, '$.orders')",
  detail: `[request detail]\nGET {host}/items/{order_id}\nbatch = 1\nvar.order_id = :ids ->> '$[0]'\nquery.cursor = nullif(:cursor, '')
header.X-Token = secret('access_token')`,
  next_detail: "[next detail]\nSELECT :body ->> '$.more'",
  orders: PARTS.orders.replaceAll('value ->>', 'o.value ->>').replace("fullkey FROM json_each(:body, '$.orders')", () => "'$' FROM json_each(:rows) o")
    .replace(/'lines', json_array\(.*\),/, () => `'lines', (SELECT json_group_array(json_object('line_id', i.value ->> '$.line', 'sku', 'MUG', 'quantity', 1))
      FROM json_each(:body) p, json_each(p.value, '$.items') i),`),
  orders_one: '', one: '', push: '', push_ids: '',
});
let s, shop, broken = 0;
function items(call, res) {
  if (!call.path.startsWith('/items/')) return false;
  const at = call.query.get('cursor') ?? 'i1', page = { i1: 1, i2: 2, i3: 3 }[at];
  if (!page) shop.send(res, 200, { error: 'refused', code: 'bad_cursor', message: at });
  else if (page === 2 && broken++ < 2) shop.send(res, 503, 'busy');
  else shop.send(res, 200, { items: [{ line: String(page * 2 - 1) }, { line: String(page * 2) }], more: page < 3 ? `i${page + 1}` : null });
  return true;
}

test('starts', async () => {
  shop = await new Shop({ play: items }).start();
  for (let i = 0; i < 7; i++) shop.put();
  s = await new Poller(section('plain', shop), { plain: FILE }).start();
});

test('pages of details are not those of the list', async () => {
  await s.until('seven orders', async () => (await s.ids('plain')).length === 7);
  same((await s.payloads('plain')).length, 0, 'nothing is refused');
  for (const o of await s.orders('plain')) {
    const full = (await s.want(200, 'GET', `/v1/orders/${o.id}`)).json;
    same_set(full.lines.map((l) => l.line_id), ['1', '2', '3', '4', '5', '6'], `lines of ${o.external_id}`);
  }
  check(shop.asked.filter((c) => c.path.startsWith('/items/')).every((c) => /^i[23]$/.test(c.query.get('cursor') ?? 'i2')), 'cursors of its own');
  same(broken >= 2, true, 'a page that failed came again');
});

test('a page that leads to itself is no next page', async () => {
  shop.play = (call, res) => call.path.startsWith('/items/') && (shop.send(res, 200, { items: [{ line: '1' }], more: 'i1' }), true);
  const o = shop.put();
  await s.state('plain', (c) => c.poll.error?.code === 'repeated_page', 'it says so');
  shop.play = items;
  await s.until('it heals', async () => await s.has('plain', o.id));
});

test('stops cleanly', async () => { same(await s.drop(), { code: 0, signal: null }); stopShops(); });
