#!/usr/bin/env bash
# Builds the libraries for C and C++ and puts them under a prefix:
#
#     ringlog-std/c/install.sh PREFIX
#
# PREFIX/include          ringlog.h, ringlog.hpp
# PREFIX/lib              libringlog.a, libringlog.so, libringlog_core.a
# PREFIX/lib/pkgconfig    ringlog.pc, ringlog-core.pc
# PREFIX/lib/cmake        find_package(ringlog): ringlog::ringlog, ringlog::static, ringlog::core
#
# The installed files find each other by relative paths, so that the whole prefix can be moved.
set -euo pipefail
[[ $# == 1 && $1 != -* ]] || { echo "usage: ringlog-std/c/install.sh PREFIX" >&2; exit 2; }
mkdir -p "$1"
prefix=$(cd "$1" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
# Before 1.0 a change of the second number may change what programs are linked against.
soname=libringlog.so.${version%.*}
built=${CARGO_TARGET_DIR:-target}/c

cargo rustc --profile c --crate-type staticlib --features panic-handler -p ringlog-c-core
cargo rustc --profile c --crate-type staticlib,cdylib -p ringlog-c -- -C "link-arg=-Wl,-soname,$soname"

install -d "$prefix"/{include,lib/pkgconfig,lib/cmake/ringlog}
install -m 644 ringlog-std/c/include/ringlog.{h,hpp} "$prefix/include"
install -m 644 "$built/libringlog_core.a" "$prefix/lib/libringlog_core.a"
install -m 644 "$built/libringlog_c.a" "$prefix/lib/libringlog.a"
install -m 755 "$built/libringlog_c.so" "$prefix/lib/libringlog.so.$version"
ln -sf "libringlog.so.$version" "$prefix/lib/$soname"
ln -sf "$soname" "$prefix/lib/libringlog.so"

for name in ringlog ringlog-core; do
    sed "s/@version@/$version/" "ringlog-std/c/packaging/$name.pc" >"$prefix/lib/pkgconfig/$name.pc"
done
for name in ringlog-config.cmake ringlog-config-version.cmake; do
    sed "s/@version@/$version/; s/@soname@/$soname/" "ringlog-std/c/packaging/$name" >"$prefix/lib/cmake/ringlog/$name"
done
echo "ringlog $version for C and C++ is in $prefix"
