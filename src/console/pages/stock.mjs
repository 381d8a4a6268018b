// stock.mjs: how many pieces lie where, the dictionary of articles, what channels call them, the ledger, the warehouses.
import { act, addWords, ask, Badge, Button, Fresh, get, href, html, Key, L, ListEnd, may, number, post, query as queryText, setQuery, Time, useEffect, useGet, useKeys, useList, useState, word } from 'core';

addWords('sku', { active: ['active', '在售'], retired: ['retired', '停用'] });
addWords('bucket', { outside: ['outside', '外部'], available: ['available', '可用'], reserved: ['reserved', '已占用'], frozen: ['frozen', '已冻结'], quarantine: ['quarantine', '隔离'], shipped: ['shipped', '已发出'], made: ['made', '已生产'] });
const isStock = (e) => /^(stock|sku|mapping|warehouse)\./.test(e.type);
const TABS = [['stock', L('Stock', '库存')], ['skus', L('Articles', '商品')], ['mappings', L('Channel SKUs', '渠道编码')], ['ledger', L('Ledger', '流水')], ['warehouses', L('Warehouses', '仓库')]];

const warehouses = async () => { const w = await get('/v1/warehouses'); return w.ok ? w.data.data.map((x) => x.code) : []; };
const place = (codes, value, name = 'warehouse', label = L('Warehouse', '仓库')) => ({ name, label, ...(codes.length ? { type: 'select', value: value ?? codes[0], options: codes.map((c) => [c, c]) } : { required: true, value }) });

async function book(row) {
  const a = await ask({ title: L('Book in or out', '入库 / 出库'), fields: [{ name: 'sku', label: 'SKU', required: true, value: row?.sku }, place(await warehouses(), row?.warehouse), { name: 'delta', label: L('Pieces (minus: out)', '数量（负数为出库）'), type: 'number', required: true }, { name: 'reason', label: L('Reason', '原因'), type: 'select', value: 'received', options: ['received', 'returned', 'lost', 'found', 'damaged', 'correction'].map((r) => [r, word('reason', r)]) }, { name: 'note', label: L('Note', '备注'), max: 500 }], ok: L('Book', '登记') });
  if (a) await act(() => post('/v1/stock/adjustments', { sku: a.sku.trim(), warehouse: a.warehouse, delta: Number(a.delta), reason: a.reason, ...(a.note ? { note: a.note } : {}) }), L('Booked', '已登记'));
}
async function count(row) {
  const a = await ask({ title: L('Counted on the shelf', '盘点'), fields: [{ name: 'sku', label: 'SKU', required: true, value: row?.sku }, place(await warehouses(), row?.warehouse), { name: 'counted', label: L('Pieces on the shelf', '实盘数量'), type: 'number', min: 0, required: true, value: row ? String(row.on_hand) : '' }, { name: 'note', label: L('Note', '备注'), max: 500 }], ok: L('Book the count', '登记盘点') });
  if (a) await act(() => post('/v1/stock', { sku: a.sku.trim(), warehouse: a.warehouse, counted: Number(a.counted), ...(a.note ? { note: a.note } : {}) }), L('Booked', '已登记'));
}
async function shift(row) {
  const codes = await warehouses(), buckets = ['available', 'quarantine'].map((b) => [b, word('bucket', b)]);
  const a = await ask({ title: L('Move pieces', '调拨 / 隔离'), fields: [{ name: 'sku', label: 'SKU', required: true, value: row?.sku }, place(codes, row?.warehouse, 'warehouse', L('From', '调出仓')), { name: 'from_bucket', label: L('out of', '来源'), type: 'select', value: 'available', options: buckets }, place(codes, row?.warehouse, 'to', L('To', '调入仓')), { name: 'to_bucket', label: L('into', '去向'), type: 'select', value: 'available', options: buckets }, { name: 'quantity', label: L('Pieces', '数量'), type: 'number', min: 1, required: true }, { name: 'note', label: L('Note', '备注'), max: 500 }], ok: L('Move', '移动') });
  if (a) await act(() => post('/v1/stock/moves', { sku: a.sku.trim(), warehouse: a.warehouse, to: a.to, from_bucket: a.from_bucket, to_bucket: a.to_bucket, quantity: Number(a.quantity), ...(a.note ? { note: a.note } : {}) }), L('Moved', '已移动'));
}
async function article(k) {
  const a = await ask({ title: k ? k.code : L('New article', '新建商品'), fields: [...(k ? [] : [{ name: 'code', label: 'SKU', required: true, max: 64 }]), { name: 'title', label: L('Title', '名称'), value: k?.title, max: 200 }, { name: 'barcodes', label: L('Barcodes, by blanks', '条码（空格分隔）'), value: (k?.barcodes ?? []).join(' '), max: 500 }, { name: 'weight_g', label: L('Weight, g', '重量（克）'), type: 'number', min: 0, value: k?.weight_g ?? '' }, { name: 'safety', label: L('Safety stock', '安全库存'), type: 'number', min: 0, value: k?.safety ?? '' }, { name: 'made', label: L('It is made to order', '按单生产'), type: 'checkbox', value: k?.made }], ok: L('Save', '保存') });
  if (!a) return;
  const body = { code: k ? k.code : a.code.trim(), title: a.title || null, barcodes: a.barcodes.split(/\s+/).filter(Boolean), ...(a.weight_g !== '' ? { weight_g: Number(a.weight_g) } : {}), ...(a.safety !== '' ? { safety: Number(a.safety) } : {}), made: a.made, ...(k ? { if_version: k.version } : {}) };
  await act(() => post('/v1/skus', body), L('Saved', '已保存'));
}
async function mapping(channel, sku) {
  const s = await get('/v1/stats/orders');
  const channels = s.ok ? s.data.channels : [];
  const a = await ask({ title: L('Which article a channel means', '渠道编码对应的商品'), fields: [channels.length ? { name: 'channel', label: L('Channel', '渠道'), type: 'select', value: channel || channels[0], options: [...new Set([...(channel ? [channel] : []), ...channels])].map((c) => [c, c]) } : { name: 'channel', label: L('Channel', '渠道'), required: true, value: channel }, { name: 'channel_sku', label: L('What the channel calls it', '渠道编码'), required: true, value: sku, max: 100 }, { name: 'sku', label: L('Our SKU', '本店 SKU'), required: true, max: 64 }], ok: L('Save', '保存') });
  if (a) await act(() => post('/v1/mappings', { channel: a.channel, channel_sku: a.channel_sku.trim(), sku: a.sku.trim() }), L('Saved; orders that wait for it are looked at again', '已保存，等待中的订单会重新处理'));
}
async function house(w) {
  const a = await ask({ title: w ? w.code : L('New warehouse', '新建仓库'), fields: [...(w ? [] : [{ name: 'code', label: L('Code', '编码'), required: true, max: 64 }]), { name: 'title', label: L('Title', '名称'), value: w?.title, max: 200 }, { name: 'kind', label: L('Kind', '类型'), type: 'select', value: w?.kind ?? 'warehouse', options: [['warehouse', L('Warehouse', '仓库')], ['factory', L('Factory', '工厂')]] }, { name: 'division', label: L('Division (GB/T 2260, for the nearest)', '行政区划代码（用于就近发货）'), value: w?.division, max: 12 }], ok: L('Save', '保存') });
  if (a) await act(() => post('/v1/warehouses', { code: w ? w.code : a.code.trim(), title: a.title || null, kind: a.kind, division: a.division || null, ...(w ? { if_version: w.version } : {}) }), L('Saved', '已保存'));
}

function Table({ label, head, list, row, none }) {
  return html`<div class="card table-cards" tabindex="0" role="region" aria-label=${label}><table><thead><tr>${head.map((h, i) => html`<th key=${i} class=${h.num ? 'num' : ''}>${h.num ?? h}</th>`)}</tr></thead><tbody>${(list.rows ?? []).map(row)}</tbody></table><${ListEnd} list=${list} none=${none} /></div>`;
}
function Find({ query, label }) {
  const [text, set] = useState(query.q ?? '');
  useEffect(() => { const t = setTimeout(() => { if (text !== (query.q ?? '')) setQuery({ q: text }); }, 250); return () => clearTimeout(t); }, [text]);
  return html`<label>${label} <input type="search" value=${text} onInput=${(e) => set(e.target.value.trim())} /></label>`;
}

function Shelves({ query }) {
  const list = useList('/v1/stock' + queryText({ sku: query.q, warehouse: query.warehouse, limit: 100 }), { on: isStock });
  useKeys([may('adjustStock') && ['b', 'Book in or out', '入库 / 出库', () => book()], may('countStock') && ['c', 'Counted', '盘点', () => count()], may('moveStock') && ['m', 'Move', '调拨', () => shift()]]);
  return html`<div class="row"><${Find} query=${query} label="SKU" />${may('adjustStock') ? html`<${Button} kind="primary" onClick=${() => book()}>${L('Book', '入库 / 出库')} <${Key} k="b" /><//>` : null}${may('countStock') ? html`<${Button} onClick=${() => count()}>${L('Counted', '盘点')} <${Key} k="c" /><//>` : null}${may('moveStock') ? html`<${Button} onClick=${() => shift()}>${L('Move', '调拨')} <${Key} k="m" /><//>` : null}<${Fresh} list=${list} /></div>
    <${Table} label=${L('Stock', '库存')} list=${list} none=${L('No stock here.', '没有库存记录。')} head=${['SKU', L('Warehouse', '仓库'), { num: L('On hand', '在库') }, { num: L('Reserved', '占用') }, { num: L('Frozen', '冻结') }, { num: L('Available', '可用') }, { num: L('Quarantine', '隔离') }, ...(may('countStock') ? [L('Act', '操作')] : [])]}
      row=${(r) => html`<tr key=${r.sku + ' ' + r.warehouse}><td class="break"><a href=${href('stock', { tab: 'ledger', q: r.sku })}>${r.sku}</a></td><td>${r.warehouse}</td><td class="num">${number(r.on_hand)}</td><td class="num">${number(r.reserved)}</td><td class="num">${number(r.frozen)}</td><td class=${'num' + (r.available <= 0 ? ' late' : '')}><b>${number(r.available)}</b></td><td class="num">${number(r.quarantine)}</td>${may('countStock') ? html`<td><${Button} onClick=${() => count(r)}>${L('Count', '盘点')}<//></td>` : null}</tr>`} />`;
}
function Articles({ query }) {
  const list = useList('/v1/skus' + queryText({ q: query.q, limit: 100 }), { on: isStock });
  useKeys([may('putSkus') && ['n', 'New article', '新建商品', () => article()]]);
  return html`<div class="row"><${Find} query=${query} label=${L('SKU, title or barcode', 'SKU、名称或条码')} />${may('putSkus') ? html`<${Button} kind="primary" onClick=${() => article()}>${L('New article', '新建商品')} <${Key} k="n" /><//>` : null}<${Fresh} list=${list} /></div>
    <${Table} label=${L('Articles', '商品')} list=${list} none=${L('No articles here.', '没有商品。')} head=${['SKU', L('Title', '名称'), L('State', '状态'), L('Barcodes', '条码'), { num: L('Available', '可用') }, ...(may('putSkus') ? [L('Act', '操作')] : [])]}
      row=${(k) => html`<tr key=${k.id}><td class="break"><a href=${href('stock', { q: k.code })}>${k.code}</a></td><td class="break">${k.title ?? ''}</td><td><${Badge} kind="sku" value=${k.state} />${k.kit ? html` <span class="badge">${L('kit', '套装')}</span>` : null}${k.made ? html` <span class="badge">${L('made', '定制')}</span>` : null}</td><td class="break"><small>${(k.barcodes ?? []).join(' ')}</small></td><td class="num">${k.available == null ? '' : number(k.available)}</td>
        ${may('putSkus') ? html`<td><${Button} onClick=${() => article(k)}>${L('Change', '修改')}<//> ${k.state === 'active' && may('retireSku') ? html`<${Button} onClick=${async () => { const a = await ask({ title: L(`Retire ${k.code}`, `停用 ${k.code}`), text: L('It stays known, and is no longer offered.', '仍可识别，但不再销售。'), ok: L('Retire', '停用') }); if (a) await act(() => post(`/v1/skus/${encodeURIComponent(k.code)}/retire`, {}), L('Retired', '已停用')); }}>${L('Retire', '停用')}<//>` : null}</td>` : null}</tr>`} />`;
}
function Mappings({ query }) {
  const list = useList('/v1/mappings' + queryText({ sku: query.q, channel: query.only, limit: 100 }), { on: isStock });
  const [asked, setAsked] = useState('');
  useEffect(() => { const k = `${query.channel}/${query.sku}`; if (query.sku && asked !== k && may('putMappings')) { setAsked(k); mapping(query.channel, query.sku); } }, [query.sku]);
  useKeys([may('putMappings') && ['n', 'New mapping', '新建对应', () => mapping()]]);
  return html`<div class="row"><${Find} query=${query} label=${L('Our SKU', '本店 SKU')} />${may('putMappings') ? html`<${Button} kind="primary" onClick=${() => mapping()}>${L('New', '新建对应')} <${Key} k="n" /><//>` : null}<${Fresh} list=${list} /></div>
    <${Table} label=${L('Channel SKUs', '渠道编码')} list=${list} none=${L('None here: channels use our SKUs.', '暂无：渠道直接使用本店 SKU。')} head=${[L('Channel', '渠道'), L('What the channel calls it', '渠道编码'), L('Our SKU', '本店 SKU'), ...(may('dropMapping') ? [L('Act', '操作')] : [])]}
      row=${(m) => html`<tr key=${m.channel + ' ' + m.channel_sku}><td>${m.channel}</td><td class="break">${m.channel_sku}</td><td class="break"><a href=${href('stock', { q: m.sku })}>${m.sku}</a></td>${may('dropMapping') ? html`<td><${Button} onClick=${() => act(() => post('/v1/mappings/drop', { channel: m.channel, channel_sku: m.channel_sku }), L('Forgotten', '已删除'))}>${L('Forget', '删除')}<//></td>` : null}</tr>`} />`;
}
function Ledger({ query }) {
  const list = useList('/v1/stock/ledger' + queryText({ sku: query.q, warehouse: query.warehouse, limit: 100 }), { on: isStock });
  return html`<div class="row"><${Find} query=${query} label="SKU" /><${Fresh} list=${list} /></div>
    <${Table} label=${L('Ledger', '流水')} list=${list} none=${L('Nothing was booked.', '没有流水。')} head=${[L('When', '时间'), 'SKU', L('Warehouse', '仓库'), L('From', '从'), L('To', '到'), { num: L('Pieces', '数量') }, L('Reason', '原因'), L('Who', '操作人')]}
      row=${(m) => html`<tr key=${m.id}><td><${Time} t=${m.at} /></td><td class="break">${m.sku}</td><td>${m.warehouse}</td><td>${word('bucket', m.from)}</td><td>${word('bucket', m.to)}</td><td class="num">${number(m.quantity)}</td><td class="break">${word('reason', m.reason)} ${/^o_\d+$/.test(m.ref ?? '') ? html`<a href=${href('order', m.ref)}>${m.ref}</a>` : m.ref ?? ''}</td><td><small>${m.actor ?? ''}</small></td></tr>`} />`;
}
function Houses() {
  const s = useGet('/v1/warehouses', { on: isStock });
  useKeys([may('putWarehouses') && ['n', 'New warehouse', '新建仓库', () => house()]]);
  const list = { rows: s.data?.data ?? (s.problem ? [] : null), problem: s.problem, reload: s.reload };
  return html`<div class="row">${may('putWarehouses') ? html`<${Button} kind="primary" onClick=${() => house()}>${L('New warehouse', '新建仓库')} <${Key} k="n" /><//>` : null}</div>
    <${Table} label=${L('Warehouses', '仓库')} list=${list} none=${L('None yet.', '暂无仓库。')} head=${[L('Code', '编码'), L('Title', '名称'), L('Kind', '类型'), L('Division', '区划'), L('State', '状态'), ...(may('putWarehouses') ? [L('Act', '操作')] : [])]}
      row=${(w) => html`<tr key=${w.id}><td><a href=${href('stock', { warehouse: w.code })}>${w.code}</a></td><td class="break">${w.title ?? ''}</td><td>${w.kind === 'factory' ? L('Factory', '工厂') : L('Warehouse', '仓库')}</td><td>${w.division ?? ''}</td><td><${Badge} kind="sku" value=${w.state} /></td>${may('putWarehouses') ? html`<td><${Button} onClick=${() => house(w)}>${L('Change', '修改')}<//></td>` : null}</tr>`} />`;
}

export default function Stock({ query }) {
  const tab = query.tab ?? 'stock';
  const View = { stock: Shelves, skus: Articles, mappings: Mappings, ledger: Ledger, warehouses: Houses }[tab] ?? Shelves;
  return html`<h1>${L('Stock', '库存')}</h1><div class="tabs" role="group" aria-label=${L('Stock', '库存')}>${TABS.map(([t, l]) => html`<a key=${t} href=${href('stock', { tab: t, q: query.q })} aria-current=${tab === t ? 'page' : undefined}>${l}</a>`)}</div>
    ${query.warehouse ? html`<p><button type="button" class="on" onClick=${() => setQuery({ warehouse: '' })}>${query.warehouse} ✕</button></p>` : null}<${View} query=${query} key=${tab} />`;
}
addWords('reason', { received: ['received', '到货'], returned: ['returned', '退回'], lost: ['lost', '丢失'], found: ['found', '找到'], damaged: ['damaged', '破损'], correction: ['correction', '更正'], counted: ['counted', '盘点'], move: ['moved', '调拨'], reserve: ['reserved', '占用'], release: ['released', '释放'], claim: ['claimed', '占用单号'], ship: ['shipped', '发出'], pick: ['picked', '拣货'] });
