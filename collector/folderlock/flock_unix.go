//go:build unix

package folderlock

import (
	"errors"
	"os"
	"syscall"
)

// lock lasts until the file is closed, which the kernel does for a process that dies.
func lock(file *os.File) error {
	err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errHeld
	}
	return err
}
