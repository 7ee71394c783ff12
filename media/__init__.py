"""The media room: the only one that knows aiortc and av."""
