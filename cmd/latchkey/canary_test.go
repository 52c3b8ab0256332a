//go:build linux

package main

import (
	"bufio"
	"bytes"
	"encoding/base32"
	"fmt"
	"io"
	"net"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"latchkey/internal/api/apitest"
	"latchkey/internal/pg"
	"latchkey/internal/pg/pgtest"
)

// TestNoSecretLiesOpen is the canary: after a full run no code, key, app
// secret, password or token is found in what was logged, in what Redis was
// ever told, or in any column of the database.
func TestNoSecretLiesOpen(t *testing.T) {
	t.Parallel()
	database, server := pgtest.URL(t), pgtest.RedisServer(t)
	var told *safeBuffer
	if server.Real {
		told = monitor(t, server.URL)
	}
	p, r := startDev(t, []string{"DATABASE_URL=" + database, "REDIS_URL=" + server.URL, "LOG_LEVEL=debug"}, "--ephemeral")
	v := visit(t, r)
	v.journey()
	v.careless(t)
	if len(v.secrets) < 40 {
		t.Fatalf("only %d secrets to look for", len(v.secrets))
	}

	db := pgtest.Open(t, database)
	v.absent(t, "the log", []byte(p.errs.String()))
	for column, content := range columns(t, db) {
		v.absent(t, column, content)
	}
	v.absent(t, "Redis", dump(t, server.URL))
	if told != nil {
		if !strings.Contains(told.String(), "asynq") {
			t.Fatal("nothing was heard of what Redis is told")
		}
		v.absent(t, "what Redis was told", []byte(told.String()))
	}
	// The search itself: what is there is found.
	if !open("x 123456 y", "123456") || !open(`{"text":"\n123456\r\n"}`, "123456") || open("0.1234567", "123456") || open("4bf123456e", "123456") || !open("a lks_abc.", "lks_abc") {
		t.Error("the canary is blind")
	}
}

// careless does what people do wrong, and leaves codes and tokens alive.
func (v *visitor) careless(t *testing.T) {
	t.Helper()
	step := v.start()
	open := v.api.As(step.Text("sign_in_token"))
	open.Post("/sign-ins/current/verify", apitest.M{"method": "app", "code": v.keep("typed", "917 364")}).Want(422)
	open.Post("/sign-ins/current/verify", apitest.M{"method": "recovery_key", "code": v.keys1()}).Want(422)
	reference := open.Header("Idempotency-Key", "again").Post("/sign-ins/current/email-code", nil).Want(202).Text("reference")
	v.code(10*time.Second, "sign in to", request(reference)) // and it is never typed
	v.api.Post("/sign-ins", apitest.M{"email": v.email, "password": v.keep("typed", "wrong horse, wrong battery")}).Want(401)
	v.api.Bad().Post("/sign-ins", `{"email":"`+v.email+`","password":"`+v.keep("typed", "unreadable staple")+`",}`).Want(400)
	v.api.Bad().Header("Authorization", "Bearer "+v.keep("typed", "lks_"+strings.Repeat("Zz9", 14)+"A")).Get("/me").Want(401)
	v.api.Bad().As(step.Text("sign_in_token")).Get("/me").Want(401)
	me := v.verify(v.start().Text("sign_in_token"), "recovery_key", v.keys[1])
	fresh := me.Header("Idempotency-Key", "fresh").Post("/me/recovery-keys", nil).Want(201)
	for i := range 10 {
		v.keep("recovery key", fresh.Text(fmt.Sprintf("keys.%d.key", i)))
	}
	second := me.Post("/me/two-factor/enrolments", apitest.M{"method": "app", "name": "Tablet"}).Want(201)
	v.keep("app secret", second.Text("secret"))
}

// keys1 is a spent key, typed in again.
func (v *visitor) keys1() string { return v.keys[0] }

// open reports whether a text holds a secret; digits only where no more of
// them, nor the letters that ids are written with, stand beside it: clocks and
// ids are full of digits.
func open(text, secret string) bool {
	if !digits.MatchString(secret) {
		return strings.Contains(text, secret)
	}
	return regexp.MustCompile(`(^|[^0-9a-f.])`+secret+`($|[^0-9a-f])`).FindStringIndex(text) != nil
}

var digits = regexp.MustCompile(`^[0-9]{6}$`)

func (v *visitor) absent(t *testing.T, where string, content []byte) {
	t.Helper()
	text := string(content)
	for secret, kind := range v.secrets {
		if open(text, secret) {
			t.Errorf("%s holds a %s: %q", where, kind, secret)
		}
		if kind != "app secret" {
			continue
		}
		raw, err := base32.StdEncoding.DecodeString(secret)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(content, raw) {
			t.Errorf("%s holds an app secret, decoded", where)
		}
	}
}

// columns reads every column of every table that could hold a text, or bytes.
func columns(t *testing.T, db *pg.DB) map[string][]byte {
	t.Helper()
	var all []struct {
		Table  string `db:"table_name"`
		Column string `db:"column_name"`
		Type   string `db:"data_type"`
	}
	err := db.Select(&all, `
		SELECT c.table_name, c.column_name, c.data_type FROM information_schema.columns c
		JOIN information_schema.tables USING (table_schema, table_name)
		WHERE table_schema = 'public' AND table_type = 'BASE TABLE'
		  AND data_type IN ('text', 'json', 'jsonb', 'character varying', 'ARRAY', 'bytea')`)
	if err != nil {
		t.Fatal(err)
	}
	out, seals := map[string][]byte{}, 0
	for _, c := range all {
		cast := "::text"
		if c.Type == "bytea" {
			cast = ""
		}
		var values [][]byte
		err := db.Select(&values, fmt.Sprintf(`SELECT %q%s FROM %q WHERE %q IS NOT NULL`, c.Column, cast, c.Table, c.Column))
		if err != nil {
			t.Fatal(err)
		}
		out[c.Table+"."+c.Column] = bytes.Join(values, []byte("\n"))
		if c.Column == "sealed" {
			seals += len(values)
		}
	}
	if len(out) < 40 || seals < 10 {
		t.Fatalf("only %d columns and %d sealed values were looked at", len(out), seals)
	}
	return out
}

func dump(t *testing.T, address string) []byte {
	t.Helper()
	o, err := redis.ParseURL(address)
	if err != nil {
		t.Fatal(err)
	}
	rdb := redis.NewClient(o)
	defer rdb.Close()
	var all bytes.Buffer
	keys := rdb.Scan(t.Context(), 0, "*", 100).Iterator()
	for keys.Next(t.Context()) {
		value, err := rdb.Dump(t.Context(), keys.Val()).Result()
		if err != nil && err != redis.Nil {
			t.Fatal(err)
		}
		all.WriteString(keys.Val() + "\n" + value + "\n")
	}
	if err := keys.Err(); err != nil {
		t.Fatal(err)
	}
	return all.Bytes()
}

// monitor hears every command that Redis is given from now on.
func monitor(t *testing.T, address string) *safeBuffer {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	word, _ := u.User.Password()
	if _, err := fmt.Fprintf(conn, "AUTH %s\r\nMONITOR\r\n", word); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	for range 2 {
		if line, err := in.ReadString('\n'); err != nil || line != "+OK\r\n" {
			t.Fatalf("monitor: %q %v", line, err)
		}
	}
	heard := &safeBuffer{}
	go func() { _, _ = io.Copy(heard, in) }()
	return heard
}
