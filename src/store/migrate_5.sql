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
