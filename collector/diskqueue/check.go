package diskqueue

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"

	"otelgate/collector/disk"
)

// CheckCommand is the argument by which the gateway checks one file of a queue, in a separate process: a damaged one
// makes bbolt panic where nothing can recover it, or ends the process by a signal.
const CheckCommand = "check-queue"

// checkTime is more than any file needs whose disk works.
const checkTime = time.Minute

var errEmpty = errors.New("it is empty: if items waited in it, they are lost")

// Check opens the file of a queue as the gateway would, and looks at each page.
func Check(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Size() == 0 {
		return errEmpty // bbolt would take it for a new one
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second, ReadOnly: true})
	if err != nil {
		return err
	}
	defer db.Close()
	return db.View(func(tx *bbolt.Tx) error {
		for fault := range tx.Check() {
			return fault // the first tells enough
		}
		return nil
	})
}

// checkApart is Check in a separate process.
func checkApart(path string) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), checkTime)
	defer cancel()
	said, err := exec.CommandContext(ctx, program, CheckCommand, path).CombinedOutput()
	var ended *exec.ExitError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return inUse{fmt.Errorf("not checked within %s", checkTime)}
	case errors.As(err, &ended) && ended.ExitCode() == exitInUse:
		return inUse{errors.New("another process has it open")}
	case errors.As(err, &ended):
		first, _, _ := strings.Cut(strings.TrimSpace(string(said)), "\n")
		return errors.New(first)
	}
	return inUse{err} // the check did not run: nothing is known against the file
}

// inUse is a fault that is not the file's.
type inUse struct{ error }

const exitInUse = 3

// CheckMain is what the process of CheckCommand does: the fault on its error output, and its exit status.
func CheckMain(path string) int {
	err := Check(path)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, bbolterrors.ErrTimeout):
		return exitInUse
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// setAside renames a damaged file, so that the queue begins a new one. Its new name.
func setAside(path string, now time.Time) (string, error) {
	aside := disk.AsideName(path, now)
	return aside, os.Rename(path, aside)
}
