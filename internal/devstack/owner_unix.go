//go:build unix

package devstack

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// owner is the ordinary user that the servers run as when we are root:
// Postgres refuses to be root, and a Redis on loopback must not be.
type owner struct {
	name     string
	uid, gid uint32
}

// serverOwner is nil when we are no root, so that the servers are ours.
func serverOwner() (*owner, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		// Some systems write nobody's ids as negative numbers.
		uid, err1 := strconv.ParseInt(u.Uid, 10, 64)
		gid, err2 := strconv.ParseInt(u.Gid, 10, 64)
		if err := errors.Join(err1, err2); err != nil {
			return nil, fmt.Errorf("read ids of user %s: %w", name, err)
		}
		return &owner{name: name, uid: uint32(uid), gid: uint32(gid)}, nil // #nosec G115 -- -2 is meant as 2^32-2
	}
	return &owner{name: "65534", uid: 65534, gid: 65534}, nil
}

func (o *owner) credential() *syscall.Credential {
	if o == nil {
		return nil
	}
	return &syscall.Credential{Uid: o.uid, Gid: o.gid}
}

// give makes a path the owner's.
func (o *owner) give(path string) error {
	if o == nil {
		return nil
	}
	return os.Lchown(path, int(o.uid), int(o.gid))
}

// blockedAt names the first folder on the way to path that the owner can't
// pass. Without this check the failure would read "exec: permission denied",
// which points at the wrong file.
func (o *owner) blockedAt(path string) (string, error) {
	if o == nil {
		return "", nil
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", err
	}
	for dir := real; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return "", err
		}
		if info.IsDir() && !o.passes(info) {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", nil
		}
	}
}

func (o *owner) passes(dir fs.FileInfo) bool {
	st, ok := dir.Sys().(*syscall.Stat_t)
	if !ok {
		return true
	}
	switch mode := dir.Mode().Perm(); {
	case st.Uid == o.uid:
		return mode&0o100 != 0
	case st.Gid == o.gid:
		return mode&0o010 != 0
	default:
		return mode&0o001 != 0
	}
}

// roomFor is the folder for the servers' files: the state folder, or one
// under /var/tmp when the servers' user can't reach or own anything there.
func roomFor(dir string, o *owner, say func(string)) (string, error) {
	why := ""
	blocked, err := o.blockedAt(dir)
	switch {
	case err != nil:
		return "", fmt.Errorf("look at state folder: %w", err)
	case blocked != "":
		why = fmt.Sprintf("user %s can't enter %s", o.name, blocked)
	case o != nil && !canGive(dir, o):
		why = fmt.Sprintf("%s can't hold files of user %s", dir, o.name)
	default:
		return dir, nil
	}
	sum := sha256.Sum256([]byte(dir))
	room := filepath.Join("/var/tmp", fmt.Sprintf("latchkey-%d-%x", os.Geteuid(), sum[:6]))
	if err := ownFolder(room); err != nil {
		return "", err
	}
	say(fmt.Sprintf("Postgres and Redis keep their files in %s, because %s", room, why))
	return room, nil
}

// canGive tries a change of owner: some mounted file systems refuse it.
func canGive(dir string, o *owner) bool {
	probe, err := os.MkdirTemp(dir, ".probe-")
	if err != nil {
		return false
	}
	defer os.Remove(probe) //nolint:errcheck // an empty folder
	return o.give(probe) == nil
}

// ownFolder makes a folder at a guessable place in a folder that everybody
// may write to, and refuses one that somebody else has put there.
func ownFolder(dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make state folder: %w", err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("look at state folder: %w", err)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || !ok || int(st.Uid) != os.Geteuid() || info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("%s exists and is not a folder of ours: remove it", dir)
	}
	return nil
}

// scratch makes a temporary folder that the owner can reach, and sweeps those
// that killed processes have left: the lock tells which are still in use.
func scratch(prefix string, o *owner) (string, *os.File, error) {
	base := os.TempDir()
	if blocked, err := o.blockedAt(base); err != nil || blocked != "" {
		base = "/tmp"
	}
	sweep(base, prefix)
	dir, err := os.MkdirTemp(base, prefix)
	if err != nil {
		return "", nil, fmt.Errorf("make temporary folder: %w", err)
	}
	lock, err := lockFile(filepath.Join(dir, "lock"))
	if err == nil {
		// Others may pass, not look: each server's own folder is closed.
		err = os.Chmod(dir, 0o711)
	}
	if err != nil {
		os.RemoveAll(dir) //nolint:errcheck // best effort after a failure
		return "", nil, err
	}
	return dir, lock, nil
}

func sweep(base, prefix string) {
	old, err := filepath.Glob(filepath.Join(base, prefix+"*"))
	if err != nil {
		return
	}
	for _, dir := range old {
		info, err := os.Lstat(dir)
		if err != nil || !info.IsDir() || time.Since(info.ModTime()) < time.Minute {
			continue
		}
		if st, ok := info.Sys().(*syscall.Stat_t); !ok || int(st.Uid) != os.Geteuid() {
			continue
		}
		if lock, err := lockFile(filepath.Join(dir, "lock")); err == nil {
			os.RemoveAll(dir) //nolint:errcheck // tried again next time
			lock.Close()      //nolint:errcheck // closing releases it
		}
	}
}
