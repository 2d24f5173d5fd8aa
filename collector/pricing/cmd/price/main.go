// Command price answers pricing.Calls, one JSON object a line, with pricing.Prices. The tests compare its answers with
// those of genai-prices; it also shows what an override file does:
//
//	echo '{"Provider":"openai","Model":"gpt-4o","InputTokens":1000}' | go run ./pricing/cmd/price -override prices.json
//
// With -rows it answers with pricing.Rows: where the prices come from (`otelgate costs price`).
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"otelgate/collector/pricing"
)

func main() {
	override := flag.String("override", "", "override file, in the schema of prices.json")
	rows := flag.Bool("rows", false, "answer with the entries of the table instead of the prices of the calls")
	flag.Parse()
	if err := answer(*override, *rows, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func answer(override string, rows bool, in io.Reader, out io.Writer) error {
	table, err := pricing.Open(pricing.Options{OverrideFile: override})
	if err != nil {
		return err
	}
	defer table.Close()
	decoder, encoder := json.NewDecoder(in), json.NewEncoder(out)
	decoder.DisallowUnknownFields()
	for {
		var call pricing.Call
		if err := decoder.Decode(&call); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("standard input: %w: expected one pricing.Call a line", err)
		}
		var found any = table.Price(call)
		if rows {
			found = table.Row(call)
		}
		if err := encoder.Encode(found); err != nil {
			return err
		}
	}
}
