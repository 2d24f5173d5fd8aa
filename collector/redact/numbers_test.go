package redact

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// Numbers that are none to hide: of each kind so many of 500 may be changed at most. A bare number of 16 digits passes all
// checks of a card by chance, each fiftieth time.
func TestNumbersThatAreNotPersonalAreKept(t *testing.T) {
	pick := rand.New(rand.NewPCG(1, 2))
	of := func(alphabet string, n int) string {
		out := make([]byte, n)
		for k := range out {
			out[k] = alphabet[pick.IntN(len(alphabet))]
		}
		return string(out)
	}
	digits := func(n int) string { return of("0123456789", n) }
	hex := func(n int) string { return of("0123456789abcdef", n) }
	row := func(n, from, to int, gap string) string {
		numbers := make([]string, n)
		for k := range numbers {
			numbers[k] = fmt.Sprint(from + pick.IntN(to-from))
		}
		return strings.Join(numbers, gap)
	}
	for kind, one := range map[string]struct {
		make func() string
		most int
	}{
		"rows of 3 digits": {func() string { return row(3+pick.IntN(8), 100, 1000, " ") }, 0},
		"rows of 4 digits": {func() string { return row(3+pick.IntN(8), 1000, 10000, " ") }, 5},
		"rows of 5 digits": {func() string { return row(5, 10000, 100000, " ") }, 0},
		"CSV":              {func() string { return row(3+pick.IntN(8), 0, 10000000, ",") }, 1},
		"tables":           {func() string { return row(5, 0, 100000, "\t") + "\n" + row(5, 0, 100000, "\t") }, 1},
		"matrices":         {func() string { return "[[" + row(4, 0, 1000, ", ") + "], [" + row(4, 0, 1000, ", ") + "]]" }, 0},
		"ids with zeros":   {func() string { return fmt.Sprintf("id %010d", pick.IntN(1e10)) }, 0},
		"orders":           {func() string { return "order " + digits(13+pick.IntN(7)) }, 0},
		"bare numbers":     {func() string { return of("123456789", 1) + digits(15) }, 20},
		"years":            {func() string { return row(4, 1990, 2030, " ") }, 0},
		"hashes":           {func() string { return "sha256 " + hex(64) + ", trace " + hex(32) + ", span " + hex(16) }, 2},
		"UUIDs":            {func() string { return hex(8) + "-" + hex(4) + "-" + hex(4) + "-" + hex(4) + "-" + hex(12) }, 1},
		"dumps":            {func() string { return hex(4) + " " + hex(4) + " " + hex(4) + " " + hex(4) + " " + hex(4) }, 1},
		"times":            {func() string { return fmt.Sprint(1600000000000+pick.Int64N(2e11), " ", 1600000000+pick.Int64N(2e8)) }, 0},
		"dates": {func() string {
			return fmt.Sprintf("%02d.%02d.%d %d-%02d-%02d", 1+pick.IntN(28), 1+pick.IntN(12), 1990+pick.IntN(40), 1990+pick.IntN(40), 1+pick.IntN(12), 1+pick.IntN(28))
		}, 0},
		"floats":      {func() string { return fmt.Sprint(pick.Float64()*1000, " ", pick.Float32(), " ", pick.NormFloat64()) }, 0},
		"coordinates": {func() string { return fmt.Sprintf("%.6f,%.6f", pick.Float64()*180-90, pick.Float64()*360-180) }, 0},
		"addresses":   {func() string { return row(4, 0, 256, ".") + ":" + digits(5) }, 0},
		"numbers of people": {func() string {
			return fmt.Sprintf("%d %03d %03d people", 1+pick.IntN(999), pick.IntN(1000), pick.IntN(1000))
		}, 0},
	} {
		pick = rand.New(rand.NewPCG(1, 2)) // the same texts, in whichever order the kinds come
		changed, example := 0, ""
		for range 500 {
			if text := one.make(); maskWith(&Policy{}, text) != text {
				changed, example = changed+1, text
			}
		}
		if changed > one.most {
			t.Errorf("%s: %d of 500, expected at most %d: %q", kind, changed, one.most, example)
		}
	}
}
