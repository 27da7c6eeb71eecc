"""Cases of the topic ``core``: the settings that everything hangs on."""

from __future__ import annotations

from tests.unit.checks.cases.made import KEY, TEMPLATES, WSGI, Case, Cases, setting

CASES: Cases = {
    "E101": (
        [setting(DEBUG=True), setting(DEBUG="False"), setting(DEBUG=0)],
        [setting(DEBUG=False)],
    ),
    "E102": (
        [
            setting(SECRET_KEY=key)
            for key in ("django-insecure-" + KEY, "change-me", "x" * 60, "abc" * 20)
        ],
        [setting(SECRET_KEY=KEY), setting(SECRET_KEY=KEY.encode())],
    ),
    "W105": (
        [
            setting(SECRET_KEY=KEY, SECRET_KEY_FALLBACKS=[KEY]),
            setting(SECRET_KEY_FALLBACKS=list("abcd")),
        ],
        [setting(SECRET_KEY=KEY, SECRET_KEY_FALLBACKS=["older"])],
    ),
    "E106": (
        [
            Case(
                {"WSGI_APPLICATION": "mysite.wsgi.application"},
                {"mysite/wsgi.py": WSGI.format("mysite.settings.dev")},
            ),
            Case(
                {
                    "WSGI_APPLICATION": "mysite.wsgi.application",
                    "ASGI_APPLICATION": "mysite.asgi.application",
                },
                {
                    "mysite/wsgi.py": WSGI.format("mysite.a"),
                    "mysite/asgi.py": WSGI.format("mysite.b"),
                },
            ),
        ],
        [
            Case(
                {"WSGI_APPLICATION": "mysite.wsgi.application"},
                {
                    "mysite/wsgi.py": WSGI.format("mysite.settings"),
                    "manage.py": WSGI.format("mysite.settings.dev"),
                },
            )
        ],
    ),
    "E107": (
        [
            setting(WSGI_APPLICATION="nowhere.wsgi.application"),
            setting(WSGI_APPLICATION="json.nothing"),
        ],
        [setting(WSGI_APPLICATION="json.loads"), setting(WSGI_APPLICATION=None)],
    ),
    "W108": (
        [
            setting(DEBUG_PROPAGATE_EXCEPTIONS=True),
            setting(TEMPLATES=[{**TEMPLATES, "OPTIONS": {"string_if_invalid": "??"}}]),
            setting(TEMPLATES=[{**TEMPLATES, "OPTIONS": {"debug": True}}]),
        ],
        [setting(TEMPLATES=[TEMPLATES])],
    ),
    "E109": (
        [
            setting(MIDDLEWARE=["debug_toolbar.middleware.DebugToolbarMiddleware"]),
            setting(MIDDLEWARE=["silk.middleware.SilkyMiddleware"]),
        ],
        [setting(MIDDLEWARE=["django.middleware.security.SecurityMiddleware"])],
    ),
    "W111": (
        [
            setting(SILENCED_SYSTEM_CHECKS=["deploykit.E999"]),
            setting(SILENCED_SYSTEM_CHECKS=["all of them"]),
        ],
        [setting(SILENCED_SYSTEM_CHECKS=["deploykit.W310", "security.W004"])],
    ),
    "W112": (
        [
            setting(
                MIDDLEWARE=[
                    "whitenoise.middleware.WhiteNoiseMiddleware",
                    "django.middleware.security.SecurityMiddleware",
                ]
            )
        ],
        [
            setting(
                MIDDLEWARE=[
                    "django.middleware.security.SecurityMiddleware",
                    "whitenoise.middleware.WhiteNoiseMiddleware",
                ]
            )
        ],
    ),
}
