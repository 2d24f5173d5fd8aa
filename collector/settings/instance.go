package settings

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// instanceFile of the data folder keeps the name of its gateway: it belongs to the totals that are kept there, and stays when
// the host is called otherwise, as a container is after each update.
const instanceFile = "instance"

// instanceOf is the name of the gateway that keeps its data in a folder: the one that it was given, else the host's, and
// the folder's few random letters, since two gateways of one name, on one host, on two that are called the same, or
// started from one configuration, would write the same series.
func instanceOf(folder, given string) string {
	name := nameOf(folder)
	if given == "" {
		return name
	}
	return given + "-" + name[strings.LastIndexByte(name, '-')+1:]
}

// nameOf is the host's name when the folder was made, and the letters. If the folder can't be written, the gateway
// doesn't start, and any name will do.
func nameOf(folder string) string {
	path := filepath.Join(folder, instanceFile)
	if name := readInstance(path); name != "" {
		return name
	}
	host, err := os.Hostname()
	if err != nil {
		host = "gateway"
	}
	name := host + "-" + strings.ToLower(rand.Text()[:6])
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return name
	}
	draft := fmt.Sprintf("%s.%d", path, os.Getpid())
	defer os.Remove(draft)
	if err := os.WriteFile(draft, []byte(name+"\n"), 0o600); err != nil {
		return name
	}
	// If two start at the same time, one makes the file.
	if err := os.Link(draft, path); err != nil {
		if first := readInstance(path); first != "" {
			return first
		}
		_ = os.Rename(draft, path) // emptied, or on a file system without links
	}
	return name
}

func readInstance(path string) string {
	content, _ := os.ReadFile(path)
	return strings.TrimSpace(string(content))
}
