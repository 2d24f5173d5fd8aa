package lifecycle

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"otelgate/collector/settings"
)

// configFolder is one with two numbered files, and two others.
func configFolder(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, overlayFolder), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"90-service.yaml", "10-receive.yaml", "README.md", "overlays/audit.yaml"} {
		if err := os.WriteFile(filepath.Join(folder, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func TestFolderBecomesItsFilesAndTheOverlaysOfTheSettings(t *testing.T) {
	folder := configFolder(t)
	for _, c := range []struct {
		args, environ, want string
	}{
		{"--config=F", "", "--config=F/10-receive.yaml --config=F/90-service.yaml --config=F/overlays/audit.yaml"},
		{"--config F", "OTELGATE_AUDIT=false", "--config=F/10-receive.yaml --config=F/90-service.yaml"},
		{
			"validate --config=file:F --config own.yaml", "OTELGATE_AUDIT=false OTELGATE_TRACES_TO=both OTELGATE_SAMPLE_PERCENT=1",
			"validate --config=F/10-receive.yaml --config=F/90-service.yaml --config=F/overlays/sampling.yaml" +
				" --config=F/overlays/traces-to-both.yaml --config=own.yaml",
		},
		{"--config=F/10-receive.yaml --set=a.b=c", "", "--config=F/10-receive.yaml --set=a.b=c"},
		{"--config=yaml:a: --quiet F", "OTELGATE_AUDIT=x", "--config=yaml:a: --quiet F"},
		{"--config", "", "--config"},
	} {
		fill := func(text string) []string { return strings.Fields(strings.ReplaceAll(text, "F", folder)) }
		args, environ := fill(c.args), strings.Fields(c.environ)
		got, err := literal(args, environ)
		if err != nil || !slices.Equal(got, fill(c.want)) {
			t.Errorf("%s with %s: %v (%v), want %v", c.args, c.environ, got, err, fill(c.want))
		}
	}
}

func TestFolderWithoutFilesIsAnError(t *testing.T) {
	folder := t.TempDir()
	_, err := literal([]string{"--config", folder}, nil)
	if want := "--config='" + folder + "': expected a folder with files *.yaml"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	_, err = literal([]string{"--config", configFolder(t)}, []string{"OTELGATE_AUDIT=x"})
	if want := "OTELGATE_AUDIT='x': expected true or false"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestFilesNamedOneByOneHaveToFitTheSettings(t *testing.T) {
	folder := configFolder(t)
	base, audit := "file:"+filepath.Join(folder, "90-service.yaml"), filepath.Join(folder, "overlays", "audit.yaml")
	for _, c := range []struct {
		uris    []string
		environ string
		want    string
	}{
		{[]string{base, audit}, "", ""},
		{[]string{base}, "OTELGATE_AUDIT=false", ""},
		{[]string{base, "/elsewhere/overlays/audit.yaml"}, "", ""},
		{[]string{"own.yaml", "yaml:a: b"}, "", ""},
		{[]string{base}, "", "OTELGATE_AUDIT='true': expected --config=" + audit},
		{[]string{base, audit}, "OTELGATE_AUDIT=false", "OTELGATE_AUDIT='false': expected no --config=" + audit},
	} {
		loaded, err := settings.Load([]string{c.environ})
		if err != nil {
			t.Fatal(err)
		}
		want := c.want
		if want != "" {
			want += "; --config=" + folder + " names all files that the settings ask for"
		}
		got := ""
		if err := fits(c.uris, loaded); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%v with %s: %q, want %q", c.uris, c.environ, got, want)
		}
	}
}

func TestRefusesOverlayBeforeItsBase(t *testing.T) {
	folder := configFolder(t)
	base, audit := filepath.Join(folder, "90-service.yaml"), filepath.Join(folder, "overlays", "audit.yaml")
	loaded, err := settings.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	err = fits([]string{audit, base}, loaded)
	if want := "--config='" + base + "': expected a place before overlays/audit.yaml, which merges over it"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestShownFilesLeaveOutConfigurationInArguments(t *testing.T) {
	if got := shown([]string{"a.yaml", "yaml:exporters::x::password: secret"}); !slices.Equal(got, []string{"a.yaml"}) {
		t.Errorf("shown = %v", got)
	}
}
