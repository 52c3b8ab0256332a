-- An address that was ever proved keeps what its owner set up: only an account
-- that never was anybody's can be taken over by who proves its address first.
-- And browsers that a reset link made known share one meter of wrong codes
-- until a sign-in was finished in them.

-- +goose Up
ALTER TABLE users ADD COLUMN ever_verified boolean NOT NULL DEFAULT false;
-- Marked by an admin as no longer the owner's: no reset link goes there.
ALTER TABLE users ADD COLUMN disowned boolean NOT NULL DEFAULT false;
UPDATE users SET ever_verified = true WHERE email_verified_at IS NOT NULL;

-- +goose StatementBegin
CREATE FUNCTION users_ever_verified() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.email_verified_at IS NOT NULL THEN
		NEW.ever_verified := true;
		NEW.disowned := false;
	END IF;
	RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER users_ever_verified BEFORE INSERT OR UPDATE OF email_verified_at ON users
	FOR EACH ROW EXECUTE FUNCTION users_ever_verified();

ALTER TABLE known_browsers ADD COLUMN by_reset boolean NOT NULL DEFAULT false;
