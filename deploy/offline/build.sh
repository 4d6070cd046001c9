#!/usr/bin/env bash
# Makes every image that `docker compose up` needs, without a registry: of Debian packages, and of Python packages that
# pip finds. Each gets the name that docker-compose.yml has for it; `docker save` takes them to other machines.
#   deploy/offline/build.sh
# Needs root, a running Docker engine, pip, and: apt-get install debootstrap
set -euo pipefail
cd "$(dirname "$0")/../.."

default() { # the image that docker-compose.yml names where this variable is not set
  grep -oE "\\$\\{$1:-[^}]+" docker-compose.yml deploy/sandbox/compose.yml | head -n 1 | sed 's/.*:-//'
}
name() { printf '%s' "${!1:-$(default "$1")}"; }

base=${REWARD_BASE:-debian-local:bookworm}
docker image inspect "$base" >/dev/null 2>&1 || deploy/offline/base-image.sh "$base"

deploy/offline/packages-image.sh "$(name BALANCER_IMAGE)" "$base" haproxy wget
deploy/offline/packages-image.sh "$(name REDIS_IMAGE)" "$base" redis-server
deploy/offline/packages-image.sh "$(name PROMETHEUS_IMAGE)" "$base" prometheus

pip download --quiet --require-hashes --requirement requirements/server.lock --dest deploy/service/wheels \
  --only-binary=:all: --implementation=cp --python-version=3.11
docker build --quiet --network=host --build-arg BASE="$base" --tag "$(name REWARD_IMAGE)" -f deploy/service/Dockerfile .
docker build --quiet --network=host --build-arg BASE="$base" --tag "$(name SANDBOX_IMAGE)" sandboxes
