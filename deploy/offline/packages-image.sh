#!/usr/bin/env bash
# Makes an image of Debian packages, to stand for one of a registry that cannot be reached.
#   deploy/offline/packages-image.sh TAG BASE PACKAGE...
# A volume of Prometheus takes its owner from the folder that it is mounted over.
# Needs a running Docker engine, and a package mirror that BASE knows.
set -euo pipefail

tag=$1 base=$2
shift 2
docker build --quiet --network=host --tag "$tag" - <<END
FROM $base
RUN apt-get update \\
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $* \\
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* \\
 && install -d -o nobody -g nogroup /prometheus
END
