"""The compiled entropy coder, which may fail to build; everything else stands in pyproject.toml."""

import sysconfig

from setuptools import Extension, setup

CORE = "runtime/c"
coder = Extension(
    "aezip.entropy._coder",
    [f"{CORE}/python.c", f"{CORE}/rans.c", f"{CORE}/latents.c", f"{CORE}/container.c"],
    include_dirs=[CORE],
    depends=[f"{CORE}/aezip.h"],
    py_limited_api=True,
    optional=True,
)
if sysconfig.get_config_var("Py_GIL_DISABLED"):  # a Python without the limited API
    setup()
else:
    setup(ext_modules=[coder], options={"bdist_wheel": {"py_limited_api": "cp310"}})
