#!/usr/bin/env bash
# `ctm devices --check` tells devices that work from those that do not: devices_check.sh CTM WORKS, to be run where
# WORKS (yes or no) says whether the two software drivers do what they are told.
set -euo pipefail

code=0
text=$("$1" devices --check 2>&1) || code=$?
printf '%s\n' "$text"
passed=$(grep -c ' passed ' <<<"$text" || true)
failed=$(grep -c ' FAILED ' <<<"$text" || true)
if [ "$2" = yes ]; then
    [ "$code $passed $failed" = "0 3 0" ]
else
    [ "$code $passed $failed" = "1 1 2" ]
    [ "$(grep -c 'self-test' <<<"$text")" = 2 ]
    grep -q 'ctm: error: 2 of 3 devices failed the check' <<<"$text"
fi
