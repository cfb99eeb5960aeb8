"""Builds chiplink._native: the cdef is what the public headers say between their marks."""

import re
from pathlib import Path

from cffi import FFI

HEADERS = ("core.h", "ch9329.h", "ch392.h", "at.h", "spi.h", "hid.h")
SOURCES = ("ch9329.c", "ch392.c", "at.c", "spi.c", "hid.c")
WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow")
# The same options compile the file that cffi generates, which is not written for these three.
# tests/native/run compiles the sources alone with all of them as errors.
RELAXED = ("-Wno-pedantic", "-Wno-conversion", "-Wno-sign-conversion")

_INCLUDE = Path(__file__).parent / "include"
_REGION = re.compile(r"/\* cdef \*/(.*?)/\* end \*/", re.DOTALL)
_NAMED_NUMBER = re.compile(r"(#define +\w+ +\d+).*")


def cdef(header: str) -> str:
    """Return the declarations of a public header, its numbers without their comments."""
    text = (_INCLUDE / "chiplink" / header).read_text(encoding="utf-8")
    return "".join(_NAMED_NUMBER.sub(r"\1", part) for part in _REGION.findall(text))


ffibuilder = FFI()
for _header in HEADERS:
    ffibuilder.cdef(cdef(_header))
# Paths are relative: setuptools compiles from the directory of setup.py and refuses others.
ffibuilder.set_source(
    "chiplink._native",
    "\n".join(f'#include "chiplink/{header}"' for header in HEADERS),
    sources=[f"native/src/{source}" for source in SOURCES],
    depends=[f"native/include/chiplink/{header}" for header in HEADERS],
    include_dirs=["native/include"],
    define_macros=[("Py_LIMITED_API", "0x030b0000")],
    py_limited_api=True,
    extra_compile_args=["-std=c11", *WARNINGS, *RELAXED],
)
