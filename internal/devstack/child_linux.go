package devstack

import "syscall"

const kernelTellsChildren = true

func tellOfDeath(attr *syscall.SysProcAttr, s syscall.Signal) { attr.Pdeathsig = s }
