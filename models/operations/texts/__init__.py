"""Text jobs: questions to language models that are stored, asked once or twice, and paid for."""
