"""The book as a site: the build, and what Sphinx is taught."""
