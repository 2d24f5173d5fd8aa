//go:build !unix

package folderlock

import "os"

// lock needs flock. The queues have their own locks.
func lock(*os.File) error { return nil }
