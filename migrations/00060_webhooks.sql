-- Endpoints that hear of events, and one row for each event and endpoint,
-- written beside the event. What is sent is read from the event when it is
-- sent, so that a delivery holds nothing of anybody's.

-- +goose Up
CREATE TABLE webhooks (
	id         uuid CONSTRAINT webhooks_id_pk PRIMARY KEY,
	url        text NOT NULL CONSTRAINT webhooks_url_check
	           CHECK (char_length(url) BETWEEN 10 AND 500 AND url !~ '[[:cntrl:][:space:]]'),
	kinds      text[] NOT NULL CONSTRAINT webhooks_kinds_check CHECK (cardinality(kinds) BETWEEN 1 AND 50),
	enabled    boolean NOT NULL DEFAULT true,
	secret     bytea NOT NULL, -- sealed, bound to id
	old_secret bytea, -- the one before it, which signs beside it until it is off
	created_by uuid, -- null: the host
	created_at timestamptz NOT NULL
);
CREATE INDEX webhooks_created_idx ON webhooks (created_at, id);

CREATE TABLE webhook_deliveries (
	id         uuid DEFAULT gen_random_uuid() CONSTRAINT webhook_deliveries_id_pk PRIMARY KEY,
	webhook_id uuid NOT NULL CONSTRAINT webhook_deliveries_webhook_fk REFERENCES webhooks (id) ON DELETE CASCADE,
	event_id   bigint NOT NULL, -- with event_at the key of events, whose partitions come and go
	event_at   timestamptz NOT NULL,
	kind       text NOT NULL,
	state      text NOT NULL DEFAULT 'queued'
	           CONSTRAINT webhook_deliveries_state_check CHECK (state IN ('queued', 'sent', 'failed', 'expired')),
	attempts   integer NOT NULL DEFAULT 0, -- those whose end is known, since it was queued or sent again
	outcome    text CONSTRAINT webhook_deliveries_outcome_check CHECK (outcome ~ '^[a-z_]{1,30}$'), -- of the last one
	status     integer, -- of the last answer, if there was one
	answer     text CONSTRAINT webhook_deliveries_answer_check
	           CHECK (char_length(answer) <= 300 AND answer !~ '[[:cntrl:]]'),
	lease      uuid, -- of whoever may send it now; a fresh one per offer
	due_at     timestamptz NOT NULL,
	created_at timestamptz NOT NULL,
	expires_at timestamptz NOT NULL,
	ended_at   timestamptz,
	CONSTRAINT webhook_deliveries_ended_at_check CHECK ((state = 'queued') = (ended_at IS NULL)),
	CONSTRAINT webhook_deliveries_lease_check CHECK (lease IS NULL OR state = 'queued')
);
-- What the relay claims, endpoint by endpoint, so that one that stalls holds
-- up nobody else.
CREATE INDEX webhook_deliveries_due_idx ON webhook_deliveries (webhook_id, due_at) WHERE state = 'queued';
CREATE INDEX webhook_deliveries_leased_idx ON webhook_deliveries (webhook_id) WHERE lease IS NOT NULL;
CREATE INDEX webhook_deliveries_expiry_idx ON webhook_deliveries (expires_at) WHERE state = 'queued';
-- The log of an endpoint, newest first, and its deletion; what ended lately, and
-- what ended long ago.
CREATE INDEX webhook_deliveries_log_idx ON webhook_deliveries (webhook_id, created_at, id);
CREATE INDEX webhook_deliveries_ended_idx ON webhook_deliveries (ended_at) WHERE ended_at IS NOT NULL;
