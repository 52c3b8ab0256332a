-- "This wasn't me": for a week, guarded changes need a proof that is older
-- than the reported change. And what is asked about an address, whether it
-- has an account or not, is written down first and answered later, so that
-- both cost the same.

-- +goose Up
ALTER TABLE users ADD COLUMN reported_at timestamptz, ADD COLUMN reported_until timestamptz;
ALTER TABLE sessions ADD COLUMN confirmed_since timestamptz; -- since when the proof of the confirmation exists

CREATE TABLE address_requests (
	id         uuid CONSTRAINT address_requests_id_pk PRIMARY KEY,
	kind       text NOT NULL CONSTRAINT address_requests_kind_check CHECK (kind IN ('password_reset')),
	email      text NOT NULL,
	device     text NOT NULL,
	address    text NOT NULL,
	created_at timestamptz NOT NULL
);
CREATE INDEX address_requests_created_idx ON address_requests (created_at);
