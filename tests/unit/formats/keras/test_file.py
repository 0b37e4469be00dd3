import io
import json
import zipfile

import pytest

from edgekit.errors import ModelLoadError
from edgekit.formats.keras import file as keras_file

h5py = pytest.importorskip("h5py")


def external(file):
    file.create_dataset("w", (4,), "f4", external=[("secret.bin", 0, 16)])


def virtual(file):
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource("secret.h5", "w", (4,))
    file.create_virtual_dataset("w", layout)


def linked(file):
    file["w"] = h5py.ExternalLink("secret.h5", "/w")


def weights(make):
    """Return the bytes of a `.h5` file whose weights `make` puts in a group."""
    data = io.BytesIO()
    with h5py.File(data, "w") as file:
        file.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": {}})
        make(file.create_group("layers"))
    return data.getvalue()


def archive(path, data, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as out:
        out.writestr("config.json", json.dumps({"class_name": "Sequential", "config": {}}))
        out.writestr("metadata.json", "{}")
        out.writestr("model.weights.h5", data)
    return path


@pytest.mark.parametrize("make", [external, virtual, linked])
def test_data_outside_of_a_file_or_of_the_weights_in_an_archive_is_refused(make, tmp_path):
    data = weights(make)
    (tmp_path / "net.h5").write_bytes(data)
    archive(tmp_path / "net.keras", data)
    archive(tmp_path / "deflated.keras", data, zipfile.ZIP_DEFLATED)
    for name in ("net.h5", "net.keras", "deflated.keras"):
        with pytest.raises(ModelLoadError, match="/layers/w -> secret"):
            keras_file.check(tmp_path / name, trust=True)
        with pytest.raises(ModelLoadError, match="/layers/w -> secret"):
            keras_file.check_weights(tmp_path / name)


def test_weights_of_their_own_pass_and_broken_ones_are_said(tmp_path):
    data = weights(lambda group: group.create_dataset("w", data=[1.0, 2.0]))
    keras_file.check(archive(tmp_path / "net.keras", data), trust=False)
    with pytest.raises(ModelLoadError, match="no whole .keras archive"):
        keras_file.check(archive(tmp_path / "net.keras", data[:50]), trust=False)
