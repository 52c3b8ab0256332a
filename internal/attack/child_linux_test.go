package attack_test

import "syscall"

// likeUs ends a child with us, however we end.
func likeUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
