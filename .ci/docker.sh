#!/bin/bash
# Makes sure that a container engine answers on this machine, and says what it did for that.
#   .ci/docker.sh          Debian or Ubuntu, as root, when something is to be installed or started
# Safe to run again: with an engine that answers it only says so. Nothing is pulled from a registry.
set -euo pipefail
source "$(dirname "$0")/packages.sh"

log=${OTELGATE_DOCKERD_LOG:-/var/log/otelgate-dockerd.log}
apt_log=$(mktemp)
trap 'rm -f "$apt_log"' EXIT
pidfile=/var/run/docker.pid

say() { echo "docker: $*"; }
fail() { echo "docker: $*" >&2; exit 1; }

# Prints the engine's version if it answers. Python, since docker.io does not always bring a client.
engine() {
  python3 - "${DOCKER_HOST:-unix:///var/run/docker.sock}" <<'PYTHON'
import http.client, json, socket, sys, urllib.parse

url = urllib.parse.urlsplit(sys.argv[1])
try:
    if url.scheme == "unix":
        line = http.client.HTTPConnection("engine", timeout=5)
        line.sock = socket.socket(socket.AF_UNIX)
        line.sock.settimeout(5)
        line.sock.connect(url.path)
    else:
        line = http.client.HTTPConnection(url.hostname, url.port or 2375, timeout=5)
    line.request("GET", "/version")
    print(json.load(line.getresponse())["Version"])
except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
    sys.exit(str(error))
PYTHON
}

install_engine() {
  local packages=(docker.io iptables)
  # Without systemd nothing may have mounted the control groups that dockerd needs.
  mountpoint -q /sys/fs/cgroup || packages+=(cgroupfs-mount)
  command -v apt-get >/dev/null || fail "no engine answers, and there is no apt-get to install one: install Docker, start it, run this again"
  [ "$(id -u)" = 0 ] || fail "no engine answers and dockerd is not installed: run this as root, or install Docker yourself"
  say "installing ${packages[*]}"
  install_packages "$apt_log" "${packages[@]}" || fail "apt-get could not install ${packages[*]}; its last lines are above"
}

dockerd_runs() { [ -s "$pidfile" ] && [ "$(cat "/proc/$(cat "$pidfile")/comm" 2>/dev/null)" = dockerd ]; }

# Whether layers can be shared where dockerd keeps them. Not where that is itself such a mount, as within a container.
overlay_works() {
  local folder
  mkdir -p /var/lib/docker && folder=$(mktemp -d /var/lib/docker/overlay.XXXXXX) && mkdir "$folder"/{lower,upper,work,merged} || return 1
  mount -t overlay overlay -o "lowerdir=$folder/lower,upperdir=$folder/upper,workdir=$folder/work" "$folder/merged" 2>/dev/null &&
    umount "$folder/merged"
  local works=$?
  rm -rf "$folder"
  return $works
}

start_engine() {
  [ "$(id -u)" = 0 ] || fail "dockerd is installed but does not answer: start it, or run this as root"
  # A pid file that outlived its dockerd (a restored snapshot, kill -9) would stop the new one.
  rm -f "$pidfile"
  # vfs works everywhere, but copies each image for each container.
  local driver=vfs
  ! overlay_works || driver=overlay2
  say "starting dockerd --storage-driver=$driver (log: $log)"
  setsid nohup dockerd --storage-driver=$driver >"$log" 2>&1 </dev/null &
  started=$!
}

# Waits until the engine answers; gives up at once when the dockerd started here has ended.
wait_for_engine() {
  local deadline=$((SECONDS + 90))
  until engine >/dev/null 2>&1; do
    if [ -n "${started:-}" ] && ! kill -0 "$started" 2>/dev/null; then
      tail -n 20 "$log" >&2
      fail "dockerd ended; its last lines are above"
    fi
    if [ $SECONDS -ge $deadline ]; then
      [ ! -f "$log" ] || tail -n 20 "$log" >&2
      fail "dockerd did not answer within 90 s (${DOCKER_HOST:-/var/run/docker.sock})"
    fi
    sleep 0.5
  done
}

if version=$(engine 2>/dev/null); then
  say "engine $version answers"
  exit 0
fi
reason=$(engine 2>&1 >/dev/null || true)
[[ $reason != *"Permission denied"* ]] || fail "an engine runs, but user $(id -un) may not use it: run this as root, or add the user to the group docker"
[ -z "${DOCKER_HOST:-}" ] || fail "DOCKER_HOST='$DOCKER_HOST': no engine answers there ($reason)"
command -v python3 >/dev/null || fail "python3 is needed"
command -v dockerd >/dev/null || install_engine
dockerd_runs || start_engine
wait_for_engine
say "engine $(engine) answers"
