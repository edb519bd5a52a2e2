"""Where the scraper may go: the site's own host and folder, and no address inside the platform's network."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

# Longer URLs do not fit the unique index of pages.
URL_CHARACTERS_MOST = 2000
_PORTS = {"http": 80, "https": 443}
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class Refused(Exception):
    """A URL or address that the scraper does not go to; says why."""


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the internet at large, also where it hides inside an IPv6 one."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip in _NAT64:
            return is_public(str(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)))
        for inner in (ip.ipv4_mapped, ip.sixtofour, ip.teredo[1] if ip.teredo else None):
            if inner is not None:
                return is_public(str(inner))
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def _literal(host: str) -> str | None:
    """The address that `host` is, in any spelling the system's resolver takes (`127.1`, `0x7f000001`), else None."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except (OSError, UnicodeError):
        return None


def check_host(host: str, allowed_private: Collection[str]) -> None:
    """Refuse a host that is an address inside; names are checked when they are resolved."""
    if host in allowed_private:
        return
    literal = _literal(host)
    if literal is not None and not is_public(literal):
        raise Refused(f"{host} is not a public address")
    if host == "localhost" or host.endswith(".localhost"):
        raise Refused(f"{host} is this machine")


def check_base_url(base_url: str, allowed_private: Collection[str]) -> str:
    """`base_url` in the one form that sites are known by."""
    try:
        parts = urlsplit(base_url.strip())
        port = parts.port
    except ValueError as error:
        raise Refused(f"not a URL: {error}") from error
    if parts.scheme not in _PORTS or not parts.hostname:
        raise Refused("base_url must be an http or https URL with a host")
    if parts.username or parts.password:
        raise Refused("base_url may not carry credentials")
    if parts.query or parts.fragment:
        raise Refused("base_url may not have a query or fragment")
    check_host(parts.hostname, allowed_private)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    netloc = host if port in (None, _PORTS[parts.scheme]) else f"{host}:{port}"
    return urlunsplit((parts.scheme, netloc, parts.path or "/", "", ""))


class Scope:
    """The URLs of one site: its scheme, host and port, below its base URL's folder."""

    def __init__(self, base_url: str) -> None:
        parts = urlsplit(base_url)
        self.base_url = base_url
        self.host = parts.hostname or ""
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self._folder = parts.path[: parts.path.rfind("/") + 1] or "/"

    def resolve(self, link: str, *, on: str) -> str | None:
        """The absolute form of a link found on a page, without fragment; None when it leads out of the site."""
        try:
            parts = urlsplit(urljoin(on, link.strip()))
            port = parts.port
        except ValueError:
            return None
        if parts.scheme not in _PORTS or parts.username is not None or parts.password is not None:
            return None
        netloc = (parts.hostname or "") if port in (None, _PORTS[parts.scheme]) else f"{parts.hostname}:{port}"
        if ":" in (parts.hostname or ""):
            netloc = parts.netloc
        path = parts.path or "/"
        if f"{parts.scheme}://{netloc}" != self.origin or not path.startswith(self._folder):
            return None
        # A server that decodes before it resolves dots would leave the folder.
        if ".." in unquote(path).split("/") or "\\" in unquote(path):
            return None
        url = urlunsplit((parts.scheme, netloc, path, parts.query, ""))
        return url if len(url) <= URL_CHARACTERS_MOST else None
