#!/bin/sh
# Makes ready what the slow tests talk to: Chromium and the tools of the build from the system's
# packages, a Debian with systemd for a container (as root only), Prism, Zigbee2MQTT and axe-core from npm where Node is installed
# (tests of what is not here are left out), promtool (two minutes) and a real InfluxDB 2.7 (about five minutes) built from source,
# once. All are kept outside the tree.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/guardian-care
influxd=$cache/influxd-2.7.12
prism=$cache/prism-5.16.0
zigbee2mqtt=$cache/zigbee2mqtt-2.14.1
axe=$cache/axe-4.14.1
promtool=$cache/promtool-0.53.4
machine=$cache/bookworm-systemd

install_packages() {
  if [ "$(id -u)" = 0 ]; then sudo=""
  elif sudo -n true 2>/dev/null; then sudo="sudo"
  else
    echo "guardian: missing system packages; please run: sudo apt-get install $*" >&2
    exit 1
  fi
  echo "guardian: installing $*"
  $sudo apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

missing=""
[ -x /usr/bin/chromium ] || missing="$missing chromium"
fc-list :lang=zh 2>/dev/null | grep -q . || missing="$missing fonts-noto-cjk fontconfig"
command -v systemd-analyze >/dev/null 2>&1 || missing="$missing systemd"
if [ "$(id -u)" = 0 ]; then
  command -v systemd-nspawn >/dev/null 2>&1 || missing="$missing systemd-container"
  [ -d "$machine" ] || command -v mmdebstrap >/dev/null 2>&1 || missing="$missing mmdebstrap"
fi
if [ ! -x "$influxd" ]; then
  command -v clang >/dev/null 2>&1 || missing="$missing clang"
  command -v protoc >/dev/null 2>&1 || missing="$missing protobuf-compiler"
  command -v pkg-config >/dev/null 2>&1 || missing="$missing pkg-config"
  command -v cc >/dev/null 2>&1 || missing="$missing build-essential"
fi
# shellcheck disable=SC2086  # a list of package names
[ -z "$missing" ] || install_packages $missing

if [ "$(id -u)" = 0 ] && [ ! -d "$machine" ]; then
  echo "guardian: making a Debian with systemd for the tests"
  rm -rf "$machine.new"
  mkdir -p "$cache"
  mmdebstrap --quiet --variant=minbase --include=systemd,systemd-sysv,dbus,python3,mosquitto bookworm "$machine.new"
  mv "$machine.new" "$machine"
fi
if [ ! -x "$prism/node_modules/.bin/prism" ] && command -v npm >/dev/null 2>&1; then
  echo "guardian: installing Prism 5.16.0 for the tests"
  rm -rf "$prism.new"
  mkdir -p "$prism.new"
  npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$prism.new" @stoplight/prism-cli@5.16.0
  rm -rf "$prism"
  mv "$prism.new" "$prism"
fi
if [ ! -f "$axe/node_modules/axe-core/axe.min.js" ] && command -v npm >/dev/null 2>&1; then
  echo "guardian: installing axe-core 4.14.1 for the tests"
  rm -rf "$axe.new"
  mkdir -p "$axe.new"
  npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$axe.new" axe-core@4.14.1
  rm -rf "$axe"
  mv "$axe.new" "$axe"
fi
if [ ! -d "$zigbee2mqtt/node_modules/zigbee2mqtt" ] && command -v npm >/dev/null 2>&1; then
  echo "guardian: installing Zigbee2MQTT 2.14.1 for the tests"
  rm -rf "$zigbee2mqtt.new"
  mkdir -p "$zigbee2mqtt.new"
  npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$zigbee2mqtt.new" zigbee2mqtt@2.14.1
  rm -rf "$zigbee2mqtt"
  mv "$zigbee2mqtt.new" "$zigbee2mqtt"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$cache"
if [ ! -x "$promtool" ]; then
  command -v go >/dev/null 2>&1 || {
    echo "guardian: the test of the alert rules needs go (Go 1.23 or newer)" >&2
    exit 1
  }
  echo "guardian: building promtool 0.53.4 for the tests, about two minutes, only once"
  mkdir "$work/promtool"
  cp "$here"/promtool/go.mod "$here"/promtool/go.sum "$here"/promtool/tools.go "$work/promtool"
  (cd "$work/promtool" && nice go build -mod=mod -trimpath -ldflags '-s -w' -o promtool github.com/prometheus/prometheus/cmd/promtool)
  mv "$work/promtool/promtool" "$promtool"
fi
[ ! -x "$influxd" ] || exit 0

for tool in go cargo; do
  command -v "$tool" >/dev/null 2>&1 || {
    echo "guardian: the test against a real InfluxDB needs $tool (Go 1.23 or newer, stable Rust)" >&2
    exit 1
  }
done
echo "guardian: building InfluxDB 2.7.12 for the tests, about five minutes, only once"
cp "$here"/influxd/go.mod "$here"/influxd/go.sum "$here"/influxd/tools.go "$here"/influxd/rustc-lenient "$work"
cd "$work"
GOBIN="$work/bin" go install github.com/influxdata/pkg-config@v0.2.14
# RUSTFLAGS would not reach the build scripts, a wrapper does.
PKG_CONFIG="$work/bin/pkg-config" RUSTUP_TOOLCHAIN=stable RUSTC_WRAPPER="$work/rustc-lenient" \
  nice go build -mod=mod -trimpath -tags 'sqlite_foreign_keys,sqlite_json' -ldflags '-s -w' \
  -o "$work/influxd" github.com/influxdata/influxdb/v2/cmd/influxd
"$work/influxd" version
mv "$work/influxd" "$influxd"
