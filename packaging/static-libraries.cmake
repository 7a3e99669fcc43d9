# What a program that links libctm.a needs beside it, in this order: what
# `cargo rustc --lib --crate-type staticlib -- --print native-static-libs` names.
set(CTM_STATIC_LIBRARIES gcc_s util rt pthread m dl c)
