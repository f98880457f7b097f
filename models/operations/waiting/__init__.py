"""Why a render job waits, asked of the rules that dispatch follows, in words for its owner and for operators."""
