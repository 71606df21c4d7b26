# What the scripts install on Debian 12; sourced, not run. Says nothing about what is already there.

# To build and to run.
BUILD_PACKAGES=(
    ca-certificates gcc libc6-dev pkg-config
    libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev
    gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad
    gstreamer1.0-plugins-ugly gstreamer1.0-libav
)

# The players, recorders and cameras of the test suites, none of them ours.
TEST_PACKAGES=(
    ffmpeg vlc-bin vlc-plugin-base gstreamer1.0-tools glib-networking motion
    gir1.2-gst-rtsp-server-1.0 python3-gi python3-venv curl iproute2
    nftables procps tcpdump
)

# libFuzzer is C++.
FUZZ_PACKAGES=(g++)

# The peer that benchmarks compare with is built from C.
BENCH_PACKAGES=(libgstrtspserver-1.0-dev)

# Installs those of the named packages that are missing.
need_packages() {
    local missing=() package
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed \
            || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return
    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || {
            echo "missing packages, and neither root nor sudo to install them: ${missing[*]}" >&2
            return 1
        }
        as_root=(sudo)
    fi
    echo "installing: ${missing[*]}"
    "${as_root[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq \
        --no-install-recommends "${missing[@]}" >/dev/null
}

# Readers that come from PyPI, in a folder of their own beside the build. Debian's Python: the list has the
# files for that one.
need_python_clients() {
    local folder="${CARGO_TARGET_DIR:-target}/python-clients" list=tests/python-clients.txt
    cmp -s "$list" "$folder/installed.txt" && return
    echo "installing: what $list names"
    rm -rf "$folder"
    /usr/bin/python3 -m venv "$folder" \
        && "$folder/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: \
            --require-hashes -r "$list" \
        && cp "$list" "$folder/installed.txt" \
        || { rm -rf "$folder"; return 1; }
}

# Stops where there is no Rust, naming the way to get it.
need_rust() {
    command -v cargo >/dev/null || {
        echo "Rust is missing: see https://rustup.rs (1.92 or later)" >&2
        return 1
    }
}
