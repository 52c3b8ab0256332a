package admin

import (
	"testing"
	"time"

	"github.com/google/uuid"
)

// FuzzCursor: a place in a list is the same place when it is named again, at a
// time that Postgres can compare with.
func FuzzCursor(f *testing.F) {
	for _, s := range []string{cursorOf(time.Unix(1767323045, 678000), uuid.Max), cursorOf(time.UnixMicro(0), uuid.Nil), "", "LTEuMA", "enp6enp6enp6enp6enouMA", "MC57MDAwfQ"} {
		f.Add(s, int64(1767323045000001))
	}
	f.Fuzz(func(t *testing.T, s string, micro int64) {
		if at, id, ok := cursorFrom(s); ok {
			if at.Year() < 1970 || at.Year() > 2300 || at.Location() != time.UTC || at.Nanosecond()%1000 != 0 {
				t.Errorf("%q is at %v", s, at)
			}
			if again, beside, ok := cursorFrom(cursorOf(at, id)); !ok || !again.Equal(at) || beside != id {
				t.Errorf("%q is at %v, %v and becomes %v, %v", s, at, id, again, beside)
			}
		}
		if micro < 0 || micro > 1<<53 {
			return
		}
		want := time.UnixMicro(micro).UTC()
		if at, _, ok := cursorFrom(cursorOf(want, uuid.Max)); !ok || at != want {
			t.Errorf("%v becomes %v", want, at)
		}
	})
}
