"""Puts into the wheel what is not Python: libctm, and its interface as cffi reads it from include/ctm.h."""

from __future__ import annotations

import os
import re
import sys
import sysconfig
from pathlib import Path

from cffi import FFI
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

LIBRARY = {"darwin": "libctm.dylib", "win32": "ctm.dll"}.get(sys.platform, "libctm.so")


def declarations(header: str) -> str:
    """What cffi understands of the header: integer constants, types, functions."""
    code = re.sub(r"/\*.*?\*/|//[^\n]*", "", header, flags=re.DOTALL)
    code = re.sub(r"#ifdef __cplusplus\n.*?#endif", "", code, flags=re.DOTALL)
    number = re.compile(r"#define CTM_\w+ -?(?:0[xX])?[0-9a-fA-F]+[uUlL]*\s*$")
    lines = [line for line in code.splitlines() if not line.startswith("#") or number.match(line)]
    return "\n".join(line for line in lines if line.strip())


def write_abi(header: Path, target: Path) -> None:
    """Writes the module ctm._abi, so that neither the header nor a C parser is needed where the wheel is used."""
    text = header.read_text(encoding="utf-8")
    version = re.search(r'#define CTM_VERSION "([^"]+)"', text)
    if version is None:
        raise RuntimeError(f"{header} has no CTM_VERSION")
    ffi = FFI()
    ffi.cdef(declarations(text))
    ffi.set_source("ctm._abi", None)
    target.parent.mkdir(parents=True, exist_ok=True)
    ffi.emit_python_code(str(target))
    with target.open("a", encoding="utf-8") as file:
        file.write(f'\nHEADER_VERSION = "{version.group(1)}"\n')


class LibraryHook(BuildHookInterface):  # type: ignore[type-arg]
    """Called by hatchling before it packs the wheel."""

    def initialize(self, version: str, build_data: dict[str, object]) -> None:
        repository = Path(self.root).parents[1]
        folder = Path(os.environ.get("CTM_LIBRARY_DIR") or repository / "target/release")
        library = folder / LIBRARY
        if not library.is_file():
            raise FileNotFoundError(
                f"{library} is missing: run `cargo build --release` in {repository} first, or set CTM_LIBRARY_DIR"
            )
        abi = repository / "target/python/build/_abi.py"
        write_abi(repository / "include/ctm.h", abi)
        build_data["force_include"] = {
            str(library.resolve()): f"ctm/{LIBRARY}",
            str(abi): "ctm/_abi.py",
        }
        build_data["pure_python"] = False
        platform = re.sub(r"[-.]", "_", sysconfig.get_platform())
        build_data["tag"] = f"py3-none-{platform}"
