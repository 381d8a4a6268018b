// How fast polling brought the orders: from the beginning of the first run to the end of the last first run.
//   node polled.mjs PORT TOKEN
const [port, token] = process.argv.slice(2);
const get = async (what) => (await fetch(`http://127.0.0.1:${port}${what}`, { headers: { authorization: `Bearer ${token}` } })).json();
for (let i = 0; i < 600; i++) {
  await new Promise((done) => setTimeout(done, 500));
  const channels = (await get('/v1/channels')).data.filter((c) => c.poll);
  if (!channels.length || channels.some((c) => !c.poll.last_ok_at)) continue;
  const runs = (await Promise.all(channels.map((c) => get(`/v1/channels/${c.name}`)))).map((c) => c.runs.at(-1));
  const began = Math.min(...runs.map((r) => Date.parse(r.began_at))), ended = Math.max(...runs.map((r) => Date.parse(r.ended_at)));
  const created = runs.reduce((n, r) => n + r.created, 0);
  console.log(`polled_orders_per_s ${Math.round(created * 1000 / (ended - began))} orders ${created} ms ${ended - began}`);
  process.exit(0);
}
console.error('the channels were not read in five minutes');
process.exit(1);
