"""Sessions: one verification from start to close, behind one narrow interface."""
