"""What the fake Twilio refuses, with which code and words.

Takes the form of a new text or call, gives the code that the real one answers with. Knows the codes that
Guardian can meet; the words are Twilio's.
"""

import re
from collections.abc import Mapping

from starlette.responses import JSONResponse

_E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_MAGIC_TO = {
    "+15005550001": 21211,
    "+15005550002": 21612,
    "+15005550003": 21408,
    "+15005550004": 21610,
    "+15005550009": 21614,
}
"""Twilio's own test numbers (docs: test credentials)."""
_MAGIC_CALLED = {
    "+15005550001": 21217,
    "+15005550002": 21214,
    "+15005550003": 21215,
    "+15005550004": 21216,
}
"""The same for calls."""
_MAGIC_FROM = {"+15005550001": 21212, "+15005550007": 21606, "+15005550008": 21611}
_MESSAGES = {
    20003: "Authenticate",
    20404: "The requested resource was not found",
    20429: "Too Many Requests",
    21201: "No 'To' number specified",
    21205: "Url is not a valid URL: ",
    21210: "The source phone number provided, {from}, is not yet verified for your account.",
    21211: "The 'To' number {to} is not a valid phone number.",
    21212: "The 'From' number {from} is not a valid phone number, shortcode, or alphanumeric sender ID.",
    21213: "No 'From' number specified",
    21214: "The phone number you are attempting to call, {to}, cannot be reached.",
    21215: "Account not authorized to call {to}.",
    21216: "Account not allowed to call {to}",
    21217: "The phone number you are attempting to call, {to}, is not valid.",
    21408: "Permission to send an SMS has not been enabled for the region indicated by the 'To' number: {to}",
    21602: "Message body is required.",
    21603: "A 'From' phone number is required.",
    21604: "A 'To' phone number is required.",
    21606: "The 'From' phone number {from} is not a valid, SMS-capable inbound phone number of yours.",
    21610: "Attempt to send to unsubscribed recipient",
    21611: "The source 'from' phone number has exceeded the maximum number of queued messages",
    21612: "The 'To' phone number: {to}, is not currently reachable using the 'From' phone number: {from}",
    21614: "To number: {to}, is not a mobile number",
    21617: "The concatenated message body exceeds the 1600 character limit",
    32018: "Twiml size exceeded maximum allowed value of 4000 characters",
}


def wrong_with_text(form: Mapping[str, str], number: str, opted_out: set[str]) -> tuple[int, int] | None:
    """Say what Twilio would refuse about a new text: HTTP status and code; None: nothing."""
    to, sender, body = form.get("To", ""), form.get("From", ""), form.get("Body", "")
    code = None
    if not to:
        code = 21604
    elif not sender:
        code = 21603
    elif not body:
        code = 21602
    elif len(body) > 1600:
        code = 21617
    elif sender != number:
        code = _MAGIC_FROM.get(sender, 21606)
    elif to in _MAGIC_TO or not _E164.fullmatch(to):
        code = _MAGIC_TO.get(to, 21211)
    elif to in opted_out:
        code = 21610
    return None if code is None else (400, code)


def wrong_with_call(form: Mapping[str, str], number: str) -> tuple[int, int] | None:
    """Say what Twilio would refuse about a new call: HTTP status and code; None: nothing."""
    to, caller = form.get("To", ""), form.get("From", "")
    url, twiml = form.get("Url", ""), form.get("Twiml", "")
    code = None
    if not to:
        code = 21201
    elif not caller:
        code = 21213
    elif (not url and not twiml) or (url and not url.startswith(("http://", "https://"))):
        code = 21205
    elif len(twiml) > 4000:
        code = 32018
    elif caller != number:
        code = 21212 if _MAGIC_FROM.get(caller) == 21212 else 21210
    elif to in _MAGIC_CALLED or not _E164.fullmatch(to):
        code = _MAGIC_CALLED.get(to, 21211)
    return None if code is None else (400, code)


def error(status: int, code: int, form: Mapping[str, str]) -> JSONResponse:
    """Give the error JSON as Twilio writes it, number and all."""
    words = _MESSAGES.get(code, "An error").format(**{"to": form.get("To", ""), "from": form.get("From", "")})
    more = f"https://www.twilio.com/docs/errors/{code}"
    return JSONResponse({"code": code, "message": words, "more_info": more, "status": status}, status)
