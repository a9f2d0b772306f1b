"""Makes a process and its children believe that they run on another machine: found by Python through PYTHONPATH."""

import os
import socket

socket.gethostname = lambda: os.environ["ELSEWHERE"]
