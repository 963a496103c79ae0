-- What was sent, in place of a mail server. One of each kind for an account.
CREATE TABLE mails (
    id INTEGER PRIMARY KEY,
    account INTEGER NOT NULL REFERENCES accounts (id),
    kind TEXT NOT NULL,
    recipient TEXT NOT NULL,
    UNIQUE (account, kind)
) STRICT;

-- What one euro costs.
CREATE TABLE rates (
    currency TEXT PRIMARY KEY,
    rate REAL NOT NULL,
    number INTEGER NOT NULL
) STRICT;
