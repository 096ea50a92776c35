"""What the command changes in its own processes, once, before their first file.

The library leaves the process that calls it as it is: what the libraries below it warn of or print is printed.
"""

from __future__ import annotations

import os
import sys
import warnings

from .. import complaints


def prepare() -> None:
    """Have the libraries that read pictures say nothing but what becomes a note or an error of a file."""
    complaints.hear()
    if not sys.warnoptions:
        warnings.simplefilter("ignore")


def spare_cores() -> None:
    """Call it before numpy is loaded: its threads for products of matrices, which codecs have not, keep cores busy."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
