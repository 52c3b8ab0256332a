package config

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"strings"
)

const maxSecretFile = 1 << 20

func (l *loader) services(in Input) {
	c := l.cfg
	c.DatabaseURL = l.databaseURL(l.secret("DATABASE_URL", in.DatabaseURL, in.DatabaseURLFile))
	if !c.DatabaseURL.IsSet() && l.needs(Database) {
		l.missing("DATABASE_URL", "give your PostgreSQL, such as postgres://latchkey:password@localhost:5432/latchkey")
	}
	c.RedisURL = l.redisURL(l.secret("REDIS_URL", in.RedisURL, in.RedisURLFile))
	if !c.RedisURL.IsSet() && l.needs(Redis) {
		l.missing("REDIS_URL", "give your Redis, such as redis://localhost:6379/0")
	}
	c.Keyset = l.keyset(l.secret("KEYSET", in.Keyset, in.KeysetFile))
	if !c.Keyset.IsSet() && l.needs(Keys) {
		l.missing("KEYSET", "make one with 'latchkey keys generate --out keyset.json', back it up, and set KEYSET_FILE=keyset.json")
	}
}

// missing names a setting that is needed, unless it was already found bad.
func (l *loader) missing(setting, todo string) {
	for _, f := range l.faults {
		if f.Setting == setting || f.Setting == setting+"_FILE" {
			return
		}
	}
	l.faults.Add(setting, "is not set: %s", todo)
}

// secret reads a setting that may stand in a file instead, as container
// platforms hand secrets over.
func (l *loader) secret(setting, value, file string) string {
	if file == "" {
		return value
	}
	if value != "" {
		l.faults.Add(setting, "and %s_FILE are both set: keep one", setting)
		return ""
	}
	b, err := readSmall(file)
	if err != nil {
		l.faults.Add(setting+"_FILE", "names %s, which can't be read (%s): give a file that the user running Latchkey may read", file, reason(err))
		return ""
	}
	value = strings.TrimSpace(string(b))
	if value == "" {
		l.faults.Add(setting+"_FILE", "names %s, which is empty: write the value of %s into it", file, setting)
	}
	return value
}

func readSmall(path string) ([]byte, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if st.IsDir() {
		return nil, errors.New("it is a folder")
	}
	if st.Size() > maxSecretFile {
		return nil, errors.New("it is larger than 1 MiB")
	}
	return os.ReadFile(path)
}

// reason is the cause of a file error without the operation and the path.
func reason(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

// The errors of url.Parse quote what they were given, password and all, so
// they are never shown.

func (l *loader) databaseURL(s string) Secret {
	if s == "" {
		return Secret{}
	}
	u, err := url.Parse(s)
	switch {
	case err != nil:
		l.faults.Add("DATABASE_URL", "is no URL: write postgres://user:password@host:5432/database, with %%-escapes for special characters in the password")
	case u.Scheme != "postgres" && u.Scheme != "postgresql":
		l.faults.Add("DATABASE_URL", "begins with %q: it must begin with postgres://", u.Scheme+":")
	case u.Hostname() == "" && u.Query().Get("host") == "":
		l.faults.Add("DATABASE_URL", "names no host: write postgres://user:password@host:5432/database")
	case !portInRange(u.Port()):
		l.faults.Add("DATABASE_URL", "has port %s: use one from 1 to 65535", u.Port())
	case strings.Trim(u.Path, "/") == "" && u.Query().Get("dbname") == "":
		l.faults.Add("DATABASE_URL", "names no database: add it after the host, such as …:5432/latchkey")
	default:
		return NewSecret(s)
	}
	return Secret{}
}

func (l *loader) redisURL(s string) Secret {
	if s == "" {
		return Secret{}
	}
	u, err := url.Parse(s)
	switch {
	case err != nil:
		l.faults.Add("REDIS_URL", "is no URL: write redis://:password@host:6379/0, with %%-escapes for special characters in the password")
	case u.Scheme == "redis-socket":
		return NewSecret(s)
	case u.Scheme != "redis" && u.Scheme != "rediss" && u.Scheme != "redis-sentinel":
		l.faults.Add("REDIS_URL", "begins with %q: it must begin with redis://, rediss:// (TLS), redis-sentinel:// or redis-socket://", u.Scheme+":")
	case u.Host == "":
		l.faults.Add("REDIS_URL", "names no host: write redis://host:6379/0")
	default:
		return NewSecret(s)
	}
	return Secret{}
}

// keyset only asks whether this is JSON at all; what the keys are is known
// to package seal, which the command asks next.
func (l *loader) keyset(s string) Secret {
	if s == "" {
		return Secret{}
	}
	var purposes map[string]json.RawMessage
	if json.Unmarshal([]byte(s), &purposes) != nil {
		hint := ""
		if _, err := os.Stat(s); err == nil {
			hint = "; it looks like the name of a file, which belongs in KEYSET_FILE"
		}
		l.faults.Add("KEYSET", "is no JSON object of purposes and keysets: take what 'latchkey keys generate' printed%s", hint)
		return Secret{}
	}
	return NewSecret(s)
}
