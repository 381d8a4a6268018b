-- orderd's one schema, version 6 (a change here is a migration in src/store too). Read by people, by the binary and by the tests: there is no second copy.
-- Times are milliseconds since 1970 UTC, money is minor units of the row's currency, ids are numbers here and
-- text with a kind outside (orders.id 7 is "o_7"). A random index costs 12 to 14 % of intake, so each index says
-- what it is for; keys whose first part grows with time (ids, placed_slot, due_at) are written at the end and are cheap.

-- The highest number given out per kind ('order', 'payload', …); written once per transaction.
CREATE TABLE counters (
  name  TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) WITHOUT ROWID, STRICT;

-- Single facts about this file: instance id, epoch, what the search index has reached.
CREATE TABLE meta (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID, STRICT;

-- One shop on one platform, one till, or one spreadsheet source.
CREATE TABLE channels (
  id         INTEGER PRIMARY KEY,
  name       TEXT NOT NULL UNIQUE,
  family     TEXT NOT NULL DEFAULT '',     -- platform family: receiver tokens only match inside one
  created_at INTEGER NOT NULL
) STRICT;

-- The platforms' own words for a status: few, long and on every order, so each is kept once.
CREATE TABLE raw_statuses (
  id   INTEGER PRIMARY KEY,
  text TEXT NOT NULL UNIQUE
) STRICT;

-- The inbox: what arrived, byte for byte (domain 2.1). Written at the end; bodies have their own retention.
CREATE TABLE payloads (
  id          INTEGER PRIMARY KEY,
  channel_id  INTEGER NOT NULL,
  source      TEXT NOT NULL CHECK (source = 'api' OR source = 'poll' OR source = 'push' OR source = 'file'),
  state       TEXT NOT NULL CHECK (state = 'applied' OR state = 'pending' OR state = 'failed' OR state = 'dead'),
  received_at INTEGER NOT NULL,
  digest      BLOB NOT NULL,               -- 128 bits of hash of the bytes as they came: are others the same?
  size        INTEGER NOT NULL,            -- bytes before packing
  body        BLOB,                        -- packed (pack.c); NULL once the retention is over
  order_id    INTEGER,                     -- the order it told about, when it was applied
  attempts    INTEGER NOT NULL DEFAULT 0,
  error       TEXT                         -- JSON: code, detail, errors
) STRICT;
-- What still waits or failed; empty in good times.
CREATE INDEX payloads_open ON payloads (state, id) WHERE state <> 'applied';
-- A row that failed comes again with every page: it is kept once.
CREATE INDEX payloads_failed ON payloads (channel_id, digest) WHERE state = 'failed';

-- One customer's purchase on one channel (domain 1). placed_slot is placed_at divided by SLOT_MS (3 days).
CREATE TABLE orders (
  id                  INTEGER PRIMARY KEY,
  channel_id          INTEGER NOT NULL,
  external_id         TEXT NOT NULL,
  status              TEXT NOT NULL,       -- where it stands with us
  channel_status      TEXT NOT NULL,       -- what the channel says
  version             INTEGER NOT NULL,
  placed_at           INTEGER NOT NULL,
  placed_slot         INTEGER NOT NULL,
  paid_at             INTEGER,
  channel_updated_at  INTEGER,             -- the platform's own time of change, when it tells one
  shipped_at          INTEGER,             -- the first parcel of it left (business time)
  cancelled_at        INTEGER,
  ship_by             INTEGER,
  currency            TEXT NOT NULL,
  total               INTEGER NOT NULL,
  freight             INTEGER NOT NULL,
  discount            INTEGER NOT NULL,
  paid                INTEGER NOT NULL,
  buyer_id            TEXT,
  buyer_name          TEXT,
  buyer_phone         TEXT,
  receiver_name       TEXT,
  receiver_phone      TEXT,
  country             TEXT,
  province            TEXT,
  city                TEXT,
  district            TEXT,
  town                TEXT,
  address             TEXT,
  zip                 TEXT,
  token               TEXT,                -- the platform's stand-in for a masked receiver
  contact_key         INTEGER,             -- phone: >= 0, upper half what a mask shows, lower half 0 when masked; token: < 0
  token_key           INTEGER,             -- only where an order has a full phone and a token
  remark_buyer        TEXT,
  remark_seller       TEXT,
  remark_flag         TEXT,
  flags               INTEGER NOT NULL,    -- bits, see ORDER_FLAG_MAP
  service             TEXT,                -- NULL: standard
  raw_status_id       INTEGER,             -- the platform's own word, in raw_statuses
  no_merge            TEXT,                -- why it may not be merged (domain 3.4), NULL: it may
  decided             INTEGER NOT NULL DEFAULT 0, -- 1: rows in merge_decisions speak about it
  group_id            INTEGER,
  received_at         INTEGER NOT NULL,
  updated_at          INTEGER,             -- NULL: received_at
  stage_since         INTEGER,             -- NULL: received_at
  due_at              INTEGER,             -- the next deadline of the stage
  due_step            INTEGER NOT NULL DEFAULT 0, -- 1: remind is next, 2: escalate is next, 0: none
  payload_id          INTEGER,             -- the newest payload that told something; order.updated events name the ones before
  content             INTEGER NOT NULL     -- hash of all that the channel told, without its update time
) STRICT;
-- At most one order per channel and external id (domain 2.3). The one random index of intake.
CREATE UNIQUE INDEX orders_identity ON orders (channel_id, external_id);
-- Who else has this phone or token near this time (merge). Grows with time, random only inside a slot.
CREATE INDEX orders_contact ON orders (placed_slot, contact_key) WHERE contact_key IS NOT NULL;
CREATE INDEX orders_token ON orders (placed_slot, token_key) WHERE token_key IS NOT NULL;
-- Members of a group; group ids grow with time.
CREATE INDEX orders_group ON orders (group_id) WHERE group_id IS NOT NULL;
-- Lists by status, newest first; deadlines in order of time; lists by time of purchase. An index entry ends with the
-- row's id by itself, so none of these says it again.
CREATE INDEX orders_status ON orders (status);
CREATE INDEX orders_due ON orders (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX orders_placed ON orders (placed_at);

CREATE TABLE lines (
  order_id INTEGER NOT NULL,
  line_no  INTEGER NOT NULL,               -- 1, 2, … in the channel's order
  line_id  TEXT,                           -- the platform's own id
  sku      TEXT,
  title    TEXT,
  quantity INTEGER NOT NULL CHECK (quantity >= 1),
  price    INTEGER,                        -- of one unit; NULL: not told
  discount INTEGER NOT NULL DEFAULT 0,
  refunded INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (order_id, line_no)
) WITHOUT ROWID, STRICT;

-- Parcels as the channel tells them; who ships what by our own doing stands in claims.
CREATE TABLE shipments (
  id          INTEGER PRIMARY KEY,
  order_id    INTEGER NOT NULL,
  carrier     TEXT,
  tracking_no TEXT,
  shipped_at  INTEGER,
  line_ids    TEXT                         -- JSON array of the platform's line ids, NULL: all
) STRICT;
CREATE INDEX shipments_order ON shipments (order_id, id);
CREATE INDEX shipments_tracking ON shipments (tracking_no) WHERE tracking_no IS NOT NULL;

CREATE TABLE refunds (
  order_id  INTEGER NOT NULL,
  refund_id TEXT NOT NULL,
  status    TEXT NOT NULL,
  amount    INTEGER NOT NULL,
  line_id   TEXT,
  quantity  INTEGER,
  goods     TEXT,
  PRIMARY KEY (order_id, refund_id)
) WITHOUT ROWID, STRICT;

-- Flags with a reason that stop every forward move.
CREATE TABLE holds (
  order_id INTEGER NOT NULL,
  reason   TEXT NOT NULL,
  note     TEXT,
  actor    TEXT NOT NULL,
  since    INTEGER NOT NULL,
  PRIMARY KEY (order_id, reason)
) WITHOUT ROWID, STRICT;

-- Orders handled and shipped together. Every order that can ship has one, also alone.
CREATE TABLE groups (
  id        INTEGER PRIMARY KEY,
  state     TEXT NOT NULL CHECK (state = 'open' OR state = 'locked' OR state = 'empty'),
  key       TEXT,                          -- what holds it together: phone_address, token, platform, manual; NULL: one order
  from_at   INTEGER NOT NULL,              -- placed_at of its earliest order; 0: it has one, which knows
  locked_at INTEGER,
  version   INTEGER NOT NULL
) STRICT;

-- What a person decided about two orders; automatic merging never undoes it (domain 3.9). order_a < order_b.
CREATE TABLE merge_decisions (
  order_a INTEGER NOT NULL,
  order_b INTEGER NOT NULL,
  verdict TEXT NOT NULL CHECK (verdict = 'apart' OR verdict = 'together'),
  actor   TEXT NOT NULL,
  at      INTEGER NOT NULL,
  PRIMARY KEY (order_a, order_b)
) WITHOUT ROWID, STRICT;
CREATE INDEX merge_decisions_b ON merge_decisions (order_b, order_a);

-- Pairs that are only probably one customer's: for a person to decide. order_a < order_b.
CREATE TABLE merge_proposals (
  order_a INTEGER NOT NULL,
  order_b INTEGER NOT NULL,
  code    TEXT NOT NULL,
  since   INTEGER NOT NULL,
  PRIMARY KEY (order_a, order_b)
) WITHOUT ROWID, STRICT;
CREATE INDEX merge_proposals_b ON merge_proposals (order_b, order_a);

-- What a person has to look at. One open row per type and order (or payload, or channel).
CREATE TABLE exceptions (
  id          INTEGER PRIMARY KEY,
  type        TEXT NOT NULL,
  order_id    INTEGER,
  payload_id  INTEGER,
  channel_id  INTEGER,
  state       TEXT NOT NULL CHECK (state = 'open' OR state = 'resolved'),
  since       INTEGER NOT NULL,
  due_at      INTEGER,
  owner       TEXT NOT NULL,               -- a role
  assignee    TEXT,                        -- a user
  data        TEXT NOT NULL,               -- JSON: what is known about the cause
  resolved_at INTEGER,
  resolved_by TEXT,
  note        TEXT,
  version     INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX exceptions_open_order ON exceptions (order_id, type) WHERE state = 'open' AND order_id IS NOT NULL;
CREATE UNIQUE INDEX exceptions_open_payload ON exceptions (payload_id, type) WHERE state = 'open' AND payload_id IS NOT NULL;
CREATE INDEX exceptions_state ON exceptions (state, type, id);
CREATE INDEX exceptions_order ON exceptions (order_id, id) WHERE order_id IS NOT NULL;

-- History: append only, each row holds the SHA-256 over the row before it and itself (journal.c).
CREATE TABLE events (
  seq    INTEGER PRIMARY KEY,
  at     INTEGER NOT NULL,
  kind   TEXT NOT NULL,                    -- 'o', 'g', 'p', 'x', 'c' (channel), 'u' (user), 't' (token), 's' (system), 'n' (SKU), 'h' (warehouse), 'f', 'k', 'v', 'e' (effect)
  entity INTEGER NOT NULL,
  type   TEXT NOT NULL,
  actor  TEXT NOT NULL,
  data   TEXT NOT NULL,                    -- JSON object; of order.created "{}": {"status":"paid"}, as nearly all say
  digest BLOB NOT NULL                     -- its first 16 bytes
) STRICT;
-- The few entities of other kinds with the same number are read past.
CREATE INDEX events_entity ON events (entity);

-- People and machines that may call. The first admin is made on the terminal of the machine itself.
CREATE TABLE users (
  id         INTEGER PRIMARY KEY,
  name       TEXT NOT NULL UNIQUE,
  roles      TEXT NOT NULL,                -- comma separated
  password   TEXT,                         -- argon2id, encoded; NULL: cannot sign in yet
  state      TEXT NOT NULL CHECK (state = 'active' OR state = 'revoked'),
  created_at INTEGER NOT NULL,
  version    INTEGER NOT NULL
) STRICT;
CREATE TABLE tokens (
  id         INTEGER PRIMARY KEY,
  name       TEXT NOT NULL UNIQUE,
  roles      TEXT NOT NULL,
  channel_id INTEGER,                      -- role channel: the only one it may speak for
  digest     BLOB NOT NULL UNIQUE,         -- SHA-256 of the token; the token itself is shown once
  state      TEXT NOT NULL CHECK (state = 'active' OR state = 'revoked'),
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  version    INTEGER NOT NULL
) STRICT;

-- Answers to writes that carried an Idempotency-Key, kept for 7 days.
CREATE TABLE idempotency (
  actor  TEXT NOT NULL,
  key    TEXT NOT NULL,
  digest BLOB NOT NULL,                    -- of method, path and body
  at     INTEGER NOT NULL,
  status INTEGER NOT NULL,
  answer TEXT NOT NULL,
  PRIMARY KEY (actor, key)
) WITHOUT ROWID, STRICT;
CREATE INDEX idempotency_at ON idempotency (at);

-- Words of orders for `q`: name, phone's last four, address, SKU as bigrams and words (text_terms). Filled outside
-- the hot batch; search_todo holds known orders whose words changed, meta 'search_done' the last new one done.
-- Terms are folded and cut already: the ascii tokenizer takes every byte over 127 as part of a word.
CREATE VIRTUAL TABLE search USING fts5 (
  terms, content = '', contentless_delete = 1, detail = none, tokenize = 'ascii'
);
CREATE TABLE search_todo (
  order_id INTEGER PRIMARY KEY
) STRICT;

-- Where polling a channel stands (domain 2.5 to 2.7): one row per channel that has a connector. watermark: what the
-- platform changed before this, by its own clock, is here; it moves in the transaction that stores the last rows.
CREATE TABLE polls (
  channel_id  INTEGER PRIMARY KEY,
  connector   TEXT NOT NULL,
  paused      INTEGER NOT NULL DEFAULT 0,
  watermark   INTEGER,
  swept_at    INTEGER,                     -- when the last sweep of the last days ended
  run_at      INTEGER,                     -- when the last run began
  ok_at       INTEGER,                     -- when the last good run ended
  failures    INTEGER NOT NULL DEFAULT 0,  -- calls that failed, in a row
  open_until  INTEGER,                     -- the breaker: no call before this
  skew_ms     INTEGER NOT NULL DEFAULT 0,  -- the platform's clock less ours
  received    INTEGER NOT NULL DEFAULT 0,  -- orders, ever
  misses      INTEGER NOT NULL DEFAULT 0,  -- found by a sweep that polling should have brought; stays 0
  error       TEXT                         -- JSON: kind, code, message, request, answer, at; NULL: the last run was good
) STRICT;

-- The last runs of each channel, for people.
CREATE TABLE poll_runs (
  id         INTEGER PRIMARY KEY,
  channel_id INTEGER NOT NULL,
  kind       TEXT NOT NULL,                -- poll, sync, sweep, ask
  began_at   INTEGER NOT NULL,
  ended_at   INTEGER NOT NULL,
  from_at    INTEGER,                      -- what it covered, by the platform's clock
  until_at   INTEGER,
  calls      INTEGER NOT NULL,
  pages      INTEGER NOT NULL,
  received   INTEGER NOT NULL,
  created    INTEGER NOT NULL,
  updated    INTEGER NOT NULL,
  failed     INTEGER NOT NULL,             -- rows that could not be mapped: payloads
  misses     INTEGER NOT NULL,
  error      TEXT
) STRICT;
CREATE INDEX poll_runs_channel ON poll_runs (channel_id, id);

-- How many calls a platform still allows; thousandths of a call at that time.
CREATE TABLE buckets (
  channel_id INTEGER NOT NULL,
  call       TEXT NOT NULL,
  level      INTEGER NOT NULL,
  at         INTEGER NOT NULL,
  PRIMARY KEY (channel_id, call)
) WITHOUT ROWID, STRICT;

-- Secrets of channels, sealed with DATA/secret.key; tokens that the platform gave us anew.
CREATE TABLE secrets (
  channel_id INTEGER NOT NULL,
  name       TEXT NOT NULL,
  sealed     BLOB NOT NULL,
  set_at     INTEGER NOT NULL,
  expires_at INTEGER,
  PRIMARY KEY (channel_id, name)
) WITHOUT ROWID, STRICT;

-- Pushes seen in the last days: the same one again changes nothing.
CREATE TABLE pushes (
  channel_id INTEGER NOT NULL,
  digest     BLOB NOT NULL,                -- first 16 bytes of the SHA-256 of its id, or of its bytes
  at         INTEGER NOT NULL,
  PRIMARY KEY (channel_id, digest)
) WITHOUT ROWID, STRICT;

-- Orders whose grouping the platform itself was asked about, and what they were then; asked again when it changes.
CREATE TABLE merge_asked (
  order_id INTEGER PRIMARY KEY,
  content  INTEGER NOT NULL,               -- hash of token, address and company
  at       INTEGER NOT NULL
) STRICT;

-- ---- what a shop sells and where it lies (domain 5). A file without a row here keeps no stock: nothing below is used. ----

-- The team's own article, under its own code. made: produced to order by a factory, never on a shelf.
CREATE TABLE skus (
  id         INTEGER PRIMARY KEY,
  code       TEXT NOT NULL UNIQUE,
  title      TEXT,
  made       INTEGER NOT NULL DEFAULT 0,
  weight     INTEGER,                      -- grams of one piece as packed; NULL: not known
  length     INTEGER,                      -- millimetres
  width      INTEGER,
  height     INTEGER,
  hazard     TEXT,                         -- battery, liquid, magnet …: what carriers ask; NULL: none
  cold       INTEGER NOT NULL DEFAULT 0,
  safety     INTEGER NOT NULL DEFAULT 0,   -- pieces that channels are never told of
  state      TEXT NOT NULL CHECK (state = 'active' OR state = 'retired'),
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  version    INTEGER NOT NULL
) STRICT;

CREATE TABLE barcodes (
  barcode TEXT PRIMARY KEY,
  sku_id  INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
CREATE INDEX barcodes_sku ON barcodes (sku_id);

-- A SKU with rows here is a kit: it never lies on a shelf itself.
CREATE TABLE kit_parts (
  kit_id   INTEGER NOT NULL,
  sku_id   INTEGER NOT NULL,
  quantity INTEGER NOT NULL CHECK (quantity >= 1),
  PRIMARY KEY (kit_id, sku_id)
) WITHOUT ROWID, STRICT;
CREATE INDEX kit_parts_sku ON kit_parts (sku_id);

-- What a channel calls an article, where that is not the team's own code.
CREATE TABLE channel_skus (
  channel_id  INTEGER NOT NULL,
  channel_sku TEXT NOT NULL,
  sku_id      INTEGER NOT NULL,
  PRIMARY KEY (channel_id, channel_sku)
) WITHOUT ROWID, STRICT;
CREATE INDEX channel_skus_sku ON channel_skus (sku_id);

-- Where goods leave from: a warehouse, or a factory that makes to order.
CREATE TABLE warehouses (
  id         INTEGER PRIMARY KEY,
  code       TEXT NOT NULL UNIQUE,
  title      TEXT,
  kind       TEXT NOT NULL CHECK (kind = 'warehouse' OR kind = 'factory'),
  country    TEXT NOT NULL,
  division   INTEGER,                      -- GB/T 2260 code of where it stands
  regions    TEXT,                         -- JSON array of what it serves: countries, provinces' and cities' codes; NULL: everywhere
  capacity   INTEGER,                      -- fulfilments a day; NULL: no limit known
  state      TEXT NOT NULL CHECK (state = 'active' OR state = 'retired'),
  created_at INTEGER NOT NULL,
  version    INTEGER NOT NULL
) STRICT;

-- Pieces per SKU and warehouse (domain 5.1). on_hand holds reserved and frozen; quarantine is apart from it.
CREATE TABLE stock (
  sku_id       INTEGER NOT NULL,
  warehouse_id INTEGER NOT NULL,
  on_hand      INTEGER NOT NULL CHECK (on_hand >= 0),
  reserved     INTEGER NOT NULL CHECK (reserved >= 0),
  frozen       INTEGER NOT NULL CHECK (frozen >= 0),
  quarantine   INTEGER NOT NULL CHECK (quarantine >= 0),
  move_id      INTEGER NOT NULL,           -- its newest row of stock_moves
  PRIMARY KEY (sku_id, warehouse_id),
  CHECK (on_hand >= reserved + frozen)
) WITHOUT ROWID, STRICT;

-- The ledger, double entry: pieces leave one bucket and come into another; 'o' is the world outside. before is the
-- same SKU's and warehouse's row before this one, so that history is read without an index to keep.
CREATE TABLE stock_moves (
  id           INTEGER PRIMARY KEY,
  at           INTEGER NOT NULL,
  sku_id       INTEGER NOT NULL,
  warehouse_id INTEGER NOT NULL,
  source       TEXT NOT NULL CHECK (source = 'o' OR source = 'a' OR source = 'r' OR source = 'f' OR source = 'q'),
  target       TEXT NOT NULL CHECK (target = 'o' OR target = 'a' OR target = 'r' OR target = 'f' OR target = 'q'),
  quantity     INTEGER NOT NULL CHECK (quantity >= 1),
  reason       TEXT NOT NULL,
  ref          TEXT,                       -- what it was for: o_1, f_1, k_1, or a person's own words
  actor        TEXT,                       -- NULL: the flow of the order
  before       INTEGER NOT NULL
) STRICT;

-- Whose pieces they are: of each line what is to be sent, of which SKU (a kit's parts), from where (domain 6.5).
-- fulfilment_id 0: not split yet. made: a factory's, no stock stands behind it.
CREATE TABLE units (
  order_id      INTEGER NOT NULL,
  line_no       INTEGER NOT NULL,
  sku_id        INTEGER NOT NULL,
  warehouse_id  INTEGER NOT NULL,
  fulfilment_id INTEGER NOT NULL,
  quantity      INTEGER NOT NULL CHECK (quantity >= 1),
  state         TEXT NOT NULL CHECK (state = 'reserved' OR state = 'frozen' OR state = 'made' OR state = 'shipped'),
  PRIMARY KEY (order_id, line_no, sku_id, warehouse_id, fulfilment_id)
) WITHOUT ROWID, STRICT;
-- What a parcel holds; fulfilment ids grow with time.
CREATE INDEX units_fulfilment ON units (fulfilment_id) WHERE fulfilment_id <> 0;

-- The unit of work: lines of one group, from one place, in one parcel (domain 7.1).
CREATE TABLE fulfilments (
  id           INTEGER PRIMARY KEY,
  group_id     INTEGER NOT NULL,
  warehouse_id INTEGER,                    -- NULL: the team keeps no stock here
  status       TEXT NOT NULL,              -- as orders: split … shipped, completed, cancelled
  work         TEXT NOT NULL CHECK (work = 'open' OR work = 'picking' OR work = 'packed'),
  wave_id      INTEGER,
  created_at   INTEGER NOT NULL,
  updated_at   INTEGER NOT NULL,
  version      INTEGER NOT NULL
) STRICT;
CREATE INDEX fulfilments_group ON fulfilments (group_id);
-- What is to be done where, and how much that is.
CREATE INDEX fulfilments_open ON fulfilments (warehouse_id, status) WHERE status <> 'shipped' AND status <> 'completed' AND status <> 'cancelled';
CREATE INDEX fulfilments_wave ON fulfilments (wave_id) WHERE wave_id IS NOT NULL;

CREATE TABLE fulfilment_lines (
  fulfilment_id INTEGER NOT NULL,
  order_id      INTEGER NOT NULL,
  line_no       INTEGER NOT NULL,
  quantity      INTEGER NOT NULL CHECK (quantity >= 1),
  PRIMARY KEY (fulfilment_id, order_id, line_no)
) WITHOUT ROWID, STRICT;
CREATE INDEX fulfilment_lines_order ON fulfilment_lines (order_id);

-- A round of picking in one warehouse.
CREATE TABLE waves (
  id           INTEGER PRIMARY KEY,
  warehouse_id INTEGER NOT NULL,
  state        TEXT NOT NULL CHECK (state = 'open' OR state = 'done'),
  actor        TEXT NOT NULL,
  created_at   INTEGER NOT NULL,
  version      INTEGER NOT NULL
) STRICT;

-- What was verified by scanning at the packing bench.
CREATE TABLE scans (
  fulfilment_id INTEGER NOT NULL,
  sku_id        INTEGER NOT NULL,
  quantity      INTEGER NOT NULL CHECK (quantity >= 1),
  PRIMARY KEY (fulfilment_id, sku_id)
) WITHOUT ROWID, STRICT;

-- The pre-ship lock (domain 6): somebody ships this fulfilment under this number. carried: what the carrier did;
-- told: what the channels know, all members together (confirmations say it one by one).
CREATE TABLE claims (
  id            INTEGER PRIMARY KEY,
  fulfilment_id INTEGER NOT NULL,
  carrier       TEXT NOT NULL,
  tracking_no   TEXT NOT NULL,
  channel_id    INTEGER,                   -- whose back end uploaded it; NULL: we
  receiver      INTEGER NOT NULL,          -- hash of where it goes
  came_from     TEXT NOT NULL,             -- the stage that the fulfilment stood in: there a void claim puts it back
  state         TEXT NOT NULL CHECK (state = 'live' OR state = 'shipped' OR state = 'void'),
  carried       TEXT NOT NULL CHECK (carried = 'none' OR carried = 'label' OR carried = 'picked_up' OR carried = 'in_transit'
                                  OR carried = 'delivered' OR carried = 'returned' OR carried = 'lost'),
  told          TEXT NOT NULL CHECK (told = 'none' OR told = 'sent' OR told = 'accepted' OR told = 'refused' OR told = 'unknown'),
  put_back      INTEGER NOT NULL DEFAULT 0, -- 1: void, and its pieces wait to be scanned back to the shelf
  claimed_at    INTEGER NOT NULL,
  picked_up_at  INTEGER,
  ended_at      INTEGER,                   -- shipped or void since
  reason        TEXT,                      -- of a void one
  due_at        INTEGER,                   -- pickup_overdue or confirm_overdue
  actor         TEXT NOT NULL,
  version       INTEGER NOT NULL
) STRICT;
-- One per fulfilment that is not void (domain 6.1); a number that is in use belongs to one parcel (6.5).
CREATE UNIQUE INDEX claims_fulfilment ON claims (fulfilment_id) WHERE state <> 'void';
CREATE UNIQUE INDEX claims_number ON claims (tracking_no) WHERE state = 'live';
-- Was this number used before (6.2), and what does a carrier's trace speak of?
CREATE INDEX claims_tracking ON claims (tracking_no);
CREATE INDEX claims_due ON claims (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX claims_put_back ON claims (id) WHERE put_back = 1;

-- Each member's channel hears of the parcel in its own form (domain 3.11).
CREATE TABLE confirmations (
  claim_id INTEGER NOT NULL,
  order_id INTEGER NOT NULL,
  state    TEXT NOT NULL CHECK (state = 'none' OR state = 'sent' OR state = 'accepted' OR state = 'refused' OR state = 'unknown'),
  effect_id INTEGER,
  at       INTEGER NOT NULL,
  error    TEXT,                           -- JSON: code, detail
  PRIMARY KEY (claim_id, order_id)
) WITHOUT ROWID, STRICT;
CREATE INDEX confirmations_order ON confirmations (order_id);

-- The outbox: what is to be done outside, written with its cause. In order per destination and subject; one under way
-- each. safe: the other side takes it twice without harm; else an unknown outcome is asked about before any new try.
CREATE TABLE effects (
  id          INTEGER PRIMARY KEY,
  kind        TEXT NOT NULL,               -- confirm, stock, webhook
  destination TEXT NOT NULL,               -- channel:NAME, webhook:NAME
  subject     TEXT NOT NULL,               -- what it is about: o_1, an article of the channel
  state       TEXT NOT NULL CHECK (state = 'waiting' OR state = 'sending' OR state = 'unknown' OR state = 'done'
                                OR state = 'dead' OR state = 'dropped'),
  safe        INTEGER NOT NULL,
  attempts    INTEGER NOT NULL,
  due_at      INTEGER NOT NULL,            -- not before this
  created_at  INTEGER NOT NULL,
  sent_at     INTEGER,                     -- the intent of the last try
  ended_at    INTEGER,
  data        TEXT NOT NULL,               -- JSON
  error       TEXT,                        -- JSON of the last try: kind, code, message
  version     INTEGER NOT NULL
) STRICT;
CREATE INDEX effects_open ON effects (destination, subject, id) WHERE state = 'waiting' OR state = 'sending' OR state = 'unknown';
-- What is due, without reading past what is not.
CREATE INDEX effects_due ON effects (destination, due_at, id) WHERE state = 'waiting' OR state = 'unknown';
CREATE INDEX effects_state ON effects (state, id) WHERE state <> 'done' AND state <> 'dropped';
-- Of one article only the newest figure waits.
CREATE UNIQUE INDEX effects_stock ON effects (destination, subject) WHERE kind = 'stock' AND state = 'waiting';

-- ---- returns (domain 8): cases, their steps, and photos as evidence ----------------------------------------------------

-- One request to give back, exchange, refund or repair. Whose turn it is stands in step, while it is open; then the money
-- (refund) and the goods go their ways, and when both are where they should be it is done.
CREATE TABLE cases (
  id           INTEGER PRIMARY KEY,
  order_id     INTEGER NOT NULL,
  kind         TEXT NOT NULL CHECK (kind = 'return' OR kind = 'exchange' OR kind = 'refund_only' OR kind = 'repair'),
  state        TEXT NOT NULL CHECK (state = 'open' OR state = 'approved' OR state = 'done' OR state = 'rejected' OR state = 'cancelled'),
  step         TEXT CHECK (step = 'cs' OR step = 'warehouse' OR step = 'finance'),
  round        INTEGER NOT NULL,           -- begins anew whenever lines, amount or photos change
  currency     TEXT NOT NULL,
  amount       INTEGER NOT NULL CHECK (amount >= 0), -- to be refunded: that of its lines, and what is for none of them (freight)
  ceiling      INTEGER NOT NULL,           -- what was paid for the order when that was looked at last
  reason       TEXT NOT NULL,
  note         TEXT,
  refund       TEXT NOT NULL CHECK (refund = 'none' OR refund = 'sent' OR refund = 'accepted' OR refund = 'refused'
                                 OR refund = 'unknown' OR refund = 'by_hand'),
  refund_id    TEXT,                       -- the channel's own refund that this case is about, or that it became
  effect_id    INTEGER,
  goods        TEXT NOT NULL CHECK (goods = 'none' OR goods = 'awaited' OR goods = 'received' OR goods = 'inspected'),
  warehouse_id INTEGER,                    -- where they came in
  exchange_id  INTEGER,                    -- the order that was made instead, or that brings the repaired goods back
  created_at   INTEGER NOT NULL,
  updated_at   INTEGER NOT NULL,
  step_since   INTEGER NOT NULL,
  due_at       INTEGER,
  due_step     INTEGER NOT NULL DEFAULT 0, -- 1: remind is next, 2: escalate is next, 3: the goods are overdue, 0: none
  ended_at     INTEGER,
  actor        TEXT NOT NULL,
  version      INTEGER NOT NULL,
  CHECK ((state = 'open') = (step IS NOT NULL))
) STRICT;
CREATE INDEX cases_order ON cases (order_id);
CREATE INDEX cases_state ON cases (state, id);
CREATE INDEX cases_due ON cases (due_at) WHERE due_at IS NOT NULL;

-- Which lines of the order, how many pieces of each, and what is refunded for them. worth and bought: what was paid for
-- the whole line, and its quantity, when they were looked at last. Pieces that came in are good or damaged once inspected.
CREATE TABLE case_lines (
  case_id  INTEGER NOT NULL,
  line_no  INTEGER NOT NULL,
  quantity INTEGER NOT NULL CHECK (quantity >= 0),
  amount   INTEGER NOT NULL CHECK (amount >= 0),
  worth    INTEGER NOT NULL,               -- 0: the channel tells no prices
  bought   INTEGER NOT NULL,
  instead  TEXT,                           -- exchange: another SKU than the line's
  received INTEGER NOT NULL DEFAULT 0 CHECK (received <= quantity),
  good     INTEGER NOT NULL DEFAULT 0 CHECK (good >= 0),
  damaged  INTEGER NOT NULL DEFAULT 0 CHECK (damaged >= 0),
  PRIMARY KEY (case_id, line_no),
  CHECK (good + damaged <= received)
) WITHOUT ROWID, STRICT;

-- What was done with a case, by whom: nothing here is ever changed. person: a user, whatever token was used. An approval
-- seals what it was given for: sealed is the text, digest its SHA-256.
CREATE TABLE case_acts (
  case_id INTEGER NOT NULL,
  n       INTEGER NOT NULL,
  round   INTEGER NOT NULL,
  step    TEXT,
  act     TEXT NOT NULL CHECK (act = 'open' OR act = 'change' OR act = 'photo' OR act = 'approve' OR act = 'skip' OR act = 'reject'
                            OR act = 'send_back' OR act = 'receive' OR act = 'cancel' OR act = 'refunded'),
  person  TEXT NOT NULL,
  actor   TEXT NOT NULL,
  at      INTEGER NOT NULL,
  note    TEXT,
  sealed  TEXT,
  digest  BLOB,
  PRIMARY KEY (case_id, n)
) WITHOUT ROWID, STRICT;

-- Photos by the SHA-256 of what is kept of them; the bytes are DATA/photos/ab/cdef….
CREATE TABLE photos (
  digest     BLOB PRIMARY KEY,
  type       TEXT NOT NULL,
  width      INTEGER NOT NULL,
  height     INTEGER NOT NULL,
  size       INTEGER NOT NULL,
  created_at INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
CREATE TABLE case_photos (
  case_id INTEGER NOT NULL,
  digest  BLOB NOT NULL,
  actor   TEXT NOT NULL,
  at      INTEGER NOT NULL,
  PRIMARY KEY (case_id, digest)
) WITHOUT ROWID, STRICT;

-- Tokens that a person uses: who approves with them is that user.
CREATE TABLE token_users (
  token_id INTEGER PRIMARY KEY,
  user_id  INTEGER NOT NULL
) STRICT;

-- What factories make for made-to-order lines, and each word of theirs about it (domain 7.2).
CREATE TABLE work_orders (
  id            INTEGER PRIMARY KEY,
  fulfilment_id INTEGER NOT NULL,
  order_id      INTEGER NOT NULL,
  line_no       INTEGER NOT NULL,
  quantity      INTEGER NOT NULL CHECK (quantity >= 1),
  sku           TEXT,
  title         TEXT,
  factory       TEXT NOT NULL, -- code of the warehouse that is the factory
  state         TEXT NOT NULL CHECK (state = 'wanted' OR state = 'sent' OR state = 'accepted' OR state = 'started'
                                  OR state = 'finished' OR state = 'passed' OR state = 'failed' OR state = 'scrapped'
                                  OR state = 'refused' OR state = 'cancelled'),
  cancel        TEXT NOT NULL CHECK (cancel = 'none' OR cancel = 'asked' OR cancel = 'refused'),
  covers        INTEGER NOT NULL,      -- 0: its pieces are not wanted any more
  seq           INTEGER NOT NULL,      -- of the event that the state comes from; 0: none of the factory's
  expected_seq  INTEGER NOT NULL,
  step          INTEGER NOT NULL,
  steps         INTEGER NOT NULL,
  priority      INTEGER NOT NULL,      -- higher is sooner
  wanted_by     INTEGER,
  expected_at   INTEGER,
  rework_of     INTEGER,
  effect_id     INTEGER,
  note          TEXT,
  created_at    INTEGER NOT NULL,
  updated_at    INTEGER NOT NULL,
  version       INTEGER NOT NULL
) STRICT;
CREATE INDEX work_orders_fulfilment ON work_orders (fulfilment_id);
CREATE INDEX work_orders_order ON work_orders (order_id);
CREATE TABLE work_events (
  work_id        INTEGER NOT NULL,
  n              INTEGER NOT NULL,     -- 1, 2, … as they came
  seq            INTEGER NOT NULL,     -- the factory's; 0: said by a person
  state          TEXT,
  step           INTEGER NOT NULL,
  steps          INTEGER NOT NULL,
  expected_at    INTEGER,
  cancel_refused INTEGER NOT NULL,
  note           TEXT,
  actor          TEXT NOT NULL,
  applied        INTEGER NOT NULL,     -- 0: older than what was known
  at             INTEGER NOT NULL,
  PRIMARY KEY (work_id, n)
) WITHOUT ROWID, STRICT;

-- ---- rules: which files of DATA/rules/ are on, and what they left on orders ---------------------------------------------

-- One row per rule that was switched or asked; it speaks of the version with this digest only: another one is off.
CREATE TABLE rules (
  name       TEXT PRIMARY KEY,
  digest     BLOB NOT NULL,                -- SHA-256 of the file
  state      TEXT NOT NULL CHECK (state = 'on' OR state = 'off' OR state = 'new'), -- new: nobody switched it yet
  applied    INTEGER NOT NULL,
  overruns   INTEGER NOT NULL,             -- since it was switched on
  changed_at INTEGER NOT NULL
) WITHOUT ROWID, STRICT;

-- A version is applied to an order once.
CREATE TABLE rule_applied (
  order_id INTEGER NOT NULL,
  rule     TEXT NOT NULL,
  digest   BLOB NOT NULL,
  at       INTEGER NOT NULL,
  PRIMARY KEY (order_id, rule, digest)
) WITHOUT ROWID, STRICT;

CREATE TABLE order_tags (
  order_id INTEGER NOT NULL,
  tag      TEXT NOT NULL,
  PRIMARY KEY (order_id, tag)
) WITHOUT ROWID, STRICT;
CREATE INDEX order_tags_tag ON order_tags (tag, order_id);

-- What rules want of an order: where from, how soon, alone, or merged by a person only.
CREATE TABLE order_wishes (
  order_id  INTEGER PRIMARY KEY,
  warehouse TEXT,
  priority  INTEGER NOT NULL,
  apart     INTEGER NOT NULL,
  propose   INTEGER NOT NULL
) STRICT;
-- The few that are urgent.
CREATE INDEX order_wishes_priority ON order_wishes (order_id) WHERE priority <> 0;

-- Lines that rules add to an order at no price: they are sent with it, and are no part of its money.
CREATE TABLE gifts (
  order_id INTEGER NOT NULL,
  line_no  INTEGER NOT NULL CHECK (line_no > 1000), -- beyond all lines of its channel
  sku      TEXT NOT NULL,                  -- ours, not the channel's
  quantity INTEGER NOT NULL CHECK (quantity >= 0), -- 0: there was none after all
  rule     TEXT NOT NULL,
  digest   BLOB NOT NULL,                  -- its version, as in rule_applied
  at       INTEGER NOT NULL,
  PRIMARY KEY (order_id, line_no)
) WITHOUT ROWID, STRICT;

-- For people with any SQLite tool; times as text, money as decimals of two places.
CREATE VIEW v_orders AS
  SELECT 'o_' || o.id AS id, c.name AS channel, o.external_id, o.status, o.channel_status,
         strftime('%Y-%m-%d %H:%M:%S', o.placed_at / 1000, 'unixepoch') AS placed_at_utc,
         strftime('%Y-%m-%d %H:%M:%S', o.paid_at / 1000, 'unixepoch') AS paid_at_utc,
         o.currency, o.total AS total_minor, 'g_' || o.group_id AS group_id, o.receiver_name, o.receiver_phone,
         coalesce(o.province, '') || coalesce(o.city, '') || coalesce(o.district, '') || coalesce(o.address, '') AS address,
         o.version
    FROM orders o JOIN channels c ON c.id = o.channel_id;
CREATE VIEW v_lines AS
  SELECT 'o_' || l.order_id AS order_id, c.name AS channel, o.external_id, l.line_no, l.line_id, l.sku, l.title, l.quantity,
         o.currency, l.price AS price_minor, l.discount AS discount_minor, l.refunded AS refunded_minor
    FROM lines l JOIN orders o ON o.id = l.order_id JOIN channels c ON c.id = o.channel_id;
CREATE VIEW v_exceptions AS
  SELECT 'x_' || x.id AS id, x.type, x.state, 'o_' || x.order_id AS order_id, 'p_' || x.payload_id AS payload_id,
         strftime('%Y-%m-%d %H:%M:%S', x.since / 1000, 'unixepoch') AS since_utc, x.owner, x.assignee, x.data
    FROM exceptions x;
CREATE VIEW v_events AS
  SELECT e.seq, strftime('%Y-%m-%d %H:%M:%f', e.at / 1000.0, 'unixepoch') AS at_utc, e.kind || '_' || e.entity AS entity,
         e.type, e.actor,
         CASE WHEN e.type = 'order.created' AND e.data = '{}' THEN '{"status":"paid"}' ELSE e.data END AS data
    FROM events e;
CREATE VIEW v_stock AS
  SELECT k.code AS sku, w.code AS warehouse, s.on_hand, s.reserved, s.frozen, s.on_hand - s.reserved - s.frozen AS available, s.quarantine
    FROM stock s JOIN skus k ON k.id = s.sku_id JOIN warehouses w ON w.id = s.warehouse_id;
CREATE VIEW v_stock_ledger AS
  SELECT m.id, strftime('%Y-%m-%d %H:%M:%S', m.at / 1000, 'unixepoch') AS at_utc, k.code AS sku, w.code AS warehouse,
         CASE m.source WHEN 'a' THEN 'available' WHEN 'r' THEN 'reserved' WHEN 'f' THEN 'frozen' WHEN 'q' THEN 'quarantine' ELSE 'outside' END AS source,
         CASE m.target WHEN 'a' THEN 'available' WHEN 'r' THEN 'reserved' WHEN 'f' THEN 'frozen' WHEN 'q' THEN 'quarantine' ELSE 'outside' END AS target,
         m.quantity, m.reason, m.ref, m.actor
    FROM stock_moves m JOIN skus k ON k.id = m.sku_id JOIN warehouses w ON w.id = m.warehouse_id;
CREATE VIEW v_claims AS
  SELECT 'k_' || c.id AS id, 'f_' || c.fulfilment_id AS fulfilment, c.carrier, c.tracking_no, c.state, c.carried, c.told,
         strftime('%Y-%m-%d %H:%M:%S', c.claimed_at / 1000, 'unixepoch') AS claimed_at_utc, c.reason, c.actor
    FROM claims c;
CREATE VIEW v_cases AS
  SELECT 'c_' || k.id AS id, 'o_' || k.order_id AS order_id, k.kind, k.state, k.step, k.currency, k.amount AS amount_minor, k.refund,
         k.goods, k.reason, strftime('%Y-%m-%d %H:%M:%S', k.created_at / 1000, 'unixepoch') AS created_at_utc
    FROM cases k;
CREATE VIEW v_effects AS
  SELECT 'e_' || e.id AS id, e.kind, e.destination, e.subject, e.state, e.attempts,
         strftime('%Y-%m-%d %H:%M:%S', e.due_at / 1000, 'unixepoch') AS due_at_utc, e.error
    FROM effects e;

-- ---- factories and carriers ------------------------------------------------------------------------------------------

-- What they told by themselves, once each; kept until it is applied, or a person has dealt with it.
CREATE TABLE callbacks (
  id          INTEGER PRIMARY KEY,         -- h_
  destination TEXT NOT NULL,               -- factory:NAME, carrier:NAME
  digest      BLOB NOT NULL,               -- first 16 bytes of the SHA-256 of its id, or of its bytes
  at          INTEGER NOT NULL,
  state       TEXT NOT NULL,               -- applied, failed, dropped
  body        BLOB NOT NULL,               -- as it came
  events      TEXT,                        -- JSON array: what it tells; NULL: it could not be read
  error       TEXT,                        -- JSON, of failed
  UNIQUE (destination, digest)
) STRICT;
CREATE INDEX callbacks_failed ON callbacks (id) WHERE state = 'failed';

-- ---- notices -----------------------------------------------------------------------------------------------------------

-- What people are to be told: once per room and cause. It joins the room's next message (an effect) and stays with it.
CREATE TABLE notices (
  id        INTEGER PRIMARY KEY,           -- m_
  messenger TEXT NOT NULL,                 -- the NAME of [messenger NAME]
  room      TEXT NOT NULL,                 -- [notify NAME], NAME/PHONE, or customer:KIND
  kind      TEXT NOT NULL,                 -- remind, escalate, backlog, exception:TYPE, test; of customers shipped, delayed
  cause     TEXT NOT NULL,                 -- what makes it the same notice
  about     TEXT,                          -- o_, x_, c_, f_
  text      TEXT NOT NULL,
  urgent    INTEGER NOT NULL,              -- told in quiet hours, too
  state     TEXT NOT NULL CHECK (state = 'waiting' OR state = 'sent' OR state = 'dropped'),
  at        INTEGER NOT NULL,
  effect_id INTEGER,                       -- the message that took it along
  joined_at INTEGER,
  ended_at  INTEGER
) STRICT;
CREATE UNIQUE INDEX notices_cause ON notices (room, cause);
CREATE INDEX notices_joined ON notices (messenger, joined_at) WHERE joined_at IS NOT NULL;
CREATE INDEX notices_free ON notices (room) WHERE state = 'waiting' AND effect_id IS NULL;
CREATE INDEX notices_effect ON notices (effect_id) WHERE effect_id IS NOT NULL;

-- ---- waybills ------------------------------------------------------------------------------------------------------------

-- What was bought, or is to be, from a carrier's connector. A fulfilment has one at most that is neither refused nor void.
CREATE TABLE waybills (
  id            INTEGER PRIMARY KEY,           -- b_
  fulfilment_id INTEGER NOT NULL,
  carrier       TEXT NOT NULL,                 -- the NAME of [carrier NAME]
  order_no      TEXT NOT NULL UNIQUE,          -- what the carrier knows it by; never used again
  state         TEXT NOT NULL CHECK (state = 'wanted' OR state = 'bought' OR state = 'voiding' OR state = 'void'
                                  OR state = 'refused'),
  pieces        INTEGER NOT NULL,
  weight        INTEGER NOT NULL,              -- grams
  volume        INTEGER NOT NULL,              -- cm³
  cod           INTEGER NOT NULL,              -- minor units that the carrier collects; 0: none
  price         INTEGER NOT NULL,              -- minor units that it costs, as it was quoted or told; 0: not known
  effect_id     INTEGER,                       -- the last one about it
  claim_id      INTEGER,                       -- the claim that bears its number
  unwanted      INTEGER NOT NULL,              -- 1: it is taken back as soon as it is known to be bought
  tracking_no   TEXT,
  route         TEXT,                          -- what the carrier's sorters read on the label
  currency      TEXT,
  why           TEXT,                          -- JSON: how the carrier was chosen; NULL: a person named it
  again         TEXT,                          -- when it is void, one of this carrier is bought
  reason        TEXT,
  actor         TEXT NOT NULL,
  bought_at     INTEGER,
  created_at    INTEGER NOT NULL,
  updated_at    INTEGER NOT NULL,
  version       INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX waybills_live ON waybills (fulfilment_id) WHERE state <> 'void' AND state <> 'refused';
CREATE INDEX waybills_fulfilment ON waybills (fulfilment_id);
CREATE INDEX waybills_loose ON waybills (id) WHERE claim_id IS NULL AND (state = 'wanted' OR state = 'bought');
CREATE INDEX waybills_number ON waybills (tracking_no) WHERE tracking_no IS NOT NULL;

-- Further pieces of one waybill that bear numbers of their own.
CREATE TABLE waybill_children (
  tracking_no TEXT NOT NULL,
  waybill_id  INTEGER NOT NULL,
  PRIMARY KEY (tracking_no, waybill_id)
) WITHOUT ROWID, STRICT;
CREATE INDEX waybill_children_waybill ON waybill_children (waybill_id);

-- ---- traces --------------------------------------------------------------------------------------------------------------

-- Each word of a carrier about a parcel, once.
CREATE TABLE traces (
  tracking_no TEXT NOT NULL,
  at          INTEGER NOT NULL,
  status      TEXT NOT NULL,                   -- created, picked_up, in_transit, out_for_delivery, delivered, failed, returned, lost
  note        TEXT NOT NULL,
  place       TEXT,
  teller      TEXT NOT NULL,                   -- who told it
  told_at     INTEGER NOT NULL,
  PRIMARY KEY (tracking_no, at, status, note)
) WITHOUT ROWID, STRICT;

-- Parcels on their way whose carrier is asked for them.
CREATE TABLE trace_polls (
  claim_id INTEGER PRIMARY KEY,
  due_at   INTEGER NOT NULL,
  asked    INTEGER NOT NULL,                   -- how often
  followed INTEGER NOT NULL                    -- 1: the carrier was asked to tell of it by itself
) STRICT;
CREATE INDEX trace_polls_due ON trace_polls (due_at);

-- ---- what carriers cost -------------------------------------------------------------------------------------------------

CREATE TABLE rate_cards (
  id              INTEGER PRIMARY KEY,
  code            TEXT NOT NULL UNIQUE,
  carrier         TEXT NOT NULL,
  service         TEXT NOT NULL,
  origin          TEXT NOT NULL,
  currency        TEXT NOT NULL,
  divisor         INTEGER NOT NULL,        -- cm³ that count as a kg; 0: volume does not count
  step_g          INTEGER NOT NULL,        -- billable weights are multiples of it; 0: none
  minimum         INTEGER NOT NULL,        -- minor units, as are all amounts here
  fuel_bp         INTEGER NOT NULL,        -- hundredths of a per cent
  cod_bp          INTEGER NOT NULL,
  cod_minimum     INTEGER NOT NULL,
  insured_bp      INTEGER NOT NULL,
  insured_minimum INTEGER NOT NULL,
  weight_max_g    INTEGER NOT NULL,        -- 0: no limit
  side_max_mm     INTEGER NOT NULL,
  valid_from      INTEGER NOT NULL,
  valid_to        INTEGER NOT NULL,        -- excluded; 0: open
  dangerous       INTEGER NOT NULL,
  cold            INTEGER NOT NULL,
  retired         INTEGER NOT NULL,
  version         INTEGER NOT NULL,
  updated_at      INTEGER NOT NULL
) STRICT;

-- Bands of weight to a destination.
CREATE TABLE rates (
  id         INTEGER PRIMARY KEY,
  card_id    INTEGER NOT NULL,
  province   TEXT NOT NULL,                -- folded; '' everywhere
  city       TEXT NOT NULL,                -- names with blanks between; '' all of it
  from_g     INTEGER NOT NULL,             -- excluded
  model      INTEGER NOT NULL,             -- 0 first_add, 1 per_kg, 2 total
  to_g       INTEGER NOT NULL,             -- 0: no end
  first_g    INTEGER NOT NULL,
  first      INTEGER NOT NULL,
  per_kg     INTEGER NOT NULL,             -- thousandths of a minor unit
  remote     INTEGER NOT NULL,
  days_least INTEGER NOT NULL,             -- as the carrier says; 0: not said
  days_most  INTEGER NOT NULL,
  UNIQUE (card_id, province, city, from_g)
) STRICT;
CREATE INDEX rates_province ON rates (province, card_id);

-- How many parcels took so many days, from pick-up to delivery.
CREATE TABLE lead_times (
  carrier  TEXT NOT NULL,
  province TEXT NOT NULL,                  -- folded
  days     INTEGER NOT NULL,
  parcels  INTEGER NOT NULL,
  PRIMARY KEY (carrier, province, days)
) WITHOUT ROWID, STRICT;

-- Who is signed in to the console. The cookie is 256 random bits and is not kept, only its SHA-256.
CREATE TABLE sessions (
  id         INTEGER PRIMARY KEY,
  user_id    INTEGER NOT NULL,
  digest     BLOB NOT NULL UNIQUE,
  address    TEXT NOT NULL,                -- where from
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_user ON sessions (user_id, id);

-- Browsers that a user has signed in from: what strangers try under the user's name does not make these wait.
CREATE TABLE devices (
  id         INTEGER PRIMARY KEY,
  user_id    INTEGER NOT NULL,
  digest     BLOB NOT NULL UNIQUE,
  created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX devices_user ON devices (user_id, id);

-- Figures for the console, kept with every change of an order, so that no page counts orders. How many stand in a
-- status, by the hour they came to it: backlog and its age.
CREATE TABLE rollup_stages (
  status TEXT NOT NULL,
  hour   INTEGER NOT NULL,                 -- since 1970
  orders INTEGER NOT NULL,
  PRIMARY KEY (status, hour)
) WITHOUT ROWID, STRICT;

-- How many were placed in an hour, by channel.
CREATE TABLE rollup_hours (
  hour       INTEGER NOT NULL,
  channel_id INTEGER NOT NULL,
  orders     INTEGER NOT NULL,
  PRIMARY KEY (hour, channel_id)
) WITHOUT ROWID, STRICT;

-- How long they took from paid to shipped, by the day they shipped; bucket is a place in LEAD_MAP.
CREATE TABLE rollup_leads (
  day        INTEGER NOT NULL,
  channel_id INTEGER NOT NULL,
  bucket     INTEGER NOT NULL,
  orders     INTEGER NOT NULL,
  PRIMARY KEY (day, channel_id, bucket)
) WITHOUT ROWID, STRICT;

-- Files that people dropped into the console: looked through first, then applied, and taken back where nothing was
-- built upon them. reading -> preview -> applying -> done -> undoing -> undone, or preview -> discarded.
CREATE TABLE imports (
  id         INTEGER PRIMARY KEY,
  name       TEXT NOT NULL,                -- of the file
  channel    TEXT,
  state      TEXT NOT NULL,
  actor      TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  ended_at   INTEGER,
  rows       INTEGER NOT NULL,
  done       INTEGER NOT NULL,             -- seq up to which rows are applied, or taken back
  version    INTEGER NOT NULL
) STRICT;
CREATE INDEX imports_open ON imports (id) WHERE state = 'reading' OR state = 'applying' OR state = 'undoing';

-- Their orders, and rows that are none. result: new, changed, unchanged, stale, again, refused; once applied created,
-- updated, unchanged, stale, refused; undone, or kept where somebody was quicker.
CREATE TABLE import_rows (
  import_id INTEGER NOT NULL,
  seq       INTEGER NOT NULL,
  row       INTEGER NOT NULL,              -- of the sheet, from 1
  result    TEXT NOT NULL,
  number    TEXT,                          -- channel:external_id
  order_id  INTEGER,
  at_seq    INTEGER,                       -- the journal's head when it was applied: what came later was built upon it
  error     TEXT,                          -- JSON: code, detail, column
  body      BLOB,                          -- the canonical order, packed; NULL: no order
  PRIMARY KEY (import_id, seq)
) WITHOUT ROWID, STRICT;
CREATE INDEX import_rows_result ON import_rows (import_id, result, seq);
