-- People, what the mailed links of theirs are worth, the security policy, and
-- what was done to whom.

-- +goose Up
CREATE TABLE users (
	id                uuid CONSTRAINT users_id_pk PRIMARY KEY,
	email             text NOT NULL CONSTRAINT users_email_key UNIQUE, -- canonical
	email_verified_at timestamptz,
	name              text NOT NULL,
	role              text NOT NULL DEFAULT 'user'
	                  CONSTRAINT users_role_check CHECK (role IN ('user', 'support', 'admin')),
	status            text NOT NULL DEFAULT 'active'
	                  CONSTRAINT users_status_check CHECK (status IN ('active', 'disabled', 'invited')),
	password_hash     text, -- PHC string; null: has no password
	preferred_method  text CONSTRAINT users_preferred_check CHECK (preferred_method IN ('email', 'app')),
	enrol_by          timestamptz, -- earliest deadline that any policy ever set for this user
	required_from     timestamptz, -- an admin requires two-factor of this user
	reset_at          timestamptz, -- a method was reset; null again once one is proved
	password_reset_at timestamptz, -- last reset by a mailed link
	created_at        timestamptz NOT NULL
);
CREATE INDEX users_created_idx ON users (created_at, id);
CREATE INDEX users_admins_idx ON users (id) WHERE role = 'admin' AND status = 'active';

-- Links that were mailed: only the digest of the token is kept, one use each.
CREATE TABLE links (
	id           uuid CONSTRAINT links_id_pk PRIMARY KEY,
	user_id      uuid NOT NULL CONSTRAINT links_user_fk REFERENCES users (id) ON DELETE CASCADE,
	kind         text NOT NULL CONSTRAINT links_kind_check
	             CHECK (kind IN ('password_reset', 'invitation', 'email_undo', 'not_me', 'recovery_pass')),
	token_digest bytea NOT NULL CONSTRAINT links_token_key UNIQUE,
	data         jsonb NOT NULL DEFAULT '{}',
	created_at   timestamptz NOT NULL,
	expires_at   timestamptz NOT NULL,
	used_at      timestamptz
);
CREATE INDEX links_user_idx ON links (user_id, kind);
CREATE INDEX links_expiry_idx ON links (expires_at);

-- Append-only versions; the highest is in force.
CREATE TABLE policies (
	version  integer CONSTRAINT policies_version_pk PRIMARY KEY,
	rules    jsonb NOT NULL,
	saved_at timestamptz NOT NULL,
	saved_by uuid -- null: the host
);

CREATE TABLE events (
	id         bigint GENERATED ALWAYS AS IDENTITY,
	at         timestamptz NOT NULL,
	action     text NOT NULL,
	actor_kind text NOT NULL CONSTRAINT events_actor_kind_check
	           CHECK (actor_kind IN ('anonymous', 'user', 'admin', 'host', 'system')),
	actor_id   uuid,
	subject_id uuid, -- no foreign key: events outlive the account
	address    text NOT NULL DEFAULT '',
	device     text NOT NULL DEFAULT '',
	data       jsonb NOT NULL DEFAULT '{}',
	CONSTRAINT events_id_pk PRIMARY KEY (id, at)
) PARTITION BY RANGE (at);
-- A missing month must never stop a sign-in.
CREATE TABLE events_default PARTITION OF events DEFAULT;
CREATE INDEX events_subject_idx ON events (subject_id, id);
CREATE INDEX events_actor_idx ON events (actor_id, id);
CREATE INDEX events_action_idx ON events (action, id);
CREATE INDEX events_at_brin ON events USING brin (at);

-- +goose StatementBegin
CREATE FUNCTION events_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'events are append only';
END $$;
-- +goose StatementEnd
CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE ON events
	FOR EACH ROW EXECUTE FUNCTION events_append_only();
