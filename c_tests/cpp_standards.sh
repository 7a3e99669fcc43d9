#!/bin/sh
# Compiles a test of ctm.hpp as each standard of C++ with each compiler, with and without exceptions, and runs it on the
# CPU: cpp_standards.sh SOURCE INCLUDE_FOLDER GOLDEN_CASE LIBRARY...
set -eu
source=$1
include=$2
golden=$3
shift 3
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

for library in "$@"; do
    case $library in */libctm.so*) folder=$(dirname "$library") ;; esac
done
for compiler in g++ clang++; do
    for standard in 11 14 17 20; do
        for exceptions in "" -fno-exceptions -DCTM_NO_EXCEPTIONS; do
            # No exceptions without the definition and the definition with exceptions, each in half of the standards.
            case $standard$exceptions in 1[14]-D* | 17-f* | 20-f*) continue ;; esac
            echo "$compiler -std=c++$standard $exceptions"
            # shellcheck disable=SC2086
            "$compiler" -std=c++$standard $exceptions -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror \
                -I"$include" "$source" "$@" -Wl,-rpath,"$folder" -lm -o "$scratch/test"
            "$scratch/test" cpu "$golden"
        done
    done
done
