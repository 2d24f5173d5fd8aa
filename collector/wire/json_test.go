package wire

import (
	"encoding/json"
	"math/rand"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRemovesNullMembers(t *testing.T) {
	for given, want := range map[string]string{
		`{}`:                                `{}`,
		`{"a":null}`:                        `{}`,
		`{"a" : null }`:                     `{}`,
		`{"a":null,"b":1}`:                  `{"b":1}`,
		`{"b":1, "a":null}`:                 `{"b":1}`,
		`{"b":1,"a":null,"c":2}`:            `{"b":1,"c":2}`,
		`{"a":null,"b":null}`:               `{}`,
		`{"a":{"b":null,"c":[{"d":null}]}}`: `{"a":{"c":[{}]}}`,
		`{"a":[null,1]}`:                    `{"a":[null,1]}`,
		`{"a":"null","null":1}`:             `{"a":"null","null":1}`,
		`{"a\"b":null,"c":"\\"}`:            `{"c":"\\"}`,
		`null`:                              `null`,
		`{"a":nul`:                          `{"a":nul`,
		`{"a":"nullnull`:                    `{"a":"nullnull`,
		`:null`:                             `:null`,
	} {
		require.Equal(t, want, string(withoutNulls([]byte(given))), given)
	}
}

func TestNothingElseOfJSONChanges(t *testing.T) {
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewSource(seed))
	for range 2000 {
		value := anything(r, 0)
		written, err := json.MarshalIndent(value, "", []string{"", " "}[r.Intn(2)])
		require.NoError(t, err)
		var got any
		cleaned := withoutNulls(written)
		require.NoError(t, json.Unmarshal(cleaned, &got), "%s", cleaned)
		require.Equal(t, removed(value), got)
	}
}

func anything(r *rand.Rand, depth int) any {
	switch r.Intn(7) {
	case 0:
		return nil
	case 1:
		return float64(r.Intn(100))
	case 2:
		return []string{"null", `a"b\`, ":", ",", "{}"}[r.Intn(5)]
	case 3, 4:
		list := []any{}
		for range r.Intn(4 - min(depth, 3)) {
			list = append(list, anything(r, depth+1))
		}
		return list
	}
	object := map[string]any{}
	for range r.Intn(5 - min(depth, 4)) {
		object[[]string{"a", "b", "null", `"`, `\`, "c:"}[r.Intn(6)]] = anything(r, depth+1)
	}
	return object
}

// removed is what decoding and deleting leaves.
func removed(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for key, each := range value {
			if each == nil {
				delete(value, key)
			} else {
				value[key] = removed(each)
			}
		}
	case []any:
		for i := range value {
			value[i] = removed(value[i])
		}
	}
	return value
}
