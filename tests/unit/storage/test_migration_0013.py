"""The standard name of animated photographs, over each database: in what an earlier program stored."""

from __future__ import annotations

import json

from sqlalchemy import text

from kyc_rtc.storage import (
    Database,
    FeaturesRecord,
    LabelRecord,
    SqlFeaturesRepository,
    SqlLabelRepository,
    SqlSessionStore,
)
from tests.support.memory_store import a_session
from tests.unit.storage.stores import FINAL_STATES, SEALER, step_back, step_forward

EVIDENCE = tuple(
    {"analyser": name, "score": 0.7, "confidence": 0.9, "reasons": ["animated_photo"]}
    for name in ("swap", "animated")
)
FEATURES = {
    "net_colour_animated": 1.0,
    "net_motion_animated.high": 2.0,
    "net_change_animated.spread": 3.0,
    "net_colour_swap": 4.0,
}


async def old_words(database: Database) -> tuple[list[str | None], str, str]:
    """Species of the labels, evidence and features, as the program before has them."""
    await step_back(database, "0011")
    async with database.begin() as connection:
        labels = await connection.execute(text("SELECT species FROM labels ORDER BY number"))
        evidence = await connection.execute(text("SELECT CAST(evidence AS TEXT) FROM sessions"))
        features = await connection.execute(text("SELECT CAST(by_name AS TEXT) FROM measures"))
        return list(labels.scalars()), evidence.scalar_one(), features.scalar_one()


async def test_names_change_forward_and_back(database: Database) -> None:
    session = a_session(state="failed", verdict_status="FAILED", evidence=EVIDENCE)
    session_id = session.session_id
    await SqlSessionStore(database, SEALER, FINAL_STATES).open(session, [])
    await SqlFeaturesRepository(database).add(FeaturesRecord(session_id, FEATURES))
    labels = SqlLabelRepository(database)
    for species in ("animated_photo", "replay", None):
        await labels.add(LabelRecord(session_id, "attack", "agent", "agent-7", 5_000, species))
    species_before, evidence, features = await old_words(database)
    assert species_before == ["puppet", "replay", None]
    assert [item["analyser"] for item in json.loads(evidence)] == ["swap", "puppet"]
    assert [item["reasons"] for item in json.loads(evidence)] == [["animated_photo"]] * 2
    assert list(json.loads(features)) == [name.replace("animated", "puppet") for name in FEATURES]
    await step_forward(database)
    assert [one.species for one in await labels.history(session_id)] == [
        "animated_photo",
        "replay",
        None,
    ]
    assert (await SqlSessionStore(database, SEALER, FINAL_STATES).get(session_id)).evidence == (
        EVIDENCE
    )
    (found,) = await SqlFeaturesRepository(database).labelled()
    assert json.loads(found.features or "") == FEATURES


async def test_evidence_with_spaces_is_found_too(database: Database) -> None:
    session = a_session(state="failed", verdict_status="FAILED", evidence=EVIDENCE)
    await SqlSessionStore(database, SEALER, FINAL_STATES).open(session, [])
    await step_back(database, "0012")
    spaced = '[{"analyser": "puppet", "score": 0.7, "confidence": 0.9, "reasons": []}]'
    async with database.begin(write=True) as connection:
        value = ":spaced" if connection.dialect.name == "sqlite" else "CAST(:spaced AS JSON)"
        statement = text(f"UPDATE sessions SET evidence = {value}")  # noqa: S608 - our own words
        await connection.execute(statement, {"spaced": spaced})
    await step_forward(database)
    (item,) = (
        await SqlSessionStore(database, SEALER, FINAL_STATES).get(session.session_id)
    ).evidence or ()
    assert item["analyser"] == "animated"
