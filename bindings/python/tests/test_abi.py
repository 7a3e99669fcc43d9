"""The structs and constants that cffi knows are those of include/ctm.h, as a C compiler has them."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import ctm
import numpy as np
import pytest
from conftest import ROOT
from ctm._abi import ffi
from ctm._library import lib
from ctm._outputs import new_outputs
from ctm._params import make_params



def is_whole_struct(name: str) -> bool:
    try:
        ffi.sizeof(name)
    except (ffi.error, ValueError):  # Only its name is known.
        return False
    return bool(ffi.typeof(name).kind == "struct")


STRUCTS = sorted(filter(is_whole_struct, ffi.list_types()[0]))
CONSTANTS = sorted(name for name in dir(lib) if name.startswith("CTM_"))


def compiled(tmp_path: Path, body: str) -> list[str]:
    """What a C program with that body prints."""
    source = tmp_path / "program.c"
    source.write_text(f"#include <ctm.h>\n#include <stdio.h>\nint main(void) {{\n{body}\nreturn 0;\n}}\n")
    program = tmp_path / "program"
    subprocess.run(["gcc", f"-I{ROOT / 'include'}", str(source), "-o", str(program)], check=True)
    return subprocess.run([str(program)], check=True, capture_output=True, text=True).stdout.split()


def test_structs_lie_in_memory_as_the_compiler_says(tmp_path: Path) -> None:
    assert {"ctm_image", "ctm_params", "ctm_outputs", "ctm_result", "ctm_options", "ctm_counters", "ctm_palette_entry"} <= set(STRUCTS)
    body, expected = [], []
    for struct in STRUCTS:
        body.append(f'printf("%zu\\n", sizeof({struct}));')
        expected.append(str(ffi.sizeof(struct)))
        for name, field in ffi.typeof(struct).fields:
            body.append(f'printf("%zu\\n", offsetof({struct}, {name}));')
            expected.append(str(field.offset))
    assert compiled(tmp_path, "\n".join(body)) == expected


def test_constants_are_the_headers(tmp_path: Path) -> None:
    assert len(CONSTANTS) > 30
    body = "\n".join(f'printf("%lld\\n", (long long){name});' for name in CONSTANTS)
    assert compiled(tmp_path, body) == [str(getattr(lib, name)) for name in CONSTANTS]


@pytest.mark.parametrize("struct", ["ctm_params", "ctm_outputs"])
def test_defaults_are_those_of_the_header(tmp_path: Path, struct: str) -> None:
    settings: dict[str, Any] = ctm.Context.analyze.__kwdefaults__
    ours = new_outputs() if struct == "ctm_outputs" else make_params(3)[0]
    for name, value in (make_params.__kwdefaults__ or {}).items():
        assert settings[name] == value, name
    body = f"{struct} s = {struct.upper()}_INIT; unsigned char *b = (unsigned char *)&s;\n"
    body += "".join(
        f'for (size_t i = 0; i < sizeof s.{name}; i++) printf("%02x", b[{field.offset} + i]); puts("");'
        for name, field in ffi.typeof(struct).fields
    )
    memory = bytes(ffi.buffer(ours))
    expected = [
        memory[field.offset : field.offset + ffi.sizeof(field.type)].hex() for _, field in ffi.typeof(struct).fields
    ]
    assert compiled(tmp_path, body) == expected


def test_the_palette_has_the_fields_of_the_struct() -> None:
    assert ctm.PALETTE_DTYPE.itemsize == ffi.sizeof("ctm_palette_entry")
    assert ctm.PALETTE_DTYPE["color"].shape == (4,)
    assert ctm.PALETTE_DTYPE["pixel_count"] == np.uint64
    assert ctm.PALETTE_DTYPE["centroid_x"] == np.float64


def test_versions_agree() -> None:
    assert ctm.library_version() == ctm.__version__
    assert f'#define CTM_VERSION "{ctm.__version__}"' in (ROOT / "include/ctm.h").read_text()


def test_the_library_is_the_one_of_the_wheel() -> None:
    assert Path(ctm.library_path).parent == Path(ctm.__file__).parent
