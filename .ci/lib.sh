# Functions for the clients in this folder: a service as a process, and failures that show what they saw.
# shellcheck shell=bash

# Deadlines are long because a machine may stall; nothing depends on how long something takes.
readonly DEADLINE=120

fail() {
    printf '%s: %s\n' "$(basename "$0")" "$1" >&2
    shift
    for file in "$@"; do
        printf -- '--- %s\n' "$file" >&2
        tail -n 60 "$file" >&2
    done
    exit 1
}

# Installs packages of the distribution that provide the commands: `need h2load=nghttp2-client`. Where the
# distribution has none, as Ubuntu outside of snaps for Chromium, the client reports that, and tests nothing.
need() {
    local missing=() pair root=()
    for pair in "$@"; do
        command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}")
    done
    [ ${#missing[@]} -eq 0 ] && return
    command -v apt-get >/dev/null || fail "install ${missing[*]}: this system has no apt-get"
    [ "$(id -u)" -eq 0 ] || root=(sudo)
    "${root[@]}" apt-get update -qq >/dev/null || fail "apt-get update failed"
    for package in "${missing[@]}"; do
        apt-cache show "$package" >/dev/null 2>&1 && continue
        printf 'skipped: this distribution has no package %s\n' "$package"
        exit 0
    done
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
        fail "can't install ${missing[*]}"
}

# Repeats a command until it succeeds: `until_true 'the page shows "one"' command ..`.
until_true() {
    local what=$1 end=$((SECONDS + DEADLINE))
    shift
    until "$@"; do
        [ $SECONDS -lt $end ] || fail "waited $DEADLINE s until $what" ${log:+"$log"}
        [ -z "${process:-}" ] || kill -0 "$process" 2>/dev/null || fail "the service ended before $what" "$log"
        sleep 0.05
    done
}

# Starts a program in `$folder`: sets `process`, `log` and `address`. Give it its variables with `env`.
start() {
    log=$folder/log
    : >"$log"
    # Whatever started this may ignore SIGHUP, as `nohup` does.
    (cd "$folder" && exec env --default-signal=HUP "$@" 2>"$log") &
    process=$!
    until_true "it listens" grep -q 'listening on ' "$log"
    address=$(sed -n 's/.*listening on \(http[^ ]*\).*/\1/p' "$log" | head -n 1)
    address=${address/0.0.0.0/127.0.0.1}
}

# Waits until the service has ended by itself, with success.
ended() {
    local code=0
    wait "$process" || code=$?
    process=
    [ "$code" -eq 0 ] || fail "the service ended with $code" "$log"
}

stop() {
    # Not SIGINT: a shell without job control lets its background jobs ignore that.
    kill -TERM "$process"
    ended
}

folder=$(mktemp -d)
process=
log=
clean() {
    local code=$?
    [ -z "$process" ] || kill -KILL "$process" 2>/dev/null || true
    [ -z "${session:-}" ] || curl --silent --request DELETE "${driver_url:-}/session/$session" >/dev/null || true
    [ -z "${driver:-}" ] || kill "$driver" 2>/dev/null || true
    rm -rf "$folder"
    exit $code
}
trap clean EXIT
