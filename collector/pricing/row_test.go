package pricing

import (
	"reflect"
	"testing"
)

func row(t *testing.T, file string, call Call) Row {
	t.Helper()
	table, err := Open(Options{OverrideFile: file})
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	return table.Row(call)
}

func TestRowNamesTheEntryAndItsPrices(t *testing.T) {
	found := row(t, "testdata/override.json", Call{Provider: "OpenAI", Model: "GPT-4o-2024-08-06", At: on("2026-02-01")})
	const million = 1e6
	wanted := []Rate{
		{Unit: "input_tokens", USD: 2, Per: million, Since: "2026-01-01"},
		{Unit: "output_tokens", USD: 8, Per: million, Since: "2026-01-01"},
		{Unit: "cache_read_tokens", USD: 1, Per: million, Since: "2026-01-01"},
		{Unit: "input_tokens", USD: 1, Per: million, ServiceTier: "batch"},
		{Unit: "output_tokens", USD: 4, Per: million, ServiceTier: "batch"},
	}
	if !reflect.DeepEqual(found.Prices, wanted) {
		t.Errorf("got %+v\nwanted %+v", found.Prices, wanted)
	}
	found.Prices, found.Version = nil, ""
	entry := Row{
		Status: Priced, Provider: "openai", Model: "gpt-4o", File: "testdata/override.json",
		Match: `equals "gpt-4o" or starts with "gpt-4o-2024"`,
	}
	if !reflect.DeepEqual(found, entry) {
		t.Errorf("got %+v\nwanted %+v", found, entry)
	}
}

func TestRowGivesTheRatesAboveInputTokens(t *testing.T) {
	found := row(t, "testdata/override.json", Call{Provider: "openai", Model: "house-model"})
	wanted := []Rate{
		{Unit: "input_tokens", USD: 1, Per: 1e6},
		{Unit: "input_tokens", USD: 3, Per: 1e6, AboveInputTokens: 1000},
	}
	if !reflect.DeepEqual(found.Prices, wanted) {
		t.Errorf("got %+v\nwanted %+v", found.Prices, wanted)
	}
}

func TestRowOfTheShippedTableHasItsDate(t *testing.T) {
	found := row(t, "", Call{Model: "gpt-4o"})
	if found.Provider != "openai" || found.File != "prices.json" || found.Date == "" || len(found.Prices) == 0 {
		t.Errorf("got %+v", found)
	}
}

func TestRowWithoutAnEntry(t *testing.T) {
	for _, one := range []struct {
		call   Call
		status string
	}{
		{Call{Provider: "openai", Model: "none-such"}, Unpriced},
		{Call{Provider: "basement", Model: "none-such"}, Free},
	} {
		if found := row(t, "testdata/override.json", one.call); found.Status != one.status || found.Model != "" || len(found.Prices) > 0 {
			t.Errorf("%+v: got %+v, wanted %s", one.call, found, one.status)
		}
	}
	anywhere := row(t, "testdata/override.json", Call{Provider: "any", Model: "prod-deployment"})
	if anywhere.Provider != AnyProvider || anywhere.Status != Priced {
		t.Errorf("got %+v", anywhere)
	}
}
