"""Checks of cookies, passwords and who may do what."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings

from django_deploykit.checks.catalogue import Found, check
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
def same_site_without_secure(subject: Subject) -> Iterator[Found]:
    """A cookie says SameSite=None without Secure.

    Browsers drop such cookies.
    """
    for kind in _COOKIES:
        same = getattr(settings, f"{kind}_COOKIE_SAMESITE")
        if same == "None" and not getattr(settings, f"{kind}_COOKIE_SECURE"):
            yield Found(
                f"{kind}_COOKIE_SAMESITE is 'None', but {kind}_COOKIE_SECURE is off",
                f"Set {kind}_COOKIE_SECURE = True.",
                f"{kind}_COOKIE_SAMESITE",
            )


@check("E303")
def cookie_prefix_rules(subject: Subject) -> Iterator[Found]:
    """A cookie's name begins with __Host- or __Secure-, but its attributes break the prefix's rules.

    Browsers drop such cookies: __Secure- needs Secure; __Host- also no domain and the path /.
    """
    for kind in _COOKIES:
        name = getattr(settings, f"{kind}_COOKIE_NAME")
        if not name.startswith(("__Host-", "__Secure-")):
            continue
        broken = (
            [] if getattr(settings, f"{kind}_COOKIE_SECURE") else [f"{kind}_COOKIE_SECURE is off"]
        )
        if name.startswith("__Host-"):
            if getattr(settings, f"{kind}_COOKIE_DOMAIN"):
                broken.append(f"{kind}_COOKIE_DOMAIN is set")
            if getattr(settings, f"{kind}_COOKIE_PATH") != "/":
                broken.append(f"{kind}_COOKIE_PATH is not /")
        if broken:
            yield Found(
                f"browsers drop the cookie {name}: {', '.join(broken)}", "", f"{kind}_COOKIE_NAME"
            )


@check("E304")
def weak_password_hasher(subject: Subject) -> Iterator[Found]:
    """New passwords are hashed in a way that is broken in seconds.

    MD5 is for tests; it is often left in settings that production imports.
    """
    hashers = list(settings.PASSWORD_HASHERS)
    if hashers and hashers[0].rpartition(".")[2] in _WEAK:
        yield Found(
            f"PASSWORD_HASHERS begins with {hashers[0].rpartition('.')[2]}",
            "Remove PASSWORD_HASHERS, or put a strong hasher first; keep weak ones behind it for old passwords.",
            "PASSWORD_HASHERS",
        )


@check("W305")
def any_password(subject: Subject) -> Iterator[Found]:
    """AUTH_PASSWORD_VALIDATORS is empty.

    People may choose "1" as their password.
    """
    if subject.installed("django.contrib.auth") and not settings.AUTH_PASSWORD_VALIDATORS:
        yield Found(
            "AUTH_PASSWORD_VALIDATORS is empty: every password is accepted",
            "Use the validators that startproject writes.",
            "AUTH_PASSWORD_VALIDATORS",
        )


@check("E307")
def any_origin(subject: Subject) -> Iterator[Found]:
    """django-cors-headers lets every site read the answers, with the visitor's cookies.

    Any page that a logged-in person opens can then act for them.
    """
    if not subject.installed("corsheaders"):
        return
    everybody = getattr(
        settings, "CORS_ALLOW_ALL_ORIGINS", getattr(settings, "CORS_ORIGIN_ALLOW_ALL", False)
    )
    if everybody and getattr(settings, "CORS_ALLOW_CREDENTIALS", False):
        yield Found(
            "CORS_ALLOW_ALL_ORIGINS together with CORS_ALLOW_CREDENTIALS lets every site act for visitors",
            "Name the origins in CORS_ALLOWED_ORIGINS.",
            "CORS_ALLOW_ALL_ORIGINS",
        )


@check("W309")
def open_api(subject: Subject) -> Iterator[Found]:
    """Django REST framework lets everybody do everything.

    AllowAny is its default; one view without permission_classes is then open.
    """
    if not subject.installed("rest_framework"):
        return
    rest = getattr(settings, "REST_FRAMEWORK", {})
    classes = rest.get("DEFAULT_PERMISSION_CLASSES", ["rest_framework.permissions.AllowAny"])
    if any(str(one).endswith("AllowAny") for one in classes):
        yield Found(
            "REST_FRAMEWORK allows everybody by default (AllowAny)",
            "Set DEFAULT_PERMISSION_CLASSES, and AllowAny on the views that are public.",
            "REST_FRAMEWORK",
        )


@check("W310")
def session_for_ever(subject: Subject) -> Iterator[Found]:
    """A session lasts longer than a year.

    A stolen cookie stays good for that long.
    """
    if settings.SESSION_COOKIE_AGE > 366 * 86400:
        days = settings.SESSION_COOKIE_AGE // 86400
        yield Found(
            f"SESSION_COOKIE_AGE is {days} days", "Keep it below a year.", "SESSION_COOKIE_AGE"
        )


@check("E311")
def pickled_sessions(subject: Subject) -> Iterator[Found]:
    """Sessions are pickled.

    Whoever learns SECRET_KEY, or can write to the session store, runs code on the server.
    """
    if "Pickle" in str(settings.SESSION_SERIALIZER):
        yield Found(
            "SESSION_SERIALIZER pickles: a known SECRET_KEY means code execution",
            "Use django.contrib.sessions.serializers.JSONSerializer.",
            "SESSION_SERIALIZER",
        )
