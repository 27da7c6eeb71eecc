"""A site taken off its hosts from the machine that releases."""

from __future__ import annotations

from tests.lab.conftest import Fleet
from tests.lab.fleet import facts_of, live

PLACES = "ls /srv /home /etc/systemd/system /etc/sudoers.d; ls /usr/local/libexec || true"


def test_removes_a_site_and_sets_it_up_again(new_fleet: Fleet) -> None:
    controller = new_fleet(2, ready=True)
    web, other = controller.hosts
    release = controller.release("one").well().data["release"]
    words = ("teardown", "--user", "root")
    plan = controller.run(*words, "--plan", "--json").well().data
    (step,) = plan["plan"]["steps"]
    assert len(step["hosts"]) == 2
    assert "/var/lib/shop" in facts_of(plan["hosts"], web)["kept"]
    refused = controller.run(*words, "--json")
    assert (refused.code, "--json cannot ask" in refused.data["error"]["message"]) == (1, True)
    assert live(web) == release

    removed = controller.run(*words, "--noinput", "--hosts", other.address).well()
    assert "stays: /var/lib/shop" in removed.out
    assert "stays: /etc/shop" in removed.out
    left = other.run(PLACES)
    assert "shop" not in left
    assert "deploy" not in left
    assert other.run("stat -c '%U %a' /var/lib/shop /etc/shop/shop.ini") == "root 700\nroot 600\n"
    assert live(web) == release
    again = controller.run(*words, "--noinput", "--hosts", other.address).well()
    assert "nothing to do" in again.out

    controller.setup().well()
    controller.release("two").well()
    assert live(web) == live(other) == controller.id("two")
    controller.run(*words, "--noinput", "--data").well()
    for host in controller.hosts:
        assert host.try_run("ls /var/lib/shop /etc/shop /srv/shop").returncode
