// Package disk says how much room a folder's file system has, and how the export queues share it.
package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Space of a file system, bytes.
type Space struct {
	Free  int64 // what this process may still write
	Total int64
}

// Of is the space where folder is, or will be: it need not exist yet.
func Of(folder string) (Space, error) {
	path, err := filepath.Abs(folder)
	if err != nil {
		return Space{}, err
	}
	for {
		var found syscall.Statfs_t
		err := syscall.Statfs(path, &found)
		if errors.Is(err, fs.ErrNotExist) && path != filepath.Dir(path) {
			path = filepath.Dir(path)
			continue
		}
		if err != nil {
			return Space{}, fmt.Errorf("statfs %s: %w", path, err)
		}
		size := int64(found.Bsize)
		return Space{Free: int64(found.Bavail) * size, Total: int64(found.Blocks) * size}, nil
	}
}

// Used is the size of the queue files in folder, bytes.
func Used(folder string) int64 {
	var total int64
	for _, path := range Files(folder) {
		total += Allocated(path)
	}
	return total
}

// Allocated is what a file takes of the disk, bytes: less than its size where it was never written.
func Allocated(path string) int64 {
	var found syscall.Stat_t
	if syscall.Stat(path, &found) != nil {
		return 0
	}
	return found.Blocks * 512
}

// Damaged comes between a file's name and the time at which it, or a value in it, was set aside.
const Damaged = ".damaged-"

// AsideName is the path under which a file, or a value in it, is set aside.
func AsideName(path string, now time.Time) string {
	return path + Damaged + now.UTC().Format("20060102T150405.000000000Z")
}

// Files are those of file_storage in folder: of the export queues, and of processors that keep something. Those that were
// set aside are left out.
func Files(folder string) []string {
	var files []string
	for _, path := range append(named(folder, Queue), named(folder, Totals)...) {
		if !isAside(path) {
			files = append(files, path)
		}
	}
	return files
}

// Queue and Totals begin the names of file_storage's files: of export queues, and of processors, which keep totals.
const (
	Queue  = "exporter_"
	Totals = "processor_"
)

// SetAside counts the files of one kind, Queue or Totals, that were set aside, and the values in them.
func SetAside(folder, kind string) int {
	count := 0
	for _, path := range named(folder, kind) {
		if isAside(path) {
			count++
		}
	}
	return count
}

func isAside(path string) bool {
	return strings.Contains(path, Damaged) || strings.HasSuffix(path, ".backup") // the latter by file_storage
}

func named(folder, kind string) []string {
	files, _ := filepath.Glob(filepath.Join(folder, kind+"*")) // its one error is a pattern that is none
	return files
}

// largestShare of a file system is the most that the reserve takes of it: on a small one the asked number is too much.
const largestShare = 10

// Reserve is what has to stay free: asked, or a tenth of a small file system.
func (s Space) Reserve(asked int64) int64 { return min(asked, s.Total/largestShare) }

// overhead of a queue file over what waits in it: pages, and room between items of different sizes.
const overhead = 1.25

// QueueSize is what each of so many queues may hold: asked, or an equal share of the file system's room for all of
// them above the reserve, and at least `least`. used is the size of their existing files.
func (s Space) QueueSize(asked, reserve, used int64, queues int, least int64) int64 {
	share := float64(s.Free+used-reserve) / float64(queues) / overhead
	return max(min(asked, int64(share)), min(asked, least))
}
