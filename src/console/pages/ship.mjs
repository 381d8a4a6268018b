// ship.mjs: from what is ready to a wave, its pick list, and the bench.
import { act, ask, Badge, Button, Fresh, get, go, href, html, Key, L, ListEnd, Loading, may, number, post, Problem, setQuery, Time, toast, toastProblem, useCallback, useEffect, useGet, useKeys, useList, useState, word, addWords } from 'core';

addWords('work', { open: ['to pick', '待拣货'], picking: ['being picked', '拣货中'], packed: ['packed', '已打包'] });
addWords('wave', { open: ['open', '进行中'], done: ['picked', '已完成'] });
const language = () => (document.documentElement.lang.startsWith('zh') ? 'zh' : 'en');
const printList = (id) => { const w = window.open(`/v1/waves/${id}/picklist?lang=${language()}`, '_blank'); if (w) w.addEventListener('load', () => w.print()); else toast(L('The browser kept the print window shut', '浏览器拦截了打印窗口'), 'warn'); };
const isWave = (e) => /^(wave|pack|fulfilment|claim)\./.test(e.type);

async function newWave(warehouse) {
  const w = await get('/v1/warehouses?');
  const codes = w.ok ? w.data.data.filter((x) => x.kind !== 'factory').map((x) => x.code) : [];
  const a = await ask({ title: L('New wave', '新建波次'), text: L('The most urgent fulfilments of one warehouse are gathered for picking.', '按紧急程度收集一个仓库的待拣履约单。'),
    fields: [...(codes.length ? [{ name: 'warehouse', label: L('Warehouse', '仓库'), type: 'select', value: warehouse || codes[0], options: codes.map((c) => [c, c]) }] : []), { name: 'limit', label: L('At most', '最多'), type: 'number', value: 50, min: 1, required: true }], ok: L('Make the wave', '建波次') });
  if (!a) return;
  const made = await post('/v1/waves', { ...(a.warehouse ? { warehouse: a.warehouse } : {}), limit: Math.min(200, Number(a.limit) || 50) });
  if (!made.ok) { toastProblem(made); return; }
  toast(L(`${made.data.id}: ${made.data.fulfilments.length} parcels`, `${made.data.id}：${made.data.fulfilments.length} 个包裹`));
  go(href('ship', made.data.id));
}

function Waves({ query }) {
  const state = query.state ?? 'open';
  const list = useList(`/v1/waves?limit=50${state === 'all' ? '' : `&state=${state}`}`, { on: isWave });
  const ready = useGet('/v1/fulfilments?work=open&limit=100', { on: isWave });
  const [at, setAt] = useState(0);
  const rows = list.rows ?? [], row = rows[at];
  useKeys([
    ['j', 'Next wave', '下一个波次', () => setAt((n) => Math.min(rows.length - 1, n + 1))], ['k', 'Wave before', '上一个波次', () => setAt((n) => Math.max(0, n - 1))],
    ['Enter', 'Open the wave', '打开波次', () => row && go(href('ship', row.id))], may('getPicklist') && ['p', 'Print its pick list', '打印拣货单', () => row && printList(row.id)],
    may('makeWave') && ['n', 'New wave', '新建波次', () => newWave()], may('scanPack') && ['b', 'Pack station', '打包台', () => go('#/pack')],
  ]);
  const wait = (ready.data?.data ?? []).filter((f) => !f.wave && !f.claim && !['shipped', 'cancelled', 'completed'].includes(f.status));
  const by = new Map();
  for (const f of wait) by.set(f.warehouse ?? '', (by.get(f.warehouse ?? '') ?? 0) + 1);
  return html`<div class="row"><h1>${L('Ship', '发货')}</h1><span class="end"></span>
      ${may('makeWave') ? html`<${Button} kind="primary" onClick=${() => newWave()}>${L('New wave', '新建波次')} <${Key} k="n" /><//>` : null}
      ${may('scanPack') ? html`<a class="button" href="#/pack">${L('Pack station', '打包台')} <${Key} k="b" /></a>` : null}</div>
    <div class="cards">${[...by].map(([w, n]) => html`<a class="card" key=${w} href=${href('orders', { status: 'split,inspected', warehouse: w })}><b class="big">${number(n)}${ready.data?.next ? '+' : ''}</b>${L(`ready to pick ${w ? 'in ' + w : ''}`, `待拣 ${w}`)}</a>`)}${ready.data && !by.size ? html`<p class="empty">${L('Nothing waits to be picked.', '没有待拣的履约单。')}</p>` : null}</div>
    <div class="tabs" role="group" aria-label=${L('Waves', '波次')}>${[['open', L('Open waves', '进行中')], ['done', L('Picked', '已完成')], ['all', L('All', '全部')]].map(([s, l]) => html`<a key=${s} href=${href('ship', { state: s })} aria-current=${state === s ? 'page' : undefined}>${l}</a>`)}<${Fresh} list=${list} /></div>
    <div class="card table-cards" tabindex="0" role="region" aria-label=${L('Waves', '波次')}><table><thead><tr><th>${L('Wave', '波次')}</th><th>${L('Warehouse', '仓库')}</th><th>${L('State', '状态')}</th><th class="num">${L('Packed', '已打包')}</th><th>${L('Made', '创建')}</th><th>${L('Print', '打印')}</th></tr></thead><tbody>
      ${rows.map((w, i) => html`<tr key=${w.id} class=${i === at ? 'at' : ''} onClick=${() => setAt(i)}><td class="id"><a href=${href('ship', w.id)}>${w.id}</a></td><td>${w.warehouse ?? ''}</td><td>${word('wave', w.state)}</td><td class="num">${w.packed} / ${w.fulfilments}</td><td><${Time} t=${w.created_at} /> <small>${w.actor}</small></td><td>${may('getPicklist') ? html`<${Button} onClick=${() => printList(w.id)}>${L('Pick list', '拣货单')}${i === at ? html` <${Key} k="p" />` : null}<//>` : null}</td></tr>`)}
    </tbody></table><${ListEnd} list=${list} none=${L('No waves here.', '没有波次。')} /></div>`;
}

function Wave({ id }) {
  const on = useCallback((e) => e.entity === id || /^(pack|fulfilment|claim)\./.test(e.type), [id]);
  const s = useGet(`/v1/waves/${encodeURIComponent(id)}`, { on });
  const v = s.data;
  const end = async () => { if (v?.state === 'open') await act(() => post(`/v1/waves/${id}/end`, {}), L('The wave is picked', '波次拣货完成')); };
  const remove = async (f) => { const a = await ask({ title: L(`Take ${f} out of the wave`, `将 ${f} 移出波次`), fields: [{ name: 'note', label: L('Note', '备注') }], ok: L('Take out', '移出') }); if (a) await act(() => post(`/v1/waves/${id}/remove`, { fulfilment: f, ...(a.note ? { note: a.note } : {}) }), L('Taken out', '已移出')); };
  useKeys([may('getPicklist') && ['p', 'Print the pick list', '打印拣货单', () => printList(id)], may('endWave') && ['Shift+e', 'The wave is picked', '拣货完成', end], may('scanPack') && ['b', 'Pack station', '打包台', () => go('#/pack')], ['Escape', 'All waves', '返回波次列表', () => go('#/ship')]]);
  if (!v) return html`<h1>${id}</h1>${s.problem ? html`<${Problem} problem=${s.problem} retry=${s.reload} />` : html`<${Loading} />`}`;
  return html`<div class="row"><a class="button" href="#/ship">←</a><h1>${id}</h1><span class="badge">${word('wave', v.state)}</span><small>${v.warehouse ?? ''} <${Time} t=${v.created_at} /></small><span class="end"></span>
      ${may('getPicklist') ? html`<${Button} kind="primary" onClick=${() => printList(id)}>${L('Print pick list', '打印拣货单')} <${Key} k="p" /><//>` : null}
      ${may('endWave') && v.state === 'open' ? html`<${Button} onClick=${end}>${L('Picked', '拣货完成')} <${Key} k="⇧e" /><//>` : null}
      ${may('scanPack') ? html`<a class="button" href="#/pack">${L('Pack station', '打包台')} <${Key} k="b" /></a>` : null}</div>
    <div class="two"><section class="card"><h2>${L('Parcels', '包裹')}</h2><div class="table-cards" tabindex="0" role="region" aria-label=${L('Parcels', '包裹')}><table><thead><tr><th>${L('Fulfilment', '履约单')}</th><th>${L('State', '状态')}</th><th>${L('Lines', '商品')}</th><th class="num">${L('Left', '未扫')}</th><th>${L('Wave', '波次')}</th></tr></thead><tbody>
      ${v.fulfilments.map((f) => html`<tr key=${f.id}><td class="id">${may('scanPack') ? html`<a href=${href('pack', f.id)}>${f.id}</a>` : f.id}<br /><small>${[...new Set(f.lines.map((l) => l.order))].map((o) => html`<a key=${o} href=${href('order', o)}>${o}</a> `)}</small></td><td><${Badge} value=${f.status} /> ${word('work', f.work)}</td><td class="break">${f.lines.map((l) => `${l.sku ?? l.title} ×${l.quantity}`).join(', ')}${f.remarks.some((r) => r.buyer || r.seller) ? html` <span class="badge warn">${L('remark', '有备注')}</span>` : null}</td><td class="num">${f.left}</td><td>${may('removeFromWave') && v.state === 'open' && f.work !== 'packed' ? html`<${Button} onClick=${() => remove(f.id)}>${L('Take out', '移出')}<//>` : null}</td></tr>`)}
    </tbody></table></div></section>
    <section class="card"><h2>${L('To pick', '拣货')}</h2><div class="table-cards"><table><thead><tr><th>SKU</th><th class="num">${L('Pieces', '件数')}</th></tr></thead><tbody>${v.picks.map((p) => html`<tr key=${p.sku}><td class="break"><b>${p.sku}</b> ${p.title ?? ''} <small>${p.barcodes.join(' ')}</small></td><td class="num">${p.quantity}</td></tr>`)}</tbody></table></div></section></div>`;
}

export default function Ship({ parts, query }) {
  return parts[0] ? html`<${Wave} id=${parts[0]} key=${parts[0]} />` : html`<${Waves} query=${query} />`;
}
