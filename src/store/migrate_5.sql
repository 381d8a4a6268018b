CREATE TABLE callbacks (
  id          INTEGER PRIMARY KEY,
  destination TEXT NOT NULL,
  digest      BLOB NOT NULL,
  at          INTEGER NOT NULL,
  state       TEXT NOT NULL,
  body        BLOB NOT NULL,
  events      TEXT,
  error       TEXT,
  UNIQUE (destination, digest)
) STRICT;
CREATE INDEX callbacks_failed ON callbacks (id) WHERE state = 'failed';

CREATE TABLE gifts (
  order_id INTEGER NOT NULL,
  line_no  INTEGER NOT NULL CHECK (line_no > 1000),
  sku      TEXT NOT NULL,
  quantity INTEGER NOT NULL CHECK (quantity >= 0),
  rule     TEXT NOT NULL,
  digest   BLOB NOT NULL,
  at       INTEGER NOT NULL,
  PRIMARY KEY (order_id, line_no)
) WITHOUT ROWID, STRICT;
CREATE INDEX payloads_failed ON payloads (channel_id, digest) WHERE state = 'failed';

CREATE TABLE notices (
  id        INTEGER PRIMARY KEY,
  messenger TEXT NOT NULL,
  room      TEXT NOT NULL,
  kind      TEXT NOT NULL,
  cause     TEXT NOT NULL,
  about     TEXT,
  text      TEXT NOT NULL,
  urgent    INTEGER NOT NULL,
  state     TEXT NOT NULL CHECK (state = 'waiting' OR state = 'sent' OR state = 'dropped'),
  at        INTEGER NOT NULL,
  effect_id INTEGER,
  joined_at INTEGER,
  ended_at  INTEGER
) STRICT;
CREATE UNIQUE INDEX notices_cause ON notices (room, cause);
CREATE INDEX notices_joined ON notices (messenger, joined_at) WHERE joined_at IS NOT NULL;
CREATE INDEX notices_free ON notices (room) WHERE state = 'waiting' AND effect_id IS NULL;
CREATE INDEX notices_effect ON notices (effect_id) WHERE effect_id IS NOT NULL;

CREATE TABLE waybills (
  id            INTEGER PRIMARY KEY,
  fulfilment_id INTEGER NOT NULL,
  carrier       TEXT NOT NULL,
  order_no      TEXT NOT NULL UNIQUE,
  state         TEXT NOT NULL CHECK (state = 'wanted' OR state = 'bought' OR state = 'voiding' OR state = 'void'
                                  OR state = 'refused'),
  pieces        INTEGER NOT NULL,
  weight        INTEGER NOT NULL,
  volume        INTEGER NOT NULL,
  cod           INTEGER NOT NULL,
  price         INTEGER NOT NULL,
  effect_id     INTEGER,
  claim_id      INTEGER,
  unwanted      INTEGER NOT NULL,
  tracking_no   TEXT,
  route         TEXT,
  currency      TEXT,
  why           TEXT,
  again         TEXT,
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
CREATE TABLE waybill_children (
  tracking_no TEXT NOT NULL,
  waybill_id  INTEGER NOT NULL,
  PRIMARY KEY (tracking_no, waybill_id)
) WITHOUT ROWID, STRICT;
CREATE INDEX waybill_children_waybill ON waybill_children (waybill_id);
CREATE TABLE traces (
  tracking_no TEXT NOT NULL,
  at          INTEGER NOT NULL,
  status      TEXT NOT NULL,
  note        TEXT NOT NULL,
  place       TEXT,
  teller      TEXT NOT NULL,
  told_at     INTEGER NOT NULL,
  PRIMARY KEY (tracking_no, at, status, note)
) WITHOUT ROWID, STRICT;
CREATE TABLE trace_polls (
  claim_id INTEGER PRIMARY KEY,
  due_at   INTEGER NOT NULL,
  asked    INTEGER NOT NULL,
  followed INTEGER NOT NULL
) STRICT;
CREATE INDEX trace_polls_due ON trace_polls (due_at);
CREATE TABLE rate_cards (
  id              INTEGER PRIMARY KEY,
  code            TEXT NOT NULL UNIQUE,
  carrier         TEXT NOT NULL,
  service         TEXT NOT NULL,
  origin          TEXT NOT NULL,
  currency        TEXT NOT NULL,
  divisor         INTEGER NOT NULL,
  step_g          INTEGER NOT NULL,
  minimum         INTEGER NOT NULL,
  fuel_bp         INTEGER NOT NULL,
  cod_bp          INTEGER NOT NULL,
  cod_minimum     INTEGER NOT NULL,
  insured_bp      INTEGER NOT NULL,
  insured_minimum INTEGER NOT NULL,
  weight_max_g    INTEGER NOT NULL,
  side_max_mm     INTEGER NOT NULL,
  valid_from      INTEGER NOT NULL,
  valid_to        INTEGER NOT NULL,
  dangerous       INTEGER NOT NULL,
  cold            INTEGER NOT NULL,
  retired         INTEGER NOT NULL,
  version         INTEGER NOT NULL,
  updated_at      INTEGER NOT NULL
) STRICT;
CREATE TABLE rates (
  id         INTEGER PRIMARY KEY,
  card_id    INTEGER NOT NULL,
  province   TEXT NOT NULL,
  city       TEXT NOT NULL,
  from_g     INTEGER NOT NULL,
  model      INTEGER NOT NULL,
  to_g       INTEGER NOT NULL,
  first_g    INTEGER NOT NULL,
  first      INTEGER NOT NULL,
  per_kg     INTEGER NOT NULL,
  remote     INTEGER NOT NULL,
  days_least INTEGER NOT NULL,
  days_most  INTEGER NOT NULL,
  UNIQUE (card_id, province, city, from_g)
) STRICT;
CREATE INDEX rates_province ON rates (province, card_id);
CREATE TABLE lead_times (
  carrier  TEXT NOT NULL,
  province TEXT NOT NULL,
  days     INTEGER NOT NULL,
  parcels  INTEGER NOT NULL,
  PRIMARY KEY (carrier, province, days)
) WITHOUT ROWID, STRICT;
