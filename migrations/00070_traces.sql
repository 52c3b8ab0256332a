-- A mail and a request about an address carry on whose behalf they are: the id
-- of the request, and where traces are on the trace that it belongs to (W3C
-- Trace Context §3.2), so that what the worker does can be told to them.

-- +goose Up
ALTER TABLE mails
	ADD COLUMN request_id  text CONSTRAINT mails_request_id_check CHECK (request_id ~ '^[A-Za-z0-9._-]{1,64}$'),
	ADD COLUMN traceparent text CONSTRAINT mails_traceparent_check CHECK (traceparent ~ '^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$');
ALTER TABLE address_requests
	ADD COLUMN request_id  text CONSTRAINT address_requests_request_id_check CHECK (request_id ~ '^[A-Za-z0-9._-]{1,64}$'),
	ADD COLUMN traceparent text CONSTRAINT address_requests_traceparent_check CHECK (traceparent ~ '^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$');
