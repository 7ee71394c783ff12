"""Liveness: challenges that only a person in front of the camera, now, can answer."""
