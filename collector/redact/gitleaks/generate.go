//go:build ignore

// Makes testdata/gitleaks.jsonl: made-up keys of the forms in gitleaks' list (MIT), which is read from the pinned module and
// not copied. `go run generate.go` in this folder; it downloads the module if it is not there.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"regexp/syntax"
	"strings"
)

const module = "github.com/zricethezav/gitleaks/v8@v8.30.1"

// skipped are rules whose matches are no secrets (ids of clients), no text (files), or forms that cannot be recognized without
// more than the text at hand.
var skipped = regexp.MustCompile(`client-id$|-id$|^pkcs12|^private-key$|^kubernetes|^curl|^jwt|^nuget|^sidekiq|^hashicorp-tf-password|^generic|^facebook-access-token$|^sourcegraph|^sonar|^freemius|^slack-webhook|^microsoft-teams|^grafana-api-key|user-api-id$`)

var pick = rand.New(rand.NewPCG(7, 7))

func main() {
	toml, err := os.ReadFile(filepath.Join(folder(), "config", "gitleaks.toml"))
	if err != nil {
		log.Fatal(err)
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	id, expression := "", regexp.MustCompile(`^regex = '''(.*)'''$`)
	for line := range strings.Lines(string(toml)) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "id = "); ok {
			id = strings.Trim(name, `"`)
		}
		if found := expression.FindStringSubmatch(line); found != nil && id != "" && !skipped.MatchString(id) {
			for range 3 {
				key := sample(id, found[1])
				if len(key) < 6 {
					log.Fatalf("%s: %q is too short", id, key)
				}
				parts := []string{key[:3], key[3 : len(key)/2+2], key[len(key)/2+2:]}
				if err := encoder.Encode(map[string]any{"rule": id, "parts": parts}); err != nil {
					log.Fatal(err)
				}
			}
			id = ""
		}
	}
	if err := os.WriteFile("../testdata/gitleaks.jsonl", out.Bytes(), 0o644); err != nil {
		log.Fatal(err)
	}
}

func folder() string {
	out, err := exec.Command("go", "mod", "download", "-json", module).Output()
	var downloaded struct{ Dir string }
	if err != nil || json.Unmarshal(out, &downloaded) != nil {
		log.Fatalf("%s: %v %s", module, err, out)
	}
	return downloaded.Dir
}

// sample makes a key that a rule finds. If the rule looks for a name in front, the sample has that name, as in a settings file.
func sample(id, expression string) string {
	parsed, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		log.Fatalf("%s: %v", id, err)
	}
	var out strings.Builder
	write(parsed.Simplify(), &out)
	key := out.String()
	for _, behind := range []string{`\n`, `\r`, "\n", "'", `"`, "`", ";", " "} {
		key = strings.TrimSuffix(key, behind)
	}
	if !strings.Contains(expression, "{0,50}?") {
		return key
	}
	groups := regexp.MustCompile(expression).FindStringSubmatch(out.String())
	if len(groups) < 2 {
		log.Fatalf("%s does not find %q", id, out.String())
	}
	return fmt.Sprintf("%s=%s", strings.ToUpper(strings.ReplaceAll(id, "-", "_")), strings.Join(groups[1:2], ""))
}

func write(re *syntax.Regexp, out *strings.Builder) {
	switch re.Op {
	case syntax.OpLiteral:
		if text := string(re.Rune); re.Flags&syntax.FoldCase != 0 {
			out.WriteString(strings.ToLower(text))
		} else {
			out.WriteString(text)
		}
	case syntax.OpCharClass:
		out.WriteRune(oneOf(re.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		out.WriteByte('x')
	case syntax.OpAlternate:
		write(re.Sub[pick.IntN(len(re.Sub))], out)
	case syntax.OpCapture, syntax.OpConcat:
		for _, sub := range re.Sub {
			write(sub, out)
		}
	case syntax.OpPlus:
		for range 12 {
			write(re.Sub[0], out)
		}
	case syntax.OpRepeat:
		for range re.Min {
			write(re.Sub[0], out)
		}
	}
}

func oneOf(ranges []rune) rune {
	var runes []rune
	for i := 0; i < len(ranges); i += 2 {
		for r := max(ranges[i], '!'); r <= min(ranges[i+1], '~'); r++ {
			runes = append(runes, r)
		}
	}
	if len(runes) == 0 {
		return ' '
	}
	return runes[pick.IntN(len(runes))]
}
