#!/usr/bin/env bash
# Makes gateway/*.go from manifest.yaml. The builder's own module handling is skipped: its `go mod tidy`
# asks for modules that only tests of dependencies need, so go.mod is kept by hand (see CONTRIBUTING.md).
set -euo pipefail
cd "$(dirname "$0")"
source ../versions.env
go run "go.opentelemetry.io/collector/cmd/builder@v${COLLECTOR_VERSION}" --config manifest.yaml \
	--skip-get-modules --skip-compilation
gofmt -w gateway
