// home.mjs: what waits for me, by role, late first.
import { Due, Empty, get, has, href, html, L, may, me, number, Problem, Time, useEffect, useGet, useState, word } from 'core';

// What each role has to look at: order lists by the stages that the role drives, and the places of its other work.
const STAGES = { cs: ['pending', 'paid'], warehouse: ['split', 'inspected', 'pre_ship'], production: ['producing'] };

function Tile({ to, n, text, bad }) {
  return html`<a class=${'card' + (bad && n ? ' bad' : '')} href=${to}><b class=${'big' + (bad && n ? ' late' : '')}>${n == null ? '–' : number(n)}</b>${text}</a>`;
}

const moved = (e) => /^(order|exception|case)\./.test(e.type);

export default function Home() {
  const stats = useGet('/v1/stats/orders', { on: moved });
  const mine = me.roles.includes('admin') || me.roles.includes('viewer') ? ['cs', 'warehouse', 'production'] : me.roles.filter((r) => STAGES[r]);
  const s = stats.data;
  const of = (name) => s?.statuses.find((x) => x.status === name);
  return html`<h1>${L(`Hello ${me.user.name}`, `${me.user.name}，你好`)}</h1>
    <${Problem} problem=${stats.problem} retry=${stats.reload} />
    <div class="cards">
      <${Tile} to=${href('orders', { overdue: 'true', sort: 'due_at' })} n=${s?.overdue} text=${L('orders past their deadline', '个订单已超时')} bad />
      <${Tile} to=${href('exceptions')} n=${s?.exceptions} text=${L('open exceptions', '个待处理异常')} bad />
      <${Tile} to=${href('orders', { held: 'true' })} n=${s?.held} text=${L('orders on hold', '个订单被挂起')} />
      <${Tile} to=${href('orders')} n=${s?.open} text=${L('open orders', '个进行中的订单')} />
    </div>
    ${mine.map((role) => html`<section class="card" key=${role}><h2>${word('role', role)}</h2>
      <div class="cards">${STAGES[role].map((st) => {
        const row = of(st);
        return html`<a class="card" key=${st} href=${href('orders', { status: st, sort: 'due_at' })}><b class="big">${row ? number(row.orders) : '–'}</b>${word('status', st)}
          ${row?.overdue ? html` <span class="late">${L(`${row.overdue} late`, `${row.overdue} 超时`)}</span>` : null}
          ${row?.held ? html` <small>${L(`${row.held} held`, `${row.held} 挂起`)}</small>` : null}</a>`;
      })}
      ${role === 'warehouse' && may('listWaves') ? html`<a class="card" href=${href('ship')}><b class="big">→</b>${L('Pick and pack', '拣货打包')}</a>` : null}
      ${role === 'cs' && may('listCases') ? html`<a class="card" href=${href('returns')}><b class="big">→</b>${L('Returns', '售后')}</a>` : null}
      </div></section>`)}
    ${has('finance') && may('listCases') ? html`<section class="card"><h2>${word('role', 'finance')}</h2><a href=${href('returns')}>${L('Refunds that wait for approval', '待审批的退款')}</a></section>` : null}
    <${Late} known=${s} />`;
}

// The few most urgent orders; asked for only where some are late, so that a quiet morning costs one request.
function Late({ known }) {
  const [rows, set] = useState(null);
  const late = known?.overdue ?? 0;
  useEffect(() => {
    if (!late || !may('listOrders')) { set(null); return; }
    get('/v1/orders?overdue=true&sort=due_at&limit=10').then((a) => set(a.ok ? a.data.data : null));
  }, [late]);
  if (known && !late) return html`<${Empty}>${L('Nothing is late.', '没有超时的订单。')}<//>`;
  if (!rows) return null;
  return html`<section class="card"><h2>${L('Late first', '最紧急')}</h2><div class="table-cards"><table><thead><tr><th>${L('Order', '订单')}</th><th>${L('Status', '状态')}</th><th>${L('Deadline', '期限')}</th><th>${L('Channel', '渠道')}</th><th>${L('Placed', '下单')}</th></tr></thead><tbody>
    ${rows.map((o) => html`<tr key=${o.id}><td class="id"><a href=${href('order', o.id)}>${o.external_id}</a></td><td>${word('status', o.status)}</td><td><${Due} t=${o.stage?.escalate_at} /></td><td>${o.channel}</td><td><${Time} t=${o.placed_at} /></td></tr>`)}
  </tbody></table></div></section>`;
}
