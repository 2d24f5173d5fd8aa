package intake

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// room is what a mark in a text takes: "… [cut 3145728 bytes]".
const room = 32

func mark(n int) string { return fmt.Sprintf("… [cut %d bytes]", n) }

// cutText shortens a text to about `want` bytes, and says in it how many went. One that is JSON stays JSON.
func cutText(t string, want int) string {
	if len(t) <= want {
		return t
	}
	if trimmed := strings.TrimLeft(t, " \t\r\n"); trimmed != "" && (trimmed[0] == '[' || trimmed[0] == '{') && json.Valid([]byte(t)) {
		return cutJSON(t, want)
	}
	return cutPlain(t, want)
}

func cutPlain(t string, want int) string {
	kept := head(t, want-room)
	return kept + mark(len(t)-len(kept))
}

// level is the height at which pieces of these sizes, the larger ones cut down to it, come to at most `budget`; never
// below `floor`.
func level(sizes []int, budget, floor int) int {
	sorted := slices.Clone(sizes)
	slices.Sort(sorted)
	left := budget
	for i, size := range sorted {
		share := left / (len(sorted) - i)
		if size > share {
			return max(share, floor)
		}
		left -= size
	}
	return max(budget, floor)
}

// part is a stretch of a text.
type part struct{ start, end int }

// cutJSON cuts the longest strings of valid JSON, and where that is not enough, members from the middle of its list.
func cutJSON(t string, want int) string {
	found := stringsIn(t)
	sizes := make([]int, len(found))
	budget := want - len(t)
	for i, each := range found {
		sizes[i] = each.end - each.start
		budget += sizes[i]
	}
	limit := level(sizes, budget, 64)
	var out strings.Builder
	done := 0
	for _, each := range found {
		if size := each.end - each.start; size > limit+room {
			end := each.start + escapedHead(t[each.start:each.end], limit-room)
			out.WriteString(t[done:end])
			out.WriteString(mark(each.end - end))
			done = each.end
		}
	}
	out.WriteString(t[done:])
	shorter := out.String()
	if len(shorter) <= want+want/8 {
		return shorter
	}
	return dropMembers(shorter, want, len(t)-len(shorter))
}

// stringsIn returns the insides of all strings of valid JSON that are no keys.
func stringsIn(t string) []part {
	var found []part
	for i := 0; i < len(t); i++ {
		if t[i] != '"' {
			continue
		}
		start := i + 1
		for i = start; t[i] != '"'; i++ {
			if t[i] == '\\' {
				i++
			}
		}
		after := i + 1
		for after < len(t) && strings.IndexByte(" \t\r\n", t[after]) >= 0 {
			after++
		}
		if after == len(t) || t[after] != ':' {
			found = append(found, part{start, i})
		}
	}
	return found
}

// escapedHead is the length of the longest beginning of the inside of a JSON string that splits no character, escape
// or pair of surrogates.
func escapedHead(t string, n int) int {
	at := 0
	for i := 0; i < n; {
		size := 1
		if t[i] == '\\' {
			size = 2
			if t[i+1] == 'u' {
				size = 6
				if i+7 < len(t) && strings.ContainsRune("dD", rune(t[i+2])) && strings.ContainsRune("89abAB", rune(t[i+3])) && t[i+6] == '\\' && t[i+7] == 'u' {
					size = 12
				}
			}
		} else if t[i] >= 0x80 {
			for i+size < len(t) && t[i+size]&0xc0 == 0x80 {
				size++
			}
		}
		if i += size; i <= n {
			at = i
		}
	}
	return at
}

// dropMembers keeps the first and the last members of a list; of anything else, only how much it was.
func dropMembers(t string, want, gone int) string {
	members := membersOf(t)
	if len(members) == 0 {
		whole, _ := json.Marshal(map[string]string{"otelgate.cut": mark(gone + len(t))})
		return string(whole)
	}
	first, last, left := 0, len(members), want-2*room
	for first < last {
		size := members[first].end - members[first].start + 1
		if left -= size; left < want/2 {
			break
		}
		first++
	}
	for left = want / 2; last > first; last-- {
		if left -= members[last-1].end - members[last-1].start + 1; left < 0 {
			break
		}
	}
	var out strings.Builder
	out.WriteByte('[')
	for _, each := range members[:first] {
		out.WriteString(t[each.start:each.end] + ",")
	}
	size := gone
	for _, each := range members[first:last] {
		size += each.end - each.start
	}
	fmt.Fprintf(&out, "%q", mark(size))
	for _, each := range members[last:] {
		out.WriteString("," + t[each.start:each.end])
	}
	out.WriteByte(']')
	return out.String()
}

// membersOf returns the members of a JSON list, or nothing where it is none.
func membersOf(t string) []part {
	at := strings.IndexByte(t, '[')
	if at < 0 || strings.TrimSpace(t[:at]) != "" {
		return nil
	}
	var found []part
	depth, start := 0, at+1
	for i := at + 1; i < len(t); i++ {
		switch t[i] {
		case '"':
			for i++; t[i] != '"'; i++ {
				if t[i] == '\\' {
					i++
				}
			}
		case '[', '{':
			depth++
		case ',', ']', '}':
			if depth == 0 {
				found = append(found, part{start, i})
				start = i + 1
				if t[i] == ']' {
					return found
				}
			} else if t[i] != ',' {
				depth--
			}
		}
	}
	return found
}
