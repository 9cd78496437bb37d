"""The ML Test Score, computed: 28 tests, each of which counts where it ran and passed on the code as it is."""
