"""Training of the nets and detectors; see docs/detection.md. Needs requirements/train.lock."""
