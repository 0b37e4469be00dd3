import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from edgekit.system import doctor, packages


def test_known_good_versions_are_read_and_states_follow(monkeypatch):
    good = doctor.known_good()
    assert good["torch"] == "2.13.0"
    numpy, absent = Requirement("numpy>=2"), Requirement("no-such-package")
    assert doctor._state("base", numpy, "0.0.1").state.startswith("another version")
    assert doctor._state("torch", absent, "1").state == "missing"
    assert doctor._state("base", numpy, None).state == "ok"


@pytest.mark.parametrize(
    ("line", "installed", "state"),
    [
        ("numpy>=2,<3", "1.26.4", "violates <3,>=2"),
        ("torch>=2.13,<2.14", "2.13.0+cpu", "ok"),
        ("torch>=2.13,<2.14", "2.14.0+cpu", "violates <2.14,>=2.13"),
        ("tflite-micro>=0.dev20261023182759", "0.dev20261023182759", "ok"),
        ("tflite-micro>=0.dev20261023182759", "0.dev20250101000000",
         "violates >=0.dev20261023182759"),
    ],
)  # fmt: skip
def test_a_version_that_is_not_allowed_is_named_with_what_it_violates(
    monkeypatch, line, installed, state
):
    monkeypatch.setattr(packages, "installed", lambda _: installed)
    found = doctor._state("base", Requirement(line), None)
    assert (found.state, found.requirement) == (state, str(Requirement(line)))


def test_every_package_has_a_known_good_version():
    good, required = doctor.known_good(), packages.requirements()
    # Arm's compilers do not work together with the rest.
    apart = {"ethos-u"}
    assert all(
        canonicalize_name(line.name) in good
        for extra, lines in required.items() if extra not in apart
        for line in lines
    )  # fmt: skip
    assert not any(line.name in good for extra in apart for line in required[extra])


def test_the_base_and_every_extra_are_listed_but_not_what_only_combines_them():
    found = doctor.examine()
    assert {p.extra for p in found.packages} == set(packages.requirements()) - {"all"}


def test_repairs_name_the_extra_and_the_versions():
    missing = doctor._state("torch", Requirement("no-such-package"), "2")
    moved = doctor._state("base", Requirement("numpy"), "0.0.1")
    lines = doctor._repairs((missing, moved), ("base", "torch"))
    assert "edgekit[torch]" in lines[0]
    assert lines[1] == "pip install numpy==0.0.1"


def test_a_violated_requirement_is_repaired_and_the_base_is_not_healthy_with_it(monkeypatch):
    before = packages.installed
    monkeypatch.setattr(
        packages, "installed", lambda name: "1.0" if name == "numpy" else before(name)
    )
    found = doctor.examine()
    assert not found.is_healthy
    assert f"numpy=={doctor.known_good()['numpy']}" in found.repairs[-1]


def test_what_wants_an_environment_of_its_own_is_no_repair(monkeypatch):
    monkeypatch.setattr(packages, "installed", lambda _: None)
    lines = " ".join(doctor.examine().repairs)
    assert all(f"'edgekit[{name}]'" in lines for name in ("torch", "onnx", "sign"))
    assert not any(f"[{name}]" in lines for name in ("all", "dev", "ethos-u"))


def test_the_machine_is_described():
    found = doctor.examine()
    assert found.is_healthy
    assert found.cores >= 1
    assert found.memory_gb > 0.1
    assert doctor.Examination.from_json(found.to_json()) == found
