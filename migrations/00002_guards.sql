-- Guess budgets. Failures are kept as instants, so that every rule about
-- them is arithmetic on one row that its writer has locked.

-- +goose Up
CREATE TABLE guards (
	user_id       uuid CONSTRAINT guards_user_pk PRIMARY KEY
	              CONSTRAINT guards_user_fk REFERENCES users (id) ON DELETE CASCADE,
	code_failures timestamptz[] NOT NULL DEFAULT '{}',
	frozen_until  timestamptz,
	frozen_until_password_change boolean NOT NULL DEFAULT false
) WITH (fillfactor = 70);

-- A browser in which this user signed in before: it has both meters to itself.
CREATE TABLE known_browsers (
	browser           uuid NOT NULL,
	user_id           uuid NOT NULL CONSTRAINT known_browsers_user_fk REFERENCES users (id) ON DELETE CASCADE,
	device            text NOT NULL,
	address           text NOT NULL,
	code_failures     timestamptz[] NOT NULL DEFAULT '{}',
	frozen_until      timestamptz,
	frozen_until_password_change boolean NOT NULL DEFAULT false,
	password_failures timestamptz[] NOT NULL DEFAULT '{}',
	created_at        timestamptz NOT NULL,
	last_seen_at      timestamptz NOT NULL,
	CONSTRAINT known_browsers_pk PRIMARY KEY (user_id, browser)
) WITH (fillfactor = 70);
CREATE INDEX known_browsers_seen_idx ON known_browsers (last_seen_at);

-- Wrong passwords by digest of the address, whether an account exists or not.
CREATE TABLE password_meters (
	address_digest bytea CONSTRAINT password_meters_pk PRIMARY KEY,
	failures       timestamptz[] NOT NULL,
	updated_at     timestamptz NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX password_meters_updated_idx ON password_meters (updated_at);
