#!/bin/sh
# The shared library has its name with the major version, stays loaded once loaded, and needs no
# Vulkan loader to be loaded. Usage: dynamic_section.sh LIBRARY SONAME
set -eu
section=$(readelf -dW "$1")

expect() { echo "$section" | grep -qE "$1" || { echo "no line with: $1"; echo "$section"; exit 1; }; }
expect "\(SONAME\).*\[$2\]"
expect '\(FLAGS_1\).* NODELETE'
if echo "$section" | grep -E '\(NEEDED\).*vulkan'; then
    echo "the Vulkan loader must be opened at run time"
    exit 1
fi
