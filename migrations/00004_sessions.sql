-- What a bearer may be: an unfinished sign-in, or a session. They are rows of
-- different tables with different tokens, so one can't be taken for the other.

-- +goose Up
CREATE TABLE sign_ins (
	id            uuid CONSTRAINT sign_ins_id_pk PRIMARY KEY,
	user_id       uuid NOT NULL CONSTRAINT sign_ins_user_fk REFERENCES users (id) ON DELETE CASCADE,
	token_digest  bytea NOT NULL CONSTRAINT sign_ins_token_key UNIQUE,
	first_step    text NOT NULL CONSTRAINT sign_ins_first_step_check
	              CHECK (first_step IN ('password', 'sso', 'recovery_pass')),
	status        text NOT NULL CONSTRAINT sign_ins_status_check CHECK (status IN ('second_factor', 'enrolment')),
	assurance     text NOT NULL DEFAULT 'password' CONSTRAINT sign_ins_assurance_check
	              CHECK (assurance IN ('password', 'two_step', 'two_factor')),
	proved        text NOT NULL DEFAULT '', -- method that was proved on the way
	enrolled      boolean NOT NULL DEFAULT false, -- a method was proved; `complete` is due
	trust_device  boolean NOT NULL DEFAULT false,
	failures      smallint NOT NULL DEFAULT 0,
	held          boolean NOT NULL DEFAULT false, -- its first code was not mailed: budget gone
	device        text NOT NULL,
	address       text NOT NULL,
	browser       uuid,
	created_at    timestamptz NOT NULL,
	expires_at    timestamptz NOT NULL,
	ended_at      timestamptz -- completed, cancelled or guessed to death
) WITH (fillfactor = 80);
CREATE INDEX sign_ins_user_idx ON sign_ins (user_id) WHERE ended_at IS NULL;
CREATE INDEX sign_ins_expiry_idx ON sign_ins (expires_at);

CREATE TABLE trusted_devices (
	id           uuid CONSTRAINT trusted_devices_id_pk PRIMARY KEY,
	user_id      uuid NOT NULL CONSTRAINT trusted_devices_user_fk REFERENCES users (id) ON DELETE CASCADE,
	token_digest bytea NOT NULL CONSTRAINT trusted_devices_token_key UNIQUE,
	device       text NOT NULL,
	address      text NOT NULL,
	created_at   timestamptz NOT NULL,
	last_used_at timestamptz NOT NULL,
	expires_at   timestamptz NOT NULL -- absolute: use does not extend it
);
CREATE INDEX trusted_devices_user_idx ON trusted_devices (user_id, created_at);
CREATE INDEX trusted_devices_expiry_idx ON trusted_devices (expires_at);

CREATE TABLE sessions (
	id              uuid CONSTRAINT sessions_id_pk PRIMARY KEY,
	user_id         uuid NOT NULL CONSTRAINT sessions_user_fk REFERENCES users (id) ON DELETE CASCADE,
	token_digest    bytea NOT NULL CONSTRAINT sessions_token_key UNIQUE,
	front           text NOT NULL CONSTRAINT sessions_front_check CHECK (front IN ('cookie', 'bearer')),
	assurance       text NOT NULL CONSTRAINT sessions_assurance_check
	                CHECK (assurance IN ('password', 'two_step', 'two_factor')),
	method          text NOT NULL DEFAULT '', -- last method proved, with its time: email, app, recovery_key
	method_at       timestamptz,
	confirmed_until timestamptz,
	confirmed_by    text NOT NULL DEFAULT '', -- method of the confirmation: '' password alone
	idle_minutes    integer NOT NULL, -- as the policy had it at sign-in
	device          text NOT NULL,
	address         text NOT NULL,
	browser         uuid,
	trusted_device  uuid,
	created_at      timestamptz NOT NULL,
	last_seen_at    timestamptz NOT NULL,
	expires_at      timestamptz NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX sessions_user_idx ON sessions (user_id, created_at);
CREATE INDEX sessions_expiry_idx ON sessions (expires_at);

CREATE TABLE access_tokens (
	id           uuid CONSTRAINT access_tokens_id_pk PRIMARY KEY,
	user_id      uuid NOT NULL CONSTRAINT access_tokens_user_fk REFERENCES users (id) ON DELETE CASCADE,
	token_digest bytea NOT NULL CONSTRAINT access_tokens_token_key UNIQUE,
	name         text NOT NULL,
	scopes       text[] NOT NULL,
	created_at   timestamptz NOT NULL,
	expires_at   timestamptz NOT NULL,
	last_used_at timestamptz,
	last_address text NOT NULL DEFAULT ''
);
CREATE INDEX access_tokens_user_idx ON access_tokens (user_id, created_at);
CREATE INDEX access_tokens_expiry_idx ON access_tokens (expires_at);
