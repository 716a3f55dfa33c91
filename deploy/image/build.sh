#!/bin/sh
# Builds the image, and pushes it where the first argument is `push`: see docs/operate/image.md.
set -eu
cd "$(dirname "$0")/../.."
VARIANT=${VARIANT:-engine}
VERSION=$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml)
suffix=""
[ "$VARIANT" = engine ] || suffix="-$VARIANT"
image=${REGISTRY:+${REGISTRY%/}/}lynceus:${TAG:-$VERSION}$suffix
base=${BASE:-$(cat deploy/image/base)}

# One that is here and works: a docker without its daemon does not.
works() { command -v "$1" >/dev/null && "$1" info >/dev/null 2>&1; }
if [ -z "${ENGINE:-}" ]; then
  for candidate in docker podman buildah; do
    if works "$candidate"; then ENGINE=$candidate; break; fi
  done
fi
case "${ENGINE:-}" in
  docker | podman | buildah) ;;
  "") echo "make image needs docker (with its daemon), podman or buildah; none of them works here" >&2; exit 2 ;;
  *) echo "ENGINE=$ENGINE: expected docker, podman or buildah" >&2; exit 2 ;;
esac

if [ "${1:-}" = push ]; then
  [ -n "${REGISTRY:-}" ] || { echo "make image-push needs REGISTRY, like REGISTRY=registry.corp/observability" >&2; exit 2; }
  exec "$ENGINE" push "$image"
fi

# A tag moves, a digest does not: what is built is the one that the tag names now, or the one that deploy/image/base names.
case "$base" in
  *@sha256:*) ;;
  *)
    "$ENGINE" pull "$base" >/dev/null
    name=${base%:*}
    case "${base##*:}" in */*) name=$base ;; esac # the colon was that of a port
    if [ "$ENGINE" = buildah ]; then
      digest=$(buildah inspect --type image --format '{{.FromImageDigest}}' "$base")
    else
      digest=$("$ENGINE" image inspect --format '{{index .RepoDigests 0}}' "$base")
      digest=${digest#*@}
    fi
    case "$digest" in sha256:*) ;; *) echo "$base has no digest: $ENGINE says ${digest:-nothing}" >&2; exit 1 ;; esac
    base=$name@$digest
    echo "base image: $base (write this into deploy/image/base to build on the same one again)" >&2
    ;;
esac

set -- --file deploy/Dockerfile --tag "$image" --build-arg "BASE=$base" --build-arg "VARIANT=$VARIANT" \
  --build-arg "VERSION=$VERSION" --build-arg "REVISION=${REVISION:-$(git rev-parse HEAD 2>/dev/null || echo unknown)}"
[ -z "${PIP_INDEX_URL:-}" ] || set -- "$@" --build-arg "PIP_INDEX_URL=$PIP_INDEX_URL"
[ -z "${DEBIAN_MIRROR:-}" ] || set -- "$@" --build-arg "DEBIAN_MIRROR=$DEBIAN_MIRROR"
# OCI's own format has no place for HEALTHCHECK.
[ "$ENGINE" = docker ] || set -- --format docker "$@"
"$ENGINE" build "$@" .
echo "$image"
