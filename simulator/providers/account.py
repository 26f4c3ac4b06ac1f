"""The fake provider's account: who may ask, what a POST meets, signed webhooks, tasks beside.

Signatures are computed here from Twilio's description of them, not by the SDK, so that both sides are
checked against each other.
"""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from types import TracebackType
from typing import Any, Self

import httpx
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from simulator.providers.errors import error
from simulator.providers.knobs import Knobs, Report, Trouble


class Account:
    """One account with one number. Use as an async context manager: leaving it ends its tasks."""

    def __init__(
        self,
        account_sid: str,
        auth_token: str,
        number: str,
        now_ms: Callable[[], int],
        *,
        callbacks: httpx.AsyncClient | None,
        wait: Callable[[float], Awaitable[None]],
    ) -> None:
        """Set the account up; `callbacks` carries webhooks and status callbacks."""
        self.account_sid = account_sid
        self.auth_token = auth_token
        self.number = number
        self.now_ms = now_ms
        self.callbacks = callbacks
        self.wait = wait
        self.knobs = Knobs()
        self.posts: list[dict[str, str]] = []
        """The form of every POST, refused ones too; values of one name stand in one, with blanks between."""
        self.webhook_answers: list[int] = []
        """HTTP status that each callback got; 0 = nobody there."""
        self._held: dict[str, list[Report]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._group: asyncio.TaskGroup | None = None

    async def __aenter__(self) -> Self:
        self._group = asyncio.TaskGroup()
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        if self._group is None:
            return
        if kind is not None and issubclass(kind, asyncio.CancelledError):
            await self._group.__aexit__(kind, error, trace)
        else:  # what the body raised stays what it is
            await self._group.__aexit__(None, None, None)

    def start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run something beside; an error in it ends the context."""
        if self._group is None:
            work.close()
            raise RuntimeError("enter the fake provider's context first")
        task = self._group.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def fail_next(self, times: int, status: int, code: int, *, taken: bool = False) -> None:
        """Refuse the next POSTs; with `taken` the text or call goes out all the same."""
        self.knobs.script += [Trouble(status, code, taken)] * times

    def hang_next(self, times: int, wait_s: float = 300.0, *, taken: bool = True) -> None:
        """Let the next POSTs wait so long for their answer."""
        status, code = (0, 0) if taken else (503, 20503)
        self.knobs.script += [Trouble(status, code, taken, wait_s)] * times

    def unauthorised(self, request: Request) -> tuple[int, int] | None:
        """Give HTTP status and code for whoever is not us; None for us."""
        right = base64.b64encode(f"{self.account_sid}:{self.auth_token}".encode()).decode()
        return None if request.headers.get("authorization") == f"Basic {right}" else (401, 20003)

    async def post(
        self,
        request: Request,
        wrong: Callable[[Mapping[str, str]], tuple[int, int] | None],
        take: Callable[[FormData], dict[str, object]],
    ) -> Response:
        """Answer a POST that makes something: refuse what is `wrong`, `take` the rest, or do as scripted."""
        form = await request.form()
        flat = {k: " ".join(str(v) for v in form.getlist(k)) for k in form}
        self.posts.append(flat)
        trouble = self.knobs.script.pop(0) if self.knobs.script else Trouble(taken=True)
        refused = self.unauthorised(request) or wrong(flat)
        answer = None if refused is None else error(*refused, flat)
        if answer is None and trouble.taken:
            answer = JSONResponse(take(form), 201)
        if answer is None or trouble.status:
            answer = error(trouble.status or 500, trouble.code or 20500, flat)
        pause_s = self.knobs.answer_s + trouble.wait_s
        if pause_s:
            await self.wait(pause_s)
        return answer

    def sign(self, url: str, fields: Mapping[str, str]) -> str:
        """Compute X-Twilio-Signature with this account's token."""
        return signature(self.auth_token, url, fields)

    async def report(self, sid: str, url: str | None, fields: Mapping[str, str], *, last: bool) -> None:
        """Tell the fate of a text or call, as the knobs allow; `last`: nothing more will happen to it."""
        if url is None or self.knobs.lose_callbacks:
            return
        if self.knobs.retell is None:
            await self.webhook(url, fields)
            return
        self._held.setdefault(sid, []).append((url, fields))
        if last:
            for address, held in self.knobs.retell(self._held.pop(sid)):
                await self.webhook(address, held)

    async def webhook(self, url: str, fields: Mapping[str, str]) -> httpx.Response | None:
        """POST a signed webhook; a second try when nobody is there, as Twilio does by default."""
        if self.callbacks is None:
            return None
        for _ in range(2):
            try:
                answer = await self.callbacks.post(
                    url, data=dict(fields), headers={"X-Twilio-Signature": self.sign(url, fields)}
                )
            except httpx.HTTPError:
                self.webhook_answers.append(0)
                continue
            self.webhook_answers.append(answer.status_code)
            return answer
        return None


def signature(token: str, url: str, fields: Mapping[str, str]) -> str:
    """Compute X-Twilio-Signature: HMAC-SHA1 over the address and the sorted fields, base64."""
    signed = url + "".join(name + fields[name] for name in sorted(fields))
    return base64.b64encode(hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()).decode()
