-- Whoever wanted a taken address is answered by a mail to its owner, written
-- down first like a reset; a free one gets a row too, since that costs the same.

-- +goose Up
ALTER TABLE address_requests
	DROP CONSTRAINT address_requests_kind_check,
	ADD CONSTRAINT address_requests_kind_check CHECK (kind IN ('password_reset', 'sign_up', 'email_change', 'nothing'));
