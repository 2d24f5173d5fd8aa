package derive

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"os"

	"go.uber.org/zap"
)

const (
	frameHeader = 'h' // version, number of the journal that a snapshot ends before or that this is, salt

	journalVersion = 1
	damagedSuffix  = ".damaged"
)

// header is the first frame of every file, and the last of a snapshot.
func (j *journal) header(buf []byte, number uint64) []byte {
	from := len(buf)
	buf = append(openFrame(buf), frameHeader)
	buf = binary.AppendUvarint(buf, journalVersion)
	buf = binary.AppendUvarint(buf, number)
	buf = binary.LittleEndian.AppendUint64(buf, j.salt)
	closeFrame(buf, from)
	return buf
}

// loaded is what the files said of themselves.
type loaded struct {
	from    uint64 // the journal that the snapshot ends before
	damaged []string
}

// load gives `replay` each sound frame of the snapshot and of the journals after it. A file that holds anything else
// gets a second name, by which it stays; it is never a reason not to start.
func (j *journal) load(replay func(content []byte)) {
	var l loaded
	j.read(&l, j.snapshotPath(), replay)
	for _, number := range j.numbers() {
		if number >= l.from {
			j.read(&l, j.path(number), replay)
		}
		j.number = max(j.number, number)
	}
	j.number = max(j.number, l.from)
	for _, path := range l.damaged {
		j.damaged.Add(1)
		err := setAside(path)
		j.logger.Error("a file of derived metrics is damaged: its readable entries count, the rest is lost",
			zap.String("file", path), zap.String("kept as", path+damagedSuffix), zap.Error(err))
	}
}

func (j *journal) read(l *loaded, path string, replay func(content []byte)) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	isSnapshot := path == j.snapshotPath()
	headers, foreign := 0, false
	torn, damaged := frames(data, func(content []byte) {
		switch {
		case len(content) > 0 && content[0] == frameHeader:
			headers++
			foreign = !j.readHeader(l, &reader{data: content[1:]}, isSnapshot) || foreign
		case !foreign:
			replay(content)
		}
	})
	if isSnapshot { // written as a whole, with a header at both ends
		damaged = damaged || torn > 0 || headers < 2
	} else if torn > 0 {
		j.logger.Warn("the last entry of a journal is incomplete, and is ignored",
			zap.String("file", path), zap.Int("bytes", torn))
	}
	if err != nil || damaged || foreign || headers == 0 {
		l.damaged = append(l.damaged, path)
	}
}

func (j *journal) readHeader(l *loaded, r *reader, isSnapshot bool) bool {
	version, number, salt := r.count(), r.count(), r.fixed()
	if r.err != nil || version != journalVersion {
		return false
	}
	j.salt = salt
	if isSnapshot {
		l.from = max(l.from, number)
	}
	return true
}

// setAside gives a file a second name: it stays when a new snapshot has taken the place of the first one. Of each file
// one is kept, the last.
func setAside(path string) error {
	if err := os.Remove(path + damagedSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Link(path, path+damagedSuffix)
}
