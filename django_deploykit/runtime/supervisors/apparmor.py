"""The AppArmor profile of a site's processes (pure)."""

from __future__ import annotations

from pathlib import Path

from ..base.site import Site

FOLDER = Path("/etc/apparmor.d")
_PROFILE = """\
# Written by django-deploykit for {app} (apparmor)
# `apparmor` in deploykit.ini chooses the mode; complain only logs what the profile does not allow.
include <tunables/global>

profile {name} flags=(attach_disconnected{mode}) {{
  include <abstractions/base>
  include <abstractions/nameservice>
  include <abstractions/openssl>
  include <abstractions/ssl_certs>

  network inet,
  network inet6,
  network unix,
  network netlink raw,
  signal (send, receive) peer={name},
  signal (receive) peer=unconfined,
  ptrace (read) peer={name},

  # Python and the programs of the system, which run with this profile, too.
  /{{,usr/}}{{,local/}}{{,s}}bin/** mrix,
  /{{,usr/}}{{,local/}}lib{{,32,64,exec}}/** mrix,
  /usr/share/** r,
  /usr/include/** r,
  /opt/** mrix,
  /etc/** r,
  deny /etc/shadow* r,
  deny /etc/sudoers* r,
  @{{PROC}}/** r,
  owner @{{PROC}}/@{{pid}}/** w,
  /sys/** r,

  # The releases, and the files of the site.
  {root}/ r,
  {root}/** mrix,
  {data}/ rw,
  {data}/** mrwklix,
  /run/credentials/** r,
  /run/{app}/ r,
  /run/{app}/** rw,
  /tmp/ rw,
  /tmp/** mrwkl,
  /var/tmp/ rw,
  /var/tmp/** mrwkl,
  /dev/shm/ rw,
  /dev/shm/** mrwkl,

  # Services on this host.
  /run/{{systemd/notify,systemd/journal/*}} rw,
  /run/{{postgresql,mysqld,redis,memcached}}/** rw,
}}
"""


def profile_name(app: str) -> str:
    """Return the name of a site's profile, which is also the name of its file."""
    return f"deploykit-{app}"


def profile_path(app: str) -> Path:
    """Return the path of a site's profile."""
    return FOLDER / profile_name(app)


def profile(site: Site) -> str:
    """Return the profile of a site's processes, whose mode is the site's option ``apparmor``."""
    return _PROFILE.format(
        app=site.app,
        name=profile_name(site.app),
        mode=", complain" if site.apparmor == "complain" else "",
        root=site.root,
        data=site.data,
    )
