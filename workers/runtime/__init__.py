"""What every worker process has: context, hints, clocks, redaction, watchdog."""
