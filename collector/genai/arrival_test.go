package genai

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestARunIsStampedWhenItCame(t *testing.T) {
	g := newGate(t)
	run := agentRun(2, 1, "clerk")
	run.with[receivedAt] = int64(1) // an application's own is not trusted
	got := g.send(t, provider(3, 2), run, chain(1, 0))
	require.NotContains(t, got[0].Attributes().AsRaw(), receivedAt)
	require.Equal(t, g.clock.UnixNano(), got[1].Attributes().AsRaw()[receivedAt])
	require.NotContains(t, got[2].Attributes().AsRaw(), receivedAt)
}

func TestARunThatIsSentAgainKeepsItsStamp(t *testing.T) {
	g := newGate(t)
	first := g.clock.UnixNano()
	g.attributes(t, agentRun(2, 1, "clerk"))
	g.clock = g.clock.Add(time.Minute)
	require.Equal(t, first, g.attributes(t, agentRun(2, 1, "clerk"))[receivedAt])
	require.Equal(t, g.clock.UnixNano(), g.attributes(t, agentRun(4, 1, "clerk"))[receivedAt])
}

func TestAChildThatCameBeforeDoesNotStampTheRun(t *testing.T) {
	g := newGate(t)
	g.attributes(t, provider(3, 2))
	g.clock = g.clock.Add(time.Minute)
	require.Equal(t, g.clock.UnixNano(), g.attributes(t, agentRun(2, 1, "clerk"))[receivedAt])
}

func TestARunThatTheIndexForgotIsStampedAnew(t *testing.T) {
	g := newGate(t, func(c *Config) { c.Index.MaxSpans = 1 })
	got := g.send(t, agentRun(2, 1, "clerk"), agentRun(4, 1, "clerk"))
	require.Equal(t, g.clock.UnixNano(), got[0].Attributes().AsRaw()[receivedAt])
}
