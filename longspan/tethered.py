"""`python -m longspan.tethered VERB...`: the `longspan` command, ended as by SIGTERM when stdin ends."""

import os
import signal

from longspan.command import main
from longspan.tether import when_parent_ends

if __name__ == "__main__":
    when_parent_ends(lambda: os.kill(os.getpid(), signal.SIGTERM))
    main(prog_name="longspan")
