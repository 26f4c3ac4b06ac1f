#!/bin/sh
# Installs what Guardian needs from the system's packages and is missing: python3-venv and mosquitto.
set -eu
python=$1
missing=""
if ! command -v "$python" >/dev/null 2>&1; then
  missing="python3.11 python3-venv"
elif ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
  missing="python3-venv"
fi
command -v mosquitto >/dev/null 2>&1 || [ -x /usr/sbin/mosquitto ] || missing="$missing mosquitto"
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then sudo=""
elif sudo -n true 2>/dev/null; then sudo="sudo"
else
  echo "guardian: missing system packages; please run: sudo apt-get install$(printf ' %s' $missing)" >&2
  exit 1
fi
echo "guardian: installing$(printf ' %s' $missing)"
$sudo apt-get update -qq
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null
