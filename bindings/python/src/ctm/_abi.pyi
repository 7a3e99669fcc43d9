# Written from include/ctm.h when the wheel is built.
from typing import Any

ffi: Any
HEADER_VERSION: str
