// dashboard.mjs: backlog by stage and age, orders per hour by channel, exceptions by cause, lead times. Every mark opens
// its orders, and a table stands under each chart. Charts are plain SVG.
import { href, html, L, Loading, number, Problem, setQuery, time, useGet, word } from 'core';

const W = 640, H = 200, PAD = 34;
const moved = (e) => /^(order|exception)\./.test(e.type);
const nice = (n) => { const p = 10 ** Math.floor(Math.log10(Math.max(1, n))); return [1, 2, 5, 10].map((m) => m * p).find((m) => m >= n) ?? n; };
const age = (a) => (a.to_hours == null ? L(`over ${a.from_hours} h`, `超过 ${a.from_hours} 小时`) : L(`${a.from_hours}–${a.to_hours} h`, `${a.from_hours}–${a.to_hours} 小时`));

function Axis({ top }) {
  return html`${[0, 0.5, 1].filter((f) => f !== 0.5 || top % 2 === 0).map((f) => html`<g key=${f}><line class="axis" x1=${PAD} x2=${W} y1=${H - f * (H - 20)} y2=${H - f * (H - 20)} /><text x=${PAD - 4} y=${H - f * (H - 20) + 4} text-anchor="end">${number(Math.round(top * f))}</text></g>`)}`;
}
// Columns of stacked parts: [{label, parts: [{n, c, title, to}]}]
function Columns({ columns, label, every = 1 }) {
  const top = nice(Math.max(1, ...columns.map((c) => c.parts.reduce((n, p) => n + p.n, 0))));
  const step = (W - PAD) / Math.max(1, columns.length), bar = Math.min(70, step * 0.8);
  return html`<svg class="chart" viewBox=${`0 0 ${W} ${H + 20}`} role="group" aria-label=${label}><${Axis} top=${top} />
    ${columns.map((c, i) => {
      let y = H;
      const x = PAD + i * step + (step - bar) / 2;
      return html`<g key=${i}>${c.parts.map((p, k) => {
        if (!p.n) return null;
        const h = Math.max(1, (p.n / top) * (H - 20));
        y -= h;
        const rect = html`<rect x=${x} y=${y} width=${bar} height=${h} class=${'c' + p.c}><title>${p.title}</title></rect>`;
        return p.to ? html`<a key=${k} href=${p.to} aria-label=${p.title}>${rect}</a>` : html`<g key=${k}>${rect}</g>`;
      })}${i % every === 0 ? html`<text x=${x + bar / 2} y=${H + 14} text-anchor="middle">${c.label}</text>` : null}</g>`;
    })}</svg>`;
}
function Legend({ items }) { return html`<p class="legend">${items.map(([c, text, to]) => html`<span key=${text}><svg width="10" height="10" aria-hidden="true"><rect width="10" height="10" class=${'c' + c} /></svg> ${to ? html`<a href=${to}>${text}</a>` : text}</span>`)}</p>`; }
function Table({ head, rows, caption }) {
  return html`<details><summary>${L('As a table', '以表格查看')}</summary><div class="scroll" tabindex="0" role="region" aria-label=${caption}><table><thead><tr>${head.map((h, i) => html`<th key=${i} class=${i ? 'num' : ''}>${h}</th>`)}</tr></thead><tbody>${rows.map((r, i) => html`<tr key=${i}>${r.map((c, k) => html`<td key=${k} class=${k ? 'num' : ''}>${c}</td>`)}</tr>`)}</tbody></table></div></details>`;
}
function Card({ title, s, children }) {
  return html`<section class="card"><h2>${title}</h2>${s.problem ? html`<${Problem} problem=${s.problem} retry=${s.reload} />` : !s.data ? html`<${Loading} />` : children}</section>`;
}

function Backlog() {
  const s = useGet('/v1/stats/backlog', { on: moved });
  const rows = s.data?.data ?? [], ages = rows[0]?.ages ?? [];
  const to = (r) => href('orders', { status: r.status, sort: 'due_at' });
  return html`<${Card} title=${L('Backlog by stage and age', '各阶段积压与停留时间')} s=${s}>
    <${Columns} label=${L('Backlog by stage and age', '各阶段积压与停留时间')} columns=${rows.map((r) => ({ label: word('status', r.status), parts: r.ages.map((a, i) => ({ n: a.orders, c: i + 1, title: `${word('status', r.status)} · ${age(a)}: ${a.orders}`, to: to(r) })) }))} />
    <${Legend} items=${ages.map((a, i) => [i + 1, age(a)])} />
    <${Table} caption=${L('Backlog', '积压')} head=${[L('Stage', '阶段'), L('Owner', '负责'), ...ages.map(age)]} rows=${rows.map((r) => [html`<a href=${to(r)}>${word('status', r.status)}</a>`, r.owner ? word('role', r.owner) : '', ...r.ages.map((a) => number(a.orders))])} /><//>`;
}

function Flow() {
  const s = useGet('/v1/stats/flow', { on: moved });
  const d = s.data?.data ?? [];
  const sum = new Map();
  for (const r of d) sum.set(r.channel, (sum.get(r.channel) ?? 0) + r.orders);
  const channels = [...sum].sort((a, b) => b[1] - a[1]).map(([c]) => c), shown = channels.slice(0, 7);
  const color = (c) => (shown.includes(c) ? shown.indexOf(c) + 1 : 8);
  const first = s.data ? Math.floor(new Date(s.data.from) / 3600e3) : 0, hours = s.data ? Math.ceil(new Date(s.data.to) / 3600e3) - first : 0;
  const by = Array.from({ length: hours }, (_, i) => ({ at: (first + i) * 3600e3, rows: [] }));
  for (const r of d) by[new Date(r.at) / 3600e3 - first]?.rows.push(r);
  const span = (at) => ({ from: new Date(at).toISOString(), to: new Date(at + 3600e3).toISOString() });
  return html`<${Card} title=${L('Orders per hour, by channel (48 h)', '近 48 小时各渠道每小时订单')} s=${s}>
    <${Columns} label=${L('Orders per hour', '每小时订单')} every=${6} columns=${by.map((b) => ({ label: String(new Date(b.at).getHours()).padStart(2, '0'), parts: [...b.rows].sort((x, y) => color(x.channel) - color(y.channel)).map((r) => ({ n: r.orders, c: color(r.channel), title: `${time(r.at)} · ${r.channel}: ${r.orders}`, to: href('orders', { channel: r.channel, ...span(b.at) }) })) }))} />
    <${Legend} items=${[...shown.map((c) => [color(c), `${c} ${number(sum.get(c))}`, href('orders', { channel: c })]), ...(channels.length > 7 ? [[8, L('others', '其他')]] : [])]} />
    <${Table} caption=${L('Orders per hour', '每小时订单')} head=${[L('Hour', '时间'), L('Channel', '渠道'), L('Orders', '订单')]} rows=${d.map((r) => [html`<a href=${href('orders', { channel: r.channel, ...span(new Date(r.at).getTime()) })}>${time(r.at)}</a>`, r.channel, number(r.orders)])} /><//>`;
}

function Exceptions() {
  const s = useGet('/v1/stats/exceptions', { on: moved });
  const rows = s.data?.data ?? [], top = Math.max(1, ...rows.map((r) => r.opened)), all = rows.reduce((n, r) => n + r.opened, 0);
  let run = 0;
  const shown = rows.slice(0, 12).map((r) => { run += r.opened; return { ...r, share: all ? Math.round((run / all) * 100) : 0 }; });
  return html`<${Card} title=${L('Exceptions by cause (30 days)', '近 30 天异常原因')} s=${s}>
    ${!rows.length ? html`<p class="empty">${L('None.', '没有异常。')}</p>` : html`<svg class="chart" viewBox=${`0 0 ${W} ${shown.length * 26 + 4}`} role="group" aria-label=${L('Exceptions by cause', '异常原因')}>
      ${shown.map((r, i) => html`<a key=${r.type} href=${href('exceptions', { type: r.type })} ><text x="0" y=${i * 26 + 16}>${word('exception', r.type).slice(0, 26)}</text><rect class="c1" x="190" y=${i * 26 + 4} width=${Math.max(1, (r.opened / top) * 330)} height="16"><title>${`${word('exception', r.type)}: ${r.opened}`}</title></rect><text x=${196 + (r.opened / top) * 330} y=${i * 26 + 16}>${number(r.opened)} · ${r.share} %</text></a>`)}</svg>
    <${Table} caption=${L('Exceptions', '异常')} head=${[L('Cause', '原因'), L('Open now', '当前未结'), L('Opened', '新增'), L('Resolved', '已解决'), L('Running share', '累计占比')]} rows=${shown.map((r) => [html`<a href=${href('exceptions', { type: r.type })}>${word('exception', r.type)}</a>`, number(r.open), number(r.opened), number(r.resolved), `${r.share} %`])} />`}<//>`;
}

function Leads({ channel }) {
  const s = useGet(`/v1/stats/lead-times${channel ? `?channel=${encodeURIComponent(channel)}` : ''}`, { on: moved });
  const d = s.data, hours = (h) => (h == null ? '–' : h >= 48 ? L(`${(h / 24).toFixed(1)} d`, `${(h / 24).toFixed(1)} 天`) : L(`${h} h`, `${h} 小时`));
  const label = (r) => (r.to_hours == null ? `>${r.from_hours}` : `${r.to_hours}`);
  return html`<${Card} title=${L('From paid to shipped (30 days)', '近 30 天付款到发货时长')} s=${s}>
    <p>${L('Half within', '一半订单在')} <b>${hours(d?.p50_hours)}</b>${L('', ' 内发货')}, ${L('nine of ten within', '九成在')} <b>${hours(d?.p90_hours)}</b>${L('', ' 内发货')} · ${L(`${number(d?.orders)} orders`, `共 ${number(d?.orders)} 单`)}</p>
    <${Columns} label=${L('Orders by hours from paid to shipped', '按付款到发货小时数统计的订单')} columns=${(d?.data ?? []).map((r) => ({ label: label(r), parts: [{ n: r.orders, c: r.from_hours >= 48 ? 2 : 3, title: `${age(r)}: ${r.orders}`, to: href('orders', { status: 'shipped,completed', ...(channel ? { channel } : {}) }) }] }))} />
    <${Table} caption=${L('Lead times', '发货时长')} head=${[L('Hours', '小时'), L('Orders', '订单')]} rows=${(d?.data ?? []).map((r) => [age(r), number(r.orders)])} /><//>`;
}

export default function Dashboard({ query }) {
  const stats = useGet('/v1/stats/orders');
  const channels = stats.data?.channels ?? [];
  return html`<div class="row"><h1>${L('Dashboard', '看板')}</h1><span class="end"></span><label>${L('Lead times of', '发货时长渠道')} <select value=${query.channel ?? ''} onChange=${(e) => setQuery({ channel: e.target.value })}><option value="">${L('all channels', '全部渠道')}</option>${channels.map((c) => html`<option value=${c} key=${c}>${c}</option>`)}</select></label></div>
    <div class="dash"><${Backlog} /><${Flow} /><${Exceptions} /><${Leads} channel=${query.channel} key=${query.channel ?? ''} /></div>`;
}
