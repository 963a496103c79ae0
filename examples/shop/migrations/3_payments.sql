ALTER TABLE orders ADD COLUMN status TEXT NOT NULL DEFAULT 'placed';

-- What a bank would have.
CREATE TABLE payments (
    "order" INTEGER PRIMARY KEY REFERENCES orders (id),
    cents INTEGER NOT NULL,
    -- How often it was paid back, which must not be more than once.
    refunds INTEGER NOT NULL DEFAULT 0
) STRICT;
