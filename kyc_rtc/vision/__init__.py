"""Seeing: the face observer, preprocessing, geometry, tracking, and the model store."""
