"""Contents of roots: every difference is found, and sizes are those of what an image adds."""

from pathlib import Path

from bench.deploy.images.contents import contents, differences, megabytes_over


def root(tmp_path: Path, name: str) -> Path:
    folder = tmp_path / name
    (folder / "app").mkdir(parents=True)
    (folder / "app" / "a.py").write_bytes(b"x" * 1_000)
    (folder / "link").symlink_to("app/a.py")
    (folder / "etc").mkdir()
    (folder / "etc" / "hosts").write_text(name)
    return folder


def test_equal_roots_have_no_differences_and_files_of_the_mount_do_not_count(tmp_path: Path) -> None:
    assert differences(contents(root(tmp_path, "one")), contents(root(tmp_path, "two"))) == []


def test_bytes_rights_links_and_missing_files_differ(tmp_path: Path) -> None:
    one, other = root(tmp_path, "one"), root(tmp_path, "two")
    (other / "app" / "a.py").write_bytes(b"y" * 1_000)
    (other / "link").unlink()
    (other / "link").symlink_to("elsewhere")
    (other / "more").write_text("")
    (other / "etc").chmod(0o700)
    assert differences(contents(one), contents(other)) == ["app/a.py", "etc", "link", "more"]


def test_size_is_that_of_what_is_added_or_changed(tmp_path: Path) -> None:
    base, image = root(tmp_path, "base"), root(tmp_path, "image")
    (image / "big").write_bytes(b"z" * 2_000_000)
    (image / "app" / "a.py").write_bytes(b"y" * 500_000)
    assert megabytes_over(contents(image), contents(base)) == 2.5
