"""Admission control: which queued job gets a free slot."""
