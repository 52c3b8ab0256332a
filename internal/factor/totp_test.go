package factor

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/hotp"
)

// rfcSecret is the ASCII string "12345678901234567890" of both RFCs.
var rfcSecret = base32.StdEncoding.EncodeToString([]byte("12345678901234567890"))

// RFC 4226 appendix D: HOTP values for counts 0 to 9.
func TestRFC4226Vectors(t *testing.T) {
	t.Parallel()
	for count, want := range []string{
		"755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489",
	} {
		t.Run(fmt.Sprintf("count %d", count), func(t *testing.T) {
			t.Parallel()
			got, err := CodeAt(rfcSecret, Step(count))
			if err != nil || got != want {
				t.Errorf("got %s, %v; want %s", got, err, want)
			}
		})
	}
}

// RFC 6238 appendix B, SHA-1: the vectors have eight digits, of which six-digit
// codes are the last six (RFC 4226 §5.3).
func TestRFC6238Vectors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		unix int64
		want string
	}{
		{59, "94287082"},
		{1111111109, "07081804"},
		{1111111111, "14050471"},
		{1234567890, "89005924"},
		{2000000000, "69279037"},
		{20000000000, "65353130"},
	} {
		now := time.Unix(c.unix, 0).UTC()
		t.Run(now.Format(time.RFC3339), func(t *testing.T) {
			t.Parallel()
			step, ok := MatchStep(rfcSecret, c.want[2:], now, 0, 0)
			if !ok || step != Step(c.unix/30) {
				t.Errorf("got step %d, %v; want %d", step, ok, c.unix/30)
			}
		})
	}
}

// Another implementation, written by other people, agrees: over a thousand
// random secrets, each at a random time and the nine steps after it.
func TestCodesAgreeWithOathtool(t *testing.T) {
	t.Parallel()
	tool, err := exec.LookPath("oathtool")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("oathtool is missing: install the package oathtool")
		}
		t.Skip("oathtool is not installed")
	}
	const secrets, more = 1000, 9
	var others sync.WaitGroup
	next := make(chan int)
	for range 2 * runtime.GOMAXPROCS(0) {
		others.Go(func() {
			for range next {
				agree(t, tool, NewAppSecret(), randomStep(t), more)
			}
		})
	}
	for i := range secrets {
		next <- i
	}
	close(next)
	others.Wait()
}

// agree compares the codes of a secret at a step and at some more after it.
func agree(t *testing.T, tool, secret string, first Step, more int) {
	begin := time.Unix(int64(first)*30+int64(first)%30, 0).UTC() // anywhere in the step
	out, err := exec.Command(tool, "--totp", "--base32", "--window="+strconv.Itoa(more),
		"--now="+begin.Format("2006-01-02 15:04:05 UTC"), secret).Output()
	if err != nil {
		t.Error(err)
		return
	}
	codes := strings.Fields(string(out))
	if len(codes) != more+1 {
		t.Errorf("%d codes of %s", len(codes), out)
	}
	for i, code := range codes {
		now := begin.Add(time.Duration(i) * 30 * time.Second)
		if ours, err := CodeAt(secret, first+Step(i)); err != nil || ours != code {
			t.Errorf("%s at %s: %s, oathtool says %s (%v)", secret, now, ours, code, err)
		}
		if step, ok := MatchStep(secret, code, now, 0, 0); !ok || step != first+Step(i) {
			t.Errorf("%s at %s: %s is not accepted (%d, %v)", secret, now, code, step, ok)
		}
	}
}

// randomStep is one of the years from 1970 to 2100.
func randomStep(t *testing.T) Step {
	var b [4]byte
	if _, err := rand.Read(b[:]); err != nil {
		t.Error(err)
	}
	return Step(binary.BigEndian.Uint32(b[:]) / 30)
}

func TestOnlyStepsInsideTheWindowMatch(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 15, 0, time.UTC)
	for _, c := range []struct {
		back, ahead int64
		accepted    map[Step]bool
	}{
		{1, 1, map[Step]bool{-1: true, 0: true, 1: true}},
		{1, 0, map[Step]bool{-1: true, 0: true}},
		{0, 0, map[Step]bool{0: true}},
	} {
		for d := Step(-4); d <= 4; d++ {
			code, err := CodeAt(rfcSecret, StepAt(now)+d)
			if err != nil {
				t.Fatal(err)
			}
			step, ok := MatchStep(rfcSecret, code, now, c.back, c.ahead)
			if ok != c.accepted[d] || ok && step != StepAt(now)+d {
				t.Errorf("window -%d +%d, code of %+d: got %+d, %v", c.back, c.ahead, d, step-StepAt(now), ok)
			}
		}
	}
}

func TestStepChangesEveryThirtySeconds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		t    time.Time
		want Step
	}{
		{time.Unix(0, 0), 0},
		{time.Unix(29, 999_999_999), 0},
		{time.Unix(30, 0), 1},
		{time.Unix(-1, 0), -1},
	} {
		if got := StepAt(c.t); got != c.want {
			t.Errorf("%v: got %d, want %d", c.t, got, c.want)
		}
	}
}

// Two codes of one window are equal once in a million: spending the later step
// spends both.
func TestLaterOfTwoEqualCodesIsReturned(t *testing.T) {
	t.Parallel()
	steps := map[string]Step{}
	for s := Step(0); s < 10_000; s++ {
		code, err := CodeAt(rfcSecret, s)
		if err != nil {
			t.Fatal(err)
		}
		first, twice := steps[code]
		if !twice {
			steps[code] = s
			continue
		}
		if got, _ := MatchStep(rfcSecret, code, time.Unix(int64(s)*30, 0), int64(s-first), 0); got != s {
			t.Errorf("code of steps %d and %d: got %d", first, s, got)
		}
		return
	}
	t.Fatal("no two steps share a code")
}

func TestUnusableSecretsAndCodesNeverMatch(t *testing.T) {
	t.Parallel()
	now := time.Unix(1767322984, 0)
	// With an empty key anybody could compute this one.
	public, err := hotp.GenerateCodeCustom("", uint64(StepAt(now)), appCode)
	if err != nil {
		t.Fatal(err)
	}
	right, err := CodeAt(rfcSecret, StepAt(now))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, secret, code string }{
		{"empty secret", "", public},
		{"blank secret", "  ", public},
		{"padding only", "========", public},
		{"not base32", "01189998819991197253", right},
		{"empty code", rfcSecret, ""},
		{"empty both", "", ""},
		{"not base32 and empty", "01189998819991197253", ""},
		{"five digits", rfcSecret, right[1:]},
		{"blank before", rfcSecret, " " + right},
		{"digit more", rfcSecret, right + "0"},
		{"secret as code", rfcSecret, rfcSecret},
	} {
		if step, ok := MatchStep(c.secret, c.code, now, 1, 1); ok {
			t.Errorf("%s: matches step %d", c.name, step)
		}
		if d, ok := ClockOffset(c.secret, c.code, now); ok {
			t.Errorf("%s: the clock doctor says %v", c.name, d)
		}
	}
	if _, ok := MatchStep(rfcSecret, right, time.Unix(-40, 0), 1, 1); ok {
		t.Error("a code matches before the epoch")
	}
	if code, err := CodeAt(rfcSecret, -1); err == nil {
		t.Errorf("the step before the epoch has the code %s", code)
	}
	if step, ok := MatchStep(rfcSecret, "755224", time.Unix(0, 0), 0, 0); !ok || step != 0 {
		t.Errorf("the very first step: %d, %v", step, ok)
	}
}

func TestClockDoctorTellsAheadFromBehind(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 15, 0, time.UTC)
	for _, c := range []struct {
		phone time.Duration // how far its clock is ahead
		want  time.Duration
		ok    bool
	}{
		{3 * time.Minute, 3 * time.Minute, true},
		{-3 * time.Minute, -3 * time.Minute, true},
		{time.Minute, time.Minute, true},
		{-time.Minute, -time.Minute, true},
		{30 * time.Second, 30 * time.Second, true}, // refused where app_steps_ahead is 0
		{10 * time.Minute, 10 * time.Minute, true},
		{-10 * time.Minute, -10 * time.Minute, true},
		{0, 0, false},
		{-30 * time.Second, 0, false},
		{10*time.Minute + 30*time.Second, 0, false},
		{-10*time.Minute - 30*time.Second, 0, false},
		{time.Hour, 0, false},
	} {
		code, err := CodeAt(rfcSecret, StepAt(now.Add(c.phone)))
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := ClockOffset(rfcSecret, code, now); got != c.want || ok != c.ok {
			t.Errorf("phone %v off: got %v, %v; want %v, %v", c.phone, got, ok, c.want, c.ok)
		}
	}
}

func TestAppSecretsAre160BitsWithoutPadding(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 1000 {
		s := NewAppSecret()
		b, err := base32.StdEncoding.DecodeString(s)
		if err != nil || len(b) != 20 || len(s) != 32 {
			t.Fatalf("secret %q: %d bytes, %v", s, len(b), err)
		}
		if seen[s] {
			t.Fatalf("secret %q came twice", s)
		}
		seen[s] = true
	}
}

func TestSecretIsShownInGroupsOfFour(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ secret, want string }{
		{"", ""},
		{"ABCD", "ABCD"},
		{"ABCDEFGHIJ", "ABCD EFGH IJ"},
		{"JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "JBSW Y3DP EHPK 3PXP JBSW Y3DP EHPK 3PXP"},
	} {
		if got := GroupSecret(c.secret); got != c.want {
			t.Errorf("%s: got %q, want %q", c.secret, got, c.want)
		}
	}
	// What is copied in groups enrols the same app.
	if got := strings.ReplaceAll(GroupSecret(rfcSecret), " ", ""); got != rfcSecret {
		t.Errorf("the groups joined are %q", got)
	}
}
