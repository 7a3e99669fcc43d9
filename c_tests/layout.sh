#!/bin/sh
# The table of docs/ffi.md has what the C compiler says: the size of each struct of ctm.h and the offset of each field.
# (A test of the library checks that no struct and no field is missing.) Usage: layout.sh COMPILER FFI_MD INCLUDE_FOLDER
set -eu
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

{
    printf '#include <ctm.h>\n#include <stdio.h>\nint main(void)\n{\n    int wrong = 0;\n'
    sed -n '/<!-- layout: begin -->/,/<!-- layout: end -->/p' "$2" | awk -F'[`|]' '
        function check(what, number) {
            gsub(/ /, "", number)
            printf "    if (%s != %s) { printf(\"%s is %%zu; the table says %s\\n\", %s); wrong = 1; }\n", what, number, what, number, what
            checks++
        }
        /^`ctm_/ { struct = $2; sub(/^: /, "", $3); sub(/ bytes$/, "", $3); check("sizeof(" struct ")", $3) }
        /^\| [0-9]+ \| `/ {
            field = $4
            if (field ~ /\(\*/) { sub(/.*\(\*/, "", field); sub(/\).*/, "", field) }
            else { sub(/\[.*/, "", field); sub(/.*[ *]/, "", field) }
            check("offsetof(" struct ", " field ")", $2)
        }
        END { if (checks < 100) { print "#error the table was not understood" } }'
    printf '    return wrong;\n}\n'
} >"$scratch/layout.c"
"$1" -std=c99 -Wall -Wextra -Werror -I"$3" "$scratch/layout.c" -o "$scratch/layout"
"$scratch/layout"
