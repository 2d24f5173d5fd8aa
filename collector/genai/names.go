package genai

// Names that the code itself sets or reads, in addition to those of the mapping. `gen_ai.*` are the semantic conventions',
// `otelgate.*` ours; the Python side has its own in sdk/otelgate/names.py.
const (
	operationName    = "gen_ai.operation.name"
	agentName        = "gen_ai.agent.name"
	timeToFirstChunk = "gen_ai.response.time_to_first_chunk"
	ownDuration      = "gen_ai.client.operation.duration"
	errorType        = "error.type"

	costUSD          = "otelgate.cost.usd"
	costStatus       = "otelgate.cost.status"
	costPriceVersion = "otelgate.cost.price_version"
	duplicateOf      = "otelgate.duplicate_of"
	outputRate       = "otelgate.llm.output_rate"
	cancelled        = "otelgate.cancelled"        // bool: the caller gave it up, which is no error
	runReceivedAt    = "otelgate.run.received_at"  // int, Unix nanoseconds by the gateway's clock
	callReceivedAt   = "otelgate.call.received_at" // the same, of a model call

	exceptionEvent = "exception"
	exceptionType  = "exception.type"
	exceptionText  = "exception.message"

	operationInvokeAgent    = "invoke_agent"
	operationInvokeWorkflow = "invoke_workflow"
	operationExecuteTool    = "execute_tool"
	operationEmbeddings     = "embeddings"
	operationRetrieval      = "retrieval"

	// errorOther is the conventions' word for an error whose kind isn't known.
	errorOther = "_OTHER"
	// reportedPrices takes the place of a table's version: the application's own figure was used.
	reportedPrices = "reported"
)
