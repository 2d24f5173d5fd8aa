package pricing

import (
	"testing"
	"time"
)

var benchCall = Call{
	Provider: "openai", Model: "gpt-4.1-mini-2025-04-14", At: time.Date(2026, 11, 10, 0, 0, 0, 0, time.UTC),
	InputTokens: 4000, CacheReadTokens: 1000, OutputTokens: 300, ReasoningTokens: 100,
}

func benchmark(b *testing.B, call Call) {
	table := open(b, Options{})
	if got := table.Price(call); got.Status != Priced {
		b.Fatal(got)
	}
	b.ReportAllocs()
	for b.Loop() {
		table.Price(call)
	}
}

func BenchmarkPrice(b *testing.B) { benchmark(b, benchCall) }

func BenchmarkPriceTiered(b *testing.B) {
	call := benchCall
	call.Provider, call.Model, call.InputTokens = "gcp.vertex_ai", "gemini-2.5-pro", 250_000
	benchmark(b, call)
}

func BenchmarkPriceBatch(b *testing.B) {
	call := benchCall
	call.ServiceTier = "batch"
	benchmark(b, call)
}

func BenchmarkPriceParallel(b *testing.B) {
	table := open(b, Options{})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			table.Price(benchCall)
		}
	})
}

// BenchmarkResolve is what the first call of a (provider, model) costs.
func BenchmarkResolve(b *testing.B) {
	table := open(b, Options{})
	b.ReportAllocs()
	for b.Loop() {
		table.now.Load().book.resolve("openrouter", "unknown/model")
	}
}

// BenchmarkOpen is what the start of a gateway, and a reload, costs at most.
func BenchmarkOpen(b *testing.B) {
	for b.Loop() {
		if _, err := newBook("", nil); err != nil {
			b.Fatal(err)
		}
	}
}

func open(t testing.TB, options Options) *Table {
	t.Helper()
	table, err := Open(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := table.Close(); err != nil {
			t.Error(err)
		}
	})
	return table
}

func TestPriceAllocatesNothing(t *testing.T) {
	table := open(t, Options{})
	for _, tier := range []string{"", "batch", "none such"} {
		call := benchCall
		call.ServiceTier = tier
		table.Price(call)
		if allocs := testing.AllocsPerRun(100, func() { table.Price(call) }); allocs != 0 {
			t.Errorf("service tier %q: %v allocations a call", tier, allocs)
		}
	}
}
