"""Child processes: start, restart, pid files, ports, folders."""
