"""Training of the nets and experts; see docs/detection.md. Needs requirements/train.lock."""
