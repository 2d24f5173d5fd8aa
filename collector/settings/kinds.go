package settings

import (
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
)

// kind reads a value, and says whether it is one. Kinds have the names that they have in compose/settings.yaml, which has
// their words and examples, too.
type kind func(raw string) (any, bool)

func text(raw string) (any, bool) { return raw, true }

func path(raw string) (any, bool) { return raw, true }

func boolean(raw string) (any, bool) { return raw == "true", raw == "true" || raw == "false" }

// whole has no upper bound where most is 0.
func whole(least, most int64) kind {
	return func(raw string) (any, bool) {
		value, ok := atoi(raw)
		return value, ok && value >= least && (most == 0 || value <= most)
	}
}

func port(raw string) (any, bool) { return whole(1, 65535)(raw) }

func percent(raw string) (any, bool) {
	value, ok := atof(raw)
	return value, ok && value >= 0 && value <= 100
}

func positive(raw string) (any, bool) {
	value, ok := atof(raw)
	return value, ok && value > 0
}

func oneOf(values ...string) kind {
	return func(raw string) (any, bool) { return raw, slices.Contains(values, raw) }
}

// duration has one number and one unit, so that Python reads it the same way.
func duration(raw string) (any, bool) {
	value, err := time.ParseDuration(raw)
	number, ok := atoi(raw[:max(0, len(raw)-1)])
	return raw, err == nil && ok && number > 0 && value >= time.Second
}

const day = 24 * time.Hour

// retention is given back in a form that time.ParseDuration reads.
func retention(raw string) (any, bool) {
	unit, ok := map[string]time.Duration{"h": time.Hour, "d": day, "w": 7 * day}[raw[max(0, len(raw)-1):]]
	number, whole := atoi(raw[:max(0, len(raw)-1)])
	if !ok || !whole || number < 1 || number > int64(36500*day/unit) {
		return raw, false
	}
	kept := time.Duration(number) * unit
	return kept.String(), kept >= day
}

func file(raw string) (any, bool) {
	if raw == "" {
		return raw, true
	}
	opened, err := os.Open(raw)
	if err != nil {
		return raw, false
	}
	defer opened.Close()
	info, err := opened.Stat()
	return raw, err == nil && !info.IsDir()
}

// host is returned in the form of an endpoint: an IPv6 address in brackets, with or without them in the setting.
func host(raw string) (any, bool) {
	bare := raw
	if strings.HasPrefix(raw, "[") && strings.HasSuffix(raw, "]") {
		bare = raw[1 : len(raw)-1]
	}
	if net.ParseIP(bare) != nil && strings.Contains(bare, ":") {
		return "[" + bare + "]", true
	}
	return raw, raw == "" || hostName.MatchString(raw)
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$`)

func endpoint(raw string) (any, bool) {
	host, number, err := net.SplitHostPort(raw)
	_, ok := port(number)
	return raw, err == nil && host != "" && ok
}

func store(raw string) (any, bool) {
	_, ok := endpoint(strings.TrimPrefix(raw, "https://"))
	return raw, ok
}

// httpURL is the kind `url`.
func httpURL(raw string) (any, bool) {
	parsed, err := url.Parse(raw)
	return raw, err == nil && parsed.Host != "" && (parsed.Scheme == "http" || parsed.Scheme == "https")
}
