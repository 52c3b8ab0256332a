-- Apps behind forward-auth keep a session from idling, but are no use of
-- Latchkey itself, which is what admin pages count rests by.

-- +goose Up
ALTER TABLE sessions ADD COLUMN own_seen_at timestamptz; -- last use here; null: last_seen_at
