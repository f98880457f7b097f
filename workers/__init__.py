"""The Celery workers: dispatch, submission, polling, archive, and the provider behind them."""
