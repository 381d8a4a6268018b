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
