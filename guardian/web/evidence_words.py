"""What a finding's numbers say, in sentences for people, and the numbers themselves with their units.

Takes the evidence that detectors put into findings (docs/detection.md, docs/homes.md); decides nothing.
A test finds every number of every detector that has no words here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from alerting.concern import Kind
from guardian.web.names import _p
from guardian.web.words import N_, Words

K = Kind
_FALLS = (K.FALL_SUSPECTED, K.FALL_CONFIRMED, K.LONG_LIE)


@dataclass(frozen=True, slots=True)
class Saying:
    """A sentence, for which kinds, and which numbers it needs."""

    kinds: tuple[Kind, ...]
    text: str
    needs: tuple[str, ...] = ()
    when: tuple[str, float] | None = None
    """A number that must be at least so much; below: (name, -limit) for "less than limit"."""


SAYINGS: Final = (
    Saying(_FALLS, N_("Came down fast, as in a fall."), ("fall_seen",), ("fall_seen", 1)),
    Saying(
        _FALLS,
        N_("Nobody saw the fall itself: somebody lies where nobody lies down on purpose."),
        ("fall_seen",),
        ("fall_seen", -1),
    ),
    Saying(_FALLS, N_("Low down for {down_s:.0f} s, lying for {lying_s:.0f} s."), ("down_s", "lying_s")),
    Saying(_FALLS, N_("Cannot be seen at this moment."), ("in_sight",), ("in_sight", -1)),
    Saying((K.FALL_RECOVERED,), N_("Was up again after {down_s:.0f} s low down."), ("down_s",)),
    Saying(
        (K.INACTIVITY, K.INACTIVITY_PROMPT),
        N_("No movement for {silent_min:.0f} min, which is unusual for this person at this hour."),
        ("silent_min", "surprise_nats"),
    ),
    Saying(
        (K.BATHROOM_OVERSTAY,),
        N_("In the bathroom for {silent_min:.0f} min, longer than usual for this person."),
        ("silent_min",),
    ),
    Saying(
        (K.NIGHT_OUT_OF_BED,),
        N_("Out of bed for {silent_min:.0f} min at night, longer than usual for this person."),
        ("silent_min",),
    ),
    Saying(
        (K.NOT_UP,),
        N_("Nobody moved between {must_move_from_h:.0f}:00 and {must_move_to_h:.0f}:00."),
        ("must_move_from_h", "must_move_to_h"),
    ),
    Saying(
        (K.NOT_UP,),
        N_("Not up yet, {silent_min:.0f} min without a sign; this person is up earlier as a rule."),
        ("silent_min", "surprise_nats"),
    ),
    Saying(
        (K.NO_RETURN,),
        N_("Away for {silent_min:.0f} min, longer than usual for this person."),
        ("silent_min",),
    ),
    Saying(
        (K.COLD, K.HEAT, K.HYPOTHERMIA_RISK),
        N_("{temperature_c:.1f} °C, beyond the limit of {level_c:.0f} °C for {beyond_min:.0f} min."),
        ("temperature_c", "level_c", "beyond_min"),
    ),
    Saying((K.HEAT,), N_("With the damp air it feels like {heat_index_c:.1f} °C."), ("heat_index_c",)),
    Saying(
        (K.COLD, K.HEAT, K.HYPOTHERMIA_RISK),
        N_("The room has no humidity sensor: a usual humidity was taken."),
        ("humidity_assumed",),
        ("humidity_assumed", 1),
    ),
    Saying(
        (K.FEVER_TREND, K.HYPOTHERMIA_RISK),
        N_(
            "Skin {trend_surface_k:+.1f} K against this person's usual, give or take {error_surface_k:.1f} K."
        ),
        ("trend_surface_k", "error_surface_k"),
    ),
    Saying((K.FIRE,), N_("The hottest spot has {hottest_c:.0f} °C."), ("hottest_c",)),
    Saying((K.FIRE,), N_("The hot area has grown {growth:.1f}-fold."), ("growth",)),
    Saying((K.FIRE,), N_("The air warms by {rise_k_min:.1f} K a minute."), ("rise_k_min",)),
    Saying((K.APPLIANCE_LEFT_ON,), N_("On for {on_min:.0f} min."), ("on_min",)),
    Saying((K.APPLIANCE_LEFT_ON,), N_("Open for {open_min:.0f} min."), ("open_min",)),
    Saying(
        (K.APPLIANCE_LEFT_ON, K.FIRE),
        N_("Nobody has been there for {alone_min:.0f} min."),
        ("alone_min",),
    ),
    Saying(
        (K.BLIND,), N_("{homes_dark:.0f} homes fell silent together."), ("homes_dark",), ("homes_dark", 2)
    ),
    Saying((K.BLIND, K.SENSOR_FAULT), N_("Silent for {silent_s:.0f} s."), ("silent_s",), ("silent_s", 1)),
    Saying(
        (K.SENSOR_FAULT,),
        N_("Has started {boots_per_day:.0f} times in a day."),
        ("boots_per_day",),
        ("boots_per_day", 4),
    ),
    Saying((K.SENSOR_FAULT,), N_("Readings have moved by {drift_k:+.1f} K."), ("drift_k", "useless_min")),
    Saying(
        _FALLS,
        N_("A suspicion that nobody cleared within {uncleared_s:.0f} s counts as a fall."),
        ("uncleared_s",),
    ),
    Saying(tuple(Kind), N_("Was on the way for {late_s:.0f} s before it reached us."), ("late_s",)),
    Saying(tuple(Kind), N_("Was held back by a silence for {silenced_s:.0f} s."), ("silenced_s",)),
    Saying(
        tuple(Kind),
        N_("Was open when the ledger was lost, and is open again to be safe."),
        ("ledger_lost",),
    ),
)

NUMBERS: Final[Mapping[str, tuple[str, str]]] = {
    "above_floor_k": (_p("numbers", "above the rest of the day"), "K"),
    "alarm_c": (_p("numbers", "alarm at"), "°C"),
    "alone_min": (_p("numbers", "nobody there for"), "min"),
    "area_incident": (_p("numbers", "incident of the area"), ""),
    "area_m2": (_p("numbers", "area of the body in the picture"), "m²"),
    "area_px": (_p("numbers", "hot pixels"), ""),
    "beyond_min": (_p("numbers", "beyond the limit for"), "min"),
    "boots_per_day": (_p("numbers", "starts in a day"), ""),
    "cameras": (_p("numbers", "cameras"), ""),
    "cameras_dark": (_p("numbers", "cameras that are silent"), ""),
    "cause": (_p("numbers", "code of the cause"), ""),
    "closings_lost": (_p("numbers", "closings that were missed before"), ""),
    "closings_told": (_p("numbers", "closings that were heard before"), ""),
    "down_s": (_p("numbers", "low down for"), "s"),
    "drift_k": (_p("numbers", "drift"), "K"),
    "error_surface_k": (_p("numbers", "error of the trend"), "K"),
    "fall_log_odds": (_p("numbers", "evidence of a fall (log odds)"), ""),
    "fall_seen": (_p("numbers", "fall seen"), ""),
    "floor_rises_k_min": (_p("numbers", "the coolest part rises by"), "K/min"),
    "growth": (_p("numbers", "growth of the hot area"), "×"),
    "heat_index_c": (_p("numbers", "feels like"), "°C"),
    "homes_dark": (_p("numbers", "homes that are silent"), ""),
    "hottest_c": (_p("numbers", "hottest spot"), "°C"),
    "humidity_assumed": (_p("numbers", "humidity assumed"), ""),
    "humidity_percent": (_p("numbers", "humidity"), "%"),
    "idle_w": (_p("numbers", "draws when idle"), "W"),
    "in_sight": (_p("numbers", "in sight"), ""),
    "late_s": (_p("numbers", "on the way for"), "s"),
    "ledger_lost": (_p("numbers", "ledger lost"), ""),
    "length_m": (_p("numbers", "length of the body in the picture"), "m"),
    "level_c": (_p("numbers", "limit or level"), "°C"),
    "log_odds": (_p("numbers", "evidence (log odds)"), ""),
    "longest_lively_min": (_p("numbers", "longest silence while others moved"), "min"),
    "low": (_p("numbers", "chance of being low down"), ""),
    "lying": (_p("numbers", "chance of lying"), ""),
    "lying_s": (_p("numbers", "lying for"), "s"),
    "must_move_from_h": (_p("numbers", "must move from"), "h"),
    "must_move_to_h": (_p("numbers", "must move until"), "h"),
    "never_heard": (_p("numbers", "sensors never heard"), ""),
    "noise_k": (_p("numbers", "noise of the picture"), "K"),
    "on_min": (_p("numbers", "on for"), "min"),
    "open_min": (_p("numbers", "open for"), "min"),
    "outing_share": (_p("numbers", "chance of being out"), ""),
    "peak_k": (_p("numbers", "warmest above the room"), "K"),
    "person": (_p("numbers", "evidence of a person (log odds)"), ""),
    "power_w": (_p("numbers", "draws"), "W"),
    "quiet_lively_min": (_p("numbers", "silent while others moved"), "min"),
    "rise_k_min": (_p("numbers", "the air warms by"), "K/min"),
    "scale_assumed": (_p("numbers", "size assumed"), ""),
    "sensors": (_p("numbers", "sensors"), ""),
    "signs_of_life_share": (_p("numbers", "movement against usual"), ""),
    "silenced_s": (_p("numbers", "held back for"), "s"),
    "silent_min": (_p("numbers", "silent for"), "min"),
    "silent_s": (_p("numbers", "silent for"), "s"),
    "slope_k_h": (_p("numbers", "changes by"), "K/h"),
    "speed_m_s": (_p("numbers", "speed"), "m/s"),
    "surprise_nats": (_p("numbers", "how unusual (nats)"), ""),
    "temperature_c": (_p("numbers", "temperature"), "°C"),
    "threshold_log_odds": (_p("numbers", "threshold (log odds)"), ""),
    "trend_surface_k": (_p("numbers", "skin against usual"), "K"),
    "uncleared_s": (_p("numbers", "not cleared for"), "s"),
    "unlike_pictures": (_p("numbers", "pictures unlike the room"), ""),
    "up": (_p("numbers", "chance of being up"), ""),
    "useless_min": (_p("numbers", "useless for"), "min"),
    "wants_people": (_p("numbers", "people wanted"), ""),
    "warm_min": (_p("numbers", "warm for"), "min"),
    "width_m": (_p("numbers", "width of the body in the picture"), "m"),
}
"""By the key in the evidence: what it is, and its unit."""
HOURS_TO: Final = "hours_to_"
"""`hours_to_16_c`: a forecast; the limit stands in the name."""


def sentences(words: Words, kind: Kind, evidence: Mapping[str, float]) -> list[str]:
    """Say what the evidence of a finding means."""
    out = []
    if (cause := evidence.get("cause")) in words.faults:
        out.append(words.faults[int(cause or 0)])
    holds = [s for s in SAYINGS if kind in s.kinds and _holds(s, evidence)]
    out += [words.text(saying.text).format(**evidence) for saying in holds]
    out += [
        words.text(N_("Will fall below {} °C in {:.0f} h.")).format(key[len(HOURS_TO) : -2], value)
        for key, value in evidence.items()
        if key.startswith(HOURS_TO)
    ]
    return out


def numbers(words: Words, evidence: Mapping[str, float]) -> Sequence[tuple[str, str]]:
    """Give every number with its name and unit; one that has none stands under its key."""
    out = []
    for key, value in sorted(evidence.items()):
        name, unit = NUMBERS.get(key, (key, ""))
        out.append(
            (words.in_context("numbers", name) if key in NUMBERS else key, f"{value:.4g} {unit}".strip())
        )
    return out


def _holds(saying: Saying, evidence: Mapping[str, float]) -> bool:
    if any(name not in evidence for name in saying.needs):
        return False
    if saying.when is None:
        return True
    name, limit = saying.when
    value = evidence.get(name, 0.0)
    return value >= limit if limit > 0 else value < -limit
