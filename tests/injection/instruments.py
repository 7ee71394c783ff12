"""The instruments: what a run shows, which server it meets, and whether the attacker tries again.

Who can answer what the product asks meets the server as it is shipped. Films of people show two or three
types of actions each, so that people, and swaps drawn on them, meet a server that asks for just these
types; where it asks for the side of a head turn that is missing, the verification is begun anew. A
photograph answers nothing, and meets a server that does not wait long for it.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

from kyc_rtc.liveness.catalogue import Challenge
from kyc_rtc.settings import LivenessSettings, load_settings
from tests.attacks import Material
from tests.injection.looped import Looped, possible
from tests.injection.plan import Instrument, Method
from tests.injection.swaps import SWAPS, swapped
from tests.support.browser_attacks import STILLS, StillPhoto
from tests.support.browser_camera import Person
from tests.support.browser_clips import PEOPLE, Recorded, Takes, read_footage
from tests.support.browser_people import Obedient
from tests.support.browser_server import IMPATIENT
from tests.support.sitter import Played, Sitter, asking_for
from tests.support.unprompted import Unprompted

COMMON = {"UPLOADS": "pass", "LIMITS__DRAIN_S": "1"}
"""Settings in every run. Uploaded pictures never pass as shipped, so that they would tell nothing."""


def _anything(_challenge: Challenge) -> bool:
    return True


def _nothing(_challenge: Challenge) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Scene:
    """What all methods of a run show.

    `film` makes it anew for each attempt. `answers`: which challenges it can do. `asks_for`: takes, where the
    server asks for nothing but what they show. `tries_again`: after a verdict, as often as the product
    allows. `is_attack` False: nobody loops a file.
    """

    subject: str
    film: Callable[[], Person]
    settings: dict[str, str] = field(default_factory=dict)
    answers: Callable[[Challenge], bool] = _anything
    asks_for: Takes | None = None
    tries_again: bool = False
    is_attack: bool = True

    @property
    def environ(self) -> dict[str, str]:
        """The server's settings, without their prefix."""
        return COMMON | self.settings

    def liveness(self) -> LivenessSettings:
        """What the server may ask for."""
        given = {f"KYC_RTC_{name}": value for name, value in self.environ.items()}
        return load_settings(given).liveness

    def shown_by(self, method: Method) -> Person:
        """Whoever an attempt shows. Films a looped file, which takes some seconds; blocks."""
        person = self.film()
        if method is Method.LOOPED_FILE and self.is_attack:
            asked = [one for one in possible(self.liveness()) if self.answers(one)]
            person = Looped(person, asked)
        if self.asks_for is None:
            return person
        assert isinstance(person, Recorded | Looped)
        played: Played = person
        return Sitter(played, self.asks_for)


def scene(instrument: Instrument, run: int, seed: int, material: Material) -> Scene:
    """What run `run` (from 1 on) shows: other people or photographs in every run, the same for a seed.

    Reads recordings, and draws swaps, which takes some seconds; blocks.
    """
    number, chance = run - 1 + seed, chance_of(instrument, run, seed)
    photo = STILLS[number % len(STILLS)]
    still = f"still {number % len(STILLS) + 1}"
    match instrument:
        case Instrument.PHOTOGRAPH:
            picture = photo.picture(material.folder)
            held = StillPhoto(material.model, picture)
            return Scene(still, lambda: held, IMPATIENT, _nothing)
        case Instrument.REPLAY:
            return _replay(number, chance, material)
        case Instrument.ANIMATED_PHOTO:
            picture, drawn = photo.picture(material.folder), chance.randrange(2**32)
            return Scene(still, lambda: Obedient(material.model, drawn, picture))
        case Instrument.RECORDED_SWAP:
            return _recorded_swap(number, material)
        case Instrument.DRAWN_SWAP | Instrument.BONA_FIDE:
            return _person(number, chance, material, swap=instrument is Instrument.DRAWN_SWAP)


def chance_of(instrument: Instrument, run: int, seed: int) -> random.Random:
    """The same in every laboratory with this seed."""
    return random.Random(zlib.crc32(f"{seed} {instrument} {run}".encode()))  # noqa: S311


def _replay(number: int, chance: random.Random, material: Material) -> Scene:
    takes = PEOPLE[number % len(PEOPLE)]
    footage, drawn = read_footage(material.folder, takes), chance.randrange(2**32)

    def film() -> Person:
        recorded = Recorded(material.folder, takes, footage=footage)
        return Unprompted(recorded, takes, random.Random(drawn))  # noqa: S311  # as above

    return Scene(f"person {number % len(PEOPLE) + 1}", film, answers=_nothing)


def _recorded_swap(number: int, material: Material) -> Scene:
    takes = SWAPS[number % len(SWAPS)]
    footage = read_footage(material.folder, takes)
    return Scene(
        f"swap {number % len(SWAPS) + 1}",
        lambda: Recorded(material.folder, takes, footage=footage),
        answers=takes.shows,
        tries_again=True,
    )


def _person(number: int, chance: random.Random, material: Material, *, swap: bool) -> Scene:
    takes = PEOPLE[number % len(PEOPLE)]
    footage, subject = read_footage(material.folder, takes), f"person {number % len(PEOPLE) + 1}"
    if swap:
        others = [still for still in STILLS if still.clip != takes.clip]
        donor = chance.choice(others)
        picture = donor.picture(material.folder)
        footage = swapped(footage, takes, picture, material.model, chance)
        subject += f" as still {STILLS.index(donor) + 1}"
    return Scene(
        subject,
        lambda: Recorded(material.folder, takes, footage=footage),
        asking_for(takes),
        takes.shows,
        asks_for=takes,
        is_attack=swap,
    )
