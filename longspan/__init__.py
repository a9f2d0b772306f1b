"""The longspan command: settings and the composition of the processes."""
