#!/bin/bash
# Installs the real POP3 servers and clients that the tests of this folder need, from Debian's archive.
# Needs root, or sudo. Quick when everything is there. Starts no service and leaves none running.
# Servers that conflict with an installed one, and what runs them without root's files, are only unpacked,
# one folder per package, into $POP3_TEST_CACHE (by default a folder of the user's cache); the tests look there.
set -eu

# Installed like any other package: add the programs of new tests here.
installed=(
  dovecot-core dovecot-pop3d
  fetchmail getmail6 mpop curl python3 perl libauthen-sasl-perl
  openssl openssh-client socat gnutls-bin sslscan mutt neomutt bsdutils
  mandoc man-db
  rsyslog fail2ban
  systemd libevent-2.1-7 libtirpc3 libwrap0
  debootstrap iproute2
  util-linux python3-certbot
  libclamav12
  haproxy nginx libnginx-mod-mail libnginx-mod-stream
  chromium
  lintian buildah zsh fish
)

# Only unpacked, never configured.
unpacked=(
  popa3d solid-pop3d liblockfile1
  libnss-wrapper libpam-wrapper libuid-wrapper
  openbsd-inetd xinetd openssh-server
  certbot pebble python3-seccomp
  postfix exim4-daemon-light exim4-config
  clamav-daemon
  prometheus
)

cache=${POP3_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pop3.proxy-test}

missing=()
for package in "${installed[@]}"; do
  dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
absent=()
for package in "${unpacked[@]}"; do
  [ -d "$cache/$package" ] || absent+=("$package")
done
# The root directory of a machine that has nothing but its manual pages' reader and what Node needs.
machine=$cache/machine
# One that has all that our Debian package and image need, of a Debian whose Node is new enough.
trixie=$cache/trixie
[ $((${#missing[@]} + ${#absent[@]})) -gt 0 ] || [ ! -d "$machine" ] || [ ! -d "$trixie" ] || exit 0

root=()
[ "$(id -u)" = 0 ] || root=(sudo)
apt=("${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq)
"${apt[@]}" update

scratch=$(mktemp -d)
guard=
finish() {
  "${root[@]}" rm -rf "$scratch"
  [ -z "$guard" ] || "${root[@]}" rm -f "$guard"
}
trap finish EXIT

if [ ${#missing[@]} -gt 0 ]; then
  # Exit 101 of this script means: no service may be started now.
  if [ ! -e /usr/sbin/policy-rc.d ]; then
    guard=/usr/sbin/policy-rc.d
    printf '#!/bin/sh\nexit 101\n' | "${root[@]}" tee "$guard" >/dev/null
    "${root[@]}" chmod 755 "$guard"
  fi
  "${apt[@]}" install --yes --no-install-recommends "${missing[@]}"
fi

mkdir -p "$cache"
for package in "${absent[@]}"; do
  (cd "$scratch" && apt-get -qq -o APT::Sandbox::User=root download "$package")
  dpkg -x "$scratch/$package"_*.deb "$scratch/$package"
  mv "$scratch/$package" "$cache/$package"
done

# Makes a root directory. $1: where; $2: the suite; $3: packages.
bootstrap() {
  [ ! -d "$1" ] || return 0
  mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | head -n 1)
  "${root[@]}" debootstrap --variant=minbase --include="$3" "$2" "$scratch/root" "$mirror" >/dev/null
  # What makes copies slow.
  "${root[@]}" find "$scratch/root/var/cache/apt/archives" "$scratch/root/var/lib/apt/lists" "$scratch/root/usr/share/locale" \
    -type f -delete
  "${root[@]}" mv "$scratch/root" "$1"
}
bootstrap "$machine" "$(. /etc/os-release && echo "$VERSION_CODENAME")" man-db,ca-certificates,libstdc++6
bootstrap "$trixie" trixie ca-certificates,nodejs,systemd,tini
