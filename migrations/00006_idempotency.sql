-- Requests that named themselves by Idempotency-Key, so that a repeat is
-- answered and not done again. Bearer, key and request are keyed digests: a
-- body may hold a password or a code, which a plain hash would not hide.

-- +goose Up
CREATE TABLE idempotency_keys (
	digest       bytea CONSTRAINT idempotency_keys_digest_pk PRIMARY KEY, -- of bearer, method, route and key
	request      bytea NOT NULL, -- of path, query and body
	state        text NOT NULL CONSTRAINT idempotency_keys_state_check CHECK (state IN ('running', 'done', 'secret')),
	status       smallint,
	content_type text,
	answer       bytea, -- only in state done: never an answer that held a secret
	expires_at   timestamptz NOT NULL,
	CONSTRAINT idempotency_keys_answer_check CHECK (
		(state = 'done') = (status IS NOT NULL) AND (state = 'done') = (content_type IS NOT NULL) AND (state = 'done') = (answer IS NOT NULL))
);
CREATE INDEX idempotency_keys_expiry_idx ON idempotency_keys (expires_at);
