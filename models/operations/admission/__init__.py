"""Which queued job gets which free slot, decided from rows; dispatch writes it down, and others ask what waits."""
