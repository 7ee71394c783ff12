"""The injection laboratory: methods of injection times attack instruments, counted (see `__main__`)."""
