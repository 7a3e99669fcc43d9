#!/bin/sh
# ctm.hpp has a face for all that ctm.h declares: it calls each function, and its code names each struct. In place of a
# ctm_…_init function it names the macro, which C++ can see.
# Usage: cpp_complete.sh CTM_H CTM_HPP
set -eu
code=$(sed -E '/^ *(\/\*|\*|\/\/)/d; s/ \/\/ .*//' "$2") # Without the comments.
calls=$(echo "$code" | grep -oE '\bctm_[a-z0-9_]+\(')
names=$(echo "$code" | grep -oE '\b(ctm|CTM)_[A-Za-z0-9_]+')
functions=$(grep -oE '\bctm_[a-z0-9_]+\(' "$1" | sort -u)
structs=$(grep -oE '^(typedef )?struct ctm_[a-z0-9_]+' "$1" | sed 's/.* //')
[ -n "$functions" ] && [ -n "$structs" ] || { echo "$1 declares nothing"; exit 1; }

failed=0
for function in $functions; do
    case $function in
    *_init\()
        macro=$(echo "$function" | tr -d '(' | tr a-z A-Z)
        echo "$names" | grep -qxF "$macro" || { echo "$2 does not use $macro"; failed=1; }
        continue
        ;;
    esac
    echo "$calls" | grep -qxF "$function" || { echo "$2 does not call $function)"; failed=1; }
done
for struct in $structs; do
    echo "$names" | grep -qxF "$struct" || { echo "$2 has no $struct"; failed=1; }
done
exit $failed
