#!/usr/bin/env bash
# Installs the programs beside Python that some tests use, where that can be done without asking: as root, with apt.
# Anywhere else it says which tests will be skipped. It never fails: those tests skip themselves.
set -uo pipefail

PACKAGES="jackd2 fluidsynth timgm6mb-soundfont qemu-user g++-aarch64-linux-gnu libc6-dev-arm64-cross chromium haproxy iproute2"

complete() {
    command -v jackd >/dev/null && command -v fluidsynth >/dev/null && [ -e /usr/share/sounds/sf2/TimGM6mb.sf2 ] &&
        command -v qemu-aarch64 >/dev/null && command -v aarch64-linux-gnu-g++ >/dev/null &&
        command -v chromium >/dev/null && command -v haproxy >/dev/null && command -v ip >/dev/null
}

install() {
    export DEBIAN_FRONTEND=noninteractive
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null &&
        apt-get -qq update && apt-get -qq install -y --no-install-recommends $PACKAGES >/dev/null
}

complete || install || true
complete || echo "skipped: tests of real MIDI ports, of rendered sound, of the ARM kernels, of Ableton Link and of the studio, which need the packages $PACKAGES"
