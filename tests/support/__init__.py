"""Helpers that the tests share: no test lives here."""
