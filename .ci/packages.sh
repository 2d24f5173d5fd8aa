# For the scripts beside it (`source`): packages of the machine's own distribution.

# install_packages LOG PACKAGE...   Debian or Ubuntu, as root. apt-get's output goes to LOG, its last lines to stderr if
# it fails. The package lists are fetched only if the packages can't be installed with the existing ones.
install_packages() {
  local log=$1
  shift
  local install=(apt-get install -y -qq --no-install-recommends "$@")
  export DEBIAN_FRONTEND=noninteractive
  "${install[@]}" >"$log" 2>&1 && return
  { apt-get update -qq && "${install[@]}"; } >>"$log" 2>&1 && return
  tail -n 20 "$log" >&2
  return 1
}
