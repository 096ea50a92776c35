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
    """Keep numpy from computing products of matrices in threads.  Call it before numpy is loaded.

    Codecs have no such products, and the threads would keep all cores busy for a while.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
