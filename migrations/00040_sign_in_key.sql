-- That a recovery key was spent outlives an enrolment in the same sign-in: it
-- counts as a confirmation, and how many are left is told at the end.

-- +goose Up
ALTER TABLE sign_ins ADD COLUMN by_key boolean NOT NULL DEFAULT false;
