-- From schema 2 to 3: stock, fulfilments, claims, the outbox. What each is for stands in schema.sql.
CREATE TABLE skus (
  id         INTEGER PRIMARY KEY,
  code       TEXT NOT NULL UNIQUE,
  title      TEXT,
  made       INTEGER NOT NULL DEFAULT 0,
  weight     INTEGER,
  length     INTEGER,
  width      INTEGER,
  height     INTEGER,
  hazard     TEXT,
  cold       INTEGER NOT NULL DEFAULT 0,
  safety     INTEGER NOT NULL DEFAULT 0,
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
CREATE TABLE kit_parts (
  kit_id   INTEGER NOT NULL,
  sku_id   INTEGER NOT NULL,
  quantity INTEGER NOT NULL CHECK (quantity >= 1),
  PRIMARY KEY (kit_id, sku_id)
) WITHOUT ROWID, STRICT;
CREATE INDEX kit_parts_sku ON kit_parts (sku_id);
CREATE TABLE channel_skus (
  channel_id  INTEGER NOT NULL,
  channel_sku TEXT NOT NULL,
  sku_id      INTEGER NOT NULL,
  PRIMARY KEY (channel_id, channel_sku)
) WITHOUT ROWID, STRICT;
CREATE INDEX channel_skus_sku ON channel_skus (sku_id);
CREATE TABLE warehouses (
  id         INTEGER PRIMARY KEY,
  code       TEXT NOT NULL UNIQUE,
  title      TEXT,
  kind       TEXT NOT NULL CHECK (kind = 'warehouse' OR kind = 'factory'),
  country    TEXT NOT NULL,
  division   INTEGER,
  regions    TEXT,
  capacity   INTEGER,
  state      TEXT NOT NULL CHECK (state = 'active' OR state = 'retired'),
  created_at INTEGER NOT NULL,
  version    INTEGER NOT NULL
) STRICT;
CREATE TABLE stock (
  sku_id       INTEGER NOT NULL,
  warehouse_id INTEGER NOT NULL,
  on_hand      INTEGER NOT NULL CHECK (on_hand >= 0),
  reserved     INTEGER NOT NULL CHECK (reserved >= 0),
  frozen       INTEGER NOT NULL CHECK (frozen >= 0),
  quarantine   INTEGER NOT NULL CHECK (quarantine >= 0),
  move_id      INTEGER NOT NULL,
  PRIMARY KEY (sku_id, warehouse_id),
  CHECK (on_hand >= reserved + frozen)
) WITHOUT ROWID, STRICT;
CREATE TABLE stock_moves (
  id           INTEGER PRIMARY KEY,
  at           INTEGER NOT NULL,
  sku_id       INTEGER NOT NULL,
  warehouse_id INTEGER NOT NULL,
  source       TEXT NOT NULL CHECK (source = 'o' OR source = 'a' OR source = 'r' OR source = 'f' OR source = 'q'),
  target       TEXT NOT NULL CHECK (target = 'o' OR target = 'a' OR target = 'r' OR target = 'f' OR target = 'q'),
  quantity     INTEGER NOT NULL CHECK (quantity >= 1),
  reason       TEXT NOT NULL,
  ref          TEXT,
  actor        TEXT,
  before       INTEGER NOT NULL
) STRICT;
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
CREATE INDEX units_fulfilment ON units (fulfilment_id) WHERE fulfilment_id <> 0;
CREATE TABLE fulfilments (
  id           INTEGER PRIMARY KEY,
  group_id     INTEGER NOT NULL,
  warehouse_id INTEGER,
  status       TEXT NOT NULL,
  work         TEXT NOT NULL CHECK (work = 'open' OR work = 'picking' OR work = 'packed'),
  wave_id      INTEGER,
  created_at   INTEGER NOT NULL,
  updated_at   INTEGER NOT NULL,
  version      INTEGER NOT NULL
) STRICT;
CREATE INDEX fulfilments_group ON fulfilments (group_id);
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
CREATE TABLE waves (
  id           INTEGER PRIMARY KEY,
  warehouse_id INTEGER NOT NULL,
  state        TEXT NOT NULL CHECK (state = 'open' OR state = 'done'),
  actor        TEXT NOT NULL,
  created_at   INTEGER NOT NULL,
  version      INTEGER NOT NULL
) STRICT;
CREATE TABLE scans (
  fulfilment_id INTEGER NOT NULL,
  sku_id        INTEGER NOT NULL,
  quantity      INTEGER NOT NULL CHECK (quantity >= 1),
  PRIMARY KEY (fulfilment_id, sku_id)
) WITHOUT ROWID, STRICT;
CREATE TABLE claims (
  id            INTEGER PRIMARY KEY,
  fulfilment_id INTEGER NOT NULL,
  carrier       TEXT NOT NULL,
  tracking_no   TEXT NOT NULL,
  channel_id    INTEGER,
  receiver      INTEGER NOT NULL,
  came_from     TEXT NOT NULL,
  state         TEXT NOT NULL CHECK (state = 'live' OR state = 'shipped' OR state = 'void'),
  carried       TEXT NOT NULL CHECK (carried = 'none' OR carried = 'label' OR carried = 'picked_up' OR carried = 'in_transit'
                                  OR carried = 'delivered' OR carried = 'returned' OR carried = 'lost'),
  told          TEXT NOT NULL CHECK (told = 'none' OR told = 'sent' OR told = 'accepted' OR told = 'refused' OR told = 'unknown'),
  put_back      INTEGER NOT NULL DEFAULT 0,
  claimed_at    INTEGER NOT NULL,
  picked_up_at  INTEGER,
  ended_at      INTEGER,
  reason        TEXT,
  due_at        INTEGER,
  actor         TEXT NOT NULL,
  version       INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX claims_fulfilment ON claims (fulfilment_id) WHERE state <> 'void';
CREATE UNIQUE INDEX claims_number ON claims (tracking_no) WHERE state = 'live';
CREATE INDEX claims_tracking ON claims (tracking_no);
CREATE INDEX claims_due ON claims (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX claims_put_back ON claims (id) WHERE put_back = 1;
CREATE TABLE confirmations (
  claim_id INTEGER NOT NULL,
  order_id INTEGER NOT NULL,
  state    TEXT NOT NULL CHECK (state = 'none' OR state = 'sent' OR state = 'accepted' OR state = 'refused' OR state = 'unknown'),
  effect_id INTEGER,
  at       INTEGER NOT NULL,
  error    TEXT,
  PRIMARY KEY (claim_id, order_id)
) WITHOUT ROWID, STRICT;
CREATE INDEX confirmations_order ON confirmations (order_id);
CREATE TABLE effects (
  id          INTEGER PRIMARY KEY,
  kind        TEXT NOT NULL,
  destination TEXT NOT NULL,
  subject     TEXT NOT NULL,
  state       TEXT NOT NULL CHECK (state = 'waiting' OR state = 'sending' OR state = 'unknown' OR state = 'done'
                                OR state = 'dead' OR state = 'dropped'),
  safe        INTEGER NOT NULL,
  attempts    INTEGER NOT NULL,
  due_at      INTEGER NOT NULL,
  created_at  INTEGER NOT NULL,
  sent_at     INTEGER,
  ended_at    INTEGER,
  data        TEXT NOT NULL,
  error       TEXT,
  version     INTEGER NOT NULL
) STRICT;
CREATE INDEX effects_open ON effects (destination, subject, id) WHERE state = 'waiting' OR state = 'sending' OR state = 'unknown';
CREATE INDEX effects_due ON effects (destination, due_at, id) WHERE state = 'waiting' OR state = 'unknown';
CREATE INDEX effects_state ON effects (state, id) WHERE state <> 'done' AND state <> 'dropped';
CREATE UNIQUE INDEX effects_stock ON effects (destination, subject) WHERE kind = 'stock' AND state = 'waiting';
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
CREATE VIEW v_effects AS
  SELECT 'e_' || e.id AS id, e.kind, e.destination, e.subject, e.state, e.attempts,
         strftime('%Y-%m-%d %H:%M:%S', e.due_at / 1000, 'unixepoch') AS due_at_utc, e.error
    FROM effects e;
