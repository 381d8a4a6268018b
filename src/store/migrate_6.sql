CREATE TABLE sessions (
  id         INTEGER PRIMARY KEY,
  user_id    INTEGER NOT NULL,
  digest     BLOB NOT NULL UNIQUE,
  address    TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_user ON sessions (user_id, id);
CREATE TABLE devices (
  id         INTEGER PRIMARY KEY,
  user_id    INTEGER NOT NULL,
  digest     BLOB NOT NULL UNIQUE,
  created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX devices_user ON devices (user_id, id);

CREATE TABLE rollup_stages (
  status TEXT NOT NULL,
  hour   INTEGER NOT NULL,
  orders INTEGER NOT NULL,
  PRIMARY KEY (status, hour)
) WITHOUT ROWID, STRICT;
CREATE TABLE rollup_hours (
  hour       INTEGER NOT NULL,
  channel_id INTEGER NOT NULL,
  orders     INTEGER NOT NULL,
  PRIMARY KEY (hour, channel_id)
) WITHOUT ROWID, STRICT;
CREATE TABLE rollup_leads (
  day        INTEGER NOT NULL,
  channel_id INTEGER NOT NULL,
  bucket     INTEGER NOT NULL,
  orders     INTEGER NOT NULL,
  PRIMARY KEY (day, channel_id, bucket)
) WITHOUT ROWID, STRICT;
INSERT INTO rollup_stages SELECT status, coalesce(stage_since, received_at) / 3600000, count(*) FROM orders GROUP BY 1, 2;
INSERT INTO rollup_hours SELECT placed_at / 3600000, channel_id, count(*) FROM orders GROUP BY 1, 2;

INSERT INTO search_todo SELECT id FROM orders WHERE receiver_name IS NOT NULL OR buyer_name IS NOT NULL
  ON CONFLICT (order_id) DO NOTHING;

CREATE TABLE imports (
  id         INTEGER PRIMARY KEY,
  name       TEXT NOT NULL,
  channel    TEXT,
  state      TEXT NOT NULL,
  actor      TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  ended_at   INTEGER,
  rows       INTEGER NOT NULL,
  done       INTEGER NOT NULL,
  version    INTEGER NOT NULL
) STRICT;
CREATE INDEX imports_open ON imports (id) WHERE state = 'reading' OR state = 'applying' OR state = 'undoing';
CREATE TABLE import_rows (
  import_id INTEGER NOT NULL,
  seq       INTEGER NOT NULL,
  row       INTEGER NOT NULL,
  result    TEXT NOT NULL,
  number    TEXT,
  order_id  INTEGER,
  at_seq    INTEGER,
  error     TEXT,
  body      BLOB,
  PRIMARY KEY (import_id, seq)
) WITHOUT ROWID, STRICT;
CREATE INDEX import_rows_result ON import_rows (import_id, result, seq);
