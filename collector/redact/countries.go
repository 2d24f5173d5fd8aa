package redact

import (
	"strconv"
	"strings"
)

// callingCodes are E.164's country codes with the digits that a number has behind them, at least and at most. The ITU's list
// of assigned codes (E.164D); lengths are those of the national plans, wide where a plan has many.
var callingCodes = func() map[int][2]int {
	codes := map[int][2]int{}
	for _, row := range strings.Fields(`1:10-10 7:10-10 20:8-10 27:9-10 30:10-10 31:9-9 32:8-9 33:9-9 34:9-9 36:8-9 39:8-11 40:9-9
		41:9-9 43:6-13 44:9-10 45:8-8 46:7-10 47:8-8 48:9-9 49:7-12 51:8-9 52:10-11 53:8-8 54:10-11 55:10-11 56:9-9 57:10-10
		58:10-10 60:8-10 61:9-9 62:8-12 63:8-10 64:8-10 65:8-8 66:8-9 81:9-10 82:8-10 84:9-10 86:10-11 90:10-10 91:10-10
		92:9-10 93:9-9 94:9-9 95:8-10 98:10-10 351:9-9 352:6-11 353:7-9 354:7-7 355:8-9 356:8-8 357:8-8 358:6-11 359:8-9 380:9-9
		385:8-9 386:8-8 420:9-9 421:9-9 852:8-8 853:8-8 886:8-9 961:7-8 962:8-9 963:8-9 964:9-10 965:8-8 966:8-9 967:7-9 968:8-8
		970:8-9 971:8-9 972:8-9 973:8-8 974:8-8 975:7-8 976:8-8 977:8-10 992:9-9 993:8-8 994:9-9 995:9-9 996:9-9 998:9-9`) {
		code, lengths, _ := strings.Cut(row, ":")
		least, most, _ := strings.Cut(lengths, "-")
		codes[atoi(code)] = [2]int{atoi(least), atoi(most)}
	}
	for _, span := range strings.Fields(`211-213 216-216 218-218 220-269 290-291 297-299 350-350 370-379 381-383 387-387 389-389
		423-423 500-509 590-599 670-670 672-692 800-800 808-808 850-850 855-856 870-870 878-883 888-888 960-960 979-979`) {
		from, to, _ := strings.Cut(span, "-")
		for code := atoi(from); code <= atoi(to); code++ {
			if _, known := codes[code]; !known {
				codes[code] = [2]int{6, 11}
			}
		}
	}
	return codes
}()

func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic(err) // of a table above
	}
	return n
}
