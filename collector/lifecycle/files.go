package lifecycle

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"otelgate/collector/fault"
	"otelgate/collector/settings"
)

// literal names each file: a --config that is a folder becomes its numbered files, in order, and the overlays that the
// settings ask for. Other arguments stay as they are.
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
		return nil, fault.Of("--config", folder, "a folder with files *.yaml: %w", err)
	}
	var files []string
	for _, entry := range entries {
		if !entry.IsDir() && filepath.Ext(entry.Name()) == ".yaml" {
			files = append(files, filepath.Join(folder, entry.Name()))
		}
	}
	if files == nil {
		return nil, fault.Of("--config", folder, "a folder with files *.yaml")
	}
	for _, overlay := range settings.Overlays {
		if overlay.AskedBy(loaded) {
			files = append(files, overlayOf(folder, overlay))
		}
	}
	return files, nil
}

// fits is an error where the files are named one by one and overlays are missing, too many or too early: a setting that
// says one thing while the gateway does another would lose data, or accept data that a token should reject. It accepts a
// configuration that has not our wiring.
func fits(uris []string, loaded settings.Settings) error {
	folder := ""
	overlays := map[string]bool{}
	var faults []error
	for _, uri := range uris {
		file := path(uri)
		switch {
		case filepath.Base(file) == wiring:
			folder = filepath.Dir(file)
			for early := range overlays {
				faults = append(faults, fault.Of("--config", file, "a place before %s/%s, which merges over it", overlayFolder, early))
			}
		case filepath.Base(filepath.Dir(file)) == overlayFolder:
			overlays[filepath.Base(file)] = true
		}
	}
	if folder == "" {
		return nil
	}
	for _, overlay := range settings.Overlays {
		asked := overlay.AskedBy(loaded)
		if asked == overlays[overlay.File] {
			continue
		}
		no := ""
		if !asked {
			no = "no "
		}
		faults = append(faults, fault.Of(overlay.Env(), loaded[overlay.Setting],
			"%s--config=%s; --config=%s names all files that the settings ask for", no, overlayOf(folder, overlay), folder))
	}
	return errors.Join(faults...)
}

const (
	wiring        = "90-service.yaml" // the numbered file whose pipelines the overlays add to
	overlayFolder = "overlays"
)

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
