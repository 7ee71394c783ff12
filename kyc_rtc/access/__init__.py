"""Who may: the keys of the institution, as the HTTP side and the command line manage them."""
