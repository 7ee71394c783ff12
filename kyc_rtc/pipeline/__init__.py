"""The pipeline: a frame becomes a result on a bounded pool, and results become a verdict."""
