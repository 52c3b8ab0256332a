package devstack

import (
	"bufio"
	"io"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// ask sends one command and gives the first line of the answer.
func ask(t *testing.T, r *Redis, command string) string {
	t.Helper()
	c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(r.port)))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()                                                              //nolint:errcheck // one question
	io.WriteString(c, resp("AUTH", r.password)+resp(strings.Fields(command)...)) //nolint:errcheck // no answer then
	answers := bufio.NewReader(c)
	if line, err := answers.ReadString('\n'); err != nil || line != "+OK\r\n" {
		t.Fatalf("AUTH: %q, %v", line, err)
	}
	line, err := answers.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

func TestRedisKeepsItsDataWhenAsked(t *testing.T) {
	t.Parallel()
	if findRedis() == "" {
		t.Skip("no redis-server on this machine")
	}
	o, err := serverOwner()
	if err != nil {
		t.Fatal(err)
	}
	dir := openTemp(t)
	for _, want := range []string{":0", ":1"} {
		r, err := startRedis(t.Context(), redisConfig{dir: dir, owner: o, keep: true, demandReal: true, say: func(string) {}})
		if err != nil {
			t.Fatal(err)
		}
		if got := ask(t, r, "EXISTS k"); got != want {
			t.Errorf("EXISTS says %s, want %s", got, want)
		}
		ask(t, r, "SET k v")
		if err := r.Stop(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRedisAsksForItsPassword(t *testing.T) {
	t.Parallel()
	r, err := StartRedis(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Stop() //nolint:errcheck // a test's
	if err := ping(r.port, "guess"); err == nil {
		t.Error("a wrong password was taken")
	}
	if left := using(t, r.password); len(left) > 0 {
		t.Errorf("the password shows in the arguments of %q", left)
	}
}

func TestStandInExpiresKeys(t *testing.T) {
	t.Parallel()
	r := &Redis{password: "p"} // not Real, as where no server was found
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer r.Stop() //nolint:errcheck // in process
	if err := ping(r.port, "p"); err != nil {
		t.Fatal(err)
	}
	ask(t, r, "SET later v PX 3600000")
	ask(t, r, "SET k v PX 400")
	for deadline := time.Now().Add(time.Minute); ask(t, r, "EXISTS k") != ":0"; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("its clock stands still")
		}
	}
	if got := ask(t, r, "EXISTS later"); got != ":1" {
		t.Fatalf("its clock runs ahead: EXISTS says %s of a key that has an hour", got)
	}
	at := r.URL
	r.Crash()
	if err := r.Start(t.Context()); err != nil || r.URL != at {
		t.Errorf("back at %s, not %s: %v", r.URL, at, err)
	}
}

func TestRealRedisIsDemanded(t *testing.T) {
	t.Parallel()
	_, err := startRedis(t.Context(), redisConfig{dir: filepath.Join(t.TempDir()), find: func() string { return "" }, demandReal: true})
	if err == nil || !strings.Contains(err.Error(), "demanded") {
		t.Errorf("got %v", err)
	}
}
