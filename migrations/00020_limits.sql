-- Budgets per client address, and what sweeps and reminders look for.

-- +goose Up

-- Instants of what one address, or one IPv6 /64, did of late. Unlogged: losing
-- it in a crash lets an address begin anew, and these limits only help.
CREATE UNLOGGED TABLE ip_meters (
	kind       text NOT NULL CONSTRAINT ip_meters_kind_check CHECK (kind IN ('password', 'sign_up', 'code_mail')),
	network    cidr NOT NULL,
	spent      timestamptz[] NOT NULL, -- oldest first
	updated_at timestamptz NOT NULL,
	CONSTRAINT ip_meters_pk PRIMARY KEY (kind, network)
) WITH (fillfactor = 70);
CREATE INDEX ip_meters_updated_idx ON ip_meters (updated_at);

-- The mail that a token ends soon goes out once.
ALTER TABLE access_tokens ADD COLUMN expiry_told_at timestamptz;
CREATE INDEX access_tokens_untold_idx ON access_tokens (expires_at) WHERE expiry_told_at IS NULL;

-- Sealed copies that a stricter policy wants gone.
CREATE INDEX recovery_keys_sealed_idx ON recovery_keys (set_id) WHERE sealed IS NOT NULL;
