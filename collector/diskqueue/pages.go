package diskqueue

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// The queues' files, and that of `accumulate`, are mapped into memory. Pages that were read stay resident, and count as the gateway's memory,
// until the kernel needs it: after a long outage that would be all of a queue.
const (
	lookEvery = 100 * time.Millisecond
	// mostFilePages are let be, bytes: the program's own are most of them.
	mostFilePages = 52 << 20
)

// giveBack releases pages of the queues' files whenever too many of the process' pages are of files, until stop is
// closed.
func (q *Queues) giveBack(stop <-chan struct{}) {
	folder, err := filepath.Abs(q.cfg.Directory)
	if err != nil {
		return
	}
	if real, err := filepath.EvalSymlinks(folder); err == nil {
		folder = real
	}
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
			if filePages() > mostFilePages {
				pageOut(folder)
			}
		}
	}
}

// filePages are the resident pages of files, bytes; 0 where the system does not tell.
func filePages() int64 {
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := bytes.Fields(statm)
	if len(fields) < 3 {
		return 0
	}
	pages, _ := strconv.ParseInt(string(fields[2]), 10, 64)
	return pages * int64(os.Getpagesize())
}

// pageOut lets the kernel take the pages of files in folder. MADV_PAGEOUT changes no content, so it does no harm
// should the file have been mapped elsewhere meanwhile. (MADV_DONTNEED would.)
func pageOut(folder string) {
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return
	}
	defer maps.Close()
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		line := lines.Text()
		if !strings.Contains(line, folder+"/") {
			continue
		}
		from, to, ok := strings.Cut(strings.Fields(line)[0], "-")
		begin, err := strconv.ParseUint(from, 16, 64)
		end, err2 := strconv.ParseUint(to, 16, 64)
		if ok && err == nil && err2 == nil {
			_, _, _ = unix.Syscall(unix.SYS_MADVISE, uintptr(begin), uintptr(end-begin), uintptr(unix.MADV_PAGEOUT))
		}
	}
}
