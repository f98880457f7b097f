"""When and how fast: poll wake-ups, submit throttle, rate limits, measured render times."""
