"""Groups of layers: few enough for engines, and the same after another layer changes."""

from __future__ import annotations

from dataclasses import replace

from django_deploykit.bundle.formats.oci_groups import MOST, group_layers
from django_deploykit.runtime.bundle.manifest import Layer


def layer(kind: str, name: str, size: int = 1000) -> Layer:
    return Layer(kind, name, "1", f"{hash((kind, name)) & (1 << 64) - 1:064x}", size, 1)


MANY = [
    *(layer("distribution", f"large{n}", (n + 1) << 20) for n in range(60)),
    *(layer("distribution", f"small{n}") for n in range(200)),
    *(layer("static", f"static {n}") for n in range(50)),
    *(layer("app", f"app {n}") for n in range(50)),
]


def test_what_changes_most_often_is_last() -> None:
    small, large = layer("distribution", "small"), layer("distribution", "large", 5 << 20)
    own = [layer("app", "app"), layer("static", "static")]
    python = layer("interpreter", "python")
    names = [one.name for one in group_layers([*own, small, large, python])]
    assert names[:2] == ["python", "large"]
    assert names[-2:] == ["static", "app"]
    assert len(names) == 5


def test_every_layer_is_in_one_group_and_engines_mount_all() -> None:
    groups = group_layers(MANY)
    assert len(groups) <= MOST
    found = [one.name for group in groups for one in group.layers]
    assert sorted(found) == sorted(one.name for one in MANY)


def test_a_change_only_changes_its_group() -> None:
    before = group_layers(MANY)
    for position in (0, 70, 270, 320):
        changed = [*MANY]
        changed[position] = replace(MANY[position], sha256="f" * 64)
        after = group_layers(changed)
        assert [one.name for one in after] == [one.name for one in before]
        assert sum(one != other for one, other in zip(after, before, strict=True)) == 1


def test_a_new_small_distribution_only_changes_its_group() -> None:
    before = set(group_layers(MANY))
    after = set(group_layers([*MANY, layer("distribution", "another")]))
    assert len(after - before) == 1
