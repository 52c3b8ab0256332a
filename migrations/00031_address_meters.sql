-- Mails to addresses that nobody has proved, by digest of the address. Kept
-- apart from accounts: deleting one and signing up again gives no mail back.

-- +goose Up
CREATE TABLE address_meters (
	address_digest bytea CONSTRAINT address_meters_pk PRIMARY KEY,
	mailed         timestamptz[] NOT NULL, -- of the last day, oldest first
	updated_at     timestamptz NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX address_meters_updated_idx ON address_meters (updated_at);
