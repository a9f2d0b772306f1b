"""Everything that speaks Redis: keys, ingress, leases, the commit, the worker's loop, journals, dead letters."""
