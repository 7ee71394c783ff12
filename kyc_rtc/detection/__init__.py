"""Detection: analysers that look for signs of deepfakes, replays and injected video."""
