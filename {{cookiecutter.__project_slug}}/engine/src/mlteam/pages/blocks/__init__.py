"""The generated blocks of the pages; importing the package registers them."""

from mlteam.pages.blocks import operations, runs, tables  # noqa: F401
from mlteam.pages.blocks.markup import BLOCKS as BLOCKS
