#!/usr/bin/env bash
# The secrets of compose.yaml, made where they are missing; only the user of the containers can read them.
#   secrets.sh [UID]      the user the image was built with, by default 1000
set -euo pipefail
cd "$(dirname "$0")"
owner=${1:-1000}

umask 077
mkdir -p secrets
if [ ! -e secrets/ray_token ]; then
    head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n' > secrets/ray_token
fi
chmod 600 secrets/ray_token
if [ "$(stat -c %u secrets/ray_token)" -ne "$owner" ] && ! chown "$owner" secrets secrets/ray_token 2>/dev/null; then
    printf 'secrets/ray_token is not of user %s, as whom the containers run: sudo %s %s, or build the image with UID=%s\n' \
        "$owner" "$0" "$owner" "$(id -u)" >&2
    exit 1
fi
