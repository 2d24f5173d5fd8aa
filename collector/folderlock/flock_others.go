//go:build !unix

package folderlock

import "os"

// lock is for systems with flock; the queues have locks of their own.
func lock(*os.File) error { return nil }
