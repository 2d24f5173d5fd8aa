#!/bin/bash
# Makes sure that there is a browser for the tests, and its driver, and says what it did for that.
#   .ci/browser.sh         Debian or Ubuntu, as root, when something is to be installed
set -euo pipefail

say() { echo "browser: $*"; }

if ! command -v chromium >/dev/null || ! command -v chromedriver >/dev/null; then
  command -v apt-get >/dev/null || { say "no chromium and chromedriver on PATH, and there is no apt-get: install them, run this again" >&2; exit 1; }
  say "installing chromium and chromium-driver"
  export DEBIAN_FRONTEND=noninteractive
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  install=(apt-get install -y -qq --no-install-recommends chromium chromium-driver)
  # The package lists are fetched only if the packages can't be had with those that are there.
  "${install[@]}" >"$log" 2>&1 || { apt-get update -qq && "${install[@]}"; } >>"$log" 2>&1 ||
    { tail -n 20 "$log" >&2; say "apt-get could not install them; its last lines are above" >&2; exit 1; }
fi
say "$(chromium --version --no-sandbox 2>/dev/null | head -n 1)"
