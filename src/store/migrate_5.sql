CREATE TABLE callbacks (
  id          INTEGER PRIMARY KEY,
  destination TEXT NOT NULL,
  digest      BLOB NOT NULL,
  at          INTEGER NOT NULL,
  state       TEXT NOT NULL,
  body        TEXT NOT NULL,
  events      TEXT,
  error       TEXT,
  UNIQUE (destination, digest)
) STRICT;
CREATE INDEX callbacks_failed ON callbacks (id) WHERE state = 'failed';
