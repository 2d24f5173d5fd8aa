package applications

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"path"
	"regexp"
	"strings"

	"otelgate/collector/fault"
	"otelgate/collector/operatorfile"
)

// Application is one sender, as the file describes it.
type Application struct {
	Name       string
	Team       string
	CostCenter string

	services []string
	all      *owners
	Limits   *Limits
}

// ServiceName is the name for what says none: the application's only service, or its own name.
func (a *Application) ServiceName() string {
	if len(a.services) == 1 && !strings.ContainsAny(a.services[0], "*?") {
		return a.services[0]
	}
	return a.Name
}

// MaySpeakFor says whether a service is the application's. None of the stack's own is.
func (a *Application) MaySpeakFor(service string) bool { return a.all.of(service) == a }

// claims is how long the entry is by which a service is the application's, or 0: a name in full counts for more than any
// with `*` or `?`.
func (a *Application) claims(service string) int {
	if service == a.Name {
		return exactly
	}
	longest := 0
	for _, pattern := range a.services {
		if pattern == service {
			return exactly
		}
		if matched, _ := path.Match(pattern, service); matched {
			longest = max(longest, len(pattern))
		}
	}
	return longest
}

const exactly = math.MaxInt

// owners are the applications of one file, in its order.
type owners []*Application

// of is the application whose service it is, or nil: a service belongs to one, by the entry that says it in full, else by
// the longest, else by the first.
func (o *owners) of(service string) *Application {
	if service == "" || isOurs(service) {
		return nil
	}
	var found *Application
	most := 0
	for _, each := range *o {
		if claims := each.claims(service); claims > most {
			found, most = each, claims
		}
	}
	return found
}

// table holds the applications, and who has which token, by its hash: nil is the operator.
type table struct {
	tokens map[[sha256.Size]byte]*Application
	owners *owners
}

func newTable() *table {
	return &table{tokens: map[[sha256.Size]byte]*Application{}, owners: &owners{}}
}

func (t *table) of(token string) (*Application, bool) {
	found, ok := t.tokens[sha256.Sum256([]byte(token))]
	return found, ok
}

// description is the file.
type description struct {
	Applications []entry `mapstructure:"applications"`
}

type entry struct {
	Name              string   `mapstructure:"name"`
	TokenSHA256       hashes   `mapstructure:"token_sha256"`
	Services          []string `mapstructure:"services"`
	Team              string   `mapstructure:"team"`
	CostCenter        string   `mapstructure:"cost_center"`
	RequestsPerSecond *float64 `mapstructure:"requests_per_second"` // nil: no limit
	MiBPerSecond      *float64 `mapstructure:"mib_per_second"`
}

// hashes are those of tokens. No error shows them: one may be the token itself.
type hashes []string

// ReadNode reads a list of hashes.
func (h *hashes) ReadNode(n operatorfile.Node) { *h = n.Secret().Texts() }

// ours begins the names of the stack's own services, for which no application may speak.
const ours = "otelgate"

var (
	plainName   = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]{0,62}$`)
	plainText   = regexp.MustCompile(`^[^\x00-\x1f]{0,100}$`)
	servicePart = regexp.MustCompile(`^[^\x00-\x1f\[\]\\/]{1,255}$`)
)

// parse reads a file. Its error joins all faults, each with the application, the field, the value and what was expected.
func parse(name string, content []byte) (*table, error) {
	var file description
	if err := operatorfile.DecodeYAML(fileSetting, name, content, &file); err != nil {
		return nil, err
	}
	found, err := file.table()
	if err != nil {
		return nil, fmt.Errorf("%s='%s': %w", fileSetting, name, err)
	}
	return found, nil
}

// table checks the applications, and gives each its name, services and tokens.
func (file *description) table() (*table, error) {
	found, names, exact := newTable(), map[string]bool{}, map[string]string{}
	var faults fault.List
	for number, each := range file.Applications {
		at := fmt.Sprintf("applications[%d]::", number)
		faults.Add(each.validate(at))
		faults.Unless(!names[each.Name], at+"name", each.Name, "a name that no other application has")
		names[each.Name] = true
		application := &Application{Name: each.Name, Team: each.Team, CostCenter: each.CostCenter, services: each.Services, all: found.owners,
			Limits: newLimits(orZero(each.RequestsPerSecond), orZero(each.MiBPerSecond))}
		*found.owners = append(*found.owners, application)
		for _, service := range append([]string{each.Name}, each.Services...) {
			of, taken := exact[service]
			faults.Unless(!taken || of == each.Name, at+"services", service, "a service of no other application: it is one of %q", of)
			exact[service] = each.Name
		}
		for _, text := range each.TokenSHA256 {
			hash, ok := hashOf(text)
			if !ok {
				continue // a fault already
			}
			_, taken := found.tokens[hash]
			faults.Unless(!taken, at+"token_sha256", fmt.Sprintf("%.8s…", text), "a token that is in the file once")
			found.tokens[hash] = application
		}
	}
	return found, faults.Err()
}

// validate never shows a token's text: it may be the token itself in place of its hash.
func (e *entry) validate(at string) error {
	var faults fault.List
	faults.Unless(plainName.MatchString(e.Name), at+"name", e.Name, "1 to 63 letters, digits, '.', '_' or '-'")
	faults.Unless(!isOurs(e.Name), at+"name", e.Name, "a name that does not begin with %q", ours)
	faults.Unless(len(e.TokenSHA256) > 0, at+"token_sha256", "", "the SHA-256 of a token, or of several")
	for _, text := range e.TokenSHA256 {
		_, ok := hashOf(text)
		faults.Unless(ok, at+"token_sha256", fmt.Sprintf("%d characters", len(text)), "64 hexadecimal digits, the SHA-256 of a token (never the token itself)")
	}
	for _, service := range e.Services {
		_, err := path.Match(service, "")
		faults.Unless(err == nil && servicePart.MatchString(service), at+"services", service, "a service's name, in which * matches any text without \"/\"")
		faults.Unless(!isOurs(service), at+"services", service, "a name that does not begin with %q, as the stack's own do", ours)
	}
	faults.Unless(plainText.MatchString(e.Team), at+"team", e.Team, "up to 100 characters")
	faults.Unless(plainText.MatchString(e.CostCenter), at+"cost_center", e.CostCenter, "up to 100 characters")
	for _, limit := range []struct {
		field string
		rate  *float64
	}{{"requests_per_second", e.RequestsPerSecond}, {"mib_per_second", e.MiBPerSecond}} {
		faults.Unless(limit.rate == nil || *limit.rate > 0, at+limit.field, orZero(limit.rate), "a number above 0, or nothing for no limit")
	}
	return faults.Err()
}

func orZero(number *float64) float64 {
	if number == nil {
		return 0
	}
	return *number
}

func isOurs(name string) bool { return strings.HasPrefix(strings.ToLower(name), ours) }

func hashOf(text string) (hash [sha256.Size]byte, ok bool) {
	raw, err := hex.DecodeString(strings.TrimSpace(text))
	return hash, err == nil && copy(hash[:], raw) == sha256.Size && len(raw) == sha256.Size
}
