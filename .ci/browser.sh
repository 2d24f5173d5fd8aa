#!/bin/bash
# Makes sure that there is a browser for the tests, and its driver, and says what it did for that.
#   .ci/browser.sh         Debian or Ubuntu, as root, when something is to be installed
set -euo pipefail
source "$(dirname "$0")/packages.sh"

say() { echo "browser: $*"; }

if ! command -v chromium >/dev/null || ! command -v chromedriver >/dev/null; then
  command -v apt-get >/dev/null || { say "no chromium and chromedriver on PATH, and there is no apt-get: install them, run this again" >&2; exit 1; }
  say "installing chromium and chromium-driver"
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  install_packages "$log" chromium chromium-driver || { say "apt-get could not install them; its last lines are above" >&2; exit 1; }
fi
say "$(chromium --version --no-sandbox 2>/dev/null | head -n 1)"
