"""Decision: evidence and challenge results become one verdict with reasons."""
