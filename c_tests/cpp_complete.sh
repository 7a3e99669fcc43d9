#!/bin/sh
# ctm.hpp has a face for all that ctm.h declares: it calls each function, and its code names each struct.
# Usage: cpp_complete.sh CTM_H CTM_HPP
set -eu
code=$(sed -E '/^ *(\/\*|\*|\/\/)/d; s/ \/\/ .*//' "$2") # Without the comments.
calls=$(echo "$code" | grep -oE '\bctm_[a-z0-9_]+\(')
names=$(echo "$code" | grep -oE '\bctm_[a-z0-9_]+')
functions=$(grep -oE '\bctm_[a-z0-9_]+\(' "$1" | sort -u)
structs=$(grep -oE '^typedef struct ctm_[a-z0-9_]+' "$1" | sed 's/.* //')
[ -n "$functions" ] && [ -n "$structs" ] || { echo "$1 declares nothing"; exit 1; }

failed=0
for function in $functions; do
    echo "$calls" | grep -qxF "$function" || { echo "$2 does not call $function)"; failed=1; }
done
for struct in $structs; do
    echo "$names" | grep -qxF "$struct" || { echo "$2 has no $struct"; failed=1; }
done
exit $failed
