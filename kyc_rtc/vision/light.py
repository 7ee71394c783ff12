"""Whether there is enough light, and not too much: on a face, or in a scene in which none is found.

A face is not judged by how bright it is, for that is skin as much as light. It is judged by what can be
read in it: how far its luma spreads beyond the noise; and where it spreads little, by the light of the
whole picture, which does not depend on anybody's skin. `training/light.py` fits the limits and counts
errors by skin tone.

More light never makes a picture darker: as long as nothing clips, spread and noise grow with the light
in the same proportion, and where the bright end of the face clips it is not called dark at all.
"""

from __future__ import annotations

from dataclasses import dataclass

from kyc_rtc.frames import ImageQuality, SceneLight
from kyc_rtc.vision.quality import QualityIssue


@dataclass(frozen=True, slots=True)
class LightThresholds:
    """Limits in luma steps (0 to 255) or shares of pixels, from `training/light.py`: 135 bona fide
    recordings, as they are, recoloured to darker skin, and under 46% to 1% of their light. "Seen" is
    what the recordings reach as they are.
    """

    # What of the spread counts: beyond so many standard deviations of the noise. A difference is seen
    # for sure from three to five times the noise on (Rose, "The sensitivity performance of the human
    # eye on an absolute scale", Journal of the Optical Society of America 38(2), 1948).
    noise_sigmas: float = 3.0
    # Below it nothing can be read, whatever the scene. Seen above 35 in all; dark brown skin at 46% of
    # the light above 18 in 99%; light skin at 4% 10 to 38.
    min_signal: float = 12.0
    # A face with more is well lit even where the rest of the picture is black (a screen in a dark room).
    lit_signal: float = 40.0
    # 95th percentile of the picture, whatever the skin: seen 91 and more; at 46% of the light above 64
    # in 99%, at 4% below 60 in 99%.
    min_scene_highlight: float = 60.0
    # From here on the bright end of the face clips: there is no lack of light.
    clipping: float = 250.0
    # Share of blown-out pixels of the face: seen up to 0.02; six times the light gives 0.64.
    max_bright_fraction: float = 0.12
    # Mean luma of the face, for cameras that flatten highlights below white: seen up to 196.
    max_mean_luma: float = 225.0
    # Median of a picture without a face: half of it is white. Seen below 212 in 99%.
    max_scene_median: float = 240.0


def face_light_issue(
    face: ImageQuality, scene: SceneLight, limits: LightThresholds
) -> QualityIssue | None:
    """What is wrong with the light on a face; `scene` is that of the whole picture."""
    if face.bright_fraction > limits.max_bright_fraction or face.mean_luma > limits.max_mean_luma:
        return QualityIssue.TOO_BRIGHT
    return QualityIssue.TOO_DARK if _is_dark(face, scene, limits) else None


def scene_light_issue(scene: SceneLight, limits: LightThresholds) -> QualityIssue | None:
    """What is wrong with the light of a picture in which no face is found: the reason, most likely."""
    if scene.highlight < limits.min_scene_highlight:
        return QualityIssue.TOO_DARK
    return QualityIssue.TOO_BRIGHT if scene.median >= limits.max_scene_median else None


def _is_dark(face: ImageQuality, scene: SceneLight, limits: LightThresholds) -> bool:
    if face.highlight >= limits.clipping:
        return False
    signal = face.spread - limits.noise_sigmas * face.noise_sigma
    dim = scene.highlight < limits.min_scene_highlight
    return signal < (limits.lit_signal if dim else limits.min_signal)
