"""The HTTP face of the sessions: REST, signaling, WHIP, the pages. It knows only their interface."""
