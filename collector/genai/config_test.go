package genai

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/processor/processortest"
)

func TestLoadConfig(t *testing.T) {
	loaded, err := confmaptest.LoadConf("testdata/config.yaml")
	require.NoError(t, err)
	for id, want := range map[string]component.Config{
		"genai": createDefaultConfig(),
		"genai/all": &Config{
			MappingFile: "/etc/otelgate/mapping.yaml", PricesFile: "/etc/otelgate/prices.json", KeepOriginals: true,
			Index: IndexConfig{MaxSpans: 500_000, TTL: 30 * time.Minute},
		},
	} {
		part, err := loaded.Sub(id)
		require.NoError(t, err)
		config := createDefaultConfig()
		require.NoError(t, part.Unmarshal(config))
		require.Equal(t, want, config)
		require.NoError(t, config.(*Config).Validate())
	}
}

func TestValidate(t *testing.T) {
	for _, one := range []struct {
		change func(*Config)
		want   string
	}{
		{func(c *Config) { c.Index.MaxSpans = 0 }, "index::max_spans='0': expected a number from 1 to 10000000"},
		{func(c *Config) { c.Index.MaxSpans = 10_000_001 }, "index::max_spans='10000001': expected a number from 1 to 10000000"},
		{func(c *Config) { c.Index.TTL = -time.Second }, "index::ttl='-1s': expected a duration above 0"},
		{func(c *Config) { c.Index = IndexConfig{} }, "index::max_spans='0': expected a number from 1 to 10000000\nindex::ttl='0s': expected a duration above 0"},
	} {
		config := createDefaultConfig().(*Config)
		one.change(config)
		require.EqualError(t, config.Validate(), one.want)
	}
}

func TestFactory(t *testing.T) {
	factory := NewFactory()
	require.Equal(t, "genai", factory.Type().String())
	require.NoError(t, componenttest.CheckConfigStruct(factory.CreateDefaultConfig()))
	set := processortest.NewNopSettings(factory.Type())
	ctx := context.Background()

	traces, err := factory.CreateTraces(ctx, set, factory.CreateDefaultConfig(), consumertest.NewNop())
	require.NoError(t, err)
	require.True(t, traces.Capabilities().MutatesData)
	require.NoError(t, traces.Start(ctx, componenttest.NewNopHost()))
	require.NoError(t, traces.ConsumeTraces(ctx, request(provider(1, 0))))
	require.NoError(t, traces.Shutdown(ctx))

	logs, err := factory.CreateLogs(ctx, set, factory.CreateDefaultConfig(), consumertest.NewNop())
	require.NoError(t, err)
	require.True(t, logs.Capabilities().MutatesData)
	require.NoError(t, logs.Start(ctx, componenttest.NewNopHost()))
	require.NoError(t, logs.Shutdown(ctx))
}

func TestFactoryRefusesBadFile(t *testing.T) {
	factory := NewFactory()
	set := processortest.NewNopSettings(factory.Type())
	config := factory.CreateDefaultConfig().(*Config)
	config.MappingFile = "testdata/missing.yaml"
	const want = "mapping_file='testdata/missing.yaml': expected a readable file: no such file or directory"
	_, err := factory.CreateTraces(context.Background(), set, config, consumertest.NewNop())
	require.EqualError(t, err, want)
	_, err = factory.CreateLogs(context.Background(), set, config, consumertest.NewNop())
	require.EqualError(t, err, want)
}

// TestPricesAreTheShippedOnes: the golden cases use a fake; here is the real table, once.
func TestPricesAreTheShippedOnes(t *testing.T) {
	factory := NewFactory()
	sink := &consumertest.TracesSink{}
	traces, err := factory.CreateTraces(context.Background(), processortest.NewNopSettings(factory.Type()), factory.CreateDefaultConfig(), sink)
	require.NoError(t, err)
	defer func() { require.NoError(t, traces.Shutdown(context.Background())) }()
	call := provider(1, 0)
	call.with["gen_ai.usage.input_tokens"], call.with["gen_ai.usage.output_tokens"] = 1_000_000, 0
	require.NoError(t, traces.ConsumeTraces(context.Background(), request(call)))
	got := sink.AllTraces()[0].ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().AsRaw()
	require.Equal(t, "priced", got[costStatus])
	require.Equal(t, 2.5, got[costUSD], "gpt-4o: 2.50 USD a million input tokens")
	require.True(t, strings.HasPrefix(got[costPriceVersion].(string), "genai-prices/"), got[costPriceVersion])
}

func TestOwnMapping(t *testing.T) {
	g := newGate(t, func(c *Config) { c.MappingFile = "testdata/own.yaml" })
	got := g.send(t, span{name: "llm", id: 1, to: 2, with: map[string]any{
		"acme.kind": "llm", "acme.model": "acme-1", "acme.vendor": "ACME", "acme.first_token_ms": 250, "team": "red", "acme.group": "g"}})[0]
	require.Equal(t, map[string]any{
		"gen_ai.operation.name": "chat", "gen_ai.request.model": "acme-1", "gen_ai.provider.name": "acme.ai",
		"gen_ai.response.time_to_first_chunk": 0.25, "acme.team": "red", "acme.group": "g",
		"otelgate.cost.status": "unpriced", "otelgate.cost.price_version": "test",
		callReceivedAt: g.clock.UnixNano(),
	}, got.Attributes().AsRaw())
	require.Equal(t, "chat", got.Name(), "its own file names chat by the response's model")

	with := map[string]any{"openinference.span.kind": "LLM", "gen_ai.agent.name": "concierge", "metadata": `{"lc_agent_name": "router"}`}
	require.Equal(t, "router", g.attributes(t, span{name: "x", id: 2, with: with})[agentName])
}

func TestMappingErrors(t *testing.T) {
	for _, one := range []struct{ text, want string }{
		{"attributes: [", "mapping_file='FILE': expected YAML: line 1: did not find expected node content"},
		{"hello", "FILE:1: content='hello': expected a mapping"},
		{"attribute: {}", "FILE:1: content='attribute': expected one of the keys operations, attributes, names, model_calls, of_an_agent, cancelled, logs"},
		{"attributes:\n  a.b: {type: strng, from: [c]}", "FILE:2: attributes::a.b::type='strng': expected one of string, int, double, bool, strings"},
		{"attributes:\n  a.b: {from: [c]}", "FILE:2: attributes::a.b::type='': expected one of string, int, double, bool, strings"},
		{"attributes:\n  a.b: {type: int, from: c}", "FILE:2: attributes::a.b::from='c': expected a list"},
		{"attributes:\n  a.b: {type: int, from: [[c]]}", "FILE:2: attributes::a.b::from[0]='a list': expected a mapping"},
		{"attributes:\n  a.b: {type: int, from: [{atribute: c}]}", "FILE:2: attributes::a.b::from[0]='atribute': expected one of the keys attribute, event, span, scale, unless_whole_duration, unless_equal, when, keep"},
		{"attributes:\n  a.b: {type: int, from: [{attribute: c, event: d}]}", "FILE:2: attributes::a.b::from[0]='a mapping': expected exactly one of attribute, event, span"},
		{"attributes:\n  a.b: {type: int, from: [{attribute: c, scale: 0}]}", "FILE:2: attributes::a.b::from[0]::scale='0': expected a number above 0"},
		{"attributes:\n  a.b: {type: int, from: [{attribute: c, keep: maybe}]}", "FILE:2: attributes::a.b::from[0]::keep='maybe': expected true or false"},
		{"attributes:\n  a.b: {type: int, from: [{span: id}]}", "FILE:2: attributes::a.b::from[0]::span='id': expected name"},
		{"attributes:\n  a.b: {type: int, from: [{attribute: c, when: {d: yes}}]}", "FILE:2: attributes::a.b::from[0]::when::d='yes': expected present, absent, span_name, a list of values or {not: a list of values}"},
		{"attributes:\n  a.b: {type: string, from: [{attribute: c, unless_equal: z}]}", "FILE:2: attributes::a.b::from[0]::unless_equal='z': expected an attribute that is defined above"},
		{"operations: [{operation: chat}]", "FILE:1: operations[0]='a mapping': expected an operation and a when"},
		{"names: {chat: gen_ai.modle}", "names::chat='gen_ai.modle': expected a name under attributes"},
		{"logs: [gen_ai.modle]", "logs='gen_ai.modle': expected a name under attributes"},
		{"model_calls: chat", "FILE:1: model_calls='chat': expected a list"},
	} {
		file := write(t, one.text)
		_, _, err := loadTables(&Config{MappingFile: file})
		require.EqualError(t, err, strings.ReplaceAll(one.want, "FILE", file), one.text)
	}
}

func TestMappingErrorsComeTogether(t *testing.T) {
	file := write(t, "names: [a]\nlogs: b\n")
	_, err := loadMapping(file)
	require.EqualError(t, err, file+":1: names='a list': expected a mapping\n"+file+":2: logs='b': expected a list")
}

func TestEmptyMappingAddsNothing(t *testing.T) {
	_, err := loadMapping(write(t, "# nothing\n"))
	require.NoError(t, err)
	_, err = os.Stat("mapping.yaml")
	require.NoError(t, err)
}
