//go:build !linux

package attack_test

import "syscall"

func likeUs() *syscall.SysProcAttr { return nil }
