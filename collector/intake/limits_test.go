package intake

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDocumentation(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "reference", "limits.md"))
	require.NoError(t, err)
	for _, table := range []string{Markdown(), MarkdownReasons()} {
		require.True(t, len(table) > 0)
		require.Contains(t, string(page), table, "docs/reference/limits.md: the table differs; it should be:\n"+table)
	}
}

// TestBoundsFitTogether compares the sum of bounds that can occur together with the smallest later limit.
func TestBoundsFitTogether(t *testing.T) {
	const batch, lokiFields, lokiLine, grown = 3_000_000, 1024, 1 << 20, 30
	require.Less(t, 2*maxItem+maxResourceBytes+maxScopeBytes, batch)
	require.Less(t, maxResourceLeaves+maxScopeLeaves+maxLogLeaves+grown, lokiFields)
	require.Less(t, MaxLineBytes, lokiLine)
	require.Less(t, MaxLineBytes+maxResourceBytes+maxScopeBytes, 2<<20)
}
