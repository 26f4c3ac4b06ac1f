"""The ledger: one SQLite file, one connection, one writer; every change is one transaction.

Functions take an open transaction (`Tx`) and plain frozen types, so that nobody outside this folder
(and `schema.py`, `migrations/`) knows of SQLAlchemy.

- engine.py: opening, migrating, transactions. lock.py: one daemon for one state directory.
- incidents.py: incidents, their moves and concerns. outbox.py: texts out and in.
- people.py: the roster, phone numbers, codes. absences.py: who is expected to be away.
- drills.py: who was drilled when, who has answered when.
- beats.py: what came in since the last snapshot. past.py: what people did when they were asked.
"""

from alerting.ledger.absences import Absence, absences, end_absence, note_absence
from alerting.ledger.beats import beats_since, drop_beats, last_beat, save_beat
from alerting.ledger.drills import drills_begun, homes_drilled, last_answers, people_drilled
from alerting.ledger.engine import Ledger, LedgerError, Tx
from alerting.ledger.incidents import (
    Move,
    add_concern,
    answers_wanted_since_ms,
    apply,
    concerns,
    incident,
    incident_of,
    incidents_to_look_at,
    moves,
    open_incidents,
    open_new,
    recent_incidents,
    set_next_wave,
    uncleared_suspicions,
    words_since_decision,
)
from alerting.ledger.lock import lock_state
from alerting.ledger.outbox import (
    Message,
    due_messages,
    due_responders,
    enqueue,
    group_low,
    hold_back,
    lease,
    leased_messages,
    message,
    message_of_sid,
    messages,
    next_due_ms,
    next_for,
    pages_of_open,
    record_failed,
    record_receipt,
    record_sent,
    release,
    sent_to,
    take_inbound,
    to_stand_down,
    withdraw,
)
from alerting.ledger.past import past
from alerting.ledger.people import (
    RosterRows,
    closed_codes,
    code_for,
    codes,
    newest_roster,
    person_phone,
    responder_language,
    responder_of_phone,
    save_roster,
    site_timezone,
)

__all__ = [
    "Absence",
    "Ledger",
    "LedgerError",
    "Message",
    "Move",
    "RosterRows",
    "Tx",
    "absences",
    "add_concern",
    "answers_wanted_since_ms",
    "apply",
    "beats_since",
    "closed_codes",
    "code_for",
    "codes",
    "concerns",
    "drills_begun",
    "drop_beats",
    "due_messages",
    "due_responders",
    "end_absence",
    "enqueue",
    "group_low",
    "hold_back",
    "homes_drilled",
    "incident",
    "incident_of",
    "incidents_to_look_at",
    "last_answers",
    "last_beat",
    "lease",
    "leased_messages",
    "lock_state",
    "message",
    "message_of_sid",
    "messages",
    "moves",
    "newest_roster",
    "next_due_ms",
    "next_for",
    "note_absence",
    "open_incidents",
    "open_new",
    "pages_of_open",
    "past",
    "people_drilled",
    "person_phone",
    "recent_incidents",
    "record_failed",
    "record_receipt",
    "record_sent",
    "release",
    "responder_language",
    "responder_of_phone",
    "save_beat",
    "save_roster",
    "sent_to",
    "set_next_wave",
    "site_timezone",
    "take_inbound",
    "to_stand_down",
    "uncleared_suspicions",
    "withdraw",
    "words_since_decision",
]
