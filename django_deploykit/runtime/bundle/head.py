"""The first bytes of a bundle, which start a Python with it.

Without an interpreter in the bundle that is the line ``#!/usr/bin/env python3``. With one, it is a
shell script for hosts that have no Python: it unpacks the bundle's interpreter once, into the cache
where the bundle itself is extracted (:mod:`..bootstrap`), and runs the bundle with it. It needs only
what every Debian has: dash, coreutils, tar and gzip.
"""

from __future__ import annotations

import shlex

from .manifest import INTERPRETER_FOLDER, Manifest

PLAIN = b"#!/usr/bin/env python3\n"
# Of a size or a position, so that the length of the script is known before it is written.
_DIGITS = 12
SHARED_CACHE = "/var/cache/django-deploykit"  # of root, whose verbs continue as the deploy user
# The options with which an interpreter compiles its own library, where it was unpacked.
COMPILE = "-I -S -m compileall -q --invalidation-mode unchecked-hash"

# ``trusted`` is a copy of ``base/trusted_folders.py``: all parts of a path belong to root or to this
# user, and nobody else can replace them. One `stat` looks at all parts. Another one is needed for each link.
_SCRIPT = """\
#!/bin/sh
# A bundle of {project} by django-deploykit, with its own Python. This script unpacks that Python
# once and starts it with this file, whose rest is a ZIP archive.
project={project} layer={layer} version={version}
platform={platform} system={system} glibc={glibc}
start={start} size={size} digest={digest}

refuse() {{
    printf 'error: %s\\n' "$1" >&2
    if [ -n "${{2:-}}" ]; then printf '%s\\n' "$2" >&2; fi
    exit 1
}}

trusted() {{
    path=$1 links=0
    while :; do
        set -- /
        here='' rest=$path
        while [ -n "$rest" ]; do
            part=${{rest%%/*}}
            case $rest in */*) rest=${{rest#*/}} ;; *) rest='' ;; esac
            [ -z "$part" ] && continue
            here=$here/$part
            set -- "$@" "$here"
        done
        path=$here link=''
        for row in $(stat -c %u:%f -- "$@" 2>/dev/null); do
            case ${{row%:*}} in 0 | "$uid" | "$top") ;; *) return 1 ;; esac
            case ${{row#*:}} in a*) link=$1; break ;; esac
            mode=$((0x${{row#*:}}))
            if [ $((mode & 18)) != 0 ] && [ $((mode & 512)) = 0 ]; then return 1; fi
            shift
        done
        [ -n "$link" ] || return 0
        links=$((links + 1))
        [ $links -le 40 ] || return 1
        target=$(readlink -- "$link") || return 1
        case $target in /*) ;; *) target=${{link%/*}}/$target ;; esac
        path=$target${{path#"$link"}}
    done
}}

ready() {{
    python=$1/$project/store/$layer/{folder}/bin/python$version
    [ -f "$1/$project/store/$layer.json" ] && [ -x "$python" ] && trusted "$python"
}}

usable() {{
    trusted "$1" && (umask "$mask" && mkdir -p -- "$1" 2>/dev/null) || return 1
    row=$(stat -L -c %u:%f -- "$1") || return 1
    [ "${{row%:*}}" = "$uid" ] && [ $((0x${{row#*:}} & 18)) = 0 ] && [ -w "$1" ]
}}

unpack() {{
    [ "$(uname -s)-$(uname -m)" = "$system" ] || refuse "the bundle is for $platform; this machine is $(uname -s)-$(uname -m)" "Build the bundle with --platform for this machine."
    store=$1/$project/store
    (umask "$mask" && mkdir -p -- "$store") || exit 1
    temporary=$(mktemp -d -- "$store/.incoming-XXXXXXXXXXXX") || exit 1
    trap 'rm -rf -- "$temporary"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    umask 022
    tail -c "+$((start + 1))" -- "$0" 2>/dev/null | head -c "$size" >"$temporary/archive" 2>/dev/null ||
        refuse "the Python of the bundle cannot be copied to $store" "$space"
    sum=$(sha256sum <"$temporary/archive")
    [ "${{sum%% *}}" = "$digest" ] ||
        refuse "$0 is damaged" "Copy the file again, or build it again."
    said=$(gzip -dc <"$temporary/archive" | tar -xof - -C "$temporary" 2>&1) ||
        refuse "the Python of the bundle cannot be unpacked into $store: $(printf '%s\\n' "$said" | head -n 1)" "$space"
    rm -f -- "$temporary/archive"
    chmod 755 -- "$temporary/tree"
    new=$temporary/tree/{folder}
    "$new/bin/python$version" -I -S -c '' ||
        refuse "the Python of the bundle does not run on this machine" "It needs glibc $glibc or newer, and programs must be allowed to run in $store."
    "$new/bin/python$version" {compile} -- "$new/lib" >/dev/null 2>&1
    if ! mv -T -- "$temporary/tree" "$store/$layer" 2>/dev/null && [ ! -d "$store/$layer" ]; then
        refuse "the Python of the bundle cannot be moved into $store"
    fi
    mv -f -- "$temporary/list.json" "$store/$layer.json" || exit 1
    rm -rf -- "$temporary"
    trap - EXIT INT TERM HUP
}}

size=${{size#"${{size%%[!0]*}}"}} start=${{start#"${{start%%[!0]*}}"}}
space='Free some space there, or set DEPLOYKIT_CACHE to a folder on another disk.'
uid=$(id -u) top=$(stat -c %u /) mask=077 before=$(umask)
named=${{DEPLOYKIT_CACHE:-${{CACHE_DIRECTORY:-}}}}
[ -n "${{DEPLOYKIT_CACHE:-}}" ] || named=${{named%%:*}}
first=${{named:-${{XDG_CACHE_HOME:-${{HOME:-/nonexistent}}/.cache}}/django-deploykit/run}}
case $first in /*) ;; *) first=$PWD/$first ;; esac
second=/tmp/django-deploykit-$uid
if [ "$uid" = 0 ] && {{ [ -z "$named" ] || [ "${{1:-}}" = deploykit ]; }}; then
    first={shared} mask=022
fi
if ! ready "$first" && ! ready "$second"; then
    for folder in "$first" "$second" ''; do
        if [ -z "$folder" ]; then
            folder=$(mktemp -d) && trusted "$folder" || refuse "there is no folder for the extracted bundle that only you can change" "Set DEPLOYKIT_CACHE to a folder of your own, in folders of root or your own."
            DEPLOYKIT_CACHE=$folder
            export DEPLOYKIT_CACHE
        fi
        if usable "$folder"; then break; fi
    done
    unpack "$folder"
    ready "$folder" || refuse "the Python of the bundle was changed in $folder"
fi
umask "$before"
exec "$python" "$0" "$@"
exit 1
"""


def head(manifest: Manifest, start: int = 0, size: int = 0, digest: str = "0" * 64) -> bytes:
    """Return the first bytes of a bundle.

    ``start``, ``size`` and ``digest`` are the position of the interpreter's archive in the file, its
    size, and its SHA-256. The number of bytes is the same for all of them.
    """
    layer = manifest.interpreter
    if layer is None:
        return PLAIN
    system, _, machine = manifest.platform.partition("-")
    text = _SCRIPT.format(
        project=manifest.project,
        layer=layer.sha256,
        version=manifest.python,
        folder=INTERPRETER_FOLDER,
        start=f"{start:0{_DIGITS}}",
        size=f"{size:0{_DIGITS}}",
        digest=digest,
        system=shlex.quote(f"{system.capitalize()}-{machine}"),
        platform=shlex.quote(manifest.platform),
        glibc=shlex.quote(manifest.glibc),
        compile=COMPILE,
        shared=SHARED_CACHE,
    )
    return text.encode("utf-8")
