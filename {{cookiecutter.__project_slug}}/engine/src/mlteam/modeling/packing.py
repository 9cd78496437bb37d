"""A trained model as bytes, for processes that share no folder."""

import io
import shutil
import tempfile
import zipfile
from pathlib import Path

from mlteam.modeling.model import Model, load_model_class

FOLDER = "model"


def pack_model(model: Model) -> bytes:
    """Return the folder that a model writes, as a ZIP archive."""
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder) / FOLDER)
        return Path(shutil.make_archive(f"{folder}/packed", "zip", folder, FOLDER)).read_bytes()


def unpack_model(content: bytes, factory: str) -> Model:
    """Return the model that `pack_model` packed.

    Args:
        content: The archive.
        factory: The reference to its class.

    Raises:
        ProjectError: There is no such class, or the files hold something that is not trusted.
    """
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            archive.extractall(folder)
        return load_model_class(factory, factory).load(Path(folder) / FOLDER)
