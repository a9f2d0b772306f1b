"""Loading the machines that a command line or the settings name."""

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from longspan.settings import Settings

if TYPE_CHECKING:
    from machines.catalog import Catalog


def load_machines(sources: Sequence[str], settings: Settings) -> "Catalog":
    """The machines of these sources, or else of the settings, or else the shipped examples.

    Raises MachineDocumentError with all that is wrong in them.
    """
    from machines.catalog import EXAMPLES, load_catalog

    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())  # a `module:Class` of the user's own is found where the command was started
    return load_catalog(list(sources or settings.machines) or [str(EXAMPLES)])
