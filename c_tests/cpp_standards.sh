#!/bin/sh
# Compiles cpp.cpp as each standard of C++ with each compiler, with and without exceptions, and runs it on the CPU:
# cpp_standards.sh INCLUDE_FOLDER LIBRARY GOLDEN_CASE.
set -eu
source=$(dirname "$0")/cpp.cpp
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

for compiler in g++ clang++; do
    for standard in 11 14 17 20; do
        for exceptions in "" -fno-exceptions -DCTM_NO_EXCEPTIONS; do
            # No exceptions without the definition and the definition with exceptions, each in half of the standards.
            case $standard$exceptions in 1[14]-D* | 17-f* | 20-f*) continue ;; esac
            echo "$compiler -std=c++$standard $exceptions"
            # shellcheck disable=SC2086
            "$compiler" -std=c++$standard $exceptions -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror \
                -I"$1" "$source" "$2" -Wl,-rpath,"$(dirname "$2")" -o "$scratch/cpp"
            "$scratch/cpp" cpu "$3"
        done
    done
done
