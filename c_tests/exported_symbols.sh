#!/bin/sh
# Every exported symbol starts with ctm_, and every function of the header is exported.
# Usage: exported_symbols.sh LIBRARY HEADER
set -eu
library=$1
header=$2

exported=$(nm -D --defined-only "$library" | awk '{ print $NF }' | sort -u)
declared=$(grep -oE '\bctm_[a-z0-9_]+\(' "$header" | tr -d '(' | sort -u)
[ -n "$declared" ] || { echo "no function found in $header"; exit 1; }

failed=0
for symbol in $exported; do
    case $symbol in
    ctm_*) ;;
    *) echo "$symbol is exported and lacks the prefix ctm_"; failed=1 ;;
    esac
done
for function in $declared; do
    echo "$exported" | grep -qx "$function" || { echo "$function is in the header and not exported"; failed=1; }
done
for symbol in $exported; do
    echo "$declared" | grep -qx "$symbol" || { echo "$symbol is exported and not in the header"; failed=1; }
done
exit $failed
