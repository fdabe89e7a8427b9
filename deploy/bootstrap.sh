#!/usr/bin/env bash
# What a fresh Debian machine lacks, brought where that is allowed; else the line that brings it.
#   bootstrap.sh uv                            prints the path of a uv, installed into .uv/ where there is none
#   bootstrap.sh npm PACKAGE@VERSION...        installs what is not there into .venv/npm
#   bootstrap.sh debian COMMAND[=PACKAGE]...   installs the packages whose command is not there; of =PACKAGE, what is not installed
#   bootstrap.sh debs FOLDER PACKAGE...        downloads packages into a folder, and installs nothing
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '%s\n' "$*" >&2; }

apt_install() {
    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        if ! sudo -n true 2>/dev/null; then
            say "missing: $*. To install: sudo apt-get install $*"
            return 1
        fi
        as_root=(sudo -n)
    fi
    if ! command -v apt-get >/dev/null; then
        say "missing: $*. Install them with this system's package manager."
        return 1
    fi
    say "installing $*"
    "${as_root[@]}" apt-get update -qq >&2
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" >/dev/null
}

bring_uv() {
    if uv --version >/dev/null 2>&1; then
        command -v uv
        return
    fi
    if [ ! -x .uv/bin/uv ]; then
        say "bringing uv into .uv/"
        python3 -m pip --version >/dev/null 2>&1 || apt_install python3 python3-pip
        python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --target .uv --upgrade uv >&2
    fi
    printf '%s\n' .uv/bin/uv
}

bring_debian() {
    local missing=() name
    for name in "$@"; do
        if [ -n "${name%%=*}" ]; then
            command -v "${name%%=*}" >/dev/null || missing+=("${name#*=}")
        elif ! dpkg-query -W -f '${Status}' "${name#=}" 2>/dev/null | grep -q 'ok installed'; then
            missing+=("${name#=}")
        fi
    done
    [ ${#missing[@]} -eq 0 ] || apt_install "${missing[@]}"
}

bring_npm() {
    local missing=() package
    for package in "$@"; do
        grep -qs "\"version\": \"${package#*@}\"" ".venv/npm/node_modules/${package%@*}/package.json" || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return
    command -v npm >/dev/null || apt_install npm
    say "bringing ${missing[*]} into .venv/npm/"
    npm install --silent --no-audit --no-fund --ignore-scripts --no-package-lock --prefix .venv/npm "${missing[@]}" >&2
}

bring_debs() {
    local folder=$1 name missing=()
    shift
    mkdir -p "$folder"
    for name in "$@"; do
        compgen -G "$folder/${name}_*.deb" >/dev/null || missing+=("$name")
    done
    [ ${#missing[@]} -eq 0 ] || (cd "$folder" && say "downloading ${missing[*]}" && apt-get download -qq "${missing[@]}" >&2)
}

case "${1:-}" in
    uv) bring_uv ;;
    debian) shift; bring_debian "$@" ;;
    npm) shift; bring_npm "$@" ;;
    debs) shift; bring_debs "$@" ;;
    *) say "usage: bootstrap.sh uv | npm PACKAGE@VERSION... | debian COMMAND[=PACKAGE]|=PACKAGE... | debs FOLDER PACKAGE..."; exit 2 ;;
esac
