package lifecycle

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"otelgate/collector/settings"
)

// literal names each file: a --config that is a folder becomes its numbered files, in order, and the overlays that the
// settings ask for. What names a file stays.
func literal(args, environ []string) ([]string, error) {
	var out []string
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		value, named := strings.CutPrefix(arg, "--config=")
		if arg == "--config" && len(args) > 0 {
			value, named, args = args[0], true, args[1:]
		}
		if !named {
			out = append(out, arg)
			continue
		}
		files := []string{value}
		if folder := path(value); isFolder(folder) {
			var err error
			if files, err = filesOf(folder, environ); err != nil {
				return nil, err
			}
		}
		for _, file := range files {
			out = append(out, "--config="+file)
		}
	}
	return out, nil
}

// filesOf a folder such as collector/config.
func filesOf(folder string, environ []string) ([]string, error) {
	loaded, err := settings.Load(environ)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("--config=%s: %w", folder, err)
	}
	var files []string
	for _, entry := range entries {
		if !entry.IsDir() && filepath.Ext(entry.Name()) == ".yaml" {
			files = append(files, filepath.Join(folder, entry.Name()))
		}
	}
	if files == nil {
		return nil, fmt.Errorf("--config=%s: expected a folder with files *.yaml", folder)
	}
	for _, overlay := range settings.Overlays {
		if overlay.AskedBy(loaded) {
			files = append(files, overlayOf(folder, overlay))
		}
	}
	return files, nil
}

// fits is an error where files of such a folder are named one by one and overlays are too many or missing: a setting that
// says one thing while the gateway does another would lose data, or let in what a token should keep out.
func fits(uris []string, loaded settings.Settings) error {
	var faults []error
	files := map[string]bool{}
	folders := map[string]bool{}
	for _, uri := range uris {
		file := filepath.Clean(path(uri))
		files[file] = true
		if isFolder(filepath.Join(filepath.Dir(file), overlayFolder)) {
			folders[filepath.Dir(file)] = true
		}
	}
	for folder := range folders {
		for _, overlay := range settings.Overlays {
			file, asked := overlayOf(folder, overlay), overlay.AskedBy(loaded)
			if asked != files[file] {
				expected := map[bool]string{true: "expected", false: "expected no"}[asked]
				faults = append(faults, fmt.Errorf("%s='%v': %s --config=%s, or --config=%s for all files that the settings ask for",
					overlay.Env(), loaded[overlay.Setting], expected, file, folder))
			}
		}
	}
	return errors.Join(faults...)
}

const overlayFolder = "overlays"

func overlayOf(folder string, overlay settings.Overlay) string {
	return filepath.Join(folder, overlayFolder, overlay.File)
}

func path(uri string) string { return strings.TrimPrefix(uri, "file:") }

func isFolder(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// shown leaves out what configuration the arguments themselves hold.
func shown(uris []string) []string {
	return slices.DeleteFunc(slices.Clone(uris), func(uri string) bool { return strings.HasPrefix(uri, "yaml:") })
}
