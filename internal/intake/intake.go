package intake

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/google/uuid"

	"latchkey/internal/account"
	"latchkey/internal/audit"
	"latchkey/internal/factor"
	"latchkey/internal/guard"
	"latchkey/internal/pg"
)

const (
	longestLine = 64 << 10
	batch       = 500 // people in one transaction
)

// Intake makes accounts.
type Intake struct {
	DB      *pg.DB
	Factors *factor.Store
	DryRun  bool // looks at everything, writes nothing

	Wrong func(line int, what []Wrong) // is told of each bad line
	Tell  func(Tally)                  // is told after each batch
}

// Tally counts lines. Every one is made, there already, or refused.
type Tally struct {
	Lines    int   `json:"lines"`
	Made     int   `json:"made"` // with DryRun: would be made
	Existing int   `json:"existing"`
	Refused  int   `json:"refused"`
	Bytes    int64 `json:"-"` // read so far
}

// Run takes in a whole file. It holds one batch in memory, however long the
// file is. After an error, what was made stays, and running it again goes on.
func (in *Intake) Run(ctx context.Context, by audit.Actor, r io.Reader) (Tally, error) {
	var t Tally
	number := 0 // of the line in the file, empty ones included
	read := bufio.NewReaderSize(r, longestLine)
	for more := true; more; {
		var people []Person
		for more && len(people) < batch {
			raw, n, err := next(read)
			t.Bytes += int64(n)
			if more = !errors.Is(err, io.EOF); err != nil && more && !errors.Is(err, bufio.ErrBufferFull) {
				return t, fmt.Errorf("read line %d: %w", number+1, err)
			}
			number++
			raw = bytes.TrimSpace(raw)
			if len(raw) == 0 && !errors.Is(err, bufio.ErrBufferFull) {
				continue
			}
			t.Lines++
			p, wrong := Parse(raw)
			if errors.Is(err, bufio.ErrBufferFull) {
				wrong = []Wrong{{Err: fmt.Errorf("is longer than %d KiB", longestLine>>10)}}
			}
			if len(wrong) > 0 {
				t.Refused++
				in.Wrong(number, wrong)
				continue
			}
			people = append(people, p)
		}
		made, err := in.take(ctx, by, people)
		if err != nil {
			return t, fmt.Errorf("at line %d: %w", number, err)
		}
		t.Made, t.Existing = t.Made+made, t.Existing+len(people)-made
		in.Tell(t)
	}
	return t, nil
}

// next reads one line. Of one that is too long the rest is skipped.
func next(r *bufio.Reader) (line []byte, n int, err error) {
	line, err = r.ReadSlice('\n')
	n = len(line)
	for full := err; errors.Is(full, bufio.ErrBufferFull); {
		var rest []byte
		rest, full = r.ReadSlice('\n')
		n += len(rest)
		if full != nil && !errors.Is(full, bufio.ErrBufferFull) && !errors.Is(full, io.EOF) {
			return nil, n, full
		}
	}
	return line, n, err
}

// take makes accounts of those who have none, all in one transaction, and
// says how many that were.
func (in *Intake) take(ctx context.Context, by audit.Actor, people []Person) (made int, err error) {
	fresh, err := in.strangers(ctx, people)
	if err != nil || in.DryRun || len(fresh) == 0 {
		return len(fresh), err
	}
	users := make([]account.User, len(fresh))
	for i, p := range fresh {
		id := pg.NewID()
		users[i] = account.User{ID: id, Email: p.Email, EmailVerified: p.Verified, Name: p.Name, Role: p.Role, PasswordHash: p.PasswordHash}
		if len(p.Apps) > 0 {
			users[i].PreferredMethod = string(factor.App)
		}
	}
	err = in.DB.InTx(ctx, func(tx *pg.Tx) error {
		made, err = in.takeTx(ctx, tx, by, fresh, users)
		return err
	})
	return made, err
}

// strangers are those who have no account, each address once.
func (in *Intake) strangers(ctx context.Context, people []Person) ([]Person, error) {
	emails := make([]string, len(people))
	for i, p := range people {
		emails[i] = p.Email
	}
	known, err := account.KnownEmails(ctx, in.DB, emails)
	if err != nil {
		return nil, err
	}
	var fresh []Person
	for _, p := range people {
		if !known[p.Email] {
			known[p.Email] = true
			fresh = append(fresh, p)
		}
	}
	return fresh, nil
}

func (in *Intake) takeTx(ctx context.Context, tx *pg.Tx, by audit.Actor, people []Person, users []account.User) (int, error) {
	made, err := account.ImportTx(ctx, tx, users)
	if err != nil {
		return 0, err
	}
	var (
		ids    []uuid.UUID
		apps   []factor.Imported
		events []audit.Event
	)
	for i, u := range users {
		if !made[u.ID] {
			continue // somebody signed up with this address a moment ago
		}
		ids = append(ids, u.ID)
		events = append(events, audit.Event{Action: "user_created", Subject: u.ID,
			Data: map[string]any{"role": u.Role, "imported": true, "apps": len(people[i].Apps)}})
		for n, secret := range people[i].Apps {
			apps = append(apps, factor.Imported{User: u.ID, Name: appName(n), Secret: secret})
		}
	}
	if err := guard.ImportTx(ctx, tx, ids); err != nil {
		return 0, err
	}
	if err := in.Factors.ImportTx(ctx, tx, apps); err != nil {
		return 0, err
	}
	return len(ids), audit.RecordAllTx(ctx, tx, by, events)
}

func appName(n int) string {
	name, _ := factor.CanonicalName(factor.App, "") // the plain one
	if n > 0 {
		name += " " + strconv.Itoa(n+1)
	}
	return name
}
