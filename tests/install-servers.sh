#!/usr/bin/env bash
# Sees to it that the tests find PostgreSQL, Redis, Nginx and curl: installs what is missing on
# Debian and Ubuntu when it may, otherwise says precisely what to install.
set -euo pipefail

missing=()
has() { command -v "$1" >/dev/null 2>&1; }
has_postgres() { has initdb || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; }

has_postgres || missing+=(postgresql)
has redis-server || missing+=(redis-server)
has nginx || [ -x /usr/sbin/nginx ] || missing+=(nginx-light)
has curl || missing+=(curl)
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if has sudo && sudo -n true 2>/dev/null; then
        as_root=(sudo -n)
    else
        as_root=(false)
    fi
fi

install="apt-get install --no-install-recommends ${missing[*]}"
if has apt-get && [ "${as_root[0]:-}" != false ]; then
    printf 'installing what the tests need: %s\n' "${missing[*]}"
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
    exit 0
fi
printf 'the tests need these, and may not install them: %s\n' "${missing[*]}" >&2
printf 'on Debian or Ubuntu: sudo %s\n' "$install" >&2
exit 1
