#!/bin/sh
# The environment of the image. deploy/Dockerfile runs this, and so do `make sbom` and `make test-image`.
#   sh deploy/image/install.sh VARIANT FOLDER      from the root of a checkout; VARIANT is engine or server
set -eu
variant=$1
folder=$2
case "$variant" in
  engine) lock=requirements.lock ;;
  server) lock=requirements-server.lock ;;
  *) echo "VARIANT=$variant: expected engine (with the embedded store) or server (for store.url)" >&2; exit 2 ;;
esac
python=${PYTHON:-python3}
pip="$python -m pip --disable-pip-version-check --python"
# A lock is whole: nothing is resolved, and every file is compared with its hash.
locked="install --quiet --no-deps --require-hashes -r"

"$python" -m venv --without-pip "$folder"
$pip "$folder/bin/python" $locked "$lock"
$pip "$folder/bin/python" install --quiet --no-deps --no-build-isolation .
"$python" deploy/image/trim.py "$folder"

# What is in it, for scanners: by a tool that stays outside.
"$python" -m venv --without-pip "$folder.sbom"
$pip "$folder.sbom/bin/python" $locked deploy/image/sbom.lock
mkdir -p "$folder/share"
"$folder.sbom/bin/cyclonedx-py" environment --output-reproducible --pyproject pyproject.toml \
  --output-format JSON --output-file "$folder/share/lynceus.cdx.json" "$folder/bin/python"
rm -r "$folder.sbom"
