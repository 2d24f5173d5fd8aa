package redact

import (
	"encoding/json"
	"strings"
)

func looksLikeJSON(s string) bool {
	return s != "" && (s[0] == '{' || s[0] == '[' || s[0] == '"') && json.Valid([]byte(s))
}

// maskJSON masks strings and numbers one by one: in the text as a whole, [card] in place of a bare number is no JSON.
func (r *rules) maskJSON(s string) (string, bool) {
	value, err := decodeJSON(s)
	if err != nil {
		return "", false
	}
	return encodeJSON(r.maskTree(value))
}

// maskNamed masks a value of a map: its name may tell what it is.
func (r *rules) maskNamed(name, value string, scratch []int64) string {
	name = r.settle(name, scratch) + ": "
	if masked, ok := strings.CutPrefix(r.settle(name+value, scratch), name); ok {
		value = masked
	}
	return r.settle(value, scratch)
}

func (r *rules) maskTree(value any) any {
	scratch := make([]int64, len(r.names)) // the first round has counted
	switch value := value.(type) {
	case string:
		return r.settle(value, scratch)
	case json.Number:
		if masked := r.settle(value.String(), scratch); masked != value.String() {
			return masked
		}
	case []any:
		for i := range value {
			value[i] = r.maskTree(value[i])
		}
	case map[string]any:
		masked := make(map[string]any, len(value))
		for key, v := range value {
			if is, bare := credentialNamed(key); is && !bare && r.enabled[ruleCredential] && isPlain(v) {
				v = r.markers[ruleCredential]
			}
			switch plain := v.(type) {
			case string:
				v = r.maskNamed(key, plain, scratch)
			case json.Number:
				if named := r.maskNamed(key, plain.String(), scratch); named != plain.String() {
					v = named
				}
			default:
				v = r.maskTree(v)
			}
			masked[r.settle(key, scratch)] = v
		}
		return masked
	}
	return value
}

// isPlain says of a value of JSON that it is a text or a number.
func isPlain(value any) bool {
	switch value.(type) {
	case string, json.Number:
		return true
	}
	return false
}

func decodeJSON(s string) (value any, err error) {
	decoder := json.NewDecoder(strings.NewReader(s))
	decoder.UseNumber()
	return value, decoder.Decode(&value)
}

func encodeJSON(value any) (string, bool) {
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return strings.TrimSuffix(out.String(), "\n"), err == nil
}
