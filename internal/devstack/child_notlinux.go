//go:build unix && !linux

package devstack

import "syscall"

const kernelTellsChildren = false

func tellOfDeath(*syscall.SysProcAttr, syscall.Signal) {}
