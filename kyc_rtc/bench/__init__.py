"""Measurements of speed and memory: `python -m kyc_rtc bench`."""
