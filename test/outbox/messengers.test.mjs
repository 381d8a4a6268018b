// Every built-in messenger against a stand-in that checks what the platform checks: `notice test` is told once, well signed,
// and what the platform refuses is shown to a person without a secret.
import net from 'node:net';
import { Server, check, same, test } from '../http_api/lib.mjs';
import { Room, platforms } from './rooms.mjs';

const FAST = '[outbox]\nbackoff = 50ms\nbackoff_most = 200ms\nbreaker = 100ms\nbreaker_most = 200ms\n';
const conf = (name, host, given) => `[messenger room]\nconnector = ${name}\nhost = ${host}\n${given}\n[notify cs-room]\nto = room\ndigest = 1s\n${FAST}`;

for (const [name, p] of Object.entries(platforms))
  test(`${name}: told once, well signed; a wrong secret is refused, and not shown`, async () => {
    const room = await new Room(p).start(), s = await new Server({ conf: conf(name, room.url, p.conf) }).start();
    let first = p.many;
    room.play = () => { const now = first; first = null; return now; }; // too many at first, where the platform has such a word
    if (/dingtalk|aliyun|feishu|wecom/.test(name)) room.play = null; // they wait for a minute and more
    await s.want(202, 'POST', '/v1/notices/test', { body: { room: 'cs-room' } });
    await s.until('told', async () => room.taken.length || (await s.get('/v1/effects?state=dead')).json.data.length, 15000);
    same([room.taken.length, room.refused.filter((r) => r !== p.many)], [1, []], 'taken once, nothing refused');
    check(room.taken[0].length > 5, room.taken[0]);
    await s.drop();
    const t = await new Server({ conf: conf(name, room.url, p.conf.replaceAll(p.secret, `${p.secret}-of-old`)) }).start();
    await t.want(202, 'POST', '/v1/notices/test', { body: { room: 'cs-room' } });
    await t.until('refused', async () => (await t.get('/v1/effects?kind=notice')).json.data.some((e) => e.error), 15000);
    const e = (await t.get('/v1/effects?kind=notice')).json.data[0];
    check(e.error.kind && !JSON.stringify(e).includes(`${p.secret}-of-old`) && !t.log.includes(`${p.secret}-of-old`), `refused: ${JSON.stringify(e)}`);
    same(room.taken.length, 1, 'nothing more was taken');
    await t.drop();
    room.stop();
  });

// Enough of SMTP; answers[step] replaces an answer.
class Post {
  constructor(answers = {}) { Object.assign(this, { answers, mails: [], logins: [] }); }
  async start() {
    this.server = net.createServer((s) => {
      let rest = '', data = null, mail = {}, asked = false;
      const say = (t) => s.write(`${t}\r\n`);
      say('220 post.example ESMTP');
      s.on('error', () => {});
      s.on('data', (d) => {
        rest += d;
        for (let at; (at = rest.indexOf('\r\n')) >= 0;) {
          const line = rest.slice(0, at);
          rest = rest.slice(at + 2);
          if (data) {
            if (line !== '.') { data.push(line.replace(/^\./, '')); continue; }
            mail.lines = data, data = null;
            if (!this.answers.data) this.mails.push(mail);
            say(this.answers.data ?? '250 2.0.0 queued');
            mail = {};
          } else if (asked) {
            asked = false;
            this.logins.push(Buffer.from(line, 'base64').toString());
            say(this.answers.auth ?? '235 ok');
          } else if (/^EHLO/.test(line)) say('250-post.example\r\n250-AUTH PLAIN\r\n250 8BITMIME');
          else if (/^AUTH PLAIN$/.test(line)) { asked = true; say('334 '); }
          else if (/^MAIL/.test(line)) { mail.from = line; say('250 ok'); }
          else if (/^RCPT/.test(line)) { (mail.to ??= []).push(line); say(this.answers.rcpt ?? '250 ok'); }
          else if (/^DATA/.test(line)) { data = []; say('354 go on'); }
          else if (/^QUIT/.test(line)) { say('221 bye'); s.end(); }
          else say('502 what?');
        }
      });
    });
    await new Promise((done) => this.server.listen(0, '127.0.0.1', done));
    this.url = `smtp://127.0.0.1:${this.server.address().port}`;
    return this;
  }
  stop() { this.server.close(); }
}
const mailed = (post, more = '') => new Server({ conf: conf('smtp', post.url, `from = orderd@example.com\nto = cs@example.com boss@example.com\n${more}`) }).start();

test('mail: one message, its lines as they should be', async () => {
  const post = await new Post().start(), s = await mailed(post, 'user = orderd\npassword = fictional-password');
  await s.want(202, 'POST', '/v1/notices/test', { body: { room: 'cs-room' } });
  await s.until('a mail', async () => post.mails.length || (await s.get('/v1/effects?state=dead')).json.data.length, 15000);
  same(post.mails.length, 1);
  const m = post.mails[0], end = m.lines.indexOf(''), head = m.lines.slice(0, end);
  same([m.from.slice(0, 31), m.to], ['MAIL FROM:<orderd@example.com>'.padEnd(31).trimEnd(), ['RCPT TO:<cs@example.com>', 'RCPT TO:<boss@example.com>']]);
  same(post.logins, ['\0orderd\0fictional-password']);
  check(m.lines.every((l) => l.length <= 78), 'no line is longer than 78');
  check(head.some((l) => /^Subject: =\?UTF-8\?B\?/.test(l)) && head.some((l) => /^Message-ID: <e_\d+\./.test(l)) && head.some((l) => /^Date: \w{3}, \d\d \w{3} \d{4} /.test(l)), head.join('\n'));
  check(Math.abs(Date.parse(head.find((l) => l.startsWith('Date: ')).slice(6)) - Date.now()) < 60000, 'its date is now');
  check(Buffer.from(m.lines.slice(end + 1).join(''), 'base64').toString().length > 5, 'its text');
  await s.until('done', async () => (await s.get('/v1/effects?kind=notice&state=done')).json.data.length === 1);
  await s.drop();
  post.stop();
});

test('mail: what the server says no to is told, and what it says later is tried again', async () => {
  const no = await new Post({ rcpt: '550 5.1.1 no such user' }).start(), s = await mailed(no);
  await s.want(202, 'POST', '/v1/notices/test', { body: { room: 'cs-room' } });
  await s.until('dead', async () => (await s.get('/v1/effects?state=dead')).json.data.length === 1, 15000);
  const e = (await s.get('/v1/effects?state=dead')).json.data[0];
  same([e.error.kind, e.error.message], ['smtp_550', '550 5.1.1 no such user']);
  await s.drop();
  no.stop();
  const later = await new Post({ data: '451 4.7.1 come again' }).start(), t = await mailed(later);
  await t.want(202, 'POST', '/v1/notices/test', { body: { room: 'cs-room' } });
  await t.until('tried', async () => (await t.get('/v1/effects?kind=notice')).json.data.some((x) => x.attempts >= 2), 15000);
  delete later.answers.data;
  await t.until('a mail', async () => later.mails.length > 0, 15000);
  same(later.mails.length, 1);
  await t.drop();
  later.stop();
});
