#!/bin/sh
# Fetch the real servers the tests speak to, and the browser they look at pages with, as Debian packages, and unpack them into the
# folder given (.servers).
#
# Nothing is installed and no root is needed: apt keeps its lists and archives in that folder too. Packages that conflict as
# installations (vsftpd and proftpd-core) stand side by side there. Of their dependencies only the shared libraries are
# fetched that this machine lacks. Always ends well: where apt is missing or offline it says loudly which tests will be
# skipped, leaves no stamp, and the next `make test` tries again; where CI=true a skipped test fails the run anyway.
set -u

folder=${1:?usage: fetch_debian.sh FOLDER}

give_up() {
    printf '%s\n' '' '************************************************************************' \
        "  NO REAL FTP AND SSH SERVERS: $1" \
        '  The tests against vsftpd, proftpd and OpenSSH will be SKIPPED, unless' \
        '  they were fetched before or this machine has them installed.' \
        '************************************************************************' '' >&2
    exit 0
}

command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || give_up 'this machine has no apt-get (Debian, Ubuntu).'

mkdir -p "$folder" && folder=$(cd "$folder" && pwd) || give_up "the folder $folder cannot be made."
apt="$folder/apt"
rm -rf "$folder/.stamp" "$apt"
mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/debs" || give_up "no room in $folder."

# A lock would need root, and the folder is ours alone; so would the switch to apt's own user.
ask() {
    apt-get -qq -o "Dir::State::Lists=$apt/lists" -o "Dir::Cache=$apt/cache" -o "APT::Sandbox::User=$(id -un)" \
        -o Debug::NoLocking=true -o Acquire::Retries=2 -o Acquire::http::Timeout=20 "$@"
}

# One repository of many that cannot be reached is a warning; whether ours can be shows in the download.
ask update || echo 'apt-get update: not every package list could be fetched' >&2

# What a group needs is asked of an empty machine, so that neither packages it conflicts with nor a half-configured dpkg are in
# the way; then only the libraries are kept, and only those this machine lacks.
missing_libraries() {
    ask -o Dir::State::status=/dev/null install --simulate --no-install-recommends "$@" | sed -n 's/^Inst \(lib[^ ]*\) .*/\1/p' |
        while read -r library; do
            case $library in libc6 | libperl* | *-perl) continue ;; esac
            case $(dpkg-query --show --showformat='${db:Status-Status} ' "$library" 2>/dev/null) in *installed\ *) continue ;; esac
            echo "$library"
        done
}

servers='vsftpd proftpd-core proftpd-mod-crypto openssh-server openssh-sftp-server'
wanted=$({
    printf '%s\n' $servers
    missing_libraries vsftpd
    missing_libraries proftpd-core proftpd-mod-crypto
    missing_libraries openssh-server
} | sort -u)
(cd "$apt/debs" && ask download $wanted) || give_up 'the packages cannot be downloaded (see above).'
# A system without a Chromium of its own (Ubuntu's is no package) still has its servers.
browser='chromium-headless-shell chromium-common fonts-dejavu-core'
wanted_browser=$({
    printf '%s\n' $browser
    missing_libraries $browser
} | sort -u)
(cd "$apt/debs" && ask download $wanted_browser) || {
    printf '%s\n' '' '************************************************************************' \
        '  NO BROWSER: Chromium cannot be downloaded (see above).' \
        '  The tests of the dashboard will be SKIPPED, unless this machine has one.' \
        '************************************************************************' '' >&2
    wanted_browser=
}
rm -rf "$folder/root"
mkdir "$folder/root"
for deb in "$apt"/debs/*.deb; do
    dpkg-deb --extract "$deb" "$folder/root" || give_up "$deb cannot be unpacked."
done
rm -rf "$apt"
touch "$folder/.stamp"
echo "real servers and a browser for the tests are in $folder:" $wanted $wanted_browser
