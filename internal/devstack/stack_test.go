package devstack

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestStackAnswersAndStops(t *testing.T) {
	t.Parallel()
	s, err := Start(t.Context(), Options{Ephemeral: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop() }) //nolint:errcheck // stopped below
	db := open(t, s.DatabaseURL)
	var name string
	if err := db.Get(&name, `SELECT current_database()`); err != nil || name != "latchkey" {
		t.Errorf("database %q, %v", name, err)
	}
	if s.Mailbox == nil || s.SMTPURL != s.Mailbox.URL() {
		t.Error("no mailbox behind the SMTP URL")
	}
	var data string
	if err := db.Get(&data, `SHOW data_directory`); err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	gone(t, s.DatabaseURL)
	gone(t, s.RedisURL)
	if _, err := os.Stat(filepath.Dir(data)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is left behind: %v", filepath.Dir(data), err)
	}
	select {
	case err := <-s.Died():
		t.Errorf("a stop was taken for a death: %v", err)
	default:
	}
}

func TestGivenPartsAreTakenAsTheyAre(t *testing.T) {
	t.Parallel()
	given := Options{
		DatabaseURL: "postgres://example/one", RedisURL: "redis://example/2", SMTPURL: "smtp://example:25",
		StateDir: filepath.Join(t.TempDir(), "state"),
	}
	s, err := Start(t.Context(), given)
	if err != nil {
		t.Fatal(err)
	}
	if s.DatabaseURL != given.DatabaseURL || s.RedisURL != given.RedisURL || s.SMTPURL != given.SMTPURL || s.Mailbox != nil {
		t.Errorf("started something else: %+v", s)
	}
	if _, err := os.Stat(given.StateDir); !errors.Is(err, os.ErrNotExist) {
		t.Error("made a state folder for nothing")
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
}

func TestServerThatDiesIsReported(t *testing.T) {
	t.Parallel()
	s, err := Start(t.Context(), Options{Ephemeral: true, RedisURL: "redis://example"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop() //nolint:errcheck // it has ended
	var pid int
	if err := open(t, s.DatabaseURL).Get(&pid, `SELECT split_part(pg_read_file('postmaster.pid'), E'\n', 1)::int`); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-s.Died():
		if !strings.Contains(err.Error(), "Postgres") {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Error("nobody noticed")
	}
}

// A kill -9 runs no code of ours: the kernel, or the watching shell where the
// kernel doesn't, has to end the servers.
func TestKilledParentLeavesNoServer(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"", "watched"} {
		t.Run("way "+way, func(t *testing.T) {
			t.Parallel()
			state := filepath.Join(openTemp(t), "state")
			env := []string{"DEVSTACK_TEST_STATE=" + state, "DEVSTACK_TEST_WATCHED=" + way}
			p := startStack(t, nil, env...)
			if p.Err != "" {
				t.Fatal(p.Err)
			}
			db := open(t, p.Database)
			if _, err := db.Exec(`CREATE TABLE kept (id int)`); err != nil {
				t.Fatal(err)
			}
			p.kill()
			gone(t, p.Database)
			gone(t, p.Redis)

			// The next run comes at once, and finds what was there.
			p = startStack(t, nil, env...)
			if p.Err != "" {
				t.Fatal(p.Err)
			}
			if _, err := open(t, p.Database).Exec(`INSERT INTO kept VALUES (1)`); err != nil {
				t.Errorf("the table is lost: %v", err)
			}
			p.stop(t)
			gone(t, p.Database)
			gone(t, p.Redis)
			// The shell that watched was told to end, and ends in a moment.
			for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
				left := using(t, state)
				if len(left) == 0 {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("left behind: %s", strings.Join(left, "; "))
				}
			}
		})
	}
}

func TestSecondStartOnOneStateSaysWhoHoldsIt(t *testing.T) {
	t.Parallel()
	state := filepath.Join(openTemp(t), "state")
	p := startStack(t, nil, "DEVSTACK_TEST_STATE="+state)
	if p.Err != "" {
		t.Fatal(p.Err)
	}
	_, err := Start(t.Context(), Options{StateDir: state})
	want := fmt.Sprintf("already running (pid %d)", p.cmd.Process.Pid)
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
	p.stop(t)
	s, err := Start(t.Context(), Options{StateDir: state})
	if err != nil {
		t.Fatalf("after the first has stopped: %v", err)
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
}

func TestOrdinaryUserWithAHostileEnvironment(t *testing.T) {
	t.Parallel()
	nobody := &owner{name: "nobody", uid: 65534, gid: 65534}
	mustBeRoot(t)
	home := openTemp(t)
	if err := nobody.give(home); err != nil {
		t.Fatal(err)
	}
	p := startStack(t, nobody,
		"HOME="+home, "TMPDIR="+home, "DEVSTACK_TEST_STATE="+filepath.Join(home, "state"),
		"PGHOST=192.0.2.1", "PGHOSTADDR=192.0.2.1", "PGPORT=1", "PGUSER=else", "PGDATABASE=else",
		"PGSSLMODE=require", "PGDATA=/nowhere", "PGPASSWORD=wrong")
	if p.Err != "" {
		t.Fatal(p.Err)
	}
	if err := open(t, p.Database).Ping(); err != nil {
		t.Error(err)
	}
	p.stop(t)
}

func TestRootKeepsStateWhereTheServersUserGets(t *testing.T) {
	t.Parallel()
	mustBeRoot(t)
	state := filepath.Join(t.TempDir(), "state") // its parent is closed to others
	var said []string
	s, err := Start(t.Context(), Options{StateDir: state, Say: func(line string) { said = append(said, line) }})
	if err != nil {
		t.Fatal(err)
	}
	var data string
	if err := open(t, s.DatabaseURL).Get(&data, `SHOW data_directory`); err != nil {
		t.Error(err)
	}
	room := filepath.Dir(data)
	t.Cleanup(func() { os.RemoveAll(room) }) //nolint:errcheck // a test's folder
	if !strings.HasPrefix(room, "/var/tmp/latchkey-0-") {
		t.Errorf("the data is in %s", data)
	}
	if !strings.Contains(strings.Join(said, "\n"), "keep their files in "+room) {
		t.Errorf("the place was not said: %q", said)
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
}

// `go run` is the parent of the program, and ends without a word to it.
func TestProgramNoticesThatItsParentIsGone(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), part+"=go run")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() || lines.Text() != "watching" {
		t.Fatalf("the program said %q", lines.Text())
	}
	cmd.Process.Kill() //nolint:errcheck // seen by what follows
	if !lines.Scan() || lines.Text() != "gone" {
		t.Errorf("the program said %q, want gone", lines.Text())
	}
	cmd.Wait() //nolint:errcheck // it was killed
}

func TestLeftTemporaryFoldersAreSwept(t *testing.T) {
	base := openTemp(t)
	t.Setenv("TMPDIR", base)
	held, lock, err := scratch("sweep-", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close() //nolint:errcheck // a lock
	left, lock, err := scratch("sweep-", nil)
	if err != nil {
		t.Fatal(err)
	}
	lock.Close() //nolint:errcheck // as the end of its process does
	long := time.Now().Add(-time.Hour)
	for _, dir := range []string{held, left} {
		if err := os.Chtimes(dir, long, long); err != nil {
			t.Fatal(err)
		}
	}
	_, lock, err = scratch("sweep-", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close() //nolint:errcheck // a lock
	if _, err := os.Stat(held); err != nil {
		t.Errorf("a folder in use was swept: %v", err)
	}
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what a killed process left is still there: %v", err)
	}
}

// The place under /var/tmp is guessable: who puts something there first must
// not come to hold our database.
func TestFolderThatSomebodyElsePutThereIsRefused(t *testing.T) {
	t.Parallel()
	base := openTemp(t)
	link, wide := filepath.Join(base, "link"), filepath.Join(base, "wide")
	if err := os.Symlink(base, link); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(wide, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(wide, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{link, wide} {
		if err := ownFolder(dir); err == nil {
			t.Errorf("%s was taken", dir)
		}
	}
}
