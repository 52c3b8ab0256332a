-- The outbox. A row is written in the transaction of the change that it tells
-- of; the worker sends it. What it says is sealed, and wiped when the mail is
-- finished, so that neither a query nor an old backup finds a code.

-- +goose Up
CREATE TABLE mails (
	id         uuid CONSTRAINT mails_id_pk PRIMARY KEY,
	user_id    uuid CONSTRAINT mails_user_fk REFERENCES users (id) ON DELETE SET NULL,
	kind       text NOT NULL CONSTRAINT mails_kind_check CHECK (kind ~ '^[a-z_]{1,60}$'),
	recipient  text NOT NULL CONSTRAINT mails_recipient_check
	           CHECK (char_length(recipient) BETWEEN 3 AND 254 AND recipient !~ '[[:cntrl:]]'),
	queue      text NOT NULL CONSTRAINT mails_queue_check CHECK (queue IN ('codes', 'notices')),
	sealed     bytea, -- bound to id, kind and recipient
	state      text NOT NULL DEFAULT 'queued'
	           CONSTRAINT mails_state_check CHECK (state IN ('queued', 'sent', 'refused', 'expired')),
	attempts   integer NOT NULL DEFAULT 0, -- those whose end is known
	last_error text CONSTRAINT mails_last_error_check
	           CHECK (char_length(last_error) <= 200 AND last_error !~ '[[:cntrl:]]'),
	lease      uuid, -- of whoever may send it now; a fresh one per offer
	due_at     timestamptz NOT NULL, -- when it may be offered: queued, end of the lease, or of a back-off
	created_at timestamptz NOT NULL,
	expires_at timestamptz NOT NULL,
	sent_at    timestamptz,
	CONSTRAINT mails_sealed_check CHECK ((state = 'queued') = (sealed IS NOT NULL)),
	CONSTRAINT mails_sent_at_check CHECK ((state = 'sent') = (sent_at IS NOT NULL)),
	CONSTRAINT mails_lease_check CHECK (lease IS NULL OR state = 'queued')
);
-- What the relay claims, in order. Rows that wait for a lease or a back-off to
-- end lie behind the present, so that a backlog costs a claim nothing.
CREATE INDEX mails_due_idx ON mails (queue, due_at) WHERE state = 'queued';
CREATE INDEX mails_leased_idx ON mails (queue) WHERE lease IS NOT NULL;
CREATE INDEX mails_expiry_idx ON mails (expires_at) WHERE state = 'queued';
-- Budgets of mails: per user, and per address that has no account.
CREATE INDEX mails_user_idx ON mails (user_id, kind, created_at);
CREATE INDEX mails_recipient_idx ON mails (recipient, created_at);
-- Pages, newest first.
CREATE INDEX mails_created_idx ON mails (created_at, id);
