"""Frames on their way from a source to the analysis: values, the one-slot mailbox, quality."""

from kyc_rtc.frames.frame import BgrImage, Frame, PixelSource
from kyc_rtc.frames.mailbox import Mailbox
from kyc_rtc.frames.pictures import check_picture, decode_picture
from kyc_rtc.frames.quality import ImageQuality, SceneLight, measure_image, measure_scene

__all__ = [
    "BgrImage",
    "Frame",
    "ImageQuality",
    "Mailbox",
    "PixelSource",
    "SceneLight",
    "check_picture",
    "decode_picture",
    "measure_image",
    "measure_scene",
]
