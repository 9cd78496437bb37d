"""The generated blocks of the pages; importing the package registers them."""

from mlteam.process.blocks import operations, runs, tables  # noqa: F401
from mlteam.process.blocks.markup import BLOCKS as BLOCKS
