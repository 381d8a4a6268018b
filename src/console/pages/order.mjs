// order.mjs: one order and its whole life: three axes of status, what is to be done next and by when, lines with stock,
// group and why, fulfilments and parcels, returns, exceptions, and the history with what arrived on demand.
import {
  act, addWords, ask, Badge, Button, Due, fullTime, get, go, href, html, Key, L, Loading, may, money, post, Problem, span, Time, toastProblem, useCallback, useEffect, useGet, useKeys, useState, word,
} from 'core';

addWords('event', {
  'order.created': ['received', '收到订单'], 'order.updated': ['changed by the channel', '渠道更新'], 'order.status': ['status', '状态变更'], 'order.group': ['grouped', '分组'], 'order.held': ['held', '挂起'],
  'order.hold': ['held', '挂起'], 'order.released': ['released', '放行'], 'order.release': ['released', '放行'], 'order.reminder': ['reminder was due', '到期提醒'], 'order.overdue': ['past its deadline', '已超时'],
  'exception.opened': ['exception', '出现异常'], 'exception.resolved': ['exception resolved', '异常已解决'], 'exception.assigned': ['exception assigned', '异常已指派'], 'fulfilment.created': ['split into a fulfilment', '生成履约单'],
  'fulfilment.claimed': ['claimed by a parcel', '占用运单号'], 'claim.shipped': ['parcel left', '包裹已发出'], 'claim.void': ['parcel void', '包裹作废'], 'case.opened': ['return asked for', '发起售后'],
});
addWords('carried', {
  none: ['no label', '无面单'], label: ['labelled', '已出面单'], picked_up: ['picked up', '已揽收'], in_transit: ['in transit', '运输中'], delivered: ['delivered', '已签收'], returned: ['returned', '已退回'], lost: ['lost', '丢失'],
});
addWords('work', { open: ['to pick', '待拣货'], picking: ['being picked', '拣货中'], packed: ['packed', '已打包'] });
addWords('verdict', { together: ['together', '应合并'], apart: ['apart', '不合并'], maybe: ['perhaps', '可能合并'] });

const json = (v) => JSON.stringify(v, null, 1);

function Raw({ id }) {
  const [state, set] = useState(null);
  const show = async () => {
    if (state) { set(null); return; }
    const a = await get(`/v1/payloads/${id}`);
    set(a.ok ? { text: a.data.body == null ? L('The body is not kept any more, or your role may not see it.', '原文已过保留期，或您的角色无权查看。') : typeof a.data.body === 'string' ? a.data.body : json(a.data.body) } : { problem: a.problem });
  };
  return html`<${Button} onClick=${show}>${state ? L('Hide what arrived', '收起原文') : L('What arrived', '查看原文')}<//>${state?.problem ? html`<${Problem} problem=${state.problem} />` : state ? html`<pre tabindex="0">${state.text}</pre>` : null}`;
}

// One line of history in words; what the event carries beyond them can be unfolded.
function eventText(e) {
  const d = e.data ?? {};
  if (e.type === 'order.status') return `${word('status', d.from)} → ${word('status', d.to)}${d.note ? ` · ${d.note}` : ''}`;
  if (e.type === 'order.created') return `${word('event', e.type)}${d.status ? ` · ${word('status', d.status)}` : ''}`;
  if (e.type === 'order.group') return d.with?.length ? L(`grouped in ${d.group} with ${d.with.join(', ')}`, `并入 ${d.group}（${d.with.join('、')}）`) : L(`group ${d.group ?? '–'}`, `合并组 ${d.group ?? '–'}`);
  return [word('event', e.type), d.reason, d.note, d.tracking_no, d.type ? word('exception', d.type) : null].filter((x) => typeof x === 'string' && x).join(' · ');
}
function Timeline({ id }) {
  const on = useCallback((e) => e.entity === id, [id]);
  const [all, setAll] = useState(false);
  const s = useGet(`/v1/orders/${encodeURIComponent(id)}/events?limit=200`, { on });
  if (!s.data) return s.problem ? html`<${Problem} problem=${s.problem} retry=${s.reload} />` : html`<${Loading} />`;
  const rows = [...s.data.data].reverse(), shown = all ? rows : rows.slice(0, 30);
  return html`<ol class="timeline">${shown.map((e) => html`<li key=${e.seq} class=${e.type === 'order.status' || e.type === 'order.created' ? 'strong' : ''}><${Time} t=${e.at} /> <b>${eventText(e)}</b> <small>${e.actor}</small>
      ${Object.keys(e.data ?? {}).length > 1 || e.data?.payload ? html`<details><summary>${L('more', '详情')}</summary><pre tabindex="0">${json(e.data)}</pre>${/^p_\d+$/.test(e.data?.payload ?? '') && may('getPayload') ? html`<${Raw} id=${e.data.payload} />` : null}</details>` : null}</li>`)}</ol>
    ${rows.length > shown.length ? html`<button type="button" onClick=${() => setAll(true)}>${L(`All ${rows.length}`, `全部 ${rows.length} 条`)}</button>` : null}`;
}

function Why({ id, asked }) {
  const [state, set] = useState(null);
  const show = async () => set(state ? null : await get(`/v1/orders/${encodeURIComponent(id)}/why`));
  useEffect(() => { if (asked) show(); }, [asked]);
  if (!may('getOrderWhy')) return null;
  const d = state?.data;
  return html`<p><${Button} onClick=${show}>${state ? L('Hide why', '收起原因') : L('Why?', '为什么？')} <${Key} k="w" /><//></p>${state && !state.ok ? html`<${Problem} problem=${state.problem} />` : null}
    ${d ? html`<dl>
      <dt>${L('May be merged', '可合并')}</dt><dd>${d.eligible.free ? L('yes', '是') : L(`no: ${d.eligible.because}`, `否：${d.eligible.because}`)}</dd>
      <dt>${L('Recognised by', '识别依据')}</dt><dd>${d.key.kind === 'token' ? L('the platform’s receiver token', '平台收件人标识') : d.key.kind ? L('phone and address', '电话 + 地址') : L('nothing', '无')}${d.key.masked ? L(' (masked)', '（已脱敏）') : ''}, ${L(`within ${span(d.key.window_ms)}`, `${span(d.key.window_ms)}内`)}</dd>
      ${d.conditions.map((c) => html`<dt><a href=${href('order', c.order)}>${c.order}</a></dt><dd>${word('verdict', c.verdict)}: ${String(c.code).replaceAll('_', ' ')}${c.gap_ms != null ? ` · ${L(`${span(c.gap_ms)} apart`, `相隔 ${span(c.gap_ms)}`)}` : ''}</dd>`)}
      ${(d.decisions ?? []).map((c) => html`<dt>${c.order}</dt><dd>${L(`a person decided: ${word('verdict', c.verdict)}`, `人工决定：${word('verdict', c.verdict)}`)} (${c.actor})</dd>`)}
    </dl>${(d.fulfilments ?? []).length ? html`<details><summary>${L('Where its pieces come from', '发货来源')}</summary><pre tabindex="0">${json(d.fulfilments)}</pre></details>` : null}` : null}`;
}

// How many pieces of each line's article lie where; asked for only where stock is kept.
function useStock(lines, fulfilments) {
  const skus = [...new Set((fulfilments ?? []).flatMap((f) => (f.units ?? []).map((u) => u.sku)).concat(lines.map((l) => l.sku).filter(Boolean)))].slice(0, 5);
  const one = useGet(may('listStock') && skus.length === 1 ? `/v1/stock?sku=${encodeURIComponent(skus[0])}&limit=20` : null);
  return { sku: skus[0], rows: one.data?.data ?? [] };
}

export default function Order({ parts }) {
  const asked = parts[0] ?? '';
  const on = useCallback((e) => e.entity === asked || (e.type ?? '').startsWith('exception.') || /^[fkvg]_/.test(e.entity ?? ''), [asked]);
  const s = useGet(`/v1/orders/${encodeURIComponent(asked)}`, { on });
  const o = s.data;
  const stock = useStock(o?.lines ?? [], o?.fulfilments);
  const [askedWhy, setWhy] = useState(0);
  const id = o?.id ?? asked;
  const write = (what, body, done) => act(() => post(`/v1/orders/${encodeURIComponent(id)}/${what}`, { ...body, if_version: o.version }), done);
  const move = async (to) => {
    const a = await ask({ title: `${word('status', o.status)} → ${word('status', to)}`, fields: [{ name: 'note', label: L('Note', '备注'), max: 500 }], ok: word('status', to), danger: to === 'cancelled' });
    if (a) await write('transitions', { to, ...(a.note ? { note: a.note } : {}) }, L('Done', '已完成'));
  };
  const hold = async () => {
    const a = await ask({ title: L('Hold this order', '挂起此订单'), text: L('Nothing of it moves on until it is released.', '放行前不会继续流转。'), fields: [{ name: 'reason', label: L('Reason', '原因'), required: true, max: 100 }, { name: 'note', label: L('Note', '备注'), max: 500 }], ok: L('Hold', '挂起') });
    if (a) await write('hold', { reason: a.reason, ...(a.note ? { note: a.note } : {}) }, L('Held', '已挂起'));
  };
  const release = () => o?.holds.length && write('release', {}, L('Released', '已放行'));
  const cancel = async () => {
    const a = await ask({ title: L('Cancel this order', '取消此订单'), fields: [{ name: 'reason', label: L('Reason', '原因'), required: true, max: 200 }], ok: L('Cancel the order', '取消订单'), danger: true });
    if (a) await write('cancel', { reason: a.reason }, L('Cancelled', '已取消'));
  };
  const nexts = (o?.next ?? []).filter((n) => n !== 'cancelled');
  useKeys([
    may('moveOrder') && nexts.length && ['n', 'The next step', '下一步', () => move(nexts[0])],
    may('holdOrder') && ['h', 'Hold', '挂起', () => o && hold()], may('releaseOrder') && ['u', 'Release', '放行', release],
    ['w', 'Why was it merged, or not', '合并原因', () => setWhy((n) => n + 1)], ['r', 'Read again', '刷新', s.reload],
  ]);
  if (!o) return html`<h1>${asked}</h1>${s.problem ? html`<${Problem} problem=${s.problem} retry=${s.reload} />` : html`<${Loading} />`}`;
  const carried = [...new Set(o.fulfilments.map((f) => f.claim?.carried).filter(Boolean))];
  const r = o.receiver ?? {};
  return html`
    <div class="row"><h1>${o.external_id}</h1><small>${o.id} · ${o.channel} · ${L('version', '版本')} ${o.version}</small><span class="end"></span>
      ${may('moveOrder') ? nexts.map((n, i) => html`<${Button} key=${n} kind=${i ? '' : 'primary'} onClick=${() => move(n)}>→ ${word('status', n)}${i ? null : html` <${Key} k="n" />`}<//>`) : null}
      ${may('holdOrder') ? html`<${Button} onClick=${hold}>${L('Hold', '挂起')} <${Key} k="h" /><//>` : null}
      ${may('releaseOrder') && o.holds.length ? html`<${Button} onClick=${release}>${L('Release', '放行')} <${Key} k="u" /><//>` : null}
      ${may('openCase') ? html`<a class="button" href=${href('returns', { order: o.id })}>${L('Return…', '售后…')}</a>` : null}
      ${may('cancelOrder') && o.next.includes('cancelled') ? html`<${Button} kind="danger" onClick=${cancel}>${L('Cancel', '取消')}<//>` : null}</div>
    <div class="cards">
      <div class="card"><small>${L('With us', '我方状态')}</small><br /><${Badge} value=${o.status} /> ${o.stage?.owner ? html`<small>${word('role', o.stage.owner)}</small>` : null}</div>
      <div class="card"><small>${L('With the channel', '渠道状态')}</small><br /><${Badge} value=${o.channel_status} /> <small>${o.raw_status ?? ''}</small></div>
      <div class="card"><small>${L('With the carrier', '物流状态')}</small><br />${carried.length ? carried.map((c) => html`<${Badge} kind="carried" value=${c} /> `) : html`<small>${L('no parcel yet', '尚无包裹')}</small>`}</div>
      <div class="card"><small>${L('Deadlines', '期限')}</small><br />${o.stage?.escalate_at ? html`<${Due} t=${o.stage.escalate_at} /> <small>${L('of this stage', '本阶段')}</small><br />` : null}${o.ship_by ? html`<${Due} t=${o.ship_by} /> <small>${L('to ship', '发货截止')}</small>` : o.stage?.escalate_at ? null : html`<small>${L('none', '无')}</small>`}</div>
    </div>
    ${o.holds.map((h) => html`<p class="notice" key=${h.reason}><b>${L('On hold', '挂起')}: ${h.reason}</b> ${h.note ?? ''} <small>${h.actor} <${Time} t=${h.since} /></small></p>`)}
    ${o.exceptions.map((x) => html`<p class="problem" key=${x.id}><b>${word('exception', x.type)}</b> <a href=${href('exceptions', { order: o.id })}>${L('deal with it', '去处理')}</a> <small>${word('role', x.owner)} <${Time} t=${x.since} /></small></p>`)}
    <div class="two"><div>
      <section class="card"><h2>${L('Lines', '商品')}</h2><div class="table-cards" tabindex="0" role="region" aria-label=${L('Lines', '商品')}><table><thead><tr><th>SKU</th><th>${L('Title', '名称')}</th><th class="num">${L('Quantity', '数量')}</th><th class="num">${L('Price', '单价')}</th></tr></thead><tbody>
        ${o.lines.map((l, i) => html`<tr key=${i}><td class="break">${l.sku ? (may('getSku') ? html`<a href=${href('stock', { q: l.sku })}>${l.sku}</a>` : l.sku) : html`<span class="badge warn">${L('no SKU', '无 SKU')}</span>`}${l.gift ? html` <span class="badge">${L('gift', '赠品')}</span>` : null}</td><td class="break">${l.title ?? ''}</td><td class="num">×${l.quantity}</td><td class="num nowrap">${money(l.price)}${Number(l.refunded?.amount) ? html` <small class="bad">−${money(l.refunded)}</small>` : null}</td></tr>`)}
      </tbody></table></div>
      <p class="right"><small>${L('Freight', '运费')} ${money(o.freight)} · ${L('Discount', '优惠')} ${money(o.discount)}</small> <b>${money(o.total)}</b> <small>${L('paid', '实付')} ${money(o.paid)}</small></p>
      ${stock.rows.length ? html`<p><small>${stock.sku}: ${stock.rows.map((x) => `${x.warehouse} ${L('available', '可用')} ${x.available}`).join(' · ')}</small></p>` : null}</section>
      <section class="card"><h2>${L('Fulfilments and parcels', '履约与包裹')}</h2>
        ${!o.fulfilments.length && !o.shipments.length ? html`<small>${L('Not split yet.', '尚未拆单。')}</small>` : null}
        ${o.fulfilments.map((f) => html`<div key=${f.id} class="row"><b>${f.id}</b> ${f.warehouse ?? ''} <${Badge} kind="work" value=${f.work} />
          ${f.claim ? html`<span class="break">${f.claim.carrier} <b>${f.claim.tracking_no}</b> <${Badge} kind="carried" value=${f.claim.carried} />${f.claim.state === 'void' ? html` <${Badge} value="void" />` : null}</span>` : null}
          ${may('scanPack') && !f.claim ? html`<a class="button" href=${href('pack', f.id)}>${L('Pack', '打包')}</a>` : null}
          ${may('getSlip') ? html`<a class="button" target="_blank" href=${`/v1/fulfilments/${f.id}/slip?lang=${document.documentElement.lang.startsWith('zh') ? 'zh' : 'en'}`}>${L('Slip', '装箱单')}</a>` : null}</div>`)}
        ${o.shipments.map((p, i) => html`<div key=${i} class="row"><small>${L('the channel says', '渠道告知')}</small> ${p.carrier ?? ''} <b>${p.tracking_no ?? ''}</b> <${Time} t=${p.shipped_at} /></div>`)}</section>
      ${o.cases.length ? html`<section class="card"><h2>${L('Returns', '售后')}</h2>${o.cases.map((c) => html`<div key=${c.id ?? c}><a href=${href('returns', c.id ?? c)}>${c.id ?? c}</a> ${c.kind ? word('case', c.kind) : ''} ${c.state ? word('case', c.state) : ''}</div>`)}</section>` : null}
      ${o.refunds.length ? html`<section class="card"><h2>${L('Refunds of the channel', '渠道退款')}</h2>${o.refunds.map((x) => html`<div key=${x.refund_id} class="break">${x.refund_id} <b>${money(x.amount)}</b> ${String(x.status).replaceAll('_', ' ')} <small>${x.goods ?? ''}</small></div>`)}</section>` : null}
    </div><div>
      <section class="card"><h2>${L('Receiver', '收件人')}</h2><p class="break">${r.name ?? ''} ${r.phone ?? ''}<br />${[r.country === 'CN' ? '' : r.country, r.province, r.city, r.district, r.town, r.address].filter(Boolean).join(' ')} ${r.zip ?? ''}</p>
        <dl><dt>${L('Buyer', '买家')}</dt><dd>${[o.buyer?.name, o.buyer?.phone].filter(Boolean).join(' ') || '–'}</dd><dt>${L('Placed', '下单')}</dt><dd>${fullTime(o.placed_at)}</dd><dt>${L('Paid', '付款')}</dt><dd>${fullTime(o.paid_at) || '–'}</dd>
        ${o.flags.length ? html`<dt>${L('Flags', '标记')}</dt><dd>${o.flags.map((f) => html`<span class="badge" key=${f}>${f.replaceAll('_', ' ')}</span> `)}</dd>` : null}
        ${(o.tags ?? []).length ? html`<dt>${L('Tags', '标签')}</dt><dd>${o.tags.map((t) => html`<span class="badge" key=${t.tag ?? t}>${t.tag ?? t}</span> `)}</dd>` : null}</dl>
        ${['buyer', 'seller'].filter((k) => o.remarks?.[k]).map((k) => html`<p class="notice break" key=${k}><small>${k === 'buyer' ? L('Buyer’s remark', '买家留言') : L('Our remark', '卖家备注')}</small><br />${o.remarks[k]}</p>`)}</section>
      <section class="card"><h2>${L('Group', '合并组')}</h2>${o.group ? html`<p><a href=${href('groups', o.group.id)}>${o.group.id}</a> <${Badge} value=${o.group.state} /> ${o.group.orders.filter((x) => x !== o.id).map((x) => html`<a key=${x} href=${href('order', x)}>${x}</a> `)}${o.group.orders.length === 1 ? html`<small>${L('alone', '单独一单')}</small>` : null}</p>` : html`<p>${o.no_merge ? L(`never merged: ${o.no_merge}`, `不合并：${o.no_merge}`) : L('in no group', '不在任何合并组')}</p>`}<${Why} id=${o.id} asked=${askedWhy} /></section>
      <section class="card"><h2>${L('History', '历史')}</h2><${Timeline} id=${o.id} />${o.payload && may('getPayload') ? html`<${Raw} id=${o.payload} />` : null}</section>
    </div></div>`;
}
