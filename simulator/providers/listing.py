"""A page of a list, as Twilio writes it."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TypeVar
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

_MOST_PER_PAGE = 1000

T = TypeVar("T")


def page_of(
    request: Request, name: str, found: Sequence[T], shape: Callable[[T], dict[str, object]]
) -> Response:
    """Cut the page that is asked for out of `found`, newest first; `name` is what the list is called."""
    asked = request.query_params
    size = min(max(int(asked.get("PageSize", "50")), 1), _MOST_PER_PAGE)
    page = int(asked.get("Page", "0"))
    part = [shape(one) for one in found[page * size : (page + 1) * size]]

    def at(number: int) -> str:
        kept = [(k, v) for k, v in asked.multi_items() if k not in {"Page", "PageSize", "PageToken"}]
        return f"{request.url.path}?{urlencode([*kept, ('PageSize', size), ('Page', number)])}"

    return JSONResponse(
        {
            "end": page * size + max(len(part) - 1, 0),
            "first_page_uri": at(0),
            "next_page_uri": (
                f"{at(page + 1)}&PageToken=PA{part[-1]['sid']}" if len(found) > (page + 1) * size else None
            ),
            "page": page,
            "page_size": size,
            "previous_page_uri": at(page - 1) if page else None,
            "start": page * size,
            "uri": at(page),
            name: part,
        }
    )


def rfc2822(t_ms: int | None) -> str | None:
    """Write a time in whole seconds, UTC."""
    return None if t_ms is None else format_datetime(datetime.fromtimestamp(t_ms // 1000, UTC))
