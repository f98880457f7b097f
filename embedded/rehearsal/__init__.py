"""A campaign file played through before it is paid for: the real steps against the simulator, on virtual time."""
