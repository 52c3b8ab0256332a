-- Second factors: methods that are on, enrolments that are not proved yet,
-- recovery keys, and mailed codes.

-- +goose Up
CREATE TABLE methods (
	id           uuid CONSTRAINT methods_id_pk PRIMARY KEY,
	user_id      uuid NOT NULL CONSTRAINT methods_user_fk REFERENCES users (id) ON DELETE CASCADE,
	kind         text NOT NULL CONSTRAINT methods_kind_check CHECK (kind IN ('email', 'app')),
	name         text NOT NULL,
	secret       bytea, -- sealed; apps only
	last_step    bigint NOT NULL DEFAULT -1, -- RFC 6238 section 5.2: only grows
	enabled_at   timestamptz NOT NULL,
	last_used_at timestamptz,
	CONSTRAINT methods_secret_check CHECK ((kind = 'app') = (secret IS NOT NULL))
) WITH (fillfactor = 80);
CREATE INDEX methods_user_idx ON methods (user_id);
CREATE UNIQUE INDEX methods_email_key ON methods (user_id) WHERE kind = 'email';

-- One unproved enrolment per kind and holder: beginning again replaces it.
CREATE TABLE enrolments (
	id         uuid CONSTRAINT enrolments_id_pk PRIMARY KEY,
	user_id    uuid NOT NULL CONSTRAINT enrolments_user_fk REFERENCES users (id) ON DELETE CASCADE,
	holder     uuid NOT NULL, -- the sign-in or session that asked for it
	kind       text NOT NULL CONSTRAINT enrolments_kind_check CHECK (kind IN ('email', 'app')),
	name       text NOT NULL,
	secret     bytea,
	replaces   uuid, -- the app that ends when this one is proved
	created_at timestamptz NOT NULL,
	expires_at timestamptz NOT NULL,
	CONSTRAINT enrolments_holder_key UNIQUE (holder, kind)
);
CREATE INDEX enrolments_user_idx ON enrolments (user_id);
CREATE INDEX enrolments_expiry_idx ON enrolments (expires_at);

CREATE TABLE recovery_sets (
	id           uuid CONSTRAINT recovery_sets_id_pk PRIMARY KEY,
	user_id      uuid NOT NULL CONSTRAINT recovery_sets_user_fk REFERENCES users (id) ON DELETE CASCADE,
	label        text NOT NULL, -- short, shown on screen and in the file's name
	generated_at timestamptz NOT NULL,
	saved_at     timestamptz, -- when the user said that they are kept
	replaced_at  timestamptz
);
CREATE UNIQUE INDEX recovery_sets_current_key ON recovery_sets (user_id) WHERE replaced_at IS NULL;
CREATE INDEX recovery_sets_user_idx ON recovery_sets (user_id);

CREATE TABLE recovery_keys (
	id        uuid CONSTRAINT recovery_keys_id_pk PRIMARY KEY,
	set_id    uuid NOT NULL CONSTRAINT recovery_keys_set_fk REFERENCES recovery_sets (id) ON DELETE CASCADE,
	user_id   uuid NOT NULL CONSTRAINT recovery_keys_user_fk REFERENCES users (id) ON DELETE CASCADE,
	position  smallint NOT NULL,
	digest    bytea NOT NULL,
	sealed    bytea, -- only while the key may be viewed
	used_at   timestamptz,
	used_from text,
	CONSTRAINT recovery_keys_digest_key UNIQUE (user_id, digest)
);
CREATE INDEX recovery_keys_set_idx ON recovery_keys (set_id, position);

-- Mailed codes. A code is bound to its user, purpose, holder and address.
CREATE TABLE codes (
	id         uuid CONSTRAINT codes_id_pk PRIMARY KEY,
	user_id    uuid NOT NULL CONSTRAINT codes_user_fk REFERENCES users (id) ON DELETE CASCADE,
	purpose    text NOT NULL CONSTRAINT codes_purpose_check
	           CHECK (purpose IN ('verify_email', 'sign_in', 'confirmation', 'enrolment', 'email_change')),
	holder     uuid NOT NULL, -- sign-in, session, or (verify_email) the user
	address    text NOT NULL,
	browser    uuid, -- known browser whose mail budget this spends; null: the shared one
	digest     bytea NOT NULL,
	sealed     bytea, -- to mail the same code again; gone once spent or expired
	reference  text NOT NULL,
	tries      smallint NOT NULL DEFAULT 0,
	mailed     timestamptz[] NOT NULL,
	mail_id    uuid NOT NULL, -- the newest mail that carries it
	resend_at  timestamptz NOT NULL,
	created_at timestamptz NOT NULL,
	deadline   timestamptz NOT NULL,
	used_at    timestamptz
) WITH (fillfactor = 80);
CREATE INDEX codes_holder_idx ON codes (holder, purpose, created_at);
CREATE INDEX codes_user_idx ON codes (user_id, created_at);
CREATE INDEX codes_address_idx ON codes (address, created_at);
CREATE INDEX codes_created_idx ON codes (created_at);
