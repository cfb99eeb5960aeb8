# What install and uninstall share: where things are, and how an error is told.
# shellcheck shell=bash disable=SC2034

PREFIX="${PREFIX:-/opt/chiplink}"
DESTDIR="${DESTDIR:-}"
DESTDIR="${DESTDIR%/}"
[ "$PREFIX" = / ] || PREFIX="${PREFIX%/}"
ACCOUNT=chiplink
STATE=/var/lib/chiplink
CONFIGURATION=/etc/chiplink
UNIT=/etc/systemd/system/chiplink.service
RULES=/etc/udev/rules.d/60-chiplink.rules
COMMAND=/usr/local/bin/chiplink
FULL_NAME="chiplink bridge"

say() { echo "$NAME: $*"; }
fail() {
  echo "$NAME: $*" >&2
  exit 1
}

check_places() {
  case "$PREFIX" in
    / | /*..* | *[!A-Za-z0-9/._+-]*) fail "PREFIX=$PREFIX cannot be used; take a folder like /opt/chiplink" ;;
    /home/* | /root | /root/* | /tmp/* | /run/user/*)
      fail "PREFIX=$PREFIX is hidden from services; take a folder like /opt/chiplink" ;;
    /*) ;;
    *) fail "PREFIX=$PREFIX must begin with /" ;;
  esac
  case "$DESTDIR" in
    "" | /*) ;;
    *) fail "DESTDIR=$DESTDIR must begin with /" ;;
  esac
  if [ -z "$DESTDIR" ] && [ "$(id -u)" != 0 ]; then
    fail "needs root: sudo make $NAME (or DESTDIR=… to put it into another tree)"
  fi
}

systemd_runs() { [ -z "$DESTDIR" ] && [ -d /run/systemd/system ] && command -v systemctl >/dev/null; }
udev_runs() { [ -z "$DESTDIR" ] && [ -S /run/udev/control ] && command -v udevadm >/dev/null; }
reload_udev() {
  udev_runs || return 0
  udevadm control --reload || true
  udevadm trigger --action=change --subsystem-match=tty || true
}
