-- +goose Up

-- The outbox. A row is written in the transaction of the change that it tells
-- of; the worker sends it. The content is sealed and wiped when the mail is
-- finished, so that an old backup or a curious query finds no code.
CREATE TABLE mails (
    id          uuid        NOT NULL,
    user_id     uuid,
    kind        text        NOT NULL,
    recipient   text        NOT NULL,
    queue       text        NOT NULL,
    sealed      bytea,
    state       text        NOT NULL DEFAULT 'queued',
    attempts    integer     NOT NULL DEFAULT 0,
    last_error  text,
    lease       uuid,        -- who may send it now; a fresh one per offer
    lease_until timestamptz, -- without a lease: not before this time (back-off)
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    sent_at     timestamptz,
    CONSTRAINT mails_id_pkey PRIMARY KEY (id),
    CONSTRAINT mails_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE SET NULL,
    CONSTRAINT mails_kind_check CHECK (kind ~ '^[a-z_]{1,60}$'),
    CONSTRAINT mails_recipient_check CHECK (char_length(recipient) BETWEEN 3 AND 254 AND recipient !~ '[[:cntrl:]]'),
    CONSTRAINT mails_queue_check CHECK (queue IN ('codes', 'notices')),
    CONSTRAINT mails_state_check CHECK (state IN ('queued', 'sent', 'refused', 'expired')),
    CONSTRAINT mails_sealed_check CHECK ((state = 'queued') = (sealed IS NOT NULL)),
    CONSTRAINT mails_sent_at_check CHECK ((state = 'sent') = (sent_at IS NOT NULL)),
    CONSTRAINT mails_lease_check CHECK (lease IS NULL OR (state = 'queued' AND lease_until IS NOT NULL)),
    CONSTRAINT mails_last_error_check CHECK (char_length(last_error) <= 200 AND last_error !~ '[[:cntrl:]]'),
    CONSTRAINT mails_attempts_check CHECK (attempts >= 0)
)
-- Most rows change once or twice while they wait; room on the page keeps that
-- update next to its row.
WITH (fillfactor = 80);

-- What the relay claims, oldest first. Rows leave it when they are finished,
-- so it stays as small as the backlog.
CREATE INDEX mails_queue_created_at_idx ON mails (queue, created_at) WHERE state = 'queued';
-- How many are out on a lease, and what the expiry sweep looks for.
CREATE INDEX mails_queue_lease_until_idx ON mails (queue, lease_until) WHERE state = 'queued' AND lease IS NOT NULL;
CREATE INDEX mails_expires_at_idx ON mails (expires_at) WHERE state = 'queued';
-- Budgets of mails per user and per address.
CREATE INDEX mails_user_id_kind_created_at_idx ON mails (user_id, kind, created_at);
CREATE INDEX mails_recipient_created_at_idx ON mails (recipient, created_at);
-- The admin's page, newest first, and the purge, oldest first.
CREATE INDEX mails_created_at_id_idx ON mails (created_at DESC, id DESC);
