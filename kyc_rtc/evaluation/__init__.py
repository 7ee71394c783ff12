"""Measurements of correctness: a file through the pipeline, judges against labels."""
