// Package pricing tells what a model call cost, in US dollars.
//
// The table is three layers of one schema: ../prices.json (made from the PyPI package genai-prices), rules.json (names
// and rules of our own) and, on top, an operator's override file, which is read again whenever it changes. The
// arithmetic is genai-prices' own, but where that raises an error on a usage that contradicts itself: see Call.usage.
package pricing

import "time"

// Call is one call of a model, as telemetry tells of it. Counts that are negative are taken as 0.
type Call struct {
	// Provider as in gen_ai.provider.name, LangChain's ls_provider, …; "" or an unknown one if the model's name is to tell.
	Provider string
	// Model that answered, else the one that was asked for.
	Model string
	// At is when the call began: prices change by day, some by time of day. Unset (also as 1970, OTLP's unset) means now.
	At time.Time
	// ServiceTier is batch, flex, priority, fast, …; "", default, standard and the like mean the standard rate. A call at a tier
	// that the model has no rate for is Unpriced. Before the day from which a tier's rate is known, it is the standard one.
	ServiceTier string

	// InputTokens includes cached, audio, image and video tokens; OutputTokens includes reasoning.
	InputTokens, OutputTokens int64
	// CacheWriteTokens includes CacheWrite1hTokens, those kept for an hour.
	CacheReadTokens, CacheWriteTokens, CacheWrite1hTokens int64
	ReasoningTokens, CitationTokens                       int64
	InputAudioTokens, OutputAudioTokens                   int64
	InputImageTokens, OutputImageTokens                   int64
	InputVideoTokens, OutputVideoTokens                   int64
	// Cached audio and image tokens are part of both CacheReadTokens and Input…Tokens.
	CacheReadAudioTokens, CacheReadImageTokens int64

	// Units of models that are not priced by tokens, and of tools that the provider runs.
	AudioSeconds                                    float64
	InputCharacters, InputTextMessages              int64
	InputDocumentPages, InputAnnotatedDocumentPages int64
	WebSearches, StorageSearches                    int64
}

// The statuses of a Price.
const (
	// Priced: USD is what the call cost, which may be 0.
	Priced = "priced"
	// Unpriced: the table has no such model, no price for anything that was used, or none for the service tier.
	Unpriced = "unpriced"
	// NoTokens: the call tells of no usage (a failed or abandoned one), so nothing can be said.
	NoTokens = "no_tokens"
)

// Price is the answer to a Call.
type Price struct {
	// USD is 0 unless Status is Priced.
	USD    float64
	Status string
	// Version of the table, such as genai-prices/0.2.3, or genai-prices/0.2.3+override.1a2b3c4d.
	Version string
}

// usage holds counts by unit; see usageKeys for the order.
type usage [unitCount]float64

// usageKeys names the units that a Call can tell of, as prices.json does, in the order of Call.usage. A price in any
// other unit is refused when the table is read, so that a newer price list can't be silently misread.
var usageKeys = [unitCount]string{
	unitInput: "input_tokens", unitOutput: "output_tokens",
	unitCacheRead: "cache_read_tokens", unitCacheWrite: "cache_write_tokens", unitCacheWrite1h: "cache_write_1h_tokens",
	unitReasoning: "output_reasoning_tokens", unitCitation: "output_citation_tokens",
	unitInputAudio: "input_audio_tokens", unitOutputAudio: "output_audio_tokens",
	unitInputImage: "input_image_tokens", unitOutputImage: "output_image_tokens",
	unitInputVideo: "input_video_tokens", unitOutputVideo: "output_video_tokens",
	unitCacheReadAudio: "cache_audio_read_tokens", unitCacheReadImage: "cache_image_read_tokens",
	unitAudioSeconds: "audio_seconds", unitInputAudioSeconds: "input_audio_seconds",
	unitCharacters: "input_characters", unitTextMessages: "input_text_messages",
	unitPages: "input_document_pages", unitAnnotatedPages: "input_annotated_document_pages",
	unitWebSearches: "web_searches", unitStorageSearches: "storage_searches", unitRequests: "requests",
}

const (
	unitInput = iota
	unitOutput
	unitCacheRead
	unitCacheWrite
	unitCacheWrite1h
	unitReasoning
	unitCitation
	unitInputAudio
	unitOutputAudio
	unitInputImage
	unitOutputImage
	unitInputVideo
	unitOutputVideo
	unitCacheReadAudio
	unitCacheReadImage
	unitAudioSeconds
	unitInputAudioSeconds
	unitCharacters
	unitTextMessages
	unitPages
	unitAnnotatedPages
	unitWebSearches
	unitStorageSearches
	unitRequests
	unitCount
)

// usage is what the call used, and whether it tells of any usage at all.
//
// Parts that together exceed their whole were counted in addition to it (Anthropic's own input_tokens leaves cached tokens out,
// Gemini's candidates leave out thoughts): then the whole is the sum. genai-prices refuses such a call.
func (c *Call) usage(into *usage) (any bool) {
	*into = usage{
		unitInput: count(c.InputTokens), unitOutput: count(c.OutputTokens),
		unitCacheRead: count(c.CacheReadTokens), unitCacheWrite1h: count(c.CacheWrite1hTokens),
		unitCacheWrite: max(count(c.CacheWriteTokens), count(c.CacheWrite1hTokens)),
		unitReasoning:  count(c.ReasoningTokens), unitCitation: count(c.CitationTokens),
		unitInputAudio: count(c.InputAudioTokens), unitOutputAudio: count(c.OutputAudioTokens),
		unitInputImage: count(c.InputImageTokens), unitOutputImage: count(c.OutputImageTokens),
		unitInputVideo: count(c.InputVideoTokens), unitOutputVideo: count(c.OutputVideoTokens),
		unitCacheReadAudio: count(c.CacheReadAudioTokens), unitCacheReadImage: count(c.CacheReadImageTokens),
		unitCharacters: count(c.InputCharacters), unitTextMessages: count(c.InputTextMessages),
		unitPages: count(c.InputDocumentPages), unitAnnotatedPages: count(c.InputAnnotatedDocumentPages),
		unitWebSearches: count(c.WebSearches), unitStorageSearches: count(c.StorageSearches),
	}
	if seconds := c.AudioSeconds; seconds > 0 && seconds <= 1<<53 { // neither NaN nor infinite
		into[unitAudioSeconds], into[unitInputAudioSeconds] = seconds, seconds
	}
	if cached := into[unitCacheRead] + into[unitCacheWrite]; cached > into[unitInput] {
		into[unitInput] += cached
	}
	if into[unitReasoning] > into[unitOutput] {
		into[unitOutput] += into[unitReasoning]
	}
	for i := range into {
		any = any || into[i] > 0
	}
	into[unitRequests] = 1
	return any
}

func count(n int64) float64 { return float64(max(n, 0)) }
