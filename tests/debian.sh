#!/bin/sh
# Installs what the tests need of Debian's packages, only what is missing, and starts no daemon.
set -eu
missing=""
command -v promtool >/dev/null && command -v prometheus >/dev/null || missing="$missing prometheus"
command -v prometheus-alertmanager >/dev/null || missing="$missing prometheus-alertmanager"
command -v chromium >/dev/null || missing="$missing chromium"
# Without a font that has Chinese, a page in Chinese is drawn as boxes; this one is 1.6 MB.
fc-list :lang=zh 2>/dev/null | grep -q . || missing="$missing fontconfig fonts-wqy-microhei"
command -v chromedriver >/dev/null || missing="$missing chromium-driver"
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "The tests need these Debian packages:$missing; install them (not root, or no apt-get here)" >&2
  exit 2
fi
echo "installing$missing"
# A package that starts its daemon would take the ports that tests choose: forbid it for the time of the install.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  printf '#!/bin/sh\nexit 101\n' > $policy
  chmod 755 $policy
  trap 'rm -f $policy' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086  # the list is meant to be split
apt-get install -y -qq --no-install-recommends $missing >/dev/null
