"""Long-running verbs that only django-deploykit itself calls."""

from __future__ import annotations

from ..registry import Invocation, text_verb


@text_verb("serve", "run verbs that arrive on standard input", own_input=True, listed=False)
def serve(run: Invocation) -> int:
    """Run many verbs over one connection."""
    from ..server import serve as serve_verbs

    return serve_verbs(run.call_verb)


@text_verb(
    "local-daemon", "keep the processes of a local site running", own_input=True, listed=False
)
def local_daemon(run: Invocation) -> int:
    """Become the process daemon of a site without systemd."""
    from ...supervisors.local_daemon import main

    return main(str(run.root))
