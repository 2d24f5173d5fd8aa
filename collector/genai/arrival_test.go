package genai

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestStampsRunsAndCallsOnArrival(t *testing.T) {
	g := newGate(t)
	run, call := agentRun(2, 1, "clerk"), provider(3, 2)
	run.with[runReceivedAt] = int64(1) // an application's own is not trusted
	call.with[callReceivedAt] = int64(1)
	got := g.send(t, call, run, chain(1, 0))
	require.Equal(t, g.clock.UnixNano(), got[0].Attributes().AsRaw()[callReceivedAt])
	require.NotContains(t, got[0].Attributes().AsRaw(), runReceivedAt)
	require.Equal(t, g.clock.UnixNano(), got[1].Attributes().AsRaw()[runReceivedAt])
	require.NotContains(t, got[1].Attributes().AsRaw(), callReceivedAt)
	require.NotContains(t, got[2].Attributes().AsRaw(), runReceivedAt)
	require.NotContains(t, got[2].Attributes().AsRaw(), callReceivedAt)
}

func TestResentSpanKeepsItsStamp(t *testing.T) {
	g := newGate(t)
	first := g.clock.UnixNano()
	g.send(t, agentRun(2, 1, "clerk"), provider(3, 2))
	g.clock = g.clock.Add(time.Minute)
	require.Equal(t, first, g.attributes(t, agentRun(2, 1, "clerk"))[runReceivedAt])
	require.Equal(t, first, g.attributes(t, provider(3, 2))[callReceivedAt])
	require.Equal(t, g.clock.UnixNano(), g.attributes(t, agentRun(4, 1, "clerk"))[runReceivedAt])
	require.Equal(t, g.clock.UnixNano(), g.attributes(t, provider(5, 4))[callReceivedAt])
}

func TestEarlierChildDoesNotStampRun(t *testing.T) {
	g := newGate(t)
	g.attributes(t, provider(3, 2))
	g.clock = g.clock.Add(time.Minute)
	require.Equal(t, g.clock.UnixNano(), g.attributes(t, agentRun(2, 1, "clerk"))[runReceivedAt])
}

func TestStampsEvictedRun(t *testing.T) {
	g := newGate(t, func(c *Config) { c.Index.MaxSpans = 1 })
	got := g.send(t, agentRun(2, 1, "clerk"), agentRun(4, 1, "clerk"))
	require.Equal(t, g.clock.UnixNano(), got[0].Attributes().AsRaw()[runReceivedAt])
}
