"""What was there before is there again, byte by byte, and nothing else is touched."""

from __future__ import annotations

import shutil

from .repository import Repository

LATER = "2026-11-22T12:20:00Z"


def test_a_volume_in_place_after_a_safety_snapshot_and_back_again(repository: Repository) -> None:
    repository.apply()
    repository.write("volumes/a/file", "changed")
    words = ["restore", "lab/volume/a", "--from", "latest", "--mode", "in_place"]
    refused = repository.run(*words, now=LATER, expect=3)
    assert "--confirm lab/volume/a" in refused.stderr
    assert repository.read("volumes/a/file") == "changed"
    repository.run(*words, "--confirm", "lab/volume/a", now=LATER)
    assert repository.read("volumes/a/file") == "one"
    [safety] = [name for name in repository.names("lab/volume/a", LATER) if name.startswith("manual.pre-restore")]
    undo = ["restore", "lab/volume/a", "--from", safety, "--mode", "in_place", "--confirm", "lab/volume/a"]
    repository.run(*undo, now="2026-11-22T12:30:00Z")
    assert repository.read("volumes/a/file") == "changed"


def test_a_vm_out_of_the_cloud_snapshot_as_a_clone(repository: Repository) -> None:
    repository.apply()
    repository.write("vms/web/disk.img", "broken")
    words = ["restore", "lab/vm/web", "--from", "latest", "--via", "cloud", "--as", "web-old", "--auto-approve"]
    repository.run(*words, now=LATER)
    assert repository.read("vms/web-old/disk.img") == "disk"
    assert repository.read("vms/web/disk.img") == "broken"
    again = repository.run(*words, now="2026-11-22T12:21:00Z", expect=1)
    assert "web-old" in again.stdout + again.stderr


def test_a_deleted_vm_and_a_tenant_come_back(repository: Repository) -> None:
    repository.apply()
    shutil.rmtree(repository.data / "vms" / "web")
    repository.write("tenants/acme/volumes/x/file", "changed")
    repository.write("tenants/acme/volumes/x/new", "new")
    repository.run(
        "restore", "lab/vm/web", "--from", "latest", "--mode", "in_place", "--confirm", "lab/vm/web", now=LATER
    )
    tenant = ["restore", "lab/tenant/acme", "--from", "latest", "--mode", "in_place", "--confirm", "lab/tenant/acme"]
    repository.run(*tenant, now=LATER)
    assert repository.read("vms/web/disk.img") == "disk"
    assert repository.read("tenants/acme/volumes/x/file") == "three"
    assert not (repository.data / "tenants/acme/volumes/x/new").exists()
    assert repository.read("tenants/acme/vms/db/disk.img") == "four"


def test_the_whole_system_comes_back_and_later_targets_stay(repository: Repository) -> None:
    repository.apply()
    shutil.rmtree(repository.data / "volumes" / "b")
    repository.write("volumes/a/file", "changed")
    repository.write("volumes/later/file", "later")
    cloud = ["restore", "lab/cloud", "--from", "latest", "--mode", "in_place", "--confirm", "lab/cloud"]
    repository.run(*cloud, now=LATER)
    assert repository.read("volumes/a/file") == "one"
    assert repository.read("volumes/b/deep/file") == "two"
    assert repository.read("volumes/later/file") == "later"


def test_a_declared_restore_is_done_once_and_a_stale_one_not_at_all(repository: Repository) -> None:
    repository.apply()
    repository.write("volumes/a/file", "changed")
    policy = (repository.root / "policies" / "policy.yaml").read_text()
    declared = """\
restores:
  back:
    target: lab/volume/a
    from: {snapshot: latest, before: 2026-11-22T12:10Z}
    mode: clone
    as: a-old
    not_after: 2026-11-22T18:00Z
  stale:
    target: lab/volume/b
    from: {snapshot: latest, before: 2026-11-22T12:10Z}
    mode: clone
    as: b-old
    not_after: 2026-11-22T12:05Z
"""
    repository.write_policy(policy + declared)
    planned = repository.run("plan", now=LATER)
    assert "SP420" in planned.stdout + planned.stderr
    repository.apply(LATER)
    assert repository.read("volumes/a-old/file") == "one"
    assert not (repository.data / "volumes/b-old").exists()
    repository.write("volumes/a-old/file", "mine now")
    repository.apply("2026-11-22T12:40:00Z")
    assert repository.read("volumes/a-old/file") == "mine now"


def test_a_declared_restore_in_place_waits_for_its_confirmation(repository: Repository) -> None:
    repository.apply()
    repository.write("volumes/a/file", "changed")
    policy = (repository.root / "policies" / "policy.yaml").read_text()
    declared = """\
restores:
  back:
    target: lab/volume/a
    from: {snapshot: latest, before: 2026-11-22T12:10Z}
    mode: in_place
    not_after: 2026-11-22T18:00Z
"""
    repository.write_policy(policy + declared)
    unconfirmed = repository.apply(LATER, None)
    assert "--confirm lab/volume/a" in unconfirmed.stdout + unconfirmed.stderr
    assert repository.read("volumes/a/file") == "changed"
    repository.apply(LATER, 0, "--confirm", "lab/volume/a")
    assert repository.read("volumes/a/file") == "one"


def test_what_cannot_be_restored_is_said_and_nothing_happens(repository: Repository) -> None:
    repository.apply()
    unknown = ["restore", "lab/volume/a", "--from", "gold.hourly.20200101T0000Z", "--as", "x", "--auto-approve"]
    said = repository.run(*unknown, now=LATER, expect=1)
    assert "SP426" in said.stdout + said.stderr
    assert not (repository.data / "volumes/x").exists()
