package derive

import (
	"strconv"
	"strings"
)

// maxWeight limits how many spans one span may claim to represent; a larger claim is a mistake, and counts as one.
const maxWeight = 1e6

// weightOf is how many spans this one represents, by the sampling decision in its W3C trace state
// (OpenTelemetry, "TraceState: Probability Sampling"): `ot=th:T` rejected the share T/2^56, T in
// hexadecimal with trailing zeros left out; the older `ot=p:N` kept one in 2^N, 63 standing for none.
func weightOf(state string) float64 {
	if state == "" {
		return 1
	}
	for member := range strings.SplitSeq(state, ",") {
		fields, ok := strings.CutPrefix(strings.TrimSpace(member), "ot=")
		if !ok {
			continue
		}
		older := 1.0
		for field := range strings.SplitSeq(fields, ";") {
			if digits, ok := strings.CutPrefix(field, "th:"); ok {
				return fromThreshold(digits)
			}
			if digits, ok := strings.CutPrefix(field, "p:"); ok {
				older = fromExponent(digits)
			}
		}
		return older
	}
	return 1
}

func fromThreshold(digits string) float64 {
	if len(digits) == 0 || len(digits) > 14 {
		return 1
	}
	threshold, err := strconv.ParseUint(digits, 16, 64)
	if err != nil {
		return 1
	}
	threshold <<= 4 * (14 - len(digits))
	return bounded(float64(uint64(1)<<56) / float64(uint64(1)<<56-threshold))
}

func fromExponent(digits string) float64 {
	exponent, err := strconv.ParseUint(digits, 10, 8)
	switch {
	case err != nil || exponent > 63:
		return 1
	case exponent == 63:
		return 0
	}
	return bounded(float64(uint64(1) << exponent))
}

func bounded(weight float64) float64 {
	if weight > maxWeight {
		return 1
	}
	return weight
}
