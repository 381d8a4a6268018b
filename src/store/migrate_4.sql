-- From schema 3 to 4: the people and systems around an order. What each is for stands in schema.sql.
-- returns
CREATE TABLE cases (
  id           INTEGER PRIMARY KEY,
  order_id     INTEGER NOT NULL,
  kind         TEXT NOT NULL CHECK (kind = 'return' OR kind = 'exchange' OR kind = 'refund_only' OR kind = 'repair'),
  state        TEXT NOT NULL CHECK (state = 'open' OR state = 'approved' OR state = 'done' OR state = 'rejected' OR state = 'cancelled'),
  step         TEXT CHECK (step = 'cs' OR step = 'warehouse' OR step = 'finance'),
  round        INTEGER NOT NULL,
  currency     TEXT NOT NULL,
  amount       INTEGER NOT NULL CHECK (amount >= 0),
  ceiling      INTEGER NOT NULL,
  reason       TEXT NOT NULL,
  note         TEXT,
  refund       TEXT NOT NULL CHECK (refund = 'none' OR refund = 'sent' OR refund = 'accepted' OR refund = 'refused'
                                 OR refund = 'unknown' OR refund = 'by_hand'),
  refund_id    TEXT,
  effect_id    INTEGER,
  goods        TEXT NOT NULL CHECK (goods = 'none' OR goods = 'awaited' OR goods = 'received' OR goods = 'inspected'),
  warehouse_id INTEGER,
  exchange_id  INTEGER,
  created_at   INTEGER NOT NULL,
  updated_at   INTEGER NOT NULL,
  step_since   INTEGER NOT NULL,
  due_at       INTEGER,
  due_step     INTEGER NOT NULL DEFAULT 0,
  ended_at     INTEGER,
  actor        TEXT NOT NULL,
  version      INTEGER NOT NULL,
  CHECK ((state = 'open') = (step IS NOT NULL))
) STRICT;
CREATE INDEX cases_order ON cases (order_id);
CREATE INDEX cases_state ON cases (state, id);
CREATE INDEX cases_due ON cases (due_at) WHERE due_at IS NOT NULL;
CREATE TABLE case_lines (
  case_id  INTEGER NOT NULL,
  line_no  INTEGER NOT NULL,
  quantity INTEGER NOT NULL CHECK (quantity >= 0),
  amount   INTEGER NOT NULL CHECK (amount >= 0),
  worth    INTEGER NOT NULL,
  bought   INTEGER NOT NULL,
  instead  TEXT,
  received INTEGER NOT NULL DEFAULT 0 CHECK (received <= quantity),
  good     INTEGER NOT NULL DEFAULT 0 CHECK (good >= 0),
  damaged  INTEGER NOT NULL DEFAULT 0 CHECK (damaged >= 0),
  PRIMARY KEY (case_id, line_no),
  CHECK (good + damaged <= received)
) WITHOUT ROWID, STRICT;
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
CREATE TABLE token_users (
  token_id INTEGER PRIMARY KEY,
  user_id  INTEGER NOT NULL
) STRICT;
-- production
CREATE TABLE work_orders (
  id            INTEGER PRIMARY KEY,
  fulfilment_id INTEGER NOT NULL,
  order_id      INTEGER NOT NULL,
  line_no       INTEGER NOT NULL,
  quantity      INTEGER NOT NULL CHECK (quantity >= 1),
  sku           TEXT,
  title         TEXT,
  factory       TEXT NOT NULL,
  state         TEXT NOT NULL CHECK (state = 'wanted' OR state = 'sent' OR state = 'accepted' OR state = 'started'
                                  OR state = 'finished' OR state = 'passed' OR state = 'failed' OR state = 'scrapped'
                                  OR state = 'refused' OR state = 'cancelled'),
  cancel        TEXT NOT NULL CHECK (cancel = 'none' OR cancel = 'asked' OR cancel = 'refused'),
  covers        INTEGER NOT NULL,
  seq           INTEGER NOT NULL,
  expected_seq  INTEGER NOT NULL,
  step          INTEGER NOT NULL,
  steps         INTEGER NOT NULL,
  priority      INTEGER NOT NULL,
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
  n              INTEGER NOT NULL,
  seq            INTEGER NOT NULL,
  state          TEXT,
  step           INTEGER NOT NULL,
  steps          INTEGER NOT NULL,
  expected_at    INTEGER,
  cancel_refused INTEGER NOT NULL,
  note           TEXT,
  actor          TEXT NOT NULL,
  applied        INTEGER NOT NULL,
  at             INTEGER NOT NULL,
  PRIMARY KEY (work_id, n)
) WITHOUT ROWID, STRICT;
CREATE VIEW v_cases AS
  SELECT 'c_' || k.id AS id, 'o_' || k.order_id AS order_id, k.kind, k.state, k.step, k.currency, k.amount AS amount_minor, k.refund,
         k.goods, k.reason, strftime('%Y-%m-%d %H:%M:%S', k.created_at / 1000, 'unixepoch') AS created_at_utc
    FROM cases k;
-- rules
CREATE TABLE rules (
  name       TEXT PRIMARY KEY,
  digest     BLOB NOT NULL,
  state      TEXT NOT NULL CHECK (state = 'on' OR state = 'off' OR state = 'new'),
  applied    INTEGER NOT NULL,
  overruns   INTEGER NOT NULL,
  changed_at INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
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
CREATE TABLE order_wishes (
  order_id  INTEGER PRIMARY KEY,
  warehouse TEXT,
  priority  INTEGER NOT NULL,
  apart     INTEGER NOT NULL,
  propose   INTEGER NOT NULL
) STRICT;
CREATE INDEX order_wishes_priority ON order_wishes (order_id) WHERE priority <> 0;
