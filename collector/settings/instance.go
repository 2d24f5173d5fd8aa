package settings

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// instanceFile of the data folder keeps the gateway's name: it belongs to the totals that are kept there, and stays when
// the host is called otherwise, as a container is after each update.
const instanceFile = "instance"

// instanceOf is the name of the gateway that keeps its data in a folder: the host's name and a few random letters, since
// two gateways of one name, on one host or on two that are called the same, would write the same series. It is made
// with the folder. Where that can't be written the gateway doesn't start, so that any name does.
func instanceOf(folder string) string {
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
	// Of two that start at once, one makes the file.
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
