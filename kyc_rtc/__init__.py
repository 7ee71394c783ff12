"""kyc-rtc: an open video-KYC server."""

__version__ = "0.1.0"
