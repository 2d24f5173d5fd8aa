package settings

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
)

// kind says which values a setting takes, in words and in code.
type kind struct {
	expected string
	accept   func(raw string) (any, bool)
}

func (k kind) parse(raw string) (any, error) {
	value, ok := k.accept(raw)
	if !ok {
		return nil, fmt.Errorf("expected %s", k.expected)
	}
	return value, nil
}

var (
	text    = kind{"text", func(raw string) (any, bool) { return raw, true }}
	boolean = kind{"true or false", func(raw string) (any, bool) { return raw == "true", raw == "true" || raw == "false" }}
	count   = kind{"a whole number above 0", func(raw string) (any, bool) {
		value, ok := atoi(raw)
		return value, ok && value > 0
	}}
	port = kind{"a port number from 1 to 65535", func(raw string) (any, bool) {
		value, ok := atoi(raw)
		return value, ok && value >= 1 && value <= 65535
	}}
	percent = kind{"a number from 0 to 100", func(raw string) (any, bool) {
		value, ok := atof(raw)
		return value, ok && value >= 0 && value <= 100
	}}
	positive = kind{"a number above 0", func(raw string) (any, bool) {
		value, ok := atof(raw)
		return value, ok && value > 0
	}}
	// One number and one unit, so that the stack's Python reads it the same way.
	duration = kind{"a duration of at least 1s, such as 30s, 5m or 1h", func(raw string) (any, bool) {
		value, err := time.ParseDuration(raw)
		number, ok := atoi(raw[:max(0, len(raw)-1)])
		return raw, err == nil && ok && number > 0 && value >= time.Second
	}}
	file = kind{"a file that can be read", func(raw string) (any, bool) {
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
	}}
	// Given back as it stands in an endpoint: an IPv6 address in brackets, however it was written.
	host = kind{"an IP address or a host name", func(raw string) (any, bool) {
		bare := raw
		if strings.HasPrefix(raw, "[") && strings.HasSuffix(raw, "]") {
			bare = raw[1 : len(raw)-1]
		}
		if net.ParseIP(bare) != nil && strings.Contains(bare, ":") {
			return "[" + bare + "]", true
		}
		return raw, raw == "" || hostName.MatchString(raw)
	}}
	hostPort = kind{"host:port", func(raw string) (any, bool) {
		host, number, err := net.SplitHostPort(raw)
		value, ok := atoi(number)
		return raw, err == nil && host != "" && ok && value >= 1 && value <= 65535
	}}
	store = kind{"host:port, or https://host:port with TLS", func(raw string) (any, bool) {
		_, ok := hostPort.accept(strings.TrimPrefix(raw, "https://"))
		return raw, ok
	}}
	httpURL = kind{"an http:// or https:// URL", func(raw string) (any, bool) {
		parsed, err := url.Parse(raw)
		return raw, err == nil && parsed.Host != "" && (parsed.Scheme == "http" || parsed.Scheme == "https")
	}}
)

var hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$`)

// atLeast is for sizes that must hold something: a queue its first batch.
func atLeast(least int64) kind {
	return kind{fmt.Sprintf("a whole number of at least %d", least), func(raw string) (any, bool) {
		value, ok := atoi(raw)
		return value, ok && value >= least
	}}
}

func between(least, most int64) kind {
	return kind{fmt.Sprintf("a whole number from %d to %d", least, most), func(raw string) (any, bool) {
		value, ok := atoi(raw)
		return value, ok && value >= least && value <= most
	}}
}

func oneOf(values ...string) kind {
	return kind{"one of " + strings.Join(values, ", "), func(raw string) (any, bool) {
		return raw, slices.Contains(values, raw)
	}}
}
