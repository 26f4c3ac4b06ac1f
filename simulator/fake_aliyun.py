"""A fake Aliyun: SendSms, QuerySendDetails and SingleCallByTts as far as Guardian uses them.

Takes what the real one takes (a POST with everything in the query, signed by ACS3-HMAC-SHA256 in the
header), gives the real one's JSON and error JSON, and pushes receipts and answers as Aliyun does: JSON
arrays without a signature. On request it fails, refuses, hangs, and takes what it says it has not.
Signatures are computed here from Aliyun's description (V3 request structure and signature), not by the SDK,
so that both sides are checked against each other.
"""

import asyncio
import hashlib
import hmac
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from guardian.web.serve import Tcp, serve

BEIJING = timezone(timedelta(hours=8))
_MOBILE = re.compile(r"(\+86|0086|86)?1[3-9][0-9]{9}", re.ASCII)
_WORDS = {
    "isv.MOBILE_NUMBER_ILLEGAL": "{phone}invalid mobile number",
    "isv.SMS_TEMPLATE_ILLEGAL": "模板不合法(不存在或被拉黑)",
    "isv.SMS_SIGNATURE_ILLEGAL": "签名不合法(不存在或被拉黑)",
    "isv.TEMPLATE_MISSING_PARAMETERS": "模板变量缺少对应参数值",
    "isv.BUSINESS_LIMIT_CONTROL": "触发天级流控Permits:50",
    "isv.OUT_OF_SERVICE": "业务停机",
}


@dataclass(slots=True)
class Text:
    """One text or call as Aliyun keeps it."""

    id: str
    """BizId or CallId."""
    phone: str
    content: str
    template: str
    out_id: str
    t_ms: int
    status: int = 1
    """1 no receipt yet, 2 failed, 3 delivered."""
    err_code: str = ""


@dataclass(slots=True)
class Knobs:
    """What goes wrong; may be turned at any time."""

    answer_s: float = 0.0
    """Before each answer; a text is taken before this wait."""
    per_day: int = 50
    """Texts, and calls, of one template to one number and day (Aliyun's flow control of notifications)."""
    fail: list[tuple[int, str, bool]] = field(default_factory=list)
    """The next SendSms and SingleCallByTts get (HTTP status, code, taken all the same)."""


class FakeAliyun:
    """One account with one signature and its templates, texts and speech alike."""

    def __init__(
        self,
        key: str,
        secret: str,
        sign_name: str,
        templates: Mapping[str, str],
        now_ms: Callable[[], int],
        *,
        callbacks: httpx.AsyncClient | None = None,
        report_url: str | None = None,
        reply_url: str | None = None,
    ) -> None:
        """Set the account up: `templates` are words with ${variables} by code; pushes go to the two URLs."""
        self.key, self.secret, self.sign_name = key, secret, sign_name
        self.templates = dict(templates)
        self.now_ms = now_ms
        self.callbacks = callbacks
        self.report_url, self.reply_url = report_url, reply_url
        self.knobs = Knobs()
        self.texts: list[Text] = []
        self.calls: list[Text] = []
        self.asked: list[dict[str, str]] = []
        """The parameters of every request with a good signature."""
        self.push_answers: list[int] = []
        """HTTP status that each push got; 0 = nobody there."""
        self._nonces: set[str] = set()
        self._sequence = 10_000_000
        self.app = Starlette(routes=[Route("/", self._take, methods=["POST"])])

    def fail_next(self, times: int, code: str, *, status: int = 200, taken: bool = False) -> None:
        """Refuse the next texts or calls; with `taken` they go out all the same."""
        self.knobs.fail += [(status, code, taken)] * times

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[str]:
        """Run on a free loopback port; gives the base address."""
        async with serve(self.app, Tcp(0)) as listening:
            yield listening.url

    async def report(self, *texts: Text, ok: bool = True, push: bool = True) -> None:
        """Let the operator have delivered some texts, or not, and push that in one array."""
        for text in texts:
            text.status, text.err_code = (3, "DELIVERED") if ok else (2, "MK:0001")
        if push:
            await self.push(self.report_url, [self.report_of(t) for t in texts])

    def report_of(self, text: Text) -> dict[str, object]:
        """Give one entry of SmsReport."""
        return {
            "phone_number": text.phone,
            "send_time": _beijing(text.t_ms),
            "report_time": _beijing(self.now_ms()),
            "success": text.status == 3,
            "err_code": text.err_code,
            "err_msg": "用户接收成功" if text.status == 3 else "空号",
            "sms_size": "1",
            "biz_id": text.id,
            "out_id": text.out_id,
        }

    def reply_of(self, phone: str, content: str) -> dict[str, object]:
        """Give one entry of SmsUp."""
        self._sequence += 1
        return {
            "phone_number": phone.removeprefix("+86"),
            "send_time": _beijing(self.now_ms()),
            "content": content,
            "sign_name": self.sign_name,
            "dest_code": "1234",
            "sequence_id": self._sequence,
        }

    async def phone_sends(self, phone: str, content: str) -> None:
        """Push what a person has sent to our number."""
        await self.push(self.reply_url, [self.reply_of(phone, content)])

    async def push(self, url: str | None, entries: object) -> None:
        """POST a JSON array, as Aliyun does it for the first time."""
        if self.callbacks is None or url is None:
            return
        try:
            answer = await self.callbacks.post(url, json=entries)
        except httpx.HTTPError:
            self.push_answers.append(0)
            return
        self.push_answers.append(answer.status_code)

    # --- what Guardian asks -----------------------------------------------------------------------

    async def _take(self, request: Request) -> Response:
        refused = self._unauthorised(request, await request.body())
        if refused is not None:
            return _error(refused, 404 if refused.startswith("InvalidAccessKeyId") else 400)
        asked = dict(request.query_params)
        self.asked.append(asked)
        action = request.headers.get("x-acs-action")
        if action == "QuerySendDetails":
            answer = self._details(asked)
        elif action in {"SendSms", "SingleCallByTts"}:
            answer = self._send(asked, action)
        else:
            answer = _error("InvalidAction.NotFound", 404)
        if self.knobs.answer_s:
            await asyncio.sleep(self.knobs.answer_s)
        return answer

    def _send(self, asked: Mapping[str, str], action: str) -> Response:
        status, code, taken = self.knobs.fail.pop(0) if self.knobs.fail else (0, "", True)
        calls = action == "SingleCallByTts"
        text = self._text(asked, calls=calls)
        if not isinstance(text, Text):
            return _body(text, asked)
        if taken:
            (self.calls if calls else self.texts).append(text)
        if status >= 400:
            return _error(code, status)
        if status:
            return _body(code, asked)
        return JSONResponse(
            {"Code": "OK", "Message": "OK", "RequestId": "R", "CallId" if calls else "BizId": text.id}
        )

    def _text(self, asked: Mapping[str, str], *, calls: bool) -> Text | str:
        """Make the text that is asked for, or give the code with which Aliyun refuses it."""
        phone = asked.get("CalledNumber" if calls else "PhoneNumbers", "")
        template = asked.get("TtsCode" if calls else "TemplateCode", "")
        if not _MOBILE.fullmatch(phone):
            return "isv.CALLED_NUMBER_ILLEGAL" if calls else "isv.MOBILE_NUMBER_ILLEGAL"
        if not calls and asked.get("SignName") != self.sign_name:
            return "isv.SMS_SIGNATURE_ILLEGAL"
        if template not in self.templates:
            return "isv.TTS_TEMPLATE_ILLEGAL" if calls else "isv.SMS_TEMPLATE_ILLEGAL"
        values = json.loads(asked.get("TtsParam" if calls else "TemplateParam", "{}"))
        if not all(isinstance(v, str) and v for v in values.values()):
            return "isv.INVALID_JSON_PARAM"
        if any(v not in values for v in re.findall(r"\$\{(\w+)\}", self.templates[template])):
            return "isv.TEMPLATE_MISSING_PARAMETERS"
        now_ms, same = self.now_ms(), (phone[-11:], template)
        today = [
            t for t in (self.calls if calls else self.texts) if _beijing(t.t_ms)[:10] == _beijing(now_ms)[:10]
        ]
        if sum((t.phone, t.template) == same for t in today) >= self.knobs.per_day:
            return "isv.BUSINESS_LIMIT_CONTROL"
        words = re.sub(r"\$\{(\w+)\}", lambda m: str(values[m[1]]), self.templates[template])
        number = len(self.texts) + len(self.calls) + 1
        content = words if calls else f"【{self.sign_name}】{words}"
        return Text(f"{number:015}^0", phone[-11:], content, template, asked.get("OutId", ""), now_ms)

    def _details(self, asked: Mapping[str, str]) -> Response:
        size, page = int(asked["PageSize"]), int(asked["CurrentPage"])
        if not 1 <= size <= 50:
            return _body("isv.PAGE_SIZE_ILLEGAL", asked)
        found = [
            t
            for t in reversed(self.texts)
            if t.phone == asked["PhoneNumber"][-11:]
            and _beijing(t.t_ms)[:10].replace("-", "") == asked["SendDate"]
            and asked.get("BizId", t.id) == t.id
        ]
        shown = [
            {
                "PhoneNum": t.phone,
                "SendStatus": t.status,
                "ErrCode": t.err_code,
                "TemplateCode": t.template,
                "Content": t.content,
                "SendDate": _beijing(t.t_ms),
                "ReceiveDate": _beijing(t.t_ms) if t.status == 3 else "",
                "OutId": t.out_id,
            }
            for t in found[(page - 1) * size : page * size]
        ]
        return JSONResponse(
            {
                "Code": "OK",
                "Message": "OK",
                "RequestId": "R",
                "TotalCount": str(len(found)),
                "SmsSendDetailDTOs": {"SmsSendDetailDTO": shown},
            }
        )

    def _unauthorised(self, request: Request, body: bytes) -> str | None:
        """Check the signature; give the code of the error."""
        header = request.headers.get("authorization", "")
        found = re.fullmatch(
            r"ACS3-HMAC-SHA256 Credential=([^,]+),SignedHeaders=([^,]+),Signature=([0-9a-f]{64})", header
        )
        if found is None or found[1] != self.key:
            return "InvalidAccessKeyId.NotFound"
        names = found[2].split(";")
        payload = hashlib.sha256(body).hexdigest()
        needed = {n for n in request.headers if n.startswith("x-acs-")} | {"host"}
        if not needed <= set(names) or request.headers.get("x-acs-content-sha256") != payload:
            return "SignatureDoesNotMatch"
        pairs = sorted(request.query_params.multi_items())
        canonical = "\n".join(
            [
                request.method,
                "/",
                "&".join(f"{quote(k, safe='~')}={quote(v, safe='~')}" for k, v in pairs),
                *(f"{n}:{request.headers[n].strip()}" for n in sorted(names)),
                "",
                ";".join(sorted(names)),
                payload,
            ]
        )
        signed = "ACS3-HMAC-SHA256\n" + hashlib.sha256(canonical.encode()).hexdigest()
        right = hmac.new(self.secret.encode(), signed.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(right, found[3]):
            return "SignatureDoesNotMatch"
        nonce = request.headers.get("x-acs-signature-nonce", "")
        if not nonce or nonce in self._nonces:
            return "SignatureNonceUsed"
        self._nonces.add(nonce)
        return None


def _error(code: str, status: int) -> Response:
    """Give an error of the gateway."""
    told: dict[str, Any] = {"Code": code, "Message": "The request was refused.", "RequestId": "R"}
    return JSONResponse(told | {"HostId": "dysmsapi.aliyuncs.com"}, status)


def _body(code: str, asked: Mapping[str, str]) -> Response:
    """Give an error of the service itself, which comes with HTTP 200 and may repeat the number."""
    words = _WORDS.get(code, "An error").format(phone=asked.get("PhoneNumbers", ""))
    return JSONResponse({"Code": code, "Message": words, "RequestId": "R"})


def _beijing(t_ms: int) -> str:
    return datetime.fromtimestamp(t_ms // 1000, UTC).astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")
