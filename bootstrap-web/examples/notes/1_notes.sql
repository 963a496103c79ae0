CREATE TABLE users (id INTEGER PRIMARY KEY, token TEXT NOT NULL UNIQUE);
CREATE TABLE notes (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- the id of a deleted note does not come back
    owner INTEGER NOT NULL REFERENCES users,
    title TEXT NOT NULL,
    text TEXT NOT NULL
);
INSERT INTO users (token) VALUES ('token-of-ada'), ('token-of-bob');
