// Rate cards: entered by row, asked for a price, and the real lists to the fen.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import zlib from 'node:zlib';
import { BINARY, Server, check, order, same, skip, test } from './lib.mjs';

// Worked out by hand from the lists: rounding to 0.1 kg at sf, else to 1 kg; 6000 cm3 a kg at sf, sto and jt, 4000 at xinliang, else 5000.
const quotes = [
  ['sf', '山西省', '', 1001, 60000, 2320], // 1.001 kg, 60000/6000 = 10.000 kg -> 10; 7.0 + 9 x 1.8
  ['sf', '湖北省', '', 300, 0, 700], // 0.3 kg -> 0.3; 7.0 + 0 x 1.8
  ['sf', '辽宁省', '', 1000, 9000, 910], // 1 kg, 9000/6000 = 1.500 kg -> 1.5; 8.0 + 0.5 x 2.2
  ['sf', '浙江省', '', 300, 0, 600], // 0.3 kg -> 0.3; 6.0 + 0 x 0.9
  ['sf', '云南省', '', 1000, 60000, 2780], // 1 kg, 60000/6000 = 10.000 kg -> 10; 8.0 + 9 x 2.2
  ['sf', '新疆', '', 1000, 0, 1200], // 1 kg -> 1; 12.0 + 0 x 8.0
  ['sf', '内蒙古', '', 12345, 0, 3308], // 12.345 kg -> 12.4; 8.0 + 11.4 x 2.2
  ['sf', '辽宁省', '', 1000, 0, 800], // 1 kg -> 1; 8.0 + 0 x 2.2
  ['sf', '湖北省', '', 300, 60000, 2320], // 0.3 kg, 60000/6000 = 10.000 kg -> 10; 7.0 + 9 x 1.8
  ['sf', '云南省', '', 1050, 0, 822], // 1.05 kg -> 1.1; 8.0 + 0.1 x 2.2
  ['sto', '河南省', '', 1001, 0, 400], // 1.001 kg -> 2; 4.0
  ['sto', '新疆', '', 1001, 20000, 3950], // 1.001 kg, 20000/6000 = 3.333 kg -> 4; 3.5 + 3 x 12.0
  ['sto', '北京市', '', 2999, 20000, 830], // 2.999 kg, 20000/6000 = 3.333 kg -> 4; 3.5 + 3 x 1.6
  ['sto', '辽宁省', '', 1001, 0, 400], // 1.001 kg -> 2; 4.0
  ['sto', '浙江省', '', 2000, 0, 400], // 2 kg -> 2; 4.0
  ['sto', '北京市', '', 18000, 20000, 3070], // 18 kg, 20000/6000 = 3.333 kg -> 18; 3.5 + 17 x 1.6
  ['sto', '内蒙古', '', 200, 20000, 1550], // 0.2 kg, 20000/6000 = 3.333 kg -> 4; 3.5 + 3 x 4.0
  ['sto', '天津市', '', 5200, 20000, 1150], // 5.2 kg, 20000/6000 = 3.333 kg -> 6; 3.5 + 5 x 1.6
  ['sto', '河南省', '', 3001, 0, 830], // 3.001 kg -> 4; 3.5 + 3 x 1.6
  ['sto', '江苏省', '', 5200, 0, 750], // 5.2 kg -> 6; 3.5 + 5 x 0.8
  ['sto', '山东省', '', 2000, 0, 400], // 2 kg -> 2; 4.0
  ['sto', '甘肃省', '', 2000, 0, 400], // 2 kg -> 2; 4.0
  ['ane', '江西', '吉安市', 999001, 300000, 150000], // 999.001 kg, 300000/5000 = 60.000 kg -> 1000; 1000 x 1.5
  ['ane', '浙江', '上虞', 120000, 300000, 8400], // 120 kg, 300000/5000 = 60.000 kg -> 120; 120 x 0.7
  ['ane', '四川', '自贡市区', 500, 300000, 15000], // 0.5 kg, 300000/5000 = 60.000 kg -> 60; 60 x 2.5
  ['ane', '山西', '吕梁', 45500, 0, 10580], // 45.5 kg -> 46; 46 x 2.3
  ['ane', '重庆', '云阳县', 120000, 0, 28800], // 120 kg -> 120; 120 x 2.4
  ['ane', '四川', '郫县', 999001, 300000, 240000], // 999.001 kg, 300000/5000 = 60.000 kg -> 1000; 1000 x 2.4
  ['ane', '河南', '驻马店', 45500, 300000, 9000], // 45.5 kg, 300000/5000 = 60.000 kg -> 60; 60 x 1.5
  ['ane', '甘肃', '西宁', 500, 0, 250], // 0.5 kg -> 1; 1 x 2.5
  ['ane', '江苏', '昆山', 120000, 0, 8400], // 120 kg -> 120; 120 x 0.7
  ['xinliang', '四川省', '宜宾市', 200000, 800000, 38000], // 200 kg, 800000/4000 = 200.000 kg -> 200; 200 x 1.9
  ['xinliang', '辽宁市', '东港市', 3500000, 0, 245000], // 3500 kg -> 3500; 3500 x 0.7
  ['xinliang', '广西省', '钦州市', 480500, 800000, 76960], // 480.5 kg, 800000/4000 = 200.000 kg -> 481; 481 x 1.6
  ['xinliang', '江西省', '上饶市', 3000, 0, 5000], // 3 kg -> 3; 50.0
  ['xinliang', '江西省', '宜春市', 50001, 800000, 26000], // 50.001 kg, 800000/4000 = 200.000 kg -> 200; 200 x 1.3
  ['xinliang', '安徽省', '宿州市', 501000, 0, 25050], // 501 kg -> 501; 501 x 0.5
  ['xinliang', '广东省', '普宁市', 200000, 0, 20000], // 200 kg -> 200; 200 x 1.0
  ['xinliang', '广东省', '阳西县', 480500, 0, 38480], // 480.5 kg -> 481; 481 x 0.8
  ['xinliang', '湖北省', '荆州市', 50000, 0, 5000], // 50 kg -> 50; 50.0
  ['xinliang', '浙江省', '嵊州市', 480500, 800000, 24050], // 480.5 kg, 800000/4000 = 200.000 kg -> 481; 481 x 0.5
  ['xinliang', '广西省', '玉林市', 50001, 0, 9690], // 50.001 kg -> 51; 51 x 1.9
  ['xinliang', '福建省', '南平市', 200000, 800000, 22000], // 200 kg, 800000/4000 = 200.000 kg -> 200; 200 x 1.1
  ['xinliang', '河南省', '许昌市', 200001, 800000, 18090], // 200.001 kg, 800000/4000 = 200.000 kg -> 201; 201 x 0.9
  ['xinliang', '河北省', '沧州市', 120000, 0, 12000], // 120 kg -> 120; 120 x 1.0
  ['ane-std', '吉林省', '', 10000, 0, 4000], // 10 kg -> 10; 40.0 + 0 x 2.0
  ['ane-std', '广东省内', '中山市', 10000, 0, 2500], // 10 kg -> 10; 25.0 + 0 x 0.68
  ['ane-std', '广东省内', '茂名市', 75000, 0, 7375], // 75 kg -> 75; 25.0 + 65 x 0.75
  ['ane-std', '广东省内', '佛山市', 10500, 0, 2568], // 10.5 kg -> 11; 25.0 + 1 x 0.68
  ['ane-std', '宁夏省', '', 11000, 200000, 10500], // 11 kg, 200000/5000 = 40.000 kg -> 40; 45.0 + 30 x 2.0
  ['ane-std', '新疆省', '', 75000, 200000, 30700], // 75 kg, 200000/5000 = 40.000 kg -> 75; 60.0 + 65 x 3.8
  ['ane-big', '陕西省', '', 10001, 0, 3668], // 10.001 kg -> 11; 35.0 + 1 x 1.68
  ['ane-big', '广东省内', '珠海市', 250000, 200000, 20500], // 250 kg, 200000/5000 = 40.000 kg -> 250; 25.0 + 240 x 0.75
  ['ane-big', '广东省内', '深圳市', 250000, 0, 20500], // 250 kg -> 250; 25.0 + 240 x 0.75
  ['ane-big', '广东省内', '肇庆市', 250000, 0, 21700], // 250 kg -> 250; 25.0 + 240 x 0.8
  ['ane-big', '山西省', '', 9000, 0, 3500], // 9 kg -> 9; 35.0 + 0 x 1.68
  ['jt', '广东省内', '湛江市', 1000, 0, 1000], // 1 kg -> 1; 10.0 + 0 x 1.0
  ['jt', '广东省内', '江门市', 15000, 0, 2400], // 15 kg -> 15; 10.0 + 14 x 1.0
  ['jt', '广东省内', '佛山市', 800, 0, 800], // 0.8 kg -> 1; 8.0 + 0 x 0.7
  ['jt', '广东省内', '肇庆市', 800, 30000, 1400], // 0.8 kg, 30000/6000 = 5.000 kg -> 5; 10.0 + 4 x 1.0
  ['jt', '广东省内', '阳江市', 800, 0, 1000], // 0.8 kg -> 1; 10.0 + 0 x 1.0
  ['sxjd', '重庆市', '', 10001, 100000, 4100], // 10.001 kg, 100000/5000 = 20.000 kg -> 20; 28.0 + 10 x 1.3
  ['sxjd', '广东省内', '河源市', 10001, 100000, 2650], // 10.001 kg, 100000/5000 = 20.000 kg -> 20; 20.0 + 10 x 0.65
  ['sxjd', '广东省内', '佛山市', 400000, 100000, 24900], // 400 kg, 100000/5000 = 20.000 kg -> 400; 15.0 + 390 x 0.6
  ['sxjd', '广东省内', '江门市', 500001, 0, 30960], // 500.001 kg -> 501; 15.0 + 491 x 0.6
  ['sxjd', '四川省自治州县', '', 1500000, 0, 197200], // 1500 kg -> 1500; 35.0 + 1490 x 1.3
  ['sxjd', '广东省内', '珠海市', 500001, 0, 30960], // 500.001 kg -> 501; 15.0 + 491 x 0.6
  ['sxjd', '广东省内', '揭阳市', 5000, 0, 2000], // 5 kg -> 5; 20.0 + 0 x 0.7
  ['sxjd', '四川省', '', 1000500, 0, 111810], // 1000.5 kg -> 1001; 28.0 + 991 x 1.1
  ['yunda', '重庆市', '', 300000, 0, 40300], // 300 kg -> 300; 26.0 + 290 x 1.3
  ['yunda', '西藏省', '', 11000, 90000, 8200], // 11 kg, 90000/5000 = 18.000 kg -> 18; 50.0 + 8 x 4.0
  ['yunda', '云南省', '', 11000, 90000, 4200], // 11 kg, 90000/5000 = 18.000 kg -> 18; 30.0 + 8 x 1.5
  ['yunda', '广东省内', '深圳市', 11000, 90000, 2044], // 11 kg, 90000/5000 = 18.000 kg -> 18; 15.0 + 8 x 0.68
  ['yunda', '江苏省', '', 7000, 90000, 2712], // 7 kg, 90000/5000 = 18.000 kg -> 18; 20.0 + 8 x 0.89
  ['yunda', '广东省内', '汕头市', 950000, 0, 62900], // 950 kg -> 950; 18.0 + 940 x 0.65
  ['yunda', '西藏省', '', 300000, 90000, 121000], // 300 kg, 90000/5000 = 18.000 kg -> 300; 50.0 + 290 x 4.0
];
const codes = { 顺丰快递: ['sf', '0.1', '6000'], 申通快递: ['sto', '1', '6000'], 安能物流: ['ane', '1', '5000'], 新亮物流: ['xinliang', '1', '4000'],
  '安能快运-标准': ['ane-std', '1', '5000'], '安能快運-大件': ['ane-big', '1', '5000'], 极兔速递: ['jt', '1', '6000'], 顺心捷达: ['sxjd', '1', '5000'], 韵达快运: ['yunda', '1', '5000'] };
const LISTS = path.resolve('../shared/data/carriers/cn_rate_cards.csv.gz');

test('the real rate cards: quotes to the fen', async () => {
  if (!fs.existsSync(LISTS)) return skip('the real rate cards are not at hand');
  const rows = zlib.gunzipSync(fs.readFileSync(LISTS)).toString().trim().split(/\r?\n/).slice(1).map((l) => l.split(',')).map((x) => {
    const [carrier, step_kg, divisor] = codes[x[0]];
    return { carrier, service: x[1], origin: x[2], province: x[3], city: x[4], model: x[5], first_kg: x[6], first_price: x[7], from_kg: x[8], to_kg: x[9], price_per_kg: x[10], days: x[11], step_kg, divisor };
  });
  check(rows.length > 3000, `${rows.length} bands`);
  const s = await new Server().start();
  for (let i = 0; i < rows.length; i += 500) {
    const a = await s.want(207, 'POST', '/v1/rates', { body: { rates: rows.slice(i, i + 500) } });
    same(a.json.results.filter((r) => r.status > 201).slice(0, 3), [], 'every band is taken');
  }
  check(quotes.length >= 60, `${quotes.length} quotes`);
  for (const [carrier, province, city, weight_g, volume_cm3, price] of quotes) {
    const a = (await s.want(200, 'POST', '/v1/shipments/quote', { body: { province, city, weight_g, volume_cm3 } })).json;
    const k = a.candidates.find((x) => x.carrier === carrier);
    same(k?.price_minor, price, `${carrier} to ${province} ${city}, ${weight_g} g, ${volume_cm3} cm3`);
    const priced = a.candidates.filter((x) => x.price_minor !== undefined);
    same(a.winner.price_minor, Math.min(...priced.map((x) => x.price_minor)), 'the cheapest wins');
    check(priced.every((x) => (x.lost === null) === (x.card === a.winner.card)), 'one wins, the others say why not');
  }
  await s.drop();
});

test('who takes it, and why the others do not', async () => {
  const s = await new Server().start();
  const put = (more, status = 201) => s.want(status, 'POST', '/v1/rates', { body: { model: 'first_add', first_kg: '1', first_price: '10', price_per_kg: '2', ...more } });
  await put({ carrier: 'a', province: '浙江省', days: '2-3' });
  await put({ carrier: 'b', province: '浙江', days: '1', first_price: '12', max_kg: '5', minimum: '15', fuel_percent: '10', cod_percent: '1', cod_minimum: '3', insured_percent: '0.5', insured_minimum: '1' });
  await put({ carrier: 'c', province: '江苏省' });
  await put({ carrier: 'd', province: '浙江省', valid_to: '2020-01-01' });
  await put({ carrier: 'e', province: '浙江省', currency: 'USD', first_price: '1' });
  await put({ carrier: 'f', province: '浙江省', model: 'per_kg', from_kg: '50', first_price: '', price_per_kg: '0.455' });
  await put({ carrier: 'g', province: '浙江省', city: '杭州市、宁波市', first_price: '9', max_side_cm: '100' });
  const ask = async (more) => (await s.want(200, 'POST', '/v1/shipments/quote', { body: { province: '浙江省', city: '温州市', currency: 'CNY', weight_g: 3000, ...more } })).json;
  const lost = (a) => Object.fromEntries(a.candidates.map((x) => [x.carrier, x.lost]));
  same(lost(await ask({})), { a: null, b: 'dearer', c: 'not_served', d: 'not_valid', e: 'currency', f: 'weight_not_listed', g: 'not_served' });
  const b = (await ask({ cod_minor: 10000, insured_minor: 50000 })).candidates.find((x) => x.carrier === 'b');
  // 12 + 2 x 2 = 16, fuel 1.60, cod 1 % of 100 = 1 but 3 at least, insured 0.5 % of 500 = 2.50
  same([b.base_minor, b.fuel_minor, b.to_minimum_minor, b.cod_minor, b.insured_minor, b.price_minor], [1600, 160, 0, 300, 250, 2310]);
  same((await ask({ weight_g: 900 })).candidates.find((x) => x.carrier === 'b').to_minimum_minor, 180, '12 + 1.20 is 1.80 less than 15');
  same((await ask({ days: 1 })).winner.carrier, 'b', 'only b is there in a day');
  same(lost(await ask({ days: 1 })).a, 'too_late');
  same(lost(await ask({ weight_g: 5001 })).b, 'too_heavy');
  same((await ask({ city: '宁波' })).winner.carrier, 'g', 'the city goes before the province');
  same(lost(await ask({ city: '宁波', longest_mm: 1001 })).g, 'too_long');
  same((await ask({ weight_g: 50001 })).candidates.find((x) => x.carrier === 'f').price_minor, 2275, '50.001 x 0.455 = 22.750455');
  same((await ask({ province: '西藏', city: '' })).winner, null, 'nobody goes there');
  same((await s.want(201, 'POST', '/v1/rates', { body: { carrier: 'a', province: '浙江', from_kg: '10', first_price: '10', price_per_kg: '1' } })).json.result, 'created', 'another band');
  same((await s.want(200, 'POST', '/v1/rates', { body: { carrier: 'a', province: '浙江', from_kg: '10', first_price: '10', price_per_kg: '1' } })).json.result, 'unchanged');
  same((await s.want(200, 'POST', '/v1/rates', { body: { carrier: 'a', province: '浙江', from_kg: '10', first_price: '10', price_per_kg: '1.5' } })).json.result, 'updated');
  for (const [bad, code] of [[{ price_per_kg: '1.234567' }, 'bad_value'], [{ days: 'soon' }, 'bad_value'], [{ to_kg: '1', from_kg: '2' }, 'out_of_range'], [{ model: 'guess' }, 'bad_value'], [{ nonsense: 1 }, 'unknown_key'], [{ first_price: '-1' }, 'bad_value'], [{ carrier: '' }, 'missing'], [{ currency: 'XXQ' }, 'unknown_currency']])
    same((await s.want(422, 'POST', '/v1/rates', { body: { carrier: 'z', price_per_kg: '1', ...bad } })).json.errors[0].code, code, JSON.stringify(bad));
  await s.want(422, 'POST', '/v1/shipments/quote', { body: {} });
  await s.want(422, 'POST', '/v1/shipments/quote', { body: { province: '浙江' } });
  await s.want(404, 'POST', '/v1/shipments/quote', { body: { fulfilment: 'f_99' } });
  same((await s.get('/v1/rates')).json.data.map((c) => c.code), ['a', 'b', 'c', 'd', 'e', 'f', 'g']);
  same((await s.want(200, 'GET', '/v1/rates/g')).json.rates[0].city, '杭州 宁波');
  await s.drop();
});

test('a card has one currency, and unlike currencies are not compared', async () => {
  const s = await new Server().start(), row = { carrier: 'n', province: '浙江省', model: 'total' };
  const put = (status, more) => s.want(status, 'POST', '/v1/rates', { body: { ...row, ...more } }), quote = { province: '浙江省', weight_g: 500 };
  await put(201, { currency: 'JPY', first_price: '700', to_kg: '1' });
  for (const currency of [undefined, 'USD']) // yen have no hundredths: 900 would be 90000
    check(/other_currency/.test(JSON.stringify((await put(409, { first_price: '900', from_kg: '1', currency })).json)), currency);
  await put(201, { currency: 'JPY', first_price: '900', from_kg: '1' });
  same((await s.want(200, 'POST', '/v1/shipments/quote', { body: quote })).json.winner.price_minor, 700, 'all in one currency');
  await put(201, { carrier: 'm', first_price: '60' });
  check(/several_currencies/.test(JSON.stringify((await s.want(409, 'POST', '/v1/shipments/quote', { body: quote })).json)), '700 JPY and 60.00 CNY');
  same((await s.want(200, 'POST', '/v1/shipments/quote', { body: { ...quote, currency: 'CNY' } })).json.winner.carrier, 'm');
  await s.drop();
});

test('files of cards: the row and the reason', async () => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'orderd-cards-')), file = (name, lines) => { fs.writeFileSync(path.join(dir, name), `${lines.join('\n')}\n`); return path.join(dir, name); };
  const orders = file('orders.csv', ['province,city,weight_g,volume_cm3', '浙江省,,3000,0', '西藏自治区,,3000,0']);
  const run = (lines, from = orders) => spawnSync(BINARY, ['what-if', 'carriers', '--orders', from, '--cards', file('cards.csv', lines), '--json'], { encoding: 'utf8' });
  const head = 'carrier,province,from_kg,to_kg,model,first_price,price_per_kg,currency,days';
  const bad = (want, lines, from) => { const r = run([head, ...lines], from); check(r.status !== 0 && r.stderr.includes(want), `${want}: ${r.status} ${r.stderr}`); };
  bad('cards.csv: row 3: /to_kg: A band ends above its beginning', ['a,浙江,0,1,total,5,,,', 'a,浙江,2,1,total,5,,,']);
  bad('cards.csv: row 2: /model: guess is no value for model', ['a,浙江,0,1,guess,5,,,']);
  bad('cards.csv: row 2: /carrier: This is required', [',浙江,0,1,total,5,,,']);
  bad('cards.csv: row 2: /price_per_kg: A band has a price', ['a,浙江,0,1,total,,,,']);
  bad('cards.csv: row 2: /days: soon is no value for days', ['a,浙江,0,1,total,5,,,soon']);
  bad('cards.csv: row 2: /currency: A code like CNY', ['a,浙江,0,1,total,5,,XXQ,']);
  bad('cards.csv: row 3: too many cards, or a row in another currency', ['a,浙江,0,1,total,5,,JPY,', 'a,浙江,1,,total,5,,,']);
  bad('one currency is compared at a time', ['a,浙江,0,,total,5,,JPY,', 'b,浙江,0,,total,5,,,']);
  bad('orders.csv: row 2: province, weight_g and volume_cm3 are needed', ['a,浙江,0,,total,5,,,'], file('orders.csv', ['province,city,weight_g,volume_cm3', '浙江省,,heavy,0']));
  file('orders.csv', ['province,city,weight_g,volume_cm3', '浙江省,,3000,0', '西藏自治区,,3000,0']);
  // 5 + 2 x 1 = 7 with a, 8 with b; nobody goes to the other place
  const w = JSON.parse(run([head, 'a,浙江,,,first_add,5,1,,', 'b,浙江,,,total,8,,,']).stdout);
  same([w.parcels, w.not_priced, w.chosen_minor, w.always.map((x) => [x.carrier, x.always_minor, x.saved_minor])], [2, 1, 700, [['a', 700, 0], ['b', 800, 100]]]);
  fs.rmSync(dir, { recursive: true, force: true });
});

test('a parcel that left: its days are learnt, and what-if prices it', async () => {
  const s = await new Server({ conf: '[rates]\nobserved = 1\n' }).start();
  for (const [carrier, first_price] of [['sf', '20'], ['sto', '8']]) await s.want(201, 'POST', '/v1/rates', { body: { carrier, province: '浙江省', first_price, price_per_kg: '1', days: '1' } });
  const o = order({ status: 'paid' }), id = (await s.want(201, 'POST', '/v1/orders', { body: o })).json.id;
  await s.want(200, 'POST', `/v1/orders/${id}/transitions`, { body: { to: 'split' } });
  const f = (await s.get(`/v1/orders/${id}`)).json.fulfilments[0].id;
  const province = (await s.get(`/v1/orders/${id}`)).json.receiver.province;
  same(province, '浙江省');
  await s.want(201, 'POST', `/v1/fulfilments/${f}/claims`, { body: { carrier: 'sto', tracking_no: 'STO0000000001' } });
  const at = (days) => new Date(Date.now() - days * 86400e3).toISOString();
  await s.want(200, 'POST', '/v1/shipments/trace', { body: { tracking_no: 'STO0000000001', status: 'picked_up', at: at(4.5) } });
  await s.want(200, 'POST', '/v1/shipments/trace', { body: { tracking_no: 'STO0000000001', status: 'delivered', at: at(1) } });
  const a = (await s.want(200, 'POST', '/v1/shipments/quote', { body: { province: '浙江省', weight_g: 1000 } })).json;
  same([a.winner.carrier, a.winner.days, a.winner.observed], ['sto', 4, true], 'three and a half days are four');
  same((await s.want(200, 'POST', '/v1/shipments/quote', { body: { province: '浙江省', weight_g: 1000, days: 2 } })).json.winner.carrier, 'sf', 'a promise goes before the price');
  const w = (await s.want(200, 'POST', '/v1/rates/what-if', { body: {} })).json;
  same([w.next, (await s.want(200, 'POST', '/v1/rates/what-if', { body: { after: 999999 } })).json.parcels], [null, 0], 'nothing is behind the last');
  for (const body of [{ from: 'soon' }, { after: -1 }, { always: 'sf' }, []]) await s.want(400, 'POST', '/v1/rates/what-if', { body });
  same([w.parcels, w.chosen_minor, w.always.map((x) => [x.carrier, x.always_minor, x.saved_minor])], [1, 800, [['sf', 2000, 1200], ['sto', 800, 0]]]);
  await s.drop();
});

// States of Brazil by their capital's distance from São Paulo, on provinces by their capital's distance from Wuxi.
const PLACES = { SP: '江苏省', PR: '上海市', RJ: '浙江省', MG: '安徽省', SC: '江西省', ES: '河南省', GO: '湖北省', DF: '山东省', MS: '福建省', RS: '湖南省', MT: '天津市', BA: '北京市', TO: '河北省',
  SE: '山西省', AL: '陕西省', PE: '广东省', PB: '辽宁省', RN: '贵州省', PI: '广西', CE: '重庆市', MA: '四川省', RO: '吉林省', PA: '内蒙古', AC: '云南省', AM: '黑龙江省', AP: '甘肃省', RR: '新疆' };
const DATA = path.resolve('../shared/data');
const table = (name) => {
  const [head, ...rows] = zlib.gunzipSync(fs.readFileSync(path.join(DATA, 'olist', `${name}.csv.gz`))).toString().replaceAll('\r', '').trim().split('\n').map((l) => l.split(',').map((x) => x.replace(/^"|"$/g, '')));
  return rows.map((r) => Object.fromEntries(head.map((h, i) => [h.replace(/^\ufeff?"?|"$/g, ''), r[i]])));
};

test('real weights and sizes: what always using one carrier would have cost', async () => {
  if (!fs.existsSync(path.join(DATA, 'olist')) || !fs.existsSync(LISTS)) return skip('the real orders are not at hand');
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'orderd-rates-'));
  const product = new Map(table('olist_products_dataset').map((p) => [p.product_id, p])), state = new Map(table('olist_customers_dataset').map((c) => [c.customer_id, c.customer_state]));
  const parcels = new Map();
  for (const i of table('olist_order_items_dataset')) {
    const p = product.get(i.product_id), was = parcels.get(i.order_id) ?? [0, 0];
    if (!p || !Number(p.product_weight_g) || !Number(p.product_length_cm)) { parcels.set(i.order_id, [NaN, NaN]); continue; }
    parcels.set(i.order_id, [was[0] + Number(p.product_weight_g), was[1] + p.product_length_cm * p.product_height_cm * p.product_width_cm]);
  }
  const lines = ['province,city,weight_g,volume_cm3'];
  for (const o of table('olist_orders_dataset')) {
    const [g, v] = parcels.get(o.order_id) ?? [NaN, NaN], place = PLACES[state.get(o.customer_id)];
    if (o.order_status === 'delivered' && place && g > 0) lines.push(`${place},,${g},${v}`);
  }
  check(lines.length > 60000, `${lines.length} orders`);
  fs.writeFileSync(path.join(dir, 'orders.csv'), `${lines.join('\n')}\n`);
  const cards = zlib.gunzipSync(fs.readFileSync(LISTS)).toString().trim().split(/\r?\n/).slice(1).map((l) => l.split(',')).filter((x) => x[2] === '无锡市')
    .map((x) => [...codes[x[0]], ...x.slice(1)].join(','));
  fs.writeFileSync(path.join(dir, 'cards.csv'), `carrier,step_kg,divisor,service,origin,province,city,model,first_kg,first_price,from_kg,to_kg,price_per_kg,days\n${cards.join('\n')}\n`);
  const r = spawnSync(BINARY, ['what-if', 'carriers', '--orders', path.join(dir, 'orders.csv'), '--cards', path.join(dir, 'cards.csv'), '--json'], { encoding: 'utf8' });
  const w = JSON.parse(r.stdout), sf = w.always.find((x) => x.carrier === 'sf'), sto = w.always.find((x) => x.carrier === 'sto');
  same([w.parcels, w.not_priced], [lines.length - 1, 0]);
  check(w.always.every((x) => x.saved_minor >= 0), 'the best is never dearer');
  check(sf.parcels === w.parcels && sf.always_minor > w.chosen_minor && sto.always_minor > w.chosen_minor, JSON.stringify(w));
  if (process.argv.includes('-v')) console.log(spawnSync(BINARY, ['what-if', 'carriers', '--orders', path.join(dir, 'orders.csv'), '--cards', path.join(dir, 'cards.csv')], { encoding: 'utf8' }).stdout);
  fs.rmSync(dir, { recursive: true, force: true });
});
