-- AUTOINCREMENT gives no id a second time, also when the bookmark that had it is deleted.
-- SQLite can't add it to a table, so the rows move to new ones. Tags move before the old tables go:
-- dropping a table deletes its rows, and the rows that refer to them.
CREATE TABLE new_bookmarks (
    id    INTEGER PRIMARY KEY AUTOINCREMENT,
    url   TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL
) STRICT;

CREATE TABLE new_tags (
    bookmark INTEGER NOT NULL REFERENCES new_bookmarks (id) ON DELETE CASCADE,
    tag      TEXT NOT NULL,
    PRIMARY KEY (bookmark, tag)
) STRICT, WITHOUT ROWID;

INSERT INTO new_bookmarks SELECT id, url, title FROM bookmarks;
INSERT INTO new_tags SELECT bookmark, tag FROM tags;
DROP TABLE tags;
DROP TABLE bookmarks;
ALTER TABLE new_bookmarks RENAME TO bookmarks;
ALTER TABLE new_tags RENAME TO tags;
CREATE INDEX tags_by_tag ON tags (tag, bookmark);
