-- Single sign-on: whom a provider knows a user as, and how a session began.

-- +goose Up
CREATE TABLE sso_identities (
	id           uuid CONSTRAINT sso_identities_id_pk PRIMARY KEY,
	user_id      uuid NOT NULL CONSTRAINT sso_identities_user_fk REFERENCES users (id) ON DELETE CASCADE,
	issuer       text NOT NULL,
	subject      text NOT NULL,
	email        text NOT NULL, -- as the provider said it at linking; proves nothing
	linked_at    timestamptz NOT NULL,
	last_used_at timestamptz,
	CONSTRAINT sso_identities_subject_key UNIQUE (issuer, subject),
	CONSTRAINT sso_identities_user_key UNIQUE (user_id, issuer) -- one of each provider
);

-- Round trips to a provider that came back: each does so once. What a round
-- trip is about is signed in a cookie of its browser, so that beginning one
-- writes nothing.
CREATE TABLE sso_returns (
	id uuid CONSTRAINT sso_returns_id_pk PRIMARY KEY,
	at timestamptz NOT NULL
);
CREATE INDEX sso_returns_at_idx ON sso_returns (at);

ALTER TABLE sessions ADD COLUMN first_step text NOT NULL DEFAULT 'password'
	CONSTRAINT sessions_first_step_check CHECK (first_step IN ('password', 'sso', 'recovery_pass'));
-- When the user proved again to a provider who they are: the first half of a
-- confirmation, for accounts without a password.
ALTER TABLE sessions ADD COLUMN sso_at timestamptz;
