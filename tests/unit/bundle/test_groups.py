"""How the files of a layer are divided."""

from __future__ import annotations

from django_deploykit.bundle.groups import group_files


def paths(count: int, folder: str = "static/") -> list[str]:
    return [f"{folder}{number}.css" for number in range(count)]


def test_a_small_project_is_one_layer() -> None:
    found = ["manage.py", *paths(900)]
    assert group_files("app", found) == {"app": sorted(found)}
    assert group_files("static", []) == {}


def test_each_file_is_in_one_group_of_a_bounded_size() -> None:
    found = ["manage.py", *paths(6000), *paths(3, "a/b/c/"), *paths(2000, "a/b/c/d/")]
    groups = group_files("app", found)
    assert sorted(path for rows in groups.values() for path in rows) == sorted(found)
    assert len(groups["app"]) == 1  # only the few files beside the large folders
    assert all(len(rows) < 1200 for rows in groups.values())
    assert group_files("app", reversed(found)) == groups


def test_small_folders_stay_together() -> None:
    found = [path for number in range(900) for path in paths(5, f"pages/{number}/")]
    for rows in group_files("static", found).values():
        folders = {path.rpartition("/")[0] for path in rows}
        assert len(rows) == 5 * len(folders)


def test_a_new_file_changes_one_group() -> None:
    found = ["manage.py", *paths(3000)]
    before, after = group_files("app", found), group_files("app", [*found, "static/new.css"])
    changed = [name for name, rows in after.items() if before.get(name) != rows]
    assert len(changed) == 1
    assert after.keys() == before.keys()


def test_names_of_groups_are_not_those_of_other_folders() -> None:
    found = [*paths(1900, "x/"), *paths(1100, "x/ 1/2/"), *paths(1100, "x 1/2/")]
    groups = group_files("app", found)
    assert sum(map(len, groups.values())) == len(found)


def test_variants_of_a_static_file_are_in_one_group() -> None:
    found = [f"{n}{end}" for n in range(900) for end in (".css", ".0123456789ab.css", ".css.gz")]
    groups = group_files("static", found)
    assert len(groups) == 4
    owners = {path: name for name, rows in groups.items() for path in rows}
    assert all(owners[f"{n}.css"] == owners[f"{n}.0123456789ab.css"] for n in range(900))


def test_many_files_of_one_stem_are_one_group() -> None:
    found = [f"a.{n}.js" for n in range(2000)]
    assert list(group_files("static", found).values()) == [sorted(found)]
