"""Where a hub may not lead, and what is wrong with addresses of hubs, in words."""

from __future__ import annotations

import ipaddress

from workbench.errors import HubError
from workbench.hub.failures import StalledError
from workbench.words import said

CHECK_ENDPOINT = said("Check the address of the model hub, or use another one.")


def is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def too_many_redirects(host: str) -> HubError:
    return HubError(said("{host} leads from one address to the next without an end.", host=host), hint=CHECK_ENDPOINT)


def led_astray(host: str, scheme: str, address: str, *, has_login: bool = False, is_here: bool = False) -> HubError:
    """``host`` led to ``address``, its host with the port; ``is_here`` where that is this computer."""
    if scheme == "file":
        where = said("a file of this computer in place of the model")
    elif scheme not in ("http", "https"):
        where = said("an address that is none of the web ({scheme}:) in place of the model", scheme=scheme)
    elif has_login:
        where = said("{address} with a name and a password in the address", address=address)
    elif is_here:
        where = said("this computer ({address}) in place of the model", address=address)
    else:
        where = said("{address} without encryption (http://)", address=address)
    return HubError(
        said("{host} leads to {where}; this program does not follow.", host=host, where=where), hint=CHECK_ENDPOINT
    )


def too_slow(host: str) -> HubError:
    return StalledError(
        said("{host} sends hardly anything.", host=host), hint=said("Check the network, or try again later.")
    )


def bad_endpoint(endpoint: str) -> HubError:
    return HubError(
        said("{endpoint!a} is no address of a model hub.", endpoint=endpoint[:200]),
        hint=said("It begins with https:// or http://, and has no user, question or fragment."),
    )
