"""A page of a list, as Twilio writes it."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from email.utils import format_datetime
from itertools import islice
from typing import TypeVar
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

_MOST_PER_PAGE = 1000

T = TypeVar("T")


def page_of(
    request: Request, name: str, found: Iterable[T], shape: Callable[[T], dict[str, object]]
) -> Response:
    """Cut the page that is asked for out of `found`, newest first; `name` is what the list is called.

    Nothing of `found` is looked at beyond the first one after that page.
    """
    asked = request.query_params
    size = min(max(int(asked.get("PageSize", "50")), 1), _MOST_PER_PAGE)
    page = int(asked.get("Page", "0"))
    kept = list(islice(found, page * size, (page + 1) * size + 1))
    part = [shape(one) for one in kept[:size]]

    def at(number: int) -> str:
        others = [(k, v) for k, v in asked.multi_items() if k not in {"Page", "PageSize", "PageToken"}]
        return f"{request.url.path}?{urlencode([*others, ('PageSize', size), ('Page', number)])}"

    return JSONResponse(
        {
            "end": page * size + max(len(part) - 1, 0),
            "first_page_uri": at(0),
            "next_page_uri": (f"{at(page + 1)}&PageToken=PA{part[-1]['sid']}" if len(kept) > size else None),
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
