// Package genai is the processor that turns every GenAI dialect into OpenTelemetry's own: attribute names, span
// names, operations, agents, costs, and the same model call seen twice. See mapping.yaml for the names.
//
// Upstream's transform processor decides by one span at a time; agents, duplicates and costs need the spans around it.
package genai
