from edgekit.system import doctor


def test_known_good_versions_are_read_and_states_follow(monkeypatch):
    good = doctor.known_good()
    assert good["torch"] == "2.13.0"
    assert doctor._state("base", "numpy", "0.0.1").state.startswith("another version")
    assert doctor._state("torch", "no-such-package", "1").state == "missing"
    assert doctor._state("base", "numpy", None).state == "ok"


def test_every_package_has_a_known_good_version():
    good = doctor.known_good()
    assert all(name in good for names in doctor.PACKAGES.values() for name in names)


def test_repairs_name_the_extra_and_the_versions():
    missing = doctor.PackageState(
        extra="torch", name="torch", installed=None, known_good="2", state="missing"
    )
    moved = doctor._state("base", "numpy", "0.0.1")
    lines = doctor._repairs((missing, moved))
    assert "edgekit[torch]" in lines[0]
    assert lines[1] == "pip install numpy==0.0.1"


def test_the_machine_is_described():
    found = doctor.examine()
    assert found.is_healthy
    assert found.cores >= 1
    assert found.memory_gb > 0.1
    assert doctor.Examination.from_json(found.to_json()) == found
