CREATE TABLE accounts (
    id INTEGER PRIMARY KEY,
    email TEXT NOT NULL UNIQUE COLLATE NOCASE,
    password TEXT NOT NULL
) STRICT;

-- A token is known to its client alone: this is its hash.
CREATE TABLE sessions (
    token BLOB PRIMARY KEY,
    account INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE products (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    cents INTEGER NOT NULL CHECK (cents > 0),
    stock INTEGER NOT NULL CHECK (stock >= 0)
) STRICT;

-- A client that repeats an order sends the same reference again.
CREATE TABLE orders (
    id INTEGER PRIMARY KEY,
    account INTEGER NOT NULL REFERENCES accounts (id),
    reference TEXT NOT NULL,
    product INTEGER NOT NULL REFERENCES products (id),
    quantity INTEGER NOT NULL CHECK (quantity > 0),
    cents INTEGER NOT NULL,
    placed INTEGER NOT NULL,
    UNIQUE (account, reference)
) STRICT;

CREATE INDEX orders_by_time ON orders (placed);

CREATE TABLE reports (
    id INTEGER PRIMARY KEY,
    until INTEGER NOT NULL,
    orders INTEGER NOT NULL,
    cents INTEGER NOT NULL
) STRICT;
