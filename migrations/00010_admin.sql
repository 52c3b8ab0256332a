-- What admins rule and help with: deadlines that a save sets, reminders of
-- them, recovery passes, and how many were covered on each day.

-- +goose Up
ALTER TABLE policies ADD COLUMN deadlines_due boolean NOT NULL DEFAULT false; -- not yet stored with the users
ALTER TABLE users ADD COLUMN reminded_at timestamptz; -- last reminder of enrol_by
CREATE INDEX users_enrol_by_idx ON users (enrol_by) WHERE enrol_by IS NOT NULL;

-- Admin pages have limits of their own: when the session was confirmed, and
-- when it was last used after a rest.
ALTER TABLE sessions ADD COLUMN confirmed_at timestamptz, ADD COLUMN rested_at timestamptz;

-- A pass that helps a locked out user to a fresh enrolment. Without a digest it
-- waits for a second admin.
CREATE TABLE recovery_passes (
	id         uuid CONSTRAINT recovery_passes_id_pk PRIMARY KEY,
	user_id    uuid NOT NULL CONSTRAINT recovery_passes_user_fk REFERENCES users (id) ON DELETE CASCADE,
	asked_by   uuid, -- null: the host
	digest     bytea,
	created_at timestamptz NOT NULL,
	expires_at timestamptz NOT NULL,
	used_at    timestamptz -- used, or replaced by a newer one
);
CREATE INDEX recovery_passes_user_idx ON recovery_passes (user_id);
CREATE INDEX recovery_passes_expiry_idx ON recovery_passes (expires_at);

CREATE TABLE coverage_days (
	day     date CONSTRAINT coverage_days_day_pk PRIMARY KEY,
	users   integer NOT NULL, -- active ones
	covered integer NOT NULL, -- with a method on
	app     integer NOT NULL,
	email   integer NOT NULL
);
