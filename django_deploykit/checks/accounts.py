"""Checks of cookies, passwords and permissions."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from django.urls import Resolver404, resolve

from django_deploykit.checks.catalogue import check
from django_deploykit.checks.finding import Finding
from django_deploykit.checks.subject import Subject

_WEAK = (
    "MD5PasswordHasher",
    "UnsaltedMD5PasswordHasher",
    "UnsaltedSHA1PasswordHasher",
    "SHA1PasswordHasher",
    "CryptPasswordHasher",
)
_COOKIES = ("SESSION", "CSRF", "LANGUAGE")


@check("E301")
def same_site_without_secure(subject: Subject) -> Iterator[Finding]:
    """A cookie is SameSite=None, but not Secure.

    Browsers reject such cookies.
    """
    for kind in _COOKIES:
        same = getattr(settings, f"{kind}_COOKIE_SAMESITE")
        if same == "None" and not getattr(settings, f"{kind}_COOKIE_SECURE"):
            yield Finding(
                f"{kind}_COOKIE_SAMESITE is 'None', but {kind}_COOKIE_SECURE is off",
                f"Set {kind}_COOKIE_SECURE = True.",
                f"{kind}_COOKIE_SAMESITE",
            )


@check("E303")
def cookie_prefix_rules(subject: Subject) -> Iterator[Finding]:
    """The name of a cookie starts with __Host- or __Secure-, but its attributes break the rules.

    Browsers reject such cookies: both prefixes require Secure, and __Host- also requires no domain
    and the path /.
    """
    for kind in _COOKIES:
        name = getattr(settings, f"{kind}_COOKIE_NAME")
        if not name.startswith(("__Host-", "__Secure-")):
            continue
        secure = getattr(settings, f"{kind}_COOKIE_SECURE")
        broken = [] if secure else [f"{kind}_COOKIE_SECURE is off"]
        if name.startswith("__Host-"):
            if getattr(settings, f"{kind}_COOKIE_DOMAIN"):
                broken.append(f"{kind}_COOKIE_DOMAIN is set")
            if getattr(settings, f"{kind}_COOKIE_PATH") != "/":
                broken.append(f"{kind}_COOKIE_PATH is not /")
        if broken:
            yield Finding(
                f"browsers reject the cookie {name}: {', '.join(broken)}",
                "Correct these settings, or choose a name without the prefix.",
                f"{kind}_COOKIE_NAME",
            )


@check("E304")
def weak_password_hasher(subject: Subject) -> Iterator[Finding]:
    """New passwords are hashed with an algorithm that can be broken in seconds.

    MD5 is for tests, and is often left in settings that production imports.
    """
    hashers = list(settings.PASSWORD_HASHERS)
    if hashers and hashers[0].rpartition(".")[2] in _WEAK:
        yield Finding(
            f"the first of PASSWORD_HASHERS is {hashers[0].rpartition('.')[2]}",
            "Remove PASSWORD_HASHERS, or put a strong hasher first; "
            "keep weak ones after it for old passwords.",
            "PASSWORD_HASHERS",
        )


@check("W305")
def no_password_validators(subject: Subject) -> Iterator[Finding]:
    """AUTH_PASSWORD_VALIDATORS is empty.

    People can choose "1" as their password.
    """
    if subject.installed("django.contrib.auth") and not settings.AUTH_PASSWORD_VALIDATORS:
        yield Finding(
            "AUTH_PASSWORD_VALIDATORS is empty, so every password is accepted",
            "Use the validators that startproject writes.",
            "AUTH_PASSWORD_VALIDATORS",
        )


def _every_origin_may_read(subject: Subject) -> bool:
    """Whether django-cors-headers is installed and lets every site read responses."""
    old = getattr(settings, "CORS_ORIGIN_ALLOW_ALL", False)
    return subject.installed("corsheaders") and bool(
        getattr(settings, "CORS_ALLOW_ALL_ORIGINS", old)
    )


@check("E307")
def every_origin_allowed(subject: Subject) -> Iterator[Finding]:
    """django-cors-headers allows every site to read responses with the visitor's cookies.

    Any page that a logged-in visitor opens can then act for them.
    """
    if _every_origin_may_read(subject) and getattr(settings, "CORS_ALLOW_CREDENTIALS", False):
        yield Finding(
            "CORS_ALLOW_ALL_ORIGINS and CORS_ALLOW_CREDENTIALS together "
            "allow every site to act for visitors",
            "List the trusted origins in CORS_ALLOWED_ORIGINS instead.",
            "CORS_ALLOW_ALL_ORIGINS",
        )


@check("W313")
def every_origin_may_read(subject: Subject) -> Iterator[Finding]:
    """django-cors-headers allows every site to read responses.

    That is right only for a public API. Even without cookies, other sites can read pages that only
    the visitor's network can open, such as an intranet.
    """
    if not _every_origin_may_read(subject):
        return
    if not getattr(settings, "CORS_ALLOW_CREDENTIALS", False):  # E307 reports it
        name = "CORS_ALLOW_ALL_ORIGINS"
        yield Finding(
            f"{name} lets every site read responses",
            "List the origins in CORS_ALLOWED_ORIGINS, or skip this check for a public API.",
            name if subject.place(name)[0] else "CORS_ORIGIN_ALLOW_ALL",
        )


@check("W308", on_request=True)
def admin_at_its_usual_place(subject: Subject) -> Iterator[Finding]:
    """The admin is at /admin/, where scanners look for it.

    Another path keeps them away from its login; it is no protection by itself.
    """
    if not subject.installed("django.contrib.admin"):
        return
    try:
        found = resolve("/admin/")
    except Resolver404:
        return
    if "admin" in found.app_names:
        yield Finding(
            "the admin is at /admin/",
            "Give it another path in the URLconf, or limit who reaches it.",
        )


@check("W309")
def api_without_permissions(subject: Subject) -> Iterator[Finding]:
    """Django REST framework allows every request by default.

    AllowAny is its default, so a view without permission_classes is open to anyone.
    """
    if not subject.installed("rest_framework"):
        return
    rest = getattr(settings, "REST_FRAMEWORK", {})
    classes = rest.get("DEFAULT_PERMISSION_CLASSES", ["rest_framework.permissions.AllowAny"])
    if any(str(one).endswith("AllowAny") for one in classes):
        yield Finding(
            "REST_FRAMEWORK allows every request by default (AllowAny)",
            "Set DEFAULT_PERMISSION_CLASSES, and use AllowAny on the views that are public.",
            "REST_FRAMEWORK",
        )


@check("W310")
def long_sessions(subject: Subject) -> Iterator[Finding]:
    """Sessions last longer than a year.

    A stolen cookie is valid for that long.
    """
    if settings.SESSION_COOKIE_AGE > 366 * 86400:
        days = settings.SESSION_COOKIE_AGE // 86400
        yield Finding(
            f"SESSION_COOKIE_AGE is {days} days; expected at most a year",
            "Reduce SESSION_COOKIE_AGE; Django's default is two weeks.",
            "SESSION_COOKIE_AGE",
        )


@check("E311")
def pickled_sessions(subject: Subject) -> Iterator[Finding]:
    """Sessions are pickled.

    Anyone who learns SECRET_KEY, or can write to the session store, can run code on the server.
    """
    if "Pickle" in str(settings.SESSION_SERIALIZER):
        yield Finding(
            "SESSION_SERIALIZER uses pickle: anyone who knows SECRET_KEY can run code",
            "Use django.contrib.sessions.serializers.JSONSerializer.",
            "SESSION_SERIALIZER",
        )
