package genai

import (
	"encoding/json"
	"math"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
)

// numberRow is a row of tests/golden/numbers.json, which the audit sink's tests read, too.
type numberRow struct {
	Attribute, Int, Double, String, Reason string
	Kept                                   bool
}

func (r numberRow) value(t *testing.T) any {
	switch {
	case r.Int != "":
		whole, err := strconv.ParseInt(r.Int, 10, 64)
		require.NoError(t, err)
		return whole
	case r.Double != "":
		real, err := strconv.ParseFloat(r.Double, 64)
		require.NoError(t, err)
		return real
	}
	return r.String
}

func TestRemovesAndCountsImpossibleNumbers(t *testing.T) {
	text, err := os.ReadFile(goldenFolder + "/numbers.json")
	require.NoError(t, err)
	var table struct{ Rows []numberRow }
	require.NoError(t, json.Unmarshal(text, &table))
	require.NotEmpty(t, table.Rows)
	for _, row := range table.Rows {
		t.Run(row.Attribute+" "+row.Int+row.Double+row.String, func(t *testing.T) {
			g := newGate(t)
			got := g.attributes(t, span{id: 1, to: 2, with: map[string]any{operationName: "chat", row.Attribute: row.value(t)}})
			if row.Kept {
				require.Contains(t, got, row.Attribute)
				return
			}
			require.NotContains(t, got, row.Attribute)
			requireCounted(t, g, "otelgate.genai.refused", attribute.String("reason", row.Reason), 1)
		})
	}
}

func TestFallsBackToSecondSource(t *testing.T) {
	got := newGate(t).attributes(t, span{id: 1, with: map[string]any{operationName: "chat",
		"gen_ai.usage.input_tokens": -4, "llm.usage.prompt_tokens": 11}})
	require.Equal(t, int64(11), got["gen_ai.usage.input_tokens"])
}

func TestReportedCostsAreBounded(t *testing.T) {
	for _, usd := range []float64{-1, 1e7, math.NaN(), math.Inf(1)} {
		got := newGate(t).attributes(t, chatCall("llama", "", 10, 10, map[string]any{costUSD: usd}))
		require.NotContains(t, got, costUSD, usd)
		require.Equal(t, "unpriced", got[costStatus], usd)
	}
}

func TestOnlyModelCallsKeepACost(t *testing.T) {
	run := agentRun(1, 0, "router")
	run.with[costUSD] = 1e12
	require.NotContains(t, newGate(t).attributes(t, run), costUSD)
}

func TestUnknownDurationHasNoFirstChunk(t *testing.T) {
	backwards := span{id: 1, from: 5, to: 4, with: map[string]any{operationName: "chat", timeToFirstChunk: 0.5}}
	require.NotContains(t, newGate(t).attributes(t, backwards), timeToFirstChunk)
}
