package derive

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"go.uber.org/zap"
)

// compactAt is the size at which a journal becomes a snapshot, or the last snapshot's if that is larger: what is
// written twice stays less than what is written once.
const compactAt = 8 << 20

// journal keeps on disk what was counted: a snapshot, and the files of frames that came after it, by number.
// The connector calls it from one goroutine at a time.
//
//	span.snapshot        all that came before journal 7
//	span.7.journal       what came since
//	span.8.journal       there too while the next snapshot is being written
//	*.damaged            set aside: frames of it can't be read
type journal struct {
	folder, signal string
	fsync          bool
	logger         *zap.Logger

	salt    uint64 // of the identities in it
	file    journalFile
	number  uint64 // of the file
	size    int64  // of the file, as far as it holds whole frames
	failing bool   // the last write did

	create     func(path string) (journalFile, error)
	compactAt  int64
	compacting sync.WaitGroup
	busy       atomic.Bool // while a snapshot is being written
	snapshot   atomic.Int64

	damaged atomic.Int64
}

// journalFile is what a journal needs of a file; tests have disks that are full.
type journalFile interface {
	WriteAt(data []byte, offset int64) (int, error)
	Truncate(size int64) error
	Sync() error
	Close() error
}

func newJournal(cfg JournalConfig, signal string, logger *zap.Logger) *journal {
	return &journal{
		folder: cfg.Directory, signal: signal, fsync: cfg.FSync, logger: logger, salt: rand.Uint64(), compactAt: compactAt,
		create: func(path string) (journalFile, error) {
			return os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
		},
	}
}

// append writes a frame, with one call. After an error nothing of it is there.
func (j *journal) append(frame []byte) error {
	if err := j.write(frame); err != nil {
		if !j.failing {
			j.logger.Error("derived metrics can't be kept on disk: requests are refused until they can",
				zap.String("folder", j.folder), zap.Error(err))
		}
		j.failing = true
		return fmt.Errorf("OTELGATE_DATA_DIR: derived metrics can't be kept on disk: %w", cause(err))
	}
	if j.failing {
		j.logger.Info("derived metrics are kept on disk again", zap.String("folder", j.folder))
	}
	j.failing = false
	return nil
}

func (j *journal) write(frame []byte) error {
	if j.file == nil { // the disk was full when it should have been made
		if err := j.begin(j.number + 1); err != nil {
			return err
		}
	}
	_, err := j.file.WriteAt(frame, j.size)
	if err == nil && j.fsync {
		err = j.file.Sync()
	}
	if err != nil {
		// A partial write is overwritten; this is for a process that dies before.
		_ = j.file.Truncate(j.size)
		return err
	}
	j.size += int64(len(frame))
	return nil
}

// begin makes the file of a number, with its header: a file without one has been damaged.
func (j *journal) begin(number uint64) error {
	made, err := j.put(j.path(number), j.header(nil, number), j.fsync)
	if err != nil {
		return err
	}
	if j.file != nil {
		_ = j.file.Close()
	}
	j.file, j.number, j.size = made, number, int64(len(j.header(nil, number)))
	return nil
}

// put writes a file under another name first: it is there whole, or not at all.
func (j *journal) put(path string, content []byte, sync bool) (journalFile, error) {
	draft := path + ".draft"
	made, err := j.create(draft)
	if err != nil {
		return nil, err
	}
	_, err = made.WriteAt(content, 0)
	if err == nil && sync {
		err = made.Sync()
	}
	if err == nil {
		err = os.Rename(draft, path)
	}
	if err != nil {
		_ = made.Close()
		_ = os.Remove(draft)
		return nil, err
	}
	if folder, err := os.Open(j.folder); err == nil && sync {
		_ = folder.Sync()
		_ = folder.Close()
	}
	return made, nil
}

func (j *journal) full() bool {
	return j.size > max(j.compactAt, j.snapshot.Load()) && !j.busy.Load()
}

// compact goes on with a new file. `snapshot` makes the frames of everything before, which are written meanwhile.
func (j *journal) compact(snapshot func(buf []byte) []byte) {
	if err := j.begin(j.number + 1); err != nil {
		j.logger.Warn("the journal of derived metrics can't be made shorter", zap.String("folder", j.folder), zap.Error(err))
		return
	}
	number := j.number
	content := j.header(snapshot(j.header(nil, number)), number)
	j.busy.Store(true)
	j.compacting.Go(func() {
		defer j.busy.Store(false)
		made, err := j.put(j.snapshotPath(), content, true)
		if err != nil {
			j.logger.Warn("no snapshot of derived metrics could be written; the journals are kept instead",
				zap.String("folder", j.folder), zap.Error(err))
			return
		}
		_ = made.Close()
		j.snapshot.Store(int64(len(content)))
		for _, old := range j.numbers() {
			if old < number {
				_ = os.Remove(j.path(old))
			}
		}
	})
}

func (j *journal) close() error {
	j.compacting.Wait()
	if j.file == nil {
		return nil
	}
	return j.file.Close()
}

func (j *journal) snapshotPath() string {
	return filepath.Join(j.folder, j.signal+".snapshot")
}

func (j *journal) path(number uint64) string {
	return filepath.Join(j.folder, fmt.Sprintf("%s.%d.journal", j.signal, number))
}

// numbers of the journals that are there, ascending.
func (j *journal) numbers() []uint64 {
	entries, _ := os.ReadDir(j.folder)
	var found []uint64
	for _, entry := range entries {
		name, ok := strings.CutPrefix(entry.Name(), j.signal+".")
		digits, isJournal := strings.CutSuffix(name, ".journal")
		if number, err := strconv.ParseUint(digits, 10, 64); ok && isJournal && err == nil {
			found = append(found, number)
		}
	}
	slices.Sort(found)
	return found
}

// cause leaves the path out: what goes to clients says nothing of this machine.
func cause(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}
