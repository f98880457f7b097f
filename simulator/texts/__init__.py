"""Language models: what an answer says, what it costs, and what is refused; no HTTP.

The seam for other authors is `simulator.texts.writer.Writer`.
"""
