"""Synthetic faces, and people who act in front of the camera on command."""
