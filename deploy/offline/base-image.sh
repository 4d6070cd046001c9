#!/usr/bin/env bash
# Makes a Debian base image without a registry, from the package mirror that this machine's apt uses.
#   deploy/offline/base-image.sh [TAG]          TAG defaults to debian-local:bookworm
# Needs root, a running Docker engine, and: apt-get install debootstrap
set -euo pipefail

tag=${1:-debian-local:bookworm}
suite=bookworm
sources() { # one line per suite of this Debian release that apt knows here, its security updates too
  apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 'Origin: Debian' |
    grep -E " $suite(-(updates|security))? main$" | sort -u || true
}
lines=$(sources)
mirror=$(awk -v suite="$suite" '$3 == suite { print $2; exit }' <<<"$lines")

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
debootstrap --variant=minbase "$suite" "$root" ${mirror:+"$mirror"} >"$root.log" || { tail -n 20 "$root.log"; exit 1; }
rm -f "$root.log"
[[ -z $lines ]] || echo "$lines" >"$root/etc/apt/sources.list"
tar -C "$root" --exclude='./var/cache/apt/archives/*.deb' --exclude='./var/lib/apt/lists/*' -c . |
  docker import --change 'CMD ["bash"]' - "$tag"
