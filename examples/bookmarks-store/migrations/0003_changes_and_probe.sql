-- Counts the changes. A cache compares the number to find out whether its content is old, whichever
-- process made the change.
CREATE TABLE changes (number INTEGER NOT NULL) STRICT;
INSERT INTO changes VALUES (0);

CREATE TRIGGER bookmark_inserted AFTER INSERT ON bookmarks
BEGIN UPDATE changes SET number = number + 1; END;
CREATE TRIGGER bookmark_updated AFTER UPDATE ON bookmarks
BEGIN UPDATE changes SET number = number + 1; END;
CREATE TRIGGER bookmark_deleted AFTER DELETE ON bookmarks
BEGIN UPDATE changes SET number = number + 1; END;
CREATE TRIGGER tag_inserted AFTER INSERT ON tags
BEGIN UPDATE changes SET number = number + 1; END;
CREATE TRIGGER tag_updated AFTER UPDATE ON tags
BEGIN UPDATE changes SET number = number + 1; END;
CREATE TRIGGER tag_deleted AFTER DELETE ON tags
BEGIN UPDATE changes SET number = number + 1; END;

-- The row that a health check writes.
CREATE TABLE probe (id INTEGER PRIMARY KEY CHECK (id = 1), content BLOB NOT NULL) STRICT;
